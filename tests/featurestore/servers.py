"""Real servers for tests: Redis and PostgreSQL on loopback, each in a folder of its own, stopped by process id."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def postgres_programs() -> Path | None:
    """Return the folder of initdb and postgres; Debian keeps them off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@contextmanager
def redis_server(folder: Path, port: int | None = None) -> Iterator[str]:
    """Run a Redis, without files, and give its address."""
    port = port or free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until_open(port, process)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL and give its address; as user nobody where we are root, because it refuses root."""
    programs, port, data = postgres_programs(), free_port(), folder / "data"
    user: dict = {}
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        data.mkdir()
        os.chown(data, nobody.pw_uid, nobody.pw_gid)
        for parent in [folder, *folder.parents]:  # nobody must be able to walk to its folder
            if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
                parent.chmod(parent.stat().st_mode | 0o011)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "cwd": "/", **user}
    subprocess.run([programs / "initdb", "-D", data, "-U", "tilth", "--auth=trust", "--no-sync"], check=True, **quiet)
    command = [
        programs / "postgres",
        "-D",
        data,
        "-p",
        str(port),
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        "fsync=off",
    ]
    process = subprocess.Popen([*command, "-c", "unix_socket_directories="], **quiet | {"stderr": subprocess.DEVNULL})
    try:
        _until_open(port, process)
        time.sleep(0.5)  # it listens a moment before it answers
        yield f"postgresql://tilth@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        process.wait(20)


def _until_open(port: int, process: subprocess.Popen) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args[0]} does not answer on port {port}")
