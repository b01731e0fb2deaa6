"""Lessen it: choose a method, see the metrics before and after on all rows, take the steps into a recipe."""

from __future__ import annotations

import streamlit as st

from insights import bias
from insights.bias.page import shown
from shell.state import state
from shell.widgets import md, run_status, workspace
from workspace.datasets import DatasetVersion
from workspace.sql import connect

HELP = {
    "reweigh": "Each row keeps its values and gets a weight, so that group and outcome become independent. The gentlest; the model must take weights.",
    "resample": "Rows of the group with the good outcome are repeated, others are removed, until the counts are those of independence.",
    "massage": "The group's most promising rows get the good outcome, as many of the rest lose it. It needs a score, and changes what was observed.",
}  # fmt: skip


def mitigation_part(version: DatasetVersion, question: tuple, kinds: dict[str, str]) -> None:
    label, positive, facet, group, predicted = question
    method = st.radio("Method", list(bias.METHODS), format_func=bias.METHODS.get, captions=list(HELP.values()), key="bias_method")  # fmt: skip
    score = negative = None
    if method == "massage":
        numbers = [name for name, kind in kinds.items() if kind == "number" and name != label]
        score = st.selectbox("Score: how near a row is to the good outcome", numbers, index=None, key=f"bias_score_{version.name}",
                             placeholder="a model's probability")  # fmt: skip
        negative = st.text_input("The other outcome (needed where there are more than two)", key=f"bias_negative_{version.name}").strip() or None  # fmt: skip
    asked = (version.content_hash, question, method, score, negative)
    purpose = f"bias {hash(asked)}"
    kept = state().extra.setdefault("bias_tried", {})
    if purpose in state().runs:
        show_run(purpose, "bias")
    if purpose not in state().runs and asked not in kept and st.button("Try it", type="primary", icon=":material/balance:", disabled=method == "massage" and not score):  # fmt: skip

        def work(handle):
            con = connect()
            try:
                handle.on_cancel(con.interrupt)
                handle.progress(0.1, "making the steps' result")
                kept[asked] = bias.mitigate(
                    con,
                    version.sql(),
                    method,
                    label=label,
                    positive=positive,
                    facet=facet,
                    group=group,
                    score=score,
                    negative=negative,
                )
                return {"dataset": version.ref, "method": method}
            finally:
                con.close()

        state().runs[purpose] = workspace().runs.start("bias", f"Try to {method} {version.ref}", work).id
        st.rerun()
    if asked in kept:
        result(version, kept[asked])


def show_run(purpose: str, key: str) -> None:
    """Show a run until it has ended, well or not; then what started it can be pressed again."""
    run = workspace().runs.get(state().runs[purpose])
    run_status(run.id, key=key, on_done=lambda run: None)
    if run.state not in ("queued", "running"):
        state().runs.pop(purpose, None)


def result(version: DatasetVersion, found: bias.Mitigation) -> None:
    before, after = found.before.facets[0], found.after.facets[0]
    st.subheader(md(next(r.says for r in after.readings if r.metric == "DPL")), anchor=False)
    rows = [
        {"Metric": name, "Name": bias.NAMES[name], "Before": shown(value), "After": shown(after.metrics.get(name))}
        for name, value in before.metrics.items()
    ]
    counts = {"n_d": "Rows of the group", "n_d_pos": "… with the good outcome", "n_a": "Other rows", "n_a_pos": "… with the good outcome"}  # fmt: skip
    rows += [{"Metric": "", "Name": said, "Before": f"{before.counts[k]:,}", "After": f"{after.counts[k]:,.6g}"} for k, said in counts.items()]  # fmt: skip
    st.dataframe(rows, hide_index=True, height=38 + 35 * len(rows))
    if found.after.weight:
        st.caption("After: rows count by their weights.")
    st.caption("This evens out the labels to learn from. Measure the new model's predictions here too.")
    left, right, _ = st.columns([1, 1, 1.4])
    if left.button("Add to a recipe", type="primary", icon=":material/add:", key="bias_add", width="stretch"):
        take(version, found.steps)
    right.download_button("Report (HTML)", lambda: bias.to_html(found.before, version.ref, mitigated=found), f"{version.name}-bias-{found.method}.html",
                          "text/html", on_click="ignore", icon=":material/download:", width="stretch")  # fmt: skip


def take(version: DatasetVersion, steps: list[dict]) -> None:
    """Open the step's form on the Prepare page; several steps start a recipe of their own."""
    from transforms import Recipe

    state().dataset = version.name
    if len(steps) == 1 and workspace().drafts.list():
        state().extra["pending_step"] = steps[0]
    else:
        taken = set(workspace().drafts.list())
        name = next(n for n in (f"{version.name} fairness{i or ''}" for i in range(len(taken) + 1)) if n not in taken)
        recipe = Recipe(name=name, inputs={"main": {c["name"]: c["type"] for c in version.columns}})
        for step in steps:
            recipe = recipe.add(step["transform"], step["settings"])
        workspace().drafts.start(recipe.dump() | {"sources": {"main": version.ref}})
        state().recipe = name
    st.switch_page("../pages/prepare.py")
