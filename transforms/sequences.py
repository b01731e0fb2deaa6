"""Plain Python of one time series, for the row functions of family `series`.

A series comes as points `[row, time in microseconds, number, …]` in any order; rows at the same time keep the order of
their row numbers. A number that is missing, NaN or infinite counts as missing.
"""

from __future__ import annotations

import datetime
import math

import numpy as np

from transforms.functions import row_function

POINTS = "array<array<float64>>"


def in_time(points):
    return sorted(points, key=lambda p: (p[1], p[0]))


def series_of(points, place=2):
    """Return the numbers of a series as an array with NaN for missing."""
    return np.array([np.nan if p[place] is None or not math.isfinite(p[place]) else p[place] for p in points], float)


def finite(x):
    """Return a number that exists, or None; a zero has no sign."""
    return float(x) + 0.0 if x is not None and math.isfinite(x) else None


def with_rows(points, *columns):
    """Return [row, number, …] for each point."""
    return [[p[0], *(finite(v) for v in row)] for p, row in zip(points, zip(*columns, strict=True), strict=True)]


def straight(x, at=None):
    """Return the series with gaps filled by straight lines, and its ends by the nearest known number."""
    at = np.arange(len(x), dtype=float) if at is None else at
    known = ~np.isnan(x)
    return np.interp(at, at[known], x[known]) if known.any() else x


def parts_by_stl(x, period, robust):
    """Return trend, season and rest of a series by STL; all missing where it is shorter than two periods."""
    from statsmodels.tsa.seasonal import STL

    none = np.full(len(x), np.nan)
    known = ~np.isnan(x)
    if len(x) < 2 * period or not known.any():
        return none, none, none
    scale = float(np.max(np.abs(x[known]))) or 1.0
    found = STL(straight(x) / scale, period=period, robust=robust).fit()
    return found.trend * scale, found.seasonal * scale, np.where(known, found.resid * scale, np.nan)


@row_function(POINTS, POINTS)
def decomposed(points, *, period, robust):
    """Return trend, season and rest for each point (STL, Cleveland et al. 1990)."""
    points = in_time(points)
    return with_rows(points, *parts_by_stl(series_of(points), period, robust))


def best_period(x, longest):
    """Return the lag of the highest autocorrelation peak above 0.2, or 1."""
    x = straight(x)
    x = x - np.polyval(np.polyfit(np.arange(len(x)), x, 1), np.arange(len(x))) if len(x) > 3 else x
    total = float(x @ x)
    if len(x) < 6 or total <= 0:
        return 1
    lags = range(1, min(longest, len(x) // 2) + 1)
    r = [1.0] + [float(x[k:] @ x[:-k]) / total for k in lags]
    peaks = [k for k in range(2, len(r)) if r[k] > 0.2 and r[k] >= r[k - 1] and (k + 1 == len(r) or r[k] >= r[k + 1])]
    return max(peaks, key=lambda k: r[k]) if peaks else 1


def rest_of(x, period, robust):
    """Return what is left after trend and season; after a running median of 5 where there is no season."""
    if period >= 2:
        return parts_by_stl(x, period, robust)[2]
    known = straight(x)
    middle = [float(np.median(known[max(0, i - 2) : i + 3])) for i in range(len(known))]
    return x - np.array(middle) if len(x) else x


@row_function(POINTS, POINTS)
def residuals(points, *, period, robust):
    """Return the rest for each point."""
    points = in_time(points)
    return with_rows(points, rest_of(series_of(points), period, robust))


@row_function(POINTS, POINTS)
def smoothed(points, *, method, span, window, order, smoothness, low, high):
    """Return the smoothed number for each point; missing ones are filled by straight lines first."""
    points = in_time(points)
    x = series_of(points)
    if np.isnan(x).all():
        return with_rows(points, x)
    if method == "exponential":
        return with_rows(points, exponential_mean(x, span))
    x = straight(x)
    if method == "local polynomial":
        return with_rows(points, polynomial_smooth(x, window, order))
    if method == "Hodrick-Prescott trend":
        return with_rows(points, whittaker(x, smoothness))
    return with_rows(points, band_of(x, low, high))


def exponential_mean(x, span):
    """Return the exponentially weighted mean of the known numbers so far, as pandas `ewm(span, ignore_na=True)`."""
    keep = 1 - 2 / (span + 1)
    top = weight = 0.0
    found = []
    for v in x:
        if not math.isnan(v):
            top, weight = v + keep * top, 1 + keep * weight
        found.append(top / weight if weight else math.nan)
    return np.array(found)


def polynomial_smooth(x, window, order):
    """Return the value of a polynomial fitted to the points around each one (fewer at the ends)."""
    half, found = window // 2, []
    for i in range(len(x)):
        low = min(max(0, i - half), max(0, len(x) - window))
        part = x[low : low + window]
        at = np.arange(low, low + len(part)) - i
        scale = max(1, half)
        found.append(float(np.polyfit(at / scale, part, min(order, len(part) - 1))[-1]))
    return np.array(found)


def whittaker(x, smoothness):
    """Return the trend that weighs closeness against second differences."""
    from scipy.linalg import solveh_banded

    n = len(x)
    if n < 3:
        return x
    bands = np.zeros((3, n))
    bands[2] = 1.0
    for place, c in enumerate((1.0, -2.0, 1.0)):
        bands[2, place : n - 2 + place] += smoothness * c * c
    bands[1, 1 : n - 1] += smoothness * -2.0
    bands[1, 2:n] += smoothness * -2.0
    bands[0, 2:] += smoothness
    return solveh_banded(bands, x)


def band_of(x, low, high):
    """Return the part of a series whose cycles are between `low` and `high` points long (discrete Fourier transform)."""
    spectrum = np.fft.rfft(x - x.mean())
    frequency = np.fft.rfftfreq(len(x))
    with np.errstate(divide="ignore"):
        length = 1 / frequency
    spectrum[(length < low - 1e-9) | (length > high + 1e-9)] = 0
    return np.fft.irfft(spectrum, len(x))


@row_function(POINTS, POINTS)
def imputed(points, *, method, period, most):
    """Return every number column with its missing values filled; runs longer than `most` stay (0: none is too long)."""
    points = in_time(points)
    at = np.array([p[1] for p in points], float)
    at = at - at[0] if len(at) else at
    columns = []
    for place in range(2, len(points[0]) if points else 2):
        x = series_of(points, place)
        columns.append(keep_long_gaps(x, filled_series(x, at, method, period), most))
    return with_rows(points, *columns) if columns else []


def filled_series(x, at, method, period):
    known = np.flatnonzero(~np.isnan(x))
    if not len(known):
        return x
    found = x.copy()
    if method == "straight line":
        inside = slice(known[0], known[-1] + 1)
        found[inside] = np.where(np.isnan(x[inside]), np.interp(at[inside], at[known], x[known]), x[inside])
    elif method == "mean of the series":
        found[np.isnan(x)] = x[known].mean()
    elif method == "median of the series":
        found[np.isnan(x)] = np.median(x[known])
    elif method == "season before":
        for i in range(period, len(found)):
            if np.isnan(found[i]):
                found[i] = found[i - period]
        for i in range(len(found) - period - 1, -1, -1):
            if np.isnan(found[i]):
                found[i] = found[i + period]
    else:
        places = range(1, len(x)) if method == "last known" else range(len(x) - 2, -1, -1)
        for i in places:
            if np.isnan(found[i]):
                found[i] = found[i - 1 if method == "last known" else i + 1]
    return found


def keep_long_gaps(x, found, most):
    i = 0
    while most and i < len(x):
        end = i
        while end < len(x) and np.isnan(x[end]):
            end += 1
        if end - i > most:
            found[i:end] = np.nan
        i = max(end, i + 1)
    return found


def step_times(first, last, size, months, origin, most):
    """Return the starts of steps (microseconds) from the first to the last time; at most `most`, else none."""
    if not months:
        size = size * 1_000_000
        low, high = -((origin - int(first)) // size), (int(last) - origin) // size
        return [origin + k * size for k in range(low, high + 1)] if high - low < most else []
    epoch = datetime.datetime(1970, 1, 1)
    start = epoch + datetime.timedelta(microseconds=origin)
    found, k = [], (int(first) // 2_629_746_000_000 - (start.year - 1970) * 12 - start.month - 2) // months
    while len(found) < most:
        month = start.year * 12 + start.month - 1 + k * months
        if not 12 <= month < 120_000:
            return found
        moment = int((datetime.datetime(month // 12, month % 12 + 1, 1) - epoch).total_seconds()) * 1_000_000
        if moment > last:
            return found
        if moment >= first:
            found.append(moment)
        k += 1
    return []


@row_function(POINTS, POINTS)
def interpolated(points, *, method, size, months, origin, most):
    """Return [time, number, …] at regular steps between the first and the last time of a series."""
    points = in_time(points)
    if not points:
        return []
    at = np.array([p[1] for p in points], float)
    steps = step_times(at[0], at[-1], size, months, origin, most)
    wanted = np.array(steps, float)
    columns = []
    for place in range(2, len(points[0])):
        x = series_of(points, place)
        known = ~np.isnan(x)
        t, v = at[known], x[known]
        if not len(t) or not len(wanted):
            columns.append(np.full(len(wanted), np.nan))
            continue
        before = np.searchsorted(t, wanted, side="right") - 1
        after = np.searchsorted(t, wanted, side="left")
        has_before, has_after = before >= 0, after < len(t)
        low, high = np.clip(before, 0, None), np.clip(after, None, len(t) - 1)
        if method == "last known":
            found = np.where(has_before, v[low], np.nan)
        elif method == "next known":
            found = np.where(has_after, v[high], np.nan)
        elif method == "nearest":
            nearer = ~has_after | (has_before & (wanted - t[low] <= t[high] - wanted))
            found = v[np.where(nearer, low, high)]
        else:
            gap = np.where(t[high] > t[low], t[high] - t[low], 1.0)
            found = v[low] + (v[high] - v[low]) * (wanted - t[low]) / gap
            found = np.where(has_before & has_after, found, np.nan)
        columns.append(found)
    return [[float(t), *(finite(c[i]) for c in columns)] for i, t in enumerate(steps)]


def change_places(x, penalty):
    """Return where the mean of a series changes (binary segmentation, squared error)."""
    n = len(x)
    differences = np.diff(x)
    noise = (float(np.median(np.abs(differences - np.median(differences)))) / 0.9539) ** 2 if n > 2 else 0.0
    needed = penalty * noise * math.log(max(n, 2)) + 1e-9 * float(((x - x.mean()) ** 2).sum()) if n else 0.0
    sums, found, todo = np.concatenate([[0.0], np.cumsum(x - x.mean() if n else x)]), [], [(0, n)]
    while todo:
        low, high = todo.pop()
        if high - low < 2:
            continue
        cut = np.arange(low + 1, high)
        total = sums[high] - sums[low]
        left = sums[cut] - sums[low]
        gain = left**2 / (cut - low) + (total - left) ** 2 / (high - cut) - total**2 / (high - low)
        best = int(np.argmax(np.round(gain, 9)))
        if gain[best] > needed and gain[best] > 0:
            found.append(int(cut[best]))
            todo += [(low, int(cut[best])), (int(cut[best]), high)]
    return sorted(found)


@row_function(POINTS, POINTS)
def marked(points, *, what, window, low, high, min_length, penalty):
    """Return the number of the segment, interval or peak that each point belongs to (None: none)."""
    points = in_time(points)
    x = series_of(points)
    number = np.full(len(x), np.nan)
    if what == "level segments":
        if not np.isnan(x).all():
            number = np.searchsorted(change_places(straight(x), penalty), np.arange(len(x)), side="right") + 1.0
    elif what == "intervals in a range":
        inside = (x >= (-math.inf if low is None else low)) & (x <= (math.inf if high is None else high))
        count = i = 0
        while i < len(x):
            end = i
            while end < len(x) and inside[end]:
                end += 1
            if end - i >= min_length:
                count += 1
                number[i:end] = count
            i = max(end, i + 1)
    else:
        y = x if what == "around peaks" else -x
        y = np.where(np.isnan(y), -np.inf, y)
        count, last = 0, -1
        for i in range(len(y)):
            around = y[max(0, i - window) : i + window + 1]
            if y[i] > -np.inf and i > last and y[i] == around.max() and len(around) > 1 and around.min() < y[i]:
                count, last = count + 1, i + window
                number[max(0, i - window) : i + window + 1] = count
    return with_rows(points, number)


MINIMAL = [
    "length",
    "sum",
    "mean",
    "median",
    "minimum",
    "maximum",
    "standard deviation",
    "variance",
    "root mean square",
]
MORE = ["first", "last", "share missing", "slope", "autocorrelation 1", "autocorrelation 2", "mean change", "mean absolute change", "absolute energy", "skewness", "kurtosis", "count above mean", "longest run above mean", "crossings of the mean", "peaks", "quantile 0.1", "quantile 0.9", "complexity"]  # fmt: skip
WAVES = ["frequency 1", "amplitude 1", "frequency 2", "amplitude 2", "frequency 3", "amplitude 3"]


def autocorrelation(x, lag):
    spread = float(np.var(x)) if len(x) else 0.0
    if len(x) <= lag or spread <= 0:
        return None
    return float(((x[:-lag] - x.mean()) * (x[lag:] - x.mean())).sum() / ((len(x) - lag) * spread))


def longest_run(flags):
    best = run = 0
    for f in flags:
        run = run + 1 if f else 0
        best = max(best, run)
    return float(best)


def strongest_waves(x):
    """Return (cycles per point, amplitude) of the three strongest frequencies, the strongest first."""
    if len(x) < 4:
        return [(None, None)] * 3
    size = np.round(np.abs(np.fft.rfft(x - x.mean())) * 2 / len(x), 9)
    found = [(k / len(x), float(size[k])) for k in np.argsort(-size[1:], kind="stable")[:3] + 1]
    return (found + [(None, None)] * 3)[:3]


@row_function("array<float64>", POINTS)
def described(points, *, features):
    """Return descriptive numbers of a series; definitions as in tsfresh."""
    everything = series_of(in_time(points))
    x = everything[~np.isnan(everything)]
    n = len(x)
    if not n:
        given = {"length": 0.0, "share missing": 1.0 if len(everything) else None}
        return [given.get(f) for f in features]
    mean, steps, deviation = float(x.mean()), np.diff(x), float(x.std())
    scaled = (x - mean) / deviation if deviation > 0 else x * 0
    at = np.arange(n) - (n - 1) / 2
    above = x > mean
    waves = strongest_waves(x)
    made = {
        "length": n, "sum": x.sum(), "mean": mean, "median": np.median(x), "minimum": x.min(), "maximum": x.max(),
        "standard deviation": deviation, "variance": deviation**2, "root mean square": math.sqrt(float((x**2).mean())),
        "first": x[0], "last": x[-1], "share missing": 1 - n / len(everything),
        "slope": float(at @ x) / float(at @ at) if n > 1 else None,
        "autocorrelation 1": autocorrelation(x, 1), "autocorrelation 2": autocorrelation(x, 2),
        "mean change": steps.mean() if n > 1 else None, "mean absolute change": np.abs(steps).mean() if n > 1 else None,
        "absolute energy": (x**2).sum(), "count above mean": above.sum(), "longest run above mean": longest_run(above),
        "crossings of the mean": (above[1:] != above[:-1]).sum(), "complexity": math.sqrt(float((steps**2).sum())),
        "skewness": float((scaled**3).mean()) * math.sqrt(n * (n - 1)) / (n - 2) if n > 2 else None,
        "kurtosis": ((n + 1) * (float((scaled**4).mean()) - 3) + 6) * (n - 1) / ((n - 2) * (n - 3)) if n > 3 else None,
        "peaks": ((x[1:-1] > x[:-2]) & (x[1:-1] > x[2:])).sum() if n > 2 else 0,
        "quantile 0.1": np.quantile(x, 0.1), "quantile 0.9": np.quantile(x, 0.9),
    }  # fmt: skip
    for place, (frequency, amplitude) in enumerate(waves, 1):
        made[f"frequency {place}"], made[f"amplitude {place}"] = frequency, amplitude
    return [finite(made[f]) for f in features]


@row_function("array<float64>", POINTS)
def values_in_time(points, *, place):
    """Return one number column of a series as a list in the order of time."""
    return [finite(p[place]) for p in in_time(points)]


@row_function("array<float64>", "array<float64>")
def of_length(items, *, length, pad, side):
    """Return a list cut or padded to a length."""
    items = [finite(v) for v in items]
    filler = [pad] * max(0, length - len(items))
    if side == "start":
        return filler + items[max(0, len(items) - length) :]
    return items[:length] + filler
