"""`tilth views …`: feature views, what a model reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from commands.common import JsonOption, WorkspaceOption, emit, key_values, table, user_errors
from commands.features import open_store, parse_json

views_app = typer.Typer(
    no_args_is_help=True, help="Feature views: a versioned choice of features, served and trained on alike."
)

ViewArgument = Annotated[str, typer.Argument(help="Name of the view, or NAME@VERSION.")]


def register(app: typer.Typer) -> None:
    app.add_typer(views_app, name="views")


@views_app.command()
@user_errors
def create(
    ctx: typer.Context,
    view: Annotated[str, typer.Argument(help="Name of the view.")],
    feature: Annotated[list[str], typer.Option("--feature", metavar="GROUP:FEATURE", help="Or GROUP:* (repeatable).")],
    description: Annotated[str, typer.Option()] = "",
    ttl: Annotated[
        list[str] | None, typer.Option("--ttl", metavar="GROUP:FEATURE=7d", help="How old it may be (repeatable).")
    ] = None,
    default: Annotated[
        list[str] | None,
        typer.Option("--default", metavar="FEATURE=JSON", help="In place of a missing value (repeatable)."),
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", metavar="GROUP.KEY=NAME", help="What callers call a key (repeatable).")
    ] = None,
    request: Annotated[
        list[str] | None, typer.Option("--request", metavar="NAME=TYPE", help="A column of the request (repeatable).")
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="Fitted recipe to apply at each read.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a view, or its next version."""
    from transforms.recipe import FittedRecipe

    names: dict[str, dict[str, str]] = {}
    for place, name in key_values(key, "--key").items():
        group, _, column = place.partition(".")
        names.setdefault(group, {})[column] = name
    made = open_store(ctx).create_view(
        view,
        feature,
        description,
        ttl=key_values(ttl, "--ttl"),
        defaults={
            n: parse_json(text, f"The default of {n} {text!r}") for n, text in key_values(default, "--default").items()
        },
        join_keys=names,
        request=key_values(request, "--request"),
        recipe=FittedRecipe.load(recipe) if recipe else None,
    )
    emit(ctx, made, f"View {made['ref']}: {len(made['features'])} features.")


@views_app.command("list")
@user_errors
def list_(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the newest version of every view."""
    found = open_store(ctx).views()
    rows = [{"view": v["ref"], "features": len(v["features"]), "recipe": v["recipe"] or "", "description": v["description"]} for v in found]  # fmt: skip
    emit(ctx, found, lambda: table(rows, list(rows[0])) if rows else "No view yet: tilth views create.")


@views_app.command()
@user_errors
def show(
    ctx: typer.Context, view: ViewArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Show what a view holds, with its versions."""
    found = open_store(ctx).view(view)
    said = [f"{found['ref']}  {found['description']}".rstrip(), *(f"  {ref}" for ref in found["features"])]
    for part in ("ttl_seconds", "defaults", "join_keys", "request", "recipe"):
        said += [f"{part}: {json.dumps(found[part])}"] if found[part] else []
    emit(ctx, found, "\n".join([*said, f"versions: {', '.join(v['ref'] for v in found['versions'])}"]))


@views_app.command()
@user_errors
def get(
    ctx: typer.Context,
    view: ViewArgument,
    rows: Annotated[str, typer.Argument(help='Keys and request columns as JSON: {"id": 7}, or a list of such.')],
    status: Annotated[bool, typer.Option("--status", help="Also say what was found and how old it is.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a view online."""
    from featurestore.wire import as_json as plain

    found = plain(open_store(ctx).get_features(view, parse_json(rows, "The rows"), status=status))
    emit(ctx, found, json.dumps(found, ensure_ascii=False, indent=1))


@views_app.command()
@user_errors
def drop(
    ctx: typer.Context, view: ViewArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Delete a view with all its versions; groups and training sets stay."""
    open_store(ctx).drop_view(view)
    emit(ctx, {"view": view, "dropped": True}, f"View {view} is gone.")


@views_app.command()
@user_errors
def train(
    ctx: typer.Context,
    view: ViewArgument,
    labels: Annotated[str, typer.Option("--labels", help="Dataset or file with keys, time and label.")],
    name: Annotated[str, typer.Option("--as", help="Dataset to write.")],
    time: Annotated[str, typer.Option(help="Column with the moment of each label.")] = "ts",
    as_of: Annotated[str | None, typer.Option(help="Only what was written at or before this moment.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Save a view's training set as a dataset, with the lineage to make it again."""
    made = open_store(ctx).save_training_set(name, labels, view, time, as_of)
    emit(ctx, made.as_json(), f"{made.ref}: {made.rows:,} rows, {len(made.columns)} columns.")
