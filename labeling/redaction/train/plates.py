"""Draw licence plates as many countries have them: colours, bands, one row or two, letters, dirt, frames, bolts.

Nothing here copies a real plate: letters and numbers are random, and bands carry no emblems.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

import cv2
import numpy as np

LETTERS, DIGITS = "ABCDEFGHJKLMNPRSTUVWXYZ", string.digits
MORE_LETTERS = (
    "АВЕКМНОРСТУХ东京沪粤浙苏ابجدهو가나다라कखग"  # drawn as blocks where the font has none: fine, they are dark marks
)
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_COMPLEX_SMALL,
)  # fmt: skip


@dataclass(frozen=True)
class Style:
    """`ground` and `ink` are BGR; `ratio` is width to height; `rows` of letters; `band` (BGR) at the left or right side."""

    name: str
    ground: tuple[int, int, int]
    ink: tuple[int, int, int]
    ratio: float
    patterns: tuple[str, ...]
    rows: int = 1
    band: tuple[int, int, int] | None = None
    right_band: bool = False
    header: bool = False  # small words above or below, as in the Americas
    scene: bool = False  # a coloured picture behind the letters


_WHITE, _BLACK, _BLUE, _YELLOW = (245, 245, 245), (25, 25, 25), (150, 70, 20), (40, 200, 245)
STYLES = (
    Style("eu long", _WHITE, _BLACK, 4.7, ("AA 99 AAA", "A 9999 AA", "AA 999 AA", "AAA 999", "9AA 9999", "B 99 AAA"), band=_BLUE),
    Style("eu plain", _WHITE, _BLACK, 4.6, ("AA 99 AAA", "99 AAA 9", "AAA-999")),
    Style("eu two rows", _WHITE, _BLACK, 1.4, ("AA 99|AAA", "A 99|999 AA"), 2, _BLUE),
    Style("uk rear", _YELLOW, _BLACK, 4.7, ("AA99 AAA",), band=_BLUE),
    Style("nl", _YELLOW, _BLACK, 4.7, ("99-AAA-9", "AA-999-A"), band=_BLUE),
    Style("us", _WHITE, (120, 50, 20), 2.0, ("AAA 9999", "9AAA999", "AAA-999", "999 AAA"), header=True),
    Style("us dark", (110, 60, 30), (240, 240, 245), 2.0, ("AAA 9999", "999 AAA"), header=True),
    Style("us warm", (170, 215, 240), (40, 40, 130), 2.0, ("9AA 999", "AAA 999"), header=True),
    Style("br", (205, 205, 205), _BLACK, 3.1, ("AAA-9999", "AAA9A99"), header=True),
    Style("mercosur", _WHITE, _BLACK, 3.1, ("AAA9A99", "AA 999 AA"), header=True),
    Style("russia", _WHITE, _BLACK, 4.6, ("A999AA 99", "A999AA 199")),
    Style("china blue", (170, 80, 20), _WHITE, 3.1, ("#A·99999", "#A·9A999")),
    Style("china green", (150, 220, 170), _BLACK, 3.4, ("#A·A99999",)),
    Style("japan", _WHITE, (60, 120, 30), 2.0, ("## 999|# 99-99",), 2),
    Style("india", _WHITE, _BLACK, 4.2, ("AA 99 AA 9999", "AA 99 A 9999")),
    Style("india yellow", _YELLOW, _BLACK, 2.4, ("AA 99 A|9999",), 2),
    Style("korea", _WHITE, _BLACK, 4.7, ("99# 9999", "999# 9999")),
    Style("gulf", _WHITE, _BLACK, 2.1, ("99999|A", "A 99999"), 1),
    Style("bike", _WHITE, _BLACK, 1.25, ("AA 99|AA 99", "AA|999"), 2, _BLUE),
    Style("old black", (30, 30, 30), (235, 235, 235), 4.4, ("AAA 999", "999-AA-9", "AA 9999")),
    Style("red", (40, 40, 175), _WHITE, 4.5, ("AA 9999", "999 AAA")),
    Style("green", (60, 110, 40), _WHITE, 4.5, ("AA 9999", "999 AA")),
    Style("bike white", _WHITE, _BLACK, 1.35, ("AA 99|A 9999", "99 A9|99999", "AAA|9999"), 2),
    Style("bike yellow", _YELLOW, _BLACK, 1.3, ("AA 99|9999", "AAA|99A"), 2),
    Style("bike dark", (35, 35, 35), (235, 235, 235), 1.3, ("A 9999|AA", "999|AAA"), 2),
    Style("us picture", (190, 160, 120), (60, 30, 30), 2.0, ("AAA 999", "A99 9AA", "999AAA"), header=True, scene=True),
    Style("us picture light", (225, 225, 235), (40, 40, 150), 2.0, ("AAA 9999", "AA9 9A"), header=True, scene=True),
    Style("single row square", _WHITE, _BLACK, 2.6, ("AAA999", "99 999", "A 9999"), header=True),
)  # fmt: skip


def draw_plate(rng: np.random.Generator, style: Style, height: int = 64) -> np.ndarray:
    """Return the picture of a random plate of a style, `height` pixels high, BGR."""
    width = int(height * style.ratio * rng.uniform(0.9, 1.1))
    shade = rng.uniform(0.75, 1.05)
    plate = np.empty((height, width, 3), "float32")
    plate[:] = np.clip(np.array(style.ground) * shade + rng.normal(0, 6, 3), 0, 255)
    plate *= np.linspace(rng.uniform(0.85, 1.1), rng.uniform(0.85, 1.1), width)[None, :, None]
    plate = np.clip(plate, 0, 255).astype("uint8").copy()
    if style.scene:
        _scene(rng, plate)
    left, right = int(0.03 * width), int(0.97 * width)
    if style.band and rng.random() < 0.85:
        wide = int(height * rng.uniform(0.4, 0.5)) if style.rows == 1 else int(height * 0.16)
        at = width - wide if style.right_band else 0
        cv2.rectangle(plate, (at, 0), (at + wide, height), style.band, -1)
        cv2.putText(
            plate, rng.choice(list(LETTERS)), (at + 3, height - 6), _FONTS[0], height / 90, (250, 250, 250), 1, 16
        )
        left = left if style.right_band else wide + 2
    top, bottom = int(0.1 * height), int(0.92 * height)
    if style.header:
        top, bottom = int(0.24 * height), int(0.86 * height)
        words = "".join(rng.choice(list(LETTERS), rng.integers(5, 11)))
        for y in (int(0.2 * height), int(0.97 * height)) if rng.random() < 0.6 else (int(0.2 * height),):
            cv2.putText(plate, words, (int(0.22 * width), y), _FONTS[0], height / 190, style.ink, 1, cv2.LINE_AA)
    lines = _words(rng, rng.choice(style.patterns)).split("|")
    each = (bottom - top) / len(lines)
    font = int(rng.choice(_FONTS[:4]))
    for n, line in enumerate(lines):
        _line(plate, line, left, right, top + n * each, each, style.ink, font, rng)
    if rng.random() < 0.7:
        cv2.rectangle(
            plate,
            (0, 0),
            (width - 1, height - 1),
            tuple(int(v) for v in rng.integers(10, 120, 3)),
            int(rng.integers(1, 4)),
        )
    for _ in range(rng.integers(0, 5)):  # bolts
        at = int(rng.uniform(0.04, 0.96) * width), int(rng.choice([0.12, 0.88, 0.5]) * height)
        cv2.circle(plate, at, max(1, height // 24), tuple(int(v) for v in rng.integers(40, 200, 3)), -1, cv2.LINE_AA)
    return _dirt(rng, plate)


def _scene(rng, plate) -> None:
    """Paint hills, a sky and shapes behind the letters, faint enough to read them."""
    height, width = plate.shape[:2]
    layer = plate.copy()
    layer[:] = (layer * np.linspace(rng.uniform(0.6, 1.0), rng.uniform(0.8, 1.3), height)[:, None, None]).clip(0, 255)
    for _ in range(rng.integers(1, 5)):
        color = tuple(int(v) for v in rng.integers(30, 250, 3))
        at = int(rng.uniform(0, width)), int(rng.uniform(0.3, 1.1) * height)
        axes = int(rng.uniform(0.1, 0.6) * width), int(rng.uniform(0.1, 0.6) * height)
        cv2.ellipse(layer, at, axes, 0, 0, 360, color, -1, cv2.LINE_AA)
    strength = rng.uniform(0.2, 0.6)
    plate[:] = (plate * (1 - strength) + layer * strength).astype("uint8")


def _words(rng, pattern: str) -> str:
    pick = {"A": LETTERS, "9": DIGITS, "#": MORE_LETTERS}
    return "".join(rng.choice(list(pick[c])) if c in pick else c for c in pattern)


def _line(plate, text: str, left: int, right: int, top: float, high: float, ink, font: int, rng) -> None:
    """Write a line as wide and high as there is room, with thick strokes as plates have."""
    thick = max(1, int(high * rng.uniform(0.09, 0.15)))
    (w, h), _ = cv2.getTextSize(text, font, 1.0, 1)
    high_scale = 0.78 * high / max(1, h)
    strip = np.zeros((int(high) + 4, max(8, int(w * high_scale) + 3 * thick), 1), "uint8")
    ascii_text = "".join(c if ord(c) < 128 else "B" for c in text)
    cv2.putText(strip, ascii_text, (thick, int(high * 0.88)), font, high_scale, 255, thick, cv2.LINE_AA)
    room = right - left
    wide = int(min(room, strip.shape[1] * rng.uniform(0.85, 1.1)) * rng.uniform(0.86, 1.0))
    strip = cv2.resize(strip, (max(4, wide), strip.shape[0]), interpolation=cv2.INTER_AREA)
    x, y = left + (room - strip.shape[1]) // 2, int(top)
    part = plate[y : y + strip.shape[0], x : x + strip.shape[1]]
    mask = strip[: part.shape[0], : part.shape[1], None].astype("float32") / 255 * rng.uniform(0.7, 1)
    part[:] = (part * (1 - mask) + np.array(ink, "float32") * mask).astype("uint8")


def _dirt(rng, plate):
    if rng.random() < 0.35:
        spots = cv2.GaussianBlur(rng.random(plate.shape[:2]).astype("float32"), (0, 0), plate.shape[0] / 6)
        spots = (spots - spots.min()) / (np.ptp(spots) + 1e-6) * rng.uniform(0.1, 0.5)
        plate = (plate * (1 - spots[..., None]) + rng.integers(40, 140) * spots[..., None]).astype("uint8")
    if rng.random() < 0.2:  # glare
        glow = np.zeros(plate.shape[:2], "float32")
        cv2.circle(
            glow, (int(rng.integers(plate.shape[1])), int(rng.integers(plate.shape[0]))), plate.shape[0], 1.0, -1
        )
        glow = cv2.GaussianBlur(glow, (0, 0), plate.shape[0] / 3)[..., None] * rng.uniform(0.2, 0.7)
        plate = (plate * (1 - glow) + 255 * glow).astype("uint8")
    return plate


def paste(
    rng: np.random.Generator, scene: np.ndarray, plate: np.ndarray, width: float, at: tuple[float, float]
) -> list[float]:
    """Put a plate into a scene in perspective, `width` pixels wide with its middle at `at`; return its box x, y, w, h."""
    high = width * plate.shape[0] / plate.shape[1]
    yaw, roll = rng.uniform(0.72, 1.0), np.radians(rng.normal(0, 5))
    w, h = width * yaw, high * rng.uniform(0.9, 1.05)
    skew = rng.normal(0, 0.06, 4) * h
    corners = np.array([[-w / 2, -h / 2], [w / 2, -h / 2], [w / 2, h / 2], [-w / 2, h / 2]])
    corners[:, 1] += skew
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    corners = corners @ turn.T + np.array(at)
    source = np.array([[0, 0], [plate.shape[1], 0], [plate.shape[1], plate.shape[0]], [0, plate.shape[0]]], "float32")
    # shrink first: warping alone would skip pixels
    factor = min(1.0, 2 * width / plate.shape[1])
    small = cv2.resize(plate, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else plate
    move = cv2.getPerspectiveTransform(source * factor, corners.astype("float32"))
    size = scene.shape[1], scene.shape[0]
    warped = cv2.warpPerspective(small, move, size, flags=cv2.INTER_LINEAR)
    mask = cv2.warpPerspective(np.full(small.shape[:2], 255, "uint8"), move, size, flags=cv2.INTER_LINEAR)
    mask = cv2.GaussianBlur(mask, (3, 3), 0)[..., None].astype("float32") / 255
    x1, y1 = np.floor(corners.min(0)).astype(int)
    x2, y2 = np.ceil(corners.max(0)).astype(int)
    around = scene[max(0, y1 - 4) : y2 + 4, max(0, x1 - 4) : x2 + 4]
    if around.size:  # as bright as the scene is there
        light = float(np.clip(around.mean() / 120, 0.35, 1.25)) * rng.uniform(0.8, 1.3)
        warped = np.clip(warped.astype("float32") * light, 0, 255)
    scene[:] = (scene * (1 - mask) + warped * mask).astype("uint8")
    low, high_ = corners.min(0), corners.max(0)
    return [float(low[0]), float(low[1]), float(high_[0] - low[0]), float(high_[1] - low[1])]
