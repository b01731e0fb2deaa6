"""Finds transforms by any name that people know them by: ours, the field's catalogue, other products, Excel, pandas."""

from __future__ import annotations

import functools
import re

from transforms.catalog import all_transforms

_SPLIT = re.compile(r"[^0-9a-z]+")


def find(words: str) -> list[type]:
    """Return the transforms whose names or description hold all the words (spelling mistakes allowed), best first.

    An empty search gives all of them in catalogue order.
    """
    from rapidfuzz import fuzz

    wanted = " ".join(_SPLIT.split(words.lower())).strip()
    if not wanted:
        return all_transforms()
    parts = wanted.split()
    scored = []
    for place, (cls, label, names, text) in enumerate(_index()):
        if wanted in (label, *names):
            points = 1000.0
        elif all(p in label for p in parts):
            points = 500.0 + 100 * len(wanted) / max(len(label), 1)
        elif best := max((len(wanted) / len(n) for n in names if all(p in n for p in parts)), default=0):
            points = 300.0 + 100 * best
        elif all(p in text for p in parts):
            points = 100.0
        else:
            near = max((fuzz.ratio(wanted, n) for n in (label, *names)), default=0)
            points = near if near >= 80 else 0
        if points:
            scored.append((-points, place, cls))
    return [cls for _, _, cls in sorted(scored, key=lambda s: s[:2])]


@functools.cache
def _index() -> list[tuple[type, str, tuple[str, ...], str]]:
    """Return (class, label, names, everything) per transform, in small letters without marks."""
    plain = lambda value: " ".join(p for p in _SPLIT.split(value.lower()) if p)  # noqa: E731
    found = []
    for cls in all_transforms():
        names = tuple(dict.fromkeys(plain(n) for n in (cls.name, cls.name.split(".")[1], *cls.words, *cls.covers)))
        names = tuple(n for n in names if n)
        text = plain(" ".join((cls.label, cls.family(), cls.__doc__ or "", *cls.words, *cls.covers)))
        found.append((cls, plain(cls.label), names, text))
    return found
