"""Who am I, and is that one still alive: marks that processes leave on runs and unfinished files."""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path


def mark() -> str:
    """Return a mark of this process, `host:pid:start`; `start` tells a reused process number apart."""
    return f"{_host()}:{os.getpid()}:{_start_of(os.getpid())}"


def is_alive(mark_of_process: str) -> bool:
    """Return whether the process that left this mark still runs; one on another host counts as alive."""
    host, pid, start = (mark_of_process.rsplit(":", 2) + ["", ""])[:3]
    if host != _host() or not pid.isdecimal():
        return True
    return pid_alive(int(pid)) and (not start or _start_of(int(pid)) == start)


def pid_alive(pid: int) -> bool:
    """Return whether a process with this number runs on this host."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, under another user
        return True
    return _state_of(pid) != "Z"


@lru_cache(maxsize=1)
def _host() -> str:
    return socket.gethostname().replace(":", "_")


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the command's name; empty where there is no /proc (macOS)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _state_of(pid: int) -> str:
    fields = _stat(pid)
    return fields[0] if fields else ""


def _start_of(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else ""
