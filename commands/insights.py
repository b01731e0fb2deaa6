"""`tilth profile`, `tilth pii`."""

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
    app.command("pii")(pii)


@user_errors
def profile(
    ctx: typer.Context,
    data: DataArgument,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="COLUMN", help="The column to predict: classes, leaks, a quick model."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="DATA", help="What DATA was before: show what changed instead."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also write the report as one HTML page.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Profile all rows of DATA: types, missing values, spread, and warnings with the step that fixes each."""
    from insights.profile import profile as look
    from insights.report import to_html
    from sources.opening import open_data
    from transforms.writing import write_text

    with opened_data(ctx, data) as (con, opened):
        for warning in opened.warnings:
            say(f"Warning: {warning}")
        found = look(opened.sql(), con, target=target)
        name = opened.name
        if against:
            from insights.profile_difference import difference

            with open_data(open_workspace(ctx), against) as other:
                for warning in other.warnings:
                    say(f"Warning: {warning}")
                changed = difference(look(other.sql(), con, target=_if_there(target, other, con)), found)
                other_name = other.name
    if html:
        write_text(html, to_html(found, name))
    written = [f"Report: {html}"] if html else []
    if against:
        content = {"name": name, "against": other_name, **changed.as_json()}
        emit(ctx, content, lambda: "\n".join([*_difference_lines(changed, name, other_name), *written]))
        return
    emit(ctx, {"name": name, **found.as_json()}, lambda: "\n".join([*_profile_lines(found, name), *written]))


def _if_there(target: str | None, other, con) -> str | None:
    """Return the target where the other table has it: it may be new."""
    return target if target in con.sql(f"FROM {other.sql()}").columns else None


def _profile_lines(found, name: str) -> list[str]:
    from insights.report import said

    shown = [
        {"column": c.name, "type": c.type, "is": c.meaning or "", "missing": c.missing, "distinct": c.distinct,
         "min": said(c.min)[:24], "max": said(c.max)[:24], "mean": c.mean}
        for c in found.columns
    ]  # fmt: skip
    lines = [
        f"{name}: {found.rows:,} rows, {len(found.columns):,} columns.",
        "",
        table(shown, ["column", "type", "is", "missing", "distinct", "min", "max", "mean"]),
    ]
    if found.warnings:
        lines += ["", *(f"{w['severity']:<6}  {w['column'] or 'whole table'}: {w['message']}" for w in found.warnings)]
    return lines + (_target_lines(found.target) if found.target else [])


def _target_lines(found: dict) -> list[str]:
    lines = ["", f"Target {found['column']}: {found['task']}. {found['reason']}"]
    if found["powers"]:
        powers = [{"column": p["column"], "prediction power": f"{p['power']:.3f}"} for p in found["powers"][:20]]
        lines += [table(powers, ["column", "prediction power"])]
    if model := found["model"]:
        shown = ", ".join(f"{name} {value:.4g}" for name, value in model["metrics"].items() if value is not None)
        usual = ", ".join(f"{name} {value:.4g}" for name, value in model["baseline"].items())
        lines += [f"Quick model ({model['name']}, {model['rows']:,} rows): {shown}. Without a model: {usual}."]
    return lines


def _difference_lines(found, name: str, other: str) -> list[str]:
    lines = [f"{other} → {name}: {found.before_rows:,} → {found.after_rows:,} rows."]
    for words, names in (("Added", found.added), ("Removed", found.removed)):
        lines += [f"{words}: {', '.join(names)}."] if names else []
    shown = [{"column": c.name, "change": f"{c.change:.3f}", "what": "; ".join(c.says)} for c in found.changed()]
    if shown:
        lines += ["", table(shown, ["column", "change", "what"])]
    else:
        lines += ["No column that both have differs."]
    for words, warnings in (("new", found.warnings_new), ("gone", found.warnings_gone)):
        lines += [f"{words:<4}  {w['column'] or 'whole table'}: {w['message']}" for w in warnings]
    return lines


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
