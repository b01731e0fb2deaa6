from __future__ import annotations

import numpy as np
import pytest

from labeling.consensus.boxes import best_cut, consolidate_regions
from labeling.consensus.shapes import edit_likeness, text_medoid
from labeling.shapes import from_mask, mask_array, overlap


def box(x, y, w, h, label="car", **more):
    return {"id": "r1", "shape": "box", "label": label, "x": x, "y": y, "w": w, "h": h, **more}


def one(regions: dict, **options) -> dict:
    """The only region that people agree on for one item; `{person: region or None}`."""
    found, _ = consolidate_regions({1: {p: [r] if r else [] for p, r in regions.items()}}, **options)
    (region,) = found[1]
    return region


def test_a_box_is_the_median_of_its_sides():
    made = one({"a": box(0, 0, 10, 10), "b": box(1, 0, 10, 10), "c": box(3, 1, 10, 10)})
    assert [made[k] for k in "xywh"] == [1, 0, 10, 10]
    assert made["extra"]["consensus"]["agreed"] == ["a", "b", "c"]


def test_a_fixed_quorum_counts_heads():
    answers = {1: {"a": [box(0, 0, 9, 9)], "b": [box(0, 0, 9, 9)], "c": [box(50, 50, 9, 9)], "d": []}}
    found, _ = consolidate_regions(answers, quorum=0.5)
    assert [(r["x"], r["score"]) for r in found[1]] == [(0, 0.5)]
    assert found[1][0]["extra"]["consensus"]["disagreed"] == ["c", "d"]
    assert [r["x"] for r in consolidate_regions(answers, quorum=0.25)[0][1]] == [0, 50]


def test_the_label_is_what_most_of_the_cluster_said():
    made = one({"a": box(0, 0, 9, 9), "b": box(0, 0, 9, 9, "bus"), "c": box(0, 0, 9, 9)})
    assert made["label"] == "car" and made["extra"]["consensus"]["agreed"] == ["a", "c"]


def test_one_person_has_one_box_in_a_cluster():
    people = {p: [box(0, 0, 10, 10), box(2, 0, 10, 10)] for p in "abc"}
    found, _ = consolidate_regions({1: people})
    assert [r["x"] for r in found[1]] == [0, 2]


def test_one_answer_is_kept_and_marked():
    found, _ = consolidate_regions({1: {"a": [box(0, 0, 9, 9)]}})
    assert found[1][0]["extra"]["consensus"]["confidence_kind"] == "no consensus" and "score" not in found[1][0]


def scene(people: int, recall: float, false: float, images=120, seed=0):
    """Four things in a row per image; each person finds each with `recall` and draws `false` boxes elsewhere on the mean."""
    rng = np.random.default_rng(seed)
    answers = {}
    for image in range(images):
        answers[image] = {}
        for p in range(people):
            mine = [box(100 * t + rng.normal(), rng.normal(), 50, 50) for t in range(4) if rng.random() < recall]
            mine += [box(rng.uniform(0, 5000), 500 + rng.uniform(0, 5000), 50, 50) for _ in range(rng.poisson(false))]
            answers[image][f"p{p}"] = mine
    return answers


def f1(found: dict) -> float:
    right = sum(r["y"] < 400 for regions in found.values() for r in regions)
    return 2 * right / (sum(map(len, found.values())) + 4 * len(found))


@pytest.mark.parametrize(("recall", "false", "right"), [(0.45, 0.2, 0.25), (0.9, 6.0, 0.5)])
def test_the_quorum_is_learnt_from_what_people_miss(recall, false, right):
    """Where people miss much, two of six must do; where they imagine much, more are asked for."""
    answers = scene(6, recall, false)
    learnt = f1(consolidate_regions(answers)[0])
    fixed = {q: f1(consolidate_regions(answers, quorum=q)[0]) for q in (0.25, 0.5, 0.75)}
    assert learnt > max(fixed.values()) - 0.02
    assert max(fixed, key=fixed.get) <= 0.5 and learnt > fixed[0.75]
    assert fixed[right] > 0.8


def test_what_a_careless_person_alone_drew_counts_less():
    answers = scene(3, 0.8, 0.0)
    for image, people in answers.items():
        people["wild"] = [box(1000 * i, 900, 50, 50) for i in range(1 + image % 2)]
    found, learnt = consolidate_regions(answers)
    assert f1(found) > 0.95 and not [r for regions in found.values() for r in regions if r["y"] > 400]
    assert learnt["recall"]["wild"] < 0.2 < 0.7 < learnt["recall"]["p0"]


def test_the_cut_makes_expected_f1_highest():
    # keeping 1: 2·.9 / (1 + 1.5) = .72; 2: 2·1.3 / 3.5 = .743; 3: 2·1.5 / 4.5 = .667
    assert best_cut(np.array([0.2, 0.9, 0.4])) == 0.4


def test_gold_says_how_sure():
    answers = scene(4, 0.9, 0.0, images=40)
    found, _ = consolidate_regions(answers, gold={i: [] for i in range(20)})
    assert found[30] == [] or found[30][0]["extra"]["consensus"]["confidence_kind"] == "calibrated on 20 gold items"
    found, _ = consolidate_regions(answers, gold={i: [box(100 * t, 0, 50, 50) for t in range(4)] for i in range(20)})
    assert found[30][0]["extra"]["consensus"]["confidence_kind"] == "calibrated on 20 gold items"
    assert found[30][0]["score"] > 0.9


def test_turned_boxes_of_one_thing_written_in_two_ways():
    same = {
        "a": box(0, 0, 20, 10, rotation=10),
        "b": box(5, -5, 10, 20, rotation=100),
        "c": box(0, 0, 20, 10, rotation=14),
    }
    made = one(same)
    assert [made[k] for k in "xywh"] in ([0, 0, 20, 10], [5, -5, 10, 20]) and made["rotation"] % 90 == 10


def test_ellipses_and_points_are_medians():
    ellipse = {"id": "e", "shape": "ellipse", "label": "cell", "x": 50, "y": 50, "rx": 20, "ry": 10}
    made = one({"a": ellipse, "b": {**ellipse, "x": 53}, "c": {**ellipse, "x": 51}})
    assert [made[k] for k in ("x", "y", "rx", "ry")] == [51, 50, 20, 10]
    point = {"id": "p", "shape": "point", "label": "nose", "x": 10, "y": 10}
    made = one({"a": point, "b": {**point, "x": 12}, "c": {**point, "x": 13, "y": 9}})
    assert (made["x"], made["y"]) == (12, 10)


def test_points_of_different_labels_stay_apart():
    point = {"id": "p", "shape": "point", "x": 10, "y": 10}
    left, right = {**point, "label": "left eye"}, {**point, "label": "right eye"}
    found, _ = consolidate_regions({1: {"a": [left, {**right, "id": "q"}], "b": [left], "c": [right]}}, quorum=0.6)
    assert sorted(r["label"] for r in found[1]) == ["left eye", "right eye"]


def test_masks_are_voted_pixel_by_pixel():
    def mask(columns):
        array = np.zeros((4, 6), bool)
        array[:, columns] = True
        return {"id": "m", "label": "road", **from_mask(array, 3, 2)}

    made = one({"a": mask(slice(0, 4)), "b": mask(slice(0, 5)), "c": mask(slice(1, 5))})
    # columns 0: 2 votes, 1-3: 3, 4: 2
    assert [made[k] for k in "xywh"] == [3, 2, 5, 4] and mask_array(made).all()


def test_polygons_become_what_most_people_covered():
    def square(x, side=40):
        return {"id": "p", "shape": "polygon", "label": "roof", "points": [[x, 0], [x + side, 0], [x + side, side], [x, side]]}  # fmt: skip

    made = one({"a": square(0), "b": square(4), "c": square(8)})
    assert made["shape"] == "polygon" and overlap(made, square(4)) > 0.97


def test_a_line_is_the_one_nearest_to_the_others():
    def line(y, turned=False):
        points = [[0, y], [50, y], [100, y]]
        return {"id": "l", "shape": "polyline", "label": "lane", "points": points[::-1] if turned else points}

    made = one({"a": line(0), "b": line(1, turned=True), "c": line(3)})
    assert made["points"] == line(1, turned=True)["points"]


def test_spans_are_medians_of_their_ends():
    def span(start, end):
        return {"id": "s", "shape": "span", "label": "name", "start": start, "end": end, "text": "x" * (end - start)}

    made = one({"a": span(4, 10), "b": span(4, 12), "c": span(0, 12)})
    assert (made["start"], made["end"], made["text"]) == (4, 12, "x" * 8)


def test_texts():
    assert edit_likeness("kitten", "sitting") == pytest.approx(1 - 3 / 7)
    assert edit_likeness("", "ab") == 0 and edit_likeness("ab", "ab") == 1
    assert text_medoid(["a red car", "a red cat", "green", "a red car"])[0] == "a red car"


def test_text_and_attributes_of_a_region():
    made = one(
        {
            "a": box(0, 0, 9, 9, text="ABC 1", attributes={"dirty": True}),
            "b": box(0, 0, 9, 9, text="ABC 1", attributes={"dirty": True, "old": 1}),
            "c": box(0, 0, 9, 9, text="ABO 1", attributes={"dirty": False}),
        }
    )
    assert made["text"] == "ABC 1" and made["attributes"] == {"dirty": True}
