"""A chart as Python code that runs without Tilth: duckdb reads the file and answers the same SQL, altair draws."""

from __future__ import annotations

import json
import pprint

from insights.charts.export import standalone
from insights.charts.frame import ROWS
from insights.charts.spec import ChartData, title

CHANNELS = {"x": "X", "y": "Y", "x2": "X2", "y2": "Y2", "xOffset": "XOffset", "yOffset": "YOffset", "color": "Color", "size": "Size",
            "opacity": "Opacity", "detail": "Detail", "order": "Order", "text": "Text", "tooltip": "Tooltip"}  # fmt: skip
HEAD = '''"""{title}.

{caption}
Made with Tilth; needs only duckdb and altair (`pip install duckdb altair`).
"""

import altair as alt
import duckdb

con = duckdb.connect()
con.execute("SET TimeZone = 'UTC'")

# The rows of the chart. Name your own file here, for example read_parquet('sales.parquet') or read_csv('sales.csv').
con.execute({view})

# The marks: all rows are counted, only these few reach the drawing.
answer = con.execute({query})
names = [column[0] for column in answer.description]
marks = [dict(zip(names, row)) for row in answer.fetchall()]

chart = (
{chart}
)

if __name__ == "__main__":
    chart.save("chart.html")
'''


def to_python(data: ChartData, source: str) -> str:
    """Return a Python program that draws the chart from `source`, SQL to stand behind FROM that names the data file."""
    rows = data.where or "SELECT * FROM raw"
    view = f"CREATE VIEW {ROWS} AS\nWITH raw AS (SELECT * FROM {source})\n{rows}"
    drawn = standalone(data).to_dict()
    return HEAD.format(
        title=_comment(title(data.spec)),
        caption=_comment(data.caption),
        view=_string(view),
        query=_string(data.query),
        chart=_indent(_chart(drawn, top=True)),
    )


def _comment(words: str) -> str:
    """Return words for a docstring: names of columns are data, and may hold quotes and backslashes."""
    return words.encode("unicode_escape").decode().replace('"', "'") if {"\\", '"', "\n"} & set(words) else words


def _string(value: str) -> str:
    """Return a literal: with triple quotes where that is safe, else as `repr` writes it."""
    if (
        '"""' in value
        or "\\" in value
        or value.endswith('"')
        or not value.isprintable()
        and not value.replace("\n", "").isprintable()
    ):
        return repr(value)
    return f'"""\n{value}\n"""'


def _indent(code: str, by: int = 4) -> str:
    return "\n".join(" " * by + line for line in code.splitlines())


def _chart(spec: dict, *, top: bool = False) -> str:
    """Return the expression that makes a Vega-Lite chart; values are printed as Python prints them."""
    spec = {k: v for k, v in spec.items() if k not in ("data", "datasets", "$schema")}
    data = "alt.Data(values=marks)"
    if "spec" in spec:
        inner = _chart(spec.pop("spec"))
        facet = spec.pop("facet")
        if "field" in facet:
            given = [f"facet=alt.Facet({_arguments(facet)})"]
        else:
            given = [f"{way}=alt.{way.title()}({_arguments(field)})" for way, field in facet.items()]
        if "columns" in spec:
            given.append(f"columns={spec.pop('columns')}")
        code = f"{inner}.facet({', '.join([*given, f'data={data}'])})"
    elif "layer" in spec:
        layers = ",\n".join(_chart(layer) for layer in spec.pop("layer"))
        code = f"alt.layer(\n{_indent(layers)},\n)"
        if top:
            code = code[:-2] + f"\n    data={data},\n)"
    else:
        mark = spec.pop("mark")
        mark = {"type": mark} if isinstance(mark, str) else dict(mark)
        code = f"alt.Chart({data if top else ''}).mark_{mark.pop('type')}({_arguments(mark)})"
        encoded = [f"    {channel}={_channel(channel, value)}," for channel, value in spec.pop("encoding", {}).items()]
        code += ".encode(\n" + "\n".join(encoded) + "\n)"
    if resolve := spec.pop("resolve", None):
        code += f".resolve_scale({_arguments(resolve['scale'])})"
    config = spec.pop("config", None)
    if spec:
        code += f".properties({_arguments(spec)})"
    if config:
        code += f".configure({_arguments(config)})"
    return code


def _channel(name: str, value) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_channel(name, one) for one in value) + "]"
    if set(value) == {"value"}:
        return f"alt.value({value['value']!r})"
    if "condition" in value:
        return f"alt.{CHANNELS[name]}Value({_arguments(value)})"
    return f"alt.{CHANNELS[name]}({_arguments(value)})"


def _arguments(values: dict) -> str:
    return ", ".join(f"{key}={_literal(value)}" for key, value in values.items())


def _literal(value) -> str:
    plain = json.loads(json.dumps(value))  # what Vega-Lite holds is JSON; pprint breaks long lists into lines
    return pprint.pformat(plain, width=100, compact=True, sort_dicts=False)
