"""A short way to import bytes as a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from sources import import_source
from workspace import sql


@pytest.fixture
def load(tmp_workspace, tmp_path):
    """Return a function: bytes or text and a file name to (version, rows, rejected rows)."""

    def load_(content: bytes | str | Path, file_name: str = "t.csv", /, **arguments):
        path = content
        if not isinstance(content, Path):
            path = tmp_path / file_name
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        version = import_source(tmp_workspace, path, **({"name": "t"} | arguments))
        with sql.connection() as con:
            rejects = version.rejects(con)
            rejected = rejects.fetchall() if rejects is not None else []
            return version, version.relation(con).fetchall(), rejected

    return load_
