"""Pictures as cells: a column of encoded bytes (PNG, JPEG …). This module holds the geometric steps, which move boxes,
polygons and masks along; colours are in `images_colour`, facts and whole tables in `images_facts`.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, field_validator

from transforms.catalog.common import ColumnFunction, new_name, spare_names
from transforms.errors import ColumnNotFound, ParamError, WrongColumnType
from transforms.fields import Column, NewColumn, SomeColumns, TextColumn, param
from transforms.functions import RowFunction
from transforms.pixels import moved, moved_notes, tile_notes, tile_place, tiles_of
from transforms.transform import Example, Transform, register

LARGEST = 20_000  # pixels of one side


def _is_colour(text: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ValueError(f"a colour is written like #ff8800, not {text!r}")
    return text.lower()


Colour = Annotated[str, AfterValidator(_is_colour)]


def helpers_of(*functions: RowFunction) -> tuple[str, ...]:
    """Return the source texts of row functions, with the packages that they import when they run."""
    texts = tuple(dict.fromkeys(h for f in functions for h in f.helpers))
    used = "\n".join(texts)
    return (
        *texts,
        *(f"import {m}" for m, mark in (("PIL.Image", "PIL import"), ("cv2", "import cv2")) if mark in used),
    )


def need_pictures(schema, *columns: str | None) -> None:
    """Refuse columns that hold no bytes."""
    for c in columns:
        if c and c not in schema:
            raise ColumnNotFound.of(c, schema)
        if c and not schema[c].is_binary():
            raise WrongColumnType(
                f"column {c!r} ({schema[c]}) does not hold pictures.",
                hint="Import a folder or a zip file of pictures, or choose a column of bytes.",
            )


def need_text(schema, *columns: str | None) -> None:
    """Refuse columns that are chosen but are no text."""
    for c in columns:
        if c and c not in schema:
            raise ColumnNotFound.of(c, schema)
        if c and not schema[c].is_string():
            raise WrongColumnType.of("Boxes and polygons", "text", c, schema[c])


class PictureFunction(ColumnFunction):
    """Change the pictures of each chosen column; a missing or unreadable picture gives a missing one."""

    function: ClassVar[RowFunction]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs):
        super().__pydantic_init_subclass__(**kwargs)
        if "function" in vars(cls):
            cls.pandas_helpers = helpers_of(cls.function)

    def check_columns(self, schema):
        super().check_columns(schema)
        need_pictures(schema, *self.columns)

    def constants(self) -> dict:
        """Return the keyword arguments of the function (JSON values): the settings, unless a class says otherwise."""
        return {k: v for k, v in self.settings().items() if k not in ("columns", "suffix")}

    def value(self, column):
        return self.function(column, **self.constants())

    def pandas_value(self, column, dtype):
        return self.function.pandas(column, **self.constants())


def png(*rows, orientation: int = 0, text: bytes = b"") -> bytes:
    """Return a tiny PNG for an example: rows of shades, of colours (r, g, b) or (r, g, b, a)."""
    depth = 1 if isinstance(rows[0][0], int) else len(rows[0][0])
    flat = b"".join(b"\0" + bytes(v for p in row for v in ([p] if depth == 1 else p)) for row in rows)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, {1: 0, 3: 2, 4: 6}[depth], 0, 0, 0)
    exif = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0) if orientation else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + (chunk(b"eXIf", exif) if exif else b"")
        + (chunk(b"tEXt", b"Comment\0" + text) if text else b"")
        + chunk(b"IDAT", zlib.compress(flat))
        + chunk(b"IEND", b"")
    )


BINARY = {"i": "binary"}
RED, GREEN, BLUE, BLACK, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)
NOTES_HELP = (
    'JSON such as [{"label": "car", "box": [x, y, w, h]}, {"label": "road", "polygon": [[x, y], …]}], or Tilth\'s own '
    "documents, in pixels of the upright picture. It is moved along; what is no such JSON becomes missing."
)


class Geometry(Transform):
    """A step that moves pixels: boxes, polygons and masks move along."""

    kind_of_step: ClassVar[str]

    column: Column = param("Pictures")
    notes: TextColumn | None = param("Boxes and polygons", default=None, help=NOTES_HELP)
    masks: SomeColumns = param("Masks", default=(), help="Pictures of class numbers, moved without mixing pixels.")
    keep: float = param("Drop boxes of which less is left than", default=0.1, ge=0, le=1, help="A share of the area.")

    def check_columns(self, schema):
        super().check_columns(schema)
        need_pictures(schema, self.column, *self.masks)
        need_text(schema, self.notes)
        if self.column in self.masks:
            raise ParamError(f"column {self.column!r} is chosen as picture and as mask.", hint="Choose one of them.")

    def plan(self) -> dict:
        """Return what the row functions plan with (JSON values)."""
        left_out = ("column", "notes", "masks", "keep", "fill", "smooth")
        return {k: v for k, v in self.settings().items() if k not in left_out}

    def _constants(self, mask: bool) -> dict:
        fill, smooth = getattr(self, "fill", "#000000"), getattr(self, "smooth", "bilinear")
        return {"kind": self.kind_of_step, "plan": self.plan(), "fill": fill, "smooth": smooth, "mask": mask}

    def _of_notes(self) -> dict:
        return {"kind": self.kind_of_step, "plan": self.plan(), "keep": self.keep}

    def apply(self, table, state):
        picture = table[self.column]
        made = [moved(picture, picture, **self._constants(False)).name(self.column)]
        made += [moved(table[m], picture, **self._constants(True)).name(m) for m in self.masks]
        if self.notes:
            made.append(moved_notes(table[self.notes], picture, **self._of_notes()).name(self.notes))
        return table.mutate(made)

    def pandas(self, df, state, schema):
        picture = f"{df}[{self.column!r}]"
        lines = [f"{df}[{m!r}] = {moved.pandas(f'{df}[{m!r}]', picture, **self._constants(True))}" for m in self.masks]
        if self.notes:
            lines.append(
                f"{df}[{self.notes!r}] = {moved_notes.pandas(f'{df}[{self.notes!r}]', picture, **self._of_notes())}"
            )
        return [*lines, f"{picture} = {moved.pandas(picture, picture, **self._constants(False))}"]

    pandas_helpers: ClassVar = helpers_of(moved, moved_notes)


SMOOTH = Literal["nearest", "bilinear", "bicubic", "lanczos", "area"]
WARP_SMOOTH = Literal["nearest", "bilinear", "bicubic"]


@register
class Resize(Geometry):
    """Change the size of pictures.

    With one side only, the other follows from the ratio. With both, the picture is stretched, or its ratio is kept: it fits inside the
    size, is padded to it, or fills it and is cut. Unreadable pictures become missing. Source: Pillow `Image.resize`.
    """

    name: ClassVar = "images.resize"
    label: ClassVar = "Resize pictures"
    covers: ClassVar = ("image_resize", "image_transform_with_labels")
    words: ClassVar = ("scale", "thumbnail", "letterbox", "Resize image", "keep ratio", "downsample")
    examples: ClassVar = (
        Example({"column": "i", "width": 4, "height": 2, "smooth": "nearest", "ratio": "stretch"}, before={"i": [png([10, 20], [30, 40]), None, b"no picture"]}, after={"i": [png([10, 10, 20, 20], [30, 30, 40, 40]), None, None]}, types=BINARY),
        Example({"column": "i", "width": 2, "height": 2, "ratio": "keep the ratio and pad", "smooth": "nearest", "fill": "#ffffff", "notes": "n", "masks": ["m"]},
                before={"i": [png([10, 20])], "m": [png([1, 2])], "n": ['[{"label": "a", "box": [1, 0, 1, 1]}, {"label": "b", "polygon": [[0, 0], [2, 0], [2, 1]]}]']},
                after={"i": [png([255, 255], [10, 20])], "m": [png([0, 0], [1, 2])], "n": ['[{"label": "a", "box": [1, 1, 1, 1]}, {"label": "b", "polygon": [[0, 1], [2, 1], [2, 2]]}]']}, types=BINARY | {"m": "binary"}),
        Example({"column": "i", "width": 1, "height": 2, "ratio": "keep the ratio and crop", "smooth": "nearest", "notes": "n"}, before={"i": [png([10, 20], [30, 40])], "n": ['{"boxes": [{"id": "b1", "label": "a", "x": 0, "y": 0, "w": 2, "h": 1}], "classes": []}']},
                after={"i": [png([10], [30])], "n": ['{"boxes": [{"id": "b1", "label": "a", "x": 0, "y": 0, "w": 1, "h": 1}], "classes": []}']}, types=BINARY),
        Example({"column": "i", "height": 1, "smooth": "area"}, before={"i": [png([10, 20], [30, 40])]}, after={"i": [png([25])]}, types=BINARY),
    )  # fmt: skip
    kind_of_step: ClassVar = "resize"

    width: int | None = param("Width", default=None, ge=1, le=LARGEST, help="Pixels; empty: by the ratio.")
    height: int | None = param("Height", default=None, ge=1, le=LARGEST, help="Pixels; empty: by the ratio.")
    ratio: Literal["keep the ratio", "keep the ratio and pad", "keep the ratio and crop", "stretch"] = param(
        "Where both are given", default="keep the ratio"
    )
    smooth: SMOOTH = param("Interpolation", default="bilinear")
    fill: Colour = param("Colour of the border", default="#000000")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.width is None and self.height is None:
            raise ParamError("there is no new size.", hint="Give a width, a height or both.")


@register
class Crop(Geometry):
    """Cut a region out of pictures: a box, the middle, or a random place.

    What reaches over the border is left out; a box outside of a picture gives a missing one. The random place depends on the seed and
    on the picture. Boxes are cut with the picture, and dropped where too little of them is left.
    """

    name: ClassVar = "images.crop"
    label: ClassVar = "Crop pictures"
    covers: ClassVar = ("image_crop", "image_transform_with_labels")
    words: ClassVar = ("cut", "region", "CenterCrop", "RandomCrop", "clip image")
    examples: ClassVar = (
        Example({"column": "i", "x": 1, "y": 0, "width": 2, "height": 1, "notes": "n"}, before={"i": [png([1, 2, 3], [4, 5, 6]), None, png([9])], "n": ['[{"label": "a", "box": [0, 0, 2, 2]}, {"label": "b", "box": [0, 1, 3, 1]}]', None, "[]"]},
                after={"i": [png([2, 3]), None, None], "n": ['[{"label": "a", "box": [0, 0, 1, 1]}]', None, None]}, types=BINARY),
        Example({"column": "i", "region": "centre", "width": 50, "height": 100, "unit": "percent"}, before={"i": [png([1, 2, 3, 4])]}, after={"i": [png([2, 3])]}, types=BINARY),
        Example({"column": "i", "region": "random", "width": 2, "height": 2}, before={"i": [png([7, 7, 7], [7, 7, 7])]}, after={"i": [png([7, 7], [7, 7])]}, types=BINARY),
    )  # fmt: skip
    kind_of_step: ClassVar = "crop"

    region: Literal["box", "centre", "random"] = param("Region", default="box")
    x: float = param("Left", default=0, ge=0)
    y: float = param("Top", default=0, ge=0)
    width: float = param("Width", gt=0)
    height: float = param("Height", gt=0)
    unit: Literal["pixels", "percent"] = param("In", default="pixels")
    seed: int = param("Seed", default=1)


@register
class Pad(Geometry):
    """Add borders to pictures: some pixels on each side, up to a least size, or to a square. Unreadable ones become missing."""

    name: ClassVar = "images.pad"
    label: ClassVar = "Pad pictures"
    covers: ClassVar = ("image_pad", "image_transform_with_labels")
    words: ClassVar = ("border", "margin", "letterbox", "copyMakeBorder", "canvas size")
    examples: ClassVar = (
        Example({"column": "i", "left": 1, "bottom": 1, "fill": "#ffffff", "notes": "n"}, before={"i": [png([1, 2]), None], "n": ['[{"label": "a", "box": [0, 0, 2, 1]}]', "[]"]},
                after={"i": [png([255, 1, 2], [255, 255, 255]), None], "n": ['[{"label": "a", "box": [1, 0, 2, 1]}]', None]}, types=BINARY),
        Example({"column": "i", "square": True, "border": "edge"}, before={"i": [png([1, 2, 3])]}, after={"i": [png([1, 2, 3], [1, 2, 3], [1, 2, 3])]}, types=BINARY),
        Example({"column": "i", "left": 1, "least_width": 4, "border": "mirror"}, before={"i": [png([1, 2, 3])]}, after={"i": [png([2, 1, 2, 3])]}, types=BINARY),
    )  # fmt: skip
    kind_of_step: ClassVar = "pad"

    left: int = param("Left", default=0, ge=0, le=LARGEST)
    top: int = param("Top", default=0, ge=0, le=LARGEST)
    right: int = param("Right", default=0, ge=0, le=LARGEST)
    bottom: int = param("Bottom", default=0, ge=0, le=LARGEST)
    square: bool = param("Then to a square", default=False)
    least_width: int | None = param("Least width", default=None, ge=1, le=LARGEST)
    least_height: int | None = param("Least height", default=None, ge=1, le=LARGEST)
    border: Literal["colour", "edge", "mirror"] = param("Filled with", default="colour")
    fill: Colour = param("Colour", default="#000000")


@register
class Rotate(Geometry):
    """Turn pictures by an angle against the clock, or upright as the camera's EXIF mark says.

    Quarter turns lose nothing. Boxes become the upright boxes around the turned ones. A random part of the angle depends on the seed
    and the picture. Every step of this family turns pictures upright by EXIF first. Source: Pillow.
    """

    name: ClassVar = "images.rotate"
    label: ClassVar = "Rotate pictures"
    covers: ClassVar = ("image_rotate", "image_transform_with_labels")
    words: ClassVar = ("turn", "angle", "EXIF orientation", "RandomRotation", "upright", "deskew")
    examples: ClassVar = (
        Example({"column": "i", "angle": 90, "notes": "n"}, before={"i": [png([1, 2]), None], "n": ['[{"label": "a", "box": [1, 0, 1, 1]}]', None]},
                after={"i": [png([2], [1]), None], "n": ['[{"label": "a", "box": [0, 0, 1, 1]}]', None]}, types=BINARY),
        Example({"column": "i", "angle": -180}, before={"i": [png([1, 2], [3, 4])]}, after={"i": [png([4, 3], [2, 1])]}, types=BINARY),
        Example({"column": "i", "turn": "upright by EXIF"}, before={"i": [png([1, 2], orientation=6)]}, after={"i": [png([1], [2])]}, types=BINARY),
        Example({"column": "i", "angle": 90, "expand": False, "smooth": "nearest"}, before={"i": [png([1, 2, 3])]}, after={"i": [png([0, 2, 0])]}, types=BINARY),
    )  # fmt: skip
    kind_of_step: ClassVar = "rotate"

    turn: Literal["by an angle", "upright by EXIF"] = param("Turn", default="by an angle")
    angle: float = param("Angle in degrees", default=90, ge=-360, le=360)
    vary: float = param("And at random by up to", default=0, ge=0, le=360, help="Degrees to either side.")
    expand: bool = param("Make room for the corners", default=True)
    smooth: WARP_SMOOTH = param("Interpolation", default="bilinear")
    fill: Colour = param("Colour of the corners", default="#000000")
    seed: int = param("Seed", default=1)

    def plan(self):
        exif = self.turn == "upright by EXIF"
        return {
            "angle": 0 if exif else self.angle,
            "vary": 0 if exif else self.vary,
            "expand": self.expand,
            "seed": self.seed,
        }


@register
class Flip(Geometry):
    """Mirror pictures, all of them or a random share. Unreadable ones become missing."""

    name: ClassVar = "images.flip"
    label: ClassVar = "Flip pictures"
    covers: ClassVar = ("image_flip", "image_transform_with_labels")
    words: ClassVar = ("mirror", "RandomHorizontalFlip", "reflect")
    examples: ClassVar = (
        Example({"column": "i", "notes": "n"}, before={"i": [png([1, 2, 3]), None], "n": ['[{"label": "a", "box": [0, 0, 1, 1], "polygon": [[0, 0], [1, 0], [1, 1]]}]', None]},
                after={"i": [png([3, 2, 1]), None], "n": ['[{"label": "a", "box": [2, 0, 1, 1], "polygon": [[3, 0], [2, 0], [2, 1]]}]', None]}, types=BINARY),
        Example({"column": "i", "axis": "top and bottom"}, before={"i": [png([RED], [BLUE])]}, after={"i": [png([BLUE], [RED])]}, types=BINARY),
        Example({"column": "i", "chance": 0}, before={"i": [png([1, 2])]}, after={"i": [png([1, 2])]}, types=BINARY),
    )  # fmt: skip
    kind_of_step: ClassVar = "flip"

    axis: Literal["left and right", "top and bottom", "both"] = param("Swap", default="left and right")
    chance: float = param("Share of the pictures", default=1, ge=0, le=1)
    seed: int = param("Seed", default=1)


@register
class Warp(Geometry):
    """Slant pictures, apply an affine matrix, or view them in perspective.

    Shear takes angles in degrees around the middle. A matrix a, b, c, d, e, f takes x to ax + by + c and y to dx + ey + f. Perspective
    moves each corner inward at random, up to a share of half the side. Unreadable pictures become missing. Source: Pillow `Image.transform`.
    """

    name: ClassVar = "images.warp"
    label: ClassVar = "Shear or warp pictures"
    covers: ClassVar = ("image_shear_affine", "image_perspective", "image_transform_with_labels")
    words: ClassVar = ("shear", "affine", "slant", "skew", "RandomPerspective", "translate", "distort")
    examples: ClassVar = (
        Example({"column": "i", "x": 45, "smooth": "nearest", "notes": "n"}, before={"i": [png([1, 2, 3], [4, 5, 6], [7, 8, 9]), None], "n": ['[{"label": "a", "box": [1, 1, 1, 1]}]', None]},
                after={"i": [png([2, 3, 0], [4, 5, 6], [0, 7, 8]), None], "n": ['[{"label": "a", "box": [0.5, 1, 2, 1]}]', None]}, types=BINARY),
        Example({"column": "i", "kind": "matrix", "matrix": [1, 0, 1, 0, 1, 0], "smooth": "nearest"}, before={"i": [png([1, 2])]}, after={"i": [png([0, 1])]}, types=BINARY),
        Example({"column": "i", "kind": "perspective", "strength": 0, "smooth": "nearest"}, before={"i": [png([1, 2])]}, after={"i": [png([1, 2])]}, types=BINARY),
    )  # fmt: skip
    kind_of_step: ClassVar = "warp"

    kind: Literal["shear", "matrix", "perspective"] = param("Kind", default="shear")
    x: float = param("Shear sideways", default=0, ge=-80, le=80, help="Degrees.")
    y: float = param("Shear up and down", default=0, ge=-80, le=80, help="Degrees.")
    random: bool = param("Shear at random, up to these angles", default=False)
    expand: bool = param("Make room for the corners (shear)", default=False)
    matrix: tuple[float, ...] = param("Matrix a, b, c, d, e, f", default=(1, 0, 0, 0, 1, 0), min_length=6, max_length=6)
    strength: float = param("Strength of the perspective", default=0.2, ge=0, le=0.9)
    smooth: WARP_SMOOTH = param("Interpolation", default="bilinear")
    fill: Colour = param("Colour of the corners", default="#000000")
    seed: int = param("Seed", default=1)

    @field_validator("matrix")
    @classmethod
    def _can_be_undone(cls, value):
        if abs(value[0] * value[4] - value[1] * value[3]) < 1e-9:
            raise ValueError("this matrix presses the picture flat (ae - bd is 0)")
        return value


@register
class Tiles(Transform):
    """Cut pictures into tiles: one row for each, with its place.

    Columns: the picture becomes the tile, `left` and `top` (int64, pixels in the upright picture) are added, and the other columns repeat. At the right
    and lower border a tile is filled up, smaller, moved inward, or left out. Boxes and polygons become those of the tile. Rows whose
    picture is missing or unreadable are dropped. A picture has at most 10,000 tiles; the rest is left out.
    """

    name: ClassVar = "images.tiles"
    label: ClassVar = "Cut pictures into tiles"
    covers: ClassVar = ("image_split_tiles", "image_transform_with_labels")
    words: ClassVar = ("patches", "slice image", "grid", "split image", "SAHI", "chips")
    examples: ClassVar = (
        Example({"column": "i", "width": 2, "height": 1, "notes": "n"}, before={"k": [1, 2], "i": [png([1, 2, 3]), None], "n": ['[{"label": "a", "box": [1, 0, 2, 1]}]', None]},
                after={"k": [1, 1], "i": [png([1, 2]), png([3, 0])], "n": ['[{"label": "a", "box": [1, 0, 1, 1]}]', '[{"label": "a", "box": [0, 0, 1, 1]}]'], "left": [0, 2], "top": [0, 0]}, types=BINARY),
        Example({"column": "i", "width": 2, "height": 1, "rest": "move it inward"}, before={"i": [png([1, 2, 3])]}, after={"i": [png([1, 2]), png([2, 3])], "left": [0, 1], "top": [0, 0]}, types=BINARY),
        Example({"column": "i", "width": 2, "height": 2, "overlap": 1}, before={"i": [png([1, 2, 3], [4, 5, 6])]}, after={"i": [png([1, 2], [4, 5]), png([2, 3], [5, 6])], "left": [0, 1], "top": [0, 0]}, types=BINARY),
        Example({"column": "i", "width": 2, "height": 1, "rest": "keep it smaller"}, before={"i": [png([1, 2, 3])]}, after={"i": [png([1, 2]), png([3])], "left": [0, 2], "top": [0, 0]}, types=BINARY),
        Example({"column": "i", "width": 2, "height": 2, "rest": "leave it out"}, before={"i": [png([1, 2, 3], [4, 5, 6]), png([1])]}, after={"i": [png([1, 2], [4, 5])], "left": [0], "top": [0]}, types=BINARY),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(tiles_of, tile_place, tile_notes)

    column: Column = param("Pictures")
    width: int = param("Width of a tile", default=512, ge=1, le=LARGEST)
    height: int = param("Height of a tile", default=512, ge=1, le=LARGEST)
    overlap: int = param("Overlap in pixels", default=0, ge=0, le=LARGEST)
    rest: Literal["fill it up", "keep it smaller", "move it inward", "leave it out"] = param(
        "A tile over the border", default="fill it up"
    )
    fill: Colour = param("Fill colour", default="#000000")
    notes: TextColumn | None = param("Boxes and polygons", default=None, help=NOTES_HELP)
    keep: float = param("Drop boxes of which less is left than", default=0.1, ge=0, le=1, help="A share of the area.")
    left_to: NewColumn = param("Column for left", default="left")
    top_to: NewColumn = param("Column for top", default="top")

    def check_columns(self, schema):
        super().check_columns(schema)
        need_pictures(schema, self.column)
        need_text(schema, self.notes)
        new_name(self.left_to, schema)
        new_name(self.top_to, schema)
        if self.left_to == self.top_to:
            raise ParamError(f"both new columns are called {self.left_to!r}.", hint="Give them different names.")
        if self.overlap >= min(self.width, self.height):
            raise ParamError(f"an overlap of {self.overlap} pixels is as large as the tile.", hint="Make it smaller.")

    def _constants(self) -> dict:
        return {"width": self.width, "height": self.height, "overlap": self.overlap, "rest": self.rest}

    def apply(self, table, state):
        names = table.columns
        whole, place, spot = spare_names(table, 3)
        found = table.mutate(table[self.column].name(whole))
        found = found.mutate(tiles_of(found[whole], fill=self.fill, **self._constants()).name(self.column))
        found = found.unnest(self.column, offset=place)
        found = found.mutate(found[place].cast("int64").name(place))
        found = found.mutate(tile_place(found[whole], found[place], **self._constants()).name(spot))
        made = [found[spot][0].cast("int64").name(self.left_to), found[spot][1].cast("int64").name(self.top_to)]
        if self.notes:
            text = tile_notes(found[self.notes], found[whole], found[place], keep=self.keep, **self._constants())
            made.append(text.name(self.notes))
        return found.mutate(made).select([*names, self.left_to, self.top_to])

    def pandas(self, df, state, schema):
        lines = [
            f"{df} = {df}.reset_index(drop=True)",
            f"whole = {df}[{self.column!r}]",
            f"tiles = {tiles_of.pandas('whole', fill=self.fill, **self._constants())}",
            "tiles = tiles[tiles.map(bool).astype(bool)]",
            f"{df} = {df}.loc[tiles.index].copy()",
            f"{df}[{self.column!r}] = tiles",
            f"{df} = {df}.explode({self.column!r})",
            f"whole = whole.loc[{df}.index].reset_index(drop=True)",
            f"place = {df}.groupby(level=0).cumcount().reset_index(drop=True).astype('Int64')",
            f"{df} = {df}.reset_index(drop=True)",
            f"spot = {tile_place.pandas('whole', 'place', **self._constants())}",
            f"{df}[{self.left_to!r}] = spot.map(lambda v: v[0]).astype('Int64')",
            f"{df}[{self.top_to!r}] = spot.map(lambda v: v[1]).astype('Int64')",
        ]
        if self.notes:
            code = tile_notes.pandas(f"{df}[{self.notes!r}]", "whole", "place", keep=self.keep, **self._constants())
            lines.append(f"{df}[{self.notes!r}] = {code}")
        return lines
