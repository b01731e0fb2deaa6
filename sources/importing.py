"""Import: snapshot a source into a dataset version, with what was rejected and why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sources.reading import READABLE, Imported, read_source
from transforms.errors import SourceError
from workspace.names import check_name, name_from
from workspace.sql import connect, plain_disk_errors, text

if TYPE_CHECKING:
    from workspace import Workspace
    from workspace.datasets import DatasetVersion, Staged
    from workspace.runs import RunHandle

MAX_ATTEMPTS = 6


def import_source(
    ws: Workspace,
    path: str | os.PathLike,
    *,
    name: str | None = None,
    table: str | None = None,
    query: str | None = None,
    options: dict[str, str] | None = None,
    handle: RunHandle | None = None,
    shown: str | None = None,
) -> DatasetVersion:
    """Read a source and keep it as the next version of a dataset.

    Nothing is changed until the last moment: an error, a full disk or a killed process leaves the dataset as it was.

    Args:
        path: a file; see `sources.reading.READABLE`.
        name: the dataset; default is the file's name without its suffixes.
        table: the table or sheet, where there are several.
        query: a SELECT over the source (called `source`).
        options: of the reader, such as `{"delimiter": ";", "encoding": "cp1252"}`.
        handle: of a run, for progress and cancel.
        shown: what to call the file, where `path` is a temporary copy.
    """
    called = shown or Path(os.fspath(path)).name
    name = check_name("dataset", name) if name else _default_name(called, table)
    with ws.scratch("import") as scratch:
        con = connect()
        try:
            con.execute(f"SET temp_directory = {text(str(scratch / 'spill'))}")
            if handle is not None:
                handle.on_cancel(con.interrupt)
                handle.progress(None, f"Opening {called}")
            with _plain_errors(called):
                found = read_source(path, options, con, scratch=scratch, table=table, query=query)
                if handle is not None:
                    handle.progress(None, f"Reading {called}")
                staged, found = _stage(ws, name, found, scratch, handle)
                if handle is not None:
                    handle.progress(0.95, f"Keeping {staged.rows:,} rows")
            return _commit(ws, staged, found, path, called, table, query, options)
        finally:
            con.close()


def _stage(
    ws: Workspace, name: str, found: Imported, scratch: Path, handle: RunHandle | None
) -> tuple[Staged, Imported]:
    """Write the rows, again where only the whole file showed how to read it."""
    import duckdb

    for _ in range(MAX_ATTEMPTS):
        try:
            staged = ws.datasets.stage(name, found.relation, scratch=scratch)
        except duckdb.Error as error:
            again = found.recover(error)
            if again is None:
                raise
            found = again
            continue
        try:
            again = found.finish(staged.rows)
            if again is None:
                if found.rejects is not None and found.rejected:
                    ws.datasets.stage_rejects(staged, found.rejects, scratch=scratch)
                return staged, found
        except BaseException:
            staged.discard()
            raise
        staged.discard()
        if handle is not None:
            handle.progress(None, "Reading again: " + (again.warnings[-1] if again.warnings else "another encoding"))
        found = again
    raise SourceError("The source changes its types all the way through.", hint="Set the option types=text.")


def _commit(
    ws: Workspace,
    staged: Staged,
    found: Imported,
    path: str | os.PathLike,
    called: str,
    table: str | None,
    query: str | None,
    options: dict[str, str] | None,
) -> DatasetVersion:
    warnings = list(found.warnings)
    if staged.rows == 0:
        warnings.append("The source has no rows, only columns." if not found.rejected else "No row could be read.")
    if found.rejected:
        warnings.append(f"{found.rejected:,} row{'s were' if found.rejected > 1 else ' was'} rejected.")
    origin = str(Path(path).expanduser().resolve()) if called == Path(os.fspath(path)).name else called
    lineage = {"how": "import", "from": [{"kind": "file", "ref": origin}]}
    asked = {"table": table, "query": query, "options": options or None}
    lineage |= {key: value for key, value in asked.items() if value}
    return ws.datasets.commit(staged, lineage=lineage, parse=found.parse, rejected=found.rejected, warnings=warnings)


def _default_name(called: str, table: str | None) -> str:
    stem = called
    while Path(stem).suffix and len(Path(stem).suffix) <= 8 and Path(stem).stem:
        stem = Path(stem).stem
    return name_from(f"{stem} {table}" if table else stem)


@contextmanager
def _plain_errors(called: str) -> Iterator[None]:
    """Say in one sentence what DuckDB said about the source; a full disk and our own errors pass as they are."""
    import duckdb

    try:
        with plain_disk_errors("the import"):
            yield
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        first = str(error).splitlines()[0][:300]
        raise SourceError(f"{called!r} cannot be read: {first}", hint=f"Readable are {READABLE}.") from error
