"""Recall on one's own images, on pictures whose answer is known."""

from __future__ import annotations

import pytest

from labeling import annotations, collections
from labeling.redaction.recall import measure
from labeling.redaction.regions import Region
from transforms.errors import Conflict


class Fixed:
    """Finds the same two regions in every picture: one sure, one doubtful."""

    name, kind = "fixed", "face"

    def detect(self, bgr):
        return [Region("face", 0, 0, 10, 10, 0.9, "fixed"), Region("face", 30, 30, 10, 10, 0.3, "fixed")]


def face(n, x, y):
    return {"id": f"f{n}", "shape": "box", "label": "face", "x": x, "y": y, "w": 10, "h": 10}


def test_recall_over_redaction_and_thresholds(ws, ids):
    collections.add_classes(ws, "things", ["face"])
    boxes = {ids[0]: [face(1, 0, 0), face(2, 30, 30)], ids[1]: [face(1, 1, 1), face(2, 50, 0)], ids[2]: []}
    for image, regions in boxes.items():
        annotations.save(ws, image, {"regions": regions, "classes": []}, annotator="anna", client="t", seq=1)
    (found,) = measure(ws, "things", detectors=[Fixed()])
    assert (found.kind, found.truth, found.hidden, found.recall) == ("face", 4, 3, 0.75)
    assert [(m["file"], m["x"]) for m in found.missed] == [("b.png", 50)]
    assert (found.low, found.high) == (pytest.approx(0.3006, abs=1e-3), pytest.approx(0.9544, abs=1e-3))
    # pixels hidden beside the truth: a 0, b 19 + 100, c 200, of 64 × 48 each
    assert found.over == pytest.approx((0 + 119 + 200) / 3 / (64 * 48), abs=1e-4)
    by_step = {row["threshold"]: row["hidden"] for row in found.by_threshold}
    assert (by_step[0.3], by_step[0.35], by_step[0.9]) == (3, 2, 2)
    assert found.suggested is None  # four boxes can never show 95 %
    (easy,) = measure(ws, "things", detectors=[Fixed()], target=0.05)
    assert easy.suggested == 0.9


def test_without_labels_it_says_what_to_do(ws, ids):
    with pytest.raises(Conflict, match="No original of 'things' is labelled"):
        measure(ws, "things", detectors=[Fixed()])
