"""What the texts of a column are: their patterns (AAA-999) and their semantic type, told from values and their counts.

Patterns and types are worked out on the different values with their counts, so all rows count; a column with very many
different values is judged by a sample, and says so. The regular expressions mean the same in DuckDB (RE2) and in Python,
so that a fix in a recipe finds exactly the values that the report counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workspace.sql import ident, one_row, text

if TYPE_CHECKING:
    from insights.profile import Column

PATTERNS = 12  # patterns that are shown
LONGEST = 64  # characters; longer texts are prose, and prose has no pattern
SAMPLE = 50_000  # rows that are looked at where there are too many different values
MEANING_SHARE = 0.90  # of the values that are not blank or disguised
MEANINGS = {  # narrow before wide: the first one that fits is taken
    "UUID": r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "e-mail address": r"[^\s@]+@[^\s@.]+([.][^\s@.]+)+",
    "web address": r"(https?|ftp)://\S+",
    "IPv4 address": r"((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])",
    "MAC address": r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}",
    "IBAN": r"[A-Z]{2}[0-9]{2}( ?[A-Z0-9]){11,30}",
    "date": r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
    "time of day": r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?",
    "hex colour": r"#([0-9A-Fa-f]{3}){1,2}",
    "phone number": r"[+][0-9][0-9 ()./-]{5,20}[0-9]",
    "JSON": r"[{\[].*[}\]]",
    "truth value": r"(?i:true|false|yes|no)",
}  # fmt: skip


def pattern_of(value: str) -> str:
    """Return SQL for the pattern of a text: A for capitals, a for small letters, 9 for digits, the rest as it is."""
    from insights.quality import CLASSES

    for mark, kind in CLASSES.items():
        value = f"regexp_replace({value}, {text(kind)}, {text(mark)}, 'g')"
    return value


def fill(con, table: str, c: Column) -> None:
    """Fill patterns and semantic type from a table of different values `v` and their number of rows `n`."""
    from insights.profile import BLANKS, DISGUISED

    hidden = ", ".join(map(text, DISGUISED))
    said = f"(SELECT v::VARCHAR AS v, n FROM {table} WHERE trim(v::VARCHAR, {BLANKS}) <> '' AND lower(trim(v::VARCHAR)) NOT IN ({hidden}))"
    asked = ", ".join(f"coalesce(sum(n) FILTER (regexp_full_match(v, {text(p)})), 0)" for p in MEANINGS.values())
    whole, *counts = one_row(con, f"SELECT coalesce(sum(n), 0), {asked} FROM {said}")
    if not whole:
        return
    for (meaning, pattern), n in zip(MEANINGS.items(), counts, strict=True):
        if n >= MEANING_SHARE * whole:
            c.meaning, c.meaning_pattern, c.invalid = meaning, pattern, int(whole - n)
            break
    if (c.length_max or 0) <= LONGEST:
        rows = con.execute(
            f"SELECT {pattern_of('v')} AS p, sum(n)::BIGINT AS k, min(v) FROM {said} GROUP BY p ORDER BY k DESC, p LIMIT {PATTERNS}"
        ).fetchall()
        c.patterns = [{"pattern": p, "count": k, "example": example} for p, k, example in rows]


def fill_from_rows(con, source: str, c: Column) -> None:
    """Do the same for a column with very many different values, by its first rows; values of no type from all rows."""
    name = ident(c.name)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE tilth_values AS SELECT v, count(*) AS n "
        f"FROM (SELECT {name}::VARCHAR AS v FROM {source} WHERE {name} IS NOT NULL LIMIT {SAMPLE}) GROUP BY v"
    )
    fill(con, "tilth_values", c)
    con.execute("DROP TABLE tilth_values")
    c.patterns_are_exact = False
    if c.meaning_pattern:
        c.invalid = one_row(con, f"SELECT count(*) FROM {source} WHERE {no_such_thing(c)}")[0]


def no_such_thing(c: Column) -> str:
    """Return SQL that is true for a value which is not of the column's semantic type, and not blank or disguised."""
    from insights.profile import BLANKS, DISGUISED

    v = f"{ident(c.name)}::VARCHAR"
    hidden = ", ".join(map(text, DISGUISED))
    return f"(NOT regexp_full_match({v}, {text(c.meaning_pattern)}) AND trim({v}, {BLANKS}) <> '' AND lower(trim({v})) NOT IN ({hidden}))"


def meaning_of(c: Column) -> str | None:
    """Return the semantic type of a column for which no pattern says more: from its kind and number of values."""
    from insights import quality

    if c.meaning or not c.known:
        return c.meaning
    if c.kind == "bool" or (c.distinct == 2 and c.distinct_is_exact and c.kind in ("number", "text")):
        return "two values"
    if c.kind == "time":
        return "date and time"
    if quality.names_the_row(c):
        return "identifier"
    if c.kind == "number":
        return "number"
    if c.kind == "text":
        return "category" if c.distinct <= quality.MANY_CATEGORIES or c.distinct <= 0.5 * c.known else "text"
    return None
