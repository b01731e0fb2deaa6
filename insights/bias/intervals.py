"""From cells to metrics, for the table itself and for resamples of it: no row is ever read again.

A bootstrap of rows is a multinomial draw over the cells of the count table, since rows of one cell are alike (Efron and
Tibshirani 1993, percentile interval). Limits: a cell that is empty stays empty in every resample, so an interval at 0 % or
100 % is too narrow; distances (KL, JS, LP, TVD, KS) are never negative and lie too high in small groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from insights.bias.counts import Cell
from insights.bias.metrics import Confusion, disparity, distances, of_predictions
from transforms.errors import InputError

RESAMPLES, FEWEST, MOST = 1000, 100, 100_000
DEFINED = 0.9  # of the resamples must have the metric; else there is no interval
AT_ONCE = 4_000_000  # cells of resamples in memory


class Grid:
    """The usable cells of one facet (facet and label known) as arrays of the same length."""

    def __init__(self, cells: Sequence[Cell]):
        # in one order: GROUP BY gives them in any, and the same seed must give the same draws
        known = (c for c in cells if c.facet is not None and c.label is not None)
        self.cells = sorted(known, key=lambda c: (str(c.facet), c.label, str(c.predicted), str(c.group)))
        self.rows = np.array([c.n for c in self.cells], dtype=np.int64)
        self.weights = np.array([c.weight for c in self.cells], dtype=float)
        self.yes = np.array([c.label for c in self.cells], dtype=bool)
        self.predicted = np.array([-1 if c.predicted is None else c.predicted for c in self.cells], dtype=np.int8)
        names = {name: place for place, name in enumerate(sorted({c.group for c in self.cells if c.group is not None}))}
        self.group = np.array([names.get(c.group, -1) for c in self.cells], dtype=np.int64)
        self.has_groups, self.has_predictions = bool(names), bool((self.predicted >= 0).any())

    def members(self, value) -> np.ndarray:
        """Return which cells are of the group to protect."""
        return np.array([c.facet == value for c in self.cells], dtype=bool)

    def sums(self, weights: np.ndarray, d: np.ndarray) -> np.ndarray:
        """Return [..., (a yes, a no, d yes, d no)]."""
        return np.stack([weights[..., of & y].sum(-1) for of in (~d, d) for y in (self.yes, ~self.yes)], axis=-1)

    def confusion(self, weights: np.ndarray, of: np.ndarray) -> Confusion:
        p = self.predicted
        cells = {"TP": self.yes & (p == 1), "FP": ~self.yes & (p == 1), "FN": self.yes & (p == 0), "TN": ~self.yes & (p == 0)}  # fmt: skip
        return Confusion(**{name: weights[..., of & cell].sum(-1) for name, cell in cells.items()})

    def strata(self, weights: np.ndarray, d: np.ndarray, yes: np.ndarray, usable: np.ndarray) -> np.ndarray:
        """Return [..., stratum, (a yes, a no, d yes, d no)] of the usable cells with a known stratum."""
        usable = np.flatnonzero(usable & (self.group >= 0))
        found = np.zeros((*weights.shape[:-1], (self.group.max(initial=0) + 1) * 4))
        if len(usable):
            place = self.group[usable] * 4 + np.where(d[usable], 2, 0) + np.where(yes[usable], 0, 1)
            order = np.argsort(place, kind="stable")
            slots, starts = np.unique(place[order], return_index=True)
            found[..., slots] = np.add.reduceat(weights[..., usable[order]], starts, axis=-1)
        return found.reshape(*weights.shape[:-1], -1, 4)

    def metrics(self, weights: np.ndarray, d: np.ndarray) -> dict[str, np.ndarray]:
        """Return every metric that the cells allow; NaN where it is not defined."""
        sums = self.sums(weights, d)
        a_yes, a_no, d_yes, d_no = np.moveaxis(sums, -1, 0)
        n_a, n_d = a_yes + a_no, d_yes + d_no
        with np.errstate(divide="ignore", invalid="ignore"):
            found = {"CI": (n_a - n_d) / (n_a + n_d), "DPL": a_yes / n_a - d_yes / n_d}
        found |= distances(sums[..., :2], sums[..., 2:])
        if self.has_groups:
            one_outcome = (a_yes + d_yes == 0) | (a_no + d_no == 0)
            everyone = np.ones(len(d), dtype=bool)
            found["CDDL"] = np.where(one_outcome, np.nan, disparity(self.strata(weights, d, self.yes, everyone)))
        nobody = (n_a == 0) | (n_d == 0)
        found = {name: np.where(nobody, np.nan, value) for name, value in found.items()}
        if self.has_predictions:
            a, d_ = self.confusion(weights, ~d), self.confusion(weights, d)
            nobody = (np.asarray(a.rows) == 0) | (np.asarray(d_.rows) == 0)
            judged = of_predictions(a, d_)
            if self.has_groups:
                judged["CDDPL"] = disparity(self.strata(weights, d, self.predicted == 1, self.predicted >= 0))
            found |= {name: np.where(nobody, np.nan, value) for name, value in judged.items()}
        return found

    def intervals(self, groups: Sequence[np.ndarray], resamples: int, seed: int, level: float) -> list[dict]:
        """Return for each group `{metric: (low, high)}`, from the same resamples for all groups.

        A metric that fewer than nine in ten resamples have gets no interval.
        """
        check(resamples, level)
        if not len(self.cells):
            return [{} for _ in groups]
        rng = np.random.default_rng(seed)
        total, per_row = int(self.rows.sum()), self.weights / self.rows
        found: list[dict[str, list[np.ndarray]]] = [{} for _ in groups]
        most = max(1, AT_ONCE // len(self.cells))
        for start in range(0, resamples, most):
            size = min(most, resamples - start)
            drawn = rng.multinomial(total, self.rows / total, size=size) * per_row
            for place, group in enumerate(groups):
                for name, values in self.metrics(drawn, group).items():
                    found[place].setdefault(name, []).append(values)
        return [
            {name: ends for name, parts in one.items() if (ends := _ends(np.concatenate(parts), level))}
            for one in found
        ]


def check(resamples: int, level: float) -> None:
    if not FEWEST <= resamples <= MOST:
        raise InputError(f"{resamples:,} resamples are asked for.", hint=f"Take from {FEWEST} to {MOST:,}.")
    if not 0.5 <= level < 1:
        raise InputError(f"The level {level} is not from 0.5 to below 1.", hint="Take 0.95.")


def _ends(values: np.ndarray, level: float) -> tuple[float, float] | None:
    """Return the ends of the middle `level` of the values, which may be infinite: order statistics, no interpolation."""
    known = np.sort(values[~np.isnan(values)])
    if len(known) < DEFINED * len(values):
        return None
    outside = (1 - level) / 2 * (len(known) - 1)
    return float(known[math.floor(outside)]), float(known[math.ceil(len(known) - 1 - outside)])
