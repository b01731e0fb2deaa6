"""Progress and cancel of DuckDB work inside a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workspace.runs import RunHandle


class Steps:
    """Says how far the work on a connection is, and interrupts it on a cancel, until `end`; later a cancel does nothing.

    Args:
        handle: of the run; None: nobody is watching.
    """

    def __init__(self, handle: RunHandle | None, con):
        self._handle, self._con, self._open = handle, con, True
        if handle:
            handle.on_cancel(self._stop)

    def begin(self, share: float, message: str) -> None:
        """Say what happens now; raises Cancelled where somebody asked to stop."""
        if self._handle:
            self._handle.progress(share, message)

    def end(self) -> None:
        self._open = False

    def _stop(self) -> None:
        if self._open:
            self._con.interrupt()
