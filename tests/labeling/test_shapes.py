"""Geometry of regions, worked out by hand on small pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling import shapes

SQUARE = {"shape": "box", "x": 12, "y": 21, "w": 3, "h": 3}
# three rows: ###. / ###. / ####
STEPPED = {"shape": "mask", "x": 12, "y": 21, "w": 4, "h": 3, "rle": [0, 3, 1, 3, 1, 4]}


def test_a_box_turned_by_a_quarter_has_whole_bounds():
    turned = {"shape": "box", "x": 170, "y": 20, "w": 80, "h": 20, "rotation": 90}
    assert shapes.bounds(turned) == (200, -10, 20, 80)
    assert shapes.outline(turned)[0] == [220, -10]


def test_a_mask_is_read_and_written_as_run_lengths():
    array = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 0, 0]], dtype=bool)
    made = shapes.from_mask(array, 10, 20)
    assert made == {"shape": "mask", "x": 11, "y": 21, "w": 2, "h": 2, "rle": [0, 3, 1]}
    assert shapes.area(made) == 3
    assert (shapes.to_mask(shapes.moved(made, -10, -20), 4, 3) == array).all()
    assert shapes.from_mask(np.zeros((2, 2))) is None


@given(st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=5))
def test_every_mask_survives_run_lengths(rows):
    array = np.array(rows, dtype=bool)
    made = shapes.from_mask(array)
    if made is None:
        assert not array.any()
    else:
        assert (shapes.to_mask(made, 5, len(rows)) == array).all()
        assert shapes.area(made) == array.sum()


def test_outlines_of_a_mask_run_along_pixel_edges():
    (outline,) = shapes.polygons(STEPPED)
    assert sorted(map(tuple, outline)) == [(12, 21), (12, 24), (15, 21), (15, 23), (16, 23), (16, 24)]
    again = shapes.to_mask({"shape": "polygon", "points": outline}, 20, 30)
    assert (again == shapes.to_mask(STEPPED, 20, 30)).all()


def test_pixels_of_a_box_are_those_whose_centres_it_holds():
    assert shapes.to_mask(SQUARE, 20, 30).sum() == 9
    half = {"shape": "box", "x": 0.6, "y": 0, "w": 1, "h": 1}  # holds the centre of the second pixel only
    assert shapes.to_mask(half, 3, 1).tolist() == [[False, True, False]]
    outside = {"shape": "box", "x": -2, "y": -2, "w": 3, "h": 3}
    assert shapes.to_mask(outside, 3, 3).sum() == 1


def test_a_triangle_holds_half_of_its_square():
    triangle = {"shape": "polygon", "points": [[0, 0], [100, 0], [0, 100]]}
    assert shapes.area(triangle) == 5000
    assert shapes.to_mask(triangle, 100, 100).sum() == pytest.approx(5000, rel=0.02)


def test_overlap_of_boxes_masks_and_ellipses():
    assert shapes.overlap(SQUARE, SQUARE) == 1
    assert shapes.overlap(SQUARE, {**SQUARE, "x": 13}) == pytest.approx(6 / 12)
    assert shapes.overlap(SQUARE, {**SQUARE, "x": 15}) == 0
    assert shapes.overlap(SQUARE, STEPPED) == pytest.approx(9 / 10)
    circle = {"shape": "ellipse", "x": 0, "y": 0, "rx": 10, "ry": 10}
    around = {"shape": "box", "x": -10, "y": -10, "w": 20, "h": 20}
    assert shapes.overlap(circle, around) == pytest.approx(math.pi / 4, rel=0.002)
    diamond = {**around, "rotation": 45}  # an octagon is what both hold: side 20(√2−1)
    octagon = 2 * (1 + math.sqrt(2)) * (20 * (math.sqrt(2) - 1)) ** 2
    assert shapes.overlap(around, diamond) == pytest.approx(octagon / (800 - octagon))
    assert shapes.overlap(SQUARE, {"shape": "point", "x": 13, "y": 22}) == 0


def test_bounds_of_a_turned_ellipse_are_exact():
    x, y, w, h = shapes.bounds({"shape": "ellipse", "x": 50, "y": 40, "rx": 20, "ry": 10, "rotation": 90})
    assert (x, y, w, h) == pytest.approx((40, 20, 20, 40))


def test_scaling_moves_every_number():
    assert shapes.scaled(SQUARE, 2, 10) == {"shape": "box", "x": 24, "y": 210, "w": 6, "h": 30}
    assert shapes.area(shapes.scaled(STEPPED, 2, 2)) == 40
