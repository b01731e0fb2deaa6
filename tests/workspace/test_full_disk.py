"""A full disk: one sentence, nothing lost, nothing left."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sources import import_source
from transforms.errors import InputError
from workspace import Workspace, sql


@pytest.fixture
def small_disk(tmp_path) -> Path:
    """A file system of 6 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mounting a small tmpfs is not permitted here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_import_on_a_full_disk(small_disk, tmp_path):
    big, small = tmp_path / "big.csv", tmp_path / "small.csv"
    small.write_text("a\n1\n")
    with sql.connection() as con:
        con.execute(f"COPY (SELECT uuid() AS a FROM range(400000)) TO '{big}' (HEADER)").fetchall()
    ws = Workspace.open(small_disk / "ws")
    import_source(ws, small, name="t")
    with pytest.raises(InputError, match="The disk is full"):
        import_source(ws, big, name="t")
    assert [v.ref for v in ws.datasets.versions("t")] == ["t@1"]
    assert list((ws.root / "tmp").iterdir()) == []
    assert len(list(ws.datasets.folder.rglob("*.parquet"))) == 1
    ws.close()
