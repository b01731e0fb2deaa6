"""Models: train on a dataset or on point-in-time features, compare versions, approve, try one record."""

from __future__ import annotations

import json
import re
import shlex

import streamlit as st

from featurestore import FeatureStore, manifest_of
from shell.state import state
from shell.widgets import confirm, count, empty, guard, header, run_status, workspace
from training import ESTIMATORS, Predictor, Registry, example_record, suggested_task, train
from training.registry import Model
from transforms.errors import InputError
from workspace.names import check_name

PURPOSE = "train"
TARGETS = ("label", "target", "y", "class", "outcome")
SCORES = {  # metric → its name on the screen and what it says
    "accuracy": ("Accuracy", "Share of the test rows that are right"),
    "baseline_accuracy": ("Accuracy of guessing", "Always answering the commonest class"),
    "balanced_accuracy": ("Balanced accuracy", "Mean share right per class, so rare classes count as much"),
    "precision": ("Precision", "Of those predicted to be in a class, the share that is; mean over the classes"),
    "recall": ("Recall", "Of those in a class, the share that was found; mean over the classes"),
    "f1": ("F1", "Harmonic mean of precision and recall; mean over the classes"),
    "roc_auc": ("ROC AUC", "How well the two classes are told apart: 0.5 is guessing, 1 is perfect"),
    "log_loss": ("Log loss", "How far the probabilities are off; lower is better"),
    "r2": ("R²", "Share of the variation that is explained: 0 is guessing the mean, 1 is perfect"),
    "mae": ("Mean error", "Mean absolute error, in the unit of the target"),
    "rmse": ("RMSE", "Root mean squared error: large errors count more"),
    "baseline_mae": ("Mean error of guessing", "Always answering the training mean"),
}
NO_BETTER = "That is no better than guessing: these columns say little about the target, or the rows are too few."
BADGES = {"approved": ":green-badge[approved]", "rejected": ":red-badge[rejected]", "pending": ":gray-badge[pending]"}


def main() -> None:
    header("Models", "Train on prepared rows, measure on rows the model has not seen, and approve what may be used.")
    with guard():
        with st.container():  # always there, so that what stands below keeps its place and stays open
            if run_id := state().runs.get(PURPOSE):
                run_status(run_id, on_done=trained, key=PURPOSE)
        registry = Registry(workspace())
        models = sorted(registry.list(), key=lambda m: m.created_at)
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
    made = run.outcome
    if state().extra.get(PURPOSE) != run.id:  # the first time that it is shown
        state().extra[PURPOSE], state().model = run.id, f"{made['name']}@{made['version']}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.success(f"{made['name']}@{made['version']} is trained.", icon=":material/check_circle:")
        if st.button("", icon=":material/close:", key="hide_trained", help="Hide"):
            state().runs.pop(PURPOSE, None)
            st.rerun()


def train_form(datasets: list) -> None:
    """Ask what to predict from what, then train as a run."""
    a, b, c = st.columns(3)
    names = [d.name for d in datasets]
    place = names.index(state().dataset) if state().dataset in names else 0
    chosen = a.selectbox("Rows to learn from", names, index=place, help="With features from the store: the labels.")
    dataset = datasets[names.index(chosen)]
    columns = [column["name"] for column in dataset.columns]
    place = next((columns.index(n) for n in columns if n.lower() in TARGETS), None)
    target = b.selectbox("Predict", columns, index=place, placeholder="Choose a column", key=f"target_{dataset.name}")
    if target is None:
        c.text_input("Name of the model", value="", disabled=True)
        st.caption("Choose the column that the model should predict; the rest is filled in.")
        return
    task = suggested(dataset.ref, target)
    name = c.text_input(
        "Name of the model", value=model_name(dataset.name, target), key=f"name_{dataset.name}_{target}"
    )
    joined = st.multiselect(
        "Features from the store, as of each row's time",
        features_for(columns, target),
        help="Each row gets what was known at its own time. A feature called like the target is not offered.",
    )
    own = st.multiselect(
        "Columns of the dataset",
        [n for n in columns if n != target],
        help="Empty: every number and text column that is no name or identifier; none where features are chosen above.",
    )
    d, e, f, g = st.columns(4)
    fitting = [key for key, (_, tasks, _) in ESTIMATORS.items() if task in tasks]
    estimator = d.selectbox(
        "Estimator",
        fitting,
        format_func=lambda key: ESTIMATORS[key][0],
        help=f"The target looks like a {task}. The first one is simple and quick; gradient boosting is often the best.",
        key=f"estimator_{task}",
    )
    split = e.selectbox(
        "Test on",
        ["random", "time"],
        format_func={"random": "random rows", "time": "the newest rows"}.get,
        help="The newest rows tell how well it predicts the future.",
    )
    times = [x["name"] for x in dataset.columns if x["type"].startswith(("timestamp", "date"))]
    needs_time = bool(joined) or split == "time"
    time = f.selectbox("Time of each row", times, disabled=not needs_time, help="Needed for features and newest rows.")
    share = g.slider("Share of test rows", 0.05, 0.5, 0.2, 0.05)
    if needs_time and not times:
        st.warning(f"Dataset {dataset.name} has no time column. Make one in Prepare (Read dates in a format).")
    ready = name and (times or not needs_time)
    if not st.button("Train", type="primary", icon=":material/play_arrow:", disabled=not ready):
        return
    check_name("model", name)
    ws = workspace()

    def work(handle) -> dict:
        data, features = dataset, own or None
        if joined:
            data = FeatureStore(ws).training_set(dataset, joined, time=time, handle=handle)
            features = [*own, *manifest_of(data)["columns"].values()]
        model = train(
            ws,
            name,
            data,
            target=target,
            features=features,
            estimator=estimator,
            task=task,
            split=split,
            time=time if needs_time else None,
            test_share=share,
            handle=handle,
        )
        return {"name": model.name, "version": model.version}

    state().runs[PURPOSE] = ws.runs.start("train", f"Train {name}", work).id
    st.rerun()


@st.cache_data(show_spinner=False, max_entries=200)
def suggested(ref: str, target: str) -> str:
    return suggested_task(workspace().datasets.get(ref), target)


def model_name(dataset: str, target: str) -> str:
    """Return a name that a model may have, from those of the dataset and the target."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", f"{dataset}-{target}").strip("-")[:60].lower() or "model"


def features_for(columns: list[str], target: str) -> list[str]:
    """Return the stored features that rows with these columns can be joined with."""
    return [
        f"{group['name']}:{feature['name']}"
        for group in FeatureStore(workspace()).groups()
        if group["offline"] and all(key["name"] in columns for key in group["keys"])
        for feature in group["features"]
        if feature["name"] != target
    ]


def compare(models: list[Model]) -> None:
    """Show all versions with their scores side by side, newest first; classes and numbers have other scores."""
    for task in dict.fromkeys(model.task for model in reversed(models)):
        compare_task([model for model in models if model.task == task])


def compare_task(models: list[Model]) -> None:
    rows = []
    for model in reversed(models):
        scores = {key: model.metrics[key] for key in SCORES if isinstance(model.metrics.get(key), float)}
        facts = {"model": model.ref, "status": model.status, "estimator": ESTIMATORS[model.estimator][0]}
        rows.append(facts | {"target": model.target, **scores, "test rows": model.metrics["test_rows"]})
    formats: dict = {"model": st.column_config.TextColumn(width="medium")}
    formats |= {
        key: st.column_config.NumberColumn(label, help=help_, format="%.3f") for key, (label, help_) in SCORES.items()
    }
    st.dataframe(rows, hide_index=True, width="stretch", column_config=formats)


def model_panel(registry: Registry, model: Model) -> None:
    st.markdown(
        f"**{model.ref}** {BADGES[model.status]} {model.task} of `{model.target}` from {len(model.features)} columns"
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Approve", icon=":material/check:", disabled=model.status == "approved"):
            registry.set_status(model.ref, "approved")
            st.rerun()
        if st.button("Reject", icon=":material/close:", disabled=model.status == "rejected"):
            registry.set_status(model.ref, "rejected")
            st.rerun()
        if confirm("Delete", f"Delete {model.ref}? This cannot be undone.", key=f"delete_{model.ref}"):
            registry.delete(model.ref)
            state().model = None
            st.rerun()
    with st.container(horizontal=True):
        for key, (label, help_) in SCORES.items():
            if isinstance(model.metrics.get(key), float):
                st.metric(label, f"{model.metrics[key]:.3f}", border=True, help=help_)
    measured, attempt, origin = st.tabs(["Errors", "Try one record", "Where it comes from"])
    with measured:
        confusion(model)
    with attempt, guard():
        try_record(model)
    with origin:
        origins(model)


def confusion(model: Model) -> None:
    metrics = model.metrics
    st.caption(f"{count(metrics['train_rows'])} rows trained, {count(metrics['test_rows'])} rows tested.")
    for sentence in metrics.get("warnings", []):
        st.warning(sentence, icon=":material/warning:")
    if "confusion" not in metrics:
        st.markdown(
            f"On average the prediction is off by **{metrics['mae']:.3g}**; always answering the training mean would be off by "
            f"{metrics['baseline_mae']:.3g}."
        )
        if metrics["mae"] > 0.99 * metrics["baseline_mae"]:
            st.warning(NO_BETTER, icon=":material/warning:")
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
    if metrics["accuracy"] <= metrics["baseline_accuracy"]:
        st.warning(NO_BETTER, icon=":material/warning:")


def try_record(model: Model) -> None:
    raw = bool((model.recipe or {}).get("inputs", {}).get("main"))
    st.caption(
        "A raw record, as in the source: it goes through the model's own recipe first. This is the first row of the data."
        if raw
        else "A record with the model's columns. This is the first row of the data."
    )
    key = f"try_{model.ref}"
    if key not in st.session_state:
        record = example_record(workspace(), model)
        st.session_state[key] = json.dumps(record, indent=1, ensure_ascii=False)
    given = st.text_area("Record (JSON)", height=260, key=key)
    if not st.button("Predict", icon=":material/bolt:"):
        return
    try:
        record = json.loads(given)
    except ValueError as error:
        raise InputError(
            f"The record is not JSON: {error}.", hint='Write {"column": value}, texts in double quotes.'
        ) from error
    with st.spinner("Predicting …"):
        found = predictor(model.ref, model.artifact).predict([record])[0]
    if found.get("note"):
        st.info(found["note"], icon=":material/info:")
        return
    guess = found["prediction"]
    st.metric(f"Predicted {model.target}", f"{guess:.4g}" if isinstance(guess, float) else str(guess))
    if shares := found.get("probabilities"):
        st.bar_chart(shares, horizontal=True)


@st.cache_resource(show_spinner=False, max_entries=8)
def predictor(ref: str, artifact: str) -> Predictor:
    return Predictor(workspace(), ref)


def origins(model: Model) -> None:
    arrows = workspace().lineage.of("model", model.ref)
    if arrows:
        rows = [{"from": f"{a.from_kind} {a.from_ref}", "to": f"{a.to_kind} {a.to_ref}", "by": a.how} for a in arrows]
        st.dataframe(rows, hide_index=True, width="stretch")
    else:
        st.caption("It was trained on a table that was handed over in memory.")
    with st.expander("Settings"):
        st.json({"settings": model.settings, "features": model.features, "artefact": model.artifact})
    record = json.dumps(example_record(workspace(), model), ensure_ascii=False)
    st.markdown("The same prediction **on the command line** and **over HTTP**:")
    st.code(
        f"tilth predict {model.ref} --record {shlex.quote(record)}\n\ntilth serve --port 8600\n"
        f"curl http://127.0.0.1:8600/v1/models/{model.ref}:predict -H 'Content-Type: application/json' "
        f"-d {shlex.quote(json.dumps({'records': [json.loads(record)]}, ensure_ascii=False))}",
        language="bash",
        wrap_lines=True,
    )


main()
