"""Measure `profile` against DuckDB's own SUMMARIZE on the same Parquet file: `python benchmarks/profile.py [ROWS]`.

The budget is at most 2 times SUMMARIZE, on 10 million rows of 20 columns, for what SUMMARIZE gives (`details=False`).
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from insights.profile import profile
from workspace.sql import connect, text

NUMBERS = ", ".join(f"(random() * {10 ** (n % 5 + 1)})::DOUBLE AS f{n}" for n in range(6))
WHOLE = ", ".join(f"(random() * {10 ** (n + 1)})::BIGINT AS i{n}" for n in range(6))
TEXTS = "i::VARCHAR AS id, 'u' || (random() * 5000)::INT AS user, ['red', 'green', 'blue'][1 + (random() * 2.99)::INT] AS colour, CASE WHEN random() < .9 THEN 'word ' || (random() * 300)::INT END AS word"
OTHERS = "random() < .3 AS flag, DATE '2000-01-01' + (random() * 9000)::INT AS day, TIMESTAMP '2020-01-01' + INTERVAL (i) SECOND AS at, CASE WHEN random() < .8 THEN random() END AS gaps"


def main(rows: int) -> None:
    con = connect()
    with tempfile.TemporaryDirectory() as folder:
        con.execute(f"SET temp_directory = {text(folder + '/spill')}")
        path = text(f"{folder}/table.parquet")
        con.execute(f"COPY (SELECT {NUMBERS}, {WHOLE}, {TEXTS}, {OTHERS} FROM range({rows}) r(i)) TO {path}")
        source = f"read_parquet({path})"
        measured = {
            "SUMMARIZE": lambda: con.execute(f"SUMMARIZE FROM {source}").fetchall(),
            "profile, details=False": lambda: profile(source, con, details=False),
            "profile, everything": lambda: profile(source, con),
        }
        first = None
        for name, work in measured.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            first = first or cpu
            print(f"{name:24} {wall:7.1f} s wall  {cpu:7.1f} s CPU  {cpu / first:5.2f} x SUMMARIZE")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
