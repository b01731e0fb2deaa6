"""Delta folders: append, overwrite, time travel, lost races, removal."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from transforms.errors import NotFound
from workspace import sql, tables


@pytest.fixture
def con():
    with sql.connection() as opened:
        yield opened


def put(con, folder, query, mode="append", **more):
    files = tables.write_files(con, query, folder)
    return tables.commit(folder, files, mode, tables.schema_of(con, query), **more)


def rows(con, folder, version=None):
    return sorted(con.sql(f"SELECT * FROM {tables.scan(tables.active_files(folder, version))}").fetchall())


def test_append_overwrite_and_time_travel(con, tmp_path):
    folder = tmp_path / "t"
    assert tables.table_version(folder) is None
    assert put(con, folder, "SELECT 1 AS a") == 0
    assert put(con, folder, "SELECT 2 AS a") == 1
    assert put(con, folder, "SELECT 'x' AS b", "overwrite") == 2
    assert rows(con, folder) == [("x",)]
    assert rows(con, folder, 1) == [(1,), (2,)]
    assert tables.table_version(folder) == 2


def test_append_with_a_new_column(con, tmp_path):
    put(con, tmp_path / "t", "SELECT 1 AS a")
    put(con, tmp_path / "t", "SELECT 2 AS a, TIMESTAMP '2020-01-01' AS b")
    from deltalake import DeltaTable

    assert [f.name for f in DeltaTable(tmp_path / "t").schema().fields] == ["a", "b"]


def test_plain_timestamps_after_a_table_without(con, tmp_path):
    put(con, tmp_path / "t", "SELECT 1 AS a")
    put(con, tmp_path / "t", "SELECT TIMESTAMP '2020-01-01' AS t", "overwrite")
    from deltalake import DeltaTable

    assert DeltaTable(tmp_path / "t").to_pyarrow_table().column("t")[0].as_py().year == 2020


def test_remove_keeps_older_versions(con, tmp_path):
    folder = tmp_path / "t"
    put(con, folder, "SELECT 1 AS a")
    put(con, folder, "SELECT 2 AS a")
    tables.remove(folder, [tables.active_files(folder)[0]])
    assert rows(con, folder) == [(2,)]
    assert rows(con, folder, 1) == [(1,), (2,)]


def test_unknown_version_is_named(con, tmp_path):
    put(con, tmp_path / "t", "SELECT 1 AS a")
    with pytest.raises(NotFound, match="t@5.*Known: 0"):
        tables.active_files(tmp_path / "t", 5)


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_many_writers_each_get_their_own_version(tmp_path, mode):
    folder = tmp_path / "t"

    def write(number):
        with sql.connection(threads=1) as own:
            return put(own, folder, f"SELECT {number} AS a", mode)

    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(write, range(12)))
    assert len(set(versions)) == 12
    with sql.connection() as con:
        if mode == "append":
            assert rows(con, folder) == [(n,) for n in range(12)]
        for number, version in enumerate(versions):  # a version is the state right after its own commit
            assert (number,) in rows(con, folder, version)


def test_drop(con, tmp_path):
    put(con, tmp_path / "t", "SELECT 1 AS a")
    tables.drop(tmp_path / "t")
    assert list(tmp_path.iterdir()) == []


def test_unfinished_files_are_never_seen(con, tmp_path):
    put(con, tmp_path / "t", "SELECT 1 AS a")
    tables.write_files(con, "SELECT 2 AS a", tmp_path / "t")  # written, not committed
    assert rows(con, tmp_path / "t") == [(1,)]


def test_writer_of_reads_the_process_number():
    assert tables.writer_of("part-abc-123.parquet") == 123
    assert tables.writer_of(".part-abc-77.parquet.tmp") == 77
    assert tables.writer_of("import-abc-9") == 9
    assert tables.writer_of(Path("something.else").name) == 0
