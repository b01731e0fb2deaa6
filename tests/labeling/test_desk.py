"""What the annotator's route hands out and takes: never more than the person may see, nothing written twice."""

from __future__ import annotations

import orjson
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling import annotations, collections, gold, workforce
from labeling.desk import LabelDesk, RedactionDesk, ReviewDesk, call
from labeling.workflow import set_workflow
from shell.routes import desk as route
from transforms.errors import Conflict, InputError, NotFound

BOX = {"id": "r1", "shape": "box", "label": "car", "x": 1, "y": 2, "w": 10, "h": 10}


@pytest.fixture
def anna(ws):
    return LabelDesk(ws, collections.get_collection(ws, "things").id, "anna")


def answer(desk, item, *regions, seq=1, classes=()):
    body = {"key": item["key"], "client": "c", "seq": seq, "active": 2.0,
            "document": {"regions": list(regions), "classes": list(classes)}}  # fmt: skip
    return call(desk, "answer", body)


def test_items_come_one_after_the_other_until_all_are_done(ws, ids, anna):
    item = anna.item()
    for image in ids:
        assert item["id"] == image and item["document"] == {"regions": [], "classes": []}
        assert answer(anna, item, BOX) == {"revision": 1}
        moved = call(anna, "go", {"key": item["key"], "to": "done", "active": 1.5})
        item = moved.get("item")
    assert item is None and moved["finished"]["title"] == "All done"
    assert workforce.find_assignment(ws, ids[0], "anna").active_seconds == 3.5
    orjson.dumps(anna.item(ids[0]))  # what the route sends


def test_the_same_message_twice_writes_once(ws, ids, anna):
    item = anna.item()
    assert answer(anna, item, BOX, seq=5) == answer(anna, item, seq=5) == answer(anna, item, seq=4) == {"revision": 1}


def test_nobody_answers_for_somebody_else_or_another_collection(ws, ids, anna):
    collections.create_collection(ws, "other")
    stranger = LabelDesk(ws, collections.get_collection(ws, "other").id, "anna")
    with pytest.raises(InputError, match="belongs to another collection"):
        answer(stranger, {"key": f"a/{ids[0]}/anna"}, BOX)
    with pytest.raises(InputError, match="belongs to another person"):
        answer(anna, {"key": f"a/{ids[0]}/bob"}, BOX)
    with pytest.raises(NotFound, match="cannot '__init__'"):
        call(anna, "__init__", {"key": f"a/{ids[0]}/anna"})
    with pytest.raises(InputError, match="names no item"):
        call(anna, "go", {"key": "a/x/anna", "to": "next"})


def test_an_item_in_other_hands_takes_no_second_answer(ws, ids, anna):
    bob = LabelDesk(ws, anna.collection_id, "bob")
    item = bob.item()
    anna.item(ids[0])  # looking is allowed
    with pytest.raises(Conflict, match="in the hands of another person"):
        answer(anna, {"key": f"a/{ids[0]}/anna"}, BOX)
    call(bob, "go", {"key": item["key"], "to": "next"})  # he leaves it without an answer
    assert answer(anna, {"key": f"a/{ids[0]}/anna"}, BOX) == {"revision": 1}


def test_gold_looks_like_any_other_item(ws, ids, anna):
    gold.set_gold(ws, ids[1], {"regions": [BOX], "classes": []})
    set_workflow(ws, "things", gold_rate=0.5, gold_feedback=True)
    for image in ids:
        annotations.save(ws, image, {"regions": [BOX], "classes": []}, annotator="m", client="m", seq=1, kind="model")
    item = anna.item()
    assert item["id"] == ids[1]
    assert "gold" not in str({k: v for k, v in item.items() if k != "workflow"}) and item["notice"] is None
    assert item["proposal"] is None  # a model's answer to it would give the known one away
    answer(anna, item, classes=["day"])
    assert "yours differs" in call(anna, "go", {"key": item["key"], "to": "done"})["notice"]["text"]
    assert anna.item(ids[0])["proposal"]["regions"][0]["score"] == 1


def test_blind_work_shows_nobody_elses_remarks(ws, ids, anna):
    workforce.comment(ws, ids[0], "bob", "I think it is a van")
    assert anna.item(ids[0])["comments"] == []
    call(anna, "comment", {"key": f"a/{ids[0]}/anna", "text": "unclear"})
    assert [c["text"] for c in anna.item(ids[0])["comments"]] == ["unclear"]
    set_workflow(ws, "things", blind=False)
    assert [c["by"] for c in anna.item(ids[0])["comments"]] == ["bob", "anna"]


def test_flags_and_copies_of_the_item_before(ws, ids, anna):
    key = f"a/{ids[0]}/anna"
    assert call(anna, "flag", {"key": key, "on": True}) == {"flagged": True}
    assert anna.item(ids[0])["flagged"] and anna.item(ids[0])["comments"] == []
    assert call(anna, "flag", {"key": key, "on": False}) == {"flagged": False}
    assert not anna.item(ids[0])["flagged"]
    answer(anna, anna.item(ids[0]), BOX)
    assert call(anna, "previous", {"key": f"a/{ids[1]}/anna"})["document"]["regions"] == [BOX]
    assert call(anna, "previous", {"key": key})["document"] is None


def test_a_reviewer_corrects_approves_and_sends_back(ws, ids, anna):
    set_workflow(ws, "things", review_rate=1)
    for image in ids[:2]:
        item = anna.item(image)
        answer(anna, item, BOX)
        call(anna, "go", {"key": item["key"], "to": "done"})
    assert ReviewDesk(ws, anna.collection_id, "anna").item() is None  # nobody reviews their own
    rita = ReviewDesk(ws, anna.collection_id, "rita")
    item = rita.item()
    assert (item["id"], item["title"], item["count"]) == (ids[0], "a.png by anna", 2)
    answer(rita, item, {**BOX, "label": "person"})
    item = call(rita, "go", {"key": item["key"], "to": "done"})["item"]
    assert annotations.current(ws, ids[0], "anna").document["regions"][0]["label"] == "person"
    assert item["id"] == ids[1]
    done = call(rita, "go", {"key": item["key"], "to": "return", "reason": "Wrong class", "comment": "a person"})
    assert done["finished"]["title"] == "All reviewed"
    back = anna.item()
    assert back["id"] == ids[1] and back["notice"]["text"] == "Sent back: Wrong class – a person"


def test_originals_stay_away_from_those_who_may_not_see_them(ws, ids):
    sheltered = LabelDesk(ws, collections.get_collection(ws, "things").id, "anna", originals=False)
    item = sheltered.item(ids[0])
    assert item["image"] is None and [s["thumb"] for s in item["strip"]] == [None] * 3 and item["prefetch"] == []
    with pytest.raises(NotFound):
        call(sheltered, "assist", {"key": item["key"], "kind": "flood", "x": 1, "y": 1})
    assert RedactionDesk(ws, sheltered.collection_id, "anna", originals=False).item() is None


def test_help_with_drawing_goes_by_the_picture(ws, ids, anna):
    item = anna.item(ids[0])
    found = call(anna, "assist", {"key": item["key"], "kind": "flood", "x": 5, "y": 5, "tolerance": 255, "mask": True})
    assert found["region"]["shape"] == "mask" and (found["region"]["w"], found["region"]["h"]) == (64, 48)
    with pytest.raises(InputError, match="x must be a number"):
        call(anna, "assist", {"key": item["key"], "kind": "flood", "x": "left", "y": 5})
    with pytest.raises(InputError, match="no help called 'magic'"):
        call(anna, "assist", {"key": item["key"], "kind": "magic"})


def test_the_route_knows_only_tokens_it_gave_and_bounds_bodies(ws, ids, anna):
    client = TestClient(Starlette(routes=route.routes))
    token = route.token(anna)
    assert route.token(LabelDesk(ws, anna.collection_id, "anna")) == token
    assert route.token(LabelDesk(ws, anna.collection_id, "bob")) != token
    assert client.get(f"/api/desk/{token}/item?image={ids[1]}").json()["id"] == ids[1]
    assert client.get("/api/desk/abc/item").status_code == 404
    body = {"key": f"a/{ids[0]}/anna", "client": "c", "seq": 1, "document": {"regions": [BOX], "classes": []}}
    assert client.put(f"/api/desk/{token}/answer", json=body).json() == {"revision": 1}
    assert client.put(f"/api/desk/{token}/answer", content=b"{").status_code == 400
    assert client.put(f"/api/desk/{token}/answer", content=b" " * (route.MAX_BODY + 1)).status_code == 413
    refused = client.put(f"/api/desk/{token}/answer", json=body | {"seq": 2, "document": {"regions": [{}]}})
    assert refused.status_code == 422 and refused.json()["error"]["message"] == "Region 1 has no label."


class Sure:
    """Finds a face in each picture; how sure it is depends on the picture."""

    name, kind = "sure", "face"

    def __init__(self, *scores):
        self.scores = list(scores)

    def detect(self, bgr):
        from labeling.redaction.regions import Region

        score = self.scores.pop(0)
        return [Region("face", 0, 0, 16, 12, score, self.name)] if score else []


def test_redactions_are_reviewed_the_least_certain_first_and_twice_by_two_people(ws, ids):
    set_workflow(ws, "things", redaction_looks=2)
    collections.redact_collection(ws, "things", detectors=[Sure(0.95, 0.0, 0.4)])
    a, b, c = ids
    place = collections.get_collection(ws, "things").id
    anna, bert = RedactionDesk(ws, place, "anna"), RedactionDesk(ws, place, "bert")
    item = anna.item()
    # a doubtful region, then a picture without any, then a certain one
    assert [i.id for i in anna.waiting()] == [c, b, a] and item["id"] == c and not item["own"]
    region = item["document"]["regions"][0]
    assert (region["score"], region["extra"]) == (0.4, {"detector": "sure"})
    moved = {"id": "r2", "shape": "box", "label": "plate", "x": 20, "y": 20, "w": 9, "h": 9}
    answer(anna, item, region, moved)
    kept = collections.get_image(ws, c).redaction
    assert [(r["detector"], r["score"]) for r in kept["regions"]] == [("sure", 0.4), ("person", 1.0)]
    assert kept["reviewed_by"] == ["anna"]
    assert call(anna, "go", {"key": item["key"], "to": "done"})["item"]["id"] == b
    assert [i.id for i in bert.waiting()] == [c, b, a]  # each has one look of each person
    with pytest.raises(Conflict, match="3 of 3 copies of 'things' were not reviewed by two people"):
        collections.purge_originals(ws, "things")
    for desk in (anna, bert):
        for image in ids:
            found = desk.item(image)
            answer(desk, found, *found["document"]["regions"], seq=9 if image == c else 1)
    assert not anna.waiting() and not bert.waiting()
    assert collections.get_image(ws, c).redaction["reviewed_by"] == ["anna", "bert"]
    assert call(anna, "go", {"key": item["key"], "to": "done"})["finished"]["title"] == "Nothing left to review"
    assert collections.purge_originals(ws, "things") == 3
