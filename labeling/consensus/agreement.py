"""How far people agree beyond chance: Cohen's kappa, Fleiss' kappa, Krippendorff's alpha, and an interval for each.

All take an array of items × people. None, NaN and "" are missing answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from transforms.errors import InputError

Metric = Literal["nominal", "ordinal", "interval"]


def cohen_kappa(left: Sequence, right: Sequence) -> float | None:
    """Return Cohen's kappa (1960) of two people over the items that both answered; None where it is not defined.

    Not defined: no common item, or both always said the same one label.
    """
    pairs = [(a, b) for a, b in zip(left, right, strict=True) if not _missing(a) and not _missing(b)]
    if not pairs:
        return None
    codes = {v: i for i, v in enumerate(dict.fromkeys(x for pair in pairs for x in pair))}
    table = np.zeros((len(codes), len(codes)))
    for a, b in pairs:
        table[codes[a], codes[b]] += 1
    table /= table.sum()
    seen, chance = np.trace(table), float(table.sum(0) @ table.sum(1))
    return None if chance > 1 - 1e-12 else float((seen - chance) / (1 - chance))


def fleiss_kappa(counts: np.ndarray) -> float | None:
    """Return Fleiss' kappa (1971) of a table items × labels of how many people said what.

    Items with fewer than two answers are left out. Where items have unequal numbers of answers, each item's observed agreement
    counts once and chance is from all answers.
    """
    counts = np.asarray(counts, float)
    n = counts.sum(1)
    counts, n = counts[n >= 2], n[n >= 2]
    if not len(counts):
        return None
    seen = ((counts * (counts - 1)).sum(1) / (n * (n - 1))).mean()
    share = counts.sum(0) / counts.sum()
    chance = float((share**2).sum())
    return None if chance > 1 - 1e-12 else float((seen - chance) / (1 - chance))


def krippendorff_alpha(counts: np.ndarray, metric: Metric = "nominal", values: Sequence[float] | None = None):
    """Return Krippendorff's alpha of a table items × labels of how many people said what; None where it is not defined.

    Args:
        metric: "ordinal" takes the labels in the order of their columns, "interval" needs their `values`.

    Source: Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability".
    """
    counts = np.asarray(counts, float)
    n = counts.sum(1)
    counts, n = counts[n >= 2], n[n >= 2]
    if not len(counts):
        return None
    weighted = counts / (n - 1)[:, None]
    coincidence = weighted.T @ counts - np.diag(weighted.sum(0))
    total = coincidence.sum(0)
    distance = _distances(total, metric, values)
    expected = (np.outer(total, total) * distance).sum() / (total.sum() - 1)
    return None if expected <= 0 else float(1 - (coincidence * distance).sum() / expected)


def _distances(total: np.ndarray, metric: str, values: Sequence[float] | None) -> np.ndarray:
    if metric == "nominal":
        return 1 - np.eye(len(total))
    if metric == "interval":
        if values is None or len(values) != len(total):
            raise InputError("Interval agreement needs one number for each label.")
        return np.subtract.outer(np.asarray(values, float), np.asarray(values, float)) ** 2
    if metric != "ordinal":
        raise InputError(f"{metric!r} is not a metric of agreement.", hint="Use nominal, ordinal or interval.")
    middle = np.cumsum(total) - total / 2  # answers below a label and half of its own
    return np.subtract.outer(middle, middle) ** 2


def label_counts(rows: Sequence[Sequence], labels: Sequence | None = None) -> tuple[np.ndarray, list]:
    """Return items × labels counts of items × people answers, and the labels."""
    said = [[v for v in row if not _missing(v)] for row in rows]
    names = list(labels) if labels is not None else list(dict.fromkeys(v for row in said for v in row))
    code = {v: i for i, v in enumerate(names)}
    counts = np.zeros((len(said), len(names)))
    for i, row in enumerate(said):
        for value in row:
            counts[i, code[value]] += 1
    return counts, names


def bootstrap_interval(
    items: np.ndarray,
    measure: Callable[[np.ndarray], float | None],
    draws: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Return the percentile interval of `measure` over items drawn with replacement; None with fewer than two items.

    Args:
        items: array whose rows are items; `measure` gets as many rows drawn from it.
    """
    items = np.asarray(items)
    if len(items) < 2:
        return None
    rng = np.random.default_rng(seed)
    found = (measure(items[rng.integers(0, len(items), len(items))]) for _ in range(draws))
    values = [v for v in found if v is not None]
    if not values:
        return None
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _missing(value) -> bool:
    return value is None or value == "" or value != value
