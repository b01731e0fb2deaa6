"""Measure the feature store against its floors: a bare DuckDB ASOF JOIN and a bare SQLite lookup, in one run.

    python benchmarks/featurestore.py --entities 100000 --labels 100000 --rows 1000000

Prints medians, P95 and ratios. Wall time; the floor and ours alternate, so a busy machine hits both.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from featurestore import FeatureStore, offline
from featurestore.encoding import encode_key
from workspace.sql import connect, ident


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=100_000, help="keys with 50 floats online")
    parser.add_argument("--wide", type=int, default=2_000, help="keys with 1,900 floats (15 KB) online")
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument(
        "--rows", type=int, default=1_000_000, help="offline rows of the point-in-time join, 10 features"
    )
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--repeat", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, FeatureStore(folder) as fs:
        online(fs, "narrow", chosen.entities, 50, chosen.calls)
        online(fs, "wide", chosen.wide, 1900, min(chosen.calls, 1000))
        point_in_time(fs, chosen.rows, chosen.labels, chosen.repeat)


def online(fs: FeatureStore, name: str, entities: int, width: int, calls: int) -> None:
    """Publish, then read single records; the floor is the same blob by primary key, not decoded."""
    fs.create_group(name, keys=["id"], event_time="ts", features={f"f{i}": "float64" for i in range(width)})
    con = connect()
    columns = ", ".join(f"random() AS f{i}" for i in range(width))
    made = con.sql(f"SELECT range AS id, TIMESTAMPTZ '2026-01-01' AS ts, {columns} FROM range({entities})")
    file = fs.ws.root / f"{name}.parquet"
    made.write_parquet(str(file))
    started = time.perf_counter()
    fs.publish(name, file)
    seconds = time.perf_counter() - started
    print(f"publish {entities:,} x {width} float64: {seconds:.2f} s ({entities / seconds:,.0f} rows/s)")
    group = fs._group(name)
    keys = [(i * 7919) % entities for i in range(calls)]
    floor = sqlite3.connect(fs.ws.root / "online.sqlite", isolation_level=None)
    query = f"SELECT event_time, deleted, value FROM records_{group.id} WHERE key = ?"
    packed = [encode_key(group.keys, (key,)) for key in keys]
    bare = timed([lambda key=key: floor.execute(query, (key,)).fetchone() for key in packed])
    ours = timed([lambda key=key: fs.get(name, key) for key in keys])
    kilobytes = width * 8 / 1000
    print(f"online get, {kilobytes:.1f} KB record, {entities:,} keys: {said(ours)}; bare SQLite blob {said(bare)}")


def timed(calls: list[Callable]) -> list[float]:
    """Return microseconds per call, after a warm-up of a tenth of them."""
    for call in calls[: len(calls) // 10]:
        call()
    found = []
    for call in calls:
        started = time.perf_counter()
        call()
        found.append((time.perf_counter() - started) * 1e6)
    return found


def said(micros: list[float]) -> str:
    p95 = statistics.quantiles(micros, n=20)[18]
    return f"P50 {statistics.median(micros):.0f} us, P95 {p95:.0f} us"


def point_in_time(fs: FeatureStore, rows: int, labels: int, repeat: int) -> None:
    """Join labels with 10 float features; the floor is a bare ASOF LEFT JOIN on the same files into Arrow."""
    names = [f"f{i}" for i in range(10)]
    con = connect()
    entities = max(1, rows // 100)
    features = ", ".join(f"random() AS {name}" for name in names)
    start = "TIMESTAMPTZ '2026-01-01'"
    made = con.sql(
        f"SELECT range % {entities} AS id, {start} + to_seconds((range // {entities}) * 3600 + range % 3600) AS ts, "
        f"{features} FROM range({rows})"
    )
    made.write_parquet(str(fs.ws.root / "pit.parquet"))
    for name, twice in (("no_ties", False), ("ties", True)):
        fs.create_group(name, keys=["id"], event_time="ts", features=dict.fromkeys(names, "float64"))
        fs.publish(name, fs.ws.root / "pit.parquet")
        if twice:
            fs.put(
                name,
                {"id": 0, "ts": con.sql(f"SELECT {start}").to_arrow_table().to_pylist()[0].popitem()[1], "f0": 1.0},
            )
        table = con.sql(
            f"SELECT CAST(random() * {entities} AS BIGINT) AS id, "
            f"{start} + to_seconds(CAST(random() * 360000 AS BIGINT)) AS ts, range AS y FROM range({labels})"
        ).to_arrow_table()
        listed = ", ".join(f"f.{ident(n)}" for n in names)
        paths = ", ".join(f"'{p}'" for p in offline.files(fs.ws.root, fs._group(name)))
        bare_sql = f"SELECT l.*, {listed} FROM labels l ASOF LEFT JOIN read_parquet([{paths}]) f ON l.id = f.id AND l.ts >= f.ts"
        bare, ours = [], []
        for _ in range(repeat + 1):
            with connect() as fresh:
                started = time.perf_counter()
                fresh.register("labels", table)
                found = fresh.sql(bare_sql).to_arrow_table()
                bare.append(time.perf_counter() - started)
            started = time.perf_counter()
            joined = fs.training_set(table, [f"{name}:*"])
            ours.append(time.perf_counter() - started)
            assert joined.num_rows == found.num_rows == labels
        mid, floor = statistics.median(ours[1:]), statistics.median(bare[1:])
        print(
            f"point-in-time {labels:,} labels x {rows:,} rows, {name}: {mid:.3f} s (max {max(ours[1:]):.3f}); "
            f"bare ASOF JOIN {floor:.3f} s; ratio {mid / floor:.2f}"
        )


if __name__ == "__main__":
    main()
