"""How columns hang together: categories, numbers beside categories, multicollinearity, and rows that are odd as a whole.

Cramér's V and the correlation ratio count all rows in DuckDB; multicollinearity comes from one covariance query over all
rows; anomalous rows come from an isolation forest on a bounded sample, the same on every run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from workspace.sql import ident, one_row

if TYPE_CHECKING:
    from insights.profile import Column, Profile

CATEGORIES = 12  # columns whose associations are asked for
MOST_VALUES = 100  # different values of such a column
VIF_MOST = 1e6  # a column that the others give exactly has an endless one
SAMPLE = 20_000  # rows that the isolation forest looks at
TREES = 100
ODD_ROWS = 20  # rows that are shown


def fill(con, source: str, found: Profile, target: str | None = None) -> None:
    """Fill `associations`, `collinear` (without the target) and `anomalies` of a profile."""
    found.associations = associations(con, source, found)
    found.collinear = collinear(con, source, found, target)
    found.anomalies = anomalies(con, source, found)


def associations(con, source: str, found: Profile) -> list[dict]:
    """Return `[{a, b, value, measure}]`, strongest first: Cramér's V of categories (bias-corrected, Bergsma 2013), and
    the correlation ratio η of a number by a category (`a` is the category). Both are 0 to 1; rows where either is
    missing do not count.
    """
    able = [
        c for c in found.columns if c.kind in ("text", "bool") and c.distinct_is_exact and 1 < c.distinct <= MOST_VALUES
    ]
    if len(able) > CATEGORIES:
        found.notes.append(f"Associations are of the first {CATEGORIES} of {len(able)} category columns.")
        able = able[:CATEGORIES]
    rows = []
    for i, a in enumerate(able):
        for b in able[i + 1 :]:
            if (v := cramers_v(con, source, a.name, b.name)) is not None:
                rows.append({"a": a.name, "b": b.name, "value": v, "measure": "Cramér's V"})
    numbers = _numbers(found)
    for a in able if numbers else []:
        for b, eta in zip(numbers, correlation_ratios(con, source, a.name, numbers), strict=True):
            if eta is not None:
                rows.append({"a": a.name, "b": b.name, "value": eta, "measure": "correlation ratio"})
    return sorted(rows, key=lambda row: -row["value"])


def cramers_v(con, source: str, a: str, b: str) -> float | None:
    """Return the bias-corrected Cramér's V of two columns, or None where either has fewer than two values."""
    cells = (
        f"(SELECT {ident(a)}::VARCHAR AS a, {ident(b)}::VARCHAR AS b, count(*) AS n FROM {source} "
        f"WHERE {ident(a)} IS NOT NULL AND {ident(b)} IS NOT NULL GROUP BY ALL)"
    )
    total, r, k, squares = one_row(
        con,
        f"SELECT sum(n), count(DISTINCT a), count(DISTINCT b), sum(n::DOUBLE * n / (of_a::DOUBLE * of_b)) "
        f"FROM (SELECT *, sum(n) OVER (PARTITION BY a) AS of_a, sum(n) OVER (PARTITION BY b) AS of_b FROM {cells})",
    )
    if total is None or min(r, k) < 2 or total < 2:
        return None
    phi2 = max(0.0, squares - 1 - (r - 1) * (k - 1) / (float(total) - 1))
    r, k = r - (r - 1) ** 2 / (float(total) - 1), k - (k - 1) ** 2 / (float(total) - 1)
    return min(1.0, math.sqrt(phi2 / (min(r, k) - 1))) if min(r, k) > 1 else None


def correlation_ratios(con, source: str, category: str, numbers: list[Column]) -> list[float | None]:
    """Return η of each number by the category: the root of the share of its variance that lies between the categories."""
    from insights.profile import number_sql

    c = ident(category)
    parts, asked = [], []
    for i, number in enumerate(numbers):
        x = f"({number_sql(number)} - {number.mean!r})"  # about the mean: no difference of two great sums
        parts.append(f"count({x}) AS n{i}, sum({x}) AS s{i}, sum({x} * {x}) AS q{i}")
        asked.append(f"sum(n{i}), sum(s{i}), sum(q{i}), sum(s{i} * s{i} / nullif(n{i}, 0)), count(*) FILTER (n{i} > 0)")
    row = one_row(
        con,
        f"SELECT {', '.join(asked)} FROM (SELECT {', '.join(parts)} FROM {source} WHERE {c} IS NOT NULL GROUP BY {c})",
    )
    found: list[float | None] = []
    for i in range(len(numbers)):
        n, s, q, between, groups = row[5 * i : 5 * i + 5]
        whole = float(q) - float(s) ** 2 / float(n) if n else 0.0
        # With about as many categories as values every number is "explained": nothing is learnt from that.
        if not n or groups < 2 or n < 5 * groups or not whole > 0 or not math.isfinite(whole):
            found.append(None)
        else:
            found.append(math.sqrt(min(1.0, max(0.0, (float(between) - float(s) ** 2 / float(n)) / whole))))
    return found


def collinear(con, source: str, found: Profile, target: str | None = None) -> dict:
    """Return variance inflation factors and singular values of the number columns, from the rows where all are known.

    The factor of a column is 1 / (1 - R²) of it on all others: the diagonal of the inverse correlation matrix. Singular
    values are those of the standardised columns divided by the root of the rows: squares are the variances of the
    principal components and add up to the number of columns.
    """
    import numpy as np

    from insights.profile import number_sql

    able = [c for c in _numbers(found) if c.name != target]
    if len(able) < 2:
        return {}
    values = ", ".join(
        f"{number_sql(c)} / {(c.std or 1.0)!r} - {(c.mean or 0.0) / (c.std or 1.0)!r} AS x{i}"
        for i, c in enumerate(able)
    )
    all_known = " AND ".join(f"x{i} IS NOT NULL" for i in range(len(able)))
    pairs = [(i, j) for i in range(len(able)) for j in range(i, len(able))]
    asked = ", ".join(f"covar_pop(x{i}, x{j})" for i, j in pairs)
    rows, *row = one_row(con, f"SELECT count(*), {asked} FROM (SELECT {values} FROM {source}) WHERE {all_known}")
    if rows <= len(able):
        return {}
    matrix = np.zeros((len(able), len(able)))
    for (i, j), value in zip(pairs, row, strict=True):
        matrix[i, j] = matrix[j, i] = value
    spread = np.sqrt(np.diag(matrix))
    keep = [i for i in range(len(able)) if np.isfinite(spread[i]) and spread[i] > 0]
    if len(keep) < 2 or not np.isfinite(matrix).all():
        return {}
    matrix = (matrix / np.outer(spread, spread).clip(1e-300))[np.ix_(keep, keep)]
    values, vectors = np.linalg.eigh(matrix)
    # An eigenvalue of 0 within rounding makes the factors of its columns endless: shown as the cap.
    factors = (vectors**2 / values.clip(1e-12)).sum(axis=1).clip(1.0, VIF_MOST)
    columns = [{"column": able[i].name, "vif": float(f)} for i, f in zip(keep, factors, strict=True)]
    columns = columns[::-1]  # of equals, the later column is the one to drop
    columns.sort(key=lambda c: -round(c["vif"], 6))
    singular = [float(v) for v in np.sqrt(values.clip(0))[::-1]]
    return {"rows": rows, "columns": columns, "singular_values": singular}


def anomalies(con, source: str, found: Profile) -> dict:
    """Return the rows that an isolation forest finds oddest, with their score (scikit-learn's: negative is anomalous).

    Looks at number columns and, as how rare the value is, at categories; missing numbers count as the median. On at most
    `SAMPLE` rows, chosen by a hash of their values.
    """
    import numpy as np
    from sklearn.ensemble import IsolationForest

    from insights import quality
    from insights.profile import number_sql

    numbers = [c for c in _numbers(found) if not quality.names_the_row(c)]
    categories = [
        c for c in found.columns if c.kind in ("text", "bool") and c.distinct_is_exact and 1 < c.distinct <= MOST_VALUES
    ]
    if len(numbers) + len(categories) < 2 or found.rows < 20:
        return {}
    rows = sample(con, source, found, SAMPLE)
    asked = [f"coalesce({number_sql(c)}, {float(c.quantiles['0.5'])!r})" for c in numbers]
    asked += [f"ln(count(*) OVER (PARTITION BY {ident(c.name)}))::DOUBLE" for c in categories]
    # Row by row as the sample lies; fetchnumpy keeps that order.
    taken = con.execute(
        f"SELECT {', '.join(f'{sql} AS x{i}' for i, sql in enumerate(asked))}, tilth_place FROM (SELECT *, row_number() OVER () AS tilth_place FROM {rows}) ORDER BY tilth_place"
    ).fetchnumpy()
    x = np.column_stack([np.ma.filled(taken[f"x{i}"], 0.0) for i in range(len(asked))]).astype("float32", copy=False)
    if not np.isfinite(x).all():
        return {}
    forest = IsolationForest(n_estimators=TREES, random_state=1).fit(x)
    scores = forest.decision_function(x)
    worst = np.argsort(scores, kind="stable")[:ODD_ROWS]
    places = ", ".join(f"({int(i) + 1}, {float(scores[i])!r})" for i in worst)
    shown = con.execute(
        f"SELECT score, r.* EXCLUDE (tilth_place) FROM (SELECT *, row_number() OVER () AS tilth_place FROM {rows}) r "
        f"JOIN (VALUES {places}) w(place, score) ON r.tilth_place = w.place ORDER BY score, place"
    )
    names = [d[0] for d in shown.description][1:]
    listed = [{"score": row[0], "row": dict(zip(names, row[1:], strict=True))} for row in shown.fetchall()]
    con.execute(f"DROP TABLE {rows}")
    return {"rows_looked_at": len(x), "columns": [c.name for c in numbers + categories], "rows": listed}


def sample(con, source: str, found: Profile, size: int) -> str:
    """Return the name of a temporary table with at most about `size` rows, the same for the same rows in any order."""
    names = ", ".join(ident(c.name) for c in found.columns)
    share = size / max(found.rows, 1)
    kept = "" if share >= 1 else f"WHERE hash({names}) % 1000003 < {int(share * 1000003)}"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE tilth_sample AS SELECT * FROM {source} {kept} ORDER BY hash({names}) LIMIT {size}"
    )
    return "tilth_sample"


def _numbers(found: Profile) -> list[Column]:
    from insights.profile import CORRELATED_COLUMNS

    return [c for c in found.columns if c.kind == "number" and c.std and c.mean is not None and c.quantiles][
        :CORRELATED_COLUMNS
    ]
