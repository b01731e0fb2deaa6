"""Measure `profile` against DuckDB's SUMMARIZE, and ydata-profiling where it can be had, each in its own process.

    python benchmarks/profile.py [ROWS] [--ydata PYTHON] [--target]

20 columns in one Parquet file. Prints wall time, processor time and peak memory of the process, and the ratio to
SUMMARIZE. The budget is at most 2 times SUMMARIZE, on 10 million rows, for what SUMMARIZE gives (`details=False`).
ydata-profiling needs pandas below 3, so it cannot live beside Tilth: give the Python of an environment of its own
(`pip install 'ydata-profiling' 'pandas<3' 'setuptools<81' pyarrow`) as --ydata; without it, it is left out.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

NUMBERS = ", ".join(f"(random() * {10 ** (n % 5 + 1)})::DOUBLE AS f{n}" for n in range(6))
WHOLE = ", ".join(f"(random() * {10 ** (n + 1)})::BIGINT AS i{n}" for n in range(6))
TEXTS = "i::VARCHAR AS id, 'u' || (random() * 5000)::INT AS user, ['red', 'green', 'blue'][1 + (random() * 2.99)::INT] AS colour, CASE WHEN random() < .9 THEN 'word ' || (random() * 300)::INT END AS word"
OTHERS = "random() < .3 AS flag, DATE '2000-01-01' + (random() * 9000)::INT AS day, TIMESTAMP '2020-01-01' + INTERVAL (i) SECOND AS at, CASE WHEN random() < .8 THEN random() END AS gaps"

YDATA = """
import json, resource, sys, time
import pandas as pd
from ydata_profiling import ProfileReport
start, cpu = time.perf_counter(), time.process_time()
ProfileReport(pd.read_parquet(sys.argv[1]), minimal=True, progress_bar=False).to_json()
print(json.dumps({"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu,
                  "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def work(way: str, path: str) -> None:
    """Do one way in this process and print what it took, without the imports."""
    from insights.profile import profile
    from workspace.sql import connect, text

    con = connect()
    con.execute(f"SET temp_directory = {text(str(Path(path).parent / 'spill'))}")
    source = f"read_parquet({text(path)})"
    wall, cpu = time.perf_counter(), time.process_time()
    if way == "SUMMARIZE":
        con.execute(f"SUMMARIZE FROM {source}").fetchall()
    else:
        target = "colour" if "target" in way else None
        profile(source, con, details="details=False" not in way, target=target)
    took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps(took | {"megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="?", type=int, default=10_000_000)
    parser.add_argument("--ydata", metavar="PYTHON", help="the Python of an environment with ydata-profiling")
    parser.add_argument("--target", action="store_true", help="also with a target column")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        return work(*chosen.work)
    from workspace.sql import connection, text

    ways = [
        "SUMMARIZE",
        "profile, details=False",
        "profile, everything",
        *(["profile, target"] if chosen.target else []),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/table.parquet"
        with connection() as con:
            con.execute("SELECT setseed(0.5)")
            made = f"SELECT {NUMBERS}, {WHOLE}, {TEXTS}, {OTHERS} FROM range({chosen.rows}) r(i)"
            con.execute(f"COPY ({made}) TO {text(path)}")
        print(f"{chosen.rows:,} rows, 20 columns, {Path(path).stat().st_size / 1e6:,.0f} MB of Parquet")
        calls = {way: [sys.executable, __file__, "--work", way, path] for way in ways}
        if chosen.ydata:
            calls["ydata-profiling, minimal"] = [chosen.ydata, "-c", YDATA, path]
        first = None
        for way, call in calls.items():
            done = subprocess.run(call, capture_output=True, text=True)
            if done.returncode:
                print(f"{way:26} failed: {done.stderr.strip().splitlines()[-1]}")
                continue
            took = json.loads(done.stdout.strip().splitlines()[-1])
            first = first or took
            print(f"{way:26} {took['wall']:7.1f} s wall {took['cpu']:7.1f} s CPU {took['cpu'] / first['cpu']:5.2f} x SUMMARIZE {took['megabytes']:8,.0f} MB")  # fmt: skip
    if not chosen.ydata:
        print("ydata-profiling was left out: it needs pandas below 3; give its Python as --ydata.")
    return None


if __name__ == "__main__":
    main()
