"""The Settings tab and the one for import and export."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

import streamlit as st

from insights.pii import find_in_text
from labeling import collections, transfer
from labeling.collections import Collection
from labeling.formats import FORMATS
from labeling.label_sets import write_label_set
from labeling.redaction import models
from labeling.redaction.choice import choose_detectors
from labeling.redaction.detectors import default_detectors, known_detectors, shortcomings
from labeling.workflow import set_workflow, workflow_of
from shell.label_forms import care_form, classes_form, people_form, task_form
from shell.label_parts import go, is_busy, start_run
from shell.widgets import confirm, guard

CLASSES, TASK, PEOPLE, REDACTION, DELETE = "Classes", "Task", "People and checks", "Redaction", "Delete"


def show_settings(ws, collection: Collection) -> None:
    flow = workflow_of(collection)
    parts = {CLASSES: _classes, TASK: _task, PEOPLE: _people}
    if flow.item == "image":
        parts[REDACTION] = show_redact
    parts[DELETE] = _delete
    chosen = st.segmented_control(
        "Settings of", list(parts), default=CLASSES, required=True, key="settings_part", label_visibility="collapsed"
    )
    parts[chosen](ws, collection)


def _key(collection: Collection) -> str:
    """Return a key for forms that changes when what is stored changes, so that they show it."""
    stored = json.dumps([collection.workflow, collection.classes, collection.image_classes], sort_keys=True)
    return f"set{collection.id}_{hashlib.sha256(stored.encode()).hexdigest()[:8]}"


def _save(ws, collection: Collection, changes: dict) -> None:
    if st.button("Save", key="settings_save", type="primary", icon=":material/check:"):
        with guard():
            set_workflow(ws, collection.id, **changes)
            st.toast("Saved.")
            st.rerun()


def _classes(ws, collection: Collection) -> None:
    flow = workflow_of(collection)
    classes, whole = classes_form(
        collection.classes, collection.image_classes, _key(collection), flow.item, list(flow.shapes)
    )
    st.caption("A class that answers use cannot be taken away.")
    if st.button("Save classes", key="settings_classes", type="primary", icon=":material/check:"):
        with guard():
            collections.set_classes(ws, collection.name, classes, whole)
            st.toast("Saved.")
            st.rerun()


def _task(ws, collection: Collection) -> None:
    flow = workflow_of(collection).model_dump(mode="json")
    _save(ws, collection, task_form(flow, _key(collection)))


def _people(ws, collection: Collection) -> None:
    flow = workflow_of(collection).model_dump(mode="json")
    key = _key(collection)
    _save(ws, collection, people_form(ws, flow, key) | care_form(flow, key))


def _delete(ws, collection: Collection) -> None:
    st.markdown(
        f"The project holds {collection.images:,} items, of which {collection.done:,} are done. Export the labels first if "
        "they may be needed again; datasets and label sets made from them stay."
    )
    if confirm("Delete this project", "Items, pictures and labels are deleted for good.", key="drop", type="secondary"):
        with guard():
            collections.delete_collection(ws, collection.name)
            go("list")
            st.rerun()


def show_redact(ws, collection: Collection) -> None:
    st.markdown(
        "Redaction makes a copy of every image in which faces and licence plates are hidden and all metadata is gone. "
        "Annotators then see the copies only. No detector finds everything: **review the copies.**"
    )
    _detectors(ws)
    left, right = st.columns([2, 3])
    what = left.pills(
        "Hide", ["Faces", "Plates"], selection_mode="multi", default=["Faces", "Plates"], key="redact_what"
    )
    method = right.segmented_control(
        "How", ["blur", "pixelate", "fill"], default="blur", key="redact_method",
        help="All three destroy the detail before they draw; fill (black) leaves nothing at all.",
    )  # fmt: skip
    with right.popover("Edges", icon=":material/blur_circular:"):
        shape = st.segmented_control("Shape", ["box", "ellipse"], default="box", key="redact_shape", required=True)
        feather = st.slider("Soft rim outside", 0.0, 1.0, 0.0, 0.1, key="redact_feather")
    more = _more_to_hide()
    complete = bool(collection.images) and collection.redacted == collection.images
    again = st.checkbox(
        "Also redo images that have a copy (reviewed ones stay)", value=complete, key=f"redact_again_{complete}"
    )
    name, busy = collection.name, is_busy(ws, "redact", collection.name)
    label = "Redact again" if complete else "Redact"
    if st.button(
        label, key="redact_start", type="primary", icon=":material/blur_on:", disabled=busy or not collection.images
    ):
        with guard():
            detectors = choose_detectors(faces="Faces" in what, plates="Plates" in what, find=find_in_text, **more)
            start_run(
                ws, "redact", name, f"Redacting {name}",
                lambda h: collections.redact_collection(
                    ws, name, detectors=detectors, method=method or "blur", shape=shape, feather=feather, again=again,
                    progress=h.progress,
                ),
            )  # fmt: skip
            st.rerun()
    st.divider()
    seen = st.segmented_control(
        "People with the role annotator see", ["redacted", "original"], default=collection.annotators_see, required=True,
        key=f"redact_see_{collection.id}_{collection.annotators_see}",
        help="Redacted: they are shown nothing where there is no copy. Others see copies where there are some.",
    )  # fmt: skip
    if seen != collection.annotators_see:
        collections.set_annotators_see(ws, collection.id, seen)
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        if collection.sealed:
            if st.button("Unseal originals", icon=":material/lock_open:"):
                collections.seal_originals(ws, name, False)
                st.rerun()
        elif st.button("Seal originals", icon=":material/lock:", help="Nobody is shown the originals any more."):
            with guard():
                collections.seal_originals(ws, name)
                st.rerun()
        if confirm(
            "Delete originals",
            "The original files are deleted for good; copies and labels stay.",
            key="purge",
            icon=":material/delete_forever:",
        ):
            with guard():
                anyway = st.session_state.get("purge_unreviewed", False)
                gone = collections.purge_originals(ws, name, unreviewed=anyway)
                st.toast(f"{gone} originals deleted.")
        st.checkbox("also where nobody reviewed the copy", key="purge_unreviewed")
    twice = st.toggle(
        "Two people review each copy", workflow_of(collection).redaction_looks > 1, key=f"redact_looks_{collection.id}",
        help="The second look is another person's; both see the least certain images first.",
    )  # fmt: skip
    if twice != (workflow_of(collection).redaction_looks > 1):
        set_workflow(ws, collection.id, redaction_looks=2 if twice else 1)
        st.rerun()


def _more_to_hide() -> dict:
    """Ask for text, own detectors and what stays; return settings of `choose_detectors`."""
    with st.expander("More to hide, and what stays", icon=":material/playlist_add:"):
        left, right = st.columns(2)
        text = left.toggle(
            "All lines of text", key="redact_text", help="Found without a model; marks some things that are no text."
        )
        own = right.text_input(
            "Your own detector (ONNX file on this computer)", key="redact_own", placeholder="/models/screens.onnx",
            help="YOLO and DETR layouts are recognised; all that it finds is hidden.",
        )  # fmt: skip
        reader = left.text_input(
            "Text recogniser (ONNX file)", key="redact_reader", placeholder="/models/rec.onnx",
            help="Reads lines of text, such as PaddleOCR's recognisers; what holds personal data is hidden, and what cannot be read.",
        )  # fmt: skip
        alphabet = right.text_input(
            "Its characters (file, one a line)", key="redact_alphabet", placeholder="/models/keys.txt"
        )
        keep_text = left.text_area(
            "Lines of text that stay", key="redact_keep_text", placeholder="one a line", height=80
        )
        keep = right.text_area(
            "Places that stay", key="redact_keep", placeholder="0,0.8,1,0.2", height=80,
            help="Left, top, width and height as shares of the picture, one place a line: a dashboard, a logo.",
        )  # fmt: skip
    return {
        "text": text, "own": _lines(own), "reader": reader.strip(), "alphabet": alphabet.strip(),
        "keep_text": _lines(keep_text), "keep": _lines(keep),
    }  # fmt: skip


def _lines(words: str) -> list[str]:
    return [line.strip() for line in words.splitlines() if line.strip()]


def _detectors(ws) -> None:
    """Say what looks, how well it does, and offer the face model where it is not here yet."""
    for said in shortcomings(default_detectors()):
        st.warning(said.replace("with --fetch ", ""), icon=":material/visibility_off:")
    with st.expander("What looks for faces and plates", icon=":material/image_search:"):
        st.dataframe(
            [{"detector": d.name, "finds": d.finds, "measured": d.figures, "licence": d.licence, "here": d.here}
             for d in known_detectors()],
            hide_index=True,
        )  # fmt: skip
        model = models.get(models.FACES)
        if models.find(model.name) is None and st.button(
            f"Fetch {model.name} ({model.bytes / 1e6:.1f} MB)", icon=":material/download:",
            help=f"From {model.url}. It is used only if every byte is the one that was checked. Licence: {model.licence}.",
        ):  # fmt: skip
            with guard(), st.spinner("Fetching the face model …"):
                models.fetch(model.name)
                st.rerun()


def show_files(ws, collection: Collection) -> None:
    out, into = st.columns(2)
    with out:
        st.subheader("Export", anchor=False)
        format_name = st.selectbox("Format", list(FORMATS), format_func=lambda f: FORMATS[f][2], key="export_format")
        st.download_button(
            "Download labels",
            data=lambda: transfer.download(ws, collection.name, format_name),
            file_name=f"{collection.name}-{format_name}{FORMATS[format_name][1]}",
            icon=":material/download:",
            on_click="ignore",
        )
        if format_name == "label-studio":
            st.download_button(
                "Download the labelling interface (XML)",
                data=lambda: transfer.studio_config(ws, collection.name),
                file_name=f"{collection.name}-label-config.xml",
                type="tertiary",
                on_click="ignore",
            )
        st.caption("Where several people answered, formats with one answer per item get the consolidated one.")
        if st.button(
            "Keep as a dataset",
            icon=":material/dataset:",
            help="Consolidate the answers into a dataset version (a label set).",
        ):
            with guard():
                version = write_label_set(ws, collection.name)
                st.success(f"{version.name}, version {version.version}: {version.rows} rows. It is under Data now.")
    with into:
        st.subheader("Import", anchor=False)
        given = st.selectbox(
            "Format of the file", list(FORMATS), format_func=lambda f: FORMATS[f][2], key="import_format"
        )
        file = st.file_uploader("Label file (YOLO and VOC as a zip)", key="import_file")
        person = st.text_input("Whose answers", value="imported", help="Used where the file does not say.")
        if st.button("Import labels", icon=":material/upload:", disabled=file is None):
            with guard(), tempfile.TemporaryDirectory(dir=ws.root) as folder:
                path = Path(folder) / Path(file.name).name
                path.write_bytes(file.getvalue())
                done = transfer.import_labels(ws, collection.name, path, given, annotator=person.strip() or "imported")
                st.success(f"{done.answers} answers with {done.regions} regions on {done.images} items.")
                for warning in done.warnings:
                    st.warning(warning)
