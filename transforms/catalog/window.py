"""Window: values from other rows of the same table, in the order of a column and within groups.

Ties in the order are broken by all other columns, so that every engine gives the same rows.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import spare_names
from transforms.catalog.rows import _sortable
from transforms.fields import Column, NewColumn, NumberColumn, OrderableColumn, SomeColumns, TimeColumn, param
from transforms.functions import VALUES, row_function
from transforms.schema import PANDAS, known, to_name
from transforms.transform import Example, Transform, register

Moving = Literal["mean", "sum", "min", "max", "count", "standard deviation", "variance", "median", "most frequent", "k-th largest"]  # fmt: skip


@row_function("float64", "array<float64>", sees_missing=True)
def frame_statistic(items, *, statistic, k):
    """Return a statistic of the known values of a frame of rows."""
    known = sorted(x for x in items or [] if x is not None)
    n = len(known)
    if statistic == "k-th largest":
        return known[-k] if n >= k else None
    if not n:
        return None
    if statistic == "median":
        return (known[(n - 1) // 2] + known[n // 2]) / 2
    if statistic == "most frequent":
        count = Counter(known)
        return min(count, key=lambda x: (-count[x], x))
    if n < 2 or max(-known[0], known[-1]) > 1e150:
        return None  # its square is no number any more
    mean = math.fsum(known) / n
    variance = math.fsum((x - mean) ** 2 for x in known) / (n - 1)
    return variance if statistic == "variance" else math.sqrt(variance)


def whole_micros(column):
    """Return a time as whole microseconds since 1970; Ibis 12 cannot read them on Spark, so they come from its text."""
    column = column.cast("timestamp(6)") if column.type().is_date() else column
    fraction = column.cast("string").re_extract("[.]([0-9]+)", 1).rpad(6, "0").cast("int64")
    return column.truncate("s").epoch_seconds().cast("int64") * 1_000_000 + fraction


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


AROUND = '''
class Around(pd.api.indexers.BaseIndexer):
    """Windows of rows around each row: `before` rows (None: all) and `after` rows."""

    def get_window_bounds(self, num_values=0, min_periods=None, center=None, closed=None, step=None):
        place = np.arange(num_values, dtype="int64")
        start = place * 0 if self.before is None else np.clip(place - self.before, 0, None)
        return start, np.clip(place + self.after + 1, None, num_values)
'''
# pandas reads an infinity in a rolling window as missing: sums count them beside, the rest sees the largest number instead
ROLLED = '''
def rolled(x, frames, how):
    """Return a rolling statistic of `x`; frames(series) gives its windows. Infinities count as numbers."""
    if not len(x):
        return x
    if how == "count":
        return frames(x.notna().astype("float64")).sum()
    if how in ("sum", "mean"):
        up, down = (frames((x == end).astype("float64")).sum() > 0 for end in (np.inf, -np.inf))
        found = getattr(frames(x.mask(np.isinf(x), 0.0)), how)()
        return found.mask(up, np.inf).mask(down, -np.inf).mask(up & down)
    most = np.finfo("float64").max
    held = frames(x.clip(-most, most))
    if callable(how):
        outer = lambda v: how([i if abs(i) < most else i * 2 for i in v.tolist() if i == i])
        return held.apply(lambda v: np.nan if (found := outer(v)) is None else found, raw=True)
    return getattr(held, how)().replace({most: np.inf, -most: -np.inf})
'''
FRAME_HELPERS = (AROUND, ROLLED, *(h for f in (frame_statistic,) for h in f.helpers[:-2]))


@register
class RollingStatistic(InOrder):
    """Compute a statistic of the rows around this one, in the order of a column and within groups.

    The frame is this row, the ones before and, where asked for, some after. Missing values are left out; rows with no known
    value in their frame give missing (and a count of 0). Standard deviation and variance are of a sample (n - 1). "most frequent":
    ties go to the smallest; "k-th largest" is missing where the frame has fewer values.
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
        "rolling_std",
        "rolling_variance",
        "rolling_mode",
        "rolling_kth_largest",
        "rolling_median",
        "cumulative_count",
        "cumulative_min_max",
    )
    words: ClassVar = (
        "moving average",
        "ROLLING_AVERAGE",
        "cumulative",
        "running total",
        "expanding",
        "ROLLING_MODE",
        "running median",
    )
    pandas_helpers: ClassVar = FRAME_HELPERS
    examples: ClassVar = tuple(
        Example({"column": "v", "order_by": "t", "rows": 2, "statistic": s, "to": "r"}, before={"t": [1, 2, 3], "v": [1.0, 3.0, None]}, after={"t": [1, 2, 3], "v": [1.0, 3.0, None], "r": r})
        for s, r in (("mean", [1.0, 2.0, 3.0]), ("sum", [1.0, 4.0, 3.0]), ("min", [1.0, 1.0, 3.0]), ("max", [1.0, 3.0, 3.0]), ("count", [1.0, 2.0, 1.0]), ("standard deviation", [None, 2**0.5, None]), ("variance", [None, 2.0, None]), ("median", [1.0, 2.0, 3.0]), ("most frequent", [1.0, 1.0, 3.0]))
    ) + (
        Example({"column": "v", "order_by": "t", "rows": 0, "statistic": "sum", "to": "r"}, before={"t": [1, 2, 3], "v": [1, 3, 5]}, after={"t": [1, 2, 3], "v": [1, 3, 5], "r": [1.0, 4.0, 9.0]}),
        Example({"column": "v", "order_by": "t", "rows": 2, "after": 1, "statistic": "k-th largest", "k": 2, "to": "r"}, before={"t": [1, 2, 3, 4], "v": [5, 9, None, 7]}, after={"t": [1, 2, 3, 4], "v": [5, 9, None, 7], "r": [5.0, 5.0, 7.0, None]}),
        Example({"column": "v", "order_by": "t", "groups": ["g"], "rows": 1, "after": 1, "statistic": "max", "to": "r"}, before={"g": ["a", "a", "b"], "t": [1, 2, 3], "v": [5, 9, 7]}, after={"g": ["a", "a", "b"], "t": [1, 2, 3], "v": [5, 9, 7], "r": [9.0, 9.0, 7.0]}),
        Example({"column": "v", "order_by": "t", "rows": 0, "statistic": "count", "to": "r"}, before={"t": [1, 2, 3], "v": [1, None, 5]}, after={"t": [1, 2, 3], "v": [1, None, 5], "r": [1.0, 1.0, 2.0]}),
        Example({"column": "v", "order_by": "t", "rows": 0, "statistic": "min", "to": "r"}, before={"t": [1, 2, 3], "v": [4, 3, 5]}, after={"t": [1, 2, 3], "v": [4, 3, 5], "r": [4.0, 3.0, 3.0]}),
    )  # fmt: skip

    column: NumberColumn = param("Column")
    statistic: Moving = param("Statistic", default="mean")
    rows: int = param(
        "Rows in the window", default=3, ge=0, le=100_000, help="This row and the ones before; 0: all rows so far."
    )
    after: int = param("Rows after", default=0, ge=0, le=100_000, help="Rows behind this one that count too.")
    k: int = param("k", default=1, ge=1, help="For the k-th largest.")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        window = self.window(table, preceding=self.rows - 1 if self.rows else None, following=self.after)
        return moving(table, self.column, self.statistic, self.k, window, self.to)

    def pandas(self, df, state, schema):
        before = self.rows - 1 if self.rows else None
        by = f".groupby([ordered[c] for c in {list(self.groups)!r}], dropna=False, sort=False)" if self.groups else ""
        level = f".reset_index(level=list(range({len(self.groups)})), drop=True)" if self.groups else ""
        least = 0 if self.statistic == "count" else 1
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"ordered = {self.pandas_sorted(df, schema)}",
            f"frames = lambda v: v{by}.rolling(Around(before={before}, after={self.after}), min_periods={least})",
            f"found = rolled(ordered[{self.column!r}].astype('float64'), frames, {pandas_moving(self.statistic, self.k)})",
            f"{df}[{self.to!r}] = found{level}.astype('Float64')"
            + (f" if len({df}) else pd.Series(dtype='Float64')" if self.groups else ""),
        ]


def moving(table, column: str, statistic: str, k: int, window, to: str):
    """Add a statistic of a frame of rows; the frame's values are gathered first where SQL has no such window function."""
    x = known(table[column])
    plain = {"mean": x.mean, "sum": x.sum, "min": x.min, "max": x.max, "count": x.count}
    if statistic in plain:
        return table.mutate(plain[statistic]().over(window).cast("float64").name(to))
    gathered = table.mutate(x.collect().over(window).name(to))
    return gathered.mutate(frame_statistic(gathered[to], statistic=statistic, k=k).name(to))


def pandas_moving(statistic: str, k: int) -> str:
    if statistic in ("mean", "sum", "min", "max", "count"):
        return repr(statistic)
    return f"lambda v: frame_statistic(v, statistic={statistic!r}, k={k})"


@register
class RollingTime(InOrder):
    """Compute a statistic of the rows within a time range up to this one, such as the last 7 days, within groups.

    The range ends with this row's time, included, and starts one length before it, excluded; rows of the same moment all count.
    The frame is measured in time, not in rows. A row without a time gives missing. Missing values are left out. "before this
    moment only" leaves out this moment itself and takes in the one a whole length ago, so that a target is never part of its own feature.
    """

    name: ClassVar = "window.rolling_time"
    label: ClassVar = "Rolling over a time range"
    covers: ClassVar = ("ts_rolling_features",)
    words: ClassVar = (
        "last 7 days",
        "time window",
        "rolling by time",
        "moving average by date",
        "RANGE BETWEEN INTERVAL",
    )
    pandas_helpers: ClassVar = FRAME_HELPERS
    examples: ClassVar = (
        Example({"column": "v", "order_by": "d", "groups": ["g"], "length": 7, "statistic": "sum", "to": "r"},
                before={"g": ["a", "a", "a", "a", "b", "a"], "d": ["2024-01-01T00:00:00", "2024-01-07T23:00:00", "2024-01-08T00:00:00", "2024-01-08T00:00:00", "2024-01-08T00:00:00", None], "v": [1, 2, 4, None, 16, 32]},
                after={"g": ["a", "a", "a", "a", "b", "a"], "d": ["2024-01-01T00:00:00", "2024-01-07T23:00:00", "2024-01-08T00:00:00", "2024-01-08T00:00:00", "2024-01-08T00:00:00", None], "v": [1, 2, 4, None, 16, 32], "r": [1.0, 3.0, 6.0, 6.0, 16.0, None]}, types={"d": "timestamp"}),
        Example({"column": "v", "order_by": "d", "length": 2, "statistic": "count", "include": "before this moment only", "to": "r"},
                before={"d": ["2024-01-01", "2024-01-02", "2024-01-03"], "v": [1, 1, 1]}, after={"d": ["2024-01-01", "2024-01-02", "2024-01-03"], "v": [1, 1, 1], "r": [0.0, 1.0, 2.0]}, types={"d": "date"}),
        Example({"column": "v", "order_by": "d", "length": 1, "unit": "hours", "statistic": "median", "to": "r"},
                before={"d": ["2024-01-01T00:00:00", "2024-01-01T00:30:00", "2024-01-01T01:00:00"], "v": [1.0, 2.0, 9.0]}, after={"d": ["2024-01-01T00:00:00", "2024-01-01T00:30:00", "2024-01-01T01:00:00"], "v": [1.0, 2.0, 9.0], "r": [1.0, 1.5, 5.5]}, types={"d": "timestamp"}),
    )  # fmt: skip

    order_by: TimeColumn = param("Time")
    column: NumberColumn = param("Column")
    statistic: Moving = param("Statistic", default="mean")
    length: int = param("Length of the range", default=7, ge=1, le=1_000_000)
    unit: Literal["seconds", "minutes", "hours", "days", "weeks"] = param("Unit", default="days")
    include: Literal["up to this moment", "before this moment only"] = param("Rows", default="up to this moment")
    k: int = param("k", default=1, ge=1, help="For the k-th largest.")
    to: NewColumn = param("New column")

    def _micros(self) -> int:
        return (
            self.length
            * {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}[self.unit]
            * 10**6
        )

    def apply(self, table, state):
        place, = spare_names(table, 1)  # fmt: skip
        table = table.mutate(whole_micros(table[self.order_by]).name(place))
        before = self.include == "before this moment only"
        # "up to": (t - length, t]; "before": [t - length, t)
        window = ibis.range_window(
            group_by=[table[c] for c in self.groups] or None,
            order_by=table[place],
            preceding=(self._micros(), 1) if before else self._micros() - 1,
            following=None if before else 0,
        )
        found = moving(table, self.column, self.statistic, self.k, window, self.to)
        there = found[place].notnull()
        return found.mutate(there.ifelse(found[self.to], ibis.null("float64")).name(self.to)).drop(place)

    def pandas(self, df, state, schema):
        naive = ".dt.tz_localize(None)" if getattr(schema[self.order_by], "timezone", None) else ""
        before = self.include == "before this moment only"
        start, end = (f"at - {self._micros()}", "at") if before else (f"at - {self._micros() - 1}", "at + 1")
        statistic = {
            "mean": "np.mean(v)",
            "sum": "np.sum(v)",
            "min": "np.min(v)",
            "max": "np.max(v)",
            "count": "float(len(v))",
        }.get(self.statistic, f"frame_statistic(list(v), statistic={self.statistic!r}, k={self.k})")
        empty = "0.0" if self.statistic == "count" else "None"
        by = f".groupby({list(self.groups)!r}, dropna=False, sort=False)" if self.groups else ""
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"ordered = {df}[{df}[{self.order_by!r}].notna()].sort_values({self.order_by!r})",
            "found = {}",
            f"for _, part in {'ordered' + by if by else '[(0, ordered)]'}:",
            f"    at = (part[{self.order_by!r}]{naive} - pd.Timestamp(0)).dt.total_seconds().mul(1e6).round().astype('int64').to_numpy()",
            f"    x = part[{self.column!r}].astype('float64').to_numpy(na_value=np.nan)",
            f"    starts, ends = np.searchsorted(at, {start}), np.searchsorted(at, {end})",
            "    for row, low, high in zip(part.index, starts, ends):",
            "        v = x[low:high][~np.isnan(x[low:high])]",
            f"        found[row] = {statistic} if len(v) else {empty}",
            f"{df}[{self.to!r}] = pd.Series(found, dtype='Float64').reindex({df}.index)",
        ]  # fmt: skip


@register
class RollingList(InOrder):
    """Gather the values of the rows around this one into a list, in order; missing values are left out.

    Rows with no known value in their frame give an empty list.
    """

    name: ClassVar = "window.rolling_list"
    label: ClassVar = "Rolling list"
    covers: ClassVar = ("rolling_list",)
    words: ClassVar = ("ROLLINGLIST", "array over rows", "sequence", "history")
    pandas_helpers: ClassVar = (VALUES,)
    examples: ClassVar = (
        Example({"column": "v", "order_by": "t", "rows": 2, "to": "r"}, before={"t": [3, 1, 2], "v": ["c", "a", None]}, after={"t": [3, 1, 2], "v": ["c", "a", None], "r": [["c"], ["a"], ["a"]]}),
        Example({"column": "v", "order_by": "t", "groups": ["g"], "rows": 2, "to": "r"}, before={"g": [1, 1, 2], "t": [1, 2, 1], "v": [5, 6, None]}, after={"g": [1, 1, 2], "t": [1, 2, 1], "v": [5, 6, None], "r": [[5], [5, 6], []]}),
    )  # fmt: skip

    column: OrderableColumn = param("Column")
    rows: int = param("Rows in the window", default=3, ge=1, le=1000, help="This row and the ones before.")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        x = table[self.column]
        window = self.window(table, preceding=self.rows - 1, following=0)
        gathered = x.collect().over(window)
        return table.mutate(gathered.fill_null(ibis.literal([], gathered.type())).name(self.to))

    def pandas(self, df, state, schema):
        by = f"ordered.groupby({list(self.groups)!r}, dropna=False, sort=False)" if self.groups else "[(0, ordered)]"
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"ordered = {self.pandas_sorted(df, schema)}",
            "found = {}",
            f"for _, part in {by}:",
            f"    x = values(part[{self.column!r}])",
            "    for i, row in enumerate(part.index):",
            f"        found[row] = [v for v in x[max(0, i - {self.rows - 1}) : i + 1] if v is not None]",
            f"{df}[{self.to!r}] = pd.Series(found, index={df}.index, dtype=object)",
        ]


@register
class RunningProduct(InOrder):
    """Multiply the numbers of all rows up to this one, in the order of a column and within groups; missing ones are left out.

    Computed over logarithms, so that it is right to about 12 digits. No known number so far gives missing.
    """

    name: ClassVar = "window.running_product"
    label: ClassVar = "Running product"
    covers: ClassVar = ("cumulative_product",)
    words: ClassVar = ("cumprod", "compound growth", "cumulative product")
    examples: ClassVar = (
        Example({"column": "v", "order_by": "t", "to": "r"}, before={"t": [1, 2, 3, 4, 5], "v": [None, 2.0, -3.0, None, 0.0]}, after={"t": [1, 2, 3, 4, 5], "v": [None, 2.0, -3.0, None, 0.0], "r": [None, 2.0, -6.0, -6.0, 0.0]}),
    )  # fmt: skip
    differences: ClassVar = {}

    column: NumberColumn = param("Column")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        x = known(table[self.column])
        window = self.window(table, preceding=None, following=0)
        size = x.abs().nullif(0.0).ln().sum().over(window).fill_null(0.0).exp()
        zero = (x == 0.0).cast("int64").sum().over(window) > 0
        minus = (x < 0.0).cast("int64").sum().over(window) % 2 == 1
        product = zero.ifelse(0.0, minus.ifelse(-size, size))
        return table.mutate((x.count().over(window) > 0).ifelse(product, ibis.null("float64")).name(self.to))

    def pandas(self, df, state, schema):
        by = f".groupby({list(self.groups)!r}, dropna=False, sort=False)" if self.groups else ""
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"ordered = {self.pandas_sorted(df, schema)}",
            f"ordered['__x'] = ordered[{self.column!r}].astype('float64')",
            "x = ordered['__x']",
            "ordered['__size'], ordered['__known'] = np.log(x.abs().mask(x == 0)).fillna(0.0), x.notna().astype(int)",
            "ordered['__zero'], ordered['__minus'] = (x == 0).astype(int), (x < 0).astype(int)",
            f"total = ordered{by}[['__size', '__known', '__zero', '__minus']].cumsum()",
            "product = np.exp(total['__size']).where(total['__minus'] % 2 == 0, -np.exp(total['__size'])).mask(total['__zero'] > 0, 0.0)",
            f"{df}[{self.to!r}] = product.mask(total['__known'] == 0).astype('Float64')",
        ]


@register
class FirstOrLast(InOrder):
    """Write the first (or last) value of the group on each of its rows, in the order of a column.

    Missing values count as values or are passed over, as you choose.
    """

    name: ClassVar = "window.first_or_last"
    label: ClassVar = "First or last value of the group"
    covers: ClassVar = ("first_value", "last_value")
    words: ClassVar = ("FIRST_VALUE", "LAST_VALUE", "initial value", "latest")
    examples: ClassVar = (
        Example({"column": "v", "order_by": "t", "groups": ["g"], "to": "r"}, before={"g": ["a", "a", "b"], "t": [2, 1, 1], "v": ["x", "y", None]}, after={"g": ["a", "a", "b"], "t": [2, 1, 1], "v": ["x", "y", None], "r": ["y", "y", None]}),
        Example({"column": "v", "order_by": "t", "which": "last", "known_only": True, "to": "r"}, before={"t": [1, 2, 3], "v": [5, 6, None]}, after={"t": [1, 2, 3], "v": [5, 6, None], "r": [6, 6, 6]}),
    )  # fmt: skip

    column: OrderableColumn = param("Column")
    which: Literal["first", "last"] = param("Which", default="first")
    known_only: bool = param("Pass over missing values", default=False)
    to: NewColumn = param("New column")

    def apply(self, table, state):
        x, place = table[self.column], spare_names(table, 1)[0]
        keys = [
            table[c].asc(nulls_first=False) if self.which == "first" else table[c].desc(nulls_first=True)
            for c in self.order_keys(table.schema())
        ]
        keys = [x.isnull().cast("int64").asc(), *keys] if self.known_only else keys
        groups = [table[c] for c in self.groups] or None
        table = table.mutate(ibis.row_number().over(ibis.window(group_by=groups, order_by=keys)).name(place))
        chosen = (table[place] == 0).ifelse(table[self.column], ibis.null(x.type()))
        groups = [table[c] for c in self.groups] or None
        return table.mutate(chosen.max().over(ibis.window(group_by=groups)).name(self.to)).drop(place)

    def pandas(self, df, state, schema):
        by = f".groupby({list(self.groups)!r}, dropna=False, sort=False)" if self.groups else ""
        place = 0 if self.which == "first" else -1
        chosen = "v.dropna()" if self.known_only else "v"
        pick = f"lambda v: {chosen}.iloc[{place}] if len({chosen}) else pd.NA"
        kind = PANDAS.get(to_name(schema[self.column]), "object")
        lines = [f"{df} = {df}.reset_index(drop=True)", f"ordered = {self.pandas_sorted(df, schema)}", f"pick = {pick}"]
        if not by:
            return [
                *lines,
                f"{df}[{self.to!r}] = pd.Series([pick(ordered[{self.column!r}])] * len({df}), index={df}.index, dtype={kind!r})",
            ]
        return [
            *lines,
            "found = {}",
            f"for _, part in ordered{by}:",
            f"    found.update(dict.fromkeys(part.index, pick(part[{self.column!r}])))",
            f"{df}[{self.to!r}] = pd.Series([found[i] for i in {df}.index], index={df}.index, dtype={kind!r})",
        ]  # fmt: skip


@register
class Ntile(InOrder):
    """Split the rows of each group into n parts of nearly equal size, in the order of a column; parts count from 1.

    The first parts get one row more where the rows cannot be divided evenly.
    """

    name: ClassVar = "window.ntile"
    label: ClassVar = "Split into n parts"
    covers: ClassVar = ("ntile",)
    words: ClassVar = ("NTILE", "quartile", "decile", "qcut by rank")
    examples: ClassVar = (
        Example({"order_by": "a", "parts": 2, "to": "p"}, before={"a": [5, 1, 3, None, 2]}, after={"a": [5, 1, 3, None, 2], "p": [2, 1, 1, 2, 1]}),
        Example({"order_by": "a", "parts": 3, "groups": ["g"], "to": "p"}, before={"g": ["x", "x", "y"], "a": [2, 1, 1]}, after={"g": ["x", "x", "y"], "a": [2, 1, 1], "p": [2, 1, 1]}),
    )  # fmt: skip

    parts: int = param("How many parts", default=4, ge=1, le=1_000_000)
    to: NewColumn = param("New column")

    def apply(self, table, state):
        return table.mutate((ibis.ntile(self.parts).over(self.window(table)) + 1).cast("int64").name(self.to))

    def pandas(self, df, state, schema):
        by = f"ordered.groupby({list(self.groups)!r}, dropna=False, sort=False)" if self.groups else "[(0, ordered)]"
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"ordered = {self.pandas_sorted(df, schema)}",
            "found = {}",
            f"for _, part in {by}:",
            f"    sizes = [len(part) // {self.parts} + (i < len(part) % {self.parts}) for i in range(min({self.parts}, len(part)))]",
            "    found.update(zip(part.index, np.repeat(np.arange(1, len(sizes) + 1), sizes)))",
            f"{df}[{self.to!r}] = pd.Series(found, index={df}.index, dtype='Int64')",
        ]


@register
class GroupStatistic(Transform):
    """Write a statistic of the group on each of its rows: the mean of its city, the count of its customer.

    Missing values are left out; a statistic of nothing is missing (a count is 0). Standard deviation is of a sample (n - 1).
    """

    name: ClassVar = "window.group_statistic"
    label: ClassVar = "Statistic of the group"
    serving: ClassVar = "batch"
    covers: ClassVar = ("broadcast_group_aggregate",)
    words: ClassVar = ("transform", "partition by", "group mean on each row", "broadcast")
    examples: ClassVar = tuple(
        Example({"column": "v", "groups": ["g"], "statistic": s, "to": "r"}, before={"g": ["a", "a", None], "v": [1.0, 3.0, None]}, after={"g": ["a", "a", None], "v": [1.0, 3.0, None], "r": [r, r, empty]})
        for s, r, empty in (("mean", 2.0, None), ("sum", 4.0, None), ("min", 1.0, None), ("max", 3.0, None), ("count", 2.0, 0.0), ("standard deviation", 2**0.5, None))
    )  # fmt: skip

    column: NumberColumn = param("Column")
    statistic: Literal["mean", "sum", "min", "max", "count", "standard deviation"] = param("Statistic", default="mean")
    groups: SomeColumns = param("Within groups of", default=(), help="None: the whole table.")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        x = known(table[self.column])
        found = {"mean": x.mean, "sum": x.sum, "min": x.min, "max": x.max, "count": x.count}.get(
            self.statistic, lambda: x.std(how="sample")
        )()
        window = ibis.window(group_by=[table[c] for c in self.groups] or None)
        return table.mutate(found.over(window).cast("float64").name(self.to))

    def pandas(self, df, state, schema):
        how = {"sum": "lambda v: v.sum(min_count=1)", "standard deviation": "'std'"}.get(
            self.statistic, repr(self.statistic)
        )
        keys = f"[{df}[c] for c in {list(self.groups)!r}]" if self.groups else f"np.zeros(len({df}))"
        return [
            f"x = {df}[{self.column!r}].astype('Float64')",
            f"{df}[{self.to!r}] = x.groupby({keys}, dropna=False, sort=False).transform({how}).astype('Float64')",
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
