"""Import and export: between label files and collections."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from labeling.annotations import answers as current_answers
from labeling.annotations import current_documents, save, set_status
from labeling.collections import (
    add_classes,
    add_images,
    add_reference,
    create_collection,
    get_collection,
    list_collections,
    list_images,
)
from labeling.consolidation import consolidate_answers
from labeling.formats import format_module
from labeling.formats.label_studio import label_config
from labeling.formats.model import FileAnswer, FileImage, LabelFile
from labeling.pictures import PICTURE_SUFFIXES, read_picture
from labeling.redaction.run import write_bytes
from transforms.errors import InputError, NotFound, SourceError
from workspace.schema.base import now

MAX_ENTRIES = 200_000
MAX_ENTRY_BYTES = 200 * 1024 * 1024
MAX_TOTAL_BYTES = 2 * 1024**3
_TEXT = {".txt", ".xml", ".json", ".yaml", ".yml", ".names"}
ONE_ANSWER = {"coco", "yolo", "voc", "ground-truth"}  # formats with room for one answer per image
_PLAIN = "imported"  # annotator of files that do not name one


@dataclass
class Imported:
    """What an import did: images by how they were found, and what was left out."""

    collection: str
    images: int = 0
    answers: int = 0
    boxes: int = 0
    new_images: int = 0
    without_pixels: int = 0
    warnings: list[str] = field(default_factory=list)


def import_labels(
    ws,
    name: str,
    path: Path | str,
    format: str,
    *,
    images: Path | str | None = None,
    annotator: str | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Imported:
    """Read a label file (or folder, or zip) into a collection, which is made if there is none of that name.

    Images are found by name: in the collection, else in the folder `images`, else they are added without pixels (and
    get them when a picture of that name is added). Answers become new revisions; importing the same file again changes
    nothing, because an answer that is current already is not written.

    Args:
        annotator: who the answers belong to, for files that do not say.
    """
    module = format_module(format)
    files = read_files(Path(path))
    known = {c.name for c in list_collections(ws)}
    existing = list_images(ws, name) if name in known else []
    labels: LabelFile = module.read(files, _sizes(existing, images or path))
    if not labels.images:
        raise SourceError(f"{Path(path).name} has no image.")
    collection = get_collection(ws, name) if name in known else create_collection(ws, name)
    result = Imported(collection.name, warnings=list(labels.warnings))
    add_classes(ws, collection.id, labels.classes, labels.image_classes)
    if labels.extra:
        _keep_extra(ws, collection.id, labels.extra)
    if images:
        added = add_images(ws, collection.name, [images])
        result.warnings += added.problems
    finder = _Finder(list_images(ws, collection.id))
    client = f"import-{now().isoformat()}"
    for count, entry in enumerate(labels.images, 1):
        if progress:
            progress(count / len(labels.images), entry.file_name)
        image_id = finder.find(entry)
        if image_id is None:
            image_id = add_reference(
                ws, collection.id, entry.file_name, entry.width, entry.height, entry.source, entry.extra
            )
            finder.add(entry, image_id)
            result.new_images += 1
        else:
            size = finder.sizes[image_id]
            if entry.width and size != (entry.width, entry.height):
                result.warnings.append(
                    f"{entry.file_name}: its labels are for {entry.width} × {entry.height} pixels, the picture has "
                    f"{size[0]} × {size[1]}; left out."
                )
                continue
            _keep_image_extra(ws, image_id, entry)
        result.without_pixels += not finder.has_pixels(image_id)
        result.images += 1
        have = {a.annotator: a.document for a in current_answers(ws, image_id)}
        for answer in entry.answers:
            who = answer.annotator or annotator or _PLAIN
            result.answers += 1
            result.boxes += len(answer.document["boxes"])
            if have.get(who) != answer.document:
                save(
                    ws, image_id, answer.document, annotator=who, client=client, seq=1, kind=answer.kind,
                    action="import", new_classes=True, clip=False,
                )  # fmt: skip
        if entry.skipped:
            set_status(ws, image_id, "skipped")
        elif any(a.kind == "person" for a in entry.answers):
            set_status(ws, image_id, "done")
    ws.audit.record(
        "collection.import_labels",
        collection.name,
        {"format": format, "file": Path(path).name, "images": result.images, "boxes": result.boxes},
    )
    ws.lineage.add("file", str(path), "collection", collection.name, f"import {format}")
    return result


def export_labels(
    ws,
    name: str,
    path: Path | str,
    format: str,
    *,
    annotator: str | None = None,
) -> Path:
    """Write the labels of a collection and return the path: a file, or for YOLO and VOC a zip or (without `.zip`) a folder.

    Args:
        annotator: whose answers. Without it, Label Studio and CSV files get everyone's; formats with room for one
            answer per image get the consolidated one where several people answered.
    """
    files = export_files(ws, name, format, annotator=annotator)
    path = Path(path)
    if "" in files:
        write_bytes(path, files[""])
    elif path.suffix.lower() == ".zip":
        write_bytes(path, zip_bytes(files))
    else:
        if path.is_file():
            raise InputError(f"{path} is a file; {format} needs a folder or a name that ends in .zip.")
        for file, data in files.items():
            write_bytes(_inside(path, file), data)
    ws.audit.record("collection.export_labels", name, {"format": format, "file": str(path), "annotator": annotator})
    return path


def export_files(ws, name: str, format: str, *, annotator: str | None = None) -> dict[str, bytes]:
    """Return the files of an export: `{"": bytes}` for one file, else `{relative name: bytes}`."""
    return format_module(format).write(collect(ws, name, one=format in ONE_ANSWER, annotator=annotator))


def download(ws, name: str, format: str) -> bytes:
    """Return an export as the bytes of one file, zipped where the format has several."""
    files = export_files(ws, name, format)
    ws.audit.record("collection.export_labels", name, {"format": format, "file": "download"})
    return files[""] if "" in files else zip_bytes(files)


def studio_config(ws, name: str) -> str:
    """Return the Label Studio labelling interface for a collection."""
    return label_config(collect(ws, name, one=True))


def collect(ws, name: str, *, one: bool, annotator: str | None = None) -> LabelFile:
    """Return the labels of a collection in the neutral form; with `one`, at most one answer per image."""
    collection = get_collection(ws, name)
    groups = current_documents(ws, collection.id)
    if annotator is not None:
        names = {a.annotator for g in groups.values() for a in g}
        if annotator not in names:
            raise NotFound.named("annotator", annotator, sorted(names))
        groups = {i: [a for a in g if a.annotator == annotator] for i, g in groups.items()}
    labels = LabelFile(collection.name, collection.classes, collection.image_classes, extra=collection.extra)
    for image in list_images(ws, collection.id):
        group = groups.get(image.id, [])
        if one and len(group) > 1:
            people = [a for a in group if a.kind == "person"]
            chosen = people or group[:1]
            answers = [FileAnswer(consolidate_answers(chosen), "", "person" if people else "model")]
        elif one and annotator is None and group and group[0].kind == "model":
            answers = []  # a proposal that no person has looked at is not a label
        else:
            answers = [FileAnswer(a.document, a.annotator, a.kind) for a in group]
        source = image.source if "://" in image.source else ""  # paths on this machine do not belong into a file
        labels.images.append(
            FileImage(
                image.file_name, image.width, image.height, source, image.extra, answers, image.status == "skipped"
            )
        )
    return labels


# -- files ----------------------------------------------------------------------------------------------------------


def read_files(path: Path) -> dict[str, bytes]:
    """Return `{relative name: bytes}` of a file, of the label files in a folder, or of a zip. Sizes are bounded.

    Nothing is unpacked to disk, so names inside a zip lead nowhere.
    """
    if path.is_dir():
        found = sorted(f for f in path.rglob("*") if f.is_file() and f.suffix.lower() in _TEXT)
        if len(found) > MAX_ENTRIES:
            raise SourceError(f"The folder {path} has more than {MAX_ENTRIES:,} label files.")
        return {f.relative_to(path).as_posix(): _bounded(f) for f in found}
    if not path.is_file():
        raise SourceError(f"There is no file or folder {path}.", hint="Check the path.")
    if not zipfile.is_zipfile(path):
        return {path.name: _bounded(path)}
    files, total = {}, 0
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [e for e in archive.infolist() if not e.is_dir()]
            if len(entries) > MAX_ENTRIES:
                raise SourceError(f"{path.name} has more than {MAX_ENTRIES:,} entries.")
            for entry in entries:
                if PurePosixPath(entry.filename).suffix.lower() not in _TEXT:
                    continue
                with archive.open(entry) as stream:  # what the header says of the size is not to be trusted
                    data = stream.read(MAX_ENTRY_BYTES + 1)
                total += len(data)
                if len(data) > MAX_ENTRY_BYTES or total > MAX_TOTAL_BYTES:
                    raise SourceError(f"{path.name} holds more than can be read: {entry.filename} is too large.")
                files[entry.filename] = data
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise SourceError(f"{path.name} is damaged or locked: {error}.") from error
    return files


def _bounded(path: Path) -> bytes:
    if path.stat().st_size > MAX_TOTAL_BYTES:
        raise SourceError(f"{path.name} is larger than {MAX_TOTAL_BYTES / 1e9:.0f} GB.")
    return path.read_bytes()


def _inside(folder: Path, name: str) -> Path:
    target = (folder / name).resolve()
    if folder.resolve() not in target.parents:
        raise InputError(f"The image name {name!r} leads out of the folder.", hint="Export to a .zip instead.")
    return target


def zip_bytes(files: dict[str, bytes]) -> bytes:
    """Zip files with fixed times, so that equal content gives equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


# -- finding images -------------------------------------------------------------------------------------------------


class _Finder:
    """Finds the image of a collection that an entry of a label file means: by source, by path, by bare file name."""

    def __init__(self, images):
        self.sizes: dict[int, tuple[int, int]] = {}
        self._by: dict[tuple[str, str], list[int]] = {}
        self._pixels: set[int] = set()
        for image in images:
            self._know(image.id, image.file_name, image.source, image.width, image.height)
            if image.sha256:
                self._pixels.add(image.id)

    def add(self, entry: FileImage, image_id: int) -> None:
        self._know(image_id, entry.file_name, entry.source, entry.width, entry.height)

    def _know(self, image_id: int, file_name: str, source: str, width: int, height: int) -> None:
        self.sizes[image_id] = (width, height)
        for key in (("source", source), ("path", file_name), ("name", PurePosixPath(file_name).name)):
            self._by.setdefault(key, []).append(image_id)

    def find(self, entry: FileImage) -> int | None:
        keys = [("path", entry.file_name), ("name", PurePosixPath(entry.file_name).name)]
        for key in ([("source", entry.source)] if entry.source else []) + keys:
            found = self._by.get(key, [])
            if len(found) == 1:
                return found[0]
        return None

    def has_pixels(self, image_id: int) -> bool:
        return image_id in self._pixels


def _sizes(existing, images: Path | str | None):
    """Return the lookup of image sizes for formats whose files do not say them."""
    known: dict[str, tuple[str, int, int]] = {}
    for image in existing:
        entry = (image.file_name, image.width, image.height)
        path = PurePosixPath(image.file_name)
        for key in (path.name, path.stem, str(path.with_suffix("")), image.file_name):
            known[key] = entry
    folder = Path(images) if images else None

    def look(name: str) -> tuple[str, int, int] | None:
        if name in known or PurePosixPath(name).name in known:
            return known.get(name) or known[PurePosixPath(name).name]
        if folder is None or not folder.is_dir():
            return None
        wanted = PurePosixPath(name)
        for file in sorted(folder.rglob("*")):
            if file.suffix.lower() in PICTURE_SUFFIXES and wanted.name in (file.name, file.stem):
                picture = read_picture(file)
                return file.relative_to(folder).as_posix(), picture.width, picture.height
        return None

    return look


def _keep_extra(ws, collection_id: int, extra: dict) -> None:
    from sqlalchemy import select, update

    from workspace.schema.labels import LabelCollection

    with ws.session() as session:
        have = session.scalar(select(LabelCollection.extra).where(LabelCollection.id == collection_id)) or {}
        session.execute(update(LabelCollection).where(LabelCollection.id == collection_id).values(extra=have | extra))


def _keep_image_extra(ws, image_id: int, entry: FileImage) -> None:
    from sqlalchemy import select, update

    from workspace.schema.labels import LabelImage

    if not entry.extra:
        return
    with ws.session() as session:
        have = session.scalar(select(LabelImage.extra).where(LabelImage.id == image_id)) or {}
        values = {"extra": have | entry.extra}
        if "://" in entry.source:
            values["source"] = entry.source[:2000]
        session.execute(update(LabelImage).where(LabelImage.id == image_id).values(**values))
