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


FAMILIES = {  # in the order in which people look for them
    "missing": "Missing values",
    "types": "Types and parsing",
    "rows": "Rows",
    "columns": "Columns",
    "text": "Text",
    "number": "Numbers",
    "dates": "Dates and times",
    "combine": "Other tables",
    "scale": "Scaling and outliers",
    "encode": "Encoding categories",
    "bins": "Bins",
    "logic": "Logic",
    "group": "Group",
    "window": "Window",
    "reshape": "Reshape",
    "split": "Split and sample",
    "privacy": "Personal data",
}


def all_transforms() -> list[type]:
    """Return every transform class, family by family; a family that is not listed comes last."""
    order = {family: place for place, family in enumerate(FAMILIES)}
    return sorted(registered().values(), key=lambda cls: order.get(cls.family(), len(order)))


def families() -> dict[str, list[type]]:
    """Return {family: classes} in catalogue order."""
    found: dict[str, list[type]] = {}
    for cls in all_transforms():
        found.setdefault(cls.family(), []).append(cls)
    return found
