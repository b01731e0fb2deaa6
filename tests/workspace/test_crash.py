"""kill -9 in the middle of an import: the dataset is as before or as after, and `doctor` clears what is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sources import import_source
from workspace import Workspace, sql, tables
from workspace.doctor import clear, examine

ROOT = Path(__file__).resolve().parents[2]
ROWS = 400_000
CODE = """
import sys
from sources import import_source
from workspace import Workspace
ws = Workspace.open(sys.argv[1])
print("ready", flush=True)
import_source(ws, sys.argv[2], name="t")
print("done", flush=True)
"""


@pytest.fixture(scope="module")
def big_csv(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("big") / "big.csv"
    with sql.connection() as con:
        con.execute(
            f"COPY (SELECT range AS id, 'name ' || range AS name, range * 1.5 AS x FROM range({ROWS})) TO '{path}' (HEADER)"
        ).fetchall()
    return path


def test_kill_at_any_time_leaves_before_or_after(tmp_workspace, tmp_path, big_csv):
    small = tmp_path / "small.csv"
    small.write_text("id,name\n1,a\n")
    import_source(tmp_workspace, small, name="t")
    seen = set()
    for delay in (0.0, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7):
        before = [v.ref for v in tmp_workspace.datasets.versions("t")]
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, str(tmp_workspace.root), str(big_csv)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        ws = Workspace.open(tmp_workspace.root)
        after = [v.ref for v in ws.datasets.versions("t")]
        seen.add(after == before)
        assert after in (before, [f"t@{len(before) + 1}", *before])
        with sql.connection() as con:
            newest = ws.datasets.get("t")
            assert len(newest.relation(con).fetchall()) == newest.rows
            assert newest.rows in (1, ROWS)
        clear(ws)
        known = {Path(f).name for v in ws.datasets.versions("t") for f in v.files}
        folder = Path(newest.files[0]).parent
        assert {p.name for p in folder.glob("*.parquet")} == known
        assert list((ws.root / "tmp").iterdir()) == []
        assert {Path(f).name for f in tables.active_files(folder)} == {Path(f).name for f in newest.files}
        import_source(ws, small, name="t")
        ws.close()
    assert True in seen  # at least one kill came in time


def test_a_crash_between_delta_commit_and_catalog_row_is_harmless(tmp_workspace, monkeypatch):
    with sql.connection() as con:
        write = tmp_workspace.datasets.write
        write("t", con.sql("SELECT 1 AS a"), lineage={})

        def crash(*args):
            raise RuntimeError("the power went out")

        with monkeypatch.context() as patch:
            patch.setattr(tmp_workspace.datasets, "_add_row", crash)
            with pytest.raises(RuntimeError):
                write("t", con.sql("SELECT 2 AS b"), lineage={})
        newest = tmp_workspace.datasets.get("t")
        assert (newest.version, newest.relation(con).fetchall()) == (1, [(1,)])
        folder = Path(newest.files[0]).parent
        assert tables.active_files(folder) != newest.files
        with monkeypatch.context() as patch:  # the crashed writer is this process: pretend that it is gone
            patch.setattr(tables, "pid_alive", lambda pid: False)
            assert clear(tmp_workspace)[0] == 1
        assert tables.active_files(folder) == newest.files
        assert write("t", con.sql("SELECT 3 AS c"), lineage={}).version == 2


def test_doctor_says_what_is_wrong(tmp_workspace):
    assert all(check["ok"] for check in examine(tmp_workspace.root))
    with sql.connection() as con:
        version = tmp_workspace.datasets.write("t", con.sql("SELECT 1 AS a"), lineage={})
    Path(version.files[0]).unlink()
    bad = [check for check in examine(tmp_workspace.root) if not check["ok"]]
    assert [check["name"] for check in bad] == ["datasets"]
    assert "t@1" in bad[0]["message"]


def test_doctor_leaves_living_writers_alone(tmp_workspace):
    with tmp_workspace.scratch("import") as scratch:
        assert clear(tmp_workspace) == (0, 0)
        assert scratch.is_dir()
