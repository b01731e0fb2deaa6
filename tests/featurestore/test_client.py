"""The HTTP client against a real server: the same values and the same errors as the store in process."""

from __future__ import annotations

import datetime as dt
import math
import socket
import threading

import pytest
import uvicorn

from featurestore import BatchRejected, FeatureStore
from featurestore.client import FeatureClient
from featurestore.server import create_app
from featurestore.tokens import Tokens
from tests.featurestore.conftest import at
from tests.featurestore.servers import free_port
from transforms.errors import Conflict, InputError, NotFound, Unavailable

FEATURES = {"n": "int64", "x": "float64", "s": "string", "b": "bool", "t": "timestamp", "v": "list<float>"}


@pytest.fixture
def fs(tmp_path, clock):
    with FeatureStore(tmp_path / "ws", clock=clock) as store:
        store.create_group("g", keys={"a": "string", "b_": "int64"}, event_time="ts", features=FEATURES)
        store.create_group("users", keys={"id": "int64"}, event_time="ts", features={"age": "int64", "w": "float64"})
        yield store


@pytest.fixture
def served(fs):
    """Run the server on a thread of this process and give its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # requests wait until the server is up
    server = uvicorn.Server(uvicorn.Config(create_app(fs), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def client(served):
    with FeatureClient(served) as found:
        yield found


RECORD = {
    "a": "x,/? é%2C", "b_": -(2**63), "ts": at(1, micros=7), "n": 2**63 - 1, "x": math.inf, "s": "a\n\u0301", "b": False,
    "t": dt.datetime(1900, 1, 1, tzinfo=dt.UTC), "v": [1.0, -math.inf, 0.1],
}  # fmt: skip


def test_the_same_values_as_in_process(fs, client):
    done = client.put("g", RECORD)
    assert (done.version, done.rows) == (1, 1) and client.put("g", [RECORD]).unchanged
    key = (RECORD["a"], RECORD["b_"])
    assert client.get("g", key) == fs.get("g", key) == RECORD
    assert client.get("g", {"b_": key[1], "a": key[0]}, ["t", "n"]) == {"t": RECORD["t"], "n": RECORD["n"]}
    assert client.get_many("g", [key, ("no", 1)], ["x"]) == [{"x": math.inf}, None]
    assert client.describe("g") == fs.describe("g") and client.groups() == fs.groups()
    client.put("g", {**RECORD, "ts": at(2), "x": math.nan, "v": None})
    assert math.isnan(client.get("g", key)["x"]) and client.get("g", key)["v"] is None
    client.delete("g", {"a": key[0], "b_": key[1]}, event_time=at(3))
    assert client.get("g", key) is None is fs.get("g", key)


def test_more_keys_than_one_request_takes(fs, client):
    fs.put("users", [{"id": i, "ts": at(0), "age": i, "w": 1.0} for i in range(1500)])
    found = client.get_many("users", range(2000), ["age"])
    assert [r and r["age"] for r in found] == [*range(1500), *[None] * 500]


def test_a_feature_that_was_added_later_has_its_type(fs, client):
    client.put("users", {"id": 1, "ts": at(0), "age": 4, "w": 1.5})
    assert client.get("users", 1)["w"] == 1.5
    fs.change_group("users", add={"seen": "timestamp"})
    client.put("users", {"id": 1, "ts": at(1), "age": 4, "w": 1.5, "seen": at(1)})
    assert client.get("users", 1)["seen"] == at(1)


def test_views(fs, client):
    fs.put("users", {"id": 1, "ts": at(0), "age": 4, "w": math.nan})
    fs.create_view("v", ["users:*"], defaults={"age": 9})
    [found] = client.get_features("v", [1])
    assert found["age"] == 4 and math.isnan(found["w"])
    assert client.get_features("v", 5) == {"age": 9, "w": None} == fs.get_features("v", 5)
    assert client.get_features("v@1", {"id": 1}, status=True)["event_times"] == {"users": at(0)}
    assert client.view("v") == fs.view("v") and client.views() == fs.views()


def test_the_errors_are_those_of_the_store(fs, client):
    with pytest.raises(NotFound, match="no feature group called 'gg'"):
        client.get("gg", 1)
    with pytest.raises(BatchRejected, match="age") as rejected:
        client.put("users", {"id": 1, "ts": at(0), "age": "old", "w": 1.0})
    assert rejected.value.problems[0]["column"] == "age"
    with pytest.raises(InputError, match="Key 'id' of group 'users' is int64"):
        client.get("users", "one")
    with pytest.raises(InputError, match="misses the keys"):
        fs.create_view("v", ["users:age"])
        client.get_features("v", {})
    fs.put("users", {"id": 1, "ts": at(5), "age": 4, "w": 1.5})
    with pytest.raises(Conflict, match="newer than this delete"):
        client.delete("users", 1, event_time=at(1), hard=True)


def test_tokens_and_dead_servers(fs, served):
    token = Tokens(fs.ws).create("reader", ["read"])
    with FeatureClient(served) as client, pytest.raises(InputError, match="needs a valid token"):
        client.groups()
    with FeatureClient(served, token) as client:
        assert len(client.groups()) == 2
        with pytest.raises(InputError, match="no 'write' scope"):
            client.put("users", {"id": 1, "ts": at(0), "age": 4, "w": 1.5})
    with (
        FeatureClient(f"http://127.0.0.1:{free_port()}") as client,
        pytest.raises(Unavailable, match="does not answer"),
    ):
        client.groups()


def test_a_busy_server_says_so_at_once(fs):
    from fastapi.testclient import TestClient

    api = TestClient(create_app(fs, most_at_once=0))
    refused = api.get("/v1/groups")
    assert refused.status_code == 429 and refused.headers["retry-after"] == "1"
    assert "server is busy" in refused.json()["error"]["message"]
    assert api.get("/healthz").status_code == 200
