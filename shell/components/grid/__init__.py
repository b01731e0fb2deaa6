"""The table on screen: rows and column facts come by route, page by page, so a million rows cost nothing."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from shell import preview
from transforms.preview import View

HERE = Path(__file__).parent


@lru_cache(maxsize=1)
def _loader() -> str:
    """Return two lines of script that load ours from our own route; the hash in the address ends old copies."""
    tag = hashlib.sha256((HERE / "grid.js").read_bytes() + (HERE / "grid.css").read_bytes()).hexdigest()[:12]
    return (
        f'const module = import(new URL("/api/static/components/grid.js?v={tag}", document.baseURI).href);\n'
        "export default async (component) => (await module).default(component);\n"
    )


def grid(
    view: View, *, key: str, before: View | None = None, height: int = 560, selectable: bool = True
) -> dict[str, Any] | None:
    """Show a view; return what is selected: {"column", "row", "value", "whole"} or None.

    Args:
        view: the table to show.
        key: the element's own name; keep it, so that scroll place and focus stay.
        before: an earlier view of the same rows: new columns and changed cells are coloured.
        height: height in pixels.
        selectable: whether a click on a cell or a column head is handed back.
    """
    mount = st.components.v2.component(
        "tilth_grid", js=_loader(), html='<div class="tilth-grid"></div>\n', css=(HERE / "grid.css").read_text("utf-8")
    )
    result = mount(
        key=key,
        data={
            "token": preview.token(view),
            "columns": view.columns,
            "before": preview.token(before) if before else None,
            "before_columns": [c["name"] for c in before.columns] if before else None,
            "before_types": {c["name"]: c["type"] for c in before.columns} if before else None,
            "height": height,
            "selectable": selectable,
        },
        default={"selection": None},
        on_selection_change=lambda: None,
        height=height,
    )
    selected = result.selection
    return selected if selected and selected.get("column") in view.schema else None
