"""Open DATA as the command line names it: a file path, `dataset` or `dataset@version`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from transforms.errors import NotFound, SourceError, did_you_mean
from workspace import tables
from workspace.sql import connection, text

if TYPE_CHECKING:
    from workspace import Workspace

MAX_ATTEMPTS = 6


@dataclass(frozen=True)
class Opened:
    """A table ready for questions. `name` is what to call it: `apps@3`, or the file's name."""

    name: str
    paths: list[str]
    warnings: list[str] = field(default_factory=list)

    def sql(self) -> str:
        """Return SQL to stand behind FROM."""
        return tables.scan(self.paths)

    def files(self) -> list[str]:
        """Return the Parquet files, for engines that read files."""
        return self.paths


@contextmanager
def open_data(ws: Workspace, ref: str) -> Iterator[Opened]:
    """Open a dataset version, or a file read as an import would read it (a copy in scratch; nothing is kept).

    Raises:
        NotFound: neither a dataset nor a file is called `ref`.
        SourceError: the file cannot be read.
    """
    known = [version.name for version in ws.datasets.list()]
    if ref.rpartition("@")[0] in known or ref in known:
        version = ws.datasets.get(ref)
        yield Opened(version.ref, version.files)
    elif Path(ref).expanduser().exists():
        with ws.scratch("open") as scratch:
            yield _copy(ref, scratch)
    else:
        raise NotFound(f"There is no dataset and no file called {ref!r}.", hint=did_you_mean(ref, known, "Datasets: "))


def _copy(path: str, scratch: Path) -> Opened:
    """Read a file once into Parquet; where a type turns out wrong half-way, read again with the wider one."""
    import duckdb

    from sources.reading import read_source

    copy = str(scratch / "read.parquet")
    with connection() as con:
        con.execute(f"SET temp_directory = {text(str(scratch / 'spill'))}")
        found = read_source(path, con=con, scratch=scratch)
        for _ in range(MAX_ATTEMPTS):
            try:
                found.relation.write_parquet(copy)
                again = found.finish(con.execute(f"SELECT count(*) FROM read_parquet({text(copy)})").fetchall()[0][0])
            except duckdb.Error as error:
                again = found.recover(error)
                if again is None:
                    raise SourceError(f"{path!r} cannot be read: {str(error).splitlines()[0][:300]}") from error
            if again is None:
                rejected = [f"{found.rejected:,} rows were rejected."] if found.rejected else []
                return Opened(Path(path).name, [copy], [*found.warnings, *rejected])
            found = again
    raise SourceError(f"{path!r} changes its types all the way through.", hint="Import it with --option types=text.")
