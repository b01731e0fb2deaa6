"""Recipes while they are edited: every edit is kept, so undo and redo survive a restart and lose nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from transforms.errors import Conflict, NotFound
from workspace.names import check_name

if TYPE_CHECKING:
    from workspace import Workspace


@dataclass(frozen=True)
class Edit:
    """One edit of a draft: what was done, when, and whether it is the one that counts now."""

    id: int
    what: str
    created_at: datetime
    is_current: bool


@dataclass(frozen=True)
class Draft:
    """A recipe on the way: the recipe file, and what undo and redo would do ("" if nothing)."""

    name: str
    recipe: dict[str, Any]
    edit: int
    undo: str
    redo: str


class Drafts:
    """The drafts of a workspace. An edit after an undo starts a branch; the edits of the other branch stay in `history`."""

    def __init__(self, ws: Workspace):
        self._ws = ws

    def start(self, recipe: dict[str, Any]) -> Draft:
        """Begin a draft under the recipe's own name; a name that is taken raises Conflict."""
        from workspace.schema.drafts import DraftEditRow, DraftRow

        name = check_name("recipe", recipe.get("name") or "")
        with self._ws.session() as session:
            if session.get(DraftRow, name) is not None:
                raise Conflict(f"A recipe called {name!r} exists already.", hint="Open it, or choose another name.")
            session.add(DraftRow(name=name))
            session.flush()
            edit = DraftEditRow(name=name, parent=None, recipe=recipe, what="Start")
            session.add(edit)
            session.flush()
            session.get(DraftRow, name).head = edit.id
        return self.get(name)

    def edit(self, recipe: dict[str, Any], what: str) -> Draft:
        """Keep a changed recipe as the newest edit of its draft; a recipe that did not change is no edit."""
        from workspace.schema.base import now
        from workspace.schema.drafts import DraftEditRow

        with self._ws.session() as session:
            draft = self._row(session, recipe["name"])
            if session.get(DraftEditRow, draft.head).recipe != recipe:
                edit = DraftEditRow(name=draft.name, parent=draft.head, recipe=recipe, what=what)
                session.add(edit)
                session.flush()
                draft.head, draft.changed_at = edit.id, now()
        return self.get(recipe["name"])

    def undo(self, name: str) -> Draft:
        """Go back one edit; at the start, stay."""
        from workspace.schema.drafts import DraftEditRow

        with self._ws.session() as session:
            draft = self._row(session, name)
            draft.head = session.get(DraftEditRow, draft.head).parent or draft.head
        return self.get(name)

    def redo(self, name: str) -> Draft:
        """Go forward to the newest edit that was made from here; if there is none, stay."""
        with self._ws.session() as session:
            draft = self._row(session, name)
            child = self._child(session, draft.head)
            draft.head = child.id if child else draft.head
        return self.get(name)

    def go_to(self, name: str, edit: int) -> Draft:
        """Make any edit of the history the one that counts."""
        from workspace.schema.drafts import DraftEditRow

        with self._ws.session() as session:
            draft = self._row(session, name)
            row = session.get(DraftEditRow, edit)
            if row is None or row.name != name:
                raise NotFound(f"Recipe {name!r} has no edit {edit}.")
            draft.head = edit
        return self.get(name)

    def get(self, name: str) -> Draft:
        """Return the draft as it counts now; raise NotFound if there is none of this name."""
        from workspace.schema.drafts import DraftEditRow

        with self._ws.reading() as session:
            draft = self._row(session, name)
            edit = session.get(DraftEditRow, draft.head)
            child = self._child(session, edit.id)
            return Draft(name, edit.recipe, edit.id, edit.what if edit.parent else "", child.what if child else "")

    def history(self, name: str) -> list[Edit]:
        """Return every edit of a draft, newest first."""
        from sqlalchemy import select

        from workspace.schema.drafts import DraftEditRow

        with self._ws.reading() as session:
            head = self._row(session, name).head
            rows = session.scalars(
                select(DraftEditRow).where(DraftEditRow.name == name).order_by(DraftEditRow.id.desc())
            )
            return [Edit(r.id, r.what, r.created_at, r.id == head) for r in rows]

    def list(self) -> list[str]:
        """Return the names of all drafts, last changed first."""
        from sqlalchemy import select

        from workspace.schema.drafts import DraftRow

        with self._ws.reading() as session:
            return list(session.scalars(select(DraftRow.name).order_by(DraftRow.changed_at.desc())))

    def delete(self, name: str) -> None:
        """Remove a draft and its edits; versions saved from it stay."""
        from sqlalchemy import delete

        from workspace.schema.drafts import DraftEditRow

        with self._ws.session() as session:
            session.delete(self._row(session, name))
            session.execute(delete(DraftEditRow).where(DraftEditRow.name == name))
            self._ws.audit.record("draft.delete", name, {}, session=session)

    def _row(self, session, name: str):
        from sqlalchemy import select

        from workspace.schema.drafts import DraftRow

        row = session.get(DraftRow, name)
        if row is None:
            raise NotFound.named("recipe", name, session.scalars(select(DraftRow.name)).all())
        return row

    def _child(self, session, edit: int):
        from sqlalchemy import select

        from workspace.schema.drafts import DraftEditRow

        query = select(DraftEditRow).where(DraftEditRow.parent == edit).order_by(DraftEditRow.id.desc()).limit(1)
        return session.scalars(query).first()
