"""Pictures of every kind are decoded right, or refused in one sentence."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from labeling.pictures import read_picture
from labeling.redaction import redact_paths
from labeling.redaction.regions import Region
from transforms.errors import SourceError


def saved(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


class TopLeft:
    """Marks the top left quarter."""

    name, kind = "top left", "face"

    def detect(self, bgr):
        height, width = bgr.shape[:2]
        return [Region("face", 0, 0, width / 2, height / 2, 1.0, self.name)]


def test_sixteen_bits_of_grey_are_stretched_to_eight():
    grey = np.array([[1000, 2000], [3000, 5000]], "uint16")
    bgr = read_picture(saved(Image.fromarray(grey), "PNG"), "deep.png").bgr
    # (2000 - 1000) / 4000 of 255 is 63.75, (3000 - 1000) / 4000 is 127.5
    assert bgr[:, :, 0].tolist() == [[0, 63], [127, 255]]
    assert (bgr[:, :, 0] == bgr[:, :, 2]).all()


def test_sixteen_bits_of_colour_keep_their_high_byte():
    rows = b"".join(b"\0" + struct.pack(">6H", 0xFF00, 0x8000, 0x0100, 0x1000, 0x2000, 0x3000) for _ in range(2))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    assert read_picture(png, "deep.png").bgr[0].tolist() == [[0x01, 0x80, 0xFF], [0x30, 0x20, 0x10]]


def test_floats_with_holes_are_black_there():
    values = np.array([[np.nan, 0.0], [1.0, np.inf]], "float32")
    assert read_picture(saved(Image.fromarray(values), "TIFF"), "f.tif").bgr[:, :, 1].tolist() == [[0, 0], [255, 0]]


def test_cmyk_is_turned_into_rgb():
    ink = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # magenta and yellow, no key: red
    b, g, r = read_picture(saved(ink, "JPEG", quality=100), "ink.jpg").bgr[4, 4].tolist()
    assert r > 250 and g < 5 and b < 5


def test_what_is_transparent_becomes_white_and_shows_nothing():
    rgba = np.zeros((2, 2, 4), "uint8")
    rgba[0, 0] = (10, 20, 30, 0)  # a secret under full transparency
    rgba[0, 1] = (10, 20, 30, 255)
    rgba[1] = (0, 0, 0, 51)  # a fifth of black over white: 204
    found = read_picture(saved(Image.fromarray(rgba, "RGBA"), "PNG"), "glass.png").bgr
    assert found.tolist() == [[[255] * 3, [30, 20, 10]], [[204] * 3, [204] * 3]]
    palette = Image.new("P", (2, 1), 0)
    palette.putpalette([200, 0, 0, 0, 0, 200])
    palette.putpixel((1, 0), 1)
    assert read_picture(saved(palette, "PNG", transparency=0), "p.png").bgr[0].tolist() == [[255] * 3, [200, 0, 0]]


def test_colours_of_an_embedded_profile_are_turned_into_srgb():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    # L* = 255/255 · 100, and 128 is where a* and b* are 0: white
    white = Image.new("LAB", (4, 4), (255, 128, 128))
    found = read_picture(saved(white, "TIFF", icc_profile=lab.tobytes()), "lab.tif").bgr
    assert found.min() >= 253
    broken = saved(Image.new("RGB", (4, 4), (9, 8, 7)), "PNG", icc_profile=b"no profile")
    assert read_picture(broken, "b.png").bgr[0, 0].tolist() == [7, 8, 9]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_several_pictures_in_one_file_are_refused(kind, tmp_path):
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "green", "blue")]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(SourceError, match="holds 3 pictures") as said:
        read_picture(data, "many.png")
    assert "video" in said.value.hint
    source = tmp_path / f"many.{kind.lower()}"
    source.write_bytes(data)
    done = redact_paths([source], tmp_path / "out", detectors=[TopLeft()])
    assert "holds 3 pictures" in done.problems[0] and not done.written


def test_a_phones_second_picture_goes(tmp_path):
    first, depth = Image.new("RGB", (40, 20), (200, 10, 10)), Image.new("RGB", (40, 20), (10, 200, 10))
    source = tmp_path / "portrait.jpg"
    source.write_bytes(saved(first, "MPO", save_all=True, append_images=[depth]))
    done = redact_paths([source], tmp_path / "out", detectors=[TopLeft()])
    copy = Image.open(tmp_path / "out" / "portrait.jpg")
    assert not done.problems and copy.format == "JPEG" and getattr(copy, "n_frames", 1) == 1
    assert np.abs(np.asarray(copy)[15, 35].astype(int) - (200, 10, 10)).max() < 6


@pytest.mark.parametrize("turned", range(1, 9))
def test_regions_lie_where_people_see_them(turned, tmp_path):
    """A white square in the top left of the upright picture is hidden, however the camera was held."""
    upright = np.zeros((32, 48, 3), "uint8")
    upright[:16, :24] = 255
    back = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}  # Pillow's transpositions that undo each
    image = Image.fromarray(upright)
    for way in back.get(turned, []):
        image = image.transpose(Image.Transpose(way))
    exif = Image.Exif()
    exif[0x0112] = turned
    source = tmp_path / "held.png"
    source.write_bytes(saved(image, "PNG", exif=exif))
    assert (read_picture(source).bgr == upright).all()
    redact_paths([source], tmp_path / "out", detectors=[TopLeft()], method="fill")
    assert not read_picture(tmp_path / "out" / "held.png").bgr.any()


def test_damaged_empty_and_huge_files_are_one_sentence(tmp_path):
    whole = saved(Image.effect_noise((64, 64), 60), "JPEG")
    for data, words in ((whole[: len(whole) // 2], "damaged"), (b"", "empty"), (b"hello", "not a picture")):
        with pytest.raises(SourceError, match=words):
            read_picture(data, "x.jpg")
    with pytest.raises(SourceError, match="4096 pixels|limit is"):
        read_picture(whole, "x.jpg", max_pixels=4000)
    png = saved(Image.new("1", (8, 8)), "PNG")
    bomb = png[:16] + struct.pack(">II", 60_000, 60_000) + png[24:29]
    bomb += struct.pack(">I", zlib.crc32(bomb[12:29])) + png[33:]
    with pytest.raises(SourceError, match="pixels"):
        read_picture(bomb, "bomb.png")


def test_the_same_input_gives_the_same_bytes(tmp_path):
    source = tmp_path / "a.jpg"
    source.write_bytes(saved(Image.effect_noise((200, 120), 80).convert("RGB"), "JPEG"))
    copies = []
    for folder in ("one", "two"):
        for method in ("blur", "pixelate", "fill"):
            redact_paths([source], tmp_path / folder / method, detectors=[TopLeft()], method=method)
        copies.append([(tmp_path / folder / m / "a.jpg").read_bytes() for m in ("blur", "pixelate", "fill")])
    assert copies[0] == copies[1]
