"""Rows and column facts for the grid component, page by page; only views that a page registered can be read."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from transforms.errors import AppError


def rows(request: Request) -> JSONResponse:
    """GET /api/grid/{token}/rows?offset=&limit=&before=TOKEN: a page, and which cells differ from another view's page."""
    from shell import preview

    view = preview.view(request.path_params["token"])
    if view is None:
        return _gone()
    try:
        offset, limit = int(request.query_params.get("offset", 0)), int(request.query_params.get("limit", 100))
    except ValueError:
        return JSONResponse(
            {"error": {"code": "invalid", "message": "offset and limit are whole numbers.", "hint": ""}}, 400
        )
    before = preview.view(request.query_params.get("before", ""))
    try:
        page = view.rows(offset, limit)
        changed = _changed(view, page, before, offset, limit) if before and before.aligned == view.aligned else None
    except AppError as error:
        return _failed(error)
    return JSONResponse({"offset": offset, "rows": page, "changed": changed})


def profile(request: Request) -> JSONResponse:
    """GET /api/grid/{token}/profile?columns=0,1,2: facts of columns (by position) over all rows."""
    from shell import preview

    view = preview.view(request.path_params["token"])
    if view is None:
        return _gone()
    names = [c["name"] for c in view.columns]
    asked = request.query_params.get("columns", "")
    places = [int(p) for p in asked.split(",") if p.isdecimal() and int(p) < len(names)][:200]
    try:
        facts = view.profile([names[p] for p in places])
    except AppError as error:
        return _failed(error)
    return JSONResponse({"rows": view.count(), "columns": {str(p): facts[names[p]] for p in places}})


def _changed(view, page, before, offset, limit) -> list[list[int]]:
    """Return, per row, the positions of cells that differ from the same row and column of another view."""
    old_places = {c["name"]: i for i, c in enumerate(before.columns)}
    shared = [(i, old_places[c["name"]]) for i, c in enumerate(view.columns) if c["name"] in old_places]
    old = before.rows(offset, limit)
    return [[i for i, j in shared if r < len(old) and row[i] != old[r][j]] for r, row in enumerate(page)]


def _gone() -> JSONResponse:
    return JSONResponse(
        {"error": {"code": "gone", "message": "This preview has ended.", "hint": "Reload the page."}}, 404
    )


def _failed(error: AppError) -> JSONResponse:
    return JSONResponse({"error": {"code": error.code, "message": error.message, "hint": error.hint}}, 422)


routes = [
    Route("/api/grid/{token}/rows", rows, methods=["GET"]),
    Route("/api/grid/{token}/profile", profile, methods=["GET"]),
]
