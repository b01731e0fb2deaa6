"""Runs a fitted recipe for single records: the same expression as the batch run, compiled once.

Compiled to Python where that surely means the same (see `one_row`), which takes microseconds; else DuckDB runs it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import duckdb

from transforms import schema as types
from transforms.engines import DuckDBEngine, first_line, ident, text
from transforms.errors import InputError, RecipeError
from transforms.one_row import REMOVED, Unsure, compiled
from transforms.recipe import MAIN, FittedRecipe

RECORD = "tilth_record"


class RecordRunner:
    """A fitted recipe ready for records; building it compiles the SQL once. Threads may share it: they take turns.

    Args:
        fitted: the recipe with its states; `inputs["main"]` says the columns and types of a raw record.
        inputs: the other inputs (reference tables) by name, where steps read them.
    """

    def __init__(self, fitted: FittedRecipe, inputs: Mapping[str, Any] | None = None):
        self.schema = dict(fitted.inputs.get(MAIN, {}))
        if not self.schema:
            raise InputError(f"Recipe {fitted.name!r} does not say which columns a record has.", hint="Fit it again.")
        self.engine = DuckDBEngine()
        self.engine.con.execute("SET threads=1")
        self._types = {c: _type(t) for c, t in self.schema.items()}
        self._sql_types = [self.engine.backend.compiler.type_mapper.to_string(t) for t in self._types.values()]
        self._lock = threading.Lock()
        cells = [f"{ident(c)} {t}" for c, t in zip(self.schema, self._sql_types, strict=True)]
        self.engine.con.execute(f"CREATE TABLE {RECORD} ({', '.join(cells)})")
        raw = types.to_plain(self.engine.backend.table(RECORD))
        sources = {name: source for name, source in (inputs or {}).items() if name != MAIN}
        expression = fitted.expression({MAIN: raw, **sources}, engine=self.engine, serving=True)
        self.columns = list(expression.columns)
        # The record goes in as parameters, so that DuckDB plans the query once and not for each record.
        given = [
            f"${i}::{t} AS {ident(c)}" for i, (c, t) in enumerate(zip(self.schema, self._sql_types, strict=True), 1)
        ]
        sql = f"WITH {RECORD} AS (SELECT {', '.join(given)}) SELECT * FROM ({self.engine.sql(expression)})"
        try:
            self.engine.con.execute(f"PREPARE one_record AS {sql}")
        except duckdb.Error as error:
            raise RecipeError(f"DuckDB cannot run this recipe: {first_line(error)}") from error
        self.fast, self.why = None, ""
        try:
            self.fast = compiled(expression, list(self.schema))
        except Unsure as reason:
            self.why = str(reason)  # which operation Python does not have

    def run(self, record: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the record after all steps, or None if a step removes it.

        Raises:
            InputError: a value that does not fit its column's type.
        """
        values = self.values(record)
        if self.fast:
            try:
                return self.by_python(values)
            except Exception:  # Python is not sure of this record (or fails on it): DuckDB says what it means
                return self.by_query(values)
        return self.by_query(values)

    def values(self, record: Mapping[str, Any]) -> list:
        """Return a raw record's values in the order of the columns, as their types."""
        return [_value(record.get(c), c, kind) for c, kind in self.schema.items()]

    def by_python(self, values: list) -> dict[str, Any] | None:
        found = self.fast(values)
        return None if found is REMOVED else dict(zip(self.columns, found, strict=True))

    def by_query(self, values: list) -> dict[str, Any] | None:
        given = ", ".join(map(_literal, values, self._sql_types))
        with self._lock:
            try:
                rows = self.engine.con.execute(f"EXECUTE one_record({given})").fetchall()
            except duckdb.Error as error:
                raise RecipeError(f"DuckDB stopped: {first_line(error)}") from error
        if len(rows) > 1:
            raise InputError(f"One record became {len(rows)} rows; a step joins or splits it.")
        return dict(zip(self.columns, rows[0], strict=True)) if rows else None


def _type(name: str):
    return types.from_name(types.READS.get(name, name))


def _literal(value: Any, sql_type: str) -> str:
    """Return a value as an SQL literal of exactly this type: another one makes DuckDB plan the query again."""
    if value is None:
        return f"NULL::{sql_type}"
    if isinstance(value, bytes):
        return f"unhex('{value.hex()}')::{sql_type}"
    if isinstance(value, list | tuple):
        inner = sql_type.removesuffix("[]")
        return f"[{', '.join(_literal(v, inner) for v in value)}]::{sql_type}"
    if isinstance(value, Mapping):
        return f"{text(json.dumps(value, default=str))}::JSON::{sql_type}"
    if isinstance(value, str) and "\0" in value:
        return "(" + " || chr(0) || ".join(text(part) for part in value.split("\0")) + ")"
    return f"{text(value.isoformat() if hasattr(value, 'isoformat') else str(value))}::{sql_type}"


def _value(value: Any, column: str, kind: str) -> Any:
    """Return a JSON value as its column's type; whole numbers never pass through float."""
    if value is None:
        return None
    kind = types.READS.get(kind, kind)
    try:
        if kind == "int64" and not isinstance(value, bool):
            number = int(value)
            if (isinstance(value, float) and value != number) or not -(2**63) <= number < 2**63:
                raise ValueError
            return number
        if kind == "float64" and not isinstance(value, bool):
            return float(value)
        if kind == "boolean" and isinstance(value, bool):
            return value
        if kind == "string":
            return value if isinstance(value, str) else str(value)
        if kind in ("timestamp", "timestamp_utc", "date"):
            return _moment(value, kind)
        if kind not in types.PANDAS:
            return value
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"Column {column!r}: {value!r} is not {kind}.") from error
    raise InputError(f"Column {column!r}: {value!r} is not {kind}.")


def _moment(value: Any, kind: str):
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, date):
        raise TypeError
    if kind == "date":
        return value.date() if isinstance(value, datetime) else value
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if kind == "timestamp":
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return value if value.tzinfo else value.replace(tzinfo=UTC)
