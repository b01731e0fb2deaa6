"""Lineage both ways: from the sources of a thing to its users, as a graph to draw; and the fitted recipes it knows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select

from featurestore import catalog
from transforms.recipe import FittedRecipe
from workspace import Workspace
from workspace.schema.core import LineageRow

MOST = 60
COLOURS = {
    "file": "#E7E2D3",
    "dataset": "#DCE9F5",
    "recipe": "#EFE3F5",
    "collection": "#F6E6DA",
    "feature_group": "#DDF0E4",
    "feature_view": "#FBF1CF",
    "model": "#F5DDE2",
}


@dataclass(frozen=True)
class Graph:
    """Things as (kind, ref) and arrows between them; `start` is the thing that was asked about."""

    start: tuple[str, str]
    things: tuple[tuple[str, str], ...]
    arrows: tuple[tuple[tuple[str, str], tuple[str, str], str], ...]
    cut: bool = False  # there is more than `MOST` things


def graph(ws: Workspace, kind: str, ref: str, *, most: int = MOST) -> Graph:
    """Return everything that a thing was made from, and everything that was made from it.

    Arrows to a group without a version (a view reads its newest) count for every version of that group.
    """
    start = (kind, ref)
    arrows: dict[tuple, None] = {}
    things = {start: None}
    cut = False
    with ws.reading() as session:
        for up in (True, False):
            seen, ahead = set(), [start]
            while ahead:
                here = ahead.pop(0)
                if here in seen:
                    continue
                seen.add(here)
                for row in session.scalars(_next(here, up)):
                    tail, head = (row.from_kind, row.from_ref), (row.to_kind, row.to_ref)
                    if up and head != here:  # of the group without a version: its newest version's sources
                        head = here
                    if not up and tail != here:
                        tail = here
                    other = tail if up else head
                    if other not in things and len(things) >= most:
                        cut = True
                        continue
                    things[other] = None
                    arrows[tail, head, row.how] = None
                    ahead.append(other)
                if up and here[0] == "feature_group" and "@" not in here[1]:
                    newest = _newest(session, here[1])
                    if newest and (newest in things or len(things) < most):
                        things[newest] = None
                        arrows[newest, here, "newest version"] = None
                        ahead.append(newest)
    return Graph(start, tuple(things), tuple(arrows), cut)


def _next(here: tuple[str, str], up: bool):
    kind, ref = here
    if up:
        query = select(LineageRow).where(LineageRow.to_kind == kind, LineageRow.to_ref == ref)
        return query.order_by(LineageRow.id)
    refs = [LineageRow.from_ref == ref]
    if kind == "feature_group" and "@" in ref:
        refs.append(LineageRow.from_ref == ref.partition("@")[0])
    elif kind == "feature_group":
        refs.append(LineageRow.from_ref.startswith(f"{ref}@", autoescape=True))
    return select(LineageRow).where(LineageRow.from_kind == kind, or_(*refs)).order_by(LineageRow.id)


def _newest(session, name: str) -> tuple[str, str] | None:
    for group in catalog.groups(session):
        if group.name == name and group.version:
            return "feature_group", f"{name}@{group.version}"
    return None


def dot(drawn: Graph) -> str:
    """Return a graph in Graphviz's language; names are quoted, so they may hold anything."""
    number = {thing: f"n{i}" for i, thing in enumerate(drawn.things)}
    lines = [
        "digraph lineage {",
        '  rankdir=LR; bgcolor="transparent"; nodesep=0.25; ranksep=0.55;',
        '  node [shape=box, style="rounded,filled", fontname="sans-serif", fontsize=11, color="#8A958E"];',
        '  node [fontcolor="#1F2622"];',
        '  edge [color="#8A958E", fontcolor="#7A857E", fontname="sans-serif", fontsize=9, arrowsize=0.7];',
    ]
    for (kind, ref), name in number.items():
        heavy = ", penwidth=2.2" if (kind, ref) == drawn.start else ""
        label = f"{quoted(said(kind))}\\n{quoted(_short(ref))}"
        lines.append(f'  {name} [label="{label}", fillcolor="{COLOURS.get(kind, "#EEEEEE")}"{heavy}];')
    for tail, head, how in drawn.arrows:
        lines.append(f'  {number[tail]} -> {number[head]} [label="{quoted(_short(how))}"];')
    return "\n".join([*lines, "}"])


def quoted(words: str) -> str:
    """Return words for the inside of a quoted Graphviz text: quotes and backslashes escaped, line breaks as spaces."""
    plain = " ".join(words.split())
    return plain.replace("\\", "\\\\").replace('"', '\\"')


def said(kind: str) -> str:
    return kind.replace("_", " ")


def _short(words: str, most: int = 40) -> str:
    return words if len(words) <= most else f"…{words[-most + 1 :]}"


def fitted_recipes(ws: Workspace) -> dict[str, FittedRecipe]:
    """Return the fitted recipes that the newest datasets and group versions were made with, by "name (made …)"."""
    found: dict[str, FittedRecipe] = {}
    sources = [(d.ref, d.lineage) for d in ws.datasets.list()]
    with ws.reading() as session:
        for group in catalog.groups(session):
            published = catalog.publications(session, group)
            sources += [(f"{group.name}@{p.version}", p.source or {}) for p in published[-1:]]
    for ref, lineage in sources:
        if content := lineage.get("fitted_recipe"):
            fitted = FittedRecipe.from_dict(content)
            if fitted not in found.values():
                found[f"{fitted.name} (made {ref})"] = fitted
    return found
