"""The Privacy page: personal data and its review, who could be singled out, and private figures."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from insights import dp
from insights.pii import gate, own, review

ROOT = Path(__file__).resolve().parents[2]
PAGE = "../pages/privacy.py"


@pytest.fixture
def app(tmp_workspace):
    """Return a function that opens the page inside the app, as a browser does."""
    import streamlit as st

    import shell.widgets

    shell.widgets._open.clear()
    st.cache_data.clear()
    st.cache_resource.clear()

    def open_() -> AppTest:
        at = AppTest.from_file(str(ROOT / "shell" / "main.py"), default_timeout=60).run()
        at.switch_page(PAGE).run()
        assert not at.exception, at.exception
        return at

    yield open_
    shell.widgets._open.clear()


@pytest.fixture
def people(tmp_workspace):
    table = pa.table(
        {
            "age": [20, 30, 40, 50, 60, None],
            'ci"ty': ["Ulm", "Ulm", "Bonn", "?", "Bonn", "Ulm"],
            "email": [f"p{i}@example.org" for i in range(6)],
            "born": pa.array([0, 86_400, 172_800, 259_200, 345_600, 432_000], pa.timestamp("s")).cast(
                pa.timestamp("us")
            ),
        }
    )
    return tmp_workspace.datasets.write("people", table, lineage={"how": "test"})


def fine(at: AppTest) -> AppTest:
    assert not at.exception, at.exception
    return at


def view(at: AppTest, name: str) -> AppTest:
    return fine(at.segmented_control(key="privacy_view").set_value(name).run())


def test_nothing_yet(app):
    assert any("No data yet" in m.value for m in app().markdown)


def test_personal_data_is_named_and_masked(app, people):
    at = app()
    found = next(d.value for d in at.dataframe if "email" in list(d.value["Looks like"]))
    assert found["Confidence"][0] == pytest.approx(0.99)
    assert any("p•••@e•••" in c.value for c in at.caption)
    assert not any("@example.org" in c.value for c in (*at.caption, *at.markdown, *at.code))


def test_whole_values_only_when_asked_and_audited(app, people, tmp_workspace):
    at = app()
    fine(at.button(key="pii_whole_people@1_email").click().run())
    assert any("@example.org" in c.value for c in at.code)
    assert "pii.show" in [line.action for line in tmp_workspace.audit.list()]
    fine(at.run())
    assert not at.code


def test_a_decision_is_kept_for_the_next_version(app, people, tmp_workspace):
    at = app()
    fine(at.radio(key="pii_what_people@1_email").set_value("not personal").run())
    fine(at.button(key="pii_keep_people@1_email").click().run())
    assert "Say why" in at.error[0].value
    fine(at.text_input(key="pii_note_people@1_email").set_value("made up").run())
    fine(at.button(key="pii_keep_people@1_email").click().run())
    assert review.review(tmp_workspace, "people").decisions["email"].note == "made up"
    tmp_workspace.datasets.write("people", pa.table({"email": ["a@b.org"], "x": [1]}), lineage={})
    again = app()
    assert again.radio(key="pii_what_people@2_email").value == "not personal"
    assert any("made up \\(" in m.value for m in again.markdown)


def test_the_steps_go_to_the_prepare_page(app, people, tmp_workspace):
    at = app()
    fine(at.button(key="pii_hide_all").click().run())
    assert at.radio(key="pii_what_people@1_email").value == "hide"  # the card shows what was decided
    assert not [b for b in at.button if b.key and b.key.startswith("pii_keep_")]
    fine(at.button(key="pii_steps").click().run())
    draft = tmp_workspace.drafts.get("people hidden")
    assert [s["transform"] for s in draft.recipe["steps"]][0].startswith("privacy.")
    assert at.session_state["tilth"].recipe == "people hidden"


def test_the_steps_run_to_a_new_version(app, people, tmp_workspace):
    at = app()
    fine(at.button(key="pii_hide_all").click().run())
    fine(at.button(key="pii_run").click().run())
    for _ in range(60):
        if any("Made people@2" in s.value for s in at.success):
            break
        fine(at.run())
    assert gate.check(tmp_workspace, "people@2").why == "clean"


def test_own_patterns_values_to_leave_and_the_gate(app, people, tmp_workspace):
    at = app()
    at.text_input(key="pii_pattern_name").set_value("CITY")
    at.text_input(key="pii_pattern_form").set_value("(a+)+")
    add = next(b for b in at.button if b.label == "Add")
    fine(add.click().run())
    assert "repeats a repetition" in at.error[0].value
    at.text_input(key="pii_pattern_form").set_value("Ulm|Bonn")
    fine(next(b for b in at.button if b.label == "Add").click().run())
    assert [p.name for p in own.patterns(tmp_workspace)] == ["CITY"]
    assert any("city" in list(d.value["Looks like"]) for d in at.dataframe)
    at.text_area(key="pii_leave_people").set_value("Ulm\nBonn")
    fine(at.button(key="pii_leave_go").click().run())
    assert not any("city" in list(d.value["Looks like"]) for d in at.dataframe)
    fine(at.button(key="pii_drop_CITY").click().run())
    assert own.patterns(tmp_workspace) == []
    fine(at.toggle(key="pii_gate").set_value(False).run())
    assert not gate.is_on(tmp_workspace)


def test_a_large_table_is_asked_about_first(app, people, monkeypatch):
    import shell.personal_data

    monkeypatch.setattr(shell.personal_data, "IN_BACKGROUND", 1)
    at = app()
    fine(next(b for b in at.button if b.key and b.key.startswith("ask_")).click().run())
    for _ in range(60):
        if at.dataframe:
            break
        fine(at.run())
    assert at.dataframe


def test_who_stands_out_and_what_prevents_it(app, tmp_workspace):
    ages = [20, 21, 30, 31, 40, 41] * 4
    table = {"age": ages, "sex": ["m", "f"] * 12, "illness": ["flu", "cold", "cold"] * 8}
    tmp_workspace.datasets.write("ill", pa.table(table), lineage={})
    at = view(app(), "Re-identification")
    shown = {m.label: m.value for m in at.metric}
    assert at.multiselect(key="risk_quasi_ill@1").value == ["age", "sex"]
    assert (shown["k"], shown["Rows below k"]) == ("4", "24")
    fine(at.selectbox(key="risk_sensitive_ill@1").set_value("illness").run())
    assert {m.label: m.value for m in at.metric}["l"] == "1"  # 20-year-olds are rows 0, 6, 12 …: all have the flu
    fine(at.button(key="risk_reach").click().run())
    assert int({m.label: m.value for m in at.metric}["k after"]) >= 5
    fine(at.button(key="risk_take").click().run())
    assert tmp_workspace.drafts.get("ill k 5").recipe["steps"]


def test_no_trait(app, people):
    at = view(app(), "Re-identification")
    fine(at.multiselect(key="risk_quasi_people@1").set_value([]).run())
    assert "Choose at least one column" in at.info[0].value


def test_private_figures(app, people, tmp_workspace):
    at = view(app(), "Private figures")
    assert any("no privacy budget yet" in m.value for m in at.markdown)
    fine(at.button(key="dp_set").click().run())
    assert any("±30" in c.value for c in at.caption)  # 1 / 0.1 · ln 20 = 29.96
    fine(at.button(key="dp_ask").click().run())
    assert dp.budget(tmp_workspace, "people").answers == 1
    assert any("How many rows" in m.value for m in at.markdown)
    fine(at.selectbox(key="dp_kind").set_value("mean").run())
    assert at.button(key="dp_ask").disabled  # no bounds yet
    fine(at.number_input(key="dp_low_people_age").set_value(0.0).run())
    fine(at.number_input(key="dp_high_people_age").set_value(110.0).run())
    fine(at.button(key="dp_ask").click().run())
    assert dp.budget(tmp_workspace, "people").answers == 2


def test_nothing_is_computed_when_the_budget_is_spent(app, people, tmp_workspace):
    dp.set_budget(tmp_workspace, "people", "0.1")
    at = view(app(), "Private figures")
    fine(at.button(key="dp_ask").click().run())
    assert at.button(key="dp_ask").disabled
    assert "The budget is spent" in at.warning[0].value


@pytest.mark.parametrize("kind", ["histogram", "summary", "quantile"])
def test_other_questions_draw(app, people, tmp_workspace, kind):
    dp.set_budget(tmp_workspace, "people", 10)
    at = view(app(), "Private figures")
    fine(at.selectbox(key="dp_kind").set_value(kind).run())
    assert at.button(key="dp_ask").disabled
    if kind == "histogram":
        fine(at.text_input(key="dp_edges_age").set_value("0, 40, 80").run())
    elif kind == "summary":
        fine(at.multiselect(key="dp_columns_people").set_value(["age"]).run())
    if kind != "histogram":
        at.number_input(key="dp_low_people_age").set_value(0.0)
        fine(at.number_input(key="dp_high_people_age").set_value(110.0).run())
    fine(at.button(key="dp_ask").click().run())
    assert dp.budget(tmp_workspace, "people").answers == 1


def test_the_gate_on_the_features_page(app, people, tmp_workspace):
    at = AppTest.from_file(str(ROOT / "shell" / "main.py"), default_timeout=60).run()
    fine(at.switch_page("../pages/features.py").run())
    next(t for t in at.text_input if t.label == "Name of the group").set_value("folk")
    fine(next(m for m in at.multiselect if m.label == "Key columns").set_value(["email"]).run())
    publish = "Create and publish"
    fine(next(b for b in at.button if b.label == publish).click().run())
    for _ in range(60):
        if at.error:
            break
        fine(at.run())
    assert "people@1 holds personal data" in at.error[0].value
    assert not tmp_workspace.lineage.of("feature_group", "folk@1")
    assert any("Personal data is open" in w.value for w in at.warning)
    at.text_input(key="personal_data_reason_people@1").set_value("made up for a test")
    next(t for t in at.text_input if t.label == "Name of the group").set_value("folk")
    fine(next(m for m in at.multiselect if m.label == "Key columns").set_value(["email"]).run())
    fine(next(b for b in at.button if b.label == publish).click().run())
    for _ in range(60):
        if at.success:
            break
        fine(at.run())
    assert "Published" in at.success[0].value
    (line,) = [line for line in tmp_workspace.audit.list() if line.action == "pii.override"]
    assert line.detail["reason"] == "made up for a test"
