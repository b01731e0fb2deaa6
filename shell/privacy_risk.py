"""Re-identification: who could be singled out by a few traits, and the steps that prevent it."""

from __future__ import annotations

import json

import streamlit as st

from insights import privacy
from shell.answers import IN_BACKGROUND, answer
from shell.dataset_picker import column_kinds
from shell.privacy_steps import take
from shell.widgets import count, guard
from workspace.datasets import DatasetVersion
from workspace.sql import connection


@st.cache_data(max_entries=64, show_spinner="Looking for traits …")
def suggested(content_hash: str, _version: DatasetVersion) -> list[str]:
    with connection() as con:
        return privacy.suggest(con, _version.sql())


def risk_view(version: DatasetVersion) -> None:
    """Ask for traits, a sensitive column and wishes; show k, l and t with who breaks them."""
    kinds = column_kinds(version.content_hash, version)
    fitting = [c for c, kind in kinds.items() if kind != "other"]
    quasi = st.multiselect(
        "What others may know about a person", fitting, default=suggested(version.content_hash, version),
        key=f"risk_quasi_{version.ref}", placeholder="age, sex, post code …",
        help="Quasi-identifiers: nobody's name, but together they may point at one person. Likely ones are chosen, by their names.",
    )  # fmt: skip
    a, b, c, d = st.columns([2, 1, 1, 1])
    sensitive = a.selectbox("What nobody should learn", [c for c in kinds if c not in quasi], index=None, placeholder="None",
                            key=f"risk_sensitive_{version.ref}", help="The sensitive column, such as an illness or a wage.")  # fmt: skip
    k = int(b.number_input("k at least", 2, 1000, 5, key="risk_k", help="So many rows must share the same traits."))
    l = c.number_input("l at least", 1.0, 100.0, None, key="risk_l", disabled=sensitive is None, placeholder="none",  # noqa: E741
                       help="So many different sensitive values in each class of rows with the same traits.")  # fmt: skip
    t = d.number_input("t at most", 0.0, 1.0, None, key="risk_t", disabled=sensitive is None, placeholder="none",
                       help="How far (0-1) the sensitive values of a class may lie from those of all rows.")  # fmt: skip
    if not quasi:
        st.info("Choose at least one column that somebody may know about a person.", icon=":material/info:")
        return
    if sensitive is None:
        l, t = None, None  # noqa: E741
    found = answer(
        json.dumps(["risk", version.content_hash, quasi, sensitive, k, l, t]),
        f"Measure who stands out in {version.ref}",
        lambda con, tell: privacy.measure(con, version.sql(), quasi, sensitive=sensitive, k=k, l=l, t=t),
        at_once=version.rows * len(quasi) <= IN_BACKGROUND,
    )
    if found is None:
        return
    report(found)
    reach_part(version, found)


def report(found: privacy.PrivacyReport) -> None:
    facts = st.columns(5)
    facts[0].metric(
        "k", count(found.k), help="Rows in the smallest class of rows with the same traits. 1: somebody is alone."
    )
    facts[1].metric("Rows below k", count(found.rows_below_k), help="Rows that share their traits with too few others.")
    facts[2].metric("Average risk", f"{found.average_risk:.1%}", help="The chance that somebody who knows a person's traits, and that the person is in the table, picks the right row.")  # fmt: skip
    if found.sensitive is not None:
        t = found.t_ordered if found.t_ordered is not None else found.t_equal
        facts[3].metric("l", count(found.l_distinct), help="Least number of different sensitive values in a class. 1: the class gives it away.")  # fmt: skip
        facts[4].metric(
            "t", f"{t:.2f}", help="How far the sensitive values of a class lie from those of all rows (0-1)."
        )
    st.markdown(verdict(found))
    left, right = st.columns([1, 1.5], gap="medium")
    left.markdown("**What each trait gives away**")
    left.dataframe(
        [{"Trait": c.name, "Values": c.distinct, "Alone by it": c.unique_alone, "Alone without it": c.unique_without} for c in found.traits],
        hide_index=True, column_config={
            "Alone by it": st.column_config.NumberColumn(help="Rows unique by this trait alone"),
            "Alone without it": st.column_config.NumberColumn(help="Rows still unique when it is left out: a low number says, make this one coarser first"),
        })  # fmt: skip
    if not found.offenders:
        return
    right.markdown(
        f"**Who breaks the wish**: {count(found.offending_classes)} classes, {count(found.offending_rows)} rows"
    )
    rows = []
    for o in found.offenders:
        row = {name: "(missing)" if v is None else str(v) for name, v in zip(found.quasi, o.values, strict=True)}
        row |= {"Rows": o.rows, "Breaks": ", ".join(o.reasons)}
        if found.sensitive is not None:
            row |= {"Values": o.l_distinct, "Distance": o.t}
        rows.append(row)
    right.dataframe(rows, hide_index=True, height=min(38 + 35 * len(rows), 300), column_config={
        "Distance": st.column_config.NumberColumn(format="%.2f")})  # fmt: skip
    right.caption("The smallest first, 20 at most. These are cells of the table: as personal as the table is.")


def verdict(found: privacy.PrivacyReport) -> str:
    if found.offending_classes == 0:
        return f":material/check_circle: **Everybody shares these traits with at least {found.k - 1} others**, and nothing that was asked for is broken."
    alone = f"**{count(found.unique_rows)} of {count(found.rows)} rows stand alone** with their traits. " if found.unique_rows else ""  # fmt: skip
    return f"{alone}{count(found.offending_rows)} rows ({found.offending_rows / found.rows:.1%}) are in a class that breaks what was asked for."


def reach_part(version: DatasetVersion, found: privacy.PrivacyReport) -> None:
    """Propose steps that reach the wish, with what they cost."""
    if found.offending_classes == 0:
        return
    st.subheader(f"Reach k = {found.wanted_k}", anchor=False)
    words, share = st.columns([3, 1], vertical_alignment="bottom")
    words.caption("Each trait gets a ladder of ever coarser levels; the combination that loses least is searched, and its result is measured on all rows.")  # fmt: skip
    most = share.number_input("Rows that may go (%)", 0.0, 50.0, 2.0, key="risk_most") / 100
    l = None if found.wanted_l is None else int(found.wanted_l)  # noqa: E741
    key = json.dumps(["reach", version.content_hash, found.quasi, found.sensitive, found.wanted_k, l, most])
    asked = f"asked_{key}"
    if not st.session_state.get(asked):
        if st.button("Search the steps", key="risk_reach", icon=":material/stairs:", type="primary"):
            st.session_state[asked] = True
            st.rerun()
        return
    with guard():
        sensitive = found.sensitive if l is not None else None
        made = answer(
            key, f"Reach k = {found.wanted_k} in {version.ref}",
            lambda con, tell: privacy.reach(con, version.sql(), found.quasi, found.wanted_k, sensitive=sensitive, l=l, most_suppressed=most),
            at_once=version.rows <= 100_000,
        )  # fmt: skip
        if made is not None:
            proposal(version, made)


def proposal(version: DatasetVersion, made: privacy.Proposal) -> None:
    facts = st.columns(4)
    facts[0].metric(
        "k after",
        count(made.after.k if made.after else None),
        f"{made.after.k - made.before.k:+,}" if made.after else None,
    )
    facts[1].metric("Rows dropped", f"{made.suppressed_rows:,} ({made.suppressed_rows / made.rows:.1%})")
    facts[2].metric(
        "Detail lost", f"{made.loss:.1%}", help="Share of the traits' entropy that is gone; dropped rows count as lost."
    )
    facts[3].metric("Combinations tried", count(made.searched))
    st.dataframe([{"Trait": name, "Becomes": says} for name, says in made.levels.items()], hide_index=True)
    if not made.reached:
        st.error("The result does not reach what was asked for; allow more rows to go.", icon=":material/error:")
        return
    if made.steps and st.button("Add to a recipe", type="primary", key="risk_take", icon=":material/add:"):
        take(version, made.steps, f"k {made.k}")
