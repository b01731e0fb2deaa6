"""Expectations: what each rule counts, worked out by hand on a few rows; keeping, suggesting and exporting rules."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from insights import expectations as expect
from insights.expectations.checking import divide
from insights.expectations.rules import KINDS
from transforms.errors import InputError, NotFound
from workspace.sql import connect

# row   id  age   city    born        died        note
ROWS = """(VALUES
    (1, 20.0, 'Ulm',  DATE '2000-01-01', DATE '2001-01-01', 'AB-1'),
    (2, NULL, 'Bonn', DATE '2000-02-01', NULL,              'AB-2'),
    (2, 'nan'::DOUBLE, 'ulm', DATE '2000-01-15', DATE '1999-01-01', 'x'),
    (4, 140.0, NULL,  NULL,              DATE '2001-01-01', ''),
    (3, -1.0, 'Ulm',  DATE '2000-03-01', DATE '2000-03-01', NULL)
) v(id, age, city, born, died, note)"""
NOW = dt.datetime(2000, 3, 3, tzinfo=dt.UTC)


@pytest.fixture
def con():
    found = connect()
    found.execute(f"CREATE TABLE t AS SELECT id, age::DOUBLE AS age, city, born, died, note FROM {ROWS}")
    yield found
    found.close()


def rule(**settings) -> expect.Rule:
    return expect.rule_from(settings)


@pytest.mark.parametrize(
    ("settings", "failing"),
    [
        ({"kind": "not_missing", "column": "age"}, 2),  # NULL and NaN
        ({"kind": "not_missing", "column": "note"}, 1),  # an empty text is there
        ({"kind": "in_set", "column": "city", "values": ["Ulm", "Bonn"]}, 1),  # ulm
        ({"kind": "in_set", "column": "id", "values": [1, 2]}, 2),  # 4, 3
        ({"kind": "range", "column": "age", "min": 0, "max": 120}, 2),  # 140, -1; NaN is missing, not large
        ({"kind": "range", "column": "age", "max": 120}, 1),
        ({"kind": "range", "column": "born", "min": "2000-01-15"}, 1),
        ({"kind": "matches", "column": "note", "pattern": "[A-Z]{2}-\\d"}, 2),  # x and the empty text
        ({"kind": "matches", "column": "note", "pattern": "AB"}, 4),  # the whole text must match
        ({"kind": "length", "column": "note", "min": 1, "max": 3}, 3),  # two of 4 characters, one of none
        ({"kind": "not_above", "column": "born", "other": "died"}, 1),
        ({"kind": "not_above", "column": "born", "other": "died", "strict": True}, 2),
        ({"kind": "condition", "condition": "id < 4 OR city = 'Ulm'"}, 0),  # false OR NULL is NULL: it holds
        ({"kind": "condition", "condition": "id < 4 AND length(note) > 1"}, 2),
        ({"kind": "unique", "columns": ["id"]}, 1),
        ({"kind": "unique", "columns": ["city"]}, 1),  # the second Ulm; a missing value repeats nothing
        ({"kind": "unique", "columns": ["id", "city"]}, 0),
        ({"kind": "no_duplicates"}, 0),
        ({"kind": "monotone", "column": "id"}, 1),  # 3 after 4
        ({"kind": "monotone", "column": "id", "strict": True}, 2),  # the second 2 as well
        ({"kind": "monotone", "column": "born"}, 1),  # 15 January after 1 February
        ({"kind": "monotone", "column": "id", "falling": True}, 4),
    ],
)
def test_rows_that_break_a_rule(con, settings, failing):
    one = rule(**settings)
    (found,) = expect.check(con, "t", [one]).results
    assert (found.failing, found.problem, found.rows) == (failing, "", 5)
    assert found.passed == (failing == 0)
    assert len(expect.failing_rows(con, "t", one, limit=10)) == failing
    good, bad, why = divide(con, "t", [one])
    assert (len(con.sql(good)), len(con.sql(bad)), why) == (5 - failing, failing, "failed_rules")
    left = expect.check(con, f"({good})", [one]).results[0]
    assert left.passed  # what is left keeps the rule


@pytest.mark.parametrize(
    ("settings", "passed", "observed"),
    [
        ({"kind": "column", "column": "age"}, True, "float64"),
        ({"kind": "column", "column": "age", "type": "int64"}, False, "float64"),
        ({"kind": "column", "column": "size"}, False, "it is not there"),
        ({"kind": "row_count", "min": 5, "max": 5}, True, "5 rows"),
        ({"kind": "row_count", "min": 6}, False, "5 rows"),
        ({"kind": "mean", "column": "age", "min": 53, "max": 53}, True, "53"),  # (20 + 140 - 1) / 3
        ({"kind": "mean", "column": "age", "max": 50}, False, "53"),
        ({"kind": "quantile", "column": "age", "min": 20, "max": 20}, True, "20"),
        ({"kind": "quantile", "column": "age", "q": 1, "max": 100}, False, "140"),
        ({"kind": "fresh", "column": "born", "max_age_h": 48}, True, "2000-03-01 00:00 UTC"),
        ({"kind": "fresh", "column": "born", "max_age_h": 47}, False, "2000-03-01 00:00 UTC"),
    ],
)
def test_rules_of_the_whole_table(con, settings, passed, observed):
    (found,) = expect.check(con, "t", [rule(**settings)], now=NOW).results
    assert (found.passed, found.observed, found.failing) == (passed, observed, None)


def test_every_kind_is_tested_above():
    marks = [mark for test in (test_rows_that_break_a_rule, test_rules_of_the_whole_table) for mark in test.pytestmark]
    assert {case[0]["kind"] for mark in marks for case in mark.args[1]} | {"foreign_key"} == set(KINDS)


def test_foreign_key(con):
    con.execute("CREATE TABLE cities AS SELECT * FROM (VALUES ('Ulm', '1'), ('Bonn', '2')) v(name, code)")
    tables = {"cities": "cities"}.__getitem__
    one = rule(kind="foreign_key", columns=["city"], dataset="cities", other_columns=["name"])
    (found,) = expect.check(con, "t", [one], tables=tables).results
    assert (found.failing, found.examples) == (1, [{"city": "ulm"}])
    both = rule(kind="foreign_key", columns=["city", "id"], dataset="cities", other_columns=["name", "code"])
    (found,) = expect.check(con, "t", [both], tables=tables).results  # Ulm 1 and Bonn 2 are there
    assert found.failing == 2
    (found,) = expect.check(con, "t", [one]).results
    assert found.problem == "the dataset 'cities' cannot be looked up here"


def test_tolerance_and_outcome(con):
    some = rule(kind="not_missing", column="age", tolerance=0.4, severity="quarantine")
    assert expect.check(con, "t", [some]).outcome == "passed"  # 2 of 5
    less = some.model_copy(update={"tolerance": 0.39})
    assert expect.check(con, "t", [less]).outcome == "quarantine"
    warn = rule(kind="row_count", min=6, severity="warn")
    assert expect.check(con, "t", [warn]).outcome == "warn"
    assert expect.check(con, "t", [warn, less, rule(kind="unique", columns=["id"])]).outcome == "stop"
    assert expect.check(con, "t", [warn.model_copy(update={"enabled": False})]).results == []


def test_a_rule_that_cannot_be_asked_does_not_hide_the_others(con):
    broken = rule(kind="condition", condition="CAST(note AS INT) > 0")
    gone = rule(kind="not_missing", column="size", severity="quarantine")
    text = rule(kind="range", column="city", min=1, severity="warn")
    fine = rule(kind="not_missing", column="age", severity="warn")
    found = expect.check(con, "t", [broken, gone, text, fine])
    problems = [r.problem for r in found.results]
    assert "Could not convert" in problems[0]
    assert problems[1:] == [
        "column 'size' is not in the table",
        "the bounds are numbers, but column 'city' is text",
        "",
    ]
    assert found.results[3].failing == 2
    assert expect.check(con, "t", [gone]).outcome == "stop"  # no row can be singled out


def test_the_sentence(con):
    (found,) = expect.check(con, "t", [rule(kind="range", column="age", min=0, max=120)]).results
    assert found.says() == '2 of 5 rows break the rule "age is between 0 and 120", such as age = 140.0; age = -1.0'


def test_several_rules_divide_once_and_keep_the_order(con):
    rules = [rule(kind="range", column="age", min=0), rule(kind="unique", columns=["id"])]
    good, bad, why = divide(con, "t", rules)
    assert [r[0] for r in con.sql(good).fetchall()] == [1, 2, 4]
    assert [(r[0], r[-1]) for r in con.sql(bad).fetchall()] == [(2, "id is unique"), (3, "age is at least 0")]
    con.execute("CREATE TABLE again AS SELECT 1 AS Failed_Rules, NULL AS x")
    assert divide(con, "again", [rule(kind="not_missing", column="x")])[2] == "failed_rules_2"


def test_odd_names_and_values_are_data(con):
    con.execute("""CREATE TABLE odd AS SELECT 'it''s"; DROP TABLE t; --' AS "a""b; --", 1 AS "select" """)
    rules = [
        rule(kind="in_set", column='a"b; --', values=["it's\"; DROP TABLE t; --"]),
        rule(kind="unique", columns=['a"b; --', "select"]),
        rule(kind="monotone", column="select"),
        rule(kind="no_duplicates"),
    ]
    assert expect.check(con, "odd", rules).outcome == "passed"


def test_an_empty_table(con):
    con.execute("CREATE TABLE none AS SELECT * FROM t WHERE false")
    rules = [rule(kind="not_missing", column="age"), rule(kind="unique", columns=["id"]), rule(kind="mean", column="age", max=1)]  # fmt: skip
    assert [r.passed for r in expect.check(con, "none", rules).results] == [True, True, False]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "uniqe"}, "no rule of the kind 'uniqe'"),
        ({"kind": "range", "column": "a"}, "give a lower bound, an upper one, or both"),
        ({"kind": "range", "column": "a", "min": 2, "max": 1}, "the lower bound is above the upper one"),
        ({"kind": "range", "column": "a", "min": "soon"}, "'soon' is neither a number nor a date"),
        ({"kind": "range", "column": "a", "min": 1, "max": "2024-01-01"}, "the two bounds are of different kinds"),
        ({"kind": "row_count", "min": 1, "severity": "quarantine"}, "choose stop or warn"),
        ({"kind": "row_count", "min": 1, "tolerance": 0.1}, "no tolerance"),
        ({"kind": "matches", "column": "a", "pattern": "(?=a)"}, "the pattern cannot be read"),
        ({"kind": "not_missing", "column": "a", "tolerance": 1}, "tolerance: input should be less than 1"),
        ({"kind": "not_missing", "column": "a", "colour": 1}, "colour: extra inputs are not permitted"),
        (
            {"kind": "foreign_key", "columns": ["a"], "dataset": "d", "other_columns": ["b", "c"]},
            "as many columns there",
        ),
        ({"kind": "in_set", "column": "a", "values": []}, "values: list should have at least 1 item"),
        ({"kind": "condition", "condition": "1) FROM t; --"}, "the query cannot be read"),
        ({"kind": "condition", "condition": "true) AS a, (false"}, "write one condition of a row"),
        ({"kind": "condition", "condition": "x IN (SELECT x FROM main)"}, "write one condition of a row"),
        ({"kind": "condition", "condition": "x IN (SELECT * FROM read_csv('/etc/passwd'))"}, "not allowed"),
        ({"kind": "condition", "condition": "sum(x) > 1"}, "a condition speaks of one row"),
        ({"kind": "condition", "condition": "row_number() OVER () > 1"}, "a condition speaks of one row"),
        ({"kind": "condition", "condition": "getenv('HOME') = ''"}, "'getenv' is not allowed"),
        ({"kind": "condition", "condition": "random() < 1"}, "'random' is not allowed"),
    ],
)
def test_what_is_no_rule(settings, said):
    with pytest.raises(InputError, match=said.replace("(", r"\(").replace(")", r"\)")):
        rule(**settings)


def test_validate(con):
    expect.validate(con, "t", rule(kind="condition", condition="age > 0"))
    with pytest.raises(InputError, match="column 'size' is not in the table"):
        expect.validate(con, "t", rule(kind="condition", condition="size > 0"))
    with pytest.raises(InputError, match="does not fit the table"):
        expect.validate(con, "t", rule(kind="condition", condition="born + age > 0"))


def test_suggestions_hold_and_say_why(con):
    con.execute(
        "CREATE TABLE p AS SELECT i AS id, if(i % 10 = 0, NULL, i % 7)::DOUBLE AS v, ['a', 'b'][i % 2 + 1] AS c, "
        "TIMESTAMP '2024-01-01' + INTERVAL (i) HOUR AS at, TIMESTAMP '2024-01-02' + INTERVAL (i) HOUR AS later, "
        "'p' || i || '@example.org' AS mail FROM range(100) r(i)"
    )
    found = expect.suggest(con, "p")
    said = {r.says() for r in found}
    assert {
        "column id is there with type int64", "there are between 50 and 200 rows", "id is unique", "id only rises",
        "c is one of a, b", "v is between 0 and 6.6", "v is not missing in at least 0.84 of the rows", "mail is unique",
        "at is not above later", "at only rises",
    } <= said  # fmt: skip
    assert not any(isinstance(r, KINDS["no_duplicates"]) for r in found)  # id is unique
    assert all(r.reason for r in found)
    assert expect.check(con, "p", found).outcome == "passed"
    con.execute("CREATE TABLE e AS SELECT * FROM p WHERE false")
    assert {r.kind for r in expect.suggest(con, "e")} == {"column"}


def test_keeping(tmp_workspace):
    ws = tmp_workspace
    one, two = rule(kind="not_missing", column="age", id="aa"), rule(kind="no_duplicates", id="bb")
    assert expect.rules_of(ws, "apps") == []
    expect.add(ws, "apps", one, two)
    assert expect.rules_of(ws, "apps") == [one, two]
    copy = expect.duplicate(ws, "apps", "aa")
    assert [r.id for r in expect.rules_of(ws, "apps")] == ["aa", copy.id, "bb"] and not copy.enabled
    expect.replace(ws, "apps", one.model_copy(update={"tolerance": 0.1}))
    assert expect.remove(ws, "apps", copy.id) == copy
    assert [r.tolerance for r in expect.rules_of(ws, "apps")] == [0.1, 0.0]
    assert ws.audit.list(1)[0].action == "expectations.change"
    with pytest.raises(NotFound, match="no rule of apps called 'cc'"):
        expect.remove(ws, "apps", "cc")
    with pytest.raises(InputError, match="the same id"):
        expect.keep(ws, "apps", [one, one])


def test_own_json_both_ways(con):
    rules = expect.suggest(con, "t")
    assert expect.from_json(expect.export("t", rules, "json")) == rules
    for written, said in (("{", "no JSON"), ("[]", "holds no expectations"),
                          ('{"tilth": "expectations", "format": 2, "rules": []}', "newer Tilth")):  # fmt: skip
        with pytest.raises(InputError, match=said):
            expect.from_json(written)
    with pytest.raises(InputError, match="no format 'xml'"):
        expect.export("t", rules, "xml")


EXPORTED = [
    {"kind": "column", "column": "id"}, {"kind": "not_missing", "column": "age"}, {"kind": "unique", "columns": ["id"]},
    {"kind": "in_set", "column": "city", "values": ["Ulm", "Bonn"]}, {"kind": "range", "column": "age", "min": 0, "max": 120},
    {"kind": "range", "column": "born", "min": "2000-01-15"}, {"kind": "matches", "column": "note", "pattern": "[A-Z]{2}-\\d"},
    {"kind": "length", "column": "note", "min": 1, "max": 3}, {"kind": "not_above", "column": "born", "other": "died"},
    {"kind": "monotone", "column": "id"}, {"kind": "monotone", "column": "born"}, {"kind": "no_duplicates"},
    {"kind": "row_count", "max": 4}, {"kind": "mean", "column": "age", "max": 50}, {"kind": "quantile", "column": "age", "max": 10},
    {"kind": "not_missing", "column": "age", "tolerance": 0.5},
]  # fmt: skip


def test_the_pandas_of_pandera_fails_the_same_rows(con):
    """The code inside the pandera checks, run by pandas alone: pandera need not be there."""
    import pandas as pd

    from insights.expectations.out import _pandas

    df = con.sql("SELECT * FROM t").df()
    for settings in EXPORTED[1:]:
        one = rule(**settings)
        (found,) = expect.check(con, "t", [one]).results
        answer = eval(_pandas(one), {"df": df, "pd": pd})
        assert (bool(answer) == found.passed) if one.family == "table" else int(answer.sum()) == found.failing, settings


def test_pandera_code_runs(con):
    pytest.importorskip("pandera", reason="pandera is not a dependency of Tilth; its code is run where it is installed")
    df = con.sql("SELECT * FROM t").df()
    for settings in EXPORTED:
        one = rule(**settings)
        held = expect.check(con, "t", [one]).results[0].passed
        scope: dict = {}
        exec(expect.export("t", [one], "pandera"), scope)
        import pandera.errors

        try:
            scope["schema"].validate(df)
        except pandera.errors.SchemaError:
            assert not held, settings
        else:
            assert held, settings


def test_great_expectations_json():
    suite = json.loads(
        expect.export("t", [*map(expect.rule_from, EXPORTED), rule(kind="condition", condition="id > 0")], "gx")
    )
    assert suite["name"] == "t" and suite["meta"]["tilth_not_exported"][-1] == "id > 0"
    types = {e["type"]: e["kwargs"] for e in suite["expectations"]}
    assert types["expect_column_values_to_be_between"] == {
        "column": "born",
        "min_value": "2000-01-15",
        "max_value": None,
    }
    assert types["expect_column_values_to_not_be_null"] == {"column": "age", "mostly": 0.5}
    assert types["expect_column_values_to_match_regex"]["regex"] == "^(?:[A-Z]{2}-\\d)$"
