"""`tilth labels consolidate|agreement` for answers in files, as a user types them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import cli


@pytest.fixture
def tilth(tmp_workspace):
    def run(*words, code=0):
        result = CliRunner().invoke(cli.app, ["labels", *(str(w) for w in words)])
        assert result.exit_code == code, result.output + result.stderr
        return result

    return run


@pytest.fixture
def answers(tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text("item,worker,label\n1,a,cat\n1,b,cat\n1,c,dog\n2,a,dog\n2,b,dog\n3,c,cat\n")
    return path


def test_a_csv(tilth, answers, tmp_path):
    out = tmp_path / "out.csv"
    found = json.loads(tilth("consolidate", answers, "--method", "majority", "-o", out, "--json").stdout)
    assert [(t["task"], t["label"], t["confidence"], t["confidence_kind"]) for t in found["tasks"]] == [
        ("1", "cat", 0.6667, "vote share"), ("2", "dog", 1.0, "vote share"), ("3", "cat", None, "no consensus"),
    ]  # fmt: skip
    assert found["tasks"][0]["votes"] == {"cat": 2, "dog": 1} and found["tasks"][0]["disagreed"] == ["c"]
    assert [(w["worker"], w["answers"]) for w in found["workers"]] == [("a", 2), ("b", 2), ("c", 2)]
    assert found["method"] == "majority" and found["seconds"] >= 0
    assert out.read_text().splitlines()[1] == "1,cat,0.6667,vote share,cat: 2; dog: 1,c"
    assert "Least sure" in tilth("consolidate", answers).stdout


def test_parquet_and_gold(tilth, answers, tmp_path):
    import duckdb

    path, gold = tmp_path / "a.parquet", tmp_path / "gold.csv"
    duckdb.sql(f"COPY (FROM '{answers}') TO '{path}'")
    gold.write_text("item,label\n1,cat\n")
    found = json.loads(tilth("consolidate", path, "--gold", gold, "--json").stdout)
    assert found["tasks"][0]["confidence_kind"] == "calibrated on 1 gold tasks"


def test_agreement_of_a_csv(tilth, answers):
    found = json.loads(tilth("agreement", answers, "--json").stdout)
    assert found["tasks"] == 2 and [(p["left"], p["right"], p["agreement"]) for p in found["pairs"]] == [
        ("a", "b", 1.0), ("a", "c", 0.0), ("b", "c", 0.0),
    ]  # fmt: skip
    assert "krippendorff alpha" in tilth("agreement", answers).stdout


def test_a_ground_truth_job(tilth, shared):
    folder = shared / "data" / "labels" / "ground_truth_classification"
    found = json.loads(tilth("consolidate", folder, "--json").stdout)
    assert len(found["tasks"]) == 60 and found["method"] == "hierarchical"
    assert json.loads(tilth("agreement", folder, "--json").stdout)["krippendorff_alpha"] > 0.7


def test_mistakes_are_one_sentence(tilth, answers, tmp_path):
    assert "no file" in tilth("consolidate", tmp_path / "none.csv", "-o", "x.csv", code=1).stderr
    assert "no collection" in tilth("consolidate", "nothing", code=1).stderr
    (tmp_path / "empty").mkdir()
    assert "no worker-response files" in tilth("agreement", tmp_path / "empty", code=1).stderr
    (tmp_path / "gold.csv").write_text("item,label\n9,cat\n")
    assert "No task of gold.csv" in tilth("consolidate", answers, "--gold", tmp_path / "gold.csv", code=1).stderr
    tilth("consolidate", answers, "--method", "mean", code=2)
