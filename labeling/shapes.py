"""Geometry of regions: outlines, areas, masks, and how far two regions are the same thing.

A region is a dict of `labeling.documents`. Masks are boolean arrays, height × width.
"""

from __future__ import annotations

import math

from labeling.boxes import iou
from transforms.errors import InputError

AREAL = ("box", "polygon", "ellipse", "mask")
_STEPS = 64  # corners of the polygon that stands for an ellipse


def bounds(region: dict) -> tuple[float, float, float, float]:
    """Return x, y, w, h of the upright rectangle around a region; a point has none of w and h.

    Raises:
        InputError: a span of text has no place in a picture.
    """
    shape = region["shape"]
    if shape == "mask" or (shape == "box" and not region.get("rotation")):
        return region["x"], region["y"], region["w"], region["h"]
    if shape == "point":
        return region["x"], region["y"], 0, 0
    if shape == "ellipse":  # exact: the outline's corners would lie inside
        turn = math.radians(region.get("rotation", 0))
        dx = math.hypot(region["rx"] * math.cos(turn), region["ry"] * math.sin(turn))
        dy = math.hypot(region["rx"] * math.sin(turn), region["ry"] * math.cos(turn))
        return region["x"] - dx, region["y"] - dy, 2 * dx, 2 * dy
    points = outline(region)
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def outline(region: dict) -> list[list[float]]:
    """Return the corners of a box (turned, if it is), an ellipse (64 of them), a polygon or a polyline.

    A mask gives the rectangle around it: its true outline may have holes and several parts (`polygons`).
    """
    shape = region["shape"]
    if shape in ("polygon", "polyline"):
        return region["points"]
    if shape == "point":
        return [[region["x"], region["y"]]]
    if shape in ("box", "mask"):
        x, y, w, h = (region[k] for k in "xywh")
        return turned([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], region.get("rotation", 0))
    if shape == "ellipse":
        steps = (2 * math.pi * n / _STEPS for n in range(_STEPS))
        around = [[region["x"] + region["rx"] * math.cos(a), region["y"] + region["ry"] * math.sin(a)] for a in steps]
        return turned(around, region.get("rotation", 0), (region["x"], region["y"]))
    raise InputError(f"A {shape} has no outline.")


def turned(points: list, degrees: float, about: tuple[float, float] | None = None) -> list[list[float]]:
    """Turn points clockwise (y points down) about a point, the middle of their bounds by default."""
    if not degrees:
        return [list(p) for p in points]
    if about is None:
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        about = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    cos, sin = _exact(degrees)
    cx, cy = about
    return [[cx + (x - cx) * cos - (y - cy) * sin, cy + (x - cx) * sin + (y - cy) * cos] for x, y in points]


def _exact(degrees: float) -> tuple[float, float]:
    """Cosine and sine, exact for quarter turns, so that a box turned by 90 degrees keeps whole pixels."""
    quarter = {0: (1.0, 0.0), 90: (0.0, 1.0), 180: (-1.0, 0.0), 270: (0.0, -1.0)}.get(degrees % 360)
    return quarter or (math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))


def area(region: dict) -> float:
    """Return square pixels; 0 for points, lines and spans."""
    shape = region["shape"]
    if shape == "box":
        return region["w"] * region["h"]
    if shape == "ellipse":
        return math.pi * region["rx"] * region["ry"]
    if shape == "mask":
        return sum(region["rle"][1::2])
    if shape == "polygon":
        points = region["points"]
        pairs = zip(points, points[1:] + points[:1], strict=True)
        return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2
    return 0.0


def mask_array(region: dict):
    """Return the mask inside its own rectangle, h × w."""
    import numpy as np

    runs = np.asarray(region["rle"], dtype="int64")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(region["h"], region["w"])


def from_mask(array, x: int = 0, y: int = 0) -> dict | None:
    """Return the geometry of a mask region for an array whose top left pixel is (x, y); None where nothing is set."""
    import numpy as np

    array = np.asarray(array, dtype=bool)
    rows, columns = np.flatnonzero(array.any(axis=1)), np.flatnonzero(array.any(axis=0))
    if not len(rows):
        return None
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    flat = array[top:bottom, left:right].ravel()
    ends = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], ends, [flat.size]])).tolist()
    rle = [0, *runs] if flat[0] else runs
    return {"shape": "mask", "x": x + left, "y": y + top, "w": right - left, "h": bottom - top, "rle": rle}


def to_mask(region: dict, width: int, height: int):
    """Return the pixels whose centres lie in an areal region, as an array of height × width."""
    import numpy as np

    out = np.zeros((height, width), dtype=bool)
    if region["shape"] == "mask":
        x, y = region["x"], region["y"]
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + region["w"], width), min(y + region["h"], height)
        if left < right and top < bottom:
            out[top:bottom, left:right] = mask_array(region)[top - y : bottom - y, left - x : right - x]
        return out
    points = np.asarray(outline(region), dtype="float64")
    nexts = np.roll(points, -1, axis=0)
    first = max(0, math.floor(points[:, 1].min()))
    rows = np.arange(first, min(height, math.ceil(points[:, 1].max())))
    if not len(rows):
        return out
    # even-odd rule: every crossing of a row's middle line switches the pixels to its right
    (x1, y1), (x2, y2) = points.T[:, :, None], nexts.T[:, :, None]
    middle = rows[None, :] + 0.5
    edge, row = np.nonzero((y1 <= middle) != (y2 <= middle))
    share = (middle[0, row] - y1[edge, 0]) / (y2[edge, 0] - y1[edge, 0])
    crossing = x1[edge, 0] + share * (x2[edge, 0] - x1[edge, 0])
    column = np.clip(np.ceil(crossing - 0.5), 0, width).astype("int64")
    switches = np.zeros((len(rows), width + 1), dtype="int32")
    np.add.at(switches, (row, column), 1)
    out[rows] = np.cumsum(switches, axis=1)[:, :width] % 2 == 1
    return out


def polygons(region: dict, tolerance: float = 0.0) -> list[list[list[float]]]:
    """Return the outer outlines of an areal region; those of a mask run along pixel edges, one per part.

    Holes in masks are not expressed; `tolerance` in pixels simplifies (Douglas-Peucker).
    """
    if region["shape"] != "mask":
        return [outline(region)]
    import cv2
    import numpy as np

    # doubled, so that outlines through pixel centres become outlines along pixel edges
    inside = np.pad(np.kron(mask_array(region), np.ones((2, 2), dtype=bool)).astype("uint8"), 1)
    found, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    out = []
    for contour in found:
        points = _along_edges(contour.reshape(-1, 2) - 1, region["x"], region["y"])
        if tolerance:
            near = cv2.approxPolyDP(np.asarray(points, dtype="float32")[:, None], tolerance, True)
            points = near.reshape(-1, 2).astype("float64").tolist() if len(near) >= 3 else points
        out.append(points)
    return out


def _along_edges(contour, x: int, y: int) -> list[list[float]]:
    """Corners of half pixels to corners of whole ones: the doubled pixel 2n lies left of the edge n, 2n + 1 right of n + 1."""
    corners = [[x + int(px // 2 + px % 2), y + int(py // 2 + py % 2)] for px, py in contour.tolist()]
    return [corner for before, corner in zip(corners[-1:] + corners[:-1], corners, strict=True) if corner != before]


def overlap(a: dict, b: dict) -> float:
    """Intersection over union of two areal regions; other shapes give 0.

    Upright boxes exactly, other outlines by clipping polygons, masks by pixels.
    """
    if a["shape"] not in AREAL or b["shape"] not in AREAL:
        return 0.0
    if all(r["shape"] == "box" and not r.get("rotation") for r in (a, b)):
        return iou(a, b)
    ax, ay, aw, ah = bounds(a)
    bx, by, bw, bh = bounds(b)
    if min(ax + aw, bx + bw) <= max(ax, bx) or min(ay + ah, by + bh) <= max(ay, by):
        return 0.0
    if "mask" in (a["shape"], b["shape"]):
        left, top = math.floor(min(ax, bx)), math.floor(min(ay, by))
        width, height = math.ceil(max(ax + aw, bx + bw)) - left, math.ceil(max(ay + ah, by + bh)) - top
        one, two = (to_mask(moved(r, -left, -top), width, height) for r in (a, b))
        union = int((one | two).sum())
        return int((one & two).sum()) / union if union else 0.0
    import shapely

    one, two = (shapely.make_valid(shapely.Polygon(outline(r))) for r in (a, b))
    both = shapely.intersection(one, two).area
    union = one.area + two.area - both
    return float(both / union) if union > 0 else 0.0


def moved(region: dict, dx: float, dy: float) -> dict:
    """Return the region at another place."""
    if "points" in region:
        return {**region, "points": [[x + dx, y + dy] for x, y in region["points"]]}
    return {**region, "x": region["x"] + dx, "y": region["y"] + dy} if "x" in region else region


def scaled(region: dict, fx: float, fy: float) -> dict:
    """Return the region in an image of another size; a mask is drawn anew."""
    if "points" in region:
        return {**region, "points": [[x * fx, y * fy] for x, y in region["points"]]}
    if region["shape"] == "mask":
        import cv2

        w, h = max(1, round(region["w"] * fx)), max(1, round(region["h"] * fy))
        grown = cv2.resize(mask_array(region).astype("uint8"), (w, h), interpolation=cv2.INTER_NEAREST)
        made = from_mask(grown, round(region["x"] * fx), round(region["y"] * fy))
        return {**region, **made} if made else region
    out = dict(region)
    for name, factor in (("x", fx), ("y", fy), ("w", fx), ("h", fy), ("rx", fx), ("ry", fy)):
        if name in out:
            out[name] = out[name] * factor
    return out
