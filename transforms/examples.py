"""A transform's examples as tables: shown in the app, run in the tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import ibis

from transforms import schema as types
from transforms.transform import Example


def table(columns: Mapping[str, list], kinds: Mapping[str, str]):
    """Return an Arrow table from Python values; `kinds` says the type where values alone do not."""
    import pyarrow as pa

    arrays = {}
    for name, values in columns.items():
        kind = kinds.get(name) or _guess(values)
        values = [_moment(v, kind) for v in values]
        arrays[name] = pa.array(values, types.from_name(kind).to_pyarrow(), from_pandas=False)
    return pa.table(arrays)


def _guess(values: list) -> str:
    known = [v for v in values if v is not None]
    for test, kind in ((bool, "boolean"), (int, "int64"), (datetime, "timestamp"), (date, "date"), (str, "string")):
        if known and all(isinstance(v, test) for v in known):
            return kind
    if known and isinstance(known[0], list):
        return f"array<{_guess([x for v in known for x in v])}>"
    return "float64"


def _moment(value, kind):
    if isinstance(value, str) and kind.startswith("timestamp"):
        value = datetime.fromisoformat(value)
        return value.replace(tzinfo=UTC) if kind == "timestamp_utc" and value.tzinfo is None else value
    if isinstance(value, str) and kind == "date":
        return date.fromisoformat(value)
    if isinstance(value, int) and not isinstance(value, bool) and kind == "float64":
        return float(value)
    return value


def try_out(cls: type, settings: Mapping[str, Any], example: Example):
    """Fit and run one step on an example's rows; return the table after it (pyarrow).

    Raises:
        AppError: settings that are not allowed, or a step that cannot run on these rows.
    """
    from transforms.engines import scratch
    from transforms.recipe import Recipe

    inputs = example_tables(example)
    train = inputs.pop("train", inputs["main"])
    recipe = Recipe(name="example").add(cls.name, settings)
    fitted = recipe.fit({**inputs, "main": train}, engine=scratch())
    return fitted.run(inputs, engine=scratch()).to_arrow_table()


def example_tables(example: Example) -> dict[str, Any]:
    """Return the example's tables (pyarrow) by input name, and `train` where it has rows of its own."""
    found = {"main": table(example.before, example.types)}
    if example.train:
        kinds = types.names(ibis.Schema.from_pyarrow(found["main"].schema))
        found["train"] = table(example.train, {**kinds, **example.types})
    return found | {name: table(columns, example.types) for name, columns in example.others.items()}
