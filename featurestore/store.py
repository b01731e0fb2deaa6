"""The feature store: groups, publishing, online records, point-in-time training sets.

Publishing, in this order, under one lock per group:
1. the whole batch is checked in DuckDB; one bad row rejects it,
2. its rows are written to a new Parquet file and synced; nobody reads it yet,
3. one Delta commit names the file; readers still open the Delta version that the catalog names,
4. one catalog transaction moves the group to the new version: this is the commit, offline readers see it whole,
5. one SQLite transaction brings the online records to that version.
Killed before 4: the old version; the next writer, open or `reconcile` takes the Delta commit back. Killed between 4 and 5:
the new version, with online records one version behind (never ahead) until the next writer, open or `reconcile` writes them.
For a group without offline store step 5 comes first and is the commit; the catalog follows.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sqlite3
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from featurestore import catalog, intake, moving, offline, repair, search, training_sets, views
from featurestore.deleting import bury
from featurestore.deleting import erase as erase_key
from featurestore.encoding import (
    encode_key,
    from_microseconds,
    key_values,
    read_moment,
    to_microseconds,
)
from featurestore.groups import (
    Column,
    Group,
    check_group_name,
    merged_features,
    read_columns,
    split_reference,
    ttl_microseconds,
)
from featurestore.intake import first_row
from featurestore.locks import held
from featurestore.online import open_online, place
from featurestore.point_in_time import NaiveTimeWarning
from featurestore.publishing import Publisher
from featurestore.view_reader import ViewReader
from featurestore.views import View
from transforms.errors import Conflict, InputError, NotFound, Unavailable
from workspace import Workspace, tables
from workspace import sql as q
from workspace.schema.base import now as utc_now
from workspace.schema.features import FeatureDefinitionRow, FeatureGroupRow

if TYPE_CHECKING:
    from workspace.runs import RunHandle

LOCK_TIMEOUT_S = 600


@dataclass(frozen=True)
class Publication:
    """What a write did. `rows` is what this call wrote; 0 when the batch was there already or empty."""

    group: str
    version: int
    rows: int
    rejected: int = 0
    unchanged: bool = False
    warnings: tuple[str, ...] = ()


class FeatureStore:
    """Features of one workspace; several processes and threads may open it at the same time.

    Args:
        workspace: folder of the workspace, or an open `Workspace`.
        clock: gives the present moment; for tests of TTL.

    Example:
        >>> import tempfile
        >>> fs = FeatureStore(tempfile.mkdtemp())
        >>> _ = fs.create_group("users", keys=["id"], event_time="ts", features={"age": "int64"})
        >>> fs.put("users", {"id": 7, "ts": "2026-01-01T00:00:00Z", "age": 41}).version
        1
        >>> fs.get("users", 7, ["age"])
        {'age': 41}
    """

    def __init__(
        self,
        workspace: str | os.PathLike | Workspace | None = None,
        *,
        clock: Callable[[], dt.datetime] = utc_now,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
    ):
        self.ws = workspace if isinstance(workspace, Workspace) else Workspace.open(workspace)
        self._place = place(self.ws)
        self.online = open_online(self.ws, self._place)
        self._view_readers: dict[str, ViewReader] = {}
        self._left: list = []  # online stores that this process used before somebody moved the records
        self._clock = clock
        self._publisher = Publisher(self.ws, self.online, clock)
        self._lock_timeout_s = lock_timeout_s
        self._local = threading.local()
        self._duck, self._duck_lock = None, threading.Lock()
        self._repair_on_open()

    def close(self) -> None:
        """Release the files; the workspace stays open for others."""
        for online in [*self._left, self.online]:
            online.close()
        self._left.clear()
        con = getattr(self._local, "catalog", None)
        if con is not None:
            con.close()
        self._local = threading.local()
        with self._duck_lock:
            if self._duck is not None:
                self._duck.close()
            self._duck = None

    @contextmanager
    def _cursor(self) -> Iterator:
        """Give a DuckDB connection for small things; it shares one database, since opening one takes 30 ms."""
        with self._duck_lock:
            if self._duck is None:
                self._duck = q.connect()
            con = self._duck.cursor()
        try:
            con.execute("SET TimeZone = 'UTC'")
            yield con
        finally:
            con.close()

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    # ---------------------------------------------------------------- groups

    def create_group(
        self,
        name: str,
        *,
        keys: Sequence[str] | Mapping[str, str],
        event_time: str = "ts",
        features: Mapping[str, str | Mapping],
        ttl=None,
        online: bool = True,
        offline: bool = True,
        description: str = "",
        tags: Sequence[str] = (),
        owner: str = "",
    ) -> dict:
        """Make a feature group, or bring an existing one to this definition; return `describe(name)`.

        For an existing group new features make a new definition version; TTL, description, tags and owner are set.

        Args:
            keys: names of the key columns, or name → type; without a type the first rows decide.
            features: name → type, or name → `{"type", "description", "unit", "expect", "deprecated"}`. Types: int64, float64,
                string, bool, timestamp, list<float>, vector<N>, image. `expect` holds for every published value:
                `{"not_null", "min", "max", "in", "pattern", "size"}`; a batch that breaks it is rejected as a whole.
            ttl: how long a record is valid after its event time: timedelta, seconds, or text such as "7d"; None: forever.

        Raises:
            InputError: a name or type that cannot be used.
            Conflict: the group exists and a feature would be removed or retyped, or keys would change.
        """
        check_group_name(name)
        key_columns, feature_columns = read_columns(keys, event_time, features)
        ttl_us = ttl_microseconds(ttl)
        if not online and not offline:
            raise InputError(f"Group {name!r} would be stored nowhere.", hint="Keep online, offline, or both.")
        from sqlalchemy import select

        with self.ws.session() as session:
            row = session.scalar(select(FeatureGroupRow).where(FeatureGroupRow.name == name))
            if row is None:
                row = FeatureGroupRow(
                    name=name,
                    keys=catalog.as_stored(key_columns),
                    event_time=event_time,
                    ttl_us=ttl_us,
                    online=online,
                    offline=offline,
                    description=description,
                    tags=list(tags),
                    owner=owner,
                    created_at=utc_now(),
                )
                session.add(row)
                session.flush()
                self._clear_place(row.id, name)
                session.add(_definition(row.id, 1, feature_columns))
                self.ws.audit.record("feature_group.create", name, {"features": len(feature_columns)}, session=session)
            else:
                group = catalog.group_named(session, name)
                if (online, offline) != (group.online, group.offline):
                    raise Conflict(f"Group {name!r} cannot change where it is stored.", hint="Make a new group.")
                merged = merged_features(group, key_columns, event_time, feature_columns)
                changed = [(f.name, f.type) for f in merged] != [(f.name, f.type) for f in group.features]
                if changed:
                    row.definition_version += 1
                    session.add(_definition(row.id, row.definition_version, merged))
                elif merged != group.features:
                    self._redescribe(session, group, merged)
                row.ttl_us = ttl_us
                row.description = description or row.description
                row.tags = list(tags) or row.tags
                row.owner = owner or row.owner
                row.revision += 1
                detail = {"definition_version": row.definition_version, "ttl_us": ttl_us}
                self.ws.audit.record("feature_group.change", name, detail, session=session)
        return self.describe(name)

    def _clear_place(self, group_id: int, name: str) -> None:
        """Clear what a killed `drop_group` may have left under this number, which the catalog gives out again."""
        self.online.drop(group_id)
        tables.drop(self.ws.root / "tables" / "features" / f"{name}-{group_id}")

    def change_group(
        self,
        name: str,
        *,
        add: Mapping[str, str | Mapping] | None = None,
        features: Mapping[str, Mapping] | None = None,
        **settings,
    ) -> dict:
        """Add features, say more about known ones, or change `ttl`, `description`, `tags`, `owner`; what is not named stays.

        Args:
            features: known feature → any of `description`, `unit`, `expect`, `deprecated` (what to use instead).

        Example:
            `fs.change_group("users", add={"city": "string"}, features={"age": {"deprecated": "use born"}}, ttl="30d")`
        """
        group = self._group(name)
        if unknown := set(settings) - {"ttl", "description", "tags", "owner"}:
            raise InputError(f"{sorted(unknown)} cannot be changed.", hint="Change ttl, description, tags or owner.")
        declared: dict = {c.pop("name"): c for c in catalog.as_stored(group.features)}
        for feature, said in (features or {}).items():
            declared[group.feature(feature).name] |= said
        declared |= add or {}
        ttl = settings.pop("ttl", dt.timedelta(microseconds=group.ttl_us) if group.ttl_us else None)
        keys = {k.name: k.type for k in group.keys}
        stores = {"online": group.online, "offline": group.offline}
        return self.create_group(
            name, keys=keys, event_time=group.event_time, features=declared, ttl=ttl, **stores, **settings
        )

    @staticmethod
    def _redescribe(session, group: Group, features: Sequence[Column]) -> None:
        from sqlalchemy import select

        query = select(FeatureDefinitionRow).where(
            FeatureDefinitionRow.group_id == group.id, FeatureDefinitionRow.version == group.definition_version
        )
        session.scalars(query).one().features = catalog.as_stored(features)

    def drop_group(self, name: str) -> None:
        """Delete a group with everything in it; leaves an audit line."""
        with self._writing(name) as group:
            with self.ws.session() as session:
                session.delete(session.get(FeatureGroupRow, group.id))
                self.ws.audit.record("feature_group.drop", name, {"version": group.version}, session=session)
            self.online.drop(group.id)
            tables.drop(offline.folder(self.ws.root, group))

    def groups(self) -> list[dict]:
        """Return `describe` of every group, by name."""
        with self.ws.reading() as session:
            return [self._described(session, group) for group in catalog.groups(session)]

    def describe(self, group: str) -> dict:
        """Return definition, versions and publications of a group as plain values."""
        with self.ws.reading() as session:
            return self._described(session, catalog.group_named(session, group))

    def _described(self, session, group: Group) -> dict:
        publications = catalog.publications(session, group)
        return {
            "name": group.name,
            "description": group.description,
            "keys": [{"name": k.name, "type": k.type} for k in group.keys],
            "event_time": group.event_time,
            "features": catalog.as_stored(group.features),
            "ttl_seconds": group.ttl_us / 1_000_000 if group.ttl_us else None,
            "online": group.online,
            "offline": group.offline,
            "tags": list(group.tags),
            "owner": group.owner,
            "version": group.version,
            "definition_version": group.definition_version,
            "definitions": [
                {"version": number, "features": catalog.as_stored(features)}
                for number, features in group.definitions.items()
            ],
            "rows": sum(p.rows for p in publications),
            "online_records": self._online_records(group),
            "created_at": group.created_at.isoformat(),
            "versions": [
                {
                    "version": p.version,
                    "kind": p.kind,
                    "rows": p.rows,
                    "definition_version": p.definition_version,
                    "written_at": from_microseconds(p.written_at).isoformat(),
                    "content_hash": p.content_hash,
                    "source": p.source,
                }
                for p in publications
            ],
        }

    def _online_records(self, group: Group) -> int | None:
        """Return how many keys have a record online, or None while the server of the online store does not answer."""
        try:
            return self.online.count(group.id) if group.online else 0
        except Unavailable:
            return None

    def key_columns(self, group: str) -> list[dict]:
        """Return `[{"name", "type"}]` of a group's keys; costs microseconds."""
        return [{"name": k.name, "type": k.type} for k in self._group(group).keys]

    # ---------------------------------------------------------------- views

    def create_view(
        self,
        name: str,
        features: Sequence[str],
        description: str = "",
        *,
        ttl: Mapping[str, object] | None = None,
        defaults: Mapping[str, object] | None = None,
        join_keys: Mapping[str, Mapping[str, str]] | None = None,
        request: Mapping[str, str] | None = None,
        recipe=None,
    ) -> dict:
        """Name a choice of features across groups; another definition under the same name is its next version.

        Args:
            features: `["group:feature", …]`, "group:*" for all.
            ttl: "group:feature" → how old it may be ("7d"), where that is shorter than the group's own TTL.
            defaults: name of a feature in the view → value where it is missing, unknown, deleted or expired.
            join_keys: how callers name a group's keys: `{"users": {"id": "buyer"}}`.
            request: columns that come with the request, name → type, for `recipe`.
            recipe: fitted recipe of steps of class `row` or `fitted` over features and request columns, applied at each
                read and in training sets; its columns are then what the view gives.
        """
        names = dict.fromkeys(split_reference(text)[0] for text in features)
        with self.ws.reading() as session:
            groups = {group: catalog.group_named(session, group) for group in names}
        view = views.made(
            name,
            features,
            groups,
            description=description,
            ttl=ttl,
            defaults=defaults,
            join_keys=join_keys,
            request=request,
            recipe=recipe,
        )
        return views.save(self.ws, view).dump()

    def search(self, words: str) -> list[dict]:
        """Return groups, features and views in which all the words occur, best first: `{"kind", "name", "description"}`.

        Looked at are names, descriptions, units, tags and owners.
        """
        return search.found(words, self.groups(), self.views())

    def views(self) -> list[dict]:
        """Return the newest version of every view, by name."""
        return [view.dump() for view in views.views(self.ws)]

    def view(self, ref: str) -> dict:
        """Return a view by name (its newest version) or by `name@version`, with all `versions` of it."""
        found = views.get(self.ws, ref)
        return {**found.dump(), "versions": [v.dump() for v in views.versions(self.ws, found.name)]}

    def drop_view(self, name: str) -> None:
        """Delete a view with all its versions; groups and training sets stay."""
        views.drop(self.ws, name)

    def get_features(self, view: str, rows, request: Mapping | None = None, *, status: bool = False):
        """Return what a view gives online for one row of keys, or for a list of them, all from one moment per group.

        Args:
            view: name or `name@version`.
            rows: `{key column: value}` with the keys of every group of the view (and the request's columns), a list of
                such, or a bare value where the view has one key column.
            request: the request's columns, for a single row.
            status: return `{"values", "status", "event_times"}` per row; status by group: found, missing.
        """
        single = not isinstance(rows, list)
        rows = [rows] if single else rows
        found = self._reader(view).read(self, rows, request or {}, status)
        return found[0] if single else found

    def _reader(self, ref: str) -> ViewReader:
        """Return what reads a view online; made once per version of the view and state of the catalog."""
        change, local = self.catalog_change(), self._local
        if change != getattr(local, "views_change", None):
            local.views_change, local.readers = change, {}
        if ref not in local.readers:
            found = views.get(self.ws, ref)
            with self._duck_lock:
                kept = self._view_readers.get(found.ref)
                if kept is None or kept.view.created_at != found.created_at:
                    kept = self._view_readers[found.ref] = ViewReader(found)
            local.readers[ref] = kept
        return local.readers[ref]

    def _features_of(self, features: str | Sequence[str] | Mapping) -> View:
        """Return the choice of features as a view; a plain list is one without a name."""
        if isinstance(features, Mapping):
            features = features.get("ref") or features["features"]
        if isinstance(features, str) and ":" not in features:
            return views.get(self.ws, features)
        return views.View("", 0, (features,) if isinstance(features, str) else tuple(features))

    # ---------------------------------------------------------------- writing

    def publish(self, group: str, table, *, source=None, handle: RunHandle | None = None) -> Publication:
        """Write a whole batch as the next version of a group; the same batch again changes nothing.

        Args:
            table: Arrow, pandas, Polars, DuckDB relation, record batch reader, file path, dataset name or version.
            source: where it comes from: `{"recipe": …, "dataset": …}` or a fitted recipe; kept with the version.
            handle: for progress and cancel; a cancel that comes before the commit leaves nothing.

        Raises:
            BatchRejected: some row has a wrong type, an unknown column, a null key or a null event time. Nothing was written.
        """
        self._group(group)
        with intake.opened(self.ws, table) as batch, self._writing(group) as current:
            return self._write(current, batch, "publish", {**batch.source, **_source(source)} or None, handle)

    def put(self, group: str, record_or_records: Mapping | Iterable[Mapping], *, source=None) -> Publication:
        """Write one record or a few, online and offline together; a record that is stored already changes nothing."""
        single = isinstance(record_or_records, Mapping)
        records = [record_or_records] if single else list(record_or_records)
        if not records:
            return Publication(group, self._group(group).version, 0, unchanged=True)
        with self._writing(group) as current:
            table = intake.records_table(current, records)
            with self._cursor() as con, intake.opened(self.ws, table, con) as batch:
                return self._write(current, batch, "put", _source(source) or None)

    def _write(self, group: Group, batch: intake.Batch, kind: str, source: dict | None, handle=None) -> Publication:
        if handle:
            handle.progress(0.1, "checking every row")
        if not first_row(batch.con, "SELECT 1 FROM batch LIMIT 1"):
            return Publication(group.name, group.version, 0, unchanged=True)
        checked = intake.check(group, batch)
        for warning in batch.warnings:
            warnings.warn(warning, NaiveTimeWarning, stacklevel=4)
        done = self._publisher.land(
            group, batch.con, checked.select, checked.keys, kind, source, hashed=sorted(batch.types), handle=handle
        )
        version, rows = (done.version, done.rows) if done else (None, 0)
        if done is None:
            with self.ws.reading() as session:
                version = catalog.group_named(session, group.name).version
        return Publication(group.name, version, rows, unchanged=done is None, warnings=tuple(batch.warnings))

    # ---------------------------------------------------------------- deleting

    def delete(self, group: str, key, event_time=None, hard: bool = False, *, erase: bool = False) -> Publication:
        """Delete the record of a key.

        Soft: a tombstone at `event_time` (default: now, or the stored record's event time if that is later). Online gives
        nothing unless a newer record comes; training sets see nothing from that time on, and the history before it stays.

        Args:
            hard: also take the key out of the online file.
            erase: hard, and rewrite the offline table without the key: no version holds it any more. Files and online
                record are gone when this returns; an audit line stays, without the key.
        """
        with self._writing(group) as current:
            values = key_values(current.keys, key, group)
            if any(k.type is None for k in current.keys):
                return Publication(group, current.version, 0, unchanged=True)
            packed = encode_key(current.keys, values)
            if erase:
                return Publication(group, erase_key(self._publisher, current, values, packed).version, 0)
            stored = self._newest_event(current, values, packed)
            try:
                at = to_microseconds(read_moment(event_time)) if event_time is not None else None
            except ValueError as error:
                raise InputError(
                    f"{event_time!r} is no event time.", hint="Write ISO 8601, such as 2026-01-31T12:00Z."
                ) from error
            if at is None:
                at = max(to_microseconds(self._clock()), stored if stored is not None else -(2**62))
            if hard and stored is not None and at < stored:
                raise Conflict(
                    f"The record of {key!r} is newer than this delete ({from_microseconds(stored).isoformat()}).",
                    hint="Delete at a later event time, or leave it out.",
                )
            return Publication(group, bury(self._publisher, current, values, packed, at, hard).version, 1)

    def _newest_event(self, group: Group, values: tuple, packed: bytes) -> int | None:
        if group.online:
            found = self.online.find(group.id, packed)
            return found[0] if found else None
        rows = self._history(group, values)
        column = rows.column(group.event_time)
        return to_microseconds(column[-1].as_py()) if rows.num_rows else None

    # ---------------------------------------------------------------- reading online

    def get(self, group: str, key, features: Sequence[str] | None = None) -> dict | None:
        """Return the newest record of a key, or None where there is none, it was deleted, or its TTL has passed.

        Args:
            key: scalar, tuple in the group's order, or dict.
            features: names to return, in that order; default is keys, event time and all features.
        """
        current = self._online_group(group, features)
        values = key_values(current.keys, key, group)
        if any(k.type is None for k in current.keys):
            return None
        return self._record(current, values, self.online.find(current.id, encode_key(current.keys, values)), features)

    def get_many(self, group: str, keys: Iterable, features: Sequence[str] | None = None) -> list[dict | None]:
        """Return `get` for each key, in order, all from one moment."""
        current = self._online_group(group, features)
        values = [key_values(current.keys, key, group) for key in keys]
        if any(k.type is None for k in current.keys):
            return [None] * len(values)
        found = self.online.find_many(current.id, [encode_key(current.keys, v) for v in values])
        return [self._record(current, v, row, features) for v, row in zip(values, found, strict=True)]

    def records(self, group: str, keys: Sequence) -> tuple[list[dict | None], str, int]:
        """Return `get_many`, the name of the event-time column, and the present moment in microseconds."""
        return self.get_many(group, keys), self._group(group).event_time, to_microseconds(self._clock())

    def _online_group(self, name: str, features: Sequence[str] | None) -> Group:
        group = self._group(name)
        if not group.online:
            raise InputError(f"Group {name!r} keeps no online records.", hint="Read it with training_set or read.")
        if features is not None:
            known = {*group.key_names, group.event_time, *group.feature_names}
            for feature in features:
                if feature not in known:
                    group.feature(feature)
        return group

    def _record(self, group: Group, values: tuple, found, features: Sequence[str] | None) -> dict | None:
        if found is None or found[1]:
            return None
        event_time, _, blob = found
        if group.ttl_us is not None and to_microseconds(self._clock()) - event_time > group.ttl_us:
            return None
        written = int.from_bytes(blob[:4], "little")
        if written not in group.definitions:  # a publish with a newer definition landed between our two reads
            group = self._group(group.name, fresh=True)
        record = dict(zip(group.key_names, values, strict=True))
        record[group.event_time] = from_microseconds(event_time)
        self._publisher.format(group, written).unpack(blob, record)
        if written != group.definition_version:
            record = {**record, **{n: record.get(n) for n in group.feature_names}}
        return record if features is None else {name: record[name] for name in features}

    # ---------------------------------------------------------------- reading offline

    def training_set(
        self,
        labels,
        features: Sequence[str] | str | Mapping,
        time: str = "ts",
        as_of=None,
        *,
        per_feature: bool = False,
        join_keys: Mapping[str, Mapping[str, str]] | None = None,
        ttl: Mapping[str, object] | None = None,
        handle: RunHandle | None = None,
    ):
        """Return the labels with the features that were known at each label's time, as an Arrow table.

        Rows and their order are kept, label columns are untouched, no match gives nulls. A feature keeps its name; where a
        label column or another chosen feature has the same, it is called "group:feature". The schema's metadata carries a
        manifest (`featurestore.manifest_of`) with the exact versions.

        Args:
            labels: any table with the key columns of every group and the label time.
            features: `["group:feature", …]` ("group:*" for all), or the name of a view.
            time: the label column with the moment of the prediction; any time zone, none means UTC (with a warning).
            as_of: only what was written at or before this moment.
            per_feature: take the last non-null value of each feature instead of the newest record.
            join_keys: label columns that hold a group's keys where they are named otherwise: `{"users": {"id": "buyer"}}`.
            ttl: "group:feature" → how old its record may be at the label's time, where that is shorter than the group's TTL.
            handle: for progress and cancel.
        """
        wanted = self._features_of(features)
        return training_sets.make(
            self.ws,
            labels,
            wanted,
            time,
            as_of_us=_moment_us(as_of, "as_of"),
            per_feature=per_feature,
            join_keys=join_keys,
            ttl=ttl,
            handle=handle,
        )

    def training_table(
        self, engine, labels, features, time: str = "ts", as_of=None, *, join_keys: Mapping | None = None, ttl=None
    ):
        """Return a training set lazily on another engine, as an Ibis table; its rows are in no particular order.

        The same join as `training_set`, written so that Spark can run it: `SparkEngine().frame(table)` is a Spark DataFrame.

        Args:
            engine: `transforms.engines.SparkEngine` (or `DuckDBEngine`).
            labels: path of a file, dataset version, or Ibis table of the engine.
        """
        from featurestore import on_spark

        view, as_of_us = self._features_of(features), _moment_us(as_of, "as_of")
        return on_spark.training_table(
            engine, self.ws, labels, view, time, as_of_us=as_of_us, join_keys=join_keys, ttl=ttl
        )

    def save_training_set(self, name: str, labels, features, time: str = "ts", as_of=None, **more):
        """Write a training set as a new version of dataset `name`; its lineage says exactly how it was made.

        Arguments as in `training_set`. `rebuild_training_set` makes the same rows again from that lineage.
        """
        return training_sets.save(self.ws, name, self.training_set(labels, features, time, as_of, **more))

    def rebuild_training_set(self, ref: str):
        """Return the training set that a saved dataset version holds, made again from its labels and the store's history.

        Raises:
            InputError: the dataset is no training set, or its labels were not a dataset version.
        """
        arguments = training_sets.made_from(self.ws, ref)
        return self.training_set(**arguments)

    def history(self, group: str, key):
        """Return every row ever written for a key, oldest event first, as an Arrow table."""
        current = self._group(group, fresh=True)
        return self._history(current, key_values(current.keys, key, group)).drop_columns(["_seq"])

    def _history(self, group: Group, values: tuple):
        test, bound = offline.key_test(group, values)
        query = f"SELECT * FROM ({offline.select(self.ws.root, group)}) WHERE {test} ORDER BY {q.ident(group.event_time)}, _seq"
        with self._cursor() as con:
            return con.sql(query, params=bound).to_arrow_table()

    def read(self, group: str, version: int | None = None, as_of=None):
        """Return all rows of a version in the order of writing, with written_at, version and is_deleted, as an Arrow table.

        Args:
            version: a data version: what had been written up to it, with the features of its definition; default the newest.
            as_of: only what was written at or before this moment.
        """
        current, features = self._at_version(group, version)
        query = offline.select(
            self.ws.root, current, version=version, as_of_us=_moment_us(as_of, "as_of"), features=features
        )
        with q.connection() as con:
            table = con.sql(f"SELECT * FROM ({query}) ORDER BY _seq").to_arrow_table()
        return table.drop_columns(["_seq"])

    def sql(self, group: str, version: int | None = None) -> str:
        """Return DuckDB SQL that selects the rows of a version (default: the newest) without reading them."""
        current, features = self._at_version(group, version)
        return f"SELECT * EXCLUDE (_seq) FROM ({offline.select(self.ws.root, current, version=version, features=features)})"

    def _at_version(self, name: str, version: int | None) -> tuple[Group, tuple[Column, ...]]:
        with self.ws.reading() as session:
            group = catalog.group_named(session, name)
            if version is None:
                return group, group.features
            publications = {p.version: p for p in catalog.publications(session, group)}
        if version not in publications:
            raise NotFound.named(f"version of group {name!r}", str(version), map(str, publications))
        return group, group.definitions[publications[version].definition_version]

    def connect(self):
        """Return a DuckDB connection with one view per group (rows as `read` gives them), as of now."""
        con = q.connect()
        with self.ws.reading() as session:
            groups = catalog.groups(session)
        for group in groups:
            query = f"SELECT * EXCLUDE (_seq) FROM ({offline.select(self.ws.root, group)})"
            con.execute(f"CREATE VIEW {q.ident(group.name)} AS {query}")
        return con

    # ---------------------------------------------------------------- where online records lie

    def online_place(self) -> str:
        """Return "sqlite", or the address of the server that holds the online records."""
        return place(self.ws)

    def move_online(self, url: str, *, handle: RunHandle | None = None) -> int:
        """Move all online records to "sqlite", `redis://…` or `postgresql://…`, for every process; return their number.

        Reading goes on meanwhile. Groups are locked while they are copied; one setting then switches all processes. Killed
        before that, everything is as it was.
        """
        self._follow()
        if url == self._place:
            return sum(self.online.count(g["id"]) for g in self._group_ids())
        old, new = self.online, open_online(self.ws, url)
        try:
            new.check()
            with ExitStack() as locks:
                groups = self._group_ids()
                for group in groups:
                    locks.enter_context(self._writing(group["name"]))
                for number, group in enumerate(groups):
                    if handle:
                        handle.progress(number / len(groups), f"copying group {group['name']}")
                    moving.copy(old, new, group["id"])
                self.ws.settings.set("online", {"url": url})
                self.ws.audit.record("feature_store.move_online", url, {"groups": len(groups)})
                self._follow(new)
            copied = {group["id"] for group in groups}
            for group in self._group_ids():  # made, and perhaps written to the old place, in between
                if group["id"] not in copied:
                    with self._writing(group["name"]):
                        if old.applied(group["id"]) > new.applied(group["id"]):
                            moving.copy(old, new, group["id"])
        except BaseException:
            if self.online is not new:
                new.close()
            raise
        for group in self._group_ids():
            old.drop(group["id"])
        return sum(self.online.count(g["id"]) for g in self._group_ids())

    def _group_ids(self) -> list[dict]:
        with self.ws.reading() as session:
            return [{"id": g.id, "name": g.name} for g in catalog.groups(session) if g.online]

    def _follow(self, opened=None) -> None:
        """Use the online store that the workspace names now; `opened` is that store if it is open already."""
        wanted = place(self.ws)
        if wanted != self._place:
            with self._duck_lock:
                if wanted != self._place:
                    opened = opened or open_online(self.ws, wanted)
                    self._left.append(self.online)
                    self.online = self._publisher.online = opened
                    self._place = wanted

    # ---------------------------------------------------------------- repair

    def reconcile(self, group: str | None = None) -> list[dict]:
        """Compare online with offline for every key, repair differences, and say what was found.

        Returns:
            One dict per group: `group`, `keys` (compared), `repaired` (keys that differed), `messages`.
        """
        names = [group] if group else [g["name"] for g in self.groups()]
        reports = []
        for name in names:
            with self._writing(name) as current:
                reports.append(repair.reconcile(self._publisher, current, self._local.repairs))
        return reports

    def vacuum(self, group: str | None = None, keep: object = "7d") -> list[dict]:
        """Delete files of the offline store that merging replaced longer than `keep` ago; no version of a group is lost.

        Returns:
            One dict per group: `group`, `files`, `bytes` (what was deleted).
        """
        hours = (ttl_microseconds(keep) or 0) / 3.6e9 if keep != 0 else 0
        reports = []
        for name in [group] if group else [g["name"] for g in self.groups()]:
            with self._writing(name) as current:
                count, size = offline.vacuum(self.ws.root, current, hours)
            reports.append({"group": name, "files": count, "bytes": size})
        return reports

    def _repair_on_open(self) -> None:
        """Finish or take back what a killed publish left, group by group; skip those that somebody is writing."""
        with self.ws.reading() as session:
            groups = catalog.groups(session)
        for group in groups:
            try:
                damaged = repair.is_damaged(self._publisher, group)
            except Unavailable:  # offline features can be read without the online store; who needs it is told then
                return
            if damaged:
                with held(self._lock_path(group.name), f"Group {group.name!r}", 0) as free:
                    if free:
                        with self.ws.reading() as session:
                            fresh = catalog.group_named(session, group.name)
                        repair.repair(self._publisher, fresh)

    @contextmanager
    def _writing(self, name: str) -> Iterator[Group]:
        """Hold the group's lock and give its newest state, repaired."""
        self._group(name)
        with held(self._lock_path(name), f"Group {name!r}", self._lock_timeout_s):
            self._follow()
            with self.ws.reading() as session:
                group = catalog.group_named(session, name)
            self._local.repairs = []
            if repair.is_damaged(self._publisher, group):
                self._local.repairs = repair.repair(self._publisher, group)
                with self.ws.reading() as session:
                    group = catalog.group_named(session, name)
            yield group

    def _lock_path(self, name: str) -> Path:
        return self.ws.root / "locks" / f"features-{name}.lock"

    # ---------------------------------------------------------------- what is known of groups

    def _group(self, name: str, fresh: bool = False) -> Group:
        """Return a group as the catalog has it now; read again only when some process changed the catalog."""
        local = self._local  # SQLite counts changes per connection, so each thread keeps its own
        change = self.catalog_change()
        if fresh or change != getattr(local, "change", None):
            self._follow()
            local.change, local.known = change, {}
        group = local.known.get(name)
        if group is None:
            with self.ws.reading() as session:
                group = local.known[name] = catalog.group_named(session, name)
        return group

    def catalog_change(self) -> int:
        """Return a number that moves whenever anyone commits to the catalog (microseconds to ask)."""
        con = getattr(self._local, "catalog", None)
        if con is None:
            con = sqlite3.connect(self.ws.engine.url.database, isolation_level=None, check_same_thread=False)
            self._local.catalog = con
        return con.execute("PRAGMA data_version").fetchone()[0]


def _definition(group_id: int, version: int, features: Sequence[Column]) -> FeatureDefinitionRow:
    return FeatureDefinitionRow(
        group_id=group_id, version=version, features=catalog.as_stored(features), created_at=utc_now()
    )


def _moment_us(value, what: str) -> int | None:
    if value is None:
        return None
    try:
        return to_microseconds(read_moment(value))
    except ValueError as error:
        raise InputError(f"{what} {value!r} is no moment.", hint="Give a datetime or ISO 8601 text.") from error


def _source(source) -> dict:
    """Return lineage as JSON values: a dict is kept, a fitted recipe is taken apart, its data versions named."""
    if source is None:
        return {}
    if hasattr(source, "dump"):
        content = source.dump()
        fitted_on = content.get("fitted_on") or {}
        found = {"recipe": content.get("name", "recipe"), "fitted_recipe": content}
        if others := {port: ref for port, ref in fitted_on.get("inputs", {}).items() if port != "main"}:
            found["recipe_inputs"] = others
        if fitted_on.get("dataset"):
            found["dataset"] = "@".join(
                str(p) for p in (fitted_on["dataset"], fitted_on.get("version")) if p is not None
            )
        return found
    if not isinstance(source, Mapping):
        raise InputError(f"A {type(source).__name__} is no source.", hint="Give a dict or a fitted recipe.")
    found = {}
    for name, value in source.items():
        if hasattr(value, "dump"):
            value = value.dump()
        elif hasattr(value, "ref"):
            value = value.ref
        found[name] = value
    try:
        return json.loads(json.dumps(found, default=str))
    except ValueError as error:
        raise InputError("The source cannot be written as JSON.", hint="Use names and numbers.") from error
