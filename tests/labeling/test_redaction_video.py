"""Video: what is seen in one frame is hidden in those around it, and a stopped run goes on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from labeling.pictures import clip_frames, open_clip
from labeling.redaction.regions import Region
from labeling.redaction.video import redact_video
from transforms.errors import InputError, SourceError

SIDE = 24


def place(frame: int) -> tuple[int, int]:
    return 10 + 3 * frame, 30 + frame


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Forty frames of 320 × 240 with a textured square that moves by (3, 1) a frame."""
    path = tmp_path_factory.mktemp("film") / "walk.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (320, 240))
    ground = cv2.GaussianBlur(np.random.default_rng(1).integers(60, 160, (240, 320, 3), dtype="uint8"), (0, 0), 3)
    thing = np.kron(np.random.default_rng(2).integers(0, 255, (6, 6, 3), dtype="uint8"), np.ones((4, 4, 1), "uint8"))
    for frame in range(40):
        bgr = ground.copy()
        x, y = place(frame)
        bgr[y : y + SIDE, x : x + SIDE] = thing
        writer.write(bgr)
    writer.release()
    return path


class Eye:
    """Sees the square in the frames it is told to; counts how often it looked."""

    name, kind = "eye", "face"

    def __init__(self, film, frames):
        self.pictures = {n: bgr for n, bgr in clip_frames(film)}
        self.frames, self.looked = set(frames), []

    def detect(self, bgr):
        number = min(self.pictures, key=lambda n: int(np.abs(self.pictures[n].astype(int) - bgr).sum()))
        self.looked.append(number)
        if number not in self.frames:
            return []
        x, y = place(number)
        return [Region("face", x, y, SIDE, SIDE, 0.9, self.name)]


def hidden(record: dict, frame: int) -> float:
    """Share of the square that is under the regions of a frame."""
    mask = np.zeros((240, 320), bool)
    for r in record["regions"]:
        mask[max(0, int(r["y"])) : int(r["y"] + r["h"] + 1), max(0, int(r["x"])) : int(r["x"] + r["w"] + 1)] = True
    x, y = place(frame)
    return mask[y : y + SIDE, x : x + SIDE].mean()


def test_what_is_seen_in_one_frame_is_hidden_in_five_before_and_after(film, tmp_path):
    records = redact_video(film, tmp_path / "o.mp4", [Eye(film, [20])], every=1, cover=5, method="fill")
    covered = [hidden(r, n) for n, r in enumerate(records)]
    assert min(covered[15:26]) > 0.9
    assert max(covered[:14] + covered[27:]) == 0


def test_between_two_looks_the_way_is_hidden(film, tmp_path):
    eye = Eye(film, range(0, 40, 5))
    records = redact_video(film, tmp_path / "o.mp4", [eye], every=5)
    assert eye.looked == list(range(0, 40, 5))
    assert min(hidden(r, n) for n, r in enumerate(records)) > 0.85
    area = [sum(r["w"] * r["h"] for r in record["regions"][:1]) for record in records]
    assert max(area) < 4 * SIDE * SIDE  # it follows, it does not cover the whole picture


def test_size_rate_and_length_stay(film, tmp_path):
    records = redact_video(film, tmp_path / "o.mp4", [Eye(film, [0])], every=8, method="fill")
    capture, clip = open_clip(tmp_path / "o.mp4")
    capture.release()
    assert (clip.width, clip.height, clip.fps, len(records)) == (320, 240, 25, 40)
    frames = [bgr for _, bgr in clip_frames(tmp_path / "o.mp4")]
    assert len(frames) == 40
    x, y = place(0)
    assert frames[0][y + 4 : y + SIDE - 4, x + 4 : x + SIDE - 4].mean() < 25  # black but for compression


def test_a_stopped_run_goes_on_where_it_was(film, tmp_path):
    class Stop(Exception):
        pass

    def stop_late(share, what):
        if share > 0.4:
            raise Stop

    eye = Eye(film, range(40))
    with pytest.raises(Stop):
        redact_video(film, tmp_path / "o.mp4", [eye], every=2, progress=stop_late)
    assert [p.name for p in tmp_path.iterdir()] == [".o.mp4.found.jsonl"]
    first = list(eye.looked)
    eye.looked.clear()
    again = redact_video(film, tmp_path / "o.mp4", [eye], every=2)
    assert len(first) > 5 and sorted({*first, *eye.looked}) == list(range(0, 40, 2))
    assert len(first) + len(eye.looked) <= 21  # the one look that was under way is taken again
    assert sorted(p.name for p in tmp_path.iterdir()) == ["o.mp4"]
    fresh = redact_video(film, tmp_path / "p.mp4", [Eye(film, range(40))], every=2)
    assert [r["regions"] for r in again] == [r["regions"] for r in fresh]


def test_notes_of_other_settings_are_not_used(film, tmp_path):
    eye = Eye(film, range(40))
    with pytest.raises(ZeroDivisionError):
        redact_video(film, tmp_path / "o.mp4", [eye], every=2, progress=lambda share, what: 1 / (share < 0.4))
    eye.looked.clear()
    redact_video(film, tmp_path / "o.mp4", [eye], every=4)
    assert eye.looked == list(range(0, 40, 4))


def test_sound_without_ffmpeg_is_refused_before_anything_is_done(film, tmp_path, monkeypatch):
    monkeypatch.setattr("labeling.redaction.video.shutil.which", lambda name: None)
    with pytest.raises(InputError, match="needs ffmpeg"):
        redact_video(film, tmp_path / "o.mp4", [], audio=True)
    assert list(tmp_path.iterdir()) == []


def test_a_detector_that_fails_leaves_no_picture_behind(film, tmp_path):
    class Broken:
        name, kind = "broken", "face"

        def detect(self, bgr):
            raise SourceError("the model crashed")

    with pytest.raises(SourceError, match="crashed"):
        redact_video(film, tmp_path / "o.mp4", [Broken()])
    assert [p.suffix for p in tmp_path.iterdir()] == [".jsonl"]
