"""Redact files: pictures, folders of them, and video; report what was hidden."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from labeling.pictures import (
    PICTURE_SUFFIXES,
    VIDEO_SUFFIXES,
    canonical_suffix,
    encode_picture,
    read_picture,
)
from labeling.redaction.detectors import default_detectors, find_regions, version_of
from labeling.redaction.redactor import METHODS, SHAPES, redact
from labeling.redaction.regions import Region
from labeling.redaction.video import redact_video
from transforms.errors import AppError, InputError, SourceError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


@dataclass
class RedactionReport:
    """What `redact_paths` did: one record per file (per frame of a video), and what could not be done."""

    records: list[dict] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def redact_paths(
    paths: Iterable[Path | str],
    out: Path | str,
    *,
    faces: bool = True,
    plates: bool = True,
    method: str = "blur",
    report: Path | str | None = None,
    face_model: str | None = None,
    detectors=None,
    shape: str = "box",
    feather: float = 0.0,
    audio: bool = False,
    every: int | None = None,
    on_record: Callable[[dict], None] | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> RedactionReport:
    """Write redacted copies of pictures and videos into the folder `out`.

    Folders are walked, and their inner folders kept; `*.jpg` and the like are looked up; zip and tar archives are read
    without being unpacked, into a folder of their name. A picture keeps its format, a video becomes an MP4, without sound
    unless it is asked for. Copies carry no metadata. A file that cannot be done is named in `problems`, and there is no copy
    of it; the others go on.

    Args:
        report: file for JSON lines `file, width, height, regions, detectors, original_sha256, sha256` (video: one line
            per frame, with `frame`; the hashes in the first).
        detectors: what to look with; otherwise `default_detectors(faces, plates, face_model)`.
        shape, feather: see `redact`.
        audio, every: of videos, see `redact_video`.
        on_record: called with each record as it is made.
        progress: called with (share done, file name); may raise to stop.

    Raises:
        InputError: unknown method, nothing to look for, or no path.
    """
    if method not in METHODS:
        raise InputError(f"There is no way to redact called {method!r}.", hint=f"Use one of {', '.join(METHODS)}.")
    if shape not in SHAPES or not 0 <= feather <= 1:
        raise InputError("A shape is box or ellipse, and a feather from 0 to 1.")
    paths = [Path(p) for p in paths]
    if not paths:
        raise InputError("There is nothing to redact.", hint="Name a file or a folder.")
    if detectors is None:
        detectors = default_detectors(faces, plates, face_model)
    if not detectors:
        raise InputError("Neither faces nor plates are to be hidden.", hint="Switch on at least one of them.")
    way = _Way(Path(out), tuple(detectors), method, shape, feather, audio, every)
    done = RedactionReport()
    jobs = list(_jobs(paths, way.out, done))
    for number, (source, name) in enumerate(jobs):
        start, share = number / len(jobs), 1 / len(jobs)

        def inner(part: float, what: str, start=start, share=share, name=name) -> None:
            if progress:
                progress(start + share * part, f"{name}: {what}")

        if progress:
            progress(start, name)
        try:
            if source.name.lower().endswith(ARCHIVES):
                results = _redact_archive(source, name, way, done)
            else:
                results = [_redact_file(source, name, way, inner)]
        except AppError as error:
            done.problems.append(str(error))
            continue
        except OSError as error:
            done.problems.append(f"{name} cannot be written: {error.strerror or error}.")
            continue
        for target, records in results:
            done.written.append(target)
            done.records += records
            for record in records if on_record else ():
                on_record(record)
    if report:
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in done.records)
        write_bytes(Path(report), lines.encode())
    return done


@dataclass(frozen=True)
class _Way:
    """How files of one call are redacted, and where the copies go."""

    out: Path
    detectors: tuple
    method: str
    shape: str
    feather: float
    audio: bool
    every: int | None


def _jobs(paths: list[Path], out: Path, done: RedactionReport) -> Iterator[tuple[Path, str]]:
    """Yield (source, name of the copy inside `out`); say what cannot be a job."""
    taken: set[str] = set()
    known = PICTURE_SUFFIXES | VIDEO_SUFFIXES
    for path in _globbed(paths):
        if path.is_dir():
            inside = out.resolve()
            files = sorted(f for f in path.rglob("*") if f.is_file() and inside not in f.resolve().parents)
            files = [(f, f.relative_to(path).as_posix()) for f in files if f.suffix.lower() in known]
            if not files:
                done.problems.append(f"The folder {path} holds no picture and no video.")
        elif not path.exists():
            done.problems.append(f"There is no file or folder {path}. Hint: Check the path.")
            continue
        elif path.suffix.lower() not in known and not path.name.lower().endswith(ARCHIVES):
            done.problems.append(
                f"{path.name} is neither a picture nor a video we can read. "
                f"Hint: {', '.join(sorted(s[1:] for s in known))} work, and archives of them."
            )
            continue
        else:
            files = [(path, path.name)]
        for file, name in files:
            yield file, _unique(name, taken)


def _globbed(paths: list[Path]) -> Iterator[Path]:
    """Yield paths; one with * or ? that names no file gives what it matches."""
    import glob

    for path in paths:
        if not path.exists() and glob.has_magic(str(path)):
            found = sorted(map(Path, glob.glob(str(path), recursive=True)))
            yield from found or [path]
        else:
            yield path


def _unique(name: str, taken: set[str]) -> str:
    """Return a name that is not taken yet: two folders may hold files of one name."""
    unique, number = name, 2
    while unique in taken:
        unique = f"{Path(name).with_suffix('').as_posix()}-{number}{Path(name).suffix}"
        number += 1
    taken.add(unique)
    return unique


def _redact_file(source: Path, name: str, way: _Way, progress) -> tuple[Path, list[dict]]:
    target = way.out / name
    if target.exists() and target.samefile(source):
        raise InputError(f"{name} would be overwritten by its own copy.", hint="Choose another --out folder.")
    if source.suffix.lower() not in VIDEO_SUFFIXES:
        return _redact_picture(source, _digest(source), target, name, way)
    target = target.with_suffix(".mp4")
    records = redact_video(
        source, target, way.detectors, method=way.method, shape=way.shape, feather=way.feather, every=way.every,
        audio=way.audio, name=name, progress=progress,
    )  # fmt: skip
    records[0] |= _proof(way, _digest(source), _digest(target))
    return target, records


def _redact_archive(source: Path, name: str, way: _Way, done: RedactionReport) -> list[tuple[Path, list[dict]]]:
    """Redact the pictures of an archive into a folder of its name; whatever else is in it is counted."""
    from labeling.formats.archives import inside
    from labeling.intake import archived_pictures

    folder = way.out / Path(name).name.split(".")[0]
    results = []
    for entry, data, _, problem in archived_pictures(source, source.name):
        shown = f"{source.name}/{entry}"
        try:
            if problem:
                raise SourceError(problem)
            target = inside(folder, entry)
            original = hashlib.sha256(data).hexdigest()
            results.append(_redact_picture(data, original, target, shown, way))
        except AppError as error:
            done.problems.append(str(error))
    if not results:
        done.problems.append(f"{source.name} holds no picture that could be redacted.")
    return results


def _redact_picture(source: Path | bytes, original: str, target: Path, name: str, way: _Way) -> tuple[Path, list[dict]]:
    picture = read_picture(source, name)
    regions = find_regions(picture.bgr, way.detectors)
    hidden = redact(picture.bgr, regions, way.method, shape=way.shape, feather=way.feather)
    data = encode_picture(hidden, canonical_suffix(target))
    write_bytes(target, data)
    record = _record(name, picture.width, picture.height, regions)
    return target, [record | _proof(way, original, hashlib.sha256(data).hexdigest())]


def _record(name: str, width: int, height: int, regions: list[Region]) -> dict:
    return {"file": name, "width": width, "height": height, "regions": [region.to_dict() for region in regions]}


def _proof(way: _Way, original: str, result: str) -> dict:
    """What a report says beside the regions: who looked, how it was hidden, and which bytes became which."""
    looked = [version_of(detector) for detector in way.detectors]
    return {"detectors": looked, "method": way.method, "original_sha256": original, "sha256": result}


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_bytes(target: Path, data: bytes) -> None:
    """Write a file whole or not at all: new name, sync, rename."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
