"""Profiles and warnings: small tables by hand, Adult against its reference, fixes that the catalogue accepts."""

from __future__ import annotations

import json
import math

import pytest

from insights.profile import profile
from insights.report import to_html
from transforms import catalog
from workspace.sql import connect, text

NAMES = """(VALUES (1, 'a', 1.0::DOUBLE, DATE '2020-01-01', true), (2, 'a', 'nan', DATE '2020-01-03', false), (3, ' b', 'inf', NULL, true),
 (4, '', -2.0, DATE '2020-01-05', NULL), (4, 'N/A', 0.0, DATE '2020-01-05', true)) t(n, s, f, d, b)"""


@pytest.fixture
def con():
    found = connect()
    yield found
    found.close()


def codes(found, column):
    return {w["code"] for w in found.warnings if w["column"] == column}


def test_numbers_by_hand(con):
    c = profile(NAMES, con).column("n")
    assert (c.type, c.rows, c.missing, c.distinct, c.distinct_is_exact) == ("int32", 5, 0, 4, True)
    assert (c.min, c.max, c.mean, c.quantiles["0.5"]) == (1, 4, 2.8, 3.0)
    assert c.std == pytest.approx(math.sqrt((1.8**2 + 0.8**2 + 0.2**2 + 1.2**2 + 1.2**2) / 4))
    assert [(b["low"], b["high"], b["count"]) for b in c.histogram] == [(1, 2, 1), (2, 3, 1), (3, 4, 1), (4, 5, 2)]
    assert c.top[0] == {"value": "4", "count": 2}


def test_nan_is_missing_and_infinity_is_counted_apart(con):
    found = profile(NAMES, con)
    c = found.column("f")
    assert (c.missing, c.nan, c.infinite, c.zeros, c.negative) == (1, 1, 1, 1, 1)
    assert (c.min, c.max) == (-2.0, 1.0)
    assert c.mean == pytest.approx(-1 / 3)
    assert sum(b["count"] for b in c.histogram) == 3
    assert {"missing", "infinite"} <= codes(found, "f")


def test_text_by_hand(con):
    c = profile(NAMES, con).column("s")
    assert (c.empty, c.white_space, c.padded) == (1, 0, 1)
    assert (c.length_min, c.length_max, c.length_mean) == (0, 3, 7 / 5)
    assert c.disguised == [{"value": "N/A", "count": 1}]
    assert c.top[0] == {"value": "a", "count": 2}


def test_dates_and_truth_values(con):
    found = profile(NAMES, con)
    d, b = found.column("d"), found.column("b")
    assert (str(d.min), str(d.max), d.missing) == ("2020-01-01", "2020-01-05", 1)
    assert str(d.quantiles["0.5"]) == "2020-01-04 00:00:00"
    assert sum(bin_["count"] for bin_ in d.histogram) == 4
    assert b.mean == 0.75 and b.top[0] == {"value": "true", "count": 3}


def test_moments_are_those_of_duckdb(con):
    con.execute("CREATE TABLE t AS SELECT power(i % 37, 3)::DOUBLE + 1e6 AS x FROM range(1000) r(i)")
    c = profile("t", con).column("x")
    std, skew, kurt = con.execute("SELECT stddev(x), skewness(x), kurtosis(x) FROM t").fetchall()[0]
    assert (c.std, c.skewness, c.kurtosis) == (pytest.approx(std), pytest.approx(skew), pytest.approx(kurt))


def test_adult_against_its_reference(con, shared):
    reference = json.loads((shared / "data/quality/adult_quality_drift_anonymity_reference.json").read_text())
    columns = ", ".join(f'"{name}"' for name in reference["duplicates"]["columns"])
    path = text(str(shared / "data/bias/adult.csv"))
    con.execute(f"CREATE TABLE t AS SELECT {columns} FROM read_csv({path})")
    found = profile("t", con)
    assert found.duplicate_rows == reference["duplicates"]["duplicate_rows"] == 24
    for name, expected in reference["numeric"].items():
        c = found.column(name)
        assert (c.min, c.max, c.mean) == (expected["min"], expected["max"], pytest.approx(expected["mean"]))
        assert c.std == pytest.approx(expected["std_sample"])
        assert c.quantiles["0.05"] == pytest.approx(expected["duckdb"]["quantile_cont_05"])
        assert (c.skewness, c.kurtosis) == (
            pytest.approx(expected["duckdb"]["skewness"]),
            pytest.approx(expected["duckdb"]["kurtosis"]),
        )
        assert (c.distinct, c.zeros) == (expected["distinct"], expected["zeros"])
        if expected["rstd"]:
            assert (c.robust_std, c.outliers) == (pytest.approx(expected["rstd"]), expected["outliers"])
        else:  # the 5 % and the 95 % quantile are equal: 1,519 "outliers" by the bare rule
            assert (c.robust_std, c.outliers) == (None, None)
    for name, expected in reference["categorical"].items():
        c = found.column(name)
        assert (c.distinct, c.top[0]) == (
            expected["distinct"],
            {"value": expected["top"], "count": expected["top_count"]},
        )
        assert sum(d["count"] for d in c.disguised if d["value"] == "?") == expected["disguised_missing_question_mark"]


def many(expression, rows=100):
    return f"(SELECT {expression}, i % 3 AS beside FROM range({rows}) r(i))"


def test_codes_with_leading_zeros_are_not_numbers(con):
    con.execute(f"CREATE TABLE t AS SELECT * FROM {many(chr(39) + '0' + chr(39) + ' || (1000 + i % 7) AS x')}")
    assert "numbers_as_text" not in codes(profile("t", con), "x")


def test_whole_rows_that_repeat(con):
    found = profile("(VALUES (1, NULL), (1, NULL), (NULL, 1), (2, 2), (1, NULL)) t(a, b)", con)
    assert found.duplicate_rows == 2
    warning = next(w for w in found.warnings if w["code"] == "duplicate_rows")
    assert catalog.get(warning["fix"]["transform"]).from_settings(warning["fix"]["settings"])


def test_odd_tables(con):
    assert profile("(SELECT 1 AS a WHERE false)", con).warnings[0]["code"] == "no_rows"
    found = profile(
        """(SELECT [1, 2] AS "select", {'k': 1} AS "a""b", NULL AS "größe", 'x'::BLOB AS self, TIMESTAMPTZ '2020-01-01 00:00:00+01' AS "by")""",
        con,
    )
    assert [c.kind for c in found.columns] == ["other", "other", "other", "other", "time"]
    json.dumps(found.as_json())
    huge = profile("(VALUES (1e308::DOUBLE), (-1e308), (0)) t(x)", con).column("x")
    assert sum(b["count"] for b in huge.histogram) == 3


def test_the_report_is_one_page_with_everything_escaped(con):
    found = profile("""(VALUES ('<script>alert(1)</script>'), ('b'), ('?')) t("<b>x</b>")""", con)
    page = to_html(found, "<i>name</i>")
    assert "<script" not in page and "<b>x" not in page and "<i>" not in page
    assert "http://" not in page and "https://" not in page and "src=" not in page
    assert "prefers-color-scheme: dark" in page


def test_the_report_holds_every_part(con):
    found = profile(
        """(SELECT ['<b>yes', 'no'][1 + i % 2] AS y, i % 2 AS x, 'AB-' || (100 + i % 7) AS code, hash(i) % 50 AS n, i * 2.5 AS m
        FROM range(200) r(i))""",
        con,
        target="y",
    )
    page = to_html(found, "name")
    for part in ("Target: y", "Prediction power", "Quick model", "Confusion matrix", "Strongest correlations", "Strongest associations",
                 "Multicollinearity", "Odd rows", "Rules", "AA-999", "target_leakage"):  # fmt: skip
        assert part in page, part
    assert "<b>yes" not in page and "&lt;b&gt;yes" in page
