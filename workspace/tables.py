"""Delta tables in folders: DuckDB writes the Parquet files, one Delta commit names them.

A writer writes to a new name, syncs, and commits once, so a reader sees the state before or after and kill -9 leaves at
worst files that no commit names. Their names carry the writer's process number: `orphans` finds those whose writer is gone.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from transforms.errors import Conflict, NotFound
from workspace.processes import pid_alive
from workspace.sql import plain_disk_errors, storable, text

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

COMMIT_ATTEMPTS = 20


@dataclass(frozen=True)
class NewFile:
    """A Parquet file that lies in the table's folder and that no commit names yet."""

    name: str
    rows: int
    bytes: int


def write_files(
    con: DuckDBPyConnection, query: str | DuckDBPyRelation, folder: str | Path, *, staging: Path | None = None
) -> list[NewFile]:
    """Write the rows of a query into a new Parquet file of the table in `folder`; readers do not see it yet.

    Streams and spills to disk, so memory stays bounded. Row order is kept. Columns are cast to what Delta can hold
    (`workspace.sql.stored_type`).

    Args:
        con: the connection that runs an SQL `query`; a relation runs on its own.
        query: a SELECT, or a relation.
        folder: the table's folder, made if it is missing.
        staging: a folder on the same disk for the unfinished file; default is the table's folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    relation = storable(con.sql(query) if isinstance(query, str) else query)
    name = f"part-{uuid.uuid4().hex}-{os.getpid()}.parquet"
    unfinished = Path(staging or folder) / f".{name}.tmp"
    try:
        with plain_disk_errors("writing the table"):
            relation.write_parquet(str(unfinished), compression="snappy")
            _sync(unfinished)
            rows = _rows_of(unfinished)
            os.replace(unfinished, folder / name)
            _sync(folder)
    finally:
        unfinished.unlink(missing_ok=True)
    return [NewFile(name, rows, (folder / name).stat().st_size)]


def schema_of(con: DuckDBPyConnection, query: str | DuckDBPyRelation) -> pa.Schema:
    """Return the Arrow schema that `write_files` gives the rows of a query."""
    relation = storable(con.sql(query) if isinstance(query, str) else query)
    return relation.limit(0).to_arrow_table().schema


def commit(
    folder: str | Path,
    files: Iterable[NewFile],
    mode: Literal["append", "overwrite"],
    schema: pa.Schema,
    metadata: dict | None = None,
    *,
    removed: Iterable[str] = (),
) -> int:
    """Make the files part of the table in one Delta commit and return its version.

    Other processes may commit at the same time: a lost race is tried again on the new state.

    Args:
        folder: the table's folder; the first commit makes the table.
        mode: "append" keeps the active files, "overwrite" replaces them and the schema.
        schema: Arrow schema of the files; on "append" new columns are added to the table's.
        metadata: JSON values kept in the commit.
        removed: with "append", names of active files that this commit takes out.

    Raises:
        Conflict: somebody else won every attempt.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError
    from deltalake.transaction import CommitProperties, create_table_with_add_actions

    folder = Path(folder)
    files, removed = list(files), list(removed)
    properties = CommitProperties(custom_metadata=metadata or {}, max_commit_retries=0)
    for attempt in range(COMMIT_ATTEMPTS):
        if attempt:
            time.sleep(random.uniform(0, min(0.01 * 2**attempt, 0.5)))
        before = table_version(folder)
        try:
            if before is None:
                create_table_with_add_actions(
                    str(folder), _delta_schema(schema), _adds(folder, files), "error", commit_properties=properties
                )
                return 0
            table = DeltaTable(str(folder))
            wanted = _fit_table(table, schema, mode)
            before = table.version()
            actions = _adds(folder, files) + _removals(table, removed)
            table.create_write_transaction(actions, mode, wanted, commit_properties=properties)
            return before + 1
        except (DeltaError, TableNotFoundError):
            if table_version(folder) == before:  # nobody else was first, so trying again would not help
                raise
    raise Conflict(f"The table {folder.name!r} is being changed by others all the time.", hint="Try again.")


def table_version(folder: str | Path) -> int | None:
    """Return the newest Delta version of the table in `folder`, or None if there is no table."""
    log = Path(folder) / "_delta_log"
    versions = [int(p.stem) for p in log.glob("*.json") if p.stem.isdecimal()]
    return max(versions, default=None)


def active_files(folder: str | Path, version: int | None = None) -> list[str]:
    """Return the absolute paths of the files that make up a version (default: the newest), oldest commit first.

    Raises:
        NotFound: there is no such table or version.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    folder = Path(folder)
    try:
        table = DeltaTable(str(folder), version=version)
    except (TableNotFoundError, DeltaError) as error:
        newest = table_version(folder)
        known = [] if newest is None else [str(v) for v in range(newest + 1)]
        raise NotFound.named("version of the table", f"{folder.name}@{version}", known) from error
    adds = table.get_add_actions(flatten=True)
    names, times = adds.column("path").to_pylist(), adds.column("modification_time").to_pylist()
    return [str(folder / name) for _, name in sorted(zip(times, names, strict=True), key=lambda pair: pair)]


def remove(folder: str | Path, names: Iterable[str], metadata: dict | None = None) -> int:
    """Take active files out of the table in one commit; older versions keep reading them. Return the version."""
    from deltalake import DeltaTable

    schema = DeltaTable(str(folder)).schema()
    return commit(folder, [], "append", schema, metadata, removed=names)


def drop(folder: str | Path) -> None:
    """Delete the table with everything in it; gone in one rename, whatever happens while its files are deleted."""
    folder = Path(folder)
    if not folder.exists():
        return
    doomed = folder.with_name(f".dropped-{uuid.uuid4().hex}-{os.getpid()}")
    os.replace(folder, doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def orphans(folder: str | Path, known: Iterable[str]) -> list[Path]:
    """Return files in the table's folder that are not `known` and whose writer is gone."""
    known = set(known)
    return [
        path
        for path in sorted(Path(folder).iterdir())
        if path.is_file() and path.name not in known and not pid_alive(writer_of(path.name))
    ]


def writer_of(name: str) -> int:
    """Return the process number in the name of a file or scratch folder of ours; 0 (never alive) if it has none."""
    number = name.strip(".").removesuffix(".tmp").removesuffix(".parquet").rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


@contextmanager
def scratch(parent: Path, purpose: str) -> Iterator[Path]:
    """Give an empty folder in `parent` and remove it afterwards."""
    folder = Path(parent) / f"{purpose}-{uuid.uuid4().hex}-{os.getpid()}"
    with plain_disk_errors("making a scratch folder"):
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rows_of(path: Path) -> int:
    import pyarrow.parquet as pq

    return pq.read_metadata(path).num_rows


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _adds(folder: Path, files: list[NewFile]) -> list:
    from deltalake.transaction import AddAction

    at = time.time_ns() // 1_000_000
    return [
        AddAction(file.name, file.bytes, {}, at + place, True, json.dumps({"numRecords": file.rows}))
        for place, file in enumerate(files)
    ]


def _removals(table, names: list[str]) -> list:
    from deltalake.transaction import RemoveAction

    if not names:
        return []
    adds = table.get_add_actions(flatten=True)
    sizes = dict(zip(adds.column("path").to_pylist(), adds.column("size_bytes").to_pylist(), strict=True))
    names = [Path(name).name for name in names]
    if missing := [name for name in names if name not in sizes]:
        raise Conflict(f"The files {missing} are no longer part of the table.", hint="Read the table again.")
    at = time.time_ns() // 1_000_000
    return [RemoveAction(name, True, at, sizes[name], {}) for name in names]


def _delta_schema(schema):
    from deltalake import Schema

    return schema if isinstance(schema, Schema) else Schema.from_arrow(schema)


def _fit_table(table, schema, mode: str):
    """Make the table ready for files of this schema and return the schema to commit with.

    Both changes are commits of their own that change no row: deltalake 1.6 neither adds columns on "append", nor switches
    on `timestampNtz` for the first timestamp without a zone; it then writes a commit that it cannot read.
    """
    from deltalake import Schema, TableFeatures

    wanted = _delta_schema(schema)
    if '"timestamp_ntz"' in wanted.to_json() and "timestampNtz" not in (table.protocol().writer_features or []):
        table.alter.add_feature(TableFeatures.TimestampWithoutTimezone, allow_protocol_versions_increase=True)
        table.update_incremental()
    if mode == "overwrite":
        return wanted
    have = {field.name for field in table.schema().fields}
    if new := [field for field in wanted.fields if field.name not in have]:
        table.alter.add_columns(new)
        table.update_incremental()
    return Schema(table.schema().fields)


def scan(paths: Iterable[str]) -> str:
    """Return the SQL of a table function that reads these Parquet files: `read_parquet(['…'])`."""
    return "read_parquet([" + ", ".join(text(path) for path in paths) + "])"
