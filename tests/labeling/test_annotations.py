from __future__ import annotations

import threading

import pytest

from labeling import annotations, collections
from transforms.errors import Conflict, InputError


def doc(*boxes, classes=()):
    return {
        "regions": [
            {"id": f"b{i}", "label": "car", "x": x, "y": y, "w": w, "h": h} for i, (x, y, w, h) in enumerate(boxes)
        ],
        "classes": list(classes),
    }


def save(ws, image, document, seq, client="tab", who="anna", **more):
    return annotations.save(ws, image, document, annotator=who, client=client, seq=seq, **more)


def test_saving_the_same_message_twice_writes_one_revision(ws, ids):
    first = save(ws, ids[0], doc((1, 2, 3, 4)), 1)
    again = save(ws, ids[0], doc((1, 2, 3, 4)), 1)
    assert first.revision == again.revision == 1
    assert len(annotations.history(ws, ids[0], "anna")) == 1


def test_a_late_older_message_of_one_client_does_not_undo_a_newer_one(ws, ids):
    save(ws, ids[0], doc((1, 2, 3, 4), (5, 6, 7, 8)), 2)
    late = save(ws, ids[0], doc((1, 2, 3, 4)), 1)
    assert late.revision == 1 and len(late.document["regions"]) == 2


def test_two_clients_count_apart(ws, ids):
    save(ws, ids[0], doc((1, 2, 3, 4)), 9, client="tab 1")
    assert save(ws, ids[0], doc(), 1, client="tab 2").revision == 2


def test_undo_and_redo_walk_through_states_and_add_revisions(ws, ids):
    for seq, n in enumerate((1, 2, 3), 1):
        save(ws, ids[0], doc(*[(1, 1, 5, 5 + i) for i in range(n)]), seq)
    count = lambda answer: len(answer.document["regions"])  # noqa: E731
    assert count(annotations.undo(ws, ids[0], "anna")) == 2
    assert count(annotations.undo(ws, ids[0], "anna")) == 1
    assert count(annotations.redo(ws, ids[0], "anna")) == 2
    save(ws, ids[0], doc(*[(1, 1, 5, 5 + i) for i in range(4)]), 4)
    with pytest.raises(Conflict, match="nothing to redo"):
        annotations.redo(ws, ids[0], "anna")
    assert [count(annotations.undo(ws, ids[0], "anna")) for _ in range(3)] == [2, 1, 0]
    with pytest.raises(Conflict, match="nothing to undo"):
        annotations.undo(ws, ids[0], "anna")
    actions = [r.action for r in annotations.history(ws, ids[0], "anna")]
    assert actions == ["save"] * 3 + ["undo", "undo", "redo", "save"] + ["undo"] * 3


def test_boxes_are_cut_to_the_image_and_those_outside_go(ws, ids):
    answer = save(ws, ids[0], doc((-5, -5, 15, 15), (60, 40, 50, 50), (100, 100, 5, 5)), 1)
    assert [(b["x"], b["y"], b["w"], b["h"]) for b in answer.document["regions"]] == [(0, 0, 10, 10), (60, 40, 4, 8)]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"regions": [{"id": "1", "label": "car", "x": 1, "y": 1, "w": float("nan"), "h": 1}]}, "not finite"),
        ({"regions": [{"id": "1", "label": "car", "x": 1, "y": 1, "w": 0, "h": 1}]}, "no area"),
        ({"regions": [{"id": "1", "label": "", "x": 1, "y": 1, "w": 1, "h": 1}]}, "no label"),
        ({"regions": [{"id": "1", "label": "car", "x": 1}]}, "needs x, y, w, h"),
        (
            {"regions": [{"id": "1", "label": "tram", "x": 1, "y": 1, "w": 1, "h": 1}]},
            "'tram' is not a class of 'things'",
        ),
        ({"regions": "many"}, "needs a list of regions"),
        ({"regions": [], "classes": ["noon"]}, "'noon' is not a class"),
    ],
)
def test_wrong_documents_are_refused_and_nothing_is_written(ws, ids, document, said):
    with pytest.raises(InputError, match=said):
        save(ws, ids[0], document, 1)
    assert annotations.history(ws, ids[0], "anna") == []


def test_many_writers_lose_nothing(ws, ids):
    def work(n):
        for seq in range(1, 6):
            save(ws, ids[0], doc((n, seq, 5, 5)), seq, client=f"tab {n}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    revisions = [r.revision for r in annotations.history(ws, ids[0], "anna")]
    assert revisions == list(range(1, 21))


def test_tasks_start_when_somebody_draws_and_end_when_they_say_so(ws, ids):
    status = lambda: [i.status for i in collections.list_images(ws, "things")]  # noqa: E731
    save(ws, ids[0], doc(), 1)
    assert status() == ["todo"] * 3
    save(ws, ids[0], doc((1, 1, 5, 5)), 2)
    assert status() == ["started", "todo", "todo"]
    annotations.set_status(ws, ids[1], "done")
    assert annotations.next_task(ws, "things", after=ids[0]) == ids[2]
    assert annotations.next_task(ws, "things", after=ids[2]) == ids[0]  # from the start again
    for image in ids:
        annotations.set_status(ws, image, "done")
    assert annotations.next_task(ws, "things") is None
