"""Reshape: columns into rows and rows into columns."""

from __future__ import annotations

from typing import ClassVar, Literal

import ibis

from transforms.catalog.encode import as_text, text_like
from transforms.errors import FitError, ParamError
from transforms.fields import Column, Columns, NewColumn, NumberColumn, param
from transforms.reading import rows
from transforms.schema import known
from transforms.transform import Example, Transform, register


@register
class Unpivot(Transform):
    """Turn columns into rows: one row for each chosen column, with its name and its value.

    The values must be of one kind; numbers become float64. The other columns repeat.
    """

    name: ClassVar = "reshape.unpivot"
    label: ClassVar = "Unpivot (columns to rows)"
    serving: ClassVar = "batch"
    covers: ClassVar = ("unpivot_longer",)
    words: ClassVar = ("melt", "UNPIVOT", "wide to long", "gather")
    examples: ClassVar = (
        Example({"columns": ["x", "y"], "name_to": "k", "value_to": "v"}, before={"id": [1, 2], "x": [1, 2], "y": [3.5, None]}, after={"id": [1, 2, 1, 2], "k": ["x", "x", "y", "y"], "v": [1.0, 2.0, 3.5, None]}),
    )  # fmt: skip

    columns: Columns = param("Columns to turn into rows")
    name_to: NewColumn = param("Column for the names", default="name")
    value_to: NewColumn = param("Column for the values", default="value")

    def check_columns(self, schema):
        super().check_columns(schema)
        if not (len({schema[c] for c in self.columns}) == 1 or all(schema[c].is_numeric() for c in self.columns)):
            raise ParamError("the columns have different kinds.", hint="Change their types first.")
        rest = [c for c in schema if c not in self.columns]
        if self.name_to == self.value_to or self.name_to in rest or self.value_to in rest:
            raise ParamError("the new names must differ from each other and from the columns that stay.")

    def apply(self, table, state):
        rest = [c for c in table.columns if c not in self.columns]
        numeric = table.schema()[self.columns[0]].is_numeric()
        parts = [
            table.select(
                [
                    *(table[c] for c in rest),
                    ibis.literal(c).name(self.name_to),
                    (known(table[c]) if numeric else table[c]).name(self.value_to),
                ]
            )
            for c in self.columns
        ]
        return ibis.union(*parts) if len(parts) > 1 else parts[0]

    def pandas(self, df, state, schema):
        rest = [c for c in schema if c not in self.columns]
        numeric = schema[self.columns[0]].is_numeric()
        cast = f".astype({dict.fromkeys(self.columns, 'Float64')!r})" if numeric else ""
        return [
            f"parts = [{df}{cast}[{rest!r} + [c]].set_axis({[*rest, self.value_to]!r}, axis=1) for c in {list(self.columns)!r}]",
            f"names = [pd.Series(c, index={df}.index, dtype='string') for c in {list(self.columns)!r}]",
            f"{df} = pd.concat([part.assign(**{{{self.name_to!r}: n}}) for part, n in zip(parts, names)], ignore_index=True)[{[*rest, self.name_to, self.value_to]!r}]",
        ]


@register
class Pivot(Transform):
    """Turn the values of one column into columns, with a statistic of another in the cells.

    Rows: one per combination of the row columns. The new columns are those seen in training, in alphabetical order, so
    later data give the same columns. An empty cell is missing.
    """

    name: ClassVar = "reshape.pivot"
    label: ClassVar = "Pivot (rows to columns)"
    serving: ClassVar = "batch"
    covers: ClassVar = ("pivot_wider",)
    words: ClassVar = ("PIVOT", "crosstab", "long to wide", "spread")
    examples: ClassVar = (
        Example({"rows_by": ["g"], "column": "k", "value": "v"}, before={"g": ["a", "a", "b"], "k": ["x", "y", "x"], "v": [1.0, 2.0, 3.0]}, after={"g": ["a", "b"], "x": [1.0, 3.0], "y": [2.0, None]}),
        Example({"rows_by": ["g"], "column": "k", "value": "v", "statistic": "count", "prefix": "n_"}, before={"g": ["a", "a"], "k": ["x", "x"], "v": [1, None]}, after={"g": ["a"], "n_x": [1.0]}),
    )  # fmt: skip

    rows_by: Columns = param("Rows by")
    column: Column = param("Columns from the values of")
    value: NumberColumn = param("Numbers from")
    statistic: Literal["sum", "mean", "min", "max", "count"] = param("Statistic", default="sum")
    prefix: str = param("New columns start with", default="")

    def check_columns(self, schema):
        super().check_columns(schema)
        text_like(schema, [self.column])
        if self.column in self.rows_by:
            raise ParamError(f"column {self.column!r} cannot give both rows and columns.")

    def open_prefixes(self):
        return (self.prefix,)

    def fit(self, table):
        text = table[self.column].cast("string")
        found = sorted(r["v"] for r in rows(table.filter(text.notnull()).select(text.name("v")).distinct().limit(1001)))
        if len(found) > 1000:
            raise FitError(f"column {self.column!r} has more than 1,000 values.", hint="Group rare values first.")
        if clash := [v for v in found if self.prefix + v in self.rows_by]:
            raise FitError(f"the new column {self.prefix + clash[0]!r} would meet a row column.", hint="Give a prefix.")
        return {"values": found}

    def apply(self, table, state):
        text, x = table[self.column].cast("string"), known(table[self.value])
        cells = [
            getattr((text == v).ifelse(x, ibis.null("float64")), self.statistic)().cast("float64").name(self.prefix + v)
            for v in state["values"]
        ]
        grouped = table.group_by([table[c] for c in self.rows_by])
        return grouped.aggregate(cells) if cells else table.select([table[c] for c in self.rows_by]).distinct()

    def pandas(self, df, state, schema):
        from transforms.catalog.group import _types

        how = {"sum": "sum(min_count=1)"}.get(self.statistic, f"{self.statistic}()")
        names = {v: self.prefix + v for v in state["values"]}
        cast = _types(self.rows_by, schema)
        return [
            f"text, x = {as_text(f'{df}[{self.column!r}]', schema[self.column])}, {df}[{self.value!r}].astype('Float64')",
            f"keys = [{df}[c] for c in {list(self.rows_by)!r}]",
            f"cells = {{name: x.where((text == value).fillna(False)).groupby(keys, dropna=False, sort=False).{how}.astype('Float64') for value, name in {names!r}.items()}}",
            f"{df} = pd.DataFrame(cells).reset_index().astype({cast!r})"
            if names
            else f"{df} = {df}[{list(self.rows_by)!r}].drop_duplicates()",
        ]
