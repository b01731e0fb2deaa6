"""How right an answer is, compared with a known one; and how sure we are of a person's accuracy."""

from __future__ import annotations

import math

from labeling.boxes import best_pairs
from labeling.shapes import AREAL, bounds, overlap

POINT_REACH = 0.05  # of the picture's longer side: points nearer than this are the same


def matched(left: list[dict], right: list[dict], least: float = 0.5, same_label: bool = True) -> list[tuple]:
    """Pair regions of equal shape one to one, best first; return `(index left, index right, likeness)`.

    Likeness is IoU for areas, the shared share of characters for spans, and for points and lines 1 − distance ÷ reach.
    """
    pairs = []
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            if (not same_label or a["label"] == b["label"]) and _comparable(a, b):
                pairs.append((likeness(a, b), i, j))
    return best_pairs(pairs, least)


def _comparable(a: dict, b: dict) -> bool:
    return a["shape"] == b["shape"] or (a["shape"] in AREAL and b["shape"] in AREAL)


def likeness(a: dict, b: dict) -> float:
    """Return 0 (nothing in common) to 1 (the same) for two regions of comparable shapes."""
    if a["shape"] == "span":
        both = min(a["end"], b["end"]) - max(a["start"], b["start"])
        whole = max(a["end"], b["end"]) - min(a["start"], b["start"])
        return max(0.0, both / whole)
    if a["shape"] in AREAL:
        return overlap(a, b)
    if a["shape"] == "point":
        return max(0.0, 1 - math.dist((a["x"], a["y"]), (b["x"], b["y"])) / (2 * _reach(a, b)))
    far = max(_away(a["points"], b["points"]), _away(b["points"], a["points"]))
    return max(0.0, 1 - far / (2 * _reach(a, b)))


def _reach(a: dict, b: dict) -> float:
    """Pixels that two points or lines may be apart and still be half alike."""
    sizes = [bounds(r) for r in (a, b)]
    return max(8.0, POINT_REACH * max(max(w, h) for _, _, w, h in sizes))


def _away(points: list, others: list) -> float:
    """Mean distance of points from the nearest of other points."""
    return sum(min(math.dist(p, q) for q in others) for p in points) / len(points)


def score(document: dict, gold: dict, least_iou: float = 0.5) -> float:
    """Return how right a document is, 0 to 1: the mean of what the gold document speaks of.

    Regions give the F1 of those that match (2 × matched ÷ all), classes the share that both have of all that one has,
    and each answer 1 or 0. A gold document that says nothing is met by one that says nothing.
    """
    parts = []
    if gold["regions"] or document["regions"]:
        found = matched(document["regions"], gold["regions"], least_iou)
        parts.append(2 * len(found) / (len(document["regions"]) + len(gold["regions"])))
    mine, theirs = set(document["classes"]), set(gold["classes"])
    if mine | theirs:
        parts.append(len(mine & theirs) / len(mine | theirs))
    for name, value in gold.get("fields", {}).items():
        parts.append(float(_same(document.get("fields", {}).get(name), value)))
    return sum(parts) / len(parts) if parts else 1.0


def _same(a, b) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return " ".join(a.casefold().split()) == " ".join(b.casefold().split())
    return a == b


def wilson(right: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a share (Wilson 1927); (0, 1) where nothing was seen."""
    if not n:
        return 0.0, 1.0
    from statistics import NormalDist

    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p, spread = right / n, z * z / n
    middle = (p + spread / 2) / (1 + spread)
    half = z * math.sqrt(p * (1 - p) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
