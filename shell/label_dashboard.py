"""The Dashboard and Review tabs: how far a project is, who did how much how well, and what waits for somebody."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from labeling import browse, suggest, workforce
from labeling.collections import Collection
from labeling.consolidation import agreement
from labeling.dashboard import dashboard
from labeling.workflow import workflow_of
from shell.label_parts import STATUS, annotator_name, go, percent, short
from shell.widgets import count, guard, md
from transforms.errors import AppError

SHOWN = 30
MOST = 2000  # answers that are offered for review at once


def show_dashboard(ws, collection: Collection) -> None:
    board = dashboard(ws, collection.id)
    ahead = browse.forecast(board)
    items, answers = board["items"], board["answers"]
    cells = st.columns(5)
    cells[0].metric("Items done", f"{items['done']:,} of {collection.images:,}", help=_by_status(items))
    cells[1].metric("Answers left", count(ahead["left"]), help="Items × people per item, less what is finished.")
    cells[2].metric("Work left", hours(board["left_hours"]), help="At the typical active time of an answer so far.")
    cells[3].metric(
        "Done in",
        days(ahead["days"]),
        help=f"At {ahead['per_day']:g} answers a day, the mean of the last days with work.",
    )
    cells[4].metric("Waiting for review", count(items["review"]))
    share = answers["finished"] / answers["wanted"] if answers["wanted"] else 0.0
    st.progress(min(1.0, share), text=f"{answers['finished']:,} of {answers['wanted']:,} answers")
    if not board["people"]:
        st.info("Nobody has begun. Figures come with the first answers.", icon=":material/info:")
        _contents(ws, collection)
        return
    st.markdown("**People**")
    people_table(board["people"])
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Answers per day**")
        if board["days"]:
            table = pd.DataFrame(board["days"])
            table["day"] = pd.to_datetime(table["day"]).dt.strftime("%d %b %Y" if len(table) < 8 else "%Y-%m-%d")
            st.bar_chart(table, x="day", y="answers", x_label="", y_label="", height=220, sort=False)
        else:
            st.caption("No answer is finished yet.")
    with right:
        _waiting(ws, collection, board)
    _agreement(ws, collection)
    _contents(ws, collection)


def _by_status(items: dict) -> str:
    return " · ".join(f"{STATUS[k]} {v:,}" for k, v in items.items())


def hours(value: float | None) -> str:
    """Return hours in words."""
    if value is None:
        return "–"
    return f"{value:.1f} h" if value >= 1 else f"{round(value * 60)} min"


def days(value: float | None) -> str:
    if value is None:
        return "–"
    return "today" if value <= 0 else f"{value:.0f} day{'s' * (value != 1)}"


def accuracy(person: dict) -> str:
    """Return the accuracy on hidden checks with its interval, in words."""
    if person["accuracy"] is None:
        return "–"
    return f"{person['accuracy']:.0%} ({person['low']:.0%} to {person['high']:.0%}), {person['gold_right']} of {person['gold']}"


def people_table(people: list[dict]) -> None:
    rows = [
        {
            "Person": p["name"],
            "Done": p["done"],
            "Skipped": p["skipped"],
            "At work": p["open"],
            "Active minutes": p["active_minutes"],
            "Seconds each": p["median_seconds"],
            "Right on hidden checks": accuracy(p),
            "Approved at once": percent(p["first_pass"]),
            "Sent back": p["returned"],
        }
        for p in people
    ]
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "Right on hidden checks": st.column_config.TextColumn(
                help="Share of hidden checks with a known answer that were right, with a 95 % interval."
            ),
            "Seconds each": st.column_config.NumberColumn(help="Median of active time, pauses cut out."),
        },
    )


def _waiting(ws, collection: Collection, board: dict) -> None:
    """List flags, comments and skips, each with a way to the item."""
    skipped = browse.skips(ws, collection.id, SHOWN)
    st.markdown("**Waiting for somebody**")
    if not (board["flags"] or board["comments"] or skipped):
        st.caption("No flag, no comment, nothing skipped.")
        return
    names = {
        "flags": f"Flags {len(board['flags'])}",
        "comments": f"Comments {len(board['comments'])}",
        "skips": f"Skips {sum(board['skips'].values())}",
    }
    start = next(k for k in names if (skipped if k == "skips" else board[k]))
    chosen = st.segmented_control(
        "Waiting", list(names), default=start, required=True, format_func=names.get, key="board_waiting",
        label_visibility="collapsed",
    )  # fmt: skip
    if chosen == "skips":
        for place, row in enumerate(skipped):
            _line(collection, row, f"{row['by']}: {row['reason'] or 'no reason'}", f"skip_{place}", _reopen(ws, row))
        return
    for place, row in enumerate(board[chosen][:SHOWN]):
        said = f"flagged by {row['by']}" if chosen == "flags" else f"{row['by']}: {row['text']}"
        _line(collection, row, said, f"{chosen}_{place}", ("Settled", resolve, (ws, row)))


def _reopen(ws, row: dict):
    return ("Open it again", workforce.reopen, (ws, row["image_id"])) if row["status"] == "skipped" else None


def _line(collection: Collection, row: dict, said: str, key: str, action) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            md(short(row["file"], 30)), key=f"open_{key}", type="tertiary", icon=":material/open_in_new:", on_click=go,
            args=("annotate", collection.name, row["image_id"]),
        )  # fmt: skip
        st.markdown(md(said))
        st.space("stretch")
        if action:
            label, do, args = action
            st.button(label, key=f"do_{key}", type="tertiary", icon=":material/check:", on_click=do, args=args)


def resolve(ws, row: dict) -> None:
    """Settle a remark of the dashboard."""
    said = row.get("text", "Flagged")
    for comment in workforce.comments(ws, row["image_id"]):
        if not comment["resolved"] and comment["by"] == row["by"] and comment["text"] == said:
            workforce.resolve_comment(ws, comment["id"])


def _agreement(ws, collection: Collection) -> None:
    box = st.expander("Agreement between people", icon=":material/handshake:", key="board_agreement", on_change="rerun")
    if not box.open:  # compares all answers
        return
    with box:
        found = agreement(ws, collection.name)
        if not found["images"]:
            st.caption("No item has answers of two people yet. Set “People per item” to two or more under Settings.")
            return
        cells = st.columns(3)
        cells[0].metric("Items with several answers", count(found["images"]))
        cells[1].metric("Regions found by both", percent(found.get("region_f1", found["box_f1"])))
        cells[2].metric("Same classes", percent(found["class_agreement"]))
        alpha = found["krippendorff_alpha"]
        if alpha is not None:
            st.caption(f"Krippendorff's alpha of the classes: {alpha:.2f} (1: always alike; 0: as if by chance).")
        st.dataframe(found["pairs"], hide_index=True)
        if found["least_agreed"]:
            st.markdown("**Where people differ most**")
            st.dataframe(found["least_agreed"], hide_index=True)


def _contents(ws, collection: Collection) -> None:
    box = st.expander("What was labelled", icon=":material/bar_chart:", key="board_contents", on_change="rerun")
    if not box.open:  # reads all answers
        return
    with box:
        numbers = suggest.stats(ws, collection.name)
        rows = [{"Class": n, "Of": "regions", "Count": v} for n, v in numbers["boxes"].items()]
        rows += [{"Class": n, "Of": "whole items", "Count": v} for n, v in numbers["classes"].items()]
        if rows:
            st.dataframe(rows, hide_index=True)
        else:
            st.caption("There are no classes yet.")
        if numbers["annotators"]:
            names = {"name": "Who", "kind": "Kind", "images": "Items", "boxes": "Regions"}
            st.dataframe([{names[k]: v for k, v in a.items()} for a in numbers["annotators"]], hide_index=True)


# -- review ---------------------------------------------------------------------------------------------------------


def show_review(ws, collection: Collection) -> None:
    flow, me = workflow_of(collection), annotator_name()
    waiting = browse.to_review(ws, collection.id, me, MOST)
    if not waiting:
        if flow.review_rate:
            st.info(
                f"No answer waits for {md(me)}. {flow.review_rate:.0%} of finished items come here; your own answers are "
                "reviewed by others.", icon=":material/task_alt:",
            )  # fmt: skip
        else:
            st.info(
                "Nothing is reviewed in this project. Say under Settings, “People and checks”, which share of the items "
                "a second person shall look at.", icon=":material/info:",
            )  # fmt: skip
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Start reviewing", key="review_start", type="primary", icon=":material/rate_review:", on_click=go,
            args=("check", collection.name),
        )  # fmt: skip
        st.markdown(
            f"{len(waiting):,} answers wait for {md(me)}. Approve them, correct them, or send them back with a reason."
        )
    names = {"file": "Item", "author": "By", "regions": "Regions", "classes": "Classes"}
    shown = waiting[:500]
    picked = st.dataframe(
        [{names[k]: row[k] for k in names} for row in shown], hide_index=True, on_select="rerun",
        selection_mode="multi-row", key="review_table",
    )  # fmt: skip
    chosen = [shown[i] for i in picked["selection"]["rows"] if i < len(shown)]
    with st.container(horizontal=True):
        if len(chosen) == 1:
            st.button(
                "Open", key="review_open", icon=":material/open_in_new:", on_click=go,
                args=("check", collection.name, chosen[0]["image_id"]),
            )  # fmt: skip
        some = bool(chosen)
        label = f"Approve {len(chosen)} chosen" if some else f"Approve all {len(waiting):,}"
        with st.popover(label, icon=":material/done_all:"):
            st.write("They count as reviewed without being opened. An approval cannot be taken back.")
            if st.button("Yes, approve them", key="review_approve", type="primary"):
                with guard():
                    done = approve(ws, chosen or waiting, me)
                    st.toast(f"{done} answers approved.")
                    st.rerun()


def approve(ws, answers: list[dict], reviewer: str) -> int:
    """Approve answers; one that somebody else has just judged or changed is left out."""
    done = 0
    for answer in answers:
        try:
            workforce.review(ws, answer["image_id"], answer["author"], "approved", reviewer=reviewer)
            done += 1
        except AppError as error:
            st.warning(f"{md(answer['file'])}: {md(error.message)}")
    return done
