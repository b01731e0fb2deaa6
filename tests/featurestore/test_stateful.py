"""Any sequence of writes, deletes and TTL changes: online, history and point-in-time agree with a model of a few lines."""

from __future__ import annotations

import tempfile

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from featurestore import FeatureStore
from tests.featurestore.conftest import Clock, at
from transforms.errors import Conflict

KEYS = st.integers(0, 3)
HOURS = st.integers(0, 5)
VALUES = st.one_of(st.none(), st.integers(-3, 3))


class StoreMachine(RuleBasedStateMachine):
    def __init__(self, online_url: str = "sqlite"):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.clock.now = at(10)
        self.fs = FeatureStore(self.folder.name, clock=self.clock)
        self.fs.move_online(online_url)
        self.online_url = online_url
        self.fs.create_group("g", keys={"id": "int64"}, event_time="ts", features={"n": "int64"})
        self.rows: list[tuple[int, int, int | None, bool]] = []  # key, hour, value, deleted; in order of writing
        self.published: set = set()
        self.ttl: int | None = None
        self.then: list[list] = []  # the rows after each version
        self.extra = 0  # features that were added later

    def teardown(self):
        self.fs.drop_group("g")
        self.fs.close()
        self.folder.cleanup()

    def newest(self, key: int, hour: int, rows: list | None = None) -> tuple | None:
        rows = self.rows if rows is None else rows
        found = [(h, i, v, gone) for i, (k, h, v, gone) in enumerate(rows) if k == key and h <= hour]
        if not found:
            return None
        at_hour, _, value, gone = max(found, key=lambda row: row[:2])
        return None if gone else (at_hour, value)

    @rule(rows=st.lists(st.tuples(KEYS, HOURS, VALUES), min_size=1, max_size=4))
    def publish(self, rows):
        # two ties of one batch in another order are another batch: which comes later is part of the content
        ties = len({(k, h) for k, h, _ in rows}) < len(rows)
        content = tuple(rows) if ties else frozenset(rows)
        table = pa.table(
            {
                "id": [k for k, _, _ in rows],
                "ts": pa.array([at(h) for _, h, _ in rows], pa.timestamp("us", "UTC")),
                "n": pa.array([v for _, _, v in rows], pa.int64()),
            }
        )
        done = self.fs.publish("g", table)
        if (ties, content) in self.published:
            assert done.unchanged
        elif not done.unchanged:
            self.rows += [(k, h, v, False) for k, h, v in rows]
            self.published.add((ties, content))
            self.then.append(list(self.rows))
        else:
            raise AssertionError("a new batch was taken for an old one")

    @rule(key=KEYS, hour=HOURS, value=VALUES)
    def put(self, key, hour, value):
        done = self.fs.put("g", {"id": key, "ts": at(hour), "n": value})
        there = [(v, gone) for k, h, v, gone in self.rows if (k, h) == (key, hour)][-1:] == [(value, False)]
        assert done.unchanged == there
        if not there:
            self.rows.append((key, hour, value, False))
            self.then.append(list(self.rows))

    @rule(key=KEYS, hour=HOURS, hard=st.booleans())
    def delete(self, key, hour, hard):
        known = [h for k, h, _, _ in self.rows if k == key]
        if hard and self.online_has(key) and hour < max(known):
            with pytest.raises(Conflict, match="newer than this delete"):
                self.fs.delete("g", key, event_time=at(hour), hard=True)
            return
        self.fs.delete("g", key, event_time=at(hour), hard=hard)
        self.rows.append((key, hour, None, True))
        self.then.append(list(self.rows))

    def online_has(self, key) -> bool:
        """Return whether anything of a key lies online; a hard delete leaves nothing there."""
        return any(found == (b"i" + key.to_bytes(8, "big")) for found, *_ in self.fs.online.scan(1))

    @rule(key=KEYS)
    def erase(self, key):
        """No version knows the key any more. The batches that held it still count as published."""
        self.fs.delete("g", key, erase=True)
        self.rows = [row for row in self.rows if row[0] != key]
        self.then = [[row for row in rows if row[0] != key] for rows in self.then] + [list(self.rows)]

    @rule()
    def add_a_feature(self):
        """Batches without it are the same batches as before."""
        self.extra += 1
        self.fs.change_group("g", add={f"m{self.extra}": "string"})

    @rule()
    def move(self):
        elsewhere = "sqlite" if self.fs.online_place() != "sqlite" else self.online_url
        self.fs.move_online(elsewhere)

    @rule(ttl=st.one_of(st.none(), st.integers(1, 9)))
    def change_ttl(self, ttl):
        self.fs.change_group("g", ttl=f"{ttl}h" if ttl else None)
        self.ttl = ttl

    @rule()
    def reopen(self):
        self.fs.close()
        self.fs = FeatureStore(self.folder.name, clock=self.clock)

    @invariant()
    def online_is_the_newest_record(self):
        for key in range(4):
            found = self.newest(key, 99)
            alive = found is not None and (self.ttl is None or 10 - found[0] <= self.ttl)
            assert self.fs.get("g", key, ["n"]) == ({"n": found[1]} if alive else None)

    @invariant()
    def point_in_time_is_the_newest_record_of_then(self):
        labels = [(key, hour) for hour in range(7) for key in range(4)]
        table = pa.table({"id": [k for k, _ in labels], "ts": [at(h) for _, h in labels]})
        got = self.fs.training_set(table, ["g:n"]).column("n").to_pylist()
        for (key, hour), value in zip(labels, got, strict=True):
            found = self.newest(key, hour)
            alive = found is not None and (self.ttl is None or hour - found[0] <= self.ttl)
            assert value == (found[1] if alive else None)

    @rule(place=st.integers(0, 30))
    def a_training_set_as_of_then(self, place):
        if place >= len(self.then):
            return
        version = self.fs.describe("g")["versions"][place]
        labels = pa.table({"id": list(range(4)), "ts": [at(99)] * 4})
        got = self.fs.training_set(labels, ["g:n"], as_of=version["written_at"]).column("n").to_pylist()
        found = [self.newest(key, 99, self.then[place]) for key in range(4)]
        assert got == [None if f is None or (self.ttl is not None and 99 - f[0] > self.ttl) else f[1] for f in found]
        assert self.fs.read("g", version=version["version"]).num_rows == len(self.then[place])

    @invariant()
    def history_keeps_everything(self):
        assert self.fs.read("g").num_rows == len(self.rows)


def test_any_sequence_agrees_with_the_model(online_url):
    run_state_machine_as_test(
        lambda: StoreMachine(online_url),
        settings=settings(
            max_examples=6, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
