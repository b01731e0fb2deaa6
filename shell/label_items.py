"""The Items tab: a gallery of pictures or a list of texts, rows and pairs, with search and a filter by state."""

from __future__ import annotations

import streamlit as st

from labeling import collections
from labeling.browse import find_items
from labeling.collections import Collection, ImageInfo
from labeling.desk import address
from labeling.workflow import workflow_of
from shell.label_data import data_form, start_adding
from shell.label_parts import CARD, NOUNS, STATUS, excerpt, go, short
from shell.widgets import empty, guard, md

PER_PAGE = 24
MARKS = {
    "done": ":material/check_circle:",
    "started": ":material/edit:",
    "review": ":material/rate_review:",
    "skipped": ":material/block:",
}


def show_items(ws, collection: Collection) -> None:
    item = workflow_of(collection).item
    if collection.images:
        _browse(ws, collection)
    else:
        empty(
            f"No {NOUNS[item]} yet",
            "Add them below. People can label as soon as the first ones are there.",
            icon=":material/add_photo_alternate:" if item == "image" else ":material/post_add:",
            key="no_items",
        )
    with st.expander(f"Add {NOUNS[item]}", icon=":material/add:", expanded=not collection.images):
        source = data_form(ws, f"more{collection.id}", item)
        if st.button(f"Add {NOUNS[item]}", key="more_add", type="primary", disabled=source["kind"] == "none"):
            with guard():
                start_adding(ws, collection, source)
                st.rerun()


def _browse(ws, collection: Collection) -> None:
    counts = collections.count_by_status(ws, collection.id)
    left, right = st.columns([5, 2], vertical_alignment="bottom")
    chosen = left.segmented_control(
        "Show", ["all", *STATUS], default="all", required=True, key="items_status", label_visibility="collapsed", wrap=True,
        format_func=lambda s: f"All {collection.images:,}" if s == "all" else f"{STATUS[s]} {counts[s]:,}",
    )  # fmt: skip
    words = right.text_input(
        "Find by name", key="items_words", placeholder="Find by name", icon=":material/search:", live=True,
        label_visibility="collapsed",
    )  # fmt: skip
    status = None if chosen == "all" else chosen
    total = find_items(ws, collection.id, words=words, status=status, limit=0)[1]
    if not total:
        st.caption("Nothing here has this name and state.")
        return
    pages = -(-total // PER_PAGE)
    page = st.pagination(pages, key=f"items_page_{pages}") if pages > 1 else 1
    items, _ = find_items(ws, collection.id, words=words, status=status, offset=(page - 1) * PER_PAGE, limit=PER_PAGE)
    st.html(CARD)
    if all(i.kind == "image" for i in items):
        gallery(collection, items)
    else:
        listing(collection, items)


def gallery(collection: Collection, items: list[ImageInfo]) -> None:
    columns = st.columns(6)
    for place, image in enumerate(items):
        with columns[place % 6]:
            visible = collections.is_visible(collection, image)
            picture = f'<img src="{address(image, "thumb")}" alt="" loading="lazy">' if visible else ""
            st.html(f'<div class="tilth-grid">{picture or "<span></span>"}</div>')
            size = f" · {image.width} × {image.height}" if image.kind == "image" else ""
            _open(collection, image, f"{image.file_name}{size} · {STATUS.get(image.status, image.status)}")


def listing(collection: Collection, items: list[ImageInfo]) -> None:
    for item in items:
        with st.container(key=f"card_item_{item.id}"):
            name, words = st.columns([1, 4], vertical_alignment="center")
            with name:
                _open(collection, item, f"{item.file_name} · {STATUS.get(item.status, item.status)}")
            words.markdown(md(excerpt(item.data, 260)))


def _open(collection: Collection, item: ImageInfo, help: str) -> None:
    st.button(
        md(short(item.file_name)), key=f"image_{item.id}", icon=MARKS.get(item.status), type="tertiary", help=md(help),
        on_click=go, args=("annotate", collection.name, item.id),
    )  # fmt: skip
