"""Why a model predicts what it does: permutation importance over all rows, Shapley values row by row.

`predict` is any function from a pandas frame of features to one number per row (a probability, a regression's answer), so
this works for every model. Rows are bounded by whoever gives them: both methods ask for very many predictions.
Sources: Breiman 2001 and Fisher et al. 2019 (permutation); Lundberg and Lee 2017, Castro et al. 2009 (Shapley, with features
that are left out drawn from background rows). Limit: correlated features share and blur each other's part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING

import numpy as np

from transforms.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    Predict = Callable[[pd.DataFrame], Sequence[float]]

EXACT_UP_TO = 8  # features: all 2^8 coalitions; above it, sampled orders
AT_ONCE = 50_000  # rows that `predict` gets in one call


@dataclass(frozen=True)
class Importance:
    """How much worse the predictions get when one feature is shuffled: mean and standard deviation of the repeats."""

    feature: str
    mean: float
    std: float


@dataclass(frozen=True)
class Shapley:
    """What each feature adds to each prediction, from `base`, the mean prediction of the background.

    `values` is [row, feature] in the prediction's unit; each row sums to its prediction minus `base`.
    """

    features: tuple[str, ...]
    base: float
    values: np.ndarray
    predictions: np.ndarray

    def importance(self) -> list[tuple[str, float]]:
        """Return (feature, mean of the absolute values), greatest first."""
        means = np.abs(self.values).mean(axis=0)
        return sorted(zip(self.features, means.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))

    def as_json(self) -> dict:
        return {
            "features": list(self.features),
            "base": self.base,
            "predictions": self.predictions.tolist(),
            "values": self.values.tolist(),
            "importance": [{"feature": name, "mean_abs": value} for name, value in self.importance()],
        }


def permutation_importance(
    predict: Predict,
    frame: pd.DataFrame,
    truth: Sequence[float],
    *,
    repeats: int = 5,
    seed: int = 0,
    on_progress: Callable[[float], None] = lambda share: None,
) -> list[Importance]:
    """Return how much the mean squared error grows when a feature's values are shuffled, most important first.

    Args:
        frame: the features, one row per prediction.
        truth: what was observed: numbers, or 1 and 0 where `predict` gives a probability (the error is Brier's then).
    """
    _check(frame, "rows to explain")
    truth = np.asarray(truth, dtype=float)
    if len(truth) != len(frame) or np.isnan(truth).any():
        raise InputError("Each row needs a known outcome.", hint="Leave out rows without one.")
    if repeats < 1:
        raise InputError("At least one repeat is needed.", hint="Take 5.")
    rng = np.random.default_rng(seed)
    before = float(((_answers(predict, frame) - truth) ** 2).mean())
    found = []
    for place, name in enumerate(frame.columns):
        losses = []
        for _ in range(repeats):
            shuffled = frame.copy()
            shuffled[name] = frame[name].to_numpy()[rng.permutation(len(frame))]
            losses.append(float(((_answers(predict, shuffled) - truth) ** 2).mean()) - before)
        found.append(Importance(name, float(np.mean(losses)), float(np.std(losses))))
        on_progress((place + 1) / len(frame.columns))
    return sorted(found, key=lambda one: (-one.mean, one.feature))


def shapley(
    predict: Predict,
    rows: pd.DataFrame,
    background: pd.DataFrame,
    *,
    orders: int = 10,
    seed: int = 0,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Shapley:
    """Return Shapley values of some rows against background rows with the same columns.

    Exact for up to `EXACT_UP_TO` features. Above, the mean over `orders` random orders of the features, each also taken
    backwards; either way each row's values sum to its prediction minus the mean prediction of the background.
    """
    _check(rows, "rows to explain")
    _check(background, "background rows")
    if list(rows.columns) != list(background.columns):
        raise InputError("The rows and the background have different features.", hint="Give both the same columns.")
    if orders < 1:
        raise InputError("At least one order is needed.", hint="Take 10.")
    width = len(rows.columns)
    rng = np.random.default_rng(seed)
    values = np.zeros((len(rows), width))
    walks = [] if width <= EXACT_UP_TO else [way for _ in range(orders) for way in _both_ways(rng.permutation(width))]
    for place in range(len(rows)):
        row = rows.iloc[place : place + 1]
        values[place] = _sampled(predict, row, background, walks) if walks else _exact(predict, row, background)
        on_progress((place + 1) / len(rows))
    base = float(_answers(predict, background).mean())
    return Shapley(tuple(map(str, rows.columns)), base, values, _answers(predict, rows))


def _exact(predict, row, background) -> np.ndarray:
    width = len(row.columns)
    coalitions = [frozenset(s) for size in range(width + 1) for s in combinations(range(width), size)]
    worth = dict(zip(coalitions, _worths(predict, row, background, coalitions), strict=True))
    found = np.zeros(width)
    for s in coalitions:
        share = factorial(len(s)) * factorial(width - len(s) - 1) / factorial(width) if len(s) < width else 0.0
        for feature in set(range(width)) - s:
            found[feature] += share * (worth[s | {feature}] - worth[s])
    return found


def _sampled(predict, row, background, walks) -> np.ndarray:
    wanted = list(dict.fromkeys(frozenset(w[:k].tolist()) for w in walks for k in range(len(w) + 1)))
    worth = dict(zip(wanted, _worths(predict, row, background, wanted), strict=True))
    found = np.zeros(len(row.columns))
    for walk in walks:
        for k, feature in enumerate(walk):
            found[feature] += worth[frozenset(walk[: k + 1].tolist())] - worth[frozenset(walk[:k].tolist())]
    return found / len(walks)


def _both_ways(order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return order, order[::-1]


def _worths(predict, row, background, coalitions) -> list[float]:
    """Return for each coalition the mean prediction of the background with the coalition's features taken from the row."""
    import pandas as pd

    size = len(background)
    found: list[float] = []
    step = max(1, AT_ONCE // size)
    for start in range(0, len(coalitions), step):
        some = coalitions[start : start + step]
        columns = {}
        for place, name in enumerate(row.columns):
            taken = np.repeat([place in s for s in some], size)
            column = np.tile(background[name].to_numpy(), len(some))
            column[taken] = row[name].iloc[0]
            columns[name] = pd.Series(column, dtype=row[name].dtype)
        found += _answers(predict, pd.DataFrame(columns)).reshape(len(some), size).mean(axis=1).tolist()
    return found


def _answers(predict, frame) -> np.ndarray:
    found = np.asarray(predict(frame), dtype=float)
    if found.shape != (len(frame),):
        raise InputError("The model must give one number per row.", hint="Give the probability of one class.")
    return found


def _check(frame, what: str) -> None:
    if not len(frame) or not len(frame.columns):
        raise InputError(f"There are no {what}.", hint="Choose a table with rows and features.")
