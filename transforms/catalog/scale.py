"""Scaling: numbers brought to a common size with statistics learnt in training."""

from __future__ import annotations

import math
import statistics
from typing import ClassVar, Literal

import ibis
import numpy as np

from transforms.catalog.common import FittedNumbers, NumberFunction
from transforms.catalog.hashing import as_text, text_like
from transforms.catalog.missing import lookup
from transforms.errors import FitError, ParamError
from transforms.fields import Column, NewColumn, NumberColumn, NumericColumns, SomeColumns, param
from transforms.functions import row_function
from transforms.reading import one_row
from transforms.schema import known
from transforms.transform import Example, Transform, register


class Scaler(FittedNumbers):
    """Subtract a centre and divide by a width; a width of zero counts as one (as scikit-learn does)."""

    def value(self, column, learnt):
        return (column - learnt["centre"]) / learnt["width"]

    def pandas_value(self, column, learnt):
        return f"({column} - {learnt['centre']!r}) / {learnt['width']!r}"

    def finish(self, column, learnt):
        if learnt["centre"] is None or learnt["width"] is None:
            raise FitError(f"there is no known value in {column!r}.", hint="Drop it, or fill it first.")
        return {"centre": learnt["centre"], "width": learnt["width"] or 1.0}


@register
class StandardScale(Scaler):
    """Centre on the mean and divide by the standard deviation (of the population).

    Source: scikit-learn `StandardScaler`. Missing values stay missing and are left out of the statistics.
    """

    name: ClassVar = "scale.standard"
    label: ClassVar = "Standard scaling"
    covers: ClassVar = ("standard_scale",)
    words: ClassVar = ("z-score", "standardize", "StandardScaler", "normalise")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [1.0, 3.0, None]}, after={"a": [-1.0, 1.0, None]}),
        Example({"columns": ["a"]}, train={"a": [0, 10]}, before={"a": [20]}, after={"a": [3.0]}, types={}),
    )

    def learn(self, column):
        return {"centre": column.mean(), "width": column.std(how="pop")}


@register
class MinMaxScale(Scaler):
    """Map the training range to 0 … 1; later values may lie outside.

    Source: scikit-learn `MinMaxScaler`.
    """

    name: ClassVar = "scale.min_max"
    label: ClassVar = "Min-max scaling"
    covers: ClassVar = ("min_max_scale",)
    words: ClassVar = ("normalize 0 1", "MinMaxScaler", "rescale")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [2.0, 4.0, 3.0, None]}, after={"a": [0.0, 1.0, 0.5, None]}),
    )

    def learn(self, column):
        return {"centre": column.min(), "width": column.max() - column.min()}


@register
class RobustScale(Scaler):
    """Centre on the median and divide by the distance between the quartiles; outliers hardly count.

    Source: scikit-learn `RobustScaler`. Quartiles interpolate linearly.
    """

    name: ClassVar = "scale.robust"
    label: ClassVar = "Robust scaling"
    covers: ClassVar = ("robust_scale",)
    words: ClassVar = ("median", "IQR", "RobustScaler")
    examples: ClassVar = (
        Example(
            {"columns": ["a"]}, before={"a": [1.0, 2.0, 3.0, 4.0, 100.0]}, after={"a": [-1.0, -0.5, 0.0, 0.5, 48.5]}
        ),
    )

    def learn(self, column):
        return {"centre": column.median(), "width": column.quantile(0.75) - column.quantile(0.25)}


@register
class MaxAbsScale(Scaler):
    """Divide by the greatest absolute value in training; zero stays zero.

    Source: scikit-learn `MaxAbsScaler`.
    """

    name: ClassVar = "scale.max_abs"
    label: ClassVar = "Max-abs scaling"
    covers: ClassVar = ("max_abs_scale",)
    words: ClassVar = ("MaxAbsScaler",)
    examples: ClassVar = (Example({"columns": ["a"]}, before={"a": [-4.0, 2.0, None]}, after={"a": [-1.0, 0.5, None]}),)

    def learn(self, column):
        return {"centre": column.abs().max() * 0.0, "width": column.abs().max()}


@register
class Clip(FittedNumbers):
    """Clip outliers to bounds: fixed ones, or quantiles, standard deviations or quartile distances of the training rows.

    Columns: float64. Quantiles interpolate linearly. Learns a lower and an upper bound per column.
    """

    name: ClassVar = "scale.clip"
    label: ClassVar = "Clip outliers"
    covers: ClassVar = (
        "winsorize",
        "clip_outliers_range",
        "clip_outliers_quantile",
        "clip_outliers_zscore",
        "clip_outliers_iqr",
        "clamp",
    )
    words: ClassVar = ("outliers", "winsorise", "cap", "clamp", "REPLACE_OUTLIERS")
    examples: ClassVar = (
        Example({"columns": ["a"], "method": "fixed", "lower": 0, "upper": 5}, before={"a": [-1.0, 3.0, 9.0, None]}, after={"a": [0.0, 3.0, 5.0, None]}),
        Example({"columns": ["a"], "method": "quantiles", "lower": 0.25, "upper": 0.75}, before={"a": [1.0, 2.0, 3.0, 4.0, 100.0]}, after={"a": [2.0, 2.0, 3.0, 4.0, 4.0]}),
        Example({"columns": ["a"], "method": "standard deviations", "lower": 1, "upper": 1}, before={"a": [0.0, 10.0, 5.0]}, after={"a": [0.9175170953613696, 9.08248290463863, 5.0]}),
        Example({"columns": ["a"], "method": "quartile distances", "lower": 1.5, "upper": 1.5}, before={"a": [1.0, 2.0, 3.0, 4.0, 100.0]}, after={"a": [1.0, 2.0, 3.0, 4.0, 7.0]}),
    )  # fmt: skip

    method: Literal["fixed", "quantiles", "standard deviations", "quartile distances"] = param(
        "Bounds from", default="quartile distances", help="Quartile distances: 1.5 is Tukey's rule."
    )
    lower: float = param(
        "Lower", default=1.5, help="A value, a quantile (0-1), or how many deviations or distances below."
    )
    upper: float = param("Upper", default=1.5)

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.method == "quantiles" and not 0 <= self.lower < self.upper <= 1:
            raise ParamError(
                "quantiles must lie between 0 and 1, the lower one first.", hint="0.01 and 0.99 are usual."
            )
        if self.method == "fixed" and self.lower > self.upper:
            raise ParamError(f"the lower bound {self.lower} is above the upper bound {self.upper}.")

    def learn(self, column):
        if self.method == "quantiles":
            return {"low": column.quantile(self.lower), "high": column.quantile(self.upper)}
        if self.method == "standard deviations":
            return {
                "low": column.mean() - column.std(how="pop") * self.lower,
                "high": column.mean() + column.std(how="pop") * self.upper,
            }
        if self.method == "quartile distances":
            low, high = column.quantile(0.25), column.quantile(0.75)
            return {"low": low - (high - low) * self.lower, "high": high + (high - low) * self.upper}
        return {"low": column.count() * 0.0 + self.lower, "high": column.count() * 0.0 + self.upper}

    def finish(self, column, learnt):
        if learnt["low"] is None:
            raise FitError(f"there is no known value in {column!r}.", hint="Use fixed bounds, or drop the column.")
        return learnt

    def value(self, column, learnt):
        # not Ibis' clip, which names the column nine times over
        low, high = learnt["low"], learnt["high"]
        return ibis.cases((column > high, high), (column < low, low), else_=column)

    def pandas_value(self, column, learnt):
        return f"{column}.clip({learnt['low']!r}, {learnt['high']!r})"


@register
class MeanNormalise(Scaler):
    """Subtract the training mean and divide by the training range."""

    name: ClassVar = "scale.mean_normalise"
    label: ClassVar = "Mean normalisation"
    covers: ClassVar = ("mean_normalise",)
    words: ClassVar = ("MEAN_NORMALIZATION", "MeanNormalizationScaler")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [0.0, 2.0, 10.0, None]}, after={"a": [-0.4, -0.2, 0.6, None]}),
    )

    def learn(self, column):
        return {"centre": column.mean(), "width": column.max() - column.min()}


@register
class DecimalScale(Scaler):
    """Divide by the power of ten above the greatest absolute value in training: all lie between -1 and 1."""

    name: ClassVar = "scale.decimal"
    label: ClassVar = "Decimal scaling"
    covers: ClassVar = ("decimal_scale",)
    words: ClassVar = ("power of ten",)
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [-250.0, 40.0, None]}, after={"a": [-0.25, 0.04, None]}),
    )

    def learn(self, column):
        return {"centre": column.abs().max() * 0.0, "width": column.abs().max()}

    def finish(self, column, learnt):
        learnt = super().finish(column, learnt)
        digits = 0
        while 10.0**digits < learnt["width"] and digits < 300:
            digits += 1
        return {"centre": 0.0, "width": 10.0**digits}


@register
class ReduceSkew(NumberFunction):
    """Bend a skewed number by a logarithm, a root or a square.

    Columns: float64. The logarithm is that of the number plus an offset. Outside of the function's domain (logarithm of zero, even
    root of a negative number) the result is missing; odd roots keep the sign.
    """

    name: ClassVar = "scale.reduce_skew"
    label: ClassVar = "Logarithm, root or square"
    covers: ClassVar = ("log_transform_skew", "root_transform_skew", "square_transform")
    words: ClassVar = ("SKEWNESS", "log transform", "ROOT_TRANSFORM", "SQUARE", "cube root", "LOG any base")
    examples: ClassVar = (
        Example({"columns": ["a"], "base": 10, "offset": 1}, before={"a": [99.0, 0.0, -1.0, None]}, after={"a": [2.0, 0.0, None, None]}),
        Example({"columns": ["a"], "function": "root", "root": 3}, before={"a": [8.0, -27.0]}, after={"a": [2.0, -3.0]}),
        Example({"columns": ["a"], "function": "root", "root": 2}, before={"a": [9, -4]}, after={"a": [3.0, None]}),
        Example({"columns": ["a"], "function": "square"}, before={"a": [3, -2, None]}, after={"a": [9.0, 4.0, None]}),
    )  # fmt: skip

    function: Literal["logarithm", "root", "square"] = param("Function", default="logarithm")
    base: float = param("Base", default=2.718281828459045, gt=1, help="For the logarithm.")
    offset: float = param("Add first", default=0.0, help="For the logarithm.")
    root: int = param("Root", default=2, ge=2, le=100)

    def value(self, column):
        x = known(column)
        if self.function == "square":
            return x * x
        if self.function == "logarithm":
            return ((x + self.offset) > 0.0).ifelse(x + self.offset, ibis.null("float64")).ln() / math.log(self.base)
        size = x.abs().pow(1.0 / self.root).cast("float64")
        return x.sign().cast("float64") * size if self.root % 2 else (x >= 0.0).ifelse(size, ibis.null("float64"))

    def pandas_value(self, column, dtype):
        x = f"{column}.astype('Float64')"
        if self.function == "square":
            return f"{x} * {x}"
        if self.function == "logarithm":
            return f"np.log(({x} + {self.offset!r}).where({x} + {self.offset!r} > 0)) / {math.log(self.base)!r}"
        size = f"{x}.abs() ** {1.0 / self.root!r}"
        return f"np.sign({x}) * {size}" if self.root % 2 else f"({size}).where({x} >= 0)"


def sorted_sample(table, columns, most: int):
    """Return {column: sorted known values}, up to about `most` for each: all of them, or evenly spaced ones."""
    from transforms.reading import rows

    parts = []
    for i, c in enumerate(columns):
        x = table.select(known(table[c]).name("x")).drop_null()
        place = ibis.row_number().over(ibis.window(order_by=x.x))
        numbered = x.mutate(place.name("place"), x.count().over(ibis.window()).name("n"))
        step = (numbered.n.cast("float64") / float(most)).ceil().cast("int64")
        parts.append(numbered.filter(numbered.place % step == 0).select(ibis.literal(i).name("i"), numbered.x))
    found = rows(ibis.union(*parts) if len(parts) > 1 else parts[0])
    values: dict[str, list] = {c: [] for c in columns}
    for row in found:
        values[columns[row["i"]]].append(row["x"])
    if empty := [c for c, v in values.items() if not v]:
        raise FitError(f"there is no known value in {empty[0]!r}.", hint="Drop it, or fill it first.")
    return {c: sorted(v) for c, v in values.items()}


@register
class PowerTransform(Transform):
    """Bend numbers towards a normal shape with a power learnt by maximum likelihood: Yeo-Johnson, or Box-Cox for positive numbers.

    Learns one power per column from its training values (up to 50,000, evenly spaced in their order) with scikit-learn
    `PowerTransformer`, and the mean and deviation if the result is to be standardised. Box-Cox gives missing for numbers that are
    not positive. Missing values stay missing. Columns: float64.
    """

    name: ClassVar = "scale.power"
    label: ClassVar = "Power transform"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("power_transform_yeo_johnson", "power_transform_box_cox")
    words: ClassVar = ("Yeo-Johnson", "Box-Cox", "PowerTransformer", "gaussian", "skew")
    examples: ClassVar = (
        Example({"columns": ["a"], "standardise": False}, train={"a": [-1.0, 0.5, 1.0, 3.0]}, before={"a": [0.0, None]}, after={"a": [0.0, None]}),
        Example({"columns": ["a"], "method": "Box-Cox", "standardise": False}, train={"a": [1.0, 2.0, 9.0]}, before={"a": [1.0, 0.0, None]}, after={"a": [0.0, None, None]}),
    )  # fmt: skip

    columns: NumericColumns = param("Columns")
    method: Literal["Yeo-Johnson", "Box-Cox"] = param("Method", default="Yeo-Johnson")
    standardise: bool = param("Standardise the result", default=True)

    def fit(self, table):
        import numpy as np
        from sklearn.preprocessing import PowerTransformer

        state = {}
        for c, values in sorted_sample(table, self.columns, 50_000).items():
            x = np.array(values)
            if not np.isfinite(x).all():
                raise FitError(f"column {c!r} has infinite values.", hint="Clip them, or make them missing, first.")
            if self.method == "Box-Cox" and x[0] <= 0:
                raise FitError(f"column {c!r} has values that are not positive.", hint="Use Yeo-Johnson.")
            if self.method == "Box-Cox" and x[0] == x[-1]:
                raise FitError(f"column {c!r} has one value only.", hint="Use Yeo-Johnson, or drop the column.")
            model = PowerTransformer(method=self.method.lower(), standardize=self.standardise).fit(x.reshape(-1, 1))
            scaler = getattr(model, "_scaler", None)
            mean, width = (float(scaler.mean_[0]), float(scaler.scale_[0])) if self.standardise else (0.0, 1.0)
            state[c] = {"power": float(model.lambdas_[0]), "mean": mean, "width": width}
        return state

    def _bent(self, x, power):
        if self.method == "Box-Cox":
            x = (x > 0.0).ifelse(x, ibis.null("float64"))
            return x.ln() if abs(power) < 2.3e-16 else (x.pow(power).cast("float64") - 1.0) / power
        up, down = x.abs() + 1.0, 2.0 - power
        high = up.ln() if abs(power) < 2.3e-16 else (up.pow(power).cast("float64") - 1.0) / power
        low = -up.ln() if abs(down) < 2.3e-16 else (up.pow(down).cast("float64") - 1.0) / -down
        return (x >= 0.0).ifelse(high, low)

    def apply(self, table, state):
        return table.mutate(
            [((self._bent(known(table[c]), v["power"]) - v["mean"]) / v["width"]).name(c) for c, v in state.items()]
        )

    def pandas(self, df, state, schema):
        lines = []
        for c, v in state.items():
            power, down = v["power"], 2.0 - v["power"]
            x = f"{df}[{c!r}].astype('Float64')"
            if self.method == "Box-Cox":
                lines.append(f"x = {x}.where({x} > 0)")
                bent = "np.log(x)" if abs(power) < 2.3e-16 else f"(x ** {power!r} - 1) / {power!r}"
            else:
                lines += [f"x = {x}", "up = x.abs() + 1"]
                high = "np.log(up)" if abs(power) < 2.3e-16 else f"(up ** {power!r} - 1) / {power!r}"
                low = "-np.log(up)" if abs(down) < 2.3e-16 else f"(up ** {down!r} - 1) / {-down!r}"
                bent = f"({high}).where(x >= 0, {low})"
            lines.append(f"{df}[{c!r}] = (({bent}) - {v['mean']!r}) / {v['width']!r}")
        return lines


@row_function("float64", "float64")
def to_quantile(value, *, quantiles, normal):
    """Return the place of a number among quantiles, from 0 to 1, or as a normal score."""
    places = np.linspace(0.0, 1.0, len(quantiles))
    q = np.array(quantiles)
    share = 0.5 * (np.interp(value, q, places) - np.interp(-value, -q[::-1], -places[::-1]))
    if value <= q[0]:  # as scikit-learn: the ends are the ends
        share = 0.0
    if value >= q[-1]:
        share = 1.0
    if not normal:
        return float(share)
    share = min(max(float(share), 1e-7), 1.0 - 1e-7)
    return min(max(statistics.NormalDist().inv_cdf(share), -5.199337582605575), 5.19933758270342)


@register
class QuantileTransform(Transform):
    """Map numbers to their place among the training quantiles: even from 0 to 1, or normally distributed (rank Gauss).

    Between quantiles it interpolates linearly; values beyond the training range get the ends. Learns up to 1,000 quantiles per
    column (linear interpolation). Missing values stay missing. Columns: float64. Source: scikit-learn `QuantileTransformer`.
    """

    name: ClassVar = "scale.quantile"
    label: ClassVar = "Quantile transform"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("quantile_transform", "rank_gauss_transform")
    words: ClassVar = ("QuantileTransformer", "uniform", "RankGauss", "percentile", "normal scores")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [0.0, 10.0, 20.0, None]}, after={"a": [0.0, 0.5, 1.0, None]}),
        Example({"columns": ["a"], "output": "normal"}, train={"a": [0.0, 10.0, 20.0]}, before={"a": [10.0, None]}, after={"a": [0.0, None]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = to_quantile.helpers

    columns: NumericColumns = param("Columns")
    quantiles: int = param("Quantiles", default=100, ge=2, le=1000)
    output: Literal["uniform", "normal"] = param("Output", default="uniform")

    def fit(self, table):
        places = [i / (self.quantiles - 1) for i in range(self.quantiles)]
        asked = [known(table[c]).quantile(places).name(f"q{i}") for i, c in enumerate(self.columns)]
        found = one_row(table.aggregate(asked))
        state = {}
        for i, c in enumerate(self.columns):
            if not found[f"q{i}"] or found[f"q{i}"][0] is None:
                raise FitError(f"there is no known value in {c!r}.", hint="Drop it, or fill it first.")
            state[c] = np.maximum.accumulate(found[f"q{i}"]).tolist()
        return state

    def _constants(self, quantiles):
        return {"quantiles": quantiles, "normal": self.output == "normal"}

    def apply(self, table, state):
        return table.mutate([to_quantile(known(table[c]), **self._constants(q)).name(c) for c, q in state.items()])

    def pandas(self, df, state, schema):
        return [
            f"{df}[{c!r}] = {to_quantile.pandas(f'{df}[{c!r}].astype({chr(39)}Float64{chr(39)})', **self._constants(q))}"
            for c, q in state.items()
        ]


@register
class ScaleByGroup(Transform):
    """Scale numbers with statistics of their group's training rows; unknown groups use those of all rows.

    Standard: mean and standard deviation (population). Min-max: the range. Robust: median and quartile distance. A width of zero
    counts as one. At most 1,000 groups. Columns: float64.
    """

    name: ClassVar = "scale.by_group"
    label: ClassVar = "Scale within groups"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("scale_by_group",)
    words: ClassVar = ("group z-score", "standardise per group")
    examples: ClassVar = (
        Example({"columns": ["x"], "group": "g"}, before={"g": ["a", "a", "b", "c"], "x": [1.0, 3.0, 5.0, None]}, after={"g": ["a", "a", "b", "c"], "x": [-1.0, 1.0, 0.0, None]}),
        Example({"columns": ["x"], "group": "g", "method": "min-max"}, train={"g": ["a", "a"], "x": [0.0, 10.0]}, before={"g": ["a", "z", None], "x": [5.0, 20.0, 0.0]}, after={"g": ["a", "z", None], "x": [0.5, 2.0, 0.0]}),
        Example({"columns": ["x"], "group": "g", "method": "robust"}, before={"g": ["a", "a", "a"], "x": [1.0, 2.0, 3.0]}, after={"g": ["a", "a", "a"], "x": [-1.0, 0.0, 1.0]}),
    )  # fmt: skip

    columns: NumericColumns = param("Columns")
    group: Column = param("Group by")
    method: Literal["standard", "min-max", "robust"] = param("Method", default="standard")

    def check_columns(self, schema):
        super().check_columns(schema)
        text_like(schema, [self.group])
        if self.group in self.columns:
            raise ParamError(f"column {self.group!r} cannot be its own group.")

    def _learn(self, x):
        return {
            "standard": lambda: (x.mean(), x.std(how="pop")),
            "min-max": lambda: (x.min(), x.max() - x.min()),
            "robust": lambda: (x.median(), x.quantile(0.75) - x.quantile(0.25)),
        }[self.method]()

    def fit(self, table):
        from transforms.reading import rows

        asked = []
        for i, c in enumerate(self.columns):
            centre, width = self._learn(known(table[c]))
            asked += [centre.name(f"c{i}"), width.name(f"w{i}")]
        key = table[self.group].cast("string")
        groups = table.filter(key.notnull()).group_by(key.name("g")).aggregate(asked)
        overall = table.aggregate(asked).mutate(ibis.null("string").name("g"))
        found = rows(ibis.union(groups, overall.select(groups.columns)))
        if len(found) > 1001:
            raise FitError(f"column {self.group!r} has {len(found) - 1:,} groups; at most 1,000 are possible.")
        state = {}
        for i, c in enumerate(self.columns):
            pairs = {r["g"]: [r[f"c{i}"], r[f"w{i}"] or 1.0] for r in found if r[f"c{i}"] is not None}
            if None not in pairs:
                raise FitError(f"there is no known value in {c!r}.", hint="Drop it, or fill it first.")
            default = pairs.pop(None)
            state[c] = {"default": default, "groups": dict(sorted(pairs.items()))}
        return state

    def apply(self, table, state):
        key = table[self.group].cast("string")

        def value(c, learnt):
            centre, width = (
                lookup(key, {g: v[i] for g, v in learnt["groups"].items()}, learnt["default"][i]) for i in (0, 1)
            )
            return ((known(table[c]) - centre) / width).name(c)

        return table.mutate([value(c, learnt) for c, learnt in state.items()])

    def pandas(self, df, state, schema):
        lines = [f"key = {as_text(f'{df}[{self.group!r}]', schema[self.group])}"]
        for c, learnt in state.items():
            for i, name in enumerate(("centre", "width")):
                values = {g: v[i] for g, v in learnt["groups"].items()}
                lines.append(f"{name} = key.map({values!r}).astype('Float64').fillna({learnt['default'][i]!r})")
            lines.append(f"{df}[{c!r}] = ({df}[{c!r}].astype('Float64') - centre) / width")
        return lines


@register
class WithinGroup(Transform):
    """Add a column that places a number among the rows of its group in this table: z-score, rank, or percentile rank.

    Rank: 1 for the smallest, ties share their mean rank. Percentile rank: the rank divided by the number of known values. A z-score
    takes the population's deviation, and is missing where that is zero. Missing values have none. Reads the other rows.
    """

    name: ClassVar = "scale.within_group"
    label: ClassVar = "Place within the group"
    serving: ClassVar = "batch"
    covers: ClassVar = ("z_score_within_group", "rank_percentile_within_group", "rank_transform", "ratio_to_total")
    words: ClassVar = ("PERCENTRANK", "z-score", "rank average", "share of total")
    examples: ClassVar = (
        Example({"column": "x", "groups": ["g"], "to": "z"}, before={"g": ["a", "a", "b", "b"], "x": [1.0, 3.0, 5.0, None]}, after={"g": ["a", "a", "b", "b"], "x": [1.0, 3.0, 5.0, None], "z": [-1.0, 1.0, None, None]}),
        Example({"column": "x", "measure": "rank", "to": "z"}, before={"x": [5, 3, 5, None]}, after={"x": [5, 3, 5, None], "z": [2.5, 1.0, 2.5, None]}),
        Example({"column": "x", "measure": "percentile rank", "groups": ["g"], "to": "z"}, before={"g": ["a", "a", "b"], "x": [5, 3, 5]}, after={"g": ["a", "a", "b"], "x": [5, 3, 5], "z": [1.0, 0.5, 1.0]}),
        Example({"column": "x", "measure": "share of the total", "groups": ["g"], "to": "z"}, before={"g": ["a", "a", "b"], "x": [1, 3, 5]}, after={"g": ["a", "a", "b"], "x": [1, 3, 5], "z": [0.25, 0.75, 1.0]}),
    )  # fmt: skip

    column: NumberColumn = param("Column")
    groups: SomeColumns = param("Within groups of", default=())
    measure: Literal["z-score", "rank", "percentile rank", "share of the total"] = param("Measure", default="z-score")
    to: NewColumn = param("New column", default="place")

    def apply(self, table, state):
        from transforms.catalog.common import spare_names

        x = spare_names(table, 1)[0]
        table = table.mutate(known(table[self.column]).name(x))
        by = [table[c] for c in self.groups]
        whole = ibis.window(group_by=by or None)
        value = table[x]
        if self.measure == "z-score":
            made = (value - value.mean().over(whole)) / value.std(how="pop").over(whole).nullif(0.0)
        elif self.measure == "share of the total":
            made = value / value.sum().over(whole).nullif(0.0)
        else:
            first = ibis.rank().over(ibis.window(group_by=by or None, order_by=value.asc(nulls_first=False)))
            ties = table.count().over(ibis.window(group_by=[*by, value]))
            made = first.cast("float64") + 1.0 + (ties.cast("float64") - 1.0) / 2.0
            if self.measure == "percentile rank":
                made = made / value.count().over(whole).cast("float64")
            made = value.isnull().ifelse(ibis.null("float64"), made)
        return table.mutate(made.name(self.to)).drop(x)

    def pandas(self, df, state, schema):
        by = f".groupby([{df}[c] for c in {list(self.groups)!r}], dropna=False)" if self.groups else ""
        lines = [f"x = {df}[{self.column!r}].astype('float64')"]
        how = {
            "rank": f"x{by}.rank()",
            "percentile rank": f"x{by}.rank(pct=True)",
        }.get(self.measure)
        if not how:
            each = (lambda s: f"x{by}.transform({s})") if self.groups else (lambda s: f"({s})(x)")
            if self.measure == "z-score":
                lines += [f"width = {each('lambda v: v.std(ddof=0)')}", f"centre = {each('lambda v: v.mean()')}"]
                how = f"(x - centre) / pd.Series(width, index={df}.index, dtype='float64').replace(0.0, np.nan)"
            else:
                how = f"x / pd.Series({each('lambda v: v.sum()')}, index={df}.index, dtype='float64').replace(0.0, np.nan)"
        return [*lines, f"{df}[{self.to!r}] = ({how}).astype('Float64')"]
