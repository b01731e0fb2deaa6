"""Dates for the family `dates`: names, formats to guess, times as numbers, and calendars of working days. No transforms here."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import floor
from transforms.errors import ColumnNotFound, ParamError, WrongColumnType
from transforms.fields import Columns_, marker_of, param
from transforms.transform import Transform

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
NAMES = {
    "English": (MONTHS, DAYS),
    "German": (("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"), ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")),
    "French": (("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"), ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")),
    "Spanish": (("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"), ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")),
    "Italian": (("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"), ("lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica")),
}  # fmt: skip
GUESSES = [f"{d}{t}" for d in ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%d %B %Y", "%d %b %Y", "%d. %B %Y", "%d-%b-%Y", "%d-%b-%y", "%B %d, %Y", "%b %d, %Y", "%b %d %Y", "%a, %d %b %Y") for t in ("", "T%H:%M:%S", " %H:%M:%S", " %H:%M", "T%H:%M:%S.%f", " %H:%M:%S.%f", "T%H:%M:%S%z", " %H:%M:%S%z", " %H:%M:%S %z", "T%H:%M:%S.%f%z", "T%H:%M", " %I:%M %p", " %I:%M:%S %p")]  # fmt: skip


def moment(column):
    return column.cast("timestamp(6)") if column.type().is_date() else column


def from_micros(number, dtype="timestamp(6)"):
    """Return whole microseconds since 1970 as a time."""
    return (ibis.literal("1970-01-01").cast("timestamp(6)") + number.as_interval("us")).cast(dtype)


def exact_micros(column):
    """Return a time as whole microseconds since 1970, on every engine."""
    column = moment(column)
    return column.delta(ibis.literal("1970-01-01").cast(column.type()), unit="microsecond").cast("int64")


def day_number(column):
    """Return the days from 1970-01-01 to a time."""
    return floor(moment(column).truncate("s").epoch_seconds().cast("float64") / 86400.0).cast("int64")


PANDAS_TIMES = '''
def micros_of(column):
    """Return times as whole microseconds since 1970."""
    found = column.dt.tz_localize(None).astype("datetime64[us]")
    return found.astype("int64").where(found.notna()).astype("Int64")


def times_of(micros, zone=None):
    """Return whole microseconds since 1970 as times."""
    found = pd.Series(pd.to_datetime(micros.fillna(0).astype("int64"), unit="us"), index=micros.index).where(micros.notna()).astype("datetime64[us]")
    return found.dt.tz_localize(zone) if zone else found
'''


class Calendar(Transform):
    """A step that knows working days: weekends, the holidays of a country, and days off of your own."""

    serving: ClassVar = "fitted"
    country: str = param("Country", default="", help="Two letters, such as DE; empty: no public holidays.")
    region: str = param("Region", default="", help="Such as BY for Bavaria.")
    days_off: tuple[str, ...] = param("More days off", default=(), help="Such as 2024-12-24.")
    weekend: tuple[Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"], ...] = param("Weekend", default=("Saturday", "Sunday"), max_length=6)  # fmt: skip
    first_year: int = param("First year", default=2000, ge=1900, le=2100)
    last_year: int = param("Last year", default=2040, ge=1900, le=2100, help="Outside these years answers are missing.")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.first_year > self.last_year:
            raise ParamError("the first year is after the last.")
        try:
            [date.fromisoformat(d) for d in self.days_off]
        except ValueError:
            raise ParamError(f"{list(self.days_off)} are not all dates.", hint="Write them as 2024-12-24.") from None
        if self.region and not self.country:
            raise ParamError("choose the country of the region.")
        if self.country:
            import holidays

            known_ = holidays.list_supported_countries()
            if self.country not in known_:
                raise ParamError(
                    f"there is no calendar for {self.country!r}.", hint="Two capital letters, such as DE, FR, US."
                )
            if self.region and self.region not in known_[self.country]:
                raise ParamError(
                    f"{self.country} has no region {self.region!r}.",
                    hint=f"There are: {', '.join(known_[self.country])}.",
                )

    def fit(self, table):
        return {"holidays": [d.isoformat() for d in self.holidays()]}

    def holidays(self) -> list[date]:
        """Return the public holidays of the years, and the own days off."""
        found = {date.fromisoformat(d) for d in self.days_off}
        if self.country:
            import holidays

            years = range(self.first_year, self.last_year + 1)
            found |= set(holidays.country_holidays(self.country, subdiv=self.region or None, years=years))
        return sorted(d for d in found if self.first_year <= d.year <= self.last_year)

    def bounds(self) -> dict[str, int]:
        epoch = date(1970, 1, 1)
        return {
            "first": (date(self.first_year, 1, 1) - epoch).days,
            "last": (date(self.last_year, 12, 31) - epoch).days,
        }

    def calendar(self, state) -> dict:
        """Return the constants of the row functions."""
        off = [(date.fromisoformat(d) - date(1970, 1, 1)).days for d in state["holidays"]]
        return {"days_off": off, "weekend": [DAYS.index(d) + 1 for d in self.weekend], **self.bounds()}

    def is_holiday(self, day, state):
        """Return whether a day (days since 1970) is a holiday; missing outside the years."""
        off, bounds = self.calendar(state)["days_off"], self.bounds()
        found = day.isin(off) if off else day != day
        return ((day >= bounds["first"]) & (day <= bounds["last"])).ifelse(found, ibis.null("boolean"))

    def is_free(self, day, state):
        weekend = (day + 700_003) % 7 + 1  # the sum is above zero, where all engines agree on the rest
        found = self.is_holiday(day, state)
        inside = (day >= self.bounds()["first"]) & (day <= self.bounds()["last"])
        if not self.weekend:
            return found
        either = found | weekend.isin(self.calendar(state)["weekend"])
        return inside.ifelse(either, ibis.null("boolean"))


def check_optional(step, schema, *fields: str) -> None:
    """Check the columns of settings that may be empty."""
    for name in fields:
        declared, column = type(step).model_fields[name], getattr(step, name)
        marker = marker_of(declared, Columns_)
        if column and column not in schema:
            raise ColumnNotFound.of(column, schema)
        if column and not marker.accepts(schema[column]):
            raise WrongColumnType.of(declared.title, marker.kind, column, schema[column])


PANDAS_DAYS = '''
def day_numbers(column):
    """Return the days from 1970-01-01 to times."""
    found = column.dt.tz_localize(None).astype("datetime64[us]")
    return (found.astype("int64") // 86_400_000_000).where(found.notna()).astype("Int64")
'''
