"""Answers about tables that may take a while: made now when the table is small, else as a run with progress and cancel."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import streamlit as st

from shell.state import state
from shell.widgets import run_status, workspace
from workspace.sql import connect, connection

IN_BACKGROUND = 4_000_000  # cells; what is asked of a larger table becomes a run
AT_ONCE = 200_000  # cells, for what takes a model or two tables
KEPT = 16
PURPOSE = "profile"


@st.cache_resource(show_spinner=False)
def kept_answers() -> OrderedDict[str, Any]:
    """Answers by their key (content hashes and settings), newest last."""
    return OrderedDict()


def keep(key: str, answer: Any) -> Any:
    kept = kept_answers()
    kept[key] = answer
    while len(kept) > KEPT:
        kept.popitem(last=False)
    return answer


def answer(
    key: str,
    title: str,
    make: Callable[[Any, Callable[[float, str], None] | None], Any],
    *,
    at_once: bool,
    ask: tuple[str, str] | None = None,
) -> Any | None:
    """Return `make(con, on_progress)`: kept, made now, or by a run that is shown; None while it runs.

    Args:
        key: names the answer: the content hashes of what is asked, and the settings.
        at_once: the table is small enough to wait for it.
        ask: a sentence and a button's label that come before a run; None: it starts at once.
    """
    if key in kept_answers():
        return kept_answers()[key]
    if at_once:
        with st.spinner("Looking at all rows …"), connection() as con:
            return keep(key, make(con, None))
    purpose, runs = f"{PURPOSE} {key}", state().runs
    if purpose in runs and workspace().runs.get(runs[purpose]).state not in ("queued", "running", "done"):
        run_status(runs[purpose])
        if st.button("Try again", key=f"again_{key}", icon=":material/refresh:"):
            del runs[purpose]
            st.rerun()
        return None
    if purpose not in runs:
        if ask:
            st.write(ask[0])
            if not st.button(ask[1], type="primary", icon=":material/fact_check:", key=f"ask_{key}"):
                return None
        runs[purpose] = workspace().runs.start(PURPOSE, title, lambda handle: _run(handle, key, make)).id
        st.rerun()
    run_status(runs[purpose], on_done=lambda run: runs.pop(purpose, None), key="profile")
    return kept_answers().get(key)


def _run(handle, key: str, make) -> dict:
    con = connect()
    try:
        handle.on_cancel(con.interrupt)
        keep(key, make(con, handle.progress))
        return {"answer": key}
    finally:
        con.close()
