"""Runs: what is running, what ran, and how it ended."""

from __future__ import annotations

import json

import streamlit as st

from shell.widgets import empty, guard, header, workspace
from workspace.runs import Run

SHOWN = 50
ICONS = {
    "running": ":material/progress_activity:",
    "done": ":material/check_circle:",
    "failed": ":material/error:",
    "cancelled": ":material/cancel:",
    "interrupted": ":material/power_off:",
}


def main() -> None:
    header("Runs", "Everything long that was started here, in this app, on the command line or in a notebook.")
    with guard():
        found = workspace().runs.list(SHOWN)
        if not found:
            empty(
                "Nothing ran yet",
                "An import, a recipe on all rows, a redaction or a training shows here with its progress, and can be "
                "stopped here. Import a table on the Data page to see the first one.",
                icon=":material/history:",
                key="runs",
            )
            return
        running = [run.id for run in found if run.is_running]
        if running:
            watch(running)
        for run in found:
            if not run.is_running:
                ended(run)
        if len(found) == SHOWN:
            st.caption(f"The newest {SHOWN}. All of them: `tilth runs --limit 10000`.")


@st.fragment(run_every=0.5)
def watch(run_ids: list[str]) -> None:
    """Show running runs, polled; draw the whole page again when one has ended."""
    workspace().runs.mark_interrupted()
    for run_id in run_ids:
        run = workspace().runs.get(run_id)
        if not run.is_running:
            st.rerun()
        with st.container(border=True, key=f"running_{run.id}"):
            words, button = st.columns([5, 1], vertical_alignment="center")
            words.markdown(f"{ICONS['running']} **{_plain(run.title)}** · {run.kind} · {run.seconds:.0f} s")
            stopping = run.cancel_requested
            if button.button("Stopping" if stopping else "Cancel", key=f"cancel_{run.id}", disabled=stopping):
                workspace().runs.cancel(run.id)
                st.rerun(scope="fragment")
            if run.share is None:
                st.caption(run.message or "starting")
            else:
                st.progress(run.share, text=run.message or "starting")


def ended(run: Run) -> None:
    title = f"{_plain(run.title)} · {run.state} · {run.started_at:%Y-%m-%d %H:%M:%S} UTC · {run.seconds:.1f} s"
    with st.expander(title, icon=ICONS.get(run.state)):
        if run.error:
            st.error(run.error + (f"\n\n**What to do:** {run.hint}" if run.hint else ""))
        if run.outcome:
            st.code(json.dumps(run.outcome, indent=2, ensure_ascii=False)[:20_000], language="json", height=300)
        if run.log:
            st.code(run.log[-20_000:], language="log", height=200)
        st.caption(f"Started by {run.created_by}; id {run.id}")


def _plain(words: str) -> str:
    """Return words with Markdown's marks taken literally: titles hold file names."""
    return "".join(f"\\{mark}" if mark in "\\`*_{}[]()#+!|<>$:~" else mark for mark in words)


main()
