"""How columns hang together: figures worked out by hand."""

from __future__ import annotations

import math

import pytest

from insights.profile import profile
from insights.quality_relations import correlation_ratios, cramers_v
from workspace.sql import connect


@pytest.fixture
def con():
    found = connect()
    yield found
    found.close()


def test_cramers_v_of_four_cells(con):
    """30 10 / 10 30: chi² / n = 0.25; corrected 0.25 - 1/79, divided by (2 - 1/79) - 1."""
    con.execute("""CREATE TABLE t AS SELECT i < 40 AS a, CASE WHEN i < 30 OR i >= 70 THEN 'x' ELSE 'y' END AS b,
        i % 2 AS half FROM range(80) r(i)""")
    assert cramers_v(con, "t", "a", "b") == pytest.approx(math.sqrt((0.25 - 1 / 79) / (1 - 1 / 79)))
    assert cramers_v(con, "t", "a", "a") == 1.0
    assert cramers_v(con, "t", "a", "half") == 0.0
    assert cramers_v(con, "(SELECT a, 1 AS one FROM t)", "a", "one") is None


def test_correlation_ratio_by_hand(con):
    """Groups 1, 3 and 5, 7: between 4, whole 5."""
    con.execute(
        "CREATE TABLE t AS SELECT x, x > 4 AS c, 'beside' AS s FROM range(5) r(i), (VALUES (1), (3), (5), (7), (NULL)) v(x)"
    )
    x = profile("t", con).column("x")
    assert correlation_ratios(con, "t", "c", [x]) == [pytest.approx(math.sqrt(0.8))]
    assert correlation_ratios(con, "t", "s", [x]) == [None]


def test_inflation_and_singular_values_of_two_columns(con):
    """Of two columns: 1 / (1 - r²), and the roots of 1 + r and 1 - r."""
    con.execute("CREATE TABLE t AS SELECT i % 4 AS a, (i % 4) + 3 * (i // 4 % 2) AS b FROM range(80) r(i)")
    r = con.execute("SELECT corr(a, b) FROM t").fetchall()[0][0]
    found = profile("t", con).collinear
    assert [c["vif"] for c in found["columns"]] == [pytest.approx(1 / (1 - r * r))] * 2
    assert found["singular_values"] == [pytest.approx(math.sqrt(1 + r)), pytest.approx(math.sqrt(1 - r))]
    assert found["rows"] == 80


def test_great_numbers_keep_their_correlation(con):
    con.execute("CREATE TABLE t AS SELECT 1e12 + i % 4 AS a, i % 4 AS b, i % 3 AS c FROM range(80) r(i)")
    found = {c["column"]: c["vif"] for c in profile("t", con).collinear["columns"]}
    assert found["a"] > 1e5 and found["c"] < 1.1


def test_the_oddest_row_comes_first(con):
    con.execute("""CREATE TABLE t AS SELECT hash(i) % 100 AS a, hash(i, 1) % 100 AS b, 'usual' AS c FROM range(300) r(i)
        UNION ALL SELECT 900, -800, 'odd' """)
    found = profile("t", con).anomalies
    assert found["rows_looked_at"] == 301
    assert found["rows"][0]["row"] == {"a": 900, "b": -800, "c": "odd"} and found["rows"][0]["score"] < 0
    assert [row["score"] for row in found["rows"]] == sorted(row["score"] for row in found["rows"])


def test_too_little_to_say(con):
    found = profile("(SELECT 1 AS a, 'x' AS b)", con)
    assert (found.associations, found.collinear, found.anomalies) == ([], {}, {})
