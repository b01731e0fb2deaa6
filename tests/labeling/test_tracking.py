"""Objects through the frames of a clip."""

from __future__ import annotations

import numpy as np
import pytest

from labeling import annotations, collections, tracking
from labeling.pictures import encode_picture
from transforms.errors import Conflict

ANNA = "anna"


def frame(x: int, y: int) -> np.ndarray:
    """A textured square of 30 pixels at (x, y) on a ground of soft noise."""
    ground = np.random.default_rng(1).integers(90, 110, (120, 200, 3), dtype="uint8")
    thing = np.random.default_rng(2).integers(0, 255, (10, 10, 3), dtype="uint8")
    ground[y : y + 30, x : x + 30] = np.kron(thing, np.ones((3, 3, 1), dtype="uint8"))
    return ground


@pytest.fixture
def clip(tmp_workspace):
    """Five frames in which a square moves by 8 pixels a frame; returns the workspace and the items' numbers."""
    ws = tmp_workspace
    collections.create_collection(ws, "drive", ["car"])
    files = [(f"f{n}.png", encode_picture(frame(20 + 8 * n, 40), ".png")) for n in range(5)]
    collections._add(
        ws, "drive", [(name, data, f"drive.mp4#frame={5 * n}", None) for n, (name, data) in enumerate(files)], 5,
        collections.Added(), None,
    )  # fmt: skip
    return ws, [i.id for i in collections.list_images(ws, "drive")]


def put(ws, image: int, region: dict, seq: int = 1) -> None:
    document = {"regions": [{"id": "r1", "label": "car", **region}], "classes": []}
    annotations.save(ws, image, document, annotator=ANNA, client="t", seq=seq)


def box(x: float, **more) -> dict:
    return {"shape": "box", "x": x, "y": 40, "w": 30, "h": 30, **more}


def test_frames_know_their_neighbours(clip):
    ws, ids = clip
    place = tracking.clip_place(ws, collections.get_image(ws, ids[1]))
    assert place == {"clip": "drive.mp4", "frame": 5, "previous": ids[0], "next": ids[2]}
    assert tracking.frame_of("https://x/y.jpg") is None


def test_frames_between_two_key_frames_are_filled_in_a_straight_line(clip):
    ws, ids = clip
    put(ws, ids[0], box(20, track="t1", keyframe=True))
    put(ws, ids[4], box(60, track="t1", keyframe=True))
    assert tracking.interpolate(ws, ids[4], "t1", ANNA) == 3
    xs = [annotations.current(ws, i, ANNA).document["regions"][0]["x"] for i in ids]
    assert xs == [20, 30, 40, 50, 60]
    (middle,) = annotations.current(ws, ids[2], ANNA).document["regions"]
    assert "keyframe" not in middle and middle["track"] == "t1"
    put(ws, ids[2], box(10, track="t1", keyframe=True), seq=2)  # a person moves it: the halves are filled anew
    tracking.interpolate(ws, ids[4], "t1", ANNA)
    assert [annotations.current(ws, i, ANNA).document["regions"][0]["x"] for i in ids] == [20, 30, 10, 35, 60]
    with pytest.raises(Conflict, match="no earlier frame"):
        tracking.interpolate(ws, ids[0], "t1", ANNA)


def test_turns_go_the_shorter_way_round():
    a = {"shape": "box", "label": "car", "x": 0, "y": 0, "w": 10, "h": 10, "rotation": 350}
    made = tracking.between_two(a, {**a, "rotation": 20, "x": 10}, 0.5)
    assert (made["rotation"], made["x"]) == (5, 5)
    triangle = {"shape": "polygon", "label": "car", "points": [[0, 0], [4, 0], [0, 4]]}
    moved = tracking.between_two(triangle, {**triangle, "points": [[2, 2], [6, 2], [2, 6]]}, 0.5)
    assert moved["points"] == [[1, 1], [5, 1], [1, 5]]
    with pytest.raises(Conflict, match="cannot be filled between"):
        tracking.between_two(a, triangle, 0.5)


def test_an_object_is_found_in_the_next_frame(clip):
    ws, ids = clip
    put(ws, ids[0], box(20))
    read = lambda image: frame(20 + 8 * ids.index(image.id), 40)  # noqa: E731
    assert tracking.follow_to_next(ws, ids[0], "r1", ANNA, read) == ids[1]
    (first,) = annotations.current(ws, ids[0], ANNA).document["regions"]
    (second,) = annotations.current(ws, ids[1], ANNA).document["regions"]
    assert first["keyframe"] and first["track"] == second["track"]
    assert (second["x"], second["y"]) == (pytest.approx(28, abs=0.6), pytest.approx(40, abs=0.6))
    with pytest.raises(Conflict, match="is the last frame"):
        tracking.follow_to_next(ws, ids[4], "r1", ANNA, read)


def test_what_is_gone_is_not_found():
    plain = np.full((120, 200, 3), 100, "uint8")
    assert tracking.follow(plain, plain, {"label": "car", **box(20)}) is None
    other = np.random.default_rng(9).integers(0, 255, (120, 200, 3), dtype="uint8")
    assert tracking.follow(frame(20, 40), other, {"label": "car", **box(20)}) is None
