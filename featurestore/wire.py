"""Records as JSON and keys as text: what the command line and the HTTP server share.

JSON has no NaN and no infinity: they travel as the texts "NaN", "Infinity" and "-Infinity". Times are ISO 8601 in UTC.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from transforms.errors import InputError

if TYPE_CHECKING:
    from featurestore.store import FeatureStore

SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def as_json(value: Any) -> Any:
    """Return a value that JSON can hold exactly; datetimes in UTC with microseconds where they have any."""
    if isinstance(value, Mapping):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def dumps(record: Mapping[str, Any] | None) -> bytes:
    """Return a record of the online store as JSON bytes, as `as_json` says; fast where no float is special."""
    if record is None:
        return b"null"
    text = orjson.dumps(record, option=orjson.OPT_UTC_Z)
    if b"null" not in text or text.count(b"null") == sum(value is None for value in record.values()):
        return text
    return orjson.dumps(as_json(record))  # orjson writes NaN and infinity as null


def many(records: list[dict | None]) -> bytes:
    """Return `{"records": […]}` as JSON bytes."""
    return b'{"records":[' + b",".join(map(dumps, records)) + b"]}"


def decoded(kind: str | None, value: Any) -> Any:
    """Return a feature's JSON value as the type that the store gives in Python."""
    if value is None or kind not in ("float64", "list<float>", "timestamp"):
        return value
    if kind == "timestamp":
        return dt.datetime.fromisoformat(value)
    if kind == "list<float>":
        return [SPECIAL.get(v, v) if isinstance(v, str) else float(v) for v in value]
    return SPECIAL[value] if isinstance(value, str) else float(value)


def key_text(values: Mapping | list | tuple) -> str:
    """Return a key as it stands in a path: `a,b`, each part encoded."""
    parts = values.values() if isinstance(values, Mapping) else values
    return ",".join(quote(_key_part(value), safe="") for value in parts)


def _key_part(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(as_json(value))


def read_records(content: Any) -> list[dict]:
    """Return the records of a JSON document: one object, or a list of them."""
    records = [content] if isinstance(content, Mapping) else content
    if not isinstance(records, list) or not all(isinstance(r, Mapping) for r in records):
        raise InputError(
            "Records are JSON objects.", hint='Send {"id": 7, "ts": "2026-01-31T12:00:00Z", …} or a list of them.'
        )
    return records


def floats_of(store: FeatureStore, group: str, records: list[dict]) -> list[dict]:
    """Return the records with the texts for NaN and infinity turned into floats, in float features only."""
    kinds = {f["name"]: f["type"] for f in store.describe(group)["features"] if f["type"] in ("float64", "list<float>")}
    return [
        {
            name: SPECIAL.get(value, value)
            if kinds.get(name) == "float64" and isinstance(value, str)
            else [SPECIAL.get(v, v) if isinstance(v, str) else v for v in value]
            if kinds.get(name) == "list<float>" and isinstance(value, list)
            else value
            for name, value in record.items()
        }
        for record in records
    ]


def key_parts(text: str, count: int) -> list[str]:
    """Return the `count` parts of a key written `a,b`."""
    if count == 1:
        return [text]
    parts = text.split(",")
    if len(parts) != count:
        raise InputError(
            f"The key {text!r} has {len(parts)} parts; the group has {count} key columns.", hint="Write a,b."
        )
    return parts


def key_from_text(store: FeatureStore, group: str, text: str) -> tuple | dict:
    """Return a key with the group's types from `7`, `a,b`, or a JSON object."""
    keys = store.key_columns(group)
    if text.startswith("{"):
        try:
            return json.loads(text)
        except ValueError as error:
            raise InputError(f"The key {text!r} is not JSON.", hint='Write a,b or {"a": 1, "b": 2}.') from error
    return typed_key(keys, key_parts(text, len(keys)))


def typed_key(keys: list[dict], parts: list[str]) -> tuple:
    """Return texts as the types of the key columns `[{"name", "type"}]`."""
    return tuple(_typed(key["name"], key["type"], part) for key, part in zip(keys, parts, strict=True))


def _typed(name: str, kind: str | None, text: str) -> Any:
    if kind == "int64":
        try:
            return int(text)
        except ValueError as error:
            raise InputError(f"Key {name!r} is int64, and {text!r} is not.", hint="Give a whole number.") from error
    if kind == "bool":
        if text.lower() not in ("true", "false"):
            raise InputError(f"Key {name!r} is bool, and {text!r} is not.", hint="Write true or false.")
        return text.lower() == "true"
    return text


def write_table(table, path: str | os.PathLike) -> None:
    """Write an Arrow table as Parquet or CSV by suffix: to a new name first, so a reader never sees half."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".parquet", ".csv"):
        raise InputError(f"{path.name!r} is no kind of file that we write here.", hint="Use .parquet or .csv.")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if suffix == ".parquet":
            import pyarrow.parquet as parquet

            parquet.write_table(table, unfinished)
        else:
            from pyarrow import csv

            csv.write_csv(table, unfinished)
        with unfinished.open("rb") as handle:
            os.fsync(handle.fileno())
        os.replace(unfinished, path)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written: {error.strerror}.", hint="Choose another place.") from error
    finally:
        unfinished.unlink(missing_ok=True)
