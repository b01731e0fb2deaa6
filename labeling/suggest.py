"""Help for annotators: boxes proposed by detectors, which image to label next, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from labeling.annotations import current_documents, save, set_priorities
from labeling.boxes import match
from labeling.collections import add_classes, count_by_status, get_collection, get_image, image_path, list_images
from labeling.documents import boxes
from labeling.pictures import read_picture
from labeling.redaction.detectors import default_detectors, find_regions
from transforms.errors import AppError, InputError, NotFound
from workspace.schema.base import now

WAYS = ("least-labeled", "disagreement")


def propose(ws, image_id: int, detectors, least_score: float = 0.5) -> dict:
    """Return a document with the boxes that detectors see on the original of one image."""
    image = get_image(ws, image_id)
    if not image.has_pixels or image.purged:
        raise NotFound(f"The pixels of {image.file_name} are not here, so no detector can look at it.")
    bgr = read_picture(image_path(ws, image.sha256, image.suffix), image.file_name).bgr
    regions = sorted(find_regions(bgr, detectors, least_score), key=lambda r: (r.y, r.x))
    return {
        "regions": [
            {"id": f"m{i}", "shape": "box", "label": r.kind, "x": r.x, "y": r.y, "w": r.w, "h": r.h, "score": r.score}
            for i, r in enumerate(regions, 1)
        ],
        "classes": [],
    }


def auto_label(
    ws,
    name: str,
    *,
    faces: bool = True,
    plates: bool = True,
    least_score: float = 0.5,
    detectors=None,
    progress: Callable[[float, str], None] | None = None,
) -> dict:
    """Let detectors propose boxes for every image that no person has answered yet.

    Proposals are answers of the annotator "model: detectors", never of a person: they show in the annotator as a start,
    are exported as predictions, and are not part of consolidation.

    Returns:
        `{"images", "boxes", "skipped", "problems"}`.
    """
    detectors = detectors if detectors is not None else default_detectors(faces, plates)
    if not detectors:
        raise InputError("Neither faces nor plates are asked for.", hint="Switch on at least one of them.")
    collection = get_collection(ws, name)
    answered = {i for i, g in current_documents(ws, name, kind="person").items()}
    add_classes(ws, collection.id, sorted({d.kind for d in detectors}))
    images = list_images(ws, name)
    result: dict = {"images": 0, "boxes": 0, "skipped": 0, "problems": []}
    client = f"auto-{now().isoformat()}"
    for count, image in enumerate(images):
        if progress:
            progress(count / len(images), image.file_name)
        if image.id in answered or not image.has_pixels or image.purged:
            result["skipped"] += 1
            continue
        try:
            document = propose(ws, image.id, detectors, least_score)
        except AppError as error:
            result["problems"].append(str(error))
            continue
        save(ws, image.id, document, annotator=MODEL, client=client, seq=1, kind="model", action="auto")
        result["images"] += 1
        result["boxes"] += len(document["regions"])
    ws.audit.record("collection.auto", name, {k: result[k] for k in ("images", "boxes")})
    return result


MODEL = "model: detectors"


def query(ws, name: str, by: str = "least-labeled", n: int = 10, prioritise: bool = False) -> list[dict]:
    """Return the images to label next, best first.

    Args:
        by: "least-labeled": fewest people's answers first. "disagreement": first where a model's boxes and the people's
            (or several models', or several people's) overlap least, measured as 1 − F1 of boxes at IoU 0.5; then images
            where nothing can be compared.
        prioritise: let `next_task` follow this order.
    """
    if by not in WAYS:
        raise InputError(f"There is no order {by!r}.", hint=f"Use one of {', '.join(WAYS)}.")
    groups = current_documents(ws, name)
    rows = []
    for image in list_images(ws, name):
        group = groups.get(image.id, [])
        people = [a for a in group if a.kind == "person"]
        if by == "least-labeled":
            score = -float(len(people))
        else:
            score = _disagreement(group)
        rows.append((score, image, len(people)))
    rows.sort(key=lambda r: (r[0] is None, -(r[0] or 0.0), r[2], r[1].position))
    if prioritise:
        set_priorities(ws, {image.id: float(len(rows) - place) for place, (_, image, _) in enumerate(rows)})
    return [
        {"image_id": image.id, "file": image.file_name, "status": image.status, "answers": people, "score": score}
        for score, image, people in rows[: max(0, n)]
    ]


def _disagreement(group) -> float | None:
    if len(group) < 2:
        return None
    matched = total = 0
    for i, left in enumerate(group):
        for right in group[i + 1 :]:
            matched += len(match(boxes(left.document), boxes(right.document)))
            total += len(boxes(left.document)) + len(boxes(right.document))
    return round(1 - 2 * matched / total, 6) if total else 0.0


def stats(ws, name: str) -> dict:
    """Return counts of a collection: images by status, regions ("boxes") and classes by name, answers by annotator."""
    collection = get_collection(ws, name)
    regions: Counter = Counter()
    classes: Counter = Counter()
    people: dict[str, dict] = {}
    answered = set()
    for image_id, group in current_documents(ws, name).items():
        for answer in group:
            mine = people.setdefault(answer.annotator, {"kind": answer.kind, "images": 0, "boxes": 0})
            mine["images"] += 1
            mine["boxes"] += len(answer.document["regions"])
            if answer.kind == "person":
                answered.add(image_id)
                regions.update(r["label"] for r in answer.document["regions"])
                classes.update(answer.document["classes"])
    return {
        "collection": collection.name,
        "images": collection.images,
        "answered": len(answered),
        "redacted": collection.redacted,
        "status": count_by_status(ws, collection.id),
        "boxes": {c["name"]: regions.get(c["name"], 0) for c in collection.classes},
        "classes": {c["name"]: classes.get(c["name"], 0) for c in collection.image_classes},
        "annotators": [
            {"name": n, "kind": c["kind"], "images": c["images"], "boxes": c["boxes"]}
            for n, c in sorted(people.items())
        ],
    }
