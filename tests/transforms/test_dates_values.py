"""Dates against NumPy, pandas, zoneinfo and the holidays library."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch
from transforms.errors import FitError, ParamError

DAYS = [date(2023, 12, 1) + timedelta(days=i) for i in range(0, 400, 3)]


def run(name: str, rows: pa.Table, **settings) -> dict:
    fitted = Recipe(name="values").add(name, settings).fit({"main": rows}, engine=scratch())
    return fitted.run({"main": rows}, engine=scratch()).to_arrow_table().to_pydict()


def german_holidays() -> list[date]:
    import holidays

    return sorted(holidays.country_holidays("DE", years=range(2023, 2026)))


def test_working_days_between_is_numpys_busday_count():
    rows = pa.table({"a": DAYS, "b": DAYS[::-1]})
    found = run("dates.working_days_between", rows, start="a", end="b", last_day=False, country="DE", to="n")["n"]
    assert found == np.busday_count(DAYS, DAYS[::-1], holidays=german_holidays()).tolist()


@pytest.mark.parametrize("number", [1, 5, 23, -1, -17])
def test_working_days_later_is_numpys_busday_offset(number):
    found = run("dates.working_day", pa.table({"d": DAYS}), column="d", number=number, country="DE", to="w")["w"]
    roll = "backward" if number > 0 else "forward"
    assert found == np.busday_offset(DAYS, number, roll=roll, holidays=german_holidays()).astype(object).tolist()


def test_holidays_travel_in_the_state():
    fitted = Recipe(name="values").add("dates.is_working_day", {"column": "d", "country": "DE", "to": "w"})
    fitted = fitted.fit({"main": pa.table({"d": DAYS})}, engine=scratch())
    assert "2024-10-03" in next(iter(fitted.states.values()))["holidays"]


def test_zone_changes_agree_with_zoneinfo_through_a_year():
    from zoneinfo import ZoneInfo

    utc = [datetime(2024, 1, 1) + timedelta(hours=7 * i) for i in range(1250)]
    found = run("dates.convert_zone", pa.table({"d": utc}), columns=["d"], from_zone="UTC", to_zone="America/New_York")[
        "d"
    ]
    zone = ZoneInfo("America/New_York")
    assert found == [t.replace(tzinfo=ZoneInfo("UTC")).astimezone(zone).replace(tzinfo=None) for t in utc]


def test_bad_settings_are_told():
    with pytest.raises(ParamError, match="no time zone 'Mars'"):
        run("dates.convert_zone", pa.table({"d": DAYS}), columns=["d"], to_zone="Mars")
    with pytest.raises(ParamError, match="no calendar for 'XX'"):
        run("dates.is_working_day", pa.table({"d": DAYS}), column="d", country="XX", to="w")
    with pytest.raises(FitError, match="no format that reads enough"):
        run("dates.parse_auto", pa.table({"t": ["soon", "later"]}), columns=["t"])


def test_now_is_the_time_of_the_run():
    found = run("dates.now", pa.table({"v": [1]}), give="time", to="t")["t"][0]
    assert abs((found - datetime.utcnow()).total_seconds()) < 600
