"""Row functions of dates and times: time zones, reading formats, working days, durations. Times are whole microseconds since 1970."""

from __future__ import annotations

import bisect
import datetime
import re
import zoneinfo

from transforms.functions import row_function


@row_function("int64", "int64")
def in_zone(micros, *, source, target, ambiguous, absent):
    """Turn a time on the clock of one zone into one on the clock of another.

    A time that comes twice (clocks set back) is the `earlier` or `later` one, or None; one that never was (clocks set
    forward) is moved `forward` by the change, or None.
    """
    try:
        local = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros)
        first = local.replace(tzinfo=zoneinfo.ZoneInfo(source))
        second = first.replace(fold=1)
        moment = first.astimezone(datetime.UTC)
        if first.utcoffset() != second.utcoffset():
            is_absent = moment.astimezone(zoneinfo.ZoneInfo(source)).replace(tzinfo=None) != local
            if (absent if is_absent else ambiguous) == "missing":
                return None
            if not is_absent and ambiguous == "later":
                moment = second.astimezone(datetime.UTC)
        found = moment.astimezone(zoneinfo.ZoneInfo(target)).replace(tzinfo=None)
    except OverflowError:
        return None
    return (found - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)


@row_function("int64", "string")
def read_moment(text, *, formats):
    """Return the time in a text by the first format that fits; an offset such as +02:00 is taken off."""
    text = text.strip()
    for form in formats:
        try:
            found = datetime.datetime.strptime(text, form)
        except ValueError:
            continue
        try:
            found = found.astimezone(datetime.UTC).replace(tzinfo=None) if found.tzinfo else found
        except OverflowError:
            return None
        return (found - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)
    return None


def is_working(day, days_off, weekend):
    """Say whether a day (days since 1970) is no weekend day (1 Monday … 7) and not among the sorted days off."""
    place = bisect.bisect_left(days_off, day)
    return (day + 3) % 7 + 1 not in weekend and not (place < len(days_off) and days_off[place] == day)


def month_ends(day):
    """Return the first and the last day of the month of a day."""
    date = datetime.date(1970, 1, 1) + datetime.timedelta(days=day)
    first = date.replace(day=1)
    last = (first + datetime.timedelta(days=31)).replace(day=1) - datetime.timedelta(days=1)
    epoch = datetime.date(1970, 1, 1)
    return (first - epoch).days, (last - epoch).days


@row_function("int64", "int64", "int64")
def working_day(day, number, *, find, days_off, weekend, first, last):
    """Return a working day near a day (days since 1970), or None outside the years that the calendar knows."""
    if not first <= day <= last or abs(number) > 20_000:
        return None
    step, left = 1, 0
    if find == "number of working days later":
        step, left = (1 if number >= 0 else -1), abs(number)
        if not left:
            return day
    elif find == "first of the month":
        day = month_ends(day)[0] - 1
        left = 1
    elif find == "last of the month":
        day, step, left = month_ends(day)[1] + 1, -1, 1
    else:
        step = 1 if find == "same or next" else -1
        day, left = day - step, 1
    while left:
        day += step
        if not first <= day <= last:
            return None
        left -= is_working(day, days_off, weekend)
    return day


@row_function("int64", "int64", "int64")
def working_days_between(start, end, *, days_off, weekend, first, last):
    """Return the working days from the start, included, to the end, excluded; negative where the end comes first."""
    if not (first <= start <= last + 1 and first <= end <= last + 1):
        return None
    if end < start:
        back = -1
        start, end = end + 1, start + 1
    else:
        back = 1
    weeks, rest = divmod(end - start, 7)
    count = weeks * (7 - len(weekend)) + sum((day + 3) % 7 + 1 not in weekend for day in range(end - rest, end))
    off = days_off[bisect.bisect_left(days_off, start) : bisect.bisect_left(days_off, end)]
    return back * (count - sum((day + 3) % 7 + 1 not in weekend for day in off))


LENGTHS = {"w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
LENGTH_NAMES = {
    "w": "w wk wks week weeks woche wochen", "d": "d day days tag tage tagen", "h": "h hr hrs hour hours std stunde stunden",
    "m": "m min mins minute minutes minuten", "s": "s sec secs sek second seconds sekunde sekunden", "ms": "ms msec millisecond milliseconds",
}  # fmt: skip
ISO_LENGTH = re.compile(r"P(?:([0-9.]+)W)?(?:([0-9.]+)D)?(?:T(?:([0-9.]+)H)?(?:([0-9.]+)M)?(?:([0-9.]+)S)?)?", re.I)


@row_function("float64", "string")
def read_length(text):
    """Return the seconds of a duration such as 1h 20m, 01:20:00, 3 days or PT1H20M."""
    text = text.strip().lower()
    sign = -1.0 if text.startswith("-") else 1.0
    text = text.lstrip("+-").strip()
    try:
        if match := re.fullmatch(
            r"(?:([0-9]+)(?: days?,?)? +)?([0-9]+):([0-9]{1,2})(?::([0-9]{1,2}(?:[.][0-9]+)?))?", text
        ):
            days, a, b, c = match.groups()
            return sign * (float(days or 0) * 86400 + float(a) * 3600 + float(b) * 60 + float(c or 0)) + 0.0
        if (match := ISO_LENGTH.fullmatch(text)) and any(match.groups()):
            return sign * sum(float(g or 0) * s for g, s in zip(match.groups(), LENGTHS.values(), strict=False)) + 0.0
        text = re.sub(r" and | und |,", " ", text)
        if not re.fullmatch(r"(?:[0-9]+(?:[.][0-9]+)? *[a-z]+[.]? *)+", text):
            return None
        total = 0.0
        for number, name in re.findall(r"([0-9]+(?:[.][0-9]+)?) *([a-z]+)", text):
            unit = [u for u, names in LENGTH_NAMES.items() if name in names.split()]
            if not unit:
                return None
            total += float(number) * LENGTHS[unit[0]]
        return sign * total + 0.0
    except ValueError:
        return None


@row_function("string", "float64")
def write_length(seconds, *, style):
    """Write seconds as 27:46:40, as 1d 3h 46m 40s or as ISO 8601; fractions of a second are cut off."""
    if not abs(seconds) < 1e15:
        return None
    sign, whole = "-" if seconds <= -1 else "", int(abs(seconds))
    minutes, s = divmod(whole, 60)
    if style == "27:46:40":
        return f"{sign}{minutes // 60:02}:{minutes % 60:02}:{s:02}"
    hours, m = divmod(minutes, 60)
    d, h = divmod(hours, 24)
    if style == "1d 3h 46m 40s":
        return sign + (" ".join(f"{n}{u}" for n, u in ((d, "d"), (h, "h"), (m, "m"), (s, "s")) if n) or "0s")
    time = "".join(f"{n}{u}" for n, u in ((h, "H"), (m, "M"), (s, "S")) if n)
    return f"{sign}P" + (f"{d}D" if d else "") + (f"T{time or '0S'}" if time or not d else "")
