"""Bias: does a group get the favourable outcome less often? Metrics by the definitions of SageMaker Clarify.

Everything follows from one table of counts, `GROUP BY facet, label, predicted, group`, made by DuckDB on all rows.

Words: **d** is the group to protect (the facet's value or threshold), **a** is everybody else; a *positive* is a row with
the favourable outcome. Rules of ours where the reference tool differs or fails: nothing is guessed (values or a
threshold are asked for); rows with an unknown facet or label are left out and counted (an unknown prediction only
from the metrics on predictions, an unknown stratum only from CDDL); distributions keep their full support, so KL is
infinite, never negative, where d lacks an outcome that a has. As in the reference, 0/0 counts as 0, and inf - inf as 0.
"""

from insights.bias.counts import OPERATORS, Choice, Crossing, parse_choice
from insights.bias.intervals import RESAMPLES
from insights.bias.measure import LEVEL, BiasReport, FacetBias, intersect, measure
from insights.bias.metrics import Confusion, conditional_disparity, distribution_metrics, prediction_metrics
from insights.bias.mitigation import METHODS, Mitigation, mitigate
from insights.bias.page import to_html
from insights.bias.words import (
    ALLOWED,
    NAMES,
    POST_TRAINING,
    PRE_TRAINING,
    RULES,
    SAME_FACT,
    SMALL,
    Reading,
    severity,
    verdict,
)

__all__ = [
    "ALLOWED", "LEVEL", "METHODS", "NAMES", "OPERATORS", "POST_TRAINING", "PRE_TRAINING", "RESAMPLES", "RULES", "SAME_FACT", "SMALL",
    "BiasReport", "Choice", "Confusion", "Crossing", "FacetBias", "Mitigation", "Reading", "conditional_disparity", "distribution_metrics",
    "intersect", "measure", "mitigate", "parse_choice", "prediction_metrics", "severity", "to_html", "verdict",
]  # fmt: skip
