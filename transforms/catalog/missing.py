"""Missing values: drop, fill, flag, make. Missing means NULL (a NaN in the input is read as NULL)."""

from __future__ import annotations

from typing import ClassVar, Literal

import ibis

from transforms.errors import FitError, ParamError
from transforms.fields import (
    Column,
    Columns,
    NumericColumns,
    OrderableColumns,
    param,
)
from transforms.reading import one_row, rows
from transforms.schema import known
from transforms.transform import Example, Transform, register


@register
class DropMissingRows(Transform):
    """Drop rows with a missing value in any (or in all) of the chosen columns."""

    name: ClassVar = "missing.drop_rows"
    label: ClassVar = "Drop rows with missing values"
    covers: ClassVar = ("drop_missing_rows",)
    words: ClassVar = ("remove missing", "dropna", "delete nulls", "REMOVE_MISSING")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [1, None, 3], "b": ["x", "y", None]}, after={"a": [1, 3], "b": ["x", None]}),
        Example({"columns": ["a", "b"], "when": "all"}, before={"a": [1, None, None], "b": ["x", "y", None]},
                after={"a": [1, None], "b": ["x", "y"]}),
    )  # fmt: skip

    columns: Columns = param("Columns to look at")
    when: Literal["any", "all"] = param(
        "Drop the row when", default="any", help="any: one of them is missing; all: every one is."
    )

    def apply(self, table, state):
        if self.when == "any":
            return table.filter([table[c].notnull() for c in self.columns])
        return table.filter(ibis.or_(*[table[c].notnull() for c in self.columns]))

    def pandas(self, df, state, schema):
        return [f"{df} = {df}.dropna(subset={list(self.columns)!r}, how={self.when!r})"]


@register
class FillWithConstant(Transform):
    """Fill missing values with one value.

    Columns: only `columns` change and keep their types. The value is read as each column's type.
    """

    name: ClassVar = "missing.fill_constant"
    label: ClassVar = "Fill missing values with a value"
    covers: ClassVar = ("fill_missing_constant",)
    words: ClassVar = ("fillna", "replace missing", "FILL_WITH_CUSTOM")
    examples: ClassVar = (
        Example({"columns": ["a"], "value": "0"}, before={"a": [1, None, 3]}, after={"a": [1, 0, 3]}),
        Example({"columns": ["t"], "value": "it's"}, before={"t": ["x", None]}, after={"t": ["x", "it's"]}),
    )

    columns: Columns = param("Columns to fill")
    value: str = param("Value", help="Read as the column's type: 0, 1.5, true, 2024-01-31, text.")

    def apply(self, table, state):
        return table.mutate([table[c].fill_null(typed(self.value, table[c].type(), c)).name(c) for c in self.columns])

    def pandas(self, df, state, schema):
        return [f"{df}[{c!r}] = {df}[{c!r}].fillna(pd.Series([{self.value!r}], dtype='string').astype({df}[{c!r}].dtype)[0])" for c in self.columns]  # fmt: skip


def typed(value: str, dtype, column: str):
    """Return text as a literal of a column's type; raise ParamError if it does not fit."""
    try:
        if dtype.is_integer():
            return ibis.literal(int(value), dtype)
        if dtype.is_floating():
            return ibis.literal(float(value), dtype)
        if dtype.is_boolean():
            return ibis.literal(
                {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[value.lower()]
            )
        if dtype.is_string():
            return ibis.literal(value)
        if dtype.is_date() or dtype.is_timestamp():
            return ibis.literal(value).cast(dtype)
    except (ValueError, KeyError) as error:
        raise ParamError(f"{value!r} does not fit column {column!r} ({dtype}).") from error
    raise ParamError(f"Column {column!r} ({dtype}) cannot be filled with text.")


@register
class FillWithStatistic(Transform):
    """Fill missing numbers with a statistic of the training rows.

    Rows: same number, same order. Columns: only `columns` change; they become float64.
    Missing means NULL or NaN. Learns one number per column, in the column's own unit.
    Source: scikit-learn 1.x, `SimpleImputer`. Limit: ignores groups; see `missing.fill_by_group`.
    """

    name: ClassVar = "missing.fill_statistic"
    label: ClassVar = "Fill missing numbers"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("impute_mean", "impute_median")
    words: ClassVar = ("impute", "simple imputer", "FILL_WITH_AVERAGE", "FILL_WITH_MEDIAN")
    examples: ClassVar = (
        Example({"columns": ["age"]}, before={"age": [1.0, None, 8.0]}, after={"age": [1.0, 4.5, 8.0]}),
        Example({"columns": ["age"], "statistic": "mean"}, train={"age": [10, 20, None]}, before={"age": [None, 1]},
                after={"age": [15.0, 1.0]}, types={"age": "int64"}),
    )  # fmt: skip

    columns: NumericColumns = param("Columns to fill")
    statistic: Literal["mean", "median", "min", "max"] = param(
        "Fill with", default="median", help="The median resists outliers; the mean keeps the total."
    )

    def fit(self, table):
        state = one_row(table.aggregate([getattr(known(table[c]), self.statistic)().name(c) for c in self.columns]))
        if empty := [c for c, value in state.items() if value is None]:
            raise FitError(
                f"there is no known value in {', '.join(map(repr, empty))}.", hint="Drop them, or fill with a value."
            )
        return state

    def apply(self, table, state):
        return table.mutate([known(table[c]).fill_null(v).name(c) for c, v in state.items()])

    def pandas(self, df, state, schema):
        return [f"{df} = {df}.astype({dict.fromkeys(state, 'Float64')!r}).fillna({state!r})"]


@register
class FillWithMostFrequent(Transform):
    """Fill missing values with the most frequent value of the training rows.

    Ties go to the smallest value. Learns one value per column. Source: scikit-learn `SimpleImputer(most_frequent)`.
    """

    name: ClassVar = "missing.fill_most_frequent"
    label: ClassVar = "Fill with the most frequent value"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("impute_mode",)
    words: ClassVar = ("mode", "impute categorical", "FILL_WITH_MODE", "FILL_WITH_MOST_FREQUENT")
    examples: ClassVar = (
        Example({"columns": ["c"]}, before={"c": ["b", None, "a", "b"]}, after={"c": ["b", "b", "a", "b"]}),
        Example({"columns": ["c"]}, before={"c": [2, 1, None]}, after={"c": [2, 1, 1]}),
    )

    columns: OrderableColumns = param("Columns to fill")

    def fit(self, table):
        counts = [
            table.filter(table[c].notnull()).group_by(table[c].cast("string").name("value")).aggregate(
                [ibis._.count().name("n"), ibis.literal(i).name("i"), *order_keys(table, c)]
            )
            for i, c in enumerate(self.columns)
        ]  # fmt: skip
        found = ibis.union(*counts) if len(counts) > 1 else counts[0]
        first = ibis.row_number().over(group_by=found.i, order_by=[found.n.desc(), found.num.asc(), found.value.asc()])
        best = {r["i"]: r["value"] for r in rows(found.mutate(first.name("place")).filter(ibis._.place == 0))}
        if empty := [c for i, c in enumerate(self.columns) if i not in best]:
            raise FitError(
                f"there is no known value in {', '.join(map(repr, empty))}.", hint="Drop them, or fill with a value."
            )
        return {c: best[i] for i, c in enumerate(self.columns)}

    def apply(self, table, state):
        return table.mutate(
            [table[c].fill_null(ibis.literal(v).cast(table[c].type())).name(c) for c, v in state.items()]
        )

    def pandas(self, df, state, schema):
        return [
            f"{df}[{c!r}] = {df}[{c!r}].fillna(pd.Series([{v!r}], dtype='string').astype({df}[{c!r}].dtype)[0])"
            for c, v in state.items()
        ]


def order_keys(table, column):
    """Order numbers as numbers in a text tie-break."""
    numeric = table[column].type().is_numeric() and not table[column].type().is_boolean()
    key = table[column].cast("float64") if numeric else ibis.null("float64")
    return [key.min().name("num") if numeric else ibis.literal(0.0).name("num")]


@register
class FillByGroup(Transform):
    """Fill missing numbers with a statistic of their group's training rows.

    A group without a known value, or one not seen in training, gets the statistic of all rows.
    Columns: only `columns` change; they become float64. Learns one number per column and group.
    """

    name: ClassVar = "missing.fill_by_group"
    label: ClassVar = "Fill missing numbers by group"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("impute_group_statistic",)
    words: ClassVar = ("group impute", "conditional mean")
    examples: ClassVar = (
        Example({"columns": ["x"], "group": "g", "statistic": "mean"}, before={"g": ["a", "a", "b", "b", "c"], "x": [1.0, None, 5.0, None, None]},
                after={"g": ["a", "a", "b", "b", "c"], "x": [1.0, 1.0, 5.0, 5.0, 3.0]}),
    )  # fmt: skip

    columns: NumericColumns = param("Columns to fill")
    group: Column = param("Group by")
    statistic: Literal["mean", "median", "min", "max"] = param("Fill with", default="median")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.group in self.columns:
            raise ParamError(f"column {self.group!r} cannot be its own group.")

    def fit(self, table):
        def learn(t):
            return [getattr(known(t[c]), self.statistic)().name(f"v{i}") for i, c in enumerate(self.columns)]

        key = table[self.group].cast("string")
        groups = table.filter(key.notnull()).group_by(key.name("g")).aggregate(learn(table))
        overall = table.aggregate(learn(table)).mutate(ibis.null("string").name("g"))
        found = rows(ibis.union(groups.select("g", *[f"v{i}" for i in range(len(self.columns))]),
                                overall.select("g", *[f"v{i}" for i in range(len(self.columns))])))  # fmt: skip
        state = {}
        for i, c in enumerate(self.columns):
            values = {r["g"]: r[f"v{i}"] for r in found}
            default = values.pop(None)
            if default is None:
                raise FitError(f"there is no known value in {c!r}.", hint="Drop it, or fill with a value.")
            state[c] = {"default": default, "groups": {g: v for g, v in sorted(values.items()) if v is not None}}
        return state

    def apply(self, table, state):
        key = table[self.group].cast("string")
        return table.mutate(
            [
                known(table[c]).fill_null(lookup(key, learnt["groups"], learnt["default"])).name(c)
                for c, learnt in state.items()
            ]
        )

    def pandas(self, df, state, schema):
        lines = []
        for c, learnt in state.items():
            lines.append(
                f"by_group = {df}[{self.group!r}].astype('string').map({learnt['groups']!r}).astype('Float64').fillna({learnt['default']!r})"
            )
            lines.append(f"{df}[{c!r}] = {df}[{c!r}].astype('Float64').fillna(by_group)")
        return lines


def lookup(key, mapping, default):
    """Return an expression that maps text keys to values; unknown and missing keys get `default`."""
    if not mapping:
        return ibis.literal(default)
    return ibis.cases(*[(key == k, ibis.literal(v)) for k, v in mapping.items()], else_=default)
