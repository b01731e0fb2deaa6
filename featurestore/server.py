"""The HTTP API of the feature store (DESIGN.md section 6). `create_app` makes the FastAPI app; routers can be added.

Every error is `{"error": {"code", "message", "hint"}}`. Requests must name a known host (against DNS rebinding), carry a
bearer token with the right scope once tokens exist, stay under the size limit, and may be limited per client.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from featurestore import wire
from featurestore.intake import BatchRejected
from featurestore.store import FeatureStore
from featurestore.tokens import Tokens
from transforms.errors import AppError, Conflict, InputError, NotFound, Unavailable

log = logging.getLogger("tilth.serve")

MOST_KEYS = 1000  # per batchGet
MOST_RECORDS = 1000  # per write
MOST_BYTES = 10_000_000
MOST_AT_ONCE = 200
LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]", "testserver")
CODES = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}
CODES |= {
    409: "conflict",
    413: "too_large",
    422: "invalid",
    429: "too_many_requests",
    500: "internal",
    503: "unavailable",
}


class HttpError(Exception):
    """An error with its status; shown in the one error shape."""

    def __init__(self, status: int, message: str, hint: str = "", code: str = ""):
        super().__init__(message)
        self.status, self.message, self.hint, self.code = status, message, hint, code or CODES[status]


class Records(BaseModel):
    """Body of a write."""

    model_config = ConfigDict(extra="forbid")

    records: list[dict[str, Any]] = Field(max_length=MOST_RECORDS)


class Keys(BaseModel):
    """Body of a batch read: keys as scalars, lists or objects."""

    model_config = ConfigDict(extra="forbid")

    keys: list[Any]
    features: list[str] | None = None


class Rows(BaseModel):
    """Body of a read of a view: rows of keys (and request columns) as objects, or bare keys where there is one."""

    model_config = ConfigDict(extra="forbid")

    rows: list[Any]
    request: dict[str, Any] | None = None  # for all rows
    status: bool = False


def error_response(status: int, message: str, hint: str = "", code: str = "", **more: Any) -> JSONResponse:
    """Return the one error shape; `more` goes beside code, message and hint."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {"Retry-After": "1"} if status == 429 else None
    content = {"error": {"code": code or CODES.get(status, "error"), "message": message, "hint": hint, **more}}
    return JSONResponse(content, status, headers=headers)


def status_of(error: AppError) -> int:
    """Return the HTTP status of one of our errors."""
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, Conflict):
        return 409
    if isinstance(error, Unavailable):
        return 503
    return 422 if isinstance(error, BatchRejected) else 400 if isinstance(error, InputError) else 422


def needs(scope: str) -> Callable:
    """Return a dependency that lets only requests with a token of this scope through (all, while there is no token)."""

    async def check(request: Request) -> None:
        known: _KnownTokens = request.app.state.known_tokens
        if not known.required():
            return
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        scopes = known.scopes_of(token.strip()) if kind.lower() == "bearer" else None
        if scopes is None:
            raise HttpError(401, "This request needs a valid token.", "Send Authorization: Bearer TOKEN.")
        if scope not in scopes:
            raise HttpError(403, f"This token has no {scope!r} scope.", "Make a token with it: tilth tokens create.")

    return check


class _KnownTokens(threading.local):
    """What the catalog says about tokens, asked again only when somebody changed the catalog.

    One copy per thread, because SQLite counts changes per connection and each thread has its own.
    """

    def __init__(self, store: FeatureStore):
        self.store, self.tokens = store, Tokens(store.ws)
        self._change: int | None = None
        self._required = True
        self._scopes: dict[str, tuple[str, ...] | None] = {}

    def _refresh(self) -> None:
        change = self.store.catalog_change()
        if change != self._change:
            self._change, self._scopes, self._required = change, {}, self.tokens.required()

    def required(self) -> bool:
        self._refresh()
        return self._required

    def scopes_of(self, token: str) -> tuple[str, ...] | None:
        self._refresh()
        if token not in self._scopes:
            if len(self._scopes) > 1000:  # guesses must not fill the memory
                self._scopes.clear()
            self._scopes[token] = self.tokens.scopes_of(token)
        return self._scopes[token]


def create_app(
    store: FeatureStore,
    extra_routers: Sequence[APIRouter] = (),
    *,
    hosts: Sequence[str] = LOCAL_HOSTS,
    most_bytes: int = MOST_BYTES,
    requests_per_second: float | None = None,
    most_at_once: int = MOST_AT_ONCE,
) -> FastAPI:
    """Return the API over a store.

    Args:
        extra_routers: further routers, such as prediction; they may use `needs(scope)`.
        hosts: values of the Host header (without port) that are answered; "*" answers all.
        most_bytes: largest request body.
        requests_per_second: per client address, with bursts of twice that; None sets no limit.
        most_at_once: requests in work; more are refused with 429 at once, which keeps the others fast.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI):
        yield
        store.close()

    app = FastAPI(title="Tilth", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.store, app.state.known_tokens = store, _KnownTokens(store)
    numbers = CollectorRegistry()
    app.state.requests = Counter("tilth_requests", "Requests", ["method", "route", "status"], registry=numbers)
    app.state.seconds = Histogram(
        "tilth_request_seconds",
        "Time to answer",
        ["route"],
        registry=numbers,
        buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
    )
    limiter = _Limiter(requests_per_second) if requests_per_second else None
    app.add_middleware(
        _Guard, hosts=tuple(hosts), most_bytes=most_bytes, limiter=limiter, state=app.state, most_at_once=most_at_once
    )
    _handle_errors(app)
    app.include_router(_records())
    app.include_router(_views())
    for router in extra_routers:
        app.include_router(router)

    @app.get("/healthz")
    def healthz() -> dict:
        """Say that the store can be read."""
        return {"status": "ok", "groups": len(store.groups())}

    @app.get("/metrics", dependencies=[Depends(needs("read"))])
    def metrics() -> PlainTextResponse:
        """Return the counters as Prometheus text."""
        return PlainTextResponse(generate_latest(numbers), media_type=CONTENT_TYPE_LATEST)

    return app


def _records() -> APIRouter:
    router = APIRouter(prefix="/v1/groups")
    read, write = Depends(needs("read")), Depends(needs("write"))

    @router.get("", dependencies=[read])
    def groups(request: Request) -> JSONResponse:
        return _json({"groups": _store(request).groups()})

    @router.get("/{group}", dependencies=[read])
    def group(request: Request, group: str) -> JSONResponse:
        return _json(_store(request).describe(group))

    @router.post("/{group}/records:batchGet", dependencies=[read])
    def batch_get(request: Request, group: str, body: Keys) -> Response:
        """Answer one record or null per key, in the order asked."""
        if len(body.keys) > MOST_KEYS:
            raise HttpError(413, f"{len(body.keys):,} keys are too many.", f"Ask for up to {MOST_KEYS:,} at once.")
        store = _store(request)
        keys = [tuple(key) if isinstance(key, list) else key for key in body.keys]
        return Response(wire.many(store.get_many(group, keys, body.features)), media_type="application/json")

    @router.post("/{group}/records", dependencies=[write])
    def put(request: Request, group: str, body: Records) -> JSONResponse:
        store = _store(request)
        done = store.put(group, wire.floats_of(store, group, body.records))
        return _json({"group": group, "version": done.version, "rows": done.rows, "unchanged": done.unchanged})

    async def get(request: Request, group: str, key: str, features: Annotated[str | None, Query()] = None) -> Response:
        store = _store(request)  # asked in the event loop: a lookup takes less than a change of threads
        wanted = features.split(",") if features else None
        record = store.get(group, _key(request, store, group), wanted)
        if record is None:
            raise HttpError(
                404, f"Group {group!r} has no record for {key!r}.", "It was never written, deleted, or expired."
            )
        return Response(wire.dumps(record), media_type="application/json")

    router.add_api_route("/{group}/records/{key:path}", get, dependencies=[read], route_class_override=_ReadRoute)

    @router.delete("/{group}/records/{key:path}", dependencies=[write])
    def delete(
        request: Request,
        group: str,
        key: str,
        event_time: Annotated[str | None, Query()] = None,
        hard: Annotated[bool, Query()] = False,
    ) -> JSONResponse:
        store = _store(request)
        done = store.delete(group, _key(request, store, group), event_time=event_time, hard=hard)
        return _json({"group": group, "version": done.version, "deleted": True})

    return router


def _views() -> APIRouter:
    router = APIRouter(prefix="/v1/views", dependencies=[Depends(needs("read"))])

    @router.get("")
    def views(request: Request) -> JSONResponse:
        return _json({"views": _store(request).views()})

    @router.post("/{view}:get")
    def get(request: Request, view: str, body: Rows) -> Response:
        """Answer the view's features (`name` or `name@version`), one object per row, in the order asked."""
        if len(body.rows) > MOST_KEYS:
            raise HttpError(413, f"{len(body.rows):,} rows are too many.", f"Ask for up to {MOST_KEYS:,} at once.")
        found = _store(request).get_features(view, body.rows, body.request, status=body.status)
        return Response(wire.many(found), media_type="application/json")

    @router.get("/{view}")
    def view(request: Request, view: str) -> JSONResponse:
        return _json(_store(request).view(view))

    return router


class _ReadRoute(APIRoute):
    """A route whose arguments need no solving and no validation, which would take longer than the lookup itself."""

    def get_route_handler(self) -> Callable:
        may_read = needs("read")

        async def answer(request: Request) -> Response:
            await may_read(request)
            return await self.endpoint(
                request, **request.path_params, features=request.query_params.get("features") or None
            )

        return answer


def _store(request: Request) -> FeatureStore:
    return request.app.state.store


def _json(content: Any) -> JSONResponse:
    return JSONResponse(content)


def _key(request: Request, store: FeatureStore, group: str) -> tuple:
    """Return the key of the path. Several columns: `a,b`, a comma inside a part written %2C, or all of it encoded at once."""
    keys = store.key_columns(group)
    raw = request.scope.get("raw_path") or request.url.path.encode()
    raw = raw.decode("ascii", "replace").partition("?")[0].partition("/records/")[2]
    parts = [raw] if len(keys) == 1 else raw.split(",")
    if len(parts) == len(keys):
        return wire.typed_key(keys, [unquote(part) for part in parts])
    return wire.typed_key(keys, wire.key_parts(unquote(raw), len(keys)))


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(AppError)
    async def ours(request: Request, error: AppError) -> JSONResponse:
        more = {"problems": error.problems[:100]} if isinstance(error, BatchRejected) else {}
        return error_response(status_of(error), error.message, error.hint, error.code, **more)

    @app.exception_handler(HttpError)
    async def http(request: Request, error: HttpError) -> JSONResponse:
        return error_response(error.status, error.message, error.hint, error.code)

    @app.exception_handler(RequestValidationError)
    async def shape(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "json_invalid":
            return error_response(400, "The body is not JSON.", "Send one JSON object.")
        if first["type"] == "too_long":
            return error_response(413, f"{where} is too long.", f"Send up to {first['ctx']['max_length']:,} at once.")
        return error_response(422, f"{where}: {first['msg']}.", "See /openapi.json for the shape of the request.")

    @app.exception_handler(HTTPException)
    async def starlette(request: Request, error: HTTPException) -> JSONResponse:
        return error_response(error.status_code, str(error.detail) + ".", "See /openapi.json for the paths.")

    @app.exception_handler(Exception)
    async def defect(request: Request, error: Exception) -> JSONResponse:
        log.error("defect while answering %s", request.url.path, exc_info=error)
        return error_response(500, "Something went wrong in Tilth itself.", "See the server's log.")


class _Limiter:
    """A token bucket per client."""

    def __init__(self, per_second: float):
        self.per_second, self.burst = per_second, 2 * per_second
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def allows(self, client: str) -> bool:
        now = time.monotonic()
        with self._lock:
            if len(self._left) > 10_000:  # forget clients whose bucket is full again
                self._left = {c: (n, at) for c, (n, at) in self._left.items() if now - at < 60}
            left, at = self._left.get(client, (self.burst, now))
            left = min(self.burst, left + (now - at) * self.per_second)
            self._left[client] = (left - 1 if left >= 1 else left, now)
            return left >= 1


class _Guard:
    """ASGI middleware: host, rate, body size, and the counters."""

    def __init__(self, app, hosts: tuple[str, ...], most_bytes: int, limiter, state: Any, most_at_once: int):
        self.app, self.hosts, self.most_bytes, self.limiter, self.state = app, hosts, most_bytes, limiter, state
        self.most_at_once, self.at_work = most_at_once, 0

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def noting(message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        refused = self._refusal(scope)
        self.at_work += 1
        try:
            if refused is not None:
                await refused(scope, receive, noting)
            else:
                await self._bounded(scope, receive, noting)
        finally:
            self.at_work -= 1
            route = getattr(scope.get("route"), "path", "other")
            self.state.requests.labels(scope["method"], route, str(status)).inc()
            self.state.seconds.labels(route).observe(time.perf_counter() - started)

    def _refusal(self, scope) -> JSONResponse | None:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        if "*" not in self.hosts and name.lower() not in self.hosts:
            return error_response(
                403, f"This server does not answer for the host {host!r}.", "Start it with --allow-host."
            )
        if self.at_work >= self.most_at_once and scope["path"] != "/healthz":
            return error_response(429, "The server is busy.", "Wait a second and try again.")
        if self.limiter and not self.limiter.allows((scope.get("client") or ("?",))[0]):
            return error_response(429, "Too many requests.", "Wait a second and try again.")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            return error_response(400, "The Content-Length is no number.", "Send a correct request.")
        if int(length) > self.most_bytes:
            return self._too_large()
        return None

    def _too_large(self) -> JSONResponse:
        return error_response(413, f"The body is larger than {self.most_bytes:,} bytes.", "Send less at once.")

    async def _bounded(self, scope, receive, send) -> None:
        """Read a body without Content-Length up to the limit before anything is done with it."""
        headers = dict(scope["headers"])
        if headers.get(b"transfer-encoding", b"").lower() != b"chunked":
            await self.app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self.most_bytes:
                await self._too_large()(scope, receive, send)
                return
        given = False

        async def replay():
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, replay, send)
