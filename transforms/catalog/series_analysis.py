"""Time series taken apart: trend and season, anomalies, smoothing, descriptive features."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import ibis

from transforms import sequences
from transforms.catalog.calendars import exact_micros, moment
from transforms.catalog.common import new_name, no_nan, spare_names
from transforms.catalog.series import DAYS, D
from transforms.catalog.timeline import (
    CALLS,
    FunctionOfSeries,
    SeriesStep,
)
from transforms.errors import FitError, ParamError
from transforms.fields import (
    Column,
    Columns,
    NewColumn,
    NumberColumn,
    NumericColumns,
    TimeColumn,
    param,
)
from transforms.reading import one_row, rows
from transforms.schema import PANDAS, known, to_name
from transforms.transform import Example, Transform, register


@register
class Decompose(FunctionOfSeries):
    """Split the numbers of each series into trend, season and rest (STL), added as `<column>_trend`, `_season`, `_rest`.

    Rows are taken as evenly spaced. Missing numbers are bridged by straight lines and have no rest; a series shorter than two
    periods gives missing. Source: statsmodels `STL` (Cleveland et al. 1990), which exported code needs.
    """

    name: ClassVar = "series.decompose"
    label: ClassVar = "Trend, season and rest"
    covers: ClassVar = ("ts_decompose_stl",)
    words: ClassVar = ("STL", "seasonal decomposition", "trend", "seasonality", "residual")
    function: ClassVar = sequences.decomposed
    examples: ClassVar = (
        Example({"time": "d", "ids": ["g"], "column": "v", "period": 2}, before={"g": ["a"] * 8 + ["b"], "d": [*DAYS[:8], DAYS[0]], "v": [5.0] * 8 + [None]},
                after={"g": ["a"] * 8 + ["b"], "d": [*DAYS[:8], DAYS[0]], "v": [5.0] * 8 + [None], "v_trend": [5.0] * 8 + [None], "v_season": [0.0] * 8 + [None], "v_rest": [0.0] * 8 + [None]}, types=D),
    )  # fmt: skip

    period: int = param("Rows in a season", default=7, ge=2, le=10_000)
    robust: bool = param("Resist outliers", default=False)

    def names(self):
        return [f"{self.column}_trend", f"{self.column}_season", f"{self.column}_rest"]

    def constants(self):
        return {"period": self.period, "robust": self.robust}


@register
class FlagAnomalies(FunctionOfSeries):
    """Flag numbers whose rest, after trend and season, lies far from the usual one of the training rows.

    Learns from at most 200,000 rows: the period, unless it is given (highest autocorrelation of the longest series; 1: no season),
    and the median and spread (1.4826 times the median absolute deviation) of the rest. Without a season the rest is the distance from
    a running median of 5 rows. Missing numbers have no flag. Needs whole series. Source: STL of statsmodels.
    """

    name: ClassVar = "series.flag_anomalies"
    label: ClassVar = "Flag anomalies"
    covers: ClassVar = ("ts_anomaly_flag",)
    words: ClassVar = ("anomaly detection", "outlier in time series", "spike", "residual bounds")
    function: ClassVar = sequences.residuals
    examples: ClassVar = (
        Example({"time": "d", "ids": ["g"], "column": "v", "period": 1, "to": "odd"}, train={"g": ["a"] * 6, "d": DAYS[:6], "v": [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]}, before={"g": ["b"] * 6, "d": DAYS[:6], "v": [1.0, 1.0, 50.0, 1.0, None, 1.0]},
                after={"g": ["b"] * 6, "d": DAYS[:6], "v": [1.0, 1.0, 50.0, 1.0, None, 1.0], "odd": [False, False, True, False, None, False]}, types=D),
        Example({"time": "d", "column": "v", "to": "odd"}, before={"d": DAYS[:12], "v": [1.0, 2.0, 9.0] * 4}, after={"d": DAYS[:12], "v": [1.0, 2.0, 9.0] * 4, "odd": [False] * 12}, types=D),
    )  # fmt: skip

    period: int = param("Rows in a season", default=0, ge=0, le=10_000, help="0: learn it; 1: no season.")
    k: float = param("Flag beyond so many spreads", default=4.0, gt=0)
    robust: bool = param("Resist outliers", default=True)
    to: NewColumn = param("New column", default="anomaly")

    def fit(self, table):
        import numpy as np

        at, x = exact_micros(table[self.time]).name("t"), known(table[self.column]).name("x")
        keys = [table[c].name(f"i{n}") for n, c in enumerate(self.ids)]
        sample = table.filter(table[self.time].notnull()).select([*keys, at, x])
        found = rows(sample.order_by([sample[c].asc(nulls_first=False) for c in sample.columns]).limit(200_000))
        parts: dict = {}
        for r in found:
            parts.setdefault(tuple(r[f"i{n}"] for n in range(len(self.ids))), []).append(
                [float(len(parts)), r["t"], r["x"]]
            )
        series = [sequences.series_of(p) for p in parts.values()]
        series = [s for s in series if not np.isnan(s).all()]
        if not series:
            raise FitError(f"column {self.column!r} has no known number with a time.")
        period = self.period or sequences.best_period(max(series, key=len), 2000)
        rest = np.concatenate([sequences.rest_of(s, period, self.robust) for s in series])
        rest = rest[~np.isnan(rest)]
        if not len(rest):
            raise FitError(
                f"no series has two periods of {period} rows.", hint="Choose a shorter period, or 1 for none."
            )
        centre = float(np.median(rest))
        spread = 1.4826 * float(np.median(np.abs(rest - centre))) or float(rest.std())
        return {
            "period": int(period),
            "centre": centre,
            "spread": max(spread, 1e-9 * float(max(np.nanmax(np.abs(s)) for s in series))),
        }

    def apply(self, table, state):
        new_name(self.to, table.columns)
        (spare,) = spare_names(table, 1)
        found = self.add_columns(
            table, [self.column], self.function, {"period": state["period"], "robust": self.robust}, ["__rest"]
        )
        far = (found["__rest"] - state["centre"]).abs() > self.k * state["spread"]
        return found.mutate(far.name(self.to)).drop("__rest")

    def pandas(self, df, state, schema):
        constants = {"period": state["period"], "robust": self.robust}
        return [
            *self.pandas_columns(df, schema, [self.column], self.function, constants, ["__rest"]),
            f"{df}[{self.to!r}] = ({df}['__rest'] - {state['centre']!r}).abs() > {self.k * state['spread']!r}",
            f"{df} = {df}.drop(columns='__rest')",
        ]


@register
class Smooth(FunctionOfSeries):
    """Smooth the numbers of each series, or keep a range of its cycles.

    exponential: weighted mean of the rows so far (pandas `ewm(span)`); local polynomial: Savitzky-Golay (SciPy, mode "interp");
    Hodrick-Prescott trend (statsmodels `hpfilter`); band-pass: the cycles between two lengths in rows, by the Fourier transform.
    But for "exponential", which passes over them, missing numbers are bridged by straight lines; all but it look at later rows.
    """

    name: ClassVar = "series.smooth"
    label: ClassVar = "Smooth a series"
    covers: ClassVar = ("ts_ewma", "ts_savgol_smooth", "ts_hp_filter", "ts_bandpass_filter")
    words: ClassVar = (
        "EWMA",
        "exponential smoothing",
        "Savitzky-Golay",
        "Hodrick-Prescott",
        "band-pass",
        "low-pass",
        "denoise",
    )
    function: ClassVar = sequences.smoothed
    examples: ClassVar = (
        Example({"time": "d", "ids": ["g"], "column": "v", "span": 3, "to": "s"}, before={"g": ["a", "a", "a", "b"], "d": [*DAYS[:3], DAYS[0]], "v": [1, None, 4, None]}, after={"g": ["a", "a", "a", "b"], "d": [*DAYS[:3], DAYS[0]], "v": [1, None, 4, None], "s": [1.0, 1.0, 3.0, None]}, types=D),
        Example({"time": "d", "column": "v", "method": "local polynomial", "window": 3, "order": 1, "to": "s"}, before={"d": DAYS[:4], "v": [0.0, 3.0, 0.0, 3.0]}, after={"d": DAYS[:4], "v": [0.0, 3.0, 0.0, 3.0], "s": [1.0, 1.0, 2.0, 2.0]}, types=D),
        Example({"time": "d", "column": "v", "method": "Hodrick-Prescott trend", "to": "s"}, before={"d": DAYS[:5], "v": [1.0, 2.0, 3.0, 4.0, 5.0]}, after={"d": DAYS[:5], "v": [1.0, 2.0, 3.0, 4.0, 5.0], "s": [1.0, 2.0, 3.0, 4.0, 5.0]}, types=D),
        Example({"time": "d", "column": "v", "method": "band-pass", "low": 3, "high": 5, "to": "s"}, before={"d": DAYS[:8], "v": [1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0, -1.0]}, after={"d": DAYS[:8], "v": [1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0, -1.0], "s": [0.0, 1.0, 0.0, -1.0, 0.0, 1.0, 0.0, -1.0]}, types=D),
    )  # fmt: skip

    method: Literal["exponential", "local polynomial", "Hodrick-Prescott trend", "band-pass"] = param("Method", default="exponential")  # fmt: skip
    span: float = param("Span in rows", default=7.0, ge=1, help="Exponential: the mean age of the weights.")
    window: int = param("Window in rows", default=7, ge=3, le=10_001, help="Local polynomial; an odd number.")
    order: int = param("Degree", default=2, ge=0, le=10, help="Local polynomial.")
    smoothness: float = param("Smoothness", default=1600.0, gt=0, le=1e12, help="Hodrick-Prescott; 1600 for quarters.")
    low: float = param("Shortest cycle in rows", default=2.0, ge=2, help="Band-pass.")
    high: float = param("Longest cycle in rows", default=32.0, ge=2, help="Band-pass.")
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.window % 2 == 0 or self.order >= self.window:
            raise ParamError("the window is an odd number above the degree.")
        if self.low > self.high:
            raise ParamError("the shortest cycle is longer than the longest.")

    def constants(self):
        return {n: getattr(self, n) for n in ("method", "span", "window", "order", "smoothness", "low", "high")}


@register
class MarkSegments(FunctionOfSeries):
    """Number the parts of each series: level segments, intervals within a range, or surroundings of peaks or lows.

    Level segments: the mean changes between them (binary segmentation, squared error, penalty times noise variance times log of the length).
    Intervals: runs of rows with numbers in the range. Peaks: the highest number within the rows around it. Rows in none get missing.
    """

    name: ClassVar = "series.mark_segments"
    label: ClassVar = "Mark parts of a series"
    covers: ClassVar = ("ts_change_points", "ts_extract_extrema", "ts_extract_intervals")
    words: ClassVar = ("change point", "level shift", "ruptures", "interval extraction", "extrema", "peaks")
    function: ClassVar = sequences.marked
    examples: ClassVar = (
        Example({"time": "d", "ids": ["g"], "column": "v", "to": "n"}, before={"g": ["a"] * 6 + ["b"], "d": [*DAYS[:6], None], "v": [1.0, 1.0, None, 9.0, 9.0, 9.0, 1.0]}, after={"g": ["a"] * 6 + ["b"], "d": [*DAYS[:6], None], "v": [1.0, 1.0, None, 9.0, 9.0, 9.0, 1.0], "n": [1, 1, 2, 3, 3, 3, None]}, types=D),
        Example({"time": "d", "column": "v", "what": "intervals in a range", "low": 2.0, "min_length": 2, "to": "n"}, before={"d": DAYS[:6], "v": [2, 1, 2, 3, None, 4]}, after={"d": DAYS[:6], "v": [2, 1, 2, 3, None, 4], "n": [None, None, 1, 1, None, None]}, types=D),
        Example({"time": "d", "column": "v", "what": "around peaks", "window": 1, "to": "n"}, before={"d": DAYS[:6], "v": [1, 5, 2, 2, 2, 7]}, after={"d": DAYS[:6], "v": [1, 5, 2, 2, 2, 7], "n": [1, 1, 1, None, 2, 2]}, types=D),
        Example({"time": "d", "column": "v", "what": "around lows", "window": 1, "to": "n"}, before={"d": DAYS[:5], "v": [5, 5, 1, 5, 5]}, after={"d": DAYS[:5], "v": [5, 5, 1, 5, 5], "n": [None, 1, 1, 1, None]}, types=D),
    )  # fmt: skip

    what: Literal["level segments", "intervals in a range", "around peaks", "around lows"] = param("Mark", default="level segments")  # fmt: skip
    window: int = param("Rows around a peak", default=3, ge=1, le=10_000)
    low: float | None = param("From", default=None, help="Intervals; empty: no lower bound.")
    high: float | None = param("To", default=None, help="Included.")
    min_length: int = param("Shortest interval in rows", default=1, ge=1)
    penalty: float = param("Penalty of a change", default=3.0, ge=0, help="Higher: fewer segments.")
    to: NewColumn = param("New column", default="segment")

    def constants(self):
        return {n: getattr(self, n) for n in ("what", "window", "low", "high", "min_length", "penalty")}

    def apply(self, table, state):
        new_name(self.to, table.columns)
        return self.add_columns(table, [self.column], self.function, self.constants(), [self.to], "int64")

    def pandas(self, df, state, schema):
        return [*super().pandas(df, state, schema), f"{df}[{self.to!r}] = {df}[{self.to!r}].astype('Int64')"]


ONE = '''
def series_answers(found, ids, kinds, name):
    """Return one row per series with what the function gave in a column."""
    df = pd.concat([keys for keys, _, _ in found], ignore_index=True) if found else pd.DataFrame({c: [] for c in ids})
    return df.assign(**{name: pd.Series([answer for _, _, answer in found], index=range(len(found)), dtype=object)}).astype(kinds)
'''


class PerSeries(SeriesStep):
    """Gives one row per series."""

    ids: Columns = param("One series per")

    def kinds(self, schema):
        return {c: PANDAS[to_name(schema[c])] for c in self.ids if to_name(schema[c]) in PANDAS}

    def pandas_answers(self, df, schema, columns, function, constants, name) -> str:
        calls = self.pandas_calls(df, schema, columns, function, constants)
        return f"series_answers({calls}, {list(self.ids)!r}, {self.kinds(schema)!r}, {name!r})"


@register
class SeriesFeatures(PerSeries):
    """Make one row per series with descriptive numbers of a column: mean, slope, autocorrelation, peaks, strongest waves.

    Definitions as in tsfresh (deviation and variance of the whole, n); the slope is per row; missing numbers are left out. A number that
    cannot be told (an autocorrelation of constants) is missing. Waves: cycles per row and amplitude, the strongest first.
    """

    name: ClassVar = "series.features"
    label: ClassVar = "Describe each series"
    covers: ClassVar = ("ts_extract_features", "ts_fft_features")
    words: ClassVar = ("tsfresh", "feature extraction", "fft", "summary of series", "catch22")
    pandas_helpers: ClassVar = (*sequences.described.helpers[:-2], CALLS, ONE)
    examples: ClassVar = (
        Example({"time": "d", "ids": ["g"], "column": "v"}, before={"g": ["a", "a", "a", "b"], "d": [DAYS[1], DAYS[0], None, DAYS[0]], "v": [4.0, 2.0, 99.0, None]},
                after={"g": ["a", "b"], "v_length": [2.0, 0.0], "v_sum": [6.0, None], "v_mean": [3.0, None], "v_median": [3.0, None], "v_minimum": [2.0, None], "v_maximum": [4.0, None], "v_standard_deviation": [1.0, None], "v_variance": [1.0, None], "v_root_mean_square": [10**0.5, None]}, types=D),
        Example({"time": "d", "ids": ["g"], "column": "v", "features": "named", "named": ["first", "slope", "autocorrelation 1", "crossings of the mean", "share missing"]}, before={"g": ["a"] * 5, "d": DAYS[:5], "v": [1.0, 3.0, 1.0, 3.0, None]}, after={"g": ["a"], "v_first": [1.0], "v_slope": [0.4], "v_autocorrelation_1": [-1.0], "v_crossings_of_the_mean": [3.0], "v_share_missing": [0.2]}, types=D),
        Example({"time": "d", "ids": ["g"], "column": "v", "features": "named", "named": ["frequency 1", "amplitude 1"]}, before={"g": ["a"] * 8, "d": DAYS[:8], "v": [0.0, 2.0, 0.0, -2.0] * 2}, after={"g": ["a"], "v_frequency_1": [0.25], "v_amplitude_1": [2.0]}, types=D),
    )  # fmt: skip

    column: NumberColumn = param("Column")
    features: Literal["few", "many", "many with waves", "named"] = param("Which", default="few")
    named: tuple[str, ...] = param(
        "Named ones", default=(), help="Such as: mean, slope, autocorrelation 1, frequency 1."
    )

    def check_columns(self, schema):
        super().check_columns(schema)
        everything = [*sequences.MINIMAL, *sequences.MORE, *sequences.WAVES]
        if odd := [f for f in self.named if f not in everything]:
            raise ParamError(f"there is no feature {odd[0]!r}.", hint="There are: " + ", ".join(everything) + ".")
        if self.features == "named" and not self.named:
            raise ParamError("name at least one feature.")
        for f in self.chosen():
            new_name(self.named_column(f), self.ids)

    def chosen(self) -> list[str]:
        if self.features == "named":
            return list(dict.fromkeys(self.named))
        return (
            sequences.MINIMAL
            + (sequences.MORE if self.features != "few" else [])
            + (sequences.WAVES if "waves" in self.features else [])
        )

    def named_column(self, feature: str) -> str:
        return f"{self.column}_{feature.replace(' ', '_')}"

    def apply(self, table, state):
        _, whole, _, points = self.gathered(table, [self.column])
        found = whole.mutate(sequences.described(whole[points], features=self.chosen()).name(points))
        return found.select(
            [
                *(found[c] for c in self.ids),
                *(found[points][i].name(self.named_column(f)) for i, f in enumerate(self.chosen())),
            ]
        )

    def pandas(self, df, state, schema):
        answers = self.pandas_answers(
            df, schema, [self.column], sequences.described, {"features": self.chosen()}, "__f"
        )
        return [
            f"{df} = {answers}",
            *(
                f"{df}[{self.named_column(f)!r}] = pd.Series([v[{i}] for v in {df}['__f']], dtype='Float64')"
                for i, f in enumerate(self.chosen())
            ),
            f"{df} = {df}.drop(columns='__f')",
        ]


@register
class SeriesToLists(PerSeries):
    """Make one row per series with the numbers of each chosen column as a list, in the order of time.

    Missing and infinite numbers are missing in the list. Rows without a time are left out. Lists can be brought to one length afterwards.
    """

    name: ClassVar = "series.to_lists"
    label: ClassVar = "One list per series"
    covers: ClassVar = ("ts_group_to_series",)
    words: ClassVar = ("time series grouping", "vector per series", "group to array", "sequence")
    pandas_helpers: ClassVar = (*sequences.values_in_time.helpers[:-2], CALLS, ONE)
    examples: ClassVar = (
        Example({"time": "d", "ids": ["g"], "columns": ["v", "w"]}, before={"g": ["a", "a", "a", "b"], "d": [DAYS[1], DAYS[0], None, DAYS[0]], "v": [4.0, 2.0, 99.0, None], "w": [1, 2, 3, 4]}, after={"g": ["a", "b"], "v": [[2.0, 4.0], [None]], "w": [[2.0, 1.0], [4.0]]}, types=D, after_types={"v": "array<float64>", "w": "array<float64>"}),
    )  # fmt: skip

    columns: NumericColumns = param("Numbers")

    def check_columns(self, schema):
        super().check_columns(schema)
        if odd := [c for c in self.columns if c in self.ids]:
            raise ParamError(f"column {odd[0]!r} cannot be number and series.")

    def apply(self, table, state):
        _, whole, _, points = self.gathered(table, self.columns)
        lists = [sequences.values_in_time(whole[points], place=i + 2).name(c) for i, c in enumerate(self.columns)]
        return whole.select([*(whole[c] for c in self.ids), *lists])

    def pandas(self, df, state, schema):
        calls = [
            self.pandas_calls(df, schema, self.columns, sequences.values_in_time, {"place": i + 2})
            for i, _ in enumerate(self.columns)
        ]
        return [
            "found = [" + ", ".join(calls) + "]",
            f"{df} = series_answers(found[0], {list(self.ids)!r}, {self.kinds(schema)!r}, {self.columns[0]!r})",
            *(
                f"{df}[{c!r}] = pd.Series([answer for _, _, answer in found[{i}]], index={df}.index, dtype=object)"
                for i, c in enumerate(self.columns)
            ),
        ]


@register
class SameLength(Transform):
    """Bring lists of numbers to one length, learnt as a quantile of the training lists: longer ones are cut, shorter ones padded.

    The list stays, or becomes columns `<column>_1`, `<column>_2`, … A missing list stays missing. Infinite numbers become missing.
    """

    name: ClassVar = "series.same_length"
    label: ClassVar = "Same length for all series"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("ts_standardise_length",)
    words: ClassVar = ("standardize time series", "pad", "truncate", "flatten series", "fixed length")
    pandas_helpers: ClassVar = sequences.of_length.helpers
    examples: ClassVar = (
        Example({"column": "v", "pad": 0.0}, train={"v": [[1.0], [1.0, 2.0], [1.0, 2.0, 3.0]]}, before={"v": [[1.0, 2.0, 3.0, 4.0], [5.0], None]}, after={"v": [[1.0, 2.0, 3.0], [5.0, 0.0, 0.0], None]}, types={"v": "array<float64>"}),
        Example({"column": "v", "quantile": 0.5, "side": "start", "flatten": True}, train={"v": [[1.0], [1.0, 2.0], [1.0, 2.0, 3.0]]}, before={"v": [[1.0, 2.0, 3.0], [5.0]]}, after={"v_1": [2.0, None], "v_2": [3.0, 5.0]}, types={"v": "array<float64>"}),
    )  # fmt: skip

    column: Column = param("Column of lists")
    quantile: float = param("Quantile of the lengths", default=1.0, ge=0, le=1, help="1: the longest; 0.5: the median.")
    pad: float | None = param("Pad with", default=None, help="Empty: with missing.")
    side: Literal["end", "start"] = param("Cut and pad at the", default="end")
    flatten: bool = param("As columns", default=False)

    def check_columns(self, schema):
        super().check_columns(schema)
        if not (schema[self.column].is_array() and schema[self.column].value_type.is_numeric()):
            raise ParamError(
                f"column {self.column!r} ({schema[self.column]}) holds no lists of numbers.",
                hint="Make one list per series first.",
            )

    def open_prefixes(self):
        return (f"{self.column}_",) if self.flatten else ()

    def fit(self, table):
        found = one_row(table.aggregate(table[self.column].length().cast("float64").quantile(self.quantile).name("n")))
        if found["n"] is None:
            raise FitError(f"column {self.column!r} has no known list.")
        return {"length": math.ceil(found["n"])}

    def constants(self, state):
        return {"length": state["length"], "pad": self.pad, "side": self.side}

    def apply(self, table, state):
        found = table.mutate(
            sequences.of_length(table[self.column].cast("array<float64>"), **self.constants(state)).name(self.column)
        )
        if not self.flatten:
            return found
        new = [
            found[self.column][i].name(new_name(f"{self.column}_{i + 1}", table.columns))
            for i in range(state["length"])
        ]
        return found.mutate(new).drop(self.column) if new else found.drop(self.column)

    def pandas(self, df, state, schema):
        lines = [
            f"{df}[{self.column!r}] = {sequences.of_length.pandas(f'{df}[{self.column!r}]', **self.constants(state))}"
        ]
        if self.flatten:
            lines += [
                f"{df}[{f'{self.column}_{i + 1}'!r}] = pd.Series([None if v is None else v[{i}] for v in values({df}[{self.column!r}])], index={df}.index, dtype='Float64')"
                for i in range(state["length"])
            ]
            lines.append(f"{df} = {df}.drop(columns={self.column!r})")
        return lines


@register
class RemoveTrend(Transform):
    """Take the learnt straight trend, and the usual deviation of each weekday, month or hour, off a number.

    Learns from at most 200,000 rows, all series together: a line over time (least squares), then the mean of what is left for each part of
    the season, less their mean over the rows. Later rows use the same line and the same parts; a part never seen counts as 0. Infinite
    numbers take no part in learning. The level stays: the line is taken off as the distance from its value at the mean time.
    """

    name: ClassVar = "series.remove_trend"
    label: ClassVar = "Remove trend or season"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("ts_detrend", "ts_deseasonalise")
    words: ClassVar = ("detrend", "deseasonalize", "seasonal adjustment", "stationary", "linear trend")
    examples: ClassVar = (
        Example({"time": "d", "column": "v", "to": "r"}, train={"d": DAYS[:3], "v": [1.0, 3.0, 5.0]}, before={"d": [DAYS[1], DAYS[4], DAYS[0], None], "v": [3.0, 10.0, None, 1.0]}, after={"d": [DAYS[1], DAYS[4], DAYS[0], None], "v": [3.0, 10.0, None, 1.0], "r": [3.0, 4.0, None, None]}, types=D),
        Example({"time": "d", "column": "v", "trend": False, "season": "month", "to": "r"}, train={"d": ["2023-01-01", "2023-02-01", "2024-01-01", "2024-02-01"], "v": [1.0, 5.0, 3.0, 7.0]}, before={"d": ["2025-01-05", "2025-02-05", "2025-03-05"], "v": [1.0, 1.0, 1.0]}, after={"d": ["2025-01-05", "2025-02-05", "2025-03-05"], "v": [1.0, 1.0, 1.0], "r": [3.0, -1.0, 1.0]}, types={"d": "date"}),
    )  # fmt: skip

    time: TimeColumn = param("Time")
    column: NumberColumn = param("Column")
    trend: bool = param("Remove the trend", default=True)
    season: Literal["none", "weekday", "month", "hour"] = param("Remove the season by", default="none")
    to: NewColumn = param("New column")

    def part(self, x):
        x = moment(x)
        return {"weekday": lambda: x.day_of_week.index(), "month": lambda: x.month(), "hour": lambda: x.hour()}[self.season]().cast("int64")  # fmt: skip

    def days(self, x):
        return moment(x).truncate("s").epoch_seconds().cast("float64") / 86400.0

    def fit(self, table):
        import numpy as np

        part = self.part(table[self.time]) if self.season != "none" else ibis.literal(0, "int64")
        x = known(table[self.column])
        sample = table.select(self.days(table[self.time]).name("t"), part.name("p"), x.name("x"))
        sample = sample.filter(sample.t.notnull() & (sample.x.abs() <= 1e300))
        found = rows(sample.order_by(["t", "p", "x"]).limit(200_000))
        if not found:
            raise FitError(f"column {self.column!r} has no known number with a time.")
        t, y = np.array([r["t"] for r in found]), np.array([r["x"] for r in found])
        middle, slope = float(t.mean()), 0.0
        gap = t - middle
        if self.trend and float(gap @ gap) > 0:
            slope = float(gap @ (y - y.mean())) / float(gap @ gap)
        left = y - y.mean() - slope * gap
        parts: dict[int, list] = {}
        for r, value in zip(found, left, strict=True):
            parts.setdefault(r["p"], []).append(value)
        season = {str(p): float(np.mean(v)) for p, v in sorted(parts.items())} if self.season != "none" else {}
        return {"middle": middle, "slope": slope, "season": season}

    def apply(self, table, state):
        (spare,) = spare_names(table, 1)
        table = table.mutate((self.days(table[self.time]) - state["middle"]).name(spare))
        value = known(table[self.column]) - table[spare] * state["slope"]
        if state["season"]:
            part = self.part(table[self.time])
            value = value - ibis.cases(*[(part == int(p), v) for p, v in state["season"].items()], else_=0.0)
        return table.mutate(no_nan(value).name(self.to)).drop(spare)

    def pandas(self, df, state, schema):
        naive = f"{df}[{self.time!r}].dt.tz_localize(None)"
        lines = [
            f"days = (({naive}.dt.floor('s') - pd.Timestamp(0)) / pd.Timedelta(days=1)).astype('Float64') - {state['middle']!r}",
            f"value = {df}[{self.column!r}].astype('Float64') - days * {state['slope']!r}",
        ]
        if state["season"]:
            season = {int(p): v for p, v in state["season"].items()}
            lines.append(f"value = value - {naive}.dt.{self.season}.map({season!r}).fillna(0.0).astype('Float64')")
        return [*lines, f"{df}[{self.to!r}] = value.mask((value != value).fillna(False))"]
