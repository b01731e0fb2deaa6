"""The odd files of the shared material, against the shapes that other readers found."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import duckdb
import pytest

from sources import import_source, read_source
from sources.names import clean_names
from transforms.errors import AppError
from workspace import sql

SHARED = Path(os.environ.get("TILTH_SHARED") or Path(__file__).resolve().parents[3] / "shared")
FORMATS = SHARED / "data" / "formats"
READ_HERE = {"csv", "tsv", "csv.gz", "csv.bz2", "csv.xz", "csv.zip", "csv.zst", "ndjson", "ndjson.gz", "parquet"}
NEEDS_ENCODING = {"encodings/shift_jis.csv": "shift_jis", "encodings/iso-8859-7.csv": "iso-8859-7"}
EXCLUDED = {
    "compressed/table-multiple-files.zip": "several members: see test_bad_input",
    "json/map_of_structs.jsonl": "counted by the manifest as keys",
}


def manifest() -> list[dict]:
    if not FORMATS.is_dir():
        return []
    with (FORMATS / "manifest.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    return [
        r for r in rows if r["format"] in READ_HERE and r["expected_rows"].isdecimal() and r["file"] not in EXCLUDED
    ]


@pytest.mark.parametrize("row", manifest(), ids=lambda row: row["file"])
def test_shape_is_as_expected(tmp_workspace, shared, row):
    options = {"encoding": NEEDS_ENCODING[row["file"]]} if row["file"] in NEEDS_ENCODING else {}
    version = import_source(tmp_workspace, FORMATS / row["file"], name="t", options=options)
    rows, columns = int(row["expected_rows"]), int(row["expected_cols"])
    if row["must_fail"].startswith("yes"):
        assert version.rejected > 0
        return
    assert version.rows + version.rejected == rows
    assert len(version.columns) in (
        columns,
        columns - 1,
    )  # the manifest counts an empty field behind the last delimiter


def broken() -> list[str]:
    if not FORMATS.is_dir():
        return []
    with (FORMATS / "manifest.csv").open(encoding="utf-8", newline="") as opened:
        return [
            r["file"] for r in csv.DictReader(opened) if r["format"] == "parquet" and r["must_fail"].startswith("yes")
        ]


@pytest.mark.parametrize("name", broken())
def test_broken_files_fail_with_one_sentence(tmp_workspace, shared, name):
    with pytest.raises(AppError, match=Path(name).name.replace(".", r"\.")):
        import_source(tmp_workspace, FORMATS / name, name="t")


def spectrum() -> list[Path]:
    paths = sorted((SHARED / "data" / "csv" / "csv-spectrum" / "csvs").glob("*.csv"))
    return [path for path in paths if path.stem != "location_coordinates"]  # its JSON has another phone number


@pytest.mark.parametrize("path", spectrum(), ids=lambda path: path.stem)
def test_csv_spectrum_value_by_value(tmp_workspace, shared, path):
    expected = json.loads((path.parent.parent / "json" / f"{path.stem}.json").read_text("utf-8"))
    expected = expected if isinstance(expected, list) else [expected]
    version = import_source(tmp_workspace, path, name="t", options={"types": "text", "header": "yes"})
    with sql.connection() as con:
        rows = version.relation(con).fetchall()
    found = [dict(zip([c["name"] for c in version.columns], row, strict=True)) for row in rows]
    assert [{k: v or "" for k, v in row.items()} for row in found] == [
        {k: v.replace("\r\n", "\n") for k, v in row.items()}
        for row in expected  # git made the files' line ends LF
    ]


def test_every_csv_is_read_or_refused_in_one_sentence(shared, tmp_path):
    refused = set()
    paths = sorted(p for p in (SHARED / "data" / "csv").rglob("*.csv"))
    for path in paths:
        try:
            with sql.connection(threads=1) as con:
                read_to_the_end(read_source(path, con=con, scratch=tmp_path))
        except AppError as error:
            assert path.name in str(error)
            refused.add(path.name)
    assert len(paths) > 150
    assert refused == {"empty.csv", "shift_jis.csv"}


def read_to_the_end(found):
    while found is not None:
        try:
            found = found.finish(len(found.relation.fetchall()))
        except duckdb.Error as error:
            found = found.recover(error)
            assert found is not None, error


def test_clean_names():
    assert clean_names(["a", "A", "", None, "a_2", " b "]) == (
        ["a", "A_3", "column_3", "column_4", "a_2", "b"],
        [
            "Columns without a name were named: 'column_3' (place 3), 'column_4' (place 4).",
            "Columns with a name that was taken were renamed: 'A' → 'A_3'.",
        ],
    )
