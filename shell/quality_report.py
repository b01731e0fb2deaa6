"""The quality report of a dataset: figures of every column, and findings with the step that fixes each."""

from __future__ import annotations

import json
from collections import OrderedDict

import streamlit as st

from insights import report
from insights.profile import Profile, profile
from shell.state import state
from shell.widgets import count, md, run_status, workspace
from workspace.datasets import DatasetVersion
from workspace.sql import connect, connection

COLOUR = {"high": "red", "medium": "orange", "low": "blue"}
IN_BACKGROUND = 4_000_000  # cells; a larger table is profiled as a run, with progress and cancel
KEPT_PROFILES = 16
PURPOSE = "profile"


@st.cache_resource(show_spinner=False)
def kept_profiles() -> OrderedDict[str, Profile]:
    """Profiles by content hash, newest last."""
    return OrderedDict()


def keep(content_hash: str, found: Profile) -> Profile:
    kept = kept_profiles()
    kept[content_hash] = found
    while len(kept) > KEPT_PROFILES:
        kept.popitem(last=False)
    return found


def profile_of(version: DatasetVersion) -> Profile | None:
    """Return the profile: kept, made now, or (of a large table) by a run that is shown; None while it runs."""
    content = version.content_hash
    if content in kept_profiles():
        return kept_profiles()[content]
    if version.rows * len(version.columns) <= IN_BACKGROUND:
        with st.spinner("Looking at all rows …"), connection() as con:
            return keep(content, profile(version.sql(), con))
    purpose = f"{PURPOSE} {content}"
    if purpose not in state().runs:
        st.write(
            f"This table has {version.rows:,} rows and {len(version.columns):,} columns: the report takes a while."
        )
        if st.button("Make the quality report", type="primary", icon=":material/fact_check:"):
            state().runs[purpose] = (
                workspace()
                .runs.start(PURPOSE, f"Profile {version.ref}", lambda handle: profile_run(handle, version))
                .id
            )
            st.rerun()
        return None
    run_status(state().runs[purpose], on_done=lambda run: state().runs.pop(purpose, None), key="profile")
    return kept_profiles().get(content)


def profile_run(handle, version: DatasetVersion) -> dict:
    con = connect()
    try:
        handle.on_cancel(con.interrupt)
        found = keep(version.content_hash, profile(version.sql(), con, on_progress=handle.progress))
        return {"dataset": version.ref, "warnings": len(found.warnings)}
    finally:
        con.close()


def quality_view(version: DatasetVersion) -> None:
    found = profile_of(version)
    if found is None:
        return
    cells = found.rows * len(found.columns)
    missing = sum(c.missing for c in found.columns)
    facts = st.columns(5)
    facts[0].metric("Rows", count(found.rows))
    facts[1].metric("Columns", count(len(found.columns)))
    facts[2].metric("Missing values", f"{missing / cells:.1%}" if cells else "–")
    facts[3].metric("Duplicate rows", count(found.duplicate_rows))
    facts[4].metric("Warnings", count(len(found.warnings)))
    warnings_list(version, found)
    columns_table(found)
    if found.correlations:
        with st.expander("Correlations", icon=":material/grid_on:"):
            st.dataframe(found.correlations, hide_index=True, column_config={
                "a": "Column", "b": "Other column", "r": st.column_config.NumberColumn("Pearson r", format="%.3f")})  # fmt: skip
    for note in found.notes:
        st.caption(md(note))
    left, right, _ = st.columns([1, 1, 1.2])
    left.download_button("Report (HTML)", lambda: report.to_html(found, version.ref), f"{version.name}-profile.html", "text/html",
                         on_click="ignore", icon=":material/download:", width="stretch")  # fmt: skip
    right.download_button("Report (JSON)", lambda: json.dumps(found.as_json(), ensure_ascii=False), f"{version.name}-profile.json", "application/json",
                          on_click="ignore", icon=":material/download:", width="stretch")  # fmt: skip


def warnings_list(version: DatasetVersion, found: Profile) -> None:
    st.subheader("Warnings", anchor=False)
    if not found.warnings:
        st.success("Nothing looks wrong by our rules.", icon=":material/check_circle:")
        return
    with st.container(height=min(380, 70 + 62 * len(found.warnings)), border=True):
        for place, warning in enumerate(found.warnings):
            level, words, button = st.columns([0.9, 4.4, 2.4], vertical_alignment="center")
            level.badge(warning["severity"], color=COLOUR[warning["severity"]])
            words.markdown(f"**{md(warning['column'] or 'Whole table')}** · {md(warning['message'])}")
            if warning["fix"] and button.button(report.fix_label(warning["fix"]), key=f"fix_{place}", icon=":material/add:", width="stretch",
                                                help="Add this fix to a recipe"):  # fmt: skip
                state().extra["pending_step"] = warning["fix"]
                state().dataset = version.name
                st.switch_page("../pages/prepare.py")


def columns_table(found: Profile) -> None:
    st.subheader("Columns", anchor=False)
    rows = [
        {"Column": c.name, "Type": c.type, "Spread": [b["count"] for b in c.histogram] or [t["count"] for t in c.top], "Missing": c.missing_share,
         "Distinct": c.distinct, "Smallest": report.said(c.min), "Median": report.said(c.quantiles.get("0.5")), "Mean": c.mean, "Largest": report.said(c.max)}
        for c in found.columns
    ]  # fmt: skip
    st.dataframe(rows, hide_index=True, height=min(520, 40 + 36 * len(rows)), column_config={
        "Spread": st.column_config.BarChartColumn("Spread", help="Histogram of numbers and dates; counts of the most frequent values otherwise"),
        "Missing": st.column_config.ProgressColumn("Missing", format="percent", min_value=0, max_value=1),
        "Distinct": st.column_config.NumberColumn("Distinct", format="localized"),
        "Mean": st.column_config.NumberColumn("Mean", format="%.4g"),
    })  # fmt: skip
    name = st.selectbox(
        "Look closer at", [c.name for c in found.columns], index=None, placeholder="a column", key="explore_closer"
    )
    if name:
        closer(found.column(name))


def closer(c) -> None:
    facts, top = st.columns(2)
    named = {"Missing": c.missing, "Distinct": c.distinct, "Standard deviation": c.std, "Skewness": c.skewness, "Excess kurtosis": c.kurtosis,
             "Zeros": c.zeros, "Negative": c.negative, "Infinite": c.infinite, "Outliers": c.outliers, "Shortest": c.length_min, "Longest": c.length_max,
             "Empty": c.empty, "White space only": c.white_space, "Padded": c.padded,
             **{f"Quantile {float(q):.0%}": v for q, v in c.quantiles.items()}}  # fmt: skip
    facts.dataframe([{"Fact": k, "Value": report.said(v)} for k, v in named.items() if v is not None], hide_index=True)
    if c.top:
        top.dataframe([{"Value": str(t["value"]), "Rows": t["count"]} for t in c.top], hide_index=True)
