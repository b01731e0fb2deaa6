"""Forms for the settings of a labelling project, used by the wizard and by the Settings tab alike.

Every form takes the workflow as plain values and returns those it asks for, changed.
"""

from __future__ import annotations

import hashlib

import streamlit as st

from labeling.documents import class_list
from labeling.workforce import teams
from shell.label_parts import split

SHAPES = {
    "box": "Boxes",
    "polygon": "Outlines (polygons)",
    "mask": "Brush masks",
    "point": "Points",
    "polyline": "Lines",
    "ellipse": "Ellipses",
    "span": "Words in a text",
}
ANSWERS = {"text": "Text", "number": "Number", "rating": "Stars", "yes_no": "Yes or no", "choice": "One of a list"}
ATTRIBUTES = {k: v for k, v in ANSWERS.items() if k != "rating"}
EVERYBODY = "Everybody"


def shapes_for(item: str) -> list[str]:
    if item == "image":
        return [s for s in SHAPES if s != "span"]
    return ["span"] if item == "text" else []


# -- classes --------------------------------------------------------------------------------------------------------


def classes_form(classes: list, image_classes: list, key: str, item: str, shapes: list[str]) -> tuple[list, list]:
    """Ask for the classes of regions and of whole items; return both as lists of {name, color, hotkey}."""
    regions = {"text": "words"}.get(item, "regions")
    whole = {"image": "whole images", "text": "whole texts", "row": "whole rows", "pair": "whole pairs"}[item]
    left, right = st.columns(2)
    with left:
        if shapes or classes:
            classes = _classes(f"Classes for {regions}", classes, f"{key}_regions", "car\nperson")
        else:
            st.caption("Nothing is drawn or marked in this project, so it needs no classes for regions.")
    with right:
        image_classes = _classes(f"Classes for {whole}", image_classes, f"{key}_whole", "day\nnight")
    return classes, image_classes


def _classes(label: str, current: list, key: str, example: str) -> list[dict]:
    current = class_list(current)
    names = list(
        dict.fromkeys(
            split(
                st.text_area(
                    label, "\n".join(c["name"] for c in current), key=key, placeholder=example, height=150,
                    help="One per line, or separated by commas. A list from a spreadsheet can be pasted.",
                )
            )
        )
    )  # fmt: skip
    if not names:
        return []
    # the table must keep its rows while it is edited: they change with the names only
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:10]
    rows_key, last_key = f"{key}_rows_{digest}", f"{key}_last"
    if rows_key not in st.session_state:
        last = {c["name"]: c for c in st.session_state.get(last_key, current)}
        st.session_state[rows_key] = class_list([last.get(n, n) for n in names])
    with st.expander("Colours and keys", icon=":material/palette:"):
        edited = st.data_editor(
            [{k: c.get(k) or "" for k in ("name", "color", "hotkey")} for c in st.session_state[rows_key]],
            key=f"{key}_edit_{digest}",
            hide_index=True,
            disabled=["name"],
            column_config={
                "name": st.column_config.TextColumn("Class"),
                "color": st.column_config.TextColumn("Colour (#rrggbb)", validate="^(#[0-9a-fA-F]{6})?$"),
                "hotkey": st.column_config.TextColumn(
                    "Key", max_chars=7, help="One letter or digit, or shift+1 to shift+9"
                ),
            },
        )
        st.caption(
            "Keys 1 to 9 and shift+1 to shift+9 are given in this order. Letters that the annotator uses stay its own."
        )
    rows = [
        {**kept, **{k: v for k, v in row.items() if v}}
        for kept, row in zip(st.session_state[rows_key], edited, strict=True)
    ]
    st.session_state[last_key] = rows
    return rows


# -- the task -------------------------------------------------------------------------------------------------------


def task_form(flow: dict, key: str) -> dict:
    """Ask what people see and do: question, instructions, shapes, answers, attributes, relations."""
    item = flow["item"]
    made: dict = {}
    made["instructions"] = st.text_area(
        "Instructions", flow["instructions"], key=f"{key}_instructions", height=150, max_chars=50_000,
        placeholder="What to mark, what to leave out, and what to do in doubt. An example helps more than a rule.",
        help="People see them before their first item, and any time with a key. # makes a heading, - a list.",
    )  # fmt: skip
    left, right = st.columns(2)
    made["question"] = left.text_input(
        "Question about the whole item", flow["question"], key=f"{key}_question", max_chars=500,
        placeholder="What is in the picture?", help="Stands above the choices.",
    )  # fmt: skip
    with right:
        made["single_choice"] = st.toggle(
            "Exactly one class for the whole item", flow["single_choice"], key=f"{key}_single",
            help="Off: any number of them.",
        )  # fmt: skip
        if known := shapes_for(item):
            made["shapes"] = st.pills(
                "What people draw" if item == "image" else "What people mark", known, selection_mode="multi",
                default=[s for s in flow["shapes"] if s in known], format_func=SHAPES.get, key=f"{key}_shapes", wrap=True,
            )  # fmt: skip
        else:
            made["shapes"] = []
    with st.expander("Free answers, facts about regions, relations", icon=":material/tune:", expanded=_has_more(flow)):
        st.markdown("**Answers about the whole item**, such as a caption or a rating")
        made["answers"] = _table(flow["answers"], f"{key}_answers", ANSWERS, required=True)
        if made["shapes"]:
            st.markdown("**Facts about every region**, such as “hidden: yes”")
            made["attributes"] = _table(flow["attributes"], f"{key}_attributes", ATTRIBUTES, labels=True)
            first, second = st.columns(2)
            made["relations"] = split(
                first.text_input(
                    "Relations between regions", ", ".join(flow["relations"]), key=f"{key}_relations",
                    placeholder="part of, holds",
                )
            )  # fmt: skip
            made["region_text"] = second.toggle(
                "What is written in a region is typed in", flow["region_text"], key=f"{key}_region_text",
                disabled=item != "image",
            )  # fmt: skip
        else:
            made |= {"attributes": [], "relations": [], "region_text": False}
    return made


def _has_more(flow: dict) -> bool:
    return bool(flow["answers"] or flow["attributes"] or flow["relations"] or flow["region_text"])


def _table(given, key: str, kinds: dict[str, str], required: bool = False, labels: bool = False) -> list[dict]:
    """Let answers or attributes be edited in a table; what the table does not show of a known name stays."""
    base_key = f"{key}_base"
    if base_key not in st.session_state:
        rows = [
            {
                "name": a["name"],
                "label": a.get("label", ""),
                "kind": kinds.get(a["kind"], kinds["text"]),
                "values": ", ".join(a["values"]),
                "required": bool(a.get("required")),
                "labels": ", ".join(a.get("labels", ())),
            }
            for a in given
        ]
        st.session_state[base_key] = rows or [dict(name="", label="", kind=None, values="", required=False, labels="")]
    shown = ["name", *(["label"] if required else []), "kind", "values", *(["required"] if required else [])]
    shown += ["labels"] if labels else []
    edited = st.data_editor(
        st.session_state[base_key], num_rows="dynamic", key=f"{key}_edit", hide_index=True, column_order=shown,
        column_config={
            "name": st.column_config.TextColumn("Name", max_chars=256, help="How it is called in exports"),
            "label": st.column_config.TextColumn("Question", help="What people read; the name, if empty"),
            "kind": st.column_config.SelectboxColumn("Kind", options=list(kinds.values())),
            "values": st.column_config.TextColumn("List", help="Of “one of a list”: separated by commas"),
            "required": st.column_config.CheckboxColumn("Needed"),
            "labels": st.column_config.TextColumn("Only for classes", help="Separated by commas; all, if empty"),
        },
    )  # fmt: skip
    before = {a["name"]: a for a in given}
    words = {v: k for k, v in kinds.items()}
    made = []
    for row in edited:
        name = (row.get("name") or "").strip()
        if not name:
            continue
        one = {**before.get(name, {}), "name": name, "kind": words.get(row.get("kind"), "text")}
        one["values"] = split(row.get("values") or "")
        if required:
            one |= {"label": (row.get("label") or "").strip(), "required": bool(row.get("required"))}
        if labels:
            one["labels"] = split(row.get("labels") or "")
        made.append(one)
    return made


# -- people and quality ---------------------------------------------------------------------------------------------


def people_form(ws, flow: dict, key: str) -> dict:
    """Ask how many people answer, who they are, and how their work is checked."""
    made: dict = {}
    first, second, third = st.columns(3)
    made["people"] = int(
        first.number_input(
            "People per item", 1, 50, flow["people"], key=f"{key}_people",
            help="One is quickest. Three let Tilth find the answer that most agree on, and say how sure it is.",
        )
    )  # fmt: skip
    known = [EVERYBODY, *teams(ws)]
    if flow["team"] and flow["team"] not in known:
        known.append(flow["team"])
    team = second.selectbox(
        "Team", known, index=known.index(flow["team"] or EVERYBODY), key=f"{key}_team",
        help="Only its members get items. Teams are made on the People tab.",
    )  # fmt: skip
    made["team"] = "" if team == EVERYBODY else team
    made["lease_minutes"] = float(
        third.number_input(
            "Minutes until an item left open goes to others", 1, 10_080, round(flow["lease_minutes"]), key=f"{key}_lease",
            help="Work puts the end off. What somebody wrote is kept in any case.",
        )
    )  # fmt: skip
    first, second, third = st.columns(3)
    made["review_rate"] = (
        first.slider(
            "Looked at by a reviewer", 0, 100, round(flow["review_rate"] * 100), step=5, format="%d%%", key=f"{key}_review",
            help="Share of finished items that another person approves, corrects or sends back.",
        )
        / 100
    )  # fmt: skip
    made["gold_rate"] = (
        second.slider(
            "Hidden checks with a known answer", 0, 50, round(flow["gold_rate"] * 100), format="%d%%", key=f"{key}_gold",
            help="Share of a person's work, once there are gold items. Newcomers get twice as many.",
        )
        / 100
    )  # fmt: skip
    with third:
        made["blind"] = st.toggle("Nobody sees what others answered", flow["blind"], key=f"{key}_blind")
        made["gold_feedback"] = st.toggle(
            "Say at once whether a hidden check was right", flow["gold_feedback"], key=f"{key}_feedback"
        )
    exam = flow["exam"] or {"items": 10, "pass_mark": 0.8}
    with st.expander("Exam, reasons, overlap", icon=":material/school:", expanded=bool(flow["exam"])):
        has = st.toggle(
            "An exam before the real work", flow["exam"] is not None, key=f"{key}_exam",
            help="Gold items marked for the exam, which a person answers first. Make them on the Gold tab.",
        )  # fmt: skip
        left, right = st.columns(2)
        items = left.number_input(
            "Items of the exam", 1, 1000, exam["items"], key=f"{key}_exam_items", disabled=not has
        )
        mark = right.slider(
            "Passed from",
            5,
            100,
            round(exam["pass_mark"] * 100),
            step=5,
            format="%d%%",
            key=f"{key}_mark",
            disabled=not has,
        )
        made["exam"] = {"items": int(items), "pass_mark": mark / 100} if has else None
        made["skip_reasons"] = split(
            left.text_area("Reasons to skip an item", "\n".join(flow["skip_reasons"]), key=f"{key}_skips", height=110)
        )
        made["return_reasons"] = split(
            right.text_area(
                "Reasons to send an answer back", "\n".join(flow["return_reasons"]), key=f"{key}_returns", height=110
            )
        )
        made["least_iou"] = (
            left.slider(
                "Overlap from which two regions are the same thing", 5, 100, round(flow["least_iou"] * 100), step=5,
                format="%d%%", key=f"{key}_iou", help="Used where answers are compared with gold.",
            )
            / 100
        )  # fmt: skip
    return made


def care_form(flow: dict, key: str) -> dict:
    """Ask whether faces and plates are hidden first, and whether a model may label."""
    made: dict = {}
    left, right = st.columns(2)
    with left:
        if flow["item"] == "image":
            made["redact"] = st.toggle(
                "Hide faces and licence plates first", flow["redact"], key=f"{key}_redact",
                help="Copies are made right after images are added; people then see the copies only.",
            )  # fmt: skip
            st.caption("The built-in detectors miss some faces in street scenes: look through the copies.")
        else:
            made["redact"] = False
    with right:
        made["auto_label"] = st.toggle(
            "Let a model label what it can be trusted with", flow["auto_label"], key=f"{key}_auto",
            help="People label a part; the rest is labelled only as far as one exact test admits. See Auto-label.",
        )  # fmt: skip
        made["target"] = (
            st.slider(
                "How often its labels must be right", 55, 99, round(flow["target"] * 100), format="%d%%",
                key=f"{key}_target", disabled=not made["auto_label"],
            )
            / 100
        )  # fmt: skip
    return made
