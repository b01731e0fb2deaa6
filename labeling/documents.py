"""The answer to one image, as one JSON document.

    {"boxes": [{"id": "b1", "label": "car", "x": 10, "y": 20.5, "w": 30, "h": 40}], "classes": ["night"]}

Boxes are in pixels of the upright image, from the top left. A box may also have `score` (0 to 1, made by a model) and
`extra`, a document may have `extra`: what an imported file said that we keep for its export.
"""

from __future__ import annotations

import math

from transforms.errors import InputError

MAX_BOXES = 5000
MAX_NAME = 256
_PALETTE = (
    "#2f7ed8", "#d9480f", "#2b8a3e", "#9c36b5", "#c2255c", "#0b7285", "#e67700", "#5f3dc4",
    "#087f5b", "#a61e4d", "#1864ab", "#846358",
)  # fmt: skip


def empty() -> dict:
    return {"boxes": [], "classes": []}


def number(value: float) -> int | float:
    """Write whole numbers as integers, so that equal values have equal text in every file."""
    value = float(value)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def checked(document: dict, width: int, height: int, *, clip: bool = True) -> dict:
    """Return the document in its one canonical shape.

    Args:
        clip: cut boxes to the image (what is drawn); imported boxes are kept as they are.

    Raises:
        InputError: not this shape, a number that is not finite, a box without a label, two boxes with one id.
    """
    if not isinstance(document, dict) or not isinstance(document.get("boxes", []), list):
        raise InputError("This is not an annotation: it needs a list of boxes.")
    boxes = document.get("boxes", [])
    if len(boxes) > MAX_BOXES:
        raise InputError(f"One image may have {MAX_BOXES} boxes; this one has {len(boxes)}.")
    out, seen = [], set()
    for place, box in enumerate(boxes, 1):
        made = _checked_box(box, place, width, height, clip)
        if made is None:
            continue
        if made["id"] in seen:
            raise InputError(f"Box {place}: the id {made['id']!r} is used twice.")
        seen.add(made["id"])
        out.append(made)
    classes = document.get("classes", [])
    if not isinstance(classes, list) or not all(isinstance(c, str) and 0 < len(c) <= MAX_NAME for c in classes):
        raise InputError("The image's classes must be a list of names.")
    result = {"boxes": out, "classes": list(dict.fromkeys(classes))}
    if document.get("extra"):
        result["extra"] = document["extra"]
    return result


def _checked_box(box, place: int, width: int, height: int, clip: bool) -> dict | None:
    if not isinstance(box, dict):
        raise InputError(f"Box {place} is not an object.")
    label = box.get("label")
    if not isinstance(label, str) or not 0 < len(label) <= MAX_NAME:
        raise InputError(f"Box {place} has no label.")
    try:
        x, y, w, h = (float(box[name]) for name in "xywh")
    except (KeyError, TypeError, ValueError):
        raise InputError(f"Box {place} needs x, y, w and h as numbers.") from None
    if not all(map(math.isfinite, (x, y, w, h))):
        raise InputError(f"Box {place} has a number that is not finite.")
    if clip and (x < 0 or y < 0 or x + w > width or y + h > height):
        right, bottom = min(x + w, float(width)), min(y + h, float(height))
        x, y = max(x, 0.0), max(y, 0.0)
        w, h = right - x, bottom - y
        if w <= 0 or h <= 0:
            return None  # wholly outside
    if w <= 0 or h <= 0:
        raise InputError(f"Box {place} has no area.")
    made = {"id": str(box.get("id") or f"b{place}")[:64], "label": label}
    made |= {name: number(value) for name, value in zip("xywh", (x, y, w, h), strict=True)}
    if box.get("score") is not None:
        made["score"] = number(box["score"])
    if box.get("extra"):
        made["extra"] = box["extra"]
    return made


def class_list(names, known: list[dict] = ()) -> list[dict]:
    """Return `[{name, color, hotkey}]`: the known classes, then new ones with the next colour and digit key.

    `names` may be names or dicts with a name and, if wanted, colour and hotkey.
    """
    out = [dict(c) for c in known]
    have = {c["name"] for c in out}
    keys = {c.get("hotkey") for c in out}
    for item in names:
        given = dict(item) if isinstance(item, dict) else {"name": item}
        name = str(given.get("name", "")).strip()
        if not name or len(name) > MAX_NAME:
            raise InputError(f"{name!r} cannot be a class name.", hint=f"Use 1 to {MAX_NAME} characters.")
        if name in have:
            continue
        free = next((k for k in "1234567890" if k not in keys), "")
        made = {
            "name": name,
            "color": given.get("color") or _PALETTE[len(out) % len(_PALETTE)],
            "hotkey": given.get("hotkey", free) or "",
        }
        made |= {k: v for k, v in given.items() if k not in made}
        have.add(name)
        keys.add(made["hotkey"])
        out.append(made)
    return out
