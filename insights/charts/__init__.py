"""Charts: a question about a table, answered by DuckDB on all rows, then drawn from the few marks that come back.

`build` aggregates, `draw` makes an Altair chart, `to_…` writes it. No row is dropped silently: a scatter of many rows
becomes a density, rare categories become "(other)", and `ChartData.caption` says how many rows stand behind the marks.
"""

from insights.charts.brush import filters_of
from insights.charts.build import build
from insights.charts.cells import find_places
from insights.charts.code import to_python
from insights.charts.draw import draw, selectable
from insights.charts.export import to_csv, to_html, to_image, to_json, write
from insights.charts.frame import nice_step
from insights.charts.saved import SavedChart, delete, list_saved, rename, restore, save
from insights.charts.spec import (
    MAX_MARKS,
    MAX_POINTS,
    NEEDS,
    PALETTE,
    ROLES,
    Aggregate,
    ChartData,
    ChartSpec,
    Kind,
    TimeUnit,
    title,
)
from insights.charts.suggest import suggest

__all__ = [
    "MAX_MARKS", "MAX_POINTS", "NEEDS", "PALETTE", "ROLES", "Aggregate", "ChartData", "ChartSpec", "Kind", "SavedChart", "TimeUnit",
    "build", "delete", "draw", "filters_of", "find_places", "list_saved", "nice_step", "rename", "restore", "save", "selectable", "suggest", "title",
    "to_csv", "to_html", "to_image", "to_json", "to_python", "write",
]  # fmt: skip
