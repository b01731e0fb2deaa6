"""Shows a recipe while it is edited: fits what changed, reads one page of rows, profiles columns over all rows."""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import ibis.expr.operations as ops

from transforms import schema as types
from transforms.engines import DuckDBEngine, connect, first_line, ident, text
from transforms.errors import RecipeError
from transforms.fields import kind_of
from transforms.recipe import FittedRecipe, Recipe, Step, _Running, at_step
from transforms.transform import CombiningTransform

if TYPE_CHECKING:
    import pyarrow as pa

BINS = 20
FEW = 30  # a text column with at most so many values shows each of them
PAGE = 1_000  # rows at most in one page
CELL = 300  # characters of a cell that a page carries
STAGES = 300  # results of steps that are remembered as queries
TABLES = 6  # results kept after steps that lose the order of rows
EXACT = 2**53


class Previewer:
    """Previews recipes on one set of inputs. Threads may share it.

    Args:
        sources: {input: source} as `engines.DuckDBEngine` reads them (not relations).
        identity: text that names exactly these sources, such as "main=apps@1".
    """

    def __init__(self, sources: Mapping[str, Any], identity: str):
        self.con = connect()
        self.engine = DuckDBEngine(self.con)
        self.identity = identity
        self._tables = {name: self.engine.table(self._seen(name, source)) for name, source in sources.items()}
        self._states: dict[str, Any] = {}
        self._stages: dict[str, _Stage] = {}
        self._kept: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.RLock()

    def _seen(self, name: str, source: Any) -> Any:
        """Copy an Arrow table into DuckDB: what is only registered can be seen by one cursor alone."""
        if isinstance(source, str | Path) or hasattr(source, "sql"):
            return source
        self.con.register("tilth_arrow", source)
        self.con.execute(f"CREATE TABLE {ident('input_' + name)} AS FROM tilth_arrow")
        self.con.unregister("tilth_arrow")
        return self.engine.backend.table(f"input_{name}")

    @property
    def inputs(self) -> dict[str, dict[str, str]]:
        """Return {input: {column: type name}}."""
        return {name: types.names(table.schema()) for name, table in self._tables.items()}

    def view(self, recipe: Recipe) -> View:
        """Fit the recipe's steps where that was not done before and return its result, unread.

        Raises:
            AppError: the first step that cannot run, with its number and label.
        """
        with self._lock:
            return self._view(recipe)

    def _view(self, recipe: Recipe) -> View:
        if len(self._stages) > STAGES:
            self._forget()
        running, states, key = _Running(dict(self._tables)), {}, self.identity
        aligned = key  # names the rows and their order: equal for steps that change cells only
        steps = recipe.enabled()
        for place, (number, step) in enumerate(steps, start=1):
            before, key = key, _hash(key, step.transform, step.version, step.settings)
            if key not in self._stages:
                with at_step(number, step):
                    if place == len(steps) and before in self._stages:
                        running.table = self._named(before)
                    self._stages[key] = self._stage(key, step, running, aligned)
            stage = self._stages[key]
            running.table, running.split_column, aligned = stage.table, stage.split_column, stage.aligned
            if key in self._states:
                states[step.id] = self._states[key]
        content = recipe.dump() | {"inputs": self.inputs, "states": states, "fitted_on": {}}
        return View(self, FittedRecipe.model_validate(content), running.table, key, aligned)

    def _stage(self, key: str, step: Step, running: _Running, aligned: str) -> _Stage:
        """Fit and apply one step."""
        transform, before = step.build(), running.table
        try:
            running.check(transform)
            if transform.learns() and key not in self._states:
                self._states[key] = running.fit(transform)
            running.apply(transform, self._states.get(key))
            running.table.schema()
            if transform.serving not in ("row", "fitted") or isinstance(transform, CombiningTransform):
                return _Stage(self._keep(key, running.table), running.split_column, key)
        except duckdb.Error as error:
            raise RecipeError(f"DuckDB stopped: {first_line(error)}") from error
        return _Stage(running.table, running.split_column, aligned if _keeps_rows(before, running.table) else key)

    def _named(self, key: str):
        """Give the table after a step a name in DuckDB, so that the step behind it is compiled alone."""
        stage = self._stages[key]
        if not isinstance(stage.table.op(), ops.DatabaseTable):
            name = f"step_{key[:24]}"
            self.con.execute(f"CREATE OR REPLACE VIEW {ident(name)} AS {self.engine.sql(stage.table)}")
            named = ops.DatabaseTable(name, stage.table.schema(), self.engine.backend, ops.Namespace())
            stage.table = named.to_expr()
        return stage.table

    def _forget(self) -> None:
        """Drop everything but the inputs; views that are still in use are made again when they are read."""
        for name, kind in self.con.execute(
            "SELECT table_name, table_type FROM information_schema.tables WHERE starts_with(table_name, 'step_') "
            "OR starts_with(table_name, 'kept_')"
        ).fetchall():
            self.con.execute(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} {ident(name)}")
        for kept in (self._stages, self._states, self._kept):
            kept.clear()

    def _keep(self, key: str, table):
        """Store a result whose rows have no order of their own, so that pages fit together."""
        name = f"kept_{key[:24]}"
        self.con.execute(f"CREATE OR REPLACE TABLE {ident(name)} AS {self.engine.sql(table)}")
        self._kept[key] = None
        while len(self._kept) > TABLES:
            old, _ = self._kept.popitem(last=False)
            self._stages.pop(old, None)
            self.con.execute(f"DROP TABLE IF EXISTS {ident(f'kept_{old[:24]}')}")
        return self.engine.backend.table(name)


@dataclass
class _Stage:
    """The table after a step, which of its columns tells training rows apart, and which rows it has (see `View.aligned`)."""

    table: Any
    split_column: str | None
    aligned: str


class View:
    """The table after some steps: pages of rows and facts of columns are read when asked for."""

    def __init__(self, previewer: Previewer, fitted: FittedRecipe, table, key: str, aligned: str):
        self.fitted = fitted
        self.key = key
        self.aligned = aligned
        self.schema = table.schema()
        self._previewer = previewer
        self._con = previewer.con
        self._sql = previewer.engine.sql(table)
        self._count: int | None = None

    @property
    def columns(self) -> list[dict[str, str]]:
        """Return [{name, type, kind}]."""
        return [{"name": c, "type": types.to_name(d), "kind": kind_of(d)} for c, d in self.schema.items()]

    @property
    def sql(self) -> str:
        return self._sql

    def count(self) -> int:
        """Return the number of rows."""
        if self._count is None:
            self._count = self._select("count(*)").column(0)[0].as_py()
        return self._count

    def rows(self, offset: int = 0, limit: int = 100, columns: Sequence[str] | None = None) -> list[list[Any]]:
        """Return a page of at most 1,000 rows as lists of JSON values, in the table's own order."""
        chosen = ", ".join(ident(c) for c in columns) if columns else "*"
        limit, offset = max(0, min(int(limit), PAGE)), max(0, int(offset))
        page = self._select(chosen, f"LIMIT {limit} OFFSET {offset}")
        return (
            [[_cell(v) for v in row] for row in zip(*(c.to_pylist() for c in page.columns), strict=True)]
            if page.num_columns
            else []
        )

    def profile(self, columns: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """Return facts of columns over all rows, in two queries.

        Returns:
            {column: {rows, missing, distinct (approximate), min, max, mean, bins: [counts] | values: [[value, count]]}}.
        """
        names = [c for c in (columns or self.schema) if c in self.schema]
        asked = ["count(*) AS n"]
        for i, c in enumerate(names):
            x, kind = ident(c), kind_of(self.schema[c])
            asked += [
                f"count({x}) AS known_{i}",
                f"approx_count_distinct({x}) AS distinct_{i}" if kind != "any" else f"NULL AS distinct_{i}",
            ]
            if kind in ("number", "time"):
                finite = f"CASE WHEN isfinite({x}{'::DOUBLE' if kind == 'number' else ''}) THEN {x} END"
                asked += [f"min({finite}) AS low_{i}", f"max({finite}) AS high_{i}"]
            if kind == "number":
                asked += [f"avg({finite}) AS mean_{i}"]
        first = self._select(", ".join(asked)).to_pylist()[0]
        self._count = first["n"]
        counted, shapes = [], {}
        for i, c in enumerate(names):
            x, kind, low, high = ident(c), kind_of(self.schema[c]), first.get(f"low_{i}"), first.get(f"high_{i}")
            if low is not None and high > low:
                shapes[c] = "bins"
                place, start, end = f"{x}::DOUBLE", f"'{low}'::DOUBLE", f"'{high}'::DOUBLE"
                if kind == "time":
                    place, start, end = (f"epoch_us({t})::DOUBLE" for t in (x, _moment(low), _moment(high)))
                # halved, so that no difference of two numbers is infinite
                share = f"({place} / 2 - {start} / 2) / ({end} / 2 - {start} / 2)"
                counted.append(
                    f"histogram(CASE WHEN isfinite({x}{'::DOUBLE' if kind == 'number' else ''}) "
                    f"THEN least({BINS - 1}, floor({share} * {BINS}))::INTEGER END) AS h_{i}"
                )
            elif kind != "any" and (first[f"distinct_{i}"] or 0) <= FEW:
                shapes[c] = "values"
                counted.append(f"histogram({x}::VARCHAR) AS h_{i}")
        second = self._select(", ".join(counted)).to_pylist()[0] if counted else {}
        found = {}
        for i, c in enumerate(names):
            facts = {
                "rows": first["n"],
                "missing": first["n"] - first[f"known_{i}"],
                "distinct": first[f"distinct_{i}"],
            }
            facts |= {
                "min": _cell(first.get(f"low_{i}")),
                "max": _cell(first.get(f"high_{i}")),
                "mean": _cell(first.get(f"mean_{i}")),
            }
            pairs = dict(second.get(f"h_{i}") or [])
            if shapes.get(c) == "bins":
                facts["bins"] = [pairs.get(b, 0) for b in range(BINS)]
            elif shapes.get(c) == "values":
                facts["values"] = sorted(([_cell(v), n] for v, n in pairs.items()), key=lambda p: (-p[1], str(p[0])))
            found[c] = facts
        return found

    def _select(self, columns: str, rest: str = "") -> pa.Table:
        cursor = self._con.cursor()
        try:
            cursor.execute("SET TimeZone='UTC'")
            try:
                return cursor.sql(f"SELECT {columns} FROM ({self._sql}) {rest}").to_arrow_table()
            except duckdb.CatalogException:  # something that it reads was dropped since: make it again
                self._sql = self._previewer.view(self.fitted).sql
                return cursor.sql(f"SELECT {columns} FROM ({self._sql}) {rest}").to_arrow_table()
        except duckdb.Error as error:
            raise RecipeError(f"DuckDB stopped: {first_line(error)}") from error
        finally:
            cursor.close()


def _keeps_rows(before, after) -> bool:
    """Return whether `after` only computes columns of `before`, row by row."""
    node = after.op()
    while isinstance(node, ops.Project | ops.DropColumns) and node != before.op():
        node = node.parent
    return node == before.op()


def _moment(value: Any) -> str:
    return f"TIMESTAMP {text(value.isoformat(sep=' ')[:26].split('+')[0] if hasattr(value, 'hour') else value.isoformat())}"


def _cell(value: Any) -> Any:
    """Return a value as JSON can carry it and a grid can show it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if hasattr(value, "isoformat"):
        return value.isoformat(sep=" ") if hasattr(value, "hour") and hasattr(value, "year") else value.isoformat()
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    shown = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return shown if len(shown) <= CELL else shown[:CELL] + "…"


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
