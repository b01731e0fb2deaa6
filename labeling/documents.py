"""The answer to one item (an image, a text …), as one JSON document.

    {"regions": [{"id": "r1", "shape": "box", "label": "car", "x": 10, "y": 20.5, "w": 30, "h": 40}], "classes": ["night"]}

Coordinates are pixels of the upright image, from the top left. Shapes and their geometry:

    box       x, y, w, h of the unturned rectangle; `rotation` in degrees clockwise about its centre where it is turned
    polygon   points [[x, y] …], closed, at least 3         polyline  points, at least 2
    point     x, y                                          ellipse   x, y (centre), rx, ry, `rotation`
    mask      x, y, w, h (whole numbers) and `rle`: run lengths inside this rectangle, row by row, starting with zeros
    span      start, end: characters of a text, half open; `text` holds the words

A region may also have `text` (what is written in it), `attributes`, `score` (0 to 1, made by a model), `track` (the same
object in other frames) and `extra`. A document may have `fields` (free answers by name), `relations` between regions and
`extra`: what an imported file said that we keep for its export.
"""

from __future__ import annotations

import math

from transforms.errors import InputError

SHAPES = ("box", "polygon", "polyline", "point", "ellipse", "mask", "span")
MAX_REGIONS = 5000
MAX_POINTS = 10_000  # of one region
MAX_RUNS = 400_000  # of one mask
MAX_NAME = 256
MAX_TEXT = 100_000
_NAMES = {"polygon": 3, "polyline": 2}
_PALETTE = (
    "#2f7ed8", "#d9480f", "#2b8a3e", "#9c36b5", "#c2255c", "#0b7285", "#e67700", "#5f3dc4",
    "#087f5b", "#a61e4d", "#1864ab", "#846358",
)  # fmt: skip


def empty() -> dict:
    return {"regions": [], "classes": []}


def is_empty(document: dict) -> bool:
    return not (document["regions"] or document["classes"] or document.get("fields"))


def boxes(document: dict) -> list[dict]:
    """Return only the regions that are boxes."""
    return [region for region in document["regions"] if region["shape"] == "box"]


def number(value: float) -> int | float:
    """Write whole numbers as integers, so that equal values have equal text in every file."""
    value = float(value)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def checked(document: dict, width: int, height: int, *, clip: bool = True) -> dict:
    """Return the document in its one canonical shape.

    Args:
        width, height: of the image in pixels; 0 where there is none (a text): then nothing is cut.
        clip: cut regions to the image (what is drawn); imported ones are kept as they are.

    Raises:
        InputError: not this shape, a number that is not finite, a region without a label, two regions with one id.
    """
    if not isinstance(document, dict) or not isinstance(document.get("regions", []), list):
        raise InputError("This is not an annotation: it needs a list of regions.")
    regions = document.get("regions", [])
    if len(regions) > MAX_REGIONS:
        raise InputError(f"One item may have {MAX_REGIONS} regions; this one has {len(regions)}.")
    clip = clip and bool(width and height)
    out, seen = [], set()
    for place, region in enumerate(regions, 1):
        made = _checked_region(region, place, width, height, clip)
        if made is None:
            continue
        if made["id"] in seen:
            raise InputError(f"Region {place}: the id {made['id']!r} is used twice.")
        seen.add(made["id"])
        out.append(made)
    classes = document.get("classes", [])
    if not isinstance(classes, list) or not all(_is_name(c) for c in classes):
        raise InputError("The item's classes must be a list of names.")
    result = {"regions": out, "classes": list(dict.fromkeys(classes))}
    if fields := _checked_values(document.get("fields"), "The answers"):
        result["fields"] = fields
    if relations := _checked_relations(document.get("relations"), seen):
        result["relations"] = relations
    if document.get("extra"):
        result["extra"] = document["extra"]
    return result


def _is_name(value) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME


def _checked_region(region, place: int, width: int, height: int, clip: bool) -> dict | None:
    where = f"Region {place}"
    if not isinstance(region, dict):
        raise InputError(f"{where} is not an object.")
    shape = region.get("shape", "box")
    if shape not in SHAPES:
        raise InputError(f"{where}: there is no shape {shape!r}.", hint=f"Use one of {', '.join(SHAPES)}.")
    if not _is_name(region.get("label")):
        raise InputError(f"{where} has no label.")
    geometry = _GEOMETRY[shape](region, where, width, height, clip)
    if geometry is None:
        return None  # wholly outside
    made = {"id": str(region.get("id") or f"r{place}")[:64], "shape": shape, "label": region["label"], **geometry}
    if shape in ("box", "ellipse") and (turn := _finite(region.get("rotation") or 0, where) % 360):
        made["rotation"] = number(turn)
    text = region.get("text")
    if text:
        if not isinstance(text, str) or len(text) > MAX_TEXT:
            raise InputError(f"{where}: its text must be at most {MAX_TEXT:,} characters.")
        made["text"] = text
    if attributes := _checked_values(region.get("attributes"), f"{where}: attributes"):
        made["attributes"] = attributes
    if region.get("score") is not None:
        made["score"] = number(_finite(region["score"], where))
    if region.get("track"):
        made["track"] = str(region["track"])[:64]
    for name in ("hidden", "keyframe"):  # of tracks: not to be seen in this frame; set by a person
        if region.get(name):
            made[name] = True
    if region.get("extra"):
        made["extra"] = region["extra"]
    return made


def _finite(value, where: str) -> float:
    try:
        made = float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{where} needs numbers; {value!r} is none.") from None
    if not math.isfinite(made):
        raise InputError(f"{where} has a number that is not finite.")
    return made


def _numbers(region: dict, names, where: str) -> list[float]:
    missing = [name for name in names if region.get(name) is None]
    if missing:
        raise InputError(f"{where} needs {', '.join(names)} as numbers.")
    return [_finite(region[name], where) for name in names]


def _box(region: dict, where: str, width: int, height: int, clip: bool) -> dict | None:
    x, y, w, h = _numbers(region, "xywh", where)
    turned = _finite(region.get("rotation") or 0, where) % 360 != 0
    if clip and not turned and (x < 0 or y < 0 or x + w > width or y + h > height):
        right, bottom = min(x + w, float(width)), min(y + h, float(height))
        x, y = max(x, 0.0), max(y, 0.0)
        w, h = right - x, bottom - y
        if w <= 0 or h <= 0:
            return None
    if w <= 0 or h <= 0:
        raise InputError(f"{where} has no area.")
    return {name: number(value) for name, value in zip("xywh", (x, y, w, h), strict=True)}


def _points(region: dict, where: str, width: int, height: int, clip: bool) -> dict:
    points = region.get("points")
    least = _NAMES[region["shape"]]
    if not isinstance(points, list) or not least <= len(points) <= MAX_POINTS:
        raise InputError(f"{where}: a {region['shape']} needs {least} to {MAX_POINTS:,} points.")
    out = []
    for point in points:
        if not isinstance(point, list | tuple) or len(point) != 2:
            raise InputError(f"{where}: a point is a pair of numbers.")
        x, y = (_finite(v, where) for v in point)
        if clip:
            x, y = min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height))
        out.append([number(x), number(y)])
    return {"points": out}


def _point(region: dict, where: str, width: int, height: int, clip: bool) -> dict | None:
    x, y = _numbers(region, "xy", where)
    if clip and not (0 <= x <= width and 0 <= y <= height):
        return None
    return {"x": number(x), "y": number(y)}


def _ellipse(region: dict, where: str, width: int, height: int, clip: bool) -> dict | None:
    x, y, rx, ry = _numbers(region, ("x", "y", "rx", "ry"), where)
    if rx <= 0 or ry <= 0:
        raise InputError(f"{where} has no area.")
    reach = max(rx, ry)
    if clip and (x + reach < 0 or y + reach < 0 or x - reach > width or y - reach > height):
        return None
    return {"x": number(x), "y": number(y), "rx": number(rx), "ry": number(ry)}


def _mask(region: dict, where: str, width: int, height: int, clip: bool) -> dict:
    x, y, w, h = _numbers(region, "xywh", where)
    runs = region.get("rle")
    whole = all(v.is_integer() for v in (x, y, w, h))
    if not whole or w <= 0 or h <= 0 or (clip and (x < 0 or y < 0 or x + w > width or y + h > height)):
        raise InputError(f"{where}: the rectangle of a mask is in whole pixels and inside the image.")
    if (
        not isinstance(runs, list)
        or not 0 < len(runs) <= MAX_RUNS
        or not all(type(run) is int and run >= 0 for run in runs)
    ):
        raise InputError(f"{where}: a mask needs a list of run lengths.")
    if sum(runs) != w * h:
        raise InputError(f"{where}: its runs cover {sum(runs)} pixels, its rectangle has {int(w * h)}.")
    if not any(runs[1::2]):
        raise InputError(f"{where} has no area.")
    return {"x": int(x), "y": int(y), "w": int(w), "h": int(h), "rle": runs}


def _span(region: dict, where: str, width: int, height: int, clip: bool) -> dict:
    start, end = _numbers(region, ("start", "end"), where)
    if not (start.is_integer() and end.is_integer() and 0 <= start < end):
        raise InputError(f"{where}: a span starts and ends at characters, and has at least one.")
    return {"start": int(start), "end": int(end)}


_GEOMETRY = {
    "box": _box, "polygon": _points, "polyline": _points, "point": _point, "ellipse": _ellipse, "mask": _mask,
    "span": _span,
}  # fmt: skip


def _checked_values(values, what: str) -> dict:
    """Return `{name: text, number, bool or list of texts}` without empty ones."""
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"{what} must be names with values.")
    out = {}
    for name, value in values.items():
        if value is None or value == "" or value == []:
            continue
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{what}: {name!r} is not a finite number.")
        plain = isinstance(value, str | int | float | bool)
        if not _is_name(name) or not (plain or (isinstance(value, list) and all(isinstance(v, str) for v in value))):
            raise InputError(f"{what}: {name!r} needs a text, a number, yes or no, or a list of texts.")
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise InputError(f"{what}: {name!r} is longer than {MAX_TEXT:,} characters.")
        out[name] = value
    return out


def _checked_relations(relations, ids: set) -> list[dict]:
    """Return the relations whose two ends exist; a region that was deleted takes its relations along."""
    if relations is None:
        return []
    if not isinstance(relations, list) or not all(isinstance(r, dict) for r in relations):
        raise InputError("Relations must be a list of objects with from and to.")
    out = []
    for relation in relations:
        ends = {"from": str(relation.get("from", "")), "to": str(relation.get("to", ""))}
        if set(ends.values()) <= ids and ends["from"] != ends["to"]:
            made = ends | ({"label": str(relation["label"])[:MAX_NAME]} if relation.get("label") else {})
            if relation.get("extra"):
                made["extra"] = relation["extra"]
            if made not in out:
                out.append(made)
    return out


def class_list(names, known: list[dict] = ()) -> list[dict]:
    """Return `[{name, color, hotkey}]`: the known classes, then new ones with the next colour and free key.

    Keys are 1 … 9, then shift+1 … shift+9. `names` may be names or dicts with a name and, if wanted, colour and hotkey.
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
        free = next((k for k in [*"123456789", *(f"shift+{n}" for n in "123456789")] if k not in keys), "")
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
