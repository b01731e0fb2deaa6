"""Rules: kinds of text beyond the examples, and what becomes of a table whose schema has changed."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.catalog.invalid import fits
from transforms.engines import scratch
from transforms.errors import RecipeError


@pytest.mark.parametrize(
    "kind, good, bad",
    [
        ("number", ["1", "-1.5e3", " .5 "], ["", "1,5", "nan", "1e", "٣"]),
        ("e-mail address", ["a.b+c@x-y.co.uk"], ["a..b@x.de", ".a@x.de", "a@-x.de", "a@x", "@x.de"]),
        ("web address", ["http://x.de", "https://[::1]:80/a?b#c"], ["x.de", "http://", "http://a b.de"]),
        ("UUID", ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567e89b12d3a456426614174000"]),
        ("date and time", ["2024-02-29 12:00", "2024-02-29T12:00:00Z"], ["2024-02-30 12:00", "2024-02-29"]),
        ("JSON", ['{"a": [1]}', "null"], ["{a: 1}", ""]),
        ("hex colour", ["#fff", "#A0b1C2"], ["fff", "#ffff"]),
        ("country code", ["de", "US"], ["XX", "DEU"]),
        ("currency code", ["EUR"], ["EURO"]),
        ("latitude", ["-90", "48.1"], ["90.1"]),
        ("MAC address", ["00:1A:2b:3c:4d:5e"], ["00:1A:2b:3c:4d"]),
        ("US ZIP code", ["02139", "02139-4307"], ["2139"]),
    ],
)
def test_kinds(kind, good, bad):
    assert [t for t in good if not fits.python(t, what=kind)] == []
    assert [t for t in bad if fits.python(t, what=kind)] == []


def test_a_changed_schema_is_brought_into_line_or_refused():
    train, new = pa.table({"a": [1], "b": ["x"]}), pa.table({"c": [1.5], "a": [2.0]})
    fitted = Recipe().add("invalid.check_schema", {}).fit(train, engine=scratch())
    found = fitted.run(new, engine=scratch()).to_arrow_table()
    assert found.to_pylist() == [{"a": 2, "b": None}]
    strict = Recipe().add("invalid.check_schema", {"policy": "stop"}).fit(train, engine=scratch())
    with pytest.raises(RecipeError, match="column 'a' was int64 in training and is float64 now"):
        strict.run(new, engine=scratch())
