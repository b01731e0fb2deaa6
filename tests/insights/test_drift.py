"""Drift: the reference values (scipy, numpy) of Adult's two halves, and small tables worked out by hand."""

from __future__ import annotations

import json
import math

import pytest
from typer.testing import CliRunner

from cli import app
from insights import drift
from transforms.errors import ColumnNotFound, InputError
from workspace.sql import connect, text

NUMBER = {
    "ks": "ks",
    "ks_pvalue": "ks_p",
    "wasserstein": "wasserstein",
    "wasserstein_over_ref_std": "wasserstein_normalised",
    "psi_ref_decile_bins_right_closed": "psi",
    "js_divergence_nats_same_bins": "js_divergence",
    "js_distance_base2_same_bins": "js_distance",
}
CATEGORY = {
    "l_infinity": "l_infinity",
    "tvd": "total_variation",
    "psi": "psi",
    "js_divergence_nats": "js_divergence",
    "chi2": "chi2",
    "chi2_df": "chi2_df",
    "chi2_pvalue": "chi2_p",
}


@pytest.fixture
def con():
    found = connect()
    yield found
    found.close()


def one(con, was: str, now: str) -> drift.ColumnDrift:
    tables = [f"(SELECT {x} AS x FROM range(10000) r(i))" for x in (was, now)]
    return drift.compare(con, *tables).columns[0]


def test_adult_against_its_reference(con, shared):
    reference = json.loads((shared / "data/quality/adult_quality_drift_anonymity_reference.json").read_text())["drift"]
    path = text(str(shared / "data/bias/adult.csv"))
    con.execute(f"CREATE TABLE t AS SELECT *, row_number() OVER () AS place FROM read_csv({path})")
    con.execute("CREATE VIEW was AS SELECT * EXCLUDE place FROM t WHERE place <= 16281")
    con.execute("CREATE VIEW now AS SELECT * EXCLUDE place FROM t WHERE place > 16281 AND education_num >= 9")
    found = drift.compare(con, "was", "now", reference["columns"])
    assert (found.reference_rows, found.current_rows) == (reference["n_ref"], reference["n_cur"])
    for name, expected in reference["columns"].items():
        column = found.column(name)
        names = NUMBER if "ks" in expected else CATEGORY
        for theirs, ours in names.items():
            assert getattr(column, ours) == pytest.approx(expected[theirs], rel=1e-9, abs=1e-12), (name, theirs)
        if "ks" in expected:
            assert [b["upto"] for b in column.bins] == [*expected["bin_edges"], None]
        else:
            assert column.new_categories == expected["new_categories"]
            assert sorted(column.vanished_categories) == expected["missing_categories"]
    drifted = {c.name: c.verdict for c in found.columns if c.verdict != "none"}
    assert drifted == {"education_num": "strong", "education": "strong"}  # the two that the rows were chosen by
    assert found.verdict == "strong"


def test_by_hand(con):
    """Reference 0, 1, 2, 3 and now 1, 2, 3, 4: each value moved by 1; the standard deviation is the root of 5/4."""
    found = drift.compare(con, "(VALUES (0), (1), (2), (3)) a(x)", "(VALUES (1), (2), (3), (4)) b(x)").columns[0]
    assert (found.ks, found.wasserstein) == (0.25, 1.0)
    assert found.wasserstein_normalised == pytest.approx(1 / math.sqrt(1.25))
    assert (found.reference_mean, found.current_mean) == (1.5, 2.5)
    assert found.verdict == "none"  # four rows cannot tell it from chance

    found = drift.compare(
        con, "(VALUES ('a'), ('a'), ('b'), ('b')) a(x)", "(VALUES ('a'), ('a'), ('a'), ('c')) b(x)"
    ).columns[0]
    assert (found.total_variation, found.l_infinity, found.chi2_df) == (0.5, 0.5, 2)
    assert found.chi2 == pytest.approx(0.2 + 2 + 1)  # a: 2 and 3 of 2.5 expected; b: 2 and 0 of 1; c: 0 and 1 of 0.5
    assert (found.new_categories, found.vanished_categories, found.new_share) == (["c"], ["b"], 0.25)
    empty = drift.EMPTY_SHARE
    parts = [0.25 * math.log(1.5), (empty - 0.5) * math.log(empty / 0.5), (0.25 - empty) * math.log(0.25 / empty)]
    assert found.psi == pytest.approx(sum(parts))


@pytest.mark.parametrize(
    ("was", "now", "verdict"),
    [
        ("i", "i", "none"),
        ("i", "i + 1", "none"),
        ("i", "i + 500", "some"),
        ("i", "i + 5000", "strong"),
        ("7", "7", "none"),
        ("7", "8", "strong"),
        ("(i % 2)::VARCHAR", "(i % 3)::VARCHAR", "strong"),  # a new category in a third of the rows
        ("if(i < 5000, 'a', 'b')", "if(i < 6200, 'a', 'b')", "some"),
        ("if(i < 5000, 'a', 'b')", "if(i < 5000, 'a', if(i < 9850, 'b', 'c'))", "some"),
        ("i < 5000", "i < 9000", "strong"),
        ("i", "if(i % 10 = 0, NULL, i)", "some"),
        ("i::DOUBLE", "if(i % 2 = 0, 'nan'::DOUBLE, if(i % 2 = 1, 'inf'::DOUBLE, i))", "strong"),
        ("DATE '2024-01-01' + i::INTEGER", "DATE '2034-01-01' + i::INTEGER", "strong"),
        ("i", "i::VARCHAR", "strong"),
        ("'id' || i", "'id' || (i + 50000)", "not compared"),
        ("[i]", "[i + 1]", "not compared"),
        ("NULL::INTEGER", "NULL::INTEGER", "not compared"),
    ],
)
def test_verdicts(con, was, now, verdict):
    assert one(con, was, now).verdict == verdict


def test_times_are_measured_in_seconds(con):
    assert one(con, "DATE '2024-01-01' + i::INTEGER", "DATE '2024-01-03' + i::INTEGER").wasserstein == pytest.approx(
        172_800
    )


def test_schema_and_rows(con):
    found = drift.compare(con, "(VALUES (1, 2, 3)) a(x, y, gone)", "(VALUES (1.5, 2, 3), (1, 2, 3)) b(x, y, new)")
    assert (found.reference_rows, found.current_rows, found.added, found.removed) == (1, 2, ["new"], ["gone"])
    assert [(r["column"], r["reference"]) for r in found.retyped] == [("x", "int32")]
    assert found.verdict == "some" and found.notes
    json.dumps(found.as_json())


def test_odd_names_and_cells_are_data(con):
    names = ["x", "a", "b", 'q"; DROP TABLE t; --', "größe", "select"]
    for name in names:
        quoted = '"' + name.replace('"', '""') + '"'
        con.execute(f"CREATE OR REPLACE TABLE t AS SELECT 'it''s; \"' || (i % 2) AS {quoted} FROM range(9) r(i)")
        assert drift.compare(con, "t", "t").column(name).psi == 0


def test_errors(con):
    with pytest.raises(ColumnNotFound, match="did you mean 'age'"):
        drift.compare(con, "(VALUES (1)) t(age)", "(VALUES (1)) t(age)", ["agee"])
    with pytest.raises(InputError, match="The current table has no rows"):
        drift.compare(con, "(VALUES (1)) t(a)", "(SELECT 1 AS a WHERE false)")


def test_command(tmp_workspace, tmp_path):
    was, now = tmp_path / "was.csv", tmp_path / "now.csv"
    was.write_text("age,sex\n" + "".join(f"{20 + i % 40},m\n" for i in range(200)))
    now.write_text("age,sex\n" + "".join(f"{40 + i % 40},m\n" for i in range(200)))
    result = CliRunner().invoke(app, ["drift", str(was), str(now), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [(c["name"], c["verdict"], c["wasserstein"]) for c in found["columns"]] == [
        ("age", "strong", pytest.approx(20)),
        ("sex", "none", None),
    ]
    said = CliRunner().invoke(app, ["drift", str(was), str(now), "--column", "age"]).stdout
    assert "was.csv → now.csv: drift strong." in said and "sex" not in said
