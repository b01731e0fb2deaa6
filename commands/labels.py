"""`tilth redact` and `tilth labels …`: hide faces and plates, and everything around labels."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from commands.common import JsonOption, WorkspaceOption, emit, open_workspace, say, table, user_errors

Format = Literal["label-studio", "coco", "yolo", "voc", "ground-truth", "csv"]
Name = Annotated[str, typer.Argument(metavar="COLLECTION", help="Name of the collection.")]
FormatOption = Annotated[Format, typer.Option("--format", help="Format of the label file.")]

labels = typer.Typer(no_args_is_help=True, help="Collections of images and their labels.")


def register(app: typer.Typer) -> None:
    app.add_typer(labels, name="labels")
    app.command("redact")(redact)


@user_errors
def redact(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Pictures, videos, or folders of them.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the redacted copies.")],
    faces: Annotated[bool, typer.Option("--faces/--no-faces", help="Hide faces.")] = True,
    plates: Annotated[bool, typer.Option("--plates/--no-plates", help="Hide licence plates.")] = True,
    method: Annotated[Literal["blur", "pixelate", "fill"], typer.Option(help="How to hide.")] = "blur",
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the JSON lines here too.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write copies of pictures and videos in which faces and plates are hidden; one JSON line per picture or frame.

    With --json the lines are one JSON list. Files that cannot be done are named on stderr, and the exit code is then 1.
    """
    from labeling.redaction import redact_paths

    def line(record: dict) -> None:
        sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")

    done = redact_paths(
        paths, out, faces=faces, plates=plates, method=method, report=report, on_record=None if as_json else line
    )
    if as_json:
        emit(ctx, done.records, "")
    for problem in done.problems:
        say(problem)
    if done.problems:
        raise typer.Exit(1)


@labels.command()
@user_errors
def create(
    ctx: typer.Context,
    name: Name,
    paths: Annotated[list[Path] | None, typer.Argument(metavar="[PATH…]", help="Pictures, folders, or videos.")] = None,
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="A class that boxes may have; repeat it.")
    ] = None,
    image_classes: Annotated[
        list[str] | None, typer.Option("--image-class", help="A class that whole images may have; repeat it.")
    ] = None,
    every: Annotated[int | None, typer.Option(min=1, help="Of a video, take every nth frame.")] = None,
    per_second: Annotated[float | None, typer.Option(help="Of a video, take so many frames a second [1].")] = None,
    redact: Annotated[bool, typer.Option("--redact/--no-redact", help="Hide faces and plates right away.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a collection from pictures, folders of them, and frames of videos. Added to it if it is there already."""
    from labeling import collections
    from labeling.pictures import VIDEO_SUFFIXES

    ws = open_workspace(ctx)
    if name in {c.name for c in collections.list_collections(ws)}:
        collections.add_classes(ws, name, classes or [], image_classes or [])
    else:
        collections.create_collection(ws, name, classes or [], image_classes or [])
    added = collections.Added()
    films = [p for p in paths or [] if p.suffix.lower() in VIDEO_SUFFIXES]
    parts = [collections.add_images(ws, name, [p for p in paths or [] if p not in films])]
    for film in films:
        rate = per_second if every or per_second else 1.0
        parts.append(collections.add_frames(ws, name, film, every=every, per_second=None if every else rate))
    for part in parts:
        added.added += part.added
        added.duplicates += part.duplicates
        added.problems += part.problems
    result = {"collection": name, "added": len(added.added), "duplicates": [list(d) for d in added.duplicates]}
    result["problems"] = added.problems
    text = f"{name}: {len(added.added)} images added, {len(added.duplicates)} duplicates left out."
    if redact:
        done = collections.redact_collection(ws, name)
        result |= {"redacted": done["redacted"], "regions": done["regions"]}
        added.problems += done["problems"]
        text += f" {done['redacted']} redacted, {done['regions']} regions hidden."
    emit(ctx, result, text)
    for problem in added.problems:
        say(problem)
    if added.problems:
        raise typer.Exit(1)


@labels.command("list")
@user_errors
def list_(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the collections."""
    from labeling.collections import list_collections

    rows = [
        {
            "name": c.name,
            "images": c.images,
            "done": c.done,
            "redacted": c.redacted,
            "classes": [x["name"] for x in c.classes],
            "image_classes": [x["name"] for x in c.image_classes],
            "created_at": c.created_at,
        }
        for c in list_collections(open_workspace(ctx))
    ]
    emit(
        ctx,
        rows,
        lambda: table(rows, ["name", "images", "done", "redacted"]) if rows else "There is no collection yet.",
    )


@labels.command("import")
@user_errors
def import_(
    ctx: typer.Context,
    name: Name,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Label file, folder or zip.")],
    format: FormatOption,
    images: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder with the pictures.")] = None,
    annotator: Annotated[str | None, typer.Option(help="Whose answers, if the file does not say.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a label file into a collection; the collection is made if there is none of that name."""
    from labeling.transfer import import_labels

    done = import_labels(open_workspace(ctx), name, path, format, images=images, annotator=annotator)
    text = f"{done.collection}: {done.answers} answers with {done.boxes} boxes on {done.images} images."
    if done.without_pixels:
        text += f" {done.without_pixels} images have no pixels yet: add the pictures, or import with --images."
    emit(ctx, asdict(done), "\n".join([text, *done.warnings]))


@labels.command()
@user_errors
def export(
    ctx: typer.Context,
    name: Name,
    format: FormatOption,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="File; for yolo and voc a .zip or a folder.")
    ],
    annotator: Annotated[str | None, typer.Option(help="Only this annotator's answers.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the labels of a collection as a label file."""
    from labeling.transfer import export_labels

    path = export_labels(open_workspace(ctx), name, output, format, annotator=annotator)
    emit(ctx, {"collection": name, "format": format, "path": str(path)}, f"Written to {path}.")


@labels.command()
@user_errors
def consolidate(
    ctx: typer.Context,
    name: Name,
    dataset: Annotated[str | None, typer.Option(help="Name of the dataset [COLLECTION labels].")] = None,
    iou: Annotated[float, typer.Option(help="Overlap from which two boxes are the same thing.")] = 0.5,
    quorum: Annotated[float, typer.Option(help="Share of people that must agree.")] = 0.5,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make one answer out of several people's, and keep it as a dataset version (a label set)."""
    from labeling.label_sets import write_label_set

    version = write_label_set(open_workspace(ctx), name, dataset, iou, quorum)
    result = {"name": version.name, "version": version.version, "rows": version.rows, "columns": version.columns}
    emit(ctx, result, f"{version.name}@{version.version}: {version.rows} rows.")


@labels.command()
@user_errors
def agreement(
    ctx: typer.Context,
    name: Name,
    iou: Annotated[float, typer.Option(help="Overlap from which two boxes are the same thing.")] = 0.5,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how far people agree who labelled the same images."""
    from labeling.consolidation import agreement as measure

    found = measure(open_workspace(ctx), name, iou)

    def text() -> str:
        if not found["images"]:
            return "No image has answers of two people, so there is nothing to compare."
        return table(found["pairs"], ["left", "right", "images", "box_f1", "mean_iou", "class_agreement"])

    emit(ctx, found, text)


@labels.command()
@user_errors
def auto(
    ctx: typer.Context,
    name: Name,
    faces: Annotated[bool, typer.Option("--faces/--no-faces")] = True,
    plates: Annotated[bool, typer.Option("--plates/--no-plates")] = True,
    least_score: Annotated[float, typer.Option(min=0, max=1, help="Leave out boxes of a lower score.")] = 0.5,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let the face and plate detectors propose boxes for images that nobody has labelled."""
    from labeling.suggest import auto_label

    done = auto_label(open_workspace(ctx), name, faces=faces, plates=plates, least_score=least_score)
    emit(ctx, done, f"{done['boxes']} boxes proposed on {done['images']} images; {done['skipped']} left alone.")
    for problem in done["problems"]:
        say(problem)
    if done["problems"]:
        raise typer.Exit(1)


@labels.command()
@user_errors
def query(
    ctx: typer.Context,
    name: Name,
    by: Annotated[Literal["least-labeled", "disagreement"], typer.Option(help="What comes first.")] = "least-labeled",
    n: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 10,
    prioritise: Annotated[bool, typer.Option("--prioritise", help="Let annotators get them in this order.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which images to label next."""
    from labeling.suggest import query as ask

    rows = ask(open_workspace(ctx), name, by, n, prioritise)
    emit(ctx, rows, lambda: table(rows, ["image_id", "file", "status", "answers", "score"]))


@labels.command()
@user_errors
def stats(ctx: typer.Context, name: Name, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Count images, boxes, classes and answers of a collection."""
    from labeling.suggest import stats as count

    found = count(open_workspace(ctx), name)

    def text() -> str:
        status = ", ".join(f"{n} {s}" for s, n in found["status"].items() if n) or "none"
        lines = [f"{found['images']} images ({status}), {found['redacted']} redacted, {found['answered']} answered."]
        counts = [{"class": k, "of": "boxes", "count": v} for k, v in found["boxes"].items()]
        counts += [{"class": k, "of": "images", "count": v} for k, v in found["classes"].items()]
        if counts:
            lines.append(table(counts, ["class", "of", "count"]))
        if found["annotators"]:
            lines.append(table(found["annotators"], ["name", "kind", "images", "boxes"]))
        return "\n\n".join(lines)

    emit(ctx, found, text)
