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


def test_every_kind_of_chart_draws(app, people):
    at = app()
    for kind in ("histogram", "bar", "line", "scatter", "box"):
        at.selectbox(key="explore_kind").select(kind).run()
        assert not at.exception and not at.error, (kind, at.exception, at.error)
        assert at.get("vega_lite_chart") or at.get("arrow_vega_lite_chart"), kind


def test_the_caption_counts_what_is_left_out(app, people):
    at = app()
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
