"""Releases: they never change, say what differs, and can be written in any format later."""

from __future__ import annotations

import gzip
import json

import duckdb
import pytest

from labeling import annotations, collections, releases, transfer
from transforms.errors import Conflict, NotFound, SourceError


def box(name: str, label: str, x: float, **more) -> dict:
    return {"id": name, "shape": "box", "label": label, "x": x, "y": 4, "w": 10, "h": 8, **more}


def answer(ws, image: int, regions=(), classes=(), seq: int = 1, who: str = "anna", **more) -> None:
    document = {"regions": list(regions), "classes": list(classes), **more}
    annotations.save(ws, image, document, annotator=who, client="t", seq=seq)


@pytest.fixture
def first(ws, ids):
    answer(ws, ids[0], [box("r1", "car", 0), box("r2", "car", 20), box("r3", "person", 40)], ["day"])
    answer(ws, ids[1], [], [])
    return releases.release(ws, "things", note="for the first model")


def test_the_same_answers_give_the_same_release(ws, ids, first):
    again = releases.release(ws, "things")
    assert (first.number, first.is_new, again.number, again.is_new) == (1, True, 1, False)
    assert len(ws.datasets.versions("things release")) == 1
    answer(ws, ids[2], [box("r1", "car", 5)])
    assert (releases.release(ws, "things").number, [r.number for r in releases.releases(ws, "things")]) == (2, [2, 1])


def test_the_manifest_says_how_it_came_about(ws, ids, first):
    manifest = first.manifest
    assert manifest["revisions"] == {str(ids[0]): {"anna": 1}, str(ids[1]): {"anna": 1}}
    assert manifest["counts"] == {
        "items": 2, "empty": 1, "regions": {"car": 2, "person": 1}, "shapes": {"box": 3}, "classes": {"day": 1},
        "sources": {"people": 2},
    }  # fmt: skip
    assert (manifest["classes"], manifest["gold"], first.note) == (["car", "person"], [], "for the first model")
    arrows = {a.from_ref for a in ws.lineage.of("dataset", first.dataset)}
    assert arrows == {"things"}
    assert ws.audit.list()[0].action == "collection.release"


def test_its_datasets_have_a_row_per_label_and_a_row_per_item(ws, ids, first):
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        long = con.sql(f"SELECT item, kind, label, x, release FROM {ws.datasets.get(first.dataset).sql()}").fetchall()
        columns = 'item, label, regions, "count car", "count person", released_at'
        wide = con.sql(f"SELECT {columns} FROM {ws.datasets.get(first.items_dataset).sql()}").fetchall()
    assert long == [
        (ids[0], "box", "car", 0.0, 1), (ids[0], "box", "car", 20.0, 1), (ids[0], "box", "person", 40.0, 1),
        (ids[0], "class", "day", None, 1), (ids[1], "none", None, None, 1),
    ]  # fmt: skip
    assert [row[:5] for row in wide] == [(ids[0], "day", 3, 2, 1), (ids[1], None, 0, 0, 0)]
    assert {row[5] for row in wide} == {first.at}


def test_what_differs(ws, ids, first):
    moved, renamed = box("r1", "car", 2), box("r3", "car", 40)  # 8 of 12 columns shared: IoU 0.67
    answer(ws, ids[0], [moved, renamed, box("r9", "person", 54, text="new")], ["night"], seq=2, fields={"caption": "x"})
    answer(ws, ids[2], [box("r1", "person", 5)])
    found = releases.diff(ws, "things", 1)
    assert found["items"] == {"added": ["c.png"], "removed": [], "changed": ["a.png"]}
    assert found["totals"] == {
        "added": 2, "removed": 1, "moved": 1, "relabelled": 1, "edited": 0, "classes_added": 1,
        "classes_removed": 1, "fields": 1,
    }  # fmt: skip
    (change,) = [c for c in found["changes"] if c["name"] == "a.png"]
    assert [(p["before"]["x"], p["after"]["x"]) for p in change["moved"]] == [(0, 2)]
    assert [(p["before"]["label"], p["after"]["label"]) for p in change["relabelled"]] == [("person", "car")]
    assert [r["x"] for r in change["removed"]] == [20] and [r["x"] for r in change["added"]] == [54]
    assert change["fields"] == [{"name": "caption", "before": None, "after": "x"}]
    releases.release(ws, "things")
    assert releases.diff(ws, "things", 1, 2)["totals"] == found["totals"]
    back = releases.diff(ws, "things", 2, 1)
    assert (back["items"]["removed"], back["totals"]["added"], back["totals"]["removed"]) == (["c.png"], 1, 2)
    assert releases.diff(ws, "things", 2)["changes"] == []


def test_numbers_of_regions_and_confidence_are_no_difference(ws, ids, first):
    answer(ws, ids[0], [box("r7", "car", 20), box("r8", "person", 40), box("r9", "car", 0)], ["day"], seq=2)
    assert releases.diff(ws, "things", 1)["changes"] == []
    answer(ws, ids[0], [box("r1", "car", 0, text="A 1"), box("r2", "car", 20), box("r3", "person", 40)], ["day"], seq=3)
    (change,) = releases.diff(ws, "things", 1)["changes"]
    assert [p["after"]["text"] for p in change["edited"]] == ["A 1"] and not change["added"] + change["removed"]


def test_classes_that_came_and_went(ws, ids, first):
    collections.add_classes(ws, "things", ["lorry"])
    assert releases.diff(ws, "things", 1)["classes"] == {"added": ["lorry"], "removed": []}


@pytest.mark.parametrize("format", ["label-studio", "coco", "csv", "ground-truth"])
def test_an_old_release_is_written_as_it_was(ws, ids, first, tmp_path, format):
    before = releases.export_release(ws, "things", 1, tmp_path / "before", format).read_bytes()
    answer(ws, ids[0], [], ["night"], seq=2)
    assert releases.export_release(ws, "things", 1, tmp_path / "after", format).read_bytes() == before
    transfer.export_labels(ws, "things", tmp_path / "now", format)
    assert (tmp_path / "now").read_bytes() != before


def test_an_exported_release_can_be_read_again(ws, ids, first, tmp_path):
    answer(ws, ids[0], [], ["night"], seq=2)
    releases.export_release(ws, "things", 1, tmp_path / "old.json", "coco")
    done = transfer.import_labels(ws, "old", tmp_path / "old.json", "coco")
    assert (done.images, done.boxes) == (2, 3)


def test_a_changed_file_is_told(ws, first):
    path = releases._path(ws, first.manifest["documents"])
    whole = json.loads(gzip.decompress(path.read_bytes()))
    whole["items"][0]["document"]["regions"] = []
    path.write_bytes(gzip.compress(json.dumps(whole).encode()))
    with pytest.raises(SourceError, match="was changed"):
        releases.released(ws, "things", 1)
    path.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        releases.diff(ws, "things", 1)


def test_only_what_somebody_vouches_for_is_released(ws, ids):
    with pytest.raises(Conflict, match="Nobody has labelled"):
        releases.release(ws, "things")
    proposal = {"regions": [box("r1", "car", 0)], "classes": []}
    annotations.save(ws, ids[0], proposal, annotator="m", client="t", seq=1, kind="model")
    with pytest.raises(Conflict):
        releases.release(ws, "things")
    certified = proposal | {"extra": {"auto": {"certified": True}}}
    annotations.save(ws, ids[1], certified, annotator="m", client="t", seq=1, kind="model")
    assert releases.release(ws, "things").manifest["counts"]["sources"] == {"model": 1}


def test_unknown_numbers(ws, first):
    with pytest.raises(NotFound, match="has no release 7"):
        releases.get_release(ws, "things", 7)
    collections.create_collection(ws, "empty")
    with pytest.raises(NotFound, match="no release yet"):
        releases.get_release(ws, "empty")
