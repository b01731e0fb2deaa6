"""`tilth chart`: files by suffix, figures as JSON, one sentence for mistakes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import cli
from insights import charts


@pytest.fixture
def tilth(tmp_workspace, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text("city,age\nUlm,10\nUlm,20\nBonn,60\n,5\n")

    def run(*arguments, code=0):
        done = CliRunner().invoke(cli.app, ["chart", *map(str, arguments)])
        assert done.exit_code == code, (done.output, done.stderr, done.exception)
        return done

    return run


def test_figures_as_json(tilth):
    said = json.loads(
        tilth("people.csv", "--mark", "bar", "--x", "city", "--y", "age", "--aggregate", "mean", "--json").stdout
    )
    assert {m["x"]: m["y"] for m in said["marks"]} == {"Ulm": 15, "Bonn": 60, "(missing)": 5}
    assert said["title"] == "Mean of age by city" and said["rows"] == said["used"] == 4


def test_settings_and_filters(tilth):
    said = json.loads(
        tilth(
            "people.csv",
            "--mark",
            "bar",
            "--x",
            "city",
            "--set",
            "normalise=share",
            "--where",
            "age is at least 10",
            "--json",
        ).stdout
    )
    assert {m["x"]: round(m["y"], 3) for m in said["marks"]} == {"Ulm": 0.667, "Bonn": 0.333}


@pytest.mark.parametrize("suffix", ["png", "svg", "html", "json", "csv", "py"])
def test_files(tilth, tmp_path, suffix):
    done = tilth("people.csv", "--mark", "histogram", "--x", "age", "-o", f"ages.{suffix}")
    assert "All 4 rows." in done.stdout and (tmp_path / f"ages.{suffix}").stat().st_size > 40


def test_the_code_of_a_file_reads_the_file(tilth, tmp_path):
    tilth("people.csv", "--mark", "bar", "--x", "city", "-o", "chart.py")
    done = subprocess.run([sys.executable, "-I", "chart.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Ulm" in (tmp_path / "chart.html").read_text()


def test_a_saved_chart(tilth, tmp_workspace):
    import pyarrow as pa

    tmp_workspace.datasets.write("t", pa.table({"x": [1, 2, 2]}), lineage={})
    charts.save(tmp_workspace, "t", "Two", charts.ChartSpec(kind="bar", x="x"))
    assert json.loads(tilth("t", "--saved", "Two", "--json").stdout)["marks"] == [
        {"x": "1", "y": 1, "count": 1},
        {"x": "2", "y": 2, "count": 2},
    ]
    assert "no saved chart called 'Three'" in tilth("t", "--saved", "Three", code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Say which chart with --mark"),
        (["--mark", "pie"], "mark: input should be 'histogram'"),
        (["--mark", "bar", "--x", "town"], "'town' is not in the table"),
        (["--mark", "bar", "--x", "city", "--set", "bins=lots"], "bins: input should be a valid integer"),
        (["--mark", "bar", "--x", "city", "--where", "town is missing"], "does not begin with a column"),
        (["--mark", "bar", "--x", "city", "--where", "city sounds nice"], "has no condition"),
        (["--mark", "bar", "--x", "city", "-o", "chart.gif"], "cannot be written as 'chart.gif'"),
    ],
)
def test_mistakes(tilth, arguments, said):
    assert said in tilth("people.csv", *arguments, code=1).stderr
