"""Pieces of text: cut, replace, split into columns, lists and rows, find, take apart what has known parts, join."""

from __future__ import annotations

import json
import re
from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import TextCall, TextFunction, new_name, spare_names
from transforms.catalog.text import NewTextCall, NewTextColumn, safe_pattern
from transforms.errors import FitError, ParamError
from transforms.fields import Columns, NewColumn, OrderableColumn, TextColumn, param
from transforms.functions import RowFunction, row_function
from transforms.reading import rows
from transforms.recognise import (
    GROK,
    dates_in,
    parts_of_address,
    parts_of_email,
    parts_of_iban,
    parts_of_name,
    parts_of_path,
    parts_of_phone,
    parts_of_web_address,
    phones_in,
)
from transforms.transform import Example, Transform, register

PANDAS_KINDS = {"string": "string", "int64": "Int64", "float64": "Float64", "boolean": "boolean"}


class Parts(Transform):
    """Make several new columns from the array that one row function gives; the subclass names function and columns."""

    function: ClassVar[RowFunction]
    column: TextColumn = param("Column")

    def names(self) -> list[str]:
        """Return the names of the new columns, one per entry of the array."""
        raise NotImplementedError

    @property
    def pandas_helpers(self):
        return self.function.helpers

    def constants(self) -> dict:
        return {}

    def check_columns(self, schema):
        super().check_columns(schema)
        for name in self.names():
            new_name(name, schema)

    def apply(self, table, state):
        [spare] = spare_names(table, 1)
        found = table.mutate(self.function(table[self.column], **self.constants()).name(spare))
        return found.mutate([found[spare][i].name(n) for i, n in enumerate(self.names())]).drop(spare)

    def pandas(self, df, state, schema):
        kind = PANDAS_KINDS[str(self.function.output.value_type)]
        lines = [f"parts = {self.function.pandas(f'{df}[{self.column!r}]', **self.constants())}"]
        return lines + [
            f"{df}[{n!r}] = parts.map(lambda p: p[{i}], na_action='ignore').astype({kind!r})"
            for i, n in enumerate(self.names())
        ]


@row_function("array<string>", "string")
def cut_text(text, *, how, marks, numbers, parts):
    """Return the parts of a text, as many as asked for; those that are not there are None."""
    if how == "at any of the marks":
        found = re.split("|".join(re.escape(m) for m in sorted(marks, key=len, reverse=True)), text)
    elif how == "at positions":
        found = [text[a:b] if a < len(text) else None for a, b in zip([0, *numbers], [*numbers, None], strict=False)]
    elif how == "every so many characters":
        found = [text[i : i + numbers[0]] for i in range(0, len(text), numbers[0])]
    elif how == "after the first characters":
        found = [text[: numbers[0]], text[numbers[0] :]]
    elif how == "before the last characters":
        place = max(len(text) - numbers[0], 0)
        found = [text[:place], text[place:]]
    elif how == "around two marks":
        start = text.find(marks[0])
        end = text.find(marks[1], start + len(marks[0])) if start >= 0 else -1
        found = [text] if end < 0 else [text[:start], text[start + len(marks[0]) : end], text[end + len(marks[1]) :]]
    elif how == "where digits begin or end":
        found = re.findall(r"[0-9]+|[^0-9]+", text)
    else:  # where a capital follows a small letter
        places = [i for i in range(1, len(text)) if text[i].isupper() and text[i - 1].islower()]
        found = [text[a:b] for a, b in zip([0, *places], [*places, None], strict=False)]
    return [*found, *[None] * parts][:parts]


@register
class SplitColumns(Parts):
    """Split a text into several columns: at marks, at positions, or where the kind of character changes.

    Columns: adds `<column>_1` … `<column>_n`; parts that are not there are missing, further ones are left out.
    """

    name: ClassVar = "pieces.split_columns"
    label: ClassVar = "Split into columns, other ways"
    covers: ClassVar = (
        "split_by_multiple_delimiters",
        "split_by_positions",
        "split_by_intervals",
        "split_at_first_n",
        "split_between_delimiters",
        "split_by_character_class",
    )
    words: ClassVar = (
        "SPLIT_COLUMN_MULTIPLE_DELIMITER",
        "SPLIT_COLUMN_SINGLE_POSITION",
        "SPLIT_COLUMN_MULTIPLE_POSITION",
        "SPLIT_COLUMN_REPEATING_POSITION",
        "SPLIT_COLUMN_BETWEEN_DELIMITER",
        "split by number of characters",
        "field lengths",
    )
    function: ClassVar = cut_text
    examples: ClassVar = (
        Example({"column": "t", "marks": [",", ", ", ";"], "parts": 3}, before={"t": ["a, b;c", "a", None]}, after={"t": ["a, b;c", "a", None], "t_1": ["a", "a", None], "t_2": ["b", None, None], "t_3": ["c", None, None]}),
        Example({"column": "t", "how": "at positions", "numbers": [2, 3]}, before={"t": ["abcdef", "ab"]}, after={"t": ["abcdef", "ab"], "t_1": ["ab", "ab"], "t_2": ["c", None], "t_3": ["def", None]}),
        Example({"column": "t", "how": "every so many characters", "numbers": [2], "parts": 2}, before={"t": ["abcde", "a"]}, after={"t": ["abcde", "a"], "t_1": ["ab", "a"], "t_2": ["cd", None]}),
        Example({"column": "t", "how": "after the first characters", "numbers": [1]}, before={"t": ["abc", ""]}, after={"t": ["abc", ""], "t_1": ["a", ""], "t_2": ["bc", ""]}),
        Example({"column": "t", "how": "before the last characters", "numbers": [2]}, before={"t": ["abc", "a"]}, after={"t": ["abc", "a"], "t_1": ["a", ""], "t_2": ["bc", "a"]}),
        Example({"column": "t", "how": "around two marks", "marks": ["(", ")"]}, before={"t": ["a (b) c", "a (b"]}, after={"t": ["a (b) c", "a (b"], "t_1": ["a ", "a (b"], "t_2": ["b", None], "t_3": [" c", None]}),
        Example({"column": "t", "how": "where digits begin or end"}, before={"t": ["ab12c", "7"]}, after={"t": ["ab12c", "7"], "t_1": ["ab", "7"], "t_2": ["12", None]}),
        Example({"column": "t", "how": "where a capital follows a small letter"}, before={"t": ["orderDate"]}, after={"t": ["orderDate"], "t_1": ["order"], "t_2": ["Date"]}),
    )  # fmt: skip

    how: Literal[
        "at any of the marks",
        "at positions",
        "every so many characters",
        "after the first characters",
        "before the last characters",
        "around two marks",
        "where digits begin or end",
        "where a capital follows a small letter",
    ] = param("Split", default="at any of the marks")
    marks: tuple[str, ...] = param("Marks", default=(), help="Around two marks: give the left and the right one.")
    numbers: tuple[int, ...] = param(
        "Positions or count", default=(), help="How many characters stand before each cut."
    )
    parts: int = param("Number of columns", default=2, ge=1, le=100, help="Where the way to split does not say it.")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.how in ("at any of the marks", "around two marks"):
            if not self.marks or not all(self.marks) or (self.how == "around two marks" and len(self.marks) != 2):
                raise ParamError(
                    "give the two marks." if self.how == "around two marks" else "give the marks to split at."
                )
        elif "character" in self.how and (len(self.numbers) != 1 or self.numbers[0] < 1):
            raise ParamError("give one number of characters, 1 or more.")
        elif self.how == "at positions" and (
            not self.numbers or min(self.numbers) < 1 or sorted(set(self.numbers)) != list(self.numbers)
        ):
            raise ParamError("give the positions in rising order, from 1.")

    def names(self):
        fixed = {"at positions": len(self.numbers) + 1, "around two marks": 3}
        two = self.how in ("after the first characters", "before the last characters")
        return [f"{self.column}_{i}" for i in range(1, (2 if two else fixed.get(self.how, self.parts)) + 1)]

    def constants(self):
        return {"how": self.how, "marks": list(self.marks), "numbers": list(self.numbers), "parts": len(self.names())}


@register
class SplitSmart(Transform):
    """Split a text into columns at the mark that the training rows suggest.

    Tried are tab ; | , : / - _ and space: the one that cuts most of the first 1,000 known texts into the same number of
    parts wins. Mark and number are remembered. Columns: adds `<column>_1` … `<column>_n`; absent parts are missing.
    """

    name: ClassVar = "pieces.split_smart"
    label: ClassVar = "Split at a guessed mark"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("smart_split",)
    words: ClassVar = ("smartSplit", "text to columns", "guess delimiter")
    examples: ClassVar = (
        Example({"column": "t"}, before={"t": ["a;b c", "d;e", None]}, after={"t": ["a;b c", "d;e", None], "t_1": ["a", "d", None], "t_2": ["b c", "e", None]}),
    )  # fmt: skip
    MARKS: ClassVar = ("\t", ";", "|", ",", ":", "/", " - ", "-", "_", " ")

    column: TextColumn = param("Column")

    def open_prefixes(self):
        return (f"{self.column}_",)

    def fit(self, table):
        kept = table.filter(table[self.column].notnull()).select(table[self.column].name("t")).limit(1000)
        texts = [r["t"] for r in rows(kept)]
        best = (0.0, "", 0)
        for mark in self.MARKS:
            counts = [min(t.count(mark), 99) + 1 for t in texts if mark in t]
            usual = max(sorted(set(counts)), key=counts.count, default=0)
            best = max(best, (counts.count(usual) / max(len(texts), 1), mark, usual), key=lambda b: b[0])
        if not best[1]:
            raise FitError(f"no mark splits column {self.column!r}.", hint="Name the mark in another split step.")
        return {"mark": best[1], "parts": best[2]}

    def names(self, state):
        return [f"{self.column}_{i}" for i in range(1, state["parts"] + 1)]

    def apply(self, table, state):
        names = self.names(state)
        for name in names:
            new_name(name, table.columns)
        pieces = table[self.column].split(state["mark"])
        return table.mutate(
            [(pieces.length() > i).ifelse(pieces[i], ibis.null("string")).name(n) for i, n in enumerate(names)]
        )

    def pandas(self, df, state, schema):
        lines = [f"pieces = {df}[{self.column!r}].str.split({state['mark']!r}, regex=False)"]
        return lines + [f"{df}[{n!r}] = pieces.str[{i}].astype('string')" for i, n in enumerate(self.names(state))]


@row_function("array<string>", "string")
def list_of_parts(text, *, mark, most, trim, empty):
    """Return the parts of a text as a list."""
    found = text.split(mark, most - 1 if most else -1)
    found = [p.strip() for p in found] if trim else found
    return found if empty else [p for p in found if p]


@register
class SplitToList(NewTextCall):
    """Split a text at a delimiter into one list."""

    name: ClassVar = "pieces.split_to_list"
    label: ClassVar = "Split into a list"
    covers: ClassVar = ("split_to_array",)
    words: ClassVar = ("split string to array", "SPLIT", "toArray")
    function: ClassVar = list_of_parts
    examples: ClassVar = (
        Example({"column": "t", "to": "l", "delimiter": ","}, before={"t": ["a, b,,c", "", None]}, after={"t": ["a, b,,c", "", None], "l": [["a", "b", "c"], [], None]}, after_types={"l": "array<string>"}),
        Example({"column": "t", "to": "l", "delimiter": "-", "most": 2, "trim": False, "keep_empty": True}, before={"t": ["a- b-c", ""]}, after={"t": ["a- b-c", ""], "l": [["a", " b-c"], [""]]}),
    )  # fmt: skip

    delimiter: str = param("Delimiter", default=",", min_length=1)
    most: int = param("Parts at most", default=0, ge=0, le=10_000, help="The last one holds the rest; 0: all.")
    trim: bool = param("Trim the parts", default=True)
    keep_empty: bool = param("Keep empty parts", default=False)

    def constants(self):
        return {"mark": self.delimiter, "most": self.most, "trim": self.trim, "empty": self.keep_empty}


@row_function("array<string>", "string")
def text_chunks(text, *, size, overlap, marks):
    """Return pieces of at most `size` characters that end at a mark where one stands in their second half."""
    found, start = [], 0
    while start < len(text):
        end = min(start + size, len(text))
        if end < len(text):
            for mark in marks:
                place = text.rfind(mark, start + size // 2, end)
                if place >= 0 and place + len(mark) <= end:
                    end = place + len(mark)
                    break
        if piece := text[start:end].strip():
            found.append(piece)
        start = end if end == len(text) else max(end - overlap, start + 1)
    return found


@register
class SplitToChunks(Transform):
    """Split long texts into pieces of a size, one row each, as search and language models want them.

    A piece ends at the first kind of mark found in its second half (paragraph, line, sentence, word), else at the size.
    Rows without text stay, with a missing number. The other columns repeat.
    """

    name: ClassVar = "pieces.split_chunks"
    label: ClassVar = "Split into chunks"
    serving: ClassVar = "batch"
    covers: ClassVar = ("split_text_into_chunks",)
    words: ClassVar = ("chunking", "text splitter", "retrieval", "RAG")
    pandas_helpers: ClassVar = text_chunks.helpers
    examples: ClassVar = (
        Example({"column": "t", "size": 10, "number": "n"}, before={"id": [1, 2, 3], "t": ["One. Two three four", "abc", None]},
                after={"id": [1, 1, 2, 3], "t": ["One. Two", "three four", "abc", None], "n": [1, 2, 1, None]}),
        Example({"column": "t", "size": 4, "overlap": 1, "marks": []}, before={"t": ["abcdefg"]}, after={"t": ["abcd", "defg"], "chunk": [1, 2]}),
    )  # fmt: skip

    column: TextColumn = param("Column")
    size: int = param("Characters at most", default=1000, ge=1, le=1_000_000)
    overlap: int = param("Characters repeated from the piece before", default=0, ge=0)
    marks: tuple[str, ...] = param("End pieces at", default=("\n\n", "\n", ". ", " "), help="Best mark first.")
    number: NewColumn = param("New column for the piece's number", default="chunk")

    def check_columns(self, schema):
        super().check_columns(schema)
        new_name(self.number, schema)
        if self.overlap * 2 > self.size:
            raise ParamError("the overlap is more than half of the size.")

    def constants(self):
        return {"size": self.size, "overlap": self.overlap, "marks": [m for m in self.marks if m]}

    def apply(self, table, state):
        found = table.mutate(text_chunks(table[self.column], **self.constants()).name(self.column))
        found = found.unnest(self.column, offset=self.number, keep_empty=True)
        number = found[self.column].isnull().ifelse(ibis.null("int64"), found[self.number].cast("int64") + 1)
        return found.mutate(number.name(self.number)).select(*table.columns, self.number)

    def pandas(self, df, state, schema):
        c, n = repr(self.column), repr(self.number)
        return [
            f"{df}[{c}] = {text_chunks.pandas(f'{df}[{c}]', **self.constants())}",
            f"{df}[{n}] = {df}[{c}].map(lambda p: list(range(1, len(p) + 1)), na_action='ignore').astype(object)",
            f"{df} = {df}.explode([{c}, {n}], ignore_index=True).astype({{{c}: 'string', {n}: 'Int64'}})",
        ]


@register
class FillTemplate(Transform):
    """Write a text from columns after a template: {1} stands for the first chosen column, {2} for the second.

    Numbers are written as text. A missing value is left out, or makes the whole text missing.
    """

    name: ClassVar = "pieces.fill_template"
    label: ClassVar = "Text from a template"
    covers: ClassVar = ("concatenate_template",)
    words: ClassVar = ("format string", "templating", "f-string", "mail merge")
    examples: ClassVar = (
        Example({"columns": ["a", "b"], "template": "{1} ({2})", "to": "c"}, before={"a": ["x", None], "b": [1, 2]}, after={"a": ["x", None], "b": [1, 2], "c": ["x (1)", " (2)"]}),
        Example({"columns": ["a"], "template": "{1}{1}!", "missing": "makes all missing", "to": "c"}, before={"a": ["x", None]}, after={"a": ["x", None], "c": ["xx!", None]}),
    )  # fmt: skip

    columns: Columns = param("Columns")
    template: str = param("Template", min_length=1)
    missing: Literal["is left out", "makes all missing"] = param("A missing value", default="is left out")
    to: NewColumn = param("New column")

    def pieces(self) -> list[str | int]:
        """Return the template as texts and column numbers (from 0)."""
        return [int(p) - 1 if i % 2 else p for i, p in enumerate(re.split(r"\{([0-9]+)\}", self.template)) if p]

    def check_columns(self, schema):
        super().check_columns(schema)
        places = [p for p in self.pieces() if isinstance(p, int)]
        if not places or not all(0 <= p < len(self.columns) for p in places):
            raise ParamError(f"the template needs places from {{1}} to {{{len(self.columns)}}}, one per column.")
        for c in self.columns:
            if not (schema[c].is_string() or schema[c].is_integer() or schema[c].is_boolean()):
                raise ParamError(
                    f"column {c!r} ({schema[c]}) must be turned into text first.", hint='Use "Change type".'
                )

    def apply(self, table, state):
        total = ibis.literal("")
        for piece in self.pieces():
            value = table[self.columns[piece]].cast("string") if isinstance(piece, int) else ibis.literal(piece)
            total = total + (value.fill_null("") if self.missing == "is left out" else value)
        return table.mutate(total.name(self.to))

    def pandas(self, df, state, schema):
        lines = [f"text = pd.Series('', index={df}.index, dtype='string')"]
        for piece in self.pieces():
            if isinstance(piece, str):
                lines.append(f"text = text + {piece!r}")
                continue
            c = self.columns[piece]
            boolean = ".map({True: 'true', False: 'false'})" if schema[c].is_boolean() else ""
            fill = ".fillna('')" if self.missing == "is left out" else ""
            lines.append(f"text = text + {df}[{c!r}]{boolean}.astype('string'){fill}")
        return [*lines, f"{df}[{self.to!r}] = text"]


@register
class JoinRows(Transform):
    """Join the texts of each group's rows into one text, in the order of another column.

    Rows: one per group. Missing texts are left out; a group without any has a missing text.
    """

    name: ClassVar = "pieces.join_rows"
    label: ClassVar = "Join rows into one text"
    serving: ClassVar = "batch"
    covers: ClassVar = ("join_rows_to_text",)
    words: ClassVar = ("string_agg", "group_concat", "LISTAGG", "join multi-valued cells", "TEXTJOIN")
    examples: ClassVar = (
        Example({"groups": ["g"], "column": "t", "order": "n", "separator": "; "}, before={"g": ["a", "a", "b", "a", "c"], "t": ["y", "x", "z", None, None], "n": [2, 1, 3, 4, 5]},
                after={"g": ["a", "b", "c"], "t": ["x; y", "z", None]}),
    )  # fmt: skip

    groups: Columns = param("One row per")
    column: TextColumn = param("Texts")
    order: OrderableColumn = param("In the order of", help="Ties are ordered by the text.")
    separator: str = param("Separator", default=", ")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.column in self.groups:
            raise ParamError(f"column {self.column!r} cannot be group and text.")

    def apply(self, table, state):
        # Spark has no ordered lists: each text carries its place in front while the list is sorted
        [spare] = spare_names(table, 1)
        text = table[self.column]
        order = [table[self.order].asc(), text.asc()]
        place = ibis.row_number().over(group_by=[table[g] for g in self.groups], order_by=order)
        table = table.mutate((place.cast("string").lpad(12, "0") + text).name(spare))
        found = table.group_by(list(self.groups)).aggregate(table[spare].collect().name(self.column))
        listed = found[self.column].sort().map(lambda t: t.substr(12))
        joined = (listed.length() > 0).ifelse(listed.join(self.separator), ibis.null("string"))
        return found.mutate(joined.name(self.column)).select(*self.groups, self.column)

    def pandas(self, df, state, schema):
        order = list(dict.fromkeys([self.order, self.column]))
        return [
            f"groups = {df}.sort_values({order!r}).groupby({list(self.groups)!r}, dropna=False, sort=False)[{self.column!r}]",
            f"{df} = groups.agg(lambda t: {self.separator!r}.join(t.dropna()) if t.notna().any() else None).reset_index()",
            f"{df}[{self.column!r}] = {df}[{self.column!r}].astype('string')",
        ]


@row_function("array<string>", "string")
def matches_in(text, *, pattern, group):
    """Return all matches of a regular expression, or of one of its groups."""
    return [m.group(group) for m in re.finditer(pattern, text)]


@register
class FindAll(NewTextColumn):
    """Find every e-mail address, web address, phone number, tag, date, number or own pattern in a text.

    Gives a list, the first one, all in one text, or their number. Dates come as year-month-day, phone numbers as +4930….
    Patterns are Python's regular expressions. Source for phone numbers: Google libphonenumber (`phonenumbers`).
    """

    name: ClassVar = "pieces.find_all"
    label: ClassVar = "Find all in text"
    covers: ClassVar = (
        "find_all_matches",
        "extract_emails",
        "extract_urls",
        "extract_phone_numbers",
        "extract_hashtags_mentions",
        "extract_dates_from_text",
        "extract_list_from_text",
        "count_matches_between",
    )
    words: ClassVar = ("findall", "extract list", "EXTRACT_PATTERN", "count pattern", "hashtags", "mentions")
    examples: ClassVar = (
        Example({"column": "t", "to": "l", "what": "pattern", "pattern": "[a-z][0-9]"}, before={"t": ["a1 b2", "-", None]}, after={"t": ["a1 b2", "-", None], "l": [["a1", "b2"], [], None]}),
        Example({"column": "t", "to": "l", "what": "pattern", "pattern": "([a-z])=([0-9])", "group": 2, "give": "one text"}, before={"t": ["a=1;b=2", None]}, after={"t": ["a=1;b=2", None], "l": ["1, 2", None]}),
        Example({"column": "t", "to": "l"}, before={"t": ["to ann@x.org, bo.b@y.co.uk.", None]}, after={"t": ["to ann@x.org, bo.b@y.co.uk.", None], "l": [["ann@x.org", "bo.b@y.co.uk"], None]}),
        Example({"column": "t", "to": "l", "what": "web addresses", "give": "first"}, before={"t": ["see https://x.org/a?b=1. Or http://y.de", "-"]}, after={"t": ["see https://x.org/a?b=1. Or http://y.de", "-"], "l": ["https://x.org/a?b=1", None]}),
        Example({"column": "t", "to": "l", "what": "phone numbers", "country": "DE"}, before={"t": ["Tel. 030 901820 or +44 20 7946 0018"]}, after={"t": ["Tel. 030 901820 or +44 20 7946 0018"], "l": [["+4930901820", "+442079460018"]]}),
        Example({"column": "t", "to": "l", "what": "hashtags"}, before={"t": ["#a1 and #größe, no#t"]}, after={"t": ["#a1 and #größe, no#t"], "l": [["#a1", "#größe"]]}),
        Example({"column": "t", "to": "l", "what": "mentions", "give": "number"}, before={"t": ["@ann hi @bob x@y", None]}, after={"t": ["@ann hi @bob x@y", None], "l": [2, None]}),
        Example({"column": "t", "to": "l", "what": "dates"}, before={"t": ["2024-02-30, 1.2.2024, 3 March 2024 and May 5th, 2023; 02/03/2024"]}, after={"t": ["2024-02-30, 1.2.2024, 3 March 2024 and May 5th, 2023; 02/03/2024"], "l": [["2024-02-01", "2024-03-03", "2023-05-05", "2024-03-02"]]}),
        Example({"column": "t", "to": "l", "what": "numbers"}, before={"t": ["-1.5 of 20"]}, after={"t": ["-1.5 of 20"], "l": [["-1.5", "20"]]}),
        Example({"column": "t", "to": "n", "what": "between marks", "left": "[", "right": "]", "give": "number"}, before={"t": ["[a] b [c] [d"]}, after={"t": ["[a] b [c] [d"], "n": [2]}),
    )  # fmt: skip
    PATTERNS: ClassVar = {
        "e-mail addresses": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:[.][A-Za-z0-9-]+)*[.][A-Za-z]{2,}",
        "web addresses": r"(?:https?|ftp)://[^\s<>\"']*[^\s<>\"'.,;:!?)\]}]",
        "hashtags": r"(?<!\w)#\w+",
        "mentions": r"(?<!\w)@\w+",
        "numbers": r"(?<![\w.])[+-]?[0-9]+(?:[.][0-9]+)?",
    }

    what: Literal[
        "e-mail addresses",
        "web addresses",
        "phone numbers",
        "hashtags",
        "mentions",
        "dates",
        "numbers",
        "pattern",
        "between marks",
    ] = param("Find", default="e-mail addresses")
    give: Literal["list", "first", "one text", "number"] = param("Give", default="list")
    pattern: str = param("Regular expression", default="")
    group: int = param("Group", default=0, ge=0, le=20, help="0 is the whole match, 1 the first bracket.")
    left: str = param("After", default="", help="For between marks.")
    right: str = param("Before", default="", help="For between marks.")
    country: str = param("Country", default="US", max_length=2, help="Of phone numbers without +, such as DE.")
    day_first: bool = param("02/03/2024 is 2 March", default=True)
    separator: str = param("Separator", default=", ", help="For one text.")

    @property
    def function(self):
        return {"dates": dates_in, "phone numbers": phones_in}.get(self.what, matches_in)

    @property
    def pandas_helpers(self):
        return self.function.helpers

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.what == "pattern":
            if not self.pattern:
                raise ParamError("give the regular expression to find.")
            if self.group > re.compile(safe_pattern(self.pattern)).groups:
                raise ParamError(f"{self.pattern!r} has no group {self.group}.")
        if self.what == "between marks" and not (self.left and self.right):
            raise ParamError("give both marks.")

    def constants(self):
        if self.what == "dates":
            return {"day_first": self.day_first}
        if self.what == "phone numbers":
            return {"country": self.country.upper()}
        between = re.escape(self.left) + "(.*?)" + re.escape(self.right)
        own = {"pattern": (self.pattern, self.group), "between marks": (f"(?s:{between})", 1)}
        pattern, group = own.get(self.what) or (self.PATTERNS[self.what], 0)
        return {"pattern": pattern, "group": group}

    def apply(self, table, state):
        found = table.mutate(self.function(table[self.column], **self.constants()).name(self.to))
        listed = found[self.to]
        given = {
            "list": listed,
            "first": (listed.length() > 0).ifelse(listed[0], ibis.null("string")),
            "one text": (listed.length() > 0).ifelse(listed.join(self.separator), ibis.literal("")),
            "number": listed.length().cast("int64"),
        }[self.give]
        if self.give == "list":
            return found
        # Spark says -1 for the length of a missing list
        return found.mutate(listed.isnull().ifelse(ibis.null(given.type()), given).name(self.to))

    def pandas(self, df, state, schema):
        found = self.function.pandas(f"{df}[{self.column!r}]", **self.constants())
        given = {
            "list": "",
            "first": ".map(lambda f: f[0] if f else None, na_action='ignore').astype('string')",
            "one text": f".map(lambda f: {self.separator!r}.join(f), na_action='ignore').astype('string')",
            "number": ".map(len, na_action='ignore').astype('Int64')",
        }[self.give]
        return [f"{df}[{self.to!r}] = {found}{given}"]


@register
class SplitKnownKind(Parts):
    """Take apart what has known parts: e-mail and web addresses, phone numbers, names, file paths, addresses, IBANs.

    Columns: adds `<column>_<part>`. A text that is not of the kind gives missing parts. Names and postal addresses are
    taken apart by rules for European and American forms: check the outcome. Source for phone numbers: libphonenumber.
    """

    name: ClassVar = "pieces.split_known_kind"
    label: ClassVar = "Take apart e-mail, URL, phone, name …"
    covers: ClassVar = (
        "extract_semantic_details",
        "split_url",
        "split_email",
        "split_name",
        "file_path_parts",
        "split_address",
    )
    words: ClassVar = ("area code", "first name", "last name", "domain", "parse url", "basename", "EXTRACT_SEMANTIC")
    examples: ClassVar = (
        Example({"column": "t", "kind": "e-mail address"}, before={"t": ["Ann.B@X.co.uk", "x@y", None]}, after={"t": ["Ann.B@X.co.uk", "x@y", None], "t_local": ["Ann.B", None, None], "t_domain": ["x.co.uk", None, None], "t_top_level": ["uk", None, None]}),
        Example({"column": "t", "kind": "web address"}, before={"t": ["https://x.org:8080/a/b?c=1#d", "x.org"]}, after={"t": ["https://x.org:8080/a/b?c=1#d", "x.org"], "t_scheme": ["https", None], "t_host": ["x.org", None], "t_port": ["8080", None], "t_path": ["/a/b", None], "t_query": ["c=1", None], "t_anchor": ["d", None]}),
        Example({"column": "t", "kind": "phone number", "country": "DE"}, before={"t": ["030 901820", "?"]}, after={"t": ["030 901820", "?"], "t_international": ["+4930901820", None], "t_calling_code": ["49", None], "t_national": ["30901820", None], "t_country": ["DE", None], "t_type": ["fixed line", None]}),
        Example({"column": "t", "kind": "person name"}, before={"t": ["Dr. Anna Maria von der Heide", "Smith, John", "Bo Li Jr.", "Cher"]}, after={"t": ["Dr. Anna Maria von der Heide", "Smith, John", "Bo Li Jr.", "Cher"], "t_title": ["Dr.", None, None, None], "t_given": ["Anna", "John", "Bo", "Cher"], "t_middle": ["Maria", None, None, None], "t_family": ["von der Heide", "Smith", "Li", None], "t_suffix": [None, None, "Jr.", None]}),
        Example({"column": "t", "kind": "file path"}, before={"t": ["/a/b/c.tar.gz", "C:\\x\\y.txt", "z"]}, after={"t": ["/a/b/c.tar.gz", "C:\\x\\y.txt", "z"], "t_folder": ["/a/b", "C:\\x", None], "t_name": ["c.tar", "y", "z"], "t_extension": ["gz", "txt", None]}),
        Example({"column": "t", "kind": "postal address"}, before={"t": ["Hauptstr. 12a, 10115 Berlin", "5 High Street, London"]}, after={"t": ["Hauptstr. 12a, 10115 Berlin", "5 High Street, London"], "t_street": ["Hauptstr", "High Street"], "t_number": ["12a", "5"], "t_postcode": ["10115", None], "t_city": ["Berlin", "London"]}),
        Example({"column": "t", "kind": "IBAN"}, before={"t": ["DE89 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"]}, after={"t": ["DE89 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"], "t_country": ["DE", None], "t_check": ["89", None], "t_account": ["370400440532013000", None]}),
    )  # fmt: skip
    KINDS: ClassVar = {
        "e-mail address": (parts_of_email, ("local", "domain", "top_level")),
        "web address": (parts_of_web_address, ("scheme", "host", "port", "path", "query", "anchor")),
        "phone number": (parts_of_phone, ("international", "calling_code", "national", "country", "type")),
        "person name": (parts_of_name, ("title", "given", "middle", "family", "suffix")),
        "file path": (parts_of_path, ("folder", "name", "extension")),
        "postal address": (parts_of_address, ("street", "number", "postcode", "city")),
        "IBAN": (parts_of_iban, ("country", "check", "account")),
    }

    kind: Literal[
        "e-mail address", "web address", "phone number", "person name", "file path", "postal address", "IBAN"
    ] = param("Kind", default="e-mail address")
    country: str = param("Country", default="US", max_length=2, help="Of phone numbers without +, such as DE.")

    @property
    def function(self):
        return self.KINDS[self.kind][0]

    def names(self):
        return [f"{self.column}_{part}" for part in self.KINDS[self.kind][1]]

    def constants(self):
        return {"country": self.country.upper()} if self.kind == "phone number" else {}


@row_function("array<string>", "string")
def named_groups(text, *, pattern, count):
    """Return the groups of the first match, in order."""
    match = re.search(pattern, text)
    return list(match.groups()) if match else [None] * count


@register
class ExtractGrok(Parts):
    """Take fields out of log lines by named patterns, such as `%{IP:client} %{WORD:method}`.

    Columns: adds one text column per name; all are missing where the pattern does not occur. Between the names stands a
    regular expression. Known: WORD, NUMBER, INT, IP, DATA, GREEDYDATA, NOTSPACE, QUOTEDSTRING, HTTPDATE, LOGLEVEL …
    Source of the names: Logstash grok patterns (simplified).
    """

    name: ClassVar = "pieces.extract_grok"
    label: ClassVar = "Fields of log lines (grok)"
    covers: ClassVar = ("extract_grok",)
    words: ClassVar = ("logstash", "parse log", "named groups")
    function: ClassVar = named_groups
    examples: ClassVar = (
        Example({"column": "t", "pattern": r"%{IP:client} %{WORD:method} %{NUMBER:s}ms"}, before={"t": ["10.0.0.1 GET 1.5ms", "?", None]}, after={"t": ["10.0.0.1 GET 1.5ms", "?", None], "client": ["10.0.0.1", None, None], "method": ["GET", None, None], "s": ["1.5", None, None]}),
    )  # fmt: skip

    pattern: str = param("Grok pattern", min_length=1)

    def compiled(self) -> tuple[str, list[str]]:
        """Return the pattern with one group per name, and the names."""
        names = []

        def one(match):
            kind, _, name = match.group(1).partition(":")
            if kind not in GROK:
                raise ParamError(f"there is no grok pattern {kind!r} (known: {', '.join(sorted(GROK))}).")
            if name:
                names.append(name)
            return f"({'' if name else '?:'}{GROK[kind]})"

        pattern = re.sub(r"%\{([^}]*)\}", one, self.pattern)
        if re.compile(safe_pattern(pattern)).groups != len(names):
            raise ParamError("write brackets of your own as (?: … ); only %{NAME:field} makes a column.")
        if not names or len(set(names)) < len(names):
            raise ParamError("name each field once, such as %{WORD:method}.")
        return pattern, names

    def names(self):
        return self.compiled()[1]

    def constants(self):
        pattern, names = self.compiled()
        return {"pattern": pattern, "count": len(names)}


def pairs_in(text, pair_mark, value_mark):
    """Return {key: value}; a key that comes twice has its last value."""
    found = {}
    for pair in text.split(pair_mark):
        key, mark, value = pair.partition(value_mark)
        if mark and key.strip():
            found[key.strip()] = value.strip().strip('"')
    return found


@row_function("string", "string")
def pairs_as_json(text, *, pair_mark, value_mark):
    return json.dumps(pairs_in(text, pair_mark, value_mark), ensure_ascii=False)


@row_function("array<string>", "string")
def values_of_keys(text, *, pair_mark, value_mark, keys):
    found = pairs_in(text, pair_mark, value_mark)
    return [found.get(key) for key in keys]


@register
class ExtractPairs(Parts):
    """Take the values out of text such as `a=1; b=2`: into one column per key, or all into one JSON text.

    Columns: adds `<column>_<key>` for each key, or `<column>_pairs` when no key is named. White space around and double
    quotes about the values go. A key that is not there gives missing.
    """

    name: ClassVar = "pieces.extract_pairs"
    label: ClassVar = "Values of key=value pairs"
    covers: ClassVar = ("extract_key_value_pairs",)
    words: ClassVar = ("extractkv", "key value to object", "parse parameters")
    examples: ClassVar = (
        Example({"column": "t", "keys": ["a", "b"]}, before={"t": ['a=1; b = "x y"', "b=2", None]}, after={"t": ['a=1; b = "x y"', "b=2", None], "t_a": ["1", None, None], "t_b": ["x y", "2", None]}),
        Example({"column": "t", "pair_mark": "&", "value_mark": ":"}, before={"t": ["a:1&b:ü", ""]}, after={"t": ["a:1&b:ü", ""], "t_pairs": ['{"a": "1", "b": "ü"}', "{}"]}),
    )  # fmt: skip

    pair_mark: str = param("Between pairs", default=";", min_length=1)
    value_mark: str = param("Between key and value", default="=", min_length=1)
    keys: tuple[str, ...] = param("Keys", default=(), help="Empty: all, as JSON text.")

    @property
    def function(self):
        return values_of_keys if self.keys else pairs_as_json

    def names(self):
        return [f"{self.column}_{key}" for key in self.keys or ("pairs",)]

    def constants(self):
        marks = {"pair_mark": self.pair_mark, "value_mark": self.value_mark}
        return marks | {"keys": list(self.keys)} if self.keys else marks

    def apply(self, table, state):
        if self.keys:
            return super().apply(table, state)
        return table.mutate(pairs_as_json(table[self.column], **self.constants()).name(self.names()[0]))

    def pandas(self, df, state, schema):
        if self.keys:
            return super().pandas(df, state, schema)
        return [f"{df}[{self.names()[0]!r}] = {pairs_as_json.pandas(f'{df}[{self.column!r}]', **self.constants())}"]


@register
class RemoveEnds(TextFunction):
    """Cut a number of characters off the start and the end; a shorter text becomes empty."""

    name: ClassVar = "pieces.remove_ends"
    label: ClassVar = "Cut off the ends"
    covers: ClassVar = ("remove_characters_custom",)
    words: ClassVar = ("drop first characters", "chop", "REMOVE_FIRST", "trim characters")
    examples: ClassVar = (
        Example({"columns": ["t"], "first": 2, "last": 1}, before={"t": ["abcde", "abc", "a", None]}, after={"t": ["cd", "", "", None]}),
    )  # fmt: skip

    first: int = param("Characters from the start", default=0, ge=0, le=100_000)
    last: int = param("Characters from the end", default=0, ge=0, le=100_000)

    def value(self, column):
        left = column.length() - (self.first + self.last)
        return (left <= 0).ifelse(column.substr(0, 0), column.substr(self.first, left))

    def pandas_value(self, column, dtype):
        end = f"-{self.last}" if self.last else ""
        return f"{column}.str[{self.first}:{end}]"


@register
class ReplaceCharacters(TextFunction):
    """Replace characters one by one: the first listed by the first given, the second by the second."""

    name: ClassVar = "pieces.replace_characters"
    label: ClassVar = "Replace characters one by one"
    covers: ClassVar = ("replace_characters",)
    words: ClassVar = ("translate", "replaceChars")
    examples: ClassVar = (
        Example({"columns": ["t"], "old": "ab", "new": "xy"}, before={"t": ["abca", None]}, after={"t": ["xycx", None]}),
    )  # fmt: skip

    old: str = param("Characters", min_length=1)
    new: str = param("Replace with", min_length=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        if len(self.old) != len(self.new) or len(set(self.old)) < len(self.old):
            raise ParamError("give as many new characters as old ones, and each old one once.")

    def value(self, column):
        return column.translate(self.old, self.new)

    def pandas_value(self, column, dtype):
        return f"{column}.str.translate(str.maketrans({self.old!r}, {self.new!r}))"


@row_function("string", "string")
def replaced_between(text, *, left, right, new, every):
    """Return text with what stands between two marks replaced; the marks stay."""
    done, rest = "", text
    while True:
        start = rest.find(left)
        end = rest.find(right, start + len(left)) if start >= 0 else -1
        if end < 0:
            return done + rest
        done += rest[: start + len(left)] + new + right
        rest = rest[end + len(right) :]
        if not every:
            return done + rest


@register
class ReplaceBetween(TextCall):
    """Replace the text between two marks; the marks stay. Text without both marks stays as it is."""

    name: ClassVar = "pieces.replace_between"
    label: ClassVar = "Replace between marks"
    covers: ClassVar = ("replace_between_delimiters",)
    words: ClassVar = ("REPLACE_BETWEEN_DELIMITERS",)
    function: ClassVar = replaced_between
    examples: ClassVar = (
        Example({"columns": ["t"], "left": "(", "right": ")", "new": "x"}, before={"t": ["a (b) (c)", "(b", None]}, after={"t": ["a (x) (x)", "(b", None]}),
        Example({"columns": ["t"], "left": "<", "right": ">", "every": False}, before={"t": ["<a><b>"]}, after={"t": ["<><b>"]}),
    )  # fmt: skip

    left: str = param("After", min_length=1)
    right: str = param("Before", min_length=1)
    new: str = param("Replace with", default="")
    every: bool = param("Every time", default=True)

    def constants(self):
        return {"left": self.left, "right": self.right, "new": self.new, "every": self.every}


@register
class ReplaceBetweenPositions(TextFunction):
    """Replace the characters from one position to another (both included, from 1). A text that ends before stays."""

    name: ClassVar = "pieces.replace_positions"
    label: ClassVar = "Replace between positions"
    covers: ClassVar = ("replace_between_positions",)
    words: ClassVar = ("REPLACE_BETWEEN_POSITIONS", "REPLACE", "overwrite")
    examples: ClassVar = (
        Example({"columns": ["t"], "start": 2, "end": 3, "new": "-"}, before={"t": ["abcd", "ab", "a", None]}, after={"t": ["a-d", "a-", "a", None]}),
    )  # fmt: skip

    start: int = param("From position", ge=1, le=100_000)
    end: int = param("To position", ge=1, le=100_000)
    new: str = param("Replace with", default="")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.end < self.start:
            raise ParamError("the last position comes before the first.")

    def value(self, column):
        replaced = column.substr(0, self.start - 1) + ibis.literal(self.new) + column.substr(self.end)
        return (column.length() < self.start).ifelse(column, replaced)

    def pandas_value(self, column, dtype):
        replaced = f"{column}.str[:{self.start - 1}] + {self.new!r} + {column}.str[{self.end}:]"
        return f"{column}.where(({column}.str.len() < {self.start}).fillna(True), {replaced})"


@register
class BlankByPattern(TextFunction):
    """Make text missing that does not fit a regular expression (or that does)."""

    name: ClassVar = "pieces.blank_by_pattern"
    label: ClassVar = "Missing unless it fits a pattern"
    covers: ClassVar = ("regex_to_missing",)
    words: ClassVar = ("convert regex to missing", "regex", "invalid to null")
    examples: ClassVar = (
        Example({"columns": ["t"], "pattern": "^[0-9]+$"}, before={"t": ["12", "x", None]}, after={"t": ["12", None, None]}),
        Example({"columns": ["t"], "pattern": "[?]", "blank": "what fits"}, before={"t": ["a?", "x"]}, after={"t": [None, "x"]}),
    )  # fmt: skip

    pattern: str = param("Regular expression", min_length=1)
    blank: Literal["what does not fit", "what fits"] = param("Make missing", default="what does not fit")

    def check_columns(self, schema):
        super().check_columns(schema)
        safe_pattern(self.pattern)

    def value(self, column):
        fits = column.re_search(self.pattern)
        return (fits if self.blank == "what does not fit" else ~fits).ifelse(column, ibis.null("string"))

    def pandas_value(self, column, dtype):
        kept = f"(re.search({self.pattern!r}, t) is not None) is {self.blank == 'what does not fit'!r}"
        return f"{column}.map(lambda t: t if {kept} else None, na_action='ignore').astype('string')"


@register
class Quote(TextFunction):
    """Put text in quotation marks, or take the marks away that stand at both ends. Marks inside stay as they are."""

    name: ClassVar = "pieces.quote"
    label: ClassVar = "Add or remove quotes"
    covers: ClassVar = ("add_quotes", "trim_quotes")
    words: ClassVar = ("ADD_DOUBLE_QUOTES", "ADD_SINGLE_QUOTES", "REMOVE_QUOTES", "unquote")
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["a", "", None]}, after={"t": ['"a"', '""', None]}),
        Example({"columns": ["t"], "mark": "'"}, before={"t": ["it's"]}, after={"t": ["'it's'"]}),
        Example({"columns": ["t"], "action": "remove"}, before={"t": ['"a"', '"a', '"', None]}, after={"t": ["a", '"a', '"', None]}),
    )  # fmt: skip

    action: Literal["add", "remove"] = param("Action", default="add")
    mark: Literal['"', "'", "`"] = param("Mark", default='"')

    def value(self, column):
        if self.action == "add":
            return ibis.literal(self.mark) + column + ibis.literal(self.mark)
        quoted = column.startswith(self.mark) & column.endswith(self.mark) & (column.length() >= 2)
        return quoted.ifelse(column.substr(1, column.length() - 2), column)

    def pandas_value(self, column, dtype):
        m = self.mark
        if self.action == "add":
            return f"{m!r} + {column} + {m!r}"
        quoted = f"{column}.str.startswith({m!r}) & {column}.str.endswith({m!r}) & ({column}.str.len() >= 2)"
        return f"{column}.mask(({quoted}).fillna(False), {column}.str[1:-1])"
