"""JSON and lists: new keys after training, paths that cannot be read, limits."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.catalog.nested import steps_of
from transforms.engines import scratch
from transforms.errors import ParamError


def run(step, settings, train, new):
    fitted = Recipe().add(step, settings).fit(pa.table(train), engine=scratch())
    return fitted.run(pa.table(new), engine=scratch()).to_arrow_table().to_pydict()


def test_a_new_key_is_left_out_and_a_value_of_another_type_is_missing():
    found = run(
        "nested.flatten_json", {"column": "j", "prefix": ""}, {"j": ['{"a": 1}']}, {"j": ['{"a": "x", "b": 2}']}
    )
    assert found == {"a": [None]}


def test_deep_json_does_not_end_the_run():
    deep = "[" * 100_000
    assert run("nested.parse_json", {"columns": ["j"]}, {"j": ["1"]}, {"j": [deep]}) == {"j": [None]}


@pytest.mark.parametrize(
    "path, steps", [("a.b[0]", ["a", "b", 0]), ("$.a", ["a"]), ('["a.b"][-1]', ["a.b", -1]), ("$", [])]
)
def test_paths_are_read(path, steps):
    assert steps_of(path) == steps


def test_a_path_that_cannot_be_read_is_refused_in_plain_words():
    with pytest.raises(ParamError, match="'a\\[x' cannot be read"):
        Recipe().add("nested.json_value", {"column": "j", "path": "a[x", "to": "v"}).steps[0].build()


def test_xml_entities_from_outside_are_not_loaded():
    bomb = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'
    found = run("nested.read_markup", {"column": "x", "path": "//a", "to": "v"}, {"x": ["<a/>"]}, {"x": [bomb]})
    assert found["v"] == ["&x;"]
