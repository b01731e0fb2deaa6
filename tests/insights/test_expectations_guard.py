"""Expectations on the way: an import, a run and a publish are refused, divided or warned about; a kill leaves all as before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from cli import app
from insights import expectations as expect
from insights.expectations.guard import quarantine_name
from sources import import_source
from transforms import Recipe
from transforms.errors import InputError, NotFound
from workspace import Workspace, hooks, sql
from workspace.doctor import clear
from workspace.running import run_recipe

ROOT = Path(__file__).resolve().parents[2]
TABLE = {"id": [1, 2, 3, 4], "age": [20, 130, 140, 30]}


def rule(**settings):
    return expect.rule_from(settings)


def write(ws, table=TABLE, name="people"):
    return ws.datasets.write(name, pa.table(table), lineage={"how": "test"})


def rows(version) -> list[tuple]:
    with sql.connection() as con:
        return version.relation(con).fetchall()


@pytest.fixture
def ws(tmp_workspace):
    """A workspace that holds `people` to an age."""
    expect.add(tmp_workspace, "people", rule(kind="range", column="age", max=120, id="age"))
    return tmp_workspace


def severity(ws, value: str, **more) -> None:
    (one,) = expect.rules_of(ws, "people")
    expect.replace(ws, "people", one.model_copy(update={"severity": value, **more}))


def test_stop_makes_nothing_and_says_why(ws):
    with pytest.raises(InputError) as caught:
        write(ws)
    assert caught.value.message == (
        'people: nothing was kept, because 2 of 4 rows break the rule "age is at most 120", such as age = 130; age = 140.'
    )
    assert "rule age" in caught.value.hint
    with pytest.raises(NotFound):
        ws.datasets.get("people")
    assert not list(ws.datasets.folder.rglob("*.parquet"))
    (line,) = expect.history(ws, "people")
    assert (line["where"], line["ref"], line["outcome"], line["rules"]["age"]["failing"]) == (
        "refused",
        "people",
        "stop",
        2,
    )
    assert ws.audit.list(1)[0].action == "dataset.refused"
    assert write(ws, {"id": [1], "age": [20]}).version == 1


def test_quarantine_divides(ws):
    severity(ws, "quarantine")
    kept = write(ws)
    assert rows(kept) == [(1, 20), (4, 30)]
    aside = ws.datasets.get("people_quarantine")
    assert rows(aside) == [(2, 130, "age is at most 120"), (3, 140, "age is at most 120")]
    assert kept.warnings == ["2 of 4 rows went to people_quarantine: 2 break 'age is at most 120'."]
    assert aside.lineage["how"] == "quarantine of people"
    (line,) = expect.history(ws, "people")
    assert (line["where"], line["ref"], line["put_aside"], line["outcome"]) == ("version", "people@1", 2, "quarantine")
    assert write(ws).is_new is False  # the same rows again: neither dataset gets a version
    assert ws.datasets.get("people_quarantine").version == 1
    write(ws, {"id": [1, 4, 5], "age": [20, 30, 150]})  # the same good rows, another bad one
    assert (ws.datasets.get("people").version, rows(ws.datasets.get("people_quarantine"))) == (1, [(5, 150, "age is at most 120")])  # fmt: skip
    files = {
        Path(f).name for name in ("people", "people_quarantine") for v in ws.datasets.versions(name) for f in v.files
    }
    assert {p.name for p in ws.datasets.folder.rglob("*.parquet")} == files


def test_quarantine_of_repeated_keys_keeps_the_first_and_the_order(ws):
    expect.keep(ws, "people", [rule(kind="unique", columns=["id"], severity="quarantine")])
    kept = write(ws, {"id": [3, 1, 3, 2, 1], "age": [1, 2, 3, 4, 5]})
    assert rows(kept) == [(3, 1), (1, 2), (2, 4)]
    assert [r[:2] for r in rows(ws.datasets.get("people_quarantine"))] == [(3, 3), (1, 5)]


def test_no_row_left(ws):
    severity(ws, "quarantine", max=10)
    with pytest.raises(InputError, match="no row would be left, because 4 of 4 rows break"):
        write(ws)
    assert not list(ws.datasets.folder.rglob("*.parquet"))


def test_warn_keeps_the_sentence_with_the_version(ws):
    severity(ws, "warn")
    assert write(ws).warnings == ['2 of 4 rows break the rule "age is at most 120", such as age = 130; age = 140.']
    assert expect.last_results(ws, "people")["age"]["ref"] == "people@1"


def test_disabled_and_tolerated(ws):
    severity(ws, "stop", tolerance=0.5)
    assert write(ws).warnings == []
    severity(ws, "stop", enabled=False, tolerance=0.0)
    assert write(ws, {"id": [9], "age": [999]}).version == 2


def test_rejected_rows_stay_with_what_is_kept(ws, tmp_path):
    severity(ws, "quarantine")
    path = tmp_path / "people.csv"
    path.write_text("id,age\n1,20\n2,130\n3,4,5,6\n4,30\n")
    made = import_source(ws, path)
    with sql.connection() as con:
        assert made.rejected == 1 and len(made.rejects(con).fetchall()) == 1
    assert rows(made) == [(1, 20), (4, 30)] and len(made.warnings) == 2


def test_an_import_and_a_run_are_stopped(ws, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("id,age\n1,20\n2,130\n")
    result = CliRunner().invoke(app, ["import", str(path)])
    assert result.exit_code == 1 and "1 of 2 rows break the rule" in result.output
    write(ws, name="raw")
    recipe = Recipe(name="people").add("columns.drop", {"columns": ["id"]})
    with pytest.raises(InputError, match="2 of 4 rows break"):
        run_recipe(ws, recipe, {"main": "raw"}, output="people")


def test_publishing_asks_again(ws):
    severity(ws, "stop", enabled=False)
    write(ws)
    severity(ws, "stop", enabled=True)
    with pytest.raises(
        InputError, match='people@1: nothing was published, because 2 of 4 rows break the rule "age is at'
    ):
        expect.check_publish(ws, "people")
    severity(ws, "quarantine")
    with pytest.raises(InputError, match="nothing was published"):
        expect.publish_data(ws, "people@1")
    severity(ws, "warn")
    assert len(expect.publish_data(ws, "people")) == 1
    assert expect.publish_data(ws, "elsewhere.parquet") == [] and expect.publish_data(ws, TABLE) == []
    assert [line["where"] for line in expect.history(ws, "people")] == ["publish", "publish", "publish"]


def test_publish_command(ws):
    run = CliRunner().invoke
    severity(ws, "stop", enabled=False)
    table = pa.table({**TABLE, "at": pa.array([0, 1, 2, 3], pa.timestamp("us", "UTC"))})
    ws.datasets.write("people", table, lineage={"how": "test"})
    made = run(app, ["features", "create", "people", "--key", "id", "--event-time", "at", "--from", "people"])
    assert made.exit_code == 0, made.output
    severity(ws, "stop", enabled=True)
    result = run(app, ["features", "publish", "people", "people"])
    assert result.exit_code == 1 and "2 of 4 rows break the rule" in result.output
    severity(ws, "warn")
    result = run(app, ["features", "publish", "people", "people", "--allow-personal-data", "made up"])
    assert result.exit_code == 0 and "Warning: 2 of 4 rows break" in result.output, result.output


def test_without_rules_nothing_is_imported_and_nothing_asked(tmp_workspace, monkeypatch):
    def fails(*_):
        raise AssertionError("asked")

    monkeypatch.setattr("insights.expectations.guard.guard", fails)
    assert write(tmp_workspace).version == 1


def test_history_is_bounded(ws, monkeypatch):
    monkeypatch.setattr("insights.expectations.kept.KEPT", 3)
    severity(ws, "warn")
    write(ws)
    for _ in range(5):
        expect.check_publish(ws, "people")
    assert len(expect.history(ws, "people")) == 3
    for _ in range(2):
        expect.check_version(ws, "people")
    assert [line["where"] for line in expect.history(ws, "people")] == ["check", "publish", "publish"]
    assert ws.datasets.list()[0].name == "people"


def test_a_watcher_that_fails_changes_nothing(tmp_workspace, monkeypatch, caplog):
    def fails(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr(hooks, "watchers", [fails])
    assert write(tmp_workspace).version == 1
    assert "a watcher of dataset versions failed on people@1" in caplog.text


def test_names_of_quarantines():
    assert quarantine_name("people") == "people_quarantine"
    assert len(quarantine_name("x" * 64)) == 64


CODE = """
import sys
from insights import on_versions
from workspace import Workspace, sql
on_versions.register()
ws = Workspace.open(sys.argv[1])
with sql.connection() as con:
    made = con.sql("SELECT range AS id, (range % 200)::INT AS age FROM range(400000)")
    print("ready", flush=True)
    ws.datasets.write("people", made, lineage={"how": "test"})
print("done", flush=True)
"""


def test_a_kill_at_any_time_leaves_both_datasets_before_or_after(ws):
    expect.keep(ws, "people", [rule(kind="range", column="age", max=120, severity="quarantine"), rule(kind="unique", columns=["id"], severity="quarantine")])  # fmt: skip
    seen = set()
    for delay in (0.05, 0.15, 0.25, 0.35, 0.5, 0.8):
        write(ws)
        before = {name: ws.datasets.get(name).version for name in ("people", "people_quarantine")}
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, str(ws.root)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        again = Workspace.open(ws.root)
        after = {name: again.datasets.get(name).version for name in before}
        assert after in (before, {name: n + 1 for name, n in before.items()})
        seen.add(after == before)
        good, bad = (rows(again.datasets.get(name)) for name in before)
        assert (len(good), len(bad)) == ((2, 2) if after == before else (242_000, 158_000))
        clear(again)
        known = {Path(f).name for name in before for v in again.datasets.versions(name) for f in v.files}
        assert {p.name for p in again.datasets.folder.rglob("*.parquet")} == known
        again.close()
    assert True in seen


def test_commands(tmp_workspace, tmp_path):
    def run(*words, code=0):
        result = CliRunner().invoke(app, ["expect", *map(str, words)])
        assert result.exit_code == code, result.output
        return result

    write(tmp_workspace)
    found = json.loads(run("suggest", "people", "--accept", "--json").stdout)
    assert found["kept"] == len(found["rules"]) > 4
    run("remove", "people", "all")
    added = json.loads(run("add", "people", "range", "--set", "column=age", "--set", "max=120", "--severity", "quarantine", "--json").stdout)  # fmt: skip
    rule_id = added["added"][0]["id"]
    assert "age is at most 120" in run("list", "people").stdout
    checked = json.loads(run("check", "people", "--json", code=1).stdout)
    assert (checked["outcome"], checked["results"][0]["failing"]) == ("quarantine", 2)
    assert "quar  2 of 4 rows break" in run("check", "people@1", code=1).stdout
    assert "people@1" in run("history", "people").stdout
    file = tmp_path / "rules.json"
    run("export", "people", "-o", file)
    assert "pa.DataFrameSchema" in run("export", "people", "--as", "pandera").stdout
    assert json.loads(run("export", "people", "--as", "gx").stdout)["name"] == "people"
    run("add", "other", "--file", file)
    assert [r.says() for r in expect.rules_of(tmp_workspace, "other")] == ["age is at most 120"]
    assert "Removed: age is at most 120." in run("remove", "people", rule_id[:5]).stdout
    assert "has no rules" in run("list", "people").stdout
    assert "range" in run("kinds").stdout
    assert "Give a kind of rule" in run("add", "people", code=1).output
    assert (
        "column 'size' is not in the table"
        in run("add", "people", "not_missing", "--set", "column=size", code=1).output
    )
    assert "cannot be read" in run("add", "people", "--file", tmp_path / "no.json", code=1).output
    assert "cannot be read" in run("check", "people", "--file", tmp_path / "no.json", code=1).output
