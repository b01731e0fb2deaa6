"""The catalog database: opening it, sessions, and migrations.

SQLite in WAL mode: readers never wait for the writer. A writing transaction takes the write lock when it begins, so it
waits for its turn (30 s) and never fails half-way because somebody else wrote first.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from transforms.errors import Conflict, InputError
from workspace.schema import HEAD
from workspace.sql import plain_disk_errors

BUSY_TIMEOUT_MS = 30_000
_READ_ONLY = "tilth_reading"


def open_engine(path: Path) -> Engine:
    """Return the engine of the catalog at `path`, made and brought up to date where needed.

    Raises:
        InputError: the file is not a catalog, or the disk is full or not writable.
        Conflict: a newer version of Tilth wrote it.
    """
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    try:
        with plain_disk_errors("opening the catalog"):
            if _version(engine) != HEAD:
                _migrate(engine, path)
    except DatabaseError as error:
        engine.dispose()
        if isinstance(error.orig, sqlite3.DatabaseError) and "not a database" in str(error.orig):
            raise InputError(
                f"The catalog {str(path)!r} is not a database.", hint="Restore it from a copy, or open another folder."
            ) from error
        raise
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def session(engine: Engine, *, write: bool) -> Iterator[Session]:
    """Give a session; commit when the block ends well, else roll back.

    Threads of one process queue for writing in front of SQLite: its own waiting is a poll with growing pauses, which
    leaves some waiting for seconds when many write.
    """
    bind = engine if write else engine.execution_options(**{_READ_ONLY: True})
    with _turn(engine) if write else nullcontext(), Session(bind, expire_on_commit=False) as opened, opened.begin():
        yield opened


_new_turn = threading.Lock()
_turns: WeakKeyDictionary[Engine, threading.RLock] = WeakKeyDictionary()


def _turn(engine: Engine) -> threading.RLock:
    with _new_turn:
        return _turns.setdefault(engine, threading.RLock())


def _prepare(connection: sqlite3.Connection, record) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: Python's own BEGIN leaves table changes outside
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection) -> None:
    reading = connection.get_execution_options().get(_READ_ONLY)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _version(engine: Engine) -> str | None:
    """Return the migration the catalog is at, or None for a new one."""
    with engine.execution_options(**{_READ_ONLY: True}).connect() as connection:
        known = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").first()
        row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first() if known else None
    return row[0] if row else None


def migration_config():
    """Return Alembic's configuration, made in code: there is no alembic.ini."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _migrate(engine: Engine, path: Path) -> None:
    """Run the missing migrations in one transaction; two processes at once take turns."""
    from alembic import command
    from alembic.script import ScriptDirectory

    config = migration_config()
    scripts = ScriptDirectory.from_config(config)
    with engine.begin() as connection:  # holds the write lock from the start
        row = None
        if connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").first():
            row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
        if row and row[0] not in {script.revision for script in scripts.walk_revisions()}:
            raise Conflict(
                f"The workspace {str(path.parent)!r} was written by a newer version of Tilth.",
                hint="Update Tilth, or open another workspace.",
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
