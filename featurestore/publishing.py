"""Publishing: checked rows become a file, a Delta commit, a catalog transaction, online records; in this order.

`featurestore.store` says why the order is what it is and what a kill between two steps leaves.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurestore import catalog, offline
from featurestore.catalog import Published
from featurestore.encoding import RecordFormat, encode_keys, to_microseconds
from featurestore.groups import Column, Group
from featurestore.intake import first_row
from featurestore.online import ROWS_AT_ONCE, OnlineStore
from featurestore.stopping import Steps
from transforms.errors import Conflict, Unavailable
from workspace import Workspace, tables
from workspace import sql as q
from workspace.schema.base import now as utc_now
from workspace.schema.features import FeatureGroupRow
from workspace.sql import plain_disk_errors

if TYPE_CHECKING:
    from workspace.runs import RunHandle


class Publisher:
    """Writes to the groups of one workspace. Whoever calls holds the group's lock.

    Args:
        clock: gives the present moment.
    """

    def __init__(self, ws: Workspace, online: OnlineStore, clock: Callable[[], dt.datetime]):
        self.ws, self.online, self.clock = ws, online, clock
        self._formats: dict[tuple, RecordFormat] = {}

    def land(
        self,
        group: Group,
        con,
        select: str,
        keys: Sequence[Column],
        kind: str,
        source: dict | None,
        *,
        hashed: Sequence[str],
        deleted: bool = False,
        handle: RunHandle | None = None,
    ) -> Published | None:
        """Write checked rows of the view `batch` and make them visible; None when they were there already."""
        steps = Steps(handle, con)
        written_at = max(to_microseconds(self.clock()), group.last_written_at + 1)
        version = group.version + 1
        typed = dataclasses.replace(group, keys=tuple(keys))
        rows_sql = (
            f"SELECT {select}, make_timestamptz({written_at}) AS written_at, CAST({version} AS BIGINT) AS version, "
            f"{'true' if deleted else 'false'} AS is_deleted, "
            f"{group.next_seq} + row_number() OVER () - 1 AS _seq FROM batch"
        )
        with nullcontext(offline.folder(self.ws.root, group)) if group.offline else self.ws.scratch("online") as folder:
            steps.begin(0.2, "writing the rows")
            new = offline.write(con, rows_sql, folder)
            path = folder / new[0].name
            kept = False  # whether a version holds the file
            try:
                steps.begin(0.5, "comparing with what is there")
                scan = f"read_parquet({q.text(str(path))})"
                facts = _facts(con, typed, scan, hashed)
                tied = facts.tied or self._meets_older(con, typed, scan, facts)
                if self._is_there(con, typed, scan, facts, kind, tied):
                    return None
                steps.begin(0.7, "committing, then writing the online records")
                steps.end()
                done = Published(
                    kind=kind,
                    rows=facts.rows,
                    content_hash=facts.content,
                    version=version,
                    table_version=group.table_version,
                    first_seq=group.next_seq,
                    written_at=written_at,
                    min_event_time=facts.first_us,
                    max_event_time=facts.last_us,
                    may_tie=tied,
                    keys=[[k.name, k.type] for k in keys],
                    source=source,
                )
                records = self.online_records(con, typed, scan, unique=facts.unique_keys)
                if group.offline:
                    done = self._commit(group, done, new, offline.schema(typed))
                    kept = True
                    if group.online:
                        self._write_online(group, version, records)
                else:
                    self.online.write(group.id, version, records, dataclasses.asdict(done))
                    self.make_visible(group, done)
            finally:
                if not kept:
                    path.unlink(missing_ok=True)
        self._tidy(group)
        return done

    def _commit(self, group: Group, done: Published, new: Sequence[tables.NewFile], schema) -> Published:
        """Commit the file to the Delta table, then to the catalog, or neither."""
        about = {"tilth": done.kind, "group": group.name, "version": str(done.version), "content": done.content_hash}
        with plain_disk_errors(f"publishing to group {group.name!r}"):
            table_version = tables.commit(offline.folder(self.ws.root, group), new, "append", schema, about)
            done = dataclasses.replace(done, table_version=table_version)
            try:
                self.make_visible(group, done)
            except BaseException as error:
                self.take_back(group, error)
                raise
        offline.appended(self.ws.root, group, new, table_version)
        return done

    def take_back(self, group: Group, cause: BaseException) -> None:
        """Undo the Delta commit after `cause`. On a full disk that can fail too; then the next writer or open does it."""
        try:
            self.undo_commit(group)
        except Exception as error:
            cause.add_note(f"The Delta commit could not be taken back yet: {error}")

    def _write_online(self, group: Group, version: int, records: Iterable) -> None:
        try:
            self.online.write(group.id, version, records)
        except (sqlite3.OperationalError, Unavailable) as error:
            raise Conflict(
                f"Version {version} of group {group.name!r} is published, but its online records could not be written: {error}.",
                hint="Make room and run `tilth features reconcile`; until then online gives the version before.",
            ) from error

    def make_visible(self, group: Group, done: Published) -> None:
        """Move the catalog to the new version, with audit line and lineage, in one transaction."""
        with self.ws.session() as session:
            catalog.make_visible(session, group, done, utc_now())
            ref = f"{group.name}@{done.version}"
            source = done.source or {}
            detail = {} if done.kind == "erase" else {"rows": done.rows, "content": done.content_hash}
            self.ws.audit.record(f"feature_group.{done.kind}", ref, detail, session=session)
            if source.get("dataset"):
                self.ws.lineage.add("dataset", str(source["dataset"]), "feature_group", ref, done.kind, session=session)
            if source.get("recipe"):
                recipe = source["recipe"]
                named = recipe.get("name", "recipe") if isinstance(recipe, Mapping) else str(recipe)
                self.ws.lineage.add("recipe", named, "feature_group", ref, done.kind, session=session)
            if source.get("file"):
                self.ws.lineage.add("file", str(source["file"]), "feature_group", ref, done.kind, session=session)

    def undo_commit(self, group: Group) -> None:
        """Take out of the Delta table what the catalog does not name."""
        restored = offline.roll_back(self.ws.root, group)
        if restored != group.table_version:
            self.point_at(group, restored)

    def point_at(self, group: Group, table_version: int) -> None:
        with self.ws.session() as session:
            row = session.get(FeatureGroupRow, group.id)
            row.table_version = table_version
            row.revision += 1

    def _tidy(self, group: Group) -> None:
        """Merge what many small writes left; readers keep the old files until the catalog names the merged one."""
        if not group.offline:
            return
        with self.ws.reading() as session:
            group = catalog.group_named(session, group.name)
        merged = offline.compact(self.ws.root, group)
        if merged is not None:
            self.point_at(group, merged)

    def _meets_older(self, con, group: Group, scan: str, facts: _Facts) -> bool:
        """Return whether a row of the file has the key and event time of an older row."""
        if not group.offline or group.max_event_time is None or facts.first_us > group.max_event_time:
            return False
        older = offline.select(self.ws.root, group, features=[])
        same = " AND ".join(f"n.{q.ident(c)} = o.{q.ident(c)}" for c in [*group.key_names, group.event_time])
        return first_row(con, f"SELECT 1 FROM {scan} n SEMI JOIN ({older}) o ON {same} LIMIT 1") is not None

    def _is_there(self, con, group: Group, scan: str, facts: _Facts, kind: str, tied: bool) -> bool:
        """Return whether writing the file would change nothing."""
        if kind == "publish":
            with self.ws.reading() as session:
                return catalog.publication_with_content(session, group, facts.content) is not None
        if kind != "put" or facts.tied:
            return False
        if not group.offline:
            stored = [
                self.online.find(group.id, row[0]) for row in _flat(self.online_records(con, group, scan, unique=True))
            ]
            fresh = _flat(self.online_records(con, group, scan, unique=True))
            return all(old == (row[1], row[3], row[4]) for old, row in zip(stored, fresh, strict=True))
        if not tied:
            return False
        columns = [*group.key_names, group.event_time]
        same = " AND ".join(f"n.{q.ident(c)} = o.{q.ident(c)}" for c in columns)
        equal = " AND ".join(
            # 0.0 = -0.0, so their texts are compared as well
            f"n.{q.ident(f.name)} IS NOT DISTINCT FROM o.{q.ident(f.name)} AND "
            f"CAST(n.{q.ident(f.name)} AS VARCHAR) IS NOT DISTINCT FROM CAST(o.{q.ident(f.name)} AS VARCHAR)"
            if f.type == "float64"
            else f"n.{q.ident(f.name)} IS NOT DISTINCT FROM o.{q.ident(f.name)}"
            for f in group.features
        )
        older = offline.select(self.ws.root, group)
        parts = ", ".join(f"o.{q.ident(c)}" for c in columns)
        latest = (
            f"SELECT o.* FROM ({older}) o SEMI JOIN {scan} n ON {same} "
            f"QUALIFY row_number() OVER (PARTITION BY {parts} ORDER BY o._seq DESC) = 1"
        )
        kept = f"{same} AND NOT o.is_deleted AND {equal}" if equal else f"{same} AND NOT o.is_deleted"
        return first_row(con, f"SELECT 1 FROM {scan} n ANTI JOIN ({latest}) o ON {kept} LIMIT 1") is None

    def online_records(self, con, group: Group, scan: str, *, unique: bool) -> Iterator[Iterator[tuple]]:
        """Yield batches of (key, event time, seq, deleted, value): the newest record of each key in a scan."""
        event = q.ident(group.event_time)
        keys = ", ".join(map(q.ident, group.key_names))
        features = "".join(f", {q.ident(f.name)}" for f in group.features)
        newest = f"SELECT max(struct_pack(t := {event}, s := _seq)).s FROM {scan} GROUP BY {keys}"
        where = "" if unique else f" WHERE _seq IN ({newest})"
        query = f"SELECT epoch_us({event}), _seq, CAST(is_deleted AS TINYINT), {keys}{features} FROM {scan}{where}"
        packer = self.format(group, group.definition_version)
        first_feature = 3 + len(group.keys)
        reader = con.sql(query).to_arrow_reader(ROWS_AT_ONCE)
        for record_batch in reader:
            table = _table_of(record_batch)
            keys_of = encode_keys(group.keys, table.select(range(3, first_feature)))
            values = packer.pack_table(table.select(range(first_feature, table.num_columns)))
            times, seqs, deleted = (table.column(i).to_pylist() for i in range(3))
            values = (
                [b"" if gone else value for gone, value in zip(deleted, values, strict=True)]
                if any(deleted)
                else values
            )
            yield zip(keys_of, times, seqs, deleted, values, strict=True)

    def format(self, group: Group, definition_version: int) -> RecordFormat:
        """Return the packer of a definition version."""
        which = group.id, group.created_at, definition_version  # the number alone returns after a drop
        found = self._formats.get(which)
        if found is None:
            found = RecordFormat(definition_version, group.definitions[definition_version])
            self._formats[which] = found
        return found


@dataclass(frozen=True)
class _Facts:
    """What one query says about a written file."""

    rows: int
    first_us: int
    last_us: int
    tied: bool
    unique_keys: bool
    content: str


def _facts(con, group: Group, scan: str, hashed: Sequence[str]) -> _Facts:
    keys = ", ".join(map(q.ident, group.key_names))
    event = q.ident(group.event_time)
    columns = ", ".join(map(q.ident, hashed))
    rows, first, last, moments, unique = first_row(
        con,
        f"SELECT count(*), epoch_us(min({event})), epoch_us(max({event})), count(DISTINCT hash({keys}, {event})), "
        f"count(DISTINCT hash({keys})) FROM {scan}",
    )
    tied = moments < rows
    place = ", _seq - (SELECT min(_seq) FROM " + scan + ")" if tied else ""  # which of two ties comes later is content
    one = f"hash({columns}, is_deleted{place})"
    both = first_row(con, f"SELECT bit_xor({one}), sum(CAST({one} AS HUGEINT)) FROM {scan}")
    content = hashlib.sha256(json.dumps([list(hashed), rows, *map(str, both)]).encode()).hexdigest()
    return _Facts(rows, first, last, tied, unique == rows, content)


def _table_of(record_batch):
    import pyarrow as pa

    return pa.Table.from_batches([record_batch])


def _flat(batches: Iterable[Iterable[tuple]]) -> Iterator[tuple]:
    for batch in batches:
        yield from batch
