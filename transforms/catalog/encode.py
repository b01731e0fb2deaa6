"""Encoding: categories into numbers, with the categories learnt in training."""

from __future__ import annotations

from typing import ClassVar, Literal

import ibis

from transforms.catalog.missing import lookup
from transforms.errors import FitError, ParamError
from transforms.fields import Column, Columns, NewColumn, NumberColumn, param
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


def as_text(column: str, dtype) -> str:
    """Return pandas code that writes a column's values as DuckDB's cast to text does."""
    return (
        f"{column}.map({{True: 'true', False: 'false'}}).astype('string')"
        if dtype.is_boolean()
        else f"{column}.astype('string')"
    )


def text_like(schema, columns) -> None:
    """Refuse columns whose text form differs between engines (fractions, times)."""
    for c in columns:
        if not (schema[c].is_string() or schema[c].is_integer() or schema[c].is_boolean()):
            raise ParamError(
                f"column {c!r} ({schema[c]}) is not text, a whole number or true/false.",
                hint="Turn it into text, or bin it first.",
            )


@register
class OrdinalEncode(Categories):
    """Number the categories 0, 1, 2 … in alphabetical order or in an order that you give.

    Missing and unseen values are missing, or -1. Source: scikit-learn `OrdinalEncoder`.
    """

    name: ClassVar = "encode.ordinal"
    label: ClassVar = "Number the categories"
    covers: ClassVar = ("ordinal_encode",)
    words: ClassVar = ("label encoder", "integer encode")
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
    """Replace each category by its share of the training rows with a known value (0 to 1); unseen ones get 0."""

    name: ClassVar = "encode.frequency"
    label: ClassVar = "Encode by frequency"
    covers: ClassVar = ("frequency_encode", "count_encode")
    words: ClassVar = ("count encoding", "prevalence")
    examples: ClassVar = (
        Example(
            {"columns": ["c"]}, before={"c": ["a", "a", "b", "c", None]}, after={"c": [0.5, 0.5, 0.25, 0.25, None]}
        ),
    )

    def learn(self, values):
        total = sum(n for _, n in values) or 1
        return {v: n / total for v, n in values}

    def apply(self, table, state):
        def value(c, shares):
            return table[c].isnull().ifelse(ibis.null("float64"), lookup(table[c].cast("string"), shares, 0.0))

        return table.mutate([value(c, shares).name(c) for c, shares in state.items()])

    def pandas(self, df, state, schema):
        lines = []
        for c, shares in state.items():
            lines += [
                f"text = {as_text(f'{df}[{c!r}]', schema[c])}",
                f"{df}[{c!r}] = text.map({shares!r}).astype('Float64').fillna(0.0).mask(text.isna())",
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
    """Replace each category by the mean of a target number in training, drawn towards the overall mean where rows are few.

    Encoding = (n × category mean + smoothing × overall mean) / (n + smoothing). Missing and unseen categories get the
    overall mean. Fit it after the split, or it sees the test rows. Limit: not out of fold; a later version will be.
    """

    name: ClassVar = "encode.target_mean"
    label: ClassVar = "Encode by target mean"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("target_mean_encode",)
    words: ClassVar = ("mean encoding", "impact encoding", "likelihood")
    examples: ClassVar = (
        Example({"column": "c", "target": "y", "smoothing": 1, "to": "e"}, before={"c": ["a", "a", "b", None], "y": [1.0, 0.0, 1.0, 0.0]},
                after={"c": ["a", "a", "b", None], "y": [1.0, 0.0, 1.0, 0.0], "e": [0.5, 0.5, 0.75, 0.5]}),
    )  # fmt: skip

    column: Column = param("Category")
    target: NumberColumn = param("Target")
    smoothing: float = param("Smoothing", default=10.0, ge=0, help="How many rows the overall mean counts for.")
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        text_like(schema, [self.column])

    def fit(self, table):
        kept = table.mutate(known(table[self.target]).name("__y")).filter(ibis._["__y"].notnull())
        key = kept[self.column].cast("string")
        found = rows(
            kept.group_by(key.name("value")).aggregate([ibis._.count().name("n"), kept["__y"].sum().name("total")])
        )
        n = sum(r["n"] for r in found)
        if not n:
            raise FitError(f"the target {self.target!r} has no known value.")
        if len(found) > MOST:
            raise FitError(
                f"column {self.column!r} has {len(found):,} categories; at most {MOST:,} can be encoded.",
                hint="Group rare values first.",
            )
        mean = sum(r["total"] for r in found) / n
        smooth = {
            r["value"]: (r["total"] + self.smoothing * mean) / (r["n"] + self.smoothing)
            for r in found
            if r["value"] is not None
        }
        return {"mean": mean, "values": dict(sorted(smooth.items()))}

    def apply(self, table, state):
        return table.mutate(lookup(table[self.column].cast("string"), state["values"], state["mean"]).name(self.to))

    def pandas(self, df, state, schema):
        text = as_text(f"{df}[{self.column!r}]", schema[self.column])
        return [f"{df}[{self.to!r}] = {text}.map({state['values']!r}).astype('Float64').fillna({state['mean']!r})"]
