"""Our own plate detector: a small network, trained by `labeling/redaction/train` and shipped with its model card.

It looks at a picture at two sizes: small plates need pixels, large ones a smaller picture.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from labeling.redaction.regions import Region, clip, padded, suppress
from transforms.errors import SourceError

MODEL = Path(__file__).parent / "plates.onnx"
STRIDES = (8, 16)
_MOST = 300  # boxes of one look
_local = threading.local()


@dataclass(frozen=True)
class PlateNetDetector:
    """Plates by our own network.

    Args:
        sides: long sides of the copies it looks at, in pixels.
        enlarge: small pictures are enlarged to those sides, at most so many times: plates lower than 16 pixels are found
            in a picture of twice the size.
        least_score: from which a box is hidden. Chosen on held-out frames and plate styles, see the model card.
        pad: share of the box added on each side.
        mirrored: look at the mirror image too and take the mean: as many plates at a quarter less hidden beside them, for
            twice the time.
    """

    model: str = str(MODEL)
    name: str = "plate_net"
    kind: str = "plate"
    sides: tuple[int, ...] = (640, 1280)
    enlarge: float = 2.0
    least_score: float = 0.4
    pad: float = 0.15
    mirrored: bool = True

    def for_video(self) -> PlateNetDetector:
        """Return this detector at half the work: a plate missed in one look is seen in the next."""
        return replace(self, mirrored=False)

    def detect(self, bgr) -> list[Region]:
        import cv2
        import numpy as np

        height, width = bgr.shape[:2]
        found, seen = [], set()
        for side in self.sides:
            factor = min(self.enlarge, side / max(height, width))
            size = max(32, round(width * factor)), max(32, round(height * factor))
            if size in seen:
                continue
            seen.add(size)
            way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
            copy = cv2.resize(bgr, size, interpolation=way) if size != (width, height) else bgr
            boxes = look(self.model, copy, self.least_score, self.mirrored)
            found.append(boxes / np.array([size[0] / width, size[1] / height, size[0] / width, size[1] / height, 1]))
        boxes = suppress(np.concatenate(found), 0.4)
        regions = [
            padded(Region(self.kind, x, y, w, h, round(s, 4), self.name), self.pad) for x, y, w, h, s in boxes.tolist()
        ]
        return clip(regions, width, height)


def look(model: str, bgr, least: float, mirrored: bool = False):
    """Return an array of x, y, w, h, score of one picture; sides need not be multiples of 32."""
    import numpy as np

    height, width = bgr.shape[:2]
    wide, high = -(-width // 32) * 32, -(-height // 32) * 32
    canvas = np.full((high, wide, 3), 127, dtype="uint8")
    canvas[:height, :width] = bgr
    picture = np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], dtype="float32")
    cells = _session(model).run(None, {"picture": picture})[0][0]
    if mirrored:
        other = _session(model).run(None, {"picture": np.ascontiguousarray(picture[..., ::-1])})[0][0]
        cells = (cells + _turned(other, high, wide)) / 2
    middles, strides = _grid(high, wide)
    score = 1 / (1 + np.exp(-cells[0]))
    kept = np.flatnonzero(score >= least)
    kept = kept[np.argsort(-score[kept], kind="stable")][: 4 * _MOST]
    far = np.exp(np.clip(cells[1:, kept], -4, 4)) * strides[kept]
    x, y = middles[kept, 0], middles[kept, 1]
    boxes = np.stack([x - far[0], y - far[1], far[0] + far[2], far[1] + far[3], score[kept]], 1)
    return suppress(boxes, 0.4)[:_MOST]


def _turned(cells, high: int, wide: int):
    """Return the cells of a mirrored picture in the order of the picture: left and right change places."""
    import numpy as np

    parts, start = [], 0
    for stride in STRIDES:
        rows, columns = high // stride, wide // stride
        part = cells[:, start : start + rows * columns].reshape(5, rows, columns)
        parts.append(part[[0, 3, 2, 1, 4], :, ::-1].reshape(5, -1))
        start += rows * columns
    return np.concatenate(parts, axis=1)


@lru_cache(maxsize=64)
def _grid(high: int, wide: int):
    import numpy as np

    middles, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: high // stride, : wide // stride]
        middles.append(np.stack([(x.ravel() + 0.5) * stride, (y.ravel() + 0.5) * stride], 1))
        strides.append(np.full(x.size, float(stride)))
    return np.concatenate(middles), np.concatenate(strides)


def _session(model: str):
    import onnxruntime

    sessions = _local.__dict__.setdefault("sessions", {})
    if model not in sessions:
        if not Path(model).is_file():
            raise SourceError(f"There is no plate model at {model}.", hint="Install Tilth again, or name another file.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        try:
            sessions[model] = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common base
            raise SourceError(f"{Path(model).name} cannot be loaded: {str(error)[:200]}.") from error
    return sessions[model]
