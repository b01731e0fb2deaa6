"""Worker-response files of Ground Truth: `worker-response/iteration-N/LINE/TIME.json`, one answer per worker.

LINE is the place of the item in the manifest, counted from 0. The name of the worker's tool in `answerContent` is
free in custom jobs, so an answer is told by what it holds.
"""

from __future__ import annotations

import base64
import binascii
import re

from labeling.formats.ground_truth_parts import read_masks
from labeling.formats.model import FileAnswer, strict_json, usable
from transforms.errors import SourceError

_FILE = re.compile(r"(?:^|/)worker-response/iteration-(\d+)/(\d+)/([^/]+)\.json$")
_TIMES = ("acceptanceTime", "submissionTime", "timeSpentInSeconds", "workerMetadata")
MAX_ANSWERS = 1000  # for one item


def read_workers(files: dict[str, bytes], manifest: str) -> tuple[dict[int, list], int]:
    """Return `{line from 0: [(answer, (width, height) or None)]}`, and how many answers a later one replaced."""
    found: dict[int, dict[str, tuple]] = {}
    repeated = 0
    matches = [(m, f) for f in files if (m := _FILE.search(f))]
    for match, name in sorted(matches, key=lambda m: (int(m[0][1]), m[0][3])):
        try:
            given = strict_json(files[name].decode("utf-8-sig"))["answers"]
            if len(given) > MAX_ANSWERS:
                raise SourceError(f"{name} has more than {MAX_ANSWERS:,} answers.")
            for answer in given:
                who = str(answer["workerId"])
                here = found.setdefault(int(match[2]), {})
                repeated += who in here
                here[who] = _answer(answer, who)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            if isinstance(error, SourceError):
                raise
            raise SourceError(f"{name} is not a file of worker answers ({error!r}).") from None
    return {line: list(by.values()) for line, by in found.items()}, repeated


def _answer(answer: dict, who: str) -> tuple[FileAnswer, tuple[int, int] | None]:
    content = answer["answerContent"]
    content = strict_json(content) if isinstance(content, str) else content
    document: dict = {"regions": [], "classes": []}
    fields: dict = {}
    size = None
    for name, value in content.items():
        if isinstance(value, dict) and isinstance(value.get("inputImageProperties"), dict):
            given = value["inputImageProperties"]
            size = (int(given["width"]), int(given["height"]))
        if not _element(value, document):
            _widget(name, value, fields)
    if fields:
        document["fields"] = fields
    kept = {k: answer[k] for k in _TIMES if k in answer}
    if kept:
        document["extra"] = {"ground_truth": kept}
    return FileAnswer(document, who), size


def _element(value, document: dict) -> bool:
    """Add what one of Ground Truth's own elements says; False if it is another."""
    if not isinstance(value, dict):
        return False
    regions, known = [], False
    if isinstance(value.get("label"), str):
        document["classes"].append(value["label"])
        known = True
    if isinstance(value.get("labels"), list):
        document["classes"] += [str(n) for n in value["labels"]]
        known = True
    for b in value.get("boundingBoxes", []):
        regions.append({"shape": "box", "x": b["left"], "y": b["top"], "w": b["width"], "h": b["height"]} | _label(b))
    for key, shape in (("polygons", "polygon"), ("polylines", "polyline"), ("lines", "polyline")):
        for p in value.get(key, []):
            regions.append({"shape": shape, "points": [[v["x"], v["y"]] for v in p["vertices"]]} | _label(p))
    for p in value.get("keypoints", []):
        regions.append({"shape": "point", "x": p["x"], "y": p["y"]} | _label(p))
    for e in value.get("entities", []):
        regions.append({"shape": "span", "start": e["startOffset"], "end": e["endOffset"]} | _label(e))
    if isinstance(value.get("labeledImage"), dict):
        regions += _painted(value)
    for region in regions:
        if made := usable({"id": f"r{len(document['regions']) + 1}"} | region):
            document["regions"].append(made)
    names = ("boundingBoxes", "polygons", "polylines", "lines", "keypoints", "entities", "labeledImage")
    return known or any(name in value for name in names)


def _label(given: dict) -> dict:
    return {"label": str(given.get("label") or "object")}


def _painted(value: dict) -> list[dict]:
    """Return the masks of a painted picture: colours stand for labels, or for instances with a label each."""
    mapping = [(name, m.get("color")) for name, m in (value.get("labelMappings") or {}).items()]
    mapping += [(i.get("label"), i.get("color")) for i in value.get("instances") or []]
    colours = {str(n): {"class-name": str(name), "hex-color": color} for n, (name, color) in enumerate(mapping)}
    try:
        png = base64.b64decode(value["labeledImage"]["pngImageData"], validate=False)
    except (binascii.Error, KeyError, TypeError) as error:
        raise SourceError(f"A painted answer holds no picture ({error!r}).") from None
    return [{k: v for k, v in r.items() if k != "id"} for r in read_masks(png, {"internal-color-map": colours})[0]]


def _widget(name: str, value, fields: dict) -> None:
    """A form field: a text, a number, or options with true and false."""
    if isinstance(value, dict) and value and all(isinstance(v, bool) for v in value.values()):
        chosen = [str(k) for k, v in value.items() if v]
        value = chosen[0] if len(chosen) == 1 else chosen
    if isinstance(value, str | int | float) and value != "" or isinstance(value, list) and value:
        fields[str(name)] = value if not isinstance(value, list) else [str(v) for v in value]
