"""Row functions: plain Python functions for what SQL has no words for (HTML entities, stems, check digits).

One source serves everywhere: DuckDB and Spark call it as a user-defined function, a single record calls it directly, and
exported pandas code carries its text. It sees one row at a time and must be pure: the same arguments, the same answer.
Where SQL can say it, SQL is faster and exports to more places; a row function is the second choice.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import json
import re
import textwrap
import types as python_types
from collections.abc import Callable, Iterator
from typing import Any

import ibis
import ibis.expr.operations as ops

from transforms import schema as types

# name in SQL -> the function with its constants; an expression names its functions, so entries stay
_BOUND: dict[str, Bound] = {}

VALUES = '''
def values(column):
    """Return the Python values of a column, missing ones (in arrays too) as None and arrays as lists."""

    def plain(value):
        value = value.tolist() if hasattr(value, "tolist") else value
        if isinstance(value, list):
            return [plain(v) for v in value]
        return None if isinstance(value, float) and value != value else value

    return [None if missing else plain(v) for v, missing in zip(column.astype(object), column.isna())]
'''

EACH = '''
def each(function, kind, /, *columns, **constants):
    """Call a function for every row; a missing argument gives a missing value. `kind` is the pandas type."""
    seen = {}

    def call(*row):
        if any(v is None for v in row):
            return None
        key = repr(row)
        if key not in seen:
            seen[key] = function(*row, **constants)
        return seen[key]

    found = [call(*row) for row in zip(*map(values, columns))]
    return pd.Series(found, index=columns[0].index, dtype=kind or object)
'''

EACH_ROW = '''
def each_row(function, kind, /, *columns, **constants):
    """Call a function for every row, missing arguments as None. `kind` is the pandas type."""
    found = [function(*row, **constants) for row in zip(*map(values, columns))]
    return pd.Series(found, index=columns[0].index, dtype=kind or object)
'''


class Bound:
    """A row function with its constants, as engines call it."""

    def __init__(self, function: RowFunction, constants: dict[str, Any]):
        self.function, self.constants = function, constants
        self.call = functools.partial(function.python, **constants) if constants else function.python
        text = json.dumps(constants, sort_keys=True, default=repr)
        suffix = "_" + hashlib.sha256(text.encode()).hexdigest()[:16] if constants else ""
        self.name = f"tilth_{function.name}{suffix}"
        arguments = [inspect.Parameter(f"a{i}", inspect.Parameter.POSITIONAL_ONLY) for i in range(len(function.inputs))]
        self.signature = inspect.Signature(arguments)

        def stub():
            raise NotImplementedError

        stub.__signature__ = self.signature
        self.expression = ibis.udf.scalar.builtin(stub, name=self.name, signature=(function.inputs, function.output))

    def strict(self, *row):
        """Return the answer for one row."""
        if not self.function.sees_missing and any(v is None for v in row):
            return None
        return self.call(*row)

    def vector(self) -> Callable:
        """Return a function from Arrow arrays of arguments to one of answers; each distinct row is computed once."""
        import pyarrow as pa

        kind = self.function.output.to_pyarrow()
        if any(t.is_binary() for t in self.function.inputs):  # pictures: one at a time, remembered nowhere

            def vector(*columns):
                return pa.array((self.strict(*(v.as_py() for v in row)) for row in zip(*columns, strict=True)), kind)

            vector.__signature__ = self.signature
            return vector

        def vector(*columns):
            seen: dict[Any, Any] = {}
            found = []
            for row in zip(*[column.to_pylist() for column in columns], strict=True):
                try:
                    if row not in seen:
                        seen[row] = self.strict(*row)
                    found.append(seen[row])
                except TypeError:  # an argument that cannot be a key (a list), or the function's own error: again
                    found.append(self.strict(*row))
            return pa.array(found, kind)

        vector.__signature__ = self.signature  # DuckDB counts the parameters
        return vector


class RowFunction:
    """What `row_function` makes. Call it with Ibis columns (and constants by name) for an Ibis expression."""

    def __init__(self, python: Callable, output: str, inputs: tuple[str, ...], sees_missing: bool):
        self.python, self.name, self.sees_missing = python, python.__name__, sees_missing
        self.output = types.from_name(output)
        self.inputs = tuple(types.from_name(name) for name in inputs)
        functools.update_wrapper(self, python)

    def __call__(self, *columns, **constants):
        if not any(isinstance(c, ibis.expr.types.Value) for c in columns):  # called by another row function
            return self.python(*columns, **constants)
        columns = [
            c if t.is_nested() or t.is_binary() else c.cast(t) for c, t in zip(columns, self.inputs, strict=True)
        ]
        return self.bind(constants).expression(*columns)

    def bind(self, constants: dict[str, Any]) -> Bound:
        bound = Bound(self, constants)
        return _BOUND.setdefault(bound.name, bound)

    def pandas(self, *columns: str, **constants: Any) -> str:
        """Return pandas code that calls the function for every row; `columns` are pieces of code such as `df['a']`."""
        kind = types.PANDAS.get(types.to_name(self.output), "")
        given = "".join(f", {k}={v!r}" for k, v in constants.items())
        each = "each_row" if self.sees_missing else "each"
        return f"{each}({self.name}, {kind!r}, {', '.join(columns)}{given})"

    @property
    def helpers(self) -> tuple[str, ...]:
        """Return the source texts that exported code needs, imports first."""
        return (*_sources(self.python), VALUES, EACH_ROW if self.sees_missing else EACH)


def row_function(output: str, *inputs: str, sees_missing: bool = False) -> Callable[[Callable], RowFunction]:
    """Make a Python function of one row usable in `apply`, in pandas code and for single records.

    Args:
        output, inputs: type names as in recipe files (`string`, `int64`, `array<string>` …); one input per positional
            parameter. Keyword parameters are constants (JSON values), given when a step is applied.
        sees_missing: hand None to the function; else a missing argument gives a missing value without a call.

    The function may use only what its module defines at top level (functions, constants) and imports of whole modules:
    exported code carries those along. An answer of None is a missing value.
    """
    return lambda python: RowFunction(python, output, inputs, sees_missing)


def functions_in(expression) -> list[Bound]:
    """Return the row functions that an Ibis expression calls."""
    names = {node.__func_name__ for node in expression.op().find(ops.ScalarUDF)}
    return [_BOUND[name] for name in sorted(names) if name in _BOUND]


def bound(name: str) -> Bound | None:
    """Return the row function behind a name in an expression."""
    return _BOUND.get(name)


def register_on_duckdb(con, expression, type_text: Callable[[Any], str]) -> None:
    """Make the row functions of an expression known to a DuckDB connection."""
    import duckdb

    for function in functions_in(expression):
        inputs = [type_text(t) for t in function.function.inputs]
        try:
            con.create_function(
                function.name,
                function.vector(),
                inputs,
                type_text(function.function.output),
                type="arrow",
                null_handling="special",
            )
        except (duckdb.CatalogException, duckdb.NotImplementedException, duckdb.InvalidInputException) as error:
            if "already" not in str(error):
                raise


def register_on_spark(backend, expression) -> None:
    """Make the row functions of an expression known to a Spark session; their code travels by value."""
    from pyspark import cloudpickle
    from pyspark.sql import functions as F

    for function in functions_in(expression):
        for name in _our_modules(function.function.python.__module__):
            cloudpickle.register_pickle_by_value(importlib.import_module(name))
        output = backend.compiler.type_mapper.to_string(function.function.output)
        backend._session.udf.register(function.name, F.udf(_spark_call(function), output))


def _our_modules(name: str, seen: set[str] | None = None) -> set[str]:
    """Return a module of row functions and those of ours whose functions it uses; a cluster has no Tilth."""
    seen = {name} if seen is None else seen
    for value in vars(importlib.import_module(name)).values():
        other = getattr(getattr(value, "python", value), "__module__", None) or ""
        if other.startswith("transforms.") and other != __name__ and other not in seen:
            seen.add(other)
            _our_modules(other, seen)
    return seen


def _spark_call(function: Bound) -> Callable:
    python, constants, strict = function.function.python, function.constants, not function.function.sees_missing

    def call(*row):
        return None if strict and any(v is None for v in row) else python(*row, **constants)

    return call


def _sources(python: Callable, seen: set | None = None) -> Iterator[str]:
    """Yield the texts behind a function: imports, constants and functions of its module, itself last."""
    seen = set() if seen is None else seen
    for name in _global_names(python.__code__):
        if name in seen or name not in python.__globals__ or name.startswith("__"):
            continue
        seen.add(name)
        value = python.__globals__[name]
        if isinstance(value, python_types.ModuleType):
            yield f"import {value.__name__}" + (f" as {name}" if name != value.__name__.split(".")[0] else "")
        elif isinstance(value, RowFunction):
            yield from _sources(value.python, seen)
        elif inspect.isfunction(value):
            yield from _sources(value, seen)
        elif isinstance(value, re.Pattern):
            yield "import re"
            yield f"{name} = re.compile({value.pattern!r}, {int(value.flags)})"
        elif inspect.isclass(value):
            yield f"from {value.__module__} import {value.__name__}"
        else:
            yield f"{name} = {value!r}"
    text = textwrap.dedent(inspect.getsource(python))
    yield text[re.search(r"^def ", text, re.M).start() :]


def _global_names(code) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, python_types.CodeType):
            yield from _global_names(constant)
