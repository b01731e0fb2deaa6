"""Frames out of a film, and labels back into it."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import cli
from labeling import annotations, collections, tracking, transfer, video
from labeling.pictures import clip_frames
from transforms.errors import Conflict, InputError, NotFound, SourceError

WIDTH, HEIGHT, FPS, FRAMES = 160, 120, 10.0, 30
COLOUR = np.array([216, 126, 47])  # of the first class, BGR


@pytest.fixture
def film(tmp_path):
    """Three seconds: a grey ground whose upper band grows brighter, so that no two frames are equal."""
    path = tmp_path / "drive.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), FPS, (WIDTH, HEIGHT))
    for n in range(FRAMES):
        frame = np.full((HEIGHT, WIDTH, 3), 60, "uint8")
        frame[:16] = n * 8
        writer.write(frame)
    writer.release()
    return path


@pytest.fixture
def drive(tmp_workspace, film):
    """Frames 0, 10 and 20, of which the first and the last are labelled: a car goes from x = 20 to x = 100."""
    ws = tmp_workspace
    collections.create_collection(ws, "drive", ["car", "sign"])
    collections.add_frames(ws, "drive", film, every=10)
    for number, x in ((0, 20), (20, 100)):
        put(ws, number, [box(x, track="t1")])
    return ws


def item(ws, number: int, name: str = "drive"):
    return next(i for i in collections.list_images(ws, name) if tracking.frame_of(i.source)[1] == number)


def put(ws, number: int, regions: list, seq: int = 1, who: str = "anna") -> None:
    document = {"regions": [{"id": f"r{n}", **r} for n, r in enumerate(regions, 1)], "classes": []}
    annotations.save(ws, item(ws, number).id, document, annotator=who, client="t", seq=seq)


def box(x: float, label: str = "car", **more) -> dict:
    return {"shape": "box", "label": label, "x": x, "y": 50, "w": 40, "h": 40, **more}


def pictures(path) -> list[np.ndarray]:
    return [bgr for _, bgr in clip_frames(path)]


def left_edge(bgr) -> int | None:
    """Column of the first pixel of row 75 that is nearly of the first class's colour."""
    near = np.abs(bgr[75].astype(int) - COLOUR).sum(axis=1) < 120
    return int(np.flatnonzero(near)[0]) if near.any() else None


# -- frames out -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({"every": 10, "start_s": 0.5}, [5, 15, 25]),
        ({"per_second": 5, "start_s": 1, "end_s": 2}, [10, 12, 14, 16, 18]),
        ({"every": 10, "end_s": 2.0}, [0, 10]),
        ({"numbers": [25, 3, 3, 999]}, [3, 25]),
        ({"numbers": [0]}, [0]),
        ({"every": 10, "most": 2}, [0, 10]),
        ({"start_s": 99.0, "every": 1}, []),
    ],
)
def test_frames_of_a_part_of_a_film(film, asked, numbers):
    assert [n for n, _ in clip_frames(film, **asked)] == numbers


@pytest.mark.parametrize("asked", [{"start_s": -1.0}, {"start_s": 2.0, "end_s": 1.0}, {"start_s": float("nan")}])
def test_parts_that_are_none(film, asked):
    with pytest.raises(SourceError, match="is not possible"):
        list(clip_frames(film, **asked))


# -- what is to be seen in a frame ----------------------------------------------------------------------------------


def clip_of(documents: dict, frames=(0, 10, 20)) -> video.Clip:
    made = video.Clip("x.mp4", [(n, None) for n in frames], known={"fps": 10})
    made.documents = {
        n: {"regions": [{"id": f"r{i}", **r} for i, r in enumerate(regions)], "classes": []}
        for n, regions in documents.items()
    }
    return made


def test_an_object_moves_in_a_straight_line_and_the_rest_stays():
    clip = clip_of({0: [box(20, track="t1"), box(5, "sign")], 20: [box(100, track="t1")]})
    assert [[r["x"] for r in video.regions_at(clip, n)] for n in (0, 5, 19, 20, 29, 30)] == [
        [20, 5], [40, 5], [96, 5], [100], [100], [],
    ]  # fmt: skip
    assert [r["x"] for r in video.regions_at(clip, 5, hold=False)] == [40]
    assert video.regions_at(clip_of({10: [box(0)]}), 9) == []


def test_hidden_objects_are_not_seen_and_other_shapes_do_not_break():
    polygon = {"shape": "polygon", "label": "car", "points": [[0, 0], [9, 0], [0, 9]], "track": "t1"}
    clip = clip_of(
        {0: [box(20, track="t1"), box(5, "sign", track="t2")], 20: [polygon, box(5, "sign", track="t2", hidden=True)]}
    )
    assert [r["x"] for r in video.regions_at(clip, 10)] == [20, 5]
    assert [r["shape"] for r in video.regions_at(clip, 20)] == ["polygon"]


# -- the film -------------------------------------------------------------------------------------------------------


def test_labels_are_drawn_on_every_frame_of_the_film(drive, film, tmp_path):
    done = video.render_video(drive, "drive", "drive.mp4", tmp_path / "out.mp4")
    assert {k: done[k] for k in ("frames", "width", "height", "fps", "labelled", "drawn_on")} == {
        "frames": FRAMES, "width": WIDTH, "height": HEIGHT, "fps": FPS, "labelled": 2, "drawn_on": "film",
    }  # fmt: skip
    drawn = pictures(tmp_path / "out.mp4")
    assert len(drawn) == FRAMES and drawn[0].shape == (HEIGHT, WIDTH, 3)
    for number in (0, 5, 10, 20):  # 4 pixels a frame
        assert left_edge(drawn[number]) == pytest.approx(20 + 4 * number, abs=2)
    assert left_edge(pictures(film)[5]) is None
    assert not list(tmp_path.glob(".*part*"))
    assert [a.how for a in drive.lineage.of("file", done["path"])][0] == "render video"


def test_one_annotators_labels(drive, tmp_path):
    put(drive, 0, [box(60)], who="ben")
    video.render_video(drive, "drive", "drive.mp4", tmp_path / "ben.mp4", annotator="ben")
    assert left_edge(pictures(tmp_path / "ben.mp4")[0]) == pytest.approx(60, abs=2)
    with pytest.raises(NotFound, match="annotator"):
        video.render_video(drive, "drive", "drive.mp4", tmp_path / "x.mp4", annotator="eve")


def test_stored_frames_stand_in_for_a_film_that_is_gone(drive, film, tmp_path):
    film.rename(tmp_path / "moved.mp4")
    done = video.render_video(drive, "drive", "drive.mp4", tmp_path / "out.mp4")
    assert (done["drawn_on"], done["frames"], done["fps"]) == ("stored frames", 30, FPS)
    drawn = pictures(tmp_path / "out.mp4")
    assert left_edge(drawn[5]) == pytest.approx(40, abs=2)  # the picture is held, the label moves on
    assert abs(int(drawn[5][4, 80, 0]) - int(drawn[0][4, 80, 0])) < 8
    again = video.render_video(drive, "drive", "drive.mp4", tmp_path / "o2.mp4", source=tmp_path / "moved.mp4")
    assert again["drawn_on"] == "film"
    with pytest.raises(SourceError, match="There is no file"):
        video.render_video(drive, "drive", "drive.mp4", tmp_path / "o3.mp4", source=tmp_path / "none.mp4")


class Everything:
    name, kind = "all", "face"

    def detect(self, bgr):
        from labeling.redaction.regions import Region

        return [Region("face", 0, 0, bgr.shape[1], bgr.shape[0], 0.9, self.name)]


def test_redacted_copies_only_where_the_collection_says_so(drive, tmp_path):
    collections.redact_collection(drive, "drive", method="fill", detectors=[Everything()])
    done = video.render_video(drive, "drive", "drive.mp4", tmp_path / "out.mp4")
    assert done["drawn_on"] == "redacted frames"
    band = pictures(tmp_path / "out.mp4")[20][4, 120:]  # was 160 in the film
    assert band.max() < 40
    collections.add_frames(drive, "drive", tmp_path / "drive.mp4", numbers=[15])  # not redacted yet
    with pytest.raises(Conflict, match="no redacted copy"):
        video.render_video(drive, "drive", "drive.mp4", tmp_path / "o2.mp4")
    assert not (tmp_path / "o2.mp4").exists()


def test_stopping_leaves_nothing_behind(drive, tmp_path):
    class Stop(Exception):
        pass

    def progress(share, message):
        if share > 0.3:
            raise Stop

    (tmp_path / "out.mp4").write_bytes(b"the old one")
    with pytest.raises(Stop):
        video.render_video(drive, "drive", "drive.mp4", tmp_path / "out.mp4", progress=progress)
    assert (tmp_path / "out.mp4").read_bytes() == b"the old one"
    assert not [p for p in tmp_path.iterdir() if "part" in p.name]


def test_what_cannot_be_drawn_is_said(drive, film, tmp_path):
    for wrong, said, kind in (
        ({"clip": "other.mp4"}, "clip", NotFound),
        ({"out": tmp_path / "out.avi"}, "no MP4", InputError),
        ({"out": film}, "overwritten", InputError),
    ):
        asked = {"clip": "drive.mp4", "out": tmp_path / "out.mp4"} | wrong
        with pytest.raises(kind, match=said):
            video.render_video(drive, "drive", **asked)
    small = tmp_path / "small.mp4"
    writer = cv2.VideoWriter(str(small), cv2.VideoWriter_fourcc(*"mp4v"), FPS, (64, 48))
    writer.write(np.zeros((48, 64, 3), "uint8"))
    writer.release()
    with pytest.raises(SourceError, match="another size"):
        video.render_video(drive, "drive", "drive.mp4", tmp_path / "out.mp4", source=small)
    collections.create_collection(drive, "bare", ["car"])
    collections.add_frames(drive, "bare", film, every=10)
    with pytest.raises(Conflict, match="No frame"):
        video.render_video(drive, "bare", "drive.mp4", tmp_path / "out.mp4")


def test_every_shape_can_be_drawn(drive, tmp_path):
    shapes = [
        box(0, rotation=30), {"shape": "polyline", "label": "sign", "points": [[0, 0], [150, 110]]},
        {"shape": "point", "label": "größe 信", "x": 159, "y": 119},
        {"shape": "ellipse", "label": "car", "x": 80, "y": 60, "rx": 9, "ry": 5},
        {"shape": "mask", "label": "car", "x": 150, "y": 100, "w": 10, "h": 10, "rle": [0, 100]},
        {"shape": "polygon", "label": "sign", "points": [[-9, 5], [300, 5], [3, 90]]},
    ]  # fmt: skip
    collections.add_classes(drive, "drive", ["größe 信"])
    put(drive, 0, shapes, seq=2)
    video.render_video(drive, "drive", "drive.mp4", tmp_path / "out.mp4")
    first, plain = pictures(tmp_path / "out.mp4")[0].astype(int), pictures(tmp_path / "drive.mp4")[0].astype(int)
    changed = np.abs(first - plain).sum(axis=2) > 60
    assert changed[55:65, 70:90].any() and changed[100:110, 150:].mean() > 0.5 and changed[116:, 155:].any()


# -- as a Ground Truth sequence -------------------------------------------------------------------------------------


def test_a_sequence_is_what_ground_truth_writes_and_reads_back(drive, tmp_path):
    done = video.write_sequence(drive, "drive", "drive.mp4", tmp_path / "seq", with_images=True)
    assert {k: done[k] for k in ("frames", "regions", "left_out", "pictures")} == {
        "frames": 3, "regions": 3, "left_out": 0, "pictures": 3,
    }  # fmt: skip
    line = json.loads((tmp_path / "seq/output.manifest").read_text())
    assert line["labels-ref-metadata"]["type"] == "groundtruth/video-object-tracking"
    assert line["labels-ref-metadata"]["class-map"] == {"0": "car", "1": "sign"}
    frames = json.loads((tmp_path / "seq" / line["labels-ref"]).read_text())["tracking-annotations"]
    assert [(f["frame-no"], f["annotations"][0]["left"]) for f in frames] == [("0", 20), ("1", 60), ("2", 100)]
    assert frames[1]["annotations"][0] == {
        "height": 40, "width": 40, "top": 50, "left": 60, "class-id": "0", "label-category-attributes": {},
        "object-id": "t1", "object-name": "car:t1",
    }  # fmt: skip
    assert (tmp_path / "seq" / frames[1]["frame"]).is_file()
    transfer.import_labels(drive, "back", tmp_path / "seq/output.manifest", "ground-truth")
    images = collections.list_images(drive, "back")
    (region,) = annotations.answers(drive, images[1].id)[0].document["regions"]
    assert (region["x"], region["label"], region["track"]) == (60, "car", "t1")


def test_without_tracks_it_is_detection_and_says_what_it_left_out(drive, tmp_path):
    put(drive, 0, [box(1), {"shape": "ellipse", "label": "car", "x": 80, "y": 60, "rx": 9, "ry": 5}], seq=2)
    put(drive, 20, [], seq=2)
    done = video.write_sequence(drive, "drive", "drive.mp4", tmp_path / "seq")
    assert (done["regions"], done["left_out"], done["pictures"]) == (1, 1, 0)
    said = json.loads((tmp_path / "seq/annotations/SeqLabel.json").read_text())
    assert list(said) == ["detection-annotations"] and len(said["detection-annotations"]) == 3


def test_by_command(drive, film, tmp_path):
    def tilth(*words, code=0):
        result = CliRunner().invoke(cli.app, ["labels", *map(str, words)])
        assert result.exit_code == code, result.output + result.stderr
        return result

    (clip,) = json.loads(tilth("render", "drive", "--json").stdout)
    assert (clip["clip"], clip["frames"], clip["labelled"], clip["file"]) == ("drive.mp4", 3, 2, str(film))
    assert "30 frames, drawn on the film" in tilth("render", "drive", "-o", tmp_path / "out.mp4").stdout
    tilth("render", "drive", "drive.mp4", "--sequence", tmp_path / "seq")
    assert (tmp_path / "seq" / "output.manifest").is_file()
    made = tilth("create", "part", film, "--frames", "0,5-7", "--json")
    assert json.loads(made.stdout)["added"] == 4
    assert json.loads(tilth("create", "late", film, "--start", 2, "--every", 5, "--json").stdout)["added"] == 2
    assert "is no frame" in tilth("create", "part", film, "--frames", "a", code=1).stderr
