"""The point-in-time join as one Ibis expression, for Spark: labels or histories that outgrow one machine.

DuckDB has ASOF JOIN (`featurestore.point_in_time`); Spark has none. Here labels and events of a group are stacked, sorted by
key and time, and each label's key and time takes the last event before it by its number: no row is multiplied. The
expression means the same on both engines, and the tests compare it with the ASOF JOIN.
"""

from __future__ import annotations

from collections.abc import Sequence

import ibis

from featurestore import offline, training_sets
from featurestore.encoding import from_microseconds
from featurestore.groups import Group
from featurestore.point_in_time import Wanted
from featurestore.views import View
from transforms.errors import InputError
from transforms.recipe import MAIN
from workspace import Workspace

UTC = "timestamp('UTC')"


def training_table(engine, ws: Workspace, labels, view: View, time: str, *, as_of_us: int | None, join_keys, ttl):
    """Return a training set as an Ibis table of the engine; arguments as in `FeatureStore.training_set`."""
    labels = labels if isinstance(labels, ibis.Table) else engine.table(labels)
    if time not in labels.columns:
        raise InputError(f"The labels have no column {time!r}.", hint=f"They have: {', '.join(labels.columns)}.")
    wanted = training_sets.plan(ws, view, labels.columns, join_keys, ttl).wanted
    result = joined(engine, ws, labels, wanted, time, as_of_us=as_of_us)
    names = view.names()
    for part in wanted:
        for feature, column in zip(part.features, part.names, strict=True):
            default = view.defaults.get(names.get(f"{part.group.name}:{feature.name}"))
            if default is not None:
                result = result.mutate(**{column: result[column].fill_null(default)})
    fitted = view.fitted()
    return result if fitted is None else fitted.expression({MAIN: result}, engine=engine, serving=True)


def joined(engine, ws: Workspace, labels, wanted: Sequence[Wanted], time: str, *, as_of_us: int | None = None):
    """Return the labels with the wanted features behind, as an Ibis table of the engine, in no particular order.

    Args:
        labels: Ibis table with the label time as timestamp (without a zone it is UTC).
    """
    result = labels
    for number, part in enumerate(wanted):
        keys, moment = [f"_k{number}_{i}" for i in range(len(part.keys))], f"_t{number}"
        found = _of_group(engine, ws, part, labels, time, as_of_us).rename(
            {**{new: f"k{i}" for i, new in enumerate(keys)}, moment: "at"}
        )
        same = [result[column] == found[key] for column, key in zip(part.keys, keys, strict=True)]
        joined_ = result.left_join(found, [*same, result[time].cast(UTC) == found[moment]])
        result = joined_.select(*result.columns, *part.names)
    return result


def _of_group(engine, ws: Workspace, part: Wanted, labels, time: str, as_of_us: int | None):
    """Return keys `k0`, `k1` …, time `at` and the features of one group for each key and time of the labels, once each."""
    group = part.group
    events = rows(engine, ws, group)
    if as_of_us is not None:
        events = events.filter(events["written_at"].cast(UTC) <= ibis.literal(from_microseconds(as_of_us), type=UTC))
    keys = [f"k{i}" for i in range(len(group.keys))]
    events = events.select(
        *(events[k.name].name(name) for k, name in zip(group.keys, keys, strict=True)),
        events[group.event_time].cast(UTC).name("at"),
        events["_seq"].name("seq"),
        *(events[f.name].name(f"v{i}") for i, f in enumerate(part.features)),
    )
    asked = labels.filter(labels[time].notnull()).select(
        *(labels[column].cast(events[name].type()).name(name) for column, name in zip(part.keys, keys, strict=True)),
        labels[time].cast(UTC).name("at"),
    )
    place = [*keys, "at", "seq", "is_event"]
    stacked = (
        asked.distinct()
        .mutate(seq=ibis.literal(0, type="int64"), is_event=ibis.literal(0))
        .select(place)
        .union(events.mutate(is_event=ibis.literal(1)).select(place))
    )
    # of an event and a label at one moment the event comes first (equal counts); of two events the one written later wins
    before = ibis.window(group_by=keys, order_by=["at", ibis.desc("is_event"), "seq"], preceding=None, following=0)
    numbered = stacked.mutate(number=stacked["is_event"].sum().over(before))
    last = numbered.filter(numbered["is_event"] == 0).select(*keys, "number", asked_at="at")
    numbers = numbered.filter(numbered["is_event"] == 1).select(*keys, "number", event_seq="seq")
    both = last.inner_join(numbers, [*keys, "number"]).select(*keys, "asked_at", "event_seq")
    both = both.inner_join(events.drop(keys), both["event_seq"] == events["seq"])
    features = {}
    for i, (name, ttl) in enumerate(zip(part.names, part.ttls, strict=True)):
        value = both[f"v{i}"]
        if ttl is not None:
            value = (both["at"] >= both["asked_at"] - ibis.interval(microseconds=ttl)).ifelse(
                value, ibis.null(value.type())
            )
        features[name] = value
    return both.select(*keys, both["asked_at"].name("at"), **features)


def rows(engine, ws: Workspace, group: Group):
    """Return all rows of a group as an Ibis table of the engine: Parquet files as the catalog names them."""
    paths = list(offline.files(ws.root, group))
    if not paths:
        raise InputError(f"Group {group.name!r} has no rows yet.", hint="Publish some first.")
    return engine.files(paths)
