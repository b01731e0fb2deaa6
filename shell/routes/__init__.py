"""HTTP routes beside the screens, all under /api, and the checks that stand in front of them."""

from __future__ import annotations

from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from shell.routes import desk, grid, media, uploads
from shell.routes.security import LocalOnly


async def _unknown(request):
    return JSONResponse(
        {"error": {"code": "not_found", "message": f"There is no {request.url.path}.", "hint": ""}}, 404
    )


def routes() -> list:
    """Return every route; unknown paths under /api answer 404 instead of the app's page."""
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    return [
        *uploads.routes,
        *media.routes,
        *grid.routes,
        *desk.routes,
        Route("/api/{path:path}", _unknown, methods=methods),
    ]


def middleware() -> list[Middleware]:
    return [Middleware(LocalOnly)]
