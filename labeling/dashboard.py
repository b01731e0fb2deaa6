"""How a project goes: progress, who did how much in what time, how right they are, and what waits for somebody."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC
from statistics import median

from sqlalchemy import select

from labeling.collections import count_by_status, get_collection
from labeling.scoring import wilson
from labeling.workflow import workflow_of
from labeling.workforce import FINISHED, FLAG, GOLD_RIGHT
from workspace.schema.labels import (
    LabelAnnotator,
    LabelAssignment,
    LabelComment,
    LabelGold,
    LabelImage,
    LabelReview,
)


def dashboard(ws, name: str | int) -> dict:
    """Return the state of a project as plain values.

    Returns:
        `items` by status; `answers` finished and wanted; `left_hours` of active time at the present median, None while
        unknown; `days` of `{day, answers, active_minutes}`; `people` of `{name, done, skipped, open, active_minutes,
        median_seconds, per_hour, gold, gold_right, accuracy, low, high, approved, returned, first_pass}` (accuracy on
        gold items with its 95 % Wilson interval; None without any); `skips` by reason; `flags` and open comments.
    """
    collection = get_collection(ws, name, counts=False)
    flow = workflow_of(collection)
    mine = LabelImage.collection_id == collection.id
    with ws.reading() as session:
        work = session.execute(
            select(LabelAssignment, LabelAnnotator.name)
            .join(LabelAnnotator, LabelAnnotator.id == LabelAssignment.annotator_id)
            .join(LabelImage, LabelImage.id == LabelAssignment.image_id)
            .where(mine)
        ).all()
        judged = session.execute(
            select(LabelReview.verdict, LabelReview.image_id, LabelAnnotator.name, LabelReview.id)
            .join(LabelAnnotator, LabelAnnotator.id == LabelReview.annotator_id)
            .join(LabelImage, LabelImage.id == LabelReview.image_id)
            .where(mine)
            .order_by(LabelReview.id)
        ).all()
        remarks = session.execute(
            select(LabelComment.text, LabelComment.image_id, LabelImage.file_name, LabelAnnotator.name)
            .join(LabelImage, LabelImage.id == LabelComment.image_id)
            .join(LabelAnnotator, LabelAnnotator.id == LabelComment.annotator_id)
            .where(mine, LabelComment.resolved.is_(False))
            .order_by(LabelComment.id)
        ).all()
        golds = set(
            session.scalars(
                select(LabelGold.image_id).join(LabelImage, LabelImage.id == LabelGold.image_id).where(mine)
            )
        )
    people = _people(work, judged)
    finished = sum(row.state in FINISHED for row, _ in work if row.image_id not in golds)
    items = count_by_status(ws, collection.id)
    wanted = (sum(items.values()) - len(golds)) * flow.people
    typical = [p["median_seconds"] for p in people if p["median_seconds"]]
    return {
        "collection": collection.name,
        "items": items,
        "gold": len(golds),
        "answers": {"finished": finished, "wanted": wanted},
        "left_hours": round(max(0, wanted - finished) * median(typical) / 3600, 2) if typical else None,
        "days": _days(work),
        "people": people,
        "skips": _count(row.reason or "No reason" for row, _ in work if row.state == "skipped"),
        "returns": _count(verdict for verdict, *_ in judged),
        "flags": [
            {"image_id": i, "file": f, "by": who} for text, i, f, who in remarks if text == FLAG
        ],
        "comments": [
            {"image_id": i, "file": f, "by": who, "text": text} for text, i, f, who in remarks if text != FLAG
        ],
    }  # fmt: skip


def _people(work, judged) -> list[dict]:
    rows: dict[str, list] = defaultdict(list)
    for row, who in work:
        rows[who].append(row)
    firsts: dict[tuple, str] = {}  # what a reviewer said first of each answer
    verdicts: dict[str, list] = defaultdict(list)
    for verdict, image, who, _ in judged:
        firsts.setdefault((image, who), verdict)
        verdicts[who].append(verdict)
    people = []
    for who, mine in sorted(rows.items()):
        done = [r for r in mine if r.state in (*FINISHED, "returned")]
        seconds = [r.active_seconds for r in done if r.active_seconds > 0]
        scores = [r.score for r in mine if r.score is not None]
        right = sum(s >= GOLD_RIGHT for s in scores)
        low, high = wilson(right, len(scores))
        first = [v for (_, name), v in firsts.items() if name == who]
        active = sum(r.active_seconds for r in mine)
        people.append(
            {
                "name": who,
                "done": sum(r.state == "done" for r in mine),
                "skipped": sum(r.state == "skipped" for r in mine),
                "open": sum(r.state in ("leased", "returned") for r in mine),
                "active_minutes": round(active / 60, 1),
                "median_seconds": round(median(seconds), 1) if seconds else None,
                "per_hour": round(len(done) * 3600 / active, 1) if active and done else None,
                "gold": len(scores),
                "gold_right": right,
                "accuracy": round(right / len(scores), 4) if scores else None,
                "low": round(low, 4) if scores else None,
                "high": round(high, 4) if scores else None,
                "approved": verdicts[who].count("approved") + verdicts[who].count("fixed"),
                "returned": verdicts[who].count("returned"),
                "first_pass": round(first.count("approved") / len(first), 4) if first else None,
            }
        )
    return people


def _days(work) -> list[dict]:
    days: dict[str, dict] = {}
    for row, _ in work:
        if row.state in FINISHED and row.finished_at:
            day = days.setdefault(
                row.finished_at.astimezone(UTC).date().isoformat(), {"answers": 0, "active_minutes": 0.0}
            )
            day["answers"] += 1
            day["active_minutes"] += row.active_seconds / 60
    return [{"day": d, **v, "active_minutes": round(v["active_minutes"], 1)} for d, v in sorted(days.items())]


def _count(values) -> dict[str, int]:
    found: dict[str, int] = {}
    for value in values:
        found[value] = found.get(value, 0) + 1
    return dict(sorted(found.items(), key=lambda kv: (-kv[1], kv[0])))
