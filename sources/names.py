"""Column names as a table can have them: present, and different from each other whatever their case."""

from __future__ import annotations

from collections.abc import Iterable


def clean_names(raw: Iterable[object]) -> tuple[list[str], list[str]]:
    """Return usable names and a warning for what was renamed.

    An empty name becomes `column_3` (its place); one that is taken (`a`, `A`: engines ignore case) gets `_2`, `_3` …
    """
    raw = ["" if name is None else str(name).replace("\0", "") for name in raw]
    wanted = [name.strip() or f"column_{place}" for place, name in enumerate(raw, start=1)]
    asked = {name.lower() for name in wanted}
    taken: set[str] = set()
    names, empty, repeated = [], [], []
    for place, (given, name) in enumerate(zip(raw, wanted, strict=True), start=1):
        unique, number = name, 1
        while unique.lower() in taken or (number > 1 and unique.lower() in asked):
            number += 1
            unique = f"{name}_{number}"
        taken.add(unique.lower())
        names.append(unique)
        if not given.strip():
            empty.append(f"{unique!r} (place {place})")
        elif unique != name:
            repeated.append(f"{name!r} → {unique!r}")
    warnings = []
    if empty:
        warnings.append(f"Columns without a name were named: {_some(empty)}.")
    if repeated:
        warnings.append(f"Columns with a name that was taken were renamed: {_some(repeated)}.")
    return names, warnings


def _some(items: list[str], most: int = 10) -> str:
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")
