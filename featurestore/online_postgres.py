"""The online store in PostgreSQL: per workspace a schema, per group a table key → event time, seq, deleted, value.

Each write is one transaction: rows come by COPY into a temporary table and are merged from there, the newer one wins.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from featurestore.online import allowed, by_hash, key_hash
from transforms.errors import InputError, Unavailable

CONNECT_TIMEOUT_S = 5
ROWS_AT_ONCE = 5000


class PostgresOnline:
    """The online records of one workspace in PostgreSQL; safe to use from several threads and processes.

    Args:
        url: `postgresql://user@host:5432/database`; the password may come separately.
        workspace: id of the workspace, the name of its schema.
    """

    def __init__(self, url: str, workspace: str, password: str | None = None):
        import psycopg

        try:
            psycopg.conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            hint = "Write postgresql://user@host:5432/database."
            raise InputError(f"{url!r} is not the address of a PostgreSQL: {error}.", hint=hint) from error
        self.url, self._password = url, password
        self._schema = f"tilth_{workspace}"
        self._local = threading.local()
        self._all: list = []
        self._lock = threading.Lock()

    def _connection(self):
        import psycopg

        con = getattr(self._local, "con", None)
        if con is None or con.closed:
            options = {"password": self._password} if self._password else {}
            con = psycopg.connect(self.url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, **options)
            con.prepare_threshold = 1
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
            con.execute(f"SET search_path TO {self._schema}")
            con.execute(
                "CREATE TABLE IF NOT EXISTS applied (group_id BIGINT PRIMARY KEY, version BIGINT NOT NULL, publication TEXT)"
            )
            con.execute(
                "CREATE TABLE IF NOT EXISTS removed (group_id BIGINT, key_hash BYTEA, event_time BIGINT, seq BIGINT, "
                "PRIMARY KEY (group_id, key_hash))"
            )
            self._local.con = con
            with self._lock:
                self._all.append(con)
        return con

    @contextmanager
    def _asking(self) -> Iterator:
        import psycopg

        try:
            yield self._connection()
        except psycopg.Error as error:
            if isinstance(error, psycopg.OperationalError) and getattr(self._local, "con", None) is not None:
                self._local.con.close()  # a lost connection: the next call opens a new one
            raise Unavailable(
                f"The online store at {self.url} does not answer: {str(error).strip()}.",
                hint="Start it, or check address, password and rights.",
            ) from error

    def check(self) -> None:
        """Raise when the server does not answer or refuses a table."""
        with self._asking():
            pass

    def close(self) -> None:
        with self._lock:
            for con in self._all:
                con.close()
            self._all.clear()
        self._local = threading.local()

    def find(self, group_id: int, key: bytes) -> tuple[int, int, bytes] | None:
        return self.find_many(group_id, [key])[0]

    def find_many(self, group_id: int, keys: Iterable[bytes]) -> list[tuple[int, int, bytes] | None]:
        import psycopg

        keys = list(keys)
        query = f"SELECT key, event_time, deleted, value FROM records_{group_id} WHERE key = ANY(%b)"
        with self._asking() as con:
            try:
                rows = con.execute(query, (keys,), binary=True).fetchall()
            except psycopg.errors.UndefinedTable:  # nothing was ever published
                rows = []
            except psycopg.OperationalError:  # the server was restarted: once more on a new connection
                con.close()
                rows = self._connection().execute(query, (keys,), binary=True).fetchall()
        found = {key: (event_time, deleted, value) for key, event_time, deleted, value in rows}
        return [found.get(key) for key in keys]

    def applied(self, group_id: int) -> int:
        return self._of("version", group_id) or 0

    def pending_publication(self, group_id: int) -> dict | None:
        found = self._of("publication", group_id)
        return json.loads(found) if found else None

    def _of(self, column: str, group_id: int):
        with self._asking() as con:
            row = con.execute(f"SELECT {column} FROM applied WHERE group_id = %s", (group_id,)).fetchone()
        return row[0] if row else None

    def write(
        self,
        group_id: int,
        version: int,
        batches: Iterable[Iterable[tuple[bytes, int, int, int, bytes]]],
        publication: dict | None = None,
        *,
        replace: bool = False,
    ) -> None:
        with self._asking() as con, con.transaction():
            self._table(con, group_id)
            if replace:
                con.execute(f"DELETE FROM records_{group_id}")
            con.execute(f"CREATE TEMP TABLE arriving (LIKE records_{group_id}) ON COMMIT DROP")
            guards = by_hash(self.guards(group_id))
            with con.cursor().copy("COPY arriving FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["bytea", "int8", "int8", "int2", "bytea"])
                for batch in batches:
                    for row in allowed(batch, guards) if guards else batch:
                        copy.write_row(row)
            con.execute(
                f"INSERT INTO records_{group_id} AS old SELECT DISTINCT ON (key) * FROM arriving "
                "ORDER BY key, event_time DESC, seq DESC ON CONFLICT (key) DO UPDATE SET event_time = excluded.event_time, "
                "seq = excluded.seq, deleted = excluded.deleted, value = excluded.value "
                "WHERE (excluded.event_time, excluded.seq) > (old.event_time, old.seq)"
            )
            self._mark(con, group_id, version, publication)

    def remove(self, group_id: int, key: bytes, version: int, guard: tuple[int, int] | None, publication=None) -> None:
        with self._asking() as con, con.transaction():
            self._table(con, group_id)
            con.execute(f"DELETE FROM records_{group_id} WHERE key = %s", (key,))
            con.execute("DELETE FROM removed WHERE group_id = %s AND key_hash = %s", (group_id, key_hash(key)))
            if guard:
                con.execute("INSERT INTO removed VALUES (%s, %s, %s, %s)", (group_id, key_hash(key), *guard))
            self._mark(con, group_id, version, publication)

    def drop(self, group_id: int) -> None:
        with self._asking() as con, con.transaction():
            con.execute(f"DROP TABLE IF EXISTS records_{group_id}")
            con.execute("DELETE FROM applied WHERE group_id = %s", (group_id,))
            con.execute("DELETE FROM removed WHERE group_id = %s", (group_id,))

    def count(self, group_id: int) -> int:
        with self._asking() as con:
            if con.execute("SELECT to_regclass(%s)", (f"records_{group_id}",)).fetchone()[0] is None:
                return 0
            return con.execute(f"SELECT count(*) FROM records_{group_id} WHERE deleted = 0").fetchone()[0]

    def scan(self, group_id: int) -> Iterator[tuple[bytes, int, int, int, bytes]]:
        with self._asking() as con, con.transaction():
            self._table(con, group_id)
            with con.cursor(name="scan", binary=True) as cursor:
                cursor.itersize = ROWS_AT_ONCE
                yield from cursor.execute(f"SELECT key, event_time, seq, deleted, value FROM records_{group_id}")

    def guards(self, group_id: int) -> Iterator[tuple[bytes, int, int]]:
        with self._asking() as con:
            query = "SELECT key_hash, event_time, seq FROM removed WHERE group_id = %s"
            yield from con.execute(query, (group_id,)).fetchall()

    def set_guards(self, group_id: int, guards: Iterable[tuple[bytes, int, int]]) -> None:
        with self._asking() as con, con.transaction():
            con.execute("DELETE FROM removed WHERE group_id = %s", (group_id,))
            for guard in guards:
                con.execute("INSERT INTO removed VALUES (%s, %s, %s, %s)", (group_id, *guard))

    @staticmethod
    def _table(con, group_id: int) -> None:
        con.execute(
            f"CREATE TABLE IF NOT EXISTS records_{group_id} (key BYTEA PRIMARY KEY, event_time BIGINT NOT NULL, "
            "seq BIGINT NOT NULL, deleted SMALLINT NOT NULL, value BYTEA NOT NULL)"
        )

    @staticmethod
    def _mark(con, group_id: int, version: int, publication: dict | None) -> None:
        con.execute(
            "INSERT INTO applied AS old VALUES (%s, %s, %s) ON CONFLICT (group_id) DO UPDATE SET "
            "version = greatest(old.version, excluded.version), publication = excluded.publication",
            (group_id, version, json.dumps(publication) if publication else None),
        )
