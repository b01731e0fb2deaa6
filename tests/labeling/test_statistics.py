"""Figures of one and of two collections, and suspected errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import cli
from labeling import annotations, collections, statistics, suggest
from labeling.items import add_items
from labeling.pictures import encode_picture
from transforms.errors import InputError


def box(name: str, label: str, x: float, y: float, w: float, h: float, **more) -> dict:
    return {"id": name, "shape": "box", "label": label, "x": x, "y": y, "w": w, "h": h, **more}


def answer(ws, image: int, regions=(), classes=(), who: str = "anna", kind: str = "person") -> None:
    annotations.save(
        ws, image, {"regions": list(regions), "classes": list(classes)}, annotator=who, client="t", seq=1, kind=kind
    )


@pytest.fixture
def counted(ws, ids):
    """Pictures of 64 × 48: two cars and a person; one car; nothing."""
    answer(
        ws, ids[0],
        [box("1", "car", 0, 0, 16, 12), box("2", "car", 32, 24, 32, 24), box("3", "person", 60, 44, 4, 4)], ["day"],
    )  # fmt: skip
    answer(ws, ids[1], [box("1", "car", 0, 0, 8, 6)], ["day"])
    answer(ws, ids[2])
    return ws


def test_counts_sizes_and_balance(counted):
    found = statistics.statistics(counted, "things")
    car, person, day = found["labels"]
    assert (car["label"], car["count"], car["items"], car["share"], car["confidence"]) == ("car", 3, 2, 0.75, 1.0)
    # shares of 3072 pixels: 48 / 3072, 192 / 3072, 768 / 3072
    assert car["area_share"][2] == 0.0625 and car["area_share"][0] == pytest.approx(0.015625 + 0.1 * 0.046875, abs=1e-6)
    assert (car["aspect"][2], person["aspect"][2]) == (1.333333, 1)
    assert (day["shape"], day["count"], day["share"], day["area_share"]) == ("class", 2, 1.0, None)
    assert found["per_item"] == {"items": 3, "mean": 1.3333, "median": 1, "most": 3}
    assert found["together"] == [
        {"a": "car", "b": "day", "items": 2}, {"a": "car", "b": "person", "items": 1},
        {"a": "day", "b": "person", "items": 1}
    ]  # fmt: skip
    # entropy of 3/4 and 1/4 in bits
    assert found["balance"]["regions"] == {"labels": 2, "ratio": 3.0, "evenness": 0.8113}
    assert found["empty"] == 1 and found["shapes"] == {"box": 4}


def test_the_heat_map_counts_middles_of_regions(counted):
    heat = statistics.statistics(counted, "things")["heat"]
    # cells of 8 × 6 pixels; middles at (8, 6), (48, 36), (62, 46), (4, 3)
    expected = {(1, 1): 1, (6, 6): 1, (7, 7): 1, (0, 0): 1}
    assert {(r, c): n for r, row in enumerate(heat) for c, n in enumerate(row) if n} == expected


def test_what_stats_always_said_stays(counted):
    found = statistics.statistics(counted, "things")
    assert {k: found[k] for k in suggest.stats(counted, "things")} == suggest.stats(counted, "things")


def test_agreement_and_people(counted, ids):
    answer(counted, ids[1], [box("1", "person", 40, 30, 8, 6)], ["night"], who="ben")
    found = statistics.statistics(counted, "things")
    assert found["agreement"]["items"] == 1 and found["agreement"]["mean"] == 0
    assert found["agreement"]["least"] == [{"item": ids[1], "name": "b.png", "agreement": 0, "people": 2}]
    assert [(p["name"], p["items"], p["regions"]) for p in found["people"]] == [("anna", 3, 4), ("ben", 1, 1)]


def test_an_empty_collection_has_figures_too(tmp_workspace):
    collections.create_collection(tmp_workspace, "none", ["car"])
    found = statistics.statistics(tmp_workspace, "none")
    assert (found["labels"], found["per_item"]["items"], found["balance"]["regions"]["ratio"]) == ([], 0, None)


def test_two_side_by_side(counted, make_picture):
    collections.create_collection(counted, "other", ["car", "person"])
    collections.add_pictures(counted, "other", [("z.png", make_picture(9))])
    (image,) = collections.list_images(counted, "other")
    answer(counted, image.id, [box("1", "person", 0, 0, 8, 6)])
    rows = statistics.compare(counted, "things", "other")["labels"]
    person = next(r for r in rows if r["label"] == "person")
    assert (person["a"], person["b"], person["a_share"], person["b_share"], person["difference"]) == (
        1,
        1,
        0.25,
        1.0,
        0.75,
    )
    assert abs(rows[0]["difference"]) == 1.0  # day: all of the classes there, none here


def test_boxes_that_a_model_contradicts(ws, ids):
    answer(ws, ids[0], [box("1", "car", 0, 0, 20, 20)])
    model = [box("1", "person", 0, 0, 20, 20, score=0.9), box("2", "car", 40, 20, 20, 20, score=0.95)]
    answer(ws, ids[0], model, who="model: y", kind="model")
    found = {(r["issue"], r["label"], r["suggested"]) for r in statistics.suspects(ws, "things")}
    assert found == {("swapped", "car", "person"), ("overlooked", None, "car")}
    with pytest.raises(InputError):
        statistics.suspects(ws, "things", most=0)


def test_classes_that_a_classifier_contradicts(tmp_workspace):
    """Twelve dark and twelve bright pictures; one dark one is called bright."""
    ws = tmp_workspace
    collections.create_collection(ws, "light", [], ["dark", "bright"])
    rng = np.random.default_rng(5)
    files = []
    for n in range(24):
        low = 20 if n % 2 == 0 else 200
        files.append((f"{n:02}.png", encode_picture(rng.integers(low, low + 40, (32, 32, 3), dtype="uint8"), ".png")))
    collections.add_pictures(ws, "light", files)
    for n, image in enumerate(collections.list_images(ws, "light")):
        truth = "dark" if n % 2 == 0 else "bright"
        answer(ws, image.id, [], ["bright" if n == 6 else truth])
    worst = statistics.suspects(ws, "light")[0]
    assert (worst["name"], worst["issue"], worst["label"], worst["suggested"]) == ("06.png", "class", "bright", "dark")


def test_texts_count_without_a_place(tmp_workspace):
    ws = tmp_workspace
    collections.create_collection(ws, "words", ["name"])
    add_items(ws, "words", "text", [("one", {"text": "Anna met Ben"})])
    (item,) = collections.list_images(ws, "words")
    answer(ws, item.id, [{"id": "1", "shape": "span", "label": "name", "start": 0, "end": 4, "text": "Anna"}])
    found = statistics.statistics(ws, "words")
    assert (found["labels"][0]["count"], found["labels"][0]["area_share"], sum(map(sum, found["heat"]))) == (1, None, 0)


def test_by_command(counted, ids):
    def tilth(*words, code=0):
        result = CliRunner().invoke(cli.app, ["labels", *map(str, words)])
        assert result.exit_code == code, result.output + result.stderr
        return result

    assert json.loads(tilth("stats", "things", "--json").stdout)["labels"][0]["count"] == 3
    assert "Regions on 3 labelled items: mean 1.33, median 1, most 3; 1 left empty." in tilth("stats", "things").stdout
    assert "a = things, b = things" in tilth("stats", "things", "things").stdout
    assert [r["item"] for r in json.loads(tilth("query", "things", "--where", "car >= 2", "--json").stdout)] == [ids[0]]
    sql = "SELECT item FROM items WHERE name = 'b.png'"
    assert json.loads(tilth("query", "things", "--sql", sql, "--json").stdout)[0]["name"] == "b.png"
    assert len(json.loads(tilth("query", "things", "--by", "least-labeled", "-n", 2, "--json").stdout)) == 2
    assert "use one of them" in tilth("query", "things", "--by", "disagreement", "--where", "any car", code=1).stderr
    assert "Expected a label" in tilth("query", "things", "--where", "=;", code=1).stderr
    tilth(
        "query",
        "things",
        "--where",
        "any car",
        "--to-collection",
        "cars",
        "--gold",
        "--prioritise",
        "--to-dataset",
        "d",
    )
    assert collections.get_collection(counted, "cars").images == 2
    assert json.loads(tilth("release", "things", "--json").stdout)["number"] == 1
    answer(counted, ids[2], [box("1", "car", 0, 0, 9, 9)], who="ben")
    assert json.loads(tilth("diff", "things", 1, "--json").stdout)["items"]["changed"] == ["c.png"]
    assert "0 added, 0 removed, 1 changed" in tilth("diff", "things", 1).stdout
    assert [r["number"] for r in json.loads(tilth("releases", "things", "--json").stdout)] == [1]
