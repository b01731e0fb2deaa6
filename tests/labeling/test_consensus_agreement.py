"""Against worked examples in print."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.consensus.agreement import (
    bootstrap_interval,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    label_counts,
)
from labeling.consensus.files import agreement_of_answers_file
from labeling.consensus.label_errors import suspected_boxes, suspected_labels
from transforms.errors import InputError

# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", data of section C: 12 units, 4 observers
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


def test_krippendorff_2011():
    counts, labels = label_counts(list(zip(*OBSERVERS, strict=True)), labels=[1, 2, 3, 4, 5])
    assert round(krippendorff_alpha(counts), 3) == 0.743
    assert round(krippendorff_alpha(counts, "ordinal"), 3) == 0.815
    assert round(krippendorff_alpha(counts, "interval", labels), 3) == 0.849
    with pytest.raises(InputError, match="one number for each label"):
        krippendorff_alpha(counts, "interval")


def test_fleiss_1971_example():
    """Ten subjects, fourteen raters, five labels: 0.210 (the worked example of Wikipedia's "Fleiss' kappa")."""
    table = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    assert round(fleiss_kappa(table), 3) == 0.210


def test_cohen_by_hand():
    """20 both yes, 5 yes/no, 10 no/yes, 15 both no: seen .7, chance .5 · .6 + .5 · .4 = .5, so .4."""
    left = ["y"] * 25 + ["n"] * 25
    right = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert round(cohen_kappa(left, right), 10) == 0.4
    assert cohen_kappa(["a", "a"], ["a", "a"]) is None  # one label: chance alone explains it
    assert cohen_kappa(["a", None], [None, "a"]) is None


def test_no_pair_gives_nothing():
    assert krippendorff_alpha(np.array([[1, 0], [0, 1]])) is None
    assert fleiss_kappa(np.array([[1, 0]])) is None


def test_the_interval_of_equal_items_has_no_width():
    assert bootstrap_interval(np.ones(20), lambda rows: float(rows.mean())) == (1, 1)
    low, high = bootstrap_interval(np.arange(100) % 2, lambda rows: float(rows.mean()))
    assert 0.38 < low < 0.45 and 0.55 < high < 0.62  # .5 ± 1.96 · .05
    assert bootstrap_interval(np.ones(1), lambda rows: 1.0) is None


def test_agreement_of_a_file(tmp_path):
    path = tmp_path / "a.csv"
    rows = [f"{i},{who},{label}" for i, pair in enumerate(["aa", "aa", "ab", "bb"]) for who, label in zip("pq", pair, strict=True)]  # fmt: skip
    path.write_text("task,worker,label\n" + "\n".join(rows))
    found = agreement_of_answers_file(path)
    # seen 3/4, chance (3/4)(1/2) + (1/4)(1/2) = 1/2
    assert found["pairs"] == [{"left": "p", "right": "q", "tasks": 4, "agreement": 0.75, "cohen_kappa": 0.5}]
    # alpha: disagreeing 2 of 8 values; expected 2 · 5 · 3 / 7: 1 - 2 / (30 / 7)
    assert found["krippendorff_alpha"] == round(1 - 2 / (30 / 7), 6)
    assert found["low"] <= found["krippendorff_alpha"] <= found["high"]


def test_agreement_of_boxes_in_a_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("task,worker,label,x,y,w,h\n1,p,car,0,0,10,10\n1,q,car,0,0,10,8\n1,p,car,30,30,5,5\n")
    found = agreement_of_answers_file(path)
    assert (found["box_f1"], found["mean_iou"]) == (0.666667, 0.8)


def test_confident_learning_by_hand():
    """Usual for a: (.9 + .8 + .1) / 3 = .6, for b: (.7 + .9) / 2 = .8. Item 2, called a, has .9 for b: over .8, an error.

    Item 3, called b, has .7 for b and .3 for a: under .6, none.
    """
    p = [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.1, 0.9]]
    assert suspected_labels(["a", "a", "a", "b", "b"], p, ["a", "b"]) == [
        {"index": 2, "label": "a", "suggested": "b", "score": 0.1}
    ]
    with pytest.raises(InputError, match="5 rows and 3 columns"):
        suspected_labels(["a"] * 5, p, ["a", "b", "c"])


def test_boxes_that_a_model_contradicts():
    def box(label, x, w=10, **more):
        return {"label": label, "x": x, "y": 0, "w": w, "h": 10, **more}

    given = [box("car", 0), box("car", 50), box("car", 100)]
    model = [
        box("car", 0, score=0.9),  # as drawn
        box("bus", 50, score=0.95),  # another label at the same place
        box("car", 103, score=0.9),  # overlap 7 / 13
        box("car", 200, score=0.99),  # nobody drew it
        box("car", 300, score=0.3),  # not sure
    ]
    found = suspected_boxes(given, model)
    assert [(f["issue"], round(f["score"], 3)) for f in found] == [
        ("overlooked", 0.01), ("swapped", 0.05), ("badly located", 0.538),
    ]  # fmt: skip
    assert found[1]["suggested"] == "bus"
