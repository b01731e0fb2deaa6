"""Opening a workspace, where it lives, and its migrations."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from transforms.errors import Conflict, InputError
from workspace import Workspace, locate
from workspace.catalog import migration_config
from workspace.schema import HEAD
from workspace.schema.base import Base

ROOT = Path(__file__).resolve().parents[2]


def test_locate_takes_path_then_environment_then_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TILTH_WORKSPACE", raising=False)
    assert locate() == tmp_path / "workspace"
    monkeypatch.setenv("TILTH_WORKSPACE", str(tmp_path / "env"))
    assert locate() == tmp_path / "env"
    assert locate(tmp_path / "given") == tmp_path / "given"


def test_locate_puts_data_below_our_own_code():
    assert locate(ROOT / "workspace") == ROOT / "workspace" / "data"


def test_an_address_is_refused():
    with pytest.raises(InputError, match="is an address"):
        locate("postgresql://somewhere/db")


def test_a_file_is_no_workspace(tmp_path):
    (tmp_path / "x").write_text("hello")
    with pytest.raises(InputError, match="is a file, not a folder"):
        Workspace.open(tmp_path / "x")


def test_a_broken_catalog_is_one_sentence(tmp_path):
    (tmp_path / "catalog.sqlite").write_bytes(b"this is no database, just some words" * 100)
    with pytest.raises(InputError, match="is not a database"):
        Workspace.open(tmp_path)


def test_a_catalog_of_a_newer_tilth_is_refused_and_left_alone(tmp_workspace):
    with tmp_workspace.session() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict, match="newer version of Tilth"):
        Workspace.open(tmp_workspace.root)


def test_catalog_settings(tmp_workspace):
    with tmp_workspace.engine.connect() as connection:
        said = [
            connection.exec_driver_sql(f"PRAGMA {p}").scalar() for p in ("journal_mode", "foreign_keys", "busy_timeout")
        ]
    assert said == ["wal", 1, 30_000]


def test_head_is_the_newest_migration():
    from alembic.script import ScriptDirectory

    assert ScriptDirectory.from_config(migration_config()).get_current_head() == HEAD


def test_migrations_make_the_tables_that_the_classes_declare(tmp_workspace):
    import importlib
    import pkgutil

    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    import workspace.schema

    for found in pkgutil.iter_modules(workspace.schema.__path__):
        importlib.import_module(f"workspace.schema.{found.name}")
    with tmp_workspace.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert differences == []


def test_an_up_to_date_workspace_opens_without_alembic(tmp_workspace):
    code = (
        "import sys; from workspace import Workspace; Workspace.open(sys.argv[1]); "
        "sys.exit('alembic' in sys.modules or 'deltalake' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_workspace.root)], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_two_processes_may_make_one_workspace_at_once(tmp_path):
    code = "import sys; from workspace import Workspace; Workspace.open(sys.argv[1]).audit.record('opened', 'ws')"
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "ws")], cwd=ROOT, env={**os.environ})
        for _ in range(3)
    ]
    assert [process.wait() for process in started] == [0, 0, 0]
    assert len(Workspace.open(tmp_path / "ws").audit.list()) == 3


def test_a_failed_session_changes_nothing(tmp_workspace):
    with pytest.raises(RuntimeError), tmp_workspace.session() as session:
        tmp_workspace.audit.record("half", "done", session=session)
        raise RuntimeError("stop")
    assert tmp_workspace.audit.list() == []


def test_together_keeps_all_or_nothing(tmp_workspace):
    ws = tmp_workspace
    with pytest.raises(RuntimeError), ws.together():
        ws.audit.record("one", "x", {})
        assert [line.action for line in ws.audit.list()][:1] == ["one"]  # its own writes are seen inside
        raise RuntimeError("stop")
    assert "one" not in {line.action for line in ws.audit.list()}
    with ws.together():
        ws.audit.record("two", "x", {})
        ws.audit.record("three", "x", {})
    assert {"two", "three"} <= {line.action for line in ws.audit.list()}
