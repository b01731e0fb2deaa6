"""The tabs of a labelling project, without a browser."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from labeling import annotations, autolabel, collections, gold, items, workforce
from labeling.pictures import encode_picture
from labeling.templates import create_project
from labeling.workflow import set_workflow, workflow_of
from shell import label_data, widgets

TABS = [
    "Items",
    "Dashboard",
    "Review",
    "Gold",
    "People",
    "Auto-label",
    "Find",
    "Releases",
    "Import and export",
    "Settings",
]
DAY = {"regions": [], "classes": ["day"]}


@pytest.fixture
def ws(tmp_workspace):
    """A workspace with the project "things": a.png, b.png, c.png; two answers to a.png that wait for a review."""
    create_project(
        tmp_workspace, "things", "image-classification", image_classes=["day", "night"], people=2, review_rate=1
    )
    pictures = [np.random.default_rng(n).integers(0, 255, (48, 64, 3), dtype="uint8") for n in range(3)]
    named = [(f"{name}.png", encode_picture(p, ".png")) for name, p in zip("abc", pictures, strict=True)]
    collections.add_pictures(tmp_workspace, "things", named)
    first = collections.list_images(tmp_workspace, "things")[0]
    for who in ("anna", "bob"):
        workforce.take_item(tmp_workspace, first.id, who)
        annotations.save(tmp_workspace, first.id, DAY, annotator=who, client="t", seq=1)
        workforce.finish(tmp_workspace, first.id, who, active_seconds=60)
    return tmp_workspace


@pytest.fixture
def ids(ws):
    return [image.id for image in collections.list_images(ws, "things")]


@pytest.fixture
def at(ws, monkeypatch):
    """Open a tab of "things" as rita."""
    monkeypatch.setenv("TILTH_USER", "rita")
    widgets._open.clear()

    def opened(tab: str, collection: str = "things"):
        page = AppTest.from_file("../../pages/label.py", default_timeout=30)
        page.query_params.update({"view": "collection", "collection": collection})
        page.session_state["label_tabs"] = tab
        page.run()
        assert not page.exception and not page.error
        return page

    yield opened
    widgets._open.clear()


def labelled(page, kind: str, label: str):
    (found,) = [w for w in page.get(kind) if w.label == label]
    return found


def metrics(page) -> dict:
    return {m.label: m.value for m in page.metric}


def words(page) -> str:
    return "\n".join(
        str(e.value) for kind in ("markdown", "caption", "info", "success", "warning") for e in page.get(kind)
    )


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens_for_an_empty_project_too(at, ws, tab):
    create_project(ws, "nothing", "row-verification")
    at(tab, "nothing")


def test_items_are_found_by_state_and_name(at, ws, ids):
    page = at("Items")
    assert [b.key for b in page.button if (b.key or "").startswith("image_")] == [f"image_{i}" for i in ids]
    labelled(page, "button_group", "Show").select("review").run()
    assert [b.key for b in page.button if (b.key or "").startswith("image_")] == [f"image_{ids[0]}"]
    page.text_input(key="items_words").input("c.png").run()
    assert "Nothing here has this name and state" in words(page)


def test_uploads_pass_through_a_file_and_are_redacted_and_offered_to_a_model(at, ws):
    made = create_project(ws, "street", "image-classification", redact=True, auto_label=True)
    inside = io.BytesIO()
    picture = np.zeros((40, 60, 3), "uint8")
    with zipfile.ZipFile(inside, "w") as archive:
        archive.writestr("deep/b.png", encode_picture(picture + 9, ".png"))
    files = [("a.png", encode_picture(picture, ".png")), ("more.zip", inside.getvalue())]
    at("Items", "street")  # runs need a workspace that is open
    work = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_data, "start_run", lambda ws, purpose, name, title, do: work.append(do))
        label_data.start_adding(ws, made, {"kind": "upload", "item": "image", "files": files})
    run = ws.runs.start("images", "test", work[0])
    outcome = ws.runs.wait(run.id).outcome
    assert (outcome["added"], outcome["redacted"], outcome["noun"]) == (2, 2, "images")
    assert sorted(i.file_name for i in collections.list_images(ws, "street")) == ["a.png", "deep/b.png"]
    assert "Auto-labeling waits:" in outcome["problems"][0]  # two items are too few for a promise
    assert [f for f in ws.root.iterdir() if f.name.startswith("tmp")] == []


def test_texts_are_listed_with_their_beginning(at, ws):
    create_project(ws, "letters", "sentiment")
    items.add_items(ws, "letters", "text", [("one", {"text": "Lovely *service*,\n\n thank you"})])
    assert "Lovely \\*service\\*, thank you" in words(at("Items", "letters"))


def test_the_dashboard_counts_answers_and_shows_who_waits(at, ws, ids):
    workforce.take_item(ws, ids[2], "bob")
    workforce.finish(ws, ids[2], "bob", "skipped", "Bad quality")
    workforce.comment(ws, ids[1], "anna", "Is this day?")
    page = at("Dashboard")
    found = metrics(page)
    assert (found["Answers left"], found["Work left"], found["Waiting for review"]) == ("3", "3 min", "1")  # 3 × 60 s
    assert found["Done in"] == "1 day"  # three were finished today, three are left
    assert "Same classes" not in found  # compared only when it is asked for
    page.session_state["board_agreement"] = True
    assert metrics(page.run())["Same classes"] == "100%"
    assert "anna\\: Is this day?" in words(page)
    page.button(key="do_comments_0").click().run()
    assert workforce.comments(ws, ids[1])[0]["resolved"]
    labelled(page, "button_group", "Waiting").select("skips").run()
    assert "bob\\: Bad quality" in words(page)


def test_a_reviewer_approves_many_at_once_and_nobody_their_own(at, ws, ids):
    page = at("Review")
    assert "2 answers wait for rita" in words(page)
    page.button(key="review_approve").click().run()
    assert collections.get_image(ws, ids[0]).status == "done"
    assert [r["verdict"] for r in workforce.reviews(ws, ids[0])] == ["approved", "approved"]
    assert "No answer waits for rita" in words(page)


def test_gold_is_made_from_an_answer_and_from_agreement(at, ws, ids):
    page = at("Gold")
    labelled(page, "selectbox", "Whose answer").set_value("bob").run()
    chosen = labelled(page, "multiselect", "Items")
    assert chosen.options == ["a.png"]
    chosen.set_value([collections.get_image(ws, ids[0])]).run()
    labelled(page, "toggle", "For the exam").set_value(True).run()
    page.button(key="gold_make").click().run()
    assert gold.gold_documents(ws, "things", exam=True) == {ids[0]: DAY}
    assert metrics(page)["Exam items"] == "1"
    assert "the exam is off" in words(page)
    gold.drop_gold(ws, ids[0])
    page = at("Gold")
    labelled(page, "button_group", "From").select("What people agree on").run()
    page.button(key="gold_agreed").click().run()
    assert list(gold.gold_documents(ws, "things", exam=False)) == [ids[0]]


def test_an_exam_is_opened_again(at, ws, ids):
    set_workflow(ws, "things", exam={"items": 1, "pass_mark": 0.8})
    gold.set_gold(ws, ids[1], {"regions": [], "classes": ["night"]}, exam=True)
    workforce.next_item(ws, "things", "cleo")
    annotations.save(ws, ids[1], DAY, annotator="cleo", client="t", seq=1)
    workforce.finish(ws, ids[1], "cleo")
    page = at("Gold")
    assert "cleo: 1 of 1 answered, 0% right, :red[not passed]" in words(page)
    page.button(key="confirm_exam_0").click().run()
    assert workforce.next_item(ws, "things", "cleo").purpose == "exam"


def test_teams_are_made_and_given_the_project(at, ws):
    page = at("People")
    labelled(page, "text_input", "Name of the team").input("night shift").run()
    labelled(page, "multiselect", "Members").set_value(["anna"]).run()
    page.button(key="team_make").click().run()
    assert workforce.teams(ws) == {"night shift": ["anna"]}
    labelled(page, "selectbox", "Team").set_value("night shift").run()
    assert workflow_of(collections.get_collection(ws, "things")).team == "night shift"
    assert "Not in the team any more, their answers stay: bob" in words(page)
    page = at("Items")
    page.button(key="label_start").click().run()
    assert "rita is not in the team 'night shift'" in page.error[0].value


def test_auto_labeling_says_what_is_missing_and_starts(at, ws):
    page = at("Auto-label")
    page.button(key="auto_start").click().run()
    assert page.error and autolabel.status(ws, "things") is None  # three items are too few for a promise
    create_project(ws, "letters", "sentiment")
    texts = [(f"t{n}", {"text": f"letter number {n}"}) for n in range(120)]
    items.add_items(ws, "letters", "text", texts)
    page = at("Auto-label", "letters")
    page.button(key="auto_start").click().run()
    assert not page.error
    waiting = autolabel.status(ws, "letters")["waiting"]
    assert waiting > 0 and f"**{waiting} items wait for people.**" in words(page)


def test_settings_are_changed_and_stay(at, ws):
    page = at("Settings")
    labelled(page, "text_area", "Classes for whole images").input("day\nnight\ndusk").run()
    page.button(key="settings_classes").click().run()
    assert [c["name"] for c in collections.get_collection(ws, "things").image_classes] == ["day", "night", "dusk"]
    labelled(page, "text_area", "Classes for whole images").input("night\ndusk").run()
    page.button(key="settings_classes").click().run()
    assert "day cannot be taken away" in page.error[0].value
    labelled(page, "button_group", "Settings of").select("Task").run()
    labelled(page, "text_input", "Question about the whole item").input("Which part of the day?").run()
    page.button(key="settings_save").click().run()
    labelled(page, "button_group", "Settings of").select("People and checks").run()
    labelled(page, "number_input", "People per item").set_value(5).run()
    labelled(page, "slider", "Looked at by a reviewer").set_value(25).run()
    page.button(key="settings_save").click().run()
    assert not page.exception and not page.error
    flow = workflow_of(collections.get_collection(ws, "things"))
    assert (flow.question, flow.people, flow.review_rate) == ("Which part of the day?", 5, 0.25)
    assert (flow.template, flow.single_choice, flow.exam) == ("image-classification", True, None)  # the others stay


def test_a_project_is_deleted_after_a_question(at, ws):
    page = at("Settings")
    labelled(page, "button_group", "Settings of").select("Delete").run()
    page.button(key="confirm_drop").click().run()
    assert not page.exception and collections.list_collections(ws) == []


def test_labels_are_kept_as_a_dataset(at, ws):
    page = at("Import and export")
    labelled(page, "button", "Keep as a dataset").click().run()
    assert not page.error and ws.datasets.get("things labels").rows == 1
