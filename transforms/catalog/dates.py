"""Dates and times: parts, rounding, arithmetic, cycles. Weeks are ISO 8601 weeks and start on Monday."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import TimeFunction
from transforms.errors import ParamError
from transforms.fields import NewColumn, TimeColumn, param
from transforms.transform import Example, Transform, register

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
D = {"d": "timestamp"}


@register
class ExtractPart(Transform):
    """Take a part of a date or time as a whole number.

    Weekday: 1 is Monday, 7 Sunday. Week: ISO week of the year. Date-only columns have hour, minute and second 0.
    """

    name: ClassVar = "dates.extract_part"
    label: ClassVar = "Extract year, month, day …"
    covers: ClassVar = (
        "extract_year",
        "extract_quarter",
        "extract_month",
        "extract_week",
        "extract_day",
        "extract_weekday",
        "extract_day_of_year",
        "extract_hour",
        "extract_minute",
        "extract_second",
        "extract_millisecond",
    )
    words: ClassVar = ("YEAR", "MONTH", "DAY", "WEEK_NUMBER", "day of week", "date part")
    examples: ClassVar = tuple(
        Example({"column": "d", "part": part, "to": "p"}, before={"d": ["2024-12-30T23:05:09.250000", None]}, after={"d": ["2024-12-30T23:05:09.250000", None], "p": [value, None]}, types=D)
        for part, value in (("year", 2024), ("quarter", 4), ("month", 12), ("week", 1), ("day", 30), ("weekday", 1), ("day of year", 365), ("hour", 23), ("minute", 5), ("second", 9), ("millisecond", 250))
    )  # fmt: skip

    column: TimeColumn = param("Column")
    part: Literal[
        "year", "quarter", "month", "week", "day", "weekday", "day of year", "hour", "minute", "second", "millisecond"
    ] = param("Part", default="year")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        x = table[self.column]
        if x.type().is_date() and self.part in ("hour", "minute", "second", "millisecond"):
            value = x.isnull().ifelse(ibis.null("int64"), ibis.literal(0, "int64"))
        else:
            value = {
                "week": lambda: x.week_of_year(),
                "weekday": lambda: x.day_of_week.index() + 1,
                "day of year": lambda: x.day_of_year(),
                "millisecond": lambda: x.millisecond(),
            }.get(self.part, lambda: getattr(x, self.part)())()
        return table.mutate(value.cast("int64").name(self.to))

    def pandas(self, df, state, schema):
        x = f"{df}[{self.column!r}].dt"
        code = {
            "week": f"{x}.isocalendar().week",
            "weekday": f"({x}.weekday + 1)",
            "day of year": f"{x}.dayofyear",
            "millisecond": f"({x}.microsecond // 1000)",
        }
        return [f"{df}[{self.to!r}] = {code.get(self.part, f'{x}.{self.part}')}.astype('Int64')"]


@register
class ExtractName(Transform):
    """Take the English name of the month or weekday."""

    name: ClassVar = "dates.extract_name"
    label: ClassVar = "Name of month or weekday"
    covers: ClassVar = ("extract_month_name", "extract_weekday_name")
    words: ClassVar = ("MONTH_NAME", "day name")
    examples: ClassVar = (
        Example({"column": "d", "to": "n"}, before={"d": ["2024-02-29T00:00:00", None]}, after={"d": ["2024-02-29T00:00:00", None], "n": ["February", None]}, types=D),
        Example({"column": "d", "part": "weekday", "to": "n"}, before={"d": ["2024-02-29T00:00:00"]}, after={"d": ["2024-02-29T00:00:00"], "n": ["Thursday"]}, types=D),
    )  # fmt: skip

    column: TimeColumn = param("Column")
    part: Literal["month", "weekday"] = param("Name of", default="month")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        x = table[self.column]
        number = x.month() if self.part == "month" else x.day_of_week.index() + 1
        names = MONTHS if self.part == "month" else DAYS
        return table.mutate(ibis.cases(*[(number == i, n) for i, n in enumerate(names, start=1)]).name(self.to))

    def pandas(self, df, state, schema):
        how = "month_name" if self.part == "month" else "day_name"
        return [f"{df}[{self.to!r}] = {df}[{self.column!r}].dt.{how}().astype('string')"]


@register
class StartOfPeriod(TimeFunction):
    """Round times down to the start of their year, quarter, month, week (Monday), day or hour."""

    name: ClassVar = "dates.start_of_period"
    label: ClassVar = "Round down to a period"
    covers: ClassVar = ("start_of_period", "bin_datetime")
    words: ClassVar = ("truncate date", "floor date", "bin dates", "month start")
    examples: ClassVar = tuple(
        Example({"columns": ["d"], "period": period}, before={"d": ["2024-05-15T10:45:30", None]}, after={"d": [value, None]}, types=D)
        for period, value in (("month", "2024-05-01T00:00:00"), ("year", "2024-01-01T00:00:00"), ("quarter", "2024-04-01T00:00:00"), ("week", "2024-05-13T00:00:00"), ("day", "2024-05-15T00:00:00"), ("hour", "2024-05-15T10:00:00"))
    )  # fmt: skip

    period: Literal["year", "quarter", "month", "week", "day", "hour"] = param("Period", default="month")

    def value(self, column):
        unit = {"year": "Y", "quarter": "Q", "month": "M", "week": "W", "day": "D", "hour": "h"}[self.period]
        if column.type().is_date():
            return column if unit in ("D", "h") else column.truncate(unit).cast("date")
        return column.truncate(unit).cast(column.type())

    def pandas_value(self, column, dtype):
        naive = f"{column}.dt.tz_localize(None)" if getattr(dtype, "timezone", None) else column
        code = {
            "year": f"{naive}.dt.to_period('Y').dt.start_time", "quarter": f"{naive}.dt.to_period('Q').dt.start_time",
            "month": f"{naive}.dt.to_period('M').dt.start_time", "week": f"{naive}.dt.normalize() - pd.to_timedelta({naive}.dt.weekday, unit='D')",
            "day": f"{naive}.dt.normalize()", "hour": f"{naive}.dt.floor('h')",
        }[self.period]  # fmt: skip
        code = f"({code}).astype('datetime64[us]')"
        return f"{code}.dt.tz_localize('UTC')" if naive != column else code


@register
class AddTime(TimeFunction):
    """Add (or, with a negative number, take away) weeks, days, hours, minutes or seconds. The result is a timestamp."""

    name: ClassVar = "dates.add"
    label: ClassVar = "Add days, hours …"
    covers: ClassVar = ("date_add",)
    words: ClassVar = ("DATE_ADD", "shift date", "plus days")
    examples: ClassVar = (
        Example(
            {"columns": ["d"], "number": 1},
            before={"d": ["2024-02-28T12:00:00", None]},
            after={"d": ["2024-02-29T12:00:00", None]},
            types=D,
        ),
        Example(
            {"columns": ["d"], "number": -90, "unit": "minutes"},
            before={"d": ["2024-01-01T00:00:00"]},
            after={"d": ["2023-12-31T22:30:00"]},
            types=D,
        ),
    )

    number: int = param("Number", ge=-1_000_000, le=1_000_000)
    unit: Literal["weeks", "days", "hours", "minutes", "seconds"] = param("Unit", default="days")

    def value(self, column):
        column = column.cast("timestamp(6)") if column.type().is_date() else column
        seconds = self.number * {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}[self.unit]
        return (column + ibis.interval(seconds=seconds)).cast(column.type())

    def pandas_value(self, column, dtype):
        return f"({column} + pd.Timedelta({self.unit}={self.number})).astype({column}.dtype)"


@register
class Difference(Transform):
    """Count the time from one column to another, in days, hours, minutes or seconds (with fractions)."""

    name: ClassVar = "dates.difference"
    label: ClassVar = "Time between two dates"
    covers: ClassVar = ("date_diff",)
    words: ClassVar = ("DATE_DIFF", "age", "duration", "elapsed")
    examples: ClassVar = (
        Example({"start": "a", "end": "b", "to": "n"}, before={"a": ["2024-02-28T00:00:00", None], "b": ["2024-03-01T12:00:00", "2024-03-01T00:00:00"]},
                after={"a": ["2024-02-28T00:00:00", None], "b": ["2024-03-01T12:00:00", "2024-03-01T00:00:00"], "n": [2.5, None]}, types={"a": "timestamp", "b": "timestamp"}),
        Example({"start": "a", "end": "b", "unit": "hours", "to": "n"}, before={"a": ["2024-01-01T00:00:00"], "b": ["2023-12-31T23:30:00"]},
                after={"a": ["2024-01-01T00:00:00"], "b": ["2023-12-31T23:30:00"], "n": [-0.5]}, types={"a": "timestamp", "b": "timestamp"}),
    )  # fmt: skip

    differences: ClassVar = {"spark": "upstream: Ibis 12 cannot read microseconds on Spark."}

    start: TimeColumn = param("From")
    end: TimeColumn = param("To")
    unit: Literal["days", "hours", "minutes", "seconds"] = param("Unit", default="days")
    to: NewColumn = param("New column")
    SECONDS: ClassVar = {"days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}

    def check_columns(self, schema):
        super().check_columns(schema)
        zones = [getattr(schema[c], "timezone", None) for c in (self.start, self.end)]
        if (zones[0] is None) != (zones[1] is None):
            raise ParamError(
                f"only one of {self.start!r} and {self.end!r} has a time zone.", hint="Change the type of one of them."
            )

    def apply(self, table, state):
        value = (micros(table[self.end]) - micros(table[self.start])).cast("float64") / 1e6 / self.SECONDS[self.unit]
        return table.mutate(value.name(self.to))

    def pandas(self, df, state, schema):
        return [
            f"{df}[{self.to!r}] = (({df}[{self.end!r}] - {df}[{self.start!r}]) / pd.Timedelta(seconds=1) / {self.SECONDS[self.unit]}).astype('Float64')"
        ]


def micros(column):
    """Return a time as whole microseconds since 1970."""
    column = column.cast("timestamp(6)") if column.type().is_date() else column
    return column.truncate("s").epoch_seconds().cast("int64") * 1_000_000 + column.microsecond().cast("int64")


@register
class IsWeekend(Transform):
    """Tell whether a date falls on a Saturday or Sunday."""

    name: ClassVar = "dates.is_weekend"
    label: ClassVar = "Is it a weekend?"
    covers: ClassVar = ("is_weekend",)
    words: ClassVar = ("weekday flag", "business day")
    examples: ClassVar = (
        Example({"column": "d", "to": "w"}, before={"d": ["2024-03-02T00:00:00", "2024-03-04T00:00:00", None]}, after={"d": ["2024-03-02T00:00:00", "2024-03-04T00:00:00", None], "w": [True, False, None]}, types=D),
    )  # fmt: skip

    column: TimeColumn = param("Column")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        return table.mutate((table[self.column].day_of_week.index() >= 5).name(self.to))

    def pandas(self, df, state, schema):
        return [f"{df}[{self.to!r}] = ({df}[{self.column!r}].dt.weekday.astype('Int64') >= 5)"]


@register
class CyclicEncode(Transform):
    """Encode a part of time as sine and cosine, so that December lies beside January.

    Columns: adds `<column>_<part>_sin` and `<column>_<part>_cos`, both -1 to 1.
    """

    name: ClassVar = "dates.cyclic_encode"
    label: ClassVar = "Encode time as a circle"
    covers: ClassVar = ("cyclical_datetime_encode",)
    words: ClassVar = ("datetime embedding", "sin cos", "seasonality")
    examples: ClassVar = (
        Example({"column": "d", "part": "month"}, before={"d": ["2024-04-10T00:00:00", None]}, after={"d": ["2024-04-10T00:00:00", None], "d_month_sin": [1.0, None], "d_month_cos": [0.0, None]}, types=D),
        Example({"column": "d", "part": "weekday"}, before={"d": ["2024-03-04T00:00:00"]}, after={"d": ["2024-03-04T00:00:00"], "d_weekday_sin": [0.0], "d_weekday_cos": [1.0]}, types=D),
    )  # fmt: skip

    column: TimeColumn = param("Column")
    part: Literal["month", "weekday", "hour"] = param("Part", default="month")

    def apply(self, table, state):
        x = table[self.column]
        place, size = {
            "month": lambda: (x.month() - 1, 12),
            "weekday": lambda: (x.day_of_week.index(), 7),
            "hour": lambda: (x.hour() if not x.type().is_date() else x.month() * 0, 24),
        }[self.part]()
        angle = place.cast("float64") * (2 * math.pi / size)
        return table.mutate(
            [angle.sin().name(f"{self.column}_{self.part}_sin"), angle.cos().name(f"{self.column}_{self.part}_cos")]
        )

    def pandas(self, df, state, schema):
        x = f"{df}[{self.column!r}].dt"
        place, size = {"month": (f"({x}.month - 1)", 12), "weekday": (f"{x}.weekday", 7), "hour": (f"{x}.hour", 24)}[
            self.part
        ]
        lines = [f"angle = {place}.astype('Float64') * {2 * math.pi / size!r}"]
        return lines + [f"{df}[{f'{self.column}_{self.part}_{f}'!r}] = np.{f}(angle)" for f in ("sin", "cos")]
