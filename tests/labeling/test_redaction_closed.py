"""Fail closed: an unredacted pixel reaches nobody when a detector crashes or the process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling import collections, workforce
from labeling.desk import LabelDesk
from labeling.redaction import redact_paths
from labeling.redaction.regions import Region
from labeling.workflow import set_workflow
from transforms.errors import NotFound

ROOT = Path(__file__).resolve().parents[2]
PARTS = """
import os, signal, sys
sys.path.insert(0, {root!r})
from labeling import collections
from labeling.redaction.regions import Region
from workspace import Workspace

class Dies:
    name, kind, seen = "dies", "face", 0
    def detect(self, bgr):
        Dies.seen += 1
        if Dies.seen == 3:
            {end}
        return [Region("face", 0, 0, 16, 12, 1.0, self.name)]
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture
def first(tmp_workspace, make_picture):
    """A collection of five pictures whose faces are hidden before anybody sees them."""
    ws = tmp_workspace
    collections.create_collection(ws, "street", ["car"])
    set_workflow(ws, "street", redact=True)
    collections.add_pictures(ws, "street", [(f"{n}.png", make_picture(i)) for i, n in enumerate("abcde")])
    return ws


class Corner:
    name, kind = "corner", "face"

    def detect(self, bgr):
        return [Region("face", 0, 0, 16, 12, 1.0, self.name)]


@pytest.fixture
def seen(first, monkeypatch):
    """Return a function that says what a browser gets of each image: `{file: {variant: status}}`."""
    from shell import widgets
    from shell.routes import media

    monkeypatch.setattr(widgets, "workspace", lambda: first)
    client = TestClient(Starlette(routes=media.routes))
    ways = {"": "", "redacted": "?variant=redacted", "original": "?variant=original", "thumb": "?variant=thumb"}

    def look() -> dict[str, dict[str, int]]:
        return {
            image.file_name: {
                name: client.get(f"/api/images/{image.collection_id}/{image.id}{way}").status_code
                for name, way in ways.items()
            }
            for image in collections.list_images(first, "street")
        }

    return look


def killed(ws, code: str, end: str = KILL) -> int:
    script = PARTS.format(root=str(ROOT), end=end) + f"\nws = Workspace.open({str(ws.root)!r})\n" + code
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=120, text=True)
    assert "Error" not in done.stderr, done.stderr
    return done.returncode


HIDDEN = {"": 404, "redacted": 404, "original": 404, "thumb": 404}


def test_before_anything_is_hidden_nothing_is_shown(first, seen):
    assert set(map(str, seen().values())) == {str(HIDDEN)}
    assert workforce.next_item(first, "street", "anna") is None
    image = collections.list_images(first, "street")[0]
    item = LabelDesk(first, collections.get_collection(first, "street").id, "anna").item(image.id)
    assert item["image"] is None and not item["assists"] and {s["thumb"] for s in item["strip"]} == {None}
    assert item["prefetch"] == [] and "not shown before" in item["notice"]["text"]
    with pytest.raises(NotFound, match="before its faces and plates are hidden"):
        collections.image_file(first, image, "original")


def test_killed_in_the_middle_only_finished_copies_are_shown(first, seen):
    """The third look kills the process: two copies are there, three images stay out of sight."""
    code = killed(first, "collections.redact_collection(ws, 'street', detectors=[Dies()])")
    assert code == -signal.SIGKILL
    found = seen()
    assert [found[f"{n}.png"] == HIDDEN for n in "abcde"] == [False, False, True, True, True]
    assert found["a.png"][""] == found["a.png"]["redacted"] == found["a.png"]["thumb"] == 200
    handed = [workforce.next_item(first, "street", who).image_id for who in ("anna", "bert")]
    names = {i.id: i.file_name for i in collections.list_images(first, "street")}
    assert {names[i] for i in handed} <= {"a.png", "b.png"}
    # a later run goes on with the rest
    done = collections.redact_collection(first, "street", detectors=[Corner()])
    assert (done["redacted"], done["skipped"]) == (3, 2)
    assert all(found[""] == 200 for found in seen().values())


def test_a_detector_that_raises_leaves_its_image_out_of_sight(first, seen):
    assert killed(first, "collections.redact_collection(ws, 'street', detectors=[Dies()])", "raise MemoryError") == 0
    found = seen()
    assert [n for n in "abcde" if found[f"{n}.png"] == HIDDEN] == ["c"]


@pytest.mark.parametrize("end", [KILL, "os._exit(1)"])
def test_a_killed_run_over_files_leaves_whole_copies_only(first, tmp_path, make_picture, end):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for i, n in enumerate("abcd"):
        (source / f"{n}.png").write_bytes(make_picture(i))
    code = f"from labeling.redaction import redact_paths; redact_paths([{str(source)!r}], {str(out)!r}, detectors=[Dies()])"
    assert killed(first, code, end) != 0
    assert sorted(os.listdir(out)) == ["a.png", "b.png"]
    for name in os.listdir(out):
        redact_paths([source / name], tmp_path / "again", detectors=[Corner()])
        assert (out / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_switching_redaction_off_is_a_decision_that_shows_originals(first, seen):
    set_workflow(first, "street", redact=False)
    assert {found["original"] for found in seen().values()} == {200}
