"""Classifiers and detectors that a user brings as an ONNX file.

What a model is, is read from the shapes that it gives for an empty picture:

    [1, C]                          classifier: logits or chances
    [1, 4+C, N]                     YOLOv8, YOLO11: cx, cy, w, h, chance per class
    [1, N, 5+C]                     YOLOv5: cx, cy, w, h, objectness, chance per class
    [1, N, 6], N up to 1000         without NMS (YOLOv10, YOLO26): x1, y1, x2, y2, score, class
    [1, Q, C] and [1, Q, 4]         DETR: logits and cx, cy, w, h as shares of the picture

Files that point to other files (external data) are refused: they could name any file of this computer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from transforms.errors import InputError, SourceError

MAX_FILE = 1 << 30  # bytes
MAX_SIDE = 2048  # pixels of a model's input
MAX_VALUES = 50_000_000  # numbers in one output
MAX_CANDIDATES, MAX_BOXES = 3000, 300  # before and after own NMS
_EXTERNAL = re.compile(rb"\x0a(?:\x08|\x88\x80*\x00)location")  # key of an external_data entry, any length spelling
_NAME = re.compile(r"(\d{1,6})\s*:\s*(?:'((?:[^'\\]|\\.){0,200})'|\"((?:[^\"\\]|\\.){0,200})\")")
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of RGB from 0 to 1


@dataclass(frozen=True)
class Found:
    """One box that a detector found, in pixels of the picture it was given."""

    label: str
    x: float
    y: float
    w: float
    h: float
    score: float


class OnnxModel:
    """A model in one ONNX file, run on the CPU.

    Args:
        path: the file, at most 1 GB, without external data.
        names: class names in the model's order; without them the file's own (`names`), else "class 0", "class 1" …
        least_score: boxes below are left out. The default is low: which ones are good enough is for the certified pass.
        overlap: IoU from which the weaker of two boxes of one class is the same thing.
        scaling: "unit" (0 to 1), "imagenet" or "raw" (0 to 255); None: imagenet for DETR and classifiers, else unit.

    Raises:
        SourceError: not an ONNX model, too large, or pointing to other files.
        InputError: inputs or outputs that are none of the known layouts; says what they are.
    """

    def __init__(self, path, names: list[str] | None = None, *, least_score: float = 0.25, overlap: float = 0.5,
                 scaling: str | None = None, threads: int = 1):  # fmt: skip
        self.path = Path(path)
        self.least_score, self.overlap = least_score, overlap
        if scaling not in (None, "unit", "imagenet", "raw"):
            raise InputError(f"There is no scaling {scaling!r}.", hint="Use unit, imagenet or raw.")
        self._session = open_session(self.path, threads)
        meta = self._session.get_modelmeta().custom_metadata_map or {}
        self._inputs(meta)
        known = list(names) if names else names_of(meta.get("names", ""))
        self._scaling = "raw"
        outputs = self._run(self._blank(), (self.width, self.height))
        self.layout, count = layout_of([o.shape for o in outputs], self._output_names, len(known or []))
        self.names = [*(known or []), *(f"class {i}" for i in range(len(known or []), count))]
        three = [(i, o.shape) for i, o in enumerate(outputs) if o.ndim == 3]
        self._pair = _detr_pair(three, self._output_names) if self.layout == "detr" else None
        self._no_object = self.layout == "detr" and (not known or count > len(known))
        if self._no_object and not known:
            self.names = self.names[:-1]  # DETR's last class is "nothing"
        unit = self.layout not in ("detr", "classifier") or "stride" in meta  # Ultralytics' classifiers say a stride
        self._scaling = scaling or ("unit" if unit else "imagenet")

    @property
    def kind(self) -> str:
        """ "classes" for a classifier, "boxes" for a detector."""
        return "classes" if self.layout == "classifier" else "boxes"

    def _inputs(self, meta: dict) -> None:
        inputs = {i.name: i for i in self._session.get_inputs()}
        self._output_names = [o.name for o in self._session.get_outputs()]
        pictures = [i for i in inputs.values() if len(i.shape) == 4]
        others = {n for n, i in inputs.items() if i not in pictures} - {"pixel_mask"}
        if len(pictures) != 1 or others or pictures[0].type not in ("tensor(float)", "tensor(float16)"):
            seen = ", ".join(f"{i.name} {i.type}{i.shape}" for i in inputs.values())
            raise InputError(
                f"{self.path.name} takes {seen}; it should take one picture as numbers [1, 3, height, width].",
                hint="Export it with a single float input.",
            )
        picture = pictures[0]
        self._input, self._mask = picture.name, inputs.get("pixel_mask")
        self._type = "float16" if picture.type.endswith("(float16)") else "float32"
        shape = [s if isinstance(s, int) else None for s in picture.shape]
        self._last = shape[1] not in (1, 3) and shape[3] in (1, 3)  # height, width, channels (from TensorFlow)
        self.channels = (shape[3] if self._last else shape[1]) or 3
        sizes = [int(n) for n in re.findall(r"\d{1,5}", meta.get("imgsz", ""))[:2]]
        default = sizes * 2 if len(sizes) == 1 else sizes or ([224, 224] if len(self._ranks()) == 1 else [640, 640])
        height, width = shape[1:3] if self._last else shape[2:4]
        self.height, self.width = height or default[0], width or default[1]
        if self.channels not in (1, 3) or (shape[0] or 1) != 1 or not (0 < max(self.width, self.height) <= MAX_SIDE):
            raise InputError(
                f"{self.path.name} takes pictures {picture.shape}; it should be [1, 3, H, W] of up to {MAX_SIDE}."
            )

    def _ranks(self) -> list[int]:
        return [2] if all(len(o.shape) == 2 for o in self._session.get_outputs()) else [3, 3]

    def _blank(self):
        import numpy as np

        return np.zeros((self.height, self.width, 3), dtype="uint8")

    def _run(self, bgr, inside: tuple[int, int]) -> list:
        """Return the outputs for a picture of the model's size, of which `inside` (width, height) is not padding."""
        import numpy as np

        values = bgr[:, :, ::-1].astype("float32")
        if self.channels == 1:
            values = (values @ np.array([0.299, 0.587, 0.114], dtype="float32"))[:, :, None]
        if self._scaling != "raw":
            values /= 255
        if self._scaling == "imagenet" and self.channels == 3:
            values = (values - np.array(_MEAN, dtype="float32")) / np.array(_DEVIATION, dtype="float32")
        values = values if self._last else values.transpose(2, 0, 1)
        feed = {self._input: np.ascontiguousarray(values[None], dtype=self._type)}
        if self._mask is not None:
            feed["pixel_mask"] = _pixel_mask(self._mask, self.width, self.height, inside)
        try:
            outputs = self._session.run(None, feed)
        except Exception as error:  # onnxruntime's own errors have no common class
            said = str(error).splitlines()[0][:200]
            raise SourceError(f"{self.path.name} cannot be run: {said}") from error
        if any(np.size(o) > MAX_VALUES for o in outputs):
            raise SourceError(f"{self.path.name} gives more numbers than Tilth reads ({MAX_VALUES:,}).")
        return [np.asarray(o, dtype="float32") for o in outputs]

    def chances(self, bgr):
        """Return one chance per class (summing to 1) for a picture; classifiers only."""
        import cv2
        import numpy as np

        if self.layout != "classifier":
            raise InputError(f"{self.path.name} is a detector: it finds boxes, not classes of pictures.")
        size = (self.width, self.height)
        values = self._run(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), size)[0].reshape(-1).astype("float64")
        if not np.isfinite(values).all():
            raise SourceError(f"{self.path.name} gave numbers that are not finite.")
        if values.min() >= 0 and abs(values.sum() - 1) < 1e-3:
            return values / values.sum()
        powers = np.exp(values - values.max())
        return powers / powers.sum()

    def boxes(self, bgr) -> list[Found]:
        """Return the boxes found in a picture, surest first; detectors only."""
        import numpy as np

        if self.layout == "classifier":
            raise InputError(f"{self.path.name} is a classifier: it has no boxes.")
        height, width = bgr.shape[:2]
        boxed, factor, left, top = letterbox(bgr, self.width, self.height)
        inside = (round(width * factor), round(height * factor))
        outputs = self._run(boxed, inside)
        if self._pair:
            logits, places = (outputs[i][0] for i in self._pair)
            corners, scores, labels = decode_detr(logits, places, self._no_object)
            corners, overlapping = corners * [self.width, self.height, self.width, self.height], False
        else:
            rows = next(o for o in outputs if o.ndim == 3)[0]
            corners, scores, labels = decode_rows(rows, self.layout, len(self.names))
            overlapping = self.layout != "end-to-end"
        good = np.isfinite(corners).all(axis=1) & (scores >= self.least_score) & (labels >= 0)
        good &= labels < len(self.names)
        corners, scores, labels = corners[good], scores[good], labels[good]
        order = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
        corners, scores, labels = corners[order], scores[order], labels[order]
        if overlapping:
            keep = suppress(corners, scores, labels, self.overlap)
            corners, scores, labels = corners[keep], scores[keep], labels[keep]
        corners = (corners - [left, top, left, top]) / factor
        corners = np.clip(corners, 0, [width, height, width, height])
        found = []
        for (x1, y1, x2, y2), score, label in zip(corners.tolist(), scores.tolist(), labels.tolist(), strict=True):
            if x2 - x1 > 0.5 and y2 - y1 > 0.5:
                size = [round(v, 2) for v in (x1, y1, x2 - x1, y2 - y1)]
                found.append(Found(self.names[label], *size, round(min(1.0, score), 4)))
        return found[:MAX_BOXES]


def open_session(path: Path, threads: int):
    try:
        import onnxruntime
    except ImportError:
        raise InputError("ONNX models need onnxruntime.", hint="Install it: pip install onnxruntime") from None
    try:
        size = path.stat().st_size
        if size > MAX_FILE:
            raise SourceError(f"{path.name} has {size / 1e9:.1f} GB; models may have {MAX_FILE / 1e9:.1f} GB.")
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"The model {path} cannot be read: {error.strerror}.", hint="Check the path.") from None
    if _EXTERNAL.search(data):
        raise SourceError(
            f"{path.name} keeps its numbers in other files.", hint="Save it as one file (without external data)."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = max(1, threads), 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common class
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise SourceError(f"{path.name} is not an ONNX model that can be run: {said}") from error


def _pixel_mask(declared, width: int, height: int, inside: tuple[int, int]):
    """Return ones where the picture is and zeros where padding is, of the shape that the model declares."""
    import numpy as np

    rows, columns = (s if isinstance(s, int) and 0 < s <= MAX_SIDE else d
                     for s, d in zip(declared.shape[-2:], (height, width), strict=True))  # fmt: skip
    left, top = (width - inside[0]) // 2, (height - inside[1]) // 2
    y, x = np.arange(rows) * height / rows, np.arange(columns) * width / columns
    mask = ((y >= top) & (y < top + inside[1]))[:, None] & ((x >= left) & (x < left + inside[0]))
    kinds = {"tensor(bool)": "bool", "tensor(int64)": "int64", "tensor(float)": "float32"}
    return mask[None].astype(kinds.get(declared.type, "int64"))


def names_of(text: str) -> list[str] | None:
    """Return the class names in a model's `names` entry such as "{0: 'person', 1: 'car'}", or None."""
    found = {int(k): a or b for k, a, b in _NAME.findall(text[:1_000_000])}
    if not found or max(found) >= 100_000:
        return None
    return [found.get(i) or f"class {i}" for i in range(max(found) + 1)]


def layout_of(shapes: list[tuple], names: list[str], classes: int = 0) -> tuple[str, int]:
    """Return the layout of outputs with these shapes, and how many classes it has.

    Args:
        names: the outputs' names, which tell DETR's boxes from its logits where shapes do not.
        classes: how many classes are known, or 0; decides where two layouts have one shape.
    """
    shapes = [tuple(s) for s in shapes]
    flat = [tuple(n for n in s[1:] if n != 1) for s in shapes]
    if len(shapes) == 1 and shapes[0][:1] == (1,) and len(flat[0]) == 1 and len(shapes[0]) in (2, 4):
        return "classifier", flat[0][0]
    three = [(i, s) for i, s in enumerate(shapes) if len(s) == 3 and s[0] == 1]
    if len(three) >= 2 and (pair := _detr_pair(three, names)):
        return "detr", shapes[pair[0]][2]
    if len(three) == 1 or (three and three[0][0] == 0):
        _, a, b = three[0][1]
        if b == 6 and a <= 1000 and 4 + classes != a:
            return "end-to-end", classes or 1
        if classes and 4 + classes in (a, b) and 5 + classes not in (a, b):
            return ("yolo8" if a == 4 + classes else "yolo8-rows"), classes
        if classes and 5 + classes == b:
            return "yolo5", classes
        if 4 < a < b:
            return "yolo8", a - 4
        if 5 < b < a:
            return "yolo5", b - 5
    said = ", ".join(f"{n} {list(s)}" for n, s in zip(names, shapes, strict=False))
    raise InputError(
        f"The model's outputs ({said}) are none of the layouts that Tilth reads.",
        hint="It reads classifiers, YOLOv5, YOLOv8 and YOLO11, detectors without NMS, and DETR.",
    )


def _detr_pair(three, names: list[str]) -> tuple[int, int] | None:
    """Return the places of (logits, boxes) among outputs, or None."""
    for i, boxes in three:
        for j, logits in three:
            same = i != j and boxes[1] == logits[1] and boxes[2] == 4
            if same and (logits[2] != 4 or "box" in names[i].lower()):
                return j, i
    return None


def decode_rows(rows, layout: str, classes: int):
    """Return `(corners [n, 4] in input pixels, scores, class numbers)` of a YOLO model's one output."""
    import numpy as np

    if layout == "end-to-end":
        return rows[:, :4], rows[:, 4], np.nan_to_num(rows[:, 5], nan=-1).round().astype("int64")
    if layout == "yolo8":
        rows = rows.T
    start = 5 if layout == "yolo5" else 4
    chances = rows[:, start : start + classes]
    if layout == "yolo5":
        chances = chances * rows[:, 4:5]
    return _corners(rows[:, :4]), chances.max(axis=1), chances.argmax(axis=1)


def decode_detr(logits, boxes, no_object: bool):
    """Return `(corners as shares of the input, scores, class numbers)`; `no_object`: the last class is "nothing"."""
    import numpy as np

    if no_object:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        chances = (powers / powers.sum(axis=1, keepdims=True))[:, :-1]
    else:
        chances = 1 / (1 + np.exp(-logits))
    return _corners(boxes), chances.max(axis=1), chances.argmax(axis=1)


def _corners(boxes):
    import numpy as np

    half = boxes[:, 2:4] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def letterbox(bgr, width: int, height: int):
    """Fit a picture into width × height undistorted, grey around it; return `(picture, factor, left, top)`."""
    import cv2
    import numpy as np

    factor = min(width / bgr.shape[1], height / bgr.shape[0])
    size = (max(1, round(bgr.shape[1] * factor)), max(1, round(bgr.shape[0] * factor)))
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    out = np.full((height, width, 3), 114, dtype="uint8")
    out[top : top + size[1], left : left + size[0]] = cv2.resize(bgr, size, interpolation=cv2.INTER_LINEAR)
    return out, factor, left, top


def suppress(corners, scores, labels, overlap: float):
    """Return the places of the boxes that stay: of two of one class that overlap more than `overlap`, the surer one."""
    import numpy as np

    areas = np.prod(np.maximum(corners[:, 2:] - corners[:, :2], 0), axis=1)
    order = np.argsort(-scores, kind="stable")
    keep = []
    while len(order) and len(keep) < MAX_BOXES:
        first, rest = order[0], order[1:]
        keep.append(int(first))
        low = np.maximum(corners[first, :2], corners[rest, :2])
        high = np.minimum(corners[first, 2:], corners[rest, 2:])
        both = np.prod(np.maximum(high - low, 0), axis=1)
        union = areas[first] + areas[rest] - both
        same = (labels[rest] == labels[first]) & (both > overlap * np.maximum(union, 1e-9))
        order = rest[~same]
    return np.array(keep, dtype="int64")
