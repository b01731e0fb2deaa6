"""A place to drop files of any size: they stream to `PUT /api/uploads/{name}` and never pass through Streamlit."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent


@lru_cache(maxsize=1)
def _parts() -> dict[str, str]:
    return {kind: (HERE / f"dropzone.{kind}").read_text("utf-8") for kind in ("html", "css", "js")}


def dropzone(*, key: str) -> list[dict] | None:
    """Show the drop place; return `[{"token", "name", "bytes"}]` in the run in which an upload ended, else None."""
    mount = st.components.v2.component("tilth_dropzone", **_parts())
    result = mount(key=key, on_uploaded_change=lambda: None)
    return result.uploaded
