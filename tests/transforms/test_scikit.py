"""What steps learn and give equals scikit-learn, on random seeded data with missing values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch

impute = pytest.importorskip("sklearn.impute", reason="scikit-learn is not installed")
from sklearn import preprocessing  # noqa: E402

COLUMNS = ["normal", "long tail", "whole", "constant", "tiny"]


@pytest.fixture(params=range(5))
def data(request):
    """(train, new) as arrays of five columns with NaN for missing."""
    rng = np.random.default_rng(request.param)

    def make(rows: int):
        columns = [
            rng.normal(50, 12, rows),
            rng.lognormal(0, 2, rows),
            rng.integers(-5, 6, rows).astype(float),
            np.full(rows, 3.25),
            rng.normal(1e-9, 1e-10, rows),
        ]
        table = np.column_stack(columns)
        table[rng.random(table.shape) < 0.15] = np.nan
        table[0] = np.nan_to_num(table[0], nan=1.0)
        return table

    return make(201 + request.param), make(50)


def as_table(values: np.ndarray) -> pa.Table:
    return pa.table({c: pa.array(values[:, i], from_pandas=True) for i, c in enumerate(COLUMNS)})


def ours(step: str, settings: dict, train: np.ndarray, new: np.ndarray) -> np.ndarray:
    fitted = Recipe().add(step, {"columns": COLUMNS, **settings}).fit(as_table(train), engine=scratch())
    found = fitted.run(as_table(new), engine=scratch()).to_arrow_table()
    return np.column_stack([found[c].to_numpy(zero_copy_only=False) for c in COLUMNS]).astype(float)


@pytest.mark.parametrize(
    "step, theirs",
    [
        ("standard", "StandardScaler"),
        ("min_max", "MinMaxScaler"),
        ("robust", "RobustScaler"),
        ("max_abs", "MaxAbsScaler"),
    ],
)
def test_scalers(step, theirs, data):
    train, new = data
    expected = getattr(preprocessing, theirs)().fit(train).transform(new)
    np.testing.assert_allclose(ours(f"scale.{step}", {}, train, new), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_imputers(statistic, data):
    train, new = data
    expected = impute.SimpleImputer(strategy=statistic).fit(train).transform(new)
    np.testing.assert_allclose(
        ours("missing.fill_statistic", {"statistic": statistic}, train, new), expected, rtol=1e-12
    )


def test_most_frequent_number(data):
    train, new = data
    expected = impute.SimpleImputer(strategy="most_frequent").fit(train).transform(new)
    np.testing.assert_allclose(ours("missing.fill_most_frequent", {}, train, new), expected, rtol=1e-12)


@pytest.fixture(params=range(5))
def words(request):
    """(train, new): one text column each with None; the new one has categories that training did not."""
    rng = np.random.default_rng(100 + request.param)
    known = ["a", "B", "größe", "x y", "10", "9", "Zürich", "z", "A", "", "é", "🚀"]
    train = rng.choice(known, 120).astype(object)
    new = rng.choice([*known, "unseen", "ZZ"], 60).astype(object)
    train[rng.random(120) < 0.1] = None
    new[rng.random(60) < 0.1] = None
    return train, new


def run_words(step: str, settings: dict, train, new) -> pa.Table:
    fitted = (
        Recipe()
        .add(step, {"columns": ["c"], **settings})
        .fit(pa.table({"c": pa.array(train, pa.string())}), engine=scratch())
    )
    return fitted.run(pa.table({"c": pa.array(new, pa.string())}), engine=scratch()).to_arrow_table()


def column(values) -> np.ndarray:
    return np.array(values, dtype=object).reshape(-1, 1)


@pytest.mark.parametrize("drop_first", [False, True])
def test_one_hot(words, drop_first):
    train, new = words
    known = [v for v in train if v is not None]
    encoder = preprocessing.OneHotEncoder(
        handle_unknown="ignore", drop="first" if drop_first else None, sparse_output=False
    ).fit(column(known))
    expected = np.zeros((len(new), len(encoder.get_feature_names_out())))
    present = np.array([v is not None for v in new])
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(UserWarning)
        expected[present] = encoder.transform(column(new[present]))
    found = run_words("encode.one_hot", {"drop_first": drop_first}, train, new)
    assert found.column_names == [str(n).replace("x0_", "c_", 1) for n in encoder.get_feature_names_out()]
    np.testing.assert_array_equal(np.column_stack([found[c].to_numpy() for c in found.column_names]), expected)


def test_ordinal(words):
    train, new = words
    encoder = preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(
        column([v for v in train if v is not None])
    )
    expected = [None if v is None else int(encoder.transform(column([v]))[0, 0]) for v in new]
    found = run_words("encode.ordinal", {"unseen": "missing"}, train, new)["c"].to_pylist()
    assert found == [None if v == -1 else v for v in expected]
    assert run_words("encode.ordinal", {"unseen": "-1"}, train, new)["c"].to_pylist() == [
        -1 if v is None else v for v in expected
    ]


def test_most_frequent_text(words):
    train, new = words
    counts = {v: list(train).count(v) for v in train if v is not None}
    most = min((-n, v) for v, n in counts.items())[1]  # ties go to the smallest, as in scikit-learn
    assert impute.SimpleImputer(strategy="most_frequent", missing_values=None).fit(column(train)).statistics_[0] == most
    assert run_words("missing.fill_most_frequent", {}, train, new)["c"].to_pylist() == [
        most if v is None else v for v in new
    ]
