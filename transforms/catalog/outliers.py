"""Outliers: values far from the rest, found by bounds learnt in training, and rows that are odd as a whole."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import ibis
import numpy as np

from transforms.catalog.across import PACKED, packed, pandas_packed
from transforms.catalog.common import no_nan, spare_names
from transforms.catalog.features import linear, moments, numbers_sample, pandas_linear, walk_tree
from transforms.errors import FitError, ParamError
from transforms.fields import NewColumn, NumericColumns, param
from transforms.functions import row_function
from transforms.reading import one_row
from transforms.schema import known
from transforms.transform import Example, Transform, register

Method = Literal[
    "standard deviations", "robust deviations", "median distances", "quartile distances", "quantiles", "fixed"
]
FIVE = [1.0, 2.0, 3.0, 4.0, 100.0]


class ByBounds(Transform):
    """Learns a lower and an upper bound per column; what lies outside is an outlier. Missing values are none.

    Bounds: the mean ± k standard deviations (of the population); the same with mean and deviation of the values between two
    quantiles; the median ± k × 1.4826 × the median absolute deviation; the quartiles ± k quartile distances; two quantiles
    (linear interpolation); or fixed ones.
    """

    serving: ClassVar = "fitted"

    columns: NumericColumns = param("Columns")
    method: Method = param("Outliers lie beyond", default="quartile distances")
    k: float = param("How many", default=1.5, ge=0, help="Deviations or distances: 3 and 1.5 are usual.")
    lower: float = param("Lower", default=0.05, help="A quantile, or the fixed lower bound.")
    upper: float = param("Upper", default=0.95)

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.method in ("quantiles", "robust deviations") and not 0 <= self.lower < self.upper <= 1:
            raise ParamError(
                "quantiles must lie between 0 and 1, the lower one first.", hint="0.05 and 0.95 are usual."
            )
        if self.method == "fixed" and self.lower > self.upper:
            raise ParamError(f"the lower bound {self.lower} is above the upper bound {self.upper}.")

    def fit(self, table):
        """Two passes in one query: what the first needs stands in a window over all rows."""
        first, second = [], []
        for i, c in enumerate(self.columns):
            x = known(table[c])
            first.append(x.name(f"x{i}"))
            if self.method == "median distances":
                first.append(x.median().over(ibis.window()).name(f"m{i}"))
            if self.method == "robust deviations":
                first.append(x.quantile(self.lower).over(ibis.window()).name(f"l{i}"))
                first.append(x.quantile(self.upper).over(ibis.window()).name(f"u{i}"))
        passed = table.select(first)
        for i in range(len(self.columns)):
            x = passed[f"x{i}"]
            second += [x.mean().name(f"mean{i}"), x.median().name(f"median{i}"), x.std(how="pop").name(f"std{i}")]
            low, high = self._bounds(passed, x, i)
            second += [low.name(f"low{i}"), high.name(f"high{i}")]
        found = one_row(passed.aggregate(second))
        state = {}
        for i, c in enumerate(self.columns):
            state[c] = {key: found[f"{key}{i}"] for key in ("low", "high", "mean", "median", "std")}
            if state[c]["mean"] is None:
                raise FitError(f"there is no known value in {c!r}.", hint="Drop the column.")
        return state

    def _bounds(self, passed, x, i):
        if self.method == "quantiles":
            return x.quantile(self.lower), x.quantile(self.upper)
        if self.method == "fixed":
            return x.count() * 0.0 + self.lower, x.count() * 0.0 + self.upper
        if self.method == "quartile distances":
            low, high = x.quantile(0.25), x.quantile(0.75)
            return low - (high - low) * self.k, high + (high - low) * self.k
        if self.method == "median distances":
            width = (x - passed[f"m{i}"]).abs().median() * 1.4826
            return x.median() - width * self.k, x.median() + width * self.k
        if self.method == "robust deviations":
            x = ((x >= passed[f"l{i}"]) & (x <= passed[f"u{i}"])).ifelse(x, ibis.null("float64"))
        return x.mean() - x.std(how="pop") * self.k, x.mean() + x.std(how="pop") * self.k

    def outside(self, x, learnt):
        return ((x < learnt["low"]) | (x > learnt["high"])).fill_null(False)

    def pandas_outside(self, x: str, learnt) -> str:
        return f"(({x} < {learnt['low']!r}) | ({x} > {learnt['high']!r})).fillna(False).astype(bool)"


def _number(df, c):
    return f"{df}[{c!r}].astype('Float64')"


@register
class TreatOutliers(ByBounds):
    """Replace outliers by the nearest bound, by missing, or by the mean or median of the training values.

    Columns: float64. Bounds: mean ± k deviations, the same from the values between two quantiles (robust), median ± k median
    absolute deviations (× 1.4826), quartiles ± k quartile distances, two quantiles, or fixed ones.
    """

    name: ClassVar = "outliers.replace"
    label: ClassVar = "Replace outliers"
    covers: ClassVar = ("clip_outliers_robust_zscore", "clip_outliers_mad", "replace_outliers_with_mean", "replace_outliers_with_median")  # fmt: skip
    words: ClassVar = ("REPLACE_OUTLIERS", "winsorise", "Robust standard deviation numeric outliers", "MAD", "modified z-score", "Hampel")  # fmt: skip
    examples: ClassVar = (
        Example({"columns": ["a"], "method": "median distances", "k": 2}, before={"a": [*FIVE, None]}, after={"a": [1.0, 2.0, 3.0, 4.0, 5.9652, None]}),
        Example({"columns": ["a"], "method": "robust deviations", "k": 2, "lower": 0, "upper": 0.75}, before={"a": FIVE}, after={"a": [1.0, 2.0, 3.0, 4.0, 2.5 + 2 * 1.25**0.5]}),
        Example({"columns": ["a"], "by": "missing"}, before={"a": FIVE}, after={"a": [1.0, 2.0, 3.0, 4.0, None]}),
        Example({"columns": ["a"], "by": "mean"}, before={"a": FIVE}, after={"a": [1.0, 2.0, 3.0, 4.0, 22.0]}),
        Example({"columns": ["a"], "by": "median", "method": "standard deviations", "k": 1}, before={"a": FIVE}, after={"a": [1.0, 2.0, 3.0, 4.0, 3.0]}),
    )  # fmt: skip

    by: Literal["nearest bound", "missing", "mean", "median"] = param("Replace by", default="nearest bound")

    def apply(self, table, state):
        def value(x, learnt):
            if self.by == "nearest bound":
                low, high = learnt["low"], learnt["high"]
                return ibis.cases((x > high, high), (x < low, low), else_=x)
            new = ibis.null("float64") if self.by == "missing" else ibis.literal(float(learnt[self.by]))
            return self.outside(x, learnt).ifelse(new, x)

        return table.mutate([value(known(table[c]), learnt).name(c) for c, learnt in state.items()])

    def pandas(self, df, state, schema):
        lines = []
        for c, learnt in state.items():
            new = {"missing": "pd.NA"}.get(self.by) or repr(learnt.get(self.by))
            lines.append(f"x = {_number(df, c)}")
            if self.by == "nearest bound":
                lines.append(f"{df}[{c!r}] = x.clip({learnt['low']!r}, {learnt['high']!r})")
            else:
                lines.append(f"{df}[{c!r}] = x.mask({self.pandas_outside('x', learnt)}, {new})")
        return lines


@register
class FlagOutliers(ByBounds):
    """Add a true/false column (or a text of your choice) for each column that tells whether its value is an outlier."""

    name: ClassVar = "outliers.flag"
    label: ClassVar = "Flag outliers"
    covers: ClassVar = ("flag_outliers",)
    words: ClassVar = ("FLAG_OUTLIERS", "detect outliers", "anomaly flag")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [*FIVE, None]}, after={"a": [*FIVE, None], "a_outlier": [False, False, False, False, True, False]}),
        Example({"columns": ["a"], "as_text": True, "method": "standard deviations", "k": 1}, before={"a": FIVE}, after={"a": FIVE, "a_outlier": ["no", "no", "no", "no", "yes"]}),
    )  # fmt: skip

    as_text: bool = param("Write texts", default=False)
    yes: str = param("Text for outliers", default="yes")
    no: str = param("Text for other values", default="no")
    suffix: str = param("New columns end in", default="_outlier", min_length=1)

    def apply(self, table, state):
        def value(c, learnt):
            found = self.outside(known(table[c]), learnt)
            return found.ifelse(ibis.literal(self.yes), ibis.literal(self.no)) if self.as_text else found

        return table.mutate([value(c, learnt).name(c + self.suffix) for c, learnt in state.items()])

    def pandas(self, df, state, schema):
        lines = []
        for c, learnt in state.items():
            found = self.pandas_outside(_number(df, c), learnt)
            text = f"{found}.map({{True: {self.yes!r}, False: {self.no!r}}}).astype('string')"
            lines.append(f"{df}[{c + self.suffix!r}] = {text if self.as_text else f'{found}.astype({chr(39)}boolean{chr(39)})'}")  # fmt: skip
        return lines


@register
class DropOutlierRows(ByBounds):
    """Drop training rows with an outlier in any of the columns; new records are never dropped. Types stay."""

    name: ClassVar = "outliers.drop_rows"
    label: ClassVar = "Drop rows with outliers"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("remove_outlier_rows",)
    words: ClassVar = ("REMOVE_OUTLIERS", "filter outliers")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [*FIVE, None]}, after={"a": [1.0, 2.0, 3.0, 4.0, None]}),
    )

    def apply(self, table, state):
        return table.filter([~self.outside(known(table[c]), learnt) for c, learnt in state.items()])

    def pandas(self, df, state, schema):
        return [f"{df} = {df}[~{self.pandas_outside(_number(df, c), learnt)}]" for c, learnt in state.items()]


@register
class RescaleOutliers(ByBounds):
    """Pull outliers towards the rest and keep their order: by a logarithm or a root of their distance, or as z-scores.

    Logarithm and root change only the outliers: with d the distance beyond the bound in standard deviations s, the value
    becomes bound ± s·ln(1 + d), or bound ± s·(√(1 + d) - 1). Z-scores change the whole column: outliers move to the bound, then
    the training mean is taken off and the result divided by the standard deviation. Columns: float64.
    """

    name: ClassVar = "outliers.rescale"
    label: ClassVar = "Rescale outliers"
    covers: ClassVar = ("rescale_outliers_zscore", "rescale_outliers_skew")
    words: ClassVar = ("RESCALE_OUTLIERS_WITH_Z_SCORE", "RESCALE_OUTLIERS_WITH_SKEW", "compress tails", "squeeze")
    examples: ClassVar = (
        Example({"columns": ["a"], "method": "fixed", "lower": -1, "upper": 1}, train={"a": [-1.0, 1.0]}, before={"a": [0.5, 1.0 + math.e - 1.0, -math.e, None]}, after={"a": [0.5, 2.0, -2.0, None]}),
        Example({"columns": ["a"], "method": "fixed", "lower": -1, "upper": 1, "how": "root"}, train={"a": [-1.0, 1.0]}, before={"a": [0.5, 4.0, -9.0]}, after={"a": [0.5, 2.0, -3.0]}),
        Example({"columns": ["a"], "method": "fixed", "lower": 0, "upper": 20, "how": "z-score"}, train={"a": [0.0, 10.0]}, before={"a": [10.0, 100.0, None]}, after={"a": [1.0, 3.0, None]}),
    )  # fmt: skip

    how: Literal["logarithm", "root", "z-score"] = param("How", default="logarithm")

    def apply(self, table, state):
        def value(x, learnt):
            low, high, s = learnt["low"], learnt["high"], learnt["std"] or 1.0
            bound = ibis.cases((x > high, high), (x < low, low), else_=x)
            if self.how == "z-score":
                return (bound - learnt["mean"]) / s
            d = (x - bound).abs() / s
            step = (d + 1.0).ln() if self.how == "logarithm" else (d + 1.0).sqrt() - 1.0
            return bound + (x - bound).sign().cast("float64") * step * s

        return table.mutate([value(known(table[c]), learnt).name(c) for c, learnt in state.items()])

    def pandas(self, df, state, schema):
        lines = []
        for c, learnt in state.items():
            s = learnt["std"] or 1.0
            lines += [f"x = {_number(df, c)}", f"bound = x.clip({learnt['low']!r}, {learnt['high']!r})"]
            if self.how == "z-score":
                lines.append(f"{df}[{c!r}] = (bound - {learnt['mean']!r}) / {s!r}")
                continue
            step = "np.log1p(d)" if self.how == "logarithm" else "(np.sqrt(d + 1) - 1)"
            lines += [f"d = (x - bound).abs() / {s!r}", f"{df}[{c!r}] = bound + np.sign(x - bound) * {step} * {s!r}"]
        return lines


@row_function("float64", "array<float64>")
def isolation_score(values, *, trees, sample):
    """Return the anomaly score of an isolation forest: above 0.5 is odd."""
    if any(v is None for v in values):
        return None
    depth = sum(walk_tree(tree, values) for tree in trees) / len(trees)
    return 2.0 ** (-depth / average_path(sample))


def average_path(n):
    """Return the mean depth of an unsuccessful search in a binary tree of n values."""
    if n <= 1:
        return 0.0
    return 1.0 if n == 2 else 2.0 * (math.log(n - 1.0) + 0.5772156649015329) - 2.0 * (n - 1.0) / n


@row_function("float64", "array<float64>")
def local_factor(values, *, rows, reach, density, k):
    """Return the local outlier factor of a new row against training rows: about 1 is usual, more is odd."""
    if any(v is None for v in values):
        return None
    distance = np.sqrt(((np.array(rows, float) - np.array(values, float)) ** 2).sum(axis=1))
    near = np.argsort(distance, kind="stable")[:k]
    reached = np.maximum(distance[near], np.array(reach)[near])
    own = 1.0 / (reached.mean() + 1e-10)
    return float(np.array(density)[near].mean() / own)


@register
class OddRows(Transform):
    """Score rows by how odd they are as a whole, and flag the oddest: by Mahalanobis distance, isolation forest or local outlier factor.

    Mahalanobis: the distance from the mean in units of the covariance of all training rows; a row is odd above the root of
    the chi-squared quantile (1 - share). The other two learn from a sample of the training rows (the same on every run) with
    scikit-learn `IsolationForest` and `LocalOutlierFactor(novelty=True)`, and flag scores above the sample's (1 - share)
    quantile. A row with a missing value has no score and no flag. Columns: a float64 score and a true/false flag.
    """

    name: ClassVar = "outliers.odd_rows"
    label: ClassVar = "Find odd rows"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("flag_multivariate_outliers", "anomaly_score")
    words: ClassVar = ("isolation forest", "LOF", "Mahalanobis", "anomaly detection", "multivariate outliers", "random cut forest")  # fmt: skip
    examples: ClassVar = (
        Example({"columns": ["a", "b"], "share": 0.5}, train={"a": [1.0, -1.0, 0.0, 0.0], "b": [0.0, 0.0, 2.0, -2.0]}, before={"a": [0.0, 1.0, None], "b": [0.0, 2.0, 1.0]}, after={"a": [0.0, 1.0, None], "b": [0.0, 2.0, 1.0], "oddness": [0.0, 2.0, None], "is_odd": [False, True, None]}),
        Example({"columns": ["a"], "method": "local outlier factor", "neighbours": 1, "share": 0.1}, train={"a": [0.0, 1.0, 2.0, 3.0]}, before={"a": [1.0, 103.0, None]}, after={"a": [1.0, 103.0, None], "oddness": [0.0 + 1.0, 100.0, None], "is_odd": [False, True, None]}),
        Example({"columns": ["a"], "method": "isolation forest", "trees": 2, "share": 0.1}, train={"a": [1.0, 1.0, 1.0, 1.0]}, before={"a": [1.0, None]}, after={"a": [1.0, None], "oddness": [0.5, None], "is_odd": [False, None]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = (*isolation_score.helpers, *local_factor.helpers, PACKED)

    columns: NumericColumns = param("Columns")
    method: Literal["Mahalanobis distance", "isolation forest", "local outlier factor"] = param("Method", default="Mahalanobis distance")  # fmt: skip
    share: float = param("Share of odd rows", default=0.01, gt=0, lt=1)
    trees: int = param("Trees", default=50, ge=1, le=200, help="For the isolation forest.")
    neighbours: int = param("Neighbours", default=20, ge=1, le=200, help="For the local outlier factor.")
    rows: int = param("Training rows to learn from", default=500, ge=10, le=20_000, help="The local outlier factor carries them in the recipe.")  # fmt: skip
    seed: int = param("Seed", default=1)
    score_to: NewColumn = param("Column for the score", default="oddness")
    flag_to: NewColumn = param("Column for the flag", default="is_odd")

    def fit(self, table):
        if self.method == "Mahalanobis distance":
            from scipy.stats import chi2

            learnt = moments(table, self.columns)
            inverse = np.linalg.pinv(np.array(learnt["covariance"]), hermitian=True)
            # a root of the inverse: the distance is the length of a linear map of the row
            values, vectors = np.linalg.eigh(inverse)
            root = (vectors * np.sqrt(values.clip(0))).T
            limit = float(np.sqrt(chi2.ppf(1 - self.share, len(self.columns))))
            return {"mean": learnt["mean"], "root": root.tolist(), "limit": limit}
        x = numbers_sample(table, self.columns, self.rows)
        if self.method == "isolation forest":
            return self._fit_forest(x)
        return self._fit_factor(x)

    def _fit_forest(self, x):
        from sklearn.ensemble import IsolationForest

        size = min(256, len(x))
        forest = IsolationForest(n_estimators=self.trees, max_samples=size, random_state=self.seed).fit(x)
        trees = []
        for one in forest.estimators_:
            t = one.tree_
            depth = np.zeros(t.node_count)
            for node in range(t.node_count):
                for child in (t.children_left[node], t.children_right[node]):
                    if child >= 0:
                        depth[child] = depth[node] + 1
            leaf = [float(d + average_path(int(n))) for d, n in zip(depth, t.n_node_samples, strict=True)]
            # trees compare float32 values, as scikit-learn does
            trees.append([t.feature.tolist(), t.threshold.tolist(), t.children_left.tolist(), t.children_right.tolist(), leaf])  # fmt: skip
        limit = float(np.quantile(-forest.score_samples(x), 1 - self.share))
        return {"trees": trees, "sample": size, "limit": limit}

    def _fit_factor(self, x):
        from sklearn.neighbors import LocalOutlierFactor

        k = min(self.neighbours, len(x) - 1)
        if k < 1:
            raise FitError("there are fewer than two complete rows.")
        model = LocalOutlierFactor(n_neighbors=k, novelty=True).fit(x)
        limit = float(np.quantile(-model.negative_outlier_factor_, 1 - self.share))
        reach = model._distances_fit_X_[:, -1].tolist()
        return {"rows": x.tolist(), "reach": reach, "density": model._lrd.tolist(), "k": k, "limit": limit}

    def _call(self, state):
        constants = {k: v for k, v in state.items() if k != "limit"}
        return (isolation_score if "trees" in state else local_factor), constants

    def apply(self, table, state):
        if "root" in state:
            spares = spare_names(table, len(state["root"]))
            parts = [linear(table, self.columns, weights, state["mean"]).name(s) for weights, s in zip(state["root"], spares, strict=True)]  # fmt: skip
            table = table.mutate(parts)
            total = sum((table[s] * table[s] for s in spares[1:]), table[spares[0]] * table[spares[0]])
            table = table.mutate(total.sqrt().name(self.score_to)).drop(*spares)
            table = table.mutate(no_nan(table[self.score_to]).name(self.score_to))  # an infinite value has no place
        else:
            function, constants = self._call(state)
            table = table.mutate(function(packed(table, self.columns), **constants).name(self.score_to))
        return table.mutate((table[self.score_to] > state["limit"]).name(self.flag_to))

    def pandas(self, df, state, schema):
        if "root" in state:
            parts = " + ".join(f"({pandas_linear(df, self.columns, w, state['mean'])}) ** 2" for w in state["root"])
            lines = [f"{df}[{self.score_to!r}] = np.sqrt({parts})"]
        else:
            function, constants = self._call(state)
            lines = [f"{df}[{self.score_to!r}] = {function.pandas(pandas_packed(df, self.columns), **constants)}"]
        return [*lines, f"{df}[{self.flag_to!r}] = ({df}[{self.score_to!r}] > {state['limit']!r}).astype('boolean')"]
