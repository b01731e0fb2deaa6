"""What changed between two tables: two datasets, two versions, or the table before and after a step of a recipe.

Both are profiled on all rows; what changed most comes first. Whether a change matters for a model is the question of
`insights.drift`; this says what is different.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from insights.profile import Column, Profile, plain, profile
from transforms.errors import InputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from transforms import Recipe

QUANTILES = ("0.05", "0.25", "0.5", "0.75", "0.95")
TOP = 10


@dataclass
class ColumnChange:
    """One column that both tables have. `change` (0 to 1) orders the list; 0: none of the figures differs.

    It is the greatest of: the change of the share of missing values; of the number of distinct values, as a part of the
    greater one; the shift of the mean or of a quantile in standard deviations of the first table (at most 1); the change
    of the share of one of the most frequent values; 1 where the type changed.
    """

    name: str
    before_type: str
    after_type: str
    change: float = 0.0
    says: list[str] = field(default_factory=list)
    figures: list[dict] = field(default_factory=list)  # [{"figure", "before", "after"}]
    top: list[dict] = field(default_factory=list)  # [{"value", "before", "after"}]: rows; None: not among the frequent


@dataclass
class Difference:
    """Two profiles compared: what came, went, and changed, most first."""

    before_rows: int
    after_rows: int
    before_duplicates: int | None
    after_duplicates: int | None
    added: list[str]
    removed: list[str]
    retyped: list[dict]  # [{"column", "before", "after"}]
    columns: list[ColumnChange]
    warnings_new: list[dict]
    warnings_gone: list[dict]

    def column(self, name: str) -> ColumnChange:
        return next(c for c in self.columns if c.name == name)

    def changed(self) -> list[ColumnChange]:
        return [c for c in self.columns if c.change]

    def as_json(self) -> dict:
        """Return plain JSON: dates as ISO text, infinite numbers as text."""
        return plain(asdict(self))


def difference(before: Profile, after: Profile) -> Difference:
    """Return what differs between two profiles."""
    was, now = ({c.name: c for c in found.columns} for found in (before, after))
    both = [_change(c, now[c.name]) for c in before.columns if c.name in now]
    gone, new = ({_mark(w): w for w in found.warnings} for found in (before, after))
    return Difference(
        before_rows=before.rows,
        after_rows=after.rows,
        before_duplicates=before.duplicate_rows,
        after_duplicates=after.duplicate_rows,
        added=[name for name in now if name not in was],
        removed=[name for name in was if name not in now],
        retyped=[{"column": c.name, "before": c.before_type, "after": c.after_type} for c in both if c.before_type != c.after_type],
        columns=sorted(both, key=lambda c: -c.change),
        warnings_new=[w for mark, w in new.items() if mark not in gone],
        warnings_gone=[w for mark, w in gone.items() if mark not in new],
    )  # fmt: skip


def compare(
    con: DuckDBPyConnection,
    before: str | DuckDBPyRelation,
    after: str | DuckDBPyRelation,
    *,
    on_progress: Callable[[float, str], None] | None = None,
) -> Difference:
    """Profile two tables (SQL to stand behind FROM, or relations of `con`) and return what differs."""
    tell = on_progress or (lambda share, words: None)
    was = profile(before, con, on_progress=lambda share, words: tell(share / 2, words))
    return difference(was, profile(after, con, on_progress=lambda share, words: tell(0.5 + share / 2, words)))


def table_at(con: DuckDBPyConnection, recipe: Recipe, inputs: Any, step: int) -> DuckDBPyRelation:
    """Return the table after the first `step` steps of a recipe, fitted on these inputs; 0 is the table as it came.

    Raises:
        InputError: the recipe has fewer steps.
        RecipeError: one of the steps cannot run.
    """
    if not 0 <= step <= len(recipe.steps):
        raise InputError(
            f"The recipe {recipe.name!r} has {len(recipe.steps)} steps, so there is no table after step {step}.",
            hint=f"Choose a step from 0 (before the first) to {len(recipe.steps)}.",
        )
    upto = recipe.upto(step)
    return upto.fit(inputs, con=con).run(inputs, con=con)


def compare_steps(
    con: DuckDBPyConnection,
    recipe: Recipe,
    inputs: Any,
    before: int,
    after: int,
    *,
    on_progress: Callable[[float, str], None] | None = None,
) -> Difference:
    """Return what differs between the tables after two steps of a recipe; see `table_at`."""
    tables = [f"tilth_step_{place}" for place in ("before", "after")]
    try:
        for name, step in zip(tables, (before, after), strict=True):
            # Kept: a step may be dear, and its table is read many times.
            table_at(con, recipe, inputs, step).create(name)
        return compare(con, *tables, on_progress=on_progress)
    finally:
        for name in tables:
            con.execute(f"DROP TABLE IF EXISTS {name}")


def _mark(warning: dict) -> tuple:
    return warning["code"], warning["column"]


def _change(a: Column, b: Column) -> ColumnChange:
    one = ColumnChange(a.name, a.type, b.type)
    if a.type != b.type:
        one.change = 1.0
        one.says.append(f"The type changed from {a.type} to {b.type}.")
    _figure(one, "missing", a.missing_share, b.missing_share, abs(b.missing_share - a.missing_share), percent=True)
    _figure(one, "distinct", a.distinct, b.distinct, abs(b.distinct - a.distinct) / max(a.distinct, b.distinct, 1))
    if a.kind == b.kind == "number":
        for name, x, y in (
            ("mean", a.mean, b.mean),
            *((f"quantile {float(q):.0%}", a.quantiles.get(q), b.quantiles.get(q)) for q in QUANTILES),
        ):
            _figure(one, name, x, y, _shift(x, y, a.std))
        _figure(one, "standard deviation", a.std, b.std, _shift(a.std, b.std, a.std))
    elif a.kind == b.kind == "bool":
        _figure(one, "share of true", a.mean, b.mean, abs((b.mean or 0) - (a.mean or 0)), percent=True)
    if a.kind == b.kind and a.kind in ("number", "time", "text"):
        moved = 0.0 if a.kind == "number" else 0.01  # ends of texts and times: said, and hardly ordered by
        _figure(one, "smallest", a.min, b.min, moved if a.min != b.min else 0.0)
        _figure(one, "largest", a.max, b.max, moved if a.max != b.max else 0.0)
    _top(one, a, b)
    if one.change and not one.says:
        one.says.append("Only its extremes, its spread or the shares of its values changed a little.")
    return one


def _figure(one: ColumnChange, name: str, before: Any, after: Any, change: float, *, percent: bool = False) -> None:
    from insights.report import said

    if before is None and after is None:
        return
    one.figures.append({"figure": name, "before": before, "after": after})
    if before != after:
        x, y = (f"{v:.1%}" if percent and v is not None else said(v) or "–" for v in (before, after))
        if x != y and name in ("missing", "distinct", "mean", "quantile 50%", "share of true"):
            one.says.append(f"{name}: {x} → {y}")
        one.change = max(one.change, change)


def _shift(x: float | None, y: float | None, deviation: float | None) -> float:
    """Return a shift in standard deviations, at most 1; without spread, any shift is 1."""
    if x is None or y is None:
        return 1.0 if x != y else 0.0
    if x == y:
        return 0.0
    return min(1.0, abs(float(y) - float(x)) / deviation) if deviation else 1.0


def _top(one: ColumnChange, a: Column, b: Column) -> None:
    was, now = ({str(t["value"]): t["count"] for t in c.top} for c in (a, b))
    if not was and not now or a.kind == "number" and not (a.distinct_is_exact and a.distinct <= 50):
        return
    shares = {
        value: abs(was.get(value, 0) / (a.known or 1) - now.get(value, 0) / (b.known or 1)) for value in [*was, *now]
    }
    order = sorted(shares, key=lambda value: -max(was.get(value, 0), now.get(value, 0)))[:TOP]
    one.top = [{"value": value, "before": was.get(value), "after": now.get(value)} for value in order]
    # A value that is missing from the other list may just have fallen behind others: only those in both count.
    moved = [(share, value) for value, share in shares.items() if value in was and value in now and share > 1e-12]
    few = a.distinct <= len(was) and b.distinct <= len(now)
    if few:
        moved = [(share, value) for value, share in shares.items() if share > 1e-12]
    if moved:
        share, value = max(moved)
        one.change = max(one.change, min(1.0, share))
        if share >= 0.01:
            x, y = was.get(value, 0) / (a.known or 1), now.get(value, 0) / (b.known or 1)
            one.says.append(f"{value!r}: {x:.1%} → {y:.1%}")
