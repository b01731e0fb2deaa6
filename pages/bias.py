"""Bias: does a group get the favourable outcome less often, in the labels and in predictions?"""

from __future__ import annotations

import json

import streamlit as st

from insights import bias
from insights.bias import Choice, FacetBias
from insights.bias.page import shown, shown_interval
from insights.profile import kind_of
from shell.bias_explain import explain_part
from shell.bias_groups import groups_part
from shell.bias_mitigation import mitigation_part
from shell.state import state
from shell.widgets import empty, guard, header, md, workspace
from workspace.datasets import DatasetVersion
from workspace.sql import connection, ident

VALUES, THRESHOLD = "Values", "Threshold"
SHOWN_VALUES = 200
COLOUR = {"high": "red", "medium": "orange", "low": "green", "none": "gray"}
REST = "everybody else"
VERDICT = {"alert": ("outside the allowed range", "red"), "fine": ("within the allowed range", "green"), "unclear": ("cannot be told", "gray")}  # fmt: skip
PAINT = ["#C2703D", "#4B6EA8"]  # the group, the rest


def main() -> None:
    header(
        "Bias",
        "Does a group get the good outcome less often than everybody else? Metrics by the definitions of SageMaker Clarify.",
    )
    with guard():
        found = workspace().datasets.list()
        if not found:
            if empty(
                "No data to measure yet",
                "You need a table with an **outcome** (loan granted, income over 50K), and a column that tells **groups** "
                "apart (sex, age). With a column of predictions, the model is measured too. A good first table is the UCI "
                "Adult census: import its CSV by path on the Data page, and ask whether income `>50K` depends on `sex`.",
                icon=":material/balance:", action="Go to Data", key="bias",
            ):  # fmt: skip
                st.switch_page("../pages/data.py")
            return
        version = choose(found)
        with st.container(key="card_bias"):
            question = ask(version)
        if question is None:
            st.info(
                "Choose the outcome, what is good to get, and the group to protect. Nothing is guessed.",
                icon=":material/balance:",
            )
            return
        answer(version, question)


def answer(version: DatasetVersion, question: tuple) -> None:
    """Show the part that is asked for; only that one is computed."""
    group, meet, lessen, explain = "This group", "Where groups meet", "Lessen it", "Explain a model"
    part = st.segmented_control("Part", [group, meet, lessen, explain], default=group, key="bias_part", label_visibility="collapsed")  # fmt: skip
    if part == meet:
        groups_part(version, question, column_kinds(version.content_hash, version))
    elif part == lessen:
        mitigation_part(version, question, column_kinds(version.content_hash, version))
    elif part == explain:
        explain_part(version)
    else:
        with_intervals = st.toggle("Intervals: what chance alone could do", value=True, key="bias_intervals", help="1,000 resamples of the counts (bootstrap, 95%). We say bias only where the whole interval is outside the allowed range.")  # fmt: skip
        show(measured(version.content_hash, *question, with_intervals, version), version)


def choose(found: list[DatasetVersion]) -> DatasetVersion:
    names = [version.name for version in found]
    if st.session_state.get("bias_dataset") not in names:
        st.session_state["bias_dataset"] = state().dataset if state().dataset in names else names[0]
    left, right = st.columns([4, 1])
    name = left.selectbox("Dataset", names, key="bias_dataset")
    state().dataset = name
    versions = {version.version: version for version in workspace().datasets.versions(name)}
    return versions[right.selectbox("Version", list(versions), key=f"bias_version_{name}")]


# ---------------------------------------------------------------- the question


@st.cache_data(max_entries=256, show_spinner=False)
def column_kinds(content_hash: str, _version: DatasetVersion) -> dict[str, str]:
    with connection() as con:
        relation = _version.relation(con)
        return {name: kind_of(str(dtype)) for name, dtype in zip(relation.columns, relation.types, strict=True)}


@st.cache_data(max_entries=256, show_spinner=False)
def values_of(content_hash: str, column: str, _version: DatasetVersion) -> dict[str, int]:
    """Return the most frequent values of a column as text, with their counts."""
    name = ident(column)
    query = f"SELECT {name}::VARCHAR, count(*) FROM {_version.sql()} WHERE {name} IS NOT NULL GROUP BY {name} ORDER BY 2 DESC, {name} LIMIT {SHOWN_VALUES}"
    with connection() as con:
        return dict(con.execute(query).fetchall())


@st.cache_data(max_entries=64, show_spinner="Counting all rows …")
def measured(
    content_hash: str,
    label: str,
    positive: Choice,
    facet: Choice,
    group: str | None,
    predicted: str | None,
    intervals: bool,
    _version: DatasetVersion,
):
    asked = {"label": label, "positive": positive, "group": group, "predicted": predicted, "intervals": intervals}
    with connection() as con:
        return bias.measure(con, _version.sql(), facets=[facet], **asked)


def ask(version: DatasetVersion) -> tuple | None:
    """Ask what to measure; None while something needed is open."""
    kinds = column_kinds(version.content_hash, version)
    usable = [name for name, kind in kinds.items() if kind != "other"]
    outcome, group_side = st.columns(2, gap="large")
    with outcome:
        label = st.selectbox(
            "Outcome", usable, index=None, key=f"bias_label_{version.name}", placeholder="the column with the label"
        )
        positive = ask_rows("Good to get", label, version, kinds, "positive") if label else None
        predicted = st.selectbox("Predicted outcome (optional)", [n for n in usable if n != label], index=None, key=f"bias_predicted_{version.name}",
                                 placeholder="none", help="A column with a model's answers, of the same kind as the outcome.")  # fmt: skip
    with group_side:
        facet_column = st.selectbox("Column that tells groups apart", [n for n in usable if n != label], index=None, key=f"bias_facet_{version.name}",
                                    placeholder="sex, age, region …")  # fmt: skip
        facet = ask_rows("Group to protect", facet_column, version, kinds, "facet") if facet_column else None
        strata = st.selectbox("Compare within (optional)", [n for n in usable if n not in (label, facet_column)], index=None,
                              key=f"bias_group_{version.name}", placeholder="none",
                              help="Rows are compared within each value of this column, such as the same occupation (CDDL).")  # fmt: skip
    if not (label and positive and facet):
        return None
    return label, positive, facet, strata, predicted


def ask_rows(label: str, column: str, version: DatasetVersion, kinds: dict[str, str], role: str) -> Choice | None:
    """Ask for values, or for a threshold of a number or date."""
    key = f"bias_{role}_{version.name}_{column}"
    how = VALUES
    if kinds[column] in ("number", "time"):
        how = st.segmented_control(f"{label}: by", [VALUES, THRESHOLD], default=VALUES, key=f"{key}_how") or VALUES
    if how == THRESHOLD:
        sign, bound = st.columns([1, 2])
        operator = sign.selectbox(label, [">", ">=", "<", "<="], key=f"{key}_operator")
        said = bound.text_input(
            "than", key=f"{key}_bound", placeholder="2024-01-31" if kinds[column] == "time" else "40"
        )
        return Choice(column, operator=operator, bound=said.strip()) if said.strip() else None
    counts = values_of(version.content_hash, column, version)
    chosen = st.multiselect(label, list(counts), key=f"{key}_values", format_func=lambda v: f"{v} ({counts[v]:,})" if v in counts else v,
                            placeholder="one value, or several together")  # fmt: skip
    if len(counts) == SHOWN_VALUES:
        st.caption(f"The {SHOWN_VALUES} most frequent values are offered.")
    return Choice(column, tuple(chosen)) if chosen else None


# ---------------------------------------------------------------- the answer


def show(report: bias.BiasReport, version: DatasetVersion) -> None:
    found = report.facets[0]
    readings = {r.metric: r for r in found.readings}
    st.subheader(md(readings["DPL"].says), anchor=False)
    rates(found, report)
    cards("In the labels", [readings[m] for m in bias.PRE_TRAINING if m in readings])
    st.caption(bias.SAME_FACT)
    if found.outcomes:
        over = ", ".join(f"{name} {value:.3f}".replace("inf", "∞") for name, value in found.outcomes.items())
        st.caption(md(f"Over all outcomes of {report.label}, not only the good one: {over}."))
    if report.predicted:
        cards("In the predictions", [readings[m] for m in bias.POST_TRAINING if m in readings])
    if found.is_small:
        st.warning("One of the two sides is small: what these figures show may be chance.", icon=":material/group:")
    for note in found.notes:
        st.caption(":material/info: " + md(note))
    with st.expander("Counts behind it", icon=":material/table:"):
        st.dataframe(counts_table(found), hide_index=True)
    with st.expander("How severity is decided", icon=":material/rule:"):
        st.write(
            "Our own rules, by the size of the value, whichever way it points. A high value asks for an explanation; it does not prove discrimination."
        )
        rules = [
            {"Metric": m, "Name": bias.NAMES[m], "Low up to": f"{low:.4g}", "Medium up to": f"{medium:.4g}"}
            for m, (low, medium) in bias.RULES.items()
        ]
        rules.append(
            {
                "Metric": "DI",
                "Name": bias.NAMES["DI"],
                "Low up to": "0.9 to 1.11",
                "Medium up to": "0.8 to 1.25 (four-fifths rule)",
            }
        )
        st.dataframe(rules, hide_index=True)
    left, right, _ = st.columns([1, 1, 2])
    left.download_button("Report (HTML)", lambda: bias.to_html(report, version.ref), f"{version.name}-bias.html", "text/html",
                         on_click="ignore", icon=":material/download:", width="stretch")  # fmt: skip
    right.download_button("Report (JSON)", lambda: json.dumps(report.as_json(), ensure_ascii=False, indent=1), f"{version.name}-bias.json",
                          "application/json", on_click="ignore", icon=":material/download:", width="stretch")  # fmt: skip


def rates(found: FacetBias, report: bias.BiasReport) -> None:
    """Draw the share with the good outcome, of the group and of the rest: as observed and as predicted."""
    c, who = found.counts, shown_group(found)
    shares = {"Observed": {who: (c["n_d_pos"], c["n_d"]), REST: (c["n_a_pos"], c["n_a"])}}
    if found.confusion:
        d, a = found.confusion["d"], found.confusion["a"]
        shares["Predicted"] = {who: (d.TP + d.FP, d.rows), REST: (a.TP + a.FP, a.rows)}
    most = max(good / rows for sides in shares.values() for good, rows in sides.values()) or 1
    for column, (title, sides) in zip(st.columns(len(shares)), shares.items(), strict=True):
        column.markdown(f"**{title}:** share with {md(f'{report.label} {report.positive}')}")
        said = ", ".join(f"{name} {good / rows:.1%}" for name, (good, rows) in sides.items())
        column.altair_chart(rate_chart(sides, most), width="stretch", alt=f"{title}: {said}")


def rate_chart(sides: dict[str, tuple[int, int]], most: float):
    import altair as alt

    rows = [{"who": who, "share": good / rows, "good": good, "rows": rows} for who, (good, rows) in sides.items()]
    order = list(sides)
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("who:N", title=None, sort=order, axis=alt.Axis(labelLimit=240)),
        x=alt.X("share:Q", title=None, axis=alt.Axis(format="%", tickCount=5), scale=alt.Scale(domain=[0, most * 1.35])),
        tooltip=[alt.Tooltip("who:N", title="who"), alt.Tooltip("share:Q", format=".1%"), alt.Tooltip("good:Q", format=","), alt.Tooltip("rows:Q", format=",")],
    )  # fmt: skip
    paint = alt.Color("who:N", legend=None, scale=alt.Scale(domain=order, range=PAINT))
    ink = "#E8ECE9" if st.context.theme.type == "dark" else "#1F2622"
    bars = base.mark_bar(size=24, cornerRadiusEnd=3).encode(color=paint)
    words = base.mark_text(align="left", dx=6, color=ink, fontSize=13).encode(text=alt.Text("share:Q", format=".1%"))
    return alt.layer(bars, words).properties(height=130)


def cards(title: str, readings: list[bias.Reading]) -> None:
    st.markdown(f"##### {title}")
    for start in range(0, len(readings), 4):
        for column, r in zip(st.columns(4), readings[start : start + 4], strict=False):
            with column.container(key=f"card_{r.metric}", height="stretch"):
                with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                    st.markdown(f"**{r.metric}**", help=bias.NAMES[r.metric], width="content")
                    st.badge(r.severity if r.severity != "none" else "not defined", color=COLOUR[r.severity])
                st.metric(
                    bias.NAMES[r.metric],
                    shown(r.value, 3),
                    label_visibility="collapsed",
                )
                if r.interval:
                    words, colour = VERDICT[r.verdict]
                    st.markdown(f":{colour}[{md(shown_interval(r))}: {words}]")
                st.caption(md(r.says))


def counts_table(found: FacetBias) -> list[dict]:
    c = found.counts
    rows = []
    for side, who in (("d", shown_group(found)), ("a", REST)):
        row = {"Group": who, "Rows": c[f"n_{side}"], "With the good outcome": c[f"n_{side}_pos"]}
        if confusion := found.confusion.get(side):
            row |= {"Rightly accepted (TP)": confusion.TP, "Wrongly accepted (FP)": confusion.FP,
                    "Wrongly refused (FN)": confusion.FN, "Rightly refused (TN)": confusion.TN}  # fmt: skip
        rows.append(row)
    return rows


def shown_group(found: FacetBias) -> str:
    return f"{found.facet} {found.value}" if found.value[:1] in "<>" else f"{found.facet} = {found.value}"


main()
