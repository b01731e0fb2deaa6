"""Similar values: merge spellings of one thing, keys and sound codes, scores between texts, the closest of a list."""

from __future__ import annotations

import collections
import itertools
import re
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import ibis
from rapidfuzz import distance, process

from transforms.catalog.common import TextCall, new_name, spare_names
from transforms.errors import ParamError
from transforms.fields import NewColumn, TextColumn, TextColumns, param
from transforms.functions import row_function
from transforms.reading import rows
from transforms.transform import Example, Transform, register

MOST_VALUES = 100_000  # distinct values that are looked at, the most frequent first
MOST_PAIRS = 20_000_000  # comparisons of nearest-neighbour methods; small blocks are compared first
MOST_SLOW_PAIRS = 500_000  # the same where one comparison is Python code
CASES = 500  # changes up to which a mapping is written as SQL CASE; above, it is a look-up


def ascii_letters(text):
    """Return text without accents; letters that are no Latin ones stay."""
    text = text.translate(
        {0xDF: "ss", 0xE6: "ae", 0xC6: "AE", 0xF8: "o", 0xD8: "O", 0x142: "l", 0x141: "L", 0x153: "oe"}
    )
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def fingerprint_of(text):
    """Return the different words, lower case, without accents and punctuation, in order."""
    return " ".join(sorted(set(re.sub(r"[^\w\s]|_", "", ascii_letters(text.strip().lower())).split())))


def ngram_fingerprint_of(text, size):
    """Return the different n-grams of the letters and digits, in order."""
    text = re.sub(r"[\W_]", "", ascii_letters(text.lower()))
    return "".join(sorted({text[i : i + size] for i in range(max(len(text) - size + 1, 1))}))


def soundex_of(word):
    """Return the American Soundex code: a letter and three digits."""
    codes = {
        c: d
        for letters, d in (("BFPV", "1"), ("CGJKQSXZ", "2"), ("DT", "3"), ("L", "4"), ("MN", "5"), ("R", "6"))
        for c in letters
    }
    word = re.sub(r"[^A-Z]", "", ascii_letters(word).upper())
    if not word:
        return ""
    code, last = word[0], codes.get(word[0], "")
    for letter in word[1:]:
        digit = codes.get(letter, "")
        if digit and digit != last:
            code += digit
        if letter not in "HW":  # H and W do not part equal codes, vowels do
            last = digit
    return (code + "000")[:4]


def metaphone_of(word):
    """Return Lawrence Philips' original Metaphone code (1990)."""
    word = re.sub(r"[^A-Z]", "", ascii_letters(word).upper())
    word = re.sub(r"([A-BD-Z])\1+", r"\1", word)  # doubled letters but C
    for start, instead in (("AE", "E"), ("GN", "N"), ("KN", "N"), ("PN", "N"), ("WR", "R"), ("X", "S"), ("WH", "W")):
        if word.startswith(start):
            word = instead + word[len(start) :]
            break
    code = ""
    for i, c in enumerate(word):
        before, after, second = word[i - 1 : i], word[i + 1 : i + 2], word[i + 2 : i + 3]
        vowel_after = after != "" and after in "AEIOU"
        front = after != "" and after in "EIY"
        if c in "AEIOU":
            code += c if i == 0 else ""
        elif c == "B":
            code += "" if before == "M" and not after else "B"
        elif c == "C":
            if after == "I" and second == "A" or after == "H" and before != "S":
                code += "X"
            elif front:
                code += "" if before == "S" else "S"
            else:
                code += "K"
        elif c == "D":
            code += "J" if after == "G" and second != "" and second in "EIY" else "T"
        elif c == "G":
            if after == "H" and not (second == "" or second in "AEIOU"):
                continue
            if after == "N" and (second == "" or word[i + 1 :] == "NED"):
                continue
            if before == "D" and front:
                continue
            code += "J" if front and before != "G" else "K" if after != "H" or vowel_after else "K" if i == 0 else ""
        elif c == "H":
            code += "H" if vowel_after and (before == "" or before not in "CSPTG") else ""
        elif c == "K":
            code += "" if before == "C" else "K"
        elif c == "P":
            code += "F" if after == "H" else "P"
        elif c == "Q":
            code += "K"
        elif c == "S":
            code += "X" if after == "H" or after == "I" and second != "" and second in "OA" else "S"
        elif c == "T":
            if after == "I" and second != "" and second in "OA":
                code += "X"
            elif after == "H":
                code += "0"
            elif not (after == "C" and second == "H"):
                code += "T"
        elif c == "V":
            code += "F"
        elif c in "WY":
            code += c if vowel_after else ""
        elif c == "X":
            code += "KS"
        elif c == "Z":
            code += "S"
        else:  # F, J, L, M, N, R
            code += c
    return code


def cologne_of(word):
    """Return the Cologne phonetic code (Postel 1969), made for German."""
    word = re.sub(r"[^A-Z]", "", ascii_letters(word).upper().replace("PH", "F"))
    code = ""
    for i, c in enumerate(word):
        before, after = word[i - 1 : i], word[i + 1 : i + 2]
        if c in "AEIJOUY":
            code += "0"
        elif c in "BP":
            code += "1"
        elif c in "DT":
            code += "8" if after != "" and after in "CSZ" else "2"
        elif c in "FVW":
            code += "3"
        elif c in "GKQ":
            code += "4"
        elif c == "C":
            hard = after != "" and after in ("AHKLOQRUX" if i == 0 else "AHKOQUX")
            code += "4" if hard and not (before != "" and before in "SZ") else "8"
        elif c == "X":
            code += "8" if before != "" and before in "CKQ" else "48"
        elif c == "L":
            code += "5"
        elif c in "MN":
            code += "6"
        elif c == "R":
            code += "7"
        elif c in "SZ":
            code += "8"
        else:  # H is silent and does not part equal codes
            continue
    code = re.sub(r"(.)\1+", r"\1", code)
    return code[:1] + code[1:].replace("0", "")


def key_of(text, method, size):
    """Return the key under which a text is merged with others."""
    if method == "fingerprint":
        return fingerprint_of(text)
    if method == "n-gram fingerprint":
        return ngram_fingerprint_of(text, size)
    code = {"soundex": soundex_of, "metaphone": metaphone_of, "cologne": cologne_of}[method]
    return " ".join(c for c in map(code, re.findall(r"[^\W\d_]+|\d+", text)) if c)


@dataclass(frozen=True)
class Cluster:
    """Values that seem to be one: `to` is the proposed one, `members` are (value, count), most frequent first.

    `score` is 1 for an equal key, else the smallest similarity of a member to `to`; `why` says it in words.
    """

    to: str
    members: tuple[tuple[str, int], ...]
    score: float
    why: str


KEYS = ("fingerprint", "n-gram fingerprint", "soundex", "metaphone", "cologne")


def clusters(
    values: Sequence[tuple[str, int]] | Mapping[str, int],
    method: str = "fingerprint",
    *,
    size: int = 2,
    edits: int = 2,
    similarity: float = 0.9,
) -> list[Cluster]:
    """Return groups of similar values, biggest first.

    Args:
        values: (value, count) pairs or {value: count}.
        method: a key (fingerprint, n-gram fingerprint, soundex, metaphone, cologne) or a neighbourhood (edit distance,
            jaro-winkler, shared words, compression).
        size: letters per n-gram of the n-gram fingerprint.
        edits: greatest distance for edit distance.
        similarity: least similarity (0 to 1) for the other neighbourhoods.

    The most frequent value of a group is proposed (ties: the first in order). In a neighbourhood a value joins the most
    frequent value that is near enough, so that chains of small steps do not grow. Only values that share three letters in
    a row (or a word) are compared, rare letters first, up to a fixed number of comparisons. Source of the idea and the
    keys: OpenRefine, key collision and nearest neighbour clustering.
    """
    counts = dict(values)
    ranked = sorted((v for v in counts if v.strip()), key=lambda v: (-counts[v], v))
    if method in KEYS:
        groups: dict[str, list[str]] = {}
        for value in ranked:
            if key := key_of(value, method, size):
                groups.setdefault(key, []).append(value)
        found = [(g, 1.0, f"same {method} {key!r}") for key, g in groups.items()]
    else:
        found = [
            (g, score, _why(method, score, edits)) for g, score in _neighbourhoods(ranked, method, edits, similarity)
        ]
    made = [Cluster(g[0], tuple((v, counts[v]) for v in g), score, why) for g, score, why in found if len(g) > 1]
    return sorted(made, key=lambda c: (-sum(n for _, n in c.members), c.to))


def _why(method: str, score: float, edits: int) -> str:
    if method == "edit distance":
        return f"at most {edits} letters differ from the most frequent one (similarity {score:.2f} or more)"
    return f"{method} similarity {score:.2f} or more to the most frequent one"


def _neighbourhoods(ranked: list[str], method: str, edits: int, similarity: float):
    """Yield (values, smallest similarity to the first)."""
    plain = [" ".join(v.casefold().split()) for v in ranked]
    near: dict[int, dict[int, float]] = collections.defaultdict(dict)
    for i, j, score in _near_pairs(plain, method, edits, similarity):
        near[i][j] = near[j][i] = score
    taken: set[int] = set()
    for i in range(len(ranked)):  # the most frequent first
        if i in taken:
            continue
        joined = {j: s for j, s in near[i].items() if j not in taken and j > i}
        if joined:
            taken |= {i, *joined}
            yield [ranked[j] for j in (i, *sorted(joined))], min(joined.values())


def _near_pairs(plain: list[str], method: str, edits: int, similarity: float):
    blocks: dict[str, list[int]] = collections.defaultdict(list)
    for i, text in enumerate(plain):
        padded = f" {text} "
        keys = set(text.split()) if method == "shared words" else {padded[k : k + 3] for k in range(len(padded) - 2)}
        for key in keys:
            blocks[key].append(i)
    slow = method in ("shared words", "compression")
    left = MOST_SLOW_PAIRS if slow else MOST_PAIRS
    for key in sorted(blocks, key=lambda k: (len(blocks[k]), k)):
        block = blocks[key]
        left -= len(block) * (len(block) - 1) // 2
        if left < 0:
            return
        if len(block) < 2:
            continue
        if slow:
            score = _shared_words if method == "shared words" else _compression
            for i, j in itertools.combinations(block, 2):
                if (s := score(plain[i], plain[j])) >= similarity:
                    yield i, j, s
            continue
        texts = [plain[i] for i in block]
        if method == "edit distance":
            measure = process.cdist(texts, texts, scorer=distance.Levenshtein.distance, score_cutoff=edits)
            hits = measure <= edits
        else:
            measure = process.cdist(texts, texts, scorer=distance.JaroWinkler.similarity, score_cutoff=similarity)
            hits = measure >= similarity
        for a, b in zip(*hits.nonzero(), strict=True):
            if a < b:
                s = (
                    distance.Levenshtein.normalized_similarity
                    if method == "edit distance"
                    else distance.JaroWinkler.similarity
                )
                yield block[a], block[b], s(texts[a], texts[b])


def _shared_words(a: str, b: str) -> float:
    one, other = set(a.split()), set(b.split())
    return len(one & other) / len(one | other)


def _compression(a: str, b: str) -> float:
    """Return 1 minus the normalised compression distance."""
    size = lambda t: len(zlib.compress(t.encode(), 9))  # noqa: E731
    one, other = size(a), size(b)
    return 1 - max(min(size(a + b), size(b + a)) - min(one, other), 0) / max(one, other)


@row_function("string", "string")
def mapped_text(text, *, mapping):
    return mapping.get(text, text)


def mapped(column, mapping: Mapping[str, str]):
    """Return text with some values replaced: a CASE in SQL, or a look-up where there are many."""
    if not mapping:
        return column
    if len(mapping) > CASES:
        return mapped_text(column, mapping=dict(mapping))
    return ibis.cases(*[(column == old, ibis.literal(new)) for old, new in mapping.items()], else_=column)


@register
class ClusterValues(Transform):
    """Merge spellings of the same thing: learns which values are alike and replaces them by the most frequent one.

    Learns {value: chosen value} from the 100,000 most frequent values of the training rows. Key methods merge values with
    the same key: fingerprint (words without case, accents, punctuation, order), n-gram fingerprint, sound (soundex,
    metaphone for English, cologne for German). Neighbour methods merge values near a more frequent one: edit distance,
    jaro-winkler, shared words (Jaccard), compression. Your approved mapping wins over what was found; a value that is
    neither stays as it is. Source: OpenRefine clustering.
    """

    name: ClassVar = "similar.cluster_values"
    label: ClassVar = "Merge similar values"
    serving: ClassVar = "fitted"
    covers: ClassVar = (
        "cluster_fingerprint",
        "cluster_phonetic",
        "cluster_ngram_fingerprint",
        "cluster_edit_distance",
        "cluster_token_set",
        "cluster_ppm",
    )
    words: ClassVar = (
        "cluster and edit",
        "key collision",
        "nearest neighbour",
        "fuzzy",
        "standardize values",
        "typos",
        "group values",
    )
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["New York", "York, new", "New York", "Bonn", None]}, after={"t": ["New York", "New York", "New York", "Bonn", None]}),
        Example({"columns": ["t"], "method": "n-gram fingerprint", "suffix": "_one"}, before={"t": ["Krzysztof", "Krzysz tof", "Krzysztof"]}, after={"t": ["Krzysztof", "Krzysz tof", "Krzysztof"], "t_one": ["Krzysztof"] * 3}),
        Example({"columns": ["t"], "method": "soundex"}, before={"t": ["Robert", "Rupert", "Robert"]}, after={"t": ["Robert"] * 3}),
        Example({"columns": ["t"], "method": "metaphone"}, before={"t": ["Steven", "Stephen", "Stephen"]}, after={"t": ["Stephen"] * 3}),
        Example({"columns": ["t"], "method": "cologne"}, before={"t": ["Meier", "Mayer", "Meier"]}, after={"t": ["Meier"] * 3}),
        Example({"columns": ["t"], "method": "edit distance", "edits": 1}, train={"t": ["Berlin", "Berlin", "Berlni", "Brelin", "Berln"]}, before={"t": ["Berln", "Berlni", "berlin"]}, after={"t": ["Berlin", "Berlni", "berlin"]}),
        Example({"columns": ["t"], "method": "jaro-winkler", "similarity": 0.95}, before={"t": ["MARTHA", "MARHTA", "MARTHA"]}, after={"t": ["MARTHA"] * 3}),
        Example({"columns": ["t"], "method": "shared words", "similarity": 0.6}, before={"t": ["Acme Ltd", "Acme Ltd London", "Acme Ltd"]}, after={"t": ["Acme Ltd"] * 3}),
        Example({"columns": ["t"], "method": "compression", "similarity": 0.8}, before={"t": ["the quick brown fox", "the quick brown fox!", "the quick brown fox"]}, after={"t": ["the quick brown fox"] * 3}),
        Example({"columns": ["t"], "mapping": {"BONN": "Bonn (D)", "Bonn": "Bonn (D)", "Köln": "Köln"}}, before={"t": ["Bonn", "Bonn", "BONN", "bonn", "Koln", "Koln", "Köln"]}, after={"t": ["Bonn (D)", "Bonn (D)", "Bonn (D)", "Bonn (D)", "Koln", "Koln", "Köln"]}),
        Example({"columns": ["t"], "mapping": {"a": "b"}, "propose": False}, before={"t": ["a", "A", None]}, after={"t": ["b", "A", None]}),
    )  # fmt: skip

    columns: TextColumns = param("Columns")
    method: Literal[
        "fingerprint",
        "n-gram fingerprint",
        "soundex",
        "metaphone",
        "cologne",
        "edit distance",
        "jaro-winkler",
        "shared words",
        "compression",
    ] = param("Alike by", default="fingerprint")
    size: int = param("Letters per n-gram", default=2, ge=1, le=10, help="For n-gram fingerprint.")
    edits: int = param("Letters that may differ", default=2, ge=1, le=10, help="For edit distance.")
    similarity: float = param(
        "Least similarity", default=0.9, gt=0, le=1, help="For jaro-winkler, shared words and compression."
    )
    mapping: dict[str, str] = param(
        "Approved mapping", default={}, help="Old and new values; a value mapped to itself is left alone."
    )
    propose: bool = param(
        "Merge beyond the approved mapping", default=True, help="Off: only the approved mapping counts."
    )
    suffix: str = param("New columns end in", default="", help="Leave empty to replace the columns.")

    def __hash__(self):
        return hash(self.model_dump_json())

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.suffix:
            for c in self.columns:
                new_name(c + self.suffix, schema)

    def proposals(self, values) -> list[Cluster]:
        """Return the groups that the settings find among (value, count) pairs, for a review."""
        return clusters(values, self.method, size=self.size, edits=self.edits, similarity=self.similarity)

    def fit(self, table):
        if not self.propose:
            return {c: self.changes([]) for c in self.columns}
        parts = []
        for i, c in enumerate(self.columns):
            kept = table.filter(table[c].notnull()).select(table[c].name("value"))
            counted = kept.group_by("value").aggregate(ibis._.count().name("n"))
            most = counted.order_by([ibis.desc("n"), ibis.asc("value")]).limit(MOST_VALUES)
            parts.append(most.mutate(ibis.literal(i).name("i")))
        found: dict[int, list] = collections.defaultdict(list)
        for row in rows(ibis.union(*parts) if len(parts) > 1 else parts[0]):
            found[row["i"]].append((row["value"], row["n"]))
        return {c: self.changes(self.proposals(found[i])) for i, c in enumerate(self.columns)}

    def changes(self, proposals: Sequence[Cluster]) -> dict[str, str]:
        """Return {value: new value} of all that changes; the approved mapping wins, and is applied to proposals too."""
        found = {}
        for cluster in proposals:
            to = self.mapping.get(cluster.to, cluster.to)
            found |= {value: to for value, _ in cluster.members}
        found |= self.mapping
        return dict(sorted((old, new) for old, new in found.items() if old != new))

    def apply(self, table, state):
        return table.mutate([mapped(table[c], mapping).name(c + self.suffix) for c, mapping in state.items()])

    def pandas(self, df, state, schema):
        return [
            f"{df}[{c + self.suffix!r}] = {df}[{c!r}].map({mapping!r}).astype('string').fillna({df}[{c!r}])"
            for c, mapping in state.items()
        ]


@row_function("string", "string")
def value_key(text, *, method, size):
    return key_of(text, method, size)


@register
class ValueKey(TextCall):
    """Give the key by which similar values are found: a fingerprint, or the sound code of each word.

    Equal keys mean the same words, the same letters or the same sound. Sources: OpenRefine fingerprints; American
    Soundex; Metaphone (Philips 1990); Kölner Phonetik (Postel 1969).
    """

    name: ClassVar = "similar.value_key"
    label: ClassVar = "Fingerprint or sound code"
    covers: ClassVar = ("fingerprint_key", "phonetic_code")
    words: ClassVar = ("fingerprint", "ngramFingerprint", "phonetic", "SOUNDEX", "METAPHONE", "sounds like key")
    function: ClassVar = value_key
    examples: ClassVar = (
        Example({"columns": ["t"], "suffix": "_key"}, before={"t": ["  Größe, die Größe ", "", None]}, after={"t": ["  Größe, die Größe ", "", None], "t_key": ["die grosse", "", None]}),
        Example({"columns": ["t"], "method": "n-gram fingerprint"}, before={"t": ["Paris"]}, after={"t": ["arispari"]}),
        Example({"columns": ["t"], "method": "soundex"}, before={"t": ["Robert Ashcraft", "Tymczak", "Pfister", "Honeyman"]}, after={"t": ["R163 A261", "T522", "P236", "H555"]}),
        Example({"columns": ["t"], "method": "metaphone"}, before={"t": ["Thumb", "Knight", "which"]}, after={"t": ["0M", "NT", "WX"]}),
        Example({"columns": ["t"], "method": "cologne"}, before={"t": ["Wikipedia", "Müller-Lüdenscheidt", "Breschnew"]}, after={"t": ["3412", "657 52682", "17863"]}),
    )  # fmt: skip

    method: Literal["fingerprint", "n-gram fingerprint", "soundex", "metaphone", "cologne"] = param(
        "Key", default="fingerprint"
    )
    size: int = param("Letters per n-gram", default=2, ge=1, le=10)

    def constants(self):
        return {"method": self.method, "size": self.size}


@row_function("boolean", "string", "string")
def same_sound(a, b, *, method):
    one, other = key_of(a, method, 2), key_of(b, method, 2)
    return one == other and one != ""


class TwoTexts(Transform):
    left: TextColumn = param("First text")
    right: TextColumn = param("Second text")
    to: NewColumn = param("New column")


@register
class SoundsLike(TwoTexts):
    """Tell whether two texts sound alike, word by word; texts without letters do not."""

    name: ClassVar = "similar.sounds_like"
    label: ClassVar = "Sounds like"
    covers: ClassVar = ("sounds_like",)
    words: ClassVar = ("phonetic match", "doublemetaphoneequals", "homophone")
    pandas_helpers: ClassVar = same_sound.helpers
    examples: ClassVar = (
        Example({"left": "a", "right": "b", "to": "r"}, before={"a": ["Stephen", "Ann", "1", None], "b": ["Steven", "Bob", "1", "x"]}, after={"a": ["Stephen", "Ann", "1", None], "b": ["Steven", "Bob", "1", "x"], "r": [True, False, False, None]}),
    )  # fmt: skip

    method: Literal["soundex", "metaphone", "cologne"] = param("By", default="metaphone")

    def apply(self, table, state):
        return table.mutate(same_sound(table[self.left], table[self.right], method=self.method).name(self.to))

    def pandas(self, df, state, schema):
        call = same_sound.pandas(f"{df}[{self.left!r}]", f"{df}[{self.right!r}]", method=self.method)
        return [f"{df}[{self.to!r}] = {call}"]


def grams_of(text, size):
    """Return how often each n-gram occurs; a shorter text is one n-gram."""
    return collections.Counter(text[i : i + size] for i in range(max(len(text) - size + 1, 1 if text else 0)))


def similarity_of(a, b, metric, size):
    """Return the similarity of two texts from 0 to 1."""
    if metric in ("levenshtein", "damerau", "jaro-winkler", "hamming"):
        measure = {
            "levenshtein": distance.Levenshtein,
            "damerau": distance.DamerauLevenshtein,
            "jaro-winkler": distance.JaroWinkler,
            "hamming": distance.Hamming,
        }[metric]
        return measure.normalized_similarity(a, b)
    if metric == "jaccard of words":
        one, other = collections.Counter(set(a.split())), collections.Counter(set(b.split()))
    else:
        one, other = grams_of(a, size), grams_of(b, size)
    if not one or not other:
        return float(one == other)
    if metric == "cosine of n-grams":
        dot = sum(n * other[g] for g, n in one.items())
        return dot / (sum(n * n for n in one.values()) * sum(n * n for n in other.values())) ** 0.5
    return len(one.keys() & other.keys()) / len(one.keys() | other.keys())


@row_function("float64", "string", "string")
def text_similarity(a, b, *, metric, size, ignore_case, as_distance):
    if ignore_case:
        a, b = a.casefold(), b.casefold()
    if as_distance and metric in ("levenshtein", "damerau", "hamming"):
        measure = {"levenshtein": distance.Levenshtein, "damerau": distance.DamerauLevenshtein}.get(
            metric, distance.Hamming
        )
        return float(measure.distance(a, b))
    score = similarity_of(a, b, metric, size)
    return 1.0 - score if as_distance else score


Metric = Literal[
    "levenshtein", "damerau", "jaro-winkler", "hamming", "jaccard of words", "jaccard of n-grams", "cosine of n-grams"
]


@register
class SimilarityScore(TwoTexts):
    """Score how similar two texts are: 1 is equal, 0 has nothing in common; or their distance.

    Levenshtein counts inserted, deleted and changed letters, Damerau swapped neighbours too, Hamming different places
    (both texts filled up); their distances are whole counts, others are 1 − similarity. Source: rapidfuzz.
    """

    name: ClassVar = "similar.score"
    label: ClassVar = "Similarity of two texts"
    covers: ClassVar = ("similarity_score",)
    words: ClassVar = ("edit distance", "fuzzy match", "FUZZY", "diff", "string distance")
    pandas_helpers: ClassVar = text_similarity.helpers
    examples: ClassVar = (
        Example({"left": "a", "right": "b", "to": "s"}, before={"a": ["kitten", "", None], "b": ["sitting", "", "x"]}, after={"a": ["kitten", "", None], "b": ["sitting", "", "x"], "s": [4 / 7, 1.0, None]}),
        Example({"left": "a", "right": "b", "give": "distance", "to": "s"}, before={"a": ["kitten"], "b": ["sitting"]}, after={"a": ["kitten"], "b": ["sitting"], "s": [3.0]}),
        Example({"left": "a", "right": "b", "metric": "damerau", "give": "distance", "ignore_case": True, "to": "s"}, before={"a": ["Ca"], "b": ["ac"]}, after={"a": ["Ca"], "b": ["ac"], "s": [1.0]}),
        # 6 letters, all match, one swap: Jaro 17/18, plus 3 * 0.1 * 1/18
        Example({"left": "a", "right": "b", "metric": "jaro-winkler", "to": "s"}, before={"a": ["MARTHA"], "b": ["MARHTA"]}, after={"a": ["MARTHA"], "b": ["MARHTA"], "s": [17 / 18 + 0.3 / 18]}),
        Example({"left": "a", "right": "b", "metric": "hamming", "give": "distance", "to": "s"}, before={"a": ["abcd"], "b": ["abd"]}, after={"a": ["abcd"], "b": ["abd"], "s": [2.0]}),
        Example({"left": "a", "right": "b", "metric": "jaccard of words", "to": "s"}, before={"a": ["a b c"], "b": ["c b d"]}, after={"a": ["a b c"], "b": ["c b d"], "s": [0.5]}),
        Example({"left": "a", "right": "b", "metric": "jaccard of n-grams", "give": "distance", "to": "s"}, before={"a": ["abc"], "b": ["abd"]}, after={"a": ["abc"], "b": ["abd"], "s": [2 / 3]}),
        Example({"left": "a", "right": "b", "metric": "cosine of n-grams", "to": "s"}, before={"a": ["abc"], "b": ["abd"]}, after={"a": ["abc"], "b": ["abd"], "s": [0.5]}),
    )  # fmt: skip

    metric: Metric = param("Measure", default="levenshtein")
    give: Literal["similarity", "distance"] = param("Give", default="similarity")
    size: int = param("Letters per n-gram", default=2, ge=1, le=10)
    ignore_case: bool = param("Ignore upper and lower case", default=False)

    def constants(self):
        return {
            "metric": self.metric,
            "size": self.size,
            "ignore_case": self.ignore_case,
            "as_distance": self.give == "distance",
        }

    def apply(self, table, state):
        return table.mutate(text_similarity(table[self.left], table[self.right], **self.constants()).name(self.to))

    def pandas(self, df, state, schema):
        call = text_similarity.pandas(f"{df}[{self.left!r}]", f"{df}[{self.right!r}]", **self.constants())
        return [f"{df}[{self.to!r}] = {call}"]


@row_function("array<string>", "string")
def closest_reference(text, *, reference, metric, size, ignore_case):
    """Return the most similar reference value and its similarity."""
    fold = str.casefold if ignore_case else str
    scores = [similarity_of(fold(text), fold(r), metric, size) for r in reference]
    best = max(range(len(reference)), key=scores.__getitem__)
    return [reference[best], repr(float(scores[best]))]


@register
class MatchReference(Transform):
    """Replace text by the most similar value of a list that you give, where it is similar enough.

    Ties go to the value that comes first in the list. The measures are those of "Similarity of two texts".
    """

    name: ClassVar = "similar.match_reference"
    label: ClassVar = "Replace by the closest of a list"
    covers: ClassVar = ("canonicalize_to_reference",)
    words: ClassVar = (
        "canonicalize",
        "fuzzy lookup",
        "standardize",
        "reconcile",
        "cluster values",
        "transformation table",
    )
    pandas_helpers: ClassVar = closest_reference.helpers
    examples: ClassVar = (
        Example({"column": "t", "reference": ["Germany", "France"], "similarity": 0.8, "to": "c", "score": "s"}, before={"t": ["germny", "xyz", "France", None]}, after={"t": ["germny", "xyz", "France", None], "c": ["Germany", None, "France", None], "s": [6 / 7, 0.0, 1.0, None]}),
        Example({"column": "t", "reference": ["ab"], "others": "keep", "metric": "jaccard of words", "to": "c"}, before={"t": ["AB", "b"]}, after={"t": ["AB", "b"], "c": ["ab", "b"]}),
    )  # fmt: skip

    column: TextColumn = param("Column")
    reference: tuple[str, ...] = param("Right values", min_length=1, max_length=10_000)
    metric: Metric = param("Measure", default="levenshtein")
    similarity: float = param("Least similarity", default=0.8, ge=0, le=1)
    ignore_case: bool = param("Ignore upper and lower case", default=True)
    size: int = param("Letters per n-gram", default=2, ge=1, le=10)
    others: Literal["missing", "keep"] = param("Text that is like none", default="missing")
    to: NewColumn = param("New column")
    score: str = param("New column for the similarity", default="", help="Leave empty for none.")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.score:
            new_name(self.score, schema)
        if self.score == self.to:
            raise ParamError("the two new columns need different names.")

    def constants(self):
        kept = {"reference": list(self.reference), "metric": self.metric, "size": self.size}
        return kept | {"ignore_case": self.ignore_case}

    def apply(self, table, state):
        best, score = spare_names(table, 2)
        found = table.mutate(closest_reference(table[self.column], **self.constants()).name(best))
        found = found.mutate(found[best][1].cast("float64").name(score))
        other = found[self.column] if self.others == "keep" else ibis.null("string")
        new = [(found[score] >= self.similarity).ifelse(found[best][0], other).name(self.to)]
        if self.score:
            new.append(found[score].name(self.score))
        return found.mutate(new).drop(best, score)

    def pandas(self, df, state, schema):
        other = f"{df}[{self.column!r}]" if self.others == "keep" else "None"
        lines = [
            f"best = {closest_reference.pandas(f'{df}[{self.column!r}]', **self.constants())}",
            "score = best.map(lambda b: float(b[1]), na_action='ignore').astype('Float64')",
            "closest = best.map(lambda b: b[0], na_action='ignore').astype('string')",
            f"{df}[{self.to!r}] = closest.where((score >= {self.similarity}).fillna(False), {other})",
        ]
        return [*lines, f"{df}[{self.score!r}] = score"] if self.score else lines


@row_function("string", "string")
def corrected_text(text, *, words, edits):
    """Return text with unknown words replaced by the nearest known one that differs in few letters."""
    known = {w.casefold() for w in words}

    def correct(match):
        word = match.group()
        if word.casefold() in known:
            return word
        near = [(distance.OSA.distance(word.casefold(), w.casefold()), place, w) for place, w in enumerate(words)]
        found = min(near)
        if found[0] > edits or found[0] >= len(word):
            return word
        return found[2][:1].upper() + found[2][1:] if word[0].isupper() else found[2]

    return re.sub(r"[^\W\d_]+", correct, text)


@register
class CorrectSpelling(TextCall):
    """Correct words by your list of right words: a word that is not in it becomes the nearest one, if few letters differ.

    Swapped neighbours count as one difference. Ties go to the word that comes first, so list the frequent ones first.
    """

    name: ClassVar = "similar.correct_spelling"
    label: ClassVar = "Correct spelling by a list"
    covers: ClassVar = ("spell_correct",)
    words: ClassVar = ("spell check", "typos", "dictionary")
    function: ClassVar = corrected_text
    examples: ClassVar = (
        Example({"columns": ["t"], "right_words": ["apple", "pear"]}, before={"t": ["Aplpe, pears & fig", None]}, after={"t": ["Apple, pear & fig", None]}),
    )  # fmt: skip

    right_words: tuple[str, ...] = param("Right words", min_length=1, max_length=20_000)
    edits: int = param("Letters that may differ", default=1, ge=1, le=5)

    def constants(self):
        return {"words": list(self.right_words), "edits": self.edits}
