"""The view of a target: task, classes, prediction power, quick model."""

from __future__ import annotations

import json

import pytest

from insights.profile import profile
from workspace.sql import connect, text


@pytest.fixture
def con():
    found = connect()
    yield found
    found.close()


def of(con, table: str, target: str = "y"):
    return profile(table, con, target=target).target


def test_classes(con):
    found = of(
        con,
        "(SELECT ['a', 'b', 'c'][1 + i % 3] AS y, i % 3 AS knows, (hash(i) % 7)::INT AS noise FROM range(300) r(i))",
    )
    assert (found["task"], found["imbalance"], found["sample"]) == ("classification", 1.0, 300)
    assert found["classes"] == [{"value": v, "count": 100} for v in "abc"]
    assert found["powers"][0] == {"column": "knows", "power": 1.0} and found["powers"][1]["power"] < 0.3
    model = found["model"]
    assert (model["train_rows"], model["test_rows"]) == (240, 60)
    assert model["metrics"]["accuracy"] == model["metrics"]["AUC"] == 1.0
    assert (model["labels"], model["confusion"]) == (["a", "b", "c"], [[20, 0, 0], [0, 20, 0], [0, 0, 20]])
    assert model["baseline"]["accuracy"] == pytest.approx(1 / 3)
    assert model["importances"][0]["column"] == "knows"


def test_numbers(con):
    found = of(con, "(SELECT i * 0.5 AS y, i AS knows, hash(i) % 7 AS noise FROM range(400) r(i))")
    assert (found["task"], found["classes"]) == ("regression", [])
    assert found["powers"][0]["column"] == "knows" and found["powers"][0]["power"] > 0.99
    assert found["model"]["metrics"]["R²"] > 0.99
    assert found["model"]["metrics"]["mean absolute error"] < found["model"]["baseline"]["mean absolute error"] / 10


@pytest.mark.parametrize(
    ("y", "task", "reason"),
    [
        ("i % 2 = 0", "classification", "2 different values"),
        ("i % 20", "classification", "20 different values"),
        ("i % 21", "regression", "more than 20"),
        ("(i % 2)::DOUBLE", "classification", "2 different values"),
        ("i % 2 / 3", "regression", "with fractions"),
        ("'u' || i % 101", "none", "too many for classes"),
        ("DATE '2020-01-01' + i::INT", "none", "neither a number nor a category"),
        ("1", "none", "fewer than two"),
        ("NULL::INT", "none", "fewer than two"),
    ],
)
def test_the_task_follows_from_the_values(con, y, task, reason):
    found = of(con, f"(SELECT {y} AS y, i AS x FROM range(300) r(i))")
    assert found["task"] == task and reason in found["reason"]


def test_too_few_rows_make_no_model(con):
    found = of(con, "(SELECT i % 2 AS y, i AS x FROM range(39) r(i))")
    assert found["model"] is None and "no model was made" in found["reason"]


def test_odd_columns_and_missing_values(con):
    found = of(con, """(SELECT CASE WHEN i % 9 > 0 THEN i % 2 = 0 END AS y, NULL::INT AS nothing, [i] AS list,
        CASE WHEN i % 3 > 0 THEN 'inf'::DOUBLE END AS endless, CASE WHEN i % 5 > 0 THEN DATE '2020-01-01' + i::INT END AS d,
        'it''s' AS "a""b" FROM range(200) r(i))""")  # fmt: skip
    assert found["missing"] == 23 and found["sample"] == 177
    assert {p["column"] for p in found["powers"]} == {"endless", "d", 'a"b'}
    json.dumps(found)


def test_a_class_with_one_row(con):
    found = of(
        con, "(SELECT CASE WHEN i = 7 THEN 'once' ELSE ['a', 'b'][1 + i % 2] END AS y, i % 2 AS x FROM range(200) r(i))"
    )
    assert found["model"]["labels"] == ["a", "b"] and found["classes"][-1] == {"value": "once", "count": 1}


def test_the_same_rows_in_another_order_give_the_same_answer(con):
    rows = "SELECT ['a', 'b'][1 + (hash(i) % 2)::INT] AS y, (hash(i) % 17)::INT AS x, i % 11 AS z FROM range(500) r(i)"
    one, other = of(con, f"({rows})"), of(con, f"({rows} ORDER BY i DESC)")
    assert one == other


def test_adult(con, shared):
    path = text(str(shared / "data/bias/adult.csv"))
    found = of(con, f"read_csv({path})", "income")
    assert found["sample"] <= 20_000 and found["task"] == "classification"
    assert found["model"]["metrics"]["accuracy"] > 0.83 > 0.77 > found["model"]["baseline"]["accuracy"]
    assert {p["column"] for p in found["powers"][:4]} & {"capital_gain", "relationship", "marital_status"}
