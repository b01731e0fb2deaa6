"""Open DATA as the command line names it: a file path, `dataset` or `dataset@version`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from transforms.errors import NotFound, SourceError, did_you_mean
from workspace.sql import connect, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from workspace import Workspace

MAX_ATTEMPTS = 6


@dataclass(frozen=True)
class Opened:
    """A table ready for questions: `source` is SQL to stand behind FROM on `con`; `name` is what to call it."""

    con: DuckDBPyConnection
    source: str
    name: str
    warnings: list[str] = field(default_factory=list)


@contextmanager
def open_data(ws: Workspace, ref: str) -> Iterator[Opened]:
    """Open a dataset version, or a file read as an import would read it (into scratch; nothing is kept).

    Raises:
        NotFound: neither a dataset nor a file is called `ref`.
    """
    con = connect()
    try:
        with ws.scratch("insights") as scratch:
            con.execute(f"SET temp_directory = {text(str(scratch / 'spill'))}")
            known = [version.name for version in ws.datasets.list()]
            if ref.rpartition("@")[0] in known or ref in known:
                version = ws.datasets.get(ref)
                yield Opened(con, version.sql(), version.ref)
            elif Path(ref).expanduser().exists():
                yield _file(con, ref, scratch)
            else:
                raise NotFound(
                    f"There is no dataset and no file called {ref!r}.", hint=did_you_mean(ref, known, "Datasets: ")
                )
    finally:
        con.close()


def _file(con: DuckDBPyConnection, path: str, scratch: Path) -> Opened:
    import duckdb

    from sources import read_source

    found = read_source(path, con=con, scratch=scratch)
    copy = str(scratch / "read.parquet")
    for _ in range(MAX_ATTEMPTS):
        try:
            found.relation.write_parquet(copy)
        except duckdb.Error as error:
            again = found.recover(error)
            if again is None:
                raise SourceError(f"{path!r} cannot be read: {str(error).splitlines()[0][:300]}") from error
            found = again
            continue
        rows = con.sql(f"SELECT count(*) FROM read_parquet({text(copy)})").fetchall()[0][0]
        again = found.finish(rows)
        if again is None:
            warnings = list(found.warnings)
            if found.rejected:
                warnings.append(f"{found.rejected:,} row{'s were' if found.rejected > 1 else ' was'} rejected.")
            return Opened(con, f"read_parquet({text(copy)})", Path(path).name, warnings)
        found = again
    raise SourceError(f"{path!r} changes its types all the way through.", hint="Import it with --option types=text.")
