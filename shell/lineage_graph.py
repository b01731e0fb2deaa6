"""The lineage of one thing, drawn, with a list below that jumps to each thing."""

from __future__ import annotations

import streamlit as st

from featurestore import lineage
from shell.state import state
from shell.widgets import md, workspace

PART = "features_part"
GROUPS, VIEWS, TRAINING_SETS = "Groups", "Views", "Training sets"
PAGES = {
    "dataset": "data",
    "dataset_for_model": "models",
    "model": "models",
    "collection": "label",
    "recipe": "prepare",
}
ICONS = {
    "file": ":material/description:",
    "dataset": ":material/database:",
    "recipe": ":material/water_drop:",
    "collection": ":material/draw:",
    "feature_group": ":material/inventory_2:",
    "feature_view": ":material/visibility:",
    "model": ":material/model_training:",
}


def lineage_panel(kind: str, ref: str, *, key: str) -> None:
    """Draw where a thing comes from and who uses it; a click on the list below goes there."""
    drawn = lineage.graph(workspace(), kind, ref)
    if not drawn.arrows:
        st.info(
            "Nothing is noted about where this comes from, and nothing was made from it yet. Publishing a dataset "
            "notes its source; rows that were handed over in memory have none.",
            icon=":material/info:",
        )
        return
    said = f"{len(drawn.things)} things and {len(drawn.arrows)} arrows, from sources on the left to users on the right"
    with st.container(key=f"graph_{key}"):
        st.graphviz_chart(lineage.dot(drawn), width="content", alt=said)
    if drawn.cut:
        st.caption(f"Only the nearest {lineage.MOST} things are drawn.")
    st.caption("Go to:")
    with st.container(horizontal=True, vertical_alignment="center"):
        for number, (other, name) in enumerate(drawn.things):
            if (other, name) == drawn.start:
                continue
            label, place = md(f"{lineage.said(other)} {name}"), f"go_{key}_{number}"
            if other in ("feature_group", "feature_view"):
                st.button(label, icon=ICONS[other], key=place, on_click=show_here, args=(other, name))
            elif other in PAGES:
                if st.button(label, icon=ICONS[other], key=place):
                    open_page(other, name)
            else:
                help = "It lies outside Tilth."
                st.button(label, icon=ICONS.get(other, ":material/help:"), key=place, disabled=True, help=help)


def show_here(kind: str, ref: str) -> None:
    """Show a group or a view on this page. A callback, since the control of the parts is drawn before."""
    name = ref.partition("@")[0]
    if kind == "feature_group":
        state().group = name
        st.session_state["find_group"] = ""  # else the search might hide it
    else:
        state().extra["view"] = name
    st.session_state[PART] = state().extra[PART] = GROUPS if kind == "feature_group" else VIEWS


def open_page(kind: str, ref: str) -> None:
    """Go to the page of a dataset, model, collection or recipe; `dataset_for_model`: to Models, with this dataset."""
    name = ref.rpartition("@")[0] if "@" in ref else ref
    if kind in ("dataset", "dataset_for_model"):
        state().dataset = name
    elif kind == "model":
        state().model = ref
    elif kind == "collection":
        state().collection = name
    else:
        state().recipe = name
    st.switch_page(f"../pages/{PAGES[kind]}.py")
