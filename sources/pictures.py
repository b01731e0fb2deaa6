"""Pictures: a folder or a zip file of them as a table, one row for each file.

Columns: `path` (inside the folder), `image` (the file's bytes), `width`, `height`, `format`, `bytes`, and `error` where the file cannot be
read as a picture: its bytes are kept, so that nothing is lost unseen.
"""

from __future__ import annotations

import os
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sources import expand
from sources.queries import over_source
from transforms.errors import SourceError
from workspace.sql import plain_disk_errors, text

if TYPE_CHECKING:
    from sources.reading import Imported, Request

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
MAX_FILES = 50_000
MAX_FILE_BYTES = 100 << 20
MAX_BYTES = 8 << 30
BATCH_BYTES = 32 << 20


def names_in_folder(folder: Path) -> list[str]:
    """Return the pictures below a folder as paths inside it, in order; links and hidden files are not followed."""
    found = []
    for at, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in files:
            path = Path(at) / name
            if (
                name.lower().endswith(SUFFIXES)
                and not name.startswith(".")
                and not path.is_symlink()
                and path.is_file()
            ):
                found.append(path.relative_to(folder).as_posix())
    return sorted(found)


def names_in_zip(file: Path) -> list[str]:
    """Return the pictures in a zip file; none where it is no zip file."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = [e.filename for e in archive.infolist() if not e.is_dir()]
    except (zipfile.BadZipFile, OSError):
        return []
    shown = [n for n in names if not n.startswith("__MACOSX/") and not Path(n).name.startswith(".")]
    pictures = sorted(n for n in shown if n.lower().endswith(SUFFIXES))
    workbook = {"[Content_Types].xml", "mimetype", "xl/workbook.xml"} & set(names)
    return pictures if pictures and not workbook and len(pictures) * 2 >= len(shown) else []


def read(request: Request, names: list[str]) -> Imported:
    """Copy pictures into one Parquet file in scratch and open it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from sources.reading import Imported

    request.only_options()
    if len(names) > MAX_FILES:
        raise SourceError(
            f"{request.shown!r} holds {len(names):,} pictures; at most {MAX_FILES:,} are read.",
            hint="Import parts of it, then put the tables together.",
        )
    schema = pa.schema(
        [("path", pa.string()), ("image", pa.large_binary()), ("width", pa.int64()), ("height", pa.int64()),
         ("format", pa.string()), ("bytes", pa.int64()), ("error", pa.string())]
    )  # fmt: skip
    copy = request.scratch / f"pictures-{uuid.uuid4().hex}.parquet"
    broken, total, waiting, size = 0, 0, [], 0
    with plain_disk_errors("the import"), pq.ParquetWriter(copy, schema, compression="none") as writer:
        for name, data, error in _contents(request, names):
            waiting.append(_row(name, data, error))
            broken += waiting[-1]["error"] is not None
            size += len(data or b"")
            total += len(data or b"")
            if total > MAX_BYTES:
                raise SourceError(
                    f"{request.shown!r} holds more than {MAX_BYTES >> 30} GB of pictures.", hint="Import parts of it."
                )
            if size > BATCH_BYTES or len(waiting) >= 2048:
                writer.write_table(pa.Table.from_pylist(waiting, schema))
                waiting, size = [], 0
        writer.write_table(pa.Table.from_pylist(waiting, schema))
    facts = {"format": "pictures", "files": len(names), "bytes": total}
    warnings = [f"{broken:,} of {len(names):,} files cannot be read as a picture; see column error."] if broken else []
    return Imported(over_source(request, f"SELECT * FROM read_parquet({text(str(copy))})", [copy]), facts, warnings)


def _contents(request: Request, names: list[str]) -> Iterator[tuple[str, bytes | None, str | None]]:
    """Yield (name, bytes, error) of each file; those that are too large are not read."""
    large = f"larger than {MAX_FILE_BYTES >> 20} MB"
    if request.file.is_dir():
        for name in names:
            try:
                with (request.file / name).open("rb") as opened:
                    data = opened.read(MAX_FILE_BYTES + 1)
            except OSError as error:
                yield name, None, error.strerror or "cannot be opened"
                continue
            yield (name, None, large) if len(data) > MAX_FILE_BYTES else (name, data, None)
        return
    with zipfile.ZipFile(request.file) as archive:
        packed = request.file.stat().st_size
        expand.refuse_bomb(sum(archive.getinfo(n).file_size for n in names), packed, request.shown)
        for name in names:
            if archive.getinfo(name).flag_bits & 1:
                raise SourceError(f"{request.shown!r} is locked with a password.", hint="Unpack it first.")
            try:
                with archive.open(name) as opened:
                    data = opened.read(MAX_FILE_BYTES + 1)
            except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, OSError) as error:
                yield name, None, f"damaged in the zip file: {error}"
                continue
            yield (name, None, large) if len(data) > MAX_FILE_BYTES else (name, data, None)


def _row(name: str, data: bytes | None, error: str | None) -> dict:
    from transforms.pixel_facts import metadata, why_unreadable
    from transforms.pixels import size_of

    row = {
        "path": name.encode("utf-8", "replace").decode(),
        "image": data,
        "error": error,
        "bytes": len(data) if data is not None else None,
    }
    if data is not None:
        row["error"] = why_unreadable.python(data, least_width=1, least_height=1)
        if row["error"] in (None, "damaged"):
            row["format"] = metadata(data)["format"]
            row["width"], row["height"] = size_of(data)
    return row
