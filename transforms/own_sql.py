"""A user's SELECT as a relation between other steps: checked by DuckDB's own parser, then part of the one query.

It may read the recipe's inputs and nothing else: no file, table, setting, extension or function that is not pure. Checked is
the text that will run (the same tree, written again), as DuckDB itself understands it.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import ibis.expr.operations as ops
import sqlglot
from ibis.backends.sql.compilers.base import SQLGlotCompiler
from ibis.common.annotations import attribute
from ibis.common.collections import FrozenOrderedDict
from ibis.common.typing import VarTuple
from ibis.expr.schema import Schema
from sqlglot import exp
from sqlglot.errors import SqlglotError

from transforms import schema as types
from transforms.engines import DuckDB2, connect, first_line, ident, scratch
from transforms.errors import ParamError, did_you_mean

LONGEST = 100_000  # characters
TABLES = {
    "BASE_TABLE",
    "SUBQUERY",
    "JOIN",
    "EMPTY",
    "EXPRESSION_LIST",
    "CTE",
}  # kinds of FROM; table functions are named below
TABLE_FUNCTIONS = {"range", "generate_series", "unnest"}
MACROS = {"nullif", "if", "split_part", "fmod", "fdiv", "geomean", "geometric_mean", "wavg", "weighted_avg", "date_add", "days_in_month"}  # fmt: skip
NOT_PURE = {"version", "index_key", "invoke", "parse_duckdb_log_message", "json_serialize_plan", "json_deserialize_sql", "current_localtime",
            "current_localtimestamp", "any_value_volatile"}  # fmt: skip


class Selection(ops.Relation):
    """The rows of a SELECT over named tables."""

    tables: VarTuple[ops.Relation]
    names: VarTuple[str]
    query: str
    schema: Schema

    @attribute
    def values(self):
        return FrozenOrderedDict()


def _visit(self, op, *, tables, names, query, schema):
    return placed(parse(query), dict(zip(names, tables, strict=True)))


SQLGlotCompiler.visit_Selection = _visit  # every SQL engine of Ibis finds how to write an operation by this name


def placed(tree: exp.Expression, tables: Mapping[str, exp.Expression]) -> exp.Expression:
    """Return the tree with each input replaced by the expression that stands for it, under the same name."""
    tree = tree.copy()
    for table in list(read_tables(tree)):
        given = tables.get(table.name)
        if given is None:
            continue
        alias = exp.TableAlias(this=exp.to_identifier(table.alias or table.name, quoted=True))
        given = given.copy()
        given.set("alias", alias)
        for key in ("joins", "sample"):  # what hangs on the table's name stays on it
            if table.args.get(key):
                given.set(key, table.args[key])
        table.replace(given)
    return tree


def read_tables(tree: exp.Expression) -> Iterator[exp.Table]:
    """Yield the tables that a query reads, without the names that its WITH makes."""
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and table.name.lower() not in _made_around(table):
            yield table


def _made_around(table: exp.Table) -> set[str]:
    """Return the names that WITH clauses make where a table stands: a clause sees the earlier ones, itself only if recursive."""
    found: set[str] = set()
    below, above = table, table.parent
    while above is not None:
        if isinstance(above, exp.With):
            place = next(i for i, cte in enumerate(above.expressions) if cte is below)
            found |= {c.alias.lower() for c in above.expressions[: place + bool(above.args.get("recursive"))]}
        elif isinstance(above, exp.Query) and not isinstance(below, exp.With):
            clause = above.args.get("with_") or above.args.get("with")
            found |= {c.alias.lower() for c in clause.expressions} if clause is not None else set()
        below, above = above, above.parent
    return found


def parse(query: str) -> exp.Expression:
    """Return the tree of one SELECT; raise ValueError in plain words."""
    if len(query) > LONGEST:
        raise ValueError(f"the query has {len(query):,} characters; at most {LONGEST:,} are read")
    try:
        found = [t for t in sqlglot.parse(query, read=DuckDB2) if t is not None and not isinstance(t, exp.Semicolon)]
    except (SqlglotError, RecursionError) as error:
        raise ValueError(f"the query cannot be read: {first_line(error)}") from error
    if len(found) != 1 or not isinstance(found[0], exp.Query):
        raise ValueError("write one SELECT, such as SELECT * FROM main")
    if found[0].find(exp.Into, exp.Placeholder, exp.Parameter):
        raise ValueError("a query cannot write a table or hold parameters")
    return found[0]


def tables_of(query: str) -> tuple[str, ...]:
    """Return the inputs that a query reads, in order."""
    return tuple(dict.fromkeys(t.name for t in read_tables(parse(query))))


def checked(query: str) -> exp.Expression:
    """Return the tree of a query that reads nothing but tables by name and calls pure functions only; else ValueError."""
    tree = parse(query)
    answer = json.loads(
        _parser().execute("SELECT json_serialize_sql(?::VARCHAR)", [tree.sql(dialect=DuckDB2)]).fetchall()[0][0]
    )
    if answer.get("error"):
        raise ValueError(f"write one SELECT; DuckDB says: {answer.get('error_message', 'it is none')}")
    if len(answer["statements"]) != 1:
        raise ValueError("write one SELECT")
    for node in _nodes(answer["statements"][0]):
        if "sample" in node and "alias" in node and node.get("type") not in TABLES:  # a kind of FROM
            name = (node.get("function") or {}).get("function_name")
            if node["type"] != "TABLE_FUNCTION" or name not in TABLE_FUNCTIONS:
                raise ValueError(
                    f"FROM {name or node['type'].lower().replace('_', ' ')} is not allowed: a query reads the recipe's inputs only"
                )
        if node.get("type") == "BASE_TABLE" and (node.get("schema_name") or node.get("catalog_name")):
            raise ValueError(f"table {node['table_name']!r} names a schema: a query reads the recipe's inputs only")
        name = node.get("function_name")
        if name is not None and (node.get("schema") or node.get("catalog")):
            raise ValueError(f"the function {name!r} names a schema")
        if (
            name is not None
            and name[:1].isalpha()
            and name.lower() not in allowed_functions()
            and node.get("class") != "WINDOW"
        ):
            raise ValueError(f"the function {name!r} is not allowed (or not known): the same rows must always give the same result")  # fmt: skip
        if node.get("class") == "WINDOW" and not node.get("type", "").startswith("WINDOW_"):
            raise ValueError(f"{name!r} is not a window function")
        if node.get("type") == "WINDOW_AGGREGATE" and name.lower() not in allowed_functions():
            raise ValueError(f"the function {name!r} is not allowed (or not known)")
    return tree  # fmt: skip


def _nodes(value: Any) -> Iterator[dict]:
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            stack += value.values()
        elif isinstance(value, list):
            stack += value


_locked = threading.local()


def _parser() -> duckdb.DuckDBPyConnection:
    """Return this thread's connection for reading queries: it can reach nothing, whatever a query says."""
    if not hasattr(_locked, "con"):
        con = connect()
        for setting in ("enable_external_access", "python_enable_replacements"):
            con.execute(f"SET {setting} = false")
        con.execute("SET lock_configuration = true")
        _locked.con = con
    return _locked.con


@functools.cache
def allowed_functions() -> frozenset[str]:
    """Return the names of DuckDB's pure functions."""
    con = connect()
    rows = con.execute(
        "SELECT DISTINCT lower(function_name), function_type, stability FROM duckdb_functions() WHERE internal"
    ).fetchall()
    con.close()
    found = {
        n for n, kind, stability in rows if kind == "aggregate" or (kind == "scalar" and stability == "CONSISTENT")
    }
    found |= {n for n, kind, _ in rows if kind == "macro" and (n in MACROS or n.startswith(("list_", "array_")))}
    impure = {n for n, kind, stability in rows if kind == "scalar" and stability != "CONSISTENT"}
    return frozenset(found - impure - NOT_PURE | TABLE_FUNCTIONS)


def selected(query: str, tables: Mapping[str, Any]):
    """Return the Ibis table of a query over Ibis tables by name, in plain form; it runs nothing.

    Raises:
        ParamError: the query reads something else, or DuckDB cannot bind it.
    """
    try:
        tree = checked(query)
    except ValueError as error:
        raise ParamError(str(error) + ".") from error
    names = list(dict.fromkeys(t.name for t in read_tables(tree)))
    for name in names:
        if name not in tables:
            raise ParamError(
                f"the query reads {name!r}, which is no input of this recipe.",
                hint=did_you_mean(name, tables, "Inputs: "),
            )
    engine = scratch()
    write = engine.backend.compiler.type_mapper.to_string
    empty = {}
    for name in names:
        cells = ", ".join(f"NULL::{write(t)} AS {ident(c)}" for c, t in tables[name].schema().items())
        empty[name] = sqlglot.parse_one(f"SELECT {cells} WHERE false", read=DuckDB2).subquery()
    try:
        described = _parser().execute(f"DESCRIBE {placed(tree, empty).sql(dialect=DuckDB2)}").fetchall()
    except duckdb.Error as error:
        raise ParamError(f"DuckDB cannot read the query: {first_line(error)}") from error
    if len({c for c, *_ in described}) < len(described):
        raise ParamError("the query gives two columns the same name.", hint="Name them with AS.")
    read = engine.backend.compiler.type_mapper.from_string
    schema = Schema({c: read(kind, nullable=True) for c, kind, *_ in described})
    found = Selection([tables[n].op() for n in names], names, tree.sql(dialect=DuckDB2), schema).to_expr()
    return types.to_plain(found)  # fmt: skip


def with_other_names(query: str, renamed: Mapping[str, str]) -> str:
    """Return the query with columns under other names (tests use it)."""
    tree = parse(query)
    for column in tree.find_all(exp.Column):
        if column.name in renamed:
            column.set("this", exp.to_identifier(renamed[column.name], quoted=True))
    return tree.sql(dialect=DuckDB2)
