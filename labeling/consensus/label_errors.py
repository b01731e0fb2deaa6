"""Suspected label errors: labels and boxes that a model contradicts.

Labels by confident learning (Northcutt, Jiang & Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset
Labels"). Boxes by three scores in the manner of ObjectLab (Tkachenko et al. 2023): overlooked, badly located, swapped.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labeling.boxes import iou
from transforms.errors import InputError


def suspected_labels(labels: Sequence, probabilities: np.ndarray, classes: Sequence) -> list[dict]:
    """Return the items whose label is probably wrong, worst first.

    Args:
        labels: the given label of each item.
        probabilities: items × classes, each row from a model that was not trained on that item.
        classes: names of the columns.

    Returns:
        `{index, label, suggested, score}`; score is the probability of the given label, low is suspicious. An item is listed
        when the model gives another class at least the mean probability that it gives to items of that class, and gives it
        more than the label's own.
    """
    p = np.asarray(probabilities, float)
    code = {name: i for i, name in enumerate(classes)}
    if p.shape != (len(labels), len(code)):
        raise InputError(f"Probabilities must have {len(labels)} rows and {len(code)} columns; these are {p.shape}.")
    if not np.isfinite(p).all() or (p < 0).any():
        raise InputError("Probabilities must be numbers from 0 to 1.")
    if unknown := sorted({str(v) for v in labels if v not in code}):
        raise InputError(f"The labels {', '.join(unknown[:5])} have no column of probabilities.")
    given = np.fromiter((code[v] for v in labels), int, len(labels))
    own = p[np.arange(len(p)), given]
    n = np.bincount(given, minlength=len(code))
    usual = np.bincount(given, own, len(code)) / np.maximum(n, 1)
    usual[n == 0] = np.inf  # a class that nobody was given has no usual probability
    sure = np.where(p >= usual, p, -1.0)
    other = sure.argmax(1)
    found = np.flatnonzero((sure.max(1) >= 0) & (other != given) & (p[np.arange(len(p)), other] > own))
    order = found[np.argsort(own[found], kind="stable")]
    return [
        {"index": int(i), "label": labels[i], "suggested": classes[other[i]], "score": float(own[i])} for i in order
    ]


def suspected_boxes(
    given: list[dict], predicted: list[dict], *, sure: float = 0.8, least_iou: float = 0.5, same_iou: float = 0.8
) -> list[dict]:
    """Return what a model contradicts in one image's boxes, worst first.

    Args:
        given: boxes of people (label, x, y, w, h).
        predicted: a model's boxes with `score`; those below `sure` are not used.
        least_iou: overlap from which a predicted box is about a given one.
        same_iou: overlap from which a location is good.

    Returns:
        `{issue, score, box, predicted, suggested}` where score is 0 (surely wrong) to 1, and issue is
        "overlooked": the model is sure of an object where nobody drew one (box is None);
        "badly located": the same label, but the best overlap is below `same_iou`;
        "swapped": the model is sure of another label at the same place.
    """
    models = [b for b in predicted if b.get("score", 0) >= sure]
    out = []
    for box in models:
        best = max((iou(box, g) for g in given), default=0.0)
        if best < 0.1:  # ObjectLab: not even touching what people drew
            out.append(
                {"issue": "overlooked", "score": 1 - box["score"], "box": None, "predicted": box, "suggested": box["label"]}
            )  # fmt: skip
    for box in given:
        near = [(iou(box, m), m) for m in models]
        same = max(((o, m) for o, m in near if m["label"] == box["label"]), key=lambda x: x[0], default=(0.0, None))
        other = max(
            ((o, m) for o, m in near if m["label"] != box["label"] and o >= same_iou),
            key=lambda x: x[0] * x[1]["score"],
            default=None,
        )
        if other and same[0] < same_iou:
            m = other[1]
            out.append(
                {"issue": "swapped", "score": 1 - m["score"], "box": box, "predicted": m, "suggested": m["label"]}
            )
        elif least_iou <= same[0] < same_iou:
            out.append(
                {"issue": "badly located", "score": same[0], "box": box, "predicted": same[1], "suggested": box["label"]}
            )  # fmt: skip
    return sorted(out, key=lambda i: i["score"])
