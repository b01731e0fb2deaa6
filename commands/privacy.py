"""`tilth privacy`: what traits give away, a recipe against it, differentially private answers."""

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


@privacy_app.command()
@user_errors
def review(
    ctx: typer.Context,
    dataset: Annotated[str, typer.Argument(help="A dataset, or dataset@version.")],
    recipe: Annotated[
        Path | None, typer.Option("--recipe", metavar="FILE", help="Write the steps of what was decided to be hidden.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the personal data of a dataset with what was decided about it, and whether it may be published."""
    from insights.pii import gate
    from insights.pii import review as library
    from transforms.recipe import Recipe

    ws = open_workspace(ctx)
    version = ws.datasets.get(dataset)
    report, made = library.report_of(ws, version.ref), library.review(ws, version.name)
    seen = gate.known(ws, version.ref)
    if recipe:
        steps = Recipe(name=f"hide personal data of {version.name}")
        for step in library.chosen_steps(ws, version.ref, report):
            steps = steps.add(step["transform"], step["settings"])
        steps.save(recipe)
    rows = []
    for column in report.found:
        decided = made.decisions.get(column.name)
        said = "open" if decided is None else decided.what + (f" ({decided.how or decided.note})")
        left = {e.type for e in made.open_types(column)}
        for e in column.entities:
            says = said if decided is None or decided.what == "hide" or e.type not in left else "open"
            rows.append({"column": column.name, "type": e.type, "share": f"{e.share:.1%}", "confidence": e.confidence, "decision": says})  # fmt: skip

    def words() -> str:
        lines = [
            table(rows, ["column", "type", "share", "confidence", "decision"]) if rows else "No personal data found."
        ]
        lines.append("It may be published." if seen.may_publish else f"It may not be published: {seen.says()}.")
        return "\n".join([*lines, *([f"Recipe: {recipe}"] if recipe else [])])

    emit(ctx, {"ref": version.ref, "findings": rows, "may_publish": seen.may_publish, "open": seen.open}, words)


@privacy_app.command()
@user_errors
def decide(
    ctx: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    column: Annotated[str, typer.Argument(help="The column.")],
    what: Annotated[str, typer.Argument(help="hide, not-personal or later.")],
    how: Annotated[
        str | None, typer.Option(metavar="HOW", help="Of hide: mask, pseudonym, hash, remove, drop or redact.")
    ] = None,
    note: Annotated[str, typer.Option(metavar="WHY", help="Of not-personal: why.")] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide what becomes of the personal data found in a column."""
    from insights.pii import review as library

    ws = open_workspace(ctx)
    version = ws.datasets.get(dataset)
    types: list[str] = []
    if what == "not-personal":
        report = library.report_of(ws, version.ref)
        types = [e.type for c in report.columns if c.name == column for e in c.entities]
    made = library.decide(ws, version.ref, column, what.replace("-", " "), how=how, note=note, types=types)
    decided = made.decisions.get(column)
    says = "later" if decided is None else decided.what + (f" ({decided.how or decided.note})")
    emit(
        ctx, {"dataset": made.dataset, "column": column, "decision": says}, f"{made.dataset}, column {column}: {says}."
    )


@privacy_app.command()
@user_errors
def pattern(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Its name in capitals, such as STAFF_ID; none: list all.")] = None,
    form: Annotated[
        str | None, typer.Argument(metavar="REGEX", help="What it looks like, such as EMP-[0-9]{6}.")
    ] = None,
    word: Annotated[list[str] | None, typer.Option("--word", help="A word that stands near (repeatable).")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the pattern out.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List, add or remove patterns of your own for personal data."""
    from insights.pii import own

    ws = open_workspace(ctx)
    if remove and name:
        own.drop_pattern(ws, name)
    elif name and form is None:
        raise InputError(f"The pattern {name} needs a regular expression.", hint="Write for example EMP-[0-9]{6}.")
    elif name:
        own.save_pattern(ws, own.OwnPattern(name, form, tuple(word or ())))
    rows = [{"name": p.name, "pattern": p.pattern, "words": ", ".join(p.words)} for p in own.patterns(ws)]
    emit(ctx, rows, lambda: table(rows, ["name", "pattern", "words"]) if rows else "No pattern of your own.")


@privacy_app.command()
@user_errors
def gate(
    ctx: typer.Context,
    on: Annotated[bool | None, typer.Option("--on/--off", help="Switch it.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show or switch the gate that keeps datasets with open personal data out of the feature store."""
    from insights.pii import gate as library

    ws = open_workspace(ctx)
    if on is not None:
        library.switch(ws, on)
    found = library.is_on(ws)
    emit(ctx, {"gate": found}, f"The gate for personal data is {'on' if found else 'off'}.")


def past_the_gate(ws, data: str, reason: str | None) -> str:
    """Return what to publish: the exact dataset version when the gate lets it pass, or the file, with a warning."""
    from insights.pii.gate import check as let_pass

    if Path(data).exists():
        say(f"Warning: {data} is a file; it is published without a look for personal data (import it to have one).")
        return data
    passed = let_pass(ws, data, reason)
    if passed.why == "override":
        say(f"Warning: {passed.ref} is published with personal data: {passed.says()}.")
    return passed.ref


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
