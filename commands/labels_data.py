"""`tilth labels query, stats, release, releases, diff, render`; they join the group of `commands.labels`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from commands.common import JsonOption, WorkspaceOption, emit, open_workspace, say, table, user_errors
from commands.labels import Format, Method, Name, Task, labels
from transforms.errors import InputError


@labels.command()
@user_errors
def query(
    ctx: typer.Context,
    name: Name,
    by: Annotated[
        Literal["least-labeled", "disagreement"] | None, typer.Option(help="What to label next [least-labeled].")
    ] = None,
    where: Annotated[str | None, typer.Option(help='Items by what is on them: "car >= 5 @0.8 and any person".')] = None,
    sql: Annotated[
        str | None, typer.Option(help="Items by SQL over items, answers, regions, classes, fields, consensus …")
    ] = None,
    n: Annotated[int | None, typer.Option("-n", min=1, help="How many [10; with --where and --sql all].")] = None,
    prioritise: Annotated[bool, typer.Option("--prioritise", help="Let annotators get them in this order.")] = False,
    reopen: Annotated[bool, typer.Option("--reopen", help="With --prioritise: also those that are done.")] = False,
    collection: Annotated[
        str | None, typer.Option("--to-collection", metavar="NAME", help="Make a new collection of what was found.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--to-dataset", metavar="NAME", help="Keep the labels of what was found as a dataset.")
    ] = None,
    gold: Annotated[bool, typer.Option("--gold", help="Make what was found gold, with its labels.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which items to label next, or find items by their labels."""
    if sum(v is not None for v in (by, where, sql)) > 1:
        raise InputError("--by, --where and --sql are three ways to ask; use one of them.")
    ws = open_workspace(ctx)
    if where is None and sql is None:
        from labeling.suggest import query as ask

        if reopen or collection or dataset or gold:
            raise InputError("--reopen, --to-collection, --to-dataset and --gold need --where or --sql.")
        rows = ask(ws, name, by or "least-labeled", n or 10, prioritise)
        emit(ctx, rows, lambda: table(rows, ["image_id", "file", "status", "answers", "score"]))
        return
    from labeling import queries

    condition = sql if where is None else queries.parse_where(where)
    if sql is not None and not sql.strip().lower().startswith(("select", "with", "from")):
        raise InputError("--sql takes a SELECT.", hint='Write: --sql "SELECT item FROM items WHERE …"')
    found = queries.find_items(ws, name, condition)
    rows = found if n is None else found[:n]
    if rows:
        if prioritise:
            say(f"{queries.prioritise(ws, name, rows, reopen)} items come first now.")
        if collection:
            say(f"Collection {queries.copy_to_collection(ws, name, rows, collection).name!r} made.")
        if dataset:
            say(f"Dataset {queries.keep_as_dataset(ws, name, rows, dataset).ref} written.")
        if gold:
            done = queries.make_gold(ws, name, rows)
            say(f"{done['made']} items are gold; {done['left_out']} left out, since no person answered them.")
    elif prioritise or collection or dataset or gold:
        raise InputError("Nothing was found, so nothing was done.")
    emit(
        ctx, rows, lambda: f"{table(rows, ['item', 'name', 'why'])}\n{len(found)} found." if rows else "Nothing found."
    )


@labels.command()
@user_errors
def stats(
    ctx: typer.Context,
    name: Name,
    other: Annotated[str | None, typer.Argument(metavar="[OTHER]", help="A second collection, side by side.")] = None,
    suspects: Annotated[
        bool, typer.Option("--suspects", help="Also list labels that a model contradicts (reads every picture once).")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count images, regions, classes and answers of a collection, or of two side by side."""
    from labeling.statistics import compare, statistics
    from labeling.statistics import suspects as suspected

    ws = open_workspace(ctx)
    if other is not None:
        if suspects:
            raise InputError("--suspects is for one collection.")
        both = compare(ws, name, other)
        emit(ctx, both, lambda: _side_by_side(both))
        return
    found = statistics(ws, name)
    if suspects:
        found["suspects"] = suspected(ws, name)
    emit(ctx, found, lambda: _stats_text(found))


def _stats_text(found: dict) -> str:
    status = ", ".join(f"{n} {s}" for s, n in found["status"].items() if n) or "none"
    lines = [f"{found['images']} images ({status}), {found['redacted']} redacted, {found['answered']} answered."]
    if found["labels"]:
        lines.append(table(found["labels"], ["label", "shape", "count", "items", "share", "confidence"]))
    if found["per_item"]["items"]:
        each = found["per_item"]
        lines.append(
            f"Regions on {each['items']} labelled items: mean {each['mean']:.2f}, median {each['median']:g}, "
            f"most {each['most']}; {found['empty']} left empty."
        )
    if found["people"]:
        lines.append(table(found["people"], ["name", "kind", "items", "regions", "median_seconds", "per_hour"]))
    if found["agreement"]["items"]:
        lines.append(f"Agreement on {found['agreement']['items']} items: {found['agreement']['mean']:.3f}.")
    if "suspects" in found:
        said = table(found["suspects"], ["name", "issue", "label", "suggested", "score"])
        lines.append(f"Probably wrong:\n{said}" if found["suspects"] else "No label looks wrong.")
    return "\n\n".join(lines)


def _side_by_side(both: dict) -> str:
    figures = [
        {"": "images", "a": both["a"]["images"], "b": both["b"]["images"]},
        {"": "answered", "a": both["a"]["answered"], "b": both["b"]["answered"]},
        {"": "regions per item", "a": both["a"]["per_item"]["mean"], "b": both["b"]["per_item"]["mean"]},
        {"": "agreement", "a": both["a"]["agreement"]["mean"], "b": both["b"]["agreement"]["mean"]},
    ]
    lines = [f"a = {both['a']['collection']}, b = {both['b']['collection']}", table(figures, ["", "a", "b"])]
    if both["labels"]:
        lines.append(table(both["labels"], ["label", "shape", "a", "b", "a_share", "b_share", "difference"]))
    return "\n\n".join(lines)


@labels.command()
@user_errors
def release(
    ctx: typer.Context,
    name: Name,
    note: Annotated[str, typer.Option(help="What this release is for.")] = "",
    method: Annotated[Method, typer.Option(help="How votes become one label.")] = "auto",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep the labels of a collection as a numbered release that never changes."""
    from labeling.releases import release as make

    made = make(open_workspace(ctx), name, note=note, method=method)
    emit(ctx, made.as_json(), lambda: _release_text(made))


def _release_text(made) -> str:
    counts = made.manifest["counts"]
    regions = sum(counts["regions"].values())
    said = f"Release {made.number} of {made.collection}: {counts['items']} items, {regions} regions"
    first = f"{said}." if made.is_new else f"Nothing has changed since it. {said}."
    return f"{first}\nDatasets: {made.dataset} (one row per label), {made.items_dataset} (one row per item)."


@labels.command()
@user_errors
def releases(
    ctx: typer.Context,
    name: Name,
    number: Annotated[
        int | None, typer.Option("--export", metavar="N", min=1, help="Write this release to a file.")
    ] = None,
    format: Annotated[Format | None, typer.Option("--format", help="Format of the label file.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="File; for yolo and voc a .zip or a folder.")
    ] = None,
    task: Annotated[Task, typer.Option(help="YOLO: what to write.")] = "detect",
    with_images: Annotated[bool, typer.Option("--with-images", help="Put the pictures in.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the releases of a collection, or write one of them as a label file."""
    from labeling.releases import export_release
    from labeling.releases import releases as found

    ws = open_workspace(ctx)
    if number is not None:
        if format is None or output is None:
            raise InputError("--export needs --format and -o.")
        warnings: list[str] = []
        path = export_release(
            ws, name, number, output, format, task=task, with_images=with_images, on_warning=warnings.append
        )
        result = {"collection": name, "release": number, "format": format, "path": str(path), "warnings": warnings}
        emit(ctx, result, "\n".join([f"Written to {path}.", *warnings]))
        return
    if format or output:
        raise InputError("--format and -o go with --export N.")
    rows = [r.as_json() for r in found(ws, name)]
    for row in rows:
        row["items"], row["regions"] = row["counts"]["items"], sum(row["counts"]["regions"].values())
    shown = ["number", "at", "by", "items", "regions", "dataset", "note"]
    emit(ctx, rows, lambda: table(rows, shown) if rows else "There is no release yet.")


@labels.command()
@user_errors
def diff(
    ctx: typer.Context,
    name: Name,
    a: Annotated[int, typer.Argument(metavar="A", min=1, help="Number of a release.")],
    b: Annotated[str, typer.Argument(metavar="[B]", help="Number of another, or now.")] = "now",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what differs between two releases, or between one and the labels of now."""
    from labeling.releases import NOW
    from labeling.releases import diff as compare

    if b != NOW and not b.isdecimal():
        raise InputError(f"{b!r} is no release.", hint="Give a number, or now.")
    found = compare(open_workspace(ctx), name, a, b if b == NOW else int(b))

    def text() -> str:
        items = {k: len(v) for k, v in found["items"].items()}
        lines = [f"Items: {items['added']} added, {items['removed']} removed, {items['changed']} changed."]
        lines.append(
            "; ".join(f"{k.replace('_', ' ')} {v}" for k, v in found["totals"].items() if v) or "No label differs."
        )
        rows = [{"name": c["name"], "changes": _counted(c)} for c in found["changes"][:50]]
        return "\n".join([*lines, *([table(rows, ["name", "changes"])] if rows else [])])

    emit(ctx, found, text)


def _counted(change: dict) -> str:
    return ", ".join(f"{len(v)} {k.replace('_', ' ')}" for k, v in change.items() if isinstance(v, list) and v)


@labels.command()
@user_errors
def render(
    ctx: typer.Context,
    name: Name,
    clip: Annotated[str | None, typer.Argument(metavar="[CLIP]", help="Name of the clip [the only one].")] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE.mp4", help="The film to write; without it, list clips."),
    ] = None,
    annotator: Annotated[str | None, typer.Option(help="Whose labels [those that hold].")] = None,
    source: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the film lies, if it moved.")] = None,
    sequence: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a Ground Truth video manifest and SeqLabel.json here.")
    ] = None,
    with_images: Annotated[bool, typer.Option("--with-images", help="With --sequence: the frames too.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw the labels of a clip's frames into the film, or write them as a Ground Truth sequence."""
    from labeling import video

    ws = open_workspace(ctx)
    known = video.clips(ws, name)
    if output is None and sequence is None:
        shown = ["clip", "frames", "labelled", "fps", "file"]
        emit(ctx, known, lambda: table(known, shown) if known else "There is no frame of a clip.")
        return
    if clip is None:
        if len(known) != 1:
            raise InputError(f"{name!r} has {len(known)} clips.", hint="Name one of them.")
        clip = known[0]["clip"]
    result: dict = {}
    lines = []
    if output is not None:
        result = video.render_video(ws, name, clip, output, annotator=annotator, source=source)
        lines.append(f"{result['path']}: {result['frames']} frames, drawn on the {result['drawn_on']}.")
    if sequence is not None:
        made = video.write_sequence(ws, name, clip, sequence, annotator=annotator, with_images=with_images)
        result = result | {"sequence": made}
        lines.append(
            f"{made['path']}: {made['frames']} frames, {made['regions']} regions; {made['left_out']} left out."
        )
    emit(ctx, result, "\n".join(lines))
