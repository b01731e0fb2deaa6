"""`tilth train`, `tilth models …`, `tilth predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import JsonOption, WorkspaceOption, emit, key_values, open_workspace, table, user_errors
from commands.features import parse_json
from transforms.errors import InputError

if TYPE_CHECKING:
    from training.registry import Model

models_app = typer.Typer(no_args_is_help=True, help="Registered models.")


def register(app: typer.Typer) -> None:
    app.command("train")(train)
    app.command("predict")(predict)
    app.add_typer(models_app, name="models")


@user_errors
def train(
    ctx: typer.Context,
    data: Annotated[
        str, typer.Argument(help="Dataset, dataset@version or file; with --feature: labels with keys and time.")
    ],
    target: Annotated[str, typer.Option("--target", help="Column to predict.")],
    name: Annotated[str, typer.Option("--name", help="Name of the model.")] = "model",
    feature: Annotated[
        list[str] | None,
        typer.Option("--feature", help="Column to learn from, or GROUP:FEATURE to join from the store (repeatable)."),
    ] = None,
    estimator: Annotated[
        str | None,
        typer.Option(help="logistic_regression, linear_regression, random_forest or hist_gradient_boosting."),
    ] = None,
    task: Annotated[str | None, typer.Option(help="classification or regression [by the target].")] = None,
    split: Annotated[str, typer.Option(help="random, or time: the newest rows test.")] = "random",
    time: Annotated[str | None, typer.Option(help="Column with the moment of each row.")] = None,
    as_of: Annotated[str | None, typer.Option(help="With GROUP:FEATURE: only what was written by then.")] = None,
    test_share: Annotated[float, typer.Option(help="Share of the rows to test on.")] = 0.2,
    seed: Annotated[int, typer.Option()] = 0,
    recipe: Annotated[
        Path | None,
        typer.Option(
            "--recipe", "--state", help="Fitted recipe that made these rows; predictions then take raw records."
        ),
    ] = None,
    run_recipe: Annotated[bool, typer.Option("--run-recipe", help="DATA is raw: run the recipe on it first.")] = False,
    recipe_input: Annotated[
        list[str] | None, typer.Option("--recipe-input", metavar="NAME=DATASET", help="Another input of the recipe.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--setting", metavar="K=V", help="Setting of the estimator, V as JSON (repeatable)."),
    ] = None,
    description: Annotated[str, typer.Option()] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train, measure on unseen rows, and register a model version."""
    from training import train as run

    ws = open_workspace(ctx)
    fitted = None
    if recipe:
        from transforms import FittedRecipe

        fitted = FittedRecipe.load(recipe)
    features: list[str] | None = feature
    table_or_name = data
    if feature and any(":" in f for f in feature):
        from featurestore import FeatureStore, manifest_of

        table_or_name = FeatureStore(ws).training_set(
            data, [f for f in feature if ":" in f], time=time or "ts", as_of=as_of
        )
        plain = [f for f in feature if ":" not in f]
        features = [*plain, *manifest_of(table_or_name)["columns"].values()]
    model = run(
        ws,
        name,
        table_or_name,
        target=target,
        features=features,
        estimator=estimator,
        task=task,
        split=split,
        time=time,
        test_share=test_share,
        seed=seed,
        recipe=fitted,
        run_recipe=run_recipe,
        recipe_inputs=key_values(recipe_input, "--recipe-input"),
        settings={k: parse_json(v, f"--setting {k}") for k, v in key_values(setting, "--setting").items()},
        description=description,
    )
    emit(ctx, model.as_json(), lambda: _text(model))


def _text(model: Model) -> str:
    numbers = [{"metric": k, "value": f"{v:.4f}"} for k, v in model.metrics.items() if isinstance(v, float)]
    rows = f"{model.metrics['train_rows']:,} rows trained, {model.metrics['test_rows']:,} tested"
    features = ", ".join(f["name"] for f in model.features[:10]) + (" …" if len(model.features) > 10 else "")
    head = f"{model.ref}: {model.estimator}, {model.task} of {model.target!r} from {features}; {rows}; {model.status}."
    return f"{head}\n\n{table(numbers, ['metric', 'value'])}"


@models_app.command("list")
@user_errors
def list_(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List every version of every model."""
    from training import Registry

    models = Registry(open_workspace(ctx)).list()
    rows = [
        {
            "name": m.name,
            "version": m.version,
            "estimator": m.estimator,
            "score": round(m.metrics.get("accuracy", m.metrics.get("r2") or 0.0), 4),
            "status": m.status,
            "created_at": f"{m.created_at:%Y-%m-%d %H:%M} UTC",
        }
        for m in models
    ]
    emit(
        ctx,
        [m.as_json() for m in models],
        lambda: table(rows, list(rows[0])) if rows else "No model yet. See: tilth train --help",
    )


ModelArgument = Annotated[str, typer.Argument(help="Model, or MODEL@VERSION.")]


@models_app.command()
@user_errors
def show(
    ctx: typer.Context, model: ModelArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Show a version: metrics, features, lineage."""
    from training import Registry

    ws = open_workspace(ctx)
    found = Registry(ws).get(model)
    arrows = [
        {"from": f"{a.from_kind} {a.from_ref}", "to": f"{a.to_kind} {a.to_ref}", "how": a.how}
        for a in ws.lineage.of("model", found.ref)
    ]

    def text() -> str:
        return _text(found) + ("\n\n" + table(arrows, ["from", "to", "how"]) if arrows else "")

    emit(ctx, found.as_json() | {"came_from": arrows}, text)


@models_app.command()
@user_errors
def approve(
    ctx: typer.Context,
    model: ModelArgument,
    reject: Annotated[bool, typer.Option("--reject", help="Reject it instead.")] = False,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a version: a name without version then means the newest approved one."""
    from training import Registry

    found = Registry(open_workspace(ctx)).set_status(model, "rejected" if reject else "approved", note)
    emit(ctx, found.as_json(), f"{found.ref} is {found.status}.")


@models_app.command()
@user_errors
def delete(
    ctx: typer.Context, model: ModelArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Delete a version (MODEL@VERSION) or a whole model."""
    from training import Registry

    Registry(open_workspace(ctx)).delete(model)
    emit(ctx, {"deleted": model}, f"{model} is deleted.")


@user_errors
def predict(
    ctx: typer.Context,
    model: ModelArgument,
    record: Annotated[
        str | None,
        typer.Option("--record", metavar="JSON", help="One raw record or a list; @FILE, or - for standard input."),
    ] = None,
    data: Annotated[str | None, typer.Option("--input", metavar="DATA", help="Dataset or file of raw records.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="With --input: .parquet or .csv to write.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Predict raw records through the model's own recipe."""
    from featurestore.wire import as_json as plain
    from featurestore.wire import read_records, write_table
    from training import Predictor

    if bool(record) == bool(data):
        raise InputError("Give --record or --input.", hint="""For example --record '{"age": 41}'.""")
    predictor = Predictor(open_workspace(ctx), model)
    facts = {"model": predictor.model.name, "version": predictor.model.version}
    if record:
        given = parse_json(record, "The record")
        found = plain(predictor.predict(read_records(given)))
        one = found[0] if isinstance(given, dict) else {}
        emit(ctx, {**facts, **one, "predictions": found}, lambda: "\n".join(_said(p) for p in found))
        return
    made = predictor.predict_table(data)
    if output:
        write_table(made, output)
        emit(ctx, {**facts, "rows": made.num_rows, "output": str(output)}, f"{output}: {made.num_rows:,} predictions.")
        return
    chosen = [c for c in ("prediction", "probability") if c in made.column_names]
    rows = plain(made.select(chosen).to_pylist())
    emit(ctx, {**facts, "rows": made.num_rows, "predictions": rows}, lambda: table(rows, chosen))


def _said(found: dict) -> str:
    if "note" in found:
        return found["note"]
    shares = found.get("probabilities") or {}
    shown = ", ".join(f"{name} {share:.3f}" for name, share in sorted(shares.items(), key=lambda p: -p[1])[:5])
    return f"{found['prediction']}" + (f"  ({shown})" if shown else "")
