"""What stands before publishing a dataset: its open personal data, and the reason to publish it all the same."""

from __future__ import annotations

import streamlit as st

from insights.pii import gate
from shell.widgets import md, workspace
from workspace.datasets import DatasetVersion


def personal_data_gate(version: DatasetVersion) -> None:
    """Warn of open personal data that is known already, and ask for a reason; an unknown version is looked at by the run."""
    seen = gate.known(workspace(), version.ref)
    if seen is None or seen.may_publish:
        return
    st.warning(
        f"**Personal data is open** in {md(seen.says())}. Hide it or decide about it on the Privacy page; columns that are not "
        "published do not count.",
        icon=":material/shield_person:",
    )
    st.text_input(
        "Publish it all the same, because",
        key=_key(version),
        placeholder="a reason, kept in the audit log",
        max_chars=300,
    )


def publish_reason(version: DatasetVersion) -> str | None:
    """Return the reason that was written, or None."""
    return (st.session_state.get(_key(version)) or "").strip() or None


def _key(version: DatasetVersion) -> str:
    return f"personal_data_reason_{version.ref}"
