"""Components, clusters and the choice of columns equal scikit-learn, on random seeded data."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch
from transforms.errors import FitError

decomposition = pytest.importorskip("sklearn.decomposition", reason="scikit-learn is not installed")
from sklearn.linear_model import LinearRegression  # noqa: E402

COLUMNS = ["a", "b", "c", "d"]


def run(step, settings, train, new):
    as_table = lambda v: pa.table({c: v[:, i] for i, c in enumerate(COLUMNS)})  # noqa: E731
    fitted = Recipe().add(step, settings).fit(as_table(train), engine=scratch())
    return fitted.run(as_table(new), engine=scratch()).to_arrow_table()


def matrix(found, names):
    return np.column_stack([found[c].to_numpy() for c in names])


@pytest.fixture(params=range(3))
def data(request):
    rng = np.random.default_rng(request.param)
    x = rng.normal(size=(150, 4)) @ rng.normal(size=(4, 4)) + rng.normal(size=4) * 5
    return x[:120], x[120:]


@pytest.mark.parametrize("method, theirs", [("principal components", "PCA"), ("truncated SVD", "TruncatedSVD")])
def test_components(data, method, theirs):
    train, new = data
    given = {"algorithm": "arpack"} if theirs == "TruncatedSVD" else {}
    model = getattr(decomposition, theirs)(n_components=2, **given).fit(train)
    found = run("features.components", {"columns": COLUMNS, "method": method, "count": 2}, train, new)
    found = matrix(found, ["pc_1", "pc_2"])
    expected = model.transform(new)
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, rtol=1e-6, atol=1e-8)


def test_residual(data):
    train, new = data
    model = LinearRegression().fit(train[:, 1:], train[:, 0])
    found = run("features.residual", {"column": "a", "on": ["b", "c", "d"], "to": "r"}, train, new)["r"].to_numpy()
    np.testing.assert_allclose(found, new[:, 0] - model.predict(new[:, 1:]), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    "step, settings",
    [
        ("features.clusters", {"columns": ["a"], "clusters": 2}),
        ("features.select", {"columns": ["a"], "target": "y", "keep": 1}),
        ("scale.power", {"columns": ["a"]}),
    ],
)
def test_infinite_training_values_are_refused_in_plain_words(step, settings):
    rows = pa.table({"a": [1.0, float("inf"), 3.0], "y": [1.0, 2.0, 4.0]})
    with pytest.raises(FitError, match="column 'a' has infinite values"):
        Recipe().add(step, settings).fit({"main": rows}, engine=scratch())
