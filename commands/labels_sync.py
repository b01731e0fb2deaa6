"""`tilth labels sync`: a collection and a project of a Label Studio server."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.common import JsonOption, WorkspaceOption, emit, open_workspace, say, user_errors
from transforms.errors import InputError


def add_to(labels: typer.Typer) -> None:
    labels.command()(sync)


@user_errors
def sync(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="COLLECTION", help="Name of the collection.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of the Label Studio server.")],
    project: Annotated[
        str | None,
        typer.Option(
            metavar="ID|TITLE", help="Project there [the one made for this collection; made if there is none]."
        ),
    ] = None,
    push: Annotated[bool, typer.Option("--push", help="Only send, take nothing from there.")] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Only take from there, send nothing.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a collection and a Label Studio project to the same state: items, answers, predictions, skips.

    The access token is read from TILTH_LABEL_STUDIO_TOKEN. Run it as often as you like: what is equal stays untouched.
    Where both sides changed an answer, both are kept and named. What stayed behind is said on stderr, exit code 1.
    """
    from labeling.label_studio import sync as bring

    if push and pull:
        raise InputError("--push and --pull exclude each other.", hint="Without either, it goes both ways.")
    done = bring(open_workspace(ctx), name, url, project, direction="push" if push else "pull" if pull else "both")
    text = (
        f"Project {done.project}: {done.tasks} tasks and {done.pushed} answers sent, {done.items} items and "
        f"{done.pulled} answers taken, {done.updated} answers brought up to date."
    )
    if done.conflicts:
        text += f"\nChanged on both sides, both kept: {', '.join(done.conflicts[:20])}."
    emit(ctx, done.as_json(), text)
    for problem in done.problems:
        say(problem)
    if done.problems:
        raise typer.Exit(1)
