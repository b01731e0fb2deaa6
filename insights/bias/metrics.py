"""The formulas, each written once: for one table of counts and, with a leading axis, for every resample of it.

Sources: the metric pages of SageMaker Clarify; Das et al. 2021. As in smclarify 0.5, 0/0 counts as 0, x/0 as infinite
and inf - inf as 0. Unlike it, distributions keep their full support. NaN stands for "not defined".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Confusion:
    """Counts of one side: true and false positives, false and true negatives (label against prediction)."""

    TP: float = 0
    FP: float = 0
    FN: float = 0
    TN: float = 0

    @property
    def rows(self) -> float:
        return self.TP + self.FP + self.FN + self.TN


def distribution_metrics(a: Mapping[object, float], d: Mapping[object, float]) -> dict[str, float]:
    """Return KL, JS, LP, TVD and KS of two outcome counts over all outcomes of both (two or more of them).

    Natural logarithm. KL is infinite where `d` lacks an outcome that `a` has. Both sides need at least one row.
    """
    outcomes = list({**a, **d})
    counted = [np.array([float(side.get(o, 0)) for o in outcomes]) for side in (a, d)]
    return {name: float(value) for name, value in distances(*counted).items()}


def conditional_disparity(strata: Mapping[object, tuple[float, float, float, float]]) -> float | None:
    """Return CDDL of strata given as (a accepted, a rejected, d accepted, d rejected); None without rows.

    In each stratum: d's share of the rejected minus d's share of the accepted, weighted by the stratum's rows.
    """
    found = disparity(np.array([*strata.values()], dtype=float).reshape(-1, 4))
    return None if np.isnan(found) else float(found)


def prediction_metrics(a: Confusion, d: Confusion) -> dict[str, float | None]:
    """Return the post-training metrics that follow from two confusion tables (all but CDDPL and FT)."""
    return {name: None if np.isnan(value) else float(value) for name, value in of_predictions(a, d).items()}


def distances(a: np.ndarray, d: np.ndarray) -> dict[str, np.ndarray]:
    """Return KL, JS, LP, TVD and KS of counts with the outcomes on the last axis."""
    pa, pd = ratio(a, a.sum(-1, keepdims=True)), ratio(d, d.sum(-1, keepdims=True))
    middle, gaps = (pa + pd) / 2, np.abs(pa - pd)
    return {
        "KL": _divergence(pa, pd),
        "JS": (_divergence(pa, middle) + _divergence(pd, middle)) / 2,
        "LP": np.sqrt((gaps * gaps).sum(-1)),
        "TVD": gaps.sum(-1) / 2,
        "KS": gaps.max(-1),
    }


def disparity(strata: np.ndarray) -> np.ndarray:
    """Return CDDL of counts [..., stratum, (a yes, a no, d yes, d no)]; NaN without rows."""
    a_yes, a_no, d_yes, d_no = np.moveaxis(strata, -1, 0)
    rows = strata.sum(-1)
    weighted = (rows * (ratio(d_no, a_no + d_no) - ratio(d_yes, a_yes + d_yes))).sum(-1)
    return np.where(rows.sum(-1) > 0, ratio(weighted, rows.sum(-1)), np.nan)


def of_predictions(a: Confusion, d: Confusion) -> dict[str, np.ndarray]:
    """Return the post-training metrics of two confusion tables, whose counts may be arrays."""
    accepted_a, accepted_d = ratio(a.TP + a.FP, a.rows), ratio(d.TP + d.FP, d.rows)
    nobody = (np.asarray(a.TP + a.FP) == 0) & (np.asarray(d.TP + d.FP) == 0)
    return {
        "DPPL": accepted_a - accepted_d,
        "DI": np.where(nobody, np.nan, ratio(accepted_d, accepted_a)),  # else 0/0 would read as the worst case
        "DCAcc": minus(ratio(a.TP + a.FN, a.TP + a.FP), ratio(d.TP + d.FN, d.TP + d.FP)),
        "DCR": minus(ratio(d.TN + d.FP, d.TN + d.FN), ratio(a.TN + a.FP, a.TN + a.FN)),
        "RD": ratio(a.TP, a.TP + a.FN) - ratio(d.TP, d.TP + d.FN),
        "SD": ratio(d.TN, d.TN + d.FP) - ratio(a.TN, a.TN + a.FP),
        "DAR": ratio(a.TP, a.TP + a.FP) - ratio(d.TP, d.TP + d.FP),
        "DRR": ratio(d.TN, d.TN + d.FN) - ratio(a.TN, a.TN + a.FN),
        "AD": ratio(a.TP + a.TN, a.rows) - ratio(d.TP + d.TN, d.rows),
        "TE": minus(ratio(d.FN, d.FP), ratio(a.FN, a.FP)),
        "GE": _entropy(a, d),
    }


def ratio(x, y) -> np.ndarray:
    """Divide with the reference's convention: 0/0 is 0, x/0 is infinite."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y != 0, x / y, np.where(x == 0, 0.0, np.copysign(np.inf, x)))


def minus(x, y) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(x) & (x == y), 0.0, x - y)


def _divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / q), 0.0)
    # Rounding can leave -1e-17 for equal distributions; a divergence is never negative.
    return np.maximum(0.0, terms.sum(-1))


def _entropy(a: Confusion, d: Confusion) -> np.ndarray:
    """Generalised entropy (alpha 2) of the benefits b = prediction - label + 1, over all rows."""
    rows, double, none = a.rows + d.rows, a.FP + d.FP, a.FN + d.FN
    single = rows - double - none
    mean = ratio(2 * double + single, rows)
    return np.where(mean == 0, 0.0, ratio(4 * double + single, 2 * rows * mean * mean) - 0.5)
