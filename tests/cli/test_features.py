"""`tilth features` and `tilth views`, from the first group to a training set."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import cli
from transforms import Recipe


@pytest.fixture
def tilth(tmp_workspace, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0):
        done = CliRunner().invoke(cli.app, list(map(str, arguments)))
        assert done.exit_code == code, (done.output, done.stderr, done.exception)
        return json.loads(done.stdout) if "--json" in arguments else done

    run("features", "create", "users", "--key", "id=int64", "--feature", "age=int64", "--feature", "city=string")
    run("features", "put", "users", '[{"id": 7, "ts": "2026-01-01T00:00:00Z", "age": 41, "city": "Bern"}]')
    return run


def test_a_view_from_the_first_version_to_a_training_set(tilth):
    """age 41, times 2; an unknown user has the default 30."""
    doubled = Recipe(name="twice").add("code.expression", {"expression": "age * factor", "to": "n"})
    doubled.fit({"main": pa.table({"age": [1], "factor": [1.5]})}).save("twice.json")
    made = tilth(
        "views", "create", "v", "--feature", "users:age", "--default", "age=30", "--key", "users.id=user", "--request",
        "factor=float64", "--recipe", "twice.json", "--json",
    )  # fmt: skip
    assert made["ref"] == "v@1" and made["defaults"] == {"age": 30} and made["join_keys"] == {"users": {"id": "user"}}
    rows = '[{"user": 7, "factor": 2}, {"user": 8, "factor": 0.5}]'
    assert [r["n"] for r in tilth("views", "get", "v", rows, "--json")] == [82.0, 15.0]
    status = tilth("views", "get", "v@1", '{"user": 7, "factor": 2}', "--status", "--json")
    assert status["status"] == {"users": "found"} and status["event_times"] == {"users": "2026-01-01T00:00:00Z"}
    pq.write_table(pa.table({"user": [7], "factor": [3.0], "ts": ["2026-02-01T00:00:00Z"]}), "labels.parquet")
    assert tilth("views", "train", "v", "--labels", "labels.parquet", "--as", "train", "--json")["rows"] == 1
    tilth("views", "create", "v", "--feature", "users:city")
    assert "v@1, v@2" in tilth("views", "show", "v").stdout and "v@2" in tilth("views", "list").stdout
    tilth("views", "drop", "v")
    assert "No view yet" in tilth("views", "list").stdout


def test_mistakes_are_one_sentence(tilth):
    assert "is not JSON" in tilth("views", "get", "v", "{", code=1).stderr
    assert "no feature view called 'v'" in tilth("views", "get", "v", "{}", code=1).stderr
    said = tilth("views", "create", "v", "--feature", "users:age", "--default", "age=old", code=1).stderr
    assert "default of age 'old' is not JSON" in said
    assert "is no place for online records" in tilth("features", "online", "mysql://x", code=1).stderr


def test_search_and_where_online_records_lie(tilth):
    assert tilth("features", "search", "city", "--json") == [
        {"kind": "feature", "name": "users:city", "description": ""}
    ]
    assert "Nothing found" in tilth("features", "search", "zebra").stdout
    assert tilth("features", "online", "--json") == {"online": "sqlite", "records": 1}
    assert "now in online.sqlite" in tilth("features", "online", "sqlite").stdout
