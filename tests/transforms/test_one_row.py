"""A record in plain Python: the same answer as DuckDB, or DuckDB's own."""

from __future__ import annotations

from datetime import datetime

import ibis
import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch
from transforms.errors import RecipeError
from transforms.one_row import Unsure, compiled
from transforms.serving import RecordRunner


def runner(steps, rows: pa.Table) -> RecordRunner:
    recipe = Recipe(name="r")
    for name, settings in steps:
        recipe = recipe.add(name, settings)
    return RecordRunner(recipe.fit(rows, engine=scratch()))


ROWS = pa.table(
    {
        "price": ["$4.99", "19M", None, "free"],
        "x": [1.0, None, 3.0, 5.0],
        "city": ["Rome", "rome", None, "Öl"],
        "at": [datetime(2024, 2, 29, 12), None, datetime(2023, 1, 1), datetime(2024, 12, 31)],
    }
)
STEPS = [
    ("types.parse_number", {"columns": ["price"]}),
    ("missing.fill_statistic", {"columns": ["x"], "statistic": "mean"}),
    ("scale.standard", {"columns": ["x"]}),
    ("text.change_case", {"columns": ["city"], "case": "upper"}),
    ("dates.add", {"columns": ["at"], "number": 366, "unit": "days"}),
    ("rows.filter", {"conditions": [{"column": "x", "test": "is at least", "value": "-1"}]}),
]


def test_python_gives_what_the_query_gives():
    one = runner(STEPS, ROWS)
    assert one.fast
    # mean 3, deviation sqrt(2) of 1, 3, 3, 5: the first record is below -1 deviation and removed
    assert one.run({"x": 1.0}) is None
    found = one.run({"price": "19M", "city": "rome", "x": None, "at": "2024-02-29T12:00:00"})
    assert found == {"price": 19e6, "x": 0.0, "city": "ROME", "at": datetime(2025, 3, 1, 12)}


def test_text_beyond_ascii_goes_to_duckdb():
    one = runner(STEPS, ROWS)
    with pytest.raises(Unsure):
        one.by_python([None, 5.0, "öl", None])
    assert one.run({"x": 5.0, "city": "öl"})["city"] == "ÖL"


def test_numbers_beyond_64_bits_are_refused_as_in_a_batch():
    one = runner([("number.negate", {"columns": ["n"]})], pa.table({"n": [1]}))
    assert one.run({"n": 2})["n"] == -2
    with pytest.raises(RecipeError, match="(?i)out of range|overflow"):
        one.run({"n": -(2**63)})


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [("b$", "ab\n", False), ("b$", "ab", True), (r"\d", "٣", False), (r"\d", "3", True), ("a.c", "a\nc", False)],
)
def test_patterns_mean_what_re2_means(pattern, text, found):
    one = runner(
        [("text.test", {"column": "t", "test": "matches pattern", "text": pattern, "to": "f"})],
        pa.table({"t": ["x"]}),
    )
    assert one.fast
    assert one.by_python([text])["f"] is found
    assert one.by_query([text])["f"] is found


def test_what_python_lacks_is_named():
    table = scratch().table(pa.table({"a": [1, 2]}))
    with pytest.raises(Unsure, match="WindowFunction"):
        compiled(table.mutate(b=table.a.sum().over()), ["a"])


def test_sign_of_a_float_is_a_float():
    table = ibis.table({"a": "float64", "i": "int64"}, name="t")
    found = compiled(table.select(f=table.a.sign(), w=table.i.sign()), ["a", "i"])([-2.5, -3])
    assert [(v, type(v)) for v in found] == [(-1.0, float), (-1, int)]
