"""Bias: does a group get the favourable outcome less often? Metrics by the definitions of SageMaker Clarify.

Everything follows from one table of counts, `GROUP BY facet, label, predicted, group`, made by DuckDB on all rows.

Words: **d** is the group to protect (the facet's value or threshold), **a** is everybody else; a *positive* is a row with
the favourable outcome. Rules of ours where the reference tool differs or fails: nothing is guessed (values or a
threshold are asked for); rows with an unknown facet or label are left out and counted (an unknown prediction only
from the metrics on predictions, an unknown stratum only from CDDL); distributions keep their full support, so KL is
infinite, never negative, where d lacks an outcome that a has. As in the reference, 0/0 counts as 0, and inf - inf as 0.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from transforms.errors import ColumnNotFound, InputError
from workspace.sql import ident, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_VALUES = 50  # of a facet without a value: one report for each
OPERATORS = (">=", "<=", ">", "<", "=")
NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "FLOAT",
    "DOUBLE",
)
TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")

PRE_TRAINING = ("CI", "DPL", "KL", "JS", "LP", "TVD", "KS", "CDDL")
POST_TRAINING = ("DPPL", "DI", "DCAcc", "DCR", "RD", "SD", "DAR", "DRR", "AD", "TE", "CDDPL", "GE")

NAMES = {
    "CI": "Class imbalance",
    "DPL": "Difference in positive proportions in labels",
    "KL": "Kullback-Leibler divergence",
    "JS": "Jensen-Shannon divergence",
    "LP": "Lp-norm (p = 2)",
    "TVD": "Total variation distance",
    "KS": "Largest difference of one outcome (KS)",
    "CDDL": "Conditional demographic disparity in labels",
    "DPPL": "Difference in positive proportions in predicted labels",
    "DI": "Disparate impact",
    "DCAcc": "Difference in conditional acceptance",
    "DCR": "Difference in conditional rejection",
    "RD": "Recall difference",
    "SD": "Specificity difference",
    "DAR": "Difference in acceptance rates (precision)",
    "DRR": "Difference in rejection rates",
    "AD": "Accuracy difference",
    "TE": "Treatment equality",
    "CDDPL": "Conditional demographic disparity in predicted labels",
    "GE": "Generalised entropy",
}

# Our own published rules: |value| up to the first number is "low", up to the second "medium", above it "high".
# Differences of shares: 5 and 10 percentage points. CI: 3 to 1 and 9 to 1. LP: the same points times sqrt(2).
RULES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("DPL", "TVD", "KS", "CDDL", "DPPL", "RD", "SD", "DAR", "DRR", "AD", "CDDPL"), (0.05, 0.10)),
    "CI": (0.5, 0.8),
    "KL": (0.01, 0.05),
    "JS": (0.0025, 0.0125),
    "LP": (0.05 * math.sqrt(2), 0.10 * math.sqrt(2)),
    "DCAcc": (0.10, 0.25),
    "DCR": (0.10, 0.25),
    "TE": (0.25, 1.0),
    "GE": (0.05, 0.15),
}
SAME_FACT = "With two outcomes, DPL, TVD, KS and LP are one fact: TVD = KS = |DPL| and LP = √2·|DPL|."


@dataclass(frozen=True)
class Choice:
    """Which rows of a column are meant: `values`, or one threshold (`operator` and `bound`), or neither (each value)."""

    column: str
    values: tuple[str, ...] = ()
    operator: str = ""
    bound: str = ""

    @property
    def shown(self) -> str:
        """What was chosen, without the column: `Female`, `Black, Other`, `> 40`."""
        return f"{self.operator} {self.bound}" if self.operator else ", ".join(self.values)

    def __str__(self) -> str:
        if self.operator:
            return f"{self.column} {self.operator} {self.bound}"
        return (
            f"{self.column} = {self.values[0]}"
            if len(self.values) == 1
            else f"{self.column} in ({', '.join(self.values)})"
        )


@dataclass(frozen=True)
class Confusion:
    """Counts of one side: true and false positives, false and true negatives (label against prediction)."""

    TP: int = 0
    FP: int = 0
    FN: int = 0
    TN: int = 0

    @property
    def rows(self) -> int:
        return self.TP + self.FP + self.FN + self.TN


@dataclass(frozen=True)
class Reading:
    """One metric: its value (None: not defined here), what it says in plain words, and how bad that is."""

    metric: str
    name: str
    value: float | None
    says: str
    severity: str  # "low", "medium", "high", or "none" where nothing can be said


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

    def as_json(self) -> dict:
        metrics = {name: _json_number(value) for name, value in self.metrics.items()}
        if "DCAcc" in metrics:
            metrics["DCA"] = metrics["DCAcc"]  # the name of the same number in the reference tool
        return {
            "facet": self.facet,
            "value": self.value,
            "metrics": metrics,
            "counts": self.counts,
            "confusion": {side: vars(c) for side, c in self.confusion.items()},
            "excluded": self.excluded,
            "readings": [vars(r) | {"value": _json_number(r.value)} for r in self.readings],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class BiasReport:
    """Bias of a label (and of predictions) over one or more facets. `rows` is all rows of the table."""

    label: str
    positive: str
    predicted: str | None
    group: str | None
    rows: int
    facets: tuple[FacetBias, ...]

    def as_json(self) -> dict:
        head = {key: getattr(self, key) for key in ("label", "positive", "predicted", "group", "rows")}
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

    Raises:
        InputError: a value that does not occur, a facet with everybody or nobody in it, a threshold on text.
        ColumnNotFound: a column that the table does not have.

    Example:
        >>> from workspace.sql import connect
        >>> table = "(VALUES ('f', 'no'), ('f', 'yes'), ('m', 'yes'), ('m', 'yes')) t(sex, paid)"
        >>> measure(connect(), table, label="paid", positive="yes", facets=["sex=f"]).facets[0].metrics["DPL"]
        0.5
    """
    types = _types(con, source)
    for column in filter(None, (label, group, predicted)):
        _check_column(column, types)
    if not facets:
        raise InputError(
            "No group to protect was named.",
            hint="Name a column and its value or threshold, such as sex=Female or age>40.",
        )
    good = _positive_choice(con, source, label, positive, types)
    wanted = [_facet_choice(con, source, f, types) if isinstance(f, str) else f for f in facets]
    for choice in wanted:
        _check_column(choice.column, types)
        _check_choice(choice, types[choice.column])
    outcome = _predicate(good, types[label])
    predicted_outcome = "NULL::BOOLEAN"
    if predicted:
        _check_choice(Choice(predicted, good.values, good.operator, good.bound), types[predicted])
        predicted_outcome = _predicate(Choice(predicted, good.values, good.operator, good.bound), types[predicted])
    cells = _count(con, source, wanted, types, outcome, predicted_outcome, group)
    found: list[FacetBias] = []
    for choice, counted in zip(wanted, cells, strict=True):
        if choice.values or choice.operator:
            if not any(c.facet == "d" for c in counted):
                raise InputError(f"No row has {choice}.", hint=_values_hint(con, source, choice.column))
            found.append(_facet_bias(choice, "d", counted, good, group, predicted))
        else:
            for value in sorted({c.facet for c in counted if c.facet is not None}):
                found.append(_facet_bias(Choice(choice.column, (value,)), value, counted, good, group, predicted))
    rows = sum(c.n for c in cells[0])
    return BiasReport(label, good.shown, predicted, group, rows, tuple(found))


def parse_choice(written: str, columns: Iterable[str]) -> Choice:
    """Read `sex=Female`, `age>40`, `race=Black,Other` or `sex`; the longest column name that fits is taken."""
    written = written.strip()
    columns = sorted(columns, key=len, reverse=True)
    for column in columns:
        if written == column:
            return Choice(column)
    for column in columns:
        rest = written.removeprefix(column).lstrip() if written.startswith(column) else ""
        operator = next((o for o in OPERATORS if rest.startswith(o)), "")
        if operator:
            said = rest.removeprefix(operator).strip()
            return Choice(column, values=(said,)) if operator == "=" else Choice(column, operator=operator, bound=said)
    name = re.split(r"[<>=]", written, maxsplit=1)[0].strip()
    raise ColumnNotFound.of(name or written, sorted(columns))


def distribution_metrics(a: Mapping[object, int], d: Mapping[object, int]) -> dict[str, float]:
    """Return KL, JS, LP, TVD and KS of two outcome counts over all outcomes of both (two or more of them).

    Natural logarithm. KL is infinite where `d` lacks an outcome that `a` has. Both sides need at least one row.
    """
    total_a, total_d = sum(a.values()), sum(d.values())
    outcomes = [outcome for outcome in {**a, **d} if a.get(outcome) or d.get(outcome)]
    pa = [a.get(outcome, 0) / total_a for outcome in outcomes]
    pd = [d.get(outcome, 0) / total_d for outcome in outcomes]
    middle = [(x + y) / 2 for x, y in zip(pa, pd, strict=True)]
    gaps = [abs(x - y) for x, y in zip(pa, pd, strict=True)]
    return {
        "KL": _divergence(pa, pd),
        "JS": (_divergence(pa, middle) + _divergence(pd, middle)) / 2,
        "LP": math.sqrt(sum(gap * gap for gap in gaps)),
        "TVD": sum(gaps) / 2,
        "KS": max(gaps),
    }


def conditional_disparity(strata: Mapping[object, tuple[int, int, int, int]]) -> float | None:
    """Return CDDL of strata given as (a accepted, a rejected, d accepted, d rejected); None without rows.

    In each stratum: d's share of the rejected minus d's share of the accepted, weighted by the stratum's rows.
    """
    total = sum(sum(stratum) for stratum in strata.values())
    if not total:
        return None
    weighted = 0.0
    for a_yes, a_no, d_yes, d_no in strata.values():
        weighted += (a_yes + a_no + d_yes + d_no) * (_ratio(d_no, a_no + d_no) - _ratio(d_yes, a_yes + d_yes))
    return weighted / total


def prediction_metrics(a: Confusion, d: Confusion) -> dict[str, float | None]:
    """Return the post-training metrics that follow from two confusion tables (all but CDDPL)."""
    metrics: dict[str, float | None] = {
        "DPPL": _ratio(a.TP + a.FP, a.rows) - _ratio(d.TP + d.FP, d.rows),
        "DI": _ratio(_ratio(d.TP + d.FP, d.rows), _ratio(a.TP + a.FP, a.rows)),
        "DCAcc": _minus(_ratio(a.TP + a.FN, a.TP + a.FP), _ratio(d.TP + d.FN, d.TP + d.FP)),
        "DCR": _minus(_ratio(d.TN + d.FP, d.TN + d.FN), _ratio(a.TN + a.FP, a.TN + a.FN)),
        "RD": _ratio(a.TP, a.TP + a.FN) - _ratio(d.TP, d.TP + d.FN),
        "SD": _ratio(d.TN, d.TN + d.FP) - _ratio(a.TN, a.TN + a.FP),
        "DAR": _ratio(a.TP, a.TP + a.FP) - _ratio(d.TP, d.TP + d.FP),
        "DRR": _ratio(d.TN, d.TN + d.FN) - _ratio(a.TN, a.TN + a.FN),
        "AD": _ratio(a.TP + a.TN, a.rows) - _ratio(d.TP + d.TN, d.rows),
        "TE": _minus(_ratio(d.FN, d.FP), _ratio(a.FN, a.FP)),
        "GE": _entropy(a, d),
    }
    if not a.TP + a.FP and not d.TP + d.FP:
        metrics["DI"] = None  # nobody is predicted the favourable outcome: 0/0 would read as the worst case
    return metrics


def severity(metric: str, value: float | None) -> str:
    """Return "low", "medium" or "high" by `RULES`; "none" for a value that is not defined."""
    if value is None:
        return "none"
    if metric == "DI":  # the four-fifths rule, both ways
        return "low" if 0.9 <= value <= 1 / 0.9 else "medium" if 0.8 <= value <= 1.25 else "high"
    low, medium = RULES[metric]
    return "low" if abs(value) <= low else "medium" if abs(value) <= medium else "high"


# ---- counting


@dataclass(frozen=True)
class _Cell:
    """One line of the counts: `facet` is "d", "a" or, without a value, the value itself; None: unknown."""

    facet: str | None
    label: bool | None
    predicted: bool | None
    group: str | None
    n: int


def _count(con, source, choices, types, outcome, predicted_outcome, group) -> list[list[_Cell]]:
    """Return the cells of each choice from one scan."""
    facets = []
    for place, choice in enumerate(choices):
        if choice.values or choice.operator:
            facets.append(
                f"CASE {_predicate(choice, types[choice.column])} WHEN true THEN 'd' WHEN false THEN 'a' END AS f{place}"
            )
        else:
            facets.append(f"{_known(choice.column, types)}::VARCHAR AS f{place}")
    stratum = f"{_known(group, types)}::VARCHAR" if group else "NULL::VARCHAR"
    names = [f"f{place}" for place in range(len(choices))]
    sets = ", ".join(f"({name}, y, p, g)" for name in names)
    which = "CASE " + " ".join(f"WHEN GROUPING({name}) = 0 THEN {place}" for place, name in enumerate(names)) + " END"
    facet = f"CASE {which} " + " ".join(f"WHEN {place} THEN {name}" for place, name in enumerate(names)) + " END"
    query = (
        f"WITH t AS (SELECT {', '.join(facets)}, {outcome} AS y, {predicted_outcome} AS p, {stratum} AS g FROM {source}) "
        f"SELECT {which}, {facet}, y, p, g, count(*) FROM t GROUP BY GROUPING SETS ({sets})"
    )
    found: list[list[_Cell]] = [[] for _ in choices]
    for place, *cell in con.execute(query).fetchall():
        found[place].append(_Cell(*cell))
    for choice, cells in zip(choices, found, strict=True):
        values = {c.facet for c in cells if c.facet is not None}
        if not (choice.values or choice.operator) and len(values) > MOST_VALUES:
            raise InputError(
                f"Column {choice.column!r} has {len(values):,} values; each would be a group of its own.",
                hint=f"Name a value ({choice.column}=…) or, for a number, a threshold ({choice.column}>…).",
            )
    return found


def _types(con, source) -> dict[str, str]:
    relation = con.sql(f"SELECT * FROM {source}")
    return {name: str(dtype) for name, dtype in zip(relation.columns, relation.types, strict=True)}


def _check_column(column: str, types: Mapping[str, str]) -> None:
    if column not in types:
        raise ColumnNotFound.of(column, types)


def _is_number(dtype: str) -> bool:
    return dtype in NUMBERS or dtype.startswith("DECIMAL")


def _known(column: str, types: Mapping[str, str]) -> str:
    """Return SQL for a column with NaN read as missing."""
    name = ident(column)
    return f"(CASE WHEN isnan({name}) THEN NULL ELSE {name} END)" if types[column] in ("FLOAT", "DOUBLE") else name


def _predicate(choice: Choice, dtype: str) -> str:
    """Return SQL that is true, false or (for a missing value) null."""
    column = _known(choice.column, {choice.column: dtype})
    if choice.operator:
        return (
            f"({column} {choice.operator} CAST({text(choice.bound)} AS {dtype if not _is_number(dtype) else 'DOUBLE'}))"
        )
    return f"({column} IN ({', '.join(_literal(v, dtype) for v in choice.values)}))"


def _literal(value: str, dtype: str) -> str:
    return text(value) if dtype == "VARCHAR" else f"CAST({text(value)} AS {dtype})"


def _check_choice(choice: Choice, dtype: str) -> None:
    """Raise where a threshold or value does not fit the column's type."""
    import duckdb

    if choice.operator and not (_is_number(dtype) or dtype in TIMES):
        raise InputError(
            f"{choice} is a threshold, but column {choice.column!r} is not a number or date ({dtype.lower()}).",
            hint=f"Name a value ({choice.column}=…), or change the column's type with a recipe first.",
        )
    wanted = (
        [(choice.bound, "DOUBLE" if _is_number(dtype) else dtype)]
        if choice.operator
        else [(v, dtype) for v in choice.values]
    )
    for said, kind in wanted:
        try:
            fits = duckdb.execute(f"SELECT TRY_CAST({text(said)} AS {kind})").fetchall()[0][0] is not None
        except duckdb.Error:
            fits = False
        if not fits:
            raise InputError(
                f"{said!r} does not fit column {choice.column!r} ({dtype.lower()}).",
                hint="Write a value as the table shows it.",
            )


def _facet_choice(con, source, written: str, types) -> Choice:
    choice = parse_choice(written, types)
    if len(choice.values) == 1 and "," in choice.values[0]:
        # "Black,Other" means two values, unless the table holds that very text.
        whole = con.execute(
            f"SELECT count(*) FROM {source} WHERE {ident(choice.column)}::VARCHAR = {text(choice.values[0])}"
        ).fetchall()
        if not whole[0][0]:
            return Choice(choice.column, tuple(part.strip() for part in choice.values[0].split(",")))
    return choice


def _positive_choice(con, source, label: str, positive, types) -> Choice:
    """Return the favourable outcome; `>40` is a threshold for a number or date, and a plain value for text."""
    if isinstance(positive, str):
        operator = next((o for o in OPERATORS[:4] if positive.strip().startswith(o)), "")
        if operator and (_is_number(types[label]) or types[label] in TIMES):
            positive = Choice(label, operator=operator, bound=positive.strip().removeprefix(operator).strip())
        else:
            positive = Choice(label, (positive,))
    elif not isinstance(positive, Choice):
        positive = Choice(label, tuple(positive))
    if not positive.values and not positive.operator:
        raise InputError(
            "No favourable outcome was named.", hint="Name the value (or values) of the label that is good to get."
        )
    _check_choice(positive, types[label])
    if not con.execute(f"SELECT count(*) FROM {source} WHERE {_predicate(positive, types[label])}").fetchall()[0][0]:
        raise InputError(f"No row has {positive}.", hint=_values_hint(con, source, label))
    return positive


def _values_hint(con, source, column: str) -> str:
    rows = con.execute(
        f"SELECT {ident(column)}::VARCHAR v FROM {source} WHERE v IS NOT NULL GROUP BY v ORDER BY count(*) DESC, v LIMIT 8"
    ).fetchall()
    return f"Column {column!r} has: {', '.join(value for (value,) in rows)}."


# ---- from counts to metrics


def _facet_bias(
    choice: Choice, in_d: str, cells: list[_Cell], good: Choice, group: str | None, predicted: str | None
) -> FacetBias:
    """Return the metrics of one group; `in_d` is what its cells have as `facet`."""
    excluded = {
        "facet": sum(c.n for c in cells if c.facet is None),
        "label": sum(c.n for c in cells if c.facet is not None and c.label is None),
    }
    usable = [c for c in cells if c.facet is not None and c.label is not None]
    seen: dict[tuple[bool, bool], int] = defaultdict(int)
    for c in usable:
        seen[c.facet == in_d, c.label] += c.n
    counts = {
        "n_a": seen[False, True] + seen[False, False],
        "n_d": seen[True, True] + seen[True, False],
        "n_a_pos": seen[False, True],
        "n_d_pos": seen[True, True],
    }
    if not counts["n_d"]:
        raise InputError(f"No row with a known outcome has {choice}.", hint="Look at the column's values.")
    if not counts["n_a"]:
        raise InputError(
            f"Every row has {choice}; there is nobody to compare with.",
            hint="Name a value or threshold that some rows do not meet.",
        )
    positives, rows = counts["n_a_pos"] + counts["n_d_pos"], counts["n_a"] + counts["n_d"]
    share_a, share_d = counts["n_a_pos"] / counts["n_a"], counts["n_d_pos"] / counts["n_d"]
    notes = []
    metrics: dict[str, float | None] = {
        "CI": (counts["n_a"] - counts["n_d"]) / rows,
        "DPL": share_a - share_d,
        **distribution_metrics(
            {True: seen[False, True], False: seen[False, False]}, {True: seen[True, True], False: seen[True, False]}
        ),
    }
    if math.isinf(metrics["KL"]):
        lacking = "favourable" if not counts["n_d_pos"] else "unfavourable"
        notes.append(f"KL is infinite: nobody with {choice} has the {lacking} outcome.")
    if group:
        excluded["group"] = sum(c.n for c in usable if c.group is None)
        metrics["CDDL"] = conditional_disparity(_strata(usable, in_d, "label")) if 0 < positives < rows else None
        if metrics["CDDL"] is None:
            notes.append(
                f"CDDL is not defined: every row has {good}, or none has."
                if excluded["group"] < rows
                else "CDDL is not defined: no stratum is known."
            )
    confusion = {}
    if predicted:
        judged = [c for c in usable if c.predicted is not None]
        excluded["predicted"] = rows - sum(c.n for c in judged)
        confusion = {
            "a": _confusion(c for c in judged if c.facet != in_d),
            "d": _confusion(c for c in judged if c.facet == in_d),
        }
        if not confusion["a"].rows or not confusion["d"].rows:
            raise InputError(
                f"There is no known prediction for {choice} or for the rest.", hint=f"Look at the column {predicted!r}."
            )
        metrics |= prediction_metrics(confusion["a"], confusion["d"])
        if metrics["DI"] is None:
            notes.append(f"Nobody is predicted {good}: DI is not defined.")
        if group:
            metrics["CDDPL"] = conditional_disparity(_strata(judged, in_d, "predicted"))
        metrics = {name: metrics[name] for name in (*PRE_TRAINING, *POST_TRAINING) if name in metrics}
    notes += [
        f"{n:,} row{'' if n == 1 else 's'} without a known {_EXCLUDED[what]}." for what, n in excluded.items() if n
    ]
    facts = _Facts(choice, good, share_a, share_d, counts, confusion)
    readings = tuple(Reading(m, NAMES[m], v, _says(m, v, facts, group), severity(m, v)) for m, v in metrics.items())
    return FacetBias(choice.column, choice.shown, counts, metrics, readings, tuple(notes), excluded, confusion)


_EXCLUDED = {
    "facet": "facet left out",
    "label": "outcome left out",
    "group": "stratum left out of the conditional metrics",
    "predicted": "prediction left out of the metrics on predictions",
}


def _strata(cells: Iterable[_Cell], in_d: str, outcome: str) -> dict[str, tuple[int, int, int, int]]:
    strata: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for c in cells:
        if c.group is not None:
            strata[c.group][(2 if c.facet == in_d else 0) + (0 if getattr(c, outcome) else 1)] += c.n
    return {name: tuple(stratum) for name, stratum in strata.items()}


def _confusion(cells: Iterable[_Cell]) -> Confusion:
    n: dict[tuple[bool, bool], int] = defaultdict(int)
    for c in cells:
        n[c.label, c.predicted] += c.n
    return Confusion(TP=n[True, True], FP=n[False, True], FN=n[True, False], TN=n[False, False])


def _divergence(p: list[float], q: list[float]) -> float:
    if any(x > 0 and y == 0 for x, y in zip(p, q, strict=True)):
        return math.inf
    # Rounding can leave -1e-17 for equal distributions; a divergence is never negative.
    return max(0.0, sum(x * math.log(x / y) for x, y in zip(p, q, strict=True) if x > 0))


def _ratio(x: float, y: float) -> float:
    """Divide with the reference's convention: 0/0 is 0, x/0 is infinite."""
    if y:
        return x / y
    return 0.0 if not x else math.copysign(math.inf, x)


def _minus(x: float, y: float) -> float:
    return 0.0 if math.isinf(x) and x == y else x - y


def _entropy(a: Confusion, d: Confusion) -> float:
    """Generalised entropy (alpha 2) of the benefits b = prediction - label + 1, over all rows."""
    rows, double, none = a.rows + d.rows, a.FP + d.FP, a.FN + d.FN
    single = rows - double - none
    mean = (2 * double + single) / rows
    if not mean:
        return 0.0
    return (4 * double + single) / (2 * rows * mean * mean) - 0.5


def _json_number(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "Infinity" if value > 0 else "-Infinity"


# ---- plain words


@dataclass(frozen=True)
class _Facts:
    d: Choice
    good: Choice
    share_a: float
    share_d: float
    counts: dict[str, int]
    confusion: dict[str, Confusion]


def _says(metric: str, value: float | None, facts: _Facts, group: str | None) -> str:
    """Say in one sentence what a metric's value means for the group to protect."""
    who = str(facts.d)
    if value is None:
        return "Not defined for these rows."
    points = f"{abs(value) * 100:.1f} points" if math.isfinite(value) else ""
    level = abs(value) < 0.0005
    if metric == "CI":
        share = facts.counts["n_d"] / (facts.counts["n_a"] + facts.counts["n_d"])
        return f"{who} makes up {share:.1%} of the rows."
    if metric == "DPL":
        rates = f"({facts.share_d:.1%} against {facts.share_a:.1%})"
        if level:
            return f"{who} gets {facts.good} as often as the rest {rates}."
        return f"{who} gets {facts.good} {points} {'less' if value > 0 else 'more'} often than the rest {rates}."
    if metric == "KL":
        return (
            "The rest has an outcome that this group never has."
            if math.isinf(value)
            else f"Telling the two groups' outcomes apart: {value:.3f} nats; 0 is no difference."
        )
    if metric == "JS":
        return f"{value / math.log(2):.1%} of the largest possible difference (ln 2), the same in both directions."
    if metric == "LP":
        return f"The outcome shares lie {value:.3f} apart; 1.414 is the most."
    if metric in ("TVD", "KS"):
        return (
            f"{abs(value):.1%} of one group would need another outcome to match the other."
            if metric == "TVD"
            else f"The largest gap of one outcome is {points}."
        )
    if metric in ("CDDL", "CDDPL"):
        what = "rejections" if metric == "CDDL" else "predicted rejections"
        if level:
            return f"Within each {group}, {who} has the same share of {what} and of acceptances."
        return f"Within each {group}, the share of {who} among {what} is {points} {'higher' if value > 0 else 'lower'} than among acceptances."
    if metric == "DPPL":
        return _compare(value, f"{who} is predicted {facts.good}", points, "often")
    if metric == "DI":
        return (
            f"{who} is predicted {facts.good} {value:.2f} times as often as the rest; below 0.80 breaks the four-fifths rule."
            if math.isfinite(value)
            else "Only this group is predicted the favourable outcome."
        )
    if metric == "RD":
        return _compare(value, f"Of those who deserve {facts.good}, {who} is found", points, "often")
    if metric == "SD":
        return _compare(-value, f"Of those without {facts.good}, {who} is rightly refused", points, "often")
    if metric == "DAR":
        return _compare(value, f"When {who} is predicted {facts.good}, that is right", points, "often")
    if metric == "DRR":
        return _compare(-value, f"When {who} is refused, that is right", points, "often")
    if metric == "AD":
        return _compare(value, f"Predictions for {who} are right", points, "often")
    if metric == "DCAcc":
        return _tilt(value, "accepted, compared with what was observed,", more_is_worse_for_a=True)
    if metric == "DCR":
        return _tilt(value, "refused, compared with what was observed,", more_is_worse_for_a=False)
    if metric == "TE":
        if level:
            return "Missed and false acceptances are in the same proportion in both groups."
        return f"{who} has {'more' if value > 0 else 'fewer'} missed acceptances for each false one than the rest."
    return f"Unevenness of benefit over all people: {value:.3f}; 0 is perfectly even. It does not look at the group."


def _compare(value: float, start: str, points: str, word: str) -> str:
    if abs(value) < 0.0005:
        return f"{start} as {word} as the rest."
    return f"{start} {points} {'less' if value > 0 else 'more'} {word} than the rest."


def _tilt(value: float, what: str, *, more_is_worse_for_a: bool) -> str:
    """DCAcc: observed per predicted acceptance, a minus d. DCR: observed per predicted rejection, d minus a."""
    if abs(value) < 0.0005:
        return f"Both groups are {what} to the same degree."
    more_for_group = value > 0 if more_is_worse_for_a else value < 0
    return (
        f"This group is {what} {'more' if more_for_group else 'less'} often than the rest ({abs(value):.2f})."
        if math.isfinite(value)
        else "One of the groups is never predicted this outcome."
    )
