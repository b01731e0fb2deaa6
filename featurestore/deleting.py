"""Deleting: tombstones that keep the history, and erasures that leave nothing of a key in any version."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from featurestore import catalog, intake, offline
from featurestore.catalog import Published
from featurestore.encoding import to_microseconds
from featurestore.groups import SQL_TYPES, Group
from featurestore.publishing import Publisher
from workspace import sql as q
from workspace import tables
from workspace.sql import plain_disk_errors


def bury(publisher: Publisher, group: Group, values: tuple, packed: bytes, at: int, hard: bool) -> Published:
    """Write a tombstone at `at` (microseconds); with `hard` take the key out of the online file as well."""
    import pyarrow as pa

    columns = {k.name: pa.array([v], intake.arrow_type(k.type)) for k, v in zip(group.keys, values, strict=True)}
    columns[group.event_time] = pa.array([at], pa.timestamp("us", "UTC"))
    names = [q.ident(c) for c in columns]
    names += [f"CAST(NULL AS {SQL_TYPES[f.type]}) AS {q.ident(f.name)}" for f in group.features]
    with q.connection() as con:
        con.register("batch", pa.table(columns))
        done = publisher.land(
            group, con, ", ".join(names), group.keys, "delete", None, hashed=list(columns), deleted=True
        )
    if hard and group.online:
        publisher.online.remove(group.id, packed, done.version, (at, done.first_seq))
    return done


def erase(publisher: Publisher, group: Group, values: tuple, packed: bytes) -> Published:
    """Take a key out of every version: rewrite the offline table without it, then delete the old files.

    A mark in the table's folder stands until the old files are gone, so that `featurestore.repair` can finish after a kill.
    """
    version, written_at = group.version + 1, max(to_microseconds(publisher.clock()), group.last_written_at + 1)
    done = Published(
        kind="erase",
        rows=0,
        content_hash="",
        version=version,
        table_version=group.table_version,
        first_seq=group.next_seq,
        written_at=written_at,
        min_event_time=None,
        max_event_time=None,
        may_tie=False,
        keys=[],
        source=None,
    )
    if not group.offline:
        publisher.online.remove(group.id, packed, version, None, dataclasses.asdict(done))
        publisher.make_visible(group, done)
        return done
    mark = erasure_mark(publisher, group)
    with plain_disk_errors(f"erasing a key of group {group.name!r}"):
        if offline.files(publisher.ws.root, group):
            mark.touch()
            done = dataclasses.replace(done, table_version=_without(publisher, group, values))
        try:
            publisher.make_visible(group, done)
        except BaseException as error:
            publisher.take_back(group, error)
            raise
    if group.online:
        publisher.online.remove(group.id, packed, version, None)
    finish_erasure(publisher, group.name)
    return done


def _without(publisher: Publisher, group: Group, values: tuple) -> int:
    """Commit the table without a key and return its Delta version; the catalog does not name it yet."""
    where = offline.folder(publisher.ws.root, group)
    test, bound = offline.key_test(group, values)
    with q.connection() as con:
        scan = f"read_parquet({q.texts(offline.files(publisher.ws.root, group))}, union_by_name = true)"
        kept = con.sql(f"SELECT * FROM {scan} WHERE NOT ({test})", params=bound)
        schema = tables.schema_of(con, kept)
        new = offline.write(con, kept, where)
    return tables.commit(where, new, "overwrite", schema, {"tilth": "erase", "group": group.name})


def erasure_mark(publisher: Publisher, group: Group) -> Path:
    """Return the file that exists while an erasure is on its way."""
    return offline.folder(publisher.ws.root, group) / "_erasing"


def finish_erasure(publisher: Publisher, name: str) -> None:
    """Delete the files that an erasure left behind, if it became visible, and take its mark away."""
    with publisher.ws.reading() as session:
        group = catalog.group_named(session, name)
        kinds = {p.version: p.kind for p in catalog.publications(session, group)}
    if kinds.get(group.version) == "erase":
        read = set(offline.files(publisher.ws.root, group))
        for path in offline.folder(publisher.ws.root, group).glob("*.parquet"):
            if str(path) not in read:
                path.unlink()
    erasure_mark(publisher, group).unlink(missing_ok=True)
