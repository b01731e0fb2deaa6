"""The whole way of the sample tables: files → recipe → feature group → training set → model → one raw record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from examples.make_samples import make_samples
from featurestore import FeatureStore, manifest_of
from featurestore.intake import source_of, types_for_features
from sources import import_source
from training import Predictor, Registry, train
from transforms import Recipe
from transforms.errors import InputError
from workspace import Workspace
from workspace.running import run_recipe
from workspace.sql import connection

REPO = Path(__file__).parents[2]
KEPT = ["App", "Last Updated", "Rating", "Reviews", "Size", "Installs", "Price", "sentiment"]
RAW = {
    "App": "Fern Ledger",  # has 700 reviews
    "Category": "GAME",
    "Rating": None,
    "Reviews": 120,
    "Size": "19M",
    "Installs": "10,000+",
    "Type": "Paid",
    "Price": "$4.99",
    "Content Rating": "Everyone",
    "Genres": "Arcade",
    "Last Updated": "January 7, 2018",
    "Current Ver": "1.0",
    "Android Ver": "4.1 and up",
}


def recipe(*, clip: float) -> Recipe:
    """Return the recipe of the story: six kinds of steps, one of them over the reviews, one skipped for new records."""
    mean = {"column": "Sentiment_Polarity", "statistic": "mean", "to": "sentiment"}
    return (
        Recipe(name="prepare apps")
        .add("types.parse_number", {"columns": ["Size", "Installs", "Price"]})
        .add("types.parse_date", {"columns": ["Last Updated"], "format": "%B %d, %Y"})
        .add("rows.drop_duplicates", {"columns": ["App"], "order_by": "Reviews"})
        .add("missing.fill_statistic", {"columns": ["Rating", "Size"], "statistic": "median"})
        .add("scale.clip", {"columns": ["Reviews"], "method": "quantiles", "lower": 0.0, "upper": clip})
        .add("combine.join_summary", {"input": "reviews", "keys": ["App"], "other_keys": ["App"], "statistics": [mean]})
        .add("encode.one_hot", {"columns": ["Category"]})
    )


@pytest.fixture(scope="module")
def ws(tmp_path_factory) -> Workspace:
    """A workspace in which everything up to the trained models has happened."""
    folder = tmp_path_factory.mktemp("story")
    ws = Workspace.open(folder / "ws")
    for path in make_samples(folder / "samples"):
        import_source(ws, path)
    inputs = {"main": "apps", "reviews": "reviews"}
    fs = FeatureStore(ws)
    for clip in (0.99, 0.9):
        made = run_recipe(ws, recipe(clip=clip), inputs, output="prepared").dataset
        hot = [column["name"] for column in made.columns if column["name"].startswith("Category_")]
        listed = ", ".join(f'"{name}"' for name in KEPT + hot)
        with connection() as con:
            chosen = con.sql(f"SELECT {listed} FROM {made.sql()}")
            types = {
                n: str(t) for n, t in zip(chosen.columns, chosen.types, strict=True) if n not in ("App", "Last Updated")
            }
            declared = {n: {"type": t, "description": f"{n} of the app"} for n, t in types_for_features(types).items()}
            fs.create_group("apps", keys=["App"], event_time="Last Updated", features=declared, description="by app")
            fs.publish("apps", chosen, source=source_of(made))
    labels = _labels(ws)
    features = [f"apps:{name}" for name in ["Rating", "Reviews", "Size", "Price", "sentiment", *hot]]
    train(ws, "popular", fs.training_set(labels, features, time="at"), target="popular")
    return ws


def _labels(ws: Workspace) -> pa.Table:
    """Return one label per app at the end of 2018: has it more than 100,000 installs?"""
    with connection() as con:
        return con.sql(
            "SELECT App, TIMESTAMPTZ '2018-12-31 00:00:00+00' AS at, "
            f"CASE WHEN \"Installs\" > 100000 THEN 'yes' ELSE 'no' END AS popular FROM {ws.datasets.get('prepared').sql()}"
        ).to_arrow_table()


def tilth(ws: Workspace, *words: str, code: int = 0) -> dict | str:
    """Run a command in another process; return its JSON, or what it says where it fails."""
    command = [sys.executable, "cli.py", *words, "--json", "--workspace", str(ws.root)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


def by_hand(ws: Workspace, clip: float) -> dict:
    """Return what the recipe makes of RAW: median, quantile and mean of the reviews by plain SQL."""
    with connection() as con:
        con.execute(
            "CREATE VIEW apps AS SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY App ORDER BY Reviews DESC) AS n "
            f"FROM {ws.datasets.get('apps').sql()}) WHERE n = 1"
        )
        rating = con.sql("SELECT median(Rating) FROM apps WHERE NOT isnan(Rating)").fetchall()[0][0]
        most = con.sql(f"SELECT quantile_cont(Reviews, {clip}) FROM apps").fetchall()[0][0]
        mean = con.sql(
            f"SELECT avg(Sentiment_Polarity) FROM {ws.datasets.get('reviews').sql()} WHERE App = $1 "
            "AND NOT isnan(Sentiment_Polarity)",
            params=[RAW["App"]],
        ).fetchall()[0][0]
    return {
        "Rating": rating,
        "Reviews": min(120.0, most),
        "Size": 19e6,
        "Installs": 1e4,
        "Price": 4.99,
        "sentiment": mean,
    }


def test_both_versions_are_readable_and_say_what_made_them(ws):
    fs = FeatureStore(ws)
    group = fs.describe("apps")
    assert [v["version"] for v in group["versions"]] == [1, 2]
    clips = []
    for version in group["versions"]:
        source = version["source"]
        assert source["recipe"] == "prepare apps" and source["recipe_inputs"] == {"reviews": "reviews@1"}
        assert source["dataset"] == f"prepared@{version['version']}"
        clips.append(source["fitted_recipe"]["steps"][4]["settings"]["upper"])
    assert clips == [0.99, 0.9]
    one, both = fs.read("apps", version=1), fs.read("apps", version=2)
    assert both.num_rows == 2 * one.num_rows == 2 * ws.datasets.get("prepared").rows
    newest = pc.max(both.filter(pc.equal(both["version"], 2))["Reviews"]).as_py()
    assert newest < pc.max(one["Reviews"]).as_py()  # version 2 clips more
    assert fs.history("apps", RAW["App"]).num_rows == 2


def test_training_set_takes_the_newest_version_at_the_labels_time(ws):
    fs = FeatureStore(ws)
    labels = _labels(ws)
    made = fs.training_set(labels, ["apps:Reviews"], time="at")
    stored = {row["App"]: row["Reviews"] for row in fs.read("apps").to_pylist() if row["version"] == 2}
    assert made["Reviews"].to_pylist() == [stored[app] for app in made["App"].to_pylist()]
    assert manifest_of(made)["groups"]["apps"]["version"] == 2
    before = pa.table({"App": labels["App"], "at": pa.array(["2001-01-01"] * labels.num_rows)})
    assert fs.training_set(before, ["apps:Reviews"], time="at")["Reviews"].null_count == labels.num_rows


def test_the_model_knows_recipe_and_inputs_by_itself(ws):
    model = Registry(ws).get("popular")
    assert model.recipe["steps"][4]["settings"]["upper"] == 0.9  # of version 2
    assert model.lineage["recipe_inputs"] == {"reviews": "reviews@1"}
    assert model.metrics["accuracy"] > model.metrics["baseline_accuracy"]
    assert model.metrics["warnings"] == []
    made = Predictor(ws, "popular").prepared(RAW)
    wanted = by_hand(ws, 0.9)
    assert {name: made[name] for name in wanted} == pytest.approx(wanted)
    assert made["Category_GAME"] == 1 and made["Category_TOOLS"] == 0


def test_raw_record_by_command_line_and_http_while_both_run(ws):
    wanted = Predictor(ws, "popular").predict([RAW, RAW | {"Reviews": 50_000_000}])
    assert wanted[1]["probabilities"]["yes"] > wanted[0]["probabilities"]["yes"]
    command = [sys.executable, "cli.py", "serve", "--port", "0", "--workspace", str(ws.root)]
    server = subprocess.Popen(command, cwd=REPO, stderr=subprocess.PIPE, text=True, env={**os.environ})
    try:
        address = server.stderr.readline().split(" on ")[1].split()[0]
        said = tilth(ws, "predict", "popular", "--record", json.dumps(RAW))
        assert said["prediction"] == wanted[0]["prediction"]
        assert said["probabilities"] == pytest.approx(wanted[0]["probabilities"])
        with httpx.Client(base_url=address, timeout=30) as http:
            answer = _until_up(http, "/v1/models/popular:predict", {"records": [RAW, RAW | {"Reviews": 50_000_000}]})
            assert [p["probabilities"] for p in answer["predictions"]] == [
                pytest.approx(p["probabilities"]) for p in wanted
            ]
            refused = http.post("/v1/models/popular:predict", json={"records": [RAW | {"Reviews": "many"}]})
            assert refused.status_code == 400 and "Reviews" in refused.json()["error"]["message"]
            stored = http.get(f"/v1/groups/apps/records/{_some_app(ws)}").json()
            assert stored["App"] == _some_app(ws)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(15)


def _until_up(http: httpx.Client, path: str, body: dict) -> dict:
    for _ in range(100):
        try:
            return http.post(path, json=body).raise_for_status().json()
        except httpx.ConnectError:
            time.sleep(0.1)
    raise AssertionError("the server did not come up")


def _some_app(ws: Workspace) -> str:
    apps = FeatureStore(ws).read("apps")["App"].to_pylist()
    return next(app for app in apps if app.replace(" ", "").isascii() and app.replace(" ", "").isalnum())


def test_training_on_the_dataset_itself_keeps_the_recipe_too(ws):
    said = tilth(
        ws, "train", "prepared", "--target", "Rating", "--name", "rating", "--feature", "Size", "--feature", "sentiment"
    )
    assert said["lineage"]["dataset"] == "prepared@2" and said["lineage"]["recipe_inputs"] == {"reviews": "reviews@1"}
    assert "fitted_recipe" not in said["lineage"]
    assert tilth(ws, "predict", "rating", "--record", json.dumps(RAW))["prediction"] == pytest.approx(4.2, abs=0.5)


def test_labels_with_the_same_names_as_the_features(ws):
    """As in the app: the prepared dataset gives the labels, the store the features, and most names are in both."""
    prepared = ws.datasets.get("prepared")
    made = FeatureStore(ws).training_set(prepared, ["apps:Size", "apps:Price"], time="Last Updated")
    model = train(ws, "both", made, target="Type", features=["Content Rating", "apps:Size", "apps:Price"])
    assert [f["name"] for f in model.features] == ["Content Rating", "apps:Size", "apps:Price"]
    assert Predictor(ws, "both").predict([RAW])[0]["prediction"] == "Paid"
    table = Predictor(ws, "both").predict_table("apps")
    assert table.num_rows == ws.datasets.get("apps").rows and "apps:Size" in table.column_names


def test_an_input_that_nobody_knows(ws):
    """A recipe whose other input was no dataset: training says it, and what to do helps."""
    prepared = ws.datasets.get("prepared")
    fitted = prepared.lineage["fitted_recipe"]
    lost = {"dataset": "x@1", "recipe": "r", "fitted_recipe": fitted, "recipe_inputs": {"reviews": "reviews.csv"}}
    fs = FeatureStore(ws)
    fs.create_group("lost", keys=["App"], event_time="ts", features={"Size": "float64"})
    table = pa.table(
        {"App": [f"a{i}" for i in range(40)], "ts": ["2018-01-01"] * 40, "Size": [float(i) for i in range(40)]}
    )
    fs.publish("lost", table, source=lost)
    labels = pa.table({"App": table["App"], "ts": ["2019-01-01"] * 40, "y": [2.0 * i for i in range(40)]})
    rows = fs.training_set(labels, ["lost:Size"])
    model = train(ws, "lost", rows, target="y")
    assert "reads the input 'reviews' (it was 'reviews.csv')" in model.metrics["warnings"][0]
    with pytest.raises(InputError, match="without saying which"):
        Predictor(ws, "lost")
    with pytest.raises(InputError, match="'nope'.*no dataset"):
        train(ws, "lost", rows, target="y", recipe_inputs={"reviews": "nope"})
    train(ws, "lost", rows, target="y", recipe_inputs={"reviews": "reviews"})
    assert Predictor(ws, "lost").predict([RAW | {"Size": "20"}])[0]["prediction"] == pytest.approx(40.0)


def test_doctor_examines_the_features(ws):
    checks = {check["name"]: check for check in tilth(ws, "doctor")["checks"]}
    assert checks["features"]["ok"] and "online records agree" in checks["features"]["message"]
    con = FeatureStore(ws).online._connection()
    con.execute("DELETE FROM records_1 WHERE rowid IN (SELECT rowid FROM records_1 LIMIT 3)")
    checks = {check["name"]: check for check in tilth(ws, "doctor")["checks"]}
    assert checks["features"]["ok"] and "3 online records differed" in checks["features"]["message"]
