"""The neutral form between label files and the catalog."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from transforms.errors import SourceError

# file name (or its stem) → (file name, width, height) of an image that is known, or None
Sizes = Callable[[str], tuple[str, int, int] | None]


@dataclass
class FileAnswer:
    """One annotator's document for one image; `kind` is person or model."""

    document: dict
    annotator: str = ""
    kind: str = "person"


@dataclass
class FileImage:
    """One image of a label file; width and height are 0 where the file does not say and nobody knows."""

    file_name: str
    width: int
    height: int
    source: str = ""
    extra: dict = field(default_factory=dict)
    answers: list[FileAnswer] = field(default_factory=list)
    skipped: bool = False


@dataclass
class LabelFile:
    """What a label file says: the classes in order, the images in order, and what was left out (`warnings`)."""

    name: str = ""
    classes: list[dict] = field(default_factory=list)
    image_classes: list[dict] = field(default_factory=list)
    images: list[FileImage] = field(default_factory=list)
    extra: dict = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def only_file(files: dict[str, bytes], kind: str) -> bytes:
    if len(files) != 1:
        raise SourceError(f"{kind} is one file; there are {len(files)}.", hint="Name the file itself.")
    return next(iter(files.values()))


def parse_json(data: bytes, kind: str):
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise SourceError(f"This is not {kind}: it is not valid JSON ({error}).") from None


def json_bytes(value) -> bytes:
    """Write JSON in one fixed way, so that equal labels give equal bytes."""
    return (json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def rest(given: dict, known: set[str]) -> dict:
    """Return the entries that we have no place for."""
    return {k: v for k, v in given.items() if k not in known}
