"""Runs a recipe of the workspace on its datasets and keeps the result: one call behind the button and the command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from transforms import FittedRecipe, Recipe
from transforms.engines import DuckDBEngine
from workspace.sql import connection

if TYPE_CHECKING:
    from workspace import Workspace
    from workspace.datasets import DatasetVersion
    from workspace.runs import RunHandle


@dataclass(frozen=True)
class RecipeRun:
    """What a run made: the dataset version and the recipe with what its steps learnt."""

    dataset: DatasetVersion
    fitted: FittedRecipe


def run_recipe(
    ws: Workspace,
    recipe: Recipe,
    inputs: Mapping[str, str],
    *,
    output: str | None = None,
    handle: RunHandle | None = None,
) -> RecipeRun:
    """Fit a recipe on all rows of its datasets, run it, and keep the result as a dataset version.

    Args:
        recipe: the recipe (a fitted one runs with the states it has).
        inputs: {"main": "apps@1", …}: datasets; without a version the newest.
        output: name of the result (default: "<recipe> result").
        handle: for progress and cancel; nothing is kept after a cancel.

    Raises:
        RecipeError: the first step that cannot run, with its number and label.
    """
    found = {name: ws.datasets.get(ref) for name, ref in inputs.items()}
    steps = len(recipe.enabled())

    def at_step(number: int, of: int, label: str) -> None:
        if handle:
            handle.check()
            handle.progress(0.6 * (number - 1) / max(of, 1), f"Step {number} of {of}: {label}")

    with connection() as con:
        if handle:
            handle.on_cancel(con.interrupt)
        fitted = fit_on(recipe, found, con, at_step)
        if handle:
            handle.progress(0.6, f"Writing the result of {steps} steps")
        relation = fitted.run(found, con)
        lineage = {
            "from": [{"kind": "dataset", "ref": d.ref} for d in found.values()],
            "how": f"recipe {recipe.name}",
            "recipe": recipe.name,
            "recipe_inputs": {name: d.ref for name, d in found.items() if name != "main"},
            "fitted_recipe": fitted.dump(),
        }
        staged = ws.datasets.stage(output or f"{recipe.name} result", relation)
        try:
            if handle:
                handle.check()
        except BaseException:
            staged.discard()
            raise
        dataset = ws.datasets.commit(staged, lineage=lineage)
    return RecipeRun(dataset, fitted)


def fit_on(recipe: Recipe, datasets: Mapping[str, Any], con, on_step=None) -> FittedRecipe:
    """Return the recipe fitted on datasets, with a note of which ones; a fitted recipe is returned as it is."""
    if isinstance(recipe, FittedRecipe) and recipe.states.keys() >= {
        s.id for _, s in recipe.enabled() if s.build().learns()
    }:
        return recipe
    main = datasets["main"]
    fitted_on = {
        "dataset": main.name,
        "version": main.version,
        "rows": main.rows,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "inputs": {name: d.ref for name, d in datasets.items()},
    }
    return recipe.fit(datasets, engine=DuckDBEngine(con), fitted_on=fitted_on, on_step=on_step)
