"""Which table of a source that has several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transforms.errors import NotFound, SourceError

if TYPE_CHECKING:
    from sources.reading import Request


def choose_table(kind: str, request: Request, known: list[str]) -> str:
    """Return the table (or sheet) to read: the one asked for, or the only one there is."""
    if request.table is not None:
        if request.table not in known:
            raise NotFound.named(f"{kind} in {request.shown!r}", request.table, known)
        return request.table
    if not known:
        raise SourceError(f"{request.shown!r} has no {kind}.")
    if len(known) > 1:
        listed = ", ".join(known[:12]) + (" …" if len(known) > 12 else "")
        raise SourceError(f"{request.shown!r} has {len(known)} {kind}s: {listed}.", hint="Choose one with --table.")
    return known[0]
