"""Target encoding: what leaves out a row's own target cannot tell it; similar spellings get similar numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.catalog.encode import minhash
from transforms.engines import scratch


def encoded(settings, train, new=None):
    recipe = Recipe().add("encode.target_mean", {"column": "c", "target": "y", "to": "e", **settings})
    fitted = recipe.fit(train, engine=scratch())
    return fitted.run(train if new is None else new, engine=scratch()).to_arrow_table()["e"].to_numpy()


@pytest.fixture
def noise():
    """300 rows of a category that says nothing about the target."""
    rng = np.random.default_rng(1)
    return pa.table(
        {"id": list(range(300)), "c": [f"c{i}" for i in rng.integers(0, 150, 300)], "y": rng.normal(size=300)}
    )


def test_out_of_fold_does_not_leak(noise):
    y = noise["y"].to_numpy()
    in_sample = encoded({"leave_out": "nothing", "smoothing": 0}, noise)
    out_of_fold = encoded({"smoothing": 0}, noise)
    assert np.corrcoef(in_sample, y)[0, 1] > 0.6
    assert abs(np.corrcoef(out_of_fold, y)[0, 1]) < 0.2


def test_a_rows_own_target_does_not_change_its_encoding(noise):
    before = encoded({"smoothing": 5}, noise)
    y = noise["y"].to_numpy().copy()
    y[7] += 1000.0
    changed = noise.set_column(2, "y", pa.array(y))
    assert encoded({"smoothing": 5}, changed)[7] == pytest.approx(before[7])


def test_new_rows_get_the_whole_statistic(noise):
    new = noise.set_column(2, "y", pa.nulls(300, pa.float64()))
    whole = encoded({"leave_out": "nothing"}, noise)
    np.testing.assert_allclose(encoded({}, noise, new), whole)


def test_minhash_is_near_for_similar_spellings():
    one, two, other = (np.array(minhash.python(t, dims=200, ngram=3)) for t in ("Johannes", "Johanes", "Xaver"))
    assert (one == two).mean() > 0.4 > 0.1 > (one == other).mean()
