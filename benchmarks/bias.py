"""Measure bias on many rows: counts alone, intervals, an intersection, a mitigation; wall seconds, and peak memory.

    python benchmarks/bias.py [ROWS]

The table (sex, race, age, job with 40 strata, outcome, prediction) is made by DuckDB and kept in its memory.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

MAKE = """CREATE TABLE t AS SELECT ['f', 'm'][1 + (hash(range) % 2)::INT] AS sex, ['v', 'w', 'x', 'y', 'z'][1 + (hash(range, 1) % 5)::INT] AS race,
    18 + (hash(range, 2) % 70)::INT AS age, 'job ' || (hash(range, 3) % 40) AS job,
    CASE WHEN hash(range, 4) % 100 < 30 + 15 * (hash(range) % 2) THEN 'yes' ELSE 'no' END AS paid,
    CASE WHEN hash(range, 5) % 100 < 30 + 25 * (hash(range) % 2) THEN 'yes' ELSE 'no' END AS guess FROM range({rows})"""


def main() -> None:
    from insights import bias
    from workspace.sql import connect

    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    con = connect()
    con.execute(MAKE.format(rows=rows))
    asked = {"label": "paid", "positive": "yes", "predicted": "guess"}
    print(f"{rows:,} rows")
    for what, work in {
        "counts, one group": lambda: bias.measure(con, "t", facets=["sex=f"], **asked),
        "counts, three facets, strata": lambda: bias.measure(con, "t", facets=["sex=f", "race", "age>40"], group="job", **asked),
        "the same with 1,000 resamples": lambda: bias.measure(con, "t", facets=["sex=f", "race", "age>40"], group="job", intervals=True, **asked),
        "sex x race x age>40": lambda: bias.intersect(con, "t", facets=["sex", "race", "age>40"], **asked),
        "the same with 1,000 resamples ": lambda: bias.intersect(con, "t", facets=["sex", "race", "age>40"], intervals=True, **asked),
        "reweigh, before and after": lambda: bias.mitigate(con, "t", "reweigh", label="paid", positive="yes", facet="sex=f"),
    }.items():  # fmt: skip
        start = time.perf_counter()
        work()
        print(f"{what:<34} {time.perf_counter() - start:6.2f} s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
