"""Models: train on a dataset or on point-in-time features, compare versions, approve, try one record."""

from __future__ import annotations

import json

import streamlit as st

from featurestore import FeatureStore, manifest_of
from shell.state import state
from shell.widgets import confirm, count, empty, guard, header, run_status, workspace
from training import ESTIMATORS, Predictor, Registry, train
from training.registry import Model
from transforms.errors import InputError

PURPOSE = "train"
SCORES = ("accuracy", "balanced_accuracy", "f1", "roc_auc", "log_loss", "r2", "mae", "rmse")
BADGES = {"approved": ":green-badge[approved]", "rejected": ":red-badge[rejected]", "pending": ":gray-badge[pending]"}


def main() -> None:
    header("Models", "Train on prepared rows, measure on rows the model has not seen, and approve what may be used.")
    with guard():
        if run_id := state().runs.get(PURPOSE):
            run_status(run_id, on_done=trained, key=PURPOSE)
        registry = Registry(workspace())
        models = registry.list()
        datasets = workspace().datasets.list()
        if not models:
            wanted = empty(
                "No model yet",
                "A **model** learns to predict one column from the others. It is measured on rows it has not seen, next to "
                "the score of simply guessing, and keeps the exact data and recipe it came from.",
                icon=":material/model_training:",
                action=None if datasets else "Import data first",
                key="models",
            )
            if wanted:
                st.switch_page("../pages/data.py")
        if datasets:
            with st.expander("Train a model", icon=":material/play_arrow:", expanded=not models):
                train_form(datasets)
        if models:
            compare(models)
            refs = [m.ref for m in reversed(models)]
            chosen = st.selectbox(
                "Model version", refs, index=refs.index(state().model) if state().model in refs else 0
            )
            state().model = chosen
            model_panel(registry, registry.get(chosen))


def trained(run) -> None:
    outcome = run.outcome or {}
    st.success(f"{outcome.get('name')}@{outcome.get('version')} is trained.", icon=":material/check_circle:")


def train_form(datasets: list) -> None:
    """Ask what to predict from what, then train as a run."""
    a, b, c = st.columns(3)
    names = [d.name for d in datasets]
    dataset = datasets[names.index(a.selectbox("Rows to learn from", names, help="With features: the labels."))]
    columns = [column["name"] for column in dataset.columns]
    target = b.selectbox("Predict", columns, index=len(columns) - 1)
    name = c.text_input("Name of the model", value=f"{dataset.name}-{target}"[:64])
    stored = [
        f"{group['name']}:{feature['name']}"
        for group in FeatureStore(workspace()).groups()
        if group["offline"] and all(key["name"] in columns for key in group["keys"])
        for feature in group["features"]
    ]
    joined = st.multiselect("Features from the store, as of each row's time", stored) if stored else []
    own = st.multiselect(
        "Columns of the dataset", [n for n in columns if n != target], help="Empty: every number and text column."
    )
    d, e, f, g = st.columns(4)
    estimator = d.selectbox("Estimator", list(ESTIMATORS), format_func=lambda key: ESTIMATORS[key][0])
    split = e.selectbox(
        "Test on", ["random", "time"], format_func={"random": "random rows", "time": "the newest rows"}.get
    )
    times = [x["name"] for x in dataset.columns if x["type"].startswith(("timestamp", "date"))]
    time = f.selectbox("Time column", times, disabled=not times) if joined or split == "time" else None
    share = g.slider("Share of test rows", 0.05, 0.5, 0.2, 0.05)
    if not st.button("Train", type="primary", icon=":material/play_arrow:"):
        return
    if (joined or split == "time") and not time:
        raise InputError(
            f"Dataset {dataset.name!r} has no time column.", hint="Parse one in a recipe, or test on random rows."
        )
    ws = workspace()

    def work(handle) -> dict:
        data, features = dataset, own or None
        if joined:
            handle.progress(0.1, "joining features as of each row's time")
            data = FeatureStore(ws).training_set(dataset, joined, time=time)
            features = [*own, *manifest_of(data)["columns"].values()]
        handle.progress(0.4, "training")
        model = train(
            ws,
            name,
            data,
            target=target,
            features=features,
            estimator=estimator,
            split=split,
            time=time,
            test_share=share,
        )
        return {"name": model.name, "version": model.version}

    state().runs[PURPOSE] = ws.runs.start("train", f"Train {name}", work).id
    state().model = None
    st.rerun()


def compare(models: list[Model]) -> None:
    rows = []
    for model in reversed(models):
        row = {
            "model": model.ref,
            "status": model.status,
            "estimator": ESTIMATORS[model.estimator][0],
            "target": model.target,
        }
        row |= {score: model.metrics[score] for score in SCORES if isinstance(model.metrics.get(score), float)}
        row["test rows"] = model.metrics["test_rows"]
        rows.append(row)
    formats = {score: st.column_config.NumberColumn(score.replace("_", " "), format="%.3f") for score in SCORES}
    st.dataframe(rows, hide_index=True, width="stretch", column_config=formats)


def model_panel(registry: Registry, model: Model) -> None:
    st.markdown(
        f"**{model.ref}** {BADGES[model.status]} {model.task} of `{model.target}` from {len(model.features)} columns"
    )
    with st.container(horizontal=True):
        for name, value in model.metrics.items():
            if isinstance(value, float):
                st.metric(name.replace("_", " "), f"{value:.3f}", border=True)
    measured, attempt, origin = st.tabs(["Errors", "Try one record", "Where it comes from"])
    with measured:
        confusion(model)
    with attempt, guard():
        try_record(model)
    with origin:
        origins(model)
    a, b, c, _ = st.columns([1, 1, 1, 4])
    if a.button("Approve", icon=":material/check:", disabled=model.status == "approved"):
        registry.set_status(model.ref, "approved")
        st.rerun()
    if b.button("Reject", icon=":material/close:", disabled=model.status == "rejected"):
        registry.set_status(model.ref, "rejected")
        st.rerun()
    with c:
        if confirm("Delete", f"Delete {model.ref}? This cannot be undone.", key=f"delete_{model.ref}"):
            registry.delete(model.ref)
            state().model = None
            st.rerun()


def confusion(model: Model) -> None:
    metrics = model.metrics
    st.caption(f"{count(metrics['train_rows'])} rows trained, {count(metrics['test_rows'])} rows tested.")
    for sentence in metrics.get("warnings", []):
        st.warning(sentence, icon=":material/warning:")
    if "confusion" not in metrics:
        st.markdown(
            f"On average the prediction is off by **{metrics['mae']:.4g}**; always answering the training mean would be off by "
            f"{metrics['baseline_mae']:.4g}."
        )
        return
    labels = [str(label) for label in metrics["confusion"]["labels"]]
    rows = [
        {"true": label, **dict(zip([f"predicted {x}" for x in labels], row, strict=True))}
        for label, row in zip(labels, metrics["confusion"]["matrix"], strict=True)
    ]
    st.dataframe(rows, hide_index=True, width="stretch")
    st.markdown(
        f"**{metrics['accuracy']:.1%}** of the test rows are right; always answering the commonest class would get "
        f"{metrics['baseline_accuracy']:.1%}."
    )


def try_record(model: Model) -> None:
    raw = (model.recipe or {}).get("inputs", {}).get("main")
    wanted = list(raw) if raw else [feature["name"] for feature in model.features]
    st.caption(
        "A raw record: it goes through the model's own recipe first." if raw else "A record with the model's columns."
    )
    given = st.text_area(
        "Record (JSON)",
        json.dumps(dict.fromkeys(wanted), indent=1, ensure_ascii=False),
        height=220,
        key=f"try_{model.ref}",
    )
    if not st.button("Predict", icon=":material/bolt:"):
        return
    try:
        record = json.loads(given)
    except ValueError as error:
        raise InputError(
            f"The record is not JSON: {error}.", hint='Write {"column": value}, texts in double quotes.'
        ) from error
    found = Predictor(workspace(), model.ref).predict([record])[0]
    if found.get("note"):
        st.info(found["note"], icon=":material/info:")
        return
    st.metric(f"Predicted {model.target}", str(found["prediction"]))
    if shares := found.get("probabilities"):
        st.bar_chart(shares, horizontal=True)


def origins(model: Model) -> None:
    arrows = workspace().lineage.of("model", model.ref)
    if arrows:
        rows = [{"from": f"{a.from_kind} {a.from_ref}", "to": f"{a.to_kind} {a.to_ref}", "by": a.how} for a in arrows]
        st.dataframe(rows, hide_index=True, width="stretch")
    else:
        st.caption("It was trained on a table that was handed over in memory.")
    with st.expander("Settings"):
        st.json({"settings": model.settings, "features": model.features, "artefact": model.artifact})
    st.code(f"tilth predict {model.ref} --record '{{…}}'", language="bash")


main()
