"""The Quality page's views Expectations and Drift, and the notice on Home."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from insights import drift_watch, on_versions
from insights import expectations as expect

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def app(tmp_workspace):
    """Return a function that opens a view of the Quality page."""
    import streamlit as st

    import shell.widgets

    on_versions.register()
    shell.widgets._open.clear()
    st.cache_data.clear()
    st.cache_resource.clear()

    def open_(view: str) -> AppTest:
        at = AppTest.from_file(str(ROOT / "shell" / "main.py"), default_timeout=60).run()
        at.switch_page("../pages/quality.py").run()
        return fine(at.segmented_control(key="quality_view").set_value(view).run())

    yield open_
    shell.widgets._open.clear()


@pytest.fixture
def people(tmp_workspace):
    return write(tmp_workspace, [20, 30, 40, None] * 25)


def write(ws, ages, **more):
    table = {"id": list(range(len(ages))), "age": ages, "city": ["Ulm", "Bonn"] * (len(ages) // 2), **more}
    return ws.datasets.write("people", pa.table(table), lineage={"how": "test"})


def fine(at: AppTest) -> AppTest:
    assert not at.exception, at.exception
    return at


def metrics(at: AppTest) -> dict[str, str]:
    return {m.label: m.value for m in at.metric}


def button(at: AppTest, start: str):
    return next(b for b in at.button if b.key and b.key.startswith(start))


def says(ws) -> list[str]:
    return [rule.says() for rule in expect.rules_of(ws, "people")]


def test_suggest_accept_one_accept_all_and_undo(app, people, tmp_workspace):
    at = app("Expectations")
    assert any("There are no rules yet" in i.value for i in at.info)
    at = fine(at.button(key="expect_suggest_people").click().run())
    at = (
        fine(button(at, "expect_accept_").click().run())
        if button(at, "expect_accept_").key != "expect_accept_all"
        else at
    )
    at = fine(at.button(key="expect_accept_all").click().run())
    kept = says(tmp_workspace)
    assert {"id is unique", "city is one of Bonn, Ulm", "age is not missing in at least 0.61 of the rows"} <= set(kept)
    assert len(kept) == len(set(kept)) and metrics(at)["Rules"] == str(len(kept))
    at = fine(at.button(key="expect_undo_button_people").click().run())
    assert len(says(tmp_workspace)) < len(kept)


def test_add_check_edit_copy_switch_delete_undo(app, people, tmp_workspace):
    ws = tmp_workspace
    at = app("Expectations")
    at.selectbox(key="expect_new_people_0_kind").set_value("range").run()
    at.selectbox(key="expect_new_people_0_range_column").set_value("age").run()
    at.text_input(key="expect_new_people_0_range_max").set_value("35")
    at = fine(at.button(key="expect_new_people_0_save").click().run())
    (rule,) = expect.rules_of(ws, "people")
    assert (rule.says(), rule.severity) == ("age is at most 35", "stop")
    at = fine(at.button(key="expect_check_people").click().run())
    assert any("25 of 100 rows break the rule" in m.value for m in at.markdown)
    assert metrics(at)["Newest check"] == "Stop"
    at = fine(at.button(key=f"expect_edit_button_{rule.id}").click().run())
    at.text_input(key=f"expect_edit_{rule.id}_range_max").set_value("40")
    at.segmented_control(key=f"expect_edit_{rule.id}_range_severity").set_value("quarantine")
    at = fine(at.button(key=f"expect_edit_{rule.id}_save").click().run())
    (rule,) = expect.rules_of(ws, "people")
    assert (rule.says(), rule.severity) == ("age is at most 40", "quarantine")
    at = fine(at.button(key=f"expect_copy_{rule.id}").click().run())
    copy = expect.rules_of(ws, "people")[1]
    assert not copy.enabled
    at = fine(at.toggle(key=f"expect_on_{copy.id}_False").set_value(True).run())
    assert expect.rules_of(ws, "people")[1].enabled
    at = fine(at.button(key=f"expect_delete_{copy.id}").click().run())
    assert len(says(ws)) == 1
    at = fine(at.button(key="expect_undo_button_people").click().run())
    assert len(says(ws)) == 2
    write(ws, [20, 30, 50, None] * 25)
    at = app("Expectations")
    assert metrics(at)["Rows put aside last"] == "25"
    assert any(list(d.value.columns)[:1] == ["Rule"] and "✗ 25" in d.value.to_numpy() for d in at.dataframe)


def test_a_rule_that_does_not_fit_is_one_sentence(app, people, tmp_workspace):
    at = app("Expectations")
    at.selectbox(key="expect_new_people_0_kind").set_value("condition").run()
    at.text_area(key="expect_new_people_0_condition_condition").set_value("size > 0")
    at = fine(at.button(key="expect_new_people_0_save").click().run())
    assert "column 'size' is not in the table" in at.error[0].value
    at.text_area(key="expect_new_people_0_condition_condition").set_value("age IN (SELECT 1)")
    at = fine(at.button(key="expect_new_people_0_save").click().run())
    assert "write one condition of a row" in at.error[0].value and says(tmp_workspace) == []


@pytest.mark.parametrize("kind", sorted(expect.KINDS))
def test_every_kind_has_a_form(app, people, kind):
    at = app("Expectations")
    at = fine(at.selectbox(key="expect_new_people_0_kind").set_value(kind).run())
    assert at.button(key="expect_new_people_0_save")


def test_drift_of_the_only_version(app, people):
    at = app("Drift")
    assert any("nothing to compare with" in i.value for i in at.info)


def test_drift_watch_alert_and_acknowledge(app, people, tmp_workspace):
    ws = tmp_workspace
    at = app("Drift")
    at = fine(at.button(key="drift_watch_people").click().run())
    assert drift_watch.watch_of(ws, "people").reference == "people@1"
    write(ws, [70, 80, 90, None] * 25)
    at = app("Drift")
    assert metrics(at)["Drift"] == "Strong"
    assert any("open alert" in m.value for m in at.markdown)
    shown = next(d.value for d in at.dataframe if "PSI" in d.value.columns)
    assert shown["Column"].iloc[0] == "age" and shown["KS"].iloc[0] == 1.0
    home = AppTest.from_file(str(ROOT / "shell" / "main.py"), default_timeout=60).run()
    assert any("drift alert" in m.value for m in fine(home).markdown)
    at.text_input(key="drift_note_people_1").set_value("a new market")
    at = fine(at.button(key="drift_acknowledge_people").click().run())
    assert drift_watch.alerts(ws) == []
    assert drift_watch.alerts(ws, all_=True)[0]["acknowledged"]["note"] == "a new market"
    home = AppTest.from_file(str(ROOT / "shell" / "main.py"), default_timeout=60).run()
    assert not any("drift alert" in m.value for m in home.markdown)
    at = fine(at.button(key="drift_unwatch_people").click().run())
    assert drift_watch.watch_of(ws, "people") is None
