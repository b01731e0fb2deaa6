"""`tilth chart`: a chart of all rows as a picture, page, Vega-Lite, figures or Python code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.common import JsonOption, WorkspaceOption, emit, say, user_errors
from commands.insights import DataArgument, opened_data


def register(app: typer.Typer) -> None:
    app.command("chart")(chart)


@user_errors
def chart(
    ctx: typer.Context,
    data: DataArgument,
    output: Annotated[
        list[Path] | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it, by suffix: png, svg, html, json (Vega-Lite), csv (its figures), py. Repeatable."),
    ] = None,
    mark: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="histogram, bar, line, area, scatter, box, violin, heatmap, correlation, series, season or map."),
    ] = None,
    saved: Annotated[str | None, typer.Option(metavar="NAME", help="A chart saved with the dataset, instead of --mark.")] = None,
    x: Annotated[str | None, typer.Option("--x", metavar="COLUMN")] = None,
    y: Annotated[str | None, typer.Option("--y", metavar="COLUMN")] = None,
    colour: Annotated[str | None, typer.Option(metavar="COLUMN", help="Series; of a heat map or map the number to show.")] = None,
    size: Annotated[str | None, typer.Option(metavar="COLUMN")] = None,
    facet: Annotated[str | None, typer.Option(metavar="COLUMN", help="One panel per value.")] = None,
    aggregate: Annotated[str, typer.Option(metavar="NAME", help="count, mean, sum, median, min, max or std.")] = "count",
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="K=V", help="Any other setting: bins, top, time_unit, sort, reverse, normalise, moving, period, log_x, log_y. Repeatable."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="'COLUMN TEST VALUE'", help="Keep rows: 'age is between 20, 30', 'city is missing'. Repeatable."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Draw a chart of all rows of DATA."""
    from insights import charts

    roles = {"x": x, "y": y, "colour": colour, "size": size, "facet": facet, "aggregate": aggregate}
    with opened_data(ctx, data) as (con, opened):
        for warning in opened.warnings:
            say(f"Warning: {warning}")
        columns = con.sql(f"SELECT * FROM {opened.sql()}").columns
        spec = _saved(ctx, opened.name, saved) if saved else _spec(mark, roles, setting or [], where or [], columns)
        found = charts.build(con, opened.sql(), spec)
        # The copy that Tilth made of a file is gone afterwards: the code names the file itself.
        source = _names_file(data) or opened.sql()
        for path in output or []:
            charts.write(found, path, source=source)
    written = [str(path) for path in output or []]
    said = {"title": charts.title(found.spec), "caption": found.caption, "rows": found.total, "used": found.used, "left_out": found.left_out,
            "spec": found.spec.model_dump(mode="json", exclude_defaults=True), "marks": found.table.to_pylist(), "written": written}  # fmt: skip
    emit(
        ctx,
        said,
        "\n".join([f"{charts.title(found.spec)}. {found.caption}", *(f"Written: {path}" for path in written)]),
    )


def _spec(mark: str | None, roles: dict, settings: list[str], where: list[str], columns: list[str]):
    from pydantic import ValidationError

    from commands.common import key_values
    from insights.charts import ChartSpec
    from transforms.errors import InputError

    if not mark:
        raise InputError(
            "Say which chart with --mark, or a saved one with --saved.", hint="For example --mark histogram."
        )
    filters = [condition(words, columns) for words in where]
    try:
        return ChartSpec(**{"kind": mark, **roles, **key_values(settings, "--set"), "filters": filters})
    except ValidationError as error:
        first = error.errors()[0]
        name = {"kind": "mark"}.get(str(first["loc"][0]), str(first["loc"][0]))
        raise InputError(f"{name}: {first['msg'][0].lower()}{first['msg'][1:]}, not {first['input']!r}.") from error


def condition(words: str, columns: list[str]):
    """Read `COLUMN TEST VALUE`; the longest column name that fits wins, then the longest test."""
    from typing import get_args

    from transforms.catalog.rows import Condition, Test
    from transforms.errors import InputError, did_you_mean

    column = max((c for c in columns if words.startswith(c + " ")), key=len, default=None)
    if column is None:
        raise InputError(
            f"--where {words!r} does not begin with a column.", hint=did_you_mean(words.split(" ")[0], columns)
        )
    rest = words[len(column) :].strip()
    test = max((t for t in get_args(Test) if rest == t or rest.startswith(t + " ")), key=len, default=None)
    if test is None:
        raise InputError(f"--where {words!r} has no condition.", hint="One of: " + ", ".join(get_args(Test)) + ".")
    return Condition(column=column, test=test, value=rest[len(test) :].strip())


def _saved(ctx: typer.Context, name: str, saved: str):
    from commands.common import open_workspace
    from insights import charts
    from transforms.errors import InputError, NotFound

    dataset = name.rpartition("@")[0] or name
    found = {one.name: one for one in charts.list_saved(open_workspace(ctx), dataset)}
    if saved not in found:
        raise NotFound.named("saved chart", saved, found)
    if found[saved].spec is None:
        raise InputError(found[saved].problem([]))
    return found[saved].spec


def _names_file(data: str) -> str:
    """Return SQL that reads a file as DuckDB alone does, or nothing for a dataset."""
    from workspace.sql import text

    path = Path(data).expanduser()
    readers = {
        ".csv": "read_csv",
        ".tsv": "read_csv",
        ".parquet": "read_parquet",
        ".json": "read_json",
        ".jsonl": "read_json",
    }
    reader = readers.get(path.suffix.lower())
    return f"{reader}({text(str(path.resolve()))})" if reader and path.exists() else ""
