"""Which columns of a dataset hold personal data."""

from __future__ import annotations

import streamlit as st

from insights import pii
from shell.quality_report import IN_BACKGROUND
from shell.widgets import md
from workspace.datasets import DatasetVersion
from workspace.sql import connection


@st.cache_data(max_entries=32, show_spinner="Looking at every value …")
def personal_data(content_hash: str, _version: DatasetVersion) -> pii.PiiReport:
    with connection() as con:
        return pii.find(con, _version.sql())


def personal_view(version: DatasetVersion) -> None:
    asked = f"pii_{version.content_hash}"
    if version.rows * len(version.columns) > IN_BACKGROUND and not st.session_state.get(asked):
        st.write(f"This table has {version.rows:,} rows: looking at every value takes a while.")
        if not st.button("Look for personal data", type="primary", key=f"{asked}_go"):
            return
        st.session_state[asked] = True
    found = personal_data(version.content_hash, version)
    rows = [
        {"Column": c.name, "Looks like": e.type.replace("_", " ").lower(), "Share": e.share, "Rows": e.rows, "Confidence": e.confidence, "Told by": e.evidence}
        for c in found.columns for e in c.entities
    ]  # fmt: skip
    if not rows:
        st.success("No personal data found by patterns, checksums or column names.", icon=":material/check_circle:")
    else:
        n = len(found.found)
        st.markdown(f"**{n} of {len(found.columns)} columns** seem{'s' if n == 1 else ''} to hold personal data.")
        st.dataframe(rows, hide_index=True, column_config={
            "Share": st.column_config.ProgressColumn("Share of values", format="percent", min_value=0, max_value=1),
            "Confidence": st.column_config.NumberColumn("Confidence", format="percent", help="0.95 and up: a pattern with a checksum or a strict form"),
        })  # fmt: skip
    st.caption(
        "Names, addresses, user names and passwords are told by the column's name. A column that is not listed may still hold personal data."
    )
    for note in found.notes:
        st.caption(md(note))
