"""The pages Features and Models: they open empty, do their one job, and show our sentence on bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from featurestore import FeatureStore
from training import Registry, train
from workspace import Workspace

PAGES = Path(__file__).parents[2] / "pages"


@pytest.fixture
def ws(tmp_path, monkeypatch):
    import streamlit as st

    monkeypatch.setenv("TILTH_WORKSPACE", str(tmp_path / "ws"))
    st.cache_resource.clear()
    yield Workspace.open()
    st.cache_resource.clear()


def data() -> pa.Table:
    x = np.linspace(-1, 1, 60)
    moments = pa.array([f"2026-01-01T{h % 24:02d}:00:00Z" for h in range(60)])
    return pa.table(
        {"id": range(60), "ts": moments.cast(pa.timestamp("us", "UTC")), "x": x, "y": np.where(x > 0, "up", "down")}
    )


def write(ws, name="rows"):
    table = data()
    return ws.datasets.write(name, pa.RecordBatchReader.from_batches(table.schema, table.to_batches()), lineage={})


def page(name: str) -> AppTest:
    opened = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=60).run()
    assert not opened.exception, opened.exception
    return opened


@pytest.mark.parametrize("name", ["features", "models"])
def test_empty_page_teaches(ws, name):
    opened = page(name)
    assert any("yet" in m.value for m in opened.markdown)
    assert not opened.error


def test_publish_a_dataset_as_a_new_group(ws):
    write(ws)
    opened = page("features")
    opened.text_input[0].input("g").run()
    opened.multiselect[0].select("id").run()
    next(b for b in opened.button if b.label == "Create and publish").click().run()
    run = ws.runs.list()[0]
    assert ws.runs.wait(run.id, 30).state == "done", ws.runs.get(run.id).error
    opened.run()
    assert not opened.exception
    group = FeatureStore(ws).describe("g")
    assert (group["version"], group["rows"]) == (1, 60)
    assert group["versions"][0]["source"]["dataset"] == "rows@1"
    assert FeatureStore(ws).get("g", 59, ["y"]) == {"y": "up"}


def test_versions_side_by_side_and_record(ws):
    fs = FeatureStore(ws)
    fs.create_group("g", keys=["id"], event_time="ts", features={"x": "float64", "y": "string"})
    fs.publish("g", data())
    fs.change_group("g", add={"z": "int64"})
    fs.put("g", {"id": 1, "ts": "2026-02-01T00:00:00Z", "x": 5.0, "y": "up", "z": 3})
    opened = page("features")
    assert any("side by side" in s.value for s in opened.subheader)
    key = next(t for t in opened.text_input if t.label.startswith("Key"))
    key.input("1").run()
    assert any("History: 2 rows" in c.value for c in opened.caption)
    key.input("abc").run()
    assert "int64" in opened.error[0].value and not opened.exception


def test_train_compare_approve_and_try(ws):
    write(ws)
    train(ws, "m", data(), target="y", features=["x"])
    opened = page("models")
    next(b for b in opened.button if b.label == "Approve").click().run()
    assert Registry(ws).get("m").status == "approved"
    opened.text_area[0].input('{"x": 0.9}').run()
    next(b for b in opened.button if b.label == "Predict").click().run()
    assert any(m.value == "up" for m in opened.metric)
    opened.text_area[0].input("{").run()
    next(b for b in opened.button if b.label == "Predict").click().run()
    assert "not JSON" in opened.error[0].value
    next(b for b in opened.button if b.label == "Train").click().run()
    run = ws.runs.list()[0]
    assert ws.runs.wait(run.id, 60).state == "done", ws.runs.get(run.id).error
    assert not opened.run().exception
    assert len(Registry(ws).list()) == 2


def test_a_failed_first_publish_says_why_and_leaves_no_group(ws):
    table = data()
    table = table.set_column(0, "id", pa.array([None, *range(1, 60)], pa.int64()))
    ws.datasets.write("rows", pa.RecordBatchReader.from_batches(table.schema, table.to_batches()), lineage={})
    opened = page("features")
    opened.text_input[0].input("1 bad name").run()
    opened.multiselect[0].select("id").run()
    next(b for b in opened.button if b.label == "Create and publish").click().run()
    assert "cannot be the name of a feature group" in opened.error[0].value and not ws.runs.list()
    opened.text_input[0].input("g").run()
    next(b for b in opened.button if b.label == "Create and publish").click().run()
    run = ws.runs.wait(ws.runs.list()[0].id, 30)
    assert run.state == "failed" and "key 'id' is null (rows 0)" in run.error
    opened.run()
    assert any("key 'id' is null" in e.value for e in opened.error) and not opened.exception
    assert opened.text_input[0].value == "g"  # what was typed is still there
    assert FeatureStore(ws).groups() == []


def test_what_changed_between_two_versions(ws):
    from featurestore.compare import recipe_changes, side_by_side
    from transforms import Recipe

    fs = FeatureStore(ws)
    fs.create_group("g", keys=["id"], event_time="ts", features={"x": "float64", "y": "string"})
    recipe = Recipe(name="r").add("missing.fill_statistic", {"columns": ["x"], "statistic": "median"})
    changed = recipe.edit("s1", settings={"columns": ["x"], "statistic": "mean"}).add("rows.sort", {"columns": ["x"]})
    for number, one in enumerate((recipe, changed)):
        table = data().set_column(2, "x", pa.array([float(number)] * 60))
        fs.publish("g", table, source=one.fit(table))
    said = recipe_changes(fs, "g", 1, 2)
    assert said[0] == 'Step 1 "Fill missing numbers": statistic was median and is mean.'
    assert said[1].startswith("Step 2 ") and "is new: columns x" in said[1] and len(said) == 2
    rows = side_by_side(fs, "g", 1, 2)
    assert [(r["feature"], r["change"]) for r in rows] == [("x", "differs"), ("y", "same")]
