"""Prints a fitted recipe as one SELECT statement."""

from __future__ import annotations

import ibis

from transforms.engines import scratch
from transforms.errors import NotOnThisEngine
from transforms.recipe import MAIN, FittedRecipe
from transforms.schema import unbound


def export(fitted: FittedRecipe, dialect: str = "duckdb") -> str:
    """Return the SELECT with a comment on how to use it; the input tables are named as in the recipe.

    Raises:
        NotOnThisEngine: the compiler cannot write a step in this dialect.
    """
    text = query(fitted, dialect).rstrip().rstrip(";")
    return (
        f"-- Recipe {' '.join(fitted.name.split())!r}, exported by Tilth for {dialect}. Input tables: {', '.join(fitted.inputs)}.\n"
        f"-- DuckDB: CREATE VIEW {MAIN} AS FROM 'file.parquet'; then run this statement.\n"
        f"{text};\n"
    )


def query(fitted: FittedRecipe, dialect: str = "duckdb") -> str:
    """Return the SELECT alone."""
    tables = {name: unbound(columns, name) for name, columns in fitted.inputs.items()}
    expression = fitted.expression(tables, engine=scratch())
    try:
        if dialect == "duckdb":
            return scratch().sql(expression, pretty=True)
        return str(ibis.to_sql(expression, dialect=dialect, pretty=True))
    except Exception as error:
        raise NotOnThisEngine(f"This recipe cannot be written in {dialect} SQL: {error}") from error
