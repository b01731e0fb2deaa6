"""The Privacy page: personal data."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
PAGE = "../pages/privacy.py"


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


def test_personal_data_is_named(app, people):
    at = app()
    found = at.dataframe[0].value
    assert list(found["Column"])[0] == "email" or "email" in list(found["Column"])
