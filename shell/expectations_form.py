"""The form of one rule: what it is, its columns and bounds, and what follows when it does not hold."""

from __future__ import annotations

import streamlit as st

from insights import expectations as expect
from shell.dataset_picker import column_kinds
from shell.widgets import guard, workspace
from transforms.errors import InputError
from workspace.datasets import DatasetVersion
from workspace.sql import connection

SEVERITIES = {"stop": "Stop", "quarantine": "Quarantine", "warn": "Warn"}
# Kind of rule → kinds of columns that it can be asked of; others take all.
FITS = {"matches": ("text",), "length": ("text",), "range": ("number", "time"), "mean": ("number",), "quantile": ("number",),
        "fresh": ("time",), "monotone": ("number", "time", "text"), "not_above": ("number", "time", "text")}  # fmt: skip


def rule_form(version: DatasetVersion, *, key: str, old=None):
    """Draw the form; return the rule once it was saved and fits the version, else None."""
    kinds = list(expect.KINDS)
    start = old.kind if old is not None else "not_missing"
    kind = st.selectbox("Rule", kinds, index=kinds.index(start), format_func=lambda k: expect.KINDS[k].label, key=f"{key}_kind")  # fmt: skip
    rule_class = expect.KINDS[kind]
    was = old.model_dump() if old is not None and old.kind == kind else {}
    content = _fields(version, rule_class, f"{key}_{kind}", was)
    about = st.columns([3, 2, 3], vertical_alignment="bottom")
    allowed = [s for s in SEVERITIES if s != "quarantine" or rule_class.family != "table"]
    usual = was.get("severity", "stop")
    severity = about[0].segmented_control("If it does not hold", allowed, default=usual if usual in allowed else "stop", format_func=SEVERITIES.get,
                                          required=True, key=f"{key}_{kind}_severity",
                                          help="Stop: nothing is kept. Quarantine: failing rows go to a dataset of their own. Warn: it is only said.")  # fmt: skip
    share = 0.0
    if rule_class.family != "table":
        share = about[1].number_input("Rows that may fail, %", 0.0, 99.9, 100 * was.get("tolerance", 0.0), 1.0, key=f"{key}_{kind}_share")  # fmt: skip
    note = about[2].text_input("Note", was.get("note", ""), key=f"{key}_{kind}_note")
    if not st.button("Save rule", type="primary", icon=":material/check:", key=f"{key}_save"):
        return None
    with guard():
        kept = {"id": old.id, "enabled": old.enabled} if old is not None else {}
        made = expect.rule_from({"kind": kind, **content(), "severity": severity, "tolerance": round(share / 100, 6), "note": note, **kept})  # fmt: skip
        with connection() as con:
            expect.validate(con, version.sql(), made)
        return made
    return None


def _fields(version: DatasetVersion, rule_class, key: str, was: dict):
    """Draw the fields of a kind of rule; return a function that reads them (it may raise InputError)."""
    names, kinds = rule_class.model_fields, column_kinds(version.content_hash, version)
    wanted = FITS.get(rule_class.model_fields["kind"].default)
    fitting = [c for c in kinds if wanted is None or kinds[c] in wanted]
    drawn: dict = {}
    cells = st.columns(3)

    def index(options: list, value) -> int:
        return options.index(value) if value in options else 0

    if "column" in names:
        options = list(dict.fromkeys([*fitting, *([was["column"]] if was else [])]))
        if not options:
            cells[0].caption("The table has no column of a fitting type.")
        drawn["column"] = cells[0].selectbox(
            "Column", options, index=index(options, was.get("column")), key=f"{key}_column"
        )
    if "columns" in names:
        drawn["columns"] = cells[0].multiselect("Columns", list(kinds), default=[c for c in was.get("columns", []) if c in kinds], key=f"{key}_columns")  # fmt: skip
    if "other" in names:
        drawn["other"] = cells[1].selectbox("is not above", fitting, index=index(fitting, was.get("other")), key=f"{key}_other")  # fmt: skip
    if "type" in names:
        types = ["", *dict.fromkeys(c["type"] for c in version.columns)]
        found = cells[1].selectbox("Type", types, index=index(types, was.get("type") or ""), format_func=lambda t: t or "any", key=f"{key}_type")  # fmt: skip
        drawn["type"] = found or None
    if "dataset" in names:
        known = [v.name for v in workspace().datasets.list()]
        drawn["dataset"] = cells[1].selectbox("are found in the dataset", known, index=index(known, was.get("dataset")), key=f"{key}_dataset")  # fmt: skip
        there = [c["name"] for c in workspace().datasets.get(drawn["dataset"]).columns]
        drawn["other_columns"] = cells[2].multiselect("under these names", there, default=[c for c in was.get("other_columns", []) if c in there],
                                                      key=f"{key}_there_{drawn['dataset']}", placeholder="The same names")  # fmt: skip
    texts = {}
    for cell, name, label in zip(cells[1:], ("min", "max"), ("At least", "At most"), strict=True):
        if name in names:
            texts[name] = cell.text_input(label, "" if was.get(name) is None else str(was[name]), key=f"{key}_{name}", placeholder="No bound")  # fmt: skip
    if "q" in names:
        drawn["q"] = cells[0].number_input(
            "Quantile (0.5 is the median)", 0.0, 1.0, was.get("q", 0.5), 0.05, key=f"{key}_q"
        )
    if "max_age_h" in names:
        drawn["max_age_h"] = cells[1].number_input("At most so many hours old", 0.1, value=float(was.get("max_age_h", 48)), key=f"{key}_age")  # fmt: skip
    if "pattern" in names:
        drawn["pattern"] = cells[1].text_input("Pattern (of the whole text)", was.get("pattern", ""), key=f"{key}_pattern", placeholder="[A-Z]{2}-[0-9]+")  # fmt: skip
    if "condition" in names:
        drawn["condition"] = st.text_area("SQL condition that every row keeps", was.get("condition", ""), key=f"{key}_condition", placeholder="price > 0 AND city <> ''")  # fmt: skip
    if "values" in names:
        texts["values"] = cells[1].text_area("Values, one per line", "\n".join(map(str, was.get("values", []))), key=f"{key}_values")  # fmt: skip
    for name, label in (("falling", "It falls instead"), ("strict", "Equal is not enough")):
        if name in names:
            drawn[name] = cells[2].checkbox(label, was.get(name, False), key=f"{key}_{name}")

    def read() -> dict:
        found = dict(drawn)
        if "column" in names and not found["column"]:
            raise InputError("The rule needs a column.", hint="Choose one.")
        for name, written in texts.items():
            if name == "values":
                numbers = kinds.get(found["column"]) == "number"
                found[name] = [_bound(v) if numbers else v for v in written.splitlines() if v.strip()]
            else:
                found[name] = _bound(written)
        return found

    return read


def _bound(written: str) -> int | float | str | None:
    """Return what was written as a number where it is one, else as text: a date, or what the rule will refuse."""
    written = written.strip()
    if not written:
        return None
    for kind in (int, float):
        try:
            return kind(written)
        except ValueError:
            continue
    return written
