"""The one certified pass: which confidence of a model is enough for its labels to be right as often as asked.

A model's labels are compared with people's on a random validation sample. Thresholds are tested in an order that was
fixed before any of these comparisons was seen, each with the exact binomial test at the full level, until the first
that fails: so the whole sequence is wrong with a probability of at most 1 − confidence, however many thresholds it has.
Source: Clopper and Pearson 1934; fixed-sequence testing as in Angelopoulos et al. 2021, "Learn then Test".
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from transforms.errors import InputError


@dataclass(frozen=True)
class Certificate:
    """What a certified pass found; labels of at least `threshold` are admitted, none where it is None.

    `validated` and `errors` count the validation objects at that threshold, `bound` is the lower bound of the share of
    right labels that holds with `confidence`, and `share` is the part of the offered objects that is admitted.
    """

    threshold: float | None
    share: float
    validated: int
    errors: int
    bound: float
    target: float
    confidence: float
    sample: int
    reason: str = ""

    def as_json(self) -> dict:
        return asdict(self)


def accuracy_bound(errors: int, n: int, confidence: float = 0.9) -> float:
    """Return the exact one-sided lower bound of accuracy after `errors` in `n` independent trials; 0 without trials."""
    if not 0 <= errors <= n:
        raise InputError(f"{errors} errors in {n} objects is not possible.")
    if errors == n:
        return 0.0
    from scipy.stats import beta

    return float(beta.ppf(1 - confidence, n - errors, errors + 1))


def needed(target: float = 0.95, confidence: float = 0.9, errors: int = 0) -> int:
    """Return how many validated objects with so many errors are enough to certify `target`."""
    _check(target, confidence)
    low = high = max(errors + 1, math.ceil(math.log(1 - confidence) / math.log(target)))
    while accuracy_bound(errors, high, confidence) < target:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if accuracy_bound(errors, middle, confidence) >= target else (middle + 1, high)
    return high


def chance_if_wrong(errors: int, n: int, offered: int, target: float) -> float:
    """Return how likely at most `errors` in `n` validated objects are if the `offered` labels miss the target.

    The bound is about all objects like these; this is about the very labels that will be written, which are few enough
    to miss the target by chance alone. Validated and offered objects are one random split, so it is hypergeometric. To
    miss is to have more wrong ones than the target allows plus one: a share of a few labels is no whole number.
    """
    from scipy.stats import hypergeom

    wrong = int(offered * (1 - target) + 1e-9) + 2
    return float(hypergeom.cdf(errors, offered + n, wrong + errors, n)) if wrong <= offered else 0.0


def sample_size(objects: int, target: float = 0.95, confidence: float = 0.9, admitted: float = 0.5) -> int:
    """Return how many objects to validate.

    Enough that a model with a third of the allowed errors is certified in four of five cases while it admits the share
    `admitted`; at most a fifth of all objects (a third of few), but never so few that nothing could be certified.

    Raises:
        InputError: there are too few objects for this target and confidence.
    """
    from scipy.stats import binom

    least = math.ceil(1.15 * needed(target, confidence))
    if objects < least + 10:
        raise InputError(
            f"{objects} objects are too few: {least} must be validated by people for {target:.0%} at a confidence of "
            f"{confidence:.0%}, and some must be left to learn from.",
            hint="Add objects, or lower the target or the confidence.",
        )
    allowed = 0
    while binom.cdf(allowed, size := needed(target, confidence, allowed), (1 - target) / 3) < 0.8:
        allowed += 1
    most = max(objects // 5, min(objects // 3, 2 * needed(target, confidence)))
    return max(least, min(math.ceil(size / admitted), most))


def certify(scores, correct, offered, *, target: float = 0.95, confidence: float = 0.9, steps: int = 50) -> Certificate:
    """Return the threshold whose labels are right with `target` accuracy, at `confidence`.

    Args:
        scores, correct: the model's confidence in each validated object, and whether a person says the same.
        offered: the model's confidence in the objects that may be labelled automatically. The thresholds are the
            quantiles of these, so they do not depend on `correct`; see `thresholds` for their order.

    Raises:
        InputError: the sample is too small to ever certify; says how many are needed.
    """
    import numpy as np

    _check(target, confidence)
    scores, correct = np.asarray(scores, dtype="float64"), np.asarray(correct, dtype=bool)
    offered = np.asarray(offered, dtype="float64")
    if scores.shape != correct.shape or scores.ndim != 1 or not np.isfinite(scores).all():
        raise InputError("Each validated object needs one finite score and one verdict.")
    if len(scores) < (least := needed(target, confidence)):
        raise InputError(
            f"{len(scores)} validated objects can never certify {target:.0%} at a confidence of {confidence:.0%}; "
            f"at least {least} are needed.",
            hint=f"Let people label {least - len(scores)} more objects chosen at random.",
        )
    nothing = Certificate(None, 0.0, 0, 0, 0.0, target, confidence, len(scores))
    if not len(offered):
        return _because(nothing, "No object is left to label automatically.")
    order = thresholds(scores, offered, target, confidence, steps)
    if not len(order):
        return _because(nothing, f"Too few validated objects are as certain as the others; {least} would be needed.")
    best, failed = None, ""
    for threshold in order:
        inside = scores >= threshold
        n, errors = int(inside.sum()), int((inside & ~correct).sum())
        bound = accuracy_bound(errors, n, confidence)
        admitted = int((offered >= threshold).sum())
        if bound < target or chance_if_wrong(errors, n, admitted, target) > 1 - confidence:
            failed = (
                f"{errors} errors in {n} validated objects show {bound:.1%}, which is not enough for {admitted} labels."
            )
            break
        best = Certificate(float(threshold), admitted / len(offered), n, errors, bound, target, confidence, len(scores))
    if best is None:
        return _because(nothing, failed)
    return best


def thresholds(scores, offered, target: float, confidence: float, steps: int = 50):
    """Return the thresholds in the order in which they are tested; verdicts play no part in it.

    The first one has half of the validation sample above it (for which `sample_size` gives good chances), or as many as
    can be certified at all; then lower and lower ones.
    """
    import numpy as np

    grid = np.unique(np.quantile(offered, np.linspace(0, 1, steps + 1)[:-1]))[::-1]  # high to low
    counts = len(scores) - np.searchsorted(np.sort(scores), grid, side="left")
    return grid[counts >= max(needed(target, confidence), len(scores) // 2)]


def _because(certificate: Certificate, reason: str) -> Certificate:
    return Certificate(**{**asdict(certificate), "reason": reason})


def _check(target: float, confidence: float) -> None:
    for name, value in (("target", target), ("confidence", confidence)):
        if not 0.5 <= value < 1:
            raise InputError(f"The {name} must be at least 50 % and less than 100 %; it is {value:.0%}.")
