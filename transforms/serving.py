"""Runs a fitted recipe for single records: the same expression as the batch run, compiled once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from transforms import schema as types
from transforms.engines import DuckDBEngine
from transforms.errors import InputError
from transforms.recipe import MAIN, FittedRecipe


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
        self._types = {c: _arrow_type(t) for c, t in self.schema.items()}
        self._lock = threading.Lock()
        self._register({})
        raw = types.to_plain(self.engine.backend.table("tilth_record"))
        sources = {name: source for name, source in (inputs or {}).items() if name != MAIN}
        expression = fitted.expression({MAIN: raw, **sources}, engine=self.engine, serving=True)
        self.columns = list(expression.columns)
        self._sql = self.engine.sql(expression)

    def run(self, record: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the record after all steps, or None if a step removes it.

        Raises:
            InputError: a value that does not fit its column's type.
        """
        with self._lock:
            self._register(record)
            rows = self.engine.con.sql(self._sql).to_arrow_table().to_pylist()
        if len(rows) > 1:
            raise InputError(f"One record became {len(rows)} rows; a step joins or splits it.")
        return rows[0] if rows else None

    def _register(self, record: Mapping[str, Any]) -> None:
        import pyarrow as pa

        columns = {c: pa.array([_value(record.get(c), c, self.schema[c])], self._types[c]) for c in self.schema}
        self.engine.con.register("tilth_record", pa.table(columns))


def _arrow_type(name: str):
    import pyarrow as pa

    simple = {"int64": pa.int64(), "float64": pa.float64(), "string": pa.string(), "boolean": pa.bool_(),
              "date": pa.date32(), "timestamp": pa.timestamp("us"), "timestamp_utc": pa.timestamp("us", "UTC")}  # fmt: skip
    known = types.READS.get(name, name)
    return simple[known] if known in simple else types.from_name(name).to_pyarrow()


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
