"""The tabs Find and Releases of a labelling project, without a browser."""

from __future__ import annotations

import base64
import re

import pytest
from streamlit.testing.v1 import AppTest

from labeling import annotations, collections, gold, releases
from labeling.pictures import encode_picture
from shell import widgets


def tab(function: str):
    """Draw one tab of the collection "things"."""
    from labeling.collections import get_collection
    from shell import label_queries
    from shell.widgets import workspace

    ws = workspace()
    getattr(label_queries, function)(ws, get_collection(ws, "things"))


@pytest.fixture
def ws(tmp_workspace):
    import numpy as np

    widgets._open.clear()
    collections.create_collection(tmp_workspace, "things", ["car", "<b>person</b>"], ["day"])
    drawn = [np.random.default_rng(n).integers(0, 255, (48, 64, 3), dtype="uint8") for n in range(3)]
    collections.add_pictures(
        tmp_workspace, "things", [(f"{n}.png", encode_picture(p, ".png")) for n, p in zip("abc", drawn, strict=True)]
    )
    for place, labels in enumerate((["car", "car"], ["<b>person</b>"])):
        regions = [
            {"id": f"r{n}", "shape": "box", "label": label, "x": 20 * n, "y": 4, "w": 10, "h": 8}
            for n, label in enumerate(labels)
        ]
        image = collections.list_images(tmp_workspace, "things")[place]
        annotations.save(
            tmp_workspace, image.id, {"regions": regions, "classes": []}, annotator="anna", client="t", seq=1
        )
    yield tmp_workspace
    widgets._open.clear()


def page(function: str) -> AppTest:
    made = AppTest.from_function(tab, args=(function,), default_timeout=30).run()
    assert not made.exception
    return made


def found(made: AppTest) -> set[str]:
    return {b.label for b in made.button if (b.key or "").startswith("found_") and (b.key or "")[6:].isdigit()}


def test_conditions_of_the_form_are_added_and_taken_away(ws):
    made = page("show_queries")
    made.number_input(key="find_number").set_value(2).run()
    made.button(key="find_add").click().run()
    made.button(key="find_go").click().run()
    assert not made.exception and found(made) == {"a.png"}
    made.button(key="find_drop_0").click().run()
    assert made.button(key="find_go").disabled


def test_words_and_sql_and_what_is_wrong_with_them(ws):
    made = page("show_queries")
    made.segmented_control(key="find_way").set_value("In words").run()
    made.text_input(key="find_words").set_value("not any car").run()
    made.button(key="find_go").click().run()
    assert found(made) == {"b.png", "c.png"}
    made.text_input(key="find_words").set_value("any car or").run()
    made.button(key="find_go").click().run()
    assert "Expected a label" in made.warning[0].value and not found(made)
    made.segmented_control(key="find_way").set_value("In SQL").run()
    made.text_area(key="find_sql").set_value("SELECT item FROM regions GROUP BY item HAVING count(*) = 1").run()
    made.button(key="find_go").click().run()
    assert not made.exception and found(made) == {"b.png"}
    (shown,) = [h.proto.body for h in made.get("html") if "data:image/svg" in h.proto.body]
    assert 'alt="1 &lt;b&gt;person&lt;/b&gt;"' in shown  # a label is text, whatever it looks like
    drawing = base64.b64decode(re.search(r"base64,([^\"]+)", shown)[1]).decode()
    assert 'viewBox="0 0 64 48"' in drawing and 'points="0,4 10,4 10,12 0,12"' in drawing


def test_what_was_found_becomes_gold_and_a_project(ws):
    made = page("show_queries")
    made.segmented_control(key="find_way").set_value("In words").run()
    made.text_input(key="find_words").set_value("any car").run()
    made.button(key="find_go").click().run()
    made.text_input(key="found_name").set_value("cars").run()
    made.button(key="found_copy").click().run()
    assert collections.get_collection(ws, "cars").images == 1
    made.button(key="found_gold").click().run()
    assert not made.exception and len(gold.gold_documents(ws, "things")) == 1
    made.button(key="found_first").click().run()
    assert "1 items come first now" in made.success[0].value


def test_figures_alone_and_beside_another_project(ws):
    made = page("show_queries")
    made.segmented_control(key="find_view").set_value("Figures").run()
    assert not made.exception and [m.value for m in made.metric] == ["3", "2", "0", "1.5"]
    collections.create_collection(ws, "other", ["car"])
    made = page("show_queries")
    made.segmented_control(key="find_view").set_value("Figures").run()
    made.selectbox(key="figures_beside").set_value("other").run()
    assert not made.exception and len(made.metric) == 8


def test_suspects_are_looked_for_in_a_run(ws):
    made = page("show_queries")
    made.segmented_control(key="find_view").set_value("Suspected errors").run()
    made.button(key="suspects_go").click().run()
    for run in ws.runs.list():
        ws.runs.wait(run.id)
    made.run()
    assert not made.exception and "too little to compare" in made.success[0].value


def test_releases_are_made_compared_and_taken_away(ws):
    made = page("show_releases")
    assert "never changes" in made.markdown[0].value
    made.text_input(key="release_note").set_value("one").run()
    made.button(key="release_make").click().run()
    assert not made.exception and [r.note for r in releases.releases(ws, "things")] == ["one"]
    made.button(key="release_make").click().run()
    assert "Nothing has changed since release 1" in made.info[0].value
    made.button(key="release_diff").click().run()
    assert "No label differs" in made.success[0].value
    image = collections.list_images(ws, "things")[0]
    annotations.save(ws, image.id, {"regions": [], "classes": ["day"]}, annotator="anna", client="t", seq=2)
    made.button(key="release_diff").click().run()
    assert any("0 items added, 0 removed, 1 changed" in m.value for m in made.markdown)
    made.button(key="release_export").click().run()
    assert not made.exception and not made.error
    assert '--from "things release by item@1"' in made.code[0].value


def test_an_empty_project_teaches(tmp_workspace):
    widgets._open.clear()
    collections.create_collection(tmp_workspace, "things", ["car"])
    assert "Nothing to find yet" in page("show_queries").markdown[0].value
    made = page("show_releases")
    made.button(key="release_make").click().run()
    assert "Nobody has labelled an item" in made.error[0].value
    widgets._open.clear()
