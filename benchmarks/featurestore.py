"""Measure the feature store against its floors: a bare DuckDB ASOF JOIN and a bare SQLite lookup, in one run.

    python benchmarks/featurestore.py --entities 100000 --labels 100000 --rows 1000000

Prints medians, P95 and ratios. Wall time; the floor and ours alternate, so a busy machine hits both.
"""

from __future__ import annotations

import argparse
import socket
import sqlite3
import statistics
import subprocess
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
    parser.add_argument("--rate", type=float, default=200, help="HTTP requests per second")
    parser.add_argument("--seconds", type=float, default=10, help="how long to ask over HTTP")
    parser.add_argument("--feast", help="a Python with Feast, to measure it on the same data (see feast_side.py)")
    parser.add_argument("--feast-entities", type=int, default=20_000, help="Feast takes milliseconds per entity")
    parser.add_argument("--online", default="sqlite", help="sqlite, redis://… or postgresql://…")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, FeatureStore(folder) as fs:
        fs.move_online(chosen.online)
        online(fs, "narrow", chosen.entities, 50, chosen.calls)
        online(fs, "wide", chosen.wide, 1900, min(chosen.calls, 1000))
        puts(fs, "narrow", min(chosen.calls, 50))
        over_http(fs, "wide", chosen.wide, chosen.rate, chosen.seconds)
        point_in_time(fs, chosen.rows, chosen.labels, chosen.repeat)
        if chosen.feast:
            beside_feast(fs, chosen.feast, chosen.feast_entities, min(chosen.calls, 500))


def beside_feast(fs: FeatureStore, python: str, entities: int, calls: int) -> None:
    """Run Feast on the first entities of `narrow` and on the whole point-in-time data, in a process of its own."""
    folder, con = fs.ws.root, connect()
    narrow = con.sql(f"SELECT * FROM read_parquet('{folder / 'narrow.parquet'}') WHERE id < {entities}")
    (folder / "feast").mkdir()
    narrow.write_parquet(str(folder / "feast" / "narrow.parquet"))
    renamed = ", ".join(f"f{i} AS p{i}" for i in range(10))
    con.sql(f"SELECT id, ts, {renamed} FROM read_parquet('{folder / 'pit.parquet'}')").write_parquet(
        str(folder / "feast" / "pit.parquet")
    )
    (folder / "labels.parquet").rename(folder / "feast" / "labels.parquet")
    command = [python, str(Path(__file__).with_name("feast_side.py")), str(folder / "feast"), "50", str(calls)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print("\n".join(line for line in done.stdout.splitlines() if line.startswith("Feast")) or done.stderr[-2000:])


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
    packed = [encode_key(group.keys, (key,)) for key in keys]
    if fs.online_place() == "sqlite":
        floor = sqlite3.connect(fs.ws.root / "online.sqlite", isolation_level=None)
        query = f"SELECT event_time, deleted, value FROM records_{group.id} WHERE key = ?"
        bare = timed([lambda key=key: floor.execute(query, (key,)).fetchone() for key in packed])
    else:
        bare = timed([lambda key=key: fs.online.find(group.id, key) for key in packed])
    ours = timed([lambda key=key: fs.get(name, key) for key in keys])
    kilobytes = width * 8 / 1000
    print(f"online get, {kilobytes:.1f} KB record, {entities:,} keys: {said(ours)}; bare blob {said(bare)}")


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
    cuts = statistics.quantiles(micros, n=100)
    return f"P50 {cuts[49]:.0f} us, P95 {cuts[94]:.0f} us, P99 {cuts[98]:.0f} us"


def puts(fs: FeatureStore, name: str, calls: int) -> None:
    """Write single records, online and offline together; each is durable when it returns."""
    features = fs.describe(name)["features"]
    moments = [f"2026-02-01T00:00:{n / 1000:06.3f}Z" for n in range(calls * 2)]
    records = [{"id": n, "ts": at, **{f["name"]: 0.5 for f in features}} for n, at in enumerate(moments)]
    ours = timed([lambda record=record: fs.put(name, record) for record in records[:calls]])
    print(f"put one record of {len(features)} float64: {said(ours)}")


def over_http(fs: FeatureStore, name: str, entities: int, rate: float, seconds: float) -> None:
    """Ask a real `tilth serve` at a fixed pace from a process of its own; late answers do not slow the asking.

    The latency of a request counts from when it was due, so a stall is seen by all requests that were due in it.
    """
    command = [sys.executable, "cli.py", "serve", "--port", "0", "--workspace", str(fs.ws.root)]
    server = subprocess.Popen(command, cwd=Path(__file__).parents[1], stderr=subprocess.PIPE, text=True)
    try:
        port = int(server.stderr.readline().split(" on ")[1].split()[0].rpartition(":")[2])
        asker = [sys.executable, __file__, "--ask", str(port), name, str(entities), str(rate), str(seconds)]
        print(subprocess.run(asker, capture_output=True, text=True, check=True).stdout.strip())
    finally:
        server.terminate()
        server.wait(20)


def ask(port: int, name: str, entities: int, rate: float, seconds: float) -> None:
    """Send requests over four kept connections, each when it is due; print the latencies."""
    import http.client
    import queue
    import threading

    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    due: queue.SimpleQueue = queue.SimpleQueue()
    found: list[float] = []
    sizes: set[int] = set()

    def work() -> None:
        con = http.client.HTTPConnection("127.0.0.1", port)
        con.connect()
        con.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (item := due.get()) is not None:
            at, key = item
            con.request("GET", f"/v1/groups/{name}/records/{key}")
            answer = con.getresponse()
            sizes.add(len(answer.read()))
            assert answer.status == 200, answer.status
            if at:
                found.append((time.perf_counter() - at) * 1e6)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for n in range(200):  # warm-up
        due.put((0.0, n % entities))
    while not due.empty():
        time.sleep(0.05)
    start = time.perf_counter() + 0.2
    for n in range(int(rate * seconds)):
        at = start + n / rate
        time.sleep(max(0.0, at - time.perf_counter()))
        due.put((at, (n * 7919) % entities))
    for _ in workers:
        due.put(None)
    for worker in workers:
        worker.join()
    print(f"HTTP get of {max(sizes):,} bytes of JSON at {rate:.0f} requests/s: {said(found)}")


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
        con.register("labels_made", table)
        con.sql("SELECT * FROM labels_made").write_parquet(str(fs.ws.root / "labels.parquet"))
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
    if sys.argv[1:2] == ["--ask"]:
        ask(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5]), float(sys.argv[6]))
    else:
        main()
