"""Bringing data into a labelling project: the form, a look at what is there, and the run that adds it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from labeling import collections, intake
from labeling.collections import Added, Collection
from labeling.pictures import PICTURE_SUFFIXES, VIDEO_SUFFIXES
from labeling.workflow import workflow_of
from shell.label_parts import NOUNS, start_run
from shell.widgets import guard, md
from transforms.errors import AppError, InputError

HERE, UPLOAD, DATASET = "On this computer", "Upload", "Dataset"
PATHS = {
    "image": ("Path of a folder, picture, archive or video", "/home/me/pictures"),
    "text": ("Path of a folder, text file, archive or table", "/home/me/letters"),
    "row": ("Path of a table", "/home/me/customers.csv"),
    "pair": ("Path of a table", "/home/me/pairs.csv"),
}
RATE = ("every", "per_second", "start_s", "end_s")
COLUMNS = {
    "image": "Column with paths of pictures",
    "text": "Column with the texts",
    "row": "Columns to show (all, if none is chosen)",
    "pair": "The two columns to compare",
}


def data_form(ws, key: str, item: str) -> dict:
    """Ask where items come from, say what is there, and return `{kind, …}` for `start_adding`."""
    kind = st.segmented_control(
        "Data from", [HERE, UPLOAD, DATASET], default=HERE, required=True, key=f"{key}_from", persist_state="session"
    )
    if kind == UPLOAD:
        source = _upload(ws, key, item)
    elif kind == DATASET:
        source = _dataset(ws, key, item)
    else:
        source = _path(ws, key, item)
    return source | {"item": item, "from": kind}


def _path(ws, key: str, item: str) -> dict:
    label, example = PATHS[item]
    path = st.text_input(label, key=f"{key}_path", placeholder=example, persist_state="session").strip()
    if not path:
        return {"kind": "none"}
    source = {"kind": "path", "path": path}
    place = Path(path).expanduser()
    try:
        if item == "image" and place.suffix.lower() in VIDEO_SUFFIXES:
            source |= _rate(key)
        if item != "image" and place.suffix.lower() in intake.TABLE_SUFFIXES and place.is_file():
            source["columns"] = _columns(key, item, columns_of(ws, str(place)))
            found = look_dataset(ws, str(place), tuple(source["columns"]))
        else:
            found = look(ws, path, item, **{k: source[k] for k in RATE if k in source})
        show_look(found, item)
    except AppError as error:
        st.warning(f"{md(error.message)} {md(error.hint or '')}", icon=":material/warning:")
    return source


def _upload(ws, key: str, item: str) -> dict:
    allowed = {
        "image": [*PICTURE_SUFFIXES, *VIDEO_SUFFIXES, *intake.ARCHIVE_SUFFIXES],
        "text": [*intake.TEXT_SUFFIXES, *intake.ARCHIVE_SUFFIXES, ".csv", ".parquet"],
    }.get(item, [".csv", ".tsv", ".parquet", ".xlsx"])
    words = {"image": "Pictures, an archive, or a video", "text": "Texts, an archive, or a table"}.get(item, "A table")
    files = st.file_uploader(
        words, accept_multiple_files=True, type=sorted({s.rpartition(".")[2] for s in allowed}), key=f"{key}_files"
    )
    source = {"kind": "upload", "files": [(Path(f.name).name, f.getvalue()) for f in files or []]}
    names = [name.lower() for name, _ in source["files"]]
    if item == "image" and any(n.endswith(tuple(VIDEO_SUFFIXES)) for n in names):
        source |= _rate(key)
    if any(n.endswith((".csv", ".tsv", ".parquet", ".xlsx")) for n in names):
        table = next(f for f in source["files"] if f[0].lower().endswith((".csv", ".tsv", ".parquet", ".xlsx")))
        with guard():
            source["columns"] = _columns(key, item, uploaded_columns(ws, *table))
    return source if names else {"kind": "none"}


def _dataset(ws, key: str, item: str) -> dict:
    names = [d.name for d in ws.datasets.list()]
    if not names:
        st.info("There is no dataset yet. Bring one in on the Data page, or take a file.", icon=":material/info:")
        return {"kind": "none"}
    name = st.selectbox("Dataset", names, key=f"{key}_dataset", persist_state="session")
    version = ws.datasets.get(name)
    columns = _columns(key, item, [c["name"] for c in version.columns])
    most = st.number_input(
        "At most so many rows", 1, 100_000, min(100_000, max(1, version.rows)), key=f"{key}_most_{name}"
    )
    if item in ("image", "text") and not columns or (item == "pair" and len(columns) != 2):
        return {"kind": "none"}
    with guard():
        show_look(look_dataset(ws, version.ref, tuple(columns)), item)
    return {"kind": "dataset", "dataset": version.ref, "columns": columns, "limit": int(most)}


def _columns(key: str, item: str, known: list[str]) -> list[str]:
    if item in ("image", "text"):
        chosen = st.selectbox(COLUMNS[item], known, key=f"{key}_column_{'|'.join(known)[:80]}")
        return [chosen] if chosen else []
    return st.multiselect(
        COLUMNS[item], known, default=known[:2] if item == "pair" else [], key=f"{key}_columns_{'|'.join(known)[:80]}",
        max_selections=2 if item == "pair" else None,
    )  # fmt: skip


def _rate(key: str) -> dict:
    """Ask which frames of a video to take."""
    way_cell, rate_cell, from_cell, to_cell = st.columns([2, 1, 1, 1])
    way = way_cell.segmented_control(
        "Take",
        ["Frames per second", "Every nth frame"],
        default="Frames per second",
        required=True,
        key=f"{key}_way",
        wrap=True,
    )
    if way == "Every nth frame":
        made = {"every": int(rate_cell.number_input("Every nth frame", 1, 100_000, 25, key=f"{key}_every"))}
    else:
        rate = rate_cell.number_input("Frames per second", 0.01, 120.0, 1.0, key=f"{key}_rate")
        made = {"per_second": float(rate)}
    made["start_s"] = float(from_cell.number_input("From second", 0.0, None, 0.0, key=f"{key}_start"))
    end = to_cell.number_input("To second", 0.0, None, None, key=f"{key}_end", placeholder="its end")
    if end is not None:
        made["end_s"] = float(end)
    return made


@st.cache_data(show_spinner=False, ttl=60, max_entries=50)
def look(_ws, path: str, item: str, **rate) -> intake.Look:
    return intake.look(_ws, path, item, **rate)


@st.cache_data(show_spinner=False, ttl=60, max_entries=50)
def look_dataset(_ws, ref: str, columns: tuple) -> intake.Look:
    return intake.look_dataset(_ws, ref, columns)


@st.cache_data(show_spinner=False, ttl=60, max_entries=50)
def columns_of(_ws, ref: str) -> list[str]:
    return intake.columns_of(_ws, ref)


@st.cache_data(show_spinner=False, ttl=600, max_entries=10)
def uploaded_columns(_ws, name: str, data: bytes) -> list[str]:
    with tempfile.TemporaryDirectory(dir=_ws.root) as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        return intake.columns_of(_ws, str(path))


def show_look(found: intake.Look, item: str) -> None:
    noun = NOUNS[item] if found.items != 1 else NOUNS[item][:-1]
    lines = "".join(f"\n- {md(name)}" for name in found.names)
    more = (
        f"\n- … and {found.items - len(found.names):,} more" if found.names and found.items > len(found.names) else ""
    )
    st.info(f"**{found.items:,} {noun}**. {md(found.note)}\n{lines}{more}", icon=":material/visibility:")


# -- adding ---------------------------------------------------------------------------------------------------------


def check_source(source: dict) -> None:
    """Raise an InputError if a path was named where nothing is."""
    if source["kind"] == "path" and not Path(source["path"]).expanduser().exists():
        raise InputError(
            f"There is no file or folder {source['path']}.", hint="Check the path; it is one on this computer."
        )


def start_adding(ws, collection: Collection, source: dict) -> bool:
    """Add items in the background, hide faces and plates in them where the project wants that; False with nothing chosen.

    Raises:
        InputError: nothing is at the path.
    """
    if source["kind"] == "none":
        return False
    check_source(source)
    name, flow, item = collection.name, workflow_of(collection), source["item"]

    def work(handle) -> dict:
        redacts = flow.redact and item == "image"
        part = 0.5 if redacts else 1.0
        added = add(ws, name, source, lambda share, words="": handle.progress(share * part, words))
        outcome = {**added.as_json(), "noun": NOUNS[item]}
        if redacts:
            done = collections.redact_collection(
                ws, name, progress=lambda share, words="": handle.progress(0.5 + share / 2, f"hiding faces: {words}")
            )
            outcome |= {"redacted": done["redacted"], "regions": done["regions"]}
            outcome["problems"] = [*outcome["problems"], *done["problems"]]
        if flow.auto_label:
            outcome["problems"] = [*outcome["problems"], *_begin_auto(ws, name, flow.target)]
        return outcome

    start_run(ws, "images", name, f"Adding {NOUNS[item]} to {name}", work)
    return True


def _begin_auto(ws, name: str, target: float) -> list[str]:
    """Start auto-labeling once there is enough; say why it cannot start."""
    from labeling import autolabel

    if autolabel.status(ws, name) is not None:
        return []
    try:
        autolabel.start(ws, name, target=target)
    except AppError as error:
        return [f"Auto-labeling waits: {error.message} {error.hint or ''} It can be started under Auto-label."]
    return []


def add(ws, name: str, source: dict, progress) -> Added:
    """Add what a form named; uploads pass through a file of their own."""
    item = source["item"]
    rate = {k: source[k] for k in (*RATE, "columns") if k in source}
    if source["kind"] == "path":
        return intake.add_path(ws, name, source["path"], item=item, progress=progress, **rate)
    if source["kind"] == "dataset":
        from labeling.items import add_dataset

        return add_dataset(ws, name, source["dataset"], kind=item, columns=source["columns"], limit=source["limit"])
    whole = Added()
    pictures = [f for f in source["files"] if Path(f[0]).suffix.lower() in PICTURE_SUFFIXES]
    parts = [collections.add_pictures(ws, name, pictures, progress)] if pictures and item == "image" else []
    with tempfile.TemporaryDirectory(dir=ws.root) as folder:
        for file_name, data in source["files"]:
            if item == "image" and Path(file_name).suffix.lower() in PICTURE_SUFFIXES:
                continue
            path = Path(folder) / file_name
            path.write_bytes(data)
            parts.append(intake.add_path(ws, name, path, item=item, file_name=file_name, progress=progress, **rate))
    for part in parts:
        whole.added += part.added
        whole.duplicates += part.duplicates
        whole.problems += part.problems
    return whole
