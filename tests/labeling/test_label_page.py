"""The Label page without a browser: list, wizard, views; its tabs are in tests/pages/test_label.py."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from labeling import collections
from labeling.workflow import workflow_of
from shell import widgets

PAGE = "pages/label.py"


@pytest.fixture
def page(tmp_workspace):
    widgets._open.clear()
    yield AppTest.from_file(f"../../{PAGE}", default_timeout=30)
    widgets._open.clear()


def labelled(page, kind: str, label: str):
    """Return the one widget of a kind with this label."""
    (found,) = [w for w in page.get(kind) if w.label == label]
    return found


def wait(ws) -> None:
    for run in ws.runs.list():
        ws.runs.wait(run.id)


def test_an_empty_workspace_teaches_and_the_wizard_makes_a_project(page, tmp_workspace, tmp_path, make_picture):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "one.png").write_bytes(make_picture(1))
    page.run()
    assert not page.exception
    page.button(key="action_empty_label").click().run()
    page.button(key="template_object-detection").click().run()
    assert page.button(key="wizard_next").disabled  # it has no name yet
    labelled(page, "text_input", "Name of the project").input("street").run()
    labelled(page, "text_input", "Path of a folder, picture, archive or video").input(str(folder)).run()
    assert "**1 image**" in page.info[0].value and "one.png" in page.info[0].value
    page.button(key="wizard_next").click().run()
    labelled(page, "text_area", "Classes for regions").input("lorry\nbus").run()
    page.button(key="wizard_next").click().run()
    labelled(page, "number_input", "People per item").set_value(3).run()
    labelled(page, "toggle", "Hide faces and licence plates first").set_value(False).run()
    page.button(key="wizard_make").click().run()
    assert not page.exception and not page.error
    wait(tmp_workspace)
    made = collections.get_collection(tmp_workspace, "street")
    assert (made.images, [c["name"] for c in made.classes]) == (1, ["lorry", "bus"])
    flow = workflow_of(made)
    assert (flow.template, flow.people, flow.shapes, flow.redact) == ("object-detection", 3, ("box",), False)
    page.run()
    assert not page.exception
    assert "1 images added" in page.success[0].value


def test_what_was_asked_stays_when_going_back(page, tmp_workspace):
    page.query_params["view"] = "new"
    page.run()
    page.button(key="template_sentiment").click().run()
    labelled(page, "text_input", "Name of the project").input("letters").run()
    page.button(key="wizard_next").click().run()
    labelled(page, "text_area", "Instructions").input("Read it twice.").run()
    page.button(key="wizard_back").click().run()
    assert labelled(page, "text_input", "Name of the project").value == "letters"
    page.button(key="wizard_make").click().run()  # with the defaults from here on
    assert not page.exception and not page.error
    flow = workflow_of(collections.get_collection(tmp_workspace, "letters"))
    assert (flow.item, flow.instructions, flow.people, flow.single_choice) == ("text", "Read it twice.", 3, True)


def test_a_second_project_begins_empty_and_a_taken_name_is_one_sentence(page, ws):
    page.query_params["view"] = "new"
    page.run()
    page.button(key="template_counting").click().run()
    assert labelled(page, "text_input", "Name of the project").value == ""
    labelled(page, "text_input", "Name of the project").input("things").run()
    page.button(key="wizard_make").click().run()
    assert "There is a collection called 'things' already" in page.error[0].value
    labelled(page, "text_input", "Name of the project").input("other").run()
    labelled(page, "text_input", "Path of a folder, picture, archive or video").input("/no/such/folder").run()
    page.button(key="wizard_make").click().run()
    assert "There is no file or folder /no/such/folder" in page.error[0].value
    assert [c.name for c in collections.list_collections(ws)] == ["things"]  # nothing half-made


def test_a_labelling_interface_of_label_studio_becomes_a_project(page, tmp_workspace):
    page.query_params["view"] = "new"
    page.run()
    page.text_area(key="template_xml").input(
        '<View><Text name="t" value="$text"/><Labels name="l" toName="t"><Label value="drug" background="#ff0000"/></Labels>'
        '<Choices name="c" toName="t" choice="single"><Choice value="yes"/><Choice value="no"/></Choices>'
        '<Rating name="sure" toName="t"/><Magic name="m" toName="t"/></View>'
    ).run()
    page.button(key="template_take").click().run()
    assert "<magic\\>" in page.info[0].value.replace("\\<", "<") and "left out" in page.info[0].value
    labelled(page, "text_input", "Name of the project").input("drugs").run()
    page.button(key="wizard_make").click().run()
    assert not page.exception and not page.error
    made = collections.get_collection(tmp_workspace, "drugs")
    flow = workflow_of(made)
    assert (flow.item, flow.shapes, flow.single_choice) == ("text", ("span",), True)
    assert [(a.name, a.kind) for a in flow.answers] == [("sure", "rating")]
    assert (made.classes[0]["name"], made.classes[0]["color"]) == ("drug", "#ff0000")
    assert [c["name"] for c in made.image_classes] == ["yes", "no"]


def test_a_missing_folder_is_one_sentence(page, tmp_workspace):
    made = collections.create_collection(tmp_workspace, "street")
    page.query_params.update({"view": "collection", "collection": "street"})
    page.run()
    page.text_input(key=f"more{made.id}_path").input("/no/such/folder").run()
    page.button(key="more_add").click().run()
    assert "There is no file or folder /no/such/folder" in page.error[0].value


@pytest.mark.parametrize("view", ["list", "collection", "annotate", "review", "check"])
def test_views_of_a_collection_open(page, ws, view):
    image = collections.list_images(ws, "things")[1]
    page.query_params.update({"view": view, "collection": "things", "image": str(image.id)})
    page.run()
    assert not page.exception and not page.error
    if view == "annotate":
        (mounted,) = page.get("bidi_component")
        assert f'"title":"{image.file_name}"' in mounted.proto.json.replace(" ", "")


def test_the_name_that_was_chosen_stays_for_the_session(page, ws):
    image = collections.list_images(ws, "things")[0]
    page.query_params.update({"view": "annotate", "collection": "things", "image": str(image.id), "as": "dora"})
    page.run()
    assert page.selectbox(key="label_who").value == "dora"
    (mounted,) = page.get("bidi_component")
    assert f'"key":"a/{image.id}/dora"' in mounted.proto.json.replace(" ", "")
    assert page.query_params["as"] in ("dora", ["dora"])


def test_an_unknown_collection_is_one_sentence(page, tmp_workspace):
    page.query_params.update({"view": "collection", "collection": "gone"})
    page.run()
    assert "There is no collection called 'gone'" in page.error[0].value
