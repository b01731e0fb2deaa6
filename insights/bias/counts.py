"""What is counted: the choice of rows, and one table of counts by facet, label, prediction and stratum, from all rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transforms.errors import ColumnNotFound, InputError
from workspace.sql import connection, ident, one_value, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_VALUES = 50  # of a facet without a value: one report for each
MOST_OUTCOMES = 50  # of a label whose whole distribution is compared
MOST_CROSSINGS = 200  # groups of an intersection
OPERATORS = (">=", "<=", ">", "<", "=")
NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "FLOAT",
    "DOUBLE",
)
TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")


@dataclass(frozen=True)
class Choice:
    """Which rows of a column are meant: `values`, or one threshold (`operator` and `bound`), or neither (each value)."""

    column: str
    values: tuple[str, ...] = ()
    operator: str = ""
    bound: str = ""

    @property
    def shown(self) -> str:
        """What was chosen, without the column: `Female`, `Black, Other`, `> 40`."""
        return f"{self.operator} {self.bound}" if self.operator else ", ".join(self.values)

    def __str__(self) -> str:
        if self.operator:
            return f"{self.column} {self.operator} {self.bound}"
        return (
            f"{self.column} = {self.values[0]}"
            if len(self.values) == 1
            else f"{self.column} in ({', '.join(self.values)})"
        )

    @property
    def is_whole(self) -> bool:
        """Return whether no rows were chosen: each value of the column is meant, one after the other."""
        return not (self.values or self.operator)


@dataclass(frozen=True)
class Crossing:
    """One group of an intersection: a part of each of several facets, such as sex = Female and race = Black."""

    columns: tuple[str, ...]
    parts: tuple[str, ...]

    @property
    def column(self) -> str:
        return " × ".join(self.columns)

    @property
    def shown(self) -> str:
        return " × ".join(self.parts)

    def __str__(self) -> str:
        return f"{self.column} = {self.shown}"


@dataclass(frozen=True)
class Cell:
    """One line of the counts: `facet` is "d", "a" or, without a choice, the value itself; None: unknown.

    `n` is its rows; `weight` is what they weigh together (the same without weights).
    """

    facet: object
    label: bool | None
    predicted: bool | None
    group: str | None
    n: int
    weight: float


@dataclass(frozen=True)
class Asked:
    """What is asked of a table, as SQL: the outcome, the prediction (each true, false or null), stratum and weight."""

    source: str
    types: Mapping[str, str]
    good: Choice
    predicted: Choice | None = None
    group: str | None = None
    weight: str | None = None
    outcomes: bool = False  # count each value of the label too

    def query(self, facets: Sequence[str]) -> str:
        """Return SQL that gives place of the facet, its value, y, p, g, whether it is an outcome's line, rows, weight."""
        weight = f"greatest({known(self.weight, self.types)}, 0)::DOUBLE" if self.weight else "1.0::DOUBLE"
        predicted = predicate(self.predicted, self.types[self.predicted.column]) if self.predicted else "NULL::BOOLEAN"
        columns = [
            *(f"{facet} AS f{place}" for place, facet in enumerate(facets)),
            f"{predicate(self.good, self.types[self.good.column])} AS y",
            f"{predicted} AS p",
            f"{known(self.group, self.types)}::VARCHAR AS g" if self.group else "NULL::VARCHAR AS g",
            f"{known(self.good.column, self.types)}::VARCHAR AS o",
            f"{weight} AS w",
        ]
        names = [f"f{place}" for place in range(len(facets))]
        sets = [f"({name}, y, p, g)" for name in names] + [f"({name}, o)" for name in names if self.outcomes]
        which = " ".join(f"WHEN GROUPING({name}) = 0 THEN {place}" for place, name in enumerate(names))
        facet = " ".join(f"WHEN GROUPING({name}) = 0 THEN {name}" for name in names)
        whole = "GROUPING(o) = 0" if self.outcomes else "false"
        outcome = "o" if self.outcomes else "NULL::VARCHAR"
        return (
            f"WITH t AS (SELECT {', '.join(columns)} FROM {self.source}) "
            f"SELECT CASE {which} END, CASE {facet} END, {whole}, {outcome}, y, p, g, count(*), coalesce(sum(w), 0) "
            f"FROM t GROUP BY GROUPING SETS ({', '.join(sets)})"
        )


def count(con: DuckDBPyConnection, asked: Asked, choices: Sequence[Choice]) -> list[tuple[list[Cell], dict]]:
    """Return for each choice its cells, and `{facet: {outcome: weight}}`; all from one scan."""
    facets = [
        f"{known(c.column, asked.types)}::VARCHAR" if c.is_whole else side(c, asked.types[c.column], "'d'", "'a'")
        for c in choices
    ]
    found = collect(con, asked, facets)
    for choice, (cells, _) in zip(choices, found, strict=True):
        values = {c.facet for c in cells if c.facet is not None}
        if choice.is_whole and len(values) > MOST_VALUES:
            raise InputError(
                f"Column {choice.column!r} has {len(values):,} values; each would be a group of its own.",
                hint=f"Name a value ({choice.column}=…) or, for a number, a threshold ({choice.column}>…).",
            )
    return found


def count_crossings(con: DuckDBPyConnection, asked: Asked, choices: Sequence[Choice]) -> tuple[list[Cell], dict]:
    """Return the cells of an intersection: `facet` is the tuple of the parts' names; None where one of them is unknown."""
    parts = [
        f"{known(c.column, asked.types)}::VARCHAR"
        if c.is_whole
        else side(c, asked.types[c.column], text(c.shown), text(f"not {c.shown}"))
        for c in choices
    ]
    unknown = " OR ".join(f"{part} IS NULL" for part in parts)
    ((cells, outcomes),) = collect(con, asked, [f"(CASE WHEN NOT ({unknown}) THEN [{', '.join(parts)}] END)"])
    groups = {c.facet for c in cells if c.facet is not None}
    if len(groups) > MOST_CROSSINGS:
        names = ", ".join(repr(c.column) for c in choices)
        raise InputError(
            f"The columns {names} make {len(groups):,} groups together; at most {MOST_CROSSINGS} are compared.",
            hint="Cross fewer columns, or name values or a threshold (age>40).",
        )
    return cells, outcomes


def collect(con: DuckDBPyConnection, asked: Asked, facets: Sequence[str]) -> list[tuple[list[Cell], dict]]:
    found: list[tuple[list[Cell], dict]] = [([], {}) for _ in facets]
    for place, facet, is_outcome, outcome, *cell in con.execute(asked.query(facets)).fetchall():
        key = tuple(facet) if isinstance(facet, list) else facet
        if not is_outcome:
            found[place][0].append(Cell(key, *cell))
        elif key is not None and outcome is not None:
            found[place][1].setdefault(key, {})[outcome] = cell[-1]
    return found


def side(choice: Choice, dtype: str, inside: str, outside: str) -> str:
    """Return SQL that names the side of the choice on which a row is; null where that is unknown."""
    return f"(CASE {predicate(choice, dtype)} WHEN true THEN {inside} WHEN false THEN {outside} END)"


def has_few_outcomes(con: DuckDBPyConnection, source: str, good: Choice) -> bool:
    """Return whether the label has three or more values, and few enough to compare them all."""
    if good.operator:
        return False
    few = f"SELECT DISTINCT {ident(good.column)} v FROM {source} WHERE v IS NOT NULL LIMIT {MOST_OUTCOMES + 1}"
    return 2 < one_value(con, f"SELECT count(*) FROM ({few})") <= MOST_OUTCOMES


def parse_choice(written: str, columns: Iterable[str]) -> Choice:
    """Read `sex=Female`, `age>40`, `race=Black,Other` or `sex`; the longest column name that fits is taken."""
    written = written.strip()
    columns = sorted(columns, key=len, reverse=True)
    for column in columns:
        if written == column:
            return Choice(column)
    for column in columns:
        rest = written.removeprefix(column).lstrip() if written.startswith(column) else ""
        operator = next((o for o in OPERATORS if rest.startswith(o)), "")
        if operator:
            said = rest.removeprefix(operator).strip()
            return Choice(column, values=(said,)) if operator == "=" else Choice(column, operator=operator, bound=said)
    name = re.split(r"[<>=]", written, maxsplit=1)[0].strip()
    raise ColumnNotFound.of(name or written, sorted(columns))


def types_of(con, source) -> dict[str, str]:
    relation = con.sql(f"SELECT * FROM {source}")
    return {name: str(dtype) for name, dtype in zip(relation.columns, relation.types, strict=True)}


def check_column(column: str, types: Mapping[str, str]) -> None:
    if column not in types:
        raise ColumnNotFound.of(column, types)


def is_number(dtype: str) -> bool:
    return dtype in NUMBERS or dtype.startswith("DECIMAL")


def known(column: str, types: Mapping[str, str]) -> str:
    """Return SQL for a column with NaN read as missing."""
    name = ident(column)
    return f"(CASE WHEN isnan({name}) THEN NULL ELSE {name} END)" if types[column] in ("FLOAT", "DOUBLE") else name


def predicate(choice: Choice, dtype: str) -> str:
    """Return SQL that is true, false or (for a missing value) null."""
    column = known(choice.column, {choice.column: dtype})
    if choice.operator:
        return (
            f"({column} {choice.operator} CAST({text(choice.bound)} AS {dtype if not is_number(dtype) else 'DOUBLE'}))"
        )
    return f"({column} IN ({', '.join(_literal(v, dtype) for v in choice.values)}))"


def _literal(value: str, dtype: str) -> str:
    return text(value) if dtype == "VARCHAR" else f"CAST({text(value)} AS {dtype})"


def check_choice(choice: Choice, dtype: str) -> None:
    """Raise where a threshold or value does not fit the column's type."""
    import duckdb

    if choice.operator and choice.operator not in OPERATORS:
        raise InputError(f"There is no comparison {choice.operator!r}.", hint=f"Use one of {', '.join(OPERATORS)}.")
    if choice.operator and not (is_number(dtype) or dtype in TIMES):
        raise InputError(
            f"{choice} is a threshold, but column {choice.column!r} is not a number or date ({dtype.lower()}).",
            hint=f"Name a value ({choice.column}=…), or change the column's type with a recipe first.",
        )
    wanted = (
        [(choice.bound, "DOUBLE" if is_number(dtype) else dtype)]
        if choice.operator
        else [(v, dtype) for v in choice.values]
    )
    for said, kind in wanted:
        try:
            with connection() as con:  # one of its own: pages run in threads
                fits = one_value(con, f"SELECT TRY_CAST({text(said)} AS {kind})") is not None
        except duckdb.Error:
            fits = False
        if not fits:
            raise InputError(
                f"{said!r} does not fit column {choice.column!r} ({dtype.lower()}).",
                hint="Write a value as the table shows it.",
            )


def facet_choice(con, source, written: str | Choice, types) -> Choice:
    """Return the group that was written, checked against the table."""
    choice = _read_choice(con, source, written, types) if isinstance(written, str) else written
    check_column(choice.column, types)
    check_choice(choice, types[choice.column])
    return choice


def _read_choice(con, source, written: str, types) -> Choice:
    choice = parse_choice(written, types)
    if len(choice.values) == 1 and "," in choice.values[0]:
        # "Black,Other" means two values, unless the table holds that very text.
        said = f"{ident(choice.column)}::VARCHAR = {text(choice.values[0])}"
        if not one_value(con, f"SELECT count(*) FROM {source} WHERE {said}"):
            return Choice(choice.column, tuple(part.strip() for part in choice.values[0].split(",")))
    return choice


def positive_choice(con, source, label: str, positive, types) -> Choice:
    """Return the favourable outcome; `>40` is a threshold for a number or date, and a plain value for text."""
    if isinstance(positive, str):
        operator = next((o for o in OPERATORS[:4] if positive.strip().startswith(o)), "")
        if operator and (is_number(types[label]) or types[label] in TIMES):
            positive = Choice(label, operator=operator, bound=positive.strip().removeprefix(operator).strip())
        else:
            positive = Choice(label, (positive,))
    elif not isinstance(positive, Choice):
        positive = Choice(label, tuple(positive))
    if not positive.values and not positive.operator:
        raise InputError(
            "No favourable outcome was named.", hint="Name the value (or values) of the label that is good to get."
        )
    check_choice(positive, types[label])
    if not one_value(con, f"SELECT count(*) FROM {source} WHERE {predicate(positive, types[label])}"):
        raise InputError(f"No row has {positive}.", hint=values_hint(con, source, label))
    return positive


def values_hint(con, source, column: str) -> str:
    rows = con.execute(
        f"SELECT {ident(column)}::VARCHAR v FROM {source} WHERE v IS NOT NULL GROUP BY v ORDER BY count(*) DESC, v LIMIT 8"
    ).fetchall()
    return f"Column {column!r} has: {', '.join(value for (value,) in rows)}."
