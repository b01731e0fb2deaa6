"""SageMaker Ground Truth: input and output manifests (JSON lines), job folders, chained jobs.

A line is `source-ref` (or `source`, a text), then for each job its label attribute and `-metadata`. Of every family
(boxes, classes, masks, spans) the last attribute is read, or the one that is asked for; all others pass through. A
line is kept as it is, and an export changes only what was labelled anew: everything else is written back with its
bytes. Source: the SageMaker developer guide, and real output of such jobs.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from pathlib import PurePosixPath

from labeling.formats import ground_truth_parts as parts
from labeling.formats import ground_truth_video as video
from labeling.formats.faithful import patch
from labeling.formats.ground_truth_workers import read_workers
from labeling.formats.model import (
    FileAnswer,
    FileImage,
    LabelFile,
    Options,
    Sizes,
    first_document,
    know,
    same,
    strict_json,
)
from labeling.shapes import bounds
from transforms.errors import InputError, NotFound, SourceError

MAX_LINE, MAX_ATTRIBUTE = 100_000, 20_000  # characters, Ground Truth's own limits
PEOPLE, MACHINE, CONSOLIDATED = "ground truth", "ground truth auto", "ground truth consolidated"
_SHAPES = {"boxes": ("box",), "masks": ("mask", "polygon", "ellipse"), "spans": ("span",)}
_SHORT = {"boxes": "object-detection", "masks": "semantic-segmentation", "spans": "text-span"}


# -- reading --------------------------------------------------------------------------------------------------------


class _Reading:
    """What is gathered while the lines of one job are read."""

    def __init__(self, files: dict[str, bytes], sizes: Sizes, options: Options):
        self.files, self.sizes, self.options = files, sizes, options
        self.labels = LabelFile()
        self.box_names: dict[int, str] = {}
        self.image_names: dict[int, str] = {}
        self.attributes: dict[str, None] = {}
        self.untouched: dict[str, int] = {}
        self.no_masks = self.long = 0

    def fetch(self, reference: str) -> bytes | None:
        """Return the file that a reference means: by its path's end, in the job's folder or beside the manifest."""
        steps = [s for s in PurePosixPath(re.sub(r"^[a-z0-9]+://[^/]+/", "", reference)).parts if s not in ("/", "..")]
        for n in range(len(steps)):
            tail = "/".join(steps[n:])
            found = [f for f in self.files if f == tail or f.endswith("/" + tail)]
            if len(found) == 1:
                return self.files[found[0]]
            if (data := self.options.beside(tail)) is not None:
                return data
        return None


def read(files: dict[str, bytes], sizes: Sizes, options: Options = Options()) -> LabelFile:
    state = _Reading(files, sizes, options)
    labels = state.labels
    manifest = _manifest(files)
    if manifest is None:
        for name in sorted(files):
            if video.is_sequence(name, files[name]):
                video.read_sequence(name, files[name], {}, labels, alone=len(files) == 1)
        if not labels.images:
            raise SourceError("There is no manifest here.", hint="Ground Truth's is called output.manifest.")
        return labels
    answers, repeated = read_workers(files, manifest)
    before, place = "", 0
    for number_, (line, end) in enumerate(_lines(files[manifest]), 1):
        if not line.strip():
            before += line + end
            continue
        where = f"Line {number_} of the manifest"
        try:
            entry = _parsed(line, where)
            images = _read_line(state, entry, where)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            if isinstance(error, SourceError | InputError):
                raise
            raise SourceError(f"{where} is not what a labeling job writes ({error!r}).") from None
        kept = {"line": line, "end": end} | ({"before": before} if before else {})
        images[0].extra["ground_truth"] = images[0].extra.get("ground_truth", {}) | kept
        before = ""
        _add_workers(images[0], answers.get(place, []), state)
        labels.images += images
        place += 1
    if before:
        labels.extra["ground_truth"] = {"after": before}
    _finish(state, answers, place, repeated)
    return labels


def _manifest(files: dict[str, bytes]) -> str | None:
    named = [f for f in files if f.lower().endswith((".manifest", ".jsonl"))]
    if not named and len(files) == 1:
        (name,) = files
        return None if video.is_sequence(name, files[name]) else name
    if len(named) > 1:
        named = [f for f in named if PurePosixPath(f).name == "output.manifest"] or named
    if len(named) > 1:
        raise SourceError(f"There are {len(named)} manifests here: {', '.join(sorted(named)[:3])}.", hint="Name one.")
    return named[0] if named else None


def _lines(data: bytes) -> list[tuple[str, str]]:
    """Split at line feeds only: JSON text may hold other characters that Python takes for line ends."""
    out = []
    for number_, raw in enumerate(data.split(b"\n"), 1):
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise SourceError(f"Line {number_} of the manifest is not UTF-8.") from None
        out.append(text)
    pairs = []
    for place, text in enumerate(out):
        end = "\n" if place + 1 < len(out) else ""
        if text.endswith("\r"):
            text, end = text[:-1], "\r" + end
        pairs.append((text, end))
    return pairs if pairs[-1] != ("", "") else pairs[:-1]


def _parsed(line: str, where: str) -> dict:
    if len(line) > MAX_LINE:
        raise SourceError(f"{where} has more than {MAX_LINE:,} characters.")
    try:
        entry = strict_json(line.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where} is not valid JSON ({error}).") from None
    if not isinstance(entry, dict) or not isinstance(entry.get("source-ref", entry.get("source")), str):
        raise SourceError(f"{where} has no source-ref and no source.", hint="One of them says what is labelled.")
    if bad := next((name for name in entry if name.startswith("$")), None):
        raise SourceError(f"{where}: the name {bad!r} starts with $, which manifests do not take.", hint="Rename it.")
    return entry


def _read_line(state: _Reading, entry: dict, where: str) -> list[FileImage]:
    state.long += any(len(json.dumps(v)) > MAX_ATTRIBUTE for v in entry.values() if isinstance(v, dict | list | str))
    image = _item(state, entry)
    slots, frames = _slots(state, entry), []
    document: dict = {"regions": [], "classes": []}
    human = False
    for slot, name in list(slots.items()):
        value, meta = entry[name], entry[f"{name}-metadata"]
        if slot == "boxes":
            size = value["image_size"][0]
            image.width, image.height = int(size["width"]), int(size["height"])
            state.box_names.update((int(k), v) for k, v in parts.class_map(meta).items() if k.isdigit())
        elif slot == "class":
            state.image_names.update(parts.read_classes(value, meta)[1])
        elif slot == "masks" and (png := state.fetch(str(value))) is None:
            state.no_masks += 1
            del slots[slot]
            continue
        elif slot == "masks":
            found, image.width, image.height = parts.read_masks(png, meta)
            document["regions"] += found
            masks = _mark(found)
            know(state.labels.classes, [r["label"] for r in found])
        if slot != "masks":
            _fill(document, slot, value, meta, image.data.get("text", ""))
        human |= meta.get("human-annotated") != "no"
    for name, meta in ((n.removesuffix("-metadata"), m) for n, m in entry.items() if n.endswith("-metadata")):
        if isinstance(meta, dict) and video.is_video(meta) and (not frames) and isinstance(entry.get(name), str):
            data = state.fetch(entry[name])
            if data is not None:
                frames = video.read_sequence(entry[name], data, parts.class_map(meta), state.labels, alone=False)
    if frames:
        del state.labels.images[-len(frames) :]  # the caller adds them, with the line kept by the first
        return frames
    if not (image.width and image.height) and (known := state.sizes(image.file_name)):
        image.width, image.height = known[1], known[2]
    if slots:
        image.extra = {"ground_truth": {"read": slots} | ({"masks": masks} if "masks" in slots else {})}
        image.answers.append(FileAnswer(document, PEOPLE if human else MACHINE, "person" if human else "model"))
    return [image]


def _item(state: _Reading, entry: dict) -> FileImage:
    if isinstance(entry.get("source-ref"), str):
        source = entry["source-ref"]
        image = FileImage(source.rsplit("/", 1)[-1] or "item", 0, 0, source=source)
        if image.file_name.lower().endswith((".json", ".jsonl", ".bin", ".pcd", ".txt")):
            image.kind, image.data = (
                "row",
                {"row": {"source-ref": source}},
            )  # sequences and point clouds: passed through
        return image
    name = hashlib.sha256(entry["source"].encode()).hexdigest()[:16]
    return FileImage(f"{name}.txt", 0, 0, kind="text", data={"text": entry["source"]})


def _slots(state: _Reading, entry: dict) -> dict[str, str]:
    """Return `{what: attribute}` to read of a line: the last of each family, or only the one asked for."""
    slots: dict[str, str] = {}
    for name in entry:
        meta = entry.get(f"{name}-metadata")
        if not isinstance(meta, dict):
            continue
        state.attributes[name] = None
        slot = parts.slot_of(meta)
        if slot is None:
            kind = str(meta.get("type"))
            if not video.is_video(meta):
                state.untouched[kind] = state.untouched.get(kind, 0) + 1
        elif not state.options.attribute or name == state.options.attribute:
            slots[slot] = name
    return slots


def _fill(document: dict, slot: str, value, meta: dict, text: str) -> None:
    """Add to a document what a label attribute says."""
    if slot == "boxes":
        document["regions"] += parts.read_boxes(value, meta)
    elif slot == "spans":
        document["regions"] += parts.read_spans(value, text)
    else:
        document["classes"] = list(dict.fromkeys(parts.read_classes(value, meta)[0]))
        if comments := parts.read_feedback(meta):
            document["fields"] = {parts.FEEDBACK: comments}


def _add_workers(image: FileImage, answers: list, state: _Reading) -> None:
    """Add the workers' answers; the job's own answer then is no person's, or it would be counted with them."""
    if not answers:
        return
    for answer in image.answers:
        answer.annotator, answer.kind = CONSOLIDATED, "model"
    for answer, size in answers:
        if size and not image.width:
            image.width, image.height = size
        know(state.labels.image_classes, answer.document["classes"])
        know(state.labels.classes, [r["label"] for r in answer.document["regions"]])
        image.answers.append(answer)


def _finish(state: _Reading, answers: dict, lines: int, repeated: int) -> None:
    labels, options = state.labels, state.options
    if options.attribute and options.attribute not in state.attributes:
        raise NotFound.named("label attribute", options.attribute, state.attributes)
    spans = [
        r["label"] for i in labels.images for a in i.answers for r in a.document["regions"] if r["shape"] == "span"
    ]
    know(labels.classes, spans)
    labels.classes = _numbered(state.box_names, labels.classes)
    labels.image_classes = _numbered(state.image_names, labels.image_classes)
    for kind, count in state.untouched.items():
        labels.warn(count, f"labels of the type {kind!r} are kept for the export but cannot be shown.")
    labels.warn(state.no_masks, "masks (PNG) were not found beside the manifest; they are kept by name only.")
    labels.warn(
        state.long, f"lines have a value of more than {MAX_ATTRIBUTE:,} characters: no job takes them as input."
    )
    labels.warn(len([n for n in answers if n >= lines]), "worker answers belong to no line of the manifest: left out.")
    labels.warn(repeated, "answers of a worker who answered an item again were replaced by the later one.")
    if not options.attribute and len(state.attributes) > 1:
        used = {n for i in labels.images for n in i.extra.get("ground_truth", {}).get("read", {}).values()}
        if others := [n for n in state.attributes if n not in used]:
            labels.warnings.append(
                f"The manifest has several label attributes; {', '.join(sorted(used)) or 'none'} was read, "
                f"{', '.join(others)} is kept as it is. Choose with --attribute."
            )


def _numbered(numbers: dict[int, str], classes: list[dict]) -> list[dict]:
    """Return the classes in the order of the job's numbers, which are kept, then the others."""
    known = {name: {"name": name, "ground_truth": index} for index, name in sorted(numbers.items())}
    return [*known.values(), *(c for c in classes if c["name"] not in known)]


# -- writing --------------------------------------------------------------------------------------------------------


def attribute_name(wanted: str, *, reference: bool = False) -> str:
    """Return a name that Ground Truth takes for a label attribute, made of what is wanted.

    Names of masks end in -ref, others do not; `-metadata`, `source` and `source-ref` are taken.
    """
    name = re.sub(r"[^A-Za-z0-9-]+", "-", wanted).strip("-")[:110] or "labels"
    name = re.sub(r"(-ref|-metadata)+$", "", name)
    name = "labels" if name in ("source", "") else name
    return f"{name}-ref" if reference else name


class _Writing:
    def __init__(self, labels: LabelFile, options: Options):
        self.labels, self.options = labels, options
        self.base = attribute_name(options.attribute or labels.name)
        if options.attribute and options.attribute not in (self.base, f"{self.base}-ref"):
            raise InputError(
                f"{options.attribute!r} cannot be a label attribute.",
                hint="Use letters, digits and hyphens, not ending in -metadata; source and source-ref are taken.",
            )
        self.numbers = parts.class_numbers(labels.classes)
        self.image_numbers = parts.class_numbers(labels.image_classes)
        documents = [first_document(i) for i in labels.images]
        shapes = {r["shape"] for d in documents for r in d["regions"]}
        self.multiple = any(len(d["classes"]) > 1 for d in documents)
        self.has_classes = any(d["classes"] for d in documents)
        self.has_regions = bool(shapes) or not self.has_classes
        self.empty_slot = next((s for s, of in _SHAPES.items() if shapes & set(of)), "boxes")
        self.files: dict[str, bytes] = {}
        self.counts = dict.fromkeys(("turned", "mixed", "flat", "lines", "long", "extras", "empty", "several"), 0)


def write(labels: LabelFile, options: Options = Options()) -> dict[str, bytes]:
    state = _Writing(labels, options)
    out: list[str] = []
    for image in labels.images:
        kept = image.extra.get("ground_truth", {})
        if "line" not in kept and "sequence" in kept:
            continue  # a later frame: its sequence's file is written below
        text, end = _line(state, image, kept)
        if out and not out[-1].endswith("\n"):
            out[-1] += "\n"  # the file had no line end after its last line, and more lines came
        out.append(kept.get("before", "") + text + end)
    out.append((labels.extra.get("ground_truth") or {}).get("after", ""))
    state.files |= video.write_sequences(labels)
    if "".join(out):
        state.files[""] = "".join(out).encode()
    elif len(state.files) == 1:
        state.files = {"": next(iter(state.files.values()))}
    else:
        state.files.setdefault("", b"")
    _say(state)
    return state.files


def _line(state: _Writing, image: FileImage, kept: dict) -> tuple[str, str]:
    text, end = kept.get("line"), kept.get("end", "\n")
    if text is None:
        if image.kind == "image":
            entry = {"source-ref": image.source or image.file_name}
        else:  # a pair or a row becomes its JSON: a manifest has pictures and texts only
            entry = {"source": image.data.get("text") or json.dumps(image.data, ensure_ascii=False)}
        text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
    if image.answers and "sequence" not in kept:
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        old = json.loads(text.removeprefix("\ufeff"))
        entry = _labelled(state, image, kept, copy.deepcopy(old))
        text = mark + patch(text.removeprefix("\ufeff"), entry)
        if len(text) > MAX_LINE:
            raise SourceError(f"The line of {image.file_name} would have more than {MAX_LINE:,} characters.")
        state.counts["long"] += any(
            len(json.dumps(v)) > MAX_ATTRIBUTE for k, v in entry.items() if old.get(k) != v and not isinstance(v, int)
        )
    return text, end


def _labelled(state: _Writing, image: FileImage, kept: dict, entry: dict) -> dict:
    """Return the line's content with the image's answer in it."""
    answer = image.answers[0]
    slots = kept.get("read", {})
    wanted = _by_slot(state, answer.document, slots)
    for slot, part in wanted.items():
        old = slots.get(slot)
        unchanged = old is not None and _says(state, image, entry, slot, old, part)
        new_name = (
            state.options.attribute and old is not None and old not in (state.options.attribute, _name(state, slot))
        )
        if unchanged and not new_name:
            if slot == "masks" and _is_beside(entry[old]):  # the picture lies beside the manifest: take it along
                _write_masks(state, image, entry[f"{old}-metadata"], part, entry[old])
            continue
        name = old if old is not None and not new_name else _name(state, slot)
        value, meta = (entry[old], entry[f"{old}-metadata"]) if old is not None else (None, {})
        if old is None or new_name:
            meta = _new_meta(state, slot, answer, meta if new_name else {})
            if slot == "class" and (score := _sureness(answer)) is not None:
                meta["confidence"] = score
            if new_name and slot != "class":
                meta["adjustment-status"] = "unadjusted" if unchanged else "adjusted"
        else:
            meta = _touched(meta, answer)
        if made := _changed(state, image, slot, value, meta, part):
            entry[name], entry[f"{name}-metadata"] = made
    return entry


def _is_beside(reference) -> bool:
    text = str(reference)
    return "://" not in text and not text.startswith("/") and ".." not in PurePosixPath(text).parts


def _name(state: _Writing, slot: str) -> str:
    if slot == "class":
        return f"{state.base}-class" if state.has_regions else state.base
    return attribute_name(state.base, reference=slot == "masks")


def _by_slot(state: _Writing, document: dict, slots: dict) -> dict:
    """Share out a document to the families of label attributes, and count what none of them holds."""
    wanted: dict = {}
    counts = state.counts
    for slot, shapes in _SHAPES.items():
        found = [r for r in document["regions"] if r["shape"] in shapes]
        if found or slot in slots:
            wanted[slot] = found
    for region in document["regions"]:
        counts["turned"] += region["shape"] == "box" and bool(region.get("rotation"))
        counts["flat"] += region["shape"] in ("polygon", "ellipse")
        counts["lines"] += region["shape"] in ("polyline", "point")
        counts["extras"] += bool(region.get("attributes") or (region.get("text") and region["shape"] != "span"))
    fields = {k: v for k, v in (document.get("fields") or {}).items() if k != parts.FEEDBACK}
    counts["extras"] += bool(fields) + bool(document.get("relations"))
    if document["classes"] or "class" in slots:
        wanted["class"] = document["classes"]
    if not wanted:
        if state.has_regions:
            wanted[state.empty_slot] = []
        elif state.multiple:
            wanted["class"] = []
        else:
            counts["empty"] += 1
    return wanted


def _says(state: _Writing, image: FileImage, entry: dict, slot: str, name: str, part) -> bool:
    """Say whether the attribute says already what was labelled."""
    value, meta = entry[name], entry[f"{name}-metadata"]
    if slot == "class":
        return list(dict.fromkeys(parts.read_classes(value, meta)[0])) == part
    if slot == "masks":
        return image.extra["ground_truth"].get("masks") == _mark(part)
    document: dict = {"regions": [], "classes": []}
    _fill(document, slot, value, meta, image.data.get("text", ""))
    before = document["regions"]
    return len(before) == len(part) and all(same(a, b) for a, b in zip(before, part, strict=True))


def _mark(regions: list[dict]) -> str:
    """Return a short text that is the same for the same masks."""
    said = [[r["label"], r["shape"], *(r.get(k) for k in ("x", "y", "w", "h", "rle", "points"))] for r in regions]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def _new_meta(state: _Writing, slot: str, answer: FileAnswer, old: dict) -> dict:
    kind = _SHORT.get(slot) or ("image-classification-multilabel" if state.multiple else "image-classification")
    meta = {
        k: old[k] for k in ("objects", "class-map", "class_map", "internal-color-map", "confidence-map") if k in old
    }
    meta |= {
        "type": old.get("type", parts.PREFIX + kind),
        "human-annotated": "yes" if answer.kind == "person" else "no",
    }
    if answer.at:
        meta["creation-date"] = answer.at.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return meta | {"job-name": f"labeling-job/{state.base}"}


def _sureness(answer: FileAnswer) -> float | None:
    """Return how sure a model was of the whole item, as automatic labelling keeps it."""
    score = ((answer.document.get("extra") or {}).get("auto") or {}).get("score")
    return float(score) if isinstance(score, int | float) else None


def _touched(meta: dict, answer: FileAnswer) -> dict:
    """Say in the metadata of an attribute that it was answered anew, by whom and when."""
    meta = {**meta, "human-annotated": "yes" if answer.kind == "person" else "no"}
    if answer.at and "creation-date" in meta:
        meta["creation-date"] = answer.at.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return meta


def _changed(state: _Writing, image: FileImage, slot: str, value, meta: dict, part):
    if slot == "boxes":
        size = {"width": image.width, "height": image.height, "depth": 3}
        upright = [r | dict(zip("xywh", bounds(r), strict=True)) for r in part]
        return parts.changed_boxes(value or {"image_size": [size], "annotations": []}, meta, upright, state.numbers)
    if slot == "spans":
        return parts.changed_spans(value or {}, part, list(state.numbers)), meta
    if slot == "masks":
        name = f"{state.base}-masks/{PurePosixPath(image.file_name).with_suffix('.png')}"
        meta = _write_masks(state, image, meta, part, name)
        return name, meta
    if image.kind == "text":
        meta = {**meta, "type": meta["type"].replace("/image-", "/text-")}
    multiple = meta["type"].endswith("-multilabel")
    if not multiple and not part:
        state.counts["empty"] += 1
        return None
    state.counts["several"] += not multiple and len(part) > 1
    if not multiple:
        meta = {"class-name": part[0], "confidence": 0.0} | meta
    return parts.changed_classes(value, meta, part, state.image_numbers)


def _write_masks(state: _Writing, image: FileImage, meta: dict, regions: list[dict], name: str) -> dict:
    if not (image.width and image.height):
        raise SourceError(f"The size of {image.file_name} is not known; masks need it.", hint="Add the picture.")
    colours = parts.colour_map(meta, [r["label"] for r in regions], state.labels.classes)
    if name in state.files:
        raise SourceError(f"Two images share the name of the mask {name}.", hint="Rename one.")
    state.files[name] = parts.masks_png(regions, image.width, image.height, colours)
    return {**meta, "internal-color-map": colours}


def _say(state: _Writing) -> None:
    warn, counts = state.labels.warn, state.counts
    warn(counts["turned"], "turned boxes are written as the upright rectangle around them.")
    warn(counts["flat"], "polygons and ellipses are written as pixels of masks.")
    warn(counts["lines"], "lines and points were left out: a manifest has no place for them.")
    warn(
        counts["extras"],
        "texts, attributes, answers by name or relations were left out: a manifest has no place for them.",
    )
    warn(counts["empty"], "answers without a class were left out: a single-label job has no empty answer.")
    warn(counts["several"], "single-label answers had several classes; the first is written.")
    warn(counts["long"], f"lines got a value of more than {MAX_ATTRIBUTE:,} characters: no job takes them as input.")
