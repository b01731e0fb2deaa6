"""`tilth labels project, workflow, team, gold, review-queue, dashboard`, as a user types them; and what stands behind them."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile

import pytest
from typer.testing import CliRunner

import cli
from labeling import annotations, browse, collections, gold, intake, workforce
from labeling.gold_files import gold_from_file
from labeling.workflow import set_workflow, workflow_of
from transforms.errors import InputError, SourceError

DAY = {"regions": [], "classes": ["day"]}


@pytest.fixture
def tilth(tmp_workspace):
    runner = CliRunner()

    def run(*words, code=0):
        result = runner.invoke(cli.app, ["labels", *(str(w) for w in words)])
        assert result.exit_code == code, result.output + result.stderr
        return result

    return run


def as_json(result):
    return json.loads(result.stdout)


def test_a_project_from_an_archive_with_its_settings(tilth, tmp_workspace, tmp_path, make_picture):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("a/one.png", make_picture(1))
        archive.writestr("__MACOSX/a/._one.png", b"not a picture")
        archive.writestr("../two.png", make_picture(2))
        archive.writestr("notes.txt", "left alone")
    made = as_json(
        tilth("project", "p", tmp_path / "in.zip", "--template", "image-classification", "--set", "people=2",
              "--set", "question=What?", "--image-class", "x", "--image-class", "y", "--no-redact", "--json")
    )  # fmt: skip
    assert (made["added"], made["problems"]) == (2, [])
    assert sorted(i.file_name for i in collections.list_images(tmp_workspace, "p")) == ["../two.png", "a/one.png"]
    flow = workflow_of(collections.get_collection(tmp_workspace, "p"))
    assert (flow.people, flow.question, flow.redact, flow.single_choice) == (2, "What?", False, True)
    assert as_json(tilth("workflow", "p", "--set", "review_rate=0.5", "--json"))["review_rate"] == 0.5
    assert "people: 2" in tilth("workflow", "p").stdout
    assert "review_rate" in tilth("workflow", "p", "--set", "review_rate=7", code=1).stderr
    assert "no template called 'nothing'" in tilth("project", "q", "--template", "nothing", code=1).stderr
    assert "no dataset, file or folder" in tilth("project", "q", "/no/such", code=1).stderr
    assert [c.name for c in collections.list_collections(tmp_workspace)] == ["p"]  # nothing half-made
    assert "object-detection" in tilth("templates").stdout


def test_texts_pairs_and_rows_come_from_files_and_archives(tmp_workspace, tmp_path):
    ws = tmp_workspace
    (tmp_path / "t.csv").write_text("left,right\nred car,car that is red\nbus,tram\n")
    with tarfile.open(tmp_path / "t.tar.gz", "w:gz") as archive:
        for name, words in (("one.txt", b"First."), ("more.jsonl", b'{"text": "Second."}\n{"source": "Third."}\n')):
            entry = tarfile.TarInfo(name)
            entry.size = len(words)
            archive.addfile(entry, io.BytesIO(words))
    collections.create_collection(ws, "texts")
    assert intake.look(ws, tmp_path / "t.tar.gz", "text").items == 2  # files; their lines are counted when added
    assert len(intake.add_path(ws, "texts", tmp_path / "t.tar.gz", item="text").added) == 3
    collections.create_collection(ws, "pairs")
    intake.add_path(ws, "pairs", tmp_path / "t.csv", item="pair", columns=["left", "right"])
    first, second = collections.list_images(ws, "pairs")
    assert first.data == {"left": "red car", "right": "car that is red"}
    assert second.file_name == "t.csv 2"  # not the path, which may be that of an upload
    assert intake.columns_of(ws, str(tmp_path / "t.csv")) == ["left", "right"]
    assert intake.look_dataset(ws, str(tmp_path / "t.csv"), ("right",)).names == ["car that is red", "tram"]


def test_looking_at_data_says_what_is_wrong(tmp_workspace, tmp_path, make_picture):
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(SourceError, match="bad.zip is damaged"):
        intake.look(tmp_workspace, tmp_path / "bad.zip")
    with pytest.raises(InputError, match="no file or folder"):
        intake.look(tmp_workspace, tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no picture"):
        intake.look(tmp_workspace, tmp_path / "empty")
    for n in range(7):
        (tmp_path / "empty" / f"{n}.png").write_bytes(make_picture(n))
    found = intake.look(tmp_workspace, tmp_path / "empty")
    assert (found.items, found.names) == (7, ["0.png", "1.png", "2.png", "3.png", "4.png"])


def test_a_part_of_a_video_becomes_frames(tmp_workspace, tmp_path):
    import cv2
    import numpy as np

    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for n in range(40):  # four seconds
        writer.write(np.full((48, 64, 3), 5 * n, "uint8"))
    writer.release()
    found = intake.look(tmp_workspace, tmp_path / "v.avi", per_second=2, start_s=1, end_s=3)
    assert (found.items, found.note) == (4, "40 frames, 4.0 seconds, 64 × 48 pixels.")
    collections.create_collection(tmp_workspace, "film")
    added = intake.add_path(tmp_workspace, "film", tmp_path / "v.avi", per_second=2, start_s=1, end_s=3)
    assert added.added == ["v_f000010.jpg", "v_f000015.jpg", "v_f000020.jpg", "v_f000025.jpg"]


def answer(ws, image: int, who: str, document=DAY) -> None:
    workforce.take_item(ws, image, who)
    annotations.save(ws, image, document, annotator=who, client=f"t{who}", seq=1)
    workforce.finish(ws, image, who, active_seconds=30)


def test_teams_gold_review_and_dashboard(tilth, ws, ids, tmp_path):
    assert "no team yet" in tilth("team").stdout
    assert as_json(tilth("team", "night", "--member", "bob", "--member", "anna", "--json")) == [
        {"team": "night", "members": ["anna", "bob"]}
    ]
    assert "no team called 'day'" in tilth("team", "day", code=1).stderr
    set_workflow(ws, "things", people=2, review_rate=1)
    for who in ("anna", "bob"):
        answer(ws, ids[0], who)
    answer(ws, ids[1], "anna", {"regions": [], "classes": ["night"]})
    assert browse.known_people(ws) == ["anna", "bob"]
    rows = as_json(tilth("review-queue", "things", "--as", "bob", "--json"))
    assert [(r["file"], r["author"], r["classes"]) for r in rows] == [("a.png", "anna", "day")]
    assert (
        "No answer to 'b.png' waits for bob"
        in tilth("review-queue", "things", "--as", "bob", "--approve", "b.png", code=1).stderr
    )
    assert as_json(tilth("review-queue", "things", "--as", "rita", "--approve", "a.png", "--json")) == []
    assert collections.get_image(ws, ids[0]).status == "done"
    board = as_json(tilth("dashboard", "things", "--json"))
    assert board["answers"] == {"finished": 3, "wanted": 6}
    assert board["forecast"] == {"left": 3, "per_day": 3.0, "days": 1.0}
    assert board["left_hours"] == round(3 * 30 / 3600, 2)
    assert "3 of 6 answers; 3 left." in tilth("dashboard", "things").stdout
    assert (
        as_json(tilth("gold", "things", "--from-agreement", "--share", 0.5, "--json"))["made"] == 1
    )  # a.png: both say day
    (tmp_path / "g.csv").write_text("file,label\nc.png,day\nc.png,night\n")
    found = as_json(tilth("gold", "things", tmp_path / "g.csv", "--exam", "--json"))
    assert [(g["file"], g["for"]) for g in found["gold"]] == [("a.png", "hidden check"), ("c.png", "exam")]
    assert found["gold"][1]["document"]["classes"] == ["day", "night"]
    assert len(as_json(tilth("gold", "things", "--drop", "a.png", "--json"))["gold"]) == 1
    assert "no gold item 'b.png'" in tilth("gold", "things", "--drop", "b.png", code=1).stderr


@pytest.mark.parametrize(
    "name,text,says",
    [
        ("g.csv", "file,label\nzz.png,day\n", "line 2: there is no item 'zz.png'"),
        ("g.csv", "file,label\na.png,day\nb.png,dusk\n", "line 3: things has no class 'dusk' for whole items"),
        ("g.csv", "name,what\na.png,day\n", "needs the columns file and label"),
        ("g.jsonl", '{"file": "a.png"\n', "line 1 is not JSON"),
        (
            "g.jsonl",
            '{"file": "a.png", "regions": [{"label": "cow", "x": 1, "y": 1, "w": 5, "h": 5}]}',
            "no class 'cow'",
        ),
    ],
)
def test_a_gold_file_that_is_wrong_changes_nothing(ws, tmp_path, name, text, says):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=says):
        gold_from_file(ws, "things", tmp_path / name)
    assert gold.gold_documents(ws, "things") == {}


def test_items_are_found_by_name_and_state(ws, ids):
    answer(ws, ids[1], "anna")
    assert [i.id for i in browse.find_items(ws, "things", words="PNG", status="todo")[0]] == [ids[0], ids[2]]
    found, count = browse.find_items(ws, "things", words="b.", limit=1)
    assert ([i.id for i in found], count) == ([ids[1]], 1)
    assert browse.find_items(ws, "things", words="%")[1] == 0  # a sign, not a wildcard
    assert [i.id for i in browse.answered_items(ws, "things", "anna")] == [ids[1]]


def test_skips_and_exams_are_listed_by_person(ws, ids):
    set_workflow(ws, "things", exam={"items": 2, "pass_mark": 0.8})
    workforce.take_item(ws, ids[2], "anna")
    workforce.finish(ws, ids[2], "anna", "skipped", "Unclear")
    assert browse.skips(ws, "things") == [
        {"image_id": ids[2], "file": "c.png", "by": "anna", "reason": "Unclear", "status": "skipped"}
    ]
    for image in ids[:2]:
        gold.set_gold(ws, image, DAY, exam=True)
    for who, documents in (("bob", [DAY, DAY]), ("cleo", [DAY])):
        for image, document in zip(ids, documents, strict=False):
            assert workforce.next_item(ws, "things", who).image_id == image
            annotations.save(ws, image, document, annotator=who, client=f"t{who}", seq=1)
            workforce.finish(ws, image, who)
    assert browse.exam_results(ws, "things") == [
        {"name": "bob", "answered": 2, "of": 2, "share": 1.0, "passed": True},
        {"name": "cleo", "answered": 1, "of": 2, "share": 1.0, "passed": None},
    ]


def test_a_forecast_is_of_the_last_days_with_work():
    days = [{"day": f"2026-01-{n:02d}", "answers": n} for n in range(1, 11)]  # the last seven: 4 … 10, mean 7
    board = {"answers": {"finished": 55, "wanted": 70}, "days": days}
    assert browse.forecast(board) == {"left": 15, "per_day": 7.0, "days": 3.0}
    assert browse.forecast({"answers": {"finished": 0, "wanted": 5}, "days": []})["days"] is None
