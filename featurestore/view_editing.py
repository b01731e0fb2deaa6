"""What a form for views needs: defaults from text, request columns of a recipe, two versions side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from featurestore import views
from featurestore.views import View
from transforms.errors import InputError
from transforms.recipe import MAIN, FittedRecipe
from workspace import Workspace

# type of a recipe's column → our type of a request column
REQUEST_TYPES = {theirs: ours for ours, theirs in views.RECIPE_TYPES.items() if ours != "image"}


def default_from_text(column: str, kind: str, words: str) -> Any:
    """Return the default that somebody typed for a feature of a type; raises where it is none."""
    words = words.strip()
    if kind in ("string", "image"):
        return words
    try:
        value = json.loads(words.lower() if kind == "bool" else words)
    except ValueError:
        value = words
    if kind == "int64" and isinstance(value, float) and value.is_integer():
        value = int(value)
    views.check_default(column, kind, value)
    return value


def text_of_default(value: Any) -> str:
    """Return a default as `default_from_text` reads it."""
    return value if isinstance(value, str) else json.dumps(value)


def request_columns(fitted: FittedRecipe, names: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns (name → our type) that a recipe needs and that are none of a view's features `names`."""
    needed = fitted.inputs.get(MAIN, {})
    return {column: REQUEST_TYPES.get(kind, kind) for column, kind in needed.items() if column not in names}


def typed_value(column: str, kind: str | None, words: str) -> Any:
    """Return what somebody typed into a field for a key or a column of the request, as that type."""
    if kind in (None, "string", "image", "timestamp"):
        return words
    try:
        value = json.loads(words.strip().lower() if kind == "bool" else words.strip())
    except ValueError:
        value = words
    allowed: dict[str, Any] = {"int64": int, "float64": (int, float), "bool": bool, "list<float>": list}
    if not isinstance(value, allowed[kind]) or (isinstance(value, bool) and kind != "bool"):
        raise InputError(f"{column!r} is {kind}, and {words!r} is not.", hint=f"Type a value of the type {kind}.")
    return value


def side_by_side(ws: Workspace, left: str, right: str) -> list[dict]:
    """Return what two versions of a view say, a dict per fact: `what`, `change` (same, new, gone, differs), both sides.

    Features with their TTL and default come first, then names of keys, request columns and the recipe; same ones last.
    """
    one, other = _facts(views.get(ws, left)), _facts(views.get(ws, right))
    rows = []
    for what in dict.fromkeys([*one, *other]):
        a, b = one.get(what), other.get(what)
        change = "new" if a is None else "gone" if b is None else "same" if a == b else "differs"
        rows.append({"what": what, "change": change, left: a, right: b})
    return sorted(rows, key=lambda row: row["change"] == "same")


def _facts(view: View) -> dict[str, str]:
    names = view.names()
    found = {}
    for ref in view.features:
        said = [f"as {names[ref]}"]
        if ref in view.ttl:
            said.append(f"at most {duration(view.ttl[ref] / 1_000_000)} old")
        if names[ref] in view.defaults:
            said.append(f"{text_of_default(view.defaults[names[ref]])} where missing")
        found[ref] = ", ".join(said)
    for group, keys in view.join_keys.items():
        found |= {f"key {group}.{key}": f"called {column}" for key, column in keys.items()}
    found |= {f"request column {column}": kind for column, kind in view.request.items()}
    if fitted := view.fitted():
        found["on-demand recipe"] = f"{fitted.name}: " + "; ".join(
            f"{step.label()} ({json.dumps(step.settings, ensure_ascii=False, default=str)})"
            for _, step in fitted.enabled()
        )
    return found


def duration(seconds: float) -> str:
    """Return a length of time as `ttl` reads it, in the largest unit that fits: "7d", "12h", "90s"."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"
