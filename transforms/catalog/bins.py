"""Bins: numbers into ranges, with edges given or learnt in training. A bin holds its lower edge, not its upper one."""

from __future__ import annotations

from typing import ClassVar, Literal

import ibis

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
