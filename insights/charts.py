"""Charts: a question about a table, answered by DuckDB on all rows, then drawn from the few marks that come back.

`build` aggregates, `draw` makes an Altair chart. No row is dropped silently: a scatter of many rows becomes a density,
rare categories become "(other)", and `ChartData.caption` says how many rows stand behind the marks and which do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from insights.profile import kind_of
from transforms.errors import ColumnNotFound, InputError
from workspace.sql import ident, one_row, text

if TYPE_CHECKING:
    import altair as alt
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

Kind = Literal["histogram", "bar", "line", "scatter", "box"]
Aggregate = Literal["count", "mean", "sum", "median", "min", "max"]
TimeUnit = Literal["auto", "year", "quarter", "month", "week", "day", "hour", "minute"]

MAX_POINTS = 5_000  # a scatter of more rows is drawn as a density
MAX_MARKS = 4_000
MAX_COLOURS = 8
MAX_FACETS = 6
OTHER, MISSING = "(other)", "(missing)"
PALETTE = ["#2F7D5B", "#C2703D", "#4B6EA8", "#B8912F", "#8A5A9C", "#3E97A3", "#B04A5A", "#6E7F3A", "#8C948F"]
SECONDS = {
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "week": 604800,
    "month": 2629746,
    "quarter": 7889238,
    "year": 31556952,
}

NEEDS = {
    "histogram": "How are the values of a number or date spread?",
    "bar": "How do categories compare, by count or by a number?",
    "line": "How does something develop over time, or over a number?",
    "scatter": "How do two numbers go together?",
    "box": "How does a number spread within categories?",
}


class ChartSpec(BaseModel):
    """The question: what kind of chart, of which columns. JSON both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    x: str | None = None
    y: str | None = None
    colour: str | None = None
    facet: str | None = None
    aggregate: Aggregate = "count"
    bins: int = Field(30, ge=2, le=200)
    top: int = Field(20, ge=1, le=100)
    time_unit: TimeUnit = "auto"
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class ChartData:
    """The answer. `table` has plain column names (x, x2, y, count, colour, facet …), `titles` says what they stand for."""

    spec: ChartSpec
    table: pa.Table
    total: int
    used: int
    left_out: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    titles: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)  # column → number, time, text
    orders: dict[str, list[str]] = field(default_factory=dict)  # role → categories in drawing order
    shape: str = "marks"  # of a scatter: points, density or bubbles

    @property
    def caption(self) -> str:
        """Say how many rows stand behind the chart and what was left out."""
        parts = [f"All {self.total:,} rows." if self.used == self.total else f"{self.used:,} of {self.total:,} rows."]
        if self.left_out:
            parts.append("Left out: " + ", ".join(f"{n:,} {why}" for why, n in self.left_out.items()) + ".")
        return " ".join((*parts, *self.notes))


def build(con: DuckDBPyConnection, source: str, spec: ChartSpec) -> ChartData:
    """Aggregate all rows of `source` (SQL to stand behind FROM) into the marks of a chart.

    Raises:
        InputError: the chart needs another column or another kind of column.
        ColumnNotFound: a column that the table does not have.
    """
    relation = con.sql(f"SELECT * FROM {source}")
    types = {name: str(dtype) for name, dtype in zip(relation.columns, relation.types, strict=True)}
    for column in filter(None, (spec.x, spec.y, spec.colour, spec.facet)):
        if column not in types:
            raise ColumnNotFound.of(column, types)
    return _Builder(con, source, spec, types).build()


class _Builder:
    def __init__(self, con, source: str, spec: ChartSpec, types: dict[str, str]):
        self.con, self.source, self.spec, self.types = con, source, spec, types
        self.notes: list[str] = []
        self.left_out: dict[str, int] = {}
        self.orders: dict[str, list[str]] = {}
        self.titles = {role: getattr(spec, role) or "" for role in ("x", "y", "colour", "facet")}
        self.kinds: dict[str, str] = {}
        self.shape = "marks"
        self.total = one_row(con, f"SELECT count(*) FROM {source}")[0]

    # -- columns

    def kind(self, column: str) -> str:
        return kind_of(self.types[column])

    def need(self, role: str, *kinds: str) -> str:
        column = getattr(self.spec, role)
        words = {"number": "a number", "time": "a date"}
        wanted = " or ".join(words[k] for k in kinds) if kinds else "a column"
        if not column:
            raise InputError(f"A {self.spec.kind} chart needs {wanted} as {role}.", hint="Choose a column.")
        if kinds and self.kind(column) not in kinds:
            raise InputError(
                f"A {self.spec.kind} chart needs {wanted} as {role}, but {column!r} is {self.types[column].lower()}.",
                hint="Choose another column or chart, or change the column's type on the Prepare page.",
            )
        return column

    def value(self, column: str) -> str:
        """Return SQL for a usable value: a finite DOUBLE, or a TIMESTAMP."""
        name = ident(column)
        if self.kind(column) == "time":
            return f"(CASE WHEN isfinite({name}) THEN {name}::TIMESTAMP END)"
        if self.types[column] in ("FLOAT", "DOUBLE"):
            return f"(CASE WHEN isfinite({name}) THEN {name}::DOUBLE END)"
        return f"{name}::DOUBLE"

    def category(self, column: str, most: int) -> tuple[str, list[str]]:
        """Return SQL that names the category of a row, and the categories in order: the most frequent, the rest, missing.

        Numbers and dates with many values are cut into five classes of about equal size.
        """
        name = f"{ident(column)}::VARCHAR"
        known = f"{ident(column)} IS NOT NULL" + (
            f" AND NOT isnan({ident(column)})" if self.types[column] in ("FLOAT", "DOUBLE") else ""
        )
        gap = f"CASE WHEN NOT ({known}) THEN {text(MISSING)}"
        missing = one_row(self.con, f"SELECT count(*) FROM {self.source} WHERE NOT ({known})")[0]
        rows = self.con.execute(
            f"SELECT {name} FROM {self.source} WHERE {known} GROUP BY {ident(column)} ORDER BY count(*) DESC, {ident(column)} LIMIT {most + 1}"
        ).fetchall()
        values = [value for (value,) in rows]
        tail = [MISSING] if missing else []
        if len(values) <= most:
            if self.kind(column) in ("number", "time", "bool"):
                order = (
                    f"SELECT {name} FROM {self.source} WHERE {known} GROUP BY {ident(column)} ORDER BY {ident(column)}"
                )
                values = [value for (value,) in self.con.execute(order).fetchall()]
            return f"({gap} ELSE {name} END)", values + tail
        if self.kind(column) in ("number", "time") and self.spec.kind != "bar":
            return self.classes(column, gap, tail)
        kept = values[:most]
        listed = ", ".join(map(text, kept))
        distinct = one_row(self.con, f"SELECT count(DISTINCT {ident(column)}) FROM {self.source} WHERE {known}")[0]
        self.notes.append(f"{OTHER} is {distinct - most:,} more values of {column}.")
        return f"({gap} WHEN {name} IN ({listed}) THEN {name} ELSE {text(OTHER)} END)", [*kept, OTHER, *tail]

    def classes(self, column: str, gap: str, tail: list[str]) -> tuple[str, list[str]]:
        x = self.value(column)
        cuts = one_row(self.con, f"SELECT quantile_disc({x}, [0.2, 0.4, 0.6, 0.8]) FROM {self.source}")[0]
        cuts = sorted(set(cuts))
        shown = [f"{cut:g}" if isinstance(cut, int | float) else f"{cut:%Y-%m-%d}" for cut in cuts]
        literals = [repr(cut) if isinstance(cut, int | float) else f"TIMESTAMP '{cut}'" for cut in cuts]
        names = [
            f"up to {shown[0]}",
            *[f"{a} to {b}" for a, b in zip(shown, shown[1:], strict=False)],
            f"over {shown[-1]}",
        ]
        whens = " ".join(f"WHEN {x} <= {cut} THEN {text(name)}" for cut, name in zip(literals, names, strict=False))
        return f"({gap} {whens} ELSE {text(names[-1])} END)", [*names, *tail]

    def split(self) -> tuple[str, int]:
        """Return SQL of the columns colour and facet, and how many panels and colours there are at most."""
        parts, many = [], 1
        for role, most in (("colour", MAX_COLOURS), ("facet", MAX_FACETS)):
            column = getattr(self.spec, role)
            if column:
                sql, names = self.category(column, most)
                parts.append(f"{sql} AS {role}")
                self.orders[role] = names
                many *= len(names)
        return "".join(f", {part}" for part in parts), many

    # -- charts

    def build(self) -> ChartData:
        table = getattr(self, self.spec.kind)()
        used = self.total - sum(self.left_out.values())
        left_out = {why: n for why, n in self.left_out.items() if n}
        return ChartData(
            self.spec,
            table,
            self.total,
            used,
            left_out,
            tuple(self.notes),
            self.titles,
            self.kinds,
            self.orders,
            self.shape,
        )

    def arrow(self, query: str):
        return self.con.sql(query).to_arrow_table()

    def known(self, columns: dict[str, tuple[str, bool]], extra: str = "") -> str:
        """Return a SELECT of roles → values without rows that lack one; count what was left out and why.

        `columns` is {role: (column, is on a log scale)}.
        """
        values = {role: self.value(column) for role, (column, _) in columns.items()}
        gone = " OR ".join(f"{sql} IS NULL" for sql in values.values())
        low = " OR ".join(f"{values[role]} <= 0" for role, (_, log) in columns.items() if log) or "false"
        missing, not_positive = one_row(
            self.con, f"SELECT count(*) FILTER ({gone}), count(*) FILTER (NOT ({gone}) AND ({low})) FROM {self.source}"
        )
        names = " or ".join(column for column, _ in columns.values())
        self.left_out[f"without a known {names}"] = missing
        self.left_out["zero or negative, which a logarithmic scale cannot show"] = not_positive
        chosen = ", ".join(f"{sql} AS {role}" for role, sql in values.items())
        return f"SELECT {chosen}{extra} FROM {self.source} WHERE NOT ({gone}) AND NOT coalesce({low}, false)"

    def steps(self, values: str, role: str, bins: int, *, log: bool, time: bool) -> tuple[str, str]:
        """Return SQL for the low and high end of the bin of `role` in the SELECT `values`."""
        if time:
            unit = self.unit(values, role, bins)
            low = f"date_trunc('{unit}', {role})"
            return low, f"{low} + INTERVAL '{'3 months' if unit == 'quarter' else f'1 {unit}'}'"
        x = f"log10({role})" if log else role
        low, high = one_row(self.con, f"SELECT min({x}), max({x}) FROM ({values})")
        if low is None or low == high:
            return role, f"{role} + 1" if not log else f"{role} * 10"
        whole = _is_whole(self.types[getattr(self.spec, role)])
        step = (high - low) / bins if log else nice_step((high - low) / bins, whole=whole)
        # Rounding to 9 places keeps 0.3 / 0.1 = 2.9999999999999996 in the bin that starts at 0.3.
        place = f"floor(round({x} / {step!r}, 9))"
        if log:
            return f"power(10, {place} * {step!r})", f"power(10, ({place} + 1) * {step!r})"
        return f"round({place} * {step!r}, 12)", f"round(({place} + 1) * {step!r}, 12)"

    def unit(self, values: str, role: str, most: int) -> str:
        """Return the finest calendar unit that gives at most about `most` periods."""
        if self.spec.time_unit != "auto":
            return self.spec.time_unit
        span = one_row(self.con, f"SELECT coalesce(epoch(max({role})) - epoch(min({role})), 0) FROM ({values})")[0]
        return next((unit for unit, seconds in SECONDS.items() if span / seconds <= most), "year")

    def ends(self, kind: str, *columns: str) -> str:
        """Return SQL of ends of bins: numbers as they are, times as local ISO text, which Vega shows unshifted."""
        return ", ".join(f"strftime({c}, '%Y-%m-%dT%H:%M:%S') AS {c}" if kind == "time" else c for c in columns)

    def histogram(self):
        column = self.need("x", "number", "time")
        kind = self.kinds["x"] = self.kind(column)
        split, many = self.split()
        values = self.known({"x": (column, self.spec.log_x and kind == "number")}, split)
        bins = max(2, min(self.spec.bins, MAX_MARKS // many))
        low, high = self.steps(values, "x", bins, log=self.spec.log_x, time=kind == "time")
        by = "".join(f", {role}" for role in self.orders)
        self.titles["y"] = "rows"
        counted = f"SELECT {low} AS lo, {high} AS hi{by}, count(*) AS count FROM ({values}) GROUP BY ALL"
        return self.arrow(f"SELECT {self.ends(kind, 'lo', 'hi')}{by}, count FROM ({counted}) ORDER BY ALL")

    def measure(self) -> str:
        """Return SQL of the aggregate over the column y of a SELECT."""
        if self.spec.aggregate == "count":
            self.titles["y"] = "rows"
            return "count(*)"
        column = self.need("y", "number")
        self.titles["y"] = f"{self.spec.aggregate} of {column}"
        return {"mean": "avg"}.get(self.spec.aggregate, self.spec.aggregate) + "(y)"

    def with_y(self) -> dict[str, tuple[str, bool]]:
        return {} if self.spec.aggregate == "count" else {"y": (self.need("y", "number"), False)}

    def bar(self):
        column = self.need("x")
        self.kinds["x"] = "text"
        measure = self.measure()
        name, self.orders["x"] = self.category(column, self.spec.top)
        split, _ = self.split()
        by = "".join(f", {role}" for role in self.orders if role != "x")
        known = self.with_y()
        values = (
            self.known(known, f", {name} AS x{split}") if known else f"SELECT {name} AS x{split} FROM {self.source}"
        )
        table = self.arrow(f"SELECT x{by}, {measure} AS y, count(*) AS count FROM ({values}) GROUP BY ALL ORDER BY ALL")
        if self.kind(column) not in ("number", "time", "bool"):
            self._order_bars(values, measure)
        return table

    def _order_bars(self, values: str, measure: str) -> None:
        """Order categories by their bar, the rest and the missing last."""
        rows = self.con.execute(f"SELECT x FROM ({values}) GROUP BY x ORDER BY {measure} DESC NULLS LAST, x").fetchall()
        found = [name for (name,) in rows]
        self.orders["x"] = [n for n in found if n not in (OTHER, MISSING)] + [n for n in (OTHER, MISSING) if n in found]

    def line(self):
        column = self.need("x", "number", "time")
        kind = self.kinds["x"] = self.kind(column)
        measure = self.measure()
        split, many = self.split()
        values = self.known({"x": (column, self.spec.log_x and kind == "number"), **self.with_y()}, split)
        by = "".join(f", {role}" for role in self.orders)
        most = max(10, min(400, MAX_MARKS // many))
        distinct = one_row(self.con, f"SELECT approx_count_distinct(x) FROM ({values})")[0]
        if kind == "number" and distinct <= min(most, 200):
            start = "x"
        else:
            start, _ = self.steps(
                values, "x", most if kind == "time" else min(most, 100), log=self.spec.log_x, time=kind == "time"
            )
            if kind == "time":
                self.notes.append(f"One point per {self.unit(values, 'x', most)}.")
            else:
                self.notes.append("Values of x are joined into bins; each point stands at the start of its bin.")
        grouped = f"SELECT {start} AS x{by}, {measure} AS y, count(*) AS count FROM ({values}) GROUP BY ALL"
        return self.arrow(f"SELECT {self.ends(kind, 'x')}{by}, y, count FROM ({grouped}) ORDER BY ALL")

    def scatter(self):
        x, y = self.need("x", "number", "time"), self.need("y", "number", "time")
        self.kinds.update(x=self.kind(x), y=self.kind(y))
        split, many = self.split()
        values = self.known(
            {
                "x": (x, self.spec.log_x and self.kinds["x"] == "number"),
                "y": (y, self.spec.log_y and self.kinds["y"] == "number"),
            },
            split,
        )
        by = "".join(f", {role}" for role in self.orders)
        used = self.total - sum(self.left_out.values())
        if used <= MAX_POINTS:
            self.shape = "points"
            return self.arrow(
                f"SELECT {self.ends(self.kinds['x'], 'x')}, {self.ends(self.kinds['y'], 'y')}{by}, 1 AS count FROM ({values})"
            )
        self.shape = "bubbles" if self.spec.colour else "density"
        across = max(6, min(60, int(math.sqrt(MAX_MARKS / many * 1.5))))
        down = max(4, int(across / 1.5))
        x_low, x_high = self.edges(values, "x", across)
        y_low, y_high = self.edges(values, "y", down)
        self.notes.append(f"More than {MAX_POINTS:,} rows: each mark counts the rows in one cell of a grid.")
        cells = f"SELECT {x_low} AS x, {x_high} AS x2, {y_low} AS y, {y_high} AS y2{by}, count(*) AS count FROM ({values}) GROUP BY ALL"
        ends = f"{self.ends(self.kinds['x'], 'x', 'x2')}, {self.ends(self.kinds['y'], 'y', 'y2')}"
        return self.arrow(f"SELECT {ends}{by}, count FROM ({cells}) ORDER BY ALL")

    def edges(self, values: str, role: str, bins: int) -> tuple[str, str]:
        """As `steps`, but times are cut evenly, so that a density keeps its grid."""
        if self.kinds[role] != "time":
            log = getattr(self.spec, f"log_{role}")
            return self.steps(values, role, bins, log=log, time=False)
        low, high = one_row(self.con, f"SELECT min(epoch({role})), max(epoch({role})) FROM ({values})")
        step = max(1.0, ((high or 0) - (low or 0)) / bins)
        place = f"floor((epoch({role}) - {low or 0!r}) / {step!r})"
        moment = "make_timestamp((({place}) * {step!r} + {low!r})::BIGINT * 1000000)"
        return (
            moment.format(place=place, step=step, low=low or 0),
            moment.format(place=f"{place} + 1", step=step, low=low or 0),
        )

    def box(self):
        column = self.need("y", "number")
        self.kinds["x"] = "text"
        by = []
        split = ""
        for role, most in (("x", self.spec.top), ("facet", MAX_FACETS)):
            if chosen := getattr(self.spec, role):
                sql, self.orders[role] = self.category(chosen, most)
                split += f", {sql} AS {role}"
                by.append(role)
        values = self.known({"y": (column, self.spec.log_y)}, split)
        keys = "".join(f"{role}, " for role in by)
        using = f"JOIN q USING ({', '.join(by)})" if by else "CROSS JOIN q"
        inside = "y BETWEEN q1 - 1.5 * (q3 - q1) AND q3 + 1.5 * (q3 - q1)"
        return self.arrow(
            f"WITH v AS ({values}), q AS (SELECT {keys}quantile_cont(y, 0.25) AS q1, quantile_cont(y, 0.5) AS median, "
            f"quantile_cont(y, 0.75) AS q3 FROM v {'GROUP BY ' + ', '.join(by) if by else ''}) "
            f"SELECT {keys}any_value(q1) AS q1, any_value(median) AS median, any_value(q3) AS q3, "
            f"min(y) FILTER ({inside}) AS low, max(y) FILTER ({inside}) AS high, count(*) AS count, "
            f"count(*) FILTER (NOT ({inside})) AS outliers, min(y) AS min, max(y) AS max "
            f"FROM v {using} {'GROUP BY ' + ', '.join(by) if by else ''} ORDER BY ALL"
        )


def nice_step(step: float, *, whole: bool = False) -> float:
    """Return the smallest 1, 2, 2.5 or 5 times a power of ten that is at least `step`.

    With `whole` the step is a whole number, so that every bin holds the same number of whole values.
    """
    power = 10.0 ** math.floor(math.log10(step))
    steps = (power * m for m in (1, 2, 2.5, 5, 10, 20))
    return (
        next(s for s in steps if s >= step * (1 - 1e-12) and (not whole or s == round(s) >= 1))
        if step >= 1 or not whole
        else 1.0
    )


def _is_whole(dtype: str) -> bool:
    return kind_of(dtype) == "number" and dtype not in ("FLOAT", "DOUBLE") and not dtype.startswith("DECIMAL")


# ---- drawing


def draw(
    data: ChartData, *, height: int = 420, dark: bool = False, across: int = 3, panel: int = 260
) -> alt.Chart | alt.FacetChart | alt.LayerChart:
    """Return an Altair chart of the marks; its data are inline, at most a few thousand rows.

    Args:
        height: in pixels.
        dark: for a dark page: a density then shines where there are many rows.
        across: how many panels stand side by side.
        panel: width of one panel in pixels; a chart without panels takes the width it is given.
    """
    import altair as alt

    rows = [{key: _plain(value) for key, value in row.items()} for row in data.table.to_pylist()]
    # In panels the data belong to the facet: a chart with data of its own would show all of them in every panel.
    base = alt.Chart() if data.spec.facet else alt.Chart(alt.Data(values=rows))
    makers = {"histogram": _histogram, "bar": _bar, "line": _line, "scatter": _scatter, "box": _box}
    chart = _density(base, data, dark) if data.shape == "density" else makers[data.spec.kind](base, data)
    if data.spec.facet:
        order = data.orders["facet"]
        columns = max(1, min(across, len(order)))
        return chart.properties(width=panel, height=200).facet(
            facet=alt.Facet("facet:N", title=data.spec.facet, sort=order), columns=columns, data=alt.Data(values=rows)
        )
    return chart.properties(width="container", height=height)


def to_html(data: ChartData) -> str:
    """Return the chart as one HTML page that needs nothing from the network."""
    return _standalone(data).to_html(inline=True)


def to_image(data: ChartData, kind: Literal["png", "svg"], *, scale: float = 2.0) -> bytes:
    """Return the chart as PNG or SVG bytes."""
    import vl_convert

    spec = _standalone(data).to_json()
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


def _standalone(data: ChartData):
    chart = draw(data)
    if not data.spec.facet:
        chart = chart.properties(width=820)
    return chart.properties(title={"text": title(data.spec), "subtitle": data.caption}).configure(
        background="#FFFFFF", font="Inter, Segoe UI, sans-serif", range={"category": PALETTE}
    ).configure_view(stroke=None)  # fmt: skip


def title(spec: ChartSpec) -> str:
    """Return what the chart shows, in words."""
    measured = "rows" if spec.aggregate == "count" or not spec.y else f"{spec.aggregate} of {spec.y}"
    said = {
        "histogram": f"Spread of {spec.x}",
        "bar": f"{measured[0].upper()}{measured[1:]} by {spec.x}",
        "line": f"{measured[0].upper()}{measured[1:]} by {spec.x}",
        "scatter": f"{spec.y} against {spec.x}",
        "box": f"Spread of {spec.y}" + (f" by {spec.x}" if spec.x else ""),
    }[spec.kind]
    return said + (f", coloured by {spec.colour}" if spec.colour and spec.kind != "box" else "")


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return float(value) if hasattr(value, "as_tuple") else value


def _axis(alt, role: str, field_name: str, data: ChartData, channel):
    kind = "T" if data.kinds.get(role) == "time" else "Q"
    log = getattr(data.spec, f"log_{role}", False) and kind == "Q"
    scale = alt.Scale(type="log") if log else alt.Scale(zero=False) if kind == "Q" else alt.Undefined
    return channel(f"{field_name}:{kind}", title=data.titles[role], scale=scale)


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


def _tips(alt, data: ChartData, **named: str) -> list:
    """Return tooltips: field → title; with colour and facet where there are any."""
    tips = [alt.Tooltip(field_name, title=words) for field_name, words in named.items() if words]
    tips += [
        alt.Tooltip(f"{role}:N", title=getattr(data.spec, role))
        for role in ("colour", "facet")
        if role in data.table.column_names
    ]
    return tips


def _tip(alt, role: str, field_name: str, data: ChartData, words: str):
    if data.kinds.get(role) == "time":
        return alt.Tooltip(f"{field_name}:T", title=words, format="%Y-%m-%d %H:%M")
    return alt.Tooltip(f"{field_name}:{'N' if data.kinds.get(role) == 'text' else 'Q'}", title=words)


def _histogram(base, data: ChartData):
    import altair as alt

    x = _axis(alt, "x", "lo", data, alt.X)
    scale = alt.Scale(type="symlog") if data.spec.log_y else alt.Undefined
    tips = [
        _tip(alt, "x", "lo", data, "from"),
        _tip(alt, "x", "hi", data, "below"),
        alt.Tooltip("count:Q", title="rows", format=","),
    ]
    return base.mark_bar(binSpacing=1, orient="vertical").encode(
        x=x, x2="hi", y=alt.Y("count:Q", title="rows", stack="zero", scale=scale), color=_colour(alt, data),
        tooltip=tips + _tips(alt, data), order=alt.Order("colour:N") if data.spec.colour else alt.Undefined,
    )  # fmt: skip


def _bar(base, data: ChartData):
    import altair as alt

    order = data.orders["x"]
    scale = alt.Scale(type="symlog") if data.spec.log_y else alt.Undefined
    stack = "zero" if data.spec.aggregate in ("count", "sum") else None
    shift = (
        {"yOffset": alt.YOffset("colour:N", sort=data.orders["colour"])} if data.spec.colour and stack is None else {}
    )
    return base.mark_bar().encode(
        y=alt.Y("x:N", title=data.titles["x"], sort=order, axis=alt.Axis(labelLimit=220)),
        x=alt.X("y:Q", title=data.titles["y"], stack=stack, scale=scale), color=_colour(alt, data),
        tooltip=[alt.Tooltip("x:N", title=data.titles["x"]), alt.Tooltip("y:Q", title=data.titles["y"], format=",.4~g" if data.spec.aggregate != "count" else ","),
                 alt.Tooltip("count:Q", title="rows", format=","), *_tips(alt, data)], **shift,
    )  # fmt: skip


def _line(base, data: ChartData):
    import altair as alt

    scale = alt.Scale(type="symlog") if data.spec.log_y else alt.Scale(zero=data.spec.aggregate in ("count", "sum"))
    point = {"size": 22} if data.table.num_rows <= 200 else False
    return base.mark_line(point=point, strokeWidth=2).encode(
        x=_axis(alt, "x", "x", data, alt.X), y=alt.Y("y:Q", title=data.titles["y"], scale=scale), color=_colour(alt, data),
        tooltip=[_tip(alt, "x", "x", data, data.titles["x"]), alt.Tooltip("y:Q", title=data.titles["y"], format=",.6~g"),
                 alt.Tooltip("count:Q", title="rows", format=","), *_tips(alt, data)],
    )  # fmt: skip


def _scatter(base, data: ChartData):
    import altair as alt

    x, y = _axis(alt, "x", "x", data, alt.X), _axis(alt, "y", "y", data, alt.Y)
    rows = alt.Tooltip("count:Q", title="rows", format=",")
    tips = [_tip(alt, "x", "x", data, data.titles["x"]), _tip(alt, "y", "y", data, data.titles["y"])]
    if data.shape == "points":
        opacity = 0.75 if data.table.num_rows < 1000 else 0.45
        return base.mark_circle(size=32, opacity=opacity).encode(
            x=x, y=y, color=_colour(alt, data), tooltip=tips + _tips(alt, data)
        )
    size = alt.Size("count:Q", title="rows", scale=alt.Scale(range=[4, 260]))
    return base.mark_circle(opacity=0.55).encode(
        x=x, y=y, size=size, color=_colour(alt, data), tooltip=[*tips, rows, *_tips(alt, data)]
    )


def _density(base, data: ChartData, dark: bool):
    import altair as alt

    shades = ["#1D3A2D", "#3E9B70", "#C9F2DC"] if dark else ["#D5E8DD", "#2F7D5B", "#12372A"]
    tips = [_tip(alt, role, role, data, f"{data.titles[role]} from") for role in ("x", "y")]
    return base.mark_rect().encode(
        x=_axis(alt, "x", "x", data, alt.X), x2="x2", y=_axis(alt, "y", "y", data, alt.Y), y2="y2",
        color=alt.Color("count:Q", title="rows", scale=alt.Scale(type="log", range=shades)),
        tooltip=[*tips, alt.Tooltip("count:Q", title="rows", format=","), *_tips(alt, data)],
    )  # fmt: skip


def _box(base, data: ChartData):
    import altair as alt

    grouped = bool(data.spec.x)
    where = alt.X("x:N", title=data.titles["x"], sort=data.orders.get("x")) if grouped else alt.value(120)
    scale = alt.Scale(type="log") if data.spec.log_y else alt.Scale(zero=False)
    names = {"high": "upper whisker", "q3": "upper quartile", "median": "median", "q1": "lower quartile", "low": "lower whisker",
             "min": "smallest", "max": "largest"}  # fmt: skip
    tips = [alt.Tooltip("x:N", title=data.titles["x"])] if grouped else []
    tips += [alt.Tooltip(f"{name}:Q", title=words, format=",.6~g") for name, words in names.items()]
    tips += [
        alt.Tooltip("outliers:Q", title="rows beyond the whiskers", format=","),
        alt.Tooltip("count:Q", title="rows", format=","),
    ]
    shared = base.encode(x=where, tooltip=tips)
    y = alt.Y("low:Q", title=data.titles["y"], scale=scale)
    size = {"width": {"band": 0.65}} if grouped else {"size": 70}
    # Two halves in two shades meet at the median: bars follow the width of the band, as a tick would not.
    return alt.layer(
        shared.mark_rule(color="#8C948F").encode(y=y, y2="high:Q"),
        shared.mark_bar(color="#74B496", orient="vertical", **size).encode(y=alt.Y("q1:Q"), y2="median:Q"),
        shared.mark_bar(color=PALETTE[0], orient="vertical", **size).encode(y=alt.Y("median:Q"), y2="q3:Q"),
    )
