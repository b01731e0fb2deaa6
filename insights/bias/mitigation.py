"""Three ways to lessen bias before training, as recipe steps, and what each would do to the metrics.

All from Kamiran and Calders 2012. Reweigh: a weight per row, so that group and outcome are independent. Resample: repeat and
remove rows to the same end. Massage: turn the labels nearest to the border, by a score. Each evens out DPL; none promises
that a model trained on the result treats the groups alike: measure its predictions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING

from insights.bias import counts as c
from insights.bias.counts import Choice
from insights.bias.measure import BiasReport, measure
from transforms.errors import InputError
from workspace.sql import ident

if TYPE_CHECKING:
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection

METHODS = {
    "reweigh": "Reweigh: give each row a weight",
    "resample": "Resample: repeat and remove rows",
    "massage": "Massage: turn labels near the border",
}
TESTS = {">": "is greater than", ">=": "is at least", "<": "is less than", "<=": "is at most", "=": "equals"}
GROUP, OUTCOME, WEIGHT = "bias_group", "bias_outcome", "weight"
_names = count()


@dataclass(frozen=True)
class Mitigation:
    """What a method would do: the recipe steps, and the metrics on all rows before and after them."""

    method: str
    steps: list[dict]
    before: BiasReport
    after: BiasReport

    def as_json(self) -> dict:
        return {
            "method": self.method,
            "steps": self.steps,
            "before": self.before.as_json(),
            "after": self.after.as_json(),
        }


def mitigate(
    con: DuckDBPyConnection,
    source: str,
    method: str,
    *,
    label: str,
    positive,
    facet: Choice | str,
    group: str | None = None,
    score: str | None = None,
    negative: str | None = None,
    seed: int = 1,
) -> Mitigation:
    """Return what a method of `METHODS` would do to the bias of one group; the table itself stays as it is.

    Args:
        label, positive, facet, group: as in `measure`, with one group to protect.
        score: for "massage": the column that says how near a row is to the good outcome.
        negative: for "massage": the outcome that is not good; not needed where the label has two values.
        seed: of the random choices of "resample" and of equal scores.

    Raises:
        InputError: an unknown method, or one that does not fit the label.
    """
    from transforms import Recipe

    types = c.types_of(con, source)
    c.check_column(label, types)
    good, who = c.positive_choice(con, source, label, positive, types), c.facet_choice(con, source, facet, types)
    before = measure(con, source, label=label, positive=good, facets=[who], group=group)
    if len(before.facets) != 1:
        raise InputError(
            f"Column {who.column!r} names no group.", hint=f"Name a value ({who.column}=…) or a threshold."
        )
    if method == "massage" and negative is None and not good.operator:
        negative = _other_outcome(con, source, good)
    made = steps(method, types=types, positive=good, facet=who, score=score, negative=negative, seed=seed)
    recipe = Recipe(name=method)
    for step in made:
        recipe = recipe.add(step["transform"], step["settings"])
    result = recipe.fit(con.sql(f"SELECT * FROM {source}"), con).run(con.sql(f"SELECT * FROM {source}"), con)
    weight = made[-1]["settings"].get("to") if method == "reweigh" else None
    needed = dict.fromkeys(filter(None, (label, who.column, group, weight)))
    table = f"bias_after_{next(_names)}"
    result.project(", ".join(map(ident, needed))).create(table)
    try:
        after = measure(con, table, label=label, positive=good, facets=[who], group=group, weight=weight)
    finally:
        con.execute(f"DROP TABLE {table}")
    return Mitigation(method, made, before, after)


def steps(
    method: str,
    *,
    types: Mapping[str, str],
    positive: Choice,
    facet: Choice,
    score: str | None = None,
    negative: str | None = None,
    seed: int = 1,
) -> list[dict]:
    """Return `[{"transform", "settings"}]`; the first ones make columns where a group or an outcome is a threshold.

    Args:
        types: {column: DuckDB type}, as `DESCRIBE` gives it.
    """
    if method not in METHODS:
        raise InputError(f"There is no method {method!r}.", hint=f"Use one of {', '.join(METHODS)}.")
    if method == "massage":
        return [_massage(types, positive, facet, score, negative, seed)]
    made: list[dict] = []
    columns = []
    for choice, name, sides in ((positive, OUTCOME, ("good", "other")), (facet, GROUP, ("group", "rest"))):
        if choice.operator or not _is_plain(types[choice.column]):
            free = _free(name, types)
            made.append(_two_sided(choice, free, *sides))
            columns.append(free)
        else:
            columns.append(choice.column)
    target, by = columns
    if method == "reweigh":
        settings = {"target": target, "group": by, "to": _free(WEIGHT, types)}
        return [*made, {"transform": "balance.weights", "settings": settings}]
    settings = {"target": target, "groups": [by], "method": "even out groups", "seed": seed}
    return [*made, {"transform": "balance.resample", "settings": settings}]


def _massage(types, positive: Choice, facet: Choice, score, negative, seed) -> dict:
    if positive.operator or len(positive.values) != 1 or not _is_plain(types[positive.column]):
        raise InputError(
            f"Massaging turns one outcome into another, and {positive} is not one value of text, whole numbers or true/false.",
            hint="Choose one value, or reweigh.",
        )
    if not score:
        raise InputError(
            "Massaging needs a score: how near each row is to the good outcome.",
            hint="Name a column of numbers, such as a model's probability.",
        )
    c.check_column(score, types)
    if not c.is_number(types[score]):
        raise InputError(f"The score {score!r} is not a number.", hint="Choose a column of numbers.")
    if not negative:
        raise InputError(
            f"Column {positive.column!r} has more than two outcomes.", hint="Name the outcome that is not good."
        )
    settings = {
        "conditions": [_condition(facet)], "target": positive.column, "positive": positive.values[0], "negative": negative, "score": score, "seed": seed,
    }  # fmt: skip
    return {"transform": "balance.massage_labels", "settings": settings}


def _other_outcome(con, source: str, good: Choice) -> str | None:
    """Return the one outcome beside the good one; None where there are more."""
    column = ident(good.column)
    query = f"SELECT DISTINCT {column}::VARCHAR v FROM {source} WHERE v IS NOT NULL LIMIT 3"
    others = [v for (v,) in con.execute(query).fetchall() if v not in good.values]
    return others[0] if len(others) == 1 else None


def _condition(choice: Choice) -> dict:
    if choice.operator:
        return {"column": choice.column, "test": TESTS[choice.operator], "value": choice.bound}
    if len(choice.values) == 1:
        return {"column": choice.column, "test": "equals", "value": choice.values[0]}
    if odd := [v for v in choice.values if "," in v or v != v.strip()]:
        raise InputError(
            f"The value {odd[0]!r} has a comma or outer spaces, which a list of values cannot hold.",
            hint="Choose that value alone, or rename it with a recipe first.",
        )
    return {"column": choice.column, "test": "is one of", "value": ", ".join(choice.values)}


def _two_sided(choice: Choice, to: str, inside: str, outside: str) -> dict:
    """Return the step that says in words on which side of a choice a row is; missing where it is unknown."""
    known = {"column": choice.column, "test": "is not missing", "then": outside}
    settings = {"cases": [{**_condition(choice), "then": inside}, known], "otherwise_missing": True, "to": to}
    return {"transform": "logic.case_when", "settings": settings}


def _is_plain(dtype: str) -> bool:
    """Return whether values of this type read the same as text everywhere: what the balance steps ask for."""
    return dtype in ("VARCHAR", "BOOLEAN") or (dtype in c.NUMBERS and dtype not in ("FLOAT", "DOUBLE"))


def _free(name: str, types: Mapping[str, str]) -> str:
    """Return a column name that the table does not have (DuckDB does not tell A from a)."""
    taken = {t.lower() for t in types}
    return next(n for n in chain([name], (f"{name}_{i}" for i in count(2))) if n.lower() not in taken)
