"""Exported code: the story of the app store, run without Tilth in a fresh process, gives the same table; names stay data."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stdout
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from examples.make_samples import make_samples
from sources import import_source
from tests.contract.cases import _rename_settings, assert_same, table
from transforms import FittedRecipe, Recipe, catalog
from transforms.engines import connect, scratch
from transforms.errors import InputError, NotOnThisEngine, RecipeError
from transforms.export import FORMATS, SUFFIX, export, read_back
from transforms.export.sql_code import expression
from transforms.functions import functions_in
from workspace import Workspace


def story() -> Recipe:
    """What one does with the app store first."""
    statistics = [
        {"column": "Sentiment_Polarity", "statistic": "mean", "to": "sentiment"},
        {"column": "Sentiment", "statistic": "count", "to": "reviews read"},
    ]
    return (
        Recipe(name="app store")
        .add("types.parse_number", {"columns": ["Size", "Installs", "Price"]})
        .add("rows.drop_duplicates", {"columns": []})
        .add("missing.fill_statistic", {"columns": ["Rating", "Size"], "statistic": "median"})
        .add("scale.clip", {"columns": ["Price", "Reviews"], "method": "quantiles", "lower": 0.01, "upper": 0.99})
        .add("encode.one_hot", {"columns": ["Content Rating", "Type"]})
        .add(
            "combine.join_summary",
            {"input": "reviews", "keys": ["App"], "other_keys": ["App"], "statistics": statistics},
        )
        .add("types.parse_date", {"columns": ["Last Updated"], "format": "%B %d, %Y"})
        .add("dates.extract_part", {"column": "Last Updated", "part": "year", "to": "year"})
        .edit("s4", note="prices of 400 $ are jokes")
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The sample data as datasets, the fitted story, and its result on DuckDB."""
    folder = tmp_path_factory.mktemp("store")
    ws = Workspace.open(folder / "ws")
    apps, reviews = (import_source(ws, path) for path in make_samples(folder))
    con = connect()
    sources = {"main": apps, "reviews": reviews}
    fitted = story().fit(sources, con)
    expected = fitted.run(sources, con).to_arrow_table()
    assert [len(d.files) for d in (apps, reviews)] == [1, 1]
    yield SimpleNamespace(
        fitted=fitted, expected=expected, sources=sources, apps=apps.files[0], reviews=reviews.files[0]
    )
    ws.close()


def alone(folder, *arguments):
    """Run Python that cannot see Tilth."""
    done = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", *map(str, arguments)], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


BLIND = "\nassert not any(m.split('.')[0] in ('transforms', 'ibis', 'duckdb', 'workspace') for m in __import__('sys').modules)\n"


def test_the_story_is_worth_comparing(store):
    columns = store.expected.to_pydict()
    assert 9_600 < store.expected.num_rows < 9_999
    assert None not in columns["Rating"] and None not in columns["Size"]
    assert max(columns["Size"]) == 100e6 and 5e6 < store.fitted.states["s3"]["Size"] < 30e6
    assert set(columns["Type_Free"]) == {0, 1} and {
        "Content Rating_Everyone 10+",
        "sentiment",
        "reviews read",
        "year",
    } <= set(columns)
    assert 500 < sum(v is not None for v in columns["sentiment"]) < 3000
    assert set(columns["year"]) <= set(range(2010, 2019))


def test_pandas_in_a_fresh_process_gives_the_same_table(store, tmp_path):
    code = export(store.fitted, "pandas")
    assert "# 4. Clip outliers: Price, Reviews (prices of 400 $ are jokes)" in code
    (tmp_path / "prepare.py").write_text(code + BLIND, encoding="utf-8")
    alone(tmp_path, "prepare.py", store.apps, "out.parquet", f"reviews={store.reviews}")
    assert_same(pq.read_table(tmp_path / "out.parquet"), store.expected, where="pandas")
    alone(tmp_path, "prepare.py", store.apps, "out.csv", f"reviews={store.reviews}")
    assert (tmp_path / "out.csv").read_text().count("\n") >= store.expected.num_rows


def test_exported_pandas_says_which_column_is_missing(store, tmp_path):
    (tmp_path / "prepare.py").write_text(export(store.fitted, "pandas"), encoding="utf-8")
    pq.write_table(pq.read_table(store.apps).drop_columns(["Size"]), tmp_path / "in.parquet")
    done = subprocess.run(
        [sys.executable, "-I", "prepare.py", "in.parquet", "out.parquet", f"reviews={store.reviews}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stderr.startswith("The input has no column ['Size']")


def test_the_cells_of_the_notebook_give_the_same_table(store, tmp_path):
    text = export(store.fitted, "notebook")
    notebook = json.loads(text)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({c["id"] for c in notebook["cells"]}) == len(notebook["cells"])
    titles = [c["source"] for c in notebook["cells"] if c["cell_type"] == "markdown" and c["source"].startswith("## ")]
    assert len(titles) == 8 and titles[1].startswith("## 2. ")
    (tmp_path / "input.parquet").symlink_to(store.apps)
    (tmp_path / "reviews.parquet").symlink_to(store.reviews)
    cells = [c["source"] for c in notebook["cells"] if c["cell_type"] == "code"]
    (tmp_path / "cells.py").write_text(
        f"for cell in {cells!r}:\n    exec(cell, globals())\ndf.to_parquet('out.parquet')\n{BLIND}", encoding="utf-8"
    )
    alone(tmp_path, "cells.py")
    assert_same(pq.read_table(tmp_path / "out.parquet"), store.expected, where="notebook")


def test_the_notebook_is_valid_by_the_format():
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    fitted = Recipe(name="n").add("number.negate", {"columns": ["a"]}).fit(pa.table({"a": [1]}))
    nbformat.validate(nbformat.reads(export(fitted, "notebook"), as_version=4))


def test_sql_gives_the_same_table(store, tmp_path):
    text = export(store.fitted, "sql")
    con = connect()
    con.execute(f"CREATE VIEW main AS FROM '{store.apps}'").fetchall()
    con.execute(f"CREATE VIEW reviews AS FROM '{store.reviews}'").fetchall()
    assert_same(con.execute(text).to_arrow_table(), store.expected, where="sql")
    assert text.startswith("-- Recipe 'app store', exported by Tilth for duckdb. Input tables: main, reviews.\n")


def test_sql_for_other_databases():
    fitted = Recipe().add("scale.min_max", {"columns": ["a"]}).fit(pa.table({"a": [1.0, 3.0]}))
    for dialect in ("databricks", "postgres", "bigquery", "snowflake"):
        assert "SELECT" in export_sql(fitted, dialect)
    with pytest.raises(NotOnThisEngine, match="cannot be written in nosuch SQL") as caught:
        export_sql(fitted, "nosuch")
    assert "\n" not in str(caught.value)


def export_sql(fitted, dialect):
    return export(fitted, "sql", dialect=dialect)


def test_ibis_gives_the_same_table(store):
    import ibis

    code: dict = {}
    exec(export(store.fitted, "ibis"), code)
    con = ibis.duckdb.connect()
    con.read_parquet(store.apps, table_name="main")
    con.read_parquet(store.reviews, table_name="reviews")
    assert_same(code["prepare"](con).to_pyarrow(), store.expected, where="ibis")


SKLEARN = """
import sys
import pandas as pd
import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from prepare import Prepare

apps = pd.read_parquet("apps.parquet", dtype_backend="numpy_nullable")
reviews = pd.read_parquet("reviews.parquet", dtype_backend="numpy_nullable")
columns = ["Size", "Price", "Type_Free", "year"]
pick = FunctionTransformer(lambda df: df[columns].astype(float).fillna(0).to_numpy())
model = make_pipeline(Prepare(others={"reviews": reviews}), pick, LinearRegression())
model = clone(model).fit(apps, np.arange(len(apps)))
assert model.predict(apps.head(7)).shape == (7,)
model[0].transform(apps).to_parquet("out.parquet")
"""


def test_the_sklearn_transformer_works_inside_a_pipeline(store, tmp_path):
    pytest.importorskip("sklearn")
    (tmp_path / "prepare.py").write_text(export(store.fitted, "sklearn"), encoding="utf-8")
    (tmp_path / "use.py").write_text("import sys; sys.path.insert(0, '.')\n" + SKLEARN + BLIND, encoding="utf-8")
    (tmp_path / "apps.parquet").symlink_to(store.apps)
    (tmp_path / "reviews.parquet").symlink_to(store.reviews)
    alone(tmp_path, "use.py")
    without = store.fitted.edit("s2", enabled=False)  # a training-only step is skipped at inference
    expected = without.run(store.sources, connect_like(store)).to_arrow_table()
    assert expected.num_rows == 9_999
    assert_same(pq.read_table(tmp_path / "out.parquet"), expected, where="sklearn")


def connect_like(store):
    return connect()


def test_steps_that_need_other_rows_cannot_be_a_transformer():
    fitted = Recipe().add("window.row_number", {"order_by": "a", "to": "n"}).fit(pa.table({"a": [1]}))
    with pytest.raises(RecipeError, match='Step 1 "[^"]+": it needs the other rows'):
        export(fitted, "sklearn")


def test_code_that_we_wrote_is_read_back(store, tmp_path):
    for kind in ("pandas", "sklearn"):
        path = tmp_path / f"{kind}.py"
        path.write_text(export(store.fitted, kind), encoding="utf-8")
        again = read_back(path)
        assert type(again) is FittedRecipe
        assert (
            again == store.fitted
            if kind == "pandas"
            else [s.id for s in again.steps] == ["s1", "s3", "s4", "s5", "s6", "s7", "s8"]
        )
    notebook = json.loads(export(store.fitted, "notebook"))
    assert FittedRecipe.from_dict(notebook["metadata"]["tilth_recipe"]) == store.fitted
    (tmp_path / "other.py").write_text("print('hello')\n")
    with pytest.raises(InputError, match="was not exported by Tilth"):
        read_back(tmp_path / "other.py")


def test_an_unknown_kind_names_the_known_ones(store):
    with pytest.raises(InputError, match="Choose one of pandas, sql, ibis, notebook, sklearn"):
        export(store.fitted, "cobol")
    assert set(SUFFIX) == set(FORMATS)


# -- names are data: they cannot become code

EVIL = [
    "'''+hacked()+'''", '"""+hacked()+"""', "a\nhacked()\n#", "{hacked()}", '"); hacked() #', "'); hacked() #", "\\'); hacked() #", "%(x)s", "a\rhacked()",
    "\\", "${x}", "{x}", "#{0!r}", "`hacked()`", "\u2028hacked()", "]]; hacked()", "tail\\",
]  # fmt: skip


def hacked(*args):
    raise AssertionError("a name became code")


def run_code(code: str, file: str) -> dict:
    space = {"hacked": hacked, "__name__": "prepare"}
    with redirect_stdout(io.StringIO()) as said:
        exec(compile(code, file, "exec"), space)
    assert said.getvalue() == ""
    return space


@pytest.mark.parametrize("cls", catalog.all_transforms(), ids=lambda c: c.name)
def test_no_column_name_becomes_code(cls):
    if cls.name == "reshape.unpivot_pattern":
        pytest.skip("its setting is a pattern over column names, which the odd names do not fit")
    example = cls.examples[0]
    columns = sorted(set(example.before) | {c for t in example.others.values() for c in t})
    for shift in (3 * catalog.all_transforms().index(cls) % len(EVIL),):
        renamed = dict(zip(columns, EVIL[shift:] + EVIL[:shift], strict=False))
        settings = _rename_settings(cls, dict(example.settings), renamed)
        name = EVIL[shift] + EVIL[shift - 1]
        before = table(example.before, example.types)
        train = table(example.train, example.types) if example.train else before
        rows = {"main": before.rename_columns([renamed[c] for c in before.column_names])}
        rows |= {
            n: (t := table(v, example.types)).rename_columns([renamed[c] for c in t.column_names])
            for n, v in example.others.items()
        }
        recipe = Recipe(name=name).add(cls.name, settings).edit("s1", note=name)
        fitted = recipe.fit(rows | {"main": train.rename_columns(rows["main"].column_names)}, engine=scratch())
        expected = fitted.run(rows, engine=scratch()).to_arrow_table()
        if "pandas_export" not in cls.differences:
            space = run_code(export(fitted, "pandas"), "prepare.py")
            frames = {n: t.to_pandas(types_mapper=types_mapper) for n, t in rows.items()}
            main = frames.pop("main")
            found = pa.Table.from_pandas(space["prepare"](main, frames or None), preserve_index=False)
            assert_same(found, expected, ordered=example.ordered, where=cls.name)
            for cell in json.loads(export(fitted, "notebook"))["cells"]:
                if cell["cell_type"] == "code":
                    compile(cell["source"], "cell", "exec")
        if functions_in(expression(fitted)):
            continue  # Python functions: SQL and Ibis exports refuse them by name (see tests/contract)
        con = connect()
        for n, t in rows.items():
            con.register("arrow", t)
            con.execute(f'CREATE TABLE "{n}" AS FROM arrow').fetchall()
        assert_same(
            con.execute(export(fitted, "sql")).to_arrow_table(), expected, ordered=example.ordered, where=cls.name
        )
        run_code(export(fitted, "ibis"), "ibis.py")


def types_mapper(dtype):
    import pandas as pd

    return {
        pa.int64(): pd.Int64Dtype(),
        pa.float64(): pd.Float64Dtype(),
        pa.string(): pd.StringDtype(),
        pa.bool_(): pd.BooleanDtype(),
    }.get(dtype)


def test_no_setting_nor_input_name_becomes_code():
    rows = pa.table({"t": ["x", None]})
    for text in EVIL:
        recipe = (
            Recipe(name=text)
            .add("missing.fill_constant", {"columns": ["t"], "value": text})
            .add("logic.map_values", {"columns": ["t"], "mapping": {"x": text}})
            .add("text.add_affix", {"columns": ["t"], "before": text})
            .add("text.find_replace", {"columns": ["t"], "find": text, "replace": "." + text})
            .add("columns.add_constant", {"to": text, "value": text})
            .add("encode.one_hot", {"columns": ["t"]})
            .add("combine.union", {"input": text, "source_column": "from"})
        )
        inputs = {"main": rows, text: pa.table({"u": [1]})}
        fitted = recipe.fit(inputs, engine=scratch())
        expected = fitted.run(inputs, engine=scratch()).to_arrow_table()
        space = run_code(export(fitted, "pandas"), "prepare.py")
        frame = space["prepare"](
            rows.to_pandas(types_mapper=types_mapper), {text: inputs[text].to_pandas(types_mapper=types_mapper)}
        )
        assert_same(pa.Table.from_pandas(frame, preserve_index=False), expected, where=text)
        con = connect()
        for name, t in inputs.items():
            con.register("arrow", t)
            quoted = name.replace('"', '""')
            con.execute(f'CREATE TABLE "{quoted}" AS FROM arrow').fetchall()
        assert_same(con.execute(export(fitted, "sql")).to_arrow_table(), expected, where=text)
        run_code(export(fitted, "ibis"), "ibis.py")
        run_code(export(fitted.remove("s7"), "sklearn"), "prepare.py")
        assert read_back_text(export(fitted, "pandas")) == fitted


def read_back_text(code: str):
    from transforms.export.pandas_code import read_back

    return read_back(code)


def test_sql_names_the_columns_even_where_a_step_takes_all():
    rows = pa.table({"a": [2, 1], "b": ["x", "y"]})
    recipe = Recipe().add("columns.keep", {"columns": ["a", "b"]}).add("rows.sort", {"columns": ["a"]})
    sql = export(recipe.fit({"main": rows}, engine=scratch()), "sql")
    con = connect()
    con.register("main", pa.table({"more": [0, 0], "b": ["x", "y"], "a": [2, 1]}))
    assert con.sql(sql).to_arrow_table().to_pydict() == {"a": [1, 2], "b": ["y", "x"]}
