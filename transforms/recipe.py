"""Recipes: ordered steps as plain JSON, fitted on data, run on an engine.

A `Recipe` never changes: every edit returns a new one, so undo is keeping the old one. Opening a recipe never validates;
`check` reports all problems at once, in step order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from transforms import schema as types
from transforms.engines import DuckDBEngine, first_line
from transforms.errors import AppError, FitError, InputError, RecipeError
from transforms.parameters import resolved
from transforms.transform import CombiningTransform, Transform, applied, find
from transforms.upgrades import upgraded

FORMAT = 1
MAIN = "main"


class Step(BaseModel):
    """A transform with its settings at a place in a recipe."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    transform: str
    version: int = 1
    enabled: bool = True
    note: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, content: Any) -> Any:
        return upgraded(content) if isinstance(content, dict) else content

    def build(self) -> Transform:
        """Return the transform with these settings; raise NotFound, ParamError, or RecipeError for a step of a newer Tilth."""
        known = find(self.transform)
        if self.version > known.version:
            raise RecipeError(
                f"it was saved by a newer Tilth (version {self.version} of this step).", hint="Update Tilth."
            )
        return known.from_settings(self.settings)

    def label(self) -> str:
        """Return the transform's label, or its id where nobody knows it."""
        try:
            return find(self.transform).label
        except AppError:
            return self.transform

    def describe(self) -> str:
        try:
            return self.build().describe()
        except AppError:
            return self.label()


class Problem(BaseModel):
    """Something that `check` found: where (step id, or None for the whole), what, and what to do."""

    model_config = ConfigDict(frozen=True)

    step: str | None
    message: str
    hint: str = ""
    severity: str = "error"


class Recipe(BaseModel):
    """Ordered steps and the input schema that they expect."""

    model_config = ConfigDict(frozen=True, extra="allow")

    tilth_recipe: int = FORMAT
    name: str = "recipe"
    inputs: dict[str, dict[str, str]] = Field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    # -- files

    @classmethod
    def load(cls, path: str | Path):
        """Read a recipe file; raise InputError if it is not one. Unknown keys and steps are kept."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise InputError(f"There is no recipe file {str(path)!r}.") from error
        except OSError as error:
            raise InputError(f"The recipe file {str(path)!r} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise InputError(f"{Path(path).name!r} is not a recipe: it is not JSON ({error}).") from error
        return cls.from_dict(content, where=Path(path).name)

    @classmethod
    def from_dict(cls, content: Any, where: str = "This"):
        """Build a recipe from JSON content; only its outer shape is looked at."""
        if not isinstance(content, dict) or "steps" not in content:
            raise InputError(f"{where!r} is not a recipe: it has no 'steps'.")
        found = content.get("tilth_recipe", FORMAT)
        if not isinstance(found, int) or found > FORMAT:
            raise InputError(
                f"{where!r} has recipe format {found!r}; this Tilth reads up to {FORMAT}.", hint="Update Tilth."
            )
        try:
            return cls.model_validate(content)
        except ValueError as error:
            raise InputError(
                f"{where!r} is not a recipe: {error.errors()[0]['loc']} {error.errors()[0]['msg']}."
            ) from error

    def dump(self) -> dict[str, Any]:
        """Return the recipe as JSON values, unknown keys included."""
        return self.model_dump(mode="json")

    def save(self, path: str | Path) -> None:
        """Write the recipe file in one step; raise InputError if that cannot be done."""
        from transforms.writing import write_text

        write_text(path, json.dumps(self.dump(), indent=1, ensure_ascii=False))

    # -- editing: each returns a new recipe

    def add(self, transform: str | Transform, settings: Mapping[str, Any] | None = None, *, at: int | None = None):
        """Return the recipe with one more step, at the end or before position `at`."""
        if isinstance(transform, Transform):
            transform, settings = transform.name, transform.settings()
        known = find(transform)
        step = Step(id=self._free_id(), transform=transform, version=known.version, settings=dict(settings or {}))
        place = len(self.steps) if at is None else at
        return self._with((*self.steps[:place], step, *self.steps[place:]))

    def edit(self, step_id: str, **changes: Any):
        """Return the recipe with `settings`, `enabled` or `note` of one step changed."""
        self.place(step_id)
        return self._with(tuple(s.model_copy(update=changes) if s.id == step_id else s for s in self.steps))

    def remove(self, step_id: str):
        self.place(step_id)
        return self._with(tuple(s for s in self.steps if s.id != step_id))

    def duplicate(self, step_id: str):
        place = self.place(step_id)
        twin = self.steps[place].model_copy(update={"id": self._free_id()})
        return self._with((*self.steps[: place + 1], twin, *self.steps[place + 1 :]))

    def move(self, step_id: str, to: int):
        """Return the recipe with one step moved to position `to` (0 is first)."""
        step = self.steps[self.place(step_id)]
        rest = [s for s in self.steps if s.id != step_id]
        to = max(0, min(to, len(rest)))
        return self._with((*rest[:to], step, *rest[to:]))

    def upto(self, count: int):
        """Return the recipe with only its first `count` steps."""
        return self._with(self.steps[:count])

    def place(self, step_id: str) -> int:
        """Return the position of a step; raise RecipeError if there is none with this id."""
        for place, step in enumerate(self.steps):
            if step.id == step_id:
                return place
        raise RecipeError(f"There is no step {step_id!r} in recipe {self.name!r}.")

    def _with(self, steps: tuple[Step, ...]):
        return self.model_copy(update={"steps": steps})

    def _free_id(self) -> str:
        used = [int(m.group(1)) for s in self.steps if (m := re.fullmatch(r"s(\d+)", s.id))]
        return f"s{max(used, default=0) + 1}"

    def with_parameters(self, values: Mapping[str, Any] | None = None):
        """Return the recipe with values (or their defaults) in place of its parameters; see `transforms.parameters`."""
        return resolved(self, values)

    # -- running

    def enabled(self) -> list[tuple[int, Step]]:
        """Return (number shown to people, step) of the steps that run."""
        return [(n, s) for n, s in enumerate(self.steps, start=1) if s.enabled]

    def other_inputs(self) -> list[str]:
        """Return the names of the inputs beside `main` that enabled steps read."""
        names: list[str] = []
        for _, step in self.enabled():
            try:
                transform = step.build()
            except AppError:
                continue
            if isinstance(transform, CombiningTransform):
                names += [n for n in transform.needs_inputs() if n not in names]
        return names

    def fit(
        self,
        inputs: Mapping[str, Any] | Any,
        con=None,
        *,
        engine=None,
        fitted_on: Mapping[str, Any] | None = None,
        on_step: Callable[[int, int, str], None] | None = None,
    ) -> FittedRecipe:
        """Learn the state of every fitted step, each on all rows (or on the training split made by an earlier step).

        Args:
            inputs: {"main": source, …} or the main source alone; sources as `engines.DuckDBEngine` says.
            con: DuckDB connection to run on (relations must belong to it).
            engine: another engine in place of DuckDB.
            fitted_on: what to record: {"dataset", "version", "rows", "at"}; "at" is filled in.
            on_step: called before each step with (number, steps, label).

        Raises:
            RecipeError (or a kind of it): the first step that cannot run, with its number and label.
        """
        if (filled := self.with_parameters()) is not self:
            return filled.fit(inputs, con, engine=engine, fitted_on=fitted_on, on_step=on_step)
        engine = engine or DuckDBEngine(con)
        tables = bind(engine, self, inputs)
        states: dict[str, Any] = {}
        running = _Running(tables)
        steps = self.enabled()
        for number, step in steps:
            if on_step:
                on_step(number, len(self.steps), step.label())
            with at_step(number, step):
                transform = step.build()
                running.check(transform)
                if transform.learns():
                    states[step.id] = running.fit(transform)
                running.apply(transform, states.get(step.id))
        record = {"dataset": None, "version": None, "rows": None, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        schemas = {name: types.names(table.schema()) for name, table in tables.items()}
        content = self.dump() | {"inputs": schemas, "states": states, "fitted_on": record | dict(fitted_on or {})}
        return FittedRecipe.model_validate(content)

    def check(self, inputs: Mapping[str, Mapping[str, str]] | None = None) -> list[Problem]:
        """Return all problems in step order, without reading data.

        Args:
            inputs: {input: {column: type name}}; default: the schemas that the recipe itself names.
        """
        from transforms.check import check

        try:
            return check(self.with_parameters(), inputs or self.inputs)
        except InputError as error:
            return [Problem(step=None, message=error.message, hint=error.hint)]

    def output_schema(self, inputs: Mapping[str, Mapping[str, str]] | None = None) -> dict[str, str]:
        """Return {column: type name} after the last step, as far as it is known without data."""
        from transforms.check import walk

        return walk(self.with_parameters(), inputs or self.inputs).schema


class FittedRecipe(Recipe):
    """A recipe with what its steps learnt, and on what."""

    states: dict[str, Any] = Field(default_factory=dict)
    fitted_on: dict[str, Any] = Field(default_factory=dict)
    _runner: Any = PrivateAttr(default=None)  # (other inputs, RecordRunner): compiled on the first record

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FittedRecipe) and self.dump() == other.dump()

    def expression(self, inputs: Mapping[str, Any] | Any, *, engine, serving: bool = False):
        """Return the Ibis expression of all enabled steps; with `serving`, as one new record would meet them."""
        running = _Running(bind(engine, self, inputs))
        for number, step in self.enabled():
            with at_step(number, step):
                transform = step.build()
                if serving and transform.serving == "training_only":
                    continue
                if serving and transform.serving == "batch":
                    raise RecipeError(
                        "this step needs the other rows, so it cannot run for one record.",
                        hint="Disable it for serving, or publish the result and read it by key.",
                    )
                if transform.learns() and step.id not in self.states:
                    raise FitError("this step has not been fitted.", hint="Fit the recipe again.")
                running.check(transform)
                running.apply(transform, self.states.get(step.id))
        return running.table

    def run(self, inputs: Mapping[str, Any] | Any, con=None, *, engine=None):
        """Return the result lazily: a DuckDB relation (or, on Spark, a DataFrame)."""
        engine = engine or DuckDBEngine(con)
        expression = self.expression(inputs, engine=engine)
        return engine.relation(expression) if hasattr(engine, "relation") else engine.frame(expression)

    def transform_record(self, record: Mapping[str, Any], inputs: Mapping[str, Any] | None = None) -> dict | None:
        """Return one raw record after all steps, or None if a step removes it.

        Missing columns count as missing values, unknown ones are left out. `training_only` steps are skipped and `batch`
        steps refused by name. `inputs` gives the other inputs (reference tables) where steps read them.
        """
        from transforms.serving import RecordRunner

        if self._runner is None or self._runner[0] is not inputs:
            self._runner = (inputs, RecordRunner(self, inputs or {}))
        return self._runner[1].run(record)

    def unfitted(self) -> Recipe:
        """Return the recipe alone."""
        return Recipe.model_validate({k: v for k, v in self.dump().items() if k not in ("states", "fitted_on")})


class _Running:
    """A recipe on its way: the table so far, the other inputs, and which rows train."""

    def __init__(self, tables: dict[str, Any]):
        self.table = tables[MAIN]
        self.others = {name: table for name, table in tables.items() if name != MAIN}
        self.split_column: str | None = None

    def check(self, transform: Transform) -> None:
        transform.check_columns(self.table.schema())
        if isinstance(transform, CombiningTransform):
            for name in transform.needs_inputs():
                if name not in self.others:
                    raise InputError(
                        f"the input {name!r} is not given.", hint=f"Give it as {name}=DATA, or choose a dataset for it."
                    )

    def fit(self, transform: Transform):
        table = self.table
        if self.split_column and self.split_column in table.columns:
            table = table.filter(table[self.split_column] == "train")
        return transform.fit(table, self.others) if isinstance(transform, CombiningTransform) else transform.fit(table)

    def apply(self, transform: Transform, state) -> None:
        before, self.table = self.table.columns, applied(transform, self.table, state, self.others)
        self.split_column = transform.new_names(before).get(self.split_column, self.split_column)
        self.split_column = getattr(transform, "split_column", None) or self.split_column


class at_step:
    """Put the step's number and label in front of an error raised inside."""

    def __init__(self, number: int, step: Step):
        self.place = f'Step {number} "{step.label()}": '

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, AppError) and not error.message.startswith("Step "):
            error.message = self.place + error.message
        if isinstance(error, duckdb.OutOfMemoryException):
            raise RecipeError(
                f"{self.place}it needs more memory than it may take: {first_line(error)}",
                hint="Allow more (--memory). Medians and quantiles are learnt from all values of a column at once; "
                "fit on a part of the rows, then run all of them with that file (--state), which needs much less.",
            ) from error
        if isinstance(error, duckdb.Error) and not isinstance(error, duckdb.InterruptException):
            raise RecipeError(f"{self.place}DuckDB stopped: {first_line(error)}") from error
        return False


def bind(engine, recipe: Recipe, inputs: Mapping[str, Any] | Any) -> dict[str, Any]:
    """Return {input: Ibis table} for the sources that the recipe reads."""
    inputs = dict(inputs) if isinstance(inputs, Mapping) else {MAIN: inputs}
    if MAIN not in inputs:
        raise InputError("The main input is missing.", hint="Give it as main=DATA.")
    return {name: engine.table(source) for name, source in inputs.items()}
