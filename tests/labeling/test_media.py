"""The routes for pictures and component files."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling import collections
from labeling.redaction.regions import Region
from shell import widgets
from shell.routes import media


class Everything:
    name, kind = "all", "face"

    def detect(self, bgr):
        return [Region("face", 0, 0, bgr.shape[1], bgr.shape[0], 0.9, self.name)]


class AsAnnotator:
    """What sign-in does: say in the request's scope who it is."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app({**scope, "tilth.role": "annotator"}, receive, send)


@pytest.fixture
def client(ws, monkeypatch):
    monkeypatch.setattr(widgets, "workspace", lambda: ws)
    return TestClient(Starlette(routes=media.routes))


@pytest.fixture
def annotator(ws, monkeypatch):
    monkeypatch.setattr(widgets, "workspace", lambda: ws)
    return TestClient(AsAnnotator(Starlette(routes=media.routes)))


def address(image, variant=""):
    return f"/api/images/{image.collection_id}/{image.id}" + (f"?variant={variant}" if variant else "")


def test_variants_and_cache(ws, client):
    image = collections.list_images(ws, "things")[0]
    original = client.get(address(image, "original"))
    assert original.status_code == 200 and original.headers["content-type"] == "image/png"
    assert original.content == client.get(address(image)).content
    again = client.get(address(image), headers={"if-none-match": original.headers["etag"]})
    assert again.status_code == 304 and not again.content
    assert client.get(address(image, "thumb")).headers["content-type"] == "image/jpeg"
    assert client.get(address(image, "redacted")).status_code == 404
    collections.redact_collection(ws, "things", detectors=[Everything()])
    assert client.get(address(image)).content == client.get(address(image, "redacted")).content != original.content


def test_annotators_see_copies_only(ws, annotator):
    image = collections.list_images(ws, "things")[0]
    for variant in ("original", "thumb", "redacted", ""):
        assert annotator.get(address(image, variant)).status_code == 404
    collections.redact_collection(ws, "things", detectors=[Everything()])
    assert annotator.get(address(image, "original")).status_code == 404
    assert annotator.get(address(image, "redacted")).status_code == 200
    assert annotator.get(address(image)).status_code == 200


def test_sealed_originals_are_shown_to_nobody(ws, client):
    collections.redact_collection(ws, "things", detectors=[Everything()])
    collections.seal_originals(ws, "things")
    image = collections.list_images(ws, "things")[0]
    assert client.get(address(image, "original")).status_code == 404
    assert client.get(address(image)).status_code == 200


def test_wrong_requests(ws, client):
    image = collections.list_images(ws, "things")[0]
    assert client.get(f"/api/images/{image.collection_id}/999").status_code == 404
    assert client.get(f"/api/images/999/{image.id}").status_code == 404
    assert client.get(address(image, "../../catalog.sqlite")).status_code == 400
    collections.create_collection(ws, "other")
    other = collections.get_collection(ws, "other")
    assert client.get(f"/api/images/{other.id}/{image.id}").status_code == 404


def test_component_files_by_name_only(client):
    script = client.get("/api/static/components/annotator.js?v=1")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]
    assert client.get("/api/static/components/annotator.css").headers["cache-control"] == "no-cache"
    for name in ("__init__.py", "..%2F..%2Fapp.py", "none.js"):
        assert client.get(f"/api/static/components/{name}").status_code == 404
