"""Training, registry and prediction; data whose right answer is known."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from featurestore import FeatureStore
from featurestore.server import create_app
from training import ESTIMATORS, Predictor, Registry, predict, train
from training.server import predict_router
from training.splits import random_split, time_split
from transforms import Recipe
from transforms.errors import ColumnNotFound, InputError, NotFound
from workspace import Workspace

REPO = Path(__file__).parents[2]


@pytest.fixture
def ws(tmp_path):
    return Workspace.open(tmp_path / "ws")


def table(rows: int = 200) -> pa.Table:
    """`z` is exactly 2x + 1 (+ 10 in group b); `y` is "yes" where x > 0; nothing else tells anything."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=rows)
    group = draw.choice(["a", "b"], size=rows)
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return pa.table(
        {
            "x": x,
            "group": group.tolist(),
            "y": np.where(x > 0, "yes", "no").tolist(),
            "z": 2 * x + 1 + 10 * (group == "b"),
            "when": [start + dt.timedelta(hours=i) for i in range(rows)],
        }
    )


def test_random_split_is_seeded_stratified_and_complete():
    labels = ["a"] * 80 + ["b"] * 20
    train_rows, test_rows = random_split(100, 0.2, 7, labels)
    assert sorted([*train_rows, *test_rows]) == list(range(100))
    assert [labels[i] for i in test_rows].count("b") == 4
    again = random_split(100, 0.2, 7, labels)
    assert (train_rows == again[0]).all() and (test_rows == again[1]).all()


def test_time_split_puts_the_newest_rows_in_the_test_and_keeps_a_moment_together():
    times = np.array(["2026-01-03", "2026-01-01", "2026-01-02", "2026-01-03", "2026-01-01"], "datetime64[us]")
    train_rows, test_rows = time_split(times, 0.2)
    assert train_rows.tolist() == [1, 2, 4] and test_rows.tolist() == [0, 3]
    with pytest.raises(InputError, match="same time"):
        time_split(times[[0, 0, 0, 0]], 0.5)


def test_linear_regression_finds_the_line(ws):
    model = train(ws, "line", table(), target="z", features=["x", "group"])
    assert (model.task, model.estimator, model.version, model.status) == (
        "regression",
        "linear_regression",
        1,
        "pending",
    )
    assert model.metrics["r2"] == pytest.approx(1.0) and model.metrics["mae"] < 1e-9
    got = predict(ws, "line", [{"x": 2.0, "group": "b"}, {"x": 2.0, "group": "a"}])
    assert [g["prediction"] for g in got] == pytest.approx([15.0, 5.0])


@pytest.mark.parametrize("estimator", [name for name, (_, tasks, _) in ESTIMATORS.items() if "classification" in tasks])
def test_classifiers_learn_are_stored_and_loaded(ws, estimator):
    model = train(ws, "sign", table(), target="y", features=["x"], estimator=estimator)
    assert model.metrics["accuracy"] > 0.9 > model.metrics["baseline_accuracy"]
    assert np.sum(model.metrics["confusion"]["matrix"]) == model.metrics["test_rows"] == 40
    sure, unsure = predict(ws, "sign", [{"x": 2.5}, {"x": None}])
    assert sure["prediction"] == "yes" and sure["probabilities"]["yes"] > 0.9
    assert sum(unsure["probabilities"].values()) == pytest.approx(1.0)
    assert not list(ws.root.rglob("*.pkl")) and len(list((ws.root / "models").glob("*.skops"))) == 1


def test_same_seed_same_artefact(ws):
    first = train(ws, "m", table(), target="y", features=["x", "group"], seed=3)
    again = train(ws, "m", table(), target="y", features=["x", "group"], seed=3)
    assert (first.version, again.version) == (1, 2)
    assert first.metrics == again.metrics


def test_wrong_questions_are_answered_plainly(ws):
    with pytest.raises(ColumnNotFound, match="'zz'"):
        train(ws, "m", table(), target="zz")
    with pytest.raises(InputError, match="does not do regression"):
        train(ws, "m", table(), target="z", features=["x"], estimator="logistic_regression")
    with pytest.raises(InputError, match="too few"):
        train(ws, "m", table(3), target="z", features=["x"])
    with pytest.raises(InputError, match="only one value"):
        train(ws, "m", table().filter(pa.compute.greater(table()["x"], 0)), target="y", features=["x"])
    with pytest.raises(InputError, match="does not take these settings"):
        train(ws, "m", table(), target="y", features=["x"], settings={"depth": 3})
    with pytest.raises(NotFound, match="no model called"):
        predict(ws, "m", [{"x": 1}])
    train(ws, "m", table(), target="y", features=["x"])
    with pytest.raises(InputError, match="misses 'x'"):
        predict(ws, "m", [{"q": 1}])
    with pytest.raises(InputError, match="must be a number"):
        predict(ws, "m", [{"x": "1"}])


def test_approval_decides_what_the_name_means(ws):
    for _ in range(2):
        train(ws, "m", table(), target="y", features=["x"])
    registry = Registry(ws)
    assert registry.get("m").version == 2
    registry.set_status("m@1", "approved", "checked")
    assert registry.get("m").version == 1
    with pytest.raises(NotFound, match="version of model"):
        registry.get("m@9")
    registry.delete("m")
    assert registry.list() == [] and not list((ws.root / "models").glob("*.skops"))


def test_a_changed_artefact_is_refused(ws):
    model = train(ws, "m", table(), target="y", features=["x"])
    path = ws.root / "models" / f"{model.artifact}.skops"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(InputError, match="changed on disk"):
        predict(ws, "m", [{"x": 1.0}])


def test_raw_record_goes_through_the_same_fitted_recipe_end_to_end(ws):
    """Raw table → recipe → feature group → training set → model → prediction of one raw record, walked back by lineage."""
    raw = (
        table()
        .append_column("id", pa.array(range(200)))
        .set_column(0, "x", pa.array([None, *table()["x"].to_pylist()[1:]]))
    )
    version = ws.datasets.write("raw", pa.RecordBatchReader.from_batches(raw.schema, raw.to_batches()), lineage={})
    recipe = Recipe(name="prepare").add("missing.fill_statistic", {"columns": ["x"], "statistic": "median"})
    fitted = recipe.fit(raw, fitted_on={"dataset": version.name, "version": version.version})
    prepared = fitted.run(raw).select("id", "when", "x", "group")
    store = FeatureStore(ws)
    store.create_group("g", keys=["id"], event_time="when", features={"x": "float64", "group": "string"})
    store.publish("g", prepared, source=fitted)
    labels = raw.select(["id", "when", "y"])
    model = train(ws, "m", store.training_set(labels, ["g:*"], time="when"), target="y", split="time", time="when")
    assert [f["name"] for f in model.features] == ["x", "group"]
    assert model.metrics["test_rows"] == 40
    predictor = Predictor(ws, "m")
    median = fitted.states["s1"]["x"]
    by_recipe, by_hand = predictor.predict([{"group": "a"}, {"x": median, "group": "a"}])
    assert by_recipe == by_hand
    assert predictor.predict([{"x": 2.0, "group": "a", "when": None}])[0]["prediction"] == "yes"
    origins = {(a.from_kind, a.from_ref) for a in ws.lineage.of("model", "m@1")}
    assert {("feature_group", "g@1"), ("dataset", "raw@1")} <= origins
    many = predictor.predict_table(raw)
    assert many.num_rows == 200 and {"prediction", "probability"} <= set(many.column_names)


def test_http_prediction(ws):
    train(ws, "m", table(), target="y", features=["x"])
    store = FeatureStore(ws)
    api = TestClient(create_app(store, [predict_router(ws)]))
    answer = api.post("/v1/models/m:predict", json={"records": [{"x": 3.0}, {"x": -3.0}]}).json()
    assert (answer["model"], answer["version"]) == ("m", 1)
    assert [p["prediction"] for p in answer["predictions"]] == ["yes", "no"]
    assert set(answer["predictions"][0]["probabilities"]) == {"no", "yes"}
    assert api.post("/v1/models/m@1:predict", json={"records": []}).json()["predictions"] == []
    assert api.post("/v1/models/zz:predict", json={"records": [{}]}).status_code == 404
    assert api.post("/v1/models/m:predict", json={"records": [{"q": 1}]}).status_code == 400


def test_command_line(ws, tmp_path):
    import pyarrow.parquet as pq

    pq.write_table(table(), tmp_path / "t.parquet")

    def tilth(*words: str, code: int = 0) -> dict:
        command = [sys.executable, "cli.py", *words, "--json", "--workspace", str(ws.root)]
        done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if code == 0 else {"stderr": done.stderr}

    made = tilth("train", str(tmp_path / "t.parquet"), "--target", "y", "--name", "m", "--feature", "x")
    assert made["version"] == 1 and made["metrics"]["accuracy"] > 0.9
    assert tilth("predict", "m@1", "--record", '{"x": 3}')["prediction"] == "yes"
    assert tilth("models", "approve", "m@1")["status"] == "approved"
    out = tmp_path / "p.csv"
    assert tilth("predict", "m", "--input", str(tmp_path / "t.parquet"), "--output", str(out))["rows"] == 200
    refused = tilth("predict", "nope", "--record", "{}", code=1)["stderr"]
    assert refused.count("\n") == 1 and "Traceback" not in refused
