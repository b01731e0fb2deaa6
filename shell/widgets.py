"""Small pieces that every page uses: header, empty state, our errors, progress of a run."""

from __future__ import annotations

import hashlib
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from transforms.errors import AppError
from workspace import Workspace

log = logging.getLogger("tilth")


@st.cache_resource(show_spinner=False)
def _open(path: str | None) -> Workspace:
    return Workspace.open(path)


def workspace() -> Workspace:
    """Return the workspace of this server (TILTH_WORKSPACE, or ./workspace), opened once."""
    return _open(None)


def header(title: str, caption: str = "", *, help: str | None = None) -> None:
    """Show the page title with one line that says what the page is for."""
    st.title(title, help=help, anchor=False)
    if caption:
        st.html(f'<p class="tilth-muted" style="margin:-.6rem 0 .4rem">{_escape(caption)}</p>')


def empty(
    title: str, body: str, *, icon: str = ":material/eco:", action: str | None = None, key: str | None = None
) -> bool:
    """Show an empty state that teaches; return whether its button `action` was clicked."""
    key = key or hashlib.sha1(title.encode()).hexdigest()[:8]
    with st.container(key=f"empty_{key}", horizontal_alignment="center"):
        st.markdown(f"### {icon} {title}")
        st.markdown(body)
        return st.button(action, type="primary", key=f"action_empty_{key}") if action else False


def problem(error: Exception) -> None:
    """Show an error: our sentence and hint; for a defect, the kind of error with the traceback folded."""
    if isinstance(error, AppError):
        st.error(error.message + (f"\n\n**What to do:** {error.hint}" if error.hint else ""), icon=":material/error:")
        return
    log.error("defect on a page", exc_info=error)
    st.error(
        f"Something went wrong in Tilth itself ({type(error).__name__}). Nothing was changed.",
        icon=":material/bug_report:",
    )
    with st.expander("Details for a bug report"):
        st.code("".join(traceback.format_exception(error)))


@contextmanager
def guard() -> Iterator[None]:
    """Show an AppError raised inside as our sentence; the rest of the page goes on."""
    try:
        yield
    except AppError as error:
        problem(error)


def run_status(run_id: str, *, on_done: Callable[[Any], None] | None = None, key: str = "") -> None:
    """Show a run's progress with a cancel button, polled twice a second, and one rerun of the page at its end.

    When the run has ended before the page is drawn, show its outcome (and call `on_done(run)` for a success).
    """
    run = workspace().runs.get(run_id)
    if run.state in ("queued", "running"):
        _poll(run_id, key)
        return
    if run.state == "done":
        if on_done:
            on_done(run)
        else:
            st.success(f"{run.title}: done.", icon=":material/check_circle:")
    elif run.state == "cancelled":
        st.info(f"{run.title}: cancelled. Nothing was changed.", icon=":material/cancel:")
    else:
        st.error(f"{run.title}: {run.error or run.state}", icon=":material/error:")


@st.fragment(run_every=0.5)
def _poll(run_id: str, key: str) -> None:
    run = workspace().runs.get(run_id)
    if run.state not in ("queued", "running"):
        st.rerun()
    with st.container(key=f"card_run_{key}{run_id}"):
        bar, button = st.columns([6, 1], vertical_alignment="center")
        bar.progress(min(max(run.share or 0.0, 0.0), 1.0), text=f"{run.title} · {run.message or 'starting'}")
        if button.button("Cancel", key=f"cancel_{key}{run_id}", icon=":material/cancel:"):
            workspace().runs.cancel(run_id)


def confirm(label: str, question: str, *, key: str, icon: str = ":material/delete:", type: str = "tertiary") -> bool:
    """Show a button that asks once more in a popover; return True when the answer is yes."""
    with st.popover(label, icon=icon, type=type):
        st.write(question)
        return st.button("Yes, go on", key=f"confirm_{key}", type="primary")


def count(value: int | None) -> str:
    """Return a whole number with thin thousands marks."""
    return "–" if value is None else f"{value:,}"


def md(words: str) -> str:
    """Return words with Markdown's marks taken literally: column names and values hold what the data hold."""
    escaped = "".join(f"\\{mark}" if mark in "\\`*_{}[]()#+!|<>$:~" else mark for mark in words)
    return f"\\{escaped}" if escaped[:1] in ("-", "=") else escaped  # a list or a heading only at the start


def _escape(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
