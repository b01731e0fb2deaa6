"""What somebody selected in a chart, as filters."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from insights.charts.draw import BRUSH
from insights.charts.spec import MISSING, OTHER, ChartData
from transforms.catalog.rows import Condition
from transforms.errors import InputError

FIELDS = {"lo": "x", "x": "x", "y": "y"}  # fields of the marks that stand for a column


def filters_of(
    data: ChartData, selection: dict, *, types: dict[str, str], time_zone: str = "UTC"
) -> tuple[Condition, ...]:
    """Return the filters that keep what was selected; none when nothing was.

    Args:
        selection: as `st.altair_chart(…, on_select="rerun")` returns it, or its part "brush": `{"lo": [2, 5]}`.
        types: of the columns, as datasets name them (`int64`, `date`, `timestamp(6)` …).
        time_zone: of the browser: it gives times as milliseconds of its own clock.

    Raises:
        InputError: "(other)" was selected, or a text with a comma together with others.
    """
    chosen = selection.get(BRUSH, selection) or {}
    if isinstance(chosen, list):
        return tuple(
            _equals(data, column, [mark.get(role) for mark in chosen]) for role, column in _chosen(data, chosen)
        )
    found = []
    for field, ends in chosen.items():
        column = getattr(data.spec, FIELDS.get(field, ""), None) if field in FIELDS else None
        measured = field == "y" and data.spec.kind not in ("scatter", "map")
        if column and not measured and isinstance(ends, list) and len(ends) == 2:
            low, high = (_said(end, types.get(column, ""), time_zone) for end in sorted(ends))
            found.append(Condition(column=column, test="is between", value=f"{low}, {high}"))
    return tuple(found)


def _chosen(data: ChartData, marks: list[dict]) -> list[tuple[str, str]]:
    return [(role, getattr(data.spec, role)) for role in ("x", "y") if marks and role in marks[0]]


def _equals(data: ChartData, column: str, names: list) -> Condition:
    names = list(dict.fromkeys(str(name) for name in names))
    if OTHER in names:
        raise InputError(f"{OTHER} is many values at once.", hint="Show more categories, then select among them.")
    if names == [MISSING]:
        return Condition(column=column, test="is missing")
    if MISSING in names:
        raise InputError(f"{MISSING} cannot be kept together with values.", hint="Select it alone.")
    if len(names) == 1:
        return Condition(column=column, test="equals", value=names[0])
    if any("," in name or name != name.strip() for name in names):
        raise InputError("A value with a comma cannot be kept together with others.", hint="Select it alone.")
    return Condition(column=column, test="is one of", value=", ".join(names))


def _said(end: float, dtype: str, time_zone: str) -> str:
    if dtype.startswith(("date", "timestamp")):
        # The marks are local times without a zone, so the browser's own clock shows them as they are stored.
        moment = datetime.fromtimestamp(end / 1000, UTC).astimezone(ZoneInfo(time_zone)).replace(tzinfo=None)
        return moment.date().isoformat() if dtype.startswith("date") else moment.isoformat(sep=" ", timespec="seconds")
    return f"{end:.6g}" if abs(end) < 1e6 else repr(round(end, 2))
