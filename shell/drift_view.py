"""Drift of a dataset: two versions compared, a watch over new versions, its figures over time, and alerts."""

from __future__ import annotations

import json

import altair as alt
import pandas as pd
import streamlit as st

from insights import drift, drift_watch
from shell.answers import AT_ONCE, answer
from shell.state import state
from shell.widgets import count, guard, md, workspace
from workspace.datasets import DatasetVersion

DRAWN = 6  # columns whose values are drawn
ICONS = {"none": ":material/check_circle:", "some": ":material/trending_up:", "strong": ":material/warning:"}
VERDICTS = {"none": "None", "some": "Some", "strong": "Strong", "not compared": "Not compared"}
ORDER = {"strong": 0, "some": 1, "none": 2, "not compared": 3}
METRICS = {
    "psi": "PSI",
    "ks": "KS",
    "js_distance": "Jensen-Shannon distance",
    "wasserstein_normalised": "Wasserstein (standard deviations)",
    "total_variation": "Total variation",
    "new_share": "Rows with a new category",
    "missing_change": "Change of the missing share",
}


def drift_notice() -> None:
    """Say on Home that there are open alerts, with the way to them."""
    found = drift_watch.alerts(workspace())
    if not found:
        return
    names = list(dict.fromkeys(a["dataset"] for a in found))
    with st.container(key="card_drift_alerts", horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch"):
            st.markdown(f":material/notifications_active: **{count(len(found))} drift alert{'s' if len(found) > 1 else ''}** in {md(', '.join(names[:5]))}")  # fmt: skip
            st.caption(md(found[0]["says"]))
        if st.button("Look", icon=":material/arrow_forward:", key="drift_look"):
            state().dataset = names[0]
            st.session_state["quality_dataset"], st.session_state["quality_view"] = names[0], "Drift"
            st.switch_page("../pages/quality.py")


def drift_view(version: DatasetVersion) -> None:
    alerts(version)
    st.subheader("Two versions", anchor=False)
    two_versions(version)
    watching(version)


def alerts(version: DatasetVersion) -> None:
    ws = workspace()
    found = drift_watch.alerts(ws, version.name)
    if found:
        with st.container(key="card_alerts"):
            st.markdown(
                f":material/notifications_active: **{count(len(found))} open alert{'s' if len(found) > 1 else ''}**"
            )
            chosen = st.dataframe(
                [{"Version": a["ref"], "Against": a["reference"], "What": a["says"], "When": a["at"].replace("T", " ")[:16]} for a in found],
                hide_index=True, on_select="rerun", selection_mode="multi-row", key=f"drift_alerts_{version.name}_{len(found)}", height=min(260, 38 + 35 * len(found)),
                column_config={"What": st.column_config.TextColumn(width="large")} | {n: st.column_config.TextColumn(width="small") for n in ("Version", "Against", "When")},
            ).selection.rows  # fmt: skip
            note, button = st.columns([4, 2], vertical_alignment="bottom")
            said = note.text_input("Note", key=f"drift_note_{version.name}_{len(found)}", placeholder="Why this is known or fine")  # fmt: skip
            label = f"Acknowledge {len(chosen)} chosen" if chosen else "Acknowledge all"
            if button.button(label, icon=":material/done:", key=f"drift_acknowledge_{version.name}"):
                with guard():
                    drift_watch.acknowledge(ws, [found[i]["id"] for i in chosen or range(len(found))], said)
                    st.rerun()
    seen = [a for a in drift_watch.alerts(ws, version.name, all_=True) if "acknowledged" in a]
    if seen:
        with st.expander(f"Acknowledged alerts ({len(seen)})", icon=":material/done_all:"):
            st.dataframe(
                [{"Version": a["ref"], "What": a["says"], "By": a["acknowledged"]["by"], "Note": a["acknowledged"]["note"], "When": a["acknowledged"]["at"].replace("T", " ")[:16]} for a in seen],
                hide_index=True,
            )  # fmt: skip


def choose_reference(version: DatasetVersion, label: str, key: str, usual: str | None = None) -> DatasetVersion | None:
    """Ask for another dataset version, of the same dataset first."""
    ws = workspace()
    own = [v for v in ws.datasets.versions(version.name) if v.ref != version.ref]
    before = [v for v in own if v.version < version.version]
    others = [o for v in ws.datasets.list() if v.name != version.name for o in ws.datasets.versions(v.name)]
    found = {v.ref: v for v in [*before, *[v for v in own if v not in before], *others]}
    if not found:
        return None
    refs = list(found)
    index = refs.index(usual) if usual in refs else 0
    return found[st.selectbox(label, refs, index=index, key=key)]


def two_versions(version: DatasetVersion) -> None:
    before = choose_reference(version, "Compare with", f"drift_before_{version.ref}")
    if before is None:
        st.info("There is nothing to compare with yet: this is the only version of the only dataset.", icon=":material/difference:")  # fmt: skip
        return
    cells = version.rows * len(version.columns) + before.rows * len(before.columns)

    def make(con, tell):
        if tell:
            tell(None, "Comparing the columns")
        report = drift.compare(con, before.sql(), version.sql())
        report.columns.sort(key=_place)
        drawn = [c for c in report.columns if c.verdict in ("some", "strong")][:DRAWN]
        return report, {c.name: drift.side_by_side(con, before.sql(), version.sql(), c.name) for c in drawn}

    found = answer(
        json.dumps(["drift", before.content_hash, version.content_hash]),
        f"Drift from {before.ref} to {version.ref}",
        make,
        at_once=cells <= AT_ONCE,
    )
    if found is not None:
        report_view(*found, before.ref, version.ref)


def _place(column: drift.ColumnDrift) -> tuple:
    return ORDER[column.verdict], -(column.psi or 0), column.name


def report_view(report: drift.DriftReport, drawn: dict[str, list[dict]], was: str, now: str) -> None:
    cells = st.columns(4)
    cells[0].metric("Drift", VERDICTS[report.verdict])
    cells[1].metric("Columns that drifted", count(sum(c.verdict in ("some", "strong") for c in report.columns)))
    cells[2].metric("Rows", count(report.current_rows), delta=report.current_rows - report.reference_rows or None, delta_color="off")  # fmt: skip
    cells[3].metric("Columns new · gone", f"{len(report.added)} · {len(report.removed)}")
    for words, names in (("New", report.added), ("Gone", report.removed)):
        if names:
            st.markdown(f"**{words}**: {', '.join(map(md, names))}")
    for note in report.notes:
        st.caption(md(note))
    st.dataframe(
        [
            {
                "Column": c.name, "Drift": VERDICTS[c.verdict], "PSI": c.psi, "KS": c.ks, "JS": c.js_distance, "Wasserstein": c.wasserstein_normalised,
                "New": c.new_share, "Missing": f"{c.reference_missing:.1%} → {c.current_missing:.1%}", "Why": " · ".join(c.reasons),
            }
            for c in report.columns
        ],
        hide_index=True, height=min(420, 38 + 35 * len(report.columns)),
        column_config={name: st.column_config.NumberColumn(format="%.3f") for name in ("PSI", "KS")} | {
            "JS": st.column_config.NumberColumn(format="%.3f", help="Jensen-Shannon distance, 0 to 1"),
            "Wasserstein": st.column_config.NumberColumn(format="%.3f", help="In standard deviations of the reference"),
            "New": st.column_config.NumberColumn(format="percent", help="Rows with a category that the reference does not have"),
        },
    )  # fmt: skip
    if drawn:
        kinds = {c.name: c.kind for c in report.columns}
        for start in range(0, len(drawn), 3):
            for cell, (name, bars) in zip(st.columns(3), list(drawn.items())[start : start + 3], strict=False):
                cell.markdown(f"**{md(name)}**")
                cell.altair_chart(overlaid(bars, kinds[name], was, now), key=f"drift_chart_{name}")


def overlaid(bars: list[dict], kind: str, was: str, now: str) -> alt.LayerChart:
    """Return both shares over each other: bars where the values were, a line or ticks where they are."""
    table = pd.DataFrame(bars)
    table["value"] = pd.to_datetime(table["value"], unit="s") if kind == "time" else table["value"]
    long = table.rename(columns={"reference": was, "current": now}).melt(
        "value", var_name="version", value_name="share"
    )
    colour = alt.Color("version:N", sort=[was, now], scale=alt.Scale(domain=[was, now]), legend=alt.Legend(title=None, orient="top", offset=2, labelFontSize=10, symbolSize=50, columnPadding=4, labelLimit=84))  # fmt: skip
    tips = [alt.Tooltip("version:N"), alt.Tooltip("value:N" if kind not in ("number", "time") else "value"), alt.Tooltip("share:Q", format=".1%")]  # fmt: skip
    share = alt.Y("share:Q", stack=None, axis=alt.Axis(format="%", title=None, tickCount=3))
    if kind in ("number", "time"):
        x = alt.X("value:T" if kind == "time" else "value:Q", axis=alt.Axis(title=None, tickCount=4))
        mark = alt.Chart(long).mark_area(opacity=0.4, interpolate="step-after", line=True)
        return mark.encode(x=x, y=share, color=colour, tooltip=tips).properties(height=200)
    y = alt.Y("value:N", sort=list(table["value"]), axis=alt.Axis(title=None, labelLimit=90))
    x = alt.X("share:Q", stack=None, axis=alt.Axis(format="%", title=None, tickCount=3))
    return alt.Chart(long).mark_bar().encode(x=x, y=y, yOffset=alt.YOffset("version:N", sort=[was, now]), color=colour, tooltip=tips).properties(height=200)  # fmt: skip


def watching(version: DatasetVersion) -> None:
    ws = workspace()
    st.subheader("Over time", anchor=False)
    watch = drift_watch.watch_of(ws, version.name)
    if watch is None:
        st.caption("Watch the dataset, and every new version is compared with a reference; strong drift raises an alert here and on Home.")  # fmt: skip
    else:
        st.caption(f"Every new version is compared with {md(watch.reference)}.")
        over_time(drift_watch.results(ws, version.name), watch)
    with st.expander("Change the watch" if watch else "Watch this dataset", icon=":material/visibility:"):
        watch_form(version, watch)


def over_time(results: list[dict], watch: drift_watch.Watch) -> None:
    if not results:
        st.info("No new version came since. The first one adds a point here.", icon=":material/show_chart:")
        return
    have = [m for m in METRICS if any(m in c for r in results for c in r["columns"].values())]
    left, right = st.columns([1, 2])
    metric = left.selectbox("Figure", have, format_func=METRICS.get, key=f"drift_metric_{watch.dataset}")
    last = results[-1]["columns"]
    names = sorted((n for n in last if metric in last[n]), key=lambda n: -last[n][metric])
    shown = right.multiselect("Columns", names, default=names[:5], key=f"drift_columns_{watch.dataset}_{metric}")
    rows = [{"n": n, "version": r["ref"], "column": name, "value": r["columns"][name][metric]}
            for n, r in enumerate(results) for name in shown if metric in r["columns"].get(name, {})]  # fmt: skip
    if not rows:
        return
    order = [r["ref"] for r in results]
    lines = alt.Chart(pd.DataFrame(rows)).mark_line(point=True).encode(
        x=alt.X("version:N", sort=order, axis=alt.Axis(title=None, labelAngle=0)), y=alt.Y("value:Q", title=METRICS[metric]),
        color=alt.Color("column:N", title=None), tooltip=["version", "column", alt.Tooltip("value:Q", format=".4f")],
    )  # fmt: skip
    line = watch.line(metric)
    rule = alt.Chart(pd.DataFrame([{"y": line}])).mark_rule(strokeDash=[4, 4]).encode(y="y:Q") if line else None
    st.altair_chart((lines + rule if rule is not None else lines).properties(height=260), key="drift_over_time")


def watch_form(version: DatasetVersion, watch: drift_watch.Watch | None) -> None:
    ws, name = workspace(), version.name
    refs = [v.ref for v in ws.datasets.versions(name)]
    refs += [o.ref for v in ws.datasets.list() if v.name != name for o in ws.datasets.versions(v.name)]
    trained = training_rows()
    usual = watch.reference if watch and watch.reference in refs else version.ref
    left, right = st.columns(2)
    reference = left.selectbox(
        "Reference", refs, index=refs.index(usual), key=f"drift_reference_{name}",
        format_func=lambda ref: f"{ref} · {', '.join(trained[ref])} learnt from it" if ref in trained else ref,
        help="What counts as normal: a version of this dataset, or the one that a model learnt from.",
    )  # fmt: skip
    known = [c["name"] for c in ws.datasets.get(reference).columns]
    columns = right.multiselect("Columns", known, default=[c for c in (watch.columns if watch else ()) if c in known], placeholder="All", key=f"drift_watched_{name}_{reference}")  # fmt: skip
    lines: dict[str, float | None] = {}
    cells = st.columns(4)
    for place, (metric, label) in enumerate(METRICS.items()):
        usual_line = drift_watch.LINES[metric]
        value = cells[place % 4].number_input(
            label, 0.0, value=watch.line(metric) if watch else usual_line, step=0.01, format="%.3f", key=f"drift_line_{name}_{metric}",
            help=f"An alert from this value on; empty for never. Usual: {usual_line:g}", placeholder="No alert",
        )  # fmt: skip
        if value != usual_line:
            lines[metric] = value
    with st.container(horizontal=True):
        if st.button("Save the watch" if watch else "Watch", type="primary", icon=":material/visibility:", key=f"drift_watch_{name}"):  # fmt: skip
            with guard():
                with st.spinner("Comparing the newest version …"):
                    drift_watch.watch(ws, name, reference, columns=columns, lines=lines)
                st.rerun()
        if watch and st.button("Stop watching", icon=":material/visibility_off:", key=f"drift_unwatch_{name}"):
            with guard():
                drift_watch.unwatch(ws, name)
                st.rerun()


def training_rows() -> dict[str, list[str]]:
    """Return {dataset version: models that learnt from it}."""
    from training.registry import Registry

    found: dict[str, list[str]] = {}
    for model in Registry(workspace()).list():
        if ref := model.lineage.get("dataset"):
            found.setdefault(ref, []).append(model.ref)
    return found
