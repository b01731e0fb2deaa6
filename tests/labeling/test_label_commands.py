"""`tilth redact` and `tilth labels …`, as a user types them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import cli
from labeling import annotations, collections


@pytest.fixture
def tilth(tmp_workspace):
    runner = CliRunner()

    def run(*words, code=0):
        result = runner.invoke(cli.app, [str(w) for w in words])
        assert result.exit_code == code, result.output + result.stderr
        return result

    return run


def test_redact_prints_lines_and_exits_1_after_the_others(tilth, tmp_path, make_picture):
    (tmp_path / "a.png").write_bytes(make_picture(1))
    (tmp_path / "bad.jpg").write_bytes(b"no")
    found = tilth(
        "redact", tmp_path / "a.png", tmp_path / "bad.jpg", "--out", tmp_path / "out", "--method", "fill", code=1
    )
    (line,) = [json.loads(line) for line in found.stdout.splitlines()]
    assert (line["file"], line["width"], line["height"]) == ("a.png", 64, 48)
    assert found.stderr.count("\n") == 1 and "bad.jpg is not a picture" in found.stderr
    assert (tmp_path / "out" / "a.png").exists()
    as_json = json.loads(tilth("redact", tmp_path / "a.png", "--out", tmp_path / "o2", "--json").stdout)
    assert as_json[0]["file"] == "a.png"


def test_redact_a_column_of_a_dataset(tilth, tmp_workspace, make_picture):
    import pyarrow as pa

    table = pa.table({"photo": pa.array([make_picture(1), b"no"], pa.binary())})
    tmp_workspace.datasets.write("photos", table, lineage={"how": "test"})
    found = tilth("redact", "photos", "--column", "photo", "--out", "safe", "--no-faces", "--json", code=1)
    said = json.loads(found.stdout)
    assert (said["dataset"], said["rows"], said["redacted"], said["emptied"]) == ("safe@1", 2, 1, 1)
    assert "row 2 is not a picture" in found.stderr


def test_redact_reads_text_and_leaves_places(tilth, tmp_path, make_picture):
    from tests.labeling.test_redaction_reading import ALPHABET, recogniser

    (tmp_path / "a.png").write_bytes(make_picture(1))
    (tmp_path / "keys.txt").write_text("\n".join(ALPHABET))
    model = recogniser(tmp_path / "m.onnx")
    words = ["redact", tmp_path / "a.png", "--out", tmp_path / "out", "--no-faces", "--no-plates"]
    found = tilth(*words, "--ocr", model, "--alphabet", tmp_path / "keys.txt", "--keep", "0,0,1,1")
    assert json.loads(found.stdout)["regions"] == []
    assert "Give both files" in tilth(*words, "--ocr", model, code=1).stderr
    for wrong in ("1,2", "a,b,c,d", "0,0,2,1"):
        assert "is no place in a picture" in tilth(*words, "--text", "--keep", wrong, code=1).stderr


def test_wrong_use_is_2(tilth, tmp_path):
    tilth("redact", tmp_path, code=2)
    tilth("redact", tmp_path, "--out", tmp_path, "--method", "smudge", code=2)
    tilth("labels", "export", "x", "--format", "excel", "-o", "y", code=2)


def test_the_whole_way(tilth, tmp_workspace, tmp_path, make_picture):
    folder = tmp_path / "in"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.png").write_bytes(make_picture(n))
    made = json.loads(tilth("labels", "create", "c", folder, "--class", "car", "--image-class", "day", "--json").stdout)
    assert made["added"] == 3
    image = collections.list_images(tmp_workspace, "c")[0]
    box = {"id": "b1", "label": "car", "x": 1.5, "y": 2, "w": 10, "h": 11}
    for who in ("anna", "ben"):
        annotations.save(
            tmp_workspace, image.id, {"regions": [box], "classes": ["day"]}, annotator=who, client="t", seq=1
        )
    tilth("labels", "export", "c", "--format", "label-studio", "-o", tmp_path / "ls.json")
    done = json.loads(tilth("labels", "import", "d", tmp_path / "ls.json", "--format", "label-studio", "--json").stdout)
    assert (done["images"], done["boxes"], done["without_pixels"]) == (3, 2, 3)
    tilth("labels", "export", "d", "--format", "label-studio", "-o", tmp_path / "ls2.json")
    assert (tmp_path / "ls.json").read_bytes() == (tmp_path / "ls2.json").read_bytes()
    assert json.loads(tilth("labels", "agreement", "c", "--json").stdout)["box_f1"] == 1
    assert json.loads(tilth("labels", "consolidate", "c", "--json").stdout)["rows"] == 2
    assert json.loads(tilth("labels", "stats", "c", "--json").stdout)["boxes"] == {"car": 2}
    assert len(json.loads(tilth("labels", "query", "c", "-n", 2, "--json").stdout)) == 2
    assert [c["name"] for c in json.loads(tilth("labels", "list", "--json").stdout)] == ["d", "c"]
    assert json.loads(tilth("labels", "auto", "c", "--no-faces", "--json").stdout)["skipped"] == 1
    for words in (("stats", "c"), ("agreement", "c"), ("list",), ("query", "c")):
        assert tilth("labels", *words).stdout.strip()
    assert "There is no collection called 'e'" in tilth("labels", "stats", "e", code=1).stderr
