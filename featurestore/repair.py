"""Repair: bring Delta table, catalog and online records of a group together after a kill, and compare them in full."""

from __future__ import annotations

from collections.abc import Sequence

from featurestore import catalog, offline
from featurestore.catalog import Published
from featurestore.deleting import erasure_mark, finish_erasure
from featurestore.groups import Group
from featurestore.publishing import Publisher
from workspace import sql as q
from workspace import tables


def is_damaged(publisher: Publisher, group: Group) -> bool:
    """Return whether a killed write left something to finish or take back; costs a look into a folder."""
    newest = tables.table_version(offline.folder(publisher.ws.root, group)) if group.offline else None
    if newest is not None and newest != group.table_version:
        return True
    if group.offline and erasure_mark(publisher, group).exists():
        return True
    return group.online and publisher.online.applied(group.id) != group.version


def repair(publisher: Publisher, group: Group) -> list[str]:
    """Bring Delta table, catalog and online records of a group together; the lock is held."""
    said = []
    if group.offline:
        newest = tables.table_version(offline.folder(publisher.ws.root, group))
        if newest is not None and newest != group.table_version:
            publisher.undo_commit(group)
            said.append("a publish that did not finish was taken back")
    if group.online:
        said += _repair_online(publisher, group)
    if group.offline and erasure_mark(publisher, group).exists():
        finish_erasure(publisher, group.name)
        said.append("an erasure was finished")
    return said


def _repair_online(publisher: Publisher, group: Group) -> list[str]:
    """Bring the online records to the catalog's version; for a group without offline store, the catalog to theirs."""
    said = []
    applied = publisher.online.applied(group.id)
    if applied < group.version and group.offline:
        with publisher.ws.reading() as session:
            missing = [p for p in catalog.publications(session, group) if p.version > applied]
        erased = any(p.kind == "erase" for p in missing)
        newer = "" if erased else f" WHERE version > {applied}"
        rows = f"(SELECT * FROM ({offline.select(publisher.ws.root, group)}){newer})"
        with q.connection() as con:
            records = publisher.online_records(con, group, rows, unique=False)
            publisher.online.write(group.id, group.version, records, replace=erased)
        said.append(f"online records of version {applied + 1} to {group.version} were written")
    elif applied > group.version and not group.offline:
        pending = publisher.online.pending_publication(group.id)
        if pending and pending["version"] == group.version + 1:
            publisher.make_visible(group, Published(**pending))
            said.append(f"version {pending['version']} was entered in the catalog")
    return said


def reconcile(publisher: Publisher, group: Group, repairs: Sequence[str]) -> dict:
    """Compare online with offline for every key, repair differences, and say what was found.

    Args:
        repairs: what was repaired already when the group's lock was taken.
    """
    messages = list(repairs)
    if swept := offline.sweep(publisher.ws.root, group):
        messages.append(f"{swept} files of publishes that never finished were deleted")
    report = {"group": group.name, "keys": 0, "repaired": 0, "messages": messages}
    if not (group.online and group.offline) or any(k.type is None for k in group.keys):
        return report
    rows = f"({offline.select(publisher.ws.root, group)})"
    with q.connection() as con:
        expected = {}
        for batch in publisher.online_records(con, group, rows, unique=False):
            expected.update({key: None if deleted else (at, seq) for key, at, seq, deleted, _ in batch})
        stored = {key: None if gone else (at, seq) for key, at, seq, gone, _ in publisher.online.scan(group.id)}
        wrong = sum(stored.get(key) != value for key, value in expected.items())
        wrong += sum(key not in expected for key, value in stored.items() if value is not None)
        report["keys"] = len(expected)
        if wrong:
            records = publisher.online_records(con, group, rows, unique=False)
            publisher.online.write(group.id, group.version, records, replace=True)
            messages.append(f"{wrong} online records differed from the offline store and were written again")
        report["repaired"] = wrong
    return report
