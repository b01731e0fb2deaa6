"""Label Studio's brush: run lengths of RGBA pixels as bits in a list of bytes.

Bits, high one first: 32 of the number of values, 5 of the word size - 1, four times 4 of a length size - 1, then
blocks: 1 bit (run or single values), 2 bits (which length size), the length - 1, and one word for a run or one for
each value. Source: thi.ng/rle-pack, whose format Label Studio uses; compared with label-studio-sdk's
`converter.brush`.
"""

from __future__ import annotations

MAX_PIXELS = 50_000_000
_SIZES = (3, 4, 8, 16)


def decode(rle: list[int], width: int, height: int):
    """Return the mask (height × width, bool) of the pixels that are painted at all.

    Raises:
        ValueError: not this format, or not of this size.
    """
    import numpy as np

    if not 0 < width * height <= MAX_PIXELS:
        raise ValueError(f"a picture of {width} × {height} pixels")
    data = np.asarray(rle)
    if data.ndim != 1 or data.dtype.kind != "i" or not len(data) or data.min() < 0 or data.max() > 255:
        raise ValueError("a list of bytes is wanted")
    bits = np.unpackbits(data.astype("uint8"))
    text = (bits + ord("0")).tobytes()
    at = 0

    def read(size: int) -> int:
        nonlocal at
        at += size
        if at > len(text):
            raise ValueError("the run lengths end too early")
        return int(text[at - size : at], 2)

    count, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    if count != 4 * width * height:
        raise ValueError(f"{count} values for {width} × {height} pixels")
    out = np.zeros(count, dtype=bool)
    done = 0
    while done < count:
        is_run = read(1)
        end = min(done + 1 + read(sizes[read(2)]), count)
        if is_run:
            out[done:end] = read(word) > 0
        else:
            stop = at + (end - done) * word
            if stop > len(text):
                raise ValueError("the run lengths end too early")
            out[done:end] = bits[at:stop].reshape(-1, word).any(axis=1)
            at = stop
        done = end
    return out[3::4].reshape(height, width)


def encode(mask) -> list[int]:
    """Return the bytes for a mask (height × width): painted pixels are 255 in all four channels."""
    import numpy as np

    flat = np.asarray(mask, dtype=bool).ravel()
    ends = np.flatnonzero(np.diff(flat)) + 1
    starts = np.concatenate([[0], ends]).astype("int64")
    lengths = np.diff(np.concatenate([starts, [flat.size]])) * 4
    values = np.where(flat[starts], 255, 0).astype("uint64")
    # a run of more than 65,536 values is several blocks: full ones, then what is left
    blocks = (lengths - 1) // 65536 + 1
    values = np.repeat(values, blocks)
    last = np.cumsum(blocks) - 1
    pieces = np.full(int(blocks.sum()), 65536, dtype="int64")
    pieces[last] = lengths - (blocks - 1) * 65536
    which = np.searchsorted(np.array([8, 16, 256]), pieces)
    sizes = np.array(_SIZES)[which]
    # 1, which, length - 1, value
    head = np.uint64(4) + which.astype("uint64")
    runs = (head << sizes.astype("uint64")) + (pieces - 1).astype("uint64")
    codes = (runs << np.uint64(8)) + values
    widths = 3 + sizes + 8
    fixed = [(4 * flat.size, 32), (7, 5), *((s - 1, 4) for s in _SIZES)]
    codes = np.concatenate([np.array([c for c, _ in fixed], dtype="uint64"), codes])
    widths = np.concatenate([[w for _, w in fixed], widths]).astype("int64")
    firsts = np.cumsum(widths) - widths
    place = np.arange(int(widths.sum())) - np.repeat(firsts, widths)
    shift = (np.repeat(widths, widths) - 1 - place).astype("uint64")
    bits = ((np.repeat(codes, widths) >> shift) & np.uint64(1)).astype("uint8")
    # one byte of zeros after whole bytes, as Label Studio's own encoder has it
    bits = np.concatenate([bits, np.zeros(8 - len(bits) % 8, dtype="uint8")])
    return np.packbits(bits).tolist()
