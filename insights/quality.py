"""Quality: what in a profile looks wrong, how bad it is, and the recipe step that fixes it.

The rules and their limits are published here and shown in the report; they are ours. Each fix is a step of the catalogue,
`{"transform": id, "settings": {…}}`, or None where only a person can decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from insights.profile import Column, Profile

MISSING_MEDIUM, MISSING_HIGH, MISSING_DROP = 0.05, 0.30, 0.60  # share of rows
ID_SHARE = 0.99  # distinct values per known row
MANY_CATEGORIES = 50
RARE_SHARE = 0.01
READABLE_SHARE = 0.95  # of the text that is not blank or disguised
OUTLIER_SHARE, OUTLIER_MOST = 0.001, 0.05  # above the second, the bulk is narrow rather than the rest odd
SKEW = 3.0
CORRELATED = 0.98
ORDER = {"high": 0, "medium": 1, "low": 2}


def warnings(profile: Profile) -> list[dict]:
    """Return `[{code, severity, column, message, fix}]`, worst first, then in table order."""
    found = list(_of_table(profile))
    for column in profile.columns:
        found += _of_column(column)
    return sorted(found, key=lambda warning: ORDER[warning["severity"]])


def _warning(code: str, severity: str, column: str | None, message: str, fix: dict | None = None) -> dict:
    return {"code": code, "severity": severity, "column": column, "message": message, "fix": fix}


def _step(transform: str, **settings) -> dict:
    return {"transform": transform, "settings": settings}


def _of_table(p: Profile) -> Iterator[dict]:
    if not p.rows:
        yield _warning("no_rows", "high", None, "The table has no rows.")
        return
    if p.duplicate_rows:
        level = "medium" if p.duplicate_rows / p.rows >= 0.01 else "low"
        said = f"{rows(p.duplicate_rows, p.rows)} {_verb(p.duplicate_rows, 'repeats', 'repeat')} another row entirely."
        yield _warning("duplicate_rows", level, None, said, _step("rows.drop_duplicates"))
    for pair in p.correlations:
        if abs(pair["r"]) >= CORRELATED:
            said = f"Carries nearly the same information as {pair['a']!r} (correlation {pair['r']:.3f})."
            yield _warning("correlated", "medium", pair["b"], said, _step("columns.drop", columns=[pair["b"]]))


def _of_column(c: Column) -> Iterator[dict]:
    """Yield the warnings of one column; a column without any information has only that one."""
    drop = _step("columns.drop", columns=[c.name])
    if not c.rows:
        return
    if not c.known:
        yield _warning("all_missing", "high", c.name, "Every value is missing.", drop)
    elif c.distinct == 1 and c.distinct_is_exact and not c.missing:
        yield _warning("constant", "medium", c.name, "Has the same value in every row.", drop)
    else:
        for rule in (
            _missing,
            _disguised,
            _blank,
            _type_of_text,
            _identifier,
            _spelling,
            _infinite,
            _outliers,
            _skewed,
        ):
            yield from rule(c)


def _missing(c: Column) -> Iterator[dict]:
    if not c.missing:
        return
    one = [c.name]
    if c.missing_share >= MISSING_DROP:
        fix = _step("columns.drop", columns=one)
    elif c.kind == "number":
        fix = _step("missing.fill_statistic", columns=one, statistic="median")
    elif c.kind in ("text", "bool") and c.distinct <= MANY_CATEGORIES:
        fix = _step("missing.fill_most_frequent", columns=one)
    else:
        fix = _step("missing.drop_rows", columns=one)
    yield _warning("missing", _level(c.missing_share), c.name, f"{_have(c.missing, c.rows)} no value.", fix)


def _disguised(c: Column) -> Iterator[dict]:
    if hidden := sum(entry["count"] for entry in c.disguised):
        spelt = ", ".join(repr(entry["value"]) for entry in c.disguised[:4])
        said = f"{rows(hidden, c.rows)} {_verb(hidden, 'says', 'say')} {spelt}: missing values in disguise."
        fix = _make_missing(c.name, [entry["value"] for entry in c.disguised])
        yield _warning("disguised_missing", _level(hidden / c.rows), c.name, said, fix)


def _blank(c: Column) -> Iterator[dict]:
    if blank := (c.empty or 0) + (c.white_space or 0):
        said = f"{rows(blank, c.rows)} {_verb(blank, 'is', 'are')} empty or only white space."
        fix = _make_missing(c.name, c.blanks or [""])
        yield _warning("blank_text", _level(blank / c.rows), c.name, said, fix)


def _spelling(c: Column) -> Iterator[dict]:
    if c.padded:
        said = f"{_have(c.padded, c.rows)} white space before or behind the text."
        yield _warning("padded_text", "low", c.name, said, _step("text.trim", columns=[c.name]))
    if c.case_variants and not c.padded:
        said = f"{c.case_variants:,} {_verb(c.case_variants, 'value differs', 'values differ')} from another only in capitals."
        yield _warning("case_variants", "low", c.name, said, _step("text.change_case", columns=[c.name], case="lower"))


def _infinite(c: Column) -> Iterator[dict]:
    if c.infinite:
        fix = (
            _step("scale.clip", columns=[c.name], method="fixed", lower=c.min, upper=c.max)
            if c.min is not None
            else None
        )
        said = f"{rows(c.infinite, c.rows)} {_verb(c.infinite, 'is', 'are')} infinite; most models refuse them."
        yield _warning("infinite", "high", c.name, said, fix)


def _outliers(c: Column) -> Iterator[dict]:
    if c.outliers and OUTLIER_SHARE <= c.outliers / c.known <= OUTLIER_MOST:
        fix = _step("scale.clip", columns=[c.name], method="quartile distances", lower=3.0, upper=3.0)
        said = f"{rows(c.outliers, c.rows)} {_verb(c.outliers, 'lies', 'lie')} more than 3 quartile distances outside the quartiles."
        yield _warning("outliers", "low" if c.outliers / c.known < 0.01 else "medium", c.name, said, fix)


def _skewed(c: Column) -> Iterator[dict]:
    if c.skewness is not None and abs(c.skewness) > SKEW and c.distinct > 2:
        fix = _step("number.log1p", columns=[c.name]) if c.min >= 0 and c.skewness > 0 else None
        said = f"Has a long tail to the {'right' if c.skewness > 0 else 'left'} (skewness {c.skewness:.1f})."
        yield _warning("skewed", "low", c.name, said, fix)


def _type_of_text(c: Column) -> Iterator[dict]:
    if c.kind != "text" or c.numbers_in_text is None:
        return
    said = c.known - sum(entry["count"] for entry in c.disguised) - (c.empty or 0) - (c.white_space or 0)
    if said <= 0:
        return
    one = [c.name]
    tops = [str(entry["value"]) for entry in c.top]
    is_code = any(value.isdigit() and value.startswith("0") and len(value) > 1 for value in tops)  # 01234 is no number
    if c.numbers_in_text >= READABLE_SHARE * said and not is_code:
        words = f"{c.numbers_in_text / said:.1%} of the texts are numbers."
        yield _warning("numbers_as_text", "medium", c.name, words, _step("types.change", columns=one, type="number"))
    elif c.written_numbers_in_text >= READABLE_SHARE * said and not is_code:
        example = f", such as {tops[0]!r}" if tops else ""
        words = f"{c.written_numbers_in_text / said:.1%} of the texts are numbers with marks or units{example}."
        yield _warning("numbers_as_text", "medium", c.name, words, _step("types.parse_number", columns=one))
    elif c.dates_in_text >= READABLE_SHARE * said:
        words = f"{c.dates_in_text / said:.1%} of the texts are dates or times."
        yield _warning(
            "dates_as_text", "medium", c.name, words, _step("types.change", columns=one, type="date and time")
        )


def _identifier(c: Column) -> Iterator[dict]:
    if c.kind not in ("text", "number") or c.type in ("float32", "float64") or c.known < 20:
        return
    about = "" if c.distinct_is_exact else "about "
    if c.distinct >= ID_SHARE * c.known and (c.kind == "text" or _counts_up(c)):
        said = f"Has {about}{c.distinct:,} different values in {c.known:,} rows: it names the row and tells a model nothing."
        yield _warning("identifier", "low", c.name, said, _step("columns.drop", columns=[c.name]))
    elif c.kind == "text" and c.distinct > MANY_CATEGORIES:
        said = f"Has {about}{c.distinct:,} different values."
        yield _warning(
            "high_cardinality", "low", c.name, said, _step("encode.group_rare", columns=[c.name], share=RARE_SHARE)
        )


def _counts_up(c: Column) -> bool:
    """Return whether whole numbers fill their range, as running numbers do."""
    return c.min is not None and (c.max - c.min + 1) <= 1.5 * c.known


def _make_missing(column: str, values: list[str]) -> dict:
    conditions = [{"column": column, "test": "equals", "value": value} for value in values]
    return _step("rows.set_values", conditions=conditions, match="any", column=column, make="missing")


def _level(share: float) -> str:
    return "low" if share < MISSING_MEDIUM else "medium" if share < MISSING_HIGH else "high"


def rows(n: int, of: int) -> str:
    """Return "1,234 rows (5.1%)"."""
    share = n / of
    return f"{n:,} row{'' if n == 1 else 's'} ({'under 0.1%' if 0 < share < 0.001 else f'{share:.1%}'})"


def _verb(n: int, one: str, many: str) -> str:
    return one if n == 1 else many


def _have(n: int, of: int) -> str:
    return f"{rows(n, of)} {_verb(n, 'has', 'have')}"
