"""The rules that a dataset can be held to. One small class each: what it says, and the SQL that counts what breaks it.

A missing value (NULL, and NaN in floats) breaks no rule but "not missing". Three families: a row rule is a condition of
one row; a set rule needs other rows to judge one; a table rule judges the table as a whole.
"""

from __future__ import annotations

import datetime as dt
import functools
import uuid
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from insights.profile import kind_of
from transforms.errors import InputError, did_you_mean
from workspace.sql import connection, ident, text

PLACE = "_tilth_place"  # the column that tells where a row stands
KIND_WORDS = {"number": "a number", "time": "a time", "text": "text", "bool": "yes or no", "other": "of another kind"}
Types = Mapping[str, str]  # column → DuckDB's type
Value = bool | int | float | str
Bound = Annotated[int, Field(strict=True)] | Annotated[float, Field(allow_inf_nan=False, strict=True)] | str | None


class Rule(BaseModel):
    """One rule. `tolerance` is the share of rows (0-1) that may break it; table rules have none."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    label: ClassVar[str] = ""
    family: ClassVar[Literal["row", "set", "table"]] = "row"
    ordered: ClassVar[bool] = False  # whether it is judged by where rows stand

    kind: str
    id: str = Field(default_factory=lambda: uuid.uuid4().hex[:8], min_length=1, max_length=32)
    severity: Literal["stop", "quarantine", "warn"] = "stop"
    tolerance: float = Field(0.0, ge=0, lt=1)
    note: str = ""
    reason: str = ""  # why it was suggested
    enabled: bool = True

    @model_validator(mode="after")
    def _one_row_can_be_singled_out(self):
        if self.family == "table" and self.severity == "quarantine":
            raise ValueError("no row can be put aside for it: choose stop or warn")
        if self.family == "table" and self.tolerance:
            raise ValueError("it has no rows that may break it, so no tolerance")
        return self

    def names(self) -> list[str]:
        """Return the columns that it speaks of."""
        return []

    def says(self) -> str:
        """Return the rule in words, such as `age is between 0 and 120`."""
        raise NotImplementedError

    def problem(self, types: Types) -> str:
        """Return why it cannot be asked of a table with these columns, or ""."""
        for name in self.names():
            if name not in types:
                return f"column {name!r} is not in the table"
        return ""

    def fails(self, types: Types) -> str:
        """Return SQL that is true for a row that breaks it (row rules)."""
        raise NotImplementedError

    def counted(self, source: str, types: Types, tables: Callable[[str], str]) -> str:
        """Return a query for the number of rows that break it (set rules); `tables` gives the SQL of a dataset."""
        return f"SELECT count(*) FROM ({self.places(source, types, tables)})"

    def places(self, source: str, types: Types, tables: Callable[[str], str]) -> str:
        """Return a query for the places of the rows that break it, as column `PLACE` (set rules)."""
        raise NotImplementedError

    def asks(self, types: Types) -> list[str]:
        """Return the aggregates that it judges (table rules)."""
        return []

    def judge(self, rows: int, values: list[Any], now: dt.datetime) -> tuple[bool, str]:
        """Return whether it holds and what was seen (table rules)."""
        raise NotImplementedError


def missing(name: str, types: Types) -> str:
    column = ident(name)
    return f"({column} IS NULL OR isnan({column}))" if types[name] in ("FLOAT", "DOUBLE") else f"({column} IS NULL)"


def literal(value: Any, dtype: str) -> str:
    """Return a bound as SQL for a column of a type."""
    return f"CAST({text(value)} AS {dtype})" if isinstance(value, str) else repr(value)


def listed(values: list, most: int = 6) -> str:
    shown = ", ".join(map(str, values[:most]))
    return f"{shown} and {len(values) - most} more" if len(values) > most else shown


def _between(low: Any, high: Any, unit: str = "") -> str:
    if low is None or high is None:
        return f"at least {_said(low)}{unit}" if high is None else f"at most {_said(high)}{unit}"
    return f"between {_said(low)} and {_said(high)}{unit}"


def _said(value: Any) -> str:
    if isinstance(value, str | bool):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.10g}"


class _OneColumn(Rule):
    column: str = Field(min_length=1)

    def names(self) -> list[str]:
        return [self.column]


class _Bounds(Rule):
    """Rules with a lower and an upper bound, each included; one may be left out."""

    min: Bound = None
    max: Bound = None

    @model_validator(mode="after")
    def _bounds_are_in_order(self):
        if self.min is None and self.max is None:
            raise ValueError("give a lower bound, an upper one, or both")
        if self.min is not None and self.max is not None:
            if isinstance(self.min, str) != isinstance(self.max, str):
                raise ValueError("the two bounds are of different kinds")
            low, high = (_moment(b) if isinstance(b, str) else b for b in (self.min, self.max))
            if low > high:
                raise ValueError("the lower bound is above the upper one")
        return self

    def _inside(self, value: float) -> bool:
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)


def _moment(value: str) -> dt.datetime:
    found = dt.datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


class _NumberBounds(_Bounds):
    min: Annotated[float, Field(allow_inf_nan=False)] | None = None
    max: Annotated[float, Field(allow_inf_nan=False)] | None = None


class ColumnExists(_OneColumn):
    label = "Column is there"
    family = "table"
    kind: Literal["column"] = "column"
    type: str | None = None  # as `workspace.sql.type_name` spells it; None: any

    def says(self) -> str:
        return f"column {self.column} is there" + (f" with type {self.type}" if self.type else "")

    def problem(self, types: Types) -> str:
        return ""  # a missing column is what it judges; `expectations.checking` asks it with the schema


class NotMissing(_OneColumn):
    label = "Not missing"
    kind: Literal["not_missing"] = "not_missing"

    def says(self) -> str:
        return f"{self.column} is not missing" + (f" in at least {1 - self.tolerance:.4g} of the rows" if self.tolerance else "")  # fmt: skip

    def fails(self, types: Types) -> str:
        return missing(self.column, types)


class InSet(_OneColumn):
    label = "One of these values"
    kind: Literal["in_set"] = "in_set"
    values: list[Value] = Field(min_length=1, max_length=10_000)

    def says(self) -> str:
        return f"{self.column} is one of {listed(self.values)}"

    def fails(self, types: Types) -> str:
        numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in self.values)
        if numbers and kind_of(types[self.column]) == "number":
            return f"NOT {missing(self.column, types)} AND {ident(self.column)} NOT IN ({', '.join(map(repr, self.values))})"  # fmt: skip
        values = ", ".join(text(str(v).lower() if isinstance(v, bool) else str(v)) for v in self.values)
        return f"NOT {missing(self.column, types)} AND {ident(self.column)}::VARCHAR NOT IN ({values})"


class Range(_Bounds, _OneColumn):
    label = "Between two bounds"
    kind: Literal["range"] = "range"

    @field_validator("min", "max")
    @classmethod
    def _texts_are_times(cls, value):
        if isinstance(value, str):
            try:
                dt.datetime.fromisoformat(value)
            except ValueError:
                raise ValueError(f"{value!r} is neither a number nor a date such as 2024-12-31") from None
        return value

    def says(self) -> str:
        return f"{self.column} is {_between(self.min, self.max)}"

    def problem(self, types: Types) -> str:
        if found := super().problem(types):
            return found
        wanted = "time" if isinstance(self.max if self.min is None else self.min, str) else "number"
        seen = kind_of(types[self.column])
        if seen != wanted:
            return f"the bounds are {'times' if wanted == 'time' else 'numbers'}, but column {self.column!r} is {KIND_WORDS[seen]}"  # fmt: skip
        return ""

    def fails(self, types: Types) -> str:
        x, dtype = ident(self.column), types[self.column]
        parts = [f"{x} < {literal(self.min, dtype)}"] if self.min is not None else []
        parts += [f"{x} > {literal(self.max, dtype)}"] if self.max is not None else []
        return f"NOT {missing(self.column, types)} AND ({' OR '.join(parts)})"


class _TextRule(_OneColumn):
    def problem(self, types: Types) -> str:
        if found := super().problem(types):
            return found
        if kind_of(types[self.column]) != "text":
            return f"it needs text, but column {self.column!r} is {KIND_WORDS[kind_of(types[self.column])]}"
        return ""


@functools.lru_cache(maxsize=256)
def _pattern_problem(pattern: str) -> str:
    """Return what DuckDB (RE2) has against a pattern, or ""."""
    import duckdb

    with connection() as con:
        try:
            con.execute("SELECT regexp_full_match('', ?::VARCHAR)", [pattern]).fetchall()
        except duckdb.Error as error:
            return str(error).splitlines()[0].partition(": ")[2][:200]
    return ""


class Matches(_TextRule):
    label = "Matches a pattern"
    kind: Literal["matches"] = "matches"
    pattern: str = Field(min_length=1, max_length=2000)  # a regular expression (RE2) for the whole text

    @field_validator("pattern")
    @classmethod
    def _can_be_read(cls, value):
        if found := _pattern_problem(value):
            raise ValueError(f"the pattern cannot be read: {found}")
        return value

    def says(self) -> str:
        return f"{self.column} matches {self.pattern}"

    def fails(self, types: Types) -> str:
        return f"NOT regexp_full_match({ident(self.column)}, {text(self.pattern)})"


class Length(_NumberBounds, _TextRule):
    label = "Length of the text"
    kind: Literal["length"] = "length"
    min: Annotated[int, Field(ge=0)] | None = None
    max: Annotated[int, Field(ge=0)] | None = None

    def says(self) -> str:
        return f"{self.column} has {_between(self.min, self.max)} characters"

    def fails(self, types: Types) -> str:
        n = f"length({ident(self.column)})"
        parts = [f"{n} < {self.min}"] if self.min is not None else []
        return " OR ".join(parts + ([f"{n} > {self.max}"] if self.max is not None else []))


class NotAbove(_OneColumn):
    label = "One column is not above another"
    kind: Literal["not_above"] = "not_above"
    other: str = Field(min_length=1)
    strict: bool = False  # also not equal

    def names(self) -> list[str]:
        return [self.column, self.other]

    def says(self) -> str:
        return f"{self.column} is {'below' if self.strict else 'not above'} {self.other}"

    def problem(self, types: Types) -> str:
        if found := super().problem(types):
            return found
        kinds = [kind_of(types[name]) for name in self.names()]
        if kinds[0] != kinds[1] or kinds[0] == "other":
            return f"{self.column!r} and {self.other!r} cannot be compared: one is {KIND_WORDS[kinds[0]]}, the other {KIND_WORDS[kinds[1]]}"  # fmt: skip
        return ""

    def fails(self, types: Types) -> str:
        known = f"NOT {missing(self.column, types)} AND NOT {missing(self.other, types)}"
        return f"{known} AND {ident(self.column)} {'>=' if self.strict else '>'} {ident(self.other)}"


class Condition(Rule):
    label = "Own SQL condition"
    kind: Literal["condition"] = "condition"
    condition: str = Field(min_length=1, max_length=10_000)  # of one row, as after WHERE

    @field_validator("condition")
    @classmethod
    def _of_one_row_and_pure(cls, value):
        _expression(value)
        return value

    def names(self) -> list[str]:
        from sqlglot import exp

        return list(dict.fromkeys(c.name for c in _expression(self.condition).find_all(exp.Column)))

    def problem(self, types: Types) -> str:
        known = {name.lower() for name in types}  # SQL does not tell cases apart
        gone = [name for name in self.names() if name.lower() not in known]
        return f"column {gone[0]!r} is not in the table" if gone else ""

    def says(self) -> str:
        return f"{self.condition.strip()}"

    def fails(self, types: Types) -> str:
        from transforms.engines import DuckDB2

        # What was checked is the tree written again, never the text itself. NULL holds, as in a CHECK of SQL.
        return f"NOT ({_expression(self.condition).sql(dialect=DuckDB2, comments=False)})"


def _expression(condition: str):
    """Return the tree of a condition of one row that calls pure functions only and reads nothing else."""
    from sqlglot import exp

    from transforms.own_sql import checked

    tree = checked(f"SELECT (\n{condition}\n) AS holds FROM main")
    parts = {key for key, value in tree.args.items() if value} - {"expressions", "from_", "from"}
    if not isinstance(tree, exp.Select) or parts or len(tree.expressions) != 1 or len(list(tree.find_all(exp.Query))) != 1:  # fmt: skip
        raise ValueError("write one condition of a row, such as price > 0 AND city <> ''")
    if tree.find(exp.AggFunc, exp.Window, exp.Star):
        raise ValueError("a condition speaks of one row: it cannot add up or look at other rows")
    return tree.expressions[0].this


class Unique(Rule):
    label = "Unique"
    family = "set"
    kind: Literal["unique"] = "unique"
    columns: list[str] = Field(min_length=1)

    def names(self) -> list[str]:
        return list(self.columns)

    def says(self) -> str:
        return f"{' with '.join(self.columns)} is unique"

    def _known(self, types: Types) -> str:
        return " AND ".join(f"NOT {missing(name, types)}" for name in self.columns)

    def counted(self, source, types, tables) -> str:
        keys = ", ".join(map(ident, self.columns))
        return f"SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM {source} WHERE {self._known(types)} GROUP BY {keys})"  # fmt: skip

    def places(self, source, types, tables) -> str:
        keys = ", ".join(map(ident, self.columns))
        first = f"row_number() OVER (PARTITION BY {keys} ORDER BY {PLACE})"
        return f"SELECT {PLACE} FROM {source} WHERE {self._known(types)} QUALIFY {first} > 1"


class NoDuplicates(Rule):
    label = "No duplicate rows"
    family = "set"
    kind: Literal["no_duplicates"] = "no_duplicates"

    def says(self) -> str:
        return "no row is there twice"

    def counted(self, source, types, tables) -> str:
        keys = ", ".join(map(ident, types))
        return f"SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM {source} GROUP BY {keys})"

    def places(self, source, types, tables) -> str:
        keys = ", ".join(map(ident, types))
        return f"SELECT {PLACE} FROM {source} QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {PLACE}) > 1"


class Monotone(_OneColumn):
    label = "Only rises, or only falls"
    family = "set"
    ordered = True
    kind: Literal["monotone"] = "monotone"
    falling: bool = False
    strict: bool = False  # equal neighbours break it too

    def says(self) -> str:
        return f"{self.column} only {'falls' if self.falling else 'rises'}" + (" and never stays" if self.strict else "")  # fmt: skip

    def places(self, source, types, tables) -> str:
        # Held against the furthest value before it, so that what is left without the failing rows does rise.
        x = ident(self.column)
        before = f"{'min' if self.falling else 'max'}(x) OVER (ORDER BY {PLACE} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"  # fmt: skip
        worse = (">" if self.falling else "<") + ("=" if self.strict else "")
        known = f"SELECT {PLACE}, {x} AS x FROM {source} WHERE NOT {missing(self.column, types)}"
        return f"SELECT {PLACE} FROM ({known}) QUALIFY x {worse} {before}"


class ForeignKey(Rule):
    label = "Found in another dataset"
    family = "set"
    kind: Literal["foreign_key"] = "foreign_key"
    columns: list[str] = Field(min_length=1)
    dataset: str = Field(min_length=1)  # NAME (the newest) or NAME@3
    other_columns: list[str] = Field(default_factory=list)  # default: of the same names

    @model_validator(mode="after")
    def _as_many_columns(self):
        if self.other_columns and len(self.other_columns) != len(self.columns):
            raise ValueError("name as many columns there as here")
        return self

    def names(self) -> list[str]:
        return list(self.columns)

    def says(self) -> str:
        there = self.other_columns or self.columns
        where = "" if there == self.columns else f" ({', '.join(there)})"
        return f"{' with '.join(self.columns)} is found in {self.dataset}{where}"

    def _found(self, source, types, tables, what: str) -> str:
        there = self.other_columns or self.columns
        # As text: the same key may be a whole number here and text there.
        keys = ", ".join(f"{ident(c)}::VARCHAR AS k{i}" for i, c in enumerate(there))
        same = " AND ".join(f"s.{ident(c)}::VARCHAR = o.k{i}" for i, c in enumerate(self.columns))
        known = " AND ".join(f"NOT {missing(c, types)}" for c in self.columns)
        return (
            f"SELECT {what} FROM (SELECT * FROM {source} WHERE {known}) s "
            f"ANTI JOIN (SELECT {keys} FROM {tables(self.dataset)}) o ON {same}"
        )

    def counted(self, source, types, tables) -> str:
        return self._found(source, types, tables, "count(*)")

    def places(self, source, types, tables) -> str:
        return self._found(source, types, tables, PLACE)


class RowCount(_NumberBounds):
    label = "Number of rows"
    family = "table"
    kind: Literal["row_count"] = "row_count"
    min: Annotated[int, Field(ge=0)] | None = None
    max: Annotated[int, Field(ge=0)] | None = None

    def says(self) -> str:
        return f"there are {_between(self.min, self.max)} rows"

    def judge(self, rows, values, now) -> tuple[bool, str]:
        return self._inside(rows), f"{rows:,} rows"


class _Figure(_NumberBounds, _OneColumn):
    """A figure of a number column; infinity does not count."""

    family = "table"

    def problem(self, types: Types) -> str:
        if found := super().problem(types):
            return found
        seen = kind_of(types[self.column])
        return "" if seen == "number" else f"it needs a number, but column {self.column!r} is {KIND_WORDS[seen]}"

    def value(self, types: Types) -> str:
        x = ident(self.column)
        return f"CASE WHEN isfinite({x}::DOUBLE) THEN {x}::DOUBLE END"

    def judge(self, rows, values, now) -> tuple[bool, str]:
        (found,) = values
        return (False, "no known value") if found is None else (self._inside(found), f"{found:,.6g}")


class Mean(_Figure):
    label = "Mean"
    kind: Literal["mean"] = "mean"

    def says(self) -> str:
        return f"the mean of {self.column} is {_between(self.min, self.max)}"

    def asks(self, types: Types) -> list[str]:
        return [f"avg({self.value(types)})"]


class Quantile(_Figure):
    label = "Quantile"
    kind: Literal["quantile"] = "quantile"
    q: float = Field(0.5, ge=0, le=1)  # 0.5 is the median

    def says(self) -> str:
        which = "median" if self.q == 0.5 else f"{self.q:g} quantile"
        return f"the {which} of {self.column} is {_between(self.min, self.max)}"

    def asks(self, types: Types) -> list[str]:
        return [f"quantile_cont({self.value(types)}, {self.q!r})"]


class Fresh(_OneColumn):
    label = "Newest time is recent"
    family = "table"
    kind: Literal["fresh"] = "fresh"
    max_age_h: float = Field(gt=0, allow_inf_nan=False)  # hours between the newest time and the check

    def says(self) -> str:
        words = f"{self.max_age_h / 24:g} days" if self.max_age_h >= 48 else f"{self.max_age_h:g} hours"
        return f"the newest {self.column} is at most {words} old"

    def problem(self, types: Types) -> str:
        if found := super().problem(types):
            return found
        seen = kind_of(types[self.column])
        return "" if seen == "time" else f"it needs a time, but column {self.column!r} is {KIND_WORDS[seen]}"

    def asks(self, types: Types) -> list[str]:
        x = ident(self.column)
        return [f"epoch_us(max({x}::TIMESTAMP) FILTER (isfinite({x})))"]

    def judge(self, rows, values, now) -> tuple[bool, str]:
        (newest,) = values
        if newest is None:
            return False, "no known time"
        at = dt.datetime.fromtimestamp(newest / 1e6, dt.UTC)
        return now - at <= dt.timedelta(hours=self.max_age_h), f"{at:%Y-%m-%d %H:%M} UTC"


KINDS: dict[str, type[Rule]] = {
    c.model_fields["kind"].default: c
    for c in (ColumnExists, NotMissing, Unique, InSet, Range, Matches, Length, Monotone, NotAbove, RowCount, Mean, Quantile,
              ForeignKey, Fresh, NoDuplicates, Condition)
}  # fmt: skip
_ANY = {kind: TypeAdapter(c) for kind, c in KINDS.items()}


def rule_from(content: Mapping[str, Any]) -> Rule:
    """Return the rule of a JSON object.

    Raises:
        InputError: no such kind, or a setting that is not allowed; all of them in one sentence.
    """
    if not isinstance(content, Mapping):
        raise InputError("A rule is an object with a kind.", hint=f"Kinds: {', '.join(KINDS)}.")
    kind = str(content.get("kind", ""))
    if kind not in KINDS:
        raise InputError(f"There is no rule of the kind {kind!r}.", hint=did_you_mean(kind, KINDS, "Kinds: ", most=20))
    try:
        return _ANY[kind].validate_python(dict(content))
    except ValidationError as error:
        found = dict.fromkeys(_words(e) for e in error.errors())
        raise InputError(f"The rule {kind!r} cannot be used: {'; '.join(found)}.") from None


def _words(error) -> str:
    said = str(error["msg"]).removeprefix("Value error, ")
    where = ".".join(str(part) for part in error["loc"][:1])
    said = said if said[1:2].isupper() else said[:1].lower() + said[1:]  # SQL words stay
    return (f"{where}: {said}" if where else said).rstrip(".")
