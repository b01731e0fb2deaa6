"""From several people's answers in a collection to one for each item; and how far people agree. Nothing is changed."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from labeling.annotations import Answer, current_documents
from labeling.boxes import best_pairs, match
from labeling.collections import list_images
from labeling.consensus.boxes import LEAST_ALIKE, consolidate_regions
from labeling.consensus.multilabel import consolidate_labels
from labeling.consensus.shapes import similarities, text_medoid
from labeling.consensus.votes import METHODS, consolidate_votes
from labeling.documents import boxes
from labeling.gold import gold_documents
from labeling.shapes import AREAL, overlap
from transforms.errors import InputError


def consolidate(
    ws,
    name: str,
    least_iou: float = LEAST_ALIKE,
    quorum: float | None = None,
    *,
    method: str = "auto",
    gold: dict[int, dict] | None = None,
    groups: dict[int, list[Answer]] | None = None,
) -> dict[int, dict]:
    """Return `{image id: consolidated document}` for every image that a person answered.

    The same answers give the same result, and people's answers stay as they are.

    Args:
        least_iou: likeness from which two regions may be the same thing.
        quorum: keep what at least this share of people drew or chose; by default that is learnt from all answers.
        method: how classes are decided, see `labeling.consensus.votes`.
        gold: `{image id: document}` known to be right, on which confidence is calibrated; by default the collection's
            gold items, which then are their own result.
        groups: people's current answers, where they are at hand.

    Returns:
        Documents whose regions carry `score` (confidence) and `extra.consensus` {people, agreed, disagreed, method,
        confidence_kind}; `extra.consensus` of the document has the same for `classes` and `fields`, by name. An image
        that one person answered keeps that answer, marked "no consensus".
    """
    if method not in METHODS:
        raise InputError(f"{method!r} is not a way to consolidate.", hint=f"Use one of {', '.join(METHODS)}.")
    groups = current_documents(ws, name, kind="person") if groups is None else groups
    sizes = {image.id: (image.width or 0, image.height or 0) for image in list_images(ws, name)}
    extent = max((max(sizes.get(i, (0, 0))) for i in groups), default=0)
    known = gold_documents(ws, name) if gold is None else {}
    made = consolidate_documents(groups, least_iou, quorum, method=method, gold=gold or known or None, extent=extent)
    for image_id, document in known.items():
        if image_id in made:
            about = {"people": len(groups[image_id]), "confidence_kind": "gold"}
            made[image_id] = {**document, "extra": {**document.get("extra", {}), "consensus": about}}
    return made


def consolidate_answers(answers: list[Answer], least_iou: float = LEAST_ALIKE, quorum: float = 0.5) -> dict:
    """Return one document of several people's for one item, where nothing can be learnt: `quorum` decides.

    Regions that at least the share `quorum` of the people drew are kept with the median of their coordinates, and classes that
    as many chose. One answer alone is returned as it is.
    """
    if len(answers) == 1:
        return answers[0].document
    return consolidate_documents({0: answers}, least_iou, quorum)[0]


def consolidate_documents(
    groups: dict[int, list[Answer]],
    least_iou: float = LEAST_ALIKE,
    quorum: float | None = None,
    *,
    method: str = "auto",
    gold: dict[int, dict] | None = None,
    extent: float = 0,
) -> dict[int, dict]:
    """Do what `consolidate` does for `{item: answers}`; `extent` is the longest side of an image in pixels."""
    documents = {i: {a.annotator: a.document for a in group} for i, group in groups.items()}
    regions, _ = consolidate_regions(
        {i: {who: d["regions"] for who, d in people.items()} for i, people in documents.items()},
        least=least_iou,
        quorum=quorum,
        scale=0.02 * extent or 10.0,
        gold={i: d["regions"] for i, d in gold.items()} if gold else None,
    )
    classes = _classes(documents, "majority" if quorum is not None else method, quorum, gold)
    out = {}
    for item, people in documents.items():
        made: dict = {"regions": regions[item], "classes": [c["label"] for c in classes[item]]}
        about = {
            c["label"]: {k: v for k, v in c.items() if k != "label"} | {"people": len(people)} for c in classes[item]
        }
        fields, about_fields = _fields(list(people.values()), list(people))
        if len(people) == 1:
            (document,) = people.values()
            made = {**document, "regions": regions[item]}
        elif fields:
            made["fields"] = fields
        consensus = {k: v for k, v in (("classes", about), ("fields", about_fields)) if v}
        if consensus:
            made["extra"] = {**made.get("extra", {}), "consensus": consensus}
        out[item] = made
    return out


def _classes(documents: dict, method: str, quorum: float | None, gold: dict | None) -> dict[int, list[dict]]:
    """One class each where nobody ever chose two; otherwise every class is a yes or no."""
    chosen = {i: {who: d["classes"] for who, d in people.items()} for i, people in documents.items()}
    right = {i: d["classes"] for i, d in gold.items() if i in chosen} if gold else None
    every = [c for people in chosen.values() for c in people.values()]
    if not any(every):
        return {i: [] for i in documents}
    if any(len(c) > 1 for c in every) or quorum is not None:
        if quorum is not None:
            return {i: _by_quorum(people, quorum) for i, people in chosen.items()}
        return consolidate_labels(chosen, method=method, gold=right)
    rows = [(i, who, said[0]) for i, people in chosen.items() for who, said in people.items() if said]
    one = {i: c[0] for i, c in right.items() if len(c) == 1} if right else None
    found = consolidate_votes(*zip(*rows, strict=True), method=method, gold=one)
    out: dict[int, list[dict]] = {i: [] for i in documents}
    for task in found.tasks:
        said = {who: c[0] for who, c in chosen[task["task"]].items() if c}
        agreed = sorted(who for who, label in said.items() if label == task["label"])
        out[task["task"]] = [
            {k: task[k] for k in ("label", "confidence", "confidence_kind")}
            | {"agreed": agreed, "disagreed": sorted(set(said) - set(agreed)), "method": found.method}
        ]
    return out


def _by_quorum(people: dict[str, list], quorum: float) -> list[dict]:
    votes = Counter(name for chosen in people.values() for name in chosen)
    kept = sorted((n for n, v in votes.items() if v >= quorum * len(people)), key=lambda n: (-votes[n], n))
    rows = []
    for name in kept:
        agreed = sorted(who for who, chosen in people.items() if name in chosen)
        row = {"label": name, "confidence": round(votes[name] / len(people), 4), "confidence_kind": "vote share"}
        rows.append(row | {"agreed": agreed, "disagreed": sorted(set(people) - set(agreed)), "method": "fixed quorum"})
    return rows


def _fields(documents: list[dict], people: list[str]) -> tuple[dict, dict]:
    """Free answers: of texts the one nearest to the others, of anything else the most frequent."""
    values, about = {}, {}
    for name in dict.fromkeys(n for d in documents for n in d.get("fields", {})):
        given = [
            (who, d["fields"][name]) for who, d in zip(people, documents, strict=True) if name in d.get("fields", {})
        ]
        said = [v for _, v in given]
        if all(isinstance(v, str) for v in said):
            best, like = text_medoid(said)
        else:
            text = Counter(map(repr, said)).most_common(1)[0][0]
            best = next(v for v in said if repr(v) == text)
            like = sum(repr(v) == text for v in said) / len(said)
        values[name] = best
        agreed = sorted(who for who, v in given if v == best)
        about[name] = {
            "people": len(people), "agreed": agreed, "disagreed": sorted(set(people) - set(agreed)),
            "confidence": round(like, 4) if len(people) > 1 else None,
            "confidence_kind": "likeness to the others" if len(people) > 1 else "no consensus",
        }  # fmt: skip
    return values, about


def agreement(ws, name: str, least_iou: float = 0.5) -> dict:
    """Return how far people agree, for each pair of them, in all, and down to the image.

    Returns:
        `pairs` of `{left, right, images, box_f1, region_f1, mean_iou, class_agreement, cohen_kappa}`: `box_f1` is 2 × matched
        / all boxes at `least_iou` with equal labels (None where neither drew any), `region_f1` that of all shapes, `mean_iou`
        that of matched boxes, `class_agreement` the share with equal classes of the images that either gave a class,
        `cohen_kappa` of those classes. The same over all pairs, with a 95 % interval of the F1 (`box_f1_interval`, bootstrap
        over images), `fleiss_kappa` and `krippendorff_alpha` (with `alpha_interval`) of the classes. `least_agreed`
        names the images with the lowest `region_f1`.
    """
    from labeling.consensus.files import label_agreement

    groups = current_documents(ws, name, kind="person")
    images = list_images(ws, name)
    files = {image.id: image.file_name for image in images}
    scale = 0.02 * max((max(image.width or 0, image.height or 0) for image in images), default=0) or 10.0
    regions = {i: {a.annotator: a.document["regions"] for a in group} for i, group in groups.items()}
    found = _region_agreement(regions, least_iou, scale)
    said = {i: {a.annotator: tuple(sorted(a.document["classes"])) for a in group} for i, group in groups.items()}
    classes = label_agreement({i: {w: c for w, c in people.items() if c} for i, people in said.items()})
    kappa = {(p["left"], p["right"]): p["cohen_kappa"] for p in classes["pairs"]}
    same, classed = Counter(), Counter()
    for people in said.values():
        for pair in combinations(sorted(people), 2):
            mine, theirs = (people[p] for p in pair)
            classed[pair] += bool(mine or theirs)
            same[pair] += bool(mine) and mine == theirs
    for row in found["pairs"]:
        pair = row["left"], row["right"]
        row["class_agreement"] = _share(same[pair], classed[pair])
        row["cohen_kappa"] = kappa.get(pair)
    interval = [classes["low"], classes["high"]] if classes["low"] is not None else None
    worst = [{"file": files[r.pop("item")], **r} for r in found.pop("items") if r["region_f1"] is not None]
    return found | {
        "class_agreement": _share(same.total(), classed.total()),
        "fleiss_kappa": classes["fleiss_kappa"],
        "krippendorff_alpha": classes["krippendorff_alpha"],
        "alpha_interval": interval,
        "least_agreed": sorted(worst, key=lambda i: i["region_f1"])[:20],
    }


def box_agreement(boxes_of: dict, least_iou: float = 0.5) -> dict:
    """Return the figures for boxes of `{item: {person: [box]}}`."""
    found = _region_agreement(boxes_of, least_iou, 10.0)
    worst = [r for r in found.pop("items") if r["region_f1"] is not None]
    return found | {"least_agreed": sorted(worst, key=lambda r: r["region_f1"])[:20]}


def _region_agreement(regions: dict, least: float, scale: float) -> dict:
    import numpy as np

    from labeling.consensus.agreement import bootstrap_interval

    pairs: dict[tuple, np.ndarray] = {}  # images, matched and all boxes, matched and all regions, sum of IoU
    items, rows = [], []
    for item, people in regions.items():
        of_item = np.zeros(6)
        for left, right in combinations(sorted(people, key=str), 2):
            counts = np.array([1, *_matched(people[left], people[right], least, scale)])
            pairs[left, right] = pairs.get((left, right), 0) + counts
            of_item += counts
        if len(people) > 1:
            rows.append(of_item)
            f1 = {"box_f1": _share(2 * of_item[1], of_item[2]), "region_f1": _share(2 * of_item[3], of_item[4])}
            items.append({"item": item, "annotators": len(people), **f1})

    def figures(p) -> dict:
        return {
            "box_f1": _share(2 * p[1], p[2]),
            "region_f1": _share(2 * p[3], p[4]),
            "mean_iou": _share(p[5], p[1]),
        }

    every = np.array(rows) if rows else np.zeros((0, 6))
    interval = bootstrap_interval(every, lambda drawn: _share(2 * drawn[:, 1].sum(), drawn[:, 2].sum()))
    return figures(every.sum(0)) | {
        "box_f1_interval": [round(v, 6) for v in interval] if interval else None,
        "images": len(items),
        "pairs": [{"left": a, "right": b, "images": int(p[0]), **figures(p)} for (a, b), p in sorted(pairs.items())],
        "items": items,
    }


def _matched(left: list[dict], right: list[dict], least: float, scale: float) -> tuple:
    """Return matched boxes, all boxes, matched regions, all regions, and the sum of the IoU of matched boxes."""
    a, b = boxes({"regions": left}), boxes({"regions": right})
    if any(r.get("rotation") for r in a + b):
        found = _match_any(a, b, least, scale)
    else:
        found = [overlap for *_, overlap in match(a, b, least)]
    others = 0
    for shape in {r["shape"] for r in left + right} - {"box"}:
        one, two = ([r for r in side if r["shape"] == shape] for side in (left, right))
        others += len(_match_any(one, two, least, scale))
    return len(found), len(a) + len(b), len(found) + others, len(left) + len(right), sum(found)


def _match_any(left: list[dict], right: list[dict], least: float, scale: float) -> list[float]:
    """Pair regions of one shape and label one to one, most alike first; return how alike they are."""
    if not left or not right:
        return []
    if left[0]["shape"] in AREAL:
        pairs = [
            (overlap(a, b), i, j) for i, a in enumerate(left) for j, b in enumerate(right) if a["label"] == b["label"]
        ]
    else:
        alike = similarities(left + right, scale)[: len(left), len(left) :]
        pairs = [
            (alike[i, j], i, j) for i, a in enumerate(left) for j, b in enumerate(right) if a["label"] == b["label"]
        ]
    return [float(like) for *_, like in best_pairs(pairs, least)]


def _share(part: float, whole: float) -> float | None:
    return round(float(part / whole), 6) if whole else None
