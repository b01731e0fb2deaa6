"""Hide regions of a picture so that what was there cannot be computed back."""

from __future__ import annotations

import hashlib
import math
from typing import Literal

from transforms.errors import InputError

METHODS = ("blur", "pixelate", "fill")
Method = Literal["blur", "pixelate", "fill"]
SHAPES = ("box", "ellipse")
NOISE = 18.0  # grey levels
SMOOTH_SIDE = 64  # pixels at which a region is blurred


def redact(bgr, regions, method: Method = "blur", margin: float = 0.0, *, shape: str = "box", feather: float = 0.0):
    """Return a copy of `bgr` in which every region is hidden.

    - `fill` paints the region black: nothing is left, the safest.
    - `pixelate` leaves at most 3 × 2 colours with noise, whatever the size of the region.
    - `blur` first reduces the region to at most 4 × 2 such colours and then blurs, so that no deconvolution brings
      back a face or a number: the detail is gone before the blur.

    Args:
        regions: objects or dicts with x, y, w, h in pixels; parts outside the picture are ignored.
        margin: share of the region added on each side.
        shape: "ellipse" hides the ellipse around the region, so that its corners stay inside too.
        feather: width of a soft rim, as a share of the region's shorter side. It lies outside: what was to be hidden is
            hidden whole.
    """
    if method not in METHODS:
        raise InputError(f"There is no way to redact called {method!r}.", hint=f"Use one of {', '.join(METHODS)}.")
    if shape not in SHAPES or not 0 <= feather <= 1:
        raise InputError("A shape is box or ellipse, and a feather from 0 to 1.")
    out = bgr.copy()
    for region in regions:
        box = _pixels(region, margin, out.shape[1], out.shape[0])
        if not box:
            continue
        if shape == "box" and not feather:
            left, top, right, bottom = box
            out[top:bottom, left:right] = _hidden(bgr[top:bottom, left:right], method)
        else:
            _soft(bgr, out, box, method, shape, feather)
    return out


def _soft(bgr, out, box: tuple[int, int, int, int], method: str, shape: str, feather: float) -> None:
    """Hide a box or the ellipse around it, with a rim that fades outwards."""
    import cv2
    import numpy as np

    left, top, right, bottom = box
    wide, high = right - left, bottom - top
    # the ellipse through the corners of a box is √2 as wide and high
    reach_x, reach_y = (wide * 0.2072, high * 0.2072) if shape == "ellipse" else (0.0, 0.0)
    rim = feather * min(wide, high)
    x1, y1 = max(0, math.floor(left - reach_x - rim)), max(0, math.floor(top - reach_y - rim))
    x2 = min(out.shape[1], math.ceil(right + reach_x + rim))
    y2 = min(out.shape[0], math.ceil(bottom + reach_y + rim))
    inside = np.zeros((y2 - y1, x2 - x1), dtype="uint8")
    if shape == "ellipse":
        middle = ((left + right) / 2 - x1, (top + bottom) / 2 - y1)
        cv2.ellipse(inside, (middle, (wide * 1.4143 + 1, high * 1.4143 + 1), 0.0), 255, -1)
    inside[top - y1 : bottom - y1, left - x1 : right - x1] = 255
    share = (inside > 0).astype("float32")
    if rim >= 1:
        away = cv2.distanceTransform((inside == 0).astype("uint8"), cv2.DIST_L2, 3)
        share = np.clip(1 - away / rim, 0, 1).astype("float32")
    patch = _hidden(bgr[y1:y2, x1:x2], method).astype("float32")
    under = out[y1:y2, x1:x2]
    under[:] = np.round(under * (1 - share[..., None]) + patch * share[..., None]).astype("uint8")


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
    coarse = _coarse(patch, *((3, 2) if method == "pixelate" else (4, 2)))
    if method == "pixelate":
        return cv2.resize(coarse, (wide, high), interpolation=cv2.INTER_NEAREST)
    # blurred small and then enlarged: nobody sees the difference, and it costs the same for a large region as for a small one
    less = max(1.0, max(wide, high) / SMOOTH_SIDE)
    small = (max(1, round(wide / less)), max(1, round(high / less)))
    kernel = max(3, (max(small) // 4) | 1)  # odd, in step with the region
    smooth = cv2.GaussianBlur(cv2.resize(coarse, small, interpolation=cv2.INTER_LINEAR), (kernel, kernel), 0)
    return cv2.resize(smooth, (wide, high), interpolation=cv2.INTER_LINEAR)


def _coarse(patch, along: int, across: int):
    """Return a few colours that look like the patch and tell next to nothing about it.

    Means alone give numbers away to somebody who tries them all: the mean of a cell tells a 1 from an 8. So the cells are
    few (`along` the longer side, `across` the shorter one, one across flat things such as plates), drawn halfway to the
    mean of all, and blurred by noise that is wider than what digits differ by. The noise comes from the content, so the same
    picture gives the same copy; but nobody without the very pixels can compute it.
    """
    import cv2
    import numpy as np

    high, wide = patch.shape[:2]
    if max(high, wide) > 2.2 * min(high, wide):
        across = 1
    cells = (along, across) if wide >= high else (across, along)
    # INTER_AREA needs whole cells to average: fewer than two source pixels a cell would keep the detail
    grid = (max(1, min(cells[0], wide // 2)), max(1, min(cells[1], high // 2)))
    means = cv2.resize(patch, grid, interpolation=cv2.INTER_AREA).reshape(grid[1], grid[0], -1).astype("float64")
    seed = hashlib.sha256(np.ascontiguousarray(patch).tobytes() + repr(patch.shape).encode()).digest()
    rng = np.random.default_rng(int.from_bytes(seed, "big"))
    middle = means.mean(axis=(0, 1)) + rng.normal(0, NOISE / 2)
    made = middle + 0.5 * (means - middle) + rng.normal(0, NOISE, (*grid[::-1], 1)) + rng.normal(0, 3, means.shape)
    return np.clip(np.round(made / 16) * 16, 0, 255).astype("uint8")
