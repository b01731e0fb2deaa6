"""`tilth labels project, templates, workflow, team, gold, review-queue, dashboard`: labelling with several people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from commands.common import JsonOption, WorkspaceOption, emit, key_values, open_workspace, say, table, user_errors
from transforms.errors import InputError, NotFound

Project = Annotated[str, typer.Argument(metavar="NAME", help="Name of the project.")]


def add_to(labels: typer.Typer) -> None:
    labels.command("project")(project)
    labels.command("templates")(templates)
    labels.command("workflow")(workflow)
    labels.command("team")(team)
    labels.command("gold")(gold)
    labels.command("review-queue")(review_queue)
    labels.command("dashboard")(dashboard)


@user_errors
def project(
    ctx: typer.Context,
    name: Project,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DATA…]", help="Folders, archives, pictures, videos, texts, tables, datasets."),
    ] = None,
    template: Annotated[str, typer.Option(help="What is labelled; see tilth labels templates.")] = "object-detection",
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="A class of regions [those of the template]; repeat it.")
    ] = None,
    image_classes: Annotated[
        list[str] | None, typer.Option("--image-class", help="A class of whole items [the template's]; repeat it.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the workflow; repeat it.")
    ] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--column", help="Of tables and datasets: a column to take; repeat it.")
    ] = None,
    every: Annotated[int | None, typer.Option(min=1, help="Of a video, take every nth frame.")] = None,
    per_second: Annotated[float | None, typer.Option(help="Of a video, take so many frames a second [1].")] = None,
    redact: Annotated[
        bool | None, typer.Option("--redact/--no-redact", help="Hide faces and plates first [of pictures: yes].")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a labelling project from a template, and add its data."""
    from labeling import collections
    from labeling.intake import add_path
    from labeling.items import add_dataset
    from labeling.templates import create_project, get_template

    ws = open_workspace(ctx)
    item = get_template(template).kind
    chosen = _settings(settings)
    chosen.setdefault("redact", item == "image" if redact is None else redact)
    known = {version.name for version in ws.datasets.list()}
    for path in paths or []:
        if path.rpartition("@")[0] not in known and path not in known and not Path(path).expanduser().exists():
            raise NotFound(f"There is no dataset, file or folder called {path!r}.")
    made = create_project(ws, name, template, classes=classes, image_classes=image_classes, **chosen)
    if item == "image" and not chosen["redact"]:
        collections.set_annotators_see(ws, name, "original")
    added = collections.Added()
    for path in paths or []:
        if Path(path).expanduser().exists():
            part = add_path(ws, name, path, item=item, columns=columns or (), every=every, per_second=per_second)
        else:
            part = add_dataset(ws, name, path, kind=item, columns=columns or ())
        added.added += part.added
        added.duplicates += part.duplicates
        added.problems += part.problems
    result = {"project": made.name, "template": template, **added.as_json()}
    text = f"{made.name}: {len(added.added)} items added, {len(added.duplicates)} duplicates left out."
    if chosen["redact"] and item == "image" and added.added:
        done = collections.redact_collection(ws, name)
        result |= {"redacted": done["redacted"], "regions": done["regions"]}
        result["problems"] = added.problems = [*added.problems, *done["problems"]]
        text += f" {done['redacted']} redacted, {done['regions']} regions hidden."
    emit(ctx, result, text)
    for problem in added.problems:
        say(problem)
    if added.problems:
        raise typer.Exit(1)


def _settings(pairs: list[str] | None) -> dict:
    """Read `key=value`, where a value may be JSON; what is no JSON is a text."""
    found = {}
    for key, value in key_values(pairs, "--set").items():
        try:
            found[key] = json.loads(value)
        except (ValueError, RecursionError):
            found[key] = value
    return found


@user_errors
def templates(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the templates that a project can begin with."""
    from labeling.templates import TEMPLATES

    rows = [
        {"name": t.name, "family": t.family, "label": t.label, "help": t.help, "item": t.kind,
         "classes": list(t.classes), "image_classes": list(t.image_classes)}
        for t in TEMPLATES.values()
    ]  # fmt: skip
    emit(ctx, rows, lambda: table(rows, ["name", "family", "help"]))


@user_errors
def workflow(
    ctx: typer.Context,
    name: Project,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="people=3, review_rate=0.1, exam={…}; values as JSON. Repeat it."
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the settings of a project, or change some."""
    from labeling.collections import get_collection
    from labeling.workflow import set_workflow, workflow_of

    ws = open_workspace(ctx)
    changes = _settings(settings)
    flow = set_workflow(ws, name, **changes) if changes else workflow_of(get_collection(ws, name, counts=False))
    found = flow.model_dump(mode="json")
    emit(ctx, found, lambda: "\n".join(f"{k}: {json.dumps(v, ensure_ascii=False)}" for k, v in found.items()))


@user_errors
def team(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Name of the team [list all].")] = None,
    members: Annotated[
        list[str] | None, typer.Option("--member", help="A member; repeat it. They replace those before.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List teams, show one, or say who is in it."""
    from labeling.workforce import set_team, teams

    ws = open_workspace(ctx)
    if name and members:
        set_team(ws, name, members)
    known = teams(ws)
    if name:
        if name not in known:
            raise NotFound.named("team", name, sorted(known))
        known = {name: known[name]}
    rows = [{"team": n, "members": m} for n, m in known.items()]
    shown = [{"team": r["team"], "members": ", ".join(r["members"])} for r in rows]
    emit(ctx, rows, lambda: table(shown, ["team", "members"]) if rows else "There is no team yet.")


@user_errors
def gold(
    ctx: typer.Context,
    name: Project,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="CSV with file and label, or JSON lines with whole answers."),
    ] = None,
    from_agreement: Annotated[
        bool, typer.Option("--from-agreement", help="Take items whose answers are all alike.")
    ] = False,
    share: Annotated[float, typer.Option(min=0, max=1, help="Of agreement: at most this share of the items.")] = 0.1,
    exam: Annotated[bool, typer.Option("--exam", help="For the exam before the real work.")] = False,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", metavar="ITEM", help="Make an item an ordinary one again; repeat it.")
    ] = None,
    reset_exam: Annotated[
        str, typer.Option("--reset-exam", metavar="PERSON", help="Let a person take the exam again.")
    ] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List items with a known answer; make some from a file or from agreement; or take them out."""
    from labeling import workforce
    from labeling.collections import list_images
    from labeling.gold import drop_gold, gold_documents, gold_from_label_set
    from labeling.gold_files import gold_from_file

    ws = open_workspace(ctx)
    if file and from_agreement:
        raise InputError("Give a file or --from-agreement, not both.")
    items = {image.file_name: image for image in list_images(ws, name)}
    known = gold_documents(ws, name)
    for item in drop or []:
        if item not in items or items[item].id not in known:
            raise NotFound(f"There is no gold item {item!r} in {name}.")
    for item in drop or []:
        drop_gold(ws, items[item].id)
    made = 0
    if file:
        made = gold_from_file(ws, name, file, exam)
    elif from_agreement:
        made = gold_from_label_set(ws, name, share, exam)
    if reset_exam:
        workforce.reset_exam(ws, name, reset_exam)
    exams = gold_documents(ws, name, exam=True)
    documents = gold_documents(ws, name)
    names = {image.id: image.file_name for image in items.values()}
    rows = [
        {"file": names[i], "for": "exam" if i in exams else "hidden check", "document": d} for i, d in documents.items()
    ]
    result = {"project": name, "made": made, "gold": rows}

    def text() -> str:
        lines = [f"{made} items made gold."] if file or from_agreement else []
        said = [{**r, "answer": _answer(r["document"])} for r in rows]
        lines.append(table(said, ["file", "for", "answer"]) if rows else "There is no gold item yet.")
        return "\n".join(lines)

    emit(ctx, result, text)


def _answer(document: dict) -> str:
    said = [*document["classes"], *(r["label"] for r in document["regions"])]
    return ", ".join(said) or "nothing to mark"


@user_errors
def review_queue(
    ctx: typer.Context,
    name: Project,
    reviewer: Annotated[str, typer.Option("--as", metavar="PERSON", help="Who reviews [this account].")] = "",
    approve: Annotated[
        list[str] | None, typer.Option("--approve", metavar="ITEM", help="Approve the answers to an item; repeat it.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the answers that wait for a reviewer, or approve some."""
    from labeling.browse import to_review
    from labeling.workforce import review
    from workspace.audit import who

    ws, me = open_workspace(ctx), reviewer or who()
    waiting = to_review(ws, name, me)
    if missing := [item for item in approve or [] if item not in {r["file"] for r in waiting}]:
        raise NotFound(f"No answer to {missing[0]!r} waits for {me}.")
    for row in waiting:
        if row["file"] in (approve or []):
            review(ws, row["image_id"], row["author"], "approved", reviewer=me)
    rows = to_review(ws, name, me) if approve else waiting
    emit(
        ctx,
        rows,
        lambda: table(rows, ["file", "author", "regions", "classes"]) if rows else f"No answer waits for {me}.",
    )


@user_errors
def dashboard(
    ctx: typer.Context, name: Project, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Say how a project goes: progress, forecast, people with their accuracy on hidden checks, what waits for somebody."""
    from labeling.browse import forecast
    from labeling.dashboard import dashboard as measure

    found = measure(open_workspace(ctx), name)
    found["forecast"] = forecast(found)

    def text() -> str:
        ahead, answers = found["forecast"], found["answers"]
        lines = [f"{answers['finished']} of {answers['wanted']} answers; {ahead['left']} left."]
        if ahead["days"] is not None and ahead["left"]:
            lines[0] += f" At {ahead['per_day']:g} a day: {ahead['days']:.0f} more days."
        if found["left_hours"]:
            lines[0] += f" About {found['left_hours']:g} hours of work."
        if found["people"]:
            columns = [
                "name",
                "done",
                "skipped",
                "active_minutes",
                "per_hour",
                "gold",
                "accuracy",
                "low",
                "high",
                "returned",
            ]
            lines.append(table(found["people"], columns))
        waits = {
            "flags": len(found["flags"]),
            "comments": len(found["comments"]),
            "skips": sum(found["skips"].values()),
        }
        lines.append(", ".join(f"{n} {k}" for k, n in waits.items()))
        return "\n\n".join(lines)

    emit(ctx, found, text)
