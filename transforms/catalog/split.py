"""Split and sample: which rows train. The choice depends on the row's values (a hash), so it is the same on every engine."""

from __future__ import annotations

from typing import ClassVar, Literal

import ibis

from transforms.catalog.hashing import HASH_HELPER, ByHash, as_text, hashable, hashed_share, text_like
from transforms.catalog.rows import ByConditions, Condition
from transforms.errors import ParamError
from transforms.fields import Column, Columns, NewColumn, NumberColumn, OrderableColumn, Settings, param
from transforms.schema import known
from transforms.transform import Example, Transform, register


class ByKey(Transform):
    """A random choice that depends on key columns: rows with one key always go together."""

    serving: ClassVar = "training_only"
    pandas_helpers: ClassVar = (HASH_HELPER,)
    keys: Columns = param("Key columns", help="Rows with the same key go together: a customer, an app.")
    seed: int = param("Seed", default=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        text_like(schema, self.keys)

    def pandas_share(self, df, schema) -> str:
        texts = ", ".join(as_text(f"{df}[{c!r}]", schema[c]) for c in self.keys)
        return f"hashed_share([{texts}], {self.seed}).set_axis({df}.index)"


@register
class SplitByKey(ByKey):
    """Mark rows as `train` or `test` at random, rows with the same key together.

    Columns: one text column is added. Steps after this one learn from the rows marked `train` only.
    """

    name: ClassVar = "split.by_key"
    label: ClassVar = "Split into training and test rows"
    covers: ClassVar = ("split_by_group_key", "split_random")
    words: ClassVar = ("train test split", "holdout", "random split", "group split")
    examples: ClassVar = (
        Example(
            {"keys": ["k"], "test_share": 0.5},
            before={"k": ["a", "b", "c", "d", "a"]},
            after={"k": ["a", "b", "c", "d", "a"], "split": ["test", "test", "test", "train", "test"]},
        ),
        Example({"keys": ["k"], "test_share": 0.5}, before={"k": ["d", "a"]}, after={"k": ["d", "a"], "split": ["train", "test"]}),
    )  # fmt: skip

    test_share: float = param("Share of test rows", default=0.2, gt=0, lt=1)
    to: NewColumn = param("New column", default="split")

    @property
    def split_column(self) -> str:
        return self.to

    def apply(self, table, state):
        share = hashed_share(table, self.keys, self.seed)
        return table.mutate((share < self.test_share).ifelse(ibis.literal("test"), ibis.literal("train")).name(self.to))

    def pandas(self, df, state, schema):
        return [
            f"{df}[{self.to!r}] = pd.Series('train', index={df}.index, dtype='string').mask({self.pandas_share(df, schema)} < {self.test_share}, 'test')"
        ]


@register
class SplitInOrder(Transform):
    """Mark rows up to a value of a date or number as `train` and later ones as `test`; missing ones as `train`.

    Columns: one text column is added. Steps after this one learn from the rows marked `train` only.
    """

    name: ClassVar = "split.in_order"
    label: ClassVar = "Split by time"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("split_ordered", "split_by_time")
    words: ClassVar = ("time split", "ordered split", "cut-off date")
    examples: ClassVar = (
        Example({"column": "d", "last_train": "2023-12-31"}, before={"d": ["2023-12-31", "2024-01-01", None]}, after={"d": ["2023-12-31", "2024-01-01", None], "split": ["train", "test", "train"]}, types={"d": "date"}),
        Example({"column": "n", "last_train": "10"}, before={"n": [10, 11]}, after={"n": [10, 11], "split": ["train", "test"]}),
    )  # fmt: skip

    column: OrderableColumn = param("Column")
    last_train: str = param("Last value for training", min_length=1)
    to: NewColumn = param("New column", default="split")

    @property
    def split_column(self) -> str:
        return self.to

    def _condition(self):
        from transforms.catalog.rows import Condition

        return Condition(column=self.column, test="is greater than", value=self.last_train)

    def check_columns(self, schema):
        super().check_columns(schema)
        self._condition().check(schema)

    def apply(self, table, state):
        return table.mutate(
            self._condition().expression(table).ifelse(ibis.literal("test"), ibis.literal("train")).name(self.to)
        )

    def pandas(self, df, state, schema):
        return [
            f"{df}[{self.to!r}] = pd.Series('train', index={df}.index, dtype='string').mask({self._condition().pandas(df, schema)}.astype(bool), 'test')"
        ]


@register
class SampleRows(ByKey):
    """Keep a random share of the rows, rows with the same key together. The same rows on every run and engine."""

    name: ClassVar = "split.sample"
    label: ClassVar = "Sample rows"
    covers: ClassVar = ("sample_random", "sample_hash_stable", "sample_by_group")
    words: ClassVar = ("random sample", "subset", "fraction")
    examples: ClassVar = (
        Example({"keys": ["k"], "share": 0.5}, before={"k": ["a", "b", "c", "d"]}, after={"k": ["a", "b", "c"]}),
        Example(
            {"keys": ["k"], "share": 0.5},
            before={"k": ["d", "a", "d", "a"], "v": [1, 2, 3, None]},
            after={"k": ["a", "a"], "v": [2, None]},
        ),
    )

    share: float = param("Share to keep", default=0.1, gt=0, le=1)

    def apply(self, table, state):
        return table.filter(hashed_share(table, self.keys, self.seed) < self.share)

    def pandas(self, df, state, schema):
        return [f"{df} = {df}[({self.pandas_share(df, schema)} < {self.share}).to_numpy(bool)]"]


def parts_of(parts):
    """Return (upper bounds on 0 … 1 of all parts but the last, names)."""
    total = sum(p.share for p in parts)
    tops, names, top = [], [p.name for p in parts], 0.0
    for p in parts[:-1]:
        top += p.share / total
        tops.append(top)
    return tops, names


class Part(Settings):
    """A part of the rows and its share; shares need not add up to one."""

    name: str = param("Name", min_length=1)
    share: float = param("Share", gt=0)


@register
class SplitIntoParts(ByHash):
    """Mark each row with the name of a part, at random by shares: train, validation, test.

    By key columns the part depends on their hash alone: it never changes when rows are added, and rows with equal keys go together.
    With a column to keep shares of (stratify), every value of it gives the same share of its rows to each part; the part then depends
    on which rows there are. Steps after this one learn from the rows marked `train` only. Columns: one text column is added.
    """

    name: ClassVar = "split.into_parts"
    label: ClassVar = "Split into parts"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("split_hash_stable", "split_stratified")
    words: ClassVar = ("train validation test", "stratified split", "three-way split", "hash split", "stable split")
    examples: ClassVar = (
        Example({"keys": ["k"], "parts": [{"name": "train", "share": 1}, {"name": "test", "share": 3}], "to": "p"}, before={"k": ["a", "b", None, "a"]}, after={"k": ["a", "b", None, "a"], "p": ["test", "train", "test", "test"]}),
        Example({"stratify": "y", "parts": [{"name": "train", "share": 0.5}, {"name": "test", "share": 0.5}], "to": "p"}, before={"y": ["u", "u", "v", "v"]}, after={"y": ["u", "u", "v", "v"], "p": ["train", "test", "train", "test"]}),
    )  # fmt: skip

    parts: tuple[Part, ...] = param("Parts", min_length=2)
    stratify: Column | None = param("Keep shares of", default=None)
    to: NewColumn = param("New column", default="split")

    @property
    def split_column(self) -> str:
        return self.to

    def apply(self, table, state):
        share = self.share(table)
        if self.stratify:
            by = [table[self.stratify]]
            first = ibis.row_number().over(ibis.window(group_by=by, order_by=[share, *self.ties(table)]))
            size = table.count().over(ibis.window(group_by=by))
            share = (first.cast("float64") + 0.5) / size.cast("float64")
        tops, names = parts_of(self.parts)
        part = ibis.cases(*[(share < t, ibis.literal(n)) for t, n in zip(tops, names, strict=False)], else_=names[-1])
        return table.mutate(part.name(self.to))

    def pandas(self, df, state, schema):
        tops, names = parts_of(self.parts)
        lines = [f"{df} = {df}.reset_index(drop=True)", f"share = {self.pandas_share(df, schema)}.astype('float64')"]
        if self.stratify:
            lines += [
                f"ordered = {df}.assign(__share=share).sort_values(['__share', *{hashable(schema)!r}], na_position='last')",
                f"place = ordered.groupby({self.stratify!r}, dropna=False, sort=False).cumcount().reindex({df}.index)",
                f"share = (place + 0.5) / {df}.groupby({self.stratify!r}, dropna=False)[{self.stratify!r}].transform('size').astype('float64')",
            ]
        return [
            *lines,
            f"names = np.array({names!r}, dtype=object)[np.searchsorted({tops!r}, share, side='right')]",
            f"{df}[{self.to!r}] = pd.Series(names, index={df}.index, dtype='string')",
        ]


@register
class FoldNumber(ByHash):
    """Add a fold number from 0 to k - 1 to each row, for cross-validation and for encoders that leave out a row's own fold.

    By a hash of the key columns: rows with equal keys share a fold. With a column to keep shares of, its values are dealt out evenly.
    """

    name: ClassVar = "split.folds"
    label: ClassVar = "Fold number"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("split_kfold_column",)
    words: ClassVar = ("KFold", "StratifiedKFold", "GroupKFold", "cross-validation", "out of fold")
    examples: ClassVar = (
        Example({"keys": ["k"], "folds": 2, "to": "f"}, before={"k": ["a", "b", None]}, after={"k": ["a", "b", None], "f": [0, 0, 0]}),
        Example({"stratify": "y", "folds": 2, "to": "f"}, before={"y": ["u", "u", "v", "v"]}, after={"y": ["u", "u", "v", "v"], "f": [0, 1, 0, 1]}),
    )  # fmt: skip

    folds: int = param("Folds", default=5, ge=2, le=100)
    stratify: Column | None = param("Keep shares of", default=None)
    to: NewColumn = param("New column", default="fold")

    def apply(self, table, state):
        share = self.share(table)
        if not self.stratify:
            return table.mutate((share * float(self.folds)).floor().cast("int64").name(self.to))
        order = ibis.window(group_by=[table[self.stratify]], order_by=[share, *self.ties(table)])
        return table.mutate((ibis.row_number().over(order) % self.folds).cast("int64").name(self.to))

    def pandas(self, df, state, schema):
        share = self.pandas_share(df, schema)
        if not self.stratify:
            return [f"{df}[{self.to!r}] = np.floor({share} * {float(self.folds)}).astype('Int64')"]
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"ordered = {df}.assign(__share={share}).sort_values(['__share', *{hashable(schema)!r}], na_position='last')",
            f"place = ordered.groupby({self.stratify!r}, dropna=False, sort=False).cumcount()",
            f"{df}[{self.to!r}] = (place % {self.folds}).reindex({df}.index).astype('Int64')",
        ]


@register
class SplitByCondition(ByConditions):
    """Mark rows that meet conditions as `test` and the others as `train`. Steps after this one learn from `train` only."""

    name: ClassVar = "split.by_condition"
    label: ClassVar = "Split by conditions"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("split_by_condition",)
    words: ClassVar = ("rule split", "holdout region")
    examples: ClassVar = (
        Example({"conditions": [{"column": "a", "test": "equals", "value": "x"}]}, before={"a": ["x", "y", None]}, after={"a": ["x", "y", None], "split": ["test", "train", "train"]}),
    )  # fmt: skip

    to: NewColumn = param("New column", default="split")

    @property
    def split_column(self) -> str:
        return self.to

    def apply(self, table, state):
        return table.mutate(self.chosen(table).ifelse(ibis.literal("test"), ibis.literal("train")).name(self.to))

    def pandas(self, df, state, schema):
        chosen = f"({self.pandas_chosen(df, schema)}).astype(bool)"
        return [f"{df}[{self.to!r}] = pd.Series('train', index={df}.index, dtype='string').mask({chosen}, 'test')"]


@register
class SampleNumber(ByHash):
    """Keep a fixed number of rows: at random, with weights, the emptiest ones first, every k-th, or so many of each class.

    Random choices come from a hash of the row's values and the seed: the same rows on every run and engine. With weights (Efraimidis and
    Spirakis, 2006) a row of twice the weight is about twice as likely; rows without a positive weight are not chosen. Every k-th counts
    in the order of the hash too, or of a column. Keep shares of: each class gives its share of the rows, rounded, at least one.
    """

    name: ClassVar = "split.sample_number"
    label: ClassVar = "Sample a number of rows"
    serving: ClassVar = "training_only"
    covers: ClassVar = (
        "sample_stratified",
        "sample_weighted",
        "sample_systematic",
        "sample_anomalous",
        "sample_reservoir_stream",
    )
    words: ClassVar = (
        "stratified sample",
        "weighted sample",
        "reservoir",
        "systematic sample",
        "random n rows",
        "every nth",
    )
    examples: ClassVar = (
        Example({"rows": 2, "keys": ["k"]}, before={"k": ["a", "b", None]}, after={"k": ["a", "b"]}),
        Example({"rows": 2, "stratify": "y"}, before={"y": ["u", "u", "u", "u", "v", "v"]}, after={"y": ["u", "v"]}),
        Example({"rows": 2, "method": "weighted", "weight": "w"}, before={"k": ["a", "b", "c"], "w": [1.0, 0.0, 2.0]}, after={"k": ["a", "c"], "w": [1.0, 2.0]}),
        Example({"rows": 1, "method": "emptiest first"}, before={"a": [1, None], "b": ["x", None]}, after={"a": [None], "b": [None]}, after_types={"a": "int64", "b": "string"}),
        Example({"method": "every k-th", "step": 2, "order_by": "a"}, before={"a": [4, 1, 3, 2, None]}, after={"a": [1, 3, None]}),
    )  # fmt: skip

    rows: int = param("Rows", default=1000, ge=1)
    method: Literal["random", "weighted", "emptiest first", "every k-th"] = param("Method", default="random")
    stratify: Column | None = param("Keep shares of", default=None, help="For random and weighted samples.")
    weight: NumberColumn | None = param("Weight", default=None)
    step: int = param("Every so many rows", default=10, ge=1, help="For 'every k-th': it ignores the number of rows.")
    start: int = param("Beginning with row", default=1, ge=1)
    order_by: OrderableColumn | None = param("In the order of", default=None)

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.method == "weighted" and not self.weight:
            raise ParamError("choose the column of the weights.")

    def apply(self, table, state):
        from transforms.catalog.common import spare_names

        key, place, size, all_ = spare_names(table, 4)
        names = hashable(table.schema())
        share = self.share(table)
        if self.method == "every k-th":
            first = [table[self.order_by].asc(nulls_first=False)] if self.order_by else [share]
            number = ibis.row_number().over(ibis.window(order_by=[*first, *self.ties(table)]))
            table = table.mutate(number.name(place))
            picked = (table[place] >= self.start - 1) & ((table[place] - (self.start - 1)) % self.step == 0)
            return table.filter(picked).drop(place)
        value = share
        if self.method == "weighted":
            w = known(table[self.weight])
            table = table.filter(w > 0.0)
            w = known(table[self.weight])
            value = ((self.share(table) + 0.5 / 16**7).ln() * -1.0) / w
        elif self.method == "emptiest first":
            value = share - sum((table[c].isnull().ifelse(1.0, 0.0) for c in table.columns), ibis.literal(0.0))
        table = table.mutate(value.name(key))
        by = [table[self.stratify]] if self.stratify else None
        order = [table[key], *(table[c].asc(nulls_first=False) for c in names)]
        table = table.mutate(
            ibis.row_number().over(ibis.window(group_by=by, order_by=order)).cast("float64").name(place),
            table.count().over(ibis.window(group_by=by)).cast("float64").name(size),
            table.count().over(ibis.window()).cast("float64").name(all_),
        )
        goal = float(self.rows)
        if self.stratify:
            goal = (table[size] * float(self.rows) / table[all_] + 0.5).floor().cast("float64")
            goal = (goal < 1.0).ifelse(1.0, goal)
        return table.filter(table[place] < goal).drop(key, place, size, all_)

    def pandas(self, df, state, schema):
        names = hashable(schema)
        lines = [f"{df} = {df}.reset_index(drop=True)"]
        if self.method == "every k-th":
            first = f"{df}.assign(__key={self.pandas_share(df, schema)})"
            order = [self.order_by] if self.order_by else ["__key"]
            lines += [
                f"ordered = {first}.sort_values({[*order, *(n for n in names if n not in order)]!r}, na_position='last')",
                f"{df} = {df}.loc[ordered.index[{self.start - 1}::{self.step}]]",
            ]
            return lines
        value = "share"
        if self.method == "weighted":
            lines.append(f"{df} = {df}[({df}[{self.weight!r}].astype('Float64') > 0).fillna(False).astype(bool)]")
            value = f"-np.log(share + {0.5 / 16**7!r}) / {df}[{self.weight!r}].astype('float64')"
        elif self.method == "emptiest first":
            value = f"share - {df}.isna().sum(axis=1)"
        lines += [
            f"share = {self.pandas_share(df, schema)}.astype('float64')",
            f"ordered = {df}.assign(__key={value}).sort_values(['__key', *{names!r}], na_position='last')",
        ]
        if not self.stratify:
            return [*lines, f"{df} = {df}.loc[ordered.index[: {self.rows}]]"]
        return [
            *lines,
            f"groups = ordered.groupby({self.stratify!r}, dropna=False, sort=False)",
            f"goal = np.floor(groups['__key'].transform('size') * {float(self.rows)} / max(len({df}), 1) + 0.5).clip(lower=1)",
            f"{df} = {df}.loc[ordered.index[groups.cumcount() < goal]]",
        ]


@register
class SampleWindow(Transform):
    """Keep the rows of a period: from one date to another, both included. Rows without a date go."""

    name: ClassVar = "split.sample_period"
    label: ClassVar = "Sample a period"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("sample_time_window",)
    words: ClassVar = ("time window", "date range", "recent rows")
    examples: ClassVar = (
        Example({"column": "d", "first": "2024-01-01", "last": "2024-12-31"}, before={"d": ["2023-12-31", "2024-01-01", None]}, after={"d": ["2024-01-01"]}, types={"d": "date"}),
    )  # fmt: skip

    column: OrderableColumn = param("Column")
    first: str = param("From", default="")
    last: str = param("To", default="")

    def _conditions(self):
        bounds = (("is at least", self.first), ("is at most", self.last))
        return [Condition(column=self.column, test=t, value=v) for t, v in bounds if v]

    def check_columns(self, schema):
        super().check_columns(schema)
        if not self._conditions():
            raise ParamError("the period has neither a beginning nor an end.")
        for condition in self._conditions():
            condition.check(schema)

    def apply(self, table, state):
        return table.filter([c.expression(table) for c in self._conditions()])

    def pandas(self, df, state, schema):
        return [f"{df} = {df}[({c.pandas(df, schema)}).astype(bool)]" for c in self._conditions()]
