"""`tilth bias` with intervals, intersections and a page; the page escapes what the data hold."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cli import app
from insights import bias
from workspace.sql import connect

TABLE = "(VALUES ('<b>f', 'x', 'yes', 0.9), ('<b>f', 'y', 'no', 0.1), ('m', 'x', 'yes', 0.8), ('m', 'y', 'yes', 0.3)) t(sex, race, paid, score)"
ASKED = {"label": "paid", "positive": "yes"}


@pytest.fixture
def run(tmp_workspace, tmp_path):
    path = tmp_path / "pay.csv"
    rows = [f"{s},{r},{p},{n},{g}" for s, r, p, n, g in [("m", "x", "yes", 1, "yes"), ("m", "y", "yes", 2, "no"), ("f", "x", "no", 3, "no"), ("f", "y", "yes", 4, "no")] for _ in range(20)]  # fmt: skip
    path.write_text("sex,race,paid,n,guess\n" + "\n".join(rows) + "\n")

    def call(*words):
        result = CliRunner().invoke(app, ["bias", str(path), "--label", "paid", "--positive", "yes", *map(str, words)])
        assert result.exit_code == 0, result.output
        return result.stdout

    return call


def test_intervals_and_intersections_as_json(run):
    found = json.loads(run("--facet", "sex=f", "--predicted", "guess", "--intervals", "--intersect", "sex,race", "--features", "n", "--json"))  # fmt: skip
    (sex,) = found["facets"]
    dpl = next(r for r in sex["readings"] if r["metric"] == "DPL")
    assert (
        dpl["value"] == 0.5 and 0.3 < dpl["interval"][0] < 0.5 < dpl["interval"][1] < 0.7 and dpl["verdict"] == "alert"
    )
    assert "FT" in sex["metrics"]
    groups = found["intersection"]["facets"]
    assert [g["value"] for g in groups][-1] == "m × x" and groups[0]["is_small"]
    assert len(json.loads(run("--intersect", "sex,race", "--json"))["facets"]) == 4  # two of sex, two of race


def test_words_and_the_page(run, tmp_path):
    page = tmp_path / "bias.html"
    said = run("--facet", "sex=f", "--intervals", "--intersect", "sex,n>2", "--html", page)
    assert "alert" in said and "Where sex and n meet, worst first:" in said and f"Report: {page}" in said
    assert "<h2>Groups where sex and n meet</h2>" in page.read_text() and "95% interval" in page.read_text()


def test_the_page_stands_alone_and_escapes():
    con = connect()
    found = bias.measure(con, TABLE, facets=["sex=<b>f"], **ASKED)
    crossed = bias.intersect(con, TABLE, facets=["sex", "race"], **ASKED)
    less = bias.mitigate(con, TABLE, "reweigh", facet="sex=<b>f", **ASKED)
    page = bias.to_html(found, "<i>pay@1", crossed=crossed, mitigated=less)
    assert "<b>f" not in page and "&lt;b&gt;f" in page and "&lt;i&gt;pay@1" in page
    assert "http" not in page and "<script" not in page
    assert "Reweigh: give each row a weight" in page and "(few rows)" in page and "∞" not in page
    outcomes = bias.measure(con, TABLE, label="score", positive="0.9", facets=["sex=m"])
    assert "Over all outcomes of score: KL" in bias.to_html(outcomes, "pay")
