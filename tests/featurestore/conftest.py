from __future__ import annotations

import datetime as dt
import shutil

import pyarrow as pa
import pytest

from featurestore import FeatureStore
from tests.featurestore.servers import postgres_programs, postgres_server, redis_server

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


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory):
    if postgres_programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with postgres_server(tmp_path_factory.mktemp("postgres")) as url:
        yield url


STORES = [
    "sqlite",
    pytest.param("redis", marks=pytest.mark.servers),
    pytest.param("postgres", marks=pytest.mark.servers),
]


@pytest.fixture(params=STORES)
def online_url(request) -> str:
    """Where online records lie: "sqlite", or the address of a real server."""
    return "sqlite" if request.param == "sqlite" else request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def fs(tmp_path, clock, online_url):
    with FeatureStore(tmp_path / "ws", clock=clock) as store:
        store.move_online(online_url)
        yield store
