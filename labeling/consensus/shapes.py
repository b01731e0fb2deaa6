"""How alike two regions of one shape are, and the one region that stands for several.

Areas are compared by intersection over union, lines by their mean distance relative to their size, points by distance
relative to `scale`, spans by shared characters. The one region is the median of coordinates (boxes, ellipses, points, spans),
what most people covered (polygons, masks), or the one nearest to the others (lines).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from labeling.documents import number
from labeling.shapes import bounds, from_mask, moved, outline, overlap, to_mask

GRID = 256  # votes on polygons are counted on about that many cells across
MAX_GRID = 4096
MAX_TEXTS = 2000  # characters of a text that are compared


def similarities(regions: list[dict], scale: float = 10.0) -> np.ndarray:
    """Return how alike regions of one shape are, 0 to 1, as a symmetric matrix.

    Args:
        scale: pixels within which two points are alike (at that distance 0.5).
    """
    n, shape = len(regions), regions[0]["shape"]
    if shape == "box" and not any(r.get("rotation") for r in regions):
        low = np.array([[r["x"], r["y"]] for r in regions], float)
        size = np.array([[r["w"], r["h"]] for r in regions], float)
        return _overlaps(low, low + size)
    if shape == "point":
        at = np.array([[r["x"], r["y"]] for r in regions], float)
        away = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))
        return 0.5 ** ((away / max(scale, 1e-9)) ** 2)
    if shape == "span":
        ends = np.array([[r["start"], r["end"]] for r in regions], float)
        both = np.maximum(
            np.minimum(ends[:, None, 1], ends[None, :, 1]) - np.maximum(ends[:, None, 0], ends[None, :, 0]), 0
        )
        long = ends[:, 1] - ends[:, 0]
        return both / (long[:, None] + long[None] - both)
    out = np.eye(n)
    around = np.array([bounds(r) for r in regions], float)
    low, high = around[:, :2], around[:, :2] + around[:, 2:]
    grow = 0.1 * around[:, 2:].max(1, keepdims=True) if shape == "polyline" else 0.0
    touch = ((np.minimum((high + grow)[:, None], (high + grow)[None]) - np.maximum((low - grow)[:, None], (low - grow)[None])) > 0).all(2)  # fmt: skip
    compare = _lines_alike if shape == "polyline" else overlap
    for i, j in zip(*np.nonzero(np.triu(touch, 1)), strict=True):
        out[i, j] = out[j, i] = compare(regions[i], regions[j])
    return out


def _overlaps(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Intersection over union of n upright boxes, n × n."""
    wide = np.minimum(high[:, None, 0], high[None, :, 0]) - np.maximum(low[:, None, 0], low[None, :, 0])
    tall = np.minimum(high[:, None, 1], high[None, :, 1]) - np.maximum(low[:, None, 1], low[None, :, 1])
    both = np.maximum(wide, 0) * np.maximum(tall, 0)
    area = (high - low).prod(1)
    return both / np.maximum(area[:, None] + area[None] - both, 1e-12)


def _lines_alike(a: dict, b: dict) -> float:
    """1 for equal lines, 0.5 where they lie a twentieth of their size apart on the mean, whatever way they were drawn."""
    one, two = _along(a["points"]), _along(b["points"])
    away = np.hypot(*(one[:, None] - two[None]).transpose(2, 0, 1))
    mean = (away.min(1).mean() + away.min(0).mean()) / 2
    size = max(np.ptp(np.concatenate([one, two]), axis=0).max(), 1e-9)
    return float(max(0.0, 1 - 10 * mean / size))


def _along(points: list, n: int = 64) -> np.ndarray:
    """n points at equal distances along a line."""
    at = np.asarray(points, float)
    way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(at, axis=0).T))])
    steps = np.linspace(0, way[-1], n)
    return np.stack([np.interp(steps, way, at[:, 0]), np.interp(steps, way, at[:, 1])], 1)


def combined(members: list[dict], alike: np.ndarray, weights: Sequence[float] | None = None) -> dict:
    """Return the geometry (with its shape) that stands for several regions of one shape.

    Args:
        alike: their similarities, n × n.
        weights: how much each counts where pixels vote; equal by default.
    """
    shape = members[0]["shape"]
    medoid = members[int(alike.sum(1).argmax())]
    if shape == "box":
        return _median_box(members, medoid)
    if shape == "ellipse":
        return _median_ellipse(members, medoid)
    if shape == "point":
        return {"shape": shape} | {k: number(np.median([m[k] for m in members])) for k in "xy"}
    if shape == "span":
        ends = [sorted(m[k] for m in members)[(len(members) - 1) // 2] for k in ("start", "end")]
        start, end = ends if ends[0] < ends[1] else (medoid["start"], medoid["end"])
        like = next((m for m in members if (m["start"], m["end"]) == (start, end) and m.get("text")), {})
        return {"shape": shape, "start": start, "end": end} | ({"text": like["text"]} if like else {})
    if shape in ("mask", "polygon") and len(members) > 1:
        return _voted(members, np.ones(len(members)) if weights is None else np.asarray(weights, float)) or medoid
    kept = ("shape", "points", "x", "y", "w", "h", "rle")
    return {k: medoid[k] for k in kept if k in medoid}


def _median_box(members: list[dict], medoid: dict) -> dict:
    if not any(m.get("rotation") for m in members):
        x1, y1 = (float(np.median([m[k] for m in members])) for k in "xy")
        x2, y2 = (float(np.median([m[a] + m[b] for m in members])) for a, b in ("xw", "yh"))
        return {"shape": "box"} | dict(zip("xywh", map(_neat, (x1, y1, x2 - x1, y2 - y1)), strict=True))
    sizes = [(m["x"] + m["w"] / 2, m["y"] + m["h"] / 2, m["w"], m["h"], m.get("rotation", 0)) for m in members]
    cx, cy, w, h, turn = _median_turned(sizes, medoid.get("rotation", 0), medoid["w"] / medoid["h"])
    made = {"shape": "box"} | dict(zip("xywh", map(_neat, (cx - w / 2, cy - h / 2, w, h)), strict=True))
    return made | ({"rotation": _neat(turn)} if turn else {})


def _median_ellipse(members: list[dict], medoid: dict) -> dict:
    sizes = [(m["x"], m["y"], m["rx"], m["ry"], m.get("rotation", 0)) for m in members]
    x, y, rx, ry, turn = _median_turned(sizes, medoid.get("rotation", 0), medoid["rx"] / medoid["ry"])
    made = {"shape": "ellipse", "x": _neat(x), "y": _neat(y), "rx": _neat(rx), "ry": _neat(ry)}
    return made | ({"rotation": _neat(turn)} if turn else {})


def _median_turned(sizes: list[tuple], angle: float, ratio: float) -> tuple[float, ...]:
    """Median of centre, width, height and turn; w × h at 90 degrees is h × w at 0, so all are written like the medoid."""
    rows = []
    for cx, cy, w, h, turn in sizes:
        same = [(w, h, (turn - angle + 90) % 180 - 90), (h, w, (turn - angle) % 180 - 90)]
        w, h, away = min(same, key=lambda s: abs(s[2]) / 90 + abs(math.log(s[0] / s[1] / ratio)))
        rows.append((cx, cy, w, h, away))
    cx, cy, w, h, away = np.median(np.array(rows), axis=0)
    return float(cx), float(cy), float(w), float(h), float((angle + away) % 360)


def _voted(members: list[dict], weights: np.ndarray) -> dict | None:
    """What people with more than half of the weight covered: a mask, or the largest outline of it for polygons."""
    boxes = np.array([bounds(m) for m in members], float)
    left, top = np.floor(boxes[:, :2].min(0)).astype(int).tolist()
    right, bottom = np.ceil((boxes[:, :2] + boxes[:, 2:]).max(0)).astype(int).tolist()
    width, height = max(right - left, 1), max(bottom - top, 1)
    if max(width, height) > MAX_GRID:
        return None
    if members[0]["shape"] == "mask":
        share = sum(w * to_mask(moved(m, -left, -top), width, height) for m, w in zip(members, weights, strict=True))
        return from_mask(share > weights.sum() / 2, left, top)
    import cv2

    fine = max(1, min(8, GRID // max(width, height)))
    share = np.zeros((height * fine, width * fine))
    for m, w in zip(members, weights, strict=True):
        points = [[(x - left) * fine, (y - top) * fine] for x, y in outline(m)]
        share += w * to_mask({"shape": "polygon", "points": points}, width * fine, height * fine)
    # doubled, so that the outline through pixel centres lies within a quarter of a cell of the pixels' edges
    inside = np.kron((share > weights.sum() / 2).astype("uint8"), np.ones((2, 2), "uint8"))
    found, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not found:
        return None
    largest = max(found, key=cv2.contourArea)
    points = cv2.approxPolyDP(largest, fine, True)[:, 0]  # half a pixel of the image
    if len(points) < 3:
        return None
    return {
        "shape": "polygon",
        "points": [[_neat((x + 0.5) / 2 / fine + left), _neat((y + 0.5) / 2 / fine + top)] for x, y in points.tolist()],
    }


def _neat(value: float) -> int | float:
    return number(round(float(value), 6))


def text_medoid(texts: Sequence[str]) -> tuple[str, float]:
    """Return the text nearest to all others by edit distance, and its mean likeness to them (1 is equal).

    The most frequent of several equal ones wins; then the first. Compared are the first 2,000 characters.
    """
    counts = Counter(texts)
    names = list(counts)
    if len(names) == 1:
        return names[0], 1.0
    alike = np.array([[edit_likeness(a, b) for b in names] for a in names])
    n = np.array([counts[t] for t in names], float)
    total = alike @ n
    best = int(np.lexsort((np.arange(len(names)), -n, -np.round(total, 9)))[0])
    return names[best], float((total[best] - 1) / (n.sum() - 1))


def edit_likeness(a: str, b: str) -> float:
    """Return 1 - Levenshtein distance / the longer length."""
    a, b = a[:MAX_TEXTS], b[:MAX_TEXTS]
    if a == b:
        return 1.0
    if not a or not b:
        return 0.0
    codes = np.array([ord(c) for c in b])
    steps = np.arange(len(b) + 1)
    row = steps.copy()
    for i, c in enumerate(a, 1):
        new = np.minimum(np.concatenate([[i], row[1:] + 1]), np.concatenate([[i], row[:-1] + (codes != ord(c))]))
        row = np.minimum.accumulate(new - steps) + steps  # insertions: a running minimum along the row
    return float(1 - row[-1] / max(len(a), len(b)))
