"""Features from features: components, clusters, neighbours, and the choice of columns, learnt in training."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import ibis
import numpy as np

from transforms.catalog.common import new_name, spare_names
from transforms.catalog.hashing import hashed_share
from transforms.errors import ColumnNotFound, FitError, ParamError
from transforms.fields import Column, NewColumn, NumberColumn, NumericColumns, param
from transforms.reading import one_row, rows
from transforms.schema import known
from transforms.transform import Example, Transform, register


def moments(table, columns) -> dict:
    """Return {"n", "mean": list, "covariance": matrix of the population} of the complete rows, in one query."""
    spares = [f"x{i}" for i in range(len(columns))]
    kept = table.select([known(table[c]).name(s) for c, s in zip(columns, spares, strict=True)]).drop_null()
    asked = [kept.count().name("n"), *(kept[s].mean().name(f"m{s}") for s in spares)]
    pairs = [(i, j) for i in range(len(columns)) for j in range(i, len(columns))]
    asked += [kept[spares[i]].cov(kept[spares[j]], how="pop").name(f"c{i}_{j}") for i, j in pairs]
    found = one_row(kept.aggregate(asked))
    if not found["n"]:
        raise FitError("there is no row in which all columns are known.", hint="Fill missing values first.")
    matrix = [[0.0] * len(columns) for _ in columns]
    for i, j in pairs:
        matrix[i][j] = matrix[j][i] = float(found[f"c{i}_{j}"] or 0.0)
    return {"n": found["n"], "mean": [float(found[f"m{s}"]) for s in spares], "covariance": matrix}


def numbers_sample(table, columns, count: int, *, complete: bool = True, others=()):
    """Return up to `count` training rows as a float array, the same on every run: all of them, or those with the lowest hash.

    `others` names further columns, returned beside the numbers as lists.
    """
    names = [f"x{i}" for i in range(len(columns))]
    extra = [f"y{i}" for i in range(len(others))]
    chosen = table.select(
        [
            *(known(table[c]).name(n) for c, n in zip(columns, names, strict=True)),
            *(table[c].name(n) for c, n in zip(others, extra, strict=True)),
            hashed_share(table, list(columns), 1).name("__hash"),
        ]
    )
    if complete:
        chosen = chosen.drop_null([*names, *extra])
    ordered = chosen.order_by([chosen["__hash"], *(chosen[n] for n in names)]).limit(count)
    found = rows(ordered)
    if not found:
        raise FitError("there is no row in which all columns are known.", hint="Fill missing values first.")
    values = np.array([[math.nan if r[n] is None else r[n] for n in names] for r in found], dtype=float)
    ends = {c: values[:, i] for i, c in enumerate(columns)}
    ends |= {c: [r[n] for r in found if isinstance(r[n], float)] for c, n in zip(others, extra, strict=True)}
    if odd := [c for c, v in ends.items() if np.isinf(v).any()]:
        raise FitError(f"column {odd[0]!r} has infinite values.", hint="Clip them, or make them missing, first.")
    return (values, *([r[n] for r in found] for n in extra)) if others else values


def linear(table, columns, weights, mean):
    """Return the sum of weights times centred columns."""
    total = ibis.literal(0.0)
    for c, w, m in zip(columns, weights, mean, strict=True):
        total = total + (known(table[c]) - m) * w
    return total


def pandas_linear(df: str, columns, weights, mean) -> str:
    return " + ".join(
        f"({df}[{c!r}].astype('Float64') - {m!r}) * {w!r}" for c, w, m in zip(columns, weights, mean, strict=True)
    )


def walk_tree(tree, values):
    """Return what stands in the leaf of a tree [feature, threshold, left, right, leaf] that a row falls into."""
    feature, threshold, left, right, leaf = tree
    node = 0
    while left[node] >= 0:
        node = left[node] if np.float32(values[feature[node]]) <= threshold[node] else right[node]
    return leaf[node]


def signed(vectors):
    """Turn each row so that its entry of greatest size is positive: signs would differ from run to run."""
    place = np.abs(vectors).argmax(axis=1)
    signs = np.sign(vectors[np.arange(len(vectors)), place])
    return vectors * np.where(signs == 0, 1.0, signs)[:, None]


@register
class Components(Transform):
    """Replace many columns by few components: principal components, truncated SVD, independent components or random projections.

    Principal components and SVD come from the covariance of all complete training rows in one query; each has its greatest
    weight positive. Independent components are fitted on a sample with scikit-learn `FastICA`; random projections need the
    seed only. All of them are linear: SQL applies them. A row with a missing value has no components. Source: scikit-learn
    `PCA`, `TruncatedSVD` (equal up to sign), `FastICA`, `GaussianRandomProjection`.
    """

    name: ClassVar = "features.components"
    label: ClassVar = "Principal components …"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("pca", "truncated_svd", "ica", "random_projection")
    words: ClassVar = ("PCA", "dimensionality reduction", "SVD", "ICA", "latent factors", "Johnson-Lindenstrauss")
    examples: ClassVar = (
        Example({"columns": ["a", "b"], "count": 1, "keep": True}, train={"a": [1.0, -1.0, 0.0], "b": [2.0, -2.0, 0.0]}, before={"a": [1.0, 2.0, None], "b": [2.0, -1.0, 1.0]}, after={"a": [1.0, 2.0, None], "b": [2.0, -1.0, 1.0], "pc_1": [5**0.5, 0.0, None]}),
        Example({"columns": ["a", "b"], "share": 0.9, "scale": True}, train={"a": [10.0, -10.0], "b": [2.0, -2.0]}, before={"a": [10.0], "b": [2.0]}, after={"pc_1": [2**0.5]}),
        Example({"columns": ["a", "b"], "method": "truncated SVD", "count": 1}, train={"a": [3.0, 6.0], "b": [4.0, 8.0]}, before={"a": [3.0, None], "b": [4.0, 1.0]}, after={"pc_1": [5.0, None]}),
        Example({"columns": ["a", "b"], "method": "random projection", "count": 1, "to": "r_"}, before={"a": [0.0, None], "b": [0.0, 1.0]}, after={"r_1": [0.0, None]}),
        Example({"columns": ["a", "b"], "method": "independent components", "count": 1, "to": "i_"}, train={"a": [1.0, -1.0, 1.0, -1.0], "b": [1.0, -1.0, 1.0, -1.0]}, before={"a": [1.0, 0.0], "b": [1.0, 0.0]}, after={"i_1": [1.0, 0.0]}),
    )  # fmt: skip

    columns: NumericColumns = param("Columns")
    method: Literal["principal components", "truncated SVD", "independent components", "random projection"] = param("Method", default="principal components")  # fmt: skip
    count: int = param("How many", default=2, ge=0, le=200, help="0: as many as the share of variance below needs.")
    share: float = param("Share of the variance", default=0.0, ge=0, le=1, help="Above 0: it decides how many (PCA).")
    scale: bool = param("Scale to unit deviation first", default=False)
    seed: int = param("Seed", default=1)
    to: str = param("Names begin with", default="pc_", min_length=1)
    keep: bool = param("Keep the columns", default=False)

    def open_prefixes(self):
        return (self.to,)

    def fit(self, table):
        k = len(self.columns)
        if self.method == "random projection":
            count = self.count or k
            weights = np.random.RandomState(self.seed).normal(0.0, 1.0 / math.sqrt(count), (count, k))
            return {"mean": [0.0] * k, "weights": weights.tolist()}
        if self.method == "independent components":
            return self._fit_independent(table)
        learnt = moments(table, self.columns)
        mean, matrix = np.array(learnt["mean"]), np.array(learnt["covariance"])
        width = np.ones(k)
        if self.scale:
            width = np.sqrt(np.diag(matrix))
            width[width == 0] = 1.0
        if self.method == "truncated SVD":
            matrix, mean = matrix + np.outer(mean, mean), np.zeros(k)
        values, vectors = np.linalg.eigh(matrix / np.outer(width, width))
        values, vectors = values[::-1].clip(0), signed(vectors[:, ::-1].T)
        count = min(self.count or k, k)
        if self.share and values.sum() > 0:
            count = min(int(np.searchsorted(np.cumsum(values / values.sum()), self.share - 1e-12)) + 1, k)
        total = values.sum() or 1.0
        return {"mean": mean.tolist(), "weights": (vectors[:count] / width).tolist(), "shares": (values[:count] / total).tolist()}  # fmt: skip

    def _fit_independent(self, table):
        from sklearn.decomposition import FastICA

        x = numbers_sample(table, self.columns, 20_000)
        count = min(self.count or len(self.columns), len(self.columns), len(x))
        model = FastICA(n_components=count, random_state=self.seed, whiten="unit-variance").fit(x)
        return {"mean": model.mean_.tolist(), "weights": signed(model.components_).tolist()}

    def names(self, state, columns) -> list[str]:
        taken = [c for c in columns if self.keep or c not in self.columns]
        return [new_name(f"{self.to}{i + 1}", taken) for i in range(len(state["weights"]))]

    def apply(self, table, state):
        made = [
            linear(table, self.columns, weights, state["mean"]).name(name)
            for weights, name in zip(state["weights"], self.names(state, table.columns), strict=True)
        ]
        kept = [table[c] for c in table.columns if self.keep or c not in self.columns]
        return table.select([*kept, *made])

    def pandas(self, df, state, schema):
        named = zip(state["weights"], self.names(state, schema), strict=True)
        lines = ["made = {}"]
        lines += [f"made[{n!r}] = {pandas_linear(df, self.columns, w, state['mean'])}" for w, n in named]
        drop = "" if self.keep else f".drop(columns={list(self.columns)!r})"
        return [*lines, f"{df} = pd.concat([{df}{drop}, pd.DataFrame(made, index={df}.index)], axis=1)"]


@register
class Clusters(Transform):
    """Group rows into k clusters and add the number of the cluster, or the distance to every centre.

    The centres are learnt by scikit-learn `KMeans` on a sample of the complete training rows (the same on every run) and
    applied in SQL; clusters are numbered from the greatest. A row with a missing value has none.
    """

    name: ClassVar = "features.clusters"
    label: ClassVar = "Clusters (k-means)"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("kmeans_cluster_id", "kmeans_distances")
    words: ClassVar = ("KMeans", "segments", "cluster distance", "centroids")
    examples: ClassVar = (
        Example({"columns": ["a"], "clusters": 2}, train={"a": [0.0, 1.0, 2.0, 10.0]}, before={"a": [0.5, 9.0, None]}, after={"a": [0.5, 9.0, None], "cluster": [1, 2, None]}),
        Example({"columns": ["a"], "clusters": 2, "output": "distances", "to": "d"}, train={"a": [0.0, 1.0, 2.0, 10.0]}, before={"a": [0.5, None]}, after={"a": [0.5, None], "d_1": [0.5, None], "d_2": [9.5, None]}),
    )  # fmt: skip

    columns: NumericColumns = param("Columns", help="On one scale: scale them first.")
    clusters: int = param("Clusters", default=5, ge=1, le=200)
    output: Literal["number", "distances", "both"] = param("Add", default="number")
    rows: int = param("Training rows to learn from", default=20_000, ge=10, le=200_000)
    seed: int = param("Seed", default=1)
    to: NewColumn = param("New column", default="cluster")

    def open_prefixes(self):
        return (f"{self.to}_",)

    def fit(self, table):
        from sklearn.cluster import KMeans

        x = numbers_sample(table, self.columns, self.rows)
        k = min(self.clusters, len(np.unique(x, axis=0)))
        model = KMeans(n_clusters=k, n_init=10, random_state=self.seed).fit(x)
        sizes = np.bincount(model.labels_, minlength=k)
        order = sorted(range(k), key=lambda i: (-sizes[i], model.cluster_centers_[i].tolist()))
        return {"centres": model.cluster_centers_[order].tolist()}

    def apply(self, table, state):
        centres = state["centres"]
        names = [f"{self.to}_{i + 1}" for i in range(len(centres))]
        spares = [new_name(n, table.columns) for n in names] if self.output != "number" else spare_names(table, len(centres))  # fmt: skip

        def distance(centre):
            parts = [known(table[c]) - m for c, m in zip(self.columns, centre, strict=True)]
            return sum((p * p for p in parts[1:]), parts[0] * parts[0]).sqrt()

        table = table.mutate([distance(centre).name(s) for centre, s in zip(centres, spares, strict=True)])
        if self.output == "distances":
            return table
        best = ibis.least(*[table[s] for s in spares]) if len(spares) > 1 else table[spares[0]]
        number = ibis.cases(*[(table[s] == best, i + 1) for i, s in enumerate(spares)], else_=ibis.null("int64"))
        table = table.mutate(number.cast("int64").name(self.to))
        return table.drop(*spares) if self.output == "number" else table

    def pandas(self, df, state, schema):
        lines = [
            f"x = {df}[{list(self.columns)!r}].astype('Float64').to_numpy('float64', na_value=np.nan)",
            f"distances = np.sqrt(((x[:, None, :] - np.array({state['centres']!r})[None, :, :]) ** 2).sum(axis=2))",
        ]
        if self.output != "number":
            lines += [
                f"{df}[{f'{self.to}_{i + 1}'!r}] = pd.Series(distances[:, {i}], index={df}.index).astype('Float64')"
                for i in range(len(state["centres"]))
            ]
        if self.output != "distances":
            lines += [
                "known = ~np.isnan(distances).any(axis=1)",
                "nearest = np.where(np.isnan(distances), np.inf, distances).argmin(axis=1) + 1",
                f"{df}[{self.to!r}] = pd.Series(nearest, index={df}.index).astype('Int64').where(known)",
            ]
        return lines


@register
class Residual(Transform):
    """Take out of a number what a straight line through other columns explains, or predict it by that line.

    Least squares over the complete training rows, from their covariance in one query. A missing value gives missing. Columns:
    one float64 column is added. Source: scikit-learn `LinearRegression`.
    """

    name: ClassVar = "features.residual"
    label: ClassVar = "Remove what other columns explain"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("residualise",)
    words: ClassVar = ("partial out", "detrend", "linear regression", "control for")
    examples: ClassVar = (
        Example({"column": "y", "on": ["x"], "to": "r"}, train={"y": [1.0, 3.0, 5.0], "x": [0.0, 1.0, 2.0]}, before={"y": [10.0, 7.0, None], "x": [1.0, 3.0, 1.0]}, after={"y": [10.0, 7.0, None], "x": [1.0, 3.0, 1.0], "r": [7.0, 0.0, None]}),
        Example({"column": "y", "on": ["x"], "output": "prediction", "to": "r"}, train={"y": [1.0, 3.0, 5.0], "x": [0.0, 1.0, 2.0]}, before={"y": [10.0, None], "x": [1.0, 3.0]}, after={"y": [10.0, None], "x": [1.0, 3.0], "r": [3.0, 7.0]}),
    )  # fmt: skip

    column: NumberColumn = param("Column")
    on: NumericColumns = param("Explained by")
    output: Literal["what is left", "prediction"] = param("Add", default="what is left")
    to: NewColumn = param("New column", default="residual")

    def fit(self, table):
        return regression(moments(table, [self.column, *self.on]))

    def apply(self, table, state):
        predicted = linear(table, self.on, state["weights"], state["mean"]) + state["constant"]
        value = predicted if self.output == "prediction" else known(table[self.column]) - predicted
        return table.mutate(value.name(self.to))

    def pandas(self, df, state, schema):
        predicted = f"{pandas_linear(df, self.on, state['weights'], state['mean'])} + {state['constant']!r}"
        if self.output == "prediction":
            return [f"{df}[{self.to!r}] = {predicted}"]
        return [f"{df}[{self.to!r}] = {df}[{self.column!r}].astype('Float64') - ({predicted})"]


def regression(learnt) -> dict:
    """Return the line of the first column on the others, from their moments."""
    matrix = np.array(learnt["covariance"])
    weights = np.linalg.lstsq(matrix[1:, 1:], matrix[1:, 0], rcond=None)[0]
    return {"weights": weights.tolist(), "mean": learnt["mean"][1:], "constant": learnt["mean"][0]}


_XY = {
    "x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    "z": [1.0, -1.0, 1.0, -1.0, 1.0, -1.0],
    "y": [1.5, 2.0, 3.5, 4.0, 5.5, 6.0],
}
_TWO = {"x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "z": [1.0, 5.0, 2.0, 6.0, 1.0, 2.0], "y": [0, 0, 0, 1, 1, 1]}


@register
class SelectColumns(Transform):
    """Keep the columns that tell most about a target, or that do not repeat each other, and remember the choice.

    Learns the names from up to 20,000 complete training rows (the same on every run; correlation and collinearity: scikit-learn
    `f_regression`/`f_classif`, `mutual_info_*`, `Lasso` on scaled columns, extra trees, permutation). A text, true/false or
    whole-number target with at most 20 values counts as classes. `too telling`: drops columns whose own ranking of a two-class
    target has an AUC above `limit`. The other columns of the table stay.
    """

    name: ClassVar = "features.select"
    label: ClassVar = "Select the most telling columns"
    serving: ClassVar = "fitted"
    covers: ClassVar = (
        "select_k_best", "select_by_mutual_information", "select_by_model_importance", "select_by_lasso", "select_low_vif",
        "select_by_permutation", "select_stable_features", "leak_guard_drop",
    )  # fmt: skip
    words: ClassVar = (
        "feature selection",
        "SelectKBest",
        "VIF",
        "collinearity",
        "importance",
        "target leakage",
        "Boruta",
    )
    examples: ClassVar = (
        *(
            Example({"columns": ["x", "z"], "target": "y", "method": m, "keep": 1, "limit": 0.1}, train=_XY, before={"x": [1.0, None], "z": [2.0, 3.0], "y": [1.0, None]}, after={"x": [1.0, None], "y": [1.0, None]})
            for m in ("correlation", "lasso", "trees", "permutation", "stable correlation")
        ),
        Example({"columns": ["x", "z"], "target": "y", "method": "mutual information", "keep": 1}, train={"x": [float(i) for i in range(20)], "z": [float(i * 7 % 5) for i in range(20)], "y": [float(i) for i in range(20)]}, before={"x": [1.0], "z": [2.0], "y": [1.0]}, after={"x": [1.0], "y": [1.0]}),
        Example({"columns": ["x", "z"], "target": "y", "method": "too telling", "limit": 0.95}, train=_TWO, before={"x": [1.0], "z": [2.0], "y": [1]}, after={"z": [2.0], "y": [1]}),
        Example({"columns": ["a", "b", "c"], "method": "low collinearity", "limit": 5}, train={"a": [1.0, 2.0, 3.0, 4.0], "b": [2.0, 4.0, 6.0, 8.1], "c": [1.0, -1.0, -1.0, 1.0]}, before={"a": [1.0], "b": [2.0], "c": [3.0]}, after={"a": [1.0], "c": [3.0]}),
    )  # fmt: skip

    columns: NumericColumns = param("Columns to choose from")
    target: Column | None = param("Target", default=None)
    method: Literal[
        "correlation", "mutual information", "lasso", "trees", "permutation", "stable correlation", "low collinearity", "too telling"
    ] = param("Method", default="correlation")  # fmt: skip
    keep: int = param("How many to keep", default=10, ge=1, le=10_000)
    limit: float = param("Limit", default=5.0, gt=0, help="Lasso: its alpha. Low collinearity: the greatest VIF. Too telling: the AUC.")  # fmt: skip
    seed: int = param("Seed", default=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.method != "low collinearity":
            if not self.target:
                raise ParamError("choose a target.", hint="Only 'low collinearity' works without one.")
            if self.target not in schema:
                raise ColumnNotFound.of(self.target, schema)
            if self.target in self.columns:
                raise ParamError(f"the target {self.target!r} is among the columns to choose from.")

    def fit(self, table):
        if self.method == "low collinearity":
            return {"keep": self._low_vif(np.array(moments(table, self.columns)["covariance"]))}
        x, y = numbers_sample(table, self.columns, 20_000, others=[self.target])
        classes = len(set(y)) <= 20 and all(isinstance(v, str | int) for v in y)
        y = np.unique(y, return_inverse=True)[1] if classes else np.array(y, dtype=float)
        if len(set(y.tolist())) < 2:
            raise FitError(f"the target {self.target!r} has one value only.")
        if self.method == "too telling":
            from sklearn.metrics import roc_auc_score

            if len(set(y.tolist())) != 2:
                raise FitError(f"the target {self.target!r} does not have two classes.")
            auc = [roc_auc_score(y == y.max(), x[:, i]) for i in range(x.shape[1])]
            return {"keep": [c for c, a in zip(self.columns, auc, strict=True) if max(a, 1 - a) <= self.limit]}
        scores = np.nan_to_num(self._scores(x, y, classes), nan=-1.0, posinf=1e300)
        order = sorted(range(len(self.columns)), key=lambda i: (-scores[i], i))[: self.keep]
        if self.method == "lasso":
            order = [i for i in order if scores[i] > 0]
        return {"keep": [self.columns[i] for i in sorted(order)], "scores": dict(zip(self.columns, map(float, scores), strict=True))}  # fmt: skip

    def _scores(self, x, y, classes):
        from sklearn import ensemble, feature_selection, inspection, linear_model

        score = feature_selection.f_classif if classes else feature_selection.f_regression
        if self.method == "correlation":
            return score(x, y)[0]
        if self.method == "stable correlation":
            rng = np.random.RandomState(self.seed)
            chosen = np.zeros(x.shape[1])
            for _ in range(30):
                half = rng.permutation(len(x))[: max(len(x) * 3 // 4, 3)]
                found = np.nan_to_num(score(x[half], y[half])[0], nan=-1.0, posinf=1e300)
                chosen[np.argsort(-found, kind="stable")[: self.keep]] += 1
            return chosen / 30
        if self.method == "mutual information":
            function = feature_selection.mutual_info_classif if classes else feature_selection.mutual_info_regression
            return function(x, y, random_state=self.seed)
        if self.method == "lasso":
            width = x.std(axis=0)
            scaled = (x - x.mean(axis=0)) / np.where(width == 0, 1.0, width)
            return np.abs(linear_model.Lasso(alpha=self.limit).fit(scaled, y).coef_)
        kind = ensemble.ExtraTreesClassifier if classes else ensemble.ExtraTreesRegressor
        model = kind(n_estimators=100, random_state=self.seed).fit(x, y)
        if self.method == "trees":
            return model.feature_importances_
        return inspection.permutation_importance(model, x, y, n_repeats=5, random_state=self.seed).importances_mean

    def _low_vif(self, covariance):
        """Drop the most explained column again and again until no variance inflation factor is above the limit."""
        kept = [i for i in range(len(self.columns)) if covariance[i, i] > 0]
        while len(kept) > 1:
            width = np.sqrt(np.diag(covariance)[kept])
            correlation = covariance[np.ix_(kept, kept)] / np.outer(width, width)
            try:
                vif = np.diag(np.linalg.inv(correlation))
            except np.linalg.LinAlgError:
                vif = np.diag(np.linalg.pinv(correlation + np.eye(len(kept)) * 1e-12))
            vif = np.where(vif < 1.0 - 1e-9, 1e300, vif)
            worst = int(np.argmax(np.round(vif, 9)))
            if vif[worst] <= self.limit:
                break
            kept.pop(worst)
        return [self.columns[i] for i in kept]

    def apply(self, table, state):
        gone = [c for c in self.columns if c not in state["keep"]]
        if len(gone) == len(table.columns):
            raise ParamError("no column would be left.", hint="Choose another limit.")
        return table.drop(*gone) if gone else table

    def pandas(self, df, state, schema):
        gone = [c for c in self.columns if c not in state["keep"]]
        return [f"{df} = {df}.drop(columns={gone!r})"]
