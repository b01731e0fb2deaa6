"""Where expressions run: DuckDB in this process, or a Spark session.

An engine turns sources into Ibis tables in plain form (see `schema`) and an Ibis expression into SQL or a result.
"""

from __future__ import annotations

import itertools
import math
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.backends.duckdb
from ibis.backends.sql.compilers.duckdb import DuckDBCompiler
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

from transforms import functions, schema
from transforms.errors import InputError, NotOnThisEngine, RecipeError

# One SELECT per step: merged ones repeat an expression wherever a later step names its column, and a recipe of eight steps
# over ten columns took seven times as long.
ibis.options.sql.fuse_selects = False

_counter = itertools.count()


def ident(name: str) -> str:
    """Quote a name for DuckDB SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Quote a string for DuckDB SQL."""
    return "'" + value.replace("'", "''") + "'"


def connect() -> duckdb.DuckDBPyConnection:
    """Return an in-memory DuckDB connection in UTC without progress output."""
    con = duckdb.connect()
    con.execute("SET TimeZone='UTC'")
    con.execute("SET enable_progress_bar=false")
    return con


class DuckDB2(DuckDB):
    """DuckDB SQL with `lambda x: …`: DuckDB 2 refuses the arrow that sqlglot 29 writes."""

    class Generator(DuckDB.Generator):
        def lambda_sql(self, expression, *args, **kwargs) -> str:
            expression.set("colon", True)
            return super().lambda_sql(expression, *args, **kwargs)


class _FloatLiterals:
    """Write a float as 2.5e0: 2.5 would be a decimal, with other arithmetic and another type in the result."""

    def visit_NonNullLiteral(self, op, *, value, dtype):
        if dtype.is_floating() and math.isfinite(value):
            digits = repr(float(value))
            literal = exp.Literal.number((digits if "e" in digits else digits + "e0").lstrip("-"))
            return exp.Neg(this=literal) if digits.startswith("-") else literal
        return super().visit_NonNullLiteral(op, value=value, dtype=dtype)


class _Compiler(_FloatLiterals, DuckDBCompiler):
    dialect = DuckDB2


class _Backend(ibis.backends.duckdb.Backend):
    dialect = DuckDB2
    compiler = _Compiler()

    def _register_udfs(self, expr) -> None:  # Ibis calls it before it runs an expression
        functions.register_on_duckdb(self.con, expr, self.compiler.type_mapper.to_string)


class DuckDBEngine:
    """Runs on one DuckDB connection.

    Sources: a relation of this connection, an Arrow table or reader, a path (.parquet, .csv, .json), or an object with a
    method `sql()` that gives text to stand behind FROM (a dataset version).
    """

    name = "duckdb"

    def __init__(self, con: duckdb.DuckDBPyConnection | None = None):
        self.con = con or connect()
        self.backend = _Backend.from_connection(self.con)

    def table(self, source: Any):
        """Return the source as an Ibis table in plain form."""
        return schema.to_plain(self.raw_table(source))

    def raw_table(self, source: Any):
        if isinstance(source, ibis.Table):
            return source
        view = f"tilth_input_{next(_counter)}"
        if isinstance(source, duckdb.DuckDBPyRelation):
            source.create_view(view)
        elif hasattr(source, "sql") and callable(source.sql):
            self.con.execute(f"CREATE OR REPLACE VIEW {ident(view)} AS SELECT * FROM {source.sql()}")
        elif isinstance(source, str | Path):
            self.con.execute(f"CREATE OR REPLACE VIEW {ident(view)} AS SELECT * FROM {scan(source)}")
        else:
            self.con.register(view, source)
        return self.backend.table(view)

    def files(self, paths: Sequence[str]):
        """Return Parquet files as one table, not in plain form; columns that a file lacks are missing."""
        view = f"tilth_input_{next(_counter)}"
        listed = ", ".join(map(text, paths))
        scan = f"read_parquet([{listed}], union_by_name = true)"
        self.con.execute(f"CREATE OR REPLACE VIEW {ident(view)} AS SELECT * FROM {scan}")
        return self.backend.table(view)

    def sql(self, expression, *, pretty: bool = False) -> str:
        self.backend._register_udfs(expression)
        return self.backend.compile(expression, pretty=pretty)

    def relation(self, expression) -> duckdb.DuckDBPyRelation:
        """Return the expression as a lazy DuckDB relation."""
        try:
            return self.con.sql(self.sql(expression))
        except duckdb.Error as error:
            raise RecipeError(f"DuckDB cannot run this recipe: {first_line(error)}") from error

    def arrow(self, expression):
        """Run the expression and return a pyarrow.Table."""
        try:
            return self.relation(expression).to_arrow_table()
        except duckdb.Error as error:
            raise RecipeError(f"DuckDB stopped: {first_line(error)}") from error


_scratch = threading.local()


def scratch() -> DuckDBEngine:
    """Return this thread's engine for small things without data of their own (checks, exports).

    Opening a connection costs 20 ms, so one is kept, and renewed now and then to shed its old views.
    """
    uses = getattr(_scratch, "uses", 0)
    if uses % 500 == 0:
        _scratch.engine = DuckDBEngine()
    _scratch.uses = uses + 1
    return _scratch.engine


class SparkEngine:
    """Runs on a Spark session (local mode, or a Spark Connect address)."""

    name = "spark"

    def __init__(self, session=None, address: str | None = None):
        self.session = session or (remote_spark(address) if address else local_spark())
        self.backend = _spark_backend()(self.session)

    def table(self, source: Any):
        return schema.to_plain(self.raw_table(source))

    def raw_table(self, source: Any):
        if isinstance(source, ibis.Table):
            return source
        view = f"tilth_input_{next(_counter)}"
        if isinstance(source, str | Path):
            paths = [str(source)]
        elif hasattr(source, "files"):
            paths = source.files() if callable(source.files) else list(source.files)
        else:
            raise InputError(
                f"Spark reads Parquet, CSV and JSON files, not {type(source).__name__}.",
                hint="Give a path or a dataset.",
            )
        suffix = Path(paths[0]).suffix.lower().lstrip(".")
        reader = {"parquet": "parquet", "csv": "csv", "json": "json", "jsonl": "json"}.get(suffix, "parquet")
        options = {"header": True, "inferSchema": True} if reader == "csv" else {}
        self.session.read.format(reader).options(**options).load(paths).createOrReplaceTempView(view)
        return self.backend.table(view)

    def files(self, paths: Sequence[str]):
        """Return Parquet files as one table, not in plain form; columns that a file lacks are missing."""
        view = f"tilth_input_{next(_counter)}"
        self.session.read.option("mergeSchema", "true").parquet(*paths).createOrReplaceTempView(view)
        return self.backend.table(view)

    def sql(self, expression) -> str:
        return str(ibis.to_sql(expression, dialect="databricks"))

    def arrow(self, expression):
        from ibis.common.exceptions import IbisError

        try:
            return self.frame(expression).toArrow()
        except IbisError as error:
            raise NotOnThisEngine(f"Spark has no equivalent: {first_line(error)}") from error

    def frame(self, expression):
        """Return the expression as a lazy Spark DataFrame."""
        self.backend._register_udfs(expression)
        return self.session.sql(self.backend.compile(expression))


def _spark_backend():
    """Return Ibis' Spark backend, which knows row functions too; made on first use, because Spark is optional."""
    from ibis.backends.pyspark import Backend

    ibis.pyspark  # noqa: B018  # registers the backend's options
    from ibis.backends.sql.compilers.pyspark import PySparkCompiler

    class SparkCompiler(_FloatLiterals, PySparkCompiler):
        pass

    class SparkBackend(Backend):
        compiler = SparkCompiler()

        def _register_udfs(self, expr) -> None:
            super()._register_udfs(expr)
            functions.register_on_spark(self, expr)

    def connected(session):
        backend = SparkBackend()
        backend.do_connect(session)
        return backend

    return connected


def remote_spark(address: str):
    """Return a session on a Spark Connect server (`sc://host:15002`); it must see the files by the same paths."""
    if not address.startswith("sc://"):
        raise InputError(f"{address!r} is not a Spark Connect address.", hint="Write sc://host:15002.")
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise NotOnThisEngine("Spark is not installed.", hint="pip install 'pyspark[connect]>=4,<5'.") from error
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        session = SparkSession.builder.remote(address).getOrCreate()
        for key in ("spark.sql.session.timeZone", "spark.sql.ansi.enabled", "spark.sql.timestampType"):
            session.conf.set(key, SPARK[key])
    except (PySparkException, ImportError, OSError) as error:
        raise InputError(f"Spark at {address} does not answer: {first_line(error)}") from error
    return session


SPARK = {  # what makes Spark mean what DuckDB means
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
}


def local_spark(cores: int = 2):
    """Return a Spark session in local mode, in UTC, that stays on this machine."""
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise NotOnThisEngine(
            "Spark is not installed.", hint="pip install 'pyspark>=4,<5' and install Java 17."
        ) from error
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # row functions need the packages of this Python
    builder = SparkSession.builder.master(f"local[{cores}]").appName("tilth")
    settings = SPARK | {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.codegen.wholeStage": "true",
        "spark.log.level": "ERROR",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def scan(path: str | Path) -> str:
    """Return DuckDB text that reads a file by its suffix."""
    path = str(path)
    reader = {".parquet": "read_parquet", ".csv": "read_csv", ".tsv": "read_csv", ".json": "read_json",
              ".jsonl": "read_json"}.get(Path(path).suffix.lower())  # fmt: skip
    if reader is None:
        raise InputError(f"{Path(path).name!r} is not a .parquet, .csv, .tsv or .json file.")
    if not Path(path).exists():
        raise InputError(f"There is no file {path!r}.")
    return f"{reader}({text(path)})"


def first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
