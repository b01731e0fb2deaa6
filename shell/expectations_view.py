"""Expectations of a dataset: its rules with what each last found, suggestions, a check now, history, files."""

from __future__ import annotations

import json

import streamlit as st

from insights import expectations as expect
from shell.answers import AT_ONCE, answer
from shell.expectations_form import rule_form
from shell.widgets import count, guard, md, workspace
from workspace.datasets import DatasetVersion
from workspace.sql import connection

SEVERITIES = {"stop": "Stop", "quarantine": "Quarantine", "warn": "Warn"}
ICONS = {"stop": ":material/block:", "quarantine": ":material/move_to_inbox:", "warn": ":material/warning:"}
OUTCOMES = {"passed": "All hold", "warn": "Warn", "quarantine": "Quarantine", "stop": "Stop"}
ROWS_SHOWN = 200
CHECKS_SHOWN = 10


def expectations_view(version: DatasetVersion) -> None:
    ws, name = workspace(), version.name
    rules, head = expect.rules_of(ws, name), st.container()
    actions(version, rules)
    check_now(version, rules)
    lines = expect.history(ws, name)  # with the check just made
    with head:
        facts(rules, lines)
    if rules:
        rule_list(version, rules)
    elif not st.session_state.get(f"expect_suggested_{name}"):
        st.info(
            "There are no rules yet. Have some suggested from what the rows keep today, or add one. Rules are asked on every "
            "import, run and publish: they stop it, put failing rows aside, or warn.",
            icon=":material/rule:",
        )
    suggestions(version, rules)
    with st.expander("Add a rule", icon=":material/add:"):
        made = rule_form(version, key=f"expect_new_{name}_{len(rules)}")
        if made is not None:
            change(name, rules, [*rules, made], f"added {made.says()}")
    history(lines)
    files(name, rules)


def facts(rules: list, lines: list[dict]) -> None:
    made = next((line for line in lines if line["where"] in ("version", "refused")), None)
    cells = st.columns(3)
    off = sum(not r.enabled for r in rules)
    cells[0].metric("Rules", count(len(rules)), help=f"{off} of them are switched off" if off else None)
    cells[1].metric("Newest check", OUTCOMES[lines[0]["outcome"]] if lines else "None yet")
    cells[2].metric("Rows put aside last", count(made["put_aside"]) if made else "–")


def change(name: str, before: list, after: list, what: str) -> None:
    """Keep other rules, remember the old ones for undo, and draw the page again."""
    with guard():
        expect.keep(workspace(), name, after, what[:500])
        st.session_state[f"expect_undo_{name}"] = [r.model_dump() for r in before]
        st.rerun()


def actions(version: DatasetVersion, rules: list) -> None:
    name = version.name
    with st.container(horizontal=True):
        if st.button("Suggest rules", icon=":material/lightbulb:", key=f"expect_suggest_{name}", type="secondary" if rules else "primary"):  # fmt: skip
            st.session_state[f"expect_suggested_{name}"] = version.content_hash
            st.rerun()
        if rules and st.button(f"Check version {version.version} now", icon=":material/play_arrow:", key=f"expect_check_{name}"):  # fmt: skip
            nonce = f"expect_nonce_{version.ref}"
            st.session_state[nonce] = st.session_state.get(nonce, 0) + 1
            st.rerun()
        undo = st.session_state.get(f"expect_undo_{name}")
        if undo is not None and st.button("Undo", icon=":material/undo:", key=f"expect_undo_button_{name}"):
            with guard():
                expect.keep(workspace(), name, undo, "undone")
                del st.session_state[f"expect_undo_{name}"]
                st.rerun()


def check_now(version: DatasetVersion, rules: list) -> None:
    nonce = st.session_state.get(f"expect_nonce_{version.ref}")
    if not nonce or not rules:
        return
    ws = workspace()
    key = json.dumps(["expect", str(ws.root), version.ref, nonce, [r.model_dump() for r in rules]], default=str)
    found = answer(
        key,
        f"Check {version.ref}",
        lambda con, tell: expect.check_version(ws, version.ref, con=con, on_progress=tell),
        at_once=version.rows * len(version.columns) <= AT_ONCE,
    )
    if found is None:
        return
    broken = found.broken()
    if not broken:
        st.success(f"All {len(found.results):,} rules hold in {md(version.ref)}.", icon=":material/check_circle:")
    for result in broken:
        with st.container(key=f"card_broken_{result.rule.id}"):
            words, button = st.columns([6, 1], vertical_alignment="center")
            words.markdown(
                f"{ICONS[result.rule.severity]} **{SEVERITIES[result.rule.severity]}** · {md(result.says())}"
            )
            if result.failing and button.button(
                "Rows", key=f"expect_rows_{result.rule.id}", icon=":material/table_rows:"
            ):
                failing_rows(version, result)


@st.dialog("Rows that break the rule", width="large")
def failing_rows(version: DatasetVersion, result) -> None:
    ws = workspace()
    with connection() as con, st.spinner("Looking for the rows …"):
        rows = expect.failing_rows(
            con, version.sql(), result.rule, limit=ROWS_SHOWN, whole=True, tables=lambda ref: ws.datasets.get(ref).sql()
        )
    st.caption(f"{md(result.rule.says())} · the first {len(rows):,} of {result.failing:,} rows.")
    st.dataframe([{k: v if v is None or isinstance(v, int | float | str | bool) else str(v) for k, v in r.items()} for r in rows], hide_index=True)  # fmt: skip


def rule_list(version: DatasetVersion, rules: list) -> None:
    last = expect.last_results(workspace(), version.name)
    editing = st.session_state.get("expect_editing")
    for rule in rules:
        with st.container(key=f"card_rule_{rule.id}"):
            on, words, buttons = st.columns([0.6, 6, 2], vertical_alignment="center")
            one_rule(rule, on, words, last.get(rule.id), version.name, rules)
            with buttons.container(horizontal=True, horizontal_alignment="right"):
                rule_buttons(rule, version.name, rules)
            if editing == rule.id:
                made = rule_form(version, key=f"expect_edit_{rule.id}", old=rule)
                if made is not None:
                    st.session_state["expect_editing"] = None
                    change(
                        version.name, rules, [made if r.id == rule.id else r for r in rules], f"edited {made.says()}"
                    )


def one_rule(rule, on, words, last: dict | None, name: str, rules: list) -> None:
    # The key holds the state: undo changes it behind the widget's back.
    key = f"expect_on_{rule.id}_{rule.enabled}"
    if on.toggle("In force", rule.enabled, key=key, label_visibility="collapsed", help="In force") != rule.enabled:
        turned = rule.model_copy(update={"enabled": not rule.enabled})
        change(name, rules, [turned if r.id == rule.id else r for r in rules], "switched")
    said = [SEVERITIES[rule.severity]]
    if last is None:
        said.append("not asked yet")
    else:
        seen = last["observed"] or (f"{last['failing']:,} of {last['rows']:,} rows" if last["failing"] else "all rows")
        said.append(f"{'holds' if last['passed'] else 'broken'} in {last['ref']}: {seen}")
    said += [part for part in (rule.note, rule.reason) if part]
    title = f"**{md(rule.says())}**" if rule.enabled else f":gray[{md(rule.says())}]"
    words.markdown(f"{ICONS[rule.severity]} {title}  \n:gray[:small[{' · '.join(md(part) for part in said)}]]")


def rule_buttons(rule, name: str, rules: list) -> None:
    place = rules.index(rule)
    if st.button("", icon=":material/edit:", type="tertiary", key=f"expect_edit_button_{rule.id}", help="Edit"):
        st.session_state["expect_editing"] = None if st.session_state.get("expect_editing") == rule.id else rule.id
        st.rerun()
    if st.button(
        "",
        icon=":material/content_copy:",
        type="tertiary",
        key=f"expect_copy_{rule.id}",
        help="Duplicate (switched off at first)",
    ):
        with guard():
            expect.duplicate(workspace(), name, rule.id)
            st.session_state[f"expect_undo_{name}"] = [r.model_dump() for r in rules]
            st.rerun()
    if st.button(
        "",
        icon=":material/delete:",
        type="tertiary",
        key=f"expect_delete_{rule.id}",
        help="Delete (Undo brings it back)",
    ):
        change(name, rules, rules[:place] + rules[place + 1 :], f"removed {rule.says()}")


def suggestions(version: DatasetVersion, rules: list) -> None:
    asked = st.session_state.get(f"expect_suggested_{version.name}")
    if not asked:
        return
    st.subheader("Suggested", anchor=False)
    found = answer(
        json.dumps(["expect-suggest", version.content_hash]),
        f"Suggest rules for {version.ref}",
        lambda con, tell: expect.suggest(con, version.sql(), on_progress=tell),
        at_once=version.rows * len(version.columns) <= AT_ONCE,
    )
    if found is None:
        return
    had = {rule.says() for rule in rules}
    new = [rule for rule in found if rule.says() not in had]
    with st.container(horizontal=True, vertical_alignment="center"):
        if new and st.button(
            f"Accept all {len(new)}", type="primary", icon=":material/done_all:", key="expect_accept_all"
        ):
            change(version.name, rules, [*rules, *new], f"accepted {len(new)} suggestions")
        if st.button("Close", icon=":material/close:", key="expect_suggest_close"):
            del st.session_state[f"expect_suggested_{version.name}"]
            st.rerun()
    if not new:
        st.success("All that could be suggested is among the rules.", icon=":material/check_circle:")
    with st.container(height=420 if len(new) > 6 else "content", border=False):
        for rule in new:
            words, button = st.columns([6, 1], vertical_alignment="center")
            words.markdown(f"{ICONS[rule.severity]} {md(rule.says())}  \n:gray[{md(rule.reason)}]")
            if button.button("Accept", key=f"expect_accept_{rule.id}", icon=":material/check:"):
                change(version.name, rules, [*rules, rule], f"accepted {rule.says()}")


def history(lines: list[dict]) -> None:
    if not lines:
        return
    with st.expander(f"History ({len(lines)})", icon=":material/history:"):
        st.dataframe(
            [
                {
                    "When": line["at"].replace("T", " ")[:16],
                    "Who": line["by"],
                    "What": line["ref"] if line["where"] != "refused" else f"{line['ref']} (refused)",
                    "Asked by": {"version": "new version", "refused": "new version"}.get(line["where"], line["where"]),
                    "Rows": line["rows"],
                    "Outcome": OUTCOMES[line["outcome"]],
                    "Broken rules": sum(not r["passed"] for r in line["rules"].values()),
                    "Put aside": line["put_aside"],
                }
                for line in lines
            ],
            hide_index=True,
        )
        shown = list(reversed(lines[:CHECKS_SHOWN]))
        names = {rule_id: r["says"] for line in lines for rule_id, r in line["rules"].items()}
        # Two checks of one version stand in two columns: the number keeps their names apart.
        heads = [f"{n}. {line['ref']}" for n, line in enumerate(shown, 1)]
        matrix = [{"Rule": said} | {head: _mark(line["rules"].get(rule_id)) for head, line in zip(heads, shown, strict=True)} for rule_id, said in names.items()]  # fmt: skip
        st.caption("Each rule over the last checks: ✓ holds, ✗ with the rows that break it.")
        st.dataframe(matrix, hide_index=True, column_config={"Rule": st.column_config.TextColumn(width="medium")})


def _mark(found: dict | None) -> str:
    if found is None:
        return ""
    return "✓" if found["passed"] else f"✗ {found['failing']:,}" if found["failing"] else "✗"


def files(name: str, rules: list) -> None:
    with st.expander("Files", icon=":material/file_export:"):
        left, right = st.columns(2)
        if rules:
            for label, form, suffix in (("Rules (JSON)", "json", "json"), ("pandera (Python)", "pandera", "py"), ("Great Expectations (JSON)", "gx", "gx.json")):  # fmt: skip
                left.download_button(label, expect.export(name, rules, form), f"{name}.{suffix}", key=f"expect_out_{form}", icon=":material/download:")  # fmt: skip
        else:
            left.caption("Rules can be exported once there are some.")
        given = right.file_uploader("Take rules from a file", type="json", key=f"expect_in_{name}_{len(rules)}")
        if given is not None and right.button("Add these rules", key="expect_in_add", icon=":material/upload:"):
            with guard():
                taken = {r.id for r in rules}
                new = [r if r.id not in taken else expect.rule_from(r.model_dump(exclude={"id"})) for r in expect.from_json(given.getvalue())]  # fmt: skip
                change(name, rules, [*rules, *new], f"took {len(new)} from a file")
