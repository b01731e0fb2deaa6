"""The wizard for a new labelling project: what, data, labels, people. One button at the end makes it."""

from __future__ import annotations

import streamlit as st

from labeling.collections import set_annotators_see
from labeling.formats.label_studio import parse_config
from labeling.templates import TEMPLATES, Template, create_project, get_template
from labeling.workflow import Workflow, read_workflow
from shell.label_data import UPLOAD, check_source, data_form, start_adding
from shell.label_forms import care_form, classes_form, people_form, task_form
from shell.label_parts import BELOW_HEADER, NOUNS, go
from shell.state import state
from shell.widgets import guard, header, md

DRAFT = "label_draft"
STEPS = ("What to label", "Data", "Labels", "People and checks")
FAMILIES = {
    "Images": ":material/image:",
    "Video": ":material/movie:",
    "Texts": ":material/notes:",
    "Pairs": ":material/compare_arrows:",
    "Tables": ":material/table_rows:",
}


def show_new(ws) -> None:
    """Show the step of the wizard that is its turn."""
    if DRAFT not in state().extra:
        state().extra[DRAFT] = {"step": 0, "project": _count(), "visit": _count()}
    draft = state().extra[DRAFT]
    st.html(BELOW_HEADER)
    st.button("All projects", icon=":material/arrow_back:", type="tertiary", on_click=leave)
    header("New project", "Four short steps. Everything can be changed later.")
    marks = [
        f":{'primary' if i == draft['step'] else 'gray'}[**{i + 1}** {':material/check: ' if i < draft['step'] else ''}{name}]"
        for i, name in enumerate(STEPS)
    ]
    st.markdown(" &nbsp;→&nbsp; ".join(marks))
    (choose_template, ask_data, ask_labels, ask_people)[draft["step"]](ws, draft)


def leave() -> None:
    state().extra.pop(DRAFT, None)
    go("list")


def move(step: int) -> None:
    draft = state().extra[DRAFT]
    draft |= {"step": step, "visit": _count()}  # forms begin anew from the draft


def _count() -> int:
    """Return a number that was not given before in this session, for keys of widgets."""
    state().extra["label_count"] = state().extra.get("label_count", 0) + 1
    return state().extra["label_count"]


# -- 1: what to label -----------------------------------------------------------------------------------------------


def choose_template(ws, draft: dict) -> None:
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    family = left.segmented_control(
        "Kind", ["All", *FAMILIES], default="All", required=True, key="template_family", label_visibility="collapsed"
    )
    words = right.text_input(
        "Find a template", key="template_words", placeholder="boxes, sentiment, OCR …", icon=":material/search:", live=True,
        label_visibility="collapsed",
    )  # fmt: skip
    found = matching(words, None if family == "All" else family)
    if not found:
        st.caption("No template has these words. Each can be changed: “Object detection” is a good start for pictures.")
    for name, icon in FAMILIES.items():
        group = [t for t in found if t.family == name]
        if not group:
            continue
        st.markdown(f"**{icon} {name}**")
        for start in range(0, len(group), 3):  # row by row, so that cards stand in line
            for column, template in zip(st.columns(3), group[start : start + 3], strict=False):
                with column, st.container(key=f"card_template_{template.name}", gap="xsmall", height="stretch"):
                    st.button(
                        template.label,
                        key=f"template_{template.name}",
                        width="stretch",
                        on_click=take,
                        args=(template,),
                    )
                    st.caption(template.help)
    with st.expander("I have a labelling interface from Label Studio (XML)", icon=":material/code:"):
        xml = st.text_area("Labelling interface", key="template_xml", height=160, placeholder="<View> … </View>")
        if st.button("Take it", key="template_take", disabled=not xml.strip()):
            with guard():
                take_config(draft, xml)
                st.rerun()


def matching(words: str, family: str | None = None) -> list[Template]:
    """Return the templates that have every word in name, family, help or classes."""
    wanted = (words or "").lower().split()
    found = []
    for template in TEMPLATES.values():
        said = [
            template.name,
            template.label,
            template.family,
            template.help,
            *template.classes,
            *template.image_classes,
        ]
        text = " ".join(said).lower()
        if all(word in text for word in wanted) and family in (None, template.family):
            found.append(template)
    return found


def take(template: Template) -> None:
    """Begin with a template. Pictures are redacted first unless that is switched off."""
    draft = state().extra[DRAFT]
    flow = template.workflow.model_dump(mode="json")
    draft |= {
        "template": template.name,
        "flow": flow | {"redact": flow["item"] == "image"},
        "classes": list(template.classes),
        "image_classes": list(template.image_classes),
    }
    move(1)


def take_config(draft: dict, xml: str) -> None:
    """Begin with what a Label Studio labelling interface asks for.

    Raises:
        SourceError: not such XML.
    """
    found = parse_config(xml)
    flow, notes = workflow_from_config(found)
    base = get_template("object-detection" if found["kind"] in ("image", "video") else "text-classification")
    draft |= {
        "template": base.name,
        "flow": flow.model_dump(mode="json") | {"redact": flow.item == "image"},
        "classes": found["classes"],
        "image_classes": found["image_classes"] or (["left", "right", "equal"] if flow.item == "pair" else []),
        "notes": notes,
    }
    move(1)


def workflow_from_config(found: dict) -> tuple[Workflow, list[str]]:
    """Return the workflow of a parsed labelling interface, and what has no place in it."""
    item = {"video": "image"}.get(found["kind"], found["kind"])
    kinds = {"date": "text"}
    notes = [f"<{tag}> has no counterpart here and was left out." for tag in found["unknown"]]
    answers, attributes = [], []
    for field in found["fields"]:
        answers.append({"name": field["name"], "kind": kinds.get(field["type"], field["type"]),
                        "values": field.get("choices", [])})  # fmt: skip
        if field.get("multiple"):
            notes.append(f"{field['name']}: several choices at once become one choice.")
    for field in found["attributes"]:
        kind = {"rating": "number", "date": "text"}.get(field["type"], field["type"])
        attributes.append({"name": field["name"], "kind": kind, "values": field.get("choices", [])})
    settings = {
        "item": item,
        "shapes": [s for s in found["shapes"] if (s == "span") == (item == "text")],
        "single_choice": bool(found["image_classes"]) and not found["multiple"],
        "answers": answers,
        "attributes": attributes,
        "relations": found["relations"],
    }
    return read_workflow(settings), notes


# -- 2 to 4 ---------------------------------------------------------------------------------------------------------


def ask_data(ws, draft: dict) -> None:
    item = draft["flow"]["item"]
    for note in draft.get("notes", []):
        st.info(md(note), icon=":material/info:")
    draft["name"] = st.text_input(
        "Name of the project",
        draft.get("name", ""),
        key=f"new_name_{draft['visit']}",
        placeholder="street scenes",
        max_chars=200,
    )
    source, kept = data_form(ws, f"new{draft['project']}", item), draft.get("source", {})
    if source["kind"] == "none" and source["from"] == UPLOAD and kept.get("kind") == "upload":
        st.caption(f"{len(kept['files'])} uploaded files are kept. Choose others to replace them.")
    else:
        draft["source"] = source
    st.caption(
        f"Nothing leaves this computer. More {NOUNS[item]} can be added at any time; the project can also be made without any."
    )
    steps(ws, draft)


def ask_labels(ws, draft: dict) -> None:
    key, flow = f"new{draft['visit']}", draft["flow"]
    shapes = st.session_state.get(f"{key}_shapes", flow["shapes"])
    draft["next_classes"] = classes_form(draft["classes"], draft["image_classes"], key, flow["item"], shapes)
    draft["next_flow"] = {**flow, **task_form(flow, key)}
    steps(ws, draft)


def ask_people(ws, draft: dict) -> None:
    key, flow = f"new{draft['visit']}", draft["flow"]
    people = people_form(ws, flow, key)
    draft["next_flow"] = {**flow, **people, **care_form(flow, key)}
    steps(ws, draft)


def settle(step: int | None = None) -> None:
    """Take up what the present step asked, and go to another."""
    draft = state().extra[DRAFT]
    if "next_flow" in draft:
        draft["flow"] = draft.pop("next_flow")
    if "next_classes" in draft:
        draft["classes"], draft["image_classes"] = draft.pop("next_classes")
    if step is not None:
        move(step)


def steps(ws, draft: dict) -> None:
    here, last = draft["step"], len(STEPS) - 1
    named = bool((draft.get("name") or "").strip())
    st.space("small")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Back", key="wizard_back", icon=":material/arrow_back:", on_click=settle, args=(here - 1,))
        if here < last:
            st.button("Next", key="wizard_next", type="primary", disabled=not named, on_click=settle, args=(here + 1,))
        made = st.button(
            "Make the project" if here == last else "Make it with the defaults from here on",
            key="wizard_make",
            type="primary" if here == last else "tertiary",
            icon=":material/check:",
            disabled=not named,
        )
        if not named:
            st.caption("It needs a name first.")
    if made:
        with guard():
            settle()
            make(ws, draft)
            st.rerun()


def make(ws, draft: dict) -> None:
    """Create the project, start adding its data, and go there.

    Raises:
        Conflict: the name is taken.
        InputError: a setting out of bounds, or a path where nothing is.
    """
    source = draft.get("source") or {"kind": "none"}
    check_source(source)
    settings = {k: v for k, v in draft["flow"].items() if k != "template"}
    made = create_project(
        ws, draft["name"], draft["template"], classes=draft["classes"], image_classes=draft["image_classes"], **settings
    )
    if draft["flow"]["item"] == "image" and not draft["flow"]["redact"]:
        set_annotators_see(ws, made.id, "original")  # else those with the role annotator would see nothing
    state().extra.pop(DRAFT, None)
    go("collection", made.name, tab="Items")
    start_adding(ws, made, source)
