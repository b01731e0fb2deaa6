"""Logic: conditions into values, mappings, comparisons, combinations of truth values."""

from __future__ import annotations

from typing import ClassVar, Literal

import ibis

from transforms.catalog.rows import ByConditions, Condition, Test
from transforms.errors import ParamError
from transforms.fields import BoolColumns, Column, Columns, NewColumn, Settings, TextColumns, param
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
        Example({"columns": ["t"], "mapping": {"low": "1", "high": "3"}, "others": "default", "default_value": "0"}, before={"t": ["high", "low", "odd"]}, after={"t": ["3", "1", "0"]}),
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
    covers: ClassVar = ("logical_and", "logical_or", "logical_not", "logical_xor", "negate_boolean")
    words: ClassVar = ("AND", "OR", "NOT", "BOOLEAN_OPERATION")
    examples: ClassVar = (
        Example({"columns": ["a", "b"], "to": "r"}, before={"a": [True, True, None], "b": [True, False, False]}, after={"a": [True, True, None], "b": [True, False, False], "r": [True, False, False]}),
        Example({"columns": ["a", "b"], "how": "any", "to": "r"}, before={"a": [True, None], "b": [None, False]}, after={"a": [True, None], "b": [None, False], "r": [True, None]}),
        Example({"columns": ["a"], "how": "none", "to": "r"}, before={"a": [True, False, None]}, after={"a": [True, False, None], "r": [False, True, None]}),
        Example({"columns": ["a", "b"], "how": "exactly one", "to": "r"}, before={"a": [True, True, None, False], "b": [False, True, True, False]}, after={"a": [True, True, None, False], "b": [False, True, True, False], "r": [True, False, None, False]}),
    )  # fmt: skip

    columns: BoolColumns = param("Columns")
    how: Literal["all", "any", "none", "exactly one"] = param(
        "True when", default="all", help="All (and), any (or), none (not), exactly one (xor) of them are true."
    )
    to: NewColumn = param("New column")

    def apply(self, table, state):
        values = [table[c] for c in self.columns]
        if self.how == "exactly one":
            total = values[0].cast("int64")
            for value in values[1:]:
                total = total + value.cast("int64")
            return table.mutate((total == 1).name(self.to))
        test = ibis.and_(*values) if self.how == "all" else ibis.or_(*values)
        return table.mutate((~test if self.how == "none" else test).name(self.to))

    def pandas(self, df, state, schema):
        if self.how == "exactly one":
            total = " + ".join(f"{df}[{c!r}].astype('Int64')" for c in self.columns)
            return [f"{df}[{self.to!r}] = ({total}) == 1"]
        test = (" & " if self.how == "all" else " | ").join(f"{df}[{c!r}]" for c in self.columns)
        return [f"{df}[{self.to!r}] = {'~' if self.how == 'none' else ''}({test})"]


@register
class IsMissing(Transform):
    """Add a true/false column beside each chosen one that tells where it is missing."""

    name: ClassVar = "logic.is_missing"
    label: ClassVar = "Flag missing values"
    covers: ClassVar = ("is_null", "add_missing_indicator", "is_blank")
    words: ClassVar = ("missing indicator", "FLAG_COLUMN_FROM_NULL", "isna")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [1, None]}, after={"a": [1, None], "a_missing": [False, True]}),
        Example(
            {"columns": ["a"], "blank": True},
            before={"a": [" \t", "", "x", None]},
            after={"a": [" \t", "", "x", None], "a_missing": [True, True, False, True]},
        ),
    )

    columns: Columns = param("Columns")
    blank: bool = param("Empty text and white space too", default=False)

    def apply(self, table, state):
        return table.mutate([self._test(table[c]).name(f"{c}_missing") for c in self.columns])

    def _test(self, x):
        if not (self.blank and x.type().is_string()):
            return x.isnull()
        return x.isnull() | ~x.re_search(r"[^ \t\r\n]").fill_null(False)

    def pandas(self, df, state, schema):
        lines = []
        for c in self.columns:
            x = f"{df}[{c!r}]"
            blank = (
                f" | ~{x}.str.contains(r'[^ \\t\\r\\n]').fillna(False)" if self.blank and schema[c].is_string() else ""
            )
            lines.append(f"{df}[{f'{c}_missing'!r}] = ({x}.isna(){blank}).astype('boolean')")
        return lines


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


class Case(Settings):
    """A test of one column, and the text where it holds."""

    column: Column = param("Column")
    test: Test = param("Condition", default="equals")
    value: str = param("Value", default="")
    then: str = param("Then")

    def condition(self) -> Condition:
        return Condition(column=self.column, test=self.test, value=self.value)


@register
class CaseWhen(Transform):
    """Make a text column by cases: the first condition that holds gives its text, else another text or missing."""

    name: ClassVar = "logic.case_when"
    label: ClassVar = "Cases"
    covers: ClassVar = ("case_when",)
    words: ClassVar = ("CASE WHEN", "CASE_OPERATION", "switch", "if elif else", "conditional column")
    examples: ClassVar = (
        Example({"cases": [{"column": "a", "test": "is greater than", "value": "9", "then": "big"}, {"column": "a", "test": "is greater than", "value": "1", "then": "medium"}, {"column": "b", "test": "is missing", "then": "no b"}], "otherwise": "small", "to": "r"},
                before={"a": [10, 5, 1, None], "b": ["x", None, None, "y"]}, after={"a": [10, 5, 1, None], "b": ["x", None, None, "y"], "r": ["big", "medium", "no b", "small"]}),
        Example({"cases": [{"column": "a", "test": "equals", "value": "x", "then": "1"}], "otherwise_missing": True, "to": "r"}, before={"a": ["x", "y"]}, after={"a": ["x", "y"], "r": ["1", None]}),
    )  # fmt: skip

    cases: tuple[Case, ...] = param("Cases, the first that holds counts", min_length=1)
    otherwise: str = param("Else", default="")
    otherwise_missing: bool = param("Else missing", default=False)
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        for case in self.cases:
            case.condition().check(schema)

    def apply(self, table, state):
        rest = ibis.null("string") if self.otherwise_missing else ibis.literal(self.otherwise)
        tests = [(c.condition().expression(table), ibis.literal(c.then)) for c in self.cases]
        return table.mutate(ibis.cases(*tests, else_=rest).name(self.to))

    def pandas(self, df, state, schema):
        rest = "pd.NA" if self.otherwise_missing else repr(self.otherwise)
        lines = [f"case = pd.Series({rest}, index={df}.index, dtype='string')"]
        lines += [
            f"case = case.mask(({c.condition().pandas(df, schema)}).astype(bool), {c.then!r})"
            for c in reversed(self.cases)
        ]
        return [*lines, f"{df}[{self.to!r}] = case"]


@register
class ValueType(Transform):
    """Name the kind of each text value: whole number, number, true/false, date, date and time, JSON, empty or text.

    Columns that are not text give the name of their type in each row. A missing value gives "missing".
    """

    name: ClassVar = "logic.value_type"
    label: ClassVar = "Kind of each value"
    covers: ClassVar = ("value_type_of",)
    words: ClassVar = ("TYPE", "typeof", "data type of value")
    examples: ClassVar = (
        Example({"column": "a", "to": "k"}, before={"a": ["1", "-2.5", "yes", "2024-01-31", "2024-01-31 10:00:00", "{}", " ", "x", None]}, after={"a": ["1", "-2.5", "yes", "2024-01-31", "2024-01-31 10:00:00", "{}", " ", "x", None], "k": ["whole number", "number", "true/false", "date", "date and time", "JSON", "empty", "text", "missing"]}),
        Example({"column": "a", "to": "k"}, before={"a": [1, None]}, after={"a": [1, None], "k": ["whole number", "missing"]}),
    )  # fmt: skip

    column: Column = param("Column")
    to: NewColumn = param("New column")
    KINDS: ClassVar = (
        ("empty", r"^[ \t\r\n]*$"), ("whole number", r"^[ \t\r\n]*[+-]?[0-9]{1,18}[ \t\r\n]*$"),
        ("number", r"^[ \t\r\n]*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?[ \t\r\n]*$"),
        ("true/false", r"^[ \t\r\n]*(true|false|TRUE|FALSE|True|False|yes|no|Yes|No|YES|NO|t|f|y|n)[ \t\r\n]*$"),
        ("date", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), ("date and time", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?$"),
        ("JSON", r"^(\{.*\}|\[.*\])$"),
    )  # fmt: skip

    def _fixed(self, dtype) -> str:
        tests = ((dtype.is_integer(), "whole number"), (dtype.is_numeric() and not dtype.is_boolean(), "number"), (dtype.is_boolean(), "true/false"), (dtype.is_date(), "date"), (dtype.is_timestamp(), "date and time"), (dtype.is_array(), "list"))  # fmt: skip
        return next((name for good, name in tests if good), "other")

    def apply(self, table, state):
        x = table[self.column]
        if x.type().is_string():
            kind = ibis.cases(*[(x.re_search(p), ibis.literal(name)) for name, p in self.KINDS], else_="text")
        else:
            kind = ibis.literal(self._fixed(x.type()))
        return table.mutate(x.isnull().ifelse(ibis.literal("missing"), kind).name(self.to))

    def pandas(self, df, state, schema):
        x, dtype = f"{df}[{self.column!r}]", schema[self.column]
        if not dtype.is_string():
            return [
                f"{df}[{self.to!r}] = pd.Series({self._fixed(dtype)!r}, index={df}.index, dtype='string').mask({x}.isna(), 'missing')"
            ]
        lines = [f"kind = pd.Series('text', index={df}.index, dtype='string')"]
        lines += [
            f"kind = kind.mask({x}.str.fullmatch({p!r}).fillna(False).astype(bool), {name!r})"
            for name, p in reversed(self.KINDS)
        ]
        return [*lines, f"{df}[{self.to!r}] = kind.mask({x}.isna(), 'missing')"]
