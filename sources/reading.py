"""Open any source: find out what it is, and hand over to the reader of that kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sources import expand, pictures
from transforms.errors import InputError, NotFound, SourceError, did_you_mean

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

READABLE = (
    "CSV, TSV, JSON, JSON lines, Parquet, Excel, SQLite and DuckDB files, also compressed (gz, bz2, xz, zst, zip), "
    "and folders or zip files of pictures"
)


@dataclass
class Imported:
    """A source that is ready to be read.

    Attributes:
        relation: the rows; lazy, streamed, in the order of the source.
        parse: how the source was read (format, delimiter, encoding, …), JSON.
        warnings: one sentence each.
        finish: call it with the number of rows once all of `relation` was read. It returns None, or another `Imported` to read instead,
            because only the whole file showed how it must be read.
        recover: called with DuckDB's error where reading `relation` failed; may also give another `Imported`.
        rejects: after `finish`: the rows left out (line, column, reason, text) as a relation, or None.
        rejected: after `finish`: how many source rows were left out.
    """

    relation: DuckDBPyRelation
    parse: dict
    warnings: list[str] = field(default_factory=list)
    finish: Callable[[int], Imported | None] = lambda rows: None
    recover: Callable[[Exception], Imported | None] = lambda error: None
    rejects: DuckDBPyRelation | None = None
    rejected: int = 0


@dataclass(frozen=True)
class Request:
    """What one import asks for. `file` is a plain, uncompressed file; `shown` is what the user called it."""

    file: Path
    shown: str
    suffix: str
    options: dict[str, str]
    table: str | None
    query: str | None
    con: DuckDBPyConnection
    scratch: Path

    def option(self, name: str, default: str | None = None) -> str | None:
        return self.options.get(name, default)

    def flag(self, name: str) -> bool | None:
        """Return an option that is yes or no, or None if it was not given."""
        value = self.options.get(name)
        if value is None:
            return None
        if value.lower() in ("true", "yes", "1", "on"):
            return True
        if value.lower() in ("false", "no", "0", "off"):
            return False
        raise InputError(f"The option {name!r} is {value!r}.", hint="Say yes or no.")

    def only_options(self, *known: str) -> None:
        """Raise on an option that this kind of source does not have."""
        for name in self.options:
            if name not in known and name not in COMMON_OPTIONS:
                raise InputError(
                    f"The option {name!r} is not known for {self.shown!r}.",
                    hint=did_you_mean(name, [*COMMON_OPTIONS, *known]),
                )


COMMON_OPTIONS = ("format", "member")


def read_source(
    path: str | os.PathLike,
    options: dict[str, str] | None = None,
    con: DuckDBPyConnection | None = None,
    *,
    scratch: Path,
    table: str | None = None,
    query: str | None = None,
) -> Imported:
    """Open the file `path` for reading, or a folder of pictures.

    Args:
        options: settings by name, such as `{"delimiter": ";"}`; each reader names those it knows.
        con: the connection the relation will live on. With `query` it is locked: nothing but this source can be read.
        scratch: an empty folder for files that must be unpacked or converted; keep it while the relation is read.
        table: which table or sheet, where the source has several.
        query: a SELECT over the source, which is called `source` (and by its table names in database files).

    Raises:
        SourceError, InputError, NotFound: with one sentence that says what is wrong with the source.
    """
    from workspace.sql import connect

    con = con or connect()
    options = {str(key): str(value) for key, value in (options or {}).items()}
    file = Path(os.fspath(path)).expanduser()
    shown = file.name or str(path)
    if "://" in str(path):
        raise SourceError(f"{str(path)!r} is an address; this version reads files.", hint="Download it first.")
    if not file.exists():
        near = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        raise NotFound(f"There is no file {str(path)!r}.", hint=did_you_mean(shown, near, "The folder has: "))
    if file.is_dir():
        if names := pictures.names_in_folder(file):
            return pictures.read(Request(file.resolve(), shown, "", options, table, query, con, scratch), names)
        raise SourceError(f"{str(path)!r} is a folder.", hint="Import its files one by one, or a folder of pictures.")
    if not file.is_file():
        raise SourceError(f"{str(path)!r} is not a regular file.")
    file = file.resolve()
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        raise SourceError(f"{shown!r} cannot be opened: {error.strerror}.", hint="Check its permissions.") from error
    if "member" not in options and file.suffix.lower() == ".zip" and (names := pictures.names_in_zip(file)):
        return pictures.read(Request(file, shown, "", options, table, query, con, scratch), names)
    plain, inner = expand.unpacked(file, shown, scratch, options.get("member"))
    if plain.stat().st_size == 0:
        raise SourceError(f"{shown!r} is empty.", hint="Choose a file with at least a header line.")
    request = Request(plain, shown, Path(inner).suffix.lower(), options, table, query, con, scratch)
    reader = _reader(kind_of(plain, request.suffix, options.get("format"), shown))
    found = reader(request)
    if plain != file:
        found.parse = {**found.parse, "unpacked_from": shown, "member": inner}
    return found


def kind_of(file: Path, suffix: str, asked: str | None, shown: str) -> str:
    """Return what a file is: by what was asked, else by its first bytes, else by its suffix."""
    kinds = ("csv", "json", "parquet", "excel", "sqlite", "duckdb")
    if asked:
        if asked.lower() in ("tsv", "txt"):
            return "csv"
        if asked.lower() not in kinds:
            raise InputError(f"The format {asked!r} is not known.", hint="Known: " + ", ".join(kinds) + ".")
        return asked.lower()
    with file.open("rb") as opened:
        head = opened.read(64)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"SQLite format 3\0"):
        return "sqlite"
    if head[8:12] == b"DUCK":
        return "duckdb"
    if head.startswith((b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04")):
        return "excel"
    if head.startswith(b"PARE"):
        raise SourceError(f"{shown!r} is an encrypted Parquet file.", hint="Export it without encryption.")
    named = [name for magic, name in _NOT_TABLES if head.startswith(magic)]
    if named:
        raise SourceError(f"{shown!r} is {named[0]}, not a table.", hint=f"Readable are {READABLE}.")
    by_suffix = {".parquet": "parquet", ".xlsx": "excel", ".xls": "excel", ".sqlite": "sqlite", ".duckdb": "duckdb"}
    if suffix in by_suffix:
        raise SourceError(f"{shown!r} ends in {suffix} but is not such a file.", hint="It may be damaged.")
    if suffix in (".json", ".jsonl", ".ndjson", ".geojson"):
        return "json"
    return "csv"


_NOT_TABLES = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "a program"),
    (b"Obj\x01", "an Avro file, which this version does not read"),
    (b"ORC", "an ORC file, which this version does not read"),
    (b"ARROW1", "an Arrow file, which this version does not read"),
)


def _reader(kind: str) -> Callable[[Request], Imported]:
    from sources import delimited, documents, duckdb_files, excel, parquet, sqlite_files

    return {
        "csv": delimited.read,
        "json": documents.read,
        "parquet": parquet.read,
        "excel": excel.read,
        "sqlite": sqlite_files.read,
        "duckdb": duckdb_files.read,
    }[kind]
