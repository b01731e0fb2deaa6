"""Differences between two tables and between two steps of a recipe."""

from __future__ import annotations

import json

import pytest

from insights.profile_difference import compare, compare_steps, table_at
from transforms import Recipe
from transforms.errors import InputError
from workspace.sql import connect

BEFORE = (
    "(SELECT i AS id, i % 4 AS n, ['a', 'b'][1 + i % 2] AS c, 'same' AS s, i AS gone, i AS typed FROM range(40) r(i))"
)
AFTER = """(SELECT i AS id, CASE WHEN i >= 10 THEN i % 4 END AS n, CASE WHEN i < 30 THEN 'a' ELSE 'b' END AS c, 'same' AS s,
    i::VARCHAR AS typed, i AS "new""one" FROM range(40) r(i))"""


@pytest.fixture
def con():
    found = connect()
    yield found
    found.close()


def test_two_tables_by_hand(con):
    found = compare(con, BEFORE, AFTER)
    assert (found.before_rows, found.after_rows) == (40, 40)
    assert (found.added, found.removed) == (['new"one'], ["gone"])
    assert found.retyped == [{"column": "typed", "before": "int64", "after": "string"}]
    assert [c.name for c in found.columns[:3]] == ["typed", "n", "c"]
    assert {c.name for c in found.changed()} == {"typed", "n", "c"}
    n = {f["figure"]: (f["before"], f["after"]) for f in found.column("n").figures}
    assert n["missing"] == (0.0, 0.25) and n["mean"] == (1.5, pytest.approx(47 / 30))
    assert found.column("c").top == [
        {"value": "a", "before": 20, "after": 30},
        {"value": "b", "before": 20, "after": 10},
    ]
    assert found.column("c").change == pytest.approx(0.25)
    assert "'a': 50.0% → 75.0%" in found.column("c").says or "'b': 50.0% → 25.0%" in found.column("c").says
    assert "missing: 0.0% → 25.0%" in found.column("n").says
    assert ("missing", "n") in {(w["code"], w["column"]) for w in found.warnings_new}
    assert ("identifier", "gone") in {(w["code"], w["column"]) for w in found.warnings_gone}
    json.dumps(found.as_json())


def test_a_table_does_not_differ_from_itself(con):
    found = compare(con, BEFORE, BEFORE)
    assert not (found.changed() or found.added or found.removed or found.warnings_new or found.warnings_gone)


def test_a_table_without_rows(con):
    found = compare(con, "(SELECT 1 AS a)", "(SELECT 1 AS a WHERE false)")
    assert (found.after_rows, found.column("a").change) == (0, 1.0)


def test_steps_of_a_recipe(con):
    con.execute("CREATE TABLE t AS SELECT CASE WHEN i % 4 > 0 THEN i END AS x, ' a' AS s FROM range(20) r(i)")
    recipe = (
        Recipe(name="clean")
        .add("missing.fill_constant", {"columns": ["x"], "value": "7"})
        .add("text.trim", {"columns": ["s"]})
    )
    assert table_at(con, recipe, con.table("t"), 0).fetchall() == con.table("t").fetchall()
    found = compare_steps(con, recipe, con.table("t"), 0, 1)
    assert {c.name for c in found.changed()} == {"x"} and ("missing", "x") in {
        (w["code"], w["column"]) for w in found.warnings_gone
    }
    found = compare_steps(con, recipe, con.table("t"), 1, 2)
    assert {c.name for c in found.changed()} == {"s"}


@pytest.mark.parametrize("step", [-1, 2])
def test_a_step_that_is_not_there(con, step):
    recipe = Recipe(name="clean").add("text.trim", {"columns": ["s"]})
    with pytest.raises(InputError, match="'clean' has 1 steps, so there is no table after step"):
        table_at(con, recipe, con.sql("SELECT 'a' AS s"), step)
