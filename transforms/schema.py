"""Column types: their names in recipe files, in Ibis and in pandas, and the plain form that steps work on.

Inside a recipe every table is in plain form: whole numbers are int64, other numbers float64, timestamps have microseconds
(naive or UTC), and a missing value is NULL (a NaN in the input is read as missing). Three engines then mean the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import ibis
import ibis.expr.datatypes as dt

PANDAS = {
    "int64": "Int64",
    "float64": "Float64",
    "string": "string",
    "boolean": "boolean",
    "timestamp": "datetime64[us]",
    "timestamp_utc": "datetime64[us, UTC]",
    "date": "datetime64[us]",
}
READS = {  # names accepted in recipe files beside our own
    "int": "int64", "integer": "int64", "bigint": "int64", "int32": "int64", "int16": "int64", "int8": "int64",
    "float": "float64", "double": "float64", "float32": "float64", "number": "float64", "decimal": "float64",
    "str": "string", "text": "string", "varchar": "string", "object": "string",
    "bool": "boolean", "datetime": "timestamp", "timestamp(6)": "timestamp", "timestamptz": "timestamp_utc",
    "timestamp('UTC')": "timestamp_utc", "timestamp('UTC', 6)": "timestamp_utc", "timestamp(\"UTC\")": "timestamp_utc",
}  # fmt: skip


def plain(dtype: dt.DataType) -> dt.DataType:
    """Return the plain form of a type; nested and unusual types stay as they are."""
    if dtype.is_integer() or (dtype.is_decimal() and dtype.scale == 0 and (dtype.precision or 99) <= 18):
        return dt.int64
    if dtype.is_numeric() and not dtype.is_boolean():
        return dt.float64
    if dtype.is_timestamp():
        return dt.Timestamp(timezone="UTC" if dtype.timezone else None, scale=6)
    if dtype.is_uuid() or (dtype.is_string() and not dtype.is_json()):
        return dt.string
    return dtype.copy(nullable=True)


def to_name(dtype: dt.DataType) -> str:
    """Return the name of a type in a recipe file, such as `float64` or `timestamp`."""
    dtype = plain(dtype)
    if dtype.is_timestamp():
        return "timestamp_utc" if dtype.timezone else "timestamp"
    if dtype.is_boolean():
        return "boolean"
    return str(dtype).removeprefix("!")


def from_name(name: str) -> dt.DataType:
    """Return the Ibis type for a name in a recipe file; raise ValueError for a name nobody knows."""
    name = READS.get(name, name)
    if name == "timestamp":
        return dt.Timestamp(scale=6)
    if name == "timestamp_utc":
        return dt.Timestamp(timezone="UTC", scale=6)
    try:
        return plain(dt.dtype(name))
    except Exception as error:
        raise ValueError(f"unknown column type {name!r}") from error


def names(schema: ibis.Schema) -> dict[str, str]:
    """Return {column: type name} in table order."""
    return {column: to_name(dtype) for column, dtype in schema.items()}


def unbound(schema: Mapping[str, str], name: str = "main"):
    """Return an Ibis table with these columns and no data."""
    return ibis.table(ibis.schema({c: from_name(t) for c, t in schema.items()}), name=name)


def pandas_types(schema: ibis.Schema) -> dict[str, str]:
    """Return {column: pandas dtype} for the columns that pandas has a type for."""
    return {c: PANDAS[t] for c, t in names(schema).items() if t in PANDAS}


def to_plain(table):
    """Cast an Ibis table to plain form; a table that is plain already is returned unchanged."""
    changed = []
    for column, dtype in table.schema().items():
        target = plain(dtype)
        value = table[column]
        if dtype.copy(nullable=True) != target:
            value = value.cast(target)
        if dtype.is_floating():
            value = value.isnan().ifelse(ibis.null("float64"), value)
        if value is not table[column] and not value.equals(table[column]):
            changed.append(value.name(column))
    return table.mutate(changed) if changed else table


def known(column):
    """Return the column as float64 with NaN read as missing."""
    return column.cast("float64").nullif(float("nan"))


def text_list(values: Iterable[object]) -> str:
    return ", ".join(repr(v) for v in values)
