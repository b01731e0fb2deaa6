"""Help with drawing, on small pictures whose right answer is known."""

from __future__ import annotations

import numpy as np

from labeling import assist, shapes


def scene():
    """A dark disc of radius 30 around (80, 60) on a light, slightly noisy ground of 160 × 120."""
    noise = np.random.default_rng(3).integers(0, 12, (120, 160, 3), dtype="uint8")
    rows, columns = np.mgrid[:120, :160]
    disc = (columns + 0.5 - 80) ** 2 + (rows + 0.5 - 60) ** 2 <= 30**2
    return np.where(disc[..., None], 40 + noise, 210 + noise).astype("uint8"), disc


def iou(mask, truth) -> float:
    found = shapes.to_mask(mask, truth.shape[1], truth.shape[0])
    return (found & truth).sum() / (found | truth).sum()


def test_what_stands_out_in_a_box_is_cut_out():
    bgr, disc = scene()
    found = assist.cut_out(bgr, 45, 25, 70, 70)
    assert iou(found, disc) > 0.97
    assert found == assist.cut_out(bgr, 45, 25, 70, 70)  # the same click, the same mask


def test_a_large_picture_is_cut_at_a_smaller_scale():
    bgr, disc = scene()
    large = np.kron(bgr, np.ones((16, 16, 1), dtype="uint8"))
    found = assist.cut_out(large, 45 * 16, 25 * 16, 70 * 16, 70 * 16)
    assert iou(found, np.kron(disc, np.ones((16, 16), dtype=bool))) > 0.95


def test_a_box_without_room_holds_nothing():
    assert assist.cut_out(np.full((50, 50, 3), 200, "uint8"), 10, 10, 1, 1) is None


def test_an_area_of_one_colour_is_filled():
    bgr, disc = scene()
    found = assist.fill(bgr, 80, 60, tolerance=16)
    assert iou(found, disc) > 0.99
    assert assist.fill(bgr, 500, 60) is None


def test_scissors_follow_the_edge_of_the_disc():
    bgr, _ = scene()
    points = assist.follow_edge(bgr, [50, 60], [80, 30])  # a quarter of the circle
    assert points[-1] == [80, 30] and len(points) > 3
    away = [abs(np.hypot(x - 80, y - 60) - 30) for x, y in points]
    assert max(away) < 3
    assert assist.follow_edge(bgr, [1, 1], [2, 1])[-1] == [2, 1]


def test_a_mask_becomes_a_polygon_of_nearly_the_same_pixels():
    bgr, disc = scene()
    outline = assist.as_polygon(assist.fill(bgr, 80, 60))
    assert outline["shape"] == "polygon" and len(outline["points"]) < 60
    assert iou(outline, disc) > 0.96
