"""Bring data into a collection from wherever it lies: folders, pictures, archives, videos, text files, tables, datasets."""

from __future__ import annotations

import math
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from labeling import collections
from labeling.collections import Added
from labeling.items import add_dataset, add_items, add_texts
from labeling.pictures import MAX_BYTES, PICTURE_SUFFIXES, VIDEO_SUFFIXES, open_clip
from transforms.errors import InputError, SourceError

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
TEXT_SUFFIXES = (".txt", ".md", ".jsonl")
TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".xlsx", ".json")
MAX_ENTRIES = 200_000  # of one archive or folder
MAX_UNPACKED = 20 * 1024**3  # bytes of one archive
MAX_TEXT_FILE = 4 * 1024 * 1024
SHOWN = 5

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Look:
    """What adding would bring: how many items (about, of a video), the first names, and what to know before."""

    items: int
    names: list[str] = field(default_factory=list)
    note: str = ""


def look(
    ws,
    path: Path | str,
    item: str = "image",
    *,
    every: int | None = None,
    per_second: float | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Look:
    """Count what `add_path` would add, without adding it.

    Raises:
        InputError: there is nothing at this path, or nothing of this kind in it.
        SourceError: a damaged archive or video.
    """
    path = _existing(path)
    if is_archive(path):
        return _counted(_names(path, _suffixes(item)), path, item)
    if path.is_dir():
        wanted = _suffixes(item)
        found = (f for f in path.rglob("*") if f.suffix.lower() in wanted and f.is_file())
        return _counted((f.relative_to(path).as_posix() for f in found), path, item)
    if item == "image" and path.suffix.lower() in VIDEO_SUFFIXES:
        capture, clip = open_clip(path)
        capture.release()
        seconds = clip.frames / clip.fps
        part = max(0.0, min(end_s or seconds, seconds) - start_s)
        step = every or clip.fps / (per_second or 1.0)
        frames = max(1, min(2000, math.ceil(part * clip.fps / max(1, step))))
        return Look(frames, [], f"{clip.frames:,} frames, {seconds:.1f} seconds, {clip.width} × {clip.height} pixels.")
    if item != "image" and path.suffix.lower() in TABLE_SUFFIXES:
        return look_dataset(ws, str(path))
    if path.suffix.lower() not in _suffixes(item):
        raise InputError(f"{path.name} is no {_kind_of_file(item)}.", hint="Name a folder, an archive, or such a file.")
    return Look(1, [path.name])


def look_dataset(ws, dataset: str, columns: Iterable[str] = ()) -> Look:
    """Count the rows of a dataset, and show the first values of its columns."""
    from sources.opening import open_data
    from workspace.sql import connection, ident

    with open_data(ws, dataset) as opened, connection() as con:
        listed = ", ".join(map(ident, columns)) or "*"
        rows = con.execute(f"SELECT count(*) FROM {opened.sql()}").fetchone()[0]
        first = con.execute(f"SELECT {listed} FROM {opened.sql()} LIMIT {SHOWN}").fetchall()
    return Look(rows, [" · ".join("" if v is None else str(v)[:80] for v in row[:6]) for row in first])


def columns_of(ws, dataset: str) -> list[str]:
    """Return the column names of a dataset, `dataset@version`, or table file."""
    from sources.opening import open_data
    from workspace.sql import connection

    with open_data(ws, dataset) as opened, connection() as con:
        return list(con.sql(f"SELECT * FROM {opened.sql()} LIMIT 0").columns)


def add_path(
    ws,
    name: str,
    path: Path | str,
    *,
    item: str = "image",
    columns: Iterable[str] = (),
    every: int | None = None,
    per_second: float | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
    file_name: str | None = None,
    progress: Progress | None = None,
) -> Added:
    """Add everything of one kind that lies at a path.

    Args:
        item: image, text, row or pair; see `labeling.items`. Rows and pairs come from a table file.
        columns: of a table file.
        every, per_second: of a video: every nth frame, or so many per second [1 per second].
        start_s, end_s: of a video: the part to take, in seconds.
        file_name: how an upload was called.

    Raises:
        InputError: there is nothing at this path, or it does not fit the kind.
        SourceError: a damaged archive or video.
    """
    path = _existing(path)
    shown = file_name or path.name
    if is_archive(path, shown):
        if item == "image":
            expected = sum(1 for _ in _names(path, PICTURE_SUFFIXES))
            if not expected:
                raise InputError(f"{shown} holds no picture.")
            return collections._add(ws, name, archived_pictures(path, shown), expected, Added(), progress)
        if item == "text":
            return add_items(ws, name, "text", _texts(path))
        raise InputError(
            f"{item.capitalize()}s are not read from archives.", hint="Unpack the table, or import it first."
        )
    if item == "image":
        if path.suffix.lower() in VIDEO_SUFFIXES:
            rate = None if every else per_second or 1.0
            return collections.add_frames(
                ws,
                name,
                path,
                every=every,
                per_second=rate,
                start_s=start_s,
                end_s=end_s,
                file_name=file_name,
                progress=progress,
            )
        return collections.add_images(ws, name, [path], progress)
    if item == "text" and (path.is_dir() or path.suffix.lower() in TEXT_SUFFIXES):
        return add_texts(ws, name, [path])
    return add_dataset(ws, name, str(path), kind=item, columns=columns)


def is_archive(path: Path, name: str | None = None) -> bool:
    return path.is_file() and (name or path.name).lower().endswith(ARCHIVE_SUFFIXES)


def _existing(path: Path | str) -> Path:
    path = Path(path).expanduser()
    if not path.exists():
        raise InputError(f"There is no file or folder {path}.", hint="Check the path; it is one on this computer.")
    return path


def _suffixes(item: str) -> tuple[str, ...]:
    return {"image": tuple(PICTURE_SUFFIXES), "text": TEXT_SUFFIXES}.get(item, ())


def _kind_of_file(item: str) -> str:
    return {"image": "picture, archive or video", "text": "text file or table"}.get(item, "table")


def _counted(names: Iterable[str], path: Path, item: str) -> Look:
    found = sorted(islice(names, MAX_ENTRIES + 1))
    if not found:
        raise InputError(f"{path} holds no {'picture' if item == 'image' else 'text'}.")
    if any(name.lower().endswith(".jsonl") for name in found):
        return Look(len(found), found[:SHOWN], "Files; of .jsonl every line becomes an item.")
    more = f"More than {MAX_ENTRIES:,}; take them in parts." if len(found) > MAX_ENTRIES else ""
    return Look(len(found), found[:SHOWN], more)


def _names(path: Path, suffixes: Iterable[str]) -> Iterator[str]:
    return (name for name, _ in _entries(path, tuple(suffixes)))


def _entries(path: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
    """Yield the wanted files of an archive, each with a way to open it while the next is not yet asked for."""
    damaged = (zipfile.BadZipFile, tarfile.TarError, zlib.error, OSError, RuntimeError, NotImplementedError, EOFError)

    def wanted(name: str) -> bool:
        place = PurePosixPath(name)
        hidden = place.name.startswith(".") or "__MACOSX" in place.parts
        return place.suffix.lower() in suffixes and not hidden

    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                entries = archive.infolist()
                if len(entries) > MAX_ENTRIES:
                    raise SourceError(f"{path.name} has more than {MAX_ENTRIES:,} entries.")
                for entry in entries:
                    if not entry.is_dir() and wanted(entry.filename):
                        yield entry.filename, lambda e=entry: archive.open(e)
        else:
            size = 0
            with tarfile.open(path) as archive:
                for count, entry in enumerate(archive, 1):
                    size += entry.size  # what is passed over is unpacked as well
                    if count > MAX_ENTRIES or size > MAX_UNPACKED:
                        raise SourceError(f"{path.name} holds more than can be read.")
                    if entry.isfile() and wanted(entry.name):
                        yield entry.name.removeprefix("./"), lambda e=entry: archive.extractfile(e)
    except damaged as error:
        raise SourceError(f"{path.name} is damaged or locked: {error}.") from error


def archived_pictures(path: Path, shown: str) -> Iterator[tuple[str, bytes | None, str, str | None]]:
    """Yield `(name, bytes, source, problem)`; names are only words here: nothing is unpacked to disk."""
    total = 0
    for name, stream in _entries(path, tuple(PICTURE_SUFFIXES)):
        with stream() as opened:
            data = opened.read(MAX_BYTES + 1)  # what the header says of the size is not to be trusted
        total += len(data)
        if total > MAX_UNPACKED:
            raise SourceError(f"{shown} holds more than {MAX_UNPACKED // 1024**3} GB.", hint="Take it in parts.")
        if len(data) > MAX_BYTES:
            yield name, None, shown, f"{name} is larger than {MAX_BYTES // 1024**2} MB."
        else:
            yield name, data, f"{shown}#{name}", None


def _texts(path: Path) -> Iterator[tuple[str, dict]]:
    from labeling.items import _lines

    for name, stream in _entries(path, TEXT_SUFFIXES):
        with stream() as opened:
            data = opened.read(MAX_TEXT_FILE + 1)
        if len(data) > MAX_TEXT_FILE:
            raise InputError(f"{name} is larger than {MAX_TEXT_FILE // 1024**2} MB.", hint="Cut it into parts.")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InputError(f"{name} cannot be read as text.", hint="Save it as UTF-8.") from None
        if name.lower().endswith(".jsonl"):
            problems: list[str] = []
            yield from _lines(name, text, problems)
            if problems:
                raise InputError(problems[0])
        elif text.strip():
            yield name, {"text": text}
