"""Items of a collection that are not pictures: texts, rows of a table, pairs to compare.

`data` of an item holds what is shown: `{"text": …}`, `{"row": {column: value}}`, or `{"left": …, "right": …}`, whose two
sides are texts. Items are told apart by the SHA-256 of their content, as pictures are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import func, insert, select

from labeling.collections import Added, get_collection
from labeling.documents import MAX_TEXT
from transforms.errors import InputError
from workspace.schema.base import now
from workspace.schema.labels import LabelImage, LabelTask
from workspace.sql import connection, ident

KINDS = ("text", "row", "pair")
MAX_ITEMS = 100_000  # of one call


def add_items(ws, name: str, kind: str, items: Iterable[tuple[str, dict]]) -> Added:
    """Add items given as `(name, data)`; those with equal data are there already and are named as duplicates.

    Raises:
        InputError: an unknown kind, data of the wrong shape, or a text that is too long.
    """
    if kind not in KINDS:
        raise InputError(f"There is no kind of item {kind!r}.", hint=f"Use one of {', '.join(KINDS)}.")
    collection = get_collection(ws, name, counts=False)
    ready = [(str(title)[:1000], _checked(kind, data, title)) for title, data in items]
    if len(ready) > MAX_ITEMS:
        raise InputError(f"{len(ready):,} items are too many at once; {MAX_ITEMS:,} is the limit.")
    added = Added()
    with ws.session() as session:
        mine = LabelImage.collection_id == collection.id
        by_hash = dict(session.execute(select(LabelImage.sha256, LabelImage.file_name).where(mine)).all())
        names = set(session.scalars(select(LabelImage.file_name).where(mine)))
        position = session.scalar(select(func.coalesce(func.max(LabelImage.position), 0)).where(mine))
        rows = []
        for title, data in ready:
            digest = content_digest(kind, data)
            if digest in by_hash:
                added.duplicates.append((title, by_hash[digest]))
                continue
            shown, number = title, 2
            while shown in names:
                shown, number = f"{title} ({number})", number + 1
            by_hash[digest] = shown
            names.add(shown)
            position += 1
            rows.append(
                {
                    "collection_id": collection.id, "position": position, "file_name": shown, "sha256": digest,
                    "suffix": "", "width": 0, "height": 0, "source": "", "redacted_suffix": "", "purged": False,
                    "kind": kind, "data": data, "extra": {}, "created_at": now(),
                }
            )  # fmt: skip
            added.added.append(shown)
        if rows:
            session.execute(insert(LabelImage), rows)
            new = session.scalars(
                select(LabelImage.id).where(mine, LabelImage.position > position - len(rows)).order_by(LabelImage.id)
            )
            task = {"collection_id": collection.id, "status": "todo", "priority": 0.0, "updated_at": now()}
            session.execute(insert(LabelTask), [{"image_id": number, **task} for number in new])
    if added.added:
        ws.audit.record("collection.add_items", collection.name, {"items": len(added.added), "kind": kind})
    return added


def content_digest(kind: str, data: dict) -> str:
    """Return what items that are no pictures are told apart by."""
    return hashlib.sha256(json.dumps([kind, data], sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _checked(kind: str, data: dict, title: str) -> dict:
    texts = {"text": ["text"], "pair": ["left", "right"], "row": []}[kind]
    if not isinstance(data, dict) or not all(isinstance(data.get(side), str) for side in texts):
        raise InputError(f"{title}: a {kind} needs {' and '.join(texts)} as text.")
    if kind == "row" and not (isinstance(data.get("row"), dict) and data["row"]):
        raise InputError(f"{title}: a row needs its columns and values.")
    if sum(len(str(v)) for v in (data["row"] if kind == "row" else data).values()) > MAX_TEXT:
        raise InputError(f"{title} is longer than {MAX_TEXT:,} characters.", hint="Cut it into parts.")
    return data


def add_dataset(
    ws, name: str, dataset: str, *, kind: str = "text", columns: Iterable[str] = (), limit: int = MAX_ITEMS
) -> Added:
    """Add the rows of a dataset (`name` or `name@version`) as items.

    Args:
        columns: for texts the one column with the text; for pairs the two columns; for rows those to show, all by default.
        kind: also "image": the column holds paths of pictures, relative to the working folder, or absolute.

    Raises:
        InputError: a column is missing, or the number of columns does not fit the kind.
    """
    from sources.opening import open_data

    with open_data(ws, dataset) as opened, connection() as con:
        known = con.sql(f"SELECT * FROM {opened.sql()} LIMIT 0").columns
        chosen = list(columns) or (known if kind == "row" else known[:1])
        wanted = {"text": 1, "image": 1, "pair": 2}.get(kind)
        if missing := [c for c in chosen if c not in known]:
            raise InputError(f"{dataset} has no column {missing[0]!r}.", hint=f"It has {', '.join(known[:20])}.")
        if wanted and len(chosen) != wanted:
            raise InputError(f"A {kind} is made from {wanted} column{'s' * (wanted > 1)}; {len(chosen)} are named.")
        listed = ", ".join(map(ident, chosen))
        query = f"SELECT {listed} FROM {opened.sql()} LIMIT {min(int(limit), MAX_ITEMS)}"
        rows = [dict(zip(chosen, values, strict=True)) for values in con.execute(query).fetchall()]
    if kind == "image":
        from labeling.collections import add_images

        return add_images(ws, name, [Path(str(row[chosen[0]])).expanduser() for row in rows if row[chosen[0]]])
    width = len(str(len(rows)))
    items = []
    for place, row in enumerate(rows, 1):
        values = {c: _plain(row[c]) for c in chosen}
        if kind == "text":
            data = {"text": str(values[chosen[0]] or "")}
        elif kind == "pair":
            data = {"left": str(values[chosen[0]] or ""), "right": str(values[chosen[1]] or "")}
        else:
            data = {"row": values}
        if any(data.values()):
            items.append((f"{opened.name.split('@')[0]} {place:0{width}d}", data))
    return add_items(ws, name, kind, items)


def _plain(value):
    """Return what JSON can hold; moments and decimals as text."""
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def add_texts(ws, name: str, paths: Iterable[Path | str]) -> Added:
    """Add text files (one item each), and the lines of `.jsonl` files with a `text` (or Ground Truth `source`) in each."""
    items, problems = [], []
    for path in map(Path, paths):
        files = (
            sorted(f for f in path.rglob("*") if f.suffix.lower() in (".txt", ".md", ".jsonl"))
            if path.is_dir()
            else [path]
        )
        for file in files:
            try:
                text = file.read_text("utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{file.name} cannot be read as text: {error}.")
                continue
            if file.suffix.lower() == ".jsonl":
                items += _lines(file.name, text, problems)
            elif text.strip():
                items.append((file.name, {"text": text}))
    added = add_items(ws, name, "text", items)
    added.problems += problems
    return added


def _lines(file: str, text: str, problems: list[str]) -> list[tuple[str, dict]]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
            words = given.get("text", given.get("source"))
        except (ValueError, AttributeError, RecursionError):
            words = None
        if isinstance(words, str) and words:
            found.append((f"{file}:{number}", {"text": words}))
        else:
            problems.append(f"{file}, line {number}: it has no text.")
    return found
