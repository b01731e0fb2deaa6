"""Text tests: what kind of characters, how long, which order; counts, statistics and shapes of text."""

from __future__ import annotations

import collections
import json
import math
import re
from typing import ClassVar, Literal

import ibis

from transforms.catalog.pieces import Parts
from transforms.catalog.text import NewTextCall, NewTextColumn
from transforms.fields import NewColumn, NumberColumn, TextColumn, param
from transforms.functions import row_function
from transforms.transform import Example, Transform, register


@row_function("boolean", "string")
def text_is(text, *, what):
    """Return whether all of a text is of a kind, as Python's string methods see it; an empty text never is."""
    if what == "JSON":
        try:
            json.loads(text, parse_constant=int)  # NaN is no JSON
            return True
        except (ValueError, RecursionError):
            return False
    if what == "a decimal number":
        return re.fullmatch(r"\s*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\s*", text) is not None
    tests = {
        "letters and digits": str.isalnum,
        "letters": str.isalpha,
        "digits": str.isdigit,
        "white space": str.isspace,
        "in title case": str.istitle,
        "in lower case": str.islower,
        "in upper case": str.isupper,
        "ASCII": lambda t: t != "" and t.isascii(),
    }
    return tests[what](text)


@register
class TestKind(NewTextCall):
    """Tell whether a text holds only letters, digits, white space …, is in one case, a decimal number or JSON.

    Letters and digits are those of Unicode. An empty text gives false. Source: Python `str.isalpha` and its kin.
    """

    name: ClassVar = "texttest.is_kind"
    label: ClassVar = "Test the kind of characters"
    covers: ClassVar = (
        "test_is_alphanumeric",
        "test_is_alpha",
        "test_is_digit",
        "test_is_decimal",
        "test_is_space",
        "test_is_title",
        "test_is_lower",
        "test_is_upper",
        "test_is_json",
    )
    words: ClassVar = (
        "isalnum",
        "isalpha",
        "isdigit",
        "isdecimal",
        "isspace",
        "istitle",
        "islower",
        "isupper",
        "ISNUMBER",
    )
    function: ClassVar = text_is
    examples: ClassVar = (
        Example({"column": "t", "to": "r"}, before={"t": ["a1", "a 1", "", None]}, after={"t": ["a1", "a 1", "", None], "r": [True, False, False, None]}),
        Example({"column": "t", "to": "r", "kind": "letters"}, before={"t": ["añ", "a1"]}, after={"t": ["añ", "a1"], "r": [True, False]}),
        Example({"column": "t", "to": "r", "kind": "digits"}, before={"t": ["12", "1.2"]}, after={"t": ["12", "1.2"], "r": [True, False]}),
        Example({"column": "t", "to": "r", "kind": "a decimal number"}, before={"t": ["-1.5", " 2e3 ", "1,5"]}, after={"t": ["-1.5", " 2e3 ", "1,5"], "r": [True, True, False]}),
        Example({"column": "t", "to": "r", "kind": "white space"}, before={"t": [" \t", "a "]}, after={"t": [" \t", "a "], "r": [True, False]}),
        Example({"column": "t", "to": "r", "kind": "in title case"}, before={"t": ["Big Cat", "Big cat"]}, after={"t": ["Big Cat", "Big cat"], "r": [True, False]}),
        Example({"column": "t", "to": "r", "kind": "in lower case"}, before={"t": ["a1", "A"]}, after={"t": ["a1", "A"], "r": [True, False]}),
        Example({"column": "t", "to": "r", "kind": "in upper case"}, before={"t": ["A1", "Ab"]}, after={"t": ["A1", "Ab"], "r": [True, False]}),
        Example({"column": "t", "to": "r", "kind": "JSON"}, before={"t": ['{"a": [1]}', "{a}", "NaN"]}, after={"t": ['{"a": [1]}', "{a}", "NaN"], "r": [True, False, False]}),
    )  # fmt: skip

    kind: Literal[
        "letters and digits",
        "letters",
        "digits",
        "a decimal number",
        "white space",
        "in title case",
        "in lower case",
        "in upper case",
        "ASCII",
        "JSON",
    ] = param("All of it is", default="letters and digits")

    def constants(self):
        return {"what": self.kind}


SIGNS = {"equals": "==", "is at least": ">=", "is at most": "<="}


@register
class TestLength(NewTextColumn):
    """Tell whether a text has a number of characters, at least or at most."""

    name: ClassVar = "texttest.length"
    label: ClassVar = "Test the length"
    covers: ClassVar = ("test_length_equals",)
    words: ClassVar = ("LEN", "has length", "too long")
    examples: ClassVar = (
        Example({"column": "t", "to": "r", "length": 2}, before={"t": ["ab", "a", None]}, after={"t": ["ab", "a", None], "r": [True, False, None]}),
        Example({"column": "t", "to": "r", "length": 2, "test": "is at most"}, before={"t": ["ü", "abc"]}, after={"t": ["ü", "abc"], "r": [True, False]}),
    )  # fmt: skip

    test: Literal["equals", "is at least", "is at most"] = param("The length", default="equals")
    length: int = param("Characters", ge=0)

    def value(self, column):
        n = column.length()
        return {"==": n == self.length, ">=": n >= self.length, "<=": n <= self.length}[SIGNS[self.test]]

    def pandas_value(self, column):
        return f"({column}.str.len() {SIGNS[self.test]} {self.length}).astype('boolean')"


@register
class CompareOrder(Transform):
    """Tell how two texts stand in alphabetical order (by character code: capitals before small letters, Z before ä)."""

    name: ClassVar = "texttest.compare_order"
    label: ClassVar = "Compare two texts alphabetically"
    covers: ClassVar = ("test_text_order",)
    words: ClassVar = ("GREATER_THAN", "LESS_THAN", "before", "STRING_GREATER_THAN", "string comparison")
    examples: ClassVar = (
        Example({"left": "a", "right": "b", "to": "r"}, before={"a": ["ant", "Bee", "x", None], "b": ["bee", "ant", "x", "y"]}, after={"a": ["ant", "Bee", "x", None], "b": ["bee", "ant", "x", "y"], "r": [True, True, False, None]}),
        Example({"left": "a", "right": "b", "test": "comes after or equals", "ignore_case": True, "to": "r"}, before={"a": ["Bee", "x"], "b": ["ant", "X"]}, after={"a": ["Bee", "x"], "b": ["ant", "X"], "r": [True, True]}),
    )  # fmt: skip
    TESTS: ClassVar = {
        "comes before": "<",
        "comes before or equals": "<=",
        "comes after": ">",
        "comes after or equals": ">=",
    }

    left: TextColumn = param("First text")
    test: Literal["comes before", "comes before or equals", "comes after", "comes after or equals"] = param(
        "Condition", default="comes before"
    )
    right: TextColumn = param("Second text")
    ignore_case: bool = param("Ignore upper and lower case", default=False)
    to: NewColumn = param("New column")

    def apply(self, table, state):
        a, b = table[self.left], table[self.right]
        a, b = (a.lower(), b.lower()) if self.ignore_case else (a, b)
        return table.mutate({"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[self.TESTS[self.test]].name(self.to))

    def pandas(self, df, state, schema):
        lower = ".str.lower()" if self.ignore_case else ""
        a, b = f"{df}[{self.left!r}]{lower}", f"{df}[{self.right!r}]{lower}"
        return [f"{df}[{self.to!r}] = ({a} {self.TESTS[self.test]} {b}).astype('boolean')"]


@row_function("array<float64>", "string")
def character_numbers(text):
    """Return the number of characters and words, the shares of kinds of characters, and the entropy in bits."""
    n = len(text)
    kinds = [str.isupper, str.islower, str.isdigit, str.isspace, lambda c: not (c.isalnum() or c.isspace())]
    shares = [sum(map(kind, text)) / n if n else None for kind in kinds]
    counts = collections.Counter(text).values()
    entropy = -math.fsum(k / n * math.log2(k / n) for k in sorted(counts)) + 0.0
    return [float(n), float(len(text.split())), *shares, entropy]


@register
class CharacterStatistics(Parts):
    """Count characters and words, and give the shares of upper, lower, digit, space and special characters.

    Columns: adds `<column>_characters`, `_words`, `_upper_share`, `_lower_share`, `_digit_share`, `_space_share`,
    `_special_share` (0 to 1; missing for an empty text) and `_entropy` (Shannon, bits per character), all float64.
    """

    name: ClassVar = "texttest.character_statistics"
    label: ClassVar = "Character statistics"
    covers: ClassVar = ("character_statistics", "character_entropy")
    words: ClassVar = ("featurize text", "ratio", "randomness", "special characters")
    function: ClassVar = character_numbers
    examples: ClassVar = (
        Example({"column": "t"}, before={"t": ["Ab 1", "", None]}, after={
            "t": ["Ab 1", "", None], "t_characters": [4.0, 0.0, None], "t_words": [2.0, 0.0, None], "t_upper_share": [0.25, None, None],
            "t_lower_share": [0.25, None, None], "t_digit_share": [0.25, None, None], "t_space_share": [0.25, None, None],
            "t_special_share": [0.0, None, None], "t_entropy": [2.0, 0.0, None]}),
    )  # fmt: skip

    def names(self):
        shares = [f"{kind}_share" for kind in ("upper", "lower", "digit", "space", "special")]
        return [f"{self.column}_{n}" for n in ("characters", "words", *shares, "entropy")]


@row_function("string", "string")
def shape_of(text, *, level):
    """Return the shape of a text: A and a for letters, 9 for digits, other characters as they are."""
    shape = "".join("A" if c.isupper() else "a" if c.isalpha() else "9" if c.isdigit() else c for c in text)
    if level == "each character":
        return shape
    shape = re.sub(r"(A|a|9|\s)\1+", r"\1", shape) if level == "runs" else re.sub(r"[Aa]+", "w", shape)
    return re.sub(r"9+", "9", shape)


@register
class Shape(NewTextCall):
    """Write the shape of a text: A for capitals, a for other letters, 9 for digits. Rare shapes point to errors.

    Runs: Berlin 10115 is Aa 9. Words: every run of letters is w, so it is w 9.
    """

    name: ClassVar = "texttest.shape"
    label: ClassVar = "Shape of text"
    covers: ClassVar = ("text_pattern_shape",)
    words: ClassVar = ("pattern profiling", "mask", "format profile", "Aa9")
    function: ClassVar = shape_of
    examples: ClassVar = (
        Example({"column": "t", "to": "s"}, before={"t": ["Ab-12", "", None]}, after={"t": ["Ab-12", "", None], "s": ["Aa-99", "", None]}),
        Example({"column": "t", "to": "s", "level": "runs"}, before={"t": ["Berlin 10115"]}, after={"t": ["Berlin 10115"], "s": ["Aa 9"]}),
        Example({"column": "t", "to": "s", "level": "words"}, before={"t": ["Berlin 10115"]}, after={"t": ["Berlin 10115"], "s": ["w 9"]}),
    )  # fmt: skip

    level: Literal["each character", "runs", "words"] = param("Detail", default="each character")

    def constants(self):
        return {"level": self.level}


def syllables(word):
    """Return the number of vowel groups, without a silent e at the end (English)."""
    found = len(re.findall(r"[aeiouyäöüáéíóúàèâêîôû]+", word))
    silent = word.endswith("e") and not word.endswith("le") and found > 1
    return max(found - silent, 1)


@row_function("float64", "string")
def reading_score(text, *, score):
    """Return a readability score from the numbers of words, sentences and syllables."""
    words = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", text.lower())
    sentences = max(len([s for s in re.split(r"[.!?]+", text) if re.search(r"\w", s)]), 1)
    if not words:
        return None
    per_sentence, per_word = len(words) / sentences, sum(map(syllables, words)) / len(words)
    if score == "Flesch-Kincaid grade":
        return 0.39 * per_sentence + 11.8 * per_word - 15.59
    if score == "Flesch reading ease (German)":
        return 180 - per_sentence - 58.5 * per_word
    return 206.835 - 1.015 * per_sentence - 84.6 * per_word


@register
class Readability(NewTextCall):
    """Score how easy a text is to read: Flesch reading ease (100 easy, 0 hard) or the school grade it needs.

    Syllables are counted as groups of vowels, without a silent e: an estimate. A text without words gives missing.
    Source: Flesch 1948; Kincaid 1975; Amstad 1978 for German.
    """

    name: ClassVar = "texttest.readability"
    label: ClassVar = "Readability"
    covers: ClassVar = ("readability_scores",)
    words: ClassVar = ("flesch", "kincaid", "reading ease", "grade level")
    function: ClassVar = reading_score
    examples: ClassVar = (
        # 6 words in 2 sentences, 6 syllables: 206.835 - 1.015 * 3 - 84.6 = 119.19
        Example({"column": "t", "to": "r"}, before={"t": ["The cat sat. It was big.", "12", None]}, after={"t": ["The cat sat. It was big.", "12", None], "r": [119.19, None, None]}),
        # 0.39 * 3 + 11.8 - 15.59
        Example({"column": "t", "to": "r", "score": "Flesch-Kincaid grade"}, before={"t": ["The cat sat. It was big."]}, after={"t": ["The cat sat. It was big."], "r": [-2.62]}),
        # 180 - 2 - 58.5 * 1.5
        Example({"column": "t", "to": "r", "score": "Flesch reading ease (German)"}, before={"t": ["Katzen gern."]}, after={"t": ["Katzen gern."], "r": [90.25]}),
    )  # fmt: skip

    score: Literal["Flesch reading ease", "Flesch-Kincaid grade", "Flesch reading ease (German)"] = param(
        "Score", default="Flesch reading ease"
    )

    def constants(self):
        return {"score": self.score}


@row_function("int64", "string")
def code_point(text):
    return ord(text[0]) if text else None


@register
class CodeOfCharacter(NewTextCall):
    """Give the Unicode code point of the first character; an empty text gives missing."""

    name: ClassVar = "texttest.code_of_character"
    label: ClassVar = "Code of the first character"
    covers: ClassVar = ("code_from_char",)
    words: ClassVar = ("UNICODE", "CODE", "ord", "ascii")
    function: ClassVar = code_point
    examples: ClassVar = (
        Example({"column": "t", "to": "n"}, before={"t": ["Ab", "€", "", None]}, after={"t": ["Ab", "€", "", None], "n": [65, 8364, None, None]}),
    )  # fmt: skip


@row_function("string", "int64")
def character_of(code):
    return chr(int(code)) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else None


@register
class CharacterFromCode(Transform):
    """Give the character with a Unicode code point; numbers that name no character give missing."""

    name: ClassVar = "texttest.character_from_code"
    label: ClassVar = "Character from code"
    covers: ClassVar = ("char_from_code",)
    words: ClassVar = ("CHAR", "UNICHAR", "chr")
    pandas_helpers: ClassVar = character_of.helpers
    examples: ClassVar = (
        Example({"column": "n", "to": "t"}, before={"n": [65, 8364, -1, None]}, after={"n": [65, 8364, -1, None], "t": ["A", "€", None, None]}),
    )  # fmt: skip

    column: NumberColumn = param("Column", help="Fractions are cut off.")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        x = table[self.column]
        whole = x if x.type().is_integer() else ((x > 0) & (x < 2e6)).ifelse(x.floor(), ibis.null("float64"))
        return table.mutate(character_of(whole.cast("int64")).name(self.to))

    def pandas(self, df, state, schema):
        return [f"{df}[{self.to!r}] = {character_of.pandas(f'{df}[{self.column!r}]')}"]
