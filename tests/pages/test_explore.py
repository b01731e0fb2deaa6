"""The Explore page: charts."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
PAGE = "../pages/explore.py"


@pytest.fixture
def app(tmp_workspace):
    """Return a function that opens the page inside the app, as a browser does."""
    import streamlit as st

    import shell.widgets

    shell.widgets._open.clear()
    st.cache_data.clear()
    st.cache_resource.clear()

    def open_() -> AppTest:
        at = AppTest.from_file(str(ROOT / "shell" / "main.py"), default_timeout=60).run()
        at.switch_page(PAGE).run()
        assert not at.exception, at.exception
        return at

    yield open_
    shell.widgets._open.clear()


@pytest.fixture
def people(tmp_workspace):
    table = pa.table(
        {
            "age": [20, 30, 40, 50, 60, None],
            'ci"ty': ["Ulm", "Ulm", "Bonn", "?", "Bonn", "Ulm"],
            "email": [f"p{i}@example.org" for i in range(6)],
            "born": pa.array([0, 86_400, 172_800, 259_200, 345_600, 432_000], pa.timestamp("s")).cast(
                pa.timestamp("us")
            ),
        }
    )
    return tmp_workspace.datasets.write("people", table, lineage={"how": "test"})


def captions(at):
    return " ".join(c.value for c in at.caption)


def test_an_empty_workspace_teaches(app):
    at = app()
    assert "No data yet" in at.markdown[0].value


def drawn(at) -> int:
    return len(at.get("vega_lite_chart") or at.get("arrow_vega_lite_chart"))


def test_an_empty_builder_suggests_charts(app, people):
    at = app()
    assert any("Worth a first look" in m.value for m in at.markdown) and drawn(at) >= 3
    at.button(key="open_suggested_0").click().run()
    assert at.selectbox(key="explore_kind").value == "line" and "All 6 rows." in captions(at)


KINDS = ("histogram", "bar", "line", "area", "scatter", "box", "violin", "heatmap", "correlation", "series", "season")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_chart_draws(app, people, kind):
    at = app()
    at.selectbox(key="explore_kind").select(kind).run()
    if kind == "season":
        at.number_input(key="explore_people_period").set_value(2).run()
    assert not at.exception and not at.error, (kind, at.exception, at.error)
    assert drawn(at) == 1


def test_a_map_needs_numbers_and_says_what_is_not_on_earth(app, tmp_workspace):
    tmp_workspace.datasets.write("towns", pa.table({"lat": [48.4, 50.7, 99.0], "lon": [10.0, 7.1, 7.0]}), lineage={})
    at = app()
    at.button(key="open_suggested_0").click().run()
    assert at.selectbox(key="explore_kind").value == "map" and not at.error
    assert "1 outside 180 degrees" in captions(at)


def test_a_filter_is_added_removed_and_undone(app, people):
    at = app()
    at.selectbox(key="explore_kind").select("bar").run()
    at.selectbox(key="explore_people_where").select("age").run()
    at.selectbox(key="explore_people_test").select("is at least").run()
    at.text_input(key="explore_people_val").set_value("40").run()
    at.button(key="explore_people_add").click().run()
    assert "3 that the filters do not keep" in captions(at)
    at.button(key="explore_people_drop_0").click().run()
    assert "All 6 rows." in captions(at)
    at.button(key="explore_people_undo_filters").click().run()
    assert "3 that the filters do not keep" in captions(at)


def test_a_filter_that_does_not_fit_is_said(app, people):
    at = app()
    at.selectbox(key="explore_kind").select("bar").run()
    at.selectbox(key="explore_people_where").select("age").run()
    at.text_input(key="explore_people_val").set_value("tall").run()
    at.button(key="explore_people_add").click().run()
    assert "'tall' does not fit column 'age'" in at.error[0].value and not at.exception


def test_charts_are_saved_opened_copied_deleted_and_brought_back(app, people, tmp_workspace):
    from insights import charts

    def names():
        return [one.name for one in charts.list_saved(tmp_workspace, "people")]

    at = app()
    at.selectbox(key="explore_kind").select("histogram").run()
    at.selectbox(key="explore_people_x_histogram").select("age").run()
    at.button(key="save_chart").click().run()
    assert names() == ["Spread of age"]
    at.button(key="copy_saved_0").click().run()
    assert names() == ["Spread of age", "Spread of age (2)"]
    at.button(key="delete_saved_0").click().run()
    assert names() == ["Spread of age (2)"]
    at.button(key="undo_delete_chart").click().run()
    assert names() == ["Spread of age", "Spread of age (2)"]
    at.selectbox(key="explore_kind").select("bar").run()
    at.button(key="open_saved_0").click().run()
    assert at.selectbox(key="explore_kind").value == "histogram" and not at.exception


def test_a_saved_chart_of_gone_columns_is_a_sentence(app, people, tmp_workspace):
    from insights import charts

    charts.save(tmp_workspace, "people", "Old", charts.ChartSpec(kind="bar", x="shoe size"))
    at = app()
    assert "has no column 'shoe size'" in at.warning[0].value and not at.exception


def test_a_selection_becomes_a_filter_or_a_step(app, people, monkeypatch):
    import shell.chart_view
    from shell.chart_view import selected

    assert callable(selected)
    told = {}
    monkeypatch.setattr(shell.chart_view.st, "altair_chart", lambda *a, **k: told.setdefault("event", {"selection": {"brush": {"lo": [25, 45]}}}))  # fmt: skip
    at = app()
    at.selectbox(key="explore_kind").select("histogram").run()
    at.selectbox(key="explore_people_x_histogram").select("age").run()
    assert any("Selected: age is between 25 … 45" in m.value for m in at.markdown)
    at.button(key="keep_selected").click().run()
    assert "4 that the filters do not keep" in captions(at)


def test_the_caption_counts_what_is_left_out(app, people):
    at = app()
    at.selectbox(key="explore_kind").select("histogram").run()
    at.selectbox(key="explore_people_x_histogram").select("age").run()
    assert "5 of 6 rows" in captions(at)
    assert "1 without a known age" in captions(at)


def test_a_measure_asks_for_a_column(app, people):
    at = app()
    at.selectbox(key="explore_kind").select("bar").run()
    at.selectbox(key="explore_people_aggregate").select("mean").run()
    at.selectbox(key="explore_people_y_bar").select("age").run()
    assert not at.error and not at.exception
    assert any("Mean of age by" in m.value for m in at.markdown)


def test_a_large_table_is_counted_by_a_run(app, people, monkeypatch):
    import time

    from shell import chart_view

    monkeypatch.setattr(chart_view, "AT_ONCE", 5)
    at = app()
    at.selectbox(key="explore_kind").select("histogram").run()
    for _ in range(100):
        if at.get("vega_lite_chart") or at.get("arrow_vega_lite_chart"):
            break
        time.sleep(0.1)
        at.run()
    assert not at.exception
    assert at.get("vega_lite_chart") or at.get("arrow_vega_lite_chart")
    from shell.widgets import workspace

    (run,) = workspace().runs.list()
    assert run.title.startswith("Chart of people@1") and run.state == "done"
