"""Helpers for `fit`: each runs one query and returns plain Python values."""

from __future__ import annotations

import math
from typing import Any

import ibis


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


def distinct_texts(table, columns, most: int = 10_000) -> list[dict]:
    """Return the first `most` distinct texts of each column as `{"v": text, "i": place of the column}`, in one query."""
    parts = [
        table.filter(table[c].notnull()).select(table[c].name("v"), ibis.literal(i).name("i")).distinct().order_by("v").limit(most)
        for i, c in enumerate(columns)
    ]  # fmt: skip
    return rows(ibis.union(*parts) if len(parts) > 1 else parts[0]) if parts else []
