"""Saved recipes, audit lines and lineage arrows."""

from __future__ import annotations

import pytest

from transforms.errors import InputError, NotFound


def test_every_change_of_a_recipe_is_a_version(tmp_workspace):
    recipes = tmp_workspace.recipes
    one = {"tilth_recipe": 1, "name": "prices", "steps": [], "kept": {"unknown": True}}
    two = {**one, "steps": [{"id": "s1", "transform": "no.such", "settings": {}}]}
    assert [recipes.save(one), recipes.save(one), recipes.save(two, note="better"), recipes.save(one)] == [1, 1, 2, 3]
    assert recipes.get("prices") == one
    assert recipes.get("prices@2") == two
    assert recipes.get("prices", 2) == two
    assert [(saved.version, saved.note, saved.steps) for saved in recipes.versions("prices")] == [
        (3, "", 0),
        (2, "better", 1),
        (1, "", 0),
    ]
    assert [(saved.name, saved.version) for saved in recipes.list()] == [("prices", 3)]


def test_recipe_errors(tmp_workspace):
    tmp_workspace.recipes.save({"name": "prices", "steps": []})
    with pytest.raises(NotFound, match="did you mean 'prices'"):
        tmp_workspace.recipes.get("price")
    with pytest.raises(NotFound, match="prices@9"):
        tmp_workspace.recipes.get("prices", 9)
    with pytest.raises(InputError, match="needs a name"):
        tmp_workspace.recipes.save({"steps": []})


def test_audit_lines_newest_first_with_actor(tmp_workspace, monkeypatch):
    monkeypatch.setenv("TILTH_USER", "anna")
    tmp_workspace.audit.record("one", "a", {"x": 1})
    tmp_workspace.audit.record("two", "b", actor="ben")
    assert [(line.actor, line.action, line.subject, line.detail) for line in tmp_workspace.audit.list()] == [
        ("ben", "two", "b", {}),
        ("anna", "one", "a", {"x": 1}),
    ]
    assert len(tmp_workspace.audit.list(limit=1)) == 1


def test_lineage_walks_back_to_the_sources(tmp_workspace):
    add = tmp_workspace.lineage.add
    add("file", "/a.csv", "dataset", "a@1", "import")
    add("dataset", "a@1", "dataset", "b@1", "recipe prices@2")
    add("recipe", "prices@2", "dataset", "b@1", "run")
    add("dataset", "b@1", "model", "m@1", "train")
    add("dataset", "b@1", "model", "m@1", "train")  # the same arrow again
    add("dataset", "other@1", "model", "n@1", "train")
    assert [(arrow.from_ref, arrow.to_ref) for arrow in tmp_workspace.lineage.of("model", "m@1")] == [
        ("b@1", "m@1"),
        ("a@1", "b@1"),
        ("prices@2", "b@1"),
        ("/a.csv", "a@1"),
    ]
