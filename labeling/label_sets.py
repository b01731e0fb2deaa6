"""Label sets: consolidated answers of a collection kept as a dataset, one row per box or class."""

from __future__ import annotations

from labeling.annotations import current_documents
from labeling.collections import get_collection, list_images
from labeling.consolidation import consolidate
from transforms.errors import Conflict, InputError
from workspace.schema.base import now
from workspace.schema.labels import LabelSet


def write_label_set(ws, name: str, dataset: str | None = None, least_iou: float = 0.5, quorum: float = 0.5):
    """Consolidate a collection and write the result as a version of a dataset; return that version.

    Columns: file, width, height, kind ("box", "class", or "none" for an image that people left empty), label, x, y, w, h
    (pixels, null for classes), score (share of people who said so), annotators (people who answered). The same answers
    give the same version.

    Raises:
        Conflict: nobody has answered yet.
    """
    import pyarrow as pa

    if not 0 < quorum <= 1 or not 0 < least_iou <= 1:
        raise InputError("Quorum and IoU are shares above 0 and at most 1.")
    collection = get_collection(ws, name)
    documents = consolidate(ws, name, least_iou, quorum)
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
        for box in document["boxes"]:
            sides = {side: float(box[side]) for side in "xywh"}
            rows.append(base | {"kind": "box", "label": box["label"], "score": box.get("score", 1.0)} | sides)
        said = [set(a.document["classes"]) for a in answers[image.id]]
        for label in document["classes"]:
            rows.append(base | {"kind": "class", "label": label, "score": sum(label in s for s in said) / len(said)})
        if not document["boxes"] and not document["classes"]:
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
        + [("annotators", pa.int32())]
    )
    columns = {
        f.name: [float(r[f.name]) if f.name in floats and r.get(f.name) is not None else r.get(f.name) for r in rows]
        for f in schema
    }
    table = pa.table(columns, schema=schema)
    revisions = {str(i): {a.annotator: a.revision for a in group} for i, group in sorted(answers.items())}
    method = {"boxes": "mean of IoU clusters", "classes": "majority", "least_iou": least_iou, "quorum": quorum}
    version = ws.datasets.write(
        dataset or f"{collection.name} labels",
        table,
        lineage={"kind": "labels", "collection": collection.name, "method": method, "revisions": revisions},
    )
    with ws.session() as session:
        session.add(
            LabelSet(
                collection_id=collection.id,
                dataset=version.name,
                dataset_version=version.version,
                method="mean of IoU clusters, majority",
                detail=method,
                created_at=now(),
            )  # fmt: skip
        )
    ref = f"{version.name}@{version.version}"
    ws.lineage.add("collection", collection.name, "dataset", ref, "consolidate")
    ws.audit.record("collection.consolidate", collection.name, {"dataset": ref, "rows": len(rows)})
    return version
