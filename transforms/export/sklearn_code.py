"""Prints a fitted recipe as a scikit-learn transformer: rows in, rows out, with the fitted values inside."""

from __future__ import annotations

from transforms.errors import RecipeError
from transforms.export.pandas_code import MARK
from transforms.export.pandas_code import export as pandas_file
from transforms.recipe import FittedRecipe, at_step

CLASS = '''

from sklearn.base import BaseEstimator, TransformerMixin


class Prepare(TransformerMixin, BaseEstimator):
    """The recipe as a step of a scikit-learn Pipeline. Its values were learnt in Tilth, so `fit` learns nothing.

    Args:
        others: further inputs of the recipe by name (DataFrames), where it reads any.
    """

    def __init__(self, others=None):
        self.others = others

    def fit(self, X, y=None):
        self.feature_names_in_ = list(X.columns)
        return self

    def transform(self, X):
        return prepare(X, self.others)

    def __sklearn_is_fitted__(self):
        return True
'''


def export(fitted: FittedRecipe) -> str:
    """Return a Python file with the class `Prepare`. Steps that change the rows cannot stand in a Pipeline and are refused;
    `training_only` steps are left out, as at inference."""
    kept = []
    for number, step in fitted.enabled():
        with at_step(number, step):
            serving = step.build().serving
            if serving == "batch":
                raise RecipeError(
                    "it needs the other rows, so it cannot be part of a scikit-learn Pipeline.",
                    hint="Disable it for this export.",
                )
            if serving != "training_only":
                kept.append(step)
    code = pandas_file(fitted.model_copy(update={"steps": tuple(kept)}), file="prepare.py")
    body, _, recipe = code.rpartition(MARK)
    return body.partition("\n\ndef read(path, types):")[0] + "\n" + CLASS + "\n\n" + MARK + recipe
