"""A chart on the page: drawn, explained, selected in, saved and downloaded; suggestions and the gallery of saved charts."""

from __future__ import annotations

import hashlib

import streamlit as st

from insights import charts
from insights.charts import ChartData, ChartSpec, SavedChart
from shell.answers import answer
from shell.chart_builder import filters, put, said, set_filters
from shell.state import state
from shell.widgets import guard, md, workspace
from transforms.errors import AppError
from workspace.datasets import DatasetVersion
from workspace.sql import connection, ident

AT_ONCE = 3_000_000  # rows; the chart of a larger table is counted by a run
SMALL_PICTURES_UP_TO = 2_000_000  # rows; of a larger table the cards have words only


@st.cache_data(max_entries=128, show_spinner="Counting all rows …")
def chart_data(content_hash: str, spec_json: str, _version: DatasetVersion) -> ChartData:
    with connection() as con:
        return charts.build(con, _version.sql(), ChartSpec.model_validate_json(spec_json))


@st.cache_data(max_entries=64, show_spinner=False)
def distinct_values(content_hash: str, _version: DatasetVersion) -> dict[str, int]:
    """Return about how many values each column has."""
    names = [column["name"] for column in _version.columns]
    counts = ", ".join(f"approx_count_distinct({ident(name)})" for name in names)
    with connection() as con:
        return dict(zip(names, con.execute(f"SELECT {counts} FROM {_version.sql()}").fetchall()[0], strict=True))


def large_chart(version: DatasetVersion, spec: ChartSpec) -> ChartData | None:
    """Return the chart of a large table, counted by a run that shows its progress and can be cancelled; None meanwhile."""
    return answer(
        f"chart {version.content_hash} {spec.model_dump_json()}",
        f"Chart of {version.ref}: {charts.title(spec)}",
        lambda con, progress: charts.build(con, version.sql(), spec),
        at_once=False,
    )


def is_dark() -> bool:
    return st.context.theme.type == "dark"


def show_chart(version: DatasetVersion, spec: ChartSpec) -> None:
    """Draw the chart with its caption; offer what was selected in it, saving, and files."""
    data = large_chart(version, spec) if version.rows > AT_ONCE else chart_data(version.content_hash, spec.model_dump_json(), version)  # fmt: skip
    if data is None:
        return
    head, keep, menu = st.columns([3.2, 1, 1.25], vertical_alignment="center")
    head.markdown(f"##### {md(charts.title(data.spec))}")
    with keep.popover("Save", icon=":material/bookmark_add:", width="stretch"):
        save_form(version.name, spec)
    if not data.table.num_rows:
        st.info("No row has the values this chart needs. " + md(data.caption))
        return
    with menu.popover("Download", icon=":material/download:", width="stretch"):
        downloads(data, f"{version.name}-{spec.kind}", version.sql())
    way = charts.selectable(data)
    drawn = charts.draw(data, dark=is_dark(), across=2, panel=270, select=bool(way))
    wide = "content" if spec.kind in ("map", "season") else "stretch"
    key = "chart_" + hashlib.sha1(f"{version.content_hash}{spec.model_dump_json()}".encode()).hexdigest()[:12]
    event = st.altair_chart(
        drawn,
        width=wide,
        key=key,
        on_select="rerun" if way else "ignore",
        alt=f"{charts.title(data.spec)}. {data.caption}",
    )
    hint = {"drag": " Drag over the chart to select rows.", "click": " Click marks to select rows (Shift for more)."}
    st.caption(md(data.caption) + hint.get(way, ""))
    if way and event and event.get("selection"):
        with guard():
            selected(version, data, dict(event["selection"]))


def selected(version: DatasetVersion, data: ChartData, selection: dict) -> None:
    """Offer to keep what was selected: as a filter of the chart, or as a step of a recipe."""
    types = {column["name"]: column["type"] for column in version.columns}
    found = charts.filters_of(data, selection, types=types, time_zone=st.context.timezone or "UTC")
    if not found:
        return
    new = [condition.model_dump() for condition in found]
    with st.container(key="card_selected"):
        words, keep, step = st.columns([3, 1.2, 1.5], vertical_alignment="center")
        words.markdown("Selected: " + " and ".join(md(said(one)) for one in new))
        keep.button("Keep only these", key="keep_selected", icon=":material/filter_alt:", width="stretch", on_click=set_filters,
                    args=(version.name, [*filters(version.name), *new]), help="Filter the chart; can be undone under Filters.")  # fmt: skip
        if step.button("Step in Prepare", key="step_selected", icon=":material/add:", width="stretch", help="Add “Filter rows” with these conditions to a recipe"):  # fmt: skip
            conditions = [*(f.model_dump() for f in data.spec.filters), *new]
            state().extra["pending_step"] = {"transform": "rows.filter", "settings": {"conditions": conditions}}
            state().dataset = version.name
            st.switch_page("../pages/prepare.py")


def save_form(dataset: str, spec: ChartSpec) -> None:
    name = st.text_input("Name", value=charts.title(spec)[:120], key=f"save_name_{charts.title(spec)}")
    if st.button("Save the chart", type="primary", key="save_chart"):
        kept = charts.save(workspace(), dataset, name, spec)
        st.toast(f"Saved as “{md(kept)}”.", icon=":material/bookmark_added:")


def downloads(data: ChartData, name: str, source: str) -> None:
    offered = [
        ("PNG", "png", "image/png", lambda: charts.to_image(data, "png")),
        ("SVG", "svg", "image/svg+xml", lambda: charts.to_image(data, "svg")),
        ("Web page (HTML)", "html", "text/html", lambda: charts.to_html(data)),
        ("Vega-Lite (JSON)", "json", "application/json", lambda: charts.to_json(data)),
        ("Its figures (CSV)", "csv", "text/csv", lambda: charts.to_csv(data)),
        ("Python code", "py", "text/x-python", lambda: charts.to_python(data, source)),
    ]
    for label, suffix, mime, make in offered:
        st.download_button(
            label, make, f"{name}.{suffix}", mime, on_click="ignore", width="stretch", key=f"download_{suffix}"
        )


# ---- cards


def small_chart(version: DatasetVersion, spec: ChartSpec, key: str) -> None:
    """Draw a chart as a small picture, without axis titles; a table too large for that shows its question in words."""
    if version.rows > SMALL_PICTURES_UP_TO:
        st.caption(md(charts.NEEDS[spec.kind]))
        return
    try:
        plain = spec.model_copy(update={"facet": None, "top": min(spec.top, 8)})
        data = chart_data(version.content_hash, plain.model_dump_json(), version)
        if data.table.num_rows:
            drawn = charts.draw(data, dark=is_dark(), height=150, panel=200)
            if spec.kind == "map":
                drawn = drawn.properties(width="container", height=150)
            st.altair_chart(plain_look(drawn), width="stretch",
                            key=key, alt=charts.title(spec))  # fmt: skip
            return
        st.caption("No row has the values this chart needs.")
    except AppError as error:
        st.caption(md(error.message))


def plain_look(drawn):
    """Return the chart without legend, with small letters, on the ground of its card."""
    clear = drawn.configure(background="transparent").configure_legend(disable=True)
    clear = clear.configure_axis(titleFontSize=9, titlePadding=2, labelFontSize=9, labelLimit=60)
    return clear.configure_axisX(labelOverlap=True, labelLimit=45).configure_text(opacity=0)


def suggestions(version: DatasetVersion, kinds: dict[str, str]) -> None:
    """Show charts worth a first look; a click opens one in the builder."""
    found = charts.suggest(kinds, distinct_values(version.content_hash, version))
    if not found:
        st.info("Choose a chart on the left.", icon=":material/bar_chart:")
        return
    st.markdown("##### Worth a first look")
    for start in range(0, len(found), 2):
        for place, ((spec, why), column) in enumerate(
            zip(found[start : start + 2], st.columns(2), strict=False), start
        ):
            with column, st.container(key=f"card_suggested_{place}"):
                st.markdown(f"**{md(charts.title(spec))}**")
                small_chart(version, spec, f"small_suggested_{version.name}_{place}")
                st.caption(md(why))
                st.button("Open chart", key=f"open_suggested_{place}", icon=":material/open_in_full:", on_click=put, args=(version.name, spec))  # fmt: skip


def gallery(version: DatasetVersion) -> None:
    """Show the charts saved with the dataset: open, rename, duplicate, delete with undo."""
    ws, dataset = workspace(), version.name
    saved = charts.list_saved(ws, dataset)
    if gone := st.session_state.get(f"deleted_chart_{dataset}"):
        words, button = st.columns([5, 1], vertical_alignment="center")
        words.info(f"“{md(gone['name'])}” was deleted.", icon=":material/delete:")
        button.button("Undo", key="undo_delete_chart", icon=":material/undo:", on_click=bring_back, args=(dataset,))
    if not saved:
        return
    st.subheader(f"Saved charts ({len(saved)})", anchor=False)
    columns = [column["name"] for column in version.columns]
    for start in range(0, len(saved), 3):
        for place, (one, column) in enumerate(zip(saved[start : start + 3], st.columns(3), strict=False), start):
            with column, st.container(key=f"card_saved_{place}"):
                saved_card(version, one, columns, place)


def saved_card(version: DatasetVersion, one: SavedChart, columns: list[str], place: int) -> None:
    st.markdown(f"**{md(one.name)}**")
    problem = one.problem(columns)
    if problem:
        st.warning(md(problem), icon=":material/warning:")
    else:
        small_chart(version, one.spec, f"small_saved_{version.name}_{place}")
    left, right = st.columns(2)
    left.button("Open chart", key=f"open_saved_{place}", icon=":material/open_in_full:", width="stretch", disabled=bool(problem),
                on_click=put, args=(version.name, one.spec))  # fmt: skip
    with right.popover("More", width="stretch"):
        name = st.text_input("Name", value=one.name, key=f"rename_{place}_{one.name}")
        if st.button("Rename", key=f"rename_saved_{place}", width="stretch"):
            with guard():
                charts.rename(workspace(), version.name, one.name, name)
                st.rerun()
        st.button("Duplicate", key=f"copy_saved_{place}", width="stretch", disabled=one.spec is None,
                  on_click=lambda: charts.save(workspace(), version.name, one.name, one.spec))  # fmt: skip
        st.button("Delete", key=f"delete_saved_{place}", width="stretch", icon=":material/delete:", on_click=remove, args=(version.name, one.name))  # fmt: skip


def remove(dataset: str, name: str) -> None:
    with guard():
        st.session_state[f"deleted_chart_{dataset}"] = charts.delete(workspace(), dataset, name)


def bring_back(dataset: str) -> None:
    charts.restore(workspace(), dataset, st.session_state.pop(f"deleted_chart_{dataset}"))
