"""`tilth profile`, `tilth bias`, `tilth pii`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from commands.common import JsonOption, WorkspaceOption, emit, open_workspace, say, table, user_errors

DataArgument = Annotated[str, typer.Argument(metavar="DATA", help="A file, a dataset, or dataset@version.")]


def register(app: typer.Typer) -> None:
    app.command("profile")(profile)
    app.command("bias")(bias)
    app.command("pii")(pii)


@user_errors
def profile(
    ctx: typer.Context,
    data: DataArgument,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also write the report as one HTML page.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Profile all rows of DATA: types, missing values, spread, and warnings with the step that fixes each."""
    from insights.profile import profile as look
    from insights.report import said, to_html
    from transforms.writing import write_text

    with opened_data(ctx, data) as (con, opened):
        for warning in opened.warnings:
            say(f"Warning: {warning}")
        found = look(opened.sql(), con)
        name = opened.name
    if html:
        write_text(html, to_html(found, name))
    shown = [
        {"column": c.name, "type": c.type, "missing": c.missing, "distinct": c.distinct, "min": said(c.min)[:24], "max": said(c.max)[:24], "mean": c.mean}
        for c in found.columns
    ]  # fmt: skip

    def words() -> str:
        lines = [
            f"{name}: {found.rows:,} rows, {len(found.columns):,} columns.",
            "",
            table(shown, ["column", "type", "missing", "distinct", "min", "max", "mean"]),
        ]
        if found.warnings:
            lines += [
                "",
                *(f"{w['severity']:<6}  {w['column'] or 'whole table'}: {w['message']}" for w in found.warnings),
            ]
        return "\n".join([*lines, *([f"Report: {html}"] if html else [])])

    emit(ctx, {"name": name, **found.as_json()}, words)


@user_errors
def bias(
    ctx: typer.Context,
    data: DataArgument,
    label: Annotated[str, typer.Option(metavar="L", help="The column with the outcome.")],
    positive: Annotated[
        list[str],
        typer.Option(metavar="V", help="The outcome that is good to get (repeatable), or '>40' for a number or date."),
    ],
    facet: Annotated[
        list[str] | None,
        typer.Option(
            metavar="F=V",
            help="A group to protect (repeatable): sex=Female, race=Black,Other, 'age>40', or sex for each value.",
        ),
    ] = None,
    group: Annotated[str | None, typer.Option(metavar="G", help="The column with strata, for CDDL.")] = None,
    predicted: Annotated[str | None, typer.Option(metavar="P", help="The column with the predicted outcome.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure bias by Clarify's definitions: how a group fares against everybody else."""
    from insights.bias import measure

    with opened_data(ctx, data) as (con, opened):
        for warning in opened.warnings:
            say(f"Warning: {warning}")
        chosen = positive[0] if len(positive) == 1 else positive
        found = measure(
            con,
            opened.sql(),
            label=label,
            positive=chosen,
            facets=facet or [],
            group=group,
            predicted=predicted,
        )
        name = opened.name

    def words() -> str:
        lines = []
        for one in found.facets:
            rows = [
                {
                    "metric": r.metric,
                    "value": "" if r.value is None else f"{r.value:.6f}",
                    "severity": r.severity,
                    "says": r.says,
                }
                for r in one.readings
            ]
            lines += [f"{one.facet}: {one.value}", table(rows, ["metric", "value", "severity", "says"]), *one.notes, ""]
        return "\n".join(lines).rstrip()

    emit(ctx, {"name": name, **found.as_json()}, words)


@user_errors
def pii(
    ctx: typer.Context,
    data: DataArgument,
    hide: Annotated[
        str,
        typer.Option("--hide", metavar="HOW", help="Steps to propose: mask, pseudonym, hash, remove or drop."),
    ] = "mask",
    recipe: Annotated[
        Path | None,
        typer.Option("--recipe", metavar="FILE", help="Write the steps as a recipe that hides what was found."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find personal data, column by column, and propose the steps that hide it."""
    from insights.pii import find, steps

    with opened_data(ctx, data) as (con, opened):
        for warning in opened.warnings:
            say(f"Warning: {warning}")
        found = find(con, opened.sql())
        name = opened.name
    made = steps(found, hide)
    if recipe:
        _write_recipe(recipe, f"hide personal data of {name}", made)

    def words() -> str:
        rows = [
            {
                "column": c.name,
                "type": e.type,
                "share": f"{e.share:.1%}",
                "confidence": e.confidence,
                "told by": e.evidence + (" (inside text)" if e.inside else ""),
            }
            for c in found.columns
            for e in c.entities
        ]
        if not rows:
            return "\n".join(["No personal data found.", *found.notes])
        lines = [table(rows, ["column", "type", "share", "confidence", "told by"]), *found.notes, "", "To hide it:"]
        lines += [f"  {s['transform']}: {', '.join(s['settings']['columns'])}" for s in made]
        return "\n".join([*lines, *([f"Recipe: {recipe}"] if recipe else [])])

    emit(ctx, {"name": name, **found.as_json(), "steps": made}, words)


def _write_recipe(path: Path, name: str, steps: list[dict]) -> None:
    from transforms.recipe import Recipe

    made = Recipe(name=name)
    for step in steps:
        made = made.add(step["transform"], step["settings"])
    made.save(path)


@contextmanager
def opened_data(ctx: typer.Context, data: str) -> Iterator[tuple]:
    """Give (DuckDB connection that may spill into the workspace, opened DATA)."""
    from sources.opening import open_data
    from workspace.sql import connection, text

    ws = open_workspace(ctx)
    with open_data(ws, data) as opened, ws.scratch("insights") as scratch, connection() as con:
        con.execute(f"SET temp_directory = {text(str(scratch))}")
        yield con, opened
