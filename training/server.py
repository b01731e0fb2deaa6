"""The HTTP route of predictions; `commands/serve.py` adds it to the feature store's app."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from featurestore import wire
from featurestore.server import Records, needs
from training.predict import Predictor
from training.registry import Registry

if TYPE_CHECKING:
    from workspace import Workspace

MOST_LOADED = 8


class Predictors:
    """Loaded models, the last few used; an approval or a new version is noticed on the next request."""

    def __init__(self, ws: Workspace):
        self.ws = ws
        self._loaded: dict[str, Predictor] = {}
        self._lock = threading.Lock()

    def of(self, ref: str) -> Predictor:
        exact = Registry(self.ws).get(ref).ref
        with self._lock:
            found = self._loaded.pop(exact, None) or Predictor(self.ws, exact)
            self._loaded[exact] = found  # newest last
            while len(self._loaded) > MOST_LOADED:
                self._loaded.pop(next(iter(self._loaded)))
            return found


def predict_router(ws: Workspace) -> APIRouter:
    """Return `POST /v1/models/{model}:predict` (`name` or `name@version`) and `GET /v1/models`."""
    router = APIRouter(prefix="/v1/models")
    predictors = Predictors(ws)

    @router.get("", dependencies=[Depends(needs("read"))])
    def models(request: Request) -> JSONResponse:
        return JSONResponse({"models": [wire.as_json(m.as_json()) for m in Registry(ws).list()]})

    @router.post("/{model}:predict", dependencies=[Depends(needs("predict"))])
    def predict(request: Request, model: str, body: Records) -> JSONResponse:
        predictor = predictors.of(model)
        found = predictor.predict(body.records)
        facts = predictor.model
        return JSONResponse({"model": facts.name, "version": facts.version, "predictions": wire.as_json(found)})

    return router
