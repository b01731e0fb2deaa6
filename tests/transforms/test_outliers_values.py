"""Bounds and oddness scores equal SciPy and scikit-learn, on random seeded data."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch

ensemble = pytest.importorskip("sklearn.ensemble", reason="scikit-learn is not installed")
from scipy.spatial.distance import mahalanobis  # noqa: E402
from scipy.stats import median_abs_deviation  # noqa: E402
from sklearn.neighbors import LocalOutlierFactor  # noqa: E402


def as_table(x):
    return pa.table({"a": x[:, 0], "b": x[:, 1]})


def scores(settings, train, new):
    fitted = (
        Recipe().add("outliers.odd_rows", {"columns": ["a", "b"], **settings}).fit(as_table(train), engine=scratch())
    )
    return fitted.run(as_table(new), engine=scratch()).to_arrow_table()["oddness"].to_numpy(), fitted.states["s1"]


@pytest.fixture(params=range(3))
def data(request):
    x = np.random.default_rng(request.param).normal(size=(120, 2)) @ np.array([[2.0, 0.5], [0.0, 1.0]])
    return x[:100], x[100:] * 2


def test_mahalanobis(data):
    train, new = data
    inverse = np.linalg.inv(np.cov(train.T, ddof=0))
    expected = [mahalanobis(row, train.mean(axis=0), inverse) for row in new]
    np.testing.assert_allclose(scores({}, train, new)[0], expected, rtol=1e-9)


def test_local_outlier_factor(data):
    train, new = data
    expected = -LocalOutlierFactor(n_neighbors=10, novelty=True).fit(train).score_samples(new)
    found, _ = scores({"method": "local outlier factor", "neighbours": 10}, train, new)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_isolation_forest(data):
    train, new = data
    found, state = scores({"method": "isolation forest", "trees": 10}, train, new)
    # the step sorts its sample by hash, so it fits on the same order here
    from transforms.catalog.features import numbers_sample

    sample = numbers_sample(scratch().table(as_table(train)), ["a", "b"], 500)
    model = ensemble.IsolationForest(n_estimators=10, max_samples=len(sample), random_state=1).fit(sample)
    np.testing.assert_allclose(found, -model.score_samples(new), rtol=1e-6)
    assert state["sample"] == 100


def test_median_distances(data):
    x = data[0][:, 0]
    fitted = Recipe().add("outliers.replace", {"columns": ["a"], "method": "median distances", "k": 2}).fit(as_table(data[0]), engine=scratch())  # fmt: skip
    width = median_abs_deviation(x) * 1.4826
    state = fitted.states["s1"]["a"]
    np.testing.assert_allclose([state["low"], state["high"]], [np.median(x) - 2 * width, np.median(x) + 2 * width])
