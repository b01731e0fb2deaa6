"""What a user's own pattern may look like."""

from __future__ import annotations

import re

MOST_CHARACTERS = 500


def problem_of(pattern: str) -> str | None:
    """Say why a pattern may not be used, or None: it is none, too long, fits an empty text, or may take for ever.

    A repetition inside a repetition without an end, or alternatives inside one, can make Python try exponentially many ways.
    """
    if not pattern:
        return "it is empty"
    if len(pattern) > MOST_CHARACTERS:
        return f"it is longer than {MOST_CHARACTERS} characters"
    try:
        tree = re._parser.parse(pattern)
        if re.compile(pattern).fullmatch(""):
            return "it fits an empty text"
    except (re.error, OverflowError, RecursionError) as error:
        return f"it is no regular expression ({error})"
    return _slow(tree, False)


def _slow(node, repeated: bool) -> str | None:
    for op, value in node:
        name = str(op)
        if name in ("ASSERT", "ASSERT_NOT", "GROUPREF", "GROUPREF_EXISTS"):
            return "it looks around or refers back"
        if name == "BRANCH":
            if repeated:
                return "it has alternatives inside a repetition"
            inner = value[1]
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            low, high, body = value
            many = high > 1 and low != high
            if repeated and many:
                return "it repeats a repetition, which may take for ever"
            inner, many_inside = [body], many or repeated
            for part in inner:
                if found := _slow(part, many_inside):
                    return found
            continue
        elif name in ("SUBPATTERN", "ATOMIC_GROUP"):
            inner = [value[-1] if name == "SUBPATTERN" else value]
        else:
            continue
        for part in inner:
            if found := _slow(part, repeated):
                return found
    return None
