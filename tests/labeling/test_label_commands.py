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


def test_wrong_use_is_2(tilth, tmp_path):
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
