"""Charts as files: picture, page, Vega-Lite, figures, Python code."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from insights.charts.draw import draw
from insights.charts.spec import PALETTE, ChartData, title
from transforms.errors import InputError

SUFFIXES = ("png", "svg", "html", "json", "csv", "py")


def write(data: ChartData, path: str | Path, *, source: str = "") -> None:
    """Write the chart as its file's suffix says: png, svg, html, json (Vega-Lite), csv (its figures), py.

    Args:
        source: for Python code: SQL to stand behind FROM, which names the data file.

    Raises:
        InputError: another suffix.
    """
    from insights.charts.code import to_python

    path = Path(path)
    suffix = path.suffix.lower().lstrip(".")
    makers = {
        "png": lambda: to_image(data, "png"),
        "svg": lambda: to_image(data, "svg"),
        "html": lambda: to_html(data).encode(),
        "json": lambda: to_json(data).encode(),
        "csv": lambda: to_csv(data),
        "py": lambda: to_python(data, source).encode(),
    }
    if suffix not in makers:
        raise InputError(
            f"A chart cannot be written as {path.name!r}.", hint=f"End it in one of: {', '.join(SUFFIXES)}."
        )
    path.write_bytes(makers[suffix]())


def to_html(data: ChartData) -> str:
    """Return the chart as one HTML page that needs nothing from the network."""
    return standalone(data).to_html(inline=True)


def to_json(data: ChartData) -> str:
    """Return the chart as Vega-Lite JSON with its data inline."""
    return standalone(data).to_json()


def to_image(data: ChartData, kind: Literal["png", "svg"], *, scale: float = 2.0) -> bytes:
    """Return the chart as PNG or SVG bytes."""
    import vl_convert

    spec = to_json(data)
    return vl_convert.vegalite_to_png(spec, scale=scale) if kind == "png" else vl_convert.vegalite_to_svg(spec).encode()


def to_csv(data: ChartData) -> bytes:
    """Return the marks as CSV, with the user's column names where a mark has one."""
    import io

    import pyarrow.csv

    names = [data.titles.get(name) or name for name in data.table.column_names]
    if len(set(names)) < len(names):
        names = data.table.column_names
    written = io.BytesIO()
    pyarrow.csv.write_csv(data.table.rename_columns(names), written)
    return written.getvalue()


def standalone(data: ChartData):
    """Return the chart with title, caption and a white ground, to be looked at away from the app."""
    chart = draw(data)
    if not data.spec.facet and data.spec.kind not in ("season", "map"):
        chart = chart.properties(width=820)
    return chart.properties(title={"text": title(data.spec), "subtitle": wrapped(data.caption)}).configure(
        background="#FFFFFF", font="Inter, Segoe UI, sans-serif", range={"category": PALETTE}
    ).configure_view(stroke=None)  # fmt: skip


def wrapped(words: str) -> list[str]:
    import textwrap

    return textwrap.wrap(words, 130)
