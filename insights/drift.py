"""Drift: how far the rows of one table differ from those of another, column by column, with a verdict.

All rows are counted: one scan of each table for plain figures, and one GROUP BY per compared column, from whose counts
every distance is worked out. An effect decides the verdict, not a p-value: in a large table every difference is
significant. The p-value only keeps chance in small tables from counting as drift. Thresholds are ours and stated here.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from insights.profile import kind_of
from transforms.errors import ColumnNotFound, InputError
from workspace.sql import ident, one_row, type_name

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Metric → (some, strong): at least so much, and more than chance gives, counts as drift. The two lines of PSI are the
# usual ones of credit scoring; the others are ours, Wasserstein's first one is that of Evidently.
THRESHOLDS = {
    "psi": (0.10, 0.25),
    "ks": (0.10, 0.20),
    "wasserstein_normalised": (0.10, 0.25),
    "js_distance": (0.10, 0.20),
    "total_variation": (0.10, 0.20),
    "missing_change": (0.05, 0.20),  # of the share of missing values, up or down
    "new_share": (0.01, 0.05),  # of current rows whose category the reference does not have
}
CHANCE = 0.01  # a difference with a p-value above it may be chance and does not count
EMPTY_SHARE = 0.0001  # PSI is infinite where a bin is empty; an empty bin counts as this share
SHOWN = 20  # new and vanished categories that are named
IDENTIFIER = 0.5  # distinct values per known row above which a text column is taken for an identifier
LEVELS = ("none", "some", "strong")


@dataclass
class ColumnDrift:
    """One column. Shares are 0-1; what does not apply to its kind is None. Times are counted in seconds.

    `wasserstein` is in the column's unit, `wasserstein_normalised` in standard deviations of the reference;
    `js_divergence` is in nats, `js_distance` is the root of it in bits (0-1).
    """

    name: str
    kind: str  # number, time, text, bool or other
    verdict: str = "none"  # none, some, strong, or "not compared"
    reasons: list[str] = field(default_factory=list)
    is_identifier: bool = False  # nearly every value is different: only its missing values are judged
    reference_type: str = ""
    current_type: str = ""
    reference_missing: float = 0.0
    current_missing: float = 0.0
    reference_mean: float | None = None
    current_mean: float | None = None
    psi: float | None = None
    js_divergence: float | None = None
    js_distance: float | None = None
    ks: float | None = None
    ks_p: float | None = None
    wasserstein: float | None = None
    wasserstein_normalised: float | None = None
    total_variation: float | None = None
    l_infinity: float | None = None
    chi2: float | None = None
    chi2_df: int | None = None
    chi2_p: float | None = None
    new_categories: list[str] = field(default_factory=list)  # the most frequent `SHOWN`
    new_count: int = 0
    new_share: float | None = None
    vanished_categories: list[str] = field(default_factory=list)
    vanished_count: int = 0
    bins: list[dict] = field(default_factory=list)  # {"upto", "reference", "current"}: shares; the last upto is None


@dataclass
class DriftReport:
    """Two tables compared. `verdict` is that of the worst column, at least "some" where columns came or went."""

    reference_rows: int
    current_rows: int
    columns: list[ColumnDrift]
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    retyped: list[dict] = field(default_factory=list)  # {"column", "reference", "current"}
    verdict: str = "none"
    notes: list[str] = field(default_factory=list)

    def column(self, name: str) -> ColumnDrift:
        return next(c for c in self.columns if c.name == name)

    def as_json(self) -> dict:
        return {**asdict(self), "thresholds": {k: list(v) for k, v in THRESHOLDS.items()}, "chance": CHANCE}


def compare(con: DuckDBPyConnection, reference: str, current: str, columns: Iterable[str] | None = None) -> DriftReport:
    """Compare all rows of `current` with those of `reference` (both SQL to stand behind FROM).

    Args:
        columns: only these; default: all that either table has.

    Returns:
        The report. Numbers fall into bins between the reference's deciles, each open on the left. NULL, NaN and
        infinity count as missing, and distances are between the known values.

    Raises:
        ColumnNotFound: a chosen column is in neither table.
        InputError: a table has no rows.
    """
    types = [_types(con, source) for source in (reference, current)]
    chosen = list(dict.fromkeys([*types[0], *types[1]] if columns is None else columns))
    for name in chosen:
        if name not in types[0] and name not in types[1]:
            raise ColumnNotFound.of(name, dict.fromkeys([*types[0], *types[1]]))
    both = [n for n in chosen if n in types[0] and n in types[1]]
    facts = [_facts(con, source, of, both) for source, of in zip((reference, current), types, strict=True)]
    if not facts[0][0] or not facts[1][0]:
        which = "reference" if not facts[0][0] else "current"
        raise InputError(f"The {which} table has no rows, so there is nothing to compare.")
    report = DriftReport(facts[0][0], facts[1][0], [])
    report.added = [n for n in chosen if n not in types[0]]
    report.removed = [n for n in chosen if n not in types[1]]
    for name in both:
        (was, dtype), (now, other) = types[0][name], types[1][name]
        one = ColumnDrift(name, kind_of(dtype), reference_type=was, current_type=now)
        report.columns.append(one)
        if was != now:
            report.retyped.append({"column": name, "reference": was, "current": now})
        known = [f[1][name][0] for f in facts]
        one.reference_missing, one.current_missing = (1 - k / f[0] for k, f in zip(known, facts, strict=True))
        _judge_missing(one, facts[0][0], facts[1][0])
        if kind_of(other) != one.kind:
            one.verdict, one.reasons = "strong", [f"The type changed from {was} to {now}.", *one.reasons]
        elif one.kind == "other" or not all(known):
            one.verdict = one.verdict if one.verdict != "none" else "not compared"
        elif one.kind in ("number", "time"):
            _, one.reference_mean, deviation = facts[0][1][name]
            one.current_mean = facts[1][1][name][1]
            _numbers(con, (reference, current), one, (dtype, other), known, deviation)
        else:
            _categories(con, (reference, current), one, known)
    _judge_table(report)
    return report


def _judge_table(report: DriftReport) -> None:
    found = [LEVELS.index(c.verdict) for c in report.columns if c.verdict in LEVELS]
    worst = max(found, default=0)
    report.verdict = LEVELS[max(worst, 1 if report.added or report.removed or report.retyped else 0)]
    if min(report.reference_rows, report.current_rows) < 100:
        report.notes.append("One of the tables has fewer than 100 rows: small drift cannot be told from chance.")


def _types(con, source: str) -> dict[str, tuple[str, str]]:
    """Return {column: (our name of its type, DuckDB's)}."""
    relation = con.sql(f"SELECT * FROM {source}")
    return {n: (type_name(t), str(t)) for n, t in zip(relation.columns, relation.types, strict=True)}


def _value(name: str, dtype: str) -> str:
    """Return SQL for a value that can be compared: a finite DOUBLE, seconds since 1970, or a text; else NULL."""
    kind, column = kind_of(dtype), ident(name)
    if kind == "time":
        return f"CASE WHEN isfinite({column}) THEN epoch_us({column}::TIMESTAMP) / 1e6 END"
    if kind == "number":
        return f"CASE WHEN isfinite({column}::DOUBLE) THEN {column}::DOUBLE END"
    return f"{column}::VARCHAR" if kind in ("text", "bool") else column


def _facts(con, source: str, types, names: list[str]) -> tuple[int, dict[str, tuple]]:
    """Return rows and {column: (known values, mean, standard deviation)} in one scan."""
    asked = ["count(*)"]
    for name in names:
        value = _value(name, types[name][1])
        numeric = kind_of(types[name][1]) in ("number", "time")
        asked += [f"count({value})", *([f"avg({value})", f"stddev_pop({value})"] if numeric else ["NULL", "NULL"])]
    rows, *found = one_row(con, f"SELECT {', '.join(asked)} FROM {source}")
    return rows, {name: tuple(found[3 * i : 3 * i + 3]) for i, name in enumerate(names)}


@contextmanager
def _counts(con, sources, name: str, values: tuple[str, str]) -> Iterator[str]:
    """Give a temporary table of different values `x` with their number of rows: `a` in the reference, `b` now."""
    scratch = ident(f"tilth_drift_{uuid.uuid4().hex}")
    sides = " UNION ALL ".join(
        f"SELECT {value} AS x, {a} AS a, {b} AS b FROM {source}"
        for source, value, a, b in zip(sources, values, (1, 0), (0, 1), strict=True)
    )
    con.execute(
        f"CREATE TEMP TABLE {scratch} AS SELECT x, sum(a)::BIGINT AS a, sum(b)::BIGINT AS b FROM ({sides}) "
        "WHERE x IS NOT NULL GROUP BY x"
    )
    try:
        yield scratch
    finally:
        con.execute(f"DROP TABLE {scratch}")


def _numbers(con, sources, one: ColumnDrift, types: tuple[str, str], known: list[int], deviation: float) -> None:
    from scipy.stats import kstwo

    na, nb = known
    values = (_value(one.name, types[0]), _value(one.name, types[1]))
    with _counts(con, sources, one.name, values) as counts:
        running = (
            "(SELECT x, sum(a) OVER w AS ca, sum(b) OVER w AS cb, lead(x) OVER (ORDER BY x) AS next "
            f"FROM {counts} WINDOW w AS (ORDER BY x ROWS UNBOUNDED PRECEDING))"
        )
        # The value at place i (from 0) of the sorted reference is the first whose running count is above i.
        places = [(na - 1) * i / 10 for i in range(1, 10)]
        at = ", ".join(
            f"min(x) FILTER (ca > {math.floor(p)}), min(x) FILTER (ca > {min(math.floor(p) + 1, na - 1)})"
            for p in places
        )
        gap = f"abs(ca / {na} - cb / {nb})"
        ks, area, *ends = one_row(con, f"SELECT max({gap}), sum({gap} * (next - x)), {at} FROM {running}")
        edges = sorted(
            {low + (high - low) * (p % 1) for p, low, high in zip(places, ends[::2], ends[1::2], strict=True)}
        )
        place = " + ".join(f"(x > {edge!r}::DOUBLE)::INTEGER" for edge in edges)
        found = con.execute(f"SELECT {place}, sum(a), sum(b) FROM {counts} GROUP BY 1").fetchall()
    shares = {int(i): (int(a) / na, int(b) / nb) for i, a, b in found}
    full = [shares.get(i, (0.0, 0.0)) for i in range(len(edges) + 1)]
    one.bins = [{"upto": edge, "reference": p, "current": q} for edge, (p, q) in zip([*edges, None], full, strict=True)]
    one.psi = sum(_psi(p, q) for p, q in full)
    one.js_divergence = max(0.0, sum(_js(p, q) for p, q in full))
    one.js_distance = math.sqrt(one.js_divergence / math.log(2))
    one.ks, one.ks_p = ks, float(kstwo.sf(ks, max(1, round(na * nb / (na + nb)))))
    one.wasserstein = area or 0.0
    # Without spread in the reference, any move is endless many deviations: said by the other metrics.
    one.wasserstein_normalised = one.wasserstein / deviation if deviation else None
    _judge(one, ("psi", "ks", "wasserstein_normalised", "js_distance"), one.ks_p)


def _psi(p: float, q: float) -> float:
    if not p and not q:
        return 0.0
    p, q = p or EMPTY_SHARE, q or EMPTY_SHARE
    return (p - q) * math.log(p / q)


def _js(p: float, q: float) -> float:
    middle = (p + q) / 2
    return sum(s / 2 * math.log(s / middle) for s in (p, q) if s)


def _categories(con, sources, one: ColumnDrift, known: list[int]) -> None:
    from scipy.stats import chi2

    na, nb = known
    value = f"{ident(one.name)}::VARCHAR"
    shares = f"SELECT x, a, b, a / {na} AS p, b / {nb} AS q, (a + b) / {na + nb} AS m FROM"
    with _counts(con, sources, one.name, (value, value)) as counts:
        kinds, psi, js, variation, largest, squares, new, new_rows, vanished = one_row(
            con,
            f"""SELECT count(*),
            sum((if(p = 0, {EMPTY_SHARE}, p) - if(q = 0, {EMPTY_SHARE}, q))
                * ln(if(p = 0, {EMPTY_SHARE}, p) / if(q = 0, {EMPTY_SHARE}, q))),
            sum(if(p = 0, 0, p * ln(2 * p / (p + q))) + if(q = 0, 0, q * ln(2 * q / (p + q)))) / 2,
            sum(abs(p - q)) / 2, max(abs(p - q)),
            sum((a - m * {na}) ** 2 / (m * {na}) + (b - m * {nb}) ** 2 / (m * {nb})),
            count(*) FILTER (a = 0), coalesce(sum(b) FILTER (a = 0), 0), count(*) FILTER (b = 0)
            FROM ({shares} {counts})""",
        )
        pick = f"SELECT x FROM {counts} WHERE {{}} = 0 ORDER BY {{}} DESC, x LIMIT {SHOWN}"
        named = [[x for (x,) in con.execute(pick.format(*sides)).fetchall()] for sides in ("ab", "ba")]
    one.psi, one.js_divergence, one.total_variation, one.l_infinity = psi, max(0.0, js), variation, largest
    one.js_distance = math.sqrt(one.js_divergence / math.log(2))
    one.chi2, one.chi2_df = squares, kinds - 1
    one.chi2_p = float(chi2.sf(squares, kinds - 1)) if kinds > 1 else 1.0
    (one.new_categories, one.vanished_categories), one.new_count, one.vanished_count = named, new, vanished
    one.new_share = int(new_rows) / nb
    if kinds > 100 and kinds > IDENTIFIER * (na + nb):
        one.verdict = one.verdict if one.verdict != "none" else "not compared"
        one.is_identifier = True
        one.reasons.append(f"{kinds:,} different values in {na + nb:,}: taken for an identifier.")
        return
    _judge(one, ("psi", "js_distance", "total_variation"), one.chi2_p)
    _judge(one, ("new_share",), 0.0)


def missing_p(one: ColumnDrift, na: int, nb: int) -> float:
    """Return the p-value of the change of the missing share: two proportions, normal approximation."""
    pooled = (one.reference_missing * na + one.current_missing * nb) / (na + nb)
    error = math.sqrt(pooled * (1 - pooled) * (1 / na + 1 / nb))
    return math.erfc(abs(one.current_missing - one.reference_missing) / error / math.sqrt(2)) if error else 1.0


def _judge_missing(one: ColumnDrift, na: int, nb: int) -> None:
    if missing_p(one, na, nb) <= CHANCE:
        level = _level("missing_change", abs(one.current_missing - one.reference_missing))
        if level:
            one.verdict = LEVELS[max(level, LEVELS.index(one.verdict))]
            one.reasons.append(f"Missing: {one.reference_missing:.1%} before, {one.current_missing:.1%} now.")


def _judge(one: ColumnDrift, metrics: tuple[str, ...], p: float) -> None:
    if p > CHANCE:
        return
    for metric in metrics:
        value = getattr(one, metric)
        level = _level(metric, value) if value is not None else 0
        if level:
            one.verdict = LEVELS[max(level, LEVELS.index(one.verdict))]
            one.reasons.append(f"{metric} {value:.3f} (from {THRESHOLDS[metric][level - 1]:g}: {LEVELS[level]})")


def _level(metric: str, value: float) -> int:
    return sum(value >= line for line in THRESHOLDS[metric])


def side_by_side(con: DuckDBPyConnection, reference: str, current: str, name: str, bins: int = 20) -> list[dict]:
    """Return the shares (0-1) of a column's known values in both tables, to be drawn over each other.

    Returns:
        `[{"value", "reference", "current"}]`: of numbers and times the lower ends of equal bins from the smaller 1 %
        quantile to the larger 99 % quantile (what lies outside counts in the outermost), of others the most frequent values.
    """
    types = [_types(con, source) for source in (reference, current)]
    for known in types:
        if name not in known:
            raise ColumnNotFound.of(name, known)
    dtype, other = types[0][name][1], types[1][name][1]
    values = _value(name, dtype), _value(name, other)
    sides = [f"SELECT {v} AS x FROM {s}" for v, s in zip(values, (reference, current), strict=True)]
    if kind_of(dtype) in ("number", "time") and kind_of(other) == kind_of(dtype):
        ends = [one_row(con, f"SELECT quantile_cont(x, 0.01), quantile_cont(x, 0.99) FROM ({side})") for side in sides]
        known = [end for end in ends if end[0] is not None]
        if not known:
            return []
        low, high = min(e[0] for e in known), max(e[1] for e in known)
        width = (high - low) / bins or 1.0
        place = f"greatest(0, least({bins - 1}, floor((x - {low!r}) / {width!r})))::INTEGER"
        found = [dict(con.execute(f"SELECT {place}, count(*) FROM ({s}) WHERE x IS NOT NULL GROUP BY 1").fetchall()) for s in sides]  # fmt: skip
        keys = {i: low + i * width for i in range(bins)}
    else:
        found = [dict(con.execute(f"SELECT x::VARCHAR, count(*) FROM ({s}) WHERE x IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1000").fetchall()) for s in sides]  # fmt: skip
        often = sorted({x for f in found for x in f}, key=lambda x: (-max(f.get(x, 0) / max(sum(f.values()), 1) for f in found), x))  # fmt: skip
        keys = {x: x for x in often[: bins // 2]}
    sums = [max(sum(f.values()), 1) for f in found]
    return [{"value": v, "reference": found[0].get(k, 0) / sums[0], "current": found[1].get(k, 0) / sums[1]} for k, v in keys.items()]  # fmt: skip
