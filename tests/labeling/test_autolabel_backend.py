"""Label Studio's ML backend protocol: our client, our server, and both together over a real port."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest

from labeling import annotations, autolabel, collections
from labeling.autolabel.backend import (
    Backend,
    guess_of,
    label_config,
    regions_from_label_studio,
    regions_to_label_studio,
    task_of,
)
from labeling.autolabel.models import Guess, short_name
from labeling.autolabel.server import CollectionModel, controls, create_app
from labeling.pictures import encode_picture
from transforms.errors import Conflict, InputError, SourceError, Unavailable


@pytest.fixture
def fake():
    """A backend that answers what the test puts into `answers[path]` and keeps what it was asked."""
    state = SimpleNamespace(answers={}, seen=[], url="")

    class Handler(BaseHTTPRequestHandler):
        def _answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            state.seen.append((self.path, json.loads(body) if body else None, self.headers.get("Authorization")))
            code, said = state.answers.get(self.path, (404, {}))
            said = said(state.seen[-1][1]) if callable(said) else said
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _answer

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()


BOX = {
    "id": "x", "type": "rectanglelabels", "from_name": "b", "to_name": "i", "score": 0.75,
    "original_width": 200, "original_height": 80, "image_rotation": 0,
    "value": {"x": 10, "y": 20, "width": 50, "height": 25, "rotation": 0, "rectanglelabels": ["car"]},
}  # fmt: skip


def test_predictions_come_in_batches_and_become_documents(fake):
    choice = {"type": "choices", "value": {"choices": ["night"]}}
    fake.answers["/predict"] = (
        200,
        lambda b: {"results": [{"result": [BOX, choice], "score": 0.5} for _ in b["tasks"]]},
    )
    backend = Backend(fake.url + "/", batch=2)
    tasks = [{"id": n, "data": {}} for n in range(3)]
    context = {"result": [{"type": "keypointlabels"}]}
    found = backend.guesses(tasks, [(200, 80)] * 3, "<View/>", context)
    region = {"id": "x", "shape": "box", "label": "car", "x": 20, "y": 16, "w": 100, "h": 20, "score": 0.75}
    assert found == [Guess({"regions": [region], "classes": ["night"]}, 0.5)] * 3
    assert [len(b["tasks"]) for _, b, _ in fake.seen] == [2, 1]
    assert fake.seen[0][1]["params"] == {"login": None, "password": None, "context": context}
    assert fake.seen[0][1]["label_config"] == "<View/>"


def test_health_setup_and_training(fake):
    fake.answers = {"/health": (200, {"status": "UP"}), "/setup": (200, {"model_version": "v7"}), "/webhook": (201, {}),
                    "/versions": (200, {"versions": ["v7", "v6"]})}  # fmt: skip
    backend = Backend(fake.url.replace("http://", "http://me:secret@"))
    assert backend.health()["status"] == "UP"
    assert backend.setup("2.17", "<View/>") == "v7" and backend.versions() == ["v7", "v6"]
    backend.train()
    assert fake.seen[1][1] == {
        "project": "2.17", "schema": "<View/>", "hostname": "", "access_token": "", "extra_params": None
    }  # fmt: skip
    assert fake.seen[-1][:2] == ("/webhook", {"action": "START_TRAINING", "project": {"id": "2.17"}})
    assert fake.seen[0][2] == "Basic bWU6c2VjcmV0"  # me:secret
    assert "secret" not in backend.url and short_name("http://me:secret@host:9090/x") == "model: host:9090"


def test_what_goes_wrong_is_one_sentence(fake):
    backend = Backend(fake.url)
    fake.answers = {"/health": (200, {"status": "DOWN"}), "/predict": (200, {"results": []}),
                    "/setup": (500, b"no\nGPU"), "/versions": (200, b"<html>")}  # fmt: skip
    with pytest.raises(Unavailable, match="not ready"):
        backend.health()
    with pytest.raises(SourceError, match="0 predictions for 1 tasks"):
        backend.predict([{"id": 1}], "")
    with pytest.raises(SourceError, match="with 500: no GPU"):
        backend.setup("1", "")
    with pytest.raises(SourceError, match="not JSON"):
        backend.versions()
    with pytest.raises(Unavailable, match="cannot be reached"):
        Backend("http://127.0.0.1:9").health()
    for url in ("ftp://x", "localhost:9090", "http://", "http://[bad", "file:///etc/passwd"):
        with pytest.raises(InputError, match="not the address"):
            Backend(url)


def test_a_turned_box_turns_about_its_corner_there_and_its_centre_here():
    value = BOX["value"] | {"x": 50, "y": 50, "width": 20, "height": 20, "rotation": 90}
    (region,) = regions_from_label_studio([BOX | {"value": value}], 100, 50)["regions"]
    # 20 × 10 pixels at (50, 25), turned clockwise about that corner: it covers x 40 … 50 and y 25 … 45
    assert {k: region[k] for k in ("x", "y", "w", "h", "rotation")} == {
        "x": 35,
        "y": 30,
        "w": 20,
        "h": 10,
        "rotation": 90,
    }


def test_other_shapes_and_strange_results():
    points = {"points": [[0, 0], [50, 0], [50, 100]], "closed": True, "polygonlabels": ["roof"]}
    odd = [
        {"type": "polygonlabels", "value": points},
        {"type": "videorectangle", "id": "v", "value": {}},
        7,
        {"value": 3},
    ]
    (region,) = regions_from_label_studio(odd, 20, 10)["regions"]
    assert (region["id"], region["label"], region["points"]) == ("m1", "roof", [[0, 0], [10, 0], [10, 10]])


def test_confidence_without_a_score_of_its_own():
    assert guess_of({"result": [BOX, BOX | {"id": "y", "score": 0.5}]}, 10, 10).confidence == 0.5
    assert guess_of({"result": []}, 10, 10).confidence == 0
    assert guess_of({"result": [BOX], "score": "nan"}, 10, 10).confidence == 0
    with pytest.raises(SourceError, match="cannot be read"):
        guess_of({"result": [BOX | {"value": {"x": "?", "rectanglelabels": ["a"]}}]}, 10, 10)


def test_documents_go_there_and_back():
    region = {"id": "r1", "shape": "box", "label": "car", "x": 20, "y": 16, "w": 100, "h": 20, "score": 0.75}
    document = {"regions": [region], "classes": ["night"]}
    results = regions_to_label_studio(document, 200, 80, {"choices": ("c", "i"), "rectanglelabels": ("b", "i")})
    percents = {k: v for k, v in BOX["value"].items() if k != "rotation"}
    assert {k: results[1]["value"][k] for k in percents} == percents and results[1]["from_name"] == "b"
    assert regions_from_label_studio(results, 200, 80) == document
    assert regions_to_label_studio(document, 200, 80, {}) == []


def test_names_come_from_the_configuration():
    config = '<View><Image name="i" value="$pic"/><Choices name="c" toName="i"><Choice value="a"/></Choices></View>'
    assert controls(config) == ({"choices": ("c", "i")}, ["pic"])
    hidden = '<?x <!-- ?><!DOCTYPE v [<!ENTITY a "b">]><v>&a;</v><!-- -->'
    for bad, why in (('<!DOCTYPE v [<!ENTITY a "b">]><v>&a;</v>', "document type"), (hidden, "document type"),
                     ("<View>", "not XML"), ("x" * 1_000_001, "longer")):  # fmt: skip
        with pytest.raises(InputError, match=why):
            controls(bad)


@pytest.fixture
def colours(tmp_workspace):
    """A collection of 16 red and blue pictures of which 12 are labelled."""
    rng = np.random.default_rng(0)
    made = []
    for n in range(16):
        bgr = rng.integers(0, 100, (20, 30, 3), dtype="uint8")
        bgr[:, :, 2 * (n % 2)] += 120
        made.append((f"{('blue', 'red')[n % 2]}-{n:02d}.png", encode_picture(bgr, ".png")))
    collections.create_collection(tmp_workspace, "colours", [], ["red", "blue"])
    collections.add_pictures(tmp_workspace, "colours", made)
    for image in collections.list_images(tmp_workspace, "colours")[:12]:
        document = {"regions": [], "classes": [image.file_name.split("-")[0]]}
        annotations.save(tmp_workspace, image.id, document, annotator="anna", client="t", seq=1)
    return tmp_workspace


@pytest.fixture
def served():
    """Serve an application on a free loopback port; returns a function from app to URL."""
    import uvicorn

    running = []

    def serve(app) -> str:
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        running.append((server, thread))
        while not server.started and thread.is_alive():
            thread.join(0.01)
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield serve
    for server, thread in running:
        server.should_exit = True
        thread.join(5)


def test_our_client_and_our_server(colours, served):
    model = CollectionModel(colours, "colours")
    url = served(create_app(model, token="key"))
    backend = Backend(url, token="key")
    assert backend.health()["model_class"] == "Tilth"
    backend.train()
    model._learning.join(60)  # the answer came before the learning was over
    collection = collections.get_collection(colours, "colours")
    config = label_config(collection)
    assert backend.setup("1.2", config) == "tilth colours 12" and backend.versions() == ["tilth colours 12"]
    rest = collections.list_images(colours, "colours")[12:]
    guesses = backend.guesses([task_of(colours, i) for i in rest], [(i.width, i.height) for i in rest], config)
    assert [g.document["classes"] for g in guesses] == [[i.file_name.split("-")[0]] for i in rest]
    assert all(0.5 < g.confidence <= 1 for g in guesses)
    assert Backend(url.replace("//", "//any:key@")).health()["status"] == "UP"  # as Label Studio signs in
    with pytest.raises(SourceError, match="401"):
        Backend(url, token="wrong").health()
    with pytest.raises(SourceError, match="400"):
        backend.predict([{"id": 1, "data": {"image": "/etc/passwd"}}], config)


def test_pictures_are_fetched_from_the_named_server_only(colours, served, fake):
    image = collections.list_images(colours, "colours")[13]
    fake.answers["/data/a.png"] = (200, collections.image_path(colours, image.sha256, image.suffix).read_bytes())
    model = CollectionModel(colours, "colours")
    backend = Backend(served(create_app(model, label_studio=fake.url, label_studio_token="t1")))
    (said,) = backend.predict([{"id": 1, "data": {"image": "/data/a.png"}}], "")
    assert said["result"][0]["value"] == {"choices": ["red"]}
    assert fake.seen == [("/data/a.png", None, "Token t1")]
    with pytest.raises(SourceError, match="does not read"):
        backend.predict([{"id": 1, "data": {"image": "http://127.0.0.1:1/a.png"}}], "")
    assert len(fake.seen) == 1


def test_other_hosts_are_refused(colours, served):
    import requests

    url = served(create_app(CollectionModel(colours, "colours")))
    assert requests.get(url + "/health", headers={"Host": "evil.example"}, timeout=5).status_code == 400


def test_a_model_without_labels_says_so(tmp_workspace):
    collections.create_collection(tmp_workspace, "empty", [], ["a", "b"])
    model = CollectionModel(tmp_workspace, "empty")
    with pytest.raises(Conflict, match="Nobody has labelled"):
        model.learn()
    model.learn_soon()
    model._learning.join(60)
    assert "Nobody has labelled" in model.trouble


def test_the_served_model_does_not_learn_from_the_validation_sample(colours):
    model = CollectionModel(colours, "colours")
    collection = collections.get_collection(colours, "colours")
    from labeling.autolabel.project import _keep

    ids = [i.id for i in collections.list_images(colours, "colours")]
    _keep(colours, collection.id, {"validation": ids[:4]})
    model.learn()
    assert model.version == "tilth colours 8"


def test_a_backend_as_the_model_of_a_collection(colours, fake):
    """70 pictures, a backend that knows them all: people validate 52, the backend labels the rest."""
    rng = np.random.default_rng(1)
    more = [(f"m{n}.png", encode_picture(rng.integers(0, 255, (8, 8, 3), dtype="uint8"), ".png")) for n in range(70)]
    collections.create_collection(colours, "many", ["thing"])
    collections.add_pictures(colours, "many", more)
    box = BOX | {"value": BOX["value"] | {"rectanglelabels": ["thing"]}}
    fake.answers = {
        "/setup": (200, {}),
        "/predict": (200, lambda b: {"results": [{"result": [box]} for _ in b["tasks"]]}),
    }
    autolabel.start(colours, "many", model=fake.url)
    region = {"id": "r1", "shape": "box", "label": "thing", "x": 0.8, "y": 1.6, "w": 4, "h": 2}  # 10 %, 20 % … of 8
    for _ in range(autolabel.status(colours, "many")["waiting"]):
        image_id = annotations.next_task(colours, "many")
        annotations.save(colours, image_id, {"regions": [region], "classes": []}, annotator="a", client="c", seq=1)
        annotations.set_status(colours, image_id, "done")
    done = autolabel.step(colours, "many")
    assert (done["phase"], done["auto"], done["left"]) == ("done", 18, 0)
    assert fake.seen[-1][1]["tasks"][0]["data"]["image"].startswith("data:image/jpeg;base64,")
