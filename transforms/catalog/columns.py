"""Which columns there are, what they are called and where they stand."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import new_name
from transforms.errors import ParamError
from transforms.fields import Column, Columns, NewColumn, param
from transforms.transform import Example, Transform, register


@register
class KeepColumns(Transform):
    """Keep only the chosen columns, in the chosen order."""

    name: ClassVar = "columns.keep"
    label: ClassVar = "Keep columns"
    covers: ClassVar = ("select_columns",)
    words: ClassVar = ("select", "choose columns")
    examples: ClassVar = (
        Example({"columns": ["b", "a"]}, before={"a": [1], "b": [2], "c": [3]}, after={"b": [2], "a": [1]}),
    )

    columns: Columns = param("Columns to keep")

    def apply(self, table, state):
        return table.select([table[c] for c in self.columns])

    def pandas(self, df, state, schema):
        return [f"{df} = {df}[{list(self.columns)!r}]"]


@register
class DropColumns(Transform):
    """Remove the chosen columns."""

    name: ClassVar = "columns.drop"
    label: ClassVar = "Drop columns"
    covers: ClassVar = ("drop_columns",)
    words: ClassVar = ("delete column", "remove column", "DELETE")
    examples: ClassVar = (Example({"columns": ["b"]}, before={"a": [1], "b": [2]}, after={"a": [1]}),)

    columns: Columns = param("Columns to drop")

    def check_columns(self, schema):
        super().check_columns(schema)
        if set(self.columns) >= set(schema):
            raise ParamError("no column would be left.")

    def apply(self, table, state):
        return table.drop(*self.columns)

    def pandas(self, df, state, schema):
        return [f"{df} = {df}.drop(columns={list(self.columns)!r})"]


@register
class RenameColumn(Transform):
    """Give a column another name; its place stays."""

    name: ClassVar = "columns.rename"
    label: ClassVar = "Rename a column"
    covers: ClassVar = ("rename_column",)
    words: ClassVar = ("column name",)
    examples: ClassVar = (Example({"column": "a", "to": "x"}, before={"a": [1], "b": [2]}, after={"x": [1], "b": [2]}),)

    column: Column = param("Column")
    to: NewColumn = param("New name")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.to != self.column:
            new_name(self.to, schema)

    def new_names(self, columns):
        return {self.column: self.to}

    def apply(self, table, state):
        return table.select([table[c].name(self.to if c == self.column else c) for c in table.columns])

    def pandas(self, df, state, schema):
        return [f"{df} = {df}.rename(columns={{{self.column!r}: {self.to!r}}})"]


@register
class CleanNames(Transform):
    """Turn column names into lower-case words joined by underscores.

    `Content Rating` becomes `content_rating`; names that would meet get `_2`, `_3`. Letters of every script are kept.
    """

    name: ClassVar = "columns.clean_names"
    label: ClassVar = "Clean up column names"
    covers: ClassVar = ("clean_column_names", "rename_columns_by_pattern")
    words: ClassVar = ("snake case", "normalise names")
    examples: ClassVar = (
        Example({}, before={"Content Rating": [1], "Last-Updated ": [2], "content_rating": [3]}, after={"content_rating": [1], "last_updated": [2], "content_rating_2": [3]}),
    )  # fmt: skip

    def names(self, columns) -> dict[str, str]:
        taken: dict[str, str] = {}
        for column in columns:
            base = re.sub(r"\W+", "_", column.strip().lower()).strip("_") or "column"
            name, count = base, 1
            while name in taken.values():
                count += 1
                name = f"{base}_{count}"
            taken[column] = name
        return taken

    def new_names(self, columns):
        return self.names(columns)

    def apply(self, table, state):
        return table.select([table[old].name(new) for old, new in self.names(table.columns).items()])

    def pandas(self, df, state, schema):
        return [f"{df} = {df}.rename(columns={self.names(list(schema))!r})"]


@register
class DuplicateColumn(Transform):
    """Copy a column under a new name, at the end."""

    name: ClassVar = "columns.duplicate"
    label: ClassVar = "Duplicate a column"
    covers: ClassVar = ("duplicate_column",)
    words: ClassVar = ("copy column",)
    examples: ClassVar = (
        Example({"column": "a", "to": "b"}, before={"a": [1, None]}, after={"a": [1, None], "b": [1, None]}),
    )

    column: Column = param("Column")
    to: NewColumn = param("Name of the copy")

    def check_columns(self, schema):
        super().check_columns(schema)
        new_name(self.to, schema)

    def apply(self, table, state):
        return table.mutate(table[self.column].name(self.to))

    def pandas(self, df, state, schema):
        return [f"{df}[{self.to!r}] = {df}[{self.column!r}]"]


@register
class MoveColumns(Transform):
    """Move columns to the start, to the end, or before or after another column."""

    name: ClassVar = "columns.move"
    label: ClassVar = "Move columns"
    covers: ClassVar = (
        "move_column_to_start",
        "move_column_to_end",
        "move_column_before",
        "move_column_after",
        "move_column_to_index",
    )
    words: ClassVar = ("reorder", "position")
    examples: ClassVar = (
        Example({"columns": ["c"], "to": "start"}, before={"a": [1], "b": [2], "c": [3]}, after={"c": [3], "a": [1], "b": [2]}),
        Example({"columns": ["a"], "to": "end"}, before={"a": [1], "b": [2]}, after={"b": [2], "a": [1]}),
        Example({"columns": ["c"], "to": "before", "other": "b"}, before={"a": [1], "b": [2], "c": [3]}, after={"a": [1], "c": [3], "b": [2]}),
        Example({"columns": ["a"], "to": "after", "other": "b"}, before={"a": [1], "b": [2], "c": [3]}, after={"b": [2], "a": [1], "c": [3]}),
        Example({"columns": ["c"], "to": "position", "position": 2}, before={"a": [1], "b": [2], "c": [3]}, after={"a": [1], "c": [3], "b": [2]}),
    )  # fmt: skip

    columns: Columns = param("Columns to move")
    to: Literal["start", "end", "before", "after", "position"] = param("Move", default="start")
    other: Column | None = param("Before or after which column", default=None)
    position: int = param("Position", default=1, ge=1, help="1 is the first place.")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.to in ("before", "after") and (
            self.other is None or self.other not in schema or self.other in self.columns
        ):
            raise ParamError(f"choose another column to move {self.to}.")

    def order(self, columns) -> list[str]:
        rest = [c for c in columns if c not in self.columns]
        place = {
            "start": lambda: 0,
            "end": lambda: len(rest),
            "before": lambda: rest.index(self.other),
            "after": lambda: rest.index(self.other) + 1,
            "position": lambda: min(self.position - 1, len(rest)),
        }[self.to]()
        return [*rest[:place], *self.columns, *rest[place:]]

    def apply(self, table, state):
        return table.select([table[c] for c in self.order(table.columns)])

    def pandas(self, df, state, schema):
        return [f"{df} = {df}[{self.order(list(schema))!r}]"]


@register
class AddConstantColumn(Transform):
    """Add a column that holds one value in every row."""

    name: ClassVar = "columns.add_constant"
    label: ClassVar = "Add a column with one value"
    covers: ClassVar = ("add_constant_column",)
    words: ClassVar = ("fixed value", "literal")
    examples: ClassVar = (
        Example({"to": "b", "value": "x"}, before={"a": [1, 2]}, after={"a": [1, 2], "b": ["x", "x"]}),
        Example({"to": "b", "value": "2.5", "type": "number"}, before={"a": [1]}, after={"a": [1], "b": [2.5]}),
    )

    to: NewColumn = param("New column")
    value: str = param("Value")
    type: Literal["text", "number", "whole number", "true/false"] = param("Type", default="text")

    def parsed(self):
        try:
            return {
                "text": str,
                "number": float,
                "whole number": int,
                "true/false": lambda v: {"true": True, "false": False}[v.lower()],
            }[self.type](self.value)
        except (ValueError, KeyError) as error:
            raise ParamError(f"{self.value!r} is not a {self.type}.") from error

    def check_columns(self, schema):
        super().check_columns(schema)
        new_name(self.to, schema)
        self.parsed()

    def apply(self, table, state):
        kind = {"text": "string", "number": "float64", "whole number": "int64", "true/false": "boolean"}[self.type]
        return table.mutate(ibis.literal(self.parsed(), kind).name(self.to))

    def pandas(self, df, state, schema):
        kind = {"text": "string", "number": "Float64", "whole number": "Int64", "true/false": "boolean"}[self.type]
        return [f"{df}[{self.to!r}] = pd.Series({self.parsed()!r}, index={df}.index, dtype={kind!r})"]
