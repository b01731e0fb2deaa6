"""The HTTP contract of DESIGN.md section 6, and one real `tilth serve`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import httpx
import pytest
from fastapi.testclient import TestClient

from featurestore import FeatureStore
from featurestore.server import create_app
from featurestore.tokens import Tokens
from tests.featurestore.conftest import at
from tests.featurestore.test_conformance import REPO


@pytest.fixture
def api(fs):
    fs.create_group("g", keys=["id"], event_time="ts", features={"x": "float64", "s": "string", "n": "int64"})
    fs.create_group("pairs", keys=["a", "b"], event_time="ts", features={"x": "int64"})
    return TestClient(create_app(fs), raise_server_exceptions=False)


def error_of(response) -> dict:
    error = response.json()["error"]
    assert {"code", "message", "hint"} <= set(error)
    return error


def test_records_go_in_and_come_out(api):
    sent = {"id": 1, "ts": "2026-01-01T01:00:00+01:00", "x": "NaN", "s": "é", "n": 2**63 - 1}
    answer = api.post("/v1/groups/g/records", json={"records": [sent]})
    assert answer.status_code == 200
    assert answer.json() == {"group": "g", "version": 1, "rows": 1, "unchanged": False}
    got = api.get("/v1/groups/g/records/1").json()
    assert got == {"id": 1, "ts": "2026-01-01T00:00:00Z", "x": "NaN", "s": "é", "n": 2**63 - 1}
    assert api.get("/v1/groups/g/records/1?features=n,s").json() == {"n": 2**63 - 1, "s": "é"}
    many = api.post("/v1/groups/g/records:batchGet", json={"keys": [1, 2, [1], {"id": 1}], "features": ["s"]})
    assert many.json() == {"records": [{"s": "é"}, None, {"s": "é"}, {"s": "é"}]}
    assert api.delete("/v1/groups/g/records/1").status_code == 200
    assert api.get("/v1/groups/g/records/1").status_code == 404


def test_composite_and_odd_keys(api, fs):
    fs.create_group("texts", keys=["k"], event_time="ts", features={"x": "int64"})
    for number, key in enumerate(["a/b", "a,b", "ü %20", "?"]):
        fs.put("texts", {"k": key, "ts": at(0), "x": number})
    assert api.get("/v1/groups/texts/records/a%2Fb").json()["x"] == 0
    assert api.get("/v1/groups/texts/records/a%2Cb").json()["x"] == 1
    assert api.get("/v1/groups/texts/records/%C3%BC%20%2520").json()["x"] == 2
    assert api.get("/v1/groups/texts/records/%3F").json()["x"] == 3
    fs.put("pairs", [{"a": "a", "b": "b", "ts": at(0), "x": 1}, {"a": "a,b", "b": "c", "ts": at(0), "x": 2}])
    assert api.get("/v1/groups/pairs/records/a,b").json()["x"] == 1
    assert api.get("/v1/groups/pairs/records/a%2Cb").json()["x"] == 1
    assert api.get("/v1/groups/pairs/records/a%2Cb,c").json()["x"] == 2


def test_groups(api):
    assert [g["name"] for g in api.get("/v1/groups").json()["groups"]] == ["g", "pairs"]
    assert api.get("/v1/groups/g").json()["features"][0] == {"name": "x", "type": "float64", "description": ""}
    assert "/v1/groups/{group}/records" in api.get("/openapi.json").json()["paths"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/groups/nope", None, 404),
        ("GET", "/v1/groups/g/records/9", None, 404),
        ("GET", "/v1/nope", None, 404),
        ("PUT", "/v1/groups", None, 405),
        ("GET", "/v1/groups/g/records/abc", None, 400),
        ("GET", "/v1/groups/g/records/9?features=zzz", None, 404),
        ("GET", "/v1/groups/pairs/records/a", None, 400),
        ("POST", "/v1/groups/g/records", {"records": "x"}, 422),
        ("POST", "/v1/groups/g/records", {"records": [{"id": 1}]}, 422),
        ("POST", "/v1/groups/g/records", {"records": [{"id": 1, "ts": "2026-01-01", "x": "abc"}]}, 422),
        ("POST", "/v1/groups/g/records:batchGet", {"keys": list(range(1001))}, 413),
        ("POST", "/v1/groups/g/records", {"records": [{}] * 1001}, 413),
    ],
)
def test_errors_have_one_shape(api, fs, method, path, body, status):
    fs.put("g", {"id": 1, "ts": at(0), "x": 1.0})
    answer = api.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert error_of(answer)["message"]


def test_bad_json_large_body_and_foreign_host(api, fs):
    headers = {"Content-Type": "application/json"}
    assert api.post("/v1/groups/g/records", content="{", headers=headers).status_code == 400
    small = TestClient(create_app(fs, most_bytes=100))
    assert small.post("/v1/groups/g/records", content="x" * 101, headers=headers).status_code == 413
    assert small.post("/v1/groups/g/records", content=iter([b"x" * 60, b"x" * 60]), headers=headers).status_code == 413
    foreign = api.get("/v1/groups", headers={"Host": "evil.test"})
    assert foreign.status_code == 403 and "evil.test" in error_of(foreign)["message"]
    assert api.get("/v1/groups", headers={"Host": "127.0.0.1:8600"}).status_code == 200


def test_conflict_and_rate(fs):
    fs.create_group("g", keys=["id"], event_time="ts", features={"x": "float64"})
    api = TestClient(create_app(fs, requests_per_second=1))
    fs.put("g", {"id": 1, "ts": at(9), "x": 1.0})
    assert api.delete("/v1/groups/g/records/1?hard=true&event_time=2026-01-01T00:00:00Z").status_code == 409
    answers = [api.get("/v1/groups") for _ in range(4)]
    assert answers[-1].status_code == 429
    assert error_of(answers[-1])["code"] == "too_many_requests"


def test_tokens_and_scopes(api, fs):
    tokens = Tokens(fs.ws)
    assert api.get("/v1/groups").status_code == 200
    reader = tokens.create("reader", ["read"])
    assert api.get("/v1/groups").status_code == 401
    assert api.get("/v1/groups", headers={"Authorization": "Bearer wrong"}).status_code == 401
    header = {"Authorization": f"Bearer {reader}"}
    assert api.get("/v1/groups", headers=header).status_code == 200
    assert api.post("/v1/groups/g/records", json={"records": []}, headers=header).status_code == 403
    assert api.get("/healthz").status_code == 200
    tokens.revoke("reader")
    assert api.get("/v1/groups", headers=header).status_code == 401
    assert reader not in (fs.ws.root / "catalog.sqlite").read_bytes().decode("latin-1")


def test_health_and_metrics(api):
    assert api.get("/healthz").json() == {"status": "ok", "groups": 2}
    api.get("/v1/groups/g")
    text = api.get("/metrics").text
    assert 'tilth_requests_total{method="GET",route="/v1/groups/{group}",status="200"} 1.0' in text


def test_serve_for_real(tmp_path):
    root = tmp_path / "ws"
    with FeatureStore(root) as fs:
        fs.create_group("g", keys=["id"], event_time="ts", features={"x": "float64"})
    command = [sys.executable, "cli.py", "serve", "--port", "0", "--workspace", str(root)]
    server = subprocess.Popen(command, cwd=REPO, stderr=subprocess.PIPE, text=True, env={**os.environ})
    try:
        address = server.stderr.readline().split(" on ")[1].split()[0]
        with httpx.Client(base_url=address) as http:
            for _ in range(100):
                try:
                    assert http.get("/healthz").status_code == 200
                    break
                except httpx.ConnectError:
                    time.sleep(0.1)
            with FeatureStore(root) as fs:  # another process writes while the server runs
                fs.put("g", {"id": 1, "ts": at(0), "x": 1.5})
                assert http.get("/v1/groups/g/records/1").json()["x"] == 1.5
                fs.change_group("g", add={"y": "int64"})
                fs.put("g", {"id": 1, "ts": at(1), "x": 2.5, "y": 3})
            assert http.get("/v1/groups/g/records/1").json() == {
                "id": 1,
                "ts": "2026-01-01T01:00:00Z",
                "x": 2.5,
                "y": 3,
            }
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(15) in (0, -signal.SIGTERM)
