"""A user's SELECT over a source, without access to anything else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from transforms.errors import InputError
from workspace.sql import ident, one_value, texts

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from sources.reading import Request


def over_source(request: Request, sql: str, files: Iterable[Path]) -> DuckDBPyRelation:
    """Return the relation of `sql`, or of the user's query where `sql` is the table `source`.

    With a query the connection is locked: it can read `files` and the scratch folder, and no setting can be changed.
    """
    con = request.con
    if request.query is None:
        return con.sql(sql)
    con.execute(f"CREATE OR REPLACE TEMP VIEW source AS {sql}")
    lock(con, files, request.scratch)
    return run(con, request.query)


def lock(con: DuckDBPyConnection, files: Iterable[Path], scratch: Path) -> None:
    """Take file, network, extension and settings access away from a connection, but for these files and this folder."""
    if one_value(con, "SELECT current_setting('enable_external_access')") is False:
        return
    con.execute(f"SET allowed_paths = {texts(str(file) for file in files)}")
    con.execute(f"SET allowed_directories = {texts([f'{scratch}/'])}")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")


def run(con: DuckDBPyConnection, query: str) -> DuckDBPyRelation:
    """Return the relation of one SELECT that a user wrote."""
    import duckdb

    try:
        statements = con.extract_statements(query)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise InputError("The query is not one SELECT.", hint="Write: SELECT … FROM source.")
        return con.sql(query)
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        raise InputError(f"The query cannot run: {said}", hint="The source is called source.") from error


def as_view(con: DuckDBPyConnection, name: str, sql: str) -> None:
    """Make a table of a database file known under its own name, unless `source` means something else."""
    if name.lower() != "source":
        con.execute(f"CREATE OR REPLACE TEMP VIEW {ident(name)} AS {sql}")
