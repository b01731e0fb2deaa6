"""Split and sample: which rows train. The choice depends on the row's values (a hash), so it is the same on every engine."""

from __future__ import annotations

from typing import ClassVar

import ibis

from transforms.catalog.encode import as_text, text_like
from transforms.fields import Columns, NewColumn, OrderableColumn, param
from transforms.transform import Example, Transform, register

HASH_HELPER = '''
def hashed_share(rows, seed):
    """Return a number from 0 to 1 for each row of texts: the first 13 hex digits of an MD5 over them."""
    texts = ["".join(f"{len(t)}:{t}" if not pd.isna(t) else "-" for t in row) for row in zip(*rows)]
    return pd.Series([int(hashlib.md5(f"{seed}|{t}".encode()).hexdigest()[:7], 16) / 16**7 for t in texts], dtype="Float64")
'''


def hashed_share(table, columns, seed: int):
    """Return an expression from 0 to 1 that depends on the values of some columns and a seed."""
    text = ibis.literal(f"{seed}|")
    for c in columns:
        value = table[c].cast("string")
        text = text + value.isnull().ifelse(
            ibis.literal("-"), value.length().cast("string") + ibis.literal(":") + value
        )
    digest = text.hexdigest("md5")
    total = ibis.literal(0.0)
    for place in range(7):
        digit = ibis.literal("0123456789abcdef").find(digest.substr(place, 1)).cast("float64")
        total = total + digit * float(16 ** (6 - place))
    return total / float(16**7)


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
    )

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
    covers: ClassVar = ("sample_random",)
    words: ClassVar = ("random sample", "subset", "fraction")
    examples: ClassVar = (
        Example({"keys": ["k"], "share": 0.5}, before={"k": ["a", "b", "c", "d"]}, after={"k": ["a", "b", "c"]}),
    )

    share: float = param("Share to keep", default=0.1, gt=0, le=1)

    def apply(self, table, state):
        return table.filter(hashed_share(table, self.keys, self.seed) < self.share)

    def pandas(self, df, state, schema):
        return [f"{df} = {df}[({self.pandas_share(df, schema)} < {self.share}).to_numpy(bool)]"]
