"""Detectors: what looks at a picture and says where faces and plates are.

A detector is anything with `name`, `kind` and `detect(bgr) -> list[Region]`, in pixels of the picture it was given.
What ships: Haar cascades (in OpenCV's wheel: they find about half of the faces in street scenes, so review), and YuNet
when `TILTH_FACE_MODEL` or an argument names its model file (they then find about 95 %).
"""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from labeling.redaction import models
from labeling.redaction.plate_net import MODEL, PlateNetDetector
from labeling.redaction.regions import Region, clip, joined, merge, padded
from transforms.errors import AppError, SourceError

WORK_SIDE = 1280  # detectors look at a copy of at most this many pixels on its long side


class Detector(Protocol):
    name: str
    kind: str

    def detect(self, bgr) -> list[Region]: ...


@dataclass(frozen=True)
class HaarDetector:
    """A cascade from OpenCV's wheel.

    Args:
        file: name of the cascade in `cv2.data.haarcascades`.
        mirrored: look at the mirrored picture too (profile faces only know one side).
        pad: share of the box added on each side; cascades mark the inner face, not hair and chin.
    """

    name: str
    kind: str
    file: str
    scale: float = 1.1
    neighbours: int = 1
    mirrored: bool = False
    pad: float = 0.2

    def detect(self, bgr) -> list[Region]:
        import cv2

        small, factor = _shrink(bgr, WORK_SIDE)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        found = [(x, y, w, h, n) for (x, y, w, h), n in self._look(grey)]
        if self.mirrored:
            width = grey.shape[1]
            found += [(width - x - w, y, w, h, n) for (x, y, w, h), n in self._look(cv2.flip(grey, 1))]
        regions = [
            # detectMultiScale2 counts the merged hits: a monotone score from it lets callers ask for more certainty
            Region(self.kind, x / factor, y / factor, w / factor, h / factor, round(1 - 1 / (1 + n / 3), 4), self.name)
            for x, y, w, h, n in found
        ]
        return clip([padded(region, self.pad) for region in regions], bgr.shape[1], bgr.shape[0])

    def _look(self, grey):
        boxes, counts = _cascade(self.file).detectMultiScale2(grey, self.scale, self.neighbours)
        return [(tuple(map(float, box)), int(n)) for box, n in zip(boxes, counts, strict=True)]


_local = threading.local()  # OpenCV's detector objects keep buffers: one of each per thread


def _cascade(file: str):
    import cv2

    cascades = _local.__dict__.setdefault("cascades", {})
    if file not in cascades:
        cascade = cv2.CascadeClassifier(os.path.join(cv2.data.haarcascades, file))
        if cascade.empty():
            raise SourceError(f"OpenCV's cascade {file} is missing.", hint="Install opencv-python-headless 4.12.")
        cascades[file] = cascade
    return cascades[file]


@dataclass(frozen=True)
class YuNetDetector:
    """YuNet faces through `cv2.FaceDetectorYN`, at two scales: small faces need pixels, large ones a smaller picture.

    Source: opencv_zoo's face_detection_yunet_2023mar.onnx. Score 0.3 and 14 % padding are what measured best for
    covering faces; OpenCV's own default of 0.9 misses more than half of them.
    """

    model: str
    name: str = "yunet"
    kind: str = "face"
    least_score: float = 0.3
    sides: tuple[int, ...] = (640, WORK_SIDE)
    pad: float = 0.14

    def detect(self, bgr) -> list[Region]:
        import cv2
        import numpy as np

        net = self._net()
        boxes, seen = [], set()
        for side in self.sides:
            small, factor = _shrink(bgr, side)
            size = (small.shape[1], small.shape[0])
            if size in seen:
                continue
            seen.add(size)
            net.setInputSize(size)
            try:
                _, faces = net.detect(small)
            except cv2.error as error:
                raise SourceError(f"The face model {Path(self.model).name} cannot be run: {error.err}.") from error
            for row in [] if faces is None else faces:
                boxes.append([*(float(v) / factor for v in row[:4]), min(1.0, max(0.0, float(row[14])))])
        if not boxes:
            return []
        # joined before padding: each look's box padded and then joined would hide a seventh more around the face
        kept = joined(np.array(boxes), 0.45).tolist()
        regions = [padded(Region(self.kind, x, y, w, h, round(s, 4), self.name), self.pad) for x, y, w, h, s in kept]
        return clip(regions, bgr.shape[1], bgr.shape[0])

    def _net(self):
        import cv2

        nets = _local.__dict__.setdefault("nets", {})
        if self not in nets:
            path = Path(self.model)
            if not path.is_file():
                raise SourceError(
                    f"There is no face model at {self.model}.", hint="Check TILTH_FACE_MODEL, or unset it to use Haar."
                )
            try:
                nets[self] = cv2.FaceDetectorYN.create(str(path), "", (320, 320), self.least_score, 0.3, 5000)
            except cv2.error as error:
                raise SourceError(
                    f"{path.name} is not a YuNet model that OpenCV can load.",
                    hint="Use face_detection_yunet_2023mar.onnx (232,589 bytes).",
                ) from error
        return nets[self]


def default_detectors(faces: bool = True, plates: bool = True, face_model: str | None = None) -> tuple[Detector, ...]:
    """Return the detectors for faces and plates that this machine can run.

    Args:
        face_model: path of a YuNet file; without it the environment's `TILTH_FACE_MODEL`; without that the one that was
            fetched (`labeling.redaction.models`); without that, Haar cascades, which miss about a quarter of the faces.
    """
    detectors: list[Detector] = []
    if faces:
        model = face_model or os.environ.get("TILTH_FACE_MODEL") or models.find(models.FACES)
        if model:
            detectors.append(YuNetDetector(str(model)))
        else:
            detectors += [
                HaarDetector("haar_frontal", "face", "haarcascade_frontalface_default.xml"),
                HaarDetector("haar_frontal_alt2", "face", "haarcascade_frontalface_alt2.xml"),
                HaarDetector("haar_profile", "face", "haarcascade_profileface.xml", mirrored=True),
            ]
    if plates and Path(MODEL).is_file():
        detectors.append(PlateNetDetector())
    elif plates:
        detectors += [
            HaarDetector("haar_plate", "plate", "haarcascade_russian_plate_number.xml", scale=1.05),
            HaarDetector("haar_plate_16stages", "plate", "haarcascade_license_plate_rus_16stages.xml", scale=1.05),
        ]
    return tuple(detectors)


def find_regions(bgr, detectors, least_score: float = 0.0, overlap: float = 0.5) -> list[Region]:
    """Ask every detector and merge what overlaps: of two regions of one kind, the higher score stays.

    Scores of different detectors do not compare, so a region swallowed by another one *widens* it to cover both:
    redaction must not lose a pixel that any detector marked.
    """
    found = []
    for detector in detectors:
        try:
            seen = detector.detect(bgr)
        except AppError:
            raise
        except Exception as error:  # a detector that crashes must not let a picture pass as one without faces
            raise SourceError(
                f"The detector {detector.name} failed ({type(error).__name__}): {str(error)[:200]}"
            ) from error
        found += [r for r in seen if r.score >= least_score and r.w > 0 and r.h > 0]
    return merge(found, overlap)


@dataclass(frozen=True)
class About:
    """What is known of one way to find things: its licence, how well it does, and whether it is here."""

    name: str
    finds: str
    licence: str
    figures: str
    here: bool


def known_detectors() -> list[About]:
    """Return all detectors that Tilth knows, the better ones first; docs/redaction.md says how they were measured."""
    own = Path(MODEL).is_file()
    named = os.environ.get("TILTH_FACE_MODEL")
    fetched = [
        About(m.name, m.finds, m.licence, m.figures, models.find(m.name) is not None) for m in models.MODELS.values()
    ]
    return [
        *(
            [About(Path(named).name, "face", "yours", "named in TILTH_FACE_MODEL", Path(named).is_file())]
            if named
            else []
        ),
        *fetched,
        About("OpenCV cascades, three together", "face", "comes with OpenCV", HAAR_FACES, True),
        *([About("Tilth's plate network", "plate", "this project's; trained on MIT data", PLATES, own)] if own else []),
        About("OpenCV cascades for plates", "plate", "comes with OpenCV", HAAR_PLATES, True),
    ]


HAAR_FACES = "cover about 75 % of faces (65 % of unseen ones), hide a fifth of the picture beside them"
HAAR_PLATES = "cover about 63 to 82 % of plates, best on European ones"
PLATES = "covers 95 % of plates of other sources (85 % of ornate ones), hides 5.5 % of the picture beside them"


def shortcomings(detectors) -> list[str]:
    """Say plainly what the chosen detectors miss, one sentence each; nothing where nothing is known to be weak."""
    names = {detector.name for detector in detectors}
    said = []
    if "haar_frontal" in names:
        said.append(
            "No face model is here: OpenCV's cascades miss about a quarter of the faces, and hide much that is none. "
            "Fetch the model with --fetch (0.3 MB), and look at every copy."
        )
    if "haar_plate" in names:
        said.append(
            "Plates are looked for with OpenCV's cascades, which miss about a third of them. Look at every copy."
        )
    return said


def version_of(detector) -> str:
    """Return a detector's name, and for those with a model file the beginning of its SHA-256."""
    model = Path(str(getattr(detector, "model", "") or ""))
    if model.is_file():
        with open(model, "rb") as file:
            return f"{detector.name} {hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"
    return detector.name


def _shrink(bgr, side: int):
    import cv2

    height, width = bgr.shape[:2]
    factor = min(1.0, side / max(height, width))
    if factor == 1.0:
        return bgr, 1.0
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), factor
