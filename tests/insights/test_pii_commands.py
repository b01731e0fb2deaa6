"""Reviewing personal data and publishing past the gate, on the command line."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from cli import app
from insights.pii import gate


@pytest.fixture
def people(tmp_workspace):
    table = {"id": ["a", "b"], "email": ["a@x.org", "b@x.org"], "ts": ["2026-01-01", "2026-01-02"]}
    tmp_workspace.datasets.write("people", pa.table(table), lineage={})
    return tmp_workspace


def tilth(*words, code=0):
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, done.output
    return done


def test_a_review_and_its_recipe(people, tmp_path):
    found = json.loads(tilth("privacy", "review", "people", "--json").stdout)
    assert found["ref"] == "people@1" and not found["may_publish"]
    assert [(f["column"], f["type"], f["decision"]) for f in found["findings"]] == [("email", "EMAIL", "open")]
    tilth("privacy", "decide", "people", "email", "hide", "--how", "drop")
    said = tilth("privacy", "review", "people", "--recipe", str(tmp_path / "hide.json")).stdout
    assert "hide (drop)" in said and "may not be published" in said
    assert "columns.drop" in (tmp_path / "hide.json").read_text()
    tilth("privacy", "decide", "people", "email", "not-personal", "--note", "made up")
    assert "It may be published." in tilth("privacy", "review", "people").stdout
    tilth("privacy", "decide", "people", "email", "later")
    assert "not be published" in tilth("privacy", "review", "people").stdout
    assert "Say why" in tilth("privacy", "decide", "people", "email", "not-personal", code=1).stderr


def test_the_gate_before_publishing(people):
    tilth("features", "create", "g", "--key", "id", "--from", "people")
    refused = tilth("features", "publish", "g", "people", code=1)
    assert "holds personal data" in refused.stderr and "--allow-personal-data" in refused.stderr
    done = tilth("features", "publish", "g", "people", "--allow-personal-data", "made up for tests")
    assert "Warning: people@1 is published with personal data" in done.stderr
    assert [line.detail["reason"] for line in people.audit.list() if line.action == "pii.override"] == [
        "made up for tests"
    ]


def test_files_pass_with_a_warning(people, tmp_path):
    (tmp_path / "p.csv").write_text("id,email,ts\na,a@x.org,2026-01-01\n")
    tilth("features", "create", "g", "--key", "id", "--from", str(tmp_path / "p.csv"))
    done = tilth("features", "publish", "g", str(tmp_path / "p.csv"))
    assert "published without a look for personal data" in done.stderr


def test_the_gate_switched_off(people):
    assert "off" in tilth("privacy", "gate", "--off").stdout
    assert not gate.is_on(people)
    tilth("features", "create", "g", "--key", "id", "--from", "people")
    tilth("features", "publish", "g", "people")
    assert "on" in tilth("privacy", "gate", "--on").stdout


def test_patterns_of_ones_own(people):
    assert "No pattern" in tilth("privacy", "pattern").stdout
    tilth("privacy", "pattern", "STAFF_ID", "EMP-[0-9]+", "--word", "staff")
    assert json.loads(tilth("privacy", "pattern", "--json").stdout) == [
        {"name": "STAFF_ID", "pattern": "EMP-[0-9]+", "words": "staff"}
    ]
    assert "needs a regular expression" in tilth("privacy", "pattern", "X_Y", code=1).stderr
    tilth("privacy", "pattern", "STAFF_ID", "--remove")
    assert "No pattern" in tilth("privacy", "pattern").stdout
