"""Label Studio tasks JSON (its "JSON" export, and what its import reads).

Boxes are RectangleLabels in percent of the image, classes of the whole image are Choices. Percents carry full
precision, and reading finds the shortest pixel value that has exactly this percent, so values come back unchanged; the
few that percents cannot carry are written beside them (`meta.pixels`). Regions of other kinds and rotated boxes are kept
and written back, and not shown. Ids of tasks and annotations are numbered 1, 2, 3 … in order.
Checked against Label Studio 1.23.2.
"""

from __future__ import annotations

import math
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import quoteattr

from labeling.documents import number
from labeling.formats.model import FileAnswer, FileImage, LabelFile, Sizes, json_bytes, only_file, parse_json, rest
from transforms.errors import SourceError

BOX, CHOICE, IMAGE = "box", "class", "image"
_REGION = {
    "id",
    "from_name",
    "to_name",
    "type",
    "original_width",
    "original_height",
    "image_rotation",
    "value",
    "score",
}
_VALUE = {"x", "y", "width", "height", "rotation", "rectanglelabels"}


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


def read(files: dict[str, bytes], sizes: Sizes) -> LabelFile:
    data = parse_json(only_file(files, "A Label Studio file"), "a Label Studio file")
    tasks = data if isinstance(data, list) else [data]
    labels = LabelFile()
    kept = {"regions": 0}
    for place, task in enumerate(tasks, 1):
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise SourceError(f"Task {place} of this file has no data: this is not a Label Studio JSON file.")
        labels.images.append(_image(task, place, sizes, labels, kept))
    if kept["regions"]:
        labels.warnings.append(
            f"{kept['regions']} regions that are no upright boxes are kept for the export but cannot be shown."
        )
    return labels


def _image(task: dict, place: int, sizes: Sizes, labels: LabelFile, kept: dict) -> FileImage:
    data = task["data"]
    key = next((k for k in ("image", "img", "url") if isinstance(data.get(k), str)), None)
    key = key or next((k for k, v in data.items() if isinstance(v, str)), None)
    if key is None:
        raise SourceError(f"Task {place} of this file names no image.")
    width, height = int(data.get("width") or 0), int(data.get("height") or 0)
    answers_in = [(a, "person") for a in task.get("annotations") or task.get("completions") or []]
    answers_in += [(p, "model") for p in task.get("predictions") or []]
    for answer, _ in answers_in:
        for region in answer.get("result") or []:
            if isinstance(region, dict) and region.get("original_width"):
                width, height = int(region["original_width"]), int(region["original_height"])
    image = FileImage(_file_name(data[key]), width, height, source=data[key])
    if not (width and height) and (known := sizes(image.file_name)):
        image.width, image.height = known[1], known[2]
    extra = rest(task, {"id", "data", "annotations", "completions", "predictions"})
    other = rest(data, {key, "width", "height"})
    image.extra = {"label_studio": {"key": key, "image": data[key], "data": other, "task": extra}}
    for number_, (answer, kind) in enumerate(answers_in, 1):
        image.answers.append(_answer(answer, kind, number_, image, labels, kept))
        image.skipped |= bool(answer.get("was_cancelled"))
    return image


def _answer(answer: dict, kind: str, place: int, image: FileImage, labels: LabelFile, kept: dict) -> FileAnswer:
    boxes: list[dict] = []
    classes: list[str] = []
    others: list = []
    ids: set[str] = set()
    for index, region in enumerate(answer.get("result") or []):
        value = region.get("value") if isinstance(region, dict) else None
        if not isinstance(value, dict):
            continue
        if region.get("type") == "choices" and not rest(region, _REGION) and "choices" in value and index == 0:
            classes = [str(c) for c in value["choices"]]
            _know(labels.image_classes, classes)
            continue
        box = _box(region, value, image, ids)
        if box is None:
            kept["regions"] += 1
            others.append([index, region])
            continue
        _know(labels.classes, [box["label"]])
        boxes.append(box)
    document: dict = {"boxes": boxes, "classes": classes}
    known = {"id", "result", "annotator", "model_version" if kind == "model" else "", "was_cancelled", "ground_truth"}
    extra = rest(answer, known)
    flags = {k: True for k in ("was_cancelled", "ground_truth") if answer.get(k)}
    if extra or others or flags:
        document["extra"] = {"label_studio": {"answer": flags | extra, "regions": others}}
    return FileAnswer(document, _annotator(answer, kind, place), kind)


def _box(region: dict, value: dict, image: FileImage, ids: set[str]) -> dict | None:
    names = value.get("rectanglelabels")
    if (
        region.get("type") != "rectanglelabels"
        or not isinstance(names, list)
        or len(names) != 1
        or value.get("rotation")
    ):
        return None
    region_id = str(region.get("id") or "")
    meta = region.get("meta") if isinstance(region.get("meta"), dict) else {}
    exact = meta.get("pixels")
    try:
        if isinstance(exact, list) and len(exact) == 4:
            x, y, w, h = (number(v) for v in exact)
        else:
            sides = {"x": image.width, "y": image.height, "width": image.width, "height": image.height}
            x, y, w, h = (to_pixels(float(value[name]), side) for name, side in sides.items())
    except (KeyError, TypeError, ValueError):
        return None
    if not (w > 0 and h > 0) or not region_id or len(region_id) > 64 or region_id in ids:
        return None
    ids.add(region_id)
    box = {"id": region_id, "label": str(names[0]), "x": x, "y": y, "w": w, "h": h}
    if region.get("score") is not None:
        box["score"] = number(region["score"])
    kept = rest(region, _REGION | {"meta"})
    if other_meta := rest(meta, {"pixels"}):
        kept["meta"] = other_meta
    named = {k: region[k] for k in ("from_name", "to_name") if region.get(k) not in (BOX, IMAGE)}
    if region.get("image_rotation"):
        kept["image_rotation"] = region["image_rotation"]
    if kept or named or rest(value, _VALUE):
        box["extra"] = {"label_studio": {"region": named | kept, "value": rest(value, _VALUE)}}
    return box


def _annotator(answer: dict, kind: str, place: int) -> str:
    if kind == "model":
        return str(answer.get("model_version") or f"model {place}")
    by = answer.get("annotator") or answer.get("completed_by")
    if isinstance(by, dict):
        by = by.get("email") or by.get("id")
    return f"user {by}" if isinstance(by, int) else str(by or f"annotator {place}")


def _file_name(reference: str) -> str:
    """Return the path that a reference such as `/data/local-files/?d=a/b.jpg` or `s3://bucket/b.jpg` stands for."""
    parts = urlsplit(reference)
    inner = parse_qs(parts.query).get("d")
    if inner:
        return inner[0]
    if parts.scheme or reference.startswith("/"):
        return unquote(PurePosixPath(parts.path).name) or reference
    return reference


def _know(known: list[dict], names) -> None:
    have = {c["name"] for c in known}
    known += [{"name": n} for n in dict.fromkeys(names) if n not in have]


# -- writing --------------------------------------------------------------------------------------------------------


def write(labels: LabelFile) -> dict[str, bytes]:
    tasks = []
    for task_id, image in enumerate(labels.images, 1):
        kept = image.extra.get("label_studio", {})
        data = {kept.get("key", "image"): kept.get("image", image.source or image.file_name)}
        data |= kept.get("data", {}) | {"width": image.width, "height": image.height}
        task = {"id": task_id, "data": data, "annotations": [], "predictions": []}
        for answer in image.answers:
            if answer.kind == "model":
                task["predictions"].append({"model_version": answer.annotator, **_result(answer.document, image)})
                continue
            task["annotations"].append(
                {
                    "id": len(task["annotations"]) + 1,
                    "annotator": answer.annotator,
                    "was_cancelled": False,
                    "ground_truth": False,
                    **_result(answer.document, image),
                }
            )
        tasks.append(task | kept.get("task", {}))
    return {"": json_bytes(tasks)}


def _result(document: dict, image: FileImage) -> dict:
    size = {"original_width": image.width, "original_height": image.height, "image_rotation": 0}
    regions = []
    if document["classes"]:
        value = {"choices": document["classes"]}
        regions.append({"id": "classes", "from_name": CHOICE, "to_name": IMAGE, "type": "choices", "value": value})
    for box in document["boxes"]:
        kept = (box.get("extra") or {}).get("label_studio", {})
        sides = {"x": image.width, "y": image.height, "w": image.width, "h": image.height}
        percent = {name: to_percent(box[name], side) for name, side in sides.items()}
        value = {"x": percent["x"], "y": percent["y"], "width": percent["w"], "height": percent["h"], "rotation": 0}
        region = {
            "id": box["id"], "from_name": BOX, "to_name": IMAGE, "type": "rectanglelabels", **size,
            "value": value | {"rectanglelabels": [box["label"]]} | kept.get("value", {}),
        }  # fmt: skip
        if "score" in box:
            region["score"] = box["score"]
        if any(to_pixels(percent[name], side) != box[name] for name, side in sides.items()):
            region["meta"] = {"pixels": [box[name] for name in sides]}
        other = dict(kept.get("region", {}))
        if "meta" in other:
            other["meta"] = other["meta"] | region.get("meta", {})
        regions.append(region | other)
    kept = (document.get("extra") or {}).get("label_studio", {})
    for index, region in kept.get("regions", []):
        regions.insert(index, region)
    return {"result": regions, **kept.get("answer", {})}


def label_config(labels: LabelFile) -> str:
    """Return the labelling interface (XML) that a Label Studio project needs for these labels."""
    boxes = "".join(
        f"    <Label value={quoteattr(c['name'])} background={quoteattr(c.get('color', '#2f7ed8'))}"
        + (f" hotkey={quoteattr(c['hotkey'])}" if c.get("hotkey") else "")
        + "/>\n"
        for c in labels.classes
    )
    choices = "".join(f"    <Choice value={quoteattr(c['name'])}/>\n" for c in labels.image_classes)
    return (
        f'<View>\n  <Image name="{IMAGE}" value="$image" zoom="true" zoomControl="true"/>\n'
        + (f'  <RectangleLabels name="{BOX}" toName="{IMAGE}">\n{boxes}  </RectangleLabels>\n' if boxes else "")
        + (
            f'  <Choices name="{CHOICE}" toName="{IMAGE}" choice="multiple">\n{choices}  </Choices>\n'
            if choices
            else ""
        )
        + "</View>\n"
    )
