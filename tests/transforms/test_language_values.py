"""Texts as numbers equal scikit-learn's vectorizers with their default settings."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch

text = pytest.importorskip("sklearn.feature_extraction.text", reason="scikit-learn is not installed")

TRAIN = [
    "The quick brown fox jumps over the lazy dog",
    "the dog and the FOX are friends; the dog sleeps",
    "A größe test: naïve words, 2024 numbers x",
    "",
    "quick quick quick",
]
NEW = ["the fox and an unknown word", "größe größe 2024", "nothing known here"]


def vectors(step: str, settings: dict) -> np.ndarray:
    recipe = Recipe().add(step, {"column": "t", "give": "list", **settings})
    fitted = recipe.fit(pa.table({"t": [*TRAIN, None]}), engine=scratch())
    return np.array(fitted.run(pa.table({"t": NEW}), engine=scratch()).to_arrow_table()["t_vector"].to_pylist())


@pytest.mark.parametrize(
    "settings, theirs",
    [
        ({}, {}),
        ({"longest": 2, "min_rows": 2}, {"ngram_range": (1, 2), "min_df": 2}),
        ({"max_share": 0.5, "sublinear": True, "norm": "l1"}, {"max_df": 0.5, "sublinear_tf": True, "norm": "l1"}),
        (
            {"unit": "characters", "shortest": 2, "longest": 3, "most": 2000},
            {"analyzer": "char", "ngram_range": (2, 3)},
        ),
    ],
)
def test_tf_idf(settings, theirs):
    expected = text.TfidfVectorizer(**theirs).fit(TRAIN).transform(NEW).toarray()
    assert np.allclose(vectors("language.tf_idf", settings), expected)


@pytest.mark.parametrize("binary", [False, True])
def test_counts(binary):
    expected = text.CountVectorizer(binary=binary).fit(TRAIN).transform(NEW).toarray()
    assert np.allclose(vectors("language.count_terms", {"binary": binary}), expected)


@pytest.mark.parametrize("norm", ["l2", "l1"])
def test_hashes(norm):
    expected = text.HashingVectorizer(n_features=50, norm=norm).transform(NEW).toarray()
    assert np.allclose(vectors("language.hash_terms", {"size": 50, "norm": norm}), expected)


def test_columns_are_named_after_the_terms_in_order():
    train = pa.table({"t": ["bb bb aa", "bb cc"]})
    fitted = Recipe().add("language.tf_idf", {"column": "t", "most": 2}).fit(train, engine=scratch())
    found = fitted.run(pa.table({"t": ["aa"]}), engine=scratch()).to_arrow_table()
    assert found.column_names == ["t", "t_aa", "t_bb"]
