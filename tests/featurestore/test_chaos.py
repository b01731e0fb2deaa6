"""Ten processes read and three publish, and one is killed now and then: nothing lost, nothing torn, no wrong read.

TILTH_CHAOS_S says how long (default 15 s, a kill every 2 s; `make test-all` takes five minutes, a kill every 10 s).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from featurestore import FeatureStore
from tests.featurestore.chaos import KEYS, PUBLISHERS, rows, whole

SECONDS = float(os.environ.get("TILTH_CHAOS_S", 15))
READERS = 10
REPO = Path(__file__).parents[2]


@pytest.mark.servers
def test_readers_and_publishers_that_are_killed(tmp_path, online_url):
    with FeatureStore(tmp_path / "ws") as fs:
        fs.move_online(online_url)
        fs.create_group(
            "g", keys={"id": "int64"}, event_time="ts", features={"n": "int64", "s": "string", "v": "list<float>"}
        )
        fs.publish("g", rows(0, 0))
    (tmp_path / "publisher-0.log").write_text("begin 0\ndone 0\n")
    jobs = [("publish", str(i)) for i in range(PUBLISHERS)] + [("read",)] * READERS

    def start(job) -> subprocess.Popen:
        command = [sys.executable, "-m", "tests.featurestore.chaos", str(tmp_path), *job]
        return subprocess.Popen(command, cwd=REPO, stderr=subprocess.PIPE, text=True)

    running = [start(job) for job in jobs]
    draw, begun, killed = random.Random(1), time.monotonic(), Counter()
    try:
        while time.monotonic() - begun < SECONDS:
            time.sleep(2 if SECONDS < 60 else 10)
            place = draw.choice([*range(PUBLISHERS), *range(PUBLISHERS), *range(len(jobs))])  # publishers more often
            assert running[place].poll() is None, running[place].stderr.read()
            running[place].kill()
            running[place].communicate()
            killed[jobs[place][0]] += 1
            running[place] = start(jobs[place])
        (tmp_path / "stop").touch()
        for job, process in zip(jobs, running, strict=True):
            _, said = process.communicate(timeout=120)
            assert process.returncode == 0, f"{job}: {said}"
    finally:
        for process in running:
            process.kill()
            process.communicate()
    check_against_the_logs(tmp_path)
    assert sum(killed.values()) >= 3


def check_against_the_logs(root: Path) -> None:
    begun, done = set(), set()
    for publisher in range(PUBLISHERS):
        for line in (root / f"publisher-{publisher}.log").read_text().splitlines():
            word, number = line.split()
            (begun if word == "begin" else done).add(int(number) * PUBLISHERS + publisher)
    with FeatureStore(root / "ws") as fs:
        fs.reconcile("g")
        stored = fs.read("g")
        counts = Counter(stored.column("n").to_pylist())
        assert set(counts.values()) == {len(KEYS)}, "a batch is there in part, or twice"
        assert done <= set(counts) <= begun, (sorted(done - set(counts)), sorted(set(counts) - begun))
        assert all(map(whole, stored.to_pylist()))
        online = fs.get_many("g", list(KEYS))
        assert {record["n"] for record in online} == {max(counts)} and all(map(whole, online))
        assert fs.reconcile("g")[0]["repaired"] == 0
