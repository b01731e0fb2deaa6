"""Time series: a time column and the columns that name the series. Rows of one moment keep the order of their other columns.

Rows without a time take part in no series. Whole series are gathered in memory, one at a time, where a step needs them.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import ClassVar, Literal

import ibis

from transforms import sequences
from transforms.catalog.calendars import check_optional, exact_micros, from_micros, moment
from transforms.catalog.common import floor, new_name, no_nan, spare_names
from transforms.catalog.group import HELPERS as GROUP_HELPERS
from transforms.catalog.group import Aggregation, check_aggregations, pandas_aggregate, summarised
from transforms.catalog.hashing import hashable
from transforms.catalog.timeline import (
    CALLS,
    DATETIME,
    STEPS,
    UNITS,
    SeriesStep,
    Stepped,
    Unit,
    origin_of,
    pandas_absent,
)
from transforms.errors import FitError, ParamError
from transforms.fields import (
    BoolColumn,
    Columns,
    NewColumn,
    NumberColumn,
    NumericColumns,
    OrderableColumn,
    SomeColumns,
    TimeColumn,
    param,
)
from transforms.reading import one_row
from transforms.schema import PANDAS, known, to_name
from transforms.transform import Example, Transform, register

D = {"d": "timestamp"}
DAYS = [f"2024-01-{day:02}T00:00:00" for day in range(1, 32)]


@register
class Resample(Stepped):
    """Make one row per regular step of time and series, with statistics of its rows; also for steps without rows.

    A step is named by its start. Steps without rows lie between others of the same series; their statistics are missing (counts
    too). Rows without a time are left out. Longer gaps than the limit stay gaps.
    """

    name: ClassVar = "series.resample"
    label: ClassVar = "Resample to regular steps"
    covers: ClassVar = ("ts_resample",)
    words: ClassVar = ("downsample", "resample", "time buckets", "frequency", "asfreq", "aggregate by week")
    pandas_helpers: ClassVar = (*GROUP_HELPERS, STEPS, DATETIME)
    examples: ClassVar = (
        Example({"time": "d", "unit": "days", "most": 500, "aggregations": [{"column": "v", "statistic": "sum", "to": "s"}, {"column": "v", "statistic": "count", "to": "n"}]},
                before={"d": ["2024-01-01T08:00:00", "2024-01-01T20:00:00", "2024-01-03T00:00:00", None], "v": [1, 2, None, 9]},
                after={"d": ["2024-01-01T00:00:00", "2024-01-02T00:00:00", "2024-01-03T00:00:00"], "s": [3, None, None], "n": [2, None, 0]}, types=D | {"v": "int64"}, after_types={"s": "int64", "n": "int64"}),
        Example({"time": "d", "ids": ["g"], "unit": "months", "every": 3, "aggregations": [{"column": "v", "statistic": "mean", "to": "m"}]},
                before={"g": ["a", "a", "b"], "d": ["2024-02-15", "2024-08-01", "2023-12-31"], "v": [1.0, 3.0, 5.0]},
                after={"g": ["a", "a", "a", "b"], "d": ["2024-01-01", "2024-04-01", "2024-07-01", "2023-10-01"], "m": [1.0, None, 3.0, 5.0]}, types={"d": "date"}),
    )  # fmt: skip

    aggregations: tuple[Aggregation, ...] = param("Statistics", min_length=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        check_aggregations(schema, [*self.ids, self.time], self.aggregations)

    def apply(self, table, state):
        dtype, (step,) = table[self.time].type(), spare_names(table, 1)
        there = table.filter(table[self.time].notnull())
        there = there.mutate(self.index(there[self.time]).name(step))
        found = summarised(there, [*self.ids, step], self.aggregations)
        window = ibis.window(group_by=[found[c] for c in self.ids] or None, order_by=[found[step]])
        found, place = self.absent_after(found, step, window)
        real = found[step] == found[place]
        values = [real.ifelse(found[a.to], ibis.null(found[a.to].type())).name(a.to) for a in self.aggregations]
        return found.select([*(found[c] for c in self.ids), self.begin(found[place], dtype).name(self.time), *values])

    def pandas(self, df, state, schema):
        types = {**dict(schema.items()), "__step": ibis.dtype("int64")}
        names = [a.to for a in self.aggregations]
        return [
            f"{df} = {df}[{df}[{self.time!r}].notna()].reset_index(drop=True)",
            f"{df}['__step'] = {self.pandas_index(f'{df}[{self.time!r}]')}",
            *pandas_aggregate(df, df, [*self.ids, "__step"], self.aggregations, types),
            *pandas_absent(df, self.ids, ["__step"], self.most),
            f"{df}[{names!r}] = {df}[{names!r}].mask({df}['__added'] > 0)",
            f"{df}[{self.time!r}] = {self.pandas_begin(f'{df}[{chr(39)}__step{chr(39)}] + {df}[{chr(39)}__added{chr(39)}]', schema[self.time])}",
            f"{df} = {df}[{[*self.ids, self.time, *names]!r}]",
        ]


@register
class FillGaps(Stepped):
    """Add a row for each step of time that has none, between the first and the last row of a series.

    New rows have the start of the step as time and the names of the series; all other columns are missing. Rows that exist stay as
    they are, also those without a time. Longer gaps than the limit stay gaps.
    """

    name: ClassVar = "series.fill_gaps"
    label: ClassVar = "Add absent time steps"
    covers: ClassVar = ("ts_fill_gaps",)
    words: ClassVar = ("missing dates", "complete", "asfreq", "regular index", "calendar fill")
    pandas_helpers: ClassVar = (STEPS, DATETIME)
    examples: ClassVar = (
        Example({"time": "d", "ids": ["g"], "most": 500}, before={"g": ["a", "a", "b", None], "d": ["2024-01-03T12:00:00", "2024-01-01T06:00:00", "2024-01-09T00:00:00", None], "v": [3, 1, None, 4]},
                after={"g": ["a", "a", "a", "b", None], "d": ["2024-01-01T06:00:00", "2024-01-02T00:00:00", "2024-01-03T12:00:00", "2024-01-09T00:00:00", None], "v": [1, None, 3, None, 4]}, types=D),
        Example({"time": "d", "unit": "years"}, before={"d": ["2020-01-01", "2022-01-01"]}, after={"d": ["2020-01-01", "2021-01-01", "2022-01-01"]}, types={"d": "date"}),
    )  # fmt: skip

    def apply(self, table, state):
        dtype, names = table[self.time].type(), table.columns
        (step,) = spare_names(table, 1)
        table = table.mutate(self.index(table[self.time]).name(step))
        table, place = self.absent_after(table, step, self.over_series(table))
        added = (table[step] != table[place]) & table[step].notnull()
        cells = {c: added.ifelse(ibis.null(table[c].type()), table[c]).name(c) for c in names if c not in self.ids}
        cells[self.time] = added.ifelse(self.begin(table[place], dtype), table[self.time]).name(self.time)
        return table.select([cells.get(c, table[c]) for c in names])

    def pandas(self, df, state, schema):
        rest = [c for c in schema if c not in self.ids and c != self.time]
        order = [c for c in self.in_order(schema) if c not in self.ids]
        start = self.pandas_begin("(part['__step'] + part['__added'])", schema[self.time])
        lines = [
            f"{df}['__step'] = {self.pandas_index(f'{df}[{self.time!r}]')}",
            *pandas_absent(df, self.ids, order, self.most),
            f"part = {df}[{df}['__added'] > 0]",
            f"{df}.loc[part.index, {self.time!r}] = {start}",
        ]
        lines += [f"{df}[{rest!r}] = {df}[{rest!r}].mask({df}['__added'] > 0)"] if rest else []
        return [*lines, f"{df} = {df}[{list(schema)!r}]"]


@register
class Upsample(Stepped):
    """Make rows at regular steps between the first and the last time of a series, with interpolated numbers.

    Rows: one per step and series; other columns are left out. Straight lines go from the known point before to the one after, by
    time; of several points at one time the last counts before it and the first behind it. Infinite numbers count as missing. A
    series with more steps than the limit gives none.
    """

    name: ClassVar = "series.upsample"
    label: ClassVar = "Interpolate to finer steps"
    covers: ClassVar = ("ts_upsample_interpolate",)
    words: ClassVar = ("upsample", "interpolate", "finer frequency", "resample up", "equidistant")
    pandas_helpers: ClassVar = (*sequences.interpolated.helpers[:-2], CALLS)
    examples: ClassVar = tuple(
        Example({"time": "d", "ids": ["g"], "columns": ["v"], "every": 6, "unit": "hours", "method": method, "most": 500}, before={"g": ["a", "a", "a", None], "d": ["2024-01-01T00:00:00", "2024-01-01T12:00:00", "2024-01-01T18:00:00", None], "v": [0.0, 4.0, None, 9.0]},
                after={"g": ["a"] * 4, "d": ["2024-01-01T00:00:00", "2024-01-01T06:00:00", "2024-01-01T12:00:00", "2024-01-01T18:00:00"], "v": v}, types=D)
        for method, v in (("straight line", [0.0, 2.0, 4.0, None]), ("last known", [0.0, 0.0, 4.0, 4.0]), ("next known", [0.0, 4.0, 4.0, None]), ("nearest", [0.0, 0.0, 4.0, 4.0]))
    ) + (
        Example({"time": "d", "columns": ["v"], "unit": "months", "most": 500}, before={"d": ["2024-01-01", "2024-03-01"], "v": [0, 60]}, after={"d": ["2024-01-01", "2024-02-01", "2024-03-01"], "v": [0.0, 31.0, 60.0]}, types={"d": "date"}),
    )  # fmt: skip

    columns: NumericColumns = param("Numbers")
    method: Literal["straight line", "last known", "next known", "nearest"] = param("Method", default="straight line")

    def check_columns(self, schema):
        super().check_columns(schema)
        if odd := [c for c in self.columns if c in self.ids]:
            raise ParamError(f"column {odd[0]!r} cannot be number and series.")

    def constants(self):
        origin = int((self.start - datetime(1970, 1, 1)).total_seconds()) * 1_000_000
        return {"method": self.method, "size": self.seconds, "months": self.months, "origin": origin, "most": self.most}

    def apply(self, table, state):
        dtype = table[self.time].type()
        _, whole, _, points = self.gathered(table, self.columns)
        made = whole.mutate(sequences.interpolated(whole[points], **self.constants()).unnest().name(points))
        time = from_micros(made[points][0].cast("int64"), dtype).name(self.time)
        return made.select([*(made[c] for c in self.ids), time, *(made[points][i + 1].name(c) for i, c in enumerate(self.columns))])  # fmt: skip

    def pandas(self, df, state, schema):
        kinds = {c: PANDAS[to_name(schema[c])] for c in self.ids if to_name(schema[c]) in PANDAS}
        zone = getattr(schema[self.time], "timezone", None)
        found = self.pandas_calls(df, schema, self.columns, sequences.interpolated, self.constants())
        return [
            f"{df} = series_rows({found}, {list(self.ids)!r}, {kinds!r}, {[self.time, *self.columns]!r})",
            f"{df}[{self.time!r}] = {df}[{self.time!r}].astype('int64').astype('datetime64[us]')" + (f".dt.tz_localize({zone!r})" if zone else ""),
        ]  # fmt: skip


@register
class Impute(SeriesStep):
    """Fill missing numbers inside each series: last or next known, straight line by time, mean, median, or one season before.

    Columns become float64. "straight line" leaves what lies before the first and behind the last known number; "season before" takes
    the number one period earlier, else one period later. Infinite numbers, and rows
    without a time, stay as they are and take no part.
    """

    name: ClassVar = "series.impute"
    label: ClassVar = "Fill missing values in series"
    covers: ClassVar = ("ts_impute",)
    words: ClassVar = ("interpolate", "ffill", "bfill", "seasonal naive", "impute time series", "handle missing")
    pandas_helpers: ClassVar = (*sequences.imputed.helpers[:-2], CALLS)
    examples: ClassVar = tuple(
        Example({"time": "d", "ids": ["g"], "columns": ["v"], "method": method, "period": 2}, before={"g": ["a"] * 5 + ["b"], "d": [*DAYS[:5], DAYS[0]], "v": [1.0, None, 5.0, None, None, None]},
                after={"g": ["a"] * 5 + ["b"], "d": [*DAYS[:5], DAYS[0]], "v": [*v, None]}, types=D)
        for method, v in (("straight line", [1.0, 3.0, 5.0, None, None]), ("last known", [1.0, 1.0, 5.0, 5.0, 5.0]), ("next known", [1.0, 5.0, 5.0, None, None]), ("mean of the series", [1.0, 3.0, 5.0, 3.0, 3.0]), ("median of the series", [1.0, 3.0, 5.0, 3.0, 3.0]), ("season before", [1.0, None, 5.0, None, 5.0]))
    ) + (
        Example({"time": "d", "columns": ["v"], "method": "last known", "longest": 1}, before={"d": DAYS[:5], "v": [1, None, 5, None, None]}, after={"d": DAYS[:5], "v": [1.0, 1.0, 5.0, None, None]}, types=D),
    )  # fmt: skip

    columns: NumericColumns = param("Columns to fill")
    method: Literal["straight line", "last known", "next known", "mean of the series", "median of the series", "season before"] = param("Method", default="straight line")  # fmt: skip
    period: int = param("Rows in a season", default=7, ge=1, le=100_000)
    longest: int = param("Fill at most so many in a row", default=0, ge=0, help="A longer run stays missing. 0: any.")

    def in_order(self, schema):
        return [c for c in super().in_order(schema) if c not in self.columns] + list(self.columns)

    def check_columns(self, schema):
        super().check_columns(schema)
        if odd := [c for c in self.columns if c in self.ids]:
            raise ParamError(f"column {odd[0]!r} cannot be number and series.")

    def constants(self):
        return {"method": self.method, "period": self.period, "most": self.longest}

    def apply(self, table, state):
        names = [f"__filled_{i}" for i in range(len(self.columns))]
        found = self.add_columns(table, self.columns, sequences.imputed, self.constants(), names)
        cells = {c: ibis.coalesce(known(found[c]), found[n]).name(c) for c, n in zip(self.columns, names, strict=True)}
        return found.select([cells.get(c, found[c]) for c in table.columns])

    def pandas(self, df, state, schema):
        names = [f"__filled_{i}" for i in range(len(self.columns))]
        return [
            *self.pandas_columns(df, schema, self.columns, sequences.imputed, self.constants(), names),
            *(f"{df}[{c!r}] = {df}[{c!r}].astype('Float64').fillna({df}[{n!r}])" for c, n in zip(self.columns, names, strict=True)),
            f"{df} = {df}.drop(columns={names!r})",
        ]  # fmt: skip


@register
class DropSparse(SeriesStep):
    """Drop series with too few rows, or with too many missing values in one of the chosen columns."""

    name: ClassVar = "series.drop_sparse"
    label: ClassVar = "Drop sparse series"
    covers: ClassVar = ("ts_drop_sparse_series",)
    words: ClassVar = ("remove short series", "too many gaps", "drop incomplete series")
    examples: ClassVar = (
        Example({"time": "d", "ids": ["g"], "columns": ["v"], "share": 0.5}, before={"g": ["a", "a", "b", "b", "b"], "d": DAYS[:5], "v": [1, None, None, None, 2]}, after={"g": ["a", "a"], "d": DAYS[:2], "v": [1, None]}, types=D),
        Example({"time": "d", "ids": ["g"], "rows": 2}, before={"g": ["a", "a", None], "d": DAYS[:3]}, after={"g": ["a", "a"], "d": DAYS[:2]}, types=D),
    )  # fmt: skip

    columns: SomeColumns = param("Columns that may have gaps", default=())
    share: float = param("Greatest share of missing values", default=0.3, ge=0, le=1)
    rows: int = param("Fewest rows", default=1, ge=1)

    def apply(self, table, state):
        window = ibis.window(group_by=[table[c] for c in self.ids] or None)
        spares = spare_names(table, 1 + len(self.columns))
        counts = [table[c].isnull().ifelse(1.0, 0.0).mean().over(window).name(s) for c, s in zip(self.columns, spares[1:], strict=True)]  # fmt: skip
        counted = table.mutate([table.count().over(window).name(spares[0]), *counts])
        kept = [counted[spares[0]] >= self.rows, *(counted[s] <= self.share for s in spares[1:])]
        return counted.filter(kept).drop(*spares)

    def pandas(self, df, state, schema):
        key = f"[{', '.join(f'{df}[{c!r}]' for c in self.ids)}]" if self.ids else "zeros"
        lines = [f"{df} = {df}.reset_index(drop=True)", f"zeros = pd.Series(0, index={df}.index)"]
        lines.append(f"keep = zeros.groupby({key}, dropna=False).transform('size') >= {self.rows}")
        lines += [f"keep &= {df}[{c!r}].isna().astype(float).groupby({key}, dropna=False).transform('mean') <= {self.share}" for c in self.columns]  # fmt: skip
        return [*lines, f"{df} = {df}[keep.astype(bool)]"]


@register
class CheckTimes(SeriesStep):
    """Flag or drop rows whose time is missing, outside a range, or taken already by another row of the series.

    "drop" keeps the first of several rows at one moment, in the order of the other columns; "flag" adds the problem as text (missing
    where there is none). "stop" refuses such rows when the recipe is fitted and flags nothing later.
    """

    name: ClassVar = "series.check_times"
    label: ClassVar = "Check the times"
    covers: ClassVar = ("ts_validate_timestamps",)
    words: ClassVar = ("validate timestamps", "duplicate timestamps", "missing timestamp", "time order")
    examples: ClassVar = (
        Example({"time": "d", "ids": ["g"], "policy": "flag", "earliest": "2024-01-01"}, before={"g": ["a", "a", "b", "a", "a"], "d": [DAYS[0], DAYS[0], DAYS[0], None, "2023-12-31T23:59:59"], "v": [2, 1, 3, 4, 5]},
                after={"g": ["a", "a", "b", "a", "a"], "d": [DAYS[0], DAYS[0], DAYS[0], None, "2023-12-31T23:59:59"], "v": [2, 1, 3, 4, 5], "time_problem": ["repeated", None, None, "missing", "too early"]}, types=D),
        Example({"time": "d", "policy": "drop", "latest": "2024-01-02"}, before={"d": [DAYS[0], DAYS[0], None, DAYS[5]], "v": [2, 1, 3, 4]}, after={"d": [DAYS[0]], "v": [1]}, types=D),
        Example({"time": "d", "policy": "stop"}, before={"d": DAYS[:2]}, after={"d": DAYS[:2]}, types=D),
    )  # fmt: skip

    policy: Literal["flag", "drop", "stop"] = param("Then", default="flag")
    earliest: str = param("Earliest", default="", help="Such as 2020-01-01; empty: no limit.")
    latest: str = param("Latest", default="", help="Included.")
    to: NewColumn = param("New column", default="time_problem")

    def check_columns(self, schema):
        super().check_columns(schema)
        for text in (self.earliest, self.latest):
            try:
                origin_of(text, 0)
            except ValueError:
                raise ParamError(f"{text!r} is no date.", hint="Write it as 2024-01-31.") from None

    def problems(self, table):
        place, dtype = ibis.row_number().over(self.window_at_time(table)), moment(table[self.time]).type()
        x = moment(table[self.time])
        found = [(x.isnull(), "missing")]
        if self.earliest:
            found.append((x < ibis.literal(self.earliest).cast(dtype), "too early"))
        if self.latest:
            found.append((x > ibis.literal(self.latest).cast(dtype), "too late"))
        return ibis.cases(*found, (place > 0, "repeated"), else_=ibis.null("string"))

    def window_at_time(self, table):
        rest = [
            table[c].asc(nulls_first=False) for c in self.in_order(table.schema()) if c not in (*self.ids, self.time)
        ]
        return ibis.window(
            group_by=[table[c] for c in (*self.ids, self.time)], order_by=rest or [table[self.time].asc()]
        )

    def fit(self, table):
        if self.policy == "stop":
            problem = self.problems(table)
            counted = table.mutate(problem.name("__p"))
            found = one_row(counted.aggregate([counted["__p"].count().name("n"), counted["__p"].min().name("p")]))
            if found["n"]:
                raise FitError(
                    f"{found['n']} rows have a time that is {found['p']}, or another problem.",
                    hint="Flag them to see which.",
                )
        return None

    def apply(self, table, state):
        if self.policy == "stop":
            return table
        if self.policy == "flag":
            return table.mutate(self.problems(table).name(new_name(self.to, table.columns)))
        (spare,) = spare_names(table, 1)
        marked = table.mutate(self.problems(table).name(spare))
        return marked.filter(marked[spare].isnull()).drop(spare)

    def pandas(self, df, state, schema):
        if self.policy == "stop":
            return []
        zone = ", tz='UTC'" if getattr(schema[self.time], "timezone", None) else ""
        x, keys = f"{df}[{self.time!r}]", [*self.ids, self.time]
        lines = [
            *self.pandas_sorted(df, schema),
            f"problem = pd.Series(None, index={df}.index, dtype='string')",
            f"problem[ordered.index[ordered.duplicated({keys!r})]] = 'repeated'",
        ]
        if self.latest:
            lines.append(f"problem[{x} > pd.Timestamp({self.latest!r}{zone})] = 'too late'")
        if self.earliest:
            lines.append(f"problem[{x} < pd.Timestamp({self.earliest!r}{zone})] = 'too early'")
        lines.append(f"problem[{x}.isna()] = 'missing'")
        return [*lines, f"{df}[{self.to!r}] = problem" if self.policy == "flag" else f"{df} = {df}[problem.isna()]"]


@register
class Lags(SeriesStep):
    """Add earlier (and later) values of columns as new columns, within each series: `v_lag_1`, `v_lead_1`.

    Later values are for making targets: they are not known for new rows. Rows are counted, not time. With "only complete rows" the
    rows at the ends of a series, which lack an earlier or later row, are dropped: sliding windows for learning.
    """

    name: ClassVar = "series.lags"
    label: ClassVar = "Earlier and later values"
    covers: ClassVar = ("ts_lag_features", "ts_lead_features", "ts_window_to_supervised")
    words: ClassVar = ("lag features", "LAG", "LEAD", "PREV", "NEXT", "shift", "sliding window", "forecast target")
    examples: ClassVar = (
        Example({"time": "d", "ids": ["g"], "columns": ["v"], "lags": [1, 2], "leads": [1]}, before={"g": ["a", "a", "a", "b"], "d": [DAYS[1], DAYS[0], DAYS[2], DAYS[0]], "v": [2, 1, None, 9]},
                after={"g": ["a", "a", "a", "b"], "d": [DAYS[1], DAYS[0], DAYS[2], DAYS[0]], "v": [2, 1, None, 9], "v_lag_1": [1, None, 2, None], "v_lag_2": [None, None, 1, None], "v_lead_1": [None, 2, None, None]}, types=D, after_types={"v_lag_2": "int64"}),
        Example({"time": "d", "columns": ["v"], "lags": [1], "leads": [1], "complete": True}, before={"d": DAYS[:4], "v": [1, 2, 3, 4]}, after={"d": DAYS[1:3], "v": [2, 3], "v_lag_1": [1, 2], "v_lead_1": [3, 4]}, types=D),
    )  # fmt: skip

    columns: Columns = param("Columns")
    lags: tuple[int, ...] = param("Rows back", default=(1,), max_length=200)
    leads: tuple[int, ...] = param("Rows ahead", default=(), max_length=200)
    complete: bool = param("Only complete rows", default=False)

    def check_columns(self, schema):
        super().check_columns(schema)
        if any(not 1 <= n <= 100_000 for n in (*self.lags, *self.leads)):
            raise ParamError("rows back and ahead are whole numbers from 1.")
        if not self.lags and not self.leads:
            raise ParamError("choose how many rows back or ahead.")
        for name, _, _ in self.made():
            new_name(name, schema)

    def made(self):
        back = [(f"{c}_lag_{n}", c, n) for c in self.columns for n in dict.fromkeys(self.lags)]
        return back + [(f"{c}_lead_{n}", c, -n) for c in self.columns for n in dict.fromkeys(self.leads)]

    def apply(self, table, state):
        window = self.over_series(table)
        new = [(table[c].lag(n) if n > 0 else table[c].lead(-n)).over(window).name(name) for name, c, n in self.made()]
        if not self.complete:
            return table.mutate(new)
        place, count = spare_names(table, 2)
        whole = ibis.window(group_by=[table[c] for c in self.ids] or None)
        found = table.mutate([*new, ibis.row_number().over(window).name(place), table.count().over(whole).name(count)])
        first, last = max(self.lags, default=0), max(self.leads, default=0)
        return found.filter((found[place] >= first) & (found[place] < found[count] - last)).drop(place, count)

    def pandas(self, df, state, schema):
        lines = self.pandas_sorted(df, schema)
        lines += [f"{df}[{name!r}] = {self.pandas_grouped(c)}.shift({n})" for name, c, n in self.made()]
        if self.complete:
            first, last = max(self.lags, default=0), max(self.leads, default=0)
            by = f".groupby({list(self.ids)!r}, dropna=False, sort=False)" if self.ids else ".groupby(lambda i: 0)"
            lines += [
                f"place, rest = ordered{by}.cumcount(), ordered{by}.cumcount(ascending=False)",
                f"{df} = {df}[((place >= {first}) & (rest >= {last})).reindex({df}.index).astype(bool)]",
            ]
        return lines


@register
class DifferenceInTime(SeriesStep):
    """Subtract an earlier number of the series, once or several times over: what changed since the row (or season) before."""

    name: ClassVar = "series.difference"
    label: ClassVar = "Difference to an earlier row"
    covers: ClassVar = ("ts_difference",)
    words: ClassVar = ("diff", "seasonal difference", "change since", "stationary")
    examples: ClassVar = (
        Example({"time": "d", "ids": ["g"], "column": "v", "to": "c"}, before={"g": ["a", "a", "a", "b"], "d": [DAYS[0], DAYS[2], DAYS[1], DAYS[3]], "v": [1, 9, 4, None]}, after={"g": ["a", "a", "a", "b"], "d": [DAYS[0], DAYS[2], DAYS[1], DAYS[3]], "v": [1, 9, 4, None], "c": [None, 5.0, 3.0, None]}, types=D),
        Example({"time": "d", "column": "v", "repeats": 2, "to": "c"}, before={"d": DAYS[:4], "v": [1, 4, 9, 16]}, after={"d": DAYS[:4], "v": [1, 4, 9, 16], "c": [None, None, 2.0, 2.0]}, types=D),
        Example({"time": "d", "column": "v", "rows": 2, "to": "c"}, before={"d": DAYS[:3], "v": [1, 4, 9]}, after={"d": DAYS[:3], "v": [1, 4, 9], "c": [None, None, 8.0]}, types=D),
    )  # fmt: skip

    column: NumberColumn = param("Column")
    rows: int = param("Rows back", default=1, ge=1, le=100_000, help="1: the row before; 7: the week before, of days.")
    repeats: int = param("How often", default=1, ge=1, le=5, help="2: the difference of differences.")
    to: NewColumn = param("New column")

    def weights(self) -> list[tuple[int, int]]:
        """Return (rows back, factor): n times over, the factors are binomial coefficients of changing sign."""
        return [(k * self.rows, (-1) ** k * math.comb(self.repeats, k)) for k in range(self.repeats + 1)]

    def apply(self, table, state):
        (spare,) = spare_names(table, 1)
        window = self.over_series(table)
        table = table.mutate(known(table[self.column]).name(spare))
        total = table[spare]
        for back, factor in self.weights()[1:]:
            total = total + table[spare].lag(back).over(window) * float(factor)
        return table.mutate(no_nan(total).name(self.to)).drop(spare)

    def pandas(self, df, state, schema):
        terms = " + ".join(
            f"{self.pandas_grouped('__x')}.shift({back}) * {float(factor)}" for back, factor in self.weights()
        )
        return [
            *self.pandas_sorted(df, schema),
            f"ordered['__x'] = ordered[{self.column!r}].astype('Float64')",
            f"found = {terms}",
            f"{df}[{self.to!r}] = found.mask((found != found).fillna(False))",
        ]


@register
class Sessions(SeriesStep):
    """Number the sessions of each series from 1: a new one starts after a pause, or at a row marked true.

    A pause is longer than the given time between one row and the row before. Rows without a time have no session.
    """

    name: ClassVar = "series.sessions"
    label: ClassVar = "Number the sessions"
    covers: ClassVar = ("ts_sessionize",)
    words: ClassVar = ("SESSION", "sessionize", "visits", "inactivity", "timeout", "SESSION_ID")
    examples: ClassVar = (
        Example({"time": "d", "ids": ["g"], "pause": 30, "to": "s"}, before={"g": ["a", "a", "a", "b", "a"], "d": ["2024-01-01T00:00:00", "2024-01-01T01:00:01", "2024-01-01T00:30:00", "2024-01-01T00:00:00", None]}, after={"g": ["a", "a", "a", "b", "a"], "d": ["2024-01-01T00:00:00", "2024-01-01T01:00:01", "2024-01-01T00:30:00", "2024-01-01T00:00:00", None], "s": [1, 2, 1, 1, None]}, types=D),
        Example({"time": "d", "pause": None, "trigger": "b", "to": "s"}, before={"d": DAYS[:4], "b": [False, True, None, True]}, after={"d": DAYS[:4], "b": [False, True, None, True], "s": [1, 2, 2, 3]}, types=D),
    )  # fmt: skip

    pause: float | None = param("Pause that ends a session", default=30.0, gt=0, help="Empty: none does.")
    unit: Literal["seconds", "minutes", "hours", "days"] = param("Unit", default="minutes")
    trigger: BoolColumn | None = param("Or a row marked true in", default=None)
    to: NewColumn = param("New column", default="session")

    def check_columns(self, schema):
        super().check_columns(schema)
        check_optional(self, schema, "trigger")
        if self.pause is None and not self.trigger:
            raise ParamError("choose a pause or a column that marks the start of a session.")

    def apply(self, table, state):
        at, starts = spare_names(table, 2)
        table = table.mutate(exact_micros(table[self.time]).name(at))
        window = self.over_series(table, skip=(at,))
        before = table[at].lag(1).over(window)
        new = before.isnull()
        if self.pause is not None:
            new = new | (table[at] - before > self.pause * UNITS[self.unit] * 1e6)
        if self.trigger:
            new = new | table[self.trigger].fill_null(False)
        marked = table.mutate(new.ifelse(1, 0).cast("int64").name(starts))
        total = marked[starts].sum().over(self.over_series(marked, skip=(at, starts), preceding=None, following=0))
        return marked.mutate(marked[at].isnull().ifelse(ibis.null("int64"), total.cast("int64")).name(self.to)).drop(
            at, starts
        )

    def pandas(self, df, state, schema):
        by = (
            f".groupby([{', '.join(f'ordered[{c!r}]' for c in self.ids)}], dropna=False, sort=False)"
            if self.ids
            else ""
        )
        before = f"{self.pandas_grouped(self.time)}.shift(1)"
        lines = [*self.pandas_sorted(df, schema), f"before = {before}", "new = before.isna()"]
        if self.pause is not None:
            lines.append(
                f"new |= (ordered[{self.time!r}] - before) / pd.Timedelta(microseconds=1) > {self.pause * UNITS[self.unit] * 1e6}"
            )
        if self.trigger:
            lines.append(f"new |= ordered[{self.trigger!r}].fillna(False).astype(bool)")
        return [
            *lines,
            f"{df}[{self.to!r}] = new.astype('int64'){by}.cumsum().where(ordered[{self.time!r}].notna()).astype('Int64')",
        ]


@register
class RegularTimes(SeriesStep):
    """Give the rows regular times: the first row of each series the start, each further one a step later.

    Rows are counted in the order of a column. Months, quarters and years count from the start's day; days that a month lacks become its last.
    """

    name: ClassVar = "series.regular_times"
    label: ClassVar = "Make regular times"
    covers: ClassVar = ("ts_datetime_range",)
    words: ClassVar = ("date_range", "datetime range", "generate timestamps", "sequence of dates")
    examples: ClassVar = (
        Example({"order_by": "n", "start": "2024-01-31", "unit": "months", "to": "t"}, before={"n": [2, 1, 3, None]}, after={"n": [2, 1, 3, None], "t": ["2024-02-29T00:00:00", "2024-01-31T00:00:00", "2024-03-31T00:00:00", "2024-04-30T00:00:00"]}, after_types={"t": "timestamp"}),
        Example({"order_by": "n", "ids": ["g"], "start": "2024-01-01T06:00:00", "every": 15, "unit": "minutes", "to": "t"}, before={"g": ["a", "a", "b"], "n": [1, 2, 3]}, after={"g": ["a", "a", "b"], "n": [1, 2, 3], "t": ["2024-01-01T06:00:00", "2024-01-01T06:15:00", "2024-01-01T06:00:00"]}, after_types={"t": "timestamp"}),
    )  # fmt: skip

    time: ClassVar = ""
    order_by: OrderableColumn = param("In the order of")
    start: str = param("First time", help="Such as 2024-01-01 or 2024-01-01T06:00.")
    every: int = param("A row every", default=1, ge=1, le=100_000)
    unit: Unit = param("Unit", default="days")
    to: NewColumn = param("New column", default="time")

    def check_columns(self, schema):
        super().check_columns(schema)
        try:
            datetime.fromisoformat(self.start)
        except ValueError:
            raise ParamError(
                f"{self.start!r} is no date.", hint="Write it as 2024-01-31 or 2024-01-31T06:00."
            ) from None

    def in_order(self, schema):
        rest = [c for c in hashable(schema) if c not in (*self.ids, self.order_by)]
        return [*self.ids, self.order_by, *rest]

    @property
    def size(self) -> tuple[int, int]:
        return self.every * UNITS.get(self.unit, 0), self.every * {"months": 1, "quarters": 3, "years": 12}.get(
            self.unit, 0
        )

    def apply(self, table, state):
        seconds, months = self.size
        place = ibis.row_number().over(self.over_series(table)).cast("int64")
        first = ibis.literal(origin_of(self.start, 0).isoformat()).cast("timestamp(6)")
        step = (place * months).as_interval("M") if months else (place * seconds).as_interval("s")
        return table.mutate((first + step).name(self.to))

    def pandas(self, df, state, schema):
        seconds, months = self.size
        by = f".groupby({list(self.ids)!r}, dropna=False, sort=False)" if self.ids else ".groupby(lambda i: 0)"
        first = f"pd.Timestamp({origin_of(self.start, 0).isoformat()!r})"
        made = (
            f"pd.Series([{first} + pd.DateOffset(months=int(k) * {months}) for k in place], index=place.index)"
            if months
            else f"{first} + pd.to_timedelta(place * {seconds}, unit='s')"
        )
        return [
            *self.pandas_sorted(df, schema),
            f"place = ordered{by}.cumcount()",
            f"{df}[{self.to!r}] = ({made}).astype('datetime64[us]')",
        ]


@register
class FourierTerms(Transform):
    """Encode the place in a cycle as sines and cosines: smooth seasonal terms for a model.

    Columns: `<column>_sin_1`, `<column>_cos_1`, … for as many harmonics as asked for. The cycle starts at 1970-01-01.
    """

    name: ClassVar = "series.fourier_terms"
    label: ClassVar = "Seasonal waves"
    covers: ClassVar = ("ts_fourier_terms",)
    words: ClassVar = ("fourier", "seasonality", "sin cos", "harmonics", "cyclic")
    examples: ClassVar = (
        Example({"time": "d", "period": 4.0, "order": 2}, before={"d": ["1970-01-02T00:00:00", None]}, after={"d": ["1970-01-02T00:00:00", None], "d_sin_1": [1.0, None], "d_cos_1": [0.0, None], "d_sin_2": [0.0, None], "d_cos_2": [-1.0, None]}, types=D),
    )  # fmt: skip

    time: TimeColumn = param("Time")
    period: float = param("Days of a cycle", default=365.25, gt=0)
    order: int = param("Harmonics", default=2, ge=1, le=50)

    def check_columns(self, schema):
        super().check_columns(schema)
        for k in range(1, self.order + 1):
            for wave in ("sin", "cos"):
                new_name(f"{self.time}_{wave}_{k}", schema)

    def apply(self, table, state):
        (spare,) = spare_names(table, 1)
        seconds = moment(table[self.time]).truncate("s").epoch_seconds().cast("float64") / (86400.0 * self.period)
        table = table.mutate(((seconds - floor(seconds)) * (2 * math.pi)).name(spare))
        new = []
        for k in range(1, self.order + 1):
            angle = table[spare] * float(k)
            new += [angle.sin().name(f"{self.time}_sin_{k}"), angle.cos().name(f"{self.time}_cos_{k}")]
        return table.mutate(new).drop(spare)

    def pandas(self, df, state, schema):
        lines = [
            f"turns = (({df}[{self.time!r}].dt.tz_localize(None).dt.floor('s') - pd.Timestamp(0)) / pd.Timedelta(seconds=1)).astype('Float64') / {86400.0 * self.period!r}",
            f"turns = (turns - np.floor(turns)) * {2 * math.pi!r}",
        ]
        return lines + [
            f"{df}[{f'{self.time}_{w}_{k}'!r}] = np.{w}(turns * {float(k)})"
            for k in range(1, self.order + 1)
            for w in ("sin", "cos")
        ]
