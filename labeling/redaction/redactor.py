"""Hide regions of a picture so that what was there cannot be computed back."""

from __future__ import annotations

import math
from typing import Literal

from transforms.errors import InputError

METHODS = ("blur", "pixelate", "fill")
Method = Literal["blur", "pixelate", "fill"]


def redact(bgr, regions, method: Method = "blur", margin: float = 0.0):
    """Return a copy of `bgr` in which every region is hidden.

    - `fill` paints the region black: nothing is left, the safest.
    - `pixelate` leaves at most 4 × 4 mean colours, whatever the size of the region.
    - `blur` first reduces the region to at most 6 × 6 mean colours and then blurs, so that no deconvolution brings
      back a face or a number: the detail is gone before the blur.

    Args:
        regions: objects or dicts with x, y, w, h in pixels; parts outside the picture are ignored.
        margin: share of the region added on each side.
    """
    if method not in METHODS:
        raise InputError(f"There is no way to redact called {method!r}.", hint=f"Use one of {', '.join(METHODS)}.")
    out = bgr.copy()
    for region in regions:
        box = _pixels(region, margin, out.shape[1], out.shape[0])
        if box:
            left, top, right, bottom = box
            out[top:bottom, left:right] = _hidden(bgr[top:bottom, left:right], method)
    return out


def _pixels(region, margin: float, width: int, height: int) -> tuple[int, int, int, int] | None:
    get = region.get if isinstance(region, dict) else lambda name: getattr(region, name)
    x, y, w, h = (float(get(name)) for name in "xywh")
    left, top = max(0, math.floor(x - w * margin)), max(0, math.floor(y - h * margin))
    right, bottom = min(width, math.ceil(x + w * (1 + margin))), min(height, math.ceil(y + h * (1 + margin)))
    return (left, top, right, bottom) if right > left and bottom > top else None


def _hidden(patch, method: str):
    import cv2
    import numpy as np

    if method == "fill":
        return np.zeros_like(patch)
    high, wide = patch.shape[:2]
    cells = 4 if method == "pixelate" else 6
    # INTER_AREA needs whole cells to average: fewer than two source pixels a cell would keep the detail
    grid = (max(1, min(cells, wide // 2)), max(1, min(cells, high // 2)))
    coarse = cv2.resize(patch, grid, interpolation=cv2.INTER_AREA)
    if method == "pixelate":
        return cv2.resize(coarse, (wide, high), interpolation=cv2.INTER_NEAREST)
    smooth = cv2.resize(coarse, (wide, high), interpolation=cv2.INTER_LINEAR)
    kernel = max(3, (max(wide, high) // 4) | 1)  # odd, in step with the region
    return cv2.GaussianBlur(smooth, (kernel, kernel), 0)
