"""COCO object detection JSON.

Ids of images, annotations and categories are written 1, 2, 3 … in order. Keys we have no place for (licence, iscrowd,
segmentation, supercategory …) are kept and written back. Classes of whole images, which COCO does not have, go to
`classes` of an image and `image_classes` of `info`.
Source: https://cocodataset.org/#format-data
"""

from __future__ import annotations

from labeling.documents import number
from labeling.formats.model import FileAnswer, FileImage, LabelFile, Sizes, json_bytes, only_file, parse_json, rest
from transforms.errors import SourceError


def read(files: dict[str, bytes], sizes: Sizes) -> LabelFile:
    data = parse_json(only_file(files, "A COCO file"), "a COCO file")
    if not isinstance(data, dict) or not isinstance(data.get("images"), list):
        raise SourceError("This is not a COCO file: it has no list of images.", hint="Is it another format?")
    labels = LabelFile(extra={"coco": rest(data, {"images", "annotations", "categories"})})
    info = data.get("info") if isinstance(data.get("info"), dict) else {}
    labels.image_classes = [dict(c) for c in info.get("image_classes", []) if isinstance(c, dict) and c.get("name")]
    names: dict = {}
    for category in data.get("categories", []):
        try:
            names[category["id"]] = str(category["name"])
        except (KeyError, TypeError):
            raise SourceError("This COCO file has a category without id or name.") from None
        labels.classes.append(_class(category))
    images: dict = {}
    for entry in data["images"]:
        try:
            image = FileImage(
                str(entry["file_name"]), int(entry.get("width") or 0), int(entry.get("height") or 0),
                extra={"coco": rest(entry, {"id", "file_name", "width", "height", "classes"})},
            )  # fmt: skip
            images[entry["id"]] = image
        except (KeyError, TypeError, ValueError):
            raise SourceError("This COCO file has an image without id or file_name.") from None
        image.answers.append(FileAnswer({"boxes": [], "classes": [str(c) for c in entry.get("classes", [])]}))
        labels.images.append(image)
    left_out = 0
    for entry in data.get("annotations", []):
        try:
            image, label = images[entry["image_id"]], names[entry["category_id"]]
            x, y, w, h = (float(v) for v in entry["bbox"])
        except (KeyError, TypeError, ValueError):
            left_out += 1
            continue
        if w <= 0 or h <= 0:
            left_out += 1
            continue
        boxes = image.answers[0].document["boxes"]
        box = {"id": f"b{len(boxes) + 1}", "label": label} | {
            k: number(v) for k, v in zip("xywh", (x, y, w, h), strict=True)
        }
        if entry.get("score") is not None:
            box["score"] = number(entry["score"])
        kept = rest(entry, {"id", "image_id", "category_id", "bbox", "score"})
        if kept.get("area") == number(w * h):
            kept.pop("area")
        if kept.get("iscrowd") == 0:
            kept.pop("iscrowd")
        if kept:
            box["extra"] = {"coco": kept}
        boxes.append(box)
    if left_out:
        labels.warnings.append(f"{left_out} annotations without a box, or with one of no area, were left out.")
    for image in labels.images:  # an image nobody answered, and one without objects, look alike in COCO
        document = image.answers[0].document
        if not document["boxes"] and not document["classes"]:
            image.answers = []
    return labels


def _class(category: dict) -> dict:
    made = {"name": str(category["name"])} | {k: category[k] for k in ("color", "hotkey") if k in category}
    kept = rest(category, {"id", "name", "color", "hotkey"})
    return made | ({"coco": kept} if kept else {})


def write(labels: LabelFile) -> dict[str, bytes]:
    data = dict(labels.extra.get("coco") or {})
    info = data.pop("info", None)
    info = dict(info) if isinstance(info, dict) else {"description": labels.name}
    info.pop("image_classes", None)
    if labels.image_classes:
        info["image_classes"] = labels.image_classes
    numbers = {c["name"]: i for i, c in enumerate(labels.classes, 1)}
    images, annotations = [], []
    for image_id, image in enumerate(labels.images, 1):
        entry = {"id": image_id, "file_name": image.file_name, "width": image.width, "height": image.height}
        document = image.answers[0].document if image.answers else {"boxes": [], "classes": []}
        if document["classes"]:
            entry["classes"] = document["classes"]
        images.append(entry | image.extra.get("coco", {}))
        for box in document["boxes"]:
            kept = (box.get("extra") or {}).get("coco", {})
            annotation = {
                "id": len(annotations) + 1,
                "image_id": image_id,
                "category_id": numbers[box["label"]],
                "bbox": [box["x"], box["y"], box["w"], box["h"]],
                "area": number(box["w"] * box["h"]),
                "iscrowd": 0,
            }
            if "score" in box:
                annotation["score"] = box["score"]
            annotations.append(annotation | kept)
    categories = [
        {"id": numbers[c["name"]], "name": c["name"]}
        | {k: c[k] for k in ("color", "hotkey") if k in c}
        | c.get("coco", {"supercategory": ""})
        for c in labels.classes
    ]
    return {
        "": json_bytes({"info": info, **data, "images": images, "annotations": annotations, "categories": categories})
    }
