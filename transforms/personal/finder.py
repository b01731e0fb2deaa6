"""The finder: personal data inside a text, with offsets and confidence.

Forms, check digits and the words close by; no list of names, no model, no network. What is found is never logged.
"""

from __future__ import annotations

import bisect
import re

from transforms.personal.forms import KINDS, TEXT_KINDS, Kind

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


PHONE_TYPE = "PHONE"
TYPES = tuple(sorted({k.type for k in (*KINDS, *TEXT_KINDS)} | {PHONE_TYPE}))
OWN, OWN_NEAR = 0.3, 0.9  # confidence of the user's own patterns where words are named: without and with one close by
# What a step has put in place of a value is not found again.
PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]{1,60}(?: [A-Z]{10})?\]")
_READY: list = []  # compiled on first use


def found_in(text: str, types=None, least: float = SURE, own=(), keep=()) -> list[tuple[str, int, int, float, str]]:
    """Return (type, start, end, confidence, why), in order, without overlaps: of two the surer, then the longer stays.

    Args:
        types: only these types, or None for all.
        least: the lowest confidence (0-1) that counts.
        own: further patterns, each (type, regular expression, words or "", as a regular expression too).
        keep: values that are never personal, compared without case and without blanks around.
    """
    kept = {value.strip().lower() for value in keep}
    done = [match.span() for match in PLACEHOLDER.finditer(text)] if "[" in text else []
    found = []
    for one in (*_candidates(text), *_own(text, own)):
        kind, start, end, confidence, _ = one
        if confidence < least or (types is not None and kind not in types):
            continue
        value = text[start:end].strip()
        if value.lower() in kept or not any(c.isalnum() for c in value):
            continue
        if not any(start < b and a < end for a, b in done):
            found.append(one)
    found.sort(key=lambda f: (-f[3], f[1] - f[2], f[1]))
    taken: list[tuple] = []  # by start: only two neighbours can overlap a new one
    for kind, start, end, confidence, why in found:
        at = bisect.bisect_left(taken, start, key=lambda f: f[1])
        if (at and taken[at - 1][2] > start) or (at < len(taken) and taken[at][1] < end):
            continue
        taken.insert(at, (kind, start, end, round(confidence, 2), why))
    return taken


def _own(text: str, own):
    """Yield what the user's own patterns find."""
    for kind, form, words in own:
        near = re.compile(rf"(?i)(?<![^\W_])(?:{words})(?![^\W_])") if words else None
        for match in re.finditer(form, text):
            if match.end() > match.start():
                said = near is None or _is_near(near, text, match.start(), match.end())
                yield kind, match.start(), match.end(), OWN_NEAR if said else OWN, "own pattern"


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


def _compiled() -> list[tuple[Kind, re.Pattern, re.Pattern | None]]:
    if _READY:
        return _READY
    # A form stands free: no letter or digit beside it, and digits are not part of a longer number.
    free = [
        (k, re.compile(rf"(?<![\w@])(?<![0-9][.,/-])(?:{k.form})(?!\w)(?![.,/-]?[0-9])"))
        if k.type not in ("PRIVATE_KEY", "URL", "EMAIL", "ACCESS_TOKEN")
        else (k, re.compile(rf"(?<![\w@.-])(?:{k.form})(?![\w@])"))
        for k in KINDS
    ]
    inside = [(k, re.compile(rf"(?<![\w])(?:{k.form})(?!\w)")) for k in TEXT_KINDS]
    _READY.extend([(k, form, _word(k.words)) for k, form in free + inside])
    return _READY


def _word(words: str) -> re.Pattern | None:
    return re.compile(rf"(?i)(?<![^\W_])(?:{words})(?![^\W_])") if words else None


def _is_near(words: re.Pattern, text: str, start: int, end: int) -> bool:
    return bool(words.search(text[max(0, start - BEFORE) : start]) or words.search(text[end : end + AFTER]))


NEAR_PHONE = _word(PHONE_WORDS)


def _phones(text: str):
    """Yield telephone numbers: as the numbering plans have them, or in a usual form beside a word that says so."""
    for match in PHONE.finditer(text):
        value = match[0].strip()
        start = match.start() + len(match[0]) - len(match[0].lstrip())
        digits = re.sub("[^0-9]", "", re.split("(?i)x|ext", value)[0])
        longest = 15 if value.startswith(("+", "00")) else 13  # ITU E.164: 15 with the country code
        if not 7 <= len(digits) <= longest or is_number_date(value) or SSN_FORM.fullmatch(value):
            continue
        near = _is_near(NEAR_PHONE, text, start, start + len(value))
        if not near and value.isdigit() and not value.startswith("00"):
            continue  # bare digits alone are no telephone number, whatever the numbering plans say
        confidence, why = phone_confidence(value)
        if near:
            confidence, why = min(0.97, confidence + 0.3), why + "; a word close by says so"
        yield PHONE_TYPE, start, start + len(value), confidence, why


NUMBER_DATE = re.compile(
    r"(?:1[5-9]|20)[0-9]{2}([-/. ])[01]?[0-9]\1[0-3]?[0-9](?![0-9])"
    r"|[0-3]?[0-9]([-/.])[0-3]?[0-9]\2(?:(?:1[5-9]|20)[0-9]{2}|[0-9]{2})(?![-/.0-9])"
)


def is_number_date(value: str) -> bool:
    """Tell whether a text of digits and signs begins like a date (a time may follow)."""
    return NUMBER_DATE.match(value.strip()) is not None


def phone_confidence(value: str) -> tuple[float, str]:
    """Return (confidence, why) for a text in the form of a telephone number, by the numbering plans of `phonenumbers`."""
    import phonenumbers  # slow to load

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
