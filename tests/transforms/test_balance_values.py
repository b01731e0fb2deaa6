"""Resampling gives the class sizes it promises; made-up rows lie between rows of their class."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch

rng = np.random.default_rng(3)
ROWS = pa.table({"y": ["a"] * 60 + ["b"] * 12, "x": rng.normal(size=72), "z": [0.0] * 60 + [5.0] * 12})


def run(step, settings, table=ROWS):
    return Recipe().add(step, settings).fit(table, engine=scratch()).run(table, engine=scratch()).to_arrow_table()


@pytest.mark.parametrize("method, ratio, sizes", [("repeat rare", 0.5, (60, 30)), ("remove frequent", 2, (24, 12))])
def test_resample(method, ratio, sizes):
    settings = {"target": "y", "method": method, "ratio": ratio}
    found = run("balance.resample", settings)
    assert Counter(found["y"].to_pylist()) == {"a": sizes[0], "b": sizes[1]}
    assert set(found["x"].to_pylist()) <= set(ROWS["x"].to_pylist())
    assert sorted(run("balance.resample", settings)["x"].to_pylist()) == sorted(found["x"].to_pylist())


@pytest.mark.parametrize("method", ["SMOTE", "ADASYN"])
def test_synthetic_rows(method):
    found = run("balance.synthetic_rows", {"target": "y", "columns": ["x", "z"], "method": method})
    assert Counter(found["y"].to_pylist()) == {"a": 60, "b": 60}
    made = [r for r in found.to_pylist() if r["y"] == "b"]
    mine = [x for x, y in zip(ROWS["x"].to_pylist(), ROWS["y"].to_pylist(), strict=True) if y == "b"]
    assert all(r["z"] == 5.0 and min(mine) <= r["x"] <= max(mine) for r in made)
    assert len({r["x"] for r in made}) > 40
