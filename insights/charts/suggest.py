"""Charts worth a first look, by the kinds of the columns."""

from __future__ import annotations

import re

from insights.charts.cells import find_places
from insights.charts.spec import ChartSpec

IDENTIFIER = re.compile(r"(^|[^a-z])(id|key|uuid|code|zip|index|row|nr|number)($|[^a-z])", re.I)


def suggest(
    columns: dict[str, str], distinct: dict[str, int] | None = None, most: int = 6
) -> list[tuple[ChartSpec, str]]:
    """Return up to six charts with the reason for each.

    Args:
        columns: `{name: number, time, text, bool or other}`.
        distinct: about how many values a column has, where that is known: tells categories from free text.
    """
    distinct = distinct or {}
    places = find_places(columns) or ()
    plain = {c: kind for c, kind in columns.items() if not IDENTIFIER.search(c.replace("_", " ")) and c not in places}
    numbers = [c for c, kind in plain.items() if kind == "number" and distinct.get(c, 3) > 2]
    times = [c for c, kind in columns.items() if kind == "time"]
    texts = [c for c, kind in plain.items() if kind in ("text", "bool") and 2 <= distinct.get(c, 2) <= 50]
    rich = [c for c in numbers if distinct.get(c, 100) > 20] or numbers
    found: list[tuple[ChartSpec, str]] = []
    if places:
        found.append((ChartSpec(kind="map", x=places[0], y=places[1]), "Where the rows are."))
    if times and distinct.get(times[0], 3) > 2:
        found.append((ChartSpec(kind="line", x=times[0]), f"How many rows there are over {times[0]}."))
    if rich:
        found.append((ChartSpec(kind="histogram", x=rich[0]), f"How {rich[0]} is spread."))
    if texts:
        found.append((ChartSpec(kind="bar", x=texts[0]), f"How often each {texts[0]} occurs."))
    if len(rich) > 1:
        found.append((ChartSpec(kind="scatter", x=rich[0], y=rich[1]), f"How {rich[0]} and {rich[1]} go together."))
    if texts and rich:
        found.append((ChartSpec(kind="box", x=texts[0], y=rich[0]), f"Whether {rich[0]} differs by {texts[0]}."))
    if len(numbers) + len(texts) > 2:
        found.append((ChartSpec(kind="correlation"), "Which columns go together."))
    if len(texts) > 1:
        found.append((ChartSpec(kind="heatmap", x=texts[0], y=texts[1]), f"How {texts[0]} and {texts[1]} meet."))
    found += [(ChartSpec(kind="histogram", x=c), f"How {c} is spread.") for c in (*rich[1:], *times)]
    found += [(ChartSpec(kind="bar", x=c), f"How often each {c} occurs.") for c in texts[1:]]
    return found[:most]
