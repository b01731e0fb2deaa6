"""Our noise against OpenDP's, where that is installed (its wheel has 265 MB, so Tilth does not bring it)."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import pytest

from insights.dp import discrete_laplace

dp = pytest.importorskip("opendp.prelude", reason="OpenDP is not installed: pip install opendp")

SAMPLES = 4_000


@pytest.mark.parametrize("scale", [1, 3])
def test_both_draw_from_the_same_distribution(scale):
    """Counts of -3 … 3 lie within 4.5 deviations of the discrete Laplace law, for both."""
    dp.enable_features("contrib")
    theirs = dp.m.make_laplace(dp.atom_domain(T=int), dp.absolute_distance(T=int), float(scale))
    # the epsilon that OpenDP says of this noise is the one that we take off the budget: sensitivity / scale
    assert math.isclose(theirs.map(1), 1 / scale, rel_tol=1e-6)
    step = math.exp(-1 / scale)
    for draw in (lambda: theirs(0), lambda: discrete_laplace(Fraction(scale))):
        seen = Counter(draw() for _ in range(SAMPLES))
        for k in range(-3, 4):
            p = (1 - step) / (1 + step) * step ** abs(k)
            assert abs(seen[k] - SAMPLES * p) < 4.5 * math.sqrt(SAMPLES * p * (1 - p)), (k, seen[k])
