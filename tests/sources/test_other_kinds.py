"""JSON, Parquet, Excel, SQLite, DuckDB, compressed files."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import lzma
import sqlite3

import duckdb
import pytest

from transforms.errors import InputError, NotFound, SourceError


def types(version):
    return {column["name"]: column["type"] for column in version.columns}


@pytest.mark.parametrize(
    "name, pack", [("t.csv.gz", gzip.compress), ("t.csv.bz2", bz2.compress), ("t.csv.xz", lzma.compress)]
)
def test_compressed(load, name, pack):
    version, rows, _ = load(pack(b"a,b\n1,x\n"), name, name=None)
    assert (version.name, rows, version.parse["unpacked_from"]) == ("t", [(1, "x")], name)


def test_json_array_and_object(load):
    assert load('[{"a": 1, "b": {"c": "x"}}, {"a": 2}]', "t.json")[1] == [(1, {"c": "x"}), (2, None)]
    assert load('{"a": 1}', "t.json")[1] == [(1,)]


def test_json_lines_reject_broken_lines(load):
    version, rows, rejected = load('{"a": 1}\n{"a": \n{"a": 3}\n', "t.jsonl")
    assert rows == [(1,), (3,)]
    assert (version.rejected, rejected) == (1, [(2, None, "the line is not valid JSON", '{"a": ')])


def test_parquet_round_trip(load, tmp_path):
    path = tmp_path / "x.parquet"
    duckdb.sql("SELECT 1 AS a, 'x' AS b, DATE '2020-01-02' AS d").write_parquet(str(path))
    version, rows, _ = load(path, name=None)
    assert (version.name, rows) == ("x", [(1, "x", dt.date(2020, 1, 2))])


@pytest.fixture
def sqlite_file(tmp_path):
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE items (id INTEGER, price, note TEXT, mixed, empty)")
        db.executemany(
            "INSERT INTO items VALUES (?, ?, ?, ?, NULL)", [(1, 2.5, "a", 1), (2, 3, None, "x"), (3, None, "b", 2.5)]
        )
        db.execute('CREATE TABLE "odd ""name" (x)')
        db.execute('INSERT INTO "odd ""name" VALUES (7)')
    db.close()
    return path


def test_sqlite(load, sqlite_file):
    with pytest.raises(SourceError, match="has 2 tables: items, odd.*--table"):
        load(sqlite_file)
    version, rows, _ = load(sqlite_file, table="items")
    assert rows == [(1, 2.5, "a", "1", None), (2, 3.0, None, "x", None), (3, None, "b", "2.5", None)]
    assert types(version) == {
        "id": "int64", "price": "float64", "note": "string", "mixed": "string", "empty": "string"
    }  # fmt: skip
    assert "'mixed'" in version.warnings[0]
    assert load(sqlite_file, table='odd "name')[1] == [(7,)]
    with pytest.raises(NotFound, match="did you mean 'items'"):
        load(sqlite_file, table="item")


def test_sqlite_query(load, sqlite_file):
    assert load(sqlite_file, query="SELECT count(*) AS n FROM items")[1] == [(3,)]
    assert load(sqlite_file, table="items", query="SELECT max(id) AS m FROM source")[1] == [(3,)]
    for query in (
        "DELETE FROM items",
        "ATTACH '/tmp/x' AS y",
        "PRAGMA writable_schema = 1",
        "SELECT load_extension('x')",
    ):
        with pytest.raises(InputError, match="query cannot run"):
            load(sqlite_file, query=query)


def test_duckdb_file(load, tmp_path):
    path = tmp_path / "x.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE t AS SELECT 1 AS a; CREATE SCHEMA s; CREATE TABLE s.u AS SELECT 2 AS b").fetchall()
    with pytest.raises(SourceError, match="has 2 tables"):
        load(path)
    assert load(path, table="s.u")[1] == [(2,)]
    assert load(path, query='SELECT a + b AS c FROM t, "s.u"')[1] == [(3,)]


def test_excel(load, shared):
    folder = shared / "data" / "formats" / "excel"
    for name in ("table.xlsx", "table.xls"):
        version, rows, _ = load(folder / name)
        assert rows == [(1, "english"), (2, "中国人")]
        assert types(version) == {"id": "int64", "name": "string"}
    version, _, _ = load(folder / "ints-floats-dates.xls")
    assert types(version) == {"Int": "int64", "Float": "float64", "Date": "date"}
    version, rows, _ = load(folder / "sheet2.xlsx")
    assert version.parse["sheet"] == "Sheet2" and len(rows) == 2
    with pytest.raises(NotFound, match="no sheet in 'sheet2.xlsx' called 'Sheet9'"):
        load(folder / "sheet2.xlsx", table="Sheet9")
    with pytest.raises(SourceError, match="password"):
        load(folder / "pass_protected.xlsx")
