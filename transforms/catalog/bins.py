"""Bins: numbers into ranges, with edges given or learnt in training. A bin holds its lower edge, not its upper one."""

from __future__ import annotations

from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import NumberFunction
from transforms.errors import FitError, ParamError
from transforms.fields import NewColumn, NumberColumn, param
from transforms.reading import one_row
from transforms.schema import known
from transforms.transform import Example, Transform, register


class Bins(Transform):
    """Cut a number at edges; values below the first or above the last edge fall into the outer bins."""

    column: NumberColumn = param("Column")
    to: NewColumn = param("New column")
    labels: Literal["range", "number"] = param(
        "Write bins as", default="range", help="Range: [1, 5). Number: 1, 2, 3 …"
    )

    def edges(self, state) -> list[float]:
        return state["edges"]

    def _names(self, edges) -> list:
        if self.labels == "number":
            return list(range(1, len(edges) + 2))
        texts = [f"{e:.12g}" for e in edges]
        if not texts:
            return ["all"]
        return [f"< {texts[0]}", *(f"[{a}, {b})" for a, b in zip(texts, texts[1:], strict=False)), f">= {texts[-1]}"]

    def apply(self, table, state):
        x, edges = known(table[self.column]), self.edges(state)
        names = [ibis.literal(n, "string" if self.labels == "range" else "int64") for n in self._names(edges)]
        missing = ibis.null("string" if self.labels == "range" else "int64")
        value = ibis.cases(
            (x.isnull(), missing), *[(x < e, n) for e, n in zip(edges, names, strict=False)], else_=names[-1]
        )
        return table.mutate(value.name(self.to))

    def pandas(self, df, state, schema):
        edges, names = self.edges(state), self._names(self.edges(state))
        kind = "string" if self.labels == "range" else "Int64"
        return [
            f"x = {df}[{self.column!r}].astype('Float64')",
            f"names = np.array({names!r}, dtype=object)",
            f"places = np.searchsorted({edges!r}, x.to_numpy('float64', na_value=np.nan), side='right').clip(0, {len(names) - 1})",
            f"{df}[{self.to!r}] = pd.Series(names[places], index={df}.index).astype({kind!r}).mask(x.isna())",
        ]


@register
class BinCustom(Bins):
    """Cut a number into ranges at edges that you give."""

    name: ClassVar = "bins.custom"
    label: ClassVar = "Bin at given edges"
    covers: ClassVar = ("bin_custom",)
    words: ClassVar = ("BUCKETIZATION", "cut", "buckets")
    examples: ClassVar = (
        Example({"column": "a", "cuts": [1, 5], "to": "b"}, before={"a": [0.5, 1.0, 7.0, None]}, after={"a": [0.5, 1.0, 7.0, None], "b": ["< 1", "[1, 5)", ">= 5", None]}),
        Example({"column": "a", "cuts": [1], "labels": "number", "to": "b"}, before={"a": [0, 1]}, after={"a": [0, 1], "b": [1, 2]}),
    )  # fmt: skip

    cuts: tuple[float, ...] = param("Edges", min_length=1, help="In rising order.")

    def check_columns(self, schema):
        super().check_columns(schema)
        if list(self.cuts) != sorted(set(self.cuts)):
            raise ParamError(f"the edges {list(self.cuts)} are not in rising order.")

    def edges(self, state):
        return list(self.cuts)


@register
class BinEqualWidth(Bins):
    """Cut the training range of a number into bins of equal width."""

    name: ClassVar = "bins.equal_width"
    label: ClassVar = "Bins of equal width"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("bin_equal_width",)
    words: ClassVar = ("discretize", "histogram bins", "KBinsDiscretizer uniform")
    examples: ClassVar = (
        Example(
            {"column": "a", "bins": 2, "to": "b"},
            before={"a": [0.0, 4.0, 10.0, None]},
            after={"a": [0.0, 4.0, 10.0, None], "b": ["< 5", "< 5", ">= 5", None]},
        ),
    )

    bins: int = param("How many bins", default=5, ge=2, le=1000)

    def fit(self, table):
        x = known(table[self.column])
        state = one_row(table.aggregate([x.min().name("low"), x.max().name("high")]))
        if state["low"] is None:
            raise FitError(f"there is no known value in {self.column!r}.")
        width = (state["high"] - state["low"]) / self.bins
        return {"edges": sorted({state["low"] + width * i for i in range(1, self.bins)})}


@register
class BinEqualFrequency(Bins):
    """Cut a number at quantiles of the training rows, so that bins hold about as many rows each.

    Quantiles interpolate linearly; edges that meet become one.
    """

    name: ClassVar = "bins.equal_frequency"
    label: ClassVar = "Bins of equal frequency"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("bin_equal_frequency",)
    words: ClassVar = ("quantile bins", "qcut", "deciles", "quartiles")
    examples: ClassVar = (
        Example(
            {"column": "a", "bins": 2, "labels": "number", "to": "b"},
            before={"a": [1.0, 2.0, 3.0, 100.0]},
            after={"a": [1.0, 2.0, 3.0, 100.0], "b": [1, 1, 2, 2]},
        ),
    )

    bins: int = param("How many bins", default=4, ge=2, le=1000)

    def fit(self, table):
        x = known(table[self.column])
        state = one_row(table.aggregate([x.quantile(i / self.bins).name(f"q{i}") for i in range(1, self.bins)]))
        if any(v is None for v in state.values()):
            raise FitError(f"there is no known value in {self.column!r}.")
        return {"edges": sorted(set(state.values()))}


@register
class Binarize(NumberFunction):
    """Give 1 to numbers above a threshold and 0 to the others, or the other way round; missing values stay missing.

    Columns: int64. Source: scikit-learn `Binarizer`.
    """

    name: ClassVar = "bins.binarize"
    label: ClassVar = "Binarize at a threshold"
    covers: ClassVar = ("binarize",)
    words: ClassVar = ("Binarizer", "threshold", "BINARIZE", "0 and 1")
    examples: ClassVar = (
        Example({"columns": ["a"], "threshold": 2}, before={"a": [1.0, 2.0, 3.0, None]}, after={"a": [0, 0, 1, None]}),
        Example(
            {"columns": ["a"], "threshold": 2, "one_for": "at most"}, before={"a": [1, 2, 3]}, after={"a": [1, 1, 0]}
        ),
    )

    threshold: float = param("Threshold", default=0.0)
    one_for: Literal["above", "at least", "below", "at most"] = param("1 for numbers", default="above")

    SIGNS: ClassVar = {"above": ">", "at least": ">=", "below": "<", "at most": "<="}

    def value(self, column):
        x, t = known(column), self.threshold
        test = {"above": x > t, "at least": x >= t, "below": x < t, "at most": x <= t}[self.one_for]
        return test.cast("int64")

    def pandas_value(self, column, dtype):
        return f"({column}.astype('Float64') {self.SIGNS[self.one_for]} {self.threshold!r}).astype('Int64')"


@register
class BinLogarithmic(Bins):
    """Cut a positive number at powers of a base, such as 0.1, 1, 10, 100; values below or above fall into the outer bins."""

    name: ClassVar = "bins.logarithmic"
    label: ClassVar = "Bins on a logarithmic scale"
    covers: ClassVar = ("bin_log",)
    words: ClassVar = ("order of magnitude", "decades", "log bins")
    examples: ClassVar = (
        Example({"column": "a", "first": 0, "last": 2, "to": "b"}, before={"a": [0.5, 1.0, 99.0, 1e6, None]}, after={"a": [0.5, 1.0, 99.0, 1e6, None], "b": ["< 1", "[1, 10)", "[10, 100)", ">= 100", None]}),
    )  # fmt: skip

    base: float = param("Base", default=10.0, gt=1)
    first: int = param("Lowest power", default=0, ge=-100, le=100)
    last: int = param("Highest power", default=6, ge=-100, le=100)

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.first > self.last:
            raise ParamError(f"the lowest power {self.first} is above the highest {self.last}.")

    def edges(self, state):
        return [float(self.base**p) for p in range(self.first, self.last + 1)]


@register
class BinNatural(Bins):
    """Cut a number where it has gaps: the classes whose values differ least from their means (Fisher-Jenks, one-dimensional k-means).

    Learns the exact best classes from the training values (up to 1,000, evenly spaced in their order). Edges: halfway between the
    means of neighbouring classes (k-means, as scikit-learn `KBinsDiscretizer`), or each class's smallest value (Jenks).
    """

    name: ClassVar = "bins.natural"
    label: ClassVar = "Bins at natural breaks"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("bin_jenks", "bin_kmeans")
    words: ClassVar = ("Jenks", "k-means bins", "Fisher", "clusters of a number", "KBinsDiscretizer")
    examples: ClassVar = (
        Example({"column": "a", "bins": 2, "to": "b"}, before={"a": [1.0, 2.0, 3.0, 10.0, None]}, after={"a": [1.0, 2.0, 3.0, 10.0, None], "b": ["< 10", "< 10", "< 10", ">= 10", None]}),
        Example({"column": "a", "bins": 2, "edge": "between means", "labels": "number", "to": "b"}, before={"a": [1.0, 2.0, 3.0, 10.0]}, after={"a": [1.0, 2.0, 3.0, 10.0], "b": [1, 1, 1, 2]}),
    )  # fmt: skip

    bins: int = param("How many bins", default=4, ge=2, le=50)
    edge: Literal["smallest value", "between means"] = param("Edges at", default="smallest value")

    def fit(self, table):
        from transforms.catalog.scale import sorted_sample

        x = sorted_sample(table, [self.column], 1000)[self.column]
        classes = natural_classes(x, min(self.bins, len(set(x))))
        if self.edge == "smallest value":
            return {"edges": sorted({x[a] for a, _ in classes[1:]})}
        means = [sum(x[a:b]) / (b - a) for a, b in classes]
        return {"edges": sorted({(a + b) / 2 for a, b in zip(means, means[1:], strict=False)})}


def natural_classes(x: list[float], count: int) -> list[tuple[int, int]]:
    """Return (start, end) of the classes of sorted values with the least squared distance from their means."""
    import numpy as np

    values = np.array(x) - np.mean(x)
    n = len(x)
    sums, squares = np.append(0, values.cumsum()), np.append(0, (values**2).cumsum())
    best = np.full((count + 1, n + 1), np.inf)
    best[0, 0] = 0.0
    start = np.zeros((count + 1, n + 1), int)
    for k in range(1, count + 1):
        for end in range(k, n + 1):
            a = np.arange(k - 1, end)
            cost = squares[end] - squares[a] - (sums[end] - sums[a]) ** 2 / (end - a)
            total = best[k - 1, a] + cost
            place = int(total.argmin())
            best[k, end], start[k, end] = total[place], a[place]
    classes, end = [], n
    for k in range(count, 0, -1):
        classes.append((int(start[k, end]), end))
        end = int(start[k, end])
    return classes[::-1]


@register
class BinByTarget(Bins):
    """Cut a number where a target changes most: at the splits of a small decision tree, or in bins whose target mean only rises or only falls.

    Learns from up to 20,000 complete training rows (the same on every run), with scikit-learn decision trees. A target with two
    values counts as classes. Rising or falling: neighbouring bins of the tree are merged until their means are in order.
    """

    name: ClassVar = "bins.by_target"
    label: ClassVar = "Bins that tell most about a target"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("bin_decision_tree", "bin_optimal_woe")
    words: ClassVar = (
        "supervised binning",
        "optimal binning",
        "WOE",
        "score card",
        "monotonic",
        "decision tree discretiser",
    )
    examples: ClassVar = (
        Example({"column": "a", "target": "y", "smallest": 0.1, "to": "b"}, train={"a": [1.0, 2.0, 3.0, 4.0], "y": [0, 0, 1, 1]}, before={"a": [2.0, 3.0, None], "y": [0, 0, 0]}, after={"a": [2.0, 3.0, None], "y": [0, 0, 0], "b": ["< 2.5", ">= 2.5", None]}),
        Example({"column": "a", "target": "y", "smallest": 0.1, "monotonic": True, "to": "b"}, train={"a": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "y": [0.0, 0.0, 5.0, 5.0, 4.0, 4.0]}, before={"a": [2.0, 6.0], "y": [0.0, 0.0]}, after={"a": [2.0, 6.0], "y": [0.0, 0.0], "b": ["< 2.5", ">= 2.5"]}),
    )  # fmt: skip

    target: NumberColumn = param("Target")
    bins: int = param("At most so many bins", default=5, ge=2, le=50)
    smallest: float = param("Smallest share of a bin", default=0.05, gt=0, lt=0.5)
    monotonic: bool = param("The target only rises or only falls", default=False)

    def fit(self, table):
        import numpy as np
        from sklearn import tree

        from transforms.catalog.features import numbers_sample

        sample = numbers_sample(table, [self.column, self.target], 20_000)
        x, y = sample[:, 0], sample[:, 1]
        kind = tree.DecisionTreeClassifier if len(set(y)) <= 2 else tree.DecisionTreeRegressor
        model = kind(max_leaf_nodes=self.bins, min_samples_leaf=max(1, int(self.smallest * len(x))), random_state=1)
        found = model.fit(x.reshape(-1, 1), y).tree_
        edges = sorted({float(t) for t, left in zip(found.threshold, found.children_left, strict=True) if left >= 0})
        if self.monotonic:
            rising = np.corrcoef(x, y)[0, 1] >= 0 if len(set(x)) > 1 and len(set(y)) > 1 else True
            edges = _in_order(x, y if rising else -y, edges)
        return {"edges": edges}


def _in_order(x, y, edges: list[float]) -> list[float]:
    """Drop edges until the means of y between them rise."""
    import numpy as np

    while edges:
        places = np.searchsorted(edges, x, side="right")
        means = [y[places == i].mean() if (places == i).any() else -np.inf for i in range(len(edges) + 1)]
        falls = [i for i in range(len(edges)) if means[i + 1] < means[i]]
        if not falls:
            break
        edges = edges[: falls[0]] + edges[falls[0] + 1 :]
    return edges
