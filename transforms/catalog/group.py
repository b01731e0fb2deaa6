"""Group: one row per group with statistics of its rows."""

from __future__ import annotations

from typing import ClassVar, Literal

from transforms.errors import ParamError
from transforms.fields import KIND_WORDS, Column, Columns, NewColumn, Settings, kind_of, param
from transforms.schema import known
from transforms.transform import Example, Transform, register

Statistic = Literal[
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
NUMERIC = ("sum", "mean", "median", "standard deviation", "variance")


class Aggregation(Settings):
    """A statistic of one column, under a name."""

    column: Column = param("Column")
    statistic: Statistic = param("Statistic", default="mean")
    to: NewColumn = param("New column")

    def check(self, schema) -> None:
        kind = kind_of(schema[self.column])
        if self.statistic in NUMERIC and kind != "number":
            raise ParamError(f"{self.statistic!r} needs a number, but column {self.column!r} is {KIND_WORDS[kind]}.")
        if self.statistic == "share true" and kind != "bool":
            raise ParamError(f"'share true' needs true/false, but column {self.column!r} is {KIND_WORDS[kind]}.")
        if self.statistic in ("min", "max") and kind == "any":
            raise ParamError(f"column {self.column!r} has no order.")

    def expression(self, table):
        x = table[self.column]
        number = known(x) if kind_of(x.type()) == "number" else x
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
        }[self.statistic]().name(self.to)

    def pandas(self, grouped: str, schema) -> str:
        """Return pandas code for the statistic of a grouped frame."""
        x = f"{grouped}[{self.column!r}]"
        return {
            "count": f"{x}.count().astype('Int64')", "count distinct": f"{x}.nunique().astype('Int64')",
            "count missing": f"({grouped}.size() - {x}.count()).astype('Int64')", "sum": f"{x}.sum(min_count=1).astype('Float64')",
            "mean": f"{x}.mean().astype('Float64')", "median": f"{x}.median().astype('Float64')", "min": f"{x}.min()", "max": f"{x}.max()",
            "standard deviation": f"{x}.std().astype('Float64')", "variance": f"{x}.var().astype('Float64')", "share true": f"{x}.mean().astype('Float64')",
        }[self.statistic]  # fmt: skip


@register
class Aggregate(Transform):
    """Make one row per group with statistics of its rows.

    Rows: one per combination of the group columns, a missing value being a group of its own. Missing values are left out
    of statistics; a statistic of nothing is missing (a count is 0). Standard deviation and variance are of a sample (n - 1).
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
    )
    words: ClassVar = ("GROUP_BY", "summarize", "pivot table", "aggregate")
    examples: ClassVar = tuple(
        Example({"groups": ["g"], "aggregations": [{"column": "v", "statistic": s, "to": "r"}]}, before={"g": ["a", "a", "a", None], "v": [1.0, 2.0, 6.0, None]}, after={"g": ["a", None], "r": r})
        for s, r in (("mean", [3.0, None]), ("count", [3, 0]), ("count distinct", [3, 0]), ("count missing", [0, 1]), ("sum", [9.0, None]), ("median", [2.0, None]), ("min", [1.0, None]), ("max", [6.0, None]), ("standard deviation", [7**0.5, None]), ("variance", [7.0, None]))
    ) + (Example({"groups": ["g"], "aggregations": [{"column": "v", "statistic": "share true", "to": "r"}]}, before={"g": ["a", "a"], "v": [True, False]}, after={"g": ["a"], "r": [0.5]}),)  # fmt: skip

    groups: Columns = param("Group by")
    aggregations: tuple[Aggregation, ...] = param("Statistics", min_length=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        names = [*self.groups, *(a.to for a in self.aggregations)]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ParamError(f"the name {twice[0]!r} is used twice.")
        for aggregation in self.aggregations:
            aggregation.check(schema)

    def apply(self, table, state):
        return table.group_by([table[c] for c in self.groups]).aggregate(
            [a.expression(table) for a in self.aggregations]
        )

    def pandas(self, df, state, schema):
        return pandas_aggregate(df, df, self.groups, self.aggregations, schema)


def pandas_aggregate(target: str, df: str, groups, aggregations, schema) -> list[str]:
    """Return pandas lines that put the grouped table into `target`."""
    return [
        f"grouped = {df}.groupby({list(groups)!r}, dropna=False, sort=False)",
        f"{target} = pd.DataFrame({{",
        *[f"    {a.to!r}: {a.pandas('grouped', schema)}," for a in aggregations],
        f"}}).reset_index().astype({_types(groups, schema)!r})",
    ]


def _types(groups, schema) -> dict:
    from transforms.schema import PANDAS, to_name

    return {c: PANDAS[to_name(schema[c])] for c in groups if to_name(schema[c]) in PANDAS}
