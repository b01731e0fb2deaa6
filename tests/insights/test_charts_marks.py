"""Area, violin, heat map, correlation, series, season, map, shares, order, filters: figures by hand or from a named source."""

from __future__ import annotations

import math

import pytest

from insights import charts
from insights.charts import ChartSpec, build, draw, find_places, suggest
from transforms.catalog.rows import Condition
from transforms.errors import ColumnNotFound, InputError, ParamError
from workspace.sql import connect


@pytest.fixture
def con():
    found = connect()
    yield found
    found.close()


def marks(con, source, **spec):
    data = build(con, source, ChartSpec(**spec))
    draw(data, select=True).to_json()
    draw(data, dark=True).to_json()
    return data, data.table.to_pylist()


SALES = """(VALUES ('a', 'p', 1.0, 10), ('a', 'p', 3.0, 20), ('a', 'q', 5.0, 30), ('b', 'q', 7.0, 40), ('c', NULL, 9.0, NULL))
 t(g, h, v, n)"""


# ---- shares and order


def test_bars_as_shares_of_all(con):
    data, found = marks(con, SALES, kind="bar", x="g", normalise="share")
    assert {m["x"]: m["y"] for m in found} == {"a": 0.6, "b": 0.2, "c": 0.2}
    assert data.titles["y"] == "share of rows"


def test_bars_as_shares_within_each_bar(con):
    _, found = marks(con, SALES, kind="bar", x="g", colour="h", normalise="within")
    assert {(m["x"], m["colour"]): m["y"] for m in found} == {
        ("a", "p"): pytest.approx(2 / 3),
        ("a", "q"): pytest.approx(1 / 3),
        ("b", "q"): 1,
        ("c", "(missing)"): 1,
    }


def test_a_histogram_of_shares_adds_up_to_one(con):
    _, found = marks(con, SALES, kind="histogram", x="v", bins=2, normalise="share")
    assert sum(m["y"] for m in found) == pytest.approx(1)
    assert sum(m["count"] for m in found) == 5


def test_shares_of_a_mean_are_refused(con):
    with pytest.raises(InputError, match="the mean of parts does not add up"):
        marks(con, SALES, kind="bar", x="g", y="v", aggregate="mean", normalise="share")


@pytest.mark.parametrize(
    ("sort", "reverse", "order"),
    [
        ("value", False, ["c", "b", "a"]),
        ("value", True, ["a", "b", "c"]),
        ("count", False, ["a", "b", "c"]),
        ("label", False, ["a", "b", "c"]),
        ("label", True, ["c", "b", "a"]),
    ],
)
def test_bars_in_order(con, sort, reverse, order):
    data, _ = marks(con, SALES, kind="bar", x="g", y="v", aggregate="mean", sort=sort, reverse=reverse)
    assert data.orders["x"] == order


def test_boxes_in_the_order_of_their_medians(con):
    data, _ = marks(con, SALES, kind="box", x="g", y="v", sort="value")
    assert data.orders["x"] == ["c", "b", "a"]


def test_the_most_frequent_by_label_still_puts_other_last(con):
    rows = "(VALUES ('z'), ('z'), ('z'), ('m'), ('m'), ('a'), (NULL)) t(c)"
    data, _ = marks(con, rows, kind="bar", x="c", top=2, sort="label")
    assert data.orders["x"] == ["m", "z", "(other)", "(missing)"]


# ---- filters


def test_filters_are_counted_as_left_out(con):
    keep = (Condition(column="v", test="is between", value="2, 8"), Condition(column="g", test="is not", value="b"))
    data, found = marks(con, SALES, kind="bar", x="g", filters=keep)
    assert {m["x"]: m["y"] for m in found} == {"a": 2}
    assert data.caption == "2 of 5 rows. Left out: 3 that the filters do not keep."


def test_a_filter_that_does_not_fit_its_column_is_said(con):
    with pytest.raises(ParamError, match="'tall' does not fit column 'n'"):
        marks(con, SALES, kind="bar", x="g", filters=(Condition(column="n", value="tall"),))
    with pytest.raises(ColumnNotFound, match="'gone' is not in the table"):
        marks(con, SALES, kind="bar", x="g", filters=(Condition(column="gone", value="1"),))


def test_a_role_that_the_chart_does_not_have_is_refused(con):
    with pytest.raises(InputError, match="A box chart has no colour"):
        marks(con, SALES, kind="box", y="v", colour="g")


# ---- area, moving mean, size


def test_an_area_stacks_sums(con):
    _, found = marks(con, SALES, kind="area", x="n", y="v", aggregate="sum", colour="g")
    assert [(m["x"], m["colour"], m["y"]) for m in found] == [(10, "a", 1), (20, "a", 3), (30, "a", 5), (40, "b", 7)]


def test_a_moving_mean_of_the_last_points(con):
    data, found = marks(con, SALES, kind="line", x="n", y="v", aggregate="sum", moving=2)
    assert [m["moving"] for m in found] == [1, 2, 4, 6]
    assert "mean of the last 2 points" in data.caption


def test_the_size_of_points(con):
    data, found = marks(con, SALES, kind="scatter", x="n", y="v", size="n")
    assert [m["size"] for m in found] == [10, 20, 30, 40]
    assert draw(data).to_dict()["encoding"]["size"]["field"] == "size"


def test_many_points_have_no_size_and_say_so(con):
    data, _ = marks(con, "(SELECT i AS x, i % 7 AS y FROM range(6000) r(i))", kind="scatter", x="x", y="y", size="x")
    assert data.shape == "density" and "x is not shown" in data.caption


# ---- heat map and map


def test_a_heat_map_of_two_categories(con):
    data, found = marks(con, SALES, kind="heatmap", x="g", y="h", colour="v", aggregate="mean")
    assert {(m["x"], m["y"]): (m["value"], m["count"]) for m in found} == {
        ("a", "p"): (2, 2),
        ("a", "q"): (5, 1),
        ("b", "q"): (7, 1),
        ("c", "(missing)"): (9, 1),
    }
    assert data.titles["colour"] == "mean of v"


def test_a_heat_map_bins_numbers(con):
    source = "(SELECT i AS x, (i % 2) = 0 AS even FROM range(1000) r(i))"
    data, found = marks(con, source, kind="heatmap", x="x", y="even", top=10)
    assert data.kinds == {"x": "number", "y": "text"}
    assert sum(m["count"] for m in found) == 1000
    assert found[0] == {"x": 0, "x2": 50, "y": "false", "value": 25, "count": 25}


PLACES = (
    "(VALUES (10.05, 50.05, 1), (10.06, 50.06, 3), (11.95, 51.95, 5), (200.0, 50.0, 7), (NULL, 50.0, 9)) t(lon, lat, v)"
)


def test_a_map_finds_its_columns_and_counts_what_is_not_on_earth(con):
    data, found = marks(con, PLACES, kind="map")
    assert (data.spec.x, data.spec.y) == ("lon", "lat")
    assert [(m["x"], m["y"], m["count"]) for m in found] == [(10.05, 50.05, 2), (11.95, 51.95, 1)]
    assert data.left_out == {"without a known lon or lat": 1, "outside 180 degrees of longitude or 90 of latitude": 1}
    assert "without a map service" in data.caption


def test_a_map_of_a_mean(con):
    _, found = marks(con, PLACES, kind="map", colour="v", aggregate="mean")
    assert [m["value"] for m in found] == [2, 5]


def test_a_map_without_degrees_is_refused(con):
    with pytest.raises(InputError, match="no pair of columns is called so"):
        marks(con, SALES, kind="map")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["Latitude", "Longitude"], ("Longitude", "Latitude")),
        (["pickup_lat", "pickup_lng"], ("pickup_lng", "pickup_lat")),
        (["startLat", "startLon"], ("startLon", "startLat")),
        (["flat", "lonely"], None),
        (["lat"], None),
    ],
)
def test_columns_with_degrees_are_found_by_name(names, found):
    assert find_places(dict.fromkeys(names, "number")) == found
    assert find_places(dict.fromkeys(names, "text")) is None


def test_maps_of_many_places_stay_small(con):
    source = "(SELECT (i * 7919) % 36000 / 100.0 - 180 AS lon, (i * 104729) % 18000 / 100.0 - 90 AS lat FROM range(50000) r(i))"
    _, found = marks(con, source, kind="map")
    assert sum(m["count"] for m in found) == 50_000 and len(found) <= charts.MAX_MARKS


# ---- violin


def test_a_violin_is_a_density(con):
    # 1,000 values of a standard normal distribution by its quantiles: the density at 0 is 1/√(2π) = 0.399, a little less
    # after smoothing with h = 0.9 · 0.97 · 1000^-0.2 = 0.22: 1/√(2π(1 + h²)) = 0.390.
    from scipy.stats import norm

    con.execute("CREATE TABLE z AS SELECT unnest($1) AS z", [[float(norm.ppf((i + 0.5) / 1000)) for i in range(1000)]])
    _, found = marks(con, "z", kind="violin", y="z")
    step = found[1]["y"] - found[0]["y"]
    assert sum(m["density"] for m in found) * step == pytest.approx(1, abs=0.01)
    assert max(m["density"] for m in found) == pytest.approx(0.390, abs=0.004)
    assert found[0]["median"] == pytest.approx(0, abs=1e-9) and found[0]["count"] == 1000


def test_violins_end_with_their_group(con):
    source = "(SELECT i % 10 + CASE WHEN i < 50 THEN 0 ELSE 100 END AS y, i < 50 AS low FROM range(100) r(i))"
    data, found = marks(con, source, kind="violin", x="low", y="y")
    assert data.orders["x"] == ["false", "true"]
    assert max(m["y"] for m in found if m["x"] == "true") < 12
    assert min(m["y"] for m in found if m["x"] == "false") > 98
    assert all(m["left"] <= m["place"] <= m["right"] for m in found)


def test_names_of_violins_are_data(con):
    data, _ = marks(con, """(VALUES (1, '"]; alert(1) //'), (2, 'it''s')) t(y, x)""", kind="violin", x="x", y="y")
    axis = draw(data).to_dict()["layer"][0]["encoding"]["x"]["axis"]
    assert '\\"]; alert(1) //' in axis["labelExpr"]


# ---- correlation


def pairs(found):
    return {(m["a"], m["b"]): (m["r"], m["method"], m["n"]) for m in found}


def test_pearson_by_hand(con):
    # x = 1..4, y = 2, 4, 6, 9: sxy = 11.5, sxx = 5, syy = 26.75.
    found = pairs(marks(con, "(VALUES (1, 2), (2, 4), (3, 6), (4, 9), (5, NULL)) t(x, y)", kind="correlation")[1])
    assert found["x", "y"] == found["y", "x"] == (pytest.approx(11.5 / math.sqrt(5 * 26.75)), "Pearson's r", 4)
    assert found["x", "x"][0] == 1


def test_cramers_v_is_scipys(con):
    import numpy
    from scipy.stats.contingency import association

    table = numpy.array([[10, 20, 5], [15, 5, 10]])
    rows = ", ".join(f"('r{i}', 'c{j}')" for i in range(2) for j in range(3) for _ in range(table[i, j]))
    found = pairs(marks(con, f"(VALUES {rows}, (NULL, 'c1')) t(a, b)", kind="correlation")[1])
    assert found["a", "b"] == (pytest.approx(association(table, method="cramer")), "Cramér's V", 65)


def test_the_correlation_ratio_by_hand(con):
    # Groups 1, 3 (mean 2) and 6, 8, 10 (mean 8); all: mean 5.6. Between: 2·3.6² + 3·2.4² = 43.2; within: 2 + 8 = 10.
    source = "(VALUES ('a', 1), ('a', 3), ('b', 6), ('b', 8), ('b', 10), (NULL, 99)) t(g, v)"
    found = pairs(marks(con, source, kind="correlation")[1])
    assert found["g", "v"] == (pytest.approx(math.sqrt(43.2 / 53.2)), "correlation ratio", 5)


def test_a_constant_column_has_no_correlation(con):
    found = pairs(marks(con, "(VALUES (1, 5), (2, 5)) t(x, y)", kind="correlation", columns=("x", "y"))[1])
    assert found["x", "y"][0] is None


def test_free_text_is_not_a_category(con):
    source = "(SELECT i AS x, i % 2 AS y, 'word ' || i AS words FROM range(2000) r(i))"
    data, found = marks(con, source, kind="correlation")
    assert {m["a"] for m in found} == {"x", "y"}
    assert "Not compared, with more than 50 categories: words." in data.caption


def test_what_cannot_be_correlated_is_said(con):
    with pytest.raises(InputError, match="at least two columns"):
        marks(con, "(VALUES (1), (2)) t(x)", kind="correlation")
    with pytest.raises(InputError, match="'d' is date: only numbers and categories"):
        marks(con, "(VALUES (1, DATE '2020-01-01')) t(x, d)", kind="correlation", columns=("x", "d"))


# ---- series and season


def test_a_short_series_is_drawn_as_it_is(con):
    _, found = marks(con, "(VALUES (1, 5), (2, 7), (3, 6)) t(x, y)", kind="series", x="x", y="y")
    assert [(m["x"], m["y"]) for m in found] == [(1, 5), (2, 7), (3, 6)]


def test_m4_keeps_every_peak(con):
    # One peak of 1,000 and one dip of -1,000 among 100,000 rows; first and last row of the series stay too.
    source = (
        "(SELECT TIMESTAMP '2020-01-01' + INTERVAL (i) SECOND AS t, "
        "CASE i WHEN 50001 THEN 1000 WHEN 70007 THEN -1000 ELSE i % 13 END AS y FROM range(100000) r(i))"
    )
    data, found = marks(con, source, kind="series", x="t", y="y")
    assert len(found) <= charts.MAX_MARKS
    drawn = {m["x"]: m["y"] for m in found}
    assert drawn["2020-01-01T13:53:21"] == 1000 and drawn["2020-01-01T19:26:47"] == -1000
    assert (found[0]["x"], found[-1]["x"]) == ("2020-01-01T00:00:00", "2020-01-02T03:46:39")
    assert data.used == 100_000 and "no peak is lost" in data.caption


def test_m4_has_first_last_smallest_and_largest_of_each_column(con):
    data, found = marks(
        con, "(SELECT i AS x, (i * 7919) % 1009 AS y FROM range(8000) r(i))", kind="series", x="x", y="y"
    )
    width = 7999 / 800
    for column in (0, 17, 799):
        inside = [(i, (i * 7919) % 1009) for i in range(8000) if min(int(i / width), 799) == column]
        want = {inside[0], inside[-1], min(inside, key=lambda p: p[1]), max(inside, key=lambda p: p[1])}
        assert {(m["x"], m["y"]) for m in found if min(int(m["x"] / width), 799) == column} == want


MONTHS = """(SELECT (DATE '2015-01-01' + INTERVAL (i) MONTH)::DATE AS d,
 100 + 0.5 * i + 10 * sin(2 * pi() * i / 12) + (i * 37) % 11 AS y FROM range(60) r(i))"""


@pytest.mark.parametrize("period", [12, 5])
def test_trend_and_season_are_those_of_statsmodels(con, period):
    from statsmodels.tsa.seasonal import seasonal_decompose

    _, found = marks(con, MONTHS, kind="season", x="d", y="y", aggregate="sum", time_unit="month", period=period)
    y = [100 + 0.5 * i + 10 * math.sin(2 * math.pi * i / 12) + (i * 37) % 11 for i in range(60)]
    want = seasonal_decompose(y, period=period)
    for part, values in (
        ("observed", want.observed),
        ("trend", want.trend),
        ("season", want.seasonal),
        ("rest", want.resid),
    ):
        got = {m["x"]: m["y"] for m in found if m["part"] == part}
        for i, value in enumerate(values):
            there = got.get(f"{2015 + i // 12}-{i % 12 + 1:02d}-01T00:00:00")
            assert (there is None) if math.isnan(value) else there == pytest.approx(value, abs=1e-9), (part, i)


def test_the_season_is_guessed(con):
    data, _ = marks(con, MONTHS, kind="season", x="d", y="y", aggregate="mean", time_unit="month")
    assert "one season is 12 months (guessed)" in data.caption


def test_gaps_are_said(con):
    source = f"(SELECT * FROM {MONTHS} WHERE month(d) <> 3)"
    counts, found = marks(con, source, kind="season", x="d", time_unit="month", period=12)
    assert "5 months without rows are counted as 0" in counts.caption
    means, _ = marks(con, source, kind="season", x="d", y="y", aggregate="mean", time_unit="month", period=12)
    assert "filled in on a straight line" in means.caption


def test_too_short_for_its_season(con):
    with pytest.raises(InputError, match="needs at least 80 months, but there are 60"):
        marks(con, MONTHS, kind="season", x="d", time_unit="month", period=40)
    with pytest.raises(InputError, match="One value per minute would be"):
        marks(con, MONTHS, kind="season", x="d", time_unit="minute", period=60)


# ---- all of them


EVERY = {
    "histogram": {"x": "n"},
    "bar": {"x": "g"},
    "line": {"x": "n"},
    "area": {"x": "n"},
    "scatter": {"x": "n", "y": "v"},
    "box": {"x": "g", "y": "v"},
    "violin": {"x": "g", "y": "v"},
    "heatmap": {"x": "g", "y": "h"},
    "correlation": {},
    "series": {"x": "n", "y": "v"},
    "map": {"x": "n", "y": "v"},
}


@pytest.mark.parametrize("kind", EVERY)
def test_a_table_without_rows(con, kind):
    if kind == "correlation":
        return  # no column has two values: refused, see above
    data, found = marks(con, f"(SELECT * FROM {SALES} WHERE false)", kind=kind, **EVERY[kind])
    assert data.total == 0 and sum(m.get("count", 0) for m in found) == 0


@pytest.mark.parametrize("kind", EVERY)
def test_one_row(con, kind):
    spec = EVERY[kind] | ({"columns": ("v", "n")} if kind == "correlation" else {})
    data, _ = marks(con, f"(SELECT * FROM {SALES} LIMIT 1)", kind=kind, **spec)
    assert data.total == 1


@pytest.mark.parametrize("kind", EVERY)
def test_odd_names(con, kind):
    names = {"g": "größe", "h": 'a"b', "v": "select", "n": "it's"}
    chosen = ", ".join(f'{old} AS "{new.replace(chr(34), chr(34) * 2)}"' for old, new in names.items())
    spec = {role: names[c] for role, c in EVERY[kind].items()}
    marks(con, f"(SELECT {chosen} FROM {SALES})", kind=kind, **spec)


def test_every_chart_leaves_the_connection_as_it_was(con):
    marks(con, SALES, kind="bar", x="g")
    assert con.execute("SELECT count(*) FROM duckdb_views() WHERE view_name = 'chart_rows'").fetchall() == [(0,)]


# ---- suggestions


def test_suggestions_fit_the_columns(con):
    columns = {"id": "number", "city": "text", "born": "time", "age": "number", "lat": "number", "lon": "number"}
    found = [spec for spec, _ in suggest(columns)]
    assert [spec.kind for spec in found] == ["map", "line", "histogram", "bar", "box", "histogram"]
    assert found[2].x == "age" and found[3].x == "city"
    assert suggest({}) == []


def test_free_text_is_not_suggested_as_bars():
    assert not suggest({"note": "text"}, {"note": 5000})
