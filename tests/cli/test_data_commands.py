"""`tilth import`, `datasets`, `runs`, `doctor`: the contract's keys, exit codes, and one sentence on stderr."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import cli


@pytest.fixture
def tilth(tmp_workspace, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0):
        done = CliRunner().invoke(cli.app, list(map(str, arguments)))
        assert done.exit_code == code, (done.output, done.stderr, done.exception)
        return done

    return run


@pytest.fixture
def sales(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text("id,name\n1,anna\n2,ben\n3\n")
    return path


def test_import_json_has_the_contract_keys_and_nothing_else_on_stdout(tilth, sales):
    done = tilth("import", sales, "--json")
    said = json.loads(done.stdout)
    assert {key: said[key] for key in ("name", "version", "rows", "columns", "rejected", "warnings")} == {
        "name": "sales",
        "version": 1,
        "rows": 2,
        "columns": [{"name": "id", "type": "int64"}, {"name": "name", "type": "string"}],
        "rejected": 1,
        "warnings": ["1 row was rejected."],
    }
    assert done.stdout.count("\n") == 1


def test_import_in_words(tilth, sales):
    done = tilth("import", sales, "--name", "my sales")
    assert done.stdout == "my sales@1: 2 rows, 2 columns, 1 rejected.\n"
    assert done.stderr == "Warning: 1 row was rejected.\n"
    assert tilth("import", sales, "--name", "my sales").stdout.startswith("my sales@1 (unchanged)")


def test_import_options_table_and_query(tilth, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a;b\n1;2\n3;4\n")
    done = tilth("import", path, "--option", "delimiter=;", "--query", "SELECT sum(a)::INT AS s FROM source", "--json")
    assert json.loads(done.stdout)["columns"] == [{"name": "s", "type": "int32"}]


def test_datasets_and_show(tilth, sales):
    assert json.loads(tilth("datasets", "--json").stdout) == []
    assert "tilth import" in tilth("datasets").stdout
    tilth("import", sales)
    listed = json.loads(tilth("datasets", "--json").stdout)
    shown = json.loads(tilth("datasets", "show", "sales@1", "--json").stdout)
    for said in (listed[0], shown):
        assert {"name", "version", "rows", "columns", "created_at", "lineage"} <= set(said)
    assert shown["lineage"]["from"] == [{"kind": "file", "ref": str(sales)}]
    assert shown["versions"] == [1]
    assert "anna" not in tilth("datasets", "show", "sales").stdout
    assert "sales" in tilth("datasets").stdout


def test_user_errors_are_one_sentence_and_exit_1(tilth, sales):
    tilth("import", sales)
    for arguments in (("datasets", "show", "sale"), ("import", "nothing.csv"), ("import", sales, "--option", "x"),
                      ("import", sales, "--name", "../x"), ("datasets", "show", "sales@9")):  # fmt: skip
        done = tilth(*arguments, code=1)
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr


def test_wrong_usage_is_exit_2(tilth):
    tilth("import", code=2)
    tilth("no-such-verb", code=2)
    tilth("runs", "--limit", "0", code=2)


def test_workspace_option_wins(tilth, sales, tmp_path):
    tilth("import", sales, "--workspace", tmp_path / "other")
    assert json.loads(tilth("datasets", "--json").stdout) == []
    assert len(json.loads(tilth("datasets", "--json", "--workspace", tmp_path / "other").stdout)) == 1


def test_runs(tilth, sales):
    tilth("import", sales)
    tilth("import", "nothing.csv", code=1)
    said = json.loads(tilth("runs", "--json").stdout)
    assert [(run["kind"], run["title"], run["state"]) for run in said] == [
        ("import", "Import nothing.csv", "failed"),
        ("import", "Import sales.csv", "done"),
    ]
    assert "Import sales.csv" in tilth("runs").stdout


def test_doctor(tilth, tmp_workspace):
    said = json.loads(tilth("doctor", "--json").stdout)
    assert all({"name", "ok", "message"} == set(check) for check in said["checks"])
    assert {"python", "packages", "workspace", "catalog", "datasets", "leftovers", "disk", "features"} == {
        c["name"] for c in said["checks"]
    }
    (tmp_workspace.root / "tmp" / "import-abc-99999999").mkdir(parents=True)
    assert "1 leftovers" in tilth("doctor").stdout
    assert not (tmp_workspace.root / "tmp" / "import-abc-99999999").exists()


def test_every_verb_has_help(tilth):
    assert "Snapshot a source" in tilth("--help").stdout
    for verb in ("import", "datasets", "runs", "doctor", "app"):
        assert "--workspace" in tilth(verb, "--help").stdout
