"""Combine: columns or rows of another input (a dataset or another recipe's result)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import ibis

from transforms.catalog.group import Aggregation, Statistic, pandas_aggregate
from transforms.errors import ColumnNotFound, ParamError
from transforms.fields import ColumnOf, Columns, NewColumn, OtherInput, Settings, kind_of, param
from transforms.transform import CombiningTransform, Example, register

OtherColumns = Annotated[tuple[str, ...], ColumnOf("input", many=True)]
OtherColumn = Annotated[str, ColumnOf("input")]


def check_keys(left, right, left_keys, right_keys) -> None:
    """Refuse keys that are not there, not as many, or not of one kind."""
    if len(left_keys) != len(right_keys):
        raise ParamError(f"there are {len(left_keys)} keys here and {len(right_keys)} in the other input.")
    for a, b in zip(left_keys, right_keys, strict=True):
        if b not in right.columns:
            raise ColumnNotFound.of(b, right.columns)
        if kind_of(left[a].type()) != kind_of(right[b].type()) or left[a].type() != right[b].type():
            raise ParamError(
                f"key {a!r} is {left[a].type()}, but {b!r} in the other input is {right[b].type()}.",
                hint="Change the type of one of them.",
            )


@register
class Join(CombiningTransform):
    """Join rows of another input by equal keys.

    Rows: `left` keeps every row of this table and repeats it for each match; `inner` keeps matches only; `full` also keeps
    the other input's rows; `keep matching` and `drop matching` only filter this table. Missing keys match nothing.
    Columns: the other input's columns beside its keys are added; a name that is taken gets `suffix`.
    """

    name: ClassVar = "combine.join"
    label: ClassVar = "Join another table"
    serving: ClassVar = "row"
    covers: ClassVar = ("join_inner", "join_left", "join_full", "join_right", "join_anti", "join_semi")
    words: ClassVar = ("JOIN", "merge", "vlookup", "lookup")
    examples: ClassVar = (
        Example({"input": "other", "keys": ["k"], "other_keys": ["k"]}, before={"k": [1, 2, None], "a": ["x", "y", "z"]}, others={"other": {"k": [1, 1, None], "b": [10, 11, 12]}}, after={"k": [1, 1, 2, None], "a": ["x", "x", "y", "z"], "b": [10, 11, None, None]}),
        Example({"input": "other", "keys": ["k"], "other_keys": ["j"], "how": "inner"}, before={"k": [1, 2], "a": ["x", "y"]}, others={"other": {"j": [2], "a": ["q"]}}, after={"k": [2], "a": ["y"], "a_other": ["q"]}),
        Example({"input": "other", "keys": ["k"], "other_keys": ["k"], "how": "full"}, before={"k": [1], "a": ["x"]}, others={"other": {"k": [2], "b": [5]}}, after={"k": [1, 2], "a": ["x", None], "b": [None, 5]}),
        Example({"input": "other", "keys": ["k"], "other_keys": ["k"], "how": "keep matching"}, before={"k": [1, 2]}, others={"other": {"k": [2, 2]}}, after={"k": [2]}),
        Example({"input": "other", "keys": ["k"], "other_keys": ["k"], "how": "drop matching"}, before={"k": [1, 2, None]}, others={"other": {"k": [2]}}, after={"k": [1, None]}),
    )  # fmt: skip

    input: OtherInput = param("Other table")
    keys: Columns = param("Keys in this table")
    other_keys: OtherColumns = param("Keys in the other table", min_length=1)
    how: Literal["left", "inner", "full", "keep matching", "drop matching"] = param("Kind", default="left")
    suffix: str = param("Suffix for names that are taken", default="_other", min_length=1)

    def _added(self, table, other) -> dict[str, str]:
        added = {}
        for c in other.columns:
            if c in self.other_keys:
                continue
            added[c] = c + self.suffix if c in table.columns else c
            if c in table.columns and added[c] in (*table.columns, *other.columns):
                raise ParamError(f"column {added[c]!r} exists already.", hint="Choose another suffix.")
        return added

    def apply(self, table, state, others):
        other = others[self.input]
        check_keys(table, other, self.keys, self.other_keys)
        added = {} if "matching" in self.how else self._added(table, other)
        # rename everything on the other side, so that no name can meet
        right = other.select(
            [
                *(other[k].name(f"__key_{i}") for i, k in enumerate(self.other_keys)),
                *(other[c].name(f"__value_{i}") for i, c in enumerate(added)),
            ]
        )
        on = [table[a] == right[f"__key_{i}"] for i, a in enumerate(self.keys)]
        how = {"left": "left", "inner": "inner", "full": "outer", "keep matching": "semi", "drop matching": "anti"}[
            self.how
        ]
        joined = table.join(right, on, how=how)
        if not added and how in ("semi", "anti"):
            return joined.select(table.columns)
        key = (
            {a: ibis.coalesce(joined[a], joined[f"__key_{i}"]).name(a) for i, a in enumerate(self.keys)}
            if how == "outer"
            else {}
        )
        return joined.select(
            [
                *(key.get(c, joined[c]) for c in table.columns),
                *(joined[f"__value_{i}"].name(n) for i, n in enumerate(added.values())),
            ]
        )

    def pandas(self, df, state, schema):
        other = f"others[{self.input!r}]"
        left, right = list(self.keys), list(self.other_keys)
        keyed = f"{other}.dropna(subset={right!r})"
        if "matching" in self.how:
            sign = "~" if self.how == "drop matching" else ""
            return [
                f"seen = {keyed}[{right!r}].drop_duplicates().set_axis({left!r}, axis=1)",
                f"hit = {df}[{left!r}].merge(seen, on={left!r}, how='left', indicator='__hit')['__hit'].to_numpy() == 'both'",
                f"{df} = {df}[{sign}(hit & {df}[{left!r}].notna().all(axis=1).to_numpy())]",
            ]
        lines = [
            f"other = {keyed if self.how != 'full' else other}.rename(columns=lambda c: c if c in {right!r} or c not in {df}.columns else c + {self.suffix!r})",
            f"other = other.set_axis([dict(zip({right!r}, {left!r})).get(c, c) for c in other.columns], axis=1)",
        ]
        if self.how == "full":  # pandas lets missing keys meet, SQL does not: they are put aside
            return [*lines,
                f"whole = [t[t[{left!r}].notna().all(axis=1)] for t in ({df}, other)]",
                f"rest = [t[t[{left!r}].isna().any(axis=1)] for t in ({df}, other)]",
                f"{df} = pd.concat([whole[0].merge(whole[1], on={left!r}, how='outer'), *rest], ignore_index=True)"]  # fmt: skip
        return [*lines, f"{df} = {df}.merge(other, on={left!r}, how={self.how!r})"]


class OtherAggregation(Settings):
    """A statistic of one column of the other input, under a name."""

    column: OtherColumn = param("Column of the other table")
    statistic: Statistic = param("Statistic", default="mean")
    to: NewColumn = param("New column")

    def plain(self) -> Aggregation:
        return Aggregation(column=self.column, statistic=self.statistic, to=self.to)


@register
class JoinSummary(CombiningTransform):
    """Add statistics of another input's rows with the same key, such as the mean sentiment of each app's reviews.

    Rows: same number. Columns: one per statistic; missing (also counts) where the key has no row there. Works for a
    single record too: the other input is looked up.
    """

    name: ClassVar = "combine.join_summary"
    label: ClassVar = "Add statistics from another table"
    serving: ClassVar = "row"
    covers: ClassVar = ("join_lookup_first",)
    words: ClassVar = ("join and group", "rollup", "aggregate join", "lookup")
    examples: ClassVar = (
        Example({"input": "reviews", "keys": ["app"], "other_keys": ["App"], "statistics": [{"column": "s", "statistic": "mean", "to": "mean_s"}, {"column": "s", "statistic": "count", "to": "n"}]},
                before={"app": ["a", "b", None]}, others={"reviews": {"App": ["a", "a", None], "s": [1.0, 0.0, 5.0]}}, after={"app": ["a", "b", None], "mean_s": [0.5, None, None], "n": [2, None, None]}),
    )  # fmt: skip

    input: OtherInput = param("Other table")
    keys: Columns = param("Keys in this table")
    other_keys: OtherColumns = param("Keys in the other table", min_length=1)
    statistics: tuple[OtherAggregation, ...] = param("Statistics", min_length=1)

    def apply(self, table, state, others):
        other = others[self.input]
        check_keys(table, other, self.keys, self.other_keys)
        for s in self.statistics:
            if s.column not in other.columns:
                raise ColumnNotFound.of(s.column, other.columns)
            if s.to in table.columns:
                raise ParamError(f"column {s.to!r} exists already.", hint="Choose another name.")
            s.plain().check(other.schema())
        grouped = other.group_by([other[k].name(f"__key_{i}") for i, k in enumerate(self.other_keys)])
        right = grouped.aggregate([s.plain().expression(other) for s in self.statistics])
        joined = table.left_join(right, [table[a] == right[f"__key_{i}"] for i, a in enumerate(self.keys)])
        return joined.select([*(joined[c] for c in table.columns), *(joined[s.to] for s in self.statistics)])

    def pandas(self, df, state, schema):
        other, left, right = f"others[{self.input!r}]", list(self.keys), list(self.other_keys)
        types = {c: schema[a] for a, c in zip(self.keys, self.other_keys, strict=True)}
        return [
            *pandas_aggregate(
                "summary",
                f"{other}.dropna(subset={right!r})",
                self.other_keys,
                [s.plain() for s in self.statistics],
                types,
            ),
            f"summary = summary.set_axis({[*left, *(s.to for s in self.statistics)]!r}, axis=1)",
            f"{df} = {df}.merge(summary, on={left!r}, how='left')",
        ]


@register
class Union(CombiningTransform):
    """Put the rows of another input below, matching columns by name; columns of only one side are missing on the other."""

    name: ClassVar = "combine.union"
    label: ClassVar = "Append another table"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("union_by_name",)
    words: ClassVar = ("UNION", "concatenate", "stack", "append rows")
    examples: ClassVar = (
        Example({"input": "more"}, before={"a": [1], "b": ["x"]}, others={"more": {"b": ["y"], "c": [True]}}, after={"a": [1, None], "b": ["x", "y"], "c": [None, True]}),
        Example({"input": "more", "drop_duplicates": True, "source_column": ""}, before={"a": [1, 2]}, others={"more": {"a": [2, 3]}}, after={"a": [1, 2, 3]}),
    )  # fmt: skip

    input: OtherInput = param("Other table")
    drop_duplicates: bool = param("Drop rows that repeat", default=False)
    source_column: str = param("Column that says where a row came from", default="", help="Empty: none.")

    def apply(self, table, state, others):
        other = others[self.input]
        for c in table.columns:
            if c in other.columns and table[c].type() != other[c].type():
                raise ParamError(
                    f"column {c!r} is {table[c].type()} here and {other[c].type()} in {self.input!r}.",
                    hint="Change the type of one.",
                )
        names = [*table.columns, *(c for c in other.columns if c not in table.columns)]
        schemas = dict(other.schema().items()) | dict(table.schema().items())
        parts = []
        for side, source in ((table, "main"), (other, self.input)):
            columns = [side[c] if c in side.columns else ibis.null(schemas[c]).name(c) for c in names]
            parts.append(
                side.select(
                    [*columns, *([ibis.literal(source).name(self.source_column)] if self.source_column else [])]
                )
            )
        return ibis.union(*parts, distinct=self.drop_duplicates)

    def pandas(self, df, state, schema):
        mark = (
            f".assign(**{{{self.source_column!r}: s}}).astype({{{self.source_column!r}: 'string'}})"
            if self.source_column
            else ""
        )
        drop = ".drop_duplicates()" if self.drop_duplicates else ""
        return [
            f"parts = [t{mark} for t, s in (({df}, 'main'), (others[{self.input!r}], {self.input!r}))]",
            "types = {c: t.dtypes[c] for t in reversed(parts) for c in t.columns}",
            "names = list(dict.fromkeys(c for t in parts for c in t.columns))"
            if not self.source_column
            else f"names = list(dict.fromkeys(c for t in parts for c in t.columns if c != {self.source_column!r})) + [{self.source_column!r}]",
            f"{df} = pd.concat([t.reindex(columns=names).astype(types) for t in parts], ignore_index=True){drop}",
        ]
