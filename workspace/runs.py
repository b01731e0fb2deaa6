"""Runs: anything long, with progress, a log, cancel and an outcome, visible to every process.

A run works in a thread of the process that started it (DuckDB and OpenCV release Python's lock). Its state is in the
catalog, so another process can watch it and ask it to stop.
"""

from __future__ import annotations

import json
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from transforms.errors import AppError, Conflict, NotFound
from workspace.audit import who
from workspace.processes import is_alive, mark

if TYPE_CHECKING:
    from workspace import Workspace

WRITE_EVERY_S = 0.25
WATCH_EVERY_S = 0.3
LOG_LIMIT = 200_000


class Cancelled(AppError):
    """The run was asked to stop."""

    code = "cancelled"

    def __init__(self, message: str = "The run was cancelled; nothing was changed."):
        super().__init__(message)


@dataclass(frozen=True)
class Run:
    """One run. `share` is 0 to 1 or None where unknown; `outcome` is what the work returned, as JSON."""

    id: str
    kind: str
    title: str
    state: str
    share: float | None
    message: str
    log: str
    outcome: dict | None
    error: str
    hint: str
    cancel_requested: bool
    started_at: datetime
    ended_at: datetime | None
    created_by: str

    @property
    def is_running(self) -> bool:
        return self.state == "running"

    @property
    def seconds(self) -> float:
        """How long it ran, or has been running."""
        from workspace.schema.base import now

        return ((self.ended_at or now()) - self.started_at).total_seconds()

    def as_json(self) -> dict:
        keys = ("id", "kind", "title", "state", "share", "message", "outcome", "error", "hint", "created_by")
        return {key: getattr(self, key) for key in keys} | {
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
            "seconds": round(self.seconds, 3),
        }


class RunHandle:
    """What the work of a run uses to say how far it is and to learn that it should stop."""

    def __init__(self, runs: Runs, run_id: str):
        self.id = run_id
        self._runs = runs
        self._cancelled = threading.Event()
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._stoppers: list[Callable[[], object]] = []
        self._share: float | None = None
        self._message = ""
        self._log: list[str] = []
        self._written = 0.0

    def progress(self, share: float | None = None, message: str | None = None) -> None:
        """Say how far the work is (0 to 1, None: unknown) and what it does now. Raises Cancelled if asked to stop."""
        self.check()
        with self._lock:
            self._share = None if share is None else min(max(float(share), 0.0), 1.0)
            if message and message != self._message:
                self._message = message
                self._log.append(f"{time.strftime('%H:%M:%S', time.gmtime())} {message}")
        if time.monotonic() - self._written >= WRITE_EVERY_S:
            self._write()

    def log(self, line: str) -> None:
        """Add a line to the run's log."""
        with self._lock:
            self._log.append(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}")

    def check(self) -> None:
        """Raise Cancelled if somebody asked this run to stop."""
        if self._cancelled.is_set():
            raise Cancelled

    def on_cancel(self, stop: Callable[[], object]) -> None:
        """Call `stop` (for instance `connection.interrupt`) from another thread when the run is cancelled."""
        with self._lock:
            self._stoppers.append(stop)
            late = self._cancelled.is_set()
        if late:
            stop()

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def _cancel(self) -> None:
        with self._lock:
            self._cancelled.set()
            stoppers = list(self._stoppers)
        for stop in stoppers:
            stop()

    def _write(self, **more) -> None:
        self._written = time.monotonic()
        with self._lock:
            values = {"share": self._share, "message": self._message, "log": "\n".join(self._log)[-LOG_LIMIT:], **more}
        self._runs._update(self.id, **values)

    def _watch(self) -> None:
        """Look in the catalog for a cancel by another process, and keep the progress there fresh."""
        while not self._done.wait(WATCH_EVERY_S):
            if self._cancelled.is_set():
                continue
            if self._runs.get(self.id).cancel_requested:
                self._cancel()


class Runs:
    def __init__(self, ws: Workspace):
        self._ws = ws
        self._lock = threading.Lock()
        self._live: dict[str, tuple[RunHandle, threading.Thread | None]] = {}

    def start(self, kind: str, title: str, work: Callable[[RunHandle], object]) -> Run:
        """Run `work(handle)` in a background thread and return the run at once.

        What `work` returns becomes the outcome (JSON; an object with `as_json()` is asked for it).
        """
        handle = self._begin(kind, title)
        thread = threading.Thread(target=self._quietly, args=(handle, work), name=f"run-{handle.id}", daemon=True)
        with self._lock:
            self._live[handle.id] = (handle, thread)
        thread.start()
        return self.get(handle.id)

    def call(self, kind: str, title: str, work: Callable[[RunHandle], object]):
        """Run `work(handle)` here, as a run that others can see and cancel; return what it returns or raise its error."""
        handle = self._begin(kind, title)
        with self._lock:
            self._live[handle.id] = (handle, None)
        return self._work(handle, work)

    def get(self, run_id: str) -> Run:
        """Return the run as it stands in the catalog."""
        from workspace.schema.core import RunRow

        with self._ws.reading() as session:
            row = session.get(RunRow, run_id)
        if row is None:
            raise NotFound(f"There is no run {run_id!r}.", hint="See `tilth runs`.")
        return _as_run(row)

    def list(self, limit: int = 100) -> list[Run]:
        """Return the newest runs, newest first."""
        from sqlalchemy import select

        from workspace.schema.core import RunRow

        self.mark_interrupted()
        with self._ws.reading() as session:
            rows = session.scalars(select(RunRow).order_by(RunRow.started_at.desc()).limit(limit)).all()
        return [_as_run(row) for row in rows]

    def wait(self, run_id: str, timeout_s: float | None = None) -> Run:
        """Wait until the run has ended (or `timeout_s` is over) and return it."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        with self._lock:
            thread = self._live.get(run_id, (None, None))[1]
        if thread is not None:
            thread.join(timeout_s)
            return self.get(run_id)
        while (run := self.get(run_id)).is_running and (until is None or time.monotonic() < until):
            self.mark_interrupted()
            time.sleep(0.05)
        return run

    def cancel(self, run_id: str) -> Run:
        """Ask a run to stop, wherever it runs; it stops at its next check."""
        run = self.get(run_id)
        if not run.is_running:
            raise Conflict(f"The run {run.title!r} has ended already.")
        self._update(run_id, cancel_requested=True)
        with self._lock:
            handle = self._live.get(run_id, (None, None))[0]
        if handle is not None:
            handle._cancel()
        return self.get(run_id)

    def mark_interrupted(self) -> int:
        """Mark runs whose process is gone as interrupted; return how many."""
        from sqlalchemy import select, update

        from workspace.schema.base import now
        from workspace.schema.core import RunRow

        with self._ws.reading() as session:
            running = session.execute(select(RunRow.id, RunRow.process).where(RunRow.state == "running")).all()
        dead = [run_id for run_id, process in running if not is_alive(process)]
        if not dead:
            return 0
        with self._ws.session() as session:
            found = session.execute(
                update(RunRow)
                .where(RunRow.id.in_(dead), RunRow.state == "running")
                .values(
                    state="interrupted",
                    ended_at=now(),
                    error="The program that ran it ended before it was done; nothing half-done was kept.",
                    hint="Start it again.",
                )
            )
            return found.rowcount

    def _begin(self, kind: str, title: str) -> RunHandle:
        from workspace.schema.core import RunRow

        run_id = uuid.uuid4().hex
        with self._ws.session() as session:
            session.add(RunRow(id=run_id, kind=kind, title=title, state="running", process=mark(), created_by=who()))
        handle = RunHandle(self, run_id)
        threading.Thread(target=handle._watch, name=f"watch-{run_id}", daemon=True).start()
        return handle

    def _quietly(self, handle: RunHandle, work: Callable[[RunHandle], object]) -> None:
        try:
            self._work(handle, work)
        except Exception:  # it is in the run's record, where people look for it
            return

    def _work(self, handle: RunHandle, work: Callable[[RunHandle], object]):
        try:
            result = work(handle)
        except BaseException as error:
            stopped = handle.is_cancelled or isinstance(error, Cancelled | KeyboardInterrupt)
            if stopped:
                self._end(handle, state="cancelled", error=Cancelled().message)
            elif isinstance(error, AppError):
                self._end(handle, state="failed", error=error.message, hint=error.hint)
            else:
                handle.log(traceback.format_exc())
                said = f"Something went wrong inside Tilth: {type(error).__name__}: {error}"
                self._end(handle, state="failed", error=said, hint="The log of the run has the details.")
            if stopped and not isinstance(error, Cancelled | KeyboardInterrupt):
                raise Cancelled from error
            raise
        self._end(handle, state="done", share=1.0, outcome=_as_outcome(result))
        return result

    def _end(self, handle: RunHandle, **values) -> None:
        from workspace.schema.base import now

        handle._done.set()
        try:
            handle._write(ended_at=now(), **values)
        finally:
            with self._lock:
                self._live.pop(handle.id, None)

    def _update(self, run_id: str, **values) -> None:
        from sqlalchemy import update

        from workspace.schema.core import RunRow

        with self._ws.session() as session:
            session.execute(update(RunRow).where(RunRow.id == run_id).values(**values))


def _as_outcome(result: object) -> dict:
    if hasattr(result, "as_json"):
        result = result.as_json()
    if not isinstance(result, dict):
        result = {} if result is None else {"result": result}
    return json.loads(json.dumps(result, default=str))


def _as_run(row) -> Run:
    return Run(
        **{
            name: getattr(row, name)
            for name in (
                "id",
                "kind",
                "title",
                "state",
                "share",
                "message",
                "log",
                "outcome",
                "error",
                "hint",
                "cancel_requested",
                "started_at",
                "ended_at",
                "created_by",
            )
        }
    )
