"""Suggestions: what a column's facts and a cell propose; every proposal is a step that runs."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.preview import Previewer
from transforms.suggest import for_cell, for_column

TABLE = pa.table(
    {
        "price": ["$4.99", "0", None, "$1.99"],
        "size": ["19M", "201k", "Varies with device", "2.0M"],
        "updated": ["January 7, 2018", "March 15, 2018", "July 1, 2018", None],
        "iso": ["2024-01-01", "2024-02-01", None, "2024-03-01"],
        "genre": [" Art;Design", "Art", "Tools", "Tools"],
        "rating": [4.1, None, 3.9, 4.7],
        "big": [1.0, 2.0, 3.0, 1e6],
        "one": ["x", "x", "x", "x"],
        "none": pa.array([None] * 4, pa.string()),
        "flag": [True, False, None, True],
        "day": pa.array([0, 1, 2, 3], pa.date32()),
    }
)


@pytest.fixture(scope="module")
def view():
    return Previewer({"main": TABLE}, "t").view(Recipe())


def proposals(view, column):
    kind = next(c["kind"] for c in view.columns if c["name"] == column)
    samples = [row[TABLE.column_names.index(column)] for row in view.rows(0, 200)]
    return for_column(column, kind, view.profile([column])[column], samples)


@pytest.mark.parametrize(
    "column, first",
    [
        ("none", ["columns.drop"]),
        ("one", ["columns.drop"]),
        ("rating", ["missing.fill_statistic", "scale.clip"]),
        ("flag", ["missing.fill_most_frequent", "missing.drop_rows"]),
        ("price", ["missing.fill_most_frequent", "types.parse_number"]),
        ("size", ["types.parse_number"]),
        ("updated", ["missing.fill_most_frequent", "types.parse_date"]),
        ("iso", ["missing.fill_most_frequent", "types.change"]),
        ("genre", ["text.trim", "text.split_column"]),
        ("day", ["dates.extract_part", "dates.start_of_period"]),
    ],
)
def test_what_a_column_needs_comes_first(view, column, first):
    assert [s.transform for s in proposals(view, column)][: len(first)] == first


def test_only_what_the_data_show_is_proposed(view):
    genre = [s.transform for s in proposals(view, "genre")]
    assert "types.parse_number" not in genre and "types.parse_date" not in genre and "missing.drop_rows" not in genre
    assert "number.log1p" not in [s.transform for s in proposals(view, "rating")]
    long_tail = for_column(
        "n", "number", {"rows": 9, "missing": 0, "distinct": 9, "min": 0.0, "bins": [9] + [0] * 19}, []
    )
    assert "number.log1p" in [s.transform for s in long_tail]
    assert proposals(view, "none") == [s for s in proposals(view, "none") if s.why == "every value is missing"]
    assert proposals(view, "rating")[0].why == "1 of 4 rows are missing"


@pytest.mark.parametrize("column", TABLE.column_names)
def test_every_proposal_for_a_column_runs(view, column):
    for one in proposals(view, column):
        fitted = Recipe().add(one.transform, one.settings).fit(TABLE)
        assert fitted.run(TABLE).to_arrow_table().num_rows <= 4, one
        assert one.label and len(one.label) < 80


@pytest.mark.parametrize("column", TABLE.column_names)
def test_every_proposal_for_a_cell_runs(view, column):
    kind = next(c["kind"] for c in view.columns if c["name"] == column)
    for place in range(4):
        value = view.rows()[place][TABLE.column_names.index(column)]
        kept = 0
        for one in for_cell(column, kind, value):
            rows = Recipe().add(one.transform, one.settings).fit(TABLE).run(TABLE).to_arrow_table()
            if one.label.startswith(("Keep rows where", "Drop rows where")):
                kept += rows.num_rows
        assert kept == 4, "keep and drop share the rows between them"


def test_text_with_quotes_and_long_text_is_only_a_label():
    found = for_cell("t", "text", "it's “so” " + "long " * 50)
    assert all(len(s.label) < 80 for s in found)
    assert found[0].settings["conditions"][0]["value"].endswith("long ")
