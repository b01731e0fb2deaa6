"""Explore: charts of all rows."""

from __future__ import annotations

import streamlit as st

from shell.chart_builder import ask_chart
from shell.chart_view import gallery, show_chart, suggestions
from shell.dataset_picker import choose_version, column_kinds
from shell.widgets import guard, header


def main() -> None:
    header("Explore", "Ask the table questions. Every chart is computed from all rows.")
    with guard():
        version = choose_version("explore", "Here you draw charts of a dataset.", ":material/bar_chart:")
        if version is None:
            return
        kinds = column_kinds(version.content_hash, version)
        ask, answer = st.columns([1, 2.6], gap="medium")
        with ask, st.container(key="card_chart"), guard():
            spec = ask_chart(version.name, kinds)
        with answer, guard():
            if spec is not None:
                show_chart(version, spec)
            elif st.session_state.get("explore_kind"):
                st.info("Choose columns on the left to draw the chart.", icon=":material/bar_chart:")
            else:
                suggestions(version, kinds)
        gallery(version)


main()
