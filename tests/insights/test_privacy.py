"""k-anonymity, l-diversity, t-closeness: Adult's reference (confirmed with pycanon), tables by hand, recipes for k."""

from __future__ import annotations

import json
import math
import random

import pytest
from typer.testing import CliRunner

from cli import app
from insights import privacy
from transforms.errors import ColumnNotFound, InputError
from transforms.recipe import Recipe
from workspace.sql import connect, text

# The salaries and diseases of Li, Li & Venkatasubramanian, "t-Closeness" (2007), table 3: three classes of three rows.
SALARIES = """(VALUES ('a', 3, 'gastric ulcer'), ('a', 4, 'gastritis'), ('a', 5, 'stomach cancer'),
    ('b', 6, 'gastritis'), ('b', 11, 'flu'), ('b', 8, 'bronchitis'),
    ('c', 7, 'bronchitis'), ('c', 9, 'pneumonia'), ('c', 10, 'stomach cancer')) t(q, salary, disease)"""


@pytest.fixture
def con():
    found = connect()
    yield found
    found.close()


@pytest.fixture
def adult(con, shared):
    path = text(str(shared / "data/bias/adult.csv"))
    con.execute(f"CREATE TABLE adult AS FROM read_csv({path})")
    return con


def test_adult_against_its_reference(adult, shared):
    reference = json.loads((shared / "data/quality/adult_quality_drift_anonymity_reference.json").read_text())
    for case in reference["anonymity"]:
        found = privacy.measure(adult, "adult", case["quasi_identifiers"], sensitive=case["sensitive"])
        assert (found.k, found.l_distinct, found.classes) == (
            case["k"],
            case["l_distinct"],
            case["equivalence_classes"],
        )
        assert (found.unique_rows, found.rows_below_k) == (case["unique_rows"], case["rows_in_classes_below_5"])
        assert found.t_equal == pytest.approx(case["t_variational"], abs=1e-12)
        assert found.offending_rows == case["rows_in_classes_below_5"]


def test_the_example_of_the_paper(con):
    """Section 4.2 works out 0.375 for the first class, {3k, 4k, 5k}, and 0.167 for {6k, 8k, 11k}."""
    found = privacy.measure(con, SALARIES, ["q"], sensitive="salary", k=3, t=0.3)
    assert found.t_ordered == pytest.approx(0.375)
    assert [(o.values, o.reasons, o.t) for o in found.offenders] == [(["a"], ["t"], pytest.approx(0.375))]
    found = privacy.measure(con, SALARIES, ["q"], sensitive="salary", k=3, t=0.0)
    assert {o.values[0]: round(o.t, 3) for o in found.offenders}["b"] == 0.167
    assert (found.k, found.l_distinct, found.l_entropy) == (3, 3, pytest.approx(3))
    assert privacy.measure(con, SALARIES, ["q"], sensitive="disease").t_ordered is None


def test_by_hand(con):
    rows = """(VALUES ('x', 1, 'p'), ('x', 1, 'p'), ('x', 1, 'q'), (NULL, 2, 'p'), (NULL, 2, 'p'), ('y', 2, NULL))
        t(a, b, s)"""
    found = privacy.measure(con, rows, ["a", "b"], sensitive="s", k=3, l=2)
    assert (found.k, found.classes, found.unique_rows, found.rows_below_k, found.classes_below_k) == (1, 3, 1, 3, 2)
    assert (found.highest_risk, found.average_risk, found.l_distinct) == (1.0, 0.5, 1)
    # p: 4, q: 1, missing: 1 of 6. The class of y has only the missing one: (4/6 + 1/6 + 5/6) / 2.
    assert found.t_equal == pytest.approx(5 / 6)
    offenders = [(o.values, o.rows, o.reasons) for o in found.offenders]
    assert offenders == [(["y", 2], 1, ["k", "l"]), ([None, 2], 2, ["k", "l"])]
    traits = [(t.name, t.distinct, t.unique_alone, t.unique_without) for t in found.traits]
    assert traits == [("a", 3, 1, 0), ("b", 2, 0, 1)]
    assert privacy.measure(con, rows, ["b"], sensitive="s").l_entropy == pytest.approx(
        math.exp(-(2 / 3) * math.log(2 / 3) - (1 / 3) * math.log(1 / 3))
    )


def test_distances_are_those_of_the_definitions(con):
    """Against a plain loop over random tables, missing values last in the order."""
    draw = random.Random(3)
    for _ in range(25):
        rows = [
            (draw.randint(0, 4), draw.choice([None, *range(draw.randint(1, 9))])) for _ in range(draw.randint(1, 40))
        ]
        con.execute("CREATE OR REPLACE TABLE t (q INTEGER, s INTEGER)")
        con.executemany("INSERT INTO t VALUES (?, ?)", rows)
        found = privacy.measure(con, "t", ["q"], sensitive="s")
        values = sorted({s for _, s in rows}, key=lambda v: (v is None, v or 0))
        equal, ordered = [], []
        for q in {q for q, _ in rows}:
            mine = [s for p, s in rows if p == q]
            off = [mine.count(v) / len(mine) - sum(s == v for _, s in rows) / len(rows) for v in values]
            equal.append(sum(map(abs, off)) / 2)
            ordered.append(sum(abs(sum(off[: i + 1])) for i in range(len(off))) / max(len(values) - 1, 1))
        assert found.t_equal == pytest.approx(max(equal), abs=1e-12)
        assert found.t_ordered == pytest.approx(max(ordered), abs=1e-12)


def test_missing_and_nan_are_one_value(con):
    assert privacy.measure(con, "(VALUES ('nan'::DOUBLE), (NULL), ('nan'::DOUBLE)) t(x)", ["x"]).k == 3


def smallest(con, source, recipe, columns):
    """Count the smallest class of a recipe's result, apart from the code under test."""
    rows = con.sql(f"SELECT * FROM {source}")
    result = Recipe.from_dict(recipe.dump()).fit(rows, con).run(rows, con)
    con.execute(f"CREATE OR REPLACE TABLE made AS {result.sql_query()}")
    listed = ", ".join('"' + c.replace('"', '""') + '"' for c in columns)
    return con.execute(f"SELECT min(n), sum(n) FROM (SELECT count(*) AS n FROM made GROUP BY {listed})").fetchall()[0]


@pytest.mark.parametrize("quasi", [["age", "sex", "race", "native_country"], ["education", "hours_per_week", "sex"]])
def test_adult_reaches_k(adult, quasi):
    found = privacy.reach(adult, "adult", quasi, 5)
    assert found.reached and found.after.k >= 5 and found.before.k == 1
    assert found.suppressed_rows <= 0.02 * found.rows and 0 < found.loss < 0.5
    least, rows = smallest(adult, "adult", found.recipe(), quasi)
    assert least >= 5 and rows == found.rows - found.suppressed_rows


def test_the_climb_reaches_k_too_and_loses_no_less_than_the_full_search(adult, monkeypatch):
    quasi = ["age", "sex", "race", "native_country"]
    full = privacy.reach(adult, "adult", quasi, 5)
    monkeypatch.setattr(privacy, "SEARCH", 0)
    climbed = privacy.reach(adult, "adult", quasi, 5)
    assert climbed.reached and climbed.loss >= full.loss - 1e-12


def test_the_least_loss_is_found(con):
    """Forty ages, each with one woman and one man: without dropping rows, ages must be joined in steps of 4 or more."""
    people = "(SELECT i // 2 % 40 AS age, if(i % 2 = 0, 'f', 'm') AS sex FROM range(80) r(i))"
    found = privacy.reach(con, people, ["age", "sex"], 4, most_suppressed=0)
    # Every age has one f and one m. Dropping sex leaves classes of 2; steps of 4 leave classes of 4 of each sex.
    assert found.levels == {"age": "steps of 4", "sex": "as it is"}
    assert found.steps == [{"transform": "privacy.generalise", "settings": {"columns": ["age"], "step": 4.0}}]
    assert (found.after.k, found.suppressed_rows, found.rows) == (4, 0, 80)
    assert found.loss == pytest.approx((1 - math.log(10) / math.log(40)) / 2)


@pytest.mark.parametrize(
    ("column", "sql", "step"),
    [
        ("zip", "(10000 + i)::VARCHAR", "privacy.generalise"),
        ("born", "DATE '1980-01-01' + (i * 7)::INTEGER", "privacy.generalise"),
        ("seen", "TIMESTAMP '2024-01-01' + to_microseconds(i * 1234567)", "privacy.generalise"),
        ("city", "if(i % 10 < 8, 'Ulm', 'town ' || i)", "encode.keep_listed"),
        ("height", "1.5 + i / 3e7", "privacy.generalise"),
        ("flag", "i < 2", "privacy.k_anonymity"),
        ("a\"b'; --", "if(i % 2 = 0, 'it''s', 'x\"' || i)", "encode.keep_listed"),
        ("name", "'person ' || chr((65 + i % 26)::INTEGER) || i::VARCHAR", None),
    ],
)
def test_kinds_of_columns(con, column, sql, step):
    quoted = '"' + column.replace('"', '""') + '"'
    con.execute(f"CREATE TABLE t AS SELECT {sql} AS {quoted}, i AS beside FROM range(200) r(i)")
    found = privacy.reach(con, "t", [column], 5, most_suppressed=0.05)
    assert found.reached
    assert step is None or step in [s["transform"] for s in found.steps]
    assert smallest(con, "t", found.recipe(), [column])[0] >= 5


def test_l_is_reached_too(adult):
    quasi = ["age", "sex", "race"]
    found = privacy.reach(adult, "adult", quasi, 5, sensitive="income", l=2)
    assert found.reached and found.after.l_distinct == 2 and found.after.k >= 5


def test_nothing_to_do(con):
    found = privacy.reach(con, "(SELECT i % 2 AS a FROM range(20) r(i))", ["a"], 5)
    assert (found.steps, found.loss, found.reached, found.levels) == ([], 0.0, True, {"a": "as it is"})


@pytest.mark.parametrize(
    ("quasi", "more", "said"),
    [
        ([], {}, "No trait was named"),
        (["a"], {"sensitive": "a"}, "both a trait and the sensitive column"),
        (["a"], {"k": 1}, "k must be at least 2"),
        (["a"], {"l": 2}, "need.? a sensitive column"),
    ],
)
def test_errors(con, quasi, more, said):
    for question in (privacy.measure, privacy.reach):
        with pytest.raises(InputError, match=said):
            question(con, "(VALUES (1, 2)) t(a, b)", quasi, **more)


def test_more_errors(con):
    with pytest.raises(ColumnNotFound, match="did you mean 'age'"):
        privacy.measure(con, "(VALUES (1)) t(age)", ["agee"])
    with pytest.raises(InputError, match="has no rows"):
        privacy.measure(con, "(SELECT 1 AS a WHERE false)", ["a"])
    with pytest.raises(InputError, match="1 rows, fewer than k = 5"):
        privacy.reach(con, "(VALUES (1)) t(a)", ["a"])
    with pytest.raises(InputError, match="cannot be made coarser"):
        privacy.reach(con, "(VALUES ([1])) t(a)", ["a"])
    with pytest.raises(InputError, match="No recipe reaches"):
        privacy.reach(con, "(SELECT i AS a, 1 AS s FROM range(9) r(i))", ["a"], 5, sensitive="s", l=2)


def test_commands(tmp_workspace, tmp_path):
    path, recipe = tmp_path / "people.csv", tmp_path / "recipe.json"
    path.write_text(
        'age,"zip, long",ill\n' + "".join(f"{20 + i},{'x' * (i % 2 + 1)},{'ab'[i % 2]}\n" for i in range(40))
    )

    def run(*words):
        return CliRunner().invoke(app, ["privacy", *map(str, words)])

    quasi = ["--quasi", 'age, "zip, long"']
    found = json.loads(run(path, *quasi, "--sensitive", "ill", "--json").stdout)
    assert (found["quasi"], found["k"], found["unique_rows"], found["sensitive"]) == (
        ["age", "zip, long"],
        1,
        40,
        "ill",
    )
    assert "40 rows are unique" in run("check", path, *quasi).stdout
    result = run("reach", path, *quasi, "--k", "4", "--recipe", recipe, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["reached"] and found["recipe"] == json.loads(recipe.read_text())
    assert run(path, "--quasi", "agee").exit_code == 1 and run(path).exit_code == 2


def test_suggested_traits(con):
    con.execute(
        "CREATE TABLE t AS SELECT i AS id, 'n' || i AS name, i % 7 AS age, 'x' AS sex, i % 3 AS zipCode, i AS birth_number, "
        'i % 2 AS "Marital status", i % 5 AS mileage, [i] AS city FROM range(100) r(i)'
    )
    # sex has one value, birth_number another in each row, city is a list; mileage only ends like age.
    assert privacy.suggest(con, "t") == ["age", "zipCode", "Marital status"]
    assert privacy.suggest(con, "(SELECT 1 AS a)") == []
