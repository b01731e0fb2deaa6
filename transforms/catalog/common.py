"""Bases for transforms that differ in one expression: a function of each chosen column, or a new column."""

from __future__ import annotations

from typing import ClassVar

import ibis

from transforms.errors import ParamError
from transforms.fields import Columns, NumericColumns, TextColumns, TimeColumns, param
from transforms.functions import RowFunction
from transforms.transform import Transform


class ColumnFunction(Transform):
    """Apply one function to each chosen column; the result replaces it, or stands beside it under a new name."""

    columns: Columns = param("Columns")
    suffix: str = param("New columns end in", default="", help="Leave empty to replace the columns.")

    def value(self, column):
        """Return the Ibis expression for one column."""
        raise NotImplementedError

    def pandas_value(self, column: str, dtype) -> str:
        """Return the pandas expression for one column, given as code such as `df['a']`."""
        raise NotImplementedError

    def target(self, column: str) -> str:
        return column + self.suffix

    def apply(self, table, state):
        return table.mutate([self.value(table[c]).name(self.target(c)) for c in self.columns])

    def pandas(self, df, state, schema):
        return [f"{df}[{self.target(c)!r}] = {self.pandas_value(f'{df}[{c!r}]', schema[c])}" for c in self.columns]


class NumberFunction(ColumnFunction):
    columns: NumericColumns = param("Columns")


class TextFunction(ColumnFunction):
    columns: TextColumns = param("Columns")


class TimeFunction(ColumnFunction):
    columns: TimeColumns = param("Columns")


class TextCall(TextFunction):
    """Apply one row function to each chosen text column; the subclass names it, and its constants if it has any."""

    function: ClassVar[RowFunction]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs):
        super().__pydantic_init_subclass__(**kwargs)
        if "function" in vars(cls):
            cls.pandas_helpers = cls.function.helpers

    def constants(self) -> dict:
        """Return the keyword arguments of the function (JSON values)."""
        return {}

    def value(self, column):
        return self.function(column, **self.constants())

    def pandas_value(self, column, dtype):
        return self.function.pandas(column, **self.constants())


class FittedNumbers(Transform):
    """Learn a few numbers per chosen column in one query, then change the column with them."""

    serving: ClassVar = "fitted"
    columns: NumericColumns = param("Columns")

    def learn(self, column) -> dict:
        """Return {name: Ibis aggregate} for one float column without NaN."""
        raise NotImplementedError

    def value(self, column, learnt: dict):
        raise NotImplementedError

    def pandas_value(self, column: str, learnt: dict) -> str:
        raise NotImplementedError

    def finish(self, column: str, learnt: dict) -> dict:
        """Turn what the query gave into the state of one column; raise FitError where nothing can be learnt."""
        return learnt

    def fit(self, table):
        from transforms.reading import one_row
        from transforms.schema import known

        asked = {(i, n): e for i, c in enumerate(self.columns) for n, e in self.learn(known(table[c])).items()}
        got = one_row(table.aggregate([e.name(f"{n}_{i}") for (i, n), e in asked.items()]))
        return {c: self.finish(c, {n: got[f"{n}_{i}"] for j, n in asked if j == i}) for i, c in enumerate(self.columns)}

    def apply(self, table, state):
        from transforms.schema import known

        return table.mutate([self.value(known(table[c]), learnt).name(c) for c, learnt in state.items()])

    def pandas(self, df, state, schema):
        return [f"{df}[{c!r}] = {self.pandas_value(f'{df}[{c!r}].astype({chr(39)}Float64{chr(39)})', v)}" for c, v in state.items()]  # fmt: skip


def no_nan(value):
    """Return a float expression whose NaN (a number that does not exist) is missing."""
    return value.isnan().ifelse(ibis.null("float64"), value)


def new_name(name: str, schema) -> str:
    """Refuse a new column name that the table has already."""
    if name in schema:
        raise ParamError(f"column {name!r} exists already.", hint="Choose another name for the new column.")
    return name


def spare_names(table, count: int) -> list[str]:
    """Return names for columns that a step needs on the way only; the table has none of them."""
    candidates = (f"__spare_{i}" for i in range(len(table.columns) + count))
    return [n for n in candidates if n not in table.columns][:count]


def floor(x):
    """Return the floor of a float expression as a float; above 2^52 every float is whole already."""
    return (x.abs() >= 2.0**52).ifelse(x, x.floor().cast("float64"))


def ceiling(x):
    """Return the ceiling of a float expression as a float."""
    return -floor(-x)


def whole_text(x):
    """Return a number as text, whole ones without a fraction: 3 instead of 3.0."""
    whole = (x.abs() < 1e15) & (x == floor(x))
    return whole.ifelse(x.cast("int64").cast("string"), x.cast("string"))
