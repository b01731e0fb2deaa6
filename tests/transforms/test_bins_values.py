"""Natural breaks are the best classes that there are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from transforms.catalog.bins import natural_classes


def spread(x, cuts):
    return sum(((part - part.mean()) ** 2).sum() for part in np.split(np.array(x), cuts))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [2, 3, 4])
def test_no_other_cut_is_better(seed, count):
    x = sorted(np.random.default_rng(seed).lognormal(0, 1, 14).tolist())
    best = min(spread(x, list(cuts)) for cuts in itertools.combinations(range(1, len(x)), count - 1))
    classes = natural_classes(x, count)
    assert [a for a, _ in classes[1:]] == [b for _, b in classes[:-1]]
    assert spread(x, [a for a, _ in classes[1:]]) == pytest.approx(best)
