"""Label Studio tasks JSON (its "JSON" export, and what its import reads).

Every result is kept as it is; an export writes it back unless it was labelled anew. So a file that nobody touched comes
back with all its keys: ids, drafts, lead times, predictions, relations, kinds of regions that cannot be shown.
Checked against Label Studio 1.23.2.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from labeling.formats.label_studio_config import label_config, parse_config
from labeling.formats.label_studio_regions import read_region, to_percent, to_pixels, write_region
from labeling.formats.model import (
    FileAnswer,
    FileImage,
    LabelFile,
    Options,
    Sizes,
    json_bytes,
    know,
    only_file,
    parse_json,
    plain_values,
    rest,
)
from labeling.pictures import PICTURE_SUFFIXES
from transforms.errors import SourceError

__all__ = ["label_config", "parse_config", "read", "read_tasks", "to_percent", "to_pixels", "write", "write_tasks"]

CHOICE = "class"
_TARGETS = {"image": "image", "text": "text", "pair": "left", "row": "row"}
_FIELDS = {"textarea": "text", "number": "number", "rating": "rating", "datetime": "datetime"}
_LISTS = ("annotations", "completions", "predictions")
_MEDIA = {".mp4", ".avi", ".mov", ".webm", ".mkv", ".mp3", ".wav", ".flac", ".ogg", ".m4a", ".pdf", ".csv", ".html"}


# -- reading --------------------------------------------------------------------------------------------------------


def read(files: dict[str, bytes], sizes: Sizes, options: Options = Options()) -> LabelFile:
    data = parse_json(only_file(files, "A Label Studio file"), "a Label Studio file")
    return read_tasks(data if isinstance(data, list) else [data], sizes)


def read_tasks(tasks: list, sizes: Sizes) -> LabelFile:
    """Return the labels of tasks as Label Studio's files and server give them (JSON values)."""
    labels = LabelFile()
    kept = {"regions": 0, "several": 0}
    for place, task in enumerate(tasks, 1):
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise SourceError(f"Task {place} of this file has no data: this is not a Label Studio JSON file.")
        labels.images.append(_image(task, place, sizes, labels, kept))
    labels.warn(kept["regions"], "regions of kinds that cannot be shown are kept for the export.")
    labels.warn(kept["several"], "regions have several labels; the first is shown, the others are kept.")
    return labels


def _image(task: dict, place: int, sizes: Sizes, labels: LabelFile, kept: dict) -> FileImage:
    data = task["data"]
    given = [(a, "person") for k in _LISTS[:2] for a in task.get(k) or []]
    given += [(p, "model") for p in task.get("predictions") or []]
    given = [(a, kind) for a, kind in given if isinstance(a, dict)]
    results = [r for a, _ in given for r in a.get("result") or [] if isinstance(r, dict)]
    image = _item(data, results, place)
    for result in results:
        if result.get("original_width") and result.get("original_height"):
            try:
                image.width, image.height = int(result["original_width"]), int(result["original_height"])
            except (TypeError, ValueError):
                raise SourceError(f"Task {place}: the size of its image is no number.") from None
    if image.kind == "image" and not (image.width and image.height) and (known := sizes(image.file_name)):
        image.width, image.height = known[1], known[2]
    image.extra = {
        "label_studio": {"data": data, "task": rest(task, {"data", *_LISTS}), "lists": [k for k in _LISTS if k in task]}
    }
    cancelled, names = [], set()
    for index, (answer, kind) in enumerate(given):
        if answer.get("was_cancelled"):
            cancelled.append([index, answer])  # somebody skipped it: that is not the answer "nothing there"
            continue
        made = _answer(answer, kind, index + 1, image, labels, kept)
        base, n = made.annotator, 2
        while made.annotator in names:  # the same person twice: the later must not replace the first
            made.annotator, n = f"{base} ({n})", n + 1
        names.add(made.annotator)
        image.answers.append(made)
    if cancelled:
        image.extra["label_studio"]["cancelled"] = cancelled
        image.skipped = not any(a.kind == "person" for a in image.answers)
    return image


def _item(data: dict, results: list[dict], place: int) -> FileImage:
    """Return what the task is about: a picture, a text, a pair of texts, or something else, by its data."""
    if any(r.get("type") == "pairwise" for r in results) or {"left", "right"} <= data.keys():
        sides = [k for k in ("left", "right") if isinstance(data.get(k), str)]
        sides = sides if len(sides) == 2 else [k for k, v in data.items() if isinstance(v, str)][:2]
        if len(sides) == 2:
            pair = {"left": data[sides[0]], "right": data[sides[1]]}
            return FileImage(f"task {place}", 0, 0, kind="pair", data=pair)
    texts = {k: v for k, v in data.items() if isinstance(v, str) and v}
    if not texts:
        raise SourceError(f"Task {place} of this file names no image and no text.")
    key = next((k for k in ("image", "img", "url") if k in texts), None)
    key = key or next((k for k, v in texts.items() if _suffix(v) in PICTURE_SUFFIXES), None)
    if key is None:
        key = "text" if "text" in texts else next(iter(texts))
        if _suffix(texts[key]) in _MEDIA or (key != "text" and "://" in texts[key]):
            return FileImage(f"task {place}", 0, 0, kind="row", data={"row": {k: str(v) for k, v in data.items()}})
        return FileImage(f"task {place}", 0, 0, kind="text", data={"text": texts[key]})
    try:
        width, height = int(data.get("width") or 0), int(data.get("height") or 0)
    except (TypeError, ValueError):
        width = height = 0
    return FileImage(_file_name(texts[key]), width, height, source=texts[key])


def _suffix(reference: str) -> str:
    return PurePosixPath(reference.split("?d=")[-1].split("?")[0]).suffix.lower() if len(reference) < 2000 else ""


def _answer(answer: dict, kind: str, place: int, image: FileImage, labels: LabelFile, kept: dict) -> FileAnswer:
    groups: dict[str, list] = {}
    others: list = []
    for index, result in enumerate(answer.get("result") or []):
        if isinstance(result, dict) and isinstance(result.get("value"), dict) and result.get("id"):
            groups.setdefault(str(result["id"]), []).append([index, result])
        else:
            others.append([index, result])
    document: dict = {"regions": [], "classes": []}
    whole: list = []
    for entries in groups.values():
        raw = [result for _, result in entries]
        region = read_region(raw, image.width, image.height)
        if region is not None:
            kept["several"] += any(
                len(r["value"].get(r.get("type")) or []) > 1 for r in raw if "labels" in str(r.get("type"))
            )
            document["regions"].append(region | {"extra": {"label_studio": entries}})
        elif all(_is_whole(r) for r in raw):
            whole += entries
        else:
            others += entries
    know(labels.classes, [r["label"] for r in document["regions"]])
    relations = [e for e in others if isinstance(e[1], dict) and e[1].get("type") == "relation"]
    others = [e for e in others if e not in relations]
    kept["regions"] += len(others)
    document["classes"], fields = _whole([r for _, r in whole])
    know(labels.image_classes, document["classes"])
    if fields:
        document["fields"] = fields
    ids = {r["id"] for r in document["regions"]}
    if found := [_relation(r) for _, r in relations if {str(r.get("from_id")), str(r.get("to_id"))} <= ids]:
        document["relations"] = found
    if _reproduced(document, answer, image):
        for region in document["regions"]:
            region.pop("extra")
        whole = relations = []
    said = rest(answer, {"result"})
    said = {} if _is_ours(said, kind) else said
    extra = {"answer": said, "whole": whole, "relations": relations, "others": others}
    if extra := {k: v for k, v in extra.items() if v}:
        document["extra"] = {"label_studio": extra}
    return FileAnswer(document, _annotator(answer, kind, place), kind)


def _reproduced(document: dict, answer: dict, image: FileImage) -> bool:
    """Say whether an export would write these results as they are, so that nothing of them need be kept."""
    if any(r["shape"] != "span" for r in document["regions"]) and not (image.width and image.height):
        return False
    plain = document | {"regions": [rest(r, {"extra"}) for r in document["regions"]]}
    return _results(plain, image) == answer.get("result")


def _is_ours(said: dict, kind: str) -> bool:
    if kind == "model":
        return said.keys() == {"model_version"}
    flags = {"was_cancelled": False, "ground_truth": False}
    return said.keys() == {"id", "annotator", *flags} and flags.items() <= said.items()


def _is_whole(result: dict) -> bool:
    return result.get("type") in ("choices", "pairwise", *_FIELDS)


def _whole(results: list[dict]) -> tuple[list[str], dict]:
    """Return the classes and the answers by name of results that belong to no region."""
    classes: list[str] = []
    fields: dict = {}
    for result in results:
        value, kind = result["value"], result["type"]
        if kind == "choices":
            classes += [str(c) for c in value.get("choices") or []]
        elif kind == "pairwise":
            classes += [str(value["selected"])] if value.get("selected") else []
        else:
            said = value.get(_FIELDS[kind])
            said = said[0] if isinstance(said, list) and len(said) == 1 else said
            meta = result.get("meta")
            exact = meta.get("tilth") if isinstance(meta, dict) else None
            fields[str(result.get("from_name"))] = (
                exact if exact is not None and _field(exact, kind)["value"] == value else said
            )
    return list(dict.fromkeys(classes)), plain_values(fields)


def _relation(raw: dict) -> dict:
    names = raw.get("labels") or []
    made = {"from": str(raw["from_id"]), "to": str(raw["to_id"])}
    return made | ({"label": str(names[0])} if names else {})


def _annotator(answer: dict, kind: str, place: int) -> str:
    if kind == "model":
        return str(answer.get("model_version") or f"model {place}")
    by = answer.get("annotator") or answer.get("completed_by")
    if isinstance(by, dict):
        by = by.get("email") or by.get("id")
    return f"user {by}" if isinstance(by, int) else str(by or f"annotator {place}")


def _file_name(reference: str) -> str:
    """Return the path that a reference such as `/data/local-files/?d=a/b.jpg` or `s3://bucket/b.jpg` stands for."""
    parts = urlsplit(reference)
    inner = parse_qs(parts.query).get("d")
    if inner:
        return inner[0]
    if parts.scheme or reference.startswith("/"):
        return unquote(PurePosixPath(parts.path).name) or reference
    return reference


# -- writing --------------------------------------------------------------------------------------------------------


def write(labels: LabelFile, options: Options = Options()) -> dict[str, bytes]:
    return {"": json_bytes(write_tasks(labels))}


def write_tasks(labels: LabelFile) -> list[dict]:
    """Return the tasks as JSON values. Ids that came with a file are kept; new ones are numbered after them."""
    keeps = [image.extra.get("label_studio", {}) for image in labels.images]
    answered = [
        (a.document.get("extra") or {}).get("label_studio", {}).get("answer", {})
        for i in labels.images
        for a in i.answers
    ]
    task_ids = _Ids(kept.get("task", {}).get("id") for kept in keeps)
    answer_ids = _Ids(kept.get("id") for kept in answered)
    return [_task(image, kept, task_ids, answer_ids) for image, kept in zip(labels.images, keeps, strict=True)]


class _Ids:
    """Numbers that no kept id has."""

    def __init__(self, taken):
        self.last = max((t for t in taken if isinstance(t, int)), default=0)

    def __next__(self) -> int:
        self.last += 1
        return self.last


def _task(image: FileImage, kept: dict, task_ids: _Ids, answer_ids: _Ids) -> dict:
    task = dict(kept["task"]) if "task" in kept else {}
    if "id" not in task:
        task = {"id": next(task_ids)} | task
    task["data"] = kept.get("data") or _data(image)
    lists = kept.get("lists", ["annotations", "predictions"])
    mine = "completions" if "completions" in lists else "annotations"
    out: dict[str, list] = {key: [] for key in lists}
    for answer in image.answers:
        before = (answer.document.get("extra") or {}).get("label_studio", {}).get("answer")
        if before is None and answer.kind == "model":
            before = {"model_version": answer.annotator}
        elif before is None:
            before = {
                "id": next(answer_ids),
                "annotator": answer.annotator,
                "was_cancelled": False,
                "ground_truth": False,
            }
        made = {**before, "result": _results(answer.document, image)}
        out.setdefault("predictions" if answer.kind == "model" else mine, []).append(made)
    for index, raw in kept.get("cancelled", []):
        out.setdefault(mine, []).insert(index, raw)
    return task | out


def _data(image: FileImage) -> dict:
    if image.kind == "image":
        return {"image": image.source or image.file_name, "width": image.width, "height": image.height}
    return dict(image.data.get("row") or {}) if image.kind == "row" else dict(image.data)


def _results(document: dict, image: FileImage) -> list:
    kept = (document.get("extra") or {}).get("label_studio", {})
    target = _TARGETS[image.kind]
    placed = list(kept.get("others", [])) + _whole_results(document, kept.get("whole", []), image.kind)
    for region in document["regions"]:
        entries = (region.get("extra") or {}).get("label_studio", [])
        results = write_region(region, [raw for _, raw in entries], image.width, image.height, target)
        places = [index for index, _ in entries]
        placed += [[places[n] if n < len(places) else None, result] for n, result in enumerate(results)]
    wanted = [dict(r) for r in document.get("relations", [])]
    for index, raw in kept.get("relations", []):
        match = next((r for r in wanted if rest(r, {"extra"}) == _relation(raw)), None)
        if match is not None:
            wanted.remove(match)
        if match is not None or not _within(raw, document):
            placed.append([index, raw])
    for relation in wanted:
        names = {"labels": [relation["label"]]} if relation.get("label") else {"labels": []}
        ends = {"from_id": relation["from"], "to_id": relation["to"]}
        placed.append([None, {"type": "relation", **ends, "direction": "right", **names}])
    # what came with a file stands where it stood; what is new comes after it
    placed.sort(key=lambda entry: (entry[0] is None, entry[0] or 0))
    return [result for _, result in placed]


def _within(raw: dict, document: dict) -> bool:
    """Say whether a relation is between regions that we show, so that its absence means it was taken away."""
    kept = (document.get("extra") or {}).get("label_studio", {}).get("others", [])
    unseen = {str(r.get("id")) for _, r in kept if isinstance(r, dict)}
    return not ({str(raw.get("from_id")), str(raw.get("to_id"))} & unseen)


def _whole_results(document: dict, kept: list, kind: str) -> list:
    """Return `[place or None, result]` for the classes and the answers by name."""
    classes, fields = _whole([raw for _, raw in kept])
    target = _TARGETS[kind]
    out = []
    same_classes = classes == document["classes"]
    wanted = dict(document.get("fields") or {})
    home = {
        c: raw["from_name"] for _, raw in kept if raw["type"] == "choices" for c in raw["value"].get("choices") or []
    }
    left = list(document["classes"])
    for index, raw in kept:
        if raw["type"] in ("choices", "pairwise"):
            if same_classes:
                out.append([index, raw])
            elif raw["type"] == "choices":
                first = not any(r["type"] == "choices" for _, r in out)
                mine = [c for c in left if home.get(c) == raw["from_name"] or (first and c not in home)]
                left = [c for c in left if c not in mine]
                if mine:
                    out.append([index, {**raw, "value": {**raw["value"], "choices": mine}}])
            continue
        name = str(raw.get("from_name"))
        if name not in fields or fields.get(name) == wanted.get(name):
            out.append([index, raw])
        elif name in wanted:
            out.append([index, {**rest(raw, {"meta"}), **_field(wanted[name], raw["type"])}])
        wanted.pop(name, None)
    if left and not same_classes:
        if kind == "pair":
            made = {
                "id": "pair",
                "from_name": "pair",
                "to_name": target,
                "type": "pairwise",
                "value": {"selected": left[0]},
            }
        else:
            value = {"choices": left}
            made = {"id": "classes", "from_name": CHOICE, "to_name": target, "type": "choices", "value": value}
        out.append([None, made])
    for name, value in wanted.items():
        out.append([None, {"id": f"field {name}", "from_name": name, "to_name": target, **_field(value, "")}])
    return out


def _field(value, kind: str) -> dict:
    if isinstance(value, int | float) and not isinstance(value, bool):
        kind = kind if kind in ("number", "rating") else "number"
        return {"type": kind, "value": {kind: value}}
    if kind == "datetime" and isinstance(value, str):
        return {"type": kind, "value": {"datetime": value}}
    texts = [str(v) for v in value] if isinstance(value, list) else [str(value)]
    exact = {} if isinstance(value, str) or (isinstance(value, list) and len(value) > 1) else {"meta": {"tilth": value}}
    return {"type": "textarea", "value": {"text": texts}} | exact
