"""Looking things up for screens and commands: items by name and state, people, skips, exams, answers to review."""

from __future__ import annotations

from sqlalchemy import func, select

from labeling.collections import ImageInfo, _image, get_collection
from labeling.gold import gold_documents
from labeling.workflow import workflow_of
from labeling.workforce import FINISHED, teams
from workspace.schema.labels import LabelAnnotation, LabelAnnotator, LabelAssignment, LabelImage, LabelReview, LabelTask


def find_items(
    ws, name: str | int, *, words: str = "", status: str | None = None, offset: int = 0, limit: int = 24
) -> tuple[list[ImageInfo], int]:
    """Return a window of the items whose name has these words and whose task is in this state, and how many there are."""
    collection = get_collection(ws, name, counts=False)
    where = [LabelImage.collection_id == collection.id]
    where += [LabelImage.file_name.icontains(word, autoescape=True) for word in words.split()]
    if status:
        where.append(LabelTask.status == status)
    joined = select(LabelImage, LabelTask.status).join(LabelTask, LabelTask.image_id == LabelImage.id).where(*where)
    with ws.reading() as session:
        count = session.scalar(select(func.count()).select_from(joined.subquery()))
        rows = session.execute(joined.order_by(LabelImage.position, LabelImage.id).offset(offset).limit(limit)).all()
        return [_image(*row) for row in rows], count


def known_people(ws) -> list[str]:
    """Return everybody who ever answered, and every member of a team, sorted."""
    with ws.reading() as session:
        names = set(session.scalars(select(LabelAnnotator.name).where(LabelAnnotator.kind == "person")))
    return sorted(names | {member for members in teams(ws).values() for member in members}, key=str.casefold)


def answered_items(ws, name: str | int, person: str, words: str = "", limit: int = 50) -> list[ImageInfo]:
    """Return items that a person answered, with these words in their names."""
    collection = get_collection(ws, name, counts=False)
    theirs = (
        select(LabelAnnotation.image_id)
        .join(LabelAnnotator, LabelAnnotator.id == LabelAnnotation.annotator_id)
        .where(LabelAnnotator.name == person)
    )
    where = [LabelImage.file_name.icontains(word, autoescape=True) for word in words.split()]
    with ws.reading() as session:
        rows = session.execute(
            select(LabelImage, LabelTask.status)
            .join(LabelTask, LabelTask.image_id == LabelImage.id)
            .where(LabelImage.collection_id == collection.id, LabelImage.id.in_(theirs), *where)
            .order_by(LabelImage.position, LabelImage.id)
            .limit(limit)
        ).all()
        return [_image(*row) for row in rows]


def item_names(ws, ids) -> dict[int, str]:
    """Return `{item id: name}` of these items."""
    found: dict[int, str] = {}
    wanted = list(ids)
    with ws.reading() as session:
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            found |= dict(
                session.execute(select(LabelImage.id, LabelImage.file_name).where(LabelImage.id.in_(part))).all()
            )
    return found


def skips(ws, name: str | int, limit: int = 100) -> list[dict]:
    """Return the newest skips of a collection: `{image_id, file, by, reason, status}`."""
    collection = get_collection(ws, name, counts=False)
    with ws.reading() as session:
        rows = session.execute(
            select(LabelImage.id, LabelImage.file_name, LabelAnnotator.name, LabelAssignment.reason, LabelTask.status)
            .join(LabelImage, LabelImage.id == LabelAssignment.image_id)
            .join(LabelTask, LabelTask.image_id == LabelImage.id)
            .join(LabelAnnotator, LabelAnnotator.id == LabelAssignment.annotator_id)
            .where(LabelImage.collection_id == collection.id, LabelAssignment.state == "skipped")
            .order_by(LabelAssignment.finished_at.desc(), LabelAssignment.id.desc())
            .limit(limit)
        ).all()
    return [dict(zip(("image_id", "file", "by", "reason", "status"), row, strict=True)) for row in rows]


def exam_results(ws, name: str | int) -> list[dict]:
    """Return how far people are with the exam of a collection: `{name, answered, of, share, passed}`.

    `share` is the mean score (0 to 1) of what they answered, `passed` None while something is missing.
    """
    collection = get_collection(ws, name, counts=False)
    flow = workflow_of(collection)
    if flow.exam is None:
        return []
    wanted = sorted(gold_documents(ws, collection.id, exam=True))[: flow.exam.items]
    with ws.reading() as session:
        rows = session.execute(
            select(LabelAnnotator.name, LabelAssignment.score)
            .join(LabelAnnotator, LabelAnnotator.id == LabelAssignment.annotator_id)
            .where(
                LabelAssignment.image_id.in_(wanted),
                LabelAssignment.purpose == "exam",
                LabelAssignment.state.in_(FINISHED),
            )
            .order_by(LabelAnnotator.name)
        ).all()
    scores: dict[str, list[float]] = {}
    for person, score in rows:
        scores.setdefault(person, []).append(score or 0.0)
    found = []
    for person, mine in scores.items():
        share = sum(mine) / len(mine)
        whole = len(mine) >= len(wanted)
        found.append(
            {
                "name": person,
                "answered": len(mine),
                "of": len(wanted),
                "share": round(share, 4),
                "passed": share >= flow.exam.pass_mark if whole else None,
            }
        )
    return found


def to_review(ws, name: str | int, reviewer: str, limit: int | None = None) -> list[dict]:
    """Return the answers that wait for this reviewer, the longest waiting first: `{image_id, file, author, regions, classes}`.

    Left out are their own answers, and those whose present revision was judged.
    """
    collection = get_collection(ws, name, counts=False)
    newest = (
        select(LabelAnnotation.image_id, LabelAnnotation.annotator_id, func.max(LabelAnnotation.revision).label("last"))
        .where(LabelAnnotation.image_id.in_(select(LabelImage.id).where(LabelImage.collection_id == collection.id)))
        .group_by(LabelAnnotation.image_id, LabelAnnotation.annotator_id)
        .subquery()
    )
    judged = (
        select(LabelReview.id)
        .where(
            LabelReview.image_id == LabelAnnotation.image_id,
            LabelReview.annotator_id == LabelAnnotation.annotator_id,
            LabelReview.revision >= LabelAnnotation.revision,
        )
        .exists()
    )
    with ws.reading() as session:
        rows = session.execute(
            select(LabelImage.id, LabelImage.file_name, LabelAnnotator.name, LabelAnnotation.document)
            .join(LabelTask, LabelTask.image_id == LabelImage.id)
            .join(LabelAssignment, LabelAssignment.image_id == LabelImage.id)
            .join(LabelAnnotator, LabelAnnotator.id == LabelAssignment.annotator_id)
            .join(
                newest,
                (newest.c.image_id == LabelImage.id) & (newest.c.annotator_id == LabelAssignment.annotator_id),
            )
            .join(
                LabelAnnotation,
                (LabelAnnotation.image_id == newest.c.image_id)
                & (LabelAnnotation.annotator_id == newest.c.annotator_id)
                & (LabelAnnotation.revision == newest.c.last),
            )
            .where(
                LabelTask.collection_id == collection.id,
                LabelTask.status == "review",
                LabelAssignment.state == "done",
                LabelAnnotator.name != reviewer,
                ~judged,
            )
            .order_by(LabelTask.updated_at, LabelImage.id, LabelAnnotator.name)
            .limit(limit)
        ).all()
    return [
        {
            "image_id": image_id,
            "file": file,
            "author": author,
            "regions": len(document["regions"]),
            "classes": ", ".join(document["classes"]),
        }
        for image_id, file, author, document in rows
    ]


def forecast(board: dict, days: int = 7) -> dict:
    """Say how long a project will take, from its dashboard.

    Returns:
        `left` answers; `per_day`, the mean over the last days with work; `days` at this pace, None while nothing was done.
    """
    left = max(0, board["answers"]["wanted"] - board["answers"]["finished"])
    worked = [day["answers"] for day in board["days"] if day["answers"]][-days:]
    per_day = sum(worked) / len(worked) if worked else 0.0
    return {"left": left, "per_day": round(per_day, 1), "days": -(-left // per_day) if per_day else None}
