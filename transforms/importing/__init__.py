"""Reads the recipes of other tools: DataBrew recipes, Data Wrangler flows, OpenRefine histories.

What maps exactly becomes steps; what comes near becomes steps with a note on the difference; the rest is kept as disabled steps
that carry the original. Nothing is lost in silence: the report has a line for every operation of the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transforms.errors import InputError
from transforms.importing.report import Line, Report
from transforms.recipe import Recipe

__all__ = ["Line", "Report", "read"]

LARGEST = 20_000_000  # characters


def read(source: str | Path) -> tuple[Recipe, Report]:
    """Return the recipe in a file (or in the text of one), and what became of each of its operations.

    Raises:
        InputError: the file cannot be read, or is of none of the known kinds.
    """
    name, text = _text(source)
    content = _content(name, text)
    from transforms.importing import databrew, datawrangler, openrefine

    try:
        for kind in (databrew, datawrangler, openrefine):
            if (found := kind.operations(content)) is not None:
                return kind.read(found, name=Path(name).stem or "imported")
    except RecursionError as error:
        raise InputError(f"{name!r} cannot be imported: it is nested too deeply.") from error
    if isinstance(content, dict) and "tilth_recipe" in content:
        raise InputError(f"{name!r} is a recipe of Tilth already.", hint="Open it as it is.")
    raise InputError(
        f"{name!r} is not a recipe that Tilth knows.",
        hint="It reads AWS Glue DataBrew recipes (JSON, YAML), SageMaker Data Wrangler flows and OpenRefine histories (JSON).",
    )


def _text(source: str | Path) -> tuple[str, str]:
    if isinstance(source, str) and source.lstrip()[:1] in ("[", "{", "-") and "\n" in source.strip() + "\n":
        return "the text", source
    path = Path(source)
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path.name!r} is too large for a recipe ({path.stat().st_size:,} bytes).")
        return path.name, path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"There is no file {str(source)[:200]!r}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name!r} cannot be imported: it is not UTF-8 text.") from error
    except (OSError, ValueError) as error:
        raise InputError(
            f"{str(source)[:200]!r} cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from error


def _content(name: str, text: str) -> Any:
    if len(text) > LARGEST:
        raise InputError(f"{name!r} is too large for a recipe ({len(text):,} characters).")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise InputError(f"{name!r} cannot be imported: it is nested too deeply.") from error
    except ValueError as json_error:
        if text.lstrip()[:1] in ("{", "[") and not name.endswith((".yaml", ".yml")):
            raise InputError(f"{name!r} cannot be imported: it is not JSON ({json_error}).") from json_error
    import yaml

    try:
        if "*" in text and any(isinstance(t, yaml.AliasToken) for t in yaml.scan(text, Loader=yaml.SafeLoader)):
            raise InputError(f"{name!r} cannot be imported: it holds YAML aliases.")
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(f"{name!r} cannot be imported: it is neither JSON nor YAML ({said}).") from error
