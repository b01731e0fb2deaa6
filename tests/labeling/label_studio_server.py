"""Label Studio servers for tests: a real one in its own environment, and a small one that behaves the same.

The same tests run against both, so what the small one does is checked against the real one.
"""

from __future__ import annotations

import email
import email.policy
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import requests

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "0123456789abcdef0123456789abcdef01234567"
ADMIN, ANN = "admin@example.com", "ann@example.com"
START_S = 180
READY = "empty-database"  # beside the program: what `prepare` made


class Studio:
    """A running server and direct calls to it, past our own client."""

    def __init__(self, url: str, jwt: str = "", log: list | None = None):
        self.url, self.token, self.jwt = url, TOKEN, jwt
        self.log = log  # of the small server: (method, path, body) of every request
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Token {TOKEN}"

    def call(self, method: str, path: str, body=None, **given):
        answer = self._session.request(method, self.url + path, json=body, timeout=60, **given)
        assert answer.status_code < 300, (method, path, answer.status_code, answer.text[:500])
        return answer.json() if answer.content else None

    def project(self, title: str, config: str) -> int:
        return self.call("POST", "/api/projects/", {"title": title, "label_config": config})["id"]

    def tasks(self, project: int) -> list[dict]:
        return self.call("GET", f"/api/tasks?project={project}&fields=all&page_size=100&resolve_uri=false")["tasks"]

    def add(self, project: int, tasks: list[dict]) -> list[int]:
        return self.call("POST", f"/api/projects/{project}/import?return_task_ids=true", tasks)["task_ids"]

    def annotate(self, task: int, results: list, **more) -> int:
        return self.call("POST", f"/api/tasks/{task}/annotations/", {"result": results, **more})["id"]

    def upload(self, project: int, name: str, data: bytes) -> str:
        path = f"/api/projects/{project}/import?commit_to_project=false"
        number = self.call("POST", path, files={"file": (name, data)})["file_upload_ids"][0]
        return "/data/" + self.call("GET", f"/api/projects/{project}/file-uploads?ids=[{number}]")[0]["file"]

    def file(self, reference: str) -> bytes:
        return self._session.get(self.url + reference, timeout=60).content


# -- the real one ---------------------------------------------------------------------------------------------------


def label_studio_program() -> Path | None:
    """Return the program: TILTH_LABEL_STUDIO (it, or the Python beside it), else that of `make label-studio`."""
    named = os.environ.get("TILTH_LABEL_STUDIO")
    path = Path(named) if named else ROOT / ".venv-label-studio" / "bin" / "label-studio"
    path = path.parent / "label-studio" if path.name.startswith("python") else path
    return path if path.is_file() else None


@contextmanager
def real_server(program: Path, folder: Path) -> Iterator[Studio]:
    """Run a Label Studio with an empty database on loopback; `prepare` once saves making its tables each time."""
    ready = program.parent.parent / READY
    if ready.is_dir():
        shutil.copytree(ready, folder / "data")
    with _running(program, folder) as studio:
        studio.call("POST", "/api/users/", {"email": ANN, "username": "ann", "password": "pw12345678"})
        studio.jwt = studio.call("POST", "/api/token/", {})["token"]
        yield studio


def prepare(program: Path) -> None:
    """Let a server make its tables, and keep them beside the program."""
    ready = program.parent.parent / READY
    shutil.rmtree(ready, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        with _running(program, Path(folder)):
            pass
        shutil.copytree(Path(folder) / "data", ready)


@contextmanager
def _running(program: Path, folder: Path) -> Iterator[Studio]:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    names = {
        "LABEL_STUDIO_BASE_DATA_DIR": folder / "data", "LABEL_STUDIO_USERNAME": ADMIN,
        "LABEL_STUDIO_PASSWORD": "pw123456", "LABEL_STUDIO_USER_TOKEN": TOKEN, "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "", "DEBUG": "false", "HOME": folder,
    }  # fmt: skip
    # without the last option the fixed token is refused; without --internal-host it listens to the whole network
    command = [program, "start", "-b", "--internal-host", "127.0.0.1", "-p", str(port), "--enable-legacy-api-token"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env=os.environ | {k: str(v) for k, v in names.items()}
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _until_up(url, process, folder / "log")
            yield Studio(url)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


def _until_up(url: str, process: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if requests.get(url + "/health", timeout=2).json() == {"status": "UP"}:
                return
        except (requests.RequestException, ValueError):
            time.sleep(0.5)
    tail = log.read_bytes()[-2000:].decode("utf-8", "replace")
    raise RuntimeError(f"Label Studio did not start within {START_S} s (ended: {process.poll()}):\n{tail}")


# -- the small one --------------------------------------------------------------------------------------------------


class _Memory:
    def __init__(self):
        self.projects: dict[int, dict] = {}
        self.tasks: dict[int, dict] = {}
        self.files: dict[int, tuple[str, bytes]] = {}
        self.users = [{"id": 1, "email": ADMIN, "username": ""}, {"id": 2, "email": ANN, "username": "ann"}]
        self.last = 0
        self.refuse: list[tuple[str, int]] = []  # (part of a path, status): what the next such request gets
        self.release = "1.23.2"
        self.log: list[tuple] = []

    def number(self) -> int:
        self.last += 1
        return self.last


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def _answer(self):
        memory: _Memory = self.server.memory
        length = int(self.headers.get("Content-Length") or 0)
        body, kind = self.rfile.read(length), self.headers.get("Content-Type", "")
        parts = urlsplit(self.path)
        given = json.loads(body) if "json" in kind else None
        memory.log.append((self.command, parts.path, given))
        for place, (path, status) in enumerate(memory.refuse):
            if path in parts.path:
                del memory.refuse[place]
                return self._send(status, {"detail": "refused for the test"})
        query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        if parts.path == "/api/version":
            return self._send(200, {"release": memory.release})
        if parts.path == "/api/token/refresh/":
            ok = given.get("refresh") == "a.refresh.token"
            return self._send(200 if ok else 401, {"access": "an-access-token"} if ok else {})
        if self.headers.get("Authorization") not in (f"Token {TOKEN}", "Bearer an-access-token"):
            return self._send(401, {"detail": "Invalid token."})
        if self.command == "GET" and parts.path.startswith("/data/upload/"):
            found = [data for file, data in memory.files.values() if "/data/" + file == unquote(parts.path)]
            return self._send(200, found[0]) if found else self._send(404, {})
        files = _parts(kind, body) if "multipart" in kind else []
        for method, pattern, route in _ROUTES:
            if method == self.command and (match := re.fullmatch(pattern, parts.path)):
                try:
                    return self._send(*route(memory, *map(int, match.groups()), given, query, files))
                except KeyError:
                    return self._send(404, {"detail": "Not found."})
        return self._send(404, {"detail": "Not found."})

    def _send(self, status: int, said) -> None:
        data = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = _answer


def _parts(kind: str, body: bytes) -> list[tuple[str, bytes]]:
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    return [(part.get_filename(), part.get_payload(decode=True)) for part in message.iter_parts()]


def _project(memory, given, query, files):
    made = {"id": memory.number(), "description": "", **given, "label_config": given["label_config"].strip()}
    memory.projects[made["id"]] = made
    return 201, made


def _projects(memory, given, query, files):
    found = [p for p in memory.projects.values() if query.get("title", "") in p["title"]]
    return 200, {"count": len(found), "next": None, "results": found}


def _change_project(memory, number, given, query, files):
    memory.projects[number].update(given)
    return 200, memory.projects[number]


def _list(memory, given, query, files):
    tasks = [t for t in memory.tasks.values() if t["project"] == int(query["project"])]
    size, page = int(query.get("page_size", 100)), int(query.get("page", 1))
    part = tasks[(page - 1) * size : page * size]
    if query.get("fields") != "all":
        part = [{k: t[k] for k in query["include"].split(",")} for t in part]
    return 200, {"total": len(tasks), "tasks": part}


def _import(memory, project, given, query, files):
    memory.projects[project]
    ids = []
    if files:
        for name, data in files:
            ids.append(memory.number())
            memory.files[ids[-1]] = (f"upload/{project}/{ids[-1]:08x}-{name}", data)
        return 201, {"file_upload_ids": ids}
    for task in given:
        number = memory.number()
        made = {"id": number, "project": project, "data": task["data"], "meta": task.get("meta") or {}}
        memory.tasks[number] = made | {"annotations": [], "predictions": []}
        ids.append(number)
        for a in task.get("annotations", []):
            _annotate(memory, number, {**a, "import_id": a.get("id")}, query, files)
    return 201, {"task_ids": ids}


def _annotate(memory, task, given, query, files):
    rest = {k: v for k, v in given.items() if k != "id"}
    made = {"completed_by": 1, "was_cancelled": False, "import_id": None, "result": [], **rest, "id": memory.number()}
    memory.tasks[task]["annotations"].append(made)
    return 201, made


def _predict(memory, given, query, files):
    made = {"score": None, **given, "id": memory.number()}
    memory.tasks[given["task"]]["predictions"].append(made)
    return 201, made


def _change(part: str, delete: bool):
    def route(memory, number, given, query, files):
        for task in memory.tasks.values():
            for item in task[part]:
                if item["id"] == number:
                    task[part].remove(item) if delete else item.update(given)
                    return (204, b"") if delete else (200, item)
        raise KeyError(number)

    return route


def _change_task(memory, number, given, query, files):
    memory.tasks[number].update(given)
    return 200, memory.tasks[number]


def _delete_task(memory, number, given, query, files):
    del memory.tasks[number]
    return 204, b""


def _uploads(memory, project, given, query, files):
    wanted = json.loads(query.get("ids", "[]"))
    here = {n: f for n, (f, _) in memory.files.items() if f.startswith(f"upload/{project}/")}
    return 200, [{"id": n, "file": f} for n, f in here.items() if query.get("all") == "true" or n in wanted]


_ROUTES = [
    ("GET", "/api/current-user/whoami", lambda memory, *_: (200, memory.users[0])),
    ("GET", "/api/users/", lambda memory, *_: (200, memory.users)),
    ("GET", "/api/projects/", _projects),
    ("POST", "/api/projects/", _project),
    ("GET", r"/api/projects/(\d+)/", lambda memory, number, *_: (200, memory.projects[number])),
    ("PATCH", r"/api/projects/(\d+)/", _change_project),
    ("GET", "/api/tasks", _list),
    ("POST", r"/api/projects/(\d+)/import", _import),
    ("GET", r"/api/projects/(\d+)/file-uploads", _uploads),
    ("PATCH", r"/api/tasks/(\d+)/", _change_task),
    ("DELETE", r"/api/tasks/(\d+)/", _delete_task),
    ("POST", r"/api/tasks/(\d+)/annotations/", _annotate),
    ("PATCH", r"/api/annotations/(\d+)/", _change("annotations", delete=False)),
    ("DELETE", r"/api/annotations/(\d+)/", _change("annotations", delete=True)),
    ("POST", "/api/predictions/", _predict),
    ("PATCH", r"/api/predictions/(\d+)/", _change("predictions", delete=False)),
]


@contextmanager
def small_server() -> Iterator[Studio]:
    """Run the small server on loopback; its state is `studio.memory`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.memory = _Memory()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        studio = Studio(f"http://127.0.0.1:{server.server_port}", "a.refresh.token", server.memory.log)
        studio.memory = server.memory
        yield studio
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    prepare(label_studio_program() or sys.exit("Label Studio is not installed; run: make label-studio"))
