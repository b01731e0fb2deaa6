"""The 36 conformance cases of the feature store, in their order; each outcome is DESIGN.md section 6 worked out by hand."""

from __future__ import annotations

import datetime as dt
import math
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
import unicodedata
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from featurestore import BatchRejected, FeatureStore, NaiveTimeWarning
from tests.featurestore.conftest import at, batch
from transforms.errors import Conflict, InputError, NotFound

REPO = Path(__file__).parents[2]


def labels(ids, hours, **more) -> pa.Table:
    return batch(ids, hours, **more)


def simple(fs, name="g", **more):
    fs.create_group(name, keys=["id"], event_time="ts", features={"x": "float64"}, **more)


def xs(fs, ids, hours, **options) -> list:
    return fs.training_set(labels(ids, hours), ["g:x"], **options).column("x").to_pylist()


def child(code: str, *args) -> subprocess.Popen:
    """Run code in another process with `fs`, `pa`, `at` and `batch` at hand."""
    head = """
        import sys, os
        import pyarrow as pa
        from featurestore import FeatureStore
        from tests.featurestore.conftest import at, batch
        fs = FeatureStore(sys.argv[1])
    """
    text = textwrap.dedent(head) + textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, args)],
        cwd=REPO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_case_01_first_put_then_get(fs):
    features = {
        "i": "int64",
        "f": "float64",
        "s": "string",
        "b": "bool",
        "t": "timestamp",
        "v": "list<float>",
        "p": "image",
    }
    fs.create_group("g", keys=["id"], event_time="ts", features=features)
    record = {"id": 7, "ts": at(1), "i": 5, "f": 0.5, "s": "é", "b": True, "t": at(2), "v": [1.0, 2.5], "p": "a/b.jpg"}
    fs.put("g", record)
    got = fs.get("g", 7)
    assert got == record
    assert [type(v) for v in got.values()] == [type(v) for v in record.values()]


def test_case_02_unknown_key(fs):
    simple(fs)
    assert fs.get("g", 1) is None
    fs.put("g", {"id": 1, "ts": at(0), "x": 1.0})
    assert fs.get("g", 2) is None


def test_case_03_newer_event_replaces_online(fs):
    simple(fs)
    fs.put("g", {"id": 1, "ts": at(0), "x": 1.0})
    fs.put("g", {"id": 1, "ts": at(1), "x": 2.0})
    assert fs.get("g", 1, ["x"]) == {"x": 2.0}


def test_case_04_late_older_event_goes_offline_only(fs):
    simple(fs)
    fs.put("g", {"id": 1, "ts": at(10), "x": 10.0})
    fs.put("g", {"id": 1, "ts": at(9), "x": 9.0})
    assert fs.get("g", 1, ["x"]) == {"x": 10.0}
    assert fs.history("g", 1).column("x").to_pylist() == [9.0, 10.0]


def test_case_05_equal_event_time_later_write_wins_everywhere(fs):
    simple(fs)
    fs.put("g", {"id": 1, "ts": at(1), "x": 1.0})
    fs.put("g", {"id": 1, "ts": at(1), "x": 2.0})
    assert fs.get("g", 1, ["x"]) == {"x": 2.0}
    assert xs(fs, [1], [1]) == [2.0]
    fs.publish("g", batch([2, 2], [1, 1], x=[5.0, 4.0]))  # within one batch: the later row
    assert fs.get("g", 2, ["x"]) == {"x": 4.0}
    assert xs(fs, [2], [3]) == [4.0]


def test_case_06_order_inside_a_batch_does_not_matter(fs):
    simple(fs)
    fs.publish("g", batch([1, 1, 1], [3, 1, 2], x=[3.0, 1.0, 2.0]))
    assert fs.get("g", 1, ["x"]) == {"x": 3.0}


def test_case_07_one_microsecond_apart(fs):
    simple(fs)
    fs.put("g", {"id": 1, "ts": at(1, micros=1), "x": 2.0})
    fs.put("g", {"id": 1, "ts": at(1), "x": 1.0})
    assert fs.get("g", 1, ["x"]) == {"x": 2.0}
    assert xs(fs, [1, 1], [1, at(1, micros=1)]) == [1.0, 2.0]


def test_case_08_same_batch_twice(fs):
    simple(fs)
    first = fs.publish("g", batch([1, 2], [0, 0], x=[1.0, 2.0]))
    again = fs.publish("g", batch([2, 1], [0, 0], x=[2.0, 1.0]))  # the same rows in another order
    assert (first.version, again.version, again.rows, again.unchanged) == (1, 1, 0, True)
    assert fs.read("g").num_rows == 2
    fs.put("g", {"id": 1, "ts": at(0), "x": 1.0})
    assert fs.describe("g")["version"] == 1
    assert len(list((fs.ws.root / "tables/features").rglob("*.parquet"))) == 1  # nothing left behind


def test_case_09_soft_delete(fs):
    simple(fs)
    fs.put("g", {"id": 1, "ts": at(1), "x": 1.0})
    fs.delete("g", 1, event_time=at(4))
    assert fs.get("g", 1) is None
    assert xs(fs, [1, 1, 1], [2, 4, 5]) == [1.0, None, None]


def test_case_10_delete_older_than_the_record(fs):
    simple(fs)
    fs.put("g", {"id": 1, "ts": at(5), "x": 5.0})
    fs.delete("g", 1, event_time=at(3))
    assert fs.get("g", 1, ["x"]) == {"x": 5.0}


def test_case_11_new_record_after_delete(fs):
    simple(fs)
    fs.put("g", {"id": 1, "ts": at(1), "x": 1.0})
    fs.delete("g", 1, event_time=at(2))
    fs.put("g", {"id": 1, "ts": at(1.5), "x": 1.5})  # older than the tombstone: stays deleted
    assert fs.get("g", 1) is None
    fs.put("g", {"id": 1, "ts": at(3), "x": 3.0})
    assert fs.get("g", 1, ["x"]) == {"x": 3.0}
    assert xs(fs, [1, 1, 1], [1, 2, 3]) == [1.0, None, 3.0]


def test_case_12_hard_delete(fs):
    simple(fs)
    fs.put("g", [{"id": 1, "ts": at(1), "x": 1.0}, {"id": 2, "ts": at(1), "x": 2.0}])
    fs.delete("g", 1, hard=True)
    assert fs.get("g", 1) is None
    assert fs.online.find(1, b"i" + (1).to_bytes(8, "big")) is None  # not even a tombstone
    assert fs.history("g", 1).num_rows == 2
    fs.put("g", {"id": 1, "ts": at(2), "x": 9.0})  # older than the delete
    assert fs.get("g", 1) is None
    old_files = list((fs.ws.root / "tables/features").rglob("*.parquet"))
    fs.delete("g", 1, erase=True)
    assert fs.history("g", 1).num_rows == 0
    assert fs.read("g", version=1).column("id").to_pylist() == [2]
    assert not any(path.exists() for path in old_files)
    assert fs.get("g", 2, ["x"]) == {"x": 2.0}
    assert any(line.action == "feature_group.erase" for line in fs.ws.audit.list(10))


def test_case_13_ttl_is_inclusive(fs, clock):
    simple(fs, ttl="1h")
    fs.put("g", {"id": 1, "ts": at(0), "x": 1.0})
    clock.now = at(1)
    assert fs.get("g", 1, ["x"]) == {"x": 1.0}
    clock.now = at(1, micros=1)
    assert fs.get("g", 1) is None
    assert xs(fs, [1, 1, 1], [0.5, 1, at(1, micros=1)]) == [1.0, 1.0, None]


def test_case_14_changing_ttl_does_not_rewrite_history(fs, clock):
    simple(fs, ttl="1h")
    fs.put("g", {"id": 1, "ts": at(0), "x": 1.0})
    clock.now = at(5)
    before = fs.read("g")
    assert fs.get("g", 1) is None
    fs.change_group("g", ttl="1d")
    assert fs.get("g", 1, ["x"]) == {"x": 1.0}
    assert fs.read("g").equals(before)
    assert fs.describe("g")["version"] == 1


def test_case_15_16_17_label_at_before_and_only_future(fs):
    simple(fs)
    fs.publish("g", batch([1, 2], [5, 9], x=[1.0, 2.0]))
    assert xs(fs, [1, 1, 2, 3], [5, 4.999, 5, 5]) == [1.0, None, None, None]


def test_case_18_duplicate_label_rows(fs):
    simple(fs)
    fs.publish("g", batch([1], [0], x=[1.0]))
    table = fs.training_set(labels([1, 1, 1], [1, 1, 1], y=[3, 2, 2]), ["g:x"])
    assert table.to_pydict() == {"id": [1, 1, 1], "ts": [at(1)] * 3, "y": [3, 2, 2], "x": [1.0, 1.0, 1.0]}


def test_case_19_shuffled_labels_keep_their_order(fs):
    simple(fs)
    fs.publish("g", batch(list(range(50)), [i % 7 for i in range(50)], x=[float(i) for i in range(50)]))
    chosen = [(random.Random(i).randrange(60), random.Random(-i).randrange(10)) for i in range(200)]
    table = fs.training_set(labels([i for i, _ in chosen], [h for _, h in chosen]), ["g:x"])
    assert table.num_rows == 200
    assert table.column("id").to_pylist() == [i for i, _ in chosen]
    assert table.column("x").to_pylist() == [float(i) if i < 50 and h >= i % 7 else None for i, h in chosen]


def test_case_20_time_zones(fs):
    simple(fs)
    fs.publish("g", batch([1], [0], x=[1.0]))
    berlin = pa.array([at(0), at(-0.5)], pa.timestamp("ns", "Europe/Berlin"))  # 01:00 and 00:30 there
    table = pa.table({"id": [1, 1], "ts": berlin})
    assert fs.training_set(table, ["g:x"]).column("x").to_pylist() == [1.0, None]
    assert fs.training_set(table, ["g:x"]).column("ts").type == berlin.type
    naive = pa.table({"id": [1, 1], "ts": pa.array([dt.datetime(2026, 1, 1), dt.datetime(2025, 12, 31, 23)])})
    with pytest.warns(NaiveTimeWarning, match="taken as UTC"):
        assert fs.training_set(naive, ["g:x"]).column("x").to_pylist() == [1.0, None]


def test_case_21_as_of(fs, clock):
    simple(fs)
    clock.now = at(10)
    fs.put("g", {"id": 1, "ts": at(1), "x": 1.0})
    clock.now = at(20)
    fs.put("g", {"id": 1, "ts": at(1), "x": 99.0})
    assert xs(fs, [1], [2], as_of=at(15)) == [1.0]
    assert xs(fs, [1], [2], as_of=at(9)) == [None]
    assert xs(fs, [1], [2]) == [99.0]
    assert fs.read("g", as_of=at(10)).num_rows == 1


def test_case_22_several_groups(fs):
    fs.create_group("users", keys=["user"], event_time="ts", features={"x": "float64", "age": "int64"})
    fs.create_group("items", keys=["item"], event_time="seen", features={"x": "float64"})
    fs.put("users", [{"user": "a", "ts": at(h), "x": float(h), "age": h} for h in range(3)])
    fs.put("items", [{"item": 5, "seen": at(h), "x": -float(h)} for h in range(4)])
    table = pa.table({"user": ["a", "b", "a"], "item": [5, 5, 6], "when": [at(1), at(2), at(9)]})
    got = fs.training_set(table, ["users:x", "users:age", "items:x"], time="when")
    assert got.column_names == ["user", "item", "when", "users:x", "age", "items:x"]
    assert got.column("age").to_pylist() == [1, None, 2]
    assert got.column("users:x").to_pylist() == [1.0, None, 2.0]
    assert got.column("items:x").to_pylist() == [-1.0, -2.0, None]
    fs.create_view("both", ["users:age", "items:x"])
    assert fs.training_set(table, "both", time="when").column_names == ["user", "item", "when", "age", "x"]
    renamed = table.rename_columns(["buyer", "item", "when"])
    by_name = fs.training_set(renamed, ["users:age"], time="when", join_keys={"users": {"user": "buyer"}})
    assert by_name.column("age").to_pylist() == [1, None, 2]


def test_case_23_null_inside_the_found_record(fs):
    fs.create_group("g", keys=["id"], event_time="ts", features={"x": "float64", "y": "float64"})
    fs.publish("g", batch([1, 1], [1, 2], x=[1.0, None], y=[10.0, 20.0]))
    assert xs(fs, [1], [3]) == [None]
    table = fs.training_set(labels([1, 1], [3, 0]), ["g:x", "g:y"], per_feature=True)
    assert table.column("x").to_pylist() == [1.0, None]
    assert table.column("y").to_pylist() == [20.0, None]
    fs.delete("g", 1, event_time=at(4))
    assert fs.training_set(labels([1], [5]), ["g:x"], per_feature=True).column("x").to_pylist() == [None]


def test_case_24_int64_is_exact(fs):
    fs.create_group("g", keys=["id"], event_time="ts", features={"n": "int64"})
    values = [-1, 2**53 + 1, 2**63 - 1, None, -(2**63)]
    fs.publish("g", batch([2**53 + i for i in range(5)], [0] * 5, n=values))
    assert [fs.get("g", 2**53 + i)["n"] for i in range(5)] == values
    assert fs.read("g").column("n").to_pylist() == values
    assert fs.training_set(labels([2**53 + i for i in range(5)], [1] * 5), ["g:n"]).column("n").to_pylist() == values
    frame = pd.DataFrame({"id": [1, 2], "ts": [at(1), at(1)], "n": [4, None]})  # pandas makes it float64
    fs.publish("g", frame)
    assert [fs.get("g", i)["n"] for i in (1, 2)] == [4, None]


def test_case_25_float64_special_values(fs):
    simple(fs)
    values = [float("nan"), float("inf"), float("-inf"), -0.0, None]
    fs.publish("g", batch(list(range(5)), [0] * 5, x=values))
    for got in (
        [fs.get("g", i)["x"] for i in range(5)],
        fs.read("g").column("x").to_pylist(),
        xs(fs, list(range(5)), [1] * 5),
    ):
        assert math.isnan(got[0]) and got[1:3] == [math.inf, -math.inf]
        assert math.copysign(1, got[3]) == -1.0 and got[4] is None


def test_case_26_strings(fs):
    fs.create_group("g", keys=["id"], event_time="ts", features={"s": "string"})
    nfc, nfd = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")
    values = ["", "a'b\"c", "漢字", "🌱", nfc, nfd, "x" * 100_000, " a ", "A", "a"]
    fs.publish("g", batch(values, [0] * len(values), s=values))
    assert [fs.get("g", v)["s"] for v in values] == values
    assert fs.training_set(labels(values, [1] * len(values)), ["g:s"]).column("s").to_pylist() == values


def test_case_27_composite_keys(fs):
    fs.create_group("g", keys=["a", "b"], event_time="ts", features={"x": "int64"})
    fs.put("g", [{"a": "a", "b": "bc", "ts": at(0), "x": 1}, {"a": "ab", "b": "c", "ts": at(0), "x": 2}])
    assert fs.get("g", ("a", "bc"))["x"] == 1
    assert fs.get("g", {"b": "c", "a": "ab"})["x"] == 2
    with pytest.raises(InputError, match="misses"):
        fs.get("g", {"a": "a"})
    with pytest.raises(InputError, match="parts"):
        fs.get("g", "a")
    table = pa.table({"b": ["bc", "c"], "a": ["a", "ab"], "ts": [at(1), at(1)]})
    assert fs.training_set(table, ["g:x"]).column("x").to_pylist() == [1, 2]


@pytest.mark.parametrize(
    ("table", "said", "rows"),
    [
        (batch([1, 2], [0, 0], x=["1", "b"]), "'x' must be float64", [0, 1]),
        (batch([1, 2], [0, 0], y=[1.0, 2.0]), "'y' is unknown", []),
        (pa.table({"ts": [at(0)], "x": [1.0]}), "key 'id' is missing", []),
        (batch([1, None], [0, 0], x=[1.0, 2.0]), "key 'id' is null", [1]),
        (pa.table({"id": [1, 2], "ts": [at(0), None], "x": [1.0, 2.0]}), "event time 'ts' is null", [1]),
        (pa.table({"id": [1], "x": [1.0]}), "event time 'ts' is missing", []),
        (pa.table({"id": [1, 2], "ts": ["2026-01-01", "yesterday"]}), "no time between", [1]),
        (pa.table({"id": [1], "ts": pa.array([2**62], pa.timestamp("us", "UTC"))}), "no time between", [0]),
        (batch(["1"], [0], x=[1.0]), "'id' must be int64", [0]),
        (batch([1], [0], x=[2**60]), "'x' has values that are not float64", [0]),
    ],
)
def test_case_28_bad_batches_are_rejected_whole(fs, table, said, rows):
    simple(fs)
    fs.put("g", {"id": 9, "ts": at(0), "x": 9.0})
    with pytest.raises(BatchRejected) as caught:
        fs.publish("g", table)
    assert said in str(caught.value)
    assert caught.value.rows == rows
    assert fs.describe("g")["version"] == 1
    assert fs.read("g").num_rows == 1


def test_case_28_bad_records_are_rejected_whole(fs):
    simple(fs)
    good = {"id": 1, "ts": at(0), "x": 1.0}
    for bad in ({**good, "x": "1"}, {**good, "x": True}, {**good, "q": 1}, {"id": 2, "x": 1.0}, {**good, "id": None}):
        with pytest.raises(BatchRejected) as caught:
            fs.put("g", [good, bad])
        assert caught.value.rows == [1]
    assert fs.get("g", 1) is None and fs.describe("g")["version"] == 0


def test_case_29_schema_evolution(fs):
    simple(fs)
    fs.publish("g", batch([1], [0], x=[1.0]))
    fs.create_group("g", keys=["id"], event_time="ts", features={"x": "float64", "city": "string"})
    assert fs.describe("g")["definition_version"] == 2
    assert fs.get("g", 1) == {"id": 1, "ts": at(0), "x": 1.0, "city": None}
    assert fs.training_set(labels([1], [1]), ["g:city"]).column("city").to_pylist() == [None]
    fs.publish("g", batch([2], [0], x=[2.0], city=["Bern"]))
    assert fs.read("g").column("city").to_pylist() == [None, "Bern"]
    assert fs.read("g", version=1).column_names == ["id", "ts", "x", "written_at", "version", "is_deleted"]
    assert fs.get_many("g", [1, 2], ["city", "x"]) == [{"city": None, "x": 1.0}, {"city": "Bern", "x": 2.0}]
    with pytest.raises(Conflict, match="cannot be removed.*new group"):
        fs.create_group("g", keys=["id"], event_time="ts", features={"x": "float64"})
    with pytest.raises(Conflict, match="cannot become string.*new group"):
        fs.create_group("g", keys=["id"], event_time="ts", features={"x": "string", "city": "string"})
    assert fs.describe("g")["definition_version"] == 2


def test_case_30_names(fs):
    odd = {"select": "int64", "ts": "int64", 'a"b': "int64", "größe": "int64", "self": "int64", "by": "int64"}
    fs.create_group("g", keys=["from"], event_time="order", features=odd)
    record = {"from": "k", "order": at(0), **{name: i for i, name in enumerate(odd)}}
    fs.put("g", record)
    assert fs.get("g", "k") == record
    table = pa.table({"from": ["k"], "t": [at(1)]})
    got = fs.training_set(table, [f"g:{name}" for name in odd], time="t").to_pylist()[0]
    assert {name: got[name] for name in odd} == {name: i for i, name in enumerate(odd)}
    assert fs.connect().sql('SELECT "select", "größe" FROM g').fetchall() == [(0, 3)]
    for name in ("", "a b", "../x", "a:b", "1a", "x" * 65, "é"):
        with pytest.raises(InputError, match="name of a feature group"):
            fs.create_group(name, keys=["id"], features={"x": "int64"})
    for features in ({"version": "int64"}, {"X": "int64", "x": "int64"}, {"id": "int64"}, {"x": "decimal"}):
        with pytest.raises(InputError):
            fs.create_group("h", keys=["id"], features=features)
    with pytest.raises(NotFound, match="did you mean"):
        fs.get("gg", 1)


def test_case_31_reader_during_publish_sees_whole_versions(fs):
    simple(fs)
    rows = 2000
    fs.publish("g", batch(list(range(rows)), [0] * rows, x=[0.0] * rows))
    writer = child(
        """
        for n in range(1, 5):
            fs.publish("g", batch(list(range(2000)), [n] * 2000, x=[float(n)] * 2000))
        """,
        fs.ws.root,
    )
    seen = set()
    while writer.poll() is None:
        table = fs.read("g")
        assert table.num_rows % rows == 0
        found = fs.get_many("g", [0, rows // 2, rows - 1], ["x"])
        assert len({r["x"] for r in found}) == 1
        seen.add(table.num_rows)
    assert writer.returncode == 0, writer.stderr.read()
    assert fs.read("g").num_rows == 5 * rows and len(seen) > 1


def test_case_32_two_publishers_at_once(fs):
    simple(fs)
    code = """
        who = int(sys.argv[2])
        for n in range(3):
            fs.publish("g", batch([who, 100], [n, n], x=[float(n), float(who)]))
    """
    both = [child(code, fs.ws.root, who) for who in (1, 2)]
    for process in both:
        assert process.wait(60) == 0, process.stderr.read()
    assert fs.describe("g")["version"] == 6
    assert fs.read("g").num_rows == 12
    assert [fs.get("g", who)["x"] for who in (1, 2)] == [2.0, 2.0]
    assert fs.reconcile("g")[0]["repaired"] == 0


@pytest.mark.parametrize("delay_s", [0.0, 0.03, 0.07, 0.15])
def test_case_33_kill_in_the_middle_of_a_publish(fs, delay_s):
    simple(fs)
    fs.publish("g", batch([1], [0], x=[0.0]))
    writer = child(
        """
        rows = 3000
        print("ready", flush=True)
        for n in range(1, 1000):
            fs.publish("g", batch(list(range(rows)), [n] * rows, x=[float(n)] * rows))
            print(n, flush=True)
        """,
        fs.ws.root,
    )
    assert writer.stdout.readline() == "ready\n", writer.stderr.read()
    writer.stdout.readline()
    time.sleep(delay_s)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    told = max([1, *(int(line) for line in writer.stdout.read().split())])
    with FeatureStore(fs.ws.root) as opened:  # the open repairs
        version = opened.describe("g")["version"]
        assert version in (1 + told, 2 + told)  # what was acknowledged is there, and at most the one in the making
        assert opened.read("g").num_rows == 1 + 3000 * (version - 1)
        assert {r["x"] for r in opened.get_many("g", [0, 1, 2999])} == {float(version - 1)}
        assert opened.reconcile("g")[0]["repaired"] == 0
        assert opened.publish("g", batch([5], [5000], x=[5.0])).version == version + 1
        assert opened.read("g").num_rows == 2 + 3000 * (version - 1)


def test_case_34_wide_record(fs):
    fs.create_group("g", keys=["id"], event_time="ts", features={f"f{i}": "float64" for i in range(1900)})
    record = {"id": 1, "ts": at(0), **{f"f{i}": i / 7 for i in range(1900)}}
    fs.put("g", record)
    assert fs.get("g", 1) == record
    assert fs.get("g", 1, ["f1899"]) == {"f1899": 1899 / 7}


def test_case_35_empty_table(fs):
    simple(fs)
    nothing = fs.publish("g", batch([], [], x=pa.array([], pa.float64())))
    assert (nothing.version, nothing.rows) == (0, 0)
    fs.publish("g", batch([1], [0], x=[1.0]))
    assert fs.publish("g", pd.DataFrame({"id": [], "ts": [], "x": []})).version == 1
    assert fs.put("g", []).version == 1


def test_case_36_nanoseconds_with_zone(fs, tmp_path):
    simple(fs)
    moment = pd.Timestamp("2026-01-01T01:00:00.000001999", tz="Europe/Berlin")
    fs.publish("g", pd.DataFrame({"id": [1], "ts": pd.Series([moment]).dt.as_unit("ns"), "x": [1.0]}))
    assert fs.get("g", 1)["ts"] == at(0, micros=1)
    before_1970 = pa.array([-1], pa.timestamp("ns", "UTC"))
    fs.publish("g", pa.table({"id": [2], "ts": before_1970, "x": [2.0]}))
    assert fs.get("g", 2)["ts"] == dt.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC)  # floored
    import pyarrow.parquet as pq

    pq.write_table(
        pa.table({"id": [3], "ts": pa.array([1999], pa.timestamp("ns", "UTC")), "x": [3.0]}), tmp_path / "n.parquet"
    )
    fs.publish("g", tmp_path / "n.parquet")
    assert fs.get("g", 3)["ts"] == dt.datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("dies_in", "version"), [("tables.commit", 1), ("Publisher.make_visible", 1), ("OnlineStore.write", 2)]
)
def test_case_33_killed_at_each_step(fs, dies_in, version):
    """Between the steps of a publish: before the catalog's transaction it is the old version, after it the new one."""
    simple(fs)
    fs.publish("g", batch([1], [0], x=[1.0]))
    code = f"""
        from featurestore.publishing import Publisher, tables
        OnlineStore = type(fs.online)
        {dies_in} = lambda *args, **more: os._exit(9)
        fs.publish("g", batch([1, 2], [1, 1], x=[2.0, 2.0]))
    """
    assert child(code, fs.ws.root).wait(60) == 9
    assert fs.get("g", 1, ["x"]) == {"x": 1.0}  # online is never ahead
    assert fs.read("g").num_rows == (1 if version == 1 else 3)
    with FeatureStore(fs.ws.root) as opened:
        assert opened.describe("g")["version"] == version
        assert opened.get("g", 1, ["x"]) == {"x": float(version)}
        assert opened.read("g").num_rows == (1 if version == 1 else 3)
        opened.reconcile()
        files = {str(p) for p in (fs.ws.root / "tables/features").rglob("*.parquet")}
        assert len(files) == (2 if version == 2 or dies_in == "Publisher.make_visible" else 1)
        assert opened.publish("g", batch([3], [1], x=[3.0])).version == version + 1
        assert opened.read("g").column("x").to_pylist() == ([1.0, 3.0] if version == 1 else [1.0, 2.0, 2.0, 3.0])


def test_case_33_doctor_repairs_what_was_lost(fs):
    from featurestore.doctor import examine

    simple(fs)
    fs.publish("g", batch([1, 2], [0, 0], x=[1.0, 2.0]))
    (first, *_), (second, moment, _, deleted, value) = sorted(fs.online.scan(1))
    fs.online.remove(1, first, 1, None)
    fs.online.write(1, 1, [[(second, moment, 77, deleted, value)]])
    assert "2 online records differed" in examine(fs.ws)[0]["message"]
    assert [fs.get("g", i)["x"] for i in (1, 2)] == [1.0, 2.0]
    assert "agree" in examine(fs.ws)[0]["message"]
