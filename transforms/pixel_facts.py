"""Plain Python that tells something about one picture, for the row functions of family `images` (see `pixels`)."""

from __future__ import annotations

import datetime
import hashlib
import math

import numpy as np

from transforms.functions import row_function
from transforms.pixel_effects import luma
from transforms.pixels import header, opened, orientation, size_of


@row_function("string", "binary", sees_missing=True)
def why_unreadable(data, *, least_width, least_height):
    """Return why a picture cannot be used: no picture, damaged, too large, too small; None where it can."""
    if data is None:
        return "missing"
    try:
        picture = header(data)
    except Exception as error:
        return "too large" if "pixels" in str(error) else "no picture"
    try:
        picture.load()
    except Exception:
        return "damaged"
    width, height = size_of(data)
    return "too small" if width < least_width or height < least_height else None


def rational(value):
    """Return an EXIF number; None where it is not finite."""
    value = float(value)
    return value if math.isfinite(value) else None


def degrees(values, reference, negative):
    """Return degrees, minutes and seconds as one number."""
    d, m, s = (rational(v) for v in values)
    found = d + m / 60 + s / 3600
    return round(-found if str(reference).strip().upper() == negative else found, 8)


def metadata(data):
    """Return what the file says besides its pixels."""
    picture = header(data)
    found = {"format": picture.format, "mode": picture.mode, "frames": float(getattr(picture, "n_frames", 1)), "orientation": float(orientation(picture))}  # fmt: skip
    try:
        exif = picture.getexif()
        inner, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
    except Exception:
        return found
    for name, value in (("camera maker", exif.get(0x010F)), ("camera", exif.get(0x0110)), ("lens", inner.get(0xA434)), ("software", exif.get(0x0131))):  # fmt: skip
        text = value.replace("\0", "").strip() if isinstance(value, str) else ""
        found[name] = text or None
    readers = {
        "taken at": lambda: moment(inner.get(0x9003) or exif.get(0x0132)),
        "latitude": lambda: degrees(place[2], place[1], "S"),
        "longitude": lambda: degrees(place[4], place[3], "W"),
        "altitude": lambda: rational(place[6]) * (-1 if place.get(5) in (1, b"\x01") else 1),
        "exposure seconds": lambda: rational(inner[0x829A]),
        "aperture": lambda: rational(inner[0x829D]),
        "ISO": lambda: rational(inner[0x8827]),
        "focal length": lambda: rational(inner[0x920A]),
    }
    for name, read in readers.items():
        try:
            found[name] = read()
        except (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError, OverflowError):
            found[name] = None
    return found


def moment(text):
    """Return an EXIF time as ISO text."""
    return datetime.datetime.strptime(text.strip("\0 "), "%Y:%m:%d %H:%M:%S").isoformat()


def quality(picture):
    """Return numbers about the pixels; shades run from 0 to 1."""
    import cv2

    colours = np.asarray(picture.convert("RGB") if picture.mode == "RGBA" else picture)
    colours = colours.reshape(*colours.shape[:2], -1)
    grey = luma(colours)[:, :, 0]
    shades = np.bincount(np.clip(np.rint(grey), 0, 255).astype(int).ravel(), minlength=256) / grey.size
    spread = colours.max(axis=2).astype(float) - colours.min(axis=2)
    top = np.maximum(colours.max(axis=2).astype(float), 1)
    return {
        "brightness": grey.mean() / 255,
        "contrast": grey.std() / 255,
        "sharpness": cv2.Laplacian(grey, cv2.CV_64F).var(),
        "dark share": (grey <= 12).mean(),
        "bright share": (grey >= 243).mean(),
        "saturation": (spread / top).mean(),
        "entropy": -sum(p * math.log2(p) for p in shades.tolist() if p > 0),
    }


PIXEL_FACTS = ("brightness", "contrast", "sharpness", "dark share", "bright share", "saturation", "entropy")


@row_function("array<float64>", "binary", sees_missing=True)
def numbers_of(data, *, names):
    """Return the facts with these names as numbers; a missing list where the picture cannot be read."""
    if data is None:
        return None
    try:
        found = metadata(data)
        width, height = size_of(data)
    except Exception:
        return None
    found |= {"width": width, "height": height, "bytes": len(data), "width by height": width / height}
    if set(names) & set(PIXEL_FACTS):
        picture = opened(data)
        if picture is None:
            return None
        found |= quality(picture)
    return [None if found.get(n) is None else round(float(found[n]), 10) for n in names]


@row_function("array<string>", "binary", sees_missing=True)
def texts_of(data, *, names):
    """Return the facts with these names as texts; a missing list where the picture cannot be read."""
    if data is None:
        return None
    try:
        found = metadata(data)
    except Exception:
        return None
    kinds = {
        "average hash": "average",
        "difference hash": "difference",
        "perceptual hash": "perceptual",
        "pixel hash": "pixels",
    }
    if set(names) & set(kinds):
        picture = opened(data)
        if picture is None:
            return None
        found |= {name: signature(picture, kind) for name, kind in kinds.items() if name in names}
    return [found.get(n) for n in names]


def signature(picture, kind):
    """Return a signature in hex digits; those of alike pictures differ in few bits."""
    from PIL import Image

    if kind == "pixels":
        text = f"{picture.width}x{picture.height}|"
        return hashlib.sha256(text.encode() + picture.convert("RGBA").tobytes()).hexdigest()
    grey = picture.convert("L")
    if kind == "average":
        small = np.asarray(grey.resize((8, 8), Image.Resampling.LANCZOS), float)
        bits = small > small.mean()
    elif kind == "difference":
        small = np.asarray(grey.resize((9, 8), Image.Resampling.LANCZOS), int)
        bits = small[:, 1:] > small[:, :-1]
    else:
        import cv2

        waves = cv2.dct(np.asarray(grey.resize((32, 32), Image.Resampling.LANCZOS), np.float64))[:8, :8].round(6)
        bits = waves > np.median(waves)
    return f"{int(''.join('1' if b else '0' for b in bits.ravel()), 2):016x}"


@row_function("string", "binary", sees_missing=True)
def signature_of(data, *, kind):
    """Return a picture's signature: of its file (`bytes`), its pixels, or one that alike pictures share mostly."""
    if data is None:
        return None
    if kind == "bytes":
        return hashlib.sha256(data).hexdigest()
    picture = opened(data)
    return signature(picture, kind) if picture is not None else None


@row_function("array<string>", "array<string>")
def kept_signatures(signatures, *, distance):
    """Return the signatures to keep: in order of the 12 digits in front, each that is not within `distance` bits of a kept one."""
    signatures = list(dict.fromkeys(text[12:] for text in sorted(signatures)))
    width = max((len(text) for text in signatures), default=0) * 4
    seen, kept = np.zeros((64, width), dtype=np.uint8), []
    for text in signatures:
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(text), dtype=np.uint8))
        if not kept or np.count_nonzero(seen[: len(kept)] != bits, axis=1).min() > distance:
            if len(kept) == len(seen):
                seen = np.vstack([seen, np.zeros_like(seen)])
            seen[len(kept)] = bits
            kept.append(text)
    return kept


def small_pixels(picture, width, height, grey):
    """Return the pixels of a picture made smaller as numbers from 0 to 1, height × width × 1 or 3."""
    from PIL import Image

    picture = picture.convert("L" if grey else "RGB")
    picture = picture if picture.size == (width, height) else picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture, float).reshape(height, width, -1) / 255


@row_function("array<float64>", "binary", sees_missing=True)
def channel_sums(data, *, width, height, grey):
    """Return the number of pixels, then the sums and the sums of squares of each channel."""
    picture = opened(data)
    if picture is None:
        return None
    x = small_pixels(picture, width, height, grey).reshape(width * height, -1)
    return [float(len(x)), *x.sum(axis=0).tolist(), *(x * x).sum(axis=0).tolist()]


@row_function("array<float64>", "binary", sees_missing=True)
def pixel_numbers(data, *, width, height, grey, means, deviations, order):
    """Return the standardised pixels as one list."""
    picture = opened(data)
    if picture is None:
        return None
    x = (small_pixels(picture, width, height, grey) - np.array(means)) / np.array(deviations)
    return (x.transpose(2, 0, 1) if order == "channel by channel" else x).ravel().round(10).tolist()


@row_function("float64", "binary", sees_missing=True)
def content_share(data, *, seed):
    """Return a number from 0 to 1 that depends on the pixels alone; for what cannot be read on the bytes."""
    picture = opened(data)
    key = signature(picture, "pixels") if picture is not None else hashlib.sha256(data or b"").hexdigest()
    return int(hashlib.md5(f"{seed}|{key}".encode()).hexdigest()[:7], 16) / 16**7
