"""Right answers of gold items from a file: CSV with the columns `file` and `label`, or JSON lines with whole documents.

file,label                       {"file": "a.png", "regions": [{"shape": "box", …}], "classes": ["night"]}
a.png,night
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

from labeling.collections import get_collection, list_images
from labeling.documents import checked
from labeling.gold import set_gold
from transforms.errors import InputError, SourceError

MAX_BYTES = 100 * 1024 * 1024


def gold_from_file(ws, name: str, path: Path | str, exam: bool = False) -> int:
    """Make items gold as a file says and return how many. All of it is checked before anything is changed.

    Several rows of one file name are several classes of that item.

    Raises:
        SourceError: the file cannot be read.
        InputError: a line that is not right, an item that is not in the collection, or a class that it does not have.
    """
    path = Path(path).expanduser()
    collection = get_collection(ws, name)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SourceError(f"{path.name} is larger than {MAX_BYTES // 1024**2} MB.")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read: {error}.") from None
    given = (
        _json_lines(text, path.name)
        if path.suffix.lower() in (".jsonl", ".json", ".manifest")
        else _csv(text, path.name)
    )
    items = {image.file_name: image for image in list_images(ws, name)}
    regions, classes = {c["name"] for c in collection.classes}, {c["name"] for c in collection.image_classes}
    ready = []
    for where, file, document in given:
        image = items.get(file)
        if image is None:
            raise InputError(f"{where}: there is no item {file!r} in {collection.name}.")
        document = checked(document, image.width, image.height)
        if unknown := [r["label"] for r in document["regions"] if r["label"] not in regions]:
            raise InputError(f"{where}: {collection.name} has no class {unknown[0]!r} for regions.")
        if unknown := [c for c in document["classes"] if c not in classes]:
            raise InputError(f"{where}: {collection.name} has no class {unknown[0]!r} for whole items.")
        ready.append((image.id, document))
    for image_id, document in ready:
        set_gold(ws, image_id, document, exam=exam)
    return len(ready)


def _csv(text: str, name: str) -> list[tuple[str, str, dict]]:
    rows = csv.DictReader(text.splitlines())
    if not {"file", "label"} <= set(rows.fieldnames or ()):
        raise InputError(f"{name} needs the columns file and label.", hint="Or give JSON lines with whole answers.")
    found: dict[str, tuple[str, str, dict]] = {}
    for number, row in enumerate(rows, 2):
        if not row["file"] or not row["label"]:
            raise InputError(f"{name}, line {number}: file and label must both be there.")
        entry = found.setdefault(row["file"], (f"{name}, line {number}", row["file"], {"regions": [], "classes": []}))
        entry[2]["classes"].append(row["label"])
    return list(found.values())


def _json_lines(text: str, name: str) -> list[tuple[str, str, dict]]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        try:
            given = json.loads(line)
        except (ValueError, RecursionError):
            raise InputError(f"{where} is not JSON.") from None
        if not isinstance(given, dict) or not isinstance(given.get("file"), str):
            raise InputError(f"{where} names no file.")
        file = given.pop("file")
        found.append((where, file, given.get("document", given)))
    return found
