"""Ten rules on one table against a bare scan of the columns they read, and what a version costs without any rule.

python benchmarks/expectations.py [ROWS]     (default 10,000,000)
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from insights import expectations as expect
from insights import on_versions
from workspace import Workspace
from workspace.sql import connection

RULES = [
    {"kind": "not_missing", "column": "age"},
    {"kind": "range", "column": "age", "min": 0, "max": 120},
    {"kind": "in_set", "column": "city", "values": ["Ulm", "Bonn", "Kiel"]},
    {"kind": "matches", "column": "code", "pattern": "[A-Z]{2}-[0-9]+"},
    {"kind": "length", "column": "code", "min": 4, "max": 12},
    {"kind": "not_above", "column": "low", "other": "high"},
    {"kind": "condition", "condition": "low + high > 0 OR age IS NULL"},
    {"kind": "row_count", "min": 1},
    {"kind": "mean", "column": "age", "min": 0, "max": 200},
    {"kind": "range", "column": "at", "min": "2020-01-01"},
]
TABLE = """SELECT range AS id, CASE WHEN range % 50 = 0 THEN NULL ELSE range % 110 END AS age,
    ['Ulm', 'Bonn', 'Kiel'][range % 3 + 1] AS city, 'AB-' || (range % 100000) AS code, (range % 1000) / 10.0::DOUBLE AS low,
    (range % 1000) / 10.0::DOUBLE + 1 AS high, TIMESTAMP '2024-01-01' + INTERVAL (range) SECOND AS at FROM range({rows})"""


def timed(what: str, do, times: int = 3) -> float:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        do()
        seconds.append(time.perf_counter() - start)
    print(f"{what:<58} {min(seconds):8.3f} s")
    return min(seconds)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as folder, connection() as con:
        ws = Workspace.open(Path(folder) / "ws")
        version = ws.datasets.write("t", con.sql(TABLE.format(rows=rows)), lineage={"how": "benchmark"})
        rules = [expect.rule_from(r) for r in RULES]
        read = 'count(age), count(city), min(code), sum(low), sum(high), max("at")'
        print(f"{rows:,} rows, {version.bytes / 1e6:,.0f} MB of Parquet")
        bare = timed(
            "bare scan of the same columns", lambda: con.execute(f"SELECT {read} FROM {version.sql()}").fetchall()
        )
        ten = timed("ten rules in one scan", lambda: expect.check(con, version.sql(), rules))
        each = timed("ten rules, one scan each", lambda: [expect.check(con, version.sql(), [r]) for r in rules], 1)
        unique = timed("unique(id)", lambda: expect.check(con, version.sql(), [expect.rule_from({"kind": "unique", "columns": ["id"]})]), 1)  # fmt: skip
        print(
            f"ten rules: {ten / bare:.2f} x the bare scan, {each / ten:.1f} x faster than one by one; unique adds {unique:.2f} s"
        )
        on_versions.register()
        start = time.perf_counter()
        for _ in range(200):
            on_versions._guard(ws, version)
        print(f"no rules: {(time.perf_counter() - start) / 200 * 1e3:.3f} ms a version")
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB")
        ws.close()


if __name__ == "__main__":
    main()
