"""What a transform is: one small frozen class that drives form, validation, JSON, docs, SQL, pandas code and tests."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import ibis.expr.operations as ops
from pydantic import BaseModel, ConfigDict, ValidationError

from transforms.errors import ColumnNotFound, NotFound, ParamError, RecipeError, WrongColumnType
from transforms.fields import Columns_, InputName, Settings, column_fields, marker_of

Serving = Literal["row", "fitted", "batch", "training_only"]
SERVING_WORDS = {
    "row": "Each row alone gives the same answer.",
    "fitted": "Each row alone gives the same answer, with what was learnt in training.",
    "batch": "Needs the other rows: cannot run for one record.",
    "training_only": "Changes the training rows only: skipped for new records.",
}


@dataclass(frozen=True)
class Example:
    """Settings with rows before and after: at once documentation, preview and test.

    Args:
        settings: as in a recipe.
        before, after: {column: values}; values are None for missing.
        train: rows to fit on where they differ from `before`.
        others: {input name: {column: values}} for steps that read a second input.
        types: {column: type name} where the values alone do not tell (all missing, dates as text).
        after_types: the same for `after`, where it differs.
        ordered: whether the order of rows is part of the outcome.
    """

    settings: Mapping[str, Any]
    before: Mapping[str, list]
    after: Mapping[str, list]
    train: Mapping[str, list] | None = None
    others: Mapping[str, Mapping[str, list]] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    after_types: Mapping[str, str] = field(default_factory=dict)
    ordered: bool = False


class Transform(BaseModel):
    """A kind of change with its settings.

    A subclass declares `name` ("family.verb_noun", permanent), `label`, `examples`, fields made with `param`, and
    `apply`; if it learns something also `fit`; `pandas` for the exported code. See CONTRIBUTING.md for one, annotated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    name: ClassVar[str]
    label: ClassVar[str]
    version: ClassVar[int] = 1
    serving: ClassVar[Serving] = "row"
    covers: ClassVar[tuple[str, ...]] = ()
    words: ClassVar[tuple[str, ...]] = ()  # what other products call it: search terms
    examples: ClassVar[tuple[Example, ...]] = ()
    # Where an engine gives something else or cannot run, with one of three reasons (not_yet, upstream, never). Keys: "spark",
    # "spark_edges" (only for unusual values), "pandas_export".
    differences: ClassVar[Mapping[str, str]] = {}
    pandas_helpers: ClassVar[tuple[str, ...]] = ()  # source of functions that the exported code needs once

    def fit(self, table) -> dict[str, Any] | None:
        """Return what the step learns from the training rows (JSON), in at most one query; None: nothing."""
        return None

    def apply(self, table, state):
        """Return the Ibis table after the step. Builds an expression and runs nothing."""
        raise NotImplementedError

    def pandas(self, df: str, state, schema) -> list[str]:
        """Return lines of pandas code that do the same to the variable named `df`; `schema` is its Ibis schema."""
        raise NotImplementedError

    def open_prefixes(self) -> tuple[str, ...]:
        """Return prefixes of new columns that only the data decide (one-hot, pivot); checks let them pass."""
        return ()

    def new_names(self, columns) -> dict[str, str]:
        """Return {old name: new name} of the columns that the step renames."""
        return {}

    @classmethod
    def learns(cls) -> bool:
        """Return whether the step must be fitted."""
        return cls.fit is not Transform.fit and cls.fit is not CombiningTransform.fit

    @classmethod
    def family(cls) -> str:
        return cls.name.split(".")[0]

    @classmethod
    def summary(cls) -> str:
        """Return the first sentence of the docstring."""
        return (cls.__doc__ or "").strip().split("\n")[0]

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Transform:
        """Build the transform; raise ParamError with the user's labels for each setting that is not allowed."""
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            raise ParamError("; ".join(_plain_words(cls, e) for e in error.errors())) from error

    def settings(self) -> dict[str, Any]:
        """Return the settings as JSON values, defaults included."""
        return self.model_dump(mode="json")

    def column_problems(self, schema) -> list[RecipeError]:
        """Return a ColumnNotFound or WrongColumnType for each column that the settings name and the table cannot give."""
        found: list[RecipeError] = []
        for settings in (self, *self._nested()):
            for name, declared, marker in column_fields(type(settings)):
                value = getattr(settings, name)
                for column in (value or ()) if marker.many else ([] if value in (None, "") else [value]):
                    if column not in schema:
                        found.append(ColumnNotFound.of(column, schema))
                    elif not marker.accepts(schema[column]):
                        found.append(WrongColumnType.of(declared.title, marker.kind, column, schema[column]))
        return found

    def check_columns(self, schema) -> None:
        """Raise the first of `column_problems`; families add checks that need the schema."""
        for problem in self.column_problems(schema):
            raise problem

    def _nested(self) -> list[Settings]:
        found = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            found += [v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, Settings)]
        return found

    def describe(self) -> str:
        """Return the step in one short line for the history: its label and the columns or names it touches."""
        parts = []
        for name, _, marker in column_fields(type(self)):
            value = getattr(self, name)
            parts += [", ".join(value or ()) if marker.many else (value or "")]
        detail = " · ".join(p for p in parts if p)
        return f"{self.label}: {detail}" if detail else self.label


class CombiningTransform(Transform):
    """A transform that reads other inputs of the recipe beside its own table."""

    def fit(self, table, others) -> dict[str, Any] | None:
        return None

    def apply(self, table, state, others):
        raise NotImplementedError

    def needs_inputs(self) -> tuple[str, ...]:
        """Return the names of the other inputs that the settings ask for."""
        fields = type(self).model_fields.items()
        return tuple(getattr(self, name) for name, declared in fields if marker_of(declared, InputName))


def applied(transform: Transform, table, state, others: Mapping[str, Any]):
    """Return the table after the step.

    A join is closed with a SELECT of its own: Ibis 12 puts a following join into it and computes the columns of the first one
    after the second, so that a full join would compute them for the rows of the other table too.
    """
    if isinstance(transform, CombiningTransform):
        table = transform.apply(table, state, others)
    else:
        table = transform.apply(table, state)
    return table.select(table.columns) if isinstance(table.op(), ops.JoinChain) else table


_REGISTRY: dict[str, type[Transform]] = {}


def register(cls: type[Transform]) -> type[Transform]:
    """Add a transform to the catalogue; a name can be taken once."""
    if not re.fullmatch(r"[a-z]+\.[a-z0-9_]+", cls.name):
        raise ValueError(f"{cls.__name__}.name must look like 'family.verb_noun', not {cls.name!r}")
    if cls.name in _REGISTRY:
        raise ValueError(f"{cls.name!r} is taken by {_REGISTRY[cls.name].__name__}")
    _REGISTRY[cls.name] = cls
    return cls


def _load() -> None:
    """Declare every transform: whoever asks for one may have imported this module alone."""
    importlib.import_module("transforms.catalog")


def find(name: str) -> type[Transform]:
    """Return the transform class with this id; raise NotFound with the nearest names."""
    _load()
    if name not in _REGISTRY:
        raise NotFound.named("transform", name, sorted(_REGISTRY))
    return _REGISTRY[name]


def registered() -> dict[str, type[Transform]]:
    """Return {id: class} in order of declaration."""
    _load()
    return dict(_REGISTRY)


def _plain_words(cls: type[BaseModel], error: Mapping[str, Any]) -> str:
    """Say one pydantic error in the form's words."""
    place = [str(p) for p in error["loc"]]
    fields = cls.model_fields
    label = fields[place[0]].title if place and place[0] in fields else ".".join(place)
    kind, context, seen = error["type"], error.get("ctx") or {}, error.get("input")
    if kind == "missing":
        return f"{label or place[0]!r} is not set"
    if kind == "extra_forbidden":
        return f"there is no setting called {place[-1]!r} (settings: {', '.join(fields)})"
    if kind == "literal_error":
        return f"{label!r} must be {context.get('expected')}, not {seen!r}"
    if kind == "too_short":
        columns = marker_of(fields[place[0]], Columns_) if place[0] in fields else None
        return f"{label!r}: choose at least one {'column' if columns else 'entry'}"
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        return f"{label!r}: {error['msg'].removeprefix('Input ').lower()}, not {seen!r}"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return f"{label!r}: {message[:1].lower() + message[1:]}" + ("" if kind == "value_error" else f", not {seen!r}")
