"""Crops to learn from: real frames with their plates, synthetic plates on all kinds of ground, and grounds without any.

Roughly a third each. What looks like a plate and is none (signs, lettering, grilles, windows) is drawn on purpose, and
false alarms that a round of training found are kept as crops (hard negatives).
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from labeling.redaction.train.plates import STYLES, draw_plate, paste

SIDE = 256
HELD_OUT = ("us warm", "japan", "gulf", "nl")  # styles that only the validation sees
LEAST = 6  # plates lower than this many pixels are not asked for


def load_frames(folder: Path) -> list[tuple[np.ndarray, list]]:
    """Return `(picture BGR, boxes)` of a folder with `gt.jsonl`."""
    truth = next(folder.glob("*.jsonl"))
    rows = [json.loads(line) for line in truth.read_text("utf-8").splitlines() if line.strip()]
    frames = []
    for row in rows:
        picture = cv2.imread(str(folder / Path(row["file"]).name))
        if picture is not None:
            frames.append((picture, row["boxes"]))
    return frames


def split_by_time(frames: list, share: float = 0.15) -> tuple[list, list]:
    """Hold out the last part of the film: its neighbours in time would give validation away."""
    cut = int(len(frames) * (1 - share))
    return frames[:cut], frames[cut:]


class Crops:
    """Makes crops of SIDE × SIDE with their boxes; the same seed and number gives the same crop."""

    def __init__(self, frames: list, grounds: list[np.ndarray], seed: int, styles=None, hard: list | None = None):
        self.frames, self.grounds, self.seed = frames, grounds, seed
        self.styles = [s for s in STYLES if styles is None or s.name in styles]
        self.hard = hard if hard is not None else []

    def make(self, number: int) -> tuple[np.ndarray, list]:
        rng = np.random.default_rng([self.seed, number])
        draw = rng.random()
        if self.hard and draw < 0.15:
            picture, boxes = self.hard[rng.integers(len(self.hard))].copy(), []
        elif draw < 0.5:
            picture, boxes = self._real(rng)
        else:
            picture, boxes = self._ground(rng), []
            if rng.random() < 0.5:
                _distractors(rng, picture)
            if draw < 0.88:
                boxes = self._synthetic(rng, picture)
        picture = _weather(rng, picture)
        if rng.random() < 0.5:
            picture = picture[:, ::-1].copy()
            boxes = [[SIDE - x - w, y, w, h] for x, y, w, h in boxes]
        return picture, boxes

    def _real(self, rng) -> tuple[np.ndarray, list]:
        picture, boxes = self.frames[rng.integers(len(self.frames))]
        scale = float(np.exp(rng.uniform(np.log(0.4), np.log(2.0))))
        side = SIDE / scale
        if boxes and rng.random() < 0.75:
            x, y, w, h = boxes[rng.integers(len(boxes))]
            cx, cy = x + w / 2 + rng.uniform(-0.4, 0.4) * side, y + h / 2 + rng.uniform(-0.4, 0.4) * side
        else:
            cx, cy = rng.uniform(0, picture.shape[1]), rng.uniform(0, picture.shape[0])
        crop, move = _crop(picture, cx, cy, side)
        out = []
        for x, y, w, h in boxes:
            left, top = (x - move[0]) * scale, (y - move[1]) * scale
            _keep(out, left, top, w * scale, h * scale)
        return crop, out

    def _ground(self, rng) -> np.ndarray:
        if rng.random() < 0.35:  # a frame without its plates: grey them out of recognition
            picture, boxes = self.frames[rng.integers(len(self.frames))]
            picture = picture.copy()
            for x, y, w, h in boxes:
                x1, y1, x2, y2 = int(x - 3), int(y - 3), int(x + w + 4), int(y + h + 4)
                part = picture[max(0, y1) : y2, max(0, x1) : x2]
                part[:] = cv2.GaussianBlur(part, (0, 0), max(2.0, h / 2)) if part.size else part
        else:
            picture = self.grounds[rng.integers(len(self.grounds))]
        side = SIDE / float(np.exp(rng.uniform(np.log(0.5), np.log(2.0))))
        side = min(side, *picture.shape[:2])
        cx = rng.uniform(side / 2, max(side / 2 + 1, picture.shape[1] - side / 2))
        cy = rng.uniform(side / 2, max(side / 2 + 1, picture.shape[0] - side / 2))
        return _crop(picture, cx, cy, side)[0]

    def _synthetic(self, rng, picture) -> list:
        boxes: list = []
        for _ in range(1 + (rng.random() < 0.25)):
            style = self.styles[rng.integers(len(self.styles))]
            plate = draw_plate(rng, style, 64)
            # by height, so that square plates are not all tiny
            high = float(np.exp(rng.uniform(np.log(7), np.log(130))))
            width = min(high * style.ratio, SIDE * 0.95)
            at = rng.uniform(0.05, 0.95) * SIDE, rng.uniform(0.05, 0.95) * SIDE
            if any(abs(at[0] - x - w / 2) < width and abs(at[1] - y - h / 2) < high for x, y, w, h in boxes):
                continue
            if rng.random() < 0.7:  # something it hangs on: a bumper, a number plate holder
                _bumper(rng, picture, at, width, high)
            _keep(boxes, *paste(rng, picture, plate, width, at))
        return boxes


def _crop(picture, cx: float, cy: float, side: float):
    left, top = cx - side / 2, cy - side / 2
    move = np.array([[SIDE / side, 0, -left * SIDE / side], [0, SIDE / side, -top * SIDE / side]])
    if side > SIDE:  # shrink first, or fine lines flicker
        factor = SIDE / side
        small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        move = np.array([[1, 0, -left * factor], [0, 1, -top * factor]])
        picture = small
    crop = cv2.warpAffine(picture, move, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return crop, (left, top)


def _keep(out: list, x: float, y: float, w: float, h: float) -> None:
    """Keep the part of a box inside the crop, if enough of it is there."""
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, SIDE), min(y + h, SIDE)
    if right - left > 0.4 * w and bottom - top > 0.6 * h and bottom - top >= LEAST:
        out.append([left, top, right - left, bottom - top])


def _bumper(rng, picture, at, width: float, high: float) -> None:
    w, h = width * rng.uniform(1.1, 3.5), high * rng.uniform(1.2, 4)
    shade = tuple(int(v) for v in np.clip(rng.normal(90, 60) + rng.normal(0, 12, 3), 0, 255))
    corner = int(at[0] - w / 2), int(at[1] - h * rng.uniform(0.35, 0.65))
    layer = picture.copy()
    cv2.rectangle(layer, corner, (corner[0] + int(w), corner[1] + int(h)), shade, -1)
    strength = rng.uniform(0.4, 1.0)
    picture[:] = (picture * (1 - strength) + layer * strength).astype("uint8")


def _distractors(rng, picture) -> None:
    """Draw what looks a little like a plate: signs with words, grilles, windows, lamps, stripes, lone letters."""
    for _ in range(rng.integers(1, 4)):
        x, y = int(rng.uniform(0, SIDE)), int(rng.uniform(0, SIDE))
        w, h = int(rng.uniform(15, 140)), int(rng.uniform(8, 80))
        color = tuple(int(v) for v in rng.integers(0, 256, 3))
        other = tuple(int(v) for v in rng.integers(0, 256, 3))
        kind = rng.integers(6)
        if kind == 0:  # a plain rectangle
            cv2.rectangle(picture, (x, y), (x + w, y + h), color, -1 if rng.random() < 0.6 else int(rng.integers(1, 4)))
        elif kind == 1:  # a sign with a long line of small words, or many lines
            cv2.rectangle(picture, (x, y), (x + w, y + h), color, -1)
            for line in range(rng.integers(2, 5)):
                words = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz   "), 14))
                cv2.putText(picture, words, (x + 2, y + 7 + 9 * line), 0, 0.28, other, 1, cv2.LINE_AA)
        elif kind == 2:  # a grille
            for n in range(rng.integers(3, 9)):
                at = y + int(n * h / 6)
                cv2.line(picture, (x, at), (x + w, at), color, int(rng.integers(1, 4)))
        elif kind == 3:  # windows
            step = max(6, w // 5)
            for px in range(x, x + w, step):
                for py in range(y, y + h, step):
                    cv2.rectangle(picture, (px, py), (px + step // 2, py + step // 2), color, -1)
        elif kind == 4:  # large letters without a plate
            cv2.putText(picture, "".join(rng.choice(list("ABCDEFGHIKLMNOPRST"), rng.integers(1, 9))), (x, y + h), int(rng.integers(0, 5)),
                        rng.uniform(0.4, 2.0), color, int(rng.integers(1, 4)), cv2.LINE_AA)  # fmt: skip
        else:  # a lamp
            cv2.ellipse(
                picture, (x, y), (w // 4 + 1, h // 4 + 1), float(rng.uniform(0, 180)), 0, 360, color, -1, cv2.LINE_AA
            )


def _weather(rng, picture):
    """Light, tint, blur, noise and compression, as cameras have them."""
    picture = picture.astype("float32")
    if rng.random() < 0.8:
        picture = (picture - 127) * rng.uniform(0.5, 1.4) + 127 + rng.normal(0, 25)
    if rng.random() < 0.4:
        picture *= rng.uniform(0.6, 1.3, 3)
    if rng.random() < 0.25:
        picture = 255 * (np.clip(picture, 0, 255) / 255) ** rng.uniform(0.5, 2.2)
    picture = np.clip(picture, 0, 255).astype("uint8")
    draw = rng.random()
    if draw < 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.6))
    elif draw < 0.32:  # moving
        size = int(rng.integers(3, 9))
        kernel = np.zeros((size, size), "float32")
        cv2.line(kernel, (0, int(rng.integers(size))), (size - 1, int(rng.integers(size))), 1.0, 1)
        picture = cv2.filter2D(picture, -1, kernel / max(1.0, kernel.sum()))
    if rng.random() < 0.4:
        noise = rng.normal(0, rng.uniform(2, 14), picture.shape).astype("float32")
        picture = np.clip(picture + noise, 0, 255).astype("uint8")
    if rng.random() < 0.3:
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return picture
