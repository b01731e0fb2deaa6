"""Joins against pandas, and what fuzzy joins and suggested keys choose."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch


def run(step, settings, main, other):
    tables = {"main": pa.Table.from_pandas(main), "other": pa.Table.from_pandas(other)}
    fitted = Recipe().add(step, {"input": "other", **settings}).fit(tables, engine=scratch())
    return fitted, fitted.run(tables, engine=scratch()).to_arrow_table().to_pandas()


@pytest.mark.parametrize("direction, theirs", [("earlier", "backward"), ("later", "forward")])
def test_join_asof_equals_pandas(direction, theirs):
    rng = np.random.default_rng(2)
    main = pd.DataFrame({"id": range(200), "k": rng.choice(["a", "b"], 200), "t": rng.integers(0, 1000, 200)})
    other = pd.DataFrame({"k": rng.choice(["a", "b"], 80), "t": rng.permutation(1000)[:80], "v": range(80)})
    settings = {"on": "t", "other_on": "t", "keys": ["k"], "other_keys": ["k"], "direction": direction, "tolerance": 30}
    _, found = run("combine.join_asof", settings, main, other)
    wanted = pd.merge_asof(
        main.sort_values("t"), other.sort_values("t"), on="t", by="k", direction=theirs, tolerance=30
    )
    left, right = found.sort_values("id")["v"].to_numpy(float), wanted.sort_values("id")["v"].to_numpy(float)
    np.testing.assert_array_equal(left, right)


def test_suggested_keys_prefer_overlap_over_names():
    main = pd.DataFrame({"name": ["p", "q"], "city": ["x", "y"]})
    other = pd.DataFrame({"code": ["p", "q"], "city": ["m", "n"], "v": [1, 2]})
    fitted, _ = run("combine.join_suggested", {}, main, other)
    best = fitted.states["s1"]["proposals"][0]
    assert (best["key"], best["other_key"], best["overlap"]) == ("name", "code", 1.0)


def test_fuzzy_join_takes_the_best_match_and_the_alphabet_breaks_ties():
    main, other = pd.DataFrame({"t": ["abcd"]}), pd.DataFrame({"u": ["abcy", "abcx", "abzz"]})
    _, found = run("combine.join_fuzzy", {"column": "t", "other_column": "u", "threshold": 0.5}, main, other)
    assert found["u"].tolist() == ["abcx"] and found["score"].tolist() == [0.75]


def test_full_join_does_not_compute_columns_of_a_join_before_it_for_the_other_side():
    main, other = pd.DataFrame({"k": [1, 2]}), pd.DataFrame({"k": [2, 9], "b": ["q", "s"]})
    tables = {"main": pa.Table.from_pandas(main), "other": pa.Table.from_pandas(other)}
    join = {"input": "other", "keys": ["k"], "other_keys": ["k"]}
    recipe = Recipe().add("combine.join_report", join).add("combine.join", {**join, "how": "full", "suffix": "_2"})
    found = recipe.fit(tables, engine=scratch()).run(tables, engine=scratch()).to_arrow_table().sort_by("k").to_pylist()
    assert found == [
        {"k": 1, "match": "only here", "matches": 0, "b": None, "b_2": None},
        {"k": 2, "match": "matched", "matches": 1, "b": "q", "b_2": "q"},
        {"k": 9, "match": None, "matches": None, "b": None, "b_2": "s"},
    ]


@pytest.mark.parametrize("how", ["full", "right"])
def test_full_join_after_computed_columns(how):
    main, other = pd.DataFrame({"k": [1, 2], "a": ["x", None]}), pd.DataFrame({"k": [2, 3], "b": [5, 6]})
    tables = {"main": pa.Table.from_pandas(main), "other": pa.Table.from_pandas(other)}
    recipe = (
        Recipe()
        .add("missing.fill_constant", {"columns": ["a"], "value": "none"})
        .add("columns.add_constant", {"to": "c", "value": "here"})
        .add("combine.join", {"input": "other", "keys": ["k"], "other_keys": ["k"], "how": how})
    )
    found = recipe.fit(tables, engine=scratch()).run(tables, engine=scratch()).to_arrow_table().sort_by("k").to_pylist()
    only_here = [{"k": 1, "a": "x", "c": "here", "b": None}] if how == "full" else []
    assert found == [*only_here, {"k": 2, "a": "none", "c": "here", "b": 5}, {"k": 3, "a": None, "c": None, "b": 6}]
