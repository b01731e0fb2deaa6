"""`tilth redact` and `tilth labels …`: hide faces and plates, and everything around labels."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from commands import labels_sync, labels_team
from commands.common import JsonOption, WorkspaceOption, emit, open_workspace, say, table, user_errors
from commands.redact import redact
from transforms.errors import InputError

Format = Literal["label-studio", "coco", "yolo", "voc", "ground-truth", "csv"]
Method = Literal["auto", "majority", "weighted", "dawid-skene", "hierarchical"]
Task = Literal["detect", "obb", "segment"]
Name = Annotated[str, typer.Argument(metavar="COLLECTION", help="Name of the collection.")]
FormatOption = Annotated[Format, typer.Option("--format", help="Format of the label file.")]

labels = typer.Typer(no_args_is_help=True, help="Collections of images and their labels.")


def register(app: typer.Typer) -> None:
    labels_team.add_to(labels)
    labels_sync.add_to(labels)
    app.add_typer(labels, name="labels")
    app.command("redact")(redact)


@labels.command()
@user_errors
def recall(
    ctx: typer.Context,
    name: Name,
    annotator: Annotated[str | None, typer.Option(help="Whose boxes are the truth [everybody's].")] = None,
    target: Annotated[float, typer.Option(help="Recall that a suggested threshold must reach.")] = 0.95,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how many of the faces and plates that people drew on your own images the redaction hides.

    Label about fifty images with boxes called face and plate first, also some that have none.
    """
    from labeling.redaction.recall import measure

    found = measure(open_workspace(ctx), name, annotator=annotator, target=target)

    def text() -> str:
        lines = []
        for kind in found:
            if not kind.truth:
                lines.append(f"{kind.kind}: none was drawn.")
                continue
            lines.append(
                f"{kind.kind}: {kind.hidden} of {kind.truth} hidden ({kind.recall:.0%}, 95 % interval {kind.low:.0%} to "
                f"{kind.high:.0%}); {kind.over:.1%} of the area is hidden beside them."
            )
            lines.append(
                f"  Threshold {kind.suggested} keeps at least {target:.0%} with 95 % confidence."
                if kind.suggested is not None
                else f"  No threshold is shown to keep {target:.0%}: label more images, or review every copy."
            )
        return "\n".join(lines)

    emit(ctx, [asdict(kind) for kind in found], text)


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
    start: Annotated[float, typer.Option(min=0, help="Of a video, begin at this second.")] = 0.0,
    end: Annotated[float | None, typer.Option(help="Of a video, stop before this second [its end].")] = None,
    frames: Annotated[
        str | None, typer.Option(metavar="LIST", help="Of a video, these frames, counted from 0: 0,25,100-110.")
    ] = None,
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
        part = {"every": every, "per_second": None if every else per_second or 1.0, "start_s": start, "end_s": end}
        parts.append(collections.add_frames(ws, name, film, numbers=_numbers(frames), **part))
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


def _numbers(listed: str | None) -> list[int] | None:
    """Return the numbers of a list such as 0,25,100-110."""
    if listed is None:
        return None
    out: list[int] = []
    for part in listed.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(first + last) > 16:
            raise InputError(f"{part.strip()!r} is no frame.", hint="Write for example 0,25,100-110.")
        if dash and not 0 <= int(last) - int(first) < 100_000:
            raise InputError(f"{part.strip()!r} is no range of frames.", hint="Write for example 0,25,100-110.")
        out += range(int(first), int(last or first) + 1)
    return out


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
    task: Annotated[Task | None, typer.Option(help="YOLO: what the lines are [told by the lines].")] = None,
    attribute: Annotated[
        str, typer.Option(help="Ground Truth: the label attribute to read [the last of each family].")
    ] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a label file into a collection; the collection is made if there is none of that name."""
    from labeling.transfer import import_labels

    done = import_labels(
        open_workspace(ctx), name, path, format,
        images=images, annotator=annotator, task=task or "", attribute=attribute,
    )  # fmt: skip
    text = f"{done.collection}: {done.answers} answers with {done.regions} regions on {done.images} images."
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
    task: Annotated[Task, typer.Option(help="YOLO: what to write.")] = "detect",
    attribute: Annotated[
        str, typer.Option(help="Ground Truth: the label attribute to write [those that were read].")
    ] = "",
    with_images: Annotated[
        bool, typer.Option("--with-images", help="Put the pictures in: redacted copies where only those are shown.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the labels of a collection as a label file."""
    from labeling.transfer import export_labels

    warnings: list[str] = []
    path = export_labels(
        open_workspace(ctx), name, output, format,
        annotator=annotator, task=task, attribute=attribute, with_images=with_images, on_warning=warnings.append,
    )  # fmt: skip
    result = {"collection": name, "format": format, "path": str(path), "warnings": warnings}
    emit(ctx, result, "\n".join([f"Written to {path}.", *warnings]))


@labels.command()
@user_errors
def consolidate(
    ctx: typer.Context,
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help="A collection; a CSV or Parquet of answers; a Ground Truth job folder."),
    ],
    dataset: Annotated[str | None, typer.Option(help="Name of the dataset [COLLECTION labels].")] = None,
    iou: Annotated[float, typer.Option(help="Overlap from which two boxes may be the same thing.")] = 0.4,
    quorum: Annotated[
        float | None, typer.Option(help="Share of people that must have drawn it [learnt from the answers].")
    ] = None,
    method: Annotated[Method, typer.Option(help="How votes become one label.")] = "auto",
    gold: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Tasks with their known label, to calibrate the confidence.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.csv", help="Of answers in a file: write the result.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make one answer out of several people's, with a confidence.

    Of a collection it is kept as a dataset version (a label set). A file needs the columns task, worker, label, and for
    boxes x, y, w, h.
    """
    from labeling.consensus.files import consolidate_answers_file, is_answers
    from labeling.label_sets import write_label_set

    if not is_answers(target):
        if gold or output:
            raise InputError(f"--gold and -o are for answers in a file, and there is no file {target}.")
        version = write_label_set(open_workspace(ctx), target, dataset, iou, quorum, method=method)
        result = {"name": version.name, "version": version.version, "rows": version.rows, "columns": version.columns}
        emit(ctx, result, f"{version.name}@{version.version}: {version.rows} rows.")
        return
    found = consolidate_answers_file(target, method=method, gold=gold, output=output, least_iou=iou, quorum=quorum)

    def text() -> str:
        lines = [f"{len(found['tasks'])} tasks, {len(found['workers'])} people, by {found['method']}."]
        if output:
            lines.append(f"Written to {output}.")
        doubtful = [t for t in found["tasks"] if t.get("confidence") is not None]
        doubtful.sort(key=lambda t: t["confidence"])
        if doubtful:
            lines += ["", "Least sure:", table(doubtful[:10], ["task", "label", "confidence", "votes"])]
        return "\n".join(lines)

    emit(ctx, found, text)


@labels.command()
@user_errors
def agreement(
    ctx: typer.Context,
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help="A collection; a CSV or Parquet of answers; a Ground Truth job folder."),
    ],
    iou: Annotated[float, typer.Option(help="Overlap from which two boxes are the same thing.")] = 0.5,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how far people agree who labelled the same images or tasks."""
    from labeling.consensus.files import agreement_of_answers_file, is_answers
    from labeling.consolidation import agreement as measure

    from_file = is_answers(target)
    found = agreement_of_answers_file(target, least_iou=iou) if from_file else measure(open_workspace(ctx), target, iou)

    def text() -> str:
        if not found["pairs"]:
            return "No image has answers of two people, so there is nothing to compare."
        columns = ["left", "right", "images", "box_f1", "mean_iou", "class_agreement", "cohen_kappa"]
        if from_file:
            columns = [c for c in found["pairs"][0] if c != "region_f1"]
        lines = [table(found["pairs"][:30], columns)]
        for name in ("krippendorff_alpha", "fleiss_kappa", "box_f1"):
            if found.get(name) is not None:
                lines.append(f"{name.replace('_', ' ')}: {found[name]:.3f}")
        return "\n".join(lines)

    emit(ctx, found, text)


@labels.command()
@user_errors
def auto(
    ctx: typer.Context,
    name: Name,
    model: Annotated[
        str | None, typer.Option(help="built-in, an ONNX file, or the URL of a Label Studio ML backend [built-in].")
    ] = None,
    target: Annotated[
        float | None, typer.Option(min=0.5, max=0.999, help="Share of labels that must be right [0.95].")
    ] = None,
    confidence: Annotated[float | None, typer.Option(min=0.5, max=0.999, help="How surely [0.9].")] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Most labels by people [three in five items].")] = None,
    per_round: Annotated[int | None, typer.Option(min=1, help="How many labels are asked for in a round.")] = None,
    overlap: Annotated[float | None, typer.Option(min=0.1, max=1, help="IoU from which a box is right [0.5].")] = None,
    model_class: Annotated[
        list[str] | None,
        typer.Option("--model-class", help="Class of an ONNX file without names; repeat it, in order."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Start anew, with a new validation sample.")] = False,
    faces: Annotated[bool | None, typer.Option("--faces/--no-faces", help="Propose faces.")] = None,
    plates: Annotated[bool | None, typer.Option("--plates/--no-plates", help="Propose licence plates.")] = None,
    least_score: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of proposed faces and plates, leave out those of a lower score.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Do one round of auto-labeling, started if it was not; or let the face and plate detectors propose boxes.

    Settings are given when it starts. Each call learns from what people did and says what they have to label next; the
    last one certifies and writes the automatic labels. With --faces, --plates or --least-score only boxes are proposed.
    """
    if (faces, plates, least_score) != (None, None, None):
        _propose(ctx, name, faces is not False, plates is not False, 0.5 if least_score is None else least_score)
        return
    from labeling import autolabel

    ws = open_workspace(ctx)
    given = {
        "model": model, "target": target, "confidence": confidence, "budget": budget, "per_round": per_round,
        "overlap": overlap, "names": model_class,
    }  # fmt: skip
    given = {k: v for k, v in given.items() if v is not None}
    if again or autolabel.status(ws, name) is None:
        autolabel.start(ws, name, again=again, **given)
    elif given:
        raise InputError(
            f"Auto-labeling of {name!r} is running with its own settings.", hint="Start anew with --again."
        )
    done = autolabel.step(ws, name)
    emit(ctx, done, lambda: _auto_text(done))


def _auto_text(done: dict) -> str:
    lines = [f"{done['labelled']} of {done['items']} items labelled by people, {done['auto']} automatically."]
    if done["phase"] == "labeling":
        lines.append(f"{done['waiting']} wait for people; then run this again.")
        return "\n".join(lines)
    found = done["certificate"]
    if found["threshold"] is None:
        lines.append(f"Nothing is labelled automatically. {found['reason']}")
    else:
        lines.append(
            f"At least {found['bound']:.1%} of the automatic labels are right (confidence {found['confidence']:.0%}; "
            f"{found['errors']} errors in {found['validated']} validated items above {found['threshold']:.3f})."
        )
    return "\n".join([*lines, f"{done['left']} are left to people, with proposals. {done['reason']}"])


def _propose(ctx: typer.Context, name: str, faces: bool, plates: bool, least_score: float) -> None:
    from labeling.suggest import auto_label

    done = auto_label(open_workspace(ctx), name, faces=faces, plates=plates, least_score=least_score)
    emit(ctx, done, f"{done['boxes']} boxes proposed on {done['images']} images; {done['skipped']} left alone.")
    for problem in done["problems"]:
        say(problem)
    if done["problems"]:
        raise typer.Exit(1)


@labels.command("serve-model")
@user_errors
def serve_model(
    ctx: typer.Context,
    name: Name,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 9090,
    model: Annotated[str, typer.Option(help="built-in, or an ONNX file.")] = "built-in",
    model_class: Annotated[
        list[str] | None,
        typer.Option("--model-class", help="Class of an ONNX file without names; repeat it, in order."),
    ] = None,
    token: Annotated[
        str | None, typer.Option(envvar="TILTH_MODEL_TOKEN", help="Ask for this token [TILTH_MODEL_TOKEN].")
    ] = None,
    label_studio: Annotated[
        str, typer.Option("--label-studio", metavar="URL", help="Server from which pictures may be fetched.")
    ] = "",
    label_studio_token: Annotated[str, typer.Option(envvar="LABEL_STUDIO_API_KEY", help="Its access token.")] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve a model of a collection to Label Studio, as an ML backend on this computer; it ends with Ctrl+C."""
    import socket

    import uvicorn

    from labeling.autolabel.server import CollectionModel, create_app

    served = CollectionModel(open_workspace(ctx), name, model, model_class)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        raise InputError(f"Port {port} cannot be used: {error.strerror}.", hint="Choose another --port.") from error
    app = create_app(served, token=token, label_studio=label_studio, label_studio_token=label_studio_token)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    emit(ctx, {"url": url, "model": served.version}, f"Serving {served.version} on {url} (Ctrl+C ends it)")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
