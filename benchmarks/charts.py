"""Measure every chart on a generated Parquet file: `python benchmarks/charts.py [ROWS]` (10 million; median of 5)."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from insights.charts import ChartSpec, build, draw
from workspace.sql import connect, text

TABLE = """SELECT TIMESTAMP '2015-01-01' + INTERVAL (i * 30) SECOND AS at, random() * 100 AS price, (random() * random() * 1000)::INT AS amount,
 ['red', 'green', 'blue', 'black'][1 + (random() * 3.99)::INT] AS colour, 'user ' || (random() * 5000)::INT AS name, random() < .3 AS paid,
 47 + random() * 8 AS lat, 6 + random() * 9 AS lon FROM range({rows}) r(i)"""
CHARTS = {
    "histogram": {"x": "price"},
    "bar": {"x": "name", "y": "price", "aggregate": "mean"},
    "line": {"x": "at", "y": "price", "aggregate": "mean", "colour": "colour"},
    "area": {"x": "at", "colour": "colour"},
    "scatter": {"x": "price", "y": "amount"},
    "box": {"x": "colour", "y": "price"},
    "violin": {"x": "colour", "y": "price"},
    "heatmap": {"x": "colour", "y": "paid", "colour": "price", "aggregate": "mean"},
    "correlation": {},
    "series": {"x": "at", "y": "price"},
    "season": {"x": "at", "y": "price", "aggregate": "mean", "time_unit": "week"},
    "map": {"x": "lon", "y": "lat"},
}


def main(rows: int, times: int = 5) -> None:
    con = connect()
    with tempfile.TemporaryDirectory() as folder:
        con.execute(f"SET temp_directory = {text(folder + '/spill')}")
        path = text(f"{folder}/table.parquet")
        con.execute(f"COPY ({TABLE.format(rows=rows)}) TO {path}")
        print(f"{rows:,} rows, median of {times}")
        for kind, spec in CHARTS.items():
            took, cpu = [], time.process_time()
            for _ in range(times):
                start = time.perf_counter()
                data = build(con, f"read_parquet({path})", ChartSpec(kind=kind, **spec))
                took.append(time.perf_counter() - start)
            cpu = (time.process_time() - cpu) / times
            size = len(draw(data).to_json())
            print(
                f"{kind:12} {statistics.median(took):7.2f} s wall {cpu:7.2f} s CPU {data.table.num_rows:6,} marks {size / 1024:7.0f} KB"
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3] or [10_000_000]))
