"""Rectangles to hide, and what is done with them before they are hidden."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class Region:
    """A rectangle to hide, in pixels from the top left; `score` runs from 0 to 1 and compares within one detector."""

    kind: str  # face | plate
    x: float
    y: float
    w: float
    h: float
    score: float
    detector: str

    def to_dict(self) -> dict:
        return asdict(self)


def merge(regions: list[Region], overlap: float = 0.5) -> list[Region]:
    """Non-maximum suppression per kind, in which the survivor grows to cover what it suppresses."""
    kept: list[Region] = []
    for region in sorted(regions, key=lambda r: -r.score):
        for place, other in enumerate(kept):
            if other.kind == region.kind and iou(other, region) >= overlap:
                x, y = min(other.x, region.x), min(other.y, region.y)
                right, bottom = max(other.x + other.w, region.x + region.w), max(other.y + other.h, region.y + region.h)
                kept[place] = replace(other, x=x, y=y, w=right - x, h=bottom - y)
                break
        else:
            kept.append(region)
    return kept


def iou(a, b) -> float:
    """Intersection over union of two rectangles with x, y, w, h."""
    wide = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    high = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    if wide <= 0 or high <= 0:
        return 0.0
    both = wide * high
    return both / (a.w * a.h + b.w * b.h - both)


def padded(region: Region, share: float) -> Region:
    dx, dy = region.w * share, region.h * share
    return replace(region, x=region.x - dx, y=region.y - dy, w=region.w + 2 * dx, h=region.h + 2 * dy)


def clip(regions: list[Region], width: int, height: int) -> list[Region]:
    """Cut regions to the picture, to a tenth of a pixel; what lies outside goes."""
    cut = []
    for r in regions:
        left, top = round(max(0.0, r.x), 1), round(max(0.0, r.y), 1)
        right, bottom = round(min(float(width), r.x + r.w), 1), round(min(float(height), r.y + r.h), 1)
        if right > left and bottom > top:
            cut.append(replace(r, x=left, y=top, w=round(right - left, 1), h=round(bottom - top, 1)))
    return cut


def suppress(boxes, overlap: float):
    """Keep the best of boxes (x, y, w, h, score) that overlap by more than `overlap` (IoU), best first."""
    import numpy as np

    order = np.argsort(-boxes[:, 4], kind="stable")
    boxes, kept = boxes[order], []
    right, bottom = boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]
    area = boxes[:, 2] * boxes[:, 3]
    left_over = np.arange(len(boxes))
    while len(left_over):
        i, left_over = left_over[0], left_over[1:]
        kept.append(i)
        wide = np.minimum(right[i], right[left_over]) - np.maximum(boxes[i, 0], boxes[left_over, 0])
        high = np.minimum(bottom[i], bottom[left_over]) - np.maximum(boxes[i, 1], boxes[left_over, 1])
        both = np.clip(wide, 0, None) * np.clip(high, 0, None)
        left_over = left_over[both <= overlap * (area[i] + area[left_over] - both)]
    return boxes[kept]


def joined(boxes, overlap: float):
    """Join boxes (x, y, w, h, score) that overlap by at least `overlap` (IoU) into the rectangle around them.

    Of two looks at one thing each may miss a rim; their join misses neither.
    """
    import numpy as np

    boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")]
    right, bottom = boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]
    area = boxes[:, 2] * boxes[:, 3]
    used, out = np.zeros(len(boxes), dtype=bool), []
    for i in range(len(boxes)):
        if used[i]:
            continue
        wide = np.minimum(right[i], right) - np.maximum(boxes[i, 0], boxes[:, 0])
        high = np.minimum(bottom[i], bottom) - np.maximum(boxes[i, 1], boxes[:, 1])
        both = np.clip(wide, 0, None) * np.clip(high, 0, None)
        group = (both >= overlap * (area[i] + area - both)) & ~used
        group[i] = True
        used |= group
        x, y = boxes[group, 0].min(), boxes[group, 1].min()
        out.append([x, y, right[group].max() - x, bottom[group].max() - y, boxes[i, 4]])
    return np.array(out)
