"""Prints a fitted recipe as a plain Python file that needs pandas only."""

from __future__ import annotations

import json
import re
import sys

from transforms import schema as types
from transforms.engines import scratch
from transforms.errors import InputError, NotOnThisEngine
from transforms.recipe import MAIN, FittedRecipe, Recipe, at_step
from transforms.transform import applied

MARK = "# tilth-recipe: "

HEAD = '''"""Recipe {name}, exported by Tilth. It needs {packages} (and pyarrow to read or write Parquet).

    python {file} INPUT OUTPUT{usage}

INPUT and OUTPUT are .parquet or .csv files (Tilth keeps a dataset as Parquet; `tilth datasets save` copies it out). Values learnt in training are written into the steps below.
"""

import sys
{imports}
import pandas as pd

INPUTS = {inputs}


def plain(df, types):
    """Give the columns the types that the steps expect; a NaN is a missing value."""
    missing = [column for column in types if column not in df.columns]
    if missing:
        raise SystemExit(f"The input has no column {{missing}}; it has {{list(df.columns)}}.")
    try:
        return df[list(types)].astype({{c: t for c, t in types.items() if t}})
    except (ValueError, TypeError) as error:
        raise SystemExit(f"The input does not hold the types {{types}}: {{error}}. Remove the rows that the import rejected.")

'''

TAIL = '''

def read(path, types):
    """Read a .parquet or .csv file; in CSV an empty field is missing."""
    if path.endswith(".parquet"):
        return pd.read_parquet(path, dtype_backend="numpy_nullable")
    text = {c: "string" for c, t in types.items() if t == "string"}
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])


def main(arguments):
    others = dict(a.split("=", 1) for a in arguments[2:])
    df = prepare(
        read(arguments[0], INPUTS["main"]), {name: read(path, INPUTS[name]) for name, path in others.items()}
    )
    df.to_parquet(arguments[1]) if arguments[1].endswith(".parquet") else df.to_csv(arguments[1], index=False)


if __name__ == "__main__":
    main(sys.argv[1:])
'''


def export(fitted: FittedRecipe, *, file: str = "prepare.py") -> str:
    """Return the Python file. Raises NotOnThisEngine for a step without a pandas equivalent."""
    body, helpers = steps(fitted)
    helpers = list(dict.fromkeys(h.strip() for h in helpers))
    needed = {h for h in helpers if h.startswith(("import ", "from "))}
    helper_code = "".join(f"\n\n{h}\n" for h in helpers if h not in needed)
    inputs = {name: {c: types.PANDAS.get(t, "") for c, t in columns.items()} for name, columns in fitted.inputs.items()}
    used = "\n".join(body) + helper_code
    needed |= {f"import {m}" for m in ("hashlib", "re", "unicodedata") if re.search(rf"\b{m}\.", used)}
    needed -= {"import sys", "import numpy as np"}
    imports = [line + "\n" for line in sorted(needed)]
    if re.search(r"\bnp\.", used):
        imports.append("\nimport numpy as np")
    if re.search(r"\b(inf|nan)\b", used):  # as repr() prints learnt values
        helper_code = '\n\ninf, nan = float("inf"), float("nan")\n' + helper_code
    others = [n for n in fitted.inputs if n != MAIN]
    usage = "".join(f" {in_docstring(n)}=FILE" for n in others)
    return (
        HEAD.format(
            name=in_docstring(repr(fitted.name)),
            packages=_packages(imports),
            file=file,
            usage=usage,
            imports="".join(imports).rstrip("\n"),
            inputs=_literal(inputs),
        )
        + (helper_code.lstrip("\n") + "\n\n" if helper_code else "\n")
        + "def prepare(df, others=None):\n"
        + '    """Return the prepared table. `others` holds further inputs by name."""\n'
        + "    df = plain(df, INPUTS['main'])\n"
        + (
            "    others = {name: plain(table, INPUTS[name]) for name, table in (others or {}).items()}\n"
            if others
            else ""
        )
        + "\n".join(body)
        + "\n    return df.reset_index(drop=True)\n"
        + TAIL
        + "\n"
        + MARK
        + json.dumps(fitted.dump(), ensure_ascii=True)
        + "\n"
    )


PACKAGES = {"PIL": "Pillow", "cv2": "opencv-python-headless", "sklearn": "scikit-learn", "bs4": "beautifulsoup4"}


def _packages(imports: list[str]) -> str:
    """Return the packages to install, in words: "pandas only", or "pandas, holidays and Pillow"."""
    modules = {line.split()[1].split(".")[0] for line in imports if line.strip()}
    extra = sorted(PACKAGES.get(m, m) for m in modules - set(sys.stdlib_module_names) - {"numpy", "pandas"})
    return f"pandas, {', '.join(extra)}" if extra else "pandas only"


def steps(fitted: FittedRecipe) -> tuple[list[str], list[str]]:
    """Return the lines of the function's body (indented) and the helper functions that they call."""
    from transforms.check import stand_in

    engine = scratch()
    tables = {name: stand_in(engine, columns) for name, columns in fitted.inputs.items()}
    table, others = tables.pop(MAIN), tables
    lines: list[str] = []
    helpers: list[str] = []
    for number, step in fitted.enabled():
        with at_step(number, step):
            transform = step.build()
            if reason := transform.differences.get("pandas_export"):
                raise NotOnThisEngine(f"it has no pandas equivalent: {reason}")
            state = fitted.states.get(step.id)
            note = f" ({step.note})" if step.note else ""
            lines.append("\n    # " + one_line(f"{number}. {transform.describe()}{note}"))
            lines += [f"    {line}" for line in transform.pandas("df", state, table.schema())]
            helpers += transform.pandas_helpers
            table = applied(transform, table, state, others)
    return lines, helpers


def read_back(code: str) -> FittedRecipe | Recipe:
    """Return the recipe that a Python file written by `export` carries in its last line."""
    for line in reversed(code.splitlines()):
        if line.startswith(MARK):
            content = json.loads(line.removeprefix(MARK))
            return (FittedRecipe if "states" in content else Recipe).from_dict(content, where="This Python file")
    raise InputError("This Python file was not exported by Tilth: it carries no recipe.")


def in_docstring(value: str) -> str:
    """Return text that cannot end a docstring nor mean anything in it."""
    return "".join(c if c.isprintable() else " " for c in value).replace("\\", "\\\\").replace('"', '\\"')


def one_line(value: str) -> str:
    """Return text that fits into one line of a comment."""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())


def _literal(value: dict) -> str:
    inner = ",\n".join(f"    {name!r}: {columns!r}" for name, columns in value.items())
    return "{\n" + inner + ",\n}"
