"""The types of a transform's settings: each drives the form, the validation, the JSON schema and the docs.

`param()` gives a field its label, default, help and bounds. `Column`-like types name columns of the input table and say
which kinds they accept. `OtherInput` names a second input (a dataset or recipe output) of the recipe.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import ibis.expr.datatypes as dt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

Kind = Literal["any", "number", "text", "time", "bool", "orderable"]

KIND_WORDS = {
    "any": "any type",
    "number": "a number",
    "text": "text",
    "time": "a date or time",
    "bool": "true/false",
    "orderable": "a number, text, date or time",
}


def kind_of(dtype: dt.DataType) -> Kind:
    """Return the kind of an Ibis type: number, text, time, bool or any."""
    if dtype.is_boolean():
        return "bool"
    if dtype.is_numeric():
        return "number"
    if dtype.is_string():
        return "text"
    if dtype.is_temporal() and not dtype.is_time() and not dtype.is_interval():
        return "time"
    return "any"


@dataclass(frozen=True)
class Columns_:
    """Marks a field as naming columns of the input: of `kind`, one or many."""

    kind: Kind = "any"
    many: bool = False

    def accepts(self, dtype: dt.DataType) -> bool:
        kind = kind_of(dtype)
        if self.kind == "any":
            return True
        if self.kind == "orderable":
            return kind in ("number", "text", "time", "bool")
        return kind == self.kind


@dataclass(frozen=True)
class NewName:
    """Marks a text field as the name of a column that the step makes."""


@dataclass(frozen=True)
class InputName:
    """Marks a text field as the name of another input of the recipe."""


@dataclass(frozen=True)
class ColumnOf:
    """Marks a field as naming columns of the other input named by the field `input`."""

    input: str
    many: bool = False
    kind: Kind = "any"


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ValueError(f"{', '.join(map(repr, twice))} is chosen twice")
    return names


_Many = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_distinct)]

Column = Annotated[str, Columns_()]
NumberColumn = Annotated[str, Columns_("number")]
TextColumn = Annotated[str, Columns_("text")]
TimeColumn = Annotated[str, Columns_("time")]
BoolColumn = Annotated[str, Columns_("bool")]
OrderableColumn = Annotated[str, Columns_("orderable")]
Columns = Annotated[_Many, Columns_(many=True)]
NumericColumns = Annotated[_Many, Columns_("number", many=True)]
TextColumns = Annotated[_Many, Columns_("text", many=True)]
TimeColumns = Annotated[_Many, Columns_("time", many=True)]
BoolColumns = Annotated[_Many, Columns_("bool", many=True)]
OrderableColumns = Annotated[_Many, Columns_("orderable", many=True)]
SomeColumns = Annotated[
    tuple[str, ...], AfterValidator(_distinct), Columns_(many=True)
]  # may be empty: "all" or "none"
NewColumn = Annotated[str, Field(min_length=1), NewName()]
OtherInput = Annotated[str, Field(min_length=1), InputName()]


def param(label: str, *, default: Any = ..., help: str = "", **constraints: Any) -> Any:
    """Declare a setting: its label, default (none: required), help and bounds (ge, le, min_length, …)."""
    return Field(default, title=label, description=help or None, **constraints)


class Settings(BaseModel):
    """A group of settings that repeats inside a transform (a condition, an aggregation)."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def column_fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo, Columns_]]:
    """Yield (field name, field, marker) for each field that names columns of the input."""
    for name, field in model.model_fields.items():
        if marker := marker_of(field, Columns_):
            yield name, field, marker


def marker_of(field: FieldInfo, kind: type) -> Any:
    """Return the marker of class `kind` in a field's annotation, or None (looks inside `X | None` too)."""
    for found in field.metadata:
        if isinstance(found, kind):
            return found
    for option in getattr(field.annotation, "__args__", ()):
        for found in getattr(option, "__metadata__", ()):
            if isinstance(found, kind):
                return found
    return None
