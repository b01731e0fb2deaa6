"""Dates in a calendar: working days, holidays, ages, periods and durations."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

import ibis

from transforms import moments
from transforms.catalog.calendars import (
    PANDAS_DAYS,
    PANDAS_TIMES,
    Calendar,
    check_optional,
    day_number,
    exact_micros,
    moment,
)
from transforms.catalog.common import NumberFunction, TextFunction, TimeFunction, floor, new_name, spare_names
from transforms.catalog.dates import D, Difference, FormatDate, StartOfPeriod
from transforms.errors import ParamError
from transforms.fields import BoolColumn, NewColumn, NumberColumn, SomeColumns, TimeColumn, param
from transforms.schema import known
from transforms.transform import Example, Transform, register


@register
class IsWorkingDay(Calendar):
    """Tell whether a date is a working day, or a public holiday, of a country.

    Public holidays come from the library `holidays` when the step is fitted and travel as dates; outside the chosen years the answer
    is missing.
    """

    name: ClassVar = "dates.is_working_day"
    label: ClassVar = "Is it a working day or holiday?"
    covers: ClassVar = ("is_holiday", "is_business_day")
    words: ClassVar = ("business day", "bank holiday", "public holiday", "WORKDAY", "holidays")
    pandas_helpers: ClassVar = (PANDAS_DAYS,)
    examples: ClassVar = (
        Example({"column": "d", "country": "DE", "first_year": 2024, "last_year": 2024, "to": "w"}, before={"d": ["2024-10-03", "2024-10-04", "2024-10-05", "2025-01-01", None]}, after={"d": ["2024-10-03", "2024-10-04", "2024-10-05", "2025-01-01", None], "w": [False, True, False, None, None]}, types={"d": "date"}),
        Example({"column": "d", "what": "public holiday", "country": "DE", "region": "BY", "days_off": ["2024-12-24"], "first_year": 2024, "last_year": 2024, "to": "h"}, before={"d": ["2024-01-06T10:00:00", "2024-12-24T00:00:00", "2024-10-05T00:00:00"]}, after={"d": ["2024-01-06T10:00:00", "2024-12-24T00:00:00", "2024-10-05T00:00:00"], "h": [True, True, False]}, types=D),
    )  # fmt: skip

    column: TimeColumn = param("Column")
    what: Literal["working day", "public holiday"] = param("Is it a", default="working day")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        (spare,) = spare_names(table, 1)
        table = table.mutate(day_number(table[self.column]).name(spare))
        found = (
            ~self.is_free(table[spare], state) if self.what == "working day" else self.is_holiday(table[spare], state)
        )
        return table.mutate(found.name(self.to)).drop(spare)

    def pandas(self, df, state, schema):
        c = self.calendar(state)
        lines = [f"day = day_numbers({df}[{self.column!r}])", f"found = day.isin({c['days_off']!r}).astype('boolean')"]
        if self.what == "working day":
            lines.append(f"found = ~(found | ((day + 700_003) % 7 + 1).isin({c['weekend']!r}))")
        return [*lines, f"{df}[{self.to!r}] = found.where(day.between({c['first']}, {c['last']}).fillna(False))"]


@register
class WorkingDay(Calendar):
    """Find a working day near a date: so many working days later or earlier, the first or last of the month, the same or next.

    Public holidays come from the library `holidays` when the step is fitted and travel as dates; beyond the chosen years the result is
    missing. The result is a date. 0 working days later is the date itself, as in Excel's WORKDAY.
    """

    name: ClassVar = "dates.working_day"
    label: ClassVar = "Working days later, first, last"
    covers: ClassVar = ("add_business_days", "start_of_business_month", "end_of_business_month")
    words: ClassVar = ("WORKDAY", "WORKDAY.INTL", "business days", "BDay", "BMonthEnd", "settlement date")
    pandas_helpers: ClassVar = (*moments.working_day.helpers, PANDAS_DAYS, PANDAS_TIMES)
    examples: ClassVar = tuple(
        Example({"column": "d", "find": find, "number": number, "country": "DE", "first_year": 2024, "last_year": 2024, "to": "w"}, before={"d": ["2024-03-28", "2024-12-30", None]}, after={"d": ["2024-03-28", "2024-12-30", None], "w": [*w, None]}, types={"d": "date", "w": "date"})
        for find, number, w in (("number of working days later", 2, ["2024-04-03", None]), ("number of working days later", -1, ["2024-03-27", "2024-12-27"]), ("first of the month", 0, ["2024-03-01", "2024-12-02"]), ("last of the month", 0, ["2024-03-28", "2024-12-31"]))
    ) + (
        Example({"column": "d", "number_from": "n", "days_off": ["2024-01-02"], "to": "w"}, before={"d": ["2024-01-01", "2024-01-06"], "n": [1, -1]}, after={"d": ["2024-01-01", "2024-01-06"], "n": [1, -1], "w": ["2024-01-03", "2024-01-05"]}, types={"d": "date", "w": "date"}),
        Example({"column": "d", "find": "same or next", "to": "w"}, before={"d": ["2024-01-06"]}, after={"d": ["2024-01-06"], "w": ["2024-01-08"]}, types={"d": "date", "w": "date"}),
    )  # fmt: skip

    column: TimeColumn = param("Column")
    find: Literal["number of working days later", "first of the month", "last of the month", "same or next", "same or before"] = param("Find", default="number of working days later")  # fmt: skip
    number: int = param("Working days", default=1, ge=-20_000, le=20_000, help="Negative: earlier.")
    number_from: NumberColumn | None = param("Or their number from", default=None, help="Rounded down.")
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        check_optional(self, schema, "number_from")

    def apply(self, table, state):
        number = ibis.literal(self.number, "int64")
        if self.number_from:
            x = known(table[self.number_from])
            number = floor((x.abs() <= 20_000).ifelse(x, ibis.null("float64"))).cast("int64")
        found = moments.working_day(day_number(table[self.column]), number, find=self.find, **self.calendar(state))
        made = ibis.literal("1970-01-01").cast("timestamp(6)") + found.as_interval("D")
        return table.mutate(made.cast("date").name(self.to))

    def pandas(self, df, state, schema):
        number = f"pd.Series({self.number}, index={df}.index)"
        if self.number_from:
            x = f"{df}[{self.number_from!r}].astype('Float64')"
            number = f"np.floor({x}.where(({x}.abs() <= 20_000).fillna(False))).astype('Int64')"
        found = moments.working_day.pandas(
            f"day_numbers({df}[{self.column!r}])", number, find=self.find, **self.calendar(state)
        )
        return [f"{df}[{self.to!r}] = times_of({found} * 86_400_000_000)"]


@register
class WorkingDays(Calendar):
    """Count the working days from one date to another; the last day counts or not. Negative where the end comes first.

    With the last day it is Excel's NETWORKDAYS, without it NumPy's `busday_count`. Public holidays come from the library `holidays` when
    the step is fitted and travel as dates; beyond the chosen years the result is missing.
    """

    name: ClassVar = "dates.working_days_between"
    label: ClassVar = "Working days between dates"
    covers: ClassVar = ("network_days",)
    words: ClassVar = ("NETWORKDAYS", "NETWORKDAYS.INTL", "business days between", "busday_count")
    pandas_helpers: ClassVar = (*moments.working_days_between.helpers, PANDAS_DAYS)
    examples: ClassVar = tuple(
        Example({"start": "a", "end": "b", "last_day": last, "country": "DE", "first_year": 2024, "last_year": 2024, "to": "n"}, before={"a": ["2024-03-28", "2024-04-02", "2024-03-30", None], "b": ["2024-04-02", "2024-03-28", "2024-03-30", "2024-04-02"]}, after={"a": ["2024-03-28", "2024-04-02", "2024-03-30", None], "b": ["2024-04-02", "2024-03-28", "2024-03-30", "2024-04-02"], "n": n}, types={"a": "date", "b": "date"})
        for last, n in ((True, [2, -2, 0, None]), (False, [1, -1, 0, None]))
    )  # fmt: skip

    start: TimeColumn = param("From")
    end: TimeColumn = param("To")
    last_day: bool = param("The last day counts too", default=True)
    to: NewColumn = param("New column")

    def apply(self, table, state):
        a, b = spare_names(table, 2)
        table = table.mutate(day_number(table[self.start]).name(a), day_number(table[self.end]).name(b))
        end = table[b] + (table[b] < table[a]).ifelse(-1, 1) if self.last_day else table[b]
        found = moments.working_days_between(table[a], end, **self.calendar(state))
        return table.mutate(found.name(self.to)).drop(a, b)

    def pandas(self, df, state, schema):
        lines = [f"first, last = day_numbers({df}[{self.start!r}]), day_numbers({df}[{self.end!r}])"]
        if self.last_day:
            lines.append("last = last + (last < first).map({True: -1, False: 1}).astype('Int64')")
        return [
            *lines,
            f"{df}[{self.to!r}] = {moments.working_days_between.pandas('first', 'last', **self.calendar(state))}",
        ]


PARTS = {
    "year": "year", "quarter": "quarter", "month": "month", "week": "week", "day": "day", "weekday": "weekday", "day of year": "dayofyear",
    "hour": "hour", "minute": "minute", "second": "second",
}  # fmt: skip
CLOCK = ("hour", "minute", "second")
MORE_PARTS = ("week of month", "days in month", "fiscal year", "fiscal quarter", "fiscal month")
FLAGS = ("weekend", "leap year", "first of month", "last of month", "working day", "public holiday")
Part = Literal["year", "quarter", "month", "week", "day", "weekday", "day of year", "hour", "minute", "second", "week of month", "days in month", "fiscal year", "fiscal quarter", "fiscal month", "weekend", "leap year", "first of month", "last of month", "working day", "public holiday"]  # fmt: skip


@register
class CalendarFeatures(Calendar):
    """Add calendar parts of a date as columns: year to second, and whether it is a weekend, the end of a month, a holiday.

    Columns: `<column>_<part>`; parts are whole numbers, the others true/false. Week: ISO; week of month: days 1 to 7 are the first. A fiscal year
    bears the number of the year in which it ends. Public holidays come from the library `holidays` when the step is fitted and travel as
    dates; outside the chosen years holidays and working days are missing.
    """

    name: ClassVar = "dates.calendar_features"
    label: ClassVar = "Calendar columns"
    covers: ClassVar = (
        "ts_calendar_features",
        "ordinal_datetime_encode",
        "extract_week_of_month",
        "days_in_month",
        "fiscal_period",
        "is_leap_year",
        "is_month_end",
    )
    words: ClassVar = (
        "featurize datetime",
        "ordinal encoding of dates",
        "date parts",
        "holiday feature",
        "fiscal year",
        "EOMONTH",
        "WEEKNUM",
    )
    pandas_helpers: ClassVar = (PANDAS_DAYS,)
    examples: ClassVar = (
        Example({"column": "d"}, before={"d": ["2024-12-30T23:05:09", None]}, after={"d": ["2024-12-30T23:05:09", None], "d_year": [2024, None], "d_quarter": [4, None], "d_month": [12, None], "d_week": [1, None], "d_day": [30, None], "d_weekday": [1, None], "d_weekend": [False, None]}, types=D),
        Example({"column": "d", "parts": ["public holiday", "working day", "leap year", "last of month", "first of month"], "country": "DE", "first_year": 2024, "last_year": 2024}, before={"d": ["2024-10-03", "2023-02-28", None]}, after={"d": ["2024-10-03", "2023-02-28", None], "d_public_holiday": [True, None, None], "d_working_day": [False, None, None], "d_leap_year": [True, False, None], "d_last_of_month": [False, True, None], "d_first_of_month": [False, False, None]}, types={"d": "date"}),
        Example({"column": "d", "parts": ["week of month", "days in month", "fiscal year", "fiscal quarter", "fiscal month", "hour"], "fiscal_start": 4}, before={"d": ["2024-02-29", "2024-04-08"]}, after={"d": ["2024-02-29", "2024-04-08"], "d_week_of_month": [5, 2], "d_days_in_month": [29, 30], "d_fiscal_year": [2024, 2025], "d_fiscal_quarter": [4, 1], "d_fiscal_month": [11, 1], "d_hour": [0, 0]}, types={"d": "date"}),
    )  # fmt: skip

    column: TimeColumn = param("Column")
    parts: tuple[Part, ...] = param("Parts", default=("year", "quarter", "month", "week", "day", "weekday", "weekend"), min_length=1)  # fmt: skip
    fiscal_start: int = param("Fiscal year starts in month", default=1, ge=1, le=12)

    def check_columns(self, schema):
        super().check_columns(schema)
        for part in self.parts:
            new_name(self.named(part), schema)

    def named(self, part: str) -> str:
        return f"{self.column}_{part.replace(' ', '_')}"

    def fit(self, table):
        if {"working day", "public holiday"} & set(self.parts):
            return super().fit(table)
        return {"holidays": []}

    def part(self, x, day, part, state):
        year, month = x.year().cast("int64"), x.month().cast("int64")
        turned = (month - self.fiscal_start + 12) % 12
        leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
        days = ibis.cases((month == 2, leap.ifelse(29, 28)), (month.isin([4, 6, 9, 11]), 30), else_=31)
        days = month.notnull().ifelse(days, ibis.null("int64")).cast("int64")
        made = {
            "week": lambda: x.week_of_year(), "weekday": lambda: x.day_of_week.index() + 1, "day of year": lambda: x.day_of_year(),
            "week of month": lambda: floor((x.day().cast("float64") + 6.0) / 7.0), "days in month": lambda: days,
            "fiscal year": lambda: year + ((month >= self.fiscal_start) & ibis.literal(self.fiscal_start > 1)).ifelse(1, 0),
            "fiscal quarter": lambda: floor(turned.cast("float64") / 3.0) + 1.0, "fiscal month": lambda: turned + 1,
            "weekend": lambda: x.day_of_week.index() >= 5, "leap year": lambda: leap,
            "first of month": lambda: x.day() == 1, "last of month": lambda: x.day().cast("int64") == days,
            "working day": lambda: ~self.is_free(day, state), "public holiday": lambda: self.is_holiday(day, state),
        }  # fmt: skip
        found = made.get(part, lambda: getattr(x, part)())()
        return found if part in FLAGS else found.cast("int64")

    def apply(self, table, state):
        (spare,) = spare_names(table, 1)
        table = table.mutate(day_number(table[self.column]).name(spare))
        x = moment(table[self.column])
        return table.mutate(
            [self.part(x, table[spare], p, state).name(self.named(p)) for p in dict.fromkeys(self.parts)]
        ).drop(spare)

    def pandas(self, df, state, schema):
        x, c = f"{df}[{self.column!r}].dt", self.calendar(state)
        flag = lambda code: f"({code}).astype('boolean').where({df}[{self.column!r}].notna())"  # noqa: E731
        inside = f".where(day.between({c['first']}, {c['last']}).fillna(False))"
        holiday = f"day.isin({c['days_off']!r}).astype('boolean')"
        free = f"({holiday} | ((day + 700_003) % 7 + 1).isin({c['weekend']!r}))"
        turned = f"(({x}.month - {self.fiscal_start} + 12) % 12)"
        code = {
            "week": f"{x}.isocalendar().week", "weekday": f"({x}.weekday + 1)", "day of year": f"{x}.dayofyear", "week of month": f"(({x}.day + 6) // 7)",
            "days in month": f"{x}.days_in_month", "fiscal year": f"({x}.year + (({x}.month >= {self.fiscal_start}) & {self.fiscal_start > 1}))",
            "fiscal quarter": f"({turned} // 3 + 1)", "fiscal month": f"({turned} + 1)", "weekend": flag(f"{x}.weekday >= 5"), "leap year": flag(f"{x}.is_leap_year"),
            "first of month": flag(f"{x}.day == 1"), "last of month": flag(f"{x}.day == {x}.days_in_month"),
            "working day": f"(~{free}){inside}", "public holiday": f"{holiday}{inside}",
        }  # fmt: skip
        lines = [f"day = day_numbers({df}[{self.column!r}])"]
        return lines + [
            f"{df}[{self.named(p)!r}] = " + code.get(p, f"{x}.{p}") + ("" if p in FLAGS else ".astype('Int64')")
            for p in dict.fromkeys(self.parts)
        ]


@register
class EndOfPeriod(TimeFunction):
    """Move times to the last microsecond, or the last day, of their year, quarter, month, week (Sunday), day or hour."""

    name: ClassVar = "dates.end_of_period"
    label: ClassVar = "End of a period"
    covers: ClassVar = ("end_of_period",)
    words: ClassVar = ("EOMONTH", "LAST_DAY", "month end", "ceiling date", "endOfMonth")
    examples: ClassVar = (
        Example({"columns": ["d"]}, before={"d": ["2024-02-15T10:45:30", None]}, after={"d": ["2024-02-29T23:59:59.999999", None]}, types=D),
        Example({"columns": ["d"], "period": "quarter"}, before={"d": ["2024-02-15"]}, after={"d": ["2024-03-31"]}, types={"d": "date"}),
        Example({"columns": ["d"], "period": "week", "give": "last day"}, before={"d": ["2024-02-15T10:45:30"]}, after={"d": ["2024-02-18T00:00:00"]}, types=D),
    )  # fmt: skip

    period: Literal["year", "quarter", "month", "week", "day", "hour"] = param("Period", default="month")
    give: Literal["last moment", "last day"] = param("Give the", default="last moment", help="last day: its midnight.")

    def value(self, column):
        dtype = column.type()
        start = moment(StartOfPeriod(columns=("c",), period=self.period).value(column))
        more = {
            "year": {"years": 1},
            "quarter": {"months": 3},
            "month": {"months": 1},
            "week": {"days": 7},
            "day": {"days": 1},
            "hour": {"hours": 1},
        }[self.period]
        found = start + ibis.interval(**more) - ibis.interval(microseconds=1)
        return found.truncate("D").cast(dtype) if self.give == "last day" or dtype.is_date() else found.cast(dtype)

    def pandas_value(self, column, dtype):
        start = StartOfPeriod(columns=("c",), period=self.period).pandas_value(column, dtype)
        more = {
            "year": "years=1",
            "quarter": "months=3",
            "month": "months=1",
            "week": "days=7",
            "day": "days=1",
            "hour": "hours=1",
        }[self.period]
        found = f"({start} + pd.DateOffset({more}) - pd.Timedelta(microseconds=1))"
        found += ".dt.normalize()" if self.give == "last day" or dtype.is_date() else ""
        return f"{found}.astype({column}.dtype)"


@register
class Age(Transform):
    """Count the completed years (or months) from a date, such as a birthday, to another one or a fixed day.

    Who is born on 29 February is a year older on 1 March. Before the birthday numbers are negative.
    """

    name: ClassVar = "dates.age"
    label: ClassVar = "Age in completed years"
    covers: ClassVar = ("age_from_birthdate",)
    words: ClassVar = ("DATEDIF", "age", "birthday", "completed years", "tenure")
    examples: ClassVar = (
        Example({"column": "d", "until": "u", "to": "n"}, before={"d": ["2000-02-29", "2000-03-01", None], "u": ["2024-02-28", "2024-03-01", "2024-03-01"]}, after={"d": ["2000-02-29", "2000-03-01", None], "u": ["2024-02-28", "2024-03-01", "2024-03-01"], "n": [23, 24, None]}, types={"d": "date", "u": "date"}),
        Example({"column": "d", "fixed": "2024-01-31", "unit": "months", "to": "n"}, before={"d": ["2023-12-31", "2024-01-31", "2024-02-01"]}, after={"d": ["2023-12-31", "2024-01-31", "2024-02-01"], "n": [1, 0, -1]}, types={"d": "date"}),
    )  # fmt: skip

    column: TimeColumn = param("From")
    until: TimeColumn | None = param("Until", default=None)
    fixed: str = param("Or until the day", default="", help="Such as 2024-01-31.")
    unit: Literal["years", "months"] = param("Unit", default="years")
    to: NewColumn = param("New column", default="age")

    def check_columns(self, schema):
        super().check_columns(schema)
        check_optional(self, schema, "until")
        try:
            date.fromisoformat(self.fixed or "2024-01-01")
        except ValueError:
            raise ParamError(f"{self.fixed!r} is no date.", hint="Write it as 2024-01-31.") from None
        if bool(self.until) == bool(self.fixed):
            raise ParamError("choose either a column or a day until which to count.")

    def apply(self, table, state):
        a = table[self.column]
        if self.until:
            year, month, day = (getattr(table[self.until], p)().cast("int64") for p in ("year", "month", "day"))
        else:
            end = date.fromisoformat(self.fixed)
            year, month, day = end.year, end.month, end.day
        months = (
            (a.year().cast("int64") * -12 + year * 12)
            + (a.month().cast("int64") * -1 + month)
            - (a.day() > day).ifelse(1, 0)
        )
        return table.mutate(
            (floor(months.cast("float64") / 12.0).cast("int64") if self.unit == "years" else months).name(self.to)
        )

    def pandas(self, df, state, schema):
        a = f"{df}[{self.column!r}].dt"
        end = date.fromisoformat(self.fixed) if self.fixed else None
        year, month, day = (
            (end.year, end.month, end.day)
            if end
            else (f"{df}[{self.until!r}].dt.{p}" for p in ("year", "month", "day"))
        )
        lines = [f"months = (({year} - {a}.year) * 12 + {month} - {a}.month).astype('Float64') - ({a}.day > {day})"]
        return [
            *lines,
            f"{df}[{self.to!r}] = "
            + ("np.floor(months / 12)" if self.unit == "years" else "months")
            + ".astype('Int64')",
        ]


@register
class DateOrTime(TimeFunction):
    """Keep only the date, or only the time of day as text (23:05:09). Fractions of a second are cut off the time."""

    name: ClassVar = "dates.date_or_time"
    label: ClassVar = "Only the date or the time"
    covers: ClassVar = ("extract_date_only", "extract_time_only")
    words: ClassVar = ("DateValue", "TIMEVALUE", "time of day", "DATE()", "strip time", "normalize")
    examples: ClassVar = (
        Example({"columns": ["d"]}, before={"d": ["2024-02-15T10:45:30", None]}, after={"d": ["2024-02-15", None]}, types=D, after_types={"d": "date"}),
        Example({"columns": ["d"], "keep": "time"}, before={"d": ["2024-02-15T10:05:30", None]}, after={"d": ["10:05:30", None]}, types=D, after_types={"d": "string"}),
    )  # fmt: skip

    keep: Literal["date", "time"] = param("Keep the", default="date")

    def value(self, column):
        return (
            column.cast("date") if self.keep == "date" else FormatDate(columns=("c",), format="%H:%M:%S").value(column)
        )

    def pandas_value(self, column, dtype):
        if self.keep == "time":
            return FormatDate(columns=("c",), format="%H:%M:%S").pandas_value(column, dtype)
        return f"{column}.dt.tz_localize(None).dt.normalize()"


@register
class NamePeriod(Transform):
    """Name the season of the year, or the part of the day, that a time falls into.

    Seasons are those of meteorology (spring from March, in the south from September). Night ends at 6, morning at 12, afternoon at 18, evening at
    22 o'clock, unless you choose other hours.
    """

    name: ClassVar = "dates.name_period"
    label: ClassVar = "Season or part of the day"
    covers: ClassVar = ("season_of_year", "part_of_day")
    words: ClassVar = ("season", "morning", "daypart", "summer", "winter")
    examples: ClassVar = (
        Example({"column": "d", "to": "s"}, before={"d": ["2024-02-29", "2024-03-01", "2024-08-31", "2024-11-30", None]}, after={"d": ["2024-02-29", "2024-03-01", "2024-08-31", "2024-11-30", None], "s": ["winter", "spring", "summer", "autumn", None]}, types={"d": "date"}),
        Example({"column": "d", "name_of": "part of the day", "to": "s"}, before={"d": ["2024-01-01T05:59:59", "2024-01-01T06:00:00", "2024-01-01T12:00:00", "2024-01-01T21:00:00", "2024-01-01T22:00:00"]}, after={"d": ["2024-01-01T05:59:59", "2024-01-01T06:00:00", "2024-01-01T12:00:00", "2024-01-01T21:00:00", "2024-01-01T22:00:00"], "s": ["night", "morning", "afternoon", "evening", "night"]}, types=D),
        Example({"column": "d", "southern": True, "to": "s"}, before={"d": ["2024-01-01"]}, after={"d": ["2024-01-01"], "s": ["summer"]}, types={"d": "date"}),
    )  # fmt: skip

    column: TimeColumn = param("Column")
    name_of: Literal["season", "part of the day"] = param("Name the", default="season")
    southern: bool = param("Southern hemisphere", default=False)
    hours: tuple[int, int, int, int] = param(
        "Hours at which night, morning, afternoon and evening end", default=(6, 12, 18, 22)
    )
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        if list(self.hours) != sorted(set(self.hours)) or self.hours[0] < 0 or self.hours[3] > 24:
            raise ParamError("the hours must rise, from 0 to 24.")

    def names(self) -> list[str]:
        """Return the name for each month, or each hour."""
        if self.name_of == "season":
            seasons = ["winter", "spring", "summer", "autumn"]
            return [seasons[((m % 12) // 3 + (2 if self.southern else 0)) % 4] for m in range(1, 13)]
        a, b, c, d = self.hours
        return [
            "night" if h < a or h >= d else "morning" if h < b else "afternoon" if h < c else "evening"
            for h in range(24)
        ]

    def apply(self, table, state):
        x, first = moment(table[self.column]), 1 if self.name_of == "season" else 0
        number = x.month() if first else x.hour()
        return table.mutate(ibis.cases(*[(number == i, n) for i, n in enumerate(self.names(), first)]).name(self.to))

    def pandas(self, df, state, schema):
        first = 1 if self.name_of == "season" else 0
        part = "month" if first else "hour"
        return [
            f"{df}[{self.to!r}] = {df}[{self.column!r}].dt.{part}.map({dict(enumerate(self.names(), first))!r}).astype('string')"
        ]


@register
class ReadDuration(TextFunction):
    """Read durations such as 1h 20m, 01:20:00, 3 days or PT1H20M as seconds; what is none is missing."""

    name: ClassVar = "dates.read_duration"
    label: ClassVar = "Read durations"
    covers: ClassVar = ("duration_parse",)
    words: ClassVar = ("timedelta", "parse duration", "ISO 8601 duration", "Duration.From")
    pandas_helpers: ClassVar = moments.read_length.helpers
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["1h 20m", "01:20:00", "3 days", "PT1H20M", "1 day, 2:03:04", "-1.5h", "soon", None]}, after={"t": [4800.0, 4800.0, 259200.0, 4800.0, 93784.0, -5400.0, None, None]}, after_types={"t": "float64"}),
    )  # fmt: skip

    def value(self, column):
        return moments.read_length(column)

    def pandas_value(self, column, dtype):
        return moments.read_length.pandas(column)


@register
class WriteDuration(NumberFunction):
    """Write seconds as a duration: 27:46:40, 1d 3h 46m 40s, or ISO 8601 (P1DT3H46M40S). Fractions of a second are cut off."""

    name: ClassVar = "dates.write_duration"
    label: ClassVar = "Write durations"
    covers: ClassVar = ("duration_format",)
    words: ClassVar = ("format seconds", "Duration.ToText", "hh:mm:ss", "humanize")
    pandas_helpers: ClassVar = moments.write_length.helpers
    examples: ClassVar = tuple(
        Example({"columns": ["n"], "style": style}, before={"n": [100000.7, -5.0, None]}, after={"n": [*t, None]}, after_types={"n": "string"})
        for style, t in (("27:46:40", ["27:46:40", "-00:00:05"]), ("1d 3h 46m 40s", ["1d 3h 46m 40s", "-5s"]), ("ISO 8601", ["P1DT3H46M40S", "-PT5S"]))
    )  # fmt: skip

    style: Literal["27:46:40", "1d 3h 46m 40s", "ISO 8601"] = param("Style", default="27:46:40")

    def value(self, column):
        return moments.write_length(known(column), style=self.style)

    def pandas_value(self, column, dtype):
        return moments.write_length.pandas(f"{column}.astype('Float64')", style=self.style)


@register
class SinceEvent(Transform):
    """Measure the time since the last event of the group, or until the next one, where events are rows marked true.

    A row that is an event itself has 0. Rows before the first event (or behind the last), and rows without a time, have missing.
    """

    name: ClassVar = "dates.since_event"
    label: ClassVar = "Time since or until an event"
    serving: ClassVar = "batch"
    covers: ClassVar = ("time_since_event", "time_until_event")
    words: ClassVar = ("recency", "days since last purchase", "time to next event", "elapsed")
    examples: ClassVar = (
        Example({"time": "d", "event": "e", "groups": ["g"], "to": "n"}, before={"g": ["a", "a", "a", "b", "a"], "d": ["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-05", None], "e": [False, True, None, False, True]}, after={"g": ["a", "a", "a", "b", "a"], "d": ["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-05", None], "e": [False, True, None, False, True], "n": [None, 0.0, 3.0, None, None]}, types={"d": "date"}),
        Example({"time": "d", "event": "e", "direction": "until the next", "unit": "hours", "to": "n"}, before={"d": ["2024-01-01T00:00:00", "2024-01-01T06:00:00"], "e": [False, True]}, after={"d": ["2024-01-01T00:00:00", "2024-01-01T06:00:00"], "e": [False, True], "n": [6.0, 0.0]}, types=D),
    )  # fmt: skip

    time: TimeColumn = param("Time")
    event: BoolColumn = param("Event")
    groups: SomeColumns = param("Within groups of", default=())
    direction: Literal["since the last", "until the next"] = param("Measure", default="since the last")
    unit: Literal["days", "hours", "minutes", "seconds"] = param("Unit", default="days")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        at, event = spare_names(table, 2)
        since = self.direction == "since the last"
        table = table.mutate(exact_micros(table[self.time]).name(at))
        table = table.mutate(table[self.event].fill_null(False).ifelse(table[at], ibis.null("int64")).name(event))
        # events come first among the rows of a moment, so that they count for all of them
        key = table[at].asc(nulls_first=False) if since else table[at].desc(nulls_first=False)
        keys = [key, table[event].isnull().ifelse(1, 0).asc()]
        window = ibis.window(
            group_by=[table[c] for c in self.groups] or None, order_by=keys, preceding=None, following=0
        )
        nearest = (table[event].max() if since else table[event].min()).over(window)
        gap = (
            (table[at] - nearest if since else nearest - table[at]).cast("float64")
            / 1e6
            / Difference.SECONDS[self.unit]
        )
        return table.mutate(table[at].isnull().ifelse(ibis.null("float64"), gap).name(self.to)).drop(at, event)

    def pandas(self, df, state, schema):
        since = self.direction == "since the last"
        by = f"[{', '.join(f'ordered[{c!r}]' for c in self.groups)}]" if self.groups else "ordered.index * 0"
        fill, last = ("ffill", "last") if since else ("bfill", "first")
        gap = f"({df}[{self.time!r}] - nearest)" if since else f"(nearest - {df}[{self.time!r}])"
        moments_ = f"[*[ordered[c] for c in {list(self.groups)!r}], ordered[{self.time!r}]]"
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"ordered = {df}.sort_values({self.time!r}, na_position='last', kind='stable')",
            f"marked = ordered[{self.time!r}].where(ordered[{self.event!r}].fillna(False).astype(bool))",
            f"marked = marked.groupby({moments_}, dropna=False).transform('max')",
            f"nearest = marked.groupby({by}, dropna=False, sort=False).{fill}()",
            f"{df}[{self.to!r}] = ({gap} / pd.Timedelta(seconds=1) / {Difference.SECONDS[self.unit]}).astype('Float64')",
        ]
