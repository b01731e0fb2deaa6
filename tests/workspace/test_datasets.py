"""Datasets: versions, content hashes, names, types, two writers, deletion."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from transforms.errors import InputError, NotFound
from workspace import sql, tables

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def con():
    with sql.connection() as opened:
        yield opened


def test_write_and_read_back(tmp_workspace, con):
    rows = con.sql("SELECT * FROM (VALUES (1, 'a', NULL), (2, 'b', 2.5::DOUBLE)) t(id, name, x)")
    lineage = {"how": "test", "from": [{"kind": "file", "ref": "/x.csv"}]}
    version = tmp_workspace.datasets.write("sales", rows, lineage=lineage, rejected=1, warnings=["one"])
    assert (version.ref, version.rows, version.rejected, version.warnings) == ("sales@1", 2, 1, ["one"])
    assert version.columns == [
        {"name": "id", "type": "int32"},
        {"name": "name", "type": "string"},
        {"name": "x", "type": "float64"},
    ]
    assert version.relation(con).fetchall() == [(1, "a", None), (2, "b", 2.5)]
    assert con.sql(f"SELECT sum(id) FROM {version.sql()}").fetchall() == [(3,)]
    assert [(a.from_ref, a.how) for a in tmp_workspace.lineage.of("dataset", "sales@1")] == [("/x.csv", "test")]
    assert [(a.action, a.subject) for a in tmp_workspace.audit.list()] == [("dataset.write", "sales@1")]


def test_same_content_is_the_same_version(tmp_workspace, con):
    write = tmp_workspace.datasets.write
    first = write("t", con.sql("SELECT range AS i FROM range(1000)"), lineage={})
    again = write("t", pa.table({"i": list(range(1000))}), lineage={"how": "another way"})
    assert (again.version, again.is_new, again.content_hash) == (1, False, first.content_hash)
    other = write("t", con.sql("SELECT range AS i FROM range(1000) ORDER BY i DESC"), lineage={})
    assert (other.version, other.is_new) == (2, True)
    assert write("t", con.sql("SELECT range AS i FROM range(1000)"), lineage={}).version == 3
    assert len(list(Path(first.files[0]).parent.glob("*.parquet"))) == 3


@pytest.mark.parametrize(
    "one, two",
    [
        ("SELECT 1::BIGINT AS a", "SELECT 1::INTEGER AS a"),
        ("SELECT 1 AS a", "SELECT 1 AS b"),
        ("SELECT NULL::DOUBLE AS a", "SELECT 'nan'::DOUBLE AS a"),
        ("SELECT '' AS a", "SELECT NULL::VARCHAR AS a"),
        ("SELECT 'a' AS x, 'b' AS y", "SELECT 'b' AS x, 'a' AS y"),
        ("SELECT unnest([1, 1]) AS a", "SELECT unnest([2, 2]) AS a"),
    ],
)
def test_different_content_has_a_different_hash(tmp_workspace, con, one, two):
    hashes = [tmp_workspace.datasets.write("t", con.sql(q), lineage={}).content_hash for q in (one, two)]
    assert hashes[0] != hashes[1]


def test_versions_may_change_their_columns(tmp_workspace, con):
    datasets = tmp_workspace.datasets
    datasets.write("t", con.sql("SELECT 1 AS a"), lineage={})
    datasets.write("t", con.sql("SELECT TIMESTAMP '2020-01-01' AS b, 'x' AS c"), lineage={})
    assert datasets.get("t@1").relation(con).fetchall() == [(1,)]
    assert [c["name"] for c in datasets.get("t").columns] == ["b", "c"]
    assert [v.version for v in datasets.versions("t")] == [2, 1]
    folder = Path(datasets.get("t").files[0]).parent
    assert tables.active_files(folder) == datasets.get("t").files  # other readers of the Delta table see the newest


def test_any_name_may_be_a_column(tmp_workspace, con):
    names = ["self", "by", "a\"b'c", "größe", "select", "with, comma", "{x}", "space ", "日本"]
    table = pa.table({name: [place] for place, name in enumerate(names)})
    version = tmp_workspace.datasets.write("odd", table, lineage={})
    assert version.relation(con).columns == names
    assert version.relation(con).fetchall() == [tuple(range(len(names)))]


def test_five_thousand_columns(tmp_workspace, con):
    version = tmp_workspace.datasets.write("wide", pa.table({f"c{i}": [i] for i in range(5000)}), lineage={})
    assert len(version.columns) == 5000
    assert con.sql(f"SELECT c4999 FROM {version.sql()}").fetchall() == [(4999,)]


def test_no_rows_keep_their_columns(tmp_workspace, con):
    version = tmp_workspace.datasets.write("none", con.sql("SELECT 1 AS a, 'x' AS b WHERE false"), lineage={})
    assert (version.rows, version.relation(con).columns) == (0, ["a", "b"])


def test_types_are_kept_or_cast_without_loss(tmp_workspace, con):
    rows = con.sql(
        """SELECT 255::UTINYINT u8, 18446744073709551615::UBIGINT u64, 170141183460469231731687303715::HUGEINT huge,
        TIME '10:00:01' tm, '7d8fd2a4-0000-4000-8000-000000000000'::UUID id, INTERVAL 1 DAY iv, [1::UTINYINT] l,
        {'a': 1::UBIGINT} s, MAP {'k': TIME '01:00:00'} m, TIMESTAMPTZ '2020-01-01 00:00:00+00' tz, 1.25::DECIMAL(9, 2) d,
        TIMESTAMP '2020-01-01 00:00:00.123456' ts, 'x'::BLOB b, 'NaN'::DOUBLE nan"""
    )
    version = tmp_workspace.datasets.write("types", rows, lineage={})
    assert [c["type"] for c in version.columns] == [
        "int16",
        "decimal(20, 0)",
        "decimal(38, 0)",
        "string",
        "string",
        "string",
        "array<int16>",
        "struct<a: decimal(20, 0)>",
        "map<string, string>",
        "timestamp('UTC', 6)",
        "decimal(9, 2)",
        "timestamp(6)",
        "binary",
        "float64",
    ]
    row = con.sql(f"SELECT u64::VARCHAR, huge::VARCHAR, tm, s.a::VARCHAR, isnan(nan), ts::VARCHAR FROM {version.sql()}")
    assert row.fetchall() == [
        (
            "18446744073709551615",
            "170141183460469231731687303715",
            "10:00:01",
            "1",
            True,
            "2020-01-01 00:00:00.123456",
        )
    ]


@pytest.mark.parametrize(
    "duck",
    ["BIGINT", "SMALLINT", "DOUBLE", "FLOAT", "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "DECIMAL(9,2)",
     "BIGINT[]", "STRUCT(a BIGINT, b VARCHAR)", "MAP(VARCHAR, DOUBLE)", "BLOB"],
)  # fmt: skip
def test_type_names_are_those_of_ibis(con, duck):
    from ibis.backends.sql.datatypes import DuckDBType

    relation = con.sql(f"SELECT NULL::{duck} AS x")
    assert sql.type_name(relation.types[0]) == str(DuckDBType.from_string(duck))


@pytest.mark.parametrize("name", ["a", "Größe 2024", "x.y-z_1", "9"])
def test_good_names(tmp_workspace, con, name):
    assert tmp_workspace.datasets.write(name, con.sql("SELECT 1 AS a"), lineage={}).name == name


@pytest.mark.parametrize("name", ["", "  ", "../x", "a/b", "a\\b", ".hidden", "x" * 65, "a@1", "a\nb", "a;b"])
def test_bad_names_are_refused(tmp_workspace, con, name):
    with pytest.raises(InputError, match="dataset"):
        tmp_workspace.datasets.write(name, con.sql("SELECT 1 AS a"), lineage={})
    assert tmp_workspace.datasets.list() == []


def test_unknown_names_say_what_there_is(tmp_workspace, con):
    tmp_workspace.datasets.write("sales", con.sql("SELECT 1 AS a"), lineage={})
    with pytest.raises(NotFound, match="no dataset called 'sale'.*did you mean 'sales'"):
        tmp_workspace.datasets.get("sale")
    with pytest.raises(NotFound, match="'sales@7'.*sales@1"):
        tmp_workspace.datasets.get("sales@7")
    with pytest.raises(InputError, match="NAME@3"):
        tmp_workspace.datasets.get("sales@latest")


def test_delete_takes_files_and_keeps_the_audit_line(tmp_workspace, con):
    version = tmp_workspace.datasets.write("t", con.sql("SELECT 1 AS a"), lineage={})
    tmp_workspace.datasets.delete("t")
    assert not Path(version.files[0]).exists()
    assert tmp_workspace.datasets.list() == []
    assert tmp_workspace.audit.list()[0].action == "dataset.delete"
    assert tmp_workspace.datasets.write("t", con.sql("SELECT 1 AS a"), lineage={}).version == 1


def test_a_failing_query_leaves_nothing(tmp_workspace, con):
    tmp_workspace.datasets.write("t", con.sql("SELECT 1 AS a"), lineage={})
    with pytest.raises(duckdb.Error):
        tmp_workspace.datasets.write("t", con.sql("SELECT error('x') AS a FROM range(10)"), lineage={})
    assert [v.ref for v in tmp_workspace.datasets.versions("t")] == ["t@1"]
    assert len(list(tmp_workspace.datasets.folder.rglob("*.parquet"))) == 1
    assert list((tmp_workspace.root / "tmp").iterdir()) == []


def test_processes_writing_one_dataset_at_once_all_get_a_version(tmp_workspace, con):
    code = """
import sys
from workspace import Workspace, sql
ws = Workspace.open(sys.argv[1])
with sql.connection() as con:
    for i in range(4):
        ws.datasets.write("t", con.sql(f"SELECT {sys.argv[2]} AS who, {i} AS i"), lineage={})
"""
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_workspace.root), str(n)], cwd=ROOT) for n in range(3)
    ]
    assert [process.wait() for process in started] == [0, 0, 0]
    versions = tmp_workspace.datasets.versions("t")
    assert [v.version for v in versions] == list(range(12, 0, -1))
    seen = sorted(row for v in versions for row in v.relation(con).fetchall())
    assert seen == [(who, i) for who in range(3) for i in range(4)]
