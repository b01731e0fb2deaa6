"""Rules that a table keeps today, with bounds a little wider than what it holds, and why each was proposed."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from itertools import permutations
from typing import TYPE_CHECKING

from insights.expectations.checking import check
from insights.expectations.rules import (
    ColumnExists,
    InSet,
    Length,
    Matches,
    Monotone,
    NoDuplicates,
    NotAbove,
    NotMissing,
    Range,
    RowCount,
    Rule,
    Unique,
)  # fmt: skip
from insights.profile import Column, Profile, profile
from insights.quality import names_the_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

MOST_VALUES = 20  # of a column whose values are named one by one
ENOUGH = 30  # rows below which values and bounds say too little
MARGIN = 0.1  # of the spread, added to both bounds
COMPARED = 6  # time columns that are held against each other


def suggest(
    con: DuckDBPyConnection,
    source: str,
    *,
    known: Profile | None = None,
    on_progress: Callable[[float, str], None] | None = None,
) -> list[Rule]:
    """Propose rules that all rows of the table keep today.

    Args:
        source: SQL to stand behind FROM.
        known: its profile, where there is one already.
    """
    tell = on_progress or (lambda share, words: None)
    if known is None:
        known = profile(source, con, on_progress=lambda share, words: tell(0.8 * share, words))
    tell(0.8, "Trying the rules")
    proposed = list(_proposed(known))
    found = check(con, source, proposed, examples=0)
    keys = [r.rule.columns for r in found.results if r.passed and isinstance(r.rule, Unique)]
    # A unique column already means that no row is there twice.
    return [r.rule for r in found.results if r.passed and not (keys and isinstance(r.rule, NoDuplicates))]


def _proposed(p: Profile) -> Iterator[Rule]:
    yield from (ColumnExists(column=c.name, type=c.type, reason="Steps and models rely on it.") for c in p.columns)
    if not p.rows:
        return
    yield RowCount(min=p.rows // 2, max=p.rows * 2, severity="warn", reason=f"There are {p.rows:,} rows: half and twice as many.")  # fmt: skip
    for c in p.columns:
        yield from _of_column(c)
    if p.duplicate_rows == 0:
        yield NoDuplicates(severity="warn", reason="No row is there twice today.")
    times = [c.name for c in p.columns if c.kind == "time" and c.known][:COMPARED]
    for a, b in permutations(times, 2):
        yield NotAbove(column=a, other=b, severity="warn", reason=f"In every row {a} is not after {b}.")


def _of_column(c: Column) -> Iterator[Rule]:
    if not c.missing:
        yield NotMissing(column=c.name, severity="warn", reason="No value is missing today.")
    elif c.missing_share < 0.5:
        allowed = math.ceil(150 * c.missing_share + 1) / 100  # half as much again and a point, to whole percents
        yield NotMissing(column=c.name, tolerance=allowed, severity="warn", reason=f"{c.missing_share:.1%} are missing today.")  # fmt: skip
    if not c.known:
        return
    identifies = names_the_row(c)
    if identifies and c.known > 1:
        yield Unique(columns=[c.name], reason="Every value is there once: it names the row.")
    if (identifies and c.kind == "number") or c.kind == "time":
        yield Monotone(column=c.name, severity="warn", reason="It rises from row to row today.")
    if c.known < ENOUGH or identifies:
        return
    if c.kind == "text" and c.distinct_is_exact and c.distinct <= min(MOST_VALUES, c.known // 5) and _all_shown(c):
        values = sorted(str(t["value"]) for t in c.top)
        yield InSet(column=c.name, values=values, severity="warn", reason=f"It has {len(values)} different values.")
    elif c.kind == "text":
        yield from _of_text(c)
    if c.kind in ("number", "time") and c.min is not None and c.min != c.max:
        yield from _range(c)


def _all_shown(c: Column) -> bool:
    return sum(t["count"] for t in c.top) == c.known


def _of_text(c: Column) -> Iterator[Rule]:
    if c.meaning_pattern and not c.invalid:
        yield Matches(column=c.name, pattern=c.meaning_pattern, severity="warn", reason=f"It looks like: {c.meaning}.")
    if c.length_min is not None and c.length_min == c.length_max:
        yield Length(column=c.name, min=c.length_min, max=c.length_max, severity="warn", reason=f"Every text has {c.length_min:,} characters.")  # fmt: skip


def _range(c: Column) -> Iterator[Rule]:
    if isinstance(c.min, dt.date):
        low = c.min - (c.max - c.min) * MARGIN
        said = low.date().isoformat() if isinstance(low, dt.datetime) else low.isoformat()
        yield Range(column=c.name, min=said, severity="warn", reason=f"The earliest is {c.min}; later ones will come.")
        return
    if not isinstance(c.min, int | float) and not hasattr(c.min, "as_tuple"):
        return
    low, high = float(c.min), float(c.max)
    if not math.isfinite(high - low):
        return
    step = 10 ** math.floor(math.log10(high - low)) / 10
    bottom, top = (math.floor((low - MARGIN * (high - low)) / step) * step, math.ceil((high + MARGIN * (high - low)) / step) * step)  # fmt: skip
    if low >= 0 > bottom:
        bottom = 0
    if high <= 0 < top:
        top = 0
    if low >= 0 and high <= 1 and "int" not in c.type:
        bottom, top = 0, 1  # shares
    bottom, top = (round(v, 10) for v in (bottom, top))
    if "int" in c.type:
        bottom, top = math.floor(bottom), math.ceil(top)
    yield Range(column=c.name, min=bottom, max=top, severity="warn", reason=f"From {low:,.6g} to {high:,.6g} today, and a tenth of the spread more.")  # fmt: skip
