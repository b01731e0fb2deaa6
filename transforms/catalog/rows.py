"""Rows: filter, sort, limit, duplicates, flags, conditional edits. A table has no order of its own: steps that need one ask for it."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import spare_names
from transforms.catalog.missing import typed
from transforms.errors import ColumnNotFound, ParamError
from transforms.fields import (
    Column,
    Columns,
    NewColumn,
    NumberColumn,
    OrderableColumn,
    OrderableColumns,
    Settings,
    SomeColumns,
    TextColumn,
    TimeColumn,
    param,
)
from transforms.reading import rows
from transforms.transform import Example, Transform, register

Test = Literal["equals", "is not", "is greater than", "is at least", "is less than", "is at most", "is between", "is one of", "is none of",
               "contains", "does not contain", "starts with", "ends with", "is missing", "is not missing", "is true", "is false"]  # fmt: skip
NO_VALUE = ("is missing", "is not missing", "is true", "is false")
TEXT_ONLY = ("contains", "does not contain", "starts with", "ends with")


class Condition(Settings):
    """A test of one column. A missing value passes only "is missing", "is not", "is none of" and "does not contain"."""

    column: Column = param("Column")
    test: Test = param("Condition", default="equals")
    value: str = param(
        "Value", default="", help="Read as the column's type. For lists: one value per comma; between: two values."
    )

    def values(self) -> list[str]:
        many = self.test in ("is one of", "is none of", "is between")
        return [v.strip() for v in self.value.split(",")] if many else [self.value]

    def check(self, schema) -> None:
        dtype = schema[self.column]
        if self.test in NO_VALUE:
            if self.test in ("is true", "is false") and not dtype.is_boolean():
                raise ParamError(f"column {self.column!r} is not true/false.", hint="Use another condition.")
            return
        if self.test in TEXT_ONLY and not dtype.is_string():
            raise ParamError(f"{self.test!r} needs text, but column {self.column!r} is {dtype}.")
        if self.test == "is between" and len(self.values()) != 2:
            raise ParamError(f"'is between' needs two values with a comma, not {self.value!r}.")
        for value in self.values():
            self.python(value, dtype)

    def python(self, value: str, dtype):
        """Return a typed Python value; raise ParamError if the text does not fit the column."""
        try:
            if dtype.is_integer() or dtype.is_floating():
                return float(value) if not value.strip().lstrip("+-").isdigit() else int(value)
            if dtype.is_boolean():
                return {"true": True, "false": False}[value.strip().lower()]
            if dtype.is_date():
                return date.fromisoformat(value)
            if dtype.is_timestamp():
                return datetime.fromisoformat(value)
        except (ValueError, KeyError) as error:
            raise ParamError(f"{value!r} does not fit column {self.column!r} ({dtype}).") from error
        return value

    def expression(self, table):
        """Return a boolean expression that is never missing."""
        x = table[self.column]
        if self.test in NO_VALUE:
            return {
                "is missing": x.isnull,
                "is not missing": x.notnull,
                "is true": lambda: x.fill_null(False),
                "is false": lambda: (~x).fill_null(False),
            }[self.test]()
        values = [literal(self.python(v, x.type()), x.type()) for v in self.values()]
        v = values[0]
        test = {
            "equals": lambda: x == v,
            "is not": lambda: x != v,
            "is greater than": lambda: x > v,
            "is at least": lambda: x >= v,
            "is less than": lambda: x < v,
            "is at most": lambda: x <= v,
            "is between": lambda: (x >= v) & (x <= values[1]),
            "is one of": lambda: x.isin(values),
            "is none of": lambda: x.notin(values),
            "contains": lambda: x.contains(v),
            "does not contain": lambda: ~x.contains(v),
            "starts with": lambda: x.startswith(v),
            "ends with": lambda: x.endswith(v),
        }[self.test]()
        return test.fill_null(self.test in ("is not", "is none of", "does not contain"))

    def pandas(self, df: str, schema) -> str:
        x, dtype = f"{df}[{self.column!r}]", schema[self.column]
        if self.test in NO_VALUE:
            return {
                "is missing": f"{x}.isna()",
                "is not missing": f"{x}.notna()",
                "is true": f"{x}.fillna(False)",
                "is false": f"(~{x}).fillna(False)",
            }[self.test]
        values = [self.python(v, dtype) for v in self.values()]
        code = [f"pd.Timestamp({v.isoformat()!r})" if isinstance(v, date) else repr(v) for v in values]
        if getattr(dtype, "timezone", None):
            code = [f"pd.Timestamp({v.isoformat()!r}, tz='UTC')" for v in values]
        v = code[0]
        test = {
            "equals": f"({x} == {v})", "is not": f"({x} != {v})", "is greater than": f"({x} > {v})", "is at least": f"({x} >= {v})",
            "is less than": f"({x} < {v})", "is at most": f"({x} <= {v})", "is between": f"(({x} >= {v}) & ({x} <= {code[-1]}))",
            "is one of": f"{x}.isin([{', '.join(code)}])", "is none of": f"~{x}.isin([{', '.join(code)}])",
            "contains": f"{x}.str.contains({v}, regex=False)", "does not contain": f"~{x}.str.contains({v}, regex=False)",
            "starts with": f"{x}.str.startswith({v})", "ends with": f"{x}.str.endswith({v})",
        }[self.test]  # fmt: skip
        keep = self.test in ("is not", "is none of", "does not contain")
        fill = f".astype('boolean').where({x}.notna(), {keep})"
        return f"({test}){fill}"


def literal(value, dtype):
    if dtype.is_timestamp():
        return ibis.literal(value.isoformat(sep=" ") if value.tzinfo is None else value.isoformat()).cast(dtype)
    return ibis.literal(value)


class ByConditions(Transform):
    """A choice of rows by conditions that must all hold, or of which one must hold."""

    conditions: tuple[Condition, ...] = param("Conditions", min_length=1)
    match: Literal["all", "any"] = param("Rows must meet", default="all")

    def check_columns(self, schema):
        super().check_columns(schema)
        for condition in self.conditions:
            condition.check(schema)

    def chosen(self, table):
        tests = [c.expression(table) for c in self.conditions]
        return ibis.and_(*tests) if self.match == "all" else ibis.or_(*tests)

    def pandas_chosen(self, df: str, schema) -> str:
        return (" & " if self.match == "all" else " | ").join(c.pandas(df, schema) for c in self.conditions)


def one(test, value="", column="a"):
    return {"conditions": [{"column": column, "test": test, "value": value}]}


@register
class FilterRows(ByConditions):
    """Keep (or drop) the rows that meet conditions."""

    name: ClassVar = "rows.filter"
    label: ClassVar = "Filter rows"
    covers: ClassVar = ("filter_rows", "filter_by_value", "filter_by_range", "filter_by_date")
    words: ClassVar = ("where", "REMOVE_VALUES", "query", "keep rows", "delete rows")
    examples: ClassVar = (
        Example(one("is at least", "2"), before={"a": [1, 2, None, 3]}, after={"a": [2, 3]}),
        Example(one("equals", "x") | {"action": "drop"}, before={"a": ["x", "y", None]}, after={"a": ["y", None]}),
        Example(one("is not", "x"), before={"a": ["x", "y", None]}, after={"a": ["y", None]}),
        Example(one("is between", "1.5, 3"), before={"a": [1.0, 2.0, 3.0, None]}, after={"a": [2.0, 3.0]}),
        Example(one("is one of", "a, c"), before={"a": ["a", "b", "c", None]}, after={"a": ["a", "c"]}),
        Example(one("is none of", "1, 2"), before={"a": [1, 3, None]}, after={"a": [3, None]}),
        Example(one("contains", "b"), before={"a": ["abc", "x", None]}, after={"a": ["abc"]}),
        Example(one("does not contain", "b"), before={"a": ["abc", "x", None]}, after={"a": ["x", None]}),
        Example(one("starts with", "a"), before={"a": ["abc", "ba"]}, after={"a": ["abc"]}),
        Example(one("ends with", "a"), before={"a": ["abc", "ba"]}, after={"a": ["ba"]}),
        Example(one("is missing"), before={"a": ["x", None]}, after={"a": [None]}, after_types={"a": "string"}),
        Example(one("is not missing"), before={"a": [1, None]}, after={"a": [1]}),
        Example(one("is true"), before={"a": [True, False, None]}, after={"a": [True]}),
        Example(one("is false"), before={"a": [True, False, None]}, after={"a": [False]}),
        Example(one("is greater than", "2024-01-01"), before={"a": ["2023-12-31T00:00:00", "2024-01-02T00:00:00"]}, after={"a": ["2024-01-02T00:00:00"]}, types={"a": "timestamp"}),
        Example(one("is less than", "0"), before={"a": [-1, 0, 1]}, after={"a": [-1]}),
        Example(one("is at most", "0"), before={"a": [-1, 0, 1]}, after={"a": [-1, 0]}),
        Example({"match": "any", "conditions": [{"column": "a", "test": "equals", "value": "1"}, {"column": "b", "test": "is missing"}]},
                before={"a": [1, 2, 3], "b": ["x", None, "y"]}, after={"a": [1, 2], "b": ["x", None]}),
    )  # fmt: skip

    action: Literal["keep", "drop"] = param(
        "And", default="keep", help="Keep the rows that meet the conditions, or drop them."
    )

    def apply(self, table, state):
        chosen = self.chosen(table)
        return table.filter(chosen if self.action == "keep" else ~chosen)

    def pandas(self, df, state, schema):
        sign = "" if self.action == "keep" else "~"
        return [f"{df} = {df}[{sign}({self.pandas_chosen(df, schema)})]"]


@register
class FlagRows(ByConditions):
    """Add a true/false column that tells which rows meet conditions."""

    name: ClassVar = "rows.flag"
    label: ClassVar = "Flag rows"
    covers: ClassVar = ("flag_rows_where",)
    words: ClassVar = ("indicator", "boolean column", "mark rows")
    examples: ClassVar = (
        Example(
            one("is greater than", "1") | {"to": "big"},
            before={"a": [1, 2, None]},
            after={"a": [1, 2, None], "big": [False, True, False]},
        ),
    )

    to: NewColumn = param("New column")

    def apply(self, table, state):
        return table.mutate(self.chosen(table).name(self.to))

    def pandas(self, df, state, schema):
        return [f"{df}[{self.to!r}] = ({self.pandas_chosen(df, schema)}).astype('boolean')"]


@register
class SetValuesWhere(ByConditions):
    """Set a column to a value (or to missing) in the rows that meet conditions."""

    name: ClassVar = "rows.set_values"
    label: ClassVar = "Set values where"
    covers: ClassVar = ("set_values_where", "replace_with_missing", "clear_cells_where", "edit_single_cell")
    words: ClassVar = ("conditional edit", "update", "replace with null", "if then")
    examples: ClassVar = (
        Example(
            one("equals", "-999") | {"column": "a", "make": "missing"},
            before={"a": [1, -999, None]},
            after={"a": [1, None, None]},
        ),
        Example(
            one("is missing") | {"column": "a", "value": "unknown"},
            before={"a": ["x", None]},
            after={"a": ["x", "unknown"]},
        ),
        Example(  # one cell, found by its row's key
            one("equals", "7", "id") | {"column": "a", "value": "2.5"},
            before={"id": [6, 7, None], "a": [1.5, 25.0, 3.0]},
            after={"id": [6, 7, None], "a": [1.5, 2.5, 3.0]},
        ),
    )

    column: Column = param("Column to change")
    make: Literal["value", "missing"] = param("Set it to", default="value")
    value: str = param("Value", default="")

    def apply(self, table, state):
        x = table[self.column]
        new = ibis.null(x.type()) if self.make == "missing" else typed(self.value, x.type(), self.column)
        return table.mutate(self.chosen(table).ifelse(new, x).name(self.column))

    def pandas(self, df, state, schema):
        x = f"{df}[{self.column!r}]"
        new = "pd.NA" if self.make == "missing" else f"pd.Series([{self.value!r}], dtype='string').astype({x}.dtype)[0]"
        if self.make == "missing" and schema[self.column].is_temporal():
            new = "pd.NaT"
        return [f"{x} = {x}.mask(({self.pandas_chosen(df, schema)}).astype(bool), {new})"]


@register
class SortRows(Transform):
    """Sort rows by columns; missing values come last, equal rows by the remaining columns."""

    name: ClassVar = "rows.sort"
    label: ClassVar = "Sort rows"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("sort_rows",)
    words: ClassVar = ("order by", "arrange", "SORT")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [2, None, 1]}, after={"a": [1, 2, None]}, ordered=True),
        Example({"columns": ["a", "b"], "descending": True}, before={"a": ["x", "y", "y"], "b": [1, 2, 3]}, after={"a": ["y", "y", "x"], "b": [3, 2, 1]}, ordered=True),
    )  # fmt: skip

    columns: OrderableColumns = param("Sort by")
    descending: bool = param("Greatest first", default=False)

    def apply(self, table, state):
        rest = [c for c in table.columns if c not in self.columns and _sortable(table.schema()[c])]
        keys = [
            table[c].desc(nulls_first=False) if self.descending else table[c].asc(nulls_first=False)
            for c in self.columns
        ]
        return table.order_by([*keys, *(table[c].asc(nulls_first=False) for c in rest)])

    def pandas(self, df, state, schema):
        rest = [c for c in schema if c not in self.columns and _sortable(schema[c])]
        return [
            f"{df} = {df}.sort_values({[*self.columns, *rest]!r}, ascending={[not self.descending] * len(self.columns) + [True] * len(rest)!r}, na_position='last')"
        ]


def _sortable(dtype) -> bool:
    return dtype.is_numeric() or dtype.is_string() or dtype.is_temporal() or dtype.is_boolean()


@register
class KeepTopRows(Transform):
    """Keep the first rows in the order of columns; ties by the remaining columns."""

    name: ClassVar = "rows.top"
    label: ClassVar = "Keep the top rows"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("limit_rows", "sample_first")
    words: ClassVar = ("limit", "head", "first n", "top n")
    examples: ClassVar = (
        Example(
            {"columns": ["a"], "count": 2, "descending": True},
            before={"a": [2, 9, None, 5]},
            after={"a": [9, 5]},
            ordered=True,
        ),
        Example({"columns": ["a"], "count": 1}, before={"a": [2, None, 1]}, after={"a": [1]}, ordered=True),
    )

    columns: OrderableColumns = param("In the order of")
    count: int = param("How many rows", ge=0)
    descending: bool = param("Greatest first", default=False)

    def _sort(self):
        return SortRows(columns=self.columns, descending=self.descending)

    def apply(self, table, state):
        return self._sort().apply(table, None).limit(self.count)

    def pandas(self, df, state, schema):
        return [*self._sort().pandas(df, state, schema), f"{df} = {df}.head({self.count})"]


@register
class DropDuplicates(Transform):
    """Drop rows that repeat in the chosen columns (or in all of them), keeping one of each.

    Which one stays is said by `keep`: the row with the greatest (or smallest) value of `order_by`, ties by the remaining
    columns. Missing values equal each other. Skipped for new records: one record has no duplicate.
    """

    name: ClassVar = "rows.drop_duplicates"
    label: ClassVar = "Drop duplicates"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("drop_duplicates",)
    words: ClassVar = ("distinct", "unique rows", "dedupe", "REMOVE_DUPLICATES")
    examples: ClassVar = (
        Example({}, before={"a": [1, 1, None, None], "b": ["x", "x", "y", "y"]}, after={"a": [1, None], "b": ["x", "y"]}),
        Example({"columns": ["a"], "order_by": "b"}, before={"a": [1, 1, 2], "b": [5, 7, None]}, after={"a": [1, 2], "b": [7, None]}),
        Example({"columns": ["a"], "order_by": "b", "keep": "smallest"}, before={"a": [1, 1, 2], "b": [5, 7, 3]}, after={"a": [1, 2], "b": [5, 3]}),
        Example({"columns": ["a"]}, before={"a": [1, 1], "b": ["y", "x"]}, after={"a": [1], "b": ["x"]}),
    )  # fmt: skip

    columns: SomeColumns = param("Columns that make a duplicate", default=(), help="None: all columns.")
    order_by: Column | None = param(
        "Keep the row with the", default=None, help="A column; leave empty if it does not matter."
    )
    keep: Literal["greatest", "smallest"] = param("Value", default="greatest")

    def apply(self, table, state):
        if not self.columns:
            return table.distinct()
        place = ibis.row_number().over(group_by=[table[c] for c in self.columns], order_by=self._order(table))
        return table.mutate(place.name("__place")).filter(ibis._["__place"] == 0).drop("__place")

    def _order(self, table):
        keys = []
        if self.order_by:
            x = table[self.order_by]
            keys.append(x.desc(nulls_first=False) if self.keep == "greatest" else x.asc(nulls_first=False))
        return keys + [table[c].asc(nulls_first=False) for c in self._rest(table.schema())] or [table[self.columns[0]]]

    def _rest(self, schema):
        return [c for c in schema if c not in self.columns and c != self.order_by and _sortable(schema[c])]

    def pandas(self, df, state, schema):
        if not self.columns:
            return [f"{df} = {df}.drop_duplicates()"]
        keys = [*([self.order_by] if self.order_by else []), *self._rest(schema)]
        up = [self.keep == "smallest"] * bool(self.order_by) + [True] * len(self._rest(schema))
        first = [f"{df} = {df}.sort_values({keys!r}, ascending={up!r}, na_position='last')"] if keys else []
        return [*first, f"{df} = {df}.drop_duplicates({list(self.columns)!r}).sort_index()"]


@register
class FlagDuplicates(Transform):
    """Add a column that tells which rows occur more than once in the chosen columns: all of them, or all but the first.

    Who is first is said by the order, ties by the other columns. The flags are true/false, or two texts that you give.
    """

    name: ClassVar = "rows.flag_duplicates"
    label: ClassVar = "Flag duplicates"
    serving: ClassVar = "batch"
    covers: ClassVar = ("flag_duplicate_rows", "flag_duplicate_values")
    words: ClassVar = ("FLAG_DUPLICATE_ROWS", "FLAG_DUPLICATES_IN_COLUMN", "mark duplicates", "already seen")
    examples: ClassVar = (
        Example(
            {"columns": ["a"], "to": "twice"},
            before={"a": [1, 1, 2, None]},
            after={"a": [1, 1, 2, None], "twice": [True, True, False, False]},
        ),
        Example(
            {"columns": ["a"], "which": "all but the first", "order_by": "t", "labels": ["again", "new"], "to": "seen"},
            before={"a": ["x", "x", None], "t": [2, 1, 3]},
            after={"a": ["x", "x", None], "t": [2, 1, 3], "seen": ["again", "new", "new"]},
        ),
    )

    columns: Columns = param("Columns that make a duplicate")
    which: Literal["all", "all but the first"] = param("Flag", default="all")
    order_by: OrderableColumn | None = param("The first in the order of", default=None)
    labels: tuple[str, ...] = param("Texts for duplicate and not", default=(), help="None: true and false.")
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.order_by and self.order_by not in schema:
            raise ColumnNotFound.of(self.order_by, schema)
        if len(self.labels) not in (0, 2):
            raise ParamError("give two texts: for a duplicate and for the others.")

    def _order(self, schema):
        first = [self.order_by] if self.order_by else []
        return first + [c for c in schema if c not in (*first, *self.columns) and _sortable(schema[c])]

    def apply(self, table, state):
        group = [table[c] for c in self.columns]
        if self.which == "all":
            again = ibis._.count().over(ibis.window(group_by=group)) > 1
        else:
            order = [table[c].asc(nulls_first=False) for c in self._order(table.schema())] or [table[self.columns[0]]]
            again = ibis.row_number().over(ibis.window(group_by=group, order_by=order)) > 0
        if self.labels:
            again = ibis.ifelse(again, self.labels[0], self.labels[1])
        return table.mutate(again.name(self.to))

    def pandas(self, df, state, schema):
        order = self._order(schema)
        keep = "False" if self.which == "all" else "'first'"
        rows_ = f"{df}.sort_values({order!r}, na_position='last')" if order and self.which != "all" else df
        again = f"{rows_}.duplicated({list(self.columns)!r}, keep={keep}).astype('boolean')"
        if self.labels:
            again = f"{again}.map({{True: {self.labels[0]!r}, False: {self.labels[1]!r}}}).astype('string')"
        return [f"{df} = {df}.reset_index(drop=True)", f"{df}[{self.to!r}] = {again}"]


@register
class SortInGivenOrder(Transform):
    """Sort rows by a text column in an order of values that you give: low, medium, high.

    Values that are not named come after them in alphabetical order, missing ones last; equal rows by the remaining columns.
    """

    name: ClassVar = "rows.sort_custom"
    label: ClassVar = "Sort in a given order"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("sort_rows_custom_order",)
    words: ClassVar = ("custom sort", "ordered categories", "FIELD")
    examples: ClassVar = (
        Example({"column": "a", "values": ["low", "high"]}, before={"a": ["high", "x", "low", None, "b"], "b": [1, 2, 3, 4, 5]}, after={"a": ["low", "high", "b", "x", None], "b": [3, 1, 5, 2, 4]}, ordered=True),
    )  # fmt: skip

    column: TextColumn = param("Sort by")
    values: tuple[str, ...] = param("Values in their order", min_length=1)

    def _keys(self, columns, schema):
        return [self.column, *(c for c in columns if c != self.column and _sortable(schema[c]))]

    def apply(self, table, state):
        x = table[self.column]
        place = ibis.cases(*[(x == v, i) for i, v in enumerate(self.values)], else_=len(self.values))
        place = x.isnull().ifelse(len(self.values) + 1, place)
        keys = self._keys(table.columns, table.schema())
        return table.order_by([place.asc(), *(table[c].asc(nulls_first=False) for c in keys)])

    def pandas(self, df, state, schema):
        order = {v: i for i, v in reversed(list(enumerate(self.values)))}
        place = f"{df}[{self.column!r}].map({order!r}).astype('Float64').fillna({len(self.values)}).mask({df}[{self.column!r}].isna(), {len(self.values) + 1})"
        return [
            f"ordered = {df}.assign(__place={place}).sort_values({['__place', *self._keys(list(schema), schema)]!r}, na_position='last')",
            f"{df} = ordered.drop(columns='__place')",
        ]


@register
class ShuffleRows(Transform):
    """Put the rows in random order: by a hash of their values and a seed, so the same on every run and engine.

    Rows that are equal in all hashed columns stand together.
    """

    name: ClassVar = "rows.shuffle"
    label: ClassVar = "Shuffle rows"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("shuffle_rows",)
    words: ClassVar = ("random order", "permute", "SHUFFLE_ROWS")
    examples: ClassVar = (
        Example({}, before={"a": ["a", "b", "c", None]}, after={"a": ["b", "c", "a", None]}, ordered=True),
    )

    seed: int = param("Seed", default=1)

    def apply(self, table, state):
        from transforms.catalog.hashing import hashable, hashed_share

        spare, = spare_names(table, 1)  # fmt: skip
        columns = hashable(table.schema())
        table = table.mutate(hashed_share(table, columns, self.seed).name(spare))
        return table.order_by([table[spare], *(table[c].asc(nulls_first=False) for c in columns)]).drop(spare)

    def pandas(self, df, state, schema):
        from transforms.catalog.hashing import hashable, pandas_plain_text

        columns = hashable(schema)
        texts = ", ".join(pandas_plain_text(f"{df}[{c!r}]", schema[c]) for c in columns)
        return [
            f"{df} = {df}.assign(__share=hashed_share([{texts}], {self.seed}).set_axis({df}.index))",
            f"{df} = {df}.sort_values({['__share', *columns]!r}, na_position='last').drop(columns='__share')",
        ]

    @property
    def pandas_helpers(self):
        from transforms.catalog.hashing import HASH_HELPER, NUMBER_TEXT

        return (HASH_HELPER, NUMBER_TEXT)


@register
class KeepByPosition(Transform):
    """Keep or drop the first or last rows, every n-th row, or rows at given positions, in an order and within groups.

    Positions count from 1. Ties in the order are broken by the other columns; missing values come last.
    """

    name: ClassVar = "rows.by_position"
    label: ClassVar = "Keep or drop rows by position"
    serving: ClassVar = "training_only"
    covers: ClassVar = (
        "keep_top_n",
        "keep_bottom_n",
        "remove_first_rows",
        "remove_last_rows",
        "keep_every_nth_row",
        "drop_rows_by_position",
    )
    words: ClassVar = ("top n per group", "nlargest", "nsmallest", "skip rows", "tail", "thin out", "row index")
    examples: ClassVar = (
        Example({"order_by": "a", "groups": ["g"], "count": 1, "descending": True}, before={"g": ["x", "x", "y", "y"], "a": [1, 5, None, 2]}, after={"g": ["x", "y"], "a": [5, 2]}),
        Example({"order_by": "a", "which": "last", "count": 2}, before={"a": [3, 1, 2]}, after={"a": [3, 2]}),
        Example({"order_by": "a", "count": 1, "action": "drop"}, before={"a": [3, 1, 2]}, after={"a": [3, 2]}),
        Example({"order_by": "a", "which": "last", "count": 1, "action": "drop"}, before={"a": [3, 1, None]}, after={"a": [3, 1]}),
        Example({"order_by": "a", "which": "every n-th", "count": 2, "offset": 1}, before={"a": [10, 20, 30, 40, 50]}, after={"a": [20, 40]}),
        Example({"order_by": "a", "which": "positions", "positions": [1, 3], "action": "drop"}, before={"a": [10, 20, 30, 40]}, after={"a": [20, 40]}),
    )  # fmt: skip

    order_by: OrderableColumn = param("In the order of")
    descending: bool = param("Greatest first", default=False)
    groups: SomeColumns = param("Within groups of", default=())
    which: Literal["first", "last", "every n-th", "positions"] = param("Which rows", default="first")
    count: int = param("How many, or n", default=10, ge=1)
    offset: int = param("Begin after so many rows", default=0, ge=0, help="For every n-th.")
    positions: tuple[int, ...] = param("Positions", default=(), help="For positions: 1 is the first row.")
    action: Literal["keep", "drop"] = param("And", default="keep")

    def _keys(self, schema):
        return [c for c in schema if c != self.order_by and c not in self.groups and _sortable(schema[c])]

    def apply(self, table, state):
        up, down = spare_names(table, 2)
        x = table[self.order_by]
        first = x.desc(nulls_first=False) if self.descending else x.asc(nulls_first=False)
        keys = [first, *(table[c].asc(nulls_first=False) for c in self._keys(table.schema()))]
        groups = [table[c] for c in self.groups] or None
        total = ibis._.count().over(ibis.window(group_by=groups))
        place = ibis.row_number().over(ibis.window(group_by=groups, order_by=keys)) + 1
        marked = table.mutate(place.name(up), total.name(down))
        n = marked[up]
        chosen = {
            "first": lambda: n <= self.count,
            "last": lambda: n > marked[down] - self.count,
            "every n-th": lambda: (n > self.offset) & ((n - self.offset - 1) % self.count == 0),
            "positions": lambda: n.isin(list(self.positions) or [0]),
        }[self.which]()
        return marked.filter(chosen if self.action == "keep" else ~chosen).drop(up, down)

    def pandas(self, df, state, schema):
        keys = [self.order_by, *self._keys(schema)]
        up = [not self.descending, *[True] * (len(keys) - 1)]
        by = (
            f"ordered.groupby({list(self.groups)!r}, dropna=False, sort=False)"
            if self.groups
            else "ordered.assign(__g=1).groupby('__g')"
        )
        chosen = {
            "first": f"n <= {self.count}",
            "last": f"n > total - {self.count}",
            "every n-th": f"(n > {self.offset}) & ((n - {self.offset + 1}) % {self.count} == 0)",
            "positions": f"n.isin({list(self.positions)!r})",
        }[self.which]
        return [
            f"ordered = {df}.reset_index(drop=True).sort_values({keys!r}, ascending={up!r}, na_position='last')",
            f"groups = {by}",
            f"n, total = groups.cumcount() + 1, groups[{self.order_by!r}].transform('size')",
            f"{df} = ordered[{'' if self.action == 'keep' else '~'}({chosen})]",
        ]


@register
class FilterFrequent(Transform):
    """Keep (or drop) rows whose value is among the most, or the least, frequent of the training rows.

    Learns the values; ties in alphabetical order. Missing values never count among them.
    """

    name: ClassVar = "rows.filter_frequent"
    label: ClassVar = "Filter by frequency"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("filter_top_frequent",)
    words: ClassVar = ("top values", "most common", "rare values")
    examples: ClassVar = (
        Example({"column": "a", "count": 1}, before={"a": ["x", "y", "x", None]}, after={"a": ["x", "x"]}),
        Example({"column": "a", "count": 1, "which": "least frequent", "action": "drop"}, train={"a": [1, 1, 2]}, before={"a": [1, 2, 3, None]}, after={"a": [1, 3, None]}),
    )  # fmt: skip

    column: Column = param("Column")
    count: int = param("How many values", default=10, ge=1, le=1000)
    which: Literal["most frequent", "least frequent"] = param("Which", default="most frequent")
    action: Literal["keep", "drop"] = param("And", default="keep")

    def check_columns(self, schema):
        from transforms.catalog.encode import text_like

        super().check_columns(schema)
        text_like(schema, [self.column])

    def fit(self, table):
        text = table[self.column].cast("string")
        counted = table.filter(text.notnull()).group_by(text.name("v")).aggregate(n=ibis._.count())
        order = counted.n.desc() if self.which == "most frequent" else counted.n.asc()
        return {"values": [r["v"] for r in rows(counted.order_by([order, counted.v.asc()]).limit(self.count))]}

    def apply(self, table, state):
        chosen = (
            table[self.column].cast("string").isin(state["values"]).fill_null(False)
            if state["values"]
            else ibis.literal(False)
        )
        return table.filter(chosen if self.action == "keep" else ~chosen)

    def pandas(self, df, state, schema):
        from transforms.catalog.encode import as_text

        sign = "" if self.action == "keep" else "~"
        return [
            f"{df} = {df}[{sign}{as_text(f'{df}[{self.column!r}]', schema[self.column])}.isin({state['values']!r})]"
        ]


@register
class DistinctRows(Transform):
    """Keep the distinct combinations of columns, with the number of rows of each. The other columns go."""

    name: ClassVar = "rows.distinct"
    label: ClassVar = "Distinct values with count"
    serving: ClassVar = "batch"
    covers: ClassVar = ("keep_distinct_rows",)
    words: ClassVar = ("distinct", "unique", "value_counts")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": ["x", "x", None], "b": [1, 2, 3]}, after={"a": ["x", None], "count": [2, 1]}),
    )  # fmt: skip

    columns: Columns = param("Columns")
    count_to: NewColumn = param("Column for the count", default="count")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.count_to in self.columns:
            raise ParamError(f"the name {self.count_to!r} is used twice.")

    def apply(self, table, state):
        found = table.group_by([table[c] for c in self.columns])
        return found.aggregate(ibis._.count().cast("int64").name(self.count_to))

    def pandas(self, df, state, schema):
        from transforms.catalog.group import _types

        return [
            f"{df} = {df}.groupby({list(self.columns)!r}, dropna=False, sort=False).size().rename({self.count_to!r}).reset_index().astype({_types(self.columns, schema) | {self.count_to: 'Int64'}!r})"
        ]


@register
class RepeatRows(Transform):
    """Repeat each row a number of times, fixed or from a column; 0, a negative number or a missing one drops the row."""

    name: ClassVar = "rows.repeat"
    label: ClassVar = "Repeat rows"
    covers: ClassVar = ("repeat_rows",)
    words: ClassVar = ("duplicate rows", "uncount", "replicate")
    examples: ClassVar = (
        Example({"column": "n"}, before={"a": ["x", "y", "z"], "n": [2, 0, None]}, after={"a": ["x", "x"], "n": [2, 2]}),
        Example({"times": 2, "number_to": "i"}, before={"a": ["x", None]}, after={"a": ["x", "x", None, None], "i": [1, 2, 1, 2]}),
    )  # fmt: skip

    column: NumberColumn | None = param("Times from column", default=None)
    times: int = param("Times", default=2, ge=0, le=10_000)
    number_to: str = param("Column that numbers the copies", default="", help="Empty: none.")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.column and self.column not in schema:
            raise ColumnNotFound.of(self.column, schema)
        if self.column and not schema[self.column].is_integer():
            raise ParamError(f"column {self.column!r} holds no whole numbers.", hint="Change its type first.")
        if self.number_to and self.number_to in schema:
            raise ParamError(
                f"column {self.number_to!r} exists already.", hint="Choose another name for the new column."
            )

    def apply(self, table, state):
        spare, = spare_names(table, 1)  # fmt: skip
        times = table[self.column].clip(0, 10_000).fill_null(0) if self.column else ibis.literal(self.times, "int64")
        longer = table.mutate(ibis.range(0, times).cast("array<int64>").name(spare)).unnest(spare)
        number = [(longer[spare] + 1).cast("int64").name(self.number_to)] if self.number_to else []
        return longer.select([*(longer[c] for c in table.columns), *number])

    def pandas(self, df, state, schema):
        times = (
            f"{df}[{self.column!r}].clip(0, 10_000).fillna(0).astype('int64').to_numpy()"
            if self.column
            else str(self.times)
        )
        lines = [f"{df} = {df}.reset_index(drop=True)", f"{df} = {df}.loc[{df}.index.repeat({times})]"]
        return (
            [*lines, f"{df}[{self.number_to!r}] = ({df}.groupby(level=0).cumcount() + 1).astype('Int64')"]
            if self.number_to
            else lines
        )


@register
class ExpandDates(Transform):
    """Make one row per day or week from a start to an end date, both included; the other columns repeat.

    Rows without start or end, or whose end comes first, are dropped. Weeks step from the start's day of the week.
    """

    name: ClassVar = "rows.expand_dates"
    label: ClassVar = "One row per day or week"
    covers: ClassVar = ("expand_date_range_rows",)
    words: ClassVar = ("date range", "explode dates", "calendar rows", "generate_series")
    examples: ClassVar = (
        Example({"start": "s", "end": "e", "to": "d"}, before={"s": ["2024-02-28", "2024-01-02", None], "e": ["2024-03-01", "2024-01-01", "2024-01-01"], "k": [1, 2, 3]}, after={"s": ["2024-02-28"] * 3, "e": ["2024-03-01"] * 3, "k": [1, 1, 1], "d": ["2024-02-28", "2024-02-29", "2024-03-01"]}, types={"s": "date", "e": "date"}, after_types={"d": "date"}),
        Example({"start": "s", "end": "e", "unit": "weeks", "to": "d"}, before={"s": ["2024-01-01"], "e": ["2024-01-14"]}, after={"s": ["2024-01-01"] * 2, "e": ["2024-01-14"] * 2, "d": ["2024-01-01", "2024-01-08"]}, types={"s": "date", "e": "date"}, after_types={"d": "date"}),
    )  # fmt: skip

    start: TimeColumn = param("Start")
    end: TimeColumn = param("End")
    unit: Literal["days", "weeks"] = param("One row per", default="days")
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.to in schema:
            raise ParamError(f"column {self.to!r} exists already.", hint="Choose another name for the new column.")

    def apply(self, table, state):
        spare, = spare_names(table, 1)  # fmt: skip
        step = 7 if self.unit == "weeks" else 1
        start, end = table[self.start].cast("date"), table[self.end].cast("date")
        seconds = end.cast("timestamp(6)").epoch_seconds() - start.cast("timestamp(6)").epoch_seconds()
        count = (seconds.cast("int64") // (86400 * step)).cast("int64") + 1
        kept = table.mutate(count.clip(0, 100_000).name(spare)).filter(ibis._[spare] > 0)
        longer = kept.mutate(ibis.range(0, kept[spare]).cast("array<int64>").name(spare)).unnest(spare)
        day = longer[self.start].cast("date").cast("timestamp(6)") + (longer[spare] * (86400 * step)).as_interval("s")
        return longer.select([*(longer[c] for c in table.columns), day.cast("date").name(self.to)])

    def pandas(self, df, state, schema):
        step = 7 if self.unit == "weeks" else 1

        def day(c):
            return (
                f"{df}[{c!r}]"
                + (".dt.tz_localize(None)" if getattr(schema[c], "timezone", None) else "")
                + ".dt.normalize()"
            )

        return [
            f"{df} = {df}.dropna(subset={[self.start, self.end]!r}).reset_index(drop=True)",
            f"count = ((({day(self.end)} - {day(self.start)}).dt.days // {step}) + 1).clip(0, 100_000).astype('int64')",
            f"{df} = {df}.loc[{df}.index.repeat(count)]",
            f"{df}[{self.to!r}] = ({day(self.start)} + pd.to_timedelta({df}.groupby(level=0).cumcount() * {step}, unit='D')).astype('datetime64[us]')",
        ]  # fmt: skip


@register
class FillCombinations(Transform):
    """Add a row for each absent combination of the values of several columns; its other columns are missing."""

    name: ClassVar = "rows.fill_combinations"
    label: ClassVar = "Add absent combinations"
    serving: ClassVar = "batch"
    covers: ClassVar = ("fill_missing_combinations",)
    words: ClassVar = ("complete", "expand grid", "cross product of keys")
    examples: ClassVar = (
        Example({"columns": ["a", "b"]}, before={"a": ["x", "y"], "b": [1, 2], "v": [5, None]}, after={"a": ["x", "x", "y", "y"], "b": [1, 2, 1, 2], "v": [5, None, None, None]}),
    )  # fmt: skip

    columns: Columns = param("Columns", min_length=2, help="Combinations of their known values.")

    def apply(self, table, state):
        grid = None
        for c in self.columns:
            one_ = table.filter(table[c].notnull()).select(table[c].name(c)).distinct()
            grid = one_ if grid is None else grid.cross_join(one_)
        absent = grid.join(table, [grid[c] == table[c] for c in self.columns], how="anti")
        cells = [absent[c] if c in self.columns else ibis.null(table[c].type()).name(c) for c in table.columns]
        return ibis.union(table, absent.select(cells))

    def pandas(self, df, state, schema):
        keys = list(self.columns)
        return [
            f"grid = {df}[[{keys[0]!r}]].dropna().drop_duplicates()",
            f"for c in {keys[1:]!r}:",
            f"    grid = grid.merge({df}[[c]].dropna().drop_duplicates(), how='cross')",
            f"seen = {df}[{keys!r}].dropna().drop_duplicates()",
            f"absent = grid[(grid.merge(seen, on={keys!r}, how='left', indicator='__in')['__in'] == 'left_only').to_numpy()]",
            f"{df} = pd.concat([{df}, absent.reindex(columns={df}.columns).astype({df}.dtypes)], ignore_index=True)",
        ]


SEMANTIC = (
    "e-mail address", "web address", "IP address", "MAC address", "UUID", "credit card number", "IBAN", "ISBN", "EAN", "VAT number",
    "US ZIP code", "hex colour", "country code", "currency code", "JSON", "date and time", "date", "true or false", "whole number", "number",
)  # fmt: skip


def semantic():
    """Return the row function that tells whether a text is of a kind; family `invalid` builds on this module."""
    from transforms.catalog.invalid import fits

    return fits


@register
class FilterBySemanticType(Transform):
    """Keep the rows whose value is (or is not) a valid e-mail address, URL, phone number … A missing value is neither."""

    name: ClassVar = "rows.filter_semantic_type"
    label: ClassVar = "Filter by kind of value"
    covers: ClassVar = ("filter_by_semantic_type",)
    words: ClassVar = ("valid rows", "keep valid emails", "FILTER_BY_TYPE", "meaning")
    examples: ClassVar = (
        Example({"column": "a"}, before={"a": ["x@y.org", "nope", None]}, after={"a": ["x@y.org"]}),
        Example({"column": "a", "kind": "web address", "keep": "invalid"}, before={"a": ["https://a.org/b", "nope", None]}, after={"a": ["nope"]}),
    )  # fmt: skip

    column: TextColumn = param("Column")
    kind: Literal[SEMANTIC] = param("Kind", default="e-mail address")
    keep: Literal["valid", "invalid"] = param("Keep", default="valid")

    @property
    def pandas_helpers(self):
        return semantic().helpers

    def apply(self, table, state):
        good = semantic()(table[self.column], what=self.kind)
        return table.filter((good if self.keep == "valid" else ~good).fill_null(False))

    def pandas(self, df, state, schema):
        good = semantic().pandas(f"{df}[{self.column!r}]", what=self.kind)
        return [f"{df} = {df}[({'' if self.keep == 'valid' else '~'}{good}).fillna(False).astype(bool)]"]
