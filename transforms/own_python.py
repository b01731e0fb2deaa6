"""A user's Python steps: off unless TILTH_ALLOW_PYTHON=1, run in a separate process with bounds (see `python_child`).

On DuckDB a step is a function of the query: rows go to the process in batches, a table function gets all rows at once.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pyarrow as pa

from transforms.errors import RecipeError
from transforms.functions import Bound, RowFunction

ALLOW = "TILTH_ALLOW_PYTHON"
MEMORY = 4 * 2**30  # bytes of address space
SECONDS = 300  # for one batch of rows, or one table
LONGEST = 50_000  # characters


def allowed() -> bool:
    return os.environ.get(ALLOW) == "1"


def need_permission() -> None:
    if not allowed():
        raise RecipeError(
            "Python steps are switched off here.",
            hint=f"They run code with your rights: set {ALLOW}=1 if you trust the recipe.",
        )


def parse(code: str) -> ast.Module:
    """Return the tree of a step's code; raise ValueError in plain words."""
    if len(code) > LONGEST:
        raise ValueError(f"the code has {len(code):,} characters; at most {LONGEST:,} are read")
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f" in line {error.lineno}" if getattr(error, "lineno", None) else ""
        raise ValueError(f"this is not Python{where}: {getattr(error, 'msg', error)}") from error
    if any(isinstance(n, ast.ImportFrom) and any(a.name == "*" for a in n.names) for n in ast.walk(tree)):
        raise ValueError("'from … import *' cannot stand in a step; name what is imported")
    return tree


def defined(code: str) -> str:
    """Return the name of the last function that the code defines; raise ValueError if there is none."""
    names = [n.name for n in parse(code).body if isinstance(n, ast.FunctionDef)]
    if not names:
        raise ValueError("define a function, such as def value(x): return x")
    return names[-1]


def _wrapped(code: str, head: str, last: str) -> tuple[str, str]:
    name = f"step_{hashlib.sha256((head + code).encode()).hexdigest()[:8]}"
    made = ast.parse(f"def {name}({head}):\n    return {last}")
    made.body[0].body[:0] = parse(code).body
    return ast.unparse(ast.fix_missing_locations(made)), name


def row_source(code: str, kind: str) -> tuple[str, str]:
    """Return (source, name) of a function without arguments that gives the row's function; its answers are of one kind."""
    convert = {"number": "float", "whole number": "int", "text": "str", "true/false": "bool"}[kind]
    function = defined(code)
    last = f"lambda *row: (lambda answer: None if answer is None else {convert}(answer))({function}(*row))"
    return _wrapped(code, "", last)


def frame_source(code: str) -> tuple[str, str]:
    """Return (source, name) of a function from a DataFrame to a DataFrame; the code changes the variable df."""
    return _wrapped(code, "df", "df")


class _Process:
    """One child process; calls take turns, and a new one starts after an end or a timeout."""

    def __init__(self):
        self.lock = threading.Lock()
        self.process: subprocess.Popen | None = None
        self.folder: tempfile.TemporaryDirectory | None = None

    def start(self) -> subprocess.Popen:
        if self.process is None or self.process.poll() is not None:
            self.folder = self.folder or tempfile.TemporaryDirectory(prefix="tilth-python-")
            few = {f"{n}_NUM_THREADS": "1" for n in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-W", "ignore", str(Path(__file__).with_name("python_child.py")), str(MEMORY)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self.folder.name,
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **few},
            )
        return self.process

    def ask(self, call: dict) -> bytes:
        """Return the answer to one call; raise RecipeError with what the user's code raised."""
        message = pickle.dumps(call)
        with self.lock:
            process = self.start()
            watch = threading.Timer(SECONDS, process.kill)
            watch.start()
            try:
                process.stdin.write(len(message).to_bytes(8, "big") + message)
                process.stdin.flush()
                size = int.from_bytes(process.stdout.read(8), "big")
                status, answer = process.stdout.read(1), process.stdout.read(size)
            except OSError:
                status, answer = b"", b""
            finally:
                watch.cancel()
            if not status:
                process.kill()
                process.wait()
                self.process = None
                raise RecipeError(
                    f"The Python step ended without an answer (it may use {MEMORY >> 30} GB and {SECONDS} s)."
                )
        if status == b"-":
            raise RecipeError(f"The Python step failed: {answer.decode('utf-8', 'replace')[:500]}")
        return answer  # fmt: skip


_process = _Process()


def call_rows(source: str, name: str, rows: list[tuple]) -> list:
    return json.loads(_process.ask({"kind": "rows", "source": source, "name": name, "rows": rows}))


def call_frame(source: str, name: str, table: pa.Table) -> pa.Table:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    call = {"kind": "frame", "source": source, "name": name, "table": sink.getvalue().to_pybytes()}
    return pa.ipc.open_stream(_process.ask(call)).read_all()


class OfRows(RowFunction):
    """A user's function of one row, as an expression."""

    def __init__(self, code: str, kind: str, inputs: tuple[str, ...], output: str):
        self.source, self.entry = row_source(code, kind)

        def python_rows(*row):
            return call_rows(self.source, self.entry, [row])[0]

        super().__init__(python_rows, output, inputs, True)
        self.name = f"python_{self.entry}_{len(inputs)}_{hashlib.sha256(repr((inputs, kind)).encode()).hexdigest()[:8]}"

    def bind(self, constants):
        return _bound(_BatchBound(self, constants))


class _BatchBound(Bound):
    def vector(self):
        function, kind = self.function, self.function.output.to_pyarrow()

        def vector(*columns):
            rows = list(zip(*[c.to_pylist() for c in columns], strict=True))
            return pa.array(call_rows(function.source, function.entry, rows), kind)

        vector.__signature__ = self.signature
        return vector


class OfTable(RowFunction):
    """A user's function of a table, as an expression: an array of rows in, an array of rows out."""

    def __init__(self, code: str, inputs, output):  # Ibis types
        self.source, self.entry = frame_source(code)

        def python_table(rows):
            raise NotImplementedError

        super().__init__(python_table, output, (inputs,), True)
        self.name = f"python_{self.entry}_{hashlib.sha256(f'{inputs}{output}'.encode()).hexdigest()[:8]}"

    def bind(self, constants):
        return _bound(_TableBound(self, constants))


class _TableBound(Bound):
    def vector(self):
        function, kind = self.function, self.function.output.to_pyarrow()

        def vector(column):
            found = []
            column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            for place in range(len(column)):
                rows = column[place].values
                if rows is None:
                    found.append(pa.array([None], kind))
                    continue
                made = conform(
                    call_frame(function.source, function.entry, pa.Table.from_struct_array(rows)), kind.value_type
                )
                found.append(pa.ListArray.from_arrays(pa.array([0, len(made)], pa.int32()), made).cast(kind))
            return pa.chunked_array(found, kind).combine_chunks() if found else pa.array([], kind)

        vector.__signature__ = self.signature
        return vector  # fmt: skip


def conform(table: pa.Table, kind: pa.StructType) -> pa.StructArray:
    """Return the rows of a table as structs of this type; raise RecipeError for a column that is gone or another type."""
    columns = []
    for field in kind:
        if field.name not in table.column_names:
            raise RecipeError(f"The Python step made no column {field.name!r} this time; in training it did.")
        column = table.column(field.name).combine_chunks()
        try:
            columns.append(column.cast(field.type, safe=False))
        except pa.ArrowInvalid as error:
            raise RecipeError(f"The Python step made column {field.name!r} of another type: {error}.") from error
    return pa.StructArray.from_arrays(columns, fields=list(kind))


def _bound(found: Bound) -> Bound:
    from transforms import functions

    return functions._BOUND.setdefault(found.name, found)
