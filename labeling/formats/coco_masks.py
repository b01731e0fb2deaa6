"""COCO's run lengths of masks: down the columns, starting with zeros, as a list or as a compressed text.

The text writes each run (from the third on its difference to the one before the last) in pieces of five bits, low ones
first, with a bit that says "more follows", as characters from "0" on. Source: cocoapi, `common/maskApi.c`.
"""

from __future__ import annotations

MAX_PIXELS = 100_000_000


def decode(segmentation: dict):
    """Return the mask (h × w, bool) of `{"size": [h, w], "counts": list or text}`.

    Raises:
        ValueError: the runs do not fill the size.
    """
    import numpy as np

    height, width = (int(v) for v in segmentation["size"])
    counts = segmentation["counts"]
    runs = np.asarray(_from_text(counts) if isinstance(counts, str) else counts, dtype="int64")
    if not 0 < height * width <= MAX_PIXELS or runs.ndim != 1 or (runs < 0).any() or runs.sum() != height * width:
        raise ValueError("the runs do not fill the mask")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T


def _from_text(text: str) -> list[int]:
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("this is no compressed mask")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("the compressed mask ends too early")
    return runs


def encode(mask) -> dict:
    """Return `{"size": [h, w], "counts": text}` of a mask (h × w)."""
    import numpy as np

    mask = np.asarray(mask, dtype=bool)
    flat = mask.T.ravel()
    ends = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], ends, [flat.size]])).tolist()
    runs = [0, *runs] if flat[0] else runs
    out = []
    for place, run in enumerate(runs):
        value = run - runs[place - 2] if place > 2 else run
        more = True
        while more:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            out.append(chr(48 + bits + (32 if more else 0)))
    return {"size": [int(v) for v in mask.shape], "counts": "".join(out)}
