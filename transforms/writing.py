"""Writes results to files: to a new name beside the target first, then one rename, so that nobody sees half a file."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from transforms.engines import DuckDBEngine, first_line, text
from transforms.errors import InputError, RecipeError

COPY = {
    ".parquet": "FORMAT parquet",
    ".csv": "FORMAT csv, HEADER",
    ".json": "FORMAT json, ARRAY true",
    ".jsonl": "FORMAT json",
}


def write(engine, expression, path: str | Path) -> tuple[int, list[dict[str, str]]]:
    """Run an expression and write it as .parquet, .csv, .json or .jsonl by suffix, replacing the file in one step.

    Returns:
        (rows, [{name, type}]).

    Raises:
        InputError: an unknown suffix, or a folder that cannot be written to.
        RecipeError: the engine stopped; an earlier file stays as it was.
    """
    import duckdb

    from transforms.schema import to_name

    path = Path(path)
    if path.suffix.lower() not in COPY:
        raise InputError(f"{path.name!r} does not say how to write it.", hint=f"Use one of {', '.join(COPY)}.")
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {str(path.parent)!r}.")
    columns = [{"name": c, "type": to_name(t)} for c, t in expression.schema().items()]
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        part = folder / "part"
        if isinstance(engine, DuckDBEngine):
            sql = f"COPY ({engine.sql(expression)}) TO {text(str(part))} ({COPY[path.suffix.lower()]})"
            rows = engine.con.execute(sql).fetchall()[0][0]
        else:
            rows = _from_spark(engine, expression, folder, part, COPY[path.suffix.lower()])
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except duckdb.Error as error:
        raise RecipeError(f"The result could not be written: {first_line(error)}") from error
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written: {error.strerror}.") from error
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    return rows, columns


def _from_spark(engine, expression, folder: Path, part: Path, copy: str) -> int:
    """Let Spark write its own Parquet files, then put them into one file."""
    from transforms.engines import connect

    engine.frame(expression).write.parquet(str(folder / "spark"))
    con = connect()
    sql = f"COPY (FROM read_parquet({text(str(folder / 'spark' / '*.parquet'))})) TO {text(str(part))} ({copy})"
    return con.execute(sql).fetchall()[0][0]


def write_text(path: str | Path, content: str) -> None:
    """Write a text file in one step."""
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {str(path.parent)!r}.")
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise InputError(f"{str(path)!r} cannot be written: {error.strerror}.") from error
