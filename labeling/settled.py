"""Which one document holds for an item now: gold, what a job or people came to, or what a model was admitted for.

Exports, queries, releases and figures all ask here, so they never say different things of one item.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from dataclasses import dataclass

from labeling.annotations import Answer, current_documents
from labeling.collections import get_collection, list_images
from labeling.consolidation import consolidate, consolidate_answers
from labeling.formats.ground_truth import CONSOLIDATED, MACHINE, PEOPLE
from labeling.gold import gold_documents

_KEEP = 4  # collections whose consolidation is kept: for thousands of items it takes seconds
_KNOWN: OrderedDict[tuple, tuple[str, dict]] = OrderedDict()
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Settled:
    """The one document that holds for an item now. `source` is gold, people or model."""

    document: dict
    source: str
    people: int


def settled(
    ws, name: str | int, *, method: str = "auto", proposals: bool = False, groups: dict[int, list[Answer]] | None = None
) -> dict[int, Settled]:
    """Return `{image id: Settled}`: gold where it is known, else what people's answers come to, else a model's.

    Args:
        method: how classes are decided, see `labeling.consensus.votes`; confidence is calibrated on the gold items.
        proposals: take models' answers too that nobody admitted; otherwise only certified ones.
        groups: the current answers, where they are at hand.

    The documents are kept for the next call with the same answers; they are not to be changed.
    """
    collection = get_collection(ws, name, counts=False)
    groups = current_documents(ws, collection.id) if groups is None else groups
    people = {i: mine for i, group in groups.items() if (mine := [a for a in group if a.kind == "person"])}
    made = consolidated(ws, collection, people, method)
    out = {}
    for item, group in groups.items():
        mine = people.get(item, [])
        if any(a.annotator in (CONSOLIDATED, PEOPLE) for a in group) and (held := holding(group, None)):
            out[item] = Settled(held[0].document, "people", max(1, len(mine)))  # what a Ground Truth job came to
        elif mine:
            out[item] = Settled(made[item], "people", len(mine))
        elif found := _models(group, proposals):
            out[item] = Settled(found.document, "model", 0)
    for item, document in gold_documents(ws, collection.id).items():
        out[item] = Settled(document, "gold", len(people.get(item, [])))
    return dict(sorted(out.items()))


def consolidated(ws, collection, people: dict[int, list[Answer]], method: str = "auto") -> dict[int, dict]:
    """Return what `consolidate` makes of these people's answers, or its result again where they are the same."""
    if not people:
        return {}
    revisions = [(a.image_id, a.annotator, a.revision) for group in people.values() for a in group]
    sizes = [(i.id, i.width, i.height) for i in list_images(ws, collection.id)]
    whole = json.dumps([revisions, sizes, gold_documents(ws, collection.id)], sort_keys=True)
    state = hashlib.sha256(whole.encode()).hexdigest()
    key = (str(ws.root), collection.id, collection.created_at, method)
    known = _KNOWN.get(key)
    if known is not None and known[0] == state:
        return known[1]
    made = consolidate(ws, collection.id, method=method, groups=people)
    with _LOCK:  # pages and runs are threads of one process
        _KNOWN[key] = (state, made)
        _KNOWN.move_to_end(key)
        while len(_KNOWN) > _KEEP:
            _KNOWN.popitem(last=False)
    return made


def holding(group: list[Answer], agreed: dict | None) -> list[Answer]:
    """Return the one answer for an item, or none; `agreed` is what the collection's consolidation says of it.

    The answer that a Ground Truth job came to holds until a person answers later; else people are consolidated. A
    model's proposal that no person has looked at is not a label, unless a certified pass or a Ground Truth job
    admitted it.
    """
    held = next((a for a in group if a.annotator in (CONSOLIDATED, PEOPLE)), None)
    people = [a for a in group if a.kind == "person" and a is not held]
    if held is not None:
        later = [a for a in people if a.at and held.at and a.at > held.at]
        if not later:
            return [held]
        people = people if held.annotator == CONSOLIDATED else later
    if not people:
        return [a for a in group if a.kind == "model" and is_admitted(a)][:1]
    if len(people) < 2:
        return people
    newest = max((a.at for a in people if a.at), default=None)
    whole = agreed if held is None and agreed is not None else consolidate_answers(people)
    return [Answer(people[0].image_id, "", "person", 0, whole, newest)]


def is_admitted(answer: Answer) -> bool:
    """Return whether a model's answer counts as a label: a certified pass or a Ground Truth job let it through."""
    extra = answer.document.get("extra") or {}
    return answer.annotator == MACHINE or bool((extra.get("auto") or {}).get("certified"))


def _models(group: list[Answer], proposals: bool) -> Answer | None:
    found = [a for a in group if a.kind == "model" and (proposals or is_admitted(a))]
    return max(found, key=lambda a: (is_admitted(a), a.at is not None and a.at.timestamp()), default=None)
