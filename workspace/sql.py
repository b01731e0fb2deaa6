"""Small helpers to write DuckDB SQL safely, to connect, and to name types."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from transforms.errors import AppError, InputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation


def ident(name: str) -> str:
    """Return `name` quoted as an SQL identifier: `a"b` gives `"a""b"`."""
    return '"' + str(name).replace('"', '""') + '"'


def text(value: str) -> str:
    """Return `value` quoted as an SQL string: `it's` gives `'it''s'`."""
    return "'" + str(value).replace("'", "''") + "'"


def texts(values: Iterable[str]) -> str:
    """Return an SQL list of strings: `['a', 'b']`."""
    return "[" + ", ".join(text(v) for v in values) + "]"


def connect(threads: int | None = None, memory: str | None = None) -> DuckDBPyConnection:
    """Return a new in-memory DuckDB connection in UTC that never loads an extension by itself.

    Args:
        threads: number of threads, or None for all cores (`TILTH_THREADS` overrides).
        memory: memory cap such as "2GB", or None for DuckDB's default (`TILTH_MEMORY` overrides).
    """
    import duckdb

    threads = threads or int(os.environ.get("TILTH_THREADS", 0)) or None
    memory = memory or os.environ.get("TILTH_MEMORY")
    config: dict[str, object] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    if threads:
        config["threads"] = threads
    if memory:
        config["memory_limit"] = memory
    con = duckdb.connect(config=config)
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET async_threads = 0")  # DuckDB 2.0 can hang for ever when an asynchronous write meets a full disk
    return con


def one_row(con: DuckDBPyConnection, query: str) -> tuple:
    """Return the first row of a query and end it: DuckDB 2 keeps a connection busy while a result is half read."""
    return con.execute(query).fetchall()[0]


def one_value(con: DuckDBPyConnection, query: str):
    """Return the first value of the first row of a query."""
    return one_row(con, query)[0]


@contextmanager
def connection(threads: int | None = None, memory: str | None = None) -> Iterator[DuckDBPyConnection]:
    """Give a connection as `connect` does and close it afterwards."""
    con = connect(threads, memory)
    try:
        yield con
    finally:
        con.close()


@contextmanager
def plain_disk_errors(doing: str) -> Iterator[None]:
    """Turn a full or read-only disk into one clear sentence; `doing` continues "The disk is full: … stopped"."""
    try:
        yield
    except AppError:
        raise
    except Exception as error:
        said = str(error).lower()
        if "no space left" in said or "disk is full" in said or "enospc" in said or "quota exceeded" in said:
            raise InputError(
                f"The disk is full: {doing} stopped and nothing of it was kept.",
                hint="Free some space, or put the workspace on a larger disk.",
            ) from error
        if "read-only file system" in said or "permission denied" in said:
            raise InputError(
                f"The workspace cannot be written to: {doing} stopped and nothing of it was kept.",
                hint="Check the folder's permissions.",
            ) from error
        raise


# DuckDB type id → the spelling of Ibis (which recipes use), for types without parameters.
_PLAIN = {
    "boolean": "boolean",
    "tinyint": "int8",
    "smallint": "int16",
    "integer": "int32",
    "bigint": "int64",
    "utinyint": "uint8",
    "usmallint": "uint16",
    "uinteger": "uint32",
    "ubigint": "uint64",
    "hugeint": "decimal(38, 0)",
    "float": "float32",
    "double": "float64",
    "varchar": "string",
    "blob": "binary",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp(6)",
    "timestamp_s": "timestamp(0)",
    "timestamp_ms": "timestamp(3)",
    "timestamp_ns": "timestamp(9)",
    "timestamp with time zone": "timestamp('UTC', 6)",
    "interval": "interval('us')",
    "uuid": "uuid",
    "json": "json",
}

# What a Delta table can hold exactly; everything else is cast to the nearest type that loses nothing.
_STORED = {
    "utinyint": "SMALLINT",
    "usmallint": "INTEGER",
    "uinteger": "BIGINT",
    "ubigint": "DECIMAL(20, 0)",
    "hugeint": "DECIMAL(38, 0)",
    "timestamp_s": "TIMESTAMP",
    "timestamp_ms": "TIMESTAMP",
    "timestamp_ns": "TIMESTAMP",
    **{
        same: same.upper()
        for same in ("boolean", "tinyint", "smallint", "integer", "bigint", "float", "double", "varchar", "blob")
    },
    **{same: same.upper() for same in ("date", "timestamp", "timestamp with time zone")},
}


def type_name(dtype) -> str:
    """Return the name we show for a DuckDB type, spelt as Ibis spells it: `int64`, `string`, `array<float64>`."""
    kind = dtype.id.lower()
    if kind == "decimal":
        parts = dict(dtype.children)
        return f"decimal({parts['precision']}, {parts['scale']})"
    if kind == "struct":
        return "struct<" + ", ".join(f"{name}: {type_name(child)}" for name, child in dtype.children) + ">"
    if kind in ("list", "array"):
        return f"array<{type_name(dict(dtype.children)['child'])}>"
    if kind == "map":
        parts = dict(dtype.children)
        return f"map<{type_name(parts['key'])}, {type_name(parts['value'])}>"
    return _PLAIN.get(kind, "string" if kind == "enum" else str(dtype).lower())


def stored_type(dtype) -> str:
    """Return the SQL type a column is kept as in our tables (times of day, UUIDs and intervals become text)."""
    kind = dtype.id.lower()
    if kind == "decimal":
        parts = dict(dtype.children)
        return f"DECIMAL({parts['precision']}, {parts['scale']})"
    if kind == "struct":
        return "STRUCT(" + ", ".join(f"{ident(name)} {stored_type(child)}" for name, child in dtype.children) + ")"
    if kind in ("list", "array"):
        return stored_type(dict(dtype.children)["child"]) + "[]"
    if kind == "map":
        parts = dict(dtype.children)
        return f"MAP({stored_type(parts['key'])}, {stored_type(parts['value'])})"
    return _STORED.get(kind, "VARCHAR")


def storable(relation: DuckDBPyRelation) -> DuckDBPyRelation:
    """Return the relation with each column cast to the type we keep it as (see `stored_type`)."""
    kept = [stored_type(dtype) for dtype in relation.types]
    if all(str(dtype).upper() == to.replace(", ", ",") for dtype, to in zip(relation.types, kept, strict=True)):
        return relation
    casts = [f"CAST({ident(name)} AS {to}) AS {ident(name)}" for name, to in zip(relation.columns, kept, strict=True)]
    return relation.project(", ".join(casts))


def columns_of(relation: DuckDBPyRelation) -> list[dict[str, str]]:
    """Return `[{"name", "type"}]` of a relation, types as `type_name` spells them."""
    return [{"name": n, "type": type_name(t)} for n, t in zip(relation.columns, relation.types, strict=True)]
