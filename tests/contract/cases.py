"""Cases for the contract test: every transform × example × variant of its rows, and how results are compared."""

from __future__ import annotations

import io
import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import ibis
import pyarrow as pa

from transforms import Recipe, catalog
from transforms import schema as types
from transforms.catalog.images import BLUE, GREEN, RED, png
from transforms.examples import table
from transforms.fields import ColumnOf, Columns_, kind_of
from transforms.transform import Example

WEIRD = ["self", "by", "a\"b'c", "größe", "select", "x y", "名", "%d{0}", "df", "a`b"]
EDGES = {
    "float64": [None, math.nan, 0.0, -0.0, -1.5, 1.0, 2.5, 1e12, -1e-9, 3.0, 1.0],
    "int64": [None, 0, -1, 1, 2, 100, -37, 2**31, 5, 7, 1],
    "string": [None, "", " ", "a", "A b", "größe Ünï", "it's \"q\" \\ %", "12", "👍🏽 名", "x,y;z", "a"],
    "boolean": [None, True, False, True, None, False, True, True, False, False, True],
    "timestamp": [None, "1970-01-01T00:00:00", "1969-12-31T23:59:59.999999", "2024-02-29T12:30:45.123456", "2023-12-31T23:59:59",
                  "2024-12-30T00:00:00", "2100-01-01T00:00:00", "1900-03-01T06:00:00", "2024-01-01T00:00:00", "2024-03-31T02:30:00", "2024-02-29T12:30:45.123456"],
    "date": [None, "1970-01-01", "1969-12-31", "2024-02-29", "2023-12-31", "2024-12-30", "2100-01-01", "1900-03-01", "2024-01-01", "2024-03-31", "2024-02-29"],
}  # fmt: skip
EDGES["binary"] = [None, b"", b"\0", b"no picture", png([1, 2], [3, 4]), png([RED, GREEN, BLUE]), png([(255, 0, 0, 0), (9, 8, 7, 128)]),
                   png([5, 6, 7], orientation=6), png([1, 2, 3, 4])[:-20], b"\xff\xd8\xff\xe0\0\x10JFIF", png(*[list(range(40))] * 30)]  # fmt: skip
EDGES["timestamp_utc"] = [v and v + "+00:00" for v in EDGES["timestamp"]]


@dataclass(frozen=True)
class Case:
    """One run: fit on `train`, transform `rows`."""

    id: str
    key: str  # cases with the same key differ in their rows only: one fit, one compilation
    transform: type
    settings: Mapping[str, Any]
    rows: pa.Table
    train: pa.Table
    others: dict[str, pa.Table] = field(default_factory=dict)
    expected: pa.Table | None = None
    ordered: bool = False

    def recipe(self) -> Recipe:
        return Recipe(name=self.id).add(self.transform.name, self.settings)


def cases() -> Iterator[Case]:
    """Yield every case of every transform."""
    for cls in catalog.all_transforms():
        for number, example in enumerate(cls.examples):
            yield from _variants(cls, number, example)


def _variants(cls, number: int, example: Example) -> Iterator[Case]:
    name = f"{cls.name}-{number}"
    before = table(example.before, example.types)
    train = table(example.train, example.types | _kinds(before)) if example.train else before
    others = {k: table(v, example.types) for k, v in example.others.items()}

    def make(suffix, rows, **more):
        return Case(f"{name}-{suffix}", name, cls, example.settings, rows, train, others, **more)

    yield make(
        "example",
        before,
        expected=table(example.after, {**example.types, **example.after_types}),
        ordered=example.ordered,
    )
    shuffled = list(range(before.num_rows))
    random.Random(7).shuffle(shuffled)
    yield make(
        "shuffled",
        before.take(shuffled),
        ordered=example.ordered,
        expected=table(example.after, {**example.types, **example.after_types}),
    )
    yield make("empty", before.slice(0, 0))
    yield make("all_missing", pa.table({f.name: pa.nulls(3, f.type) for f in before.schema}))
    kinds = _kinds(before)
    if all(k in EDGES for k in kinds.values()):
        edge = {c: EDGES[k][i % 3 :] + EDGES[k][: i % 3] for i, (c, k) in enumerate(kinds.items())}
        yield make("edges", table(edge, kinds))
    yield from _weird_names(cls, name, example, before, train, others)


def _kinds(rows: pa.Table) -> dict[str, str]:
    return types.names(ibis.Schema.from_pyarrow(rows.schema))


def _weird_names(cls, name, example: Example, before, train, others) -> Iterator[Case]:
    """The first example's columns under names that trip up careless code."""
    columns = sorted(set(before.column_names) | {c for t in others.values() for c in t.column_names})
    if not name.endswith("-0") or len(columns) > len(WEIRD):
        return
    renamed = dict(zip(columns, WEIRD, strict=False))
    settings = _rename_settings(cls, dict(example.settings), renamed)
    swap = lambda t: t.rename_columns([renamed[c] for c in t.column_names])  # noqa: E731
    yield Case(
        f"{name}-weird_names",
        f"{name}-weird_names",
        cls,
        settings,
        swap(before),
        swap(train),
        {k: swap(t) for k, t in others.items()},
    )


def _rename_settings(model, settings: dict, renamed: Mapping[str, str]) -> dict:
    if hasattr(model, "with_other_names"):  # names stand inside a formula or a query
        return model.with_other_names(settings, renamed)
    changed = {}
    for key, value in settings.items():
        declared = model.model_fields[key]
        marks = [
            *declared.metadata,
            *(m for a in getattr(declared.annotation, "__args__", ()) for m in getattr(a, "__metadata__", ())),
        ]
        if any(isinstance(m, Columns_ | ColumnOf) for m in marks):
            changed[key] = (
                [renamed.get(v, v) for v in value] if isinstance(value, list | tuple) else renamed.get(value, value)
            )
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            inner = next(a for a in declared.annotation.__args__ if hasattr(a, "model_fields"))
            changed[key] = [_rename_settings(inner, v, renamed) for v in value]
        else:
            changed[key] = value
    return changed


def comparable(rows: pa.Table, *, ordered: bool = False) -> tuple[list[str], list[str], list[tuple]]:
    """Return (columns, kinds, rows) in a form in which NaN is missing and dates are midnights; unordered rows are sorted."""
    schema = ibis.Schema.from_pyarrow(rows.schema)
    kinds = [kind_of(d) if not d.is_null() else "any" for d in schema.types]
    values = (
        list(zip(*([_plain(v) for v in column.to_pylist()] for column in rows.columns), strict=True))
        if rows.num_columns
        else []
    )
    if not ordered:
        values.sort(key=lambda r: json.dumps([_key(v) for v in r], default=str))
    return rows.column_names, kinds, values


def _plain(value):
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, bytes | bytearray):
        return _picture(bytes(value))
    return value


def _picture(data: bytes) -> str:
    """Return a picture as text: what it shows, not how tightly this machine's libraries have packed it."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as found:
            extra = sorted(map(str, found.info)) + sorted(found.getexif())
            return f"{found.format} {found.mode} {found.size} {extra} {found.tobytes().hex()}"
    except Exception:
        return data.hex()


def _key(value):
    if isinstance(value, bool) or value is None:
        return value  # JSON tells them from the texts "None" and "True"
    return f"{float(value) + 0.0:.6g}" if isinstance(value, int | float) else value


def assert_same(found: pa.Table, expected: pa.Table, *, ordered: bool = False, where: str = "") -> None:
    """Assert that two tables hold the same columns, kinds and rows; floats to 1e-9."""
    names, kinds, rows = comparable(found, ordered=ordered)
    names_, kinds_, rows_ = comparable(expected, ordered=ordered)
    assert names == names_, f"{where}: columns {names} != {names_}"
    both = [(n, a, b) for n, a, b in zip(names, kinds, kinds_, strict=True) if "any" not in (a, b) and a != b]
    assert not both, f"{where}: kinds differ {both}"
    assert len(rows) == len(rows_), f"{where}: {len(rows)} rows != {len(rows_)}\n{rows}\n{rows_}"
    for row, row_ in zip(rows, rows_, strict=True):
        for name, a, b in zip(names, row, row_, strict=True):
            assert _equal(a, b), f"{where}: column {name!r}: {a!r} != {b!r}\nfound    {row}\nexpected {row_}"


def _equal(a, b) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_equal, a, b))
    if (
        isinstance(a, int | float)
        and isinstance(b, int | float)
        and not isinstance(a, bool)
        and not isinstance(b, bool)
    ):
        return a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return a == b
