"""A process of the chaos test: `publish NUMBER` or `read`, until it is told to stop or killed. See test_chaos.py."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pyarrow as pa

from featurestore import FeatureStore
from tests.featurestore.conftest import at

KEYS = range(50)
PUBLISHERS = 3


def rows(publisher: int, number: int) -> pa.Table:
    """Return one batch: every key, all rows saying who wrote them; each batch has an event time of its own."""
    value = number * PUBLISHERS + publisher
    return pa.table(
        {
            "id": list(KEYS),
            "ts": pa.array([at(micros=value)] * len(KEYS), pa.timestamp("us", "UTC")),
            "n": [value] * len(KEYS),
            "s": [f"{key}:{value}" for key in KEYS],
            "v": [[float(value)] * 20] * len(KEYS),
        }
    )


def whole(record: dict) -> bool:
    """Return whether all parts of a record come from one write."""
    n = record["n"]
    return record["s"] == f"{record['id']}:{n}" and record["v"] == [float(n)] * 20 and record["ts"] == at(micros=n)


def publish(root: Path, publisher: int) -> None:
    """Publish batch after batch; a line before each, and one after it, both synced."""
    log = root / f"publisher-{publisher}.log"
    done = [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []
    number = max(map(int, done), default=-1) + 1
    with FeatureStore(root / "ws") as fs, log.open("a") as noted:
        while not (root / "stop").exists():
            note(noted, f"begin {number}")
            fs.publish("g", rows(publisher, number))
            note(noted, f"done {number}")
            number += 1


def note(log, line: str) -> None:
    log.write(line + "\n")
    log.flush()
    os.fsync(log.fileno())


def read(root: Path) -> None:
    """Read online and offline; exit with a message when a read is torn, goes back in time, or misses what is there."""
    newest = -1
    with FeatureStore(root / "ws") as fs:
        while not (root / "stop").exists():
            found = fs.get_many("g", list(KEYS))
            if any(found):
                values = {record["n"] for record in found if record}
                if None in found or len(values) != 1 or not all(map(whole, found)):
                    sys.exit(f"torn read online: {found[:3]} … {sorted(values)}")
                [value] = values
                if value < newest:
                    sys.exit(f"online went back from {newest} to {value}")
                newest = value
            labels = pa.table({"id": list(KEYS), "ts": [at(9)] * len(KEYS)})
            offline = fs.training_set(labels, ["g:n", "g:s"])
            seen = set(offline.column("n").to_pylist())
            if len(seen) != 1 or (newest >= 0 and None in seen):
                sys.exit(f"torn training set: {seen}")
            [value] = seen
            if newest >= 0 and value < newest:
                sys.exit(f"offline has {value}, and online had {newest} before")
            if fs.read("g").num_rows % len(KEYS):
                sys.exit("a version holds a part of a batch")
            time.sleep(0.01)


if __name__ == "__main__":
    where = Path(sys.argv[1])
    publish(where, int(sys.argv[3])) if sys.argv[2] == "publish" else read(where)
