"""Pictures of collections, and the files of our own components.

Everything is asked for by number or by a name from a fixed list; no path from a request touches the disk.
"""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from transforms.errors import AppError, NotFound

COMPONENTS = Path(__file__).parent.parent / "components"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
VARIANTS = ("redacted", "original", "thumb")


def image(request: Request) -> Response:
    """GET /api/images/{collection}/{image_id}?variant=redacted|original|thumb

    Without a variant: the redacted copy if there is one, else the original where it may be seen. The browser keeps a
    picture but asks each time whether it is still current, so a new redaction shows at once.
    """
    from labeling import collections
    from shell.widgets import workspace

    variant = request.query_params.get("variant")
    if variant not in (None, *VARIANTS):
        return _refuse(400, "invalid", f"There is no variant {variant!r}.", "Use redacted, original or thumb.")
    try:
        ws = workspace()
        collection = collections.get_collection(ws, int(request.path_params["collection"]), counts=False)
        info = collections.get_image(ws, int(request.path_params["image_id"]))
        if info.collection_id != collection.id:
            raise NotFound("This image is not in this collection.")
        redacted_only = collection.sealed or (is_annotator(request) and collection.annotators_see == "redacted")
        chosen = variant or ("redacted" if info.redacted_sha256 or redacted_only else "original")
        path = collections.image_file(ws, info, chosen, redacted_only=redacted_only)
    except NotFound as error:
        return _refuse(404, "not_found", error.message, error.hint)
    except AppError as error:
        return _refuse(400, error.code, error.message, error.hint)
    tag = f'"{path.stem}"'  # files are named by their content
    headers = {"cache-control": "private, no-cache", "etag": tag, "content-security-policy": "default-src 'none'"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if not path.is_file():
        return _refuse(404, "not_found", f"The file of {info.file_name} is missing from the workspace.", "")
    return FileResponse(path, headers=headers)


def is_annotator(request: Request) -> bool:
    """Return whether the signed-in person has only the role annotator; without sign-in nobody has."""
    return request.scope.get("tilth.role") == "annotator"


def component(request: Request) -> Response:
    """GET /api/static/components/{version}/{file}: a script or style of one of our components.

    Modules name each other relatively, so all of one component carry the same version in their address.
    """
    known = {p.name: p for p in COMPONENTS.glob("*/*") if p.suffix in _TYPES}
    path = known.get(request.path_params["file"])
    if path is None:
        return _refuse(404, "not_found", "There is no such component file.", "")
    # the address carries a hash of the content, so a copy may be kept for good
    named = request.query_params.get("v") or request.path_params.get("version")
    cache = "public, max-age=31536000, immutable" if named else "no-cache"
    return FileResponse(path, media_type=_TYPES[path.suffix], headers={"cache-control": cache})


def _refuse(status: int, code: str, message: str, hint: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message, "hint": hint}}, status)


routes = [
    Route("/api/images/{collection:int}/{image_id:int}", image, methods=["GET"]),
    Route("/api/static/components/{file}", component, methods=["GET"]),
    Route("/api/static/components/{version}/{file}", component, methods=["GET"]),
]
