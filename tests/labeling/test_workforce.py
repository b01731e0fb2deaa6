"""Leases, overlap, gold, exams, reviews: who gets which item, and when an item is done."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from labeling import annotations, collections, gold, workforce
from labeling.workflow import set_workflow
from transforms.errors import Conflict, InputError
from workspace.schema.base import now

NIGHT = {"regions": [], "classes": ["night"]}
DAY = {"regions": [], "classes": ["day"]}


def answer(ws, image: int, who: str, document=DAY) -> None:
    annotations.save(ws, image, document, annotator=who, client=f"t{who}", seq=1)


def status(ws, image: int) -> str:
    return collections.get_image(ws, image).status


def test_an_item_is_shown_to_as_many_people_as_the_workflow_wants(ws, ids):
    set_workflow(ws, "things", people=2)
    held = [workforce.next_item(ws, "things", who).image_id for who in ("anna", "bob", "cleo")]
    assert held == [ids[0], ids[0], ids[1]]
    assert workforce.next_item(ws, "things", "anna").image_id == ids[0]  # still hers
    for who in ("anna", "bob"):
        answer(ws, ids[0], who)
        workforce.finish(ws, ids[0], who)
    assert status(ws, ids[0]) == "done"
    assert workforce.next_item(ws, "things", "anna").image_id == ids[1]
    with pytest.raises(Conflict, match=r"in the hands of 2 people"):
        workforce.take_item(ws, ids[0], "dora")


def test_no_item_is_given_out_twice_to_people_who_ask_at_once(ws, ids):
    got, start = [], threading.Barrier(6)

    def ask(who):
        start.wait()
        found = workforce.next_item(ws, "things", who)
        got.append(found.image_id if found else None)

    threads = [threading.Thread(target=ask, args=(f"p{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got, key=str) == [*ids, None, None, None]


def test_an_abandoned_item_comes_back_and_its_late_answer_is_kept(ws, ids, monkeypatch):
    set_workflow(ws, "things", lease_minutes=10)
    assert workforce.next_item(ws, "things", "anna").image_id == ids[0]
    later = now() + timedelta(minutes=11)
    monkeypatch.setattr(workforce, "now", lambda: later)
    assert workforce.next_item(ws, "things", "bob").image_id == ids[0]
    answer(ws, ids[0], "anna", NIGHT)
    workforce.finish(ws, ids[0], "anna")
    assert annotations.current(ws, ids[0], "anna").document == NIGHT
    assert status(ws, ids[0]) == "done"


def test_work_puts_the_end_of_a_lease_off_and_counts_active_time(ws, ids, monkeypatch):
    set_workflow(ws, "things", lease_minutes=10)
    workforce.next_item(ws, "things", "anna")
    monkeypatch.setattr(workforce, "now", lambda: now() + timedelta(minutes=9))
    workforce.keep_lease(ws, ids[0], "anna", 12.5)
    monkeypatch.setattr(workforce, "now", lambda: now() + timedelta(minutes=15))
    assert workforce.next_item(ws, "things", "bob").image_id == ids[1]
    assert workforce.find_assignment(ws, ids[0], "anna").active_seconds == 12.5
    workforce.keep_lease(ws, ids[0], "anna", float("nan"))
    assert workforce.finish(ws, ids[0], "anna", active_seconds=2.5).active_seconds == 15


def test_skipping_keeps_the_reason_and_gives_the_item_to_others(ws, ids):
    set_workflow(ws, "things", people=2)
    for who in ("anna", "bob"):
        assert workforce.next_item(ws, "things", who).image_id == ids[0]
        skipped = workforce.finish(ws, ids[0], who, "skipped", "Unclear")
    assert (skipped.state, skipped.reason, status(ws, ids[0])) == ("skipped", "Unclear", "skipped")
    workforce.reopen(ws, ids[0])
    assert workforce.next_item(ws, "things", "anna").image_id == ids[0]
    with pytest.raises(InputError, match="cannot be 'eaten'"):
        workforce.finish(ws, ids[0], "anna", "eaten")


def test_a_team_labels_its_own_collections_only(ws, ids):
    workforce.set_team(ws, "night shift", ["anna", " bob ", ""])
    set_workflow(ws, "things", team="night shift")
    assert workforce.teams(ws) == {"night shift": ["anna", "bob"]}
    assert workforce.next_item(ws, "things", "bob").image_id == ids[0]
    with pytest.raises(Conflict, match="cleo is not in the team 'night shift'"):
        workforce.next_item(ws, "things", "cleo")


def test_gold_items_come_unseen_are_scored_and_are_no_open_work(ws, ids):
    gold.set_gold(ws, ids[1], NIGHT)
    set_workflow(ws, "things", gold_rate=0.5)  # doubled for newcomers: every item, while there is one
    got = workforce.next_item(ws, "things", "anna")
    assert (got.image_id, got.purpose) == (ids[1], "gold")
    answer(ws, ids[1], "anna", NIGHT)
    assert workforce.finish(ws, ids[1], "anna").score == 1
    assert workforce.next_item(ws, "things", "anna").image_id == ids[0]
    workforce.next_item(ws, "things", "bob")
    answer(ws, ids[1], "bob", DAY)
    assert workforce.finish(ws, ids[1], "bob").score == 0
    gold.drop_gold(ws, ids[1])
    assert status(ws, ids[1]) == "todo" and gold.gold_documents(ws, "things") == {}


def test_an_exam_is_passed_before_real_work(ws, ids):
    for image in ids[:2]:
        gold.set_gold(ws, image, NIGHT, exam=True)
    set_workflow(ws, "things", exam={"items": 2, "pass_mark": 0.8})
    for who, document in (("anna", NIGHT), ("bob", DAY)):
        for image in ids[:2]:
            got = workforce.next_item(ws, "things", who)
            assert (got.image_id, got.purpose) == (image, "exam")
            answer(ws, image, who, document)
            workforce.finish(ws, image, who)
    assert workforce.next_item(ws, "things", "anna").image_id == ids[2]
    with pytest.raises(Conflict, match="not passed: 0% right, 80% are needed"):
        workforce.next_item(ws, "things", "bob")
    assert workforce.reset_exam(ws, "things", "bob") == 2
    assert workforce.next_item(ws, "things", "bob").purpose == "exam"


def test_a_reviewer_approves_returns_and_fixes(ws, ids):
    set_workflow(ws, "things", people=1, review_rate=1)
    for image in ids:
        assert workforce.next_item(ws, "things", "anna").image_id == image
        answer(ws, image, "anna")
        workforce.finish(ws, image, "anna")
    assert [r["image_id"] for r in workforce.review_queue(ws, "things")] == ids
    with pytest.raises(Conflict, match="Nobody reviews their own"):
        workforce.review(ws, ids[0], "anna", "approved", reviewer="anna")
    workforce.review(ws, ids[0], "anna", "approved", reviewer="rita")
    workforce.review(ws, ids[1], "anna", "fixed", reviewer="rita", document=NIGHT)
    workforce.review(ws, ids[2], "anna", "returned", reviewer="rita", reason="Wrong class", comment="it is dark")
    assert [status(ws, i) for i in ids] == ["done", "done", "started"]
    assert annotations.current(ws, ids[1], "anna").document == NIGHT
    assert [r.action for r in annotations.history(ws, ids[1], "anna")] == ["save", "review"]
    back = workforce.next_item(ws, "things", "anna")
    assert (back.image_id, back.state, back.reason) == (ids[2], "returned", "Wrong class")
    annotations.save(ws, ids[2], NIGHT, annotator="anna", client="tanna", seq=2)
    workforce.finish(ws, ids[2], "anna")
    assert [r["image_id"] for r in workforce.review_queue(ws, "things")] == [ids[2]]  # looked at once more
    workforce.review(ws, ids[2], "anna", "approved", reviewer="rita")
    assert status(ws, ids[2]) == "done"
    assert [r["verdict"] for r in workforce.reviews(ws, ids[2], "anna")] == ["returned", "approved"]


def test_an_answer_changed_after_approval_is_no_longer_approved(ws, ids):
    set_workflow(ws, "things", people=2, review_rate=1)
    for who in ("anna", "bob"):
        workforce.next_item(ws, "things", who)
        answer(ws, ids[0], who)
        workforce.finish(ws, ids[0], who)
    workforce.review(ws, ids[0], "anna", "approved", reviewer="rita")
    annotations.save(ws, ids[0], NIGHT, annotator="anna", client="tanna", seq=2)
    workforce.review(ws, ids[0], "bob", "approved", reviewer="rita")
    assert status(ws, ids[0]) == "review"


def test_comments_stay_with_their_item(ws, ids):
    workforce.comment(ws, ids[0], "anna", " is this a van? ", region="r1")
    (said,) = workforce.comments(ws, ids[0])
    assert (said["by"], said["text"], said["region"], said["resolved"]) == ("anna", "is this a van?", "r1", False)
    workforce.resolve_comment(ws, said["id"])
    assert workforce.comments(ws, ids[0])[0]["resolved"]
    with pytest.raises(InputError, match="1 to 4,000 characters"):
        workforce.comment(ws, ids[0], "anna", "  ")


def test_wrong_settings_are_named(ws):
    with pytest.raises(InputError, match="people: Input should be greater than or equal to 1"):
        set_workflow(ws, "things", people=0)
    with pytest.raises(InputError, match="shapes: there is no shape 'blob'"):
        set_workflow(ws, "things", shapes=["blob"])
    with pytest.raises(InputError, match="colour"):
        set_workflow(ws, "things", colour=1)
