"""Feast on the data of benchmarks/featurestore.py; run by it with a Python that has Feast: `--feast /path/to/python`.

Feast needs pandas 2 and Tilth pandas 3, so it lives in an environment of its own: `pip install 'feast[duckdb]'`.
Prints one line per measurement. Stores: SQLite online, DuckDB files offline, as Feast's local provider has them.
"""

from __future__ import annotations

import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64
from feast.value_type import ValueType


def main(folder: Path, width: int, calls: int) -> None:
    store = FeatureStore(
        config=RepoConfig(
            project="beside",
            provider="local",
            registry=str(folder / "registry.db"),
            online_store={"type": "sqlite", "path": str(folder / "feast_online.db")},
            offline_store={"type": "duckdb"},
            entity_key_serialization_version=3,
        )
    )
    key = Entity(name="id", join_keys=["id"], value_type=ValueType.INT64)
    narrow = view("narrow", key, folder / "narrow.parquet", [f"f{i}" for i in range(width)])
    pit = view("pit", key, folder / "pit.parquet", [f"p{i}" for i in range(10)])
    store.apply([key, narrow, pit])
    entities = len(pd.read_parquet(folder / "narrow.parquet", columns=["id"]))
    started = time.perf_counter()
    store.materialize(datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), feature_views=["narrow"])
    print(f"Feast publish {entities:,} x {width} float64: {time.perf_counter() - started:.1f} s")
    features = [f"narrow:f{i}" for i in range(width)]
    micros = []
    for n in range(calls):
        started = time.perf_counter()
        store.get_online_features(features=features, entity_rows=[{"id": (n * 7919) % entities}]).to_dict()
        micros.append((time.perf_counter() - started) * 1e6)
    cuts = statistics.quantiles(micros[calls // 10 :], n=100)
    print(f"Feast online get of {width} float64: P50 {cuts[49]:.0f} us, P95 {cuts[94]:.0f} us, P99 {cuts[98]:.0f} us")
    labels = pd.read_parquet(folder / "labels.parquet").rename(columns={"ts": "event_timestamp"})
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        found = store.get_historical_features(labels, features=[f"pit:p{i}" for i in range(10)]).to_arrow()
        seconds.append(time.perf_counter() - started)
    print(f"Feast point-in-time join of {len(labels):,} labels: {min(seconds):.2f} s, {found.num_rows:,} rows back")


def view(name: str, key: Entity, path: Path, features: list[str]) -> FeatureView:
    source = FileSource(name=f"{name}_source", path=str(path), timestamp_field="ts")
    schema = [Field(name=feature, dtype=Float64) for feature in features]
    return FeatureView(name=name, entities=[key], ttl=timedelta(days=3650), schema=schema, source=source)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
