"""Profile: what is in a table, column by column, from all rows, and what looks wrong with a step that fixes it.

A few queries per table: one scan for all plain aggregates, one more per number or time column for quantiles, histogram
and spread, one for the outliers of all of them, one per column with few distinct values for its most frequent ones.
What is estimated says so (`distinct_is_exact`). `warnings` come from `insights.quality`, relations between columns from
`insights.quality_relations`, the view of a target column from `insights.quality_target`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from transforms.errors import ColumnNotFound, InputError
from workspace.sql import ident, one_row, text, type_name

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

BINS = 20
TOP = 10
EXACT_UP_TO = 50_000  # distinct values; above it top values are found approximately and counted exactly
EXACT_QUANTILES_UP_TO = 50_000_000  # rows; exact quantiles keep one column in memory
CORRELATED_COLUMNS = 15
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
LOOK_AT = 10_000  # rows that tell whether a text column is worth testing for numbers and dates
ROBUST = 5.0  # an outlier lies further from the median than so many robust deviations
# Spellings of "not known" seen in real tables, compared without case and outer white space.
DISGUISED = (
    "nan",
    "n/a",
    "na",
    "n.a.",
    "null",
    "none",
    "nil",
    "-",
    "--",
    "?",
    "unknown",
    "missing",
    "not available",
    "undefined",
    "#n/a",
)

WHITE = r"^\s*$"
NUMBER_PATTERN = r"\s*[+-]?[$€£]?\s*[0-9][0-9,]*([.][0-9]+)?\s*[kKmMgGbBtT%+]?\s*"


@dataclass
class Column:
    """The profile of one column; what does not apply to its kind is None or empty."""

    name: str
    type: str
    kind: str  # number, text, time, bool, other
    rows: int = 0
    missing: int = 0  # NULL, and NaN in floats
    distinct: int = 0
    distinct_is_exact: bool = False
    min: Any = None
    max: Any = None
    mean: float | None = None
    std: float | None = None  # of the sample (n - 1)
    skewness: float | None = None  # bias-corrected
    kurtosis: float | None = None  # excess, bias-corrected; a normal distribution has 0
    quantiles: dict[str, Any] = field(default_factory=dict)  # "0.5": …
    quantiles_are_exact: bool = True
    zeros: int | None = None
    negative: int | None = None
    infinite: int | None = None
    nan: int | None = None
    robust_std: float | None = None  # of the population, after clipping to the 5 % and 95 % quantiles
    outliers: int | None = None  # beyond the median ± 5 robust deviations; None where the two quantiles are equal
    outlier_low: float | None = None  # the bounds
    outlier_high: float | None = None
    length_min: int | None = None
    length_max: int | None = None
    length_mean: float | None = None
    empty: int | None = None
    white_space: int | None = None  # only white space, not empty
    padded: int | None = None  # white space before or behind
    disguised: list[dict] = field(default_factory=list)  # [{"value", "count"}]
    blanks: list[str] = field(default_factory=list)  # how empty and white-space-only texts are spelt
    numbers_in_text: int | None = None
    written_numbers_in_text: int | None = None  # 1,000 $4.99 19M
    dates_in_text: int | None = None
    case_variants: int | None = None
    meaning: str | None = None  # the semantic type: e-mail address, UUID, country code, category, identifier …
    meaning_pattern: str | None = None  # the regular expression that its values match
    invalid: int | None = None  # known values that are no such thing (not blank, not disguised)
    patterns: list[dict] = field(default_factory=list)  # [{"pattern", "count", "example"}]: A, a, 9 for each character
    patterns_are_exact: bool = True  # False: of a sample
    top: list[dict] = field(default_factory=list)  # [{"value", "count"}], most frequent first
    histogram: list[dict] = field(
        default_factory=list
    )  # [{"low", "high", "count"}], low included, high not, but in the last

    @property
    def known(self) -> int:
        return self.rows - self.missing

    @property
    def missing_share(self) -> float:
        return self.missing / self.rows if self.rows else 0.0


@dataclass
class Profile:
    """A table's profile. `duplicate_rows` counts rows that repeat an earlier one."""

    rows: int
    columns: list[Column]
    duplicate_rows: int | None
    correlations: list[dict]  # [{"a", "b", "r"}] of number columns, Pearson, strongest first
    associations: list[dict] = field(
        default_factory=list
    )  # [{"a", "b", "value", "measure"}]: Cramér's V, correlation ratio
    collinear: dict = field(default_factory=dict)  # {"columns": [{"column", "vif"}], "singular_values": […], "rows"}
    anomalies: dict = field(default_factory=dict)  # {"rows_looked_at", "columns", "rows": [{"score", "row": {…}}]}
    target: dict | None = None  # see insights.quality_target
    warnings: list[dict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    def as_json(self) -> dict:
        """Return plain JSON: dates as ISO text, infinite numbers as text."""
        return plain(asdict(self))


def profile(
    table: str | DuckDBPyRelation,
    con: DuckDBPyConnection,
    *,
    details: bool = True,
    target: str | None = None,
    on_progress: Callable[[float, str], None] | None = None,
) -> Profile:
    """Profile all rows of a table.

    Args:
        table: SQL to stand behind FROM (such as `read_parquet(['…'])`), or a relation of `con`.
        details: also duplicates, relations, anomalous rows and text checks; False gives about what SUMMARIZE does.
        target: the column that a model shall predict; adds `Profile.target` and the warnings about it.
        on_progress: called with (share done, what is being looked at).

    Raises:
        InputError: the table has no column.
        ColumnNotFound: it has no such target.
    """
    from insights import quality, quality_relations, quality_target, quality_texts

    source = _source(table, con)
    relation = con.sql(f"SELECT * FROM {source}")
    if not relation.columns:
        raise InputError("The table has no column.")
    if target is not None and target not in relation.columns:
        raise ColumnNotFound.of(target, dict.fromkeys(relation.columns))
    columns = [Column(n, type_name(t), kind_of(str(t))) for n, t in zip(relation.columns, relation.types, strict=True)]
    tell = on_progress or (lambda share, words: None)
    tell(0.0, "Counting")
    rows = _plain_aggregates(con, source, columns)
    for place, column in enumerate(columns):
        tell(0.1 + 0.5 * place / len(columns), f"Looking at {column.name}")
        if not column.known:
            continue
        if column.kind in ("number", "time"):
            _numbers(con, source, column)
        if column.kind != "other":
            _top_values(con, source, column, exact_only=not details)
        if column.kind == "text" and details:
            _text_checks(con, source, column)
    found = Profile(rows, columns, None, [])
    if details and rows:
        tell(0.6, "Looking for outliers")
        _outliers(con, source, columns)
        tell(0.65, "Looking for duplicate rows")
        found.duplicate_rows = _duplicates(con, source, columns)
        tell(0.75, "Correlating")
        found.correlations = _correlations(con, source, columns, found.notes)
        quality_relations.fill(con, source, found, target)
    if target is not None and rows:
        tell(0.85, f"Asking what predicts {target}")
        found.target = quality_target.look(con, source, found, target)
    for column in columns:
        column.meaning = quality_texts.meaning_of(column)
    _notes(found)
    found.warnings = quality.warnings(found)
    tell(1.0, "Done")
    return found


def _source(table: str | DuckDBPyRelation, con: DuckDBPyConnection) -> str:
    if isinstance(table, str):
        return table
    view = f"tilth_profile_{id(table)}"
    table.create_view(view, replace=True)
    return ident(view)


def kind_of(dtype: str) -> str:
    """Return the kind of a DuckDB type: number, text, time, bool or other."""
    if dtype == "BOOLEAN":
        return "bool"
    if dtype.startswith("DECIMAL") or dtype in (
        "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE",
    ):  # fmt: skip
        return "number"
    if dtype == "DATE" or dtype.startswith("TIMESTAMP"):
        return "time"
    return "text" if dtype == "VARCHAR" or dtype.startswith("ENUM") else "other"


def _is_float(column: Column) -> bool:
    return column.type in ("float32", "float64")


def number_sql(column: Column) -> str:
    """Return SQL for a number as DOUBLE without NaN and infinity, for a time as microseconds since 1970."""
    name = ident(column.name)
    if column.kind == "time":
        return f"CASE WHEN isfinite({name}) THEN epoch_us({name}::TIMESTAMP) END"
    return f"CASE WHEN isfinite({name}) THEN {name}::DOUBLE END" if _is_float(column) else f"{name}::DOUBLE"


def _plain_aggregates(con, source: str, columns: list[Column]) -> int:
    """Fill what one scan with streaming aggregates gives for all columns; return the number of rows."""
    asked: list[tuple[Column, str, str]] = []
    for c in columns:
        name = ident(c.name)
        asked.append(
            (
                c,
                "missing",
                f"count(*) FILTER ({name} IS NULL OR isnan({name}))"
                if _is_float(c)
                else f"count(*) FILTER ({name} IS NULL)",
            )
        )
        asked.append((c, "distinct", f"approx_count_distinct({name})"))
        if c.kind == "number":
            x = number_sql(c)
            ends = x if _is_float(c) else name
            asked += [(c, "min", f"min({ends})"), (c, "max", f"max({ends})"), (c, "mean", f"avg({x})")]
            asked += [(c, "zeros", f"count(*) FILTER ({name} = 0)"), (c, "negative", f"count(*) FILTER ({name} < 0)")]
            if _is_float(c):
                asked += [
                    (c, "infinite", f"count(*) FILTER (isinf({name}))"),
                    (c, "nan", f"count(*) FILTER (isnan({name}))"),
                ]
        elif c.kind == "time":
            asked += [(c, "min", f"min({name})"), (c, "max", f"max({name})")]
        elif c.kind == "bool":
            asked.append((c, "mean", f"avg({name}::INT)"))
        elif c.kind == "text":
            size = f"length({name}::VARCHAR)"
            asked += [(c, "min", f"min({name}::VARCHAR)"), (c, "max", f"max({name}::VARCHAR)")]
            asked += [
                (c, "length_min", f"min({size})"),
                (c, "length_max", f"max({size})"),
                (c, "length_mean", f"avg({size})"),
            ]
            asked.append((c, "empty", f"count(*) FILTER ({name}::VARCHAR = '')"))
    row = one_row(con, f"SELECT count(*), {', '.join(sql for _, _, sql in asked)} FROM {source}")
    for (c, attribute, _), value in zip(asked, row[1:], strict=True):
        setattr(c, attribute, value)
    for c in columns:
        c.rows = row[0]
        c.distinct = min(c.distinct, c.known)
    return row[0]


def _numbers(con, source: str, c: Column) -> None:
    """Fill quantiles, spread, shape, outliers and histogram of a number or time column."""
    x = number_sql(c)
    listed = f"[{', '.join(map(str, QUANTILES))}]"
    c.quantiles_are_exact = c.known <= EXACT_QUANTILES_UP_TO
    how = "quantile_cont" if c.quantiles_are_exact else "approx_quantile"
    found = one_row(con, f"SELECT {how}(x, {listed}), min(x), max(x) FROM (SELECT {x} AS x FROM {source})")
    quantiles, low, high = found
    if low is None:
        return
    c.quantiles = {str(q): _shown(v, c) for q, v in zip(QUANTILES, quantiles, strict=True)}
    edges, index = _bins(c, low, high)
    # The moments come with the histogram: they are about the mean, and one pass over the column serves both.
    shift = c.mean if c.kind == "number" else None
    moments = (
        ", ".join(f"sum(power(d, {p}))" for p in (2, 3, 4))
        if shift is not None and math.isfinite(shift)
        else "NULL, NULL, NULL"
    )
    d = f"x - {shift!r}" if moments[0] == "s" else "0"
    rows = con.execute(
        f"SELECT {index} AS bin, count(*), {moments} FROM (SELECT x, {d} AS d FROM (SELECT {x} AS x FROM {source}) WHERE x IS NOT NULL) GROUP BY bin"
    ).fetchall()
    counts = {int(row[0]): row[1] for row in rows}
    c.histogram = [
        {"low": _shown(edges[i], c), "high": _shown(edges[i + 1], c), "count": counts.get(i, 0)}
        for i in range(len(edges) - 1)
    ]
    if moments[0] == "s":
        _shape(c, sum(counts.values()), *(sum(row[place] for row in rows) for place in (2, 3, 4)))


def _outliers(con, source: str, columns: list[Column]) -> None:
    """Fill the robust deviation and the outliers of all number columns, in two scans.

    Where the 5 % and the 95 % quantile are equal, the deviation is 0 and every other value would count: not judged.
    """
    able = [c for c in columns if c.kind == "number" and c.quantiles]
    able = [c for c in able if c.quantiles["0.05"] < c.quantiles["0.95"] and math.isfinite(c.std or math.inf)]
    if not able:
        return
    clipped = ", ".join(
        f"stddev_pop(least(greatest({number_sql(c)}, {float(c.quantiles['0.05'])!r}), {float(c.quantiles['0.95'])!r}))"
        for c in able
    )
    for c, deviation in zip(able, one_row(con, f"SELECT {clipped} FROM {source}"), strict=True):
        middle = float(c.quantiles["0.5"])
        c.robust_std, c.outlier_low, c.outlier_high = (
            deviation,
            middle - ROBUST * deviation,
            middle + ROBUST * deviation,
        )
    counted = ", ".join(f"count(*) FILTER ({outside(c)})" for c in able)
    for c, n in zip(able, one_row(con, f"SELECT {counted} FROM {source}"), strict=True):
        c.outliers = n


def outside(c: Column) -> str:
    """Return SQL that is true for an outlier. A value on the bound is none, however the bound was rounded."""
    room = 1e-9 * c.robust_std
    return f"({number_sql(c)} < {c.outlier_low - room!r} OR {number_sql(c)} > {c.outlier_high + room!r})"


def _shape(c: Column, n: int, m2: float, m3: float, m4: float) -> None:
    """Fill standard deviation, skewness and kurtosis from central sums (bias-corrected, as DuckDB's functions are)."""
    if n < 2 or not math.isfinite(m2):
        return
    c.std = math.sqrt(m2 / (n - 1))
    if not m2 > 0 or not math.isfinite(m4):
        return
    if n > 2:
        c.skewness = (m3 / n) / (m2 / n) ** 1.5 * math.sqrt(n * (n - 1)) / (n - 2)
    if n > 3:
        c.kurtosis = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * ((m4 / n) / (m2 / n) ** 2 - 3) + 6)


def _bins(c: Column, low: float, high: float) -> tuple[list[float], str]:
    """Return bin edges and SQL that gives the bin's place of x; few whole numbers get one bin each."""
    if low == high:
        return [low, high], "0"
    whole = c.kind == "number" and not _is_float(c) and not c.type.startswith("decimal")
    if whole and high - low < BINS:
        return [low + i for i in range(int(high - low) + 2)], f"(x - {low!r})::INT"
    width = high / BINS - low / BINS
    if width == 0 or not math.isfinite(width):
        return [low, high], "0"
    edges = [low + i * width for i in range(BINS)] + [high]
    return edges, f"least(floor((x - {low!r}) / {width!r}), {BINS - 1})::INT"


def _top_values(con, source: str, c: Column, *, exact_only: bool) -> None:
    """Fill the most frequent values with exact counts; where there are few, also the exact number of distinct ones."""
    from insights import quality_texts

    name = ident(c.name)
    known = f"{name} IS NOT NULL" + (f" AND NOT isnan({name})" if _is_float(c) else "")
    if c.distinct <= EXACT_UP_TO:
        folded = ", count(DISTINCT lower(trim(v::VARCHAR))) FILTER (true)" if c.kind == "text" else ", NULL"
        values = f"SELECT {name} AS v, count(*) AS n FROM {source} WHERE {known} GROUP BY 1"
        con.execute(f"CREATE OR REPLACE TEMP TABLE tilth_values AS {values}")
        c.distinct, different = one_row(con, f"SELECT count(*){folded} FROM tilth_values")
        c.distinct_is_exact = True
        c.case_variants = None if different is None else c.distinct - different
        rows = con.execute(f"SELECT v::VARCHAR, n FROM tilth_values ORDER BY n DESC, v LIMIT {TOP}").fetchall()
        c.top = [{"value": value, "count": n} for value, n in rows]
        if c.kind == "text" and not exact_only:
            quality_texts.fill(con, "tilth_values", c)
        con.execute("DROP TABLE tilth_values")
    elif c.kind == "text" and not exact_only:
        likely = one_row(con, f"SELECT approx_top_k({name}, {TOP}) FROM {source}")[0] or []
        wanted = ", ".join(text(str(value)) for value in likely)
        rows = con.execute(
            f"SELECT {name}, count(*) AS n FROM {source} WHERE {name} IN ({wanted}) GROUP BY 1 ORDER BY n DESC, 1"
        ).fetchall() if likely else []  # fmt: skip
        c.top = [{"value": value, "count": n} for value, n in rows if n > 1]
        quality_texts.fill_from_rows(con, source, c)


def _text_checks(con, source: str, c: Column) -> None:
    """Fill what is odd about text: white space, disguised missing values, numbers and dates kept as text."""
    v = f"{ident(c.name)}::VARCHAR"
    listed = ", ".join(map(text, DISGUISED))
    looks = {
        "white_space": f"count(*) FILTER (v <> '' AND trim(v, {BLANKS}) = '')",
        "padded": f"count(*) FILTER (length(trim(v, {BLANKS})) < length(v) AND trim(v, {BLANKS}) <> '')",
        "hidden": f"count(*) FILTER (lower(trim(v)) IN ({listed}))",
    }
    reads = {
        "numbers_in_text": "count(TRY_CAST(trim(v) AS DOUBLE)) FILTER (lower(trim(v)) NOT IN ('nan', 'inf', '-inf', 'infinity', '-infinity'))",
        "written_numbers_in_text": f"count(*) FILTER (regexp_full_match(v, {text(NUMBER_PATTERN)}))",
        "dates_in_text": "count(TRY_CAST(v AS TIMESTAMP))",
    }
    # Reading text as numbers and dates is dear: ask the first rows whether any of it is worth asking all rows.
    first = one_row(
        con,
        f"SELECT {', '.join(reads.values())} FROM (SELECT {v} AS v FROM {source} WHERE {ident(c.name)} IS NOT NULL LIMIT {LOOK_AT})",
    )
    asked = looks | {key: sql for (key, sql), n in zip(reads.items(), first, strict=True) if n}
    row = one_row(con, f"SELECT {', '.join(asked.values())} FROM (SELECT {v} AS v FROM {source}) WHERE v IS NOT NULL")
    answers = dict(zip(asked, row, strict=True))
    hidden = answers.pop("hidden")
    for key, value in dict.fromkeys(reads, 0).items():
        setattr(c, key, value)
    for key, value in answers.items():
        setattr(c, key, value)
    if c.empty or c.white_space:
        rows = con.execute(
            f"SELECT DISTINCT v FROM (SELECT {v} AS v FROM {source}) WHERE trim(v, {BLANKS}) = '' ORDER BY v LIMIT 20"
        ).fetchall()
        c.blanks = [value for (value,) in rows]
    if hidden:
        rows = con.execute(
            f"SELECT v, count(*) AS n FROM (SELECT {v} AS v FROM {source}) WHERE lower(trim(v)) IN ({listed}) GROUP BY v ORDER BY n DESC, v LIMIT 20"
        ).fetchall()
        c.disguised = [{"value": value, "count": n} for value, n in rows]


BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"


def _duplicates(con, source: str, columns: list[Column]) -> int:
    """Return how many rows repeat an earlier one, by 64-bit hashes of whole rows (10 million rows: a wrong pair in 1 of 370,000 tables)."""
    names = ", ".join(ident(c.name) for c in columns)
    return one_row(
        con, f"SELECT coalesce(sum(n - 1), 0)::BIGINT FROM (SELECT count(*) AS n FROM {source} GROUP BY hash({names}))"
    )[0]


def _correlations(con, source: str, columns: list[Column], notes: list[str]) -> list[dict]:
    numbers = [c for c in columns if c.kind == "number" and c.std]
    if len(numbers) > CORRELATED_COLUMNS:
        notes.append(f"Correlations are of the first {CORRELATED_COLUMNS} of {len(numbers)} number columns.")
        numbers = numbers[:CORRELATED_COLUMNS]
    pairs = [(a, b) for i, a in enumerate(numbers) for b in numbers[i + 1 :]]
    if not pairs:
        return []
    values = ", ".join(f"{number_sql(c)} AS x{i}" for i, c in enumerate(numbers))
    place = {c.name: f"x{i}" for i, c in enumerate(numbers)}
    asked = ", ".join(f"corr({place[a.name]}, {place[b.name]})" for a, b in pairs)
    row = one_row(con, f"SELECT {asked} FROM (SELECT {values} FROM {source})")
    found = [
        {"a": a.name, "b": b.name, "r": r}
        for (a, b), r in zip(pairs, row, strict=True)
        if r is not None and math.isfinite(r)
    ]
    return sorted(found, key=lambda pair: -abs(pair["r"]))


def _notes(found: Profile) -> None:
    estimated = [c.name for c in found.columns if not c.distinct_is_exact and c.known]
    if estimated:
        found.notes.append(f"The number of distinct values is estimated (a few percent) in {', '.join(estimated)}.")
    rough = [c.name for c in found.columns if not c.quantiles_are_exact]
    if rough:
        found.notes.append(f"Quantiles are estimated in {', '.join(rough)}.")


def _shown(value: float | None, c: Column) -> Any:
    """Return microseconds of a time column as a datetime."""
    if value is None or c.kind != "time":
        return value
    from datetime import UTC, datetime, timedelta

    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=float(value))
    except OverflowError:  # before year 1 or after 9999: DuckDB's range is wider than Python's
        return None
    return moment if "UTC" in c.type else moment.replace(tzinfo=None)


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if value is None or isinstance(value, int | float | str):
        return value
    return float(value) if hasattr(value, "as_tuple") else str(value)
