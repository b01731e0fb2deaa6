"""Measure redaction: recall and over-redaction on truth boxes, time per megapixel, and video beside a look at every frame.

    python benchmarks/redaction.py --shared ../shared [--step 4] [--face-model FILE] [--clip FILE --seconds 5]

Recall: a truth box is hidden when 75 % of it lies under the regions; "over" is the mean share of a picture that is hidden
beside truth boxes (as `../shared/eval_redaction.py` counts). The clip is enlarged to 1080p. "every frame" is what the deface
package does: a YuNet-class detector on each frame, nothing carried between them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

SIZES = ((0, 16), (16, 32), (32, 64), (64, 10**9))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--step", type=int, default=1, help="take every nth picture")
    parser.add_argument("--face-model", type=Path)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--seconds", type=float, default=5)
    chosen = parser.parse_args()
    from labeling.redaction.detectors import default_detectors

    model = chosen.face_model or chosen.shared / "data/models/yunet_n_640_640.onnx"
    cases = [
        ("faces", "YuNet", default_detectors(True, False, str(model))),
        ("faces", "cascades", _cascades()),
        ("plates", "default", default_detectors(False, True)),
    ]
    for what, name, detectors in cases:
        measure(chosen.shared / "data" / what, what, name, detectors, chosen.step)
    clip = chosen.clip or chosen.shared / "data/images/video/face-demographics-walking.gif"
    video(clip, default_detectors(True, True, str(model)), chosen.seconds)


def _cascades():
    from labeling.redaction.detectors import default_detectors

    kept = os.environ.pop("TILTH_FACE_MODEL", None)
    os.environ["TILTH_MODELS"], before = "/nonexistent", os.environ.get("TILTH_MODELS")
    try:
        return default_detectors(True, False)
    finally:
        os.environ.pop("TILTH_MODELS")
        if before:
            os.environ["TILTH_MODELS"] = before
        if kept:
            os.environ["TILTH_FACE_MODEL"] = kept


def measure(folder: Path, what: str, name: str, detectors, step: int) -> None:
    import numpy as np

    from labeling.pictures import read_picture
    from labeling.redaction.coverage import covered
    from labeling.redaction.detectors import find_regions

    rows = [json.loads(line) for line in (folder / "gt.jsonl").read_text().splitlines()][::step]
    hits, over, seconds, pixels = [], [], 0.0, 0
    for row in rows:
        bgr = read_picture(folder / row["file"]).bgr
        started = time.perf_counter()
        regions = find_regions(bgr, detectors)
        seconds += time.perf_counter() - started
        pixels += bgr.shape[0] * bgr.shape[1]
        boxes = [tuple(box) for box in row["boxes"]]
        found, beside = covered(regions, boxes, bgr.shape[:2], row.get("ignore", []))
        over.append(beside)
        hits += [(box[3], hit, row["source"]) for box, hit in zip(boxes, found, strict=True)]
    hidden = np.array([h[1] for h in hits])
    print(
        f"{what} by {name}: recall {hidden.mean():.1%} of {len(hits)}, over {np.mean(over):.1%}, "
        f"{1e9 * seconds / pixels:.0f} ms per megapixel"
    )
    for low, high in SIZES:
        part = [h[1] for h in hits if low <= h[0] < high]
        if part:
            print(
                f"    {low}{f' to {high - 1}' if high < 10**6 else ' and more'} px high: {np.mean(part):.1%} of {len(part)}"
            )
    for source in sorted({h[2] for h in hits}):
        part = [h[1] for h in hits if h[2] == source]
        print(f"    {source[:60]}: {np.mean(part):.1%} of {len(part)}")


def video(clip: Path, detectors, seconds: float) -> None:
    import cv2

    from labeling.pictures import clip_frames
    from labeling.redaction.detectors import find_regions
    from labeling.redaction.redactor import redact
    from labeling.redaction.video import redact_video

    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.mp4"
        writer = cv2.VideoWriter(str(large), cv2.VideoWriter_fourcc(*"mp4v"), 25, (1920, 1080))
        frames = [cv2.resize(bgr, (1920, 1080)) for _, bgr in clip_frames(clip)]
        count = int(25 * seconds)
        for n in range(count):
            writer.write(frames[n % len(frames)])
        writer.release()
        started = time.perf_counter()
        redact_video(large, Path(folder) / "ours.mp4", detectors)
        ours = time.perf_counter() - started
        few = max(5, count // 10)
        started = time.perf_counter()
        writer = cv2.VideoWriter(str(Path(folder) / "each.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 25, (1920, 1080))
        for n in range(few):
            bgr = frames[n % len(frames)]
            writer.write(redact(bgr, find_regions(bgr, detectors)))
        writer.release()
        each = (time.perf_counter() - started) * count / few
    print(f"video 1080p, {count} frames: {count / ours:.1f} frames a second; a look at every frame {count / each:.1f}")


if __name__ == "__main__":
    main()
