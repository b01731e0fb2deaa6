"""Two-way sync, against a real Label Studio server (marker servers) and against a small one that behaves like it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

import cli
from labeling import annotations, collections, items
from labeling.formats import brush
from labeling.label_studio import Client, sync
from labeling.workflow import set_workflow
from tests.labeling.label_studio_server import ROOT, TOKEN, label_studio_program, real_server, small_server
from transforms.errors import Conflict, InputError, NotFound
from workspace import Workspace

CONFIG = """<View><Image name="img" value="$photo"/>
<RectangleLabels name="rect" toName="img"><Label value="car"/></RectangleLabels>
<PolygonLabels name="poly" toName="img"><Label value="car"/></PolygonLabels>
<KeyPointLabels name="kp" toName="img"><Label value="nose"/></KeyPointLabels>
<EllipseLabels name="ell" toName="img"><Label value="wheel"/></EllipseLabels>
<BrushLabels name="brush" toName="img"><Label value="road"/></BrushLabels>
<Choices name="scene" toName="img" choice="single"><Choice value="day"/><Choice value="night"/></Choices>
<TextArea name="caption" toName="img"/></View>"""
SIZE = {"original_width": 400, "original_height": 200, "image_rotation": 0}
# turned by 90 degrees about its centre (190, 80), the top left corner (180, 40) comes to (230, 70): 57.5 % and 35 %
TURNED = {"shape": "box", "label": "car", "x": 180, "y": 40, "w": 20, "h": 80, "rotation": 90}
TURNED_THERE = {"x": 57.5, "y": 35, "width": 5, "height": 40, "rotation": 90, "rectanglelabels": ["car"]}


@pytest.fixture(scope="session")
def real_studio(tmp_path_factory):
    program = label_studio_program()
    if program is None:
        pytest.skip("Label Studio is not installed (make label-studio, or set TILTH_LABEL_STUDIO)")
    with real_server(program, tmp_path_factory.mktemp("label-studio")) as studio:
        yield studio


@pytest.fixture
def small_studio():
    with small_server() as studio:
        yield studio


@pytest.fixture(params=["small", pytest.param("real", marks=pytest.mark.servers)])
def studio(request):
    return request.getfixturevalue(f"{request.param}_studio")


@pytest.fixture
def title(request):
    """A name that no other test uses on the real server."""
    return "c" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]


@pytest.fixture
def pics(tmp_workspace, make_picture, title):
    """A workspace with three pictures of 400 × 200 pixels, whose originals may be seen."""
    collections.create_collection(tmp_workspace, title, ["car"], ["day", "night"], annotators_see="original")
    collections.add_pictures(
        tmp_workspace, title, [(f"{n}.png", make_picture(i, 400, 200)) for i, n in enumerate("abc")]
    )
    return tmp_workspace


def ids_of(ws, title):
    return [i.id for i in collections.list_images(ws, title)]


def say(ws, image, regions=(), classes=(), who="bea", seq=1, kind="person", **more):
    document = {"regions": list(regions), "classes": list(classes), **more}
    return annotations.save(ws, image, document, annotator=who, client="t", seq=seq, kind=kind, new_classes=True)


def box(x=10, label="car", id="r1"):
    return {"id": id, "shape": "box", "label": label, "x": x, "y": 20, "w": 40, "h": 50}


def there(kind, name, value, id="r1", **more):
    return {"id": id, "from_name": name, "to_name": "img", "type": kind, "value": value, **SIZE, **more}


def run(ws, title, studio, project=None, **more):
    return sync(ws, title, studio.url, project, token=TOKEN, **more)


def nothing(done):
    return (done.tasks, done.items, done.pushed, done.pulled, done.updated, done.conflicts) == (0, 0, 0, 0, 0, [])


def plain(document):
    regions = [{k: v for k, v in r.items() if k != "extra"} for r in document["regions"]]
    return {k: v for k, v in document.items() if k != "extra"} | {"regions": regions}


def documents(ws, title):
    found = annotations.current_documents(ws, title)
    return {i: {a.annotator: plain(a.document) for a in group} for i, group in found.items()}


def test_all_shapes_predictions_and_skips_go_there_and_a_second_run_does_nothing(pics, title, studio):
    first, second, third = ids_of(pics, title)
    regions = [
        {"id": "r1", **TURNED},
        {"id": "r2", "shape": "polygon", "label": "car", "points": [[4, 2], [40, 2], [40, 20]]},
        {"id": "r3", "shape": "polyline", "label": "lane", "points": [[4, 2], [40, 2]]},
        {"id": "r4", "shape": "point", "label": "nose", "x": 100, "y": 50},
        {"id": "r5", "shape": "ellipse", "label": "wheel", "x": 200, "y": 100, "rx": 40, "ry": 10, "rotation": 15},
        {"id": "r6", "shape": "mask", "label": "road", "x": 10, "y": 10, "w": 4, "h": 3, "rle": [1, 3, 1, 7]},
    ]
    say(pics, first, regions, ["night"], fields={"caption": "A street."},
        relations=[{"from": "r1", "to": "r2", "label": "part of"}])  # fmt: skip
    say(pics, second, [box()], who="ann")
    say(pics, second, [box() | {"score": 0.75}], who="detector 1", kind="model")
    annotations.set_status(pics, third, "skipped")
    done = run(pics, title, studio)
    assert (done.tasks, done.pushed, done.pulled, done.items, done.skipped, done.problems) == (3, 4, 0, 0, 0, [])
    tasks = studio.tasks(done.project)
    (made,) = tasks[0]["annotations"]
    values = {r["id"]: r["value"] for r in made["result"] if "id" in r}
    assert {k: v if isinstance(v, list) else round(v, 9) for k, v in values["r1"].items()} == TURNED_THERE
    assert values["r2"]["points"] == [[1, 1], [10, 1], [10, 10]] and values["r2"]["closed"] is True
    assert [(v["x"], v["y"]) for v in values["r3"]["vertices"]] == [(1, 1), (10, 1)]
    assert (values["r4"]["x"], values["r4"]["y"]) == (25, 25)
    assert {k: values["r5"][k] for k in ("x", "y", "radiusX", "radiusY", "rotation")} == {
        "x": 50, "y": 50, "radiusX": 10, "radiusY": 5, "rotation": 15,
    }  # fmt: skip
    painted = np.argwhere(brush.decode(values["r6"]["rle"], 400, 200)).tolist()
    # runs 1, 3, 1, 7 in a rectangle 4 wide at (10, 10): pixels 1 to 3 of its first two lines, and all of its third
    assert painted == [[10, x] for x in (11, 12, 13)] + [[11, x] for x in (11, 12, 13)] + [
        [12, x] for x in range(10, 14)
    ]
    by_type = {r["type"]: r for r in made["result"]}
    assert by_type["choices"]["value"]["choices"] == ["night"] and by_type["choices"]["from_name"] == "class"
    assert by_type["textarea"]["value"]["text"] == ["A street."]
    assert (by_type["relation"]["from_id"], by_type["relation"]["to_id"]) == ("r1", "r2")
    (prediction,) = tasks[1]["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("detector 1", 0.75)
    assert tasks[1]["annotations"][0]["completed_by"] == 2  # the server's user called ann; bea is none of its users
    assert list(tasks[0]["meta"]["tilth"]["annotators"].values()) == ["bea"]
    assert [a["was_cancelled"] for a in tasks[2]["annotations"]] == [True]
    picture = collections.list_images(pics, title)[0]
    assert hashlib.sha256(studio.file(tasks[0]["data"]["image"])).hexdigest() == picture.sha256
    assert nothing(run(pics, title, studio)) and studio.tasks(done.project) == tasks


def test_everything_that_people_did_there_comes_here(tmp_workspace, make_picture, title, studio):
    data = make_picture(1, 400, 200)
    project = studio.project(title, CONFIG)
    task, empty = studio.add(
        project, [{"data": {"photo": studio.upload(project, n, data)}} for n in ("x.png", "y.png")]
    )
    mask = np.zeros((200, 400), dtype=bool)
    mask[10:12, 30:33] = True
    results = [
        there("rectanglelabels", "rect", TURNED_THERE),
        there("polygonlabels", "poly",
              {"points": [[1, 1], [10, 1], [10, 10]], "closed": True, "polygonlabels": ["car"]}, "r2"),
        there("keypointlabels", "kp", {"x": 25, "y": 25, "width": 0.5, "keypointlabels": ["nose"]}, "r3"),
        there("ellipselabels", "ell",
              {"x": 50, "y": 50, "radiusX": 10, "radiusY": 5, "rotation": 15, "ellipselabels": ["wheel"]}, "r4"),
        there("brushlabels", "brush", {"format": "rle", "rle": brush.encode(mask), "brushlabels": ["road"]}, "r5"),
        there("choices", "scene", {"choices": ["night"]}, "r6"),
        there("textarea", "caption", {"text": ["A street."]}, "r7"),
        {"type": "relation", "from_id": "r1", "to_id": "r2", "direction": "right", "labels": []},
    ]  # fmt: skip
    studio.annotate(task, results)
    studio.annotate(task, [], completed_by=2)
    studio.call(
        "POST", "/api/predictions/", {"task": task, "result": results[:1], "model_version": "m 2", "score": 0.5}
    )
    studio.annotate(empty, [], was_cancelled=True)
    collections.create_collection(tmp_workspace, title)
    done = run(tmp_workspace, title, studio, project, direction="pull")
    assert (done.items, done.pulled, done.pushed, done.problems) == (2, 4, 0, [])
    image, other = collections.list_images(tmp_workspace, title)
    assert (image.sha256, image.width, image.height) == (hashlib.sha256(data).hexdigest(), 400, 200)
    assert (image.status, other.status, other.sha256) == ("done", "skipped", None)  # one picture is kept once
    said = documents(tmp_workspace, title)[image.id]
    assert said.keys() == {"admin@example.com", "ann@example.com", "m 2"}
    assert said["ann@example.com"] == {"regions": [], "classes": []}
    document = said["admin@example.com"]
    shapes = {r["id"]: r for r in document["regions"]}
    assert shapes["r1"] == {"id": "r1", **TURNED}
    assert shapes["r2"]["points"] == [[4, 2], [40, 2], [40, 20]]
    assert (shapes["r3"]["shape"], shapes["r3"]["x"], shapes["r3"]["y"]) == ("point", 100, 50)
    assert (shapes["r4"]["x"], shapes["r4"]["y"], shapes["r4"]["rx"], shapes["r4"]["ry"]) == (200, 100, 40, 10)
    assert {k: shapes["r5"][k] for k in "xywh"} == {"x": 30, "y": 10, "w": 3, "h": 2}
    assert (document["classes"], document["fields"]) == (["night"], {"caption": "A street."})
    assert document["relations"] == [{"from": "r1", "to": "r2"}]
    assert said["m 2"]["regions"] == [{"id": "r1", **TURNED}]
    found = collections.get_collection(tmp_workspace, title)
    assert [c["name"] for c in found.classes] == ["car", "nose", "wheel", "road"]
    assert nothing(run(tmp_workspace, title, studio, project))


def test_what_we_cannot_show_and_foreign_names_survive_a_round_trip(tmp_workspace, make_picture, title, studio):
    project = studio.project(title, CONFIG)
    (task,) = studio.add(project, [{"data": {"photo": studio.upload(project, "x.png", make_picture(1, 400, 200))}}])
    strange = there("magic", "wand", {"spell": [1, 2.5, "x"]}, "r9")
    ours = there(
        "rectanglelabels",
        "rect",
        {"x": 1, "y": 1, "width": 10, "height": 10, "rotation": 0, "rectanglelabels": ["car"]},
    )
    number = studio.annotate(task, [strange, ours])
    collections.create_collection(tmp_workspace, title, annotators_see="original")
    run(tmp_workspace, title, studio, project)
    (image,) = ids_of(tmp_workspace, title)
    # a browser that forgets what stands beside the regions
    say(tmp_workspace, image, [box(id="r1"), box(200, id="new")], who="admin@example.com")
    done = run(tmp_workspace, title, studio, project)
    assert (done.updated, done.pushed, done.pulled) == (1, 0, 0)
    (found,) = studio.tasks(project)[0]["annotations"]
    assert found["id"] == number and strange in found["result"]
    values = {r["id"]: r for r in found["result"]}
    assert values["r1"]["value"]["x"] == 2.5 and values["new"]["value"]["x"] == 50  # 10 and 200 of 400
    assert {(values[n]["from_name"], values[n]["to_name"]) for n in ("r1", "new")} == {("rect", "img")}
    assert nothing(run(tmp_workspace, title, studio, project))


def test_a_change_on_one_side_is_brought_and_one_on_both_keeps_both(pics, title, studio):
    first, second, _ = ids_of(pics, title)
    for image in (first, second):
        say(pics, image, [box()])
    project = run(pics, title, studio).project
    say(pics, first, [box(20)], seq=2)
    tasks = studio.tasks(project)
    moved = json.loads(json.dumps(tasks[1]["annotations"][0]["result"]))
    moved[0]["value"]["x"] = 50
    studio.call("PATCH", f"/api/annotations/{tasks[1]['annotations'][0]['id']}/", {"result": moved})
    done = run(pics, title, studio)
    assert (done.updated, done.pushed, done.pulled, done.conflicts) == (2, 0, 0, [])
    assert studio.tasks(project)[0]["annotations"][0]["result"][0]["value"]["x"] == 5  # 20 of 400
    assert documents(pics, title)[second]["bea"]["regions"] == [box(200)]
    assert nothing(run(pics, title, studio))
    # now both
    say(pics, second, [box(30)], seq=3)
    moved[0]["value"]["x"] = 75
    studio.call("PATCH", f"/api/annotations/{tasks[1]['annotations'][0]['id']}/", {"result": moved})
    done = run(pics, title, studio)
    assert done.conflicts == ["b.png: bea"] and done.pushed == 1
    said = documents(pics, title)[second]
    assert said["bea"]["regions"] == [box(30)] and said["bea (Label Studio)"]["regions"] == [box(300)]
    values = [a["result"][0]["value"]["x"] for a in studio.tasks(project)[1]["annotations"]]
    assert sorted(values) == [7.5, 75]
    assert nothing(run(pics, title, studio))


def test_two_that_answered_alike_before_the_first_sync_are_one(pics, title, studio):
    first, second, _ = ids_of(pics, title)
    project = run(pics, title, studio).project
    for image in (first, second):
        say(pics, image, [box()], who="ann")
    value = {"x": 2.5, "y": 10, "width": 10, "height": 25, "rotation": 0, "rectanglelabels": ["car"]}
    one, two, _ = [t["id"] for t in studio.tasks(project)]
    result = there("rectanglelabels", "box", value) | {"to_name": "image"}
    studio.annotate(one, [result], completed_by=2)
    studio.annotate(two, [result | {"value": value | {"x": 50}}], completed_by=2)
    done = run(pics, title, studio)
    assert (done.pulled, done.conflicts, done.pushed) == (1, ["b.png: ann"], 1)
    assert len(studio.tasks(project)[0]["annotations"]) == 1
    assert documents(pics, title)[second]["ann"]["regions"] == [box()]
    assert nothing(run(pics, title, studio))


KILL = """
import os, signal, sys
from labeling.label_studio import client, sync
from workspace import Workspace

def then_die(call):
    def wrapped(*args, **given):
        call(*args, **given)
        os.kill(os.getpid(), signal.SIGKILL)
    return wrapped

setattr(client.Client, sys.argv[1], then_die(getattr(client.Client, sys.argv[1])))
sync(Workspace.open(sys.argv[2]), sys.argv[3], sys.argv[4], token=sys.argv[5])
"""


@pytest.mark.parametrize("call", ["create_project", "upload", "import_tasks", "create_annotation", "create_prediction"])
def test_a_run_killed_half_way_is_completed_without_doubles(pics, title, studio, call):
    images = ids_of(pics, title)
    late = call in ("create_annotation", "create_prediction")
    project = run(pics, title, studio).project if late else None
    for image in images:
        say(pics, image, [box()])
        say(pics, image, [box(50) | {"score": 0.5}], who="m", kind="model")
    before = documents(pics, title)
    killed = subprocess.run(
        [sys.executable, "-c", KILL, call, str(pics.root), title, studio.url, TOKEN], cwd=ROOT, capture_output=True
    )
    assert killed.returncode == -9, killed.stderr
    done = run(pics, title, studio)
    assert project in (None, done.project) and done.conflicts == [] and done.pulled == 0
    tasks = studio.tasks(done.project)
    assert [(len(t["annotations"]), len(t["predictions"])) for t in tasks] == [(1, 1)] * 3
    assert len(studio.call("GET", f"/api/projects/?title={title}")["results"]) == 1
    files = studio.call("GET", f"/api/projects/{done.project}/file-uploads?all=true")
    assert len(files) == 3
    assert documents(pics, title) == before
    assert nothing(run(pics, title, studio))


@pytest.mark.parametrize("call", ["add_pictures", "save"])
def test_a_pull_that_was_broken_off_is_completed(tmp_workspace, make_picture, title, studio, monkeypatch, call):
    project = studio.project(title, CONFIG)
    urls = [studio.upload(project, f"{n}.png", make_picture(n, 400, 200)) for n in range(3)]
    value = {"x": 1, "y": 1, "width": 10, "height": 10, "rotation": 0, "rectanglelabels": ["car"]}
    for task in studio.add(project, [{"data": {"photo": url}} for url in urls]):
        studio.annotate(task, [there("rectanglelabels", "rect", value)])
    collections.create_collection(tmp_workspace, title, annotators_see="original")
    module = sys.modules[sync.__module__]
    whole = getattr(module, call)

    def breaks(*args, **given):
        whole(*args, **given)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, call, breaks)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_workspace, title, studio, project)
    monkeypatch.setattr(module, call, whole)
    done = run(tmp_workspace, title, studio, project)
    assert done.conflicts == [] and done.problems == []
    found = annotations.current_documents(tmp_workspace, title)
    assert [[(a.annotator, a.revision) for a in found[i]] for i in ids_of(tmp_workspace, title)] == [
        [("admin@example.com", 1)]
    ] * 3
    assert len(studio.tasks(project)) == 3
    assert nothing(run(tmp_workspace, title, studio, project))


def test_the_same_pictures_on_both_sides_are_the_same_items(pics, title, studio, make_picture):
    project = studio.project(title, CONFIG)
    (task,) = studio.add(project, [{"data": {"photo": studio.upload(project, "z.png", make_picture(1, 400, 200))}}])
    done = run(pics, title, studio, project)
    assert (done.tasks, done.items) == (2, 0)
    assert len(studio.tasks(project)) == 3 and len(ids_of(pics, title)) == 3


def test_texts_with_spans_both_ways(tmp_workspace, title, studio):
    collections.create_collection(tmp_workspace, title, ["person", "place"], ["news"])
    set_workflow(tmp_workspace, title, item="text", shapes=["span"])
    items.add_items(
        tmp_workspace, title, "text", [("one", {"text": "Ann lives in Bonn."}), ("two", {"text": "Nothing."})]
    )
    first, second = ids_of(tmp_workspace, title)
    say(
        tmp_workspace,
        first,
        [{"id": "s1", "shape": "span", "label": "person", "start": 0, "end": 3, "text": "Ann"}],
        ["news"],
    )
    done = run(tmp_workspace, title, studio)
    assert (done.tasks, done.pushed, done.problems) == (2, 1, [])
    tasks = studio.tasks(done.project)
    assert tasks[0]["data"] == {"text": "Ann lives in Bonn."}
    values = {r["type"]: r["value"] for r in tasks[0]["annotations"][0]["result"]}
    assert values["choices"] == {"choices": ["news"]} and values["labels"] == {
        "start": 0,
        "end": 3,
        "text": "Ann",
        "labels": ["person"],
    }
    value = {"start": 0, "end": 7, "text": "Nothing", "labels": ["place"]}
    studio.annotate(
        tasks[1]["id"], [{"id": "q", "from_name": "span", "to_name": "text", "type": "labels", "value": value}]
    )
    studio.add(done.project, [{"data": {"text": "A third."}}])
    done = run(tmp_workspace, title, studio)
    assert (done.items, done.pulled, done.pushed) == (1, 1, 0)
    said = documents(tmp_workspace, title)[second]["admin@example.com"]
    assert said["regions"] == [{"id": "q", "shape": "span", "label": "place", "start": 0, "end": 7, "text": "Nothing"}]
    assert collections.list_images(tmp_workspace, title)[2].data == {"text": "A third."}
    assert nothing(run(tmp_workspace, title, studio))


@pytest.mark.parametrize(
    "kind, data", [("row", {"row": {"name": "Ann", "age": 7}}), ("pair", {"left": "warm", "right": "cold"})]
)
def test_rows_and_pairs(tmp_workspace, title, studio, kind, data):
    collections.create_collection(tmp_workspace, title, image_classes=["left", "right"])
    set_workflow(tmp_workspace, title, item=kind, shapes=[])
    items.add_items(tmp_workspace, title, kind, [("one", data)])
    (image,) = ids_of(tmp_workspace, title)
    say(tmp_workspace, image, classes=["left"])
    done = run(tmp_workspace, title, studio)
    assert (done.tasks, done.pushed, done.problems) == (1, 1, [])
    (task,) = studio.tasks(done.project)
    assert task["data"] == data
    (result,) = task["annotations"][0]["result"]
    key = "selected" if kind == "pair" else "choices"
    assert result["value"][key] in ("left", ["left"])
    other = [result | {"value": {key: "right" if kind == "pair" else ["right"]}}]
    studio.call("PATCH", f"/api/annotations/{task['annotations'][0]['id']}/", {"result": other})
    assert run(tmp_workspace, title, studio).updated == 1
    assert documents(tmp_workspace, title)[image]["bea"]["classes"] == ["right"]


def test_questions_of_the_workflow_are_asked_and_answered_there(pics, title, studio):
    questions = [
        {"name": "weather", "kind": "choice", "values": ["sun", "rain"]},
        {"name": "blurred", "kind": "yes_no"},
        {"name": "stars", "kind": "rating"},
    ]
    set_workflow(pics, title, answers=questions)
    first, *_ = ids_of(pics, title)
    say(pics, first, fields={"weather": "sun", "blurred": True, "stars": 4})
    project = run(pics, title, studio).project
    (made,) = studio.tasks(project)[0]["annotations"]
    values = {r["from_name"]: r["value"] for r in made["result"]}
    assert values == {"weather": {"choices": ["sun"]}, "blurred": {"choices": ["yes"]}, "stars": {"rating": 4}}
    results = made["result"]
    next(r for r in results if r["from_name"] == "weather")["value"] = {"choices": ["rain"]}
    next(r for r in results if r["from_name"] == "blurred")["value"] = {"choices": ["no"]}
    studio.call("PATCH", f"/api/annotations/{made['id']}/", {"result": results})
    assert run(pics, title, studio).updated == 1
    said = documents(pics, title)[first]["bea"]
    assert said["fields"] == {"weather": "rain", "blurred": False, "stars": 4} and said["classes"] == []
    assert nothing(run(pics, title, studio))


def test_only_redacted_copies_leave_where_only_those_are_shown(tmp_workspace, make_picture, title, studio):
    collections.create_collection(tmp_workspace, title, ["car"])
    collections.add_pictures(tmp_workspace, title, [(f"{n}.png", make_picture(n, 400, 200)) for n in range(2)])
    first, second = ids_of(tmp_workspace, title)
    done = run(tmp_workspace, title, studio)
    assert (done.tasks, done.skipped) == (0, 2) and "have no redacted copy" in done.problems[0]
    collections.set_regions(tmp_workspace, first, [{"x": 0, "y": 0, "w": 100, "h": 100}], "fill")
    done = run(tmp_workspace, title, studio)
    assert (done.tasks, done.skipped) == (1, 1)
    (task,) = studio.tasks(done.project)
    image = collections.get_image(tmp_workspace, first)
    sent = hashlib.sha256(studio.file(task["data"]["image"])).hexdigest()
    assert sent == image.redacted_sha256 != image.sha256
    assert len(studio.call("GET", f"/api/projects/{done.project}/file-uploads?all=true")) == 1


def test_what_was_deleted_there_stays_here_and_is_not_sent_again(pics, title, studio):
    first, second, _ = ids_of(pics, title)
    for image in (first, second):
        say(pics, image, [box()])
    project = run(pics, title, studio).project
    one, two, _ = studio.tasks(project)
    studio.call("DELETE", f"/api/annotations/{one['annotations'][0]['id']}/")
    studio.call("DELETE", f"/api/tasks/{two['id']}/")
    before = documents(pics, title)
    done = run(pics, title, studio)
    assert (done.pushed, done.tasks) == (0, 0) and documents(pics, title) == before
    assert sorted(done.problems) == [
        "a.png: the answer of bea was deleted on the server; it stays here.",
        "b.png: its task was deleted on the server; it stays here and is not sent again.",
    ]
    done = run(pics, title, studio)
    assert nothing(done) and done.problems == []
    say(pics, first, [box(20)], seq=2)  # what is said anew goes there again
    assert run(pics, title, studio).pushed == 1


def test_a_skip_that_was_taken_back_is_taken_back_there(pics, title, studio):
    first, *_ = ids_of(pics, title)
    annotations.set_status(pics, first, "skipped")
    project = run(pics, title, studio).project
    assert [a["was_cancelled"] for a in studio.tasks(project)[0]["annotations"]] == [True]
    annotations.set_status(pics, first, "done")
    say(pics, first, [box()])
    run(pics, title, studio)
    assert [a["was_cancelled"] for a in studio.tasks(project)[0]["annotations"]] == [False]
    assert nothing(run(pics, title, studio))


def test_a_second_workspace_gets_the_annotators_names(pics, title, studio, tmp_path):
    first, *_ = ids_of(pics, title)
    say(pics, first, [box()], who="bea")
    project = run(pics, title, studio).project
    say(pics, first, [box(30)], who="cem")  # noted on the task after it was made
    run(pics, title, studio)
    with contextlib.closing(Workspace.open(tmp_path / "second")) as other:
        collections.create_collection(other, "copy", annotators_see="original")
        done = run(other, "copy", studio, project)
        assert (done.items, done.pulled, done.tasks, done.pushed) == (3, 2, 0, 0)
        image = collections.list_images(other, "copy")[0]
        assert image.file_name == "a.png" and documents(other, "copy")[image.id].keys() == {"bea", "cem"}


def test_push_and_pull_alone(pics, title, studio):
    first, *_ = ids_of(pics, title)
    with pytest.raises(NotFound, match="no project called"):
        run(pics, title, studio, direction="pull")
    say(pics, first, [box()])
    project = run(pics, title, studio, direction="push").project
    task = studio.tasks(project)[0]
    studio.annotate(task["id"], [], completed_by=2)
    assert run(pics, title, studio, direction="push").pulled == 0
    say(pics, first, [box()], who="cem")
    done = run(pics, title, studio, direction="pull")
    assert (done.pulled, done.pushed) == (1, 0)
    assert len(studio.tasks(project)[0]["annotations"]) == 2


def test_projects_are_never_mixed_up(pics, title, studio):
    number = studio.project(title, CONFIG)
    with pytest.raises(Conflict, match="was not made from this collection") as caught:
        run(pics, title, studio)
    assert str(number) in caught.value.hint
    assert studio.tasks(number) == []
    done = run(pics, title, studio, project=number)
    assert done.project == number and len(studio.tasks(number)) == 3
    assert nothing(run(pics, title, studio, project=title))
    with pytest.raises(NotFound, match="no project 987654"):
        run(pics, title, studio, project=987654)


def test_the_interface_follows_the_collection_until_somebody_changes_it_there(pics, title, studio):
    project = run(pics, title, studio).project
    path = f"/api/projects/{project}/"
    assert "PolygonLabels" not in studio.call("GET", path)["label_config"]
    first, *_ = ids_of(pics, title)
    say(pics, first, [{"id": "p", "shape": "polygon", "label": "car", "points": [[0, 0], [9, 0], [9, 9]]}])
    run(pics, title, studio)
    config = studio.call("GET", path)["label_config"]
    assert "PolygonLabels" in config
    studio.call("PATCH", path, {"label_config": config.replace("<View>", '<View><Header value="Careful"/>')})
    collections.add_classes(pics, title, ["bus"])
    done = run(pics, title, studio)
    assert "was changed on the server" in done.problems[0]
    assert "Careful" in studio.call("GET", path)["label_config"]


def test_tokens(pics, title, studio, monkeypatch):
    with pytest.raises(InputError, match="refuses the access token"):
        sync(pics, title, studio.url, token="0" * 40)
    monkeypatch.delenv("TILTH_LABEL_STUDIO_TOKEN", raising=False)
    with pytest.raises(InputError, match="asks for an access token"):
        sync(pics, title, studio.url)
    monkeypatch.setenv("TILTH_LABEL_STUDIO_TOKEN", studio.jwt)  # a personal access token: refreshed first
    assert sync(pics, title, studio.url).tasks == 3
    run(pics, title, studio)
    secrets = [TOKEN.encode(), studio.jwt.encode()]
    for file in pics.root.rglob("*"):
        assert not file.is_file() or not any(s in file.read_bytes() for s in secrets), file
    assert TOKEN not in repr(Client(studio.url, TOKEN))


def test_the_command(pics, title, studio, monkeypatch):
    monkeypatch.setenv("TILTH_LABEL_STUDIO_TOKEN", TOKEN)
    first, *_ = ids_of(pics, title)
    say(pics, first, [box()])

    def tilth(*words):
        return CliRunner().invoke(cli.app, ["labels", "sync", title, studio.url, *words])

    found = json.loads(tilth("--json").stdout)
    assert (found["tasks"], found["pushed"], found["problems"]) == (3, 1, [])
    assert tilth().stdout.startswith(
        f"Project {found['project']}: 0 tasks and 0 answers sent, 0 items and 0 answers taken"
    )
    both = tilth("--push", "--pull")
    assert both.exit_code == 1 and "exclude each other" in both.stderr
    monkeypatch.setenv("TILTH_LABEL_STUDIO_TOKEN", "wrong")
    refused = tilth()
    assert refused.exit_code == 1 and refused.stderr.count("\n") == 1 and "refuses the access token" in refused.stderr
