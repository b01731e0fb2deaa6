"""Lists: elements, parts, statistics, and lists into rows or columns."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

import ibis
import lxml.etree as etree
from pydantic import field_validator

from transforms import schema as types
from transforms.catalog.common import new_name, spare_names
from transforms.catalog.nested import ForTypes, helpers_of, inner, listed, number_or_text, pandas_kind
from transforms.errors import FitError, ParamError
from transforms.fields import Column, Columns, NewColumn, NumberColumn, TextColumn, param
from transforms.functions import row_function
from transforms.nesting import (
    list_changed,
    list_counts,
    list_kept,
    list_mapped,
    list_number,
    list_pairs,
    list_place,
    list_slice,
    list_text,
    lists_combined,
    markup_values,
    whole_range,
)
from transforms.reading import one_row, rows
from transforms.transform import Example, Transform, register


class OneList(Transform):
    """A step that looks at one list per row."""

    pandas_helpers: ClassVar = helpers_of()
    column: Column = param("List")

    def check_columns(self, schema):
        super().check_columns(schema)
        self.check_list(inner(schema, self.column))
        if getattr(self, "to", None):
            new_name(self.to, schema)

    def check_list(self, dtype) -> None:
        """Refuse elements that the step cannot work on."""


@register
class ExplodeList(OneList):
    """Make one row for each element of a list; the other columns repeat.

    A missing or empty list drops its row, or keeps it with a missing value. The position counts from 1.
    """

    name: ClassVar = "nested.explode"
    label: ClassVar = "List to rows"
    covers: ClassVar = ("array_explode_rows",)
    words: ClassVar = ("explode", "unnest", "UNNEST_ARRAY", "array fold", "split into rows")
    examples: ClassVar = (
        Example({"column": "a"}, before={"k": ["x", "y", "z"], "a": [[1, None], [], None]}, after={"k": ["x", "x"], "a": [1, None]}),
        Example({"column": "a", "keep_empty": True, "position_to": "n"}, before={"k": ["x", "y", "z"], "a": [["p", "q"], [], None]}, after={"k": ["x", "x", "y", "z"], "a": ["p", "q", None, None], "n": [1, 2, None, None]}),
    )  # fmt: skip

    keep_empty: bool = param("Keep rows without elements", default=False)
    position_to: str = param("Column for the position", default="", help="Empty: none.")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.position_to:
            new_name(self.position_to, schema)

    def apply(self, table, state):
        place = self.position_to or None
        found = table.unnest(self.column, offset=place, keep_empty=self.keep_empty)
        found = found.mutate((found[place] + 1).cast("int64").name(place)) if place else found
        return types.to_plain(found.select([*table.columns, *([place] if place else [])]))

    def pandas(self, df, state, schema):
        kind = pandas_kind(inner(schema, self.column))
        lines = [f"elements = {listed(df, self.column, schema)}"]
        empty = "elements.map(lambda v: not v)"
        if self.keep_empty:
            lines.append("elements = elements.map(lambda v: v or [None])")
            empty = f"{listed(df, self.column, schema)}.map(lambda v: not v)"
        lines.append(f"empty = {empty}.astype(bool)")
        lines += [f"{df} = {df}.copy()", f"{df}[{self.column!r}] = elements"]
        if not self.keep_empty:
            lines.append(f"{df} = {df}[~empty]")
        lines.append(f"{df} = {df}.explode({self.column!r})" + (f".astype({{{self.column!r}: {kind!r}}})" if kind else ""))  # fmt: skip
        if self.position_to:
            lines.append(f"{df}[{self.position_to!r}] = {df}.groupby(level=0).cumcount().add(1).astype('Int64').mask(empty.loc[{df}.index])")  # fmt: skip
        return [*lines, f"{df} = {df}.reset_index(drop=True)"]


@register
class ListToColumns(OneList):
    """Turn the elements of a list into columns, one per position: `a_1`, `a_2` and so on.

    The number of columns is given, or the length of the longest list in training is learnt (at most 500). Later lists that are
    shorter give missing values, and what is longer is left out.
    """

    name: ClassVar = "nested.list_to_columns"
    label: ClassVar = "List to columns"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("array_to_columns", "flatten_vector")
    words: ClassVar = ("flatten array", "vector to columns", "array unfold")
    examples: ClassVar = (
        Example({"column": "a"}, train={"k": [1], "a": [[1, 2]]}, before={"k": [1, 2], "a": [[5, None, 7], None]}, after={"k": [1, 2], "a_1": [5, None], "a_2": [None, None]}, types={"a_2": "int64"}),
        Example({"column": "a", "count": 1, "prefix": "v", "keep": True}, before={"a": [[1.5], []]}, after={"a": [[1.5], []], "v1": [1.5, None]}),
    )  # fmt: skip

    count: int | None = param("How many columns", default=None, ge=1, le=500, help="Empty: as many as training needs.")
    prefix: str | None = param("New columns start with", default=None, help="Default: the column's name and _.")
    keep: bool = param("Keep the list", default=False)

    def open_prefixes(self):
        return (self._prefix(),)

    def _prefix(self):
        return f"{self.column}_" if self.prefix is None else self.prefix

    def fit(self, table):
        if self.count:
            return {"count": self.count}
        longest = one_row(table.aggregate(table[self.column].length().max().name("n")))["n"] or 0
        if longest > 500:
            raise FitError(f"the longest list in {self.column!r} has {longest:,} elements.", hint="Say how many columns you want.")  # fmt: skip
        return {"count": int(longest)}

    def _made(self, state, columns) -> list[str]:
        made = [f"{self._prefix()}{i + 1}" for i in range(state["count"])]
        for name in made:
            new_name(name, [c for c in columns if self.keep or c != self.column])
        return made

    def apply(self, table, state):
        made = self._made(state, table.columns)
        kept = [table[c] for c in table.columns if self.keep or c != self.column]
        new = [table[self.column][i].name(n) for i, n in enumerate(made)]
        return types.to_plain(table.select([*kept, *new])) if kept or new else table

    def pandas(self, df, state, schema):
        made, kind = self._made(state, list(schema)), pandas_kind(inner(schema, self.column))
        lines = [f"elements = {listed(df, self.column, schema)}"]
        if not self.keep and (made or len(schema) > 1):
            lines.append(f"{df} = {df}.drop(columns={self.column!r})")
        return lines + [f"{df}[{n!r}] = element(elements, {i}, {kind!r})" for i, n in enumerate(made)]


@register
class ListElement(OneList):
    """Take one element of a list by its position: 1 is the first, -1 the last. Outside the list: missing."""

    name: ClassVar = "nested.element"
    label: ClassVar = "Element of a list"
    covers: ClassVar = ("array_element",)
    words: ClassVar = ("element_at", "index", "value[0]", "get")
    examples: ClassVar = (
        Example({"column": "a", "position": 2, "to": "x"}, before={"a": [[1, 2], [3], [4, None], None]}, after={"a": [[1, 2], [3], [4, None], None], "x": [2, None, None, None]}),
        Example({"column": "a", "position": -1, "to": "x"}, before={"a": [["p", "q"], [], None]}, after={"a": [["p", "q"], [], None], "x": ["q", None, None]}),
    )  # fmt: skip

    position: int = param("Position", default=1, help="1: the first; -1: the last.")
    to: NewColumn = param("New column")

    @field_validator("position")
    @classmethod
    def _counted(cls, value):
        if value == 0:
            raise ValueError("positions count from 1, or from -1 at the end")
        return value

    @property
    def _place(self):
        return self.position - 1 if self.position > 0 else self.position

    def _value(self, items):
        if self.position > 0:
            return items[self._place]
        # Spark refuses a negative position in a list that is too short
        there = items.length() >= -self.position
        return there.ifelse(items[items.length() + self.position], ibis.null(items.type().value_type))

    def apply(self, table, state):
        return types.to_plain(table.mutate(self._value(table[self.column]).name(self.to)))

    def pandas(self, df, state, schema):
        kind = pandas_kind(inner(schema, self.column))
        return [f"{df}[{self.to!r}] = element({listed(df, self.column, schema)}, {self._place}, {kind!r})"]


def _length(column):
    """Return the number of elements; Spark counts -1 for a missing list."""
    return column.isnull().ifelse(ibis.null("int64"), column.length().cast("int64"))


@register
class ListLength(OneList):
    """Count the elements of a list, missing ones too; a missing list gives missing."""

    name: ClassVar = "nested.list_length"
    label: ClassVar = "Length of a list"
    covers: ClassVar = ("array_length",)
    words: ClassVar = ("len", "ARRAYLEN", "cardinality", "size")
    examples: ClassVar = (
        Example({"column": "a", "to": "n"}, before={"a": [[1, None], [], None]}, after={"a": [[1, None], [], None], "n": [2, 0, None]}),
    )  # fmt: skip

    to: NewColumn = param("New column")

    def apply(self, table, state):
        return table.mutate(_length(table[self.column]).name(self.to))

    def pandas(self, df, state, schema):
        lengths = f"[None if v is None else len(v) for v in values({df}[{self.column!r}])]"
        return [f"{df}[{self.to!r}] = pd.Series({lengths}, index={df}.index, dtype='Int64')"]


@register
class FindInList(OneList):
    """Tell whether a value is in a list, or at which position it stands first (from 1; missing where it is not)."""

    name: ClassVar = "nested.find_in_list"
    label: ClassVar = "Find in a list"
    covers: ClassVar = ("array_contains", "array_index_of")
    words: ClassVar = ("array_contains", "ARRAYINDEXOF", "inArray", "position")
    examples: ClassVar = (
        Example({"column": "a", "value": "q", "to": "x"}, before={"a": [["p", "q"], [None], [], None]}, after={"a": [["p", "q"], [None], [], None], "x": [True, False, False, None]}),
        Example({"column": "a", "value": "2", "find": "its position", "to": "x"}, before={"a": [[1, 2, 2], [3], None]}, after={"a": [[1, 2, 2], [3], None], "x": [2, None, None]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(list_place)

    value: str = param("Value")
    find: Literal["whether it is there", "its position"] = param("Find", default="whether it is there")
    to: NewColumn = param("New column")

    def check_list(self, dtype):
        number_or_text(self.value, dtype, self.column)

    def _call(self, schema):
        dtype = inner(schema, self.column)
        return ForTypes(list_place, "int64", (f"array<{types.to_name(dtype)}>",)), number_or_text(self.value, dtype, self.column)  # fmt: skip

    def apply(self, table, state):
        function, value = self._call(table.schema())
        items = table[self.column]
        place = function(items, value=value)
        found = place.notnull() if self.find == "whether it is there" else place
        return table.mutate(items.isnull().ifelse(ibis.null(found.type()), found).name(self.to))

    def pandas(self, df, state, schema):
        function, value = self._call(schema)
        items = listed(df, self.column, schema)
        found = function.pandas(items, value=value)
        if self.find == "whether it is there":
            found = f"{found}.notna().astype('boolean').mask({df}[{self.column!r}].isna())"
        return [f"{df}[{self.to!r}] = {found}"]


class ListFunction(OneList):
    """A function of one list and constants; the result replaces the list or stands in a new column."""

    to: str = param("New column", default="", help="Empty: replace the list.")
    python: ClassVar

    def output(self, dtype) -> str:
        """Return the type of the result for elements of type `dtype`."""
        return f"array<{types.to_name(dtype)}>"

    def constants(self, dtype) -> dict:
        return {}

    def _function(self, dtype):
        return ForTypes(type(self).python, self.output(dtype), (f"array<{types.to_name(dtype)}>",))

    def apply(self, table, state):
        dtype = inner(table.schema(), self.column)
        value = self._function(dtype)(table[self.column], **self.constants(dtype))
        return table.mutate(value.name(self.to or self.column))

    def pandas(self, df, state, schema):
        dtype = inner(schema, self.column)
        code = self._function(dtype).pandas(listed(df, self.column, schema), **self.constants(dtype))
        return [f"{df}[{(self.to or self.column)!r}] = {code}"]


@register
class SliceList(ListFunction):
    """Take a part of a list, from one position to another, both included; negative positions count from the end."""

    name: ClassVar = "nested.slice"
    label: ClassVar = "Part of a list"
    covers: ClassVar = ("array_slice",)
    words: ClassVar = ("slice", "ARRAYSLICE", "sub-array")
    examples: ClassVar = (
        Example({"column": "a", "start": 2, "end": 3}, before={"a": [[1, 2, 3, 4], [1], None]}, after={"a": [[2, 3], [], None]}),
        Example({"column": "a", "start": -2, "to": "b"}, before={"a": [["p", "q", None]]}, after={"a": [["p", "q", None]], "b": [["q", None]]}),
        Example({"column": "a", "end": -2}, before={"a": [[1.5, 2.0, 3.0]]}, after={"a": [[1.5, 2.0]]}),
    )  # fmt: skip
    python: ClassVar = list_slice
    pandas_helpers: ClassVar = helpers_of(list_slice)

    start: int = param("From", default=1, help="1: the first; -2: the last but one.")
    end: int = param("To", default=0, help="0: to the end.")

    def constants(self, dtype):
        return {"start": self.start or 1, "end": self.end}


@register
class ChangeList(ListFunction):
    """Sort a list, turn it round, or drop repeated or missing elements; missing elements are sorted to the end."""

    name: ClassVar = "nested.change_list"
    label: ClassVar = "Sort or tidy a list"
    covers: ClassVar = ("array_distinct", "array_sort", "array_reverse")
    words: ClassVar = ("uniques", "array_distinct", "ARRAYSORT", "reverse", "compact")
    examples: ClassVar = tuple(
        Example({"column": "a", "change": change}, before={"a": [[3, None, 1, 3], [], None]}, after={"a": [after, [], None]})
        for change, after in (("distinct", [3, None, 1]), ("sort ascending", [1, 3, 3, None]), ("sort descending", [3, 3, 1, None]), ("reverse", [3, 1, None, 3]), ("drop missing", [3, 1, 3]))
    )  # fmt: skip
    python: ClassVar = list_changed
    pandas_helpers: ClassVar = helpers_of(list_changed)

    change: Literal["distinct", "sort ascending", "sort descending", "reverse", "drop missing"] = param("Change", default="distinct")  # fmt: skip

    def constants(self, dtype):
        return {"change": self.change}


Measure = Literal["sum", "mean", "min", "max", "median", "count", "standard deviation", "variance"]


@register
class ListStatistic(ListFunction):
    """Compute a statistic of the numbers in a list; missing elements are left out, an empty list gives missing (a count 0)."""

    name: ClassVar = "nested.list_statistic"
    label: ClassVar = "Sum, mean … of a list"
    covers: ClassVar = ("array_aggregate",)
    words: ClassVar = ("LISTSUM", "LISTAVERAGE", "array_sum", "reduce")
    examples: ClassVar = tuple(
        Example({"column": "a", "statistic": s, "to": "r"}, before={"a": [[1, 2, 6, None], [], None]}, after={"a": [[1, 2, 6, None], [], None], "r": [r, empty, None]})
        for s, r, empty in (("sum", 9.0, None), ("mean", 3.0, None), ("min", 1.0, None), ("max", 6.0, None), ("median", 2.0, None), ("count", 3.0, 0.0), ("variance", 7.0, None), ("standard deviation", 7**0.5, None))
    )  # fmt: skip
    python: ClassVar = list_number
    pandas_helpers: ClassVar = helpers_of(list_number)

    statistic: Measure = param("Statistic", default="mean")

    def check_list(self, dtype):
        if not dtype.is_numeric():
            raise ParamError(f"the elements of {self.column!r} are no numbers ({dtype}).")

    def output(self, dtype):
        return "float64"

    def constants(self, dtype):
        return {"statistic": self.statistic}


@register
class JoinListText(ListFunction):
    """Join the elements of a list into one text; missing ones are left out, or written as a text that you give."""

    name: ClassVar = "nested.join_text"
    label: ClassVar = "List to text"
    covers: ClassVar = ("array_join_text",)
    words: ClassVar = ("join", "ARRAYTOSTRING", "implode", "concatenate array")
    examples: ClassVar = (
        Example({"column": "a", "sep": ", ", "to": "t"}, before={"a": [["p", None, "q"], [], None]}, after={"a": [["p", None, "q"], [], None], "t": ["p, q", "", None]}),
        Example({"column": "a", "missing": "?", "to": "t"}, before={"a": [[1.0, None, 2.5]]}, after={"a": [[1.0, None, 2.5]], "t": ["1,?,2.5"]}),
    )  # fmt: skip
    python: ClassVar = list_text
    pandas_helpers: ClassVar = helpers_of(list_text)

    sep: str = param("Between the elements", default=",")
    missing: str = param("Missing elements as", default="", help="Empty: left out.")

    def output(self, dtype):
        return "string"

    def constants(self, dtype):
        return {"sep": self.sep, "missing": self.missing}


@register
class FilterList(ListFunction):
    """Keep the elements of a list that pass a test; missing elements pass only "is not"."""

    name: ClassVar = "nested.filter_list"
    label: ClassVar = "Filter a list"
    covers: ClassVar = ("array_filter",)
    words: ClassVar = ("FILTER", "list comprehension", "array_filter")
    examples: ClassVar = (
        Example({"column": "a", "test": "is greater than", "value": "1"}, before={"a": [[1, 2, None, 3], None]}, after={"a": [[2, 3], None]}),
        Example({"column": "a", "test": "is less than", "value": "2.5"}, before={"a": [[1.0, 3.0]]}, after={"a": [[1.0]]}),
        Example({"column": "a", "test": "equals", "value": "p"}, before={"a": [["p", "q", None]]}, after={"a": [["p"]]}),
        Example({"column": "a", "test": "is not", "value": "p"}, before={"a": [["p", "q", None]]}, after={"a": [["q", None]]}),
        Example({"column": "a", "test": "contains", "value": "o"}, before={"a": [["one", "two", "six"]]}, after={"a": [["one", "two"]]}),
        Example({"column": "a", "test": "starts with", "value": "t"}, before={"a": [["one", "two"]]}, after={"a": [["two"]]}),
        Example({"column": "a", "test": "matches", "value": "^[0-9]+$"}, before={"a": [["12", "x"]]}, after={"a": [["12"]]}),
    )  # fmt: skip
    python: ClassVar = list_kept
    pandas_helpers: ClassVar = helpers_of(list_kept)

    test: Literal["equals", "is not", "is greater than", "is less than", "contains", "starts with", "matches"] = param("Keep elements where", default="equals")  # fmt: skip
    value: str = param("Value", default="")

    def check_list(self, dtype):
        if self.test in ("contains", "starts with", "matches") and not dtype.is_string():
            raise ParamError(f"{self.test!r} needs text, but the elements of {self.column!r} are {dtype}.")
        if self.test == "matches":
            try:
                re.compile(self.value)
            except re.error as error:
                raise ParamError(f"{self.value!r} is no pattern: {error}.") from error
        number_or_text(self.value, dtype, self.column)

    def constants(self, dtype):
        return {"test": self.test, "value": number_or_text(self.value, dtype, self.column)}


@register
class ChangeElements(ListFunction):
    """Change each element of a list: letters of texts, their length, or a sum or product with a number."""

    name: ClassVar = "nested.change_elements"
    label: ClassVar = "Change each element"
    covers: ClassVar = ("array_map",)
    words: ClassVar = ("forEach", "map", "TRANSFORM", "array_map")
    examples: ClassVar = tuple(
        Example({"column": "a", "change": change, "number": 2.0}, before={"a": [before, None]}, after={"a": [after, None]})
        for change, before, after in (("upper case", ["a", None], ["A", None]), ("lower case", ["Ä"], ["ä"]), ("trim", [" x "], ["x"]), ("length", ["abc"], [3]), ("add", [1, None], [3.0, None]), ("multiply", [1.5], [3.0]), ("absolute", [-1.5], [1.5]))
    )  # fmt: skip
    python: ClassVar = list_mapped
    pandas_helpers: ClassVar = helpers_of(list_mapped)

    change: Literal["lower case", "upper case", "trim", "length", "add", "multiply", "absolute"] = param("Change", default="lower case")  # fmt: skip
    number: float = param("Number", default=1.0, help="For add and multiply.")

    def check_list(self, dtype):
        fits = dtype.is_numeric() if self.change in ("add", "multiply", "absolute") else dtype.is_string()
        if not fits:
            raise ParamError(f"{self.change!r} does not fit the elements of {self.column!r} ({dtype}).")

    def output(self, dtype):
        return f"array<{'int64' if self.change == 'length' else 'string' if dtype.is_string() else 'float64'}>"

    def constants(self, dtype):
        return {"change": self.change, "value": self.number}


@register
class CombineLists(Transform):
    """Make one list of several: one after the other, what is in all, in any, or only in the first; or pair their elements.

    "in all of them", "in any" and "in the first only" give each element once. Pairs are JSON lists as text, up to the longest
    list. A missing list gives missing.
    """

    name: ClassVar = "nested.combine_lists"
    label: ClassVar = "Combine lists"
    covers: ClassVar = ("array_zip", "array_concat", "array_intersect")
    words: ClassVar = ("zip", "ARRAYCONCAT", "ARRAYINTERSECT", "array_union", "array_except")
    examples: ClassVar = tuple(
        Example({"columns": ["a", "b"], "how": how, "to": "c"}, before={"a": [["p", "q", "p"], None], "b": [["q", "r"], ["x"]]}, after={"a": [["p", "q", "p"], None], "b": [["q", "r"], ["x"]], "c": [after, None]})
        for how, after in (("one after the other", ["p", "q", "p", "q", "r"]), ("in all of them", ["q"]), ("in any", ["p", "q", "r"]), ("in the first only", ["p"]), ("pairs", ['["p","q"]', '["q","r"]', '["p",null]']))
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(lists_combined, list_pairs)

    columns: Columns = param("Lists", min_length=2)
    how: Literal["one after the other", "in all of them", "in any", "in the first only", "pairs"] = param("How", default="one after the other")  # fmt: skip
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        kinds = {inner(schema, c) for c in self.columns}
        if len(kinds) > 1 and self.how != "pairs":
            raise ParamError("the lists hold different types.", hint="Pairs work for different types.")
        new_name(self.to, schema)

    def _call(self, schema):
        kinds = tuple(f"array<{types.to_name(inner(schema, c))}>" for c in self.columns)
        if self.how == "pairs":
            return ForTypes(list_pairs, "array<string>", kinds), {}
        return ForTypes(lists_combined, kinds[0], kinds), {"how": self.how}

    def apply(self, table, state):
        function, constants = self._call(table.schema())
        return table.mutate(function(*[table[c] for c in self.columns], **constants).name(self.to))

    def pandas(self, df, state, schema):
        function, constants = self._call(schema)
        return [f"{df}[{self.to!r}] = {function.pandas(*[listed(df, c, schema) for c in self.columns], **constants)}"]


@register
class CountElements(OneList):
    """Count each frequent element of lists of texts in a column of its own: `<prefix><element>`.

    Learns the elements of the training rows, the most frequent first (ties in alphabetical order). Others are not counted; a
    missing list counts 0.
    """

    name: ClassVar = "nested.count_elements"
    label: ClassVar = "Count list elements in columns"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("array_count_columns",)
    words: ClassVar = ("multi label", "unfold array", "bag of words", "MultiLabelBinarizer")
    examples: ClassVar = (
        Example({"column": "a", "most": 2}, train={"a": [["x", "y"], ["y"], ["x", "z", None]]}, before={"a": [["y", "y", "w"], None]}, after={"a": [["y", "y", "w"], None], "a_x": [0, 0], "a_y": [2, 0]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(list_counts)

    most: int = param("At most so many elements", default=50, ge=1, le=1000)
    prefix: str | None = param("New columns start with", default=None, help="Default: the column's name and _.")

    def check_list(self, dtype):
        if not dtype.is_string():
            raise ParamError(f"the elements of {self.column!r} are no texts ({dtype}).")

    def open_prefixes(self):
        return (self._prefix(),)

    def _prefix(self):
        return f"{self.column}_" if self.prefix is None else self.prefix

    def fit(self, table):
        single = table.select(table[self.column].unnest().name("v"))
        found = single.filter(single.v.notnull()).group_by("v").aggregate(n=ibis._.count())
        best = rows(found.order_by([found.n.desc(), found.v.asc()]).limit(self.most))
        return {"terms": [r["v"] for r in best]}

    def apply(self, table, state):
        made = {new_name(self._prefix() + t, table.columns): t for t in state["terms"]}
        if not made:
            return table
        counts, = spare_names(table, 1)  # fmt: skip
        function = ForTypes(list_counts, "array<int64>", ("array<string>",))
        table = table.mutate(function(table[self.column], terms=state["terms"]).name(counts))
        return table.mutate([table[counts][i].fill_null(0).name(n) for i, n in enumerate(made)]).drop(counts)

    def pandas(self, df, state, schema):
        if not state["terms"]:
            return []
        function = ForTypes(list_counts, "array<int64>", ("array<string>",))
        return [f"counts = {function.pandas(listed(df, self.column, schema), terms=state['terms'])}"] + [
            f"{df}[{self._prefix() + t!r}] = element(counts, {i}, 'Int64').fillna(0)" for i, t in enumerate(state["terms"])
        ]  # fmt: skip


markup = row_function("array<string>", "string")(markup_values)


@register
class ReadMarkup(Transform):
    """Take values out of XML or HTML text by an XPath, such as `//item/price` or `//a/@href`.

    Result: the first match, all of them joined, or a list. Elements give their inner text. No match: missing (an empty list);
    text that is no XML gives missing. Needs lxml. Entities from outside are never loaded.
    """

    name: ClassVar = "nested.read_markup"
    label: ClassVar = "Values from XML or HTML"
    covers: ClassVar = ("parse_xml", "parse_html")
    words: ClassVar = ("parseXml", "parseHtml", "XPath", "select", "scrape")
    examples: ClassVar = (
        Example({"column": "x", "path": "//b", "to": "v"}, before={"x": ["<a><b>1</b><b>2</b></a>", "<a/>", "no", None]}, after={"x": ["<a><b>1</b><b>2</b></a>", "<a/>", "no", None], "v": ["1", None, None, None]}),
        Example({"column": "x", "path": "//a/@href", "kind": "HTML", "take": "list", "to": "v"}, before={"x": ["<p><a href='u'>t</a><a href='w'>"]}, after={"x": ["<p><a href='u'>t</a><a href='w'>"], "v": [["u", "w"]]}),
        Example({"column": "x", "path": "//b/text()", "take": "joined", "sep": "|", "to": "v"}, before={"x": ["<a><b>1</b><b>2</b></a>", "<a/>"]}, after={"x": ["<a><b>1</b><b>2</b></a>", "<a/>"], "v": ["1|2", None]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(markup_values, list_text)

    column: TextColumn = param("Column with XML or HTML")
    path: str = param("XPath", min_length=1)
    kind: Literal["XML", "HTML"] = param("The text is", default="XML")
    take: Literal["first", "joined", "list"] = param("Take", default="first")
    sep: str = param("Between joined values", default=", ")
    to: NewColumn = param("New column")

    @field_validator("path")
    @classmethod
    def _readable(cls, path):
        try:
            etree.XPath(path)
        except etree.XPathError as error:
            raise ValueError(f"{path!r} is no XPath ({error})") from error
        return path

    def check_columns(self, schema):
        super().check_columns(schema)
        new_name(self.to, schema)

    def _join(self):
        return ForTypes(list_text, "string", ("array<string>",)), {"sep": self.sep, "missing": ""}

    def apply(self, table, state):
        function, constants = self._join()
        table = table.mutate(markup(table[self.column], path=self.path, want=self.kind).name(self.to))
        found = table[self.to]
        if self.take == "first":
            return table.mutate(found[0].name(self.to))
        if self.take == "joined":
            return table.mutate((found.length() > 0).ifelse(function(found, **constants), ibis.null("string")).name(self.to))  # fmt: skip
        return table

    def pandas(self, df, state, schema):
        function, constants = self._join()
        lines = [f"found = {markup.pandas(f'{df}[{self.column!r}]', path=self.path, want=self.kind)}"]
        result = {
            "first": "element(found, 0, 'string')",
            "joined": f"{function.pandas('found', **constants)}.mask(found.map(lambda v: not v).astype(bool))",
            "list": "found",
        }
        return [*lines, f"{df}[{self.to!r}] = {result[self.take]}"]


number_range = row_function("array<int64>", "int64", "int64")(whole_range)


@register
class NumberRange(Transform):
    """Make a list of the whole numbers from one column to another, both included; at most 100,000 elements."""

    name: ClassVar = "nested.number_range"
    label: ClassVar = "List of numbers"
    covers: ClassVar = ("range_array",)
    words: ClassVar = ("range", "RANGE", "sequence", "generate_series")
    examples: ClassVar = (
        Example({"start": "a", "end": "b", "to": "r"}, before={"a": [1, 3, None], "b": [3, 1, 2]}, after={"a": [1, 3, None], "b": [3, 1, 2], "r": [[1, 2, 3], [], None]}),
        Example({"start": "a", "end": "b", "step": -2, "to": "r"}, before={"a": [5], "b": [1]}, after={"a": [5], "b": [1], "r": [[5, 3, 1]]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(whole_range)

    start: NumberColumn = param("From")
    end: NumberColumn = param("To")
    step: int = param("Step", default=1)
    to: NewColumn = param("New column")

    @field_validator("step")
    @classmethod
    def _moves(cls, step):
        if step == 0:
            raise ValueError("the step cannot be 0")
        return step

    def check_columns(self, schema):
        super().check_columns(schema)
        if not (schema[self.start].is_integer() and schema[self.end].is_integer()):
            raise ParamError("start and end must be whole numbers.", hint="Change their types first.")
        new_name(self.to, schema)

    def apply(self, table, state):
        return table.mutate(number_range(table[self.start], table[self.end], step=self.step).name(self.to))

    def pandas(self, df, state, schema):
        return [f"{df}[{self.to!r}] = {number_range.pandas(f'{df}[{self.start!r}]', f'{df}[{self.end!r}]', step=self.step)}"]  # fmt: skip
