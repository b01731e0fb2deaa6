"""Statistics of groups equal pandas and SciPy, on random seeded data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch

stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed")


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"g": rng.choice(["a", "b"], 200), "x": rng.lognormal(0, 1, 200), "w": rng.random(200)})
    frame.loc[::9, "x"] = np.nan
    return frame


def ours(frame, statistic, **more):
    settings = {"groups": ["g"], "aggregations": [{"column": "x", "statistic": statistic, "to": "r", **more}]}
    table = pa.Table.from_pandas(frame, preserve_index=False)
    found = Recipe().add("group.aggregate", settings).fit(table, engine=scratch()).run(table, engine=scratch())
    return {r["g"]: r["r"] for r in found.to_arrow_table().to_pylist()}


@pytest.mark.parametrize(
    "statistic, more, theirs",
    [
        ("skewness", {}, lambda t: stats.skew(t.x.dropna(), bias=False)),
        ("kurtosis", {}, lambda t: stats.kurtosis(t.x.dropna(), bias=False)),
        ("quantile", {"number": 0.9}, lambda t: t.x.quantile(0.9)),
        ("correlation", {"other": "w"}, lambda t: t.x.corr(t.w)),
        ("weighted mean", {"other": "w"}, lambda t: np.average(t.dropna().x, weights=t.dropna().w)),
    ],
)
def test_statistics_equal_scipy_and_pandas(data, statistic, more, theirs):
    found = ours(data, statistic, **more)
    for key, part in data.groupby("g"):
        assert found[key] == pytest.approx(theirs(part), rel=1e-9)


def test_entropy_equals_scipy(data):
    data["x"] = data["x"].round().astype("Int64").astype("string")
    found = ours(data, "entropy")
    for key, part in data.groupby("g"):
        assert found[key] == pytest.approx(stats.entropy(part.x.value_counts().astype(float), base=2))
