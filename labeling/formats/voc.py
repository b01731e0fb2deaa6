"""Pascal VOC XML: one file per image with pixel corners. Coordinates are taken as they are, xmin to xmax, without the
1 that the original devkit counts from, as most tools do. Keys we have no place for (pose, truncated …) are kept."""

from __future__ import annotations

from pathlib import PurePosixPath
from xml.etree import ElementTree

from labeling.documents import number
from labeling.formats.model import FileAnswer, FileImage, LabelFile, Sizes
from transforms.errors import SourceError


def read(files: dict[str, bytes], sizes: Sizes) -> LabelFile:
    labels = LabelFile()
    names: dict[str, None] = {}
    texts = sorted(f for f in files if f.lower().endswith(".xml"))
    if not texts:
        raise SourceError("There is no VOC file (*.xml) here.")
    no_area = 0
    for file in texts:
        root = _parse(files[file], file)
        name = root.findtext("filename") or PurePosixPath(file).with_suffix(".jpg").name
        image = FileImage(name, _int(root, "size/width"), _int(root, "size/height"))
        if not (image.width and image.height) and (known := sizes(name)):
            image.file_name, image.width, image.height = known
        boxes = []
        for item in root.iter("object"):
            label = (item.findtext("name") or "").strip()
            try:
                left, top, right, bottom = (
                    float(item.findtext(f"bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax")
                )
            except (TypeError, ValueError):
                raise SourceError(f"{file}: an object has no bndbox with four numbers.") from None
            if right <= left or bottom <= top or not label:
                no_area += 1
                continue
            names[label] = None
            sides = {"x": left, "y": top, "w": right - left, "h": bottom - top}
            box = {"id": f"b{len(boxes) + 1}", "label": label} | {k: number(v) for k, v in sides.items()}
            kept = {c.tag: c.text or "" for c in item if c.tag not in ("name", "bndbox") and len(c) == 0}
            boxes.append(box | ({"extra": {"voc": kept}} if kept else {}))
        image.answers.append(FileAnswer({"boxes": boxes, "classes": []}))
        labels.images.append(image)
    labels.classes = [{"name": n} for n in names]
    if no_area:
        labels.warnings.append(f"{no_area} objects without a name or without area were left out.")
    return labels


def _parse(data: bytes, file: str):
    # a VOC file needs no document type; refusing it keeps entity bombs out
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise SourceError(f"{file} declares a document type, which label files do not need; it was not read.")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise SourceError(f"{file} is not valid XML: {error}.") from None
    if root.tag != "annotation":
        raise SourceError(f"{file} is not a VOC file: it starts with <{root.tag}>.")
    return root


def _int(root, path: str) -> int:
    try:
        return int(float(root.findtext(path) or 0))
    except ValueError:
        return 0


def write(labels: LabelFile) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for image in labels.images:
        if not image.answers:
            continue
        root = ElementTree.Element("annotation")
        _add(root, "filename", image.file_name)
        size = ElementTree.SubElement(root, "size")
        for tag, value in (("width", image.width), ("height", image.height), ("depth", 3)):
            _add(size, tag, str(value))
        for box in image.answers[0].document["boxes"]:
            item = ElementTree.SubElement(root, "object")
            _add(item, "name", box["label"])
            for tag, text in (box.get("extra") or {}).get("voc", {}).items():
                _add(item, tag, text)
            corners = ElementTree.SubElement(item, "bndbox")
            ends = {"xmin": box["x"], "ymin": box["y"], "xmax": box["x"] + box["w"], "ymax": box["y"] + box["h"]}
            for tag, value in ends.items():
                _add(corners, tag, str(number(value)))
        ElementTree.indent(root)
        name = str(PurePosixPath(image.file_name).with_suffix(".xml"))
        if name in files:
            raise SourceError(f"Two images share the name {name} in VOC's layout.", hint="Rename one.")
        files[name] = ElementTree.tostring(root, encoding="unicode").encode() + b"\n"
    return files


def _add(parent, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text
