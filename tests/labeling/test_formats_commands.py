"""`tilth labels import` and `export` with the choices that formats have, as a user types them."""

from __future__ import annotations

import json

from typer.testing import CliRunner

import cli

LINE = {
    "source-ref": "s3://b/x.jpg",
    "one": {"image_size": [{"width": 100, "height": 50, "depth": 3}], "annotations": [{"class_id": 0, "left": 10, "top": 20, "width": 30, "height": 10}]},
    "one-metadata": {"type": "groundtruth/object-detection", "class-map": {"0": "a"}, "objects": [{"confidence": 0.5}]},
}  # fmt: skip


def tilth(*words):
    result = CliRunner().invoke(cli.app, [str(w) for w in words])
    assert result.exit_code == 0, result.output + result.stderr
    return json.loads(result.stdout)


def test_choices_of_the_formats(tmp_workspace, tmp_path):
    two = {k.replace("one", "two"): v for k, v in LINE.items() if k != "source-ref"}
    (tmp_path / "in.manifest").write_text(json.dumps(LINE | two))
    load = (
        "labels",
        "import",
        "c",
        tmp_path / "in.manifest",
        "--format",
        "ground-truth",
        "--attribute",
        "one",
        "--json",
    )
    done = tilth(*load)
    assert (done["images"], done["regions"], done["boxes"], done["warnings"]) == (1, 1, 1, [])
    save = ("labels", "export", "c", "--json", "-o")
    path = tilth(*save, tmp_path / "o", "--format", "yolo", "--task", "obb")["path"]
    # corners (10, 20) (40, 20) (40, 30) (10, 30) of 100 × 50
    assert (tmp_path / "o/labels/x.txt").read_text() == "0 0.1 0.4 0.4 0.4 0.4 0.6 0.1 0.6\n"
    back = tilth("labels", "import", "c", path, "--format", "yolo", "--task", "segment", "--annotator", "me", "--json")
    assert (back["regions"], back["boxes"]) == (1, 0)
    said = tilth(*save, tmp_path / "p", "--format", "yolo", "--annotator", "me")["warnings"]
    assert said == ["1 regions of other shapes are written as the upright box around them."]
    tilth(*save, tmp_path / "g", "--format", "ground-truth", "--annotator", "ground truth", "--attribute", "checked")
    line = json.loads((tmp_path / "g").read_text())
    assert line["checked"] == line["two"] == LINE["one"]
    assert line["checked-metadata"]["adjustment-status"] == "unadjusted"
