"""YOLO detection text files: `class cx cy w h` in shares of the image, one file per image, and the class names.

Reads a folder or zip with `*.txt` label files and `classes.txt` or a `data.yaml`; image sizes come from the collection
or from a folder of pictures, because the files do not say them. Writes `classes.txt`, `data.yaml`, `labels/*.txt`.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath

from labeling.documents import number
from labeling.formats.model import FileAnswer, FileImage, LabelFile, Sizes
from transforms.errors import SourceError

_NAMES = {"classes.txt", "obj.names", "notes.json", "data.yaml", "data.yml", "dataset.yaml"}


def read(files: dict[str, bytes], sizes: Sizes) -> LabelFile:
    names = _class_names(files)
    labels = LabelFile(classes=[{"name": n} for n in names])
    texts = sorted(f for f in files if f.endswith(".txt") and PurePosixPath(f).name not in _NAMES)
    if not texts:
        raise SourceError("There is no YOLO label file (*.txt) here.")
    unknown, no_area = [], 0
    for file in texts:
        relative = file.split("labels/", 1)[-1]
        stem = str(PurePosixPath(relative).with_suffix(""))
        size = sizes(stem)
        if size is None:
            unknown.append(file)
            continue
        image = FileImage(*size)
        boxes = []
        for line_number, line in enumerate(files[file].decode("utf-8-sig", errors="replace").splitlines(), 1):
            if not line.strip():
                continue
            box = _box(line.split(), image, names, f"{file}, line {line_number}")
            if box["w"] <= 0 or box["h"] <= 0:
                no_area += 1
                continue
            boxes.append({"id": f"b{len(boxes) + 1}"} | box)
        image.answers.append(FileAnswer({"boxes": boxes, "classes": []}))
        labels.images.append(image)
    if unknown:
        labels.warnings.append(
            f"{len(unknown)} label files belong to no image that is known here ({', '.join(unknown[:3])} …): left out."
        )
    if no_area:
        labels.warnings.append(f"{no_area} boxes without area were left out.")
    return labels


def _box(words: list[str], image: FileImage, names: list[str], where: str) -> dict:
    try:
        index = int(words[0])
        cx, cy, w, h = (float(v) for v in words[1:5])
        score = float(words[5]) if len(words) == 6 else None
    except (ValueError, IndexError):
        raise SourceError(f"{where}: a line needs a class number and four numbers.") from None
    if len(words) > 6:
        raise SourceError(f"{where}: this is a polygon or pose line; only boxes can be read.")
    if not 0 <= index < len(names):
        raise SourceError(f"{where}: class {index} has no name.", hint="Add classes.txt or data.yaml.")
    # a millionth of a pixel: shares are rounded decimals, so more digits are noise
    sides = {
        "x": (cx - w / 2) * image.width, "y": (cy - h / 2) * image.height, "w": w * image.width, "h": h * image.height,
    }  # fmt: skip
    box = {"label": names[index]} | {k: number(round(v, 6)) for k, v in sides.items()}
    return box | ({"score": number(score)} if score is not None else {})


def _class_names(files: dict[str, bytes]) -> list[str]:
    for file in sorted(files, key=len):
        name, text = PurePosixPath(file).name, files[file].decode("utf-8", errors="replace")
        if name in ("classes.txt", "obj.names"):
            return [line.strip() for line in text.splitlines() if line.strip()]
        if name in ("data.yaml", "data.yml", "dataset.yaml"):
            import yaml

            try:
                given = yaml.safe_load(text)["names"]
            except (yaml.YAMLError, KeyError, TypeError):
                raise SourceError(f"{file} has no list of class names.") from None
            return [str(given[k]) for k in sorted(given)] if isinstance(given, dict) else [str(n) for n in given]
    raise SourceError("The class names of these YOLO files are missing.", hint="Add classes.txt or data.yaml.")


def write(labels: LabelFile) -> dict[str, bytes]:
    names = [c["name"] for c in labels.classes]
    if bad := [n for n in names if "\n" in n or n != n.strip()]:
        raise SourceError(f"The class {bad[0]!r} cannot be written in YOLO's list of names.", hint="Rename it.")
    index = {n: i for i, n in enumerate(names)}
    files = {
        "classes.txt": "".join(n + "\n" for n in names).encode(),
        # JSON strings are valid YAML: quotes and colons in names stay what they are
        "data.yaml": (
            "path: .\ntrain: images\nval: images\nnames:\n"
            + "".join(f"  {i}: {json.dumps(n, ensure_ascii=False)}\n" for i, n in enumerate(names))
        ).encode(),
    }
    for image in labels.images:
        if not image.answers:
            continue
        if not (image.width and image.height):
            raise SourceError(f"The size of {image.file_name} is not known; YOLO needs it.", hint="Add the picture.")
        lines = []
        for box in image.answers[0].document["boxes"]:
            shares = (
                (box["x"] + box["w"] / 2) / image.width, (box["y"] + box["h"] / 2) / image.height,
                box["w"] / image.width, box["h"] / image.height,
            )  # fmt: skip
            lines.append(" ".join([str(index[box["label"]]), *(f"{v:.12g}" for v in shares)]))
        path = PurePosixPath("labels") / PurePosixPath(image.file_name).with_suffix(".txt")
        if str(path) in files:
            raise SourceError(f"Two images share the name {path.stem} in YOLO's layout.", hint="Rename one.")
        files[str(path)] = "".join(line + "\n" for line in lines).encode()
    return files
