"""The point-in-time join as one expression: on DuckDB and on Spark the same rows as the ASOF JOIN."""

from __future__ import annotations

import datetime as dt
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featurestore import FeatureStore
from tests.featurestore.conftest import at
from tests.featurestore.test_views import fitted
from transforms.engines import DuckDBEngine, SparkEngine
from transforms.errors import InputError


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=pytest.mark.spark)])
def engine(request):
    if request.param == "duckdb":
        yield DuckDBEngine()
        return
    engine = SparkEngine()
    yield engine
    engine.session.stop()


@pytest.fixture
def fs(tmp_path, clock):
    with FeatureStore(tmp_path / "ws", clock=clock) as store:
        yield store


def fill(fs, clock, seed: int):
    """Publish random events with ties, tombstones, a later definition and later corrections."""
    draw = random.Random(seed)
    fs.create_group("a", keys={"k": "int64"}, event_time="ts", features={"x": "float64", "s": "string"}, ttl="20h")
    fs.create_group("b", keys={"p": "string", "q": "int64"}, event_time="seen", features={"n": "int64"})
    for day in range(3):
        clock.now = at(100 + day)
        fs.put("a", [
            {"k": draw.randrange(4), "ts": at(draw.randrange(50), micros=draw.randrange(2)), "x": draw.choice([None, 1.5, -2.0]),
             "s": draw.choice(["", "é", None])} for _ in range(30)
        ])  # fmt: skip
        fs.put("b", [{"p": draw.choice("uv"), "q": draw.randrange(2), "seen": at(draw.randrange(-9, 50)), "n": draw.randrange(99)}
                     for _ in range(20)])  # fmt: skip
        fs.delete("a", draw.randrange(4), event_time=at(draw.randrange(50)))
    fs.change_group("b", add={"m": "int64"})
    fs.put("b", {"p": "u", "q": 1, "seen": at(30), "n": 1, "m": 2**53 + 1})


def labels(seed: int) -> pa.Table:
    draw = random.Random(seed)
    rows = [
        {"k": draw.choice([0, 1, 2, 3, 9, None]), "p": draw.choice("uvw"), "q": draw.randrange(3),
         "when": None if draw.random() < 0.1 else at(draw.randrange(-5, 60), micros=draw.randrange(2)), "y": number}
        for number in range(120)
    ]  # fmt: skip
    kinds = pa.schema([("k", pa.int64()), ("p", pa.string()), ("q", pa.int64()), ("when", pa.timestamp("us", "UTC")), ("y", pa.int64())])  # fmt: skip
    return pa.Table.from_pylist(rows, kinds)


def test_the_same_rows_as_the_asof_join(fs, clock, engine, tmp_path):
    for seed in range(2):
        if seed:
            fs.drop_group("a"), fs.drop_group("b")
        fill(fs, clock, seed)
        given = labels(seed)
        path = tmp_path / f"labels{seed}.parquet"
        pq.write_table(given, path)
        features = ["a:*", "b:n", "b:m"]
        for more in ({}, {"as_of": at(101)}, {"ttl": {"b:n": "3h"}}):
            expected = fs.training_set(given, features, time="when", **more).sort_by("y")
            found = engine.arrow(fs.training_table(engine, str(path), features, time="when", **more)).sort_by("y")
            assert found.column_names == expected.column_names
            wanted = ("y", "k", "x", "s", "n", "m")
            assert found.select(wanted).to_pylist() == expected.select(wanted).to_pylist()


def test_a_view_with_defaults_and_a_recipe(fs, clock, engine, tmp_path):
    fill(fs, clock, 3)
    doubled = fitted("x * 2 + y", "z", x=[1.0], y=[1])
    fs.create_view("v", ["a:x"], defaults={"x": 0.5}, request={"y": "int64"}, recipe=doubled)
    given = labels(3)
    pq.write_table(given, tmp_path / "labels.parquet")
    expected = fs.training_set(given, "v", time="when").sort_by("y").select(["y", "x", "z"]).to_pylist()
    table = fs.training_table(engine, str(tmp_path / "labels.parquet"), "v", time="when")
    assert engine.arrow(table).sort_by("y").select(["y", "x", "z"]).to_pylist() == expected


def test_what_cannot_be_joined_is_told(fs, tmp_path):
    fs.create_group("g", keys={"k": "int64"}, event_time="ts", features={"x": "float64"})
    engine = DuckDBEngine()
    naive = pa.table({"k": [1], "ts": [dt.datetime(2026, 1, 1)]})
    with pytest.raises(InputError, match="has no rows yet"):
        fs.training_table(engine, naive, ["g:x"])
    fs.put("g", {"k": 1, "ts": at(0), "x": 4.0})
    assert engine.arrow(fs.training_table(engine, naive, ["g:x"])).column("x").to_pylist() == [4.0]
    with pytest.raises(InputError, match="no column 'when'"):
        fs.training_table(engine, naive, ["g:x"], time="when")
