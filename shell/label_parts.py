"""What all screens of the Label page share: the way between views, who labels, runs, and small words."""

from __future__ import annotations

import streamlit as st

from labeling.browse import known_people
from labeling.collections import Collection
from shell.state import state
from shell.widgets import md, run_status
from workspace.audit import who

CARD = """<style>
.tilth-thumbs { display:grid; grid-template-columns:repeat(4,1fr); gap:4px; margin-bottom:.5rem; }
.tilth-thumbs img, .tilth-grid img { width:100%; aspect-ratio:4/3; object-fit:cover; border-radius:6px; display:block;
  background:color-mix(in srgb, currentColor 10%, transparent); }
.tilth-thumbs span, .tilth-grid span { display:block; aspect-ratio:4/3; border-radius:6px; background:color-mix(in srgb, currentColor 7%, transparent); }
</style>"""
# these views start with buttons, which Streamlit's own header would cover, and want the width for the picture
WIDE = """<style>[data-testid="stMainBlockContainer"] { padding-top:3.9rem; padding-left:clamp(1rem, 2.5vw, 3.5rem);
  padding-right:clamp(1rem, 2.5vw, 3.5rem); max-width:1900px; }</style>"""
BELOW_HEADER = """<style>[data-testid="stMainBlockContainer"] { padding-top:3.9rem; }</style>"""
STATUS = {
    "todo": "Open",
    "started": "Started",
    "review": "In review",
    "done": "Done",
    "skipped": "Skipped",
}
NOUNS = {"image": "images", "text": "texts", "row": "rows", "pair": "pairs"}
TABS = "label_tabs"
WHO = "label_who"


# -- the way between views ------------------------------------------------------------------------------------------


def go(view: str, collection: str | None = None, image: int | None = None, tab: str | None = None) -> None:
    """Go to another view of this page: list, new, collection, annotate, review (of redactions) or check (of answers)."""
    entry = st.session_state.get("label_view", {}).get("entry", 0) + 1  # counts, so that a screen knows a new beginning
    st.session_state["label_view"] = {"view": view, "collection": collection, "image": image, "entry": entry}
    if collection:
        state().collection = collection
    if tab:
        st.session_state[TABS] = tab


def where() -> dict:
    """Return the view to show: what was clicked, else what the address says, else the list."""
    asked = st.query_params
    if "label_view" not in st.session_state:
        image = asked.get("image", "")
        st.session_state["label_view"] = {
            "view": asked.get("view", "collection" if asked.get("collection") else "list"),
            "collection": asked.get("collection"),
            "image": int(image) if image.isdigit() else None,
            "entry": 1,
        }
        if asked.get("as") and WHO not in st.session_state:  # a reload keeps the name that was chosen
            st.session_state[WHO] = asked["as"][:200]
    here = st.session_state["label_view"]
    image = asked.get("image", "")
    if here["view"] == asked.get("view") and here["collection"] == asked.get("collection") and image.isdigit():
        here["image"] = int(image)  # the annotator went on by itself, and changed the address
    wanted = {k: str(v) for k, v in here.items() if v is not None and here["view"] != "list" and k != "entry"}
    if annotator_name() != who():
        wanted["as"] = annotator_name()
    if dict(asked) != wanted:
        asked.from_dict(wanted)  # a reload, or a new session after a restart, shows the same image
    return here


def back_button(collection: Collection) -> None:
    st.button(
        md(short(collection.name, 40)),
        icon=":material/arrow_back:",
        type="tertiary",
        on_click=go,
        args=("collection", collection.name),
    )


# -- who ------------------------------------------------------------------------------------------------------------


def annotator_name() -> str:
    """Who labels in this session: the name chosen on this page, else the name of this account."""
    return (st.session_state.get(WHO) or "").strip() or who()


def sign_in(ws, verb: str = "label") -> None:
    """Show under which name this session works, and let another be chosen or typed."""
    me = annotator_name()
    with st.popover(f"You {verb} as {md(short(me, 28))}", icon=":material/person:"):
        names = known_people(ws)
        options = [me, *(n for n in names if n != me)]
        st.selectbox(
            "Your name on the labels",
            options,
            index=0,
            key=WHO,
            accept_new_options=True,
            persist_state="session",
            help="Choose your name, or type a new one. It stays for this browser session; everybody has answers of their own.",
        )


# -- runs -----------------------------------------------------------------------------------------------------------

SAID = {
    "redact": "{redacted} images redacted, {regions} regions hidden, {skipped} left as they were.",
    "auto": "{boxes} boxes proposed on {images} images.",
    "loop": "Auto-labeling: {labelled} of {items} items labelled by people, {auto} automatically; {waiting} wait for people.",
}


def show_runs(ws, collection: Collection) -> None:
    """Show what runs, or ran just now, for a collection."""
    with st.container():  # always here, so that what stands below keeps its place when a run comes and goes
        for purpose in ("images", *SAID):
            _show_run(ws, purpose, collection)


def _show_run(ws, purpose: str, collection: Collection) -> None:
    run_id = state().runs.get(f"{purpose}:{collection.name}")
    if not run_id:
        return

    def ended(run) -> None:
        said = _added(run.outcome) if purpose == "images" else SAID[purpose].format(**run.outcome)
        problems = run.outcome.get("problems") or []
        if problems:
            listed = "\n".join(f"- {md(p)}" for p in problems[:20])
            st.warning(f"{said} {len(problems)} problems:\n\n{listed}", icon=":material/warning:")
        else:
            st.success(said, icon=":material/check_circle:")

    message, close = st.columns([16, 1], vertical_alignment="center")
    with message:
        run_status(run_id, on_done=ended, key=purpose)
    if not ws.runs.get(run_id).is_running:
        close.button(
            "",
            key=f"close_{purpose}",
            type="tertiary",
            icon=":material/close:",
            help="Close this message",
            on_click=state().runs.pop,
            args=(f"{purpose}:{collection.name}", None),
        )


def _added(outcome: dict) -> str:
    said = f"{outcome['added']} {outcome.get('noun', 'items')} added, {outcome['duplicates']} duplicates left out."
    if "redacted" in outcome:
        said += f" {outcome['redacted']} redacted, {outcome['regions']} regions hidden: look through the copies."
    return said


def is_busy(ws, purpose: str, name: str) -> bool:
    run_id = state().runs.get(f"{purpose}:{name}")
    return bool(run_id and ws.runs.get(run_id).is_running)


def start_run(ws, purpose: str, name: str, title: str, work) -> None:
    state().runs[f"{purpose}:{name}"] = ws.runs.start(purpose, title, work).id


# -- small words ----------------------------------------------------------------------------------------------------


def split(text: str) -> list[str]:
    """Return the parts of a list with commas or line ends."""
    return [part.strip() for part in (text or "").replace("\n", ",").split(",") if part.strip()]


def short(text: str, most: int = 22) -> str:
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-most // 2 + 1 :]}"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def excerpt(data: dict, most: int = 160) -> str:
    """Return the beginning of what a text, row or pair shows."""
    if "row" in data:
        words = " · ".join(f"{k}: {v}" for k, v in data["row"].items() if v is not None)
    elif "left" in data:
        half = most // 2
        return f"{_cut(data['left'], half)} ↔ {_cut(data['right'], half)}"
    else:
        words = str(data.get("text", ""))
    return _cut(words, most)


def _cut(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
