"""Parquet files."""

from __future__ import annotations

import re

from sources.queries import over_source
from sources.reading import Imported, Request
from transforms.errors import SourceError
from workspace.sql import text


def read(request: Request) -> Imported:
    """Open a Parquet file."""
    import duckdb

    request.only_options()
    sql = f"SELECT * FROM read_parquet({text(str(request.file))})"
    try:
        request.con.execute(f"SELECT 1 FROM read_parquet({text(str(request.file))}) LIMIT 1").fetchall()
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        if "encrypt" in said.lower():
            raise SourceError(f"{request.shown!r} is encrypted.", hint="Export it without encryption.") from error
        said = re.sub(re.escape(str(request.file)), request.shown, said)
        raise SourceError(f"{request.shown!r} is a damaged Parquet file: {said}", hint="Write it again.") from error
    facts = {"format": "parquet", "bytes": request.file.stat().st_size}
    return Imported(over_source(request, sql, [request.file]), facts)
