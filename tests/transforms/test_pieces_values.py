"""Pieces of text: guessed marks, chunks, settings that are refused in plain words."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.catalog.pieces import text_chunks
from transforms.engines import scratch
from transforms.errors import FitError, ParamError
from transforms.recognise import parts_of_name, parts_of_phone

TABLE = pa.table({"t": ["a;b", "c;d"]})


def run(step, settings, table=TABLE):
    return Recipe().add(step, settings).fit(table, engine=scratch()).run(table, engine=scratch()).to_arrow_table()


def test_chunks_cover_the_whole_text_and_keep_to_the_size():
    text = " ".join(f"Sentence number {i} stands here." for i in range(40))
    for size, overlap in ((50, 0), (80, 20), (7, 3)):
        found = text_chunks.python(text, size=size, overlap=overlap, marks=[". ", " "])
        assert all(0 < len(c) <= size and c in text for c in found)
        assert set(text.split()) <= set(" ".join(found).split()) or overlap or size < 20


def test_a_text_without_a_mark_cannot_be_split_by_guessing():
    with pytest.raises(FitError, match="no mark splits column 't'"):
        run("pieces.split_smart", {"column": "t"}, pa.table({"t": ["abc", "d"]}))


@pytest.mark.parametrize(
    "step, settings, message",
    [
        ("pieces.split_columns", {"column": "t"}, "give the marks to split at"),
        ("pieces.split_columns", {"column": "t", "how": "at positions", "numbers": [3, 2]}, "rising order"),
        ("pieces.extract_grok", {"column": "t", "pattern": "%{NOPE:a}"}, "no grok pattern 'NOPE'"),
        ("pieces.extract_grok", {"column": "t", "pattern": "(x)%{WORD:a}"}, "brackets of your own"),
        ("pieces.fill_template", {"columns": ["t"], "template": "{2}", "to": "x"}, "places from {1} to {1}"),
        ("pieces.find_all", {"column": "t", "to": "x", "what": "pattern", "pattern": "("}, "not a regular expression"),
        ("pieces.split_chunks", {"column": "t", "size": 10, "overlap": 6}, "more than half"),
        ("web.test_ip", {"column": "t", "to": "x", "test": "is in a network", "networks": ["10.0.0"]}, "not a network"),
        ("text.truncate", {"columns": ["t"], "length": 1, "mark": "..."}, "longer than 1"),
    ],
)
def test_settings_that_cannot_work_are_refused(step, settings, message):
    with pytest.raises(ParamError) as error:
        run(step, settings)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "name, parts",
    [
        ("Prof. Dr. Ada van der Berg", ["Prof. Dr.", "Ada", None, "van der Berg", None]),
        ("van Gogh, Vincent Willem", [None, "Vincent", "Willem", "van Gogh", None]),
        ("Martin Luther King, Jr.", [None, "Martin", "Luther", "King", "Jr."]),
        ("Herr Meier", ["Herr", None, None, "Meier", None]),
        ("", [None] * 5),
    ],
)
def test_names(name, parts):
    assert parts_of_name.python(name) == parts


def test_phone_numbers_tell_their_country():
    assert parts_of_phone.python("+1 212-555-0123", country="DE")[:4] == ["+12125550123", "1", "2125550123", "US"]
