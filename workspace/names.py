"""Names of things that people make: datasets, recipes, groups, models."""

from __future__ import annotations

import re

from transforms.errors import InputError

_NAME = re.compile(r"[^\W_][\w.\- ]{0,63}")


def check_name(kind: str, name: str) -> str:
    """Return `name` without outer spaces if it may name a `kind`, else say what is wrong with it.

    Allowed: 1 to 64 letters, digits, `_`, `-`, `.` and spaces, beginning with a letter or digit. So it is never a path.
    """
    name = str(name).strip()
    if not name:
        raise InputError(f"The {kind} needs a name.")
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name[:80]!r} cannot be the name of a {kind}.",
            hint="Use 1 to 64 letters, digits, spaces, '_', '-' and '.', beginning with a letter or digit.",
        )
    return name


def name_from(path_stem: str) -> str:
    """Return an allowed name made from a file's name: `2024 Größen (final)!` gives `2024 Größen final`."""
    words = re.sub(r"[^\w.\- ]+", " ", path_stem)
    words = re.sub(r"\s+", " ", words).strip(" ._-")[:64].strip(" ._-")
    return words or "dataset"
