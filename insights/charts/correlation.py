"""Which columns go together: every pair of columns by the measure that fits their kinds, from all rows."""

from __future__ import annotations

from insights.charts.frame import ROWS, Frame
from transforms.errors import InputError
from workspace.sql import ident, text

COLUMNS = 12  # when none are chosen
CATEGORIES = 50  # a column with more of them is not a category when none are chosen
MOST_CATEGORIES = 1_000


def correlation(f: Frame):
    """Pairs of columns: Pearson's r (numbers), Cramér's V (categories), correlation ratio η (a category and a number).

    V and η have no sign; each pair uses the rows in which both are known. A column that never changes has no figure.
    Source: Cramér, Mathematical Methods of Statistics (1946), 21.9; Fisher, Statistical Methods (1925), §45. Not corrected
    for small samples.
    """
    numbers, texts = _columns(f)
    names = [*numbers, *texts]
    if len(names) < 2:
        raise InputError(
            f"A correlation matrix needs at least two columns with numbers or up to {CATEGORIES} categories.",
            hint="Choose columns of other kinds.",
        )
    f.orders["a"] = f.orders["b"] = [name for name in (f.spec.columns or f.types) if name in names]
    chosen = [f"{f.value(c)} AS n{i}" for i, c in enumerate(numbers)]
    chosen += [f"CASE WHEN {f.is_known(c)} THEN {ident(c)}::VARCHAR END AS c{i}" for i, c in enumerate(texts)]
    parts = [_pearson(numbers)] if len(numbers) > 1 else []
    parts += [_ratios(i, c, numbers) for i, c in enumerate(texts) if numbers]
    ways = [(i, j) for i in range(len(texts)) for j in range(i + 1, len(texts))]
    parts += [_cramer(i, j, texts) for i, j in ways]
    groups = ", ".join(f"c{i}" for i in range(len(texts)))
    counted = f", k AS MATERIALIZED (SELECT {groups}, count(*) AS n FROM v GROUP BY ALL)" if ways else ""
    pairs = " UNION ALL ".join(f"(SELECT * FROM ({part}))" for part in parts)
    diagonal = ", ".join(f"({text(name)})" for name in names)
    return f.arrow(
        f"WITH v AS (SELECT {', '.join(chosen)} FROM {ROWS}){counted}, p AS ({pairs}), "
        "q AS (SELECT a, b, CASE WHEN isfinite(r) THEN round(least(1, greatest(-1, r)), 12) END AS r, method, n::BIGINT AS n FROM p) "
        "SELECT a, b, r, method, n FROM q UNION ALL SELECT b, a, r, method, n FROM q "
        f"UNION ALL SELECT a, a, 1.0, 'itself', NULL FROM (VALUES {diagonal}) d(a) ORDER BY ALL"
    )


def _columns(f: Frame) -> tuple[list[str], list[str]]:
    """Return the number columns and the category columns to compare."""
    asked = f.spec.columns or tuple(f.types)
    if wrong := [c for c in f.spec.columns if f.kind(c) not in ("number", "text", "bool")]:
        raise InputError(
            f"Column {wrong[0]!r} is {f.types[wrong[0]].lower()}: only numbers and categories can be correlated.",
            hint="Leave it out.",
        )
    able = [c for c in asked if f.kind(c) in ("number", "text", "bool")]
    if not able:
        return [], []
    counts = ", ".join(f"approx_count_distinct({ident(c)})" for c in able)
    distinct = dict(zip(able, f.con.execute(f"SELECT {counts} FROM {ROWS}").fetchall()[0], strict=True))
    most = MOST_CATEGORIES if f.spec.columns else CATEGORIES
    many = [c for c in able if f.kind(c) != "number" and distinct[c] > most]
    if many:
        shown = ", ".join(many[:5]) + (" …" if len(many) > 5 else "")
        f.notes.append(f"Not compared, with more than {most:,} categories: {shown}.")
    kept = [c for c in able if c not in many and (f.spec.columns or distinct[c] > 1)]
    if not f.spec.columns and len(kept) > COLUMNS:
        f.notes.append(f"The first {COLUMNS} of {len(kept)} columns that can be compared.")
        kept = kept[:COLUMNS]
    return [c for c in kept if f.kind(c) == "number"], [c for c in kept if f.kind(c) != "number"]


def _pairs(rows: list[str], source: str) -> str:
    return f"SELECT unnest([{', '.join(rows)}], recursive := true) FROM {source}"


def _row(a: str, b: str, r: str, method: str, n: str) -> str:
    return f"{{'a': {text(a)}, 'b': {text(b)}, 'r': {r}, 'method': {text(method)}, 'n': ({n})::BIGINT}}"


def _pearson(numbers: list[str]) -> str:
    rows = [
        _row(a, b, f"corr(n{i}, n{j})", "Pearson's r", f"count(*) FILTER (n{i} IS NOT NULL AND n{j} IS NOT NULL)")
        for i, a in enumerate(numbers)
        for j, b in enumerate(numbers)
        if i < j
    ]
    return _pairs(rows, "v")


def _ratios(i: int, category: str, numbers: list[str]) -> str:
    """η² = what differs between groups / what differs at all, from counts, means and variances of the groups."""
    inner = ", ".join(f"count(n{j}) AS k{j}, avg(n{j}) AS m{j}, var_pop(n{j}) AS s{j}" for j in range(len(numbers)))
    means = ", ".join(f"sum(k{j} * m{j}) / nullif(sum(k{j}), 0) AS a{j}" for j in range(len(numbers)))
    rows = []
    for j, number in enumerate(numbers):
        between = f"sum(k{j} * power(m{j} - a{j}, 2))"
        eta = f"sqrt({between} / nullif({between} + sum(k{j} * s{j}), 0))"
        rows.append(_row(category, number, eta, "correlation ratio", f"sum(k{j})"))
    return (
        f"WITH g AS (SELECT {inner} FROM v WHERE c{i} IS NOT NULL GROUP BY c{i}), t AS (SELECT {means} FROM g) "
        + _pairs(rows, "g, t")
    )


def _cramer(i: int, j: int, texts: list[str]) -> str:
    """V² = χ² / (n · (the smaller number of categories - 1)), where χ² / n = Σ n_ab² / (n_a n_b) - 1."""
    square = f"(sum(n * n / (na * nb)) - 1) / nullif(least(count(DISTINCT c{i}), count(DISTINCT c{j})) - 1, 0)"
    row = _row(texts[i], texts[j], f"sqrt(greatest({square}, 0))", "Cramér's V", "sum(n)")
    return (
        f"WITH g AS (SELECT c{i}, c{j}, sum(n)::DOUBLE AS n FROM k WHERE c{i} IS NOT NULL AND c{j} IS NOT NULL GROUP BY ALL), "
        f"m AS (SELECT *, sum(n) OVER (PARTITION BY c{i}) AS na, sum(n) OVER (PARTITION BY c{j}) AS nb FROM g) "
        + _pairs([row], "m")
    )
