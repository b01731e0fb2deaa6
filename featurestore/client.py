"""A client of `tilth serve` with the calls of `FeatureStore`: the same arguments, the same Python values, the same errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests

from featurestore.intake import BatchRejected
from featurestore.store import Publication
from featurestore.wire import as_json, decoded, key_text
from transforms.errors import AppError, Conflict, InputError, NotFound, Unavailable

AT_ONCE = 1000  # keys or records per request, the server's limit
KINDS = {404: NotFound, 409: Conflict, 429: Unavailable, 500: Unavailable, 502: Unavailable, 503: Unavailable}


class FeatureClient:
    """The feature store behind an HTTP address. Connections are kept, so make one client and use it; close it at the end.

    Args:
        url: where `tilth serve` listens.
        token: bearer token, where the server wants one.

    Example:
        `FeatureClient("http://127.0.0.1:8600").get("users", 7, ["age"])`
    """

    def __init__(self, url: str, token: str | None = None, timeout_s: float = 30):
        self.url, self.timeout_s = url.rstrip("/"), timeout_s
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy and no .netrc between us and the store
        if token:
            self._http.headers["Authorization"] = f"Bearer {token}"
        self._types: dict[str, dict[str, str]] = {}
        self._view_types: dict[str, dict[str, str]] = {}

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> FeatureClient:
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    # ---------------------------------------------------------------- groups

    def groups(self) -> list[dict]:
        return self._call("GET", "/v1/groups")["groups"]

    def describe(self, group: str) -> dict:
        return self._call("GET", f"/v1/groups/{_part(group)}")

    def get(self, group: str, key, features: Sequence[str] | None = None) -> dict | None:
        """Return the newest record of a key, or None."""
        return self.get_many(group, [key], features)[0]

    def get_many(self, group: str, keys: Iterable, features: Sequence[str] | None = None) -> list[dict | None]:
        """Return the newest record of each key, in order; up to 1,000 keys per request, all of one moment."""
        keys, found = list(keys), []
        for at in range(0, len(keys), AT_ONCE):
            body = {"keys": as_json(keys[at : at + AT_ONCE]), "features": None if features is None else list(features)}
            found += self._call("POST", f"/v1/groups/{_part(group)}/records:batchGet", body)["records"]
        types = self._types_of(group, [record for record in found if record])
        return [record and {n: decoded(types.get(n), v) for n, v in record.items()} for record in found]

    def put(self, group: str, record_or_records: Mapping | Iterable[Mapping]) -> Publication:
        """Write one record or up to 1,000 at once, online and offline together."""
        records = [record_or_records] if isinstance(record_or_records, Mapping) else list(record_or_records)
        done = self._call("POST", f"/v1/groups/{_part(group)}/records", {"records": as_json(records)})
        return Publication(group, done["version"], done["rows"], unchanged=done["unchanged"])

    def delete(self, group: str, key, event_time=None, hard: bool = False) -> Publication:
        """Delete the record of a key: a scalar, a tuple in the group's order, or a dict."""
        if isinstance(key, Mapping):
            key = [key[k["name"]] for k in self.describe(group)["keys"]]
        values = key if isinstance(key, list | tuple) else [key]
        asked = {"hard": "true" if hard else None, "event_time": as_json(event_time)}
        done = self._call("DELETE", f"/v1/groups/{_part(group)}/records/{key_text(values)}", params=asked)
        return Publication(group, done["version"], 1)

    # ---------------------------------------------------------------- views and models

    def views(self) -> list[dict]:
        return self._call("GET", "/v1/views")["views"]

    def view(self, ref: str) -> dict:
        return self._call("GET", f"/v1/views/{_part(ref)}")

    def get_features(self, view: str, rows, request: Mapping | None = None, *, status: bool = False):
        """Return what a view gives for a row of keys or a list of them, as `FeatureStore.get_features`."""
        single = not isinstance(rows, list)
        body = {"rows": as_json([rows] if single else rows), "request": as_json(request), "status": status}
        found = self._call("POST", f"/v1/views/{_part(view)}:get", body)["records"]
        types = self._types_of_view(view)
        for record in found:
            values = record["values"] if status else record
            values.update({name: decoded(types.get(name), value) for name, value in values.items()})
            for group, at in record["event_times"].items() if status else ():
                record["event_times"][group] = decoded("timestamp", at)
        return found[0] if single else found

    def predict(self, model: str, records: Sequence[Mapping]) -> list[dict]:
        """Return the predictions of a registered model (`name` or `name@version`), one per record."""
        return self._call("POST", f"/v1/models/{_part(model)}:predict", {"records": as_json(list(records))})[
            "predictions"
        ]

    # ---------------------------------------------------------------- asking

    def _types_of(self, group: str, records: Sequence[Mapping]) -> dict[str, str]:
        """Return the types of a group's columns, asked again when a record has a column that is not known."""
        known = self._types.get(group, {})
        if any(name not in known for record in records for name in record):
            described = self.describe(group)
            known = {c["name"]: c["type"] for c in (*described["keys"], *described["features"])}
            self._types[group] = known = {**known, described["event_time"]: "timestamp"}
        return known

    def _types_of_view(self, view: str) -> dict[str, str]:
        """Return the types of the features that a view chooses; what its recipe makes is plain JSON."""
        if view not in self._view_types:
            types = {}
            for ref in self.view(view)["features"]:
                group, _, feature = ref.partition(":")
                types[ref] = types[feature] = self._types_of(group, [{feature: None}])[feature]
            self._view_types[view] = types
        return self._view_types[view]

    def _call(self, method: str, path: str, body: Any = None, params: Mapping | None = None) -> Any:
        try:
            answer = self._http.request(
                method, self.url + path, json=body, params=params, timeout=self.timeout_s, allow_redirects=False
            )
        except requests.RequestException as error:
            raise Unavailable(
                f"The feature server at {self.url} does not answer: {error}.", hint="Start tilth serve."
            ) from error
        try:
            content = answer.json()
        except ValueError as error:
            raise Unavailable(
                f"{self.url} answered {answer.status_code} without JSON.", hint="Is it tilth serve?"
            ) from error
        if answer.status_code < 400:
            return content
        raise _error(answer.status_code, content.get("error") or {})


def _part(name: str) -> str:
    return quote(name, safe="@")


def _error(status: int, said: Mapping) -> AppError:
    """Return the error that the store itself would have raised."""
    message, hint = said.get("message", f"The server answered {status}."), said.get("hint", "")
    if said.get("code") == "batch_rejected":
        error = BatchRejected("", said.get("problems") or [], 0)
        error.message, error.hint = message, hint
        return error
    return KINDS.get(status, InputError)(message, hint=hint)
