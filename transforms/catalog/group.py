"""Group: one row per group with statistics of its rows."""

from __future__ import annotations

import math
from collections import Counter
from typing import ClassVar, Literal

import ibis
import rapidfuzz.distance.JaroWinkler as jaro_winkler
import rapidfuzz.fuzz as fuzz

from transforms.catalog.common import no_nan, spare_names
from transforms.catalog.missing import lookup
from transforms.errors import ColumnNotFound, FitError, ParamError
from transforms.fields import (
    KIND_WORDS,
    BoolColumn,
    Column,
    Columns,
    NewColumn,
    Settings,
    SomeColumns,
    TextColumn,
    TimeColumn,
    kind_of,
    param,
)
from transforms.functions import VALUES, row_function
from transforms.reading import rows
from transforms.schema import PANDAS, known, to_name
from transforms.transform import Example, Transform, register

Basic = Literal[
    "count",
    "count distinct",
    "count missing",
    "sum",
    "mean",
    "median",
    "min",
    "max",
    "standard deviation",
    "variance",
    "share true",
]
Statistic = Literal[
    "count", "count distinct", "count missing", "sum", "mean", "median", "min", "max", "standard deviation", "variance", "share true",
    "share missing", "most frequent", "first", "last", "k-th largest", "k-th smallest", "quantile", "weighted mean", "correlation",
    "skewness", "kurtosis", "entropy", "list", "list of different values", "joined text",
]  # fmt: skip
NUMERIC = ("sum", "mean", "median", "standard deviation", "variance", "quantile", "weighted mean", "correlation", "skewness", "kurtosis")  # fmt: skip
ORDERED = ("min", "max", "most frequent", "first", "last", "k-th largest", "k-th smallest", "list", "list of different values")  # fmt: skip
OTHER = {"first": "an order", "last": "an order", "weighted mean": "weights", "correlation": "a second number"}


@row_function("float64", "array<string>")
def list_entropy(items):
    """Return the Shannon entropy of values, in bits."""
    shares = [n / len(items) for n in Counter(items).values()]
    return -math.fsum(p * math.log2(p) for p in shares) + 0.0 if items else None


@row_function("float64", "array<float64>")
def list_shape(items, *, power):
    """Return skewness (power 3) or excess kurtosis (power 4), corrected for small samples as pandas does."""
    n = len(items)
    if n < power:
        return None
    mean = math.fsum(items) / n
    m2, m = (math.fsum((x - mean) ** p for x in items) / n for p in (2, power))
    if m2 <= 0:
        return 0.0
    if power == 3:
        return m / m2**1.5 * math.sqrt(n * (n - 1)) / (n - 2)
    return ((n + 1) * (m / m2**2 - 3) + 6) * (n - 1) / ((n - 2) * (n - 3))


GROUPS = '''
def each_group(grouped, function, kind):
    """Call a function with the sorted known values of each group. `kind` is the pandas type."""
    parts = [[] for _ in range(grouped.ngroups)]
    for place, value in zip(grouped.ngroup(), values(grouped.obj)):
        if value is not None:
            parts[place].append(value)
    return pd.Series([function(sorted(part)) for part in parts], index=grouped.size().index, dtype=kind or object)
'''
HELPERS = (*list_entropy.helpers[:-2], *list_shape.helpers[:-2], VALUES, GROUPS)


class Aggregation(Settings):
    """A statistic of one column, under a name."""

    column: Column = param("Column")
    statistic: Statistic = param("Statistic", default="mean")
    to: NewColumn = param("New column")
    number: float | None = param("Which quantile (0 to 1), or k", default=None)
    other: Column | None = param("Order, weights or second number", default=None)
    separator: str = param("Between joined texts", default=", ")
    only_where: BoolColumn | None = param("Only rows where", default=None, help="A true/false column.")

    def check(self, schema) -> None:
        for name in (self.other, self.only_where):
            if name and name not in schema:
                raise ColumnNotFound.of(name, schema)
        kind = kind_of(schema[self.column])
        if self.statistic in NUMERIC and kind != "number":
            raise ParamError(f"{self.statistic!r} needs a number, but column {self.column!r} is {KIND_WORDS[kind]}.")
        if self.statistic == "share true" and kind != "bool":
            raise ParamError(f"'share true' needs true/false, but column {self.column!r} is {KIND_WORDS[kind]}.")
        if self.statistic in ORDERED and kind == "any":
            raise ParamError(f"column {self.column!r} has no order.")
        if self.statistic in ("joined text", "entropy"):
            from transforms.catalog.encode import text_like

            text_like(schema, [self.column])
        if self.statistic in OTHER and self.other is None:
            raise ParamError(f"{self.statistic!r} needs {OTHER[self.statistic]}: choose the other column.")
        if self.statistic in ("weighted mean", "correlation") and not schema[self.other].is_numeric():
            raise ParamError(f"{self.statistic!r} needs numbers, but column {self.other!r} is {schema[self.other]}.")
        if self.statistic == "quantile" and not 0 <= (0.5 if self.number is None else self.number) <= 1:
            raise ParamError(f"a quantile lies between 0 and 1, not at {self.number:g}.")
        if "k-th" in self.statistic and (self.number or 1) != int(self.number or 1) or (self.number or 1) < 0:
            raise ParamError(f"k is a whole number from 1, not {self.number:g}.")

    @property
    def _k(self) -> int:
        return int(self.number or 1)

    def prepared(self, table, keys) -> dict:
        """Return {part: expression} of what the aggregate needs for each row."""
        x = table[self.column]
        if self.only_where:
            x = table[self.only_where].fill_null(False).ifelse(x, ibis.null(x.type()))
        return {"x": x} | ({"y": table[self.other]} if self.other else {})

    def ranked(self, table, keys, x: str, y: str | None):
        """Return the value in the row that "first", "last" and "most frequent" choose, missing in all others."""
        x = table[x]
        if self.statistic == "most frequent":
            order = [table[y].desc()]
        else:
            order = [table[y].asc(nulls_first=False) if self.statistic == "first" else table[y].desc(nulls_first=False)]
        window = ibis.window(
            group_by=[table[k] for k in keys] or None, order_by=[x.isnull().cast("int64").asc(), *order, x.asc()]
        )
        return (ibis.row_number().over(window) == 0).ifelse(x, ibis.null(x.type()))

    def expression(self, table, x: str | None = None, y: str | None = None):
        x = table[x or self.column]
        number = known(x) if kind_of(x.type()) == "number" else x
        other = known(table[y]) if y and self.statistic in ("weighted mean", "correlation") else None
        return {
            "count": lambda: x.count().cast("int64"),
            "count distinct": lambda: x.nunique().cast("int64"),
            "count missing": lambda: x.isnull().cast("int64").sum().fill_null(0).cast("int64"),
            "sum": lambda: number.sum(),
            "mean": lambda: number.mean(),
            "median": lambda: number.quantile(0.5),
            "min": lambda: x.min(),
            "max": lambda: x.max(),
            "standard deviation": lambda: number.std(how="sample"),
            "variance": lambda: number.var(how="sample"),
            "share true": lambda: x.cast("float64").mean(),
            "share missing": lambda: x.isnull().cast("float64").mean(),
            "most frequent": lambda: x.max(),
            "first": lambda: x.max(),
            "last": lambda: x.max(),
            "quantile": lambda: number.quantile(0.5 if self.number is None else self.number),
            "weighted mean": lambda: (number * other).sum() / other.nullif(0.0).sum(where=number.notnull()).nullif(0.0),
            "correlation": lambda: no_nan(number.corr(other, where=number.notnull() & other.notnull(), how="pop")),
            "skewness": lambda: number.collect(),
            "kurtosis": lambda: number.collect(),
            "entropy": lambda: x.cast("string").collect(),
            "joined text": lambda: x.cast("string").collect(),
        }.get(self.statistic, lambda: x.collect())().name(self.to)

    def finished(self, column):
        """Return the result where the aggregate gave a list of the values."""
        if self.statistic in ("skewness", "kurtosis"):
            return list_shape(column, power=3 if self.statistic == "skewness" else 4)
        if self.statistic == "entropy":
            return list_entropy(column)
        there = column.length() > 0
        found = column.unique() if self.statistic == "list of different values" else column
        found = found.sort()
        if self.statistic == "joined text":
            return there.ifelse(found.join(self.separator), ibis.null("string"))
        if self.statistic in ("k-th largest", "k-th smallest"):
            place = self._k - 1 if self.statistic == "k-th smallest" else found.length() - self._k
            return (found.length() >= self._k).ifelse(found[place], ibis.null(found.type().value_type))
        return there.ifelse(found, ibis.null(found.type()))

    @property
    def collects(self) -> bool:
        return self.statistic in ("skewness", "kurtosis", "entropy", "list", "list of different values", "joined text", "k-th largest", "k-th smallest")  # fmt: skip

    def pandas(self, grouped: str, schema, x: str | None = None) -> str:
        """Return pandas code for the statistic of a grouped frame; `x` names the column where it is not its own."""
        name = x or self.column
        x = f"{grouped}[{name!r}]"
        kind = PANDAS.get(to_name(schema[self.column]), "") if self.column in schema else ""
        keys = f"{grouped}.keys"
        each = lambda function, kind: f"each_group({x}, {function}, {kind!r})"  # noqa: E731
        ordered = f"{grouped}.obj.sort_values({[self.other, name]!r}, ascending={[self.statistic == 'first', True]!r}, na_position='last').groupby({keys}, dropna=False, sort=False)[{name!r}].first()"
        pair = f"{{n: t[[{name!r}, {self.other!r}]].dropna().astype(float) for n, t in enumerate([t for _, t in {grouped}])}}"
        return {
            "count": f"{x}.count().astype('Int64')", "count distinct": f"{x}.nunique().astype('Int64')",
            "count missing": f"({grouped}.size() - {x}.count()).astype('Int64')", "sum": f"{x}.sum(min_count=1).astype('Float64')",
            "mean": f"{x}.mean().astype('Float64')", "median": f"{x}.median().astype('Float64')", "min": f"{x}.min()", "max": f"{x}.max()",
            "standard deviation": f"{x}.std().astype('Float64')", "variance": f"{x}.var().astype('Float64')", "share true": f"{x}.mean().astype('Float64')",
            "share missing": f"(1 - {x}.count() / {grouped}.size()).astype('Float64')",
            "quantile": f"{x}.quantile({0.5 if self.number is None else self.number}).astype('Float64')",
            "most frequent": each("lambda v: min(v, key=lambda x: (-v.count(x), x)) if v else None", kind),
            "first": ordered, "last": ordered,
            "k-th largest": each(f"lambda v: v[-{self._k}] if len(v) >= {self._k} else None", kind),
            "k-th smallest": each(f"lambda v: v[{self._k - 1}] if len(v) >= {self._k} else None", kind),
            "skewness": each("lambda v: list_shape([float(x) for x in v], power=3)", "Float64"),
            "kurtosis": each("lambda v: list_shape([float(x) for x in v], power=4)", "Float64"),
            "entropy": each("lambda v: list_entropy(v)", "Float64"),
            "list": each("lambda v: v or None", ""), "list of different values": each("lambda v: list(dict.fromkeys(v)) or None", ""),
            "joined text": each(f"lambda v: {self.separator!r}.join(sorted(str(x).lower() if isinstance(x, bool) else str(x) for x in v)) if v else None", "string"),
            "weighted mean": f"pd.Series([(t[{name!r}] * t[{self.other!r}]).sum() / (t[{self.other!r}].sum() or np.nan) for t in {pair}.values()], index={grouped}.size().index, dtype='Float64')",
            "correlation": f"pd.Series([t[{name!r}].corr(t[{self.other!r}]) if len(t) > 1 else np.nan for t in {pair}.values()], index={grouped}.size().index, dtype='Float64')",
        }[self.statistic]  # fmt: skip


def summarised(table, keys, aggregations):
    """Return one row per combination of the key columns with the aggregations."""
    extra = [a for a in aggregations if a.only_where or a.other or a.collects or a.statistic == "most frequent"]
    spare = iter(spare_names(table, 3 * len(extra)))
    place: dict[int, dict[str, str]] = {}
    made = []
    for i, a in enumerate(aggregations):
        if a in extra:
            parts = a.prepared(table, keys)
            place[i] = {p: next(spare) for p in parts}
            made += [e.name(place[i][p]) for p, e in parts.items()]
    table = table.mutate(made) if made else table
    counted = []
    for i, a in enumerate(aggregations):
        if a.statistic == "most frequent":
            x, place[i]["y"] = table[place[i]["x"]], next(spare)
            counted.append(x.count().over(ibis.window(group_by=[*(table[k] for k in keys), x])).name(place[i]["y"]))
    table = table.mutate(counted) if counted else table
    ranked = [
        a.ranked(table, keys, place[i]["x"], place[i].get("y")).name(place[i]["x"])
        for i, a in enumerate(aggregations)
        if a.statistic in ("first", "last", "most frequent")
    ]
    table = table.mutate(ranked) if ranked else table
    values = [a.expression(table, **place.get(i, {})) for i, a in enumerate(aggregations)]
    grouped = table.group_by([table[c] for c in keys]).aggregate(values) if keys else table.aggregate(values)
    finished = [a.finished(grouped[a.to]).name(a.to) for a in aggregations if a.collects]
    return grouped.mutate(finished) if finished else grouped


@register
class Aggregate(Transform):
    """Make one row per group with statistics of its rows.

    Rows: one per combination of the group columns, a missing value being a group of its own. Missing values are left out
    of statistics; a statistic of nothing is missing (a count is 0). Standard deviation and variance are of a sample (n - 1),
    skewness and excess kurtosis are corrected as pandas does, entropy is in bits. "most frequent": ties go to the smallest.
    "first" and "last" take the known value first in the order of the other column, ties the smallest. Lists are sorted, hold the
    known values only and are missing where there is none. "Only rows where" leaves the other rows out of one statistic.
    """

    name: ClassVar = "group.aggregate"
    label: ClassVar = "Group and summarise"
    serving: ClassVar = "batch"
    covers: ClassVar = (
        "group_by_aggregate",
        "agg_count",
        "agg_count_distinct",
        "agg_sum",
        "agg_mean",
        "agg_median",
        "agg_min",
        "agg_max",
        "agg_std",
        "agg_variance",
        "agg_mode",
        "agg_first_last",
        "agg_kth_largest",
        "agg_weighted_mean",
        "agg_quantile",
        "agg_list",
        "agg_unique_list",
        "agg_concat",
        "agg_conditional",
        "agg_correlation",
        "agg_entropy",
        "agg_skew_kurtosis",
        "agg_missing_share",
    )
    words: ClassVar = ("GROUP_BY", "summarize", "pivot table", "aggregate", "MODE", "string_agg", "percentile", "sumif")
    pandas_helpers: ClassVar = HELPERS
    examples: ClassVar = tuple(
        Example({"groups": ["g"], "aggregations": [{"column": "v", "statistic": s, "to": "r"}]}, before={"g": ["a", "a", "a", None], "v": [1.0, 2.0, 6.0, None]}, after={"g": ["a", None], "r": r})
        for s, r in (("mean", [3.0, None]), ("count", [3, 0]), ("count distinct", [3, 0]), ("count missing", [0, 1]), ("sum", [9.0, None]), ("median", [2.0, None]), ("min", [1.0, None]), ("max", [6.0, None]), ("standard deviation", [7**0.5, None]), ("variance", [7.0, None]), ("share missing", [0.0, 1.0]), ("most frequent", [1.0, None]), ("k-th largest", [6.0, None]))
    ) + (
        Example({"groups": ["g"], "aggregations": [{"column": "v", "statistic": "share true", "to": "r"}]}, before={"g": ["a", "a"], "v": [True, False]}, after={"g": ["a"], "r": [0.5]}),
        Example({"groups": ["g"], "aggregations": [{"column": "t", "statistic": "most frequent", "to": "m"}, {"column": "t", "statistic": "first", "other": "n", "to": "f"}, {"column": "t", "statistic": "last", "other": "n", "to": "l"}, {"column": "t", "statistic": "joined text", "to": "j"}, {"column": "t", "statistic": "list", "to": "li"}, {"column": "t", "statistic": "list of different values", "to": "u"}, {"column": "t", "statistic": "entropy", "to": "e"}]},
                before={"g": ["a", "a", "a", "b"], "t": ["y", "x", "x", None], "n": [1, 2, None, 1]}, after={"g": ["a", "b"], "m": ["x", None], "f": ["y", None], "l": ["x", None], "j": ["x, x, y", None], "li": [["x", "x", "y"], None], "u": [["x", "y"], None], "e": [0.9182958340544896, None]}),
        Example({"groups": ["g"], "aggregations": [{"column": "v", "statistic": "weighted mean", "other": "w", "to": "m"}, {"column": "v", "statistic": "correlation", "other": "w", "to": "c"}, {"column": "v", "statistic": "quantile", "number": 0.25, "to": "q"}, {"column": "v", "statistic": "k-th smallest", "number": 2, "to": "k"}, {"column": "v", "statistic": "sum", "only_where": "p", "to": "s"}]},
                before={"g": ["a", "a", "a", "b"], "v": [1.0, 2.0, 3.0, None], "w": [1.0, 0.0, 3.0, 1.0], "p": [True, None, True, True]}, after={"g": ["a", "b"], "m": [2.5, None], "c": [0.6546536707079772, None], "q": [1.5, None], "k": [2.0, None], "s": [4.0, None]}),
        Example({"groups": ["g"], "aggregations": [{"column": "v", "statistic": "skewness", "to": "s"}, {"column": "v", "statistic": "kurtosis", "to": "k"}]},
                before={"g": [1, 1, 1, 1, 2], "v": [1, 1, 1, 5, 7]}, after={"g": [1, 2], "s": [2.0, None], "k": [4.0, None]}),
    )  # fmt: skip

    groups: Columns = param("Group by")
    aggregations: tuple[Aggregation, ...] = param("Statistics", min_length=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        check_aggregations(schema, self.groups, self.aggregations)

    def apply(self, table, state):
        return summarised(table, self.groups, self.aggregations)

    def pandas(self, df, state, schema):
        return pandas_aggregate(df, df, self.groups, self.aggregations, schema)


def check_aggregations(schema, groups, aggregations) -> None:
    """Refuse a name that is used twice and a statistic that does not fit its column."""
    names = [*groups, *(a.to for a in aggregations)]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise ParamError(f"the name {twice[0]!r} is used twice.")
    for aggregation in aggregations:
        aggregation.check(schema)


def pandas_aggregate(target: str, df: str, groups, aggregations, schema) -> list[str]:
    """Return pandas lines that put the grouped table into `target`."""
    lines, own = [], {}
    for i, a in enumerate(aggregations):
        if a.only_where:
            own[i] = f"__only_{i}"
            lines.append(
                f"whole[{own[i]!r}] = whole[{a.column!r}].where(whole[{a.only_where!r}].fillna(False).astype(bool))"
            )
    frame = "whole" if lines else df
    return [
        *([f"whole = {df}.copy()"] if lines else []),
        *lines,
        f"grouped = {frame}.groupby({list(groups)!r}, dropna=False, sort=False)",
        f"{target} = pd.DataFrame({{",
        *[f"    {a.to!r}: {a.pandas('grouped', schema, own.get(i))}," for i, a in enumerate(aggregations)],
        f"}}).reset_index().astype({_types(groups, schema)!r})",
    ]  # fmt: skip


def _types(groups, schema) -> dict:
    return {c: PANDAS[to_name(schema[c])] for c in groups if c in schema and to_name(schema[c]) in PANDAS}


class KeySet(Settings):
    """Columns that one table of subtotals is grouped by; none: the grand total."""

    columns: SomeColumns = param("Group by", default=())


@register
class Subtotals(Transform):
    """Group by columns and add subtotals and a grand total, as rows whose other group columns are missing.

    "one after the other" (rollup): by a and b, by a, in all. "every combination" (cube): also by b alone. Or name the groupings.
    The level column says what a row is grouped by, such as `a, b`, or `total`.
    """

    name: ClassVar = "group.subtotals"
    label: ClassVar = "Group with subtotals"
    serving: ClassVar = "batch"
    covers: ClassVar = ("rollup_subtotals", "grouping_sets")
    words: ClassVar = ("ROLLUP", "CUBE", "GROUPING SETS", "margins", "grand total")
    pandas_helpers: ClassVar = HELPERS
    examples: ClassVar = (
        Example({"groups": ["a", "b"], "aggregations": [{"column": "v", "statistic": "sum", "to": "s"}]}, before={"a": ["x", "x", "y"], "b": [1, 2, 1], "v": [1, 2, None]}, after={"a": ["x", "x", "y", "x", "y", None], "b": [1, 2, 1, None, None, None], "s": [1.0, 2.0, None, 3.0, None, 3.0], "level": ["a, b", "a, b", "a, b", "a", "a", "total"]}),
        Example({"groups": ["a", "b"], "kind": "every combination", "aggregations": [{"column": "v", "statistic": "count", "to": "n"}]}, before={"a": ["x"], "b": [1], "v": [1]}, after={"a": ["x", "x", None, None], "b": [1, None, 1, None], "n": [1, 1, 1, 1], "level": ["a, b", "a", "b", "total"]}),
        Example({"groups": ["a", "b"], "kind": "as named", "sets": [{"columns": ["b"]}, {}], "aggregations": [{"column": "v", "statistic": "count", "to": "n"}]}, before={"a": ["x"], "b": [1], "v": [1]}, after={"a": [None, None], "b": [1, None], "n": [1, 1], "level": ["b", "total"]}, types={"a": "string"}),
    )  # fmt: skip

    groups: Columns = param("Group by")
    aggregations: tuple[Aggregation, ...] = param("Statistics", min_length=1)
    kind: Literal["one after the other", "every combination", "as named"] = param("Subtotals", default="one after the other")  # fmt: skip
    sets: tuple[KeySet, ...] = param("Groupings", default=(), help="For subtotals as named.")
    level_to: NewColumn = param("Column for the level", default="level")

    def check_columns(self, schema):
        super().check_columns(schema)
        check_aggregations(schema, [*self.groups, self.level_to], self.aggregations)
        if len(self.groups) > 6:
            raise ParamError("at most 6 columns can be grouped with subtotals.")
        for keys in self.sets:
            if odd := [c for c in keys.columns if c not in self.groups]:
                raise ParamError(f"{odd[0]!r} is not among the group columns.")

    def _sets(self) -> list[list[str]]:
        if self.kind == "as named":
            return [list(s.columns) for s in self.sets] or [list(self.groups)]
        n = len(self.groups)
        if self.kind == "one after the other":
            return [list(self.groups[:size]) for size in range(n, -1, -1)]
        return [[c for i, c in enumerate(self.groups) if not mask >> i & 1] for mask in range(2**n)]

    def apply(self, table, state):
        parts = []
        for keys in self._sets():
            found = summarised(table, keys, self.aggregations)
            cells = [found[c] if c in keys else ibis.null(table[c].type()).name(c) for c in self.groups]
            level = ibis.literal(", ".join(keys) or "total").name(self.level_to)
            parts.append(found.select([*cells, *(found[a.to] for a in self.aggregations), level]))
        return ibis.union(*parts) if len(parts) > 1 else parts[0]

    def pandas(self, df, state, schema):
        lines = ["parts = []"]
        names = [*self.groups, *(a.to for a in self.aggregations), self.level_to]
        for keys in self._sets():
            if keys:
                lines += pandas_aggregate("part", df, keys, self.aggregations, schema)
            else:
                one = [f"single = {df}.assign(__total=1) if len({df}) else {df}.reindex([0]).assign(__total=1)"]
                lines += [*one, *pandas_aggregate("part", "single", ["__total"], self.aggregations, schema)]
            lines.append(f"parts.append(part.assign(**{{{self.level_to!r}: {', '.join(keys) or 'total'!r}}}).astype({{{self.level_to!r}: 'string'}}).reindex(columns={names!r}).astype({_types(self.groups, schema)!r}))")  # fmt: skip
        return [*lines, f"{df} = pd.concat(parts, ignore_index=True)"]


UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}
Unit = Literal["seconds", "minutes", "hours", "days", "weeks"]


@register
class TimeWindows(Transform):
    """Make one row per time window and group with statistics of its rows: each hour, each week, or 7 days every day.

    Windows are as long as you say and start at multiples of the step, counted from Monday, 1969-12-29 (UTC). A step shorter than
    the window makes windows overlap: a row then counts in several. Windows without rows are not made; rows without a time
    are left out.
    """

    name: ClassVar = "group.time_windows"
    label: ClassVar = "Group by time windows"
    serving: ClassVar = "batch"
    covers: ClassVar = ("group_by_aggregate",)
    words: ClassVar = ("tumbling window", "hopping window", "resample", "group by window", "date_trunc")
    pandas_helpers: ClassVar = HELPERS
    examples: ClassVar = (
        Example({"time": "d", "length": 1, "unit": "days", "aggregations": [{"column": "v", "statistic": "sum", "to": "s"}]}, before={"d": ["2024-01-01T01:00:00", "2024-01-01T23:00:00", "2024-01-03T00:00:00", None], "v": [1, 2, 4, 8]}, after={"window": ["2024-01-01T00:00:00", "2024-01-03T00:00:00"], "s": [3.0, 4.0]}, types={"d": "timestamp"}, after_types={"window": "timestamp"}),
        Example({"time": "d", "groups": ["g"], "length": 2, "step": 1, "unit": "days", "aggregations": [{"column": "v", "statistic": "count", "to": "n"}]}, before={"g": ["a", "a"], "d": ["2024-01-02", "2024-01-03"], "v": [1, 2]}, after={"g": ["a", "a", "a"], "window": ["2024-01-01T00:00:00", "2024-01-02T00:00:00", "2024-01-03T00:00:00"], "n": [1, 2, 1]}, types={"d": "date"}, after_types={"window": "timestamp"}),
    )  # fmt: skip

    time: TimeColumn = param("Time")
    groups: SomeColumns = param("Within groups of", default=())
    length: int = param("Length of a window", default=1, ge=1, le=100_000)
    unit: Unit = param("Unit", default="days")
    step: int | None = param("A window starts every", default=None, ge=1, help="Same unit. Empty: one after the other.")
    aggregations: tuple[Aggregation, ...] = param("Statistics", min_length=1)
    to: NewColumn = param("Column for the start", default="window")

    def check_columns(self, schema):
        super().check_columns(schema)
        check_aggregations(schema, [*self.groups, self.to], self.aggregations)
        if self.to in schema:
            raise ParamError(f"column {self.to!r} exists already.", hint="Choose another name for the new column.")
        if self._step > self.length:
            raise ParamError("a step longer than the window would leave rows out.", hint="Make the step shorter.")
        if -(-self.length // self._step) > 1000:
            raise ParamError("a row would count in more than 1,000 windows.", hint="Make the step longer.")

    @property
    def _step(self) -> int:
        return self.step or self.length

    def apply(self, table, state):
        from transforms.catalog.common import floor

        size, every = self.length * UNITS[self.unit], self._step * UNITS[self.unit]
        moment = table[self.time].cast("timestamp(6)") if table[self.time].type().is_date() else table[self.time]
        spare, place = spare_names(table, 2)
        seconds = moment.truncate("s").epoch_seconds().cast("float64") + 259200.0  # from the Monday before 1970
        table = table.mutate((floor(seconds / every) * every).cast("int64").name(spare), seconds.name(place))
        table = table.filter(table[spare].notnull())
        parts = [
            table.mutate((table[spare] - k * every).name(spare)).filter(ibis._[place] < ibis._[spare] + size)
            for k in range(-(-size // every))
        ]
        whole = ibis.union(*parts) if len(parts) > 1 else parts[0]
        start = ibis.literal("1969-12-29").cast("timestamp(6)") + whole[spare].as_interval("s")
        whole = whole.mutate(start.name(self.to)).drop(spare, place)
        return summarised(whole, [*self.groups, self.to], self.aggregations)

    def pandas(self, df, state, schema):
        size, every = self.length * UNITS[self.unit], self._step * UNITS[self.unit]
        types = dict(schema.items()) | {self.to: ibis.dtype("timestamp(6)")}
        naive = ".dt.tz_localize(None)" if getattr(schema[self.time], "timezone", None) else ""
        return [
            f"{df} = {df}[{df}[{self.time!r}].notna()]",
            "base = pd.Timestamp('1969-12-29')",
            f"seconds = ({df}[{self.time!r}]{naive} - base).dt.floor('s').dt.total_seconds()",
            f"starts = [(seconds // {every} * {every} - k * {every}).astype('int64') for k in range({-(-size // every)})]",
            f"parts = [{df}.assign(**{{{self.to!r}: (base + pd.to_timedelta(s, unit='s')).astype('datetime64[us]')}})[seconds < s + {size}] for s in starts]",
            "whole_ = pd.concat(parts, ignore_index=True)",
            *pandas_aggregate(df, "whole_", [*self.groups, self.to], self.aggregations, types),
        ]


METRICS = {
    "ratio": lambda a, b: fuzz.ratio(a, b) / 100,
    "word order": lambda a, b: fuzz.token_sort_ratio(a, b) / 100,
    "shared words": lambda a, b: fuzz.token_set_ratio(a, b) / 100,
    "jaro-winkler": lambda a, b: jaro_winkler.similarity(a, b),
}
Metric = Literal["ratio", "word order", "shared words", "jaro-winkler"]
MOST_VALUES = 5000


@register
class FuzzyGroup(Transform):
    """Group rows whose texts are similar, and summarise each group; the most frequent spelling names it.

    Fit reads the values with their counts (the 5,000 most frequent), goes through them from the most frequent on (ties in
    alphabetical order), and gives each to the first group whose name is at least as similar as the threshold. What it learnt
    is a list {value: group}; a value that is new later is its own group. Metrics: rapidfuzz, 0 to 1, on lower-case text.
    """

    name: ClassVar = "group.fuzzy"
    label: ClassVar = "Group similar texts"
    serving: ClassVar = "batch"
    covers: ClassVar = ("group_fuzzy",)
    words: ClassVar = ("fuzzy grouping", "cluster", "similar names", "Table.FuzzyGroup")
    pandas_helpers: ClassVar = HELPERS
    examples: ClassVar = (
        Example({"column": "t", "threshold": 0.8, "aggregations": [{"column": "v", "statistic": "sum", "to": "s"}]}, before={"t": ["Berlin", "Berlin", "berlln", "Paris", None], "v": [1, 2, 4, 8, 16]}, after={"t": ["Berlin", "Paris", None], "s": [7.0, 8.0, 16.0]}),
        Example({"column": "t", "metric": "word order", "threshold": 0.95, "aggregations": [{"column": "v", "statistic": "count", "to": "n"}]}, before={"t": ["Ada Byron", "Byron Ada"], "v": [1, 2]}, after={"t": ["Ada Byron"], "n": [2]}),
    )  # fmt: skip

    column: TextColumn = param("Text")
    groups: SomeColumns = param("And group by", default=())
    metric: Metric = param("Similarity", default="ratio")
    threshold: float = param("At least as similar as", default=0.85, ge=0, le=1)
    aggregations: tuple[Aggregation, ...] = param("Statistics", min_length=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        check_aggregations(schema, [self.column, *self.groups], self.aggregations)

    def fit(self, table):
        text = table[self.column]
        counted = table.filter(text.notnull()).group_by(text.name("v")).aggregate(n=ibis._.count())
        found = rows(counted.order_by([counted.n.desc(), counted.v.asc()]).limit(MOST_VALUES))
        score, names, mapping = METRICS[self.metric], [], {}
        for row in found:
            plain = row["v"].strip().lower()
            match = next((n for n, p in names if score(p, plain) >= self.threshold), None)
            if match is None:
                names.append((row["v"], plain))
            else:
                mapping[row["v"]] = match
        if len(mapping) > 3000:
            raise FitError(f"{len(mapping):,} spellings would be changed.", hint="Raise the threshold.")
        return {"mapping": mapping}

    def apply(self, table, state):
        text = table[self.column]
        return summarised(
            table.mutate(lookup(text, state["mapping"], text).name(self.column) if state["mapping"] else text),
            [self.column, *self.groups],
            self.aggregations,
        )

    def pandas(self, df, state, schema):
        return [
            f"{df} = {df}.copy()",
            f"{df}[{self.column!r}] = {df}[{self.column!r}].replace({state['mapping']!r})" if state["mapping"] else "",
            *pandas_aggregate(df, df, [self.column, *self.groups], self.aggregations, schema),
        ]
