"""Power and quantile transforms give what scikit-learn gives, on random seeded data with missing values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch

preprocessing = pytest.importorskip("sklearn.preprocessing", reason="scikit-learn is not installed")


def run(step, settings, train, new):
    as_table = lambda v: pa.table({"a": pa.array(v, from_pandas=True)})  # noqa: E731
    fitted = Recipe().add(step, {"columns": ["a"], **settings}).fit(as_table(train), engine=scratch())
    return (
        fitted.run(as_table(new), engine=scratch()).to_arrow_table()["a"].to_numpy(zero_copy_only=False).astype(float)
    )


@pytest.fixture(params=range(3))
def data(request):
    rng = np.random.default_rng(request.param)
    train, new = rng.lognormal(0, 1, 200), rng.lognormal(0, 1.5, 50)
    train[rng.random(200) < 0.1] = np.nan
    new[rng.random(50) < 0.1] = np.nan
    return train, new


@pytest.mark.parametrize("method", ["Yeo-Johnson", "Box-Cox"])
@pytest.mark.parametrize("standardise", [True, False])
def test_power(data, method, standardise):
    train, new = data
    if method == "Yeo-Johnson":
        train, new = train - 1.5, new - 1.5
    theirs = preprocessing.PowerTransformer(method=method.lower(), standardize=standardise).fit(train.reshape(-1, 1))
    found = run("scale.power", {"method": method, "standardise": standardise}, train, new)
    np.testing.assert_allclose(found, theirs.transform(new.reshape(-1, 1))[:, 0], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("output", ["uniform", "normal"])
def test_quantile(data, output):
    train, new = data
    theirs = preprocessing.QuantileTransformer(n_quantiles=50, output_distribution=output).fit(train.reshape(-1, 1))
    found = run("scale.quantile", {"quantiles": 50, "output": output}, train, new)
    np.testing.assert_allclose(found, theirs.transform(new.reshape(-1, 1))[:, 0], rtol=1e-9, atol=1e-9)
