"""Which columns there are, what they are called and where they stand."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import new_name, spare_names
from transforms.errors import FitError, ParamError
from transforms.fields import Column, Columns, NewColumn, SomeColumns, TextColumn, kind_of, param
from transforms.reading import one_row, rows
from transforms.schema import known
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
    covers: ClassVar = ("clean_column_names",)
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
class RenameByRule(CleanNames):
    """Rename many columns by one rule: replace a part of their names, change the case, put text in front or behind.

    In this order; a name that another column has already is refused.
    """

    name: ClassVar = "columns.rename_by_rule"
    label: ClassVar = "Rename columns by a rule"
    covers: ClassVar = ("rename_columns_by_pattern",)
    words: ClassVar = ("prefix", "suffix", "replace in column names", "add_prefix", "bulk rename", "headers")
    examples: ClassVar = (
        Example({"find": "x.", "replace": "n_", "case": "lower"}, before={"x.A": [1], "x.B": [None], "C": [3]}, after={"n_a": [1], "n_b": [None], "c": [3]}),
        Example({"columns": ["q1", "q2"], "find": "([a-z])([0-9]+)", "replace": r"\2\1", "regex": True, "prefix": "new ", "suffix": "?"}, before={"q1": [1], "q2": [2], "q3": [3]}, after={"new 1q?": [1], "new 2q?": [2], "q3": [3]}),
    )  # fmt: skip

    columns: SomeColumns = param("Columns", default=(), help="None: all of them.")
    find: str = param("Find", default="", help="Empty: nothing is replaced.")
    replace: str = param("Replace with", default="")
    regex: bool = param("A regular expression", default=False, help=r"In the replacement, \1 is the first group.")
    case: Literal["keep", "lower", "upper"] = param("Case", default="keep")
    prefix: str = param("Put in front", default="")
    suffix: str = param("Put behind", default="")

    def renamed(self, name: str) -> str:
        try:
            name = re.sub(self.find, self.replace, name) if self.regex else name.replace(self.find, self.replace) if self.find else name  # fmt: skip
        except (re.error, IndexError) as error:
            raise ParamError(f"{self.find!r} cannot be replaced by {self.replace!r}: {error}.") from error
        return self.prefix + {"lower": name.lower(), "upper": name.upper()}.get(self.case, name) + self.suffix

    def names(self, columns):
        names = {c: self.renamed(c) if c in self.columns or not self.columns else c for c in columns}
        for new in names.values():
            if not new:
                raise ParamError("a column would have no name.", hint="Choose another rule.")
            if list(names.values()).count(new) > 1:
                raise ParamError(f"two columns would be called {new!r}.", hint="Choose another rule.")
        return names

    def check_columns(self, schema):
        super().check_columns(schema)
        self.names(list(schema))


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


@register
class PromoteRow(Transform):
    """Use a row of the data as the column names: the row in which a column holds a given value.

    Fit reads that row and remembers the names (missing cells keep the old name, repeated names get `_2`); the row is dropped
    wherever it turns up again. Types stay: change them in a later step.
    """

    name: ClassVar = "columns.promote_row"
    label: ClassVar = "Use a row as column names"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("promote_row_to_header",)
    words: ClassVar = ("use first row as headers", "header row", "promote headers")
    examples: ClassVar = (
        Example({"column": "c1", "value": "id"}, before={"c1": ["id", "1", None], "c2": ["name", "Ada", "Bob"], "c3": [None, "x", "y"]}, after={"id": ["1", None], "name": ["Ada", "Bob"], "c3": ["x", "y"]}),
    )  # fmt: skip

    column: TextColumn = param("Column")
    value: str = param("Value that it holds in the header row", min_length=1)

    def fit(self, table):
        texts = [c for c, t in table.schema().items() if t.is_string() or t.is_integer()]
        chosen = table.filter(table[self.column] == self.value)
        found = rows(chosen.select([table[c].cast("string").name(f"c{i}") for i, c in enumerate(texts)]).distinct().order_by([f"c{i}" for i in range(len(texts))]).limit(1))  # fmt: skip
        if not found:
            raise FitError(f"no row has {self.value!r} in column {self.column!r}.", hint="Look at the first rows.")
        cells = dict(zip(texts, found[0].values(), strict=True))
        names: list[str] = []
        for c in table.columns:
            base = cells.get(c) or c
            names.append(next(n for n in (base, *(f"{base}_{i}" for i in range(2, 10_000))) if n not in names))
        return {"names": dict(zip(table.columns, names, strict=True))}

    def open_prefixes(self):
        return ("",)

    def apply(self, table, state):
        kept = table.filter((table[self.column] != self.value).fill_null(True))
        return kept.select([kept[c].name(state["names"].get(c, c)) for c in table.columns])

    def pandas(self, df, state, schema):
        return [
            f"{df} = {df}[({df}[{self.column!r}] != {self.value!r}).fillna(True).astype(bool)]",
            f"{df} = {df}.rename(columns={state['names']!r})",
        ]


@register
class DemoteNames(Transform):
    """Push the column names back into the data as a row of text, and name the columns `column_1`, `column_2` and so on.

    All columns become text.
    """

    name: ClassVar = "columns.demote_names"
    label: ClassVar = "Column names to a row"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("demote_header_to_row",)
    words: ClassVar = ("use headers as first row", "demote headers")
    examples: ClassVar = (
        Example({}, before={"a": [1, None], "b": ["x", "y"]}, after={"column_1": ["a", "1", None], "column_2": ["b", "x", "y"]}),
    )  # fmt: skip

    def check_columns(self, schema):
        from transforms.catalog.encode import text_like

        super().check_columns(schema)
        text_like(schema, list(schema))

    def apply(self, table, state):
        named = list(enumerate(table.columns, 1))
        head = table.aggregate(ibis._.count().name("__n")).select(
            [ibis.literal(c).name(f"column_{i}") for i, c in named]
        )
        return ibis.union(head, table.select([table[c].cast("string").name(f"column_{i}") for i, c in named]))

    def pandas(self, df, state, schema):
        from transforms.catalog.encode import as_text

        texts = ", ".join(f"{f'column_{i}'!r}: {as_text(f'{df}[{c!r}]', schema[c])}" for i, c in enumerate(schema, 1))
        return [
            f"names = pd.DataFrame([list({df}.columns)], columns={[f'column_{i + 1}' for i in range(len(schema))]!r}, dtype='string')",
            f"{df} = pd.concat([names, pd.DataFrame({{{texts}}})], ignore_index=True)",
        ]


@register
class DropByRule(Transform):
    """Drop columns by what the training rows hold, and remember which: constant, mostly missing, like an id, or correlated.

    constant: at most one different known value. mostly missing: at least the share missing. like an id: at least the share of
    known values are different (text and whole numbers). correlated: of two number columns whose absolute Pearson correlation is
    at least the share, the later one goes. Columns named as kept always stay.
    """

    name: ClassVar = "columns.drop_by_rule"
    label: ClassVar = "Drop useless columns"
    serving: ClassVar = "fitted"
    covers: ClassVar = (
        "drop_constant_columns",
        "drop_mostly_missing_columns",
        "drop_highly_correlated_columns",
        "drop_id_like_columns",
    )
    words: ClassVar = ("VarianceThreshold", "zero variance", "collinear", "sparse columns", "unique id")
    examples: ClassVar = (
        Example({}, train={"a": [1, 1, None], "b": [1, 2, 3]}, before={"a": [5], "b": [6]}, after={"b": [6]}),
        Example({"rule": "mostly missing", "share": 0.6}, before={"a": [None, None, 1], "b": [1, None, 3]}, after={"b": [1, None, 3]}),
        Example({"rule": "like an id", "share": 0.9, "keep": ["k"]}, before={"a": ["p", "q", "r"], "k": [1, 2, 3], "b": ["x", "x", None], "c": [1.5, 2.5, 3.5]}, after={"k": [1, 2, 3], "b": ["x", "x", None], "c": [1.5, 2.5, 3.5]}),
        Example({"rule": "correlated", "share": 0.95}, before={"a": [1, 2, 3], "b": [2.0, 4.0, 6.5], "c": [3, 1, 3]}, after={"a": [1, 2, 3], "c": [3, 1, 3]}),
    )  # fmt: skip

    rule: Literal["constant", "mostly missing", "like an id", "correlated"] = param("Drop columns that are", default="constant")  # fmt: skip
    share: float = param("Share", default=0.95, ge=0, le=1)
    keep: SomeColumns = param("Always keep", default=())

    def fit(self, table):
        schema = table.schema()
        asked = [c for c in table.columns if c not in self.keep and kind_of(schema[c]) != "any"]
        if self.rule == "correlated":
            return {"drop": self._correlated(table, [c for c in asked if kind_of(schema[c]) == "number"])}
        if self.rule == "like an id":
            asked = [c for c in asked if schema[c].is_string() or schema[c].is_integer()]
        counts = [e for i, c in enumerate(asked) for e in (table[c].count().name(f"n{i}"), table[c].nunique().name(f"d{i}"))]  # fmt: skip
        found = one_row(table.aggregate([*counts, ibis._.count().name("all")]))
        total = found["all"] or 1
        dropped = []
        for i, c in enumerate(asked):
            known_, different = found[f"n{i}"], found[f"d{i}"]
            hit = {
                "constant": different <= 1,
                "mostly missing": (total - known_) / total >= self.share,
                "like an id": known_ > 1 and different / known_ >= self.share,
            }[self.rule]
            dropped += [c] if hit else []
        return {"drop": self._some_left(dropped, table.columns)}

    def _correlated(self, table, columns) -> list[str]:
        pairs = [(a, b) for j, b in enumerate(columns) for a in columns[:j]]
        if len(pairs) > 20_000:
            raise FitError(f"{len(columns)} number columns are too many to compare.", hint="Keep fewer columns.")
        values = {c: known(table[c]) for c in columns}
        asked = [
            values[a].corr(values[b], where=values[a].notnull() & values[b].notnull(), how="pop").name(f"r{i}")
            for i, (a, b) in enumerate(pairs)
        ]
        found = one_row(table.aggregate(asked)) if asked else {}
        dropped: list[str] = []
        for i, (a, b) in enumerate(pairs):
            if a not in dropped and b not in dropped and abs(found[f"r{i}"] or 0.0) >= self.share:
                dropped.append(b)
        return self._some_left(dropped, table.columns)

    def _some_left(self, dropped, columns):
        if len(dropped) == len(columns):
            raise FitError("no column would be left.", hint="Name a column to keep.")
        return dropped

    def apply(self, table, state):
        gone = [c for c in state["drop"] if c in table.columns]
        return table.drop(*gone) if gone else table

    def pandas(self, df, state, schema):
        return [f"{df} = {df}.drop(columns={state['drop']!r})"]


@register
class SortColumns(Transform):
    """Put the columns into alphabetical order; capital and small letters count as the same."""

    name: ClassVar = "columns.sort_by_name"
    label: ClassVar = "Sort columns by name"
    covers: ClassVar = ("sort_columns_by_name",)
    words: ClassVar = ("alphabetical columns", "reorder")
    examples: ClassVar = (
        Example({}, before={"b": [1], "A": [None], "c": [3]}, after={"A": [None], "b": [1], "c": [3]}),
        Example({"descending": True}, before={"b": [1], "A": [2]}, after={"b": [1], "A": [2]}),
    )

    descending: bool = param("From Z to A", default=False)

    def _order(self, columns):
        return sorted(columns, key=lambda c: (c.lower(), c), reverse=self.descending)

    def apply(self, table, state):
        return table.select([table[c] for c in self._order(table.columns)])

    def pandas(self, df, state, schema):
        return [f"{df} = {df}[{self._order(list(schema))!r}]"]


@register
class AddUuid(Transform):
    """Add an identifier in UUID form that depends on key columns and a seed: the same row gets the same one everywhere.

    It is an MD5 of the values written as a UUID, not a random one; equal keys give equal identifiers.
    """

    name: ClassVar = "columns.add_uuid"
    label: ClassVar = "Add an identifier"
    covers: ClassVar = ("add_uuid_column",)
    words: ClassVar = ("UUID", "GUID", "surrogate key", "hash key")
    examples: ClassVar = (
        Example({"keys": ["a"], "to": "u"}, before={"a": ["x", None]}, after={"a": ["x", None], "u": ['2b625b6e-ec1c-3573-1201-8f0fe8b59392', '660ce26b-61ef-38de-049e-6964ac6ce4b3']}),
    )  # fmt: skip

    keys: Columns = param("Key columns")
    seed: str = param("Seed", default="1")
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        from transforms.catalog.encode import text_like

        super().check_columns(schema)
        text_like(schema, self.keys)
        new_name(self.to, schema)

    def apply(self, table, state):
        text = ibis.literal(self.seed + "|")
        for c in self.keys:
            value = table[c].cast("string")
            text = text + value.isnull().ifelse("-", value.length().cast("string") + ibis.literal(":") + value)
        spare, = spare_names(table, 1)  # fmt: skip
        table = table.mutate(text.hexdigest("md5").name(spare))
        digest, dash = table[spare], ibis.literal("-")
        cuts = [digest.substr(a, n) for a, n in ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))]
        made = cuts[0]
        for cut in cuts[1:]:
            made = made + dash + cut
        return table.mutate(made.name(self.to)).drop(spare)

    def pandas(self, df, state, schema):
        from transforms.catalog.encode import as_text

        texts = ", ".join(as_text(f"{df}[{c!r}]", schema[c]) for c in self.keys)
        return [
            f'texts = ["".join(f"{{len(t)}}:{{t}}" if not pd.isna(t) else "-" for t in row) for row in zip({texts})]',
            f"hashes = [hashlib.md5(({self.seed + '|'!r} + t).encode()).hexdigest() for t in texts]",
            f"{df}[{self.to!r}] = pd.Series([f'{{h[:8]}}-{{h[8:12]}}-{{h[12:16]}}-{{h[16:20]}}-{{h[20:]}}' for h in hashes], index={df}.index, dtype='string')",
        ]  # fmt: skip
