"""The Label page without a browser."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from labeling import collections
from shell import widgets

PAGE = "pages/label.py"


@pytest.fixture
def page(tmp_workspace):
    widgets._open.clear()
    yield AppTest.from_file(f"../../{PAGE}", default_timeout=30)
    widgets._open.clear()


def test_an_empty_workspace_teaches_and_makes_a_collection(page, tmp_workspace, tmp_path, make_picture):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "one.png").write_bytes(make_picture(1))
    page.run()
    assert not page.exception
    page.button(key="action_empty_label").click().run()
    page.text_input(key="new_name").input("street")
    page.text_input(key="new_classes").input("car, person")
    page.text_input(key="new_path").input(str(folder))
    page.button(key="new_make").click().run()
    assert not page.exception and not page.error
    for run in tmp_workspace.runs.list():
        tmp_workspace.runs.wait(run.id)
    assert collections.get_collection(tmp_workspace, "street").images == 1
    page.run()
    assert not page.exception
    assert "1 images added" in page.success[0].value


def test_a_missing_folder_is_one_sentence(page, tmp_workspace):
    collections.create_collection(tmp_workspace, "street")
    page.query_params.update({"view": "collection", "collection": "street"})
    page.run()
    page.text_input(key="more_path").input("/no/such/folder")
    page.button(key="more_add").click().run()
    assert "There is no file or folder /no/such/folder" in page.error[0].value


@pytest.mark.parametrize("view", ["collection", "annotate", "review"])
def test_views_of_a_collection_open(page, ws, view):
    image = collections.list_images(ws, "things")[1]
    page.query_params.update({"view": view, "collection": "things", "image": str(image.id)})
    page.run()
    assert not page.exception and not page.error
    if view == "annotate":
        (mounted,) = page.get("bidi_component")
        assert f'"title":"{image.file_name}"' in mounted.proto.json.replace(" ", "")


def test_an_unknown_collection_is_one_sentence(page, tmp_workspace):
    page.query_params.update({"view": "collection", "collection": "gone"})
    page.run()
    assert "There is no collection called 'gone'" in page.error[0].value
