"""Plain Python that changes the colours of one picture, for the row functions of family `images` (see `pixels`).

Colours are arrays height × width × 1 or 3 of 0 to 255; transparency stays as it is.
"""

from __future__ import annotations

import io
import math
import re

import numpy as np

from transforms.functions import row_function
from transforms.pixels import colour_of, draws, encoded, header, opened, orientation


def changed(data, change):
    """Return the picture after `change`, a function of its colours (uint8) that returns colours of any number type."""
    from PIL import Image

    picture = opened(data)
    if picture is None:
        return None
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    colours = np.asarray(picture.convert("RGB") if alpha else picture)
    found = np.asarray(change(colours.reshape(*colours.shape[:2], -1)))
    found = np.clip(np.rint(found), 0, 255).astype(np.uint8).reshape(*found.shape[:2], -1)
    if alpha is not None and found.shape[2] == 1:
        found = np.repeat(found, 3, axis=2)
    made = Image.fromarray(found[:, :, 0] if found.shape[2] == 1 else np.ascontiguousarray(found))
    if alpha is not None:
        made.putalpha(alpha)
    return encoded(made)


def luma(colours):
    """Return the brightness of each pixel (ITU-R BT.601), height × width × 1."""
    if colours.shape[2] == 1:
        return colours.astype(float)
    return (colours.astype(float) @ np.array([0.299, 0.587, 0.114]))[:, :, None]


def on_lightness(colours, change):
    """Return colours whose lightness (L of CIE Lab) went through a function of an uint8 array height × width."""
    import cv2

    if colours.shape[2] == 1:
        return change(np.ascontiguousarray(colours[:, :, 0]))[:, :, None]
    lab = cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_RGB2LAB)
    lab[:, :, 0] = change(np.ascontiguousarray(lab[:, :, 0]))
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)


def with_channels(found, colours):
    """Return an OpenCV result with its axis of channels: it drops one of length 1."""
    return found.reshape(colours.shape)


@row_function("binary", "binary", sees_missing=True)
def channels_of(data, *, result, order, background):
    """Return a picture with other channels."""
    from PIL import Image

    picture = opened(data)
    if picture is None:
        return None
    if result == "transparency":
        return encoded(picture.getchannel("A") if picture.mode == "RGBA" else Image.new("L", picture.size, 255))
    if result == "without transparency":
        if picture.mode != "RGBA":
            return encoded(picture)
        below = Image.new("RGBA", picture.size, colour_of(background, "RGBA"))
        return encoded(Image.alpha_composite(below, picture).convert("RGB"))
    if result in ("grey", "grey in three channels"):
        grey = picture.convert("L")
        return encoded(grey if result == "grey" else grey.convert("RGB"))
    bands = dict(zip("RGB", picture.convert("RGB").split(), strict=True))
    if result == "other order":
        made = Image.merge("RGB", [bands[c] for c in order])
        if picture.mode == "RGBA":
            made.putalpha(picture.getchannel("A"))
        return encoded(made)
    return encoded(bands[result[0].upper()])


@row_function("binary", "binary", sees_missing=True)
def adjusted(data, *, brightness, contrast, saturation, hue, vary, seed):
    """Return a picture with other brightness, contrast, saturation and hue."""

    def change(colours):
        import cv2

        draw = draws(seed, data)
        b, c, s = (f * (1 + draw.uniform(-vary, vary)) if vary else f for f in (brightness, contrast, saturation))
        turn = hue + (draw.uniform(-vary, vary) * 180 if vary else 0)
        x = np.clip(colours.astype(float) * b, 0, 255)
        middle = float(np.floor(luma(x).mean() + 0.5))
        x = np.clip(middle + (x - middle) * c, 0, 255)
        if colours.shape[2] == 1:
            return x
        grey = luma(x)
        x = np.clip(grey + (x - grey) * s, 0, 255)
        if turn % 360:
            hsv = cv2.cvtColor((x / 255).astype(np.float32), cv2.COLOR_RGB2HSV)
            hsv[:, :, 0] = (hsv[:, :, 0] + turn) % 360
            x = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(float) * 255
        return x

    return changed(data, change)


@row_function("binary", "binary", sees_missing=True)
def contrasted(data, *, method, amount, cutoff, tiles):
    """Return a picture with its shades spread in another way."""

    def change(colours):
        import cv2

        x = colours.astype(float) / 255
        if method == "gamma":
            return x**amount * 255
        if method == "logarithm":
            return amount * np.log2(1 + x) * 255
        if method == "sigmoid":
            return 255 / (1 + np.exp(amount * (cutoff - x)))
        if method == "equalise":
            return on_lightness(colours, cv2.equalizeHist)
        if method == "CLAHE":
            return on_lightness(colours, cv2.createCLAHE(clipLimit=amount, tileGridSize=(tiles, tiles)).apply)
        low, high = np.percentile(luma(colours), [amount, 100 - amount])  # stretch
        return (colours - low) * (255 / (high - low)) if high > low else colours

    return changed(data, change)


@row_function("binary", "binary", sees_missing=True)
def balanced(data, *, method, percent):
    """Return a picture without a colour cast."""

    def change(colours):
        if colours.shape[2] == 1:
            return colours
        x = colours.astype(float)
        if method == "grey world":
            means = x.mean(axis=(0, 1))
            return x * (means.mean() / np.where(means > 0, means, 1))
        if method == "white patch":
            tops = np.percentile(x, 100 - percent, axis=(0, 1))
            return x * (255 / np.where(tops > 0, tops, 255))
        low, high = np.percentile(x, [percent, 100 - percent], axis=(0, 1))  # each channel stretched
        return np.where(high > low, (x - low) * (255 / np.where(high > low, high - low, 1)), x)

    return changed(data, change)


def motion_kernel(length, angle):
    """Return a line of `length` pixels through the middle of a square as weights."""
    kernel, half = np.zeros((length, length)), (length - 1) / 2
    for t in np.linspace(-half, half, 4 * length):
        x, y = half + t * math.cos(math.radians(angle)), half - t * math.sin(math.radians(angle))
        kernel[round(y), round(x)] = 1
    return kernel / kernel.sum()


def disk_kernel(radius):
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    kernel = (x * x + y * y <= radius * radius).astype(float)
    return kernel / kernel.sum()


@row_function("binary", "binary", sees_missing=True)
def blurred(data, *, kind, size, angle):
    """Return a picture with less detail."""

    def change(colours):
        import cv2

        x = np.ascontiguousarray(colours)
        if kind == "gaussian":
            return with_channels(cv2.GaussianBlur(x.astype(np.float32), (0, 0), size), x)
        whole = max(1, round(size))
        if kind == "median":
            return with_channels(cv2.medianBlur(x if x.shape[2] == 3 else x[:, :, 0], whole | 1), x)
        if kind == "keep edges":
            return with_channels(cv2.bilateralFilter(x if x.shape[2] == 3 else x[:, :, 0], 0, 75, size), x)
        kernel = np.full((whole, whole), 1 / whole**2) if kind == "box" else motion_kernel(whole, angle)
        return with_channels(cv2.filter2D(x.astype(np.float32), -1, kernel), x)

    return changed(data, change)


@row_function("binary", "binary", sees_missing=True)
def sharpened(data, *, amount, radius):
    """Return a picture with stronger detail (unsharp mask)."""

    def change(colours):
        import cv2

        x = colours.astype(np.float32)
        return x + amount * (x - with_channels(cv2.GaussianBlur(x, (0, 0), radius), x))

    return changed(data, change)


@row_function("binary", "binary", sees_missing=True)
def noisy(data, *, kind, strength, seed):
    """Return a picture with random noise."""

    def change(colours):
        draw, x = draws(seed, data), colours / 255
        if not strength:
            return colours
        if kind == "gaussian":
            return (x + draw.normal(0, strength, x.shape)) * 255
        if kind == "speckle":
            return (x + x * draw.normal(0, strength, x.shape)) * 255
        if kind == "shot":
            photons = 1 / strength**2  # at full brightness: the noise is then `strength` of it
            return draw.poisson(x * photons) / photons * 255
        hit = draw.uniform(size=x.shape[:2])[:, :, None]
        return np.where(hit < strength, np.where(hit < strength / 2, 0.0, 255.0), colours)

    return changed(data, change)


def smooth_field(draw, shape, cells):
    """Return a smooth random field from 0 to 1: a few random numbers, enlarged."""
    import cv2

    field = sum(
        cv2.resize(draw.uniform(size=(c, c)), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC) / c
        for c in (cells, cells * 2, cells * 4)
    )
    low, high = field.min(), field.max()
    return (field - low) / (high - low) if high > low else np.zeros(shape)


@row_function("binary", "binary", sees_missing=True)
def corrupted(data, *, kind, severity, seed):
    """Return a picture with damage of one kind; severity 1 to 5."""

    def change(colours):
        import cv2

        draw, s = draws(seed, data), severity / 5
        x, (height, width) = np.ascontiguousarray(colours).astype(np.float32), colours.shape[:2]
        if kind == "fog":
            veil = smooth_field(draw, (height, width), 3)[:, :, None]
            return x + (235 - x) * np.clip(s * 0.6 + s * 0.4 * veil, 0, 1)
        if kind in ("snow", "rain"):
            flakes = (draw.uniform(size=(height, width)) > 1 - 0.03 * severity).astype(np.float32) * 255
            line = motion_kernel(
                max(3, min(height, width) // (30 if kind == "snow" else 12)), -100 if kind == "snow" else -75
            )
            flakes = np.clip(cv2.filter2D(flakes, -1, line) * (3 if kind == "snow" else 1.5), 0, 255)[:, :, None]
            dim = x * (1 - 0.15 * s) + (20 * s if kind == "snow" else 0)
            return np.maximum(dim, flakes) if kind == "snow" else dim + flakes * 0.5
        if kind == "pixelate":
            share = 1 - 0.15 * severity
            small = (max(1, round(width * share / 2)), max(1, round(height * share / 2)))
            found = cv2.resize(x, small, interpolation=cv2.INTER_AREA)
            return with_channels(cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST), x)
        if kind == "JPEG blocks":
            return jpeg_again(colours, (25, 18, 12, 8, 4)[severity - 1])
        if kind == "elastic":
            shift = [
                (smooth_field(draw, (height, width), 4) - 0.5) * 0.08 * severity * min(width, height) for _ in "xy"
            ]
            at_y, at_x = np.mgrid[0:height, 0:width]
            places = [(a + d).astype(np.float32) for a, d in zip((at_x, at_y), shift, strict=True)]
            return with_channels(cv2.remap(x, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), x)
        if kind == "out of focus":
            return with_channels(cv2.filter2D(x, -1, disk_kernel(2 * severity)), x)
        if kind == "zoom blur":
            zooms = np.linspace(1, 1 + 0.06 * severity, 8)
            middle = ((width - 1) / 2, (height - 1) / 2)
            shots = [cv2.warpAffine(x, cv2.getRotationMatrix2D(middle, 0, float(z)), (width, height), borderMode=cv2.BORDER_REPLICATE) for z in zooms]  # fmt: skip
            return with_channels(np.mean(shots, axis=0), x)
        if kind == "lost lines":
            lost = draw.uniform(size=height) < 0.06 * severity
            return np.where(lost[:, None, None], 0, x)
        if kind == "lost blocks":
            side = max(1, min(height, width) // 8)
            grid = draw.uniform(size=(-(-height // side), -(-width // side))) < 0.06 * severity
            return np.where(np.kron(grid, np.ones((side, side)))[:height, :width, None] > 0, 0, x)
        levels = (64, 32, 16, 8, 4)[severity - 1]  # few shades
        return np.floor(x / 256 * levels) / (levels - 1) * 255

    return changed(data, change)


def jpeg_again(colours, quality):
    """Return colours after a pass through JPEG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(colours[:, :, 0] if colours.shape[2] == 1 else colours).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer)).reshape(colours.shape)


@row_function("binary", "binary", sees_missing=True)
def cut_out(data, *, areas, least, most, fill, colour, seed):
    """Return a picture with some rectangles erased; their sides are shares of the picture's."""

    def change(colours):
        draw, x, (height, width) = draws(seed, data), colours.astype(float), colours.shape[:2]
        for _ in range(areas):
            w, h = (max(1, round(n * draw.uniform(least, most))) for n in (width, height))
            left, top = int(draw.integers(0, width - w + 1)), int(draw.integers(0, height - h + 1))
            hole = x[top : top + h, left : left + w]
            if fill == "noise":
                hole[:] = draw.integers(0, 256, hole.shape)
            else:
                flat = colour_of(colour, "L") if x.shape[2] == 1 else colour_of(colour)
                hole[:] = x.mean(axis=(0, 1)) if fill == "mean colour" else flat
        return x

    return changed(data, change)


def grey_of(colours):
    """Return shades of grey as uint8, height × width."""
    return np.clip(np.rint(luma(colours)[:, :, 0]), 0, 255).astype(np.uint8)


@row_function("binary", "binary", sees_missing=True)
def outlined(data, *, method, low, high):
    """Return the edges of a picture as shades of grey."""

    def change(colours):
        import cv2

        grey = grey_of(colours)
        if method == "Canny":
            return cv2.Canny(grey, low, high)
        if method == "Laplace":
            return np.abs(cv2.Laplacian(grey, cv2.CV_64F))
        return np.hypot(cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1))

    return changed(data, change)


@row_function("binary", "binary", sees_missing=True)
def black_and_white(data, *, method, level, block, inverse):
    """Return a picture in black and white."""

    def change(colours):
        import cv2

        grey = grey_of(colours)
        kind = cv2.THRESH_BINARY_INV if inverse else cv2.THRESH_BINARY
        if method in ("local mean", "local gaussian"):
            way = cv2.ADAPTIVE_THRESH_MEAN_C if method == "local mean" else cv2.ADAPTIVE_THRESH_GAUSSIAN_C
            return cv2.adaptiveThreshold(grey, 255, way, kind, block | 1, level)
        if method != "fixed":
            kind |= cv2.THRESH_OTSU if method == "Otsu" else cv2.THRESH_TRIANGLE
        return cv2.threshold(grey, level, 255, kind)[1]

    return changed(data, change)


@row_function("binary", "binary", sees_missing=True)
def shaped(data, *, operation, size, shape, times):
    """Return a picture after a step of mathematical morphology on its bright shapes."""

    def change(colours):
        import cv2

        shapes = {"square": cv2.MORPH_RECT, "ellipse": cv2.MORPH_ELLIPSE, "cross": cv2.MORPH_CROSS}
        operations = {"grow": cv2.MORPH_DILATE, "shrink": cv2.MORPH_ERODE, "open": cv2.MORPH_OPEN, "close": cv2.MORPH_CLOSE,
                      "outline": cv2.MORPH_GRADIENT, "small bright parts": cv2.MORPH_TOPHAT, "small dark parts": cv2.MORPH_BLACKHAT}  # fmt: skip
        kernel = cv2.getStructuringElement(shapes[shape], (size, size))
        return with_channels(cv2.morphologyEx(np.ascontiguousarray(colours), operations[operation], kernel, iterations=times), colours)  # fmt: skip

    return changed(data, change)


@row_function("binary", "binary", sees_missing=True)
def converted(data, *, format, quality, lossless, background, keep):
    """Return a picture in another file format."""
    from PIL import Image

    picture = opened(data)
    if picture is None:
        return None
    options = {}
    if keep:
        source = header(data)
        if source.info.get("icc_profile") and picture.mode == "RGB":
            options["icc_profile"] = source.info["icc_profile"]
        if format in ("PNG", "JPEG", "WEBP", "TIFF") and orientation(source) in (1, None):
            options["exif"] = source.getexif()
        elif format in ("PNG", "JPEG", "WEBP", "TIFF"):
            options["exif"] = source.getexif()
            options["exif"][0x0112] = 1  # the pixels are upright now
    if picture.mode == "RGBA" and format in ("JPEG", "BMP"):
        below = Image.new("RGBA", picture.size, colour_of(background, "RGBA"))
        picture = Image.alpha_composite(below, picture).convert("RGB")
    if format == "JPEG" or (format == "WEBP" and not lossless):
        options["quality"] = quality
    if format == "WEBP":
        options |= {"lossless": lossless}
        picture = picture.convert("RGB") if picture.mode == "L" else picture
    if format == "TIFF":
        options["compression"] = "tiff_deflate"
    picture.info = {}
    buffer = io.BytesIO()
    try:
        picture.save(buffer, format, **options)
    except (ValueError, OSError):  # too large a side for the format, such as 16,383 pixels in WebP
        return None
    return buffer.getvalue()


@row_function("binary", "binary", sees_missing=True)
def stripped(data):
    """Return a picture without metadata. JPEG and PNG keep their pixels byte for byte; others are written anew as PNG."""
    picture = opened(data)
    if picture is None:
        return None
    data, source = bytes(data), header(data)
    if orientation(source) == 1 and data[:8] == b"\x89PNG\r\n\x1a\n":
        return png_stripped(data)
    if orientation(source) == 1 and source.format == "JPEG":
        found = jpeg_stripped(data)
        return found if found is not None else encoded(picture)
    return encoded(picture)


def png_stripped(data):
    """Return a PNG with the chunks that make pixels only."""
    found, place = [data[:8]], 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] in (
            b"IHDR",
            b"PLTE",
            b"tRNS",
            b"IDAT",
            b"IEND",
            b"gAMA",
            b"sRGB",
            b"cHRM",
            b"sBIT",
        ):
            found.append(data[place : place + 12 + length])
        place += 12 + length
    return b"".join(found)


def jpeg_stripped(data):
    """Return a JPEG without application segments (but JFIF and Adobe's colour mark) and comments; None where it is odd."""
    found, place = [data[:2]], 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return None
        mark, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if mark == 0xD9:
            break
        segment = data[place : place + 2 + length]
        wanted = mark not in range(0xE0, 0xF0) or segment[4:8] == b"JFIF" or segment[4:9] == b"Adobe"
        if wanted and mark != 0xFE:
            found.append(segment)
        place += 2 + length
        if mark == 0xDA:  # coded pixels, in which FF is followed by 00 or a restart mark, up to the next segment
            after = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL).search(data, place)
            if after is None:
                return None
            found.append(data[place : after.start()])
            place = after.start()
            if data[place + 1] == 0xD9:  # what stands behind the end mark is left out
                break
    return b"".join([*found, b"\xff\xd9"])
