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
