"""The Auto-label tab: a model labels what one exact test admits, or detectors propose boxes."""

from __future__ import annotations

import streamlit as st

from labeling import autolabel, suggest
from labeling.collections import Collection
from labeling.workflow import workflow_of
from shell.label_parts import go, is_busy, start_run
from shell.widgets import confirm, guard, md

LABELING, DONE = "labeling", "done"


def show_auto(ws, collection: Collection) -> None:
    st.markdown(
        "People label a part, and a model learns from it. It then labels only what it can be trusted with: you say how often "
        "its labels must be right and how surely, and one exact test on items that it never learnt from decides. The rest "
        "stays with people, with a proposal."
    )
    found = autolabel.status(ws, collection.name)
    if found is None:
        _begin(ws, collection, "Start", again=False)
    else:
        _state(ws, collection, found)
    if workflow_of(collection).item == "image":
        st.divider()
        _propose(ws, collection)


def in_words(found: dict) -> str:
    """Say what a certificate means."""
    certificate = found["certificate"]
    if not certificate:
        return ""
    if certificate["threshold"] is None:
        return f"Nothing is labelled automatically. {certificate['reason']}"
    return (
        f"At least {certificate['bound']:.1%} of the automatic labels are right (confidence {certificate['confidence']:.0%}; "
        f"{certificate['errors']} errors in {certificate['validated']} validated items)."
    )


def _state(ws, collection: Collection, found: dict) -> None:
    cells = st.columns(4)
    cells[0].metric("Labelled by people", f"{found['labelled']:,} of {found['items']:,}")
    cells[1].metric("Labelled by the model", f"{found['auto']:,}")
    cells[2].metric("Left", f"{found['left']:,}")
    cells[3].metric(
        "At least right", f"{found['target']:.0%}", help=f"The target, with a confidence of {found['confidence']:.0%}"
    )
    busy = is_busy(ws, "loop", collection.name)
    if found["phase"] == LABELING and found["waiting"]:
        st.info(
            f"**{found['waiting']:,} items wait for people.** They come first in everybody's queue. When they are done, "
            "the model learns from them.", icon=":material/hourglass_top:",
        )  # fmt: skip
        st.button(
            "Label them", key="auto_label", type="primary", icon=":material/draw:", on_click=go,
            args=("annotate", collection.name),
        )  # fmt: skip
    elif found["phase"] == LABELING:
        st.success("People have done what was asked. The next round can begin.", icon=":material/check:")
    else:
        say = st.success if found["certificate"] and found["certificate"]["threshold"] is not None else st.warning
        say(f"**Finished.** {md(in_words(found))} {md(found['reason'])}")
    if found["phase"] == LABELING:
        kind = "secondary" if found["waiting"] else "primary"
        if st.button("Do the next round", key="auto_step", type=kind, icon=":material/play_arrow:", disabled=busy):
            name = collection.name
            start_run(
                ws, "loop", name, f"Auto-labeling {name}", lambda h: _outcome(autolabel.one_round(ws, name, h.progress))
            )
            st.rerun()
    if found["rounds"]:
        with st.expander(f"{len(found['rounds'])} rounds", icon=":material/history:"):
            names = {"labelled": "Labelled", "added": "New", "changed": "Answers changed", "model": "Model"}
            st.dataframe([{names[k]: r.get(k) for k in names} for r in found["rounds"]], hide_index=True)
    with st.expander("Start anew", icon=":material/restart_alt:"):
        st.caption(
            "With a new random sample for the test. Automatic labels that are there stay. Each start is a test of its own."
        )
        _begin(ws, collection, "Start anew", again=True)


def _outcome(found: dict) -> dict:
    return {k: found[k] for k in ("labelled", "items", "auto", "waiting", "phase")}


def _begin(ws, collection: Collection, label: str, *, again: bool) -> None:
    flow = workflow_of(collection)
    if len(collection.image_classes) < 2:
        st.info(
            "The built-in model learns classes of whole items, and this project has none to choose from. For boxes and other "
            "regions name an ONNX detector or a Label Studio ML backend below.", icon=":material/info:",
        )  # fmt: skip
    left, middle, right = st.columns(3)
    target = left.slider(
        "How often its labels must be right",
        55,
        99,
        round(flow.target * 100),
        format="%d%%",
        key=f"auto_target_{again}",
    )
    confidence = middle.slider("How surely", 55, 99, 90, format="%d%%", key=f"auto_confidence_{again}")
    budget = right.number_input(
        "Most labels by people", 1, None, None, key=f"auto_budget_{again}", placeholder="three in five items"
    )
    model = st.text_input(
        "Model", "built-in", key=f"auto_model_{again}",
        help="“built-in” learns classes of whole pictures or texts. Or the path of an ONNX file, or the address of a Label "
        "Studio ML backend, which looks at every picture that is sent to it.",
    )  # fmt: skip
    if not again:
        _begin_button(ws, collection, label, target, confidence, budget, model, again=False)
    elif confirm(
        label, "The present loop ends, and its sample is drawn anew.", key="auto_again", icon=":material/restart_alt:"
    ):
        _start(ws, collection, target, confidence, budget, model, again=True)


def _begin_button(ws, collection, label, target, confidence, budget, model, *, again: bool) -> None:
    if st.button(
        label, key="auto_start", type="primary", icon=":material/auto_awesome:", disabled=not collection.images
    ):
        _start(ws, collection, target, confidence, budget, model, again=again)


def _start(ws, collection, target, confidence, budget, model, *, again: bool) -> None:
    with guard():
        autolabel.start(
            ws, collection.name, model=model.strip() or "built-in", target=target / 100, confidence=confidence / 100,
            budget=int(budget) if budget else None, again=again,
        )  # fmt: skip
        st.rerun()


def _propose(ws, collection: Collection) -> None:
    st.markdown(
        "**Proposals without a promise.** The detectors of faces and licence plates draw boxes that people accept or fix."
    )
    if st.button(
        "Propose boxes", key="auto_propose", icon=":material/center_focus_strong:",
        disabled=is_busy(ws, "auto", collection.name) or not collection.images,
        help="On images that nobody has labelled. A person accepts or corrects them.",
    ):  # fmt: skip
        name = collection.name
        start_run(
            ws, "auto", name, f"Proposing boxes in {name}", lambda h: suggest.auto_label(ws, name, progress=h.progress)
        )
        st.rerun()
