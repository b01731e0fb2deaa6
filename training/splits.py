"""Which rows train and which test."""

from __future__ import annotations

from transforms.errors import InputError


def random_split(rows: int, test_share: float, seed: int, labels=None):
    """Return (train, test) row numbers, drawn with a seed; with `labels` each class keeps its share where it can.

    Classes of one row cannot be in both parts; then the split is not stratified.
    """
    import numpy as np
    from sklearn.model_selection import train_test_split

    _check(rows, test_share)
    stratify = None
    if labels is not None:
        _, counts = np.unique(np.asarray(labels, dtype=str), return_counts=True)
        fits = counts.min() >= 2 and len(counts) <= min(round(rows * test_share), rows - round(rows * test_share))
        stratify = labels if fits else None
    train, test = train_test_split(np.arange(rows), test_size=test_share, random_state=seed, stratify=stratify)
    return np.sort(train), np.sort(test)


def time_split(times, test_share: float):
    """Return (train, test) row numbers: the newest rows test. Rows of one moment are never in both parts.

    Args:
        times: numpy datetime64 array without missing values.
    """
    import numpy as np

    rows = len(times)
    _check(rows, test_share)
    if np.isnat(times).any():
        raise InputError("Some rows have no time.", hint="Fill or drop them, or split at random.")
    ordered = np.sort(times)
    first_test = ordered[rows - max(1, round(rows * test_share))]
    test = np.flatnonzero(times >= first_test)
    train = np.flatnonzero(times < first_test)
    if not len(train):
        raise InputError("All rows have the same time, so none is left to train on.", hint="Split at random.")
    return train, test


def _check(rows: int, test_share: float) -> None:
    if not 0 < test_share < 1:
        raise InputError(f"A test share of {test_share} leaves no rows.", hint="Choose between 0.05 and 0.5.")
    if rows < 4:
        raise InputError(f"{rows} rows are too few to train and test on.", hint="Give at least 4.")
