"""Rules as files: our own JSON both ways, Python code for pandera, and a suite in the JSON of Great Expectations 1."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from insights.expectations.rules import (
    ColumnExists,
    Condition,
    Fresh,
    InSet,
    Length,
    Matches,
    Mean,
    Monotone,
    NoDuplicates,
    NotAbove,
    NotMissing,
    Quantile,
    Range,
    RowCount,
    Rule,
    Unique,
    rule_from,
)  # fmt: skip
from transforms.errors import InputError

FORMATS = ("json", "pandera", "gx")


def export(dataset: str, rules: Iterable[Rule], form: str) -> str:
    """Return the enabled rules as text: `json` (all of them), `pandera` (Python) or `gx` (JSON)."""
    rules = list(rules)
    if form == "json":
        return to_json(dataset, rules)
    rules = [r for r in rules if r.enabled]
    if form == "pandera":
        return to_pandera(dataset, rules)
    if form == "gx":
        return to_gx(dataset, rules)
    raise InputError(f"There is no format {form!r}.", hint=f"Formats: {', '.join(FORMATS)}.")


def to_json(dataset: str, rules: Iterable[Rule]) -> str:
    """Return all rules as our JSON; `from_json` reads it."""
    content = {"tilth": "expectations", "format": 1, "dataset": dataset, "rules": [r.model_dump() for r in rules]}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def from_json(written: str | bytes) -> list[Rule]:
    """Return the rules of our JSON.

    Raises:
        InputError: it is no such file, or a rule in it cannot be used.
    """
    try:
        content = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise InputError("The file is no JSON.", hint="Give a file that `tilth expect export` wrote.") from error
    if not isinstance(content, dict) or content.get("tilth") != "expectations" or not isinstance(content.get("rules"), list):  # fmt: skip
        raise InputError("The file holds no expectations.", hint="Give a file that `tilth expect export` wrote.")
    if content.get("format") != 1:
        raise InputError("The expectations were written by a newer Tilth.", hint="Update Tilth.")
    return [rule_from(rule) for rule in content["rules"]]


# pandera: every check is a lambda over the frame or the column, in the words of pandas; True is right.
def to_pandera(dataset: str, rules: Iterable[Rule]) -> str:
    """Return Python code of a pandera DataFrameSchema called `schema`; what it cannot say is a comment."""
    columns: dict[str, None] = {}
    checks, comments = [], []
    for rule in rules:
        code = _pandas(rule)
        if isinstance(rule, ColumnExists):
            columns[rule.column] = None
            if rule.type:
                comments.append(f"# type of {rule.column!r} in Tilth: {rule.type!r} (pandas reads it from your loader)")
            continue
        if code is None:
            comments.append(f"# not exported: {rule.says()!r}")
            continue
        columns |= dict.fromkeys(rule.names())
        if rule.family == "table":
            made = f"lambda df: bool({code})"
        else:
            made = f"lambda df: ({code}).mean() <= {rule.tolerance!r} if len(df) else True" if rule.tolerance else f"lambda df: ~({code})"  # fmt: skip
        warn = ", raise_warning=True" if rule.severity == "warn" else ""
        checks.append(f"        pa.Check({made}, error={rule.says()!r}, ignore_na=False{warn}),")
    lines = [
        f'"""Expectations of the dataset {json.dumps(dataset)[1:-1]}, exported by Tilth."""',
        "", "import pandas as pd", "import pandera.pandas as pa", "",
        *comments, *([""] if comments else []),
        "schema = pa.DataFrameSchema(", "    {",
        *(f"        {name!r}: pa.Column(nullable=True)," for name in columns),
        "    },", "    checks=[", *checks, "    ],", ")", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _pandas(rule: Rule) -> str | None:
    """Return pandas code over `df`: for a row or set rule a mask of failing rows, for a table rule whether it holds."""
    if isinstance(rule, NotMissing):
        return f"df[{rule.column!r}].isna()"
    if isinstance(rule, InSet):
        x = f"df[{rule.column!r}]"
        return f"{x}.notna() & ~{x}.isin({rule.values!r})"
    if isinstance(rule, Range):
        return _outside(f"df[{rule.column!r}]", rule.min, rule.max)
    if isinstance(rule, Matches):
        x = f"df[{rule.column!r}]"
        return f"{x}.notna() & ~{x}.astype('string').str.fullmatch({rule.pattern!r}).fillna(True).astype(bool)"
    if isinstance(rule, Length):
        return _outside(f"df[{rule.column!r}].str.len()", rule.min, rule.max)
    if isinstance(rule, NotAbove):
        return f"df[{rule.column!r}] {'>=' if rule.strict else '>'} df[{rule.other!r}]"
    if isinstance(rule, Unique):
        return f"df[{rule.columns!r}].notna().all(axis=1) & df.duplicated({rule.columns!r})"
    if isinstance(rule, NoDuplicates):
        return "df.duplicated()"
    if isinstance(rule, Monotone):
        x = f"df[{rule.column!r}]"
        sign = (">" if rule.falling else "<") + ("=" if rule.strict else "")
        return f"{x} {sign} {x}.{'cummin' if rule.falling else 'cummax'}().ffill().shift()"
    if isinstance(rule, RowCount):
        return _inside("len(df)", rule.min, rule.max)
    if isinstance(rule, Mean):
        return _inside(f"df[{rule.column!r}].mean()", rule.min, rule.max)
    if isinstance(rule, Quantile):
        return _inside(f"df[{rule.column!r}].quantile({rule.q!r})", rule.min, rule.max)
    if isinstance(rule, Fresh):
        newest = f"pd.to_datetime(df[{rule.column!r}], utc=True).max()"
        return f"pd.Timestamp.now('UTC') - {newest} <= pd.Timedelta(hours={rule.max_age_h!r})"
    return None  # another dataset, or SQL


def _literal(value: Any) -> str:
    return f"pd.Timestamp({value!r})" if isinstance(value, str) else repr(value)


def _outside(x: str, low: Any, high: Any) -> str:
    parts = [f"({x} < {_literal(low)})"] if low is not None else []
    return " | ".join([*parts, *([f"({x} > {_literal(high)})"] if high is not None else [])])


def _inside(x: str, low: Any, high: Any) -> str:
    parts = [f"{x} >= {low!r}"] if low is not None else []
    return " and ".join([*parts, *([f"{x} <= {high!r}"] if high is not None else [])])


def to_gx(dataset: str, rules: Iterable[Rule]) -> str:
    """Return an expectation suite in the JSON of Great Expectations 1; what it cannot say is named in `meta`."""
    found, left = [], []
    for rule in rules:
        made = _gx(rule)
        if made is None:
            left.append(rule.says())
            continue
        kind, settings = made
        if rule.tolerance:
            settings["mostly"] = 1 - rule.tolerance
        meta = {"tilth_severity": rule.severity, **({"notes": rule.note} if rule.note else {})}
        found.append({"type": kind, "kwargs": settings, "meta": meta})
    content = {"name": dataset, "expectations": found, "meta": {"tilth_not_exported": left}}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _gx(rule: Rule) -> tuple[str, dict] | None:
    bounds = {"min_value": getattr(rule, "min", None), "max_value": getattr(rule, "max", None)}
    if isinstance(rule, ColumnExists):
        return "expect_column_to_exist", {"column": rule.column}
    if isinstance(rule, NotMissing):
        return "expect_column_values_to_not_be_null", {"column": rule.column}
    if isinstance(rule, Unique) and len(rule.columns) == 1:
        return "expect_column_values_to_be_unique", {"column": rule.columns[0]}
    if isinstance(rule, Unique):
        return "expect_compound_columns_to_be_unique", {"column_list": rule.columns}
    if isinstance(rule, InSet):
        return "expect_column_values_to_be_in_set", {"column": rule.column, "value_set": rule.values}
    if isinstance(rule, Range):
        return "expect_column_values_to_be_between", {"column": rule.column, **bounds}
    if isinstance(rule, Matches):
        return "expect_column_values_to_match_regex", {"column": rule.column, "regex": f"^(?:{rule.pattern})$"}
    if isinstance(rule, Length):
        return "expect_column_value_lengths_to_be_between", {"column": rule.column, **bounds}
    if isinstance(rule, NotAbove):
        return "expect_column_pair_values_a_to_be_greater_than_b", {
            "column_A": rule.other, "column_B": rule.column, "or_equal": not rule.strict, "ignore_row_if": "either_value_is_missing",
        }  # fmt: skip
    if isinstance(rule, RowCount):
        return "expect_table_row_count_to_be_between", bounds
    if isinstance(rule, Mean):
        return "expect_column_mean_to_be_between", {"column": rule.column, **bounds}
    if isinstance(rule, Quantile):
        ranges = {"quantiles": [rule.q], "value_ranges": [[rule.min, rule.max]]}
        return "expect_column_quantile_values_to_be_between", {"column": rule.column, "quantile_ranges": ranges}
    return None


__all__ = ["FORMATS", "Condition", "export", "from_json", "to_gx", "to_json", "to_pandera"]
