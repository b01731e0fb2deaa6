"""Every warning code: a table that triggers it, one that must not, the rows it points at, and the fix that ends it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from insights import quality
from insights.profile import profile
from insights.quality_rows import rows_of
from insights.quality_texts import MEANINGS, pattern_of
from transforms import Recipe
from transforms.errors import ColumnNotFound, InputError
from workspace.sql import connect, one_value, text


@dataclass
class Case:
    """A table of `rows` rows i = 0, 1, …: `bad` triggers the code in column x (or `column`), `good` must not."""

    code: str
    bad: str
    good: str
    fix: str | None
    column: str | None = "x"
    concerns: int | None = None  # rows that `where` finds; None: the finding is about all rows
    rows: int = 100
    target: str | None = None
    beside: str = ", i % 3 AS beside"

    def table(self, which: str) -> str:
        return f"(SELECT {getattr(self, which)}{self.beside} FROM range({self.rows}) r(i))"


NOISE = "(hash(i) % 97)::INT"
CASES = [
    Case("no_rows", "i AS x", "i AS x", None, column=None, rows=0),
    Case("duplicate_rows", "i % 50 AS x", "i AS x", "rows.drop_duplicates", column=None, concerns=100, beside=""),
    Case("correlated", "i % 9 AS w, 2 * (i % 9) + 1 AS x", f"i % 9 AS w, {NOISE} AS x", "columns.drop"),
    Case("associated", "['a', 'b', 'c'][1 + i % 3] AS w, ['p', 'q', 'r'][1 + i % 3] AS x", "['a', 'b', 'c'][1 + i % 3] AS w, ['p', 'q'][1 + i % 2] AS x", "columns.drop"),
    Case("associated", "['a', 'b', 'c', 'd'][1 + i % 4] AS w, ['p', 'q'][1 + i % 2] AS x", "'w' || i % 4 AS w, ['p', 'q'][1 + i // 50] AS x", "columns.drop"),
    Case("associated", "['a', 'b', 'c'][1 + i % 3] AS w, 10.5 * (i % 3) AS x", f"['a', 'b', 'c'][1 + i % 3] AS w, {NOISE} AS x", "columns.drop", beside=""),
    Case("multicollinear", "hash(i) % 101 AS v, hash(i, 1) % 103 AS w, hash(i) % 101 + hash(i, 1) % 103 AS x", "hash(i) % 101 AS v, hash(i, 1) % 103 AS w, hash(i, 2) % 107 AS x", "columns.drop"),
    Case("all_missing", "NULL::INT AS x", "CASE WHEN i > 0 THEN NULL ELSE 1 END AS x", "columns.drop"),
    Case("constant", "1 AS x", "CASE WHEN i > 0 THEN 1 END AS x", "columns.drop"),
    Case("near_constant", "CASE WHEN i = 7 THEN 'b' ELSE 'a' END AS x", "CASE WHEN i < 2 THEN 'b' ELSE 'a' END AS x", "columns.drop", concerns=1),
    Case("missing", "CASE WHEN i > 9 THEN i % 7 END AS x", "i % 7 AS x", "missing.fill_statistic", concerns=10),
    Case("missing", "CASE WHEN i > 9 THEN i % 7 ELSE 'nan'::DOUBLE END AS x", "0.5 + i % 7 AS x", "missing.fill_statistic", concerns=10),
    Case("missing", "CASE WHEN i > 9 THEN (i % 3)::VARCHAR || 'k' END AS x", "'NA' || i AS x", "missing.fill_most_frequent", concerns=10),
    Case("missing", "CASE WHEN i > 90 THEN i END AS x", "i AS x", "columns.drop", concerns=91),
    Case("missing", "CASE WHEN i > 9 THEN DATE '2020-01-01' + i::INT END AS x", "DATE '2020-01-01' AS x", "missing.drop_rows", concerns=10),
    Case("disguised_missing", "CASE WHEN i > 9 THEN 'it''s' ELSE '?' END AS x", "CASE WHEN i > 9 THEN 'it''s' ELSE 'why?' END AS x", "rows.set_values", concerns=10),
    Case("blank_text", "CASE WHEN i > 9 THEN 'word' ELSE '' END AS x", "CASE WHEN i > 9 THEN 'word' ELSE '.' END AS x", "rows.set_values", concerns=10),
    Case("blank_text", "CASE WHEN i > 9 THEN 'word' ELSE ' \t' END AS x", "'a ' AS x", "rows.set_values", concerns=10),
    Case("padded_text", "CASE WHEN i > 9 THEN 'a' ELSE 'b ' END AS x", "CASE WHEN i > 9 THEN 'a' ELSE 'b c' END AS x", "text.trim", concerns=10),
    Case("case_variants", "CASE WHEN i > 9 THEN 'Ulm' WHEN i > 5 THEN 'ULM' ELSE 'Bonn' END AS x", "CASE WHEN i > 9 THEN 'Ulm' ELSE 'Bonn' END AS x", "text.change_case", concerns=94),
    Case("numbers_as_text", "(i % 7 + 0.5)::VARCHAR AS x", "'0' || (1000 + i % 7) AS x", "types.change", concerns=100),
    Case("numbers_as_text", "'$' || (i % 7) || ',000' AS x", "'$' || ['a', 'b'][1 + i % 2] AS x", "types.parse_number"),
    Case("dates_as_text", "(DATE '2020-01-01' + (i % 7)::INT)::VARCHAR AS x", "'2020-13-' || (i % 7) AS x", "types.change"),
    Case("mixed_types", "CASE WHEN i < 70 THEN (i % 7)::VARCHAR ELSE 'word' END AS x", "CASE WHEN i < 97 THEN 'word' ELSE '7' END AS x", "types.change", concerns=30),
    Case("mixed_types", "CASE WHEN i < 30 THEN (i % 7)::VARCHAR ELSE 'word' END AS x", "'w' || i % 7 AS x", "invalid.replace", concerns=30),
    Case("invalid_values", "CASE WHEN i < 5 THEN 'at home' ELSE 'p' || i || '@x.org' END AS x", "CASE WHEN i < 5 THEN NULL WHEN i < 8 THEN '?' ELSE 'p' || i || '@x.org' END AS x", "invalid.replace", concerns=5),
    Case("invalid_values", "CASE WHEN i < 5 THEN '10.0.0.256' ELSE '10.0.0.' || i END AS x", "'10.0.0.' || i AS x", "invalid.replace", concerns=5),
    Case("odd_pattern", "CASE WHEN i < 3 THEN 'AB9' ELSE 'AB-' || (100 + i) END AS x", "CASE WHEN i < 3 THEN '?' ELSE 'AB-' || (100 + i) END AS x", "invalid.replace", concerns=3),
    Case("identifier", "i AS x", "1000 * i AS x", "columns.drop"),
    Case("identifier", "'u' || i AS x", "'u' || i // 2 AS x", "columns.drop"),
    Case("high_cardinality", "'u' || (i % 60) AS x", "'u' || (i % 50) AS x", "encode.frequency"),
    Case("high_cardinality", "'u' || CASE WHEN i < 600 THEN i % 5 ELSE i END AS x", "'u' || CASE WHEN i < 600 THEN i % 5 ELSE i % 20 END AS x", "encode.group_rare", rows=1000),
    Case("infinite", "CASE WHEN i = 0 THEN 'inf'::DOUBLE ELSE (i % 7)::DOUBLE END AS x", "(i % 7)::DOUBLE AS x", "scale.clip", concerns=1),
    Case("outliers", "CASE WHEN i = 0 THEN 1000 ELSE i % 7 END AS x", "i % 7 AS x", "scale.clip", concerns=1),
    # half of the values are equal, so are the 5 % and the 95 % quantile: nothing can be said
    Case("outliers", "CASE WHEN i = 0 THEN -1e9 ELSE hash(i) % 1000 / 7 END AS x", "CASE WHEN i < 4 THEN i ELSE 0 END AS x", "scale.clip", concerns=1),
    Case("skewed", "CASE WHEN i = 0 THEN 1000 ELSE i % 7 END AS x", "i % 7 AS x", "scale.power", concerns=1),
    Case("skewed", "CASE WHEN i < 4 THEN -500 - i ELSE i % 11 END AS x", "-(i % 11) AS x", "scale.power", concerns=1),
    Case("target_missing", "CASE WHEN i > 9 THEN i % 2 END AS x", "i % 2 AS x", "missing.drop_rows", concerns=10, target="x"),
    Case("target_outliers", "CASE WHEN i = 0 THEN 1e6 ELSE hash(i) % 1000 / 7 END AS x", "hash(i) % 1000 / 7 AS x", "scale.clip", concerns=1, target="x"),
    Case("target_skewed", "exp(i / 10.0) AS x", "i / 10.0 AS x", "scale.power", concerns=4, rows=400, target="x"),
    Case("imbalanced_target", "CASE WHEN i < 10 THEN 'yes' ELSE 'no' END AS x", "CASE WHEN i < 12 THEN 'yes' ELSE 'no' END AS x", "balance.resample", concerns=10, rows=120, target="x"),
    Case("rare_classes", "CASE WHEN i < 9 THEN 'a, b' ELSE ['y', 'n'][1 + i % 2] END AS x", "CASE WHEN i < 10 THEN 'a, b' ELSE ['y', 'n'][1 + i % 2] END AS x", "rows.filter", concerns=9, target="x"),
    Case("rare_classes", "CASE WHEN i < 9 THEN 3 ELSE i % 2 END AS x", "CASE WHEN i < 10 THEN 3 ELSE i % 2 END AS x", "rows.filter", concerns=9, target="x"),
    Case("rare_classes", "i < 9 AS x", "i < 10 AS x", "rows.filter", concerns=9, target="x"),
    Case("target_leakage", "['late', 'paid'][1 + i % 2] AS y, 10 * (i % 2) + hash(i) % 5 AS x", "['late', 'paid'][1 + i % 2] AS y, hash(i) % 13 AS x", "columns.drop", rows=400, target="y"),
    Case("target_leakage", "hash(i) % 1000 / 7 AS y, hash(i) % 1000 AS x", "hash(i) % 1000 / 7 AS y, hash(i, 1) % 1000 AS x", "columns.drop", rows=400, target="y"),
    Case("target_leakage", "['late', 'paid'][1 + i % 2] AS y, 'p' || i % 2 AS x", "['late', 'paid'][1 + i % 2] AS y, 'p' || hash(i) % 2 AS x", "columns.drop", rows=400, target="y"),
]  # fmt: skip


def named(case: Case) -> str:
    return f"{case.code}-{case.fix}"


@pytest.fixture
def con():
    found = connect()
    yield found
    found.close()


def of(con, table: str, case: Case) -> dict | None:
    found = profile(table, con, target=case.target)
    return next((w for w in found.warnings if w["code"] == case.code and w["column"] == case.column), None)


def test_no_code_lacks_a_case():
    assert {case.code for case in CASES} == set(quality.CODES)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_code_is_raised_where_it_should_be(con, case):
    warning = of(con, case.table("bad"), case)
    assert warning is not None
    assert warning["severity"] in quality.ORDER and warning["message"].endswith((".", "?"))
    assert (warning["fix"] or {}).get("transform") == case.fix
    if case.concerns is None:
        assert warning["where"] is None or len(rows_of(con, case.table("bad"), warning).fetchall())
    else:
        assert len(rows_of(con, case.table("bad"), warning, 1000).fetchall()) == case.concerns


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_code_is_not_raised_where_it_should_not_be(con, case):
    rows = 100 if case.code == "no_rows" else case.rows
    assert of(con, f"(SELECT {case.good}{case.beside} FROM range({rows}) r(i))", case) is None


@pytest.mark.parametrize("case", [case for case in CASES if case.fix], ids=named)
def test_a_fix_ends_its_warning(con, case):
    con.execute(f"CREATE TABLE t AS SELECT * FROM {case.table('bad')}")
    fix = of(con, "t", case)["fix"]
    recipe = Recipe(name="fix").add(fix["transform"], fix["settings"])
    recipe.fit(con.table("t"), con=con).run(con.table("t"), con=con).create("fixed")
    assert of(con, "fixed", case) is None


def test_rows_of_a_finding_about_all_rows(con):
    case = next(case for case in CASES if case.code == "constant")
    with pytest.raises(InputError, match="about all rows, so there are none to show"):
        rows_of(con, case.table("bad"), of(con, case.table("bad"), case))


def test_names_and_texts_are_only_data(con):
    table = """(SELECT CASE WHEN i > 9 THEN 'it''s' ELSE '?' END AS "a""b{source}'; --", 'x' AS "select" FROM range(40) r(i))"""
    for warning in profile(table, con).warnings:
        if warning["where"]:
            assert rows_of(con, table, warning).fetchall()


def test_an_unknown_target(con):
    with pytest.raises(ColumnNotFound, match="'agee' is not in the table"):
        profile("(SELECT 1 AS age)", con, target="agee")


@pytest.mark.parametrize(
    ("value", "pattern"),
    [("AB-123", "AA-999"), ("Zürich 8", "Aaaaaa 9"), ("Ärger", "Aaaaa"), ("a.b@c.de", "a.a@a.aa"), ("", "")],
)
def test_patterns_by_hand(con, value, pattern):
    assert one_value(con, f"SELECT {pattern_of(text(value))}") == pattern


@pytest.mark.parametrize(
    ("meaning", "yes", "no"),
    [
        ("UUID", "123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456"),
        ("e-mail address", "a.b@c.org", "a b@c.org"),
        ("web address", "https://a.org/x?y=1", "www.a.org"),
        ("IPv4 address", "192.168.0.1", "192.168.0.256"),
        ("MAC address", "00:1A:2b:3c:4d:5e", "00:1A:2b:3c:4d"),
        ("IBAN", "DE89 3704 0044 0532 0130 00", "DE8"),
        ("date", "2024-02-29", "2024-13-01"),
        ("time of day", "23:59", "24:00"),
        ("hex colour", "#a0b1c2", "#a0b1"),
        ("phone number", "+49 30 901820", "030"),
        ("JSON", '{"a": 1}', "a"),
        ("truth value", "Yes", "maybe"),
    ],
)
def test_semantic_types(con, meaning, yes, no):
    assert meaning in MEANINGS
    assert profile(f"(SELECT {text(yes)} AS x, 1 AS y)", con).column("x").meaning == meaning
    assert profile(f"(SELECT {text(no)} AS x, 1 AS y)", con).column("x").meaning != meaning


def test_semantic_types_by_kind(con):
    found = profile("(SELECT i AS id, i % 2 AS two, i * 0.5 AS x, 'c' || i % 3 AS c, DATE '2020-01-01' AS d, i % 2 = 0 AS b FROM range(50) r(i))", con)  # fmt: skip
    meant = {c.name: c.meaning for c in found.columns}
    assert meant == {"id": "identifier", "two": "two values", "x": "number", "c": "category", "d": "date and time", "b": "two values"}  # fmt: skip
    assert found.column("c").patterns == [{"pattern": "a9", "count": 50, "example": "c0"}]


def test_every_code_is_in_the_document():
    words = (Path(__file__).resolve().parents[2] / "docs" / "quality.md").read_text("utf-8")
    for code, (_, rule) in quality.CODES.items():
        assert f"| `{code}` | {rule} |" in words, f"docs/quality.md does not say when {code} is raised"
