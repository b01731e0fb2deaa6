"""Privacy: which columns hold personal data, who could be singled out by the rest, and figures that single out nobody."""

from __future__ import annotations

import streamlit as st

from shell.dataset_picker import choose_version
from shell.personal_data import personal_view
from shell.privacy_figures import figures_view
from shell.privacy_risk import risk_view
from shell.widgets import guard, header

VIEWS = {"Personal data": personal_view, "Re-identification": risk_view, "Private figures": figures_view}


def main() -> None:
    header("Privacy", "Which columns hold personal data, who could be singled out, and figures that single out nobody.")
    with guard():
        version = choose_version(
            "privacy", "Here you see which columns of a dataset hold personal data.", ":material/shield_person:"
        )
        if version is None:
            return
        view = st.segmented_control(
            "View",
            list(VIEWS),
            default="Personal data",
            required=True,
            key="privacy_view",
            label_visibility="collapsed",
        )
        VIEWS[view](version)


main()
