"""The Quality page: the report, its rows and fixes, the target, and what changed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from transforms import Recipe

ROOT = Path(__file__).resolve().parents[2]
PAGE = "../pages/quality.py"


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
            "age": [20, 30, 40, 50, 60, None] * 10,
            'ci"ty': ["Ulm", "Ulm", "Bonn", "?", "Bonn", "Ulm"] * 10,
            "email": [f"p{i}@example.org" for i in range(60)],
            "paid": ["yes", "no", "no"] * 20,
            "born": pa.array([86_400 * i for i in range(60)], pa.timestamp("s")).cast(pa.timestamp("us")),
        }
    )
    return tmp_workspace.datasets.write("people", table, lineage={"how": "test"})


def metrics(at: AppTest) -> dict[str, str]:
    return {m.label: m.value for m in at.metric}


def buttons(at: AppTest, start: str) -> list:
    return [b for b in at.button if b.key and b.key.startswith(start)]


def test_nothing_yet(app):
    at = app()
    assert any("No data yet" in m.value for m in at.markdown)


def test_a_fix_goes_to_the_prepare_page(app, people):
    at = app()
    assert metrics(at)["Warnings"] == str(len(buttons(at, "fix_")))
    fix = next(b for b in buttons(at, "fix_") if "median" not in b.label)
    fix.click().run()
    assert not at.exception, at.exception
    assert at.session_state["tilth"].dataset == "people"


def test_the_rows_of_a_finding(app, people):
    at = app()
    words = [m.value for m in at.markdown if " · " in m.value]
    place = next(i for i, w in enumerate(words) if "in disguise" in w)
    at.button(key=f"rows_{place}").click().run()
    assert not at.exception, at.exception
    shown = next(d.value for d in at.dataframe if 'ci"ty' in d.value.columns and len(d.value) == 10)
    assert len(shown) == 10 and set(shown['ci"ty']) == {"?"} and shown.columns[0] == 'ci"ty'


def test_a_target_adds_a_model(app, people):
    at = app()
    at.selectbox(key="quality_target_people").set_value("paid").run()
    assert not at.exception, at.exception
    shown = metrics(at)
    assert {"Accuracy", "AUC", "F1"} <= set(shown)
    assert any("60 rows" in c.value for c in at.caption)
    assert "Target" in [tab.label for tab in at.tabs]


def test_a_column_from_close_by(app, people):
    at = app()
    at.selectbox(key="explore_closer").set_value("email").run()
    assert not at.exception, at.exception
    facts = next(d.value for d in at.dataframe if list(d.value.columns) == ["Fact", "Value"])
    assert dict(zip(facts["Fact"], facts["Value"], strict=True))["Looks like"] == "e-mail address"
    assert any(list(d.value.columns) == ["Pattern", "Rows", "Such as"] for d in at.dataframe)


def test_one_version_has_nothing_to_compare_with(app, people):
    at = app()
    at.segmented_control(key="quality_view").set_value("Compare").run()
    assert any("one version only" in i.value for i in at.info)
    at.radio(key="quality_compare_with").set_value("Steps of a recipe").run()
    assert any("no saved recipe" in i.value for i in at.info)


def test_two_versions(app, people, tmp_workspace):
    table = pa.table({"age": [20, 30] * 30, "paid": ["yes", "no"] * 30, "new": [1.5] * 60})
    tmp_workspace.datasets.write("people", table, lineage={"how": "test"})
    at = app()
    at.segmented_control(key="quality_view").set_value("Compare").run()
    assert not at.exception, at.exception
    shown = metrics(at)
    assert (shown["Columns added"], shown["Columns removed"], shown["Columns changed"]) == ("1", "3", "2")


def test_steps_of_a_recipe(app, people, tmp_workspace):
    recipe = Recipe(name="fill").add("missing.fill_statistic", {"columns": ["age"]}).add("columns.drop", {"columns": ["paid"]})  # fmt: skip
    tmp_workspace.recipes.save(recipe.dump())
    at = app()
    at.segmented_control(key="quality_view").set_value("Compare").run()
    at.radio(key="quality_compare_with").set_value("Steps of a recipe").run()
    assert not at.exception, at.exception
    assert (metrics(at)["Columns removed"], metrics(at)["Columns changed"]) == ("1", "1")
    at.selectbox(key="quality_step_after_fill").set_value(1).run()
    assert metrics(at)["Columns removed"] == "0"


def test_a_recipe_that_does_not_fit_is_one_sentence(app, people, tmp_workspace):
    tmp_workspace.recipes.save(Recipe(name="other").add("columns.drop", {"columns": ["price"]}).dump())
    at = app()
    at.segmented_control(key="quality_view").set_value("Compare").run()
    at.radio(key="quality_compare_with").set_value("Steps of a recipe").run()
    assert not at.exception
    assert "'price' is not in the table" in at.error[0].value


def test_a_large_table_is_asked_about_first(app, people, monkeypatch):
    import shell.quality_report

    monkeypatch.setattr(shell.quality_report, "IN_BACKGROUND", 10)
    at = app()
    at.button(key=next(b.key for b in buttons(at, "ask_"))).click().run()
    for _ in range(60):
        if "Warnings" in metrics(at):
            break
        at.run()
    assert "Warnings" in metrics(at)


def test_the_report_after_a_step(app, people, tmp_workspace):
    recipe = Recipe(name="fill").add("missing.fill_statistic", {"columns": ["age"]}).add("columns.drop", {"columns": ["paid"]})  # fmt: skip
    tmp_workspace.recipes.save(recipe.dump())
    at = app()
    assert metrics(at)["Missing values"] == "3.3%"
    at.selectbox(key="quality_at_recipe").set_value("fill").run()
    assert not at.exception, at.exception
    assert (metrics(at)["Missing values"], metrics(at)["Columns"]) == ("0.0%", "4")
    assert "paid" not in at.selectbox(key="quality_target_people").options
    at.selectbox(key="quality_at_step_fill").set_value(1).run()
    assert metrics(at)["Columns"] == "5"
    words = [m.value for m in at.markdown if " · " in m.value]
    place = next(i for i, w in enumerate(words) if "in disguise" in w)
    at.button(key=f"rows_{place}").click().run()
    assert not at.exception, at.exception
    assert any("age" in d.value.columns and len(d.value) == 10 for d in at.dataframe)


def test_a_run_that_fails_says_so_and_can_be_tried_again(app, people, monkeypatch):
    import shell.quality_report
    from transforms.errors import InputError

    def fails(*args, **more):
        raise InputError("The disk is full.")

    monkeypatch.setattr(shell.quality_report, "IN_BACKGROUND", 10)
    monkeypatch.setattr(shell.quality_report, "profile", fails)
    at = app()
    at.button(key=next(b.key for b in buttons(at, "ask_"))).click().run()
    for _ in range(60):
        if buttons(at, "again_"):
            break
        at.run()
    assert any("The disk is full." in e.value for e in at.error)
    at.button(key=buttons(at, "again_")[0].key).click().run()
    assert buttons(at, "ask_")
