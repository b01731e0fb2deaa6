"""What every verb shares: the options `--workspace` and `--json`, output, and errors as one sentence.

A verb looks like this:

    @app.command()
    @user_errors
    def verb(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False):
        ws = open_workspace(ctx)
        emit(ctx, {"rows": 3}, "3 rows.")
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transforms.errors import AppError, InputError

if TYPE_CHECKING:
    from workspace import Workspace


def _keep_workspace(ctx: typer.Context, value: Path | None) -> Path | None:
    ctx.meta["tilth.workspace"] = value
    return value


def _keep_json(ctx: typer.Context, value: bool) -> bool:
    ctx.meta["tilth.json"] = value
    return value


WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace", metavar="DIR", callback=_keep_workspace, help="The workspace [TILTH_WORKSPACE, ./workspace]."
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", callback=_keep_json, help="Print one JSON document and nothing else.")
]


def open_workspace(ctx: typer.Context) -> Workspace:
    """Open the workspace that `--workspace`, `TILTH_WORKSPACE` or the default names."""
    from workspace import Workspace

    return Workspace.open(ctx.meta.get("tilth.workspace"))


def wants_json(ctx: typer.Context) -> bool:
    """Return whether `--json` was given."""
    return bool(ctx.meta.get("tilth.json"))


def emit(ctx: typer.Context, obj: object, text: str | Callable[[], str]) -> None:
    """Print `obj` as JSON where `--json` was given, else `text`."""
    if wants_json(ctx):
        sys.stdout.write(json.dumps(obj, ensure_ascii=False, default=_plain) + "\n")
    else:
        sys.stdout.write((text() if callable(text) else text) + "\n")


def say(text: str) -> None:
    """Write a line about progress or a warning to stderr, where it never mixes with the result."""
    sys.stderr.write(text + "\n")


def user_errors(command: Callable) -> Callable:
    """Show an AppError as one sentence on stderr and exit 1; anything else is a defect and keeps its traceback."""

    @functools.wraps(command)
    def shown(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except AppError as error:
            say(" ".join(str(error).split()))
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            say("Stopped; nothing half-done was kept.")
            raise typer.Exit(130) from None

    return shown


def key_values(pairs: list[str] | None, option: str) -> dict[str, str]:
    """Return `["a=1", "b=2"]` as a dict; `option` is named when one has no `=`."""
    found = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise InputError(f"{option} {pair!r} is not of the form name=value.")
        found[key.strip()] = value
    return found


def table(rows: list[dict], columns: list[str]) -> str:
    """Return rows as aligned text under their column names; numbers go to the right."""
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in [columns, *cells]) for i in range(len(columns))]
    numeric = [all(isinstance(row.get(column), int | float | None) for row in rows) for column in columns]
    lines = [
        "  ".join(
            c.rjust(w) if right else c.ljust(w) for c, w, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in [columns, *cells]
    ]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _plain(value: object) -> object:
    """Return what JSON can hold for dates, decimals, numpy numbers and paths."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item"):
        return value.item()
    return str(value)
