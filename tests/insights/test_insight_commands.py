"""`tilth profile`, `bias` and `pii`: the contract's JSON, one sentence on an error."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cli import app


@pytest.fixture
def pay(tmp_path):
    path = tmp_path / "pay.csv"
    path.write_text(
        "sex,paid,guess,age,mail\nm,yes,yes,20,a@b.org\nm,yes,no,30,c@b.org\nm,no,no,50,\nf,yes,yes,60,d@b.org\nf,no,no,40,e@b.org\nf,no,no,30,f@b.org\n"
    )
    return path


@pytest.fixture
def run(tmp_workspace):
    def call(*words):
        return CliRunner().invoke(app, [str(w) for w in words])

    return call


def test_profile(run, pay, tmp_path):
    page = tmp_path / "report.html"
    result = run("profile", pay, "--html", page, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["rows"] == 6 and [c["name"] for c in found["columns"]] == ["sex", "paid", "guess", "age", "mail"]
    for warning in found["warnings"]:
        assert {"code", "severity", "column", "message", "fix"} <= set(warning)
    assert "<h3>mail</h3>" in page.read_text()


def test_bias_of_a_file_and_of_a_dataset(run, pay):
    assert run("import", pay).exit_code == 0
    for data in (pay, "pay", "pay@1"):
        result = run(
            "bias",
            data,
            "--label",
            "paid",
            "--positive",
            "yes",
            "--facet",
            "sex=f",
            "--facet",
            "age>=40",
            "--predicted",
            "guess",
            "--json",
        )
        assert result.exit_code == 0, result.output
        sex, age = json.loads(result.stdout)["facets"]
        assert (sex["facet"], sex["value"]) == ("sex", "f")
        assert sex["metrics"]["DPL"] == pytest.approx(1 / 3)
        assert (age["facet"], age["value"], age["counts"]["n_d"]) == ("age", ">= 40", 3)
        assert sex["metrics"]["DCA"] == sex["metrics"]["DCAcc"]


def test_pii(run, pay):
    found = json.loads(run("pii", pay, "--json").stdout)
    assert [c["name"] for c in found["columns"]] == ["sex", "paid", "guess", "age", "mail"]
    (mail,) = found["columns"][4]["entities"]
    assert (mail["type"], mail["share"], mail["confidence"]) == ("EMAIL", 1.0, 0.99)


def test_pii_proposes_steps_that_run(run, pay, tmp_path):
    recipe, out = tmp_path / "hide.json", tmp_path / "out.csv"
    found = json.loads(run("pii", pay, "--hide", "remove", "--recipe", recipe, "--json").stdout)
    assert found["steps"] == [{"transform": "privacy.null_out", "settings": {"columns": ["age", "mail"]}}]
    assert run("run", recipe, "--input", pay, "--output", out).exit_code == 0
    assert out.read_text().splitlines()[1] == "m,true,true,,"
    wrong = run("pii", pay, "--hide", "burn")
    assert wrong.exit_code == 1 and "There is no way 'burn' to hide personal data." in wrong.output


def test_text_output(run, pay):
    assert (
        "33.3 points less often" in run("bias", pay, "--label", "paid", "--positive", "yes", "--facet", "sex=f").stdout
    )
    assert "EMAIL" in run("pii", pay).stdout
    assert "6 rows, 5 columns" in run("profile", pay).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["profile", "gone"], "There is no dataset and no file called 'gone'."),
        (["bias", "FILE", "--label", "paid", "--positive", "yes"], "No group to protect was named."),
        (["bias", "FILE", "--label", "pai", "--positive", "yes", "--facet", "sex=f"], "did you mean 'paid'?"),
    ],
)
def test_an_error_is_one_sentence(run, pay, words, said):
    result = run(*[pay if w == "FILE" else w for w in words])
    assert result.exit_code == 1
    assert said in result.stderr and "Traceback" not in result.output


def test_wrong_usage(run, pay):
    assert run("bias", pay).exit_code == 2
