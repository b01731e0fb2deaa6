"""What a model says of an item, whichever way it runs: the built-in classifier, an ONNX file, or a backend over HTTP.

A guess is a document and a confidence from 0 to 1 that all of it is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from labeling.autolabel.features import collection_features, text_features
from labeling.collections import image_path
from labeling.documents import number
from labeling.pictures import read_picture
from transforms.errors import InputError

BUILT_IN = "built-in"
KEPT, SEEN = 0.5, 0.1  # a detector's boxes from 0.5 are its answer; those from 0.1 say what it doubts


@dataclass(frozen=True)
class Guess:
    document: dict
    confidence: float


def is_url(model: str) -> bool:
    return urlsplit(model).scheme in ("http", "https")


def short_name(model: str) -> str:
    """Return how a model's answers are signed: "built-in", a file's name, a backend's host and port."""
    return f"model: {urlsplit(model).netloc.rpartition('@')[2] if is_url(model) else Path(model).name}"[:200]


def shown_file(ws, image) -> tuple[str, Path]:
    """Return `(sha256, path)` of the copy a model looks at: the redacted one where there is one."""
    if image.redacted_sha256:
        return image.redacted_sha256, image_path(ws, image.redacted_sha256, image.redacted_suffix)
    return image.sha256, image_path(ws, image.sha256, image.suffix)


def pixels(ws, image):
    """Return the picture (BGR) that a model looks at."""
    return read_picture(shown_file(ws, image)[1], image.file_name).bgr


def text_of(image) -> str:
    """Return the words of an item that is no picture."""
    data = image.data.get("row") or image.data
    return "\n".join(str(v) for v in data.values() if v is not None)


def features_of(ws, items, progress=None) -> tuple[list[int], object, list[str]]:
    """Return `(ids, matrix, problems)` of items that are all pictures or all texts.

    Raises:
        InputError: some are pictures and some are not.
    """
    kinds = {item.kind == "image" for item in items}
    if len(kinds) > 1:
        raise InputError("The collection has pictures and texts; the built-in model learns from one kind.")
    if kinds == {False}:
        return [item.id for item in items], text_features([text_of(item) for item in items]), []
    return collection_features(ws, items, lambda item: shown_file(ws, item), progress)


def class_guesses(classes: list[str], chances) -> list[Guess]:
    """Return one guess per row of chances."""
    return [
        Guess({"regions": [], "classes": [classes[int(row.argmax())]]}, round(float(row.max()), 6)) for row in chances
    ]


def box_guess(found) -> Guess:
    """Return a detector's guess; it is as sure as the least sure of its decisions to keep or to drop a box."""
    kept = [f for f in found if f.score >= KEPT]
    regions = [
        {"id": f"m{i}", "shape": "box", "label": f.label, "score": f.score}
        | {k: number(getattr(f, k)) for k in ("x", "y", "w", "h")}
        for i, f in enumerate(sorted(kept, key=lambda f: (f.y, f.x)), 1)
    ]
    sure = min((max(f.score, 1 - f.score) for f in found), default=1 - SEEN)
    return Guess({"regions": regions, "classes": []}, round(sure, 6))


def onnx_guesses(ws, items, path: str, names: list[str] | None, progress=None):
    """Yield `(item, guess)` from an ONNX model; items that are no pictures are passed over."""
    from labeling.autolabel.onnx_models import OnnxModel

    model = OnnxModel(path, names, least_score=SEEN)
    for count, item in enumerate(items):
        if progress:
            progress(count / max(1, len(items)), item.file_name)
        if item.kind != "image":
            continue
        picture = pixels(ws, item)
        if model.kind == "classes":
            yield item, class_guesses(model.names, [model.chances(picture)])[0]
        else:
            yield item, box_guess(model.boxes(picture))


def backend_guesses(ws, items, url: str, collection, progress=None):
    """Yield `(item, guess)` from a Label Studio ML backend."""
    from labeling.autolabel.backend import Backend, label_config, task_of

    backend = Backend(url)
    config = label_config(collection)
    backend.setup(f"{collection.id}.{int(collection.created_at.timestamp())}", config)
    for start in range(0, len(items), backend.batch):
        part = items[start : start + backend.batch]
        if progress:
            progress(start / len(items), part[0].file_name)
        tasks = [task_of(ws, item) for item in part]
        sizes = [(item.width, item.height) for item in part]
        yield from zip(part, backend.guesses(tasks, sizes, config), strict=True)


def agrees(guess: dict, answer: dict, overlap: float = 0.5) -> bool:
    """Return whether a document says the same as a person's: the same classes, and each region found with its label.

    Args:
        overlap: IoU from which two regions of one label are the same thing. One missed, added or wrong region is enough
            for a no.
    """
    if set(guess["classes"]) != set(answer["classes"]) or len(guess["regions"]) != len(answer["regions"]):
        return False
    from labeling.boxes import best_pairs
    from labeling.shapes import AREAL
    from labeling.shapes import overlap as shape_overlap

    scored = [
        (shape_overlap(a, b), i, j)
        for i, a in enumerate(guess["regions"])
        for j, b in enumerate(answer["regions"])
        if a["label"] == b["label"] and a["shape"] in AREAL and b["shape"] in AREAL
    ]
    return len(best_pairs(scored, overlap)) == len(guess["regions"])


def confirmed(guess: dict, answers: list[dict], overlap: float = 0.5) -> bool:
    """Return whether more than half of the people who answered say the same."""
    return 2 * sum(agrees(guess, a, overlap) for a in answers) > len(answers)


def majority_class(answers: list[dict]) -> str | None:
    """Return the one class that more than half of the people chose, or None."""
    from collections import Counter

    counts = Counter(a["classes"][0] for a in answers if len(a["classes"]) == 1)
    if not counts:
        return None
    name, votes = counts.most_common(1)[0]
    return name if 2 * votes > len(answers) else None
