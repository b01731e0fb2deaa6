"""CSV: one row per region, class, answer by name or relation; `kind` says which, or none for an item answered and
left empty.

Columns: file, width, height, annotator, kind, label, x, y, w, h (pixels; of shapes the upright rectangle around
them), score, then id, rotation, geometry (JSON of what four numbers cannot say), text, attributes (JSON), track,
value. Only file, label, x, y, w and h must be there. `value` is the answer (JSON) of a field, `from → to` of a
relation.
"""

from __future__ import annotations

import csv
import io
import json

from labeling.documents import SHAPES, number
from labeling.formats.model import (
    FileAnswer,
    FileImage,
    LabelFile,
    Options,
    Sizes,
    only_file,
    rest,
    strict_json,
    usable,
)
from labeling.shapes import bounds
from transforms.errors import SourceError

BASE = ["file", "width", "height", "annotator", "kind", "label", "x", "y", "w", "h", "score"]
MORE = ["id", "rotation", "geometry", "text", "attributes", "track", "value"]
COLUMNS = [*BASE, *MORE]
MAX_CELL = 10_000_000  # characters: a mask has many runs
_PLAIN = {"id", "shape", "label", "score", "rotation", "text", "attributes", "track", "extra"}


def read(files: dict[str, bytes], sizes: Sizes, options: Options = Options()) -> LabelFile:
    try:
        text = only_file(files, "A CSV").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError("This CSV is not UTF-8.", hint="Save it as UTF-8.") from None
    csv.field_size_limit(MAX_CELL)
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if missing := [c for c in ("file", "label", "x", "y", "w", "h") if c not in (rows.fieldnames or [])]:
        raise SourceError(f"This CSV has no column {missing[0]!r}.", hint=f"It needs {', '.join(BASE)}.")
    labels = LabelFile()
    images: dict[str, FileImage] = {}
    answers: dict[tuple[str, str], FileAnswer] = {}
    names: dict[str, None] = {}
    image_names: dict[str, None] = {}
    line = 1
    try:
        for row in rows:
            line = rows.line_num
            image = _image(row, images, sizes)
            _row(row, image, answers, names, image_names)
    except (ValueError, TypeError, KeyError, csv.Error, RecursionError) as error:
        raise SourceError(f"Line {line} of this CSV cannot be read: {error}.") from None
    labels.images = list(images.values())
    labels.classes = [{"name": n} for n in names]
    labels.image_classes = [{"name": n} for n in image_names]
    return labels


def _image(row: dict, images: dict, sizes: Sizes) -> FileImage:
    file = row["file"]
    if not file:
        raise ValueError("it names no file")
    if file not in images:
        image = images[file] = FileImage(file, int(row.get("width") or 0), int(row.get("height") or 0))
        if not (image.width and image.height) and (known := sizes(file)):
            image.width, image.height = known[1], known[2]
    return images[file]


def _row(row: dict, image: FileImage, answers: dict, names: dict, image_names: dict) -> None:
    kind = row.get("kind") or ("box" if row["x"] else "class" if row["label"] else "")
    if not kind:
        return  # an item that nobody answered
    if kind == "item":
        image.kind, image.data = str(row["label"]), strict_json(row["value"])
        if image.kind not in ("text", "pair", "row") or not isinstance(image.data, dict):
            raise ValueError(f"there is no kind of item {image.kind!r}")
        return
    who = row.get("annotator") or ""
    answer = answers.get((image.file_name, who))
    if answer is None:
        answer = FileAnswer({"regions": [], "classes": []}, who, "model" if who.startswith("model") else "person")
        answers[image.file_name, who] = answer
        image.answers.append(answer)
    document = answer.document
    if kind == "class":
        document["classes"].append(row["label"])
        image_names[row["label"]] = None
    elif kind == "field":
        document.setdefault("fields", {})[row["label"]] = strict_json(row["value"])
    elif kind == "relation":
        ends = dict(zip(("from", "to"), row["value"].split(" → "), strict=True))
        document.setdefault("relations", []).append(ends | ({"label": row["label"]} if row["label"] else {}))
    elif kind in SHAPES:
        document["regions"].append(_region(row, kind, len(document["regions"]) + 1))
        names[row["label"]] = None
    elif kind != "none":
        raise ValueError(f"kind {kind!r} is no shape and not class, field, relation or none")


def _region(row: dict, shape: str, place: int) -> dict:
    region = {"id": row.get("id") or f"r{place}", "shape": shape, "label": row["label"]}
    if row.get("geometry"):
        region |= strict_json(row["geometry"])
    else:
        region |= {side: number(row[side]) for side in ("xy" if shape == "point" else "xywh")}
    for name in ("score", "rotation"):
        if row.get(name):
            region[name] = number(row[name])
    for name in ("text", "track"):
        if row.get(name):
            region[name] = row[name]
    if row.get("attributes"):
        region["attributes"] = strict_json(row["attributes"])
    made = usable(region)
    if made is None:
        raise ValueError(f"it is no {shape} with a label and an area")
    return made


def write(labels: LabelFile, options: Options = Options()) -> dict[str, bytes]:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for image in labels.images:
        base = {"file": image.file_name, "width": image.width, "height": image.height}
        if image.kind != "image":
            writer.writerow(base | {"kind": "item", "label": image.kind, "value": _json(image.data)})
        elif not image.answers:
            writer.writerow(base)
        for answer in image.answers:
            rows = list(_rows(answer.document)) or [{"kind": "none"}]
            writer.writerows(base | {"annotator": answer.annotator} | row for row in rows)
    return {"": out.getvalue().encode()}


def _rows(document: dict):
    for region in document["regions"]:
        row = {"kind": region["shape"], "label": region["label"], "id": region["id"]}
        if region["shape"] != "span":
            row |= {side: repr(number(v)) for side, v in zip("xywh", bounds(region), strict=True)}
        if region["shape"] == "box":  # its own rectangle, before it is turned
            row |= {side: repr(region[side]) for side in "xywh"}
        elif region["shape"] != "point":
            row["geometry"] = _json(rest(region, _PLAIN | {"hidden", "keyframe"}))
        row |= {name: region[name] for name in ("score", "rotation", "text", "track") if name in region}
        if region.get("attributes"):
            row["attributes"] = _json(region["attributes"])
        yield row
    for name in document["classes"]:
        yield {"kind": "class", "label": name}
    for name, value in (document.get("fields") or {}).items():
        yield {"kind": "field", "label": name, "value": _json(value)}
    for relation in document.get("relations") or []:
        ends = f"{relation['from']} → {relation['to']}"
        yield {"kind": "relation", "label": relation.get("label", ""), "value": ends}


def _json(value) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
