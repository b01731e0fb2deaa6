from __future__ import annotations

import json

import numpy as np
import pytest

from labeling.consensus.files import consolidate_answers_file, read_answers, read_gold
from labeling.consensus.multilabel import consolidate_labels
from labeling.consensus.votes import Votes, _platt, consolidate, consolidate_votes
from transforms.errors import InputError, SourceError


def columns(votes: dict):
    """{task: "aab"}: worker w0 said a, w1 a, w2 b."""
    rows = [(task, f"w{i}", label) for task, said in votes.items() for i, label in enumerate(said) if label != "."]
    return zip(*rows, strict=True)


def simulated(tasks=300, people=12, per_task=4, seed=0):
    """Half of the people are right 95 times of 100, half say "a" whatever it is."""
    rng = np.random.default_rng(seed)
    truth = {f"t{i}": "ab"[rng.integers(2)] for i in range(tasks)}
    rows = []
    for task, right in truth.items():
        for w in rng.choice(people, per_task, replace=False):
            wrong = "b" if right == "a" else "a"
            said = (right if rng.random() < 0.95 else wrong) if w % 2 else "a"
            rows.append((task, f"w{w}", said))
    return truth, list(zip(*rows, strict=True))


def test_majority_by_hand():
    found = consolidate_votes(*columns({"x": "aab", "y": "bbb"}), method="majority")
    first, second = found.tasks
    assert first == {
        "task": "x", "label": "a", "confidence": 0.6667, "confidence_kind": "vote share", "votes": {"a": 2, "b": 1},
        "disagreed": ["w2"],
    }  # fmt: skip
    assert (second["label"], second["confidence"], second["disagreed"]) == ("b", 1.0, [])
    # w2 said b where a was right with 2/3, and b where all said b: (1/3 + 1) / 2
    assert found.workers[2]["accuracy"] == 0.6667


def test_ties_go_to_the_label_with_more_votes_in_all():
    found = consolidate_votes(*columns({"x": "ab", "y": "bb"}), method="majority")
    assert [t["label"] for t in found.tasks] == ["b", "b"]


@pytest.mark.parametrize("method", ["auto", "majority", "weighted", "dawid-skene", "hierarchical"])
def test_one_answer_stays_and_has_no_confidence(method):
    rng = np.random.default_rng(1)
    said = [str(rng.integers(4)) for _ in range(200)]
    found = consolidate_votes(range(200), rng.integers(0, 9, 200).tolist(), said, method=method)
    assert [t["label"] for t in found.tasks] == said
    assert {(t["confidence"], t["confidence_kind"]) for t in found.tasks} == {(None, "no consensus")}


def test_the_later_answer_of_a_worker_counts():
    found = consolidate_votes(["x", "x", "x"], ["w", "v", "w"], ["a", "b", "b"], method="majority")
    assert found.tasks[0]["votes"] == {"b": 2}


def test_the_model_learns_who_says_a_whatever_it_is():
    truth, rows = simulated()
    right = {
        m: np.mean([t["label"] == truth[t["task"]] for t in consolidate_votes(*rows, method=m).tasks])
        for m in ("majority", "dawid-skene", "hierarchical")
    }
    assert right["hierarchical"] > 0.9 > right["majority"] + 0.05
    found = consolidate_votes(*rows)
    assert found.method == "hierarchical"
    people = {w["worker"]: w for w in found.workers}
    assert people["w1"]["accuracy"] > 0.85 > 0.7 > people["w0"]["accuracy"]
    assert people["w1"]["low"] < people["w1"]["accuracy"] < people["w1"]["high"]
    assert people["w0"]["confusion"]["b"]["a"] > 0.6


def test_the_same_answers_in_another_order_give_the_same():
    _, rows = simulated(60)
    turned = [tuple(reversed(c)) for c in rows]
    labels = [{t["task"]: (t["label"], t["confidence"]) for t in consolidate_votes(*r).tasks} for r in (rows, turned)]
    assert labels[0] == labels[1]


def test_gold_calibrates_what_is_too_sure():
    # three people copy one another: all agree, and are right in 7 of 10 tasks
    truth = {f"t{i}": "a" if i % 10 < 7 else "b" for i in range(200)}
    rows = zip(*[(t, w, "a") for t in truth for w in "xyz"], strict=True)
    gold = {t: truth[t] for t in list(truth)[:100]}
    found = consolidate_votes(*rows, gold=gold)
    rest = [t["confidence"] for t in found.tasks[100:]]
    assert found.tasks[150]["confidence_kind"] == "calibrated on 100 gold tasks"
    assert max(rest) - min(rest) < 1e-9 and abs(rest[0] - 0.7) < 0.05


def test_platt_leaves_what_few_gold_tasks_cannot_say():
    slope, shift = _platt(np.array([2.0]), np.array([1.0]))
    assert abs(slope - 1) < 0.3 and abs(shift) < 0.3


def test_bad_input_is_one_sentence():
    with pytest.raises(InputError, match="no answers"):
        consolidate_votes([], [], [])
    with pytest.raises(InputError, match="not a way to consolidate"):
        consolidate_votes(["x"], ["w"], ["a"], method="mean")


def test_sampling_keeps_so_many_of_each_task():
    votes = Votes.of(*columns({"x": "aaaa", "y": "bb", "z": "a"}))
    kept = votes.sample(2, np.random.default_rng(0))
    assert np.bincount(kept.task).tolist() == [2, 2, 1]


def test_several_labels_are_questions_of_their_own():
    found = consolidate_labels({"x": {"p": ["cat"], "q": ["cat", "dog"], "r": []}, "y": {"p": ["dog"]}})
    assert found["x"] == [
        {
            "label": "cat",
            "confidence": 0.6667,
            "confidence_kind": "vote share",
            "agreed": ["p", "q"],
            "disagreed": ["r"],
        }
    ]
    assert found["y"][0]["confidence"] is None


def test_a_csv_and_its_gold(tmp_path):
    _, rows = simulated(40)
    path, gold = tmp_path / "a.csv", tmp_path / "gold.csv"
    path.write_text("item,worker,label\n" + "\n".join(map(",".join, zip(*rows, strict=True))))
    gold.write_text("item,truth\nt0,a\nt1,b\n")
    found = consolidate_answers_file(path, gold=gold, output=tmp_path / "out.csv")
    assert found["tasks"][0]["confidence_kind"] == "calibrated on 2 gold tasks"
    assert (tmp_path / "out.csv").read_text().splitlines()[0] == "task,label,confidence,confidence_kind,votes,disagreed"
    assert len(found["tasks"]) == 40 and {"worker", "answers", "accuracy", "low", "high"} <= set(found["workers"][0])


def test_boxes_in_a_csv(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text(
        "task,worker,label,x,y,w,h\n1,a,car,0,0,10,10\n1,b,car,2,0,10,10\n1,c,car,1,0,10,10\n2,a,,,,,\n2,b,,,,,\n"
    )
    found = consolidate_answers_file(path)
    (box,) = found["tasks"][0]["boxes"]
    assert [box[k] for k in ("label", "x", "y", "w", "h")] == ["car", 1, 0, 10, 10] and box["confidence"] > 0.5
    assert found["tasks"][1]["boxes"] == []


def test_files_that_are_none_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("task,label\n1,a\n")
    with pytest.raises(SourceError, match="no column 'worker'"):
        consolidate_answers_file(path)
    path.write_text("task,worker,label,x,y,w,h\n1,a,car,0,0,-1,10\n")
    with pytest.raises(SourceError, match="Row 2 of a.csv is not a box"):
        consolidate_answers_file(path)
    folder = tmp_path / "worker-response" / "iteration-1" / "0"
    folder.mkdir(parents=True)
    (folder / "x.json").write_text('{"answers": 3}')
    with pytest.raises(SourceError, match="has no answers"):
        consolidate_answers_file(tmp_path)
    (folder / "x.json").write_text(json.dumps({"answers": [{"workerId": "w", "answerContent": {"e": {"sound": 1}}}]}))
    with pytest.raises(SourceError, match="not known"):
        consolidate_answers_file(tmp_path)


def test_the_ground_truth_job(shared):
    """54 of 60 or better, as many as majority vote; with two answers never the collapse of the classical model."""
    folder = shared / "data" / "labels" / "ground_truth_classification"
    answers = read_answers(folder)
    truth = read_gold(folder / "true_labels.json", answers)
    assert (len(answers.votes), len(truth)) == (300, 60)
    found = consolidate_answers_file(folder)
    assert found["method"] == "hierarchical" and found["tasks"][0]["source"].endswith("0273f487d52c16d2.jpg")
    assert sum(t["label"] == truth[t["task"]] for t in found["tasks"]) == 55
    two = Votes.of(*zip(*answers.votes, strict=True)).sample(2, np.random.default_rng(0))
    assert sum(t["label"] == truth[t["task"]] for t in consolidate(two).tasks) >= 50


# the most that majority, weighted vote and crowd-kit's or the classical Dawid-Skene get right (benchmarks/consolidation.py)
@pytest.mark.parametrize(("name", "best"), [("MS", 559), ("SP_amt", 472), ("bluebird", 97), ("dog", 680), ("rte", 742)])
def test_no_way_is_better_by_more_than_one_item(shared, name, best):
    folder = shared / "data" / "crowd" / name
    answers = read_answers(folder / "label.csv")
    truth = read_gold(folder / "truth.csv", answers)
    found = consolidate(Votes.of(*zip(*answers.votes, strict=True)))
    assert sum(t["label"] == truth.get(t["task"]) for t in found.tasks) >= best - 1
