"""Rolling statistics of infinities, and ties in the order: exported pandas equals DuckDB."""

from __future__ import annotations

import math

import pandas as pd
import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch
from transforms.export import export


def both(step, settings, columns):
    rows = {"main": pa.table(columns)}
    fitted = Recipe().add(step, settings).fit(rows, engine=scratch())
    space = {"__name__": "exported"}
    exec(export(fitted, "pandas"), space)
    frame = pd.DataFrame({c: pd.array(v, dtype="Float64" if c == "v" else "Int64") for c, v in columns.items()})
    return fitted.run(rows, engine=scratch()).to_arrow_table().to_pydict(), space["prepare"](frame)


@pytest.mark.parametrize(
    "statistic, wanted",
    [
        ("sum", [1.0, math.inf, None, -math.inf, 4.0]),
        ("mean", [1.0, math.inf, None, -math.inf, 4.0]),
        ("min", [1.0, 1.0, -math.inf, -math.inf, 4.0]),
        ("max", [1.0, math.inf, math.inf, -math.inf, 4.0]),
        ("count", [1.0, 2.0, 2.0, 1.0, 1.0]),
        ("median", [1.0, math.inf, None, -math.inf, 4.0]),
        ("variance", [None] * 5),
    ],
)
def test_infinities_count_in_rolling_windows(statistic, wanted):
    columns = {"t": [1, 2, 3, 4, 5], "v": [1.0, math.inf, -math.inf, None, 4.0]}
    settings = {"column": "v", "order_by": "t", "rows": 2, "statistic": statistic, "to": "r"}
    sql, frame = both("window.rolling", settings, columns)
    as_list = [None if v is pd.NA or v != v else v for v in frame["r"].tolist()]
    assert [None if v is None or v != v else v for v in sql["r"]] == wanted == as_list


def test_fill_down_breaks_ties_by_the_value_itself():
    columns = {"t": [1, 1, 1], "v": [None, 1.0, 0.0]}
    sql, frame = both("window.fill_from_neighbour", {"column": "v", "order_by": "t"}, columns)
    assert sorted(sql["v"]) == sorted(frame["v"].tolist()) == [0.0, 1.0, 1.0]
