"""Drafts: every edit is kept; undo and redo survive a restart and lose nothing."""

from __future__ import annotations

import pytest

from transforms import Recipe
from transforms.errors import AppError, Conflict, NotFound
from workspace import Workspace

ONE = Recipe(name="clean").dump() | {"sources": {"main": "apps@1"}}


def steps(*names: str) -> dict:
    return ONE | {
        "steps": [
            {"id": f"s{i}", "transform": n, "version": 1, "enabled": True, "note": "", "settings": {}}
            for i, n in enumerate(names, 1)
        ]
    }


def made(draft) -> list[str]:
    return [s["transform"] for s in draft.recipe["steps"]]


@pytest.fixture
def drafts(tmp_workspace):
    tmp_workspace.drafts.start(ONE)
    return tmp_workspace.drafts


def test_a_new_draft_has_nothing_to_undo(drafts):
    draft = drafts.get("clean")
    assert (draft.recipe, draft.undo, draft.redo) == (ONE, "", "")
    assert drafts.undo("clean") == drafts.redo("clean") == draft
    assert drafts.list() == ["clean"]


def test_undo_and_redo_walk_the_edits(drafts):
    drafts.edit(steps("a"), "Add a")
    draft = drafts.edit(steps("a", "b"), "Add b")
    assert (made(draft), draft.undo, draft.redo) == (["a", "b"], "Add b", "")
    draft = drafts.undo("clean")
    assert (made(draft), draft.undo, draft.redo) == (["a"], "Add a", "Add b")
    draft = drafts.undo("clean")
    assert (made(draft), draft.undo, draft.redo) == ([], "", "Add a")
    assert made(drafts.redo("clean")) == ["a"]
    assert made(drafts.redo("clean")) == made(drafts.redo("clean")) == ["a", "b"]


def test_a_recipe_that_did_not_change_is_no_edit(drafts):
    first = drafts.edit(steps("a"), "Add a")
    assert drafts.edit(steps("a"), "Again").edit == first.edit
    assert [e.what for e in drafts.history("clean")] == ["Add a", "Start"]


def test_an_edit_after_undo_starts_a_branch_and_loses_nothing(drafts):
    drafts.edit(steps("a"), "Add a")
    drafts.edit(steps("a", "b"), "Add b")
    drafts.undo("clean")
    drafts.edit(steps("a", "c"), "Add c")
    assert [e.what for e in drafts.history("clean")] == ["Add c", "Add b", "Add a", "Start"]
    assert [e.what for e in drafts.history("clean") if e.is_current] == ["Add c"]
    assert drafts.undo("clean").redo == "Add c", "redo goes to the newest branch"
    lost = next(e for e in drafts.history("clean") if e.what == "Add b")
    draft = drafts.go_to("clean", lost.id)
    assert (made(draft), draft.undo) == (["a", "b"], "Add b")
    assert made(drafts.undo("clean")) == ["a"]


def test_undo_survives_a_restart(drafts, tmp_workspace):
    drafts.edit(steps("a"), "Add a")
    drafts.edit(steps("a", "b"), "Add b")
    drafts.undo("clean")
    tmp_workspace.close()
    again = Workspace.open(tmp_workspace.root)
    draft = again.drafts.get("clean")
    assert (made(draft), draft.undo, draft.redo) == (["a"], "Add a", "Add b")
    assert made(again.drafts.redo("clean")) == ["a", "b"]
    again.close()


def test_two_drafts_do_not_mix(drafts):
    other = ONE | {"name": "other"}
    drafts.start(other)
    drafts.edit(steps("a"), "Add a")
    assert drafts.list() == ["clean", "other"], "last changed first"
    assert drafts.get("other").recipe == other
    with pytest.raises(NotFound, match="Recipe 'other' has no edit"):
        drafts.go_to("other", drafts.get("clean").edit)


def test_names(drafts):
    with pytest.raises(Conflict, match="A recipe called 'clean' exists already"):
        drafts.start(ONE)
    with pytest.raises(NotFound, match="did you mean 'clean'"):
        drafts.get("claen")
    for name in ("", "a/b", ".."):
        with pytest.raises(AppError):
            drafts.start(ONE | {"name": name})
    assert drafts.list() == ["clean"]


def test_a_deleted_draft_is_gone_with_its_edits_and_its_name_is_free(drafts, tmp_workspace):
    drafts.edit(steps("a"), "Add a")
    tmp_workspace.recipes.save(steps("a"), name="clean")
    drafts.delete("clean")
    assert drafts.list() == []
    for call in (drafts.get, drafts.undo, drafts.redo, drafts.history, drafts.delete):
        with pytest.raises(NotFound):
            call("clean")
    assert tmp_workspace.recipes.get("clean")["steps"][0]["transform"] == "a", "saved versions stay"
    assert [line.action for line in tmp_workspace.audit.list(10)][0] in ("draft.delete",)
    drafts.start(ONE)
    assert [e.what for e in drafts.history("clean")] == ["Start"]


def test_unknown_keys_of_a_recipe_are_kept(drafts):
    strange = steps("from.the_future") | {"colour": "blue"}
    assert drafts.edit(strange, "Strange").recipe == strange
