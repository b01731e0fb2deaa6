"""The active-learning loop over features: what people label next, when to stop, what may be labelled automatically.

The validation sample is a random draw of all objects, made first, and never trained on. Nothing is frozen between
rounds: verdicts on the validation sample are looked at once, in the certified pass at the end. What decides before
that (what comes next, when to stop) sees features and chances only.
Source: the loop that SageMaker Ground Truth documents, which freezes labels each round and has no bound; see
docs/auto-labeling.md for what that costs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from labeling.autolabel.certify import Certificate, certify, sample_size
from labeling.autolabel.classifier import train
from transforms.errors import InputError

PATIENCE = 2  # rounds over which it is seen whether more labels are worth people's time


@dataclass(frozen=True)
class Plan:
    """How many objects people label: `validation` once, `first` to start with, `per_round` afterwards."""

    validation: int
    first: int
    per_round: int
    budget: int


@dataclass
class Outcome:
    """What a whole loop gave. `labels[i]` is the automatic label of object i, or None; `people`: what they labelled."""

    certificate: Certificate
    labels: list
    people: list[int]
    rounds: list[dict] = field(default_factory=list)
    model: str = ""


def make_plan(
    objects: int,
    classes: int = 2,
    target: float = 0.95,
    confidence: float = 0.9,
    budget: int | None = None,
    per_round: int | None = None,
) -> Plan:
    """Return how many objects people label at each stage; without a budget at most three in five are asked for."""
    validation = sample_size(objects, target, confidence)
    rest = objects - validation
    first = min(max(10, 3 * classes, rest // 25), max(1, rest // 2))
    limit = min(objects, budget if budget is not None else max(validation + first, round(0.6 * objects)))
    if limit < validation + first:
        raise InputError(
            f"A budget of {limit} labels is too small: {validation} are for validation and {first} to start learning.",
            hint=f"Allow at least {validation + first}.",
        )
    return Plan(validation, first, per_round or max(5, rest // 30), limit)


def spread(features, candidates, n: int, seed: int = 0, weights=None):
    """Return `n` of the candidates that are far from each other: the ones nearest to k-means centres.

    Args:
        weights: how much each candidate is wanted, or None for alike.
    """
    import numpy as np
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    candidates = np.asarray(candidates)
    if n >= len(candidates):
        return candidates
    points = np.asarray(features, dtype="float64")[candidates]
    with threadpool_limits(1):
        means = MiniBatchKMeans(n, random_state=seed, n_init=1, batch_size=max(256, 3 * n), max_iter=30)
        groups = means.fit_predict(points, sample_weight=weights)
    distance = ((points - means.cluster_centers_[groups]) ** 2).sum(axis=1)
    order = np.lexsort((distance, groups))
    first = np.unique(groups[order], return_index=True)[1]
    chosen = list(order[first])
    if len(chosen) < n:  # empty clusters: fill up at random
        rest = np.setdiff1d(np.arange(len(candidates)), chosen)
        chosen += list(np.random.default_rng(seed).choice(rest, n - len(chosen), replace=False))
    return candidates[np.sort(chosen)]


def hardest(chances, features, candidates, n: int, seed: int = 0):
    """Return the `n` candidates to label next: of those with the lowest margin, ones that differ."""
    import numpy as np

    candidates = np.asarray(candidates)
    if n >= len(candidates):
        return candidates
    ordered = np.sort(chances, axis=1)
    margin = ordered[:, -1] - (ordered[:, -2] if ordered.shape[1] > 1 else 0)
    short = np.argsort(margin, kind="stable")[: 3 * n]
    return spread(features, candidates[short], n, seed, weights=1.05 - margin[short])


def is_done(rounds: list[dict], plan: Plan, pool: int) -> str:
    """Return why people need not label more, or "".

    No verdict on the validation sample is used: learning has levelled off when, over two rounds, a label changed fewer
    than one other answer of the model (`changed` of `added`). Source: the idea of stabilising predictions, Bloodgood
    and Vijay-Shanker 2009.
    """
    if rounds[-1]["labelled"] >= plan.budget:
        return "The budget is used up."
    if not pool:
        return "People have labelled everything."
    last = [r for r in rounds if r["changed"] is not None][-PATIENCE:]
    if len(last) == PATIENCE and sum(r["changed"] for r in last) < sum(r["added"] for r in last):
        return "More labels by people hardly change the model's answers any more."
    return ""


def simulate(features, oracle: Callable[[int], str], *, target: float = 0.95, confidence: float = 0.9,
             budget: int | None = None, per_round: int | None = None, classes: int = 2,
             seed: int = 0) -> Outcome:  # fmt: skip
    """Run the whole loop with an oracle in place of people.

    Args:
        features: objects × features.
        oracle: gives the label of object i; asked once per object that people would label.
        seed: decides the validation sample; the same seed gives the same run.
    """
    import numpy as np

    features = np.asarray(features, dtype="float64")
    n = len(features)
    plan = make_plan(n, classes, target, confidence, budget, per_round)
    rng = np.random.default_rng(seed)
    validation = np.sort(rng.choice(n, plan.validation, replace=False))
    pool = np.setdiff1d(np.arange(n), validation)
    truth = {int(i): oracle(int(i)) for i in validation}
    batch = spread(features, pool, plan.first, seed)
    trained: list[int] = []
    rounds: list[dict] = []
    before = None
    while True:
        truth |= {int(i): oracle(int(i)) for i in batch}
        trained += [int(i) for i in batch]
        pool = np.setdiff1d(pool, batch)
        model = train(features[trained], [truth[i] for i in trained], seed, like=features)
        everything = model.chances(features)
        chances, said = everything[pool], np.array(model.classes)[everything.argmax(axis=1)]
        free = np.concatenate([validation, pool])
        changed = None if before is None else int((said[free] != before[free]).sum())
        before = said
        rounds.append({"labelled": len(truth), "added": len(batch), "changed": changed, "model": model.name})
        if is_done(rounds, plan, len(pool)):
            break
        room = min(plan.per_round, plan.budget - len(truth))
        batch = hardest(chances, features, pool, room, seed + len(rounds))
    sure = everything.max(axis=1)
    right = [said[i] == truth[int(i)] for i in validation]
    certificate = certify(sure[validation], right, sure[pool], target=target, confidence=confidence)
    labels: list = [None] * n
    if certificate.threshold is not None:
        for i in pool[sure[pool] >= certificate.threshold]:
            labels[int(i)] = str(said[i])
    return Outcome(certificate, labels, sorted(truth), rounds, model.name)
