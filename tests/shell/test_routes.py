"""The routes beside the screens: who may call them, and what the grid may read."""

from __future__ import annotations

import pyarrow as pa
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from shell import preview
from shell.routes import middleware, routes
from transforms import Recipe
from transforms.preview import Previewer


@pytest.fixture
def client():
    with TestClient(Starlette(routes=routes(), middleware=middleware()), base_url="http://localhost:8501") as opened:
        yield opened


@pytest.fixture
def tokens():
    """Two views of one table: as it is, and with missing ages filled by the median 4.5."""
    rows = pa.table({"age": [1.0, None, 8.0], 'a"b': ["x", "y", None]})
    shower = Previewer({"main": rows}, identity="test_routes")
    plain = shower.view(Recipe())
    filled = shower.view(Recipe().add("missing.fill_statistic", {"columns": ["age"]}))
    return preview.token(plain), preview.token(filled)


def test_rows_come_by_page_with_what_changed(client, tokens):
    before, after = tokens
    answer = client.get(f"/api/grid/{after}/rows?offset=0&limit=2&before={before}").json()
    assert answer["rows"] == [[1.0, "x"], [4.5, "y"]]
    assert answer["changed"] == [[], [0]]
    assert client.get(f"/api/grid/{after}/rows?offset=2&limit=10").json()["rows"] == [[8.0, None]]


def test_profile_is_of_all_rows_by_position(client, tokens):
    facts = client.get(f"/api/grid/{tokens[0]}/profile?columns=0,1,99").json()
    assert facts["rows"] == 3
    assert facts["columns"]["0"]["missing"] == 1 and facts["columns"]["0"]["max"] == 8.0
    assert set(facts["columns"]) == {"0", "1"}


@pytest.mark.parametrize("path", ["/api/grid/unknown/rows", "/api/no/such", "/api/grid/../../etc/passwd"])
def test_unknown_paths_and_tokens_answer_404(client, path):
    assert client.get(path).status_code == 404


def test_a_wrong_page_is_one_sentence(client, tokens):
    answer = client.get(f"/api/grid/{tokens[0]}/rows?offset=x")
    assert answer.status_code == 400 and "whole numbers" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.test"},
        {"host": "localhost:8501", "origin": "http://evil.test"},
        {"host": "localhost:8501", "origin": "null"},
        {"host": "localhost.evil.test"},
    ],
)
def test_other_sites_and_rebound_hosts_are_refused(client, tokens, headers):
    assert client.get(f"/api/grid/{tokens[0]}/rows", headers=headers).status_code == 403


def test_a_change_needs_our_header(client):
    assert client.put("/api/uploads/a.csv", content=b"a\n1\n").status_code == 403


def test_answers_carry_security_headers(client, tokens):
    answer = client.get(f"/api/grid/{tokens[0]}/rows")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
