"""The online store: one packed record per key, in `online.sqlite` (WAL), or in Redis or PostgreSQL when that is outgrown.

Per group: `key → event time, seq, deleted, value`. A write wins over what is there when its (event time, seq) is greater,
decided where the record lies, so order of arrival never matters; a tombstone is a record without value and wins in the same
way. `applied` says up to which version of a group the store is complete; it moves with the last of the records.
`OnlineStore` (SQLite), `RedisOnline` and `PostgresOnline` have the same methods and pass the same tests.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from transforms.errors import InputError
from workspace import Workspace

PASSWORD = "TILTH_ONLINE_PASSWORD"  # of the server; addresses are written down, passwords never
BUSY_TIMEOUT_S = 30
ROWS_AT_ONCE = 5000


def place(ws: Workspace) -> str:
    """Return where the workspace keeps its online records: "sqlite", or the address of a server."""
    return (ws.settings.get("online") or {}).get("url", "sqlite")


def open_online(ws: Workspace, url: str):
    """Return the online store at "sqlite" or at an address such as `redis://host:6379/0` or `postgresql://host/database`.

    The password of a server comes from the environment (`TILTH_ONLINE_PASSWORD`).
    """
    if url == "sqlite":
        return OnlineStore(ws.root / "online.sqlite")
    parts = urlsplit(url)
    if parts.password:
        raise InputError(
            "The address of an online store is written down, so it cannot hold a password.",
            hint=f"Leave it out of the address and set {PASSWORD} in the environment.",
        )
    scheme, password = parts.scheme, os.environ.get(PASSWORD)
    if scheme in ("redis", "rediss", "unix"):
        from featurestore.online_redis import RedisOnline

        return RedisOnline(url, workspace_id(ws), password)
    if scheme in ("postgresql", "postgres"):
        from featurestore.online_postgres import PostgresOnline

        return PostgresOnline(url, workspace_id(ws), password)
    raise InputError(
        f"{url!r} is no place for online records.",
        hint="Write sqlite, redis://host:6379/0 or postgresql://host/database.",
    )


def workspace_id(ws: Workspace) -> str:
    """Return what tells this workspace's records from those of others on one server."""
    return ws.settings.get("id") or ws.settings.set("id", secrets.token_hex(8), keep=True)


class OnlineStore:
    """The online file of one workspace; safe to use from several threads and processes."""

    def __init__(self, path: Path):
        self.path = path
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    def _connection(self) -> sqlite3.Connection:
        con = getattr(self._local, "con", None)
        if con is None:
            con = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            con.execute("PRAGMA journal_mode = WAL")
            con.execute(
                "PRAGMA synchronous = NORMAL"
            )  # a power cut may lose the last commits; repair writes them again
            con.execute(
                "CREATE TABLE IF NOT EXISTS applied (group_id INTEGER PRIMARY KEY, version INTEGER NOT NULL, publication TEXT)"
            )
            con.execute(
                "CREATE TABLE IF NOT EXISTS removed (group_id INTEGER, key_hash BLOB, event_time INTEGER, seq INTEGER, "
                "PRIMARY KEY (group_id, key_hash)) WITHOUT ROWID"
            )
            self._local.con = con
            with self._lock:
                self._all.append(con)
        return con

    def check(self) -> None:
        """Raise when the store cannot be used."""
        self._connection()

    def close(self) -> None:
        with self._lock:
            for con in self._all:
                con.close()
            self._all.clear()
        self._local = threading.local()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        con = self._connection()
        con.execute("BEGIN IMMEDIATE")
        try:
            yield con
        except BaseException:
            con.execute("ROLLBACK")
            raise
        con.execute("COMMIT")

    def find(self, group_id: int, key: bytes) -> tuple[int, int, bytes] | None:
        """Return (event time in µs, deleted, packed value) of a key, or None."""
        try:
            return (
                self._connection()
                .execute(f"SELECT event_time, deleted, value FROM records_{group_id} WHERE key = ?", (key,))
                .fetchone()
            )
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):  # nothing was ever published
                return None
            raise

    def find_many(self, group_id: int, keys: Iterable[bytes | None]) -> list[tuple[int, int, bytes] | None]:
        """Return `find` for each key, all from one moment."""
        con = self._connection()
        con.execute("BEGIN")
        try:
            return [None if key is None else self.find(group_id, key) for key in keys]
        finally:
            con.execute("COMMIT")

    def applied(self, group_id: int) -> int:
        """Return the last version whose records are all here; 0 when there is none."""
        row = self._connection().execute("SELECT version FROM applied WHERE group_id = ?", (group_id,)).fetchone()
        return row[0] if row else 0

    def pending_publication(self, group_id: int) -> dict | None:
        """Return the publication that the last write of an online-only group belongs to."""
        row = self._connection().execute("SELECT publication FROM applied WHERE group_id = ?", (group_id,)).fetchone()
        return json.loads(row[0]) if row and row[0] else None

    def write(
        self,
        group_id: int,
        version: int,
        batches: Iterable[Iterable[tuple[bytes, int, int, int, bytes]]],
        publication: dict | None = None,
        *,
        replace: bool = False,
    ) -> None:
        """Upsert records (key, event time, seq, deleted, value) and mark the version applied, in one transaction.

        Args:
            replace: empty the group first: rebuild it from the offline store.
        """
        with self._writing() as con:
            self._table(con, group_id)
            if replace:
                con.execute(f"DELETE FROM records_{group_id}")
            guards = by_hash(self.guards(group_id))
            for batch in batches:
                rows = allowed(batch, guards) if guards else batch
                con.executemany(
                    f"INSERT INTO records_{group_id} (key, event_time, seq, deleted, value) VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT (key) DO UPDATE SET event_time = excluded.event_time, seq = excluded.seq, "
                    "deleted = excluded.deleted, value = excluded.value "
                    f"WHERE (excluded.event_time, excluded.seq) > (records_{group_id}.event_time, records_{group_id}.seq)",
                    rows,
                )
            self._mark(con, group_id, version, publication)

    def remove(self, group_id: int, key: bytes, version: int, guard: tuple[int, int] | None, publication=None) -> None:
        """Take a key out of the file. With a guard (event time, seq) older records of it stay out; only its hash is kept."""
        with self._writing() as con:
            self._table(con, group_id)
            con.execute(f"DELETE FROM records_{group_id} WHERE key = ?", (key,))
            if guard:
                con.execute("INSERT OR REPLACE INTO removed VALUES (?, ?, ?, ?)", (group_id, key_hash(key), *guard))
            else:
                con.execute("DELETE FROM removed WHERE group_id = ? AND key_hash = ?", (group_id, key_hash(key)))
            self._mark(con, group_id, version, publication)

    def drop(self, group_id: int) -> None:
        """Forget a group."""
        with self._writing() as con:
            con.execute(f"DROP TABLE IF EXISTS records_{group_id}")
            con.execute("DELETE FROM applied WHERE group_id = ?", (group_id,))
            con.execute("DELETE FROM removed WHERE group_id = ?", (group_id,))

    def count(self, group_id: int) -> int:
        """Return the number of keys that have a record (expired ones included)."""
        try:
            query = f"SELECT count(*) FROM records_{group_id} WHERE deleted = 0"
            return self._connection().execute(query).fetchone()[0]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return 0
            raise

    def scan(self, group_id: int) -> Iterator[tuple[bytes, int, int, int, bytes]]:
        """Yield (key, event time, seq, deleted, value) of every key."""
        query = f"SELECT key, event_time, seq, deleted, value FROM records_{group_id}"
        with self._writing() as con:
            self._table(con, group_id)
        yield from self._connection().execute(query)

    @staticmethod
    def _table(con: sqlite3.Connection, group_id: int) -> None:
        con.execute(
            f"CREATE TABLE IF NOT EXISTS records_{group_id} (key BLOB PRIMARY KEY, event_time INTEGER NOT NULL, "
            "seq INTEGER NOT NULL, deleted INTEGER NOT NULL, value BLOB NOT NULL)"
        )

    @staticmethod
    def _mark(con: sqlite3.Connection, group_id: int, version: int, publication: dict | None) -> None:
        con.execute(
            "INSERT INTO applied VALUES (?, ?, ?) ON CONFLICT (group_id) DO UPDATE SET "
            "version = max(version, excluded.version), publication = excluded.publication",
            (group_id, version, json.dumps(publication) if publication else None),
        )

    def guards(self, group_id: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield (hash of the key, event time, seq) of every hard delete."""
        query = "SELECT key_hash, event_time, seq FROM removed WHERE group_id = ?"
        yield from self._connection().execute(query, (group_id,))

    def set_guards(self, group_id: int, guards: Iterable[tuple[bytes, int, int]]) -> None:
        """Replace the hard deletes that are known."""
        with self._writing() as con:
            con.execute("DELETE FROM removed WHERE group_id = ?", (group_id,))
            con.executemany("INSERT INTO removed VALUES (?, ?, ?, ?)", ((group_id, *guard) for guard in guards))


def by_hash(guards: Iterable[tuple[bytes, int, int]]) -> dict[bytes, tuple[int, int]]:
    """Return hash of the key → (event time, seq) of hard deletes."""
    return {hashed: (event_time, seq) for hashed, event_time, seq in guards}


def allowed(batch: Iterable[tuple], guards: dict[bytes, tuple[int, int]]) -> Iterator[tuple]:
    """Leave out records that are not newer than the hard delete of their key."""
    for record in batch:
        guard = guards.get(key_hash(record[0]))
        if guard is None or record[1:3] > guard:
            yield record


def key_hash(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:16]
