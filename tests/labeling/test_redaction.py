from __future__ import annotations

import hashlib
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from labeling.pictures import read_picture
from labeling.redaction.detectors import HaarDetector, YuNetDetector, default_detectors, find_regions, shortcomings
from labeling.redaction.redactor import redact
from labeling.redaction.regions import Region, clip, iou, joined, merge, suppress
from labeling.redaction.run import redact_paths
from transforms.errors import InputError, SourceError


def region(x, y, w, h, score=0.5, kind="face"):
    return Region(kind, x, y, w, h, score, "test")


def test_iou_by_hand():
    assert iou(region(0, 0, 10, 10), region(5, 0, 10, 10)) == pytest.approx(50 / 150)
    assert iou(region(0, 0, 10, 10), region(10, 0, 10, 10)) == 0


def test_merging_never_uncovers_a_marked_pixel():
    merged = merge([region(0, 0, 10, 10, 0.4), region(2, 0, 10, 10, 0.9), region(2, 0, 10, 10, 0.3, "plate")])
    assert [(r.kind, r.x, r.w, r.score) for r in merged] == [("face", 0, 12, 0.9), ("plate", 2, 10, 0.3)]


def test_two_looks_are_joined_or_the_better_one_is_kept():
    boxes = np.array([[2, 0, 10, 10, 0.5], [0, 0, 10, 10, 0.9], [50, 50, 10, 10, 0.7]], dtype=float)
    assert joined(boxes, 0.4).tolist() == [[0, 0, 12, 10, 0.9], [50, 50, 10, 10, 0.7]]  # IoU of the first two: 8/12
    assert suppress(boxes, 0.4).tolist() == [[0, 0, 10, 10, 0.9], [50, 50, 10, 10, 0.7]]
    assert len(joined(boxes, 0.7)) == len(suppress(boxes, 0.7)) == 3


def test_regions_are_cut_to_the_picture():
    assert [
        (r.x, r.y, r.w, r.h)
        for r in clip([region(-5, -5, 20, 20), region(90, 40, 30, 30), region(200, 0, 5, 5)], 100, 50)
    ] == [
        (0, 0, 15, 15),
        (90, 40, 10, 10),
    ]


@pytest.mark.parametrize("method", ["blur", "pixelate", "fill"])
@pytest.mark.parametrize("size", [(3, 3), (7, 40), (64, 64), (200, 120)])
def test_two_different_patches_with_equal_cells_become_the_same(method, size):
    """Nothing that tells a fine pattern from its inverse is left: it cannot be computed back."""
    wide, high = size
    checker = ((np.indices((high, wide)).sum(0) % 2) * 255).astype("uint8")
    pictures = [np.repeat(p[:, :, None], 3, 2) for p in (checker, 255 - checker)]
    hidden = [redact(p, [region(0, 0, wide, high)], method).astype(int) for p in pictures]
    assert np.abs(hidden[0] - hidden[1]).max() <= (40 if min(size) > 6 else 255)
    if method != "fill":
        assert hidden[0].std() < 30  # the pattern itself had 127


def test_only_the_regions_change_and_the_input_stays():
    bgr = np.random.default_rng(1).integers(0, 255, (60, 80, 3), dtype="uint8")
    before = bgr.copy()
    out = redact(bgr, [region(10, 20, 30, 15), region(-50, -50, 10, 10), region(70, 50, 100, 100)], "fill")
    changed = (out != bgr).any(axis=2)
    assert (bgr == before).all()
    assert changed[20:35, 10:40].mean() > 0.99 and changed[50:, 70:].mean() > 0.99
    changed[20:35, 10:40] = False
    changed[50:, 70:] = False
    assert not changed.any()


@pytest.mark.parametrize("method", ["blur", "pixelate", "fill"])
@pytest.mark.parametrize(("shape", "feather"), [("ellipse", 0.0), ("ellipse", 0.3), ("box", 0.5)])
def test_soft_rims_lie_outside_and_nothing_inside_stays(method, shape, feather):
    noise = np.random.default_rng(4).integers(0, 255, (120, 160, 3), dtype="uint8")
    out = redact(noise, [region(50, 40, 40, 30)], method, shape=shape, feather=feather)
    inside = out[40:70, 50:90].astype(int)
    assert inside.std() < 45 and not (inside == noise[40:70, 50:90]).all(axis=2).any(axis=1).all()
    assert (out[:20] == noise[:20]).all() and (out[:, :20] == noise[:, :20]).all()
    if method == "fill":
        assert not inside.any()
        rim = out[55, 90:100].astype(int).sum(axis=1) < noise[55, 90:100].astype(int).sum(axis=1)
        assert rim.any()  # it fades


@pytest.mark.parametrize("method", ["blur", "pixelate"])
def test_a_hidden_number_cannot_be_told_from_others(method):
    """An attacker who knows the font, the place and the method hides all ten digits and compares: no better than guessing
    among most of them, whatever the size."""
    import cv2

    def digit(n: int, side: int, seed: int) -> np.ndarray:
        plate = np.full((side, side, 3), 235, "uint8")
        cv2.putText(plate, str(n), (side // 5, side * 4 // 5), 0, side / 32, (20, 20, 20), max(1, side // 12))
        noise = np.random.default_rng(seed).normal(0, 6, plate.shape)
        return np.clip(plate + noise, 0, 255).astype("uint8")

    def row(digits, side, seed):  # a plate of seven digits is one region
        return np.hstack([digit(n, side, seed + i) for i, n in enumerate(digits)])

    right = 0
    rng = np.random.default_rng(7)
    for trial in range(40):
        side = int(rng.choice([24, 48, 96]))
        digits = rng.integers(0, 10, 7)
        shown = redact(row(digits, side, 1000 * trial), [region(0, 0, 7 * side, side)], method).astype(float)
        guesses = []
        for n in range(10):  # everything but the fourth digit is known to the attacker
            tried = [*digits[:3], n, *digits[4:]]
            seen = redact(row(tried, side, 77), [region(0, 0, 7 * side, side)], method).astype(float)
            guesses.append(np.abs(seen - shown).mean())
        right += int(np.argmin(guesses)) == digits[3]
    assert right <= 14  # 4 is chance; 13 or more of 40 would come up once in ten thousand tries by chance alone


def test_unknown_method_names_the_known():
    with pytest.raises(InputError, match="blur, pixelate, fill"):
        redact(np.zeros((4, 4, 3), "uint8"), [], "smudge")


@pytest.mark.parametrize("kind", ["face", "plate"])
def test_haar_regions_lie_inside_the_picture(shared, kind):
    folder = shared / "data" / f"{kind}s"
    truth = [json.loads(line) for line in (folder / "gt.jsonl").read_text().splitlines()]
    row = next(r for r in truth if len(r["boxes"]) == 1 and r["width"] * r["height"] < 500_000)
    bgr = read_picture(folder / row["file"]).bgr
    for found in find_regions(bgr, default_detectors(kind == "face", kind == "plate")):
        assert found.kind == kind and 0 < found.score <= 1
        assert 0 <= found.x < found.x + found.w <= bgr.shape[1] + 0.05
        assert 0 <= found.y < found.y + found.h <= bgr.shape[0] + 0.05


@pytest.mark.parametrize("model", ["yunet_s_640_640.onnx", "yunet_n_640_640.onnx"])
def test_yunet_covers_most_faces(shared, model):
    """Over the first 12 pictures: at least 90 % of the faces have 75 % of their area hidden."""
    detector = YuNetDetector(str(shared / "data/models" / model))
    truth = [json.loads(line) for line in (shared / "data/faces/gt.jsonl").read_text().splitlines()][:12]
    hits = total = 0
    for row in truth:
        bgr = read_picture(shared / "data/faces" / row["file"]).bgr
        mask = np.zeros(bgr.shape[:2], bool)
        for r in find_regions(bgr, [detector]):
            mask[int(r.y) : int(np.ceil(r.y + r.h)), int(r.x) : int(np.ceil(r.x + r.w))] = True
        for x, y, w, h in row["boxes"]:
            hits += mask[max(0, round(y)) : round(y + h), max(0, round(x)) : round(x + w)].mean() >= 0.75
            total += 1
    assert hits / total >= 0.9, (hits, total)


def test_a_missing_or_wrong_model_is_one_sentence(tmp_path):
    bgr = np.zeros((40, 40, 3), "uint8")
    with pytest.raises(SourceError, match="no face model"):
        YuNetDetector(str(tmp_path / "none.onnx")).detect(bgr)
    (tmp_path / "wrong.onnx").write_bytes(b"not a model")
    with pytest.raises(SourceError, match="not a YuNet model"):
        YuNetDetector(str(tmp_path / "wrong.onnx")).detect(bgr)


class Corner:
    name, kind = "corner", "face"

    def detect(self, bgr):
        return [Region("face", 0, 0, 16, 12, 0.75, "corner")]


def test_paths_report_and_problems(tmp_path, make_picture):
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.png").write_bytes(make_picture(1))
    (folder / "sub" / "b.jpg").write_bytes(make_picture(2, suffix=".jpg"))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    (folder / "notes.txt").write_text("ignored inside a folder")
    (tmp_path / "notes.txt").write_text("named by hand")
    report = tmp_path / "report.jsonl"
    done = redact_paths(
        [folder, tmp_path / "notes.txt", tmp_path / "gone.png"],
        tmp_path / "out",
        detectors=[Corner()],
        method="fill",
        report=report,
    )
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in done.written) == ["a.png", "sub/b.jpg"]
    assert len(done.problems) == 3 and all("\n" not in p for p in done.problems)
    records = [json.loads(line) for line in report.read_text().splitlines()]
    assert records[0] == {
        "file": "a.png",
        "width": 64,
        "height": 48,
        "regions": [{"kind": "face", "x": 0, "y": 0, "w": 16, "h": 12, "score": 0.75, "detector": "corner"}],
        "detectors": ["corner"],
        "method": "fill",
        "original_sha256": hashlib.sha256(make_picture(1)).hexdigest(),
        "sha256": hashlib.sha256((tmp_path / "out" / "a.png").read_bytes()).hexdigest(),
    }
    assert not read_picture(tmp_path / "out" / "a.png").bgr[:12, :16].any()


def test_copies_are_upright_and_carry_no_metadata(tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Secret Camera"
    source = tmp_path / "turned.jpg"
    Image.new("RGB", (30, 20), (9, 99, 200)).save(source, "JPEG", exif=exif, comment=b"who was here")
    done = redact_paths([source], tmp_path / "out", detectors=[Corner()])
    assert (done.records[0]["width"], done.records[0]["height"]) == (20, 30)
    data = (tmp_path / "out" / "turned.jpg").read_bytes()
    assert b"Secret Camera" not in data and b"who was here" not in data and b"Exif" not in data


def test_an_input_is_never_overwritten(tmp_path, make_picture):
    source = tmp_path / "a.png"
    source.write_bytes(make_picture(1))
    done = redact_paths([source], tmp_path, detectors=[Corner()])
    assert "overwritten" in done.problems[0]
    assert source.read_bytes() == make_picture(1)


def test_video_gives_an_mp4_and_a_line_per_frame(shared, tmp_path):
    clip_file = shared / "data/images/video/face-demographics-walking.gif"
    done = redact_paths([clip_file], tmp_path, detectors=[Corner()], method="fill")
    (written,) = done.written
    assert written.suffix == ".mp4" and not done.problems
    assert [r["frame"] for r in done.records] == list(range(len(done.records)))
    from labeling.pictures import clip_frames

    frames = [bgr for _, bgr in clip_frames(written)]
    assert len(frames) == len(done.records)
    assert frames[0][:10, :14].mean() < 12  # black but for what compression does


def test_archives_and_patterns(tmp_path, make_picture):
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        archive.writestr("sub/a.png", make_picture(1))
        archive.writestr("../../b.png", make_picture(2))
        archive.writestr("c.png", b"no picture")
        archive.writestr("notes.txt", "left alone")
    (tmp_path / "d.png").write_bytes(make_picture(3))
    done = redact_paths([tmp_path / "many.zip", tmp_path / "*.png"], tmp_path / "out", detectors=[Corner()])
    assert [p.relative_to(tmp_path / "out").as_posix() for p in done.written] == ["many/sub/a.png", "d.png"]
    assert [r["file"] for r in done.records] == ["many.zip/sub/a.png", "d.png"]
    assert len(done.problems) == 2 and any("leads out of the folder" in p for p in done.problems)
    assert sorted(p.name for p in tmp_path.rglob("b.png")) == []


def test_a_crashing_detector_lets_no_copy_through(tmp_path, make_picture):
    class Crash:
        name, kind = "crash", "face"

        def detect(self, bgr):
            raise RuntimeError("out of luck")

    (tmp_path / "a.png").write_bytes(make_picture(1))
    done = redact_paths([tmp_path / "a.png"], tmp_path / "out", detectors=[Corner(), Crash()])
    assert done.problems == ["The detector crash failed (RuntimeError): out of luck"]
    assert not (tmp_path / "out").exists()


def test_what_the_detectors_miss_is_said():
    assert len(shortcomings([HaarDetector("haar_frontal", "face", "x"), HaarDetector("haar_plate", "plate", "y")])) == 2
    assert shortcomings([Corner()]) == []


def test_nothing_to_do_is_said(tmp_path):
    with pytest.raises(InputError, match="Neither faces nor plates"):
        redact_paths([tmp_path], tmp_path / "out", faces=False, plates=False)
