from __future__ import annotations

import pytest

from labeling import annotations, collections, suggest
from labeling.boxes import match
from labeling.consolidation import agreement, consolidate, consolidate_answers
from labeling.label_sets import write_label_set
from labeling.redaction.regions import Region
from transforms.errors import Conflict


def answer(ws, image, who, boxes, classes=(), kind="person", label="car"):
    document = {
        "regions": [
            {"id": f"b{i}", "shape": "box", "label": label, "x": x, "y": y, "w": w, "h": h}
            for i, (x, y, w, h) in enumerate(boxes)
        ],
        "classes": list(classes),
    }
    annotations.save(ws, image, document, annotator=who, client="t", seq=1, kind=kind)


def test_matching_is_one_to_one_and_best_first():
    left = [{"label": "a", "x": 0, "y": 0, "w": 10, "h": 10}, {"label": "a", "x": 1, "y": 0, "w": 10, "h": 10}]
    right = [{"label": "a", "x": 1, "y": 0, "w": 10, "h": 10}]
    assert match(left, right) == [(1, 0, 1.0)]


def test_boxes_are_medians_and_lone_ones_dropped(ws, ids):
    answer(ws, ids[0], "a", [(10, 10, 20, 20)], ["day"])
    answer(ws, ids[0], "b", [(12, 10, 20, 20)], ["day", "night"])
    answer(ws, ids[0], "c", [(11, 13, 20, 20), (50, 30, 5, 5)], ["night", "day"])
    made = consolidate(ws, "things")[ids[0]]
    (box,) = made["regions"]
    assert [box[k] for k in ("id", "shape", "label", "x", "y", "w", "h")] == ["r1", "box", "car", 11, 10, 20, 20]
    assert box["score"] > 0.9
    assert box["extra"]["consensus"] == {
        "people": 3, "agreed": ["a", "b", "c"], "disagreed": [], "method": "learnt quorum",
        "confidence_kind": "learnt quorum",
    }  # fmt: skip
    assert made["classes"] == ["day", "night"]  # 3 and 2 of 3 votes
    night = made["extra"]["consensus"]["classes"]["night"]
    assert (night["confidence"], night["agreed"], night["disagreed"]) == (0.6667, ["b", "c"], ["a"])


def test_consolidating_again_changes_nothing(ws, ids):
    for who, x in (("a", 10), ("b", 12), ("c", 11)):
        answer(ws, ids[0], who, [(x, 10, 20, 20)], ["day"])
    before = annotations.answers(ws, ids[0])
    assert consolidate(ws, "things") == consolidate(ws, "things")
    assert annotations.answers(ws, ids[0]) == before


def test_one_answer_stays_as_it_is_and_models_do_not_vote(ws, ids):
    answer(ws, ids[0], "a", [(1, 2, 3, 4)], ["day"])
    answer(ws, ids[0], "m", [(40, 30, 9, 9)], kind="model")
    made = consolidate(ws, "things")[ids[0]]
    (box,) = made["regions"]
    about = box.pop("extra")["consensus"]
    assert box == {"id": "b0", "shape": "box", "label": "car", "x": 1, "y": 2, "w": 3, "h": 4}
    assert (about["people"], about["confidence_kind"]) == (1, "no consensus")
    assert made["extra"]["consensus"]["classes"]["day"]["confidence"] is None


def test_one_class_each_is_a_vote(ws, ids):
    for image, said in zip(ids, ("ddn", "nnd", "dd."), strict=True):
        for who, c in zip("abc", said, strict=True):
            answer(ws, image, who, [], {"d": ["day"], "n": ["night"], ".": []}[c])
    made = consolidate(ws, "things")
    assert [made[i]["classes"] for i in ids] == [["day"], ["night"], ["day"]]
    about = made[ids[0]]["extra"]["consensus"]["classes"]["day"]
    assert (about["confidence"], about["disagreed"], about["method"]) == (0.6667, ["c"], "majority")
    assert made[ids[2]]["extra"]["consensus"]["classes"]["day"]["confidence"] == 1  # who said nothing has no vote


def test_gold_documents_calibrate(ws, ids):
    for image in ids:
        for who in "abc":
            answer(ws, image, who, [], ["day"])
    gold = {i: {"regions": [], "classes": ["day"]} for i in ids[:2]}
    about = consolidate(ws, "things", gold=gold)[ids[2]]["extra"]["consensus"]["classes"]["day"]
    assert about["confidence_kind"] == "calibrated on 2 gold tasks"


def test_free_answers_take_the_text_nearest_to_the_others(ws, ids):
    for who, text, count in (("a", "a red car", 2), ("b", "a red cart", 2), ("c", "green", 3)):
        document = {"regions": [], "classes": [], "fields": {"caption": text, "people": count}}
        annotations.save(ws, ids[0], document, annotator=who, client="t", seq=1)
    made = consolidate(ws, "things")[ids[0]]
    assert made["fields"] == {"caption": "a red car", "people": 2}
    assert made["extra"]["consensus"]["fields"]["people"]["agreed"] == ["a", "b"]


def test_a_fixed_quorum_for_one_item(ws, ids):
    answer(ws, ids[0], "a", [(10, 10, 20, 20)], ["day"])
    answer(ws, ids[0], "b", [(30, 20, 5, 5)], ["night"])
    made = consolidate_answers(annotations.answers(ws, ids[0]), quorum=0.5)
    assert [r["score"] for r in made["regions"]] == [0.5, 0.5] and made["classes"] == ["day", "night"]


def test_agreement_by_hand(ws, ids):
    answer(ws, ids[0], "a", [(0, 0, 10, 10), (30, 30, 5, 5)], ["day"])
    answer(ws, ids[0], "b", [(0, 0, 10, 8)], ["day"])
    answer(ws, ids[1], "a", [], ["day"])
    answer(ws, ids[1], "b", [], ["night"])
    answer(ws, ids[2], "a", [(0, 0, 9, 9)])
    found = agreement(ws, "things")
    assert found["pairs"] == [
        # 1 pair of 3 boxes: 2 · 1 / 3; its IoU is 80 / 100; 1 of 2 images has equal classes; of the two a always said day: 0
        {
            "left": "a", "right": "b", "images": 2, "box_f1": 0.666667, "region_f1": 0.666667, "mean_iou": 0.8,
            "class_agreement": 0.5, "cohen_kappa": 0,
        }
    ]  # fmt: skip
    assert found["least_agreed"] == [{"file": "a.png", "annotators": 2, "box_f1": 0.666667, "region_f1": 0.666667}]
    assert (found["images"], found["box_f1"], found["class_agreement"]) == (2, 0.666667, 0.5)
    # values day ×3, night ×1: 2 of 4 disagree, expected 2 · 3 · 1 / 3 = 2
    assert found["krippendorff_alpha"] == 0


def test_agreement_counts_every_shape(ws, ids):
    square = [[0, 0], [10, 0], [10, 10], [0, 10]]
    for who, points, x in (("a", square, 30), ("b", [[x, y * 0.8] for x, y in square], 30)):
        regions = [
            {"id": "p", "shape": "polygon", "label": "car", "points": points},
            {"id": "q", "shape": "point", "label": "person", "x": x, "y": 5},
        ]
        annotations.save(ws, ids[0], {"regions": regions, "classes": []}, annotator=who, client="t", seq=1)
    found = agreement(ws, "things")
    assert (found["box_f1"], found["region_f1"]) == (None, 1)


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
        ("a.png", 64, 48, "box", "car", 1.0, 2.0, 3.0, 4.0, 1.0, 1, None, None),
        ("a.png", 64, 48, "class", "night", None, None, None, None, 1.0, 1, None, None),
        ("b.png", 64, 48, "none", None, None, None, None, None, None, 1, None, None),
    ]
    assert write_label_set(ws, "things").version == 1


def test_a_label_set_holds_every_shape(ws, ids):
    regions = [
        {"id": "p", "shape": "polyline", "label": "car", "points": [[1, 2], [5, 9]]},
        {"id": "t", "shape": "box", "label": "person", "x": 1, "y": 1, "w": 9, "h": 3, "text": "EXIT"},
    ]
    document = {"regions": regions, "classes": [], "fields": {"caption": "a door"}}
    annotations.save(ws, ids[0], document, annotator="a", client="t", seq=1)
    from workspace.sql import connect

    rows = write_label_set(ws, "things").relation(connect()).fetchall()
    assert [(r[3], r[4], *r[5:9], r[11], r[12]) for r in rows] == [
        ("polyline", "car", 1.0, 2.0, 4.0, 7.0, None, '{"points":[[1,2],[5,9]]}'),
        ("box", "person", 1.0, 1.0, 9.0, 3.0, "EXIT", None),
        ("field", "caption", None, None, None, None, "a door", None),
    ]


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
    assert (proposal.kind, proposal.document["regions"][0]["score"]) == ("model", 0.9)
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
