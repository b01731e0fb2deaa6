"""Window: values from other rows of the same table, in the order of a column and within groups.

Ties in the order are broken by all other columns, so that every engine gives the same rows.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import ibis

from transforms.catalog.rows import _sortable
from transforms.fields import Column, NewColumn, NumberColumn, OrderableColumn, SomeColumns, param
from transforms.schema import known
from transforms.transform import Example, Transform, register


class InOrder(Transform):
    """A step that looks at other rows of the group, in an order."""

    serving: ClassVar = "batch"
    order_by: OrderableColumn = param("In the order of")
    groups: SomeColumns = param("Within groups of", default=(), help="None: the whole table.")

    def order_keys(self, schema) -> list[str]:
        rest = [c for c in schema if c != self.order_by and c not in self.groups and _sortable(schema[c])]
        return [self.order_by, *rest]

    def window(self, table, **more):
        keys = [table[c].asc(nulls_first=False) for c in self.order_keys(table.schema())]
        return ibis.window(group_by=[table[c] for c in self.groups] or None, order_by=keys, **more)

    def pandas_sorted(self, df: str, schema) -> str:
        """Return pandas code for the rows in order; the index tells where each came from."""
        return f"{df}.reset_index(drop=True).sort_values({self.order_keys(schema)!r}, na_position='last')"

    def pandas_grouped(self, column: str) -> str:
        by = f".groupby({list(self.groups)!r}, dropna=False, sort=False)" if self.groups else ""
        return f"ordered{by}[{column!r}]"


@register
class RowNumber(InOrder):
    """Number the rows from 1, in the order of a column and within groups."""

    name: ClassVar = "window.row_number"
    label: ClassVar = "Number the rows"
    covers: ClassVar = ("row_number", "add_row_id")
    words: ClassVar = ("ROW_NUMBER", "index", "row id", "sequence")
    examples: ClassVar = (
        Example({"order_by": "a", "to": "n"}, before={"a": [3, 1, None]}, after={"a": [3, 1, None], "n": [2, 1, 3]}),
        Example({"order_by": "a", "groups": ["g"], "to": "n"}, before={"g": ["x", "x", "y"], "a": [2, 1, 9]}, after={"g": ["x", "x", "y"], "a": [2, 1, 9], "n": [2, 1, 1]}),
    )  # fmt: skip

    to: NewColumn = param("New column")

    def apply(self, table, state):
        return table.mutate((ibis.row_number().over(self.window(table)) + 1).cast("int64").name(self.to))

    def pandas(self, df, state, schema):
        counted = (
            f"ordered.groupby({list(self.groups)!r}, dropna=False, sort=False).cumcount()"
            if self.groups
            else "pd.Series(np.arange(len(ordered)), index=ordered.index)"
        )
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"ordered = {self.pandas_sorted(df, schema)}",
            f"{df}[{self.to!r}] = ({counted} + 1).astype('Int64')",
        ]


@register
class Rank(Transform):
    """Rank rows by a column within groups, from 1; equal values share the smallest rank. Missing values have no rank."""

    name: ClassVar = "window.rank"
    label: ClassVar = "Rank"
    serving: ClassVar = "batch"
    covers: ClassVar = ("rank",)
    words: ClassVar = ("RANK", "position", "dense rank")
    examples: ClassVar = (
        Example(
            {"column": "a", "to": "r"},
            before={"a": [5, 7, 5, None]},
            after={"a": [5, 7, 5, None], "r": [1, 3, 1, None]},
        ),
        Example(
            {"column": "a", "dense": True, "descending": True, "to": "r"},
            before={"a": [5, 7, 5]},
            after={"a": [5, 7, 5], "r": [2, 1, 2]},
        ),
    )

    column: OrderableColumn = param("Rank by")
    groups: SomeColumns = param("Within groups of", default=())
    descending: bool = param("Greatest first", default=False)
    dense: bool = param("Without gaps after ties", default=False)
    to: NewColumn = param("New column")

    def apply(self, table, state):
        x = table[self.column]
        key = x.desc(nulls_first=False) if self.descending else x.asc(nulls_first=False)
        place = (ibis.dense_rank() if self.dense else ibis.rank()).over(
            ibis.window(group_by=[table[c] for c in self.groups] or None, order_by=key)
        )
        return table.mutate(x.isnull().ifelse(ibis.null("int64"), (place + 1).cast("int64")).name(self.to))

    def pandas(self, df, state, schema):
        by = f".groupby({list(self.groups)!r}, dropna=False)" if self.groups else ""
        method = "dense" if self.dense else "min"
        return [
            f"{df}[{self.to!r}] = {df}{by}[{self.column!r}].rank(method={method!r}, ascending={not self.descending}).astype('Int64')"
        ]


@register
class ShiftValue(InOrder):
    """Take the value of an earlier (or later) row, in the order of a column and within groups."""

    name: ClassVar = "window.shift"
    label: ClassVar = "Previous or next value"
    covers: ClassVar = ("previous_value", "next_value", "ts_lag_features")
    words: ClassVar = ("lag", "lead", "PREV", "NEXT", "shift")
    examples: ClassVar = (
        Example({"column": "v", "order_by": "t", "to": "p"}, before={"t": [2, 1, 3], "v": [20, 10, 30]}, after={"t": [2, 1, 3], "v": [20, 10, 30], "p": [10, None, 20]}),
        Example({"column": "v", "order_by": "t", "rows": -1, "groups": ["g"], "to": "p"}, before={"g": ["a", "a", "b"], "t": [1, 2, 1], "v": [1, 2, 3]}, after={"g": ["a", "a", "b"], "t": [1, 2, 1], "v": [1, 2, 3], "p": [2, None, None]}),
    )  # fmt: skip

    column: Column = param("Column")
    rows: int = param("Rows back", default=1, ge=-10_000, le=10_000, help="1: the row before; -1: the next one.")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        x = table[self.column]
        value = x.lag(self.rows) if self.rows >= 0 else x.lead(-self.rows)
        return table.mutate(value.over(self.window(table)).name(self.to))

    def pandas(self, df, state, schema):
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"ordered = {self.pandas_sorted(df, schema)}",
            f"{df}[{self.to!r}] = {self.pandas_grouped(self.column)}.shift({self.rows})",
        ]


@register
class FillFromNeighbour(InOrder):
    """Fill missing values with the last known one before (or the next one after), in the order of a column."""

    name: ClassVar = "window.fill_from_neighbour"
    label: ClassVar = "Fill down or up"
    covers: ClassVar = ("fill_forward", "fill_backward")
    words: ClassVar = ("ffill", "bfill", "last valid", "FILL_WITH_LAST_VALID", "carry forward")
    examples: ClassVar = (
        Example({"column": "v", "order_by": "t"}, before={"t": [1, 2, 3, 4], "v": [None, 5, None, 7]}, after={"t": [1, 2, 3, 4], "v": [None, 5, 5, 7]}),
        Example({"column": "v", "order_by": "t", "direction": "up", "groups": ["g"]}, before={"g": ["a", "a", "b"], "t": [1, 2, 3], "v": [None, 5, None]}, after={"g": ["a", "a", "b"], "t": [1, 2, 3], "v": [5, 5, None]}),
    )  # fmt: skip

    column: Column = param("Column to fill")
    direction: Literal["down", "up"] = param("Direction", default="down", help="Down: the last known value before.")

    def order_keys(self, schema):
        return [c for c in super().order_keys(schema) if c != self.column or c == self.order_by]

    def apply(self, table, state):
        x = table[self.column]
        down = self.direction == "down"
        keys = [
            table[c].asc(nulls_first=False) if down else table[c].desc(nulls_first=True)
            for c in self.order_keys(table.schema())
        ]
        # rows since the last known value share its running count
        block = x.count().over(
            ibis.window(group_by=[table[c] for c in self.groups] or None, order_by=keys, preceding=None, following=0)
        )
        marked = table.mutate(block.name("__block"))
        same = ibis.window(group_by=[*(marked[c] for c in self.groups), marked["__block"]])
        return marked.mutate(marked[self.column].max().over(same).name(self.column)).drop("__block")

    def pandas(self, df, state, schema):
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"ordered = {self.pandas_sorted(df, schema)}",
            f"{df}[{self.column!r}] = {self.pandas_grouped(self.column)}.{'ffill' if self.direction == 'down' else 'bfill'}()",
        ]


@register
class RollingStatistic(InOrder):
    """Compute a statistic of the last rows up to this one, in the order of a column and within groups.

    Missing values are left out; rows with no known value in their window give missing (and a count of 0).
    """

    name: ClassVar = "window.rolling"
    label: ClassVar = "Rolling mean, sum …"
    covers: ClassVar = (
        "rolling_sum",
        "rolling_mean",
        "rolling_min",
        "rolling_max",
        "rolling_count",
        "ts_rolling_features",
        "cumulative_sum",
    )
    words: ClassVar = ("moving average", "ROLLING_AVERAGE", "cumulative", "running total", "expanding")
    examples: ClassVar = tuple(
        Example({"column": "v", "order_by": "t", "rows": 2, "statistic": s, "to": "r"}, before={"t": [1, 2, 3], "v": [1.0, 3.0, None]}, after={"t": [1, 2, 3], "v": [1.0, 3.0, None], "r": r})
        for s, r in (("mean", [1.0, 2.0, 3.0]), ("sum", [1.0, 4.0, 3.0]), ("min", [1.0, 1.0, 3.0]), ("max", [1.0, 3.0, 3.0]), ("count", [1.0, 2.0, 1.0]))
    ) + (Example({"column": "v", "order_by": "t", "rows": 0, "statistic": "sum", "to": "r"}, before={"t": [1, 2, 3], "v": [1, 3, 5]}, after={"t": [1, 2, 3], "v": [1, 3, 5], "r": [1.0, 4.0, 9.0]}),)  # fmt: skip

    column: NumberColumn = param("Column")
    statistic: Literal["mean", "sum", "min", "max", "count"] = param("Statistic", default="mean")
    rows: int = param(
        "Rows in the window", default=3, ge=0, le=100_000, help="This row and the ones before; 0: all rows so far."
    )
    to: NewColumn = param("New column")

    def apply(self, table, state):
        window = self.window(table, preceding=self.rows - 1 if self.rows else None, following=0)
        return table.mutate(
            getattr(known(table[self.column]), self.statistic)().over(window).cast("float64").name(self.to)
        )

    def pandas(self, df, state, schema):
        window = (
            f"rolling({self.rows}, min_periods={0 if self.statistic == 'count' else 1})"
            if self.rows
            else f"expanding({0 if self.statistic == 'count' else 1})"
        )
        value = f"{self.pandas_grouped('__x')}.{window}.{self.statistic}()"
        if self.groups:
            value += f".reset_index(level=list(range({len(self.groups)})), drop=True)"
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"ordered = {self.pandas_sorted(df, schema)}",
            f"ordered['__x'] = ordered[{self.column!r}].astype('float64')",
            f"{df}[{self.to!r}] = {value}.astype('Float64')",
        ]


@register
class ShareOfTotal(Transform):
    """Divide a number by its sum over the group (or the whole table); a sum of zero gives missing."""

    name: ClassVar = "window.share_of_total"
    label: ClassVar = "Share of the total"
    serving: ClassVar = "batch"
    covers: ClassVar = ("share_of_group",)
    words: ClassVar = ("percentage", "ratio to total", "proportion")
    examples: ClassVar = (
        Example(
            {"column": "v", "groups": ["g"], "to": "s"},
            before={"g": ["a", "a", "b"], "v": [1, 3, 5]},
            after={"g": ["a", "a", "b"], "v": [1, 3, 5], "s": [0.25, 0.75, 1.0]},
        ),
    )

    column: NumberColumn = param("Column")
    groups: SomeColumns = param("Within groups of", default=())
    to: NewColumn = param("New column")

    def apply(self, table, state):
        x = known(table[self.column])
        total = x.sum().over(ibis.window(group_by=[table[c] for c in self.groups] or None))
        return table.mutate((x / total.nullif(0.0)).name(self.to))

    def pandas(self, df, state, schema):
        by = (
            f".groupby([{df}[c] for c in {list(self.groups)!r}], dropna=False).transform('sum')"
            if self.groups
            else ".sum()"
        )
        return [
            f"x = {df}[{self.column!r}].astype('Float64')",
            f"total = pd.Series(x{by}, index={df}.index, dtype='Float64')",
            f"{df}[{self.to!r}] = x / total.mask(total == 0)",
        ]
