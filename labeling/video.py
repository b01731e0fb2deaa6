"""Labels back into the film they came from: drawn on every frame, or as a Ground Truth sequence.

Frames of a clip are items whose `source` says `drive.mp4#frame=12`. Between two labelled frames an object (`track`)
moves in a straight line; what has no track stays until the next labelled frame.
"""

from __future__ import annotations

import bisect
import functools
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from statistics import median

from labeling.annotations import current_documents
from labeling.collections import Collection, ImageInfo, get_collection, image_file, list_images, shows_original
from labeling.pictures import open_clip, read_picture
from labeling.settled import settled
from labeling.shapes import bounds, mask_array, outline
from labeling.tracking import between_two, frame_of
from labeling.workflow import workflow_of
from transforms.errors import Conflict, InputError, NotFound, SourceError

Progress = Callable[[float, str], None]
DEFAULT_FPS = 25.0  # of stored frames whose film said nothing
MAX_FRAMES = 1_000_000
_TINT = 0.35  # how much of its colour a mask gives to what it covers


@dataclass
class Clip:
    """A clip of a collection: its frames that are items, and the documents of those that are labelled."""

    name: str
    frames: list[tuple[int, ImageInfo]]
    documents: dict[int, dict] = field(default_factory=dict)  # by frame number
    known: dict = field(default_factory=dict)  # fps, frames, width, height, path, as far as the film said so

    @property
    def gap(self) -> int:
        """How many frames lie between two items, typically."""
        numbers = [n for n, _ in self.frames]
        steps = [b - a for a, b in zip(numbers, numbers[1:], strict=False)]
        return max(1, round(median(steps))) if steps else max(1, round(self.fps))

    @property
    def fps(self) -> float:
        fps = self.known.get("fps")
        return float(fps) if isinstance(fps, int | float) and 0 < fps < 1000 else DEFAULT_FPS


def clips(ws, name: str | int) -> list[dict]:
    """Return the clips of a collection, as {clip, frames, labelled, first, last, fps, file}.

    `file` is where the film lies, None where it is not known or gone.
    """
    collection = get_collection(ws, name, counts=False)
    labelled = settled(ws, collection.id)
    found = []
    for clip in _clips(ws, collection).values():
        numbers = [n for n, _ in clip.frames]
        film = clip.known.get("path")
        found.append(
            {
                "clip": clip.name, "frames": len(numbers), "labelled": sum(i.id in labelled for _, i in clip.frames),
                "first": numbers[0], "last": numbers[-1], "fps": clip.fps,
                "file": film if film and Path(film).is_file() else None,
            }
        )  # fmt: skip
    return found


def _clips(ws, collection: Collection) -> dict[str, Clip]:
    known = collection.extra.get("clips") or {}
    out: dict[str, Clip] = {}
    for image in list_images(ws, collection.id):
        if image.kind == "image" and (place := frame_of(image.source)):
            clip = out.setdefault(place[0], Clip(place[0], [], known=known.get(place[0]) or {}))
            clip.frames.append((place[1], image))
    for clip in out.values():
        clip.frames.sort(key=lambda f: f[0])
    return out


def _open(ws, name: str | int, clip: str, annotator: str | None) -> tuple[Collection, Clip]:
    """Return the collection and the clip with its documents, those of one annotator or the ones that hold."""
    collection = get_collection(ws, name, counts=False)
    found = _clips(ws, collection)
    wanted = clip if clip in found else Path(clip).name
    if wanted not in found:
        raise NotFound.named("clip", clip, sorted(found))
    made = found[wanted]
    if annotator in (None, "consensus"):
        documents = {item: held.document for item, held in settled(ws, collection.id).items()}
    else:
        groups = current_documents(ws, collection.id)
        names = {a.annotator for group in groups.values() for a in group}
        if annotator not in names:
            raise NotFound.named("annotator", annotator, sorted(names))
        documents = {i: a.document for i, group in groups.items() for a in group if a.annotator == annotator}
    made.documents = {n: documents[i.id] for n, i in made.frames if i.id in documents}
    return collection, made


def regions_at(clip: Clip, number: int, hold: bool = True) -> list[dict]:
    """Return what is to be seen in a frame: as labelled, or filled between the labelled frames around it.

    Args:
        hold: what is not in the next labelled frame too stays until then; after the last one for one typical step.
    """
    labelled = sorted(clip.documents)
    place = bisect.bisect_right(labelled, number) - 1
    if place < 0:
        return []
    start = labelled[place]
    mine = [r for r in clip.documents[start]["regions"] if not r.get("hidden")]
    if start == number:
        return mine
    if place + 1 == len(labelled):
        return mine if hold and number < start + clip.gap else []
    end = labelled[place + 1]
    later = {r["track"]: r for r in clip.documents[end]["regions"] if r.get("track") and not r.get("hidden")}
    out = []
    for region in mine:
        target = later.get(region.get("track"))
        if target is not None:
            try:
                out.append(between_two(region, target, (number - start) / (end - start)) | {"id": region["id"]})
                continue
            except Conflict:  # two shapes with nothing between them: it stays as it is
                pass
        if hold:
            out.append(region)
    return out


# -- drawing --------------------------------------------------------------------------------------------------------


def render_video(
    ws,
    name: str | int,
    clip: str,
    out: Path | str,
    *,
    annotator: str | None = None,
    source: Path | str | None = None,
    progress: Progress | None = None,
) -> dict:
    """Write an MP4 of a clip with its labels drawn on every frame, of the film's size and rate.

    The film itself is drawn on where it is at hand and may be seen; otherwise the stored frames, each held until the
    next. Where a collection gives out redacted copies only, those are used and nothing else.

    Args:
        clip: its name, or the path of the film.
        annotator: whose labels; by default ("consensus") the ones that hold.
        source: where the film lies, if it moved.
        progress: told the share that is done; what it raises stops the work, and nothing is left behind.

    Returns:
        `{path, frames, width, height, fps, labelled, drawn_on}`; the last is "film", "stored frames" or "redacted
        frames".

    Raises:
        NotFound: no such clip or annotator.
        Conflict: nothing is labelled, or frames that would be shown have no redacted copy.
        SourceError: the film is another one, or cannot be read.
    """
    import cv2

    out = Path(out)
    if out.suffix.lower() != ".mp4":
        raise InputError(f"{out.name} is no MP4.", hint="Give a name that ends in .mp4.")
    collection, made = _open(ws, name, clip, annotator)
    if not made.documents:
        raise Conflict(f"No frame of {made.name!r} is labelled.", hint="Label some frames first.")
    film = None if _redacted_only(collection, made) else _film(made, source or clip)
    if film is not None and out.exists() and out.samefile(film):
        raise InputError("The film itself would be overwritten.", hint="Choose another name.")
    if film is not None:
        width, height, fps, total, pictures = _film_frames(film, made)
        drawn_on = "film"
    else:
        width, height, fps, total, pictures = _stored_frames(ws, collection, made)
        drawn_on = "redacted frames" if _redacted_only(collection, made) else "stored frames"
    brush = _Brush(collection, made)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.stem}.{os.getpid()}.part.mp4")
    writer = cv2.VideoWriter(str(part), cv2.VideoWriter_fourcc(*"mp4v"), fps, (width, height))
    written = 0
    try:
        if not writer.isOpened():
            raise SourceError(f"{out.name} cannot be written as MP4.", hint=f"Is there room in {out.parent}?")
        for number, bgr in pictures:
            writer.write(brush.draw(bgr, regions_at(made, number)))
            written += 1
            if progress:
                progress(min(1.0, written / max(1, total)), f"Frame {written} of {max(total, written)}")
        writer.release()
        if not written or not part.is_file() or part.stat().st_size == 0:
            raise SourceError(f"{out.name} cannot be written as MP4.", hint=f"Is there room in {out.parent}?")
        os.replace(part, out)
    finally:
        pictures.close()
        writer.release()
        part.unlink(missing_ok=True)
    result = {
        "path": str(out), "frames": written, "width": width, "height": height, "fps": fps,
        "labelled": len(made.documents), "drawn_on": drawn_on,
    }  # fmt: skip
    ws.audit.record("collection.render_video", collection.name, result | {"clip": made.name, "annotator": annotator})
    ws.lineage.add("collection", collection.name, "file", str(out), "render video")
    return result


def _redacted_only(collection: Collection, clip: Clip) -> bool:
    """Whether nothing made from originals may be shown: sealed, redaction wanted, or redacted copies for annotators."""
    redacted = any(i.redacted_sha256 or i.purged for _, i in clip.frames)
    return collection.sealed or workflow_of(collection).redact or (redacted and collection.annotators_see == "redacted")


def _film(clip: Clip, given: Path | str) -> Path | None:
    for path in (given, clip.known.get("path")):
        if path and Path(path).is_file():
            return Path(path)
    if Path(given).name != str(given):  # a path was named, and nothing is there
        raise SourceError(f"There is no file {given}.", hint="Check the path.")
    return None


def _film_frames(film: Path, clip: Clip) -> tuple:
    capture, info = open_clip(film)
    size = {(i.width, i.height) for _, i in clip.frames}
    if size != {(info.width, info.height)}:
        capture.release()
        raise SourceError(
            f"{film.name} has frames of {info.width} × {info.height} pixels; those of {clip.name!r} have another size.",
            hint="Name the film that the frames were cut from.",
        )

    def frames() -> Iterator:
        try:
            number = 0
            while number < MAX_FRAMES:
                ok, bgr = capture.read()
                if not ok:
                    break
                yield number, bgr
                number += 1
            if number <= clip.frames[-1][0]:
                raise SourceError(
                    f"{film.name} ends after {number} frames, and frame {clip.frames[-1][0]} is labelled.",
                    hint="Name the film that the frames were cut from.",
                )
        finally:
            capture.release()

    return info.width, info.height, info.fps, info.frames, frames()


def _stored_frames(ws, collection: Collection, clip: Clip) -> tuple:
    only = _redacted_only(collection, clip)
    variant = {i.id: "redacted" if only or i.redacted_sha256 else "original" for _, i in clip.frames}
    if missing := [i for _, i in clip.frames if only and not i.redacted_sha256]:
        raise Conflict(
            f"{len(missing)} frames of {clip.name!r} have no redacted copy, "
            f"and {collection.name!r} shows no originals.",
            hint="Redact the collection first.",
        )
    if missing := [i for _, i in clip.frames if not i.shown]:
        raise Conflict(
            f"{len(missing)} frames of {clip.name!r} have no picture, and the film is not here.",
            hint="Name the film with --source.",
        )
    first = clip.frames[0][1]
    last = clip.frames[-1][0]
    film_ends = clip.known.get("frames") or last + clip.gap
    ends = [n for n, _ in clip.frames[1:]] + [max(last + 1, min(last + clip.gap, film_ends))]
    total = ends[-1] - clip.frames[0][0]
    if total > MAX_FRAMES:
        raise Conflict(f"The film would have {total:,} frames; at most {MAX_FRAMES:,} are written.")

    def frames() -> Iterator:
        import cv2

        for (number, image), end in zip(clip.frames, ends, strict=True):
            path = image_file(ws, image, variant[image.id], redacted_only=only)
            bgr = read_picture(path, image.file_name).bgr
            if bgr.shape[:2] != (first.height, first.width):
                bgr = cv2.resize(bgr, (first.width, first.height), interpolation=cv2.INTER_AREA)
            for shown in range(number, end):
                yield shown, bgr.copy()

    return first.width, first.height, clip.fps, total, frames()


class _Brush:
    """Draws regions on frames: the label's colour, its name, and the number of the object among those of its label."""

    def __init__(self, collection: Collection, clip: Clip):
        self._colours = {c["name"]: _bgr(str(c.get("color") or "")) for c in collection.classes}
        self._numbers: dict[tuple, int] = {}
        for number in sorted(clip.documents):
            for region in clip.documents[number]["regions"]:
                if track := region.get("track"):
                    counted = sum(label == region["label"] for label, _ in self._numbers)
                    self._numbers.setdefault((region["label"], track), counted + 1)

    def draw(self, bgr, regions: list[dict]):
        """Return the frame with the regions drawn into it (the array itself is changed)."""
        import cv2
        import numpy as np

        height, width = bgr.shape[:2]
        thick = max(1, round(max(height, width) / 500))
        for region in regions:
            colour = self._colours.get(region["label"], (216, 126, 47))
            shape = region["shape"]
            if shape == "span":
                continue
            if shape == "point":
                cv2.circle(bgr, (round(region["x"]), round(region["y"])), 3 * thick, colour, -1, cv2.LINE_AA)
            elif shape == "mask":
                self._tint(bgr, region, colour)
            else:
                points = np.round(np.asarray(outline(region), dtype="float64") * 16).astype("int32")  # 1/16 of a pixel
                cv2.polylines(bgr, [points], shape != "polyline", colour, thick, cv2.LINE_AA, 4)
            self._name(bgr, region, colour, thick)
        return bgr

    def _tint(self, bgr, region: dict, colour) -> None:
        import numpy as np

        x, y, w, h = (region[k] for k in "xywh")
        left, top, right, bottom = max(0, x), max(0, y), min(bgr.shape[1], x + w), min(bgr.shape[0], y + h)
        if left < right and top < bottom:
            inside = mask_array(region)[top - y : bottom - y, left - x : right - x]
            part = bgr[top:bottom, left:right]
            part[inside] = ((1 - _TINT) * part[inside] + _TINT * np.asarray(colour)).astype("uint8")

    def _name(self, bgr, region: dict, colour, thick: int) -> None:
        number = self._numbers.get((region["label"], region.get("track")))
        stamp = _stamp(region["label"][:60] + (f" {number}" if number else ""), 8 + 4 * thick)
        x, y, _, _ = bounds(region)
        height, width = min(stamp.shape[0], bgr.shape[0]), min(stamp.shape[1], bgr.shape[1])
        left = int(min(max(0, round(x)), bgr.shape[1] - width))
        top = int(min(max(0, round(y) - height), bgr.shape[0] - height))
        share = stamp[:height, :width, None] / 255.0
        ink = 0 if sum(colour) > 384 else 255
        bgr[top : top + height, left : left + width] = (colour * (1 - share) + ink * share).astype("uint8")


@functools.lru_cache(maxsize=512)
def _stamp(words: str, size: int):
    """Return words as an array of 0 (paper) to 255 (ink). The font knows Latin letters; others become boxes."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(words)
    image = Image.new("L", (max(1, round(right)) + 6, max(1, round(bottom)) + 4))
    ImageDraw.Draw(image).text((3, 1), words, fill=255, font=font)
    return np.asarray(image)


def _bgr(colour: str) -> tuple[int, int, int]:
    try:
        value = int(colour.removeprefix("#"), 16) if len(colour) == 7 else 0x2F7ED8
    except ValueError:
        value = 0x2F7ED8
    return value & 255, value >> 8 & 255, value >> 16 & 255


# -- as a Ground Truth sequence -------------------------------------------------------------------------------------


def write_sequence(
    ws, name: str | int, clip: str, folder: Path | str, *, annotator: str | None = None, with_images: bool = False
) -> dict:
    """Write a clip's labels as Ground Truth does: `output.manifest`, `sequence.json`, `annotations/SeqLabel.json`.

    Stored frames between two labelled ones get the objects that are in both. Tracking labels where objects have tracks,
    detection labels otherwise. Pictures, if wanted, lie beside them; redacted copies where only those are shown.

    Returns:
        `{path, frames, regions, left_out, pictures}`; `left_out` counts what a video frame has no place for (masks,
        ellipses).
    """
    from labeling.formats.ground_truth_video import _changed_frame
    from labeling.formats.model import json_bytes
    from labeling.redaction.run import write_bytes

    collection, made = _open(ws, name, clip, annotator)
    if not made.documents:
        raise Conflict(f"No frame of {made.name!r} is labelled.", hint="Label some frames first.")
    folder = Path(folder)
    if folder.is_file():
        raise InputError(f"{folder} is a file; a sequence needs a folder.")
    names = {str(n): c["name"] for n, c in enumerate(collection.classes)}
    tracked = any(r.get("track") for d in made.documents.values() for r in d["regions"])
    kind = "tracking" if tracked else "detection"
    only = _redacted_only(collection, made)
    frames, listed, lost, drawn, pictures = [], [], 0, 0, 0
    for place, (number, image) in enumerate(made.frames):
        regions = regions_at(made, number, hold=False)
        document = {**made.documents.get(number, {"classes": []}), "regions": regions}
        title = PurePosixPath(image.file_name).name
        blank = {"annotations": [], "frame-no": str(place), "frame": title, "frame-attributes": {}}
        frame, left_out = _changed_frame(blank, document, names)
        frames.append(frame)
        listed.append({"frame-no": place, "unix-timestamp": round(number / made.fps, 6), "frame": title})
        lost, drawn = lost + left_out, drawn + len(regions) - left_out
        if with_images and (image.redacted_sha256 or (not only and shows_original(collection, image))):
            path = image_file(ws, image, "redacted" if image.redacted_sha256 else "original", redacted_only=only)
            write_bytes(folder / title, path.read_bytes())
            pictures += 1
    sequence = {"seq-no": 1, "prefix": "", "number-of-frames": len(listed), "frames": listed}
    at = max((i.at for i in _times(ws, collection)), default=None)
    line = {
        "source-ref": "sequence.json",
        "labels-ref": "annotations/SeqLabel.json",
        "labels-ref-metadata": {
            "class-map": names,
            "job-name": f"labeling-job/{collection.name}",
            "human-annotated": "yes",
            "creation-date": (at.strftime("%Y-%m-%dT%H:%M:%S.%f") if at else "1970-01-01T00:00:00.000000"),
            "type": f"groundtruth/video-object-{kind}",
        },
    }
    write_bytes(folder / "sequence.json", json_bytes(sequence))
    write_bytes(folder / "annotations" / "SeqLabel.json", json_bytes({f"{kind}-annotations": frames}))
    write_bytes(folder / "output.manifest", (json.dumps(line, ensure_ascii=False) + "\n").encode())
    result = {
        "path": str(folder / "output.manifest"), "frames": len(frames), "regions": drawn, "left_out": lost,
        "pictures": pictures,
    }  # fmt: skip
    ws.audit.record("collection.write_sequence", collection.name, result | {"clip": made.name})
    return result


def _times(ws, collection: Collection) -> list:
    """The answers of a collection that have a time: the newest dates the file, so equal labels give equal bytes."""
    return [a for group in current_documents(ws, collection.id).values() for a in group if a.at]
