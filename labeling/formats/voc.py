"""Pascal VOC XML: one file per image with pixel corners. Coordinates are taken as they are, xmin to xmax, without the
1 that the original devkit counts from, as most tools do.

VOC knows upright boxes only. Other shapes are written as the upright rectangle around them, and exactly in a `tilth`
element, which other programs ignore and which counts on reading as long as the rectangle was not changed. What we
have no place for (pose, truncated, parts …) is kept; `robndbox` (turned boxes of roLabelImg) is read.
"""

from __future__ import annotations

import json
import math
from pathlib import PurePosixPath
from xml.etree import ElementTree

from labeling.documents import number
from labeling.formats.label_studio_config import parse_xml
from labeling.formats.model import FileAnswer, FileImage, LabelFile, Options, Sizes, rest, strict_json, usable
from labeling.shapes import bounds
from transforms.errors import SourceError

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read(files: dict[str, bytes], sizes: Sizes, options: Options = Options()) -> LabelFile:
    labels = LabelFile()
    names: dict[str, None] = {}
    image_names: dict[str, None] = {}
    texts = sorted(f for f in files if f.lower().endswith(".xml"))
    if not texts:
        raise SourceError("There is no VOC file (*.xml) here.")
    no_area = 0
    for file in texts:
        root = parse_xml(files[file], file)
        if root.tag != "annotation":
            raise SourceError(f"{file} is not a VOC file: it starts with <{root.tag}>.")
        name = root.findtext("filename") or PurePosixPath(file).with_suffix(".jpg").name
        image = FileImage(name, _int(root, "size/width"), _int(root, "size/height"))
        if not (image.width and image.height) and (known := sizes(name)):
            image.file_name, image.width, image.height = known
        regions: list[dict] = []
        for item in root.findall("object"):
            region = _region(item, file)
            if region is None:
                no_area += 1
                continue
            names[region["label"]] = None
            regions.append(region | {"id": f"r{len(regions) + 1}" if region["id"] == "r" else region["id"]})
        ours = _ours(root.findtext("tilth"))
        alone = ours.pop("regions", [])
        regions += [r for r in map(usable, alone if isinstance(alone, list) else []) if r]
        names.update(dict.fromkeys(r["label"] for r in regions))
        document = {"regions": regions, "classes": []} | ours
        image_names.update(dict.fromkeys(document["classes"]))
        image.answers.append(FileAnswer(document))
        labels.images.append(image)
    labels.classes = [{"name": n} for n in names]
    labels.image_classes = [{"name": n} for n in image_names]
    labels.warn(no_area, "objects without a name or without area were left out.")
    return labels


def _ours(text: str | None) -> dict:
    """Return what we wrote into a `tilth` element, {} if there is none that can be read."""
    try:
        given = strict_json(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}


def _region(item, file: str) -> dict | None:
    label = (item.findtext("name") or "").strip()
    try:
        if item.find("bndbox") is None and item.find("robndbox") is not None:
            cx, cy, w, h, turn = (float(item.findtext(f"robndbox/{k}")) for k in ("cx", "cy", "w", "h", "angle"))
            sides = {"x": cx - w / 2, "y": cy - h / 2, "w": w, "h": h, "rotation": math.degrees(turn)}
        else:
            left, top, right, bottom = (float(item.findtext(f"bndbox/{k}")) for k in _CORNERS)
            sides = {"x": left, "y": top, "w": right - left, "h": bottom - top}
    except (TypeError, ValueError):
        raise SourceError(f"{file}: an object has no bndbox with four numbers.") from None
    region = usable({"id": "r", "shape": "box", "label": label, **sides})
    exact = usable({"id": "r"} | _ours(item.findtext("tilth")) | {"label": label})
    if exact and "rotation" not in sides and _texts(exact) == [item.findtext(f"bndbox/{k}") for k in _CORNERS]:
        region = exact
    kept = {
        c.tag: ElementTree.tostring(c, encoding="unicode") if len(c) else c.text or ""
        for c in item
        if c.tag not in ("name", "bndbox", "tilth", "robndbox")
    }
    return region and region | ({"extra": {"voc": kept}} if kept else {})


def _int(root, path: str) -> int:
    try:
        return int(float(root.findtext(path) or 0))
    except (ValueError, OverflowError):
        return 0


def _texts(region: dict) -> list[str]:
    x, y, w, h = bounds(region)
    return [str(number(v)) for v in (x, y, x + w, y + h)]


def write(labels: LabelFile, options: Options = Options()) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    rough = texts = 0
    for image in labels.images:
        if not image.answers:
            continue
        document = image.answers[0].document
        root = ElementTree.Element("annotation")
        _add(root, "filename", image.file_name)
        size = ElementTree.SubElement(root, "size")
        for tag, value in (("width", image.width), ("height", image.height), ("depth", 3)):
            _add(size, tag, str(value))
        alone = []
        for region in document["regions"]:
            if region["shape"] in ("point", "polyline", "span"):
                alone.append(rest(region, {"extra"}))
            else:
                rough += _object(root, region, bool(document.get("relations")))
        beside = {k: document[k] for k in ("classes", "fields", "relations") if document.get(k)}
        if alone:
            beside["regions"] = alone
        if beside:
            texts += 1
            _add(root, "tilth", json.dumps(beside, ensure_ascii=False))
        ElementTree.indent(root)
        name = str(PurePosixPath(image.file_name).with_suffix(".xml"))
        if name in files:
            raise SourceError(f"Two images share the name {name} in VOC's layout.", hint="Rename one.")
        files[name] = ElementTree.tostring(root, encoding="unicode").encode() + b"\n"
    labels.warn(rough, "regions are written as the upright rectangle around them, and exactly under 'tilth'.")
    labels.warn(texts, "images have classes, lines, points or answers by name, which are written under 'tilth' only.")
    return files


def _object(root, region: dict, named: bool) -> bool:
    """Add an object, and return whether VOC has no place for all of it."""
    item = ElementTree.SubElement(root, "object")
    _add(item, "name", region["label"])
    for tag, text in ((region.get("extra") or {}).get("voc") or {}).items():
        if text.startswith(f"<{tag}"):
            item.append(ElementTree.fromstring(text))
        else:
            _add(item, tag, text)
    corners = ElementTree.SubElement(item, "bndbox")
    for tag, text in zip(_CORNERS, _texts(region), strict=True):
        _add(corners, tag, text)
    plain = region["shape"] == "box" and not {"rotation", "text", "attributes", "track", "score"} & region.keys()
    if not plain or named:  # relations name the ids
        _add(item, "tilth", json.dumps(rest(region, {"extra", "label"}), ensure_ascii=False))
    return not plain


def _add(parent, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text
