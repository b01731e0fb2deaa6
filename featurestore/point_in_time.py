"""Point-in-time join: for each label row, what each group knew at the label's time.

Group by group (several ASOF joins in one statement take the memory of all of them), only keys and times of the labels go
into the join, and the features come back in label order: label columns are never touched, rows never multiplied.
Only keys and times of the features go through the ASOF JOIN as well: it sorts what it is given, and the features of the
few rows found are fetched by a hash join behind it. Two rows of one key with one event time are ordered by who was written
later; a group of which the catalog knows that it has no such pair is spared that look.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from featurestore import offline
from featurestore.groups import Column, Group, split_reference
from featurestore.intake import NAIVE_TIMES, cast_sql, first_row, utc_micros
from featurestore.stopping import Steps
from transforms.errors import ColumnNotFound, InputError
from workspace import sql as q

if TYPE_CHECKING:
    from workspace.runs import RunHandle


class NaiveTimeWarning(UserWarning):
    """A time without a zone was taken as UTC."""


@dataclass(frozen=True)
class Wanted:
    """Features of one group and the names they get in the training set."""

    group: Group
    features: tuple[Column, ...]
    names: tuple[str, ...]
    keys: tuple[str, ...]  # label columns that hold the group's keys, in the group's order
    ttls: tuple[int | None, ...]  # of each feature, in microseconds


def join(
    root: Path,
    labels,
    wanted: Sequence[Wanted],
    time: str,
    *,
    as_of_us=None,
    per_feature=False,
    from_pandas=False,
    handle: RunHandle | None = None,
):
    """Return the labels with the wanted features behind, as an Arrow table with the same rows in the same order.

    Args:
        labels: Arrow table.
        time: name of the label column with the moment of the prediction.
        handle: for progress and cancel.
    """
    import numpy as np
    import pyarrow as pa

    columns = {name: labels.column(name) for name in dict.fromkeys([time, *(k for w in wanted for k in w.keys)])}
    rows = labels.num_rows
    result = labels
    with q.connection() as con:
        steps = Steps(handle, con)
        spine = pa.table(list(columns.values()), names=[f"c{i}" for i in range(len(columns))])
        con.register("spine", spine.append_column("row", pa.array(np.arange(rows))))
        place = {name: f"c{i}" for i, name in enumerate(columns)}
        types = {name: kind for name, kind, *_ in con.execute("DESCRIBE spine").fetchall()}
        moment = _moment(con, time, place[time], types[place[time]])
        for number, part in enumerate(wanted):
            steps.begin(0.5 * number / len(wanted), f"joining group {part.group.name} as of each row's time")
            keys = [
                _label_key(con, part.group, key, column, place[column], types[place[column]], from_pandas)
                for key, column in zip(part.group.keys, part.keys, strict=True)
            ]
            found = (_each_feature if per_feature else _whole_record)(con, root, part, keys, moment, as_of_us)
            if found.num_rows != rows:
                raise AssertionError(f"{found.num_rows} rows for {rows} labels from group {part.group.name!r}")
            for name, column in zip(part.names, found.columns, strict=True):
                result = result.append_column(name, column)
        steps.end()
    return result


def _moment(con, name: str, column: str, kind: str) -> str:
    value = utc_micros(column, kind)
    if value is None:
        raise InputError(
            f"The label time {name!r} is {kind}, not a timestamp.",
            hint="Give timestamps, or name another column in time=.",
        )
    if kind == "VARCHAR":
        bad = first_row(con, f"SELECT {column} FROM spine WHERE {column} IS NOT NULL AND {value} IS NULL LIMIT 1")
        if bad:
            raise InputError(f"The label time {name!r} has {bad[0]!r}, which is no time.", hint="Write ISO 8601.")
    if kind in NAIVE_TIMES:
        warnings.warn(f"Label times in {name!r} have no zone and were taken as UTC.", NaiveTimeWarning, stacklevel=5)
    return value


def _label_key(con, group: Group, key: Column, label: str, column: str, kind: str, from_pandas: bool) -> str:
    if key.type is None:  # nothing was ever published, so nothing can be found
        return f"CAST({column} AS VARCHAR)"
    made = cast_sql(column, kind, key.type, from_pandas)
    if made is None:
        raise InputError(
            f"Label column {label!r} is {kind}, and the key {key.name!r} of group {group.name!r} is {key.type}.",
            hint=f"Convert the column to {key.type}.",
        )
    value, bad = made
    if bad and first_row(con, f"SELECT 1 FROM spine WHERE {bad} LIMIT 1"):
        raise InputError(f"Label column {label!r} has values that are not {key.type}.", hint="Correct them first.")
    return value


def _whole_record(con, root: Path, part: Wanted, keys: list[str], moment: str, as_of_us: int | None):
    group = part.group
    source = offline.select(root, group, as_of_us=as_of_us, features=part.features)
    # a tombstone is a row whose features are null: the record found is then empty, as it should be
    values = [_while_valid(group, f.name, ttl) for f, ttl in zip(part.features, part.ttls, strict=True)]
    return _asof(con, group, source, keys, moment, ", ".join(f"{value} AS v{i}" for i, value in enumerate(values)))


def _while_valid(group: Group, feature: str, ttl_us: int | None) -> str:
    """Return SQL of a found feature, null where its record is older than the TTL at the label's time."""
    value = f"f.{q.ident(feature)}"
    if ttl_us is None:
        return value
    return f"CASE WHEN epoch_us(l.t) - epoch_us(f.{q.ident(group.event_time)}) <= {ttl_us} THEN {value} END"


def _each_feature(con, root: Path, part: Wanted, keys: list[str], moment: str, as_of_us: int | None):
    """For each feature the last known value; a delete still hides everything before it, and TTL counts from that value."""
    import pyarrow as pa

    columns = []
    for feature, ttl in zip(part.features, part.ttls, strict=True):
        known = offline.select(root, part.group, as_of_us=as_of_us, features=[feature])
        known = f"SELECT * FROM ({known}) WHERE {q.ident(feature.name)} IS NOT NULL OR is_deleted"
        value = _while_valid(part.group, feature.name, ttl)
        columns.append(_asof(con, part.group, known, keys, moment, f"{value} AS v").column(0))
    return pa.table(columns, names=[f"v{i}" for i in range(len(columns))])


def _asof(con, group: Group, source: str, keys: list[str], moment: str, picked: str):
    labels = ", ".join(f"{key} AS k{i}" for i, key in enumerate(keys))
    names = ", ".join(map(q.ident, group.key_names))
    event = q.ident(group.event_time)
    same_key = " AND ".join(f"l.k{i} = f.{q.ident(key.name)}" for i, key in enumerate(group.keys))
    statement = (
        f"WITH times AS MATERIALIZED (SELECT l.*, f.{event} AS event FROM (SELECT row, {labels}, {moment} AS t FROM spine) l "
        f"ASOF LEFT JOIN (SELECT {names}, {event} FROM ({source})) f ON {same_key} AND l.t >= f.{event}) "
    )
    same_record = f"{same_key} AND l.event = f.{event}"
    if group.may_tie:
        statement += (
            "SELECT * FROM (SELECT l.row, any_value(l.t) AS t, max(f._seq) AS seq FROM times l "
            f"LEFT JOIN (SELECT {names}, {event}, _seq FROM ({source})) f ON {same_record} GROUP BY l.row)"
        )
        statement = f"SELECT {picked} FROM ({statement}) l LEFT JOIN ({source}) f ON l.seq = f._seq ORDER BY l.row"
    else:
        statement += f"SELECT {picked} FROM times l LEFT JOIN ({source}) f ON {same_record} ORDER BY l.row"
    return con.sql(statement).to_arrow_table()


def choose(
    features: Sequence[str],
    groups: Mapping[str, Group],
    label_columns: Sequence[str],
    join_keys: Mapping[str, Mapping] | None,
    ttl: Mapping[str, int] | None = None,
) -> list[Wanted]:
    """Return what is wanted of each group, in the order first named; raises for unknown features and missing keys.

    A feature keeps its own name; where a label column or another group's feature has that name it is "group:feature".
    """
    per_group: dict[str, list[Column]] = {}
    for text in features:
        name, feature = split_reference(text)
        group = groups[name]
        found = group.features if feature == "*" else (group.feature(feature),)
        chosen = per_group.setdefault(name, [])
        chosen += [f for f in found if f not in chosen]
    all_names = names_of([f"{name}:{f.name}" for name, chosen in per_group.items() for f in chosen], label_columns)
    wanted = []
    for name, chosen in per_group.items():
        group = groups[name]
        renamed = dict((join_keys or {}).get(name, {}))
        keys = tuple(renamed.get(key.name, key.name) for key in group.keys)
        for key in keys:
            if key not in label_columns:
                raise ColumnNotFound.of(key, label_columns)
        refs = [f"{name}:{f.name}" for f in chosen]
        ttls = tuple(shorter(group.ttl_us, (ttl or {}).get(ref)) for ref in refs)
        wanted.append(Wanted(group, tuple(chosen), tuple(all_names[ref] for ref in refs), keys, ttls))
    return wanted


def names_of(features: Sequence[str], taken: Sequence[str] = ()) -> dict[str, str]:
    """Return "group:feature" → column name: the feature's own, where no other feature nor a `taken` column has it."""
    counts = {name.lower(): 1 for name in taken}
    own = {ref: split_reference(ref)[1] for ref in features}
    for name in own.values():
        counts[name.lower()] = counts.get(name.lower(), 0) + 1
    return {ref: name if counts[name.lower()] == 1 else ref for ref, name in own.items()}


def shorter(a: int | None, b: int | None) -> int | None:
    """Return the shorter of two TTLs; None is for ever."""
    return min((t for t in (a, b) if t is not None), default=None)
