"""Bad input: each gives one clear sentence, and the dataset stays as it was."""

from __future__ import annotations

import gzip
import io
import os
import zipfile

import pytest

from sources import import_source
from transforms.errors import AppError


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return out.getvalue()


BAD = {
    "empty.csv": (b"", "'empty.csv' is empty"),
    "binary.csv": (os.urandom(0) + bytes(range(256)) * 40, "is not a text file"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "is a PNG image, not a table"),
    "paper.txt": (b"%PDF-1.7 \n%\xe2\xe3", "is a PDF document, not a table"),
    "not.parquet": (b"a,b\n1,2\n", "ends in .parquet but is not such a file"),
    "broken.parquet": (b"PAR1" + b"\1" * 50 + b"PAR1", "is a damaged Parquet file"),
    "secret.parquet": (b"PARE" + b"\1" * 50 + b"PARE", "is an encrypted Parquet file"),
    "not.xlsx": (b"hello", "ends in .xlsx but is not such a file"),
    "broken.json": (b'{"a": [1, 2', "is not valid JSON"),
    "broken.sqlite": (b"SQLite format 3\0" + b"\1" * 200, "cannot be read as a SQLite file"),
    "broken.csv.gz": (gzip.compress(b"a,b\n1,2\n" * 1000)[:-20], "is a damaged gz file"),
    "not.zip": (b"PK\x03\x04" + b"x" * 50, "is a damaged zip file"),
    "two.zip": (zipped(**{"a.csv": b"a\n1\n", "b.csv": b"b\n2\n"}), "holds 2 files: a.csv, b.csv"),
    "nested.zip": (zipped(**{"a.zip": zipped(**{"b.csv": b"b\n"})}), "has another archive inside"),
    "nested.csv.gz": (gzip.compress(gzip.compress(b"a\n1\n")), "has another archive inside"),
    "bomb.csv.gz": (gzip.compress(b"0" * (150 << 20), 9), "was refused.*archive bomb"),
    "bomb.zip": (zipped(**{"a.csv": b"0" * (150 << 20)}), "was refused.*archive bomb"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_sentence_and_nothing_lost(load, tmp_workspace, name):
    load("a\n1\n", "good.csv")
    content, sentence = BAD[name]
    with pytest.raises(AppError, match=sentence) as caught:
        load(content, name)
    assert "\n" not in str(caught.value)
    assert str(tmp_workspace.root) not in str(caught.value)
    assert [v.ref for v in tmp_workspace.datasets.list()] == ["t@1"]
    assert list((tmp_workspace.root / "tmp").iterdir()) == []


def test_a_missing_file_names_the_nearest(tmp_workspace, tmp_path):
    (tmp_path / "sales.csv").write_text("a\n1\n")
    with pytest.raises(AppError, match="There is no file .*sale.csv.*did you mean 'sales.csv'"):
        import_source(tmp_workspace, tmp_path / "sale.csv")


def test_a_folder_and_an_address(tmp_workspace, tmp_path):
    with pytest.raises(AppError, match="is a folder"):
        import_source(tmp_workspace, tmp_path)
    with pytest.raises(AppError, match="is an address"):
        import_source(tmp_workspace, "https://example.org/x.csv")


def test_a_lying_zip_is_counted_while_it_is_unpacked(load):
    content = bytearray(zipped(**{"a.csv": b"0" * (150 << 20)}))
    place = content.find(b"PK\x01\x02") + 24  # the size after unpacking, as the directory states it
    content[place : place + 4] = (100).to_bytes(4, "little")
    with pytest.raises(AppError, match="refused|damaged"):
        load(bytes(content), "liar.zip")


def test_a_member_with_a_path_stays_inside(load, tmp_path):
    content = zipped(**{"..__..__evil.csv": b"a\n1\n"})
    assert load(content, "evil.zip")[1] == [(1,)]
    assert not (tmp_path.parent / "evil.csv").exists()


def test_choose_a_member(load):
    content = zipped(**{"a.csv": b"a\n1\n", "sub__b.csv": b"b\n2\n"})
    version, rows, _ = load(content, "two.zip", options={"member": "sub/b.csv"})
    assert (rows, version.parse["member"]) == ([(2,)], "b.csv")


@pytest.mark.parametrize("name", ["[table].csv", "a*b?.csv", "it's.csv", "größe.csv", "-x.csv"])
def test_odd_file_names(load, name):
    assert load("a\n1\n", name, name="t")[1] == [(1,)]
