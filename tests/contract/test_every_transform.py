"""The one contract test: transform × check. Adding a transform adds its tests; no class is named here."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback

import pyarrow.parquet as pq
import pytest

from tests.contract.cases import Case, assert_same, cases
from transforms import Recipe, catalog
from transforms import schema as types
from transforms.engines import DuckDBEngine, SparkEngine, scratch
from transforms.errors import AppError, ColumnNotFound, FitError, NotOnThisEngine, ParamError
from transforms.export import export
from transforms.export.pandas_code import read_back
from transforms.export.sql_code import expression
from transforms.fields import Columns_, marker_of
from transforms.functions import functions_in
from transforms.transform import SERVING_WORDS

CASES = list(cases())
TRANSFORMS = catalog.all_transforms()
every_case = pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
every_transform = pytest.mark.parametrize("cls", TRANSFORMS, ids=lambda c: c.name)


def inputs(case: Case) -> dict:
    return {"main": case.rows, **case.others}


class Lazy(dict):
    """Computes an entry when it is first asked for, so that one broken case breaks only its own tests."""

    def __init__(self, make):
        super().__init__()
        self.make = make
        self.cases = {case.id: case for case in CASES}

    def __missing__(self, case_id):
        self[case_id] = self.make(self.cases[case_id])
        return self[case_id]


@pytest.fixture(scope="session")
def fitted():
    return Lazy(lambda case: case.recipe().fit({"main": case.train, **case.others}, engine=scratch()))


@pytest.fixture(scope="session")
def on_duckdb(fitted):
    return Lazy(lambda case: fitted[case.id].run(inputs(case), engine=scratch()).to_arrow_table())


RUNNER = """
import json, pathlib, runpy, sys, traceback
for folder in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    others = [f"{p.stem.removeprefix('other_')}={p}" for p in sorted(folder.glob("other_*.parquet"))]
    sys.argv = ["prepare.py", str(folder / "in.parquet"), str(folder / "out.parquet"), *others]
    try:
        runpy.run_path(str(folder / "prepare.py"), run_name="__main__")
    except BaseException:
        (folder / "error.txt").write_text(traceback.format_exc())
assert not any(m.split(".")[0] in ("transforms", "ibis", "duckdb") for m in sys.modules)
"""


@pytest.fixture(scope="session")
def on_pandas(fitted, tmp_path_factory):
    """Run every exported Python file in one fresh, isolated process that cannot see Tilth."""
    root = tmp_path_factory.mktemp("exported")
    folders = {}
    for number, case in enumerate(CASES):
        if "pandas_export" in case.transform.differences:
            continue
        folder = folders[case.id] = root / f"{number:05d}"
        folder.mkdir()
        try:
            (folder / "prepare.py").write_text(export(fitted[case.id], "pandas"), encoding="utf-8")
        except Exception:
            (folder / "prepare.py").write_text(f"raise RuntimeError({traceback.format_exc()!r})")
        pq.write_table(case.rows, folder / "in.parquet")
        for name, table in case.others.items():
            pq.write_table(table, folder / f"other_{name}.parquet")
    runner = tmp_path_factory.mktemp("runner") / "runner.py"
    runner.write_text(RUNNER)
    done = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", runner, root], capture_output=True, text=True, cwd=root.parent
    )
    assert done.returncode == 0, done.stderr
    return folders


@every_case
def test_example_gives_the_rows_it_promises(case, on_duckdb):
    if case.expected is not None:
        assert_same(on_duckdb[case.id], case.expected, ordered=case.ordered, where=case.id)


@every_case
def test_exported_pandas_gives_the_same_table(case, on_duckdb, on_pandas):
    if case.id not in on_pandas:
        pytest.skip(case.transform.differences["pandas_export"])
    folder = on_pandas[case.id]
    error = folder / "error.txt"
    assert not error.exists(), error.read_text() + (folder / "prepare.py").read_text()
    found = pq.read_table(folder / "out.parquet")
    assert_same(found, on_duckdb[case.id], ordered=case.ordered, where=case.id)


@pytest.fixture(scope="session")
def spark():
    engine = SparkEngine()
    yield engine
    engine.session.stop()


@pytest.mark.spark
@every_case
def test_spark_gives_the_same_table(case, fitted, on_duckdb, spark, tmp_path):
    known = case.transform.differences
    if reason := known.get("spark") or (known.get("spark_edges") if case.id.endswith("-edges") else None):
        pytest.skip(reason)
    paths = {}
    for name, table in inputs(case).items():
        paths[name] = str(tmp_path / f"{name}.parquet")
        pq.write_table(table, paths[name])
    found = spark.arrow(fitted[case.id].expression(paths, engine=spark))
    assert_same(found, on_duckdb[case.id], ordered=case.ordered, where=case.id)


@pytest.mark.parametrize("case", [c for c in CASES if c.id.endswith(("-example", "-edges"))], ids=lambda c: c.id)
def test_a_single_record_gives_the_row_of_the_batch_run(case, fitted, on_duckdb):
    if case.transform.serving not in ("row", "fitted"):
        pytest.skip(f"serving class {case.transform.serving}: {SERVING_WORDS[case.transform.serving]}")
    rows, batch = case.rows.slice(0, 4), None
    fit = fitted[case.id]
    for place in range(rows.num_rows):
        batch = fit.run({"main": rows.slice(place, 1), **case.others}, engine=scratch()).to_arrow_table().to_pylist()
        if len(batch) > 1:
            continue  # splits one row into several: refused for records, tested in its family
        single = fit.transform_record(rows.slice(place, 1).to_pylist()[0], case.others)
        assert json.dumps(single, default=str) == json.dumps(batch[0] if batch else None, default=str)


@every_transform
def test_declares_what_the_form_and_the_docs_need(cls):
    assert cls.label and cls.summary().endswith(".") and cls.examples and cls.covers
    assert cls.serving in SERVING_WORDS
    assert cls.learns() <= (cls.serving in ("fitted", "batch", "training_only"))
    for name, declared in cls.model_fields.items():
        assert declared.title, f"{cls.name}.{name} has no label"
    assert cls.family() == cls.__module__.rsplit(".", 1)[-1], "the id starts with the module's name"


@every_case
def test_settings_and_state_survive_json(case, fitted):
    recipe = fitted[case.id]
    again = type(recipe).model_validate(json.loads(json.dumps(recipe.dump())))
    assert again == recipe
    assert read_back(export(recipe, "pandas")) == recipe if "pandas_export" not in case.transform.differences else True


@every_transform
def test_a_missing_column_is_named(cls):
    example = cls.examples[0]
    for name, declared in cls.model_fields.items():
        marker = marker_of(declared, Columns_)
        if marker is None or not example.settings.get(name):
            continue
        settings = dict(example.settings) | {name: ["gone"] if marker.many else "gone"}
        with pytest.raises(ColumnNotFound, match="column 'gone' is not in the table"):
            case = next(c for c in CASES if c.transform is cls)
            Recipe().add(cls.name, settings).fit({"main": case.train, **case.others}, engine=scratch())


@every_transform
def test_an_unknown_setting_is_refused_in_plain_words(cls):
    with pytest.raises(ParamError, match="there is no setting called 'no_such'"):
        cls.from_settings({**cls.examples[0].settings, "no_such": 1})


@pytest.mark.parametrize("case", [c for c in CASES if c.id.endswith("-example")], ids=lambda c: c.id)
def test_apply_runs_no_query_and_fit_at_most_one(case, fitted, monkeypatch):
    engine = DuckDBEngine()
    tables = {name: engine.table(t) for name, t in {"main": case.train, **case.others}.items()}
    count = 0
    run = type(engine.backend).to_pyarrow

    def counted(self, *args, **kwargs):
        nonlocal count
        count += 1
        return run(self, *args, **kwargs)

    monkeypatch.setattr(type(engine.backend), "to_pyarrow", counted)
    case.recipe().fit(tables, engine=engine)
    assert count <= 1
    count = 0
    fitted[case.id].expression(tables, engine=engine)
    assert count == 0


@pytest.mark.parametrize("case", [c for c in CASES if c.id.endswith("-example")], ids=lambda c: c.id)
def test_check_finds_nothing_wrong_with_an_example(case, fitted):
    problems = case.recipe().check(fitted[case.id].inputs)
    assert [p.message for p in problems if p.severity == "error"] == []


def calls_python(recipe, kind: str) -> bool:
    """Say whether the recipe calls Python functions; its export as SQL or Ibis must then refuse and name them."""
    if not (found := functions_in(expression(recipe))):
        return False
    with pytest.raises(NotOnThisEngine, match=found[0].function.name):
        export(recipe, kind)
    return True


@every_case
def test_sql_export_is_executed_and_equal(case, fitted, on_duckdb):
    if calls_python(fitted[case.id], "sql"):
        return
    engine = scratch()
    for name, table in inputs(case).items():
        engine.con.register("raw", table)
        engine.con.execute(
            f'CREATE OR REPLACE TABLE "{name}" AS {engine.sql(types.to_plain(engine.backend.table("raw")))}'
        )
    found = engine.con.execute(export(fitted[case.id], "sql")).to_arrow_table()
    assert_same(found, on_duckdb[case.id], ordered=case.ordered, where=case.id)


@pytest.mark.parametrize("case", [c for c in CASES if c.id.endswith(("-example", "-weird_names"))], ids=lambda c: c.id)
def test_ibis_export_is_executed_and_equal(case, fitted, on_duckdb):
    if calls_python(fitted[case.id], "ibis"):
        return
    engine = scratch()
    for name, table in inputs(case).items():
        engine.con.register("raw", table)
        plain = engine.sql(types.to_plain(engine.backend.table("raw")))
        engine.con.execute(f'CREATE OR REPLACE TABLE "{name}" AS {plain}').fetchall()
    code: dict = {}
    exec(export(fitted[case.id], "ibis"), code)
    found = code["prepare"](engine.backend).to_pyarrow()
    assert_same(found, on_duckdb[case.id], ordered=case.ordered, where=case.id)


def test_ids_are_unique_and_none_is_lost():
    names = [cls.name for cls in TRANSFORMS]
    assert len(names) == len(set(names))
    assert len(names) >= 60 and len(catalog.families()) >= 12
    assert issubclass(FitError, AppError)
