"""Charts: the marks of small tables worked out by hand; nothing is left out without a word."""

from __future__ import annotations

import json

import pytest

from insights import charts
from insights.charts import ChartSpec, build, draw, nice_step
from transforms.errors import ColumnNotFound, InputError
from workspace.sql import connect

SMALL = """(VALUES (1, 10.0, 'a', DATE '2020-01-01'), (2, 20.0, 'a', DATE '2020-01-15'), (3, 30.0, 'b', DATE '2020-02-01'),
 (4, NULL, 'b', DATE '2020-03-01'), (NULL, 50.0, NULL, NULL)) t(n, x, c, d)"""


@pytest.fixture
def con():
    found = connect()
    yield found
    found.close()


def marks(con, source=SMALL, **spec):
    data = build(con, source, ChartSpec(**spec))
    draw(data).to_json()
    return data, data.table.to_pylist()


def test_histogram_counts_every_known_row(con):
    data, found = marks(con, kind="histogram", x="n", bins=4)
    assert [(m["lo"], m["hi"], m["count"]) for m in found] == [(1, 2, 1), (2, 3, 1), (3, 4, 1), (4, 5, 1)]
    assert data.caption == "4 of 5 rows. Left out: 1 without a known n."


def test_bins_start_where_they_say(con):
    _, found = marks(con, "(VALUES (0.3), (0.6), (0.7)) t(x)", kind="histogram", x="x", bins=4)
    assert [(m["lo"], m["count"]) for m in found] == [(0.3, 1), (0.6, 1), (0.7, 1)]


def test_a_log_histogram_says_what_it_cannot_show(con):
    data, found = marks(
        con, "(VALUES (-1), (0), (1), (10), (100), (NULL)) t(x)", kind="histogram", x="x", bins=2, log_x=True
    )
    assert sum(m["count"] for m in found) == 3
    assert [m["lo"] for m in found] == pytest.approx([1, 10, 100])
    assert "1 without a known x, 2 zero or negative" in data.caption


def test_a_histogram_of_dates_uses_the_calendar(con):
    _, found = marks(con, kind="histogram", x="d", time_unit="month")
    assert [(m["lo"], m["hi"], m["count"]) for m in found] == [
        ("2020-01-01T00:00:00", "2020-02-01T00:00:00", 2),
        ("2020-02-01T00:00:00", "2020-03-01T00:00:00", 1),
        ("2020-03-01T00:00:00", "2020-04-01T00:00:00", 1),
    ]


def test_bars_keep_the_rest_and_the_missing(con):
    rows = "(VALUES ('a'), ('a'), ('a'), ('b'), ('b'), ('c'), ('d'), (NULL)) t(c)"
    data, found = marks(con, rows, kind="bar", x="c", top=2)
    assert {m["x"]: m["y"] for m in found} == {"a": 3, "b": 2, "(other)": 2, "(missing)": 1}
    assert data.orders["x"] == ["a", "b", "(other)", "(missing)"]
    assert data.used == 8 and "(other) is 2 more values of c." in data.caption


def test_bars_of_a_mean_leave_out_unknown_numbers(con):
    data, found = marks(con, kind="bar", x="c", y="x", aggregate="mean")
    assert {m["x"]: (m["y"], m["count"]) for m in found} == {"a": (15, 2), "b": (30, 1), "(missing)": (50, 1)}
    assert data.left_out == {"without a known x": 1}
    assert data.orders["x"] == ["b", "a", "(missing)"]


def test_a_line_by_month(con):
    data, found = marks(con, kind="line", x="d", y="x", aggregate="sum", time_unit="month")
    assert [(m["x"][:10], m["y"]) for m in found] == [("2020-01-01", 30), ("2020-02-01", 30)]
    assert "2 without a known d or x" in data.caption and "One point per month." in data.caption


def test_a_line_over_few_numbers_keeps_them(con):
    _, found = marks(con, kind="line", x="n", colour="c")
    assert [(m["x"], m["colour"], m["y"]) for m in found] == [(1, "a", 1), (2, "a", 1), (3, "b", 1), (4, "b", 1)]


def test_a_small_scatter_shows_each_row(con):
    data, found = marks(con, kind="scatter", x="n", y="x")
    assert data.shape == "points"
    assert [(m["x"], m["y"]) for m in found] == [(1, 10), (2, 20), (3, 30)]


@pytest.mark.parametrize("colour", [None, "c"])
def test_a_large_scatter_counts_all_rows_in_cells(con, colour):
    source = "(SELECT i % 100 AS x, (i * 7) % 83 AS y, i % 3 AS c FROM range(20000) r(i))"
    data, found = marks(con, source, kind="scatter", x="x", y="y", colour=colour)
    assert data.shape == ("bubbles" if colour else "density")
    assert sum(m["count"] for m in found) == 20000 and len(found) <= charts.MAX_MARKS
    assert "each mark counts the rows" in data.caption


def test_a_scatter_over_time_keeps_all_rows(con):
    source = "(SELECT TIMESTAMP '2020-01-01' + INTERVAL (i) MINUTE AS t, i % 10 AS y FROM range(6000) r(i))"
    _, found = marks(con, source, kind="scatter", x="t", y="y")
    assert sum(m["count"] for m in found) == 6000
    assert found[0]["x"] == "2020-01-01T00:00:00"


def test_boxes_by_hand(con):
    # 1..9 and 100: quartiles 3.25, 5.5, 7.75; whiskers within 1.5 * 4.5 = 6.75 of them; 100 lies beyond.
    rows = "(SELECT unnest([1, 2, 3, 4, 5, 6, 7, 8, 9, 100]) AS y)"
    (box,) = marks(con, rows, kind="box", y="y")[1]
    assert (box["q1"], box["median"], box["q3"], box["low"], box["high"], box["outliers"], box["max"]) == (
        3.25,
        5.5,
        7.75,
        1,
        9,
        1,
        100,
    )


def test_boxes_by_group_and_panel(con):
    _, found = marks(
        con, "(VALUES ('a', 'p', 1), ('a', 'p', 3), ('b', 'q', 5)) t(g, f, y)", kind="box", x="g", y="y", facet="f"
    )
    assert [(m["x"], m["facet"], m["median"]) for m in found] == [("a", "p", 2), ("b", "q", 5)]


def test_panels_show_their_own_rows(con):
    data, _ = marks(con, kind="histogram", x="n", facet="c")
    spec = json.loads(draw(data).to_json())
    assert "data" not in spec["spec"] and spec["data"]["values"]


def test_a_number_as_colour_is_cut_into_classes(con):
    data, found = marks(
        con, "(SELECT i AS x, i AS c FROM range(100) r(i))", kind="histogram", x="x", colour="c", bins=2
    )
    assert data.orders["colour"] == ["up to 19", "19 to 39", "39 to 59", "59 to 79", "over 79"]
    assert sum(m["count"] for m in found) == 100


def test_nan_and_infinity_are_left_out_and_counted(con):
    data, found = marks(con, "(VALUES (1.0::DOUBLE), ('nan'), ('inf'), (2)) t(x)", kind="histogram", x="x")
    assert sum(m["count"] for m in found) == 2 and data.left_out == {"without a known x": 2}


def test_a_table_without_rows(con):
    for spec in (
        {"kind": "histogram", "x": "n"},
        {"kind": "bar", "x": "c"},
        {"kind": "line", "x": "d"},
        {"kind": "scatter", "x": "n", "y": "x"},
        {"kind": "box", "y": "x"},
    ):
        data, found = marks(con, f"(SELECT * FROM {SMALL} WHERE false)", **spec)
        assert data.total == 0 and sum(m.get("count", 0) for m in found) == 0


def test_columns_with_odd_names(con):
    source = f"""(SELECT n AS "select", x AS "a""b", c AS "größe" FROM {SMALL})"""
    _, found = marks(con, source, kind="bar", x="größe", y='a"b', aggregate="max", colour="select")
    assert found


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"kind": "histogram"}, "needs a number or a date as x"),
        ({"kind": "histogram", "x": "c"}, "but 'c' is varchar"),
        ({"kind": "box", "x": "c"}, "needs a number as y"),
        ({"kind": "bar", "x": "c", "aggregate": "mean"}, "needs a number as y"),
    ],
)
def test_what_cannot_be_drawn_is_said(con, spec, said):
    with pytest.raises(InputError, match=said):
        marks(con, **spec)


def test_a_missing_column_is_named(con):
    with pytest.raises(ColumnNotFound, match="'nn' is not in the table"):
        marks(con, kind="bar", x="nn")


def test_downloads(con):
    data, _ = marks(con, kind="bar", x="c")
    assert charts.to_image(data, "png")[:4] == b"\x89PNG"
    assert b"<svg" in charts.to_image(data, "svg")
    page = charts.to_html(data)
    assert "<script src=" not in page
    assert charts.to_csv(data).decode().splitlines()[0] == '"c","rows","count"'


@pytest.mark.parametrize(
    ("step", "nice", "whole"), [(0.3, 0.5, 1), (2.1, 2.5, 5), (2.5, 2.5, 5), (26, 50, 50), (24, 25, 25), (1, 1, 1)]
)
def test_nice_steps(step, nice, whole):
    assert nice_step(step) == pytest.approx(nice)
    assert nice_step(step, whole=True) == whole
