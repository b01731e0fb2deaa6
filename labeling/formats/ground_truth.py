"""SageMaker Ground Truth output manifests (JSON lines) of bounding-box jobs; single-label image classification is read too.

A line is `source-ref`, the label attribute and its `-metadata`. The attribute's name is found by its metadata and kept;
a new export calls it after the collection. Classes are numbered in the order of the collection.
Source: "Output data" in the SageMaker developer guide, and real output of such jobs (key order, floats).
"""

from __future__ import annotations

import json
import re

from labeling.documents import number
from labeling.formats.model import FileAnswer, FileImage, LabelFile, Sizes, only_file, rest
from transforms.errors import SourceError

BOXES, CLASS = "groundtruth/object-detection", "groundtruth/image-classification"
MAX_LINE = 100_000  # characters, Ground Truth's own limit


def read(files: dict[str, bytes], sizes: Sizes) -> LabelFile:
    labels = LabelFile()
    class_names: dict[int, str] = {}
    image_names: dict[int, str] = {}
    for place, line in enumerate(only_file(files, "A manifest").decode("utf-8-sig", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        where = f"Line {place} of the manifest"
        if len(line) > MAX_LINE:
            raise SourceError(f"{where} has more than {MAX_LINE:,} characters.")
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise SourceError(f"{where} is not valid JSON ({error}).") from None
        if not isinstance(entry, dict) or not isinstance(entry.get("source-ref"), str):
            raise SourceError(f"{where} has no source-ref.", hint="Text jobs cannot be read here.")
        try:
            labels.images.append(_image(entry, sizes, class_names, image_names))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise SourceError(f"{where} is not what a box or classification job writes ({error!r}).") from None
    labels.classes = [{"name": name} for _, name in sorted(class_names.items())]
    labels.image_classes = [{"name": name} for _, name in sorted(image_names.items())]
    return labels


def _image(entry: dict, sizes: Sizes, class_names: dict, image_names: dict) -> FileImage:
    source = entry["source-ref"]
    image = FileImage(source.rsplit("/", 1)[-1], 0, 0, source=source)
    kept: dict = {"entry": {}}
    document: dict = {"boxes": [], "classes": []}
    answered = False
    for key, value in entry.items():
        meta = entry.get(f"{key}-metadata")
        if key == "source-ref" or key.endswith("-metadata") and key[: -len("-metadata")] in kept.get("read", []):
            continue
        if isinstance(meta, dict) and meta.get("type") == BOXES and "attribute" not in kept:
            size = value["image_size"][0]
            image.width, image.height = int(size["width"]), int(size["height"])
            class_map = {int(k): str(v) for k, v in (meta.get("class-map") or meta.get("class_map") or {}).items()}
            class_names.update(class_map)
            scores = [o.get("confidence") for o in meta.get("objects", [])]
            for i, b in enumerate(value["annotations"]):
                box = {"id": f"b{i + 1}", "label": class_map[int(b["class_id"])]}
                sides = {"x": b["left"], "y": b["top"], "w": b["width"], "h": b["height"]}
                box |= {k: number(v) for k, v in sides.items()}
                if i < len(scores) and scores[i] is not None:
                    box["score"] = number(scores[i])
                document["boxes"].append(box)
            kept |= {"attribute": key, "depth": size.get("depth", 3)}
            kept["metadata"] = rest(meta, {"objects", "class-map", "class_map"})
            kept["class_map"] = {str(k): v for k, v in class_map.items()}
            answered = True
        elif isinstance(meta, dict) and meta.get("type") == CLASS and not document["classes"]:
            image_names[int(value)] = str(meta["class-name"])
            document["classes"] = [str(meta["class-name"])]
            kept |= {"class_attribute": key, "class_metadata": rest(meta, {"class-name"})}
            answered = True
        else:
            kept["entry"][key] = value
            continue
        kept.setdefault("read", []).append(key)
    document["boxes"] = [b for b in document["boxes"] if b["w"] > 0 and b["h"] > 0]
    if not image.width and (known := sizes(image.file_name)):
        image.width, image.height = known[1], known[2]
    kept.pop("read", None)
    image.extra = {"ground_truth": kept}
    if answered:
        human = kept.get("metadata", kept.get("class_metadata", {})).get("human-annotated") != "no"
        image.answers.append(FileAnswer(document, "ground truth", "person" if human else "model"))
    return image


def write(labels: LabelFile) -> dict[str, bytes]:
    index = {c["name"]: i for i, c in enumerate(labels.classes)}
    image_index = {c["name"]: i for i, c in enumerate(labels.image_classes)}
    fallback = re.sub(r"[^A-Za-z0-9-]+", "-", labels.name).strip("-") or "labels"
    lines = []
    for image in labels.images:
        kept = image.extra.get("ground_truth", {})
        entry = {"source-ref": image.source or image.file_name} | kept.get("entry", {})
        for answer in image.answers[:1]:
            document = answer.document
            if document["boxes"] or not document["classes"]:
                entry |= _boxes(document, image, kept, index, fallback, answer.kind)
            if document["classes"]:
                name = document["classes"][0]
                attribute = kept.get("class_attribute", f"{fallback}-class")
                meta = kept.get("class_metadata") or {
                    "confidence": 0, "human-annotated": "yes" if answer.kind == "person" else "no", "type": CLASS,
                }  # fmt: skip
                entry |= {attribute: image_index[name], f"{attribute}-metadata": {"class-name": name} | meta}
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
        if len(line) > MAX_LINE:
            raise SourceError(f"The line of {image.file_name} would have more than {MAX_LINE:,} characters.")
        lines.append(line + "\n")
    return {"": "".join(lines).encode()}


def _boxes(document: dict, image: FileImage, kept: dict, index: dict, fallback: str, kind: str) -> dict:
    attribute = kept.get("attribute", fallback)
    boxes = document["boxes"]
    # the numbers that the imported line gave its classes hold for it as long as they cover what is drawn now
    class_map = kept.get("class_map", {})
    numbers = {v: int(k) for k, v in class_map.items()}
    if any(b["label"] not in numbers for b in boxes):
        numbers = index
        class_map = {str(i): n for n, i in index.items()}
    annotations = [
        {"class_id": numbers[b["label"]], "top": b["y"], "left": b["x"], "height": b["h"], "width": b["w"]}
        for b in boxes
    ]
    size = {"width": image.width, "height": image.height, "depth": kept.get("depth", 3)}
    meta = kept.get("metadata") or {"type": BOXES, "human-annotated": "yes" if kind == "person" else "no"}
    return {
        attribute: {"image_size": [size], "annotations": annotations},
        f"{attribute}-metadata": {
            "objects": [{"confidence": b.get("score", 0)} for b in boxes],
            "class-map": class_map,
            **meta,
        },
    }
