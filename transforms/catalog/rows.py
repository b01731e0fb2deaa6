"""Rows: filter, sort, limit, duplicates, flags, conditional edits. A table has no order of its own: steps that need one ask for it."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Literal

import ibis

from transforms.catalog.missing import typed
from transforms.errors import ParamError
from transforms.fields import Column, Columns, NewColumn, OrderableColumns, Settings, SomeColumns, param
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
    covers: ClassVar = ("set_values_where", "replace_with_missing")
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
    """Add a true/false column that tells which rows occur more than once in the chosen columns."""

    name: ClassVar = "rows.flag_duplicates"
    label: ClassVar = "Flag duplicates"
    serving: ClassVar = "batch"
    covers: ClassVar = ("flag_duplicate_rows",)
    words: ClassVar = ("FLAG_DUPLICATE_ROWS", "mark duplicates")
    examples: ClassVar = (
        Example(
            {"columns": ["a"], "to": "twice"},
            before={"a": [1, 1, 2, None]},
            after={"a": [1, 1, 2, None], "twice": [True, True, False, False]},
        ),
    )

    columns: Columns = param("Columns that make a duplicate")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        same = ibis._.count().over(ibis.window(group_by=[table[c] for c in self.columns]))
        return table.mutate((same > 1).name(self.to))

    def pandas(self, df, state, schema):
        return [f"{df}[{self.to!r}] = {df}.duplicated({list(self.columns)!r}, keep=False).astype('boolean')"]
