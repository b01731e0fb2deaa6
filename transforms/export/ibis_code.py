"""Prints a fitted recipe as Python that gives an Ibis table on any backend.

The query is carried as SQL and translated by Ibis for the backend: Ibis 12's own decompiler prints code that does not run
for three of four of our transforms.
"""

from __future__ import annotations

from transforms.export.pandas_code import in_docstring
from transforms.export.sql_code import expression, query
from transforms.recipe import FittedRecipe

FILE = '''"""Recipe {name}, exported by Tilth as an Ibis expression. Input tables: {tables}.

    import ibis
    con = ibis.duckdb.connect()                      # or another backend
    con.read_parquet("file.parquet", table_name="main")
    prepare(con).to_parquet("out.parquet")
"""

import ibis

SQL = {sql!r}
SCHEMA = ibis.schema({schema!r})


def prepare(con):
    """Return the prepared table as a lazy Ibis expression on the backend `con`."""
    return con.sql(SQL, schema=SCHEMA, dialect="duckdb")
'''


def export(fitted: FittedRecipe) -> str:
    """Return a Python file with `prepare(con)`."""
    name = in_docstring(repr(fitted.name))
    schema = {c: str(t) for c, t in expression(fitted).schema().items()}
    return FILE.format(name=name, tables=in_docstring(", ".join(fitted.inputs)), sql=query(fitted), schema=schema)
