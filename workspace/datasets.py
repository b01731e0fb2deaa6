"""Datasets: named tables of immutable, content-hashed versions.

A version is one row in the catalog that names its Parquet files. The files are written and committed to the dataset's
Delta table first; until the catalog row stands nothing has happened, and `tilth doctor` clears what a crash left.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from transforms.errors import InputError, NotFound
from workspace import hooks, tables
from workspace.audit import who
from workspace.names import check_name
from workspace.sql import columns_of, connection, ident, one_row, plain_disk_errors, storable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from workspace import Workspace


@dataclass(frozen=True)
class DatasetVersion:
    """One version. `columns` is `[{"name", "type"}]`; `files` are absolute paths; times are in UTC."""

    name: str
    version: int
    rows: int
    columns: list[dict[str, str]]
    created_at: datetime
    created_by: str
    lineage: dict
    content_hash: str
    rejected: int
    warnings: list[str]
    parse: dict
    bytes: int
    files: list[str]
    rejects_file: str | None
    is_new: bool = True

    @property
    def ref(self) -> str:
        """`name@version`, as the command line and lineage write it."""
        return f"{self.name}@{self.version}"

    def sql(self) -> str:
        """Return SQL to select from, such as `read_parquet(['…'])`."""
        return tables.scan(self.files)

    def relation(self, con: DuckDBPyConnection) -> DuckDBPyRelation:
        """Return the rows as a lazy relation, in their stored order."""
        return con.sql(f"SELECT * FROM {self.sql()}")

    def rejects(self, con: DuckDBPyConnection) -> DuckDBPyRelation | None:
        """Return the rejected rows (line, column, reason, text), or None if there were none."""
        return con.sql(f"SELECT * FROM {tables.scan([self.rejects_file])}") if self.rejects_file else None

    def as_json(self) -> dict:
        """Return what `tilth datasets show --json` prints."""
        keys = (
            "name",
            "version",
            "rows",
            "columns",
            "lineage",
            "content_hash",
            "rejected",
            "warnings",
            "parse",
            "bytes",
        )
        return {key: getattr(self, key) for key in keys} | {
            "created_at": self.created_at.isoformat(),
            "created_by": self.created_by,
        }


@dataclass
class Staged:
    """Files written for a version that does not exist yet."""

    name: str
    folder: Path
    files: list[tables.NewFile]
    schema: object
    columns: list[dict[str, str]]
    content_hash: str
    rejects: list[tables.NewFile] = field(default_factory=list)
    lineage: dict = field(default_factory=dict)  # of a version made beside another one; default: that one's
    warnings: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    def discard(self) -> None:
        """Delete the files again."""
        for file in self.files + self.rejects:
            (self.folder / file.name).unlink(missing_ok=True)


class Datasets:
    def __init__(self, ws: Workspace):
        self._ws = ws

    @property
    def folder(self) -> Path:
        return self._ws.root / "tables" / "datasets"

    def write(
        self,
        name: str,
        rows,
        *,
        lineage: dict,
        parse: dict | None = None,
        rejected: int = 0,
        warnings: Iterable[str] = (),
    ) -> DatasetVersion:
        """Keep rows as the next version of the dataset `name` and return it.

        The same content as the newest version makes no new version: that one is returned, with `is_new` False. Content
        is columns, types, and rows in their order.

        Args:
            rows: a DuckDB relation (streamed, out of core), or an Arrow table or reader, or a pandas or Polars frame.
            lineage: what it was made from. `{"from": [{"kind", "ref"}], "how": "…"}` also draws lineage arrows.
            parse: how the source was read, for the reader's eye.
            rejected: number of source rows left out.
            warnings: one sentence each.
        """
        staged = self.stage(name, rows)
        return self.commit(staged, lineage=lineage, parse=parse, rejected=rejected, warnings=warnings)

    def stage(self, name: str, rows, *, scratch: Path | None = None) -> Staged:
        """Write the files of a next version without making it; follow with `commit` or `Staged.discard`.

        `scratch` is a folder of this workspace for unfinished files, needed where a connection may write nowhere else.
        """
        name = check_name("dataset", name)
        with plain_disk_errors("writing the dataset"):
            folder = self.folder / self._folder_of(name)
            with connection() as con, self._staging(scratch) as staging:
                relation = (
                    rows if hasattr(rows, "write_parquet") and hasattr(rows, "project") else as_relation(con, rows)
                )
                if not relation.columns:
                    raise InputError(f"The dataset {name!r} would have no column.")
                schema = tables.schema_of(con, relation)
                columns = columns_of(storable(relation))
                files = tables.write_files(con, relation, folder, staging=staging)
                paths = [str(folder / file.name) for file in files]
                return Staged(name, folder, files, schema, columns, content_hash(con, paths, columns))

    def stage_rejects(self, staged: Staged, relation: DuckDBPyRelation, *, scratch: Path | None = None) -> None:
        """Keep the rejected rows (line, column, reason, text) beside the files of a staged version."""
        with self._staging(scratch) as staging, connection() as con:
            staged.rejects = tables.write_files(con, relation, staged.folder, staging=staging)

    def commit(
        self,
        staged: Staged,
        *,
        lineage: dict,
        parse: dict | None = None,
        rejected: int = 0,
        warnings: Iterable[str] = (),
    ) -> DatasetVersion:
        """Make a staged version real: one Delta commit, then one catalog transaction that decides.

        `workspace.hooks` may refuse it, or put rows aside into the version of another dataset, made with it or not at all.
        """
        if self._is_newest(staged):
            staged.discard()
            return self._unchanged(staged.name)
        staged, beside, more, records = hooks.before_commit(self._ws, staged)
        made = [one for one in (*beside, staged) if not self._is_newest(one)]  # the dataset itself is the newest
        for one in (*beside, staged):
            if one not in made:
                one.discard()
        about = {id(one): (one.lineage or lineage, parse, 0, list(one.warnings)) for one in beside}
        about[id(staged)] = (lineage, parse, rejected, [*warnings, *more])
        with plain_disk_errors("committing the dataset"):
            deltas = []
            try:
                for one in made:
                    note = {"tilth": {"content_hash": one.content_hash}}
                    deltas.append(tables.commit(one.folder, one.files, "overwrite", one.schema, note))
            except BaseException:
                for one in made[len(deltas) :]:  # a commit names the files of the others
                    one.discard()
                raise
            with self._ws.session() as session:
                refs = {}
                for one, delta in zip(made, deltas, strict=True):
                    number = self._add_row(session, one, delta, *about[id(one)])
                    if number is not None:
                        refs[one.name] = f"{one.name}@{number}"
                for record in records:
                    record(session, refs)
        if staged.name not in refs:
            return self._unchanged(staged.name)
        version = self.get(refs[staged.name])
        hooks.after_commit(self._ws, version)
        return version

    def get(self, ref: str) -> DatasetVersion:
        """Return a version by "name" (the newest) or "name@3".

        Raises:
            NotFound: no such dataset or version; the hint names the nearest.
        """
        from sqlalchemy import select

        from workspace.schema.core import DatasetRow, DatasetVersionRow

        name, version = split_ref(ref)
        with self._ws.reading() as session:
            query = (
                select(DatasetRow, DatasetVersionRow)
                .join(DatasetVersionRow, DatasetVersionRow.dataset_id == DatasetRow.id)
                .where(DatasetRow.name == name)
                .order_by(DatasetVersionRow.version.desc())
            )
            if version is not None:
                query = query.where(DatasetVersionRow.version == version)
            found = session.execute(query.limit(1)).first()
        if found:
            return self._version(*found)
        numbers = [v.version for v in self._find(name)]
        if numbers:
            raise NotFound.named("version of the dataset", ref, [f"{name}@{number}" for number in numbers])
        raise NotFound.named("dataset", name, [v.name for v in self.list()])

    def list(self) -> list[DatasetVersion]:
        """Return the newest version of every dataset, last written first."""
        newest: dict[str, DatasetVersion] = {}
        for version in self._find(None):
            newest.setdefault(version.name, version)
        return sorted(newest.values(), key=lambda v: v.created_at, reverse=True)

    def versions(self, name: str) -> list[DatasetVersion]:
        """Return every version of a dataset, newest first."""
        found = self._find(name)
        if not found:
            raise NotFound.named("dataset", name, [v.name for v in self.list()])
        return found

    def delete(self, name: str) -> None:
        """Delete a dataset with all its versions; the audit log keeps the line."""
        from sqlalchemy import select

        from workspace.schema.core import DatasetRow

        versions = self.versions(name)
        with self._ws.session() as session:
            row = session.scalars(select(DatasetRow).where(DatasetRow.name == name)).first()
            if row is None:
                return
            folder = self.folder / row.folder
            session.delete(row)
            self._ws.audit.record("dataset.delete", name, {"versions": len(versions)}, session=session)
        tables.drop(folder)

    def _staging(self, scratch: Path | None) -> AbstractContextManager[Path]:
        return nullcontext(scratch) if scratch is not None else self._ws.scratch("stage")

    def _unchanged(self, name: str) -> DatasetVersion:
        from dataclasses import replace

        same = replace(self.get(name), is_new=False)
        self._ws.audit.record("dataset.unchanged", same.ref, {"content_hash": same.content_hash})
        return same

    def _folder_of(self, name: str) -> str:
        """Return the folder of the dataset, and write the dataset's row on its first import."""
        from sqlalchemy import select

        from workspace.schema.core import DatasetRow

        with self._ws.session() as session:
            folder = session.scalars(select(DatasetRow.folder).where(DatasetRow.name == name)).first()
            if folder is None:
                slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "dataset"
                folder = f"{slug}-{uuid.uuid4().hex[:8]}"
                session.add(DatasetRow(name=name, folder=folder))
            return folder

    def _latest_row(self, name: str):
        from sqlalchemy import select

        from workspace.schema.core import DatasetRow, DatasetVersionRow

        query = select(DatasetVersionRow).join(DatasetRow).where(DatasetRow.name == name)
        with self._ws.reading() as session:
            return session.scalars(query.order_by(DatasetVersionRow.version.desc()).limit(1)).first()

    def _is_newest(self, staged: Staged) -> bool:
        latest = self._latest_row(staged.name)
        return latest is not None and latest.content_hash == staged.content_hash

    def _add_row(
        self,
        session,
        staged: Staged,
        delta_version: int,
        lineage: dict,
        parse: dict | None,
        rejected: int,
        warnings: list[str],
    ) -> int | None:
        """Write the catalog row and return its number; None if somebody wrote the same content meanwhile."""
        from sqlalchemy import select

        from workspace.schema.core import DatasetRow, DatasetVersionRow

        dataset = session.scalars(select(DatasetRow).where(DatasetRow.folder == staged.folder.name)).first()
        if dataset is None:
            raise NotFound(f"The dataset {staged.name!r} was deleted while it was written.", hint="Import it again.")
        query = select(DatasetVersionRow).where(DatasetVersionRow.dataset_id == dataset.id)
        latest = session.scalars(query.order_by(DatasetVersionRow.version.desc()).limit(1)).first()
        if latest is not None and latest.content_hash == staged.content_hash:
            return None
        number = latest.version + 1 if latest else 1
        ref = f"{staged.name}@{number}"
        session.add(
            DatasetVersionRow(
                dataset_id=dataset.id,
                version=number,
                delta_version=delta_version,
                files=[file.name for file in staged.files],
                rows=staged.rows,
                bytes=staged.bytes,
                columns=staged.columns,
                content_hash=staged.content_hash,
                rejected=rejected,
                rejects_file=staged.rejects[0].name if staged.rejects else None,
                parse=parse or {},
                warnings=warnings,
                lineage=lineage,
                created_by=who(),
            )
        )
        for origin in lineage.get("from") or []:
            how = str(lineage.get("how") or "")
            self._ws.lineage.add(origin["kind"], origin["ref"], "dataset", ref, how, session=session)
        detail = {
            "rows": staged.rows,
            "rejected": rejected,
            "content_hash": staged.content_hash,
            "lineage": lineage,
        }
        self._ws.audit.record("dataset.write", ref, detail, session=session)
        return number

    def _find(self, name: str | None) -> list[DatasetVersion]:
        from sqlalchemy import select

        from workspace.schema.core import DatasetRow, DatasetVersionRow

        query = select(DatasetRow, DatasetVersionRow).join(
            DatasetVersionRow, DatasetVersionRow.dataset_id == DatasetRow.id
        )
        if name is not None:
            query = query.where(DatasetRow.name == name)
        with self._ws.reading() as session:
            found = session.execute(query.order_by(DatasetRow.name, DatasetVersionRow.version.desc())).all()
        return [self._version(*pair) for pair in found]

    def _version(self, dataset, row) -> DatasetVersion:
        folder = self.folder / dataset.folder
        return DatasetVersion(
            name=dataset.name,
            version=row.version,
            rows=row.rows,
            columns=row.columns,
            created_at=row.created_at,
            created_by=row.created_by,
            lineage=row.lineage,
            content_hash=row.content_hash,
            rejected=row.rejected,
            warnings=row.warnings,
            parse=row.parse or {},
            bytes=row.bytes,
            files=[str(folder / name) for name in row.files],
            rejects_file=str(folder / row.rejects_file) if row.rejects_file else None,
        )


def split_ref(ref: str) -> tuple[str, int | None]:
    """Return name and version of "name" or "name@3"."""
    name, at, number = str(ref).strip().rpartition("@")
    if not at:
        return str(ref).strip(), None
    if not number.isdecimal():
        raise InputError(f"{ref!r} is not a dataset.", hint="Write NAME or NAME@3.")
    return name, int(number)


def as_relation(con: DuckDBPyConnection, rows) -> DuckDBPyRelation:
    """Return an Arrow table or reader, or a pandas or Polars frame, as a relation on `con`."""
    if hasattr(rows, "__arrow_c_stream__") and not hasattr(rows, "schema"):  # Polars: hand over as Arrow
        import pyarrow as pa

        rows = pa.RecordBatchReader.from_stream(rows)
    if hasattr(rows, "iloc"):
        return con.from_df(rows)
    return con.from_arrow(rows)


def content_hash(con: DuckDBPyConnection, paths: list[str], columns: list[dict[str, str]]) -> str:
    """Return a hash of names, types and rows in their order, the same whatever the Parquet layout.

    SHA-256 over the columns, the row count and 128 bits summed up from DuckDB's `hash` of every row with its place. It
    tells versions apart; it does not guard against somebody who forges rows. Another release of DuckDB may hash
    differently: the worst outcome is a new version with the same content.
    """
    names = ", ".join(ident(column["name"]) for column in columns)
    parts = []
    for path in paths:
        row = one_row(
            con,
            f"SELECT count(*), sum(h::HUGEINT), bit_xor(hash(h, 1)) FROM "
            f"(SELECT hash(file_row_number, {names}) AS h FROM {tables.scan([path])})",
        )
        parts.append([str(value) for value in row])
    said = json.dumps([columns, parts], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()
