"""Uploads: `PUT /api/uploads/{name}` streams a file of any size into the workspace's scratch folder.

The answer is `{"token", "name", "bytes"}`; the Data page imports what lies under the token and then removes it. Nothing
of the file is ever held in memory, and `st.file_uploader` would hold it twice.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from workspace import Workspace, locate

DEFAULT_LIMIT_MB = 20_480
KEEP_FREE_BYTES = 512 << 20
BATCH_BYTES = 4 << 20
_TOKEN = re.compile(r"[0-9a-f]{32}-\d+")


async def upload(request: Request) -> JSONResponse:
    """Write the body to a new file; a broken or refused upload leaves nothing behind."""
    name = safe_name(request.path_params["name"])
    if not name:
        return _refused(400, "invalid", "The file has no usable name.", "Rename it.")
    limit = int(os.environ.get("TILTH_MAX_UPLOAD_MB", DEFAULT_LIMIT_MB)) << 20
    said = request.headers.get("content-length", "0")
    if said.isdecimal() and int(said) > limit:
        return _too_large(name, limit)
    token = f"{uuid.uuid4().hex}-{os.getpid()}"
    folder = _folder(token)
    done = False
    try:
        await run_in_threadpool(folder.mkdir, parents=True)
        written, batch = 0, bytearray()
        with (folder / name).open("wb") as out:
            async for chunk in request.stream():
                batch += chunk
                written += len(chunk)
                if written > limit:
                    return _too_large(name, limit)
                if len(batch) >= BATCH_BYTES:
                    if shutil.disk_usage(folder).free < KEEP_FREE_BYTES:
                        return _refused(507, "disk_full", "The disk is too full for this file.", "Free some space.")
                    await run_in_threadpool(out.write, bytes(batch))
                    batch.clear()
            await run_in_threadpool(out.write, bytes(batch))
        done = True
        return JSONResponse({"token": token, "name": name, "bytes": written}, 201)
    except ClientDisconnect:
        return _refused(400, "interrupted", "The upload was broken off.", "Send it again.")
    except OSError as error:
        return _refused(507, "disk", f"The file could not be written: {error.strerror}.", "Check the disk.")
    finally:
        if not done:
            await run_in_threadpool(shutil.rmtree, folder, True)


def uploaded(token: str) -> Path | None:
    """Return the uploaded file under a token, or None if there is none (any more)."""
    if not _TOKEN.fullmatch(token or ""):
        return None
    folder = _folder(token)
    files = list(folder.iterdir()) if folder.is_dir() else []
    return files[0] if len(files) == 1 else None


def discard(token: str) -> None:
    """Remove an uploaded file."""
    if _TOKEN.fullmatch(token or ""):
        shutil.rmtree(_folder(token), ignore_errors=True)


def keep(name: str, data) -> str:
    """Keep a file that came another way (a small upload held by Streamlit) and return its token."""
    token = f"{uuid.uuid4().hex}-{os.getpid()}"
    folder = _folder(token)
    folder.mkdir(parents=True)
    with (folder / (safe_name(name) or "upload")).open("wb") as out:
        shutil.copyfileobj(data, out)
    return token


def safe_name(name: str) -> str:
    """Return the last part of a file name without control characters, at most 150 characters; "" if nothing is left."""
    last = re.split(r"[/\\]", name)[-1]
    last = re.sub(r"[\x00-\x1f\x7f]", "", last).strip().lstrip(".")
    while len(last.encode()) > 200:  # file systems count bytes
        last = last[1:]
    return last


def _folder(token: str) -> Path:
    root = locate()
    if not root.is_dir():
        Workspace.open(root).close()
    return root / "tmp" / f"upload-{token}"


def _too_large(name: str, limit: int) -> JSONResponse:
    return _refused(
        413, "too_large", f"{name!r} is larger than {limit >> 20:,} MB.", "Import it by its path on this computer."
    )


def _refused(status: int, code: str, message: str, hint: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message, "hint": hint}}, status)


routes = [Route("/api/uploads/{name:path}", upload, methods=["PUT"])]
