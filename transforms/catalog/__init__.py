"""The catalogue: one module per family. Importing this package registers every transform.

Installed packages add their own: an entry point of the group `tilth.transforms` names a module whose classes are registered
with `transforms.transform.register`, exactly as those here. What a package is allowed to do was decided when it was installed.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from importlib.metadata import entry_points

from transforms.transform import find as get
from transforms.transform import registered

__all__ = ["all_transforms", "families", "get"]


FAMILIES = {  # in the order in which people look for them; each is a module of this package
    "missing": "Missing values",
    "invalid": "Valid or not",
    "types": "Types and parsing",
    "rows": "Rows",
    "columns": "Columns",
    "text": "Text",
    "pieces": "Split and extract text",
    "texttest": "Text tests",
    "language": "Words and language",
    "similar": "Similar values",
    "number": "Numbers",
    "maths": "Mathematics",
    "across": "Across columns",
    "dates": "Dates and times",
    "series": "Time series",
    "combine": "Other tables",
    "scale": "Scaling",
    "outliers": "Outliers",
    "encode": "Encoding categories",
    "bins": "Bins",
    "features": "Features from features",
    "logic": "Logic",
    "group": "Group",
    "window": "Window",
    "reshape": "Reshape",
    "nested": "Lists, objects, JSON",
    "web": "Web and network",
    "geo": "Places",
    "split": "Split and sample",
    "balance": "Balance classes",
    "privacy": "Personal data",
    "images": "Images",
    "code": "Own code",
    "control": "Recipe control",
}

for _family in sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "common"):
    importlib.import_module(f"{__name__}.{_family}")


def load_plugins() -> list[str]:
    """Register the transforms of installed packages and return their ids; a package that fails is left out with a warning."""
    known = set(registered())
    for plugin in entry_points(group="tilth.transforms"):
        try:
            plugin.load()
        except Exception as error:  # another's code: one broken package must not take the catalogue down
            warnings.warn(f"The transforms of {plugin.value!r} could not be loaded: {error!r}.", stacklevel=2)
    return sorted(set(registered()) - known)


load_plugins()


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
