"""Drawing: an Altair chart of the marks that `build` found; no figure is computed here."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from insights.charts.spec import MISSING, OTHER, PALETTE, ChartData

if TYPE_CHECKING:
    import altair as alt

BRUSH = "brush"
GREY = "#8C948F"
INTERVALS = {
    "histogram": ["x"],
    "line": ["x"],
    "area": ["x"],
    "series": ["x"],
    "scatter": ["x", "y"],
    "map": ["x", "y"],
}
PARTS = ["observed", "trend", "season", "rest"]


def draw(
    data: ChartData, *, height: int = 420, dark: bool = False, across: int = 3, panel: int = 260, select: bool = False
) -> alt.Chart | alt.FacetChart | alt.LayerChart:
    """Return an Altair chart of the marks; its data are inline, at most a few thousand rows.

    Args:
        height: in pixels.
        dark: for a dark page: a density then shines where there are many rows.
        across: how many panels stand side by side.
        panel: width of one panel in pixels; a chart without panels takes the width it is given.
        select: let people draw a selection, called "brush" (see `filters_of`); not in panels.
    """
    import altair as alt

    rows = [{key: _plain(value) for key, value in row.items()} for row in data.table.to_pylist()]
    values = alt.Data(values=rows)
    # In panels the data belong to the facet: a chart with data of its own would show all of them in every panel.
    panels = bool(data.spec.facet) or data.spec.kind == "season"
    base = alt.Chart() if panels else alt.Chart(values)
    brush = _brush(alt, data) if select and not panels else None
    makers = {"histogram": _histogram, "bar": _bar, "line": _line, "area": _area, "series": _line, "scatter": _scatter, "box": _box,
              "violin": _violin, "heatmap": _heat, "map": _heat, "correlation": _correlation, "season": _season}  # fmt: skip
    if data.shape == "density":
        chart = _density(base, data, dark, brush)
    elif data.spec.kind in ("heatmap", "map", "correlation"):
        chart = makers[data.spec.kind](base, data, dark, brush)
    else:
        chart = makers[data.spec.kind](base, data, brush)
    if data.spec.kind == "season":
        facet = alt.Row("part:N", title=None, sort=PARTS, header=alt.Header(labelAngle=0, labelAlign="left"))
        return chart.properties(width=max(panel, 660), height=max(60, height // 4 - 20)).facet(
            row=facet, data=values).resolve_scale(y="independent")  # fmt: skip
    if data.spec.facet:
        order = data.orders["facet"]
        columns = max(1, min(across, len(order)))
        return chart.properties(width=panel, height=200).facet(
            facet=alt.Facet("facet:N", title=data.spec.facet, sort=order), columns=columns, data=values
        )
    if data.spec.kind == "map":
        return chart.properties(**_map_size(data, height + 60))
    return chart.properties(width="container", height=height)


def _map_size(data: ChartData, most: int, wide: int = 760) -> dict[str, int]:
    """Return a width and height on which a kilometre east is as long as a kilometre north in the middle of the map."""
    marks = data.table.to_pylist()
    if not marks:
        return {"width": wide, "height": most}
    south, north = min(m["y"] for m in marks), max(m["y2"] for m in marks)
    degrees = max(m["x2"] for m in marks) - min(m["x"] for m in marks)
    squeezed = degrees * max(0.2, math.cos(math.radians((south + north) / 2)))
    height = round(wide * (north - south) / squeezed) if squeezed else most
    if height > most:
        return {"width": max(160, round(wide * most / height)), "height": most}
    return {"width": wide, "height": max(120, height)}


def selectable(data: ChartData) -> str:
    """Return how rows are selected in the chart: "drag", "click", or "" where they cannot be."""
    spec = data.spec
    if spec.facet or spec.moving and spec.kind in ("line", "area"):
        return ""
    if spec.kind in INTERVALS:
        return "drag"
    plain = not data.classed and all(data.kinds.get(role, "text") == "text" for role in ("x", "y"))
    return "click" if spec.kind == "bar" or (spec.kind == "heatmap" and plain) else ""


def _brush(alt, data: ChartData):
    """Return the selection that fits the chart, or None."""
    way = selectable(data)
    if way == "drag":
        return alt.selection_interval(name=BRUSH, encodings=INTERVALS[data.spec.kind])
    return alt.selection_point(name=BRUSH, fields=["x"] if data.spec.kind == "bar" else ["x", "y"]) if way else None


def _with(chart, brush):
    return chart.add_params(brush) if brush is not None else chart


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return float(value) if hasattr(value, "as_tuple") else value


def _axis(alt, role: str, field_name: str, data: ChartData, channel, **more):
    kind = "T" if data.kinds.get(role) == "time" else "Q"
    log = getattr(data.spec, f"log_{role}", False) and kind == "Q"
    scale = alt.Scale(type="log") if log else alt.Scale(zero=False) if kind == "Q" else alt.Undefined
    return channel(f"{field_name}:{kind}", title=data.titles[role], scale=scale, **more)


def _colour(alt, data: ChartData):
    """Return the colour encoding, or the first colour of the palette for one series."""
    if not data.spec.colour or "colour" not in data.table.column_names:
        return alt.value(PALETTE[0])
    order = data.orders["colour"]
    return alt.Color(
        "colour:N",
        title=data.spec.colour,
        sort=order,
        scale=alt.Scale(domain=order, range=[_paint(i, n) for i, n in enumerate(order)]),
    )


def _paint(place: int, name: str) -> str:
    return PALETTE[-1] if name in (OTHER, MISSING) else PALETTE[place % (len(PALETTE) - 1)]


def _tips(alt, data: ChartData) -> list:
    """Return the tooltips of colour and facet, where there are any."""
    return [
        alt.Tooltip(f"{role}:N", title=getattr(data.spec, role))
        for role in ("colour", "facet")
        if role in data.table.column_names
    ]


def _tip(alt, role: str, field_name: str, data: ChartData, words: str):
    if data.kinds.get(role) == "time":
        return alt.Tooltip(f"{field_name}:T", title=words, format="%Y-%m-%d %H:%M")
    return alt.Tooltip(f"{field_name}:{'N' if data.kinds.get(role) == 'text' else 'Q'}", title=words)


def _rows(alt):
    return alt.Tooltip("count:Q", title="rows", format=",")


def _y_format(data: ChartData) -> str:
    return ".1%" if data.spec.normalise != "no" else "," if data.spec.aggregate == "count" else ",.4~g"


def _measure(alt, data: ChartData, field: str, channel, **more):
    """Return the axis of a count or a measure: from zero, as shares where they are, stretched where asked."""
    axis = alt.Axis(format="%") if data.spec.normalise != "no" else alt.Undefined
    return channel(f"{field}:Q", title=data.titles["y"], axis=axis, **more)


def _histogram(base, data: ChartData, brush):
    import altair as alt

    x = _axis(alt, "x", "lo", data, alt.X)
    scale = alt.Scale(type="symlog") if data.spec.log_y else alt.Undefined
    tips = [_tip(alt, "x", "lo", data, "from"), _tip(alt, "x", "hi", data, "below"), _rows(alt)]
    field = "count"
    if data.spec.normalise != "no":
        field = "y"
        tips.append(alt.Tooltip("y:Q", title=data.titles["y"], format=".1%"))
    chart = base.mark_bar(binSpacing=1, orient="vertical").encode(
        x=x, x2="hi", y=_measure(alt, data, field, alt.Y, stack="zero", scale=scale), color=_colour(alt, data),
        tooltip=tips + _tips(alt, data), order=alt.Order("colour:N") if data.spec.colour else alt.Undefined,
    )  # fmt: skip
    return _with(chart, brush)


def _bar(base, data: ChartData, brush):
    import altair as alt

    order = data.orders["x"]
    scale = alt.Scale(type="symlog") if data.spec.log_y else alt.Undefined
    stack = "zero" if data.spec.aggregate in ("count", "sum") else None
    shift = (
        {"yOffset": alt.YOffset("colour:N", sort=data.orders["colour"])} if data.spec.colour and stack is None else {}
    )
    if brush is not None:
        shift["opacity"] = alt.condition(brush, alt.value(1), alt.value(0.35))
    chart = base.mark_bar().encode(
        y=alt.Y("x:N", title=data.titles["x"], sort=order, axis=alt.Axis(labelLimit=220)),
        x=_measure(alt, data, "y", alt.X, stack=stack, scale=scale), color=_colour(alt, data),
        tooltip=[alt.Tooltip("x:N", title=data.titles["x"]), alt.Tooltip("y:Q", title=data.titles["y"], format=_y_format(data)),
                 _rows(alt), *_tips(alt, data)], **shift,
    )  # fmt: skip
    return _with(chart, brush)


def _line(base, data: ChartData, brush):
    import altair as alt

    long = data.spec.kind == "series"
    zero = not long and data.spec.aggregate in ("count", "sum")
    scale = (
        alt.Scale(type="symlog")
        if data.spec.log_y and not long
        else alt.Scale(type="log")
        if data.spec.log_y
        else alt.Scale(zero=zero)
    )
    point = {"size": 22} if data.table.num_rows <= 200 and not data.spec.moving else False
    x = _axis(alt, "x", "x", data, alt.X)
    axis = alt.Axis(format="%") if data.spec.normalise != "no" else alt.Undefined
    tips = [_tip(alt, "x", "x", data, data.titles["x"]), alt.Tooltip("y:Q", title=data.titles["y"], format=".1%" if data.spec.normalise != "no" else ",.6~g"),
            _rows(alt), *_tips(alt, data)]  # fmt: skip
    faint = data.spec.moving and "moving" in data.table.column_names
    chart = base.mark_line(point=point, strokeWidth=1 if long or faint else 2, opacity=0.4 if faint else 1).encode(
        x=x, y=alt.Y("y:Q", title=data.titles["y"], scale=scale, axis=axis), color=_colour(alt, data), tooltip=tips
    )
    chart = _with(chart, brush)
    if not faint:
        return chart
    tips = [*tips, alt.Tooltip("moving:Q", title="moving mean", format=",.6~g")]
    bold = base.mark_line(strokeWidth=2.5).encode(x=x, y=alt.Y("moving:Q", title=data.titles["y"]), color=_colour(alt, data), tooltip=tips)  # fmt: skip
    return alt.layer(chart, bold)


def _area(base, data: ChartData, brush):
    import altair as alt

    stack = "zero" if data.spec.aggregate in ("count", "sum") else None
    tips = [_tip(alt, "x", "x", data, data.titles["x"]), alt.Tooltip("y:Q", title=data.titles["y"], format=_y_format(data)),
            _rows(alt), *_tips(alt, data)]  # fmt: skip
    chart = base.mark_area(opacity=0.85 if stack else 0.45, line=not data.spec.colour).encode(
        x=_axis(alt, "x", "x", data, alt.X), y=_measure(alt, data, "y", alt.Y, stack=stack),
        color=_colour(alt, data), tooltip=tips, order=alt.Order("colour:N") if data.spec.colour else alt.Undefined,
    )  # fmt: skip
    return _with(chart, brush)


def _scatter(base, data: ChartData, brush):
    import altair as alt

    x, y = _axis(alt, "x", "x", data, alt.X), _axis(alt, "y", "y", data, alt.Y)
    tips = [_tip(alt, "x", "x", data, data.titles["x"]), _tip(alt, "y", "y", data, data.titles["y"])]
    if data.shape == "points":
        opacity = 0.75 if data.table.num_rows < 1000 else 0.45
        size = {}
        if "size" in data.table.column_names:
            size = {"size": alt.Size("size:Q", title=data.titles["size"], scale=alt.Scale(range=[8, 420], zero=False))}
            tips.append(alt.Tooltip("size:Q", title=data.titles["size"], format=",.6~g"))
        mark = {"opacity": opacity} if size else {"size": 32, "opacity": opacity}
        chart = base.mark_circle(**mark).encode(
            x=x, y=y, color=_colour(alt, data), tooltip=tips + _tips(alt, data), **size
        )
        return _with(chart, brush)
    size = alt.Size("count:Q", title="rows", scale=alt.Scale(range=[4, 260]))
    chart = base.mark_circle(opacity=0.55).encode(
        x=x, y=y, size=size, color=_colour(alt, data), tooltip=[*tips, _rows(alt), *_tips(alt, data)]
    )
    return _with(chart, brush)


def _shades(dark: bool) -> list[str]:
    return ["#1D3A2D", "#3E9B70", "#C9F2DC"] if dark else ["#D5E8DD", "#2F7D5B", "#12372A"]


def _density(base, data: ChartData, dark: bool, brush):
    import altair as alt

    tips = [_tip(alt, role, role, data, f"{data.titles[role]} from") for role in ("x", "y")]
    chart = base.mark_rect().encode(
        x=_axis(alt, "x", "x", data, alt.X), x2="x2", y=_axis(alt, "y", "y", data, alt.Y), y2="y2",
        color=alt.Color("count:Q", title="rows", scale=alt.Scale(type="log", range=_shades(dark))),
        tooltip=[*tips, _rows(alt), *_tips(alt, data)],
    )  # fmt: skip
    return _with(chart, brush)


def _heat(base, data: ChartData, dark: bool, brush):
    import altair as alt

    mapped = data.spec.kind == "map"
    places, tips = {}, []
    for role, channel in (("x", alt.X), ("y", alt.Y)):
        if data.kinds[role] == "text":
            axis = alt.Axis(labelLimit=220 if role == "y" else 140)
            places[role] = channel(f"{role}:N", title=data.titles[role], sort=data.orders[role], axis=axis)
        else:
            degrees = "NS" if role == "y" else "EW"
            words = (
                f"abs(datum.value) + '°' + (datum.value > 0 ? ' {degrees[0]}' : datum.value < 0 ? ' {degrees[1]}' : '')"
            )
            axis = alt.Axis(labelExpr=words, grid=True, gridOpacity=0.6) if mapped else alt.Undefined
            places[role] = _axis(alt, role, role, data, channel, axis=axis)
            places[f"{role}2"] = f"{role}2"
        tips.append(_tip(alt, role, role, data, data.titles[role] + (" from" if data.kinds[role] != "text" else "")))
    scale = alt.Scale(range=_shades(dark), **({"type": "log"} if mapped and data.spec.aggregate == "count" else {}))
    if data.spec.aggregate != "count":
        tips.append(alt.Tooltip("value:Q", title=data.titles["colour"], format=",.6~g"))
    opacity = {} if brush is None or mapped else {"opacity": alt.condition(brush, alt.value(1), alt.value(0.35))}
    chart = base.mark_rect().encode(
        **places, color=alt.Color("value:Q", title=data.titles["colour"], scale=scale), tooltip=[*tips, _rows(alt), *_facet_tip(alt, data)], **opacity
    )  # fmt: skip
    return _with(chart, brush)


def _facet_tip(alt, data: ChartData) -> list:
    return [alt.Tooltip("facet:N", title=data.spec.facet)] if data.spec.facet else []


def _correlation(base, data: ChartData, dark: bool, brush):
    import altair as alt

    order = data.orders["a"]
    middle = "#262D2A" if dark else "#F4F2EB"
    tips = [alt.Tooltip("a:N", title="column"), alt.Tooltip("b:N", title="with"), alt.Tooltip("r:Q", title="together", format=".3f"),
            alt.Tooltip("method:N", title="measured by"), alt.Tooltip("n:Q", title="rows", format=",")]  # fmt: skip
    places = base.encode(
        x=alt.X("a:N", title=None, sort=order, axis=alt.Axis(labelLimit=140)),
        y=alt.Y("b:N", title=None, sort=order, axis=alt.Axis(labelLimit=220)),
        tooltip=tips,
    )
    cells = places.mark_rect().encode(
        color=alt.Color(
            "r:Q", title="together", scale=alt.Scale(domain=[-1, 0, 1], range=["#C2703D", middle, "#2F7D5B"])
        )
    )
    if len(order) > 14:
        return cells
    far = alt.condition("abs(datum.r) > 0.55", alt.value("#FFFFFF"), alt.value("#E8ECE9" if dark else "#1F2622"))
    return alt.layer(cells, places.mark_text(fontSize=11).encode(text=alt.Text("r:Q", format=".2f"), color=far))


def _season(base, data: ChartData, brush):
    import altair as alt

    tips = [_tip(alt, "x", "x", data, data.titles["x"]), alt.Tooltip("y:Q", format=",.6~g"), _rows(alt)]
    return base.mark_line(strokeWidth=1.5).encode(
        x=_axis(alt, "x", "x", data, alt.X),
        y=alt.Y("y:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=4)),
        color=alt.value(PALETTE[0]),
        tooltip=tips,
    )


def _box(base, data: ChartData, brush):
    import altair as alt

    grouped = bool(data.spec.x)
    where = alt.X("x:N", title=data.titles["x"], sort=data.orders.get("x")) if grouped else alt.value(120)
    scale = alt.Scale(type="log") if data.spec.log_y else alt.Scale(zero=False)
    names = {"high": "upper whisker", "q3": "upper quartile", "median": "median", "q1": "lower quartile", "low": "lower whisker",
             "min": "smallest", "max": "largest"}  # fmt: skip
    tips = [alt.Tooltip("x:N", title=data.titles["x"])] if grouped else []
    tips += [alt.Tooltip(f"{name}:Q", title=words, format=",.6~g") for name, words in names.items()]
    tips += [alt.Tooltip("outliers:Q", title="rows beyond the whiskers", format=","), _rows(alt)]
    shared = base.encode(x=where, tooltip=tips)
    y = alt.Y("low:Q", title=data.titles["y"], scale=scale)
    size = {"width": {"band": 0.65}} if grouped else {"size": 70}
    # Two halves in two shades meet at the median: bars follow the width of the band, as a tick would not.
    return alt.layer(
        shared.mark_rule(color=GREY).encode(y=y, y2="high:Q"),
        shared.mark_bar(color="#74B496", orient="vertical", **size).encode(y=alt.Y("q1:Q"), y2="median:Q"),
        shared.mark_bar(color=PALETTE[0], orient="vertical", **size).encode(y=alt.Y("median:Q"), y2="q3:Q"),
    )


def _violin(base, data: ChartData, brush):
    import altair as alt

    order = data.orders["x"]
    # Vega reads the labels as an expression: JSON strings are its strings, whatever a category is called.
    names = f"{json.dumps([name[:24] for name in order])}[datum.value]"
    axis = alt.Axis(
        values=list(range(len(order))), labelExpr=names, grid=False, labelAngle=-30 if len(order) > 6 else 0
    )
    x = alt.X("left:Q", title=data.titles["x"], scale=alt.Scale(domain=[-0.6, len(order) - 0.4], nice=False), axis=axis)
    scale = alt.Scale(type="log") if data.spec.log_y else alt.Scale(zero=False)
    tips = [alt.Tooltip("x:N", title=data.titles["x"] or "group"), alt.Tooltip("median:Q", format=",.6~g"),
            alt.Tooltip("q1:Q", title="lower quartile", format=",.6~g"), alt.Tooltip("q3:Q", title="upper quartile", format=",.6~g"), _rows(alt)]  # fmt: skip
    # Thin bars rather than an area: Vega-Lite draws no area across two number axes.
    wide = max(2, math.ceil(420 / 70))
    shape = base.mark_rule(strokeWidth=wide, color=PALETTE[0]).encode(
        x=x, x2="right:Q", y=alt.Y("y:Q", title=data.titles["y"], scale=scale), tooltip=tips
    )
    at = alt.X("place:Q", aggregate="min")
    bar = base.mark_rule(strokeWidth=5, color="#12372A", opacity=0.7).encode(
        x=at, y=alt.Y("q1:Q", aggregate="min"), y2=alt.Y2("q3:Q", aggregate="max"), detail="x:N"
    )
    dot = base.mark_point(filled=True, size=55, color="#FFFFFF", opacity=1).encode(x=at, y=alt.Y("median:Q", aggregate="min"), detail="x:N")  # fmt: skip
    return alt.layer(shape, bar, dot)
