"""Series of a table: gathering their points, regular steps, and the bases of family `series`. No transforms here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar, Literal

import ibis

from transforms.catalog.calendars import exact_micros, moment
from transforms.catalog.common import floor, new_name, spare_names
from transforms.catalog.hashing import hashable
from transforms.errors import ParamError
from transforms.fields import NumberColumn, SomeColumns, TimeColumn, param
from transforms.schema import known
from transforms.transform import Transform

UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}
Unit = Literal["seconds", "minutes", "hours", "days", "weeks", "months", "quarters", "years"]

CALLS = '''
def series_calls(df, order, ids, time, columns, function, /, **constants):
    """Return (id columns, labels of the rows, answer of the function) for each series."""
    ordered = df.reset_index(drop=True).sort_values(order, na_position="last")
    moments = ordered[time].dt.tz_localize(None).astype("datetime64[us]").astype("int64")
    numbers = [[None if pd.isna(v) else float(v) for v in ordered[c].astype("Float64").astype(object)] for c in columns]
    points = pd.Series([list(p) for p in zip(map(float, range(len(ordered))), map(float, moments), *numbers)], index=ordered.index, dtype=object)
    there = ordered[ordered[time].notna()]
    groups = there.groupby(ids, dropna=False, sort=False) if ids else ([(0, there)] if len(there) else [])
    return [(part[ids].iloc[[0]], ordered.index, function(points[part.index].tolist(), **constants)) for _, part in groups]


def series_columns(df, names, found):
    """Add columns of numbers that a function gave row by row."""
    df = df.reset_index(drop=True)
    made = {labels[int(row[0])]: row[1:] for _, labels, answer in found for row in answer}
    for place, name in enumerate(names):
        df[name] = pd.Series([made[i][place] if i in made else None for i in df.index], index=df.index, dtype="Float64")
    return df


def series_rows(found, ids, kinds, names):
    """Return new rows: the id columns and what the function gave."""
    parts = [(keys.loc[keys.index.repeat(len(answer))], answer) for keys, _, answer in found]
    df = pd.concat([keys for keys, _ in parts], ignore_index=True) if parts else pd.DataFrame({c: [] for c in ids})
    numbers = [row for _, answer in parts for row in answer]
    for place, name in enumerate(names):
        df[name] = pd.Series([row[place] for row in numbers], index=df.index, dtype="Float64")
    return df.astype(kinds)
'''
STEPS = '''
def step_index(times, seconds, months, origin):
    """Return the number of the step that each time falls into, counted from the origin."""
    times, origin = times.dt.tz_localize(None), pd.Timestamp(origin)
    if months:
        return ((times.dt.year * 12 + times.dt.month - origin.year * 12 - origin.month) // months).astype("Int64")
    return ((times.astype("datetime64[us]").astype("int64") - int(origin.value) // 1000) // (seconds * 1_000_000)).where(times.notna()).astype("Int64")


def step_start(index, seconds, months, origin, zone):
    """Return the start of each step."""
    origin = pd.Timestamp(origin)
    if months:
        first = origin.year * 12 + origin.month - 1
        places = [first + int(k) * months for k in index]
        found = pd.Series([datetime.datetime(p // 12, p % 12 + 1, 1) for p in places], index=index.index, dtype="datetime64[us]")
    else:
        found = (origin + pd.to_timedelta(index * seconds, unit="s")).astype("datetime64[us]")
    return found.dt.tz_localize(zone) if zone else found
'''
DATETIME = "import datetime"


def origin_of(text: str, months: int) -> datetime:
    if text:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=None) if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
    return datetime(1970, 1, 1) if months else datetime(1969, 12, 29)


class SeriesStep(Transform):
    """A step that looks at whole series."""

    serving: ClassVar = "batch"
    time: TimeColumn = param("Time")
    ids: SomeColumns = param("One series per", default=(), help="None: the whole table is one series.")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.time in self.ids:
            raise ParamError(f"column {self.time!r} cannot be time and series.")

    def in_order(self, schema) -> list[str]:
        rest = [c for c in hashable(schema) if c not in (*self.ids, self.time)]
        return [*self.ids, self.time, *rest]

    def over_series(self, table, skip=(), **more):
        names = [c for c in self.in_order(table.schema()) if c not in (*self.ids, *skip)]
        keys = [table[c].asc(nulls_first=False) for c in names]
        return ibis.window(group_by=[table[c] for c in self.ids] or None, order_by=keys, **more)

    def pandas_sorted(self, df, schema) -> list[str]:
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"ordered = {df}.sort_values({self.in_order(schema)!r}, na_position='last')",
        ]

    def pandas_grouped(self, column: str) -> str:
        by = f".groupby({list(self.ids)!r}, dropna=False, sort=False)" if self.ids else ""
        return f"ordered{by}[{column!r}]"

    def gathered(self, table, columns):
        """Return (the table with row numbers, one row per series with its points, their two column names)."""
        row, points = spare_names(table, 2)
        keys = [table[c].asc(nulls_first=False) for c in self.in_order(table.schema())]
        numbered = table.mutate(ibis.row_number().over(ibis.window(order_by=keys)).cast("int64").name(row))
        there = numbered.filter(numbered[self.time].notnull())
        numbers = [known(there[c]) for c in columns]
        point = ibis.array([there[row].cast("float64"), exact_micros(there[self.time]).cast("float64"), *numbers])
        there = there.mutate(point.name(points))
        collected = there[points].collect().name(points)
        whole = there.group_by(list(self.ids)).aggregate(collected) if self.ids else there.aggregate(collected)
        return numbered, whole, row, points

    def add_columns(self, table, columns, function, constants, names, dtype="float64"):
        """Add columns that a row function gives for each point of a series."""
        numbered, whole, row, points = self.gathered(table, columns)
        made = whole.select(function(whole[points], **constants).unnest().name(points))
        made = made.select(
            made[points][0].cast("int64").name("__row"),
            *(made[points][i + 1].cast(dtype).name(f"__made_{i}") for i in range(len(names))),
        )
        joined = numbered.left_join(made, numbered[row] == made["__row"])
        new = {n: joined[f"__made_{i}"].name(n) for i, n in enumerate(names)}
        return joined.select([*(new.pop(c, joined[c]) for c in table.columns), *new.values()])

    def pandas_calls(self, df, schema, columns, function, constants) -> str:
        given = "".join(f", {k}={v!r}" for k, v in constants.items())
        return f"series_calls({df}, {self.in_order(schema)!r}, {list(self.ids)!r}, {self.time!r}, {list(columns)!r}, {function.name}{given})"

    def pandas_columns(self, df, schema, columns, function, constants, names) -> list[str]:
        return [f"{df} = series_columns({df}, {list(names)!r}, {self.pandas_calls(df, schema, columns, function, constants)})"]  # fmt: skip


class Stepped(SeriesStep):
    """A step over regular steps of time."""

    every: int = param("Every", default=1, ge=1, le=100_000)
    unit: Unit = param("Unit", default="days")
    origin: str = param(
        "Count steps from", default="", help="A date such as 2024-01-01. Empty: Monday 1969-12-29; months from January."
    )
    most: int = param("At most so many absent steps in a row", default=100_000, ge=1, le=10_000_000)

    def check_columns(self, schema):
        super().check_columns(schema)
        try:
            origin_of(self.origin, self.months)
        except ValueError:
            raise ParamError(
                f"{self.origin!r} is no date.", hint="Write it as 2024-01-31 or 2024-01-31T06:00."
            ) from None
        if schema[self.time].is_date() and self.unit in ("seconds", "minutes", "hours"):
            raise ParamError(
                f"column {self.time!r} holds dates, which have no {self.unit}.", hint="Change its type to a time."
            )

    @property
    def months(self) -> int:
        return self.every * {"months": 1, "quarters": 3, "years": 12}.get(self.unit, 0)

    @property
    def seconds(self) -> int:
        return self.every * UNITS.get(self.unit, 0)

    @property
    def start(self) -> datetime:
        found = origin_of(self.origin, self.months)
        return (
            found.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            if self.months
            else found.replace(microsecond=0)
        )

    def index(self, column):
        """Return the number of the step that a time falls into."""
        column = moment(column)
        if self.months:
            first = self.start.year * 12 + self.start.month
            months = column.year().cast("int64") * 12 + column.month().cast("int64") - first
            return floor(months.cast("float64") / self.months).cast("int64")
        first = int((self.start - datetime(1970, 1, 1)).total_seconds())
        seconds = column.truncate("s").epoch_seconds().cast("float64") - first
        return floor(seconds / self.seconds).cast("int64")

    def begin(self, index, dtype):
        """Return the start of a step as a time of a type."""
        origin = ibis.literal(self.start.isoformat()).cast("timestamp(6)")
        size = (index * self.months).as_interval("M") if self.months else (index * self.seconds).as_interval("s")
        return (origin + size).cast(dtype)

    def pandas_index(self, column: str) -> str:
        return f"step_index({column}, {self.seconds}, {self.months}, {self.start.isoformat()!r})"

    def pandas_begin(self, index: str, dtype) -> str:
        zone = getattr(dtype, "timezone", None)
        return f"step_start({index}, {self.seconds}, {self.months}, {self.start.isoformat()!r}, {zone!r})"

    def absent_after(self, table, index: str, window):
        """Return the table with each row repeated for the absent steps behind it, and the number of the step."""
        after, steps = spare_names(table, 2)
        table = table.mutate(table[index].lead(1).over(window).name(after))
        k = table[index].fill_null(0)
        many = (table[after] - k > 1) & (table[after] - k <= self.most + 1)
        end = (table[index].notnull() & many.fill_null(False)).ifelse(table[after], k + 1)
        return table.mutate(ibis.range(k, end).unnest().name(steps)).drop(after), steps


class FunctionOfSeries(SeriesStep):
    """Gives numbers for each row from a row function of the whole series."""

    function: ClassVar = None
    column: NumberColumn = param("Column")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs):
        super().__pydantic_init_subclass__(**kwargs)
        if cls.function is not None:
            cls.pandas_helpers = (*cls.function.helpers[:-2], CALLS)

    def names(self) -> list[str]:
        return [self.to]

    def apply(self, table, state):
        for name in self.names():
            new_name(name, table.columns)
        return self.add_columns(table, [self.column], self.function, self.constants(), self.names())

    def pandas(self, df, state, schema):
        return self.pandas_columns(df, schema, [self.column], self.function, self.constants(), self.names())


def pandas_absent(df: str, ids, order, most: int) -> list[str]:
    """Return pandas lines that repeat each row for the absent steps behind it, counted in `__added`."""
    by = f".groupby({list(ids)!r}, dropna=False, sort=False)" if ids else ""
    return [
        f"{df} = {df}.sort_values({[*ids, *order]!r}, na_position='last').reset_index(drop=True)",
        f"ahead = ({df}{by}['__step'].shift(-1) - {df}['__step']).fillna(1).astype('int64')",
        f"{df} = {df}.loc[{df}.index.repeat(ahead.where((ahead > 1) & (ahead <= {most + 1}), 1))]",
        f"{df}['__added'] = {df}.groupby(level=0).cumcount()",
        f"{df} = {df}.reset_index(drop=True)",
    ]
