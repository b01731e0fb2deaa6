"""Checks of the installation and of a workspace; clears what crashed programs left behind."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from transforms.errors import AppError
from workspace import Workspace, locate, tables

if TYPE_CHECKING:
    from workspace.datasets import DatasetVersion

NEEDED = ("duckdb", "ibis-framework", "pyarrow", "deltalake", "pydantic", "SQLAlchemy", "alembic", "streamlit", "typer")
LOW_DISK_BYTES = 1 << 30


def examine(path: str | os.PathLike | None = None) -> list[dict]:
    """Return `[{"name", "ok", "message"}]`, one per check."""
    checks = [_check("python", _python), _check("packages", _packages)]
    opened: list[Workspace] = []

    def open_it() -> str:
        opened.append(Workspace.open(path))
        return f"{opened[0].root} is open and up to date."

    checks.append(_check("workspace", open_it))
    if opened:
        ws = opened[0]
        checks += [
            _check("catalog", lambda: _catalog(ws)),
            _check("datasets", lambda: _datasets(ws)),
            _check("leftovers", lambda: _leftovers(ws)),
        ]
    checks.append(_check("disk", lambda: _disk(path)))
    return checks


def clear(ws: Workspace) -> tuple[int, int]:
    """Remove files that no version names and whose writer is gone; return how many and their bytes.

    A Delta table whose newest commit has no row in the catalog (a crash between the two) is first set back to the newest
    version that has one, so that other programs reading the folder see what we see.
    """
    doomed: list[Path] = []
    root = ws.datasets.folder
    for name, folder in _folders(ws).items():
        if not folder.is_dir():
            continue
        versions = ws.datasets.versions(name) if name in {v.name for v in ws.datasets.list()} else []
        lost = tables.orphans(folder, _names(versions))
        if lost and versions:
            _set_back(folder, ws, name)
        doomed += lost
    known = {folder.name for folder in _folders(ws).values()}
    if root.is_dir():
        doomed += [p for p in root.iterdir() if p.name not in known and not tables.pid_alive(tables.writer_of(p.name))]
    scratch = ws.root / "tmp"
    if scratch.is_dir():
        doomed += [p for p in scratch.iterdir() if not tables.pid_alive(tables.writer_of(p.name))]
    size = sum(_bytes(path) for path in doomed)
    for path in doomed:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(doomed), size


def _check(name: str, look: Callable[[], str]) -> dict:
    try:
        return {"name": name, "ok": True, "message": look()}
    except AppError as error:
        return {"name": name, "ok": False, "message": str(error)}


def _python() -> str:
    return sys.version.split()[0]


def _packages() -> str:
    found, missing = [], []
    for name in NEEDED:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        raise AppError(f"Missing packages: {', '.join(missing)}.", hint="Run make.")
    return ", ".join(found)


def _catalog(ws: Workspace) -> str:
    with ws.reading() as session:
        said = session.connection().exec_driver_sql("PRAGMA quick_check").scalar()
    if said != "ok":
        raise AppError(f"The catalog is damaged: {said}.", hint="Restore catalog.sqlite from a copy.")
    interrupted = ws.runs.mark_interrupted()
    return "sound." + (f" {interrupted} runs were interrupted." if interrupted else "")


def _datasets(ws: Workspace) -> str:
    versions = [v for latest in ws.datasets.list() for v in ws.datasets.versions(latest.name)]
    missing = [v.ref for v in versions if not all(Path(file).is_file() for file in v.files)]
    if missing:
        raise AppError(f"Files are missing of {', '.join(missing[:10])}.", hint="Restore them, or import again.")
    return f"{len(versions)} versions, all files there."


def _leftovers(ws: Workspace) -> str:
    count, size = clear(ws)
    return f"{count} leftovers of killed programs were removed ({size:,} bytes)." if count else "none."


def _disk(path: str | os.PathLike | None) -> str:
    folder = locate(path)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < LOW_DISK_BYTES:
        raise AppError(f"Only {free / 2**20:,.0f} MB are free.", hint="Free some space.")
    return f"{free / 2**30:,.1f} GB free."


def _folders(ws: Workspace) -> dict[str, Path]:
    from sqlalchemy import select

    from workspace.schema.core import DatasetRow

    with ws.reading() as session:
        rows = session.execute(select(DatasetRow.name, DatasetRow.folder)).all()
    return {name: ws.datasets.folder / folder for name, folder in rows}


def _names(versions: list[DatasetVersion]) -> set[str]:
    files = [file for v in versions for file in [*v.files, *([v.rejects_file] if v.rejects_file else [])]]
    return {Path(file).name for file in files}


def _set_back(folder: Path, ws: Workspace, name: str) -> None:
    """Make the newest version in the catalog the newest in the Delta log, where it is not."""
    latest = ws.datasets.get(name)
    head = {Path(file).name for file in tables.active_files(folder)}
    if head == {Path(file).name for file in latest.files}:
        return
    from workspace.sql import connection

    with connection() as con:
        relation = latest.relation(con)
        files = [tables.NewFile(Path(f).name, latest.rows, Path(f).stat().st_size) for f in latest.files]
        tables.commit(
            folder, files, "overwrite", tables.schema_of(con, relation), {"tilth": {"set_back_to": latest.ref}}
        )


def _bytes(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
