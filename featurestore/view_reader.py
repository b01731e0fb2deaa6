"""Reading a view online: the newest records of several groups, TTLs, defaults, then the on-demand recipe per row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from featurestore.encoding import to_microseconds
from featurestore.groups import split_reference
from featurestore.views import View, outputs
from transforms.errors import InputError
from transforms.serving import RecordRunner

if TYPE_CHECKING:
    from featurestore.store import FeatureStore


class ViewReader:
    """One version of a view, ready to be read; threads may share it."""

    def __init__(self, view: View):
        self.view = view
        names = view.names()
        self.parts: dict[str, list[tuple[str, str, int | None]]] = {}  # group → (feature, name, TTL in µs)
        for ref in view.features:
            group, feature = split_reference(ref)
            self.parts.setdefault(group, []).append((feature, names[ref], view.ttl.get(ref)))
        fitted = view.fitted()
        self.runner = RecordRunner(fitted) if fitted else None
        self.outputs = outputs(view, self.runner.columns) if self.runner else []

    def read(self, store: FeatureStore, rows: Sequence[Any], request: Mapping, status: bool) -> list[dict]:
        """Return one dict per row, as `FeatureStore.get_features`."""
        columns = {}  # group → key → the caller's name for it
        for group in self.parts:
            renamed = self.view.join_keys.get(group, {})
            columns[group] = {key["name"]: renamed.get(key["name"], key["name"]) for key in store.key_columns(group)}
        rows = [{**request, **self._row(row, columns)} for row in rows]
        values: list[dict] = [{} for _ in rows]
        states: list[dict] = [{} for _ in rows]
        times: list[dict] = [{} for _ in rows]
        for group, features in self.parts.items():
            keys = [{key: row[column] for key, column in columns[group].items()} for row in rows]
            found, event_time, now = store.records(group, keys)
            for number, record in enumerate(found):
                states[number][group] = "missing" if record is None else "found"
                at = record[event_time] if record else None
                times[number][group] = at
                age = now - to_microseconds(at) if at is not None else 0
                for feature, name, ttl in features:
                    expired = ttl is not None and age > ttl
                    value = None if record is None or expired else record[feature]
                    values[number][name] = self.view.defaults.get(name) if value is None else value
        if self.runner:
            values = [self._run(row, found) for row, found in zip(rows, values, strict=True)]
        if not status:
            return values
        return [{"values": v, "status": s, "event_times": t} for v, s, t in zip(values, states, times, strict=True)]

    def _row(self, row: Any, columns: Mapping[str, Mapping[str, str]]) -> dict:
        """Return a row of keys (and request columns) as a dict with all that the view needs."""
        needed = list(dict.fromkeys(column for keys in columns.values() for column in keys.values()))
        if not isinstance(row, Mapping):
            if len(needed) != 1:
                raise InputError(f"View {self.view.name!r} needs the keys {needed}.", hint="Give a dict of them.")
            row = {needed[0]: row}
        if missing := [c for c in needed if c not in row]:
            raise InputError(f"View {self.view.name!r} misses the keys {missing}.", hint=f"Give all of {needed}.")
        if unknown := [c for c in row if c not in needed and c not in self.view.request]:
            raise InputError(
                f"View {self.view.name!r} does not know {unknown}.", hint=f"It takes {[*needed, *self.view.request]}."
            )
        return dict(row)

    def _run(self, row: Mapping, found: dict) -> dict:
        given = {name: row.get(name) for name in self.view.request}
        made = self.runner.run({**found, **given})
        if made is None:
            raise InputError(
                f"The recipe of view {self.view.name!r} removed the row.", hint="Take filters out of its recipe."
            )
        return {name: made[name] if name in made else found[name] for name in self.outputs}
