"""Model files that are fetched on the user's machine at first use: pinned address, size and SHA-256, never at test time.

A file is loaded only when every byte is the one that was named here. Fetched files lie in `TILTH_MODELS`, else in
`~/.cache/tilth/models`; a file put there by hand works as well, which is how a machine without internet gets one.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from transforms.errors import InputError, NotFound, SourceError

TRIES = 3
_CHUNK = 1 << 16
_TIMEOUT = (10, 60)  # seconds to connect, and between two pieces


@dataclass(frozen=True)
class Model:
    """One file: what it finds, where it comes from, what it may be used for, and how well it does."""

    name: str
    finds: str  # face | plate
    url: str
    bytes: int
    sha256: str
    licence: str
    figures: str


MODELS = {
    m.name: m
    for m in (
        Model(
            "yunet_n_640_640.onnx",
            "face",
            "https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/"
            "0047ac24afb1a50a0c6105001c89d1b5b805dbf1/onnx/yunet_n_640_640.onnx",
            317_466,
            "25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
            "Apache-2.0",
            "covers 96 to 98 % of faces, hides 7 % more than needed",
        ),
        Model(
            "yunet_s_640_640.onnx",
            "face",
            "https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/"
            "0047ac24afb1a50a0c6105001c89d1b5b805dbf1/onnx/yunet_s_640_640.onnx",
            232_589,
            "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
            "Apache-2.0 (the same bytes are MIT in opencv_zoo)",
            "covers 95 to 96 % of faces, hides 7 % more than needed",
        ),
    )
}
FACES = "yunet_n_640_640.onnx"  # what is fetched for faces


def folder() -> Path:
    """Return where fetched models lie."""
    chosen = os.environ.get("TILTH_MODELS")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "tilth" / "models"


def find(name: str) -> Path | None:
    """Return the file of a model if it is here and whole, else None."""
    model = get(name)
    path = folder() / model.name
    if not path.is_file() or path.stat().st_size != model.bytes:
        return None
    return path if _digest(path) == model.sha256 else None


def get(name: str) -> Model:
    if name not in MODELS:
        raise NotFound.named("model", name, sorted(MODELS))
    return MODELS[name]


def fetch(name: str, progress: Callable[[float, str], None] | None = None) -> Path:
    """Return the file of a model, fetched if it is not here yet; a proxy is taken from HTTPS_PROXY as usual.

    Raises:
        SourceError: it cannot be reached, or what came is not the file that was named: nothing is kept then.
    """
    if (here := find(name)) is not None:
        return here
    model = get(name)
    target = folder() / model.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target.parent} cannot be made: {error.strerror}.", hint="Set TILTH_MODELS.") from error
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    problem = ""
    try:
        for attempt in range(TRIES):
            if attempt:
                time.sleep(attempt)
            problem = _load(model, part, progress)
            if not problem:
                os.replace(part, target)
                return target
            if problem.startswith("!"):
                break  # what came is wrong: asking again gives the same
    finally:
        part.unlink(missing_ok=True)
    raise SourceError(
        f"The model {model.name} could not be fetched: {problem.lstrip('!')}.",
        hint=f"Without internet, put the file ({model.bytes:,} bytes, from {model.url}) into {target.parent}.",
    )


def _load(model: Model, part: Path, progress) -> str:
    """Write the file to `part`; return what went wrong, with a "!" before what no other try can mend."""
    import requests

    digest, size = hashlib.sha256(), 0
    try:
        with requests.get(model.url, stream=True, timeout=_TIMEOUT) as answer, open(part, "wb") as file:
            if answer.status_code != 200:
                return f"{'!' if answer.status_code < 500 else ''}the server answered {answer.status_code}"
            for piece in answer.iter_content(_CHUNK):
                size += len(piece)
                if size > model.bytes:
                    return "!the file is larger than it should be"
                digest.update(piece)
                file.write(piece)
                if progress:
                    progress(size / model.bytes, model.name)
            file.flush()
            os.fsync(file.fileno())
    except requests.RequestException as error:
        return f"the address cannot be reached ({type(error).__name__})"
    except OSError as error:
        return f"!it cannot be written: {error.strerror or error}"
    if size < model.bytes:
        return f"only {size:,} of {model.bytes:,} bytes came"
    return (
        "" if digest.hexdigest() == model.sha256 else "!its content is not the one that was checked (SHA-256 differs)"
    )


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
