"""Label: collections of images; redact them, label them, bring labels in and out."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from labeling import collections, suggest, transfer
from labeling.consolidation import agreement
from labeling.desk import Desk, LabelDesk, RedactionDesk, ReviewDesk, address
from labeling.formats import FORMATS
from labeling.label_sets import write_label_set
from labeling.pictures import PICTURE_SUFFIXES, VIDEO_SUFFIXES
from shell.components.annotator import annotator
from shell.state import state
from shell.widgets import confirm, empty, guard, header, problem, run_status, workspace
from transforms.errors import AppError, InputError
from workspace.audit import who

ws = workspace()
CARD = """<style>
.tilth-thumbs { display:grid; grid-template-columns:repeat(4,1fr); gap:4px; margin-bottom:.5rem; }
.tilth-thumbs img, .tilth-grid img { width:100%; aspect-ratio:4/3; object-fit:cover; border-radius:6px; display:block;
  background:color-mix(in srgb, currentColor 10%, transparent); }
.tilth-thumbs span { aspect-ratio:4/3; border-radius:6px; background:color-mix(in srgb, currentColor 7%, transparent); }
.tilth-pair { display:grid; grid-template-columns:1fr 1fr; gap:12px; }
.tilth-pair figure { margin:0; } .tilth-pair figcaption { font-size:.86rem; opacity:.75; margin-bottom:.25rem; }
.tilth-pair img { width:100%; max-height:66vh; object-fit:contain; border-radius:8px;
  background:color-mix(in srgb, currentColor 8%, transparent); }
</style>"""
# these views start with buttons, which Streamlit's own header would cover, and want the width for the picture
WIDE = """<style>[data-testid="stMainBlockContainer"] { padding-top:3.9rem; padding-left:clamp(1rem, 2.5vw, 3.5rem);
  padding-right:clamp(1rem, 2.5vw, 3.5rem); max-width:1900px; }</style>"""
BELOW_HEADER = """<style>[data-testid="stMainBlockContainer"] { padding-top:3.9rem; }</style>"""


def go(view: str, collection: str | None = None, image: int | None = None) -> None:
    """Go to another view of this page: list, collection, annotate or review."""
    entry = st.session_state.get("label_view", {}).get("entry", 0) + 1  # counts, so that a screen knows a new beginning
    st.session_state["label_view"] = {"view": view, "collection": collection, "image": image, "entry": entry}
    if collection:
        state().collection = collection


def where() -> dict:
    """Return the view to show: what was clicked, else what the address says, else the list."""
    if "label_view" not in st.session_state:
        asked = st.query_params
        image = asked.get("image", "")
        st.session_state["label_view"] = {
            "view": asked.get("view", "collection" if asked.get("collection") else "list"),
            "collection": asked.get("collection"),
            "image": int(image) if image.isdigit() else None,
            "entry": 1,
        }
    here = st.session_state["label_view"]
    asked = st.query_params.get("image", "")
    if (
        here["view"] == st.query_params.get("view")
        and here["collection"] == st.query_params.get("collection")
        and asked.isdigit()
    ):
        here["image"] = int(asked)  # the annotator went on by itself, and changed the address
    wanted = {k: str(v) for k, v in here.items() if v is not None and here["view"] != "list" and k != "entry"}
    if dict(st.query_params) != wanted:
        st.query_params.from_dict(wanted)  # a reload, or a new session after a restart, shows the same image
    return here


def annotator_name() -> str:
    """Who labels in this session: the name given on this page, else the name of this account."""
    return st.session_state.get("label_who") or who()


# -- the list -------------------------------------------------------------------------------------------------------


def show_list() -> None:
    header("Label", "Collections of images: hide faces and plates, draw boxes, set classes, take the labels with you.")
    found = collections.list_collections(ws)
    making = st.session_state.get("label_making", False)
    if not found and not making:
        clicked = empty(
            "No images yet",
            "A collection holds the images of one project. Take them from a folder, upload them, or cut frames out of a "
            "clip. Tilth can hide faces and licence plates before anyone labels them. Nothing leaves this computer.",
            icon=":material/photo_library:",
            action="Make a collection",
            key="label",
        )
        if clicked:
            st.session_state["label_making"] = True
            st.rerun()
        return
    if making:
        show_new()
    else:
        st.button(
            "New collection",
            type="primary",
            icon=":material/add:",
            on_click=st.session_state.update,
            args=({"label_making": True},),
        )
    st.html(CARD)
    columns = st.columns(3)
    for place, collection in enumerate(found):
        with columns[place % 3], st.container(key=f"card_collection_{collection.id}"):
            show_card(collection)


def show_card(collection: collections.Collection) -> None:
    pictures = [i for i in collections.first_images(ws, collection.id, 4) if i.redacted_sha256 or not collection.sealed]
    thumbs = "".join(f'<img src="{address(i, "thumb")}" alt="" loading="lazy">' for i in pictures)
    st.html(f'<div class="tilth-thumbs">{thumbs}{"<span></span>" * (4 - len(pictures))}</div>')
    st.markdown(f"**{_plain(collection.name)}**")
    share = collection.done / collection.images if collection.images else 0.0
    st.progress(share, text=f"{collection.done} of {collection.images} labelled · {collection.redacted} redacted")
    with st.container(horizontal=True):
        st.button("Open", key=f"open_{collection.id}", on_click=go, args=("collection", collection.name))
        if collection.images:
            st.button(
                "Label", key=f"label_{collection.id}", type="primary", icon=":material/draw:", on_click=go,
                args=("annotate", collection.name),
            )  # fmt: skip


def show_new() -> None:
    with st.container(key="card_new_collection"):
        st.subheader("New collection", anchor=False)
        left, right = st.columns(2)
        name = left.text_input("Name", key="new_name", placeholder="street scenes")
        classes = right.text_input(
            "Classes for boxes",
            key="new_classes",
            placeholder="car, person, sign",
            help="Separated by commas; more can be added later.",
        )
        image_classes = right.text_input(
            "Classes for whole images", key="new_image_classes", placeholder="day, night", help="Optional."
        )
        annotators = left.segmented_control(
            "Annotators see", ["redacted", "original"], default="redacted", key="new_see",
            help="What people with the role annotator are shown. Others see redacted copies where there are some.",
        )  # fmt: skip
        source = images_form("new")
        with st.container(horizontal=True):
            make = st.button("Make collection", type="primary", key="new_make")
            st.button("Cancel", key="new_cancel", on_click=st.session_state.update, args=({"label_making": False},))
        if make:
            with guard():
                created = collections.create_collection(
                    ws, name, split(classes), split(image_classes), annotators or "redacted"
                )
                st.session_state["label_making"] = False
                start_adding(created.name, source)
                go("collection", created.name)
                st.rerun()


def images_form(key: str) -> dict:
    """Ask where images come from; return `{kind, ...}` for `start_adding`."""
    kind = st.segmented_control(
        "Images from",
        ["Folder on this computer", "Upload", "Frames of a clip"],
        default="Folder on this computer",
        key=f"{key}_from",
    )
    if kind == "Upload":
        files = st.file_uploader(
            "Pictures", accept_multiple_files=True, type=sorted(s[1:] for s in PICTURE_SUFFIXES), key=f"{key}_files"
        )
        return {"kind": "upload", "files": [(f.name, f.getvalue()) for f in files or []]}
    if kind == "Frames of a clip":
        path = st.text_input("Path of the clip", key=f"{key}_clip", placeholder="/home/me/drive.mp4")
        upload = st.file_uploader("or upload it", type=sorted(s[1:] for s in VIDEO_SUFFIXES), key=f"{key}_clipfile")
        left, right = st.columns(2)
        way = left.segmented_control(
            "Take", ["Frames per second", "Every nth frame"], default="Frames per second", key=f"{key}_way"
        )
        if way == "Every nth frame":
            rate = {"every": int(right.number_input("Every nth frame", 1, 100_000, 25, key=f"{key}_every"))}
        else:
            rate = {"per_second": float(right.number_input("Frames per second", 0.01, 120.0, 1.0, key=f"{key}_rate"))}
        return {"kind": "clip", "path": path.strip(), "upload": upload, "rate": rate}
    return {
        "kind": "folder",
        "path": st.text_input(
            "Path of a folder or picture", key=f"{key}_path", placeholder="/home/me/pictures"
        ).strip(),
    }


def start_adding(name: str, source: dict) -> None:
    """Add images in the background; with nothing chosen, do nothing."""
    if source["kind"] == "folder" and source["path"]:
        path = Path(source["path"]).expanduser()
        if not path.exists():
            raise InputError(f"There is no file or folder {path}.", hint="Check the path; it is one on this computer.")
        run = ws.runs.start(
            "images", f"Adding images to {name}", lambda h: collections.add_images(ws, name, [path], h.progress)
        )
    elif source["kind"] == "upload" and source["files"]:
        files = source["files"]
        run = ws.runs.start(
            "images", f"Adding images to {name}", lambda h: collections.add_pictures(ws, name, files, h.progress)
        )
    elif source["kind"] == "clip" and (source["upload"] or source["path"]):
        run = ws.runs.start("images", f"Adding frames to {name}", frames_work(name, source))
    else:
        return
    state().runs[f"images:{name}"] = run.id


def frames_work(name: str, source: dict):
    upload, path, rate = source["upload"], source["path"], source["rate"]
    if not upload:
        clip = Path(path).expanduser()
        if not clip.is_file():
            raise InputError(f"There is no file {clip}.", hint="Check the path; it is one on this computer.")
        return lambda h: collections.add_frames(ws, name, clip, **rate, progress=h.progress)
    data, file_name = upload.getvalue(), upload.name

    def work(handle):
        with tempfile.NamedTemporaryFile(suffix=Path(file_name).suffix, dir=ws.root) as file:
            file.write(data)
            file.flush()
            return collections.add_frames(ws, name, file.name, **rate, file_name=file_name, progress=handle.progress)

    return work


def split(text: str) -> list[str]:
    return [part.strip() for part in (text or "").replace("\n", ",").split(",") if part.strip()]


# -- one collection -------------------------------------------------------------------------------------------------


def show_collection(name: str) -> None:
    collection = collections.get_collection(ws, name)
    st.html(BELOW_HEADER)
    st.button("All collections", icon=":material/arrow_back:", type="tertiary", on_click=go, args=("list",))
    sealed = " · originals are sealed" if collection.sealed else ""
    header(
        collection.name,
        f"{collection.images} images · {collection.done} labelled · {collection.redacted} redacted{sealed}",
    )
    with st.container():  # always here, so that the tabs below keep their place when a run comes and goes
        for purpose in ("images", "redact", "auto"):
            show_run(purpose, collection)
    if collection.images:
        with st.container(horizontal=True):
            st.button(
                "Label images", type="primary", icon=":material/draw:", on_click=go, args=("annotate", collection.name)
            )
            if collection.redacted and not collection.sealed:
                st.button("Review redaction", icon=":material/compare:", on_click=go, args=("review", collection.name))
    views = {
        "Images": show_images,
        "Redact": show_redact,
        "Classes": show_classes,
        "Import and export": show_files,
        "Numbers": show_numbers,
    }
    tabs = st.tabs(list(views), key="label_tabs", on_change="rerun")
    for tab, show in zip(tabs, views.values(), strict=True):
        if tab.open:  # the others cost time on every rerun
            with tab:
                show(collection)


def show_run(purpose: str, collection: collections.Collection) -> None:
    run_id = state().runs.get(f"{purpose}:{collection.name}")
    if not run_id:
        return

    def ended(run) -> None:
        said = {
            "images": "{added} images added, {duplicates} duplicates left out.",
            "redact": "{redacted} images redacted, {regions} regions hidden, {skipped} left as they were.",
            "auto": "{boxes} boxes proposed on {images} images.",
        }[purpose].format(**run.outcome)
        problems = run.outcome.get("problems") or []
        if problems:
            listed = "\n".join(f"- {_plain(p)}" for p in problems[:20])
            st.warning(f"{said} {len(problems)} files could not be used:\n\n{listed}", icon=":material/warning:")
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


def show_images(collection: collections.Collection) -> None:
    if collection.images:
        size = 24
        pages = -(-collection.images // size)
        page = st.pagination(pages, key="label_page") if pages > 1 else 1
        images = collections.list_images(ws, collection.id, offset=(page - 1) * size, limit=size)
        st.html(CARD)
        columns = st.columns(6)
        for place, image in enumerate(images):
            with columns[place % 6]:
                visible = image.redacted_sha256 or (image.sha256 and not image.purged and not collection.sealed)
                picture = f'<img src="{address(image, "thumb")}" alt="" loading="lazy">' if visible else ""
                st.html(f'<div class="tilth-grid">{picture}</div>')
                mark = {
                    "done": ":material/check_circle:",
                    "started": ":material/edit:",
                    "skipped": ":material/block:",
                }.get(image.status)
                st.button(
                    short(image.file_name), key=f"image_{image.id}", icon=mark, type="tertiary",
                    help=f"{image.file_name} · {image.width} × {image.height} · {image.status}",
                    on_click=go, args=("annotate", collection.name, image.id),
                )  # fmt: skip
    with st.expander("Add images", icon=":material/add_photo_alternate:", expanded=not collection.images):
        source = images_form("more")
        if st.button("Add images", key="more_add", type="primary"):
            with guard():
                start_adding(collection.name, source)
                st.rerun()


def show_redact(collection: collections.Collection) -> None:
    st.markdown(
        "Redaction makes a copy of every image in which faces and licence plates are hidden and all metadata is gone. "
        "Annotators then see the copies only. **The detectors that come with Tilth miss faces in street scenes: review "
        "the copies.** With a YuNet model file in `TILTH_FACE_MODEL` they find far more."
    )
    left, right = st.columns([2, 3])
    what = left.pills(
        "Hide", ["Faces", "Plates"], selection_mode="multi", default=["Faces", "Plates"], key="redact_what"
    )
    method = right.segmented_control(
        "How", ["blur", "pixelate", "fill"], default="blur", key="redact_method",
        help="All three destroy the detail before they draw; fill (black) leaves nothing at all.",
    )  # fmt: skip
    complete = bool(collection.images) and collection.redacted == collection.images
    again = st.checkbox(
        "Also redo images that have a copy (reviewed ones stay)", value=complete, key=f"redact_again_{complete}"
    )
    busy = is_busy(f"redact:{collection.name}")
    label = "Redact again" if complete else "Redact"
    if st.button(label, type="primary", icon=":material/blur_on:", disabled=busy or not collection.images):
        if not what:
            problem(InputError("Neither faces nor plates are to be hidden.", hint="Choose at least one."))
        else:
            run = ws.runs.start(
                "redact",
                f"Redacting {collection.name}",
                lambda h: collections.redact_collection(
                    ws, collection.name, faces="Faces" in what, plates="Plates" in what, method=method or "blur",
                    again=again, progress=h.progress,
                ),
            )  # fmt: skip
            state().runs[f"redact:{collection.name}"] = run.id
            st.rerun()
    st.divider()
    with st.container(horizontal=True, vertical_alignment="center"):
        if collection.sealed:
            if st.button("Unseal originals", icon=":material/lock_open:"):
                collections.seal_originals(ws, collection.name, False)
                st.rerun()
        elif st.button("Seal originals", icon=":material/lock:", help="Nobody is shown the originals any more."):
            with guard():
                collections.seal_originals(ws, collection.name)
                st.rerun()
        if confirm(
            "Delete originals",
            "The original files are deleted for good; copies and labels stay.",
            key="purge",
            icon=":material/delete_forever:",
        ):
            with guard():
                gone = collections.purge_originals(ws, collection.name)
                st.toast(f"{gone} originals deleted.")


def is_busy(purpose: str) -> bool:
    run_id = state().runs.get(purpose)
    return bool(run_id and ws.runs.get(run_id).is_running)


def show_classes(collection: collections.Collection) -> None:
    st.markdown("Names, colours and keys of the classes that boxes may have. Rows can be added, changed and removed.")
    rows = [{k: c.get(k, "") for k in ("name", "color", "hotkey")} for c in collection.classes]
    edited = st.data_editor(
        rows or [{"name": "", "color": "", "hotkey": ""}],
        num_rows="dynamic",
        key=f"classes_{collection.id}_{len(rows)}",
        hide_index=True,
        column_config={
            "name": st.column_config.TextColumn("Class", required=True),
            "color": st.column_config.TextColumn("Colour (#rrggbb)", validate="^(#[0-9a-fA-F]{6})?$"),
            "hotkey": st.column_config.TextColumn("Key", max_chars=1),
        },
    )
    image_classes = st.text_input(
        "Classes for whole images",
        ", ".join(c["name"] for c in collection.image_classes),
        key=f"imgclasses_{collection.id}",
    )
    st.caption("Keys that the annotator uses itself (such as n, p, s, h, c, b) are better left free.")
    if st.button("Save classes", type="primary"):
        with guard():
            kept = [{k: v for k, v in row.items() if v} for row in edited if (row.get("name") or "").strip()]
            by_name = {c["name"]: c for c in collection.classes}
            merged = [by_name.get(row["name"], {}) | row for row in kept]
            collections.set_classes(ws, collection.name, merged, split(image_classes))
            st.rerun()


def show_files(collection: collections.Collection) -> None:
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
        st.caption("Where several people answered, formats with one answer per image get the consolidated one.")
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
                st.success(f"{done.answers} answers with {done.boxes} boxes on {done.images} images.")
                for warning in done.warnings:
                    st.warning(warning)


def show_numbers(collection: collections.Collection) -> None:
    numbers = suggest.stats(ws, collection.name)
    cells = st.columns(4)
    for cell, (label, value) in zip(
        cells,
        (
            ("Images", numbers["images"]),
            ("Done", numbers["status"]["done"]),
            ("Skipped", numbers["status"]["skipped"]),
            ("Redacted", numbers["redacted"]),
        ),
        strict=True,
    ):
        cell.metric(label, value)
    rows = [{"class": n, "of": "boxes", "count": v} for n, v in numbers["boxes"].items()]
    rows += [{"class": n, "of": "whole images", "count": v} for n, v in numbers["classes"].items()]
    if rows:
        st.dataframe(rows, hide_index=True)
    if numbers["annotators"]:
        st.dataframe(numbers["annotators"], hide_index=True)
    found = agreement(ws, collection.name)
    if found["images"]:
        st.markdown(f"**Agreement** on {found['images']} images that several people answered")
        st.dataframe(found["pairs"], hide_index=True)
    st.divider()
    if st.button(
        "Propose boxes", icon=":material/auto_awesome:", disabled=is_busy(f"auto:{collection.name}") or not collection.images,
        help="The face and plate detectors propose boxes on images nobody has labelled; a person accepts or corrects them.",
    ):  # fmt: skip
        run = ws.runs.start(
            "auto",
            f"Proposing boxes in {collection.name}",
            lambda h: suggest.auto_label(ws, collection.name, progress=h.progress),
        )
        state().runs[f"auto:{collection.name}"] = run.id
        st.rerun()
    if confirm(
        "Delete this collection", "The collection, its pictures and its labels are deleted for good.", key="drop"
    ):
        collections.delete_collection(ws, collection.name)
        go("list")
        st.rerun()


# -- annotate -------------------------------------------------------------------------------------------------------


def desk(kind: type[Desk], collection: collections.Collection) -> Desk:
    return kind(ws, collection.id, annotator_name())


def show_annotate(name: str, image_id: int | None) -> None:
    collection = collections.get_collection(ws, name, counts=False)
    st.html(WIDE)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            _plain(short(collection.name, 40)),
            icon=":material/arrow_back:",
            type="tertiary",
            on_click=go,
            args=("collection", collection.name),
        )
        st.space("stretch")
        with st.popover("Classes", icon=":material/label:"):
            added = st.text_input("Add classes for regions", key="quick_classes", placeholder="car, person")
            whole = st.text_input("Add classes for whole images", key="quick_image_classes", placeholder="day, night")
            if st.button("Add", key="quick_add") and (split(added) or split(whole)):
                with guard():
                    collections.add_classes(ws, collection.name, split(added), split(whole))
                    st.rerun()
        with st.popover(f"You label as {annotator_name()}", icon=":material/person:"):
            st.text_input("Your name on the labels", value=annotator_name(), key="label_who", persist_state="session")
    at_work = desk(LabelDesk, collection)
    item = at_work.item(image_id)
    if item is None:
        if collections.list_images(ws, collection.id, limit=1):
            title, body, action = (
                "Nothing to do now",
                "Every open item is labelled, or in somebody else's hands.",
                "To the collection",
            )
        else:
            title, body, action = "No images", "Add images to this collection first.", "Add images"
        if empty(title, body, action=action, key="noimages"):
            go("collection", collection.name)
            st.rerun()
        return
    show_desk(at_work, item, "annotator", collection)


def show_desk(at_work: Desk, item: dict, key: str, collection: collections.Collection) -> None:
    here = st.session_state["label_view"]
    if here["image"] != item["id"]:
        here["image"] = item["id"]
        where()
    version = str(abs(hash(str((collection.classes, collection.image_classes, collection.workflow)))))
    annotator(
        at_work,
        item,
        key=key,
        nonce=f"{here['entry']}/{at_work.person}/{collection.id}",
        version=version,
        on_leave=lambda: go("collection", collection.name),
    )


# -- review of people's answers ---------------------------------------------------------------------------------------


def show_check(name: str, image_id: int | None) -> None:
    collection = collections.get_collection(ws, name, counts=False)
    st.html(WIDE)
    with st.container(horizontal=True, vertical_alignment="center"):
        back_button(collection)
        st.space("stretch")
        with st.popover(f"You review as {annotator_name()}", icon=":material/person:"):
            st.text_input("Your name on the reviews", value=annotator_name(), key="label_who", persist_state="session")
    at_work = desk(ReviewDesk, collection)
    item = at_work.item(image_id) or at_work.item()
    if item is None:
        empty("Nothing to review", "No answer waits for you. Your own answers are reviewed by others.", key="nocheck")
        return
    show_desk(at_work, item, "review_annotator", collection)


# -- review of a redaction ------------------------------------------------------------------------------------------


def show_review(name: str, image_id: int | None) -> None:
    collection = collections.get_collection(ws, name)
    st.html(WIDE)
    back_button(collection)
    at_work = desk(RedactionDesk, collection)
    item = at_work.item(image_id)
    if item is None:
        empty("Nothing to review", "The originals are sealed or deleted, or nothing is redacted yet.", key="noreview")
        return
    candidates = [i for i in collections.list_images(ws, collection.id) if i.redacted_sha256 and not i.purged]
    done = sum(bool(i.redaction["reviewed"]) for i in candidates)
    st.caption(
        f"{done} of {len(candidates)} reviewed. Draw over what was missed, delete what need not be hidden; "
        "the copy is made anew with every change."
    )
    show_desk(at_work, item, "redaction_annotator", collection)


def back_button(collection: collections.Collection) -> None:
    st.button(
        _plain(short(collection.name, 40)),
        icon=":material/arrow_back:",
        type="tertiary",
        on_click=go,
        args=("collection", collection.name),
    )


# -- small things ---------------------------------------------------------------------------------------------------


def short(text: str, most: int = 22) -> str:
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-most // 2 + 1 :]}"


def _plain(text: str) -> str:
    """Keep names from being read as Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+-.!|~$:" else c for c in text)


here = where()
try:
    if here["view"] == "list" or not here["collection"]:
        show_list()
    elif here["view"] == "annotate":
        show_annotate(here["collection"], here["image"])
    elif here["view"] == "review":
        show_review(here["collection"], here["image"])
    elif here["view"] == "check":
        show_check(here["collection"], here["image"])
    else:
        show_collection(here["collection"])
except AppError as error:
    problem(error)
    st.button("All collections", icon=":material/arrow_back:", on_click=go, args=("list",), key="back_from_error")
