"""JSON files (one array or object) and JSON lines, read by DuckDB. Nested objects stay nested.

Broken lines of a JSON-lines file are rejected with their number; a broken JSON file is refused whole.
"""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from sources import encoding
from sources.queries import over_source
from sources.reading import Imported, Request
from transforms.errors import SourceError
from workspace.sql import one_value, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MAX_OBJECT_BYTES = 256 << 20


def read(request: Request) -> Imported:
    """Open a JSON or JSON-lines file."""
    import duckdb

    request.only_options("encoding", "lines")
    asked = request.option("encoding")
    found = encoding.Found(encoding.check(asked), True) if asked else encoding.detect(request.file, request.shown)
    file, warnings = request.file, []
    if found.name not in ("utf-8", "ascii"):
        file = request.scratch / f"utf8-{uuid.uuid4().hex}.json"
        encoding.to_utf8(request.file, found.name, file, request.shown, strict=True)
        if not found.is_sure:
            warnings.append(f"The file is not UTF-8; it was read as {found.name}.")
    facts = {"format": "json", "encoding": found.name, "bytes": request.file.stat().st_size}
    is_lines = request.flag("lines")
    if is_lines is None:
        is_lines = request.suffix in (".jsonl", ".ndjson")
    try:
        sql = _select(file)
        request.con.execute(f"SELECT count(COLUMNS(*)) FROM ({sql})" if not is_lines else f"{sql} LIMIT 0").fetchall()
        if is_lines:
            return _lines(request, file, facts, warnings)
    except duckdb.Error as error:
        if is_lines:
            return _lines(request, file, facts, warnings)
        raise SourceError(
            f"{request.shown!r} is not valid JSON: {_said(error)}", hint="If each line is an object, set lines=yes."
        ) from error
    return Imported(over_source(request, sql, [request.file]), facts, warnings)


def _lines(request: Request, file: Path, facts: dict, warnings: list[str]) -> Imported:
    """Open JSON lines; lines that are no JSON are set apart first, so that the rest reads without an error."""
    import duckdb

    con = request.con
    lines = (
        f"(SELECT row_number() OVER () AS line, l AS text FROM read_csv({text(str(file))}, auto_detect = false, "
        f"columns = {{'l': 'VARCHAR'}}, delim = '\\0', quote = '', escape = '', header = false, "
        f"max_line_size = {64 << 20}))"
    )
    bad, sql = 0, _first_readable(con, [_select(file, "nd"), _select(file, "unstructured")])
    if sql is None:
        good = request.scratch / f"good-{uuid.uuid4().hex}.jsonl"
        try:
            con.execute(
                f"COPY (SELECT text FROM {lines} WHERE json_valid(text)) TO {text(str(good))} "
                "(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\\0')"
            ).fetchall()
            bad = one_value(con, f"SELECT count(*) FROM {lines} WHERE text IS NOT NULL AND NOT json_valid(text)")
            if good.stat().st_size == 0:
                raise SourceError(f"{request.shown!r} has no line that is valid JSON.")
            sql = _select(good, "nd")
            con.execute(f"SELECT count(COLUMNS(*)) FROM ({sql})").fetchall()
        except duckdb.Error as error:
            raise SourceError(f"{request.shown!r} is not valid JSON: {_said(error)}") from error
    imported = Imported(over_source(request, sql, [request.file]), {**facts, "format": "json lines"}, warnings)
    if bad:
        imported.rejected = bad
        imported.rejects = con.sql(
            f"SELECT line, NULL::VARCHAR AS column, 'the line is not valid JSON' AS reason, text FROM {lines} "
            "WHERE text IS NOT NULL AND NOT json_valid(text)"
        )
    return imported


def _select(file: Path, form: str = "auto") -> str:
    return (
        f"SELECT * FROM read_json({text(str(file))}, format = '{form}', maximum_object_size = {MAX_OBJECT_BYTES}, "
        "sample_size = -1)"
    )


def _first_readable(con: DuckDBPyConnection, queries: list[str]) -> str | None:
    """Return the first query that reads its file to the end without an error."""
    import duckdb

    for sql in queries:
        try:
            con.execute(f"SELECT count(COLUMNS(*)) FROM ({sql})").fetchall()
            return sql
        except duckdb.Error:
            continue
    return None


def _said(error: Exception) -> str:
    return re.sub(r"\"?/\S*\"?", "the file", str(error).splitlines()[0])[:250]
