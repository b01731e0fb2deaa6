"""`tilth expect`: the rules that a dataset is held to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from commands.common import JsonOption, WorkspaceOption, emit, key_values, open_workspace, say, table, user_errors
from transforms.errors import InputError

expect_app = typer.Typer(
    no_args_is_help=True, help="Rules on a dataset, asked on every import, run and publish: stop, quarantine or warn."
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A dataset.")]


def register(app: typer.Typer) -> None:
    app.add_typer(expect_app, name="expect")


@expect_app.command("suggest")
@user_errors
def suggest(
    ctx: typer.Context,
    data: Annotated[str, typer.Argument(metavar="NAME", help="A dataset, dataset@version, or file.")],
    accept: Annotated[bool, typer.Option("--accept", help="Keep them all as rules of the dataset.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose rules that the rows keep today, with a reason each."""
    from commands.insights import opened_data
    from insights import expectations as expect

    with opened_data(ctx, data) as (con, opened):
        found = expect.suggest(con, opened.sql())
    kept = None
    if accept:
        ws = open_workspace(ctx)
        name = ws.datasets.get(data).name
        said = {rule.says() for rule in expect.rules_of(ws, name)}
        kept = expect.add(ws, name, *(rule for rule in found if rule.says() not in said))
    content = {"name": data, "rules": [_shown(r) for r in found], "kept": None if kept is None else len(kept)}
    lines = [table([_row(r) | {"why": r.reason} for r in found], ["rule", "severity", "may fail", "why"])]
    if kept is not None:
        lines += ["", f"{name} has {len(kept):,} rules now."]
    emit(ctx, content, "\n".join(lines))


@expect_app.command("list")
@user_errors
def list_(
    ctx: typer.Context, name: NameArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """List the rules of a dataset and what each last found."""
    from insights import expectations as expect

    ws = open_workspace(ctx)
    rules, last = expect.rules_of(ws, name), expect.last_results(ws, name)
    shown = [_row(r) | {"id": r.id, "last": _last(last.get(r.id))} for r in rules]
    words = table(shown, ["id", "rule", "severity", "may fail", "last"]) if rules else f"{name} has no rules."
    emit(ctx, {"name": name, "rules": [_shown(r) | {"last": last.get(r.id)} for r in rules]}, words)


@expect_app.command("add")
@user_errors
def add(
    ctx: typer.Context,
    name: NameArgument,
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="Such as range; `tilth expect kinds` names them.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="K=V", help='A setting of the rule: column=age, min=0, values=["a","b"]. Repeatable.'
        ),
    ] = None,
    severity: Annotated[str, typer.Option("--severity", help="stop, quarantine or warn.")] = "stop",
    tolerance: Annotated[
        float, typer.Option("--tolerance", metavar="SHARE", help="Rows that may break it, 0-1.")
    ] = 0.0,
    note: Annotated[str, typer.Option("--note")] = "",
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Add the rules of a file of `tilth expect export`.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a rule, or those of a file."""
    from insights import expectations as expect
    from workspace.names import check_name

    ws = open_workspace(ctx)
    name = check_name("dataset", name)
    if (kind is None) == (file is None):
        raise InputError(
            "Give a kind of rule, or --file.", hint=f"tilth expect add {name} range --set column=age --set min=0"
        )
    if file is not None:
        try:
            written = file.read_bytes()
        except OSError as error:
            raise InputError(f"The file {str(file)!r} cannot be read: {error.strerror}.") from error
        new = [r.model_copy(update={"id": _new_id()}) for r in expect.from_json(written)]
    else:
        settings = {key: _value(value) for key, value in key_values(setting, "--set").items()}
        about = {"kind": kind, "severity": severity, "tolerance": tolerance, "note": note}
        new = [expect.rule_from(settings | about)]
        _fits(ws, name, new[0])
    kept = expect.add(ws, name, *new)
    emit(
        ctx,
        {"name": name, "added": [_shown(r) for r in new], "rules": len(kept)},
        "\n".join(f"Added {r.id}: {r.says()}." for r in new),
    )


def _fits(ws, name: str, rule) -> None:
    """Refuse a rule that the newest version cannot be asked; a dataset that is yet to come may have any."""
    from insights.expectations import validate
    from transforms.errors import NotFound
    from workspace.sql import connection

    try:
        version = ws.datasets.get(name)
    except NotFound:
        say(f"Warning: there is no dataset {name!r} yet; the rule waits for it.")
        return
    with connection() as con:
        validate(con, version.sql(), rule)


@expect_app.command("remove")
@user_errors
def remove(
    ctx: typer.Context,
    name: NameArgument,
    rule: Annotated[list[str], typer.Argument(metavar="ID …", help="Rules by their id; `all` for all.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take rules away."""
    from insights import expectations as expect

    ws = open_workspace(ctx)
    rules = expect.rules_of(ws, name)
    gone = rules if rule == ["all"] else [expect.named(rules, name, one) for one in rule]
    expect.keep(ws, name, [r for r in rules if r not in gone], "removed " + "; ".join(r.says() for r in gone)[:500])
    emit(ctx, {"name": name, "removed": [_shown(r) for r in gone]}, "\n".join(f"Removed: {r.says()}." for r in gone))


@expect_app.command("check")
@user_errors
def check(
    ctx: typer.Context,
    data: Annotated[str, typer.Argument(metavar="NAME", help="A dataset, or dataset@version.")],
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Ask the rules of this file instead of the kept ones.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the rules of a version now. Exit 1 where a rule stops or would put rows aside."""
    from insights import expectations as expect

    ws = open_workspace(ctx)
    version = ws.datasets.get(data)
    try:
        rules = expect.from_json(file.read_bytes()) if file else None
    except OSError as error:
        raise InputError(f"The file {str(file)!r} cannot be read: {error.strerror}.") from error
    found = expect.check_version(ws, version.ref, rules=rules)

    def words() -> str:
        if not found.results:
            return f"{version.ref}: there are no rules to ask."
        lines = [f"{'ok  ' if r.passed else r.rule.severity[:4]}  {_told(r)}." for r in found.results]
        return "\n".join([f"{version.ref}: {found.outcome}, {found.rows:,} rows.", *lines])

    emit(ctx, {"ref": version.ref, **found.as_json()}, words)
    if found.outcome in ("stop", "quarantine"):
        raise typer.Exit(1)


def _told(result) -> str:
    said = result.says()
    return said[:1].upper() + said[1:]


@expect_app.command("history")
@user_errors
def history(
    ctx: typer.Context, name: NameArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """List what the checks of a dataset found, newest first."""
    from insights import expectations as expect

    found = expect.history(open_workspace(ctx), name)

    def words() -> str:
        rows = [
            line | {"broken": sum(not r["passed"] for r in line["rules"].values()), "put aside": line["put_aside"]}
            for line in found
        ]
        return (
            table(rows, ["at", "by", "where", "ref", "rows", "outcome", "broken", "put aside"])
            if found
            else f"{name} was never checked."
        )

    emit(ctx, {"name": name, "checks": found}, words)


@expect_app.command("export")
@user_errors
def export(
    ctx: typer.Context,
    name: NameArgument,
    form: Annotated[
        str, typer.Option("--as", metavar="FORMAT", help="json (ours), pandera (Python) or gx (Great Expectations).")
    ] = "json",
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the rules of a dataset as a file."""
    from insights import expectations as expect
    from transforms.writing import write_text

    written = expect.export(name, expect.rules_of(open_workspace(ctx), name), form)
    if output:
        write_text(output, written)
    emit(ctx, {"name": name, "format": form, "output": str(output) if output else None, "content": written},
         f"Written: {output}" if output else written)  # fmt: skip


@expect_app.command("kinds")
@user_errors
def kinds(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the kinds of rules and their settings."""
    from insights.expectations import KINDS, Rule

    shared = set(Rule.model_fields)
    found = [
        {"kind": k, "is": c.label, "settings": [n for n in c.model_fields if n not in shared]} for k, c in KINDS.items()
    ]
    emit(ctx, found, table([f | {"settings": ", ".join(f["settings"])} for f in found], ["kind", "is", "settings"]))


def _value(written: str):
    """Read a setting as JSON where it is, else as the text that it is."""
    try:
        return json.loads(written)
    except ValueError:
        return written


def _new_id() -> str:
    import uuid

    return uuid.uuid4().hex[:8]


def _shown(rule) -> dict:
    return {**rule.model_dump(), "says": rule.says()}


def _row(rule) -> dict:
    return {
        "rule": rule.says(),
        "severity": rule.severity if rule.enabled else f"{rule.severity} (off)",
        "may fail": f"{rule.tolerance:.3g}" if rule.tolerance else "",
    }


def _last(found: dict | None) -> str:
    if found is None:
        return "not asked yet"
    seen = found["observed"] or f"{found['failing']:,} rows"
    return f"{'holds' if found['passed'] else 'broken'} in {found['ref']}: {seen}"
