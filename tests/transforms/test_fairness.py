"""Massaging: M of Kamiran and Calders 2012, borderline rows first, nothing else touched."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch
from transforms.errors import RecipeError

WOMEN = {"conditions": [{"column": "g", "test": "equals", "value": "f"}], "target": "y", "positive": "yes", "negative": "no", "score": "s"}  # fmt: skip


def run(table, **more):
    made = Recipe().add("balance.massage_labels", WOMEN | more)
    return made.fit(table, engine=scratch()).run(table, engine=scratch()).to_arrow_table().to_pylist()


def people(group, label, *scores):
    return [{"g": group, "y": label, "s": s} for s in scores]


def turned(rows, table):
    found = {r["s"]: r["y"] for r in run(pa.Table.from_pylist(rows), **table)}
    return {r["s"]: found[r["s"]] for r in rows if found[r["s"]] != r["y"]}


# 5 women with 1 yes, 5 men with 4 yes: M = (5 × 4 - 5 × 1) / 10 = 1.5, rounded 2
ROWS = [*people("f", "yes", 0.95), *people("f", "no", 0.1, 0.2, 0.7, 0.6), *people("m", "yes", 0.99, 0.5, 0.4, 0.8), *people("m", "no", 0.3)]  # fmt: skip


def test_the_rows_nearest_to_the_border_are_turned():
    assert turned(ROWS, {}) == {0.7: "yes", 0.6: "yes", 0.4: "no", 0.5: "no"}


def test_nothing_is_turned_for_a_group_that_is_not_behind():
    assert turned(ROWS, {"conditions": [{"column": "g", "test": "is not", "value": "f"}]}) == {}


def test_unknown_scores_groups_and_other_labels_keep_out():
    odd = [{"g": None, "y": "no", "s": 0.91}, {"g": "f", "y": "perhaps", "s": 0.92}, {"g": "f", "y": None, "s": 0.93}]
    assert turned(ROWS + odd, {}) == turned(ROWS, {})
    blind = [r | {"s": None} if r["g"] == "f" and r["y"] == "no" and r["s"] != 0.1 else r for r in ROWS]
    found = run(pa.Table.from_pylist(blind))
    # one woman has a score: one up, so one down, and the number of yes stays 5
    assert sum(r["y"] == "yes" for r in found) == 5
    assert [r["s"] for r in found if r["g"] == "f" and r["y"] == "yes"] in ([0.95, 0.1], [0.1, 0.95])


def test_the_choice_among_equal_scores_is_the_same_each_time():
    rows = [{"g": g, "y": y, "s": 0.5, "id": i} for i, (g, y) in enumerate([("f", "no")] * 6 + [("m", "yes")] * 6)]
    table = pa.Table.from_pylist(rows)
    first = {r["id"]: r["y"] for r in run(table)}
    assert first == {r["id"]: r["y"] for r in run(table.take(list(range(11, -1, -1))))}
    assert sum(y == "yes" for y in first.values()) == 6 and sum(first[i] == "yes" for i in range(6)) == 3


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"negative": "yes"}, "the good and the other outcome are the same"),
        ({"target": "g"}, "cannot tell the group"),
        ({"target": "s", "positive": "1", "negative": "0"}, "is not text, a whole number or true/false"),
    ],
)
def test_wrong_settings_are_said(more, said):
    with pytest.raises(RecipeError, match=said):
        run(pa.Table.from_pylist(ROWS), **more)
