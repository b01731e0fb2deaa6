"""Looking at a training set before it is saved, and proving afterwards that it can be made again."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from featurestore import statistics, training_sets
from featurestore.point_in_time import NaiveTimeWarning
from featurestore.stopping import Steps
from featurestore.wire import as_json
from workspace import Workspace
from workspace import sql as q

if TYPE_CHECKING:
    from featurestore.store import FeatureStore
    from workspace.runs import RunHandle

SHOWN = 20
CHECKED = 50_000
SEED = 7


def preview(
    fs: FeatureStore,
    labels: str,
    features: Sequence[str] | str,
    time: str,
    label: str | None = None,
    *,
    as_of=None,
    join_keys: Mapping[str, Mapping[str, str]] | None = None,
    handle: RunHandle | None = None,
    most: int = CHECKED,
) -> dict:
    """Return the first rows of a training set and what is suspicious about it, as JSON values; nothing is saved.

    Args:
        labels: name or `name@version` of a dataset. Of more than `most` rows, the first and a random sample are taken.
        label: the column that a model is to predict.

    Returns:
        `rows` (the first 20), `checked` and `total` rows, `matches` and `findings` as `statistics` gives them.
    """
    dataset = fs.ws.datasets.get(labels)
    query = f"SELECT * FROM {dataset.sql()}"
    if dataset.rows > most:
        query = (
            f"SELECT * FROM ({query} LIMIT {SHOWN}) UNION ALL "
            f"SELECT * FROM ({query} USING SAMPLE reservoir({int(most)} ROWS) REPEATABLE ({SEED}))"
        )
    with q.connection() as con:
        steps = Steps(handle, con)
        steps.begin(0.02, "reading the labels")
        table = con.sql(query).to_arrow_table()
        steps.end()
    more = {"as_of": as_of, "join_keys": join_keys, "handle": handle}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NaiveTimeWarning)
        made = fs.training_set(table, features, time, **more)
    matched = statistics.matches(fs, table, features, time, **more)
    findings = statistics.leakage(fs, table, features, time, label, table=made, matched=matched, **more)
    return {
        "rows": as_json(made.slice(0, SHOWN).to_pylist()),
        "checked": table.num_rows,
        "total": dataset.rows,
        "matches": matched,
        "findings": findings,
    }


def save(
    fs: FeatureStore,
    name: str,
    labels: str,
    features: Sequence[str] | str,
    time: str,
    *,
    as_of=None,
    join_keys: Mapping[str, Mapping[str, str]] | None = None,
    handle: RunHandle | None = None,
) -> dict:
    """Save a training set as a dataset, and return its `ref`, `rows`, `new` and the `matches` of all its labels."""
    dataset = fs.ws.datasets.get(labels)
    more = {"as_of": as_of, "join_keys": join_keys, "handle": handle}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NaiveTimeWarning)
        with q.connection() as con:
            table = dataset.relation(con).to_arrow_table()
        made = fs.training_set(dataset, features, time, **more)
        matched = statistics.matches(fs, table, features, time, **more)
        if handle:
            handle.progress(0.9, "saving")
        done = training_sets.save(fs.ws, name, made)  # last, so that a cancel before it leaves nothing
    return {"ref": done.ref, "rows": done.rows, "new": done.is_new, "matches": matched}


def saved(ws: Workspace) -> list[dict]:
    """Return every dataset version that is a training set, newest first: `ref`, `rows`, `created_at`, `manifest`."""
    found = []
    for newest in ws.datasets.list():
        for version in ws.datasets.versions(newest.name):
            if manifest := version.lineage.get("training_set"):
                facts = {"ref": version.ref, "rows": version.rows, "created_at": version.created_at.isoformat()}
                found.append({**facts, "manifest": manifest})
    return sorted(found, key=lambda one: one["created_at"], reverse=True)


def make_again(fs: FeatureStore, ref: str, *, handle: RunHandle | None = None) -> dict:
    """Make a saved training set again from its lineage and compare it, cell by cell, with what was saved.

    Returns:
        `identical`, `rows` (saved, made again) and `differences`: a sentence per column that differs.
    """
    dataset = fs.ws.datasets.get(ref)
    if handle:
        handle.progress(0.05, "making it again")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NaiveTimeWarning)
        again = fs.rebuild_training_set(ref)
    with q.connection() as con:
        steps = Steps(handle, con)
        steps.begin(0.7, "comparing every cell")
        again = q.storable(con.from_arrow(again)).to_arrow_table()
        kept = dataset.relation(con).to_arrow_table()
        differences = _differences(con, kept, again)
        steps.end()
    return {"identical": not differences, "rows": [kept.num_rows, again.num_rows], "differences": differences}


def _differences(con, kept, again) -> list[str]:
    if kept.column_names != again.column_names:
        return [f"The columns were {', '.join(kept.column_names)} and are now {', '.join(again.column_names)}."]
    if kept.num_rows != again.num_rows:
        return [f"It had {kept.num_rows:,} rows and has now {again.num_rows:,}."]
    con.register("kept", kept)
    con.register("again", again)
    tests = [f"count(*) FILTER (a.{q.ident(c)} IS DISTINCT FROM b.{q.ident(c)})" for c in kept.column_names]
    counts = q.one_row(con, f"SELECT {', '.join(tests)} FROM kept a POSITIONAL JOIN again b")
    return [
        f"Column {column} differs in {count:,} rows."
        for column, count in zip(kept.column_names, counts, strict=True)
        if count
    ]
