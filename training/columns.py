"""Tables and records as the frame that an estimator sees: the same function for training and for prediction."""

from __future__ import annotations

from collections.abc import Sequence

from transforms.errors import ColumnNotFound, InputError

MISSING = "(missing)"  # a category of its own
IDENTIFIES_FROM = 0.5  # a text column with more different values than this share of the rows says who, not what
MOST_FEW = 100  # rows; in fewer, many different values mean nothing
NUMERIC, CATEGORICAL = "numeric", "categorical"


def kind_of(dtype) -> str | None:
    """Return how an Arrow type is used as a feature; None for times, lists and other things that need a transform first."""
    import pyarrow.types as t

    if t.is_integer(dtype) or t.is_floating(dtype) or t.is_boolean(dtype) or t.is_decimal(dtype):
        return NUMERIC
    if t.is_dictionary(dtype):
        return kind_of(dtype.value_type)
    if t.is_string(dtype) or t.is_large_string(dtype) or t.is_string_view(dtype):
        return CATEGORICAL
    return None


def choose(table, target: str, wanted: Sequence[str] | None, left_out: Sequence[str]) -> tuple[list[dict], list[str]]:
    """Return `[{"name", "kind"}]` of the features: those wanted, or every usable column that is not left out.

    Beside them: a sentence where a text column was left out because it looks like a name or an identifier.
    """
    names = table.column_names
    if target not in names:
        raise ColumnNotFound.of(target, names)
    found, names_left_out = [], []
    for name in wanted or [n for n in names if n != target and n not in left_out]:
        if name not in names:
            raise ColumnNotFound.of(name, names)
        if name == target:
            raise InputError(f"{name!r} is the target, so it cannot be a feature.", hint="Take it out of the features.")
        kind = kind_of(table.schema.field(name).type)
        if kind is None and wanted:
            raise InputError(
                f"Feature {name!r} is {table.schema.field(name).type}, which no estimator here can use.",
                hint="Make numbers or text of it in a recipe.",
            )
        if kind == CATEGORICAL and not wanted and _identifies(table.column(name)):
            names_left_out.append(name)
        elif kind:
            found.append({"name": name, "kind": kind})
    if not found:
        raise InputError(
            "There is no column to learn from.", hint="Give a table with numbers or text beside the target."
        )
    if not names_left_out:
        return found, []
    listed = ", ".join(map(repr, names_left_out))
    return found, [f"{listed} was left out: nearly every row has its own value. Name it as a feature to use it."]


def known(column):
    """Return where a column has a value: neither null nor NaN."""
    import pyarrow.compute as pc
    import pyarrow.types as t

    there = pc.is_valid(column)
    return pc.and_(there, pc.invert(pc.fill_null(pc.is_nan(column), False))) if t.is_floating(column.type) else there


def _identifies(column) -> bool:
    import pyarrow.compute as pc

    known = len(column) - column.null_count
    return known > MOST_FEW and pc.count_distinct(column).as_py() > IDENTIFIES_FROM * known


def frame_of(table, features: Sequence[dict]):
    """Return a pandas frame with exactly the features, numbers as float64 and text as str; a missing column is missing.

    Args:
        table: Arrow table, rows to learn from or to predict.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {}
    for feature in features:
        name = feature["name"]
        column = table.column(name) if name in table.column_names else pa.nulls(table.num_rows)
        try:
            if feature["kind"] == NUMERIC:
                values = pc.cast(column, pa.float64()).to_numpy()
            else:
                values = (
                    pc.fill_null(pc.cast(column, pa.string()), MISSING).to_numpy(zero_copy_only=False).astype(object)
                )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(
                f"{name!r} is {column.type} and must be {feature['kind']}.", hint="Correct the value."
            ) from error
        columns[name] = pd.Series(values, dtype="float64" if feature["kind"] == NUMERIC else "object")
    return pd.DataFrame(columns)
