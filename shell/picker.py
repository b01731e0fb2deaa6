"""Choosing a transform: by any of its names, or family by family. Draws no more buttons than people read."""

from __future__ import annotations

import streamlit as st

from transforms import catalog, finding

MOST = 30  # results shown at once: more are a sign of a word too general


def pick(key: str, *, placeholder: str, height: int, open_now: str | None = None) -> type | None:
    """Draw search, families and list; return the transform that was clicked in this run.

    Args:
        key: makes the widgets' keys unique: `search_{key}`, `family_{key}_{family}`, `pick_{key}_{id}`.
        open_now: id of the transform whose button is shown as chosen.
    """
    words = st.text_input(
        "Search transforms",
        key=f"search_{key}",
        placeholder=placeholder,
        icon=":material/search:",
        live=True,
        help="Names from SageMaker Data Wrangler, DataBrew, OpenRefine, Excel, pandas and others are understood.",
    )
    state_key = f"family_{key}"
    family = None if words else st.session_state.get(state_key)
    if words:
        found = finding.find(words)
        if not found:
            st.caption("No transform has these words. Try one word, such as “date” or “missing”.")
        elif len(found) > MOST:
            st.caption(f"The {MOST} best of {len(found)}")
        found = found[:MOST]
    elif family:
        if st.button(
            catalog.FAMILIES[family],
            key=f"families_{key}",
            icon=":material/arrow_back:",
            type="tertiary",
            help="All families",
        ):
            st.session_state[state_key] = None
            st.rerun()
        found = catalog.families()[family]
    else:
        _families(key, state_key, height)
        return None
    clicked = None
    with st.container(height=height, border=False, key=f"picker_{key}", gap="xsmall"):
        for cls in found:
            look = "primary" if cls.name == open_now else "secondary"
            if st.button(cls.label, key=f"pick_{key}_{cls.name}", width="stretch", help=cls.summary(), type=look):
                clicked = cls
    return clicked


def _families(key: str, state_key: str, height: int) -> None:
    with st.container(height=height, border=False, key=f"picker_{key}", gap=None):
        for family, classes in catalog.families().items():
            label = f"{catalog.FAMILIES.get(family, family.title())} :gray[· {len(classes)}]"
            if st.button(label, key=f"family_{key}_{family}", width="stretch", type="tertiary"):
                st.session_state[state_key] = family
                st.rerun()
