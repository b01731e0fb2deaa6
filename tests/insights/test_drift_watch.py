"""Watching for drift: results and alerts of new versions, lines, acknowledging; never in the way of a version."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from cli import app
from insights import drift_watch
from transforms.errors import ColumnNotFound, InputError, NotFound


def write(ws, ages, name="people", **more):
    return ws.datasets.write(name, pa.table({"age": ages, **more}), lineage={"how": "test"})


@pytest.fixture
def ws(tmp_workspace):
    """`people@1` with ages 0 to 199, watched against itself."""
    write(tmp_workspace, list(range(200)))
    drift_watch.watch(tmp_workspace, "people", "people@1")
    return tmp_workspace


def test_a_new_version_is_compared_and_alerts(ws):
    write(ws, list(reversed(range(200))))  # the same values in another order
    assert drift_watch.alerts(ws) == []
    write(ws, list(range(100, 300)))  # half of the values are new: KS is 100 / 200
    (alert,) = drift_watch.alerts(ws)
    assert (alert["dataset"], alert["ref"], alert["reference"], alert["column"]) == (
        "people",
        "people@3",
        "people@1",
        "age",
    )
    found = drift_watch.results(ws, "people")
    assert [(r["ref"], r["verdict"]) for r in found] == [("people@2", "none"), ("people@3", "strong")]
    assert found[1]["columns"]["age"]["ks"] == 0.5
    assert found[1]["columns"]["age"]["wasserstein_normalised"] == pytest.approx(100 / 57.734, rel=1e-3)  # sqrt((200² - 1) / 12)  # fmt: skip
    assert "KS 0.5 (alert from 0.2)" in alert["says"]
    assert ws.audit.list(1)[0].action == "drift.alert"


def test_lines_of_ones_own(ws):
    off = dict.fromkeys(drift_watch.LINES)
    drift_watch.watch(ws, "people", "people@1", lines={**off, "ks": 0.6})
    write(ws, list(range(100, 300)))
    assert drift_watch.alerts(ws) == []
    drift_watch.watch(ws, "people", "people@1", lines={**off, "ks": 0.5})  # the newest version is looked at at once
    assert [(a["metric"], a["value"], a["line"]) for a in drift_watch.alerts(ws)] == [("ks", 0.5, 0.5)]


def test_small_tables_do_not_alert_by_chance(ws):
    write(ws, [0, 5, 199])
    assert drift_watch.alerts(ws) == []


def test_missing_values_columns_and_types(ws):
    write(ws, [None] * 50 + list(range(50, 200)), size=[1] * 200)
    said = [a["says"] for a in drift_watch.alerts(ws)]
    assert "Column size is new." in said
    assert any("change of the missing share 0.25 (alert from 0.2)" in s for s in said)
    write(ws, [str(i) for i in range(200)])
    assert "Column age was int64 and is now string." in [a["says"] for a in drift_watch.alerts(ws)]


def test_acknowledging(ws):
    write(ws, list(range(100, 300)))
    (alert,) = drift_watch.alerts(ws, "people")
    (done,) = drift_watch.acknowledge(ws, [alert["id"]], "a new market", by="anna")
    assert (done["acknowledged"]["by"], done["acknowledged"]["note"]) == ("anna", "a new market")
    assert drift_watch.alerts(ws) == [] and drift_watch.alerts(ws, all_=True) == [done]
    line = ws.audit.list(1)[0]
    assert (line.action, line.actor, line.detail["note"]) == ("drift.acknowledge", "anna", "a new market")
    with pytest.raises(NotFound, match="no alert called 'nope'"):
        drift_watch.acknowledge(ws, ["nope"])


def test_the_training_rows_of_a_model_as_reference(ws):
    write(ws, list(range(100, 300)), name="training")
    assert drift_watch.watch(ws, "people", "training@1").reference == "training@1"
    assert len(drift_watch.alerts(ws)) == 1


def test_a_reference_that_is_gone_does_not_stop_a_version(ws, caplog):
    write(ws, [1, 2], name="old")
    drift_watch.watch(ws, "people", "old@1")
    ws.datasets.delete("old")
    assert write(ws, [5, 6]).version == 2
    assert "a watcher of dataset versions failed on people@2" in caplog.text


def test_results_are_bounded(ws, monkeypatch):
    monkeypatch.setattr(drift_watch, "KEPT_RESULTS", 2)
    for n in range(4):
        write(ws, list(range(n + 1, 150)))
    assert [r["ref"] for r in drift_watch.results(ws, "people")] == ["people@4", "people@5"]


def test_errors(ws):
    with pytest.raises(InputError, match="no metric 'kss'"):
        drift_watch.watch(ws, "people", "people@1", lines={"kss": 1})
    with pytest.raises(InputError, match="must be above 0"):
        drift_watch.watch(ws, "people", "people@1", lines={"ks": 0})
    with pytest.raises(ColumnNotFound, match="'size' is not in the table"):
        drift_watch.watch(ws, "people", "people@1", columns=["size"])
    with pytest.raises(NotFound):
        drift_watch.watch(ws, "people", "people@7")
    drift_watch.unwatch(ws, "people")
    with pytest.raises(NotFound, match="not watched"):
        drift_watch.unwatch(ws, "people")
    with pytest.raises(NotFound, match="not watched"):
        drift_watch.look(ws, "people", "people@1")


def test_commands(ws):
    def run(*words, code=0):
        result = CliRunner().invoke(app, ["drift", *words])
        assert result.exit_code == code, result.output
        return result

    write(ws, list(range(100, 300)))
    made = json.loads(
        run("watch", "people", "--reference", "1", "--line", "psi=0.1", "--line", "ks=off", "--json").stdout
    )
    assert (made["reference"], made["lines"]["psi"], made["lines"]["ks"]) == ("people@1", 0.1, None)
    assert "people@1" in run("watches").stdout
    found = json.loads(run("alerts", "--json").stdout)
    assert len(found) == 2  # the version when it came, and again with the new lines
    assert "2 acknowledged." in run("alerts", "people", "--acknowledge", "all", "--note", "known").stdout
    assert "No open alert." in run("alerts").stdout and "people@2" in run("alerts", "--all").stdout
    assert "drift strong" in run("people@1", "people@2").stdout
    assert "needs --reference or --model" in run("watch", "people", code=1).output
    assert "is not a number" in run("watch", "people", "--reference", "1", "--line", "ks=much", code=1).output
    assert "no longer watched" in run("watch", "people", "--stop").stdout
    assert "No dataset is watched." in run("watches").stdout
