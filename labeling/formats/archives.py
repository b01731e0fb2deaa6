"""Read folders, zip and tar archives of label files, and write them; sizes, entries and depth are bounded.

Nothing is unpacked to disk, so names inside an archive lead nowhere.
"""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from transforms.errors import InputError, SourceError

MAX_ENTRIES = 200_000
MAX_ENTRY_BYTES = 200 * 1024 * 1024
MAX_TOTAL_BYTES = 2 * 1024**3
MAX_DEPTH = 40  # folders in each other
_TEXT = {".txt", ".xml", ".json", ".yaml", ".yml", ".names", ".manifest", ".jsonl", ".csv"}
_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_EPOCH = (1980, 1, 1, 0, 0, 0)

Part = bytes | Path  # a file of an export: its bytes, or where they lie


def read_files(path: Path, *, masks: bool = False) -> dict[str, bytes]:
    """Return `{relative name: bytes}` of a file, of the label files in a folder, or of a zip or tar archive.

    Args:
        masks: take PNG files out of archives too.

    Raises:
        SourceError: not there, damaged, or more than is read.
    """
    if path.is_dir():
        found = sorted(f for f in path.rglob("*") if f.suffix.lower() in _TEXT and f.is_file())
        if len(found) > MAX_ENTRIES:
            raise SourceError(f"The folder {path} has more than {MAX_ENTRIES:,} label files.")
        files, total = {}, 0
        for file in found:
            files[file.relative_to(path).as_posix()] = data = _bounded(file)
            total += len(data)
            if total > MAX_TOTAL_BYTES:
                raise SourceError(f"The folder {path} holds more than can be read.")
        return files
    if not path.is_file():
        raise SourceError(f"There is no file or folder {path}.", hint="Check the path.")
    wanted = _TEXT | ({".png"} if masks else set())
    try:
        if path.name.lower().endswith(_TAR):
            return _gathered(path.name, _tar_entries(path, wanted))
        if zipfile.is_zipfile(path):
            return _gathered(path.name, _zip_entries(path, wanted))
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        OSError,
        RuntimeError,
        NotImplementedError,
        EOFError,
    ) as error:
        raise SourceError(f"{path.name} is damaged or locked: {error}.") from error
    return {path.name: _bounded(path)}


def _gathered(archive: str, entries: Iterator[tuple[str, bytes]]) -> dict[str, bytes]:
    files, total = {}, 0
    for name, data in entries:
        total += len(data)
        if len(data) > MAX_ENTRY_BYTES or total > MAX_TOTAL_BYTES:
            raise SourceError(f"{archive} holds more than can be read: {name} is too large.")
        if len(PurePosixPath(name).parts) > MAX_DEPTH:
            raise SourceError(f"{archive} has folders more than {MAX_DEPTH} deep.")
        files[name] = data
    return files


def _zip_entries(path: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        entries = [e for e in archive.infolist() if not e.is_dir()]
        if len(entries) > MAX_ENTRIES:
            raise SourceError(f"{path.name} has more than {MAX_ENTRIES:,} entries.")
        for entry in entries:
            if PurePosixPath(entry.filename).suffix.lower() in wanted:
                with archive.open(entry) as stream:  # what the header says of the size is not to be trusted
                    yield entry.filename, stream.read(MAX_ENTRY_BYTES + 1)


def _tar_entries(path: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    size = 0
    with tarfile.open(path) as archive:
        for count, entry in enumerate(archive, 1):
            size += entry.size  # what is passed over is unpressed as well
            if count > MAX_ENTRIES or size > MAX_TOTAL_BYTES:
                raise SourceError(f"{path.name} holds more than can be read.")
            if entry.isfile() and PurePosixPath(entry.name).suffix.lower() in wanted:
                stream = archive.extractfile(entry)
                yield entry.name.removeprefix("./"), stream.read(MAX_ENTRY_BYTES + 1) if stream else b""


def _bounded(path: Path) -> bytes:
    if path.stat().st_size > MAX_TOTAL_BYTES:
        raise SourceError(f"{path.name} is larger than {MAX_TOTAL_BYTES / 1e9:.0f} GB.")
    return path.read_bytes()


def files_beside(path: Path) -> Callable[[str], bytes | None]:
    """Return a lookup of the files that a manifest refers to, in its folder and nowhere else."""
    folder = (path if path.is_dir() else path.parent).resolve()

    def look(name: str) -> bytes | None:
        target = (folder / name).resolve()
        if folder not in target.parents or not target.is_file() or target.stat().st_size > MAX_ENTRY_BYTES:
            return None
        return target.read_bytes()

    return look


# -- writing --------------------------------------------------------------------------------------------------------


def inside(folder: Path, name: str) -> Path:
    """Return the path of an export's file.

    Raises:
        InputError: the name leads out of the folder.
    """
    target = (folder / name).resolve()
    if folder.resolve() not in target.parents:
        raise InputError(f"The image name {name!r} leads out of the folder.", hint="Export to a .zip instead.")
    return target


def _entry_name(name: str) -> str:
    """Return a name that leads nowhere else when the archive is unpacked."""
    return "/".join("_" if part == ".." else part for part in PurePosixPath(name.lstrip("/")).parts)


def _fill(target, files: dict[str, Part]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            content = data.read_bytes() if isinstance(data, Path) else data
            archive.writestr(zipfile.ZipInfo(_entry_name(name), _EPOCH), content, zipfile.ZIP_DEFLATED)


def zip_bytes(files: dict[str, Part]) -> bytes:
    """Zip files with fixed times, so that equal content gives equal bytes."""
    out = io.BytesIO()
    _fill(out, files)
    return out.getvalue()


def write_zip(path: Path, files: dict[str, Part]) -> None:
    """Write a zip at once or not at all; one file is held in memory at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            _fill(stream, files)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
