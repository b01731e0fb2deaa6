"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("TILTH_ALLOW_PYTHON", "1")  # off by default; the examples of Python steps are run like all others


def pytest_collection_modifyitems(items):
    """Share the tests between processes by transform (its cases are compiled once) or else by file."""
    for item in items:
        params = getattr(item, "callspec", None)
        one = params and (params.params.get("case") or params.params.get("cls"))
        name = getattr(getattr(one, "transform", one), "name", None)
        item.add_marker(pytest.mark.xdist_group(name if isinstance(name, str) else item.path.name))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared material: TILTH_SHARED, else ../shared; the test is skipped where it is missing."""
    folder = Path(os.environ.get("TILTH_SHARED") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"the shared material is not at {folder} (set TILTH_SHARED)")
    return folder


@pytest.fixture
def tmp_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A new, empty workspace that TILTH_WORKSPACE names too."""
    root = tmp_path / "ws"
    monkeypatch.setenv("TILTH_WORKSPACE", str(root))
    ws = Workspace.open(root)
    yield ws
    ws.close()
