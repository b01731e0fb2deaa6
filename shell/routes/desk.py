"""The annotator's own route: answers, the next item and help with drawing, without a rerun of the page.

A page hands its annotator a token that stands for one person's desk in one collection. Tokens live in this process: after
a restart the page runs again and hands out another one, and what was not saved is sent again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labeling import desk as desks
from transforms.errors import AppError

MAX_BODY = 20 * 1024 * 1024
MOST = 2000  # desks of one process
_SECRET = secrets.token_bytes(32)
_desks: OrderedDict[str, desks.Desk] = OrderedDict()
_lock = threading.Lock()


def token(desk: desks.Desk) -> str:
    """Return the token of a desk: the same for an equal desk in this process, and nobody can guess it."""
    named = f"{desk.kind}|{desk.ws.root}|{desk.collection_id}|{desk.originals}|{desk.person}"
    made = hmac.new(_SECRET, named.encode(), hashlib.sha256).hexdigest()[:40]
    with _lock:
        _desks[made] = desk
        _desks.move_to_end(made)
        while len(_desks) > MOST:
            _desks.popitem(last=False)
    return made


def _desk(request: Request) -> desks.Desk | None:
    with _lock:
        return _desks.get(request.path_params["token"])


def item(request: Request) -> Response:
    """GET /api/desk/{token}/item?image=: one item as the annotator shows it."""
    desk = _desk(request)
    if desk is None:
        return _gone()
    asked = request.query_params.get("image", "")
    try:
        found = desk.item(int(asked) if asked.isdigit() else None)
    except AppError as error:
        return _refused(error)
    return _json(found) if found else _json({"error": {"code": "none", "message": "There is nothing to do."}}, 404)


async def act(request: Request) -> Response:
    """PUT /api/desk/{token}/answer and POST /api/desk/{token}/{go, assist, comment, flag, previous, follow, interpolate}."""
    from starlette.concurrency import run_in_threadpool

    desk = _desk(request)
    if desk is None:
        return _gone()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return _json({"error": {"code": "too_large", "message": "This answer is too large.", "hint": ""}}, 413)
    try:
        given = orjson.loads(bytes(body) or b"{}")
    except orjson.JSONDecodeError:
        return _json({"error": {"code": "invalid", "message": "The body is not JSON.", "hint": ""}}, 400)
    try:
        return _json(await run_in_threadpool(desks.call, desk, request.path_params["what"], given))
    except AppError as error:
        return _refused(error)


def _json(value: dict, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json", headers={"cache-control": "no-store"})


def _gone() -> Response:
    return _json({"error": {"code": "gone", "message": "The server was restarted.", "hint": "Reload the page."}}, 404)


def _refused(error: AppError) -> Response:
    return _json({"error": {"code": error.code, "message": error.message, "hint": error.hint}}, 422)


routes = [
    Route("/api/desk/{token}/item", item, methods=["GET"]),
    Route("/api/desk/{token}/{what}", act, methods=["PUT", "POST"]),
]
