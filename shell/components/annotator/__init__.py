"""The annotator on screen. Mount it outside fragments: a fragment remounts it now and then."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from labeling.desk import Desk
from shell.routes import desk as route

HERE = Path(__file__).parent


@lru_cache(maxsize=1)
def _loader() -> str:
    """Return two lines of script that load ours from our own route; the hash in the address ends old copies."""
    files = sorted(p for p in HERE.iterdir() if p.suffix in (".js", ".css"))
    tag = hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()[:12]
    return (
        f'const module = import(new URL("/api/static/components/{tag}/annotator.js", document.baseURI).href);\n'
        "export default async (component) => (await module).default(component);\n"
    )


def annotator(
    desk: Desk,
    item: dict,
    *,
    key: str,
    nonce: str,
    version: str = "",
    on_leave: Callable[[], Any] | None = None,
) -> None:
    """Show a desk, beginning with one of its items. Answers and the way to other items go over `/api/desk`.

    Args:
        item: what `desk.item()` gave.
        key: the element's own name; keep it the same, so that it stays mounted and keeps the focus.
        nonce: another value means: show `item` now. With the same value the browser stays where the person went.
        version: another value means: classes or settings have changed; the browser asks for its item again.
        on_leave: called when the person wants to go back from the last item.
    """

    def left() -> None:
        if on_leave:
            on_leave()

    mount = st.components.v2.component("tilth_annotator", js=_loader())
    mount(
        key=key,
        data={"token": route.token(desk), "item": item, "nonce": nonce, "version": version},
        on_leave_change=left,
        on_renew_change=lambda: None,  # the rerun itself hands out a new token
    )
