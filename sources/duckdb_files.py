"""DuckDB database files, opened for reading only."""

from __future__ import annotations

from sources.choosing import choose_table
from sources.queries import as_view, lock, over_source, run
from sources.reading import Imported, Request
from transforms.errors import SourceError
from workspace.sql import ident, text


def read(request: Request) -> Imported:
    """Open one table of a DuckDB file, or a query over its tables."""
    import duckdb

    request.only_options()
    con = request.con
    try:
        con.execute(f"ATTACH IF NOT EXISTS {text(str(request.file))} AS source_file (READ_ONLY)")
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        if "lock" in said.lower():
            raise SourceError(f"{request.shown!r} is open in another program.", hint="Close it there.") from error
        raise SourceError(f"{request.shown!r} cannot be opened as a DuckDB file: {said}") from error
    found = con.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'source_file' UNION ALL "
        "SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = 'source_file' AND NOT internal "
        "ORDER BY ALL"
    ).fetchall()
    tables = {name if schema == "main" else f"{schema}.{name}": (schema, name) for schema, name in found}
    sql = {
        shown: f"SELECT * FROM source_file.{ident(schema)}.{ident(name)}" for shown, (schema, name) in tables.items()
    }
    facts = {"format": "duckdb", "bytes": request.file.stat().st_size, "tables": list(tables)[:200]}
    if request.query is not None and request.table is None and len(tables) != 1:
        for shown, query in sql.items():
            as_view(con, shown, query)
        lock(con, [request.file], request.scratch)
        return Imported(run(con, request.query), facts)
    chosen = choose_table("table", request, list(tables))
    return Imported(over_source(request, sql[chosen], [request.file]), {**facts, "table": chosen})
