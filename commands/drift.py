"""`tilth drift`: two tables compared, a dataset watched over its versions, and the alerts."""

from __future__ import annotations

from typing import Annotated

import typer
import typer.core

from commands.common import JsonOption, WorkspaceOption, emit, open_workspace, say, table, user_errors
from commands.insights import opened_data
from transforms.errors import InputError

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A dataset.")]


class CompareByDefault(typer.core.TyperGroup):
    """Reads `tilth drift A B` as `tilth drift compare A B`."""

    def parse_args(self, ctx, args):
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["compare", *args]
        return super().parse_args(ctx, args)


drift_app = typer.Typer(
    cls=CompareByDefault,
    no_args_is_help=True,
    help="How far data moved; `tilth drift A B` is `tilth drift compare A B`.",
)


def register(app: typer.Typer) -> None:
    app.add_typer(drift_app, name="drift")


@drift_app.command("compare")
@user_errors
def compare_(
    ctx: typer.Context,
    reference: Annotated[str, typer.Argument(metavar="A", help="What it was: a file, dataset, or dataset@version.")],
    current: Annotated[str, typer.Argument(metavar="B", help="What it is now.")],
    column: Annotated[
        list[str] | None, typer.Option("--column", metavar="C", help="Only this column (repeatable).")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the rows of B with those of A, column by column: distances, categories, missing values, a verdict."""
    from insights.drift import compare
    from sources.opening import open_data

    ws = open_workspace(ctx)
    with opened_data(ctx, reference) as (con, old), open_data(ws, current) as new:
        for warning in [*old.warnings, *new.warnings]:
            say(f"Warning: {warning}")
        found = compare(con, old.sql(), new.sql(), column)
        names = {"reference": old.name, "current": new.name}

    def words() -> str:
        shown = [
            {
                "column": c.name,
                "verdict": c.verdict,
                **{m: _short(getattr(c, m)) for m in ("psi", "ks", "js_distance")},
                "wasserstein": _short(c.wasserstein_normalised),
                "new": c.new_count or "",
                "gone": c.vanished_count or "",
                "missing": f"{c.reference_missing:.1%} → {c.current_missing:.1%}",
            }
            for c in found.columns
        ]
        lines = [
            f"{names['reference']} → {names['current']}: drift {found.verdict}.",
            f"{found.reference_rows:,} → {found.current_rows:,} rows.",
            *([f"New columns: {', '.join(found.added)}."] if found.added else []),
            *([f"Columns gone: {', '.join(found.removed)}."] if found.removed else []),
            *(f"{r['column']}: {r['reference']} → {r['current']}." for r in found.retyped),
            *found.notes,
            "",
            table(shown, ["column", "verdict", "psi", "ks", "js_distance", "wasserstein", "new", "gone", "missing"]),
        ]
        return "\n".join([*lines, *(f"{c.name}: {reason}" for c in found.columns for reason in c.reasons)])

    emit(ctx, {**names, **found.as_json()}, words)


@drift_app.command("watch")
@user_errors
def watch(
    ctx: typer.Context,
    name: NameArgument,
    reference: Annotated[
        str | None,
        typer.Option("--reference", metavar="N", help="What it is compared with: a version (3), or another DATASET@3."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME[@N]", help="Compare with the dataset that this model learnt from."),
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", metavar="C", help="Only this column (repeatable).")
    ] = None,
    line: Annotated[
        list[str] | None,
        typer.Option(
            "--line",
            metavar="METRIC=X",
            help="Alert from X on; `off` for never. `tilth drift watches` names the metrics.",
        ),
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Watch it no longer; results and alerts stay.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare every new version of a dataset with a reference from now on, and raise alerts."""
    from insights import drift_watch

    ws = open_workspace(ctx)
    if stop:
        drift_watch.unwatch(ws, name)
        emit(ctx, {"dataset": name, "watched": False}, f"{name} is no longer watched.")
        return
    if (reference is None) == (model is None):
        raise InputError("A watch needs --reference or --model.", hint=f"tilth drift watch {name} --reference 1")
    found = _training_rows(ws, model) if model else drift_watch.reference_of(ws, name, reference)
    made = drift_watch.watch(ws, name, found, columns=column or [], lines=_lines(line))
    alerts = drift_watch.alerts(ws, name)
    emit(
        ctx,
        {**made.as_json(), "watched": True, "alerts": alerts},
        f"{name} is watched: every new version is compared with {made.reference}. {len(alerts):,} open alerts.",
    )


def _training_rows(ws, model: str) -> str:
    from training.registry import Registry

    found = Registry(ws).get(model)
    if not found.lineage.get("dataset"):
        raise InputError(f"Model {found.ref} did not learn from a dataset.", hint="Give --reference.")
    return found.lineage["dataset"]


def _lines(written: list[str] | None) -> dict[str, float | None]:
    from commands.common import key_values

    found: dict[str, float | None] = {}
    for metric, value in key_values(written, "--line").items():
        try:
            found[metric] = None if value.strip() == "off" else float(value)
        except ValueError:
            raise InputError(f"--line {metric}: {value!r} is not a number.", hint="Give a number, or off.") from None
    return found


@drift_app.command("watches")
@user_errors
def watches(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the watched datasets, their alert lines and the last result."""
    from insights import drift_watch

    ws = open_workspace(ctx)
    found = []
    for one in drift_watch.watches(ws):
        last = drift_watch.results(ws, one.dataset)[-1:]
        found.append(
            {**one.as_json(), "last": last[0] if last else None, "alerts": len(drift_watch.alerts(ws, one.dataset))}
        )

    def words() -> str:
        if not found:
            return "No dataset is watched."
        rows = [
            {
                "dataset": w["dataset"],
                "reference": w["reference"],
                "last": w["last"]["ref"] if w["last"] else "",
                "drift": w["last"]["verdict"] if w["last"] else "",
                "alerts": w["alerts"],
                "lines": " ".join(f"{m}={'off' if x is None else f'{x:g}'}" for m, x in w["lines"].items()),
            }
            for w in found
        ]
        return table(rows, ["dataset", "reference", "last", "drift", "alerts", "lines"])

    emit(ctx, found, words)


@drift_app.command("alerts")
@user_errors
def alerts(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only of this dataset.")] = None,
    acknowledge: Annotated[
        list[str] | None,
        typer.Option("--acknowledge", metavar="ID", help="Mark as seen (repeatable); `all` for all shown."),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="Why; kept with the alert.")] = "",
    seen: Annotated[bool, typer.Option("--all", help="Also those that were acknowledged.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List open alerts, or acknowledge them."""
    from insights import drift_watch

    ws = open_workspace(ctx)
    if acknowledge:
        ids = [a["id"] for a in drift_watch.alerts(ws, name)] if acknowledge == ["all"] else acknowledge
        done = drift_watch.acknowledge(ws, ids, note)
        emit(ctx, done, f"{len(done):,} acknowledged.")
        return
    found = drift_watch.alerts(ws, name, all_=seen)

    def words() -> str:
        shown = [{**a, "seen by": a.get("acknowledged", {}).get("by", "")} for a in found]
        return table(shown, ["id", "at", "ref", "says", "seen by"]) if found else "No open alert."

    emit(ctx, found, words)


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
