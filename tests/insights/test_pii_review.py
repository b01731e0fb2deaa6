"""Decisions about personal data, patterns of one's own, values to leave, and the gate before publishing."""

from __future__ import annotations

import pyarrow as pa
import pytest

from insights import pii
from insights.pii import gate, own, review
from transforms import Recipe
from transforms.errors import ColumnNotFound, InputError, NotFound
from workspace.running import run_recipe
from workspace.sql import connect


def people(ws, **more):
    table = {
        "id": [1, 2, 3, 4],
        "email": [f"p{i}@example.org" for i in range(4)],
        "note": ["call us on +49 30 901820 today", "all is well here now", "write to help@shop.example please now", "no news"],
        "date_of_birth": pa.array([0, 1, 2, 3], pa.date32()),
        **more,
    }  # fmt: skip
    return ws.datasets.write("people", pa.table(table), lineage={"how": "test"})


def actions(ws):
    return [line.action for line in ws.audit.list()]


def open_columns(ws, ref="people"):
    review.report_of(ws, ref)
    return sorted({f["column"] for f in gate.known(ws, ref).open})


def test_what_stands_in_the_way(tmp_workspace):
    people(tmp_workspace)
    with pytest.raises(gate.PersonalDataFound, match=r"people@1 holds personal data .*'email' \(email\)"):
        gate.check(tmp_workspace, "people")
    assert open_columns(tmp_workspace) == ["date_of_birth", "email", "note"]


def test_a_reason_lets_it_pass_and_is_audited(tmp_workspace):
    people(tmp_workspace)
    passed = gate.check(tmp_workspace, "people@1", "test of the shop", "anna")
    assert (passed.why, passed.ref, passed.may_publish) == ("override", "people@1", True)
    line = next(line for line in tmp_workspace.audit.list() if line.action == "pii.override")
    assert (line.actor, line.subject, line.detail["reason"]) == ("anna", "people@1", "test of the shop")
    assert {f["column"] for f in line.detail["findings"]} == {"email", "note", "date_of_birth"}


def test_a_reason_must_be_given(tmp_workspace):
    people(tmp_workspace)
    with pytest.raises(InputError, match="needs a reason"):
        gate.check(tmp_workspace, "people", "  ")


def test_only_the_columns_that_are_published_count(tmp_workspace):
    people(tmp_workspace)
    assert gate.check(tmp_workspace, "people", columns=["id"]).why == "clean"


def test_the_gate_can_be_switched_off_and_that_is_audited(tmp_workspace):
    people(tmp_workspace)
    gate.switch(tmp_workspace, False)
    assert gate.check(tmp_workspace, "people").why == "off"
    gate.switch(tmp_workspace, True)
    with pytest.raises(gate.PersonalDataFound):
        gate.check(tmp_workspace, "people")
    assert actions(tmp_workspace).count("pii.gate") == 2


def test_the_report_is_made_once_for_the_same_content(tmp_workspace, monkeypatch):
    people(tmp_workspace)
    assert gate.known(tmp_workspace, "people") is None
    first = review.report_of(tmp_workspace, "people")
    monkeypatch.setattr(review, "find", None)
    assert review.report_of(tmp_workspace, "people") == first
    monkeypatch.undo()
    own.save_pattern(tmp_workspace, pii.OwnPattern("STAFF_ID", "EMP-[0-9]+"))
    assert review.remembered(tmp_workspace, "people") is None  # other patterns, another question


def test_decisions_survive_a_new_version_but_not_new_types(tmp_workspace):
    people(tmp_workspace)
    report = review.report_of(tmp_workspace, "people")
    types = {c.name: [e.type for e in c.entities] for c in report.found}
    review.decide(tmp_workspace, "people", "email", "not personal", note="our shops", types=types["email"], actor="bo")
    review.decide(tmp_workspace, "people", "note", "hide", how="redact")
    people(tmp_workspace, extra=[1, 2, 3, 4])
    kept = review.review(tmp_workspace, "people").decisions
    assert (kept["email"].what, kept["email"].note, kept["email"].by) == ("not personal", "our shops", "bo")
    assert kept["note"].how == "redact"
    assert open_columns(tmp_workspace, "people@2") == ["date_of_birth", "note"]  # to hide is not hidden yet
    people(tmp_workspace, email=["4111 1111 1111 1111", "5555 5555 5555 4444", "p@example.org", "q@example.org"])
    review.report_of(tmp_workspace, "people@3")
    found = {(f["column"], f["type"]) for f in gate.known(tmp_workspace, "people@3").open}
    assert ("email", "CREDIT_DEBIT_NUMBER") in found and ("email", "EMAIL") not in found


def test_a_decision_can_be_taken_back(tmp_workspace):
    people(tmp_workspace)
    review.decide(tmp_workspace, "people", "email", "hide", how="drop")
    assert "email" not in review.decide(tmp_workspace, "people", "email", "later").decisions
    assert actions(tmp_workspace).count("pii.decide") == 2


@pytest.mark.parametrize(
    ("column", "what", "more", "error", "message"),
    [
        ("emial", "hide", {"how": "mask"}, ColumnNotFound, "emial"),
        ("email", "burn", {}, InputError, "no decision 'burn'"),
        ("email", "hide", {"how": "burn"}, InputError, "no way 'burn'"),
        ("email", "not personal", {"note": " "}, InputError, "Say why column 'email'"),
    ],
)
def test_refused_decisions(tmp_workspace, column, what, more, error, message):
    people(tmp_workspace)
    with pytest.raises(error, match=message):
        review.decide(tmp_workspace, "people", column, what, **more)


@pytest.mark.parametrize("how", ["mask", "remove", "hash"])
def test_what_steps_hid_may_be_published(tmp_workspace, how):
    people(tmp_workspace)
    report = review.report_of(tmp_workspace, "people")
    for column in report.found:
        review.decide(tmp_workspace, "people", column.name, "hide", how=how)
    recipe = Recipe(name="hide")
    for step in review.chosen_steps(tmp_workspace, "people", report):
        recipe = recipe.add(step["transform"], step["settings"])
    done = run_recipe(tmp_workspace, recipe, {"main": "people@1"}, output="people")
    assert gate.check(tmp_workspace, done.dataset.ref).why == "clean"
    later = Recipe(name="later").add("columns.drop", {"columns": ["id"]})  # the birth dates stay coarse
    after = run_recipe(tmp_workspace, later, {"main": done.dataset.ref}, output="after")
    assert gate.check(tmp_workspace, after.dataset.ref).why == "clean"


def test_a_column_written_anew_after_it_was_hidden_counts_again(tmp_workspace):
    people(tmp_workspace, other=["a@b.org", "c@d.org", "e@f.org", "g@h.org"])
    recipe = (
        Recipe(name="trick")
        .add("privacy.null_out", {"columns": ["email"]})
        .add("columns.drop", {"columns": ["email"]})
        .add("columns.rename", {"column": "other", "to": "email"})
    )
    done = run_recipe(tmp_workspace, recipe, {"main": "people@1"}, output="trick")
    with pytest.raises(gate.PersonalDataFound, match="'email'"):
        gate.check(tmp_workspace, done.dataset.ref)


def test_examples_are_masked_and_whole_ones_are_audited(tmp_workspace):
    people(tmp_workspace)
    masked = review.examples(tmp_workspace, "people", "email")
    assert set(masked) == {"p•••@e•••.o•••"}
    notes = " ".join(review.examples(tmp_workspace, "people", "note"))
    assert "901820" not in notes and "today" not in notes
    assert "pii.show" not in actions(tmp_workspace)
    assert sorted(review.examples(tmp_workspace, "people", "email", whole=True)) == [
        f"p{i}@example.org" for i in range(4)
    ]
    line = next(line for line in tmp_workspace.audit.list() if line.action == "pii.show")
    assert line.detail == {"column": "email"}
    with pytest.raises(ColumnNotFound):
        review.examples(tmp_workspace, "people", "x")


def test_values_to_leave(tmp_workspace):
    people(tmp_workspace)
    before = {e.type for c in review.report_of(tmp_workspace, "people").columns if c.name == "note" for e in c.entities}
    review.set_keep(tmp_workspace, "people", ["help@shop.example", " HELP@shop.example "[1:-1], ""])
    after = {e.type for c in review.report_of(tmp_workspace, "people").columns if c.name == "note" for e in c.entities}
    assert "EMAIL" in before and after == before - {"EMAIL"}
    assert "help@shop.example" not in str([line.detail for line in tmp_workspace.audit.list()])
    with pytest.raises(InputError, match="at most 1,000 values"):
        review.set_keep(tmp_workspace, "people", map(str, range(1001)))


def test_a_name_as_long_as_can_be(tmp_workspace):
    name = "n" * 64
    tmp_workspace.datasets.write(name, pa.table({"email": ["a@b.org"]}), lineage={})
    review.decide(tmp_workspace, name, "email", "hide", how="drop")
    assert review.review(tmp_workspace, name).decisions["email"].how == "drop"


# -- own patterns


def test_own_patterns_are_found_and_hidden(tmp_workspace):
    own.save_pattern(tmp_workspace, pii.OwnPattern("STAFF_ID", "EMP-[0-9]{4}"))
    own.save_pattern(tmp_workspace, pii.OwnPattern("ROOM", "[A-Z][0-9]{2}", ("room",)))
    table = {"a": ["EMP-0042", "EMP-0043"], "b": ["B12", "C13"], "room_no": ["B12", "C13"]}
    tmp_workspace.datasets.write("staff", pa.table(table), lineage={})
    report = review.report_of(tmp_workspace, "staff")
    found = {(c.name, e.type): e.confidence for c in report.columns for e in c.entities}
    assert found["a", "STAFF_ID"] == 0.9 and found["b", "ROOM"] == 0.3 and found["room_no", "ROOM"] == 0.9
    review.decide(tmp_workspace, "staff", "a", "hide", how="redact")
    (step,) = review.chosen_steps(tmp_workspace, "staff", report)
    done = run_recipe(tmp_workspace, Recipe(name="h").add(step["transform"], step["settings"]), {"main": "staff"})
    con = connect()
    assert con.execute(f"SELECT a FROM {done.dataset.sql()}").fetchall() == [("[STAFF_ID]",)] * 2
    con.close()


def test_own_patterns_inside_text():
    (found,) = pii.find_in_text("see EMP-0042", own=[pii.OwnPattern("STAFF_ID", "EMP-[0-9]{4}")])
    assert (found.type, found.start, found.end, found.confidence) == ("STAFF_ID", 4, 12, 0.9)
    assert pii.find_in_text("mail a@b.org", keep=["A@b.org"]) == []


@pytest.mark.parametrize(
    ("name", "pattern", "message"),
    [
        ("staff", "x", "no name of a pattern"),
        ("EMAIL", "x", "knows already"),
        ("A_B", "(a+)+b", "repeats a repetition"),
        ("A_B", "(?!x)y", "looks around"),
        ("A_B", r"a\Z", "cannot be used"),  # Python takes it, RE2 does not
    ],
)
def test_refused_patterns(name, pattern, message):
    with pytest.raises(InputError, match=message):
        pii.OwnPattern(name, pattern)


def test_a_pattern_can_be_taken_out(tmp_workspace):
    own.save_pattern(tmp_workspace, pii.OwnPattern("STAFF_ID", "EMP-[0-9]{4}"))
    own.drop_pattern(tmp_workspace, "STAFF_ID")
    assert own.patterns(tmp_workspace) == []
    with pytest.raises(NotFound, match="STAFF_ID"):
        own.drop_pattern(tmp_workspace, "STAFF_ID")


def test_ways_for_single_columns(tmp_workspace):
    people(tmp_workspace)
    report = review.report_of(tmp_workspace, "people")
    assert pii.steps(report, {"email": "drop"}) == [{"transform": "columns.drop", "settings": {"columns": ["email"]}}]
    with pytest.raises(InputError, match="no text to look into"):
        pii.steps(report, {"id": "redact"})
    with pytest.raises(InputError, match="no way 'burn'"):
        pii.steps(report, {"id": "burn"})
