"""Nested values: lists, objects and JSON.

A list is a column of type `array<…>`; a JSON document or object is a text column, or a structure where the source has one.
Missing lists stay missing; an element may be missing itself. Positions count from 1, negative ones from the end.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import ClassVar, Literal

import ibis
from pydantic import field_validator

from transforms import schema as types
from transforms.catalog.common import new_name, spare_names
from transforms.errors import FitError, ParamError
from transforms.fields import Column, Columns, NewColumn, TextColumn, TextColumns, kind_of, param
from transforms.functions import EACH, EACH_ROW, VALUES, RowFunction
from transforms.nesting import (
    json_cells,
    json_edited,
    json_list,
    json_names,
    json_object,
    json_parts,
    json_tidy,
    json_value,
)
from transforms.reading import rows
from transforms.transform import Example, Transform, register

MOST_KEYS = 500
KINDS = {"text": "string", "number": "float64", "whole number": "int64", "true/false": "boolean", "JSON": "string"}
NUMBERS, TEXTS = {"a": "array<int64>"}, {"a": "array<string>"}

LISTS = '''
def lists(column, whole=False):
    """Return a column of Python lists; pandas reads whole numbers beside missing ones as fractions."""
    found = [v if v is None else [int(x) if whole and x is not None else x for x in v] for v in values(column)]
    return pd.Series(found, index=column.index, dtype=object)
'''
ELEMENT = '''
def element(column, place, kind):
    """Return one element of each list, counted from 0; from the end where it is negative."""
    found = [v[place] if v is not None and -len(v) <= place < len(v) else None for v in values(column)]
    return pd.Series(found, index=column.index, dtype=kind or object)
'''


class ForTypes(RowFunction):
    """A row function whose types depend on the columns that it is given; its name in SQL tells them apart."""

    def __init__(self, python, output: str, inputs: tuple[str, ...], sees_missing: bool = False):
        super().__init__(python, output, inputs, sees_missing)
        self.name = f"{python.__name__}_{zlib.crc32(repr((output, inputs)).encode()):x}"

    def pandas(self, *columns, **constants):
        return super().pandas(*columns, **constants).replace(self.name, self.python.__name__, 1)


def helpers_of(*functions) -> tuple[str, ...]:
    """Return the source texts that exported code needs for plain Python functions of lists."""
    own = [h for f in functions for h in RowFunction(f, "string", ("string",), False).helpers[:-2]]
    return (*own, VALUES, EACH, EACH_ROW, LISTS, ELEMENT)


def inner(schema, column: str):
    """Return the type of a list's elements; refuse what is no list."""
    if not schema[column].is_array():
        raise ParamError(f"column {column!r} is no list.", hint='Split text with "Split into a list", or read JSON first.')  # fmt: skip
    return schema[column].value_type


def listed(df: str, column: str, schema) -> str:
    """Return pandas code for a column of Python lists."""
    return f"lists({df}[{column!r}], {inner(schema, column).is_integer()})"


def pandas_kind(dtype) -> str:
    return types.PANDAS.get(types.to_name(dtype), "")


def number_or_text(value: str, dtype, column: str):
    """Read a setting as an element of a list."""
    try:
        if dtype.is_integer():
            return int(value)
        if dtype.is_floating():
            return float(value)
        if dtype.is_boolean():
            return {"true": True, "false": False}[value.strip().lower()]
    except (ValueError, KeyError) as error:
        raise ParamError(f"{value!r} does not fit the elements of {column!r} ({dtype}).") from error
    if not dtype.is_string():
        raise ParamError(f"the elements of {column!r} ({dtype}) cannot be compared with a setting.")
    return value


# -- JSON text


@register
class ParseJson(Transform):
    """Read JSON text: tidy it up, or turn JSON lists into lists; text that is no JSON becomes missing.

    Result "JSON": compact text, what is no JSON missing or kept. "list of …": a JSON list becomes a list; elements that do
    not fit are missing; anything else than a list is missing.
    """

    name: ClassVar = "nested.parse_json"
    label: ClassVar = "Read JSON"
    covers: ClassVar = ("parse_json",)
    words: ClassVar = ("json_normalize", "parseJson", "load JSON", "structured value")
    examples: ClassVar = (
        Example({"columns": ["j"]}, before={"j": ['{"a": 1, "b": [1, 2]}', "{bad", "3", None]}, after={"j": ['{"a":1,"b":[1,2]}', None, "3", None]}),
        Example({"columns": ["j"], "on_error": "keep"}, before={"j": ["[1, 2]", "{bad", "NaN"]}, after={"j": ["[1,2]", "{bad", "NaN"]}),
        Example({"columns": ["j"], "result": "list of texts"}, before={"j": ['["a", 1, null, {"x":2}]', "{}", "x", None]}, after={"j": [["a", "1", None, '{"x":2}'], None, None, None]}),
        Example({"columns": ["j"], "result": "list of numbers"}, before={"j": ['[1, 2.5, "x"]', None]}, after={"j": [[1.0, 2.5, None], None]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(json_tidy, json_list)

    columns: TextColumns = param("Columns")
    result: Literal["JSON", "list of texts", "list of numbers"] = param("Result", default="JSON")
    on_error: Literal["missing", "keep"] = param("Text that is no JSON", default="missing", help="For result JSON.")

    def _function(self):
        if self.result == "JSON":
            return ForTypes(json_tidy, "string", ("string",)), {"on_error": self.on_error}
        kind = "text" if self.result == "list of texts" else "number"
        return ForTypes(json_list, f"array<{KINDS[kind]}>", ("string",)), {"want": kind}

    def apply(self, table, state):
        function, constants = self._function()
        return table.mutate([function(table[c], **constants).name(c) for c in self.columns])

    def pandas(self, df, state, schema):
        function, constants = self._function()
        return [f"{df}[{c!r}] = {function.pandas(f'{df}[{c!r}]', **constants)}" for c in self.columns]


@register
class JsonValue(Transform):
    """Take one value out of JSON text by its path, such as `address.city` or `items[0].price` or `tags[-1]`.

    Keys are joined by dots, positions in lists stand in brackets and count from 0 as JSON tools do; keys with dots are written
    `["a.b"]`. A path that leads nowhere, another type than asked for, and text that is no JSON give missing.
    """

    name: ClassVar = "nested.json_value"
    label: ClassVar = "Value from JSON by path"
    covers: ClassVar = ("json_extract_path",)
    words: ClassVar = ("JSONPath", "json_extract", "get_json_object", "parseJson().get", "JSON pointer")
    examples: ClassVar = (
        Example({"column": "j", "path": "a.b[0]", "type": "number", "to": "v"}, before={"j": ['{"a":{"b":[1.5]}}', '{"a":1}', "x", None]}, after={"j": ['{"a":{"b":[1.5]}}', '{"a":1}', "x", None], "v": [1.5, None, None, None]}),
        Example({"column": "j", "path": "$.a", "to": "v"}, before={"j": ['{"a":"x"}', '{"a":{"b":1}}', '{"a":null}']}, after={"j": ['{"a":"x"}', '{"a":{"b":1}}', '{"a":null}'], "v": ["x", '{"b":1}', None]}),
        Example({"column": "j", "path": "a", "type": "whole number", "to": "v"}, before={"j": ['{"a":3}', '{"a":3.5}', '{"a":true}']}, after={"j": ['{"a":3}', '{"a":3.5}', '{"a":true}'], "v": [3, None, None]}),
        Example({"column": "j", "path": "[\"a.b\"]", "type": "true/false", "to": "v"}, before={"j": ['{"a.b":true}', '{"a.b":1}']}, after={"j": ['{"a.b":true}', '{"a.b":1}'], "v": [True, None]}),
        Example({"column": "j", "path": "[-1]", "type": "JSON", "to": "v"}, before={"j": ['[1, "x"]', "[]"]}, after={"j": ['[1, "x"]', "[]"], "v": ['"x"', None]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(json_value)

    column: TextColumn = param("Column with JSON")
    path: str = param("Path", min_length=1, help='For example address.city, items[0].price or ["a.b"].')
    type: Literal["text", "number", "whole number", "true/false", "JSON"] = param("Type", default="text")
    to: NewColumn = param("New column")

    @field_validator("path")
    @classmethod
    def _readable(cls, path: str) -> str:
        steps_of(path)
        return path

    def check_columns(self, schema):
        super().check_columns(schema)
        new_name(self.to, schema)

    def _call(self):
        return ForTypes(json_value, KINDS[self.type], ("string",)), {"path": steps_of(self.path), "want": self.type}

    def apply(self, table, state):
        function, constants = self._call()
        return table.mutate(function(table[self.column], **constants).name(self.to))

    def pandas(self, df, state, schema):
        function, constants = self._call()
        return [f"{df}[{self.to!r}] = {function.pandas(f'{df}[{self.column!r}]', **constants)}"]


def steps_of(path: str) -> list[str | int]:
    """Return the keys and positions of a path; raise ValueError where it cannot be read."""
    rest, steps = path.strip().removeprefix("$"), []
    while rest:
        found = re.match(r"""\[(-?\d+)\]|\[("(?:[^"\\]|\\.)*")\]|\.?([^.\[\]"]+)""", rest)
        if found is None:
            raise ValueError(f'{path!r} cannot be read at {rest[:10]!r}; write for example a.b[0] or ["a b"].')
        place, quoted, key = found.groups()
        steps.append(int(place) if place else json.loads(quoted) if quoted else key)
        rest = rest[found.end() :]
    return steps


@register
class FlattenJson(Transform):
    """Turn the keys of JSON objects into columns, nested ones as `key_inner`; the keys are learnt and remembered.

    Fit reads all training rows (one query) and keeps the name and type of each key, in alphabetical order or as given; at most
    500. Later rows give the same columns: a key they lack is missing, a value of another type is missing, and a key that is
    new is left out or kept in a JSON column. Types: whole number, number, true/false, or text (mixed kinds; lists as JSON).
    """

    name: ClassVar = "nested.flatten_json"
    label: ClassVar = "JSON keys to columns"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("json_flatten", "map_to_columns")
    words: ClassVar = ("json_normalize", "unnest object", "expand JSON", "flatten structured", "UNNEST_STRUCT_N_LEVELS")
    examples: ClassVar = (
        Example({"column": "j"}, before={"id": [1, 2, 3], "j": ['{"a":1,"b":{"c":"x"}}', '{"a":2.5}', None]}, after={"id": [1, 2, 3], "j_a": [1.0, 2.5, None], "j_b_c": ["x", None, None]}),
        Example({"column": "j", "prefix": "", "sep": ".", "depth": 1, "new_keys": "keep in a column", "rest_to": "rest", "keep": True},
                train={"j": ['{"a":{"x":1},"t":true}']}, before={"j": ['{"a":{"x":2},"new":5}', '{"t":false}']}, after={"j": ['{"a":{"x":2},"new":5}', '{"t":false}'], "a": ['{"x":2}', None], "t": [None, False], "rest": ['{"new":5}', None]}),
        Example({"column": "j", "prefix": "", "lists": "columns", "keys": ["a_2"]}, before={"j": ['{"a":[7,8]}', '{"a":[9]}', "bad"]}, after={"a_2": [8, None, None]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(json_cells)

    column: TextColumn = param("Column with JSON objects")
    prefix: str | None = param("New columns start with", default=None, help="Default: the column's name and the separator.")  # fmt: skip
    sep: str = param("Between nested keys", default="_")
    depth: int = param("Levels", default=5, ge=1, le=20, help="Deeper objects stay JSON text.")
    lists: Literal["JSON", "columns"] = param("Lists", default="JSON", help="As JSON text, or one column per position.")
    keys: tuple[str, ...] = param("Keys", default=(), help="None: all keys of the training rows.")
    new_keys: Literal["leave out", "keep in a column"] = param("Keys that are new later", default="leave out")
    rest_to: str = param("Column for new keys", default="")
    keep: bool = param("Keep the JSON column", default=False)

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.new_keys == "keep in a column":
            if not self.rest_to:
                raise ParamError('"Column for new keys" is not set.')
            new_name(self.rest_to, schema)

    def open_prefixes(self):
        return (self._prefix(),)

    def _prefix(self) -> str:
        return self.column + self.sep if self.prefix is None else self.prefix

    def _shape(self) -> dict:
        return {"depth": self.depth, "sep": self.sep, "arrays": self.lists}

    def fit(self, table):
        names = ForTypes(json_names, "array<string>", ("string",))(table[self.column], **self._shape())
        pairs = table.select(names.name("p")).select(ibis._["p"].unnest().name("p")).distinct()
        seen: dict[str, set] = {}
        for row in rows(pairs.limit(20 * MOST_KEYS)):
            name, _, kind = row["p"].rpartition("\t")
            seen.setdefault(name, set()).add(kind)
        wanted = list(self.keys) or sorted(seen)
        if len(wanted) > MOST_KEYS:
            raise FitError(f"column {self.column!r} has more than {MOST_KEYS} keys.", hint="Name the keys, or set fewer levels.")  # fmt: skip
        return {"keys": {name: _common(seen.get(name, set())) for name in wanted}}

    def _made(self, state, columns) -> dict[str, tuple[str, str]]:
        """Return {new column: (key, kind)}."""
        taken = [c for c in columns if self.keep or c != self.column]
        made = {self._prefix() + key: (key, kind) for key, kind in state["keys"].items()}
        if clash := [n for n in made if n in taken or n == self.rest_to]:
            raise ParamError(f"column {clash[0]!r} exists already.", hint="Choose another start for the new columns.")
        return made

    def apply(self, table, state):
        made = self._made(state, table.columns)
        cells, = spare_names(table, 1)  # fmt: skip
        function = ForTypes(json_cells, "array<string>", ("string",))
        kept = [c for c in table.columns if self.keep or c != self.column]
        table = table.mutate(function(table[self.column], keys=state["keys"], **self._shape()).name(cells))
        new = [table[cells][i].try_cast(KINDS[kind]).name(n) for i, (n, (_, kind)) in enumerate(made.items())]
        rest = [table[cells][len(made)].name(self.rest_to)] if self.new_keys == "keep in a column" else []
        return table.select([*(table[c] for c in kept), *new, *rest]) if kept or new or rest else table.drop(cells)

    def pandas(self, df, state, schema):
        made = self._made(state, list(schema))
        function = ForTypes(json_cells, "array<string>", ("string",))
        lines = [f"cells = {function.pandas(f'{df}[{self.column!r}]', keys=state['keys'], **self._shape())}"]
        if not self.keep:
            lines.append(f"{df} = {df}.drop(columns={self.column!r})")
        for i, (name, (_, kind)) in enumerate(made.items()):
            value = f"element(cells, {i}, 'string')"
            if kind == "true/false":
                value += ".map({'true': True, 'false': False}).astype('boolean')"
            elif kind != "text":
                value = f"pd.to_numeric({value}).astype({types.PANDAS[KINDS[kind]]!r})"
            lines.append(f"{df}[{name!r}] = {value}")
        if self.new_keys == "keep in a column":
            lines.append(f"{df}[{self.rest_to!r}] = element(cells, {len(made)}, 'string')")
        return lines


def _common(kinds: set[str]) -> str:
    known = kinds - {"none"}
    if known and known <= {"whole number", "number"}:
        return "number" if "number" in known else "whole number"
    return "true/false" if known == {"true/false"} else "text"


@register
class EditObject(Transform):
    """Remove keys from JSON objects, or set keys to a text; text that is no JSON object stays as it is."""

    name: ClassVar = "nested.edit_object"
    label: ClassVar = "Edit JSON keys"
    covers: ClassVar = ("object_remove_key", "object_set_key")
    words: ClassVar = ("filter object keys", "FILTEROBJECT", "json_set", "json_remove")
    examples: ClassVar = (
        Example({"column": "j", "remove": ["b"], "put": {"c": "new"}}, before={"j": ['{"a": 1, "b": 2}', "[1]", None]}, after={"j": ['{"a":1,"c":"new"}', "[1]", None]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(json_edited)

    column: TextColumn = param("Column with JSON objects")
    remove: tuple[str, ...] = param("Keys to remove", default=())
    put: dict[str, str] = param("Keys to set", default_factory=dict)

    def __hash__(self):
        return hash((self.column, self.remove, tuple(self.put.items())))

    def _call(self):
        return ForTypes(json_edited, "string", ("string",)), {"remove": list(self.remove), "put": dict(self.put)}

    def apply(self, table, state):
        function, constants = self._call()
        return table.mutate(function(table[self.column], **constants).name(self.column))

    def pandas(self, df, state, schema):
        function, constants = self._call()
        return [f"{df}[{self.column!r}] = {function.pandas(f'{df}[{self.column!r}]', **constants)}"]


@register
class ObjectParts(Transform):
    """List the keys or the values of JSON objects, in their order; values as text. What is no JSON object gives missing."""

    name: ClassVar = "nested.object_parts"
    label: ClassVar = "Keys or values of JSON"
    covers: ClassVar = ("object_keys", "object_values")
    words: ClassVar = ("KEYS", "json_object_keys", "map_keys", "map_values")
    examples: ClassVar = (
        Example({"column": "j", "to": "k"}, before={"j": ['{"b":1,"a":"x"}', "[1]", None]}, after={"j": ['{"b":1,"a":"x"}', "[1]", None], "k": [["b", "a"], None, None]}),
        Example({"column": "j", "part": "values", "to": "k"}, before={"j": ['{"b":1,"a":null}']}, after={"j": ['{"b":1,"a":null}'], "k": [["1", None]]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(json_parts)

    column: TextColumn = param("Column with JSON objects")
    part: Literal["keys", "values"] = param("List the", default="keys")
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        new_name(self.to, schema)

    def apply(self, table, state):
        function = ForTypes(json_parts, "array<string>", ("string",))
        return table.mutate(function(table[self.column], part=self.part).name(self.to))

    def pandas(self, df, state, schema):
        function = ForTypes(json_parts, "array<string>", ("string",))
        return [f"{df}[{self.to!r}] = {function.pandas(f'{df}[{self.column!r}]', part=self.part)}"]


@register
class ObjectToRows(Transform):
    """Make one row for each key of a JSON object, with the key and its value as text; the other columns repeat.

    Rows whose text is no JSON object, or an empty one, are dropped.
    """

    name: ClassVar = "nested.object_to_rows"
    label: ClassVar = "JSON keys to rows"
    covers: ClassVar = ("map_to_rows",)
    words: ClassVar = ("explode map", "json_each", "key value rows")
    examples: ClassVar = (
        Example({"column": "j"}, before={"id": [1, 2, 3], "j": ['{"a":1,"b":"x"}', "[1]", None]}, after={"id": [1, 1], "key": ["a", "b"], "value": ["1", "x"]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(json_parts, json_value)

    column: TextColumn = param("Column with JSON objects")
    key_to: NewColumn = param("Column for the keys", default="key")
    value_to: NewColumn = param("Column for the values", default="value")

    def check_columns(self, schema):
        super().check_columns(schema)
        rest = [c for c in schema if c != self.column]
        if self.key_to == self.value_to or self.key_to in rest or self.value_to in rest:
            raise ParamError("the new names must differ from each other and from the columns that stay.")

    def apply(self, table, state):
        entry, = spare_names(table, 1)  # fmt: skip
        rest = [c for c in table.columns if c != self.column]
        entries = ForTypes(json_parts, "array<string>", ("string",))(table[self.column], part="entries")
        table = table.select([*(table[c] for c in rest), entries.name(entry)]).unnest(entry)
        part = ForTypes(json_value, "string", ("string",))
        new = [part(table[entry], path=[i], want="text").name(n) for i, n in enumerate((self.key_to, self.value_to))]
        return table.select([*(table[c] for c in rest), *new])

    def pandas(self, df, state, schema):
        rest = [c for c in schema if c != self.column]
        part = ForTypes(json_value, "string", ("string",))
        return [
            f"entries = {ForTypes(json_parts, 'array<string>', ('string',)).pandas(f'{df}[{self.column!r}]', part='entries')}.explode().dropna().astype('string')",
            f"{df} = {df}[{rest!r}].loc[entries.index]",
            *(f"{df}[{n!r}] = {part.pandas('entries', path=[i], want='text')}.to_numpy()" for i, n in enumerate((self.key_to, self.value_to))),
            f"{df} = {df}.reset_index(drop=True).astype({{{self.key_to!r}: 'string', {self.value_to!r}: 'string'}})",
        ]  # fmt: skip


# -- structures and objects of columns


@register
class StructToColumns(Transform):
    """Turn the fields of a structure into columns; a missing structure gives missing values.

    Columns: `<prefix><field>` at the end, in the order of the fields. JSON text: see "JSON keys to columns".
    """

    name: ClassVar = "nested.struct_to_columns"
    label: ClassVar = "Fields of a structure to columns"
    covers: ClassVar = ("struct_to_columns",)
    words: ClassVar = ("UNNEST_STRUCT", "expand record", "flatten structured")
    examples: ClassVar = (
        Example({"column": "s"}, before={"s": [{"x": 1, "y": "a"}, None]}, after={"s_x": [1, None], "s_y": ["a", None]}, types={"s": "struct<x: int64, y: string>"}),
        Example({"column": "s", "fields": ["y"], "prefix": "", "keep": True}, before={"s": [{"x": 1.5, "y": None}]}, after={"s": [{"x": 1.5, "y": None}], "y": [None]}, types={"s": "struct<x: float64, y: string>", "y": "string"}),
    )  # fmt: skip

    column: Column = param("Structure")
    fields: tuple[str, ...] = param("Fields", default=(), help="None: all.")
    prefix: str | None = param("New columns start with", default=None, help="Default: the column's name and _.")
    keep: bool = param("Keep the structure", default=False)

    def check_columns(self, schema):
        super().check_columns(schema)
        if not schema[self.column].is_struct():
            raise ParamError(f"column {self.column!r} is no structure.", hint='For JSON text use "JSON keys to columns".')  # fmt: skip
        if gone := [f for f in self.fields if f not in schema[self.column].names]:
            raise ParamError(
                f"{self.column!r} has no field {gone[0]!r}; it has {', '.join(schema[self.column].names)}."
            )
        for name in self._made(schema).values():
            new_name(name, [c for c in schema if self.keep or c != self.column])

    def _made(self, schema) -> dict[str, str]:
        prefix = f"{self.column}_" if self.prefix is None else self.prefix
        return {f: prefix + f for f in self.fields or schema[self.column].names}

    def apply(self, table, state):
        kept = [table[c] for c in table.columns if self.keep or c != self.column]
        new = [table[self.column][f].name(n) for f, n in self._made(table.schema()).items()]
        return types.to_plain(table.select([*kept, *new]))

    def pandas(self, df, state, schema):
        fields = dict(zip(schema[self.column].names, schema[self.column].types, strict=True))
        lines = [f"structure = values({df}[{self.column!r}])"]
        if not self.keep:
            lines.append(f"{df} = {df}.drop(columns={self.column!r})")
        return lines + [
            f"{df}[{n!r}] = pd.Series([None if s is None else s[{f!r}] for s in structure], index={df}.index, dtype={pandas_kind(fields[f]) or 'object'!r})"
            for f, n in self._made(schema).items()
        ]

    pandas_helpers: ClassVar = (VALUES,)


@register
class ColumnsToObject(Transform):
    """Write several columns as one JSON object per row: {"column": value, …}.

    Numbers stay numbers (fractions as 1.0), true/false stays, times are written as text (2024-01-31 00:00:00), missing ones are
    null or left out. Lists become JSON lists.
    """

    name: ClassVar = "nested.columns_to_object"
    label: ClassVar = "Columns to JSON"
    covers: ClassVar = ("columns_to_struct", "columns_to_map", "to_json")
    words: ClassVar = ("NEST_TO_STRUCT", "NEST_TO_MAP", "nest columns", "to_json", "object constructor")
    examples: ClassVar = (
        Example({"columns": ["a", "b", "t"], "to": "o"}, before={"a": [1, None], "b": [1.0, 2.5], "t": ["x", "é"]}, after={"a": [1, None], "b": [1.0, 2.5], "t": ["x", "é"], "o": ['{"a":1,"b":1.0,"t":"x"}', '{"a":null,"b":2.5,"t":"é"}']}),
        Example({"columns": ["a"], "leave_out": True, "keep": False, "to": "o"}, before={"a": [True, None]}, after={"o": ['{"a":true}', "{}"]}),
        Example({"columns": ["l"], "to": "o"}, before={"l": [[1, None], None]}, after={"l": [[1, None], None], "o": ['{"l":[1,null]}', '{"l":null}']}),
        Example({"columns": ["d"], "to": "o"}, before={"d": ["2024-01-31T00:00:00", None]}, after={"d": ["2024-01-31T00:00:00", None], "o": ['{"d":"2024-01-31 00:00:00"}', '{"d":null}']}, types={"d": "timestamp"}),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(json_object)
    differences: ClassVar = {
        "spark_edges": "never: Spark hands years beyond 9999 and the like to Python as other texts."
    }

    columns: Columns = param("Columns")
    leave_out: bool = param("Leave missing values out", default=False)
    keep: bool = param("Keep the columns", default=True)
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        new_name(self.to, [c for c in schema if self.keep or c not in self.columns])

    def _call(self, schema):
        kinds = tuple("string" if schema[c].is_temporal() else types.to_name(schema[c]) for c in self.columns)
        constants = {"names": list(self.columns), "leave_out": self.leave_out}
        return ForTypes(json_object, "string", kinds, sees_missing=True), constants

    def apply(self, table, state):
        function, constants = self._call(table.schema())
        cells = [_moment_text(table[c]) for c in self.columns]
        kept = [table[c] for c in table.columns if self.keep or c not in self.columns]
        return table.select([*kept, function(*cells, **constants).name(self.to)])

    def pandas(self, df, state, schema):
        function, constants = self._call(schema)
        cells = [_pandas_cell(df, c, schema) for c in self.columns]
        lines = [f"{df}[{self.to!r}] = {function.pandas(*cells, **constants)}"]
        return lines if self.keep else [f"objects = {function.pandas(*cells, **constants)}", f"{df} = {df}.drop(columns={list(self.columns)!r})", f"{df}[{self.to!r}] = objects"]  # fmt: skip


def _moment_text(column):
    from transforms.catalog.types import ChangeType

    if not column.type().is_temporal():
        return column
    return ChangeType(columns=("_",), type="text").value(column)


def _pandas_cell(df: str, column: str, schema) -> str:
    from transforms.catalog.types import ChangeType

    if schema[column].is_array():
        return listed(df, column, schema)
    cell = f"{df}[{column!r}]"
    if not schema[column].is_temporal():
        return cell
    return ChangeType(columns=("_",), type="text").pandas_value(cell, schema[column])


@register
class ColumnsToList(Transform):
    """Put several columns of one kind into one list per row, missing ones included. Numbers become float64 unless all are whole."""

    name: ClassVar = "nested.columns_to_list"
    label: ClassVar = "Columns to a list"
    covers: ClassVar = ("columns_to_array", "assemble_vector")
    words: ClassVar = ("NEST_TO_ARRAY", "VectorAssembler", "array constructor", "embedding")
    examples: ClassVar = (
        Example({"columns": ["a", "b"], "to": "v"}, before={"a": [1, None], "b": [2.5, 3.0]}, after={"a": [1, None], "b": [2.5, 3.0], "v": [[1.0, 2.5], [None, 3.0]]}),
        Example({"columns": ["s", "t"], "keep": False, "to": "v"}, before={"s": ["x", None], "t": ["y", None]}, after={"v": [["x", "y"], [None, None]]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = (VALUES,)

    columns: Columns = param("Columns")
    keep: bool = param("Keep the columns", default=True)
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        kinds = {schema[c] for c in self.columns}
        if len(kinds) > 1 and not all(kind_of(k) == "number" for k in kinds):
            raise ParamError("the columns have different types.", hint="Change their types first.")
        new_name(self.to, [c for c in schema if self.keep or c not in self.columns])

    def apply(self, table, state):
        mixed = len({table[c].type() for c in self.columns}) > 1
        made = ibis.array([table[c].cast("float64") if mixed else table[c] for c in self.columns])
        kept = [table[c] for c in table.columns if self.keep or c not in self.columns]
        return table.select([*kept, made.name(self.to)])

    def pandas(self, df, state, schema):
        mixed = len({schema[c] for c in self.columns}) > 1
        cast = ".astype('Float64')" if mixed else ""
        rows_ = f"zip(*[values({df}[c]{cast}) for c in {list(self.columns)!r}])"
        drop = [] if self.keep else [f"{df} = {df}.drop(columns={list(self.columns)!r})"]
        return [f"made = pd.Series([list(row) for row in {rows_}], index={df}.index, dtype=object)", *drop, f"{df}[{self.to!r}] = made"]  # fmt: skip


# -- lists
