"""The plate network that ships: it finds plates it never saw, gives the same every time, and takes any size."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="onnxruntime runs the plate network; it is not installed")

from labeling.redaction.detectors import default_detectors, find_regions, version_of
from labeling.redaction.plate_net import PlateNetDetector
from labeling.redaction.train.plates import STYLES, draw_plate, paste
from transforms.errors import SourceError


def scene(seed: int) -> tuple[np.ndarray, list[float]]:
    """A grey picture with a dark bumper and one European plate of 200 × 43 pixels on it."""
    rng = np.random.default_rng(seed)
    bgr = np.full((480, 800, 3), 120, "uint8")
    bgr[250:400, 200:620] = 45
    bgr = np.clip(bgr + rng.normal(0, 4, bgr.shape), 0, 255).astype("uint8")
    return bgr, paste(rng, bgr, draw_plate(rng, STYLES[0]), 200, (410, 320))


def covered(regions, box) -> float:
    x, y, w, h = box
    mask = np.zeros((480, 800), bool)
    for r in regions:
        mask[int(r.y) : int(r.y + r.h) + 1, int(r.x) : int(r.x + r.w) + 1] = True
    return mask[int(y) : int(y + h), int(x) : int(x + w)].mean()


def test_plates_are_covered_and_little_else():
    hidden = []
    for seed in range(8):
        bgr, box = scene(seed)
        found = PlateNetDetector().detect(bgr)
        hidden.append(covered(found, box) >= 0.75)
        assert sum(r.w * r.h for r in found) < 0.2 * bgr.shape[0] * bgr.shape[1]
    assert sum(hidden) >= 7


def test_it_gives_the_same_every_time_and_takes_any_size():
    bgr, _ = scene(1)
    assert PlateNetDetector().detect(bgr) == PlateNetDetector().detect(bgr.copy())
    for shape in ((1, 1, 3), (33, 47, 3), (2000, 31, 3)):
        assert PlateNetDetector().detect(np.full(shape, 90, "uint8")) == []


def test_it_is_what_looks_for_plates_by_default():
    (detector,) = default_detectors(faces=False)
    assert detector.name == "plate_net" and len(version_of(detector).split()[1]) == 12
    assert find_regions(np.zeros((200, 300, 3), "uint8"), [detector]) == []


def test_a_missing_or_damaged_model_is_one_sentence(tmp_path):
    with pytest.raises(SourceError, match="no plate model"):
        PlateNetDetector(model=str(tmp_path / "none.onnx")).detect(np.zeros((64, 64, 3), "uint8"))
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(SourceError, match=r"bad\.onnx cannot be loaded"):
        PlateNetDetector(model=str(tmp_path / "bad.onnx")).detect(np.zeros((64, 64, 3), "uint8"))


def test_a_mirrored_picture_is_seen_alike():
    """With the mean of both sides, what is found in the mirror is the mirror of what is found."""
    bgr, _ = scene(2)
    detector = PlateNetDetector(sides=(800,), least_score=0.3)
    found, mirror = detector.detect(bgr), detector.detect(np.ascontiguousarray(bgr[:, ::-1]))
    turned = sorted((round(800 - r.x - r.w), round(r.y), round(r.w), round(r.h)) for r in mirror)
    assert turned and turned == sorted((round(r.x), round(r.y), round(r.w), round(r.h)) for r in found)


def test_small_pictures_are_enlarged_and_videos_looked_at_once():
    import cv2

    hidden = []
    for seed in range(8):
        bgr, box = scene(seed)
        small = cv2.resize(bgr, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)  # the plate is 11 pixels high
        found = PlateNetDetector().detect(small)
        large = [type(r)(r.kind, 4 * r.x, 4 * r.y, 4 * r.w, 4 * r.h, r.score, r.detector) for r in found]
        hidden.append(covered(large, box) >= 0.75)
    assert sum(hidden) >= 6
    assert PlateNetDetector().for_video() == PlateNetDetector(mirrored=False)
