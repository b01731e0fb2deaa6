"""Recipes of earlier versions open, check, run, and give what they gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.contract.cases import assert_same
from transforms import Recipe, upgrades
from transforms.catalog.text import ChangeCase
from transforms.engines import scratch
from transforms.errors import InputError, RecipeError
from transforms.examples import table
from transforms.parameters import read
from transforms.recipe import FittedRecipe

# One recipe per example of the catalogue as it was at commit 87c8279, saved by that code (see imports/ORIGIN).
SAVED = json.loads((Path(__file__).parent / "imports" / "ground_floor.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("saved", SAVED, ids=lambda s: s["fitted"]["name"])
def test_recipes_of_the_ground_floor_open_check_and_run(saved):
    before = table(saved["before"], saved["types"])
    others = {k: table(v, saved["types"]) for k, v in saved["others"].items()}
    train = table(saved["train"], saved["types"]) if saved["train"] else before
    expected = table(saved["after"], {**saved["types"], **saved["after_types"]})
    fitted = FittedRecipe.from_dict(saved["fitted"])
    plain = fitted.unfitted()
    assert [p.message for p in plain.check(fitted.inputs) if p.severity == "error"] == []
    again = plain.fit({"main": train, **others}, engine=scratch())
    assert_same(
        again.run({"main": before, **others}, engine=scratch()).to_arrow_table(), expected, where="fitted again"
    )
    found = fitted.run({"main": before, **others}, engine=scratch()).to_arrow_table()
    assert_same(found, expected, where="with the saved state")


@pytest.fixture
def second_version(monkeypatch):
    """`text.change_case` as if its version were 3: 1 called the setting `mode`, 2 wrote the case in capitals."""
    monkeypatch.setattr(ChangeCase, "version", 3)
    monkeypatch.setitem(
        upgrades.UPGRADES,
        ("text.change_case", 1),
        lambda s: {**{k: v for k, v in s.items() if k != "mode"}, "case": s["mode"]},
    )
    monkeypatch.setitem(upgrades.UPGRADES, ("text.change_case", 2), lambda s: {**s, "case": s["case"].lower()})


def step(**given) -> dict[str, Any]:
    return {"steps": [{"id": "s1", "transform": "text.change_case", **given}]}


def test_an_old_step_gets_todays_settings_one_version_at_a_time(second_version):
    for saved in (
        step(version=1, settings={"columns": ["t"], "mode": "UPPER"}),
        step(version=2, settings={"columns": ["t"], "case": "UPPER"}),
        step(version=3, settings={"columns": ["t"], "case": "upper"}),
    ):
        opened = Recipe.from_dict(saved).steps[0]
        assert (opened.version, opened.settings) == (3, {"columns": ["t"], "case": "upper"})
        assert opened.build().case == "upper"


def test_a_step_that_cannot_be_upgraded_stays_and_is_named(second_version):
    opened = Recipe.from_dict(step(version=1, settings={"columns": ["t"]}))
    assert opened.steps[0].settings == {"columns": ["t"]} and opened.steps[0].version == 1
    again = Recipe.from_dict(step(settings={"columns": ["t"], "case": "loud"}, version=3))
    assert "Case" in again.check({"main": {"t": "string"}})[0].message


def test_a_renamed_transform_is_found(monkeypatch):
    monkeypatch.setitem(upgrades.RENAMED, "text.shout", "text.change_case")
    content = {"steps": [{"id": "s1", "transform": "text.shout", "settings": {"columns": ["t"], "case": "upper"}}]}
    assert Recipe.from_dict(content).steps[0].transform == "text.change_case"


def test_a_step_of_a_newer_tilth_is_refused_but_kept():
    content = step(version=9, settings={"columns": ["t"], "tone": 3})
    opened = Recipe.from_dict(content)
    assert opened.dump()["steps"][0]["settings"] == {"columns": ["t"], "tone": 3}
    with pytest.raises(RecipeError, match="newer Tilth"):
        opened.steps[0].build()


class TestParameters:
    FILE: ClassVar = {
        "parameters": {"least": {"type": "number", "default": 2}, "columns": {"type": "list of texts"}},
        "steps": [
            {
                "id": "s1",
                "transform": "number.arithmetic",
                "settings": {"left": "a", "operation": "add", "number": {"parameter": "least"}, "to": "b"},
            },
            {"id": "s2", "transform": "columns.keep", "settings": {"columns": {"parameter": "columns"}}},
        ],
    }

    def test_values_stand_in_for_parameters(self):
        recipe = Recipe.from_dict(self.FILE)
        rows = table({"a": [1, None]}, {})
        found = recipe.with_parameters({"columns": "b", "least": "3"}).fit(rows).run(rows).fetchall()
        assert sorted(found, key=str) == [(4.0,), (None,)]
        assert recipe.dump()["parameters"] == self.FILE["parameters"]  # kept in the file

    def test_a_parameter_without_a_value_is_named(self):
        recipe = Recipe.from_dict(self.FILE)
        with pytest.raises(InputError, match="'columns' has no value"):
            recipe.fit(table({"a": [1]}, {}))
        assert "'columns' has no value" in recipe.check({"main": {"a": "int64"}})[0].message
        with pytest.raises(InputError, match="no parameter 'colums'.*did you mean 'columns'"):
            recipe.with_parameters({"colums": "b"})

    def test_values_are_read_as_their_type(self):
        assert read("3", "whole number", "p") == 3 and read("true", "true/false", "p") is True
        assert read(5, "text", "p") == "5" and read("a, b", "list of texts", "p") == ["a", "b"]
        for value, kind in (("3.5", "whole number"), ("x", "number"), ("maybe", "true/false"), (None, "text")):
            with pytest.raises(InputError, match="must be a"):
                read(value, kind, "p")
        with pytest.raises(InputError, match="has the type 'colour'"):
            read("x", "colour", "p")

    def test_a_recipe_without_parameters_is_left_alone(self):
        recipe = Recipe.from_dict(step(settings={"columns": ["t"], "x": {"parameter": "y"}}))
        assert recipe.with_parameters() is recipe
