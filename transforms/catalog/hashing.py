"""Values as text and as hashes that are the same on every engine: for keys, folds and random choices. No transforms here."""

from __future__ import annotations

from typing import ClassVar

import ibis

from transforms.catalog.common import floor
from transforms.errors import ParamError
from transforms.fields import SomeColumns, param
from transforms.schema import known
from transforms.transform import Transform

HASH_HELPER = '''
def hashed_share(rows, seed):
    """Return a number from 0 to 1 for each row of texts: the first 7 hex digits of an MD5 over them."""
    texts = ["".join(f"{len(t)}:{t}" if not pd.isna(t) else "-" for t in row) for row in zip(*rows)]
    return pd.Series([int(hashlib.md5(f"{seed}|{t}".encode()).hexdigest()[:7], 16) / 16**7 for t in texts], dtype="Float64")
'''
NUMBER_TEXT = '''
def number_text(column):
    """Return numbers as text that is the same everywhere: the whole part and six decimals."""

    def text(x):
        if abs(x) >= 1e15:
            return "huge"
        whole = np.floor(x)
        return f"{int(whole)}.{int(np.floor((x - whole) * 1e6))}"

    return column.astype("Float64").map(text, na_action="ignore").astype("string")
'''


def hashed_share(table, columns, seed: int):
    """Return an expression from 0 to 1 (below 1) that depends on the values of some columns and a seed."""
    text = ibis.literal(f"{seed}|")
    for c in columns:
        value = plain_text(table[c])
        text = text + value.isnull().ifelse(
            ibis.literal("-"), value.length().cast("string") + ibis.literal(":") + value
        )
    return share_of_text(text)


def share_of_text(text):
    """Return an expression from 0 to 1 (below 1) for a text: the first 7 hex digits of its MD5."""
    digest = text.hexdigest("md5")
    total = ibis.literal(0.0)
    for place in range(7):
        digit = ibis.literal("0123456789abcdef").find(digest.substr(place, 1)).cast("float64")
        total = total + digit * float(16 ** (6 - place))
    return total / float(16**7)


def plain_text(column):
    """Return a column's values as text that is the same on every engine."""
    dtype = column.type()
    if dtype.is_floating():
        x = known(column)
        whole = floor(x)
        parts = whole.cast("int64").cast("string") + "." + floor((x - whole) * 1e6).cast("int64").cast("string")
        return (x.abs() >= 1e15).ifelse(ibis.literal("huge"), parts)
    if dtype.is_date() or dtype.is_timestamp():
        return column.strftime("%Y-%m-%d %H:%M:%S")
    return column.cast("string")


def pandas_plain_text(column: str, dtype) -> str:
    """Return the same as pandas code."""
    if dtype.is_floating():
        return f"number_text({column})"
    if dtype.is_date() or dtype.is_timestamp():
        return f"{column}.dt.strftime('%Y-%m-%d %H:%M:%S').astype('string')"
    return as_text(column, dtype)


def hashable(schema) -> list[str]:
    """Return the columns whose values can be hashed: text, numbers, true/false, dates and times."""
    return [
        c
        for c, t in schema.items()
        if t.is_string() or t.is_integer() or t.is_floating() or t.is_boolean() or t.is_date() or t.is_timestamp()
    ]


class ByHash(Transform):
    """A random choice that depends on a hash of key columns, or of all columns where no key is chosen.

    Rows with the same keys get the same number, on every run and every engine.
    """

    pandas_helpers: ClassVar = (HASH_HELPER, NUMBER_TEXT)
    keys: SomeColumns = param("Key columns", default=(), help="None: all columns. Rows with equal keys go together.")
    seed: int = param("Seed", default=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        odd = [c for c in self.keys if c not in hashable(schema)]
        if odd:
            raise ParamError(f"column {odd[0]!r} ({schema[odd[0]]}) cannot be a key.", hint="Turn it into text first.")

    def key_columns(self, schema) -> list[str]:
        return list(self.keys) or hashable(schema)

    def share(self, table, salt: int = 0):
        return hashed_share(table, self.key_columns(table.schema()), self.seed + salt)

    def pandas_share(self, df, schema, salt: int = 0) -> str:
        texts = ", ".join(pandas_plain_text(f"{df}[{c!r}]", schema[c]) for c in self.key_columns(schema))
        return f"hashed_share([{texts}], {self.seed + salt}).set_axis({df}.index)"

    def ties(self, table) -> list:
        """Return keys that put rows of equal hash into one order: only identical rows stay tied."""
        return [table[c].asc(nulls_first=False) for c in hashable(table.schema())]


def as_text(column: str, dtype) -> str:
    """Return pandas code that writes a column's values as DuckDB's cast to text does."""
    return (
        f"{column}.map({{True: 'true', False: 'false'}}).astype('string')"
        if dtype.is_boolean()
        else f"{column}.astype('string')"
    )


def text_like(schema, columns) -> None:
    """Refuse columns whose text form differs between engines (fractions, times)."""
    for c in columns:
        if not (schema[c].is_string() or schema[c].is_integer() or schema[c].is_boolean()):
            raise ParamError(
                f"column {c!r} ({schema[c]}) is not text, a whole number or true/false.",
                hint="Turn it into text, or bin it first.",
            )
