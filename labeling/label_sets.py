"""Label sets: consolidated answers of a collection kept as a dataset, one row per region, class or field."""

from __future__ import annotations

import json

from labeling.annotations import current_documents
from labeling.collections import get_collection, list_images
from labeling.consensus.boxes import LEAST_ALIKE
from labeling.consolidation import consolidate
from labeling.documents import is_empty
from labeling.shapes import bounds
from transforms.errors import Conflict, InputError
from workspace.schema.base import now
from workspace.schema.labels import LabelSet


def write_label_set(
    ws,
    name: str,
    dataset: str | None = None,
    least_iou: float = LEAST_ALIKE,
    quorum: float | None = None,
    *,
    method: str = "auto",
    gold: dict[int, dict] | None = None,
):
    """Consolidate a collection and write the result as a version of a dataset; return that version.

    Columns: file, width, height, kind (the shape of a region, "class", "field", or "none" for an item that people left
    empty), label, x, y, w, h (pixels of the upright rectangle, null where there is none), score (confidence; see
    `labeling.consolidation`; 1 where one person answered), annotators (people who answered), text (what is written, or the
    answer of a field) and geometry (JSON, of regions that are not upright boxes). The same answers give the same version.

    Raises:
        Conflict: nobody has answered yet.
    """
    import pyarrow as pa

    if (quorum is not None and not 0 < quorum <= 1) or not 0 < least_iou <= 1:
        raise InputError("Quorum and IoU are shares above 0 and at most 1.")
    collection = get_collection(ws, name)
    documents = consolidate(ws, name, least_iou, quorum, method=method, gold=gold)
    if not documents:
        raise Conflict(f"Nobody has labelled an image of {name!r} yet.", hint="Label some images first.")
    answers = current_documents(ws, name, kind="person")
    rows = []
    for image in list_images(ws, name):
        if image.id not in documents:
            continue
        base = {"file": image.file_name, "width": image.width, "height": image.height}
        base["annotators"] = len(answers[image.id])
        document = documents[image.id]
        about = document.get("extra", {}).get("consensus", {})
        rows += [base | _region_row(region) for region in document["regions"]]
        for label in document["classes"]:
            sure = about.get("classes", {}).get(label, {}).get("confidence")
            rows.append(base | {"kind": "class", "label": label, "score": 1.0 if sure is None else sure})
        for label, value in document.get("fields", {}).items():
            sure = about.get("fields", {}).get(label, {}).get("confidence")
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            rows.append(base | {"kind": "field", "label": label, "score": 1.0 if sure is None else sure, "text": text})
        if is_empty(document):
            rows.append(base | {"kind": "none"})
    floats = ("x", "y", "w", "h", "score")
    schema = pa.schema(
        [
            ("file", pa.string()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("kind", pa.string()),
            ("label", pa.string()),
        ]
        + [(n, pa.float64()) for n in floats]
        + [("annotators", pa.int32()), ("text", pa.string()), ("geometry", pa.string())]
    )
    columns = {
        f.name: [float(r[f.name]) if f.name in floats and r.get(f.name) is not None else r.get(f.name) for r in rows]
        for f in schema
    }
    table = pa.table(columns, schema=schema)
    revisions = {str(i): {a.annotator: a.revision for a in group} for i, group in sorted(answers.items())}
    detail = {"regions": "median of clusters", "classes": method, "least_iou": least_iou, "quorum": quorum or "learnt"}
    version = ws.datasets.write(
        dataset or f"{collection.name} labels",
        table,
        lineage={"kind": "labels", "collection": collection.name, "method": detail, "revisions": revisions},
    )
    with ws.session() as session:
        session.add(
            LabelSet(
                collection_id=collection.id,
                dataset=version.name,
                dataset_version=version.version,
                method=f"{detail['regions']}, {method}",
                detail=detail,
                created_at=now(),
            )  # fmt: skip
        )
    ref = f"{version.name}@{version.version}"
    ws.lineage.add("collection", collection.name, "dataset", ref, "consolidate")
    ws.audit.record("collection.consolidate", collection.name, {"dataset": ref, "rows": len(rows)})
    return version


def _region_row(region: dict) -> dict:
    row = {
        "kind": region["shape"],
        "label": region["label"],
        "score": region.get("score", 1.0),
        "text": region.get("text"),
    }
    if region["shape"] != "span":
        row |= dict(zip("xywh", map(float, bounds(region)), strict=True))
    if region["shape"] != "box" or region.get("rotation"):
        names = ("points", "x", "y", "w", "h", "rx", "ry", "rotation", "rle", "start", "end")
        row["geometry"] = json.dumps({n: region[n] for n in names if n in region}, separators=(",", ":"))
    return row
