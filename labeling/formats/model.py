"""The neutral form between label files and the catalog, and what all formats share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from labeling.documents import checked
from transforms.errors import InputError, SourceError

# file name (or its stem) → (file name, width, height) of an image that is known, or None
Sizes = Callable[[str], tuple[str, int, int] | None]

FARTHEST = 1e9  # pixels: what is farther away is no place in a picture


@dataclass
class FileAnswer:
    """One annotator's document for one item; `kind` is person or model."""

    document: dict
    annotator: str = ""
    kind: str = "person"
    at: datetime | None = None


@dataclass
class FileImage:
    """One item of a label file; width and height are 0 where the file does not say and nobody knows.

    `kind` is image, text, pair or row; `data` is what an item that is no image consists of: {"text": …}.
    """

    file_name: str
    width: int
    height: int
    source: str = ""
    extra: dict = field(default_factory=dict)
    answers: list[FileAnswer] = field(default_factory=list)
    skipped: bool = False
    kind: str = "image"
    data: dict = field(default_factory=dict)


@dataclass
class LabelFile:
    """What a label file says: the classes in order, the items in order, and what was left out (`warnings`)."""

    name: str = ""
    classes: list[dict] = field(default_factory=list)
    image_classes: list[dict] = field(default_factory=list)
    images: list[FileImage] = field(default_factory=list)
    extra: dict = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def warn(self, count: int, what: str) -> None:
        """Add a sentence that counts what a format could not hold; nothing for a count of 0."""
        if count:
            self.warnings.append(f"{count} {what}")


@dataclass(frozen=True)
class Options:
    """What a user may choose of a format.

    Attributes:
        task: YOLO: detect, obb or segment; "" means by the lines (import), detect (export).
        attribute: Ground Truth: the label attribute to read or to write.
        beside: the bytes of a file that a label file refers to (a mask), or None where it is not at hand.
    """

    task: str = ""
    attribute: str = ""
    beside: Callable[[str], bytes | None] = lambda name: None


def only_file(files: dict[str, bytes], kind: str) -> bytes:
    if len(files) != 1:
        raise SourceError(f"{kind} is one file; there are {len(files)}.", hint="Name the file itself.")
    return next(iter(files.values()))


def parse_json(data: bytes, kind: str):
    try:
        return strict_json(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise SourceError(f"This is not {kind}: it is not valid JSON ({error}).") from None


def strict_json(text: str):
    """Parse JSON, without what Python takes and no other program could read again from our export.

    Raises:
        ValueError: not JSON, NaN or infinity, or half a character (a lone surrogate).
    """

    def refuse(name: str):
        raise ValueError(f"{name} is no number in JSON")

    value = json.loads(text, parse_constant=refuse)
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("a text holds half a character") from None
    return value


def json_bytes(value) -> bytes:
    """Write JSON in one fixed way, so that equal labels give equal bytes."""
    return (json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def rest(given: dict, known: set[str]) -> dict:
    """Return the entries that we have no place for."""
    return {k: v for k, v in given.items() if k not in known}


def usable(region: dict) -> dict | None:
    """Return a region in its canonical shape, or None if it is none (no area, no label, a number that is no place)."""
    try:
        made = checked({"regions": [region]}, 0, 0, clip=False)["regions"][0]
    except (InputError, OverflowError):
        return None
    places = [made.get(k, 0) for k in ("x", "y", "w", "h", "rx", "ry")]
    places += [v for point in made.get("points", []) for v in point]
    return made if all(abs(v) <= FARTHEST for v in places) else None


def same(left: dict | None, right: dict | None, ignore: tuple[str, ...] = ()) -> bool:
    """Say whether two regions say the same, apart from `extra`, which is what a file said beside it."""
    if left is None or right is None:
        return False
    left, right = usable(left), usable(right)
    if left is None or right is None:
        return False
    known = {"extra", *ignore}
    return rest(left, known) == rest(right, known)


def know(known: list[dict], names) -> None:
    """Add classes that are not in the list yet, in order."""
    have = {c["name"] for c in known}
    known += [{"name": n} for n in dict.fromkeys(names) if n not in have]


def plain_values(values) -> dict:
    """Return the answers by name that a document can hold; what else a file says stays in what is kept of it."""
    if not isinstance(values, dict):
        return {}
    return {
        str(k): v
        for k, v in values.items()
        if str(k)
        and v not in (None, "", [])
        and (isinstance(v, str | int | float) or (isinstance(v, list) and all(isinstance(x, str) for x in v)))
    }


def first_document(image: FileImage) -> dict:
    """Return the one answer of formats with room for one, empty where nobody answered."""
    return image.answers[0].document if image.answers else {"regions": [], "classes": []}
