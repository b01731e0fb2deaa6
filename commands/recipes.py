"""`tilth transforms`, `tilth check`, `tilth run`, `tilth export`: recipes."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.common import JsonOption, WorkspaceOption, emit, key_values, open_workspace, say, table, user_errors
from transforms.errors import InputError

RecipeArgument = Annotated[Path, typer.Argument(metavar="RECIPE.json", help="A recipe file, or a fitted one.")]
InputOption = Annotated[
    list[str],
    typer.Option("--input", metavar="[PORT=]DATA", help="A file, dataset or dataset@version; the first one is main."),
]
ParamOption = Annotated[
    list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A value for a parameter of the recipe.")
]
StateOption = Annotated[Path | None, typer.Option("--state", help="A fitted recipe: run with what it has learnt.")]


recipe_app = typer.Typer(no_args_is_help=True, help="Recipe files.")


def register(app: typer.Typer) -> None:
    app.command("transforms")(transforms)
    app.command("check")(check)
    app.command("run")(run)
    app.command("export")(export)
    app.add_typer(recipe_app, name="recipe")


@user_errors
def transforms(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Show one transform with its examples.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the catalogue of transforms."""
    from transforms import catalog

    found = [catalog.get(name)] if name else catalog.all_transforms()
    listed = [describe(cls) for cls in found]
    if name and not as_json:
        emit(
            ctx,
            listed,
            f"{name}: {found[0].label}\n\n{(found[0].__doc__ or '').strip()}\n\nExample: {json.dumps(listed[0]['examples'][0], default=str)}",
        )
        return
    emit(
        ctx,
        listed,
        lambda: table([{k: t[k] for k in ("id", "label", "serving")} for t in listed], ["id", "label", "serving"]),
    )


def describe(cls) -> dict[str, Any]:
    """Return what the contract asks of a transform: id, label, family, serving, covers, settings schema, examples."""
    examples = [
        {
            "settings": dict(e.settings),
            "before": _in_json(e.before),
            "after": _in_json(e.after),
            "others": dict(e.others),
        }
        for e in cls.examples
    ]
    return {
        "id": cls.name,
        "label": cls.label,
        "family": cls.family(),
        "summary": cls.summary(),
        "serving": cls.serving,
        "covers": list(cls.covers),
        "words": list(cls.words),
        "version": cls.version,
        "settings_schema": cls.model_json_schema(),
        "examples": examples,
        "differences": dict(cls.differences),
    }


def _in_json(columns) -> dict[str, list]:
    """Return an example's columns with pictures as base64 text."""
    return {
        name: [base64.b64encode(v).decode() if isinstance(v, bytes) else v for v in values]
        for name, values in columns.items()
    }


@user_errors
def check(
    ctx: typer.Context,
    recipe: RecipeArgument,
    input: InputOption,
    param: ParamOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report all problems of a recipe on this data, without running it. Exit 1 if there is an error."""
    from transforms import schema as types
    from transforms.engines import DuckDBEngine

    loaded = load(recipe).with_parameters(key_values(param, "--param"))
    with opened(ctx, input) as (con, sources, _):
        engine = DuckDBEngine(con)
        schemas = {name: types.names(engine.table(source).schema()) for name, source in sources.items()}
    problems = loaded.check(schemas)
    listed = [p.model_dump() for p in problems]
    text = "\n".join(f"{p.message}" + (f" Hint: {p.hint}" if p.hint else "") for p in problems) or "No problem found."
    emit(ctx, {"problems": listed}, text)
    if any(p.severity == "error" for p in problems):
        raise typer.Exit(1)


@user_errors
def run(
    ctx: typer.Context,
    recipe: RecipeArgument,
    input: InputOption,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .parquet, .csv or .json file.")],
    engine: Annotated[str, typer.Option("--engine", help="duckdb or spark.")] = "duckdb",
    spark: Annotated[
        str | None, typer.Option("--spark", help="A Spark Connect address (sc://host:15002) in place of local Spark.")
    ] = None,
    state: StateOption = None,
    save_state: Annotated[
        Path | None, typer.Option("--save-state", help="Where to write the fitted recipe [OUTPUT.recipe.json].")
    ] = None,
    param: ParamOption = None,
    memory: Annotated[
        str | None, typer.Option("--memory", help="Memory cap such as 2GB; more is spilled to disk.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit a recipe on data (or use --state), run it, and write the result."""
    from transforms.writing import write

    if engine not in ("duckdb", "spark"):
        raise InputError(f"There is no engine {engine!r}.", hint="Choose duckdb or spark.")
    if spark and engine != "spark":
        raise InputError("--spark needs --engine spark.")
    loaded = load(state or recipe).with_parameters(key_values(param, "--param"))
    if state and (steps := unfitted(loaded)):
        raise InputError(
            f"{str(state)!r} is not a fitted recipe: step {steps[0]!r} has not learnt anything yet.",
            hint="Give the file that an earlier `tilth run` wrote, or leave --state out.",
        )
    state_path = save_state or output.with_name(output.name + ".recipe.json")
    if not state_path.parent.is_dir():
        raise InputError(f"There is no folder {str(state_path.parent)!r}.")
    begun = time.perf_counter()
    with opened(ctx, input, memory=memory) as (con, sources, note):
        runner = engine_for(engine, con, spark)
        fitted = (
            loaded
            if hasattr(loaded, "states") and state
            else loaded.fit(sources, engine=runner, fitted_on=note, on_step=_progress(as_json))
        )
        rows, columns = write(runner, fitted.expression(sources, engine=runner), output)
    fitted.save(state_path)
    seconds = round(time.perf_counter() - begun, 3)
    result = {
        "rows": rows,
        "columns": columns,
        "seconds": seconds,
        "engine": engine,
        "state_path": str(state_path),
        "output": str(output),
    }
    emit(
        ctx, result, f"{output}: {rows:,} rows, {len(columns)} columns in {seconds:.1f} s. Fitted recipe: {state_path}"
    )


@user_errors
def export(
    ctx: typer.Context,
    recipe: RecipeArgument,
    kind: Annotated[str, typer.Option("--as", help="pandas, sql, ibis, notebook or sklearn.")] = "pandas",
    state: StateOption = None,
    input: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="[PORT=]DATA", help="Data to fit on, if the recipe is not fitted."),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to write [standard output].")] = None,
    dialect: Annotated[
        str, typer.Option("--dialect", help="For SQL: duckdb, databricks, bigquery, postgres …")
    ] = "duckdb",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a recipe as code that runs without Tilth."""
    from transforms import FittedRecipe
    from transforms.export import export as write_code
    from transforms.writing import write_text

    loaded = load(state or recipe).with_parameters()
    if not isinstance(loaded, FittedRecipe) or unfitted(loaded):
        if input:
            with opened(ctx, input) as (con, sources, note):
                loaded = loaded.fit(sources, con, fitted_on=note)
        elif unfitted(loaded):
            step = unfitted(loaded)[0]
            raise InputError(
                f"Step {step!r} has not learnt anything yet.",
                hint="Give --state FITTED.json, or --input DATA to fit on.",
            )
        elif not loaded.inputs:
            raise InputError("The recipe names no input columns.", hint="Give --input DATA.")
        else:
            loaded = FittedRecipe.model_validate(loaded.dump())
    code = write_code(loaded, kind, dialect=dialect)
    if output is None:
        emit(ctx, {"as": kind, "code": code}, code.rstrip("\n"))
        return
    write_text(output, code)
    emit(ctx, {"as": kind, "path": str(output), "bytes": len(code.encode())}, f"Written to {output}.")


@recipe_app.command("import")
@user_errors
def import_recipe(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A DataBrew recipe, a Data Wrangler .flow, or an OpenRefine history.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the recipe.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn another tool's recipe into ours and report what became of each of its operations."""
    from transforms.importing import read

    recipe, report = read(file)
    recipe.save(out)
    paths = {"": str(out)}
    for name, further in report.recipes.items():  # other branches of a flow stand beside it
        paths[name] = str(out.with_name(f"{out.stem}.{_in_file_name(name)}{out.suffix or '.json'}"))
        further.save(paths[name])
    result = {"recipe": paths.pop(""), "steps": len(recipe.steps), "recipes": paths, "report": report.dump()}
    written = [f"Written to {out}: {len(recipe.steps)} steps."] + [
        f"Written to {p}: the recipe {n!r}." for n, p in paths.items()
    ]
    emit(ctx, result, "\n".join([report.text(), *written]))


def _in_file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name)[:60] or "recipe"


def load(path: Path):
    """Read a recipe file, or one that exported Python carries; with states it is a FittedRecipe."""
    from transforms import FittedRecipe, Recipe
    from transforms.export import read_back

    if path.suffix == ".py":
        if not path.exists():
            raise InputError(f"There is no file {str(path)!r}.")
        return read_back(path)
    loaded = Recipe.load(path)
    extra = loaded.model_extra or {}
    return FittedRecipe.model_validate(loaded.dump()) if "states" in extra else loaded


def unfitted(recipe) -> list[str]:
    """Return the ids of enabled steps that must learn and have not."""
    states = getattr(recipe, "states", {})
    return [s.id for _, s in recipe.enabled() if s.build().learns() and s.id not in states]


class opened:
    """Open the `--input` values: gives (DuckDB connection, {port: source}, what the recipe is fitted on)."""

    def __init__(self, ctx: typer.Context, inputs: list[str], memory: str | None = None):
        self.ctx, self.inputs, self.memory = ctx, inputs, memory

    def __enter__(self):
        from contextlib import ExitStack

        from sources.opening import open_data
        from transforms.engines import connect

        self.stack = ExitStack()
        con = connect()
        self.stack.callback(con.close)
        ws = open_workspace(self.ctx)
        scratch = self.stack.enter_context(ws.scratch("run"))
        con.execute(f"SET temp_directory = '{str(scratch).replace(chr(39), chr(39) * 2)}'")
        if self.memory:
            con.execute("SET memory_limit = ?", [self.memory])
        sources: dict[str, Any] = {}
        note: dict[str, Any] = {}
        for place, given in enumerate(self.inputs):
            port, data = split_port(given, first=place == 0)
            if port in sources:
                raise InputError(f"The input {port!r} is given twice.", hint="Write --input NAME=DATA.")
            found = self.stack.enter_context(open_data(ws, data))
            for warning in found.warnings:
                say(f"Warning: {warning}")
            sources[port] = found
            name, _, version = found.name.rpartition("@")
            note.setdefault("inputs", {})[port] = found.name
            if port == "main":
                note |= {
                    "dataset": name or found.name,
                    "version": int(version) if name and version.isdecimal() else None,
                }
        if "main" not in sources:
            raise InputError("The main input is missing.", hint="Give --input DATA.")
        note["rows"] = con.execute(f"SELECT count(*) FROM {sources['main'].sql()}").fetchall()[0][0]
        return con, sources, note

    def __exit__(self, *error):
        return self.stack.__exit__(*error)


def split_port(given: str, *, first: bool) -> tuple[str, str]:
    """Return ("reviews", "reviews.csv") for `reviews=reviews.csv`, ("main", DATA) for DATA alone."""
    port, equals, data = given.partition("=")
    if equals and port.replace("_", "a").isalnum() and not Path(given).exists():
        return port, data
    if not first:
        raise InputError(
            f"The input {given!r} has no name.", hint="Write --input NAME=DATA for every input after the first."
        )
    return "main", given


def engine_for(name: str, con, spark: str | None = None):
    from transforms.engines import DuckDBEngine, SparkEngine

    return DuckDBEngine(con) if name == "duckdb" else SparkEngine(address=spark)


def _progress(quiet: bool):
    return None if quiet else lambda number, of, label: say(f"Step {number} of {of}: {label}")
