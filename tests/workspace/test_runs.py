"""Runs: progress, outcome, failure, cancel from here and from another process, dead processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from transforms.errors import Conflict, InputError, NotFound
from workspace import Workspace
from workspace.runs import Cancelled

ROOT = Path(__file__).resolve().parents[2]


def wait_for(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.02)


def endless(started=None):
    def work(handle):
        while True:
            handle.progress(0.5, "working")
            if started:
                started.set()
            time.sleep(0.01)

    return work


def test_a_run_that_ends_well(tmp_workspace):
    def work(handle):
        handle.progress(0.25, "first")
        handle.progress(0.5, "second")
        return {"rows": 3}

    run = tmp_workspace.runs.wait(tmp_workspace.runs.start("test", "A test", work).id)
    assert (run.state, run.share, run.outcome, run.message) == ("done", 1.0, {"rows": 3}, "second")
    assert [line.split(" ", 1)[1] for line in run.log.splitlines()] == ["first", "second"]
    assert run.ended_at >= run.started_at


def test_a_user_error_is_kept_in_its_words(tmp_workspace):
    def work(handle):
        raise InputError("The file is odd.", hint="Choose another.")

    run = tmp_workspace.runs.wait(tmp_workspace.runs.start("test", "A test", work).id)
    assert (run.state, run.error, run.hint) == ("failed", "The file is odd.", "Choose another.")


def test_a_defect_keeps_its_traceback_in_the_log(tmp_workspace):
    run = tmp_workspace.runs.wait(tmp_workspace.runs.start("test", "A test", lambda handle: 1 / 0).id)
    assert run.state == "failed"
    assert "ZeroDivisionError" in run.error
    assert "Traceback" in run.log


def test_call_runs_here_and_raises(tmp_workspace):
    assert tmp_workspace.runs.call("test", "A test", lambda handle: 5) == 5
    with pytest.raises(InputError):
        tmp_workspace.runs.call("test", "A test", lambda handle: (_ for _ in ()).throw(InputError("no")))
    assert [run.state for run in tmp_workspace.runs.list()] == ["failed", "done"]


def test_cancel_stops_the_work_and_calls_back(tmp_workspace):
    started, stopped = threading.Event(), threading.Event()

    def work(handle):
        handle.on_cancel(stopped.set)
        return endless(started)(handle)

    run = tmp_workspace.runs.start("test", "A test", work)
    assert started.wait(10)
    tmp_workspace.runs.cancel(run.id)
    assert tmp_workspace.runs.wait(run.id, 10).state == "cancelled"
    assert stopped.is_set()
    with pytest.raises(Conflict, match="ended already"):
        tmp_workspace.runs.cancel(run.id)


def test_cancel_interrupts_a_query(tmp_workspace):
    from workspace import sql

    started = threading.Event()

    def work(handle):
        with sql.connection() as con:
            handle.on_cancel(con.interrupt)
            started.set()
            con.execute("SELECT count(*) FROM range(10000000) a, range(10000000) b").fetchall()

    run = tmp_workspace.runs.start("test", "A test", work)
    assert started.wait(10)
    time.sleep(0.05)
    tmp_workspace.runs.cancel(run.id)
    assert tmp_workspace.runs.wait(run.id, 20).state == "cancelled"


def test_cancel_from_another_process(tmp_workspace):
    started = threading.Event()
    run = tmp_workspace.runs.start("test", "A test", endless(started))
    assert started.wait(10)
    code = "import sys; from workspace import Workspace; Workspace.open(sys.argv[1]).runs.cancel(sys.argv[2])"
    subprocess.run([sys.executable, "-c", code, str(tmp_workspace.root), run.id], cwd=ROOT, check=True)
    assert tmp_workspace.runs.wait(run.id, 10).state == "cancelled"


def test_call_that_is_cancelled_raises(tmp_workspace):
    def work(handle):
        tmp_workspace.runs.cancel(handle.id)
        handle.check()

    with pytest.raises(Cancelled):
        tmp_workspace.runs.call("test", "A test", work)


def test_a_run_of_a_killed_process_is_interrupted(tmp_workspace):
    code = """
import sys, time
from workspace import Workspace
def work(handle):
    while True:
        handle.progress(0.5, "working"); time.sleep(0.01)
ws = Workspace.open(sys.argv[1])
ws.runs.wait(ws.runs.start("test", "A test", work).id)
"""
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_workspace.root)], cwd=ROOT)
    wait_for(lambda: any(run.message == "working" for run in tmp_workspace.runs.list()))
    assert tmp_workspace.runs.list()[0].state == "running"  # its process lives: another one must not touch it
    process.kill()
    process.wait()
    run = Workspace.open(tmp_workspace.root).runs.list()[0]
    assert (run.state, run.is_running) == ("interrupted", False)
    assert "ended before it was done" in run.error


def test_unknown_run(tmp_workspace):
    with pytest.raises(NotFound, match="no run"):
        tmp_workspace.runs.get("nothing")
