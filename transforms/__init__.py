"""Tilth's transforms: recipes of small, typed steps that run on DuckDB or Spark and print themselves as code.

This package knows nothing of the rest of Tilth and can be used alone:

>>> from transforms import Recipe
>>> recipe = Recipe(name="ages").add("missing.fill_statistic", {"columns": ["age"]})
>>> fitted = recipe.fit("people.parquet")          # doctest: +SKIP
>>> fitted.run("people.parquet").fetchmany(5)      # doctest: +SKIP
"""

from __future__ import annotations

import transforms.catalog as catalog
from transforms.recipe import FittedRecipe, Problem, Recipe, Step
from transforms.serving import RecordRunner
from transforms.transform import CombiningTransform, Example, Transform

__all__ = ["CombiningTransform", "Example", "FittedRecipe", "Problem", "Recipe", "RecordRunner", "Step", "Transform", "catalog"]
