"""The Bias page: asks for everything, measures, and says our sentence where it cannot."""

from __future__ import annotations

import time
from pathlib import Path

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

PAGE = Path(__file__).resolve().parents[2] / "pages" / "bias.py"


@pytest.fixture
def page(tmp_workspace):
    import streamlit as st

    import shell.widgets

    shell.widgets._open.clear()
    st.cache_data.clear()

    def open_() -> AppTest:
        at = AppTest.from_file(str(PAGE), default_timeout=60).run()
        assert not at.exception, at.exception
        return at

    yield open_
    shell.widgets._open.clear()


@pytest.fixture
def pay(tmp_workspace):
    table = pa.table(
        {
            "sex": ["m"] * 4 + ["f"] * 4,
            "paid": ["yes", "yes", "yes", "no", "yes", "no", "no", "no"],
            "guess": ["yes", "yes", "no", "no", "yes", "no", "no", "no"],
            "job": ["u", "u", "v", "v", "u", "u", "v", "v"],
            "age": [20, 30, 40, 50, 60, 70, 80, 90],
        }
    )
    return tmp_workspace.datasets.write("pay", table, lineage={"how": "test"})


def test_an_empty_workspace_teaches(page):
    assert "No data to measure yet" in page().markdown[0].value


def test_nothing_is_measured_before_it_is_asked(page, pay):
    at = page()
    assert not at.metric
    assert "Nothing is guessed" in at.info[0].value


def ask(at):
    at.selectbox(key="bias_label_pay").select("paid").run()
    at.multiselect(key="bias_positive_pay_paid_values").select("yes").run()
    at.selectbox(key="bias_facet_pay").select("sex").run()
    at.multiselect(key="bias_facet_pay_sex_values").select("f").run()
    assert not at.exception and not at.error
    return at


def test_metrics_with_plain_words(page, pay):
    at = ask(page())
    shown = {m.label: m.value for m in at.metric}
    assert shown["Difference in positive proportions in labels"] == "0.500"
    assert "50.0 points less often than the rest" in at.subheader[0].value
    assert "Recall difference" not in shown
    at.selectbox(key="bias_predicted_pay").select("guess").run()
    at.selectbox(key="bias_group_pay").select("job").run()
    shown = {m.label: m.value for m in at.metric}
    # recall: men 2 of 3 yes are found, women 1 of 1
    assert shown["Recall difference"] == "-0.333"
    assert "Conditional demographic disparity in labels" in shown


def test_a_threshold_and_a_bad_one(page, pay):
    at = ask(page())
    at.selectbox(key="bias_facet_pay").select("age").run()
    at.segmented_control(key="bias_facet_pay_age_how").select("Threshold").run()
    at.text_input(key="bias_facet_pay_age_bound").input("55").run()
    assert {m.label: m.value for m in at.metric}["Difference in positive proportions in labels"] == "0.500"
    at.text_input(key="bias_facet_pay_age_bound").input("old").run()
    assert "'old' does not fit column 'age'" in at.error[0].value


def test_intervals_and_their_verdicts(page, pay):
    at = ask(page())
    # four and four rows: an interval so wide that nothing can be told
    assert any("cannot be told" in m.value for m in at.markdown)
    assert any("what these figures show may be chance" in w.value for w in at.warning)
    at.toggle(key="bias_intervals").set_value(False).run()
    assert not any("cannot be told" in m.value for m in at.markdown)


def part(at, name):
    at.segmented_control(key="bias_part").select(name).run()
    assert not at.exception, at.exception
    return at


def test_where_groups_meet(page, pay):
    at = part(ask(page()), "Where groups meet")
    assert "Choose a second column" in at.info[0].value
    at.multiselect(key="bias_cross_pay_sex").select("job").run()
    assert not at.exception and not at.error
    assert list(at.dataframe[0].value["Group"])[0] == "f × v"
    assert any("4 groups" in m.value for m in at.markdown)
    at.multiselect(key="bias_cross_pay_sex").select("age").run()
    at.text_input(key="bias_cross_bound_pay_age").input("old").run()
    assert "'old' does not fit column 'age'" in at.error[0].value


def wait(at, seen):
    for _ in range(100):
        if seen(at):
            return at
        time.sleep(0.1)
        at.run()
    raise AssertionError("it did not end")


def test_a_mitigation_shows_before_and_after(page, pay):
    at = part(ask(page()), "Lessen it")
    next(b for b in at.button if b.label == "Try it").click().run()
    wait(at, lambda at: len(at.dataframe))
    assert not at.exception, at.exception
    shown = {row["Metric"]: row for row in at.dataframe[0].value.to_dict("records")}
    assert (shown["DPL"]["Before"], shown["DPL"]["After"]) == ("0.5000", "0.0000")
    at.radio(key="bias_method").set_value("massage").run()
    assert next(b for b in at.button if b.label == "Try it").disabled


def test_without_a_model_there_is_nothing_to_explain(page, pay):
    at = part(ask(page()), "Explain a model")
    assert any("No model to explain yet" in m.value for m in at.markdown)


def test_a_model_is_explained(page, pay, tmp_workspace):
    from training.train import train

    rows = pa.table({"sex": ["m", "f"] * 40, "job": ["u", "u", "v", "v"] * 20, "paid": ["yes", "no"] * 40})
    tmp_workspace.datasets.write("big", rows, lineage={"how": "test"})
    train(tmp_workspace, "payer", "big", target="paid", features=["sex", "job"])
    tmp_workspace.datasets.write("pay", rows.slice(0, 8), lineage={"how": "test"})
    at = part(ask(page()), "Explain a model")
    at.button(key="bias_explain").click().run()
    wait(at, lambda at: len(at.dataframe) == 2)
    assert not at.exception, at.exception
    assert set(at.dataframe[0].value["Column"]) == {"sex", "job"}
    assert len(at.dataframe[1].value) == 2
