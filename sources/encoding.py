"""Which encoding a text file is in, and turning it into UTF-8.

UTF-8 is recognised, UTF-16 and UTF-32 by their mark or by their zero bytes. Other encodings cannot be told apart for
certain: Windows-1252 (of which Latin-1 text is part) is taken where it fits, and the reader is warned.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from transforms.errors import InputError, SourceError
from workspace.sql import plain_disk_errors

SAMPLE = 1 << 20
CHUNK = 1 << 20
_BINARY = [byte for byte in range(1, 26) if byte not in b"\t\n\v\f\r"]  # 26 to 31 serve as separators in some files
_UNDEFINED_IN_1252 = bytes([0x81, 0x8D, 0x8F, 0x90, 0x9D])


@dataclass(frozen=True)
class Found:
    """`name` is Python's name of the encoding; `is_sure` is False where it was guessed."""

    name: str
    is_sure: bool


def detect(file: Path, shown: str) -> Found:
    """Return the encoding that the beginning and some places of the file show.

    Raises:
        SourceError: the file is not text.
    """
    parts = _samples(file)
    head = parts[0]
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return Found(name, True)
    if b"\0" in head:
        even, odd = head[0:4096:2].count(0), head[1:4096:2].count(0)
        half = len(head[:4096]) // 2
        if odd > 0.4 * half and even < 0.1 * half:
            return Found("utf-16-le", False)
        if even > 0.4 * half and odd < 0.1 * half:
            return Found("utf-16-be", False)
        raise SourceError(
            f"{shown!r} is not a text file: it has zero bytes in it.",
            hint="If it is a table of another kind, name its format with the option format.",
        )
    if sum(head[:65536].count(byte) for byte in _BINARY) > 0.05 * len(head[:65536]):
        raise SourceError(f"{shown!r} is not a text file: it is full of control characters.")
    if all(_is_utf8(part) for part in parts):
        return Found("utf-8", True)
    if any(_has_utf8_letters(line) for part in parts for line in part.split(b"\n")):
        return Found("utf-8", False)  # some lines are, some are not: the reader rejects the others one by one
    return Found(single_byte(b"".join(parts), shown), False)


def single_byte(data: bytes, shown: str) -> str:
    """Return "cp1252" if the bytes can be that.

    Raises:
        SourceError: they cannot; a guess would put wrong letters into every line.
    """
    if any(byte in data for byte in _UNDEFINED_IN_1252):
        raise SourceError(
            f"{shown!r} is not UTF-8 and its encoding cannot be told.",
            hint="Set the option encoding, such as shift_jis, big5, euc_kr, gb18030, cp1251 or latin-1.",
        )
    return "cp1252"


def single_byte_of(file: Path, shown: str) -> str:
    """Return what `single_byte` says about a whole file, streaming."""
    name = "cp1252"
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            name = single_byte(chunk, shown)
    return name


def is_single_byte(file: Path) -> bool:
    """Return whether no line of the whole file has valid UTF-8 letters beyond ASCII."""
    with file.open("rb") as opened:
        return not any(_has_utf8_letters(line) for line in opened)


def check(name: str) -> str:
    """Return Python's name for an encoding that the user asked for."""
    try:
        found = codecs.lookup(name).name
        codecs.getincrementaldecoder(found)()
        "a".encode(found)
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"The encoding {name!r} is not known.", hint="Try utf-8, cp1252, latin-1 or utf-16."
        ) from error
    return found


def to_utf8(file: Path, name: str, target: Path, shown: str, *, strict: bool) -> int:
    """Write `file` as UTF-8 to `target`, streaming; return how many characters could not be read.

    With `strict` one such character is an error, else it becomes U+FFFD.
    """
    decoder = codecs.getincrementaldecoder(name)(errors="strict" if strict else "replace")
    bad = 0
    with plain_disk_errors("converting the file"), file.open("rb") as source, target.open("wb") as out:
        while True:
            chunk = source.read(CHUNK)
            try:
                piece = decoder.decode(chunk, final=not chunk)
            except UnicodeError as error:
                raise SourceError(
                    f"{shown!r} is not in the encoding {name}: {error}.", hint="Set the option encoding."
                ) from error
            bad += piece.count("\ufffd")
            out.write(piece.encode("utf-8", errors="replace"))
            if not chunk:
                return bad


def _samples(file: Path) -> list[bytes]:
    """Return the head and eight places further on, each cut at line ends."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        parts = [_whole_lines(opened.read(SAMPLE), cut_end=size > SAMPLE)]
        if size > 2 * SAMPLE:
            for step in range(1, 9):
                opened.seek(max(SAMPLE, size * step // 9))
                opened.readline()
                parts.append(_whole_lines(opened.read(65536), cut_end=True))
    return parts


def _whole_lines(data: bytes, *, cut_end: bool) -> bytes:
    last = data.rfind(b"\n")
    return data[: last + 1] if cut_end and last >= 0 else data


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True


def _has_utf8_letters(line: bytes) -> bool:
    if line.isascii():
        return False
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
