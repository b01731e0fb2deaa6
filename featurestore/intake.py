"""Batches coming in: any kind of table becomes one DuckDB view, and is checked as a whole before anything is written.

A wrong type, an unknown column, a null key or a null event time rejects the whole batch and names its rows. What is
accepted without loss: narrower numbers, whole numbers for float64 up to 2^53, ISO texts for times, and whole floats from
pandas for int64 (pandas has no other way to write a null there; NaN of pandas means null).
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path

from featurestore.encoding import read_moment
from featurestore.expectations import broken
from featurestore.groups import KEY_TYPES, SQL_TYPES, Column, Group
from transforms.errors import InputError
from workspace import sql as q

NAMED_ROWS = 5  # rows named in the sentence; all of the first 1,000 are in `problems`
MOST_PROBLEMS = 1000
WHOLE = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "HUGEINT",
    "UHUGEINT",
)
FLOATS = ("FLOAT", "DOUBLE")
NAIVE_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
EXACT_IN_FLOAT = 2**53
FROM_RECIPE = ("recipe", "recipe_inputs", "fitted_recipe")  # what `workspace.running.run_recipe` leaves in the lineage


class BatchRejected(InputError):
    """A batch that was not written, with the rows that are wrong.

    Attributes:
        problems: `[{"row", "column", "message"}]`; rows are counted from 0; row None means every row.
        rejected: number of rows of the batch.
    """

    code = "batch_rejected"

    def __init__(self, group: str, problems: list[dict], rejected: int):
        by_message: dict[str, list[int]] = {}
        for problem in problems:
            by_message.setdefault(problem["message"], []).append(problem["row"])
        said = []
        for message, rows in by_message.items():
            numbers = [r for r in rows if r is not None]
            more = f" and {len(numbers) - NAMED_ROWS} more" if len(numbers) > NAMED_ROWS else ""
            where = f" (rows {', '.join(map(str, numbers[:NAMED_ROWS]))}{more})" if numbers else ""
            said.append(message + where)
        super().__init__(
            f"Nothing was written to group {group!r}: {'; '.join(said)}.",
            hint="Correct these rows and send the batch again; rows are counted from 0.",
        )
        self.problems = problems
        self.rejected = rejected
        self.rows = sorted({p["row"] for p in problems if p["row"] is not None})


@dataclass
class Batch:
    """A view named `batch` on a connection, its column types, and what was noticed on the way in."""

    con: object
    types: dict[str, str]  # column → DuckDB type
    from_pandas: bool = False
    warnings: list[str] = field(default_factory=list)
    source: dict = field(default_factory=dict)  # lineage that the table itself carries


@contextmanager
def opened(ws, table, con=None) -> Iterator[Batch]:
    """Give the batch of an Arrow table or reader, pandas or Polars frame, DuckDB relation, path, dataset, or records.

    Args:
        con: a connection that has no `batch` yet; default: a new one.
    """
    with ExitStack() as stack:
        con = con or stack.enter_context(q.connection())
        batch = Batch(con, {})
        table = _as_view(ws, table, batch, stack)
        described = con.execute("DESCRIBE batch").fetchall()
        batch.types = {name: kind for name, kind, *_ in described}
        yield batch


def _as_view(ws, table, batch: Batch, stack: ExitStack) -> None:
    import pyarrow as pa

    con = batch.con
    if isinstance(table, str | os.PathLike):
        path = Path(table)
        if path.exists():
            batch.source = {"file": str(path)}
            con.execute(f"CREATE VIEW batch AS SELECT * FROM {_scan(path)}")
            return
        table = ws.datasets.get(str(table))
    if hasattr(table, "sql") and hasattr(table, "content_hash"):  # a DatasetVersion
        batch.source = source_of(table)
        con.execute(f"CREATE VIEW batch AS SELECT * FROM {table.sql()}")
        return
    module = type(table).__module__.partition(".")[0]
    if module in ("duckdb", "_duckdb"):  # belongs to another connection: stream it into a file of ours
        folder = stack.enter_context(ws.scratch("batch"))
        table.write_parquet(str(folder / "batch.parquet"))
        con.execute(f"CREATE VIEW batch AS SELECT * FROM read_parquet({q.text(str(folder / 'batch.parquet'))})")
        return
    if isinstance(table, pa.RecordBatchReader):
        folder = stack.enter_context(ws.scratch("batch"))
        con.register("batch_stream", table)
        con.execute(f"COPY (SELECT * FROM batch_stream) TO {q.text(str(folder / 'batch.parquet'))} (FORMAT parquet)")
        con.execute(f"CREATE VIEW batch AS SELECT * FROM read_parquet({q.text(str(folder / 'batch.parquet'))})")
        return
    batch.from_pandas = module == "pandas"
    con.register("batch", as_arrow(table))


def source_of(dataset) -> dict:
    """Return where rows of a dataset version come from: the dataset, and the recipe that made it with its other inputs."""
    return {"dataset": dataset.ref} | {k: dataset.lineage[k] for k in FROM_RECIPE if dataset.lineage.get(k)}


def needs_reading(table) -> bool:
    """Return whether a table lies outside this process's memory: a path, a dataset, a DuckDB relation, a reader."""
    module = type(table).__module__.partition(".")[0]
    outside = isinstance(table, str | os.PathLike) or hasattr(table, "content_hash") or module in ("duckdb", "_duckdb")
    return outside or type(table).__name__ == "RecordBatchReader"


def as_arrow(table):
    """Return an Arrow table of an Arrow table, pandas or Polars frame, or list of dicts, without touching its values."""
    import pyarrow as pa

    if isinstance(table, pa.Table):
        arrow = table
    elif isinstance(table, pa.RecordBatch):
        arrow = pa.Table.from_batches([table])
    elif type(table).__module__.partition(".")[0] == "pandas":
        try:
            arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata()
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise InputError(
                f"A column of the table mixes types: {error.args[0]}.", hint="Give each column one type."
            ) from error
    elif type(table).__module__.partition(".")[0] == "polars":
        arrow = (table.collect() if hasattr(table, "collect") else table).to_arrow()
    elif hasattr(table, "__arrow_c_stream__"):
        arrow = pa.table(table)
    else:
        raise InputError(
            f"A {type(table).__name__} is not a table.",
            hint="Give an Arrow table, a pandas or Polars frame, a DuckDB relation, a path, or a dataset.",
        )
    seen: set[str] = set()
    for name in arrow.column_names:
        if name.lower() in seen:
            raise InputError(f"The table has two columns called {name!r}.", hint="Rename one of them.")
        seen.add(name.lower())
    return arrow


def _scan(path: Path) -> str:
    suffix = path.suffix.lower()
    where = q.text(str(path))
    if path.is_dir():
        return f"read_parquet({q.text(str(path / '**' / '*.parquet'))})"
    readers = {".parquet": "read_parquet", ".csv": "read_csv", ".tsv": "read_csv", ".json": "read_json"}
    readers |= {".jsonl": "read_json", ".ndjson": "read_json"}
    if suffix not in readers:
        raise InputError(
            f"{path.name!r} is not a kind of file that can be published.", hint="Give Parquet, CSV or JSON."
        )
    return f"{readers[suffix]}({where})"


def utc_micros(column: str, kind: str) -> str | None:
    """Return SQL that gives TIMESTAMPTZ in microseconds, floored, from a column of a DuckDB type; None if it is no time."""
    if kind in ("TIMESTAMP_NS", "TIMESTAMPTZ_NS"):
        nanoseconds = f"epoch_ns({column})"
        return f"make_timestamptz(({nanoseconds} - ((({nanoseconds} % 1000) + 1000) % 1000)) // 1000)"
    if kind in NAIVE_TIMES or kind in ("TIMESTAMP WITH TIME ZONE", '"NULL"', "NULL"):
        return f"CAST({column} AS TIMESTAMPTZ)"
    if kind == "VARCHAR":
        return f"TRY_CAST({column} AS TIMESTAMPTZ)"
    return None


def cast_sql(column: str, source: str, wanted: str, from_pandas: bool = False) -> tuple[str, str | None] | None:
    """Return (SQL of the value in our type, SQL that is true for a value that cannot be taken), or None if never.

    Args:
        column: quoted column name.
        source: DuckDB type of the column.
        wanted: our type.
    """
    if source in ('"NULL"', "NULL"):
        return f"CAST(NULL AS {SQL_TYPES[wanted]})", None
    base = source.partition("(")[0]
    if wanted == "int64":
        if source in WHOLE or (base == "DECIMAL" and source.endswith(",0)")):
            value = f"TRY_CAST({column} AS BIGINT)"
            return value, None if source in WHOLE[:7] else f"{column} IS NOT NULL AND {value} IS NULL"
        if from_pandas and source in FLOATS:
            good = f"isfinite({column}) AND {column} = trunc({column}) AND abs({column}) <= {EXACT_IN_FLOAT}"
            return f"TRY_CAST({column} AS BIGINT)", f"{column} IS NOT NULL AND NOT ({good})"
        return None
    if wanted == "float64":
        if source in FLOATS or base == "DECIMAL":
            return f"CAST({column} AS DOUBLE)", None
        if source in WHOLE:
            return f"CAST({column} AS DOUBLE)", f"{column} NOT BETWEEN -{EXACT_IN_FLOAT} AND {EXACT_IN_FLOAT}"
        return None
    if wanted in ("string", "image"):
        return (f"CAST({column} AS VARCHAR)", None) if base in ("VARCHAR", "ENUM") else None
    if wanted == "bool":
        return (column, None) if source == "BOOLEAN" else None
    if wanted == "timestamp":
        value = utc_micros(column, source)
        if value is None:
            return None
        out_of_range = f"NOT isfinite({value}) OR year({value}) NOT BETWEEN 1 AND 9999"
        unread = f" OR {value} IS NULL" if source == "VARCHAR" else ""
        return value, f"{column} IS NOT NULL AND ({out_of_range}{unread})"
    item = source.rpartition("[")[0]
    if (
        source.endswith("]")
        and item in (*FLOATS, *WHOLE, '"NULL"', "NULL")
        or source.endswith("]")
        and item.startswith("DECIMAL")
    ):
        value = f"CAST({column} AS DOUBLE[])"
        return value, f"{column} IS NOT NULL AND list_count({value}) <> len({value})"
    return None


def key_type_of(source: str, from_pandas: bool) -> str | None:
    """Return the key type that a column of a DuckDB type gives a group whose keys have no type yet."""
    base = source.partition("(")[0]
    if source in WHOLE or (from_pandas and source in FLOATS):
        return "int64"
    if base in ("VARCHAR", "ENUM"):
        return "string"
    if source == "BOOLEAN":
        return "bool"
    return "timestamp" if utc_micros("x", source) and source not in ('"NULL"', "NULL") else None


def typed_keys(group: Group, batch: Batch) -> tuple[Column, ...]:
    """Return the group's keys with the types this batch gives to those that had none."""
    keys = []
    for key in group.keys:
        kind = key.type
        if kind is None and key.name in batch.types:
            kind = key_type_of(batch.types[key.name], batch.from_pandas)
        keys.append(Column(key.name, kind, key.description))
    return tuple(keys)


@dataclass(frozen=True)
class Checked:
    """A batch that may be written: the SQL of its columns in the group's types and order, and its row count."""

    select: str  # keys, event time, features, without the store's own columns
    rows: int
    keys: tuple[Column, ...]


def check(group: Group, batch: Batch) -> Checked:
    """Check the whole batch in one query; raises BatchRejected with the rows that are wrong."""
    con = batch.con
    rows = first_row(con, "SELECT count(*) FROM batch")[0]
    keys = typed_keys(group, batch)
    wanted = {**{k.name: k for k in keys}, group.event_time: Column(group.event_time, "timestamp")}
    wanted |= {f.name: f for f in group.features}
    problems: list[dict] = []
    for name in batch.types:
        if name not in wanted:
            known = ", ".join(wanted)
            problems.append({"row": None, "column": name, "message": f"column {name!r} is unknown (known: {known})"})
    must = {*(k.name for k in keys), group.event_time}
    tests: list[tuple[str, str, str]] = []  # column, message, condition
    select = []
    for name, column in wanted.items():
        quoted = q.ident(name)
        if name not in batch.types:
            if column.expect.get("not_null"):
                problems.append({"row": None, "column": name, "message": f"column {name!r} is missing"})
            if name in must:
                what = "event time" if name == group.event_time else "key"
                problems.append({"row": None, "column": name, "message": f"{what} {name!r} is missing"})
            else:
                select.append(f"CAST(NULL AS {SQL_TYPES[column.type]}) AS {quoted}")
            continue
        source = batch.types[name]
        made = cast_sql(quoted, source, column.type, batch.from_pandas) if column.type else None
        if made is None:
            shown = column.type or f"one of {', '.join(KEY_TYPES)}"
            tests.append((name, f"column {name!r} must be {shown} and is {source}", f"{quoted} IS NOT NULL"))
            if rows:
                problems.append({"row": None, "column": name, "message": tests[-1][1]})
            continue
        value, bad = made
        select.append(f"{value} AS {quoted}")
        if bad:
            message = f"column {name!r} has values that are not {column.type}"
            message = f"{name!r} is no time between the years 1 and 9999" if column.type == "timestamp" else message
            tests.append((name, message, bad))
        tests += [(name, message, test) for message, test in broken(name, quoted, value, column.expect)]
        if name in must:
            what = "event time" if name == group.event_time else "key"
            tests.append((name, f"{what} {name!r} is null", f"{quoted} IS NULL"))
        if column.type == "timestamp" and source in NAIVE_TIMES:
            batch.warnings.append(f"Times in {name!r} have no zone and were taken as UTC.")
    problems += _failing_rows(con, tests) if tests and rows else []
    named = {(p["column"], p["message"]) for p in problems if p["row"] is not None}
    problems = [p for p in problems if p["row"] is not None or (p["column"], p["message"]) not in named]
    if problems:
        raise BatchRejected(group.name, problems, rows)
    return Checked(", ".join(select), rows, keys)


def _failing_rows(con, tests: Sequence[tuple[str, str, str]]) -> list[dict]:
    counts = first_row(con, "SELECT " + ", ".join(f"count(*) FILTER (WHERE {t[2]})" for t in tests) + " FROM batch")
    problems = []
    for (column, message, condition), count in zip(tests, counts, strict=True):
        if not count:
            continue
        numbered = f"SELECT row_number() OVER () - 1 AS n, ({condition}) AS bad FROM batch"
        for (row,) in con.execute(f"SELECT n FROM ({numbered}) WHERE bad ORDER BY n LIMIT {MOST_PROBLEMS}").fetchall():
            problems.append({"row": row, "column": column, "message": message})
    return problems


def records_table(group: Group, records: Sequence[Mapping]):
    """Return an Arrow table of dicts, each value checked on its own; raises BatchRejected.

    Types of keys that the group has not fixed yet come from the first record.
    """
    import pyarrow as pa

    problems: list[dict] = []
    keys = tuple(Column(k.name, k.type or _key_type(records, k.name)) for k in group.keys)
    wanted = {**{k.name: k.type for k in keys}, group.event_time: "timestamp"}
    wanted |= {f.name: f.type for f in group.features}
    must = {*(k.name for k in keys), group.event_time}
    columns: dict[str, list] = {name: [] for name in wanted}
    for row, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise InputError(f"Record {row} is a {type(record).__name__}, not a dict.", hint="Give column → value.")
        for name in record:
            if name not in wanted:
                problems.append({"row": row, "column": name, "message": f"column {name!r} is unknown"})
        for name, kind in wanted.items():
            value, good = _value(record.get(name), kind)
            if value is None and good and name in must:
                what = "event time" if name == group.event_time else "key"
                problems.append({"row": row, "column": name, "message": f"{what} {name!r} is null or missing"})
            if not good:
                problems.append({"row": row, "column": name, "message": f"column {name!r} must be {kind}"})
            columns[name].append(value)
    if problems:
        raise BatchRejected(group.name, problems[:MOST_PROBLEMS], len(records))
    return pa.table({name: pa.array(values, arrow_type(wanted[name])) for name, values in columns.items()})


def _key_type(records: Sequence[Mapping], name: str) -> str:
    for record in records:
        value = record.get(name) if isinstance(record, Mapping) else None
        if isinstance(value, bool):
            return "bool"
        if isinstance(value, Integral):
            return "int64"
        if isinstance(value, dt.date):
            return "timestamp"
        if value is not None:
            return "string"
    return "string"


def arrow_type(kind: str):
    """Return the Arrow type that we keep one of our types as."""
    import pyarrow as pa

    return {
        "int64": pa.int64(),
        "float64": pa.float64(),
        "string": pa.string(),
        "image": pa.string(),
        "bool": pa.bool_(),
        "timestamp": pa.timestamp("us", "UTC"),
        "list<float>": pa.list_(pa.float64()),
    }[kind]


def _value(value, kind: str) -> tuple[object, bool]:
    """Return (value in our type, whether it fits)."""
    if value is None:
        return None, True
    if kind == "int64":
        fits = isinstance(value, Integral) and not isinstance(value, bool) and -(2**63) <= value < 2**63
        return (int(value), True) if fits else (None, False)
    if kind == "float64":
        if not isinstance(value, Real) or isinstance(value, bool):
            return None, False
        if isinstance(value, Integral) and abs(value) > EXACT_IN_FLOAT:
            return None, False
        return float(value), True
    if kind in ("string", "image"):
        return (str(value), True) if isinstance(value, str) and _is_unicode(value) else (None, False)
    if kind == "bool":
        return (bool(value), True) if type(value).__name__ in ("bool", "bool_") else (None, False)
    if kind == "timestamp":
        try:
            return read_moment(value).astimezone(dt.UTC), True
        except (ValueError, OverflowError):
            return None, False
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        return None, False
    numbers = [_value(item, "float64") for item in value]
    return [n for n, _ in numbers], all(good and n is not None for n, good in numbers)


def _is_unicode(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def first_row(con, query: str, params: Sequence | None = None) -> tuple | None:
    """Return the first row of a short query. DuckDB 2 keeps a connection busy until a result is read to its end."""
    rows = con.execute(query, params).fetchall()
    return rows[0] if rows else None


def types_for_features(types: Mapping[str, str]) -> dict[str, str]:
    """Return our feature type for each column of a table (DuckDB types); raises for those that no feature can hold."""
    found = {}
    for name, kind in types.items():
        if kind in WHOLE:
            found[name] = "int64"
        elif kind in FLOATS or kind.startswith("DECIMAL") and "[" not in kind:
            found[name] = "float64"
        elif kind == "BOOLEAN":
            found[name] = "bool"
        elif kind.partition("(")[0] in ("VARCHAR", "ENUM", '"NULL"') and not kind.endswith("]"):
            found[name] = "string"
        elif utc_micros("x", kind):
            found[name] = "timestamp"
        elif cast_sql("x", kind, "list<float>"):
            found[name] = "list<float>"
        else:
            raise InputError(
                f"Column {name!r} is {kind}, which no feature can hold.", hint="Leave it out or convert it."
            )
    return found
