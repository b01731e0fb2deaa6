"""What every chart needs of the table: columns by kind, usable values, categories, bins, and what was left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from insights.charts.spec import (
    MAX_COLOURS,
    MAX_FACETS,
    MAX_MARKS,
    MISSING,
    OTHER,
    ROLES,
    ChartData,
    ChartSpec,
)
from insights.profile import kind_of
from transforms.errors import ColumnNotFound, InputError
from workspace.sql import ident, one_row, text, type_name

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROWS = "chart_rows"  # a view of the rows that the filters keep; the code we export makes the same view
SECONDS = {
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "week": 604800,
    "month": 2629746,
    "quarter": 7889238,
    "year": 31556952,
}
MEASURES = {"mean": "avg", "std": "stddev_samp"}


class Frame:
    """One question to one table; the functions that make marks ask it and leave their notes here."""

    def __init__(self, con: DuckDBPyConnection, source: str, spec: ChartSpec):
        relation = con.sql(f"SELECT * FROM {source}")
        self.dtypes = dict(zip(relation.columns, relation.types, strict=True))
        self.types = {name: str(dtype) for name, dtype in self.dtypes.items()}
        for column in spec.used_columns:
            if column not in self.types:
                raise ColumnNotFound.of(column, self.types)
        for role in ("x", "y", "colour", "size", "facet", "columns"):
            if getattr(spec, role) and role not in ROLES[spec.kind]:
                raise InputError(f"A {spec.kind} chart has no {role}.", hint="Leave it out, or choose another chart.")
        self.con, self.source, self.spec = con, source, spec
        self.notes: list[str] = []
        self.left_out: dict[str, int] = {}
        self.orders: dict[str, list[str]] = {}
        self.titles = {role: getattr(spec, role) or "" for role in ("x", "y", "colour", "size", "facet")}
        self.kinds: dict[str, str] = {}
        self.classed: set[str] = set()
        self.ranges: dict[str, tuple] = {}  # role → smallest and largest value shown
        self.shape, self.query, self.where = "marks", "", ""
        self.total = self.count = 0

    # ---- the rows

    def open(self) -> None:
        """Make the view of the rows that the filters keep, and count."""
        self.where = self._filtered()
        rows = "SELECT * FROM raw" if not self.where else self.where
        self.con.execute(
            f"CREATE OR REPLACE TEMP VIEW {ROWS} AS WITH raw AS (SELECT * FROM {self.source}) FROM ({rows})"
        )
        self.count = self.total = one_row(self.con, f"SELECT count(*) FROM {self.source}")[0]
        if self.where:
            self.count = one_row(self.con, f"SELECT count(*) FROM {ROWS}")[0]
            self.left_out["that the filters do not keep"] = self.total - self.count

    def close(self) -> None:
        self.con.execute(f"DROP VIEW IF EXISTS {ROWS}")

    def _filtered(self) -> str:
        """Return SQL for the rows that meet the filters: the very expression of the step "Filter rows"."""
        if not self.spec.filters:
            return ""
        import ibis

        from transforms.catalog.rows import FilterRows

        step = FilterRows(conditions=self.spec.filters)
        schema = {f.column: type_name(self.dtypes[f.column]) for f in self.spec.filters}
        # Decimals are compared as what people type: the step takes their text for a string.
        schema = {name: "float64" if dtype.startswith("decimal") else dtype for name, dtype in schema.items()}
        try:
            table = ibis.table(schema, name="raw")
            step.check_columns(table.schema())
            return str(ibis.to_sql(step.apply(table, {}), dialect="duckdb"))
        except (ibis.common.exceptions.IbisError, NotImplementedError) as error:
            named = ", ".join(repr(f.column) for f in self.spec.filters)
            raise InputError(
                f"A filter does not fit its column ({named}).",
                hint="Test it for missing values, or choose another column.",
            ) from error

    def data(self, table) -> ChartData:
        used = self.total - sum(self.left_out.values())
        left_out = {why: n for why, n in self.left_out.items() if n}
        return ChartData(self.spec, table, self.total, used, left_out, tuple(self.notes), self.titles, self.kinds, self.orders,
                         self.shape, self.query, self.where, frozenset(self.classed))  # fmt: skip

    def arrow(self, query: str):
        self.query = query
        return self.con.sql(query).to_arrow_table()

    # ---- columns

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

    def is_known(self, column: str) -> str:
        name = ident(column)
        return f"({name} IS NOT NULL" + (
            f" AND NOT isnan({name}))" if self.types[column] in ("FLOAT", "DOUBLE") else ")"
        )

    def category(self, column: str, most: int, role: str = "") -> tuple[str, list[str]]:
        """Return SQL that names the category of a row, and the categories in order: the most frequent, the rest, missing.

        Numbers and dates with many values are cut into five classes of about equal size.
        """
        v, known = ident(column), self.is_known(column)
        rows = self.con.execute(
            f"WITH g AS (SELECT {v} AS v, {known} AS known, count(*) AS n FROM {ROWS} GROUP BY {v}, known), "
            f"top AS (SELECT *, count(*) FILTER (known) OVER () AS many FROM g ORDER BY known, n DESC, v LIMIT {most + 3}) "
            "SELECT v::VARCHAR, known, n, many, row_number() OVER (ORDER BY v) FROM top ORDER BY known, n DESC, v"
        ).fetchall()
        name = f"{v}::VARCHAR"
        gap = f"CASE WHEN NOT {known} THEN {text(MISSING)}"
        tail = [MISSING] if any(not row[1] for row in rows) else []
        rows = [row for row in rows if row[1]]
        distinct = rows[0][3] if rows else 0
        ordinal = self.kind(column) in ("number", "time", "bool")
        sort = {"auto": "label" if ordinal and distinct <= most else "count", "value": "count"}.get(
            self.spec.sort, self.spec.sort
        )
        if distinct > most and self.kind(column) in ("number", "time") and (self.spec.kind != "bar" or role != "x"):
            self.classed.add(role)
            return self._classes(column, gap, tail)
        kept = rows[:most]
        if sort == "label":
            kept = sorted(kept, key=lambda row: row[4])
        names = [row[0] for row in kept]
        if self.spec.reverse and role in ("x", "y"):
            names.reverse()
        if distinct <= most:
            return f"({gap} ELSE {name} END)", names + tail
        listed = ", ".join(map(text, names))
        self.notes.append(f"{OTHER} is {distinct - most:,} more values of {column}.")
        return f"({gap} WHEN {name} IN ({listed}) THEN {name} ELSE {text(OTHER)} END)", [*names, OTHER, *tail]

    def _classes(self, column: str, gap: str, tail: list[str]) -> tuple[str, list[str]]:
        x = self.value(column)
        cuts = one_row(self.con, f"SELECT quantile_disc({x}, [0.2, 0.4, 0.6, 0.8]) FROM {ROWS}")[0]
        cuts = sorted(set(cuts))
        shown = [f"{cut:g}" if isinstance(cut, int | float) else f"{cut:%Y-%m-%d}" for cut in cuts]
        if len(set(shown)) < len(shown):  # dates of one day, or numbers alike in six places
            shown = [repr(cut) if isinstance(cut, int | float) else f"{cut:%Y-%m-%d %H:%M:%S}" for cut in cuts]
        literals = [repr(cut) if isinstance(cut, int | float) else f"TIMESTAMP '{cut}'" for cut in cuts]
        names = [
            f"up to {shown[0]}",
            *[f"{a} to {b}" for a, b in zip(shown, shown[1:], strict=False)],
            f"over {shown[-1]}",
        ]
        whens = " ".join(f"WHEN {x} <= {cut} THEN {text(name)}" for cut, name in zip(literals, names, strict=False))
        return f"({gap} {whens} ELSE {text(names[-1])} END)", [*names, *tail]

    def split(self, *roles: str) -> tuple[str, int]:
        """Return SQL of the columns colour and facet, and how many panels and colours there are at most."""
        parts, many = [], 1
        for role in roles or ("colour", "facet"):
            column = getattr(self.spec, role)
            if column:
                sql, names = self.category(column, {"colour": MAX_COLOURS, "facet": MAX_FACETS}[role], role)
                parts.append(f"{sql} AS {role}")
                self.orders[role] = names
                many *= max(1, len(names))
        return "".join(f", {part}" for part in parts), many

    def by(self, *more: str) -> str:
        """Return `, colour, facet` for those there are."""
        return "".join(f", {role}" for role in (*more, "colour", "facet") if role in self.orders)

    # ---- values

    def known(self, columns: dict[str, tuple[str, bool]], extra: str = "", also: str = "true") -> str:
        """Return a SELECT of roles → values without rows that lack one; count what was left out and why.

        `columns` is {role: (column, is on a log scale)}; `also` is a further condition, counted by the caller.
        One scan counts and finds the ends of every role.
        """
        values = {role: self.value(column) for role, (column, _) in columns.items()}
        gone = " OR ".join(f"{sql} IS NULL" for sql in values.values())
        low = " OR ".join(f"{values[role]} <= 0" for role, (_, log) in columns.items() if log) or "false"
        kept = f"NOT ({gone}) AND NOT coalesce({low}, false) AND {also}"
        ends = "".join(f", min({sql}) FILTER ({kept}), max({sql}) FILTER ({kept})" for role, sql in values.items())
        missing, not_positive, *found = one_row(
            self.con, f"SELECT count(*) FILTER ({gone}), count(*) FILTER (NOT ({gone}) AND ({low})){ends} FROM {ROWS}"
        )
        self.ranges = {role: (found[2 * i], found[2 * i + 1]) for i, role in enumerate(values)}
        names = " or ".join(dict.fromkeys(column for column, _ in columns.values()))
        self.left_out[f"without a known {names}"] = missing
        self.left_out["zero or negative, which a logarithmic scale cannot show"] = not_positive
        chosen = ", ".join(f"{sql} AS {role}" for role, sql in values.items())
        return f"SELECT {chosen}{extra} FROM {ROWS} WHERE {kept}"

    @property
    def used(self) -> int:
        return self.total - sum(self.left_out.values())

    def steps(self, role: str, bins: int, *, log: bool) -> tuple[str, str]:
        """Return SQL for the low and high end of the bin of the number `role`, after `known`."""
        low, high = self.ranges[role]
        if log and low is not None:
            low, high = math.log10(low), math.log10(high)
        if low is None or low == high:
            return role, f"{role} + 1" if not log else f"{role} * 10"
        whole = is_whole(self.types[getattr(self.spec, role)])
        step = (high - low) / bins if log else nice_step((high - low) / bins, whole=whole)
        # Rounding to 9 places keeps 0.3 / 0.1 = 2.9999999999999996 in the bin that starts at 0.3.
        place = f"floor(round({f'log10({role})' if log else role} / {step!r}, 9))"
        if log:
            return f"power(10, {place} * {step!r})", f"power(10, ({place} + 1) * {step!r})"
        return f"round({place} * {step!r}, 12)", f"round(({place} + 1) * {step!r}, 12)"

    def periods(self, role: str, most: int) -> tuple[str, str]:
        """Return SQL for the start and end of the calendar period of the time `role`, after `known`."""
        unit = self.unit(role, most)
        low = f"date_trunc('{unit}', {role})"
        return low, f"{low} + {interval(unit)}"

    def unit(self, role: str, most: int) -> str:
        """Return the finest calendar unit that gives at most about `most` periods."""
        if self.spec.time_unit != "auto":
            return self.spec.time_unit
        low, high = self.ranges[role]
        span = (high - low).total_seconds() if low else 0
        return next((unit for unit, seconds in SECONDS.items() if span / seconds <= most), "year")

    def edges(self, role: str, bins: int) -> tuple[str, str]:
        """As `steps`, but times are cut evenly, so that a density keeps its grid."""
        if self.kinds[role] != "time":
            return self.steps(role, bins, log=getattr(self.spec, f"log_{role}"))
        low, high = self.ranges[role]
        step = max(1.0, (high - low).total_seconds() / bins) if low else 1.0
        start = f"epoch(TIMESTAMP '{low or '1970-01-01'}')"
        place = f"floor((epoch({role}) - {start}) / {step!r})"
        moment = "make_timestamp((({place}) * {step!r} + {start})::BIGINT * 1000000)"
        return (
            moment.format(place=place, step=step, start=start),
            moment.format(place=f"{place} + 1", step=step, start=start),
        )

    def iso(self, kind: str, *columns: str) -> str:
        """Return SQL of ends of bins: numbers as they are, times as local ISO text, which Vega shows unshifted."""
        return ", ".join(f"strftime({c}, '%Y-%m-%dT%H:%M:%S') AS {c}" if kind == "time" else c for c in columns)

    # ---- measures

    def measure(self, role: str = "y") -> str:
        """Return SQL of the aggregate over the column `role` of a SELECT."""
        if self.spec.aggregate == "count":
            self.titles[role] = "rows"
            return "count(*)"
        column = self.need(role, "number")
        self.titles[role] = f"{self.spec.aggregate} of {column}"
        return MEASURES.get(self.spec.aggregate, self.spec.aggregate) + f"({role})"

    def measured(self, role: str = "y", *, log: bool = False) -> dict[str, tuple[str, bool]]:
        return {} if self.spec.aggregate == "count" else {role: (self.need(role, "number"), log)}

    def share(self, field: str, within: str) -> str:
        """Return SQL of `field` as the chart is normalised: as it is, a share of all, or of all with the same `within`."""
        if self.spec.normalise == "no":
            return field
        if self.spec.kind != "histogram" and self.spec.aggregate not in ("count", "sum"):
            raise InputError(
                f"Shares need a count or a sum: the {self.spec.aggregate} of parts does not add up.",
                hint="Choose count or sum, or no shares.",
            )
        self.titles["y"] = f"share of {self.titles['y']}"
        panels = ["facet"] if "facet" in self.orders else []
        groups = ", ".join([within, *panels] if self.spec.normalise == "within" else panels)
        return f"{field}::DOUBLE / nullif(sum({field}) OVER ({f'PARTITION BY {groups}' if groups else ''}), 0)"

    def most_marks(self, many: int) -> int:
        return max(2, MAX_MARKS // many)


def interval(unit: str) -> str:
    return f"INTERVAL '{'3 months' if unit == 'quarter' else f'1 {unit}'}'"


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


def is_whole(dtype: str) -> bool:
    return kind_of(dtype) == "number" and dtype not in ("FLOAT", "DOUBLE") and not dtype.startswith("DECIMAL")
