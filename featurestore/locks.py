"""One writer per group at a time, across processes and threads: an advisory lock on a file that dies with its holder."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transforms.errors import Conflict

POLL_S = 0.02


@contextmanager
def held(path: Path, what: str, timeout_s: float) -> Iterator[bool]:
    """Hold the lock at `path`; wait up to `timeout_s`, then raise Conflict. With 0 do not wait: yield False if taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        until = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if timeout_s == 0:
                    yield False
                    return
                if time.monotonic() > until:
                    raise Conflict(
                        f"{what} is being written by another process since {timeout_s:.0f} s.",
                        hint="Nothing was written here; try again when the other one is done.",
                    ) from None
                time.sleep(POLL_S)
        yield True  # closing the file releases the lock
