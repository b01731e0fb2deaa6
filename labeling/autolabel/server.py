"""Tilth's own model as a Label Studio ML backend: /health, /setup, /predict, /webhook, /versions.

A Label Studio server that is told this address gets suggestions from what people labelled in a collection. Pictures
come as data URIs, or from the one Label Studio server that was named at the start; nothing else is fetched or opened.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
import threading
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree
from xml.parsers import expat

from labeling.annotations import current_documents
from labeling.autolabel import models
from labeling.autolabel.backend import regions_to_label_studio
from labeling.autolabel.classifier import train
from labeling.autolabel.features import picture_features
from labeling.collections import get_collection, list_images
from labeling.formats.label_studio_regions import TYPES
from labeling.pictures import MAX_BYTES, read_picture
from transforms.errors import AppError, Conflict, InputError, SourceError

MAX_BODY = 256 * 1024 * 1024
MAX_TASKS = 500
MAX_CONFIG = 1_000_000  # characters
FETCH_S = 20
KINDS = {"choices", *TYPES.values()}
_DATA_URI = re.compile(r"data:image/[a-z.+-]{1,20};base64,", re.IGNORECASE)


class CollectionModel:
    """A model for the pictures of a collection: the built-in one, learning from people's classes, or an ONNX file."""

    def __init__(self, ws, name: str, model: str = models.BUILT_IN, names: list[str] | None = None):
        self._ws, self.name, self.model = ws, name, model
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._trained, self._count, self._learning, self.trouble = None, 0, None, ""
        self._onnx = None
        get_collection(ws, name, counts=False)
        if model != models.BUILT_IN:
            from labeling.autolabel.onnx_models import OnnxModel

            self._onnx = OnnxModel(model, names, least_score=models.SEEN)

    @property
    def version(self) -> str:
        return f"tilth {self.name} {self._count}" if self._onnx is None else f"tilth {self._onnx.path.name}"

    def learn(self) -> None:
        """Learn again from what people did; what is held back for validation is never learnt from."""
        if self._onnx is not None:
            return
        with self._lock:
            collection = get_collection(self._ws, self.name, counts=False)
            held = set((collection.extra.get("autolabel") or {}).get("validation", []))
            groups = current_documents(self._ws, self.name, kind="person")
            labels = {i: models.majority_class([a.document for a in g]) for i, g in groups.items() if i not in held}
            items = [i for i in list_images(self._ws, self.name) if i.kind == "image" and i.shown and labels.get(i.id)]
            if not items:
                raise Conflict(f"Nobody has labelled classes in {self.name!r} yet, so its model knows nothing.")
            ids, matrix, _ = models.features_of(self._ws, items)
            self._trained = train(matrix, [labels[i] for i in ids])
            self._count = len(ids)

    def learn_soon(self) -> None:
        """Learn in the background: Label Studio waits three seconds for an answer. What went wrong is in `trouble`."""

        def work() -> None:
            try:
                self.learn()
                self.trouble = ""
            except AppError as error:
                self.trouble = str(error)

        with self._starting:
            if self._learning is None or not self._learning.is_alive():
                self._learning = threading.Thread(target=work, name="learn", daemon=True)
                self._learning.start()

    def guess(self, bgr) -> models.Guess:
        if self._onnx is not None:
            if self._onnx.kind == "boxes":
                return models.box_guess(self._onnx.boxes(bgr))
            return models.class_guesses(self._onnx.names, [self._onnx.chances(bgr)])[0]
        if self._trained is None:
            self.learn()
        return models.class_guesses(self._trained.classes, self._trained.chances(picture_features(bgr)[None]))[0]


def create_app(model, *, hosts=("localhost", "127.0.0.1"), token: str | None = None, label_studio: str = "",
               label_studio_token: str = ""):  # fmt: skip
    """Return the ASGI application.

    Args:
        model: a `CollectionModel`, or what has its `version`, `trouble`, `learn_soon()` and `guess(bgr)`.
        hosts: Host headers that are answered.
        token: asked for as "Authorization: Token …" or as the password of basic authentication.
        label_studio: address of the one server from which pictures may be fetched, with its access token.
    """
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    def problem(text: str, code: int):
        return JSONResponse({"error": text}, code)

    def guarded(answer):
        async def route(request):
            if token and not _signed(request.headers.get("authorization", ""), token):
                return problem("This server asks for its token.", 401)
            try:
                body = await _body(request) if request.method == "POST" else {}
                return await run_in_threadpool(answer, body)
            except Conflict as error:
                return problem(str(error), 409)
            except AppError as error:
                return problem(str(error), 400)

        return route

    def health(_):
        said = {"status": "UP", "model_class": "Tilth", "model_version": model.version}
        return JSONResponse(said | ({"trouble": model.trouble} if model.trouble else {}))

    def setup(_):
        return JSONResponse({"model_version": model.version})

    def versions(_):
        return JSONResponse({"versions": [model.version], "message": "success"})

    def predict(body):
        tasks = body.get("tasks")
        if not isinstance(tasks, list) or len(tasks) > MAX_TASKS:
            raise InputError(f"A request needs a list of at most {MAX_TASKS} tasks.")
        names, keys = controls(str(body.get("label_config") or ""))
        results = []
        for task in tasks:
            data = task.get("data") if isinstance(task, dict) else None
            picture = _picture(data if isinstance(data, dict) else {}, keys, label_studio, label_studio_token)
            guess = model.guess(picture.bgr)
            found = regions_to_label_studio(guess.document, picture.width, picture.height, names)
            results.append({"model_version": model.version, "score": guess.confidence, "result": found})
        return JSONResponse({"results": results})

    def webhook(body):
        if body.get("action") == "START_TRAINING":
            model.learn_soon()
        return JSONResponse({"result": {}, "status": "ok"}, 201)

    routes = [
        Route("/", guarded(health), methods=["GET"]),
        Route("/health", guarded(health), methods=["GET"]),
        Route("/setup", guarded(setup), methods=["POST"]),
        Route("/predict", guarded(predict), methods=["POST"]),
        Route("/webhook", guarded(webhook), methods=["POST"]),
        Route("/versions", guarded(versions), methods=["GET"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))])


def _signed(header: str, token: str) -> bool:
    kind, _, given = header.partition(" ")
    if kind.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode("utf-8").partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    return secrets.compare_digest(given.strip().encode(), token.encode())


async def _body(request) -> dict:
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MAX_BODY:
            raise InputError(f"A request may have {MAX_BODY >> 20} MB.")
    try:
        body = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        raise InputError("The request is not JSON.") from None
    if not isinstance(body, dict):
        raise InputError("The request is not a JSON object.")
    return body


def controls(config: str) -> tuple[dict, list[str]]:
    """Return `({"choices": (name, toName), "rectanglelabels": …}, [data keys of pictures])` of a configuration."""
    if not config.strip():
        return {"choices": ("class", "image"), "rectanglelabels": ("box", "image")}, ["image"]
    if len(config) > MAX_CONFIG:
        raise InputError(f"This labeling configuration is longer than {MAX_CONFIG:,} characters.")
    try:
        first = expat.ParserCreate()
        first.StartDoctypeDeclHandler = _no_doctype
        first.Parse(config, True)
        tree = ElementTree.fromstring(config)
    except (expat.ExpatError, ElementTree.ParseError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"This labeling configuration is not XML: {error}.") from None
    keys, names = [], {}
    for element in tree.iter():
        if element.tag == "Image" and element.get("value", "").startswith("$"):
            keys.append(element.get("value")[1:])
        kind = element.tag.lower()
        if kind in KINDS and kind not in names and element.get("name"):
            names[kind] = (element.get("name"), element.get("toName", "").split(",")[0])
    return names, keys or ["image"]


def _no_doctype(*_):
    raise InputError("This labeling configuration declares a document type, which could hide entities.")


def _picture(data: dict, keys: list[str], server: str, token: str):
    value = next((data[k] for k in keys if isinstance(data.get(k), str)), None)
    if value is None:
        raise InputError(f"A task has no picture under {', '.join(keys)}.")
    if found := _DATA_URI.match(value):
        try:
            return read_picture(base64.b64decode(value[found.end() :], validate=True), "picture")
        except binascii.Error:
            raise SourceError("A task's picture is not base64.") from None
    if server:
        try:
            wanted, own = urlsplit(urljoin(server.rstrip("/") + "/", value)), urlsplit(server)
        except ValueError:
            raise InputError("A task's picture has no address that can be read.") from None
        if (wanted.scheme, wanted.netloc) == (own.scheme, own.netloc):
            return read_picture(_fetch(wanted.geturl(), token), "picture")
    raise InputError(
        "A task's picture is at an address that this server does not read.",
        hint="Name your Label Studio server with --label-studio, or send pictures as data URIs.",
    )


def _fetch(url: str, token: str) -> bytes:
    import requests

    headers = {"Authorization": f"Token {token}"} if token else {}
    try:
        with requests.get(url, headers=headers, timeout=FETCH_S, allow_redirects=False, stream=True) as answer:
            data = bytearray()
            for part in answer.iter_content(65536):
                data += part
                if len(data) > MAX_BYTES:
                    raise SourceError("A task's picture is too large.")
            if answer.status_code != 200:
                raise SourceError(f"The Label Studio server answers {answer.status_code} for a task's picture.")
    except requests.RequestException:
        raise SourceError("A task's picture cannot be fetched from the Label Studio server.") from None
    return bytes(data)
