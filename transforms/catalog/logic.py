"""Logic: conditions into values, mappings, comparisons, combinations of truth values."""

from __future__ import annotations

from typing import ClassVar, Literal

import ibis

from transforms.catalog.rows import ByConditions
from transforms.errors import ParamError
from transforms.fields import BoolColumns, Column, Columns, NewColumn, TextColumns, param
from transforms.transform import Example, Transform, register


@register
class IfThenElse(ByConditions):
    """Make a text column with one value where conditions hold and another where they do not."""

    name: ClassVar = "logic.if_then_else"
    label: ClassVar = "If … then … else"
    covers: ClassVar = ("if_then_else",)
    words: ClassVar = ("IF", "CASE_OPERATION", "conditional column")
    examples: ClassVar = (
        Example({"conditions": [{"column": "a", "test": "is greater than", "value": "1"}], "then": "big", "otherwise": "small", "to": "r"}, before={"a": [1, 2, None]}, after={"a": [1, 2, None], "r": ["small", "big", "small"]}),
    )  # fmt: skip

    then: str = param("Then", help="The text for rows that meet the conditions.")
    otherwise: str = param("Else", default="")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        return table.mutate(
            self.chosen(table).ifelse(ibis.literal(self.then), ibis.literal(self.otherwise)).name(self.to)
        )

    def pandas(self, df, state, schema):
        chosen = f"({self.pandas_chosen(df, schema)}).astype(bool)"
        return [
            f"{df}[{self.to!r}] = pd.Series({self.otherwise!r}, index={df}.index, dtype='string').mask({chosen}, {self.then!r})"
        ]


@register
class MapValues(Transform):
    """Replace values by a table of old and new ones; values that are not in it stay, or become missing or one default."""

    name: ClassVar = "logic.map_values"
    label: ClassVar = "Map values"
    covers: ClassVar = ("switch_map", "apply_value_mapping", "map_from_lookup_table", "categorical_mapping")
    words: ClassVar = ("recode", "CATEGORICAL_MAPPING", "replace values", "lookup", "switch")
    examples: ClassVar = (
        Example({"columns": ["t"], "mapping": {"y": "yes", "n": "no"}}, before={"t": ["y", "n", "?", None]}, after={"t": ["yes", "no", "?", None]}),
        Example({"columns": ["t"], "mapping": {"y": "yes"}, "others": "missing"}, before={"t": ["y", "?"]}, after={"t": ["yes", None]}),
        Example({"columns": ["t"], "mapping": {"y": "yes"}, "others": "default", "default_value": "no"}, before={"t": ["y", "?", None]}, after={"t": ["yes", "no", None]}),
    )  # fmt: skip

    columns: TextColumns = param("Columns")
    mapping: dict[str, str] = param("Old and new values", min_length=1)
    others: Literal["keep", "missing", "default"] = param("Other values", default="keep")
    default_value: str = param("Default", default="")

    def __hash__(self):
        return hash((self.columns, tuple(self.mapping.items()), self.others, self.default_value))

    def apply(self, table, state):
        return table.mutate([self._value(table[c]).name(c) for c in self.columns])

    def _value(self, x):
        rest = {"keep": x, "missing": ibis.null("string"), "default": ibis.literal(self.default_value)}[self.others]
        mapped = ibis.cases(*[(x == old, ibis.literal(new)) for old, new in self.mapping.items()], else_=rest)
        return x.isnull().ifelse(ibis.null("string"), mapped)

    def pandas(self, df, state, schema):
        lines = [f"mapping = {dict(self.mapping)!r}"]
        for c in self.columns:
            x = f"{df}[{c!r}]"
            rest = {
                "keep": f".fillna({x})",
                "missing": "",
                "default": f".fillna({self.default_value!r}).where({x}.notna())",
            }[self.others]
            lines.append(f"{x} = {x}.map(mapping).astype('string'){rest}")
        return lines


@register
class CompareColumns(Transform):
    """Tell how two columns compare in each row; missing on either side gives missing."""

    name: ClassVar = "logic.compare_columns"
    label: ClassVar = "Compare two columns"
    covers: ClassVar = ("compare_columns",)
    words: ClassVar = ("equal", "greater", "EXACT")
    examples: ClassVar = (
        Example({"left": "a", "test": "equals", "right": "b", "to": "r"}, before={"a": ["x", "x", None], "b": ["x", "y", "z"]}, after={"a": ["x", "x", None], "b": ["x", "y", "z"], "r": [True, False, None]}),
        Example({"left": "a", "test": "is greater than", "right": "b", "to": "r"}, before={"a": [1, 3], "b": [2.0, 2.0]}, after={"a": [1, 3], "b": [2.0, 2.0], "r": [False, True]}),
    )  # fmt: skip

    left: Column = param("First column")
    test: Literal["equals", "is not", "is greater than", "is at least", "is less than", "is at most"] = param(
        "Condition", default="equals"
    )
    right: Column = param("Second column")
    to: NewColumn = param("New column")
    SIGNS: ClassVar = {
        "equals": "==",
        "is not": "!=",
        "is greater than": ">",
        "is at least": ">=",
        "is less than": "<",
        "is at most": "<=",
    }

    def check_columns(self, schema):
        super().check_columns(schema)
        from transforms.fields import kind_of

        if kind_of(schema[self.left]) != kind_of(schema[self.right]):
            raise ParamError(
                f"columns {self.left!r} ({schema[self.left]}) and {self.right!r} ({schema[self.right]}) cannot be compared.",
                hint="Change the type of one.",
            )

    def apply(self, table, state):
        a, b = table[self.left], table[self.right]
        test = {"==": a == b, "!=": a != b, ">": a > b, ">=": a >= b, "<": a < b, "<=": a <= b}[self.SIGNS[self.test]]
        return table.mutate(test.name(self.to))

    def pandas(self, df, state, schema):
        a, b = f"{df}[{self.left!r}]", f"{df}[{self.right!r}]"
        return [
            f"{df}[{self.to!r}] = ({a} {self.SIGNS[self.test]} {b}).astype('boolean').mask({a}.isna() | {b}.isna())"
        ]


@register
class CombineFlags(Transform):
    """Combine true/false columns: all true, any true, none true. Missing counts as in SQL (unknown)."""

    name: ClassVar = "logic.combine_flags"
    label: ClassVar = "And, or, not"
    covers: ClassVar = ("logical_and", "logical_or", "logical_not")
    words: ClassVar = ("AND", "OR", "NOT", "BOOLEAN_OPERATION")
    examples: ClassVar = (
        Example({"columns": ["a", "b"], "to": "r"}, before={"a": [True, True, None], "b": [True, False, False]}, after={"a": [True, True, None], "b": [True, False, False], "r": [True, False, False]}),
        Example({"columns": ["a", "b"], "how": "any", "to": "r"}, before={"a": [True, None], "b": [None, False]}, after={"a": [True, None], "b": [None, False], "r": [True, None]}),
        Example({"columns": ["a"], "how": "none", "to": "r"}, before={"a": [True, False, None]}, after={"a": [True, False, None], "r": [False, True, None]}),
    )  # fmt: skip

    columns: BoolColumns = param("Columns")
    how: Literal["all", "any", "none"] = param(
        "True when", default="all", help="All (and), any (or), none (not) of them are true."
    )
    to: NewColumn = param("New column")

    def apply(self, table, state):
        values = [table[c] for c in self.columns]
        test = ibis.and_(*values) if self.how == "all" else ibis.or_(*values)
        return table.mutate((~test if self.how == "none" else test).name(self.to))

    def pandas(self, df, state, schema):
        test = (" & " if self.how == "all" else " | ").join(f"{df}[{c!r}]" for c in self.columns)
        return [f"{df}[{self.to!r}] = {'~' if self.how == 'none' else ''}({test})"]


@register
class IsMissing(Transform):
    """Add a true/false column beside each chosen one that tells where it is missing."""

    name: ClassVar = "logic.is_missing"
    label: ClassVar = "Flag missing values"
    covers: ClassVar = ("is_null", "add_missing_indicator")
    words: ClassVar = ("missing indicator", "FLAG_COLUMN_FROM_NULL", "isna")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [1, None]}, after={"a": [1, None], "a_missing": [False, True]}),
    )

    columns: Columns = param("Columns")

    def apply(self, table, state):
        return table.mutate([table[c].isnull().name(f"{c}_missing") for c in self.columns])

    def pandas(self, df, state, schema):
        return [f"{df}[{f'{c}_missing'!r}] = {df}[{c!r}].isna().astype('boolean')" for c in self.columns]


@register
class Coalesce(Transform):
    """Take the first known value of several columns of one kind."""

    name: ClassVar = "logic.coalesce"
    label: ClassVar = "First known value"
    covers: ClassVar = ("coalesce_columns",)
    words: ClassVar = ("COALESCE", "first non-null")
    examples: ClassVar = (
        Example(
            {"columns": ["a", "b"], "to": "c"},
            before={"a": [1, None, None], "b": [9, 2, None]},
            after={"a": [1, None, None], "b": [9, 2, None], "c": [1, 2, None]},
        ),
    )

    columns: Columns = param("Columns, first choice first")
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        if len({schema[c] for c in self.columns}) > 1:
            raise ParamError("the columns have different types.", hint="Change their types first.")

    def apply(self, table, state):
        return table.mutate(ibis.coalesce(*[table[c] for c in self.columns]).name(self.to))

    def pandas(self, df, state, schema):
        first, *rest = self.columns
        return [f"{df}[{self.to!r}] = {df}[{first!r}]" + "".join(f".fillna({df}[{c!r}])" for c in rest)]
