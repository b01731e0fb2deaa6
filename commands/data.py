"""`tilth import`, `tilth datasets`, `tilth runs`, `tilth doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import JsonOption, WorkspaceOption, emit, key_values, open_workspace, say, table, user_errors

if TYPE_CHECKING:
    from workspace.datasets import DatasetVersion

datasets_app = typer.Typer(invoke_without_command=True, help="List datasets, or show one.")


def register(app: typer.Typer) -> None:
    app.command("import")(import_)
    app.add_typer(datasets_app, name="datasets")
    app.command("runs")(runs)
    app.command("doctor")(doctor)


@user_errors
def import_(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(help="A file: CSV, TSV, JSON, Parquet, Excel, SQLite or DuckDB.")],
    name: Annotated[str | None, typer.Option(help="The dataset [the file's name].")] = None,
    table_name: Annotated[
        str | None, typer.Option("--table", help="Which table or sheet, where there are several.")
    ] = None,
    query: Annotated[str | None, typer.Option(help="A SELECT over the source, which is called `source`.")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="K=V", help="A setting such as delimiter=; (repeatable).")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Snapshot a source into a dataset version."""
    from sources import import_source

    options = key_values(option, "--option")
    ws = open_workspace(ctx)
    version = ws.runs.call(
        "import",
        f"Import {Path(source).name}",
        lambda handle: import_source(
            ws, source, name=name, table=table_name, query=query, options=options, handle=handle
        ),
    )
    if not as_json:
        for warning in version.warnings:
            say(f"Warning: {warning}")
    keys = ("name", "version", "rows", "columns", "rejected", "warnings", "parse", "content_hash")
    same = "" if version.is_new else " (unchanged)"
    emit(
        ctx,
        {key: getattr(version, key) for key in keys} | {"unchanged": not version.is_new},
        f"{version.ref}{same}: {version.rows:,} rows, {len(version.columns):,} columns, {version.rejected:,} rejected.",
    )


@datasets_app.callback()
@user_errors
def datasets(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List datasets, or show one."""
    if ctx.invoked_subcommand is not None:
        return
    found = open_workspace(ctx).datasets.list()
    rows = [
        {
            "name": v.name,
            "version": v.version,
            "rows": v.rows,
            "columns": len(v.columns),
            "rejected": v.rejected,
            "created_at": f"{v.created_at:%Y-%m-%d %H:%M} UTC",
        }
        for v in found
    ]
    columns = ["name", "version", "rows", "columns", "rejected", "created_at"]
    emit(
        ctx,
        [v.as_json() for v in found],
        lambda: table(rows, columns) if rows else "No dataset yet. Import one: tilth import FILE",
    )


@datasets_app.command("show")
@user_errors
def show(
    ctx: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="A dataset, or one version of it.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one dataset: columns, lineage, how it was parsed, its versions."""
    ws = open_workspace(ctx)
    version = ws.datasets.get(ref)
    numbers = [v.version for v in ws.datasets.versions(version.name)]
    emit(ctx, version.as_json() | {"versions": numbers}, lambda: _described(version, numbers))


@user_errors
def runs(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first."""
    found = open_workspace(ctx).runs.list(limit)
    rows = [
        {
            "started": f"{r.started_at:%Y-%m-%d %H:%M:%S}",
            "state": r.state,
            "kind": r.kind,
            "title": r.title,
            "seconds": round(r.seconds, 2),
            "id": r.id[:8],
        }
        for r in found
    ]
    columns = ["started", "state", "kind", "title", "seconds", "id"]
    emit(ctx, [r.as_json() for r in found], lambda: table(rows, columns) if rows else "No run yet.")


@user_errors
def doctor(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Check the installation and the workspace, and clear what killed programs left behind."""
    from featurestore import doctor as features
    from workspace.doctor import examine

    checks = examine(ctx.meta.get("tilth.workspace"))
    if all(check["ok"] for check in checks if check["name"] in ("packages", "workspace", "catalog")):
        checks += features.examine(open_workspace(ctx))
    lines = [f"{'ok  ' if check['ok'] else 'BAD '} {check['name']}: {check['message']}" for check in checks]
    emit(ctx, {"checks": checks}, "\n".join(lines))
    if not all(check["ok"] for check in checks):
        raise typer.Exit(1)


def _described(version: DatasetVersion, numbers: list[int]) -> str:
    lines = [
        f"{version.ref}: {version.rows:,} rows, {len(version.columns):,} columns, {version.bytes:,} bytes",
        f"made {version.created_at:%Y-%m-%d %H:%M:%S} UTC by {version.created_by}; versions: {', '.join(map(str, numbers))}",
    ]
    origins = [f"{origin['kind']} {origin['ref']}" for origin in version.lineage.get("from") or []]
    if origins:
        lines.append(f"from {'; '.join(origins)}")
    lines += [f"rejected: {version.rejected:,}"] if version.rejected else []
    lines += [f"warning: {warning}" for warning in version.warnings]
    return "\n".join([*lines, "", table(version.columns, ["name", "type"])])
