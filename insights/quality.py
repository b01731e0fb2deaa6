"""Quality: what in a profile looks wrong, how bad it is, and the recipe step that fixes it.

The rules and their limits are published here (`CODES`), in docs/quality.md and in the report; they are ours. Each fix is a
step of the catalogue, `{"transform": id, "settings": {…}}`, or None where only a person can decide. `where` is SQL that is
true for the rows that a finding concerns (the table itself is `tilth_rows` there), or None where it concerns all of them;
`quality_rows.rows_of` fetches some.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from workspace.sql import ident, text

if TYPE_CHECKING:
    from insights.profile import Column, Profile

MISSING_MEDIUM, MISSING_HIGH, MISSING_DROP = 0.05, 0.30, 0.60  # share of rows
ID_SHARE = 0.99  # distinct values per known row
MANY_CATEGORIES = 50
CATEGORIES_COVERED = 0.5  # rows whose value is among the ten most frequent: then grouping the rest keeps enough
READABLE_SHARE = 0.95  # of the text that is not blank or disguised
MIXED_SHARE = 0.05
NEAR_CONSTANT, NEAR_CONSTANT_ROWS = 0.99, 100
ODD_PATTERN_SHARE = 0.95
OUTLIER_SHARE, OUTLIER_MOST = 0.001, 0.05  # above the second, the bulk is narrow rather than the rest odd
SKEW = 3.0
CORRELATED = 0.98
VIF = 10.0
LEAKAGE = 0.95  # prediction power
IMBALANCE = 10.0  # rows of the greatest class per row of the smallest
RARE_CLASS = 10  # rows
SHOWN_CLASSES = 50
ORDER = {"high": 0, "medium": 1, "low": 2}
# Letters and digits of patterns, the same in RE2 and Python.
CLASSES = {"9": "[0-9]", "A": "[A-ZÀ-ÖØ-Þ]", "a": "[a-zß-öø-ÿ]"}

CODES: dict[str, tuple[str, str]] = {
    "no_rows": ("No rows", "The table has no row."),
    "duplicate_rows": ("Duplicate rows", "Rows that repeat another row in all columns; medium from 1 % of rows, else low."),
    "correlated": ("Same information", f"Two numbers with a Pearson correlation of at least {CORRELATED} or at most -{CORRELATED}."),
    "associated": ("Same information", f"Two categories with Cramér's V, or a category and a number with a correlation ratio, of at least {CORRELATED}."),
    "multicollinear": ("Told by the others", f"The number with the greatest variance inflation factor, where that is at least {VIF:g}."),
    "all_missing": ("Nothing known", "Every value is missing."),
    "constant": ("Constant", "The same value in every row."),
    "near_constant": ("Nearly constant", f"One value in at least {NEAR_CONSTANT:.0%} of at least {NEAR_CONSTANT_ROWS} known values, and in not all of them."),
    "missing": ("Missing values", f"NULL or NaN; medium from {MISSING_MEDIUM:.0%} of rows, high from {MISSING_HIGH:.0%}; from {MISSING_DROP:.0%} the fix drops the column."),
    "disguised_missing": ("Disguised missing values", "Texts that say 'not known': n/a, null, none, ?, -, unknown …; levels as for missing values."),
    "blank_text": ("Blank text", "Empty texts or only white space; levels as for missing values."),
    "padded_text": ("White space around text", "White space before or behind the text."),
    "case_variants": ("Capitals differ", "Values that differ from another one only in capitals or outer white space."),
    "numbers_as_text": ("Numbers kept as text", f"At least {READABLE_SHARE:.0%} of the texts are numbers, and none of the frequent ones begins with 0."),
    "dates_as_text": ("Dates kept as text", f"At least {READABLE_SHARE:.0%} of the texts are dates or times."),
    "mixed_types": ("Numbers and words mixed", f"More than {MIXED_SHARE:.0%} and less than {READABLE_SHARE:.0%} of the texts are numbers."),
    "invalid_values": ("Invalid values", "At least 90 % of the texts are of one semantic type (e-mail address, UUID …), and some are not."),
    "odd_pattern": ("Odd pattern", f"At least {ODD_PATTERN_SHARE:.0%} of the texts of a code with digits have the same pattern (AAA-999), and some do not; from 20 different values."),
    "identifier": ("Identifier", f"At least {ID_SHARE:.0%} of at least 20 values differ, in a text or in running whole numbers."),
    "high_cardinality": ("Many categories", f"A text with more than {MANY_CATEGORIES} different values that is no identifier."),
    "infinite": ("Infinite numbers", "Infinity or minus infinity."),
    "outliers": ("Outliers", f"Values beyond the median ± 5 robust deviations, from {OUTLIER_SHARE:.1%} to {OUTLIER_MOST:.0%} of the known values; medium from 1 %."),
    "skewed": ("Long tail", f"A skewness above {SKEW:g} or below -{SKEW:g}, with more than two different values."),
    "target_missing": ("Target missing", "Rows without a target; levels as for missing values."),
    "target_outliers": ("Outliers in the target", "As for outliers, in a number to predict."),
    "target_skewed": ("Target with a long tail", "As for a long tail, in a number to predict."),
    "imbalanced_target": ("Classes out of balance", f"The greatest class has at least {IMBALANCE:g} times the rows of the smallest."),
    "rare_classes": ("Rare classes", f"Classes with fewer than {RARE_CLASS} rows."),
    "target_leakage": ("Target leakage", f"A column that alone tells the target: prediction power of at least {LEAKAGE}."),
}  # fmt: skip


def warnings(profile: Profile) -> list[dict]:
    """Return `[{code, severity, column, message, fix, evidence, where}]`, worst first, then in table order."""
    found = list(_of_table(profile))
    target = profile.target["column"] if profile.target else None
    for column in profile.columns:
        found += _of_target(profile, column) if column.name == target else _of_column(column)
    return sorted(found, key=lambda warning: ORDER[warning["severity"]])


def _warning(
    code: str, severity: str, column: str | None, message: str, fix: dict | None = None, *, where: str | None = None, **evidence: Any
) -> dict:  # fmt: skip
    return {"code": code, "severity": severity, "column": column, "message": message, "fix": fix, "evidence": evidence, "where": where}  # fmt: skip


def _step(transform: str, **settings) -> dict:
    return {"transform": transform, "settings": settings}


def _of_table(p: Profile) -> Iterator[dict]:
    if not p.rows:
        yield _warning("no_rows", "high", None, "The table has no rows.")
        return
    if p.duplicate_rows:
        level = "medium" if p.duplicate_rows / p.rows >= 0.01 else "low"
        said = f"{rows(p.duplicate_rows, p.rows)} {_verb(p.duplicate_rows, 'repeats', 'repeat')} another row entirely."
        names = ", ".join(ident(c.name) for c in p.columns)
        where = f"hash({names}) IN (SELECT hash({names}) FROM tilth_rows GROUP BY 1 HAVING count(*) > 1)"
        yield _warning(
            "duplicate_rows", level, None, said, _step("rows.drop_duplicates"), where=where, rows=p.duplicate_rows
        )
    yield from _relations(p)


def _relations(p: Profile) -> Iterator[dict]:
    target = p.target["column"] if p.target else None
    told: set[str] = set()
    for pair in p.correlations:
        if abs(pair["r"]) >= CORRELATED and target not in (pair["a"], pair["b"]):
            said = f"Carries nearly the same information as {pair['a']!r} (correlation {pair['r']:.3f})."
            fix = _step("columns.drop", columns=[pair["b"]])
            yield _warning("correlated", "medium", pair["b"], said, fix, other=pair["a"], correlation=pair["r"])
            told |= {pair["a"], pair["b"]}
    for pair in p.associations:
        if pair["value"] >= CORRELATED and target not in (pair["a"], pair["b"]):
            a, b = pair["a"], pair["b"]
            # The one with fewer values follows from the other one; a number follows from its category.
            if pair["measure"] == "Cramér's V" and p.column(a).distinct < p.column(b).distinct:
                a, b = b, a
            said = f"Carries nearly the same information as {a!r} ({pair['measure']} {pair['value']:.3f})."
            fix = _step("columns.drop", columns=[b])
            yield _warning("associated", "medium", b, said, fix, other=a, measure=pair["measure"], value=pair["value"])
    others = [c for c in p.collinear.get("columns", []) if c["column"] not in told]
    if others and others[0]["vif"] >= VIF:
        name, vif = others[0]["column"], others[0]["vif"]
        said = (
            f"The other numbers together tell it: variance inflation factor {'over ' if vif >= 1e6 else ''}{vif:,.1f}."
        )
        yield _warning("multicollinear", "low", name, said, _step("columns.drop", columns=[name]), vif=vif)


def _of_column(c: Column) -> Iterator[dict]:
    """Yield the warnings of one column; a column without any information has only that one."""
    drop = _step("columns.drop", columns=[c.name])
    if not c.rows:
        return
    if not c.known:
        yield _warning("all_missing", "high", c.name, "Every value is missing.", drop, missing=c.missing)
    elif c.distinct == 1 and c.distinct_is_exact and not c.missing:
        value = c.top[0]["value"] if c.top else None
        yield _warning("constant", "medium", c.name, "Has the same value in every row.", drop, value=value)
    else:
        for rule in (
            _missing, _disguised, _blank, _type_of_text, _invalid, _odd_pattern, _near_constant, _identifier, _spelling,
            _infinite, _outliers, _skewed,
        ):  # fmt: skip
            yield from rule(c)


def _of_target(p: Profile, c: Column) -> Iterator[dict]:
    """Yield the warnings of the column to predict: its rows may be dropped, the column never."""
    t = p.target
    if c.missing:
        fix = _step("missing.drop_rows", columns=[c.name])
        said = f"{_have(c.missing, c.rows)} no target: a model can neither learn from them nor be scored on them."
        yield _warning(
            "target_missing", _level(c.missing_share), c.name, said, fix, where=_is_missing(c), rows=c.missing
        )
    for rule in (_disguised, _blank, _type_of_text, _spelling, _infinite):
        yield from rule(c)
    if t["task"] == "regression":
        for warning in [*_outliers(c), *_skewed(c)]:
            yield warning | {"code": f"target_{warning['code']}", "severity": "medium"}
    if t["task"] == "classification":
        yield from _classes(c, t)
    for row in t["powers"]:
        if row["power"] >= LEAKAGE:
            said = f"Alone tells the target {c.name!r} (prediction power {row['power']:.2f}): is it known before the target is?"
            fix = _step("columns.drop", columns=[row["column"]])
            yield _warning("target_leakage", "high", row["column"], said, fix, power=row["power"], sample=t["sample"])


def _classes(c: Column, t: dict) -> Iterator[dict]:
    most, least = t["classes"][0], t["classes"][-1]
    name = ident(c.name)
    if t["imbalance"] >= IMBALANCE:
        said = f"The class {most['value']!r} has {most['count']:,} rows, the class {least['value']!r} only {least['count']:,}."
        fix = _step("balance.resample", target=c.name, method="repeat rare", ratio=0.5)
        where = f"{name}::VARCHAR = {text(least['value'])}"
        yield _warning("imbalanced_target", "medium", c.name, said, fix, where=where, greatest=most, smallest=least)
    if rare := [row for row in t["classes"] if row["count"] < RARE_CLASS][-SHOWN_CLASSES:]:
        named = ", ".join(repr(row["value"]) for row in rare[:4]) + (" …" if len(rare) > 4 else "")
        said = f"{len(rare)} {_verb(len(rare), 'class has', 'classes have')} fewer than {RARE_CLASS} rows: {named}."
        conditions = [{"column": c.name, "test": "is not", "value": row["value"]} for row in rare]
        where = f"{name}::VARCHAR IN ({', '.join(text(row['value']) for row in rare)})"
        fix = _step("rows.filter", conditions=conditions, match="all") if len(rare) < len(t["classes"]) else None
        yield _warning("rare_classes", "medium", c.name, said, fix, where=where, classes=rare)


def _is_missing(c: Column) -> str:
    name = ident(c.name)
    return f"({name} IS NULL OR isnan({name}))" if c.type in ("float32", "float64") else f"{name} IS NULL"


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
    said = f"{_have(c.missing, c.rows)} no value."
    yield _warning("missing", _level(c.missing_share), c.name, said, fix, where=_is_missing(c), rows=c.missing)


def _disguised(c: Column) -> Iterator[dict]:
    if hidden := sum(entry["count"] for entry in c.disguised):
        spelt = ", ".join(repr(entry["value"]) for entry in c.disguised[:4])
        said = f"{rows(hidden, c.rows)} {_verb(hidden, 'says', 'say')} {spelt}: missing values in disguise."
        fix = _make_missing(c.name, [entry["value"] for entry in c.disguised])
        where = f"{ident(c.name)}::VARCHAR IN ({', '.join(text(entry['value']) for entry in c.disguised)})"
        level = _level(hidden / c.rows)
        yield _warning("disguised_missing", level, c.name, said, fix, where=where, rows=hidden, values=c.disguised)


def _blank(c: Column) -> Iterator[dict]:
    from insights.profile import BLANKS

    if blank := (c.empty or 0) + (c.white_space or 0):
        said = f"{rows(blank, c.rows)} {_verb(blank, 'is', 'are')} empty or only white space."
        fix = _make_missing(c.name, c.blanks or [""])
        where = f"trim({ident(c.name)}::VARCHAR, {BLANKS}) = ''"
        yield _warning("blank_text", _level(blank / c.rows), c.name, said, fix, where=where, rows=blank)


def _spelling(c: Column) -> Iterator[dict]:
    from insights.profile import BLANKS

    v = f"{ident(c.name)}::VARCHAR"
    if c.padded:
        said = f"{_have(c.padded, c.rows)} white space before or behind the text."
        where = f"length(trim({v}, {BLANKS})) < length({v}) AND trim({v}, {BLANKS}) <> ''"
        fix = _step("text.trim", columns=[c.name])
        yield _warning("padded_text", "low", c.name, said, fix, where=where, rows=c.padded)
    if c.case_variants and not c.padded:
        said = f"{c.case_variants:,} {_verb(c.case_variants, 'value differs', 'values differ')} from another only in capitals."
        fix = _step("text.change_case", columns=[c.name], case="lower")
        where = f"lower({v}) IN (SELECT lower({v}) FROM tilth_rows GROUP BY 1 HAVING count(DISTINCT {v}) > 1)"
        yield _warning("case_variants", "low", c.name, said, fix, where=where, values=c.case_variants)


def _infinite(c: Column) -> Iterator[dict]:
    if c.infinite:
        fix = (
            _step("scale.clip", columns=[c.name], method="fixed", lower=c.min, upper=c.max)
            if c.min is not None
            else None
        )
        said = f"{rows(c.infinite, c.rows)} {_verb(c.infinite, 'is', 'are')} infinite; most models refuse them."
        yield _warning("infinite", "high", c.name, said, fix, where=f"isinf({ident(c.name)})", rows=c.infinite)


def _outliers(c: Column) -> Iterator[dict]:
    from insights.profile import outside

    if c.outliers and OUTLIER_SHARE <= c.outliers / c.known <= OUTLIER_MOST:
        low, high = c.outlier_low, c.outlier_high
        fix = _step("scale.clip", columns=[c.name], method="fixed", lower=low, upper=high)
        said = f"{rows(c.outliers, c.rows)} {_verb(c.outliers, 'lies', 'lie')} outside {low:,.6g} to {high:,.6g}: the median ± 5 robust deviations."
        level = "low" if c.outliers / c.known < 0.01 else "medium"
        yield _warning("outliers", level, c.name, said, fix, where=outside(c), rows=c.outliers, low=low, high=high)


def _skewed(c: Column) -> Iterator[dict]:
    if c.skewness is not None and abs(c.skewness) > SKEW and c.distinct > 2:
        right = c.skewness > 0
        said = f"Has a long tail to the {'right' if right else 'left'} (skewness {c.skewness:.1f})."
        edge = float(c.quantiles["0.99" if right else "0.01"])
        where = f"{ident(c.name)} {'>=' if right else '<='} {edge!r}"
        fix = _step("scale.power", columns=[c.name]) if not c.infinite else None
        yield _warning("skewed", "low", c.name, said, fix, where=where, skewness=c.skewness)


def _said(c: Column) -> int:
    """Return the number of texts that are neither blank nor a missing value in disguise."""
    return c.known - sum(entry["count"] for entry in c.disguised) - (c.empty or 0) - (c.white_space or 0)


def _type_of_text(c: Column) -> Iterator[dict]:
    if c.kind != "text" or c.numbers_in_text is None or _said(c) <= 0:
        return
    said, one = _said(c), [c.name]
    v = f"{ident(c.name)}::VARCHAR"
    tops = [str(entry["value"]) for entry in c.top]
    is_code = any(value.isdigit() and value.startswith("0") and len(value) > 1 for value in tops)  # 01234 is no number
    number = f"TRY_CAST(trim({v}) AS DOUBLE) IS NOT NULL"
    share = c.numbers_in_text / said
    if share >= READABLE_SHARE and not is_code:
        fix = _step("types.change", columns=one, type="number")
        words = f"{share:.1%} of the texts are numbers."
        yield _warning("numbers_as_text", "medium", c.name, words, fix, where=number, share=share)
    elif c.written_numbers_in_text >= READABLE_SHARE * said and not is_code:
        example = f", such as {tops[0]!r}" if tops else ""
        share = c.written_numbers_in_text / said
        words = f"{share:.1%} of the texts are numbers with marks or units{example}."
        yield _warning(
            "numbers_as_text", "medium", c.name, words, _step("types.parse_number", columns=one), share=share
        )
    elif c.dates_in_text >= READABLE_SHARE * said:
        share = c.dates_in_text / said
        fix = _step("types.change", columns=one, type="date and time")
        yield _warning(
            "dates_as_text", "medium", c.name, f"{share:.1%} of the texts are dates or times.", fix, share=share
        )
    elif share > MIXED_SHARE and not is_code:
        words = f"{share:.1%} of the texts are numbers, the others are words."
        words_too = f"({v} IS NOT NULL AND TRY_CAST(trim({v}) AS DOUBLE) IS NULL)"
        if share >= 0.5:
            fix = _step("types.change", columns=one, type="number")
        else:  # keep what has a character that no number has
            rule = {"column": c.name, "must": "match a pattern", "pattern": r"[\s\S]*[^0-9eE+. -][\s\S]*"}
            fix = _step("invalid.replace", rules=[rule], by="missing")
        where = words_too if share >= 0.5 else number
        yield _warning("mixed_types", "medium", c.name, words, fix, where=where, share=share, numbers=c.numbers_in_text)


def _invalid(c: Column) -> Iterator[dict]:
    from insights.quality_texts import no_such_thing

    if c.invalid and not c.white_space and not c.padded:
        said = f"{rows(c.invalid, c.rows)} {_verb(c.invalid, 'is', 'are')} no {c.meaning}, as the others are."
        rule = {"column": c.name, "must": "match a pattern", "pattern": f"({c.meaning_pattern})?"}
        fix = _step("invalid.replace", rules=[rule], by="missing")
        where = no_such_thing(c)
        yield _warning("invalid_values", "medium", c.name, said, fix, where=where, rows=c.invalid, meaning=c.meaning)


def _odd_pattern(c: Column) -> Iterator[dict]:
    from insights.quality_texts import pattern_of

    said = _said(c) if c.kind == "text" and c.patterns else 0
    if not said or c.meaning_pattern or not c.patterns_are_exact or c.distinct < 20:
        return
    usual = c.patterns[0]
    odd = said - usual["count"]
    if not odd or usual["count"] < ODD_PATTERN_SHARE * said or "9" not in usual["pattern"]:
        return
    pattern = "".join(CLASSES.get(letter) or re.escape(letter) for letter in usual["pattern"])
    said_words = f"{rows(odd, c.rows)} {_verb(odd, 'does', 'do')} not look like {usual['pattern']!r}, as the others do."
    rule = {"column": c.name, "must": "match a pattern", "pattern": f"({pattern})?"}
    v = f"{ident(c.name)}::VARCHAR"
    where = f"{pattern_of(v)} <> {text(usual['pattern'])}"
    fix = _step("invalid.replace", rules=[rule], by="missing")
    yield _warning("odd_pattern", "low", c.name, said_words, fix, where=where, rows=odd, patterns=c.patterns[:5])


def _near_constant(c: Column) -> Iterator[dict]:
    if not c.top or c.distinct < 2 or c.known < NEAR_CONSTANT_ROWS or not c.distinct_is_exact:
        return
    top = c.top[0]
    if top["count"] >= NEAR_CONSTANT * c.known:
        said = f"{top['value']!r} stands in {top['count'] / c.known:.1%} of the known values."
        where = f"{ident(c.name)}::VARCHAR <> {text(str(top['value']))}"
        fix = _step("columns.drop", columns=[c.name])
        yield _warning(
            "near_constant", "low", c.name, said, fix, where=where, value=top["value"], share=top["count"] / c.known
        )


def names_the_row(c: Column) -> bool:
    """Return whether a column's values are nearly all different and no measurement: text, or running numbers."""
    if c.kind not in ("text", "number") or c.known < 20 or c.distinct < ID_SHARE * c.known:
        return False
    return c.kind == "text" or (c.type.startswith(("int", "uint")) and _counts_up(c))


def _identifier(c: Column) -> Iterator[dict]:
    about = "" if c.distinct_is_exact else "about "
    if names_the_row(c):
        said = f"Has {about}{c.distinct:,} different values in {c.known:,} rows: it names the row and tells a model nothing."
        yield _warning("identifier", "low", c.name, said, _step("columns.drop", columns=[c.name]), distinct=c.distinct)
    elif c.kind == "text" and c.distinct > MANY_CATEGORIES and c.known >= 20:
        said = f"Has {about}{c.distinct:,} different values."
        covered = sum(entry["count"] for entry in c.top) / c.known
        if covered >= CATEGORIES_COVERED:  # at most 1 / share values stay
            fix = _step("encode.group_rare", columns=[c.name], share=0.021)
        else:
            fix = _step("encode.frequency", columns=[c.name])
        yield _warning("high_cardinality", "low", c.name, said, fix, distinct=c.distinct, covered_by_top=covered)


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
