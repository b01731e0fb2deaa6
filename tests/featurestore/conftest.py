from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from featurestore import FeatureStore

DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def at(hours: float = 0, *, micros: int = 0) -> dt.datetime:
    """Return a moment some hours after 2026-01-01 00:00 UTC."""
    return DAY + dt.timedelta(hours=hours, microseconds=micros)


def batch(ids, hours, **features) -> pa.Table:
    """Return rows of a group with the key `id` and the event time `ts`; hours are numbers or moments."""
    times = pa.array([at(h) if isinstance(h, int | float) else h for h in hours], pa.timestamp("us", "UTC"))
    return pa.table({"id": ids, "ts": times, **features})


class Clock:
    """A clock that the test sets."""

    def __init__(self):
        self.now = at(100)

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def fs(tmp_path, clock):
    with FeatureStore(tmp_path / "ws", clock=clock) as store:
        yield store
