"""Searching groups, features and views by words."""

from __future__ import annotations

from collections.abc import Sequence


def found(words: str, groups: Sequence[dict], views: Sequence[dict]) -> list[dict]:
    """Return `{"kind", "name", "description"}` of what holds all the words; those with them in the name come first."""
    wanted = words.casefold().split()
    hits = []
    for kind, name, description, more in _things(groups, views):
        text = " ".join([name, description, *more]).casefold()
        if wanted and all(word in text for word in wanted):
            in_name = sum(word in name.casefold() for word in wanted)
            hits.append((-in_name, len(name), name, {"kind": kind, "name": name, "description": description}))
    return [hit for *_, hit in sorted(hits, key=lambda h: h[:3])]


def _things(groups: Sequence[dict], views: Sequence[dict]):
    for group in groups:
        about = [*group["tags"], group["owner"]]
        yield "group", group["name"], group["description"], [*about, *(k["name"] for k in group["keys"])]
        for f in group["features"]:
            yield "feature", f"{group['name']}:{f['name']}", f["description"], [f.get("unit", ""), f["type"], *about]
    for view in views:
        yield "view", view["name"], view["description"], view["features"]
