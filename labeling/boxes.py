"""Compare boxes: overlap, and which box of one answer is the same thing as which box of another."""

from __future__ import annotations


def iou(a: dict, b: dict) -> float:
    """Intersection over union of two boxes with x, y, w, h."""
    wide = min(a["x"] + a["w"], b["x"] + b["w"]) - max(a["x"], b["x"])
    high = min(a["y"] + a["h"], b["y"] + b["h"]) - max(a["y"], b["y"])
    if wide <= 0 or high <= 0:
        return 0.0
    both = wide * high
    return both / (a["w"] * a["h"] + b["w"] * b["h"] - both)


def match(
    left: list[dict], right: list[dict], least: float = 0.5, same_label: bool = True
) -> list[tuple[int, int, float]]:
    """Pair boxes one to one, best overlap first; return `(index left, index right, IoU)` of pairs of at least `least`."""
    pairs = [
        (iou(a, b), i, j)
        for i, a in enumerate(left)
        for j, b in enumerate(right)
        if not same_label or a["label"] == b["label"]
    ]
    return best_pairs(pairs, least)


def best_pairs(scored: list[tuple[float, int, int]], least: float) -> list[tuple[int, int, float]]:
    """Pair two lists one to one from `(likeness, index left, index right)`, the most alike first; return `(left, right,
    likeness)` of pairs of at least `least`."""
    used_left, used_right, out = set(), set(), []
    for like, i, j in sorted(scored, key=lambda p: (-p[0], p[1], p[2])):
        if like < least:
            break
        if i not in used_left and j not in used_right:
            used_left.add(i)
            used_right.add(j)
            out.append((i, j, like))
    return out
