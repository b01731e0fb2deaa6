"""Running a recipe: the result and where it came from; cancelled or killed, there is before or after and nothing between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from transforms import FittedRecipe, Recipe
from transforms.errors import ColumnNotFound, NotFound
from workspace import Workspace, sql, tables
from workspace.doctor import clear
from workspace.running import fit_on, run_recipe
from workspace.runs import Cancelled

ROOT = Path(__file__).resolve().parents[2]
ROWS = 600_000
FILL = Recipe(name="fill").add("missing.fill_statistic", {"columns": ["x"], "statistic": "mean"})
HEAVY = (
    Recipe(name="heavy")
    .add("missing.fill_statistic", {"columns": ["x"]})
    .add("scale.clip", {"columns": ["x"], "method": "quantiles", "lower": 0.01, "upper": 0.99})
    .add("text.change_case", {"columns": ["name"], "case": "upper"})
    .add("privacy.hash", {"columns": ["name"], "suffix": "_hash"})
)


@pytest.fixture
def ws(tmp_workspace):
    with sql.connection() as con:
        tmp_workspace.datasets.write(
            "t", con.sql("SELECT * FROM (VALUES (1, 10.0), (2, NULL), (3, 30.0)) v(id, x)"), lineage={}
        )
    return tmp_workspace


def rows(dataset) -> list[tuple]:
    with sql.connection() as con:
        return dataset.relation(con).fetchall()


def parquet_files(ws) -> set[str]:
    return {p.name for p in (ws.root / "tables").rglob("*.parquet")}


def named_files(ws) -> set[str]:
    return {Path(f).name for d in ws.datasets.list() for v in ws.datasets.versions(d.name) for f in v.files}


# -- the result


def test_the_result_is_a_dataset_with_its_origin(ws):
    done = run_recipe(ws, FILL, {"main": "t"})
    assert (done.dataset.ref, done.dataset.rows) == ("fill result@1", 3)
    assert rows(done.dataset) == [(1, 10.0), (2, 20.0), (3, 30.0)]
    lineage = ws.datasets.get("fill result").lineage
    assert lineage["from"] == [{"kind": "dataset", "ref": "t@1"}]
    assert FittedRecipe.from_dict(lineage["fitted_recipe"]) == done.fitted
    assert done.fitted.states == {"s1": {"x": 20.0}}
    assert {k: done.fitted.fitted_on[k] for k in ("dataset", "version", "rows", "inputs")} == {
        "dataset": "t",
        "version": 1,
        "rows": 3,
        "inputs": {"main": "t@1"},
    }
    arrows = ws.lineage.of("dataset", "fill result@1")
    assert any("t@1" in str(a) for a in arrows)


def test_the_same_again_makes_no_new_version(ws):
    first = run_recipe(ws, FILL, {"main": "t"}, output="out")
    again = run_recipe(ws, FILL, {"main": "t@1"}, output="out")
    assert (first.dataset.ref, again.dataset.ref, again.dataset.is_new) == ("out@1", "out@1", False)
    assert parquet_files(ws) == named_files(ws)


def test_a_fitted_recipe_runs_with_the_states_it_has(ws):
    fitted = run_recipe(ws, FILL, {"main": "t"}).fitted
    with sql.connection() as con:
        new = ws.datasets.write(
            "new", con.sql("SELECT 9 AS id, NULL::DOUBLE AS x UNION ALL SELECT 10, 100.0"), lineage={}
        )
        assert fit_on(fitted, {"main": new}, con) is fitted
    done = run_recipe(ws, fitted, {"main": "new"}, output="scored")
    assert rows(done.dataset) == [(9, 20.0), (10, 100.0)]
    more = FittedRecipe.model_validate(fitted.add("scale.max_abs", {"columns": ["x"]}).dump())
    assert run_recipe(ws, more, {"main": "new"}, output="again").fitted.states["s1"] == {"x": 100.0}, (
        "a new step: all is fitted again"
    )


def test_a_join_names_both_inputs(ws):
    with sql.connection() as con:
        ws.datasets.write("names", con.sql("SELECT 1 AS id, 'ann' AS name"), lineage={})
    recipe = Recipe(name="j").add(
        "combine.join", {"input": "who", "keys": ["id"], "other_keys": ["id"], "how": "inner"}
    )
    done = run_recipe(ws, recipe, {"main": "t", "who": "names"})
    assert rows(done.dataset) == [(1, 10.0, "ann")]
    assert [o["ref"] for o in done.dataset.lineage["from"]] == ["t@1", "names@1"]
    assert done.dataset.lineage["recipe_inputs"] == {"who": "names@1"}


def test_errors_leave_nothing(ws):
    before = parquet_files(ws)
    with pytest.raises(ColumnNotFound, match='Step 1 "Fill missing numbers"'):
        run_recipe(ws, FILL.edit("s1", settings={"columns": ["no"]}), {"main": "t"}, output="out")
    with pytest.raises(NotFound, match="There is no dataset called 'nothing'"):
        run_recipe(ws, FILL, {"main": "nothing"})
    assert [d.name for d in ws.datasets.list()] == ["t"]
    assert parquet_files(ws) == before


# -- cancel


def test_a_run_says_how_far_it_is(ws):
    seen = []

    def work(handle):
        progress = handle.progress
        handle.progress = lambda share=None, message=None: (seen.append((share, message)), progress(share, message))
        return {
            "ref": run_recipe(
                ws, FILL.add("number.negate", {"columns": ["x"]}), {"main": "t"}, handle=handle
            ).dataset.ref
        }

    run = ws.runs.wait(ws.runs.start("recipe", "Run fill", work).id, 60)
    assert (run.state, run.outcome) == ("done", {"ref": "fill result@1"})
    assert seen == [
        (0.0, "Step 1 of 2: Fill missing numbers"),
        (0.3, "Step 2 of 2: Change the sign"),
        (0.6, "Writing the result of 2 steps"),
    ]


@pytest.mark.parametrize("moment", ["Step 1", "Step 3", "Writing"])
def test_a_cancelled_run_keeps_nothing(ws, moment):
    with sql.connection() as con:
        ws.datasets.write(
            "big", con.sql("SELECT range::DOUBLE AS x, 'name ' || range AS name FROM range(300000)"), lineage={}
        )
    before = parquet_files(ws)
    run_id = None

    def work(handle):
        progress = handle.progress

        def stop_there(share=None, message=None):
            progress(share, message)
            if message.startswith(moment):
                ws.runs.cancel(handle.id)

        handle.progress = stop_there
        return run_recipe(ws, HEAVY, {"main": "big"}, output="out", handle=handle)

    run_id = ws.runs.start("recipe", "Heavy", work).id
    run = ws.runs.wait(run_id, 60)
    assert (run.state, run.error) == ("cancelled", "The run was cancelled; nothing was changed.")
    with pytest.raises(NotFound):
        ws.datasets.get("out")
    assert parquet_files(ws) == before
    assert not (ws.root / "tmp").exists() or list((ws.root / "tmp").iterdir()) == []


def test_a_cancel_during_the_query_interrupts_it(ws):
    with sql.connection() as con:
        ws.datasets.write(
            "big", con.sql(f"SELECT range::DOUBLE AS x, 'name ' || range AS name FROM range({ROWS})"), lineage={}
        )
    writes = threading.Event()

    def work(handle):
        progress = handle.progress
        handle.progress = lambda share, message: (
            progress(share, message),
            message.startswith("Writing") and writes.set(),
        )
        return run_recipe(ws, HEAVY, {"main": "big"}, output="out", handle=handle)

    run = ws.runs.start("recipe", "Heavy", work)
    assert writes.wait(60)
    time.sleep(0.05)
    ws.runs.cancel(run.id)
    ended = ws.runs.wait(run.id, 60)
    assert ended.state == "cancelled"
    assert [d.name for d in ws.datasets.list()] == ["big", "t"]
    assert parquet_files(ws) == named_files(ws)


def test_cancelled_is_raised_to_a_caller(ws):
    def work(handle):
        handle._cancel()
        return run_recipe(ws, FILL, {"main": "t"}, handle=handle)

    with pytest.raises(Cancelled):
        ws.runs.call("recipe", "r", work)


# -- kill -9

RUN_IT = """
import sys
from transforms import Recipe
from workspace import Workspace
from workspace.running import run_recipe
ws = Workspace.open(sys.argv[1])
print("ready", flush=True)
run_recipe(ws, Recipe.load(sys.argv[2]), {"main": "big"}, output="out")
print("done", flush=True)
"""


@pytest.fixture
def big(ws, tmp_path):
    with sql.connection() as con:
        made = con.sql(f"SELECT range::DOUBLE AS x, 'name ' || range AS name FROM range({ROWS})")
        ws.datasets.write("big", made, lineage={})
        made.write_parquet(str(tmp_path / "big.parquet"))
    HEAVY.save(tmp_path / "heavy.json")
    return tmp_path


@pytest.mark.slow
def test_kill_in_the_middle_of_a_run_leaves_before_or_after(ws, big):
    run_recipe(ws, FILL, {"main": "t"}, output="out")  # the version before
    seen = set()
    for delay in (0.0, 0.2, 0.4, 0.7, 1.1):
        before = [v.ref for v in ws.datasets.versions("out")]
        process = subprocess.Popen(
            [sys.executable, "-c", RUN_IT, str(ws.root), str(big / "heavy.json")],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        again = Workspace.open(ws.root)
        after = [v.ref for v in again.datasets.versions("out")]
        seen.add(after == before)
        assert after in (before, [f"out@{len(before) + 1}", *before])
        newest = again.datasets.get("out")
        with sql.connection() as con:
            found = con.execute(f"SELECT count(*), count(DISTINCT x) FROM {newest.sql()}").fetchall()[0]
        assert found[0] == newest.rows == (3 if "name" not in [c["name"] for c in newest.columns] else ROWS)
        clear(again)
        assert parquet_files(again) == named_files(again)
        assert list((again.root / "tmp").iterdir()) == []
        assert {Path(f).name for f in tables.active_files(Path(newest.files[0]).parent)} == {
            Path(f).name for f in newest.files
        }
        if after != before:
            run_recipe(again, FILL, {"main": "t"}, output="out")
        again.close()
    assert True in seen  # at least one kill came in time


@pytest.mark.slow
def test_kill_in_the_middle_of_tilth_run_leaves_the_old_file_or_the_new(ws, big):
    output, state = big / "out.parquet", big / "out.parquet.recipe.json"
    command = [
        sys.executable,
        "-c",
        "import cli; cli.main()",
        "run",
        str(big / "heavy.json"),
        "--input",
        str(big / "big.parquet"),
        "--output",
        str(output),
    ]
    environment = os.environ | {"TILTH_WORKSPACE": str(ws.root), "PYTHONPATH": str(ROOT)}
    seen = set()
    for delay in (0.0, 0.1, 0.3, 0.6, 1.0):
        output.write_bytes(b"old")
        state.write_text('{"old": true}')
        process = subprocess.Popen(
            command, cwd=big, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        while not (line := process.stderr.readline()).startswith("Step 1") and line:
            pass
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stderr.close()
        is_old = output.read_bytes() == b"old"
        seen.add(is_old)
        if not is_old:
            with sql.connection() as con:
                assert con.execute(f"SELECT count(*) FROM '{output}'").fetchall() == [(ROWS,)]
        said = json.loads(state.read_text())
        assert said == {"old": True} or FittedRecipe.from_dict(said).states.keys() == {"s1", "s2"}
        if is_old:
            assert said == {"old": True}, "the recipe of a result is written after the result"
    assert True in seen
