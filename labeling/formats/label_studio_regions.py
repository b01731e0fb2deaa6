"""Regions of Label Studio: percents of the image there, pixels here; boxes turn about their top left corner there,
about their centre here; brush strokes and bitmaps are masks.

A percent is read as the shortest pixel value that has exactly this percent, so values come back unchanged. What the
percents cannot carry is written beside them (`meta.tilth`), and counts on reading as long as the region was not moved.
"""

from __future__ import annotations

import base64
import binascii
import math

from labeling.documents import number
from labeling.formats import brush
from labeling.formats.ground_truth_parts import MAX_MASK_PIXELS
from labeling.formats.model import plain_values, rest, same, usable
from labeling.shapes import from_mask, to_mask, turned
from transforms.errors import SourceError

# our shape → type there; the tag is the same with capitals
TYPES = {
    "box": "rectanglelabels",
    "polygon": "polygonlabels",
    "polyline": "vectorlabels",
    "point": "keypointlabels",
    "ellipse": "ellipselabels",
    "mask": "brushlabels",
    "span": "labels",
}
_BARE = {
    "rectangle": "box", "polygon": "polygon", "polyline": "polyline", "vector": "vector", "keypoint": "point",
    "ellipse": "ellipse", "brush": "brush", "bitmask": "bitmask", "hypertext": "span",
}  # fmt: skip
_SIZE = ("original_width", "original_height", "image_rotation")
_REGION = {"id", "from_name", "to_name", "type", "value", "score", "meta", *_SIZE}
_GEOMETRY = {
    "x",
    "y",
    "width",
    "height",
    "rotation",
    "points",
    "closed",
    "radiusX",
    "radiusY",
    "vertices",
    "start",
    "end",
}
UNLABELLED = "region"  # label of a region that has none there


def to_percent(pixels: float, side: int) -> float:
    """Return a pixel value as percent of `side`."""
    return pixels * 100 / side


def to_pixels(percent: float, side: int) -> int | float:
    """Return the shortest decimal number of pixels that `to_percent` writes as exactly this percent."""
    pixels = percent * side / 100
    for digits in range(13):
        short = round(pixels, digits)
        if to_percent(short, side) == percent:
            return number(short)
    for near in (pixels, math.nextafter(pixels, math.inf), math.nextafter(pixels, -math.inf)):
        if to_percent(near, side) == percent:
            return number(near)
    return number(pixels)


# -- reading --------------------------------------------------------------------------------------------------------


def read_region(entries: list[dict], width: int, height: int) -> dict | None:
    """Return one region for all results of one id, or None if it is of no kind that we show."""
    main = next((e for e in entries if _shape_of(e)), None)
    if main is None or not entries[0].get("id"):
        return None
    try:
        region = _geometry(_shape_of(main), main["value"], width, height)
    except (KeyError, TypeError, ValueError, OverflowError, SourceError):
        return None
    if region is None:
        return None
    region |= {"id": str(main["id"]), "label": _label(entries)}
    region |= _said(entries, region)
    if main.get("score") is not None:
        region["score"] = main["score"]
    exact = (main.get("meta") or {}).get("tilth") if isinstance(main.get("meta"), dict) else None
    if isinstance(exact, dict):
        exact = usable({**exact, "id": region["id"]})
        if exact and _fresh_main(exact, width, height)["value"] == main["value"] and exact["label"] == region["label"]:
            return exact
    return usable(region) if len(region["id"]) <= 64 else None


def _shape_of(entry: dict) -> str | None:
    kind, value = str(entry.get("type")), entry.get("value")
    if not isinstance(value, dict):
        return None
    if kind == "labels":
        return "span" if isinstance(value.get("start"), int) and isinstance(value.get("end"), int) else None
    return _BARE.get(kind.removesuffix("labels"))


def _label(entries: list[dict]) -> str:
    for entry in entries:
        names = entry["value"].get(entry.get("type")) if str(entry.get("type")).endswith("labels") else None
        if isinstance(names, list) and names:
            return str(names[0])
    return UNLABELLED


def _said(entries: list[dict], region: dict) -> dict:
    """Return the text and the attributes that other results of the same region say."""
    attributes: dict = {}
    out: dict = {}
    for entry in entries:
        value, name = entry["value"], str(entry.get("from_name"))
        texts = value.get("text")
        if entry.get("type") == "textarea" and texts and "text" not in out and region["shape"] != "span":
            out["text"] = "\n".join(map(str, texts)) if isinstance(texts, list) else str(texts)
        elif entry.get("type") == "textarea" and texts:
            attributes[name] = texts if isinstance(texts, str) or len(texts) > 1 else texts[0]
        elif entry.get("type") == "choices" and value.get("choices"):
            attributes[name] = value["choices"][0] if len(value["choices"]) == 1 else list(value["choices"])
        elif entry.get("type") in ("number", "rating") and value.get(entry["type"]) is not None:
            attributes[name] = value[entry["type"]]
        elif region["shape"] == "span" and isinstance(texts, str):
            out["text"] = texts
    if attributes := plain_values(attributes):
        out["attributes"] = attributes
    return out


def _geometry(shape: str, value: dict, width: int, height: int) -> dict | None:
    if shape == "span":
        offsets = value.get("globalOffsets") or value
        return {"shape": "span", "start": int(offsets["start"]), "end": int(offsets["end"])}
    if not (width and height):
        return None
    if shape in ("brush", "bitmask"):
        mask = brush.decode(value["rle"], width, height) if shape == "brush" else _bitmask(value["imageDataURL"])
        if mask.shape != (height, width):
            raise ValueError("the mask has another size than the image")
        return from_mask(mask)
    if shape == "polygon" or shape == "polyline":
        points = [[to_pixels(x, width), to_pixels(y, height)] for x, y in value["points"]]
        return {
            "shape": "polyline" if shape == "polyline" or value.get("closed") is False else "polygon",
            "points": points,
        }
    if shape == "vector":
        points = [[to_pixels(v["x"], width), to_pixels(v["y"], height)] for v in value["vertices"]]
        return {"shape": "polygon" if value.get("closed") else "polyline", "points": points}
    x, y = to_pixels(value["x"], width), to_pixels(value["y"], height)
    if shape == "point":
        return {"shape": "point", "x": x, "y": y}
    turn = {"rotation": value["rotation"]} if value.get("rotation") else {}
    if shape == "ellipse":
        sides = {"rx": to_pixels(value["radiusX"], width), "ry": to_pixels(value["radiusY"], height)}
        return {"shape": "ellipse", "x": x, "y": y, **sides, **turn}
    w, h = to_pixels(value["width"], width), to_pixels(value["height"], height)
    if turn:
        ((cx, cy),) = turned([[x + w / 2, y + h / 2]], turn["rotation"], (x, y))
        x, y = round(cx - w / 2, 9), round(cy - h / 2, 9)  # a billionth of a pixel: what is below comes of the turning
    return {"shape": "box", "x": x, "y": y, "w": w, "h": h, **turn}


def _bitmask(url: str):
    """Return the painted pixels of `data:image/png;base64,…`: those that are not transparent and not black."""
    import io

    import numpy as np
    from PIL import Image

    head, _, body = url.partition(",")
    if not head.startswith("data:image/png;base64"):
        raise ValueError("a bitmask is a PNG in the file")
    try:
        with Image.open(io.BytesIO(base64.b64decode(body)), formats=["PNG"]) as image:
            if image.width * image.height > MAX_MASK_PIXELS:
                raise ValueError("the mask is too large")
            pixels = np.asarray(image.convert("RGBA"))
    except (OSError, SyntaxError, binascii.Error, Image.DecompressionBombError) as error:
        raise ValueError(f"a bitmask cannot be read: {error}") from None
    return (pixels[:, :, 3] > 0) & (pixels[:, :, :3].any(axis=2))


# -- writing --------------------------------------------------------------------------------------------------------


def write_region(region: dict, raw: list[dict], width: int, height: int, target: str) -> list[dict]:
    """Return the results of a region: those it was read from if it says the same, else new ones with their rest."""
    if raw and same(read_region(raw, width, height), region):
        return raw
    main = _fresh_main(region, width, height) | {"to_name": target}
    old = next((e for e in raw if _shape_of(e)), None)
    names = {e.get("type"): e.get("from_name") for e in raw}
    if old is not None:
        labels = old["value"].get(old["type"])
        if old["type"] == main["type"]:
            main["from_name"] = old["from_name"]
            if isinstance(labels, list) and labels[:1] == [region["label"]]:
                main["value"][main["type"]] = labels
            main["value"] |= rest(old["value"], _GEOMETRY | {old["type"], "rle", "format", "imageDataURL", "text"})
        main |= {"to_name": old.get("to_name", target)} | rest(old, _REGION)
        if isinstance(old.get("meta"), dict) and (meta := rest(old["meta"], {"tilth"})):
            main["meta"] = meta
    out = [main]
    shape = {k: v for k, v in main["value"].items() if k in _GEOMETRY}
    beside = rest(main, {"value", "type", "from_name", "score", "meta"})

    def add(name: str, kind: str, value: dict) -> None:
        out.append(beside | {"from_name": name, "type": kind, "value": shape | value})

    if region.get("text") and region["shape"] != "span":
        add(names.get("textarea") or "text", "textarea", {"text": [region["text"]]})
    for name, value in (region.get("attributes") or {}).items():
        if isinstance(value, bool | str | list):
            chosen = value if isinstance(value, list) else [str(value)]
            is_text = any(e.get("type") == "textarea" and e.get("from_name") == name for e in raw)
            add(name, "textarea" if is_text else "choices", {"text" if is_text else "choices": chosen})
        else:
            add(name, "number", {"number": value})
    if not same(read_region(out, width, height), region):
        main["meta"] = main.get("meta", {}) | {"tilth": rest(usable(region) or region, {"id", "extra"})}
    return out


def _fresh_main(region: dict, width: int, height: int) -> dict:
    shape = region["shape"]
    kind = TYPES[shape]
    if shape == "span":
        value = {"start": region["start"], "end": region["end"], "text": region.get("text", "")}
        size = {}
    else:
        if not (width and height):
            raise SourceError("Label Studio needs the size of every labelled image.", hint="Add the pictures.")
        value = _value(region, width, height)
        size = dict(zip(_SIZE, (width, height, 0), strict=True))
    main = {"id": region["id"], "from_name": shape, "to_name": "", "type": kind, **size}
    main["value"] = value | {kind: [region["label"]]}
    if "score" in region:
        main["score"] = region["score"]
    return main


def _value(region: dict, width: int, height: int) -> dict:
    shape, turn = region["shape"], region.get("rotation", 0)
    if shape == "mask":
        return {"format": "rle", "rle": brush.encode(to_mask(region, width, height))}
    if shape in ("polygon", "polyline"):
        points = [[to_percent(x, width), to_percent(y, height)] for x, y in region["points"]]
        if shape == "polygon":
            return {"points": points, "closed": True}
        vertices = [
            {"id": f"v{n}", "x": x, "y": y, "isBezier": False, "prevPointId": f"v{n - 1}" if n else None}
            for n, (x, y) in enumerate(points)
        ]
        return {"vertices": vertices, "closed": False}
    x, y = region["x"], region["y"]
    if shape == "box" and turn:
        ((x, y),) = turned([[x, y]], turn, (x + region["w"] / 2, y + region["h"] / 2))
    at = {"x": to_percent(x, width), "y": to_percent(y, height)}
    if shape == "point":
        return at | {"width": 0.5}
    if shape == "ellipse":
        radii = {"radiusX": to_percent(region["rx"], width), "radiusY": to_percent(region["ry"], height)}
        return at | radii | {"rotation": turn}
    sides = {"width": to_percent(region["w"], width), "height": to_percent(region["h"], height)}
    return at | sides | {"rotation": turn}
