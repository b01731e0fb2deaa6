"""What a chart asks (`ChartSpec`) and what comes back (`ChartData`): plain values, no database, no drawing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from transforms.catalog.rows import Condition

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["histogram", "bar", "line", "area", "scatter", "box", "violin", "heatmap", "correlation", "series", "season", "map"]  # fmt: skip
Aggregate = Literal["count", "mean", "sum", "median", "min", "max", "std"]
TimeUnit = Literal["auto", "year", "quarter", "month", "week", "day", "hour", "minute"]
Sort = Literal["auto", "value", "label", "count"]
Normalise = Literal["no", "share", "within"]

MAX_POINTS = 5_000  # a scatter of more rows is drawn as a density
MAX_MARKS = 4_000
MAX_COLOURS = 8
MAX_FACETS = 6
OTHER, MISSING = "(other)", "(missing)"
PALETTE = ["#2F7D5B", "#C2703D", "#4B6EA8", "#B8912F", "#8A5A9C", "#3E97A3", "#B04A5A", "#6E7F3A", "#8C948F"]

NEEDS = {
    "histogram": "How are the values of a number or date spread?",
    "bar": "How do categories compare, by count or by a number?",
    "line": "How does something develop over time, or over a number?",
    "area": "How do parts add up over time, or over a number?",
    "scatter": "How do two numbers go together?",
    "box": "How does a number spread within categories?",
    "violin": "What shape has the spread of a number within categories?",
    "heatmap": "How do two columns together go with a count or a number?",
    "correlation": "Which columns go together?",
    "series": "What does a long series of measurements look like, peaks included?",
    "season": "What is trend, what is season, what is left?",
    "map": "Where are the rows? Drawn without any map service: latitude and longitude with a grid of degrees.",
}

ROLES = {  # what a chart can show beside its kind
    "histogram": ("x", "colour", "facet"),
    "bar": ("x", "y", "colour", "facet"),
    "line": ("x", "y", "colour", "facet"),
    "area": ("x", "y", "colour", "facet"),
    "scatter": ("x", "y", "colour", "size", "facet"),
    "box": ("x", "y", "facet"),
    "violin": ("x", "y"),
    "heatmap": ("x", "y", "colour", "facet"),
    "correlation": ("columns",),
    "series": ("x", "y", "colour", "facet"),
    "season": ("x", "y"),
    "map": ("x", "y", "colour", "facet"),
}


class ChartSpec(BaseModel):
    """The question: what kind of chart, of which columns. JSON both ways.

    Of a heat map and a map, `colour` is the number that the cells aggregate; elsewhere it tells series apart.
    Of a map, `x` is the longitude and `y` the latitude, in degrees; both are found by name where they are not given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    x: str | None = None
    y: str | None = None
    colour: str | None = None
    size: str | None = None
    facet: str | None = None
    columns: tuple[str, ...] = Field((), max_length=25)  # of a correlation matrix; empty: the first that fit
    aggregate: Aggregate = "count"
    bins: int = Field(30, ge=2, le=200)
    top: int = Field(20, ge=1, le=100)
    time_unit: TimeUnit = "auto"
    sort: Sort = "auto"  # of categories; auto: texts by value, numbers and dates by themselves
    reverse: bool = False  # values and counts then go upwards, labels downwards
    normalise: Normalise = "no"  # share: of all rows shown; within: of each x, over its colours
    moving: int | None = Field(None, ge=2, le=1000)  # periods of a moving average
    period: int | None = Field(None, ge=2, le=1000)  # time units in one season; None: guessed
    log_x: bool = False
    log_y: bool = False
    filters: tuple[Condition, ...] = ()

    @property
    def used_columns(self) -> tuple[str, ...]:
        """Return the columns that the chart reads."""
        named = (self.x, self.y, self.colour, self.size, self.facet, *self.columns, *(f.column for f in self.filters))
        return tuple(dict.fromkeys(name for name in named if name))


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
    query: str = ""  # the SQL that gave `table`, over the view `chart_rows`
    where: str = ""  # the SQL of the view `chart_rows` over `raw`, the whole table
    classed: frozenset[str] = frozenset()  # roles whose categories are classes of numbers or dates

    @property
    def caption(self) -> str:
        """Say how many rows stand behind the chart and what was left out."""
        parts = [f"All {self.total:,} rows." if self.used == self.total else f"{self.used:,} of {self.total:,} rows."]
        if self.left_out:
            parts.append("Left out: " + ", ".join(f"{n:,} {why}" for why, n in self.left_out.items()) + ".")
        return " ".join((*parts, *self.notes))


def title(spec: ChartSpec) -> str:
    """Return what the chart shows, in words."""
    value = spec.colour if spec.kind in ("heatmap", "map") else spec.y
    measured = "rows" if spec.aggregate == "count" or not value else f"{spec.aggregate} of {value}"
    words = measured[0].upper() + measured[1:]
    said = {
        "histogram": f"Spread of {spec.x}",
        "bar": f"{words} by {spec.x}",
        "line": f"{words} by {spec.x}",
        "area": f"{words} by {spec.x}",
        "scatter": f"{spec.y} against {spec.x}",
        "box": f"Spread of {spec.y}" + (f" by {spec.x}" if spec.x else ""),
        "violin": f"Shape of {spec.y}" + (f" by {spec.x}" if spec.x else ""),
        "heatmap": f"{words} by {spec.x} and {spec.y}",
        "correlation": "Which columns go together",
        "series": f"{spec.y} over {spec.x}",
        "season": f"Trend and season of {'rows' if spec.aggregate == 'count' else measured} over {spec.x}",
        "map": f"{words} on the map",
    }[spec.kind]
    coloured = spec.colour and spec.kind in ("histogram", "bar", "line", "area", "scatter", "series")
    return said + (f", coloured by {spec.colour}" if coloured else "")
