"""Two versions of a group side by side: how each feature's values differ. One aggregate query per version."""

from __future__ import annotations

from featurestore.store import FeatureStore
from workspace import sql as q


def summary(fs: FeatureStore, group: str, version: int) -> dict[str, dict]:
    """Return per feature `missing` (share, 0 to 1), `distinct` (approximate), `min`, `max`, `mean` (text), and under "" the `rows`.

    Describes the rows that this version added, deletes left out.
    """
    definition = {d["version"]: d["features"] for d in fs.describe(group)["definitions"]}
    publication = next(v for v in fs.describe(group)["versions"] if v["version"] == version)
    features = definition[publication["definition_version"]]
    parts = ["count(*)"]
    for feature in features:
        name = q.ident(feature["name"])
        ordered = feature["type"] != "list<float>"
        mean = f"CAST(round(avg({name}), 6) AS VARCHAR)" if feature["type"] in ("int64", "float64") else "NULL"
        parts += [
            f"avg(CASE WHEN {name} IS NULL THEN 1.0 ELSE 0.0 END)",
            f"approx_count_distinct({name})",
            f"CAST(min({name}) AS VARCHAR)" if ordered else "NULL",
            f"CAST(max({name}) AS VARCHAR)" if ordered else "NULL",
            mean,
        ]
    rows = f"SELECT * FROM ({fs.sql(group, version)}) WHERE version = {int(version)} AND NOT is_deleted"
    with q.connection() as con:
        found = con.execute(f"SELECT {', '.join(parts)} FROM ({rows})").fetchall()[0]
    measures = ("missing", "distinct", "min", "max", "mean")
    described = {
        feature["name"]: dict(zip(measures, found[1 + 5 * i : 6 + 5 * i], strict=True))
        for i, feature in enumerate(features)
    }
    return {"": {"rows": found[0]}} | described


def side_by_side(fs: FeatureStore, group: str, left: int, right: int) -> list[dict]:
    """Return one row per feature of either version: `feature`, `change` (new, gone, same, differs) and both summaries."""
    one, other = summary(fs, group, left), summary(fs, group, right)
    rows = []
    for name in dict.fromkeys([*one, *other]):
        if not name:
            continue
        a, b = one.get(name), other.get(name)
        change = "new" if a is None else "gone" if b is None else "same" if a == b else "differs"
        row = {"feature": name, "change": change}
        for measure in ("missing", "distinct", "mean", "min", "max"):
            row[f"{measure} (v{left})"] = a[measure] if a else None
            row[f"{measure} (v{right})"] = b[measure] if b else None
        rows.append(row)
    return rows
