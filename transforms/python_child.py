"""The separate process that runs a user's Python steps (see `own_python`). Started alone: it imports nothing of Tilth.

It reads calls from standard input and answers on what was standard output; what user code prints goes nowhere. It has no
environment, may write no file, and has a bound on memory. It is a guard against accidents, not against an attacker.
"""

import contextlib
import io
import json
import os
import pickle
import sys
import traceback

FUNCTIONS = {}


def limit(memory):
    try:
        import resource
    except ImportError:  # not on Windows
        return
    for name, value in (("RLIMIT_FSIZE", 0), ("RLIMIT_CORE", 0), ("RLIMIT_NOFILE", 128), ("RLIMIT_AS", memory)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (value, value))


def found(call):
    key = (call["source"], call["name"])
    if key not in FUNCTIONS:
        space = {}
        exec(compile(call["source"], "<step>", "exec"), space)  # running the user's code is what this process is for
        FUNCTIONS[key] = space[call["name"]]
    return FUNCTIONS[key]


def rows(call):
    function = found(call)()
    return json.dumps([function(*row) for row in call["rows"]]).encode()


def frame(call):
    import pandas as pd
    import pyarrow as pa

    names = {pa.int64(): "Int64", pa.float64(): "Float64", pa.string(): "string", pa.bool_(): "boolean"}
    kinds = {arrow: pd.api.types.pandas_dtype(name) for arrow, name in names.items()}
    table = pa.ipc.open_stream(call["table"]).read_all()
    df = found(call)(table.to_pandas(types_mapper=kinds.get))
    if not isinstance(df, pd.DataFrame):
        raise TypeError(f"df is a {type(df).__name__} in the end, not a DataFrame")
    df = df.reset_index(drop=True)
    df.columns = [str(c) for c in df.columns]
    made = pa.Table.from_pandas(df, preserve_index=False).replace_schema_metadata(None)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, made.schema) as stream:
        stream.write_table(made)
    return sink.getvalue()


def place(error):
    """Return the error in one line, with the line of the user's code."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == "<step>"]
    return f"{type(error).__name__}: {error}" + (f" (line {lines[-1]} of the step as Tilth writes it)" if lines else "")


def main():
    incoming, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    limit(int(sys.argv[1]))
    while head := incoming.read(8):
        call = pickle.loads(incoming.read(int.from_bytes(head, "big")))  # from our own parent
        try:
            status, answer = b"+", (rows if call["kind"] == "rows" else frame)(call)
        except BaseException as error:
            status, answer = b"-", place(error).encode("utf-8", "replace")
        answers.write(len(answer).to_bytes(8, "big") + status + answer)
        answers.flush()


if __name__ == "__main__":
    main()
