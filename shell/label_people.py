"""The Gold and People tabs: items with a known answer, exams, teams and their members."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from labeling import browse, gold, workforce
from labeling.collections import Collection
from labeling.dashboard import dashboard
from labeling.gold_files import gold_from_file
from labeling.workflow import set_workflow, workflow_of
from shell.label_dashboard import people_table
from shell.label_forms import EVERYBODY
from shell.label_parts import annotator_name, go, percent
from shell.widgets import confirm, guard, md

SHOWN = 50


def show_gold(ws, collection: Collection) -> None:
    st.markdown(
        "**Gold** items have an answer that is known to be right. They are mixed unseen into everybody's work and show how far "
        "each person can be relied on. Those for the **exam** are asked before the real work begins."
    )
    flow = workflow_of(collection)
    known = gold.gold_documents(ws, collection.id)
    exams = set(gold.gold_documents(ws, collection.id, exam=True))
    cells = st.columns(3)
    cells[0].metric("Hidden checks", len(known) - len(exams), help=f"{flow.gold_rate:.0%} of a person's work")
    cells[1].metric("Exam items", len(exams))
    cells[2].metric("Passed from", percent(flow.exam.pass_mark) if flow.exam else "no exam")
    if exams and not flow.exam:
        st.warning("There are exam items, and the exam is off. Switch it on under Settings, “People and checks”.")
    with st.expander("Make gold", icon=":material/add:", expanded=not known):
        _make(ws, collection)
    if known:
        _list(ws, collection, known, exams)
    _exam(ws, collection)


def _make(ws, collection: Collection) -> None:
    way = st.segmented_control(
        "From", ["An answer", "What people agree on", "A file"], default="An answer", required=True, key="gold_way"
    )
    exam = st.toggle("For the exam", key="gold_exam")
    if way == "An answer":
        people = browse.known_people(ws)
        me = annotator_name()
        options = [me, *(p for p in people if p != me)]
        left, right = st.columns(2)
        whose = left.selectbox("Whose answer", options, key="gold_whose")
        words = right.text_input("Item", key="gold_words", placeholder="a part of its name", live=True)
        found = browse.answered_items(ws, collection.id, whose, words, SHOWN)
        chosen = st.multiselect(
            "Items", found, format_func=lambda i: i.file_name, key=f"gold_items_{whose}_{words}",
            placeholder="Choose items that were answered carefully" if found else f"{whose} has not answered such an item",
        )  # fmt: skip
        if st.button("Make gold", key="gold_make", type="primary", disabled=not chosen):
            with guard():
                for item in chosen:
                    gold.set_gold(ws, item.id, annotator=whose, exam=exam)
                st.rerun()
    elif way == "What people agree on":
        share = st.slider("At most this share of the items", 1, 50, 10, format="%d%%", key="gold_share")
        st.caption("Items with two or more answers that are all alike. Nobody's single opinion becomes the truth.")
        if st.button("Make gold", key="gold_agreed", type="primary"):
            with guard():
                made = gold.gold_from_label_set(ws, collection.name, share / 100, exam)
                st.toast(f"{made} items are gold now." if made else "No item has answers that are all alike.")
                if made:
                    st.rerun()
    else:
        file = st.file_uploader(
            "Right answers", type=["csv", "jsonl", "json"], key="gold_file",
            help="CSV with the columns file and label (a class of the whole item), or JSON lines with whole answers.",
        )  # fmt: skip
        if st.button("Make gold", key="gold_read", type="primary", disabled=file is None):
            with guard(), tempfile.TemporaryDirectory(dir=ws.root) as folder:
                path = Path(folder) / Path(file.name).name
                path.write_bytes(file.getvalue())
                made = gold_from_file(ws, collection.name, path, exam)
                st.toast(f"{made} items are gold now.")


def _list(ws, collection: Collection, known: dict[int, dict], exams: set[int]) -> None:
    rows, names = [], browse.item_names(ws, list(known)[:500])
    for image_id, document in list(known.items())[:500]:
        said = [
            *document["classes"],
            *(r["label"] for r in document["regions"]),
            *map(str, document.get("fields", {}).values()),
        ]
        rows.append(
            {
                "Item": names[image_id],
                "Right answer": ", ".join(said)[:200] or "nothing to mark",
                "For": "exam" if image_id in exams else "hidden check",
            }
        )
    picked = st.dataframe(rows, hide_index=True, on_select="rerun", selection_mode="multi-row", key="gold_table")
    ids = list(known)
    chosen = [ids[i] for i in picked["selection"]["rows"] if i < len(ids)]
    if not chosen:
        st.caption("Choose rows to look at them or to make them ordinary items again.")
        return
    with st.container(horizontal=True):
        if len(chosen) == 1:
            st.button(
                "Look at it", key="gold_look", icon=":material/open_in_new:", on_click=go,
                args=("annotate", collection.name, chosen[0]),
            )  # fmt: skip
        if confirm(
            f"Take {len(chosen)} out",
            "They become ordinary items that people label. Scores that were given stay.",
            key="gold_drop",
            icon=":material/remove_circle:",
        ):
            for image_id in chosen:
                gold.drop_gold(ws, image_id)
            st.rerun()


def _exam(ws, collection: Collection) -> None:
    results = browse.exam_results(ws, collection.id)
    if not results:
        return
    st.markdown("**Exam**")
    for place, row in enumerate(results):
        with st.container(horizontal=True, vertical_alignment="center"):
            state = {True: ":green[passed]", False: ":red[not passed]", None: "not finished"}[row["passed"]]
            st.markdown(
                f"{md(row['name'])}: {row['answered']} of {row['of']} answered, {row['share']:.0%} right, {state}"
            )
            st.space("stretch")
            if confirm(
                "Open it again",
                "The answers no longer count, and the exam is asked anew.",
                key=f"exam_{place}",
                icon=":material/restart_alt:",
            ):
                workforce.reset_exam(ws, collection.name, row["name"])
                st.rerun()


def show_people(ws, collection: Collection) -> None:
    flow, teams, board = workflow_of(collection), workforce.teams(ws), dashboard(ws, collection.id)
    known = [EVERYBODY, *teams]
    if flow.team and flow.team not in known:
        known.append(flow.team)
    left, right = st.columns(2)
    with left:
        st.markdown("**Who labels this project**")
        team = st.selectbox(
            "Team", known, index=known.index(flow.team or EVERYBODY), key=f"people_team_{collection.id}_{flow.team}",
            help="Only members of the team get items. The names are those that people sign in with on this page.",
        )  # fmt: skip
        chosen = "" if team == EVERYBODY else team
        if chosen != flow.team:
            set_workflow(ws, collection.id, team=chosen)
            st.rerun()
        outside = [p["name"] for p in board["people"] if chosen and p["name"] not in teams.get(chosen, [])]
        if outside:
            st.caption(f"Not in the team any more, their answers stay: {md(', '.join(outside))}.")
        st.caption(
            "People open this page, choose their name at the top right, and get items one after the other. No item goes to "
            "more people than it needs; one that is left open goes back."
        )
    with right:
        st.markdown("**Teams**, of all projects")
        if not teams:
            st.caption("A team is a list of names. Make one if not everybody shall label everything.")
        people = browse.known_people(ws)
        for name, members in teams.items():
            with st.expander(f"{md(name)} · {len(members)}", icon=":material/group:"):
                wanted = st.multiselect(
                    "Members", sorted({*people, *members}, key=str.casefold), default=members, accept_new_options=True,
                    key=f"team_{name}_{len(members)}", placeholder="Choose, or type a new name",
                )  # fmt: skip
                if st.button("Save", key=f"team_save_{name}", disabled=sorted(wanted) == members):
                    with guard():
                        workforce.set_team(ws, name, wanted)
                        st.rerun()
        with st.expander("New team", icon=":material/group_add:", expanded=not teams):
            name = st.text_input("Name of the team", key=f"team_new_{len(teams)}", placeholder="night shift")
            members = st.multiselect(
                "Members", people, accept_new_options=True, key=f"team_members_{len(teams)}",
                placeholder="Choose, or type new names",
            )  # fmt: skip
            if st.button("Make the team", key="team_make", type="primary", disabled=not name.strip()):
                with guard():
                    workforce.set_team(ws, name, members)
                    st.rerun()
    st.markdown("**Work so far**")
    if board["people"]:
        people_table(board["people"])
    else:
        st.caption("Nobody has begun yet.")
