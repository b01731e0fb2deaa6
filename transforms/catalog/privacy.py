"""Personal data: hash, mask and coarsen values so that persons are harder to find."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from typing import ClassVar, Literal

import ibis

from transforms import secrecy
from transforms.catalog.common import ColumnFunction, TextCall, TextFunction, TimeFunction, floor, new_name, spare_names
from transforms.catalog.dates import StartOfPeriod
from transforms.catalog.hashing import (
    HASH_HELPER,
    NUMBER_TEXT,
    ByHash,
    as_text,
    hashable,
    hashed_share,
    pandas_plain_text,
    plain_text,
    text_like,
)
from transforms.errors import FitError, ParamError
from transforms.fields import Column, Columns, NewColumn, NumericColumns, OrderableColumn, SomeColumns, kind_of, param
from transforms.reading import distinct_texts, rows
from transforms.schema import known
from transforms.transform import Example, Transform, register

KEY_HELP = (
    "Capital letters: the secret is read from the environment variable TILTH_KEY_<NAME>. EXAMPLE protects nothing."
)
KEY_TEXT = '''
def key_text(rows, index):
    """Return the texts of each row as one text."""
    texts = ["".join(f"{len(t)}:{t}" if not pd.isna(t) else "-" for t in row) for row in zip(*rows)]
    return pd.Series(texts, index=index, dtype="string")
'''


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


class Keyed(TextFunction):
    """A function of text that needs a secret; the recipe holds only the name of the key."""

    key: str = param("Name of the key", pattern="^[A-Z][A-Z0-9_]{0,60}$", help=KEY_HELP)


class KeyedCall(Keyed, TextCall):
    def constants(self):
        return {"key": self.key}


@register
class Encrypt(Keyed):
    """Encrypt text, so that whoever has the key can read it again: equal texts alike (AES-SIV), or each time anew (AES-GCM).

    "alike" lets people count and join encrypted values, and see which are equal; "anew" shows only the length, and gives another
    result on every run. Missing stays missing. The key is read from the environment variable TILTH_KEY_<NAME> when the step runs (at
    least 16 characters); the recipe holds its name only. The name EXAMPLE is for trying out and protects nothing.
    """

    name: ClassVar = "privacy.encrypt"
    label: ClassVar = "Encrypt text"
    covers: ClassVar = ("encrypt_deterministic",)
    words: ClassVar = (
        "DETERMINISTIC_ENCRYPT",
        "PROBABILISTIC_ENCRYPT",
        "ENCRYPT",
        "AES",
        "cipher",
        "secret",
        "probabilistic",
    )
    pandas_helpers: ClassVar = tuple(dict.fromkeys((*secrecy.encrypted_alike.helpers, *secrecy.encrypted_anew.helpers)))
    examples: ClassVar = (
        Example({"columns": ["t"], "key": "EXAMPLE"}, before={"t": ["anna", "", None]}, after={"t": ["s1.ig6XoZIkn0gA1DCfDVvhCrs8BBM=", "s1.lEtQxbX-1HlA2QkG-ulMq7Y=", None]}),
    )  # fmt: skip

    method: Literal["alike", "anew"] = param(
        "Equal texts", default="alike", help="anew: equal texts give different results."
    )

    def value(self, column):
        if self.method == "anew":
            return secrecy.encrypted_anew(ibis.array([column]), key=self.key)
        return secrecy.encrypted_alike(column, key=self.key)

    def pandas_value(self, column, dtype):
        if self.method == "anew":
            return f"pd.Series([encrypted_anew([t], key={self.key!r}) for t in values({column})], index={column}.index, dtype='string')"
        return secrecy.encrypted_alike.pandas(column, key=self.key)


@register
class Decrypt(KeyedCall):
    """Read text that "Encrypt text" made, of both kinds. What this key cannot read is missing.

    The key is read from the environment variable TILTH_KEY_<NAME> when the step runs; the recipe holds its name only.
    """

    name: ClassVar = "privacy.decrypt"
    label: ClassVar = "Decrypt text"
    covers: ClassVar = ("decrypt", "encrypt_probabilistic")
    words: ClassVar = ("DETERMINISTIC_DECRYPT", "DECRYPT", "AES", "reveal")
    function: ClassVar = secrecy.decrypted
    examples: ClassVar = (
        Example({"columns": ["t"], "key": "EXAMPLE"}, before={"t": ["s1.ig6XoZIkn0gA1DCfDVvhCrs8BBM=", "p1.AAECAwQFBgcICQoLQN7TYz_EkQnEt2VkLCq2iQEvqps=", "plain", None]}, after={"t": ["anna", "anna", None, None]}),
    )  # fmt: skip


ALPHABETS = {
    "digits": "0123456789",
    "letters": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "letters and digits": "0123456789ABCDEFGHJKMNPQRSTVWXYZ",
}


@register
class Pseudonymise(KeyedCall):
    """Replace text by a pseudonym that always is the same for the same text and key, and cannot be turned back.

    A keyed hash (HMAC-SHA-512), so no table must be kept or protected, only the key. With few characters two texts may meet in one
    pseudonym: with 12 letters and digits one in a million among a million texts. Missing stays missing.
    """

    name: ClassVar = "privacy.pseudonymise"
    label: ClassVar = "Pseudonyms"
    covers: ClassVar = ("pseudonymise",)
    words: ClassVar = (
        "tokenise",
        "TOKENIZATION",
        "HMAC",
        "keyed hash",
        "anonymise",
        "surrogate key",
        "CRYPTOGRAPHIC_HASH",
    )
    function: ClassVar = secrecy.pseudonym
    examples: ClassVar = (
        Example({"columns": ["t"], "key": "EXAMPLE", "prefix": "P-"}, before={"t": ["anna", "bo", "anna", None]}, after={"t": ["P-MVCA9REQ364R", "P-G72E6H4FBM7E", "P-MVCA9REQ364R", None]}),
        Example({"columns": ["t"], "key": "EXAMPLE", "alphabet": "digits", "length": 4}, before={"t": ["anna"]}, after={"t": ["0436"]}),
    )  # fmt: skip

    prefix: str = param("Begins with", default="")
    length: int = param("Characters", default=12, ge=4, le=64)
    alphabet: Literal["letters and digits", "letters", "digits"] = param("Of", default="letters and digits")

    def constants(self):
        return {"key": self.key, "prefix": self.prefix, "length": self.length, "alphabet": ALPHABETS[self.alphabet]}


@register
class MoveCharacters(KeyedCall):
    """Replace each digit and Latin letter by another of its kind; length, signs and other letters stay. Can be undone.

    Each is moved by an amount that depends on the key and on all characters before it: different texts stay different, and texts
    that begin alike have results that begin alike. A plain keyed substitution, not the standard FF1: for look-alike test data and
    codes, not against an attacker who knows many pairs.
    """

    name: ClassVar = "privacy.keep_format"
    label: ClassVar = "Tokens that keep the format"
    covers: ClassVar = ("tokenise_format_preserving",)
    words: ClassVar = ("format-preserving encryption", "FPE", "FF1", "tokenize", "keyed substitution")
    function: ClassVar = secrecy.moved_characters
    examples: ClassVar = (
        Example({"columns": ["t"], "key": "EXAMPLE"}, before={"t": ["DE12-ab ü", None]}, after={"t": ["JV36-mp ü", None]}),
        Example({"columns": ["t"], "key": "EXAMPLE", "undo": True}, before={"t": ["JV36-mp ü"]}, after={"t": ["DE12-ab ü"]}),
    )  # fmt: skip

    undo: bool = param("Turn tokens back into values", default=False)

    def constants(self):
        return {"key": self.key, "undo": self.undo}


@register
class MaskParts(TextCall):
    """Cover parts of a text: what stands between two marks, or what fits a pattern. Each character becomes the cover.

    Marks stay. An empty left mark means from the start, an empty right one up to the end; a left mark without a right one covers
    nothing. Patterns are Python's regular expressions.
    """

    name: ClassVar = "privacy.mask_parts"
    label: ClassVar = "Mask parts of text"
    covers: ClassVar = ("mask_between_delimiters", "mask_pattern")
    words: ClassVar = ("MASK_DELIMITER", "MASK_CUSTOM", "REDACT", "regex mask", "hide between")
    pandas_helpers: ClassVar = tuple(dict.fromkeys((*secrecy.masked_between.helpers, *secrecy.masked_pattern.helpers)))
    examples: ClassVar = (
        Example({"columns": ["t"], "left": "(", "right": ")"}, before={"t": ["a (bc) d (e)", "a (b", None]}, after={"t": ["a (**) d (*)", "a (b", None]}),
        Example({"columns": ["t"], "left": "", "right": "@"}, before={"t": ["ann@x.org"]}, after={"t": ["***@x.org"]}),
        Example({"columns": ["t"], "where": "pattern", "pattern": "[0-9]+", "symbol": "#"}, before={"t": ["a12b3", None]}, after={"t": ["a##b#", None]}),
    )  # fmt: skip

    where: Literal["between marks", "pattern"] = param("Cover", default="between marks")
    left: str = param("Left mark", default="")
    right: str = param("Right mark", default="")
    pattern: str = param("Pattern", default="", help="Such as [0-9]{4}; only for 'pattern'.")
    symbol: str = param("Cover with", default="*", min_length=1, max_length=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.where == "pattern":
            try:
                re.compile(self.pattern or "(")
            except re.error as error:
                raise ParamError(f"{self.pattern!r} is no regular expression: {error}.") from None
        elif not self.left and not self.right:
            raise ParamError("give at least one of the two marks.")

    @property
    def _function(self):
        return secrecy.masked_pattern if self.where == "pattern" else secrecy.masked_between

    def constants(self):
        marks = {"pattern": self.pattern} if self.where == "pattern" else {"left": self.left, "right": self.right}
        return {**marks, "symbol": self.symbol}

    def value(self, column):
        return self._function(column, **self.constants())

    def pandas_value(self, column, dtype):
        return self._function.pandas(column, **self.constants())


DATE_PARTS = {"year": (4, "year"), "month": (2, "month"), "day": (2, "day"), "hour": (2, "hour"), "minute": (2, "minute"), "second": (2, "second")}  # fmt: skip


@register
class MaskDateParts(TimeFunction):
    """Write dates as text with some parts covered: 2024-**-**. Times lose fractions of a second; missing stays missing."""

    name: ClassVar = "privacy.mask_date_parts"
    label: ClassVar = "Mask parts of a date"
    covers: ClassVar = ("mask_date_parts",)
    words: ClassVar = ("MASK_DATE", "hide birthday", "year only")
    examples: ClassVar = (
        Example({"columns": ["d"]}, before={"d": ["2024-05-06", None]}, after={"d": ["2024-**-**", None]}, types={"d": "date"}, after_types={"d": "string"}),
        Example({"columns": ["d"], "parts": ["year", "second"], "symbol": "x"}, before={"d": ["2024-05-06T07:08:09"]}, after={"d": ["xxxx-05-06 07:08:xx"]}, types={"d": "timestamp"}, after_types={"d": "string"}),
    )  # fmt: skip

    parts: tuple[Literal["year", "month", "day", "hour", "minute", "second"], ...] = param("Cover", default=("month", "day"), min_length=1)  # fmt: skip
    symbol: str = param("Cover with", default="*", min_length=1, max_length=1)

    def pieces(self, dtype):
        """Return (part, digits or None where covered, what stands behind)."""
        behind = {"year": "-", "month": "-", "day": " ", "hour": ":", "minute": ":", "second": ""}
        names = list(DATE_PARTS)[: 3 if dtype.is_date() else 6]
        return [(p, DATE_PARTS[p][0], p in self.parts, behind[p] if p != names[-1] else "") for p in names]

    def value(self, column):
        found = column.isnull().ifelse(ibis.null("string"), ibis.literal(""))
        for part, digits, covered, behind in self.pieces(column.type()):
            text = getattr(column, part)().cast("int64").cast("string").lpad(digits, "0")
            found = found + (ibis.literal(self.symbol * digits) if covered else text) + ibis.literal(behind)
        return found

    def pandas_value(self, column, dtype):
        codes = {"year": "%Y", "month": "%m", "day": "%d", "hour": "%H", "minute": "%M", "second": "%S"}
        pieces = [repr(self.symbol * digits + behind) if covered else f"{column}.dt.strftime({codes[p] + behind!r})" for p, digits, covered, behind in self.pieces(dtype)]  # fmt: skip
        return f"({column}.dt.strftime('') + {' + '.join(pieces)}).astype('string')"


PEOPLE = ["Ada", "Ben", "Cleo", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo", "Juno", "Kai", "Lena", "Milo", "Nora", "Otis", "Pia", "Quin", "Rosa", "Sami", "Tess", "Uma", "Vito", "Wren", "Xena", "Yara", "Zeno"]  # fmt: skip
SURNAMES = ["Abbot", "Brook", "Cole", "Dale", "Elms", "Frost", "Grove", "Hill", "Ives", "Jones", "Kerr", "Lake", "Marsh", "North", "Oakes", "Pike", "Quill", "Reed", "Stone", "Thorn", "Underhill", "Vale", "Wood", "York"]  # fmt: skip
PLACES = ["Ashford", "Birchton", "Cedarville", "Dunmere", "Eastbrook", "Fernhill", "Greenford", "Hazelwick", "Ivyport", "Juniper Bay", "Kingsmead", "Larchfield", "Millbrook", "Newhaven", "Oakridge", "Pinewood"]  # fmt: skip
FIRMS = ["Acorn Works", "Blue Harbour", "Copper Lane", "Delta Mills", "Evergreen Tools", "Fieldhouse", "Granite Labs", "Highland Supply"]  # fmt: skip


@register
class ReplaceRandom(ByHash):
    """Replace the known values of columns by random numbers or dates, or by made-up names, places, firms or addresses.

    The choice depends on the seed and a hash of the row's keys: the same on every run and every engine; rows with equal keys get equal
    values. Choose the column itself as key to give equal values equal replacements. A seed is no secret: who has it can test guesses.
    """

    name: ClassVar = "privacy.replace_random"
    label: ClassVar = "Replace by random or made-up values"
    covers: ClassVar = ("replace_random_number", "replace_random_date", "replace_with_fake")
    words: ClassVar = (
        "REPLACE_WITH_RANDOM_BETWEEN",
        "REPLACE_WITH_RANDOM_DATE_BETWEEN",
        "faker",
        "fake data",
        "synthetic",
        "dummy names",
    )
    examples: ClassVar = (
        Example({"columns": ["v"], "keys": ["k"], "by": "whole numbers", "low": 1, "high": 6}, before={"k": ["a", "b", "c"], "v": [10.5, 11.0, None]}, after={"k": ["a", "b", "c"], "v": [2, 1, None]}),
        Example({"columns": ["d"], "keys": ["k"], "by": "dates", "from_date": "2020-01-01", "to_date": "2020-12-31"}, before={"k": ["a", None], "d": ["2024-05-06", "2024-05-07"]}, after={"k": ["a", None], "d": ["2020-04-03", "2020-05-25"]}, types={"d": "date"}),
        Example({"columns": ["n"], "keys": ["n"], "by": "person names"}, before={"n": ["a", "b", None, "a"]}, after={"n": ["Gus Cole", "Ben Jones", None, "Gus Cole"]}),
        Example({"columns": ["n"], "keys": ["n"], "by": "e-mail addresses"}, before={"n": ["a", None]}, after={"n": ["gus.cole@example.org", None]}),
        Example({"columns": ["n"], "keys": ["n"], "by": "numbers", "high": 2.0}, before={"n": ["a", None]}, after={"n": [0.5109102725982666, None]}),
        Example({"columns": ["n"], "keys": ["n"], "by": "places"}, before={"n": ["a", None]}, after={"n": ["Eastbrook", None]}),
        Example({"columns": ["n"], "keys": ["n"], "by": "firms"}, before={"n": ["a", None]}, after={"n": ["Copper Lane", None]}),
    )  # fmt: skip

    columns: Columns = param("Columns")
    by: Literal["numbers", "whole numbers", "dates", "person names", "e-mail addresses", "places", "firms"] = param("Replace by", default="whole numbers")  # fmt: skip
    low: float = param("From", default=0.0)
    high: float = param("To", default=100.0, help="Included for whole numbers.")
    from_date: str = param("From date", default="2000-01-01")
    to_date: str = param("To date", default="2030-12-31", help="Included.")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.low > self.high:
            raise ParamError(f"the lower bound {self.low} is above the upper bound {self.high}.")
        if self.by == "whole numbers" and (self.low != int(self.low) or self.high != int(self.high)):
            raise ParamError("the bounds of whole numbers must be whole.")
        try:
            if self._days[1] < 1:
                raise ParamError(f"{self.from_date} is after {self.to_date}.")
        except ValueError as error:
            if isinstance(error, ParamError):
                raise
            raise ParamError(
                f"{self.from_date!r} or {self.to_date!r} is no date.", hint="Write it as 2024-01-31."
            ) from None

    @property
    def _days(self) -> tuple[date, int]:
        first = date.fromisoformat(self.from_date)
        return first, (date.fromisoformat(self.to_date) - first).days + 1

    def lists(self) -> list[tuple[list[str], str]]:
        """Return (list to pick from, what stands behind) of the parts of a made-up text."""
        return {
            "person names": [(PEOPLE, " "), (SURNAMES, "")],
            "e-mail addresses": [([p.lower() for p in PEOPLE], "."), ([p.lower() for p in SURNAMES], "@example.org")],
            "places": [(PLACES, "")],
            "firms": [(FIRMS, "")],
        }[self.by]

    def apply(self, table, state):
        new = []
        for i, c in enumerate(self.columns):
            there, share = table[c].notnull(), self.share(table, 1000 * i)
            if self.by == "numbers":
                made = share * (self.high - self.low) + self.low
            elif self.by == "whole numbers":
                made = floor(share * (self.high - self.low + 1.0)).cast("int64") + int(self.low)
            elif self.by == "dates":
                first, count = self._days
                made = (ibis.literal(first.isoformat()).cast("timestamp(6)") + floor(share * float(count)).cast("int64").as_interval("D")).cast("date")  # fmt: skip
            else:
                made = ibis.literal("")
                for k, (words, behind) in enumerate(self.lists()):
                    place = floor(self.share(table, 1000 * i + k) * float(len(words))).cast("int32")
                    made = made + ibis.array(words)[place] + ibis.literal(behind)
            new.append(there.ifelse(made, ibis.null(made.type())).name(c))
        return table.mutate(new)

    def pandas(self, df, state, schema):
        lines, cells = [], []
        for i, c in enumerate(self.columns):
            share = self.pandas_share(df, schema, 1000 * i)
            if self.by == "numbers":
                made = f"{share} * {self.high - self.low} + {self.low}"
            elif self.by == "whole numbers":
                made = f"np.floor({share} * {self.high - self.low + 1.0}).astype('Int64') + {int(self.low)}"
            elif self.by == "dates":
                first, count = self._days
                made = f"(pd.Timestamp({first.isoformat()!r}) + pd.to_timedelta(np.floor({share} * {float(count)}).astype('int64'), unit='D')).astype('datetime64[us]')"
            else:
                made = " + ".join(
                    f"np.floor({self.pandas_share(df, schema, 1000 * i + k)} * {len(words)}).astype(int).map(dict(enumerate({words!r}))).astype('string') + {behind!r}"
                    for k, (words, behind) in enumerate(self.lists())
                )
            cells.append(f"({made}).where({df}[{c!r}].notna())")
        lines.append(f"made = [{', '.join(cells)}]")
        return lines + [f"{df}[{c!r}] = made[{i}]" for i, c in enumerate(self.columns)]


@register
class ShuffleColumn(Transform):
    """Mix the values of columns between rows, each column on its own, within groups if chosen.

    Sums, means and counts of the column stay; who had which value is lost. The new order depends on the seed and a hash of the
    row: the same on every engine.
    """

    name: ClassVar = "privacy.shuffle"
    label: ClassVar = "Shuffle a column"
    serving: ClassVar = "batch"
    covers: ClassVar = ("shuffle_column",)
    words: ClassVar = ("SHUFFLE_ROWS", "permute", "mix values", "swap")
    pandas_helpers: ClassVar = (HASH_HELPER, NUMBER_TEXT)
    examples: ClassVar = (
        Example({"columns": ["v"]}, before={"k": ["a", "b", "c", "d"], "v": [1, 2, 3, None]}, after={"k": ["a", "b", "c", "d"], "v": [3, None, 2, 1]}),
        Example({"columns": ["v"], "groups": ["g"]}, before={"g": ["x", "x", "y", None], "v": [1, 1, 3, 4]}, after={"g": ["x", "x", "y", None], "v": [1, 1, 3, 4]}),
    )  # fmt: skip

    columns: Columns = param("Columns")
    groups: SomeColumns = param("Within groups of", default=())
    seed: int = param("Seed", default=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        if odd := [c for c in (*self.columns, *self.groups) if c not in hashable(schema)]:
            raise ParamError(
                f"column {odd[0]!r} ({schema[odd[0]]}) cannot be shuffled.", hint="Turn it into text first."
            )
        if odd := [c for c in self.columns if c in self.groups]:
            raise ParamError(f"column {odd[0]!r} cannot be group and shuffled.")

    def order(self, schema):
        return [*self.groups, *(c for c in hashable(schema) if c not in self.groups)]

    def apply(self, table, state):
        place, share, mixed = spare_names(table, 3)
        rest = self.order(table.schema())
        up = lambda t, names: ibis.window(order_by=[t[c].asc(nulls_first=False) for c in names])  # noqa: E731
        found = table.mutate(ibis.row_number().over(up(table, rest)).cast("int64").name(place))
        for i, c in enumerate(self.columns):
            side = table.mutate(hashed_share(table, rest, self.seed + 1000 * i).name(share))
            order = [*self.groups, share, *(n for n in rest if n not in self.groups)]
            side = side.select(
                ibis.row_number().over(up(side, order)).cast("int64").name("__mixed"), side[c].name(mixed)
            )
            joined = found.join(side, found[place] == side["__mixed"], how="inner")
            found = joined.select([joined[mixed].name(c) if n == c else joined[n] for n in found.columns])
        return found.drop(place)

    def pandas(self, df, state, schema):
        rest = self.order(schema)
        texts = ", ".join(pandas_plain_text(f"{df}[{c!r}]", schema[c]) for c in rest)
        lines = [
            f"{df} = {df}.reset_index(drop=True)",
            f"here, mixed = {df}.sort_values({rest!r}, na_position='last').index, {{}}",
        ]
        for i, c in enumerate(self.columns):
            order = [*self.groups, "__share", *(n for n in rest if n not in self.groups)]
            lines += [
                f"there = {df}.assign(__share=hashed_share([{texts}], {self.seed + 1000 * i}).set_axis({df}.index)).sort_values({order!r}, na_position='last')",
                f"mixed[{c!r}] = there[{c!r}].set_axis(here)",
            ]
        return [*lines, *(f"{df}[{c!r}] = mixed[{c!r}]" for c in self.columns)]


@register
class NullOut(ColumnFunction):
    """Remove all values of columns: they stay, with their type, and every value is missing."""

    name: ClassVar = "privacy.null_out"
    label: ClassVar = "Remove the values"
    covers: ClassVar = ("null_out",)
    words: ClassVar = ("NULL_OUT", "blank out", "delete values", "empty column", "clear")
    examples: ClassVar = (
        Example({"columns": ["a", "n"]}, before={"a": ["x", None], "n": [1, 2]}, after={"a": [None, None], "n": [None, None]}, after_types={"a": "string", "n": "int64"}),
    )  # fmt: skip

    def value(self, column):
        return ibis.null(column.type())

    def pandas_value(self, column, dtype):
        return f"{column}.mask(pd.Series(True, index={column}.index))"


@register
class Generalise(ColumnFunction):
    """Make values coarser: numbers to the start of their range, dates to the start of their period, texts to their first characters.

    By the type of each column. Numbers: 37 becomes 30 with a step of 10 (coordinates: a step of 0.1); whole numbers stay whole where
    the step is. Texts: a post code keeps its first characters, the others become the cover. Missing stays missing.
    """

    name: ClassVar = "privacy.generalise"
    label: ClassVar = "Make values coarser"
    covers: ClassVar = ("generalise_number", "generalise_date", "generalise_geography")
    words: ClassVar = ("generalize", "age bands", "coarsen", "post code prefix", "k-anonymity", "round down")
    examples: ClassVar = (
        Example({"columns": ["n", "x"], "step": 10.0}, before={"n": [37, -1, None], "x": [37.5, 30.0, None]}, after={"n": [30, -10, None], "x": [30.0, 30.0, None]}, after_types={"n": "int64"}),
        Example({"columns": ["d"], "period": "month"}, before={"d": ["2024-05-15", None]}, after={"d": ["2024-05-01", None]}, types={"d": "date"}),
        Example({"columns": ["p", "x"], "keep": 3, "step": 0.5}, before={"p": ["80331", "80", None], "x": [48.75, 11.25, None]}, after={"p": ["803**", "80", None], "x": [48.5, 11.0, None]}),
    )  # fmt: skip

    step: float = param("Step of numbers", default=10.0, gt=0)
    period: Literal["year", "quarter", "month", "week", "day", "hour"] = param("Period of dates", default="year")
    keep: int = param("Characters of texts to keep", default=3, ge=0, le=1000)
    cover: str = param("Cover the others with", default="*", max_length=1, help="Empty: cut them off.")

    def check_columns(self, schema):
        super().check_columns(schema)
        for c in self.columns:
            if kind_of(schema[c]) not in ("number", "text", "time"):
                raise ParamError(f"column {c!r} ({schema[c]}) cannot be made coarser.")

    def value(self, column):
        kind, dtype = kind_of(column.type()), column.type()
        if kind == "time":
            return StartOfPeriod(columns=("c",), period=self.period).value(column)
        if kind == "number":
            found = floor(known(column) / self.step) * self.step
            return found.cast("int64") if dtype.is_integer() and self.step == int(self.step) else found
        n = column.length()
        hidden = ibis.literal(self.cover).repeat(n - self.keep)
        return (n <= self.keep).ifelse(column, column.substr(0, self.keep) + (hidden if self.cover else ""))

    def pandas_value(self, column, dtype):
        kind = kind_of(dtype)
        if kind == "time":
            return StartOfPeriod(columns=("c",), period=self.period).pandas_value(column, dtype)
        if kind == "number":
            found = f"np.floor({column}.astype('Float64') / {self.step}) * {self.step}"
            return f"({found}).astype('Int64')" if dtype.is_integer() and self.step == int(self.step) else found
        return f"{column}.map(lambda t: t if len(t) <= {self.keep} else t[:{self.keep}] + {self.cover!r} * (len(t) - {self.keep}), na_action='ignore').astype('string')"


@register
class ShiftDates(TimeFunction):
    """Move all dates of a person by the same secret number of days, so that the time between them stays.

    The number, from minus to plus the most days and never 0, is a keyed hash of the person's column. Dates of rows without a person become
    missing. The key is read from the environment variable TILTH_KEY_<NAME> when the step runs; the recipe holds its name only.
    """

    name: ClassVar = "privacy.shift_dates"
    label: ClassVar = "Move dates secretly"
    covers: ClassVar = ("date_shift",)
    words: ClassVar = ("date shifting", "HIPAA", "offset dates", "jitter dates")
    pandas_helpers: ClassVar = secrecy.secret_days.helpers
    examples: ClassVar = (
        Example({"columns": ["d"], "person": "p", "key": "EXAMPLE", "most_days": 30}, before={"p": ["a", "a", None], "d": ["2024-05-06", "2024-05-08", "2024-05-08"]}, after={"p": ["a", "a", None], "d": ["2024-04-07", "2024-04-09", None]}, types={"d": "date"}),
    )  # fmt: skip

    person: Column = param("Person")
    key: str = param("Name of the key", pattern="^[A-Z][A-Z0-9_]{0,60}$", help=KEY_HELP)
    most_days: int = param("At most so many days", default=182, ge=1, le=36_500)

    def check_columns(self, schema):
        super().check_columns(schema)
        text_like(schema, [self.person])

    def apply(self, table, state):
        (spare,) = spare_names(table, 1)
        days = secrecy.secret_days(table[self.person].cast("string"), key=self.key, most=self.most_days)
        table = table.mutate(days.name(spare))
        new = []
        for c in self.columns:
            x = table[c].cast("timestamp(6)") if table[c].type().is_date() else table[c]
            new.append((x + table[spare].as_interval("D")).cast(table[c].type()).name(self.target(c)))
        return table.mutate(new).drop(spare)

    def pandas(self, df, state, schema):
        texts = as_text(f"{df}[{self.person!r}]", schema[self.person])
        lines = [
            f"days = pd.to_timedelta({secrecy.secret_days.pandas(texts, key=self.key, most=self.most_days)}, unit='D')"
        ]
        return lines + [
            f"{df}[{self.target(c)!r}] = ({df}[{c!r}] + days).astype({df}[{c!r}].dtype)" for c in self.columns
        ]


SAID = {
    "e-mail address": r"e?mail(adresse|address)?", "telephone number": r"(tele)?phone(number)?|tel|mobile|fax|telefon(nummer)?|handy",
    "name": r"(first|last|full|sur|given|family|vor|nach|customer|person|patient)name|surname", "IBAN": r"iban",
    "address": r"address|street|strasse|postcode|zip(code)?|plz", "date of birth": r"birthday|(date)?ofbirth|birthdate|dob|geburtsdatum",
    "identity number": r"ssn|socialsecurity(number)?|passport(number|no)?|taxid|nationalid|driverslicense", "password": r"password|passwd|pwd",
    "user name": r"user(name)?|login", "card number": r"(credit)?card(number|no)|pan|cvv|cvc", "IP address": r"ip(address)?",
}  # fmt: skip


@register
class DetectPersonal(Transform):
    """Find columns with personal data, by their values and names, and remember them; then hide, remove or drop them.

    A text column counts where at least the share of its known training values is of one kind (e-mail, telephone, card number that passes the
    Luhn check, IBAN with right check digits, IP address, web address, US social security number), or where its name says so (names,
    addresses, dates of birth, passwords are told by name alone). Looks at up to 10,000 different values per column.
    """

    name: ClassVar = "privacy.detect"
    label: ClassVar = "Find personal data"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("detect_pii",)
    words: ClassVar = ("PII", "handle PII", "personally identifiable", "sensitive data", "GDPR", "scan")
    examples: ClassVar = (
        Example({"then": "cover"}, train={"a": ["x@y.org", "u@v.com"], "b": ["p", "q"], "last_name": ["Roe", None]}, before={"a": ["e@f.org", None], "b": ["s", "t"], "last_name": ["Doe", "Lee"]}, after={"a": ["*******", None], "b": ["s", "t"], "last_name": ["***", "***"]}),
        Example({"then": "make missing", "columns": ["a"]}, before={"a": ["4111 1111 1111 1111", "x"], "n": [1, 2]}, after={"a": [None, None], "n": [1, 2]}, after_types={"a": "string"}),
        Example({"then": "drop the columns"}, before={"a": ["192.168.0.1"], "n": [1]}, after={"n": [1]}),
        Example({}, before={"a": ["+49 30 901820"]}, after={"a": ["+49 30 901820"]}),
    )  # fmt: skip

    columns: SomeColumns = param("Columns to look at", default=(), help="None: all text columns.")
    share: float = param("At least this share must fit", default=0.5, gt=0, le=1)
    by_name: bool = param("Heed the names of columns", default=True)
    then: Literal["only remember", "cover", "make missing", "drop the columns"] = param("Then", default="only remember")

    def fit(self, table):
        chosen = [c for c in self.columns or table.columns if table[c].type().is_string()]
        found = distinct_texts(table, chosen)
        learnt = {}
        for i, c in enumerate(chosen):
            kinds = Counter(secrecy.personal_kind(r["v"]) for r in found if r["i"] == i)
            total = sum(kinds.values())
            fits = [k for k, n in kinds.most_common() if k and n >= self.share * total]
            plain = re.sub(r"[^a-z0-9]", "", c.lower())
            said = [kind for kind, names in SAID.items() if self.by_name and re.fullmatch(names, plain)]
            if fits or said:
                learnt[c] = (fits or said)[0]
        return {"found": learnt}

    def apply(self, table, state):
        there = [c for c in state["found"] if c in table.columns]
        if self.then == "drop the columns":
            return table.drop(*there) if there else table
        if self.then == "only remember" or not there:
            return table
        cover = self.then == "cover"
        return table.mutate(
            [(ibis.literal("*").repeat(table[c].length()) if cover else ibis.null("string")).name(c) for c in there]
        )

    def pandas(self, df, state, schema):
        there = [c for c in state["found"] if c in schema]
        if self.then == "drop the columns":
            return [f"{df} = {df}.drop(columns={there!r})"] if there else []
        if self.then == "cover":
            return [
                f"{df}[{c!r}] = {df}[{c!r}].map(lambda t: '*' * len(t), na_action='ignore').astype('string')"
                for c in there
            ]
        return (
            [f"{df}[{c!r}] = {df}[{c!r}].mask(pd.Series(True, index={df}.index))" for c in there]
            if self.then == "make missing"
            else []
        )


Kinds = Literal["e-mail address", "web address", "IBAN", "card number", "IP address", "US social security number", "telephone number", "date"]  # fmt: skip


@register
class Redact(TextCall):
    """Hide personal data inside free text: e-mail and web addresses, IBANs, card and telephone numbers, IP addresses, dates.

    Found by patterns; card numbers must pass the Luhn check and IBANs have right check digits. Names of people and streets are not
    found. Missing stays missing.
    """

    name: ClassVar = "privacy.redact"
    label: ClassVar = "Hide personal data in text"
    covers: ClassVar = ("redact_pii_in_text",)
    words: ClassVar = ("REDACT", "PII redaction", "scrub", "anonymise text", "Comprehend")
    function: ClassVar = secrecy.redacted
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["to ann@x.org from 10.0.0.1, card 4111-1111-1111-1111.", "tel. +49 30 901820!", "in 2024", None]}, after={"t": ["to [E-MAIL ADDRESS] from [IP ADDRESS], card [CARD NUMBER].", "tel. [TELEPHONE NUMBER]!", "in 2024", None]}),
        Example({"columns": ["t"], "kinds": ["e-mail address"], "style": "cover"}, before={"t": ["a@b.org 10.0.0.1"]}, after={"t": ["******* 10.0.0.1"]}),
        Example({"columns": ["t"], "style": "remove"}, before={"t": ["DE89 3704 0044 0532 0130 00, www.x.org"]}, after={"t": [", "]}),
    )  # fmt: skip

    kinds: tuple[Kinds, ...] = param("Hide", default=("e-mail address", "web address", "IBAN", "card number", "IP address", "US social security number", "telephone number"), min_length=1)  # fmt: skip
    style: Literal["name the kind", "cover", "remove"] = param("How", default="name the kind")
    symbol: str = param("Cover with", default="*", min_length=1, max_length=1)

    def constants(self):
        return {"kinds": [k for k in secrecy.PERSONAL if k in self.kinds], "style": self.style, "symbol": self.symbol}


@register
class KAnonymity(Transform):
    """Keep combinations of traits that at least k training rows share; drop rows with another one, or remove their traits.

    Learns the combinations (at most 20,000); a combination that is new later counts as rare. Missing counts as a value of its own. This
    guards the rows that were counted: a table prepared later may hold a combination fewer times. Fractions count to six decimals, times to seconds.
    """

    name: ClassVar = "privacy.k_anonymity"
    label: ClassVar = "Rare combinations (k-anonymity)"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("k_anonymity_suppress",)
    words: ClassVar = ("k-anonymity", "quasi-identifier", "suppression", "small cells", "re-identification")
    pandas_helpers: ClassVar = (NUMBER_TEXT, KEY_TEXT)
    examples: ClassVar = (
        Example({"columns": ["a", "b"], "k": 2}, before={"a": ["x", "x", "y", None, None], "b": [1, 1, 1, 2, 2]}, after={"a": ["x", "x", None, None], "b": [1, 1, 2, 2]}),
        Example({"columns": ["a"], "k": 2, "method": "remove the traits"}, train={"a": ["x", "x", "y"], "v": [1, 2, 3]}, before={"a": ["x", "y", "z"], "v": [1, 2, 3]}, after={"a": ["x", None, None], "v": [1, 2, 3]}),
    )  # fmt: skip

    columns: Columns = param("Traits", help="What together could tell who it is: age, post code, sex.")
    k: int = param("k", default=5, ge=2)
    method: Literal["drop the rows", "remove the traits"] = param("Rare ones", default="drop the rows")

    def check_columns(self, schema):
        super().check_columns(schema)
        if odd := [c for c in self.columns if c not in hashable(schema)]:
            raise ParamError(
                f"column {odd[0]!r} ({schema[odd[0]]}) cannot be a trait.", hint="Turn it into text first."
            )

    def text(self, table):
        found = ibis.literal("")
        for c in self.columns:
            value = plain_text(table[c])
            found = found + value.isnull().ifelse(ibis.literal("-"), value.length().cast("string") + ":" + value)
        return found

    def fit(self, table):
        keyed = table.select(self.text(table).name("key"))
        counted = keyed.group_by("key").aggregate(keyed.count().name("n"))
        found = rows(counted.filter(counted.n >= self.k).order_by("key").limit(20_001))
        if len(found) > 20_000:
            raise FitError("more than 20,000 combinations are frequent enough.", hint="Make the traits coarser first.")
        return {"keys": [r["key"] for r in found]}

    def apply(self, table, state):
        (spare,) = spare_names(table, 1)
        marked = table.mutate(self.text(table).name(spare))
        common = marked[spare].isin(state["keys"]) if state["keys"] else ibis.literal(False)
        if self.method == "drop the rows":
            return marked.filter(common).drop(spare)
        return marked.mutate(
            [common.ifelse(marked[c], ibis.null(marked[c].type())).name(c) for c in self.columns]
        ).drop(spare)

    def pandas(self, df, state, schema):
        texts = ", ".join(pandas_plain_text(f"{df}[{c!r}]", schema[c]) for c in self.columns)
        lines = [f"common = key_text([{texts}], {df}.index).isin({state['keys']!r})"]
        if self.method == "drop the rows":
            return [*lines, f"{df} = {df}[common]"]
        return [*lines, *(f"{df}[{c!r}] = {df}[{c!r}].where(common)" for c in self.columns)]


@register
class LDiversity(Transform):
    """Count how many different sensitive values the rows with the same traits have, and flag or drop those with too few.

    A missing sensitive value counts as one value. Counts the rows at hand, so it cannot run for one record.
    """

    name: ClassVar = "privacy.l_diversity"
    label: ClassVar = "Variety of sensitive values (l-diversity)"
    serving: ClassVar = "batch"
    covers: ClassVar = ("l_diversity_check",)
    words: ClassVar = ("l-diversity", "homogeneity attack", "sensitive attribute")
    examples: ClassVar = (
        Example({"columns": ["a"], "sensitive": "s", "l": 2, "to": "n"}, before={"a": ["x", "x", "y", "y", None], "s": ["p", "q", "p", "p", None]}, after={"a": ["x", "x", "y", "y", None], "s": ["p", "q", "p", "p", None], "n": [2, 2, 1, 1, 1]}),
        Example({"columns": ["a"], "sensitive": "s", "l": 2, "then": "drop rows with fewer"}, before={"a": ["x", "x", "y"], "s": [1, None, 2]}, after={"a": ["x", "x"], "s": [1, None]}),
    )  # fmt: skip

    columns: Columns = param("Traits")
    sensitive: OrderableColumn = param("Sensitive column")
    l: int = param("l", default=2, ge=1)  # noqa: E741
    then: Literal["add the number", "drop rows with fewer"] = param("Then", default="add the number")
    to: NewColumn = param("New column", default="different_values")

    def apply(self, table, state):
        (spare,) = spare_names(table, 1)
        keys = [table[c] for c in self.columns]
        x = table[self.sensitive]
        x = known(x) if x.type().is_floating() else x
        rank = ibis.dense_rank().over(ibis.window(group_by=keys, order_by=[x.asc(nulls_first=False)]))
        ranked = table.mutate(rank.name(spare))
        most = ranked[spare].max().over(ibis.window(group_by=[ranked[c] for c in self.columns]))
        counted = ranked.mutate((most + 1).cast("int64").name(spare))
        if self.then == "drop rows with fewer":
            return counted.filter(counted[spare] >= self.l).drop(spare)
        return counted.mutate(counted[spare].name(new_name(self.to, table.columns))).drop(spare)

    def pandas(self, df, state, schema):
        keys = ", ".join(f"{df}[{c!r}]" for c in self.columns)
        lines = [
            f"{df} = {df}.reset_index(drop=True)",
            f"kinds = pd.Series(pd.factorize({df}[{self.sensitive!r}], use_na_sentinel=False)[0], index={df}.index)",
            f"count = kinds.groupby([{keys}], dropna=False).transform('nunique').astype('Int64')",
        ]
        return [
            *lines,
            f"{df} = {df}[count >= {self.l}]" if self.then == "drop rows with fewer" else f"{df}[{self.to!r}] = count",
        ]


@register
class LaplaceNoise(ByHash):
    """Add Laplace noise to numbers, of the scale (upper - lower bound) / epsilon; numbers are cut to the bounds first.

    Columns become float64. The noise depends on the seed and a hash of the row's keys, the same on every run: a seed in a recipe is no
    secret, so this is for trying out how noise changes results, not a guarantee of differential privacy.
    """

    name: ClassVar = "privacy.laplace_noise"
    label: ClassVar = "Add Laplace noise"
    covers: ClassVar = ("add_noise_laplace",)
    words: ClassVar = ("differential privacy", "epsilon", "perturb", "jitter")
    examples: ClassVar = (
        Example({"columns": ["v"], "keys": ["k"], "epsilon": 1.0, "lower": 0.0, "upper": 10.0}, before={"k": ["a", "b", "c"], "v": [5, 50, None]}, after={"k": ["a", "b", "c"], "v": [-1.7156128868921243, -8.910034096598672, None]}, types={"v": "int64"}, after_types={"v": "float64"}),
    )  # fmt: skip

    columns: NumericColumns = param("Columns")
    epsilon: float = param("Epsilon", default=1.0, gt=0, help="Smaller: more noise.")
    lower: float = param("Lower bound of the values", default=0.0)
    upper: float = param("Upper bound of the values", default=100.0)

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.lower >= self.upper:
            raise ParamError("the lower bound is not below the upper one.")

    @property
    def _scale(self) -> float:
        return (self.upper - self.lower) / self.epsilon

    def apply(self, table, state):
        shares = spare_names(table, len(self.columns))
        table = table.mutate(
            [(self.share(table, 1000 * i) + (0.5 / 16**7 - 0.5)).name(s) for i, s in enumerate(shares)]
        )
        new = []
        for c, s in zip(self.columns, shares, strict=True):
            noise = (table[s] < 0).ifelse(1.0, -1.0) * (1.0 - table[s].abs() * 2.0).ln() * self._scale
            x = known(table[c])
            cut = (x < self.lower).ifelse(self.lower, (x > self.upper).ifelse(self.upper, x))
            new.append((cut + noise).name(c))
        return table.mutate(new).drop(*shares)

    def pandas(self, df, state, schema):
        lines = [f"shares = [{', '.join(self.pandas_share(df, schema, 1000 * i) for i, _ in enumerate(self.columns))}]"]
        for i, c in enumerate(self.columns):
            lines += [
                f"u = shares[{i}].astype('float64') + {0.5 / 16**7 - 0.5!r}",
                f"{df}[{c!r}] = {df}[{c!r}].astype('Float64').clip({self.lower}, {self.upper}) + np.where(u < 0, 1.0, -1.0) * np.log(1.0 - u.abs() * 2.0) * {self._scale!r}",
            ]
        return lines
