"""Bytes of the online store: canonical keys and packed records.

Key: for each key column one type letter and its value, so (a, bc) and (ab, c) differ and 1 is not "1".
Record: definition version (u32) · null bitmap · fixed-width values in declared order (int64, float64, bool, timestamp as
int64 microseconds) · for each text or list its byte length (u32) and its bytes. Little-endian, no padding. An integer is
never turned into a float.
"""

from __future__ import annotations

import datetime as dt
import functools
import struct
from collections.abc import Mapping, Sequence
from numbers import Integral

from featurestore.groups import Column
from transforms.errors import InputError

FIXED = {"int64": "q", "float64": "d", "timestamp": "q", "bool": "?"}
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)


def to_microseconds(moment: dt.datetime) -> int:
    """Return microseconds since 1970; a moment without a zone is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return (moment - EPOCH) // MICROSECOND


def from_microseconds(value: int) -> dt.datetime:
    return EPOCH + dt.timedelta(microseconds=value)


def read_moment(value) -> dt.datetime:
    """Return a datetime with a zone from a datetime, date or ISO 8601 text; raises ValueError. No zone means UTC."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value.strip())
    elif isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    if not isinstance(value, dt.datetime):
        raise ValueError(f"{value!r} is not a time")
    if hasattr(value, "to_pydatetime"):  # pandas; nanoseconds are cut to microseconds
        value = value.floor("us").to_pydatetime()
    return value if value.tzinfo else value.replace(tzinfo=dt.UTC)


def key_values(keys: Sequence[Column], key, group: str) -> tuple:
    """Return the values of a key, in the order and with the types of the group; raises InputError otherwise.

    Args:
        key: a scalar (one key column), a tuple or list in the group's order, or a dict by name.
    """
    names = [k.name for k in keys]
    if isinstance(key, Mapping):
        if missing := [n for n in names if n not in key]:
            raise InputError(f"The key of group {group!r} misses {missing}.", hint=f"Give all of {names}.")
        if extra := [n for n in key if n not in names]:
            raise InputError(f"{extra} is no key of group {group!r}.", hint=f"The keys are {names}.")
        values = [key[n] for n in names]
    elif isinstance(key, tuple | list):
        values = list(key)
    else:
        values = [key]
    if len(values) != len(names):
        raise InputError(f"A key of group {group!r} has {len(names)} parts, not {len(values)}.", hint=f"Give {names}.")
    return tuple(_key_value(column, value, group) for column, value in zip(keys, values, strict=True))


def _key_value(column: Column, value, group: str):
    kind = column.type
    if value is None:
        raise InputError(f"Key {column.name!r} of group {group!r} is null.", hint="Every record needs its key.")
    if kind == "int64" and isinstance(value, Integral) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        return int(value)
    if kind == "string" and isinstance(value, str):
        return str(value)
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "timestamp":
        try:
            return read_moment(value)
        except ValueError:
            pass  # said below, in the same words as for the other types
    if kind is None:  # no row was ever written, so no type is fixed and nothing can be found
        return value
    raise InputError(f"Key {column.name!r} of group {group!r} is {kind}, and {value!r} is not.", hint=f"Give {kind}.")


def encode_key(keys: Sequence[Column], values: Sequence) -> bytes:
    """Return the canonical bytes of a key whose values already have the group's types."""
    parts = []
    for column, value in zip(keys, values, strict=True):
        if column.type == "int64":
            parts.append(struct.pack(">cq", b"i", value))
        elif column.type == "string":
            text = value.encode("utf-8")
            parts.append(struct.pack(">cI", b"s", len(text)) + text)
        elif column.type == "bool":
            parts.append(b"b\x01" if value else b"b\x00")
        else:
            parts.append(struct.pack(">cq", b"t", to_microseconds(value)))
    return b"".join(parts)


class RecordFormat:
    """Packs and unpacks the records of one definition version."""

    def __init__(self, definition_version: int, features: Sequence[Column]):
        self.version = definition_version
        self.names = [f.name for f in features]
        self.types = [f.type for f in features]
        self.fixed = [i for i, f in enumerate(features) if f.type in FIXED]
        self.variable = [i for i, f in enumerate(features) if f.type not in FIXED]
        self.bitmap_bytes = (len(features) + 7) // 8
        self.head = struct.Struct(f"<I{self.bitmap_bytes}s")
        self.body = struct.Struct("<" + "".join(FIXED[self.types[i]] for i in self.fixed))
        self.body_at = self.head.size
        self.variable_at = self.head.size + self.body.size
        self.no_nulls = bytes(self.bitmap_bytes)
        self.times = [name for name, kind in zip(self.names, self.types, strict=True) if kind == "timestamp"]
        self.fixed_names = [self.names[i] for i in self.fixed]
        self.in_order = not self.variable  # the fixed values come out in declared order
        self.blank = dict.fromkeys(self.names)

    def unpack(self, blob: bytes, record: dict | None = None) -> dict:
        """Put name → value into `record` and return it; timestamps as datetimes in UTC, lists as lists of float."""
        record = {} if record is None else record
        _, bitmap = self.head.unpack_from(blob)
        if not self.in_order:
            record.update(self.blank)  # fixes the order of the names
        record.update(zip(self.fixed_names, self.body.unpack_from(blob, self.body_at), strict=True))
        at = self.variable_at
        for i in self.variable:
            (size,) = struct.unpack_from("<I", blob, at)
            raw = blob[at + 4 : at + 4 + size]
            at += 4 + size
            if self.types[i] == "list<float>":
                record[self.names[i]] = list(struct.unpack(f"<{size // 8}d", raw))
            else:
                record[self.names[i]] = raw.decode("utf-8")
        for name in self.times:
            record[name] = from_microseconds(record[name])
        if bitmap != self.no_nulls:
            for i, name in enumerate(self.names):
                if bitmap[i >> 3] & (1 << (i & 7)):
                    record[name] = None
        return record

    def pack_table(self, table) -> list[bytes]:
        """Pack every row of an Arrow table whose columns are the features, already of their exact types.

        The fixed part of all rows is laid out by numpy in one block; only texts and lists are joined row by row.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        rows = table.num_rows
        layout = [("version", "<u4"), ("bitmap", "u1", (self.bitmap_bytes,))]
        layout += [(f"f{i}", {"q": "<i8", "d": "<f8", "?": "?"}[FIXED[self.types[i]]]) for i in self.fixed]
        block = np.zeros(rows, dtype=np.dtype(layout))
        block["version"] = self.version
        nulls = np.zeros((rows, self.bitmap_bytes * 8), dtype=bool)
        for i in range(len(self.names)):
            column = table.column(i).combine_chunks()
            if column.null_count:
                nulls[:, i] = column.is_null().to_numpy(zero_copy_only=False)
            if i in self._fixed_set:
                if self.types[i] == "timestamp":
                    column = column.cast(pa.int64())
                zero = False if self.types[i] == "bool" else 0
                block[f"f{i}"] = pc.fill_null(column, zero).to_numpy(zero_copy_only=False)
        block["bitmap"] = np.packbits(nulls, axis=1, bitorder="little")
        data, width = block.tobytes(), block.dtype.itemsize
        packed = [data[at : at + width] for at in range(0, rows * width, width)]
        if not self.variable:
            return packed
        parts = [packed]
        for i in self.variable:
            values = table.column(i).to_pylist()
            if self.types[i] == "list<float>":
                raw = [b"" if v is None else struct.pack(f"<{len(v)}d", *v) for v in values]
            else:
                raw = [b"" if v is None else v.encode("utf-8") for v in values]
            parts.append([struct.pack("<I", len(r)) + r for r in raw])
        return [b"".join(row) for row in zip(*parts, strict=True)]

    @functools.cached_property
    def _fixed_set(self) -> frozenset[int]:
        return frozenset(self.fixed)


def encode_keys(keys: Sequence[Column], table) -> list[bytes]:
    """Return the canonical key of every row of an Arrow table whose columns are the keys, in order."""
    columns = [table.column(i).to_pylist() for i in range(len(keys))]
    return [encode_key(keys, values) for values in zip(*columns, strict=True)]
