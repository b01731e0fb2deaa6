"""Quality: what is in a dataset, what is wrong with it and what fixes it; what changed, what must hold, what drifts."""

from __future__ import annotations

import streamlit as st

from shell.dataset_picker import choose_version
from shell.drift_view import drift_view
from shell.expectations_view import expectations_view
from shell.quality_compare import compare_view
from shell.quality_report import report_view
from shell.widgets import guard, header

VIEWS = {  # label: a function of the version
    "Report": report_view,
    "Compare": compare_view,
    "Expectations": expectations_view,
    "Drift": drift_view,
}


def main() -> None:
    header("Quality", "What is in the table, what looks wrong, and the step that fixes it; from all rows.")
    with guard():
        version = choose_version(
            "quality",
            "Here you read the quality report of a dataset, with a fix for each finding.",
            ":material/fact_check:",
        )
        if version is None:
            return
        view = st.segmented_control(
            "View", list(VIEWS), default="Report", required=True, key="quality_view", label_visibility="collapsed"
        )
        VIEWS[view](version)


main()
