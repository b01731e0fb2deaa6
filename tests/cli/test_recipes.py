"""`tilth transforms`, `check`, `run`, `export`: the contract's keys, exit codes, and one sentence on stderr."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import cli
from transforms import Recipe

FILL = (
    Recipe(name="fill")
    .add("missing.fill_statistic", {"columns": ["age"], "statistic": "mean"})
    .add("encode.one_hot", {"columns": ["city"]})
)


@pytest.fixture
def tilth(tmp_workspace, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"age": [10.0, None, 30.0], "city": ["Bern", "Genf", None]}), "people.parquet")
    pq.write_table(pa.table({"city": ["Bern", "Genf"], "size": [1, 2]}), "cities.parquet")
    FILL.save("fill.json")

    def run(*arguments, code=0):
        done = CliRunner().invoke(cli.app, list(map(str, arguments)))
        assert done.exit_code == code, (done.output, done.stderr, done.exception)
        return done

    return run


def said(done):
    """The one JSON document on stdout."""
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def refused(done, *words):
    """One sentence on stderr, nothing on stdout, no traceback."""
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


# -- transforms


def test_the_catalogue(tilth):
    listed = said(tilth("transforms", "--json"))
    assert len(listed) >= 100
    for one in listed:
        assert {"id", "label", "family", "serving", "covers", "settings_schema", "examples"} <= one.keys()
        assert one["id"].startswith(one["family"] + ".") and one["serving"] in (
            "row",
            "fitted",
            "batch",
            "training_only",
        )
        assert one["settings_schema"]["type"] == "object" and one["examples"]
        assert {"settings", "before", "after"} <= one["examples"][0].keys()
    assert len({one["id"] for one in listed}) == len(listed)
    words = tilth("transforms").stdout
    assert words.splitlines()[0].split() == ["id", "label", "serving"] and "scale.standard" in words


def test_one_transform(tilth):
    [one] = said(tilth("transforms", "scale.clip", "--json"))
    assert one["id"] == "scale.clip" and "method" in one["settings_schema"]["properties"]
    assert "Clip outliers" in tilth("transforms", "scale.clip").stdout
    refused(tilth("transforms", "scale.clipp", code=1), "did you mean 'scale.clip'")


# -- check


def test_check_without_a_problem(tilth):
    assert said(tilth("check", "fill.json", "--input", "people.parquet", "--json")) == {"problems": []}
    assert tilth("check", "fill.json", "--input", "people.parquet").stdout == "No problem found.\n"


def test_check_tells_all_problems_and_exits_1(tilth):
    FILL.edit("s1", settings={"columns": ["agee"]}).add("columns.drop", {"columns": ["no"]}).save("bad.json")
    found = said(tilth("check", "bad.json", "--input", "people.parquet", "--json", code=1))["problems"]
    assert [(p["step"], p["severity"]) for p in found] == [("s1", "error"), ("s3", "error")]
    assert all({"step", "message", "hint"} <= p.keys() for p in found)
    assert found[0]["hint"].startswith("did you mean 'age'?")
    assert tilth("check", "bad.json", "--input", "people.parquet", code=1).stdout.count("\n") == 2


def test_a_warning_alone_is_no_failure(tilth):
    FILL.add("split.by_key", {"keys": ["age"]}).edit("s3", settings={"keys": ["city_Bern"]}).save("leak.json")
    found = said(tilth("check", "leak.json", "--input", "people.parquet", "--json"))["problems"]
    assert {p["severity"] for p in found} == {"warning"}


# -- run


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json", "jsonl"])
def test_run_writes_by_suffix(tilth, suffix, tmp_path):
    done = said(tilth("run", "fill.json", "--input", "people.parquet", "--output", f"out.{suffix}", "--json"))
    assert {k: done[k] for k in ("rows", "columns", "engine", "state_path")} == {
        "rows": 3, "engine": "duckdb", "state_path": f"out.{suffix}.recipe.json",
        "columns": [{"name": "age", "type": "float64"}, {"name": "city_Bern", "type": "int64"}, {"name": "city_Genf", "type": "int64"}],
    }  # fmt: skip
    assert done["seconds"] >= 0
    expected = [
        {"age": 10.0, "city_Bern": 1, "city_Genf": 0},
        {"age": 20.0, "city_Bern": 0, "city_Genf": 1},
        {"age": 30.0, "city_Bern": 0, "city_Genf": 0},
    ]
    path = tmp_path / f"out.{suffix}"
    read = {
        "parquet": lambda: pq.read_table(path).to_pylist(),
        "csv": lambda: pa.csv.read_csv(path).to_pylist(),
        "json": lambda: json.loads(path.read_text()),
        "jsonl": lambda: [json.loads(line) for line in path.read_text().splitlines()],
    }[suffix]
    assert read() == expected
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_run_in_words_tells_its_steps_on_stderr(tilth):
    done = tilth("run", "fill.json", "--input", "people.parquet", "--output", "out.parquet")
    assert done.stdout.startswith("out.parquet: 3 rows, 3 columns in ")
    assert done.stderr.splitlines() == ["Step 1 of 2: Fill missing numbers", "Step 2 of 2: One-hot encode"]


def test_run_reads_datasets_and_files_of_other_kinds(tilth, tmp_path):
    (tmp_path / "people.csv").write_text("age,city\n10,Bern\n,Genf\n30,\n")
    tilth("import", "people.csv")
    for data in ("people", "people@1", "people.csv"):
        assert said(tilth("run", "fill.json", "--input", data, "--output", "out.parquet", "--json"))["rows"] == 3
        fitted = json.loads((tmp_path / "out.parquet.recipe.json").read_text())
        assert fitted["states"]["s1"] == {"age": 20.0} and fitted["fitted_on"]["rows"] == 3
    tilth("run", "fill.json", "--input", "people@1", "--output", "out.parquet")
    fitted = json.loads((tmp_path / "out.parquet.recipe.json").read_text())
    assert (fitted["fitted_on"]["dataset"], fitted["fitted_on"]["version"]) == ("people", 1)


def test_run_with_ports(tilth, tmp_path):
    join = Recipe(name="join").add(
        "combine.join", {"input": "where", "keys": ["city"], "other_keys": ["city"], "how": "inner"}
    )
    join.save("join.json")
    expected = [{"age": 10.0, "city": "Bern", "size": 1}, {"age": None, "city": "Genf", "size": 2}]
    for first in ("people.parquet", "main=people.parquet"):
        tilth("run", "join.json", "--input", first, "--input", "where=cities.parquet", "--output", "out.parquet")
        assert sorted(pq.read_table(tmp_path / "out.parquet").to_pylist(), key=lambda r: r["city"]) == expected
    run = ("run", "join.json", "--output", "out.parquet", "--json")
    refused(tilth(*run, "--input", "people.parquet", code=1), "the input 'where' is not given")
    refused(tilth(*run, "--input", "people.parquet", "--input", "cities.parquet", code=1), "has no name")
    refused(tilth(*run, "--input", "people.parquet", "--input", "main=cities.parquet", code=1), "given twice")
    refused(tilth(*run, "--input", "where=cities.parquet", code=1), "The main input is missing")


def test_the_state_reused_gives_the_identical_result(tilth, tmp_path):
    first = said(
        tilth(
            "run",
            "fill.json",
            "--input",
            "people.parquet",
            "--output",
            "a.parquet",
            "--save-state",
            "state.json",
            "--json",
        )
    )
    assert first["state_path"] == "state.json"
    tilth("run", "fill.json", "--input", "people.parquet", "--output", "b.parquet", "--state", "state.json")
    assert pq.read_table(tmp_path / "a.parquet").equals(pq.read_table(tmp_path / "b.parquet"))
    assert json.loads((tmp_path / "state.json").read_text()) == json.loads(
        (tmp_path / "b.parquet.recipe.json").read_text()
    )
    # other rows meet what was learnt, they are not learnt from
    pq.write_table(pa.table({"age": [None, 100.0], "city": ["Thun", "Genf"]}), "new.parquet")
    tilth("run", "fill.json", "--input", "new.parquet", "--output", "c.parquet", "--state", "state.json")
    assert pq.read_table(tmp_path / "c.parquet").to_pylist() == [
        {"age": 20.0, "city_Bern": 0, "city_Genf": 0},
        {"age": 100.0, "city_Bern": 0, "city_Genf": 1},
    ]


def test_a_state_that_is_not_fitted_is_refused(tilth):
    run = ("run", "fill.json", "--input", "people.parquet", "--output", "out.parquet", "--json", "--state")
    refused(tilth(*run, "fill.json", code=1), "has not learnt anything yet")
    refused(tilth(*run, "no.json", code=1), "There is no recipe file")


def test_what_cannot_be_written(tilth, tmp_path):
    run = ("run", "fill.json", "--input", "people.parquet", "--json", "--output")
    refused(tilth(*run, "out.xyz", code=1), ".parquet, .csv, .json")
    refused(tilth(*run, "no/where/out.parquet", code=1), "There is no folder")
    (tmp_path / "folder.parquet").mkdir()
    refused(tilth(*run, "folder.parquet", code=1), "cannot be written")
    (tmp_path / "out.parquet").write_bytes(b"old")
    refused(tilth(*run, "out.parquet", "--save-state", "no/where.json", code=1), "There is no folder")
    assert (tmp_path / "out.parquet").read_bytes() == b"old", "nothing is written where the recipe cannot be"
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_what_cannot_be_read(tilth, tmp_path):
    run = ("run", "fill.json", "--output", "out.parquet", "--json")
    refused(tilth(*run, "--input", "nothing.parquet", code=1), "nothing.parquet")
    refused(tilth(*run, "--input", "nothing", code=1), "nothing")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    refused(tilth(*run, "--input", "broken.parquet", code=1))
    (tmp_path / "broken.json").write_text("{")
    refused(
        tilth("run", "broken.json", "--input", "people.parquet", "--output", "out.parquet", code=1), "is not a recipe"
    )
    refused(tilth("run", tmp_path, "--input", "people.parquet", "--output", "out.parquet", code=1), "cannot be read")
    refused(tilth(*run, "--input", "cities.parquet", code=1), 'Step 1 "Fill missing numbers"', "'age'")
    assert not (tmp_path / "out.parquet").exists()


def test_an_engine_that_is_not_there(tilth):
    refused(
        tilth(
            "run", "fill.json", "--input", "people.parquet", "--output", "o.csv", "--engine", "abacus", "--json", code=1
        ),
        "Choose duckdb or spark",
    )


def test_wrong_usage_is_exit_2(tilth):
    for arguments in (
        ("run",),
        ("run", "fill.json", "--output", "o.csv"),
        ("check", "fill.json"),
        ("export",),
        ("run", "fill.json", "--no-such"),
    ):
        tilth(*arguments, code=2)


@pytest.mark.spark
def test_run_on_spark_gives_the_same(tilth, tmp_path):
    pytest.importorskip("pyspark")
    tilth("run", "fill.json", "--input", "people.parquet", "--output", "a.parquet")
    done = said(
        tilth("run", "fill.json", "--input", "people.parquet", "--output", "b.parquet", "--engine", "spark", "--json")
    )
    assert (done["engine"], done["rows"]) == ("spark", 3)
    key = lambda r: r["age"]  # noqa: E731
    assert sorted(pq.read_table(tmp_path / "a.parquet").to_pylist(), key=key) == sorted(
        pq.read_table(tmp_path / "b.parquet").to_pylist(), key=key
    )
    assert (
        json.loads((tmp_path / "a.parquet.recipe.json").read_text())["states"]
        == json.loads((tmp_path / "b.parquet.recipe.json").read_text())["states"]
    )


# -- export


@pytest.mark.parametrize("kind", ["pandas", "sql", "ibis", "notebook", "sklearn"])
def test_export_of_every_kind(tilth, kind, tmp_path):
    tilth("run", "fill.json", "--input", "people.parquet", "--output", "out.parquet")
    done = said(
        tilth("export", "fill.json", "--as", kind, "--state", "out.parquet.recipe.json", "-o", "code.txt", "--json")
    )
    text = (tmp_path / "code.txt").read_text()
    assert done == {"as": kind, "path": "code.txt", "bytes": len(text.encode())}
    assert "20.0" in text, "what was learnt is in the code"
    printed = tilth("export", "fill.json", "--as", kind, "--input", "people.parquet").stdout
    assert printed.count("\n") == text.rstrip("\n").count("\n") + 1
    if kind in ("pandas", "ibis", "sklearn"):
        compile(text, "code", "exec")
    if kind == "pandas":
        assert said(tilth("export", "fill.json", "--input", "people.parquet", "--json")).keys() == {"as", "code"}


def test_exported_python_is_a_recipe_again(tilth, tmp_path):
    tilth("export", "fill.json", "--input", "people.parquet", "-o", "prepare.py")
    tilth("run", "prepare.py", "--input", "people.parquet", "--output", "out.parquet", "--state", "prepare.py")
    assert pq.read_table(tmp_path / "out.parquet")["age"].to_pylist() == [10.0, 20.0, 30.0]
    (tmp_path / "other.py").write_text("x = 1\n")
    refused(tilth("export", "other.py", "--as", "sql", code=1), "was not exported by Tilth")


def test_export_needs_what_was_learnt(tilth):
    refused(tilth("export", "fill.json", "--as", "sql", code=1), "Step 's1' has not learnt anything yet", "--state")
    Recipe().add("number.negate", {"columns": ["age"]}).save("row.json")
    refused(tilth("export", "row.json", code=1), "names no input columns")
    Recipe(inputs={"main": {"age": "float64"}}).add("number.negate", {"columns": ["age"]}).save("row.json")
    assert "SELECT" in tilth("export", "row.json", "--as", "sql").stdout
    assert "SELECT" in tilth("export", "row.json", "--as", "sql", "--dialect", "postgres").stdout


def test_export_errors(tilth):
    export = ("export", "fill.json", "--input", "people.parquet")
    refused(tilth(*export, "--as", "cobol", code=1), "Choose one of pandas, sql, ibis, notebook, sklearn")
    refused(tilth(*export, "-o", "no/where.py", code=1), "There is no folder")
    refused(tilth(*export, "--as", "sql", "--dialect", "klingon", code=1), "klingon")
    Recipe().add("window.row_number", {"order_by": "age", "to": "n"}).save("batch.json")
    refused(
        tilth("export", "batch.json", "--input", "people.parquet", "--as", "sklearn", code=1), "Step 1", "Disable it"
    )


# -- recipe import, parameters


def test_another_tools_recipe_is_imported_with_a_report(tilth):
    Path("brew.json").write_text(
        '[{"Action": {"Operation": "RENAME", "Parameters": {"sourceColumn": "age", "targetColumn": "years"}}},\n'
        ' {"Action": {"Operation": "NO_SUCH", "Parameters": {}}}]'
    )
    done = said(tilth("recipe", "import", "brew.json", "--out", "ours.json", "--json"))
    assert done["steps"] == 2 and done["recipe"] == "ours.json"
    assert (done["report"]["mapped"], done["report"]["kept_disabled"]) == (1, 1)
    assert {line["operation"]: line["outcome"] for line in done["report"]["lines"]} == {
        "RENAME": "mapped",
        "NO_SUCH": "kept disabled",
    }
    ran = said(tilth("run", "ours.json", "--input", "people.parquet", "-o", "out.parquet", "--json"))
    assert [c["name"] for c in ran["columns"]] == ["years", "city"]
    text = tilth("recipe", "import", "brew.json", "-o", "ours.json").stdout
    assert "1 mapped" in text and "NO_SUCH: kept disabled" in text
    Path("bad.json").write_text("[1, 2")
    refused(tilth("recipe", "import", "bad.json", "-o", "x.json", code=1), "not JSON")
    refused(tilth("recipe", "import", "gone.json", "-o", "x.json", code=1), "no file")


def test_parameters_are_given_at_run_time(tilth):
    content = {
        "parameters": {"least": {"type": "number"}},
        "steps": [
            {
                "id": "s1",
                "transform": "number.arithmetic",
                "settings": {"left": "age", "number": {"parameter": "least"}, "to": "b"},
            }
        ],
    }
    Path("given.json").write_text(json.dumps(content))
    refused(
        tilth("run", "given.json", "--input", "people.parquet", "-o", "o.parquet", code=1),
        "'least' has no value",
        "--param",
    )
    refused(
        tilth("run", "given.json", "--input", "people.parquet", "-o", "o.parquet", "--param", "lest=1", code=1),
        "did you mean 'least'",
    )
    tilth("run", "given.json", "--input", "people.parquet", "-o", "o.parquet", "--param", "least=2")
    assert pq.read_table("o.parquet")["b"].to_pylist() == [12.0, None, 32.0]
    assert (
        said(tilth("check", "given.json", "--input", "people.parquet", "--param", "least=1", "--json"))["problems"]
        == []
    )
