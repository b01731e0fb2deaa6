"""Text: case, trimming, search and replace, parts, tests. Positions count characters from 1. Missing text stays missing."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import TextFunction, new_name
from transforms.errors import ParamError
from transforms.fields import Columns, NewColumn, NumberColumn, TextColumn, param
from transforms.functions import RowFunction, row_function
from transforms.schema import known
from transforms.transform import Example, Transform, register

SPACE = r"[ \t\r\n\f\v]"


def escape(text: str) -> str:
    """Return text as a regular expression that finds just it, in the spelling common to RE2, Java and Python."""
    return re.sub(r"([\\.^$*+?()\[\]{}|/-])", r"\\\1", text)


def safe_pattern(pattern: str) -> str:
    """Return the pattern if Python can read it; raise ParamError with the place of the mistake."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ParamError(f"{pattern!r} is not a regular expression: {error}.") from error
    return pattern


@row_function("string", "string")
def other_case(text, *, case):
    """Return text with upper and lower case exchanged, or its words as snake_case."""
    if case == "swap":
        return text.swapcase()
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text)
    return re.sub(r"[\W_]+", "_", text).strip("_").lower()


@register
class ChangeCase(TextFunction):
    """Change text to lower case, UPPER CASE, Sentence case, Title Case, snake_case, or swap the cases."""

    name: ClassVar = "text.change_case"
    label: ClassVar = "Change case"
    covers: ClassVar = ("to_lower", "to_upper", "to_sentence_case", "to_title_case", "swap_case", "to_snake_case")
    words: ClassVar = (
        "swapcase",
        "SWAP_CASE",
        "toTitlecase",
        "underscore",
        "lowercase",
        "uppercase",
        "capitalize",
        "title",
        "proper",
        "PROPER",
        "LOWER_CASE",
    )
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["Ab C", None]}, after={"t": ["ab c", None]}),
        Example({"columns": ["t"], "case": "upper"}, before={"t": ["Ab ü"]}, after={"t": ["AB Ü"]}),
        Example({"columns": ["t"], "case": "sentence"}, before={"t": ["hELLO World", ""]}, after={"t": ["Hello world", ""]}),
        Example({"columns": ["t"], "case": "title"}, before={"t": ["hELLO  big-World", " a"]}, after={"t": ["Hello  Big-world", " A"]}),
        Example({"columns": ["t"], "case": "swap"}, before={"t": ["Ab C", None]}, after={"t": ["aB c", None]}),
        Example({"columns": ["t"], "case": "snake_case"}, before={"t": ["orderDate", "HTTPServer no. 2", " A-b "]}, after={"t": ["order_date", "http_server_no_2", "a_b"]}),
    )  # fmt: skip

    differences: ClassVar = {"spark_edges": "never: ß becomes SS in Java and ẞ in DuckDB; other letters agree."}

    case: Literal["lower", "upper", "sentence", "title", "swap", "snake_case"] = param(
        "Case", default="lower", help="Title: every word after a space starts with a capital."
    )

    @property
    def pandas_helpers(self):
        return other_case.helpers if self.case in ("swap", "snake_case") else ()

    def value(self, column):
        if self.case in ("swap", "snake_case"):
            return other_case(column, case=self.case)
        if self.case in ("lower", "upper"):
            return getattr(column, self.case)()
        if self.case == "sentence":
            return column.substr(0, 1).upper() + column.substr(1).lower()
        return column.split(" ").map(lambda w: w.substr(0, 1).upper() + w.substr(1).lower()).join(" ")

    def pandas_value(self, column, dtype):
        if self.case in ("swap", "snake_case"):
            return other_case.pandas(column, case=self.case)
        if self.case == "title":
            return f"{column}.map(lambda t: ' '.join(w[:1].upper() + w[1:].lower() for w in t.split(' ')), na_action='ignore').astype('string')"
        how = {
            "lower": "{c}.str.lower()",
            "upper": "{c}.str.upper()",
            "sentence": "{c}.str[:1].str.upper() + {c}.str[1:].str.lower()",
        }
        return how[self.case].format(c=column)


@register
class Trim(TextFunction):
    """Remove white space at the start, the end or both; or collapse runs of white space inside too."""

    name: ClassVar = "text.trim"
    label: ClassVar = "Trim white space"
    covers: ClassVar = ("trim", "collapse_whitespace")
    words: ClassVar = ("strip", "whitespace", "TRIM", "spaces")
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": [" a b ", "\tx\n", None]}, after={"t": ["a b", "x", None]}),
        Example({"columns": ["t"], "where": "start"}, before={"t": [" a "]}, after={"t": ["a "]}),
        Example({"columns": ["t"], "where": "end"}, before={"t": [" a "]}, after={"t": [" a"]}),
        Example({"columns": ["t"], "where": "everywhere"}, before={"t": ["  a   b "]}, after={"t": ["a b"]}),
    )

    where: Literal["both ends", "start", "end", "everywhere"] = param(
        "Where", default="both ends", help="Everywhere: ends, and runs of white space become one space."
    )

    def patterns(self):
        start, end = (f"^{SPACE}+", ""), (f"{SPACE}+$", "")
        return {
            "both ends": [start, end],
            "start": [start],
            "end": [end],
            "everywhere": [start, end, (f"{SPACE}+", " ")],
        }[self.where]

    def value(self, column):
        for pattern, replacement in self.patterns():
            column = column.re_replace(pattern, replacement)
        return column

    def pandas_value(self, column, dtype):
        for pattern, replacement in self.patterns():
            # Python's $ also matches before a last line break; \Z does not
            column = f"{column}.str.replace({pattern.replace('$', chr(92) + 'Z')!r}, {replacement!r}, regex=True)"
        return column


@register
class FindReplace(TextFunction):
    """Replace text wherever it occurs: as it is written, or as a regular expression."""

    name: ClassVar = "text.find_replace"
    label: ClassVar = "Find and replace"
    covers: ClassVar = ("find_and_replace", "replace_regex")
    words: ClassVar = ("substitute", "REPLACE_TEXT", "regex replace")
    examples: ClassVar = (
        Example(
            {"columns": ["t"], "find": "a.", "replace": "x"},
            before={"t": ["a.b", "ab", None]},
            after={"t": ["xb", "ab", None]},
        ),
        Example(
            {"columns": ["t"], "find": "[0-9]+", "replace": "#", "regex": True},
            before={"t": ["a12b3"]},
            after={"t": ["a#b#"]},
        ),
    )

    find: str = param("Find", min_length=1)
    replace: str = param("Replace with", default="")
    regex: bool = param("Regular expression", default=False)

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.regex:
            safe_pattern(self.find)
            if re.search(r"[\\$]", self.replace):
                raise ParamError(
                    "the replacement is taken as it is written; '\\' and '$' have no meaning in it here.",
                    hint="Extract the parts first.",
                )

    def value(self, column):
        return column.re_replace(self.find, self.replace) if self.regex else column.replace(self.find, self.replace)

    def pandas_value(self, column, dtype):
        return f"{column}.str.replace({self.find!r}, {self.replace!r}, regex={self.regex!r})"


EMOJI = "\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\ufe0f\u200d\u20e3\U000e0020-\U000e007f"


@register
class RemoveCharacters(TextFunction):
    """Remove kinds of characters (symbols, digits, letters, emoji, listed ones …), or keep only them.

    Letters, punctuation and invisible characters are those of Unicode; symbols, digits and white space those of ASCII.
    """

    name: ClassVar = "text.remove_characters"
    label: ClassVar = "Remove symbols, digits …"
    covers: ClassVar = (
        "remove_symbols",
        "remove_digits",
        "remove_whitespace",
        "remove_letters",
        "remove_punctuation",
        "remove_non_printable",
        "remove_emoji",
        "remove_characters_custom",
        "keep_only_characters",
    )
    words: ClassVar = (
        "REMOVE_COMBINED",
        "special characters",
        "punctuation",
        "REMOVE_CUSTOM",
        "emoji",
        "clean",
        "CLEAN",
    )
    examples: ClassVar = (
        Example({"columns": ["t"], "kind": "symbols"}, before={"t": ["a-b c!1", "ü_x"]}, after={"t": ["ab c1", "üx"]}),
        Example({"columns": ["t"], "kind": "digits"}, before={"t": ["a1b22"]}, after={"t": ["ab"]}),
        Example({"columns": ["t"], "kind": "white space"}, before={"t": [" a b\t"]}, after={"t": ["ab"]}),
        Example({"columns": ["t"], "kind": "not ASCII"}, before={"t": ["naïve ☂"]}, after={"t": ["nave "]}),
        Example({"columns": ["t"], "kind": "letters"}, before={"t": ["aü1-名", None]}, after={"t": ["1-", None]}),
        Example({"columns": ["t"], "kind": "punctuation"}, before={"t": ["a,b. „c“ +1"]}, after={"t": ["ab c +1"]}),
        Example({"columns": ["t"], "kind": "invisible characters"}, before={"t": ["a\u200bb\x07\n"]}, after={"t": ["ab"]}),
        Example({"columns": ["t"], "kind": "emoji"}, before={"t": ["ok 👍🏽 ❤️!"]}, after={"t": ["ok  !"]}),
        Example({"columns": ["t"], "kind": "listed characters", "characters": "^]-"}, before={"t": ["a^b]c-d"]}, after={"t": ["abcd"]}),
        Example({"columns": ["t"], "kind": "digits", "keep": True}, before={"t": ["tel. 12-3", None]}, after={"t": ["123", None]}),
    )  # fmt: skip
    RANGES: ClassVar = {
        "symbols": r"!-/:-@\[-`{-~",
        "digits": "0-9",
        "white space": r" \t\r\n\f\v",
        "not ASCII": r"\x{80}-\x{10FFFF}",
        "letters": r"\p{L}",
        "punctuation": r"\p{P}",
        "invisible characters": r"\p{Cc}\p{Cf}\p{Co}",
        "emoji": EMOJI,
    }
    CATEGORIES: ClassVar = {"letters": "L", "punctuation": "P", "invisible characters": ("Cc", "Cf", "Co")}

    kind: Literal[
        "symbols",
        "digits",
        "white space",
        "not ASCII",
        "letters",
        "punctuation",
        "invisible characters",
        "emoji",
        "listed characters",
    ] = param("Characters", default="symbols", help="Symbols: ASCII punctuation and signs.")
    characters: str = param("Listed characters", default="")
    keep: bool = param("Keep only these instead", default=False)

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.kind == "listed characters" and not self.characters:
            raise ParamError("list the characters.")

    def pattern(self):
        listed = self.RANGES.get(self.kind) or "".join(escape(c).replace("&", r"\&") for c in self.characters)
        return f"[{'^' if self.keep else ''}{listed}]"

    def value(self, column):
        return column.re_replace(self.pattern(), "")

    def pandas_value(self, column, dtype):
        if self.kind in self.CATEGORIES:  # Python's re does not know Unicode categories
            test = f"unicodedata.category(c).startswith({self.CATEGORIES[self.kind]!r})"
            kept = test if self.keep else f"not {test}"
            return f"{column}.map(lambda t: ''.join(c for c in t if {kept}), na_action='ignore').astype('string')"
        pattern = self.pattern().replace(r"\x{80}-\x{10FFFF}", r"\x80-\U0010FFFF")
        return f"{column}.str.replace({pattern!r}, '', regex=True)"


@register
class AddAffix(TextFunction):
    """Put text before or after the text."""

    name: ClassVar = "text.add_affix"
    label: ClassVar = "Add a prefix or suffix"
    covers: ClassVar = ("add_prefix", "add_suffix")
    words: ClassVar = ("ADD_PREFIX", "ADD_SUFFIX", "prepend", "append")
    examples: ClassVar = (
        Example({"columns": ["t"], "before": "id-"}, before={"t": ["7", None]}, after={"t": ["id-7", None]}),
        Example({"columns": ["t"], "after": "%"}, before={"t": ["7"]}, after={"t": ["7%"]}),
    )

    before: str = param("Before", default="")
    after: str = param("After", default="")

    def value(self, column):
        return ibis.literal(self.before) + column + ibis.literal(self.after)

    def pandas_value(self, column, dtype):
        return f"{self.before!r} + {column} + {self.after!r}"


@register
class Pad(TextFunction):
    """Pad text to a length with a character; longer text stays as it is."""

    name: ClassVar = "text.pad"
    label: ClassVar = "Pad to a length"
    covers: ClassVar = ("pad_left", "pad_right", "zero_fill", "pad_center")
    words: ClassVar = ("center", "leading zeros", "prepend zeros", "lpad", "rpad")
    examples: ClassVar = (
        Example({"columns": ["t"], "length": 3}, before={"t": ["7", "1234", None]}, after={"t": ["007", "1234", None]}),
        Example(
            {"columns": ["t"], "length": 3, "side": "end", "character": "."}, before={"t": ["ab"]}, after={"t": ["ab."]}
        ),
        Example(
            {"columns": ["t"], "length": 4, "side": "both", "character": "*"},
            before={"t": ["a", "ab", None]},
            after={"t": ["*a**", "*ab*", None]},
        ),
    )

    length: int = param("Length", ge=1, le=1000)
    side: Literal["start", "end", "both"] = param(
        "At the", default="start", help="Both: an odd character goes to the end."
    )
    character: str = param("With", default="0", min_length=1, max_length=1)

    def value(self, column):
        if self.side == "both":
            missing = (ibis.literal(self.length) - column.length()).cast("int64")
            left = ibis.literal(self.character).repeat(ibis.greatest(missing // 2, 0))
            right = ibis.literal(self.character).repeat(ibis.greatest(missing - missing // 2, 0))
            return left + column + right
        padded = (
            column.lpad(self.length, self.character)
            if self.side == "start"
            else column.rpad(self.length, self.character)
        )
        return (column.length() >= self.length).ifelse(column, padded)

    def pandas_value(self, column, dtype):
        if self.side == "both":  # Python's center() puts an odd character at either side
            left = f"{self.character!r} * (({self.length} - len(t)) // 2) + t"
            return f"{column}.map(lambda t: ({left}).ljust({self.length}, {self.character!r}), na_action='ignore').astype('string')"
        return f"{column}.str.{'rjust' if self.side == 'start' else 'ljust'}({self.length}, {self.character!r})"


@register
class RepeatText(TextFunction):
    """Repeat text a number of times."""

    name: ClassVar = "text.repeat"
    label: ClassVar = "Repeat text"
    covers: ClassVar = ("repeat_text",)
    words: ClassVar = ("REPT", "replicate")
    examples: ClassVar = (Example({"columns": ["t"], "times": 3}, before={"t": ["ab", None]}, after={"t": ["ababab", None]}),)  # fmt: skip

    times: int = param("How often", default=2, ge=1, le=1000)

    def value(self, column):
        return column.repeat(self.times)

    def pandas_value(self, column, dtype):
        return f"{column}.str.repeat({self.times})"


@register
class Truncate(TextFunction):
    """Keep at most so many characters; a text that was cut ends in a mark such as an ellipsis, which counts too."""

    name: ClassVar = "text.truncate"
    label: ClassVar = "Shorten text"
    covers: ClassVar = ("truncate_text",)
    words: ClassVar = ("ellipsis", "abbreviate", "cut")
    examples: ClassVar = (
        Example({"columns": ["t"], "length": 4}, before={"t": ["hello", "four", None]}, after={"t": ["hel…", "four", None]}),
        Example({"columns": ["t"], "length": 2, "mark": ""}, before={"t": ["hello"]}, after={"t": ["he"]}),
    )  # fmt: skip

    length: int = param("Length", ge=1, le=1_000_000)
    mark: str = param("Ends in", default="…", max_length=20)

    def check_columns(self, schema):
        super().check_columns(schema)
        if len(self.mark) > self.length:
            raise ParamError(f"the mark {self.mark!r} is longer than {self.length} characters.")

    def value(self, column):
        cut = column.substr(0, self.length - len(self.mark)) + ibis.literal(self.mark)
        return (column.length() <= self.length).ifelse(column, cut)

    def pandas_value(self, column, dtype):
        cut = f"{column}.str[:{self.length - len(self.mark)}] + {self.mark!r}"
        return f"{column}.where(({column}.str.len() <= {self.length}).fillna(True), {cut})"


class NewTextColumn(Transform):
    """Make one new column from a text column."""

    column: TextColumn = param("Column")
    to: NewColumn = param("New column")

    def value(self, column):
        raise NotImplementedError

    def pandas_value(self, column: str) -> str:
        raise NotImplementedError

    def apply(self, table, state):
        return table.mutate(self.value(table[self.column]).name(self.to))

    def pandas(self, df, state, schema):
        return [f"{df}[{self.to!r}] = {self.pandas_value(f'{df}[{self.column!r}]')}"]


class NewTextCall(NewTextColumn):
    """Make one new column from a text column with a row function; the subclass names it and its constants."""

    function: ClassVar[RowFunction]

    @property
    def pandas_helpers(self):
        return self.function.helpers

    def constants(self) -> dict:
        """Return the keyword arguments of the function (JSON values)."""
        return {}

    def value(self, column):
        return self.function(column, **self.constants())

    def pandas_value(self, column):
        return self.function.pandas(column, **self.constants())


@row_function("string", "float64")
def number_as_text(number, *, decimals, group, mark, prefix, suffix, abbreviate):
    """Return a number with grouped thousands and a fixed number of decimals."""
    number, unit = float(number), ""
    if number != number or number in (float("inf"), float("-inf")):
        return None
    if abbreviate:
        for size, name in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
            if abs(number) >= size:
                number, unit = number / size, name
                break
    text = format(abs(number), f",.{decimals}f").replace(".", "\0").replace(",", group).replace("\0", mark)
    sign = "-" if number < 0 and any(c in "123456789" for c in text) else ""
    return sign + prefix + text + unit + suffix


@register
class FormatNumber(Transform):
    """Write numbers as text: decimals, thousands, a unit before or after, or short as 1.2K, 3.4M, 5.6B, 7.8T.

    Missing and infinite numbers give missing. Halves round to the even digit. Source: Python `format(x, ",.2f")`.
    """

    name: ClassVar = "text.format_number"
    label: ClassVar = "Number as styled text"
    covers: ClassVar = ("format_number",)
    words: ClassVar = ("FORMAT_NUMBER", "TEXT", "thousands separator", "currency format", "abbreviate numbers")
    pandas_helpers: ClassVar = number_as_text.helpers
    examples: ClassVar = (
        Example({"column": "x", "to": "t"}, before={"x": [1234567.891, -0.001, None]}, after={"x": [1234567.891, -0.001, None], "t": ["1,234,567.89", "0.00", None]}),
        Example({"column": "x", "to": "t", "decimals": 1, "group": ".", "mark": ",", "prefix": "€ "}, before={"x": [-1234.5]}, after={"x": [-1234.5], "t": ["-€ 1.234,5"]}),
        Example({"column": "x", "to": "t", "decimals": 1, "abbreviate": True, "suffix": " views"}, before={"x": [1250, 999, 3_400_000]}, after={"x": [1250, 999, 3_400_000], "t": ["1.2K views", "999.0 views", "3.4M views"]}),
    )  # fmt: skip

    column: NumberColumn = param("Column")
    decimals: int = param("Decimals", default=2, ge=0, le=15)
    group: str = param("Between thousands", default=",", max_length=3)
    mark: str = param("Decimal mark", default=".", min_length=1, max_length=3)
    prefix: str = param("Before", default="")
    suffix: str = param("After", default="")
    abbreviate: bool = param("Shorten to K, M, B, T", default=False)
    to: NewColumn = param("New column")

    def constants(self):
        return self.model_dump(include={"decimals", "group", "mark", "prefix", "suffix", "abbreviate"})

    def apply(self, table, state):
        return table.mutate(number_as_text(known(table[self.column]), **self.constants()).name(self.to))

    def pandas(self, df, state, schema):
        call = number_as_text.pandas(f"{df}[{self.column!r}].astype('Float64')", **self.constants())
        return [f"{df}[{self.to!r}] = {call}"]


@register
class TextLength(NewTextColumn):
    """Count the characters (Unicode code points) of a text, or its words."""

    name: ClassVar = "text.length"
    label: ClassVar = "Length of text"
    covers: ClassVar = ("text_length", "word_count")
    words: ClassVar = ("LEN", "characters", "count words")
    examples: ClassVar = (
        Example(
            {"column": "t", "to": "n"},
            before={"t": ["héé", "", None]},
            after={"t": ["héé", "", None], "n": [3, 0, None]},
        ),
        Example(
            {"column": "t", "to": "n", "unit": "words"},
            before={"t": [" two  words ", ""]},
            after={"t": [" two  words ", ""], "n": [2, 0]},
        ),
    )

    unit: Literal["characters", "words"] = param("Count", default="characters")

    def value(self, column):
        if self.unit == "characters":
            return column.length().cast("int64")
        words = column.re_replace(f"{SPACE}+", " ").strip()
        return (words == "").ifelse(0, words.length() - words.replace(" ", "").length() + 1).cast("int64")

    def pandas_value(self, column):
        if self.unit == "characters":
            return f"{column}.str.len().astype('Int64')"
        return (
            f"{column}.map(lambda t: len(re.findall(r'[^ \\t\\r\\n\\f\\v]+', t)), na_action='ignore').astype('Int64')"
        )


@register
class ExtractPart(NewTextColumn):
    """Take the first or last characters of a text, or those from one position to another."""

    name: ClassVar = "text.extract_part"
    label: ClassVar = "Extract by position"
    covers: ClassVar = ("extract_left", "extract_right", "extract_between_positions")
    words: ClassVar = ("LEFT", "RIGHT", "SUBSTRING", "mid", "substr")
    examples: ClassVar = (
        Example({"column": "t", "to": "p", "count": 2}, before={"t": ["hello", "h", None]}, after={"t": ["hello", "h", None], "p": ["he", "h", None]}),
        Example({"column": "t", "to": "p", "part": "last", "count": 3}, before={"t": ["hello", "hi"]}, after={"t": ["hello", "hi"], "p": ["llo", "hi"]}),
        Example({"column": "t", "to": "p", "part": "from position", "start": 2, "count": 3}, before={"t": ["hello"]}, after={"t": ["hello"], "p": ["ell"]}),
    )  # fmt: skip

    part: Literal["first", "last", "from position"] = param("Part", default="first")
    count: int = param("How many characters", ge=1, le=100_000)
    start: int = param("From position", default=1, ge=1)

    def value(self, column):
        if self.part == "last":
            return (column.length() <= self.count).ifelse(
                column, column.substr(column.length() - self.count, self.count)
            )
        return column.substr(self.start - 1 if self.part == "from position" else 0, self.count)

    def pandas_value(self, column):
        first = self.start - 1 if self.part == "from position" else 0
        return f"{column}.str[-{self.count}:]" if self.part == "last" else f"{column}.str[{first}:{first + self.count}]"


@register
class ExtractByDelimiter(NewTextColumn):
    """Take the text before, after or between delimiters; missing where a delimiter does not occur."""

    name: ClassVar = "text.extract_by_delimiter"
    label: ClassVar = "Extract by delimiter"
    covers: ClassVar = ("extract_before_delimiter", "extract_after_delimiter", "extract_between_delimiters")
    words: ClassVar = ("EXTRACT_BETWEEN_DELIMITERS", "substring before", "substring after")
    examples: ClassVar = (
        Example({"column": "t", "to": "p", "start": "", "end": "@"}, before={"t": ["ann@x.org", "none", None]}, after={"t": ["ann@x.org", "none", None], "p": ["ann", None, None]}),
        Example({"column": "t", "to": "p", "start": "@", "end": ""}, before={"t": ["ann@x.org"]}, after={"t": ["ann@x.org"], "p": ["x.org"]}),
        Example({"column": "t", "to": "p", "start": "(", "end": ")"}, before={"t": ["a (b) c", "a (b"]}, after={"t": ["a (b) c", "a (b"], "p": ["b", None]}),
    )  # fmt: skip

    start: str = param("After", default="", help="Empty: from the start of the text.")
    end: str = param("Before", default="", help="Empty: to the end of the text.")

    def check_columns(self, schema):
        super().check_columns(schema)
        if not self.start and not self.end:
            raise ParamError("give at least one delimiter.")

    def value(self, column):
        missing = ibis.null("string")
        value = column
        if self.start:
            place = value.find(self.start)
            value = (place < 0).ifelse(missing, value.substr(place + len(self.start)))
        if self.end:
            place = value.find(self.end)
            value = (place < 0).ifelse(missing, value.substr(0, place))
        return value

    def pandas_value(self, column):
        value = column
        if self.start:
            value = f"{value}.str.split({self.start!r}, n=1, regex=False).str[1].astype('string')"
        if self.end:
            found = f"{value}.str.contains({self.end!r}, regex=False)"
            value = f"{value}.where({found}).str.split({self.end!r}, n=1, regex=False).str[0].astype('string')"
        return value


@register
class ExtractPattern(NewTextColumn):
    """Take the first match of a regular expression, or of one of its groups; missing where nothing matches."""

    name: ClassVar = "text.extract_pattern"
    label: ClassVar = "Extract by pattern"
    covers: ClassVar = ("extract_regex",)
    words: ClassVar = ("regex", "EXTRACT_PATTERN", "regular expression", "capture group")
    examples: ClassVar = (
        Example({"column": "t", "to": "p", "pattern": "[0-9]+"}, before={"t": ["a12b3", "x", None]}, after={"t": ["a12b3", "x", None], "p": ["12", None, None]}),
        Example({"column": "t", "to": "p", "pattern": "([a-z]+)-([0-9]+)", "group": 2}, before={"t": ["ab-7"]}, after={"t": ["ab-7"], "p": ["7"]}),
    )  # fmt: skip

    pattern: str = param("Regular expression", min_length=1)
    group: int = param("Group", default=0, ge=0, le=20, help="0 is the whole match, 1 the first bracket.")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.group > re.compile(safe_pattern(self.pattern)).groups:
            raise ParamError(f"{self.pattern!r} has no group {self.group}.")

    def value(self, column):
        found = column.re_search(self.pattern)
        return found.ifelse(column.re_extract(f"({self.pattern})", self.group + 1), ibis.null("string"))

    def pandas_value(self, column):
        return f"{column}.str.extract({f'({self.pattern})'!r}, expand=True)[{self.group}].astype('string')"


@register
class TestText(NewTextColumn):
    """Tell whether a text starts with, ends with, contains or equals something, or matches a pattern or kind."""

    name: ClassVar = "text.test"
    label: ClassVar = "Test text"
    covers: ClassVar = (
        "test_starts_with",
        "test_ends_with",
        "test_contains",
        "test_equals_text",
        "test_is_email",
        "test_is_url",
        "test_is_numeric",
    )
    words: ClassVar = ("startswith", "endswith", "contains", "is email", "is url", "validate string")
    examples: ClassVar = (
        Example({"column": "t", "to": "r", "test": "starts with", "text": "a."}, before={"t": ["a.b", "ab", None]}, after={"t": ["a.b", "ab", None], "r": [True, False, None]}),
        Example({"column": "t", "to": "r", "test": "ends with", "text": "b"}, before={"t": ["ab", "ba"]}, after={"t": ["ab", "ba"], "r": [True, False]}),
        Example({"column": "t", "to": "r", "test": "contains", "text": "%"}, before={"t": ["5%", "5"]}, after={"t": ["5%", "5"], "r": [True, False]}),
        Example({"column": "t", "to": "r", "test": "equals", "text": "a"}, before={"t": ["a", "A"]}, after={"t": ["a", "A"], "r": [True, False]}),
        Example({"column": "t", "to": "r", "test": "equals", "text": "Ab", "ignore_case": True}, before={"t": ["aB", "ab ", None]}, after={"t": ["aB", "ab ", None], "r": [True, False, None]}),
        Example({"column": "t", "to": "r", "test": "matches pattern", "text": "^[a-c]+$"}, before={"t": ["abc", "abd"]}, after={"t": ["abc", "abd"], "r": [True, False]}),
        Example({"column": "t", "to": "r", "test": "is an e-mail address"}, before={"t": ["ann@x.org", "ann@x"]}, after={"t": ["ann@x.org", "ann@x"], "r": [True, False]}),
        Example({"column": "t", "to": "r", "test": "is a web address"}, before={"t": ["https://x.org/a?b", "x.org"]}, after={"t": ["https://x.org/a?b", "x.org"], "r": [True, False]}),
        Example({"column": "t", "to": "r", "test": "is a number"}, before={"t": ["-1.5e3", "1,5"]}, after={"t": ["-1.5e3", "1,5"], "r": [True, False]}),
    )  # fmt: skip
    PATTERNS: ClassVar = {
        "is an e-mail address": r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+([.][A-Za-z0-9-]+)*[.][A-Za-z]{2,}$",
        "is a web address": r"^(https?|ftp)://[^ /?#]+[^ ]*$",
        "is a number": r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$",
    }

    test: Literal[
        "starts with",
        "ends with",
        "contains",
        "equals",
        "matches pattern",
        "is an e-mail address",
        "is a web address",
        "is a number",
    ] = param("Test", default="contains")
    text: str = param("Text", default="")
    ignore_case: bool = param(
        "Ignore upper and lower case", default=False, help="For starts with, ends with, contains, equals."
    )

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.test not in self.PATTERNS and not self.text and self.test != "equals":
            raise ParamError("give the text to look for.")
        if self.test == "matches pattern":
            safe_pattern(self.text)

    def value(self, column):
        if self.test in self.PATTERNS or self.test == "matches pattern":
            return column.re_search(self.PATTERNS.get(self.test, self.text))
        column = column.lower() if self.ignore_case else column
        return {
            "starts with": column.startswith,
            "ends with": column.endswith,
            "contains": column.contains,
            "equals": column.__eq__,
        }[self.test](self.text.lower() if self.ignore_case else self.text)

    def pandas_value(self, column):
        if self.test in self.PATTERNS or self.test == "matches pattern":
            pattern = self.PATTERNS.get(self.test, self.text)
            return (
                f"{column}.map(lambda t: re.search({pattern!r}, t) is not None, na_action='ignore').astype('boolean')"
            )
        column, text = (f"{column}.str.lower()", self.text.lower()) if self.ignore_case else (column, self.text)
        return {
            "starts with": f"{column}.str.startswith({text!r})",
            "ends with": f"{column}.str.endswith({text!r})",
            "contains": f"{column}.str.contains({text!r}, regex=False)",
            "equals": f"({column} == {text!r})",
        }[self.test]


@row_function("int64", "string")
def last_position(text, *, find):
    return text.rfind(find) + 1


@register
class FindPosition(NewTextColumn):
    """Give the position of the first or last occurrence of a text, from 1; 0 where it does not occur."""

    name: ClassVar = "text.find_position"
    label: ClassVar = "Position of text"
    covers: ClassVar = ("find_position", "find_position_from_right")
    words: ClassVar = ("FIND", "index of", "locate", "rfind", "lastIndexOf", "SEARCH")
    examples: ClassVar = (
        Example({"column": "t", "to": "n", "find": "b"}, before={"t": ["abb", "x", None]}, after={"t": ["abb", "x", None], "n": [2, 0, None]}),
        Example({"column": "t", "to": "n", "find": "aa", "which": "last"}, before={"t": ["aaab", "x", None]}, after={"t": ["aaab", "x", None], "n": [2, 0, None]}),
    )  # fmt: skip

    find: str = param("Find", min_length=1)
    which: Literal["first", "last"] = param("Occurrence", default="first")

    @property
    def pandas_helpers(self):
        return last_position.helpers if self.which == "last" else ()

    def value(self, column):
        if self.which == "last":
            return last_position(column, find=self.find)
        return (column.find(self.find) + 1).cast("int64")

    def pandas_value(self, column):
        if self.which == "last":
            return last_position.pandas(column, find=self.find)
        return f"({column}.str.find({self.find!r}) + 1).astype('Int64')"


@register
class CountOccurrences(NewTextColumn):
    """Count how often a text occurs inside another, without overlaps."""

    name: ClassVar = "text.count_occurrences"
    label: ClassVar = "Count occurrences"
    covers: ClassVar = ("count_matches",)
    words: ClassVar = ("frequency of text",)
    examples: ClassVar = (
        Example(
            {"column": "t", "to": "n", "find": "aa"},
            before={"t": ["aaaa", "b", None]},
            after={"t": ["aaaa", "b", None], "n": [2, 0, None]},
        ),
    )

    find: str = param("Find", min_length=1)

    def value(self, column):
        gone = column.replace(self.find, "")
        return ((column.length() - gone.length()) / len(self.find)).round().cast("int64")

    def pandas_value(self, column):
        return f"{column}.str.count(re.escape({self.find!r})).astype('Int64')"


@register
class SplitColumn(Transform):
    """Split a text at a delimiter into several columns; parts that are not there are missing.

    Columns: adds `<column>_1` … `<column>_n` after the others. The last one holds only its own part.
    """

    name: ClassVar = "text.split_column"
    label: ClassVar = "Split into columns"
    covers: ClassVar = ("split_by_delimiter",)
    words: ClassVar = ("SPLIT_COLUMN_SINGLE_DELIMITER", "text to columns", "separate")
    examples: ClassVar = (
        Example({"column": "t", "delimiter": ";", "parts": 2}, before={"t": ["Art;Design", "Game", "a;b;c", None]},
                after={"t": ["Art;Design", "Game", "a;b;c", None], "t_1": ["Art", "Game", "a", None], "t_2": ["Design", None, "b", None]}),
    )  # fmt: skip

    column: TextColumn = param("Column")
    delimiter: str = param("Delimiter", min_length=1)
    parts: int = param("Number of columns", default=2, ge=1, le=100)

    def check_columns(self, schema):
        super().check_columns(schema)
        for name in self.names():
            new_name(name, schema)

    def names(self):
        return [f"{self.column}_{i}" for i in range(1, self.parts + 1)]

    def apply(self, table, state):
        pieces = table[self.column].split(self.delimiter)
        return table.mutate(
            [(pieces.length() > i).ifelse(pieces[i], ibis.null("string")).name(n) for i, n in enumerate(self.names())]
        )

    def pandas(self, df, state, schema):
        lines = [f"pieces = {df}[{self.column!r}].str.split({self.delimiter!r}, regex=False)"]
        return lines + [f"{df}[{n!r}] = pieces.str[{i}].astype('string')" for i, n in enumerate(self.names())]


@register
class SplitToRows(Transform):
    """Split a text at a delimiter into several rows, one per part; the other columns repeat."""

    name: ClassVar = "text.split_to_rows"
    label: ClassVar = "Split into rows"
    serving: ClassVar = "batch"
    covers: ClassVar = ("split_to_rows",)
    words: ClassVar = ("explode", "unnest text", "one row per value")
    examples: ClassVar = (
        Example(
            {"column": "t", "delimiter": ";"},
            before={"id": [1, 2, 3], "t": ["a;b", "c", None]},
            after={"id": [1, 1, 2, 3], "t": ["a", "b", "c", None]},
        ),
    )

    column: TextColumn = param("Column")
    delimiter: str = param("Delimiter", min_length=1)

    def apply(self, table, state):
        pieces = table.mutate(table[self.column].split(self.delimiter).name(self.column))
        return pieces.unnest(self.column, keep_empty=True).select(table.columns)

    def pandas(self, df, state, schema):
        return [
            f"{df}[{self.column!r}] = {df}[{self.column!r}].str.split({self.delimiter!r}, regex=False)",
            f"{df} = {df}.explode({self.column!r}, ignore_index=True).astype({{{self.column!r}: 'string'}})",
        ]


@register
class Concatenate(Transform):
    """Join columns into one text with a separator; missing values are left out, numbers are written as text."""

    name: ClassVar = "text.concatenate"
    label: ClassVar = "Join columns into text"
    covers: ClassVar = ("concatenate_columns",)
    words: ClassVar = ("MERGE", "merge columns", "combine text")
    examples: ClassVar = (
        Example(
            {"columns": ["a", "b"], "separator": "-", "to": "c"},
            before={"a": ["x", None], "b": [1, 2]},
            after={"a": ["x", None], "b": [1, 2], "c": ["x-1", "2"]},
        ),
    )

    columns: Columns = param("Columns")
    separator: str = param("Separator", default=" ")
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        for c in self.columns:
            if not (schema[c].is_string() or schema[c].is_integer() or schema[c].is_boolean()):
                raise ParamError(
                    f"column {c!r} ({schema[c]}) must be turned into text first.", hint='Use "Change type".'
                )

    def apply(self, table, state):
        total, seen = ibis.literal(""), ibis.literal(False)
        for c in self.columns:
            value = table[c].cast("string")
            joined = seen.ifelse(total + self.separator + value, value)
            total = value.isnull().ifelse(total, joined)
            seen = seen | value.notnull()
        return table.mutate(total.name(self.to))

    def pandas(self, df, state, schema):
        texts = [
            f"{df}[{c!r}].map({{True: 'true', False: 'false'}}).astype('string')"
            if schema[c].is_boolean()
            else f"{df}[{c!r}].astype('string')"
            for c in self.columns
        ]
        return [
            f"texts = [{', '.join(texts)}]",
            f"rows = zip(*texts) if len({df}) else []",
            f"{df}[{self.to!r}] = pd.Series([{self.separator!r}.join(t for t in row if not pd.isna(t)) for row in rows], index={df}.index, dtype='string')",
        ]
