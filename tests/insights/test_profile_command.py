"""`tilth profile` with a target, against another table, and its errors."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cli import app


@pytest.fixture
def run(tmp_workspace):
    def call(*words):
        return CliRunner().invoke(app, [str(w) for w in words])

    return call


@pytest.fixture
def files(tmp_path):
    before, after = tmp_path / "before.csv", tmp_path / "after.csv"
    before.write_text("n,y\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(60)))
    after.write_text("n,y,z\n" + "".join(f"{i if i > 5 else ''},{'ab'[i % 2]},{i % 2}\n" for i in range(60)))
    return before, after


def test_a_target(run, files):
    found = json.loads(run("profile", files[1], "--target", "y", "--json").stdout)
    assert {"rows", "columns", "warnings"} <= set(found)
    assert found["target"]["powers"][0] == {"column": "z", "power": 1.0}
    assert any(w["code"] == "target_leakage" and w["column"] == "z" for w in found["warnings"])
    words = run("profile", files[1], "--target", "y").stdout
    assert "Target y: classification" in words and "Quick model (random forest of 50 trees, 60 rows)" in words


def test_against_another_table(run, files):
    found = json.loads(run("profile", files[1], "--against", files[0], "--target", "z", "--json").stdout)
    assert (found["name"], found["against"], found["added"], found["removed"]) == ("after.csv", "before.csv", ["z"], [])
    assert [c["name"] for c in found["columns"] if c["change"]] == ["n"]
    words = run("profile", files[1], "--against", files[0]).stdout
    assert "before.csv → after.csv: 60 → 60 rows." in words and "Added: z." in words
    assert "missing: 0.0% → 10.0%" in words
    assert "No column that both have differs." in run("profile", files[0], "--against", files[0]).stdout


def test_errors_are_one_sentence(run, files, tmp_path):
    result = run("profile", files[0], "--target", "z")
    assert result.exit_code == 1 and "'z' is not in the table" in result.stderr
    result = run("profile", files[0], "--against", tmp_path / "none.csv")
    assert result.exit_code == 1 and "none.csv" in result.stderr
