"""Open picture and video files safely: known kinds only, bounded pixels, upright.

Pixels are BGR uint8 arrays (OpenCV's order), already turned by the EXIF orientation.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from transforms.errors import SourceError

MAX_PIXELS = 100_000_000  # of one picture
MAX_BYTES = 200 * 1024 * 1024  # of one picture file
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
VIDEO_SUFFIXES = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".gif"}
_FORMATS = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "TIFF": ".tif"}
_OPEN = ["JPEG", "PNG", "WEBP", "BMP", "TIFF"]  # an MPO is opened as the JPEG that it begins as
_SAVE = {
    ".jpg": ("JPEG", {"quality": 92}),
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"quality": 90}),
    ".bmp": ("BMP", {}),
    ".tif": ("TIFF", {"compression": "tiff_deflate"}),
}


@dataclass(frozen=True)
class Picture:
    """One decoded picture: `bgr` is height × width × 3, `suffix` the canonical suffix of its real format."""

    bgr: object
    suffix: str

    @property
    def width(self) -> int:
        return self.bgr.shape[1]

    @property
    def height(self) -> int:
        return self.bgr.shape[0]


def read_picture(source: Path | str | bytes, name: str | None = None, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a picture, upright, as BGR in sRGB.

    The size is read from the header and checked before anything is decoded. What is transparent becomes white, 16 and
    32 bits of grey are stretched to 8, colours of an embedded profile are turned into sRGB.

    Raises:
        SourceError: not a picture we know, damaged, larger than `max_pixels`, or several pictures in one file: only the
            first would be looked at, and the others lost.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    name = name or (source if isinstance(source, str) else source.name if isinstance(source, Path) else "picture")
    name = Path(name).name
    size = len(source) if isinstance(source, bytes) else _file_size(source, name)
    if size > MAX_BYTES:
        raise SourceError(f"{name} has {size / 1e6:.0f} MB; pictures may have {MAX_BYTES / 1e6:.0f} MB.")
    if size == 0:
        raise SourceError(f"{name} is empty.")
    limit = f"the limit is {max_pixels / 1e6:g} million"
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_OPEN) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise SourceError(
                    f"{name} has {width} × {height} pixels; {limit}.", hint="Make it smaller, or cut it into tiles."
                )
            suffix = _FORMATS[image.format]
            # phones put a depth map or a small copy behind the picture (MPO); those go
            if image.format != "MPO" and (frames := getattr(image, "n_frames", 1)) > 1:
                raise SourceError(
                    f"{name} holds {frames} pictures (it is animated or has pages); a picture is one.",
                    hint="Save each as a file of its own, or the animation as a video or GIF.",
                )
            return Picture(_to_bgr(ImageOps.exif_transpose(image)), suffix)
    except Image.DecompressionBombError:  # Pillow refuses the largest ones before we see their size
        raise SourceError(f"{name} has far too many pixels; {limit}.", hint="Make it smaller.") from None
    except UnidentifiedImageError:
        raise SourceError(
            f"{name} is not a picture that can be read.", hint="JPEG, PNG, WebP, BMP and TIFF work."
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{name} is damaged: {error}.", hint="Open it in a viewer and save it again.") from error


def _file_size(path: Path | str, name: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        raise SourceError(f"There is no file {name}.", hint="Check the path.") from None
    except OSError as error:
        raise SourceError(f"{name} cannot be read: {error.strerror}.") from error


def _to_bgr(image):
    import numpy as np
    from PIL import Image

    if image.mode.startswith(("I", "F")):  # 16 and 32 bit grey: stretch, a plain conversion would clip
        grey = np.nan_to_num(np.asarray(image, dtype="float64"), posinf=0.0, neginf=0.0)
        low, high = float(grey.min()), float(grey.max())
        grey = ((grey - low) * (255 / (high - low)) if high > low else grey * 0).astype("uint8")
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        seen, profile = image.convert("RGBA"), image.info.get("icc_profile")
        image = Image.new("RGBA", seen.size, "white")
        image.alpha_composite(seen)  # what lies under full transparency may be anything, and is not for showing
        image = image.convert("RGB")
        image.info["icc_profile"] = profile
    image = _in_srgb(image)
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def _in_srgb(image):
    """Turn colours by the embedded profile, as viewers do; without one, or with one that says nothing, leave them."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "CMYK", "LAB"):
        return image
    from PIL import ImageCms

    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(own).lower():
            return image
        return ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):  # a broken profile is no reason to refuse the picture
        return image


def encode_picture(bgr, suffix: str) -> bytes:
    """Encode pixels in the format of `suffix`. Nothing but pixels is written: no EXIF, no comments, no colour profile."""
    from PIL import Image

    kind, options = _SAVE[suffix]
    out = io.BytesIO()
    Image.fromarray(bgr[:, :, ::-1]).save(out, kind, **options)
    return out.getvalue()


def canonical_suffix(path: Path | str) -> str:
    """Return the suffix that pictures of this path's kind are stored with, `.png` for kinds we cannot write."""
    suffix = Path(path).suffix.lower()
    suffix = {".jpeg": ".jpg", ".tiff": ".tif"}.get(suffix, suffix)
    return suffix if suffix in _SAVE else ".png"


@dataclass(frozen=True)
class Clip:
    """What a video says about itself. `frames` is a count the file states and may be wrong by a few."""

    width: int
    height: int
    fps: float
    frames: int


def open_clip(path: Path | str, max_pixels: int = MAX_PIXELS):
    """Open a video and return `(capture, Clip)`; the caller releases the capture.

    Raises:
        SourceError: missing, not a video OpenCV can read, or frames larger than `max_pixels`.
    """
    import cv2

    name = Path(path).name
    if not Path(path).is_file():
        raise SourceError(f"There is no file {name}.", hint="Check the path.")
    capture = cv2.VideoCapture(str(path))
    width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    if not capture.isOpened() or width <= 0 or height <= 0:
        capture.release()
        raise SourceError(f"{name} is not a video that can be read.", hint="MP4 (H.264, MPEG-4) and GIF work.")
    if width * height > max_pixels:
        capture.release()
        raise SourceError(f"{name} has frames of {width} × {height} pixels; the limit is {max_pixels / 1e6:g} million.")
    fps = capture.get(cv2.CAP_PROP_FPS)
    fps = fps if 0 < fps < 1000 else 25.0
    return capture, Clip(width, height, float(fps), max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))))


def clip_frames(
    path: Path | str,
    *,
    every: int | None = None,
    per_second: float | None = None,
    most: int = 10_000,
    start_s: float = 0.0,
    end_s: float | None = None,
    numbers: Collection[int] | None = None,
) -> Iterator[tuple[int, object]]:
    """Yield `(frame number from 0, BGR pixels)` of a video.

    Args:
        every: every nth frame, or
        per_second: about this many frames per second of film; with neither, every frame.
        most: stop after this many.
        start_s, end_s: seconds of film to begin at and to stop before.
        numbers: exactly these frames (counted from 0), whatever the rate and the seconds say.
    """
    if every is not None and every < 1:
        raise SourceError(f"Every {every}th frame is not possible.", hint="Use 1 or more.")
    if per_second is not None and not per_second > 0:
        raise SourceError(f"{per_second} frames per second is not possible.", hint="Use a number above 0.")
    if not start_s >= 0 or (end_s is not None and not end_s > start_s):
        raise SourceError(f"From {start_s} to {end_s} seconds is not possible.", hint="The end comes after the start.")
    capture, clip = open_clip(path)
    try:
        step = every or (max(1.0, clip.fps / per_second) if per_second else 1)
        number, given = 0, 0
        wanted = float(math.ceil(round(start_s * clip.fps, 6)))
        stop = math.inf if end_s is None else round(end_s * clip.fps, 6)
        if numbers is not None:
            chosen = set(numbers)
            step, wanted, stop = 1, float(min(chosen, default=0)), max(chosen, default=-1) + 1
        while given < most and (number < stop or number == 0) and capture.grab():
            if wanted <= number < stop and (numbers is None or number in chosen):
                ok, bgr = capture.retrieve()
                if not ok:
                    break
                yield number, bgr
                given += 1
                wanted += step
            number += 1
        if number == 0:
            raise SourceError(f"{Path(path).name} has no frame that can be read.")
    finally:
        capture.release()
