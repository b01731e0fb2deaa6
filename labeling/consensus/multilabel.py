"""Several labels per task: each label is a question of its own that people answered with yes or no."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from labeling.consensus.votes import FEW_TASKS, Votes, consolidate


def consolidate_labels(answers: dict, *, labels: Sequence = (), method: str = "auto", gold: dict | None = None) -> dict:
    """Return for each task the labels that hold.

    Args:
        answers: `{task: {worker: labels chosen}}`; who chose nothing said no to all.
        labels: those on offer; by default all that somebody chose.
        method: as in `consolidate_votes`, for each label by itself. "auto" takes the model for labels where at least 20
            tasks have two answers and at least 20 times somebody said yes.
        gold: `{task: labels}` known to be right.

    Returns:
        `{task: [{label, confidence, confidence_kind, agreed, disagreed}]}`, the surest first. Kept is what is at least as
        probable as not; a task with one answer keeps it, without confidence.
    """
    names = list(
        dict.fromkeys([*labels, *(n for people in answers.values() for said in people.values() for n in said)])
    )
    rows = [(task, worker) for task, people in answers.items() for worker in people]
    out: dict = {task: [] for task in answers}
    for name in names:
        said = [name in set(answers[task][worker]) for task, worker in rows]
        if not any(said):
            continue
        votes = Votes.of(*zip(*rows, strict=True), said, [False, True])
        way = "majority" if method == "auto" and sum(said) < FEW_TASKS else method
        truth = {task: name in set(right) for task, right in gold.items()} if gold else None
        found = consolidate(votes, way, truth)
        yes = found.labels.index(True)
        for task, row in zip(found.tasks, found.probability, strict=True):
            if row[yes] >= 0.5 - 1e-9:
                task_people = answers[task["task"]]
                out[task["task"]].append(_kept(name, float(row[yes]), task, task_people))
    for kept in out.values():
        kept.sort(key=lambda r: (-(r["confidence"] or 0), -len(r["agreed"]), str(r["label"])))
    return out


def _kept(name, probability: float, task: dict, people: dict[object, Iterable]) -> dict:
    agreed = sorted(w for w, chosen in people.items() if name in chosen)
    alone = len(people) == 1
    return {
        "label": name,
        "confidence": None if alone else round(probability, 4),
        "confidence_kind": "no consensus" if alone else task["confidence_kind"],
        "agreed": agreed,
        "disagreed": sorted(set(people) - set(agreed)),
    }
