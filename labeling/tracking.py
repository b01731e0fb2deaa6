"""Objects through the frames of a clip: fill the frames between two key frames, and look for an object in the next one.

Frames are items whose `source` says `clip.mp4#frame=12`. Regions with one `track` are the same object. A key frame is one
in which a person placed the object (`keyframe`); frames between two of them are filled in a straight line.
"""

from __future__ import annotations

import re
import secrets

from labeling.annotations import current, save
from labeling.collections import ImageInfo, get_image, list_images
from labeling.shapes import bounds, moved, scaled
from transforms.errors import Conflict, NotFound

_FRAME = re.compile(r"^(.*)#frame=(\d+)$")
_NUMBERS = ("x", "y", "w", "h", "rx", "ry")


def frame_of(source: str) -> tuple[str, int] | None:
    """Return the clip and the frame number that an item's source names."""
    found = _FRAME.match(source)
    return (found[1], int(found[2])) if found else None


def frames(ws, image: ImageInfo) -> list[tuple[int, ImageInfo]]:
    """Return `(frame number, item)` of all frames of the clip that an item belongs to, in order."""
    here = frame_of(image.source)
    if here is None:
        return []
    found = []
    for other in list_images(ws, image.collection_id):
        place = frame_of(other.source)
        if place and place[0] == here[0]:
            found.append((place[1], other))
    return sorted(found, key=lambda f: f[0])


def clip_place(ws, image: ImageInfo) -> dict | None:
    """Return `{clip, frame, previous, next}` (item numbers) of a frame, or None for a picture that is none."""
    here = frame_of(image.source)
    if here is None:
        return None
    numbers = [(n, i.id) for n, i in frames(ws, image)]
    place = numbers.index((here[1], image.id))
    return {
        "clip": here[0],
        "frame": here[1],
        "previous": numbers[place - 1][1] if place else None,
        "next": numbers[place + 1][1] if place + 1 < len(numbers) else None,
    }


def new_track() -> str:
    return f"t{secrets.token_hex(4)}"


def interpolate(ws, image_id: int, track: str, annotator: str) -> int:
    """Fill the frames between this key frame and the one before with the object, in a straight line; return how many.

    Frames in which the person placed the object are not touched; those filled before are filled anew.

    Raises:
        NotFound: the object is not in this frame.
        Conflict: there is no earlier key frame, or its shape is another.
    """
    image = get_image(ws, image_id)
    end = _of_track(current(ws, image_id, annotator).document, track)
    if end is None:
        raise NotFound(f"The object is not in {image.file_name}.")
    here = frame_of(image.source)
    if here is None:
        raise Conflict(f"{image.file_name} is not a frame of a clip.")
    between: list[tuple[int, ImageInfo]] = []
    start = None
    for number, item in reversed([f for f in frames(ws, image) if f[0] < here[1]]):
        found = _of_track(current(ws, item.id, annotator).document, track)
        if found is not None and found.get("keyframe"):
            start = number, found
            break
        between.append((number, item))
    if start is None:
        raise Conflict(
            "There is no earlier frame in which you placed this object.",
            hint="Place it in two frames; the ones between are then filled.",
        )
    filled = 0
    for number, item in between:
        share = (number - start[0]) / (here[1] - start[0])
        _put(ws, item.id, annotator, {**between_two(start[1], end, share), "track": track})
        filled += 1
    return filled


def between_two(a: dict, b: dict, share: float) -> dict:
    """Return the region a share of the way from `a` to `b`; turns go the shorter way round.

    Raises:
        Conflict: two regions of different kind, or with different numbers of corners.
    """
    if (
        a["shape"] != b["shape"]
        or len(a.get("points", ())) != len(b.get("points", ()))
        or a["shape"] in ("mask", "span")
    ):
        raise Conflict(
            f"A {a['shape']} and a {b['shape']} cannot be filled between.",
            hint="Use boxes, points or ellipses, or polygons with equally many corners.",
        )
    made = {k: v for k, v in a.items() if k not in ("id", "keyframe", "score", "hidden", "extra")}
    for name in _NUMBERS:
        if name in a:
            made[name] = round(a[name] + share * (b[name] - a[name]), 3)
    if "points" in a:
        made["points"] = [
            [round(x1 + share * (x2 - x1), 3), round(y1 + share * (y2 - y1), 3)]
            for (x1, y1), (x2, y2) in zip(a["points"], b["points"], strict=True)
        ]
    turn = (b.get("rotation", 0) - a.get("rotation", 0) + 180) % 360 - 180
    if turn or a.get("rotation"):
        made["rotation"] = round((a.get("rotation", 0) + share * turn) % 360, 3)
    return made


def _of_track(document: dict, track: str) -> dict | None:
    return next((r for r in document["regions"] if r.get("track") == track), None)


def _put(ws, image_id: int, annotator: str, region: dict) -> None:
    """Write the region of a track into a frame, in place of the one that is there, as the person's next revision."""
    answer = current(ws, image_id, annotator)
    kept = [r for r in answer.document["regions"] if r.get("track") != region["track"]]
    used = {r["id"] for r in kept}
    old = _of_track(answer.document, region["track"])
    number = len(kept) + 1
    while old is None and f"r{number}" in used:
        number += 1
    made = {"id": old["id"] if old else f"r{number}", **region}
    document = {**answer.document, "regions": [*kept, made]}
    save(ws, image_id, document, annotator=annotator, client="track", seq=answer.revision + 1, action="save")


def follow(before, after, region: dict) -> tuple[dict, float] | None:
    """Look for a region of one picture in the next one; return where it is and how alike it looks (0 to 1).

    Corners inside the region are followed by optical flow, forwards and back (Kalal et al. 2010); their median
    move and growth carry the region along. Where there are too few, the best place of its picture nearby is taken.

    Args:
        before, after: pictures of one size, BGR.

    Returns:
        The moved region, or None when it is not found.
    """
    import cv2
    import numpy as np

    x, y, w, h = (float(v) for v in bounds(region))
    if region["shape"] in ("point", "polyline"):
        x, y, w, h = x - 12, y - 12, w + 24, h + 24
    height, width = before.shape[:2]
    left, top = max(0, int(x)), max(0, int(y))
    right, bottom = min(width, int(np.ceil(x + w))), min(height, int(np.ceil(y + h)))
    if right - left < 4 or bottom - top < 4 or before.shape != after.shape:
        return None
    grey, later = (cv2.cvtColor(p, cv2.COLOR_BGR2GRAY) for p in (before, after))
    inside = np.zeros_like(grey)
    inside[top:bottom, left:right] = 255
    points = cv2.goodFeaturesToTrack(grey, 80, 0.01, 3, mask=inside)
    if points is not None and len(points) >= 5:
        size = {"winSize": (21, 21), "maxLevel": 4}
        there, found, _ = cv2.calcOpticalFlowPyrLK(grey, later, points, None, **size)
        back, again, _ = cv2.calcOpticalFlowPyrLK(later, grey, there, None, **size)
        error = np.abs(points - back).reshape(-1, 2).max(axis=1)
        good = (found.ravel() == 1) & (again.ravel() == 1) & (error < 1.0)
        if good.sum() >= 5:
            a, b = points.reshape(-1, 2)[good], there.reshape(-1, 2)[good]
            grow = _growth(a, b)
            middle = np.array([x + w / 2, y + h / 2])
            to = np.median(b - a * grow, axis=0) + middle * grow
            return _carried(region, middle, to, grow), float(good.mean())
    place = grey[top:bottom, left:right]
    reach = max(24, (right - left) // 2, (bottom - top) // 2)
    sl, st = max(0, left - reach), max(0, top - reach)
    window = later[st : min(height, bottom + reach), sl : min(width, right + reach)]
    if place.std() < 1:  # one colour: it looks the same everywhere
        return None
    likeness = cv2.matchTemplate(window, place, cv2.TM_CCOEFF_NORMED)
    _, best, _, (bx, by) = cv2.minMaxLoc(likeness)
    if best < 0.5:
        return None
    return moved(region, sl + bx - left, st + by - top), float(best)


def _growth(a, b) -> float:
    """Median ratio of distances between points after and before; 1 where they are too near to say."""
    import numpy as np

    one = np.linalg.norm(a[:, None] - a[None], axis=2)
    two = np.linalg.norm(b[:, None] - b[None], axis=2)
    far = one > 4
    return float(np.clip(np.median(two[far] / one[far]), 0.8, 1.25)) if far.any() else 1.0


def _carried(region: dict, middle, to, grow: float) -> dict:
    at_origin = moved(region, -float(middle[0]), -float(middle[1]))
    if region["shape"] == "mask":
        return moved(region, round(float(to[0] - middle[0])), round(float(to[1] - middle[1])))
    made = moved(scaled(at_origin, grow, grow), float(to[0]), float(to[1]))
    for name in _NUMBERS:
        if name in made:
            made[name] = round(made[name], 2)
    if "points" in made:
        made["points"] = [[round(px, 2), round(py, 2)] for px, py in made["points"]]
    return made


def follow_to_next(ws, image_id: int, region_id: str, annotator: str, read) -> int:
    """Carry a region of this frame over to the next one, as the same track, and return that item's number.

    Args:
        read: called with an ImageInfo; returns the picture the person may see, BGR.

    Raises:
        Conflict: there is no next frame, or the object is not seen there.
    """
    image = get_image(ws, image_id)
    place = clip_place(ws, image)
    if not place or not place["next"]:
        raise Conflict(f"{image.file_name} is the last frame.")
    answer = current(ws, image_id, annotator)
    region = next((r for r in answer.document["regions"] if r["id"] == region_id), None)
    if region is None:
        raise NotFound("This region is not saved yet.")
    if not region.get("track"):
        track = new_track()
        marked = {**region, "track": track, "keyframe": True}
        regions = [marked if r["id"] == region_id else r for r in answer.document["regions"]]
        save(
            ws, image_id, {**answer.document, "regions": regions}, annotator=annotator, client="track",
            seq=answer.revision + 1,
        )  # fmt: skip
        region = marked
    target = get_image(ws, place["next"])
    found = follow(read(image), read(target), region)
    if found is None:
        raise Conflict("The object is not found in the next frame.", hint="Draw it there by hand.")
    kept = {k: v for k, v in found[0].items() if k not in ("id", "keyframe", "score", "extra")}
    _put(ws, target.id, annotator, kept)
    return target.id
