"""What can go wrong outside: a full disk, a kill while a key is erased, a dropped group, many small files."""

from __future__ import annotations

import os
import subprocess
import threading

import pyarrow as pa
import pytest

from featurestore import FeatureStore, offline
from featurestore.doctor import examine
from tests.featurestore.conftest import at, batch
from tests.featurestore.test_conformance import child, simple
from transforms.errors import Conflict, InputError, NotFound
from workspace import Workspace


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting a small tmpfs is not permitted here: {done.stderr.decode().strip()}")
    ws = Workspace.open(folder / "ws")
    with FeatureStore(ws) as fs:
        yield fs
    ws.close()
    subprocess.run(["umount", str(folder)], check=True)


def noise(rows: int, hour: float) -> pa.Table:
    """Return rows that do not compress: 300 random bytes each."""
    return batch(list(range(rows)), [hour] * rows, s=[os.urandom(150).hex() for _ in range(rows)])


def test_full_disk_while_the_file_is_written(small_disk):
    fs = small_disk
    fs.create_group("g", keys=["id"], event_time="ts", features={"s": "string"})
    fs.publish("g", noise(10, 0))
    before = {p.name for p in offline_folder(fs).glob("*.parquet")}
    with pytest.raises(InputError, match="The disk is full"):
        fs.publish("g", noise(60_000, 1))
    assert fs.describe("g")["version"] == 1
    assert fs.read("g").num_rows == 10
    assert {p.name for p in offline_folder(fs).glob("*.parquet")} == before
    assert fs.publish("g", noise(10, 2)).version == 2  # room again
    assert fs.reconcile("g")[0]["repaired"] == 0


def test_full_disk_between_the_two_commits_and_behind_them(small_disk):
    """Fill the disk at each step of a publish: the version is old or new, and a repair completes it."""
    fs = small_disk
    fs.create_group("g", keys=["id"], event_time="ts", features={"s": "string"})
    fs.publish("g", noise(10, 0))
    filler = fs.ws.root.parent / "filler"
    publisher = fs._publisher
    for number, step in enumerate(("make_visible", "_write_online"), start=1):
        version = fs.describe("g")["version"]
        original = getattr(publisher, step)

        def fill_first(*args, _original=original):
            fill(filler)
            return _original(*args)

        setattr(publisher, step, fill_first)
        with pytest.raises((InputError, Conflict), match="[Dd]isk|could not be written"):
            fs.publish("g", noise(2_000, number))
        delattr(publisher, step)
        filler.unlink()
        landed = fs.describe("g")["version"] - version
        assert landed == (0 if step == "make_visible" else 1)
        fs.reconcile("g")
        assert fs.read("g").num_rows == 10 + 2_000 * (fs.describe("g")["version"] - 1)
        assert fs.get("g", 5)["ts"] == at(number if landed else 0)
        assert fs.reconcile("g")[0]["messages"] == []


def fill(path) -> None:
    """Write zeros until the disk is full, to its last byte."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


def offline_folder(fs):
    return offline.folder(fs.ws.root, fs._group("g"))


def test_drop_group_leaves_nothing_and_its_name_is_free(fs):
    simple(fs)
    fs.publish("g", batch([1, 2], [0, 0], x=[1.0, 2.0]))
    folder = offline_folder(fs)
    fs.drop_group("g")
    assert fs.groups() == [] and not folder.exists() and fs.online.count(1) == 0
    with pytest.raises(NotFound, match="no feature group"):
        fs.get("g", 1)
    assert any(line.action == "feature_group.drop" for line in fs.ws.audit.list(5))
    fs.create_group("g", keys=["name"], event_time="ts", features={"y": "string"})
    assert fs.read("g").num_rows == 0 and fs.get("g", "1") is None
    fs.put("g", {"name": "1", "ts": at(0), "y": "new"})
    assert fs.read("g").column("y").to_pylist() == ["new"]
    assert fs.get("g", "1")["y"] == "new"
    with pytest.raises(NotFound):
        fs.drop_group("h")


def test_many_small_writes_are_merged_into_one_file(fs, monkeypatch):
    monkeypatch.setattr(offline, "MOST_SMALL_FILES", 5)
    simple(fs)
    for n in range(6):
        fs.put("g", {"id": n % 2, "ts": at(n), "x": float(n)})
    fs.change_group("g", add={"y": "int64"})
    fs.put("g", {"id": 9, "ts": at(9), "x": 9.0, "y": 9})
    assert len(offline.files(fs.ws.root, fs._group("g"))) < 5
    assert fs.describe("g")["version"] == 7
    assert fs.read("g").column("x").to_pylist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 9.0]
    assert fs.read("g", version=3).num_rows == 3
    assert fs.history("g", 1).column("x").to_pylist() == [1.0, 3.0, 5.0]
    assert fs.reconcile("g")[0]["messages"] == []
    with FeatureStore(fs.ws.root) as other:
        assert other.read("g").num_rows == 7 and other.get("g", 9)["y"] == 9


@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize(
    ("dies_in", "erased"),
    [
        ("tables.commit", False),
        ("Publisher.make_visible", False),
        ("OnlineStore.remove", True),
        ("featurestore.deleting.finish_erasure", True),
    ],
)
def test_killed_while_a_key_is_erased(fs, dies_in, erased, online):
    """Before the catalog's transaction nothing is erased; after it, opening the store finishes the work, files too."""
    if dies_in == "OnlineStore.remove" and not online:
        pytest.skip("a group without online store never comes there")
    simple(fs, online=online)
    fs.publish("g", batch([1, 2], [0, 0], x=[1.0, 2.0]))
    code = f"""
        import featurestore.deleting
        from featurestore.deleting import tables
        from featurestore.publishing import Publisher
        OnlineStore = type(fs.online)
        {dies_in} = lambda *args, **more: os._exit(9)
        fs.delete("g", 1, erase=True)
    """
    assert child(code, fs.ws.root).wait(60) == 9
    with FeatureStore(fs.ws.root) as opened:
        assert opened.read("g").column("id").to_pylist() == ([2] if erased else [1, 2])
        if online:
            assert (opened.get("g", 1) is None) == erased
            assert opened.get("g", 2)["x"] == 2.0
        folder = offline_folder(opened)
        if erased:
            assert [str(p) for p in folder.glob("*.parquet")] == list(offline.files(opened.ws.root, opened._group("g")))
        assert not (folder / "_erasing").exists()
        assert "repaired" not in examine(opened.ws)[0]["message"] or not erased
        opened.delete("g", 1, erase=True)
        assert opened.read("g").column("id").to_pylist() == [2]


def test_killed_while_a_key_of_an_online_group_is_erased(fs):
    simple(fs, offline=False)
    fs.publish("g", batch([1, 2], [0, 0], x=[1.0, 2.0]))
    code = """
        from featurestore.publishing import Publisher
        Publisher.make_visible = lambda *args, **more: os._exit(9)
        fs.delete("g", 1, erase=True)
    """
    assert child(code, fs.ws.root).wait(60) == 9
    with FeatureStore(fs.ws.root) as opened:
        assert opened.get("g", 1) is None and opened.get("g", 2)["x"] == 2.0
        assert opened.describe("g")["versions"][-1]["kind"] == "erase"
        assert opened.publish("g", batch([3], [1], x=[3.0])).version == 3


class Handle:
    """A run's handle that asks to stop at a chosen message."""

    def __init__(self, at_message: str = ""):
        self.at_message, self.said, self.stoppers = at_message, [], []

    def on_cancel(self, stop) -> None:
        self.stoppers.append(stop)

    def progress(self, share: float, message: str) -> None:
        self.said.append(message)
        if self.at_message and message.startswith(self.at_message):
            raise InterruptedError(message)


@pytest.mark.parametrize("message", ["checking", "writing", "comparing", "committing"])
def test_a_cancelled_publish_leaves_nothing(fs, message):
    simple(fs)
    fs.publish("g", batch([1], [0], x=[1.0]))
    with pytest.raises(InterruptedError):
        fs.publish("g", batch([1, 2], [1, 1], x=[2.0, 2.0]), handle=Handle(message))
    assert fs.describe("g")["version"] == 1 and fs.read("g").num_rows == 1
    assert len(list(offline_folder(fs).glob("*.parquet"))) == 1
    watched = Handle()
    assert fs.publish("g", batch([1, 2], [1, 1], x=[2.0, 2.0]), handle=watched).version == 2
    for stop in watched.stoppers:  # too late: the connection is closed, and nothing happens
        stop()
    assert watched.said[-1].startswith("committing")


def test_a_cancel_interrupts_a_long_join(fs):
    import duckdb

    simple(fs)
    rows = 400_000
    fs.publish("g", batch(list(range(rows)), [0] * rows, x=[1.0] * rows))
    handle = Handle()
    timer = threading.Timer(0.05, lambda: [stop() for stop in handle.stoppers])
    labels = batch([n % rows for n in range(3 * rows)], [1] * (3 * rows))
    timer.start()
    try:
        done = fs.training_set(labels, ["g:x"], handle=handle)
        assert done.num_rows == 3 * rows  # the machine was quicker than the cancel
    except duckdb.InterruptException:
        pass  # what a cancel does to a query; the run is then recorded as cancelled
    finally:
        timer.join()


def test_vacuum_deletes_what_merging_replaced_and_loses_no_version(fs, clock, monkeypatch):
    monkeypatch.setattr("featurestore.offline.MOST_SMALL_FILES", 5)
    simple(fs)
    for hour in range(9):
        clock.now = at(hour)
        fs.put("g", {"id": 1, "ts": at(hour), "x": float(hour)})
    folder = offline_folder(fs)
    before = [fs.read("g", version=v).to_pylist() for v in range(1, 10)]
    assert len(list(folder.glob("*.parquet"))) > 9
    assert fs.vacuum("g")[0]["files"] == 0, "replaced a moment ago: somebody may be reading them"
    assert fs.vacuum("g", keep=0)[0]["files"] >= 6
    assert {str(p) for p in folder.glob("*.parquet")} == set(offline.files(fs.ws.root, fs._group("g")))
    assert [fs.read("g", version=v).to_pylist() for v in range(1, 10)] == before
    assert fs.training_set(batch([1], [99]), ["g:x"], as_of=at(3)).column("x").to_pylist() == [3.0]
    fs.put("g", {"id": 2, "ts": at(1), "x": 1.0})
    assert fs.reconcile("g")[0]["messages"] == [] and fs.vacuum("g", keep=0)[0]["files"] == 0
