"""Help with drawing that needs no model: cut a thing out of a box, fill an area of one colour, follow an edge.

Each works on a part of the picture and at most `MOST` pixels of it, so that an answer comes within a second.
"""

from __future__ import annotations

import math

from labeling.shapes import from_mask, polygons
from transforms.errors import InputError

MOST = 400_000  # pixels that grabCut works on
MARGIN = 0.25  # of the box, seen as surely background
ROUNDS = 4
REACH = 60  # pixels around the straight way between two clicks in which an edge is looked for


def cut_out(bgr, x: float, y: float, w: float, h: float) -> dict | None:
    """Return the mask of what stands out inside a box (grabCut, Rother et al. 2004), or None where nothing does.

    The rim around the box is taken as background. Large boxes are worked on at a smaller scale.
    """
    import cv2
    import numpy as np

    left, top, right, bottom = _window(bgr, x, y, w, h, MARGIN)
    part = bgr[top:bottom, left:right]
    if min(part.shape[:2]) < 3 or w < 2 or h < 2:
        return None
    factor = min(1.0, math.sqrt(MOST / (part.shape[0] * part.shape[1])))
    size = max(3, round(part.shape[1] * factor)), max(3, round(part.shape[0] * factor))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA) if factor < 1 else part
    fx, fy = size[0] / part.shape[1], size[1] / part.shape[0]
    inner = [round((x - left) * fx), round((y - top) * fy), round(w * fx), round(h * fy)]
    inner = [max(0, inner[0]), max(0, inner[1]), max(1, inner[2]), max(1, inner[3])]
    inner[2], inner[3] = min(inner[2], size[0] - inner[0]), min(inner[3], size[1] - inner[1])
    labels = np.full((size[1], size[0]), cv2.GC_BGD, dtype="uint8")
    labels[inner[1] : inner[1] + inner[3], inner[0] : inner[0] + inner[2]] = cv2.GC_PR_FGD
    if (labels == cv2.GC_BGD).sum() < 8:  # the box is the whole picture: its rim must be background
        labels[[0, -1], :] = cv2.GC_BGD
        labels[:, [0, -1]] = cv2.GC_BGD
    cv2.setRNGSeed(1)  # grabCut starts from k-means: the same click gives the same mask
    grain = np.random.default_rng(1).integers(-3, 4, small.shape)  # drawings of pure colours would have no variance
    small = np.clip(small.astype("int16") + grain, 0, 255).astype("uint8")
    try:
        cv2.grabCut(small, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:
        return None  # one colour everywhere
    found = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype("uint8")
    if factor < 1:
        found = cv2.resize(found, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_NEAREST)
    return from_mask(_largest(found), left, top)


def _window(bgr, x, y, w, h, margin: float) -> tuple[int, int, int, int]:
    high, wide = bgr.shape[:2]
    if not all(map(math.isfinite, (x, y, w, h))):
        raise InputError("The box needs numbers.")
    dx, dy = max(8, w * margin), max(8, h * margin)
    left, top = max(0, math.floor(x - dx)), max(0, math.floor(y - dy))
    return left, top, min(wide, math.ceil(x + w + dx)), min(high, math.ceil(y + h + dy))


def _largest(mask):
    """Keep the largest connected part, and fill its holes of a few pixels."""
    import cv2
    import numpy as np

    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), dtype="uint8"))
    count, parts, facts, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return mask.astype(bool)
    return parts == 1 + int(np.argmax(facts[1:, cv2.CC_STAT_AREA]))


def fill(bgr, x: float, y: float, tolerance: int = 16) -> dict | None:
    """Return the mask of the connected area around a point whose colours differ by at most `tolerance` per channel."""
    import cv2
    import numpy as np

    high, wide = bgr.shape[:2]
    px, py = int(x), int(y)
    if not (0 <= px < wide and 0 <= py < high):
        return None
    mask = np.zeros((high + 2, wide + 2), dtype="uint8")
    way = 4 | (255 << 8) | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE
    limit = (int(tolerance),) * 3
    cv2.floodFill(np.ascontiguousarray(bgr), mask, (px, py), 0, limit, limit, way)
    inside = cv2.morphologyEx(mask[1:-1, 1:-1], cv2.MORPH_CLOSE, np.ones((3, 3), dtype="uint8"))
    return from_mask(inside > 0)


def follow_edge(bgr, start: list[float], end: list[float]) -> list[list[float]]:
    """Return points from after `start` to `end` along the strongest edge between them (intelligent scissors,
    Mortensen and Barrett 1995)."""
    import cv2
    import numpy as np

    (x1, y1), (x2, y2) = start, end
    high, wide = bgr.shape[:2]
    left, top = max(0, math.floor(min(x1, x2) - REACH)), max(0, math.floor(min(y1, y2) - REACH))
    right, bottom = min(wide, math.ceil(max(x1, x2) + REACH)), min(high, math.ceil(max(y1, y2) + REACH))
    if (right - left) * (bottom - top) > 4 * MOST or min(right - left, bottom - top) < 3:
        return [[x2, y2]]  # too far apart to follow: a straight line

    def inside(x: float, y: float) -> tuple[int, int]:
        return min(max(int(x) - left, 0), right - left - 1), min(max(int(y) - top, 0), bottom - top - 1)

    scissors = cv2.segmentation.IntelligentScissorsMB()
    scissors.setEdgeFeatureCannyParameters(32, 100)
    scissors.setGradientMagnitudeMaxLimit(200)
    scissors.applyImage(np.ascontiguousarray(bgr[top:bottom, left:right]))
    scissors.buildMap(inside(x1, y1))
    way = scissors.getContour(inside(x2, y2))
    points = cv2.approxPolyDP(way, 1.0, False).reshape(-1, 2)[1:]
    found = [[float(px) + left + 0.5, float(py) + top + 0.5] for px, py in points]
    return [*found[:-1], [x2, y2]] if found else [[x2, y2]]


def as_polygon(mask: dict) -> dict | None:
    """Return the outline of a mask as a polygon, for collections that have no masks."""
    outlines = [p for p in polygons(mask, tolerance=1.2) if len(p) >= 3]
    if not outlines:
        return None
    return {"shape": "polygon", "points": max(outlines, key=_extent)}


def _extent(points) -> float:
    pairs = zip(points, points[1:] + points[:1], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs))
