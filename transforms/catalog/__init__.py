"""The catalogue: one module per family. Importing this package registers every transform."""

from __future__ import annotations

from transforms.catalog import (  # noqa: F401
    bins,
    columns,
    combine,
    dates,
    encode,
    group,
    logic,
    missing,
    number,
    privacy,
    reshape,
    rows,
    scale,
    split,
    text,
    types,
    window,
)
from transforms.transform import find as get
from transforms.transform import registered

__all__ = ["all_transforms", "families", "get"]


def all_transforms() -> list[type]:
    """Return every transform class, in catalogue order."""
    return list(registered().values())


def families() -> dict[str, list[type]]:
    """Return {family: classes} in catalogue order."""
    found: dict[str, list[type]] = {}
    for cls in all_transforms():
        found.setdefault(cls.family(), []).append(cls)
    return found
