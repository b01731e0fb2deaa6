"""Recall and over-redaction of regions against truth boxes: what the app, the training and the benchmark all measure by."""

from __future__ import annotations

from collections.abc import Iterable

COVER = 0.75  # share of a truth box under the regions from which it counts as hidden


def painted(boxes: Iterable, height: int, width: int):
    """Return a mask (height × width, bool) of boxes (objects or tuples of x, y, w, h): every pixel they touch."""
    import numpy as np

    mask = np.zeros((height, width), dtype=bool)
    for box in boxes:
        x, y, w, h = box if isinstance(box, (tuple, list)) else (box.x, box.y, box.w, box.h)
        mask[max(0, int(y)) : max(0, int(np.ceil(y + h))), max(0, int(x)) : max(0, int(np.ceil(x + w)))] = True
    return mask


def covered(regions: Iterable, truth: list, size: tuple[int, int], ignore: Iterable = ()) -> tuple[list[bool], float]:
    """Return whether each truth box is hidden, and the share of the picture hidden beside truth and ignored boxes.

    Args:
        regions, truth, ignore: boxes as `painted` takes them; `truth` as tuples.
        size: height and width in pixels. A truth box wholly outside counts as missed.
    """
    mask, wanted = painted(regions, *size), painted([*truth, *ignore], *size)
    hidden = []
    for x, y, w, h in truth:
        part = mask[max(0, round(y)) : max(0, round(y + h)), max(0, round(x)) : max(0, round(x + w))]
        hidden.append(bool(part.size and part.mean() >= COVER))
    return hidden, float((mask & ~wanted).mean())
