"""What one browser session remembers: names and recipes, never tables. One typed object in the session state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

KEY = "tilth"


@dataclass
class SessionState:
    """Names chosen on one page that the others take up; everything else is recomputed from the workspace."""

    dataset: str | None = None  # name of the dataset last looked at
    recipe: str | None = None  # name of the recipe being edited
    selected_step: str | None = None
    collection: str | None = None
    group: str | None = None
    model: str | None = None
    runs: dict[str, str] = field(default_factory=dict)  # purpose → run id, to show its progress after a rerun
    extra: dict[str, Any] = field(default_factory=dict)


def state() -> SessionState:
    """Return this session's state, made on first use."""
    if KEY not in st.session_state:
        st.session_state[KEY] = SessionState()
    return st.session_state[KEY]
