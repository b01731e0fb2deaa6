"""Time series against statsmodels, pandas and SciPy."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch
from transforms.errors import FitError

COUNT = 60
TIMES = [datetime(2024, 1, 1) + timedelta(days=i) for i in range(COUNT)]
NUMBERS = (
    np.sin(np.arange(COUNT) * 2 * np.pi / 7) * 3 + np.arange(COUNT) * 0.1 + np.random.default_rng(1).normal(size=COUNT)
)


def run(name: str, rows: pa.Table, **settings) -> pd.DataFrame:
    recipe = Recipe(name="values").add(name, settings)
    fitted = recipe.fit({"main": rows}, engine=scratch())
    return fitted.run({"main": rows}, engine=scratch()).to_arrow_table().to_pandas()


def two_series() -> pa.Table:
    return pa.table({"g": ["a"] * COUNT + ["b"] * COUNT, "d": TIMES * 2, "v": [*NUMBERS, *(NUMBERS * 2 + 1)]})


@pytest.mark.parametrize("robust", [False, True])
def test_decompose_is_stl_of_statsmodels(robust):
    from statsmodels.tsa.seasonal import STL

    found = run("series.decompose", two_series(), time="d", ids=["g"], column="v", period=7, robust=robust)
    for g, x in (("a", NUMBERS), ("b", NUMBERS * 2 + 1)):
        part, expected = found[found.g == g].sort_values("d"), STL(x, period=7, robust=robust).fit()
        np.testing.assert_allclose(part.v_trend, expected.trend, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(part.v_season, expected.seasonal, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(part.v_rest, expected.resid, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("settings, expected", [
    ({"span": 5.0}, lambda x: pd.Series(x).ewm(span=5).mean()),
    ({"method": "local polynomial", "window": 9, "order": 3}, lambda x: __import__("scipy.signal").signal.savgol_filter(x, 9, 3)),
    ({"method": "Hodrick-Prescott trend", "smoothness": 100.0}, lambda x: __import__("statsmodels.api").api.tsa.filters.hpfilter(x, 100.0)[1]),
])  # fmt: skip
def test_smoothing_is_that_of_the_libraries(settings, expected):
    found = run("series.smooth", two_series(), time="d", ids=["g"], column="v", to="s", **settings)
    np.testing.assert_allclose(found[found.g == "a"].sort_values("d").s, expected(NUMBERS), rtol=1e-7, atol=1e-8)


def test_anomalies_learn_the_period_and_flag_the_spike():
    spiked = NUMBERS.copy()
    spiked[30] += 25
    found = run("series.flag_anomalies", pa.table({"d": TIMES, "v": spiked}), time="d", column="v", to="odd", k=6.0)
    assert found[found.odd].d.tolist() == [TIMES[30]]


def test_features_are_those_of_pandas_and_numpy():
    names = ["slope", "skewness", "kurtosis", "quantile 0.1", "autocorrelation 1", "mean absolute change"]
    found = run("series.features", two_series(), time="d", ids=["g"], column="v", features="named", named=names)
    row, x = found[found.g == "a"].iloc[0], pd.Series(NUMBERS)
    centred = NUMBERS - NUMBERS.mean()
    expected = [np.polyfit(np.arange(COUNT), NUMBERS, 1)[0], x.skew(), x.kurt(), np.quantile(x, 0.1), (centred[1:] * centred[:-1]).sum() / ((COUNT - 1) * x.var(ddof=0)), x.diff().abs().mean()]  # fmt: skip
    np.testing.assert_allclose([row["v_" + n.replace(" ", "_")] for n in names], expected)


def test_resampling_is_that_of_pandas():
    rows = pa.table({"d": TIMES[:3] + TIMES[30:40], "v": list(range(13))})
    found = run(
        "series.resample", rows, time="d", unit="weeks", aggregations=[{"column": "v", "statistic": "sum", "to": "s"}]
    )
    expected = rows.to_pandas().resample("W-MON", on="d", label="left", closed="left").v.sum(min_count=1)
    found = found.sort_values("d")
    assert found.d.tolist() == expected.index.tolist()
    np.testing.assert_allclose(found.s.astype(float), expected.to_numpy(float))


def test_stop_refuses_bad_times():
    with pytest.raises(FitError, match="1 rows have a time that is missing"):
        run("series.check_times", pa.table({"d": [TIMES[0], None]}), time="d", policy="stop")
