"""The Data and Runs pages: open, do their job, show our sentences; and the upload route."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from shell.routes import uploads
from sources import import_source

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def page(tmp_workspace):
    import shell.widgets

    shell.widgets._open.clear()

    def open_(name):
        at = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=60).run()
        assert not at.exception, at.exception
        return at

    yield open_
    shell.widgets._open.clear()


def settle(at, done):
    until = time.monotonic() + 60
    while not done(at):
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.1)
        at.run()
        assert not at.exception, at.exception
    return at


def button(at, label):
    return [b for b in at.button if b.label == label][0]


def metrics(at):
    return {m.label: m.value for m in at.metric}


def test_sample_data_in_one_click(page):
    at = page("data")
    assert "No data yet" in at.markdown[0].value
    button(at, "Use the sample data").click().run()
    settle(at, lambda at: at.success)
    assert metrics(at) == {"Rows": "9,999", "Columns": "13", "Rejected rows": "1", "On disk": metrics(at)["On disk"]}
    assert set(at.selectbox(key="data_choice").options) == {"apps", "reviews"}
    rejected = [d.value for d in at.dataframe if "reason" in d.value.columns][0]
    assert list(rejected["reason"]) == ["too few columns: 12 instead of 13"]


def test_import_by_path_and_versions(page, tmp_path, tmp_workspace):
    path = tmp_path / "sales.csv"
    path.write_text("id,name\n1,anna\n")
    import_source(tmp_workspace, path)
    path.write_text("id,name\n1,anna\n2,ben\n")
    at = page("data")
    at.text_input(key="data_path").set_value(str(path))
    [b for b in at.button if b.label == "Import"][-1].click().run()
    settle(at, lambda at: metrics(at).get("Rows") == "2")
    at.selectbox(key="data_version_sales").set_value(1).run()
    assert metrics(at)["Rows"] == "1"


def test_bad_input_shows_our_sentence(page):
    at = page("data")
    at.text_input(key="data_path").set_value("/nowhere/x.csv")
    [b for b in at.button if b.label == "Import"][-1].click().run()
    settle(at, lambda at: at.error)
    assert "There is no file '/nowhere/x.csv'" in at.error[0].value


def test_delete_asks_first(page, tmp_path, tmp_workspace):
    path = tmp_path / "sales.csv"
    path.write_text("id\n1\n")
    import_source(tmp_workspace, path)
    at = page("data")
    at.button(key="confirm_delete_sales").click().run()
    assert tmp_workspace.datasets.list() == []
    assert "No data yet" in at.markdown[0].value


def test_runs_page(page, tmp_workspace):
    assert "Nothing ran yet" in page("runs").markdown[0].value
    tmp_workspace.runs.call("test", "A *good* run", lambda handle: {"rows": 1})
    with pytest.raises(ZeroDivisionError):
        tmp_workspace.runs.call("test", "A bad run", lambda handle: 1 / 0)
    at = page("runs")
    assert [e.label.split(" · ")[1] for e in at.expander] == ["failed", "done"]
    assert "went wrong" in at.error[0].value


def test_a_running_run_can_be_cancelled(page, tmp_workspace):
    def work(handle):
        while True:
            handle.progress(0.3, "working")
            time.sleep(0.01)

    run = tmp_workspace.runs.start("test", "Endless", work)
    at = page("runs")
    at.button(key=f"cancel_{run.id}").click().run()
    assert tmp_workspace.runs.wait(run.id, 20).state == "cancelled"


# the upload route -----------------------------------------------------------------------------------------------------


@pytest.fixture
def client(tmp_workspace):
    with TestClient(Starlette(routes=uploads.routes)) as opened:
        yield opened


def test_upload_lands_in_the_workspace(client, tmp_workspace):
    answer = client.put("/api/uploads/größe.csv", content=b"a\n1\n")
    assert (answer.status_code, answer.json()["name"], answer.json()["bytes"]) == (201, "größe.csv", 4)
    path = uploads.uploaded(answer.json()["token"])
    assert path.is_relative_to(tmp_workspace.root)
    assert import_source(tmp_workspace, path).rows == 1
    uploads.discard(answer.json()["token"])
    assert uploads.uploaded(answer.json()["token"]) is None
    assert list((tmp_workspace.root / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    "name, kept",
    [("../../etc/passwd", "passwd"), ("a\\b\\c.csv", "c.csv"), (".hidden", "hidden"), ("a\x00b.csv", "ab.csv"), ("..", ""),
     ("x" * 300 + ".csv", "x" * 196 + ".csv")],
)  # fmt: skip
def test_names_are_never_paths(name, kept):
    assert uploads.safe_name(name) == kept


def test_an_upload_over_the_limit_is_refused(client, tmp_workspace, monkeypatch):
    monkeypatch.setenv("TILTH_MAX_UPLOAD_MB", "1")
    answer = client.put("/api/uploads/big.csv", content=b"x" * (2 << 20))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    answer = client.put("/api/uploads/big.csv", content=iter([b"x" * (1 << 20)] * 3))  # does not say its length
    assert answer.status_code == 413
    assert not (tmp_workspace.root / "tmp").exists() or list((tmp_workspace.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("token", ["", "../x", "a" * 32, "a" * 32 + "-1/../..", None])
def test_odd_tokens_name_nothing(client, token):
    assert uploads.uploaded(token) is None
    uploads.discard(token)
