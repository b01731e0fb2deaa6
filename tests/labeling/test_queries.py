"""Label tables, and finding items by SQL, by conditions and by words."""

from __future__ import annotations

import duckdb
import pytest

from labeling import annotations, collections, gold, queries, workflow, workforce
from labeling.label_tables import COLUMNS, label_connection, settled
from transforms.errors import Conflict, InputError


def box(name: str, label: str, x: float, **more) -> dict:
    return {"id": name, "shape": "box", "label": label, "x": x, "y": 4, "w": 10, "h": 8, **more}


def answer(ws, image: int, who: str, regions=(), classes=(), seq: int = 1, kind: str = "person", **more) -> None:
    document = {"regions": list(regions), "classes": list(classes), **more}
    annotations.save(ws, image, document, annotator=who, client="t", seq=seq, kind=kind)


@pytest.fixture
def labelled(ws, ids):
    """a.png: anna and ben agree on a car; b.png: only a model's car and person; c.png: anna's two cars, with words."""
    answer(ws, ids[0], "anna", [box("r1", "car", 0)], ["day"])
    answer(ws, ids[0], "ben", [box("r1", "car", 0)], ["day"])
    answer(ws, ids[1], "model: x", [box("r1", "car", 0, score=0.7), box("r2", "person", 30, score=0.9)], kind="model")
    cars = [
        box("r1", "car", 0, text="STOP here"),
        box("r2", "car", 30, w=20, attributes={"occluded": True, "side": "left"}),
    ]
    answer(ws, ids[2], "anna", cars, ["night"], fields={"caption": "Two cars"})
    return ws


def names(ws, query) -> str:
    return "".join(r["name"][0] for r in queries.find_items(ws, "things", query))


def test_tables_hold_what_people_and_models_said(labelled, ids):
    con = label_connection(labelled, "things")
    assert con.sql("SELECT id, name, width, height, status, gold FROM items").fetchall() == [
        (ids[0], "a.png", 64, 48, "started", False),
        (ids[1], "b.png", 64, 48, "todo", False),
        (ids[2], "c.png", 64, 48, "started", False),
    ]
    rows = con.sql(
        "SELECT x, y, w, h, area, attributes->>'side' FROM regions WHERE item = 3 AND region = 'r2'"
    ).fetchall()
    assert rows == [(30, 4, 20, 8, 160, "left")]
    assert con.sql("SELECT annotator, class FROM classes WHERE item = 1 ORDER BY 1").fetchall() == [
        ("anna", "day"),
        ("ben", "day"),
    ]
    assert con.sql("SELECT name, value FROM fields").fetchall() == [("caption", "Two cars")]
    said = con.sql("SELECT source, count(*) FROM consensus WHERE shape = 'box' GROUP BY source ORDER BY 1").fetchall()
    assert said == [("model", 2), ("people", 3)]
    assert con.sql("SELECT item, people, agreement FROM agreement").fetchall() == [(ids[0], 2, 1.0)]
    con.close()


def test_places_are_upright_bounds_whatever_the_shape(ws, ids):
    shapes = [
        {"id": "1", "shape": "box", "label": "car", "x": 10, "y": 10, "w": 20, "h": 10, "rotation": 90},
        {"id": "2", "shape": "polygon", "label": "car", "points": [[0, 0], [6, 0], [0, 4]]},
        {"id": "3", "shape": "ellipse", "label": "car", "x": 20, "y": 20, "rx": 5, "ry": 3},
        {"id": "4", "shape": "mask", "label": "car", "x": 1, "y": 2, "w": 2, "h": 2, "rle": [1, 3]},
        {"id": "5", "shape": "point", "label": "car", "x": 7, "y": 8},
    ]
    answer(ws, ids[0], "anna", shapes)
    con = label_connection(ws, "things", ["regions"])
    rows = con.sql("SELECT shape, x, y, w, h, round(area, 2) FROM regions ORDER BY region").fetchall()
    con.close()
    assert rows == [
        ("box", 15, 5, 10, 20, 200),
        ("polygon", 0, 0, 6, 4, 12),
        ("ellipse", 15, 17, 10, 6, 47.12),
        ("mask", 1, 2, 2, 2, 3),
        ("point", 7, 8, 0, 0, 0),
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/hostname')",
        "COPY items TO 'x.csv'",
        "ATTACH 'x.db'",
        "SET threads = 1",
        "INSTALL httpfs",
    ],
)
def test_the_connection_reaches_nothing_else(labelled, tmp_path, monkeypatch, sql):
    monkeypatch.chdir(tmp_path)
    con = label_connection(labelled, "things", ["items"])
    with pytest.raises(duckdb.Error):
        con.execute(sql)
    con.close()
    assert not (tmp_path / "x.csv").exists() and not (tmp_path / "x.db").exists()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("any car", "abc"),
        ("any person", "b"),
        ("car >= 2", "c"),
        ("car = 1", "ab"),
        ("no person", "ac"),
        ("any car @0.8", "ac"),  # the model is sure of its car by 0.7 only
        ("any person @90%", "b"),
        ("car >= 1 @0.5 and any person", "b"),
        ("any night or any person", "bc"),
        ("not any night", "ab"),
        ("not (any night or any person)", "a"),
        ("any text", "c"),
        ("text contains stop", "c"),
        ("text contains 'go'", ""),
        ("attribute occluded = yes", "c"),
        ("attribute side = right", ""),
        ("area > 80", "c"),
        ("area of car <= 80", "abc"),
        ("share > 5%", "c"),  # 160 of 3072 pixels are 5.2 %
        ("width = 64", "abc"),
        ("height > 48", ""),
        ("annotator = ben", "a"),
        ("unlabelled", "b"),  # a model's proposal is no label
        ("status = started", "ac"),
        ('* >= 3', "c"),
        ('any "car"', "abc"),
    ],
)  # fmt: skip
def test_conditions_as_words(labelled, words, found):
    assert names(labelled, words) == found


@pytest.mark.parametrize(
    "words",
    ["", "car >=", "car >= many", "any", "(any car", "any car)", "car >= 1.5", "agreement > 0.5", "status = gone",
     "any car @2",
     "__import__('os')", "car; drop table items", "(" * 100 + "any car"],
)  # fmt: skip
def test_words_that_are_no_condition_are_said_plainly(labelled, words):
    with pytest.raises(InputError):
        queries.parse_where(words)


def test_quotes_in_labels_stay_labels(ws, ids):
    label = "it's \"it\" -- '); DROP TABLE items"
    collections.add_classes(ws, "things", [label])
    answer(ws, ids[1], "anna", [box("r1", label, 0)])
    assert names(ws, queries.Count(label=label)) == "b"
    assert names(ws, 'any "it\'s \\"it\\" -- \'); DROP TABLE items"') == "b"


def test_what_people_made_of_an_item(labelled, ids):
    answer(labelled, ids[0], "ben", [box("r1", "person", 40)], ["night"], seq=2)
    workforce.comment(labelled, ids[1], "anna", "too dark")
    workforce.comment(labelled, ids[2], "anna", "Flagged")
    answer(labelled, ids[1], "anna")
    assert names(labelled, "agreement < 0.5") == names(labelled, "disagree") == "a"
    assert names(labelled, "commented and not flagged") == "b"
    assert names(labelled, "flagged") == "c"
    assert names(labelled, "empty") == "b"


def test_gold_that_somebody_failed(ws, ids):
    workflow.set_workflow(ws, "things", gold_rate=0.5)
    gold.set_gold(ws, ids[0], {"regions": [box("r1", "car", 0)], "classes": []})
    from sqlalchemy import update

    from workspace.schema.labels import LabelAssignment

    with ws.session() as session:  # an assignment of purpose gold, as hidden among other work
        session.add(
            LabelAssignment(
                image_id=ids[0], annotator_id=annotations.annotator_id(ws, "anna"), purpose="gold", state="leased",
                started_at=collections.now(), reason="", active_seconds=0.0,
            )
        )  # fmt: skip
    answer(ws, ids[0], "anna", [box("r1", "person", 0)])
    workforce.finish(ws, ids[0], "anna")
    assert names(ws, "gold failed") == names(ws, "gold") == "a"
    assert settled(ws, "things")[ids[0]].source == "gold"
    with ws.session() as session:
        session.execute(update(LabelAssignment).values(score=1.0))
    assert names(ws, "gold failed") == ""


def test_sql_keeps_its_order_and_its_reason(labelled, ids):
    sql = (
        "SELECT item, count(*) || ' cars' AS why FROM regions WHERE label = 'car' AND kind = 'person' "
        "GROUP BY item ORDER BY count(*) DESC, item DESC"
    )
    # a.png has two people's car each, c.png two of anna's
    assert queries.find_items(labelled, "things", sql) == [
        {"item": ids[2], "name": "c.png", "why": "2 cars"},
        {"item": ids[0], "name": "a.png", "why": "2 cars"},
    ]
    assert queries.find_items(labelled, "things", "SELECT 999 AS item") == []


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT name FROM items", "no column 'item'"),
        ("SELECT item FROM nothing", "cannot run"),
        ("SELECT item FROM items; DROP TABLE items", "not one SELECT"),
        ("SELECT item FROM read_text('/etc/hostname')", "cannot run"),
    ],
)
def test_wrong_sql_is_said_plainly(labelled, sql, said):
    with pytest.raises(InputError, match=said):
        queries.find_items(labelled, "things", sql)


def test_a_condition_is_read_from_json(labelled):
    cars = {"kind": "count", "label": "car", "number": 2}
    both = {"kind": "all", "of": [cars, {"kind": "not", "of": {"kind": "status", "status": "done"}}]}
    assert names(labelled, queries.read_condition(both)) == "c"
    for wrong in (
        {"kind": "eval"},
        {"kind": "count", "number": -1},
        {"kind": "count", "sql": "1"},
        {"kind": "all", "of": []},
    ):
        with pytest.raises(InputError):
            queries.read_condition(wrong)


def test_reasons_say_what_was_found(labelled):
    (row,) = queries.find_items(labelled, "things", "car >= 2 and any text")
    assert row["why"] == "2 car; text: STOP here" or row["why"] == "2 car; text: Two cars"


def test_found_items_come_first(labelled, ids):
    annotations.set_status(labelled, ids[2], "done")
    assert queries.prioritise(labelled, "things", [ids[2], ids[1]]) == 2
    assert annotations.next_task(labelled, "things") == ids[1]  # what is done stays done
    queries.prioritise(labelled, "things", [{"item": ids[2]}], reopen=True)
    assert annotations.next_task(labelled, "things") == ids[2]
    with pytest.raises(InputError, match="No item is chosen"):
        queries.prioritise(labelled, "things", [])


def test_a_new_collection_of_found_items_keeps_answers_and_what_may_be_seen(labelled, ids):
    collections.redact_collection(labelled, "things", detectors=[_Nothing()])
    collections.seal_originals(labelled, "things")
    made = queries.copy_to_collection(labelled, "things", [ids[2], ids[0]], "some")
    images = collections.list_images(labelled, "some")
    assert ([i.file_name for i in images], made.sealed, made.redacted) == (["c.png", "a.png"], True, 2)
    assert [a.annotator for a in annotations.answers(labelled, images[1].id)] == ["anna", "ben"]
    assert (
        annotations.current(labelled, images[0].id, "anna").document
        == annotations.current(labelled, ids[2], "anna").document
    )
    collections.delete_collection(labelled, "things")
    assert collections.image_file(labelled, collections.list_images(labelled, "some")[0], "redacted").is_file()
    with pytest.raises(Conflict, match="already"):
        queries.copy_to_collection(labelled, "some", [images[0].id], "some")
    with pytest.raises(InputError, match="has no item"):
        queries.copy_to_collection(labelled, "some", [ids[1]], "other")


class _Nothing:
    name, kind = "none", "face"

    def detect(self, bgr):
        return []


def test_found_items_as_dataset_and_as_gold(labelled, ids):
    version = queries.keep_as_dataset(labelled, "things", [ids[0], ids[2]], "found")
    with duckdb.connect() as con:
        rows = con.sql(f"SELECT name, kind, label FROM {version.sql()} ORDER BY ALL").fetchall()
    assert rows == [
        ("a.png", "box", "car"), ("a.png", "class", "day"), ("c.png", "box", "car"), ("c.png", "box", "car"),
        ("c.png", "class", "night"), ("c.png", "field", "caption"),
    ]  # fmt: skip
    assert queries.make_gold(labelled, "things", [ids[1], ids[2]]) == {
        "made": 1,
        "left_out": 1,
    }  # b.png has no person's answer
    (document,) = gold.gold_documents(labelled, "things").values()
    assert "score" not in document["regions"][0] and document["fields"] == {"caption": "Two cars"}


def test_what_holds_follows_every_change(labelled, ids):
    assert names(labelled, "any person") == "b"  # what was worked out once is not used again after
    answer(labelled, ids[1], "anna", [box("r1", "car", 0)])  # a new answer,
    assert names(labelled, "any person") == ""
    answer(labelled, ids[1], "anna", [box("r1", "person", 0)], seq=2)  # a new revision,
    assert names(labelled, "any person") == "b"
    gold.set_gold(labelled, ids[1], {"regions": [box("r1", "car", 0)], "classes": []})  # or gold
    assert names(labelled, "any person") == ""
    gold.drop_gold(labelled, ids[1])
    assert names(labelled, "any person") == "b"


def test_every_table_is_documented():
    from pathlib import Path

    said = (Path(__file__).parents[2] / "docs" / "label-data.md").read_text()
    for name, columns in COLUMNS.items():
        line = next(line for line in said.splitlines() if line.startswith(f"| `{name}` "))
        assert [c for c in columns if f"`{c}`" not in line] == []


def test_what_a_ground_truth_job_came_to_holds_until_somebody_answers_later(ws, ids):
    from labeling.formats.ground_truth import CONSOLIDATED

    answer(ws, ids[0], "worker 1", classes=["day"])
    answer(ws, ids[0], "worker 2", classes=["day"])
    answer(ws, ids[0], CONSOLIDATED, classes=["night"], kind="model")
    held = settled(ws, "things")[ids[0]]
    assert (held.document["classes"], held.source, held.people) == (["night"], "people", 2)
    answer(ws, ids[0], "anna", classes=["day"])
    assert settled(ws, "things")[ids[0]].document["classes"] == ["day"]
