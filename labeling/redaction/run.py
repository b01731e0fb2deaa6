"""Redact files: pictures, folders of them, and video; report what was hidden."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from labeling.pictures import (
    PICTURE_SUFFIXES,
    VIDEO_SUFFIXES,
    canonical_suffix,
    encode_picture,
    read_picture,
)
from labeling.redaction.detectors import default_detectors, find_regions
from labeling.redaction.redactor import METHODS, redact
from labeling.redaction.regions import Region
from labeling.redaction.video import redact_video
from transforms.errors import AppError, InputError


@dataclass
class RedactionReport:
    """What `redact_paths` did: one record per file (per frame of a video), and what could not be done."""

    records: list[dict] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def redact_paths(
    paths: Iterable[Path | str],
    out: Path | str,
    *,
    faces: bool = True,
    plates: bool = True,
    method: str = "blur",
    report: Path | str | None = None,
    face_model: str | None = None,
    detectors=None,
    audio: bool = False,
    on_record: Callable[[dict], None] | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> RedactionReport:
    """Write redacted copies of pictures and videos into the folder `out`.

    Folders are walked, and their inner folders kept. A picture keeps its format, a video becomes an MP4, without sound
    unless it is asked for.
    Copies carry no metadata. A file that cannot be done is named in `problems`; the others go on.

    Args:
        report: file for JSON lines `file, width, height, regions` (video: one line per frame, with `frame`).
        audio: keep the sound of videos (needs ffmpeg).
        detectors: what to look with; otherwise `default_detectors(faces, plates, face_model)`.
        on_record: called with each record as it is made.
        progress: called with (share done, file name); may raise to stop.

    Raises:
        InputError: unknown method, nothing to look for, or no path.
    """
    if method not in METHODS:
        raise InputError(f"There is no way to redact called {method!r}.", hint=f"Use one of {', '.join(METHODS)}.")
    paths = [Path(p) for p in paths]
    if not paths:
        raise InputError("There is nothing to redact.", hint="Name a file or a folder.")
    if detectors is None:
        detectors = default_detectors(faces, plates, face_model)
    if not detectors:
        raise InputError("Neither faces nor plates are to be hidden.", hint="Switch on at least one of them.")
    out = Path(out)
    done = RedactionReport()
    jobs = list(_jobs(paths, out, done))
    for number, (source, name) in enumerate(jobs):
        if progress:
            progress(number / len(jobs), name)
        try:
            target = out / name
            if target.exists() and target.samefile(source):
                raise InputError(f"{name} would be overwritten by its own copy.", hint="Choose another --out folder.")
            if source.suffix.lower() in VIDEO_SUFFIXES:
                target = target.with_suffix(".mp4")
                records = redact_video(
                    source, target, detectors, method=method, audio=audio, name=name, progress=progress
                )
            else:
                records = [_redact_picture(source, target, name, detectors, method)]
        except AppError as error:
            done.problems.append(str(error))
            continue
        except OSError as error:
            done.problems.append(f"{name} cannot be written: {error.strerror or error}.")
            continue
        done.written.append(target)
        done.records += records
        for record in records if on_record else ():
            on_record(record)
    if report:
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in done.records)
        write_bytes(Path(report), lines.encode())
    return done


def _jobs(paths: list[Path], out: Path, done: RedactionReport) -> Iterator[tuple[Path, str]]:
    """Yield (source, name of the copy inside `out`); say what cannot be a job."""
    taken: set[str] = set()
    known = PICTURE_SUFFIXES | VIDEO_SUFFIXES
    for path in paths:
        if path.is_dir():
            inside = out.resolve()
            files = sorted(f for f in path.rglob("*") if f.is_file() and inside not in f.resolve().parents)
            files = [(f, f.relative_to(path).as_posix()) for f in files if f.suffix.lower() in known]
            if not files:
                done.problems.append(f"The folder {path} holds no picture and no video.")
        elif not path.exists():
            done.problems.append(f"There is no file or folder {path}. Hint: Check the path.")
            continue
        elif path.suffix.lower() not in known:
            done.problems.append(
                f"{path.name} is neither a picture nor a video we can read. "
                f"Hint: {', '.join(sorted(s[1:] for s in known))} work."
            )
            continue
        else:
            files = [(path, path.name)]
        for file, name in files:
            unique, number = name, 2
            while unique in taken:  # two folders may hold files of one name
                unique = f"{Path(name).with_suffix('').as_posix()}-{number}{Path(name).suffix}"
                number += 1
            taken.add(unique)
            yield file, unique


def _redact_picture(source: Path, target: Path, name: str, detectors, method: str) -> dict:
    picture = read_picture(source, name)
    regions = find_regions(picture.bgr, detectors)
    write_bytes(target, encode_picture(redact(picture.bgr, regions, method), canonical_suffix(target)))
    return _record(name, picture.width, picture.height, regions)


def _record(name: str, width: int, height: int, regions: list[Region]) -> dict:
    return {"file": name, "width": width, "height": height, "regions": [region.to_dict() for region in regions]}


def write_bytes(target: Path, data: bytes) -> None:
    """Write a file whole or not at all: new name, sync, rename."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
