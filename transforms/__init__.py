"""Tilth's transforms: recipes of small, typed steps that run on DuckDB or Spark and print themselves as code.

This package knows nothing of the rest of Tilth and can be used alone:

    from transforms import Recipe
    recipe = Recipe(name="ages").add("missing.fill_statistic", {"columns": ["age"]})
    fitted = recipe.fit("people.parquet")
    fitted.run("people.parquet").show()

Names are imported when first used: Ibis alone takes a second, and the command line must not wait for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transforms import catalog
    from transforms.recipe import FittedRecipe, Problem, Recipe, Step
    from transforms.serving import RecordRunner
    from transforms.transform import CombiningTransform, Example, Transform

_HOMES = {
    "FittedRecipe": "recipe", "Problem": "recipe", "Recipe": "recipe", "Step": "recipe", "RecordRunner": "serving",
    "CombiningTransform": "transform", "Example": "transform", "Transform": "transform", "catalog": "catalog",
}  # fmt: skip

__all__ = [
    "CombiningTransform",
    "Example",
    "FittedRecipe",
    "Problem",
    "Recipe",
    "RecordRunner",
    "Step",
    "Transform",
    "catalog",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'transforms' has no attribute {name!r}")
    module = importlib.import_module(f"transforms.{_HOMES[name]}")
    return module if name == "catalog" else getattr(module, name)
