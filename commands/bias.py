"""`tilth bias`: metrics of groups, their intervals, groups that meet, a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.common import JsonOption, WorkspaceOption, emit, say, table, user_errors
from commands.insights import DataArgument, opened_data


def register(app: typer.Typer) -> None:
    app.command("bias")(bias)


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
    predicted_positive: Annotated[
        list[str] | None,
        typer.Option(metavar="V", help="What is good in it, where that is not --positive, such as '>0.5'."),
    ] = None,
    weight: Annotated[str | None, typer.Option(metavar="W", help="A column by which rows count.")] = None,
    features: Annotated[
        str | None, typer.Option(metavar="A,B", help="Columns of numbers for the flip test; needs --predicted.")
    ] = None,
    intersect: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="Also compare the groups where columns meet, worst first: sex,race or 'sex,age>40'."
        ),
    ] = None,
    intervals: Annotated[bool, typer.Option("--intervals", help="Bootstrap a 95% interval of every metric.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the report as one HTML page.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure bias by Clarify's definitions: how a group fares against everybody else."""
    from insights import bias as library
    from transforms.writing import write_text

    def one_or_all(said: list[str] | None):
        return said[0] if said and len(said) == 1 else said or None

    asked = {
        "label": label, "positive": one_or_all(positive), "group": group, "predicted": predicted, "predicted_positive": one_or_all(predicted_positive),
        "weight": weight, "intervals": intervals,
    }  # fmt: skip
    with opened_data(ctx, data) as (con, opened):
        for warning in opened.warnings:
            say(f"Warning: {warning}")
        crossed = None
        parts = [part.strip() for part in (intersect or "").split(",") if part.strip()]
        if parts:
            crossed = library.intersect(con, opened.sql(), facets=parts, **asked)
        wanted = facet or (parts if crossed else [])  # an intersection alone also shows its columns one by one
        numbers = [name.strip() for name in (features or "").split(",") if name.strip()]
        found = library.measure(con, opened.sql(), facets=wanted, features=numbers, **asked)
        name = opened.name
    if html:
        write_text(html, library.to_html(found, name, crossed=crossed))

    def words() -> str:
        lines = []
        for one in found.facets:
            lines += [f"{one.facet}: {one.value}", _readings(one, intervals), *one.notes]
            if one.outcomes:
                lines.append("Over all outcomes: " + ", ".join(f"{m} {v:.6f}" for m, v in one.outcomes.items()) + ".")
            lines.append("")
        if crossed:
            lines += [f"Where {' and '.join(crossed.crossed)} meet, worst first:", _groups(crossed)]
        return "\n".join([*lines, *([f"Report: {html}"] if html else [])]).rstrip()

    emit(ctx, {"name": name, **found.as_json(), "intersection": crossed and crossed.as_json()}, words)


def _readings(one, intervals: bool) -> str:
    rows = [
        {
            "metric": r.metric,
            "value": "" if r.value is None else f"{r.value:.6f}",
            "interval": f"{r.interval[0]:.4f} to {r.interval[1]:.4f}" if r.interval else "",
            "verdict": r.verdict,
            "severity": r.severity,
            "says": r.says,
        }
        for r in one.readings
    ]
    return table(rows, ["metric", "value", *(["interval", "verdict"] if intervals else []), "severity", "says"])


def _groups(report) -> str:
    metrics = [m for m in ("DPL", "DPPL", "DI", "RD", "AD") if m in report.facets[0].metrics]
    rows = []
    for one in report.facets:
        row = {"group": one.value, "rows": one.counts["n_d"], "note": "few rows" if one.is_small else ""}
        rows.append(row | {r.metric: "" if r.value is None else f"{r.value:.4f}" for r in one.readings})
    return table(rows, ["group", "rows", *metrics, "note"])
