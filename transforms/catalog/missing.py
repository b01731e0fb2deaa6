"""Missing values: drop, fill, flag, make. Missing means NULL (a NaN in the input is read as NULL)."""

from __future__ import annotations

from typing import ClassVar, Literal

import ibis
import numpy as np

from transforms.catalog.across import PACKED
from transforms.errors import FitError, ParamError
from transforms.fields import (
    Column,
    Columns,
    NewColumn,
    NumberColumn,
    NumericColumns,
    OrderableColumns,
    SomeColumns,
    param,
)
from transforms.functions import row_function
from transforms.reading import one_row, rows
from transforms.schema import known
from transforms.transform import Example, Transform, register


@register
class DropMissingRows(Transform):
    """Drop rows with a missing value in any (or in all) of the chosen columns."""

    name: ClassVar = "missing.drop_rows"
    label: ClassVar = "Drop rows with missing values"
    covers: ClassVar = ("drop_missing_rows", "drop_sparse_rows")
    words: ClassVar = ("remove missing", "dropna", "delete nulls", "REMOVE_MISSING")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [1, None, 3], "b": ["x", "y", None]}, after={"a": [1, 3], "b": ["x", None]}),
        Example({"columns": ["a", "b"], "when": "all"}, before={"a": [1, None, None], "b": ["x", "y", None]},
                after={"a": [1, None], "b": ["x", "y"]}),
        Example({"columns": ["a", "b"], "when": "too many", "share": 0.5}, before={"a": [1, None, None], "b": ["x", "y", None]},
                after={"a": [1, None], "b": ["x", "y"]}),
    )  # fmt: skip

    columns: Columns = param("Columns to look at")
    when: Literal["any", "all", "too many"] = param(
        "Drop the row when",
        default="any",
        help="any: one of them is missing; all: every one; too many: more than a share.",
    )
    share: float = param("Greatest share of missing values", default=0.5, ge=0, le=1, help="For 'too many'.")

    def apply(self, table, state):
        if self.when == "too many":
            return table.filter(missing_count(table, self.columns) <= self.share * len(self.columns))
        if self.when == "any":
            return table.filter([table[c].notnull() for c in self.columns])
        return table.filter(ibis.or_(*[table[c].notnull() for c in self.columns]))

    def pandas(self, df, state, schema):
        if self.when == "too many":
            missing = f"{df}[{list(self.columns)!r}].isna().sum(axis=1)"
            return [f"{df} = {df}[({missing} <= {self.share * len(self.columns)!r}).to_numpy(bool)]"]
        return [f"{df} = {df}.dropna(subset={list(self.columns)!r}, how={self.when!r})"]


def missing_count(table, columns):
    """Return how many of the columns are missing in each row."""
    total = ibis.literal(0)
    for c in columns:
        total = total + table[c].isnull().ifelse(1, 0)
    return total.cast("int64")


@register
class CountMissing(Transform):
    """Add a column with the number of missing values among some columns of the row."""

    name: ClassVar = "missing.count_in_row"
    label: ClassVar = "Count missing values in each row"
    covers: ClassVar = ("count_missing_per_row",)
    words: ClassVar = ("isna sum", "COUNTBLANK", "completeness")
    examples: ClassVar = (
        Example({"columns": ["a", "b"], "to": "n"}, before={"a": [1, None, None], "b": ["x", "y", None]}, after={"a": [1, None, None], "b": ["x", "y", None], "n": [0, 1, 2]}),
    )  # fmt: skip

    columns: Columns = param("Columns")
    to: NewColumn = param("New column", default="missing_values")

    def apply(self, table, state):
        return table.mutate(missing_count(table, self.columns).name(self.to))

    def pandas(self, df, state, schema):
        return [f"{df}[{self.to!r}] = {df}[{list(self.columns)!r}].isna().sum(axis=1).astype('Int64')"]


@register
class FillFromColumn(Transform):
    """Fill missing values of a column from another column of the same kind. The first one's type stays."""

    name: ClassVar = "missing.fill_from_column"
    label: ClassVar = "Fill from another column"
    covers: ClassVar = ("fill_from_column",)
    words: ClassVar = ("coalesce", "combine_first", "IFNULL")
    examples: ClassVar = (
        Example({"column": "a", "other": "b"}, before={"a": ["x", None, None], "b": ["y", "z", None]}, after={"a": ["x", "z", None], "b": ["y", "z", None]}),
    )  # fmt: skip

    column: Column = param("Column to fill")
    other: Column = param("Fill from")

    def check_columns(self, schema):
        super().check_columns(schema)
        if schema[self.column] != schema[self.other]:
            raise ParamError(
                f"columns {self.column!r} ({schema[self.column]}) and {self.other!r} ({schema[self.other]}) differ in type.",
                hint="Change the type of one of them.",
            )

    def apply(self, table, state):
        return table.mutate(ibis.coalesce(table[self.column], table[self.other]).name(self.column))

    def pandas(self, df, state, schema):
        return [f"{df}[{self.column!r}] = {df}[{self.column!r}].fillna({df}[{self.other!r}])"]


@register
class FillWithConstant(Transform):
    """Fill missing values with one value.

    Columns: only `columns` change and keep their types. The value is read as each column's type.
    """

    name: ClassVar = "missing.fill_constant"
    label: ClassVar = "Fill missing values with a value"
    covers: ClassVar = ("fill_missing_constant", "fill_missing_empty_string", "missing_as_category")
    words: ClassVar = (
        "fillna",
        "replace missing",
        "FILL_WITH_CUSTOM",
        "FILL_WITH_EMPTY",
        "missing as its own category",
    )
    examples: ClassVar = (
        Example({"columns": ["a"], "value": "0"}, before={"a": [1, None, 3]}, after={"a": [1, 0, 3]}),
        Example({"columns": ["t"], "value": "it's"}, before={"t": ["x", None]}, after={"t": ["x", "it's"]}),
        Example({"columns": ["t"], "value": ""}, before={"t": ["x", None]}, after={"t": ["x", ""]}),
        Example({"columns": ["t"], "value": "(missing)"}, before={"t": ["x", None]}, after={"t": ["x", "(missing)"]}),
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
    covers: ClassVar = (
        "impute_mean", "impute_median", "impute_sum", "impute_min_max", "impute_quantile", "impute_end_of_tail"
    )  # fmt: skip
    words: ClassVar = (
        "impute",
        "simple imputer",
        "FILL_WITH_AVERAGE",
        "FILL_WITH_MEDIAN",
        "FILL_WITH_SUM",
        "end of distribution",
    )
    examples: ClassVar = (
        Example({"columns": ["age"]}, before={"age": [1.0, None, 8.0]}, after={"age": [1.0, 4.5, 8.0]}),
        Example({"columns": ["age"], "statistic": "mean"}, train={"age": [10, 20, None]}, before={"age": [None, 1]},
                after={"age": [15.0, 1.0]}, types={"age": "int64"}),
        Example({"columns": ["a"], "statistic": "sum"}, before={"a": [1.0, 2.0, None]}, after={"a": [1.0, 2.0, 3.0]}),
        Example({"columns": ["a"], "statistic": "max"}, before={"a": [1.0, 2.0, None]}, after={"a": [1.0, 2.0, 2.0]}),
        Example({"columns": ["a"], "statistic": "quantile", "quantile": 0.25}, before={"a": [1.0, 2.0, 3.0, 4.0, 5.0, None]}, after={"a": [1.0, 2.0, 3.0, 4.0, 5.0, 2.0]}),
        Example({"columns": ["a"], "statistic": "end of the tail", "deviations": -3}, before={"a": [1.0, 3.0, None]}, after={"a": [1.0, 3.0, -1.0]}),
    )  # fmt: skip

    columns: NumericColumns = param("Columns to fill")
    statistic: Literal["mean", "median", "min", "max", "sum", "quantile", "end of the tail"] = param(
        "Fill with", default="median", help="The median resists outliers; the mean keeps the total."
    )
    quantile: float = param("Quantile", default=0.5, ge=0, le=1, help="For 'quantile': linear interpolation.")
    deviations: float = param(
        "Deviations from the mean", default=3.0, help="For 'end of the tail'; below zero: the lower tail."
    )

    def learn(self, x):
        if self.statistic == "quantile":
            return x.quantile(self.quantile)
        if self.statistic == "end of the tail":
            return x.mean() + x.std(how="pop") * self.deviations
        return getattr(x, self.statistic)()

    def fit(self, table):
        state = one_row(table.aggregate([self.learn(known(table[c])).name(c) for c in self.columns]))
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


PLACEHOLDERS = (
    "na", "n/a", "#n/a", "nan", "null", "none", "nil", "missing", "unknown", "undefined", "not available", "?", "-", "--", ".", "",
    "-1", "-9", "-99", "-999", "-9999", "99999", "999999",
)  # fmt: skip


@register
class DisguisedMissing(Transform):
    """Find placeholders for missing values (NA, ?, -999 …) in the training rows and turn them into missing values.

    A placeholder counts if it occurs at least so many times in the column; letters' case and white space around it do not
    matter. A number counts only if it lies below or above all numbers that are no placeholder. Learns the placeholders of each
    column; types stay.
    """

    name: ClassVar = "missing.find_disguised"
    label: ClassVar = "Find disguised missing values"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("detect_disguised_missing",)
    words: ClassVar = ("placeholder", "sentinel", "NA strings", "na_values", "-999")
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["x", "N/A", " n/a ", "?", None]}, after={"t": ["x", None, None, "?", None]}),
        Example({"columns": ["a"], "at_least": 1}, before={"a": [5, -999, 7, None]}, after={"a": [5, None, 7, None]}),
        Example({"columns": ["a"], "at_least": 1}, before={"a": [-5, -1, 7]}, after={"a": [-5, -1, 7]}),
    )  # fmt: skip

    columns: Columns = param("Columns", help="Text or numbers.")
    placeholders: tuple[str, ...] = param("Placeholders", default=PLACEHOLDERS, min_length=1)
    at_least: int = param("If they occur at least so often", default=2, ge=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        for c in self.columns:
            if not (schema[c].is_string() or schema[c].is_numeric()):
                raise ParamError(f"column {c!r} ({schema[c]}) is neither text nor a number.")

    def _candidates(self, dtype) -> list:
        if dtype.is_string():
            return sorted({p.strip().lower() for p in self.placeholders})
        found = set()
        for p in self.placeholders:
            try:
                found.add(float(p))
            except ValueError:
                continue
        return sorted(v for v in found if v == v)

    def fit(self, table):
        asked = []
        for i, c in enumerate(self.columns):
            dtype = table[c].type()
            x = known(table[c]) if dtype.is_numeric() else table[c].strip().lower()
            candidates = self._candidates(dtype)
            asked += [(x == v).ifelse(1, 0).sum().name(f"n{i}_{j}") for j, v in enumerate(candidates)]
            if dtype.is_numeric():
                rest = x.notin(candidates).ifelse(x, ibis.null("float64")) if candidates else x
                asked += [rest.min().name(f"low{i}"), rest.max().name(f"high{i}")]
        found = one_row(table.aggregate(asked))
        state = {}
        for i, c in enumerate(self.columns):
            state[c] = []
            for j, v in enumerate(self._candidates(table[c].type())):
                low, high = found.get(f"low{i}"), found.get(f"high{i}")
                inside = low is not None and low <= v <= high
                if (found[f"n{i}_{j}"] or 0) >= self.at_least and not inside:
                    state[c].append(v)
        return state

    def apply(self, table, state):
        def value(c, found):
            x = table[c]
            same = (known(x) if x.type().is_numeric() else x.strip().lower()).isin(found)
            return same.fill_null(False).ifelse(ibis.null(x.type()), x).name(c)

        changed = [value(c, found) for c, found in state.items() if found]
        return table.mutate(changed) if changed else table

    def pandas(self, df, state, schema):
        lines = []
        for c, found in state.items():
            x = f"{df}[{c!r}]"
            plain = f"{x}.astype('Float64')" if schema[c].is_numeric() else f"{x}.str.strip(' ').str.lower()"
            lines += [f"{x} = {x}.mask({plain}.isin({found!r}))"] if found else []
        return lines


INTERPOLATED = '''
def interpolated(gaps, groups, method, by_rows):
    """Return the numbers `x` with the gaps between known ones filled, along `at` and within groups."""
    filled = gaps["x"].copy()
    for _, part in gaps.groupby(groups, sort=False):
        part = part[part["at"].notna()].sort_values(["at", "x"], na_position="last")
        if by_rows:
            part = part.assign(at=np.arange(len(part), dtype="float64"))
        spots = part[part["x"].notna()].groupby("at")["x"].max()
        if spots.empty:
            continue
        at = part["at"].to_numpy()
        after = np.searchsorted(spots.index, at)
        inside = (after > 0) & (after < len(spots)) & part["x"].isna().to_numpy()
        a, b = spots.index.to_numpy(), spots.to_numpy()
        left, right = np.clip(after - 1, 0, None), np.clip(after, None, len(spots) - 1)
        share = (at - a[left]) / np.where(a[right] > a[left], a[right] - a[left], 1.0)
        value = b[left] + (b[right] - b[left]) * share if method == "linear" else np.where(share > 0.5, b[right], b[left])
        filled.loc[part.index[inside]] = value[inside]
    return filled.astype("Float64")
'''


@row_function("array<float64>", "array<float64>")
def from_neighbours(values, *, rows, means, k, by_distance):
    """Fill the missing numbers of a row with the mean of its nearest training rows (scikit-learn's nan_euclidean distance)."""
    if all(v is not None for v in values):
        return values
    x = np.array([np.nan if v is None else v for v in values], dtype=float)
    known_rows = np.array([[np.nan if v is None else v for v in r] for r in rows], dtype=float)
    both = ~np.isnan(known_rows) & ~np.isnan(x)
    squares = np.where(both, known_rows - np.where(np.isnan(x), 0.0, x), 0.0) ** 2
    shared = both.sum(axis=1)
    distance = np.full(len(known_rows), np.nan)
    distance[shared > 0] = np.sqrt(squares.sum(axis=1)[shared > 0] * len(x) / shared[shared > 0])
    for place in np.flatnonzero(np.isnan(x)):
        donors = np.flatnonzero(~np.isnan(known_rows[:, place]) & ~np.isnan(distance))
        if not len(donors):
            x[place] = means[place]
            continue
        near = donors[np.argsort(distance[donors], kind="stable")[:k]]
        weights = np.ones(len(near))
        if by_distance:
            zero = distance[near] == 0.0
            weights = zero.astype(float) if zero.any() else 1.0 / distance[near]
        x[place] = (known_rows[near, place] * weights).sum() / weights.sum()
    return x.tolist()


@row_function("array<float64>", "array<float64>")
def from_models(values, *, means, rounds):
    """Fill the missing numbers of a row: first with means, then with one linear model after another."""
    missing = [v is None for v in values]
    if not any(missing):
        return values
    found = [m if gone else v for v, m, gone in zip(values, means, missing, strict=True)]
    for place, weights, constant in rounds:
        if missing[place]:
            rest = [v for i, v in enumerate(found) if i != place]
            found[place] = sum(w * v for w, v in zip(weights, rest, strict=True)) + constant
    return found


class FillTogether(Transform):
    """Fill several number columns at once by a row function over their values."""

    serving: ClassVar = "fitted"
    function: ClassVar = None

    columns: NumericColumns = param("Columns", help="They help each other; scale them alike first for nearest rows.")
    rows: int = param("Training rows to learn from", default=1000, ge=10, le=20_000)

    def constants(self, state) -> dict:
        raise NotImplementedError

    def sample(self, table):
        """Return up to `rows` training rows (those with the lowest hash) with NaN for missing, and their means."""
        from transforms.catalog.features import numbers_sample

        x = numbers_sample(table, self.columns, self.rows, complete=False)
        if empty := [c for c, gone in zip(self.columns, np.isnan(x).all(axis=0), strict=True) if gone]:
            raise FitError(f"there is no known value in {', '.join(map(repr, empty))}.", hint="Drop the column.")
        return x

    def apply(self, table, state):
        from transforms.catalog.across import packed
        from transforms.catalog.common import spare_names

        spare = spare_names(table, 1)[0]
        table = table.mutate(self.function(packed(table, self.columns), **self.constants(state)).name(spare))
        return table.mutate([table[spare][i].name(c) for i, c in enumerate(self.columns)]).drop(spare)

    def pandas(self, df, state, schema):
        from transforms.catalog.across import pandas_packed

        filled = self.function.pandas(pandas_packed(df, self.columns), **self.constants(state))
        return [
            f"filled = {filled}",
            *(
                f"{df}[{c!r}] = filled.map(lambda v: v[{i}], na_action='ignore').astype('Float64')"
                for i, c in enumerate(self.columns)
            ),
        ]


@register
class FillFromNeighbours(FillTogether):
    """Fill missing numbers with the mean of the nearest training rows that know them.

    Nearness: the Euclidean distance over the columns that both rows know, scaled up to all of them. Where no column is shared, the
    training mean. Carries the training rows (those with the lowest hash, so the same on every run) in the recipe. Columns: float64.
    Source: scikit-learn `KNNImputer`.
    """

    name: ClassVar = "missing.fill_neighbours"
    label: ClassVar = "Fill from similar rows (nearest neighbours)"
    covers: ClassVar = ("impute_knn",)
    words: ClassVar = ("KNNImputer", "kNN imputation", "nearest neighbours", "hot deck")
    examples: ClassVar = (
        Example({"columns": ["a", "b"], "neighbours": 2}, train={"a": [1.0, 2.0, 10.0], "b": [10.0, 20.0, 90.0]}, before={"a": [1.4, None, None], "b": [None, 90.0, None]}, after={"a": [1.4, 6.0, 13 / 3], "b": [15.0, 90.0, 40.0]}),
        Example({"columns": ["a", "b"], "neighbours": 2, "by_distance": True}, train={"a": [0.0, 3.0], "b": [3.0, 9.0]}, before={"a": [1.0, 3.0], "b": [None, None]}, after={"a": [1.0, 3.0], "b": [5.0, 9.0]}),
    )  # fmt: skip
    function: ClassVar = from_neighbours
    pandas_helpers: ClassVar = (*from_neighbours.helpers, PACKED)

    neighbours: int = param("Neighbours", default=5, ge=1, le=100)
    by_distance: bool = param("Nearer rows count more", default=False)

    def fit(self, table):
        x = self.sample(table)
        rows_ = [[None if np.isnan(v) else float(v) for v in r] for r in x]
        return {"rows": rows_, "means": np.nanmean(x, axis=0).tolist()}

    def constants(self, state):
        return {**state, "k": self.neighbours, "by_distance": self.by_distance}


@register
class FillByModels(FillTogether):
    """Fill missing numbers by linear models of the other columns, round after round until they settle (MICE), or in one round.

    Learns with scikit-learn `IterativeImputer` (Bayesian ridge, or least squares) on up to `rows` training rows (those with the lowest
    hash). One round with two columns is a plain regression. Columns: float64.
    """

    name: ClassVar = "missing.fill_models"
    label: ClassVar = "Fill by models of the other columns"
    covers: ClassVar = ("impute_iterative", "impute_regression")
    words: ClassVar = ("IterativeImputer", "MICE", "regression imputation", "multivariate", "chained equations")
    examples: ClassVar = (
        Example({"columns": ["a", "b"], "model": "least squares"}, train={"a": [1.0, 2.0, 3.0, 4.0], "b": [3.0, 5.0, 7.0, 9.0]}, before={"a": [10.0, None, 1.0], "b": [None, 7.0, 1.0]}, after={"a": [10.0, 3.0, 1.0], "b": [21.0, 7.0, 1.0]}),
        Example({"columns": ["y", "x"], "model": "least squares", "rounds": 1}, train={"x": [0.0, 1.0, 2.0], "y": [1.0, 3.0, 5.0]}, before={"x": [5.0, None], "y": [None, None]}, after={"x": [5.0, 1.0], "y": [11.0, 3.0]}),
    )  # fmt: skip
    function: ClassVar = from_models
    pandas_helpers: ClassVar = (*from_models.helpers, PACKED)

    model: Literal["Bayesian ridge", "least squares"] = param("Model", default="Bayesian ridge")
    rounds: int = param("Rounds at most", default=10, ge=1, le=50)

    def check_columns(self, schema):
        super().check_columns(schema)
        if len(self.columns) < 2:
            raise ParamError("choose at least two columns: they are filled from each other.")

    def fit(self, table):
        import warnings

        from sklearn.experimental import enable_iterative_imputer  # noqa: F401
        from sklearn.impute import IterativeImputer
        from sklearn.linear_model import BayesianRidge, LinearRegression

        x = self.sample(table)
        model = BayesianRidge() if self.model == "Bayesian ridge" else LinearRegression()
        imputer = IterativeImputer(model, max_iter=self.rounds, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not settled after the rounds asked for
            imputer.fit(x)
        # without a gap in training scikit-learn learns nothing: give every column a model of the others
        sequence = [
            [int(t.feat_idx), [float(w) for w in t.estimator.coef_], float(t.estimator.intercept_)]
            for t in imputer.imputation_sequence_
            if sorted(t.neighbor_feat_idx) == [i for i in range(x.shape[1]) if i != t.feat_idx]
        ]
        if not sequence:
            for place in range(x.shape[1]):
                fitted = model.fit(np.delete(x, place, axis=1), x[:, place])
                sequence.append([place, [float(w) for w in fitted.coef_], float(fitted.intercept_)])
        return {"means": np.nanmean(x, axis=0).tolist(), "rounds": sequence}

    def constants(self, state):
        return state


@register
class Interpolate(Transform):
    """Fill gaps between known numbers: on a straight line, or with the nearer of the two neighbours, in the order of a column and within groups.

    The line runs by the values of the order column (a number, date or time), or by row numbers. Gaps at the ends stay missing, and so do
    rows without a value to order by. Reads the other rows. Columns: float64. Source: pandas `interpolate(limit_area="inside")`.
    """

    name: ClassVar = "missing.interpolate"
    label: ClassVar = "Interpolate gaps"
    serving: ClassVar = "batch"
    covers: ClassVar = ("fill_interpolate",)
    words: ClassVar = ("linear interpolation", "fill gaps", "interpolate", "resample")
    examples: ClassVar = (
        Example({"column": "v", "order_by": "t"}, before={"t": [1, 2, 5, 7, None], "v": [10.0, None, 50.0, None, None]}, after={"t": [1, 2, 5, 7, None], "v": [10.0, 20.0, 50.0, None, None]}),
        Example({"column": "v", "order_by": "t", "along": "row numbers", "groups": ["g"]}, before={"g": ["a", "a", "a", "b"], "t": [1, 2, 9, 3], "v": [0, None, 4, None]}, after={"g": ["a", "a", "a", "b"], "t": [1, 2, 9, 3], "v": [0.0, 2.0, 4.0, None]}),
        Example({"column": "v", "order_by": "t", "method": "nearest"}, before={"t": [1, 2, 3, 4], "v": [1.0, None, None, 9.0]}, after={"t": [1, 2, 3, 4], "v": [1.0, 1.0, 9.0, 9.0]}),
        Example({"column": "v", "order_by": "t"}, before={"t": ["2024-01-01", "2024-01-02", "2024-01-05"], "v": [0.0, None, 4.0]}, after={"t": ["2024-01-01", "2024-01-02", "2024-01-05"], "v": [0.0, 1.0, 4.0]}, types={"t": "date"}),
    )  # fmt: skip

    column: NumberColumn = param("Column to fill")
    order_by: Column = param("In the order of")
    groups: SomeColumns = param("Within groups of", default=())
    method: Literal["linear", "nearest"] = param("Method", default="linear")
    along: Literal["values", "row numbers"] = param("Distance by", default="values", help="Of the order column.")

    def check_columns(self, schema):
        super().check_columns(schema)
        dtype = schema[self.order_by]
        if not (dtype.is_numeric() and not dtype.is_boolean() or dtype.is_date() or dtype.is_timestamp()):
            raise ParamError(f"column {self.order_by!r} ({dtype}) is neither a number nor a date or time.")
        if self.column == self.order_by:
            raise ParamError("the column to fill cannot be the one to order by.")

    def apply(self, table, state):
        from transforms.catalog.common import spare_names

        names = x, at, last_x, last_at, next_x, next_at = spare_names(table, 6)
        t = table[self.order_by]
        if t.type().is_numeric():
            value = known(t)
        elif t.type().is_date():
            value = t.cast("timestamp").epoch_seconds().cast("float64")
        else:
            value = t.epoch_seconds().cast("float64")
        table = table.mutate(known(table[self.column]).name(x), value.name(at))
        by = [table[c] for c in self.groups]
        order = [table[at].asc(nulls_first=False), table[x].asc(nulls_first=False)]
        if self.along == "row numbers":
            place = ibis.row_number().over(ibis.window(group_by=by or None, order_by=order)).cast("float64")
            table = table.mutate(table[at].isnull().ifelse(ibis.null("float64"), place).name(at))
            by, order = (
                [table[c] for c in self.groups],
                [table[at].asc(nulls_first=False), table[x].asc(nulls_first=False)],
            )
        spot = table[x].isnull().ifelse(ibis.null("float64"), table[at])
        before = ibis.window(group_by=by or None, order_by=order, preceding=None, following=0)
        after = ibis.window(group_by=by or None, order_by=order, preceding=0, following=None)
        # the nearest known places; then the values that stand there
        table = table.mutate(spot.max().over(before).name(last_at), spot.min().over(after).name(next_at))
        by = [table[c] for c in self.groups]
        for side, to in ((last_at, last_x), (next_at, next_x)):
            here = (table[at] == table[side]).ifelse(table[x], ibis.null("float64"))
            table = table.mutate(
                here.max().over(ibis.window(group_by=[*(table[c] for c in self.groups), table[side]])).name(to)
            )
        gap = table[next_at] - table[last_at]
        share = (table[at] - table[last_at]) / gap.nullif(0.0)
        if self.method == "linear":
            between = table[last_x] + (table[next_x] - table[last_x]) * share
        else:
            between = share.isnull().ifelse(ibis.null("float64"), (share > 0.5).ifelse(table[next_x], table[last_x]))
        return table.mutate(ibis.coalesce(table[x], between).name(self.column)).drop(*names)

    def pandas(self, df, state, schema):
        t = f"{df}[{self.order_by!r}]"
        number = (
            f"{t}.astype('float64')"
            if schema[self.order_by].is_numeric()
            else f"np.floor(({t} - pd.Timestamp(0, tz={t}.dt.tz)) / pd.Timedelta(seconds=1))"
        )
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"gaps = pd.DataFrame({{'x': {df}[{self.column!r}].astype('float64'), 'at': {number}}})",
            f"groups = {df}.groupby({list(self.groups)!r}, dropna=False, sort=False).ngroup()"
            if self.groups
            else f"groups = pd.Series(0, index={df}.index)",
            f"{df}[{self.column!r}] = interpolated(gaps, groups, {self.method!r}, {self.along == 'row numbers'})",
        ]

    pandas_helpers: ClassVar = (INTERPOLATED,)


def lookup(key, mapping, default):
    """Return an expression that maps text keys to values; unknown and missing keys get `default`."""
    if not mapping:
        return ibis.literal(default)
    return ibis.cases(*[(key == k, ibis.literal(v)) for k, v in mapping.items()], else_=default)
