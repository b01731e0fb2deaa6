"""The Prepare page: empty, first recipe, every transform's form, undo and redo, switching off, running."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from shell.state import KEY, SessionState
from tests.contract.cases import table
from transforms import Recipe, catalog
from workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = {"name": ["ann", "bob", None], "age": [10.0, None, 30.0]}


def clear() -> None:
    import streamlit as st

    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def ws(tmp_workspace):
    clear()
    yield tmp_workspace
    clear()


def write(ws: Workspace, name: str, columns, kinds=None) -> str:
    return ws.datasets.write(name, table(columns, kinds or {}), lineage={}).ref


def start(ws: Workspace, name: str, ref: str, *steps: tuple[str, dict]) -> str:
    """Begin a draft on a dataset, with steps, as the page does."""
    recipe = Recipe(name=name, inputs={"main": {c["name"]: c["type"] for c in ws.datasets.get(ref).columns}})
    sources = {"sources": {"main": ref}}
    ws.drafts.start(recipe.dump() | sources)
    for step in steps:
        recipe = recipe.add(*step)
        ws.drafts.edit(recipe.dump() | sources, f"Add: {recipe.steps[-1].describe()}")
    return name


def opened(**remembered) -> AppTest:
    """Open the page through the router."""
    at = AppTest.from_file(str(ROOT / "shell" / "main.py"), default_timeout=60)
    at.session_state[KEY] = SessionState(**remembered)
    at.run()
    at.switch_page("../pages/prepare.py").run()
    return fine(at)


def fine(at: AppTest) -> AppTest:
    assert not at.exception, [e.value for e in at.exception]
    return at


def has(at: AppTest, key: str) -> bool:
    return any(b.key == key for b in at.button)


def steps(ws: Workspace, name: str) -> list[dict]:
    return ws.drafts.get(name).recipe["steps"]


# -- opening


def test_an_empty_workspace_teaches(ws):
    at = opened()
    assert any("Nothing to prepare yet" in m.value for m in at.markdown)
    assert any(b.label == "Go to Data" for b in at.button) and not at.error


def test_the_first_recipe(ws):
    write(ws, "people", PEOPLE)
    at = opened(dataset="people")
    at.text_input(key="new_name_first_people").set_value("clean people").run()
    fine(at.button(key="new_go_first").click().run())
    draft = ws.drafts.get("clean people")
    assert draft.recipe["sources"] == {"main": "people@1"}
    assert draft.recipe["inputs"] == {"main": {"name": "string", "age": "float64"}}
    assert has(at, "add_step") and not at.error
    (grid,) = at.get("bidi_component")
    assert '"name":"age"' in grid.proto.json.replace(" ", "")


def test_a_name_that_is_taken_or_impossible_is_one_sentence(ws):
    ref = write(ws, "people", PEOPLE)
    start(ws, "clean", ref)
    at = opened(recipe="clean")
    for name, said in (("clean", "exists already"), ("a/b", "cannot be the name")):
        at.text_input(key="new_name_more_people").set_value(name).run()
        fine(at.button(key="new_go_more").click().run())
        assert said in at.error[0].value


# -- editing


def test_pick_fill_in_and_add_a_step(ws):
    start(ws, "clean", write(ws, "people", PEOPLE))
    at = opened(recipe="clean")
    fine(at.button(key="add_step").click().run())
    at.text_input(key="search_p1").set_value("dummy variables").run()
    assert [b.key for b in fine(at).button if (b.key or "").startswith("pick_")][0] == "pick_p1_encode.one_hot"
    at.text_input(key="search_p1").set_value("standard scaling").run()
    fine(at.button(key="pick_p1_scale.standard").click().run())
    assert at.button(key="apply").disabled and at.info, "no column is chosen yet"
    chooser = next(m for m in at.multiselect if m.label == "Columns")
    assert chooser.options == ["age"], "only numbers are offered"
    fine(chooser.select("age").run())
    fine(at.button(key="apply").click().run())
    assert steps(ws, "clean")[0]["transform"] == "scale.standard" and steps(ws, "clean")[0]["settings"] == {
        "columns": ["age"]
    }
    assert any("Standard scaling" in m.value for m in at.markdown)


def test_undo_redo_switch_off_move_and_delete(ws):
    start(
        ws,
        "clean",
        write(ws, "people", PEOPLE),
        ("number.negate", {"columns": ["age"]}),
        ("text.trim", {"columns": ["name"]}),
    )
    at = opened(recipe="clean")
    fine(at.button(key="undo").click().run())
    assert [s["transform"] for s in steps(ws, "clean")] == ["number.negate"]
    fine(at.button(key="undo").click().run())
    assert steps(ws, "clean") == [] and at.button(key="undo").disabled
    fine(at.button(key="redo").click().run())
    fine(at.button(key="redo").click().run())
    assert len(steps(ws, "clean")) == 2 and at.button(key="redo").disabled
    fine(at.button(key="toggle_s1").click().run())
    assert [s["enabled"] for s in steps(ws, "clean")] == [False, True]
    assert any("switched off" in m.value for m in at.markdown)
    fine(at.button(key="toggle_s1").click().run())
    fine(at.button(key="down_s1").click().run())
    assert [s["id"] for s in steps(ws, "clean")] == ["s2", "s1"]
    fine(at.button(key="twin_s1").click().run())
    assert [s["id"] for s in steps(ws, "clean")] == ["s2", "s1", "s3"]
    at.text_input(key="note_s3").set_value("why *twice*?").run()
    assert steps(ws, "clean")[2]["note"] == "why *twice*?"
    assert any("why \\*twice\\*?" in c.value for c in fine(at).caption)
    fine(at.button(key="delete_s3").click().run())
    fine(at.button(key="upto_s2").click().run())
    assert any("after step 1" in c.value for c in at.caption)
    assert [e.what for e in ws.drafts.history("clean")][:2] == ["Delete step 3", "Note on step 3"]


def test_editing_a_step_keeps_its_place_and_id(ws):
    start(
        ws,
        "clean",
        write(ws, "people", PEOPLE),
        ("missing.fill_statistic", {"columns": ["age"]}),
        ("number.negate", {"columns": ["age"]}),
    )
    at = opened(recipe="clean")
    fine(at.button(key="edit_step_s1").click().run())
    fine(at.selectbox(key="f1_statistic").set_value("mean").run())
    assert at.button(key="apply").label == "Save step"
    fine(at.button(key="apply").click().run())
    found = steps(ws, "clean")
    assert [s["id"] for s in found] == ["s1", "s2"] and found[0]["settings"]["statistic"] == "mean"


def test_a_broken_step_shows_our_sentence_and_the_table_before_it(ws):
    start(
        ws,
        "clean",
        write(ws, "people", PEOPLE),
        ("number.negate", {"columns": ["age"]}),
        ("columns.drop", {"columns": ["no"]}),
        ("text.trim", {"columns": ["name"]}),
    )
    at = opened(recipe="clean")
    assert any("column 'no' is not in the table" in c.value.replace("\\", "") for c in at.caption)
    assert len(at.get("bidi_component")) == 1
    fine(at.button(key="toggle_s2").click().run())
    assert not any("is not in the table" in c.value for c in at.caption)


def test_an_unknown_step_is_kept_and_named(ws):
    ref = write(ws, "people", PEOPLE)
    content = Recipe(name="clean").dump() | {"sources": {"main": ref}}
    ws.drafts.start(
        content
        | {
            "steps": [
                {"id": "s1", "transform": "from.the_future", "version": 1, "enabled": True, "note": "", "settings": {}}
            ]
        }
    )
    at = opened(recipe="clean")
    assert any("from.the_future" in m.value.replace("\\", "") for m in at.markdown)
    fine(at.button(key="edit_step_s1").click().run())
    assert any("There is no transform called" in e.value for e in at.error)


def test_run_keeps_the_result_as_a_dataset(ws):
    start(ws, "clean", write(ws, "people", PEOPLE), ("missing.fill_statistic", {"columns": ["age"]}))
    at = opened(recipe="clean")
    fine(at.button(key="run_go").click().run())
    until = time.monotonic() + 60
    while not at.success:
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.1)
        fine(at.run())
    assert "clean@1" in at.success[0].value.replace("\\", "")
    assert ws.datasets.get("clean").rows == 3
    assert ws.recipes.get("clean")["steps"][0]["transform"] == "missing.fill_statistic"


@pytest.mark.parametrize("kind", ["pandas", "sql", "ibis", "notebook", "sklearn"])
def test_export_shows_the_code(ws, kind):
    start(
        ws, "clean", write(ws, "people", PEOPLE), ("missing.fill_statistic", {"columns": ["age"], "statistic": "mean"})
    )
    at = opened(recipe="clean")
    fine(at.radio(key="export_kind").set_value(kind).run())
    assert not at.error and any("20.0" in c.value for c in at.code)


# -- every transform's form


@pytest.fixture(scope="module")
def shared_ws(tmp_path_factory):
    """One workspace and one session for all forms: opening them takes longer than drawing a form."""
    root = tmp_path_factory.mktemp("forms") / "ws"
    patch = pytest.MonkeyPatch()
    patch.setenv("TILTH_WORKSPACE", str(root))
    clear()
    ws = Workspace.open(root)
    at = AppTest.from_file(str(ROOT / "pages" / "prepare.py"), default_timeout=60)
    at.session_state[KEY] = SessionState()
    yield ws, fine(at.run())
    ws.close()
    clear()
    patch.undo()


@pytest.mark.parametrize("cls", catalog.all_transforms(), ids=lambda c: c.name)
def test_the_form_of_every_transform_takes_its_example(shared_ws, cls):
    (ws, at), example, name = shared_ws, cls.examples[0], cls.name.replace("_", " ")
    ref = write(ws, name, example.train or example.before, example.types)
    for other, columns in example.others.items():
        write(ws, other, columns, example.types)
    start(ws, name, ref)
    remembered = at.session_state[KEY]
    remembered.recipe = name
    remembered.extra["pending_step"] = {"transform": cls.name, "settings": {}}
    fine(at.run())
    assert not at.error, [e.value for e in at.error]
    assert at.subheader[0].value == cls.label
    remembered.extra["pending_step"] = {"transform": cls.name, "settings": dict(example.settings)}
    fine(at.run())
    assert not at.error and not at.info, [e.value for e in (*at.error, *at.info)]
    assert not at.button(key="apply").disabled
    fine(at.button(key="apply").click().run())
    assert not at.error, [e.value for e in at.error]
    [step] = steps(ws, name)
    assert step["transform"] == cls.name
    assert cls.from_settings(step["settings"]) == cls.from_settings(example.settings)
    ws.drafts.delete(name)
    for dataset in (name, *example.others):
        ws.datasets.delete(dataset)
