"""Personal data of a dataset: what was found where, what is decided about it, and the steps that hide it."""

from __future__ import annotations

import json

import streamlit as st

from insights.pii import gate, own, review
from insights.pii.columns import PiiColumn, PiiReport
from shell.answers import IN_BACKGROUND, answer
from shell.privacy_steps import take
from shell.state import state
from shell.widgets import guard, md, run_status, workspace
from transforms import Recipe
from workspace.datasets import DatasetVersion
from workspace.running import run_recipe

HOW = {
    "mask": "mask", "redact": "redact inside text", "pseudonym": "keyed pseudonym", "hash": "hash", "remove": "empty the cells", "drop": "drop the column",
}  # fmt: skip
CHOICES = {"later": "Leave for later", "hide": "Hide", "not personal": "Is not personal"}
PURPOSE = "pii_hide"


def personal_view(version: DatasetVersion) -> None:
    """Show the review of a dataset version."""
    ws = workspace()
    report = report_view(version)
    if report is None:
        return
    made = review.review(ws, version.name)
    if not report.found:
        st.success("No personal data found by patterns, checksums or column names.", icon=":material/check_circle:")
    else:
        seen = gate.known(ws, version.ref)
        n = len(report.found)
        words = f"**{n} of {len(report.columns)} columns** seem{'s' if n == 1 else ''} to hold personal data."
        if seen is not None and not seen.may_publish:
            words += f" Not to be published yet: {len({f['column'] for f in seen.open})} are open."
        st.markdown(words)
        steps_part(version, report, made)
        for place, column in enumerate(report.found):
            column_card(version, column, made, place)
    st.caption(
        "Names, addresses, user names and passwords are told by the column's name. A column that is not listed may still hold personal data."
    )
    for note in report.notes:
        st.caption(md(note))
    patterns_part(version, made)


def report_view(version: DatasetVersion) -> PiiReport | None:
    """Return the report: remembered, made now, or (of a large table) by a run that is shown; None while it runs."""
    ws = workspace()
    if (found := review.remembered(ws, version.ref)) is not None:
        return found
    cells = version.rows * len(version.columns)
    settings = json.dumps([[o.plain for o in own.patterns(ws)], review.review(ws, version.name).keep])
    return answer(
        f"pii {version.content_hash} {settings}",
        f"Look for personal data in {version.ref}",
        lambda con, tell: review.report_of(ws, version.ref, con=con, on_progress=tell),
        at_once=cells <= IN_BACKGROUND,
        ask=(f"{version.ref} has {cells:,} values: looking at every one takes a while.", "Look for personal data"),
    )


def column_card(version: DatasetVersion, column: PiiColumn, made: review.Review, place: int) -> None:
    ws, name = workspace(), column.name
    key = f"{version.ref}_{name}"
    decided = made.decisions.get(name)
    open_types = {e.type for e in made.open_types(column)}
    with st.container(border=True, key=f"card_pii_{place}"):
        left, right = st.columns([3, 2], gap="medium")
        title = f"**{md(name)}**"
        if decided is not None:
            title += f" · {md(said(decided))}" + (" · *new findings are open*" if decided.what == "not personal" and open_types else "")  # fmt: skip
        left.markdown(title)
        left.dataframe(
            [{"Looks like": e.type.replace("_", " ").lower(), "Rows": e.rows, "Share": e.share, "Confidence": e.confidence,
              "Told by": e.evidence + (", in text" if e.inside else "")} for e in column.entities],
            hide_index=True, height=min(38 + 35 * len(column.entities), 250), column_config={
                "Rows": st.column_config.NumberColumn("Rows", format="localized"),
                "Share": st.column_config.NumberColumn("Share", format="percent", help="Of the known values"),
                "Confidence": st.column_config.NumberColumn("Confidence", format="percent", help="By our rules. From 80% on a finding stands in the way of publishing."),
            })  # fmt: skip
        with left, guard():
            examples_part(version, name, key)
        with right, guard():
            decision_form(ws, version, column, decided, key)


def examples_part(version: DatasetVersion, name: str, key: str) -> None:
    ws = workspace()
    if st.session_state.pop(f"pii_show_{key}", False):  # once: a rerun covers them again
        shown = review.examples(ws, version.ref, name, whole=True)
        st.code("\n".join(shown) or "(no value)", language=None)
        st.caption("Whole values, this once; the audit log says that you looked.")
        return
    shown = review.examples(ws, version.ref, name)
    words, button = st.columns([4, 1.4], vertical_alignment="center")
    words.caption("Such as: " + md(" · ".join(v[:60] for v in shown)))
    if button.button("Show", key=f"pii_whole_{key}", icon=":material/visibility:", type="tertiary",
                     help="Shows five values uncovered; the audit log notes it."):  # fmt: skip
        st.session_state[f"pii_show_{key}"] = True
        st.rerun()


def decision_form(ws, version: DatasetVersion, column: PiiColumn, decided: review.Decision | None, key: str) -> None:
    now = decided.what if decided else "later"
    what = st.radio(
        "Decision", list(CHOICES), index=list(CHOICES).index(now), format_func=CHOICES.get, key=f"pii_what_{key}", horizontal=True,
        label_visibility="collapsed",
    )  # fmt: skip
    how, note = None, ""
    if what == "hide":
        ways = [w for w in HOW if w != "redact" or column.kind == "text"]
        first = decided.how if decided and decided.how in ways else default_way(column)
        how = st.selectbox("How", ways, index=ways.index(first), format_func=HOW.get, key=f"pii_how_{key}")
    elif what == "not personal":
        note = st.text_input("Why not", value=decided.note if decided else "", key=f"pii_note_{key}", max_chars=300,
                             placeholder="such as: addresses of our shops")  # fmt: skip
    same = decided is not None and (decided.what, decided.how or None, decided.note) == (what, how, note.strip())
    covered = what != "not personal" or not made_open(ws, version, column)
    if (same and covered) or (decided is None and what == "later"):
        return
    if st.button("Keep this decision", key=f"pii_keep_{key}", icon=":material/check:"):
        review.decide(ws, version.name, column.name, what, how=how, note=note, types=[e.type for e in column.entities])
        st.rerun()


def made_open(ws, version: DatasetVersion, column: PiiColumn) -> bool:
    return bool(review.review(ws, version.name).open_types(column))


def default_way(column: PiiColumn) -> str:
    inside = column.kind == "text" and column.entities and all(e.inside for e in column.entities)
    return "redact" if inside else "mask"


def said(decided: review.Decision) -> str:
    if decided.what == "hide":
        return f"to be hidden: {HOW[decided.how]}"
    return f"not personal: {decided.note} ({decided.by})"


def steps_part(version: DatasetVersion, report: PiiReport, made: review.Review) -> None:
    """Offer the steps of what is to be hidden: to a recipe, or run to a new version."""
    ws = workspace()
    if run_id := state().runs.get(PURPOSE):
        run_status(run_id, key=PURPOSE, on_done=hidden_done)
        if ws.runs.get(run_id).state not in ("queued", "running", "done"):
            state().runs.pop(PURPOSE, None)
    to_hide = [c.name for c in report.columns if (d := made.decisions.get(c.name)) and d.what == "hide"]
    open_columns = [c for c in report.found if c.name not in made.decisions]
    if not to_hide:
        label = f"Hide all {len(open_columns)}" if len(open_columns) > 1 else "Hide it"
        if open_columns and st.button(label, key="pii_hide_all", icon=":material/visibility_off:", help="Decides the usual way for each column; nothing runs yet."):  # fmt: skip
            for column in open_columns:
                review.decide(ws, version.name, column.name, "hide", how=default_way(column))
                # The cards below are drawn after this: they must show what was decided, not what was chosen before.
                st.session_state[f"pii_what_{version.ref}_{column.name}"] = "hide"
                st.session_state[f"pii_how_{version.ref}_{column.name}"] = default_way(column)
            st.rerun()
        return
    st.markdown(f"To be hidden: {md(', '.join(to_hide))}.")
    if any(made.decisions[c].how == "pseudonym" for c in to_hide):
        st.caption(
            "Keyed pseudonyms need the environment variable TILTH_KEY_PII with a secret of 16 characters or more."
        )
    left, right, _ = st.columns([1, 1.3, 1])
    steps = review.chosen_steps(ws, version.ref, report)
    if left.button("Make the steps", type="primary", key="pii_steps", icon=":material/add:", width="stretch",
                   help="Opens them as a recipe on the Prepare page"):  # fmt: skip
        take(version, steps, "hidden")
    if right.button("Run to a new version", key="pii_run", icon=":material/play_arrow:", width="stretch",
                    help=f"Writes the result as the next version of {version.name}; this one stays"):  # fmt: skip
        recipe = Recipe(name=f"hide personal data of {version.name}"[:120])
        for step in steps:
            recipe = recipe.add(step["transform"], step["settings"])

        def work(handle) -> dict:
            done = run_recipe(ws, recipe, {"main": version.ref}, output=version.name, handle=handle)
            return {"ref": done.dataset.ref, "rows": done.dataset.rows}

        state().runs[PURPOSE] = ws.runs.start("recipe", f"Hide personal data of {version.ref}", work).id
        st.rerun()


def hidden_done(run) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.success(f"Made {run.outcome['ref']}: {run.outcome['rows']:,} rows. Choose it above to look again.", icon=":material/check_circle:")  # fmt: skip
        if st.button("", icon=":material/close:", key="hide_pii_done", help="Hide"):
            state().runs.pop(PURPOSE, None)
            st.rerun()


def patterns_part(version: DatasetVersion, made: review.Review) -> None:
    """Ask for patterns of the user's own, values to leave, and whether the gate is on."""
    ws = workspace()
    patterns = own.patterns(ws)
    with st.expander("Your own patterns, values to leave, and the gate", icon=":material/tune:"):
        st.markdown("**Patterns of your own**", help="Looked for in every dataset of this workspace.")
        for p in patterns:
            words, button = st.columns([6, 1], vertical_alignment="center")
            near = f" near {md(', '.join(p.words))}" if p.words else ""
            words.markdown(f"{md(p.name)} · `{p.pattern.replace('`', '')}`{near}")
            if button.button("Remove", key=f"pii_drop_{p.name}", type="tertiary"):
                own.drop_pattern(ws, p.name)
                st.rerun()
        with st.form("pii_pattern", border=False, clear_on_submit=False):
            a, b, c, d = st.columns([1.2, 2, 2, 0.8], vertical_alignment="bottom")
            name = a.text_input("Name", placeholder="STAFF_ID", key="pii_pattern_name")
            pattern = b.text_input("Pattern", placeholder="EMP-[0-9]{6}", key="pii_pattern_form")
            near = c.text_input(
                "Words near", placeholder="staff, employee (none: a match is enough)", key="pii_pattern_words"
            )
            if d.form_submit_button("Add", width="stretch"):
                with guard():
                    own.save_pattern(ws, own.OwnPattern(name.strip(), pattern, tuple(near.split(","))))
                    st.rerun()
        st.markdown(f"**Values that are never personal in {md(version.name)}**")
        kept = st.text_area("One per line", "\n".join(made.keep), key=f"pii_leave_{version.name}", height=90, label_visibility="collapsed",
                            placeholder="help@ourshop.example, one per line")  # fmt: skip
        if st.button("Keep the list", key="pii_leave_go"):
            with guard():
                review.set_keep(ws, version.name, kept.splitlines())
                st.rerun()
        st.divider()
        is_on = gate.is_on(ws)
        wanted = st.toggle("Datasets with open personal data cannot be published to the feature store", value=is_on, key="pii_gate",
                           help="Off or on for the whole workspace; the audit log notes who switched it.")  # fmt: skip
        if wanted != is_on:
            gate.switch(ws, wanted)
            st.rerun()
