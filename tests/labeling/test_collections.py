from __future__ import annotations

import io

import pytest
from PIL import Image

from labeling import annotations, collections
from labeling.pictures import read_picture
from labeling.redaction.regions import Region
from transforms.errors import Conflict, InputError, NotFound, SourceError


class Everything:
    """A detector that sees one face in the upper left quarter."""

    name, kind = "quarter", "face"

    def detect(self, bgr):
        return [Region("face", 0, 0, bgr.shape[1] / 2, bgr.shape[0] / 2, 0.9, self.name)]


def test_folders_are_walked_and_bad_files_named(tmp_workspace, tmp_path, make_picture):
    ws = tmp_workspace
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "one.png").write_bytes(make_picture(1))
    (folder / "deep" / "one.png").write_bytes(make_picture(2))
    (folder / "same.png").write_bytes(make_picture(1))
    (folder / "broken.jpg").write_bytes(make_picture(3, suffix=".jpg")[:400])
    (folder / "text.png").write_text("not a picture")
    (folder / "empty.png").write_bytes(b"")
    collections.create_collection(ws, "c")
    added = collections.add_images(ws, "c", [folder, tmp_path / "missing.png"])
    assert sorted(added.added) == ["deep/one.png", "one.png"]
    assert added.duplicates == [("same.png", "one.png")]
    said = "\n".join(sorted(added.problems))
    for words in ("broken.jpg is damaged", "text.png is not a picture", "empty.png is empty", "There is no file"):
        assert words in said
    assert collections.get_collection(ws, "c").images == 2
    again = collections.add_images(ws, "c", [folder / "one.png"])
    assert again.duplicates == [("one.png", "one.png")]


def test_a_picture_bomb_is_refused_before_it_is_decoded():
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")  # 400 million pixels in some 50 KB
    with pytest.raises(SourceError, match="far too many pixels"):
        read_picture(out.getvalue(), "bomb.png")
    with pytest.raises(SourceError, match="12 × 12 pixels"):
        out = io.BytesIO()
        Image.new("RGB", (12, 12)).save(out, "PNG")
        read_picture(out.getvalue(), "small.png", max_pixels=100)


def test_exif_orientation_gives_the_upright_size(tmp_workspace):
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turn 90° clockwise to view
    Image.new("RGB", (30, 20), (200, 10, 10)).save(out, "JPEG", exif=exif)
    collections.create_collection(tmp_workspace, "c")
    collections.add_pictures(tmp_workspace, "c", [("turned.jpg", out.getvalue())])
    (image,) = collections.list_images(tmp_workspace, "c")
    assert (image.width, image.height) == (20, 30)


def test_frames_of_a_clip(tmp_workspace, shared):
    clip = shared / "data/images/video/face-demographics-walking.gif"
    collections.create_collection(tmp_workspace, "c")
    added = collections.add_frames(tmp_workspace, "c", clip, every=10, most=3)
    images = collections.list_images(tmp_workspace, "c")
    assert len(added.added) + len(added.duplicates) == 3
    assert images[0].source == "face-demographics-walking.gif#frame=0"
    assert images[-1].file_name.startswith("face-demographics-walking_f0000")


def test_redaction_makes_copies_and_a_second_call_goes_on(ws):
    result = collections.redact_collection(ws, "things", detectors=[Everything()], method="fill")
    assert (result["redacted"], result["regions"]) == (3, 3)
    image = collections.list_images(ws, "things")[0]
    copy = read_picture(collections.image_file(ws, image, "redacted")).bgr
    original = read_picture(collections.image_file(ws, image, "original")).bgr
    assert not copy[:24, :32].any()
    assert (copy[24:] == original[24:]).all()  # PNG: the rest is unchanged
    assert collections.redact_collection(ws, "things", detectors=[Everything()])["skipped"] == 3


def test_stopping_a_redaction_keeps_what_was_done(ws):
    class Stop(Exception):
        pass

    def progress(share, message):
        if share > 0.5:
            raise Stop

    with pytest.raises(Stop):
        collections.redact_collection(ws, "things", detectors=[Everything()], progress=progress)
    assert collections.get_collection(ws, "things").redacted == 2


def test_a_review_redoes_one_copy_and_survives_a_second_run(ws, ids):
    collections.redact_collection(ws, "things", detectors=[Everything()])
    before = collections.get_image(ws, ids[0])
    collections.set_regions(ws, ids[0], [{"kind": "plate", "x": 40, "y": 30, "w": 10, "h": 10}], "fill")
    after = collections.get_image(ws, ids[0])
    assert after.redaction["reviewed"] and after.redaction["regions"][0]["detector"] == "person"
    assert not collections.image_path(ws, before.redacted_sha256, ".png").exists()
    collections.redact_collection(ws, "things", detectors=[Everything()], again=True)
    assert collections.get_image(ws, ids[0]).redacted_sha256 == after.redacted_sha256


def test_sealed_and_purged_originals_are_not_shown(ws, ids):
    with pytest.raises(Conflict, match="3 of 3 images"):
        collections.seal_originals(ws, "things")
    collections.redact_collection(ws, "things", detectors=[Everything()])
    collections.seal_originals(ws, "things")
    image = collections.get_image(ws, ids[0])
    with pytest.raises(NotFound, match="not shown"):
        collections.image_file(ws, image, "original")
    assert collections.image_file(ws, image, "thumb").stem == image.redacted_sha256
    path = collections.image_path(ws, image.sha256, ".png")
    assert path.exists()
    with pytest.raises(Conflict, match="3 of 3 copies of 'things' were not reviewed"):
        collections.purge_originals(ws, "things")
    assert path.exists()
    assert collections.purge_originals(ws, "things", unreviewed=True) == 3
    assert not path.exists()


def test_purging_keeps_files_that_another_collection_uses(ws, make_picture):
    collections.create_collection(ws, "other")
    collections.add_pictures(ws, "other", [("x.png", make_picture(0))])
    collections.redact_collection(ws, "things", detectors=[Everything()])
    collections.purge_originals(ws, "things", unreviewed=True)
    (other,) = collections.list_images(ws, "other")
    assert collections.image_file(ws, other, "original").exists()


def test_classes_in_use_cannot_be_taken_away(ws, ids):
    document = {"regions": [{"id": "1", "label": "car", "x": 1, "y": 1, "w": 5, "h": 5}], "classes": ["day"]}
    annotations.save(ws, ids[0], document, annotator="a", client="c", seq=1)
    with pytest.raises(Conflict, match="car cannot be taken away"):
        collections.set_classes(ws, "things", ["person"])
    with pytest.raises(Conflict, match="day cannot be taken away"):
        collections.set_classes(ws, "things", image_classes=["night"])
    kept = collections.set_classes(ws, "things", ["person", "car", "bus"])
    assert [c["name"] for c in kept.classes] == ["person", "car", "bus"]


def test_names_are_checked(ws):
    with pytest.raises(Conflict, match="already"):
        collections.create_collection(ws, "things")
    with pytest.raises(InputError, match="1 to 200"):
        collections.create_collection(ws, "  ")
    with pytest.raises(NotFound, match="did you mean 'things'"):
        collections.get_collection(ws, "thing")


def test_deleting_a_collection_takes_its_files(ws):
    collections.delete_collection(ws, "things")
    assert collections.list_collections(ws) == []
    assert not [f for f in (ws.root / "images").rglob("*") if f.is_file()]


def test_around_knows_the_neighbours(ws, ids):
    place = collections.around(ws, collections.get_image(ws, ids[1]), 1)
    assert (place.position, place.count, place.previous, place.next) == (2, 3, ids[0], ids[2])
    assert [i.id for i in place.strip] == ids
