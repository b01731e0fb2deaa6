"""Model files: fetched once, kept only when every byte is right. A server on loopback plays the internet."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from labeling.redaction import models
from transforms.errors import NotFound, SourceError

CONTENT = bytes(range(256)) * 400


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server that sends `answers` one after the other, then the last again; the model's address points to it."""
    answers: list = [(200, CONTENT)]
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    made = replace(
        models.MODELS[models.FACES],
        url=f"http://127.0.0.1:{running.server_port}/m.onnx",
        bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
    )
    monkeypatch.setitem(models.MODELS, models.FACES, made)
    monkeypatch.setenv("TILTH_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(models.time, "sleep", lambda seconds: None)
    yield answers, asked
    running.shutdown()
    running.server_close()


def test_a_model_is_fetched_once_and_checked(server):
    _, asked = server
    seen = []
    assert models.find(models.FACES) is None
    path = models.fetch(models.FACES, lambda share, name: seen.append(share))
    assert path.read_bytes() == CONTENT and seen[-1] == 1
    assert models.fetch(models.FACES) == path and len(asked) == 1
    path.write_bytes(CONTENT[:-1] + b"x")  # damaged since
    assert models.find(models.FACES) is None
    assert models.fetch(models.FACES).read_bytes() == CONTENT


def test_a_server_that_is_busy_is_asked_again(server):
    answers, asked = server
    answers[:] = [(503, b""), (200, CONTENT[:1000]), (200, CONTENT)]
    models.fetch(models.FACES)
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("answer", "said", "times"),
    [
        ((404, b""), "the server answered 404", 1),
        ((200, CONTENT[::-1]), "SHA-256 differs", 1),
        ((200, CONTENT + b"x"), "larger than it should be", 1),
        ((200, CONTENT[:500]), "only 500 of 102,400 bytes came", 3),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(server, answer, said, times):
    answers, asked = server
    answers[:] = [answer]
    with pytest.raises(SourceError, match=said) as error:
        models.fetch(models.FACES)
    assert "put the file" in error.value.hint and len(asked) == times
    assert not any(models.folder().iterdir())


def test_no_internet_is_one_sentence(server, monkeypatch):
    monkeypatch.setitem(
        models.MODELS, models.FACES, replace(models.MODELS[models.FACES], url="http://127.0.0.1:9/m.onnx")
    )
    with pytest.raises(SourceError, match="cannot be reached"):
        models.fetch(models.FACES)
    with pytest.raises(NotFound, match="yunet_x"):
        models.fetch("yunet_x.onnx")


def test_the_pinned_models_are_those_of_the_manifest(shared):
    import json

    manifest = {m["name"]: m for m in json.loads((shared / "data/models/manifest.json").read_text())}
    for model in models.MODELS.values():
        known = manifest[model.name]
        assert (model.url, model.bytes, model.sha256) == (known["url"], known["bytes"], known["sha256"])
