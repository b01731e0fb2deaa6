"""What the metrics are called, how bad a value is by our published rules, and what it says in plain words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from insights.bias.counts import Choice, Crossing
from insights.bias.metrics import Confusion

PRE_TRAINING = ("CI", "DPL", "KL", "JS", "LP", "TVD", "KS", "CDDL")
POST_TRAINING = ("DPPL", "DI", "DCAcc", "DCR", "RD", "SD", "DAR", "DRR", "AD", "TE", "CDDPL", "GE", "FT")

NAMES = {
    "CI": "Class imbalance",
    "DPL": "Difference in positive proportions in labels",
    "KL": "Kullback-Leibler divergence",
    "JS": "Jensen-Shannon divergence",
    "LP": "Lp-norm (p = 2)",
    "TVD": "Total variation distance",
    "KS": "Largest difference of one outcome (KS)",
    "CDDL": "Conditional demographic disparity in labels",
    "DPPL": "Difference in positive proportions in predicted labels",
    "DI": "Disparate impact",
    "DCAcc": "Difference in conditional acceptance",
    "DCR": "Difference in conditional rejection",
    "RD": "Recall difference",
    "SD": "Specificity difference",
    "DAR": "Difference in acceptance rates (precision)",
    "DRR": "Difference in rejection rates",
    "AD": "Accuracy difference",
    "TE": "Treatment equality",
    "CDDPL": "Conditional demographic disparity in predicted labels",
    "GE": "Generalised entropy",
    "FT": "Flip test",
}

# Our own published rules: |value| up to the first number is "low", up to the second "medium", above it "high".
# Differences of shares: 5 and 10 percentage points. CI: 3 to 1 and 9 to 1. LP: the same points times sqrt(2).
RULES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("DPL", "TVD", "KS", "CDDL", "DPPL", "RD", "SD", "DAR", "DRR", "AD", "CDDPL", "FT"), (0.05, 0.10)),
    "CI": (0.5, 0.8),
    "KL": (0.01, 0.05),
    "JS": (0.0025, 0.0125),
    "LP": (0.05 * math.sqrt(2), 0.10 * math.sqrt(2)),
    "DCAcc": (0.10, 0.25),
    "DCR": (0.10, 0.25),
    "TE": (0.25, 1.0),
    "GE": (0.05, 0.15),
}
ALLOWED = {  # the range that an interval must miss before we call it bias: up to "medium"
    **{metric: (-medium, medium) for metric, (_, medium) in RULES.items()},
    "DI": (0.8, 1.25),
}
SMALL = 30  # rows: below it, a group's figures say little
SAME_FACT = "With two outcomes, DPL, TVD, KS and LP are one fact: TVD = KS = |DPL| and LP = √2·|DPL|."


@dataclass(frozen=True)
class Reading:
    """One metric: its value (None: not defined here), what it says in plain words, and how bad that is."""

    metric: str
    name: str
    value: float | None
    says: str
    severity: str  # "low", "medium", "high", or "none" where nothing can be said
    interval: tuple[float, float] | None = None  # of the resamples, if they were asked for
    verdict: str = ""  # "alert": the interval misses the allowed range; "fine": it lies inside; else "unclear"

    def as_json(self) -> dict:
        found = vars(self) | {"value": json_number(self.value)}
        return found | {"interval": self.interval and [json_number(end) for end in self.interval]}


def verdict(interval: tuple[float, float] | None, allowed: tuple[float, float]) -> str:
    """Return "alert" only where the whole interval lies outside the allowed range (the rule of Clarify's monitor)."""
    if interval is None:
        return ""
    if interval[1] < allowed[0] or interval[0] > allowed[1]:
        return "alert"
    return "fine" if allowed[0] <= interval[0] and interval[1] <= allowed[1] else "unclear"


def json_number(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "Infinity" if value > 0 else "-Infinity"


def severity(metric: str, value: float | None) -> str:
    """Return "low", "medium" or "high" by `RULES`; "none" for a value that is not defined."""
    if value is None:
        return "none"
    if metric == "DI":  # the four-fifths rule, both ways
        return "low" if 0.9 <= value <= 1 / 0.9 else "medium" if 0.8 <= value <= 1.25 else "high"
    low, medium = RULES[metric]
    return "low" if abs(value) <= low else "medium" if abs(value) <= medium else "high"


@dataclass(frozen=True)
class Facts:
    d: Choice | Crossing
    good: Choice
    share_a: float
    share_d: float
    counts: dict[str, int]
    confusion: dict[str, Confusion]


def says(metric: str, value: float | None, facts: Facts, group: str | None) -> str:
    """Say in one sentence what a metric's value means for the group to protect."""
    who = str(facts.d)
    if value is None:
        return "Not defined for these rows."
    points = f"{abs(value) * 100:.1f} points" if math.isfinite(value) else ""
    level = abs(value) < 0.0005
    if metric == "CI":
        share = facts.counts["n_d"] / (facts.counts["n_a"] + facts.counts["n_d"])
        return f"{who} makes up {share:.1%} of the rows."
    if metric == "DPL":
        rates = f"({facts.share_d:.1%} against {facts.share_a:.1%})"
        if level:
            return f"{who} gets {facts.good} as often as the rest {rates}."
        return f"{who} gets {facts.good} {points} {'less' if value > 0 else 'more'} often than the rest {rates}."
    if metric == "KL":
        return (
            "The rest has an outcome that this group never has."
            if math.isinf(value)
            else f"Telling the two groups' outcomes apart: {value:.3f} nats; 0 is no difference."
        )
    if metric == "JS":
        return f"{value / math.log(2):.1%} of the largest possible difference (ln 2), the same in both directions."
    if metric == "LP":
        return f"The outcome shares lie {value:.3f} apart; 1.414 is the most."
    if metric in ("TVD", "KS"):
        return (
            f"{abs(value):.1%} of one group would need another outcome to match the other."
            if metric == "TVD"
            else f"The largest gap of one outcome is {points}."
        )
    if metric in ("CDDL", "CDDPL"):
        what = "rejections" if metric == "CDDL" else "predicted rejections"
        if level:
            return f"Within each {group}, {who} has the same share of {what} and of acceptances."
        return f"Within each {group}, the share of {who} among {what} is {points} {'higher' if value > 0 else 'lower'} than among acceptances."
    if metric == "DPPL":
        return _compare(value, f"{who} is predicted {facts.good}", points, "often")
    if metric == "DI":
        return (
            f"{who} is predicted {facts.good} {value:.2f} times as often as the rest; below 0.80 breaks the four-fifths rule."
            if math.isfinite(value)
            else "Only this group is predicted the favourable outcome."
        )
    if metric == "RD":
        return _compare(value, f"Of those who deserve {facts.good}, {who} is found", points, "often")
    if metric == "SD":
        return _compare(-value, f"Of those without {facts.good}, {who} is rightly refused", points, "often")
    if metric == "DAR":
        return _compare(value, f"When {who} is predicted {facts.good}, that is right", points, "often")
    if metric == "DRR":
        return _compare(-value, f"When {who} is refused, that is right", points, "often")
    if metric == "AD":
        return _compare(value, f"Predictions for {who} are right", points, "often")
    if metric == "FT":
        if level:
            return "People of this group get the same predictions as their nearest neighbours in the rest."
        more = "better" if value > 0 else "worse"
        return f"{points} more of this group are predicted {more} than their nearest neighbours in the rest than the reverse."
    if metric == "DCAcc":
        return _tilt(value, "accepted, compared with what was observed,", more_is_worse_for_a=True)
    if metric == "DCR":
        return _tilt(value, "refused, compared with what was observed,", more_is_worse_for_a=False)
    if metric == "TE":
        if level:
            return "Missed and false acceptances are in the same proportion in both groups."
        return f"{who} has {'more' if value > 0 else 'fewer'} missed acceptances for each false one than the rest."
    return f"Unevenness of benefit over all people: {value:.3f}; 0 is perfectly even. It does not look at the group."


def _compare(value: float, start: str, points: str, word: str) -> str:
    if abs(value) < 0.0005:
        return f"{start} as {word} as the rest."
    return f"{start} {points} {'less' if value > 0 else 'more'} {word} than the rest."


def _tilt(value: float, what: str, *, more_is_worse_for_a: bool) -> str:
    """DCAcc: observed per predicted acceptance, a minus d. DCR: observed per predicted rejection, d minus a."""
    if abs(value) < 0.0005:
        return f"Both groups are {what} to the same degree."
    more_for_group = value > 0 if more_is_worse_for_a else value < 0
    return (
        f"This group is {what} {'more' if more_for_group else 'less'} often than the rest ({abs(value):.2f})."
        if math.isfinite(value)
        else "One of the groups is never predicted this outcome."
    )
