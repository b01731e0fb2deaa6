"""Plain Python of one picture, for the row functions of family `images`: encoded bytes in, encoded bytes out.

Pictures are decoded by Pillow: PNG, JPEG, WebP, BMP, TIFF, GIF (first frame) and PPM, at most 100 million pixels, turned upright by
their EXIF orientation. A changed picture is written as PNG, which loses nothing. What cannot be read gives a missing value.
Random choices depend on a seed and on the picture's bytes: the same picture is changed in the same way on every engine.
"""

from __future__ import annotations

import hashlib
import io
import json
import math

import numpy as np

from transforms.functions import row_function

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")  # others run foreign programs (EPS) or are rare
MAX_PIXELS = 100_000_000


def header(data):
    """Return a picture whose pixels are not read yet; raise an error where it is none, or too large."""
    from PIL import Image

    picture = Image.open(io.BytesIO(data), formats=FORMATS)
    if picture.width * picture.height > MAX_PIXELS:
        raise ValueError(f"it has {picture.width} x {picture.height} pixels; the limit is {MAX_PIXELS:,}")
    return picture


def orientation(picture):
    """Return the EXIF orientation, 1 to 8; 1 where there is none."""
    try:
        found = picture.getexif().get(0x0112, 1)
    except Exception:  # damaged metadata raise nearly anything; the pixels may be whole
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def turned(picture, place):
    """Return the picture upright, without Pillow's rewriting of the metadata."""
    ways = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # orientation -> Pillow's numbers of a transposition
    return picture.transpose(ways[place]) if place in ways else picture


def plain_mode(picture):
    """Return a picture as shades of grey, RGB, or RGBA where it has transparency; deeper greys are stretched to 8 bits."""
    from PIL import Image

    if picture.mode.startswith(("I", "F")):
        grey = np.nan_to_num(np.asarray(picture, dtype="float64"), nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(grey.min()), float(grey.max())
        return Image.fromarray(((grey - low) * (255 / (high - low) if high > low else 0)).astype("uint8"))
    clear = picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info
    wanted = "RGBA" if clear else "L" if picture.mode in ("1", "L") else "RGB"
    return picture if picture.mode == wanted else picture.convert(wanted)


def opened(data, as_is=False):
    """Return the upright picture, or None where it cannot be read. `as_is` keeps palettes and depths: masks hold class numbers."""
    if data is None:
        return None
    try:
        picture = header(data)
        picture.load()
        picture = turned(picture, orientation(picture))
        keeps = as_is and picture.mode in ("1", "L", "P", "I;16", "RGB", "RGBA")
        return picture if keeps else plain_mode(picture)
    except Exception:  # a damaged file raises nearly anything
        return None


def size_of(data):
    """Return (width, height) of the upright picture from its header, or None."""
    if data is None:
        return None
    try:
        picture = header(data)
    except Exception:
        return None
    return picture.size[::-1] if orientation(picture) >= 5 else picture.size


def encoded(picture):
    """Return the pixels as PNG: no EXIF, no comments, no colour profile."""
    picture.info = {k: v for k, v in picture.info.items() if k == "transparency" and picture.mode == "P"}
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def draws(seed, data):
    """Return a random generator for one picture."""
    digest = hashlib.sha256(f"{seed}|".encode() + bytes(data)).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def colour_of(text, mode="RGB"):
    """Return the colour `#rrggbb` for a mode of Pillow."""
    red, green, blue = (int(text[i : i + 2], 16) for i in (1, 3, 5))
    if mode in ("RGB", "RGBA"):
        return (red, green, blue, 255)[: len(mode)]
    return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16  # as Pillow makes grey


# Geometry. A step is a list of actions; each has a matrix, so that boxes, polygons and masks move along.
# ("size", w, h) | ("window", left, top, w, h) | ("mirror", horizontal, vertical) | ("quarter",) | ("warp", matrix, w, h)


def planned(kind, size, plan, data):
    """Return the actions of a step for a picture of this size; None where nothing of the picture would be left."""
    makers = {
        "resize": resizing,
        "crop": cropping,
        "pad": padding,
        "rotate": rotating,
        "flip": flipping,
        "warp": warping,
    }
    return makers[kind](size[0], size[1], plan, draws(plan.get("seed", 0), data))


def resizing(width, height, plan, draw):
    w, h = plan["width"], plan["height"]
    if w is None:
        w = max(1, round(width * h / height))
    if h is None:
        h = max(1, round(height * w / width))
    if plan["ratio"] == "stretch":
        return [("size", w, h)]
    scale = (max if plan["ratio"] == "keep the ratio and crop" else min)(w / width, h / height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    actions = [("size", *inner)]
    if plan["ratio"] != "keep the ratio":
        actions.append(("window", (inner[0] - w) // 2, (inner[1] - h) // 2, w, h))
    return actions


def cropping(width, height, plan, draw):
    scale = (width / 100, height / 100) if plan["unit"] == "percent" else (1, 1)
    w, h = max(1, round(plan["width"] * scale[0])), max(1, round(plan["height"] * scale[1]))
    if plan["region"] == "box":
        left, top = round(plan["x"] * scale[0]), round(plan["y"] * scale[1])
    elif plan["region"] == "centre":
        left, top = max(0, (width - w) // 2), max(0, (height - h) // 2)
    else:
        left, top = (int(draw.integers(0, max(0, a - b) + 1)) for a, b in ((width, w), (height, h)))
    right, bottom = min(left + w, width), min(top + h, height)
    left, top = max(left, 0), max(top, 0)
    return [("window", left, top, right - left, bottom - top)] if right > left and bottom > top else None


def padding(width, height, plan, draw):
    left, top, right, bottom = (plan[k] for k in ("left", "top", "right", "bottom"))
    w, h = width + left + right, height + top + bottom
    wanted = (max(w, h), max(w, h)) if plan["square"] else (w, h)
    wanted = (max(wanted[0], plan["least_width"] or 0), max(wanted[1], plan["least_height"] or 0))
    return [("window", -left - (wanted[0] - w) // 2, -top - (wanted[1] - h) // 2, *wanted)]


def rotating(width, height, plan, draw):
    angle = plan["angle"] + (draw.uniform(-1, 1) * plan["vary"] if plan["vary"] else 0)
    quarters = round(angle / 90) % 4 if angle % 90 == 0 else None
    if quarters == 0:
        return []
    if quarters is not None and (plan["expand"] or quarters == 2 or width == height):
        return [("mirror", True, True)] if quarters == 2 else [("quarter",)] * quarters
    # the y axis points down: a positive angle turns against the clock, as in Pillow
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return centred(np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]), width, height, plan["expand"])


def centred(matrix, width, height, expand):
    """Return one warp by a matrix around the middle of the picture; `expand` makes room for all of it."""
    w, h = width, height
    if expand:
        corners = mapped(matrix, [(-width / 2, -height / 2), (width / 2, -height / 2), (width / 2, height / 2), (-width / 2, height / 2)])  # fmt: skip
        w = max(1, math.ceil(max(x for x, _ in corners) - min(x for x, _ in corners) - 1e-6))
        h = max(1, math.ceil(max(y for _, y in corners) - min(y for _, y in corners) - 1e-6))
    return [("warp", shifted(w / 2, h / 2) @ matrix @ shifted(-width / 2, -height / 2), w, h)]


def shifted(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def flipping(width, height, plan, draw):
    if plan["chance"] < 1 and draw.uniform() >= plan["chance"]:
        return []
    return [("mirror", plan["axis"] != "top and bottom", plan["axis"] != "left and right")]


def warping(width, height, plan, draw):
    if plan["kind"] == "shear":
        x, y = (v * (draw.uniform(-1, 1) if plan["random"] else 1) for v in (plan["x"], plan["y"]))
        matrix = np.array([[1, math.tan(math.radians(x)), 0], [math.tan(math.radians(y)), 1, 0], [0, 0, 1]])
        return centred(matrix, width, height, plan["expand"]) if x or y else []
    if plan["kind"] == "matrix":
        return [("warp", np.array([*plan["matrix"], 0, 0, 1], float).reshape(3, 3), width, height)]
    inward = [(1, 1), (-1, 1), (-1, -1), (1, -1)]
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    moved = [
        (
            x + dx * draw.uniform(0, plan["strength"]) * width / 2,
            y + dy * draw.uniform(0, plan["strength"]) * height / 2,
        )
        for (x, y), (dx, dy) in zip(corners, inward, strict=True)
    ]
    return [("warp", quad_to_quad(corners, moved), width, height)]


def quad_to_quad(old, new):
    """Return the perspective matrix that takes four points to four others."""
    rows, right = [], []
    for (x, y), (u, v) in zip(old, new, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return np.append(np.linalg.solve(np.array(rows, float), np.array(right, float)), 1.0).reshape(3, 3)


def matrix_of(action, size):
    """Return (matrix, new size) of an action on a picture of this size."""
    (w, h), what = size, action[0]
    if what == "size":
        return np.diag([action[1] / w, action[2] / h, 1.0]), action[1:3]
    if what == "window":
        return shifted(-action[1], -action[2]), action[3:5]
    if what == "mirror":
        x, y = action[1:]
        return np.array([[-1 if x else 1, 0, w if x else 0], [0, -1 if y else 1, h if y else 0], [0, 0, 1.0]]), size
    if what == "quarter":
        return np.array([[0, 1, 0], [-1, 0, w], [0, 0, 1.0]]), (h, w)
    return action[1], action[2:4]


def mapped(matrix, points):
    """Return points after a matrix; a point behind the picture's plane goes far away."""
    found = []
    for x, y in points:
        u, v, w = matrix @ np.array([x, y, 1.0])
        w = w if abs(w) > 1e-12 else 1e-12
        found.append((float(u / w), float(v / w)))
    return found


def acted(picture, action, fill, resample, border="colour"):
    """Return the picture after one action."""
    from PIL import Image

    what = action[0]
    if what == "size":
        return picture.resize(action[1:3], resample)
    if what == "mirror":
        picture = picture.transpose(0) if action[1] else picture
        return picture.transpose(1) if action[2] else picture
    if what == "quarter":
        return picture.transpose(2)
    if what == "warp":
        inverse = np.linalg.inv(action[1])
        smooth = {0: 0, 2: 2, 3: 3}.get(int(resample), 3)  # warping knows nearest, bilinear and bicubic
        return picture.transform(action[2:4], Image.Transform.PERSPECTIVE, (inverse / inverse[2, 2]).ravel()[:8].tolist(), smooth, fillcolor=fill)  # fmt: skip
    left, top, w, h = action[1:]
    if border != "colour":
        wide = [(max(0, -top), max(0, top + h - picture.height)), (max(0, -left), max(0, left + w - picture.width))]
        pixels = np.asarray(picture)
        grown = np.pad(pixels, wide + [(0, 0)] * (pixels.ndim - 2), mode="edge" if border == "edge" else "reflect")
        left, top = left + wide[1][0], top + wide[0][0]
        return Image.fromarray(np.ascontiguousarray(grown[top : top + h, left : left + w]), mode_of(picture))
    if left >= 0 and top >= 0 and left + w <= picture.width and top + h <= picture.height:
        return picture.crop((left, top, left + w, top + h))
    canvas = Image.new(picture.mode, (w, h), fill)
    if picture.mode == "P":
        canvas.putpalette(picture.getpalette())
    canvas.paste(picture, (-left, -top))
    return canvas


def mode_of(picture):
    return None if picture.mode in ("P", "1") else picture.mode


@row_function("binary", "binary", "binary", sees_missing=True)
def moved(picture, data, *, kind, plan, fill, smooth, mask):
    """Return a picture (or a mask) after the geometric step that is planned for `data`."""
    size, picture = size_of(data), opened(picture, as_is=mask)
    actions = planned(kind, size, plan, data) if size and picture else None
    if actions is None:
        return None
    if mask and picture.size != size:
        return None  # a mask of another size belongs to another picture
    names = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "area": 4}
    resample = 0 if mask or picture.mode in ("1", "P") else names[smooth]
    for action in actions:
        w, h = matrix_of(action, picture.size)[1]
        if w * h > MAX_PIXELS:
            return None
        picture = acted(picture, action, 0 if mask else colour_of(fill, picture.mode), resample, plan.get("border", "colour") if not mask else "colour")  # fmt: skip
    return encoded(picture)


@row_function("string", "string", "binary", sees_missing=True)
def moved_notes(text, data, *, kind, plan, keep):
    """Return boxes and polygons after the geometric step that is planned for the picture `data`."""
    size = size_of(data)
    actions = planned(kind, size, plan, data) if size and text is not None else None
    return notes_after(text, size, actions, keep) if actions is not None else None


def notes_after(text, size, actions, keep):
    """Return annotations as JSON after some actions; None where the text is no such JSON."""
    try:
        document = json.loads(text)
        entries = document["boxes"] if isinstance(document, dict) else document
        matrix = np.eye(3)
        for action in actions:
            step, size = matrix_of(action, size)
            matrix = step @ matrix
        found = [after for entry in entries if (after := note_after(entry, matrix, size, keep)) is not None]
    except (ValueError, TypeError, KeyError, IndexError, OverflowError):
        return None
    return json.dumps({**document, "boxes": found} if isinstance(document, dict) else found, ensure_ascii=False)


def note_after(entry, matrix, size, keep):
    """Return one annotation after a matrix, clipped to the frame; None where less than the share `keep` of it is left."""
    after, shares = dict(entry), []
    if "polygon" in entry:
        whole = mapped(matrix, [(float(x), float(y)) for x, y in entry["polygon"]])
        cut = clipped(whole, size)
        shares.append(area_of(cut) / max(area_of(whole), 1e-12))
        after["polygon"] = [[short(x), short(y)] for x, y in cut]
    if "box" in entry or "x" in entry:
        x, y, w, h = (float(v) for v in (entry["box"] if "box" in entry else [entry[k] for k in "xywh"]))
        corners = mapped(matrix, [(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
        left, right = min(p[0] for p in corners), max(p[0] for p in corners)
        top, bottom = min(p[1] for p in corners), max(p[1] for p in corners)
        whole = max((right - left) * (bottom - top), 1e-12)
        left, top, right, bottom = max(left, 0.0), max(top, 0.0), min(right, size[0]), min(bottom, size[1])
        w, h = max(right - left, 0.0), max(bottom - top, 0.0)
        shares.append(w * h / whole)
        numbers = [short(v) for v in (left, top, w, h)]
        after |= {"box": numbers} if "box" in entry else dict(zip("xywh", numbers, strict=True))
    if not shares:
        return after  # a label without a place
    return after if shares[0] > 0 and shares[0] >= keep else None


def short(value):
    """Return a coordinate with at most six decimals, whole ones without a point."""
    value = round(float(value), 6) + 0.0
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def area_of(points):
    """Return the area of a polygon (shoelace formula)."""
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, points[1:] + points[:1], strict=True))) / 2


def clipped(points, size):
    """Return the part of a polygon inside the frame (Sutherland and Hodgman, 1974)."""
    for axis, limit, sign in ((0, 0.0, 1), (0, float(size[0]), -1), (1, 0.0, 1), (1, float(size[1]), -1)):
        found = []
        for a, b in zip(points[-1:] + points[:-1], points, strict=True):
            inside_a, inside_b = sign * (a[axis] - limit) >= 0, sign * (b[axis] - limit) >= 0
            if inside_a != inside_b:
                t = (limit - a[axis]) / (b[axis] - a[axis])
                found.append((a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])))
            if inside_b:
                found.append(b)
        points = found
    return points


def tile_windows(size, width, height, overlap, rest):
    """Return the windows of tiles, row by row; `rest` says what becomes of the last ones: shorter, moved, filled or left out."""
    windows = []
    for length, tile in ((size[1], height), (size[0], width)):
        step = max(1, tile - overlap)
        starts = list(range(0, max(length - overlap, 1), step))
        if rest == "leave it out":
            starts = [s for s in starts if s + tile <= length]
        elif rest == "move it inward":
            starts = list(dict.fromkeys(max(0, min(s, length - tile)) for s in starts))
        cut = rest in ("keep it smaller", "move it inward")
        windows.append([(s, min(tile, length - s) if cut else tile) for s in starts])
    return [("window", x, y, w, h) for y, h in windows[0] for x, w in windows[1]]


@row_function("array<binary>", "binary", sees_missing=True)
def tiles_of(data, *, width, height, overlap, rest, fill):
    """Return the tiles of a picture; none where it cannot be read."""
    picture = opened(data)
    if picture is None:
        return None
    fill = colour_of(fill, picture.mode)
    return [
        encoded(acted(picture, w, fill, 0)) for w in tile_windows(picture.size, width, height, overlap, rest)[:10_000]
    ]


@row_function("array<int64>", "binary", "int64", sees_missing=True)
def tile_place(data, place, *, width, height, overlap, rest):
    """Return left and top of the tile with this number (from 0)."""
    size = size_of(data)
    return list(tile_windows(size, width, height, overlap, rest)[place][1:3]) if size and place is not None else None


@row_function("string", "string", "binary", "int64", sees_missing=True)
def tile_notes(text, data, place, *, width, height, overlap, rest, keep):
    """Return the boxes and polygons in one tile."""
    size = size_of(data)
    if text is None or size is None or place is None:
        return None
    return notes_after(text, size, [tile_windows(size, width, height, overlap, rest)[place]], keep)
