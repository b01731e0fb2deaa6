"""Checks a recipe without data: all problems at once, and the columns after each step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import ibis

from transforms import schema as types
from transforms.engines import first_line, scratch
from transforms.errors import AppError, ColumnNotFound
from transforms.fields import NewName, marker_of
from transforms.recipe import MAIN, FittedRecipe, Problem, Recipe, Step
from transforms.transform import CombiningTransform, Transform, applied

SAMPLES = {"int64": ("1", "2", "3"), "float64": ("1.5", "2.5", "4.0"), "string": ("'a'", "'b'", "'c'"),
           "boolean": ("true", "false", "true"),
           "timestamp": ("TIMESTAMP '2020-01-01'", "TIMESTAMP '2020-02-03 04:05:06'", "TIMESTAMP '2021-01-01'"),
           "timestamp_utc": ("TIMESTAMPTZ '2020-01-01 00:00:00+00'",) * 3,
           "date": ("DATE '2020-01-01'", "DATE '2020-02-03'", "DATE '2021-01-01'")}  # fmt: skip


@dataclass
class Walk:
    """What a walk over the steps found: problems, the last schema, and the schema before each step id."""

    problems: list[Problem] = field(default_factory=list)
    schema: dict[str, str] = field(default_factory=dict)
    before: dict[str, dict[str, str]] = field(default_factory=dict)


def check(recipe: Recipe, inputs: Mapping[str, Mapping[str, str]]) -> list[Problem]:
    """Return all problems of a recipe on these input schemas, in step order."""
    return walk(recipe, inputs).problems


def walk(recipe: Recipe, inputs: Mapping[str, Mapping[str, str]]) -> Walk:
    """Go through the steps on a three-row stand-in of each input and collect problems and schemas."""
    found = Walk()
    for name, expected in recipe.inputs.items():
        found.problems += _input_problems(name, expected, inputs.get(name))
    if MAIN not in inputs:
        found.problems.append(Problem(step=None, message="The recipe names no main input.", hint="Give --input DATA."))
        return found
    engine = scratch()
    tables = {name: stand_in(engine, schema) for name, schema in inputs.items()}
    table, others = tables.pop(MAIN), tables
    unsure: set[str] = set()  # columns that a broken step would have made
    open_prefixes: list[str] = []
    fitted_before: list[tuple[int, Step]] = []
    split: str | None = None  # the column that tells training rows apart
    for number, step in recipe.enabled():
        found.before[step.id] = types.names(table.schema())
        place = f'Step {number} "{step.label()}": '
        try:
            transform = step.build()
        except AppError as error:
            found.problems.append(Problem(step=step.id, message=place + error.message, hint=error.hint))
            named = set(_texts(step.settings))
            unsure |= named
            open_prefixes += [f"{n}_" for n in named]  # as one-hot encoding would name its columns
            continue
        seen = _column_errors(transform, table)
        missing = [e for e in seen if not _let_pass(e, unsure, open_prefixes)]
        if isinstance(transform, CombiningTransform):
            missing += [
                AppError(f"the input {n!r} is not given.", hint=f"Give it as {n}=DATA.")
                for n in transform.needs_inputs()
                if n not in others
            ]
        found.problems += [Problem(step=step.id, message=place + e.message, hint=e.hint) for e in missing]
        open_prefixes += transform.open_prefixes()
        if transform.serving == "fitted" and transform.learns():
            fitted_before.append((number, step))
            if split and split not in table.columns:
                found.problems.append(
                    Problem(
                        step=step.id,
                        severity="warning",
                        message=place
                        + f"it learns from the test rows too, because column {split!r} of the split is gone.",
                        hint="Move it in front of the step that drops the column.",
                    )
                )
        split = getattr(transform, "split_column", None) or transform.new_names(table.columns).get(split, split)
        if getattr(transform, "split_column", None) and fitted_before:
            early, first = fitted_before[0]
            found.problems.append(
                Problem(
                    step=first.id,
                    severity="warning",
                    message=f'Step {early} "{first.label()}": it learns from the test rows too, because the split comes later.',
                    hint=f"Move step {number} in front of it.",
                )
            )
        if seen:  # it cannot be tried on the stand-in; what it would make is unsure
            unsure |= _new_names(transform)
            continue
        try:
            table = _apply(recipe, step, transform, table, others)
        except Exception as error:
            if isinstance(error, AppError) and not missing:
                hidden = _let_pass(error, unsure, open_prefixes)
                if not hidden and not transform.learns():
                    found.problems.append(Problem(step=step.id, message=place + error.message, hint=error.hint))
            elif not missing and not transform.learns():
                found.problems.append(Problem(step=step.id, message=place + first_line(error)))
            unsure |= _new_names(transform)
    found.schema = types.names(table.schema())
    return found


def stand_in(engine, schema: Mapping[str, str]):
    """Return a three-row table with these columns."""
    import pyarrow as pa

    if not schema:
        return engine.table(pa.table({"_": [1, 2, 3]}))
    target = ibis.schema({c: types.from_name(t) for c, t in schema.items()})
    columns = []
    for name, dtype in target.items():
        values = SAMPLES.get(types.to_name(dtype))
        column = ibis.literal(None, dtype) if values is None else None
        columns.append((name, dtype, values, column))
    rows = []
    for row in range(3):
        cells = [
            f"{values[row] if values else 'NULL'}::{engine.backend.compiler.type_mapper.to_string(dtype)} AS "
            + '"' + name.replace('"', '""') + '"'
            for name, dtype, values, _ in columns
        ]  # fmt: skip
        rows.append("SELECT " + ", ".join(cells))
    return engine.table(engine.con.sql(" UNION ALL ".join(rows)))


def _apply(recipe: Recipe, step: Step, transform: Transform, table, others):
    state = recipe.states.get(step.id) if isinstance(recipe, FittedRecipe) else None
    if transform.learns() and state is None:
        state = transform.fit(table, others) if isinstance(transform, CombiningTransform) else transform.fit(table)
    result = applied(transform, table, state, others)
    result.schema()
    return result


def _column_errors(transform: Transform, table) -> list[AppError]:
    """Return every column problem of one step, the family's own checks included."""
    schema = table.schema()
    if found := transform.column_problems(schema):
        return list(found)
    try:
        transform.check_columns(schema)
    except AppError as error:
        return [error]
    return []


def _let_pass(error: AppError, unsure: set[str], prefixes: list[str]) -> bool:
    if not isinstance(error, ColumnNotFound):
        return False
    return error.column in unsure or any(error.column.startswith(p) for p in prefixes)


def _new_names(transform: Transform) -> set[str]:
    """Return the columns that a step would make, as far as its settings name them."""
    found = set()
    for settings in (transform, *transform._nested()):
        marked = (n for n, f in type(settings).model_fields.items() if marker_of(f, NewName))
        found |= {name for n in marked if (name := getattr(settings, n))}
    suffix = getattr(transform, "suffix", "")
    if suffix and hasattr(transform, "target"):
        found |= {transform.target(c) for c in transform.columns}
    return found


def _texts(value: object) -> Iterator[str]:
    """Yield every text inside settings of unknown form."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(inner)


def _input_problems(name: str, expected: Mapping[str, str], seen: Mapping[str, str] | None) -> list[Problem]:
    if seen is None:
        return []
    problems = []
    for column, kind in expected.items():
        if column not in seen:
            problems.append(Problem(step=None, severity="warning", message=f"Input {name!r}: column {column!r} ({kind}) is gone.",
                                    hint="Rename a column to it, or remove the steps that use it."))  # fmt: skip
        elif types.READS.get(seen[column], seen[column]) != types.READS.get(kind, kind):
            problems.append(Problem(step=None, severity="warning", message=f"Input {name!r}: column {column!r} was {kind} and is now {seen[column]}.",
                                    hint="Change its type in a first step."))  # fmt: skip
    return problems
