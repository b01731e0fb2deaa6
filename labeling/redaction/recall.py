"""How much is hidden of what should be, on your own images: label some, measure, choose a threshold.

A face or plate counts as hidden when at least three quarters of its box lie under the regions. With fifty labelled images
the interval is wide, and it says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from labeling.annotations import current_documents
from labeling.autolabel.certify import accuracy_bound
from labeling.collections import get_collection, image_path, list_images
from labeling.pictures import read_picture
from labeling.redaction.coverage import covered
from labeling.redaction.detectors import default_detectors
from labeling.scoring import wilson
from labeling.shapes import bounds
from transforms.errors import Conflict, InputError

STEPS = tuple(round(0.05 * n, 2) for n in range(2, 19))


@dataclass(frozen=True)
class Recall:
    """Of one kind: `truth` boxes, how many are hidden, the share with its 95 % interval, and what is hidden beside."""

    kind: str
    truth: int
    hidden: int
    recall: float | None
    low: float
    high: float
    over: float  # mean share of an image that is hidden and need not be
    by_threshold: list[dict]
    suggested: float | None
    missed: list[dict]


def measure(
    ws,
    name: str,
    *,
    annotator: str | None = None,
    detectors=None,
    target: float = 0.95,
    progress: Callable[[float, str], None] | None = None,
) -> list[Recall]:
    """Measure detectors on the images of a collection that people labelled with boxes called face or plate.

    Args:
        annotator: whose boxes are the truth; by default those of everybody, taken together.
        detectors: what to measure; by default what redacts here.
        target: recall that the suggested threshold must reach with 95 % confidence (exact binomial bound). Where none
            does, nothing is suggested.

    Raises:
        Conflict: nobody has labelled a face or a plate, or the originals are gone.
    """
    if not 0 < target < 1:
        raise InputError("The target is a share between 0 and 1.")
    collection = get_collection(ws, name, counts=False)
    detectors = list(detectors if detectors is not None else default_detectors())
    kinds = sorted({d.kind for d in detectors})
    truth = _truth(ws, collection.id, annotator, kinds)
    images = [i for i in list_images(ws, collection.id) if i.id in truth and i.has_pixels and not i.purged]
    if not images or not any(boxes for i in images for boxes in truth[i.id].values()):
        raise Conflict(
            f"No original of {collection.name!r} is labelled with a box called {' or '.join(kinds)}.",
            hint="Draw all faces and plates on about fifty images first, also on those that have none.",
        )
    looks = []
    for count, image in enumerate(images):
        if progress:
            progress(count / len(images), image.file_name)
        bgr = read_picture(image_path(ws, image.sha256, image.suffix), image.file_name).bgr
        looks.append((image, bgr.shape[:2], [r for d in detectors for r in d.detect(bgr)]))
    return [_of_kind(kind, looks, truth, target) for kind in kinds]


def _truth(ws, collection_id: int, annotator: str | None, kinds: list[str]) -> dict[int, dict[str, list]]:
    truth: dict[int, dict[str, list]] = {}
    for image_id, answers in current_documents(ws, collection_id, kind="person").items():
        for answer in answers:
            if annotator is not None and answer.annotator != annotator:
                continue
            mine = truth.setdefault(image_id, {kind: [] for kind in kinds})
            for region in answer.document["regions"]:
                box = bounds(region) if region["shape"] != "span" else None
                if region["label"] in kinds and box and box not in mine[region["label"]]:
                    mine[region["label"]].append(box)
    return truth


def _of_kind(kind: str, looks: list, truth: dict, target: float) -> Recall:
    rows = []
    for least in (0.0, *STEPS):
        hidden, over, missed = _score(kind, looks, truth, least)
        rows.append({"threshold": least, "hidden": hidden, "over": round(over, 4), "missed": missed})
    total = sum(len(truth[image.id][kind]) for image, _, _ in looks)
    for row in rows:
        row["recall"] = round(row["hidden"] / total, 4) if total else None
        # at least this recall, with 95 % confidence
        row["bound"] = round(accuracy_bound(total - row["hidden"], total, 0.95), 4) if total else None
    good = [row["threshold"] for row in rows if row["bound"] is not None and row["bound"] >= target]
    now = rows[0]
    low, high = wilson(now["hidden"], total)
    missed = now["missed"]
    return Recall(
        kind, total, now["hidden"], now["recall"], round(low, 4), round(high, 4), now["over"],
        [{k: v for k, v in row.items() if k != "missed"} for row in rows], max(good, default=None), missed[:200],
    )  # fmt: skip


def _score(kind: str, looks: list, truth: dict, least: float) -> tuple[int, float, list[dict]]:
    hidden, over, missed = 0, 0.0, []
    for image, size, regions in looks:
        boxes = truth[image.id][kind]
        found, beside = covered([r for r in regions if r.kind == kind and r.score >= least], boxes, size)
        over += beside
        hidden += sum(found)
        missed += [
            {"image_id": image.id, "file": image.file_name, **dict(zip("xywh", box, strict=True))}
            for box, is_hidden in zip(boxes, found, strict=True)
            if not is_hidden
        ]
    return hidden, over / max(1, len(looks)), missed
