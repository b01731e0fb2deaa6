"""Any sequence of writes, deletes and TTL changes: online, history and point-in-time agree with a model of a few lines."""

from __future__ import annotations

import tempfile

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from featurestore import FeatureStore
from tests.featurestore.conftest import Clock, at

KEYS = st.integers(0, 3)
HOURS = st.integers(0, 5)
VALUES = st.one_of(st.none(), st.integers(-3, 3))


class StoreMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.clock.now = at(10)
        self.fs = FeatureStore(self.folder.name, clock=self.clock)
        self.fs.create_group("g", keys={"id": "int64"}, event_time="ts", features={"n": "int64"})
        self.rows: list[tuple[int, int, int | None, bool]] = []  # key, hour, value, deleted; in order of writing
        self.published: set = set()
        self.ttl: int | None = None

    def teardown(self):
        self.fs.close()
        self.folder.cleanup()

    def newest(self, key: int, hour: int) -> tuple | None:
        found = [(h, i, v, gone) for i, (k, h, v, gone) in enumerate(self.rows) if k == key and h <= hour]
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
        else:
            raise AssertionError("a new batch was taken for an old one")

    @rule(key=KEYS, hour=HOURS, value=VALUES)
    def put(self, key, hour, value):
        done = self.fs.put("g", {"id": key, "ts": at(hour), "n": value})
        there = [(v, gone) for k, h, v, gone in self.rows if (k, h) == (key, hour)][-1:] == [(value, False)]
        assert done.unchanged == there
        if not there:
            self.rows.append((key, hour, value, False))

    @rule(key=KEYS, hour=HOURS)
    def delete(self, key, hour):
        self.fs.delete("g", key, event_time=at(hour))
        self.rows.append((key, hour, None, True))

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

    @invariant()
    def history_keeps_everything(self):
        assert self.fs.read("g").num_rows == len(self.rows)


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=4, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck)
)
