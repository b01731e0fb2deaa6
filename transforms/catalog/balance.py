"""Balance classes: repeat, remove, make or weigh training rows. New records are never touched."""

from __future__ import annotations

import hashlib
from typing import ClassVar, Literal

import ibis
import numpy as np

from transforms.catalog.across import PACKED, pandas_packed
from transforms.catalog.common import floor, spare_names
from transforms.catalog.hashing import ByHash, as_text, hashable, hashed_share, text_like
from transforms.errors import ColumnNotFound, FitError, ParamError
from transforms.fields import Column, NewColumn, NumericColumns, SomeColumns, param
from transforms.functions import row_function
from transforms.reading import rows
from transforms.transform import Example, Transform, register


@register
class Resample(ByHash):
    """Repeat rows of rare classes, or remove rows of frequent ones, until the classes are as large as you want.

    Rows are chosen by a hash of their values and the seed: the same on every run and engine. The goal is a share of the greatest
    class (repeat) or a multiple of the smallest (remove); with further group columns each group and class gets the number of rows
    that it would have if they were independent (fairness). Rows without a class stay as they are. Repeat after the split only:
    copies on both sides of it would give the test away; `split` names its column, and only its `train` rows count.
    """

    name: ClassVar = "balance.resample"
    label: ClassVar = "Repeat or remove rows of a class"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("balance_oversample", "balance_undersample", "balance_resample_fairness")
    words: ClassVar = ("oversampling", "undersampling", "RandomOverSampler", "RandomUnderSampler", "imbalanced", "upsample", "fair resampling")  # fmt: skip
    examples: ClassVar = (
        Example({"target": "y", "method": "repeat rare"}, before={"y": ["a", "a", "a", "b", None], "x": [1, 2, 3, 9, 5]}, after={"y": ["a", "a", "a", "b", "b", "b", None], "x": [1, 2, 3, 9, 9, 9, 5]}),
        Example({"target": "y", "method": "remove frequent"}, before={"y": ["a", "a", "a", "b"], "x": [1, 1, 1, 9]}, after={"y": ["a", "b"], "x": [1, 9]}),
        Example({"target": "y", "method": "repeat rare", "ratio": 0.5, "split": "s"}, before={"y": ["a", "a", "a", "a", "b", "b"], "s": ["train", "train", "train", "train", "train", "test"]}, after={"y": ["a", "a", "a", "a", "b", "b", "b"], "s": ["train", "train", "train", "train", "train", "train", "test"]}),
        Example({"target": "y", "groups": ["g"], "method": "even out groups"}, before={"y": ["a", "a", "a", "b", "a", "b", "b", "b"], "g": ["m", "m", "m", "m", "f", "f", "f", "f"]}, after={"y": ["a", "a", "b", "b", "a", "a", "b", "b"], "g": ["m", "m", "m", "m", "f", "f", "f", "f"]}),
    )  # fmt: skip

    target: Column = param("Class")
    method: Literal["repeat rare", "remove frequent", "even out groups"] = param("Method", default="remove frequent")
    ratio: float = param("Goal", default=1.0, gt=0, le=100, help="Repeat: share of the greatest class. Remove: multiple of the smallest.")  # fmt: skip
    groups: SomeColumns = param(
        "Groups", default=(), help="For 'even out groups': whom the class should not depend on."
    )
    split: str = param("Column of the split", default="", help="Only rows marked 'train' in it take part.")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.method == "even out groups" and not self.groups:
            raise ParamError("choose the groups to even out.")

    def apply(self, table, state):
        place, size, goal, part, copies = spare_names(table, 5)
        y = table[self.target]
        takes_part = y.notnull()
        if self.split and self.split in table.columns:
            takes_part = takes_part & (table[self.split] == "train").fill_null(False)
        names = hashable(table.schema())
        keys = self.key_columns(table.schema())
        table = table.mutate(takes_part.name(part))
        by = [table[part], table[self.target], *(table[c] for c in self.groups)]
        order = [hashed_share(table, keys, self.seed), *(table[c].asc(nulls_first=False) for c in names)]
        table = table.mutate(
            ibis.row_number().over(ibis.window(group_by=by, order_by=order)).cast("float64").name(place),
            table.count().over(ibis.window(group_by=by)).cast("float64").name(size),
        )
        whole = ibis.window(group_by=[table[part]])
        if self.method == "repeat rare":
            wanted = floor(table[size].max().over(whole) * self.ratio + 0.5)
            wanted = (wanted > table[size]).ifelse(wanted, table[size])
        elif self.method == "remove frequent":
            wanted = floor(table[size].min().over(whole) * self.ratio + 0.5)
            wanted = (wanted < table[size]).ifelse(wanted, table[size])
        else:
            in_class = table.count().over(ibis.window(group_by=[table[part], table[self.target]])).cast("float64")
            in_group = table.count().over(ibis.window(group_by=[table[part], *(table[c] for c in self.groups)]))
            wanted = floor(in_class * in_group.cast("float64") / table.count().over(whole).cast("float64") + 0.5)
        table = table.mutate(wanted.name(goal))
        # every row of a class as often as it goes, the first ones once more
        n, each = table[size], floor(table[goal] / table[size])
        more = (table[place] < table[goal] - each * n).ifelse(1.0, 0.0)
        number = table[part].ifelse(each + more, 1.0).cast("int64")
        table = table.mutate(ibis.range(0, number).name(copies))
        table = table.mutate(table[copies].unnest().name(copies))
        return table.drop(place, size, goal, part, copies)

    def pandas(self, df, state, schema):
        by = [self.target, *self.groups]
        part = f"{df}[{self.target!r}].notna()"
        if self.split and self.split in schema:
            part += f" & ({df}[{self.split!r}] == 'train').fillna(False)"
        goal = {
            "repeat rare": f"np.maximum(np.floor(size.max() * {self.ratio!r} + 0.5), size)",
            "remove frequent": f"np.minimum(np.floor(size.min() * {self.ratio!r} + 0.5), size)",
            "even out groups": f"np.floor(count([{self.target!r}]) * count({list(self.groups)!r}) / max(len(some), 1) + 0.5)",
        }[self.method]
        ties = hashable(schema)
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"part = ({part}).astype(bool)",
            f"some = {df}.assign(__hash={self.pandas_share(df, schema)})[part].sort_values(['__hash', *{ties!r}], na_position='last')",
            "count = lambda by: some.groupby(by, dropna=False)['__hash'].transform('size').astype('float64')",
            f"size, place = count({by!r}), some.groupby({by!r}, dropna=False).cumcount()",
            f"goal = {goal}",
            "copies = pd.Series(1, index=" + df + ".index)",
            "copies.loc[some.index] = (np.floor(goal / size) + (place < goal - np.floor(goal / size) * size)).astype(int)",
            f"{df} = {df}.loc[{df}.index.repeat(copies)]",
        ]


@register
class Weights(Transform):
    """Add a weight to each training row: rare classes count more, or groups and classes become independent (reweighing).

    Class weights: rows / (classes × rows of the class), as scikit-learn `class_weight="balanced"`. Reweighing: the rows that a
    group and class would have if they were independent, divided by those it has (Kamiran and Calders, 2012). A missing or unseen
    class weighs 1. Learns one weight per class.
    """

    name: ClassVar = "balance.weights"
    label: ClassVar = "Weigh rows by class"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("balance_class_weights", "balance_reweigh_fairness")
    words: ClassVar = ("class_weight", "sample weight", "reweighing", "fairness", "AIF360", "imbalanced")
    examples: ClassVar = (
        Example({"target": "y", "to": "w"}, before={"y": ["a", "a", "a", "b", None]}, after={"y": ["a", "a", "a", "b", None], "w": [2 / 3, 2 / 3, 2 / 3, 2.0, 1.0]}),
        Example({"target": "y", "group": "g", "to": "w"}, before={"y": [1, 1, 1, 0], "g": ["m", "m", "f", "f"]}, after={"y": [1, 1, 1, 0], "g": ["m", "m", "f", "f"], "w": [0.75, 0.75, 1.5, 0.5]}),
    )  # fmt: skip

    target: Column = param("Class")
    group: Column | None = param("Group", default=None, help="For fairness: the class should not depend on it.")
    to: NewColumn = param("New column", default="weight")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.group and self.group not in schema:
            raise ColumnNotFound.of(self.group, schema)
        text_like(schema, [c for c in (self.target, self.group) if c])

    def _key(self, table):
        key = table[self.target].cast("string")
        if not self.group:
            return key
        return key.length().cast("string") + ":" + key + table[self.group].cast("string")

    def fit(self, table):
        y = table[self.target].cast("string")
        g = table[self.group].cast("string") if self.group else ibis.literal("")
        counted = table.select(y.name("y"), g.name("g")).drop_null()
        found = rows(counted.group_by(["y", "g"]).aggregate(ibis._.count().name("n")))
        if not found:
            raise FitError(f"there is no row with a known {self.target!r}.")
        if len(found) > 1000:
            raise FitError(f"there are {len(found):,} classes; at most 1,000 can be weighed.")
        total = sum(r["n"] for r in found)
        classes = {r["y"]: sum(s["n"] for s in found if s["y"] == r["y"]) for r in found}
        groups = {r["g"]: sum(s["n"] for s in found if s["g"] == r["g"]) for r in found}
        if not self.group:
            return {"weights": {v: total / (len(classes) * n) for v, n in sorted(classes.items())}}
        weights = {f"{len(r['y'])}:{r['y']}{r['g']}": classes[r["y"]] * groups[r["g"]] / total / r["n"] for r in found}
        return {"weights": dict(sorted(weights.items()))}

    def apply(self, table, state):
        from transforms.catalog.missing import lookup

        one = ibis.literal("1").cast("float64")  # as text: DuckDB reads numbers with a point as decimals
        return table.mutate(lookup(self._key(table), state["weights"], one).name(self.to))

    def pandas(self, df, state, schema):
        key = as_text(f"{df}[{self.target!r}]", schema[self.target])
        lines = [f"key = {key}"]
        if self.group:
            group = as_text(f"{df}[{self.group!r}]", schema[self.group])
            lines.append(f"key = key.str.len().astype('string') + ':' + key + {group}")
        return [*lines, f"{df}[{self.to!r}] = key.map({state['weights']!r}).astype('Float64').fillna(1.0)"]


@row_function("array<array<float64>>", "array<array<float64>>", "array<string>")
def synthetic_rows(points, labels, *, method, k, ratio, seed):
    """Return new rows as [place of the row they come from, numbers …]: SMOTE or ADASYN.

    Points are [place, numbers …] and labels "place=class", or "place" where the class is missing, in any order.
    """
    points = [p[1:] for p in sorted(points, key=lambda p: p[0])]
    labels = [v.partition("=") for v in labels]
    labels = [sign + text for _, sign, text in sorted(labels, key=lambda v: int(v[0]))]
    x = np.array([[np.nan if v is None else v for v in p] for p in points], dtype=float)
    labels = np.array(labels, dtype=object)  # "=" and the class; empty where it is missing
    whole = ~np.isnan(x).any(axis=1) & (labels != "")
    classes = sorted({v for v in labels[labels != ""]})
    sizes = {c: int((labels == c).sum()) for c in classes}
    made = []
    for c in classes:
        mine = np.flatnonzero((labels == c) & whole)
        wanted = int(np.floor(max(sizes.values()) * ratio + 0.5)) - sizes[c]
        if wanted <= 0 or len(mine) < 2:
            continue
        share = np.full(len(mine), 1.0 / len(mine))
        if method == "ADASYN":
            others = np.flatnonzero(whole)
            hard = []
            for i in mine:
                distance = ((x[others] - x[i]) ** 2).sum(axis=1)
                distance[others == i] = np.inf
                near = others[np.argsort(distance, kind="stable")[:k]]
                hard.append((labels[near] != c).mean())
            if sum(hard) > 0:
                share = np.array(hard) / sum(hard)
        # whole numbers that add up: the greatest rests get one more
        counts = np.floor(share * wanted + 1e-9).astype(int)
        rest = np.argsort(-(share * wanted - counts), kind="stable")[: wanted - counts.sum()]
        counts[rest] += 1
        for place, count in zip(mine, counts, strict=True):
            if not count:
                continue
            distance = ((x[mine] - x[place]) ** 2).sum(axis=1)
            distance[mine == place] = np.inf
            near = mine[np.argsort(distance, kind="stable")[: min(k, len(mine) - 1)]]
            for copy in range(count):
                digest = hashlib.md5(f"{seed}|{place}|{copy}".encode()).hexdigest()
                other = near[int(digest[:7], 16) % len(near)]
                gap = int(digest[7:14], 16) / 16**7
                made.append([float(place), *(x[place] + gap * (x[other] - x[place])).tolist()])
    return made


@register
class SyntheticRows(Transform):
    """Add made-up rows to rare classes, each between a row of the class and one of its nearest neighbours (SMOTE, ADASYN).

    The chosen numbers are interpolated (float64), all other columns are copied from the row it starts from. SMOTE makes as many from
    every row; ADASYN more where rows of other classes are near. Rows with a missing number or class start none. Random choices come
    from a hash of the seed and the row's place in the order of its values: the same on every run and engine. Memory: the numbers of
    all rows are gathered in one place, so use it for up to some ten thousand rows, after scaling. Only rows marked `train` in the column
    `split` take part, if given. Source: Chawla et al. 2002; He et al. 2008.
    """

    name: ClassVar = "balance.synthetic_rows"
    label: ClassVar = "Make rows for rare classes (SMOTE)"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("balance_smote", "balance_adasyn")
    words: ClassVar = ("SMOTE", "ADASYN", "oversampling", "imbalanced-learn", "synthetic minority")
    examples: ClassVar = (
        Example({"target": "y", "columns": ["x"]}, before={"y": ["a", "a", "a", "a", "b", "b", None], "x": [1.0, 2.0, 3.0, 4.0, 9.0, 9.0, None]}, after={"y": ["a", "a", "a", "a", "b", "b", "b", "b", None], "x": [1.0, 2.0, 3.0, 4.0, 9.0, 9.0, 9.0, 9.0, None]}),
        Example({"target": "y", "columns": ["x"], "method": "ADASYN", "neighbours": 2}, before={"y": ["a", "a", "a", "b", "b"], "x": [1.0, 2.0, 3.0, 9.0, 9.0]}, after={"y": ["a", "a", "a", "b", "b", "b"], "x": [1.0, 2.0, 3.0, 9.0, 9.0, 9.0]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = (*synthetic_rows.helpers, PACKED)

    target: Column = param("Class")
    columns: NumericColumns = param("Numbers to interpolate")
    method: Literal["SMOTE", "ADASYN"] = param("Method", default="SMOTE")
    neighbours: int = param("Neighbours", default=5, ge=1, le=100)
    ratio: float = param("Goal", default=1.0, gt=0, le=1, help="Share of the greatest class.")
    split: str = param("Column of the split", default="", help="Only rows marked 'train' in it take part.")
    seed: int = param("Seed", default=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        text_like(schema, [self.target])
        if self.target in self.columns:
            raise ParamError(f"the class {self.target!r} is among the numbers.")

    def constants(self):
        return {"method": self.method, "k": self.neighbours, "ratio": self.ratio, "seed": self.seed}

    def order(self, schema) -> list[str]:
        return [*self.columns, *(c for c in hashable(schema) if c not in self.columns)]

    def apply(self, table, state):
        from transforms.schema import known

        place, point, label, made = spare_names(table, 4)
        base = table.mutate([known(table[c]).name(c) for c in self.columns])
        keys = [base[c].asc(nulls_first=False) for c in self.order(base.schema())]
        taking = base
        if self.split and self.split in base.columns:
            taking = base.filter((base[self.split] == "train").fill_null(False))
            keys = [taking[c].asc(nulls_first=False) for c in self.order(base.schema())]
        numbered = taking.mutate(ibis.row_number().over(ibis.window(order_by=keys)).cast("int64").name(place))
        text = (ibis.literal("=") + numbered[self.target].cast("string")).fill_null("")
        gathered = numbered.select(
            ibis.array([numbered[place].cast("float64"), *(known(numbered[c]) for c in self.columns)]).name(point),
            (numbered[place].cast("string") + text).name(label),
        )
        gathered = gathered.aggregate([gathered[point].collect().name(point), gathered[label].collect().name(label)])
        found = gathered.select(
            synthetic_rows(gathered[point], gathered[label], **self.constants()).unnest().name(made)
        )
        found = found.select(
            found[made][0].cast("int64").name("__from"),
            *(found[made][i + 1].name(f"__made_{i}") for i in range(len(self.columns))),
        )
        joined = found.join(numbered, found["__from"] == numbered[place], how="inner")
        new = joined.select(
            [
                joined[f"__made_{self.columns.index(c)}"].name(c) if c in self.columns else joined[c]
                for c in table.columns
            ]
        )
        return ibis.union(base, new.cast(dict(base.schema())))

    def pandas(self, df, state, schema):
        columns = list(self.columns)
        taking = (
            f"{df}[({df}[{self.split!r}] == 'train').fillna(False).astype(bool)]"
            if self.split and self.split in schema
            else df
        )
        return [
            f"{df} = {df}.astype({dict.fromkeys(columns, 'Float64')!r})",
            f"taking = {taking}.sort_values({self.order(schema)!r}, na_position='last').reset_index(drop=True)",
            f"labels = ('=' + {as_text(f'taking[{self.target!r}]', schema[self.target])}).fillna('')",
            "labels = [f'{i}{text}' for i, text in enumerate(labels)]",
            f"points = [[float(i), *row] for i, row in enumerate({pandas_packed('taking', columns)})]",
            "made = synthetic_rows(points, labels, "
            + ", ".join(f"{k}={v!r}" for k, v in self.constants().items())
            + ") if len(taking) else []",
            "new = taking.loc[[int(row[0]) for row in made]]",
            f"new[{columns!r}] = np.array([row[1:] for row in made]).reshape(-1, {len(columns)})",
            f"{df} = pd.concat([{df}, new.astype({df}.dtypes.to_dict())], ignore_index=True)",
        ]
