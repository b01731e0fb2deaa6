"""The shape of a number within categories: a kernel density of fine bins, all of it in SQL."""

from __future__ import annotations

import math

from insights.charts.frame import Frame
from workspace.sql import text

FINE_BINS = 240
POINTS = 80


def violin(f: Frame):
    """Densities by a Gaussian kernel with Silverman's width: 0.9 · min(s, IQR / 1.34) · n^(-1/5).

    The kernel smooths counts in fine bins, which differs from smoothing the rows by less than a pixel. Violins end at the
    smallest and largest value of their group; all have the same area on the chart's scale.
    Source: Silverman, Density Estimation for Statistics and Data Analysis (1986), eq. 3.31.
    """
    column = f.need("y", "number")
    f.kinds["x"] = "text"
    name = "''"
    if f.spec.x:
        name, f.orders["x"] = f.category(f.spec.x, min(f.spec.top, 40), "x")
    else:
        f.orders["x"] = [""]
    f.kinds["y"] = "number"
    log = f.spec.log_y
    values = f.known({"y": (column, log)}, f", {name} AS x")
    low, high = f.ranges["y"]
    if log and low is not None:
        low, high = math.log10(low), math.log10(high)
    low, high = (low, high) if low is not None else (0.0, 1.0)
    span = (high - low) or 1.0
    width, step = span / FINE_BINS, span / (POINTS - 1)
    z, back = ("log10(y)", "power(10, g.z)") if log else ("y", "g.z")
    order = " ".join(f"WHEN x = {text(n)} THEN {i}" for i, n in enumerate(f.orders["x"]))
    table = f.arrow(
        f"WITH v AS (SELECT x, y, {z} AS z FROM ({values})), "
        "s AS (SELECT x, count(*) AS n, quantile_cont(y, 0.25) AS q1, quantile_cont(y, 0.5) AS median, quantile_cont(y, 0.75) AS q3, "
        "quantile_cont(z, 0.75) - quantile_cont(z, 0.25) AS iqr, stddev_samp(z) AS sd, min(z) AS low, max(z) AS high FROM v GROUP BY x), "
        f"h AS (SELECT *, greatest(0.9 * coalesce(least(sd, nullif(iqr, 0) / 1.34), sd, 0) * power(n, -0.2), {width!r}) AS h FROM s), "
        f"b AS (SELECT x, least(floor((z - {low!r}) / {width!r}), {FINE_BINS - 1}) AS bin, count(*) AS n FROM v GROUP BY ALL), "
        f"g AS (SELECT {low!r}::DOUBLE + i * {step!r}::DOUBLE AS z FROM range({POINTS}) r(i)), "
        f"d AS (SELECT h.x, {back} AS y, sum(b.n * exp(-0.5 * power((g.z - {low!r} - (b.bin + 0.5) * {width!r}) / h.h, 2))) "
        "/ any_value(h.n * h.h * sqrt(2 * pi())) AS density, any_value(q1) AS q1, any_value(median) AS median, any_value(q3) AS q3, "
        f"any_value(h.n) AS count FROM h JOIN b USING (x) CROSS JOIN g WHERE g.z BETWEEN h.low - {step!r} AND h.high + {step!r} GROUP BY h.x, g.z), "
        f"p AS (SELECT *, CASE WHEN false THEN 0 {order} END AS place, 0.45 * density / max(density) OVER () AS half FROM d) "
        'SELECT x, y, density, round(place - half, 5) AS "left", round(place + half, 5) AS "right", place, q1, median, q3, count '
        "FROM p ORDER BY place, y"
    )
    f.notes.append("Smoothed by a Gaussian kernel; the bar goes from quartile to quartile, the point is the median.")
    return table
