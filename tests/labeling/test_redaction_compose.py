"""Detectors made of detectors, text lines, and models that users bring."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from labeling.redaction.compose import Mirrored, OwnModel, TextDetector, Tiles, _starts
from labeling.redaction.regions import Region
from transforms.errors import SourceError


class Bright:
    """Finds the bounds of what is white, if it takes at least a hundredth of what is seen: small things need tiles."""

    name, kind = "bright", "face"

    def __init__(self, least=0.01, left_only=False):
        self.least, self.left_only = least, left_only

    def detect(self, bgr):
        rows, columns = np.nonzero(bgr[..., 0] > 200)
        if len(rows) < self.least * bgr[..., 0].size or not len(rows):
            return []
        if self.left_only and columns.min() > bgr.shape[1] / 2:
            return []
        x, y = columns.min(), rows.min()
        return [Region("face", x, y, columns.max() + 1 - x, rows.max() + 1 - y, 0.8, self.name)]


def test_tiles_cover_the_whole_length():
    assert _starts(100, 100, 0.25) == [0]
    assert _starts(101, 100, 0.25) == [0, 1]
    starts = _starts(1000, 400, 0.25)
    assert starts == [0, 300, 600] and starts[-1] + 400 == 1000


def test_small_things_are_found_in_tiles():
    bgr = np.zeros((900, 1200, 3), "uint8")
    bgr[700:720, 1000:1030] = 255
    assert Bright().detect(bgr) == []
    (found,) = Tiles(Bright(0.001), side=400).detect(bgr)
    assert (found.x, found.y, found.w, found.h) == (1000, 700, 30, 20)


def test_a_mirror_shows_the_other_side():
    bgr = np.zeros((100, 200, 3), "uint8")
    bgr[40:60, 150:180] = 255
    assert Bright(left_only=True).detect(bgr) == []
    (found,) = Mirrored(Bright(left_only=True)).detect(bgr)
    assert (found.x, found.w) == (150, 30)


def test_lines_of_text_are_found_and_plain_ground_is_not():
    bgr = np.full((200, 500, 3), 230, "uint8")
    cv2.putText(bgr, "Jane Doe, 12 Elm Street", (40, 80), 0, 0.9, (30, 30, 30), 2, cv2.LINE_AA)
    found = TextDetector().detect(bgr)
    covered = np.zeros((200, 500), bool)
    for r in found:
        covered[int(r.y) : int(r.y + r.h) + 1, int(r.x) : int(r.x + r.w) + 1] = True
    ink = bgr[..., 0] < 120
    assert (covered & ink).sum() / ink.sum() > 0.9
    assert TextDetector().detect(np.full((200, 500, 3), 128, "uint8")) == []


def test_a_model_of_the_user_hides_what_it_is_told_to(tmp_path):
    with pytest.raises(SourceError):
        OwnModel(str(tmp_path / "none.onnx")).detect(np.zeros((40, 40, 3), "uint8"))
