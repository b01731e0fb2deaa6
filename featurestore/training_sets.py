"""Training sets: labels with the features that were known at each label's time, and the lineage to make them again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featurestore import catalog, intake, point_in_time, views
from featurestore.encoding import from_microseconds
from featurestore.groups import Group, ttl_microseconds
from featurestore.views import View
from transforms.errors import InputError
from workspace import Workspace

if TYPE_CHECKING:
    from workspace.datasets import DatasetVersion
    from workspace.runs import RunHandle

MANIFEST = b"tilth_training_set"  # key in the Arrow schema of a training set


def manifest_of(table) -> dict | None:
    """Return the manifest of a training set (features, exact group versions, as_of), or None."""
    raw = (table.schema.metadata or {}).get(MANIFEST)
    return json.loads(raw) if raw else None


def make(
    ws: Workspace,
    labels,
    view: View,
    time: str,
    *,
    as_of_us: int | None,
    per_feature: bool,
    join_keys: Mapping[str, Mapping[str, str]] | None,
    ttl: Mapping[str, object] | None,
    handle: RunHandle | None,
):
    """Return the training set as an Arrow table with its manifest; arguments as in `FeatureStore.training_set`."""
    table, from_pandas, label_source = _labels(ws, labels)
    if time not in table.column_names:
        raise InputError(f"The labels have no column {time!r}.", hint=f"They have: {', '.join(table.column_names)}.")
    planned = plan(ws, view, table.column_names, join_keys, ttl)
    groups, wanted = planned.groups, planned.wanted
    result = point_in_time.join(
        ws.root,
        table,
        wanted,
        time,
        as_of_us=as_of_us,
        per_feature=per_feature,
        from_pandas=from_pandas,
        handle=handle,
    )
    columns = {f"{w.group.name}:{f.name}": n for w in wanted for f, n in zip(w.features, w.names, strict=True)}
    result = _at_the_read(view, result, table.column_names, columns)
    manifest = {
        "features": list(view.features),
        "view": view.ref if view.name else None,
        "columns": columns,
        "groups": {g.name: {"version": g.version, "definition_version": g.definition_version} for g in groups.values()},
        "labels": label_source,
        "time": time,
        "as_of": from_microseconds(as_of_us).isoformat() if as_of_us is not None else None,
        "known_at": from_microseconds(max((g.last_written_at for g in groups.values()), default=0)).isoformat(),
        "per_feature": per_feature,
        "ttl_seconds": {ref: us / 1_000_000 for ref, us in planned.ttls.items()},
        "join_keys": {group: dict(keys) for group, keys in planned.join_keys.items()},
        "rows": table.num_rows,
    }
    return result.replace_schema_metadata({**(result.schema.metadata or {}), MANIFEST: json.dumps(manifest)})


@dataclass(frozen=True)
class Plan:
    """What a training set takes from which groups, all as the catalog says at one moment."""

    groups: Mapping[str, Group]
    wanted: Sequence[point_in_time.Wanted]
    ttls: Mapping[str, int]
    join_keys: Mapping[str, Mapping[str, str]]


def plan(ws: Workspace, view: View, columns: Sequence[str], join_keys, ttl) -> Plan:
    """Return the plan for labels with these columns; raises for unknown features and missing keys."""
    with ws.reading() as session:  # one moment for all groups
        groups = {name: catalog.group_named(session, name) for name in view.group_names()}
    for group in groups.values():
        if not group.offline:
            raise InputError(f"Group {group.name!r} keeps no history.", hint="Make a group with offline=True.")
    ttls = {**view.ttl, **{ref: us for ref, text in (ttl or {}).items() if (us := ttl_microseconds(text))}}
    joined_by = {**view.join_keys, **(join_keys or {})}
    return Plan(groups, point_in_time.choose(view.features, groups, columns, joined_by, ttls), ttls, joined_by)


def _labels(ws: Workspace, labels) -> tuple:
    """Return labels as an Arrow table, whether pandas made it, and where it comes from."""
    if not intake.needs_reading(labels):
        return intake.as_arrow(labels), type(labels).__module__.startswith("pandas"), {}
    with intake.opened(ws, labels) as batch:
        return batch.con.sql("SELECT * FROM batch").to_arrow_table(), False, batch.source


def _at_the_read(view: View, result, label_columns: Sequence[str], columns: Mapping[str, str]):
    """Return a training set with a view's defaults and on-demand columns, as an online read has them."""
    names = view.names()
    here = {names.get(ref, ref): column for ref, column in columns.items()}  # name in the view → column here
    result = views.with_defaults(result, view.defaults, here)
    if view.recipe is None:
        return result
    if missing := [c for c in view.request if c not in label_columns]:
        raise InputError(
            f"View {view.name!r} needs the columns {missing} of the request.", hint="Add them to the labels."
        )
    made = views.on_demand(view, result, {**{c: c for c in view.request}, **here})
    whole = result.select(label_columns)
    for name in views.outputs(view, made.column_names):
        shown = name if name not in label_columns else f"{view.name}:{name}"
        column = made.column(name) if name in made.column_names else result.column(here[name])
        whole = whole.append_column(shown, column)
    return whole


def save(ws: Workspace, name: str, table) -> DatasetVersion:
    """Write a training set as the next version of a dataset, with lineage to groups, labels and view."""
    manifest = manifest_of(table)
    sources = [("feature_group", f"{group}@{at['version']}") for group, at in manifest["groups"].items()]
    sources += [("dataset", manifest["labels"]["dataset"])] if manifest["labels"].get("dataset") else []
    sources += [("feature_view", manifest["view"])] if manifest["view"] else []
    lineage = {
        "from": [{"kind": kind, "ref": ref} for kind, ref in sources],
        "how": "training set",
        "training_set": manifest,
    }
    return ws.datasets.write(name, table.replace_schema_metadata(None), lineage=lineage)


def made_from(ws: Workspace, ref: str) -> dict[str, Any]:
    """Return the arguments of `FeatureStore.training_set` that make a saved training set again."""
    manifest = ws.datasets.get(ref).lineage.get("training_set")
    if not manifest:
        raise InputError(f"Dataset {ref!r} is no training set.", hint="Save one with save_training_set.")
    if not manifest["labels"].get("dataset"):
        raise InputError(
            f"The labels of {ref!r} were not a dataset, so they are not known any more.",
            hint="Save the labels as a dataset first; then training sets can be made again.",
        )
    return {
        "labels": manifest["labels"]["dataset"],
        "features": manifest["view"] or manifest["features"],
        "time": manifest["time"],
        "as_of": manifest["as_of"] or manifest["known_at"],
        "per_feature": manifest["per_feature"],
        "join_keys": manifest["join_keys"],
        "ttl": {feature: f"{seconds}s" for feature, seconds in manifest["ttl_seconds"].items()},
    }
