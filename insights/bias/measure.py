"""One measurement: the question, checked; the counts of all rows; the metrics of each group with their readings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from insights.bias import counts as c
from insights.bias.counts import Cell, Choice, Crossing
from insights.bias.intervals import RESAMPLES, Grid
from insights.bias.intervals import check as check_resamples
from insights.bias.metrics import Confusion, distribution_metrics
from insights.bias.words import (
    ALLOWED,
    NAMES,
    POST_TRAINING,
    PRE_TRAINING,
    SMALL,
    Facts,
    Reading,
    json_number,
    says,
    severity,
    verdict,
)
from transforms.errors import InputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LEVEL = 0.95


@dataclass(frozen=True)
class FacetBias:
    """The metrics of one group to protect against everybody else."""

    facet: str
    value: str
    counts: dict[str, int]
    metrics: dict[str, float | None]
    readings: tuple[Reading, ...]
    notes: tuple[str, ...]
    excluded: dict[str, int]
    confusion: dict[str, Confusion] = field(default_factory=dict)
    outcomes: dict[str, float] = field(default_factory=dict)  # the distances over all outcomes of a label with many
    is_small: bool = False  # fewer than `words.SMALL` rows on either side

    def as_json(self) -> dict:
        metrics: dict = {name: json_number(value) for name, value in self.metrics.items()}
        if "DCAcc" in metrics:
            metrics["DCA"] = metrics["DCAcc"]  # the name of the same number in the reference tool
        if "FT" in metrics:
            metrics["FT_aws_doc_sign"] = -metrics["FT"]  # the documentation turns it round
        return {
            "facet": self.facet,
            "value": self.value,
            "metrics": metrics,
            "counts": self.counts,
            "confusion": {side: vars(c) for side, c in self.confusion.items()},
            "excluded": self.excluded,
            "readings": [r.as_json() for r in self.readings],
            "notes": list(self.notes),
            "outcomes": {name: json_number(value) for name, value in self.outcomes.items()},
            "is_small": self.is_small,
        }


@dataclass(frozen=True)
class BiasReport:
    """Bias of a label (and of predictions) over one or more facets. `rows` is all rows of the table.

    `level` is that of the intervals, None without them. `crossed` names the columns whose groups were crossed.
    """

    label: str
    positive: str
    predicted: str | None
    group: str | None
    rows: int
    facets: tuple[FacetBias, ...]
    weight: str | None = None
    level: float | None = None
    crossed: tuple[str, ...] = ()

    def as_json(self) -> dict:
        head = {
            key: getattr(self, key) for key in ("label", "positive", "predicted", "group", "rows", "weight", "level")
        }
        head["crossed"] = list(self.crossed)
        return head | {"facets": [facet.as_json() for facet in self.facets]}


def measure(
    con: DuckDBPyConnection,
    source: str,
    *,
    label: str,
    positive: Choice | str | Sequence[str],
    facets: Sequence[Choice | str],
    group: str | None = None,
    predicted: str | None = None,
    predicted_positive: Choice | str | Sequence[str] | None = None,
    weight: str | None = None,
    features: Sequence[str] = (),
    intervals: int | bool = False,
    level: float = LEVEL,
    allowed: Mapping[str, tuple[float, float]] | None = None,
    seed: int = 0,
) -> BiasReport:
    """Measure the bias of a table.

    Args:
        source: SQL to stand behind FROM, such as `read_parquet(['…'])`.
        label: the column with the observed outcome.
        positive: the favourable outcome: a value, several values, a `Choice`, or text such as `>40` for a number or date.
        facets: the groups to protect: a `Choice`, or text `sex=Female`, `race=Black,Other`, `age>40`, or `sex` alone
            for each of its values against the rest.
        group: the column with strata (same job, same school), for CDDL and CDDPL.
        predicted: the column with the predicted outcome, of the same kind as the label.
        predicted_positive: what is favourable in it, where that is not the label's `positive`, such as `>0.5`.
        weight: a column of numbers by which rows count, such as that of `balance.weights`.
        features: columns of numbers for the flip test (FT); needs `predicted`.
        intervals: bootstrap every metric but FT: True, or the number of resamples.
        level: of the intervals.
        allowed: `{metric: (from, to)}` for the verdicts, instead of `ALLOWED`.

    Raises:
        InputError: a value that does not occur, a facet with everybody or nobody in it, a threshold on text.
        ColumnNotFound: a column that the table does not have.

    Example:
        >>> from workspace.sql import connect
        >>> table = "(VALUES ('f', 'no'), ('f', 'yes'), ('m', 'yes'), ('m', 'yes')) t(sex, paid)"
        >>> measure(connect(), table, label="paid", positive="yes", facets=["sex=f"]).facets[0].metrics["DPL"]
        0.5
    """
    wanted_intervals = _Intervals.of(intervals, level, seed, allowed)
    asked = _asked(con, source, label, positive, group, predicted, predicted_positive, weight)
    wanted = _facets(con, asked, facets)
    found: list[FacetBias] = []
    counted = c.count(con, asked, wanted)
    for choice, (cells, outcomes) in zip(wanted, counted, strict=True):
        if not choice.is_whole:
            if not any(cell.facet == "d" for cell in cells):
                raise InputError(f"No row has {choice}.", hint=c.values_hint(con, source, choice.column))
            groups: dict = {"d": choice}
        else:
            values = sorted({cell.facet for cell in cells if cell.facet is not None and cell.label is not None})
            groups = {value: Choice(choice.column, (value,)) for value in values}
        found += _groups(groups, cells, outcomes, asked, wanted_intervals)
    if features:
        from insights.bias.flip import with_flip_test

        found = [with_flip_test(con, asked, one, choice, features) for one, choice in _named(found, wanted)]
    return _report(asked, counted[0][0], found, wanted_intervals)


def intersect(
    con: DuckDBPyConnection,
    source: str,
    *,
    label: str,
    positive: Choice | str | Sequence[str],
    facets: Sequence[Choice | str],
    group: str | None = None,
    predicted: str | None = None,
    predicted_positive: Choice | str | Sequence[str] | None = None,
    weight: str | None = None,
    intervals: int | bool = False,
    level: float = LEVEL,
    allowed: Mapping[str, tuple[float, float]] | None = None,
    seed: int = 0,
    by: str = "",
) -> BiasReport:
    """Measure each group where two or more facets meet (sex × race) against everybody else, worst first.

    Args:
        facets: two or more, as in `measure`: `race` alone gives a part for each value, `age>40` two parts.
        by: the metric that says what is worst; "": DPPL with predictions, DPL without. Small groups come last: what
            they show may be chance.

    The other arguments, and what is raised, are those of `measure`.
    """
    wanted_intervals = _Intervals.of(intervals, level, seed, allowed)
    asked = _asked(con, source, label, positive, group, predicted, predicted_positive, weight)
    wanted = _facets(con, asked, facets)
    columns = tuple(choice.column for choice in wanted)
    if len(columns) < 2 or len(set(columns)) < len(columns):
        raise InputError(
            "An intersection needs two or more different columns.", hint="Name them, such as sex and race."
        )
    cells, outcomes = c.count_crossings(con, asked, wanted)
    usable = [cell for cell in cells if cell.facet is not None and cell.label is not None]
    judged = {cell.facet for cell in usable if cell.predicted is not None or asked.predicted is None}
    if len(judged) < 2:
        raise InputError(
            f"Fewer than two groups of {' × '.join(columns)} have rows with a known outcome.",
            hint="Choose columns with more values.",
        )
    groups = {parts: Crossing(columns, parts) for parts in sorted(judged)}
    found = _groups(groups, cells, outcomes, asked, wanted_intervals)
    by = by or ("DPPL" if predicted else "DPL")
    if by not in NAMES or any(by not in one.metrics for one in found):
        raise InputError(
            f"There is no metric {by!r} to sort by here.", hint=f"Take one of {', '.join(found[0].metrics)}."
        )
    found.sort(key=lambda one: (one.is_small, -_badness(by, one.metrics[by]), one.value))
    return _report(asked, cells, found, wanted_intervals, columns)


# ---- the question


@dataclass(frozen=True)
class _Intervals:
    resamples: int
    level: float
    seed: int
    allowed: Mapping[str, tuple[float, float]]

    @classmethod
    def of(cls, wanted: int | bool, level: float, seed: int, allowed) -> _Intervals:
        resamples = RESAMPLES if wanted is True else int(wanted)
        if wanted:
            check_resamples(resamples, level)
        if unknown := [name for name in allowed or {} if name not in NAMES]:
            raise InputError(f"There is no metric {unknown[0]!r}.", hint=f"Take one of {', '.join(NAMES)}.")
        return cls(resamples, level, seed, {**ALLOWED, **(allowed or {})})


def _asked(con, source, label, positive, group, predicted, predicted_positive, weight) -> c.Asked:
    types = c.types_of(con, source)
    for column in filter(None, (label, group, predicted, weight)):
        c.check_column(column, types)
    if weight and not c.is_number(types[weight]):
        raise InputError(f"The weight {weight!r} is not a number.", hint="Choose a column of numbers.")
    good = c.positive_choice(con, source, label, positive, types)
    guessed = None
    if predicted and predicted_positive is not None:
        guessed = c.positive_choice(con, source, predicted, predicted_positive, types)
    elif predicted:
        guessed = Choice(predicted, good.values, good.operator, good.bound)
        c.check_choice(guessed, types[predicted])
    return c.Asked(source, types, good, guessed, group, weight, c.has_few_outcomes(con, source, good))


def _facets(con, asked: c.Asked, facets) -> list[Choice]:
    if not facets:
        raise InputError(
            "No group to protect was named.",
            hint="Name a column and its value or threshold, such as sex=Female or age>40.",
        )
    return [c.facet_choice(con, asked.source, facet, asked.types) for facet in facets]


def _named(found: list[FacetBias], wanted: list[Choice]):
    """Yield each result with the choice that it is about."""
    named = {(choice.column, choice.shown): choice for choice in wanted if not choice.is_whole}
    for one in found:
        yield one, named.get((one.facet, one.value), Choice(one.facet, (one.value,)))


def _badness(metric: str, value: float | None) -> float:
    """Return how much the group loses: the larger, the worse."""
    if value is None:
        return -math.inf
    return -value if metric == "DI" else value


def _report(asked: c.Asked, cells: Sequence[Cell], found, wanted: _Intervals, crossed=()) -> BiasReport:
    return BiasReport(
        asked.good.column,
        asked.good.shown,
        asked.predicted.column if asked.predicted else None,
        asked.group,
        sum(cell.n for cell in cells),
        tuple(found),
        asked.weight,
        wanted.level if wanted.resamples else None,
        crossed,
    )


# ---- from counts to metrics


def _groups(groups: Mapping, cells: Sequence[Cell], outcomes: Mapping, asked: c.Asked, wanted: _Intervals) -> list:
    """Return the metrics of each group; `groups` is {what its cells have as `facet`: what it is called}."""
    grid = Grid(cells)
    members = [grid.members(value) for value in groups]
    found = [
        _facet_bias(choice, value, of, grid, cells, outcomes, asked)
        for (value, choice), of in zip(groups.items(), members, strict=True)
    ]
    if not wanted.resamples:
        return [make({}, wanted) for make in found]
    ends = grid.intervals(members, wanted.resamples, wanted.seed, wanted.level)
    return [make(one, wanted) for make, one in zip(found, ends, strict=True)]


def _facet_bias(choice: Choice | Crossing, value, of: np.ndarray, grid: Grid, cells, outcomes: Mapping, asked: c.Asked):
    """Return a function of the intervals that gives the metrics of one group."""
    good, group, predicted = asked.good, asked.group, asked.predicted
    usable = grid.cells
    excluded = {
        "facet": sum(cell.n for cell in cells if cell.facet is None),
        "label": sum(cell.n for cell in cells if cell.facet is not None and cell.label is None),
    }
    rows = {side: int(grid.rows[mask].sum()) for side, mask in (("a", ~of), ("d", of))}
    if not rows["d"]:
        raise InputError(f"No row with a known outcome has {choice}.", hint="Look at the column's values.")
    if not rows["a"]:
        raise InputError(
            f"Every row has {choice}; there is nobody to compare with.",
            hint="Name a value or threshold that some rows do not meet.",
        )
    a_yes, a_no, d_yes, d_no = (_whole(v) for v in grid.sums(grid.weights, of))
    counts = {"n_a": a_yes + a_no, "n_d": d_yes + d_no, "n_a_pos": a_yes, "n_d_pos": d_yes}
    if not counts["n_a"] or not counts["n_d"]:
        raise InputError(f"The rows with {choice}, or the rest, weigh nothing.", hint="Look at the weights.")
    values = {name: _known(v) for name, v in grid.metrics(grid.weights, of).items()}
    notes = []
    is_small = min(rows.values()) < SMALL
    if math.isinf(values["KL"]):
        lacking = "favourable" if not d_yes else "unfavourable"
        notes.append(f"KL is infinite: nobody with {choice} has the {lacking} outcome.")
    if group:
        excluded["group"] = sum(cell.n for cell in usable if cell.group is None)
        values.setdefault("CDDL", None)
        if values["CDDL"] is None:
            known = excluded["group"] < sum(rows.values())
            why = f"every row has {good}, or none has" if known else "no stratum is known"
            notes.append(f"CDDL is not defined: {why}.")
    confusion: dict[str, Confusion] = {}
    if predicted:
        excluded["predicted"] = sum(cell.n for cell in usable if cell.predicted is None)
        confusion = {side: _whole_table(grid.confusion(grid.weights, mask)) for side, mask in (("a", ~of), ("d", of))}
        if not confusion["a"].rows or not confusion["d"].rows:
            raise InputError(
                f"There is no known prediction for {choice} or for the rest.",
                hint=f"Look at the column {predicted.column!r}.",
            )
        if values["DI"] is None:
            notes.append(f"Nobody is predicted {good}: DI is not defined.")
        if group:
            values.setdefault("CDDPL", None)
    notes += [
        f"{n:,} row{'' if n == 1 else 's'} without a known {_EXCLUDED[what]}." for what, n in excluded.items() if n
    ]
    if is_small:
        few, who = min((rows["d"], f"with {choice}"), (rows["a"], "without it"))
        notes.append(f"Only {few:,} row{'s' * (few != 1)} {who}: what they show may be chance.")
    metrics = {name: values[name] for name in (*PRE_TRAINING, *POST_TRAINING) if name in values}
    facts = Facts(choice, good, a_yes / counts["n_a"], d_yes / counts["n_d"], counts, confusion)

    def made(ends: Mapping[str, tuple[float, float]], wanted: _Intervals) -> FacetBias:
        readings = tuple(
            Reading(
                name,
                NAMES[name],
                v,
                says(name, v, facts, group),
                severity(name, v),
                ends.get(name) if v is not None else None,
                verdict(ends.get(name) if v is not None else None, wanted.allowed[name]),
            )
            for name, v in metrics.items()
        )
        return FacetBias(
            choice.column,
            choice.shown,
            counts,
            metrics,
            readings,
            tuple(notes),
            excluded,
            confusion,
            _over_outcomes(outcomes, value),
            is_small,
        )

    return made


_EXCLUDED = {
    "facet": "facet left out",
    "label": "outcome left out",
    "group": "stratum left out of the conditional metrics",
    "predicted": "prediction left out of the metrics on predictions",
}


def _over_outcomes(outcomes: Mapping, value) -> dict[str, float]:
    """Return the distances over every outcome of the label; {} where it has two."""
    if value not in outcomes:
        return {}
    rest: dict[str, float] = {}
    for facet, counted in outcomes.items():
        for outcome, n in counted.items() if facet != value else ():
            rest[outcome] = rest.get(outcome, 0) + n
    return distribution_metrics(rest, outcomes[value]) if rest else {}


def _known(value: np.ndarray) -> float | None:
    return None if np.isnan(value) else float(value)


def _whole(value: float) -> float:
    """Return a count as a whole number; sums of weights stay as they are."""
    return int(value) if float(value).is_integer() else float(value)


def _whole_table(found: Confusion) -> Confusion:
    return Confusion(**{name: _whole(value) for name, value in vars(found).items()})
