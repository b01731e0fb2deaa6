"""Explore: charts of all rows."""

from __future__ import annotations

import streamlit as st

from insights import charts
from insights.charts import NEEDS, ChartSpec
from shell.dataset_picker import choose_version, column_kinds
from shell.widgets import guard, header, md
from workspace.datasets import DatasetVersion
from workspace.sql import connection

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


def main() -> None:
    header("Explore", "Ask the table questions. Every chart is computed from all rows.")
    with guard():
        version = choose_version("explore", "Here you draw charts of a dataset.", ":material/bar_chart:")
        if version is not None:
            chart_view(version)


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


main()
