"""Video frames of Ground Truth: `SeqLabel.json`, one file per sequence; every frame becomes an image.

The text of each frame is kept with its image and what stands between them with the collection, so an export puts the
file together again and changes only frames that were labelled anew.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath

from labeling.formats.faithful import members, patch
from labeling.formats.model import FileAnswer, FileImage, LabelFile, know, parse_json, plain_values, same, usable
from transforms.errors import SourceError

_LISTS = ("tracking-annotations", "detection-annotations")
_GROUPS = {"annotations": "box", "polygons": "polygon", "polylines": "polyline", "keypoints": "point"}
KEPT = "ground_truth_sequences"
ANNOTATOR = "ground truth"


def is_video(meta: dict) -> bool:
    return str(meta.get("type", "")).startswith("groundtruth/video-object-")


def is_sequence(name: str, data: bytes) -> bool:
    return name.lower().endswith(".json") and any(f'"{key}"'.encode() in data[:2000] for key in _LISTS)


def read_sequence(name: str, data: bytes, classes: dict, labels: LabelFile, *, alone: bool) -> list[FileImage]:
    """Add the frames of a sequence to `labels` and return them.

    Args:
        classes: number → name, from the manifest; without one the names of the objects ("Vehicle:1") tell.
        alone: the only sequence, so that frames need no folder in front of their names.
    """
    kind = "a file of video labels"
    parsed = parse_json(data, kind)
    text = data.decode("utf-8")
    key = next((k for k in _LISTS if isinstance(parsed, dict) and isinstance(parsed.get(k), list)), None)
    if key is None:
        raise SourceError(f"{name} is not {kind}: it has no {' or '.join(_LISTS)}.")
    start = next(m[2] for m in members(text, len(text) - len(text.lstrip("\ufeff"))) if m[0] == key)
    places = members(text, start)
    sequence = {"head": text[: places[0][1]] if places else text, "tail": text[places[-1][3] :] if places else ""}
    names = dict(classes)
    try:
        for frame in parsed[key]:
            for _, item in _items(frame):
                names.setdefault(_class(item), str(item.get("object-name") or "").rpartition(":")[0])
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"{name} has a frame that is not {kind} ({error!r}).") from None
    names = {k: v or f"class {k}" for k, v in names.items()}
    know(labels.classes, [v for _, v in sorted(names.items(), key=lambda n: (len(n[0]), n[0]))])
    labels.extra.setdefault(KEPT, {})[name] = sequence | {"classes": names}
    images, end = [], 0
    folder = "" if alone else f"{PurePosixPath(name).parent.name or PurePosixPath(name).stem}/"
    for place, (frame, (_, begin, _, stop)) in enumerate(zip(parsed[key], places, strict=True)):
        kept = {"sequence": name, "frame": text[begin:stop]}
        if place:
            kept["between"] = text[end:begin]
        end = stop
        try:
            image = FileImage(folder + str(frame["frame"]), 0, 0, extra={"ground_truth": kept})
            document = read_frame(frame, names)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SourceError(f"{name}, frame {place + 1}: this is not {kind} ({error!r}).") from None
        image.answers.append(FileAnswer(document, ANNOTATOR))
        images.append(image)
    labels.images += images
    return images


def _items(frame: dict):
    for group in _GROUPS:
        for item in frame.get(group) or []:
            yield group, item


def _class(item: dict) -> str:
    return str(item["class-id"] if "class-id" in item else item["class_id"])


def read_frame(frame: dict, names: dict[str, str]) -> dict:
    regions = []
    for place, (group, item) in enumerate(_items(frame), 1):
        shape = _GROUPS[group]
        region = {"id": f"r{place}", "shape": shape, "label": names[_class(item)], **_geometry(shape, item)}
        if item.get("object-id") is not None:
            region["track"] = str(item["object-id"])
        region["attributes"] = plain_values(item.get("label-category-attributes"))
        regions.append(usable(region))
    document = {"regions": [r for r in regions if r], "classes": []}
    if fields := plain_values(frame.get("frame-attributes")):
        document["fields"] = fields
    return document


def _geometry(shape: str, item: dict) -> dict:
    if shape == "box":
        return {"x": item["left"], "y": item["top"], "w": item["width"], "h": item["height"]}
    if shape == "point":
        return {"x": item["x"], "y": item["y"]}
    return {"points": [[v["x"], v["y"]] for v in item["vertices"]]}


def write_sequences(labels: LabelFile) -> dict[str, bytes]:
    """Return the sequence files of a collection; shapes that a frame has no place for are counted."""
    known = labels.extra.get(KEPT) or {}
    out: dict[str, list[str]] = {}
    lost = 0
    for image in labels.images:
        kept = image.extra.get("ground_truth", {})
        name = kept.get("sequence")
        if name not in known:
            continue
        text = kept["frame"]
        if image.answers:
            frame = json.loads(text)
            names = known[name]["classes"]
            changed, left_out = _changed_frame(frame, image.answers[0].document, names)
            lost += left_out
            text = patch(text, changed)
        pieces = out.setdefault(name, [])
        pieces += [kept.get("between", ",") if pieces else "", text]
    labels.warn(lost, "masks, ellipses or texts were left out: a video frame has no place for them.")
    files = {}
    for name, pieces in out.items():
        path = name.split("://", 1)[-1].split("/", 1)[-1] if "://" in name else name
        files[path] = (known[name]["head"] + "".join(pieces) + known[name]["tail"]).encode()
    return files


def _changed_frame(frame: dict, document: dict, names: dict[str, str]) -> tuple[dict, int]:
    """Return the frame with a document in it, and how many regions it cannot hold."""
    before = {r["id"]: r for r in read_frame(frame, names)["regions"]}
    old = {f"r{n}": (group, item) for n, (group, item) in enumerate(_items(frame), 1)}
    numbers = {v: k for k, v in names.items()}
    groups: dict[str, list] = {group: [] for group in _GROUPS}
    spelled = "class_id" if any("class_id" in item for _, item in old.values()) else "class-id"
    lost = 0
    for region in document["regions"]:
        group = next((g for g, shape in _GROUPS.items() if shape == region["shape"]), None)
        if group is None:
            lost += 1
            continue
        item = old[region["id"]][1] if old.get(region["id"], ("",))[0] == group else None
        if item is not None and same(before.get(region["id"]), region):
            groups[group].append(item)
            continue
        if region["label"] not in numbers:
            free = max((int(k) for k in numbers.values() if k.isdigit()), default=-1) + 1
            numbers[region["label"]] = names_key = str(free)
            names[names_key] = region["label"]
        groups[group].append(_written(region, item or {}, numbers[region["label"]], spelled))
    made = dict(frame)
    for group, items in groups.items():
        if items or group in frame:
            made[group] = items
    if document.get("fields", {}) != plain_values(frame.get("frame-attributes")):
        made["frame-attributes"] = document.get("fields", {})
    return made, lost


def _written(region: dict, item: dict, number: str, spelled: str) -> dict:
    shape = region["shape"]
    made = dict(item)
    if shape == "box":
        made |= {"height": region["h"], "width": region["w"], "top": region["y"], "left": region["x"]}
    elif shape == "point":
        made |= {"x": region["x"], "y": region["y"]}
    else:
        made["vertices"] = [{"x": x, "y": y} for x, y in region["points"]]
    if not item or _class(item) != number:
        made[spelled] = int(number) if isinstance(item.get(spelled), int) else number
    made["label-category-attributes"] = region.get("attributes", {})
    track = str(region.get("track") or region["id"])
    if str(item.get("object-id")) != track:
        made["object-id"] = track
    made.setdefault("object-name", f"{region['label']}:{track}")
    return made
