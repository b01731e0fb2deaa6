"""Client for any Label Studio ML backend (SAM 2, YOLO, GroundingDINO and others) over HTTP.

Source: the protocol as Label Studio 1.23.2 speaks it: GET /health, POST /setup, /predict and /webhook. Pictures travel
inside the request as data URIs, so a backend needs no access to this computer's files.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from labeling.autolabel.models import Guess, pixels, text_of
from labeling.documents import MAX_REGIONS
from labeling.formats.label_studio_regions import TYPES, read_region, write_region
from labeling.pictures import encode_picture
from transforms.errors import InputError, SourceError, Unavailable

CONNECT_S, HEALTH_S, SETUP_S, PREDICT_S = 1.0, 1.0, 3.0, 100.0  # what Label Studio itself waits
MAX_ANSWER = 64 * 1024 * 1024  # bytes


class Backend:
    """One ML backend.

    Args:
        url: http:// or https://; `http://name:password@host` signs in with basic authentication.
        batch: how many tasks go into one request.
    """

    def __init__(self, url: str, *, batch: int = 8, token: str | None = None):
        try:
            parts = urlsplit(url)
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            parts, port = urlsplit(""), ""
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError("This is not the address of a backend.", hint="It looks like http://localhost:9090")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self.url = f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"
        self.batch = max(1, batch)
        self.version = ""
        self._auth = (parts.username, parts.password or "") if parts.username else None
        self._headers = {"Authorization": f"Token {token}"} if token else {}
        self._project = "0.0"

    def health(self) -> dict:
        """Return what the backend says of itself.

        Raises:
            Unavailable: it does not answer, or says that it is not up.
        """
        said = self._call("GET", "/health", None, HEALTH_S)
        if str(said.get("status", "")).upper() != "UP":
            raise Unavailable(f"The backend at {self.url} says that it is not ready.", hint="Look at its own log.")
        return said

    def setup(self, project: str, config: str) -> str:
        """Tell the backend what is labelled, and return its model's version."""
        self._project = project
        body = {"project": project, "schema": config, "hostname": "", "access_token": "", "extra_params": None}
        self.version = str(self._call("POST", "/setup", body, SETUP_S).get("model_version") or "")[:200]
        return self.version

    def predict(self, tasks: list[dict], config: str, context: dict | None = None) -> list[dict]:
        """Return one prediction per task, in batches.

        Args:
            tasks: `{"id", "data": {…}}`, see `task_of`.
            config: Label Studio's labeling configuration, XML.
            context: `{"result": [region …]}`: what a person just drew, for interactive models such as SAM.

        Raises:
            SourceError: the answer has not one prediction per task.
        """
        found: list[dict] = []
        params = {"login": None, "password": None, "context": context}
        for start in range(0, len(tasks), self.batch):
            part = tasks[start : start + self.batch]
            body = {"tasks": part, "project": self._project, "label_config": config, "params": params}
            results = self._call("POST", "/predict", body, PREDICT_S).get("results")
            if not isinstance(results, list) or len(results) != len(part):
                count = len(results) if isinstance(results, list) else "no"
                raise SourceError(f"The backend at {self.url} gave {count} predictions for {len(part)} tasks.")
            found += [_prediction(r) for r in results]
        return found

    def guesses(
        self, tasks: list[dict], sizes: list[tuple[int, int]], config: str, context: dict | None = None
    ) -> list[Guess]:
        """Return a document and a confidence per task; `sizes` are the pictures' widths and heights."""
        found = self.predict(tasks, config, context)
        return [guess_of(p, width, height) for p, (width, height) in zip(found, sizes, strict=True)]

    def train(self, detail: dict | None = None) -> None:
        """Ask the backend to learn from what was labelled since."""
        body = {"action": "START_TRAINING", "project": {"id": self._project, **(detail or {})}}
        self._call("POST", "/webhook", body, SETUP_S)

    def versions(self) -> list[str]:
        said = self._call("GET", "/versions", None, SETUP_S)
        listed = said.get("versions", []) if isinstance(said, dict) else said
        return [str(v)[:200] for v in listed] if isinstance(listed, list) else []

    def _call(self, method: str, path: str, body: dict | None, timeout_s: float):
        import requests

        try:
            with requests.request(
                method, self.url + path, json=body, timeout=(CONNECT_S, timeout_s), auth=self._auth,
                headers=self._headers, allow_redirects=False, stream=True,
            ) as answer:  # fmt: skip
                data = bytearray()
                for part in answer.iter_content(65536):
                    data += part
                    if len(data) > MAX_ANSWER:
                        raise SourceError(f"The backend at {self.url} answers with more than {MAX_ANSWER >> 20} MB.")
                code = answer.status_code
        except requests.RequestException as error:
            why = "did not answer in time" if isinstance(error, requests.Timeout) else "cannot be reached"
            raise Unavailable(f"The backend at {self.url} {why} ({path}).", hint="Is it running?") from None
        if not 200 <= code < 300:
            said = bytes(data[:200]).decode("utf-8", "replace").strip().replace("\n", " ")
            raise SourceError(f"The backend at {self.url} answers {path} with {code}: {said}")
        try:
            return json.loads(data) if data.strip() else {}
        except (ValueError, RecursionError):
            raise SourceError(f"The backend at {self.url} answers {path} with something that is not JSON.") from None


def _prediction(said) -> dict:
    if isinstance(said, list):  # some backends answer with the regions alone
        said = {"result": said}
    if not isinstance(said, dict) or not isinstance(said.get("result") or [], list):
        raise SourceError("The backend's prediction has no list of results.")
    return said


def guess_of(prediction: dict, width: int, height: int) -> Guess:
    """Return a prediction as a guess: as sure as its own score, or else as the least sure of its regions; 0 without."""
    results = prediction.get("result") or []
    if len(results) > MAX_REGIONS:
        raise SourceError(f"The backend found {len(results)} regions on one item; {MAX_REGIONS} is the limit.")
    document = regions_from_label_studio(results, width, height)
    scores = [_score(r.get("score")) for r in results if isinstance(r, dict) and r.get("score") is not None]
    own = prediction.get("score")
    confidence = _score(own) if own is not None else min(scores, default=0.0)
    return Guess(document, confidence)


def _score(value) -> float:
    try:
        return min(1.0, max(0.0, float(value))) if float(value) == float(value) else 0.0
    except (TypeError, ValueError):
        return 0.0


def regions_from_label_studio(results: list, width: int, height: int) -> dict:
    """Return Label Studio's results as a document: regions of all shapes we have, and choices of the whole item.

    Kinds that we do not show (such as video) are passed over.

    Raises:
        SourceError: a region of a known kind cannot be read.
    """
    groups: dict[str, list[dict]] = {}
    classes: list[str] = []
    entries = [r for r in results if isinstance(r, dict) and isinstance(r.get("value"), dict)]
    placed = {str(e["id"]) for e in entries if e.get("id") and e.get("type") != "choices"}
    for place, entry in enumerate(entries, 1):
        key = str(entry.get("id") or f"m{place}")
        if entry.get("type") == "choices" and key not in placed:
            chosen = entry["value"].get("choices")
            classes += [str(c) for c in chosen] if isinstance(chosen, list) else []
        else:
            groups.setdefault(key, []).append(entry | {"id": key})
    regions = []
    for group in groups.values():
        region = read_region(group, width, height)
        if region is None and any(e.get("type") in TYPES.values() for e in group):
            raise SourceError(f"The backend gave a region of type {group[0].get('type')!r} that cannot be read.")
        if region is not None:
            regions.append(region)
    return {"regions": regions, "classes": list(dict.fromkeys(classes))}


def regions_to_label_studio(document: dict, width: int, height: int, names: dict) -> list[dict]:
    """Return a document's regions and classes as Label Studio's results.

    Args:
        names: `{"choices": (from_name, to_name), "rectanglelabels": (…), …}` of the labeling configuration; kinds that
            it does not have are left out.
    """
    results = []
    if document["classes"] and "choices" in names:
        own, other = names["choices"]
        results.append(
            {"from_name": own, "to_name": other, "type": "choices", "value": {"choices": document["classes"]}}
        )
    for region in document["regions"]:
        if (kind := TYPES[region["shape"]]) in names:
            own, other = names[kind]
            results.append(write_region(region, [], width, height, other)[0] | {"from_name": own})
    return results


def label_config(collection) -> str:
    """Return the labeling configuration (XML) of a collection's classes, as a backend needs it to name its answers."""
    lines = ['<View><Image name="image" value="$image"/><Text name="text" value="$text"/>']
    if collection.classes:
        labels = "".join(f"<Label value={quoteattr(c['name'])}/>" for c in collection.classes)
        lines.append(f'<RectangleLabels name="box" toName="image">{labels}</RectangleLabels>')
    if collection.image_classes:
        choices = "".join(f"<Choice value={quoteattr(c['name'])}/>" for c in collection.image_classes)
        lines.append(f'<Choices name="class" toName="image">{choices}</Choices>')
    return "".join([*lines, "</View>"])


def task_of(ws, item, encode: Callable | None = None) -> dict:
    """Return an item as a Label Studio task, its picture inside as a data URI."""
    if item.kind != "image":
        return {"id": item.id, "data": {"text": text_of(item)}}
    data = (encode or (lambda bgr: encode_picture(bgr, ".jpg")))(pixels(ws, item))
    return {"id": item.id, "data": {"image": "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")}}
