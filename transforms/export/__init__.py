"""Code that runs without Tilth: pandas, SQL, Ibis, a notebook, a scikit-learn transformer."""

from __future__ import annotations

from pathlib import Path

from transforms.errors import InputError
from transforms.recipe import FittedRecipe

FORMATS = ("pandas", "sql", "ibis", "notebook", "sklearn")
SUFFIX = {"pandas": ".py", "sql": ".sql", "ibis": ".py", "notebook": ".ipynb", "sklearn": ".py"}


def export(fitted: FittedRecipe, kind: str, *, dialect: str = "duckdb") -> str:
    """Return the recipe as code.

    Args:
        fitted: the recipe with its states; they are written into the code.
        kind: one of `FORMATS`.
        dialect: for SQL: duckdb, databricks (Spark), bigquery, postgres, … as sqlglot names them.

    Raises:
        NotOnThisEngine: a step that has no such equivalent, with the reason.
    """
    from transforms.export import ibis_code, notebook, pandas_code, sklearn_code, sql_code

    writers = {
        "pandas": pandas_code.export,
        "sql": lambda f: sql_code.export(f, dialect),
        "ibis": ibis_code.export,
        "notebook": notebook.export,
        "sklearn": sklearn_code.export,
    }
    if kind not in writers:
        raise InputError(f"There is no export called {kind!r}.", hint=f"Choose one of {', '.join(FORMATS)}.")
    return writers[kind](fitted)


def read_back(path: str | Path):
    """Return the recipe inside a Python file that `export` wrote."""
    from transforms.export.pandas_code import read_back

    return read_back(Path(path).read_text(encoding="utf-8"))
