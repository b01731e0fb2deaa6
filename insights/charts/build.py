"""Marks of the plain charts: each function asks one `Frame` and returns the few rows that are drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from insights.charts.frame import ROWS, Frame
from insights.charts.spec import MAX_MARKS, MAX_POINTS, MISSING, OTHER, ChartData, ChartSpec
from workspace.sql import one_row

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def build(con: DuckDBPyConnection, source: str, spec: ChartSpec) -> ChartData:
    """Aggregate all rows of `source` (SQL to stand behind FROM) into the marks of a chart.

    Raises:
        InputError: the chart needs another column or another kind of column.
        ColumnNotFound: a column that the table does not have.
        ParamError: a filter does not fit its column.
    """
    from insights.charts.cells import heatmap, place_map
    from insights.charts.correlation import correlation
    from insights.charts.series import season, series
    from insights.charts.violin import violin

    makers = {"histogram": histogram, "bar": bar, "line": line, "area": line, "scatter": scatter, "box": box, "violin": violin,
              "heatmap": heatmap, "correlation": correlation, "series": series, "season": season, "map": place_map}  # fmt: skip
    f = Frame(con, source, spec)
    f.open()
    try:
        return f.data(makers[spec.kind](f))
    finally:
        f.close()


def histogram(f: Frame):
    column = f.need("x", "number", "time")
    kind = f.kinds["x"] = f.kind(column)
    split, many = f.split()
    log = f.spec.log_x and kind == "number"
    values = f.known({"x": (column, log)}, split)
    bins = max(2, min(f.spec.bins, f.most_marks(many)))
    low, high = f.periods("x", bins) if kind == "time" else f.steps("x", bins, log=log)
    f.titles["y"] = "rows"
    share = "" if f.spec.normalise == "no" else f", {f.share('count', 'lo')} AS y"
    counted = f"SELECT {low} AS lo, {high} AS hi{f.by()}, count(*) AS count FROM ({values}) GROUP BY ALL"
    return f.arrow(f"SELECT {f.iso(kind, 'lo', 'hi')}{f.by()}, count{share} FROM ({counted}) ORDER BY ALL")


def bar(f: Frame):
    column = f.need("x")
    f.kinds["x"] = "text"
    measure = f.measure()
    split, many = f.split()
    name, order = f.category(column, max(2, min(f.spec.top, f.most_marks(many))), "x")
    f.orders = {"x": order, **f.orders}
    known = f.measured()
    values = f.known(known, f", {name} AS x{split}") if known else f"SELECT {name} AS x{split} FROM {ROWS}"
    grouped = f"SELECT x{f.by()}, {measure} AS y, count(*) AS count FROM ({values}) GROUP BY ALL"
    ordinal = f.kind(column) in ("number", "time", "bool")
    if f.spec.sort in ("value", "count") or (f.spec.sort == "auto" and not ordinal):
        _order_bars(f, values, measure if f.spec.sort != "count" else "count(*)")
    return f.arrow(f"SELECT x{f.by()}, {f.share('y', 'x')} AS y, count FROM ({grouped}) ORDER BY ALL")


def _order_bars(f: Frame, values: str, measure: str) -> None:
    """Order categories by their bar, the rest and the missing last."""
    way = "ASC" if f.spec.reverse else "DESC"
    rows = f.con.execute(f"SELECT x FROM ({values}) GROUP BY x ORDER BY {measure} {way} NULLS LAST, x").fetchall()
    found = [name for (name,) in rows]
    f.orders["x"] = [n for n in found if n not in (OTHER, MISSING)] + [n for n in (OTHER, MISSING) if n in found]


def line(f: Frame):
    column = f.need("x", "number", "time")
    kind = f.kinds["x"] = f.kind(column)
    log = f.spec.log_x and kind == "number"
    measure = f.measure()
    split, many = f.split()
    values = f.known({"x": (column, log), **f.measured()}, split)
    most = max(10, min(400, f.most_marks(many)))
    if kind == "time":
        start, _ = f.periods("x", most)
        f.notes.append(f"One point per {f.unit('x', most)}.")
    elif one_row(f.con, f"SELECT approx_count_distinct(x) FROM ({values})")[0] <= min(most, 200):
        start = "x"
    else:
        start, _ = f.steps("x", min(most, 100), log=log)
        f.notes.append("Values of x are joined into bins; each point stands at the start of its bin.")
    grouped = f"SELECT {start} AS x{f.by()}, {measure} AS y, count(*) AS count FROM ({values}) GROUP BY ALL"
    moving = ""
    if f.spec.moving:
        same = f"PARTITION BY {f.by()[2:]} " if f.by() else ""
        moving = (
            f", avg(y) OVER ({same}ORDER BY x ROWS BETWEEN {f.spec.moving - 1} PRECEDING AND CURRENT ROW) AS moving"
        )
        f.notes.append(f"The bold line is the mean of the last {f.spec.moving} points.")
    shown = f"SELECT x{f.by()}, {f.share('y', 'x')} AS y, count FROM ({grouped})"
    picked = f"SELECT x{f.by()}, y, count{moving} FROM ({shown})"
    last = ", moving" if moving else ""
    return f.arrow(f"SELECT {f.iso(kind, 'x')}{f.by()}, y, count{last} FROM ({picked}) ORDER BY ALL")


def scatter(f: Frame):
    x, y = f.need("x", "number", "time"), f.need("y", "number", "time")
    f.kinds.update(x=f.kind(x), y=f.kind(y))
    split, many = f.split()
    roles = {role: (getattr(f.spec, role), getattr(f.spec, f"log_{role}") and f.kinds[role] == "number") for role in ("x", "y")}  # fmt: skip
    if f.spec.size:
        roles["size"] = (f.need("size", "number"), False)
    values = f.known(roles, split)
    if f.used <= MAX_POINTS:
        f.shape = "points"
        size = ", size" if f.spec.size else ""
        ends = f"{f.iso(f.kinds['x'], 'x')}, {f.iso(f.kinds['y'], 'y')}"
        return f.arrow(f"SELECT {ends}{size}{f.by()}, 1 AS count FROM ({values})")
    f.shape = "bubbles" if f.spec.colour else "density"
    across = max(6, min(60, int(math.sqrt(MAX_MARKS / many * 1.5))))
    x_low, x_high = f.edges("x", across)
    y_low, y_high = f.edges("y", max(4, int(across / 1.5)))
    f.notes.append(f"More than {MAX_POINTS:,} rows: each mark counts the rows in one cell of a grid.")
    if f.spec.size:
        f.notes.append(f"There is no room for the size of each row: {f.spec.size} is not shown.")
    cells = f"SELECT {x_low} AS x, {x_high} AS x2, {y_low} AS y, {y_high} AS y2{f.by()}, count(*) AS count FROM ({values}) GROUP BY ALL"
    ends = f"{f.iso(f.kinds['x'], 'x', 'x2')}, {f.iso(f.kinds['y'], 'y', 'y2')}"
    return f.arrow(f"SELECT {ends}{f.by()}, count FROM ({cells}) ORDER BY ALL")


def box(f: Frame):
    column = f.need("y", "number")
    f.kinds["x"] = "text"
    split, many = f.split("facet")
    by = []
    if f.spec.x:
        sql, order = f.category(f.spec.x, max(2, min(f.spec.top, f.most_marks(many))), "x")
        f.orders = {"x": order, **f.orders}
        split = f", {sql} AS x{split}"
        by.append("x")
    by += ["facet"] if f.spec.facet else []
    values = f.known({"y": (column, f.spec.log_y)}, split)
    keys = "".join(f"{role}, " for role in by)
    group = f"GROUP BY {', '.join(by)}" if by else ""
    using = f"JOIN q USING ({', '.join(by)})" if by else "CROSS JOIN q"
    inside = "y BETWEEN q1 - 1.5 * (q3 - q1) AND q3 + 1.5 * (q3 - q1)"
    table = f.arrow(
        f"WITH v AS ({values}), q AS (SELECT {keys}quantile_cont(y, 0.25) AS q1, quantile_cont(y, 0.5) AS median, "
        f"quantile_cont(y, 0.75) AS q3 FROM v {group}) "
        f"SELECT {keys}any_value(q1) AS q1, any_value(median) AS median, any_value(q3) AS q3, "
        f"min(y) FILTER ({inside}) AS low, max(y) FILTER ({inside}) AS high, count(*) AS count, "
        f"count(*) FILTER (NOT ({inside})) AS outliers, min(y) AS min, max(y) AS max "
        f"FROM v {using} {group} ORDER BY ALL"
    )
    if f.spec.sort == "value" and f.spec.x:
        by_median(f, table.to_pylist())
    return table


def by_median(f: Frame, marks: list[dict]) -> None:
    """Order the categories of x by their median (of the first panel that has them)."""
    medians = {mark["x"]: mark["median"] for mark in reversed(marks)}
    tail = [name for name in (OTHER, MISSING) if name in f.orders["x"]]
    named = [name for name in f.orders["x"] if name not in tail]
    f.orders["x"] = sorted(named, key=lambda n: medians.get(n, -math.inf), reverse=not f.spec.reverse) + tail
