"""Templates, items that are no pictures, and the dashboard: a project from nothing to numbers."""

from __future__ import annotations

import pytest

from labeling import annotations, collections, gold, items, workforce
from labeling.dashboard import dashboard
from labeling.scoring import score, wilson
from labeling.templates import TEMPLATES, create_project
from labeling.workflow import set_workflow, workflow_of
from transforms.errors import InputError, NotFound

NIGHT = {"regions": [], "classes": ["night"]}
DAY = {"regions": [], "classes": ["day"]}


def test_every_template_makes_a_project_that_can_be_labelled(tmp_workspace):
    assert len(TEMPLATES) >= 30
    for template in TEMPLATES.values():
        made = create_project(tmp_workspace, template.label, template.name)
        flow = workflow_of(made)
        assert flow.template == template.name and flow.item == template.kind
        asks = bool(flow.shapes and made.classes) or bool(made.image_classes) or bool(flow.answers)
        assert asks, f"{template.name} asks for nothing"


def test_a_template_is_changed_as_wanted_or_nothing_is_made(tmp_workspace):
    made = create_project(tmp_workspace, "mine", "object-detection", classes=["tram"], people=3)
    assert [c["name"] for c in made.classes] == ["tram"] and workflow_of(made).people == 3
    with pytest.raises(NotFound, match="object-detecton"):
        create_project(tmp_workspace, "x", "object-detecton")
    with pytest.raises(InputError, match="people"):
        create_project(tmp_workspace, "x", "object-detection", people=1000)
    assert [c.name for c in collections.list_collections(tmp_workspace)] == ["mine"]


def test_rows_of_a_dataset_become_items(tmp_workspace, tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("id,title,body\n1,One,First text\n2,Two,\n3,Three,First text\n")
    create_project(tmp_workspace, "texts", "sentiment")
    added = items.add_dataset(tmp_workspace, "texts", str(file), columns=["body"])
    assert len(added.added) == 1 and len(added.duplicates) == 1  # an empty text is no item
    (item,) = collections.list_images(tmp_workspace, "texts")
    assert (item.kind, item.data, item.shown) == ("text", {"text": "First text"}, False)
    create_project(tmp_workspace, "pairs", "pair-match")
    items.add_dataset(tmp_workspace, "pairs", str(file), kind="pair", columns=["title", "body"])
    assert [i.data["left"] for i in collections.list_images(tmp_workspace, "pairs")] == ["One", "Two", "Three"]
    create_project(tmp_workspace, "rows", "row-verification")
    items.add_dataset(tmp_workspace, "rows", str(file), kind="row")
    assert collections.list_images(tmp_workspace, "rows")[1].data == {"row": {"id": 2, "title": "Two", "body": None}}
    with pytest.raises(InputError, match="has no column 'text'"):
        items.add_dataset(tmp_workspace, "texts", str(file), columns=["text"])
    with pytest.raises(InputError, match="made from 2 columns; 1 are named"):
        items.add_dataset(tmp_workspace, "pairs", str(file), kind="pair", columns=["body"])


def test_text_files_and_lines_become_items(tmp_workspace, tmp_path):
    (tmp_path / "a.txt").write_text("Hello")
    (tmp_path / "b.jsonl").write_text('{"text": "one"}\n{"source": "two"}\nnot json\n')
    (tmp_path / "c.txt").write_bytes(b"\xff\xfe\x00")
    create_project(tmp_workspace, "texts", "sentiment")
    added = items.add_texts(tmp_workspace, "texts", [tmp_path])
    assert added.added == ["a.txt", "b.jsonl:1", "b.jsonl:2"]
    assert len(added.problems) == 2 and "b.jsonl, line 3: it has no text." in added.problems


def test_the_dashboard_counts_work_time_gold_and_reviews(ws, ids):
    gold.set_gold(ws, ids[2], NIGHT)
    set_workflow(ws, "things", people=2, gold_rate=0.5, review_rate=1)
    for who, document in (("anna", NIGHT), ("bob", DAY)):
        for _ in range(3):
            given = workforce.next_item(ws, "things", who)
            annotations.save(ws, given.image_id, document, annotator=who, client=who, seq=given.image_id)
            workforce.finish(ws, given.image_id, who, active_seconds=30 if who == "anna" else 60)
    workforce.review(ws, ids[0], "anna", "approved", reviewer="rita")
    workforce.review(ws, ids[0], "bob", "returned", reviewer="rita", reason="Wrong class")
    workforce.comment(ws, ids[0], "anna", "Flagged")
    found = dashboard(ws, "things")
    assert found["answers"] == {"finished": 3, "wanted": 4} and found["gold"] == 1
    anna, bob = found["people"]
    assert (anna["done"], anna["active_minutes"], anna["median_seconds"], anna["per_hour"]) == (3, 1.5, 30, 120)
    assert (anna["accuracy"], bob["accuracy"], anna["first_pass"], bob["first_pass"]) == (1, 0, 1, 0)
    assert (anna["low"], anna["high"]) == tuple(round(v, 4) for v in wilson(1, 1))
    assert (bob["open"], bob["returned"]) == (1, 1)
    assert found["left_hours"] == round(45 / 3600, 2)  # one answer is missing; the people's medians are 30 and 60 s
    assert [d["answers"] for d in found["days"]] == [5]
    assert found["flags"] == [{"image_id": ids[0], "file": "a.png", "by": "anna"}]


def test_wilsons_interval_as_published():
    # Wilson's interval for 0 of 10 and 5 of 10 at 95 %: (0, 0.2775) and (0.2366, 0.7634), Brown, Cai and DasGupta 2001
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0, 0) == (0, 1)


def test_scores_of_answers_against_gold():
    box = {"id": "r1", "shape": "box", "label": "car", "x": 0, "y": 0, "w": 10, "h": 10}
    gold_one = {"regions": [box], "classes": ["day"], "fields": {"text": "Hello  World"}}
    assert score(gold_one, gold_one) == 1
    half = {"regions": [{**box, "x": 5}], "classes": ["day"], "fields": {"text": "hello world"}}
    assert score(half, gold_one) == pytest.approx(2 / 3)  # IoU 1/3: not the same thing
    assert score({"regions": [], "classes": []}, {"regions": [], "classes": []}) == 1
    span = {"id": "r1", "shape": "span", "label": "name", "start": 0, "end": 10}
    nearly = {"regions": [{**span, "end": 8}], "classes": []}
    assert score(nearly, {"regions": [span], "classes": []}) == 1
    assert score(nearly, {"regions": [span], "classes": []}, least_iou=0.9) == 0


def test_gold_is_made_from_what_several_people_agree_on(ws, ids):
    for who in ("anna", "bob"):
        for image in ids:
            document = NIGHT if image != ids[1] or who == "anna" else DAY
            annotations.save(ws, image, document, annotator=who, client=who, seq=image)
    assert gold.gold_from_label_set(ws, "things", share=1.0) == 2
    assert sorted(gold.gold_documents(ws, "things")) == [ids[0], ids[2]]
