"""Label: projects with items and people; redact, label, review, and take the labels with you."""

from __future__ import annotations

import streamlit as st

from labeling import collections
from labeling.collections import Collection
from labeling.desk import Desk, LabelDesk, RedactionDesk, ReviewDesk, address
from labeling.workflow import workflow_of
from shell.components.annotator import annotator
from shell.label_auto import show_auto
from shell.label_dashboard import show_dashboard, show_review
from shell.label_items import show_items
from shell.label_parts import (
    BELOW_HEADER,
    CARD,
    NOUNS,
    TABS,
    WIDE,
    annotator_name,
    back_button,
    go,
    is_busy,
    show_runs,
    sign_in,
    split,
    where,
)
from shell.label_people import show_gold, show_people
from shell.label_settings import show_files, show_settings
from shell.label_wizard import show_new
from shell.widgets import empty, guard, header, md, problem, workspace
from transforms.errors import AppError

ws = workspace()


# -- the list -------------------------------------------------------------------------------------------------------


def show_list() -> None:
    header("Label", "Projects with pictures, texts or rows: label them, check each other, take the labels with you.")
    found = collections.list_collections(ws)
    if not found:
        clicked = empty(
            "Nothing to label yet",
            "A project holds the items that people label: pictures, texts, or rows of a table. Choose what to label, say "
            "where the data lies, and begin. Tilth can hide faces and licence plates before anyone looks. Nothing leaves "
            "this computer.",
            icon=":material/photo_library:",
            action="Make a project",
            key="label",
        )
        if clicked:
            go("new")
            st.rerun()
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("New project", key="new_project", type="primary", icon=":material/add:", on_click=go, args=("new",))
        st.space("stretch")
        sign_in(ws)
    st.html(CARD)
    columns = st.columns(3)
    for place, collection in enumerate(found):
        with columns[place % 3], st.container(key=f"card_collection_{collection.id}"):
            show_card(collection)


def show_card(collection: Collection) -> None:
    item = workflow_of(collection).item
    if item == "image":
        pictures = [i for i in collections.first_images(ws, collection.id, 4) if collections.is_visible(collection, i)]
        thumbs = "".join(f'<img src="{address(i, "thumb")}" alt="" loading="lazy">' for i in pictures)
        st.html(f'<div class="tilth-thumbs">{thumbs}{"<span></span>" * (4 - len(pictures))}</div>')
    st.markdown(f"**{md(collection.name)}**")
    share = collection.done / collection.images if collection.images else 0.0
    redacted = f" · {collection.redacted} redacted" if collection.redacted else ""
    st.progress(share, text=f"{collection.done} of {collection.images} {NOUNS[item]} labelled{redacted}")
    with st.container(horizontal=True):
        st.button("Open", key=f"open_{collection.id}", on_click=go, args=("collection", collection.name))
        if collection.images:
            st.button(
                "Label", key=f"label_{collection.id}", type="primary", icon=":material/draw:", on_click=go,
                args=("annotate", collection.name), disabled=is_busy(ws, "images", collection.name),
            )  # fmt: skip


# -- one project ----------------------------------------------------------------------------------------------------


def show_collection(name: str) -> None:
    collection = collections.get_collection(ws, name)
    noun = NOUNS[workflow_of(collection).item]
    st.html(BELOW_HEADER)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("All projects", icon=":material/arrow_back:", type="tertiary", on_click=go, args=("list",))
        st.space("stretch")
        sign_in(ws)
    said = [f"{collection.images} {noun}", f"{collection.done} labelled"]
    said += [f"{collection.redacted} redacted"] if noun == "images" else []
    header(collection.name, " · ".join([*said, *(["originals are sealed"] if collection.sealed else [])]))
    show_runs(ws, collection)
    if collection.images:
        with st.container(horizontal=True):
            st.button(
                f"Label {noun}", key="label_start", type="primary", icon=":material/draw:", on_click=go,
                args=("annotate", collection.name), disabled=is_busy(ws, "images", collection.name),
                help="One item after the other. While images are being added and redacted it waits.",
            )  # fmt: skip
            if collection.redacted and not collection.sealed:
                st.button("Review redaction", icon=":material/compare:", on_click=go, args=("review", collection.name))
    views = {
        "Items": show_items,
        "Dashboard": show_dashboard,
        "Review": show_review,
        "Gold": show_gold,
        "People": show_people,
        "Auto-label": show_auto,
        "Find": _queries("show_queries"),
        "Releases": _queries("show_releases"),
        "Import and export": show_files,
        "Settings": show_settings,
    }
    tabs = st.tabs(list(views), key=TABS, on_change="rerun")
    for tab, show in zip(tabs, views.values(), strict=True):
        if tab.open:  # the others cost time on every rerun
            with tab, guard():
                show(ws, collection)


def _queries(function: str):
    """Return a tab of `shell.label_queries`, which is loaded when it is opened."""

    def show(*args) -> None:
        from shell import label_queries

        getattr(label_queries, function)(*args)

    return show


# -- the annotator: labelling, review of answers, review of redactions -----------------------------------------------


def desk(kind: type[Desk], collection: Collection) -> Desk:
    return kind(ws, collection.id, annotator_name())


def show_annotate(name: str, image_id: int | None) -> None:
    collection = collections.get_collection(ws, name, counts=False)
    st.html(WIDE)
    with st.container(horizontal=True, vertical_alignment="center"):
        back_button(collection)
        st.space("stretch")
        with st.popover("Classes", icon=":material/label:"):
            added = st.text_input("Add classes for regions", key="quick_classes", placeholder="car, person")
            whole = st.text_input("Add classes for whole items", key="quick_image_classes", placeholder="day, night")
            if st.button("Add", key="quick_add") and (split(added) or split(whole)):
                with guard():
                    collections.add_classes(ws, collection.name, split(added), split(whole))
                    st.rerun()
        sign_in(ws)
    at_work = desk(LabelDesk, collection)
    item = at_work.item(image_id)
    if item is None:
        if collections.list_images(ws, collection.id, limit=1):
            title, body, action = (
                "Nothing to do now",
                "Every open item is labelled, or in somebody else's hands.",
                "To the project",
            )
        else:
            title, body, action = "No items", "Add items to this project first.", "Add items"
        if empty(title, body, action=action, key="noimages"):
            go("collection", collection.name)
            st.rerun()
        return
    show_desk(at_work, item, "annotator", collection)


def show_desk(at_work: Desk, item: dict, key: str, collection: Collection) -> None:
    here = st.session_state["label_view"]
    if here["image"] != item["id"]:
        here["image"] = item["id"]
        where()
    version = str(abs(hash(str((collection.classes, collection.image_classes, collection.workflow)))))
    annotator(
        at_work,
        item,
        key=key,
        nonce=f"{here['entry']}/{at_work.person}/{collection.id}",
        version=version,
        on_leave=lambda: go("collection", collection.name),
    )


def show_check(name: str, image_id: int | None) -> None:
    collection = collections.get_collection(ws, name, counts=False)
    st.html(WIDE)
    with st.container(horizontal=True, vertical_alignment="center"):
        back_button(collection)
        st.space("stretch")
        sign_in(ws, "review")
    at_work = desk(ReviewDesk, collection)
    item = at_work.item(image_id) or at_work.item()
    if item is None:
        empty("Nothing to review", "No answer waits for you. Your own answers are reviewed by others.", key="nocheck")
        return
    show_desk(at_work, item, "review_annotator", collection)


def show_redaction(name: str, image_id: int | None) -> None:
    collection = collections.get_collection(ws, name)
    st.html(WIDE)
    back_button(collection)
    at_work = desk(RedactionDesk, collection)
    item = at_work.item(image_id)
    if item is None:
        empty("Nothing to review", "The originals are sealed or deleted, or nothing is redacted yet.", key="noreview")
        return
    candidates = [i for i in collections.list_images(ws, collection.id) if i.redacted_sha256 and not i.purged]
    looks = workflow_of(collection).redaction_looks
    done = sum(len(collections.reviewers(i)) >= looks for i in candidates)
    twice = " by two people" if looks > 1 else ""
    st.caption(
        f"{done} of {len(candidates)} reviewed{twice}, the least certain first. Draw over what was missed, delete what "
        "need not be hidden; the copy is made anew with every change."
    )
    show_desk(at_work, item, "redaction_annotator", collection)


here = where()
try:
    if here["view"] == "new":
        show_new(ws)
    elif here["view"] == "list" or not here["collection"]:
        show_list()
    elif here["view"] == "annotate":
        show_annotate(here["collection"], here["image"])
    elif here["view"] == "review":
        show_redaction(here["collection"], here["image"])
    elif here["view"] == "check":
        show_check(here["collection"], here["image"])
    else:
        show_collection(here["collection"])
except AppError as error:
    problem(error)
    st.button("All projects", icon=":material/arrow_back:", on_click=go, args=("list",), key="back_from_error")
