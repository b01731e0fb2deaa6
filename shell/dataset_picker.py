"""Choosing which version of which dataset a page asks about."""

from __future__ import annotations

import streamlit as st

from insights.profile import kind_of
from shell.state import state
from shell.widgets import empty, workspace
from workspace.datasets import DatasetVersion
from workspace.sql import connection


def choose_version(page: str, teach: str, icon: str) -> DatasetVersion | None:
    """Ask for a dataset and a version; return None where there is none yet, after saying what the page does.

    Args:
        page: makes the widgets' keys: `{page}_dataset`, `{page}_version_{name}`.
        teach: what the page is for, in a sentence or two.
    """
    found = workspace().datasets.list()
    if not found:
        words = f"{teach} Import a table first, or take the sample data on the Data page."
        if empty("No data yet", words, icon=icon, action="Go to Data", key=page):
            st.switch_page("../pages/data.py")
        return None
    names = [version.name for version in found]
    key = f"{page}_dataset"
    if st.session_state.get(key) not in names:
        st.session_state[key] = state().dataset if state().dataset in names else names[0]
    left, right = st.columns([4, 1])
    name = left.selectbox("Dataset", names, key=key)
    state().dataset = name
    versions = {version.version: version for version in workspace().datasets.versions(name)}
    return versions[right.selectbox("Version", list(versions), key=f"{page}_version_{name}")]


@st.cache_data(max_entries=256, show_spinner=False)
def column_kinds(content_hash: str, _version: DatasetVersion) -> dict[str, str]:
    """Return `{column: number, time, text, bool or other}` of a version."""
    with connection() as con:
        relation = _version.relation(con)
        return {name: kind_of(str(dtype)) for name, dtype in zip(relation.columns, relation.types, strict=True)}
