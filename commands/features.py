"""`tilth features …`: the feature store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.common import JsonOption, WorkspaceOption, emit, key_values, open_workspace, say, table, user_errors
from commands.privacy import past_the_gate
from transforms.errors import InputError

if TYPE_CHECKING:
    from featurestore import FeatureStore, Publication

features_app = typer.Typer(
    no_args_is_help=True, help="Feature groups: versioned features, read online and point-in-time."
)

GroupArgument = Annotated[str, typer.Argument(help="Name of the feature group.")]
KeyArgument = Annotated[str, typer.Argument(help="Key of the record; several key columns: a,b or a JSON object.")]


def register(app: typer.Typer) -> None:
    app.add_typer(features_app, name="features")


def open_store(ctx: typer.Context) -> FeatureStore:
    from featurestore import FeatureStore

    return FeatureStore(open_workspace(ctx))


@features_app.command()
@user_errors
def create(
    ctx: typer.Context,
    group: GroupArgument,
    key: Annotated[list[str], typer.Option("--key", help="Key column, or NAME=TYPE (repeatable).")],
    feature: Annotated[
        list[str] | None, typer.Option("--feature", metavar="NAME=TYPE", help="A feature (repeatable).")
    ] = None,
    like: Annotated[
        str | None, typer.Option("--from", metavar="DATA", help="Take the features from a dataset or file.")
    ] = None,
    event_time: Annotated[str, typer.Option(help="Column with the event time.")] = "ts",
    ttl: Annotated[str | None, typer.Option(help="How long a record is valid: 7d, 12h, seconds.")] = None,
    online: Annotated[bool, typer.Option(help="Keep the newest record of each key for fast reads.")] = True,
    offline: Annotated[bool, typer.Option(help="Keep the history.")] = True,
    description: Annotated[str, typer.Option()] = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A tag (repeatable).")] = None,
    owner: Annotated[str, typer.Option()] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a feature group, or add features to one."""
    store = open_store(ctx)
    keys = dict(k.partition("=")[::2] if "=" in k else (k, None) for k in key)
    features: dict[str, Any] = _features_like(store, like, [*keys, event_time]) if like else {}
    features |= key_values(feature, "--feature")
    if not features:
        raise InputError("A group needs features.", hint="Name them with --feature NAME=TYPE, or give --from DATA.")
    made = store.create_group(
        group,
        keys=keys,
        event_time=event_time,
        features=features,
        ttl=ttl,
        online=online,
        offline=offline,
        description=description,
        tags=tag or [],
        owner=owner,
    )
    emit(ctx, made, f"Group {group}: {len(made['features'])} features, definition {made['definition_version']}.")


def _features_like(store: FeatureStore, data: str, without: list[str]) -> dict[str, str]:
    from featurestore.intake import opened, types_for_features

    with opened(store.ws, data) as batch:
        return types_for_features({name: kind for name, kind in batch.types.items() if name not in without})


@features_app.command()
@user_errors
def publish(
    ctx: typer.Context,
    group: GroupArgument,
    data: Annotated[str, typer.Argument(help="Dataset, dataset@version, or a Parquet, CSV or JSON file.")],
    recipe: Annotated[
        Path | None,
        typer.Option("--state", "--recipe", help="Fitted recipe that made the data; kept with the version."),
    ] = None,
    allow_personal_data: Annotated[
        str | None,
        typer.Option(
            metavar="REASON", help="Publish a dataset although it holds personal data; the reason is audited."
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a table as the next version of a group. The same table again changes nothing."""
    from insights.expectations import publish_data

    source = None
    if recipe:
        from transforms import FittedRecipe

        source = FittedRecipe.load(recipe)
    store = open_store(ctx)
    for warning in publish_data(store.ws, data):
        say(f"Warning: {warning}")
    data = past_the_gate(store.ws, data, allow_personal_data)
    done = store.publish(group, data, source=source)
    _emit_publication(ctx, done)


def _emit_publication(ctx: typer.Context, done: Publication) -> None:
    for warning in done.warnings:
        say(f"Warning: {warning}")
    same = " (unchanged)" if done.unchanged else ""
    keys = ("group", "version", "rows", "rejected", "unchanged", "warnings")
    emit(
        ctx,
        {k: getattr(done, k) for k in keys},
        f"{done.group} version {done.version}{same}: {done.rows:,} rows written.",
    )


@features_app.command()
@user_errors
def put(
    ctx: typer.Context,
    group: GroupArgument,
    record: Annotated[str, typer.Argument(help="A JSON object, or a list of them; - reads it from standard input.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write one record or a few, online and offline together."""
    from featurestore.wire import floats_of, read_records

    store = open_store(ctx)
    records = floats_of(store, group, read_records(parse_json(record, "The record")))
    _emit_publication(ctx, store.put(group, records))


def parse_json(value: str, what: str) -> Any:
    """Return JSON given on the command line, or after `@` the name of a file, or `-` for standard input."""
    if value == "-":
        value = typer.get_text_stream("stdin").read()
    elif value.startswith("@"):
        try:
            value = Path(value[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{what} cannot be read from {value[1:]!r}: {error}.") from error
    try:
        return json.loads(value)
    except ValueError as error:
        raise InputError(f"{what} is not JSON: {error}.", hint="Write for example '{\"id\": 7}'.") from error


@features_app.command()
@user_errors
def get(
    ctx: typer.Context,
    group: GroupArgument,
    key: KeyArgument,
    features: Annotated[str | None, typer.Option(help="Which features: a,b.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the online record of a key."""
    from featurestore.wire import as_json as plain
    from featurestore.wire import key_from_text
    from transforms.errors import NotFound

    store = open_store(ctx)
    record = store.get(group, key_from_text(store, group, key), features.split(",") if features else None)
    if record is None:
        raise NotFound(
            f"Group {group!r} has no record for {key!r}.", hint="It was never written, was deleted, or expired."
        )
    shown = plain(record)
    emit(ctx, shown, lambda: "\n".join(f"{name}: {'' if value is None else value}" for name, value in shown.items()))


@features_app.command()
@user_errors
def delete(
    ctx: typer.Context,
    group: GroupArgument,
    key: KeyArgument,
    event_time: Annotated[str | None, typer.Option(help="From when on it is deleted [now].")] = None,
    hard: Annotated[bool, typer.Option("--hard", help="Take the key out of the online file as well.")] = False,
    erase: Annotated[bool, typer.Option("--erase", help="Take it out of every version, for good.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete the record of a key; its history stays unless --erase is given."""
    from featurestore.wire import key_from_text

    store = open_store(ctx)
    done = store.delete(group, key_from_text(store, group, key), event_time=event_time, hard=hard, erase=erase)
    emit(
        ctx,
        {"group": group, "version": done.version, "erased": erase},
        f"Deleted {key} in {group} (version {done.version}).",
    )


@features_app.command("list")
@user_errors
def list_(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List feature groups."""
    groups = open_store(ctx).groups()
    rows = [
        {
            "name": g["name"],
            "keys": ", ".join(k["name"] for k in g["keys"]),
            "features": len(g["features"]),
            "version": g["version"],
            "rows": g["rows"],
            "online": g["online_records"],
        }
        for g in groups
    ]
    empty = "No feature group yet. Make one: tilth features create NAME --key ID --from DATA"
    emit(ctx, groups, lambda: table(rows, list(rows[0])) if rows else empty)


@features_app.command()
@user_errors
def show(
    ctx: typer.Context, group: GroupArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Show definition and versions of a group."""
    found = open_store(ctx).describe(group)

    def text() -> str:
        features = table(found["features"], ["name", "type", "description"])
        versions = table(found["versions"], ["version", "kind", "rows", "definition_version", "written_at"])
        keys = ", ".join(f"{k['name']} ({k['type'] or 'not known yet'})" for k in found["keys"])
        return f"{group}: keys {keys}, event time {found['event_time']}\n\n{features}\n\n{versions}"

    emit(ctx, found, text)


@features_app.command()
@user_errors
def history(
    ctx: typer.Context,
    group: GroupArgument,
    key: KeyArgument,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every row ever written for a key."""
    from featurestore.wire import as_json as plain
    from featurestore.wire import key_from_text

    store = open_store(ctx)
    rows = [plain(row) for row in store.history(group, key_from_text(store, group, key)).to_pylist()]
    emit(ctx, rows, lambda: table(rows, list(rows[0])) if rows else f"No row was ever written for {key}.")


@features_app.command("training-set")
@user_errors
def training_set(
    ctx: typer.Context,
    labels: Annotated[str, typer.Option("--labels", help="Dataset or file with keys, time and label.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .parquet or .csv.")],
    feature: Annotated[
        list[str] | None, typer.Option("--feature", metavar="GROUP:FEATURE", help="A feature, or GROUP:* (repeatable).")
    ] = None,
    view: Annotated[str | None, typer.Option(help="A feature view in place of --feature.")] = None,
    time: Annotated[str, typer.Option(help="Column with the moment of each label.")] = "ts",
    as_of: Annotated[str | None, typer.Option(help="Only what was written at or before this moment.")] = None,
    per_feature: Annotated[bool, typer.Option("--per-feature", help="The last known value of each feature.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Join labels with what the store knew at each label's time, and write the result."""
    from featurestore import manifest_of
    from featurestore.wire import write_table

    if bool(feature) == bool(view):
        raise InputError("Give --feature or --view.", hint="For example --feature users:age --feature users:*")
    made = open_store(ctx).training_set(labels, view or feature, time=time, as_of=as_of, per_feature=per_feature)
    write_table(made, output)
    shown = {"output": str(output), "rows": made.num_rows, "columns": made.column_names, "manifest": manifest_of(made)}
    emit(ctx, shown, f"{output}: {made.num_rows:,} rows, {made.num_columns} columns.")


@features_app.command()
@user_errors
def reconcile(
    ctx: typer.Context,
    group: Annotated[str | None, typer.Argument(help="One group [all].")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare online with offline records and repair what differs."""
    reports = open_store(ctx).reconcile(group)
    rows = [{**r, "messages": "; ".join(r["messages"])} for r in reports]
    emit(
        ctx,
        reports,
        lambda: table(rows, ["group", "keys", "repaired", "messages"]) if rows else "No feature group yet.",
    )


@features_app.command()
@user_errors
def online(
    ctx: typer.Context,
    place: Annotated[
        str | None, typer.Argument(help="sqlite, redis://host:6379/0 or postgresql://user@host/database.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say where online records lie, or move them there. A server's password comes from TILTH_ONLINE_PASSWORD."""
    store = open_store(ctx)
    moved = store.move_online(place) if place else None
    shown = {"online": store.online_place(), "records": sum(g["online_records"] or 0 for g in store.groups())}
    where = "online.sqlite in the workspace" if shown["online"] == "sqlite" else shown["online"]
    done = "Online records are now in" if moved is not None else "Online records are in"
    emit(ctx, shown, f"{done} {where}: {shown['records']:,}.")


@features_app.command()
@user_errors
def search(
    ctx: typer.Context,
    words: Annotated[str, typer.Argument(help="Words that must all occur.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find groups, features and views by name, description, unit, tag or owner."""
    hits = open_store(ctx).search(words)
    emit(ctx, hits, lambda: table(hits, ["kind", "name", "description"]) if hits else "Nothing found.")


@features_app.command()
@user_errors
def vacuum(
    ctx: typer.Context,
    group: Annotated[str | None, typer.Argument(help="One group [all].")] = None,
    keep: Annotated[str, typer.Option(help="Leave files that were replaced within this time.")] = "7d",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete files that merging replaced; every version of a group stays readable."""
    reports = open_store(ctx).vacuum(group, keep)
    total = sum(r["bytes"] for r in reports)
    emit(ctx, reports, f"{sum(r['files'] for r in reports)} files, {total / 1e6:.1f} MB.")
