"""What others do when a dataset version is made: the workspace knows their functions, not who they are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from workspace import Workspace
    from workspace.datasets import DatasetVersion, Staged

log = logging.getLogger("tilth")


@dataclass
class Checked:
    """What a guard says of a staged version.

    Attributes:
        staged: what becomes the version: the same, or another one that the guard staged.
        beside: staged versions of other datasets that are made in the same transaction.
        warnings: one sentence each, kept with the version.
        record: called in that transaction with the refs that it makes, {dataset: ref}.
    """

    staged: Staged
    beside: list[Staged] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    record: Callable[[Session, dict[str, str]], None] | None = None


Guard = Callable[["Workspace", "Staged"], Checked | None]
Watcher = Callable[["Workspace", "DatasetVersion"], None]

guards: list[Guard] = []  # before a version is made; an error means that nothing is made
watchers: list[Watcher] = []  # after it was made; an error changes nothing


def add(*, guard: Guard | None = None, watcher: Watcher | None = None) -> None:
    """Add functions, each once however often it is added."""
    for function, kept in ((guard, guards), (watcher, watchers)):
        if function is not None and function not in kept:
            kept.append(function)


def before_commit(ws: Workspace, staged: Staged) -> tuple[Staged, list[Staged], list[str], list[Callable]]:
    """Ask every guard; return what to make, what to make beside it, the warnings, and what to call on the way."""
    beside: list[Staged] = []
    warnings: list[str] = []
    records: list[Callable] = []
    try:
        for guard in guards:
            checked = guard(ws, staged)
            if checked is None:
                continue
            staged = checked.staged
            beside += checked.beside
            warnings += checked.warnings
            records += [checked.record] if checked.record else []
    except BaseException:
        _discard([staged, *beside])
        raise
    return staged, beside, warnings, records


def after_commit(ws: Workspace, version: DatasetVersion) -> None:
    """Tell every watcher; what goes wrong there is logged, for the version stands."""
    for watcher in watchers:
        try:
            watcher(ws, version)
        except Exception:
            log.exception("a watcher of dataset versions failed on %s", version.ref)


def _discard(staged: Iterable[Staged]) -> None:
    for one in staged:
        one.discard()
