"""Colours of pictures: channels, brightness, contrast, blur, noise, damage, edges, shapes, file formats."""

from __future__ import annotations

import base64
import struct
from typing import ClassVar, Literal

from pydantic import field_validator

from transforms.catalog.images import BINARY, BLACK, BLUE, GREEN, RED, WHITE, Colour, PictureFunction, png
from transforms.fields import param
from transforms.pixel_effects import (
    adjusted,
    balanced,
    black_and_white,
    blurred,
    channels_of,
    contrasted,
    converted,
    corrupted,
    cut_out,
    noisy,
    outlined,
    shaped,
    sharpened,
    stripped,
)
from transforms.transform import Example, register

DOT = png([0, 0, 0], [0, 90, 0], [0, 0, 0])
FLAT = png(*[[128] * 8] * 8)
# eight by eight pixels of grey 128, as Pillow writes them
FLAT_JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19i"
    "Z2hnPk1xeXBkeFxlZ2P/wAALCAAIAAgBAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUF"
    "BAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVW"
    "V1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi"
    "4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/ACv/2Q=="
)
GREYS = b"".join(bytes([v, v, v, 0]) for v in range(256))
FLAT_BMP = struct.pack("<2sIIIIiiHHIIiiII", b"BM", 1142, 0, 1078, 40, 8, 8, 1, 8, 0, 64, 3780, 3780, 256, 256) + GREYS + bytes([128] * 64)  # fmt: skip


def one(before: bytes, after: bytes, **settings) -> Example:
    """Return an example of one picture, a missing one and one that cannot be read."""
    return Example({"columns": ["i"], **settings}, before={"i": [before, None, b"no picture"]}, after={"i": [after, None, None]}, types=BINARY)  # fmt: skip


@register
class Channels(PictureFunction):
    """Turn pictures into shades of grey, take one channel, change the order of channels, or remove transparency.

    Grey is 0.299 red + 0.587 green + 0.114 blue. A missing or unreadable picture gives a missing one. Source: Pillow.
    """

    name: ClassVar = "images.channels"
    label: ClassVar = "Grey or colour channels"
    covers: ClassVar = ("image_grayscale", "image_color_channels")
    words: ClassVar = (
        "grayscale",
        "greyscale",
        "black and white",
        "RGB",
        "BGR",
        "alpha",
        "channel order",
        "monochrome",
    )
    examples: ClassVar = (
        one(png([RED, WHITE]), png([76, 255])),
        one(png([RED, GREEN]), png([(76, 76, 76), (150, 150, 150)]), result="grey in three channels"),
        one(png([(1, 2, 3)]), png([2]), result="green"),
        one(png([(1, 2, 3)]), png([(3, 2, 1)]), result="other order", order="BGR"),
        one(png([(1, 2, 3, 9)]), png([9]), result="transparency"),
        one(png([(1, 2, 3, 0), (1, 2, 3, 255)]), png([WHITE, (1, 2, 3)]), result="without transparency"),
    )
    function: ClassVar = channels_of

    result: Literal["grey", "grey in three channels", "red", "green", "blue", "transparency", "other order", "without transparency"] = param("Result", default="grey")  # fmt: skip
    order: str = param("Order", default="BGR", help="Three of the letters R, G and B; a letter may repeat.")
    background: Colour = param("Colour behind transparent parts", default="#ffffff")

    @field_validator("order")
    @classmethod
    def _letters(cls, value):
        if len(value) != 3 or set(value.upper()) - set("RGB"):
            raise ValueError(f"an order is three of the letters R, G and B, not {value!r}")
        return value.upper()


@register
class Adjust(PictureFunction):
    """Change brightness, contrast, saturation and hue, by factors and degrees; all of them at random too.

    A factor of 1 changes nothing. Contrast spreads the shades around their mean, saturation 0 gives grey. The random part depends on
    the seed and the picture. A missing or unreadable picture gives a missing one. Source: as Pillow `ImageEnhance`, in that order.
    """

    name: ClassVar = "images.adjust"
    label: ClassVar = "Brightness, contrast, saturation, hue"
    covers: ClassVar = ("image_brightness", "image_saturation_hue", "image_contrast")
    words: ClassVar = ("lighter", "darker", "ColorJitter", "vibrance", "exposure", "enhance image contrast")
    examples: ClassVar = (
        one(png([10, 200]), png([20, 255]), brightness=2),
        one(png([100, 200]), png([50, 250]), contrast=2),
        one(png([RED]), png([(76, 76, 76)]), saturation=0),
        one(png([RED, (9, 9, 9, 7)][:1]), png([GREEN]), hue=120),
        one(png([BLACK]), png([BLACK]), vary=0.5),
    )
    function: ClassVar = adjusted

    brightness: float = param("Brightness factor", default=1, ge=0, le=20)
    contrast: float = param("Contrast factor", default=1, ge=0, le=20)
    saturation: float = param("Saturation factor", default=1, ge=0, le=20)
    hue: float = param("Turn the hue by", default=0, ge=-360, le=360, help="Degrees of the colour circle.")
    vary: float = param("And all at random by up to", default=0, ge=0, le=1, help="A share: 0.2 is 20 % up or down.")
    seed: int = param("Seed", default=1)


@register
class Contrast(PictureFunction):
    """Spread the shades of pictures: stretch, gamma, logarithm, sigmoid, equalise or CLAHE (equalise tile by tile).

    Equalise and CLAHE work on the lightness of CIE Lab in colour pictures. A missing or unreadable picture gives a missing one. Source:
    scikit-image `exposure.adjust_gamma`, `adjust_log`, `adjust_sigmoid`; OpenCV `equalizeHist`, `createCLAHE`.
    """

    name: ClassVar = "images.contrast"
    label: ClassVar = "Enhance contrast of pictures"
    covers: ClassVar = ("image_contrast",)
    words: ClassVar = ("gamma", "CLAHE", "histogram equalization", "autocontrast", "log contrast", "sigmoid contrast")
    examples: ClassVar = (
        one(png([50, 100]), png([0, 255]), amount=0),
        one(png([0, 51, 255]), png([0, 10, 255]), method="gamma", amount=2),
        one(png([0, 255]), png([0, 255]), method="logarithm", amount=1),
        one(png([0, 255]), png([2, 253]), method="sigmoid", amount=10),
        one(png([10, 10], [20, 20]), png([0, 0], [255, 255]), method="equalise"),
        one(
            png([0] * 8, *[[255] * 8] * 7), png([36] * 8, *[[255] * 8] * 7), method="CLAHE", amount=40, tiles=1
        ),  # (8 pixels + 1 clipped) / 64
    )
    function: ClassVar = contrasted

    method: Literal["stretch", "gamma", "logarithm", "sigmoid", "equalise", "CLAHE"] = param(
        "Method", default="stretch"
    )
    amount: float | None = param("Amount", default=None, ge=0, le=100, help="Stretch: percent of pixels left out at each end (1). Gamma: the power (0.8). Logarithm: a factor (1). Sigmoid: the steepness (10). CLAHE: the clip limit (2).")  # fmt: skip
    cutoff: float = param("Middle of the sigmoid", default=0.5, ge=0, le=1)
    tiles: int = param("CLAHE: tiles on each side", default=8, ge=1, le=64)

    @field_validator("amount")
    @classmethod
    def _ends_apart(cls, value, info):
        if info.data.get("method") == "stretch" and value is not None and value >= 50:
            raise ValueError("a stretch leaves out less than 50 percent at each end")
        return value

    def constants(self):
        usual = {"stretch": 1, "gamma": 0.8, "logarithm": 1, "sigmoid": 10, "equalise": 1, "CLAHE": 2}[self.method]
        amount = usual if self.amount is None else self.amount
        return {"method": self.method, "amount": float(amount), "cutoff": self.cutoff, "tiles": self.tiles}


@register
class WhiteBalance(PictureFunction):
    """Remove the colour cast of pictures. Grey pictures stay; a missing or unreadable picture gives a missing one.

    Grey world makes the means of the channels equal; white patch makes the brightest part white; stretch gives each channel the full range.
    """

    name: ClassVar = "images.white_balance"
    label: ClassVar = "White balance"
    covers: ClassVar = ("image_white_balance",)
    words: ClassVar = ("colour cast", "grey world", "gray world", "white patch", "neutral colours", "temperature")
    examples: ClassVar = (
        one(png([(100, 50, 150)]), png([(100, 100, 100)])),
        one(png([(100, 50, 200)]), png([WHITE]), method="white patch", percent=0),
        one(png([(0, 10, 20), (100, 20, 60)]), png([BLACK, WHITE]), method="stretch each channel", percent=0),
    )
    function: ClassVar = balanced

    method: Literal["grey world", "white patch", "stretch each channel"] = param("Method", default="grey world")
    percent: float = param("Percent of pixels to ignore at the ends", default=1, ge=0, lt=50)


@register
class Blur(PictureFunction):
    """Blur pictures: Gaussian, median, box, motion, or smoothing that keeps edges.

    The size is the standard deviation in pixels (Gaussian, keep edges), the side of the window (median, box) or the length of the
    motion. A missing or unreadable picture gives a missing one. Source: OpenCV `GaussianBlur`, `medianBlur`, `filter2D`, `bilateralFilter`.
    """

    name: ClassVar = "images.blur"
    label: ClassVar = "Blur pictures"
    covers: ClassVar = ("image_blur",)
    words: ClassVar = ("smooth", "soften", "Blur image", "denoise", "median filter", "motion blur", "bilateral")
    examples: ClassVar = (
        one(FLAT, FLAT),
        one(DOT, png([0] * 3, [0] * 3, [0] * 3), kind="median", size=3),
        one(DOT, png([40, 20, 40], [20, 10, 20], [40, 20, 40]), kind="box", size=3),
        one(png([0, 90, 0]), png([60, 30, 60]), kind="motion", size=3),
        one(FLAT, FLAT, kind="keep edges"),
    )
    function: ClassVar = blurred

    kind: Literal["gaussian", "median", "box", "motion", "keep edges"] = param("Kind", default="gaussian")
    size: float = param("Size", default=2, gt=0, le=100)
    angle: float = param("Direction of motion", default=0, ge=-360, le=360, help="Degrees against the clock.")


@register
class Sharpen(PictureFunction):
    """Sharpen pictures: add back what a blur takes away. A missing or unreadable picture gives a missing one."""

    name: ClassVar = "images.sharpen"
    label: ClassVar = "Sharpen pictures"
    covers: ClassVar = ("image_sharpen",)
    words: ClassVar = ("unsharp mask", "crisp", "detail")
    examples: ClassVar = (one(FLAT, FLAT), one(DOT, DOT, amount=0))
    function: ClassVar = sharpened

    amount: float = param("Amount", default=1, ge=0, le=20)
    radius: float = param("Radius in pixels", default=2, gt=0, le=100)


@register
class Noise(PictureFunction):
    """Add random noise to pictures, the same for the same picture and seed.

    Strength is the standard deviation as a share of full brightness (gaussian, shot), of the pixel's own value (speckle), or the share
    of pixels that turn black or white (impulse). A missing or unreadable picture gives a missing one. Source: numpy `default_rng`.
    """

    name: ClassVar = "images.noise"
    label: ClassVar = "Add noise to pictures"
    covers: ClassVar = ("image_noise",)
    words: ClassVar = ("salt and pepper", "gaussian noise", "poisson", "grain", "augmentation", "speckle")
    examples: ClassVar = (
        one(FLAT, FLAT, strength=0),
        one(png([0, 0]), png([0, 0]), kind="shot"),
        one(png([BLACK]), png([BLACK]), kind="speckle", strength=1),
        one(png([0, 7]), png([0, 7]), kind="impulse", strength=0),
    )
    function: ClassVar = noisy

    kind: Literal["gaussian", "shot", "impulse", "speckle"] = param("Kind", default="gaussian")
    strength: float = param("Strength", default=0.1, ge=0, le=1)
    seed: int = param("Seed", default=1)


@register
class Corrupt(PictureFunction):
    """Damage pictures as weather, cameras and transmission do, in five grades: to test or harden a model.

    The same picture and seed give the same damage. A missing or unreadable picture gives a missing one. For noise, blur, brightness and contrast
    there are steps of their own. Source: kinds after Hendrycks and Dietterich, 2019 (ImageNet-C); the formulas are ours.
    """

    name: ClassVar = "images.corrupt"
    label: ClassVar = "Corrupt pictures"
    covers: ClassVar = ("image_corrupt",)
    words: ClassVar = ("Corrupt image", "fog", "snow", "rain", "pixelate", "JPEG artefacts", "elastic", "robustness")
    examples: ClassVar = (
        one(png([0, 100, 255]), png([0, 85, 255]), kind="few shades", severity=5),
        one(FLAT, FLAT, kind="pixelate"),
        one(FLAT, FLAT, kind="JPEG blocks", severity=1),
        one(FLAT, FLAT, kind="elastic"),
        one(FLAT, FLAT, kind="out of focus", severity=1),
        one(FLAT, FLAT, kind="zoom blur"),
        one(png([0, 0]), png([0, 0]), kind="lost lines"),
        one(png([0, 0]), png([0, 0]), kind="lost blocks"),
    )
    function: ClassVar = corrupted

    kind: Literal["fog", "snow", "rain", "pixelate", "JPEG blocks", "elastic", "out of focus", "zoom blur", "lost lines", "lost blocks", "few shades"] = param("Kind", default="fog")  # fmt: skip
    severity: int = param("Severity", default=3, ge=1, le=5)
    seed: int = param("Seed", default=1)


@register
class Cutout(PictureFunction):
    """Erase random rectangles of pictures, so that a model does not hang on one detail.

    Places and sizes depend on the seed and the picture. A missing or unreadable picture gives a missing one. Source: DeVries and Taylor, 2017.
    """

    name: ClassVar = "images.cutout"
    label: ClassVar = "Erase random areas"
    covers: ClassVar = ("image_cutout",)
    words: ClassVar = ("RandomErasing", "CoarseDropout", "holes", "occlusion", "cutout")
    examples: ClassVar = (
        one(png([RED, BLUE]), png([WHITE, WHITE]), least=1, most=1, colour="#ffffff"),
        one(png([10, 20]), png([15, 15]), least=1, most=1, fill="mean colour"),
    )
    function: ClassVar = cut_out

    areas: int = param("Areas", default=1, ge=1, le=100)
    least: float = param("Shortest side", default=0.1, gt=0, le=1, help="A share of the picture's side.")
    most: float = param("Longest side", default=0.4, gt=0, le=1)
    fill: Literal["colour", "mean colour", "noise"] = param("Filled with", default="colour")
    colour: Colour = param("Colour", default="#000000")
    seed: int = param("Seed", default=1)

    @field_validator("most")
    @classmethod
    def _not_shorter(cls, value, info):
        if value < info.data.get("least", 0):
            raise ValueError("the longest side is shorter than the shortest")
        return value


@register
class Edges(PictureFunction):
    """Draw the outlines in pictures as shades of grey. A missing or unreadable picture gives a missing one.

    Canny gives thin white lines between two thresholds, Sobel the steepness, Laplace changes of it. Source: OpenCV.
    """

    name: ClassVar = "images.edges"
    label: ClassVar = "Find edges in pictures"
    covers: ClassVar = ("image_edges",)
    words: ClassVar = ("Canny", "Sobel", "outline", "contour", "Laplacian", "Detect edges")
    examples: ClassVar = (
        one(FLAT, png(*[[0] * 8] * 8)),
        one(png([0, 0, 10, 10]), png([0, 40, 40, 0]), method="Sobel"),
        one(png([0, 0, 0], [0, 10, 0], [0, 0, 0]), png([0, 20, 0], [20, 40, 20], [0, 20, 0]), method="Laplace"),
    )
    function: ClassVar = outlined

    method: Literal["Canny", "Sobel", "Laplace"] = param("Method", default="Canny")
    low: float = param("Lower threshold (Canny)", default=100, ge=0, le=10000)
    high: float = param("Upper threshold (Canny)", default=200, ge=0, le=10000)


@register
class Threshold(PictureFunction):
    """Turn pictures into black and white: brighter than a threshold is white. A missing or unreadable picture gives a missing one.

    The threshold is fixed, chosen by Otsu's or the triangle method, or the mean around each pixel less this level. Source: OpenCV
    `threshold`, `adaptiveThreshold`.
    """

    name: ClassVar = "images.threshold"
    label: ClassVar = "Black and white pictures"
    covers: ClassVar = ("image_threshold",)
    words: ClassVar = ("binarize", "Otsu", "adaptive threshold", "mask")
    examples: ClassVar = (
        one(png([100, 101]), png([0, 255]), level=100),
        one(png([10, 200]), png([255, 0]), method="Otsu", inverse=True),
        one(png([10, 10, 10, 200]), png([0, 0, 0, 255]), method="triangle"),
        one(FLAT, png(*[[255] * 8] * 8), method="local mean", level=5),
        one(FLAT, png(*[[255] * 8] * 8), method="local gaussian", level=5),
    )
    function: ClassVar = black_and_white

    method: Literal["fixed", "Otsu", "triangle", "local mean", "local gaussian"] = param("Method", default="fixed")
    level: float = param("Threshold", default=127, ge=-255, le=255, help="Local: this much below the mean.")
    block: int = param("Window of the local mean", default=11, ge=3, le=999)
    inverse: bool = param("Swap black and white", default=False)


@register
class Morphology(PictureFunction):
    """Clean the bright shapes of pictures: grow, shrink, open, close, outlines. A missing or unreadable picture gives a missing one.

    Open removes small bright parts, close fills small holes. Source: OpenCV `morphologyEx`.
    """

    name: ClassVar = "images.morphology"
    label: ClassVar = "Clean shapes in pictures"
    covers: ClassVar = ("image_morphology",)
    words: ClassVar = ("dilate", "erode", "opening", "closing", "gradient", "top hat")
    examples: ClassVar = (
        one(DOT, png([90] * 3, [90] * 3, [90] * 3), operation="grow"),
        one(DOT, png([0, 90, 0], [90, 90, 90], [0, 90, 0]), operation="grow", shape="cross"),
        one(DOT, png([0] * 3, [0] * 3, [0] * 3), operation="shrink"),
        one(DOT, png([0] * 3, [0] * 3, [0] * 3)),
        one(DOT, DOT, operation="small bright parts"),
    )
    function: ClassVar = shaped

    operation: Literal["open", "close", "grow", "shrink", "outline", "small bright parts", "small dark parts"] = param("Operation", default="open")  # fmt: skip
    size: int = param("Size", default=3, ge=1, le=99)
    shape: Literal["square", "ellipse", "cross"] = param("Shape", default="square")
    times: int = param("Times", default=1, ge=1, le=20)


@register
class Convert(PictureFunction):
    """Write pictures in another file format, with loss where you wish: PNG, JPEG, WebP, BMP, TIFF or GIF.

    JPEG and BMP have no transparency: a colour is put behind. Metadata go unless kept; pixels are upright. The first frame of an
    animation is taken. A missing or unreadable picture, or one too large for the format, gives a missing one. Source: Pillow.
    """

    name: ClassVar = "images.convert"
    label: ClassVar = "Convert or compress pictures"
    covers: ClassVar = ("image_convert_format", "image_compress")
    words: ClassVar = ("save as", "file type", "JPEG quality", "compress", "WebP", "smaller files")
    examples: ClassVar = (
        one(FLAT, FLAT_JPEG, format="JPEG", quality=50),
        one(FLAT_JPEG, FLAT),
        one(FLAT, FLAT_BMP, format="BMP"),
    )
    function: ClassVar = converted

    format: Literal["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"] = param("Format", default="PNG")
    quality: int = param("Quality (JPEG, WebP)", default=85, ge=1, le=95)
    lossless: bool = param("WebP without loss", default=False)
    background: Colour = param("Colour behind transparent parts", default="#ffffff")
    keep: bool = param("Keep metadata and colour profile", default=False, help="Camera, time and place stay in it.")


@register
class StripMetadata(PictureFunction):
    """Remove metadata from pictures: place, camera, owner, comments, previews, colour profile.

    JPEG and PNG keep their coded pixels as they are, so nothing is lost; pictures that EXIF turns, and other formats, are written anew as
    PNG. A missing or unreadable picture gives a missing one.
    """

    name: ClassVar = "images.strip_metadata"
    label: ClassVar = "Remove metadata from pictures"
    covers: ClassVar = ("image_strip_metadata",)
    words: ClassVar = ("EXIF", "GPS", "privacy", "anonymise", "location", "exiftool")
    examples: ClassVar = (
        one(png([1, 2], text=b"by Ann"), png([1, 2])),
        one(png([1, 2], orientation=6), png([1], [2])),
        one(FLAT_JPEG, FLAT_JPEG),
    )
    function: ClassVar = stripped
