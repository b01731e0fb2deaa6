"""Saved recipes: every save is a version, so undo can go back further than the screen remembers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from transforms.errors import InputError, NotFound
from workspace.audit import who
from workspace.names import check_name

if TYPE_CHECKING:
    from workspace import Workspace


@dataclass(frozen=True)
class SavedRecipe:
    name: str
    version: int
    note: str
    steps: int
    created_at: datetime
    created_by: str


class Recipes:
    def __init__(self, ws: Workspace):
        self._ws = ws

    def save(self, recipe: dict, name: str | None = None, note: str = "") -> int:
        """Keep the recipe file `recipe` under `name` (default: its own) and return the version number.

        What equals the newest version is not saved again. Nothing is validated: a broken recipe can be kept too.
        """
        from sqlalchemy import select

        from workspace.schema.core import RecipeRow

        if not isinstance(recipe, dict):
            raise InputError("A recipe is a JSON object.")
        name = check_name("recipe", name or recipe.get("name") or "")
        with self._ws.session() as session:
            query = select(RecipeRow).where(RecipeRow.name == name).order_by(RecipeRow.version.desc()).limit(1)
            latest = session.scalars(query).first()
            if latest is not None and latest.recipe == recipe:
                return latest.version
            version = latest.version + 1 if latest else 1
            session.add(RecipeRow(name=name, version=version, recipe=recipe, note=note, created_by=who()))
            self._ws.audit.record("recipe.save", f"{name}@{version}", {"note": note}, session=session)
        return version

    def get(self, name: str, version: int | None = None) -> dict:
        """Return the recipe file saved under `name` ("prices" or "prices@3"), the newest unless a version is given."""
        from sqlalchemy import select

        from workspace.schema.core import RecipeRow

        if version is None and "@" in name:
            name, _, number = name.rpartition("@")
            if not number.isdecimal():
                raise InputError(f"{number!r} is not a version number.", hint="Write NAME or NAME@3.")
            version = int(number)
        with self._ws.reading() as session:
            query = select(RecipeRow).where(RecipeRow.name == name)
            if version is not None:
                query = query.where(RecipeRow.version == version)
            row = session.scalars(query.order_by(RecipeRow.version.desc()).limit(1)).first()
            if row is not None:
                return row.recipe
        known = [saved.name for saved in self.list()]
        if name in known:
            raise NotFound.named("version of the recipe", f"{name}@{version}", self._numbers(name))
        raise NotFound.named("recipe", name, known)

    def list(self) -> list[SavedRecipe]:
        """Return the newest version of every recipe, last saved first."""
        newest: dict[str, SavedRecipe] = {}
        for saved in self._all():
            newest.setdefault(saved.name, saved)
        return list(newest.values())

    def versions(self, name: str) -> list[SavedRecipe]:
        """Return every version of one recipe, newest first."""
        return [saved for saved in self._all() if saved.name == name]

    def _numbers(self, name: str) -> list[str]:
        return [f"{name}@{saved.version}" for saved in self.versions(name)]

    def _all(self) -> list[SavedRecipe]:
        from sqlalchemy import select

        from workspace.schema.core import RecipeRow

        with self._ws.reading() as session:
            return [
                SavedRecipe(r.name, r.version, r.note, len(r.recipe.get("steps") or []), r.created_at, r.created_by)
                for r in session.scalars(select(RecipeRow).order_by(RecipeRow.id.desc()))
            ]
