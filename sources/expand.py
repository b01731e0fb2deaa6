"""Compressed sources: unpack into a scratch folder, bounded, so that an archive bomb is refused."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from transforms.errors import NotFound, SourceError
from workspace.sql import plain_disk_errors

CHUNK = 1 << 20
SUSPICIOUS_BYTES = 100 << 20  # below this nothing is refused for its ratio
SUSPICIOUS_RATIO = 100  # tables shrink 3 to 30 times
KEEP_FREE_BYTES = 256 << 20  # disk space that unpacking leaves alone
MAX_ENTRIES = 10_000

_MAGIC = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst"}
_NESTED = (".zip", ".gz", ".bz2", ".xz", ".zst", ".tar", ".tgz", ".7z", ".rar")


def unpacked(file: Path, shown: str, scratch: Path, member: str | None) -> tuple[Path, str]:
    """Return the plain file and its inner name; `file` itself if it is not compressed.

    Raises:
        SourceError: broken, encrypted, nested, suspiciously large when unpacked, or several members and none chosen.
    """
    with file.open("rb") as opened:
        head = opened.read(8)
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            inner = shown[: -len(kind) - 1] if shown.lower().endswith("." + kind) else shown
            return _unpack_stream(file, kind, shown, scratch), inner
    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        return _unpack_zip(file, shown, scratch, member)
    return file, shown


def _unpack_stream(file: Path, kind: str, shown: str, scratch: Path) -> Path:
    target = scratch / "unpacked"
    try:
        with _open_stream(file, kind) as source, target.open("wb") as out:
            _copy(source, out, file.stat().st_size, shown, scratch)
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile, OSError) as error:
        _raise_if_disk(error)
        raise SourceError(f"{shown!r} is a damaged {kind} file: {error}.", hint="Copy or download it again.") from error
    with target.open("rb") as opened:
        head = opened.read(512)
    if head.startswith((*_MAGIC, b"PK\x03\x04")) or head[257:262] == b"ustar":
        raise SourceError(f"{shown!r} has another archive inside.", hint="Unpack it, then import the table.")
    return target


def _open_stream(file: Path, kind: str) -> BinaryIO:
    if kind == "gz":
        return gzip.open(file, "rb")
    if kind == "bz2":
        return bz2.open(file, "rb")
    if kind == "xz":
        return lzma.open(file, "rb")
    import pyarrow as pa

    return pa.input_stream(str(file), compression="zstd")


def _unpack_zip(file: Path, shown: str, scratch: Path, member: str | None) -> tuple[Path, str]:
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise SourceError(f"{shown!r} is a damaged zip file.", hint="Copy or download it again.") from error
    with archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        if len(entries) > MAX_ENTRIES:
            raise SourceError(f"{shown!r} holds {len(entries):,} files.", hint=f"At most {MAX_ENTRIES:,} are read.")
        names = [entry.filename for entry in entries]
        packed = file.stat().st_size
        unpacked_bytes = sum(entry.file_size for entry in entries)
        if {"[Content_Types].xml", "mimetype", "xl/workbook.xml", "xl/workbook.bin"} & set(names):
            refuse_bomb(unpacked_bytes, packed, shown)
            return file, shown  # a workbook is a zip file itself
        tables = [e for e in entries if not Path(e.filename).name.startswith((".", "__MACOSX"))]
        tables = [e for e in tables if not e.filename.startswith("__MACOSX/")]
        if member is not None:
            tables = [entry for entry in tables if entry.filename == member]
            if not tables:
                raise NotFound.named("file in the archive", member, names)
        if not tables:
            raise SourceError(f"{shown!r} holds no file.")
        if len(tables) > 1:
            listed = ", ".join(e.filename for e in tables[:8])
            raise SourceError(
                f"{shown!r} holds {len(tables)} files: {listed}.",
                hint=f"Choose one with the option member, such as member={tables[0].filename}.",
            )
        entry = tables[0]
        if entry.flag_bits & 1:
            raise SourceError(f"{shown!r} is locked with a password.", hint="Unpack it first.")
        if entry.filename.lower().endswith(_NESTED):
            raise SourceError(f"{shown!r} has another archive inside.", hint="Unpack it, then import the table.")
        refuse_bomb(entry.file_size, entry.compress_size, shown)
        target = scratch / "unpacked"  # our own name: a member's path is never followed
        try:
            with archive.open(entry) as source, target.open("wb") as out:
                _copy(source, out, entry.compress_size, shown, scratch)
        except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, OSError) as error:
            _raise_if_disk(error)
            raise SourceError(f"{shown!r} is a damaged zip file: {error}.", hint="Download it again.") from error
    return target, Path(entry.filename).name


def _copy(source: BinaryIO, out: BinaryIO, packed_bytes: int, shown: str, scratch: Path) -> None:
    """Copy, counting what really comes out: the sizes that an archive states may be lies."""
    written = 0
    while chunk := source.read(CHUNK):
        written += len(chunk)
        refuse_bomb(written, packed_bytes, shown)
        if written % (64 * CHUNK) < CHUNK and shutil.disk_usage(scratch).free < KEEP_FREE_BYTES:
            raise SourceError(f"The disk is too full to unpack {shown!r}.", hint="Free some space.")
        out.write(chunk)


def refuse_bomb(unpacked_bytes: int, packed_bytes: int, shown: str) -> None:
    if unpacked_bytes > SUSPICIOUS_BYTES and unpacked_bytes > SUSPICIOUS_RATIO * max(packed_bytes, 1):
        raise SourceError(
            f"{shown!r} was refused: unpacked it would be more than {SUSPICIOUS_RATIO} times its size, like an archive "
            "bomb.",
            hint="If it is a real table, unpack it yourself and import that.",
        )


def _raise_if_disk(error: Exception) -> None:
    with plain_disk_errors("unpacking"):
        if isinstance(error, OSError) and error.errno in (28, 30, 122):  # no space, read-only, quota
            raise error
