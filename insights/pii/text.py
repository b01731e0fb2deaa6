"""Personal data inside a text, with offsets and confidence: `find_in_text`.

Forms, check digits and the words close by (`transforms.personal`); no list of names, no model, no network. Presidio can
be the engine, or help, where it is installed. What is found is never logged and stands in the result only when asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args

from insights.pii.own import OwnPattern
from transforms.errors import InputError
from transforms.personal.finder import SURE, found_in

Engine = Literal["tilth", "presidio", "both"]


@dataclass(frozen=True)
class Finding:
    """Personal data at text[start:end] (characters). `confidence` is by our rules (0-1); `why` never holds the value."""

    type: str
    start: int
    end: int
    confidence: float
    why: str
    text: str | None = field(default=None, repr=False)


def find_in_text(
    text: str,
    *,
    types: tuple[str, ...] | None = None,
    least: float = SURE,
    with_text: bool = False,
    engine: Engine = "tilth",
    own: Iterable[OwnPattern] = (),
    keep: Iterable[str] = (),
) -> list[Finding]:
    """Return the personal data in a text, in order, without overlaps: of two that overlap the surer, then the longer stays.

    Args:
        text: any text.
        types: only these types, or None for all.
        least: the lowest confidence (0-1) that counts.
        with_text: put the value itself into `Finding.text`.
        engine: "tilth"; "presidio" (its patterns alone, without network; needs `pip install presidio-analyzer`); or "both".
        own: the user's own patterns (of "tilth" and "both").
        keep: values that are never personal.

    Raises:
        InputError: `text` is not a text, `least` is not within 0 and 1, there is no such engine, or Presidio is not installed.

    >>> [(f.type, f.start, f.end) for f in find_in_text("Write to ann@x.org")]
    [('EMAIL', 9, 18)]
    """
    if not isinstance(text, str):
        raise InputError(f"Personal data is looked for in text, not in {type(text).__name__}.", hint="Give a text.")
    if not 0 <= least <= 1:
        raise InputError(f"The lowest confidence is {least}.", hint="Give a number from 0 to 1.")
    if engine not in get_args(Engine):
        raise InputError(f"There is no engine {engine!r}.", hint=f"Use {', '.join(get_args(Engine))}.")
    keep = list(keep)
    found: list[tuple] = []
    if engine != "presidio":
        found = found_in(text, types, least, [o.plain for o in own], keep)
    if engine != "tilth":
        from insights.pii.presidio import merged

        found = merged(text, found, types, least, keep)
    return [Finding(*one, text=text[one[1] : one[2]] if with_text else None) for one in found]
