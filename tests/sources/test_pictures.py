"""Folders and zip files of pictures as tables."""

from __future__ import annotations

import zipfile

import pytest

from sources import pictures
from transforms.catalog.images import png
from transforms.errors import AppError

FILES = {"cats/a.png": png([1, 2, 3], [4, 5, 6]), "b.PNG": png([1], [2], orientation=6), "broken.jpg": b"\xff\xd8\xff\xe0broken", "notes.txt": b"x"}  # fmt: skip
ROWS = [
    ("b.PNG", FILES["b.PNG"], 2, 1, "PNG", len(FILES["b.PNG"]), None),
    ("broken.jpg", FILES["broken.jpg"], None, None, None, 10, "no picture"),
    ("cats/a.png", FILES["cats/a.png"], 3, 2, "PNG", len(FILES["cats/a.png"]), None),
]


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "pets"
    for name, data in FILES.items():
        (found / name).parent.mkdir(parents=True, exist_ok=True)
        (found / name).write_bytes(data)
    return found


def test_a_folder_is_a_table(load, folder, tmp_path):
    (tmp_path / "outside.png").write_bytes(png([9]))
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / ".hidden.png").write_bytes(png([9]))
    version, rows, _ = load(folder)
    assert [c["name"] for c in version.columns] == ["path", "image", "width", "height", "format", "bytes", "error"]
    assert {c["name"]: c["type"] for c in version.columns}["image"] == "binary"
    assert sorted(rows) == ROWS
    assert any("1 of 3 files cannot be read" in w for w in version.warnings)


def test_a_zip_file_is_a_table(load, folder, tmp_path):
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
        archive.writestr("../../escape.png", png([7]))  # a name is text: nothing is written to it
        archive.writestr("__MACOSX/._a.png", b"x")
    _, rows, _ = load(path)
    assert sorted(r for r in rows if "escape" not in r[0]) == ROWS
    assert not (tmp_path.parent / "escape.png").exists()


def test_a_query_over_pictures(load, folder):
    _, rows, _ = load(folder, query="SELECT path, width FROM source WHERE error IS NULL ORDER BY path")
    assert rows == [("b.PNG", 2), ("cats/a.png", 3)]


def test_limits(load, folder, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_FILE_BYTES", 20)
    assert {r[6] for r in load(folder)[1]} == {"larger than 0 MB", "no picture"}
    monkeypatch.setattr(pictures, "MAX_FILES", 2)
    with pytest.raises(AppError, match="holds 3 pictures; at most 2 are read"):
        load(folder)
    monkeypatch.undo()
    monkeypatch.setattr(pictures, "MAX_BYTES", 100)
    with pytest.raises(AppError, match="of pictures"):
        load(folder)
