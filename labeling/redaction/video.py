"""Hide faces and plates in a video: look at every n-th frame, carry regions through the others, and cover before and after.

Two passes over the file, frame by frame, never all in memory. The first finds regions and writes them down beside the
result, so that a stopped run goes on where it was. The second hides them. What is found in one frame is followed
backwards and forwards by optical flow: detectors drop single frames, and a face seen in one is worth hiding in five.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from labeling.pictures import Clip, open_clip
from labeling.redaction.detectors import find_regions
from labeling.redaction.redactor import redact
from labeling.redaction.regions import Region, iou, padded
from transforms.errors import InputError, SourceError

Progress = Callable[[float, str], None]
COVER = 5  # frames before its first and after its last sight in which a region is still hidden
LOOKS_PER_SECOND = 5.0  # of film
SMALL = 480  # long side of the copies that flow is computed on
GROW = 0.04  # of the region, for every frame that it is only followed


def redact_video(
    source: Path,
    target: Path,
    detectors,
    *,
    method: str = "blur",
    shape: str = "box",
    feather: float = 0.0,
    every: int | None = None,
    cover: int = COVER,
    audio: bool = False,
    progress: Progress | None = None,
    name: str | None = None,
) -> list[dict]:
    """Write a redacted MP4 of the same size, rate and number of frames; return one record per frame.

    Args:
        every: look at every n-th frame; by default five a second.
        cover: frames before the first and after the last sight of something in which it is hidden too.
        audio: keep the sound; needs `ffmpeg` on this machine.
        progress: called with (share done, what); may raise to stop. What was found until then is kept beside the
            result, and the next call with the same file and settings goes on from there.

    Raises:
        SourceError: the file cannot be read to its end, or the result cannot be written: nothing is left of it then.
        InputError: sound is wanted and there is no ffmpeg.
    """
    name = name or source.name
    if audio and not shutil.which("ffmpeg"):
        raise InputError("Keeping the sound needs ffmpeg, which is not installed.", hint="Install ffmpeg, or drop it.")
    detectors = [getattr(d, "for_video", lambda d=d: d)() for d in detectors]
    capture, clip = open_clip(source)
    capture.release()
    step = max(1, every or round(clip.fps / LOOKS_PER_SECOND) or 1)
    target.parent.mkdir(parents=True, exist_ok=True)
    notes = target.with_name(f".{target.name}.found.jsonl")
    regions, frames = _find(
        source, clip, detectors, step, cover, notes, _settings(source, detectors, step, cover), progress
    )
    if not frames:
        raise SourceError(f"{name} has no frame that can be read.")
    if clip.frames and frames < 0.9 * clip.frames:
        raise SourceError(
            f"{name} is damaged: only {frames} of {clip.frames} frames can be read.", hint="Convert it first."
        )
    _write(source, target, clip, regions, frames, (method, shape, feather), audio, name, progress)
    notes.unlink(missing_ok=True)
    return [
        {"file": name, "width": clip.width, "height": clip.height, "frame": n, "regions": [r.to_dict() for r in found]}
        for n, found in enumerate(regions)
    ]


def _settings(source: Path, detectors, step: int, cover: int) -> dict:
    """What must be equal for the notes of a stopped run to be of use."""
    about = source.stat()
    looked = [f"{d.name}:{getattr(d, 'least_score', '')}:{getattr(d, 'pad', '')}" for d in detectors]
    return {"size": about.st_size, "changed": about.st_mtime_ns, "step": step, "cover": cover, "detectors": looked}


# -- finding --------------------------------------------------------------------------------------------------------


def _find(source, clip: Clip, detectors, step, cover, notes: Path, settings: dict, progress):
    """Return the regions of every frame and the number of frames."""
    known = _read_notes(notes, settings)
    capture, _ = open_clip(source)
    regions: list[list[Region]] = []
    flow = _Flow(step, cover)
    with open(notes, "a" if known else "w", encoding="utf-8") as file:
        if not known:
            file.write(json.dumps(settings) + "\n")
        with ThreadPoolExecutor(1, "look") as looking:
            try:
                for number, bgr, seen in _ahead(capture, detectors, step, known, looking):
                    regions.append([])
                    if seen is not None and number not in known:
                        file.write(json.dumps({"frame": number, "regions": [r.to_dict() for r in seen]}) + "\n")
                        if number % (20 * step) == 0:
                            file.flush()
                    flow.take(number, bgr, seen, regions)
                    if progress:
                        progress(0.75 * min(1.0, (number + 1) / max(1, clip.frames)), "looking for faces and plates")
            finally:
                looking.shutdown(cancel_futures=True)
                capture.release()
    return regions, len(regions)


def _ahead(capture, detectors, step: int, known: dict[int, list[Region]], looking: ThreadPoolExecutor):
    """Yield (number, frame, what was seen in it or None) in order; the next look is taken while flow follows this one.

    At most `step` frames and one are in memory.
    """
    waiting: deque = deque()
    number = 0
    while True:
        ok, bgr = capture.read()
        if ok:
            look = number % step == 0
            seen = looking.submit(find_regions, bgr, detectors) if look and number not in known else None
            waiting.append((number, bgr, seen, known.get(number) if look else None))
            number += 1
        while waiting and (not ok or len(waiting) > step):
            place, frame, future, before = waiting.popleft()
            yield place, frame, future.result() if future is not None else before
        if not ok:
            return


def _read_notes(notes: Path, settings: dict) -> dict[int, list[Region]]:
    try:
        lines = notes.read_text("utf-8").splitlines()
        if not lines or json.loads(lines[0]) != settings:
            return {}
    except (OSError, ValueError):
        return {}
    found = {}
    for line in lines[1:]:
        try:
            entry = json.loads(line)
            found[int(entry["frame"])] = [Region(**r) for r in entry["regions"]]
        except (ValueError, KeyError, TypeError):
            break  # the line that was being written when the run stopped
    return found


class _Flow:
    """Carries regions between looks, and before the first and after the last one."""

    def __init__(self, step: int, cover: int):
        self.step, self.cover = step, cover
        self.greys: deque = deque(maxlen=step + cover + 1)  # (frame, small grey picture)
        self.live: list[tuple[Region, int]] = []  # region as it is now, and the frame in which it was last seen
        self.factor = 1.0

    def take(self, number: int, bgr, seen: list[Region] | None, regions: list[list[Region]]) -> None:
        import cv2

        self.factor = min(1.0, SMALL / max(bgr.shape[:2]))
        grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
        if self.factor < 1:
            grey = cv2.resize(grey, None, fx=self.factor, fy=self.factor, interpolation=cv2.INTER_AREA)
        if self.greys and self.live:
            moved = [self._moved(self.greys[-1][1], grey, region) for region, _ in self.live]
            self.live = [(m, last) for m, (_, last) in zip(moved, self.live, strict=True)]
        self.greys.append((number, grey))
        limit = self.cover + (0 if seen is not None else self.step)
        self.live = [(r, last) for r, last in self.live if number - last <= max(limit, self.cover)]
        if seen is not None:
            self._meet(number, seen, regions)
        regions[number] += [r for r, _ in self.live]

    def _meet(self, number: int, seen: list[Region], regions: list[list[Region]]) -> None:
        """Join what is seen now with what was followed here; what is new is followed back."""
        left = list(self.live)
        now: list[tuple[Region, int]] = []
        for region in seen:
            best = max(
                ((iou(region, other), place) for place, (other, _) in enumerate(left) if other.kind == region.kind),
                default=(0.0, -1),
            )
            if best[0] > 0.1:
                other, last = left.pop(best[1])
                self._fill(other, region, last, number, regions)
            else:
                self._back(number, region, regions)
            now.append((region, number))
        self.live = now + left

    def _fill(self, followed: Region, region: Region, last: int, number: int, regions) -> None:
        """Where a look corrects what was followed, hide the straight way between both as well."""
        for frame in range(max(last + 1, number - self.step), number):
            share = (frame - last) / max(1, number - last)
            corrected = [r for r in regions[frame] if r.kind == region.kind and iou(r, followed) > 0.3]
            if not corrected:
                continue
            near = corrected[0]
            regions[frame].append(
                replace(
                    near,
                    x=near.x + share * (region.x - followed.x),
                    y=near.y + share * (region.y - followed.y),
                    w=near.w + share * (region.w - followed.w),
                    h=near.h + share * (region.h - followed.h),
                )
            )

    def _back(self, number: int, region: Region, regions) -> None:
        greys = list(self.greys)
        for (frame, before), (_, after) in zip(reversed(greys[:-1]), reversed(greys[1:]), strict=True):
            if number - frame > self.cover + self.step - 1:
                break
            region = self._moved(after, before, region)
            regions[frame].append(region)

    def _moved(self, one, two, region: Region) -> Region:
        """Follow a region from one small grey picture to another; it grows, because following errs."""
        import cv2
        import numpy as np

        f = self.factor
        left, top = max(0, int(region.x * f)), max(0, int(region.y * f))
        right, bottom = math.ceil((region.x + region.w) * f), math.ceil((region.y + region.h) * f)
        part = one[top:bottom, left:right]
        grown = padded(region, GROW)
        if min(part.shape[:2], default=0) < 4:
            return grown
        points = cv2.goodFeaturesToTrack(part, 20, 0.02, 2)
        if points is None or len(points) < 3:
            return grown
        points = points + np.array([[left, top]], dtype="float32")
        there, found, _ = cv2.calcOpticalFlowPyrLK(one, two, points, None, winSize=(15, 15), maxLevel=3)
        good = found.ravel() == 1
        if good.sum() < 3:
            return grown
        dx, dy = np.median((there - points).reshape(-1, 2)[good], axis=0) / f
        if math.hypot(dx, dy) > max(region.w, region.h):  # that is a cut, not a movement
            return grown
        return replace(grown, x=grown.x + float(dx), y=grown.y + float(dy))


# -- writing --------------------------------------------------------------------------------------------------------


def _write(source, target: Path, clip: Clip, regions, frames: int, way, audio, name: str, progress) -> None:
    import cv2

    method, shape, feather = way

    part = target.with_name(f".{target.stem}.{os.getpid()}.part.mp4")
    capture, _ = open_clip(source)
    writer = cv2.VideoWriter(str(part), cv2.VideoWriter_fourcc(*"mp4v"), clip.fps, (clip.width, clip.height))
    try:
        if not writer.isOpened():
            raise SourceError(f"{name} cannot be written as MP4.", hint=f"Is there room in {target.parent}?")
        with ThreadPoolExecutor(1, "write") as writing:
            before = None
            for number in range(frames):
                ok, bgr = capture.read()
                if not ok:
                    raise SourceError(f"{name} could be read once, but not again.", hint="Is it still being written?")
                hidden = redact(bgr, regions[number], method, shape=shape, feather=feather)
                if before is not None:
                    before.result()
                before = writing.submit(writer.write, hidden)  # while the next is read and hidden
                if progress:
                    progress(0.75 + 0.25 * (number + 1) / frames, "hiding")
            if before is not None:
                before.result()
        writer.release()
        if not part.is_file() or part.stat().st_size == 0:
            raise SourceError(f"{name} cannot be written as MP4.", hint=f"Is there room in {target.parent}?")
        if audio:
            _with_sound(part, source, name)
        os.replace(part, target)
    finally:
        capture.release()
        writer.release()
        part.unlink(missing_ok=True)


def _with_sound(part: Path, source: Path, name: str) -> None:
    whole = part.with_suffix(".sound.mp4")
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(part), "-i", str(source), "-map", "0:v:0", "-map", "1:a?",
               "-c:v", "copy", "-c:a", "aac", "-map_metadata", "-1", "-shortest", str(whole)]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3600)
        if done.returncode or not whole.is_file():
            raise SourceError(f"The sound of {name} cannot be kept: {done.stderr.strip()[-200:] or 'ffmpeg failed'}.")
        os.replace(whole, part)
    finally:
        whole.unlink(missing_ok=True)
