"""Expectations: what every value of a feature must hold. A batch with one value that does not is rejected as a whole."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from transforms.errors import InputError
from workspace import sql as q

NUMBERS = ("int64", "float64")
TEXTS = ("string", "image")
# expectation → (types it is for, what its value is)
KNOWN = {
    "not_null": (None, bool),
    "min": (NUMBERS, (int, float)),
    "max": (NUMBERS, (int, float)),
    "in": ((*NUMBERS, *TEXTS, "bool"), list),
    "pattern": (TEXTS, str),
    "size": (("list<float>",), int),
}


def check_expectations(feature: str, kind: str, expect: Mapping) -> None:
    """Raise where an expectation cannot be held by a feature of this type."""
    for name, value in expect.items():
        if name not in KNOWN:
            raise InputError(
                f"Feature {feature!r} expects {name!r}, which is unknown.", hint=f"Use {', '.join(KNOWN)}."
            )
        types, wanted = KNOWN[name]
        if types and kind not in types:
            raise InputError(
                f"Feature {feature!r} is {kind}, so it cannot expect {name!r}.", hint=f"That is for {', '.join(types)}."
            )
        wrong = not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool)
        if wrong or (isinstance(value, float) and not math.isfinite(value)):
            raise InputError(
                f"Feature {feature!r}: {name!r} cannot be {value!r}.", hint="See the documentation of expectations."
            )
        if name == "pattern":
            try:
                re.compile(value)
            except re.error as error:
                raise InputError(
                    f"Feature {feature!r}: {value!r} is no pattern: {error}.", hint="Use RE2 syntax."
                ) from error


def broken(column: str, quoted: str, value: str, expect: Mapping) -> Iterator[tuple[str, str]]:
    """Yield (message, SQL that is true for a value that breaks it) for each expectation of a feature; nulls break only not_null.

    Args:
        value: SQL of the value in the feature's type.
    """
    for name, wanted in expect.items():
        if name == "not_null":
            if wanted:
                yield f"{column!r} is null", f"{quoted} IS NULL"
        elif name == "min":
            yield f"{column!r} is below {wanted!r}", f"({value}) < {wanted!r}"
        elif name == "max":
            yield f"{column!r} is above {wanted!r}", f"({value}) > {wanted!r} AND NOT isnan(CAST({value} AS DOUBLE))"
        elif name == "in":
            allowed = ", ".join(q.text(v) if isinstance(v, str) else repr(v) for v in wanted)
            test = f"({value}) NOT IN ({allowed})" if wanted else f"({value}) IS NOT NULL"
            yield f"{column!r} is none of the {len(wanted)} values that it may have", test
        elif name == "pattern":
            yield f"{column!r} does not match {wanted!r}", f"NOT regexp_full_match({value}, {q.text(wanted)})"
        elif name == "size":
            yield f"{column!r} does not have {wanted} numbers", f"len({value}) <> {wanted}"
