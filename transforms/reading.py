"""Helpers for `fit`: each runs one query and returns plain Python values."""

from __future__ import annotations

import math
from typing import Any


def one_row(expression) -> dict[str, Any]:
    """Run an aggregate of one row and return {name: value}; NaN counts as missing."""
    return rows(expression)[0]


def rows(expression) -> list[dict[str, Any]]:
    """Run a small query and return its rows as dicts of JSON values; NaN counts as missing."""
    return [{name: _json(value) for name, value in row.items()} for row in expression.to_pyarrow().to_pylist()]


def _json(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value
