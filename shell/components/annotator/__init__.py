"""The box annotator on screen. Mount it outside fragments: a fragment remounts it now and then."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from transforms.errors import AppError

HERE = Path(__file__).parent


@lru_cache(maxsize=1)
def _loader() -> str:
    """Return two lines of script that load ours from our own route; the hash in the address ends old copies."""
    tag = hashlib.sha256((HERE / "annotator.js").read_bytes() + (HERE / "annotator.css").read_bytes()).hexdigest()[:12]
    return (
        f'const module = import(new URL("/api/static/components/annotator.js?v={tag}", document.baseURI).href);\n'
        "export default async (component) => (await module).default(component);\n"
    )


def annotator(
    *,
    key: str,
    document_key: str,
    title: str,
    image: str | None,
    width: int,
    height: int,
    document: dict,
    classes: list[dict],
    image_classes: list[dict] = (),
    own: bool = True,
    status: str = "",
    position: int = 1,
    count: int = 1,
    strip: list[dict] = (),
    prefetch: list[str] = (),
    read_only: bool = False,
    can_skip: bool = True,
    done_label: str = "Done, next",
    force: int = 0,
    on_save: Callable[[dict], Any] | None = None,
    on_go: Callable[[str | int, str], Any] | None = None,
) -> None:
    """Show one image with its boxes, and hand every change back.

    Args:
        key: the element's own name; keep it the same for every image, so that it stays mounted and keeps the focus.
        document_key: what is edited, such as "collection/12/anna". The browser takes `document` over when this (or
            `force`) changes, and otherwise never: an echo must not undo a newer box.
        image: address of the picture; `width` and `height` are its pixels, in which boxes are given.
        document: `{"boxes": [{id, label, x, y, w, h}], "classes": [...]}` (see `labeling.documents`).
        own: whether the document is this person's answer, not a proposal.
        strip: neighbours as `{id, name, thumb, status, current}`.
        on_save: called with `{client, seq, key, document}` for every unsaved document, possibly of another image and
            possibly a second time; an AppError it raises is shown beside the save state.
        on_go: called with (where, document key): "next", "previous", "done", "skip" or an id of the strip.
    """
    session = st.session_state.setdefault("tilth_annotator_session", _new_session())
    acks = f"{key}_acked"

    def saved() -> None:
        value = (st.session_state.get(key) or {}).get("save") or {}
        acked = {}
        for item in value.get("items", []):
            answer = {"seq": item["seq"]}
            try:
                if on_save:
                    on_save(item)
            except AppError as error:
                answer["error"] = error.message
            acked[f"{item['client']}|{item['key']}"] = answer
        st.session_state[acks] = acked

    def went() -> None:
        value = (st.session_state.get(key) or {}).get("go") or {}
        if on_go and value.get("to") is not None:
            on_go(value["to"], value.get("from", ""))

    mount = st.components.v2.component("tilth_annotator", js=_loader())
    mount(
        key=key,
        data={
            "key": document_key,
            "session": session,
            "acked": st.session_state.get(acks, {}),
            "force": force,
            "title": title,
            "image": image,
            "width": width,
            "height": height,
            "document": document,
            "own": own,
            "classes": list(classes),
            "image_classes": list(image_classes),
            "status": status,
            "position": position,
            "count": count,
            "strip": list(strip),
            "prefetch": list(prefetch),
            "read_only": read_only,
            "skip": can_skip,
            "done_label": done_label,
        },
        on_save_change=saved,
        on_go_change=went,
    )


def _new_session() -> str:
    import secrets

    return secrets.token_hex(8)
