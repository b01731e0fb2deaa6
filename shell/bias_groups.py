"""Where groups meet: each combination of two or more columns against everybody else, worst first."""

from __future__ import annotations

import streamlit as st

from insights import bias
from insights.bias import Choice
from insights.bias.page import VERDICTS, shown, shown_interval
from shell.widgets import md
from workspace.datasets import DatasetVersion
from workspace.sql import connection

SHOWN = ("DPL", "DPPL", "DI", "RD", "AD")


@st.cache_data(max_entries=64, show_spinner="Counting all rows …")
def crossed(content_hash: str, facets: tuple[Choice, ...], question: tuple, by: str, _version: DatasetVersion):
    label, positive, _, group, predicted = question
    asked = {"label": label, "positive": positive, "group": group, "predicted": predicted}
    with connection() as con:
        return bias.intersect(con, _version.sql(), facets=facets, by=by, intervals=True, **asked)


def groups_part(version: DatasetVersion, question: tuple, kinds: dict[str, str]) -> None:
    """Ask for columns, and for a threshold of numbers and dates; show the groups."""
    label, _, facet, _, predicted = question
    usable = [name for name, kind in kinds.items() if kind != "other" and name not in (label, predicted)]
    names = st.multiselect("Columns whose groups meet", usable, default=[facet.column], max_selections=4, key=f"bias_cross_{version.name}_{facet.column}",
                           placeholder="two or more, such as sex and race")  # fmt: skip
    facets = []
    for name in names:
        bound = ""
        if kinds[name] in ("number", "time"):
            bound = st.text_input(
                f"{md(name)}: split at more than (empty: each value)", key=f"bias_cross_bound_{version.name}_{name}"
            ).strip()
        facets.append(Choice(name, operator=">", bound=bound) if bound else Choice(name))
    if len(facets) < 2:
        st.info("Choose a second column, such as race beside sex.", icon=":material/join_inner:")
        return
    metrics = [m for m in SHOWN if predicted or m == "DPL"]
    by = metrics[0]
    if len(metrics) > 1:
        by = st.segmented_control("Worst by", metrics, default="DPPL", key="bias_cross_by") or "DPPL"
    report = crossed(version.content_hash, tuple(facets), question, by, version)
    alerts = [one for one in report.facets if any(r.metric == by and r.verdict == "alert" for r in one.readings)]
    st.markdown(f"**{len(report.facets)} groups**, each against everybody else; {len(alerts)} with {by} outside the allowed range, chance considered.")  # fmt: skip
    st.dataframe(painted(report, metrics, by), hide_index=True, height=min(560, 38 + 35 * len(report.facets)))
    if any(one.is_small for one in report.facets):
        st.caption(f"Grey: fewer than {bias.SMALL} rows. They come last, since what they show may be chance.")
    st.download_button("Report (HTML)", lambda: bias.to_html(report, version.ref, crossed=report), f"{version.name}-bias-groups.html", "text/html",
                       on_click="ignore", icon=":material/download:")  # fmt: skip


def painted(report: bias.BiasReport, metrics: list[str], by: str):
    """Return the table with small groups in grey."""
    import pandas as pd

    rows = []
    for one in report.facets:
        found = {r.metric: r for r in one.readings}
        row = {"Group": one.value, "Rows": one.counts["n_d"], "Good outcome": f"{one.counts['n_d_pos'] / one.counts['n_d']:.1%}"}  # fmt: skip
        row |= {m: shown(found[m].value, 3) for m in metrics}
        rows.append(row | {f"{by}, 95%": shown_interval(found[by], 2), "Verdict": VERDICTS.get(found[by].verdict, "–")})
    grey = [one.is_small for one in report.facets]
    return pd.DataFrame(rows).style.apply(lambda row: ["color: #8A938D" if grey[row.name] else ""] * len(row), axis=1)
