"""Words and language: letters and words in one form, tokens, stop words, stems, n-grams, texts as numbers."""

from __future__ import annotations

import collections
import hashlib
import math
import re
import unicodedata
from typing import ClassVar, Literal

import ftfy
import ibis
import snowballstemmer

from transforms.catalog.common import TextCall, new_name, spare_names
from transforms.catalog.text import NewTextCall
from transforms.errors import FitError, ParamError
from transforms.fields import TextColumn, param
from transforms.functions import row_function
from transforms.reading import rows
from transforms.transform import Example, Transform, register

LATIN_OF = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґαβγδεζηθικλμνξοπρσςτυφχψω",
        [
            "a",
            "b",
            "v",
            "g",
            "d",
            "e",
            "yo",
            "zh",
            "z",
            "i",
            "y",
            "k",
            "l",
            "m",
            "n",
            "o",
            "p",
            "r",
            "s",
            "t",
            "u",
            "f",
            "kh",
            "ts",
            "ch",
            "sh",
            "shch",
            "",
            "y",
            "",
            "e",
            "yu",
            "ya",
            "i",
            "yi",
            "ye",
            "g",
            "a",
            "v",
            "g",
            "d",
            "e",
            "z",
            "i",
            "th",
            "i",
            "k",
            "l",
            "m",
            "n",
            "x",
            "o",
            "p",
            "r",
            "s",
            "s",
            "t",
            "y",
            "f",
            "ch",
            "ps",
            "o",
        ],
        strict=True,
    )
)
PLAIN_SIGNS = {
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "“": '"', "”": '"', "„": '"', "‟": '"', "″": '"', "«": '"', "»": '"',
    "‹": "'", "›": "'", "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-", "…": "...", "\u00a0": " ",
}  # fmt: skip
SPECIAL_LATIN = {"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "œ": "oe", "Œ": "OE", "đ": "d", "Đ": "D", "ð": "d", "þ": "th", "ı": "i"}  # fmt: skip


def without_accents(text):
    text = "".join(SPECIAL_LATIN.get(c, c) for c in text)
    return unicodedata.normalize(
        "NFC", "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    )


@row_function("string", "string")
def normal_letters(text, *, how):
    """Return text in one spelling of its letters and signs."""
    if how == "remove accents":
        return without_accents(text)
    if how == "plain quotes and dashes":
        return "".join(PLAIN_SIGNS.get(c, c) for c in text)
    if how == "repair wrong encoding":
        return ftfy.fix_encoding(text)
    if how == "Cyrillic and Greek to Latin":
        found = ""
        for c in text:
            low = c.lower()
            new = LATIN_OF.get(low)
            if new is None and ord(c) > 0x36F:
                new = LATIN_OF.get(unicodedata.normalize("NFD", low)[0])
            found += c if new is None else new if c == low else new[:1].upper() + new[1:]
        return found
    return unicodedata.normalize(how, text)


@register
class NormaliseLetters(TextCall):
    """Write letters and signs in one way: without accents, in one Unicode form, plain quotes, Latin letters, repaired.

    Wrong encoding is text such as grÃ¶ÃŸe (größe read as Latin-1): source ftfy `fix_encoding`. Transliteration is
    letter by letter.
    """

    name: ClassVar = "language.normalise_letters"
    label: ClassVar = "Accents, Unicode, quotes, encoding"
    covers: ClassVar = ("remove_accents", "normalise_unicode", "transliterate", "smart_quotes_to_ascii", "fix_mojibake")
    words: ClassVar = ("REMOVE_ACCENTS", "diacritics", "unaccent", "NFC", "NFKC", "mojibake", "reinterpret", "curly quotes", "asciify")  # fmt: skip
    function: ClassVar = normal_letters
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["Élève Größe Łódź", None]}, after={"t": ["Eleve Grosse Lodz", None]}),
        Example({"columns": ["t"], "how": "NFKC"}, before={"t": ["ﬁ ① e\u0301"]}, after={"t": ["fi 1 é"]}),
        Example({"columns": ["t"], "how": "plain quotes and dashes"}, before={"t": ["„a“ – it’s…"]}, after={"t": ['"a" - it\'s...']}),
        Example({"columns": ["t"], "how": "Cyrillic and Greek to Latin"}, before={"t": ["Москва Щука Αθήνα ok"]}, after={"t": ["Moskva Shchuka Athina ok"]}),
        Example({"columns": ["t"], "how": "repair wrong encoding"}, before={"t": ["grÃ¶ÃŸer", "größer"]}, after={"t": ["größer", "größer"]}),
    )  # fmt: skip

    how: Literal[
        "remove accents",
        "NFC",
        "NFD",
        "NFKC",
        "NFKD",
        "plain quotes and dashes",
        "Cyrillic and Greek to Latin",
        "repair wrong encoding",
    ] = param("How", default="remove accents")

    def constants(self):
        return {"how": self.how}


STOP_WORDS = {
    "english": "a about after again all am an and any are as at be because been before being below between both but by can could did do does doing down during each few for from further had has have having he her here hers herself him himself his how i if in into is it its itself just me more most my myself no nor not now of off on once only or other our ours ourselves out over own same she should so some such than that the their theirs them themselves then there these they this those through to too under until up very was we were what when where which while who whom why will with would you your yours yourself yourselves",
    "german": "aber alle als also am an auch auf aus bei bin bis bist da damit dann das dass dein dem den der des dessen die dies diese dieser dieses doch dort du durch ein eine einem einen einer eines er es euch euer für hat hatte hatten habe haben ich ihm ihn ihr ihre im in ist ja jede jeder jedes kann kein keine können man mein mit muss nach nicht noch nun nur ob oder ohne sehr sein seine sich sie sind so soll über um und uns unser unter viel vom von vor war waren was weil wenn wer werden wie wieder will wir wird wo wurde zu zum zur",
    "french": "à ai au aux avec avoir c ce ces cette d dans de des du elle elles en est et eu été être eux il ils j je l la le les leur leurs lui m ma mais me mes moi mon n ne nos notre nous on ont ou où par pas plus pour qu que qui s sa sans se ses si son sont sur t ta te tes toi ton tu un une vos votre vous y",
    "spanish": "a al algo como con cuando de del desde donde dos el ella ellas ellos en entre era es esa ese eso esta está este esto fue ha han hasta hay la las le les lo los más me mi mis muy nada ni no nos nosotros o para pero por porque que quien se ser si sí sin sobre son su sus también te tiene todo tu tus un una uno y ya yo",
    "italian": "a ad ai al alla alle anche che chi ci come con cui da dai dal dalla de degli dei del della delle di dove e è ed era gli ha hanno ho i il in io la le lei li lo loro lui ma me mi mia mio ne nei nel nella no noi non nostro o per perché più quale quando questa questo se sei si sia sono sta su sua sul sulla suo te ti tra tu tutto un una uno vi voi",
}  # fmt: skip
Language = Literal["none", "english", "german", "french", "spanish", "italian"]


def stop_list(language: str, more) -> list[str]:
    return sorted({*STOP_WORDS.get(language, "").split(), *(w.lower() for w in more)})


def cut_terms(text, pattern, lower, least, stop, unit, shortest, longest):
    """Return the terms of a text: tokens that fit a pattern, or n-grams of words or of characters."""
    text = text.lower() if lower else text
    if unit == "characters":
        text = re.sub(r"\s+", " ", text)
        return [text[i : i + n] for n in range(shortest, longest + 1) for i in range(len(text) - n + 1)]
    tokens = [t for t in re.findall(pattern, text) if len(t) >= least and t.lower() not in stop]
    if longest == 1:
        return tokens
    return [" ".join(tokens[i : i + n]) for n in range(shortest, longest + 1) for i in range(len(tokens) - n + 1)]


@row_function("array<string>", "string")
def list_of_terms(text, *, pattern, lower, least, stop, unit, shortest, longest):
    return cut_terms(text, pattern, lower, least, set(stop), unit, shortest, longest)


class Terms(Transform):
    """Cuts a text into terms."""

    column: TextColumn = param("Column")
    pattern: str = param("A word is", default=r"\w+", min_length=1, help="A regular expression.")
    lower: bool = param("In lower case", default=True)
    least: int = param("Letters at least", default=1, ge=1, le=100)
    language: Language = param("Leave out the stop words of", default="none")
    more_stop_words: tuple[str, ...] = param("Further stop words", default=())
    unit: Literal["words", "characters"] = param("Terms are made of", default="words")
    shortest: int = param("Shortest n-gram", default=1, ge=1, le=10)
    longest: int = param("Longest n-gram", default=1, ge=1, le=10)

    def check_columns(self, schema):
        super().check_columns(schema)
        try:
            groups = re.compile(self.pattern).groups
        except re.error as error:
            raise ParamError(f"{self.pattern!r} is not a regular expression: {error}.") from error
        if groups:
            raise ParamError("write brackets in the pattern as (?: … ).")
        if self.longest < self.shortest:
            raise ParamError("the longest n-gram is shorter than the shortest.")

    def cutting(self) -> dict:
        """Return the constants of the cutting."""
        kept = self.model_dump(include={"pattern", "lower", "least", "unit", "shortest", "longest"})
        return kept | {"stop": stop_list(self.language, self.more_stop_words)}


@register
class Tokenize(Terms):
    """Cut text into words or n-grams: one list, or one text with a separator, in a new column."""

    name: ClassVar = "language.tokenize"
    label: ClassVar = "Cut into words"
    covers: ClassVar = ("tokenize", "extract_ngrams")
    words: ClassVar = ("TOKENIZATION", "split words", "n-grams", "ngram", "shingles", "bag of words")
    pandas_helpers: ClassVar = list_of_terms.helpers
    examples: ClassVar = (
        Example({"column": "t"}, before={"t": ["It's big, BIG", "?", None]}, after={"t": ["It's big, BIG", "?", None], "t_terms": [["it", "s", "big", "big"], [], None]}),
        Example({"column": "t", "give": "text", "separator": "|", "shortest": 1, "longest": 2, "language": "english"}, before={"t": ["the big red ox"]}, after={"t": ["the big red ox"], "t_terms": ["big|red|ox|big red|red ox"]}),
        Example({"column": "t", "unit": "characters", "shortest": 2, "longest": 2}, before={"t": ["abc"]}, after={"t": ["abc"], "t_terms": [["ab", "bc"]]}),
    )  # fmt: skip

    give: Literal["list", "text"] = param("Give", default="list")
    separator: str = param("Separator", default=" ", help="For text.")
    suffix: str = param("The new column ends in", default="_terms", min_length=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        new_name(self.column + self.suffix, schema)

    def apply(self, table, state):
        name = self.column + self.suffix
        found = table.mutate(list_of_terms(table[self.column], **self.cutting()).name(name))
        if self.give == "list":
            return found
        joined = (found[name].length() > 0).ifelse(found[name].join(self.separator), ibis.literal(""))
        return found.mutate(found[name].isnull().ifelse(ibis.null("string"), joined).name(name))

    def pandas(self, df, state, schema):
        found = list_of_terms.pandas(f"{df}[{self.column!r}]", **self.cutting())
        join = f".map({self.separator!r}.join, na_action='ignore').astype('string')" if self.give == "text" else ""
        return [f"{df}[{self.column + self.suffix!r}] = {found}{join}"]


@register
class TokensToRows(Terms):
    """Cut text into words or n-grams, one row each; the other columns repeat.

    A text without terms keeps one row with a missing value.
    """

    name: ClassVar = "language.tokens_to_rows"
    label: ClassVar = "Cut into words, one row each"
    serving: ClassVar = "batch"
    covers: ClassVar = ("tokenize",)
    words: ClassVar = ("TOKENIZATION", "explode words", "unnest tokens")
    pandas_helpers: ClassVar = list_of_terms.helpers
    examples: ClassVar = (
        Example({"column": "t", "least": 3, "lower": False}, before={"id": [1, 2, 3], "t": ["The big ox", "a", None]}, after={"id": [1, 1, 2, 3], "t": ["The", "big", None, None]}),
    )  # fmt: skip

    def apply(self, table, state):
        found = table.mutate(list_of_terms(table[self.column], **self.cutting()).name(self.column))
        return found.unnest(self.column, keep_empty=True).select(table.columns)

    def pandas(self, df, state, schema):
        c = repr(self.column)
        return [
            f"{df}[{c}] = {list_of_terms.pandas(f'{df}[{c}]', **self.cutting())}",
            f"{df} = {df}.explode({c}, ignore_index=True).astype({{{c}: 'string'}})",
        ]


@row_function("string", "string")
def without_words(text, *, stop):
    stop = set(stop)
    kept = [w for w in text.split() if re.sub(r"^\W+|\W+$", "", w).lower() not in stop]
    return " ".join(kept)


@register
class RemoveStopWords(TextCall):
    """Remove frequent words without much meaning (the, and, of …), and words of your own. Words are parted by white space.

    The lists are short ones of our own for five languages. Runs of white space become one space.
    """

    name: ClassVar = "language.remove_stop_words"
    label: ClassVar = "Remove stop words"
    covers: ClassVar = ("remove_stop_words",)
    words: ClassVar = ("STOP_WORDS", "stopwords", "filler words")
    function: ClassVar = without_words
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["The cat and  the hat.", None]}, after={"t": ["cat hat.", None]}),
        Example({"columns": ["t"], "language": "german", "more": ["Hut"]}, before={"t": ["Die Katze und der Hut"]}, after={"t": ["Katze"]}),
    )  # fmt: skip

    language: Language = param("Language", default="english")
    more: tuple[str, ...] = param("Further words", default=())

    def constants(self):
        return {"stop": stop_list(self.language, self.more)}


@row_function("string", "string")
def stemmed(text, *, language):
    stem = snowballstemmer.stemmer(language).stemWord
    return re.sub(r"[^\W\d_]+", lambda m: stem(m.group().lower()), text)


@register
class StemWords(TextCall):
    """Reduce words to their stems, in lower case; what stands between words stays. Source: Snowball stemmers."""

    name: ClassVar = "language.stem"
    label: ClassVar = "Reduce words to stems"
    covers: ClassVar = ("stem_words",)
    words: ClassVar = ("stemming", "porter", "snowball", "lancaster")
    function: ClassVar = stemmed
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["Running, horses!", None]}, after={"t": ["run, hors!", None]}),
        Example({"columns": ["t"], "language": "porter"}, before={"t": ["relational"]}, after={"t": ["relat"]}),
        Example({"columns": ["t"], "language": "german"}, before={"t": ["Häuser"]}, after={"t": ["haus"]}),
    )  # fmt: skip

    language: Literal[
        "english", "porter", "german", "french", "spanish", "italian", "portuguese", "dutch", "swedish", "norwegian",
        "danish", "finnish", "russian", "turkish", "romanian", "hungarian",
    ] = param("Language", default="english", help="porter: the older stemmer for English.")  # fmt: skip

    def constants(self):
        return {"language": self.language}


CONTRACTIONS = {
    "ain't": "is not", "can't": "cannot", "won't": "will not", "shan't": "shall not", "let's": "let us", "y'all": "you all",
    "it's": "it is", "he's": "he is", "she's": "she is", "that's": "that is", "there's": "there is", "what's": "what is",
    "who's": "who is", "where's": "where is", "here's": "here is", "how's": "how is", "i'm": "I am", "gonna": "going to",
    "wanna": "want to", "gotta": "got to", "o'clock": "of the clock", "ma'am": "madam",
}  # fmt: skip
CONTRACTED_ENDS = (("n't", " not"), ("'re", " are"), ("'ve", " have"), ("'ll", " will"), ("'d", " would"))


@row_function("string", "string")
def expanded(text, *, contractions, short_forms):
    """Return text with contractions and short forms written in full."""

    def expand(match):
        word = match.group()
        low = word.lower().replace("’", "'")
        full = short_forms.get(word, short_forms.get(low))
        if full is None and contractions:
            full = CONTRACTIONS.get(low)
            for end, instead in CONTRACTED_ENDS:
                if full is None and low.endswith(end) and len(low) > len(end):
                    full = word[: -len(end)] + instead
        if full is None:
            return word
        return full[:1].upper() + full[1:] if word[:1].isupper() else full

    marks = "|".join(re.escape(k) for k in sorted(short_forms, key=len, reverse=True))
    return re.sub((rf"(?<!\w)(?i:{marks})(?!\w)|" if marks else "") + r"[^\W_]+(?:['’][^\W_]+)*", expand, text)


@register
class Expand(TextCall):
    """Write English contractions (don't → do not) and your own short forms in full. A capital at the start stays one.

    An 's that may mean "is" or possession is written in full after it, he, she, that, there, what, who, where, how only.
    """

    name: ClassVar = "language.expand"
    label: ClassVar = "Expand contractions and short forms"
    covers: ClassVar = ("expand_contractions", "expand_abbreviations")
    words: ClassVar = ("EXPAND_CONTRACTIONS", "acronyms", "abbreviation", "dictionary")
    function: ClassVar = expanded
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["Don't say it's Ann's, we'll can’t", None]}, after={"t": ["Do not say it is Ann's, we will cannot", None]}),
        Example({"columns": ["t"], "contractions": False, "short_forms": {"st.": "street", "nyc": "New York City"}}, before={"t": ["5th St. NYC don't"]}, after={"t": ["5th Street New York City don't"]}),
    )  # fmt: skip

    contractions: bool = param("English contractions", default=True)
    short_forms: dict[str, str] = param(
        "Your short forms", default={}, help="Short and full; upper or lower case is the same."
    )

    def __hash__(self):
        return hash(self.model_dump_json())

    def constants(self):
        return {"contractions": self.contractions, "short_forms": {k.lower(): v for k, v in self.short_forms.items()}}


@row_function("array<float64>", "string")
def weights_of_terms(text, *, terms, binary, sublinear, norm, cutting):
    """Return the weight of each known term in a text; `terms` is {term: [place, weight]}."""
    found = [0.0] * len(terms)
    for term, n in collections.Counter(cut_terms(text, **cutting)).items():
        if term in terms:
            place, weight = terms[term]
            found[int(place)] = (1.0 if binary else 1.0 + math.log(n) if sublinear else float(n)) * weight
    size = {"l1": math.fsum(map(abs, found)), "l2": math.sqrt(math.fsum(v * v for v in found))}.get(norm, 0.0)
    return [v / size for v in found] if size else found


@row_function("array<float64>", "string")
def hashed_terms(text, *, size, signed, norm, cutting):
    """Return counts of terms, each at the place that its MurmurHash3 gives."""
    found = [0.0] * size
    for term, n in collections.Counter(cut_terms(text, **cutting)).items():
        place = murmur3(term.encode())
        found[abs(place) % size] += -float(n) if signed and place < 0 else float(n)
    total = {"l1": math.fsum(map(abs, found)), "l2": math.sqrt(math.fsum(v * v for v in found))}.get(norm, 0.0)
    return [v / total for v in found] if total else found


def murmur3(data):
    """Return the 32-bit MurmurHash3 with seed 0 as a signed number."""

    def mixed(k):
        k = k * 0xCC9E2D51 & 0xFFFFFFFF
        return ((k << 15 | k >> 17) & 0xFFFFFFFF) * 0x1B873593 & 0xFFFFFFFF

    h, whole = 0, len(data) // 4 * 4
    for i in range(0, whole, 4):
        h ^= mixed(int.from_bytes(data[i : i + 4], "little"))
        h = (((h << 13 | h >> 19) & 0xFFFFFFFF) * 5 + 0xE6546B64) & 0xFFFFFFFF
    if whole < len(data):
        h ^= mixed(int.from_bytes(data[whole:], "little"))
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    h = (h ^ h >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    h ^= h >> 16
    return h - 2**32 if h >= 2**31 else h


class Vector(Terms):
    """Gives numbers per text: as one list, or as one column each."""

    pattern: str = param("A word is", default=r"\w+", min_length=1, help="A regular expression.")
    least: int = param("Letters at least", default=2, ge=1, le=100)
    give: Literal["columns", "list"] = param("Give", default="columns")
    prefix: str = param("New columns start with", default="", help="Empty: the column's name.")
    keep: bool = param("Keep the text", default=True)

    def start(self) -> str:
        return self.prefix or self.column

    def open_prefixes(self):
        return (f"{self.start()}_",)

    def function(self):
        raise NotImplementedError

    def constants(self, state) -> dict:
        raise NotImplementedError

    def names(self, state) -> list[str]:
        raise NotImplementedError

    def apply(self, table, state):
        kept = [c for c in table.columns if self.keep or c != self.column]
        call = self.function()(table[self.column], **self.constants(state))
        if self.give == "list":
            new_name(name := f"{self.start()}_vector", table.columns)
            return table.mutate(call.name(name)).select(*kept, name)
        names = self.names(state)
        for name in names:
            new_name(name, table.columns)
        [spare] = spare_names(table, 1)
        found = table.mutate(call.name(spare))
        return found.mutate([found[spare][i].name(n) for i, n in enumerate(names)]).select(*kept, *names)

    def pandas(self, df, state, schema):
        lines = [f"weights = {self.function().pandas(f'{df}[{self.column!r}]', **self.constants(state))}"]
        if self.give == "list":
            lines.append(f"{df}[{self.start() + '_vector'!r}] = weights")
        else:
            lines += [
                f"parts = {{n: weights.map(lambda w: w[i], na_action='ignore').astype('Float64') for i, n in enumerate({self.names(state)!r})}}",
                f"{df} = pd.concat([{df}, pd.DataFrame(parts, index={df}.index)], axis=1)",
            ]
        return lines if self.keep else [*lines, f"{df} = {df}.drop(columns=[{self.column!r}])"]


class Vocabulary(Vector):
    """Learns the terms of the training texts, with the number of texts that hold them."""

    serving: ClassVar = "fitted"
    min_rows: int = param("In at least so many texts", default=1, ge=1)
    max_share: float = param("In at most this share of texts", default=1.0, gt=0, le=1)
    most: int = param("Terms at most", default=100, ge=1, le=2000, help="Those that occur most often in total.")

    def fit(self, table):
        kept = table.filter(table[self.column].notnull()).select(table[self.column].name("t"))
        listed = kept.mutate(ibis.row_number().name("r"), list_of_terms(kept.t, **self.cutting()).name("t"))
        single = listed.unnest("t").group_by("r", "t").aggregate(ibis._.count().name("n"))
        counted = single.group_by("t").aggregate(ibis._.count().name("docs"), ibis._.n.sum().name("n"))
        total = kept.aggregate(ibis._.count().name("docs")).mutate(
            ibis.null("string").name("t"), ibis.literal(0, "int64").name("n")
        )
        names = ("t", "docs", "n")
        joined = ibis.union(counted.filter(ibis._.docs >= self.min_rows).select(*names), total.select(*names))
        limit = joined.order_by([ibis._.t.isnull().desc(), ibis.desc("n"), ibis.asc("t")]).limit(200_000)
        found = rows(limit)
        texts = next(r["docs"] for r in found if r["t"] is None)
        known = [r for r in found if r["t"] is not None and r["docs"] <= self.max_share * texts]
        chosen = sorted(sorted(known, key=lambda r: (-r["n"], r["t"]))[: self.most], key=lambda r: r["t"])
        if not chosen:
            raise FitError(f"no term of column {self.column!r} is left.", hint="Loosen the limits.")
        return {"texts": texts, "terms": {r["t"]: r["docs"] for r in chosen}}

    def function(self):
        return weights_of_terms

    @property
    def pandas_helpers(self):
        return weights_of_terms.helpers

    def names(self, state):
        return [f"{self.start()}_{term}" for term in sorted(state["terms"])]

    def weight(self, docs: int, texts: int) -> float:
        return 1.0

    def weights(self, state) -> dict:
        terms = sorted(state["terms"])
        return {t: [i, self.weight(state["terms"][t], state["texts"])] for i, t in enumerate(terms)}


@register
class CountTerms(Vocabulary):
    """Turn text into counts of terms, one float column per term of the training texts (in alphabetical order).

    Terms not seen in training are left out; a missing text gives missing counts. Source: scikit-learn `CountVectorizer`.
    """

    name: ClassVar = "language.count_terms"
    label: ClassVar = "Count terms"
    covers: ClassVar = ("count_vectorize",)
    words: ClassVar = ("bag of words", "CountVectorizer", "vectorize", "document term matrix")
    examples: ClassVar = (
        Example({"column": "t"}, train={"t": ["ab cd", "ab"]}, before={"t": ["ab ab zz", "", None]}, after={"t": ["ab ab zz", "", None], "t_ab": [2.0, 0.0, None], "t_cd": [0.0, 0.0, None]}),
        Example({"column": "t", "binary": True, "give": "list", "keep": False, "most": 1}, before={"t": ["ab ab cd"]}, after={"t_vector": [[1.0]]}),
    )  # fmt: skip

    binary: bool = param("Only whether it occurs", default=False)

    def constants(self, state):
        weights = {"terms": self.weights(state), "binary": self.binary, "sublinear": False, "norm": "none"}
        return weights | {"cutting": self.cutting()}


@register
class TfIdf(Vocabulary):
    """Turn text into weighted counts of terms: frequent in this text, rare in the others.

    Weight = count × (ln((1 + texts) / (1 + texts with the term)) + 1), then every text has length 1. Learns how many
    training texts hold each term. A missing text gives missing weights. Source: scikit-learn `TfidfVectorizer`.
    """

    name: ClassVar = "language.tf_idf"
    label: ClassVar = "TF-IDF"
    covers: ClassVar = ("tfidf_vectorize",)
    words: ClassVar = ("TfidfVectorizer", "vectorize", "term frequency", "text to numbers")
    examples: ClassVar = (
        # both texts hold "ab": weight 1; "cd" is in one: ln(3/2) + 1
        Example({"column": "t", "norm": "none"}, before={"t": ["ab cd cd", "ab", None]}, after={"t": ["ab cd cd", "ab", None], "t_ab": [1.0, 1.0, None], "t_cd": [2 * (math.log(1.5) + 1), 0.0, None]}),
        Example({"column": "t", "give": "list", "prefix": "v"}, train={"t": ["ab", "cd"]}, before={"t": ["ab cd", "?"]}, after={"t": ["ab cd", "?"], "v_vector": [[0.5**0.5, 0.5**0.5], [0.0, 0.0]]}),
    )  # fmt: skip

    norm: Literal["l2", "l1", "none"] = param("Length of each text", default="l2")
    sublinear: bool = param("Logarithm of counts", default=False)

    def weight(self, docs, texts):
        return math.log((1 + texts) / (1 + docs)) + 1

    def constants(self, state):
        weights = {"terms": self.weights(state), "binary": False, "sublinear": self.sublinear, "norm": self.norm}
        return weights | {"cutting": self.cutting()}


@register
class HashTerms(Vector):
    """Turn text into a fixed number of counts: each term counts at the place that its hash gives. Learns nothing.

    Two terms may share a place; half of them count negatively so that this evens out. Source: scikit-learn
    `HashingVectorizer` (MurmurHash3).
    """

    name: ClassVar = "language.hash_terms"
    label: ClassVar = "Hash terms"
    covers: ClassVar = ("hash_vectorize",)
    words: ClassVar = ("HashingVectorizer", "hashing trick", "feature hashing")
    pandas_helpers: ClassVar = hashed_terms.helpers
    examples: ClassVar = (
        Example({"column": "t", "size": 1, "signed": False, "norm": "none", "prefix": "h"}, before={"t": ["ab cd ab", "", None]}, after={"t": ["ab cd ab", "", None], "h_0": [3.0, 0.0, None]}),
    )  # fmt: skip

    size: int = param("How many numbers", default=64, ge=1, le=4096)
    signed: bool = param("Half of the terms count negatively", default=True)
    norm: Literal["l2", "l1", "none"] = param("Length of each text", default="l2")

    def function(self):
        return hashed_terms

    def names(self, state):
        return [f"{self.start()}_{i}" for i in range(self.size)]

    def constants(self, state):
        return {"size": self.size, "signed": self.signed, "norm": self.norm, "cutting": self.cutting()}


@row_function("string", "string")
def language_of(text, *, lists):
    """Return the language whose stop words occur most; None where none or two lead."""
    tokens = re.findall(r"[^\W\d_]+", text.lower())
    counts = sorted(((sum(t in set(words) for t in tokens), name) for name, words in lists.items()), reverse=True)
    return counts[0][1] if counts[0][0] > counts[1][0] else None


@register
class DetectLanguage(NewTextCall):
    """Guess the language of a text (English, German, French, Spanish, Italian) by its stop words.

    For sentences, not for single words: where no language leads, the answer is missing.
    """

    name: ClassVar = "language.detect"
    label: ClassVar = "Guess the language"
    covers: ClassVar = ("detect_language",)
    words: ClassVar = ("language identification", "detectLanguage", "langdetect")
    function: ClassVar = language_of
    examples: ClassVar = (
        Example({"column": "t", "to": "l"}, before={"t": ["The cat is on the mat", "Die Katze ist nicht da", "ok", None]}, after={"t": ["The cat is on the mat", "Die Katze ist nicht da", "ok", None], "l": ["english", "german", None, None]}),
    )  # fmt: skip

    def constants(self):
        return {"lists": {name: text.split() for name, text in STOP_WORDS.items()}}


@row_function("float64", "string")
def lexicon_score(text, *, lexicon, give):
    """Return the sum, mean or share of the scores of the listed words."""
    tokens = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", text.lower())
    scores = [lexicon[t] for t in tokens if t in lexicon]
    if give == "sum":
        return float(math.fsum(scores))
    if give == "number of listed words":
        return float(len(scores))
    return math.fsum(scores) / len(scores) if scores else None


@register
class ScoreWords(NewTextCall):
    """Score text by a list of words with numbers: sentiment (good 1, bad -1), or flagged words (each 1).

    Sum of the scores, their mean (missing without a listed word), or how many listed words occur. You give the list.
    """

    name: ClassVar = "language.score_words"
    label: ClassVar = "Score by a word list"
    covers: ClassVar = ("sentiment_lexicon", "profanity_flag")
    words: ClassVar = ("sentiment", "polarity", "lexicon", "profanity", "keyword list")
    function: ClassVar = lexicon_score
    examples: ClassVar = (
        Example({"column": "t", "to": "s", "word_scores": {"good": 1, "bad": -1}}, before={"t": ["Good, good but bad", "-", None]}, after={"t": ["Good, good but bad", "-", None], "s": [1.0, 0.0, None]}),
        Example({"column": "t", "to": "s", "word_scores": {"darn": 1}, "give": "number of listed words"}, before={"t": ["Darn it!", "ok"]}, after={"t": ["Darn it!", "ok"], "s": [1.0, 0.0]}),
    )  # fmt: skip

    word_scores: dict[str, float] = param("Words and scores", min_length=1)
    give: Literal["sum", "mean", "number of listed words"] = param("Give", default="sum")

    def __hash__(self):
        return hash(self.model_dump_json())

    def constants(self):
        return {"lexicon": {w.lower(): s for w, s in self.word_scores.items()}, "give": self.give}


@row_function("string", "string")
def simhash_of(text, *, bits):
    """Return a signature in hexadecimal; similar texts differ in few bits."""
    tokens = re.findall(r"\w+", text.lower())
    votes = [0] * bits
    for token in [" ".join(tokens[i : i + 2]) for i in range(max(len(tokens) - 1, 1))] if tokens else []:
        number = int.from_bytes(hashlib.md5(token.encode(), usedforsecurity=False).digest(), "big")
        votes = [v + (1 if number >> i & 1 else -1) for i, v in enumerate(votes)]
    return format(sum(1 << i for i, v in enumerate(votes) if v > 0), f"0{bits // 4}x")


@register
class SimHash(NewTextCall):
    """Give a short signature by which near duplicates are found: similar texts differ in few bits.

    SimHash (Charikar 2002) over pairs of words, in hexadecimal; a text without words has all zeros.
    """

    name: ClassVar = "language.simhash"
    label: ClassVar = "Near-duplicate signature"
    covers: ClassVar = ("text_hash_simhash",)
    words: ClassVar = ("simhash", "locality sensitive hash", "near duplicates")
    function: ClassVar = simhash_of
    examples: ClassVar = (
        # one word: the last 32 bits of its MD5 0cc175b9c0f1b6a831c399e269772661
        Example({"column": "t", "to": "h", "bits": 32}, before={"t": ["A", "", None]}, after={"t": ["A", "", None], "h": ["69772661", "00000000", None]}),
    )  # fmt: skip

    bits: Literal[32, 64, 128] = param("Bits", default=64)

    def constants(self):
        return {"bits": self.bits}


@row_function("string", "string")
def reordered(text, *, what):
    """Return text backwards, or with its words sorted (each once, if asked)."""
    if what == "characters backwards":
        return text[::-1]
    found = text.split()
    if what == "words backwards":
        return " ".join(found[::-1])
    return " ".join(sorted(set(found) if what == "different words sorted" else found))


@register
class Reorder(TextCall):
    """Turn text backwards, or sort its words (by character code; runs of white space become one space)."""

    name: ClassVar = "language.reorder"
    label: ClassVar = "Reverse or sort words"
    covers: ClassVar = ("reverse_text", "sort_words")
    words: ClassVar = ("reverse", "uniques", "sort tokens")
    function: ClassVar = reordered
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["abc", None]}, after={"t": ["cba", None]}),
        Example({"columns": ["t"], "what": "words backwards"}, before={"t": ["a  b c"]}, after={"t": ["c b a"]}),
        Example({"columns": ["t"], "what": "words sorted"}, before={"t": ["b a b"]}, after={"t": ["a b b"]}),
        Example({"columns": ["t"], "what": "different words sorted"}, before={"t": ["b a b"]}, after={"t": ["a b"]}),
    )  # fmt: skip

    what: Literal["characters backwards", "words backwards", "words sorted", "different words sorted"] = param(
        "Order", default="characters backwards"
    )

    def constants(self):
        return {"what": self.what}
