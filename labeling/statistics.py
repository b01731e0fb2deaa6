"""Figures about a collection's labels, of one collection or of two side by side, and labels that are probably wrong.

Regions and classes are counted in the label that holds for each item (gold, else people's answers together, else a
model's proposal), each thing once however many people drew it.
"""

from __future__ import annotations

from collections.abc import Callable

from labeling.annotations import current_documents
from labeling.collections import get_collection, list_images
from labeling.documents import boxes
from labeling.label_tables import label_connection
from labeling.settled import settled
from labeling.suggest import stats
from transforms.errors import InputError

GRID = 8  # cells of the heat map on each side
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST = 100  # rows of the lists
LEAST_FOR_CLASSES = 20  # labelled items from which classes can be checked
_SPREAD = "list_transform(quantile_cont({value}, {q}), lambda v: round(v, 6))"


def statistics(ws, name: str | int) -> dict:
    """Return everything that `labeling.suggest.stats` counts, and what there is to know about the labels.

    Returns:
        Besides the counts: `labels` of {label, shape, count, items, share, confidence, area_share, aspect} (the last
        two as quantiles 5, 25, 50, 75 and 95 % of the regions' share of the picture and of width ÷ height; shape is
        "class" for what is said of whole items); `per_item` {items, mean, median, most} regions of labelled items;
        `together` of {a, b, items}; `balance` of regions and of classes {labels, ratio, evenness} (most ÷ least
        frequent; entropy from 0 to 1); `heat`, an 8 × 8 grid of region centres, top row first; `people` of {name, kind,
        items, regions, median_seconds, per_hour, first, last}; `agreement` {items, mean, least}; `empty`, items that
        people left empty; `shapes` counts.
    """
    collection = get_collection(ws, name, counts=False)
    con = label_connection(ws, collection.id, ("items", "answers", "regions", "consensus", "agreement"))
    try:

        def rows(query: str) -> list[dict]:
            relation = con.sql(query)
            return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]

        spread = {v: _SPREAD.format(value=v, q=list(QUANTILES)) for v in ("area_share", "aspect")}
        labels = rows(
            "WITH c AS (SELECT c.*, area / nullif(i.width * i.height, 0) AS area_share, w / nullif(h, 0) AS aspect "
            "FROM consensus c JOIN items i ON i.item = c.item WHERE shape <> 'field') "
            "SELECT label, shape, count(*) AS count, count(DISTINCT item) AS items, "
            "round(count(*) / sum(count(*)) OVER (PARTITION BY shape = 'class'), 6) AS share, "
            f"round(avg(confidence), 4) AS confidence, {spread['area_share']} AS area_share, "
            f"{spread['aspect']} AS aspect FROM c GROUP BY label, shape "
            "ORDER BY shape = 'class', count DESC, label, shape"
        )
        per_item = rows(
            "WITH n AS (SELECT i.item, count(c.region) AS n FROM (SELECT DISTINCT item FROM answers WHERE revision > 0 "
            "UNION SELECT item FROM items WHERE gold) i LEFT JOIN consensus c ON c.item = i.item GROUP BY i.item) "
            "SELECT count(*) AS items, round(avg(n), 4) AS mean, median(n) AS median, max(n) AS most FROM n"
        )[0]
        together = rows(
            "WITH l AS (SELECT DISTINCT item, label FROM consensus WHERE shape <> 'field') "
            "SELECT a.label AS a, b.label AS b, count(*) AS items FROM l a JOIN l b ON a.item = b.item "
            f"AND a.label < b.label GROUP BY a.label, b.label ORDER BY items DESC, a, b LIMIT {MOST}"
        )
        cells = con.execute(
            f"SELECT least({GRID - 1}, greatest(0, CAST(floor((y + h / 2) / height * {GRID}) AS INT))) AS r, "
            f"least({GRID - 1}, greatest(0, CAST(floor((x + w / 2) / width * {GRID}) AS INT))) AS c, count(*) "
            "FROM consensus JOIN items USING (item) WHERE x IS NOT NULL AND width > 0 AND height > 0 GROUP BY r, c"
        ).fetchall()
        people = rows(
            "WITH r AS (SELECT item, annotator, count(*) AS n FROM regions GROUP BY item, annotator) "
            "SELECT a.annotator AS name, any_value(a.kind) AS kind, count(*) FILTER (revision > 0) AS items, "
            "coalesce(sum(r.n), 0)::BIGINT AS regions, round(median(active_seconds) FILTER (active_seconds > 0), 1) AS "
            "median_seconds, round(3600 * count(*) FILTER (active_seconds > 0) / sum(active_seconds) FILTER "
            '(active_seconds > 0), 1) AS per_hour, min(a."at") AS first, max(a."at") AS last '
            "FROM answers a LEFT JOIN r ON r.item = a.item AND r.annotator = a.annotator "
            "GROUP BY a.annotator ORDER BY a.annotator"
        )
        agreed = rows("SELECT count(*) AS items, round(avg(agreement), 4) AS mean FROM agreement")[0]
        agreed["least"] = rows(
            "SELECT g.item, i.name, round(g.agreement, 4) AS agreement, g.people FROM agreement g JOIN items i "
            "ON i.item = g.item ORDER BY g.agreement, i.rowid LIMIT 10"
        )
        empty = con.execute(
            "SELECT count(DISTINCT item) FROM answers WHERE revision > 0 AND kind = 'person' AND item NOT IN "
            "(SELECT item FROM consensus)"
        ).fetchall()[0][0]
    finally:
        con.close()
    heat = [[0] * GRID for _ in range(GRID)]
    for row, column, count in cells:
        heat[row][column] = count
    regions = [r for r in labels if r["shape"] != "class"]
    return stats(ws, collection.id) | {
        "labels": labels,
        "shapes": _sums(regions, "shape"),
        "per_item": per_item,
        "together": together,
        "balance": {
            "regions": _balance(_sums(regions, "label")),
            "classes": _balance(_sums([r for r in labels if r["shape"] == "class"], "label")),
        },
        "heat": heat,
        "people": people,
        "agreement": agreed,
        "empty": empty,
    }


def _sums(rows: list[dict], by: str) -> dict[str, int]:
    out: dict[str, int] = {}
    for row in rows:
        out[row[by]] = out.get(row[by], 0) + row["count"]
    return out


def _balance(counts: dict[str, int]) -> dict:
    """How evenly labels are used: most ÷ least frequent, and Shannon's entropy as a share of the greatest possible."""
    import math

    total = sum(counts.values())
    shares = [n / total for n in counts.values()]
    entropy = -sum(p * math.log(p) for p in shares)
    return {
        "labels": len(counts),
        "ratio": round(max(counts.values()) / min(counts.values()), 4) if counts else None,
        "evenness": round(entropy / math.log(len(counts)), 4) if len(counts) > 1 else None,
    }


def compare(ws, a: str | int, b: str | int) -> dict:
    """Return the statistics of two collections and, side by side, how often each uses every label.

    Returns:
        `a`, `b` as `statistics` gives them, and `labels` of {label, shape, a, b, a_share, b_share, difference} (shares
        of all regions, or of all classes), the greatest difference first.
    """
    one, two = statistics(ws, a), statistics(ws, b)
    mine, theirs = ({(r["label"], r["shape"]): r for r in s["labels"]} for s in (one, two))
    rows = []
    for key in mine.keys() | theirs.keys():
        left, right = ({"count": 0, "share": 0.0} | side.get(key, {}) for side in (mine, theirs))
        row = {"label": key[0], "shape": key[1], "a": left["count"], "b": right["count"]}
        row |= {"a_share": left["share"], "b_share": right["share"]}
        rows.append(row | {"difference": round(right["share"] - left["share"], 6)})
    rows.sort(key=lambda r: (-abs(r["difference"]), r["label"], r["shape"]))
    return {"a": one, "b": two, "labels": rows}


def suspects(
    ws, name: str | int, *, most: int = MOST, progress: Callable[[float, str], None] | None = None
) -> list[dict]:
    """Return labels of people that are probably wrong, worst first, as {item, name, issue, label, suggested, score}.

    Boxes are compared with the newest model's answer for the same item, where there is one (see
    `labeling.consensus.label_errors`). Classes of pictures or texts (one per item) are compared with what a plain
    classifier says that has not seen the item, from 20 labelled items on.
    """
    if most < 1:
        raise InputError("At least one suspect must be asked for.")
    found = _suspected_boxes(ws, name) + _suspected_classes(ws, name, progress)
    found.sort(key=lambda r: (r["score"], r["item"]))
    return found[:most]


def _suspected_boxes(ws, name: str | int) -> list[dict]:
    from labeling.consensus.label_errors import suspected_boxes

    groups = current_documents(ws, name)
    held = settled(ws, name, groups=groups)
    names = {i.id: i.file_name for i in list_images(ws, name)}
    out = []
    for item, group in groups.items():
        models = [a for a in group if a.kind == "model" and boxes(a.document)]
        if not models or item not in held or held[item].source == "model":
            continue
        newest = max(models, key=lambda a: a.at.timestamp() if a.at else 0.0)
        upright = [[b for b in boxes(d) if not b.get("rotation")] for d in (held[item].document, newest.document)]
        for issue in suspected_boxes(*upright):
            row = {"item": item, "name": names[item], "issue": issue["issue"], "score": round(issue["score"], 4)}
            row["label"] = issue["box"]["label"] if issue["box"] else None
            out.append(row | {"suggested": issue["suggested"]})
    return out


def _suspected_classes(ws, name: str | int, progress) -> list[dict]:
    import numpy as np

    from labeling.autolabel.models import features_of
    from labeling.consensus.label_errors import suspected_labels

    said = {
        item: held.document["classes"][0]
        for item, held in settled(ws, name).items()
        if held.source != "model" and len(held.document["classes"]) == 1
    }
    items = [i for i in list_images(ws, name) if i.id in said and (i.kind != "image" or i.shown)]
    if len({i.kind == "image" for i in items}) != 1 or len(items) < LEAST_FOR_CLASSES:
        return []
    ids, features, _ = features_of(ws, items, progress)
    labels = np.asarray([said[i] for i in ids])
    known, counts = np.unique(labels, return_counts=True)
    kept = np.isin(labels, known[counts >= 2])
    if len(np.unique(labels[kept])) < 2:
        return []
    labels, ids = labels[kept], [i for i, k in zip(ids, kept, strict=True) if k]
    chances, classes = _held_out(features[kept], labels)
    names = {i.id: i.file_name for i in items}
    return [
        {
            "item": ids[s["index"]], "name": names[ids[s["index"]]], "issue": "class", "label": str(s["label"]),
            "suggested": s["suggested"], "score": round(s["score"], 4),
        }
        for s in suspected_labels(labels.tolist(), chances, classes)
    ]  # fmt: skip


def _held_out(features, labels):
    """Return chances of every class from a model that has not seen the item, and the classes."""
    import warnings

    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    classes, counts = np.unique(labels, return_counts=True)
    folds = StratifiedKFold(int(min(5, counts.min())), shuffle=True, random_state=0)
    features = features.toarray() if hasattr(features, "toarray") else np.asarray(features)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "did not converge": a rough model is enough to contradict
        chances = cross_val_predict(model, features, labels, cv=folds, method="predict_proba")
    return chances, classes.tolist()
