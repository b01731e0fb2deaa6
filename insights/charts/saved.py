"""Charts saved with a dataset: named questions, kept as JSON in the workspace's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from insights.charts.spec import ChartSpec, title
from transforms.errors import InputError, NotFound

if TYPE_CHECKING:
    from workspace import Workspace


@dataclass(frozen=True)
class SavedChart:
    """A saved chart. `spec` is None where a newer Tilth saved it in a way that this one cannot read."""

    name: str
    spec: ChartSpec | None

    def problem(self, columns: list[str]) -> str:
        """Return why it cannot be drawn from a table with these columns, as a sentence; empty when it can."""
        if self.spec is None:
            return "This chart was saved by another version of Tilth and cannot be read."
        gone = [name for name in self.spec.used_columns if name not in columns]
        if not gone:
            return ""
        named = ", ".join(repr(name) for name in gone)
        return f"This version of the dataset has no column {named}."


def _key(dataset: str) -> str:
    return f"charts:{dataset}"


def list_saved(ws: Workspace, dataset: str) -> list[SavedChart]:
    """Return the saved charts of a dataset in the order they were saved."""
    found = []
    for kept in ws.settings.get(_key(dataset), []):
        try:
            spec = ChartSpec.model_validate(kept["spec"])
        except ValidationError:
            spec = None
        found.append(SavedChart(kept["name"], spec))
    return found


def save(ws: Workspace, dataset: str, name: str, spec: ChartSpec, *, replace: bool = False) -> str:
    """Save a chart and return its name; with an empty name it is called by what it shows.

    A name that is taken gets a number, unless `replace`.
    """
    kept = list(ws.settings.get(_key(dataset), []))
    name = name.strip()[:120] or title(spec)[:120]
    taken = [one["name"] for one in kept]
    entry = {"name": name, "spec": spec.model_dump(mode="json", exclude_defaults=True)}
    if name in taken and replace:
        kept[taken.index(name)] = entry
    else:
        entry["name"] = name = _free(name, taken)
        kept.append(entry)
    ws.settings.set(_key(dataset), kept)
    return name


def rename(ws: Workspace, dataset: str, name: str, to: str) -> None:
    """Give a saved chart another name.

    Raises:
        NotFound: no chart is called `name`.
        InputError: `to` is empty or taken.
    """
    kept = [dict(one) for one in ws.settings.get(_key(dataset), [])]
    place, to = _place(kept, name), to.strip()[:120]
    if not to:
        raise InputError("A chart needs a name.")
    if to != name and to in [one["name"] for one in kept]:
        raise InputError(f"There is already a chart called {to!r}.", hint="Choose another name.")
    kept[place]["name"] = to
    ws.settings.set(_key(dataset), kept)


def delete(ws: Workspace, dataset: str, name: str) -> dict:
    """Delete a saved chart and return what `restore` needs to bring it back.

    Raises:
        NotFound: no chart is called `name`.
    """
    kept = list(ws.settings.get(_key(dataset), []))
    place = _place(kept, name)
    gone = {"place": place, **kept.pop(place)}
    ws.settings.set(_key(dataset), kept)
    return gone


def restore(ws: Workspace, dataset: str, gone: dict) -> None:
    """Bring back a chart that `delete` returned, at its old place."""
    kept = list(ws.settings.get(_key(dataset), []))
    name = _free(gone["name"], [one["name"] for one in kept])
    kept.insert(gone["place"], {"name": name, "spec": gone["spec"]})
    ws.settings.set(_key(dataset), kept)


def _place(kept: list[dict], name: str) -> int:
    names = [one["name"] for one in kept]
    if name not in names:
        raise NotFound.named("saved chart", name, names)
    return names.index(name)


def _free(name: str, taken: list[str]) -> str:
    return next(n for n in (name, *(f"{name} ({i})" for i in range(2, len(taken) + 3))) if n not in taken)
