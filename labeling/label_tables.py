"""The labels of a collection as tables, for any SQL: items, answers, regions, classes, fields, consensus and more.

They are built in memory from the current answers, only those that a query reads, and the connection that holds them
can reach nothing else: no file, no network, no setting.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import select

from labeling.annotations import current_documents
from labeling.collections import get_collection
from labeling.gold import gold_documents
from labeling.settled import Settled, settled
from labeling.shapes import area, bounds
from labeling.workforce import FLAG
from workspace.schema.labels import LabelAnnotator, LabelAssignment, LabelComment, LabelImage, LabelTask

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

GEOMETRY = ("points", "x", "y", "w", "h", "rx", "ry", "rotation", "rle", "start", "end")
_REGION = {
    "item": "int64", "region": "string", "shape": "string", "label": "string", "x": "float64", "y": "float64",
    "w": "float64", "h": "float64", "area": "float64", "rotation": "float64", "text": "string", "score": "float64",
    "track": "string", "attributes": "string", "geometry": "string",
}  # fmt: skip
COLUMNS: dict[str, dict[str, str]] = {
    "items": {
        "id": "int64", "item": "int64", "name": "string", "kind": "string", "width": "int64", "height": "int64",
        "status": "string", "source": "string", "priority": "float64", "gold": "bool", "content": "string",
    },
    "answers": {
        "item": "int64", "annotator": "string", "kind": "string", "revision": "int64", "at": "utc",
        "active_seconds": "float64", "state": "string", "reason": "string", "flagged": "bool", "gold_score": "float64",
    },
    "regions": {"annotator": "string", "kind": "string"} | _REGION,
    "classes": {"item": "int64", "annotator": "string", "kind": "string", "class": "string"},
    "fields": {"item": "int64", "annotator": "string", "kind": "string", "name": "string", "value": "string"},
    "comments": {
        "item": "int64", "annotator": "string", "region": "string", "text": "string", "resolved": "bool", "at": "utc",
    },
    "consensus": {"source": "string"} | {k: v for k, v in _REGION.items() if k != "score"}
    | {"confidence": "float64", "people": "int64", "disagreed": "names"},
    "agreement": {"item": "int64", "people": "int64", "agreement": "float64"},
}  # fmt: skip


def label_connection(ws, name: str | int, tables: Iterable[str] | None = None) -> DuckDBPyConnection:
    """Return a DuckDB connection with the label tables of a collection (see `COLUMNS`); the caller closes it.

    `regions`, `classes` and `fields` hold every current answer; `consensus` the one that holds for each item (shape
    "class" and "field" for what is said of the whole item; `source` tells gold, people and model); `agreement` the mean
    likeness of people's answers (0 to 1) of items that several people answered. Places are upright bounds in pixels.

    Args:
        tables: build only these; by default all of them.
    """
    import pyarrow as pa

    from workspace.sql import connect, ident

    wanted = [t for t in COLUMNS if tables is None or t in set(tables)]
    collection = get_collection(ws, name, counts=False)
    needs = set(wanted) - {"items", "comments"}
    groups = current_documents(ws, collection.id) if needs else {}
    makers = {
        "items": lambda: _items(ws, collection.id),
        "answers": lambda: _answers(ws, collection.id, groups),
        "regions": lambda: _regions(groups),
        "classes": lambda: _classes(groups),
        "fields": lambda: _fields(groups),
        "comments": lambda: _comments(ws, collection.id),
        "consensus": lambda: _consensus(settled(ws, collection.id, proposals=True, groups=groups)),
        "agreement": lambda: _agreement(groups),
    }
    con = connect()
    try:
        for table in wanted:
            rows = makers[table]()
            columns = COLUMNS[table]
            schema = pa.schema([(c, _type(pa, kind)) for c, kind in columns.items()])
            arrow = pa.table([[r.get(c) for r in rows] for c in columns], schema=schema)
            con.register("building", arrow)
            con.execute(f"CREATE TABLE {ident(table)} AS SELECT * FROM building")
            con.unregister("building")
        for setting in ("enable_external_access", "python_enable_replacements"):
            con.execute(f"SET {setting} = false")
        con.execute("SET lock_configuration = true")
    except BaseException:
        con.close()
        raise
    return con


def _type(pa, kind: str):
    made = {"utc": pa.timestamp("us", tz="UTC"), "bool": pa.bool_(), "names": pa.list_(pa.string())}.get(kind)
    return made or getattr(pa, kind)()


def _items(ws, collection_id: int) -> list[dict]:
    gold = gold_documents(ws, collection_id)
    with ws.reading() as session:
        rows = session.execute(
            select(LabelImage, LabelTask.status, LabelTask.priority)
            .join(LabelTask, LabelTask.image_id == LabelImage.id)
            .where(LabelImage.collection_id == collection_id)
            .order_by(LabelImage.position, LabelImage.id)
        ).all()
    return [
        {
            "id": i.id, "item": i.id, "name": i.file_name, "kind": i.kind, "width": i.width, "height": i.height,
            "status": status, "source": i.source, "priority": priority, "gold": i.id in gold,
            "content": (i.data or {}).get("text") or (json.dumps(i.data, ensure_ascii=False) if i.data else None),
        }
        for i, status, priority in rows
    ]  # fmt: skip


def _of(collection_id: int):
    return select(LabelImage.id).where(LabelImage.collection_id == collection_id)


def _answers(ws, collection_id: int, groups) -> list[dict]:
    """One row per current answer, and one (revision 0) for who began or skipped an item without an answer."""
    with ws.reading() as session:
        work = {
            (row.image_id, who): row
            for row, who in session.execute(
                select(LabelAssignment, LabelAnnotator.name)
                .join(LabelAnnotator, LabelAnnotator.id == LabelAssignment.annotator_id)
                .where(LabelAssignment.image_id.in_(_of(collection_id)))
            )
        }
    flags = {(c["item"], c["annotator"]) for c in _comments(ws, collection_id) if _is_flag(c)}
    made = {
        (a.image_id, a.annotator): {"kind": a.kind, "revision": a.revision, "at": a.at}
        for group in groups.values()
        for a in group
    }
    rows = []
    for key in [*made, *(k for k in work if k not in made)]:
        row, job = made.get(key, {"kind": "person", "revision": 0}), work.get(key)
        row |= {"item": key[0], "annotator": key[1], "flagged": key in flags}
        if job is not None:
            row |= {"active_seconds": job.active_seconds, "state": job.state, "reason": job.reason or None}
            row["gold_score"] = job.score
        rows.append(row)
    return rows


def _is_flag(comment: dict) -> bool:
    return comment["text"] == FLAG and not comment["resolved"]


def _comments(ws, collection_id: int) -> list[dict]:
    with ws.reading() as session:
        rows = session.execute(
            select(LabelComment, LabelAnnotator.name)
            .join(LabelAnnotator, LabelAnnotator.id == LabelComment.annotator_id)
            .where(LabelComment.image_id.in_(_of(collection_id)))
            .order_by(LabelComment.id)
        ).all()
    return [
        {
            "item": c.image_id, "annotator": who, "region": c.region or None, "text": c.text, "resolved": c.resolved,
            "at": c.created_at,
        }
        for c, who in rows
    ]  # fmt: skip


def region_row(region: dict) -> dict:
    """Return a region as a row of plain columns: upright bounds and area in pixels, the exact geometry as JSON."""
    row = {
        "region": region["id"], "shape": region["shape"], "label": region["label"], "text": region.get("text"),
        "rotation": region.get("rotation"), "score": region.get("score"), "track": region.get("track"),
        "attributes": json.dumps(region["attributes"], ensure_ascii=False) if region.get("attributes") else None,
        "geometry": json.dumps({k: region[k] for k in GEOMETRY if k in region}, separators=(",", ":")),
    }  # fmt: skip
    if region["shape"] != "span":
        row |= dict(zip("xywh", map(float, bounds(region)), strict=True)) | {"area": float(area(region))}
    return row


def _regions(groups) -> list[dict]:
    return [
        {"item": a.image_id, "annotator": a.annotator, "kind": a.kind} | region_row(region)
        for group in groups.values()
        for a in group
        for region in a.document["regions"]
    ]


def _classes(groups) -> list[dict]:
    return [
        {"item": a.image_id, "annotator": a.annotator, "kind": a.kind, "class": name}
        for group in groups.values()
        for a in group
        for name in a.document["classes"]
    ]


def _fields(groups) -> list[dict]:
    return [
        {"item": a.image_id, "annotator": a.annotator, "kind": a.kind, "name": name, "value": as_text(value)}
        for group in groups.values()
        for a in group
        for name, value in a.document.get("fields", {}).items()
    ]


def as_text(value) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _consensus(found: dict[int, Settled]) -> list[dict]:
    rows = []
    for item, held in found.items():
        base = {"item": item, "source": held.source, "people": held.people}
        for region in held.document["regions"]:
            rows.append(base | region_row(region) | _sureness((region.get("extra") or {}).get("consensus"), region))
        about = (held.document.get("extra") or {}).get("consensus") or {}
        for name in held.document["classes"]:
            sure = _sureness((about.get("classes") or {}).get(name))
            rows.append(base | {"shape": "class", "label": name} | sure)
        for name, value in held.document.get("fields", {}).items():
            sure = _sureness((about.get("fields") or {}).get(name))
            rows.append(base | {"shape": "field", "label": name, "text": as_text(value)} | sure)
    return rows


def _sureness(about, region: dict | None = None) -> dict:
    """Confidence is 1 where one person (or gold) says so: there was nothing to compare; as in label sets."""
    about = about if isinstance(about, dict) else {}
    sure = (region or {}).get("score", about.get("confidence"))
    return {
        "confidence": 1.0 if sure is None else float(sure),
        "disagreed": [str(who) for who in about.get("disagreed") or []],
    }


def _agreement(groups) -> list[dict]:
    from itertools import combinations

    from labeling.scoring import score

    rows = []
    for item, group in groups.items():
        people = [a.document for a in group if a.kind == "person"]
        if len(people) > 1:
            alike = [(score(a, b) + score(b, a)) / 2 for a, b in combinations(people, 2)]
            rows.append({"item": item, "people": len(people), "agreement": sum(alike) / len(alike)})
    return rows
