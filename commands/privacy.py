"""`tilth privacy` (what traits give away, a recipe against it, differentially private answers) and `tilth drift`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from commands.common import JsonOption, WorkspaceOption, emit, open_workspace, say, table, user_errors
from commands.insights import DataArgument, opened_data
from transforms.errors import InputError

QuasiOption = Annotated[
    str, typer.Option("--quasi", metavar="A,B", help="Traits that an attacker may know, such as age,sex,zip.")
]
SensitiveOption = Annotated[
    str | None, typer.Option("--sensitive", metavar="S", help="The column that nobody should learn about a person.")
]
KOption = Annotated[int, typer.Option("--k", metavar="K", help="Rows that must share the same traits.")]


class CheckByDefault(TyperGroup):
    """Reads `tilth privacy DATA …` as `tilth privacy check DATA …`."""

    def parse_args(self, ctx, args):
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["check", *args]
        return super().parse_args(ctx, args)


privacy_app = typer.Typer(
    cls=CheckByDefault,
    no_args_is_help=True,
    help="Who could be singled out, and what prevents it; `tilth privacy DATA` is `tilth privacy check DATA`.",
)


def register(app: typer.Typer) -> None:
    app.add_typer(privacy_app, name="privacy")
    app.command("drift")(drift)


@privacy_app.command()
@user_errors
def check(
    ctx: typer.Context,
    data: DataArgument,
    quasi: QuasiOption,
    sensitive: SensitiveOption = None,
    k: KOption = 5,
    l: Annotated[  # noqa: E741
        float | None, typer.Option("--l", metavar="L", help="Different sensitive values that a class must have.")
    ] = None,
    t: Annotated[
        float | None, typer.Option("--t", metavar="T", help="How far (0-1) a class may lie from all rows.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure k-anonymity, l-diversity and t-closeness of DATA, and list the classes that break them."""
    from insights.privacy import measure

    with _data(ctx, data) as (con, opened):
        found = measure(con, opened.sql(), _names(quasi), sensitive=sensitive, k=k, l=l, t=t)
        name = opened.name
    emit(ctx, {"name": name, **found.as_json()}, lambda: f"{name}: {_told(found)}")


@privacy_app.command()
@user_errors
def reach(
    ctx: typer.Context,
    data: DataArgument,
    quasi: QuasiOption,
    k: KOption = 5,
    sensitive: SensitiveOption = None,
    l: Annotated[  # noqa: E741
        int | None, typer.Option("--l", metavar="L", help="Also at least L different sensitive values.")
    ] = None,
    most_suppressed: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of rows (0-1) that may be dropped.")
    ] = 0.02,
    recipe: Annotated[Path | None, typer.Option("--recipe", metavar="FILE", help="Write the recipe there.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose the recipe that makes DATA k-anonymous with the least loss, and check its result on all rows."""
    from insights.privacy import reach as propose

    with _data(ctx, data) as (con, opened):
        found = propose(con, opened.sql(), _names(quasi), k, sensitive=sensitive, l=l, most_suppressed=most_suppressed)
        name = opened.name
    if recipe:
        found.recipe().save(recipe)

    def words() -> str:
        lines = [f"{name}: k is {found.before.k} now and {found.after.k} after these steps."]
        lines += [f"  {column}: {says}" for column, says in found.levels.items()]
        lines += [f"  {found.suppressed_rows:,} of {found.rows:,} rows dropped; {found.loss:.1%} of the detail lost."]
        if not found.reached:
            lines.append("The result does NOT reach what was asked for.")
        return "\n".join([*lines, *([f"Recipe: {recipe}"] if recipe else [])])

    emit(ctx, {"name": name, **found.as_json()}, words)


@privacy_app.command()
@user_errors
def budget(
    ctx: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    epsilon: Annotated[
        str | None, typer.Option(metavar="E", help="What may be spent in all; none: only show the budget.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show or set how much epsilon differentially private answers about a dataset may cost in all."""
    from insights import dp

    ws = open_workspace(ctx)
    found = dp.budget(ws, dataset) if epsilon is None else dp.set_budget(ws, dataset, epsilon)
    said = f"{found.dataset}: epsilon {found.spent} of {found.epsilon} spent in {found.answers:,} answers."
    emit(ctx, found.as_json(), said)


@privacy_app.command("dp")
@user_errors
def dp_(
    ctx: typer.Context,
    data: Annotated[str, typer.Argument(metavar="DATASET", help="A dataset, or dataset@version.")],
    question: Annotated[str, typer.Argument(help="count, sum, mean, histogram or quantile.")],
    epsilon: Annotated[str, typer.Option(metavar="E", help="What the answer costs; smaller is noisier.")],
    column: Annotated[str | None, typer.Option(metavar="C", help="The column; count needs none.")] = None,
    lower: Annotated[float | None, typer.Option(help="Least value that may count (not taken from the data).")] = None,
    upper: Annotated[float | None, typer.Option(help="Greatest value that may count.")] = None,
    q: Annotated[float, typer.Option("--q", help="Which quantile, 0-1.")] = 0.5,
    category: Annotated[
        list[str] | None, typer.Option("--category", metavar="V", help="A bar of the histogram (repeatable).")
    ] = None,
    edges: Annotated[str | None, typer.Option(metavar="A,B,C", help="Edges of the histogram's bins.")] = None,
    person: Annotated[str | None, typer.Option(metavar="P", help="The column that tells people apart.")] = None,
    rows_per_person: Annotated[int, typer.Option(help="Rows of one person that count.")] = 1,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question with noise that hides any one person, and take epsilon off the dataset's budget."""
    from insights import dp
    from workspace.sql import connection

    if question not in dp.KINDS:
        raise InputError(f"{question!r} is no question that can be answered.", hint=f"Known: {', '.join(dp.KINDS)}.")
    if question != "count" and column is None:
        raise InputError(f"A {question} needs --column.")
    if question in ("sum", "mean", "quantile") and (lower is None or upper is None):
        raise InputError(f"A {question} needs --lower and --upper.", hint="Give the range that values can have.")
    ws = open_workspace(ctx)
    with connection() as con:
        private = dp.Private(ws, con, data, person=person, rows_per_person=rows_per_person)
        if question == "count":
            found = private.count(epsilon)
        elif question == "histogram":
            cuts = None if edges is None else [_number(e) for e in edges.split(",")]
            found = private.histogram(column, epsilon, categories=category, edges=cuts)
        elif question == "quantile":
            found = private.quantile(column, q, lower, upper, epsilon)
        else:
            found = getattr(private, question)(column, lower, upper, epsilon)

    def words() -> str:
        if isinstance(found.value, dict):
            shown = table([{"value": name, "rows": n} for name, n in found.value.items()], ["value", "rows"])
        else:
            shown = f"{found.value:,}" if isinstance(found.value, int) else f"{found.value:,.6g}"
        noise = "" if found.error_95 is None else f" (noise: 95% within ±{found.error_95:,.4g})"
        return "\n".join([shown + noise, *found.notes, f"Epsilon {found.epsilon:g} spent; {found.left:g} left."])

    emit(ctx, {"name": private.ref, **found.as_json()}, words)


@user_errors
def drift(
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


@contextmanager
def _data(ctx: typer.Context, data: str) -> Iterator[tuple]:
    with opened_data(ctx, data) as (con, opened):
        for warning in opened.warnings:
            say(f"Warning: {warning}")
        yield con, opened


def _names(written: str) -> list[str]:
    """Read `age,"zip, long"`: names between commas, in double quotes where a name holds one."""
    found = re.findall(r'\s*(?:"((?:[^"]|"")*)"|([^,"][^,]*))\s*(?:,|$)', written)
    return [quoted.replace('""', '"') if quoted else plain.strip() for quoted, plain in found]


def _number(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        raise InputError(f"--edges: {written.strip()!r} is not a number.") from None


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _told(r) -> str:
    lines = [
        f"k = {r.k} ({r.rows:,} rows in {r.classes:,} classes of {', '.join(r.quasi)}).",
        f"{r.unique_rows:,} rows are unique; {r.rows_below_k:,} share their traits with fewer than {r.wanted_k} rows.",
        f"Risk of being picked out: at most {r.highest_risk:.1%}, on average {r.average_risk:.1%}.",
    ]
    if r.sensitive is not None:
        t = f"{r.t_equal:.3f}" + (f" (by rank {r.t_ordered:.3f})" if r.t_ordered is not None else "")
        lines.append(f"{r.sensitive}: l = {r.l_distinct} different values (entropy {r.l_entropy:.2f}), t = {t}.")
    traits = [
        {"trait": c.name, "values": c.distinct, "unique alone": c.unique_alone, "unique without it": c.unique_without}
        for c in r.traits
    ]
    lines += ["", table(traits, ["trait", "values", "unique alone", "unique without it"])]
    if r.offenders:
        rows = [
            dict(zip(r.quasi, map(str, o.values), strict=True)) | {"rows": o.rows, "breaks": ", ".join(o.reasons)}
            for o in r.offenders
        ]
        lines += [
            "",
            f"{r.offending_classes:,} classes break a wish; the smallest:",
            table(rows, [*r.quasi, "rows", "breaks"]),
        ]
    return "\n".join(lines)
