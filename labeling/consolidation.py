"""From several people's answers to one: majority vote for classes, averaged clusters for boxes; and how far they agree."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from labeling.annotations import Answer, current_documents
from labeling.boxes import iou, match
from labeling.collections import list_images
from labeling.documents import number


def consolidate_answers(answers: list[Answer], least_iou: float = 0.5, quorum: float = 0.5) -> dict:
    """Return one document out of several people's documents.

    Boxes of one label are put into clusters by overlap (at most one box of each person in a cluster); a cluster that
    at least the share `quorum` of the people drew becomes a box with the mean of their coordinates. A class of the image
    stays when at least `quorum` of the people chose it. `score` of a box is the share of people who drew it. One answer
    alone is returned as it is: nothing was compared.

    Limit: every person counts the same.
    """
    if len(answers) == 1:
        return answers[0].document
    people = len(answers)
    boxes = []
    for cluster in _clusters(answers, least_iou):
        if len(cluster) >= quorum * people:
            mean = {side: number(sum(b[side] for b in cluster) / len(cluster)) for side in "xywh"}
            boxes.append({"label": cluster[0]["label"], **mean, "score": number(round(len(cluster) / people, 4))})
    boxes.sort(key=lambda b: (b["y"], b["x"], b["label"]))
    votes = Counter(name for answer in answers for name in answer.document["classes"])
    return {
        "boxes": [{"id": f"b{i}", **box} for i, box in enumerate(boxes, 1)],
        "classes": sorted((n for n, v in votes.items() if v >= quorum * people), key=lambda n: (-votes[n], n)),
    }


def _clusters(answers: list[Answer], least: float) -> list[list[dict]]:
    """Greedily put each box to the cluster of its label whose first box it overlaps most."""
    clusters: list[tuple[dict, list[dict], set]] = []  # first box, members, people
    for person, answer in enumerate(answers):
        for box in answer.document["boxes"]:
            options = [
                (iou(first, box), -place)
                for place, (first, _, people) in enumerate(clusters)
                if first["label"] == box["label"] and person not in people
            ]
            best = max(options, default=(0.0, 0))
            if best[0] >= least:
                _, members, people = clusters[-best[1]]
                members.append(box)
                people.add(person)
            else:
                clusters.append((box, [box], {person}))
    return [members for _, members, _ in clusters]


def consolidate(ws, name: str, least_iou: float = 0.5, quorum: float = 0.5) -> dict[int, dict]:
    """Return `{image id: consolidated document}` for every image that a person answered."""
    return {
        image_id: consolidate_answers(group, least_iou, quorum)
        for image_id, group in current_documents(ws, name, kind="person").items()
    }


def agreement(ws, name: str, least_iou: float = 0.5) -> dict:
    """Return how far people agree, for each pair of them and in all.

    Returns:
        `pairs` of `{left, right, images, box_f1, mean_iou, class_agreement}`: `box_f1` is 2 × matched / all boxes at
        `least_iou` with equal labels (None where neither drew any), `mean_iou` that of matched boxes,
        `class_agreement` the share with equal classes of the images that either gave a class. And the same over all pairs.
    """
    groups = current_documents(ws, name, kind="person")
    files = {image.id: image.file_name for image in list_images(ws, name)}
    pairs: dict[tuple[str, str], dict] = {}
    images = []
    for image_id, group in groups.items():
        matched = total = 0
        for left, right in combinations(group, 2):
            pair = pairs.setdefault(
                (left.annotator, right.annotator), {"images": 0, "m": 0, "n": 0, "iou": 0.0, "same": 0, "classed": 0}
            )
            found = match(left.document["boxes"], right.document["boxes"], least_iou)
            both = len(left.document["boxes"]) + len(right.document["boxes"])
            pair["images"] += 1
            pair["m"] += len(found)
            pair["n"] += both
            pair["iou"] += sum(overlap for *_, overlap in found)
            mine, theirs = set(left.document["classes"]), set(right.document["classes"])
            pair["classed"] += bool(mine | theirs)
            pair["same"] += bool(mine) and mine == theirs
            matched += len(found)
            total += both
        if len(group) > 1:
            images.append({"file": files[image_id], "annotators": len(group), "box_f1": _share(2 * matched, total)})
    rows = [
        {
            "left": left,
            "right": right,
            "images": p["images"],
            "box_f1": _share(2 * p["m"], p["n"]),
            "mean_iou": _share(p["iou"], p["m"]),
            "class_agreement": _share(p["same"], p["classed"]),
        }
        for (left, right), p in sorted(pairs.items())
    ]
    sums = {key: sum(p[key] for p in pairs.values()) for key in ("m", "n", "iou", "same", "classed")}
    return {
        "box_f1": _share(2 * sums["m"], sums["n"]),
        "mean_iou": _share(sums["iou"], sums["m"]),
        "class_agreement": _share(sums["same"], sums["classed"]),
        "images": len(images),
        "pairs": rows,
        "least_agreed": sorted((i for i in images if i["box_f1"] is not None), key=lambda i: i["box_f1"])[:20],
    }


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 6) if whole else None
