"""Values that a recipe takes at run time: `"parameters": {"limit": {"type": "number", "default": 5}}` in the recipe file, and
`{"parameter": "limit"}` in place of any value in a step's settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transforms.errors import InputError, did_you_mean

TYPES = ("text", "number", "whole number", "true/false", "list of texts")


def declared(recipe) -> dict[str, Mapping[str, Any]]:
    """Return the parameters of a recipe by name."""
    found = (recipe.model_extra or {}).get("parameters") or {}
    return {name: about if isinstance(about, Mapping) else {} for name, about in found.items()} if isinstance(found, Mapping) else {}  # fmt: skip


def resolved(recipe, values: Mapping[str, Any] | None = None):
    """Return the recipe with values in place of its parameters; a recipe without parameters is returned as it is.

    Raises:
        InputError: a value for no parameter, of another type, or none where there is no default.
    """
    known, values = declared(recipe), dict(values or {})
    if unknown := [name for name in values if name not in known]:
        raise InputError(
            f"The recipe has no parameter {unknown[0]!r}.", hint=did_you_mean(unknown[0], known, "Parameters: ")
        )
    if not known:
        return recipe
    steps = tuple(
        step.model_copy(update={"settings": _filled(step.settings, known, values)}) if step.enabled else step
        for step in recipe.steps
    )
    return recipe if steps == recipe.steps else recipe._with(steps)


def _filled(value: Any, known: Mapping, values: Mapping) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"parameter"} and value["parameter"] in known:
            return _value(value["parameter"], known, values)
        return {key: _filled(inner, known, values) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_filled(inner, known, values) for inner in value)
    return value


def _value(name: str, known: Mapping, values: Mapping) -> Any:
    if name not in values and "default" not in known[name]:
        raise InputError(f"The recipe's parameter {name!r} has no value.", hint=f"Give --param {name}=VALUE.")
    return read(values.get(name, known[name].get("default")), known[name].get("type", "text"), name)


def read(value: Any, kind: str, name: str) -> Any:
    """Return a value (or the text of one, as the command line gives it) as its type."""
    try:
        if kind == "text" and isinstance(value, str | int | float):
            return str(value)
        if kind == "number" and not isinstance(value, bool):
            return float(value)
        if kind == "whole number" and not isinstance(value, bool) and float(value) == int(float(value)):
            return int(value)
        if kind == "true/false" and str(value).lower() in ("true", "false"):
            return str(value).lower() == "true"
        if kind == "list of texts":
            return [str(v) for v in value] if isinstance(value, list | tuple) else [v.strip() for v in value.split(",")]
    except (ValueError, TypeError, OverflowError, AttributeError):
        pass
    if kind not in TYPES:
        raise InputError(f"Parameter {name!r} has the type {kind!r}.", hint=f"Types: {', '.join(TYPES)}.")
    raise InputError(f"Parameter {name!r} must be a {kind}, not {value!r}.")
