"""Which regions of several people are the same thing, whether that thing is there, and one region for it.

A thing that some drew and others did not is either there and missed, or not there and imagined. How often each person misses
and imagines is learnt from the whole collection: the quorum follows from that and is set by nobody.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from labeling.consensus.shapes import combined, similarities, text_medoid
from labeling.consensus.votes import FEW_TASKS, Votes, _odds, _platt, _strength
from labeling.consensus.votes import consolidate as consolidate_coded
from labeling.documents import number

RECALL, STRENGTH = 0.7, 50  # where the mean recall starts, worth so many observations
# Imagined things: nearly nobody joins, or they lure one in four. Few votes look the same for a lure and for a thing that is hard
# to see, so this is fixed and the rest is learnt.
JOINS, LURED = np.array([0.02, 0.25]), np.array([0.75, 0.25])
LEAST_ALIKE = 0.4


@dataclass
class Cluster:
    item: object
    shape: str
    members: list[dict]
    people: list  # who drew each member
    asked: list  # everybody who answered for the item
    alike: np.ndarray
    score: float = 1.0
    label: str = ""
    label_share: float = 1.0


def consolidate_regions(
    answers: dict,
    *,
    least: float = LEAST_ALIKE,
    quorum: float | None = None,
    scale: float = 10.0,
    gold: dict | None = None,
) -> tuple[dict, dict]:
    """Return one list of regions per item, and what was learnt.

    Args:
        answers: `{item: {person: [region]}}` with an empty list for a person who saw nothing.
        least: likeness (intersection over union for areas) from which two regions may be the same thing.
        quorum: keep what at least this share of people drew, instead of learning it.
        scale: pixels within which points are alike.
        gold: `{item: [region]}` known to be right, on which confidence is calibrated.

    Returns:
        `{item: [region with id, score and extra.consensus {people, agreed, disagreed, method, confidence_kind}]}`. An item that
        one person answered keeps that answer; nothing was compared.
    """
    clusters = [
        cluster
        for item, people in answers.items()
        if len(people) > 1
        for cluster in clusters_of(item, people, least, scale)
    ]
    learnt: dict = {"clusters": len(clusters)}
    kind = "vote share"
    for cluster in clusters:
        cluster.score = len(cluster.people) / len(cluster.asked)
    cut = quorum if quorum is not None else 0.5
    if clusters and quorum is None:
        scores, more = existence(clusters)
        for cluster, score in zip(clusters, scores.tolist(), strict=True):
            cluster.score = score
        learnt |= more
        kind = "learnt quorum"
    _name(clusters)
    for cluster in clusters:
        cluster.score *= cluster.label_share if kind == "learnt quorum" else 1.0
    if gold and clusters:
        kind = _calibrate(clusters, gold, least) or kind
    if clusters and quorum is None:
        cut = best_cut(np.array([c.score for c in clusters]))
    learnt["cut"] = cut
    out: dict = {}
    for item, people in answers.items():
        if len(people) == 1:
            (who,) = people
            about = {
                "people": 1,
                "agreed": [who],
                "disagreed": [],
                "method": "one answer",
                "confidence_kind": "no consensus",
            }
            out[item] = [{**r, "extra": {**r.get("extra", {}), "consensus": about}} for r in people[who]]
        else:
            out[item] = []
    method = "fixed quorum" if quorum is not None else "learnt quorum"
    for cluster in clusters:
        if cluster.score >= cut - 1e-9:
            out[cluster.item].append(_region(cluster, method, kind))
    for item, regions in out.items():
        if len(answers[item]) > 1:
            regions.sort(key=_place)
            out[item] = [{"id": f"r{i}", **r} for i, r in enumerate(regions, 1)]
    return out, learnt


def _place(region: dict) -> tuple:
    first = region.get("points", [[0, 0]])[0]
    return (
        region.get("start", 0), region.get("y", first[1]), region.get("x", first[0]), region["shape"], region["label"]
    )  # fmt: skip


def clusters_of(item, people: dict, least: float, scale: float) -> list[Cluster]:
    """Put one item's regions into clusters with at most one region of each person."""
    shapes = dict.fromkeys(r["shape"] for regions in people.values() for r in regions)
    out = []
    for shape in shapes:
        regions, who = [], []
        for person in sorted(people):
            mine = [r for r in people[person] if r["shape"] == shape]
            regions += mine
            who += [person] * len(mine)
        alike = similarities(regions, scale)
        codes: dict = {}
        labels = np.array([codes.setdefault(r["label"], len(codes)) for r in regions])
        for group in _groups(alike, labels, np.array(who, object), least, apart=shape == "point"):
            members = [regions[i] for i in group]
            out.append(
                Cluster(item, shape, members, [who[i] for i in group], list(people), alike[np.ix_(group, group)])
            )  # fmt: skip
    return out


def _groups(alike: np.ndarray, labels: np.ndarray, who: np.ndarray, least: float, apart: bool) -> list[list[int]]:
    """Assign each person's regions to clusters, best in sum; then once more with all clusters known; then join what is left.

    A region is as like a cluster as it is on the mean to its members; of equally like ones that of the same label is taken.
    `apart` keeps labels apart (a keypoint's label is what it is).
    """
    from scipy.optimize import linear_sum_assignment

    same = labels[:, None] == labels[None]
    gain = np.where(
        same | (not apart), alike + 0.1 * same, 0.0
    )  # the tenth decides between neighbours of different labels
    bar = np.where(same, least + 0.1, least)
    gain = np.where((gain >= bar) | np.eye(len(gain), dtype=bool), gain, 0.0)
    people = list(dict.fromkeys(who.tolist()))
    people.sort(key=lambda p: -(who == p).sum())
    groups: list[list[int]] = []
    for again in range(3):
        before = [sorted(g) for g in groups]
        for person in people:
            mine = np.flatnonzero(who == person)
            owned = set(mine.tolist())
            groups = [kept for g in groups if (kept := [i for i in g if i not in owned])] if again else groups
            if groups:
                fits = np.stack([gain[np.ix_(mine, g)].mean(1) for g in groups], 1)
                rows, columns = linear_sum_assignment(-np.where(fits >= least, fits, 0.0))
                for r, c in zip(rows, columns, strict=True):
                    if fits[r, c] >= least:
                        groups[c].append(int(mine[r]))
                        owned.discard(int(mine[r]))
            groups += [[i] for i in sorted(owned)]
        if again and sorted(map(sorted, groups)) == sorted(before):
            break
    groups = _joined(groups, gain, who, least)
    return sorted(sorted(g) for g in groups)


def _joined(groups: list[list[int]], gain: np.ndarray, who: np.ndarray, least: float) -> list[list[int]]:
    """Join clusters that are alike and of different people, most alike first."""
    _, person = np.unique(who.astype(str), return_inverse=True)
    while len(groups) > 1:
        n = len(groups)
        owner = np.zeros((n, len(gain)))
        for g, members in enumerate(groups):
            owner[g, members] = 1 / len(members)
        drew = np.zeros((n, person.max() + 1))
        np.add.at(drew, (np.repeat(np.arange(n), [len(g) for g in groups]), person[np.concatenate(groups)]), 1)
        fits = np.triu(owner @ gain @ owner.T, 1)
        fits[drew @ drew.T > 0] = 0.0
        i, j = divmod(int(fits.argmax()), n)
        if fits[i, j] < least:
            break
        groups = [g for k, g in enumerate(groups) if k not in (i, j)] + [groups[i] + groups[j]]
    return groups


def existence(clusters: list[Cluster], rounds: int = 300) -> tuple[np.ndarray, dict]:
    """Return for each cluster how probable it is that the thing is there, and what was learnt.

    A thing that is there is drawn by each person with that person's recall; those that everybody missed are not among the
    clusters, which the likelihood allows for. An imagined thing is started by one person and joined by each other with
    a small probability. Clusters of what is there are also tighter. EM; recall is pooled with a strength that is learnt.
    """
    people = {p: i for i, p in enumerate(sorted({p for c in clusters for p in c.asked}))}
    n = len(clusters)
    at = np.repeat(np.arange(n), [len(c.asked) for c in clusters])
    who = np.fromiter((people[p] for c in clusters for p in c.asked), int, len(at))
    drew = np.fromiter((p in own for c in clusters for own in (set(c.people),) for p in c.asked), bool, len(at))
    asked, votes = np.bincount(at, minlength=n), np.bincount(at, drew, n)
    tight = np.array([_tightness(c) for c in clusters])
    many, starts = ~np.isnan(tight), np.r_[0, np.cumsum(asked)[:-1]]
    real = np.clip(votes / asked, 0.05, 0.95)
    recall, start = np.full(len(people), 0.7), np.ones(len(people))
    share, strength = 0.5, 10.0
    spread = (4.0, 1.5)
    for step in range(rounds):
        hit = np.add.reduceat(np.where(drew, np.log(recall[who]), np.log1p(-recall[who])), starts)
        none = np.exp(np.add.reduceat(np.log1p(-recall[who]), starts))  # everybody misses it
        log_real = hit - np.log1p(-none) + np.log(share)
        began = np.bincount(at, start[who] * drew, n) / np.bincount(at, start[who], n)
        joined = (votes - 1)[:, None] * np.log(JOINS) + (asked - votes)[:, None] * np.log1p(-JOINS) + np.log(LURED)
        log_false = np.log(began) + np.logaddexp.reduce(joined, axis=1) + np.log1p(-share)
        log_real[many] += _beta_log(tight[many], *spread)  # imagined ones are spread evenly
        new = 1 / (1 + np.exp(np.clip(log_false - log_real, -50, 50)))
        change, real = float(np.abs(new - real).max()), new
        # M: those that nobody drew are counted by how many they must be
        unseen = real * np.minimum(none / (1 - none), 10)
        found, total = np.bincount(who, real[at] * drew), np.bincount(who, (real + unseen)[at])
        mean = (found.sum() + STRENGTH * RECALL) / (total.sum() + STRENGTH)
        if step % 10 == 0:
            two = np.stack([found, np.maximum(total - found, 0)], 1)
            strength = max(_strength(two, total, np.broadcast_to([mean, 1 - mean], two.shape), 1), 2.0)
        recall = np.clip((found + strength * mean) / (total + strength), 0.02, 0.98)
        false = 1 - real
        origin = false[at] * drew * start[who] / np.maximum(np.bincount(at, start[who] * drew, n)[at], 1e-12)
        start = (np.bincount(who, origin) + 1) / (np.bincount(who, minlength=len(people)) + 1)
        share = (real.sum() + 1) / (n + 2)
        spread = _beta_fit(tight[many], real[many])
        if change < 1e-4:
            break
    learnt = {"recall": {p: float(recall[i]) for p, i in people.items()}, "real": float(share), "rounds": step + 1}
    return real, learnt


def _tightness(cluster: Cluster) -> float:
    """Mean likeness of two members, from 0 (as little as can be) to 1; NaN for one member."""
    n = len(cluster.members)
    if n < 2:
        return float("nan")
    mean = (cluster.alike.sum() - np.trace(cluster.alike)) / (n * (n - 1))
    return float(np.clip((mean - LEAST_ALIKE) / (1 - LEAST_ALIKE), 0.01, 0.99))


def _beta_log(x: np.ndarray, a: float, b: float) -> np.ndarray:
    from scipy.special import betaln

    return (a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - betaln(a, b)


def _beta_fit(x: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Beta distribution by moments with ten observations of Beta(4, 1.5) added; never lower than even."""
    mean0, var0 = 4 / 5.5, 4 * 1.5 / (5.5**2 * 6.5)
    total = weight.sum() + 10
    mean = ((weight * x).sum() + 10 * mean0) / total
    var = ((weight * (x - mean) ** 2).sum() + 10 * (var0 + (mean0 - mean) ** 2)) / total
    size = max(mean * (1 - mean) / max(var, 1e-6) - 1, 2.0)
    return max(mean * size, 1.0), max((1 - mean) * size, 0.5)


def best_cut(scores: np.ndarray) -> float:
    """Return the score from which keeping clusters makes the expected F1 highest (Lipton, Elkan & Naryanaswamy 2014)."""
    order = np.sort(scores)[::-1]
    expected = 2 * np.cumsum(order) / (np.arange(1, len(order) + 1) + order.sum())
    return float(min(order[int(expected.argmax())], 0.5))


def _name(clusters: list[Cluster]) -> None:
    """Give each cluster the label that its members' votes say."""
    if len({m["label"] for c in clusters for m in c.members}) < 2:
        for c in clusters:
            c.label = c.members[0]["label"]
        return
    rows = [(i, p, m["label"]) for i, c in enumerate(clusters) for p, m in zip(c.people, c.members, strict=True)]
    votes = Votes.of(*zip(*rows, strict=True))
    shared = (votes.counts().sum(1) > 1).sum()
    found = consolidate_coded(votes, "auto" if shared >= FEW_TASKS else "majority")
    for c, task in zip(clusters, found.tasks, strict=True):
        c.label, c.label_share = task["label"], 1.0 if task["confidence"] is None else task["confidence"]


def _calibrate(clusters: list[Cluster], gold: dict, least: float) -> str | None:
    from labeling.shapes import AREAL, overlap

    known = [c for c in clusters if c.item in gold]
    if not known:
        return None
    right = []
    for c in known:
        made = {**combined(c.members, c.alike), "label": c.label}
        same = [g for g in gold[c.item] if g["shape"] == c.shape and g["label"] == c.label]
        like = [overlap(made, g) if c.shape in AREAL else similarities([made, g])[0, 1] for g in same]
        right.append(max(like, default=0.0) >= max(least, 0.5))
    x = np.log(_odds(np.array([c.score for c in clusters])))
    scores = np.array([c.score for c in known])
    slope, shift = _platt(np.log(_odds(scores)), np.array(right, float))
    for c, value in zip(clusters, (1 / (1 + np.exp(-(slope * x + shift)))).tolist(), strict=True):
        c.score = value
    return f"calibrated on {len({c.item for c in known})} gold items"


def _region(cluster: Cluster, method: str, kind: str) -> dict:
    with_label = [i for i, m in enumerate(cluster.members) if m["label"] == cluster.label] or range(
        len(cluster.members)
    )
    made = {"label": cluster.label, **combined(cluster.members, cluster.alike)}
    texts = [cluster.members[i]["text"] for i in with_label if cluster.members[i].get("text")]
    if texts and cluster.shape != "span":
        made["text"] = text_medoid(texts)[0]
    if attributes := _attributes([cluster.members[i].get("attributes", {}) for i in with_label]):
        made["attributes"] = attributes
    agreed = sorted(cluster.people[i] for i in with_label)
    made["score"] = number(round(cluster.score, 4))
    about = {"people": len(cluster.asked), "agreed": agreed, "disagreed": sorted(set(cluster.asked) - set(agreed))}
    made["extra"] = {"consensus": about | {"method": method, "confidence_kind": kind}}
    return made


def _attributes(given: list[dict]) -> dict:
    """The most frequent value of each attribute that at least half gave."""
    out = {}
    for name in dict.fromkeys(n for g in given for n in g):
        counts = Counter(repr(g[name]) for g in given if name in g)
        if 2 * counts.total() >= len(given):
            best = counts.most_common(1)[0][0]
            out[name] = next(g[name] for g in given if name in g and repr(g[name]) == best)
    return out
