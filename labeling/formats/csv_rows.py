"""CSV: one row per box or class. `kind` is box, class, or none for an image that was answered and left empty.

Columns: file, width, height, annotator, kind, label, x, y, w, h (pixels), score.
"""

from __future__ import annotations

import csv
import io

from labeling.documents import number
from labeling.formats.model import FileAnswer, FileImage, LabelFile, Sizes, only_file
from transforms.errors import SourceError

COLUMNS = ["file", "width", "height", "annotator", "kind", "label", "x", "y", "w", "h", "score"]


def read(files: dict[str, bytes], sizes: Sizes) -> LabelFile:
    try:
        text = only_file(files, "A CSV").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError("This CSV is not UTF-8.", hint="Save it as UTF-8.") from None
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if missing := [c for c in ("file", "label", "x", "y", "w", "h") if c not in (rows.fieldnames or [])]:
        raise SourceError(f"This CSV has no column {missing[0]!r}.", hint=f"It needs {', '.join(COLUMNS)}.")
    labels = LabelFile()
    images: dict[str, FileImage] = {}
    names: dict[str, None] = {}
    image_names: dict[str, None] = {}
    for line, row in enumerate(rows, 2):
        try:
            _row(row, images, names, image_names, sizes)
        except (ValueError, TypeError) as error:
            raise SourceError(f"Line {line} of this CSV cannot be read: {error}.") from None
    labels.images = list(images.values())
    labels.classes = [{"name": n} for n in names]
    labels.image_classes = [{"name": n} for n in image_names]
    return labels


def _row(row: dict, images: dict, names: dict, image_names: dict, sizes: Sizes) -> None:
    file = row["file"]
    if not file:
        raise ValueError("it names no file")
    image = images.get(file)
    if image is None:
        image = images[file] = FileImage(file, int(row.get("width") or 0), int(row.get("height") or 0))
        if not (image.width and image.height) and (known := sizes(file)):
            image.width, image.height = known[1], known[2]
    kind = row.get("kind") or ("box" if row["x"] else "class" if row["label"] else "")
    if not kind:
        return  # an image that nobody answered
    who = row.get("annotator") or ""
    answer = next((a for a in image.answers if a.annotator == who), None)
    if answer is None:
        answer = FileAnswer({"boxes": [], "classes": []}, who, "model" if who.startswith("model") else "person")
        image.answers.append(answer)
    if kind == "class":
        answer.document["classes"].append(row["label"])
        image_names[row["label"]] = None
    elif kind == "box":
        box = {"id": f"b{len(answer.document['boxes']) + 1}", "label": row["label"]}
        box |= {side: number(row[side]) for side in "xywh"}
        if row.get("score"):
            box["score"] = number(row["score"])
        answer.document["boxes"].append(box)
        names[row["label"]] = None
    elif kind != "none":
        raise ValueError(f"kind {kind!r} is not box, class or none")


def write(labels: LabelFile) -> dict[str, bytes]:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for image in labels.images:
        base = [image.file_name, image.width, image.height]
        if not image.answers:
            writer.writerow([*base, "", "", "", "", "", "", "", ""])
        for answer in image.answers:
            document = answer.document
            for box in document["boxes"]:
                sides = [repr(box[side]) for side in "xywh"]
                writer.writerow([*base, answer.annotator, "box", box["label"], *sides, box.get("score", "")])
            for name in document["classes"]:
                writer.writerow([*base, answer.annotator, "class", name, "", "", "", "", ""])
            if not document["boxes"] and not document["classes"]:
                writer.writerow([*base, answer.annotator, "none", "", "", "", "", "", ""])
    return {"": out.getvalue().encode()}
