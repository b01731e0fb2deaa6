"""Encoding: categories into numbers, with the categories learnt in training."""

from __future__ import annotations

import hashlib
import math
from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import new_name, spare_names
from transforms.catalog.hashing import (
    HASH_HELPER,
    NUMBER_TEXT,
    as_text,
    hashable,
    hashed_share,
    pandas_plain_text,
    text_like,
)
from transforms.catalog.missing import lookup
from transforms.errors import FitError, ParamError
from transforms.fields import Column, Columns, NewColumn, NumberColumn, TextColumn, TextColumns, param
from transforms.functions import row_function
from transforms.reading import rows
from transforms.schema import known
from transforms.transform import Example, Transform, register

MOST = 1000  # categories that a column may have


def counts(table, columns):
    """Return [{column number "i", value as text "value", count "n", …}] of the known values, in one query."""
    parts = []
    for i, c in enumerate(columns):
        kept = table.filter(table[c].notnull())
        parts.append(
            kept.group_by(kept[c].cast("string").name("value"))
            .aggregate(ibis._.count().name("n"))
            .mutate(ibis.literal(i).name("i"))
        )
    found = rows(ibis.union(*parts) if len(parts) > 1 else parts[0])
    return sorted(found, key=lambda r: (r["i"], r["value"]))


class Categories(Transform):
    """Learns the categories of each chosen column."""

    serving: ClassVar = "fitted"
    columns: Columns = param("Columns")

    def check_columns(self, schema):
        super().check_columns(schema)
        text_like(schema, self.columns)

    def fit(self, table):
        found: dict[str, list] = {c: [] for c in self.columns}
        for row in counts(table, self.columns):
            found[self.columns[row["i"]]].append((row["value"], row["n"]))
        for column, values in found.items():
            if len(values) > MOST:
                raise FitError(
                    f"column {column!r} has {len(values):,} categories; at most {MOST:,} can be encoded.",
                    hint="Group rare values first.",
                )
        return {c: self.learn(values) for c, values in found.items()}

    def learn(self, values: list[tuple[str, int]]):
        return [v for v, _ in values]


@register
class OneHotEncode(Categories):
    """Turn each category into a column of 0 and 1.

    Columns: the encoded ones are replaced by `<column>_<category>` (int64), in alphabetical order, at the end. A missing
    or unseen value has 0 everywhere. At most 1,000 categories. Source: scikit-learn `OneHotEncoder(handle_unknown="ignore")`.
    """

    name: ClassVar = "encode.one_hot"
    label: ClassVar = "One-hot encode"
    covers: ClassVar = ("one_hot_encode",)
    words: ClassVar = ("dummy variables", "get_dummies", "ONE_HOT_ENCODING", "categories to columns")
    examples: ClassVar = (
        Example({"columns": ["c"]}, before={"id": [1, 2, 3], "c": ["b", "a", None]}, after={"id": [1, 2, 3], "c_a": [0, 1, 0], "c_b": [1, 0, 0]}),
        Example({"columns": ["c"], "drop_first": True, "keep": True}, train={"c": ["a", "b"]}, before={"c": ["b", "z"]}, after={"c": ["b", "z"], "c_b": [1, 0]}),
    )  # fmt: skip

    drop_first: bool = param(
        "Leave out the first category", default=False, help="For linear models: the others tell it."
    )
    keep: bool = param("Keep the encoded columns", default=False)

    def open_prefixes(self):
        return tuple(f"{c}_" for c in self.columns)

    def made(self, state) -> list[tuple[str, str, str]]:
        """Return (column, category, new name)."""
        return [(c, v, f"{c}_{v}") for c, values in state.items() for v in values[1 if self.drop_first else 0 :]]

    def apply(self, table, state):
        made = self.made(state)
        clash = [n for _, _, n in made if n in table.columns]
        if clash:
            raise ParamError(f"column {clash[0]!r} exists already.", hint="Rename it first.")
        texts = {c: table[c].cast("string") for c in self.columns}
        hot = [(texts[c] == v).fill_null(False).cast("int64").name(n) for c, v, n in made]
        kept = [table[c] for c in table.columns if self.keep or c not in self.columns]
        return table.select([*kept, *hot]) if kept or hot else table

    def pandas(self, df, state, schema):
        lines = ["hot = {}"]
        for c, values in state.items():
            text = as_text(f"{df}[{c!r}]", schema[c])
            lines += [
                f"text = {text}",
                f"for value in {values[1 if self.drop_first else 0 :]!r}:",
                f"    hot[{c + '_'!r} + value] = (text == value).fillna(False).astype('Int64')",
            ]
        drop = "" if self.keep else f".drop(columns={list(self.columns)!r})"
        return [*lines, f"{df} = pd.concat([{df}{drop}, pd.DataFrame(hot, index={df}.index)], axis=1)"]


@register
class OrdinalEncode(Categories):
    """Number the categories 0, 1, 2 … in alphabetical order or in an order that you give.

    Missing and unseen values are missing, or -1. Source: scikit-learn `OrdinalEncoder`.
    """

    name: ClassVar = "encode.ordinal"
    label: ClassVar = "Number the categories"
    covers: ClassVar = ("ordinal_encode", "map_ordered_levels", "label_encode_target")
    words: ClassVar = ("label encoder", "integer encode", "LabelEncoder", "custom order", "levels")
    examples: ClassVar = (
        Example({"columns": ["c"]}, before={"c": ["b", "a", None]}, after={"c": [1, 0, None]}),
        Example(
            {"columns": ["c"], "order": ["low", "high"], "unseen": "-1"},
            before={"c": ["high", "low", "odd"]},
            after={"c": [1, 0, -1]},
        ),
    )

    order: tuple[str, ...] = param("Order", default=(), help="Lowest first; empty: alphabetical.")
    unseen: Literal["missing", "-1"] = param("Values not seen in training", default="missing")

    def learn(self, values):
        return list(self.order) or super().learn(values)

    def apply(self, table, state):
        other = ibis.null("int64") if self.unseen == "missing" else ibis.literal(-1, "int64")
        return table.mutate([_numbered(table[c].cast("string"), values, other).name(c) for c, values in state.items()])

    def pandas(self, df, state, schema):
        lines = []
        for c, values in state.items():
            fill = "" if self.unseen == "missing" else ".fillna(-1)"
            lines.append(
                f"{df}[{c!r}] = {as_text(f'{df}[{c!r}]', schema[c])}.map({{v: i for i, v in enumerate({values!r})}}).astype('Int64'){fill}"
            )
        return lines


def _numbered(text, values, other):
    return (
        ibis.cases(*[(text == v, ibis.literal(i, "int64")) for i, v in enumerate(values)], else_=other)
        if values
        else other
    )


@register
class FrequencyEncode(Categories):
    """Replace each category by how often it occurs in training, as a share of the known values (0 to 1) or a number of rows.

    Unseen categories get 0, missing ones stay missing. Columns: float64, or int64 for numbers of rows.
    """

    name: ClassVar = "encode.frequency"
    label: ClassVar = "Encode by frequency"
    covers: ClassVar = ("frequency_encode", "count_encode")
    words: ClassVar = ("count encoding", "prevalence")
    examples: ClassVar = (
        Example(
            {"columns": ["c"]}, before={"c": ["a", "a", "b", "c", None]}, after={"c": [0.5, 0.5, 0.25, 0.25, None]}
        ),
        Example(
            {"columns": ["c"], "give": "number of rows"},
            train={"c": ["a", "a", "b", None]},
            before={"c": ["b", "a", "z", None]},
            after={"c": [1, 2, 0, None]},
        ),
    )

    give: Literal["share", "number of rows"] = param("Give", default="share")

    def learn(self, values):
        total = sum(n for _, n in values) or 1
        return {v: n / total if self.give == "share" else n for v, n in values}

    def apply(self, table, state):
        none = 0.0 if self.give == "share" else 0

        def value(c, shares):
            found = lookup(table[c].cast("string"), shares, none).cast("float64" if self.give == "share" else "int64")
            return table[c].isnull().ifelse(ibis.null(found.type()), found)

        return table.mutate([value(c, shares).name(c) for c, shares in state.items()])

    def pandas(self, df, state, schema):
        lines, kind = [], "Float64" if self.give == "share" else "Int64"
        for c, shares in state.items():
            lines += [
                f"text = {as_text(f'{df}[{c!r}]', schema[c])}",
                f"{df}[{c!r}] = text.map({shares!r}).astype({kind!r}).fillna(0).mask(text.isna())",
            ]
        return lines


@register
class GroupRareValues(Categories):
    """Replace categories that are rare in training (and unseen ones) by one name."""

    name: ClassVar = "encode.group_rare"
    label: ClassVar = "Group rare values"
    covers: ClassVar = ("group_rare_categories",)
    words: ClassVar = ("rare labels", "other", "infrequent")
    examples: ClassVar = (
        Example(
            {"columns": ["c"], "share": 0.3},
            before={"c": ["a", "a", "b", "a", None]},
            after={"c": ["a", "a", "other", "a", None]},
        ),
    )

    share: float = param("Rare below a share of", default=0.01, gt=0, lt=1)
    to: str = param("Name for the rest", default="other")

    def check_columns(self, schema):
        super().check_columns(schema)
        for c in self.columns:
            if not schema[c].is_string():
                raise ParamError(f"column {c!r} is not text.", hint="Change its type first.")

    def fit(self, table):
        found: dict[str, list] = {c: [] for c in self.columns}
        for row in counts(table, self.columns):
            found[self.columns[row["i"]]].append((row["value"], row["n"]))
        return {
            c: sorted(v for v, n in values if n >= self.share * sum(m for _, m in values))
            for c, values in found.items()
        }

    def apply(self, table, state):
        def value(c, common):
            x = table[c]
            return x.isnull().ifelse(
                ibis.null("string"),
                (x.isin(common) if common else ibis.literal(False)).ifelse(x, ibis.literal(self.to)),
            )

        return table.mutate([value(c, common).name(c) for c, common in state.items()])

    def pandas(self, df, state, schema):
        return [
            f"{df}[{c!r}] = {df}[{c!r}].where({df}[{c!r}].isin({common!r}) | {df}[{c!r}].isna(), {self.to!r})"
            for c, common in state.items()
        ]


@register
class TargetEncode(Transform):
    """Replace each category by a statistic of a target in training, drawn towards the overall one where rows are few.

    Mean: (n × category mean + smoothing × overall mean) / (n + smoothing). Weight of evidence (target 0 or 1): ln of the category's share
    of the ones over its share of the zeros, with half a row added to each. James-Stein: the mean, drawn towards the overall mean by the
    share of the category's own variance. Missing and unseen categories get the overall statistic.

    Out of fold: a row whose target is known counts as a training row and gets the statistic of the *other* folds, so that its own target
    cannot leak into it; the fold is a hash of the row's other values (without the target), or a column made by `split.folds`. A row whose
    target is missing is a new record and gets the whole training statistic. `leave out: the row itself` takes off only the row's own target
    (leave one out), `nothing` nothing: then fit it on other rows than those that a model learns from. At most 1,000 categories.
    """

    name: ClassVar = "encode.target_mean"
    label: ClassVar = "Encode by target"
    version: ClassVar = 2  # 1 encoded training rows with their own target in (see transforms/upgrades.py)
    serving: ClassVar = "fitted"
    covers: ClassVar = ("target_mean_encode", "woe_encode", "james_stein_encode", "leave_one_out_encode")
    words: ClassVar = (
        "mean encoding",
        "impact encoding",
        "likelihood",
        "TargetEncoder",
        "weight of evidence",
        "out of fold",
        "cross-fitting",
    )
    examples: ClassVar = (
        Example({"column": "c", "target": "y", "smoothing": 1, "leave_out": "nothing", "to": "e"}, before={"c": ["a", "a", "b", None], "y": [1.0, 0.0, 1.0, 0.0]},
                after={"c": ["a", "a", "b", None], "y": [1.0, 0.0, 1.0, 0.0], "e": [0.5, 0.5, 0.75, 0.5]}),
        Example({"column": "c", "target": "y", "smoothing": 0, "fold": "f", "to": "e"}, train={"c": ["a", "a", "a", "b"], "y": [1.0, 0.0, 2.0, 5.0], "f": [0, 0, 1, 1]},
                before={"c": ["a", "a", "b", "a", "z"], "y": [1.0, 2.0, 5.0, None, None], "f": [0, 1, 1, 0, None]},
                after={"c": ["a", "a", "b", "a", "z"], "y": [1.0, 2.0, 5.0, None, None], "f": [0, 1, 1, 0, None], "e": [2.0, 0.5, 0.5, 1.0, 2.0]}),
        Example({"column": "c", "target": "y", "smoothing": 1, "leave_out": "the row itself", "to": "e"}, train={"c": ["a", "a", "b"], "y": [1.0, 0.0, 2.0]}, before={"c": ["a", "a", "b", "a"], "y": [1.0, 0.0, 2.0, None]},
                after={"c": ["a", "a", "b", "a"], "y": [1.0, 0.0, 2.0, None], "e": [0.5, 1.0, 1.0, 2 / 3]}),
        Example({"column": "c", "target": "y", "statistic": "weight of evidence", "leave_out": "nothing", "to": "e"}, train={"c": ["a", "a", "b", "b"], "y": [1, 1, 0, 1]}, before={"c": ["a", "z"], "y": [1, 0]},
                after={"c": ["a", "z"], "y": [1, 0], "e": [math.log((2.5 / 4.0) / (0.5 / 2.0)), 0.0]}),
        Example({"column": "c", "target": "y", "statistic": "James-Stein", "leave_out": "nothing", "to": "e"}, train={"c": ["a", "a", "b", "b"], "y": [3.0, 3.0, 0.0, 2.0]}, before={"c": ["a", "z"], "y": [1.0, 0.0]},
                after={"c": ["a", "z"], "y": [1.0, 0.0], "e": [3.0, 2.0]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = (HASH_HELPER, NUMBER_TEXT)

    column: Column = param("Category")
    target: NumberColumn = param("Target")
    statistic: Literal["mean", "weight of evidence", "James-Stein"] = param("Statistic", default="mean")
    smoothing: float = param("Smoothing", default=10.0, ge=0, help="How many rows the overall mean counts for.")
    leave_out: Literal["the row's fold", "the row itself", "nothing"] = param(
        "Of a row with a known target, leave out", default="the row's fold", help="What keeps its target from leaking."
    )
    folds: int = param("Folds", default=5, ge=2, le=20, help="Where no column tells them.")
    fold: str = param("Column of the fold", default="", help="Made by 'Fold number'; empty: by a hash of the row.")
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        text_like(schema, [self.column, *([self.fold] if self.fold in schema else [])])
        if self.leave_out == "the row itself" and self.statistic != "mean":
            raise ParamError("leaving out the row itself works for the mean only.", hint="Leave out the row's fold.")

    def _fold(self, table, keys):
        """Return the fold as text: of the column, or of a hash; missing for new records."""
        if self.fold:
            if self.fold not in table.columns:  # a single new record: the split steps do not run for it
                return ibis.null("string")
            fold = table[self.fold].cast("string")
        else:
            share = hashed_share(table, keys, 7)
            fold = (share * float(self.folds)).floor().cast("int64").cast("string")
        return known(table[self.target]).isnull().ifelse(ibis.null("string"), fold)

    def fit(self, table):
        if self.fold and self.leave_out == "the row's fold" and self.fold not in table.columns:
            raise FitError(f"the column of the fold, {self.fold!r}, is not in the table.")
        keys = [c for c in hashable(table.schema()) if c != self.target]
        by_fold = self.leave_out == "the row's fold"
        fold = self._fold(table, keys) if by_fold else ibis.literal("")
        y = known(table[self.target])
        kept = table.select(y.name("y"), fold.name("fold"), table[self.column].cast("string").name("value"))
        kept = kept.filter(kept.y.notnull())
        found = rows(
            kept.group_by(["value", "fold"]).aggregate(
                [ibis._.count().name("n"), kept.y.sum().name("total"), (kept.y * kept.y).sum().name("squares")]
            )
        )
        if not found:
            raise FitError(f"the target {self.target!r} has no known value.")
        if len({r["value"] for r in found}) > MOST:
            raise FitError(
                f"column {self.column!r} has more than {MOST:,} categories; at most that many can be encoded.",
                hint="Group rare values first.",
            )
        if self.statistic == "weight of evidence" and any(r["total"] != r["squares"] for r in found):
            raise FitError(f"the target {self.target!r} has other values than 0 and 1.")
        state = {"whole": self._learn(found), "keys": keys, "folds": {}}
        if self.leave_out == "the row itself":
            n = sum(r["n"] for r in found)
            state["mean"] = sum(r["total"] for r in found) / n
            state["sums"] = {r["value"]: [r["n"], r["total"]] for r in found if r["value"] is not None}
        names = sorted({r["fold"] for r in found if r["fold"] is not None}) if by_fold else []
        for name in names:
            others = [r for r in found if r["fold"] != name] or found
            state["folds"][name] = self._learn(others)
        return state

    def _learn(self, found) -> dict:
        """Return {"other": statistic of unknown categories, "values": {category: statistic}} from sums."""
        sums: dict = {}
        for r in found:
            n, total, squares = sums.get(r["value"], (0, 0.0, 0.0))
            sums[r["value"]] = (n + r["n"], total + r["total"], squares + r["squares"])
        n, total = sum(v[0] for v in sums.values()), sum(v[1] for v in sums.values())
        mean = total / n
        squares = sum(v[2] for v in sums.values())
        variance = max(squares / n - mean**2, 0.0)
        sums.pop(None, None)

        def value(count, of, square):
            if self.statistic == "weight of evidence":
                ones, zeros = (of + 0.5) / (total + 1.0), (count - of + 0.5) / (n - total + 1.0)
                return math.log(ones / zeros)
            if self.statistic == "James-Stein":
                own = max(square / count - (of / count) ** 2, 0.0) / count
                drawn = own / (own + variance) if own + variance > 0 else 0.0
                return (1 - drawn) * of / count + drawn * mean
            return (of + self.smoothing * mean) / (count + self.smoothing)

        other = 0.0 if self.statistic == "weight of evidence" else mean
        return {"other": other, "values": {k: value(*v) for k, v in sorted(sums.items())}}

    def apply(self, table, state):
        if "whole" not in state:  # learnt by an earlier version
            state = {"whole": {"other": state["mean"], "values": state["values"]}, "folds": {}, "keys": []}
        text = table[self.column].cast("string")
        if "sums" in state:
            return table.mutate(self._without_itself(table, text, state).name(self.to))
        if not state["folds"]:
            return table.mutate(_encoded(text, state["whole"]).name(self.to))
        spare = spare_names(table, 1)[0]
        table = table.mutate(self._fold(table, state["keys"]).name(spare))
        text = table[self.column].cast("string")
        value = ibis.cases(
            *[(table[spare] == name, _encoded(text, learnt)) for name, learnt in state["folds"].items()],
            else_=_encoded(text, state["whole"]),
        )
        return table.mutate(value.name(self.to)).drop(spare)

    def _without_itself(self, table, text, state):
        y = known(table[self.target])
        n = _float(lookup(text, {k: float(v[0]) for k, v in state["sums"].items()}, 0.0))
        total = _float(lookup(text, {k: v[1] for k, v in state["sums"].items()}, 0.0))
        rest, below = total - y + self.smoothing * state["mean"], n - 1.0 + self.smoothing
        itself = (below > 0.0).ifelse(rest / below.nullif(0.0), _float(ibis.literal(state["mean"])))
        return (y.notnull() & (n > 0.0)).ifelse(itself, _encoded(text, state["whole"]))

    def pandas(self, df, state, schema):
        if "whole" not in state:
            state = {"whole": {"other": state["mean"], "values": state["values"]}, "folds": {}, "keys": []}
        encoded = lambda v: f"text.map({v['values']!r}).astype('Float64').fillna({v['other']!r})"  # noqa: E731
        lines = [f"text = {as_text(f'{df}[{self.column!r}]', schema[self.column])}"]
        lines.append(f"encoded = {encoded(state['whole'])}")
        y = f"{df}[{self.target!r}].astype('Float64')"
        if "sums" in state:
            n, total = ({k: float(v[i]) for k, v in state["sums"].items()} for i in (0, 1))
            return [
                *lines,
                f"y, n, total = {y}, text.map({n!r}).astype('Float64').fillna(0.0), text.map({total!r}).astype('Float64').fillna(0.0)",
                f"below = n - 1 + {self.smoothing!r}",
                f"rest = ((total - y + {self.smoothing * state['mean']!r}) / below.mask(below <= 0)).mask(below <= 0, {state['mean']!r})",
                f"{df}[{self.to!r}] = encoded.mask((y.notna() & (n > 0)).astype(bool), rest)",
            ]
        if not state["folds"]:
            return [*lines, f"{df}[{self.to!r}] = encoded"]
        if self.fold:
            fold = (
                as_text(f"{df}[{self.fold!r}]", schema[self.fold])
                if self.fold in schema
                else f"pd.Series(pd.NA, index={df}.index, dtype='string')"
            )
        else:
            texts = ", ".join(pandas_plain_text(f"{df}[{c!r}]", schema[c]) for c in state["keys"])
            fold = f"np.floor(hashed_share([{texts}], 7).set_axis({df}.index) * {float(self.folds)}).astype('Int64').astype('string')"
        lines.append(f"fold = ({fold}).mask({y}.isna())")
        lines += [
            f"encoded = encoded.mask((fold == {name!r}).fillna(False).astype(bool), {encoded(learnt)})"
            for name, learnt in state["folds"].items()
        ]
        return [*lines, f"{df}[{self.to!r}] = encoded"]


def _float(x):
    """Return an expression as a float: DuckDB reads numbers with a point as decimals."""
    return x + ibis.literal("0").cast("float64")


def _encoded(text, learnt):
    return _float(lookup(text, learnt["values"], learnt["other"]))


@row_function("array<float64>", "string")
def minhash(text, *, dims, ngram):
    """Return `dims` numbers from 0 to 1: for each the smallest hash of the text's pieces."""
    text = " " + " ".join(text.lower().split()) + " "
    pieces = {text[i : i + n] for n in range(2, ngram + 1) for i in range(max(len(text) - n + 1, 1))}
    found = []
    for place in range(dims):
        hashes = (hashlib.md5(f"{place}|{piece}".encode()).hexdigest()[:8] for piece in pieces)
        found.append(int(min(hashes), 16) / 16**8)
    return found


@register
class MinHashEncode(Transform):
    """Turn text into numbers so that similar spellings get similar ones: the smallest hashes of its pieces of 2 to n letters.

    Case and repeated white space do not count. Nothing is learnt; a missing text gives missing numbers. Columns: `to_1` … are added
    (float64, 0 to 1), or one list. Source: Cerda and Varoquaux, 2020 (skrub `MinHashEncoder`; other hashes, so other numbers).
    """

    name: ClassVar = "encode.minhash"
    label: ClassVar = "Encode by similar spelling"
    covers: ClassVar = ("similarity_encode_minhash",)
    words: ClassVar = ("similarity encoding", "MinHashEncoder", "dirty categories", "string embedding")
    examples: ClassVar = (
        Example({"column": "t", "dims": 1, "ngram": 2, "to": "m"}, before={"t": ["", None]}, after={"t": ["", None], "m_1": [0.8003481640480459, None]}),
        Example({"column": "t", "dims": 1, "ngram": 2, "output": "one list", "to": "m"}, before={"t": ["  ", None]}, after={"t": ["  ", None], "m": [[0.8003481640480459], None]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = minhash.helpers

    column: TextColumn = param("Text")
    dims: int = param("How many numbers", default=30, ge=1, le=300)
    ngram: int = param("Longest piece", default=3, ge=2, le=6)
    output: Literal["columns", "one list"] = param("Output", default="columns")
    to: NewColumn = param("Names begin with", default="similar")

    def open_prefixes(self):
        return (f"{self.to}_",)

    def apply(self, table, state):
        value = minhash(table[self.column], dims=self.dims, ngram=self.ngram)
        if self.output == "one list":
            return table.mutate(value.name(self.to))
        spare = spare_names(table, 1)[0]
        table = table.mutate(value.name(spare))
        names = [new_name(f"{self.to}_{i + 1}", table.columns) for i in range(self.dims)]
        return table.mutate([table[spare][i].name(n) for i, n in enumerate(names)]).drop(spare)

    def pandas(self, df, state, schema):
        lines = [f"hashes = {minhash.pandas(f'{df}[{self.column!r}]', dims=self.dims, ngram=self.ngram)}"]
        if self.output == "one list":
            return [*lines, f"{df}[{self.to!r}] = hashes"]
        return [
            *lines,
            f"parts = {{f{self.to + '_{i + 1}'!r}: hashes.map(lambda v: v[i], na_action='ignore').astype('Float64') for i in range({self.dims})}}",
            f"{df} = pd.concat([{df}, pd.DataFrame(parts, index={df}.index)], axis=1)",
        ]


@register
class PresenceEncode(Transform):
    """Give 1 where a value is present and 0 where it is missing. Columns: int64, replaced or beside the old ones."""

    name: ClassVar = "encode.presence"
    label: ClassVar = "Present or not (1 or 0)"
    covers: ClassVar = ("presence_encode", "presence_flag")
    words: ClassVar = ("is not null", "has value", "flag")
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["x", None]}, after={"t": [1, 0]}),
        Example(
            {"columns": ["n"], "suffix": "_known"}, before={"n": [0, None]}, after={"n": [0, None], "n_known": [1, 0]}
        ),
    )

    columns: Columns = param("Columns")
    suffix: str = param("New columns end in", default="", help="Leave empty to replace the columns.")

    def apply(self, table, state):
        return table.mutate([table[c].notnull().ifelse(1, 0).cast("int64").name(c + self.suffix) for c in self.columns])

    def pandas(self, df, state, schema):
        return [f"{df}[{c + self.suffix!r}] = {df}[{c!r}].notna().astype('Int64')" for c in self.columns]


@register
class KeepListed(Transform):
    """Replace texts that are not in a list by one name; with an empty list, those not seen in training. Missing stays missing."""

    name: ClassVar = "encode.keep_listed"
    label: ClassVar = "Keep listed or known categories"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("group_long_tail_by_list", "align_categories")
    words: ClassVar = ("allow list", "other", "unseen categories", "long tail")
    examples: ClassVar = (
        Example({"columns": ["t"], "keep": ["a"]}, before={"t": ["a", "b", None]}, after={"t": ["a", "other", None]}),
        Example({"columns": ["t"], "others": "missing"}, train={"t": ["a"]}, before={"t": ["a", "b", None]}, after={"t": ["a", None, None]}),
    )  # fmt: skip

    columns: TextColumns = param("Columns")
    keep: tuple[str, ...] = param("Values to keep", default=(), help="None: those of the training rows.")
    others: Literal["one name", "missing"] = param("Other values become", default="one name")
    to: str = param("Name for the rest", default="other")

    def fit(self, table):
        if self.keep:
            return {c: list(self.keep) for c in self.columns}
        found: dict[str, list] = {c: [] for c in self.columns}
        for row in counts(table, self.columns):
            found[self.columns[row["i"]]].append(row["value"])
        if large := [c for c, v in found.items() if len(v) > MOST]:
            raise FitError(f"column {large[0]!r} has more than {MOST:,} categories.", hint="Give a list.")
        return found

    def apply(self, table, state):
        new = ibis.null("string") if self.others == "missing" else ibis.literal(self.to)

        def value(x, kept):
            in_list = x.isin(kept) if kept else ibis.literal(False)
            return (x.isnull() | in_list).ifelse(x, new)

        return table.mutate([value(table[c], kept).name(c) for c, kept in state.items()])

    def pandas(self, df, state, schema):
        new = "pd.NA" if self.others == "missing" else repr(self.to)
        return [f"{df}[{c!r}] = {df}[{c!r}].where({df}[{c!r}].isin({v!r}) | {df}[{c!r}].isna(), {new})" for c, v in state.items()]  # fmt: skip
