"""Where things are kept: one folder per team with a catalog, tables, runs, audit lines and lineage.

Several processes (app, command line, notebook, HTTP server) may open one workspace at the same time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from transforms.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from workspace.audit import Audit
    from workspace.datasets import Datasets
    from workspace.drafts import Drafts
    from workspace.lineage import Lineage
    from workspace.recipes import Recipes
    from workspace.runs import Runs
    from workspace.settings import Settings

__all__ = ["Workspace", "locate"]


def locate(path: str | os.PathLike | None = None) -> Path:
    """Return the folder a workspace lives in: `path`, else `TILTH_WORKSPACE`, else `./workspace`.

    In a checkout of Tilth `./workspace` is the code of this package; the data then lives in `./workspace/data`.
    """
    chosen = os.fspath(path) if path else os.environ.get("TILTH_WORKSPACE") or "workspace"
    if "://" in chosen:
        raise InputError(
            f"The workspace {chosen!r} is an address; this version keeps workspaces in folders.", hint="Give a folder."
        )
    folder = Path(chosen).expanduser().absolute()
    return folder / "data" if (folder / "__init__.py").is_file() else folder


class Workspace:
    """One open workspace. Make it with `Workspace.open`; it is cheap and safe to use from several threads.

    Attributes:
        root: the folder. Beside the catalog it holds `tables/` (Delta), `models/`, `images/` and `tmp/` (scratch).
        engine: SQLAlchemy engine of the catalog. A plain `engine.begin()` takes the write lock at once.
    """

    def __init__(self, root: Path, engine: Engine):
        self.root = root
        self.engine = engine
        self._thread = threading.local()

    @classmethod
    def open(cls, path: str | os.PathLike | None = None) -> Workspace:
        """Open the workspace at `path` (see `locate`), make it if it is new, and bring its catalog up to date."""
        from workspace import catalog

        root = locate(path)
        if root.exists() and not root.is_dir():
            raise InputError(f"The workspace {str(root)!r} is a file, not a folder.", hint="Choose another folder.")
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"The workspace folder {str(root)!r} cannot be made: {error.strerror}.", hint="Choose another folder."
            ) from error
        engine = catalog.open_engine(root / "catalog.sqlite")
        ws = cls(root, engine)
        ws.runs.mark_interrupted()
        return ws

    def close(self) -> None:
        """Release the catalog's connections."""
        self.engine.dispose()

    def session(self) -> AbstractContextManager[Session]:
        """Return a context manager with a session that commits on success and rolls back on an error.

        It holds the one write lock of the catalog, so keep it short and never open a second one inside.
        """
        from workspace import catalog

        joined = getattr(self._thread, "session", None)
        return nullcontext(joined) if joined is not None else catalog.session(self.engine, write=True)

    @contextmanager
    def together(self) -> Iterator[Session]:
        """Make all that this thread reads and writes inside the block one transaction: all of it is kept, or nothing.

        For many small writes: each of them alone waits for the disk. It holds the write lock throughout.
        """
        from workspace import catalog

        with catalog.session(self.engine, write=True) as session:
            self._thread.session = session
            try:
                yield session
            finally:
                del self._thread.session

    def reading(self) -> AbstractContextManager[Session]:
        """Return a context manager with a session for reading only; it waits for nobody and blocks nobody."""
        from workspace import catalog

        joined = getattr(self._thread, "session", None)
        return nullcontext(joined) if joined is not None else catalog.session(self.engine, write=False)

    def scratch(self, purpose: str = "work") -> AbstractContextManager[Path]:
        """Return a context manager with an empty folder inside the workspace that is removed afterwards."""
        from workspace import tables

        return tables.scratch(self.root / "tmp", purpose)

    @cached_property
    def datasets(self) -> Datasets:
        from workspace.datasets import Datasets

        return Datasets(self)

    @cached_property
    def drafts(self) -> Drafts:
        from workspace.drafts import Drafts

        return Drafts(self)

    @cached_property
    def recipes(self) -> Recipes:
        from workspace.recipes import Recipes

        return Recipes(self)

    @cached_property
    def runs(self) -> Runs:
        from workspace.runs import Runs

        return Runs(self)

    @cached_property
    def audit(self) -> Audit:
        from workspace.audit import Audit

        return Audit(self)

    @cached_property
    def lineage(self) -> Lineage:
        from workspace.lineage import Lineage

        return Lineage(self)

    @cached_property
    def settings(self) -> Settings:
        from workspace.settings import Settings

        return Settings(self)

    def __repr__(self) -> str:
        return f"Workspace({str(self.root)!r})"
