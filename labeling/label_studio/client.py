"""The calls of a Label Studio server's API that syncing needs; all of them work on the open-source server.

Source: the server's own code and answers, version 1.23.2. Label Studio's SDK is not used: it takes 15 s to import.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from urllib.parse import urljoin, urlsplit

from transforms.errors import InputError, NotFound, SourceError, Unavailable

TOKEN = "TILTH_LABEL_STUDIO_TOKEN"
OLDEST = (1, 10)  # before it, tasks came in other pages
CONNECT_S = 5.0
MAX_ANSWER = 512 * 1024 * 1024  # bytes of one page of tasks
MAX_TASKS = 1_000_000
PAGE = 100
MAX_WAIT_S = 30.0  # between two tries, whatever the server asks for
_BUSY = (429, 500, 502, 503, 504)


class TokenRefused(InputError):
    """The server does not take the access token."""


class Client:
    """One server.

    Args:
        url: http:// or https://, without name and password.
        token: a legacy access token or a personal access token (JWT); by default TILTH_LABEL_STUDIO_TOKEN. It is sent
            to this server only, and neither stored nor shown.
        timeout_s: how long one answer may take.
        pause_s: wait before the second try, doubled for each later one. Only calls that may be repeated are.
    """

    def __init__(
        self, url: str, token: str | None = None, *, timeout_s: float = 120.0, tries: int = 5, pause_s: float = 0.5,
        sleep: Callable[[float], None] = time.sleep,
    ):  # fmt: skip
        self.url = server_url(url)
        token = (token or os.environ.get(TOKEN) or "").strip()
        if not token:
            raise InputError(
                "A Label Studio server asks for an access token.", hint=f"Put yours into the variable {TOKEN}."
            )
        if not token.isascii() or any(c.isspace() for c in token):
            raise InputError("This cannot be an access token: it has spaces or unusual characters.")
        self._refresh = token if token.count(".") == 2 else ""  # a JWT refresh token has three parts
        self._header = "" if self._refresh else f"Token {token}"
        self._timeout_s, self._tries, self._pause_s, self._sleep = timeout_s, max(1, tries), pause_s, sleep
        self._session = None

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    # -- server and people --------------------------------------------------------------------------------------------

    def check(self) -> str:
        """Return the server's version, after making sure that it is one, new enough, and takes the token.

        Raises:
            Unavailable: nothing answers there.
            SourceError: it is no Label Studio server, or too old.
            InputError: the token is refused.
        """
        said = self._json("GET", "/api/version", signed=False)
        release = str(said.get("release") or "") if isinstance(said, dict) else ""
        parts = [int(p) for p in release.split(".")[:2] if p.isdigit()]
        if len(parts) < 2:
            raise SourceError(f"What answers at {self.url} is not a Label Studio server.")
        if tuple(parts) < OLDEST:
            raise SourceError(
                f"The server at {self.url} is Label Studio {release}, which is too old.",
                hint=f"Version {'.'.join(map(str, OLDEST))} or newer is needed.",
            )
        self._json("GET", "/api/current-user/whoami")
        return release

    def users(self) -> list[dict]:
        """Return `{id, email, username, first_name, last_name}` of everyone in the organization."""
        said = self._json("GET", "/api/users/")
        said = said.get("results", []) if isinstance(said, dict) else said
        return [u for u in said if isinstance(u, dict) and isinstance(u.get("id"), int)]

    # -- projects -----------------------------------------------------------------------------------------------------

    def project(self, number: int) -> dict:
        return self._json("GET", f"/api/projects/{int(number)}/", missing=f"project {number}")

    def projects(self, title: str) -> list[dict]:
        """Return the projects of exactly this title."""
        found, page = [], 1
        while page <= 100:
            said = self._json("GET", "/api/projects/", params={"title": title, "page": page, "page_size": PAGE})
            found += said.get("results") or []
            if not said.get("next"):
                break
            page += 1
        return [p for p in found if p.get("title") == title]

    def create_project(self, title: str, config: str, description: str = "") -> dict:
        body = {"title": title[:50].ljust(3, "-"), "description": description, "label_config": config}
        return self._json("POST", "/api/projects/", body=body)

    def set_config(self, project: int, config: str) -> None:
        self._json("PATCH", f"/api/projects/{project}/", body={"label_config": config})

    # -- tasks --------------------------------------------------------------------------------------------------------

    def tasks(self, project: int, *, answers: bool = True) -> Iterator[dict]:
        """Yield all tasks in order; without `answers` only their `id`, `meta` and `data`."""
        params = {"project": project, "page_size": PAGE, "resolve_uri": "false"}
        params |= {"fields": "all"} if answers else {"include": "id,meta,data"}
        seen, page = 0, 1
        while seen < MAX_TASKS:
            said = self._json("GET", "/api/tasks", params=params | {"page": page})
            part = said.get("tasks") if isinstance(said, dict) else None
            if not isinstance(part, list):
                raise SourceError(f"The server at {self.url} does not list its tasks as Label Studio does.")
            yield from (t for t in part if isinstance(t, dict) and isinstance(t.get("id"), int))
            seen += len(part)
            if not part or seen >= int(said.get("total") or 0):
                return
            page += 1

    def import_tasks(self, project: int, tasks: list[dict]) -> list[int]:
        """Create tasks with their annotations, all or none, and return the tasks' ids."""
        said = self._json("POST", f"/api/projects/{project}/import", params={"return_task_ids": "true"}, body=tasks)
        ids = said.get("task_ids") or []
        if len(ids) != len(tasks):
            raise SourceError(f"The server at {self.url} took {len(ids)} of {len(tasks)} tasks.")
        return ids

    def set_meta(self, task: int, meta: dict) -> None:
        self._json("PATCH", f"/api/tasks/{task}/", body={"meta": meta})

    # -- answers ------------------------------------------------------------------------------------------------------

    def create_annotation(self, task: int, body: dict) -> dict:
        return self._json("POST", f"/api/tasks/{task}/annotations/", body=body)

    def update_annotation(self, number: int, body: dict) -> dict:
        return self._json("PATCH", f"/api/annotations/{number}/", body=body)

    def delete_annotation(self, number: int) -> None:
        self._json("DELETE", f"/api/annotations/{number}/")

    def create_prediction(self, task: int, body: dict) -> dict:
        return self._json("POST", "/api/predictions/", body=body | {"task": task})

    def update_prediction(self, number: int, task: int, body: dict) -> dict:
        return self._json("PATCH", f"/api/predictions/{number}/", body=body | {"task": task})

    # -- files --------------------------------------------------------------------------------------------------------

    def uploads(self, project: int, ids: list[int] | None = None) -> list[dict]:
        """Return `{id, file}` of uploaded files, all of the project's without `ids`; their address is /data/ + file."""
        params = {"all": "true"} if ids is None else {"ids": json.dumps(ids)}
        said = self._json("GET", f"/api/projects/{project}/file-uploads", params=params)
        return [f for f in said if isinstance(f, dict) and isinstance(f.get("file"), str)]

    def upload(self, project: int, files: list[tuple[str, bytes]]) -> list[str]:
        """Upload pictures without making tasks, and return their addresses on the server, in order."""
        parts = [(f"file{n}", (name, data)) for n, (name, data) in enumerate(files)]
        params = {"commit_to_project": "false"}
        ids = self._json("POST", f"/api/projects/{project}/import", params=params, files=parts).get("file_upload_ids")
        known = {f["id"]: "/data/" + f["file"] for f in self.uploads(project, ids or [])}
        if not ids or len(ids) != len(files) or not known.keys() >= set(ids):
            raise SourceError(f"The server at {self.url} did not keep the pictures.")
        return [known[i] for i in ids]

    def download(self, reference: str, most: int) -> bytes | None:
        """Return a file that this very server hands out; None for any other address, which is never asked."""
        try:
            here, there = urlsplit(self.url), urlsplit(urljoin(self.url + "/", reference))
            same = (here.scheme, here.hostname, here.port) == (there.scheme, there.hostname, there.port)
        except ValueError:
            return None
        if not same or not there.path.startswith(here.path.rstrip("/") + "/data/"):
            return None
        return self._send("GET", there.path + (f"?{there.query}" if there.query else ""), most=most, absolute=True)[1]

    # -- the wire -----------------------------------------------------------------------------------------------------

    def _json(self, method: str, path: str, **given):
        _, data = self._send(method, path, **given)
        try:
            return json.loads(data) if data.strip() else {}
        except (ValueError, RecursionError):
            raise SourceError(f"The server at {self.url} answers {path} with something that is not JSON.") from None

    def _send(
        self, method: str, path: str, *, params=None, body=None, files=None, signed: bool = True, missing: str = "",
        most: int = MAX_ANSWER, absolute: bool = False,
    ) -> tuple[int, bytes]:  # fmt: skip
        base = "{0.scheme}://{0.netloc}".format(urlsplit(self.url)) if absolute else self.url
        renewed = False
        for trial in range(1, self._tries + 1):
            headers = {"Authorization": self._authorization()} if signed else {}
            try:
                code, data, wait = self._once(method, base + path, params, body, files, headers, most)
            except Unavailable:
                if method == "POST" or trial == self._tries:
                    raise
                code, data, wait = 0, b"", None
            if 200 <= code < 300:
                return code, data
            if code == 401 and self._refresh and not renewed:
                self._header, renewed = "", True  # an access token lives for minutes
                continue
            # what was refused for its pace was not done; after another trouble only what may be repeated is
            again = code == 429 or (method != "POST" and (code == 0 or code in _BUSY))
            if not again or trial == self._tries:
                raise self._refused(code, data, path, missing)
            self._sleep(min(MAX_WAIT_S, wait if wait is not None else self._pause_s * 2 ** (trial - 1)))
        raise self._refused(code, data, path, missing)

    def _once(self, method, url, params, body, files, headers, most) -> tuple[int, bytes, float | None]:
        import requests

        if self._session is None:
            self._session = requests.Session()
            self._session.auth = lambda request: request  # else a .netrc would replace our token
        try:
            with self._session.request(
                method, url, params=params, json=body, files=files, headers=headers, allow_redirects=False, stream=True,
                timeout=(CONNECT_S, self._timeout_s),
            ) as answer:  # fmt: skip
                data = bytearray()
                for part in answer.iter_content(65536):
                    data += part
                    if len(data) > most:
                        raise SourceError(f"The server at {self.url} answers with more than {most >> 20} MB.")
                wait = answer.headers.get("Retry-After", "")
                return answer.status_code, bytes(data), float(wait) if wait.isdigit() else None
        except requests.RequestException as error:
            why = "did not answer in time" if isinstance(error, requests.Timeout) else "cannot be reached"
            raise Unavailable(
                f"The Label Studio server at {self.url} {why}.", hint="Is it running, and is this its address?"
            ) from None

    def _authorization(self) -> str:
        if not self._header:
            code, data, _ = self._once(
                "POST", f"{self.url}/api/token/refresh/", None, {"refresh": self._refresh}, None, {}, 1 << 20
            )
            try:
                access = json.loads(data).get("access") if code == 200 else None
            except (ValueError, AttributeError):
                access = None
            if not isinstance(access, str) or not access:
                raise self._refused(401, b"", "", "")
            self._header = f"Bearer {access}"
        return self._header

    def _refused(self, code: int, data: bytes, path: str, missing: str) -> Exception:
        if code == 401:
            return TokenRefused(
                f"The server at {self.url} refuses the access token.",
                hint=f"Copy yours from its Account page into {TOKEN}; legacy tokens may be switched off there.",
            )
        if code == 404 and missing:
            return NotFound(f"The server at {self.url} has no {missing}.", hint="Name another project.")
        if 300 <= code < 400:
            return SourceError(f"The server at {self.url} sends us on to another address.", hint="Give that address.")
        if code in (0, *_BUSY) and code != 500:
            return Unavailable(f"The server at {self.url} is busy or down ({code}).", hint="Try again later.")
        return SourceError(f"The server at {self.url} answers {path} with {code}: {_reason(data)}")


def server_url(url: str) -> str:
    """Return a server's address in one spelling.

    Raises:
        InputError: not http or https, or with a name and password in it.
    """
    try:
        parts = urlsplit(url.strip())
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError("This is not the address of a server.", hint="It looks like https://labels.example.com")
    if parts.username or parts.password:
        raise InputError("The address must not hold a name or a password.", hint=f"The token goes into {TOKEN}.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def _reason(data: bytes) -> str:
    """Return what the server says is wrong, in one short line."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        said = data[:300].decode("utf-8", "replace")
    if isinstance(said, dict):
        said = said.get("validation_errors") or said.get("detail") or said
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return " ".join(text.split())[:300] or "no reason given"
