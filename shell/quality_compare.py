"""What changed: between two versions, two datasets, or two steps of a recipe."""

from __future__ import annotations

import json

import streamlit as st

from insights import report
from insights.profile_difference import ColumnChange, Difference, compare, compare_steps
from shell.answers import AT_ONCE, answer
from shell.quality_report import recipe_inputs
from shell.widgets import count, md, workspace
from transforms import Recipe
from workspace.datasets import DatasetVersion

DATASET, STEPS = "Another dataset or version", "Steps of a recipe"


def compare_view(version: DatasetVersion) -> None:
    how = st.radio("Compare it with", [DATASET, STEPS], horizontal=True, key="quality_compare_with")
    found = with_dataset(version) if how == DATASET else with_steps(version)
    if found is not None:
        difference_view(found)


def with_dataset(version: DatasetVersion) -> Difference | None:
    ws = workspace()
    left, right, _ = st.columns([3, 1, 1])
    names = [other.name for other in ws.datasets.list()]
    name = left.selectbox("Before", names, index=names.index(version.name), key=f"quality_before_{version.name}")
    versions = {v.version: v for v in ws.datasets.versions(name) if v.ref != version.ref}
    if not versions:
        st.info(
            f"{version.name} has one version only. Choose another dataset, or import the data again when it has changed.",
            icon=":material/difference:",
        )
        return None
    # The version before this one, where there is one.
    usual = max((n for n in versions if n < version.version), default=max(versions)) if name == version.name else max(versions)  # fmt: skip
    before = versions[
        right.selectbox("Version", list(versions), index=list(versions).index(usual), key=f"quality_before_{version.ref}_{name}")
    ]  # fmt: skip
    st.caption(f"Before is {md(before.ref)}, after is {md(version.ref)}.")
    cells = version.rows * len(version.columns) + before.rows * len(before.columns)
    return answer(
        json.dumps(["difference", before.content_hash, version.content_hash]),
        f"Compare {version.ref} with {before.ref}",
        lambda con, tell: compare(con, before.sql(), version.sql(), on_progress=tell),
        at_once=cells <= AT_ONCE,
    )


def with_steps(version: DatasetVersion) -> Difference | None:
    ws = workspace()
    names = [saved.name for saved in ws.recipes.list() if saved.steps]
    if not names:
        st.info("There is no saved recipe with steps yet. Make one on the Prepare page.", icon=":material/difference:")
        return None
    name_cell, before_cell, after_cell = st.columns([2, 1.5, 1.5])
    name = name_cell.selectbox("Recipe", names, key="quality_recipe")
    content = ws.recipes.get(name)
    recipe = Recipe.from_dict(content)
    steps = range(len(recipe.steps) + 1)

    def said(n: int) -> str:
        return f"{n}. {recipe.steps[n - 1].label()}" if n else "As it came"

    before = before_cell.selectbox("Before: after step", steps, format_func=said, key=f"quality_step_before_{name}")
    after = after_cell.selectbox("After: after step", steps, index=len(steps) - 1, format_func=said, key=f"quality_step_after_{name}")  # fmt: skip
    inputs = recipe_inputs(version, content)
    return answer(
        json.dumps(["steps", {key: v.content_hash for key, v in inputs.items()}, recipe.dump(), before, after]),
        f"Compare steps {before} and {after} of {name}",
        lambda con, tell: compare_steps(
            con, recipe, {key: v.relation(con) for key, v in inputs.items()}, before, after, on_progress=tell
        ),
        at_once=version.rows * len(version.columns) <= AT_ONCE // 4,
    )


def difference_view(found: Difference) -> None:
    changed = found.changed()
    facts = st.columns(4)
    facts[0].metric(
        "Rows", count(found.after_rows), delta=found.after_rows - found.before_rows or None, delta_color="off"
    )
    facts[1].metric("Columns added", count(len(found.added)))
    facts[2].metric("Columns removed", count(len(found.removed)))
    facts[3].metric("Columns changed", count(len(changed)))
    for words, names in (("Added", found.added), ("Removed", found.removed)):
        if names:
            st.markdown(f"**{words}**: {', '.join(map(md, names))}")
    if not changed:
        st.success("No column that both have differs.", icon=":material/check_circle:")
    else:
        st.subheader("Changed most", anchor=False)
        st.dataframe(
            [{"Column": c.name, "Change": c.change, "What": " · ".join(c.says), "Type": c.before_type if c.before_type == c.after_type else f"{c.before_type} → {c.after_type}"} for c in changed],
            hide_index=True, height=min(420, 40 + 36 * len(changed)), column_config={
                "Change": st.column_config.ProgressColumn("Change", format="%.2f", min_value=0, max_value=1,
                                                          help="The greatest change of any figure: shares, distinct values, means and quantiles in standard deviations"),
                "What": st.column_config.TextColumn("What", width="large")},
        )  # fmt: skip
        name = st.selectbox("Look closer at", [c.name for c in changed], key="quality_compare_closer")
        closer(found.column(name))
    warnings_changed(found)


def closer(c: ColumnChange) -> None:
    left, right = st.columns(2)
    left.dataframe(
        [{"Figure": f["figure"], "Before": said(f["figure"], f["before"]), "After": said(f["figure"], f["after"])} for f in c.figures],
        hide_index=True,
    )  # fmt: skip
    if c.top:
        right.dataframe([{"Value": t["value"], "Rows before": t["before"], "Rows after": t["after"]} for t in c.top], hide_index=True)  # fmt: skip


def said(name: str, value) -> str:
    return f"{value:.1%}" if name in ("missing", "share of true") and value is not None else report.said(value)


def warnings_changed(found: Difference) -> None:
    for words, warnings, icon in (("New warnings", found.warnings_new, ":material/warning:"), ("Warnings gone", found.warnings_gone, ":material/check_circle:")):  # fmt: skip
        if warnings:
            with st.expander(f"{words} ({len(warnings)})", icon=icon, expanded=True):
                for w in warnings:
                    st.markdown(f"**{md(w['column'] or 'Whole table')}** · {md(w['message'])}")
