"""Runs cases: compiled once per example on DuckDB, exported pandas in one isolated process."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.contract.cases import Case
from transforms.engines import DuckDBEngine
from transforms.export import export
from transforms.recipe import FittedRecipe


class Worker:
    """One isolated process that runs exported files; a new one after a crash."""

    def __init__(self):
        script = Path(__file__).with_name("worker.py")
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-W", "ignore", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, folder: Path) -> str:
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Bench:
    """Fits, compiles and exports each key once; the cases of a key differ in their rows only."""

    def __init__(self, folder: Path):
        self.engine = DuckDBEngine()
        self.worker = Worker()
        self.folder = folder
        self.counter = itertools.count()
        self._fitted: dict[str, FittedRecipe] = {}
        self._queries: dict[str, tuple[str, dict[str, str]]] = {}
        self._results: dict[str, pa.Table] = {}
        self._codes: dict[str, str] = {}

    def fitted(self, case: Case) -> FittedRecipe:
        if case.key not in self._fitted:
            inputs = {"main": case.train, **case.others}
            self._fitted[case.key] = case.recipe().fit(inputs, engine=self.engine)
        return self._fitted[case.key]

    def duckdb(self, case: Case) -> pa.Table:
        """Return what DuckDB gives for the case's rows."""
        if case.id not in self._results:
            inputs = {"main": case.rows, **case.others}
            if case.key not in self._queries:
                views = {name: f"bench_{next(self.counter)}" for name in inputs}
                for name, rows in inputs.items():
                    self.engine.con.register(views[name], rows)
                tables = {name: self.engine.table(self.engine.backend.table(view)) for name, view in views.items()}
                expression = self.fitted(case).expression(tables, engine=self.engine)
                self._queries[case.key] = (self.engine.sql(expression), views)
            sql, views = self._queries[case.key]
            for name, rows in inputs.items():
                self.engine.con.register(views[name], rows)
            self._results[case.id] = self.engine.con.sql(sql).to_arrow_table()
        return self._results[case.id]

    def code(self, case: Case) -> str:
        if case.key not in self._codes:
            self._codes[case.key] = export(self.fitted(case), "pandas")
        return self._codes[case.key]

    def pandas(self, case: Case) -> pa.Table:
        """Return what the exported pandas file gives, run where Tilth cannot be seen."""
        return run_file(self.worker, self.folder, self.code(case), case)

    def stop(self) -> None:
        self.worker.stop()


def run_file(worker: Worker, folder: Path, code: str, case: Case) -> pa.Table:
    """Run an exported file on the case's rows and return its result; fail with the file and its traceback."""
    for old in folder.glob("*.parquet"):
        old.unlink()
    (folder / "prepare.py").write_text(code, encoding="utf-8")
    pq.write_table(case.rows, folder / "in.parquet")
    for name, table in case.others.items():
        pq.write_table(table, folder / f"other_{name}.parquet")
    answer = worker.run(folder)
    assert answer == "ok", f"{answer}\n{code}"
    return pq.read_table(folder / "out.parquet")
