"""Privacy: who could be singled out by a few traits, what would be learnt about them, and a recipe that prevents it.

Rows with the same values in the traits ("quasi-identifiers": age, post code, sex) form a class. k-anonymity (Sweeney
2002) is the size of the smallest class; l-diversity (Machanavajjhala et al. 2007) how many sensitive values a class
has; t-closeness (Li et al. 2007) how far a class's sensitive values lie from those of all rows. DuckDB counts all rows.
Missing (NULL and NaN) counts as a value of its own, of traits and of the sensitive column.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from insights.pii.names import words_of
from insights.profile import kind_of
from transforms.errors import ColumnNotFound, InputError
from workspace.sql import ident, one_row, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SHOWN = 20  # offending classes that are listed
MOST_COMBINATIONS = 20_000  # what the step `privacy.k_anonymity` can remember
MOST_LISTED = 200  # categories that a step lists by name
SEARCH = 20_000_000  # classes read in a full search of the levels; beyond it, one column at a time


@dataclass
class Trait:
    """What one trait gives away: rows that are unique by it alone, and rows still unique when it is left out."""

    name: str
    distinct: int
    unique_alone: int
    unique_without: int


@dataclass
class Offender:
    """A class that breaks a wish. `values` are in the order of the traits; `reasons` of "k", "l" and "t"."""

    values: list[Any]
    rows: int
    reasons: list[str]
    l_distinct: int | None = None
    l_entropy: float | None = None
    t: float | None = None


@dataclass
class PrivacyReport:
    """What the traits give away. Shares and risks are 0-1; figures of the sensitive column are None without one.

    `highest_risk` is 1/k, `average_risk` classes per row: the chance that an attacker who knows a person's traits, and
    that the person is in the table, picks the right row. `l_entropy` is exp of the smallest entropy of a class.
    `t_equal` takes all values for equally far apart (total variation); `t_ordered` measures by rank (earth mover's
    distance, 0-1) and is None for text.
    """

    quasi: list[str]
    sensitive: str | None
    rows: int
    classes: int
    k: int
    wanted_k: int
    unique_rows: int
    rows_below_k: int
    classes_below_k: int
    highest_risk: float
    average_risk: float
    l_distinct: int | None = None
    l_entropy: float | None = None
    t_equal: float | None = None
    t_ordered: float | None = None
    wanted_l: float | None = None
    wanted_t: float | None = None
    traits: list[Trait] = field(default_factory=list)
    offenders: list[Offender] = field(default_factory=list)
    offending_classes: int = 0
    offending_rows: int = 0

    def as_json(self) -> dict:
        return asdict(self)


def measure(
    con: DuckDBPyConnection,
    source: str,
    quasi: Iterable[str],
    *,
    sensitive: str | None = None,
    k: int = 5,
    l: float | None = None,  # noqa: E741
    t: float | None = None,
) -> PrivacyReport:
    """Measure k-anonymity, l-diversity and t-closeness of `source` (SQL to stand behind FROM).

    Args:
        quasi: the traits that an attacker may know.
        sensitive: the column nobody should learn about a person.
        k, l, t: what is wished for; classes with fewer rows than k, fewer different sensitive values than l, or farther
            than t from all rows are listed, the smallest first (at most 20; `offending_classes` counts all).

    Raises:
        ColumnNotFound: a column is not in the table.
        InputError: no trait, no rows, the sensitive column among the traits, or l or t without a sensitive column.
    """
    quasi = list(dict.fromkeys(quasi))
    types = _checked(con, source, quasi, sensitive, k)
    if sensitive is None and (l is not None or t is not None):
        raise InputError("l and t need a sensitive column.", hint="Name one, or leave both out.")
    with _cells(con, source, quasi, sensitive, types) as cells:
        keys = [f"q{i}" for i in range(len(quasi))]
        by = ", ".join(keys)
        ordered = sensitive is not None and kind_of(types[sensitive]) in ("number", "time")
        with _classes(con, cells, by, sensitive is not None, ordered) as classes:
            report = _summary(con, classes, quasi, sensitive, k)
            report.wanted_l, report.wanted_t = l, t
            report.traits = list(_traits(con, cells, quasi))
            _offenders(con, classes, by, report, ordered)
    return report


TRAITS = (
    "sex|gender|age|race|ethnicity|nationality|citizenship|country|state|region|county|city|town|zip|zipcode|postcode|post code|postal code|plz|"
    "birth|birthday|born|dob|marital|civil|education|degree|occupation|job|profession|religion|language|geschlecht|alter|beruf|ort|familienstand"
)
MOST_TRAITS = 6


def suggest(con: DuckDBPyConnection, source: str) -> list[str]:
    """Return columns that others are likely to know about a person, by their names: age, sex, post code … (at most 6).

    A column with one value, or with another value in nearly every row (more than nine of ten), is left out.
    """
    relation = con.sql(f"SELECT * FROM {source}")
    named = [
        name
        for name, dtype in zip(relation.columns, relation.types, strict=True)
        if kind_of(str(dtype)) != "other" and re.search(rf"(?<![a-z])(?:{TRAITS})(?![a-z])", words_of(name))
    ]
    if not named:
        return []
    counts = ", ".join(f"count(DISTINCT {ident(name)})" for name in named)
    rows, *distinct = one_row(con, f"SELECT count(*), {counts} FROM {source}")
    return [name for name, n in zip(named, distinct, strict=True) if 1 < n <= max(0.9 * rows, 2)][:MOST_TRAITS]


def _checked(con, source: str, quasi: list[str], sensitive: str | None, k: int) -> dict[str, str]:
    """Return {column: DuckDB type}; raise for what cannot be measured."""
    relation = con.sql(f"SELECT * FROM {source}")
    types = {n: str(t) for n, t in zip(relation.columns, relation.types, strict=True)}
    if not quasi:
        raise InputError("No trait was named.", hint="Name the columns that an attacker may know: age, post code, sex.")
    for name in [*quasi, *([sensitive] if sensitive is not None else [])]:
        if name not in types:
            raise ColumnNotFound.of(name, types)
    if sensitive in quasi:
        raise InputError(f"Column {sensitive!r} is both a trait and the sensitive column.", hint="Leave it out of one.")
    if k < 2:
        raise InputError(f"k must be at least 2, not {k}.", hint="5 is usual, 10 or more for published tables.")
    if not one_row(con, f"SELECT count(*) FROM (SELECT 1 FROM {source} LIMIT 1)")[0]:
        raise InputError("The table has no rows, so there is nothing to measure.")
    return types


def _plain(name: str, dtype: str) -> str:
    return f"nullif({ident(name)}, 'nan'::{dtype})" if dtype in ("FLOAT", "DOUBLE") else ident(name)


@contextmanager
def _scratch(con, query: str) -> Iterator[str]:
    name = ident(f"tilth_privacy_{uuid.uuid4().hex}")
    con.execute(f"CREATE TEMP TABLE {name} AS {query}")
    try:
        yield name
    finally:
        con.execute(f"DROP TABLE {name}")


def _cells(con, source: str, quasi: list[str], sensitive: str | None, types: dict[str, str]):
    """Give a table of the combinations of traits q0, q1, … and sensitive value s, with their number of rows n."""
    chosen = [f"{_plain(name, types[name])} AS q{i}" for i, name in enumerate(quasi)]
    chosen.append(f"{_plain(sensitive, types[sensitive])} AS s" if sensitive is not None else "NULL AS s")
    return _scratch(con, f"SELECT *, count(*) AS n FROM (SELECT {', '.join(chosen)} FROM {source}) GROUP BY ALL")


def _classes(con, cells: str, by: str, sensitive: bool, ordered: bool):
    """Give a table with one row per class: its traits, size, and figures of the sensitive value."""
    if not sensitive:
        return _scratch(con, f"SELECT {by}, sum(n)::BIGINT AS size FROM {cells} GROUP BY ALL")
    total = one_row(con, f"SELECT sum(n)::BIGINT FROM {cells}")[0]
    # Summing |p - P| over all values: a value that the class lacks adds its P, so 1 - (sum of P it has) covers those.
    query = f"""
        WITH every AS (SELECT s, sum(n) / {total} AS p, row_number() OVER (ORDER BY s NULLS LAST) - 1 AS rank
                       FROM {cells} GROUP BY s),
        cell AS (SELECT {by}, s, n, sum(n) OVER (PARTITION BY {by}) AS size FROM {cells})
        SELECT {_prefixed(by, "cell")}, any_value(size)::BIGINT AS size, count(*) AS l_distinct,
               exp(-sum(n / size * ln(n / size))) AS l_entropy,
               greatest(0, (sum(abs(n / size - every.p) - every.p) + 1) / 2) AS t
               {", list({'rank': rank, 'n': n} ORDER BY rank) AS ranks" if ordered else ""}
        FROM cell JOIN every ON cell.s IS NOT DISTINCT FROM every.s GROUP BY {_prefixed(by, "cell")}"""
    if not ordered:
        return _scratch(con, query)
    return _with_order(con, cells, query, by, total)


def _prefixed(by: str, table: str) -> str:
    return ", ".join(f"{table}.{key.strip()}" for key in by.split(","))


@contextmanager
def _with_order(con, cells: str, query: str, by: str, total: int) -> Iterator[str]:
    """Add `t_ordered`: the mean over the m - 1 gaps between ranks of |F of the class - F of all rows|.

    Between two of its own values the F of a class stays at f, while that of all rows, G, rises. G's running sums S give
    the area in one step: up to the rank c where G passes f it is f(c - lo) - (S(c) - S(lo)), from there the reverse.
    """
    every = f"""
        SELECT rank, g, sum(g) OVER (ORDER BY rank ROWS UNBOUNDED PRECEDING) - g AS before
        FROM (SELECT row_number() OVER w - 1 AS rank, sum(sum(n)) OVER w / {total} AS g
              FROM {cells} GROUP BY s WINDOW w AS (ORDER BY s NULLS LAST))"""
    with _scratch(con, every) as ranks, _scratch(con, query) as classes:
        m = one_row(con, f"SELECT count(*) FROM {ranks}")[0]
        # One piece from rank 0 to the first own value, where f is 0, then one from each own value to the next.
        pieces = f"""
            WITH one AS (SELECT *, row_number() OVER () AS id FROM {classes}),
            own AS (SELECT id, size, unnest(ranks, recursive := true) FROM one),
            piece AS (SELECT id, rank AS lo, sum(n) OVER w / size AS f, lead(rank, 1, {m - 1}) OVER w AS hi
                      FROM own WINDOW w AS (PARTITION BY id ORDER BY rank)
                      UNION ALL SELECT id, 0, 0.0, min(rank) FROM own GROUP BY id),
            passed AS (SELECT piece.*, least(hi, greatest(lo, coalesce(r.rank + 1, 0))) AS c
                       FROM piece ASOF LEFT JOIN {ranks} r ON piece.f >= r.g),
            area AS (SELECT id, sum(f * (2 * c - lo - hi) - 2 * sc.before + sl.before + sh.before) AS area
                     FROM passed JOIN {ranks} sc ON sc.rank = c JOIN {ranks} sl ON sl.rank = lo
                     JOIN {ranks} sh ON sh.rank = hi GROUP BY id)
            SELECT one.* EXCLUDE (ranks, id), greatest(0, area / {max(m - 1, 1)}) AS t_ordered
            FROM one JOIN area USING (id)"""
        with _scratch(con, pieces) as found:
            yield found


def _summary(con, classes: str, quasi, sensitive, k: int) -> PrivacyReport:
    columns = {row[0] for row in con.execute(f"DESCRIBE {classes}").fetchall()}
    extra = ["min(l_distinct)", "min(l_entropy)", "max(t)"] if sensitive is not None else ["NULL"] * 3
    extra.append("max(t_ordered)" if "t_ordered" in columns else "NULL")
    rows, count, least, unique, below, small, *figures = one_row(
        con,
        "SELECT sum(size)::BIGINT, count(*), min(size), count(*) FILTER (size = 1), "
        f"coalesce(sum(size) FILTER (size < {int(k)}), 0)::BIGINT, count(*) FILTER (size < {int(k)}), "
        f"{', '.join(extra)} FROM {classes}",
    )
    return PrivacyReport(
        quasi, sensitive, rows, count, least, k, unique, below, small, 1 / least, count / rows, *figures
    )


def _traits(con, cells: str, quasi: list[str]) -> Iterator[Trait]:
    for i, name in enumerate(quasi):
        alone = f"SELECT sum(n) AS n FROM {cells} GROUP BY q{i}"
        distinct, unique = one_row(con, f"SELECT count(*), count(*) FILTER (n = 1) FROM ({alone})")
        others = ", ".join(f"q{j}" for j in range(len(quasi)) if j != i)
        without = 0
        if others:
            rest = f"SELECT sum(n) AS n FROM {cells} GROUP BY {others}"
            without = one_row(con, f"SELECT count(*) FROM ({rest}) WHERE n = 1")[0]
        yield Trait(name, distinct, unique, without)


def _offenders(con, classes: str, by: str, report: PrivacyReport, ordered: bool) -> None:
    distance = "t_ordered" if ordered else "t"
    broken = {"k": f"size < {int(report.wanted_k)}"}
    if report.wanted_l is not None:
        broken["l"] = f"l_distinct < {float(report.wanted_l)!r}"
    if report.wanted_t is not None:
        broken["t"] = f"{distance} > {float(report.wanted_t)!r}"
    figures = f"l_distinct, l_entropy, {distance}" if report.sensitive is not None else "NULL, NULL, NULL"
    bad = f"FROM {classes} WHERE " + " OR ".join(broken.values())
    report.offending_classes, report.offending_rows = one_row(
        con, f"SELECT count(*), coalesce(sum(size), 0)::BIGINT {bad}"
    )
    tests = ", ".join(broken.values())
    found = con.execute(f"SELECT size, {figures}, [{tests}], {by} {bad} ORDER BY size, {by} LIMIT {SHOWN}").fetchall()
    for size, distinct, entropy, far, tested, *values in found:
        reasons = [reason for reason, is_broken in zip(broken, tested, strict=True) if is_broken]
        report.offenders.append(Offender(list(values), size, reasons, distinct, entropy, far))


# -- reaching k


@dataclass
class Level:
    """One way to write a column: the step that makes it (None: as it is), and the share of information it loses."""

    says: str
    sql: str
    step: dict | None
    loss: float = 0.0


@dataclass
class Proposal:
    """A recipe that reaches k. `steps` are `{"transform", "settings"}`, ready for `Recipe.add`.

    `loss` (0-1) is the mean share of the traits' entropy that is lost in the rows that stay; dropped rows count as lost
    entirely. `levels` says what becomes of each trait. `after` is measured on the result of the recipe, run on all
    rows, and `reached` says whether that is k (and l).
    """

    quasi: list[str]
    k: int
    l: int | None  # noqa: E741
    steps: list[dict]
    levels: dict[str, str]
    loss: float
    rows: int
    suppressed_rows: int
    reached: bool
    before: PrivacyReport
    after: PrivacyReport | None
    searched: int

    def recipe(self):
        """Return the steps as one `transforms.recipe.Recipe`."""
        return _recipe(self.steps, self.k)

    def as_json(self) -> dict:
        return {**asdict(self), "recipe": self.recipe().dump()}


def reach(
    con: DuckDBPyConnection,
    source: str,
    quasi: Iterable[str],
    k: int = 5,
    *,
    sensitive: str | None = None,
    l: int | None = None,  # noqa: E741
    most_suppressed: float = 0.02,
) -> Proposal:
    """Propose the recipe steps that make `source` k-anonymous with the least loss, run them, and measure the result.

    Each trait has a ladder of levels: numbers in ever wider bins, dates cut to month and year, codes cut to their first
    characters, rare categories merged into "other", at last no values at all. The best combination of levels is
    searched (all of them, or one column at a time where that would read too much); what is still rare then is dropped,
    at most `most_suppressed` (0-1) of the rows.

    Args:
        sensitive, l: also drop classes with fewer than l different sensitive values.

    Raises:
        ColumnNotFound, InputError: as `measure`; also when the table has fewer than k rows, a trait is of a type that
            no step can make coarser, or nothing reaches the wish.
    """
    quasi = list(dict.fromkeys(quasi))
    types = _checked(con, source, quasi, sensitive, k)
    if (l is not None) and sensitive is None:
        raise InputError("l needs a sensitive column.", hint="Name one, or leave l out.")
    if not 0 <= most_suppressed < 1:
        raise InputError(f"The share of rows that may be dropped must be from 0 to below 1, not {most_suppressed:g}.")
    for name in quasi:
        if kind_of(types[name]) == "other":
            raise InputError(
                f"Column {name!r} ({types[name]}) cannot be made coarser.", hint="Turn it into text first, or drop it."
            )
    before = measure(con, source, quasi, sensitive=sensitive, k=k, l=l)
    if before.rows < k:
        raise InputError(f"The table has {before.rows:,} rows, fewer than k = {k}.", hint="Choose a smaller k.")
    with _cells(con, source, quasi, sensitive, types) as cells:
        ladders = [list(_ladder(con, cells, f"q{i}", name, types[name], k)) for i, name in enumerate(quasi)]
        search = _Search(con, cells, ladders, before.rows, k, l, most_suppressed)
        best = search.run(before.classes)
    if best is None:
        wish = f"k = {k}" + ("" if l is None else f" and l = {l}")
        raise InputError(
            f"No recipe reaches {wish} by dropping at most {most_suppressed:.1%} of the rows.",
            hint="Allow more rows to be dropped, or choose smaller numbers.",
        )
    chosen = [ladder[i] for ladder, i in zip(ladders, best, strict=True)]
    suppressed = search.seen[best][1]
    steps = [level.step for level in chosen if level.step]
    if suppressed:
        steps.append({"transform": "privacy.k_anonymity", "settings": {"columns": quasi, "k": k}})
        if l is not None:
            settings = {"columns": quasi, "sensitive": sensitive, "l": l, "then": "drop rows with fewer"}
            steps.append({"transform": "privacy.l_diversity", "settings": settings})
    after = _after(con, source, steps, quasi, sensitive, k, l)
    reached = after.k >= k and (l is None or after.l_distinct >= l)
    return Proposal(
        quasi, k, l, steps, {n: c.says for n, c in zip(quasi, chosen, strict=True)}, search.seen[best][0], before.rows,
        before.rows - after.rows, reached, before, after, len(search.seen),
    )  # fmt: skip


def _recipe(steps: list[dict], k: int):
    from transforms.recipe import Recipe

    recipe = Recipe(name=f"k-anonymity {k}")
    for step in steps:
        recipe = recipe.add(step["transform"], step["settings"])
    return recipe


def _after(con, source, steps, quasi, sensitive, k, l) -> PrivacyReport:  # noqa: E741
    """Run the steps on all rows and measure what comes out: the promise is checked, not believed."""
    if not steps:
        return measure(con, source, quasi, sensitive=sensitive, k=k, l=l)
    kept = [*quasi, *([sensitive] if sensitive is not None else [])]
    rows = con.sql(f"SELECT {', '.join(map(ident, kept))} FROM {source}")
    result = _recipe(steps, k).fit(rows, con).run(rows, con)
    with _scratch(con, result.sql_query()) as made:
        return measure(con, made, quasi, sensitive=sensitive, k=k, l=l)


def _ladder(con, cells: str, key: str, name: str, dtype: str, k: int) -> Iterator[Level]:
    """Yield the levels of one column, from as it is to empty, each with its loss."""
    kind = kind_of(dtype)
    levels = [Level("as it is", key, None)]
    if kind == "number":
        levels += _number_levels(con, cells, key, name, dtype)
    elif kind == "time":
        periods = ("month", "quarter", "year") if dtype == "DATE" else ("hour", "day", "month", "quarter", "year")
        levels += [Level(f"{p}s", f"date_trunc('{p}', {key})", _coarser(name, period=p)) for p in periods]
    elif kind == "text":
        levels += _text_levels(con, cells, key, name, k)
    levels.append(Level("removed", "NULL", {"transform": "privacy.null_out", "settings": {"columns": [name]}}))
    # The suppressing step compares fractions to six decimals and times to seconds, so finer values must not stay.
    if dtype in ("FLOAT", "DOUBLE") or dtype.startswith("TIMESTAMP"):
        coarse = f"round({key}, 6)" if kind == "number" else f"date_trunc('second', {key})"
        if one_row(con, f"SELECT count(*) FROM {cells} WHERE {key} <> {coarse}")[0]:
            levels = levels[1:]
    if one_row(con, f"SELECT count(DISTINCT {key}) + (count(*) > count({key}))::INTEGER FROM {cells}")[0] < 2:
        yield Level("as it is", key, None)  # one value gives nothing away
        return
    whole = _entropy(con, cells, key)
    last = -1.0
    for level in levels:
        level.loss = 1 - _entropy(con, cells, level.sql) / whole
        if level.loss > last + 1e-12:  # a level that changes nothing more is left out
            yield level
            last = level.loss


def _entropy(con, cells: str, sql: str) -> float:
    by = "()" if sql == "NULL" else sql
    shares = f"SELECT sum(n) / sum(sum(n)) OVER () AS p FROM {cells} GROUP BY {by}"
    return one_row(con, f"SELECT -sum(p * ln(p)) FROM ({shares})")[0]


def _coarser(name: str, **settings) -> dict:
    return {"transform": "privacy.generalise", "settings": {"columns": [name], **settings}}


def _number_levels(con, cells: str, key: str, name: str, dtype: str) -> list[Level]:
    value = f"{key}::DOUBLE"
    low, high = one_row(con, f"SELECT min({value}), max({value}) FROM {cells} WHERE isfinite({value})")
    if low is None or not math.isfinite(high - low) or high <= low:
        return []
    rough = (high - low) / 20
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(nice * power for nice in (1, 2, 5, 10) if nice * power >= rough * (1 - 1e-9))
    if dtype not in ("FLOAT", "DOUBLE") and not dtype.startswith("DECIMAL"):
        step = max(step, 2.0)
    steps = [step * 2**i for i in range(4)]  # each divides the next, so a wider bin never splits a narrower one
    return [Level(f"steps of {s:g}", f"floor({value} / {s!r}::DOUBLE)", _coarser(name, step=s)) for s in steps]


def _text_levels(con, cells: str, key: str, name: str, k: int) -> list[Level]:
    known, codes, longest, total = one_row(
        con,
        f"""SELECT sum(n),
        sum(n) FILTER (regexp_full_match({key}, '[0-9A-Za-z .-]{{2,12}}') AND regexp_matches({key}, '[0-9]')),
        max(length({key})), (SELECT sum(n) FROM {cells}) FROM {cells} WHERE {key} IS NOT NULL""",
    )
    if not known:
        return []
    if (codes or 0) >= 0.95 * known:  # post codes and the like: their first characters mean something
        cut = [f"left({key}, {m}) || repeat('*', greatest(0, length({key}) - {m}))" for m in range(min(longest, 12))]
        places = range(len(cut) - 1, 0, -1)
        return [Level(f"first {m} characters", cut[m], _coarser(name, keep=m)) for m in places]
    levels = []
    for least in sorted({max(k, math.ceil(total * share)) for share in (0, 0.01, 0.05, 0.2)}):
        found = con.execute(
            f"SELECT {key} FROM {cells} WHERE {key} IS NOT NULL GROUP BY 1 HAVING sum(n) >= {least} "
            f"ORDER BY sum(n) DESC, 1 LIMIT {MOST_LISTED + 1}"
        ).fetchall()
        kept = [value for (value,) in found]
        if 0 < len(kept) <= MOST_LISTED:
            listed = ", ".join(text(value) for value in kept)
            sql = f"CASE WHEN {key} IS NULL OR {key} IN ({listed}) THEN {key} ELSE 'other' END"
            step = {"transform": "encode.keep_listed", "settings": {"columns": [name], "keep": kept, "to": "other"}}
            says = f'{len(kept)} most frequent values kept, the others become "other"'
            levels.append(Level(says, sql, step))
    return levels


class _Search:
    """Looks for the levels with the least loss. A node is one level number per column."""

    def __init__(self, con, cells, ladders, rows, k, l, most):  # noqa: E741
        self.con, self.cells, self.ladders, self.rows, self.k, self.l = con, cells, ladders, rows, k, l
        self.allowed = math.floor(rows * most)
        self.seen: dict[tuple[int, ...], tuple[float, int]] = {}

    def cost(self, node: tuple[int, ...]) -> tuple[float, int]:
        """Return (loss 0-1, rows to drop) of a node; the loss is infinite where too many rows would be dropped."""
        if node in self.seen:
            return self.seen[node]
        chosen = [ladder[i] for ladder, i in zip(self.ladders, node, strict=True)]
        keys = ", ".join(f"{level.sql} AS k{i}" for i, level in enumerate(chosen))
        by = ", ".join(f"k{i}" for i in range(len(chosen)))
        bad = f"size < {int(self.k)}" + (f" OR kinds < {int(self.l)}" if self.l is not None else "")
        kinds = ", count(DISTINCT s) + (count(*) > count(s))::INTEGER AS kinds" if self.l is not None else ""
        dropped, frequent = one_row(
            self.con,
            f"SELECT coalesce(sum(size) FILTER ({bad}), 0)::BIGINT, count(*) FILTER (size >= {int(self.k)}) FROM "
            f"(SELECT sum(n) AS size{kinds} FROM (SELECT {keys}, s, n FROM {self.cells}) GROUP BY {by})",
        )
        share = dropped / self.rows
        loss = sum(level.loss for level in chosen) / len(chosen) * (1 - share) + share
        if dropped > self.allowed or (dropped and frequent > MOST_COMBINATIONS):
            loss = math.inf
        self.seen[node] = loss, dropped
        return self.seen[node]

    def run(self, classes: int) -> tuple[int, ...] | None:
        """Return the best node found, or None where not even empty columns would do."""
        nodes = math.prod(map(len, self.ladders))
        if nodes * classes <= SEARCH and nodes <= 2000:
            best = self._all()
        else:
            top = tuple(len(ladder) - 1 for ladder in self.ladders)
            best = min(self._refined(self._climb()), self._refined(top), key=lambda node: self.cost(node)[0])
        return best if math.isfinite(self.cost(best)[0]) else None

    def _all(self) -> tuple[int, ...]:
        """Try the nodes in the order of what they lose without any dropping; stop when none can be better."""
        from itertools import product

        lost = [[level.loss for level in ladder] for ladder in self.ladders]

        def least(node):
            return sum(column[i] for column, i in zip(lost, node, strict=True)) / len(node)

        nodes = sorted(product(*(range(len(ladder)) for ladder in self.ladders)), key=lambda n: (least(n), n))
        best = nodes[-1]
        for node in nodes:
            if least(node) >= self.cost(best)[0]:
                break
            if self.cost(node)[0] < self.cost(best)[0]:
                best = node
        return best

    def _climb(self) -> tuple[int, ...]:
        """Make one column coarser at a time, the one that saves most rows per loss, until few enough are dropped."""
        node = tuple(0 for _ in self.ladders)
        while math.isinf(self.cost(node)[0]) and (up := self._neighbours(node, 1)):
            dropped = self.cost(node)[1]

            def worth(other, node=node, dropped=dropped):
                added = sum(
                    ladder[j].loss - ladder[i].loss for ladder, i, j in zip(self.ladders, node, other, strict=True)
                )
                return (dropped - self.cost(other)[1]) / max(added, 1e-9)

            node = max(up, key=worth)
        return node

    def _refined(self, node: tuple[int, ...]) -> tuple[int, ...]:
        """Make one column finer at a time, the one that gains most, as long as the wish holds."""
        while better := [n for n in self._neighbours(node, -1) if self.cost(n)[0] < self.cost(node)[0]]:
            node = min(better, key=lambda n: self.cost(n)[0])
        return node

    def _neighbours(self, node: tuple[int, ...], way: int) -> list[tuple[int, ...]]:
        return [
            (*node[:i], node[i] + way, *node[i + 1 :])
            for i in range(len(node))
            if 0 <= node[i] + way < len(self.ladders[i])
        ]
