"""Values of the image steps against Pillow, OpenCV and numpy called by hand, and on real pictures where they are there."""

from __future__ import annotations

import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from transforms import Recipe, catalog, pixel_effects, pixel_facts, pixels
from transforms.catalog.images import png
from transforms.engines import scratch
from transforms.errors import AppError
from transforms.examples import table
from transforms.export import export

GRID = np.random.default_rng(3).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def bytes_of(array, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, options.pop("format", "PNG"), **options)
    return buffer.getvalue()


def array_of(data):
    return np.asarray(Image.open(io.BytesIO(data))) if data is not None else None


def run(name, data=None, **settings):
    """Run one step on one picture and return the table's columns."""
    key = "column" if "column" in catalog.get(name).model_fields else "columns"
    columns = {"i": [bytes_of(GRID) if data is None else data]}
    for extra in ("n", "m"):
        if extra in settings:
            columns[extra] = [settings.pop(extra)]
    given = {key: "i" if key == "column" else ["i"], **settings}
    rows = table(columns, {"i": "binary", "m": "binary", "n": "string"})
    fitted = Recipe().add(name, given).fit({"main": rows}, engine=scratch())
    return fitted.run({"main": rows}, engine=scratch()).to_arrow_table().to_pydict()


def picture(name, data=None, **settings):
    return array_of(run(name, data, **settings)["i"][0])


@pytest.mark.parametrize(
    "smooth, number", [("nearest", 0), ("bilinear", 2), ("bicubic", 3), ("lanczos", 1), ("area", 4)]
)
def test_resize_is_pillows(smooth, number):
    expected = np.asarray(Image.fromarray(GRID).resize((13, 17), number))
    assert (picture("images.resize", width=13, height=17, ratio="stretch", smooth=smooth) == expected).all()
    assert picture("images.resize", width=15).shape == (10, 15, 3)
    assert picture("images.resize", width=10, height=10, ratio="keep the ratio and crop").shape == (10, 10, 3)


def test_turns_flips_and_borders_are_numpys():
    assert (picture("images.rotate", angle=90) == np.rot90(GRID)).all()
    assert (picture("images.rotate", angle=-90) == np.rot90(GRID, -1)).all()
    assert (picture("images.flip", axis="both") == GRID[::-1, ::-1]).all()
    found = picture("images.pad", left=2, bottom=40, border="mirror")
    assert (found == np.pad(GRID, ((0, 40), (2, 0), (0, 0)), mode="reflect")).all()


def test_rotation_by_any_angle_is_pillows():
    found = picture("images.rotate", angle=30, expand=False, smooth="nearest")
    expected = np.asarray(Image.fromarray(GRID).rotate(30, Image.Resampling.NEAREST))
    assert (found != expected).any(axis=2).mean() < 0.02  # rounding at the borders of pixels


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_is_honoured_as_pillow_does(orientation):
    data = png([1, 2, 3], [4, 5, 6], orientation=orientation)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    assert (array_of(pixels.encoded(pixels.opened(data))) == expected).all()
    assert pixels.size_of(data) == expected.shape[::-1]


STEPS = [
    ("images.resize", {"width": 77, "height": 50, "ratio": "stretch", "smooth": "nearest"}),
    ("images.resize", {"width": 90, "height": 90, "ratio": "keep the ratio and pad", "smooth": "nearest"}),
    ("images.resize", {"width": 40, "height": 60, "ratio": "keep the ratio and crop", "smooth": "nearest"}),
    ("images.crop", {"region": "random", "width": 70, "height": 60}),
    ("images.pad", {"left": 3, "top": 5, "square": True}),
    ("images.flip", {"axis": "both"}),
    ("images.rotate", {"angle": 90}),
    ("images.rotate", {"angle": 90, "expand": False, "smooth": "nearest"}),
    ("images.rotate", {"angle": 25, "vary": 10, "smooth": "nearest"}),
    ("images.warp", {"x": 20, "y": -10, "expand": True, "smooth": "nearest"}),
    ("images.warp", {"kind": "perspective", "strength": 0.3, "smooth": "nearest"}),
]


@pytest.mark.parametrize("name, settings", STEPS, ids=lambda v: v if isinstance(v, str) else "")
def test_boxes_polygons_and_masks_stay_on_what_they_mark(name, settings):
    shown = np.zeros((80, 100, 3), np.uint8)
    shown[30:50, 40:70] = 255
    mask = np.zeros((80, 100), np.uint8)
    mask[30:50, 40:70] = 7
    corners = [[40, 30], [70, 30], [70, 50], [40, 50]]
    notes = [
        {"label": "a", "box": [40, 30, 30, 20], "polygon": corners},
        {"label": "b", "x": 40, "y": 30, "w": 30, "h": 20},
    ]
    found = run(name, bytes_of(shown), n=json.dumps(notes), m=bytes_of(mask), notes="n", masks=["m"], **settings)
    after, moved = array_of(found["i"][0])[:, :, 0] > 127, array_of(found["m"][0]) == 7
    assert (after == moved).all() and moved.any()
    a, b = json.loads(found["n"][0])
    assert a["box"] == [b[k] for k in "xywh"]
    rows, columns = np.nonzero(after)
    left, top, w, h = a["box"]
    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert np.abs(np.array([left, top, left + w, top + h]) - edges).max() <= 1.01  # to the pixel
    drawn = np.zeros(after.shape, np.uint8)
    cv2.fillPoly(drawn, [np.rint(np.array(a["polygon"]) - 0.5).astype(int)], 1)
    assert (drawn != after).sum() <= 2.5 * (w + h)  # differs along the outline at most


def test_boxes_that_the_border_cuts():
    notes = [
        {"label": "cut", "box": [0, 0, 10, 10]},
        {"label": "gone", "box": [0, 0, 5, 5]},
        {"label": "little", "box": [0, 0, 6, 10]},
    ]
    given = {"notes": "n", "x": 5, "y": 0, "width": 20, "height": 20}
    found = run("images.crop", n=json.dumps(notes), keep=0.3, **given)["n"][0]
    assert json.loads(found) == [{"label": "cut", "box": [0, 0, 5, 10]}]
    polygon = [
        {"label": "p", "polygon": [[0, 0], [10, 0], [0, 10]]}
    ]  # a triangle, of which x >= 5 leaves a smaller one
    assert json.loads(run("images.crop", n=json.dumps(polygon), **given)["n"][0])[0]["polygon"] == [
        [0, 0],
        [5, 0],
        [0, 5],
    ]
    assert run("images.crop", n="[1, 2]", **given)["n"] == run("images.crop", n="no JSON", **given)["n"] == [None]


def test_colours_are_pillows_and_opencvs():
    data = Image.fromarray(GRID)
    near = lambda a, b: np.abs(a.astype(int) - np.asarray(b).astype(int)).max() <= 1  # noqa: E731  # Pillow rounds down
    assert near(picture("images.adjust", brightness=1.3), ImageEnhance.Brightness(data).enhance(1.3))
    assert near(picture("images.adjust", contrast=0.6), ImageEnhance.Contrast(data).enhance(0.6))
    assert near(picture("images.adjust", saturation=0.5), ImageEnhance.Color(data).enhance(0.5))
    assert (picture("images.channels") == np.asarray(data.convert("L"))).all()
    assert (picture("images.blur", kind="median", size=3) == cv2.medianBlur(GRID, 3)).all()
    blurred = cv2.GaussianBlur(GRID.astype(np.float32), (0, 0), 2)
    assert near(picture("images.blur", size=2), np.rint(blurred))
    sharp = np.clip(np.rint(2 * GRID.astype(np.float32) - blurred), 0, 255)
    assert near(picture("images.sharpen"), sharp)
    grey = GRID[:, :, 0]
    clahe = cv2.createCLAHE(clipLimit=3, tileGridSize=(4, 4)).apply(grey)
    assert (picture("images.contrast", bytes_of(grey), method="CLAHE", amount=3, tiles=4) == clahe).all()
    assert (picture("images.contrast", bytes_of(grey), method="equalise") == cv2.equalizeHist(grey)).all()
    assert (picture("images.edges", bytes_of(grey), low=50, high=150) == cv2.Canny(grey, 50, 150)).all()
    otsu = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]
    assert (picture("images.threshold", bytes_of(grey), method="Otsu") == otsu).all()


def test_noise_has_the_strength_that_was_asked_for():
    flat = bytes_of(np.full((200, 200), 100, np.uint8))
    for kind, expected in (("gaussian", 25.5), ("speckle", 10.0), ("shot", 25.5 * np.sqrt(100 / 255))):
        found = picture("images.noise", flat, kind=kind, strength=0.1)
        assert found.std() == pytest.approx(expected, rel=0.03) and found.mean() == pytest.approx(100, abs=0.5)
    found = picture("images.noise", flat, kind="impulse", strength=0.2)
    assert [(found == v).mean() for v in (0, 255)] == pytest.approx([0.1, 0.1], abs=0.01)
    again, other = (run("images.noise", flat, seed=s)["i"][0] for s in (1, 2))
    assert run("images.noise", flat)["i"][0] == again != other


@pytest.mark.parametrize("kind", catalog.get("images.corrupt").model_fields["kind"].annotation.__args__)
def test_damage_grows_with_severity(kind):
    y, x = np.mgrid[0:64, 0:96]
    smooth = np.stack([x * 2.5, y * 3.5, 255 - x * 2], axis=2).astype(np.uint8)
    smooth[::8] //= 2
    apart = [
        np.abs(picture("images.corrupt", bytes_of(smooth), kind=kind, severity=s).astype(int) - smooth).mean()
        for s in (1, 5)
    ]
    assert 0 < apart[0] < apart[1]


def test_transparency_stays():
    clear = np.dstack([GRID, np.tile(np.arange(30, dtype=np.uint8), (20, 1))])
    assert (picture("images.adjust", bytes_of(clear), brightness=2)[:, :, 3] == clear[:, :, 3]).all()
    on_white = Image.alpha_composite(Image.new("RGBA", (30, 20), "white"), Image.fromarray(clear)).convert("RGB")
    assert (picture("images.channels", bytes_of(clear), result="without transparency") == np.asarray(on_white)).all()
    assert (picture("images.convert", bytes_of(clear), format="BMP") == np.asarray(on_white)).all()


def camera_jpeg(orientation=1) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0110] = orientation, "Tilth", "Box 1"
    exif.get_ifd(0x8769)[0x9003] = "2024:02:29 12:30:45"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 30.0, 36.0), 3: "W", 4: (16.0, 15.0, 0.0)})
    return bytes_of(GRID, format="JPEG", exif=exif, comment=b"by Ann", progressive=True)


def test_metadata_are_read_removed_and_kept():
    facts = ["width", "height", "format", "camera maker", "camera", "taken at", "latitude", "longitude", "lens"]
    found = run("images.read_facts", camera_jpeg(6), facts=facts)
    assert [found["i_" + f.replace(" ", "_")][0] for f in facts[:5]] == [20, 30, "JPEG", "Tilth", "Box 1"]
    assert found["i_taken_at"][0].isoformat() == "2024-02-29T12:30:45" and found["i_lens"] == [None]
    assert (found["i_latitude"][0], found["i_longitude"][0]) == pytest.approx((48.51, -16.25))
    clean = run("images.strip_metadata", camera_jpeg() + b"trailing secret")["i"][0]
    opened = Image.open(io.BytesIO(clean))
    assert not opened.getexif() and "comment" not in opened.info and b"secret" not in clean and b"Ann" not in clean
    assert (array_of(clean) == array_of(camera_jpeg())).all() and opened.format == "JPEG"
    upright = run("images.strip_metadata", camera_jpeg(6))["i"][0]
    assert (array_of(upright) == np.rot90(array_of(camera_jpeg(6)), -1)).all()
    kept = Image.open(io.BytesIO(run("images.convert", camera_jpeg(6), format="JPEG", keep=True)["i"][0])).getexif()
    assert (kept[0x0110], kept[0x0112]) == ("Box 1", 1)
    assert not Image.open(io.BytesIO(run("images.convert", camera_jpeg(), format="JPEG")["i"][0])).getexif()


def test_too_large_and_foreign_pictures_are_refused(monkeypatch):
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    assert pixel_facts.why_unreadable.python(bomb.getvalue(), least_width=1, least_height=1) == "too large"
    assert pixels.opened(bomb.getvalue()) is None
    assert pixels.opened(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n") is None  # Pillow would start Ghostscript
    assert run("images.resize", bytes_of(GRID), width=20_000, height=20_000, ratio="stretch")["i"] == [None]


def test_near_duplicates_by_distance():
    first = cv2.resize(GRID[:8, :8, 0], (64, 64), interpolation=cv2.INTER_LINEAR)
    small = np.asarray(Image.fromarray(first).resize((48, 48)))
    rows = table({"k": [1, 2, 3], "i": [bytes_of(first), bytes_of(small), bytes_of(first[:, ::-1])]}, {"i": "binary"})
    for same in ("look (difference hash)", "look (perceptual hash)", "look (average hash)"):
        fitted = (
            Recipe()
            .add("images.drop_duplicates", {"column": "i", "same": same, "distance": 8})
            .fit({"main": rows}, engine=scratch())
        )
        assert sorted(fitted.run({"main": rows}, engine=scratch()).to_arrow_table()["k"].to_pylist()) == [1, 3]


def test_bad_settings_are_said_in_words():
    for name, settings, words in (
        ("images.resize", {}, "there is no new size"),
        ("images.pad", {"fill": "red"}, "a colour is written like #ff8800"),
        ("images.tiles", {"width": 8, "height": 8, "overlap": 8}, "as large as the tile"),
        ("images.warp", {"kind": "matrix", "matrix": [1, 1, 0, 1, 1, 0]}, "presses the picture flat"),
        ("images.channels", {"result": "other order", "order": "RGX"}, "three of the letters"),
        ("images.normalise", {"means": [1.0, 2.0]}, "2 numbers are given for 3 channels"),
    ):
        with pytest.raises(AppError, match=words):
            run(name, **settings)
    with pytest.raises(AppError, match="does not hold pictures"):
        rows = table({"i": ["text"]}, {})
        Recipe().add("images.flip", {"column": "i"}).fit({"main": rows}, engine=scratch())


def test_the_export_names_the_packages():
    rows = table({"i": [png([1])]}, {"i": "binary"})
    code = export(Recipe().add("images.blur", {"columns": ["i"]}).fit({"main": rows}, engine=scratch()), "pandas")
    assert "Pillow" in code.split('"""')[1] and "opencv-python-headless" in code.split('"""')[1]
    assert "transforms" not in code.split("# tilth-recipe")[0]


def test_real_pictures(shared, tmp_path):
    found = sorted((shared / "data" / "images").rglob("*.jpg"))[::100][:5]
    if not found:
        pytest.skip("no shared pictures")
    data = [p.read_bytes() for p in found] + [found[0].read_bytes()[:5000]]
    rows = table({"k": list(range(len(data))), "i": data}, {"i": "binary"})
    recipe = (
        Recipe()
        .add("images.drop_unreadable", {"column": "i"})
        .add("images.resize", {"column": "i", "width": 64, "height": 64, "ratio": "keep the ratio and pad"})
        .add("images.rotate", {"column": "i", "angle": 10, "expand": False})
        .add("images.adjust", {"columns": ["i"], "vary": 0.2})
        .add("images.read_facts", {"column": "i", "facts": ["width", "sharpness", "perceptual hash"]})
        .add("images.normalise", {"column": "i", "width": 4, "height": 4, "to": "v"})
    )
    fitted = recipe.fit({"main": rows}, engine=scratch())
    after = fitted.run({"main": rows}, engine=scratch()).to_arrow_table().to_pydict()
    assert sorted(after["k"]) == list(range(len(data) - 1)) and set(after["i_width"]) == {64}
    numbers = np.array(after["v"]).reshape(len(found), 3, 16)
    assert np.abs(numbers.mean(axis=(0, 2))).max() < 1e-6 and numbers.std(axis=(0, 2)) == pytest.approx([1, 1, 1])
    assert len(set(after["i_perceptual_hash"])) == len(found)


def test_jpeg_again_is_pillows():
    assert (pixel_effects.jpeg_again(GRID, 10) == array_of(bytes_of(GRID, format="JPEG", quality=10))).all()
