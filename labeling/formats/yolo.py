"""YOLO text files, one per image, numbers in shares of the image, and the class names.

    detect   class cx cy w h            upright boxes; a sixth number is a score
    obb      class x1 y1 x2 y2 x3 y3 x4 y4   turned boxes by their corners
    segment  class x1 y1 x2 y2 …        polygons of at least three corners

Reads a folder or archive with `*.txt` and `classes.txt` or a `data.yaml`; the task is told by the lines (nine words
everywhere are obb). Image sizes come from the collection or a folder of pictures. Writes `classes.txt`, `data.yaml`,
`labels/*.txt`.
"""

from __future__ import annotations

import json
import math
from pathlib import PurePosixPath

from labeling.documents import number
from labeling.formats.model import FileAnswer, FileImage, LabelFile, Options, Sizes, first_document, usable
from labeling.shapes import bounds, outline, polygons, turned
from transforms.errors import InputError, SourceError

TASKS = ("detect", "obb", "segment")
_NAMES = {"classes.txt", "obj.names", "notes.json", "data.yaml", "data.yml", "dataset.yaml"}
_LISTS = {"train.txt", "val.txt", "test.txt", "readme.txt"}  # lists of pictures, no labels
_SHAPES = {"detect": ("box",), "obb": ("box",), "segment": ("polygon",)}


# -- reading --------------------------------------------------------------------------------------------------------


def read(files: dict[str, bytes], sizes: Sizes, options: Options = Options()) -> LabelFile:
    names, points = _description(files)
    labels = LabelFile(classes=[{"name": n} for n in names])
    texts = sorted(f for f in files if f.endswith(".txt") and PurePosixPath(f).name.lower() not in _NAMES | _LISTS)
    if not texts:
        raise SourceError("There is no YOLO label file (*.txt) here.")
    lines = {f: _words(files[f]) for f in texts}
    task = _checked_task(options.task) or ("pose" if points else _task(lines))
    unknown, no_area = [], 0
    for file in texts:
        relative = file.split("labels/", 1)[-1]
        stem = str(PurePosixPath(relative).with_suffix(""))
        size = sizes(stem)
        if size is None:
            unknown.append(file)
            continue
        image = FileImage(*size)
        regions: list[dict] = []
        for place, words in lines[file]:
            made = _regions(words, task, image, names, points, f"{file}, line {place}")
            no_area += made[0] is None
            regions += [r | {"id": f"r{len(regions) + n}"} for n, r in enumerate((r for r in made if r), 1)]
        image.answers.append(FileAnswer({"regions": regions, "classes": []}))
        labels.images.append(image)
    if points:
        labels.classes += [{"name": n} for n in _point_names(points) if n not in names]
    if unknown:
        labels.warnings.append(
            f"{len(unknown)} label files belong to no image that is known here ({', '.join(unknown[:3])} …): left out."
        )
    labels.warn(no_area, "lines without area were left out.")
    return labels


def _words(data: bytes) -> list[tuple[int, list[str]]]:
    lines = data.decode("utf-8-sig", errors="replace").splitlines()
    return [(place, line.split()) for place, line in enumerate(lines, 1) if line.strip()]


def _checked_task(task: str) -> str:
    if task and task not in TASKS:
        raise InputError(f"YOLO has no task {task!r} here.", hint=f"Use {', '.join(TASKS)}.")
    return task


def _task(lines: dict[str, list]) -> str:
    """Tell the task by the number of words: 5 or 6 are boxes, 9 everywhere turned boxes, other odd numbers polygons."""
    counts = {len(words) for found in lines.values() for _, words in found}
    if not counts or counts <= {5, 6}:
        return "detect"
    return "obb" if counts <= {9, 10} else "segment"


def _regions(words, task: str, image: FileImage, names: list[str], points: int, where: str) -> list[dict | None]:
    """Return the regions of a line; None stands for one that has no area."""
    try:
        index = int(words[0])
        values = [float(v) for v in words[1:]]
    except ValueError:
        raise SourceError(f"{where}: a line needs a class number and numbers after it.") from None
    if not all(map(math.isfinite, values)):
        raise SourceError(f"{where}: a number is not finite.")
    if not 0 <= index < len(names):
        raise SourceError(f"{where}: class {index} has no name.", hint="Add classes.txt or data.yaml.")
    label = {"id": "r", "label": names[index]}
    if task in ("detect", "pose") or len(values) in (4, 5):
        wanted = (4 + points * 2, 4 + points * 3) if task == "pose" else (4, 5)
        if len(values) not in wanted:
            raise SourceError(
                f"{where}: a box has four numbers and perhaps a score; this line has {len(values)}.",
                hint="Polygons and turned boxes: choose --task segment or obb." if task == "detect" else "",
            )
        score = {"score": number(values[4])} if task != "pose" and len(values) == 5 else {}
        return [_upright(values, image, label | score), *(_points(values[4:], image, points) if task == "pose" else [])]
    score = {}
    if len(values) % 2:
        score = {"score": number(values.pop())}
    corners = [[x * image.width, y * image.height] for x, y in zip(values[::2], values[1::2], strict=True)]
    if task == "obb":
        if len(corners) != 4:
            raise SourceError(f"{where}: a turned box has eight numbers; this line has {len(values)}.")
        return [usable(label | score | box_of_corners(corners))]
    if len(corners) < 3:
        raise SourceError(f"{where}: a polygon needs at least three corners.")
    rounded = [[round(x, 6), round(y, 6)] for x, y in corners]
    return [usable(label | score | {"shape": "polygon", "points": rounded})]


def _upright(values: list[float], image: FileImage, label: dict) -> dict | None:
    cx, cy, w, h = values[:4]
    # a millionth of a pixel: shares are rounded decimals, so more digits are noise
    sides = {
        "x": (cx - w / 2) * image.width, "y": (cy - h / 2) * image.height, "w": w * image.width, "h": h * image.height,
    }  # fmt: skip
    return usable(label | {"shape": "box"} | {k: number(round(v, 6)) for k, v in sides.items()})


def box_of_corners(corners: list[list[float]]) -> dict:
    """Return the turned box whose corners, from its own top left clockwise, are nearest to these four.

    The corners of a file are rounded, so the box has the mean of opposite sides.
    """
    (x1, y1), (x2, y2), (x3, y3), (x4, y4) = corners
    cx, cy = (x1 + x2 + x3 + x4) / 4, (y1 + y2 + y3 + y4) / 4
    w = (math.hypot(x2 - x1, y2 - y1) + math.hypot(x3 - x4, y3 - y4)) / 2
    h = (math.hypot(x4 - x1, y4 - y1) + math.hypot(x3 - x2, y3 - y2)) / 2
    turn = math.degrees(math.atan2(y2 - y1 + y3 - y4, x2 - x1 + x3 - x4)) % 360
    box = {"x": round(cx - w / 2, 6), "y": round(cy - h / 2, 6), "w": round(w, 6), "h": round(h, 6)}
    turn = round(turn, 6) % 360
    return {"shape": "box", **box} | ({"rotation": turn} if turn else {})


def _points(values: list[float], image: FileImage, count: int) -> list[dict]:
    step = len(values) // count
    out = []
    for n, name in enumerate(_point_names(count)):
        x, y, *seen = values[n * step : (n + 1) * step]
        if (x or y) and (not seen or seen[0]):
            at = {"x": round(x * image.width, 6), "y": round(y * image.height, 6)}
            out.append(usable({"id": "p", "shape": "point", "label": name, **at}))
    return out


def _point_names(count: int) -> list[str]:
    return [f"point {n + 1}" for n in range(count)]


def _description(files: dict[str, bytes]) -> tuple[list[str], int]:
    """Return the class names, and how many key points a line has (0 unless it is a pose data set)."""
    for file in sorted(files, key=len):
        name, text = PurePosixPath(file).name, files[file].decode("utf-8", errors="replace")
        if name in ("classes.txt", "obj.names"):
            return [line.strip() for line in text.splitlines() if line.strip()], _pose(files)
        if name in ("data.yaml", "data.yml", "dataset.yaml"):
            import yaml

            try:
                given = yaml.safe_load(text)["names"]
                listed = [str(given[k]) for k in sorted(given)] if isinstance(given, dict) else [str(n) for n in given]
            except (yaml.YAMLError, KeyError, TypeError, RecursionError):
                raise SourceError(f"{file} has no list of class names.") from None
            return listed, _pose(files)
    raise SourceError("The class names of these YOLO files are missing.", hint="Add classes.txt or data.yaml.")


def _pose(files: dict[str, bytes]) -> int:
    import yaml

    for file in files:
        if PurePosixPath(file).name in ("data.yaml", "data.yml", "dataset.yaml"):
            try:
                return max(0, int((yaml.safe_load(files[file]) or {}).get("kpt_shape", [0])[0]))
            except (yaml.YAMLError, TypeError, ValueError, AttributeError, IndexError, RecursionError):
                return 0
    return 0


# -- writing --------------------------------------------------------------------------------------------------------


def write(labels: LabelFile, options: Options = Options()) -> dict[str, bytes]:
    task = _checked_task(options.task) or "detect"
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
    counts = dict.fromkeys(("rough", "none", "more"), 0)
    for image in labels.images:
        if not image.answers:
            continue
        document = first_document(image)
        if document["regions"] and not (image.width and image.height):
            raise SourceError(f"The size of {image.file_name} is not known; YOLO needs it.", hint="Add the picture.")
        lines = []
        for region in document["regions"]:
            found = _lines(region, task, image, counts)
            lines += [" ".join([str(index[region["label"]]), *(f"{v:.12g}" for v in line)]) for line in found]
            counts["more"] += bool({"text", "attributes", "track"} & region.keys())
        counts["more"] += bool(document["classes"]) + bool(document.get("fields")) + bool(document.get("relations"))
        path = PurePosixPath("labels") / PurePosixPath(image.file_name).with_suffix(".txt")
        if str(path) in files:
            raise SourceError(f"Two images share the name {path.stem} in YOLO's layout.", hint="Rename one.")
        files[str(path)] = "".join(line + "\n" for line in lines).encode()
    shape = {"detect": "the upright box around them", "obb": "the turned box around them", "segment": "polygons"}[task]
    labels.warn(counts["rough"], f"regions of other shapes are written as {shape}.")
    labels.warn(counts["none"], "lines, points or texts were left out: YOLO has no place for them.")
    labels.warn(
        counts["more"], "classes of whole images, texts or attributes were left out: YOLO has no place for them."
    )
    return files


def _lines(region: dict, task: str, image: FileImage, counts: dict) -> list[list[float]]:
    """Return the numbers after the class, one list per line; none for what has no area."""
    shape = region["shape"]
    if shape in ("polyline", "point", "span"):
        counts["none"] += 1
        return []
    counts["rough"] += shape not in _SHAPES[task] or (task == "detect" and bool(region.get("rotation")))
    if task == "detect":
        x, y, w, h = bounds(region)
        return [[(x + w / 2) / image.width, (y + h / 2) / image.height, w / image.width, h / image.height]]
    rings = [_corners(region)] if task == "obb" else polygons(region)
    return [[v for x, y in ring for v in (x / image.width, y / image.height)] for ring in rings]


def _corners(region: dict) -> list[list[float]]:
    """Return four corners: a box's own, an ellipse's turned bounds, and of others the least rectangle around them."""
    if region["shape"] == "box":
        return outline(region)
    if region["shape"] == "ellipse":
        x, y, rx, ry = (region[k] for k in ("x", "y", "rx", "ry"))
        ring = [[x - rx, y - ry], [x + rx, y - ry], [x + rx, y + ry], [x - rx, y + ry]]
        return turned(ring, region.get("rotation", 0), (x, y))
    import cv2
    import numpy as np

    points = np.asarray([p for ring in polygons(region) for p in ring], dtype="float32")
    return cv2.boxPoints(cv2.minAreaRect(points)).astype("float64").tolist()
