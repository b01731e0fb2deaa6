"""Two versions of a group side by side: how the values differ (one aggregate query per version), and the recipes."""

from __future__ import annotations

from featurestore.store import FeatureStore
from transforms import Recipe, Step
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
            f"least(approx_count_distinct({name}), count({name}))",
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
    """Return one row per feature of either version: `feature`, `change` (new, gone, same, differs) and both summaries; same ones last."""
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
    return sorted(rows, key=lambda row: row["change"] == "same")


def recipe_changes(fs: FeatureStore, group: str, left: int, right: int) -> list[str] | None:
    """Return one sentence per step that differs between the recipes of two versions; None if one was made without."""
    sources = {v["version"]: v["source"] or {} for v in fs.describe(group)["versions"]}
    recipes = [sources[number].get("fitted_recipe") for number in (left, right)]
    if None in recipes:
        return None
    numbered = (enumerate(Recipe.from_dict(recipe).steps, start=1) for recipe in recipes)
    before, after = ({step.id: (place, step) for place, step in steps} for steps in numbered)
    said = []
    for key in dict.fromkeys([*before, *after]):
        if key not in after:
            said.append(f"{_where(*before[key])} was taken out.")
        elif key not in before:
            said.append(f"{_where(*after[key])} is new: {_settings(after[key][1])}.")
        else:
            said += _step_changes(*after[key], before[key][1])
    return said


def _where(place: int, step: Step) -> str:
    return f'Step {place} "{step.label()}"'


def _step_changes(place: int, new: Step, old: Step) -> list[str]:
    where = _where(place, new)
    if new.transform != old.transform:
        return [f'{where} takes the place of "{old.label()}".']
    if new.enabled != old.enabled:
        return [f"{where} was switched {'on' if new.enabled else 'off'}."]
    changed = [k for k in dict.fromkeys([*old.settings, *new.settings]) if old.settings.get(k) != new.settings.get(k)]
    return [f"{where}: {k} was {_short(old.settings.get(k))} and is {_short(new.settings.get(k))}." for k in changed]


def _settings(step: Step) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in step.settings.items()) or "no settings"


def _short(value) -> str:
    said = ", ".join(map(str, value)) if isinstance(value, list) else "not set" if value is None else str(value)
    return said if len(said) <= 80 else f"{said[:77]}…"
