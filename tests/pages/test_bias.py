"""The Bias page: asks for everything, measures, and says our sentence where it cannot."""

from __future__ import annotations

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
