"""Every page opens in a workspace without anything, and in one with a table."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.name for path in (ROOT / "pages").glob("*.py"))


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "one table"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens(page, filled, tmp_workspace):
    import streamlit as st

    import shell.widgets

    shell.widgets._open.clear()
    st.cache_data.clear()
    if filled:
        table = pa.table({"age": [20, 30, None], 'ci"ty': ["Ulm", "", "Bonn"], "e-mail": ["a@x.org", "b@x.org", None]})
        tmp_workspace.datasets.write("people", table, lineage={"how": "test"})
    at = AppTest.from_file(str(ROOT / "shell" / "main.py"), default_timeout=60).run()
    at.switch_page(f"../pages/{page}").run()
    shell.widgets._open.clear()
    assert not at.exception, at.exception
    assert not at.error, at.error
