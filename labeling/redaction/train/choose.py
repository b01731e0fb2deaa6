"""Choose the score from which a plate is hidden: python -m labeling.redaction.train.choose plates.onnx FRAMES --grounds FOLDER …

On what the training never saw: the last part of the film, and whole pictures with plates of the held-out styles. Prints recall
(75 % of a plate covered, 15 % padding) and the share hidden beside plates for each score. Needs no PyTorch.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from labeling.redaction.coverage import covered
from labeling.redaction.plate_net import PlateNetDetector
from labeling.redaction.train.data import HELD_OUT, _bumper, _distractors, _weather, load_frames, split_by_time
from labeling.redaction.train.plates import STYLES, draw_plate, paste

SCORES = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--grounds", type=Path, nargs="*", default=[])
    parser.add_argument("--made", type=int, default=120, help="pictures with synthetic plates")
    chosen = parser.parse_args()
    _, held = split_by_time(load_frames(chosen.frames))
    grounds = [p for folder in chosen.grounds for f in sorted(folder.rglob("*")) if f.suffix.lower() in (".jpg", ".png")
               for p in [cv2.imread(str(f))] if p is not None and min(p.shape[:2]) >= 200]  # fmt: skip
    print(f"{'':22s}" + "".join(f"{s:>14.2f}" for s in SCORES))
    for name, pictures in (("held-out frames", held), ("held-out styles", made(held, grounds, chosen.made))):
        looks = [
            (p.shape, boxes, PlateNetDetector(str(chosen.model), least_score=SCORES[0]).detect(p))
            for p, boxes in pictures
        ]
        row = [rates(looks, score) for score in SCORES]
        print(f"{name:22s}" + "".join(f"{r:8.3f} {o:5.3f}" for r, o in row))


def made(frames: list, grounds: list, count: int) -> list:
    """Return whole pictures of 1280 × 720 with one to three plates of styles that the training never saw."""
    styles = [s for s in STYLES if s.name in HELD_OUT]
    pictures = []
    for number in range(count):
        rng = np.random.default_rng([11, number])
        source = (
            grounds[rng.integers(len(grounds))]
            if grounds and rng.random() < 0.5
            else frames[rng.integers(len(frames))][0]
        )
        picture = cv2.resize(source, (1280, 720))
        for x, y, w, h in next((b for p, b in frames if p is source), []):  # the film's own plates go
            f, g = 1280 / source.shape[1], 720 / source.shape[0]
            part = picture[int(y * g) - 4 : int((y + h) * g) + 4, int(x * f) - 4 : int((x + w) * f) + 4]
            if part.size:
                part[:] = cv2.GaussianBlur(part, (0, 0), 8)
        _distractors(rng, picture)
        boxes: list = []
        for _ in range(rng.integers(1, 4)):
            style = styles[rng.integers(len(styles))]
            high = float(np.exp(rng.uniform(np.log(10), np.log(110))))
            at = rng.uniform(100, 1180), rng.uniform(80, 640)
            if any(abs(at[0] - x) < 300 and abs(at[1] - y) < 160 for x, y, *_ in boxes):
                continue
            _bumper(rng, picture, at, high * style.ratio, high)
            boxes.append(paste(rng, picture, draw_plate(rng, style), high * style.ratio, at))
        pictures.append((_weather(rng, picture), boxes))
    return pictures


def rates(looks: list, least: float) -> tuple[float, float]:
    scored = [covered([r for r in found if r.score >= least], boxes, size[:2]) for size, boxes, found in looks]
    return float(np.mean([hit for hits, _ in scored for hit in hits])), float(np.mean([over for _, over in scored]))


if __name__ == "__main__":
    main()
