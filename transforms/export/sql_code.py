"""Prints a fitted recipe as one SELECT statement."""

from __future__ import annotations

import ibis

from transforms.engines import scratch
from transforms.errors import NotOnThisEngine
from transforms.export.pandas_code import one_line
from transforms.functions import functions_in
from transforms.recipe import MAIN, FittedRecipe
from transforms.schema import unbound


def export(fitted: FittedRecipe, dialect: str = "duckdb") -> str:
    """Return the SELECT with a comment on how to use it; the input tables are named as in the recipe.

    Raises:
        NotOnThisEngine: the compiler cannot write a step in this dialect.
    """
    text = query(fitted, dialect).rstrip().rstrip(";")
    return (
        f"-- Recipe {one_line(fitted.name)!r}, exported by Tilth for {dialect}. "
        f"Input tables: {one_line(', '.join(fitted.inputs))}.\n"
        f"-- DuckDB: CREATE VIEW {MAIN} AS FROM 'file.parquet'; then run this statement.\n"
        f"{text};\n"
    )


def query(fitted: FittedRecipe, dialect: str = "duckdb") -> str:
    """Return the SELECT alone."""
    table = expression(fitted)
    if found := functions_in(table):
        names = ", ".join(dict.fromkeys(f.function.name for f in found))
        raise NotOnThisEngine(
            f"SQL has no words for {names}: Tilth runs it as a Python function.", hint="Export pandas."
        )
    try:
        if dialect == "duckdb":
            flat = scratch().sql(table)
            # sqlglot indents the lines inside a name too, which makes it another name
            return flat if "\n" in flat or "\r" in flat else scratch().sql(table, pretty=True)
        flat = str(ibis.to_sql(table, dialect=dialect, pretty=False))
        return flat if "\n" in flat or "\r" in flat else str(ibis.to_sql(table, dialect=dialect, pretty=True))
    except Exception as error:
        raise NotOnThisEngine(f"This recipe cannot be written in {dialect} SQL: {error}") from error


def expression(fitted: FittedRecipe):
    """Return the recipe as an Ibis expression over unbound tables named as its inputs."""
    tables = {name: unbound(columns, name) for name, columns in fitted.inputs.items()}
    return fitted.expression(tables, engine=scratch())
