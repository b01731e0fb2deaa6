"""Personal data: hash, mask and coarsen values so that persons are harder to find."""

from __future__ import annotations

from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import TextFunction
from transforms.fields import param
from transforms.transform import Example, register


@register
class HashText(TextFunction):
    """Replace text by the SHA-256 of a salt and the text, in hexadecimal (64 characters).

    Equal texts give equal hashes. Limit: whoever knows the salt can test guesses; the salt stands in the recipe.
    """

    name: ClassVar = "privacy.hash"
    label: ClassVar = "Hash text"
    covers: ClassVar = ("hash_value",)
    words: ClassVar = ("CRYPTOGRAPHIC_HASH", "sha256", "pseudonymise", "anonymise")
    examples: ClassVar = (
        Example(
            {"columns": ["t"]},
            before={"t": ["a", None]},
            after={"t": ["ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", None]},
        ),
    )

    salt: str = param("Salt", default="", help="Not a secret: it is written into the recipe.")

    def value(self, column):
        return (ibis.literal(self.salt) + column).hexdigest("sha256")

    def pandas_value(self, column, dtype):
        return f"{column}.map(lambda t: hashlib.sha256(({self.salt!r} + t).encode()).hexdigest(), na_action='ignore').astype('string')"


@register
class MaskText(TextFunction):
    """Cover the characters of a text, but the first or last few."""

    name: ClassVar = "privacy.mask"
    label: ClassVar = "Mask text"
    covers: ClassVar = ("mask_characters",)
    words: ClassVar = ("MASK_CUSTOM", "MASK_RANGE", "redact", "hide digits")
    examples: ClassVar = (
        Example({"columns": ["t"], "show": 2}, before={"t": ["12345", "1", None]}, after={"t": ["***45", "1", None]}),
        Example(
            {"columns": ["t"], "show": 1, "side": "start", "character": "x"},
            before={"t": ["anna"]},
            after={"t": ["axxx"]},
        ),
    )

    show: int = param("Characters to show", default=4, ge=0, le=1000)
    side: Literal["start", "end"] = param("At the", default="end")
    character: str = param("Cover with", default="*", min_length=1, max_length=1)

    def value(self, column):
        n = column.length()
        hidden = ibis.literal(self.character).repeat(n - self.show)
        shown = column.substr(n - self.show, self.show) if self.side == "end" else column.substr(0, self.show)
        return (n <= self.show).ifelse(column, hidden + shown if self.side == "end" else shown + hidden)

    def pandas_value(self, column, dtype):
        k, c = self.show, self.character
        masked = (
            f"{c!r} * (len(t) - {k}) + t[len(t) - {k}:]" if self.side == "end" else f"t[:{k}] + {c!r} * (len(t) - {k})"
        )
        return f"{column}.map(lambda t: t if len(t) <= {k} else {masked}, na_action='ignore').astype('string')"
