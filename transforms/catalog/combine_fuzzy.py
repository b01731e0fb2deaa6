"""Other tables by likeness: fuzzy joins with an explained score, and proposed keys."""

from __future__ import annotations

import re
import unicodedata
from typing import ClassVar, Literal

import ibis
import rapidfuzz.distance.JaroWinkler as jaro_winkler
import rapidfuzz.distance.Levenshtein as levenshtein
import rapidfuzz.fuzz as fuzz

from transforms.catalog.combine import Join, OtherColumn, check_keys, right_side, taken
from transforms.errors import FitError
from transforms.fields import (
    NewColumn,
    OtherInput,
    TextColumn,
    param,
)
from transforms.functions import row_function
from transforms.reading import rows
from transforms.transform import CombiningTransform, Example, register


@row_function("array<string>", "string")
def block_keys(text, *, block):
    """Return the keys under which a text may meet others."""
    words = re.findall(r"\w+", text)
    if block == "all pairs" or not words:
        return [""]
    if block == "same first letter":
        return [words[0][:1]]
    return sorted({w[:3] for w in words})


@row_function("string", "string")
def normal_text(text, *, how):
    """Return a text as it is compared."""
    if how == "as it is":
        return text
    plain = unicodedata.normalize("NFKD", text.strip().casefold())
    plain = " ".join(re.findall(r"\w+", "".join(c for c in plain if not unicodedata.combining(c))))
    return " ".join(sorted(set(plain.split()))) if how == "words in order" else plain


@row_function("float64", "string", "string")
def likeness(a, b, *, metric):
    """Return how similar two texts are, from 0 to 1."""
    if metric == "ratio":
        return fuzz.ratio(a, b) / 100
    if metric == "word order":
        return fuzz.token_sort_ratio(a, b) / 100
    if metric == "shared words":
        return fuzz.token_set_ratio(a, b) / 100
    if metric == "part of the other":
        return fuzz.partial_ratio(a, b) / 100
    if metric == "levenshtein":
        return levenshtein.normalized_similarity(a, b)
    return jaro_winkler.similarity(a, b)


@row_function("string", "string", "string", "float64")
def told_score(a, b, score, *, metric):
    """Return the score in words."""
    return f"{metric} {score:.2f}: {a!r} ~ {b!r}"


Likeness = Literal["ratio", "word order", "shared words", "part of the other", "levenshtein", "jaro-winkler"]
Block = Literal["words that begin alike", "same first letter", "all pairs"]
FUZZY_HELPERS = tuple(dict.fromkeys(h for f in (block_keys, normal_text, likeness, told_score) for h in f.helpers))


def similar_pairs(left, right, *, metric, threshold, normalise, block, best_only):
    """Return the table of similar pairs of texts (a, b, their score, both as compared) of two one-column tables "t".

    Only texts that share a block are compared; the best of several is the first in alphabetical order.
    """
    sides = []
    for side in (left, right):
        distinct = side.filter(side.t.notnull()).distinct()
        plain = distinct.mutate(normal_text(distinct.t, how=normalise).name("n"))
        blocked = plain.mutate(block_keys(plain.n, block=block).name("k"))
        sides.append(blocked.unnest("k"))
    a, b = sides
    b = b.select(b.t.name("b"), b.n.name("bn"), b.k.name("bk"))
    met = a.join(b, [a.k == b.bk])
    met = met.select(met.t.name("a"), met.n.name("an"), met.b, met.bn).distinct()
    scored = met.mutate(likeness(met.an, met.bn, metric=metric).name("score"))
    kept = scored.filter(scored.score >= threshold)
    if not best_only:
        return kept
    place = ibis.row_number().over(group_by=kept.a, order_by=[kept.score.desc(), kept.b.asc()])
    ranked = kept.mutate(place.name("place"))
    return ranked.filter(ranked.place == 0).drop("place")


def pandas_pairs(left: str, right: str, *, metric, threshold, normalise, block, best_only) -> list[str]:
    """Return pandas lines that do the same with two series of texts, into `pairs`."""
    lines = ["sides = []"]
    for side, names in ((left, ("a", "an")), (right, ("b", "bn"))):
        lines += [
            f"side = pd.DataFrame({{{names[0]!r}: {side}.dropna().drop_duplicates()}})",
            f"side[{names[1]!r}] = {normal_text.pandas(f'side[{names[0]!r}]', how=normalise)}",
            f"side['k'] = {block_keys.pandas(f'side[{names[1]!r}]', block=block)}",
            "sides.append(side.explode('k'))",
        ]
    lines += [
        "pairs = sides[0].merge(sides[1], on='k').drop(columns='k').drop_duplicates().reset_index(drop=True)",
        f"pairs['score'] = {likeness.pandas('pairs[' + repr('an') + ']', 'pairs[' + repr('bn') + ']', metric=metric)}",
        f"pairs = pairs[pairs['score'] >= {threshold}].sort_values(['a', 'score', 'b'], ascending=[True, False, True])",
    ]
    return [*lines, "pairs = pairs.drop_duplicates('a')"] if best_only else lines


@register
class JoinFuzzy(CombiningTransform):
    """Join rows of another input whose text is similar, with the score and a line that explains it.

    Only texts that share a block are compared (words that begin with the same three letters, the same first letter, or all
    pairs). Texts are compared as they are, or without case, accents and signs, or also with their words in alphabetical order.
    Scores go from 0 to 1 (rapidfuzz). Best match only: the highest score, ties in alphabetical order. Rows of the other
    table with the same text all match. Missing texts match nothing. Needs rapidfuzz.
    """

    name: ClassVar = "combine.join_fuzzy"
    label: ClassVar = "Join similar texts"
    serving: ClassVar = "row"
    covers: ClassVar = ("join_fuzzy",)
    words: ClassVar = ("fuzzy join", "fuzzy match", "reconcile", "approximate", "record linkage", "deduplicate")
    pandas_helpers: ClassVar = FUZZY_HELPERS
    examples: ClassVar = (
        Example({"input": "ref", "column": "t", "other_column": "name", "threshold": 0.8, "explain_to": "why"}, before={"t": ["Berlln", "PARIS ", "Rome", None]}, others={"ref": {"name": ["Berlin", "Paris"], "id": [1, 2]}},
                after={"t": ["Berlln", "PARIS ", "Rome", None], "score": [10 / 12, 1.0, None, None], "why": ["ratio 0.83: 'berlln' ~ 'berlin'", "ratio 1.00: 'paris' ~ 'paris'", None, None], "name": ["Berlin", "Paris", None, None], "id": [1, 2, None, None]}),
        Example({"input": "ref", "column": "t", "other_column": "t", "metric": "word order", "threshold": 0.99, "matches": "all", "how": "inner", "score_to": "s"}, before={"t": ["Ada Byron", "x"]}, others={"ref": {"t": ["Byron, Ada", "ada byron", "Eve"]}},
                after={"t": ["Ada Byron", "Ada Byron"], "s": [1.0, 1.0], "t_other": ["Byron, Ada", "ada byron"]}),
        *(Example({"input": "ref", "column": "t", "other_column": "u", "metric": m, "threshold": 0.9, "block": b, "normalise": n}, before={"t": ["ab cd"]}, others={"ref": {"u": ["ab cd", "zz"]}}, after={"t": ["ab cd"], "score": [1.0], "u": ["ab cd"]})
          for m, b, n in (("shared words", "all pairs", "as it is"), ("part of the other", "same first letter", "words in order"), ("levenshtein", "all pairs", "plain"), ("jaro-winkler", "all pairs", "plain"))),
    )  # fmt: skip

    input: OtherInput = param("Other table")
    column: TextColumn = param("Text in this table")
    other_column: OtherColumn = param("Text in the other table")
    how: Literal["left", "inner"] = param("Kind", default="left")
    metric: Likeness = param("Similarity", default="ratio")
    threshold: float = param("At least as similar as", default=0.85, ge=0, le=1)
    normalise: Literal["plain", "words in order", "as it is"] = param("Compare", default="plain", help="Plain: without case, accents and signs.")  # fmt: skip
    block: Block = param("Compare only texts with", default="words that begin alike")
    matches: Literal["best", "all"] = param("Matches", default="best")
    score_to: NewColumn = param("Column for the score", default="score")
    explain_to: str = param("Column that explains the score", default="", help="Empty: none.")
    suffix: str = param("Suffix for names that are taken", default="_other", min_length=1)

    def _how(self) -> dict:
        return {"metric": self.metric, "threshold": self.threshold, "normalise": self.normalise, "block": self.block, "best_only": self.matches == "best"}  # fmt: skip

    def apply(self, table, state, others):
        other = others[self.input]
        check_keys(table, other, [self.column], [self.other_column])
        taken((self.score_to, *([self.explain_to] if self.explain_to else [])), (*table.columns, *other.columns))
        added, right = right_side(table, other, (), self.suffix)
        pairs = similar_pairs(table.select(table[self.column].name("t")), other.select(other[self.other_column].name("t")), **self._how())  # fmt: skip
        pairs = pairs.select([pairs[c].name(f"__p_{c}") for c in pairs.columns])
        right = right.join(pairs, [right[f"__o_{other.columns.index(self.other_column)}"] == pairs["__p_b"]])
        joined = table.join(right, [table[self.column] == right["__p_a"]], how=self.how)
        new = [joined[f"__o_{i}"].name(added[c]) for i, c in enumerate(other.columns)]
        told = told_score(joined["__p_an"], joined["__p_bn"], joined["__p_score"], metric=self.metric)
        scores = [joined["__p_score"].name(self.score_to), *([told.name(self.explain_to)] if self.explain_to else [])]
        return joined.select([*(joined[c] for c in table.columns), *scores, *new])

    def pandas(self, df, state, schema):
        other = f"others[{self.input!r}]"
        told = told_score.pandas("pairs['an']", "pairs['bn']", "pairs['score']", metric=self.metric)
        names = f"{{'__o_' + c: c if c not in {df}.columns else c + {self.suffix!r} for c in {other}.columns}}"
        scores = {"score": self.score_to} | ({"told": self.explain_to} if self.explain_to else {})
        return [
            *pandas_pairs(f"{df}[{self.column!r}]", f"{other}[{self.other_column!r}]", **self._how()),
            *([f"pairs['told'] = {told}"] if self.explain_to else []),
            f"right = pairs[{['a', 'b', *scores]!r}].add_prefix('__p_').merge({other}.add_prefix('__o_'), left_on='__p_b', right_on='__o_' + {self.other_column!r})",
            f"names = {{{', '.join(f'{chr(39)}__p_{k}{chr(39)}: {v!r}' for k, v in scores.items())}, **{names}}}",
            "right = right.astype({'__p_score': 'Float64', '__p_a': 'string'})[['__p_a', *names]]",
            f"{df} = {df}.merge(right, left_on={self.column!r}, right_on='__p_a', how={self.how!r}).drop(columns='__p_a').rename(columns=names)",
        ]


@register
class JoinSuggested(CombiningTransform):
    """Find the keys that two tables share by the overlap of their values, remember them, and join by the best.

    Fit compares every pair of columns of one type (text or whole numbers) by the share of this table's different values that the
    other table has, in one query; equal names and different values on the other side count in favour. It keeps the five best
    proposals; the first is used, or the one that you choose. Joins as "Join another table" does.
    """

    name: ClassVar = "combine.join_suggested"
    label: ClassVar = "Join by suggested keys"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("suggest_join_keys",)
    words: ClassVar = ("find join keys", "auto join", "suggest keys", "smart join")
    examples: ClassVar = (
        Example({"input": "other"}, before={"x": ["p", "q", None], "n": [1, 2, 3]}, others={"other": {"code": ["q", "p"], "v": [7, 8]}}, after={"x": ["p", "q", None], "n": [1, 2, 3], "v": [8, 7, None]}),
    )  # fmt: skip

    input: OtherInput = param("Other table")
    choice: int = param("Which proposal", default=1, ge=1, le=5)
    how: Literal["left", "inner"] = param("Kind", default="left")
    suffix: str = param("Suffix for names that are taken", default="_other", min_length=1)

    def fit(self, table, others):
        other, parts, pairs = others[self.input], [], []
        for a in table.columns:
            for b in other.columns:
                if table[a].type() != other[b].type() or not (
                    table[a].type().is_string() or table[a].type().is_integer()
                ):
                    continue
                mine = table.filter(table[a].notnull()).select(table[a].name("v")).distinct()
                theirs = other.filter(other[b].notnull()).select(other[b].name("w"))
                unique = theirs.distinct()
                hit = mine.join(unique, [mine.v == unique.w], how="semi")
                number = ibis.literal(len(pairs), "int64").name("i")
                counts = [t.aggregate(ibis._.count().cast("int64").name("n")) for t in (mine, hit, theirs, unique)]
                parts += [c.mutate(number, ibis.literal(k, "int64").name("k")) for k, c in enumerate(counts)]
                pairs.append((a, b))
        if not parts:
            raise FitError("the tables have no two columns of one type.", hint="Change the type of a key.")
        found = {(r["i"], r["k"]): r["n"] for r in rows(ibis.union(*parts))}
        proposals = []
        for i, (a, b) in enumerate(pairs):
            mine, hit, theirs, unique = (found[i, k] for k in range(4))
            overlap, different = hit / mine if mine else 0.0, unique / theirs if theirs else 0.0
            score = 0.7 * overlap + 0.15 * different + 0.15 * (a.lower() == b.lower())
            proposals.append({"key": a, "other_key": b, "score": round(score, 4), "overlap": round(overlap, 4)})
        best = sorted((p for p in proposals if p["overlap"] > 0), key=lambda p: (-p["score"], p["key"], p["other_key"]))
        if len(best) < self.choice:
            raise FitError(f"there are {len(best)} proposals: no other two columns share a value.")
        return {"proposals": best[:5]}

    def _join(self, state):
        chosen = state["proposals"][self.choice - 1]
        return Join(input=self.input, keys=(chosen["key"],), other_keys=(chosen["other_key"],), how=self.how, suffix=self.suffix)  # fmt: skip

    def apply(self, table, state, others):
        return self._join(state).apply(table, None, others)

    def pandas(self, df, state, schema):
        return self._join(state).pandas(df, None, schema)
