"""Explanations: linear models by hand, interactions by hand, sums that fit, shuffles that hurt."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from insights.explain import permutation_importance, shapley
from transforms.errors import InputError

WEIGHTS = np.array([2.0, -1.0, 0.5, 0.0])


def linear(frame):
    return frame[["a", "b", "c", "d"]].to_numpy() @ WEIGHTS + 7


def table(rows, seed=1, names="abcd"):
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(rows, len(names))), columns=list(names))


def test_a_linear_model_gives_its_weights_times_the_distance_from_the_mean():
    rows, background = table(3), table(40, seed=2)
    found = shapley(linear, rows, background)
    assert found.values == pytest.approx(WEIGHTS * (rows.to_numpy() - background.to_numpy().mean(axis=0)))
    assert found.base == pytest.approx(linear(background).mean())


def test_an_interaction_is_shared_by_halves():
    # f = a × b at (1, 1) against (0, 0): together they add 1, alone nothing
    found = shapley(
        lambda f: f["a"] * f["b"], pd.DataFrame({"a": [1.0], "b": [1.0]}), pd.DataFrame({"a": [0.0], "b": [0.0]})
    )
    assert found.values.tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("names", ["abc", "abcdefghijkl"])
def test_values_sum_to_the_prediction_minus_the_mean(names):
    def odd(frame):
        x = frame.to_numpy()
        return np.tanh(x[:, 0] * x[:, 1]) + x[:, -1] ** 2

    rows, background = table(4, names=names), table(10, seed=3, names=names)
    found = shapley(odd, rows, background, orders=3)
    assert found.values.sum(axis=1) == pytest.approx(odd(rows) - odd(background).mean())
    again = shapley(odd, rows, background, orders=3)
    assert (found.values == again.values).all()


def test_sampled_orders_are_exact_for_a_sum_of_parts():
    names = "abcdefghij"  # ten features: more than are done exactly
    rows, background = table(2, names=names), table(5, seed=4, names=names)
    weights = np.arange(10)
    found = shapley(lambda f: f.to_numpy() @ weights, rows, background, orders=1)
    assert found.values == pytest.approx(weights * (rows.to_numpy() - background.to_numpy().mean(axis=0)))
    assert found.importance()[-1] == ("a", pytest.approx(0))


def test_text_features_and_missing_numbers_pass_through():
    frame = pd.DataFrame({"t": pd.Series(["x", "y"], dtype="object"), "n": [1.0, np.nan]})
    found = shapley(lambda f: (f["t"] == "x") + f["n"].fillna(0), frame, frame)
    # base: (2 + 0) / 2 = 1; the first row is x with 1: a half from each
    assert found.values.tolist() == [[0.5, 0.5], [-0.5, -0.5]]
    assert found.as_json()["importance"][0]["mean_abs"] == 0.5


def test_permutation_importance_of_a_perfect_model():
    frame = table(400)
    found = permutation_importance(linear, frame, linear(frame), repeats=10)
    assert [one.feature for one in found] == ["a", "b", "c", "d"]
    # a shuffled feature adds 2 · w² · variance to the squared error
    for one, weight, name in zip(found, WEIGHTS, "abcd", strict=True):
        assert one.mean == pytest.approx(2 * weight**2 * frame[name].var(), rel=0.15, abs=1e-12)
    assert permutation_importance(linear, frame, linear(frame), seed=4) == permutation_importance(
        linear, frame, linear(frame), seed=4
    )


def test_progress_is_told():
    told = []
    shapley(linear, table(2), table(3), on_progress=told.append)
    permutation_importance(linear, table(9), [0.0] * 9, on_progress=told.append)
    assert told == [0.5, 1.0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: shapley(linear, table(0), table(2)), "There are no rows to explain"),
        (lambda: shapley(linear, table(2), table(0)), "There are no background rows"),
        (lambda: shapley(linear, table(2), table(2, names="abce")), "different features"),
        (lambda: shapley(linear, table(2), table(2), orders=0), "At least one order"),
        (lambda: shapley(lambda f: f.to_numpy(), table(2), table(2)), "one number per row"),
        (lambda: permutation_importance(linear, table(2), [1.0]), "Each row needs a known outcome"),
        (lambda: permutation_importance(linear, table(2), [1.0, 2.0], repeats=0), "At least one repeat"),
    ],
)
def test_what_cannot_be_explained_is_said(call, said):
    with pytest.raises(InputError, match=said):
        call()
