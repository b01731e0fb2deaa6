"""Row functions that find or take apart texts of known kinds: dates, phone numbers, addresses, names, paths, IBANs."""

from __future__ import annotations

import datetime
import ntpath
import re
from urllib import parse

import phonenumbers

from transforms.functions import row_function

MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "mär": 3, "apr": 4, "may": 5, "mai": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9,
    "oct": 10, "okt": 10, "nov": 11, "dec": 12, "dez": 12,
}  # fmt: skip
MONTH = "(?:" + "|".join(MONTHS) + ")[a-zäö]*[.]?"
DATE_FORMS = re.compile(
    r"\b(?P<y>[0-9]{4})-(?P<m>[0-9]{1,2})-(?P<d>[0-9]{1,2})\b"
    r"|\b(?P<a>[0-9]{1,2})(?P<mark>[./])(?P<b>[0-9]{1,2})(?P=mark)(?P<y2>[0-9]{4})\b"
    rf"|\b(?P<d3>[0-9]{{1,2}})(?:st|nd|rd|th|[.])? (?P<m3>{MONTH}),? (?P<y3>[0-9]{{4}})\b"
    rf"|\b(?P<m4>{MONTH}) (?P<d4>[0-9]{{1,2}})(?:st|nd|rd|th)?,? (?P<y4>[0-9]{{4}})\b",
    re.IGNORECASE,
)


@row_function("array<string>", "string")
def dates_in(text, *, day_first):
    """Return the dates in a text as year-month-day."""
    found = []
    for match in DATE_FORMS.finditer(text):
        part = match.groupdict()
        if part["y"]:
            year, month, day = part["y"], part["m"], part["d"]
        elif part["a"]:
            first = day_first or part["mark"] == "."
            year, month, day = part["y2"], part["b" if first else "a"], part["a" if first else "b"]
        else:
            year, day = part["y3"] or part["y4"], part["d3"] or part["d4"]
            month = MONTHS[(part["m3"] or part["m4"]).lower()[:3]]
        try:
            found.append(datetime.date(int(year), int(month), int(day)).isoformat())
        except ValueError:
            continue
    return found


@row_function("array<string>", "string")
def phones_in(text, *, country):
    """Return the telephone numbers in a text in international form (+49 30 …)."""
    form = phonenumbers.PhoneNumberFormat.E164
    return [phonenumbers.format_number(m.number, form) for m in phonenumbers.PhoneNumberMatcher(text, country or None)]


@row_function("array<string>", "string")
def parts_of_email(text):
    """Return local part, domain and top-level domain of an e-mail address."""
    local, mark, domain = text.strip().rpartition("@")
    if not (local and "." in domain) or re.search(r"\s", local + domain):
        return [None] * 3
    return [local, domain.lower(), domain.lower().rpartition(".")[2]]


@row_function("array<string>", "string")
def parts_of_web_address(text):
    """Return scheme, host, port, path, query and anchor of a web address."""
    try:
        found = parse.urlsplit(text.strip())
        port = found.port
    except ValueError:
        return [None] * 6
    if not (found.scheme and found.hostname):
        return [None] * 6
    given = [found.scheme, found.hostname, None if port is None else str(port), found.path, found.query, found.fragment]
    return [p or None for p in given]


@row_function("array<string>", "string")
def parts_of_phone(text, *, country):
    """Return international form, country calling code, national number, country and kind of a telephone number."""
    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return [None] * 5
    if not phonenumbers.is_possible_number(number):
        return [None] * 5
    kind = phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(number)).lower().replace("_", " ")
    form = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    national = phonenumbers.national_significant_number(number)
    return [form, str(number.country_code), national, phonenumbers.region_code_for_number(number), kind]


TITLES = [
    "mr",
    "mrs",
    "ms",
    "miss",
    "dr",
    "prof",
    "sir",
    "dame",
    "herr",
    "frau",
    "dipl",
    "ing",
    "med",
    "phil",
    "rer",
    "nat",
    "mag",
]
SUFFIXES = ["jr", "sr", "ii", "iii", "iv", "phd", "md", "esq", "msc", "bsc", "mba"]
PARTICLES = [
    "von",
    "van",
    "der",
    "den",
    "de",
    "del",
    "della",
    "di",
    "da",
    "dos",
    "du",
    "la",
    "le",
    "zu",
    "zum",
    "zur",
    "af",
    "av",
    "al",
    "el",
    "bin",
    "ibn",
    "ter",
    "ten",
]


@row_function("array<string>", "string")
def parts_of_name(text):
    """Return title, given, middle and family name and suffix of a person's name."""
    plain = lambda w: w.lower().replace(".", "").strip(",")  # noqa: E731
    before, comma, after = text.partition(",")
    if comma and plain(after.strip()) not in SUFFIXES:
        text = after + " " + before  # family name first
        family_words = len([w for w in before.split() if plain(w) not in TITLES])
    else:
        text, family_words = text.replace(",", " "), 0
    title, suffix, words = [], [], text.split()
    while words and plain(words[0]) in TITLES:
        title.append(words.pop(0))
    while len(words) > 1 and plain(words[-1]) in SUFFIXES:
        suffix.insert(0, words.pop())
    start = len(words) - family_words if family_words else len(words) - 1
    while not family_words and start > 1 and words[start - 1].lower() in PARTICLES:
        start -= 1
    given, family = words[:start], words[start:]
    if not given and len(family) == 1:
        given, family = (family, []) if not title else ([], family)
    found = [title, given[:1], given[1:], family, suffix]
    return [" ".join(p) or None for p in found]


@row_function("array<string>", "string")
def parts_of_path(text):
    """Return folder, name without extension, and extension of a file path with / or backslashes."""
    folder, name = ntpath.split(text)
    stem, extension = ntpath.splitext(name)
    return [folder or None, stem or None, extension[1:] or None]


@row_function("array<string>", "string")
def parts_of_address(text):
    """Return street, house number, post code and city of an address written in the German or English order."""
    street = number = code = city = None
    for piece in (p.strip() for p in re.split(r"[,;\n]", text)):
        if match := re.fullmatch(r"(?:[A-Z]{1,2}-)?([0-9]{4,5}(?:-[0-9]{4})?) +(\D+)", piece):
            code, city = match.groups()
        elif match := re.fullmatch(
            r"(?:(\D+?) +)?([A-Z]{2} +)?([0-9]{5}(?:-[0-9]{4})?|[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2})", piece
        ):
            code, city = match.group(3), match.group(1) or city
        elif match := re.fullmatch(r"(\D+?)\.? *([0-9]+ ?[a-zA-Z]?(?:[-/][0-9]+ ?[a-zA-Z]?)?)", piece):
            street, number = match.groups()
        elif match := re.fullmatch(r"([0-9]+[a-zA-Z]?) +(\D.+)", piece):
            number, street = match.groups()
        elif street and not city and piece:
            city = piece
    return [street, number, code, city]


@row_function("array<string>", "string")
def parts_of_iban(text):
    """Return country, check digits and account part of a valid IBAN (check digits by ISO 7064)."""
    text = re.sub(r"[\s-]", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}", text):
        return [None] * 3
    digits = "".join(str(int(c, 36)) for c in text[4:] + text[:4])
    return [text[:2], text[2:4], text[4:]] if int(digits) % 97 == 1 else [None] * 3


GROK = {
    "WORD": r"\w+", "NOTSPACE": r"\S+", "SPACE": r"\s*", "DATA": r".*?", "GREEDYDATA": r".*",
    "INT": r"[+-]?[0-9]+", "NUMBER": r"[+-]?[0-9]+(?:[.][0-9]+)?", "POSINT": r"[1-9][0-9]*",
    "IP": r"[0-9]{1,3}(?:[.][0-9]{1,3}){3}|[0-9A-Fa-f:]{3,39}", "IPV4": r"[0-9]{1,3}(?:[.][0-9]{1,3}){3}",
    "HOSTNAME": r"[A-Za-z0-9][A-Za-z0-9-]*(?:[.][A-Za-z0-9][A-Za-z0-9-]*)*", "USER": r"[A-Za-z0-9._-]+",
    "EMAILADDRESS": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+", "UUID": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "QUOTEDSTRING": r'"[^"]*"|\'[^\']*\'', "PATH": r"(?:/[^\s/]*)+", "URI": r"[A-Za-z][A-Za-z0-9+.-]*://\S+",
    "LOGLEVEL": r"(?i:trace|debug|info|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|emerg(?:ency)?)",
    "TIMESTAMP_ISO8601": r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?",
    "HTTPDATE": r"[0-9]{2}/[A-Za-z]{3}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}",
    "DATE": r"[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}", "TIME": r"[0-9]{2}:[0-9]{2}(?::[0-9]{2})?",
}  # fmt: skip
