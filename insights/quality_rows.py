"""The rows that a finding of the quality report concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transforms.errors import InputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

SHOWN = 100


def rows_of(con: DuckDBPyConnection, source: str, warning: dict, limit: int = SHOWN) -> DuckDBPyRelation:
    """Return up to `limit` rows that a warning concerns, in the table's order; repeated rows stand together.

    Args:
        source: the SQL to stand behind FROM that was profiled.
        warning: one of `Profile.warnings`.

    Raises:
        InputError: the warning concerns the column as a whole.
    """
    where = warning.get("where")
    if not where:
        raise InputError(
            f"The finding {warning['code']!r} is about all rows, so there are none to show.", hint="Look at the column."
        )
    together = " ORDER BY ALL" if warning["code"] == "duplicate_rows" else ""
    rows = f"WITH tilth_rows AS (FROM {source}) FROM tilth_rows WHERE {where}{together} LIMIT {int(limit)}"
    return con.sql(rows)
