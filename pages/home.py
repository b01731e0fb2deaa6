"""Home: what there is, and the next thing to do."""

from __future__ import annotations

import streamlit as st

from shell.drift_view import drift_notice
from shell.state import state
from shell.widgets import count, header, workspace


def main() -> None:
    ws = workspace()
    datasets = ws.datasets.list()
    drafts = ws.drafts.list()
    collections, groups, models = labelled(ws), feature_groups(ws), registered_models(ws)
    header("Tilth", "From a raw file to a model's input, on this computer. Nothing leaves it.")
    drift_notice()
    next_step(datasets, drafts, groups, models)
    st.space("small")
    rows = [
        ("Data", "data", ":material/database:", len(datasets), "datasets", "Import files; every import is a version."),
        (
            "Prepare",
            "prepare",
            ":material/water_drop:",
            len(drafts),
            "recipes",
            "Clean and enrich tables step by step.",
        ),
        ("Explore", "explore", ":material/bar_chart:", None, "", "Charts of all rows."),
        ("Quality", "quality", ":material/fact_check:", None, "", "What looks wrong, and the step that fixes it."),
        ("Privacy", "privacy", ":material/shield_person:", None, "", "Find personal data before anybody else does."),
        ("Bias", "bias", ":material/balance:", None, "", "Measure how outcomes differ between groups."),
        (
            "Label",
            "label",
            ":material/draw:",
            len(collections),
            "projects",
            "Redact and annotate images in the browser.",
        ),
        (
            "Features",
            "features",
            ":material/inventory_2:",
            len(groups),
            "feature groups",
            "Versioned, point-in-time correct, fast online.",
        ),
        ("Models", "models", ":material/model_training:", len(models), "models", "Train, compare, register, predict."),
        ("Runs", "runs", ":material/history:", None, "", "Everything long, with progress and outcome."),
    ]
    for start in range(0, len(rows), 5):
        for column, (title, page, icon, number, unit, words) in zip(
            st.columns(5), rows[start : start + 5], strict=False
        ):
            with column, st.container(key=f"card_{page}", height="stretch"):
                st.page_link(f"../pages/{page}.py", label=f"**{title}**", icon=icon)
                st.caption(words)
                if number is not None:
                    st.markdown(f"**{count(number)}** {unit.removesuffix('s') if number == 1 else unit}")
    recent(ws)


def next_step(datasets, drafts, groups, models) -> None:
    steps = [
        (
            not datasets,
            "Bring in a table",
            "Start with your own file, or with the sample data: an app store of 10,000 apps, as untidy as such tables are.",
            "Go to Data",
            "data",
        ),
        (
            not drafts,
            "Prepare it",
            f"{datasets[0].name if datasets else ''} is here. Build a recipe: parse, fill, clip, join, encode, each step under a live preview.",
            "Start a recipe",
            "prepare",
        ),
        (
            not groups,
            "Publish features",
            "When a recipe's result looks right, publish it as a feature group: versioned, and readable by key in microseconds.",
            "Go to Features",
            "features",
        ),
        (
            not models,
            "Train a model",
            "Join features to labels as they were at the time, train, and predict through the same recipe.",
            "Go to Models",
            "models",
        ),
        (
            True,
            "Everything is in place",
            "Look at your data, label images, or publish a new version.",
            "Explore",
            "explore",
        ),
    ]
    _, title, words, action, page = next(s for s in steps if s[0])
    with st.container(key="card_next", horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch"):
            st.caption("NEXT")
            st.subheader(title, anchor=False)
            st.write(words)
        if st.button(action, type="primary", icon=":material/arrow_forward:", key="next"):
            if page == "prepare" and datasets:
                state().dataset = datasets[0].name
            st.switch_page(f"../pages/{page}.py")


def recent(ws) -> None:
    lines = ws.audit.list(limit=8)
    if not lines:
        return
    st.subheader("Lately", anchor=False)
    st.dataframe(
        [{"when": line.at, "who": line.actor, "what": line.action, "on": line.subject} for line in lines],
        hide_index=True,
        width="stretch",
        column_config={"when": st.column_config.DatetimeColumn(format="D MMM, HH:mm")},
    )


def labelled(ws) -> list:
    from labeling.collections import list_collections

    return list_collections(ws)


def feature_groups(ws) -> list:
    from featurestore import FeatureStore

    return FeatureStore(ws.root).groups()


def registered_models(ws) -> list:
    from training.registry import Registry

    return Registry(ws).list()


main()
