"""Auto-labeling of a collection, round by round, as a state that every process can go on from.

People label a random validation sample and the batches that the loop chooses; `step` learns, chooses the next batch,
and at the end makes the one certified pass and writes what it admits. The state lies in the collection's `extra`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from sqlalchemy import func, insert, select, update

from labeling.annotations import current_documents, set_priorities
from labeling.autolabel import models
from labeling.autolabel.certify import certify, sample_size
from labeling.autolabel.classifier import train
from labeling.autolabel.loop import Plan, hardest, is_done, make_plan, spread
from labeling.collections import add_classes, get_collection, list_images
from labeling.documents import checked
from transforms.errors import Conflict, InputError, NotFound
from workspace.schema.base import now
from workspace.schema.labels import LabelAnnotation, LabelAnnotator, LabelCollection, LabelTask

KEY = "autolabel"
FIRST = 1_000_000.0  # priority of what the loop asks for: above any order that people set
WATCHED = 2000  # most items whose answers are compared between rounds
Progress = Callable[[float, str], None]


def start(
    ws,
    name: str,
    *,
    model: str = models.BUILT_IN,
    target: float = 0.95,
    confidence: float = 0.9,
    budget: int | None = None,
    per_round: int | None = None,
    overlap: float = 0.5,
    names: list[str] | None = None,
    seed: int | None = None,
    again: bool = False,
) -> dict:
    """Begin auto-labeling: draw the random validation sample of all items, and put it first in people's queue.

    Args:
        model: "built-in" (learns classes of whole items), a path to an ONNX file, or the
            URL of a Label Studio ML backend.
        target, confidence: share of right labels that must hold, and how surely.
        budget: most labels by people, validation included [three in five items].
        per_round: how many are asked for in each round.
        overlap: IoU from which a region is right; an image with any wrong, missed or added region counts as an error.
        names: class names of an ONNX file that does not hold them.
        again: start anew, with a new validation sample.

    Raises:
        Conflict: it is running, and not `again`.
        InputError: too few items for this target and confidence, or classes that the built-in model cannot learn.
    """
    collection = get_collection(ws, name)
    if _state(collection) and not again:
        raise Conflict(f"Auto-labeling of {name!r} has been started already.", hint="Start it anew with `again`.")
    items = _items(ws, name)
    classes = [c["name"] for c in collection.image_classes]
    if model == models.BUILT_IN:
        if len(classes) < 2:
            raise InputError(
                f"The built-in model learns classes of whole items, and {name!r} has {len(classes)} of them.",
                hint="Add classes, or name an ONNX detector or a backend for boxes.",
            )
        plan = make_plan(len(items), len(classes), target, confidence, budget, per_round)
    else:  # a model that does not learn needs people for validation only
        size = sample_size(len(items), target, confidence)
        plan = Plan(size, 0, 0, size)
        if not models.is_url(model):
            from labeling.autolabel.onnx_models import OnnxModel

            OnnxModel(model, names)  # says now what is wrong with it
    seed = secrets.randbits(32) if seed is None else seed
    ids = [item.id for item in items]
    validation = _draw(ids, plan.validation, seed)
    state = {
        "model": model, "names": names, "target": target, "confidence": confidence, "overlap": overlap, "seed": seed,
        "budget": plan.budget, "first": plan.first, "per_round": plan.per_round, "validation": validation,
        "watched": _draw(ids, min(len(ids), WATCHED), seed), "said": {}, "asked": [], "rounds": [],
        "phase": "labeling", "reason": "", "certificate": None, "written": 0,
    }  # fmt: skip
    _keep(ws, collection.id, state)
    _ask(ws, validation)
    detail = {"model": models.short_name(model), "target": target, "confidence": confidence}
    ws.audit.record("collection.autolabel", collection.name, detail)
    return status(ws, name)


def _draw(ids: list[int], n: int, seed: int) -> list[int]:
    import numpy as np

    return sorted(np.random.default_rng(seed).choice(np.array(ids), n, replace=False).tolist())


def status(ws, name: str) -> dict | None:
    """Return how far auto-labeling is, or None where it was not started.

    Returns:
        Its settings, `phase` ("labeling" or "done"), `waiting` (items that people have to label now), `labelled` (by
        people), `auto` (labelled automatically), `left`, `rounds`, `certificate`, `reason`.
    """
    collection = get_collection(ws, name, counts=False)
    state = _state(collection)
    if state is None:
        return None
    items = _items(ws, name)
    answered = set(current_documents(ws, name, kind="person"))
    labelled = {i.id for i in items if i.id in answered and i.status == "done"}
    asked = {*state["validation"], *state["asked"]}
    kept = (
        "model",
        "target",
        "confidence",
        "budget",
        "per_round",
        "overlap",
        "phase",
        "reason",
        "rounds",
        "certificate",
    )
    return {
        "collection": collection.name,
        **{key: state[key] for key in kept},
        "items": len(items),
        "validation": len(state["validation"]),
        "labelled": len(labelled),
        "waiting": sum(i.id in asked and _is_open(i) for i in items) if state["phase"] == "labeling" else 0,
        "auto": state["written"],
        "left": len(items) - len(labelled) - state["written"],
    }


def step(ws, name: str) -> dict:
    """Do one round as a run that others can watch and cancel; return the status afterwards."""
    return ws.runs.call("autolabel", f"Auto-labeling {name}", lambda handle: one_round(ws, name, handle.progress))


def one_round(ws, name: str, progress: Progress | None = None) -> dict:
    """Learn from what people did, and choose what they do next, or certify and write the automatic labels.

    While people have not done all that was asked, nothing happens. Stopping it changes nothing.
    """
    collection = get_collection(ws, name)
    state = _state(collection)
    if state is None:
        raise NotFound(f"Auto-labeling of {name!r} was not started.", hint=f"tilth labels auto {name!r}")
    if state["phase"] == "done":
        return status(ws, name)
    items = _items(ws, name)
    here = {item.id for item in items}
    state["validation"] = [i for i in state["validation"] if i in here]
    open_ = {i.id for i in items if i.id in {*state["validation"], *state["asked"]} and _is_open(i)}
    if state["model"] == models.BUILT_IN:
        _learning_round(ws, collection, state, items, open_, progress)
    elif not open_:
        held = set(state["validation"])
        wanted = [i for i in items if i.id in held or _is_open(i)]
        if models.is_url(state["model"]):
            guesses = models.backend_guesses(ws, wanted, state["model"], collection, progress)
        else:
            guesses = models.onnx_guesses(ws, wanted, state["model"], state["names"], progress)
        state["rounds"].append(
            {"labelled": len(held), "added": len(held), "changed": None, "model": models.short_name(state["model"])}
        )
        _finish(
            ws, collection, state, {i.id: g for i, g in guesses}, {i.id: i for i in items}, "The model does not learn."
        )
    return status(ws, name)


def _learning_round(ws, collection, state: dict, items: list, open_: set, progress: Progress | None) -> None:
    if open_ and state["asked"]:
        return
    ids, matrix, _ = models.features_of(ws, items, progress)
    place = {item_id: row for row, item_id in enumerate(ids)}
    by_id = {item.id: item for item in items}
    held = set(state["validation"])
    answers = _answers(ws, collection.name, by_id)
    labels = {i: models.majority_class(a) for i, a in answers.items() if i in place and i not in held}
    labels = {i: label for i, label in labels.items() if label}
    pool = [i for i in ids if i not in held and i not in answers and _is_open(by_id[i])]
    seed = (state["seed"] + len(state["rounds"])) % 2**31
    missing = state["first"] - len(labels)  # the first batch, or people skipped much of it
    if len(set(labels.values())) < 2 and not state["rounds"]:
        missing = max(missing, state["per_round"])
    if missing > 0 and pool:
        chosen = spread(matrix, [place[i] for i in pool], missing, seed)
        _next(ws, collection, state, [ids[k] for k in chosen])
        return
    if open_:
        return
    trained = sorted(labels)
    model = train(matrix[[place[i] for i in trained]], [labels[i] for i in trained], seed, like=matrix)
    chances = model.chances(matrix)
    done, validated = len(answers), [i for i in state["validation"] if i in place]
    before, said = state["said"] or {}, {}
    for i in state["watched"]:
        if i in place and (i in held or i not in labels):
            said[str(i)] = model.classes[int(chances[place[i]].argmax())]
    changed = sum(said[i] != before[i] for i in said if i in before) * len(ids) / max(1, len(state["watched"]))
    last = state["rounds"][-1]["labelled"] if state["rounds"] else len(held)
    state["rounds"].append(
        {
            "labelled": done,
            "added": max(1, done - last),
            "changed": round(changed) if before else None,
            "model": model.name,
        }
    )
    state["said"] = said
    plan = Plan(len(held), state["first"], state["per_round"], state["budget"])
    if why := is_done(state["rounds"], plan, len(pool)):
        rows = [*validated, *pool]
        guesses = models.class_guesses(model.classes, chances[[place[i] for i in rows]])
        state["said"] = {}
        _finish(ws, collection, state, dict(zip(rows, guesses, strict=True)), by_id, why)
        return
    chances = chances[[place[i] for i in pool]]
    room = min(plan.per_round, plan.budget - done)
    chosen = hardest(chances, matrix, [place[i] for i in pool], room, seed)
    _next(ws, collection, state, [ids[k] for k in chosen])


def _next(ws, collection, state: dict, batch: list[int]) -> None:
    state["asked"] += [int(i) for i in batch]
    _keep(ws, collection.id, state)
    _ask(ws, batch)


def _ask(ws, ids: list[int]) -> None:
    set_priorities(ws, {i: FIRST + len(ids) - n for n, i in enumerate(ids)})


def _finish(ws, collection, state: dict, guesses: dict[int, models.Guess], items: dict, why: str) -> None:
    """Certify on the validation sample and write every answer in one commit: what is admitted, and proposals."""
    answers = _answers(ws, collection.name, items)
    verdicts, scores = [], []
    for i in state["validation"]:  # skipped by people or unreadable for the model: an error, to be on the safe side
        guess = guesses.get(i)
        right = guess is not None and i in answers and models.confirmed(guess.document, answers[i], state["overlap"])
        verdicts.append(right)
        scores.append(guess.confidence if guess else 1.0)
    held = set(state["validation"])
    offered = {i: g for i, g in guesses.items() if i not in held and i not in answers and _is_open(items[i])}
    certificate = certify(
        scores,
        verdicts,
        [g.confidence for g in offered.values()],
        target=state["target"],
        confidence=state["confidence"],
    )
    state |= {"phase": "done", "reason": certificate.reason or why, "certificate": certificate.as_json()}
    regions = {r["label"] for g in offered.values() for r in g.document["regions"]}
    classes = {c for g in offered.values() for c in g.document["classes"]}
    add_classes(ws, collection.id, sorted(regions), sorted(classes))
    admitted = {
        i for i, g in offered.items() if certificate.threshold is not None and g.confidence >= certificate.threshold
    }
    said = {k: state[k] for k in ("target", "confidence")} | {
        "threshold": certificate.threshold, "bound": certificate.bound, "round": len(state["rounds"])
    }  # fmt: skip
    documents = {}
    for i, guess in offered.items():
        auto = {"certified": i in admitted, "score": guess.confidence, **said}
        document = checked(guess.document, items[i].width, items[i].height)
        documents[i] = document | {"extra": {**(document.get("extra") or {}), "auto": auto}}
    state["written"] = len(admitted)
    _write(ws, collection, state, documents, admitted)
    counts = {"auto": len(admitted), "proposals": len(offered) - len(admitted), "bound": certificate.bound}
    ws.audit.record("collection.autolabel_done", collection.name, counts)


def _write(ws, collection, state: dict, documents: dict[int, dict], admitted: set[int]) -> None:
    name, client, at = models.short_name(state["model"]), f"auto-{secrets.token_hex(8)}", now()
    with ws.session() as session:
        annotator = session.scalar(select(LabelAnnotator).where(LabelAnnotator.name == name))
        if annotator is None:
            annotator = LabelAnnotator(name=name, kind="model", created_at=at)
            session.add(annotator)
            session.flush()
        last = dict(
            session.execute(
                select(LabelAnnotation.image_id, func.max(LabelAnnotation.revision))
                .where(LabelAnnotation.annotator_id == annotator.id)
                .group_by(LabelAnnotation.image_id)
            ).all()
        )
        rows = [
            {"image_id": i, "annotator_id": annotator.id, "revision": last.get(i, 0) + 1, "client": client, "seq": 1,
             "action": "auto", "repeats": None, "document": document, "created_at": at}
            for i, document in documents.items()
        ]  # fmt: skip
        if rows:
            session.execute(insert(LabelAnnotation), rows)
        ids = sorted(admitted)
        for begin in range(0, len(ids), 500):  # a task that somebody began in the meantime stays theirs
            session.execute(
                update(LabelTask)
                .where(LabelTask.image_id.in_(ids[begin : begin + 500]), LabelTask.status == "todo")
                .values(status="done", updated_at=at)
            )
        _keep_in(session, collection.id, state)


def _items(ws, name: str) -> list:
    """Return the items that a model can look at."""
    return [i for i in list_images(ws, name) if i.kind != "image" or i.shown]


def _is_open(item) -> bool:
    return item.status not in ("done", "skipped")


def _answers(ws, name: str, items: dict) -> dict[int, list[dict]]:
    """Return the documents of people for items that they are done with."""
    groups = current_documents(ws, name, kind="person")
    return {i: [a.document for a in g] for i, g in groups.items() if i in items and items[i].status == "done"}


def _state(collection) -> dict | None:
    state = collection.extra.get(KEY)
    return dict(state) if isinstance(state, dict) else None


def _keep(ws, collection_id: int, state: dict) -> None:
    with ws.session() as session:
        _keep_in(session, collection_id, state)


def _keep_in(session, collection_id: int, state: dict) -> None:
    extra = session.scalar(select(LabelCollection.extra).where(LabelCollection.id == collection_id)) or {}
    session.execute(
        update(LabelCollection).where(LabelCollection.id == collection_id).values(extra={**extra, KEY: state})
    )
