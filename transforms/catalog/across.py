"""Across columns: one value out of several columns of the same row."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import spare_names
from transforms.errors import ParamError
from transforms.fields import NewColumn, NumericColumns, TextColumns, param
from transforms.functions import row_function
from transforms.schema import known
from transforms.transform import Example, Transform, register

PACKED = '''
def packed(df, columns):
    """Return one list of numbers for each row, missing ones as None."""
    values = [df[c].astype("Float64").astype(object) for c in columns]
    rows = zip(*[[None if pd.isna(v) else float(v) for v in column] for column in values])
    return pd.Series([list(row) for row in rows], index=df.index, dtype=object)
'''


def packed(table, columns):
    """Return an array expression of the numbers of some columns, for a row function."""
    return ibis.array([known(table[c]) for c in columns])


def pandas_packed(df: str, columns) -> str:
    return f"packed({df}, {list(columns)!r})"


@row_function("float64", "array<float64>")
def pick_number(values, *, statistic, k=1, unique=False):
    """Return a statistic of the known numbers of a row."""
    found = sorted(float(v) + 0.0 for v in values if v is not None)
    if statistic == "how many different":
        return float(len(set(found)))
    if not found:
        return None
    if statistic == "median":
        half = len(found) // 2
        return found[half] if len(found) % 2 else (found[half - 1] + found[half]) / 2
    if statistic == "most frequent":
        counted = Counter(found)
        return min(counted, key=lambda v: (-counted[v], v))
    if unique:
        found = sorted(set(found))
    if len(found) < k:
        return None
    return found[-k] if statistic == "k-th largest" else found[k - 1]


@register
class PickNumber(Transform):
    """Make a column with the median, the most frequent, the k-th largest or smallest number of a row, or how many differ.

    Missing values are left out; a row without a known value gives missing (and 0 different ones). Ties of the most frequent
    go to the smallest. Columns: one float64 column is added.
    """

    name: ClassVar = "across.pick_number"
    label: ClassVar = "Median, k-th largest … across columns"
    covers: ClassVar = ("row_median", "row_mode", "row_count_distinct", "row_kth_largest")
    words: ClassVar = ("LARGE", "SMALL", "MODE", "MEDIAN", "KTH_LARGEST", "KTH_LARGEST_UNIQUE", "nunique", "distinct across columns")  # fmt: skip
    examples: ClassVar = (
        Example({"columns": ["a", "b", "c"], "to": "m"}, before={"a": [1, None, None], "b": [2.5, 3.0, None], "c": [9, 4, None]}, after={"a": [1, None, None], "b": [2.5, 3.0, None], "c": [9, 4, None], "m": [2.5, 3.5, None]}),
        Example({"columns": ["a", "b", "c"], "statistic": "most frequent", "to": "m"}, before={"a": [1, 5], "b": [2, 3], "c": [2, 4]}, after={"a": [1, 5], "b": [2, 3], "c": [2, 4], "m": [2.0, 3.0]}),
        Example({"columns": ["a", "b", "c"], "statistic": "how many different", "to": "m"}, before={"a": [1, None], "b": [2, None], "c": [2, None]}, after={"a": [1, None], "b": [2, None], "c": [2, None], "m": [2.0, 0.0]}),
        Example({"columns": ["a", "b", "c"], "statistic": "k-th largest", "k": 2, "unique": True, "to": "m"}, before={"a": [7, 7], "b": [7, 7], "c": [3, 7]}, after={"a": [7, 7], "b": [7, 7], "c": [3, 7], "m": [3.0, None]}),
        Example({"columns": ["a", "b"], "statistic": "k-th smallest", "to": "m"}, before={"a": [7, None], "b": [3, 4]}, after={"a": [7, None], "b": [3, 4], "m": [3.0, 4.0]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = (*pick_number.helpers, PACKED)

    columns: NumericColumns = param("Columns")
    statistic: Literal["median", "most frequent", "how many different", "k-th largest", "k-th smallest"] = param(
        "Statistic", default="median"
    )
    k: int = param("k", default=1, ge=1, le=1000, help="For the k-th largest or smallest.")
    unique: bool = param("Count equal numbers once", default=False, help="For the k-th largest or smallest.")
    to: NewColumn = param("New column")

    def constants(self):
        return {"statistic": self.statistic, "k": self.k, "unique": self.unique}

    def apply(self, table, state):
        return table.mutate(pick_number(packed(table, self.columns), **self.constants()).name(self.to))

    def pandas(self, df, state, schema):
        return [f"{df}[{self.to!r}] = {pick_number.pandas(pandas_packed(df, self.columns), **self.constants())}"]


@row_function("string", "array<string>")
def pick_text(values, *, statistic):
    """Return a text that stands for the known texts of a row."""
    found = [v for v in values if v is not None]
    if not found:
        return None
    if statistic == "first known":
        return found[0]
    counted = Counter(found)
    return min(counted, key=lambda v: (-counted[v], v))


@register
class PickText(Transform):
    """Make a column with the first known or the most frequent text of a row.

    Ties of the most frequent go to the first in alphabetical order. A row without a known text gives missing.
    """

    name: ClassVar = "across.pick_text"
    label: ClassVar = "First or most frequent text across columns"
    covers: ClassVar = ("row_any_value",)
    words: ClassVar = ("ANY_VALUE", "coalesce", "majority vote", "mode of columns")
    examples: ClassVar = (
        Example({"columns": ["a", "b"], "to": "c"}, before={"a": ["x", None, None], "b": ["y", "z", None]}, after={"a": ["x", None, None], "b": ["y", "z", None], "c": ["x", "z", None]}),
        Example({"columns": ["a", "b", "d"], "statistic": "most frequent", "to": "c"}, before={"a": ["x", "q"], "b": ["y", "p"], "d": ["y", None]}, after={"a": ["x", "q"], "b": ["y", "p"], "d": ["y", None], "c": ["y", "p"]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = pick_text.helpers

    columns: TextColumns = param("Columns")
    statistic: Literal["first known", "most frequent"] = param("Take", default="first known")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        if self.statistic == "first known":
            return table.mutate(ibis.coalesce(*[table[c] for c in self.columns]).name(self.to))
        texts = ibis.array([table[c] for c in self.columns])
        return table.mutate(pick_text(texts, statistic=self.statistic).name(self.to))

    def pandas(self, df, state, schema):
        rows = f"zip(*[values({df}[c]) for c in {list(self.columns)!r}])"
        return [
            f"texts = pd.Series([list(row) for row in {rows}], index={df}.index, dtype=object)",
            f"{df}[{self.to!r}] = {pick_text.pandas('texts', statistic=self.statistic)}",
        ]


@register
class NameOfLargest(Transform):
    """Make a text column with the name of the column that holds the largest (or smallest) number of the row.

    Ties go to the column chosen first. A row without a known value gives missing.
    """

    name: ClassVar = "across.name_of_largest"
    label: ClassVar = "Which column is the largest?"
    covers: ClassVar = ("row_argmax",)
    words: ClassVar = ("argmax", "argmin", "idxmax", "winning class")
    examples: ClassVar = (
        Example({"columns": ["a", "b"], "to": "w"}, before={"a": [1, None, 2, None], "b": [3.0, 1.0, 2.0, None]}, after={"a": [1, None, 2, None], "b": [3.0, 1.0, 2.0, None], "w": ["b", "b", "a", None]}),
        Example({"columns": ["a", "b"], "which": "smallest", "to": "w"}, before={"a": [1], "b": [3]}, after={"a": [1], "b": [3], "w": ["a"]}),
    )  # fmt: skip

    columns: NumericColumns = param("Columns")
    which: Literal["largest", "smallest"] = param("Which", default="largest")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        best, name = known(table[self.columns[0]]), ibis.literal(self.columns[0])
        for c in self.columns[1:]:
            x = known(table[c])
            wins = best.isnull() | (x > best if self.which == "largest" else x < best)
            wins = wins & x.notnull()
            best, name = wins.ifelse(x, best), wins.ifelse(ibis.literal(c), name)
        return table.mutate(best.isnull().ifelse(ibis.null("string"), name).name(self.to))

    def pandas(self, df, state, schema):
        how = "max" if self.which == "largest" else "min"
        return [
            f"values = {df}[{list(self.columns)!r}].astype('Float64').astype('float64')",
            f"best = values.eq(values.{how}(axis=1), axis=0).to_numpy()",
            f"names = np.array({list(self.columns)!r}, dtype=object)[best.argmax(axis=1)] if len({df}) else []",
            f"{df}[{self.to!r}] = pd.Series(names, index={df}.index, dtype='string').where(best.any(axis=1))",
        ]


@register
class WeightedSum(Transform):
    """Add up columns times weights: a score card. A missing value counts as zero, or makes the sum missing."""

    name: ClassVar = "across.weighted_sum"
    label: ClassVar = "Weighted sum of columns"
    covers: ClassVar = ("row_weighted_sum",)
    words: ClassVar = ("score card", "SUMPRODUCT", "linear combination", "weighted mean across columns")
    examples: ClassVar = (
        Example({"columns": ["a", "b"], "weights": [2, -1], "to": "s"}, before={"a": [1, None], "b": [3.0, 4.0]}, after={"a": [1, None], "b": [3.0, 4.0], "s": [-1.0, None]}),
        Example({"columns": ["a", "b"], "weights": [2, 1], "missing": "zero", "to": "s"}, before={"a": [1, None], "b": [3, 4]}, after={"a": [1, None], "b": [3, 4], "s": [5.0, 4.0]}),
    )  # fmt: skip

    columns: NumericColumns = param("Columns")
    weights: tuple[float, ...] = param("Weights", min_length=1, help="One for each column, in their order.")
    plus: float = param("Plus", default=0.0, help="A constant that is added.")
    missing: Literal["missing", "zero"] = param(
        "A missing value", default="missing", help="Missing: the sum is missing."
    )
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        if len(self.weights) != len(self.columns):
            raise ParamError(f"there are {len(self.columns)} columns and {len(self.weights)} weights.")

    def apply(self, table, state):
        total = ibis.literal(self.plus)
        for c, weight in zip(self.columns, self.weights, strict=True):
            x = known(table[c])
            total = total + (x.fill_null(0.0) if self.missing == "zero" else x) * weight
        return table.mutate(total.name(self.to))

    def pandas(self, df, state, schema):
        fill = ".fillna(0.0)" if self.missing == "zero" else ""
        terms = [
            f"{df}[{c!r}].astype('Float64'){fill} * {w!r}" for c, w in zip(self.columns, self.weights, strict=True)
        ]
        return [f"{df}[{self.to!r}] = {' + '.join([repr(self.plus), *terms])}"]


@register
class ScaleRow(Transform):
    """Scale the numbers of a row to unit length, or turn them into shares that add up to one (softmax).

    Length: the sum of absolute values (l1), the root of the sum of squares (l2) or the largest absolute value (max); a row
    of zeros stays. Missing values stay missing and do not count. Columns: the chosen ones become float64.
    Source: scikit-learn `Normalizer`.
    """

    name: ClassVar = "across.scale_row"
    label: ClassVar = "Scale each row"
    covers: ClassVar = ("unit_vector_normalise", "softmax_row")
    words: ClassVar = ("Normalizer", "unit norm", "l2 normalise", "softmax", "probabilities")
    examples: ClassVar = (
        Example({"columns": ["a", "b"]}, before={"a": [3, 0, None], "b": [4, 0, 2]}, after={"a": [0.6, 0.0, None], "b": [0.8, 0.0, 1.0]}),
        Example({"columns": ["a", "b"], "to": "l1"}, before={"a": [1], "b": [-3]}, after={"a": [0.25], "b": [-0.75]}),
        Example({"columns": ["a", "b"], "to": "max"}, before={"a": [1], "b": [-4]}, after={"a": [0.25], "b": [-1.0]}),
        Example({"columns": ["a", "b"], "to": "softmax"}, before={"a": [0.0, None], "b": [0.0, 5.0]}, after={"a": [0.5, None], "b": [0.5, 1.0]}),
    )  # fmt: skip

    columns: NumericColumns = param("Columns")
    to: Literal["l2", "l1", "max", "softmax"] = param("Scale", default="l2")

    def apply(self, table, state):
        size, largest = spare_names(table, 2)
        values = [known(table[c]) for c in self.columns]
        sizes = [v.abs() if self.to in ("l1", "max") else v * v for v in values]
        biggest = _largest(values if self.to == "softmax" else sizes)
        table = table.mutate(biggest.name(largest))
        values = [known(table[c]) for c in self.columns]
        if self.to == "softmax":
            values = [known((v - table[largest]).exp()) for v in values]  # infinity less infinity is no number
            total = sum((v.fill_null(0.0) for v in values[1:]), values[0].fill_null(0.0))
        elif self.to == "max":
            total = table[largest]
        else:
            parts = [v.abs() if self.to == "l1" else v * v for v in values]
            total = sum((p.fill_null(0.0) for p in parts[1:]), parts[0].fill_null(0.0))
            total = total.sqrt() if self.to == "l2" else total
        # a length of zero counts as one
        table = table.mutate((total == 0.0).ifelse(ibis.literal(1.0), total).name(size))
        values = [known(table[c]) for c in self.columns]
        if self.to == "softmax":
            values = [known((v - table[largest]).exp()) for v in values]  # infinity less infinity is no number
        scaled = [(v / table[size]).name(c) for v, c in zip(values, self.columns, strict=True)]
        return table.mutate(scaled).drop(size, largest)

    def pandas(self, df, state, schema):
        columns = list(self.columns)
        size = {
            "l1": "x.abs().sum(axis=1)",
            "l2": "np.sqrt((x * x).sum(axis=1))",
            "max": "x.abs().max(axis=1)",
            "softmax": "x.sum(axis=1)",
        }[self.to]
        lines = [f"x = {df}[{columns!r}].astype('Float64')"]
        if self.to == "softmax":
            lines += ["x = x.sub(x.max(axis=1), axis=0)", "x = x.apply(np.exp)"]
        return [*lines, f"size = {size}", f"{df}[{columns!r}] = x.div(size.mask(size == 0, 1.0), axis=0)"]


def _largest(values):
    best = values[0]
    for v in values[1:]:
        best = ibis.cases((best.isnull(), v), (v.isnull(), best), (v > best, v), else_=best)
    return best
