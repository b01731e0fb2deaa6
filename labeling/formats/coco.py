"""COCO JSON: boxes, segmentations (polygons and run lengths), key points.

Annotations are kept as they are and written back unless they were labelled anew; ids of images, annotations and
categories stay, new ones are numbered after them. What COCO can say only roughly (turned boxes, ellipses) or not at
all (lines, texts, classes of whole images) is written beside it under `tilth`, `classes` and `info.image_classes`,
which other programs ignore. Source: https://cocodataset.org/#format-data
"""

from __future__ import annotations

from labeling.documents import number
from labeling.formats import coco_masks
from labeling.formats.model import (
    FileAnswer,
    FileImage,
    LabelFile,
    Options,
    Sizes,
    first_document,
    json_bytes,
    know,
    only_file,
    parse_json,
    rest,
    same,
    usable,
)
from labeling.shapes import area, bounds, from_mask, outline, to_mask
from transforms.errors import SourceError

_OURS = {
    "id",
    "image_id",
    "category_id",
    "bbox",
    "segmentation",
    "area",
    "iscrowd",
    "score",
    "keypoints",
    "num_keypoints",
    "tilth",
}
_IMAGE = {"id", "file_name", "width", "height", "classes", "tilth"}
POINT_OF = "key point of"  # label of the relation from a key point to its object


# -- reading --------------------------------------------------------------------------------------------------------


def read(files: dict[str, bytes], sizes: Sizes, options: Options = Options()) -> LabelFile:
    data = parse_json(only_file(files, "A COCO file"), "a COCO file")
    if not isinstance(data, dict) or not isinstance(data.get("images"), list):
        raise SourceError("This is not a COCO file: it has no list of images.", hint="Is it another format?")
    labels = LabelFile(extra={"coco": rest(data, {"images", "annotations", "categories"})})
    info = data.get("info") if isinstance(data.get("info"), dict) else {}
    labels.image_classes = [dict(c) for c in info.get("image_classes", []) if isinstance(c, dict) and c.get("name")]
    categories: dict = {}
    for category in data.get("categories") or []:
        try:
            categories[category["id"]] = category | {"name": str(category["name"])}
        except (KeyError, TypeError):
            raise SourceError("This COCO file has a category without id or name.") from None
        labels.classes.append(_class(category))
    points = {str(n) for c in categories.values() for n in c.get("keypoints") or []}
    known = {c["name"] for c in labels.classes}
    images: dict = {}
    for entry in data["images"]:
        try:
            image = FileImage(
                str(entry["file_name"]), int(entry.get("width") or 0), int(entry.get("height") or 0),
                extra={"coco": {"id": entry["id"]} | rest(entry, _IMAGE)},
            )  # fmt: skip
            images[entry["id"]] = image
        except (KeyError, TypeError, ValueError):
            raise SourceError("This COCO file has an image without id or file_name.") from None
        if not (image.width and image.height) and (size := sizes(image.file_name)):
            image.width, image.height = size[1], size[2]
        document = {"regions": [], "classes": [str(c) for c in entry.get("classes", [])]}
        know(labels.image_classes, document["classes"])
        image.answers.append(FileAnswer(document))
        labels.images.append(image)
    left_out = 0
    for entry in data.get("annotations") or []:
        try:
            image, category = images[entry["image_id"]], categories[entry["category_id"]]
            document = image.answers[0].document
            made, relations = read_annotation(entry, category, image)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, SourceError):
            made = []
        if not made:
            left_out += 1
            continue
        prefix = f"a{entry.get('id', len(document['regions']) + 1)}"
        for n, region in enumerate(made):
            region["id"] = str(region.get("id") or "") or (prefix if not n else f"{prefix}.{n}")
        made[0]["extra"] = {"coco": entry}
        document["regions"] += made
        if relations:
            document.setdefault("relations", []).extend(
                {"from": made[n]["id"], "to": made[0]["id"], "label": POINT_OF} for n in relations
            )
    used = {r["label"] for i in labels.images for r in i.answers[0].document["regions"]}
    labels.classes += [{"name": n, "coco_point": True} for n in sorted((points & used) - known)]
    labels.warn(left_out, "annotations without a box, or with one of no area, were left out.")
    for image, entry in zip(labels.images, data["images"], strict=True):
        _beside(image, entry.get("tilth"))
        document = image.answers[0].document  # an image nobody answered, and one without objects, look alike in COCO
        if not document["regions"] and not document["classes"] and not document.get("fields"):
            image.answers = []
    return labels


def _class(category: dict) -> dict:
    made = {"name": str(category["name"])} | {k: category[k] for k in ("color", "hotkey") if k in category}
    return made | {"coco": rest(category, {"name", "color", "hotkey"})}


def _beside(image: FileImage, kept) -> None:
    """Take what we wrote beside COCO's own: regions it has no place for, answers by name, relations."""
    if not isinstance(kept, dict):
        return
    document = image.answers[0].document
    taken = {r["id"] for r in document["regions"]}
    found = [usable(r) for r in kept.get("regions") or []]
    document["regions"] += [r for r in found if r and r["id"] not in taken]
    for key in ("fields", "relations"):
        if kept.get(key):
            document[key] = kept[key]
    order = {name: place for place, name in enumerate(kept.get("order") or [])}
    document["regions"].sort(key=lambda r: order.get(r["id"], len(order)))


def read_annotation(entry: dict, category: dict, image: FileImage) -> tuple[list[dict], list[int]]:
    """Return the regions of an annotation, and which of them are key points of the first."""
    ours = entry.get("tilth")
    if isinstance(ours, dict) and (region := usable(ours)) and region["label"] == category["name"]:
        fresh = _written(region, image)
        if all(fresh.get(k) == entry.get(k) for k in ("bbox", "segmentation")):
            return [region], []
    label = {"label": category["name"]}
    score = {"score": entry["score"]} if entry.get("score") is not None else {}
    points = _key_points(entry, category)
    shape = _segment(entry.get("segmentation"), image)
    if shape is None:
        x, y, w, h = (float(v) for v in entry["bbox"]) if entry.get("bbox") else (0, 0, 0, 0)
        shape = {"shape": "box", "x": x, "y": y, "w": w, "h": h}
    main = usable({"id": "m", **shape, **label, **score})
    made = ([main] if main else []) + points
    for region in made:
        region["id"] = ""
    return made, list(range(1, len(made))) if main else []


def _key_points(entry: dict, category: dict) -> list[dict]:
    values, names = entry.get("keypoints") or [], category.get("keypoints") or []
    out = []
    for n, (x, y, seen) in enumerate(zip(values[::3], values[1::3], values[2::3], strict=False)):
        name = str(names[n]) if n < len(names) else f"{category['name']} {n + 1}"
        if seen:
            hidden = {"attributes": {"hidden": True}} if seen == 1 else {}
            out.append(usable({"id": "p", "shape": "point", "label": name, "x": x, "y": y} | hidden))
    return [p for p in out if p]


def _segment(given, image: FileImage) -> dict | None:
    if isinstance(given, dict) and given.get("counts"):
        return from_mask(coco_masks.decode(given))
    if not isinstance(given, list) or not given:
        return None
    rings = [[[r[n], r[n + 1]] for n in range(0, len(r) - 1, 2)] for r in given if isinstance(r, list) and len(r) >= 6]
    if len(rings) == 1:
        return {"shape": "polygon", "points": rings[0]}
    if not rings or not (image.width and image.height):
        return None
    mask = to_mask({"shape": "polygon", "points": rings[0]}, image.width, image.height)
    for ring in rings[1:]:  # several parts are one thing: a mask
        mask |= to_mask({"shape": "polygon", "points": ring}, image.width, image.height)
    return from_mask(mask)


# -- writing --------------------------------------------------------------------------------------------------------


class _Ids:
    """Ids of a file that stay, and new ones after them."""

    def __init__(self, kept):
        self.kept = list(kept)
        self.last = max((k for k in self.kept if isinstance(k, int)), default=0)
        self.used: set = set()

    def take(self, wanted):
        if isinstance(wanted, int | str) and wanted not in self.used:
            self.used.add(wanted)
            return wanted
        self.last += 1
        return self.last


def write(labels: LabelFile, options: Options = Options()) -> dict[str, bytes]:
    data = dict(labels.extra.get("coco") or {})
    info = data.pop("info", None)
    info = dict(info) if isinstance(info, dict) else {"description": labels.name}
    info.pop("image_classes", None)
    if labels.image_classes:
        info["image_classes"] = labels.image_classes
    categories = _categories(labels)
    by_name = {c["name"]: c for c in categories}
    keeps = [_kept(r) for i in labels.images for r in first_document(i)["regions"]]
    image_ids = _Ids(i.extra.get("coco", {}).get("id") for i in labels.images)
    annotation_ids = _Ids(k.get("id") for k in keeps)
    counts = dict.fromkeys(("rough", "lines", "texts"), 0)
    images, annotations = [], []
    for image in labels.images:
        kept = image.extra.get("coco", {})
        document = first_document(image)
        entry = {"id": image_ids.take(kept.get("id")), "file_name": image.file_name}
        entry |= {"width": image.width, "height": image.height}
        if document["classes"]:
            entry["classes"] = document["classes"]
        made, beside = _annotations(document, image, by_name, counts)
        for annotation in made:
            wanted = annotation.pop("id", None)
            annotations.append({"id": annotation_ids.take(wanted), **annotation, "image_id": entry["id"]})
        images.append(entry | rest(kept, {"id"}) | ({"tilth": beside} if beside else {}))
    labels.warn(counts["rough"], "turned boxes and ellipses are written as polygons, and exactly under 'tilth'.")
    labels.warn(counts["lines"], "lines and free points are written under 'tilth' only: COCO has no place for them.")
    labels.warn(counts["texts"], "texts and attributes are written under 'tilth' only: COCO has no place for them.")
    return {
        "": json_bytes({"info": info, **data, "images": images, "annotations": annotations, "categories": categories})
    }


def _kept(region: dict) -> dict:
    kept = (region.get("extra") or {}).get("coco")
    return kept if isinstance(kept, dict) else {}


def _categories(labels: LabelFile) -> list[dict]:
    given = [c for c in labels.classes if not c.get("coco_point")]
    ids = _Ids((c.get("coco") or {}).get("id") for c in given)
    return [
        {"id": ids.take((c.get("coco") or {}).get("id")), "name": c["name"]}
        | {k: c[k] for k in ("color", "hotkey") if k in c}
        | rest(c.get("coco") or {"supercategory": ""}, {"id"})
        for c in given
    ]


def _annotations(document: dict, image: FileImage, categories: dict, counts: dict) -> tuple[list[dict], dict]:
    """Return the annotations of an image, and what is written beside them."""
    by_id = {r["id"]: r for r in document["regions"]}
    owner = {r["from"]: r["to"] for r in document.get("relations", []) if r.get("label") == POINT_OF}
    out, alone = [], []
    attached: dict[str, list] = {}
    for region in document["regions"]:
        category = categories.get(by_id[owner[region["id"]]]["label"], {}) if region["id"] in owner else {}
        if region["shape"] == "point" and region["label"] in (category.get("keypoints") or []):
            attached.setdefault(owner[region["id"]], []).append(region)
    together = {r["id"] for group in attached.values() for r in group}
    for region in document["regions"]:
        if region["id"] in together:
            continue
        if region["shape"] in ("polyline", "point", "span") or region["label"] not in categories:
            counts["lines"] += 1
            alone.append(rest(region, {"extra"}))
            continue
        out.append(_annotation(region, attached.get(region["id"], []), image, categories[region["label"]], counts))
    beside = {"regions": alone} if alone else {}
    relations = [r for r in document.get("relations", []) if not (r["from"] in together and r.get("label") == POINT_OF)]
    beside |= {k: v for k, v in (("fields", document.get("fields")), ("relations", relations)) if v}
    if beside:
        beside["order"] = list(by_id)
    return out, beside


def _annotation(region: dict, points: list[dict], image: FileImage, category: dict, counts: dict) -> dict:
    raw = _kept(region)
    if raw:
        try:
            before, _ = read_annotation(raw, category, image)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, SourceError):
            before = []
        now = [region, *points]
        as_before = len(before) == len(now) and all(
            same({**a, "id": b["id"]}, b) for a, b in zip(before, now, strict=True)
        )
        if as_before and raw.get("category_id") == category["id"]:
            return dict(raw)
    made = _written(region, image)
    annotation = {"id": raw["id"]} if "id" in raw else {}
    annotation |= {"image_id": 0, "category_id": category["id"], **made, "iscrowd": 0} | rest(raw, _OURS)
    if "score" in region:
        annotation["score"] = region["score"]
    if points:
        annotation |= _written_points(points, category)
    turned = region["shape"] == "ellipse" or (region["shape"] == "box" and bool(region.get("rotation")))
    counts["rough"] += turned
    more = bool({"text", "attributes", "track"} & region.keys())
    counts["texts"] += more
    # our own ids come back too, as relations and other files name them
    if turned or more or "id" not in raw or region["id"] != f"a{raw['id']}":
        annotation["tilth"] = rest(region, {"extra"})
    return annotation


def _written(region: dict, image: FileImage) -> dict:
    """Return bbox, segmentation and area. A turned box has its true upright bounds and its corners as a polygon."""
    shape = region["shape"]
    bbox = [number(v) for v in bounds(region)]
    if shape == "mask":
        if not (image.width and image.height):
            raise SourceError(f"The size of {image.file_name} is not known; masks need it.", hint="Add the picture.")
        segmentation = coco_masks.encode(to_mask(region, image.width, image.height))
    elif shape == "box" and not region.get("rotation"):
        return {"bbox": bbox, "area": number(area(region))}
    else:
        segmentation = [[number(v) for point in outline(region) for v in point]]
    return {"bbox": bbox, "segmentation": segmentation, "area": number(area(region))}


def _written_points(points: list[dict], category: dict) -> dict:
    by_name = {p["label"]: p for p in points}
    values: list = []
    for name in category["keypoints"]:
        point = by_name.get(name)
        hidden = point is not None and (point.get("attributes") or {}).get("hidden")
        values += [point["x"], point["y"], 1 if hidden else 2] if point else [0, 0, 0]
    return {"keypoints": values, "num_keypoints": len(by_name)}
