"""Stops other web pages from talking to this local server.

Streamlit's own XSRF check does not cover our routes: every request must name a host that we serve (no DNS rebinding), and
a request that changes something must come from our own origin and carry a header that a foreign form cannot set.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from starlette.responses import JSONResponse

HEADER = "x-tilth"
SAFE = ("GET", "HEAD", "OPTIONS")


def allowed_hosts() -> set[str]:
    """Return the host names that we answer to: loopback, and those in TILTH_ALLOWED_HOSTS."""
    more = os.environ.get("TILTH_ALLOWED_HOSTS", "")
    return {"localhost", "127.0.0.1", "::1", *(h.strip() for h in more.split(",") if h.strip())}


class LocalOnly:
    """ASGI middleware: Host, Origin and header checks on http, security headers on every answer."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        refused = self._refusal(scope, headers)
        if refused and scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        if refused:
            answer = JSONResponse({"error": {"code": "forbidden", "message": refused, "hint": ""}}, 403)
            return await answer(scope, receive, send)

        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-content-type-options", b"nosniff"),
                    (b"x-frame-options", b"SAMEORIGIN"),
                    (b"referrer-policy", b"same-origin"),
                ]
            await send(message)

        return await self.app(scope, receive, send_with_headers)

    def _refusal(self, scope, headers) -> str | None:
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if host not in allowed_hosts():
            return f"This server does not answer to the host {host!r}."
        origin = headers.get("origin")
        if origin and origin != "null" and urlsplit(origin).netloc != headers.get("host"):
            return "Requests from other sites are refused."
        if origin == "null":
            return "Requests without an origin page are refused."
        if (
            scope["type"] == "http"
            and scope["path"].startswith("/api/")
            and scope["method"] not in SAFE
            and HEADER not in headers
        ):
            return f"The header {HEADER!r} is missing."
        return None
