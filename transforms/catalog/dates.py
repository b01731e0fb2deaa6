"""Dates and times: parts, rounding, arithmetic, cycles. Weeks are ISO 8601 weeks and start on Monday."""

from __future__ import annotations

import math
import zoneinfo
from collections import Counter
from datetime import datetime
from typing import ClassVar, Literal

import ibis

from transforms import moments
from transforms.catalog.calendars import (
    DAYS,
    GUESSES,
    MONTHS,
    NAMES,
    PANDAS_TIMES,
    check_optional,
    exact_micros,
    from_micros,
    moment,
)
from transforms.catalog.common import TimeFunction, floor, spare_names
from transforms.errors import FitError, ParamError
from transforms.fields import NewColumn, NumberColumn, SomeColumns, TimeColumn, param
from transforms.reading import distinct_texts
from transforms.schema import known
from transforms.transform import Example, Transform, register

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


@register
class DateFromParts(Transform):
    """Build a date, a date with a time, or a time of day (as text) from columns of numbers.

    No such date (30 February, hour 24), fractions, years outside 1 to 9999 and missing parts give missing; a part without a column is 1 for
    month and day, else 0.
    """

    name: ClassVar = "dates.from_parts"
    label: ClassVar = "Date from parts"
    covers: ClassVar = ("date_from_parts", "time_from_parts", "datetime_from_parts")
    words: ClassVar = ("DATE", "TIME", "DATETIME", "make_date", "DateSerial", "combine year month day")
    examples: ClassVar = (
        Example({"year": "y", "month": "m", "day": "t", "to": "d"}, before={"y": [2024, 2023, None], "m": [2, 2, 1], "t": [29, 29, 1]}, after={"y": [2024, 2023, None], "m": [2, 2, 1], "t": [29, 29, 1], "d": ["2024-02-29", None, None]}, after_types={"d": "date"}),
        Example({"make": "date and time", "year": "y", "hour": "h", "to": "d"}, before={"y": [2024, 2024], "h": [23.0, 24.0]}, after={"y": [2024, 2024], "h": [23.0, 24.0], "d": ["2024-01-01T23:00:00", None]}, after_types={"d": "timestamp"}),
        Example({"make": "time of day", "hour": "h", "minute": "m", "to": "d"}, before={"h": [7, 7], "m": [5, None]}, after={"h": [7, 7], "m": [5, None], "d": ["07:05:00", None]}),
    )  # fmt: skip

    make: Literal["date", "date and time", "time of day"] = param("Make", default="date")
    year: NumberColumn | None = param("Year", default=None)
    month: NumberColumn | None = param("Month", default=None)
    day: NumberColumn | None = param("Day", default=None)
    hour: NumberColumn | None = param("Hour", default=None)
    minute: NumberColumn | None = param("Minute", default=None)
    second: NumberColumn | None = param("Second", default=None)
    to: NewColumn = param("New column")
    LIMITS: ClassVar = {"year": (1, 9999, 1970), "month": (1, 12, 1), "day": (1, 31, 1), "hour": (0, 23, 0), "minute": (0, 59, 0), "second": (0, 59, 0)}  # fmt: skip

    def check_columns(self, schema):
        super().check_columns(schema)
        check_optional(self, schema, *self.LIMITS)
        if self.make != "time of day" and not self.year:
            raise ParamError("choose the column of the year.")
        if self.make == "time of day" and not self.hour:
            raise ParamError("choose the column of the hour.")

    def used(self) -> list[str]:
        names = list(self.LIMITS)
        return names[:3] if self.make == "date" else names[3:] if self.make == "time of day" else names

    def apply(self, table, state):
        used = self.used()
        spare = dict(zip([*used, "days"], spare_names(table, len(used) + 1), strict=True))
        cells = []
        for part in used:
            low, high, default = self.LIMITS[part]
            column = getattr(self, part)
            x = known(table[column]) if column else ibis.literal(float(default))
            good = (x >= low) & (x <= high) & (x == floor(x))
            cells.append(good.ifelse(x, ibis.null("float64")).cast("int64").name(spare[part]))
        table = table.mutate(cells)
        get = lambda part: table[spare[part]]  # noqa: E731
        if self.make == "time of day":
            text = [get(p).cast("string").lpad(2, "0") for p in used]
            return table.mutate((text[0] + ":" + text[1] + ":" + text[2]).name(self.to)).drop(*(spare[p] for p in used))
        early = (get("month") <= 2).ifelse(1, 0)
        y = (get("year") - early).cast("float64")
        turned = get("month") + early * 12 - 3
        day_of_year = floor((turned * 153 + 2).cast("float64") / 5.0) + get("day").cast("float64") - 1.0
        days = y * 365.0 + floor(y / 4.0) - floor(y / 100.0) + floor(y / 400.0) + day_of_year - 719468.0
        table = table.mutate(days.cast("int64").name(spare["days"]))
        made = ibis.literal("1970-01-01").cast("timestamp(6)") + table[spare["days"]].as_interval("D")
        made = ((made.month() == table[spare["month"]]) & (made.day() == table[spare["day"]])).ifelse(
            made, ibis.null("timestamp(6)")
        )
        if self.make == "date":
            return table.mutate(made.cast("date").name(self.to)).drop(*spare.values())
        seconds = table[spare["hour"]] * 3600 + table[spare["minute"]] * 60 + table[spare["second"]]
        return table.mutate((made + seconds.as_interval("s")).name(self.to)).drop(*spare.values())

    def pandas(self, df, state, schema):
        lines = ["parts = {}"]
        for part in self.used():
            low, high, default = self.LIMITS[part]
            column = getattr(self, part)
            x = (
                f"{df}[{column!r}].astype('Float64')"
                if column
                else f"pd.Series({float(default)}, index={df}.index, dtype='Float64')"
            )
            lines += [
                f"x = {x}",
                f"parts[{part!r}] = x.where(((x >= {low}) & (x <= {high}) & (x == np.floor(x))).fillna(False)).astype('Int64')",
            ]
        if self.make == "time of day":
            return [
                *lines,
                "text = [p.astype('string').str.zfill(2) for p in parts.values()]",
                f"{df}[{self.to!r}] = text[0] + ':' + text[1] + ':' + text[2]",
            ]
        text = "parts['year'].astype('string').str.zfill(4) + '-' + parts['month'].astype('string').str.zfill(2) + '-' + parts['day'].astype('string').str.zfill(2)"
        lines += [
            f"text = {text}",
            "made = pd.to_datetime(text, format='%Y-%m-%d', errors='coerce').astype('datetime64[us]')",
        ]
        if self.make == "date and time":
            lines.append(
                "made = (made + pd.to_timedelta(parts['hour'] * 3600 + parts['minute'] * 60 + parts['second'], unit='s')).astype('datetime64[us]')"
            )
        return [*lines, f"{df}[{self.to!r}] = made"]


@register
class RunTime(Transform):
    """Add the date or time (UTC) at which the step runs, or a given moment that stays the same."""

    name: ClassVar = "dates.now"
    label: ClassVar = "Date or time of the run"
    covers: ClassVar = ("current_date", "current_timestamp")
    words: ClassVar = ("NOW", "TODAY", "CURRENT_TIMESTAMP", "GETDATE", "processing date")
    examples: ClassVar = (
        Example({"fixed": "2024-05-06", "to": "t"}, before={"v": [1, None]}, after={"v": [1, None], "t": ["2024-05-06", "2024-05-06"]}, after_types={"t": "date"}),
        Example({"give": "time", "fixed": "2024-05-06T07:08:09", "to": "t"}, before={"v": [1]}, after={"v": [1], "t": ["2024-05-06T07:08:09"]}, after_types={"t": "timestamp"}),
    )  # fmt: skip

    give: Literal["date", "time"] = param("Give the", default="date")
    fixed: str = param("Always this moment", default="", help="Such as 2024-01-31. Empty: when the step runs, in UTC.")
    to: NewColumn = param("New column", default="run_time")

    def check_columns(self, schema):
        super().check_columns(schema)
        try:
            datetime.fromisoformat(self.fixed or "2024-01-01")
        except ValueError:
            raise ParamError(
                f"{self.fixed!r} is no date.", hint="Write it as 2024-01-31 or 2024-01-31T06:00."
            ) from None

    def apply(self, table, state):
        value = (
            ibis.literal(datetime.fromisoformat(self.fixed).isoformat()).cast("timestamp(6)")
            if self.fixed
            else ibis.now().cast("timestamp(6)")
        )
        return table.mutate((value.cast("date") if self.give == "date" else value).name(self.to))

    def pandas(self, df, state, schema):
        value = (
            f"pd.Timestamp({datetime.fromisoformat(self.fixed).isoformat()!r})"
            if self.fixed
            else "pd.Timestamp.now('UTC').tz_localize(None)"
        )
        value += ".normalize()" if self.give == "date" else ""
        return [f"{df}[{self.to!r}] = pd.Series({value}, index={df}.index).astype('datetime64[us]')"]


@register
class ConvertZone(TimeFunction):
    """Turn local times of one zone into those of another, or into moments in UTC (with a time zone), and back.

    Times without a zone are read on the clock of the first zone; times in UTC need no first zone. A local time that comes twice when
    clocks are set back is the earlier or later one, or missing; one that clocks skip is moved forward, or missing. Zones are names of the
    IANA database (Europe/Berlin), whose rules of the running system count. Dates count as midnights.
    """

    name: ClassVar = "dates.convert_zone"
    label: ClassVar = "Change the time zone"
    covers: ClassVar = ("convert_timezone", "localize_timezone")
    words: ClassVar = ("CONVERT_TIMEZONE", "tz_convert", "tz_localize", "AT TIME ZONE", "daylight saving", "UTC")
    pandas_helpers: ClassVar = (*moments.in_zone.helpers, PANDAS_TIMES)
    examples: ClassVar = (
        Example({"columns": ["d"], "from_zone": "Europe/Berlin", "to_zone": "America/New_York"}, before={"d": ["2024-07-01T12:00:00", "2024-03-31T02:30:00", "2024-10-27T02:30:00", None]}, after={"d": ["2024-07-01T06:00:00", "2024-03-30T21:30:00", "2024-10-26T20:30:00", None]}, types=D),
        Example({"columns": ["d"], "from_zone": "Europe/Berlin", "to_zone": "UTC", "result": "moment in UTC", "ambiguous": "later", "absent": "missing"}, before={"d": ["2024-10-27T02:30:00", "2024-03-31T02:30:00"]}, after={"d": ["2024-10-27T01:30:00+00:00", None]}, types=D, after_types={"d": "timestamp_utc"}),
        Example({"columns": ["d"], "to_zone": "Asia/Tokyo"}, before={"d": ["2024-07-01T20:00:00+00:00", None]}, after={"d": ["2024-07-02T05:00:00", None]}, types={"d": "timestamp_utc"}, after_types={"d": "timestamp"}),
    )  # fmt: skip

    from_zone: str = param("From zone", default="UTC", help="Such as Europe/Berlin.")
    to_zone: str = param("To zone", default="UTC")
    result: Literal["local time", "moment in UTC"] = param("Give", default="local time", help="local time: on the clock of the second zone.")  # fmt: skip
    ambiguous: Literal["earlier", "later", "missing"] = param("A time that comes twice is", default="earlier")
    absent: Literal["forward", "missing"] = param("A time that clocks skip is", default="forward")

    def check_columns(self, schema):
        super().check_columns(schema)
        for zone in (self.from_zone, self.to_zone):
            if zone not in zoneinfo.available_timezones():
                raise ParamError(f"there is no time zone {zone!r}.", hint="Write it as Europe/Berlin or UTC.")

    def constants(self, dtype):
        has_zone = getattr(dtype, "timezone", None)
        target = "UTC" if self.result == "moment in UTC" else self.to_zone
        return {
            "source": "UTC" if has_zone else self.from_zone,
            "target": target,
            "ambiguous": self.ambiguous,
            "absent": self.absent,
        }

    def value(self, column):
        found = moments.in_zone(exact_micros(column), **self.constants(column.type()))
        return from_micros(found, "timestamp('UTC', 6)" if self.result == "moment in UTC" else "timestamp(6)")

    def pandas_value(self, column, dtype):
        zone = ", 'UTC'" if self.result == "moment in UTC" else ""
        return f"times_of({moments.in_zone.pandas(f'micros_of({column})', **self.constants(dtype))}{zone})"


CODES = {
    "Y": ("year", 4),
    "m": ("month", 2),
    "d": ("day", 2),
    "H": ("hour", 2),
    "M": ("minute", 2),
    "S": ("second", 2),
    "j": ("dayofyear", 3),
}


@register
class FormatDate(TimeFunction):
    """Write dates and times as text in a format.

    %Y year, %y its last two digits, %m month, %d day, %H hour, %I hour to 12, %p AM or PM, %M minute, %S second, %j day of the year, %B and
    %b name of the month, %A and %a of the weekday (short ones: the first three letters); %-d and %-m without a zero, %% a percent sign.
    """

    name: ClassVar = "dates.format"
    label: ClassVar = "Write dates as text"
    covers: ClassVar = ("format_date",)
    words: ClassVar = ("strftime", "TEXT", "DATE_FORMAT", "toString", "to_char", "date to string")
    examples: ClassVar = (
        Example({"columns": ["d"], "format": "%d.%m.%Y %H:%M:%S"}, before={"d": ["2024-05-06T07:08:09", None]}, after={"d": ["06.05.2024 07:08:09", None]}, types=D, after_types={"d": "string"}),
        Example({"columns": ["d"], "format": "%A, %-d. %B %y", "language": "German"}, before={"d": ["2024-03-05"]}, after={"d": ["Dienstag, 5. März 24"]}, types={"d": "date"}, after_types={"d": "string"}),
        Example({"columns": ["d"], "format": "%a %b %j %I %p %-m %%"}, before={"d": ["2024-02-01T00:30:00"]}, after={"d": ["Thu Feb 032 12 AM 2 %"]}, types=D, after_types={"d": "string"}),
    )  # fmt: skip

    format: str = param("Format", default="%Y-%m-%d", min_length=1)
    language: Literal["English", "German", "French", "Spanish", "Italian"] = param("Names in", default="English")

    def check_columns(self, schema):
        super().check_columns(schema)
        self.pieces()

    def pieces(self) -> list[str]:
        """Return plain text and codes (%d, %-d) in turn."""
        found, rest = [], self.format
        while rest:
            size = 1 if rest[0] != "%" else 3 if rest[1:2] == "-" else 2
            piece, rest = rest[:size], rest[size:]
            if piece[0] == "%" and piece[1:] not in (*CODES, *(f"-{c}" for c in "mdHMSj"), *"yIpBbAa%"):
                raise ParamError(
                    f"{piece!r} is no part of a date format.",
                    hint="There are %Y %y %m %d %H %I %p %M %S %j %B %b %A %a and %%.",
                )
            if found and piece[0] != "%" and found[-1][0] != "%":
                found[-1] += piece
            else:
                found.append(piece)
        return found

    def value(self, column):
        found = column.isnull().ifelse(ibis.null("string"), ibis.literal(""))
        for piece in self.pieces():
            found = found + (self.code(column, piece[1:]) if piece[0] == "%" else ibis.literal(piece))
        return found

    def code(self, column, code):
        if code == "%":
            return ibis.literal("%")
        plain = code.removeprefix("-")
        if code in "BbAa":
            number = column.month() if code in "Bb" else column.day_of_week.index() + 1
            names = [n if code in "BA" else n[:3] for n in NAMES[self.language][0 if code in "Bb" else 1]]
            return ibis.cases(*[(number == i, n) for i, n in enumerate(names, 1)])
        x = moment(column)
        if code == "p":
            return (x.hour() < 12).ifelse("AM", "PM")
        number = {
            "y": lambda: x.year() % 100, "I": lambda: (x.hour() + 11) % 12 + 1, "j": lambda: x.day_of_year(),
        }.get(plain, lambda: getattr(x, CODES[plain][0])())().cast("int64").cast("string")  # fmt: skip
        return number if code != plain else number.lpad(CODES.get(plain, ("", 2))[1], "0")

    def pandas_value(self, column, dtype):
        pieces = []
        for piece in self.pieces():
            code = piece[1:]
            plain = code.removeprefix("-")
            if piece[0] != "%" or code == "%":
                pieces.append(repr("%" if code == "%" and piece[0] == "%" else piece))
            elif code in "BbAa":
                names = [n if code in "BA" else n[:3] for n in NAMES[self.language][0 if code in "Bb" else 1]]
                number = f"{column}.dt.month" if code in "Bb" else f"{column}.dt.weekday + 1"
                pieces.append(f"({number}).map({dict(enumerate(names, 1))!r}).astype('string')")
            elif code == "p":
                pieces.append(
                    f"{column}.dt.hour.map(lambda h: 'AM' if h < 12 else 'PM', na_action='ignore').astype('string')"
                )
            else:
                number = {"y": f"{column}.dt.year % 100", "I": f"({column}.dt.hour + 11) % 12 + 1"}.get(
                    plain
                ) or f"{column}.dt.{CODES[plain][0]}"
                text = f"({number}).astype('Int64').astype('string')"
                pieces.append(text if code != plain else f"{text}.str.zfill({CODES.get(plain, ('', 2))[1]})")
        return f"({column}.isna().map({{False: ''}}).astype('string') + {' + '.join(pieces)})"


@register
class ParseAuto(Transform):
    """Find out in which formats text columns write dates, remember them, and read the dates; what fits none is missing.

    Learns from up to 10,000 different values per column: the formats, up to three, that read the most of them, if together they
    read the given share; else a chosen column is an error, and other columns stay text. Where day and month cannot be told apart, the
    setting decides. Names of months are English. Offsets such as +02:00 are turned into UTC.
    """

    name: ClassVar = "dates.parse_auto"
    label: ClassVar = "Read dates, find the format"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("parse_date_auto",)
    words: ClassVar = ("to_datetime", "infer format", "parse dates", "dayfirst", "toDate", "auto detect")
    pandas_helpers: ClassVar = (*moments.read_moment.helpers, PANDAS_TIMES)
    examples: ClassVar = (
        Example({"columns": ["t"]}, train={"t": ["31/12/2023", "01/02/2024"]}, before={"t": ["03/04/2024", "soon", None]}, after={"t": ["2024-04-03T00:00:00", None, None]}, after_types={"t": "timestamp"}),
        Example({"columns": ["t"], "day_first": False}, before={"t": ["01/02/2024 1:30 PM", "Jan 5, 2024", None]}, after={"t": ["2024-01-02T13:30:00", "2024-01-05T00:00:00", None]}, after_types={"t": "timestamp"}),
        Example({}, train={"a": ["2024-01-31T10:00:00+02:00", None], "b": ["x", "y"]}, before={"a": ["2024-05-06T00:00:00+0130"], "b": ["z"]}, after={"a": ["2024-05-05T22:30:00"], "b": ["z"]}, after_types={"a": "timestamp"}),
    )  # fmt: skip

    columns: SomeColumns = param("Columns", default=(), help="None: all text columns that hold dates.")
    day_first: bool = param("Day before month where both could be", default=True)
    share: float = param("At least this share must be dates", default=0.8, gt=0, le=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        if odd := [c for c in self.columns if not schema[c].is_string()]:
            raise ParamError(f"column {odd[0]!r} ({schema[odd[0]]}) is no text.")

    def fit(self, table):
        chosen = [c for c in self.columns or table.columns if table[c].type().is_string()]
        found = distinct_texts(table, chosen)
        learnt = {}
        for i, c in enumerate(chosen):
            values = [r["v"] for r in found if r["i"] == i and r["v"].strip()]
            formats, left = [], values
            while left and len(formats) < 3:
                first = left[:200]
                counts = Counter(
                    {
                        f: sum(moments.read_moment.python(v, formats=[f]) is not None for v in first)
                        for f in self.guesses()
                    }
                )
                best, hits = max(counts.items(), key=lambda item: item[1])
                if not hits:
                    break
                formats.append(best)
                left = [v for v in left if moments.read_moment.python(v, formats=[best]) is None]
            if values and len(left) <= (1 - self.share) * len(values) + 1e-9 and formats:
                learnt[c] = formats
            elif self.columns:
                raise FitError(
                    f"column {c!r} has no format that reads enough of its values, such as {(left or ['(none)'])[0]!r}.",
                    hint="Give the format in “Read dates in a format”, or a smaller share.",
                )
        return {"formats": learnt}

    def guesses(self) -> list[str]:
        first, second = ("%d", "%m") if self.day_first else ("%m", "%d")
        late = [f for f in GUESSES if f.startswith((f"{second}/{first}", f"{second}-{first}"))]
        return [f for f in GUESSES if f not in late] + late

    def apply(self, table, state):
        return table.mutate([from_micros(moments.read_moment(table[c], formats=f)).name(c) for c, f in state["formats"].items() if c in table.columns]) if state["formats"] else table  # fmt: skip

    def pandas(self, df, state, schema):
        return [
            f"{df}[{c!r}] = times_of({moments.read_moment.pandas(f'{df}[{c!r}]', formats=f)})"
            for c, f in state["formats"].items()
            if c in schema
        ]
