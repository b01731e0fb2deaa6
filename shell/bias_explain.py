"""Explain a registered model on a dataset: which features matter, and what each added to some predictions."""

from __future__ import annotations

import streamlit as st

from shell.bias_mitigation import show_run
from shell.state import state
from shell.widgets import empty, md, workspace
from workspace.datasets import DatasetVersion
from workspace.sql import connection

SAMPLE, BACKGROUND, EXPLAINED = 1000, 40, 20  # rows: shuffled, drawn from, explained one by one
REGRESSION = "(the number itself)"


def explain_part(version: DatasetVersion) -> None:
    from training.registry import Registry

    models = [model for model in Registry(workspace()).list() if model]
    if not models:
        words = "Train a model on the Models page; then this part says which columns it goes by, over all rows and row by row."
        if empty("No model to explain yet", words, icon=":material/model_training:", action="Go to Models", key="bias_model"):  # fmt: skip
            st.switch_page("../pages/models.py")
        return
    left, right = st.columns(2)
    ref = left.selectbox("Model", [model.ref for model in models], key="bias_model")
    model = next(m for m in models if m.ref == ref)
    classes = classes_of(ref)
    wanted = right.selectbox("Probability of", classes, index=len(classes) - 1, key=f"bias_class_{ref}") if classes else REGRESSION  # fmt: skip
    asked = (version.content_hash, ref, wanted)
    purpose, kept = f"explain {hash(asked)}", state().extra.setdefault("explained", {})
    if purpose in state().runs:
        show_run(purpose, "explain")
    if purpose not in state().runs and asked not in kept:
        st.write(f"Takes up to {SAMPLE:,} rows of {md(version.ref)}, and explains {EXPLAINED} of them one by one.")
        if st.button("Explain", type="primary", icon=":material/lightbulb:", key="bias_explain"):
            ws = workspace()

            def work(handle):
                kept[asked] = explained(ws, ref, version, wanted, handle)
                return {"model": ref, "dataset": version.ref}

            state().runs[purpose] = ws.runs.start("explain", f"Explain {ref} on {version.ref}", work).id
            st.rerun()
    if asked in kept:
        show(kept[asked], model.target, wanted)


@st.cache_data(max_entries=64, show_spinner=False)
def classes_of(ref: str) -> list[str]:
    """Return the classes of a classifier as text; [] for a regression."""
    from training.predict import Predictor
    from training.train import CLASSIFICATION, plain

    predictor = Predictor(workspace(), ref)
    return [str(plain(c)) for c in predictor.pipeline.classes_] if predictor.model.task == CLASSIFICATION else []


def explained(ws, ref: str, version: DatasetVersion, wanted: str, handle) -> dict:
    """Return the importance of each feature, and the Shapley values of some rows, as `show` draws them."""
    import numpy as np
    import pyarrow.compute as pc

    from insights.explain import permutation_importance, shapley
    from training.columns import frame_of
    from training.predict import Predictor
    from training.train import CLASSIFICATION, plain

    predictor = Predictor(ws, ref)
    with connection() as con:
        query = f"SELECT * FROM {version.sql()} USING SAMPLE reservoir({SAMPLE} ROWS) REPEATABLE (0)"
        table = predictor.predict_table(con.sql(query).to_arrow_table())
    frame = frame_of(table, predictor.model.features)
    place = None
    if predictor.model.task == CLASSIFICATION:
        place = [str(plain(c)) for c in predictor.pipeline.classes_].index(wanted)

    def predict(rows):
        handle.check()
        return predictor.pipeline.predict(rows) if place is None else predictor.pipeline.predict_proba(rows)[:, place]

    shuffled = []
    target = predictor.model.target
    if target in table.column_names:
        column = table.column(target)
        there = np.asarray(pc.is_valid(column))
        if place is None:
            truth = np.asarray(pc.cast(column.filter(there), "float64"))
        else:
            truth = np.array([str(plain(v)) == wanted for v in column.filter(there).to_pylist()], dtype=float)
        if len(truth):
            shuffled = permutation_importance(
                predict, frame[there].reset_index(drop=True), truth, repeats=3,
                on_progress=lambda share: handle.progress(share / 2, "shuffling features"),
            )  # fmt: skip
    found = shapley(
        predict, frame.head(EXPLAINED), frame.tail(BACKGROUND), orders=4,
        on_progress=lambda share: handle.progress(0.5 + share / 2, "explaining rows"),
    )  # fmt: skip
    return {"shuffled": shuffled, "shapley": found, "rows": frame.head(EXPLAINED)}


def show(found: dict, target: str, wanted: str) -> None:
    answer = md(target) if wanted == REGRESSION else f"the probability of {md(f'{target} = {wanted}')}"
    values = found["shapley"]
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("##### What the model goes by")
        if found["shuffled"]:
            st.caption("How much the squared error grows when a column is shuffled, with the spread of three shuffles.")
            rows = [{"Column": one.feature, "Error grows by": one.mean, "±": one.std} for one in found["shuffled"]]
        else:
            st.caption(md(f"Mean size of each column's part; the table has no {target} to measure errors by."))
            rows = [{"Column": name, "Error grows by": value} for name, value in values.importance()]
        st.dataframe(rows, hide_index=True, height=min(440, 38 + 35 * len(rows)), column_config={
            "Error grows by": st.column_config.ProgressColumn("Error grows by" if found["shuffled"] else "Mean part", format="%.4f", min_value=0,
                                                              max_value=max(r["Error grows by"] for r in rows) or 1),
            "±": st.column_config.NumberColumn(format="%.4f")})  # fmt: skip
    with right:
        st.markdown("##### One row")
        place = st.selectbox("Row", range(len(values.predictions)), format_func=lambda i: f"row {i + 1}: {values.predictions[i]:.3f}", key="bias_row")  # fmt: skip
        st.caption(f"From {values.base:.3f}, the mean of {answer}, each column adds its part, to reach {values.predictions[place]:.3f} (Shapley values).")  # fmt: skip
        row = found["rows"].iloc[place]
        parts = [{"Column": name, "Value": str(row[name]), "Adds": float(v)} for name, v in zip(values.features, values.values[place], strict=True)]  # fmt: skip
        parts.sort(key=lambda part: -abs(part["Adds"]))
        st.dataframe(parts, hide_index=True, height=min(440, 38 + 35 * len(parts)), column_config={"Adds": st.column_config.NumberColumn(format="%+.4f")})  # fmt: skip
