"""Places against pyproj, h3 and Shapely."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch
from transforms.errors import ParamError

LATS, LONS = [52.52, -33.87, 0.0, 89.0], [13.405, 151.21, 0.0, -170.0]


def run(name: str, rows: pa.Table, **settings) -> dict:
    fitted = Recipe(name="values").add(name, settings).fit({"main": rows}, engine=scratch())
    return fitted.run({"main": rows}, engine=scratch()).to_arrow_table().to_pydict()


def test_distance_and_direction_are_those_of_a_sphere():
    import pyproj

    sphere = pyproj.Geod(a=6371008.8, f=0)
    rows = pa.table({"a": LATS, "b": LONS, "c": [48.8566] * 4, "d": [2.3522] * 4})
    names = {"lat": "a", "lon": "b", "other_lat": "c", "other_lon": "d", "to": "x"}
    angles, _, metres = sphere.inv(LONS, LATS, [2.3522] * 4, [48.8566] * 4)
    assert run("geo.distance", rows, unit="metres", **names)["x"] == pytest.approx(list(metres), rel=1e-9)
    assert run("geo.distance", rows, what="direction", **names)["x"] == pytest.approx([a % 360 for a in angles])


def test_cells_are_those_of_h3():
    import h3

    found = run("geo.code_of_place", pa.table({"a": LATS, "b": LONS}), lat="a", lon="b", kind="H3 cell", size=9, to="c")
    assert found["c"] == [h3.latlng_to_cell(a, b, 9) for a, b in zip(LATS, LONS, strict=True)]


def test_a_geohash_is_read_back_within_its_cell():
    coded = run("geo.code_of_place", pa.table({"a": LATS, "b": LONS}), lat="a", lon="b", size=9, to="c")
    found = run("geo.read_place", pa.table({"c": coded["c"]}), column="c", kind="geohash")
    assert found["lat"] == pytest.approx(LATS, abs=1e-4) and found["lon"] == pytest.approx(LONS, abs=1e-4)


def test_the_area_around_a_point_is_a_circle_nearly():
    wkt = run("geo.change_shape", pa.table({"s": ["POINT (1 2)"]}), columns=["s"], how="area around", amount=2.0)["s"]
    assert run("geo.measure_shape", pa.table({"s": wkt}), column="s", to="n")["n"][0] == pytest.approx(
        4 * math.pi, rel=0.01
    )


def test_bad_shapes_and_systems_are_told():
    rows = pa.table({"a": LATS, "b": LONS, "s": ["x"] * 4})
    with pytest.raises(ParamError, match="shape of 'zone' is neither WKT nor GeoJSON"):
        run("geo.area_of_point", rows, lat="a", lon="b", areas=[{"area": "zone", "shape": "POLYGON"}], to="z")
    with pytest.raises(ParamError, match="no coordinate system 'EPSG:1'"):
        run("geo.change_shape", rows, columns=["s"], how="coordinate system", to_system="EPSG:1")


def test_coordinates_change_on_the_threads_of_duckdb():
    """pyproj 3.7 crashes there (its issue 1509), unless our own thread calls it."""
    import pyproj

    points = [(i % 180, i % 80) for i in range(5000)]
    rows = pa.table({"s": [f"POINT ({x} {y})" for x, y in points]})
    found = run("geo.change_shape", rows, columns=["s"], how="coordinate system", to_system="EPSG:3857")["s"]
    x, y = pyproj.Transformer.from_crs(4326, 3857, always_xy=True).transform(100, 20)
    assert sorted(found)[0] == "POINT (0 0)" and f"POINT ({x:.9f}"[:24] in {s[:24] for s in found}
