"""Scaling: numbers brought to a common size with statistics learnt in training."""

from __future__ import annotations

from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import FittedNumbers
from transforms.errors import FitError, ParamError
from transforms.fields import param
from transforms.transform import Example, register


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
