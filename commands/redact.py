"""`tilth redact`: copies of pictures and videos in which faces, plates and texts are hidden."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from commands.common import JsonOption, WorkspaceOption, emit, open_workspace, say, user_errors
from transforms.errors import InputError


@user_errors
def redact(
    ctx: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", help="Pictures, videos, archives of pictures, folders, or *.jpg.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder for the redacted copies; with --column, a dataset's name."),
    ] = None,
    faces: Annotated[bool, typer.Option("--faces/--no-faces", help="Hide faces.")] = True,
    plates: Annotated[bool, typer.Option("--plates/--no-plates", help="Hide licence plates.")] = True,
    text: Annotated[bool, typer.Option("--text", help="Hide lines of text too.")] = False,
    method: Annotated[Literal["blur", "pixelate", "fill"], typer.Option(help="How to hide.")] = "blur",
    shape: Annotated[Literal["box", "ellipse"], typer.Option(help="What is hidden around a region.")] = "box",
    feather: Annotated[float, typer.Option(min=0, max=1, help="Soft rim outside, as a share of the region.")] = 0.0,
    face_model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A YuNet file for faces [TILTH_FACE_MODEL, or the fetched one].")
    ] = None,
    model: Annotated[
        list[Path] | None, typer.Option(metavar="FILE.onnx", help="Hide what this detector of yours finds too.")
    ] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch the face model (0.3 MB) first, if it is not here.")
    ] = False,
    ocr: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.onnx", help="Read lines of text with this recogniser, and hide personal data in them."
        ),
    ] = None,
    alphabet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The recogniser's characters, one a line, in its order.")
    ] = None,
    keep_text: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="A line of text that stays, with --ocr.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,W,H", help="What lies here stays visible: shares of the picture, 0,0.8,1,0.2 is its foot."
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="PATH is a dataset: redact the pictures in this column, as its next version.")
    ] = None,
    every: Annotated[
        int | None, typer.Option(min=1, help="Of a video, look at every nth frame [five a second].")
    ] = None,
    audio: Annotated[bool, typer.Option("--audio", help="Keep the sound of videos (needs ffmpeg).")] = False,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the JSON lines here too.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write copies of pictures and videos in which faces and plates are hidden; one JSON line per picture or frame.

    With --json the lines are one JSON list. Files that cannot be done are named on stderr, and the exit code is then 1.
    """
    from insights.pii import find_in_text
    from labeling.redaction import models, redact_paths
    from labeling.redaction.choice import choose_detectors
    from labeling.redaction.detectors import shortcomings

    def line(record: dict) -> None:
        sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")

    if fetch and faces and not face_model:
        face_model = models.fetch(models.FACES)
    detectors = choose_detectors(
        faces=faces, plates=plates, face_model=str(face_model) if face_model else None, text=text,
        own=[str(path) for path in model or []], reader=str(ocr or ""), alphabet=str(alphabet or ""), find=find_in_text,
        keep_text=keep_text or (), keep=keep or (),
    )  # fmt: skip
    for said in shortcomings(detectors) if sys.stderr.isatty() else ():  # a script wants errors only
        say(said)
    if column is not None:
        from labeling.redaction.columns import redact_column

        if len(paths) != 1:
            raise InputError("With --column there is one dataset.", hint="tilth redact photos --column photo")
        found = redact_column(
            open_workspace(ctx), str(paths[0]), column, name=str(out) if out else None, detectors=detectors,
            method=method, shape=shape, feather=feather,
        )  # fmt: skip
        emit(
            ctx, asdict(found), f"{found.dataset}: {found.redacted} pictures redacted, {found.regions} regions hidden."
        )
        for problem in found.problems:
            say(problem)
        if found.problems:
            raise typer.Exit(1)
        return
    if out is None:
        raise typer.BadParameter("name the folder for the copies.", param_hint="--out")
    done = redact_paths(
        paths, out, detectors=detectors, method=method, shape=shape, feather=feather, every=every, audio=audio,
        report=report, on_record=None if as_json else line,
    )  # fmt: skip
    if as_json:
        emit(ctx, done.records, "")
    for problem in done.problems:
        say(problem)
    if done.problems:
        raise typer.Exit(1)
