"""Collections: the images of one labelling project, where their files lie, and who may see which copy.

Files are content-addressed under `<workspace>/images/`: a name is the SHA-256 of its bytes, so one picture is kept
once. The original is kept byte for byte; a redacted copy is a second file. Width and height are of the upright image.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from labeling.documents import class_list
from labeling.pictures import MAX_BYTES, PICTURE_SUFFIXES, clip_frames, encode_picture, open_clip, read_picture
from labeling.redaction.detectors import default_detectors, find_regions, version_of
from labeling.redaction.redactor import METHODS, redact
from labeling.redaction.run import write_bytes
from transforms.errors import AppError, Conflict, InputError, NotFound, SourceError
from workspace.schema.base import now
from workspace.schema.labels import LabelAnnotation, LabelCollection, LabelImage, LabelTask

Progress = Callable[[float, str], None]
Variant = Literal["redacted", "original", "thumb"]
THUMB_SIDE = 320
_BATCH = 50


@dataclass(frozen=True)
class Collection:
    """A collection and how far it is; `done` counts tasks that are done or skipped."""

    id: int
    name: str
    classes: list[dict]
    image_classes: list[dict]
    annotators_see: str
    sealed: bool
    extra: dict
    created_at: datetime
    workflow: dict = field(default_factory=dict)
    images: int = 0
    done: int = 0
    redacted: int = 0


@dataclass(frozen=True)
class ImageInfo:
    """One item of a collection, mostly an image. `shown` says that a file exists that may be looked at."""

    id: int
    collection_id: int
    position: int
    file_name: str
    width: int
    height: int
    source: str
    status: str
    sha256: str | None
    suffix: str
    redacted_sha256: str | None
    redacted_suffix: str
    redaction: dict | None
    purged: bool
    extra: dict
    kind: str = "image"  # image | text | pair | row
    data: dict = field(default_factory=dict)

    @property
    def shown(self) -> bool:
        return bool(self.redacted_sha256 or (self.has_pixels and not self.purged))

    @property
    def has_pixels(self) -> bool:
        return bool(self.sha256) and self.kind == "image"


@dataclass
class Added:
    """What became of files: names added, `(name, name it equals)` of duplicates, one sentence per problem."""

    added: list[str] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict:
        return {"added": len(self.added), "duplicates": len(self.duplicates), "problems": self.problems}


# -- collections ----------------------------------------------------------------------------------------------------


def create_collection(
    ws, name: str, classes: Iterable = (), image_classes: Iterable = (), annotators_see: str = "redacted"
) -> Collection:
    """Create an empty collection.

    Args:
        classes: names (or dicts with name, color, hotkey) that regions may have.
        image_classes: names that whole images may have.
        annotators_see: "redacted" or "original": what people with the role annotator are shown.

    Raises:
        Conflict: the name is taken.
    """
    name = name.strip()
    if not name or len(name) > 200:
        raise InputError("A collection needs a name of 1 to 200 characters.")
    if annotators_see not in ("redacted", "original"):
        raise InputError(f"Annotators cannot see {annotators_see!r}.", hint="Use redacted or original.")
    row = LabelCollection(
        name=name,
        classes=class_list(classes),
        image_classes=class_list(image_classes),
        annotators_see=annotators_see,
        sealed=False,
        extra={},
        created_at=now(),
    )
    try:
        with ws.session() as session:
            session.add(row)
    except IntegrityError:
        raise Conflict(f"There is a collection called {name!r} already.", hint="Choose another name.") from None
    ws.audit.record("collection.create", name, {"classes": [c["name"] for c in class_list(classes)]})
    return get_collection(ws, name)


def get_collection(ws, name: str | int, *, counts: bool = True) -> Collection:
    """Return a collection by name or id; without `counts` faster, and its three counts are 0."""
    with ws.reading() as session:
        where = LabelCollection.id == name if isinstance(name, int) else LabelCollection.name == name
        row = session.scalar(select(LabelCollection).where(where))
        if row is None:
            known = session.scalars(select(LabelCollection.name).order_by(LabelCollection.name)).all()
            raise NotFound.named("collection", str(name), known)
        return _collections(session, [row])[0] if counts else _collection(row)


def list_collections(ws) -> list[Collection]:
    """Return all collections, newest first."""
    with ws.reading() as session:
        rows = session.scalars(select(LabelCollection).order_by(LabelCollection.id.desc())).all()
        return _collections(session, rows)


def _collections(session, rows) -> list[Collection]:
    ids = [row.id for row in rows]

    def counts(statement) -> dict[int, int]:
        return dict(session.execute(statement).all())

    images = counts(
        select(LabelImage.collection_id, func.count())
        .where(LabelImage.collection_id.in_(ids))
        .group_by(LabelImage.collection_id)
    )
    redacted = counts(
        select(LabelImage.collection_id, func.count())
        .where(LabelImage.collection_id.in_(ids), LabelImage.redacted_sha256.is_not(None))
        .group_by(LabelImage.collection_id)
    )
    done = counts(
        select(LabelTask.collection_id, func.count())
        .where(LabelTask.collection_id.in_(ids), LabelTask.status.in_(("done", "skipped")))
        .group_by(LabelTask.collection_id)
    )
    return [_collection(row, images.get(row.id, 0), done.get(row.id, 0), redacted.get(row.id, 0)) for row in rows]


def _collection(row: LabelCollection, images: int = 0, done: int = 0, redacted: int = 0) -> Collection:
    return Collection(
        row.id, row.name, row.classes, row.image_classes, row.annotators_see, row.sealed, row.extra or {}, row.created_at,
        row.workflow or {}, images, done, redacted,
    )  # fmt: skip


def set_classes(ws, name: str, classes: Iterable | None = None, image_classes: Iterable | None = None) -> Collection:
    """Replace the label schema. A class that regions still use cannot be taken away.

    Raises:
        Conflict: a class in use is missing from the new list.
    """
    collection = get_collection(ws, name)
    values: dict = {}
    if classes is not None:
        values["classes"] = class_list(classes)
    if image_classes is not None:
        values["image_classes"] = class_list(image_classes)
    from labeling.annotations import current_documents

    used: dict[str, set] = {"classes": set(), "image_classes": set()}
    for answers in current_documents(ws, name).values():
        for answer in answers:
            used["classes"] |= {region["label"] for region in answer.document["regions"]}
            used["image_classes"] |= set(answer.document["classes"])
    for key, new in values.items():
        if gone := sorted(used[key] - {c["name"] for c in new}):
            raise Conflict(f"{', '.join(gone)} cannot be taken away: annotations of {name!r} use it.")
    if values:
        with ws.session() as session:
            session.execute(update(LabelCollection).where(LabelCollection.id == collection.id).values(**values))
        ws.audit.record("collection.classes", collection.name, {k: [c["name"] for c in v] for k, v in values.items()})
    return get_collection(ws, collection.id)


def add_classes(ws, name: str, classes: Iterable = (), image_classes: Iterable = ()) -> Collection:
    """Add classes that the schema does not have yet; known ones stay as they are."""
    collection = get_collection(ws, name)
    values = {
        "classes": class_list(classes, collection.classes),
        "image_classes": class_list(image_classes, collection.image_classes),
    }
    if values["classes"] != collection.classes or values["image_classes"] != collection.image_classes:
        with ws.session() as session:
            session.execute(update(LabelCollection).where(LabelCollection.id == collection.id).values(**values))
    return get_collection(ws, collection.id)


def set_annotators_see(ws, name: str | int, annotators_see: str) -> Collection:
    """Say what people with the role annotator are shown: "redacted" or "original"."""
    if annotators_see not in ("redacted", "original"):
        raise InputError(f"Annotators cannot see {annotators_see!r}.", hint="Use redacted or original.")
    collection = get_collection(ws, name, counts=False)
    with ws.session() as session:
        session.execute(
            update(LabelCollection).where(LabelCollection.id == collection.id).values(annotators_see=annotators_see)
        )
    ws.audit.record("collection.annotators_see", collection.name, {"see": annotators_see})
    return get_collection(ws, collection.id)


def delete_collection(ws, name: str) -> None:
    """Delete a collection with its annotations; picture files that no other collection uses go too."""
    collection = get_collection(ws, name)
    images = list_images(ws, name)
    ids = [image.id for image in images]
    with ws.session() as session:
        for start in range(0, len(ids), 500):
            session.execute(delete(LabelAnnotation).where(LabelAnnotation.image_id.in_(ids[start : start + 500])))
        session.execute(delete(LabelTask).where(LabelTask.collection_id == collection.id))
        session.execute(delete(LabelImage).where(LabelImage.collection_id == collection.id))
        session.execute(delete(LabelCollection).where(LabelCollection.id == collection.id))
    _drop_files(ws, {i.sha256 for i in images} | {i.redacted_sha256 for i in images})
    ws.audit.record("collection.delete", collection.name, {"images": len(images)})


# -- images ---------------------------------------------------------------------------------------------------------


def list_images(ws, name: str | int, *, offset: int = 0, limit: int | None = None) -> list[ImageInfo]:
    """Return the images of a collection in order, or a window of them."""
    collection = get_collection(ws, name, counts=False)
    with ws.reading() as session:
        rows = session.execute(
            select(LabelImage, LabelTask.status)
            .join(LabelTask, LabelTask.image_id == LabelImage.id)
            .where(LabelImage.collection_id == collection.id)
            .order_by(LabelImage.position, LabelImage.id)
            .offset(offset)
            .limit(limit)
        ).all()
        return [_image(*row) for row in rows]


def count_by_status(ws, collection_id: int) -> dict[str, int]:
    """Return how many images are todo, started, done and skipped."""
    with ws.reading() as session:
        rows = session.execute(
            select(LabelTask.status, func.count())
            .where(LabelTask.collection_id == collection_id)
            .group_by(LabelTask.status)
        ).all()
    found = dict(rows)
    return {status: found.get(status, 0) for status in ("todo", "started", "review", "done", "skipped")}


def get_image(ws, image_id: int) -> ImageInfo:
    with ws.reading() as session:
        row = session.execute(
            select(LabelImage, LabelTask.status)
            .join(LabelTask, LabelTask.image_id == LabelImage.id)
            .where(LabelImage.id == image_id)
        ).first()
        if row is None:
            raise NotFound(f"There is no image with the number {image_id}.")
        return _image(*row)


@dataclass(frozen=True)
class Around:
    """Where an image stands in its collection; `strip` holds it and its neighbours in order."""

    position: int
    count: int
    previous: int | None
    next: int | None
    strip: list[ImageInfo]


def around(ws, image: ImageInfo, reach: int = 8) -> Around:
    """Return an image's place and up to `reach` neighbours on each side, without reading the whole collection."""
    mine = LabelImage.collection_id == image.collection_id
    before = (LabelImage.position < image.position) | (
        (LabelImage.position == image.position) & (LabelImage.id < image.id)
    )
    base = select(LabelImage, LabelTask.status).join(LabelTask, LabelTask.image_id == LabelImage.id)
    with ws.reading() as session:
        count = session.scalar(select(func.count()).select_from(LabelImage).where(mine))
        earlier = session.scalar(select(func.count()).select_from(LabelImage).where(mine, before))
        left = session.execute(
            base.where(mine, before).order_by(LabelImage.position.desc(), LabelImage.id.desc()).limit(reach)
        ).all()
        right = session.execute(
            base.where(mine, ~before).order_by(LabelImage.position, LabelImage.id).limit(reach + 1)
        ).all()
        strip = [_image(*row) for row in [*reversed(left), *right]]
    ids = [i.id for i in strip]
    place = ids.index(image.id)
    return Around(
        earlier + 1,
        count,
        ids[place - 1] if place else None,
        ids[place + 1] if place + 1 < len(ids) else None,
        strip,
    )


def first_images(ws, collection_id: int, n: int) -> list[ImageInfo]:
    """Return the first images of a collection that have a picture."""
    with ws.reading() as session:
        rows = session.execute(
            select(LabelImage, LabelTask.status)
            .join(LabelTask, LabelTask.image_id == LabelImage.id)
            .where(
                LabelImage.collection_id == collection_id, LabelImage.sha256.is_not(None), LabelImage.kind == "image"
            )
            .order_by(LabelImage.position, LabelImage.id)
            .limit(n)
        ).all()
        return [_image(*row) for row in rows]


def _image(row: LabelImage, status: str) -> ImageInfo:
    return ImageInfo(
        row.id, row.collection_id, row.position, row.file_name, row.width, row.height, row.source, status, row.sha256,
        row.suffix, row.redacted_sha256, row.redacted_suffix, row.redaction, row.purged, row.extra or {},
        row.kind, row.data or {},
    )  # fmt: skip


def add_images(ws, name: str, paths: Iterable[Path | str], progress: Progress | None = None) -> Added:
    """Add picture files, and all pictures inside folders, to a collection.

    A picture that the collection has already (same bytes) is not added again but named in `duplicates`. A file that is
    no picture, damaged or too large is named in `problems`; the others go on. Stopping keeps what was added.
    """
    files: list[tuple[Path, str]] = []
    added = Added()
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(f for f in path.rglob("*") if f.is_file() and f.suffix.lower() in PICTURE_SUFFIXES)
            if not inside:
                added.problems.append(f"The folder {path} holds no picture.")
            files += [(f, f.relative_to(path).as_posix()) for f in inside]
        else:
            files.append((path, path.name))

    def pictures():
        for path, file_name in files:
            try:
                data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
                if data is None:
                    read_picture(path, file_name)  # says how large it is
                yield file_name, data, str(path), None
            except AppError as error:
                yield file_name, None, str(path), str(error)
            except FileNotFoundError:
                yield file_name, None, str(path), f"There is no file {path}. Hint: Check the path."
            except OSError as error:
                yield file_name, None, str(path), f"{file_name} cannot be read: {error.strerror}."

    return _add(ws, name, pictures(), len(files), added, progress)


def add_pictures(ws, name: str, pictures: Iterable[tuple[str, bytes]], progress: Progress | None = None) -> Added:
    """Add pictures given as `(file name, bytes)`, such as an upload."""
    items = [(Path(file_name).name, data, "upload", None) for file_name, data in pictures]
    return _add(ws, name, items, len(items), Added(), progress)


def add_frames(
    ws,
    name: str,
    clip: Path | str,
    *,
    every: int | None = None,
    per_second: float | None = None,
    most: int = 2000,
    start_s: float = 0.0,
    end_s: float | None = None,
    numbers: Iterable[int] | None = None,
    file_name: str | None = None,
    progress: Progress | None = None,
) -> Added:
    """Add frames of a video: every nth one, so many per second of film, or those with these numbers (from 0).

    `start_s` and `end_s` bound the part of the film in seconds. Still scenes give duplicates, named as such.
    """
    capture, info = open_clip(clip)
    capture.release()
    shown = file_name or Path(clip).name
    chosen = None if numbers is None else sorted({int(n) for n in numbers})
    step = every or (info.fps / per_second if per_second else 1)
    seconds = max(0.0, min(end_s or math.inf, info.frames / info.fps) - start_s)
    expected = max(1, min(most, int(seconds * info.fps / max(1, step)) + 1 if chosen is None else len(chosen)))
    known = {"fps": info.fps, "frames": info.frames, "width": info.width, "height": info.height}
    if file_name is None:
        known["path"] = str(Path(clip).absolute())
    _keep_clip(ws, name, shown, known)

    def frames():
        bounds = {"start_s": start_s, "end_s": end_s, "numbers": chosen}
        for frame, bgr in clip_frames(clip, every=every, per_second=per_second, most=most, **bounds):
            yield f"{Path(shown).stem}_f{frame:06d}.jpg", encode_picture(bgr, ".jpg"), f"{shown}#frame={frame}", None

    return _add(ws, name, frames(), expected, Added(), progress)


def _keep_clip(ws, name: str, clip: str, known: dict) -> None:
    """Keep what a video said about itself, so that labels can be drawn into it later (`labeling.video`)."""
    collection = get_collection(ws, name, counts=False)
    with ws.session() as session:
        row = session.get(LabelCollection, collection.id)
        extra = row.extra or {}
        row.extra = extra | {"clips": extra.get("clips", {}) | {clip: known}}


def _add(ws, name: str, pictures: Iterable, expected: int, added: Added, progress: Progress | None) -> Added:
    collection = get_collection(ws, name)
    have = list_images(ws, name)
    by_hash = {image.sha256: image.file_name for image in have if image.sha256}
    pixels_missing = {image.file_name: image for image in have if image.sha256 is None}
    names = {image.file_name for image in have}
    position = max((image.position for image in have), default=0)
    batch: list[LabelImage] = []
    try:
        for count, (file_name, data, source, problem) in enumerate(pictures):
            if progress:
                progress(min(1.0, count / max(1, expected)), file_name)
            if problem:
                added.problems.append(problem)
                continue
            digest = hashlib.sha256(data).hexdigest()
            if digest in by_hash:
                added.duplicates.append((file_name, by_hash[digest]))
                continue
            try:
                picture = read_picture(data, file_name)
            except SourceError as error:
                added.problems.append(str(error))
                continue
            write_once(image_path(ws, digest, picture.suffix), data)
            if waiting := pixels_missing.pop(file_name, None):
                if (waiting.width, waiting.height) not in ((0, 0), (picture.width, picture.height)):
                    added.problems.append(
                        f"{file_name} has {picture.width} × {picture.height} pixels, "
                        f"its labels were made for {waiting.width} × {waiting.height}."
                    )
                    continue
                _give_pixels(ws, waiting.id, digest, picture)
                by_hash[digest] = file_name
                added.added.append(file_name)
                continue
            file_name = _free_name(file_name, names)
            position += 1
            names.add(file_name)
            by_hash[digest] = file_name
            batch.append(
                LabelImage(
                    collection_id=collection.id,
                    position=position,
                    file_name=file_name,
                    sha256=digest,
                    suffix=picture.suffix,
                    width=picture.width,
                    height=picture.height,
                    source=source[:2000],
                    redacted_suffix="",
                    purged=False,
                    extra={},
                    created_at=now(),
                )  # fmt: skip
            )
            added.added.append(file_name)
            if len(batch) >= _BATCH:
                _insert(ws, batch)
                batch = []
    finally:
        _insert(ws, batch)  # what was read before a stop stays
        if added.added:
            ws.audit.record("collection.add_images", collection.name, {"images": len(added.added)})
    return added


def add_reference(ws, collection_id: int, file_name: str, width: int, height: int, source: str, extra: dict) -> int:
    """Add an image of which only name and size are known, and return its id; its pixels can be added later by name."""
    with ws.session() as session:
        last = session.scalar(
            select(func.coalesce(func.max(LabelImage.position), 0)).where(LabelImage.collection_id == collection_id)
        )
        row = LabelImage(
            collection_id=collection_id, position=last + 1, file_name=file_name, sha256=None, suffix="", width=width,
            height=height, source=source[:2000], redacted_suffix="", purged=False, extra=extra, created_at=now(),
        )  # fmt: skip
        session.add(row)
        session.flush()
        session.add(_task(row))
        return row.id


def _insert(ws, rows: list[LabelImage]) -> None:
    if not rows:
        return
    with ws.session() as session:
        session.add_all(rows)
        session.flush()
        session.add_all([_task(row) for row in rows])


def _task(row: LabelImage) -> LabelTask:
    return LabelTask(collection_id=row.collection_id, image_id=row.id, status="todo", priority=0.0, updated_at=now())


def _give_pixels(ws, image_id: int, digest: str, picture) -> None:
    with ws.session() as session:
        session.execute(
            update(LabelImage)
            .where(LabelImage.id == image_id)
            .values(sha256=digest, suffix=picture.suffix, width=picture.width, height=picture.height)
        )


def _free_name(name: str, taken: set[str]) -> str:
    stem, suffix = os.path.splitext(name)
    number, free = 2, name
    while free in taken:
        free, number = f"{stem}-{number}{suffix}", number + 1
    return free


# -- redaction ------------------------------------------------------------------------------------------------------


def redact_collection(
    ws,
    name: str,
    *,
    faces: bool = True,
    plates: bool = True,
    method: str = "blur",
    shape: str = "box",
    feather: float = 0.0,
    detectors=None,
    again: bool = False,
    progress: Progress | None = None,
) -> dict:
    """Make a redacted copy of every image of a collection (method, shape and feather: see `redact`).

    Images that have one already are left alone unless `again`; reviewed ones are left alone even then. Stopping keeps
    what was done, and a later call goes on from there. A picture without a face or plate gets a copy too: its metadata
    is gone and annotators can be shown copies only.

    Returns:
        `{"redacted", "regions", "skipped", "problems"}`.
    """
    if method not in METHODS:
        raise InputError(f"There is no way to redact called {method!r}.", hint=f"Use one of {', '.join(METHODS)}.")
    detectors = detectors if detectors is not None else default_detectors(faces, plates)
    if not detectors:
        raise InputError("Neither faces nor plates are to be hidden.", hint="Switch on at least one of them.")
    images = list_images(ws, name)
    looked = [version_of(detector) for detector in detectors]
    result = {"redacted": 0, "regions": 0, "skipped": 0, "problems": []}
    try:
        for count, image in enumerate(images):
            if progress:
                progress(count / len(images), image.file_name)
            reviewed = bool(image.redaction and image.redaction.get("reviewed"))
            if not image.has_pixels or image.purged or reviewed or (image.redacted_sha256 and not again):
                result["skipped"] += 1
                continue
            try:
                picture = read_picture(image_path(ws, image.sha256, image.suffix), image.file_name)
                regions = [region.to_dict() for region in find_regions(picture.bgr, detectors)]
                way = {"method": method, "shape": shape, "feather": feather}
                _store_redacted(ws, image, picture, regions, way | {"detectors": looked}, reviewed=False)
            except AppError as error:
                result["problems"].append(str(error))
                continue
            result["redacted"] += 1
            result["regions"] += len(regions)
    finally:
        if result["redacted"]:
            detail = {"method": method, "images": result["redacted"], "regions": result["regions"]}
            ws.audit.record("collection.redact", str(name), detail)
    return result


def set_regions(ws, image_id: int, regions: list[dict], method: str = "blur", person: str = "") -> ImageInfo:
    """Redact one image with exactly these regions and mark it as reviewed by a person.

    Args:
        regions: dicts with x, y, w, h in pixels, and kind, score and detector where known.
        person: who looked; a second look is one by somebody else.
    """
    image = get_image(ws, image_id)
    if not image.has_pixels or image.purged:
        raise Conflict(f"The original of {image.file_name} is gone, so it cannot be redacted again.")
    kept = [
        {
            "kind": str(r.get("kind") or "face"),
            **{k: float(r[k]) for k in "xywh"},
            "score": float(r.get("score") if r.get("score") is not None else 1.0),
            "detector": str(r.get("detector") or "person"),
        }
        for r in regions
    ]
    picture = read_picture(image_path(ws, image.sha256, image.suffix), image.file_name)
    way = {k: v for k, v in (image.redaction or {}).items() if k in ("shape", "feather", "detectors")}
    way["reviewed_by"] = sorted({*reviewers(image), person or "somebody"})
    _store_redacted(ws, image, picture, kept, way | {"method": method}, reviewed=True)
    ws.audit.record(
        "image.review_redaction", f"image {image_id}", {"regions": len(kept), "method": method}, person or None
    )
    return get_image(ws, image_id)


def reviewers(image: ImageInfo) -> list[str]:
    """Return who looked at the redacted copy of an image."""
    about = image.redaction or {}
    return about.get("reviewed_by") or (["somebody"] if about.get("reviewed") else [])


def doubt(image: ImageInfo) -> float:
    """Return the place of an image in the order of review, from 0: the least certain region first.

    An image in which nothing was found may hide a miss: it comes after those with doubtful regions (scores below 0.6)
    and before those with only certain ones.
    """
    scores = [r["score"] for r in (image.redaction or {}).get("regions", []) if r["detector"] != "person"]
    return min(scores, default=0.6)


def _store_redacted(ws, image: ImageInfo, picture, regions: list[dict], way: dict, reviewed: bool) -> None:
    suffix = ".jpg" if picture.suffix == ".jpg" else ".webp" if picture.suffix == ".webp" else ".png"
    soft = {"shape": way.get("shape", "box"), "feather": way.get("feather", 0.0)}
    data = encode_picture(redact(picture.bgr, regions, way["method"], **soft), suffix)
    digest = hashlib.sha256(data).hexdigest()
    write_once(image_path(ws, digest, suffix), data)
    with ws.session() as session:
        session.execute(
            update(LabelImage)
            .where(LabelImage.id == image.id)
            .values(
                redacted_sha256=digest,
                redacted_suffix=suffix,
                redaction={**way, "regions": regions, "reviewed": reviewed},
            )
        )
    if image.redacted_sha256 and image.redacted_sha256 != digest:
        _drop_files(ws, {image.redacted_sha256})


def seal_originals(ws, name: str, sealed: bool = True) -> Collection:
    """Stop showing the originals of a collection to anyone (or allow it again). Every image must have a redacted copy."""
    collection = get_collection(ws, name)
    if sealed:
        _all_redacted(collection, "sealed")
    with ws.session() as session:
        session.execute(update(LabelCollection).where(LabelCollection.id == collection.id).values(sealed=sealed))
    ws.audit.record("collection.seal" if sealed else "collection.unseal", collection.name, {})
    return get_collection(ws, collection.id)


def purge_originals(ws, name: str, *, unreviewed: bool = False) -> int:
    """Delete the original files of a collection for good, and return how many went. Copies and labels stay.

    An original that another collection uses too stays on disk for that collection.

    Args:
        unreviewed: delete also those whose copies were not looked at as often as the collection asks for
            (`redaction_looks` of its workflow).

    Raises:
        Conflict: an image has no copy, or its copy was not reviewed: what was missed could never be hidden again.
    """
    collection = get_collection(ws, name)
    _all_redacted(collection, "purged")
    images = [image for image in list_images(ws, name) if image.has_pixels and not image.purged]
    looks = collection.workflow.get("redaction_looks", 1)
    waiting = sum(len(reviewers(image)) < looks for image in images)
    if waiting and not unreviewed:
        twice = " by two people" if looks > 1 else ""
        raise Conflict(
            f"{waiting} of {len(images)} copies of {collection.name!r} were not reviewed{twice}.",
            hint="Review the redaction first, or say that the originals may go all the same.",
        )
    with ws.session() as session:
        session.execute(update(LabelImage).where(LabelImage.collection_id == collection.id).values(purged=True))
    gone = _drop_files(ws, {image.sha256 for image in images})
    detail = {"images": len(images), "files": gone, "unreviewed": waiting}
    ws.audit.record("collection.purge_originals", collection.name, detail)
    return len(images)


def _all_redacted(collection: Collection, word: str) -> None:
    if collection.redacted < collection.images:
        raise Conflict(
            f"{collection.images - collection.redacted} of {collection.images} images of {collection.name!r} have no "
            f"redacted copy, so the originals cannot be {word}.",
            hint="Redact the collection first.",
        )


# -- files ----------------------------------------------------------------------------------------------------------


def image_path(ws, sha256: str, suffix: str) -> Path:
    return ws.root / "images" / sha256[:2] / f"{sha256}{suffix}"


def waits(collection: Collection, image: ImageInfo) -> bool:
    """Return whether nobody may see an image yet: its collection hides faces and plates first, and that is to come.

    So it stays out of sight too where a detector failed, or the run that hides was killed.
    """
    return bool(collection.workflow.get("redact")) and image.has_pixels and not image.redacted_sha256


def shows_original(collection: Collection, image: ImageInfo) -> bool:
    """Return whether the original may be shown to those who are not held to copies."""
    return image.has_pixels and not (image.purged or collection.sealed or waits(collection, image))


def is_visible(collection: Collection, image: ImageInfo) -> bool:
    """Return whether there is anything to look at, a copy or the original."""
    return bool(image.redacted_sha256) or shows_original(collection, image)


def image_file(ws, image: ImageInfo, variant: Variant = "redacted", *, redacted_only: bool | None = None) -> Path:
    """Return the file to show for an image.

    Args:
        variant: "original"; "redacted", which is the copy; "thumb", a small picture of the copy if there is one.
        redacted_only: never give anything made from the original (what an annotator may see).

    Raises:
        NotFound: no such copy, or not for this reader.
    """
    collection = get_collection(ws, image.collection_id, counts=False)
    has_original = shows_original(collection, image) and not redacted_only
    if variant != "redacted" and waits(collection, image):
        raise NotFound(f"{image.file_name} is not shown before its faces and plates are hidden.")
    if variant == "original":
        if not has_original:
            raise NotFound(f"The original of {image.file_name} is not shown.")
        return _for_browser(ws, image.sha256, image.suffix)
    if variant == "redacted":
        if not image.redacted_sha256:
            raise NotFound(f"{image.file_name} has no redacted copy.", hint="Redact the collection first.")
        return image_path(ws, image.redacted_sha256, image.redacted_suffix)
    if variant == "thumb":
        if image.redacted_sha256:
            return _thumb(ws, image.redacted_sha256, image.redacted_suffix)
        if has_original:
            return _thumb(ws, image.sha256, image.suffix)
        raise NotFound(f"{image.file_name} has no picture to show.")
    raise InputError(f"There is no variant {variant!r}.", hint="Use redacted, original or thumb.")


def _thumb(ws, sha256: str, suffix: str) -> Path:
    import cv2

    path = ws.root / "images" / "thumbs" / f"{sha256}.jpg"
    if not path.is_file():
        bgr = read_picture(image_path(ws, sha256, suffix)).bgr
        factor = min(1.0, THUMB_SIDE / max(bgr.shape[:2]))
        size = (max(1, round(bgr.shape[1] * factor)), max(1, round(bgr.shape[0] * factor)))
        write_bytes(path, encode_picture(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), ".jpg"))
    return path


def _for_browser(ws, sha256: str, suffix: str) -> Path:
    """Return the original, or a PNG of it where browsers cannot show its format."""
    if suffix != ".tif":
        return image_path(ws, sha256, suffix)
    path = ws.root / "images" / "shown" / f"{sha256}.png"
    if not path.is_file():
        write_bytes(path, encode_picture(read_picture(image_path(ws, sha256, suffix)).bgr, ".png"))
    return path


def write_once(path: Path, data: bytes) -> None:
    """Write a content-addressed file unless it is there whole."""
    if not (path.is_file() and path.stat().st_size == len(data)):
        write_bytes(path, data)


def _drop_files(ws, digests: set) -> int:
    """Delete files (and what was made from them) that no image of any collection names any more."""
    gone = 0
    for digest in {d for d in digests if d}:
        with ws.reading() as session:
            used = session.scalar(
                select(func.count())
                .select_from(LabelImage)
                .where(
                    ((LabelImage.sha256 == digest) & (LabelImage.purged.is_(False)))
                    | (LabelImage.redacted_sha256 == digest)
                )
            )
        if used:
            continue
        for path in (ws.root / "images" / digest[:2]).glob(f"{digest}.*"):
            path.unlink(missing_ok=True)
            gone += 1
        (ws.root / "images" / "thumbs" / f"{digest}.jpg").unlink(missing_ok=True)
        (ws.root / "images" / "shown" / f"{digest}.png").unlink(missing_ok=True)
    return gone
