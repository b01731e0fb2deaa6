"""Detectors made of detectors: several at once, in tiles, mirrored; and models that the user brings."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from labeling.redaction.regions import Region, clip, joined
from transforms.errors import InputError

_local = threading.local()


@dataclass(frozen=True)
class Tiles:
    """Looks at a picture in overlapping tiles as well as whole: for small things in large pictures.

    Args:
        inner: what looks. It sees each tile in full size.
        side: of a tile in pixels; `overlap` is the share that neighbours have in common.
    """

    inner: object
    side: int = 640
    overlap: float = 0.25

    @property
    def name(self) -> str:
        return f"{self.inner.name} in tiles"

    @property
    def kind(self) -> str:
        return self.inner.kind

    def detect(self, bgr) -> list[Region]:
        height, width = bgr.shape[:2]
        found = list(self.inner.detect(bgr))
        if max(height, width) > self.side:
            for top in _starts(height, self.side, self.overlap):
                for left in _starts(width, self.side, self.overlap):
                    tile = bgr[top : top + self.side, left : left + self.side]
                    found += [replace(r, x=r.x + left, y=r.y + top) for r in self.inner.detect(tile)]
        return clip(_joined(found, self.name), width, height)


def _starts(length: int, side: int, overlap: float) -> list[int]:
    """Return where tiles begin, so that they cover the whole length and the last ends with it."""
    if length <= side:
        return [0]
    step = max(1, int(side * (1 - overlap)))
    return [*range(0, length - side, step), length - side]


@dataclass(frozen=True)
class Mirrored:
    """Looks at the picture and at its mirror image."""

    inner: object

    @property
    def name(self) -> str:
        return f"{self.inner.name} mirrored"

    @property
    def kind(self) -> str:
        return self.inner.kind

    def detect(self, bgr) -> list[Region]:
        import numpy as np

        width = bgr.shape[1]
        other = self.inner.detect(np.ascontiguousarray(bgr[:, ::-1]))
        found = [*self.inner.detect(bgr), *(replace(r, x=width - r.x - r.w) for r in other)]
        return clip(_joined(found, self.name), width, bgr.shape[0])


def _joined(regions: list[Region], name: str) -> list[Region]:
    """Join what several looks found of one kind."""
    import numpy as np

    out = []
    for kind in sorted({r.kind for r in regions}):
        boxes = np.array([[r.x, r.y, r.w, r.h, r.score] for r in regions if r.kind == kind])
        out += [Region(kind, *box[:4], round(box[4], 4), name) for box in joined(boxes, 0.5).tolist()]
    return out


@dataclass(frozen=True)
class OwnModel:
    """A detector in an ONNX file that the user brings (see `labeling.autolabel.onnx_models` for the layouts it may have).

    Args:
        model: the file.
        kinds: `{class name of the model: what it is called here}`; other classes are not hidden. Empty: all of them, by
            their own names.
        pad: share of each box added on each side.
    """

    model: str
    kinds: dict = field(default_factory=dict, hash=False)
    least_score: float = 0.25
    pad: float = 0.05
    name: str = "own model"
    kind: str = "other"

    def detect(self, bgr) -> list[Region]:
        from labeling.redaction.regions import padded

        model = self._model()
        found = []
        for box in model.boxes(bgr):
            kind = self.kinds.get(box.label) if self.kinds else box.label
            if kind and box.score >= self.least_score:
                region = Region(kind, box.x, box.y, box.w, box.h, round(box.score, 4), self.name)
                found.append(padded(region, self.pad))
        return clip(found, bgr.shape[1], bgr.shape[0])

    def _model(self):
        from labeling.autolabel.onnx_models import OnnxModel

        models = _local.__dict__.setdefault("models", {})
        if self.model not in models:
            made = OnnxModel(self.model, least_score=min(self.least_score, 0.25))
            if made.kind != "boxes":
                raise InputError(
                    f"{self.model} tells classes of whole pictures; hiding needs a model that gives boxes."
                )
            models[self.model] = made
        return models[self.model]


@dataclass(frozen=True)
class TextDetector:
    """Lines of text without a model: dark or light strokes of like height that stand in a row (MSER, Matas et al. 2002).

    It finds most printed lines of 10 to 80 pixels and marks some that are none: for hiding, not for reading.
    """

    name: str = "text lines"
    kind: str = "text"
    side: int = 1280
    least: int = 3  # letters of a line
    pad: float = 0.1

    def detect(self, bgr) -> list[Region]:
        import cv2
        import numpy as np

        from labeling.redaction.regions import padded

        height, width = bgr.shape[:2]
        factor = min(1.0, self.side / max(height, width))
        grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
        if factor < 1:
            grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        _, boxes = cv2.MSER_create(delta=5, min_area=12, max_area=max(13, grey.size // 40)).detectRegions(grey)
        if len(boxes) == 0:
            return []
        boxes = np.unique(np.array(boxes), axis=0).astype(float)
        w, h = boxes[:, 2], boxes[:, 3]
        boxes = boxes[(h >= 6) & (h <= 90) & (w <= 2.2 * h) & (w >= 0.1 * h)]
        lines = _rows(boxes, self.least)
        regions = [
            Region(self.kind, x / factor, y / factor, w / factor, h / factor, round(1 - 1 / (1 + n / 4), 4), self.name)
            for x, y, w, h, n in lines
        ]
        return clip([padded(r, self.pad) for r in regions], width, height)


def _rows(boxes, least: int) -> list[tuple]:
    """Return x, y, w, h, letters of rows of boxes that are alike in height, level and near to each other."""
    import numpy as np

    order = np.argsort(boxes[:, 0], kind="stable")
    boxes = boxes[order]
    rows: list[list] = []  # left, top, right, bottom, letters, mean height, right end of the last letter
    for x, y, w, h in boxes.tolist():
        middle = y + h / 2
        best = None
        for row in rows:
            high = row[5]
            level = abs(middle - (row[1] + row[3]) / 2) < 0.35 * high
            if level and 0.55 < h / high < 1.8 and x - row[6] < 1.3 * high and (best is None or row[6] > best[6]):
                best = row
        if best is None:
            rows.append([x, y, x + w, y + h, 1, h, x + w])
            continue
        new = x > best[6] - 0.3 * w  # not the same letter once more
        best[:4] = min(best[0], x), min(best[1], y), max(best[2], x + w), max(best[3], y + h)
        best[5] = (best[5] * best[4] + h) / (best[4] + 1)
        best[4] += new
        best[6] = max(best[6], x + w)
    return [
        (r[0], r[1], r[2] - r[0], r[3] - r[1], r[4])
        for r in rows
        if r[4] >= least and r[2] - r[0] > 1.2 * (r[3] - r[1])
    ]
