"""Marks that are cells of a grid: heat map, and map."""

from __future__ import annotations

import math
import re

from insights.charts.frame import ROWS, Frame, nice_step
from insights.charts.spec import MAX_MARKS
from transforms.errors import InputError

HEAT_BINS = 24
LATITUDE = re.compile(r"(?:^|[^a-z])(lat|latitude|breitengrad)(?:$|[^a-z])", re.I)
LONGITUDE = re.compile(r"(?:^|[^a-z])(lon|lng|long|longitude|laengengrad|längengrad)(?:$|[^a-z])", re.I)


def heatmap(f: Frame):
    """Cells of two columns, each a category or a bin, with the number of rows or an aggregate of `colour`."""
    x, y = f.need("x"), f.need("y")
    measure = f.measure("colour")
    split, many = f.split("facet")
    room = max(4, min(f.spec.top, int(math.sqrt(f.most_marks(many)))))
    names, binned = [], []
    for role, column in (("x", x), ("y", y)):
        if f.kind(column) in ("number", "time") and _many(f, column, room):
            f.kinds[role] = f.kind(column)
            binned.append(role)
        else:
            f.kinds[role] = "text"
            sql, f.orders[role] = f.category(column, room, role)
            names.append(f", {sql} AS {role}")
    roles = {role: (getattr(f.spec, role), _log(f, role)) for role in binned} | f.measured("colour")
    values = f.known(roles, "".join(names) + split) if roles else f"SELECT {''.join(names)[2:]}{split} FROM {ROWS}"
    ends, shown = [], []
    for role in ("x", "y"):
        if role in binned:
            low, high = f.edges(role, min(HEAT_BINS, room * 2))
            ends.append(f"{low} AS {role}, {high} AS {role}2")
            shown.append(f.iso(f.kinds[role], role, f"{role}2"))
        else:
            ends.append(role)
            shown.append(role)
    facet = ", facet" if f.spec.facet else ""
    # The aggregate reads `colour` of the rows, so that the cells' value needs another name.
    cells = f"SELECT {', '.join(ends)}{facet}, {measure} AS value, count(*) AS count FROM ({values}) GROUP BY ALL"
    return f.arrow(f"SELECT {', '.join(shown)}{facet}, value, count FROM ({cells}) ORDER BY ALL")


def _log(f: Frame, role: str) -> bool:
    return getattr(f.spec, f"log_{role}") and f.kinds[role] == "number"


def _many(f: Frame, column: str, room: int) -> bool:
    return f.con.execute(f"SELECT approx_count_distinct({f.value(column)}) FROM {ROWS}").fetchall()[0][0] > room


def find_places(kinds: dict[str, str]) -> tuple[str, str] | None:
    """Return the columns that look like (longitude, latitude) by their names; None where there are none."""
    numbers = [name for name, kind in kinds.items() if kind == "number"]
    # "pickupLat" and "pickup_lat" say the same.
    spaced = {name: re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ") for name in numbers}
    lon = next((name for name in numbers if LONGITUDE.search(spaced[name])), None)
    lat = next((name for name in numbers if LATITUDE.search(spaced[name])), None)
    return (lon, lat) if lon and lat else None


def place_map(f: Frame):
    """Cells of longitude and latitude; equirectangular, so that a degree is as long everywhere on the drawing."""
    spec = f.spec
    if not (spec.x and spec.y):
        found = find_places({name: f.kind(name) for name in f.types})
        if not found:
            raise InputError(
                "A map chart needs a longitude as x and a latitude as y; no pair of columns is called so.",
                hint="Choose the columns with degrees.",
            )
        f.spec = spec = spec.model_copy(update={"x": spec.x or found[0], "y": spec.y or found[1]})
        f.titles.update(x=spec.x, y=spec.y)
    x, y = f.need("x", "number"), f.need("y", "number")
    f.kinds.update(x="number", y="number")
    measure = f.measure("colour")
    split, many = f.split("facet")
    lon, lat = f.value(x), f.value(y)
    on_earth = f"({lon} BETWEEN -180 AND 180 AND {lat} BETWEEN -90 AND 90)"
    values = f.known({"x": (x, False), "y": (y, False), **f.measured("colour")}, split, on_earth)
    shown = f.con.execute(f"SELECT count(*) FROM ({values})").fetchall()[0][0]
    f.left_out["outside 180 degrees of longitude or 90 of latitude"] = f.used - shown
    (west, east), (south, north) = f.ranges["x"], f.ranges["y"]
    step = 1.0
    if west is not None:
        room = f.most_marks(many) * 0.8  # cells at the rim come on top
        wide, high = max(east - west, 1e-6), max(north - south, 1e-6)
        step = nice_step(max(math.sqrt(wide * high / room), wide / 400, high / 400))
    place = {role: f"floor(round({role} / {step!r}, 9))" for role in ("x", "y")}
    ends = ", ".join(
        f"round({p} * {step!r}, 9) AS {r}, round(({p} + 1) * {step!r}, 9) AS {r}2" for r, p in place.items()
    )
    facet = ", facet" if spec.facet else ""
    f.notes.append(
        f"Each cell is {step:g} degrees wide. Equirectangular; drawn without a map service, so without coasts."
    )
    cells = f"SELECT {ends}{facet}, {measure} AS value, count(*) AS count FROM ({values}) GROUP BY ALL"
    return f.arrow(f"SELECT x, x2, y, y2{facet}, value, count FROM ({cells}) ORDER BY ALL LIMIT {MAX_MARKS * 2}")
