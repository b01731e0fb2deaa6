"""Answers of annotators: append-only revisions of one document per image and annotator.

A browser sends whole documents with its client id and a sequence number. Sending one again changes nothing, and one
that arrives after a later one of the same client is not written: no answer is lost or undone by a slow network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, update

from labeling.collections import add_classes, get_collection, get_image
from labeling.documents import checked, empty, is_empty
from transforms.errors import Conflict, InputError
from workspace.schema.base import now
from workspace.schema.labels import LabelAnnotation, LabelAnnotator, LabelImage, LabelTask

STATUSES = ("todo", "started", "review", "done", "skipped")


@dataclass(frozen=True)
class Answer:
    """The current document of one annotator for one image; `revision` 0 means that there is none yet."""

    image_id: int
    annotator: str
    kind: str  # person | model
    revision: int
    document: dict
    at: datetime | None = None


@dataclass(frozen=True)
class Revision:
    revision: int
    action: str
    repeats: int | None
    client: str
    seq: int
    at: datetime
    document: dict


def save(
    ws,
    image_id: int,
    document: dict,
    *,
    annotator: str,
    client: str,
    seq: int,
    kind: str = "person",
    action: str = "save",
    new_classes: bool = False,
    clip: bool = True,
    also: Callable | None = None,
) -> Answer:
    """Write a document as the next revision and return what is current.

    Args:
        client, seq: who sends and its own count; the same pair again, or a smaller `seq`, writes nothing.
        new_classes: take labels that the collection does not have into its schema; otherwise they are refused.
        clip: cut regions to the image.
        also: called with the session and the annotator's number, to change more in the same transaction.

    Raises:
        InputError: the document has not the right shape, or has a label that the collection does not know.
    """
    image = get_image(ws, image_id)
    document = checked(document, image.width, image.height, clip=clip)
    _check_classes(ws, image.collection_id, document, new_classes)
    who = annotator_id(ws, annotator, kind)
    with ws.session() as session:
        newest = session.scalar(
            select(func.max(LabelAnnotation.seq)).where(
                LabelAnnotation.image_id == image_id,
                LabelAnnotation.annotator_id == who,
                LabelAnnotation.client == client,
            )
        )
        if newest is None or seq > newest:
            _append(session, image_id, who, client, seq, action, None, document)
            if kind == "person":
                _touch(session, image_id, document)
        if also:
            also(session, who)
    return current(ws, image_id, annotator)


def _check_classes(ws, collection_id: int, document: dict, new_classes: bool) -> None:
    labels = dict.fromkeys(region["label"] for region in document["regions"])
    collection = get_collection(ws, collection_id, counts=False)
    unknown = [n for n in labels if n not in {c["name"] for c in collection.classes}]
    unknown_image = [n for n in document["classes"] if n not in {c["name"] for c in collection.image_classes}]
    if new_classes and (unknown or unknown_image):
        add_classes(ws, collection_id, unknown, unknown_image)
    elif unknown or unknown_image:
        raise InputError(
            f"{', '.join(repr(n) for n in unknown + unknown_image)} is not a class of {collection.name!r}.",
            hint="Add it to the collection's classes first.",
        )


def _append(session, image_id, who, client, seq, action, repeats, document) -> None:
    last = session.scalar(
        select(func.coalesce(func.max(LabelAnnotation.revision), 0)).where(
            LabelAnnotation.image_id == image_id, LabelAnnotation.annotator_id == who
        )
    )
    session.execute(
        insert(LabelAnnotation).values(
            image_id=image_id,
            annotator_id=who,
            revision=last + 1,
            client=client,
            seq=seq,
            action=action,
            repeats=repeats,
            document=document,
            created_at=now(),
        )  # fmt: skip
    )


def _touch(session, image_id: int, document: dict) -> None:
    """A task that somebody works on is started; one that is done stays done."""
    if not is_empty(document):
        session.execute(
            update(LabelTask)
            .where(LabelTask.image_id == image_id, LabelTask.status == "todo")
            .values(status="started", updated_at=now())
        )


def current(ws, image_id: int, annotator: str) -> Answer:
    """Return the annotator's current document for an image, empty if there is none."""
    with ws.reading() as session:
        row = session.execute(
            select(LabelAnnotation, LabelAnnotator)
            .join(LabelAnnotator, LabelAnnotator.id == LabelAnnotation.annotator_id)
            .where(LabelAnnotation.image_id == image_id, LabelAnnotator.name == annotator)
            .order_by(LabelAnnotation.revision.desc())
            .limit(1)
        ).first()
    if row is None:
        return Answer(image_id, annotator, "person", 0, empty())
    return _answer(*row)


def answers(ws, image_id: int) -> list[Answer]:
    """Return the current document of everyone who answered for an image, by name."""
    return sorted(_current_rows(ws, LabelAnnotation.image_id == image_id), key=lambda a: a.annotator)


def current_documents(ws, name: str | int, kind: str | None = None) -> dict[int, list[Answer]]:
    """Return `{image id: current answers}` of a collection, of persons or models only if `kind` says so."""
    collection = get_collection(ws, name, counts=False)
    images = select(LabelImage.id).where(LabelImage.collection_id == collection.id)
    found: dict[int, list[Answer]] = {}
    for answer in _current_rows(ws, LabelAnnotation.image_id.in_(images)):
        if kind is None or answer.kind == kind:
            found.setdefault(answer.image_id, []).append(answer)
    for group in found.values():
        group.sort(key=lambda a: a.annotator)
    return found


def _current_rows(ws, where) -> list[Answer]:
    newest = (
        select(
            LabelAnnotation.image_id, LabelAnnotation.annotator_id, func.max(LabelAnnotation.revision).label("revision")
        )
        .where(where)
        .group_by(LabelAnnotation.image_id, LabelAnnotation.annotator_id)
        .subquery()
    )
    with ws.reading() as session:
        rows = session.execute(
            select(LabelAnnotation, LabelAnnotator)
            .join(
                newest,
                (newest.c.image_id == LabelAnnotation.image_id)
                & (newest.c.annotator_id == LabelAnnotation.annotator_id)
                & (newest.c.revision == LabelAnnotation.revision),
            )
            .join(LabelAnnotator, LabelAnnotator.id == LabelAnnotation.annotator_id)
        ).all()
    return [_answer(*row) for row in rows]


def _answer(row: LabelAnnotation, who: LabelAnnotator) -> Answer:
    return Answer(row.image_id, who.name, who.kind, row.revision, row.document, row.created_at)


def history(ws, image_id: int, annotator: str) -> list[Revision]:
    """Return every revision, oldest first."""
    with ws.reading() as session:
        rows = session.scalars(
            select(LabelAnnotation)
            .join(LabelAnnotator, LabelAnnotator.id == LabelAnnotation.annotator_id)
            .where(LabelAnnotation.image_id == image_id, LabelAnnotator.name == annotator)
            .order_by(LabelAnnotation.revision)
        ).all()
        return [Revision(r.revision, r.action, r.repeats, r.client, r.seq, r.created_at, r.document) for r in rows]


def undo(ws, image_id: int, annotator: str) -> Answer:
    """Make the document before the last change current again, as a new revision.

    Raises:
        Conflict: there is nothing to undo.
    """
    return _step(ws, image_id, annotator, -1)


def redo(ws, image_id: int, annotator: str) -> Answer:
    """Take back the last undo, as a new revision.

    Raises:
        Conflict: there is nothing to redo.
    """
    return _step(ws, image_id, annotator, +1)


def _step(ws, image_id: int, annotator: str, by: int) -> Answer:
    revisions = history(ws, image_id, annotator)
    states, place = _replay(revisions)
    target = place + by
    if not 0 <= target < len(states):
        raise Conflict(f"There is nothing to {'undo' if by < 0 else 'redo'}.")
    document = states[target].document if states[target] else empty()
    who = annotator_id(ws, annotator)
    with ws.session() as session:
        _append(
            session, image_id, who, "undo", revisions[-1].revision + 1, "undo" if by < 0 else "redo",
            states[target].revision if states[target] else None, document,
        )  # fmt: skip
    return current(ws, image_id, annotator)


def _replay(revisions: list[Revision]) -> tuple[list[Revision | None], int]:
    """Return the states that undo and redo move through (the first is the empty one), and where we are in them."""
    states: list[Revision | None] = [None]
    place = 0
    for revision in revisions:
        if revision.action == "undo":
            place -= 1
        elif revision.action == "redo":
            place += 1
        else:
            states = [*states[: place + 1], revision]
            place += 1
    return states, place


def set_status(ws, image_id: int, status: str) -> None:
    """Set how far a task is: todo, started, review, done or skipped."""
    if status not in STATUSES:
        raise InputError(f"A task cannot be {status!r}.", hint=f"Use one of {', '.join(STATUSES)}.")
    with ws.session() as session:
        session.execute(update(LabelTask).where(LabelTask.image_id == image_id).values(status=status, updated_at=now()))


def next_task(ws, name: str, after: int | None = None) -> int | None:
    """Return the image to label next: the highest priority; of equal ones the next after `after`, then from the start.

    Returns:
        An image id, or None when every task is done or skipped.
    """
    collection = get_collection(ws, name, counts=False)
    with ws.reading() as session:
        here = session.scalar(select(LabelImage.position).where(LabelImage.id == after)) if after else None
        return session.scalar(
            select(LabelImage.id)
            .join(LabelTask, LabelTask.image_id == LabelImage.id)
            .where(LabelTask.collection_id == collection.id, LabelTask.status.in_(("todo", "started")))
            .order_by(LabelTask.priority.desc(), LabelImage.position <= (here or 0), LabelImage.position, LabelImage.id)
            .limit(1)
        )


def set_priorities(ws, priorities: dict[int, float]) -> None:
    """Set which images come first (higher is sooner)."""
    with ws.session() as session:
        for image_id, priority in priorities.items():
            session.execute(update(LabelTask).where(LabelTask.image_id == image_id).values(priority=float(priority)))


def annotator_id(ws, name: str, kind: str = "person") -> int:
    """Return the number of an annotator, who is made known by the first use of the name."""
    name = name.strip()
    if not name or len(name) > 200:
        raise InputError("An annotator needs a name of 1 to 200 characters.")
    with ws.reading() as session:
        row = session.scalar(select(LabelAnnotator).where(LabelAnnotator.name == name))
        if row is not None:
            return row.id
    with ws.session() as session:  # holds the write lock: look again, another process may have been first
        row = session.scalar(select(LabelAnnotator).where(LabelAnnotator.name == name))
        if row is None:
            row = LabelAnnotator(name=name, kind=kind, created_at=now())
            session.add(row)
            session.flush()
        return row.id
