"""What Ground Truth's label attributes say: `read_…` gives regions or classes, `changed_…` a new value and metadata.

A changed value is made of the old one: numbers of classes, image depth and confidences of what stayed are kept.
Source: "Output data" in the SageMaker developer guide, and real output of such jobs (key order, floats).
"""

from __future__ import annotations

import io

from labeling.documents import number
from labeling.formats.model import rest, usable

PREFIX = "groundtruth/"
# type of the metadata, without the prefix → what of a document it holds
SLOTS = {
    "object-detection": "boxes",
    "image-classification": "class",
    "text-classification": "class",
    "label-verification": "class",
    "image-classification-multilabel": "class",
    "text-classification-multilabel": "class",
    "semantic-segmentation": "masks",
    "text-span": "spans",
}
FEEDBACK = "worker-feedback"
MAX_MASK_PIXELS = 100_000_000


def slot_of(meta) -> str | None:
    kind = meta.get("type") if isinstance(meta, dict) else None
    return SLOTS.get(kind.removeprefix(PREFIX)) if isinstance(kind, str) else None


def class_map(meta: dict) -> dict[str, str]:
    found = meta.get("class-map") or meta.get("class_map") or {}
    return {str(k): str(v) for k, v in found.items()}


# -- boxes ----------------------------------------------------------------------------------------------------------


def read_boxes(value: dict, meta: dict) -> list[dict]:
    """Return the boxes; the id of the n-th annotation is rn, so that a changed one is found again."""
    names = class_map(meta)
    scores = [o.get("confidence") for o in meta.get("objects", [])]
    out = []
    for place, given in enumerate(value["annotations"], 1):
        index = str(given["class_id"] if "class_id" in given else given["class-id"])
        box = {"id": f"r{place}", "shape": "box", "label": names[index]}
        box |= {"x": given["left"], "y": given["top"], "w": given["width"], "h": given["height"]}
        if place <= len(scores) and scores[place - 1] is not None:
            box["score"] = scores[place - 1]
        out.append(usable(box))
    return [box for box in out if box]


def changed_boxes(value: dict, meta: dict, regions: list[dict], numbers: dict) -> tuple[dict, dict]:
    """Return value and metadata for `regions` (upright boxes)."""
    old = {r["id"]: r for r in read_boxes(value, meta)} if value.get("annotations") else {}
    objects = meta.get("objects", [])
    spelled = "class-id" if any("class-id" in a for a in value.get("annotations", [])) else "class_id"
    names = _numbers(class_map(meta), [r["label"] for r in regions], numbers)
    annotations, confidences = [], []
    for region in regions:
        given, confidence = {}, {"confidence": number(region.get("score", 0))}
        if region["id"] in old:
            place = int(region["id"][1:]) - 1
            given = value["annotations"][place]
            if place < len(objects) and old[region["id"]].get("score") == region.get("score"):
                confidence = objects[place]
        sides = {"top": region["y"], "left": region["x"], "height": region["h"], "width": region["w"]}
        index = names[region["label"]]
        kept_index = given.get(spelled)
        annotations.append(given | {spelled: kept_index if str(kept_index) == index else int(index)} | sides)
        confidences.append(confidence)
    made = {"objects": confidences, _map_key(meta): {i: n for n, i in names.items()}}
    return {**value, "annotations": annotations}, {**meta, **made}


def _map_key(meta: dict) -> str:
    return "class_map" if "class_map" in meta else "class-map"


def class_numbers(classes: list[dict]) -> dict[str, str]:
    """Return `{name: number}` of a collection's classes: those of the file they came from, new ones after them."""
    given = {c["name"]: str(c["ground_truth"]) for c in classes if "ground_truth" in c}
    free = max((int(n) for n in given.values() if n.isdigit()), default=-1) + 1
    for c in classes:
        if c["name"] not in given:
            given[c["name"]] = str(free)
            free += 1
    return given


def _numbers(known: dict[str, str], wanted, numbers: dict[str, str]) -> dict[str, str]:
    """Return `{name: number}`: the line's own numbers, and the collection's for classes that the line does not name."""
    names = {name: index for index, name in known.items()}
    if not known:
        return dict(numbers)
    for name in dict.fromkeys(wanted):
        if name not in names:
            index = numbers.get(name)
            if index is None or index in names.values():
                index = str(max((int(i) for i in names.values() if i.isdigit()), default=-1) + 1)
            names[name] = index
    return names


# -- classes --------------------------------------------------------------------------------------------------------


def read_classes(value, meta: dict) -> tuple[list[str], list[tuple[int, str]]]:
    """Return the classes, and every `(number, name)` that the line tells."""
    if meta["type"].endswith("-multilabel"):
        names = class_map(meta)
        return [names[str(v)] for v in value], [(int(k), v) for k, v in names.items() if k.isdigit()]
    name = str(meta["class-name"])
    return [name], [(int(value), name)]


def read_feedback(meta: dict) -> list[str]:
    found = meta.get(FEEDBACK)
    return [str(f["comment"]) for f in found if isinstance(f, dict) and f.get("comment")] if found else []


def changed_classes(value, meta: dict, chosen: list[str], numbers: dict[str, str]):
    """Return value and metadata; single-label tasks keep the spelling of the number (0 or "0")."""
    if meta["type"].endswith("-multilabel"):
        names = _numbers(class_map(meta), chosen, numbers)
        scores = {k: v for k, v in (meta.get("confidence-map") or {}).items() if k in {names[c] for c in chosen}}
        made = {
            _map_key(meta): {names[c]: c for c in chosen},
            "confidence-map": {names[c]: scores.get(names[c], 0.0) for c in chosen},
        }
        return [int(names[c]) for c in chosen], {**meta, **made}
    index = numbers[chosen[0]]
    as_text = isinstance(value, str) or meta["type"].endswith("label-verification")
    return index if as_text else int(index), {**meta, "class-name": chosen[0]}


# -- masks ----------------------------------------------------------------------------------------------------------


def read_masks(png: bytes, meta: dict) -> tuple[list[dict], int, int]:
    """Return one mask per class of a PNG, and width and height of the picture.

    A pixel belongs to the class of its colour in the class map; in pictures of numbers, to the class of its number.
    BACKGROUND is no region.
    """
    import numpy as np

    from labeling.shapes import from_mask

    colours = meta.get("internal-color-map") or {}
    pixels, numbers = _pixels(png)
    regions = []
    for index, entry in colours.items():
        label = str(entry.get("class-name", ""))
        if label.upper() == "BACKGROUND" or not label:
            continue
        found = np.zeros(pixels.shape[:2], dtype=bool)
        if (rgb := _rgb(entry.get("hex-color"))) is not None:
            found = (pixels == rgb).all(axis=2)
        if numbers is not None and not found.any() and str(index).isdigit():
            found = numbers == int(index)
        geometry = from_mask(found)
        if geometry:
            score = {"score": entry["confidence"]} if entry.get("confidence") is not None else {}
            regions.append({"id": f"m{index}", "label": label, **geometry, **score})
    return [r for r in map(usable, regions) if r], pixels.shape[1], pixels.shape[0]


def _pixels(png: bytes):
    """Return the colours (h, w, 3) of a PNG, and its numbers (h, w) where it is a picture of numbers."""
    import numpy as np
    from PIL import Image

    from transforms.errors import SourceError

    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            if image.width * image.height > MAX_MASK_PIXELS:
                raise SourceError(f"A mask of {image.width} × {image.height} pixels is too large.")
            numbers = np.asarray(image) if image.mode in ("P", "L", "1", "I", "I;16") else None
            return np.asarray(image.convert("RGB")), numbers
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise SourceError(f"A mask cannot be read as PNG: {error}.") from None


def _rgb(text) -> tuple[int, int, int] | None:
    text = str(text or "").lstrip("#")
    try:
        return (int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)) if len(text) == 6 else None
    except ValueError:
        return None


def masks_png(regions: list[dict], width: int, height: int, colours: dict) -> bytes:
    """Return a PNG with a palette: the number of a pixel is its class in the class map, its colour that class's colour.

    Where regions lie over each other the later one counts.
    """
    import numpy as np
    from PIL import Image

    from labeling.shapes import to_mask

    numbers = np.zeros((height, width), dtype="uint8")
    index = {entry["class-name"]: int(key) for key, entry in colours.items()}
    for region in regions:
        numbers[to_mask(region, width, height)] = index[region["label"]]
    palette = np.zeros((256, 3), dtype="uint8")
    for key, entry in colours.items():
        palette[int(key)] = _rgb(entry.get("hex-color")) or (0, 0, 0)
    image = Image.fromarray(numbers, mode="P")
    image.putpalette(palette.ravel().tolist())
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def colour_map(meta: dict, labels, classes: list[dict]) -> dict:
    """Return `internal-color-map` with every label in it: the old one, and new classes after it."""
    found = {k: dict(v) for k, v in (meta.get("internal-color-map") or {}).items()}
    if not found:
        found["0"] = {"class-name": "BACKGROUND", "hex-color": "#ffffff", "confidence": 0.0}
    colours = {c["name"]: c.get("color", "#000000") for c in classes}
    have = {entry.get("class-name") for entry in found.values()}
    taken = {entry.get("hex-color") for entry in found.values()}
    free = max(int(k) for k in found if k.isdigit()) + 1
    for label in dict.fromkeys(labels):
        if label in have:
            continue
        colour = colours.get(label, "#000000")
        while colour in taken or _rgb(colour) is None:  # a colour stands for one class only
            colour = f"#{(int(colour[1:], 16) + 1) % 0xFFFFFF:06x}" if _rgb(colour) else "#000001"
        found[str(free)] = {"class-name": label, "hex-color": colour, "confidence": 0.0}
        taken.add(colour)
        free += 1
    return found


# -- spans ----------------------------------------------------------------------------------------------------------


def read_spans(value: dict, text: str) -> list[dict]:
    out = []
    for place, given in enumerate(value["annotations"]["entities"], 1):
        start, end = int(given["startOffset"]), int(given["endOffset"])
        span = {"id": f"s{place}", "shape": "span", "label": str(given["label"]), "start": start, "end": end}
        out.append(usable(span | {"text": text[start:end]}))
    return [span for span in out if span]


def changed_spans(value: dict, regions: list[dict], classes: list[str]) -> dict:
    inside = value.get("annotations") or {}
    old = {f"s{n}": e for n, e in enumerate(inside.get("entities", []), 1)}
    entities = [
        old.get(r["id"], {}) | {"label": r["label"], "startOffset": r["start"], "endOffset": r["end"]} for r in regions
    ]
    known = inside.get("labels") or []
    have = {entry.get("label") for entry in known if isinstance(entry, dict)}
    wanted = [r["label"] for r in regions] if known else classes
    known = [*known, *({"label": n} for n in dict.fromkeys(wanted) if n not in have)]
    return {**value, "annotations": {**rest(inside, {"entities", "labels"}), "labels": known, "entities": entities}}
