"""Facts about pictures as columns, and steps over whole tables of pictures: unreadable, repeated, odd ones, splits, pixels."""

from __future__ import annotations

import hashlib
import math
from typing import Annotated, ClassVar, Literal

import ibis
from pydantic import AfterValidator, Field

from transforms.catalog.common import new_name, no_nan, spare_names
from transforms.catalog.hashing import hashable
from transforms.catalog.images import BINARY, BLACK, WHITE, helpers_of, need_pictures, png
from transforms.catalog.split import Part, parts_of
from transforms.errors import FitError, ParamError
from transforms.fields import Column, NewColumn, _distinct, param
from transforms.pixel_facts import (
    channel_sums,
    content_share,
    kept_signatures,
    numbers_of,
    pixel_numbers,
    signature_of,
    texts_of,
    why_unreadable,
)
from transforms.reading import one_row
from transforms.transform import Example, Transform, register

WHOLE = ("width", "height", "bytes", "frames", "orientation")
NUMBERS = (*WHOLE, "width by height", "brightness", "contrast", "sharpness", "dark share", "bright share", "saturation", "entropy",
           "latitude", "longitude", "altitude", "exposure seconds", "aperture", "ISO", "focal length")  # fmt: skip
TEXTS = ("format", "mode", "camera maker", "camera", "lens", "software", "taken at", "average hash", "difference hash", "perceptual hash", "pixel hash")  # fmt: skip
Fact = Literal[
    "width", "height", "bytes", "frames", "orientation", "width by height", "format", "mode",
    "brightness", "contrast", "sharpness", "dark share", "bright share", "saturation", "entropy",
    "taken at", "latitude", "longitude", "altitude", "camera maker", "camera", "lens", "software", "exposure seconds", "aperture", "ISO", "focal length",
    "average hash", "difference hash", "perceptual hash", "pixel hash",
]  # fmt: skip
Facts = Annotated[tuple[Fact, ...], Field(min_length=1), AfterValidator(_distinct)]


class OfPictures(Transform):
    """A step that looks at one column of pictures."""

    column: Column = param("Pictures")

    def check_columns(self, schema):
        super().check_columns(schema)
        need_pictures(schema, self.column)


@register
class ReadFacts(OfPictures):
    """Read facts about pictures into columns: size and format, camera, time and place, quality scores, signatures.

    Columns: one for each fact, named `<name>_<fact>`. Quality runs from 0 to 1; sharpness is the variance of the Laplacian and grows with
    detail; shares are of pixels below 5 % and above 95 % of brightness. Hashes are 16 hex digits that alike pictures share mostly. Place is in degrees.
    Missing or unreadable pictures, and facts that a file does not state, give missing values. Source: Pillow, OpenCV; hashes as in `imagehash`.
    """

    name: ClassVar = "images.read_facts"
    label: ClassVar = "Read facts about pictures"
    covers: ClassVar = ("image_read_metadata", "image_quality_scores", "image_perceptual_hash")
    words: ClassVar = (
        "EXIF",
        "GPS",
        "width",
        "height",
        "blur score",
        "exposure",
        "pHash",
        "dHash",
        "metadata",
        "image size",
    )
    examples: ClassVar = (
        Example({"column": "i", "facts": ["width", "height", "format", "mode", "orientation", "camera", "taken at"]}, before={"i": [png([0, 255, 1]), png([1, 2], orientation=6), None, b"no picture"]},
                after={"i": [png([0, 255, 1]), png([1, 2], orientation=6), None, b"no picture"], "i_width": [3, 1, None, None], "i_height": [1, 2, None, None], "i_format": ["PNG", "PNG", None, None],
                       "i_mode": ["L", "L", None, None], "i_orientation": [1, 6, None, None], "i_camera": [None] * 4, "i_taken_at": [None] * 4}, types=BINARY, after_types={"i_camera": "string", "i_taken_at": "timestamp"}),
        Example({"column": "i", "facts": ["brightness", "contrast", "sharpness", "dark share", "bright share", "entropy", "saturation"], "to": "q"}, before={"i": [png([0, 255]), None]},
                after={"i": [png([0, 255]), None], "q_brightness": [0.5, None], "q_contrast": [0.5, None], "q_sharpness": [260100.0, None], "q_dark_share": [0.5, None], "q_bright_share": [0.5, None], "q_entropy": [1.0, None], "q_saturation": [0.0, None]}, types=BINARY),
        Example({"column": "i", "facts": ["average hash"], "to": "h"}, before={"i": [png(*[[0] * 4 + [255] * 4] * 8), None]}, after={"i": [png(*[[0] * 4 + [255] * 4] * 8), None], "h_average_hash": ["0f" * 8, None]}, types=BINARY),
        Example({"column": "i", "facts": ["difference hash"], "to": "h"}, before={"i": [png(*[[0] * 5 + [255] * 4] * 8), None]}, after={"i": [png(*[[0] * 5 + [255] * 4] * 8), None], "h_difference_hash": ["08" * 8, None]}, types=BINARY),
        Example({"column": "i", "facts": ["perceptual hash", "pixel hash"], "to": "h"}, before={"i": [png([0]), None]},
                after={"i": [png([0]), None], "h_perceptual_hash": ["0" * 16, None], "h_pixel_hash": [hashlib.sha256(b"1x1|\0\0\0\xff").hexdigest(), None]}, types=BINARY),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(numbers_of, texts_of)

    facts: Facts = param("Facts", default=("width", "height", "format"))
    to: str = param("New names begin with", default="", help="Empty: the name of the pictures' column.")

    def _names(self) -> dict[str, str]:
        return {fact: f"{self.to or self.column}_{fact.replace(' ', '_')}" for fact in self.facts}

    def check_columns(self, schema):
        super().check_columns(schema)
        for name in self._names().values():
            new_name(name, schema)

    def open_prefixes(self):
        return (f"{self.to or self.column}_",)

    def _asked(self):
        return [f for f in self.facts if f in NUMBERS], [f for f in self.facts if f in TEXTS]

    def apply(self, table, state):
        names, spares = self._names(), spare_names(table, 2)
        kept, made = table.columns, {}
        for spare, function, asked in zip(spares, (numbers_of, texts_of), self._asked(), strict=True):
            if asked:
                table = table.mutate(function(table[self.column], names=asked).name(spare))
                made |= {fact: (spare, place) for place, fact in enumerate(asked)}
        values = []
        for fact in self.facts:
            spare, place = made[fact]
            value = table[spare][place]
            value = (
                value.cast("int64") if fact in WHOLE else value.cast("timestamp(6)") if fact == "taken at" else value
            )
            values.append(value.name(names[fact]))
        return table.select([*(table[c] for c in kept), *values])

    def pandas(self, df, state, schema):
        names, lines, made = self._names(), [], {}
        for variable, function, asked in zip(("numbers", "texts"), (numbers_of, texts_of), self._asked(), strict=True):
            if asked:
                lines.append(f"{variable} = {function.pandas(f'{df}[{self.column!r}]', names=asked)}")
                made |= {fact: (variable, place) for place, fact in enumerate(asked)}
        for fact in self.facts:
            variable, place = made[fact]
            value = f"{variable}.map(lambda v: v[{place}], na_action='ignore')"
            kind = "Int64" if fact in WHOLE else "Float64" if fact in NUMBERS else "string"
            value += ".astype('Float64').astype('Int64')" if fact in WHOLE else f".astype({kind!r})"
            value = f"pd.to_datetime({value}).astype('datetime64[us]')" if fact == "taken at" else value
            lines.append(f"{df}[{names[fact]!r}] = {value}")
        return lines


@register
class DropUnreadable(OfPictures):
    """Drop the rows whose picture is missing, no picture, damaged, too large or too small; or say so in a column.

    Every pixel is decoded. Readable are PNG, JPEG, WebP, BMP, TIFF, GIF and PPM up to 100 million pixels.
    """

    name: ClassVar = "images.drop_unreadable"
    label: ClassVar = "Drop unreadable pictures"
    covers: ClassVar = ("image_drop_corrupted",)
    words: ClassVar = ("corrupt images", "broken files", "damaged", "truncated", "Drop corrupt images", "invalid image")
    examples: ClassVar = (
        Example({"column": "i"}, before={"k": [1, 2, 3, 4, 5], "i": [png([1]), b"", b"no picture", png([1] * 9)[:-26], None]}, after={"k": [1], "i": [png([1])]}, types=BINARY),
        Example({"column": "i", "action": "say why", "least_width": 2}, before={"i": [png([1, 2]), png([1]), b"no picture", None]},
                after={"i": [png([1, 2]), png([1]), b"no picture", None], "problem": [None, "too small", "no picture", "missing"]}, types=BINARY),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(why_unreadable)

    action: Literal["drop", "say why"] = param("Action", default="drop")
    least_width: int = param("Least width", default=1, ge=1)
    least_height: int = param("Least height", default=1, ge=1)
    to: NewColumn = param("New column for the reason", default="problem")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.action == "say why":
            new_name(self.to, schema)

    def _constants(self):
        return {"least_width": self.least_width, "least_height": self.least_height}

    def apply(self, table, state):
        why = why_unreadable(table[self.column], **self._constants())
        return table.filter(why.isnull()) if self.action == "drop" else table.mutate(why.name(self.to))

    def pandas(self, df, state, schema):
        why = why_unreadable.pandas(f"{df}[{self.column!r}]", **self._constants())
        return [f"{df} = {df}[{why}.isna()]" if self.action == "drop" else f"{df}[{self.to!r}] = {why}"]


@register
class DropDuplicatePictures(OfPictures):
    """Drop the rows whose picture repeats: the same file, the same pixels, or nearly the same look.

    The first row in the order of a column stays, ties by the other columns. Nearly the same are pictures whose signatures differ in few
    of their 64 bits from one that stays. Rows without a readable picture stay. Skipped for new records: one picture has no duplicate.
    """

    name: ClassVar = "images.drop_duplicates"
    label: ClassVar = "Drop duplicate pictures"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("image_drop_duplicates",)
    words: ClassVar = (
        "dedupe",
        "Drop duplicate images",
        "near duplicates",
        "perceptual hash",
        "imagehash",
        "same picture",
    )
    examples: ClassVar = (
        Example({"column": "i"}, before={"k": [1, 2, 3, 4, 5], "i": [png([1, 2]), png([1, 2], text=b"x"), png([1], [2]), None, b"no picture"]},
                after={"k": [1, 3, 4, 5], "i": [png([1, 2]), png([1], [2]), None, b"no picture"]}, types=BINARY),
        Example({"column": "i", "same": "file", "order_by": "k", "first": "greatest"}, before={"k": [1, 2, 3], "i": [png([1]), png([1]), png([1], text=b"x")]}, after={"k": [2, 3], "i": [png([1]), png([1], text=b"x")]}, types=BINARY),
        Example({"column": "i", "same": "look (difference hash)", "distance": 0}, before={"k": [1, 2, 3], "i": [png(*[[0] * 4 + [255] * 4] * 8), png(*[[9] * 4 + [250] * 4] * 8), png(*[[255] * 4 + [0] * 4] * 8)]},
                after={"k": [1, 3], "i": [png(*[[0] * 4 + [255] * 4] * 8), png(*[[255] * 4 + [0] * 4] * 8)]}, types=BINARY),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(signature_of, kept_signatures)

    same: Literal["file", "pixels", "look (difference hash)", "look (perceptual hash)", "look (average hash)"] = param("Same", default="pixels")  # fmt: skip
    distance: int = param("Bits that may differ", default=4, ge=0, le=32, help="For the look only.")
    order_by: Column | None = param("Keep the first in the order of", default=None)
    first: Literal["smallest", "greatest"] = param("First is the", default="smallest")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.order_by and self.order_by not in hashable(schema):
            raise ParamError(
                f"column {self.order_by!r} ({schema[self.order_by]}) has no order.", hint="Choose another."
            )

    @property
    def _kind(self) -> str:
        kinds = {"file": "bytes", "pixels": "pixels"}
        return kinds.get(self.same) or self.same.removeprefix("look (").removesuffix(" hash)")

    def _keys(self, schema) -> list[str]:
        return [*([self.order_by] if self.order_by else []), *(c for c in hashable(schema) if c != self.order_by)]

    def apply(self, table, state):
        names = table.columns
        sign, place = spare_names(table, 2)
        found = table.mutate(signature_of(table[self.column], kind=self._kind).name(sign))
        keys = [found[c].asc(nulls_first=False) for c in self._keys(table.schema())]
        if self.order_by and self.first == "greatest":
            keys[0] = found[self.order_by].desc(nulls_first=False)
        order = ibis.window(order_by=[*keys, found[sign].asc(nulls_first=False)])
        found = found.mutate(ibis.row_number().over(order).cast("int64").name(place))
        again = ibis.row_number().over(ibis.window(group_by=[found[sign]], order_by=[found[place].asc()]))
        found = found.mutate(again.cast("int64").name("__again")).filter(
            (ibis._["__again"] == 0) | ibis._[sign].isnull()
        )
        if self._kind not in ("bytes", "pixels"):
            known = found.filter(found[sign].notnull())
            ordered = (known[place].cast("string").lpad(12, "0") + known[sign]).collect()
            kept = known.aggregate(ordered.name("kept"))
            kept = kept.select(kept_signatures(kept["kept"], distance=self.distance).unnest().name("__kept"))
            found = found.left_join(kept, found[sign] == kept["__kept"])
            found = found.filter(found["__kept"].notnull() | found[sign].isnull())
        return found.select(names)

    def pandas(self, df, state, schema):
        keys = self._keys(schema)
        up = [not (c == self.order_by and self.first == "greatest") for c in keys]
        lines = [
            f"{df} = {df}.reset_index(drop=True)",
            f"sign = {signature_of.pandas(f'{df}[{self.column!r}]', kind=self._kind)}",
        ]
        lines += [
            f"ordered = {df}.assign(__sign=sign).sort_values({[*keys, '__sign']!r}, ascending={[*up, True]!r}, na_position='last')['__sign']",
            "first = ordered.isna() | ~ordered.duplicated()",
        ]
        if self._kind not in ("bytes", "pixels"):
            lines += [
                "numbered = [f'{place:012d}{s}' for place, s in enumerate(ordered.dropna())]",
                f"first &= ordered.isna() | ordered.isin(kept_signatures(numbered, distance={self.distance}))",
            ]
        return [*lines, f"{df} = {df}[first.reindex({df}.index).astype(bool)]"]


@register
class SplitDataset(OfPictures):
    """Mark each picture with the name of a part, by shares: train, validation and test.

    The part depends on the pixels, so the same picture in two files never stands in two parts. With a column to keep shares of (the label),
    every value of it gives the same share of its rows to each part. Steps after this one learn from the rows marked `train` only. Columns:
    one text column is added.
    """

    name: ClassVar = "images.split_dataset"
    label: ClassVar = "Split pictures into parts"
    serving: ClassVar = "training_only"
    covers: ClassVar = ("image_split_dataset",)
    words: ClassVar = ("train validation test", "stratified split", "holdout", "split images")
    examples: ClassVar = (
        Example({"column": "i", "parts": [{"name": "train", "share": 1}], "to": "p"}, before={"i": [png([1]), None]}, after={"i": [png([1]), None], "p": ["train", "train"]}, types=BINARY),
        Example({"column": "i", "stratify": "y", "parts": [{"name": "train", "share": 0.5}, {"name": "test", "share": 0.5}], "to": "p"}, before={"i": [None, None, None, None], "y": ["u", "u", "v", "v"]},
                after={"i": [None, None, None, None], "y": ["u", "u", "v", "v"], "p": ["train", "test", "train", "test"]}, types=BINARY),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(content_share)

    parts: tuple[Part, ...] = param("Parts", default=(Part(name="train", share=0.7), Part(name="validation", share=0.15), Part(name="test", share=0.15)), min_length=1)  # fmt: skip
    stratify: Column | None = param("Keep shares of", default=None, help="The column of labels.")
    seed: int = param("Seed", default=1)
    to: NewColumn = param("New column", default="split")

    @property
    def split_column(self) -> str:
        return self.to

    def apply(self, table, state):
        names = table.columns
        [spare] = spare_names(table, 1)
        table = table.mutate(content_share(table[self.column], seed=self.seed).name(spare))
        share = table[spare]
        if self.stratify:
            by = [table[self.stratify]]
            ties = [table[c].asc(nulls_first=False) for c in hashable(table.schema()) if c != spare]
            first = ibis.row_number().over(ibis.window(group_by=by, order_by=[share, *ties]))
            size = table.count().over(ibis.window(group_by=by))
            share = (first.cast("float64") + 0.5) / size.cast("float64")
        tops, parts = parts_of(self.parts)
        part = ibis.literal(parts[-1])
        if tops:
            cases = [(share < t, ibis.literal(n)) for t, n in zip(tops, parts, strict=False)]
            part = ibis.cases(*cases, else_=parts[-1])
        return table.mutate(part.name(self.to)).select(
            [*(n for n in names if n != self.to), self.to] if self.to not in names else names
        )

    def pandas(self, df, state, schema):
        tops, parts = parts_of(self.parts)
        lines = [
            f"{df} = {df}.reset_index(drop=True)",
            f"share = {content_share.pandas(f'{df}[{self.column!r}]', seed=self.seed)}.astype('float64')",
        ]
        if self.stratify:
            lines += [
                f"ordered = {df}.assign(__share=share).sort_values(['__share', *{hashable(schema)!r}], na_position='last')",
                f"place = ordered.groupby({self.stratify!r}, dropna=False, sort=False).cumcount().reindex({df}.index)",
                f"size = {df}.assign(__one=1).groupby({self.stratify!r}, dropna=False)['__one'].transform('size')",
                "share = (place + 0.5) / size.astype('float64')",
            ]
        return [
            *lines,
            f"names = np.array({parts!r}, dtype=object)[np.searchsorted({tops!r}, share, side='right')]",
            f"{df}[{self.to!r}] = pd.Series(names, index={df}.index, dtype='string')",
        ]


@register
class NormalisePixels(OfPictures):
    """Turn pictures into lists of standardised numbers for a model: of one size, less the mean, by the standard deviation.

    Mean and standard deviation of each channel are learnt from all training pictures, made smaller to the size (values from 0 to 1), or given. Columns:
    one list of numbers is added, with `width` x `height` x channels of them. A channel that does not vary is not divided. Missing or unreadable
    pictures give missing lists. Source: as torchvision `Normalize`.
    """

    name: ClassVar = "images.normalise"
    label: ClassVar = "Pictures to standardised numbers"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("image_normalise",)
    words: ClassVar = ("normalize", "standardize", "ToTensor", "pixel values", "mean and std", "image to array")
    examples: ClassVar = (
        Example({"column": "i", "width": 2, "height": 1, "grey": True, "to": "v"}, train={"i": [png([0, 255]), None, b"no picture"]}, before={"i": [png([255, 0]), png([51, 51]), None, b"no picture"]},
                after={"i": [png([255, 0]), png([51, 51]), None, b"no picture"], "v": [[1.0, -1.0], [-0.6, -0.6], None, None]}, types=BINARY),
        Example({"column": "i", "width": 2, "height": 1, "means": [0.5, 0.5, 0.5], "deviations": [0.5, 0.25, 1], "to": "v"}, before={"i": [png([WHITE, BLACK]), None]},
                after={"i": [png([WHITE, BLACK]), None], "v": [[1.0, -1.0, 2.0, -2.0, 0.5, -0.5], None]}, types=BINARY),
        Example({"column": "i", "width": 1, "height": 1, "means": [0, 0, 0], "deviations": [1, 1, 1], "order": "pixel by pixel", "to": "v"}, before={"i": [png([(255, 0, 51)])]}, after={"i": [png([(255, 0, 51)])], "v": [[1.0, 0.0, 0.2]]}, types=BINARY),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(pixel_numbers)

    width: int = param("Width", default=32, ge=1, le=512)
    height: int = param("Height", default=32, ge=1, le=512)
    grey: bool = param("Shades of grey", default=False)
    means: tuple[float, ...] = param("Means", default=(), help="One per channel, 0 to 1; none: learnt.")
    deviations: tuple[float, ...] = param("Standard deviations", default=(), help="One per channel; none: learnt.")
    order: Literal["channel by channel", "pixel by pixel"] = param("Order", default="channel by channel")
    to: NewColumn = param("New column", default="pixels")

    @property
    def _channels(self) -> int:
        return 1 if self.grey else 3

    def check_columns(self, schema):
        super().check_columns(schema)
        for given in (self.means, self.deviations):
            if given and len(given) != self._channels:
                raise ParamError(
                    f"{len(given)} numbers are given for {self._channels} channels.", hint="Give one for each."
                )
        if any(v <= 0 or not math.isfinite(v) for v in self.deviations):
            raise ParamError("a standard deviation must be above 0.", hint="Leave it empty to learn it.")
        new_name(self.to, schema)

    def fit(self, table):
        if self.means and self.deviations:
            return {"means": list(self.means), "deviations": list(self.deviations)}
        n = self._channels
        [spare] = spare_names(table, 1)
        sums = channel_sums(table[self.column], width=self.width, height=self.height, grey=self.grey)
        sums = table.select(sums.name(spare))
        got = one_row(sums.aggregate([sums[spare][i].sum().name(f"s{i}") for i in range(1 + 2 * n)]))
        if not got["s0"]:
            raise FitError(f"column {self.column!r} has no picture to learn from.")
        means = [got[f"s{1 + i}"] / got["s0"] for i in range(n)]
        squares = [got[f"s{1 + n + i}"] / got["s0"] for i in range(n)]
        spread = [math.sqrt(max(s - m * m, 0.0)) for s, m in zip(squares, means, strict=True)]
        spread = [round(s, 12) if s > 1e-6 else 1.0 for s in spread]
        means = list(self.means) or [round(m, 12) for m in means]
        return {"means": means, "deviations": list(self.deviations) or spread}

    def _constants(self, state):
        return {"width": self.width, "height": self.height, "grey": self.grey, "order": self.order, **state}

    def apply(self, table, state):
        return table.mutate(pixel_numbers(table[self.column], **self._constants(state)).name(self.to))

    def pandas(self, df, state, schema):
        return [f"{df}[{self.to!r}] = {pixel_numbers.pandas(f'{df}[{self.column!r}]', **self._constants(state))}"]


LOOKS = ("brightness", "contrast", "sharpness", "saturation", "entropy", "width by height")


@register
class PictureOutliers(OfPictures):
    """Flag odd pictures: those whose brightness, contrast, sharpness, saturation, entropy or form is far from the training pictures'.

    The score is the greatest distance from a mean, in standard deviations of the training rows; a look that does not vary in training
    does not count. Columns: the score (float64) and a flag (true/false). Missing or unreadable pictures give missing values.
    """

    name: ClassVar = "images.outliers"
    label: ClassVar = "Flag odd pictures"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("image_outliers",)
    words: ClassVar = ("anomaly", "unusual images", "z-score", "odd one out", "out of distribution")
    examples: ClassVar = (
        Example({"column": "i", "looks": ["brightness"], "limit": 1.5}, train={"i": [png([0]), png([102]), None]}, before={"i": [png([51]), png([153]), None, b"no picture"]},
                after={"i": [png([51]), png([153]), None, b"no picture"], "score": [0.0, 2.0, None, None], "odd": [False, True, None, None]}, types=BINARY),
    )  # fmt: skip
    pandas_helpers: ClassVar = helpers_of(numbers_of)

    looks: Annotated[tuple[Literal["brightness", "contrast", "sharpness", "saturation", "entropy", "width by height"], ...], Field(min_length=1), AfterValidator(_distinct)] = param("Look at", default=LOOKS)  # fmt: skip
    limit: float = param("Odd above", default=3, gt=0, help="Standard deviations.")
    score_to: NewColumn = param("Column for the score", default="score")
    flag_to: NewColumn = param("Column for the flag", default="odd")

    def check_columns(self, schema):
        super().check_columns(schema)
        new_name(self.score_to, schema)
        new_name(self.flag_to, schema)
        if self.score_to == self.flag_to:
            raise ParamError(f"both new columns are called {self.flag_to!r}.", hint="Give them different names.")

    def fit(self, table):
        [spare] = spare_names(table, 1)
        seen = table.select(numbers_of(table[self.column], names=list(self.looks)).name(spare))
        asked = []
        for i in range(len(self.looks)):
            asked += [seen[spare][i].mean().name(f"m{i}"), seen[spare][i].var(how="pop").name(f"v{i}")]
        got = one_row(seen.aggregate(asked))
        if got["m0"] is None:
            raise FitError(f"column {self.column!r} has no picture to learn from.")
        learnt = {look: (got[f"m{i}"], math.sqrt(max(got[f"v{i}"], 0.0))) for i, look in enumerate(self.looks)}
        return {look: [m, s] for look, (m, s) in learnt.items() if s > 1e-9 * max(1.0, abs(m))}

    def apply(self, table, state):
        names = table.columns
        [spare] = spare_names(table, 1)
        table = table.mutate(numbers_of(table[self.column], names=list(self.looks)).name(spare))
        far = [((table[spare][i] - state[k][0]) / state[k][1]).abs() for i, k in enumerate(self.looks) if k in state]
        score = no_nan(ibis.greatest(*far) if len(far) > 1 else far[0]) if far else table[spare][0] * 0.0
        table = table.mutate(score.name(self.score_to))
        table = table.mutate((table[self.score_to] > self.limit).name(self.flag_to))
        return table.select([*names, self.score_to, self.flag_to])

    def pandas(self, df, state, schema):
        learnt = [state.get(k) for k in self.looks]
        score = f"max((abs(x - l[0]) / l[1] for x, l in zip(v, {learnt!r}) if l), default=0.0)"
        return [
            f"numbers = {numbers_of.pandas(f'{df}[{self.column!r}]', names=list(self.looks))}",
            f"{df}[{self.score_to!r}] = numbers.map(lambda v: {score}, na_action='ignore').astype('Float64')",
            f"{df}[{self.flag_to!r}] = {df}[{self.score_to!r}] > {self.limit!r}",
        ]
