from __future__ import annotations

import pytest

from labeling import annotations, collections, suggest
from labeling.boxes import match
from labeling.consolidation import agreement, consolidate
from labeling.label_sets import write_label_set
from labeling.redaction.detectors import Region
from transforms.errors import Conflict


def answer(ws, image, who, boxes, classes=(), kind="person", label="car"):
    document = {
        "boxes": [
            {"id": f"b{i}", "label": label, "x": x, "y": y, "w": w, "h": h} for i, (x, y, w, h) in enumerate(boxes)
        ],
        "classes": list(classes),
    }
    annotations.save(ws, image, document, annotator=who, client="t", seq=1, kind=kind)


def test_matching_is_one_to_one_and_best_first():
    left = [{"label": "a", "x": 0, "y": 0, "w": 10, "h": 10}, {"label": "a", "x": 1, "y": 0, "w": 10, "h": 10}]
    right = [{"label": "a", "x": 1, "y": 0, "w": 10, "h": 10}]
    assert match(left, right) == [(1, 0, 1.0)]


def test_boxes_are_averaged_and_lone_ones_dropped(ws, ids):
    answer(ws, ids[0], "a", [(10, 10, 20, 20)], ["day"])
    answer(ws, ids[0], "b", [(12, 10, 20, 20)], ["day", "night"])
    answer(ws, ids[0], "c", [(11, 13, 20, 20), (50, 30, 5, 5)], ["night", "day"])
    made = consolidate(ws, "things")[ids[0]]
    assert made["boxes"] == [{"id": "b1", "label": "car", "x": 11, "y": 11, "w": 20, "h": 20, "score": 1}]
    assert made["classes"] == ["day", "night"]  # 3 and 2 of 3 votes


def test_one_answer_stays_as_it_is_and_models_do_not_vote(ws, ids):
    answer(ws, ids[0], "a", [(1, 2, 3, 4)])
    answer(ws, ids[0], "m", [(40, 30, 9, 9)], kind="model")
    assert consolidate(ws, "things")[ids[0]]["boxes"] == [{"id": "b0", "label": "car", "x": 1, "y": 2, "w": 3, "h": 4}]


def test_agreement_by_hand(ws, ids):
    answer(ws, ids[0], "a", [(0, 0, 10, 10), (30, 30, 5, 5)], ["day"])
    answer(ws, ids[0], "b", [(0, 0, 10, 8)], ["day"])
    answer(ws, ids[1], "a", [], ["day"])
    answer(ws, ids[1], "b", [], ["night"])
    answer(ws, ids[2], "a", [(0, 0, 9, 9)])
    found = agreement(ws, "things")
    assert found["pairs"] == [
        # 1 pair of 3 boxes: 2 · 1 / 3; its IoU is 80 / 100; 1 of 2 images has equal classes
        {"left": "a", "right": "b", "images": 2, "box_f1": 0.666667, "mean_iou": 0.8, "class_agreement": 0.5}
    ]
    assert found["least_agreed"][0]["file"] == "a.png"


def test_a_label_set_is_a_dataset_version_and_equal_answers_give_the_same(ws, ids):
    with pytest.raises(Conflict, match="Nobody has labelled"):
        write_label_set(ws, "things")
    answer(ws, ids[0], "a", [(1, 2, 3, 4)], ["night"])
    answer(ws, ids[1], "a", [])
    version = write_label_set(ws, "things")
    assert (version.version, version.rows) == (1, 3)
    from workspace.sql import connect

    rows = version.relation(connect()).fetchall()
    assert rows == [
        ("a.png", 64, 48, "box", "car", 1.0, 2.0, 3.0, 4.0, 1.0, 1),
        ("a.png", 64, 48, "class", "night", None, None, None, None, 1.0, 1),
        ("b.png", 64, 48, "none", None, None, None, None, None, None, 1),
    ]
    assert write_label_set(ws, "things").version == 1


class TwoFaces:
    name, kind = "two", "face"

    def detect(self, bgr):
        return [Region("face", 30, 5, 10, 10, 0.9, "two"), Region("face", 1, 1, 10, 10, 0.2, "two")]


def test_auto_proposes_where_nobody_answered(ws, ids):
    answer(ws, ids[0], "a", [(1, 2, 3, 4)])
    done = suggest.auto_label(ws, "things", detectors=[TwoFaces()])
    assert done == {"images": 2, "boxes": 2, "skipped": 1, "problems": []}
    assert [c["name"] for c in collections.get_collection(ws, "things").classes] == ["car", "person", "face"]
    (proposal,) = annotations.answers(ws, ids[1])
    assert (proposal.kind, proposal.document["boxes"][0]["score"]) == ("model", 0.9)
    assert collections.get_image(ws, ids[1]).status == "todo"


def test_query_orders(ws, ids):
    answer(ws, ids[0], "a", [(1, 2, 10, 10)])
    answer(ws, ids[0], "m", [(1, 2, 10, 10)], kind="model")
    answer(ws, ids[1], "a", [(1, 2, 10, 10)])
    answer(ws, ids[1], "m", [(30, 20, 10, 10)], kind="model")
    assert [r["file"] for r in suggest.query(ws, "things")] == ["c.png", "a.png", "b.png"]
    found = suggest.query(ws, "things", "disagreement", 2, prioritise=True)
    assert [(r["file"], r["score"]) for r in found] == [("b.png", 1.0), ("a.png", 0.0)]
    assert annotations.next_task(ws, "things") == ids[1]


def test_stats(ws, ids):
    answer(ws, ids[0], "a", [(1, 2, 3, 4), (5, 5, 5, 5)], ["day"])
    found = suggest.stats(ws, "things")
    assert (found["images"], found["answered"], found["boxes"], found["classes"]) == (
        3,
        1,
        {"car": 2, "person": 0},
        {"day": 1, "night": 0},
    )
    assert found["annotators"] == [{"name": "a", "kind": "person", "images": 1, "boxes": 2}]
