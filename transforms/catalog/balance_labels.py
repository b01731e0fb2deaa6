"""Balance labels between groups (fairness). Reweighing and resampling are `balance.weights` and `balance.resample`."""

from __future__ import annotations

from typing import ClassVar

import ibis

from transforms.catalog.common import floor, spare_names
from transforms.catalog.hashing import ByHash, hashable, hashed_share, text_like
from transforms.catalog.missing import typed
from transforms.catalog.rows import ByConditions
from transforms.errors import ParamError
from transforms.fields import Column, NumberColumn, param
from transforms.schema import known
from transforms.transform import Example, register

ROWS = {"g": ["f", "f", "f", "f", "m", "m", "m", "m"], "y": [1, 0, 0, 0, 1, 1, 1, 0], "s": [0.9, 0.6, 0.4, 0.1, 0.9, 0.8, 0.5, 0.2]}  # fmt: skip
WOMEN = {"conditions": [{"column": "g", "test": "equals", "value": "f"}], "target": "y", "positive": "1", "negative": "0", "score": "s"}  # fmt: skip


@register
class MassageLabels(ByConditions, ByHash):
    """Turn the labels nearest to the border until a group has the good outcome as often as the rest (massaging).

    Of the group (the rows that meet the conditions), the rows with the highest scores get the good outcome; as many of the rest,
    those with the lowest scores, lose it: M = (rows of the group × good of the rest - rows of the rest × good of the group) / rows.
    Nothing is turned where the group is not behind. Rows with another label, or with an unknown value in a column of the conditions,
    take no part, and rows without a score keep their label. Rows with equal scores go by a hash of their values. This changes what was observed:
    for training only. Source: Kamiran and Calders 2012. Limit: one group, two outcomes.
    """

    name: ClassVar = "balance.massage_labels"
    label: ClassVar = "Even out labels between groups"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("balance_resample_fairness",)
    words: ClassVar = ("massaging", "fairness", "relabel", "bias mitigation", "discrimination")
    examples: ClassVar = (
        Example(WOMEN, before=ROWS, after=ROWS | {"y": [1, 1, 0, 0, 1, 1, 0, 0]}),
        Example(WOMEN | {"conditions": [{"column": "g", "test": "equals", "value": "m"}]}, before=ROWS, after=ROWS),
        Example(WOMEN | {"split": "p"}, before=ROWS | {"p": ["train"] * 3 + ["test"] + ["train"] * 4}, after=ROWS | {"y": [1, 1, 0, 0, 1, 1, 0, 0], "p": ["train"] * 3 + ["test"] + ["train"] * 4}),
    )  # fmt: skip

    target: Column = param("Outcome")
    positive: str = param("Good outcome")
    negative: str = param("Other outcome")
    score: NumberColumn = param("Score", help="How near a row is to the good outcome, such as a model's probability.")
    split: str = param("Column of the split", default="", help="Only rows marked 'train' in it take part.")

    def check_columns(self, schema):
        super().check_columns(schema)
        text_like(schema, [self.target])
        for value in (self.positive, self.negative):
            typed(value, schema[self.target], self.target)
        if self.positive == self.negative:
            raise ParamError("the good and the other outcome are the same.", hint="Name two values.")
        if self.target in {c.column for c in self.conditions}:
            raise ParamError(f"the outcome {self.target!r} cannot tell the group.", hint="Choose another column.")

    def _needed(self) -> list[str]:
        return sorted({c.column for c in self.conditions})

    def apply(self, table, state):
        kind, place = spare_names(table, 2)
        dtype = table[self.target].type()
        good, other = (typed(v, dtype, self.target) for v in (self.positive, self.negative))
        yes = (table[self.target] == good).fill_null(False)
        part = yes | (table[self.target] == other).fill_null(False)
        for c in self._needed():
            part = part & _there(table[c])
        if self.split and self.split in table.columns:
            part = part & (table[self.split] == "train").fill_null(False)
        group, score = self.chosen(table), known(table[self.score])

        def total(rows):
            return rows.ifelse(1.0, 0.0).sum().over(ibis.window())

        rows_d, rows_a = total(part & group), total(part & ~group)
        yes_d, yes_a = total(part & group & yes), total(part & ~group & yes)
        rows = (rows_d + rows_a).nullif(0.0)
        wanted = floor((rows_d * yes_a - rows_a * yes_d) / rows + 0.5)
        up, down = part & group & ~yes & score.notnull(), part & ~group & yes & score.notnull()
        most = ibis.least(wanted, total(up), total(down))
        order = [
            up.ifelse(-score, score).asc(nulls_first=False),
            hashed_share(table, self.key_columns(table.schema()), self.seed),
            *self.ties(table),
        ]
        sort = ibis.cases((up, 1), (down, 2), else_=0)
        number = ibis.row_number().over(ibis.window(group_by=[sort], order_by=order)).cast("float64")
        table = table.mutate(sort.name(kind), (number < most).fill_null(False).name(place))
        turned = ibis.cases(
            (table[place] & (table[kind] == 1), good),
            (table[place] & (table[kind] == 2), other),
            else_=table[self.target],
        )
        return table.mutate(turned.cast(dtype).name(self.target)).drop(kind, place)

    def pandas(self, df, state, schema):
        target = f"{df}[{self.target!r}]"
        good, other = (_python(v, schema[self.target]) for v in (self.positive, self.negative))
        part = (
            f"{df}[{self._needed()!r}].notna().all(axis=1) & (yes | ({target} == {other}).fillna(False).astype(bool))"
        )
        if self.split and self.split in schema:
            part += f" & ({df}[{self.split!r}] == 'train').fillna(False).astype(bool)"
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"yes = ({target} == {good}).fillna(False).astype(bool)",
            f"part, group = {part}, ({self.pandas_chosen(df, schema)}).fillna(False).astype(bool)",
            f"score = {df}[{self.score!r}].astype('Float64')",
            "score = score.mask(score.isna().fillna(True) | (score != score).fillna(True))",
            "rows_d, rows_a = (part & group).sum(), (part & ~group).sum()",
            "yes_d, yes_a = (part & group & yes).sum(), (part & ~group & yes).sum()",
            "wanted = int(np.floor((rows_d * yes_a - rows_a * yes_d) / max(rows_d + rows_a, 1) + 0.5))",
            "up, down = part & group & ~yes & score.notna(), part & ~group & yes & score.notna()",
            "wanted = max(min(wanted, up.sum(), down.sum()), 0)",
            f"some = {df}.assign(__score=score.mask(up, -score), __hash={self.pandas_share(df, schema)})",
            f"some = some.sort_values(['__score', '__hash', *{hashable(schema)!r}], na_position='last')",
            f"{df}.loc[some.index[up.loc[some.index]][:wanted], {self.target!r}] = {good}",
            f"{df}.loc[some.index[down.loc[some.index]][:wanted], {self.target!r}] = {other}",
        ]


def _there(column):
    return known(column).notnull() if column.type().is_floating() else column.notnull()


def _python(value: str, dtype) -> str:
    """Return a value of the label as Python code."""
    if dtype.is_boolean():
        return repr(value.lower() in ("true", "1", "yes"))
    return repr(int(value)) if dtype.is_integer() else repr(value)
