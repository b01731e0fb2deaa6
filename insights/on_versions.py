"""What insights does when a dataset version is made: ask its expectations before, look for drift after.

`register()` is called by `cli.py` and `app.py`; a script of its own that shall be held to the rules calls it too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workspace import hooks

if TYPE_CHECKING:
    from workspace import Workspace
    from workspace.datasets import DatasetVersion, Staged


def register() -> None:
    """Have every dataset version of this process checked."""
    hooks.add(guard=_guard, watcher=_watch)


def _guard(ws: Workspace, staged: Staged) -> hooks.Checked | None:
    if not ws.settings.get(f"expectations:{staged.name}"):  # before anything heavy is imported
        return None
    from insights.expectations.guard import guard

    return guard(ws, staged)


def _watch(ws: Workspace, version: DatasetVersion) -> None:
    if not ws.settings.get(f"drift-watch:{version.name}"):
        return
    from insights.drift_watch import look

    look(ws, version.name, version.ref)
