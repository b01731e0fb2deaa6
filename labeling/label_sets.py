"""Label sets: consolidated answers of a collection kept as a dataset, one row per region, class or field."""

from __future__ import annotations

from labeling.annotations import current_documents
from labeling.collections import get_collection
from labeling.consensus.boxes import LEAST_ALIKE
from labeling.consolidation import consolidate
from labeling.releases import label_rows
from transforms.errors import Conflict, InputError
from workspace.schema.base import now
from workspace.schema.labels import LabelSet

# column: what it is called in label rows, and its type
_COLUMNS = {
    "file": ("name", "string"), "width": ("width", "int32"), "height": ("height", "int32"), "kind": ("kind", "string"),
    "label": ("label", "string"), "x": ("x", "float64"), "y": ("y", "float64"), "w": ("w", "float64"),
    "h": ("h", "float64"), "score": ("score", "float64"), "annotators": ("annotators", "int32"),
    "text": ("text", "string"), "geometry": ("geometry", "string"),
}  # fmt: skip


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
    answers = current_documents(ws, name, kind="person")
    documents = consolidate(ws, name, least_iou, quorum, method=method, gold=gold, groups=answers)
    if not documents:
        raise Conflict(f"Nobody has labelled an image of {name!r} yet.", hint="Label some images first.")
    rows = label_rows(ws, collection.id, {i: (d, len(answers[i])) for i, d in documents.items()})
    for row in rows:
        if row["kind"] == "box" and not row.get("rotation"):
            row["geometry"] = None  # x, y, w and h say it all
    schema = pa.schema([(name, getattr(pa, kind)()) for name, (_, kind) in _COLUMNS.items()])
    table = pa.table([[row.get(source) for row in rows] for source, _ in _COLUMNS.values()], schema=schema)
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
