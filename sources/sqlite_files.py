"""SQLite database files, opened for reading only and streamed in batches.

SQLite has types per value, not per column: a column becomes whole numbers, numbers, text or bytes by what is in it, and
text where that is mixed. A query runs in SQLite (its dialect), with no access to anything but this file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sources.choosing import choose_table
from sources.names import clean_names
from sources.reading import Imported, Request
from transforms.errors import InputError, SourceError
from workspace.sql import ident

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 20_000
_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}


def read(request: Request) -> Imported:
    """Open one table of a SQLite file, or a query over its tables."""
    request.only_options()
    db = sqlite3.connect(f"{request.file.as_uri()}?mode=ro", uri=True, check_same_thread=False)
    try:
        known = [
            row[0]
            for row in db.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' "
                "ESCAPE '\\' ORDER BY name"
            )
        ]
        facts = {"format": "sqlite", "bytes": request.file.stat().st_size, "tables": known[:200]}
        if request.query is not None:
            query = request.query.strip().rstrip(";")
            if len(known) == 1 or request.table:
                only = choose_table("table", request, known)
                query = (
                    query
                    if only == "source"
                    else f"WITH source AS (SELECT * FROM {ident(only)}) SELECT * FROM ({query})"
                )
            db.set_authorizer(_only_reading)
        else:
            chosen = choose_table("table", request, known)
            facts["table"] = chosen
            query = f"SELECT * FROM {ident(chosen)}"
        return _stream(request, db, query, facts)
    except sqlite3.Error as error:
        db.close()
        if request.query is not None:
            raise InputError(f"The query cannot run: {error}.", hint="It runs in SQLite, one SELECT.") from error
        raise SourceError(f"{request.shown!r} cannot be read as a SQLite file: {error}.") from error


def _only_reading(action: int, *about) -> int:
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY


def _stream(request: Request, db: sqlite3.Connection, query: str, facts: dict) -> Imported:
    import pyarrow as pa

    cursor = db.execute(f"SELECT * FROM ({query}) LIMIT 0")
    raw = [column[0] for column in cursor.description]
    names, warnings = clean_names(raw)
    if len(set(raw)) < len(raw):
        raise InputError("The query gives two columns the same name.", hint="Name them with AS.")
    kinds, mixed = _kinds(db, query, raw)
    schema = pa.schema([pa.field(name, kind) for name, kind in zip(names, kinds, strict=True)])
    if mixed:
        warnings.append("Columns with values of several types were kept as text: " + ", ".join(map(repr, mixed)) + ".")
    casts = ", ".join(
        f"CAST({ident(name)} AS TEXT)" if kind == pa.string() else ident(name)
        for name, kind in zip(raw, kinds, strict=True)
    )
    batches = _batches(db, f"SELECT {casts} FROM ({query})", schema)
    reader = pa.RecordBatchReader.from_batches(schema, batches)
    return Imported(request.con.from_arrow(reader), facts, warnings)


def _kinds(db: sqlite3.Connection, query: str, names: list[str]) -> tuple[list[pa.DataType], list[str]]:
    """Return the Arrow type of each column by one look at the types of all values, and the mixed columns."""
    import pyarrow as pa

    kinds, mixed = [], []
    for start in range(0, len(names), 200):  # SQLite allows 2,000 result columns; five per column are asked for
        part = names[start : start + 200]
        asked = ", ".join(
            f"SUM(typeof({ident(n)}) = '{kind}')" for n in part for kind in ("integer", "real", "text", "blob")
        )
        counts = [count or 0 for count in db.execute(f"SELECT {asked} FROM ({query})").fetchone()]
        for place, name in enumerate(part):
            whole, real, words, blob = counts[4 * place : 4 * place + 4]
            if words and (whole or real or blob) or blob and (whole or real):
                mixed.append(name)
                kinds.append(pa.string())
            elif blob:
                kinds.append(pa.binary())
            elif real:
                kinds.append(pa.float64())
            elif whole:
                kinds.append(pa.int64())
            else:
                kinds.append(pa.string())
    return kinds, mixed


def _batches(db: sqlite3.Connection, query: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    try:
        cursor = db.execute(query)
        while rows := cursor.fetchmany(BATCH_ROWS):
            columns = zip(*rows, strict=True)
            yield pa.record_batch([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
    finally:
        db.close()
