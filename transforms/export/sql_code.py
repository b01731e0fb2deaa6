"""Prints a fitted recipe as one SELECT statement."""

from __future__ import annotations

import sqlglot
from ibis.backends.sql import compilers
from sqlglot import exp

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
        compiler = scratch().backend.compiler if dialect == "duckdb" else getattr(compilers, dialect).compiler
        tree = with_names(compiler.to_sqlglot(table), fitted)
        flat = tree.sql(dialect=compiler.dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)
        # sqlglot indents the lines inside a name too, which makes it another name
        return flat if "\n" in flat or "\r" in flat else tree.sql(dialect=compiler.dialect, pretty=True)
    except Exception as error:
        raise NotOnThisEngine(f"This recipe cannot be written in {dialect} SQL: {error}") from error


def with_names(tree, fitted: FittedRecipe):
    """Name the columns wherever the statement takes all of an input (`SELECT *`).

    The table that it meets later may have them in another order, or more of them.
    """
    made = {cte.alias for cte in tree.find_all(exp.CTE)}
    for select in tree.find_all(exp.Select):
        source = select.args.get("from_")
        source = source and source.this
        if not isinstance(source, exp.Table) or source.name in made or source.name not in fitted.inputs:
            continue
        if select.expressions == [exp.Star()] and not select.args.get("joins") and fitted.inputs[source.name]:
            columns = fitted.inputs[source.name]
            select.set("expressions", [exp.column(c, table=source.alias_or_name, quoted=True) for c in columns])
    return tree


def expression(fitted: FittedRecipe):
    """Return the recipe as an Ibis expression over unbound tables named as its inputs."""
    tables = {name: unbound(columns, name) for name, columns in fitted.inputs.items()}
    return fitted.expression(tables, engine=scratch())
