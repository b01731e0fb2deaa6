"""Gold: items whose right answer is known. They are mixed unseen into people's work, and asked in exams."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from labeling.annotations import current
from labeling.collections import get_collection, get_image, list_images
from labeling.documents import checked
from transforms.errors import Conflict, InputError
from workspace.schema.base import now
from workspace.schema.labels import LabelGold, LabelImage, LabelTask


def set_gold(
    ws, image_id: int, document: dict | None = None, *, annotator: str | None = None, exam: bool = False
) -> dict:
    """Make an item gold, with this document or with an annotator's current one, and return the document.

    Raises:
        InputError: neither a document nor an annotator, or the document is not right.
        Conflict: the annotator has not answered this item.
    """
    image = get_image(ws, image_id)
    if document is None:
        if not annotator:
            raise InputError("A gold item needs its right answer.", hint="Give a document, or whose answer it is.")
        answer = current(ws, image_id, annotator)
        if not answer.revision:
            raise Conflict(f"{annotator} has not answered {image.file_name}.")
        document = answer.document
    document = checked(document, image.width, image.height)
    with ws.session() as session:
        session.execute(delete(LabelGold).where(LabelGold.image_id == image_id))
        session.add(LabelGold(image_id=image_id, document=document, exam=exam, created_at=now()))
        _set_status(session, image_id, "done")  # nothing is left to find out about it
    ws.audit.record("gold.set", f"image {image_id}", {"exam": exam})
    return document


def drop_gold(ws, image_id: int) -> None:
    """Make a gold item an ordinary one again."""
    with ws.session() as session:
        gone = session.execute(delete(LabelGold).where(LabelGold.image_id == image_id)).rowcount
        if gone:
            _set_status(session, image_id, "todo")
    ws.audit.record("gold.drop", f"image {image_id}", {})


def _set_status(session, image_id: int, status: str) -> None:
    session.execute(update(LabelTask).where(LabelTask.image_id == image_id).values(status=status, updated_at=now()))


def gold_documents(ws, name: str | int, exam: bool | None = None) -> dict[int, dict]:
    """Return `{image id: right document}` of a collection; only exam items, or only others, if `exam` says so."""
    collection = get_collection(ws, name, counts=False)
    query = (
        select(LabelGold)
        .join(LabelImage, LabelImage.id == LabelGold.image_id)
        .where(LabelImage.collection_id == collection.id)
        .order_by(LabelGold.image_id)
    )
    if exam is not None:
        query = query.where(LabelGold.exam == exam)
    with ws.reading() as session:
        return {row.image_id: row.document for row in session.scalars(query)}


def gold_from_label_set(ws, name: str, share: float = 0.1, exam: bool = False) -> int:
    """Make the items gold that most people agreed on fully, up to a share of the collection; return how many.

    Only items with at least two answers that are all alike count, so nobody's single opinion becomes the truth.
    """
    from labeling.annotations import current_documents
    from labeling.scoring import score

    if not 0 < share <= 1:
        raise InputError("The share is above 0 and at most 1.")
    known = gold_documents(ws, name)
    most = max(1, round(share * len(list_images(ws, name)))) - len(known)
    made = 0
    for image_id, answers in sorted(current_documents(ws, name, kind="person").items()):
        if made >= most:
            break
        first = answers[0].document
        if image_id in known or len(answers) < 2 or any(score(a.document, first) < 0.9 for a in answers[1:]):
            continue
        set_gold(ws, image_id, first, exam=exam)
        made += 1
    return made
