"""Auto-labeling of a collection: rounds, the certified pass, and what is written."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import cli
from labeling import annotations, autolabel, collections, items
from labeling.autolabel import models
from labeling.pictures import encode_picture
from tests.labeling.test_autolabel_onnx import model_bytes, node
from transforms.errors import Conflict, InputError, NotFound

N = 120
COLOURS = ("red", "green", "blue")


def truth(name: str) -> str:
    return COLOURS[int(name[1:4]) % 3]


@pytest.fixture
def ws(tmp_workspace):
    """A collection "colours" of 120 pictures with noise, red, green or blue in turn."""
    rng = np.random.default_rng(0)
    pictures = []
    for n in range(N):
        bgr = rng.integers(0, 120, (24, 32, 3), dtype="uint8")
        bgr[:, :, 2 - n % 3] += 120
        pictures.append((f"p{n:03d}.png", encode_picture(bgr, ".png")))
    collections.create_collection(tmp_workspace, "colours", [], COLOURS)
    collections.add_pictures(tmp_workspace, "colours", pictures)
    return tmp_workspace


def answer(ws, image, label=None):
    document = {"regions": [], "classes": [label or truth(image.file_name)]}
    annotations.save(ws, image.id, document, annotator="anna", client=f"t{image.id}", seq=1)
    annotations.set_status(ws, image.id, "done")


def people_work(ws, label=None) -> int:
    """Label what the loop asks for, in the order in which the queue gives it."""
    waiting = autolabel.status(ws, "colours")["waiting"]
    for _ in range(waiting):
        answer(ws, collections.get_image(ws, annotations.next_task(ws, "colours")), label)
    assert autolabel.status(ws, "colours")["waiting"] == 0
    return waiting


def to_the_end(ws, most: int = 40) -> dict:
    for _ in range(most):
        done = autolabel.step(ws, "colours")
        if done["phase"] == "done":
            return done
        assert people_work(ws) > 0
    raise AssertionError("the loop does not end")


def test_the_whole_loop(ws):
    begun = autolabel.start(ws, "colours", seed=1)
    assert (begun["phase"], begun["validation"], begun["waiting"]) == ("labeling", 52, 52)
    first = autolabel.step(ws, "colours")
    assert first["waiting"] > 52 and first["rounds"] == []
    assert autolabel.step(ws, "colours")["waiting"] == first["waiting"]  # people are not done: nothing happens
    done = to_the_end(ws)
    found = done["certificate"]
    assert found["bound"] >= 0.95 and found["sample"] == 52 and found["errors"] == 0 and found["confidence"] == 0.9
    assert done["labelled"] <= done["budget"] == 72
    assert done["labelled"] + done["auto"] + done["left"] == N
    auto = {}
    for image_id, group in annotations.current_documents(ws, "colours", kind="model").items():
        (one,) = group
        assert one.annotator == "model: built-in"
        if one.document["extra"]["auto"]["certified"]:
            auto[image_id] = one.document
    assert len(auto) == done["auto"] > 30
    people = annotations.current_documents(ws, "colours", kind="person")
    assert not set(auto) & set(people)
    for image_id, document in auto.items():
        image = collections.get_image(ws, image_id)
        assert document["classes"] == [truth(image.file_name)] and image.status == "done"
        said = document["extra"]["auto"]
        assert said["score"] >= said["threshold"] == found["threshold"] and said["bound"] == found["bound"]
    assert autolabel.step(ws, "colours") == autolabel.status(ws, "colours")  # done: nothing more
    assert ws.runs.list()[0].kind == "autolabel"


def test_the_validation_sample_is_never_learnt_from(ws, monkeypatch):
    from labeling.autolabel import project

    seen = []
    learn = project.train

    def watch(features, labels, *rest, **more):
        seen.append(len(labels))
        return learn(features, labels, *rest, **more)

    monkeypatch.setattr(project, "train", watch)
    autolabel.start(ws, "colours", seed=2)
    to_the_end(ws)
    rounds = autolabel.status(ws, "colours")["rounds"]
    assert seen == [r["labelled"] - 52 for r in rounds]


def test_people_who_do_not_agree_with_the_model_certify_nothing(ws):
    autolabel.start(ws, "colours", seed=3, budget=80)
    rng = np.random.default_rng(0)
    for _ in range(40):
        if autolabel.step(ws, "colours")["phase"] == "done":
            break
        for image in collections.list_images(ws, "colours"):
            state = autolabel.status(ws, "colours")
            if not state["waiting"]:
                break
            image = collections.get_image(ws, annotations.next_task(ws, "colours"))
            answer(ws, image, COLOURS[rng.integers(3)])
    done = autolabel.status(ws, "colours")
    assert (done["phase"], done["auto"], done["certificate"]["threshold"]) == ("done", 0, None)
    proposals = annotations.current_documents(ws, "colours", kind="model")
    assert len(proposals) == done["left"] > 0
    assert not any(a.document["extra"]["auto"]["certified"] for g in proposals.values() for a in g)
    assert collections.get_image(ws, next(iter(proposals))).status == "todo"


def test_a_cancelled_step_changes_nothing(ws, monkeypatch):
    from workspace.runs import Cancelled

    autolabel.start(ws, "colours", seed=4)
    before = collections.get_collection(ws, "colours").extra

    def stop(share, message):
        raise Cancelled

    with pytest.raises(Cancelled):
        autolabel.one_round(ws, "colours", stop)
    assert collections.get_collection(ws, "colours").extra == before


def test_wrong_starts_are_one_sentence(ws):
    with pytest.raises(NotFound, match="was not started"):
        autolabel.step(ws, "colours")
    assert autolabel.status(ws, "colours") is None
    autolabel.start(ws, "colours")
    with pytest.raises(Conflict, match="started already"):
        autolabel.start(ws, "colours")
    old = collections.get_collection(ws, "colours").extra["autolabel"]["validation"]
    autolabel.start(ws, "colours", again=True, seed=9)
    assert collections.get_collection(ws, "colours").extra["autolabel"]["validation"] != old
    collections.create_collection(ws, "boxes", ["car"])
    with pytest.raises(InputError, match="0 of them"):
        autolabel.start(ws, "boxes")
    with pytest.raises(InputError, match="120 objects are too few"):
        autolabel.start(ws, "colours", target=0.99, confidence=0.95, again=True)


def test_texts_are_learnt_too(tmp_workspace):
    words = {"cars": ["engine", "wheel", "loud", "fast", "road"], "food": ["pasta", "boil", "salt", "water", "sauce"]}
    rng = np.random.default_rng(0)
    made = [
        (f"{('cars', 'food')[n % 2]} {n}", {"text": " ".join(rng.choice(words[("cars", "food")[n % 2]], 6)) + f" {n}"})
        for n in range(110)
    ]
    collections.create_collection(tmp_workspace, "colours", [], ["cars", "food"])
    items.add_items(tmp_workspace, "colours", "text", made)
    autolabel.start(tmp_workspace, "colours", seed=0)
    for _ in range(30):
        done = autolabel.step(tmp_workspace, "colours")
        if done["phase"] == "done":
            break
        for _ in range(done["waiting"]):
            item = collections.get_image(tmp_workspace, annotations.next_task(tmp_workspace, "colours"))
            answer(tmp_workspace, item, item.file_name.split()[0])
    assert done["auto"] > 20
    for image_id, (one,) in annotations.current_documents(tmp_workspace, "colours", kind="model").items():
        name = collections.get_image(tmp_workspace, image_id).file_name
        assert one.document["classes"] == [name.split()[0]] or not one.document["extra"]["auto"]["certified"]


@pytest.fixture
def colour_model(tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime runs ONNX models; it is not installed")
    path = tmp_path / "colour.onnx"
    nodes = [node("GlobalAveragePool", ["images"], "p"), node("Flatten", ["p"], "logits")]
    metadata = {"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "1"}
    path.write_bytes(model_bytes(nodes, [("logits", (1, 3))], metadata=metadata))
    return path


def test_a_model_that_does_not_learn_needs_validation_only(ws, colour_model):
    autolabel.start(ws, "colours", model=str(colour_model), seed=0)
    assert people_work(ws) == 52
    done = autolabel.step(ws, "colours")
    assert (done["phase"], done["labelled"], done["auto"], done["left"]) == ("done", 52, 68, 0)
    found = done["certificate"]
    assert found["errors"] == 0 and found["validated"] >= 45
    assert found["bound"] == pytest.approx(0.1 ** (1 / found["validated"]))
    auto = annotations.current_documents(ws, "colours", kind="model")
    for image_id, (one,) in auto.items():
        assert one.annotator == "model: colour.onnx"
        assert one.document["classes"] == [truth(collections.get_image(ws, image_id).file_name)]


def test_agreement_of_boxes_is_all_or_nothing():
    def doc(*boxes):
        regions = [
            {"id": f"r{n}", "shape": "box", "label": label, "x": x, "y": 0, "w": 10, "h": 10}
            for n, (label, x) in enumerate(boxes)
        ]
        return {"regions": regions, "classes": []}

    person = doc(("car", 0), ("car", 50))
    assert models.agrees(doc(("car", 52), ("car", 1)), person)  # IoU 8/12 and 9/11
    assert not models.agrees(doc(("car", 4), ("car", 50)), person)  # IoU 6/14
    assert not models.agrees(doc(("car", 0)), person)  # missed
    assert not models.agrees(doc(("car", 0), ("car", 50), ("car", 90)), person)  # one too many
    assert not models.agrees(doc(("car", 0), ("cat", 50)), person)
    assert models.agrees(doc(), doc()) and not models.agrees(doc(), person)
    assert models.confirmed(doc(), [doc(), doc(), person]) and not models.confirmed(doc(), [doc(), person])
    turned = {"regions": [person["regions"][0] | {"rotation": 90}], "classes": []}
    assert models.agrees(doc(("car", 0)), turned)  # a square turned by 90 degrees is itself


def test_majority():
    def said(*names):
        return [{"regions": [], "classes": [n]} for n in names]

    assert models.majority_class(said("a", "a", "b")) == "a"
    assert models.majority_class(said("a", "b")) is None and models.majority_class([]) is None


def test_a_detector_is_as_sure_as_its_least_sure_decision():
    from labeling.autolabel.onnx_models import Found

    guess = models.box_guess([Found("car", 5, 1, 9, 9, 0.9), Found("car", 1, 1, 9, 9, 0.2)])
    assert [r["score"] for r in guess.document["regions"]] == [0.9] and guess.confidence == 0.8
    assert models.box_guess([]).confidence == 0.9


def test_the_command(ws):
    def tilth(*words, code=0):
        result = CliRunner().invoke(cli.app, ["labels", *words])
        assert result.exit_code == code, result.output + result.stderr
        return result

    begun = json.loads(tilth("auto", "colours", "--budget", "70", "--json").stdout)
    assert (begun["phase"], begun["budget"]) == ("labeling", 70)
    assert f"{begun['waiting']} wait for people" in tilth("auto", "colours").stdout
    assert "running with its own settings" in tilth("auto", "colours", "--target", "0.9", code=1).stderr
    people_work(ws)
    to_the_end(ws)
    assert "of the automatic labels are right (confidence 90%" in tilth("auto", "colours").stdout
