"""The data that the plate network learns from: the same seed gives the same crops, and boxes lie on the plates."""

from __future__ import annotations

import numpy as np

from labeling.redaction.train.data import HELD_OUT, SIDE, Crops, split_by_time
from labeling.redaction.train.plates import STYLES, draw_plate, paste

FRAME = np.random.default_rng(1).integers(60, 120, (300, 500, 3), dtype="uint8")


def test_every_style_is_drawn_in_its_shape():
    for style in STYLES:
        plate = draw_plate(np.random.default_rng(3), style)
        assert plate.dtype == np.uint8 and plate.shape[0] == 64
        assert 0.85 * style.ratio < plate.shape[1] / 64 < 1.15 * style.ratio
        assert plate.std() > 10, style.name  # something stands on it


def test_a_pasted_plate_lies_in_its_box():
    scene = np.full((200, 300, 3), 100, "uint8")
    before = scene.copy()
    x, y, w, h = paste(
        np.random.default_rng(5), scene, draw_plate(np.random.default_rng(5), STYLES[0]), 120, (150, 100)
    )
    changed = (scene != before).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert x - 2 <= columns.min() and columns.max() <= x + w + 2 and y - 2 <= rows.min() and rows.max() <= y + h + 2
    assert changed[int(y + h / 2), int(x + w / 2)]


def test_crops_come_again_from_seed_and_number_and_boxes_stay_inside():
    frames = [(FRAME, [[200, 150, 60, 15]])]
    one, two = Crops(frames, [FRAME], 7), Crops(frames, [FRAME], 7)
    kinds = set()
    for number in range(40):
        picture, boxes = one.make(number)
        again, boxes_again = two.make(number)
        assert picture.shape == (SIDE, SIDE, 3) and (picture == again).all() and boxes == boxes_again
        kinds.add(bool(boxes))
        for x, y, w, h in boxes:
            assert min(x, y) >= 0 and x + w <= SIDE + 1e-6 and y + h <= SIDE + 1e-6 and h >= 6
    assert kinds == {True, False}


def test_validation_sees_styles_and_frames_that_training_does_not():
    names = {s.name for s in STYLES}
    assert set(HELD_OUT) < names
    train, held = split_by_time([(n, []) for n in range(100)])
    assert [n for n, _ in held] == list(range(85, 100)) and len(train) == 85
