"""Proposes steps for a column or a cell from what the column's profile shows; every proposal says what it rests on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Suggestion:
    """A step ready to add: its transform and settings, in words, and how many rows it rests on."""

    label: str
    transform: str
    settings: dict[str, Any] = field(default_factory=dict)
    why: str = ""


def for_column(name: str, kind: str, facts: Mapping[str, Any], samples: list[Any]) -> list[Suggestion]:
    """Return proposals for a column, most useful first.

    Args:
        name, kind: the column and its kind (number, text, time, bool, any).
        facts: as `preview.View.profile` gives them, over all rows.
        samples: a page of its values, to guess how text is written.
    """
    rows, missing, distinct = facts.get("rows") or 0, facts.get("missing") or 0, facts.get("distinct") or 0
    found: list[Suggestion] = []
    if rows and missing == rows:
        return [Suggestion(f"Drop {name}", "columns.drop", {"columns": [name]}, "every value is missing")]
    if rows > 1 and not missing and distinct == 1:
        found.append(Suggestion(f"Drop {name}", "columns.drop", {"columns": [name]}, "it holds one single value"))
    if kind == "text":
        found += _text(name, distinct, [v for v in samples if isinstance(v, str)])
    if kind == "number":
        found += _number(name, facts)
    if kind == "time":
        found += [
            Suggestion(
                f"Extract the year of {name}",
                "dates.extract_part",
                {"column": name, "part": "year", "to": f"{name}_year"},
            ),
            Suggestion(
                f"Round {name} down to the month", "dates.start_of_period", {"columns": [name], "period": "month"}
            ),
        ]
    if missing:
        why = f"{missing:,} of {rows:,} rows are missing"
        if kind == "number":
            found.insert(
                0,
                Suggestion("Fill missing numbers with the median", "missing.fill_statistic", {"columns": [name]}, why),
            )
        elif kind in ("text", "bool"):
            found.insert(
                0,
                Suggestion("Fill with the most frequent value", "missing.fill_most_frequent", {"columns": [name]}, why),
            )
        found.append(Suggestion("Drop rows where it is missing", "missing.drop_rows", {"columns": [name]}, why))
        found.append(Suggestion("Flag where it is missing", "logic.is_missing", {"columns": [name]}, why))
    return found[:8]


def for_cell(name: str, kind: str, value: Any) -> list[Suggestion]:
    """Return proposals for one selected cell: keep, drop or change the rows like it."""
    if value is None:
        one = [{"column": name, "test": "is missing", "value": ""}]
        return [
            Suggestion("Keep rows where it is missing", "rows.filter", {"conditions": one}),
            Suggestion("Drop rows where it is missing", "rows.filter", {"conditions": one, "action": "drop"}),
        ]
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "bool":
        one = [{"column": name, "test": f"is {shown}", "value": ""}]
    else:
        one = [{"column": name, "test": "equals", "value": shown}]
    found = [
        Suggestion(f"Keep rows where it equals “{shown[:30]}”", "rows.filter", {"conditions": one}),
        Suggestion(f"Drop rows where it equals “{shown[:30]}”", "rows.filter", {"conditions": one, "action": "drop"}),
    ]
    if kind in ("text", "number"):
        found.append(
            Suggestion(
                f"Make “{shown[:30]}” missing",
                "rows.set_values",
                {"conditions": one, "column": name, "make": "missing"},
            )
        )
    if kind == "text":
        found.append(
            Suggestion(
                f"Replace “{shown[:30]}” by another value",
                "logic.map_values",
                {"columns": [name], "mapping": {shown: shown}},
            )
        )
    if kind == "number":
        found.append(
            Suggestion(
                f"Keep rows of at least {shown}",
                "rows.filter",
                {"conditions": [{"column": name, "test": "is at least", "value": shown}]},
            )
        )
    return found


_NUMBERISH = re.compile(r"^[^\w]*[+-]?\d[\d.,]*\s*([kKmMgGbBtT]|%)?\+?[^\w]*$")
_ISO = re.compile(r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?)?$")
_LONG_DATE = re.compile(r"^[A-Z][a-z]+ \d{1,2}, \d{4}$")


def _text(name: str, distinct: int, samples: list[str]) -> list[Suggestion]:
    found = []
    known = [s for s in samples if s.strip()]

    def share(pattern) -> float:
        return sum(bool(pattern.match(s.strip())) for s in known) / len(known) if known else 0.0

    if known and share(_LONG_DATE) > 0.5:
        found.append(
            Suggestion(
                "Read as dates (January 7, 2018)", "types.parse_date", {"columns": [name], "format": "%B %d, %Y"}
            )
        )
    elif known and share(_ISO) > 0.5:
        found.append(Suggestion("Read as dates", "types.change", {"columns": [name], "type": "date"}))
    elif known and share(_NUMBERISH) > 0.3:
        found.append(
            Suggestion(
                "Read numbers from text", "types.parse_number", {"columns": [name]}, f"such as “{known[0][:20]}”"
            )
        )
    if any(s != s.strip() for s in samples):
        found.append(
            Suggestion("Trim white space", "text.trim", {"columns": [name]}, "some values start or end with a space")
        )
    delimiter = next((d for d in (";", "|", ",") if known and sum(d in s for s in known) / len(known) > 0.1), None)
    if delimiter:
        found.append(
            Suggestion(
                f"Split at “{delimiter}”", "text.split_column", {"column": name, "delimiter": delimiter, "parts": 2}
            )
        )
    if 2 <= distinct <= 60:
        found.append(
            Suggestion("One-hot encode", "encode.one_hot", {"columns": [name]}, f"about {distinct} categories")
        )
        found.append(Suggestion("Group rare values", "encode.group_rare", {"columns": [name]}))
    found.append(Suggestion("Change to lower case", "text.change_case", {"columns": [name], "case": "lower"}))
    return found


def _number(name: str, facts: Mapping[str, Any]) -> list[Suggestion]:
    bins = facts.get("bins") or []
    skewed = bool(bins) and max(bins) > 0.8 * sum(bins)
    found = [
        Suggestion(
            "Clip outliers",
            "scale.clip",
            {"columns": [name]},
            "most values share one twentieth of the range" if skewed else "",
        ),
        Suggestion("Standard scaling", "scale.standard", {"columns": [name]}),
    ]
    low = facts.get("min")
    if skewed and isinstance(low, int | float) and low >= 0:
        found.insert(
            1,
            Suggestion(
                "Take the logarithm of 1 + x", "number.log1p", {"columns": [name]}, "the values have a long tail"
            ),
        )
    found.append(
        Suggestion("Cut into bins of equal frequency", "bins.equal_frequency", {"column": name, "to": f"{name}_bin"})
    )
    return found
