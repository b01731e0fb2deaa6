"""Prints a fitted recipe as a Jupyter notebook: one cell a step, pandas only."""

from __future__ import annotations

import json

from transforms.export.pandas_code import export as pandas_file
from transforms.recipe import FittedRecipe


def export(fitted: FittedRecipe) -> str:
    """Return the .ipynb file (nbformat 4.5)."""
    code = pandas_file(fitted)
    head, _, rest = code.partition("def prepare(df, others=None):")
    body, _, tail = rest.partition("    return df.reset_index(drop=True)\n")
    read = tail.partition("\ndef main(")[0].strip()
    lines = [line.removeprefix("    ") for line in body.splitlines()[2:]]
    lines = [line for line in lines if not line.startswith("others = {name: plain(")]
    sections = "\n".join(lines).split("\n\n# ")
    head = head.partition('"""\n\n')[2].strip()
    others = [n for n in fitted.inputs if n != "main"]
    load = ["df = read('input.parquet', INPUTS['main'])  # your file"]
    reads = ", ".join(f"{n!r}: plain(read({n + '.parquet'!r}, INPUTS[{n!r}]), INPUTS[{n!r}])" for n in others)
    load += [f"others = {{{reads}}}"] if others else []
    cells = [_text(f"# {fitted.name}\n\nExported by Tilth. Each cell below is one step; it needs pandas only."),
             _code(head), _code(read), _code("\n".join(load)), _code(sections[0].strip())]  # fmt: skip
    for section in sections[1:]:
        title, _, step = section.partition("\n")
        cells += [_text(f"## {title}"), _code(step.strip())]
    cells.append(_code("df = df.reset_index(drop=True)\ndf.head()"))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    notebook = {"cells": cells, "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "tilth_recipe": fitted.dump()},
                "nbformat": 4, "nbformat_minor": 5}  # fmt: skip
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _text(source: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _code(source: str) -> dict:
    return {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
