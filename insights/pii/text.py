"""Personal data inside a text, with offsets and confidence: `find_in_text`.

Forms, check digits and the words close by; no list of names, no model, no network. What is found is never logged and
stands in the result only when asked for.
"""

from __future__ import annotations

import bisect
import functools
import re
from dataclasses import dataclass, field

from insights.pii.kinds import KINDS, TEXT_KINDS, Kind
from transforms.errors import InputError

BEFORE, AFTER = 40, 20  # characters in which a word counts as near (Macie: 30)
SURE = 0.4  # findings below are left out unless asked for
PHONE = re.compile(
    r"(?<![\w#])(?<![0-9][.,/-])(?:\+|00)?[ ]?\(?[0-9]{1,5}\)?(?:(?:[ ]?\(0\))?[ ./()-]{0,3}[0-9]{1,6}){1,7}(?:[ ]?(?:x|ext\.?|Ext\.?)[ ]?[0-9]{1,6})?(?!\w)(?![./-]?[0-9])"
)
SSN_FORM = re.compile("[0-9]{3}-[0-9]{2}-[0-9]{4}")
PHONE_WORDS = (
    r"(?:tele)?phone|tel|mobile|cell|call(?:ed|ing)?|fax|whatsapp|sms|text me|reach|contact|dial|telefon(?:nummer)?|handy|ruf|teléfono|móvil|llamar?|"
    r"téléphone|portable|appeler|telefono|cellulare|telefone|celular|telefoon|telefonu?|office|home|work"
)
# Regions whose numbering plans a number without a country code is held against.
REGIONS = (
    "US",
    "GB",
    "DE",
    "FR",
    "ES",
    "IT",
    "NL",
    "PL",
    "BR",
    "IN",
    "AU",
    "CN",
    "JP",
    "CH",
    "AT",
    "BE",
    "SE",
    "DK",
    "NO",
    "FI",
    "PT",
    "MX",
)


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
) -> list[Finding]:
    """Return the personal data in a text, in order, without overlaps: of two that overlap the surer, then the longer stays.

    Args:
        text: any text.
        types: only these types, or None for all.
        least: the lowest confidence (0-1) that counts.
        with_text: put the value itself into `Finding.text`.

    Raises:
        InputError: `text` is not a text, or `least` is not within 0 and 1.

    >>> [(f.type, f.start, f.end) for f in find_in_text("Write to ann@x.org")]
    [('EMAIL', 9, 18)]
    """
    if not isinstance(text, str):
        raise InputError(f"Personal data is looked for in text, not in {type(text).__name__}.", hint="Give a text.")
    if not 0 <= least <= 1:
        raise InputError(f"The lowest confidence is {least}.", hint="Give a number from 0 to 1.")
    found = [f for f in _candidates(text) if f[3] >= least and (types is None or f[0] in types)]
    found.sort(key=lambda f: (-f[3], f[1] - f[2], f[1]))
    taken: list[Finding] = []  # by start: only two neighbours can overlap a new one
    for kind, start, end, confidence, why in found:
        at = bisect.bisect_left(taken, start, key=lambda f: f.start)
        if (at and taken[at - 1].end > start) or (at < len(taken) and taken[at].start < end):
            continue
        taken.insert(at, Finding(kind, start, end, round(confidence, 2), why, text[start:end] if with_text else None))
    return taken


def _candidates(text: str):
    """Yield (type, start, end, confidence, why)."""
    digits = re.search("[0-9]", text) is not None
    for kind, form, near in _compiled():
        if (kind.needs == "0" and not digits) or (kind.needs not in ("", "0") and kind.needs not in text):
            continue
        group = "v" if "v" in form.groupindex else 0
        for match in form.finditer(text):
            start, end = match.span(group)
            if kind.check and not kind.check(match[group]):
                continue
            said = near is not None and _is_near(near, text, start, end)
            why = f"{kind.why}; a word close by says so" if said else kind.why
            yield kind.type, start, end, kind.near if said else kind.alone, why
    if digits:
        yield from _phones(text)


@functools.cache
def _compiled() -> list[tuple[Kind, re.Pattern, re.Pattern | None]]:
    # A form stands free: no letter or digit beside it, and digits are not part of a longer number.
    free = [
        (k, re.compile(rf"(?<![\w@])(?<![0-9][.,/-])(?:{k.form})(?!\w)(?![.,/-]?[0-9])"))
        if k.type not in ("PRIVATE_KEY", "URL", "EMAIL", "ACCESS_TOKEN")
        else (k, re.compile(rf"(?<![\w@.-])(?:{k.form})(?![\w@])"))
        for k in KINDS
    ]
    inside = [(k, re.compile(rf"(?<![\w])(?:{k.form})(?!\w)")) for k in TEXT_KINDS]
    return [(k, form, _word(k.words)) for k, form in free + inside]


@functools.cache
def _word(words: str) -> re.Pattern | None:
    return re.compile(rf"(?i)(?<![^\W_])(?:{words})(?![^\W_])") if words else None


def _is_near(words: re.Pattern, text: str, start: int, end: int) -> bool:
    return bool(words.search(text[max(0, start - BEFORE) : start]) or words.search(text[end : end + AFTER]))


def _phones(text: str):
    """Yield telephone numbers: as the numbering plans have them, or in a usual form beside a word that says so."""
    for match in PHONE.finditer(text):
        value = match[0].strip()
        start = match.start() + len(match[0]) - len(match[0].lstrip())
        digits = re.sub("[^0-9]", "", re.split("(?i)x|ext", value)[0])
        longest = 15 if value.startswith(("+", "00")) else 13  # ITU E.164: 15 with the country code
        if not 7 <= len(digits) <= longest or is_number_date(value) or SSN_FORM.fullmatch(value):
            continue
        near = _is_near(_word(PHONE_WORDS), text, start, start + len(value))
        if not near and value.isdigit() and not value.startswith("00"):
            continue  # bare digits alone are no telephone number, whatever the numbering plans say
        confidence, why = phone_confidence(value)
        if near:
            confidence, why = min(0.97, confidence + 0.3), why + "; a word close by says so"
        yield "PHONE", start, start + len(value), confidence, why


NUMBER_DATE = re.compile(
    r"(?:1[5-9]|20)[0-9]{2}([-/. ])[01]?[0-9]\1[0-3]?[0-9](?![0-9])"
    r"|[0-3]?[0-9]([-/.])[0-3]?[0-9]\2(?:(?:1[5-9]|20)[0-9]{2}|[0-9]{2})(?![-/.0-9])"
)


def is_number_date(value: str) -> bool:
    """Tell whether a text of digits and signs begins like a date (a time may follow)."""
    return NUMBER_DATE.match(value.strip()) is not None


@functools.lru_cache(maxsize=100_000)
def phone_confidence(value: str) -> tuple[float, str]:
    """Return (confidence, why) for a text in the form of a telephone number, by the numbering plans of `phonenumbers`."""
    import phonenumbers

    groups = len(re.findall("[0-9]+", value))
    usual = groups >= 3 or (groups == 2 and value.startswith(("0", "(")))
    international = value.startswith("+") or value.startswith("00")
    for region in (None,) if international else REGIONS:
        try:
            number = phonenumbers.parse("+" + value[2:] if value.startswith("00") else value, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            if international:
                return 0.9, "telephone number of a numbering plan"
            return (
                0.6 if usual else 0.35 if groups > 1 else 0.25
            ), "telephone number of a numbering plan, without its country"
    if international:
        return 0.5, "form of an international telephone number"
    return (0.4 if usual else 0.15), "form of a telephone number"
