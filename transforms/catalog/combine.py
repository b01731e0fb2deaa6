"""Combine: columns or rows of another input (a dataset or another recipe's result)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import ibis

from transforms.catalog.common import spare_names
from transforms.catalog.group import Aggregation, Basic, pandas_aggregate
from transforms.catalog.window import whole_micros
from transforms.errors import ColumnNotFound, ParamError
from transforms.fields import (
    Column,
    ColumnOf,
    Columns,
    NewColumn,
    OrderableColumn,
    OtherInput,
    Settings,
    SomeColumns,
    kind_of,
    param,
)
from transforms.schema import known
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

    Rows: `left` keeps every row of this table and repeats it for each match; `inner` keeps matches only; `right` keeps every row
    of the other input, `full` those of both; `keep matching` and `drop matching` only filter this table. Missing keys match nothing.
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
        Example({"input": "other", "keys": ["k"], "other_keys": ["j"], "how": "right"}, before={"k": [1, 2, None], "a": ["x", "y", "z"]}, others={"other": {"j": [2, 3, None], "b": [5, 6, 7]}}, after={"k": [2, 3, None], "a": ["y", None, None], "b": [5, 6, 7]}),
        Example({"input": "other", "keys": ["k"], "other_keys": ["k"], "how": "keep matching"}, before={"k": [1, 2]}, others={"other": {"k": [2, 2]}}, after={"k": [2]}),
        Example({"input": "other", "keys": ["k"], "other_keys": ["k"], "how": "drop matching"}, before={"k": [1, 2, None]}, others={"other": {"k": [2]}}, after={"k": [1, None]}),
    )  # fmt: skip

    input: OtherInput = param("Other table")
    keys: Columns = param("Keys in this table")
    other_keys: OtherColumns = param("Keys in the other table", min_length=1)
    how: Literal["left", "inner", "right", "full", "keep matching", "drop matching"] = param("Kind", default="left")
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
        how = {"full": "outer", "keep matching": "semi", "drop matching": "anti"}.get(self.how, self.how)
        joined = table.join(right, on, how=how)
        if not added and how in ("semi", "anti"):
            return joined.select(table.columns)
        key = (
            {a: ibis.coalesce(joined[a], joined[f"__key_{i}"]).name(a) for i, a in enumerate(self.keys)}
            if how in ("outer", "right")
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
            f"other = {other if self.how in ('right', 'full') else keyed}.rename(columns=lambda c: c if c in {right!r} or c not in {df}.columns else c + {self.suffix!r})",
            f"other = other.set_axis([dict(zip({right!r}, {left!r})).get(c, c) for c in other.columns], axis=1)",
        ]
        if self.how == "full":  # pandas lets missing keys meet, SQL does not: they are put aside
            return [*lines,
                f"whole = [t[t[{left!r}].notna().all(axis=1)] for t in ({df}, other)]",
                f"rest = [t[t[{left!r}].isna().any(axis=1)] for t in ({df}, other)]",
                f"{df} = pd.concat([whole[0].merge(whole[1], on={left!r}, how='outer'), *rest], ignore_index=True)"]  # fmt: skip
        keyed = f"{df}.dropna(subset={left!r})" if self.how == "right" else df
        return [*lines, f"{df} = {keyed}.merge(other, on={left!r}, how={self.how!r})"]


class OtherAggregation(Settings):
    """A statistic of one column of the other input, under a name."""

    column: OtherColumn = param("Column of the other table")
    statistic: Basic = param("Statistic", default="mean")
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
    covers: ClassVar = ("union_by_name", "union_with_source", "union_distinct")
    words: ClassVar = ("UNION", "concatenate", "stack", "append rows")
    examples: ClassVar = (
        Example({"input": "more"}, before={"a": [1], "b": ["x"]}, others={"more": {"b": ["y"], "c": [True]}}, after={"a": [1, None], "b": ["x", "y"], "c": [None, True]}),
        Example({"input": "more", "drop_duplicates": True, "source_column": ""}, before={"a": [1, 2]}, others={"more": {"a": [2, 3]}}, after={"a": [1, 2, 3]}),
        Example({"input": "more", "source_column": "from"}, before={"a": [1, None]}, others={"more": {"a": [2]}}, after={"a": [1, None, 2], "from": ["main", "main", "more"]}),
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


def right_side(table, other, keys, suffix):
    """Return ({other's column: new name}, other's table with columns named __o_0 …) for the columns beside the keys."""
    added = {}
    for c in other.columns:
        if c in keys:
            continue
        added[c] = c + suffix if c in table.columns else c
        if c in table.columns and added[c] in (*table.columns, *other.columns):
            raise ParamError(f"column {added[c]!r} exists already.", hint="Choose another suffix.")
    return added, other.select([other[c].name(f"__o_{i}") for i, c in enumerate(other.columns)])


def taken(names, columns) -> None:
    for name in names:
        if name in columns:
            raise ParamError(f"column {name!r} exists already.", hint="Choose another name for the new column.")


@register
class JoinWithReport(CombiningTransform):
    """Join another input and tell for each row how it matched: only here, only there, matched, or multiplied, with the count.

    Two columns are added before the other input's: the status, and how many rows of the other input had the key. "multiplied"
    rows met several. Kinds as in "Join another table"; `full` also keeps what is only there.
    """

    name: ClassVar = "combine.join_report"
    label: ClassVar = "Join with a match report"
    serving: ClassVar = "row"
    covers: ClassVar = ("join_with_match_report",)
    words: ClassVar = ("merge indicator", "unmatched rows", "join diagnostics", "_merge")
    examples: ClassVar = (
        Example({"input": "other", "keys": ["k"], "other_keys": ["k"], "how": "full"}, before={"k": [1, 2, 3, None]}, others={"other": {"k": [1, 2, 2, 9], "b": ["p", "q", "r", "s"]}}, after={"k": [1, 2, 2, 3, None, 9], "match": ["matched", "multiplied", "multiplied", "only here", "only here", "only there"], "matches": [1, 2, 2, 0, 0, 1], "b": ["p", "q", "r", None, None, "s"]}),
        Example({"input": "other", "keys": ["k"], "other_keys": ["k"]}, before={"k": [1, 2]}, others={"other": {"k": [1], "b": ["p"]}}, after={"k": [1, 2], "match": ["matched", "only here"], "matches": [1, 0], "b": ["p", None]}),
    )  # fmt: skip

    input: OtherInput = param("Other table")
    keys: Columns = param("Keys in this table")
    other_keys: OtherColumns = param("Keys in the other table", min_length=1)
    how: Literal["left", "full"] = param("Kind", default="left")
    status_to: NewColumn = param("Column for the status", default="match")
    count_to: NewColumn = param("Column for the count", default="matches")
    suffix: str = param("Suffix for names that are taken", default="_other", min_length=1)

    def _join(self):
        return Join(input=self.input, keys=self.keys, other_keys=self.other_keys, how=self.how, suffix=self.suffix)

    def apply(self, table, state, others):
        other = others[self.input]
        check_keys(table, other, self.keys, self.other_keys)
        taken((self.status_to, self.count_to), (*table.columns, *other.columns))
        found = other.group_by([other[k].name(f"__key_{i}") for i, k in enumerate(self.other_keys)])
        counts = found.aggregate(ibis._.count().cast("int64").name("__n"))
        joined = table.left_join(counts, [table[a] == counts[f"__key_{i}"] for i, a in enumerate(self.keys)])
        n = joined["__n"].fill_null(0)
        status = ibis.cases((n == 0, "only here"), (n == 1, "matched"), else_="multiplied")
        marked = joined.select([*(joined[c] for c in table.columns), status.name(self.status_to), n.name(self.count_to)])  # fmt: skip
        left = Join(**(self._join().settings() | {"how": "left"})).apply(marked, None, others)
        if self.how == "left":
            return left
        # Not a full join: Ibis 12 makes one of both joins and computes the status for the rows of the other side too.
        on = [other[b] == table[a] for a, b in zip(self.keys, self.other_keys, strict=True)]
        rest = other.join(table, on, how="anti")
        added = self._join()._added(marked, other)
        keys = dict(zip(self.keys, self.other_keys, strict=True))
        fixed = {self.status_to: ibis.literal("only there"), self.count_to: ibis.literal(1, "int64")}
        cells = [
            rest[keys[c]].name(c) if c in keys else fixed.get(c, ibis.null(marked[c].type())).name(c)
            for c in marked.columns
        ]
        return ibis.union(left, rest.select([*cells, *(rest[c].name(n) for c, n in added.items())]))

    def pandas(self, df, state, schema):
        left, right = list(self.keys), list(self.other_keys)
        return [
            f"counts = others[{self.input!r}].dropna(subset={right!r}).groupby({right!r}).size().rename('__n').reset_index().set_axis({[*left, '__n']!r}, axis=1)",
            f"n = {df}[{left!r}].merge(counts, on={left!r}, how='left')['__n'].fillna(0).astype('Int64')",
            f"{df} = {df}.reset_index(drop=True)",
            f"{df}[{self.status_to!r}] = pd.Series(np.select([n == 0, n == 1], ['only here', 'matched'], 'multiplied'), dtype='string')",
            f"{df}[{self.count_to!r}] = n",
            *self._join().pandas(df, state, schema),
            f"{df} = {df}.fillna({{{self.status_to!r}: 'only there', {self.count_to!r}: 1}})",
        ]  # fmt: skip


@register
class JoinCross(CombiningTransform):
    """Put every row of this table beside every row of the other one. Rows: the product of both numbers."""

    name: ClassVar = "combine.join_cross"
    label: ClassVar = "All pairs with another table"
    serving: ClassVar = "row"
    covers: ClassVar = ("join_cross",)
    words: ClassVar = ("CROSS JOIN", "cartesian product", "all combinations")
    examples: ClassVar = (
        Example({"input": "other"}, before={"a": [1, None]}, others={"other": {"a": ["x", "y"], "b": [True, None]}}, after={"a": [1, 1, None, None], "a_other": ["x", "y", "x", "y"], "b": [True, None, True, None]}),
    )  # fmt: skip

    input: OtherInput = param("Other table")
    suffix: str = param("Suffix for names that are taken", default="_other", min_length=1)

    def apply(self, table, state, others):
        other = others[self.input]
        added, right = right_side(table, other, (), self.suffix)
        joined = table.cross_join(right)
        new = [joined[f"__o_{i}"].name(added[c]) for i, c in enumerate(other.columns)]
        return joined.select([*(joined[c] for c in table.columns), *new])

    def pandas(self, df, state, schema):
        return [
            f"other = others[{self.input!r}].rename(columns=lambda c: c if c not in {df}.columns else c + {self.suffix!r})",
            f"{df} = {df}.merge(other, how='cross')",
        ]


class Pair(Settings):
    """A comparison of a column here with a column there."""

    column: Column = param("Column of this table")
    test: Literal["equals", "is greater than", "is at least", "is less than", "is at most", "is not"] = param("Condition", default="equals")  # fmt: skip
    other_column: OtherColumn = param("Column of the other table")


SIGNS = {"equals": "==", "is not": "!=", "is greater than": ">", "is at least": ">=", "is less than": "<", "is at most": "<="}  # fmt: skip


@register
class JoinByConditions(CombiningTransform):
    """Join rows of another input by conditions such as "start is at most date" and "end is at least date".

    All conditions must hold; missing values match nothing. `left` keeps rows without a match. Many rows with no equal key
    take long: every pair is looked at.
    """

    name: ClassVar = "combine.join_conditions"
    label: ClassVar = "Join by conditions"
    serving: ClassVar = "row"
    covers: ClassVar = ("join_non_equi", "join_interval")
    words: ClassVar = ("non-equi join", "range join", "interval join", "between", "overlap")
    examples: ClassVar = (
        Example({"input": "bands", "conditions": [{"column": "v", "test": "is at least", "other_column": "low"}, {"column": "v", "test": "is less than", "other_column": "high"}]},
                before={"v": [5, 10, 99, None]}, others={"bands": {"low": [0, 10], "high": [10, 20], "name": ["few", "many"]}}, after={"v": [5, 10, 99, None], "low": [0, 10, None, None], "high": [10, 20, None, None], "name": ["few", "many", None, None]}),
        Example({"input": "other", "how": "inner", "conditions": [{"column": "k", "test": "equals", "other_column": "k"}, {"column": "v", "test": "is greater than", "other_column": "v"}]},
                before={"k": ["a", "a", "b"], "v": [2, 4, 9]}, others={"other": {"k": ["a", None], "v": [3, 1]}}, after={"k": ["a"], "v": [4], "k_other": ["a"], "v_other": [3]}),
    )  # fmt: skip

    input: OtherInput = param("Other table")
    conditions: tuple[Pair, ...] = param("Conditions", min_length=1)
    how: Literal["left", "inner"] = param("Kind", default="left")
    suffix: str = param("Suffix for names that are taken", default="_other", min_length=1)

    def apply(self, table, state, others):
        other = others[self.input]
        check_keys(table, other, [c.column for c in self.conditions], [c.other_column for c in self.conditions])
        added, right = right_side(table, other, (), self.suffix)
        on = []
        for c in self.conditions:
            a, b = table[c.column], right[f"__o_{other.columns.index(c.other_column)}"]
            on.append({"==": a == b, "!=": a != b, ">": a > b, ">=": a >= b, "<": a < b, "<=": a <= b}[SIGNS[c.test]])
        joined = table.join(right, on, how=self.how)
        new = [joined[f"__o_{i}"].name(added[c]) for i, c in enumerate(other.columns)]
        return joined.select([*(joined[c] for c in table.columns), *new])

    def pandas(self, df, state, schema):
        tests = " & ".join(f"pairs[{c.column!r}].{_METHODS[c.test]}(pairs['__o_' + {c.other_column!r}]).fillna(False).astype(bool) & pairs[{c.column!r}].notna() & pairs['__o_' + {c.other_column!r}].notna()" for c in self.conditions)  # fmt: skip
        equal = [c for c in self.conditions if c.test == "equals"]
        how = f"left_on={[c.column for c in equal]!r}, right_on={['__o_' + c.other_column for c in equal]!r}" if equal else "how='cross'"  # fmt: skip
        names = f"{{'__o_' + c: c if c not in {df}.columns else c + {self.suffix!r} for c in others[{self.input!r}].columns}}"
        lines = [
            f"left = {df}.reset_index(drop=True).rename_axis('__row').reset_index()",
            f"pairs = left.merge(others[{self.input!r}].add_prefix('__o_'), {how})",
            f"pairs = pairs[{tests}]",
        ]
        if self.how == "left":
            lines.append("pairs = pd.concat([pairs, left[~left['__row'].isin(pairs['__row'])]], ignore_index=True)")
        return [*lines, f"{df} = pairs.drop(columns='__row').rename(columns={names})"]


_METHODS = {"equals": "eq", "is not": "ne", "is greater than": "gt", "is at least": "ge", "is less than": "lt", "is at most": "le"}  # fmt: skip


@register
class UnionByPosition(CombiningTransform):
    """Put the rows of another input below, matching columns by their place; this table's names stay."""

    name: ClassVar = "combine.union_by_position"
    label: ClassVar = "Append another table by position"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("union_by_position",)
    words: ClassVar = ("UNION ALL", "stack", "concatenate")
    examples: ClassVar = (
        Example({"input": "more"}, before={"a": [1], "b": ["x"]}, others={"more": {"p": [2, None], "q": ["y", None]}}, after={"a": [1, 2, None], "b": ["x", "y", None]}),
    )  # fmt: skip

    input: OtherInput = param("Other table")

    def apply(self, table, state, others):
        other = others[self.input]
        if len(other.columns) != len(table.columns):
            raise ParamError(f"this table has {len(table.columns)} columns and {self.input!r} has {len(other.columns)}.", hint="Drop some, or match by name.")  # fmt: skip
        for a, b in zip(table.columns, other.columns, strict=True):
            if table[a].type() != other[b].type():
                raise ParamError(f"column {a!r} is {table[a].type()}, but {b!r} in {self.input!r} is {other[b].type()}.", hint="Change the type of one.")  # fmt: skip
        pairs = zip(table.columns, other.columns, strict=True)
        return ibis.union(table, other.select([other[b].name(a) for a, b in pairs]))

    def pandas(self, df, state, schema):
        return [f"{df} = pd.concat([{df}, others[{self.input!r}].set_axis({df}.columns, axis=1)], ignore_index=True)"]


@register
class CompareRows(CombiningTransform):
    """Keep the rows that another input has too, or that it does not have, comparing all columns of this table.

    Missing values equal each other; repeated rows are kept once, as SQL's INTERSECT and EXCEPT do.
    """

    name: ClassVar = "combine.compare_rows"
    label: ClassVar = "Rows in both or only here"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("intersect_tables", "except_tables")
    words: ClassVar = ("INTERSECT", "EXCEPT", "MINUS", "set difference")
    examples: ClassVar = (
        Example({"input": "other"}, before={"a": [1, 1, None, 3]}, others={"other": {"a": [1, None, 7], "b": [1, 2, 3]}}, after={"a": [1, None]}),
        Example({"input": "other", "keep": "only here"}, before={"a": [1, 3, 3, None]}, others={"other": {"a": [1, None]}}, after={"a": [3]}),
    )  # fmt: skip

    input: OtherInput = param("Other table")
    keep: Literal["in both", "only here"] = param("Keep rows", default="in both")

    def apply(self, table, state, others):
        other = others[self.input]
        check_keys(table, other, table.columns, table.columns)
        right = other.select([other[c] for c in table.columns])
        return ibis.intersect(table, right) if self.keep == "in both" else ibis.difference(table, right)

    def pandas(self, df, state, schema):
        there = "both" if self.keep == "in both" else "left_only"
        return [
            f"other = others[{self.input!r}][list({df}.columns)].drop_duplicates()",
            f"{df} = {df}.drop_duplicates().reset_index(drop=True)",
            f"{df} = {df}[({df}.merge(other, on=list({df}.columns), how='left', indicator='__in')['__in'] == {there!r}).to_numpy()]",
        ]


@register
class AppendColumns(CombiningTransform):
    """Put the columns of another input beside this table's, row by row in an order of each.

    Rows: those of this table; where the other input is shorter, its columns are missing; what it has more is left out.
    """

    name: ClassVar = "combine.append_columns"
    label: ClassVar = "Columns of another table beside"
    serving: ClassVar = "batch"
    covers: ClassVar = ("append_columns",)
    words: ClassVar = ("concat axis=1", "zip tables", "cbind", "positional join")
    examples: ClassVar = (
        Example({"input": "other", "order_by": "a", "other_order_by": "b"}, before={"a": [2, 1, None]}, others={"other": {"b": ["y", "x"], "a": [True, None]}}, after={"a": [2, 1, None], "b": ["y", "x", None], "a_other": [True, None, None]}),
    )  # fmt: skip

    input: OtherInput = param("Other table")
    order_by: OrderableColumn = param("Rows of this table in the order of")
    other_order_by: OtherColumn = param("Rows of the other table in the order of")
    suffix: str = param("Suffix for names that are taken", default="_other", min_length=1)

    def apply(self, table, state, others):
        other = others[self.input]
        if self.other_order_by not in other.columns:
            raise ColumnNotFound.of(self.other_order_by, other.columns)
        added, right = right_side(table, other, (), self.suffix)
        place = lambda t, first: ibis.row_number().over(order_by=_in_order(t, first))  # noqa: E731
        spot, = spare_names(table, 1)  # fmt: skip
        left = table.mutate(place(table, self.order_by).name(spot))
        right = right.mutate(place(right, f"__o_{other.columns.index(self.other_order_by)}").name("__place"))
        joined = left.left_join(right, [left[spot] == right["__place"]])
        new = [joined[f"__o_{i}"].name(added[c]) for i, c in enumerate(other.columns)]
        return joined.select([*(joined[c] for c in table.columns), *new])

    def pandas(self, df, state, schema):
        return [
            f"other = others[{self.input!r}]",
            f"other = other.sort_values([{self.other_order_by!r}, *(c for c in other.columns if c != {self.other_order_by!r})], na_position='last').reset_index(drop=True)",
            f"{df} = {df}.sort_values([{self.order_by!r}, *(c for c in {df}.columns if c != {self.order_by!r})], na_position='last').reset_index(drop=True)",
            f"other = other.rename(columns=lambda c: c if c not in {df}.columns else c + {self.suffix!r})",
            f"{df} = {df}.join(other)",
        ]


def _in_order(table, first: str) -> list:
    rest = [c for c in table.columns if c != first and kind_of(table[c].type()) != "any"]
    return [table[c].asc(nulls_first=False) for c in (first, *rest)]


@register
class Upsert(CombiningTransform):
    """Update rows by key from another input, and add the rows whose key is new.

    Columns: this table's; what the other input does not have keeps its old value (missing in new rows). Rows of the other
    input whose key is missing are added.
    """

    name: ClassVar = "combine.upsert"
    label: ClassVar = "Update and add rows by key"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("upsert_rows",)
    words: ClassVar = ("MERGE INTO", "upsert", "update or insert")
    examples: ClassVar = (
        Example({"input": "new", "keys": ["k"]}, before={"k": [1, 2, None], "a": ["x", "y", "z"], "b": [True, False, True]}, others={"new": {"k": [2, 3], "a": ["Y", None]}}, after={"k": [1, 2, None, 3], "a": ["x", "Y", "z", None], "b": [True, False, True, None]}),
    )  # fmt: skip

    input: OtherInput = param("Other table")
    keys: Columns = param("Keys", help="Called the same in both tables.")

    def apply(self, table, state, others):
        other = others[self.input]
        common = [c for c in table.columns if c in other.columns]
        check_keys(table, other, self.keys, self.keys)
        check_keys(table, other, common, common)
        right = other.select([other[c].name(f"__o_{i}") for i, c in enumerate(common)])
        on = [table[k] == right[f"__o_{common.index(k)}"] for k in self.keys]
        kept = table.join(right, on, how="anti").select(table.columns)
        joined = right.join(table, on, how="left")
        cells = [joined[f"__o_{common.index(c)}"].name(c) if c in common else joined[c] for c in table.columns]
        return ibis.union(kept, joined.select(cells))

    def pandas(self, df, state, schema):
        keys = list(self.keys)
        return [
            f"new = others[{self.input!r}][[c for c in {df}.columns if c in others[{self.input!r}].columns]]",
            f"whole = {df}[{df}[{keys!r}].notna().all(axis=1)]",
            f"seen = new[{keys!r}].dropna().drop_duplicates()",
            f"old = {df}[({df}[{keys!r}].merge(seen, on={keys!r}, how='left', indicator='__in')['__in'] == 'left_only').to_numpy()]",
            f"rest = [c for c in {df}.columns if c in {keys!r} or c not in new.columns]",
            f"new = new.merge(whole[rest], on={keys!r}, how='left')[list({df}.columns)].astype({df}.dtypes)",
            f"{df} = pd.concat([old, new], ignore_index=True)",
        ]


@register
class DiffTables(CombiningTransform):
    """Compare this table (new) with another input (old) by key: rows added, removed, changed or the same.

    Columns: the keys, `status`, and `changed` with the names of the changed columns (alphabetical order). Only columns of
    both tables are compared; missing values equal each other. Rows with a missing key count as added or removed.
    """

    name: ClassVar = "combine.diff"
    label: ClassVar = "Compare with another table"
    serving: ClassVar = "batch"
    covers: ClassVar = ("diff_tables",)
    words: ClassVar = ("diff", "added removed changed", "reconcile", "data comparison")
    examples: ClassVar = (
        Example({"input": "old", "keys": ["k"]}, before={"k": [1, 2, 3], "a": ["x", "y", None], "b": [1, 2, None]}, others={"old": {"k": [2, 3, 4], "a": ["Y", None, "w"], "b": [5, None, 1]}}, after={"k": [1, 2, 3, 4], "status": ["added", "changed", "same", "removed"], "changed": ["", "a, b", "", ""]}),
    )  # fmt: skip

    input: OtherInput = param("Older table")
    keys: Columns = param("Keys", help="Called the same in both tables.")
    drop_same: bool = param("Leave out rows that are the same", default=False)

    def apply(self, table, state, others):
        other = others[self.input]
        check_keys(table, other, self.keys, self.keys)
        shared = sorted(c for c in table.columns if c in other.columns and c not in self.keys)
        check_keys(table, other, shared, shared)
        names = [*self.keys, *shared]
        left = table.select([*(table[c].name(f"__l_{i}") for i, c in enumerate(names)), ibis.literal(1).name("__l")])
        right = other.select([*(other[c].name(f"__r_{i}") for i, c in enumerate(names)), ibis.literal(1).name("__r")])
        both = left.join(right, [left[f"__l_{i}"] == right[f"__r_{i}"] for i in range(len(self.keys))], how="outer")
        pairs = {c: (both[f"__l_{i}"], both[f"__r_{i}"]) for i, c in enumerate(names)}
        differs = [(~a.identical_to(b)).ifelse(ibis.literal(f", {c}"), ibis.literal("")) for c, (a, b) in pairs.items() if c in shared]  # fmt: skip
        told = ibis.literal("")
        for text in differs:
            told = told + text
        matched = both["__l"].notnull() & both["__r"].notnull()
        changed = matched.ifelse(told.substr(2), ibis.literal(""))
        cells = [ibis.coalesce(*pairs[k]).name(k) for k in self.keys]
        found = both.select([*cells, both["__l"], both["__r"], changed.name("changed")])
        status = ibis.cases((found["__r"].isnull(), "added"), (found["__l"].isnull(), "removed"), (found["changed"] != "", "changed"), else_="same")  # fmt: skip
        found = found.select([*(found[k] for k in self.keys), status.name("status"), found["changed"]])
        return found.filter(found["status"] != "same") if self.drop_same else found

    def pandas(self, df, state, schema):
        keys = list(self.keys)
        lines = [
            f"old = others[{self.input!r}]",
            f"shared = sorted(c for c in {df}.columns if c in old.columns and c not in {keys!r})",
            f"whole = [t[t[{keys!r}].notna().all(axis=1)] for t in ({df}, old)]",
            f"rest = [t[t[{keys!r}].isna().any(axis=1)][{keys!r}].assign(__in=s) for t, s in (({df}, 'left_only'), (old, 'right_only'))]",
            f"both = whole[0][{keys!r} + shared].merge(whole[1][{keys!r} + shared], on={keys!r}, how='outer', suffixes=('', '__old'), indicator='__in')",
            "changed = pd.Series('', index=both.index, dtype='string')",
            "for c in shared:",
            "    a, b = both[c], both[c + '__old']",
            "    differs = ~((a == b).fillna(False).astype(bool) | (a.isna() & b.isna())) & (both['__in'] == 'both')",
            "    changed = changed.where(~differs, changed + ', ' + c)",
            "both['changed'] = changed.str[2:]",
            "both = pd.concat([both.astype({'__in': 'string'}), *rest], ignore_index=True).fillna({'changed': ''})",
            "status = both['__in'].map({'left_only': 'added', 'right_only': 'removed', 'both': 'same'}).astype('string')",
            "both['status'] = status.mask(both['changed'] != '', 'changed')",
            f"{df} = both[{keys!r} + ['status', 'changed']].astype({{'changed': 'string'}})",
        ]
        return [*lines, f"{df} = {df}[{df}['status'] != 'same']"] if self.drop_same else lines


@register
class JoinAsOf(CombiningTransform):
    """Join the nearest earlier (or later) row of another input by time or number, within equal keys.

    Rows: those of this table, each once. Of several rows at the same moment the last one in the order of their columns counts
    (the first for "later"). A tolerance limits how far away a match may be (same unit as numbers; days for times). Missing
    times or keys match nothing.
    """

    name: ClassVar = "combine.join_asof"
    label: ClassVar = "Join the nearest in time"
    serving: ClassVar = "row"
    covers: ClassVar = ("join_asof",)
    words: ClassVar = ("ASOF JOIN", "merge_asof", "point in time", "latest price", "nearest")
    examples: ClassVar = (
        Example({"input": "p", "on": "t", "other_on": "t", "keys": ["k"], "other_keys": ["k"]}, before={"k": ["a", "a", "b", "a"], "t": [5, 2, 9, None]}, others={"p": {"k": ["a", "a", "b"], "t": [3, 5, 10], "price": [1.0, 2.0, 3.0]}}, after={"k": ["a", "a", "b", "a"], "t": [5, 2, 9, None], "t_other": [5, None, None, None], "price": [2.0, None, None, None]}),
        Example({"input": "p", "on": "t", "other_on": "t", "direction": "later", "tolerance": 1.5}, before={"t": [1, 4]}, others={"p": {"t": [2, 7], "x": ["m", "n"]}}, after={"t": [1, 4], "t_other": [2, None], "x": ["m", None]}),
        Example({"input": "p", "on": "d", "other_on": "d", "tolerance": 1.0}, before={"d": ["2024-01-02T00:00:00", "2024-01-05T00:00:00"]}, others={"p": {"d": ["2024-01-01T12:00:00"], "x": [7]}}, after={"d": ["2024-01-02T00:00:00", "2024-01-05T00:00:00"], "d_other": ["2024-01-01T12:00:00", None], "x": [7, None]}, types={"d": "timestamp", "d_other": "timestamp"}),
    )  # fmt: skip

    input: OtherInput = param("Other table")
    on: OrderableColumn = param("Time or number in this table")
    other_on: OtherColumn = param("Time or number in the other table")
    keys: SomeColumns = param("Keys in this table", default=())
    other_keys: OtherColumns = param("Keys in the other table", default=())
    direction: Literal["earlier", "later"] = param("Take the nearest", default="earlier", help="The same moment counts in both.")  # fmt: skip
    tolerance: float | None = param("At most so far away", default=None, ge=0, help="Days for times.")
    suffix: str = param("Suffix for names that are taken", default="_other", min_length=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        if kind_of(schema[self.on]) not in ("number", "time"):
            raise ParamError(f"column {self.on!r} is no number or time.")

    def apply(self, table, state, others):
        other = others[self.input]
        check_keys(table, other, (*self.keys, self.on), (*self.other_keys, self.other_on))
        added, right = right_side(table, other, self.other_keys, self.suffix)
        at = {c: f"__o_{i}" for i, c in enumerate(other.columns)}
        early = self.direction == "earlier"
        order = _in_order(right, at[self.other_on])
        right = right.filter([right[at[c]].notnull() for c in (self.other_on, *self.other_keys)])
        right = right.mutate((ibis.row_number().over(order_by=order) + 1).cast("int64").name("__rid"))
        spots = spare_names(table, 3 + len(table.columns) + len(self.keys))
        rid, side, moment = spots[:3]
        keys = [f"__k_{i}" for i in range(len(self.keys))]
        stay = dict(zip(table.columns, spots[3:], strict=False))
        # Both tables under each other: the last row of the other one before each of ours is the greatest number so far.
        ours = table.select([*(table[c].name(s) for c, s in stay.items()), *(table[k].name(n) for k, n in zip(self.keys, keys, strict=True)), table[self.on].name(moment), ibis.null("int64").name(rid), ibis.literal(1 if early else 0, "int64").name(side)])  # fmt: skip
        theirs = right.select([*(ibis.null(table[c].type()).name(s) for c, s in stay.items()), *(right[at[k]].name(n) for k, n in zip(self.other_keys, keys, strict=True)), right[at[self.other_on]].name(moment), right["__rid"].name(rid), ibis.literal(0 if early else 1, "int64").name(side)])  # fmt: skip
        both = ibis.union(ours, theirs)
        way = (lambda c: c.asc(nulls_first=False)) if early else (lambda c: c.desc(nulls_first=False))
        window = ibis.window(group_by=[both[k] for k in keys] or None, order_by=[way(both[moment]), way(both[side])], preceding=None, following=0)  # fmt: skip
        best = both[rid].max() if early else both[rid].min()
        found = both.mutate(best.over(window).name(rid))
        found = found.filter(found[side] == (1 if early else 0))
        known_ = [found[moment].notnull(), *(found[k].notnull() for k in keys)]
        found = found.mutate(ibis.and_(*known_).ifelse(found[rid], ibis.null("int64")).name(rid))
        joined = found.left_join(right, [found[rid] == right["__rid"]])
        near = ibis.literal(True)
        if self.tolerance is not None:
            a, b = joined[moment], joined[at[self.other_on]]
            days = [_days(x) if kind_of(x.type()) == "time" else known(x) for x in (a, b)]
            near = ((days[0] - days[1]).abs() <= self.tolerance).fill_null(False)
        new = [(near.ifelse(joined[at[c]], ibis.null(joined[at[c]].type())) if self.tolerance is not None else joined[at[c]]).name(n) for c, n in added.items()]  # fmt: skip
        return joined.select([*(joined[s].name(c) for c, s in stay.items()), *new])

    def pandas(self, df, state, schema):
        early = self.direction == "earlier"
        left, right = list(self.keys), list(self.other_keys)
        time = kind_of(schema[self.on]) == "time"
        gap = "(pairs['__at'] - pairs['__their']).abs()"
        gap = f"{gap} / pd.Timedelta(days=1)" if time else gap
        names = f"{{'__o_' + c: c if c not in {df}.columns else c + {self.suffix!r} for c in others[{self.input!r}].columns}}"
        lines = [
            f"other = others[{self.input!r}].dropna(subset={[self.other_on, *right]!r})",
            f"other = other.sort_values([{self.other_on!r}, *(c for c in other.columns if c != {self.other_on!r})], na_position='last').reset_index(drop=True).add_prefix('__o_')",
            f"{df} = {df}.reset_index(drop=True)",
            f"keys = {left!r}",
            f"ours = {df}[keys].assign(__at={df}[{self.on!r}], __row={df}.index, __side={int(early)})",
            f"theirs = other[{['__o_' + k for k in right]!r}].set_axis(keys, axis=1).assign(__at=other['__o_' + {self.other_on!r}], __rid=other.index, __side={int(not early)})",
            f"both = pd.concat([ours, theirs]).sort_values(['__at', '__side'], ascending={early}, kind='stable', na_position='last')",
            f"both['__rid'] = both{'.groupby(keys, sort=False)' if left else ''}['__rid'].ffill()",
            f"found = both[both['__row'].notna() & both['__at'].notna()].set_index('__row')['__rid'].reindex({df}.index)",
            "matched = other.reindex(found).reset_index(drop=True)",
        ]  # fmt: skip
        if self.tolerance is not None:
            lines += [
                f"pairs = pd.DataFrame({{'__at': {df}[{self.on!r}], '__their': matched['__o_' + {self.other_on!r}]}})",
                f"matched = matched.where(({gap} <= {self.tolerance}).fillna(False).astype(bool))",
            ]
        return [*lines, f"matched = matched.drop(columns={['__o_' + k for k in right]!r}).rename(columns={names})", f"{df} = {df}.join(matched)"]  # fmt: skip


def _days(column):
    return whole_micros(column).cast("float64") / 86_400_000_000.0
