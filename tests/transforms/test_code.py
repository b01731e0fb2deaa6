"""Own code: what formulas mean, what a query may read, and that Python is off, apart and bounded."""

from __future__ import annotations

import pytest

from transforms import Recipe, formula, own_python, own_sql
from transforms.engines import scratch
from transforms.errors import AppError, ColumnNotFound, ParamError, RecipeError
from transforms.examples import table

ROWS = {
    "a": [1, 2, None],
    "x": [1.5, None, -3.0],
    "t": [" Ab ", "b", None],
    "b": [True, None, False],
    "odd name": [1, 2, 3],
}


def value(text, rows=ROWS):
    """Return what a formula gives for each row."""
    fitted = Recipe().add("code.expression", {"expression": text, "to": "_"}).fit(table(rows, {}), engine=scratch())
    return fitted.run(table(rows, {}), engine=scratch()).to_arrow_table()["_"].to_pylist()


@pytest.mark.parametrize(("text", "expected"), [
    ("a + x * 2", [4.0, None, None]), ("=-a ^ 2", [1.0, 4.0, None]), ("7 / 0", [None] * 3), ("'a' || 1", ["a1"] * 3), ("`odd name` % 2", [1.0, 0.0, 1.0]),
    ("a > 1 or b", [True, True, None]), ("not (a > 1 or null)", [None, False, None]), ("a is null and b is false", [False, False, True]),
    ("case a when 1 then 'one' else 'more' end", ["one", "more", "more"]), ("if(a > 1, x)", [None, None, None]), ("coalesce(x, a, 0)", [1.5, 2.0, -3.0]),
    ("concat(t, '-', a)", [" Ab -1", "b-2", "-"]), ("t like '%b%'", [True, True, None]), ("t like 'b'", [False, True, None]), ("trim(t) ilike 'AB'", [True, False, None]),
    ("a not in (1, 3)", [False, True, None]), ("x between -5 and 0", [False, None, True]), ("cast(x as bigint)", [1, None, -3]), ("nullif(a, 1)", [None, 2, None]),
    ("greatest(a, x)", [1.5, 2.0, -3.0]), ("DATE '2024-01-02' < '2024-01-03'", [True] * 3), ("null", [None] * 3), ("round(x * 2)", [3.0, None, -6.0]),
])  # fmt: skip
def test_formulas(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(("text", "said"), [
    ("", "write a formula"), ("a +", "cannot be read"), ("upper(t", "cannot be read"), ("1; 2", "not one formula"), ("(select 1)", "cannot hold"), ("sum(a) over ()", "cannot hold"),
    ("read_csv('x')", "not a function"), ("getenv('HOME')", "not a function"), ("log(a)", "LN"), ("a + t", "needs a number"), ("a = t", "cannot be compared"), ("left(t, a)", "must be a whole number"),
    ("left(t)", "arguments"), ("if(a, 1, 2)", "needs true/false"), ("if(b, 1, 'x')", "different kinds"), ("a.b", "cannot hold"), ("t like a", "LIKE takes"), ("cast(a as blob)", "not possible"), ("x" * 20_000, "characters"),
])  # fmt: skip
def test_formulas_that_are_refused(text, said):
    with pytest.raises((ParamError, ColumnNotFound), match=said):
        value(text)


def test_a_missing_column_is_named_and_checked_without_data():
    recipe = Recipe().add("code.expression", {"expression": "naem + 1", "to": "n"})
    assert "did you mean 'name'" in recipe.check({"main": {"name": "float64"}})[0].hint


def test_a_formula_serves_one_record_and_filters():
    recipe = (
        Recipe()
        .add("code.expression", {"expression": "a * 2", "to": "a"})
        .add("code.filter_rows", {"expression": "a > 2"})
    )
    fitted = recipe.fit(table(ROWS, {}), engine=scratch())
    assert fitted.transform_record({"a": 2})["a"] == 4.0 and fitted.transform_record({"a": 1}) is None
    with pytest.raises(ParamError, match="a filter needs true/false"):
        Recipe().add("code.filter_rows", {"expression": "a"}).fit(table(ROWS, {}))


# -- SQL


def query(text, others=None):
    inputs = {"main": table(ROWS, {}), **{k: table(v, {}) for k, v in (others or {}).items()}}
    return (
        Recipe()
        .add("code.sql", {"query": text})
        .fit(inputs, engine=scratch())
        .run(inputs, engine=scratch())
        .to_arrow_table()
        .to_pylist()
    )


def test_a_query_reads_the_recipes_inputs():
    assert query("WITH main AS (SELECT a FROM main) SELECT max(a) AS m FROM main") == [{"m": 2}]
    assert query("SELECT o.w FROM main JOIN other AS o USING (a)", {"other": {"a": [2], "w": ["x"]}}) == [{"w": "x"}]


@pytest.mark.parametrize("text", [
    "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "SELECT * FROM \"/tmp/x.csv\"", "SELECT getenv('HOME')", "SELECT current_setting('temp_directory')",
    "COPY main TO '/tmp/x'", "ATTACH 'x'", "SELECT 1; SELECT 2", "SELECT * FROM duckdb_settings()", "SELECT * FROM information_schema.tables", "SELECT now()", "SELECT random()",
    "SELECT * FROM query('SELECT 1')", "SELECT * FROM sniff_csv('x')", "SELECT * FROM glob('*')", "SELECT read_text('x')", "SELECT $1", "CREATE TABLE x AS SELECT 1", "SELECT * FROM other", "SET threads = 1",
    'WITH "/etc/passwd" AS (SELECT * FROM "/etc/passwd") SELECT * FROM "/etc/passwd"', "WITH x AS (SELECT * FROM y), y AS (SELECT 1) SELECT * FROM x", "SELECT (SELECT count(*) FROM '/tmp/x.csv')",
    "SELECT nope FROM main", "SELECT a, a FROM main", "SELECT nextval('s')", "PRAGMA version", "SELECT write_log('x')", "not sql at all", "",
])  # fmt: skip
def test_a_query_reads_nothing_else(text, tmp_path):
    with pytest.raises(AppError):
        query(text)


def test_a_query_does_not_see_python_variables():
    secret = table({"a": [1]}, {})  # DuckDB would find it by its name
    with pytest.raises(AppError, match="the input 'secret' is not given"):
        query("SELECT * FROM secret")
    assert secret.num_rows == 1 and own_sql.tables_of("SELECT * FROM main, other") == ("main", "other")


# -- Python

ROW = {"columns": ["a"], "code": "def double(x):\n    return None if x is None else x * 2", "to": "r"}


def python(settings, step="code.python_rows"):
    inputs = table({"a": [1, None]}, {})
    return (
        Recipe()
        .add(step, settings)
        .fit(inputs, engine=scratch())
        .run(inputs, engine=scratch())
        .to_arrow_table()
        .to_pydict()
    )


def test_python_is_off_by_default(monkeypatch):
    monkeypatch.delenv("TILTH_ALLOW_PYTHON", raising=False)
    for step, settings in (("code.python_rows", ROW), ("code.python_table", {"code": "df = df"})):
        with pytest.raises(RecipeError, match="switched off"):
            python(settings, step=step)


@pytest.fixture
def allowed(monkeypatch):
    monkeypatch.setenv("TILTH_ALLOW_PYTHON", "1")


def test_python_runs_apart(allowed, monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    assert python(ROW)["r"] == [2.0, None]
    look = "import os\ndef look(x):\n    print('noise')\n    return str(os.environ.get('SECRET_TOKEN')) + ' ' + str(os.getpid())"
    found = python({"columns": ["a"], "code": look, "result": "text", "to": "r"})["r"][0]
    assert found.startswith("None ") and int(found.split()[1]) != __import__("os").getpid()


@pytest.mark.parametrize(("code", "said"), [
    ("def f(x):\n    return 1 / 0", "ZeroDivisionError"), ("import os\ndef f(x):\n    os._exit(3)", "without an answer"),
    ("def f(x):\n    return 'x' * (8 * 2 ** 30)", "MemoryError"), ("def f(x):\n    with open('notes', 'w') as file:\n        file.write('x')", "OSError|File size|File too large"),
    ("def f(x):\n    return 'no number'", "ValueError"),
])  # fmt: skip
def test_python_that_fails_is_said_and_the_next_step_runs(allowed, code, said):
    with pytest.raises(Exception, match=said):
        python({"columns": ["a"], "code": code, "to": "r"})
    assert python(ROW)["r"] == [2.0, None]


def test_python_that_hangs_is_stopped(allowed, monkeypatch):
    monkeypatch.setattr(own_python, "SECONDS", 1)
    with pytest.raises(Exception, match="without an answer"):
        python({"columns": ["a"], "code": "def f(x):\n    while True: pass", "to": "r"})


def test_python_of_the_table_learns_its_columns(allowed):
    assert python({"code": "df['t'] = df['a'].fillna(0).astype(str)"}, step="code.python_table") == {
        "a": [1, None],
        "t": ["1", "0"],
    }
    with pytest.raises(RecipeError, match="not a DataFrame"):
        python({"code": "df = 3"}, step="code.python_table")
    for code in ("x = ", "from os import *"):
        with pytest.raises(ParamError):
            python({"code": code}, step="code.python_table")
    with pytest.raises(ParamError, match="define a function"):
        python({"columns": ["a"], "code": "x = 1", "to": "r"})


def test_a_rule_stops_the_run_and_the_record():
    rule = {"conditions": [{"column": "a", "test": "is at least", "value": "0"}], "message": "a counts things"}
    recipe = Recipe().add("control.must_hold", rule)
    good = table({"a": [0, 5]}, {})
    fitted = recipe.fit(good, engine=scratch())
    assert fitted.run(good, engine=scratch()).to_arrow_table().num_rows == 2
    with pytest.raises(RecipeError, match="a counts things"):
        scratch().arrow(fitted.expression(table({"a": [0, -1]}, {}), engine=scratch()))
    assert fitted.transform_record({"a": 1}) == {"a": 1}
    with pytest.raises(AppError, match="a counts things"):
        fitted.transform_record({"a": -1})


def test_what_a_formula_of_another_tool_lacks():
    assert formula.problem("0.3*valence + `liveness`") == ""
    assert "no function REGEXP_COUNT" in formula.problem("regexp_count(a, 'x')")
    assert "cannot hold" in formula.problem("array(1, 2)[0]")
