"""Imputers give what scikit-learn gives, on random seeded data with missing values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch

impute = pytest.importorskip("sklearn.impute", reason="scikit-learn is not installed")
from sklearn.experimental import enable_iterative_imputer  # noqa: E402, F401
from sklearn.linear_model import BayesianRidge, LinearRegression  # noqa: E402

COLUMNS = ["a", "b", "c"]


def table(values):
    return pa.table({c: pa.array(values[:, i], from_pandas=True) for i, c in enumerate(COLUMNS)})


def ours(step, settings, train, new):
    fitted = Recipe().add(step, {"columns": COLUMNS, **settings}).fit(table(train), engine=scratch())
    found = fitted.run(table(new), engine=scratch()).to_arrow_table()
    return np.column_stack([found[c].to_numpy() for c in COLUMNS]).astype(float)


@pytest.fixture(params=range(3))
def data(request):
    rng = np.random.default_rng(request.param)
    x = rng.normal(size=(120, 3)) @ rng.normal(size=(3, 3)) + 3
    x[rng.random(x.shape) < 0.2] = np.nan
    return x[:90], x[90:]


@pytest.mark.parametrize("by_distance", [False, True])
def test_nearest_neighbours(data, by_distance):
    train, new = data
    model = impute.KNNImputer(n_neighbors=4, weights="distance" if by_distance else "uniform").fit(train)
    found = ours("missing.fill_neighbours", {"neighbours": 4, "by_distance": by_distance}, train, new)
    np.testing.assert_allclose(found, model.transform(new), rtol=1e-9)


@pytest.mark.parametrize("model", ["Bayesian ridge", "least squares"])
@pytest.mark.filterwarnings("ignore")
def test_models_of_the_other_columns(data, model):
    train, new = data
    # equal up to the order of rows, which only rounding sees
    estimator = BayesianRidge() if model == "Bayesian ridge" else LinearRegression()
    theirs = impute.IterativeImputer(estimator, max_iter=10, random_state=0).fit(train)
    found = ours("missing.fill_models", {"model": model}, train, new)
    np.testing.assert_allclose(found, theirs.transform(new), rtol=1e-6, atol=1e-8)
