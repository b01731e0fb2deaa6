"""Import and export: between label files and collections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from labeling.annotations import current_documents, save, set_status
from labeling.collections import (
    Collection,
    add_classes,
    add_images,
    add_reference,
    create_collection,
    get_collection,
    image_file,
    image_path,
    list_collections,
    list_images,
)
from labeling.documents import checked, class_list
from labeling.formats import FORMATS, format_module, read_labels
from labeling.formats.archives import Part, files_beside, inside, read_files, write_zip, zip_bytes
from labeling.formats.ground_truth import CONSOLIDATED, PEOPLE
from labeling.formats.label_studio_config import label_config
from labeling.formats.model import FileAnswer, FileImage, LabelFile, Options
from labeling.items import content_digest
from labeling.pictures import PICTURE_SUFFIXES, read_picture
from labeling.redaction.run import write_bytes
from labeling.settled import consolidated, holding
from labeling.workflow import workflow_of
from transforms.errors import InputError, NotFound, SourceError
from workspace.schema.base import now

ONE_ANSWER = {"coco", "yolo", "voc", "ground-truth"}  # formats with room for one answer per item
MAX_NAME, MAX_SIDE = 1000, 1_000_000
_TOGETHER = 200  # items written in one transaction
_PLAIN = "imported"  # annotator of files that do not name one
_FOLDERS = {"voc": "JPEGImages"}  # where the pictures of an export lie; else images


@dataclass
class Imported:
    """What an import did: items by how they were found, and what was left out."""

    collection: str
    images: int = 0
    answers: int = 0
    boxes: int = 0
    regions: int = 0
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
    task: str = "",
    attribute: str = "",
    progress: Callable[[float, str], None] | None = None,
) -> Imported:
    """Read a label file (or folder, or archive) into a collection, which is made if there is none of that name.

    Images are found by name: in the collection, else in the folder `images`, else they are added without pixels (and
    get them when a picture of that name is added). Answers become new revisions; importing the same file again changes
    nothing, because an answer that is current already is not written.

    Args:
        annotator: who the answers belong to, for files that do not say.
        task: YOLO: detect, obb or segment; by default told by the lines.
        attribute: Ground Truth: the label attribute to read; by default the last of each family.

    Raises:
        SourceError: the file cannot be read; nothing was written.
    """
    path = Path(path)
    format_module(format)  # an unknown name is said before anything is read
    files = read_files(path, masks=format == "ground-truth")
    known = {c.name for c in list_collections(ws)}
    existing = list_images(ws, name) if name in known else []
    options = Options(task, attribute, files_beside(path))
    labels = read_labels(format, files, _sizes(existing, images or path), options)
    if not labels.images:
        raise SourceError(f"{path.name} has no image.")
    for entry in labels.images:
        check_item(entry)
    for names in (labels.classes, labels.image_classes):
        class_list(names)  # refuses what cannot be a class before anything is written
    collection = get_collection(ws, name) if name in known else create_collection(ws, name)
    result = Imported(collection.name, warnings=list(labels.warnings))
    add_classes(ws, collection.id, labels.classes, labels.image_classes)
    if labels.extra:
        _keep_extra(ws, collection.id, labels.extra)
    if images:
        added = add_images(ws, collection.name, [images])
        result.warnings += added.problems
    finder = _Finder(list_images(ws, collection.id), labels.images)
    have = current_documents(ws, collection.id)
    client = f"import-{now().isoformat()}"
    for start in range(0, len(labels.images), _TOGETHER):
        with ws.together():
            for count, entry in enumerate(labels.images[start : start + _TOGETHER], start + 1):
                if progress:
                    progress(count / len(labels.images), entry.file_name)
                _take_entry(ws, collection.id, entry, finder, have, annotator, client, result)
    ws.audit.record(
        "collection.import_labels",
        collection.name,
        {"format": format, "file": path.name, "images": result.images, "regions": result.regions},
    )
    ws.lineage.add("file", str(path), "collection", collection.name, f"import {format}")
    return result


def _take_entry(ws, collection_id: int, entry: FileImage, finder, have: dict, annotator, client: str, result) -> None:
    """Write one item of a label file and its answers, and count them."""
    image_id = finder.find(entry)
    if image_id is None:
        image_id = _add_item(ws, collection_id, entry, finder)
        result.new_images += 1
    else:
        size = finder.sizes[image_id]
        if entry.width and size not in ((0, 0), (entry.width, entry.height)):
            result.warnings.append(
                f"{entry.file_name}: its labels are for {entry.width} × {entry.height} pixels, the picture has "
                f"{size[0]} × {size[1]}; left out."
            )
            return
        _keep_image_extra(ws, image_id, entry)
    result.without_pixels += entry.kind == "image" and not finder.has_pixels(image_id)
    result.images += 1
    current = {a.annotator: a.document for a in have.get(image_id, [])}
    # what a job made of its workers' answers holds until somebody answers later, so it is written last
    for answer in sorted(entry.answers, key=lambda a: a.annotator in (PEOPLE, CONSOLIDATED)):
        who = answer.annotator or annotator or _PLAIN
        result.answers += 1
        result.regions += len(answer.document["regions"])
        result.boxes += sum(r["shape"] == "box" for r in answer.document["regions"])
        if _meaning(current.get(who)) != _meaning(answer.document):
            save(
                ws, image_id, answer.document, annotator=who, client=client, seq=1, kind=answer.kind,
                action="import", new_classes=True, clip=False,
            )  # fmt: skip
    if entry.skipped:
        set_status(ws, image_id, "skipped")
    elif any(a.kind == "person" for a in entry.answers):
        set_status(ws, image_id, "done")


def export_labels(
    ws,
    name: str,
    path: Path | str,
    format: str,
    *,
    annotator: str | None = None,
    task: str = "",
    attribute: str = "",
    with_images: bool = False,
    on_warning: Callable[[str], None] | None = None,
    labels: LabelFile | None = None,
) -> Path:
    """Write the labels of a collection and return the path: a file, a `.zip`, or for several files a folder.

    Args:
        annotator: whose answers. Without it, Label Studio and CSV files get everyone's; formats with room for one
            answer per item get the consolidated one where several people answered.
        task: YOLO: detect (default), obb or segment.
        attribute: Ground Truth: the label attribute to write; by default what was read, else the collection's name.
        with_images: put the pictures in, redacted copies only where the collection's annotators see only those.
        on_warning: told, one sentence each, what the format could not hold.
        labels: write these (an old release) instead of the present ones.
    """
    labels, files = _export(ws, name, format, annotator, Options(task, attribute), labels)
    path = Path(path)
    collection = get_collection(ws, name)
    if with_images:
        files |= _pictures(ws, collection, _FOLDERS.get(format, "images"), labels.warnings)
    main = files.pop("", None)
    if path.suffix.lower() == ".zip":
        write_zip(path, ({_main_name(collection, format): main} if main is not None else {}) | files)
    elif main is not None:
        for file, data in files.items():
            _write(inside(path.parent, file), data)
        write_bytes(path, main)
    else:
        if path.is_file():
            raise InputError(f"{path} is a file; {format} needs a folder or a name that ends in .zip.")
        for file, data in files.items():
            _write(inside(path, file), data)
    ws.audit.record("collection.export_labels", name, {"format": format, "file": str(path), "annotator": annotator})
    for sentence in labels.warnings:
        if on_warning:
            on_warning(sentence)
    return path


def _write(path: Path, data: Part) -> None:
    write_bytes(path, data.read_bytes() if isinstance(data, Path) else data)


def _main_name(collection: Collection, format: str) -> str:
    stem = "".join(c if c.isalnum() or c in "-_ ." else "-" for c in collection.name).strip(". ") or "labels"
    return stem + FORMATS[format][1]


def _export(
    ws, name: str, format: str, annotator: str | None, options: Options, labels: LabelFile | None = None
) -> tuple[LabelFile, dict[str, Part]]:
    module = format_module(format)
    labels = labels or collect(ws, name, one=format in ONE_ANSWER, annotator=annotator)
    return labels, module.write(labels, options)


def export_files(ws, name: str, format: str, *, annotator: str | None = None, task: str = "") -> dict[str, bytes]:
    """Return the files of an export: "" is the main one, the others lie beside it under their relative names."""
    return _export(ws, name, format, annotator, Options(task))[1]


def download(ws, name: str, format: str) -> bytes:
    """Return an export as the bytes of one file, zipped where the format has several."""
    files = export_files(ws, name, format)
    ws.audit.record("collection.export_labels", name, {"format": format, "file": "download"})
    if files.keys() == {""}:
        return files[""]
    collection = get_collection(ws, name)
    return zip_bytes({file or _main_name(collection, format): data for file, data in files.items()})


def _pictures(ws, collection: Collection, folder: str, warnings: list[str]) -> dict[str, Part]:
    """Return the pictures of an export: redacted copies where annotators see only those, else originals."""
    only_redacted = collection.sealed or collection.annotators_see == "redacted"
    files: dict[str, Part] = {}
    missing = 0
    for image in list_images(ws, collection.id):
        if image.kind != "image" or not image.sha256:
            continue
        if only_redacted or image.purged:
            if not image.redacted_sha256:
                missing += 1
                continue
            path = image_file(ws, image, "redacted")
        else:
            path = image_path(ws, image.sha256, image.suffix)
        name = PurePosixPath(image.file_name)
        files[f"{folder}/{name if name.suffix.lower() == path.suffix.lower() else name.with_suffix(path.suffix)}"] = (
            path
        )
    if missing:
        warnings.append(
            f"{missing} images have no redacted copy and were left out: this collection gives out redacted copies only."
        )
    return files


def studio_config(ws, name: str) -> str:
    """Return the Label Studio labelling interface for a collection."""
    flow = workflow_of(get_collection(ws, name))
    yes_no = ("yes", "no")
    fields, attributes = (
        [
            {"name": q.name, "type": q.kind, "choices": list(yes_no if q.kind == "yes_no" else q.values)}
            for q in questions
        ]
        for questions in (flow.answers, flow.attributes)
    )
    if flow.region_text:
        attributes.append({"name": "text", "type": "text"})
    return label_config(
        collect(ws, name, one=False),
        shapes=list(flow.shapes), fields=fields, attributes=attributes, kind=flow.item, multiple=not flow.single_choice,
    )  # fmt: skip


def collect(ws, name: str, *, one: bool, annotator: str | None = None) -> LabelFile:
    """Return the labels of a collection in the neutral form; with `one`, at most one answer per item."""
    collection = get_collection(ws, name)
    groups = current_documents(ws, collection.id)
    if annotator is not None:
        names = {a.annotator for g in groups.values() for a in g}
        if annotator not in names:
            raise NotFound.named("annotator", annotator, sorted(names))
        groups = {i: [a for a in g if a.annotator == annotator] for i, g in groups.items()}
    labels = LabelFile(collection.name, collection.classes, collection.image_classes, extra=collection.extra)
    people = {i: mine for i, g in groups.items() if (mine := [a for a in g if a.kind == "person"])}
    several = one and annotator is None and any(len(mine) > 1 for mine in people.values())
    agreed = consolidated(ws, collection, people) if several else {}  # learns from all items, so it is made once
    for image in list_images(ws, collection.id):
        group = groups.get(image.id, [])
        if one and annotator is None:
            group = holding(group, agreed.get(image.id))
        source = image.source if "://" in image.source else ""  # paths on this machine do not belong into a file
        answers = [FileAnswer(a.document, a.annotator, a.kind, a.at) for a in group]
        labels.images.append(
            FileImage(
                image.file_name,
                image.width,
                image.height,
                source,
                image.extra,
                answers,
                image.status == "skipped",
                image.kind,
                image.data,
            )  # fmt: skip
        )
    return labels


# -- items ----------------------------------------------------------------------------------------------------------


def _meaning(document: dict | None) -> dict | None:
    """Return a document without what a file said beside it."""
    if document is None:
        return None
    regions = [{k: v for k, v in r.items() if k != "extra"} for r in document["regions"]]
    return {k: v for k, v in document.items() if k != "extra"} | {"regions": regions}


def check_item(entry: FileImage) -> None:
    """Bring an item's answers into their canonical shape.

    Raises:
        SourceError: one of them is no answer, or the item's name or size is none.
    """
    if not 0 < len(entry.file_name) <= MAX_NAME or "\0" in entry.file_name:
        raise SourceError(f"{entry.file_name[:100]!r} cannot be the name of an image.")
    if not (0 <= entry.width <= MAX_SIDE and 0 <= entry.height <= MAX_SIDE):
        raise SourceError(f"{entry.file_name}: an image cannot have {entry.width} × {entry.height} pixels.")
    for answer in entry.answers:
        try:
            answer.document = checked(answer.document, entry.width, entry.height, clip=False)
        except InputError as error:
            raise SourceError(f"{entry.file_name}: {error.message}", hint=error.hint) from None


def _add_item(ws, collection_id: int, entry: FileImage, finder: _Finder) -> int:
    """Add an item that is not there yet; a name that is taken gets a number."""
    path, n = PurePosixPath(entry.file_name), 2
    name = entry.file_name
    while finder.has_name(name):
        name, n = str(path.with_name(f"{path.stem}-{n}{path.suffix}")), n + 1
    image_id = add_reference(ws, collection_id, name, entry.width, entry.height, entry.source, entry.extra)
    if entry.kind != "image":
        digest = content_digest(entry.kind, entry.data)
        _set_item(ws, image_id, entry, None if finder.has_content(digest) else digest)
    finder.add(entry, image_id, name)
    return image_id


def _set_item(ws, image_id: int, entry: FileImage, digest: str | None) -> None:
    from sqlalchemy import update

    from workspace.schema.labels import LabelImage

    with ws.session() as session:
        values = {"kind": entry.kind, "data": entry.data, "sha256": digest}
        session.execute(update(LabelImage).where(LabelImage.id == image_id).values(**values))


# -- finding images -------------------------------------------------------------------------------------------------


class _Finder:
    """Finds the item of a collection that an entry of a label file means: by content, source, path or bare file name.

    Each item is given out once: lines of a manifest that name the same picture twice are two items.
    """

    def __init__(self, images, entries: list[FileImage]):
        self.sizes: dict[int, tuple[int, int]] = {}
        self._by: dict[tuple[str, str], list[int]] = {}
        self._pixels: set[int] = set()
        self._names: set[str] = set()
        self._given: set[int] = set()
        self._foreign: dict[int, str] = {}
        self.crowded = {n for n, count in Counter(e.file_name for e in entries).items() if count > 1}
        for image in images:
            self._know(image.id, image.file_name, image.source, image.width, image.height)
            if image.sha256 and image.kind == "image":
                self._pixels.add(image.id)
            elif image.kind != "image":
                self._by.setdefault(("content", content_digest(image.kind, image.data)), []).append(image.id)

    def add(self, entry: FileImage, image_id: int, name: str) -> None:
        self._know(image_id, name, entry.source, entry.width, entry.height)
        if entry.kind != "image":
            self._by.setdefault(("content", content_digest(entry.kind, entry.data)), []).append(image_id)
        self._given.add(image_id)

    def _know(self, image_id: int, file_name: str, source: str, width: int, height: int) -> None:
        self.sizes[image_id] = (width, height)
        self._names.add(file_name)
        if "://" in source:
            self._foreign[image_id] = source
        for key in (("source", source), ("path", file_name), ("name", PurePosixPath(file_name).name)):
            self._by.setdefault(key, []).append(image_id)

    def find(self, entry: FileImage) -> int | None:
        if entry.kind != "image":
            return self._give(self._by.get(("content", content_digest(entry.kind, entry.data)), []))
        if entry.source and (found := self._give(self._by.get(("source", entry.source), []))) is not None:
            return found
        for key in (("path", entry.file_name), ("name", PurePosixPath(entry.file_name).name)):
            found = self._by.get(key, [])
            if entry.file_name in self.crowded:  # then another address is another picture, whatever it is called
                found = [i for i in found if i not in self._foreign]
            if len(found) == 1 and found[0] not in self._given:
                return self._give(found)
        return None

    def _give(self, found: list[int]) -> int | None:
        image_id = next((i for i in found if i not in self._given), None)
        if image_id is not None:
            self._given.add(image_id)
        return image_id

    def has_pixels(self, image_id: int) -> bool:
        return image_id in self._pixels

    def has_name(self, name: str) -> bool:
        return name in self._names

    def has_content(self, digest: str) -> bool:
        return ("content", digest) in self._by


def _sizes(existing, images: Path | str | None):
    """Return the lookup of image sizes for formats whose files do not say them."""
    known: dict[str, tuple[str, int, int]] = {}
    for image in existing:
        if not (image.width and image.height):
            continue
        entry = (image.file_name, image.width, image.height)
        path = PurePosixPath(image.file_name)
        for key in (path.name, path.stem, str(path.with_suffix("")), image.file_name):
            known[key] = entry
    folder = Path(images) if images else None
    found: dict[str, Path] = {}

    def look(name: str) -> tuple[str, int, int] | None:
        entry = known.get(name) or known.get(PurePosixPath(name).name)
        if entry or folder is None or not folder.is_dir():
            return entry
        if not found:
            for file in sorted((f for f in folder.rglob("*") if f.suffix.lower() in PICTURE_SUFFIXES), reverse=True):
                found.update({file.stem: file, file.name: file})
        file = found.get(PurePosixPath(name).name)
        if file is None:
            return None
        picture = read_picture(file)
        return file.relative_to(folder).as_posix(), picture.width, picture.height

    return look


def _keep_extra(ws, collection_id: int, extra: dict) -> None:
    from sqlalchemy import select, update

    from workspace.schema.labels import LabelCollection

    with ws.session() as session:
        have = session.scalar(select(LabelCollection.extra).where(LabelCollection.id == collection_id)) or {}
        merged = have | extra
        for key, value in extra.items():  # the second file of a job must not take away what the first one said
            if isinstance(value, dict) and isinstance(have.get(key), dict):
                merged[key] = have[key] | value
        session.execute(update(LabelCollection).where(LabelCollection.id == collection_id).values(extra=merged))


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
        if (
            entry.width
            and entry.height
            and not session.scalar(select(LabelImage.width).where(LabelImage.id == image_id))
        ):
            values |= {"width": entry.width, "height": entry.height}
        session.execute(update(LabelImage).where(LabelImage.id == image_id).values(**values))
