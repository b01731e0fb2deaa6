"""One label per task out of several people's votes, with a confidence that means what it says.

The model is Dawid & Skene (1979), "Maximum likelihood estimation of observer error-rates using the EM algorithm", with
a prior on three levels: a worker's confusion matrix is drawn round what everybody confuses, moved by the worker's own
accuracy. How much is pooled is learnt from the votes by marginal likelihood, so that sparse data with many labels fall back to
one accuracy per worker and dense data get a full matrix each; and models that pool more and less are averaged.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from transforms.errors import InputError

Method = Literal["auto", "majority", "weighted", "dawid-skene", "hierarchical"]
METHODS = ("auto", "majority", "weighted", "dawid-skene", "hierarchical")
MAX_CELLS = 50_000_000  # (worker, label) pairs × labels, tasks × labels: 400 MB each
FEW_TASKS = 20  # below that many shared tasks there is nothing to learn about people
STRENGTHS = np.geomspace(0.5, 512, 11)
LEAST = 1e-12


@dataclass(frozen=True)
class Votes:
    """Answers in long form: `task`, `worker`, `label` are codes into the three lists of names; one vote per worker and task."""

    task: np.ndarray
    worker: np.ndarray
    label: np.ndarray
    tasks: list
    workers: list
    labels: list

    @classmethod
    def of(cls, tasks: Sequence, workers: Sequence, labels: Sequence, known: Sequence = ()) -> Votes:
        """Return votes of three equally long columns; of two answers of a worker to a task the later one counts.

        Args:
            known: labels that nobody may have voted for, but that were on offer.
        """
        if not len(tasks) == len(workers) == len(labels):
            raise InputError("Tasks, workers and labels must be equally many.")
        if not len(tasks):
            raise InputError("There are no answers.", hint="Each answer needs a task, a worker and a label.")
        task, task_names = _codes(tasks)
        worker, worker_names = _codes(workers)
        label, label_names = _codes([*labels, *known])
        label = label[: len(task)]
        # the last of each (task, worker): unique keeps the first, so look from the end
        _, last = np.unique((task * len(worker_names) + worker)[::-1], return_index=True)
        keep = np.sort(len(task) - 1 - last)
        return cls(task[keep], worker[keep], label[keep], task_names, worker_names, label_names)

    def counts(self) -> np.ndarray:
        """Votes per task and label, shape (tasks, labels)."""
        shape = len(self.tasks), len(self.labels)
        return (
            np.bincount(self.task * shape[1] + self.label, minlength=shape[0] * shape[1]).reshape(shape).astype(float)
        )

    def sample(self, per_task: int, rng: np.random.Generator) -> Votes:
        """Keep at most `per_task` random votes of each task."""
        order = np.lexsort((rng.random(len(self.task)), self.task))
        starts = np.searchsorted(self.task[order], np.arange(len(self.tasks)))
        keep = np.sort(order[np.arange(len(order)) - starts[self.task[order]] < per_task])
        return Votes(self.task[keep], self.worker[keep], self.label[keep], self.tasks, self.workers, self.labels)


def _codes(values: Sequence) -> tuple[np.ndarray, list]:
    """Number values by first appearance."""
    seen: dict[Hashable, int] = {}
    return np.fromiter((seen.setdefault(v, len(seen)) for v in values), np.int64, len(values)), list(seen)


@dataclass
class Consensus:
    """What the votes say: `tasks` and `workers` are rows for people, `probability` (tasks × labels) for programs."""

    tasks: list[dict]
    workers: list[dict]
    labels: list
    method: str
    probability: np.ndarray
    learnt: dict = field(default_factory=dict)


@dataclass
class _Fit:
    log_prior: np.ndarray  # labels
    evidence: np.ndarray  # tasks × labels, sum of log P(vote | label)
    learnt: dict

    def posterior(self) -> np.ndarray:
        return _softmax(self.log_prior + self.evidence)


@dataclass(frozen=True)
class _Pooling:
    """How a worker's matrix is pooled: with a hit rate per label or one for all, and strengths (None: learnt)."""

    by_label: bool = True
    strength: float | None = None


# No votes say how much to pool where few people answered many things; so the models from all to nothing are averaged.
POOLINGS = (_Pooling(), _Pooling(by_label=False), _Pooling(strength=4), _Pooling(by_label=False, strength=4), None)


class _Layout:
    """The votes as a sparse matrix of (worker, label) pairs × tasks: both EM steps are products with it."""

    def __init__(self, votes: Votes):
        from scipy.sparse import csr_matrix

        k = len(votes.labels)
        codes, self.pair = np.unique(votes.worker * k + votes.label, return_inverse=True)
        if max(len(codes), len(votes.tasks)) * k > MAX_CELLS:
            raise InputError(
                f"{len(votes.tasks):,} tasks with {k:,} labels are too much for this method.", hint="Use majority."
            )
        self.worker, self.label = codes // k, codes % k
        pairs = np.arange(len(codes))
        self.votes = csr_matrix(
            (np.ones(len(self.pair)), (self.pair, votes.task)), shape=(len(codes), len(votes.tasks))
        )
        self.of_task = self.votes.T.tocsr()
        self.of_worker = csr_matrix((np.ones(len(codes)), (self.worker, pairs)), shape=(len(votes.workers), len(codes)))
        self.of_label = csr_matrix((np.ones(len(codes)), (self.label, pairs)), shape=(k, len(codes)))


def _fit(
    layout: _Layout, shares: np.ndarray, clamp: dict[int, int], pooling: _Pooling | None, rounds: int = 100
) -> _Fit:
    """Run EM from the vote shares; `clamp` maps task codes to labels that are known; without `pooling` each is for himself."""
    q, k = shares + 1e-3, shares.shape[1]
    q /= q.sum(1, keepdims=True)
    known, truth = np.array(list(clamp), int), np.array(list(clamp.values()), int)
    learnt: dict = {}
    for step in range(rounds):
        q[known] = 0.0
        q[known, truth] = 1.0
        counts = layout.votes @ q
        if pooling is not None:
            log_pair = _pooled(layout, counts, k, learnt, pooling, learn=step < 4 or step % 8 == 0)
        else:
            log_pair = np.log((counts + 0.01) / ((layout.of_worker @ counts)[layout.worker] + 0.01 * k))
        # how frequent a label is never argues more than 3 : 1: where answers are few it runs away with the workers' bias
        prior = (q.mean(0) + 0.5) / (1 + 0.5 * k) if pooling is not None else (q.sum(0) + 1) / (len(q) + k)
        evidence = layout.of_task @ log_pair
        new = _softmax(np.log(prior) + evidence)
        new[known] = q[known]
        change, q = np.abs(new - q).max(initial=0), new
        if change < 1e-3:
            break
    return _Fit(np.log(prior), evidence, learnt | {"rounds": step + 1})


def _pooled(layout: _Layout, counts: np.ndarray, k: int, learnt: dict, pooling: _Pooling, learn: bool) -> np.ndarray:
    """Return log P(label said | label true) for each pair (rows) and true label (columns), pooled on three levels."""
    said = layout.of_label @ counts  # said × true, everybody together
    right = counts[np.arange(len(counts)), layout.label]
    per_worker = layout.of_worker @ counts  # worker × true
    total = per_worker.sum(1)
    correct = layout.of_worker @ right
    accuracy = (correct.sum() + 1) / (total.sum() + 1 + max(k - 1, 1) * 0.5)
    base = np.full((k, k), (1 - accuracy) / max(k - 1, 1))
    np.fill_diagonal(base, accuracy)
    if learn:
        learnt["label_strength"] = _strength(said, said.sum(0), base, 0)
    strength = learnt["label_strength"]
    crowd = (said + strength * base) / (said.sum(0) + strength)
    if learn:
        two = np.stack([correct, total - correct], 1)
        mean = np.broadcast_to([accuracy, 1 - accuracy], two.shape)
        learnt["skill_strength"] = pooling.strength or _strength(two, total, mean, 1)
    skill = (correct + learnt["skill_strength"] * accuracy) / (total + learnt["skill_strength"])
    odds = np.repeat(_odds(skill)[:, None], k, 1)
    if pooling.by_label:
        odds *= _odds(np.diag(crowd))[None] / _odds(accuracy)
    hit = odds / (1 + odds)  # worker × true
    miss = crowd / np.maximum(1 - np.diag(crowd), LEAST)  # said × true, given that it is wrong
    mean = (1 - hit[layout.worker]) * miss[layout.label]
    rows = np.arange(len(mean))
    mean[rows, layout.label] = hit[layout.worker, layout.label]
    mean = np.maximum(mean, LEAST)
    if learn:
        learnt["matrix_strength"] = pooling.strength or _strength(counts, per_worker, mean, None)
    strength = learnt["matrix_strength"]
    return np.log((counts + strength * mean) / (per_worker[layout.worker] + strength))


def _strength(counts: np.ndarray, totals: np.ndarray, mean: np.ndarray, axis) -> float:
    """Return the prior strength that makes these counts most likely (Dirichlet-multinomial; cells never seen drop out)."""
    from scipy.special import gammaln

    seen = counts > 1e-3  # most cells are next to nothing and change nothing
    n, share = counts[seen], np.maximum(mean[seen], LEAST)
    rows = totals[totals > 1e-3]

    def likelihood(s: float) -> float:
        return float((gammaln(n + s * share) - gammaln(s * share)).sum() + (gammaln(s) - gammaln(rows + s)).sum())

    return float(max(STRENGTHS, key=likelihood))


def _odds(p):
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return p / (1 - p)


def _softmax(x: np.ndarray) -> np.ndarray:
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def consolidate_votes(
    tasks: Sequence,
    workers: Sequence,
    labels: Sequence,
    *,
    method: Method = "auto",
    gold: dict | None = None,
    known: Sequence = (),
) -> Consensus:
    """Return one label per task.

    Args:
        tasks, workers, labels: the answers, one per place; names or numbers.
        method: "hierarchical" is the model above, "dawid-skene" the classical one, "weighted" a vote weighted by how
            often a worker agrees with the others, "majority" one vote each. "auto" takes the model where at least
            20 tasks have two answers, else majority.
        gold: `{task: label}` known to be right. They teach the model about workers, and confidence is calibrated on them.
        known: labels on offer that nobody may have chosen.

    Returns:
        `tasks`: task, label, confidence, confidence_kind, votes {label: count}, disagreed [workers], in the order of first
        appearance. A task with one answer keeps that answer and has no confidence ("no consensus").
        `workers`: worker, answers, accuracy with a 90 % interval (low, high), confusion {true: {said: share}}.

    Raises:
        InputError: no answers, an unknown method, a gold label that is not a label.
    """
    if method not in METHODS:
        raise InputError(f"{method!r} is not a way to consolidate.", hint=f"Use one of {', '.join(METHODS)}.")
    votes = Votes.of(tasks, workers, labels, [*known, *(gold or {}).values()])
    return consolidate(votes, method, gold)


def consolidate(votes: Votes, method: Method = "auto", gold: dict | None = None) -> Consensus:
    """The same for votes that are already coded."""
    shared = int((np.bincount(votes.task, minlength=len(votes.tasks)) > 1).sum())
    place = {task: i for i, task in enumerate(votes.tasks)}
    code = {label: i for i, label in enumerate(votes.labels)}
    if missing := sorted({str(v) for v in (gold or {}).values() if v not in code}):
        raise InputError(f"The gold labels {', '.join(missing[:5])} are nobody's label.")
    clamp = {place[t]: code[v] for t, v in (gold or {}).items() if t in place}
    if method == "auto":
        method = "hierarchical" if shared >= FEW_TASKS else "majority"
    kind = "vote share"
    if method == "majority":
        probability = _majority(votes)
    elif method == "weighted":
        probability, kind = _weighted(votes), "weighted vote share"
    elif not shared and not clamp:
        probability = _majority(votes)  # nobody was compared with anybody: a model would make things up
    else:
        return _by_model(votes, method, clamp)
    if clamp:
        probability, kind = calibrated(probability, probability, clamp)
    return _report(votes, probability, probability, method, kind, {})


def _majority(votes: Votes) -> np.ndarray:
    counts = votes.counts()
    return counts / np.maximum(counts.sum(1, keepdims=True), 1)


def _weighted(votes: Votes, rounds: int = 5) -> np.ndarray:
    """Vote shares weighted by the log odds of each worker's agreement with the others, shrunk to that of all."""
    k, weight = len(votes.labels), np.ones(len(votes.workers))
    for _ in range(rounds):
        scores = np.zeros((len(votes.tasks), k))
        np.add.at(scores, (votes.task, votes.label), weight[votes.worker])
        own = weight[votes.worker]
        others = scores.sum(1)[votes.task] - own
        agree = np.where(others > 0, (scores[votes.task, votes.label] - own) / np.maximum(others, LEAST), np.nan)
        seen = ~np.isnan(agree)
        n = np.bincount(votes.worker[seen], minlength=len(weight))
        mean = agree[seen].mean() if seen.any() else 0.5
        skill = (np.bincount(votes.worker[seen], agree[seen], len(weight)) + 4 * mean) / (n + 4)
        weight = np.maximum(np.log(np.maximum(k - 1, 1) * _odds(skill)), 0.05)
    return scores / scores.sum(1, keepdims=True)


def _by_model(votes: Votes, method: str, clamp: dict[int, int]) -> Consensus:
    """Label by the mean of the models' posteriors; confidence by the mean of that and of the two vote shares.

    The posterior takes votes on one task for independent, and is too sure where a task misleads many. The share of votes, plain
    and weighted, does not know who is good, and is too doubtful. Their mean is nearer to what is right than each.
    """
    layout, shares = _Layout(votes), _majority(votes)
    weighted = _weighted(votes)

    def fitted(known: dict[int, int]) -> tuple[np.ndarray, dict]:
        fits = [_fit(layout, shares, known, p) for p in (POOLINGS if method == "hierarchical" else [None])]
        return sum(f.posterior() for f in fits) / len(fits), fits[0].learnt

    posterior, learnt = fitted(clamp)
    honest, kind = (posterior + shares + weighted) / 3, "mean of model and vote share"
    if clamp:
        # what the model says of a gold task when it does not know it
        known = np.array(sorted(clamp))
        unseen = posterior.copy()
        for fold in range(min(5, len(known))):
            out = known[fold::5]
            part, _ = fitted({t: v for t, v in clamp.items() if t not in set(out.tolist())})
            unseen[out] = part[out]
        posterior = unseen
        honest, kind = calibrated((unseen + shares + weighted) / 3, unseen, clamp)
    return _report(votes, posterior, honest, method, kind, learnt)


def calibrated(sure: np.ndarray, chosen: np.ndarray, gold: dict[int, int]) -> tuple[np.ndarray, str]:
    """Platt scaling of the confidence on gold tasks, drawn to "leave it as it is" where they are few.

    Args:
        sure: probabilities (tasks × labels), made without knowing the gold label of that task.
        chosen: what decides the label (tasks × labels).
        gold: `{task code: label code}`.

    Returns:
        Probabilities in which that of the chosen label is calibrated and the others share the rest, and the kind of
        confidence in words. The gold tasks' own come from fits on the other gold tasks.
    """
    at, truth = np.array(list(gold), int), np.array(list(gold.values()), int)
    label = chosen.argmax(1)
    logit = np.log(_odds(sure[np.arange(len(sure)), label]))
    right = (label[at] == truth).astype(float)
    held_out = logit[at].copy()
    folds = np.arange(len(at)) % 5
    for fold in range(5 if len(at) > 1 else 0):
        slope, shift = _platt(logit[at[folds != fold]], right[folds != fold])
        held_out[folds == fold] = slope * logit[at[folds == fold]] + shift
    new = logit
    # as it is where a change does not tell the gold tasks that it has not seen any better
    if len(at) == 1 or _log_loss(held_out, right) < _log_loss(logit[at], right):
        slope, shift = _platt(logit[at], right)
        new = slope * logit + shift
        new[at] = held_out
    new = _sigmoid(new)
    out, rows = sure.copy(), np.arange(len(sure))
    out *= ((1 - new) / np.maximum(1 - out[rows, label], LEAST))[:, None]
    out[rows, label] = new
    return out, f"calibrated on {len(at)} gold tasks"


def _platt(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return slope and shift of the logit by log loss with a normal prior round (1, 0) of deviation 0.5."""
    from scipy.optimize import minimize

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        z = w[0] * x + w[1]
        off = _sigmoid(z) - y
        value = (np.logaddexp(0, z) - y * z).sum() + 2 * (w[0] - 1) ** 2 + 2 * w[1] ** 2
        return float(value), np.array([off @ x + 4 * (w[0] - 1), off.sum() + 4 * w[1]])

    # never turn the order round
    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.01, None), (None, None)])
    return float(found.x[0]), float(found.x[1])


def _log_loss(logit: np.ndarray, right: np.ndarray) -> float:
    return float((np.logaddexp(0, logit) - right * logit).sum())


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))


def _report(votes: Votes, chosen: np.ndarray, honest: np.ndarray, method, kind, learnt, log_vote=None) -> Consensus:
    """Write what people read: `chosen` decides the label, `honest` says how sure that is."""
    counts = votes.counts()
    n = counts.sum(1).astype(int)
    popular = counts.sum(0)
    # ties go to the label with more votes in all, then to the one that came first
    label = np.where(chosen >= chosen.max(1, keepdims=True) - 1e-9, popular + 1, -1.0).argmax(1)
    label[n == 1] = counts[n == 1].argmax(1)  # one answer is that answer
    honest = honest.copy()
    honest[n == 1] = counts[n == 1]
    sure = honest[np.arange(len(label)), label]
    order = np.argsort(votes.task, kind="stable")
    ends = np.cumsum(n)
    tasks = []
    for i, name in enumerate(votes.tasks):
        mine = order[ends[i] - n[i] : ends[i]]
        said = votes.label[mine]
        tally: dict = {}
        for code in said.tolist():
            tally[votes.labels[code]] = tally.get(votes.labels[code], 0) + 1
        tasks.append(
            {
                "task": name,
                "label": votes.labels[label[i]] if n[i] else None,
                "confidence": round(float(sure[i]), 4) if n[i] > 1 else None,
                "confidence_kind": kind if n[i] > 1 else "no consensus",
                "votes": tally,
                "disagreed": [votes.workers[w] for w in votes.worker[mine[said != label[i]]].tolist()],
            }
        )
    return Consensus(tasks, _workers(votes, chosen, n), list(votes.labels), method, honest, learnt)


def _workers(votes: Votes, truth: np.ndarray, n: np.ndarray) -> list[dict]:
    """How often each person said what is true, by the probabilities of the tasks that somebody else answered too."""
    from scipy.special import betaincinv

    shared = n[votes.task] > 1
    k, w = len(votes.labels), len(votes.workers)
    hits = np.bincount(votes.worker[shared], truth[votes.task, votes.label][shared], w)
    total = np.bincount(votes.worker[shared], minlength=w)
    everything = np.bincount(votes.worker, minlength=w)
    low, high = (betaincinv(hits + 0.5, total - hits + 0.5, p) for p in (0.05, 0.95))
    confusion: list[dict] = [{} for _ in range(w)]
    if w * k * k <= 1_000_000:
        table = np.zeros((w, k, k))
        np.add.at(table, (votes.worker[shared], votes.label[shared]), truth[votes.task[shared]])
        table = table.transpose(0, 2, 1)  # true × said
        rows = table.sum(2, keepdims=True)
        table = table / np.maximum(rows, LEAST)
        for i, j, m in zip(*np.nonzero((table >= 0.005) & (rows >= 0.5)), strict=True):
            confusion[i].setdefault(votes.labels[j], {})[votes.labels[m]] = round(float(table[i, j, m]), 3)
    return [
        {
            "worker": name,
            "answers": int(everything[i]),
            "accuracy": round(float(hits[i] / total[i]), 4) if total[i] else None,
            "low": round(float(low[i]), 4) if total[i] else None,
            "high": round(float(high[i]), 4) if total[i] else None,
            "confusion": confusion[i],
        }
        for i, name in enumerate(votes.workers)
    ]
