"""Who labels what: leases, overlap, hidden gold items, exams, skips, reviews and comments.

Giving out an item is one writing transaction, so two people never get the last free place of an item. A lease that runs
out gives the place back. Nothing a person wrote is lost by that: answers are kept apart from assignments.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update

from labeling.annotations import annotator_id, current, save
from labeling.collections import get_collection, get_image
from labeling.scoring import score, wilson
from labeling.workflow import Workflow, workflow_of
from transforms.errors import Conflict, InputError, NotFound
from workspace.schema.base import now
from workspace.schema.labels import (
    LabelAnnotation,
    LabelAnnotator,
    LabelAssignment,
    LabelComment,
    LabelGold,
    LabelImage,
    LabelReview,
    LabelTask,
    LabelTeam,
)

FINISHED = ("done", "skipped")
FLAG = "Flagged"  # the remark by which somebody marks an item for whoever runs the project
GOLD_RIGHT = 0.75  # a gold answer of at least this score counts as right
NEWCOMER = 20  # a person's first answers hold twice as many gold items
MAX_ACTIVE_SECONDS = 8 * 3600  # of one item; more is a clock that went wrong


@dataclass(frozen=True)
class Assignment:
    """One person's work on one item."""

    image_id: int
    annotator: str
    purpose: str  # label | gold | exam
    state: str  # leased | done | skipped | returned | expired | released
    leased_until: datetime | None
    active_seconds: float
    reason: str
    score: float | None


# -- giving out -----------------------------------------------------------------------------------------------------


def next_item(ws, name: str | int, annotator: str, after: int | None = None) -> Assignment | None:
    """Give a person the item to work on next, leased to them, or None when there is nothing for them.

    In this order: what a reviewer sent back; what they hold already; an exam they have not passed; now and then a gold
    item; else the open item of the highest priority that they have not answered, of equal ones the next after `after`.

    Raises:
        Conflict: the collection belongs to a team they are not in, or they failed its exam.
    """
    collection = get_collection(ws, name, counts=False)
    flow = workflow_of(collection)
    check_member(ws, flow, annotator)
    who = annotator_id(ws, annotator)
    with ws.session() as session:
        _expire(session, collection.id)
        mine = {a.image_id: a for a in session.scalars(_assignments(collection.id, who))}
        held = sorted((a for a in mine.values() if a.state == "returned"), key=lambda a: a.id)
        held += sorted((a for a in mine.values() if a.state == "leased" and a.image_id != after), key=lambda a: a.id)
        if held:
            return _lease(session, held[0].image_id, who, annotator, held[0].purpose, flow, mine)
        golds, exams = _gold_ids(session, collection.id)
        asked = _exam_item(flow, exams, mine) if flow.exam and exams else None
        if asked is not None:
            return _lease(session, asked, who, annotator, "exam", flow, mine)
        asked = _gold_item(flow, annotator, golds, mine)
        if asked is not None:
            return _lease(session, asked, who, annotator, "gold", flow, mine)
        open_item = session.scalar(_open_items(collection.id, flow, who, after).limit(1))
        return _lease(session, open_item, who, annotator, "label", flow, mine) if open_item else None


def _assignments(collection_id: int, who: int):
    return (
        select(LabelAssignment)
        .join(LabelImage, LabelImage.id == LabelAssignment.image_id)
        .where(LabelImage.collection_id == collection_id, LabelAssignment.annotator_id == who)
    )


def _gold_ids(session, collection_id: int) -> tuple[list[int], list[int]]:
    """Return the numbers of the hidden gold items and of the exam's."""
    rows = session.execute(
        select(LabelGold.image_id, LabelGold.exam)
        .join(LabelImage, LabelImage.id == LabelGold.image_id)
        .where(LabelImage.collection_id == collection_id)
        .order_by(LabelGold.image_id)
    ).all()
    return [i for i, exam in rows if not exam], [i for i, exam in rows if exam]


def _expire(session, collection_id: int) -> None:
    images = select(LabelImage.id).where(LabelImage.collection_id == collection_id)
    session.execute(
        update(LabelAssignment)
        .where(
            LabelAssignment.state == "leased",
            LabelAssignment.leased_until < now(),
            LabelAssignment.image_id.in_(images),
        )
        .values(state="expired")
        .execution_options(synchronize_session=False)
    )


def _ready(flow: Workflow) -> list:
    """Where faces and plates are hidden first, images without a copy wait."""
    if not flow.redact:
        return []
    return [(LabelImage.kind != "image") | LabelImage.sha256.is_(None) | LabelImage.redacted_sha256.is_not(None)]


def _open_items(collection_id: int, flow: Workflow, who: int, after: int | None):
    """Select items with a free place that this person has neither answered nor skipped."""
    taken = (
        select(func.count())
        .select_from(LabelAssignment)
        .where(
            LabelAssignment.image_id == LabelTask.image_id,
            LabelAssignment.state.in_(("done", "leased", "returned")),
            LabelAssignment.annotator_id != who,
        )
        .correlate(LabelTask)
        .scalar_subquery()
    )
    finished = (
        select(LabelAssignment.id)
        .where(
            LabelAssignment.image_id == LabelTask.image_id,
            LabelAssignment.annotator_id == who,
            LabelAssignment.state.in_(FINISHED),
        )
        .correlate(LabelTask)
        .exists()
    )
    here = select(LabelImage.position).where(LabelImage.id == (after or 0)).scalar_subquery()
    return (
        select(LabelTask.image_id)
        .join(LabelImage, LabelImage.id == LabelTask.image_id)
        .outerjoin(LabelGold, LabelGold.image_id == LabelTask.image_id)
        .where(
            LabelTask.collection_id == collection_id,
            LabelTask.status.in_(("todo", "started")),
            LabelGold.image_id.is_(None),
            *_ready(flow),
            ~finished,
            taken < flow.people,
        )
        .order_by(
            LabelTask.priority.desc(),
            LabelImage.position <= func.coalesce(here, 0),
            LabelImage.position,
            LabelImage.id,
        )
    )


def _exam_item(flow: Workflow, exams: list[int], mine: dict) -> int | None:
    """Return the exam item to ask next, or None when the exam is passed."""
    wanted = exams[: flow.exam.items]
    done = [mine[i] for i in wanted if i in mine and mine[i].state in FINISHED]
    if len(done) < len(wanted):
        return next(i for i in wanted if i not in mine or mine[i].state not in FINISHED)
    mark = sum(a.score or 0.0 for a in done) / len(done)
    if mark < flow.exam.pass_mark:
        raise Conflict(
            f"The exam was not passed: {mark:.0%} right, {flow.exam.pass_mark:.0%} are needed.",
            hint="Ask whoever runs this project to look at the answers with you, and to open the exam again.",
        )
    return None


def _gold_item(flow: Workflow, annotator: str, golds: list[int], mine: dict) -> int | None:
    """Return a gold item now and then: more often for newcomers and for people whose gold answers slip.

    Which answer is followed by gold depends on the person's name and count alone, so it cannot be asked for again.
    """
    fresh = [i for i in golds if i not in mine or mine[i].state not in FINISHED]
    if not fresh or not flow.gold_rate:
        return None
    count = sum(a.state in FINISHED for a in mine.values())
    scores = [a.score for a in mine.values() if a.purpose == "gold" and a.score is not None]
    right = sum(s >= GOLD_RIGHT for s in scores)
    slipping = len(scores) >= 4 and wilson(right, len(scores))[1] < 0.9
    rate = flow.gold_rate * (2 if count < NEWCOMER or slipping else 1)
    if _chance(f"{annotator}|{count}") >= rate:
        return None
    return fresh[int(_chance(f"which|{annotator}|{count}") * len(fresh))]


def _chance(text: str) -> float:
    """Return a number from 0 to 1 that is the same for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def _lease(session, image_id, who, annotator, purpose, flow, mine) -> Assignment:
    until = now() + timedelta(minutes=flow.lease_minutes)
    row = mine.get(image_id)
    if row is None:
        row = LabelAssignment(
            image_id=image_id, annotator_id=who, purpose=purpose, state="leased", leased_until=until, started_at=now(),
            active_seconds=0.0, reason="",
        )  # fmt: skip
        session.add(row)
    else:
        row.leased_until = until
        if row.state != "returned":
            row.state = "leased"
    session.flush()
    return _assignment(row, annotator)


def _assignment(row: LabelAssignment, annotator: str) -> Assignment:
    return Assignment(
        row.image_id, annotator, row.purpose, row.state, row.leased_until, row.active_seconds, row.reason, row.score
    )


def take_item(ws, image_id: int, annotator: str) -> Assignment:
    """Lease an item that a person opened by themselves, if it has a free place.

    Raises:
        Conflict: it is in other hands, or hidden from this person.
    """
    held = find_assignment(ws, image_id, annotator)
    if held is not None and held.state in (*FINISHED, "leased", "returned"):
        return held
    image = get_image(ws, image_id)
    collection = get_collection(ws, image.collection_id, counts=False)
    flow = workflow_of(collection)
    check_member(ws, flow, annotator)
    who = annotator_id(ws, annotator)
    with ws.session() as session:
        _expire(session, collection.id)
        mine = {a.image_id: a for a in session.scalars(_assignments(collection.id, who))}
        taken = session.scalar(
            select(func.count())
            .select_from(LabelAssignment)
            .where(
                LabelAssignment.image_id == image_id,
                LabelAssignment.state.in_(("done", "leased", "returned")),
                LabelAssignment.annotator_id != who,
            )
        )
        if taken >= flow.people:
            raise Conflict(
                f"{image.file_name} is in the hands of {'another person' if taken == 1 else f'{taken} people'}.",
                hint="Go on with the next item; this one comes back if they leave it.",
            )
        return _lease(session, image_id, who, annotator, "label", flow, mine)


def find_assignment(ws, image_id: int, annotator: str) -> Assignment | None:
    with ws.reading() as session:
        row = session.scalar(
            select(LabelAssignment)
            .join(LabelAnnotator, LabelAnnotator.id == LabelAssignment.annotator_id)
            .where(LabelAssignment.image_id == image_id, LabelAnnotator.name == annotator)
        )
    return _assignment(row, annotator) if row else None


def keep_lease(ws, image_id: int, annotator: str, active_seconds: float = 0.0) -> None:
    """Somebody is still at work: put the end of their lease off, and count their active time."""
    image = get_image(ws, image_id)
    flow = workflow_of(get_collection(ws, image.collection_id, counts=False))
    who = annotator_id(ws, annotator)
    with ws.session() as session:
        still_at_work(session, image_id, who, flow, active_seconds)


def still_at_work(session, image_id: int, who: int, flow: Workflow, active_seconds: float) -> None:
    """The same inside a transaction that is open already."""
    row = session.scalar(
        select(LabelAssignment).where(LabelAssignment.image_id == image_id, LabelAssignment.annotator_id == who)
    )
    if row is not None:
        if row.state == "leased":
            row.leased_until = now() + timedelta(minutes=flow.lease_minutes)
        row.active_seconds = min(MAX_ACTIVE_SECONDS, row.active_seconds + _seconds(active_seconds))


def _seconds(value) -> float:
    value = float(value or 0.0)
    return min(value, 3600.0) if value > 0 else 0.0  # also of NaN: 0


# -- finishing ------------------------------------------------------------------------------------------------------


def finish(
    ws, image_id: int, annotator: str, outcome: str = "done", reason: str = "", active_seconds: float = 0.0
) -> Assignment:
    """End a person's work on an item: it is done, or skipped for a reason. A gold item is scored.

    The item itself is done when as many people answered as its workflow wants, and then may wait for a reviewer; it is
    skipped when everybody who saw it skipped it and nobody else is to come.

    Raises:
        InputError: an outcome that does not exist.
    """
    if outcome not in FINISHED:
        raise InputError(f"An item cannot be {outcome!r}.", hint=f"Use one of {', '.join(FINISHED)}.")
    image = get_image(ws, image_id)
    collection = get_collection(ws, image.collection_id, counts=False)
    flow = workflow_of(collection)
    who = annotator_id(ws, annotator)
    answer = current(ws, image_id, annotator)
    with ws.session() as session:
        row = session.scalar(
            select(LabelAssignment).where(LabelAssignment.image_id == image_id, LabelAssignment.annotator_id == who)
        )
        if row is None:
            row = LabelAssignment(
                image_id=image_id, annotator_id=who, purpose="label", state="leased", started_at=now(), reason="",
                active_seconds=0.0,
            )  # fmt: skip
            session.add(row)
        gold = session.get(LabelGold, image_id)
        was_returned = row.state == "returned"
        row.state, row.reason, row.finished_at, row.leased_until = outcome, reason[:200], now(), None
        row.active_seconds = min(MAX_ACTIVE_SECONDS, row.active_seconds + _seconds(active_seconds))
        if gold is not None and row.purpose in ("gold", "exam"):
            row.score = score(answer.document, gold.document, flow.least_iou) if outcome == "done" else 0.0
        session.flush()
        if gold is None:
            _settle(session, image_id, flow, review_again=was_returned)
        return _assignment(row, annotator)


def _settle(session, image_id: int, flow: Workflow, review_again: bool = False) -> None:
    """Set how far an item is from the assignments that it has."""
    states = dict(
        session.execute(
            select(LabelAssignment.state, func.count())
            .where(LabelAssignment.image_id == image_id)
            .group_by(LabelAssignment.state)
        ).all()
    )
    done, skipped = states.get("done", 0), states.get("skipped", 0)
    if states.get("returned"):
        status = "started"
    elif done >= flow.people:
        reviewed = review_again or _chance(f"review|{image_id}") < flow.review_rate
        status = "review" if reviewed else "done"
    elif done == 0 and skipped >= flow.people:
        status = "skipped"
    else:
        status = "started"
    session.execute(update(LabelTask).where(LabelTask.image_id == image_id).values(status=status, updated_at=now()))


def release(ws, image_id: int, annotator: str) -> None:
    """Give an item back without an answer, so that others get it."""
    who = annotator_id(ws, annotator)
    with ws.session() as session:
        session.execute(
            update(LabelAssignment)
            .where(
                LabelAssignment.image_id == image_id,
                LabelAssignment.annotator_id == who,
                LabelAssignment.state == "leased",
            )
            .values(state="released", leased_until=None)
        )


def reopen(ws, image_id: int) -> None:
    """Let an item be labelled again by one more person, whatever was answered so far."""
    with ws.session() as session:
        session.execute(
            update(LabelTask).where(LabelTask.image_id == image_id).values(status="started", updated_at=now())
        )
        session.execute(
            update(LabelAssignment)
            .where(LabelAssignment.image_id == image_id, LabelAssignment.state == "skipped")
            .values(state="released")
        )
    ws.audit.record("task.reopen", f"image {image_id}", {})


def reset_exam(ws, name: str, annotator: str) -> int:
    """Let a person take the exam of a collection again; return how many answers no longer count."""
    collection = get_collection(ws, name, counts=False)
    who = annotator_id(ws, annotator)
    images = select(LabelImage.id).where(LabelImage.collection_id == collection.id)
    with ws.session() as session:
        changed = session.execute(
            update(LabelAssignment)
            .where(
                LabelAssignment.annotator_id == who,
                LabelAssignment.purpose == "exam",
                LabelAssignment.image_id.in_(images),
            )
            .values(state="released", score=None)
            .execution_options(synchronize_session=False)
        ).rowcount
    ws.audit.record("exam.reset", collection.name, {"annotator": annotator})
    return changed


# -- review ---------------------------------------------------------------------------------------------------------


def review_queue(ws, name: str | int) -> list[dict]:
    """Return what waits for a reviewer: `{image_id, file, annotators}`, the longest waiting first."""
    collection = get_collection(ws, name, counts=False)
    with ws.reading() as session:
        rows = session.execute(
            select(LabelTask.image_id, LabelImage.file_name, LabelAnnotator.name)
            .join(LabelImage, LabelImage.id == LabelTask.image_id)
            .join(LabelAssignment, LabelAssignment.image_id == LabelTask.image_id)
            .join(LabelAnnotator, LabelAnnotator.id == LabelAssignment.annotator_id)
            .where(
                LabelTask.collection_id == collection.id,
                LabelTask.status == "review",
                LabelAssignment.state == "done",
            )
            .order_by(LabelTask.updated_at, LabelTask.image_id, LabelAnnotator.name)
        ).all()
    queue: dict[int, dict] = {}
    for image_id, file, who in rows:
        queue.setdefault(image_id, {"image_id": image_id, "file": file, "annotators": []})["annotators"].append(who)
    return list(queue.values())


def review(
    ws,
    image_id: int,
    author: str,
    verdict: str,
    *,
    reviewer: str,
    reason: str = "",
    comment: str = "",
    document: dict | None = None,
) -> None:
    """Say what becomes of an answer: approved, returned to its author with a reason, or fixed by the reviewer.

    A fix is the next revision of the author's answer, marked as the reviewer's; the author's own stays in its history.

    Raises:
        InputError: no such verdict, or a fix without a document.
        Conflict: the author has not answered the item, or reviews their own work.
    """
    if verdict not in ("approved", "returned", "fixed"):
        raise InputError(f"There is no verdict {verdict!r}.", hint="Use approved, returned or fixed.")
    if reviewer == author:
        raise Conflict("Nobody reviews their own answers.", hint="Ask somebody else to review this item.")
    if verdict == "fixed" and document is None:
        raise InputError("A fix needs the document as it should be.")
    answer = current(ws, image_id, author)
    if not answer.revision:
        raise NotFound(f"{author} has not answered this item.")
    if verdict == "fixed":
        client = f"review: {reviewer}"[:64]
        answer = save(ws, image_id, document, annotator=author, client=client, seq=answer.revision + 1, action="review")
    who, checker = annotator_id(ws, author), annotator_id(ws, reviewer)
    with ws.session() as session:
        session.add(
            LabelReview(
                image_id=image_id,
                annotator_id=who,
                reviewer_id=checker,
                revision=answer.revision,
                verdict=verdict,
                reason=reason[:200],
                comment=comment[:4000],
                created_at=now(),
            )  # fmt: skip
        )
        mine = (LabelAssignment.image_id == image_id) & (LabelAssignment.annotator_id == who)
        if verdict == "returned":
            session.execute(
                update(LabelAssignment).where(mine).values(state="returned", reason=reason[:200], leased_until=None)
            )
            status = "started"
        else:
            waiting = session.scalars(
                select(LabelAssignment.annotator_id).where(
                    LabelAssignment.image_id == image_id, LabelAssignment.state == "done"
                )
            ).all()
            judged = set(session.scalars(_newest_verdicts(image_id)))
            status = "done" if set(waiting) <= judged else "review"
        session.execute(update(LabelTask).where(LabelTask.image_id == image_id).values(status=status, updated_at=now()))
    ws.audit.record("label.review", f"image {image_id}", {"author": author, "verdict": verdict, "reason": reason})


def _newest_verdicts(image_id: int):
    """Select the people whose present answer to an item was judged."""
    newest = (
        select(func.max(LabelAnnotation.revision))
        .where(LabelAnnotation.image_id == image_id, LabelAnnotation.annotator_id == LabelReview.annotator_id)
        .correlate(LabelReview)
        .scalar_subquery()
    )
    return select(LabelReview.annotator_id).where(LabelReview.image_id == image_id, LabelReview.revision >= newest)


def checkers(ws, image_id: int, author: str) -> set[str]:
    """Return who reviewed an author's answer to an item."""
    return {r["reviewer"] for r in reviews(ws, image_id, author)}


def reviews(ws, image_id: int, author: str | None = None) -> list[dict]:
    """Return what reviewers said of an item, oldest first."""
    query = (
        select(LabelReview, LabelAnnotator.name)
        .join(LabelAnnotator, LabelAnnotator.id == LabelReview.annotator_id)
        .where(LabelReview.image_id == image_id)
        .order_by(LabelReview.id)
    )
    if author:
        query = query.where(LabelAnnotator.name == author)
    with ws.reading() as session:
        names = dict(session.execute(select(LabelAnnotator.id, LabelAnnotator.name)).all())
        return [
            {
                "author": name, "reviewer": names[row.reviewer_id], "revision": row.revision, "verdict": row.verdict,
                "reason": row.reason, "comment": row.comment, "at": row.created_at,
            }
            for row, name in session.execute(query)
        ]  # fmt: skip


# -- comments and flags ---------------------------------------------------------------------------------------------


def comment(ws, image_id: int, annotator: str, text: str, region: str = "") -> list[dict]:
    """Add a remark to an item (or one region of it) and return all of them."""
    text = text.strip()
    if not 0 < len(text) <= 4000:
        raise InputError("A comment has 1 to 4,000 characters.")
    who = annotator_id(ws, annotator)
    get_image(ws, image_id)
    with ws.session() as session:
        session.add(
            LabelComment(
                image_id=image_id,
                annotator_id=who,
                region=(region or "")[:64],
                text=text,
                resolved=False,
                created_at=now(),
            )  # fmt: skip
        )
    return comments(ws, image_id)


def comments(ws, image_id: int) -> list[dict]:
    with ws.reading() as session:
        rows = session.execute(
            select(LabelComment, LabelAnnotator.name)
            .join(LabelAnnotator, LabelAnnotator.id == LabelComment.annotator_id)
            .where(LabelComment.image_id == image_id)
            .order_by(LabelComment.id)
        ).all()
    return [
        {"id": c.id, "by": name, "text": c.text, "region": c.region, "resolved": c.resolved, "at": c.created_at}
        for c, name in rows
    ]


def resolve_comment(ws, comment_id: int, resolved: bool = True) -> None:
    with ws.session() as session:
        session.execute(update(LabelComment).where(LabelComment.id == comment_id).values(resolved=resolved))


# -- teams ----------------------------------------------------------------------------------------------------------


def set_team(ws, name: str, members: list[str]) -> list[str]:
    """Make or change a team and return its members, sorted.

    Raises:
        InputError: no name.
    """
    name = name.strip()
    if not name or len(name) > 200:
        raise InputError("A team needs a name of 1 to 200 characters.")
    people = sorted({m.strip() for m in members if m.strip()})
    with ws.session() as session:
        row = session.scalar(select(LabelTeam).where(LabelTeam.name == name))
        if row is None:
            session.add(LabelTeam(name=name, members=people))
        else:
            row.members = people
    ws.audit.record("team.set", name, {"members": len(people)})
    return people


def teams(ws) -> dict[str, list[str]]:
    with ws.reading() as session:
        return {t.name: t.members for t in session.scalars(select(LabelTeam).order_by(LabelTeam.name))}


def check_member(ws, flow: Workflow, annotator: str) -> None:
    """Raise a Conflict if items of this workflow go to a team that the person is not in."""
    if flow.team and annotator not in teams(ws).get(flow.team, []):
        raise Conflict(
            f"{annotator} is not in the team {flow.team!r} that labels this collection.",
            hint="Whoever runs the project can add people to the team.",
        )
