"""Places: distances, codes of places, coordinates in text, shapes. Latitudes and longitudes are degrees (WGS 84)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import ibis

from transforms import places
from transforms.catalog.calendars import check_optional
from transforms.catalog.common import TextFunction, new_name, no_nan, spare_names
from transforms.errors import ParamError
from transforms.fields import NewColumn, NumberColumn, Settings, TextColumn, param
from transforms.schema import known
from transforms.transform import Example, Transform, register

RADIUS = 6371.0088  # mean radius of the earth in kilometres (IUGG)
AWAY = {"kilometres": 1.0, "metres": 1000.0, "miles": 1 / 1.609344, "nautical miles": 1 / 1.852}


@register
class Distance(Transform):
    """Compute the distance between two places on the earth, or the direction from the first to the second.

    Great circles on a sphere of 6371.0088 km (haversine), right to about 0.5 percent. The direction is in degrees from north, clockwise, 0 to 360.
    Places off the earth and missing coordinates give missing.
    """

    name: ClassVar = "geo.distance"
    label: ClassVar = "Distance or direction"
    covers: ClassVar = ("geo_distance", "geo_bearing")
    words: ClassVar = ("haversine", "great circle", "bearing", "azimuth", "ST_Distance", "how far")
    examples: ClassVar = (
        Example({"lat": "a", "lon": "b", "other_lat": "c", "other_lon": "d", "to": "x"}, before={"a": [0.0, 52.52, 91.0, None], "b": [0.0, 13.405, 0.0, 0.0], "c": [0.0, 48.8566, 0.0, 0.0], "d": [180.0, 2.3522, 0.0, 0.0]}, after={"a": [0.0, 52.52, 91.0, None], "b": [0.0, 13.405, 0.0, 0.0], "c": [0.0, 48.8566, 0.0, 0.0], "d": [180.0, 2.3522, 0.0, 0.0], "x": [math.pi * 6371.0088, 877.4645379215093, None, None]}),
        Example({"lat": "a", "lon": "b", "other_lat": "c", "other_lon": "d", "what": "direction", "to": "x"}, before={"a": [0, 0, 10], "b": [0, 0, 0], "c": [0, 5, 0], "d": [-5, 0, 0]}, after={"a": [0, 0, 10], "b": [0, 0, 0], "c": [0, 5, 0], "d": [-5, 0, 0], "x": [270.0, 0.0, 180.0]}),
    )  # fmt: skip

    lat: NumberColumn = param("Latitude")
    lon: NumberColumn = param("Longitude")
    other_lat: NumberColumn = param("Latitude of the other place")
    other_lon: NumberColumn = param("Longitude of the other place")
    what: Literal["distance", "direction"] = param("Compute the", default="distance")
    unit: Literal["kilometres", "metres", "miles", "nautical miles"] = param("Unit", default="kilometres")
    to: NewColumn = param("New column", default="distance")

    def apply(self, table, state):
        columns = (self.lat, self.lon, self.other_lat, self.other_lon)
        spares = spare_names(table, 4)
        cells = []
        for c, s, most in zip(columns, spares, (90.0, 180.0, 90.0, 180.0), strict=True):
            x = known(table[c])
            cells.append(((x.abs() <= most).ifelse(x, ibis.null("float64")) * (math.pi / 180)).name(s))
        table = table.mutate(cells)
        lat, lon, lat2, lon2 = (table[s] for s in spares)
        if self.what == "distance":
            a = ((lat2 - lat) / 2).sin() ** 2 + lat.cos() * lat2.cos() * ((lon2 - lon) / 2).sin() ** 2
            value = (a > 1.0).ifelse(1.0, a).sqrt().asin() * (2 * RADIUS * AWAY[self.unit])
        else:
            y = (lon2 - lon).sin() * lat2.cos()
            x = lat.cos() * lat2.sin() - lat.sin() * lat2.cos() * (lon2 - lon).cos()
            angle = y.atan2(x) * (180 / math.pi)
            value = (angle < 0).ifelse(angle + 360.0, angle + 0.0)
        return table.mutate(no_nan(value).name(self.to)).drop(*spares)

    def pandas(self, df, state, schema):
        columns = (self.lat, self.lon, self.other_lat, self.other_lon)
        lines = []
        for c, n, most in zip(columns, ("lat", "lon", "lat2", "lon2"), (90, 180, 90, 180), strict=True):
            lines.append(f"{n} = {df}[{c!r}].astype('float64')")
            lines.append(f"{n} = {n}.where({n}.abs() <= {most}) * {math.pi / 180!r}")
        if self.what == "distance":
            lines.append(
                "a = np.sin((lat2 - lat) / 2) ** 2 + np.cos(lat) * np.cos(lat2) * np.sin((lon2 - lon) / 2) ** 2"
            )
            return [
                *lines,
                f"{df}[{self.to!r}] = (np.arcsin(np.sqrt(a.clip(upper=1.0))) * {2 * RADIUS * AWAY[self.unit]!r}).astype('Float64')",
            ]
        lines.append(
            "angle = np.arctan2(np.sin(lon2 - lon) * np.cos(lat2), np.cos(lat) * np.sin(lat2) - np.sin(lat) * np.cos(lat2) * np.cos(lon2 - lon))"
        )
        lines.append(f"angle = angle * {180 / math.pi!r}")
        return [*lines, f"{df}[{self.to!r}] = angle.where(angle >= 0, angle + 360.0).astype('Float64')"]


@register
class CodeOfPlace(Transform):
    """Write a place as a geohash, as an H3 cell, or as a point in WKT. Places off the earth give missing.

    Shorter geohashes and lower resolutions are larger cells: categories for a model. Source: Niemeyer 2008; `h3` (Uber H3 4), needed by exported code.
    """

    name: ClassVar = "geo.code_of_place"
    label: ClassVar = "Geohash, H3 cell or point"
    covers: ClassVar = ("geohash_encode", "h3_cell", "point_from_lat_lon")
    words: ClassVar = ("geohash", "hexagon", "H3", "ST_Point", "grid cell", "spatial index", "WKT")
    pandas_helpers: ClassVar = tuple(
        dict.fromkeys((*places.geohash.helpers, *places.hexagon.helpers, *places.point_text.helpers))
    )
    examples: ClassVar = (
        Example({"lat": "a", "lon": "b", "size": 11, "to": "g"}, before={"a": [57.64911, 95.0, None], "b": [10.40744, 0.0, 0.0]}, after={"a": [57.64911, 95.0, None], "b": [10.40744, 0.0, 0.0], "g": ["u4pruydqqvj", None, None]}),
        Example({"lat": "a", "lon": "b", "kind": "H3 cell", "size": 5, "to": "g"}, before={"a": [37.3615593], "b": [-122.0553238]}, after={"a": [37.3615593], "b": [-122.0553238], "g": ["85283473fffffff"]}),
        Example({"lat": "a", "lon": "b", "kind": "point", "to": "g"}, before={"a": [48.85, None], "b": [2, 1]}, after={"a": [48.85, None], "b": [2, 1], "g": ["POINT (2 48.85)", None]}),
    )  # fmt: skip

    lat: NumberColumn = param("Latitude")
    lon: NumberColumn = param("Longitude")
    kind: Literal["geohash", "H3 cell", "point"] = param("Write as", default="geohash")
    size: int = param("Characters, or H3 resolution", default=7, ge=0, le=15)
    to: NewColumn = param("New column", default="place")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.kind == "geohash" and not 1 <= self.size <= 12:
            raise ParamError("a geohash has 1 to 12 characters.")

    def call(self):
        function = {"geohash": places.geohash, "H3 cell": places.hexagon, "point": places.point_text}[self.kind]
        return function, {"geohash": {"precision": self.size}, "H3 cell": {"resolution": self.size}, "point": {}}[
            self.kind
        ]

    def apply(self, table, state):
        function, constants = self.call()
        return table.mutate(function(known(table[self.lat]), known(table[self.lon]), **constants).name(self.to))

    def pandas(self, df, state, schema):
        function, constants = self.call()
        lat, lon = (f"{df}[{c!r}].astype('Float64')" for c in (self.lat, self.lon))
        return [f"{df}[{self.to!r}] = {function.pandas(lat, lon, **constants)}"]


@register
class ReadPlace(Transform):
    """Read latitude and longitude from text: degrees with minutes and seconds, decimal pairs, WKT points, geohashes, H3 cells.

    Pairs are latitude first, unless letters (N, S, E, W, O for east) say otherwise; WKT is longitude first. What cannot be read gives missing.
    Codes give the middle of their cell.
    """

    name: ClassVar = "geo.read_place"
    label: ClassVar = "Read coordinates"
    covers: ClassVar = ("parse_coordinates", "lat_lon_from_point", "geohash_decode")
    words: ClassVar = ("DMS", "degrees minutes seconds", "parse lat lon", "geohash decode", "ST_X", "ST_Y")
    pandas_helpers: ClassVar = tuple(
        dict.fromkeys((*places.coordinates.helpers, *places.geohash_centre.helpers, *places.hexagon_centre.helpers))
    )
    examples: ClassVar = (
        Example({"column": "t"}, before={"t": ["48°51'N 2°21'E", "48.85, 2.35", "2°21'E 48°51'N", "-33.5 S", None]}, after={"t": ["48°51'N 2°21'E", "48.85, 2.35", "2°21'E 48°51'N", "-33.5 S", None], "lat": [48.85, 48.85, 48.85, None, None], "lon": [2.35, 2.35, 2.35, None, None]}),
        Example({"column": "t"}, before={"t": ["POINT (2.35 48.85)", "POINT EMPTY"]}, after={"t": ["POINT (2.35 48.85)", "POINT EMPTY"], "lat": [48.85, None], "lon": [2.35, None]}),
        Example({"column": "t", "kind": "geohash"}, before={"t": ["s", "a", None]}, after={"t": ["s", "a", None], "lat": [22.5, None, None], "lon": [22.5, None, None]}),
        Example({"column": "t", "kind": "H3 cell"}, before={"t": ["85283473fffffff", "x"]}, after={"t": ["85283473fffffff", "x"], "lat": [37.34579337536848, None], "lon": [-121.97637597255124, None]}),
    )  # fmt: skip

    column: TextColumn = param("Column")
    kind: Literal["coordinates", "geohash", "H3 cell"] = param("Written as", default="coordinates")
    lat_to: NewColumn = param("Column for the latitude", default="lat")
    lon_to: NewColumn = param("Column for the longitude", default="lon")

    @property
    def _function(self):
        return {"coordinates": places.coordinates, "geohash": places.geohash_centre, "H3 cell": places.hexagon_centre}[
            self.kind
        ]

    def apply(self, table, state):
        (spare,) = spare_names(table, 1)
        found = table.mutate(self._function(table[self.column]).name(spare))
        new = [found[spare][i].name(new_name(n, table.columns)) for i, n in enumerate((self.lat_to, self.lon_to))]
        return found.mutate(new).drop(spare)

    def pandas(self, df, state, schema):
        lines = [f"found = values({self._function.pandas(f'{df}[{self.column!r}]')})"]
        return lines + [
            f"{df}[{n!r}] = pd.Series([None if v is None else v[{i}] for v in found], index={df}.index, dtype='Float64')"
            for i, n in enumerate((self.lat_to, self.lon_to))
        ]


def check_crs(*names: str) -> None:
    import pyproj

    for name in names:
        try:
            pyproj.CRS.from_user_input(name)
        except pyproj.exceptions.CRSError:
            raise ParamError(
                f"there is no coordinate system {name!r}.", hint="Write it as EPSG:4326 or EPSG:25832."
            ) from None


@register
class ChangeShape(TextFunction):
    """Turn shapes (WKT or GeoJSON text) into their centre, bounding box, hull, the area around them, a simpler or valid form, or another system.

    Results are WKT with up to nine decimals. Distances are in the unit of the coordinates: for metres change the coordinate system first. What is
    no shape, and empty results, give missing. Source: Shapely (GEOS) and pyproj, which exported code needs.
    """

    name: ClassVar = "geo.change_shape"
    label: ClassVar = "Change shapes"
    covers: ClassVar = (
        "geo_buffer",
        "geo_centroid",
        "geo_envelope",
        "geo_simplify",
        "geo_make_valid",
        "geo_transform_crs",
    )
    words: ClassVar = (
        "ST_Buffer",
        "ST_Centroid",
        "ST_Envelope",
        "ST_Simplify",
        "ST_MakeValid",
        "ST_Transform",
        "reproject",
        "EPSG",
        "convex hull",
    )
    pandas_helpers: ClassVar = places.changed_shape.helpers
    examples: ClassVar = tuple(
        Example({"columns": ["s"], "how": how, **more}, before={"s": [shape, "no shape", None]}, after={"s": [made, None, None]})
        for how, more, shape, made in (
            ("centre", {}, "POLYGON ((0 0, 4 0, 4 2, 0 2, 0 0))", "POINT (2 1)"),
            ("bounding box", {}, "LINESTRING (0 0, 4 2)", "POLYGON ((0 0, 4 0, 4 2, 0 2, 0 0))"),
            ("area around", {"amount": 0.0}, "POLYGON ((0 0, 0 1, 1 1, 1 0, 0 0))", "POLYGON ((0 0, 0 1, 1 1, 1 0, 0 0))"),
            ("simplify", {"amount": 0.5}, "LINESTRING (0 0, 1 0.1, 2 0)", "LINESTRING (0 0, 2 0)"),
            ("repair", {}, "POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))", "MULTIPOLYGON (((0 2, 1 1, 0 0, 0 2)), ((2 0, 1 1, 2 2, 2 0)))"),
            ("coordinate system", {"to_system": "EPSG:3857"}, "POINT (180 0)", "POINT (20037508.342789244 0)"),
            ("convex hull", {}, '{"type": "LineString", "coordinates": [[0, 0], [1, 1], [2, 0]]}', "POLYGON ((0 0, 1 1, 2 0, 0 0))"),
        )
    )  # fmt: skip

    how: Literal["centre", "bounding box", "convex hull", "area around", "simplify", "repair", "coordinate system"] = param("Make", default="centre")  # fmt: skip
    amount: float = param(
        "Distance", default=1.0, help="For 'area around' and 'simplify', in the unit of the coordinates."
    )
    source: str = param("From system", default="EPSG:4326", help="Longitude before latitude in EPSG:4326.")
    to_system: str = param("To system", default="EPSG:3857")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.how == "coordinate system":
            check_crs(self.source, self.to_system)

    def constants(self):
        return {"how": self.how, "amount": self.amount, "source": self.source, "target": self.to_system}

    def value(self, column):
        return places.changed_shape(column, **self.constants())

    def pandas_value(self, column, dtype):
        return places.changed_shape.pandas(column, **self.constants())


@register
class MeasureShape(Transform):
    """Measure shapes (WKT or GeoJSON text): area, length (outline of areas), or number of points.

    "on earth" takes coordinates as longitude and latitude and gives square metres or metres on the WGS 84 ellipsoid (pyproj); else in the unit of the
    coordinates (Shapely). What is no shape gives missing.
    """

    name: ClassVar = "geo.measure_shape"
    label: ClassVar = "Measure shapes"
    covers: ClassVar = ("geo_area", "geo_length")
    words: ClassVar = ("ST_Area", "ST_Length", "ST_Perimeter", "square metres")
    pandas_helpers: ClassVar = places.measured_shape.helpers
    examples: ClassVar = tuple(
        Example({"column": "s", "what": what, "to": "n"}, before={"s": [shape, "x", None]}, after={"s": [shape, "x", None], "n": [n, None, None]})
        for what, shape, n in (("area", "POLYGON ((0 0, 4 0, 4 2, 0 2, 0 0))", 8.0), ("length", "LINESTRING (0 0, 3 4)", 5.0), ("length on earth", "LINESTRING (0 0, 1 0)", 111319.49079327357), ("points", "LINESTRING (0 0, 3 4)", 2.0))
    )  # fmt: skip

    column: TextColumn = param("Column")
    what: Literal["area", "length", "area on earth", "length on earth", "points"] = param("Measure", default="area")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        return table.mutate(places.measured_shape(table[self.column], what=self.what).name(self.to))

    def pandas(self, df, state, schema):
        return [f"{df}[{self.to!r}] = {places.measured_shape.pandas(f'{df}[{self.column!r}]', what=self.what)}"]


@register
class RelateShapes(Transform):
    """Tell whether the shape of one column holds, lies in, or meets the shape of another one, or one given shape.

    Shapes are WKT or GeoJSON text. A point on the edge is not held, but meets. What is no shape gives missing. Source: Shapely (GEOS).
    """

    name: ClassVar = "geo.relate_shapes"
    label: ClassVar = "Does a shape hold another?"
    covers: ClassVar = ("geo_contains", "geo_within")
    words: ClassVar = ("ST_Contains", "ST_Within", "ST_Intersects", "point in polygon", "inside")
    pandas_helpers: ClassVar = places.shapes_relate.helpers
    examples: ClassVar = (
        Example({"column": "s", "other": "p", "to": "h"}, before={"s": ["POLYGON ((0 0, 4 0, 4 2, 0 2, 0 0))"] * 3, "p": ["POINT (1 1)", "POINT (5 5)", None]}, after={"s": ["POLYGON ((0 0, 4 0, 4 2, 0 2, 0 0))"] * 3, "p": ["POINT (1 1)", "POINT (5 5)", None], "h": [True, False, None]}),
        Example({"column": "s", "how": "lies in", "shape": "POLYGON ((0 0, 4 0, 4 2, 0 2, 0 0))", "to": "h"}, before={"s": ["POINT (1 1)", "?"]}, after={"s": ["POINT (1 1)", "?"], "h": [True, None]}),
    )  # fmt: skip

    column: TextColumn = param("Column")
    how: Literal["holds", "lies in", "meets"] = param("It", default="holds")
    other: TextColumn | None = param("The shape in the column", default=None)
    shape: str = param("Or this shape", default="", help="WKT or GeoJSON.")
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        check_optional(self, schema, "other")
        if bool(self.other) == bool(self.shape):
            raise ParamError("choose either a column or a shape.")
        if self.shape and places.shape_of(self.shape) is None:
            raise ParamError(
                "the shape is neither WKT nor GeoJSON.", hint="Such as POLYGON ((0 0, 4 0, 4 2, 0 2, 0 0))."
            )

    def apply(self, table, state):
        other = table[self.other] if self.other else ibis.literal(self.shape)
        return table.mutate(places.shapes_relate(table[self.column], other, how=self.how).name(self.to))

    def pandas(self, df, state, schema):
        other = (
            f"{df}[{self.other!r}]" if self.other else f"pd.Series({self.shape!r}, index={df}.index, dtype='string')"
        )
        return [f"{df}[{self.to!r}] = {places.shapes_relate.pandas(f'{df}[{self.column!r}]', other, how=self.how)}"]


class NamedArea(Settings):
    """An area under a name."""

    area: str = param("Name")
    shape: str = param("Shape", help="WKT or GeoJSON, longitude before latitude.")


@register
class AreaOfPoint(Transform):
    """Name the area that each place lies in: the first of a list that covers it, edges included. None: missing.

    Areas are WKT or GeoJSON texts in degrees, longitude first. Source: Shapely (GEOS), which exported code needs.
    """

    name: ClassVar = "geo.area_of_point"
    label: ClassVar = "Area that a place lies in"
    covers: ClassVar = ("geo_within",)
    words: ClassVar = ("point in polygon", "geofence", "zone", "district", "spatial join")
    pandas_helpers: ClassVar = places.area_of_point.helpers
    examples: ClassVar = (
        Example({"lat": "a", "lon": "b", "areas": [{"area": "west", "shape": "POLYGON ((0 0, 2 0, 2 2, 0 2, 0 0))"}, {"area": "east", "shape": "POLYGON ((2 0, 4 0, 4 2, 2 2, 2 0))"}], "to": "z"}, before={"a": [1, 1, 1, 9, None], "b": [1, 2, 3, 1, 1]}, after={"a": [1, 1, 1, 9, None], "b": [1, 2, 3, 1, 1], "z": ["west", "west", "east", None, None]}),
    )  # fmt: skip

    lat: NumberColumn = param("Latitude")
    lon: NumberColumn = param("Longitude")
    areas: tuple[NamedArea, ...] = param("Areas", min_length=1)
    to: NewColumn = param("New column", default="area")

    def check_columns(self, schema):
        super().check_columns(schema)
        if odd := [a.area for a in self.areas if places.shape_of(a.shape) is None]:
            raise ParamError(
                f"the shape of {odd[0]!r} is neither WKT nor GeoJSON.",
                hint="Such as POLYGON ((0 0, 4 0, 4 2, 0 2, 0 0)).",
            )

    def constants(self):
        return {"areas": [[a.area, a.shape] for a in self.areas]}

    def apply(self, table, state):
        return table.mutate(
            places.area_of_point(known(table[self.lat]), known(table[self.lon]), **self.constants()).name(self.to)
        )

    def pandas(self, df, state, schema):
        lat, lon = (f"{df}[{c!r}].astype('Float64')" for c in (self.lat, self.lon))
        return [f"{df}[{self.to!r}] = {places.area_of_point.pandas(lat, lon, **self.constants())}"]


class NamedPlace(Settings):
    """A place under a name."""

    place: str = param("Name")
    lat: float = param("Latitude", ge=-90, le=90)
    lon: float = param("Longitude", ge=-180, le=180)


@register
class NearestPlace(Transform):
    """Find the nearest of a list of places, and how far it is in kilometres (great circle); ties go to the first in the list.

    Places off the earth and missing coordinates give missing.
    """

    name: ClassVar = "geo.nearest_place"
    label: ClassVar = "Nearest place of a list"
    covers: ClassVar = ("nearest_neighbor_distance", "reverse_geocode_offline")
    words: ClassVar = ("nearest neighbour", "closest store", "reverse geocode", "distance to city centre")
    pandas_helpers: ClassVar = places.nearest_place.helpers
    examples: ClassVar = (
        Example({"lat": "a", "lon": "b", "places": [{"place": "Berlin", "lat": 52.52, "lon": 13.405}, {"place": "Paris", "lat": 48.8566, "lon": 2.3522}]}, before={"a": [52.52, 48.0, None], "b": [13.405, 2.3522, 0.0]}, after={"a": [52.52, 48.0, None], "b": [13.405, 2.3522, 0.0], "nearest": ["Berlin", "Paris", None], "distance": [0.0, 0.8566 * math.pi / 180 * 6371.0088, None]}),
    )  # fmt: skip

    lat: NumberColumn = param("Latitude")
    lon: NumberColumn = param("Longitude")
    places: tuple[NamedPlace, ...] = param("Places", min_length=1, max_length=2000)
    to: NewColumn = param("Column for the name", default="nearest")
    distance_to: NewColumn = param("Column for the distance", default="distance")

    def constants(self):
        return {"places": [[p.place, p.lat, p.lon] for p in self.places]}

    def apply(self, table, state):
        (spare,) = spare_names(table, 1)
        found = table.mutate(
            places.nearest_place(known(table[self.lat]), known(table[self.lon]), **self.constants()).name(spare)
        )
        new = [
            found[spare][0].name(new_name(self.to, table.columns)),
            found[spare][1].cast("float64").name(new_name(self.distance_to, table.columns)),
        ]
        return found.mutate(new).drop(spare)

    def pandas(self, df, state, schema):
        lat, lon = (f"{df}[{c!r}].astype('Float64')" for c in (self.lat, self.lon))
        return [
            f"found = values({places.nearest_place.pandas(lat, lon, **self.constants())})",
            f"{df}[{self.to!r}] = pd.Series([None if v is None else v[0] for v in found], index={df}.index, dtype='string')",
            f"{df}[{self.distance_to!r}] = pd.Series([None if v is None or v[1] is None else float(v[1]) for v in found], index={df}.index, dtype='Float64')",
        ]
