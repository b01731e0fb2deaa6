"""The quality report of a dataset: figures of every column, and findings with the step that fixes each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from insights import quality, report
from insights.profile import Profile, profile
from insights.profile_difference import table_at
from insights.quality_rows import SHOWN, rows_of
from shell.answers import AT_ONCE, IN_BACKGROUND, answer
from shell.state import state
from shell.widgets import count, guard, md, workspace
from transforms import Recipe
from workspace.datasets import DatasetVersion
from workspace.sql import connection

COLOUR = {"high": "red", "medium": "orange", "low": "blue"}


@dataclass(frozen=True)
class Asked:
    """A table that the report is about: a version, or what a recipe makes of it up to a step."""

    key: list  # content hashes and settings
    title: str
    cells: int
    columns: list[str]
    at_once: int  # cells up to which one waits for the report
    open: Callable[[Any], str]  # connection → SQL to stand behind FROM


def profile_of(asked: Asked, target: str | None = None) -> Profile | None:
    """Return the profile: kept, made now, or (of a large table) by a run that is shown; None while it runs."""
    return answer(
        json.dumps(["profile", asked.key, target]),
        f"Profile {asked.title}" + (f" to predict {target}" if target else ""),
        lambda con, tell: profile(asked.open(con), con, target=target, on_progress=tell),
        at_once=asked.cells <= (min(AT_ONCE, asked.at_once) if target else asked.at_once),
        ask=None
        if target
        else (f"{asked.title} has {asked.cells:,} values: the report takes a while.", "Make the quality report"),
    )


def asked_of(version: DatasetVersion) -> Asked:
    names = [c["name"] for c in version.columns]
    cells = version.rows * len(names)
    return Asked([version.content_hash], version.ref, cells, names, IN_BACKGROUND, lambda con: version.sql())


def after_step(version: DatasetVersion, recipe_cell, step_cell) -> Asked:
    """Ask for a recipe and a step; return the table as it is there, or the version itself."""
    ws = workspace()
    names = [saved.name for saved in ws.recipes.list() if saved.steps]
    if not names:
        return asked_of(version)
    name = recipe_cell.selectbox("After a step of a recipe", names, index=None, placeholder="As it is", key="quality_at_recipe")  # fmt: skip
    if name is None:
        return asked_of(version)
    content = ws.recipes.get(name)
    recipe = Recipe.from_dict(content)
    steps = list(range(1, len(recipe.steps) + 1))
    step = step_cell.selectbox("Step", steps, index=len(steps) - 1, key=f"quality_at_step_{name}",
                               format_func=lambda n: f"{n}. {recipe.steps[n - 1].label()}")  # fmt: skip
    inputs = recipe_inputs(version, content)
    schemas = {key: {c["name"]: c["type"] for c in v.columns} for key, v in inputs.items()}
    columns = list(recipe.upto(step).output_schema(schemas))

    def open_(con) -> str:
        relations = {key: v.relation(con) for key, v in inputs.items()}
        table_at(con, recipe, relations, step).create("tilth_at_step")  # kept: it is read many times
        return "tilth_at_step"

    key = [{k: v.content_hash for k, v in inputs.items()}, recipe.upto(step).dump()]
    return Asked(key, f"{version.ref} after step {step} of {name}", version.rows * max(len(columns), 1), columns, AT_ONCE, open_)  # fmt: skip


def recipe_inputs(version: DatasetVersion, recipe: dict) -> dict[str, DatasetVersion]:
    """Return the version as a recipe's main input, and its other inputs as they were saved with it."""
    others = {key: ref for key, ref in recipe.get("sources", {}).items() if key != "main"}
    return {"main": version, **{key: workspace().datasets.get(ref) for key, ref in others.items()}}


def report_view(version: DatasetVersion) -> None:
    target_cell, recipe_cell, step_cell = st.columns(3)
    asked = after_step(version, recipe_cell, step_cell)
    target = target_cell.selectbox(
        "Column to predict", asked.columns, index=None, placeholder="None", key=f"quality_target_{version.name}",
        help="Adds what matters for a model: classes, leaks, what predicts the column, and how far a quick model gets.",
    )  # fmt: skip
    found = profile_of(asked, target)
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
    warnings_list(version, asked, found)
    parts = ["Columns", *(["Target"] if found.target else []), "Relations", "Odd rows", "Rules"]
    shown = {
        "Columns": columns_table,
        "Target": target_part,
        "Relations": relations,
        "Odd rows": odd_rows,
        "Rules": rules,
    }
    for part, tab in zip(parts, st.tabs(parts), strict=True):
        with tab:
            shown[part](found)
    for note in found.notes:
        st.caption(md(note))
    left, right, _ = st.columns([1, 1, 1.2])
    left.download_button("Report (HTML)", lambda: report.to_html(found, asked.title), f"{version.name}-profile.html", "text/html",
                         on_click="ignore", icon=":material/download:", width="stretch")  # fmt: skip
    right.download_button("Report (JSON)", lambda: json.dumps(found.as_json(), ensure_ascii=False), f"{version.name}-profile.json", "application/json",
                          on_click="ignore", icon=":material/download:", width="stretch")  # fmt: skip


def warnings_list(version: DatasetVersion, asked: Asked, found: Profile) -> None:
    st.subheader("Warnings", anchor=False)
    if not found.warnings:
        st.success("Nothing looks wrong by our rules.", icon=":material/check_circle:")
        return
    with st.container(height=min(380, 70 + 62 * len(found.warnings)), border=True):
        for place, warning in enumerate(found.warnings):
            level, words, rows, fix = st.columns([1.15, 4, 1, 2.2], vertical_alignment="center")
            level.badge(warning["severity"], color=COLOUR[warning["severity"]])
            words.markdown(f"**{md(warning['column'] or 'Whole table')}** · {md(warning['message'])}")
            if warning["where"] and rows.button("Rows", key=f"rows_{place}", width="stretch", help="Show these rows"):
                rows_dialog(asked, warning)
            if warning["fix"] and fix.button(report.fix_label(warning["fix"]), key=f"fix_{place}", icon=":material/add:", width="stretch",
                                             help="Add this fix to a recipe"):  # fmt: skip
                state().extra["pending_step"] = warning["fix"]
                state().dataset = version.name
                st.switch_page("../pages/prepare.py")


@st.dialog("Rows of a finding", width="large")
def rows_dialog(asked: Asked, warning: dict) -> None:
    st.markdown(f"**{md(warning['column'] or 'Whole table')}** · {md(warning['message'])}")
    with guard(), st.spinner("Looking for the rows …"), connection() as con:
        rows = rows_of(con, asked.open(con), warning)
        order = rows.columns
        if warning["column"] in order:  # the column that it is about stands first
            order = [warning["column"], *(name for name in order if name != warning["column"])]
        table = rows.to_arrow_table().select(order)
    st.dataframe(table, hide_index=True, key="quality_rows")
    st.caption(f"The first {SHOWN} of them." if table.num_rows >= SHOWN else f"{table.num_rows:,} rows.")


def columns_table(found: Profile) -> None:
    rows = [
        {"Column": c.name, "Type": c.type, "Looks like": c.meaning, "Spread": [b["count"] for b in c.histogram] or [t["count"] for t in c.top],
         "Missing": c.missing_share, "Distinct": c.distinct, "Outliers": c.outliers, "Smallest": report.said(c.min),
         "Median": report.said(c.quantiles.get("0.5")), "Mean": c.mean, "Largest": report.said(c.max)}
        for c in found.columns
    ]  # fmt: skip
    st.dataframe(rows, hide_index=True, height=min(520, 40 + 36 * len(rows)), placeholder="", column_config={
        "Column": st.column_config.TextColumn("Column", pinned=True),
        "Looks like": st.column_config.TextColumn("Looks like", help="The semantic type, told by the values"),
        "Spread": st.column_config.BarChartColumn("Spread", help="Histogram of numbers and dates; counts of the most frequent values otherwise"),
        "Missing": st.column_config.ProgressColumn("Missing", format="percent", min_value=0, max_value=1),
        "Distinct": st.column_config.NumberColumn("Distinct", format="localized"),
        "Outliers": st.column_config.NumberColumn("Outliers", format="localized", help="Beyond the median ± 5 robust deviations; empty where 9 of 10 values are equal"),
        "Mean": st.column_config.NumberColumn("Mean", format="%.4g"),
    })  # fmt: skip
    name = st.selectbox(
        "Look closer at", [c.name for c in found.columns], index=None, placeholder="a column", key="explore_closer"
    )
    if name:
        closer(found.column(name))


def closer(c) -> None:
    facts, top, patterns = st.columns([1.1, 1, 1])
    named = {"Looks like": c.meaning, "Missing": c.missing, "Distinct": c.distinct, "Invalid": c.invalid, "Standard deviation": c.std,
             "Robust deviation": c.robust_std, "Outliers": c.outliers, "Outliers below": c.outlier_low, "Outliers above": c.outlier_high,
             "Skewness": c.skewness, "Excess kurtosis": c.kurtosis,
             "Zeros": c.zeros, "Negative": c.negative, "Infinite": c.infinite, "Shortest": c.length_min, "Longest": c.length_max, "Mean length": c.length_mean,
             "Empty": c.empty, "White space only": c.white_space, "Padded": c.padded,
             **{f"Quantile {float(q):.0%}": v for q, v in c.quantiles.items()}}  # fmt: skip
    facts.dataframe([{"Fact": k, "Value": report.said(v)} for k, v in named.items() if v is not None], hide_index=True)
    if c.top:
        top.dataframe([{"Value": str(t["value"]), "Rows": t["count"]} for t in c.top], hide_index=True)
    if c.patterns:
        patterns.dataframe([{"Pattern": p["pattern"], "Rows": p["count"], "Such as": p["example"]} for p in c.patterns], hide_index=True)  # fmt: skip
        patterns.caption(
            "A capital letter is A, a small one a, a digit 9." + ("" if c.patterns_are_exact else " From a sample.")
        )


def target_part(found: Profile) -> None:
    t = found.target
    st.markdown(f"**{md(t['column'])}** · {md(t['task'])}: {md(t['reason'])}")
    left, right = st.columns(2)
    if t["classes"]:
        left.markdown("**Classes**")
        left.dataframe([{"Class": row["value"], "Rows": row["count"], "Share": row["count"] / (found.rows - t["missing"])} for row in t["classes"]],
                       hide_index=True, height=min(320, 40 + 36 * len(t["classes"])), column_config={
            "Share": st.column_config.ProgressColumn("Share", format="percent", min_value=0, max_value=1)})  # fmt: skip
    if t["powers"]:
        where = right if t["classes"] else left
        where.markdown("**Prediction power**", help="How well one small decision tree on this column alone tells the target: 2 · AUC - 1 for classes, R² for numbers. 1 is nearly always a leak.")  # fmt: skip
        where.dataframe([{"Column": p["column"], "Power": p["power"]} for p in t["powers"]], hide_index=True,
                        height=min(320, 40 + 36 * len(t["powers"])), column_config={
            "Power": st.column_config.ProgressColumn("Power", format="%.2f", min_value=0, max_value=1)})  # fmt: skip
    if model := t["model"]:
        quick_model(model)


def quick_model(model: dict) -> None:
    st.markdown("**Quick model**")
    st.caption(
        f"A {model['name']} on {model['rows']:,} rows, learnt on {model['train_rows']:,} and scored on {model['test_rows']:,} others: "
        "what can be expected, not what is best."
    )
    shown = {name: value for name, value in model["metrics"].items() if value is not None}
    for (name, value), cell in zip(shown.items(), st.columns(len(shown)), strict=True):
        usual = model["baseline"].get(name)
        cell.metric(name[:1].upper() + name[1:], report.figure(value),
                    help=None if usual is None else f"{report.figure(usual)} by always saying the most usual value")  # fmt: skip
    if model["confusion"]:
        st.markdown("**Confusion matrix**: rows are what is true, columns what the model says.")
        st.dataframe(
            [{"": label, **{f"says {other}": n for other, n in zip(model["labels"], row, strict=True)}} for label, row in zip(model["labels"], model["confusion"], strict=True)],
            hide_index=True,
        )  # fmt: skip


def relations(found: Profile) -> None:
    if not (found.correlations or found.associations or found.collinear):
        st.info("There are too few columns that can be compared.", icon=":material/grid_on:")
        return
    left, right = st.columns(2)
    if found.correlations:
        left.markdown("**Numbers** (Pearson)")
        left.dataframe(found.correlations, hide_index=True, height=min(320, 40 + 36 * len(found.correlations)), column_config={
            "a": "Column", "b": "Other column", "r": st.column_config.NumberColumn("r", format="%.3f")})  # fmt: skip
    if found.associations:
        right.markdown("**Categories** (Cramér's V; of a number: correlation ratio)")
        right.dataframe(found.associations, hide_index=True, height=min(320, 40 + 36 * len(found.associations)), column_config={
            "a": "Column", "b": "Other column", "value": st.column_config.NumberColumn("Value", format="%.3f"), "measure": "Measure"})  # fmt: skip
    if found.collinear:
        left.markdown("**Multicollinearity**", help="Variance inflation factor: 1 / (1 - R²) of a column on all others; from 5 high, from 10 a warning.")  # fmt: skip
        left.dataframe(found.collinear["columns"], hide_index=True, column_config={
            "column": "Column", "vif": st.column_config.NumberColumn("Inflation factor", format="%.1f")})  # fmt: skip
        values = ", ".join(f"{v:.2f}" for v in found.collinear["singular_values"])
        left.caption(f"Singular values: {values}. One near 0: some column is told by the others.")


def odd_rows(found: Profile) -> None:
    if not found.anomalies:
        st.info("An isolation forest needs 20 rows and two columns of numbers or categories.", icon=":material/scatter_plot:")  # fmt: skip
        return
    st.caption(
        f"The oddest of {found.anomalies['rows_looked_at']:,} rows by an isolation forest; a negative score is anomalous. "
        "Odd is not wrong: look at them."
    )
    st.dataframe([{"Score": r["score"], **{k: _cell(v) for k, v in r["row"].items()}} for r in found.anomalies["rows"]], hide_index=True,
                 column_config={"Score": st.column_config.NumberColumn("Score", format="%.3f", pinned=True)})  # fmt: skip


def _cell(value):
    return value if value is None or isinstance(value, str | int | float | bool) else report.said(value)


def rules(found: Profile) -> None:
    st.dataframe([{"Finding": title, "When": rule, "Code": code} for code, (title, rule) in quality.CODES.items()], hide_index=True,
                 column_config={"When": st.column_config.TextColumn("When", width="large")})  # fmt: skip
