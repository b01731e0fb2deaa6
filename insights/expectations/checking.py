"""Checking rules: all row and table rules of a dataset are aggregates of one SELECT; a set rule is one more query."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from insights.expectations.rules import PLACE, ColumnExists, Condition, Rule
from transforms.errors import AppError
from workspace.sql import ident, one_row, one_value, text, type_name

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

EXAMPLES = 3


@dataclass(frozen=True)
class Result:
    """One rule asked of one table. `failing` counts rows, None for table rules and where it could not be asked."""

    rule: Rule
    rows: int
    passed: bool
    failing: int | None = None
    observed: str = ""
    problem: str = ""  # why it could not be asked: then it did not pass
    examples: list[dict] = field(default_factory=list)

    @property
    def share(self) -> float | None:
        return None if self.failing is None else self.failing / max(self.rows, 1)

    def says(self) -> str:
        """Return one sentence without its end: which rule, how many rows, examples."""
        name = f'the rule "{self.rule.says()}"'
        if self.problem:
            return f"{name} cannot be asked: {self.problem}"
        if self.failing is None:
            return f"{name} {'holds' if self.passed else 'does not hold'}: {self.observed}"
        if not self.failing:
            return f"{name} holds in all {self.rows:,} rows"
        shown = "; ".join(", ".join(f"{k} = {_cell(v)}" for k, v in row.items()) for row in self.examples)
        allowed = f" ({self.rule.tolerance:.3g} of them may)" if self.rule.tolerance else ""
        return f"{self.failing:,} of {self.rows:,} rows break {name}{allowed}" + (f", such as {shown}" if shown else "")

    def as_json(self) -> dict:
        return {
            "rule": self.rule.model_dump(), "says": self.rule.says(), "passed": self.passed, "rows": self.rows,
            "failing": self.failing, "share": self.share, "observed": self.observed, "problem": self.problem,
            "examples": self.examples,
        }  # fmt: skip


@dataclass(frozen=True)
class Check:
    """All enabled rules asked of one table."""

    rows: int
    results: list[Result]

    def broken(self, severity: str | None = None) -> list[Result]:
        return [r for r in self.results if not r.passed and severity in (None, r.rule.severity)]

    @property
    def outcome(self) -> str:
        """The worst that follows: passed, warn, quarantine or stop."""
        found = {r.rule.severity for r in self.results if not r.passed}
        # Rows cannot be put aside by a rule that cannot be asked.
        if "stop" in found or any(r.problem for r in self.broken("quarantine")):
            return "stop"
        return next((s for s in ("quarantine", "warn") if s in found), "passed")

    def as_json(self) -> dict:
        return {"rows": self.rows, "outcome": self.outcome, "results": [r.as_json() for r in self.results]}


def check(
    con: DuckDBPyConnection,
    source: str,
    rules: Iterable[Rule],
    *,
    tables: Callable[[str], str] | None = None,
    now: dt.datetime | None = None,
    examples: int = EXAMPLES,
    on_progress: Callable[[float, str], None] | None = None,
) -> Check:
    """Ask the enabled rules of all rows of a table.

    Args:
        source: SQL to stand behind FROM.
        tables: gives the SQL of a dataset for rules that look into another one.
        now: the moment that freshness is measured from; default: this one.
        examples: rows to show of each rule that does not hold.
    """
    types, names = _types(con, source)
    asked = [rule for rule in rules if rule.enabled]
    now, tell = now or dt.datetime.now(dt.UTC), on_progress or (lambda share, words: None)
    problems = {rule.id: rule.problem(types) for rule in asked}
    together = [rule for rule in asked if rule.family != "set" and not problems[rule.id]]
    tell(0.0, "Counting rows that break a rule")
    rows, found = _scan(con, source, together, types, problems)
    apart = [rule for rule in asked if rule.family == "set" and not problems[rule.id]]
    for place, rule in enumerate(apart):
        tell(0.4 + 0.5 * place / len(apart), rule.says())
        try:
            rows_of = placed(con, source) if rule.ordered else source
            found[rule.id] = [int(one_value(con, rule.counted(rows_of, types, _given(tables))))]
        except Exception as error:
            problems[rule.id] = _why(error)
    results = []
    for rule in asked:
        if problems[rule.id]:
            results.append(Result(rule, rows, False, problem=problems[rule.id]))
        elif rule.family == "table":
            results.append(Result(rule, rows, *_judged(rule, rows, found[rule.id], now, names)))
        else:
            failing = found[rule.id][0]
            passed = failing <= rule.tolerance * rows
            shown = [] if passed else failing_rows(con, source, rule, limit=examples, tables=tables)
            results.append(Result(rule, rows, passed, failing, examples=shown))
    tell(1.0, "Done")
    return Check(rows, results)


def _judged(rule: Rule, rows: int, values: list, now, names) -> tuple[bool, None, str]:
    if isinstance(rule, ColumnExists):
        seen = names.get(rule.column)
        return (seen is not None and rule.type in (None, seen)), None, seen or "it is not there"
    passed, observed = rule.judge(rows, values, now)
    return passed, None, observed


def _types(con, source: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return {column: DuckDB's type} and {column: our name of it}."""
    relation = con.sql(f"SELECT * FROM {source}")
    both = list(zip(relation.columns, relation.types, strict=True))
    return {n: str(t) for n, t in both}, {n: type_name(t) for n, t in both}


def _aggregates(rule: Rule, types) -> list[str]:
    return [f"count(*) FILTER ({rule.fails(types)})"] if rule.family == "row" else rule.asks(types)


def _scan(con, source: str, rules: list[Rule], types, problems: dict[str, str]) -> tuple[int, dict[str, list]]:
    """Return the rows and {rule: values of its aggregates}; one SELECT, or one each where a rule breaks it."""
    import duckdb

    wanted = {rule.id: _aggregates(rule, types) for rule in rules}
    try:
        rows, *values = one_row(con, f"SELECT {', '.join(['count(*)', *sum(wanted.values(), [])])} FROM {source}")
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        if len(rules) == 1:
            problems[rules[0].id] = _why(error)
        if len(rules) <= 1:
            return int(one_value(con, f"SELECT count(*) FROM {source}")), {}
        found: dict[str, list] = {}
        for rule in rules:
            rows, one = _scan(con, source, [rule], types, problems)
            found |= one
        return rows, found
    taken = iter(values)
    return rows, {name: [next(taken) for _ in asked] for name, asked in wanted.items()}


def _why(error: Exception) -> str:
    """Return what stands in the way in plain words; what is no problem of the rule is raised again."""
    import duckdb

    if isinstance(error, AppError):
        return error.message.rstrip(".")
    if isinstance(error, duckdb.InterruptException) or not isinstance(error, duckdb.Error):
        raise error
    return str(error).splitlines()[0].partition(": ")[2][:300].rstrip(".") or "DuckDB cannot run it"


def _given(tables) -> Callable[[str], str]:
    if tables is None:
        from transforms.errors import InputError

        def nowhere(name: str) -> str:
            raise InputError(f"the dataset {name!r} cannot be looked up here")

        return nowhere
    return tables


def placed(con, source: str) -> str:
    """Return SQL of the table with the place of each row as column `PLACE`, in the stored order."""
    columns = {name.lower() for name in con.sql(f"SELECT * FROM {source}").columns}
    one_file = source.startswith("read_parquet([") and source.count(".parquet'") == 1
    place = "file_row_number" if one_file and "file_row_number" not in columns else "row_number() OVER ()"
    return f"(SELECT *, {place} AS {PLACE} FROM {source})"


def failing_rows(
    con: DuckDBPyConnection, source: str, rule: Rule, *, limit: int, whole: bool = False, tables=None
) -> list[dict[str, Any]]:
    """Return up to `limit` rows that break a row or set rule: its own columns, or `whole` rows."""
    types, _ = _types(con, source)
    if rule.family == "table" or rule.problem(types):
        return []
    names = list(types) if whole or not rule.names() else [n for n in types if n.lower() in {r.lower() for r in rule.names()}]  # fmt: skip
    shown = ", ".join(map(ident, names))
    if rule.family == "row":
        query = f"SELECT {shown} FROM {source} WHERE {rule.fails(types)} LIMIT {int(limit)}"
    else:
        rows = placed(con, source)
        bad = f"SELECT {PLACE} FROM ({rule.places(rows, types, _given(tables))}) ORDER BY {PLACE} LIMIT {int(limit)}"
        query = f"SELECT {shown} FROM {rows} WHERE {PLACE} IN ({bad}) ORDER BY {PLACE}"
    found = con.execute(query).fetchall()
    return [dict(zip(names, row, strict=True)) for row in found]


def divide(con: DuckDBPyConnection, source: str, rules: list[Rule], tables=None) -> tuple[str, str, str]:
    """Return queries for the rows that keep all rules, those that do not, and the name of the latter's added column.

    The added column is a text: the rules that the row breaks. Both keep the stored order.
    """
    types, _ = _types(con, source)
    taken = {name.lower() for name in types}
    why = next(name for n in range(1, len(taken) + 2) if (name := "failed_rules" + (f"_{n}" if n > 1 else "")) not in taken)  # fmt: skip
    names = ", ".join(map(ident, types))
    row = [(rule, f"coalesce({rule.fails(types)}, false)") for rule in rules if rule.family == "row"]
    told = [f"CASE WHEN {fails} THEN {text(rule.says())} END" for rule, fails in row]
    bad = " OR ".join(fails for _, fails in row)
    sets = [rule for rule in rules if rule.family == "set"]
    if not sets:
        words = f"concat_ws('; ', {', '.join(told)})"
        good = f"SELECT {names} FROM {source} WHERE NOT ({bad})"
        return good, f"SELECT {names}, {words} AS {ident(why)} FROM {source} WHERE {bad}", why
    rows, parts = placed(con, source), []
    for n, rule in enumerate(sets):
        con.execute(f"CREATE OR REPLACE TEMP TABLE tilth_bad_{n} AS {rule.places(rows, types, _given(tables))}")
        parts.append(f"{PLACE} IN (SELECT {PLACE} FROM tilth_bad_{n})")
        told.append(f"CASE WHEN {parts[-1]} THEN {text(rule.says())} END")
    words = f"concat_ws('; ', {', '.join(told)})"
    bad = " OR ".join([*parts, *([bad] if bad else [])])
    return (
        f"SELECT {names} FROM {rows} WHERE NOT ({bad}) ORDER BY {PLACE}",
        f"SELECT {names}, {words} AS {ident(why)} FROM {rows} WHERE {bad} ORDER BY {PLACE}",
        why,
    )


def validate(con: DuckDBPyConnection, source: str, rule: Rule) -> None:
    """Raise InputError where DuckDB cannot run the rule on the columns of a table; it reads no row."""
    import duckdb

    from transforms.errors import InputError

    types, _ = _types(con, source)
    if found := rule.problem(types):
        raise InputError(f'The rule "{rule.says()}" does not fit the table: {found}.')
    if isinstance(rule, Condition) or rule.family == "row":
        try:
            con.sql(f"SELECT count(*) FILTER ({rule.fails(types)}) FROM {source}")
        except duckdb.Error as error:
            raise InputError(f'The rule "{rule.says()}" does not fit the table: {_why(error)}.') from error


def _cell(value: Any) -> str:
    said = "missing" if value is None else str(value)
    return said if len(said) <= 60 else said[:57] + "…"
