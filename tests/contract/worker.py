"""Runs exported Python files in one isolated process that cannot see Tilth: a path to a folder in, a line out.

python -I worker.py     # stdin: one folder per line with prepare.py, in.parquet, other_NAME.parquet; stdout: ok, or an error
"""

import json
import pathlib
import runpy
import sys
import traceback

for line in sys.stdin:
    folder = pathlib.Path(line.strip())
    others = [f"{p.stem.removeprefix('other_')}={p}" for p in sorted(folder.glob("other_*.parquet"))]
    sys.argv = ["prepare.py", str(folder / "in.parquet"), str(folder / "out.parquet"), *others]
    try:
        runpy.run_path(str(folder / "prepare.py"), run_name="__main__")
        answer = "ok"
    except BaseException:
        answer = traceback.format_exc()
    if any(m.split(".")[0] in ("transforms", "ibis", "duckdb") for m in sys.modules):
        answer = "the exported code imported Tilth, Ibis or DuckDB"
    print(json.dumps(answer), file=sys.__stdout__, flush=True)
