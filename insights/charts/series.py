"""Long series: every peak kept (M4), and trend, season and rest."""

from __future__ import annotations

from insights.charts.frame import Frame, interval
from insights.charts.spec import MAX_MARKS
from transforms.errors import InputError

PIXELS = 800
PERIODS = 1_000  # of a decomposition: four panels of them reach the browser
SEASONS = {  # what people count seasons in: time units in one season, the likeliest first
    "minute": (60, 1440),
    "hour": (24, 168),
    "day": (7, 30, 365),
    "week": (52, 4),
    "month": (12, 3, 6),
    "quarter": (4,),
    "year": (10, 11),
}


def series(f: Frame):
    """The rows of a series as they are; of a long one four rows per pixel column: first, last, smallest, largest.

    A line through these four is, pixel by pixel, the line through all rows.
    Source: Jugel et al., M4: a visualization-oriented time series data aggregation (VLDB 2014).
    """
    x = f.need("x", "time", "number")
    y = f.need("y", "number")
    f.kinds.update(x=f.kind(x), y="number")
    split, many = f.split()
    values = f.known({"x": (x, f.spec.log_x and f.kinds["x"] == "number"), "y": (y, f.spec.log_y)}, split)
    by = f.by()
    if f.used <= MAX_MARKS:
        return f.arrow(f"SELECT {f.iso(f.kinds['x'], 'x')}, y{by}, 1 AS count FROM ({values}) ORDER BY x{by}, y")
    low, high = f.ranges["x"]
    columns = max(50, min(PIXELS, MAX_MARKS // 4 // many))
    if f.kinds["x"] == "time":
        at, start, span = "epoch_us(x)", f"epoch_us(TIMESTAMP '{low}')", (high - low).total_seconds() * 1e6
    else:
        at, start, span = "x", repr(low), high - low
    place = f"least(floor(({at} - {start}) / {span / columns or 1.0!r}), {columns - 1})"
    f.notes.append(
        f"More than {MAX_MARKS:,} rows: of each of {columns:,} columns of the drawing the first, the last, the smallest and the "
        "largest row are drawn, so no peak is lost."
    )
    return f.arrow(
        f"WITH v AS ({values}), m AS (SELECT {place} AS place{by}, count(*) AS count, "
        "arg_min({'x': x, 'y': y}, x) AS a, arg_max({'x': x, 'y': y}, x) AS b, "
        "arg_min({'x': x, 'y': y}, y) AS c, arg_max({'x': x, 'y': y}, y) AS d FROM v GROUP BY ALL), "
        f"u AS (SELECT unnest(list_distinct([a, b, c, d])) AS p{by}, count FROM m) "
        f"SELECT {f.iso(f.kinds['x'], 'x')}, y{by}, count FROM (SELECT p.x AS x, p.y AS y{by}, count FROM u) ORDER BY x{by}, y"
    )


def season(f: Frame):
    """Trend, season and rest, added together, of one value per calendar period.

    The trend is a centred moving mean over one season (2×m for even m), the season the mean of what is left at each place
    in the season, shifted to sum to nothing. Periods without rows count 0; of other measures they are drawn on a straight
    line between their neighbours. Source: `statsmodels.tsa.seasonal.seasonal_decompose`, which gives the same figures.
    """
    column = f.need("x", "time")
    f.kinds["x"] = "time"
    measure = f.measure()
    values = f.known({"x": (column, False), **f.measured()})
    unit = f.unit("x", PERIODS)
    empty = "coalesce(y, 0)" if f.spec.aggregate in ("count", "sum") else "fill(y) OVER (ORDER BY x)"
    low, high = f.ranges["x"]
    if low is None:
        low = high = "1970-01-01"
    grid = (
        f"WITH p AS (SELECT date_trunc('{unit}', x)::TIMESTAMP AS x, ({measure})::DOUBLE AS y, count(*) AS count FROM ({values}) GROUP BY 1), "
        f"t AS (SELECT unnest(generate_series(date_trunc('{unit}', TIMESTAMP '{low}')::TIMESTAMP, TIMESTAMP '{high}', {interval(unit)})) AS x), "
        "j AS (SELECT t.x, p.y, coalesce(p.count, 0) AS count FROM t LEFT JOIN p USING (x)), "
        f"g AS (SELECT x, {empty} AS y, count, row_number() OVER (ORDER BY x) - 1 AS i FROM j)"
    )
    periods, gaps = f.con.execute(f"{grid} SELECT count(*), count(*) FILTER (count = 0) FROM g").fetchall()[0]
    if periods > 4 * PERIODS:
        raise InputError(f"One value per {unit} would be {periods:,} values.", hint="Choose a longer time unit.")
    m = f.spec.period or _guess(f, grid, unit, periods)
    if periods < 2 * m:
        raise InputError(
            f"A season of {m} {unit}s needs at least {2 * m} {unit}s, but there are {periods}.",
            hint="Choose a shorter season or a shorter time unit.",
        )
    f.notes.append(f"One value per {unit}; one season is {m} {unit}s{'' if f.spec.period else ' (guessed)'}.")
    if gaps:
        said = "counted as 0" if f.spec.aggregate in ("count", "sum") else "filled in on a straight line"
        f.notes.append(f"{gaps:,} {unit}s without rows are {said}.")
    return f.arrow(
        f"{grid}, n AS (SELECT *, CASE WHEN i >= {m // 2} AND i < {periods - m // 2} THEN {_mean(m)} END AS trend FROM g), "
        f"s AS (SELECT i % {m} AS phase, avg(y - trend) AS level FROM n GROUP BY 1), "
        "c AS (SELECT phase, level - avg(level) OVER () AS season FROM s), "
        f"r AS (SELECT x, y AS observed, trend, season, y - trend - season AS rest, count FROM n JOIN c ON i % {m} = phase), "
        "l AS (UNPIVOT r ON observed, trend, season, rest INTO NAME part VALUE y) "
        f"SELECT {f.iso('time', 'x')}, part, y, count FROM l ORDER BY part, x"
    )


def _mean(m: int) -> str:
    """Return SQL of the centred moving mean over one season: m values, or m + 1 with half weight for the outer two."""
    h = m // 2
    window = "sum(y) OVER (ORDER BY i ROWS BETWEEN {} PRECEDING AND {} FOLLOWING)"
    if m % 2:
        return f"{window.format(h, h)} / {m}"
    return f"({window.format(h, h - 1)} + {window.format(h - 1, h)}) / {2 * m}"


def _guess(f: Frame, grid: str, unit: str, periods: int) -> int:
    """Return the usual season of the unit that explains most of what the moving mean leaves (R², adjusted for its length)."""
    fit = [m for m in SEASONS[unit] if 2 * m <= periods]
    if not fit:
        return SEASONS[unit][0]
    parts = [
        f"SELECT {m} AS m, 1 - (1 - var_pop(level) / nullif(var_pop(d), 0)) * (count(d) - 1) / nullif(count(d) - {m}, 0) AS fit FROM ("
        f"SELECT d, avg(d) OVER (PARTITION BY i % {m}) AS level FROM ("
        f"SELECT i, CASE WHEN i >= {m // 2} AND i < {periods - m // 2} THEN y - {_mean(m)} END AS d FROM k)) WHERE d IS NOT NULL"
        for m in fit
    ]
    found = f.con.execute(f"{grid}, k AS MATERIALIZED (SELECT i, y FROM g) {' UNION ALL '.join(parts)}").fetchall()
    found = {m: share for m, share in found if share is not None and share == share}
    best = max(fit, key=lambda m: found.get(m, -1.0))
    if found.get(best, 0.0) < 0.1:
        f.notes.append("No season stands out.")
    return best
