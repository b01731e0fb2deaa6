"""Releases: numbered versions of a collection's labels that never change, what differs between two, and their export.

A release keeps the exact documents (a file named by its SHA-256 in the workspace), a manifest of how they came about,
and two datasets: one row per region, class or answer, and one row per item to learn from or to publish as features.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from labeling.annotations import current_documents
from labeling.collections import get_collection, list_images, write_once
from labeling.documents import is_empty
from labeling.gold import gold_documents
from labeling.label_tables import as_text, region_row
from labeling.scoring import matched
from labeling.settled import Settled, settled
from transforms.errors import Conflict, InputError, NotFound, SourceError
from workspace.audit import who
from workspace.schema.base import now
from workspace.schema.labels import LabelSet

SAME_PLACE = 0.3  # likeness from which a region of another release may be the same one, moved
SAME_THING = 0.5  # likeness from which one with another label is the same one, relabelled
MAX_NOTE = 2000
NOW = "now"
_COLUMNS = {
    "item": "int64", "name": "string", "width": "int64", "height": "int64", "kind": "string", "label": "string",
    "x": "float64", "y": "float64", "w": "float64", "h": "float64", "area": "float64", "rotation": "float64",
    "score": "float64", "annotators": "int64", "text": "string", "track": "string", "attributes": "string",
    "geometry": "string",
}  # fmt: skip


@dataclass(frozen=True)
class Release:
    """One release; `manifest` says how it came about, `counts` in it what it holds."""

    number: int
    collection: str
    note: str
    dataset: str  # name@version, one row per region, class or answer
    items_dataset: str  # name@version, one row per item
    at: datetime
    by: str
    manifest: dict
    is_new: bool = False

    def as_json(self) -> dict:
        keys = ("number", "collection", "note", "dataset", "items_dataset", "by", "is_new")
        return {k: getattr(self, k) for k in keys} | {"at": self.at.isoformat(), "counts": self.manifest["counts"]}


def release(ws, name: str | int, *, note: str = "", method: str = "auto") -> Release:
    """Keep the labels of a collection as its next release and return it; equal labels give the newest one again.

    What holds for each item is released: its gold answer, else what people's answers come to, else a model's answer
    that a certified pass (or a Ground Truth job) admitted. Items without any of these are not part of it.

    Raises:
        Conflict: there is nothing to release, or somebody else has just made a release.
    """
    if len(note) > MAX_NOTE:
        raise InputError(f"The note has {len(note):,} characters; at most {MAX_NOTE:,} are kept.")
    collection = get_collection(ws, name, counts=False)
    groups = current_documents(ws, collection.id)
    found = settled(ws, collection.id, method=method, groups=groups)
    if not found:
        raise Conflict(f"Nobody has labelled an item of {collection.name!r} yet.", hint="Label some items first.")
    content = _content(ws, collection, found)
    digest = hashlib.sha256(content).hexdigest()
    rows = _rows(ws, collection.id)
    if rows and rows[-1].detail["documents"] == digest:
        return _release(rows[-1], collection.name)
    number = (rows[-1].detail["release"] if rows else 0) + 1
    at = now()
    write_once(_path(ws, digest), gzip.compress(content, mtime=0))
    held = {i: (h.document, h.people) for i, h in found.items()}
    lineage = {"kind": "labels", "collection": collection.name, "release": number, "documents": digest}
    long = label_rows(ws, collection.id, held)
    version = ws.datasets.write(f"{collection.name} release", rows_table(long, number, at), lineage=lineage)
    wide = ws.datasets.write(
        f"{collection.name} release by item", _items_table(ws, collection, found, number, at), lineage=lineage
    )
    gold = gold_documents(ws, collection.id)
    manifest = {
        "release": number,
        "note": note,
        "by": who(),
        "method": method,
        "documents": digest,
        "dataset_hash": version.content_hash,
        "items_dataset": wide.ref,
        "gold": sorted(gold),
        "revisions": {str(i): {a.annotator: a.revision for a in groups.get(i, [])} for i in found},
        "classes": [c["name"] for c in collection.classes],
        "image_classes": [c["name"] for c in collection.image_classes],
        "workflow": collection.workflow,
        "counts": _counts(found),
    }
    with ws.session() as session:
        newest = session.scalars(_query(collection.id)).all()
        if any(r.detail["release"] >= number for r in newest if "release" in r.detail):
            raise Conflict("Somebody else has just made a release.", hint="Look at it, and release again if needed.")
        session.add(
            LabelSet(
                collection_id=collection.id,
                dataset=version.name,
                dataset_version=version.version,
                method=f"release, {method}",
                detail=manifest,
                created_at=at,
            )  # fmt: skip
        )
        detail = {"release": number, "dataset": version.ref, "documents": digest, "counts": manifest["counts"]}
        ws.audit.record("collection.release", collection.name, detail, session=session)
        for made in (version, wide):
            ws.lineage.add(
                "collection", collection.name, "dataset", made.ref, f"release {number}", session=session
            )  # fmt: skip
    return get_release(ws, collection.id, number, is_new=True)


def releases(ws, name: str | int) -> list[Release]:
    """Return the releases of a collection, newest first."""
    collection = get_collection(ws, name, counts=False)
    return [_release(row, collection.name) for row in reversed(_rows(ws, collection.id))]


def get_release(ws, name: str | int, number: int | None = None, *, is_new: bool = False) -> Release:
    """Return one release, the newest by default.

    Raises:
        NotFound: no such release.
    """
    collection = get_collection(ws, name, counts=False)
    rows = _rows(ws, collection.id)
    if not rows:
        raise NotFound(
            f"{collection.name!r} has no release yet.", hint=f"Make one: tilth labels release {collection.name!r}."
        )
    row = rows[-1] if number is None else next((r for r in rows if r.detail["release"] == number), None)
    if row is None:
        raise NotFound(
            f"{collection.name!r} has no release {number}.", hint=f"It has 1 to {rows[-1].detail['release']}."
        )
    return _release(row, collection.name, is_new)


def _query(collection_id: int):
    return select(LabelSet).where(LabelSet.collection_id == collection_id).order_by(LabelSet.id)


def _rows(ws, collection_id: int) -> list[LabelSet]:
    with ws.reading() as session:
        return [r for r in session.scalars(_query(collection_id)) if "release" in (r.detail or {})]


def _release(row: LabelSet, collection: str, is_new: bool = False) -> Release:
    detail = row.detail
    return Release(
        detail["release"], collection, detail["note"], f"{row.dataset}@{row.dataset_version}", detail["items_dataset"],
        row.created_at, detail["by"], detail, is_new,
    )  # fmt: skip


def _path(ws, digest: str) -> Path:
    return ws.root / "releases" / f"{digest}.json.gz"


def _content(ws, collection, found: dict[int, Settled]) -> bytes:
    """The released documents as bytes that are the same for the same labels."""
    items = [
        {
            "item": i.id, "name": i.file_name, "width": i.width, "height": i.height, "kind": i.kind,
            "source": found[i.id].source, "people": found[i.id].people, "document": found[i.id].document,
        }
        for i in list_images(ws, collection.id)
        if i.id in found
    ]  # fmt: skip
    whole = {"classes": collection.classes, "image_classes": collection.image_classes, "items": items}
    return json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def released(ws, name: str | int, number: int | None = None) -> dict:
    """Return what a release holds: `{"classes", "image_classes", "items": [{item, name, width, height, document …}]}`.

    Raises:
        NotFound: no such release.
        SourceError: its file is gone or was changed.
    """
    made = get_release(ws, name, number)
    digest = made.manifest["documents"]
    try:
        content = gzip.decompress(_path(ws, digest).read_bytes())
    except (OSError, EOFError, gzip.zlib.error) as error:
        raise SourceError(
            f"The file of release {made.number} of {made.collection!r} cannot be read: {error}."
        ) from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise SourceError(f"The file of release {made.number} of {made.collection!r} was changed after it was made.")
    return json.loads(content)


# -- as tables ------------------------------------------------------------------------------------------------------


def label_rows(
    ws, collection_id: int, found: dict[int, tuple[dict, int]], only: Iterable[int] | None = None
) -> list[dict]:
    """Return a row per region, class and answer of `{item: (document, people)}`; an item with nothing has kind "none".

    Args:
        only: also give a row to those of these items that have no document.
    """
    extra = set(only or ())
    rows = []
    for image in list_images(ws, collection_id):
        if image.id not in found and image.id not in extra:
            continue
        document, people = found.get(image.id, ({"regions": [], "classes": []}, 0))
        base = {"item": image.id, "name": image.file_name, "width": image.width, "height": image.height}
        base["annotators"] = people
        about = (document.get("extra") or {}).get("consensus") or {}
        for region in document["regions"]:
            row = region_row(region)
            row["score"] = 1.0 if row["score"] is None else float(row["score"])
            rows.append(base | row | {"kind": row["shape"]})
        for label in document["classes"]:
            rows.append(base | {"kind": "class", "label": label, "score": _sure(about, "classes", label)})
        for label, value in document.get("fields", {}).items():
            sure = _sure(about, "fields", label)
            rows.append(base | {"kind": "field", "label": label, "text": as_text(value), "score": sure})
        if is_empty(document):
            rows.append(base | {"kind": "none"})
    return rows


def _sure(about: dict, of: str, label: str) -> float:
    found = (about.get(of) or {}).get(label, {}).get("confidence")
    return 1.0 if found is None else float(found)


def rows_table(rows: list[dict], number: int | None = None, at: datetime | None = None):
    """Return label rows as an Arrow table, with the release's number and time where given."""
    import pyarrow as pa

    schema = pa.schema([(c, getattr(pa, kind)()) for c, kind in _COLUMNS.items()])
    table = pa.table([[r.get(c) for r in rows] for c in _COLUMNS], schema=schema)
    if number is None:
        return table
    table = table.append_column("release", pa.array([number] * len(rows), pa.int64()))
    return table.append_column("released_at", pa.array([at] * len(rows), pa.timestamp("us", tz="UTC")))


def _items_table(ws, collection, found: dict[int, Settled], number: int, at: datetime):
    """One row per item: its class, its regions by label, its answers; to learn from, and to publish as features."""
    import pyarrow as pa

    images = [i for i in list_images(ws, collection.id) if i.id in found]
    documents = [found[i.id].document for i in images]
    columns: dict[str, pa.Array] = {
        "item": pa.array([i.id for i in images], pa.int64()),
        "name": pa.array([i.file_name for i in images], pa.string()),
        "released_at": pa.array([at] * len(images), pa.timestamp("us", tz="UTC")),
        "release": pa.array([number] * len(images), pa.int64()),
        "label": pa.array([d["classes"][0] if d["classes"] else None for d in documents], pa.string()),
        "labels": pa.array(["|".join(d["classes"]) or None for d in documents], pa.string()),
        "confidence": pa.array([_least_sure(d) for d in documents], pa.float64()),
        "annotators": pa.array([found[i.id].people for i in images], pa.int64()),
        "regions": pa.array([len(d["regions"]) for d in documents], pa.int64()),
    }
    counts = [Counter(r["label"] for r in d["regions"]) for d in documents]
    used = {label for c in counts for label in c}
    labels = [c["name"] for c in collection.classes if c["name"] in used]
    for label in [*labels, *sorted(used - set(labels))]:
        columns[_free(f"count {label}", columns)] = pa.array([c[label] for c in counts], pa.int64())
    for field in dict.fromkeys(f for d in documents for f in d.get("fields", {})):
        values = [as_text(d["fields"][field]) if field in d.get("fields", {}) else None for d in documents]
        columns[_free(f"answer {field}", columns)] = pa.array(values, pa.string())
    return pa.table(columns)


def _least_sure(document: dict) -> float:
    about = (document.get("extra") or {}).get("consensus") or {}
    sure = [float(r.get("score", 1.0)) for r in document["regions"]]
    sure += [_sure(about, "classes", c) for c in document["classes"]]
    return min(sure, default=1.0)


def _free(name: str, taken: dict) -> str:
    """Names of columns are told apart without case, as databases do."""
    known, free, n = {t.lower() for t in taken}, name, 2
    while free.lower() in known:
        free, n = f"{name} {n}", n + 1
    return free


def _counts(found: dict[int, Settled]) -> dict:
    documents = [h.document for h in found.values()]
    return {
        "items": len(found),
        "empty": sum(is_empty(d) for d in documents),
        "regions": dict(sorted(Counter(r["label"] for d in documents for r in d["regions"]).items())),
        "shapes": dict(sorted(Counter(r["shape"] for d in documents for r in d["regions"]).items())),
        "classes": dict(sorted(Counter(c for d in documents for c in d["classes"]).items())),
        "sources": dict(sorted(Counter(h.source for h in found.values()).items())),
    }


# -- what differs ---------------------------------------------------------------------------------------------------


def diff(ws, name: str | int, a: int, b: int | str | None = NOW) -> dict:
    """Return what differs between release `a` and release `b` (or the labels of now).

    Regions are told by where they are: one of the same label at nearly the same place was moved, one at the same place
    with another label relabelled, one with other text, attributes or track edited. Confidence is no difference.

    Returns:
        `items` {added, removed, changed} as names; `totals` of regions added, removed, moved, relabelled and edited, of
        classes added and removed, of answers changed; `changes` the same per item, with the regions themselves;
        `classes` {added, removed} of the label list.
    """
    collection = get_collection(ws, name, counts=False)
    old = released(ws, collection.id, int(a))
    if b in (NOW, None):
        new = json.loads(_content(ws, collection, settled(ws, collection.id)))
    else:
        new = released(ws, collection.id, int(b))
    before, after = ({i["item"]: i for i in whole["items"]} for whole in (old, new))
    changes = []
    totals: Counter = Counter({k: 0 for k in (*_REGION_KINDS, "classes_added", "classes_removed", "fields")})
    for item in sorted(before.keys() | after.keys()):
        one, two = (side.get(item, {}).get("document") or {"regions": [], "classes": []} for side in (before, after))
        found = _document_diff(one, two)
        if any(found.values()):
            title = (after.get(item) or before[item])["name"]
            changes.append({"item": item, "name": title, **found})
            totals.update({k: len(v) for k, v in found.items()})
    names = [{c["name"] for kind in ("classes", "image_classes") for c in whole[kind]} for whole in (old, new)]
    both = before.keys() & after.keys()
    return {
        "collection": collection.name,
        "a": int(a),
        "b": NOW if b in (NOW, None) else int(b),
        "items": {
            "added": [after[i]["name"] for i in sorted(after.keys() - both)],
            "removed": [before[i]["name"] for i in sorted(before.keys() - both)],
            "changed": [c["name"] for c in changes if c["item"] in both],
        },
        "totals": dict(totals),
        "classes": {"added": sorted(names[1] - names[0]), "removed": sorted(names[0] - names[1])},
        "changes": changes,
    }


_REGION_KINDS = ("added", "removed", "moved", "relabelled", "edited")


def _document_diff(one: dict, two: dict) -> dict:
    found: dict[str, list] = {k: [] for k in _REGION_KINDS}
    left, right = list(one["regions"]), list(two["regions"])
    places: dict[str, list[dict]] = {}
    for region in left:
        places.setdefault(_place(region), []).append(region)
    left, rest = [], []
    for region in right:  # exactly where one of this label was: the same region, whatever its number
        if mine := places.get(_place(region)):
            same = next((r for r in mine if _said(r) == _said(region)), mine[0])
            mine.remove(same)
            if _said(same) != _said(region):
                found["edited"].append({"before": same, "after": region})
        else:
            rest.append(region)
    left = [r for mine in places.values() for r in mine]
    for kind, least, same_label in (("moved", SAME_PLACE, True), ("relabelled", SAME_THING, False)):
        pairs = matched(left, rest, least, same_label=same_label)
        found[kind] = [{"before": left[i], "after": rest[j]} for i, j, _ in sorted(pairs)]
        gone, come = {i for i, *_ in pairs}, {j for _, j, _ in pairs}
        left = [r for i, r in enumerate(left) if i not in gone]
        rest = [r for j, r in enumerate(rest) if j not in come]
    found["removed"], found["added"] = left, rest
    found["classes_added"] = [c for c in two["classes"] if c not in one["classes"]]
    found["classes_removed"] = [c for c in one["classes"] if c not in two["classes"]]
    mine, theirs = one.get("fields", {}), two.get("fields", {})
    names = [n for n in dict.fromkeys([*mine, *theirs]) if mine.get(n) != theirs.get(n)]
    found["fields"] = [{"name": n, "before": mine.get(n), "after": theirs.get(n)} for n in names]
    return found


def _place(region: dict) -> str:
    return json.dumps([region["label"], region["shape"], region_row(region)["geometry"]])


def _said(region: dict) -> dict:
    return {k: region.get(k) for k in ("text", "attributes", "track")}


# -- out again ------------------------------------------------------------------------------------------------------


def export_release(
    ws,
    name: str | int,
    number: int,
    path: Path | str,
    format: str,
    *,
    task: str = "",
    attribute: str = "",
    with_images: bool = False,
    on_warning: Callable[[str], None] | None = None,
) -> Path:
    """Write a release as a label file, as `transfer.export_labels` writes the present labels; return the path."""
    from labeling.formats.model import FileAnswer, FileImage, LabelFile
    from labeling.transfer import export_labels

    made = get_release(ws, name, number)
    whole = released(ws, name, number)
    here = {i.id: i for i in list_images(ws, name)}
    labels = LabelFile(
        made.collection, whole["classes"], whole["image_classes"], extra=get_collection(ws, name, counts=False).extra
    )
    for entry in whole["items"]:
        image = here.get(entry["item"])
        answer = FileAnswer(entry["document"], f"release {number}", at=made.at.astimezone(UTC))
        labels.images.append(
            FileImage(
                entry["name"], entry["width"], entry["height"],
                image.source if image and "://" in image.source else "",  # paths on this machine stay here
                image.extra if image else {}, [answer], kind=entry["kind"], data=image.data if image else {},
            )
        )  # fmt: skip
    return export_labels(
        ws, made.collection, path, format,
        task=task, attribute=attribute, with_images=with_images, on_warning=on_warning, labels=labels,
    )  # fmt: skip
