"""Explore: ask a table questions. Charts of all rows, a quality report with fixes, and a look for personal data."""

from __future__ import annotations

import json
from collections import OrderedDict

import streamlit as st

from insights import charts, pii, report
from insights.charts import NEEDS, ChartSpec
from insights.profile import Profile, kind_of, profile
from shell.state import state
from shell.widgets import count, empty, guard, header, md, run_status, workspace
from workspace.datasets import DatasetVersion
from workspace.sql import connect, connection

CHART, QUALITY, PERSONAL = "Chart", "Quality report", "Personal data"
KINDS = {"histogram": "Histogram", "bar": "Bars", "line": "Line", "scatter": "Scatter", "box": "Boxes"}
NUMBER, TIME, TEXT, BOOL = "number", "time", "text", "bool"
X_KINDS = {
    "histogram": (NUMBER, TIME),
    "bar": (TEXT, BOOL, NUMBER, TIME),
    "line": (TIME, NUMBER),
    "scatter": (NUMBER, TIME),
    "box": (TEXT, BOOL, NUMBER, TIME),
}
Y_KINDS = {"bar": (NUMBER,), "line": (NUMBER,), "scatter": (NUMBER, TIME), "box": (NUMBER,)}
COLOUR = {"high": "red", "medium": "orange", "low": "blue"}
IN_BACKGROUND = 4_000_000  # cells; a larger table is profiled as a run, with progress and cancel
KEPT_PROFILES = 16
PURPOSE = "profile"


def main() -> None:
    header("Explore", "Ask the table questions. Every chart and figure is computed from all rows.")
    with guard():
        found = workspace().datasets.list()
        if not found:
            if empty(
                "No data to explore yet",
                "Here you draw charts of a dataset, read its quality report with a fix for each finding, and see which "
                "columns hold personal data. Import a table first, or take the sample data on the Data page.",
                icon=":material/bar_chart:", action="Go to Data", key="explore",
            ):  # fmt: skip
                st.switch_page("../pages/data.py")
            return
        version = choose(found)
        view = st.segmented_control(
            "View", [CHART, QUALITY, PERSONAL], default=CHART, key="explore_view", label_visibility="collapsed"
        )
        if view == QUALITY:
            quality_view(version)
        elif view == PERSONAL:
            personal_view(version)
        else:
            chart_view(version)


def choose(found: list[DatasetVersion]) -> DatasetVersion:
    names = [version.name for version in found]
    if st.session_state.get("explore_dataset") not in names:
        st.session_state["explore_dataset"] = state().dataset if state().dataset in names else names[0]
    left, right = st.columns([4, 1])
    name = left.selectbox("Dataset", names, key="explore_dataset")
    state().dataset = name
    versions = {version.version: version for version in workspace().datasets.versions(name)}
    return versions[right.selectbox("Version", list(versions), key=f"explore_version_{name}")]


# ---------------------------------------------------------------- charts


@st.cache_data(max_entries=256, show_spinner=False)
def column_kinds(content_hash: str, _version: DatasetVersion) -> dict[str, str]:
    with connection() as con:
        relation = _version.relation(con)
        return {name: kind_of(str(dtype)) for name, dtype in zip(relation.columns, relation.types, strict=True)}


@st.cache_data(max_entries=64, show_spinner="Counting all rows …")
def chart_data(content_hash: str, spec_json: str, _version: DatasetVersion) -> charts.ChartData:
    with connection() as con:
        return charts.build(con, _version.sql(), ChartSpec.model_validate_json(spec_json))


def chart_view(version: DatasetVersion) -> None:
    kinds = column_kinds(version.content_hash, version)
    ask, answer = st.columns([1, 2.6], gap="medium")
    with ask, st.container(key="card_chart"):
        spec = ask_chart(version, kinds)
    with answer:
        if spec is None:
            st.info("Choose columns on the left to draw the chart.", icon=":material/bar_chart:")
            return
        data = chart_data(version.content_hash, spec.model_dump_json(), version)
        st.markdown(f"##### {md(charts.title(spec))}")
        if not data.table.num_rows:
            st.info("No row has the values this chart needs. " + data.caption)
            return
        st.altair_chart(
            charts.draw(data, dark=st.context.theme.type == "dark", across=2, panel=190),
            width="stretch",
            alt=f"{charts.title(spec)}. {data.caption}",
        )
        words, menu = st.columns([3, 1.2], vertical_alignment="center")
        words.caption(md(data.caption))
        with menu.popover("Download", icon=":material/download:", width="stretch"):
            downloads(data, f"{version.name}-{spec.kind}")


def ask_chart(version: DatasetVersion, kinds: dict[str, str]) -> ChartSpec | None:
    """Ask for a chart; return None while a needed column is not chosen."""
    key = f"explore_{version.name}"
    kind = st.selectbox("Chart", list(KINDS), format_func=KINDS.get, key="explore_kind", persist_state="session")
    st.caption(NEEDS[kind])
    x = column_box("X" if kind != "box" else "Groups", kinds, X_KINDS[kind], f"{key}_x_{kind}", optional=kind == "box")
    aggregate, y = "count", None
    if kind in ("bar", "line"):
        aggregate = st.selectbox("Measure", ["count", "mean", "sum", "median", "min", "max"], key=f"{key}_aggregate",
                                 format_func=lambda a: "number of rows" if a == "count" else f"{a} of …")  # fmt: skip
    if kind in ("scatter", "box") or aggregate != "count":
        y = column_box("Y", kinds, Y_KINDS[kind], f"{key}_y_{kind}", avoid=x)
    any_kind = (TEXT, BOOL, NUMBER, TIME)
    colour = None if kind == "box" else column_box("Colour", kinds, any_kind, f"{key}_colour", optional=True)
    facet = column_box("Panels", kinds, any_kind, f"{key}_facet", optional=True)
    settings = more_settings(kind, kinds.get(x or ""), kinds.get(y or ""), key)
    if (x is None and kind != "box") or (y is None and (kind in ("scatter", "box") or aggregate != "count")):
        return None
    return ChartSpec(kind=kind, x=x, y=y, colour=colour, facet=facet, aggregate=aggregate, **settings)


def column_box(
    label: str,
    kinds: dict[str, str],
    allowed: tuple[str, ...],
    key: str,
    *,
    optional: bool = False,
    avoid: str | None = None,
) -> str | None:
    """Ask for a column of the allowed kinds, the fitting ones first."""
    options = (
        [name for kind in allowed for name, k in kinds.items() if k == kind]
        if len(allowed) < 4
        else [n for n, k in kinds.items() if k in allowed]
    )
    if allowed[0] == TEXT and not optional:
        options = [name for kind in allowed for name, k in kinds.items() if k == kind]
    if not options and not optional:
        st.caption(f"{label}: the table has no column of the kind this chart needs.")
        return None
    if st.session_state.get(key) not in (None, *options):
        del st.session_state[key]
    start = None if optional else next((i for i, name in enumerate(options) if name != avoid), 0)
    return st.selectbox(label, options, index=start, key=key, placeholder="none", persist_state="session")


def more_settings(kind: str, x_kind: str | None, y_kind: str | None, key: str) -> dict:
    with st.expander("More", icon=":material/tune:"):
        settings: dict = {}
        if kind == "histogram":
            settings["bins"] = st.slider("Bins, about", 5, 100, 30, key=f"{key}_bins")
        if kind in ("bar", "box"):
            settings["top"] = st.slider(
                "Categories", 2, 50, 20, key=f"{key}_top", help="The rest is shown as “(other)”."
            )
        if x_kind == TIME and kind in ("line", "histogram"):
            units = ["auto", "year", "quarter", "month", "week", "day", "hour", "minute"]
            settings["time_unit"] = st.selectbox("One point per", units, key=f"{key}_unit")
        if x_kind == NUMBER and kind in ("histogram", "scatter", "line"):
            settings["log_x"] = st.checkbox("Logarithmic x", key=f"{key}_logx")
        settings["log_y"] = st.checkbox("Logarithmic y", key=f"{key}_logy")
    return settings


def downloads(data: charts.ChartData, name: str) -> None:
    offered = [
        ("PNG", "png", "image/png", lambda: charts.to_image(data, "png")),
        ("SVG", "svg", "image/svg+xml", lambda: charts.to_image(data, "svg")),
        ("Web page (HTML)", "html", "text/html", lambda: charts.to_html(data)),
        ("Its figures (CSV)", "csv", "text/csv", lambda: charts.to_csv(data)),
    ]
    for label, suffix, mime, make in offered:
        st.download_button(
            label, make, f"{name}.{suffix}", mime, on_click="ignore", width="stretch", key=f"download_{suffix}"
        )


# ---------------------------------------------------------------- quality


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


# ---------------------------------------------------------------- personal data


@st.cache_data(max_entries=32, show_spinner="Looking at every value …")
def personal_data(content_hash: str, _version: DatasetVersion) -> pii.PiiReport:
    with connection() as con:
        return pii.find(con, _version.sql())


def personal_view(version: DatasetVersion) -> None:
    asked = f"explore_pii_{version.content_hash}"
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


main()
