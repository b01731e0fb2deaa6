"""The one contract test: transform × check. Adding a transform adds its tests; no class is named here."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.contract.cases import Case, assert_same, cases
from tests.contract.running import Bench
from transforms import Recipe, catalog
from transforms import schema as types
from transforms.engines import DuckDBEngine, SparkEngine, scratch
from transforms.errors import AppError, ColumnNotFound, FitError, InputError, NotOnThisEngine, ParamError
from transforms.export import export
from transforms.export.pandas_code import read_back
from transforms.export.sql_code import expression
from transforms.fields import Columns_, marker_of
from transforms.functions import functions_in
from transforms.serving import RecordRunner
from transforms.transform import SERVING_WORDS

CASES = list(cases())
TRANSFORMS = catalog.all_transforms()
every_case = pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
every_transform = pytest.mark.parametrize("cls", TRANSFORMS, ids=lambda c: c.name)


def inputs(case: Case) -> dict:
    return {"main": case.rows, **case.others}


EXAMPLES_ONLY = [c for c in CASES if c.id.endswith("-example")]
DISTINCT = [c for c in CASES if c.id.endswith(("-example", "-weird_names"))]  # the others repeat their code
every_example = pytest.mark.parametrize("case", EXAMPLES_ONLY, ids=lambda c: c.id)
every_code = pytest.mark.parametrize("case", DISTINCT, ids=lambda c: c.id)


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    found = Bench(tmp_path_factory.mktemp("bench"))
    yield found
    found.stop()


@every_case
def test_example_gives_the_rows_it_promises(case, bench):
    found = bench.duckdb(case)
    if case.expected is not None:
        assert_same(found, case.expected, ordered=case.ordered, where=case.id)


@every_case
def test_exported_pandas_gives_the_same_table(case, bench):
    if reason := case.transform.differences.get("pandas_export"):
        pytest.skip(reason)
    assert_same(bench.pandas(case), bench.duckdb(case), ordered=case.ordered, where=case.id)


@pytest.fixture(scope="session")
def spark():
    engine = SparkEngine()
    yield engine
    engine.session.stop()


@pytest.mark.spark
@every_case
def test_spark_gives_the_same_table(case, bench, spark, tmp_path):
    known = case.transform.differences
    if reason := known.get("spark") or (known.get("spark_edges") if case.id.endswith("-edges") else None):
        pytest.skip(reason)
    paths = {}
    for name, table in inputs(case).items():
        paths[name] = str(tmp_path / f"{name}.parquet")
        pq.write_table(table, paths[name])
    found = spark.arrow(bench.fitted(case).expression(paths, engine=spark))
    assert_same(found, bench.duckdb(case), ordered=case.ordered, where=case.id)


@pytest.mark.parametrize("case", [c for c in CASES if c.id.endswith(("-example", "-edges"))], ids=lambda c: c.id)
def test_single_records_give_the_rows_of_the_batch_run(case, bench):
    """Each record in plain Python, the same through DuckDB, and all of them together against the batch."""
    if case.transform.serving not in ("row", "fitted"):
        pytest.skip(f"serving class {case.transform.serving}: {SERVING_WORDS[case.transform.serving]}")
    runner, rows = RecordRunner(bench.fitted(case), case.others), []
    for record in case.rows.to_pylist():
        values = runner.values(record)
        try:
            rows.append(runner.run(record))
        except InputError as error:
            assert "became" in str(error)  # splits one row into several: refused for records, tested in its family
            return
        assert json.dumps(rows[-1], default=str) == json.dumps(runner.by_query(values), default=str)
    kept = [row for row in rows if row is not None]
    batch = bench.duckdb(case)
    names = batch.column_names
    found = pa.table(
        {n: pa.array([r[n] for r in kept], batch.schema.field(n).type) for n in names}, schema=batch.schema
    )
    assert_same(found, batch, where=case.id)


@every_transform
def test_declares_what_the_form_and_the_docs_need(cls):
    assert cls.label and cls.summary().endswith(".") and cls.examples and cls.covers
    assert cls.serving in SERVING_WORDS
    assert cls.learns() <= (cls.serving in ("fitted", "batch", "training_only"))
    for name, declared in cls.model_fields.items():
        assert declared.title, f"{cls.name}.{name} has no label"
    assert cls.family() == cls.__module__.rsplit(".", 1)[-1].split("_")[0], "the id starts with the module's name"


@every_code
def test_settings_and_state_survive_json(case, bench):
    recipe = bench.fitted(case)
    again = type(recipe).model_validate(json.loads(json.dumps(recipe.dump())))
    assert again == recipe
    assert read_back(bench.code(case)) == recipe if "pandas_export" not in case.transform.differences else True


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


@every_example
def test_apply_runs_no_query_and_fit_at_most_one(case, bench, monkeypatch):
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
    bench.fitted(case).expression(tables, engine=engine)
    assert count == 0


@every_example
def test_check_finds_nothing_wrong_with_an_example(case, bench):
    problems = case.recipe().check(bench.fitted(case).inputs)
    assert [p.message for p in problems if p.severity == "error"] == []


def calls_python(recipe, kind: str) -> bool:
    """Say whether the recipe calls Python functions; its export as SQL or Ibis must then refuse and name them."""
    if not (found := functions_in(expression(recipe))):
        return False
    with pytest.raises(NotOnThisEngine, match=found[0].function.name):
        export(recipe, kind)
    return True


@every_code
def test_sql_export_is_executed_and_equal(case, bench):
    if calls_python(bench.fitted(case), "sql"):
        return
    engine = scratch()
    for name, table in inputs(case).items():
        engine.con.register("raw", table)
        engine.con.execute(
            f'CREATE OR REPLACE TABLE "{name}" AS {engine.sql(types.to_plain(engine.backend.table("raw")))}'
        )
    found = engine.con.execute(export(bench.fitted(case), "sql")).to_arrow_table()
    assert_same(found, bench.duckdb(case), ordered=case.ordered, where=case.id)


@pytest.mark.parametrize("case", [c for c in DISTINCT if c.key.endswith(("-0", "-weird_names"))], ids=lambda c: c.id)
def test_ibis_export_is_executed_and_equal(case, bench):
    if calls_python(bench.fitted(case), "ibis"):
        return
    engine = scratch()
    for name, table in inputs(case).items():
        engine.con.register("raw", table)
        plain = engine.sql(types.to_plain(engine.backend.table("raw")))
        engine.con.execute(f'CREATE OR REPLACE TABLE "{name}" AS {plain}').fetchall()
    code: dict = {}
    exec(export(bench.fitted(case), "ibis"), code)
    found = code["prepare"](engine.backend).to_pyarrow()
    assert_same(found, bench.duckdb(case), ordered=case.ordered, where=case.id)


def test_ids_are_unique_and_none_is_lost():
    names = [cls.name for cls in TRANSFORMS]
    assert len(names) == len(set(names))
    assert len(names) >= 60 and len(catalog.families()) >= 12
    assert issubclass(FitError, AppError)
