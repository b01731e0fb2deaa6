"""Row functions of family `geo`: coordinates in text, geohash, H3, shapes as WKT or GeoJSON, coordinate systems."""

from __future__ import annotations

import json
import math
import re

import numpy as np

from transforms.functions import row_function

BASE32 = "0123456789bcdefghjkmnpqrstuvwxyz"


def on_earth(lat, lon):
    return -90 <= lat <= 90 and -180 <= lon <= 180


@row_function("string", "float64", "float64")
def geohash(lat, lon, *, precision):
    """Return the geohash of a place (Niemeyer 2008), or None off the earth."""
    if not on_earth(lat, lon):
        return None
    bounds, code, bits, count = [[-90.0, 90.0], [-180.0, 180.0]], "", 0, 0
    while len(code) < precision:
        side = bounds[(count + 1) % 2]
        middle = (side[0] + side[1]) / 2
        upper = (lon if count % 2 == 0 else lat) >= middle
        side[0 if upper else 1] = middle
        bits, count = bits * 2 + upper, count + 1
        if count % 5 == 0:
            code, bits = code + BASE32[bits], 0
    return code


@row_function("array<float64>", "string")
def geohash_centre(code):
    """Return latitude and longitude of the middle of a geohash."""
    code = code.strip().lower()
    if not code or any(c not in BASE32 for c in code):
        return [None, None]
    bounds, count = [[-90.0, 90.0], [-180.0, 180.0]], 0
    for c in code:
        for bit in range(4, -1, -1):
            side = bounds[(count + 1) % 2]
            side[0 if BASE32.index(c) >> bit & 1 else 1] = (side[0] + side[1]) / 2
            count += 1
    return [(b[0] + b[1]) / 2 for b in bounds]


@row_function("string", "float64", "float64")
def hexagon(lat, lon, *, resolution):
    """Return the H3 cell of a place."""
    import h3

    return h3.latlng_to_cell(lat, lon, resolution) if on_earth(lat, lon) else None


@row_function("array<float64>", "string")
def hexagon_centre(cell):
    """Return latitude and longitude of the middle of an H3 cell."""
    import h3

    return list(h3.cell_to_latlng(cell.strip())) if h3.is_valid_cell(cell.strip()) else [None, None]


def short_number(x):
    text = f"{x:.9f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@row_function("string", "float64", "float64")
def point_text(lat, lon):
    """Return a place as WKT, longitude first."""
    return f"POINT ({short_number(lon)} {short_number(lat)})" if on_earth(lat, lon) else None


DEGREES = re.compile(
    r"([NSEWO+-]?)\s*([0-9]+(?:[.,][0-9]+)?)\s*(?:°|º|deg|d)?\s*(?:([0-9]+(?:[.,][0-9]+)?)\s*(?:'|′|’|m))?"
    r"\s*(?:([0-9]+(?:[.,][0-9]+)?)\s*(?:\"|″|”|''|s))?\s*([NSEWO]?)(?![A-Z])",
    re.IGNORECASE,
)


def degrees_of(match):
    before, whole, minutes, seconds, after = (g or "" for g in match.groups())
    number = lambda t: float(t.replace(",", ".")) if t else 0.0  # noqa: E731
    if number(minutes) >= 60 or number(seconds) >= 60:
        return None, ""
    side = (before if before not in "+-" else "") or after
    value = number(whole) + number(minutes) / 60 + number(seconds) / 3600
    return (-value if before == "-" or side.upper() in ("S", "W") and side else value), side.upper()


@row_function("array<float64>", "string")
def coordinates(text):
    """Return latitude and longitude from a text such as 48°51'24"N 2°21'8"E, 48.85, 2.35 or POINT (2.35 48.85)."""
    text = text.strip()
    if point := re.fullmatch(r"(?i)point\s*[(]\s*(\S+)\s+(\S+)\s*[)]", text):
        try:
            lon, lat = (float(g) for g in point.groups())
        except ValueError:
            return [None, None]
        return [lat, lon] if on_earth(lat, lon) else [None, None]
    halves = re.split(
        r"\s*[,;/]\s+|\s*;\s*|(?<=[NSEWOnsewo])\s*,?\s+(?=[0-9])|(?<=[0-9]),(?=\s*[+-]?[0-9]+[.])", text, maxsplit=1
    )
    if len(halves) == 1:
        halves = text.split(None, 1)
    found = [DEGREES.fullmatch(h.strip()) for h in halves]
    if len(found) != 2 or None in found:
        return [None, None]
    (a, side_a), (b, side_b) = (degrees_of(m) for m in found)
    if a is None or b is None:
        return [None, None]
    if side_a in ("E", "W", "O") and side_a or side_b in ("N", "S") and side_b:
        a, b = b, a
    return [a, b] if on_earth(a, b) else [None, None]


def shape_of(text):
    """Return the shape of a WKT or GeoJSON text, or None."""
    import shapely
    import shapely.geometry

    try:
        if text.lstrip().startswith("{"):
            made = json.loads(text)
            return shapely.geometry.shape(made.get("geometry") or made)
        return shapely.from_wkt(text)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, shapely.errors.ShapelyError):
        return None


def shape_text(shape):
    import shapely

    return None if shape is None or shape.is_empty else shapely.to_wkt(shape, rounding_precision=9, trim=True)


@row_function("string", "string")
def changed_shape(text, *, how, amount, source, target):
    """Return a shape after a change, as WKT."""
    import shapely

    shape = shape_of(text)
    if shape is None or shape.is_empty:
        return None
    try:
        if how == "centre":
            return shape_text(shape.centroid)
        if how == "bounding box":
            return shape_text(shape.envelope)
        if how == "area around":
            return shape_text(shape.buffer(amount))
        if how == "simplify":
            return shape_text(shape.simplify(amount))
        if how == "repair":
            return shape_text(shapely.make_valid(shape))
        if how == "convex hull":
            return shape_text(shape.convex_hull)
        if how == "coordinate system":
            return shape_text(moved_shape(shape, source, target))
    except shapely.errors.ShapelyError:
        return None
    return shape_text(shape)


def with_pyproj(work, *arguments):
    """Call on one lasting thread that Python made: on threads of others, such as DuckDB's, pyproj 3.7 crashes.

    Source: pyproj issue 1509. The thread hangs on the module pyproj, because a row function's own code must stay free
    of state that cannot travel to Spark; a forked process makes its own.
    """
    import concurrent.futures
    import os

    import pyproj

    if getattr(pyproj, "tilth_thread", (None,))[0] != os.getpid():
        pyproj.tilth_thread = (os.getpid(), concurrent.futures.ThreadPoolExecutor(1))
    return pyproj.tilth_thread[1].submit(work, *arguments).result()


def projected(x, y, source, target):
    """Return coordinates in another coordinate system; making the converter is slow, so it is kept."""
    import pyproj

    kept = pyproj.__dict__.setdefault("tilth_converters", {})
    if (source, target) not in kept:
        kept[source, target] = pyproj.Transformer.from_crs(source, target, always_xy=True)
    return kept[source, target].transform(x, y)


def moved_shape(shape, source, target):
    import shapely

    def change(x, y):
        return [np.array(v) for v in with_pyproj(projected, x.tolist(), y.tolist(), source, target)]

    moved = shapely.transform(shape, change, interleaved=False)
    return moved if all(math.isfinite(b) for b in moved.bounds) else None


def on_ellipsoid(shape, what):
    """Return length or area of a shape in longitude and latitude, in metres or square metres on WGS 84."""
    import pyproj
    import shapely

    earth = pyproj.Geod(ellps="WGS84")
    if what == "length on earth":
        return earth.geometry_length(shape.boundary if shape.geom_type in ("Polygon", "MultiPolygon") else shape)
    return abs(earth.geometry_area_perimeter(shapely.orient_polygons(shape))[0])


@row_function("float64", "string")
def measured_shape(text, *, what):
    """Return a number that describes a shape; areas and lengths on the earth are metres on the WGS 84 ellipsoid."""
    import shapely

    shape = shape_of(text)
    if shape is None or shape.is_empty:
        return None
    if what in ("area", "length"):
        return float(getattr(shape, what))
    if what in ("length on earth", "area on earth"):
        found = with_pyproj(on_ellipsoid, shape, what)
    else:
        found = len(shapely.get_coordinates(shape))
    return float(found) if math.isfinite(found) else None


@row_function("boolean", "string", "string")
def shapes_relate(a, b, *, how):
    """Say whether one shape holds, lies in, or touches or overlaps another."""
    import shapely

    one, other = shape_of(a), shape_of(b)
    if one is None or other is None or one.is_empty or other.is_empty:
        return None
    try:
        return bool(getattr(one, {"holds": "contains", "lies in": "within", "meets": "intersects"}[how])(other))
    except shapely.errors.ShapelyError:
        return None


@row_function("string", "float64", "float64")
def area_of_point(lat, lon, *, areas):
    """Return the name of the first area that a place lies in or at the edge of."""
    import shapely.geometry

    if not on_earth(lat, lon):
        return None
    point = shapely.geometry.Point(lon, lat)
    for name, text in areas:
        if shape_of(text).covers(point):
            return name
    return None


@row_function("array<float64>", "float64", "float64")
def moved_point(x, y, *, source, target):
    """Return a point in another coordinate system."""
    if not (math.isfinite(x) and math.isfinite(y)):
        return [None, None]
    found = with_pyproj(projected, x, y, source, target)
    return [float(v) if math.isfinite(v) else None for v in found]


@row_function("array<string>", "float64", "float64")
def nearest_place(lat, lon, *, places):
    """Return name and distance in kilometres (as text) of the nearest of some places; ties go to the first."""
    if not on_earth(lat, lon) or not places:
        return [None, None]
    best = None
    for name, y, x in places:
        a = math.sin(math.radians(y - lat) / 2) ** 2
        a += math.cos(math.radians(lat)) * math.cos(math.radians(y)) * math.sin(math.radians(x - lon) / 2) ** 2
        if best is None or a < best[0] - 1e-15:
            best = (a, name)
    return [best[1], repr(round(2 * 6371.0088 * math.asin(math.sqrt(min(1.0, best[0]))), 9))]
