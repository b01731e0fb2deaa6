"""Every tool of the annotator in a real browser, on items of every kind."""

from __future__ import annotations

import numpy as np
import pytest

from labeling import annotations, collections, items
from labeling.pictures import encode_picture
from labeling.workflow import set_workflow
from tests.e2e.test_annotator import ANNA, READY, Annotator, browser, page, pytestmark, server, ws  # noqa: F401

ALL = ("box", "polygon", "polyline", "point", "ellipse", "mask")


@pytest.fixture
def a(page, server, ws):  # noqa: F811
    set_workflow(
        ws, "shapes", shapes=ALL, relations=["part of"], region_text=True,
        attributes=[{"name": "occluded", "kind": "yes_no"}, {"name": "colour", "values": ["red", "blue"]}],
        answers=[{"name": "caption", "label": "What is it?"}],
    )  # fmt: skip
    return Annotator(page, server, ws, collections.list_images(ws, "shapes")[0].id)


def document(a) -> dict:
    a.saved()
    return annotations.current(a.ws, a.image, ANNA).document


def click(a, *points) -> None:
    for x, y in points:
        a.page.mouse.move(*a.at(x, y))
        a.page.mouse.click(*a.at(x, y))


def test_every_shape_is_drawn_and_edited(a):
    a.key("g")  # polygon
    click(a, (60, 60), (120, 60), (120, 110))
    a.key("Backspace")
    click(a, (120, 120), (60, 120))
    a.key("Enter")
    (polygon,) = document(a)["regions"]
    assert polygon["shape"] == "polygon"
    assert np.allclose(polygon["points"], [[60, 60], [120, 60], [120, 120], [60, 120]], atol=1.01)
    a.drag((120, 60), (150, 50))  # a corner
    a.drag((60, 90), (40, 90))  # the middle of an edge becomes a corner
    (polygon,) = document(a)["regions"]
    assert len(polygon["points"]) == 5
    assert any(np.allclose(p, [40, 90], atol=1.5) for p in polygon["points"])

    a.key("Escape")
    a.key("l")
    click(a, (200, 40), (260, 40), (300, 80))
    a.key("Enter")
    a.key("Escape")
    a.key("k")
    click(a, (250, 150))
    a.key("Escape")
    a.key("e")
    a.drag((180, 200), (240, 240))
    shapes = document(a)["regions"]
    assert [r["shape"] for r in shapes] == ["polygon", "polyline", "point", "ellipse"]
    ellipse = shapes[3]
    assert np.allclose([ellipse[k] for k in ("x", "y", "rx", "ry")], [210, 220, 30, 20], atol=1.01)
    a.key("]")
    a.key("}")
    a.page.wait_for_timeout(350)
    assert document(a)["regions"][3]["rotation"] == 16


def test_a_box_is_turned_by_its_handle(a):
    a.drag((100, 100), (200, 160))
    scale = a.page.locator(".picture").bounding_box()["width"] / 400
    a.drag((150, 100 - 26 / scale), (250, 130))  # the handle above it, to the right of the middle: a quarter turn
    (box,) = document(a)["regions"]
    assert box["rotation"] == pytest.approx(90, abs=1.5)
    assert [round(box[k]) for k in "xywh"] == [100, 100, 100, 60]


def test_a_mask_is_painted_extended_and_erased(a):
    a.key("m")
    a.drag((100, 100), (160, 100))
    (mask,) = document(a)["regions"]
    painted = sum(mask["rle"][1::2])
    assert mask["shape"] == "mask" and painted == pytest.approx(60 * 24 + np.pi * 12**2, rel=0.06)
    a.drag((160, 100), (160, 160))  # goes on with the chosen mask
    (mask,) = document(a)["regions"]
    more = sum(mask["rle"][1::2])
    assert more > painted * 1.5
    a.key("Shift+M")
    a.drag((100, 100), (130, 100))
    (mask,) = document(a)["regions"]
    assert sum(mask["rle"][1::2]) < more
    a.key("Control+z")
    (mask,) = document(a)["regions"]
    assert sum(mask["rle"][1::2]) == more


def test_helpers_cut_out_and_fill(a):
    a.key("q")
    a.drag((40, 50), (160, 150))  # the picture has a rectangle from (50, 60) to (150, 140)
    (mask,) = document(a)["regions"]
    assert [mask[k] for k in "xywh"] == pytest.approx([50, 60, 100, 80], abs=2)
    a.key("Delete")
    a.key("w")
    click(a, (100, 100))
    a.page.wait_for_timeout(100)
    a.page.locator(".row").first.wait_for()
    (mask,) = document(a)["regions"]
    assert [mask[k] for k in "xywh"] == [50, 60, 100, 80]
    a.key("Escape")
    a.key("o")
    click(a, (50, 140), (150, 140))
    a.page.wait_for_timeout(300)
    click(a, (100, 200))
    a.page.wait_for_timeout(300)
    a.key("Enter")
    assert [r["shape"] for r in document(a)["regions"]] == ["mask", "polygon"]


def test_text_attributes_relations_and_answers(a):
    page = a.page  # noqa: F811
    a.drag((60, 60), (120, 120))
    a.drag((200, 60), (280, 120))
    a.key("t")
    page.keyboard.type("AB 12")
    page.keyboard.press("Escape")
    page.get_by_label("occluded").check()
    page.locator(".details select").first.select_option("red")
    page.locator(".stage:visible").focus()
    a.key("j")
    click(a, (90, 90))
    page.get_by_label("What is it?").fill("a thing")
    page.wait_for_timeout(400)
    made = document(a)
    first, second = made["regions"]
    assert second["text"] == "AB 12" and second["attributes"] == {"occluded": True, "colour": "red"}
    assert made["relations"] == [{"from": second["id"], "to": first["id"], "label": "part of"}]
    assert made["fields"] == {"caption": "a thing"}


def test_proposals_are_decided_one_by_one(page, server, ws):  # noqa: F811
    image = collections.list_images(ws, "shapes")[0].id
    proposed = [
        {"id": f"m{n}", "shape": "box", "label": "car", "x": 40 * n, "y": 20, "w": 30, "h": 30, "score": score}
        for n, score in enumerate((0.9, 0.52, 0.7))
    ]
    annotations.save(
        ws, image, {"regions": proposed, "classes": ["day"]}, annotator="model: x", client="m", seq=1, kind="model"
    )
    a = Annotator(page, server, ws, image)
    assert page.locator("path.region.proposed").count() == 3
    a.key("a")  # the most doubtful comes first: m1
    assert [r["id"] for r in document(a)["regions"]] == ["m1"]
    a.key("x")  # then m2
    a.page.locator("path.region.proposed").first.wait_for()
    page.reload()
    a.ready()
    assert page.locator("path.region.proposed").count() == 1  # m2 stays rejected
    a.key("Shift+A")
    made = document(a)
    assert [r["id"] for r in made["regions"]] == ["m1", "m0"] and made["classes"] == ["day"]
    assert all("score" not in r for r in made["regions"])


def test_words_of_a_text_are_marked_by_mouse_and_by_keys(page, server, ws):  # noqa: F811
    collections.create_collection(ws, "news", ["person", "place"])
    items.add_items(ws, "news", "text", [("one", {"text": "Ada Lovelace 👩 met Babbage in London."})])
    set_workflow(ws, "news", item="text", shapes=["span"])
    image = collections.list_images(ws, "news")[0].id
    page.goto(f"{server.url}/?view=annotate&collection=news&image={image}", wait_until="domcontentloaded")
    page.wait_for_function(READY, timeout=30_000)
    page.locator('.annotator[data-state="ready"]').wait_for()
    page.locator(".stage:visible").focus()
    for key in ("ArrowRight", "Shift+ArrowRight", "1"):
        page.keyboard.press(key)
    page.locator(".piece", has_text="Babbage").dblclick()
    page.locator('.save[data-state="saved"]').wait_for()
    page.keyboard.press("2")
    page.locator('.save[data-state="saved"]').wait_for()
    page.wait_for_timeout(200)
    spans = annotations.current(ws, image, ANNA).document["regions"]
    said = [(s["label"], s["start"], s["end"], s["text"]) for s in spans]
    assert said[0] == ("person", 0, 12, "Ada Lovelace")
    assert said[1] == ("place", 19, 26, "Babbage")  # characters, not UTF-16 units: 👩 counts once


def test_choices_by_digit_for_rows_and_pairs(page, server, ws):  # noqa: F811
    collections.create_collection(ws, "rows", [], [{"name": "good", "hotkey": "1"}, {"name": "bad", "hotkey": "2"}])
    items.add_items(
        ws, "rows", "row", [("1", {"row": {"name": "<b>x</b>", "price": None}}), ("2", {"row": {"name": "y"}})]
    )
    set_workflow(ws, "rows", item="row", shapes=[], single_choice=True)
    first, second = (i.id for i in collections.list_images(ws, "rows"))
    page.goto(f"{server.url}/?view=annotate&collection=rows", wait_until="domcontentloaded")
    page.wait_for_function(READY, timeout=30_000)
    page.locator("dd", has_text="<b>x</b>").wait_for()
    page.locator(".stage:visible").focus()
    page.keyboard.press("Enter")
    page.locator(".banner", has_text="Still needed: one choice").wait_for()
    page.keyboard.press("1")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    page.locator(".place", has_text="2 of 2").wait_for()
    assert annotations.current(ws, first, ANNA).document["classes"] == ["bad"]
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.locator(".finished", has_text="All done").wait_for()
    page.get_by_role("button", name="To the project").click()
    page.get_by_role("button", name="All projects").wait_for()


def test_a_thousand_boxes_stay_fluid(page, server, ws):  # noqa: F811
    collections.create_collection(ws, "many", ["car", "person"])
    collections.add_pictures(ws, "many", [("m.png", encode_picture(np.full((1000, 1600, 3), 200, "uint8"), ".png"))])
    image = collections.list_images(ws, "many")[0].id
    boxes = [
        {"id": f"r{n}", "shape": "box", "label": "car", "x": 40 * (n % 40), "y": 38 * (n // 40), "w": 30, "h": 28}
        for n in range(1000)
    ]
    annotations.save(ws, image, {"regions": boxes, "classes": []}, annotator=ANNA, client="t", seq=1)
    page.goto(f"{server.url}/?view=annotate&collection=many&image={image}", wait_until="domcontentloaded")
    page.wait_for_function(READY, timeout=30_000)
    page.locator('.annotator[data-state="ready"]').wait_for()
    assert page.locator("path.region").count() == 1000
    place = page.locator(".picture").bounding_box()
    page.mouse.move(place["x"] + 12, place["y"] + 12)
    page.mouse.click(place["x"] + 12, place["y"] + 12)
    page.keyboard.press("2")
    page.locator('.save[data-state="saved"]').wait_for()
    page.wait_for_timeout(300)
    assert annotations.current(ws, image, ANNA).document["regions"][0]["label"] == "person"
    assert len(annotations.current(ws, image, ANNA).document["regions"]) == 1000
