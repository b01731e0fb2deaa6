"""Check digits and other arithmetic of published identifiers: a text as people write it → does it pass?

Every function takes the text as found (signs and spaces are ignored) and answers False, never an error, for text of
another form. Passing does not mean that the number was ever given out.
"""

from __future__ import annotations

import datetime
import re

# ISO 13616 registry: country → length of its IBAN.
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28, "CH": 21, "CR": 22,
    "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22,
    "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30,
    "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27,
    "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31,
    "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24,
    "XK": 20,
}  # fmt: skip


def luhn(value: str) -> bool:
    """ISO/IEC 7812: from the right every second digit doubled, the sum ends in 0."""
    total = 0
    for place, digit in enumerate(reversed(_digits(value))):
        doubled = digit * (2 if place % 2 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return total > 0 and total % 10 == 0


def card(value: str) -> bool:
    """Card numbers: 12 to 19 digits, beginning as card schemes do (2-6, and JCB's 1800), Luhn."""
    d = _digits(value)
    return 12 <= len(d) <= 19 and (2 <= d[0] <= 6 or d[:4] == [1, 8, 0, 0]) and luhn(value)


def iban(value: str) -> bool:
    """ISO 13616: the length of its country, and 1 left over on division by 97."""
    plain = _plain(value)
    if IBAN_LENGTHS.get(plain[:2]) != len(plain) or not (plain.isascii() and plain.isalnum()):
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def aba(value: str) -> bool:
    """US routing numbers: weights 3, 7, 1; the first two digits are of a Federal Reserve district."""
    d = _digits(value)
    if len(d) != 9:
        return False
    start = 10 * d[0] + d[1]
    known = 1 <= start <= 12 or 21 <= start <= 32 or 61 <= start <= 72 or start == 80
    return known and _weighed(d, (3, 7, 1, 3, 7, 1, 3, 7, 1)) % 10 == 0


def ssn(value: str) -> bool:
    """US social security numbers: no area 000, 666 or 9xx, no group 00, no serial 0000 (SSA)."""
    d = "".join(map(str, _digits(value)))
    return len(d) == 9 and d[:3] not in ("000", "666") and d[0] != "9" and d[3:5] != "00" and d[5:] != "0000"


def itin(value: str) -> bool:
    """US individual taxpayer numbers: 9xx, fourth and fifth digit 50-65, 70-88, 90-92 or 94-99 (IRS)."""
    d = _digits(value)
    if len(d) != 9 or d[0] != 9:
        return False
    group = 10 * d[3] + d[4]
    return 50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99


def nino(value: str) -> bool:
    """UK national insurance numbers: prefixes that HMRC gives out."""
    plain = _plain(value)
    if not re.fullmatch(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]", plain):
        return False
    return plain[:2] not in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ")


def nhs(value: str) -> bool:
    """UK NHS numbers: weights 10 to 2, modulo 11."""
    d = _digits(value)
    if len(d) != 10 or not any(d):
        return False
    return (11 - _weighed(d[:9], range(10, 1, -1)) % 11) % 11 == d[9]


def utr(value: str) -> bool:
    """UK unique taxpayer references: the check digit comes first, modulo 11."""
    d = _digits(value)
    return len(d) == 10 and int("21987654321"[_weighed(d[1:], (6, 7, 8, 9, 10, 5, 4, 3, 2)) % 11]) == d[0]


def sin(value: str) -> bool:
    """Canadian social insurance numbers: 9 digits, not beginning with 0 or 8, Luhn."""
    d = _digits(value)
    return len(d) == 9 and d[0] not in (0, 8) and luhn(value)


# Verhoeff's tables: multiplication in the dihedral group D5, and the permutation of places.
_D5 = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PLACES = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def verhoeff(value: str) -> bool:
    """J. Verhoeff 1969: 0 is left."""
    left = 0
    for place, digit in enumerate(reversed(_digits(value))):
        left = int(_D5[left][int(_PLACES[place % 8][digit])])
    return left == 0


def aadhaar(value: str) -> bool:
    """Indian Aadhaar numbers: 12 digits, not beginning with 0 or 1, Verhoeff."""
    d = _digits(value)
    return len(d) == 12 and d[0] > 1 and verhoeff(value)


def de_tax_id(value: str) -> bool:
    """German tax ids: among the first ten digits one stands twice or three times; ISO 7064 MOD 11,10."""
    d = _digits(value)
    if len(d) != 11 or d[0] == 0 or max(d[:10].count(n) for n in set(d[:10])) not in (2, 3):
        return False
    product = 10
    for digit in d[:10]:
        total = (digit + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == d[10]


def nir(value: str) -> bool:
    """French social security numbers: the key is 97 minus the rest of the number on division by 97 (Corsica: 2A 19, 2B 18)."""
    plain = _plain(value).replace("2A", "19", 1) if _plain(value)[5:7] == "2A" else _plain(value)
    plain = plain.replace("2B", "18", 1) if plain[5:7] == "2B" else plain
    if not re.fullmatch(r"[12378][0-9]{14}", plain):
        return False
    return 97 - int(plain[:13]) % 97 == int(plain[13:])


def dni(value: str) -> bool:
    """Spanish DNI and NIE: the letter is told by the rest on division by 23; X, Y, Z count as 0, 1, 2."""
    plain = _plain(value)
    if not re.fullmatch(r"[XYZ0-9][0-9]{7}[A-Z]", plain):
        return False
    number = int(str("XYZ".find(plain[0])) + plain[1:8]) if plain[0] in "XYZ" else int(plain[:8])
    return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == plain[8]


_ODD = {c: n for c, n in zip("0123456789", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21), strict=True)} | {
    c: n
    for c, n in zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
}


def codice_fiscale(value: str) -> bool:
    """Italian codice fiscale: the last letter is told by the other fifteen, odd places by a table (D.M. 23.12.1976)."""
    plain = _plain(value)
    if not re.fullmatch(
        r"[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]",
        plain,
    ):
        return False
    total = sum(_ODD[c] if i % 2 == 0 else (int(c) if c.isdigit() else ord(c) - 65) for i, c in enumerate(plain[:15]))
    return chr(65 + total % 26) == plain[15]


def bsn(value: str) -> bool:
    """Dutch BSN: weights 9 to 2 and -1, modulo 11."""
    d = _digits(value)
    return len(d) == 9 and any(d) and _weighed(d, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def pesel(value: str) -> bool:
    """Polish PESEL: a date of birth (the century in the month) and weights 1, 3, 7, 9."""
    d = _digits(value)
    if len(d) != 11:
        return False
    year, month, day = 10 * d[0] + d[1], 10 * d[2] + d[3], 10 * d[4] + d[5]
    century = {0: 1900, 1: 2000, 2: 2100, 3: 2200, 4: 1800}[month // 20]
    return _is_date(century + year, month % 20, day) and _weighed(d, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def cpf(value: str) -> bool:
    """Brazilian CPF: 11 digits, two of them check digits modulo 11; not one digit eleven times."""
    d = _digits(value)
    if len(d) != 11 or len(set(d)) == 1:
        return False
    return all(10 * _weighed(d[:n], range(n + 1, 1, -1)) % 11 % 10 == d[n] for n in (9, 10))


def cnpj(value: str) -> bool:
    """Brazilian CNPJ (of companies): 14 digits, two of them check digits modulo 11."""
    d = _digits(value)
    if len(d) != 14 or len(set(d)) == 1:
        return False
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    rests = [_weighed(d[:n], weights[13 - n :]) % 11 for n in (12, 13)]
    return all((0 if rest < 2 else 11 - rest) == d[n] for rest, n in zip(rests, (12, 13), strict=True))


def cn_resident(value: str) -> bool:
    """Chinese resident ids (GB 11643): a date of birth and ISO 7064 MOD 11-2, X for ten."""
    plain = _plain(value)
    if not re.fullmatch(r"[1-9][0-9]{16}[0-9X]", plain):
        return False
    if not _is_date(int(plain[6:10]), int(plain[10:12]), int(plain[12:14])):
        return False
    total = _weighed([int(c) for c in plain[:17]], [2**n % 11 for n in range(17, 0, -1)])
    return "10X98765432"[total % 11] == plain[17]


def tfn(value: str) -> bool:
    """Australian tax file numbers of 9 digits: weights, modulo 11."""
    d = _digits(value)
    return len(d) == 9 and any(d) and _weighed(d, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def abn(value: str) -> bool:
    """Australian business numbers: one less in the first digit, weights, modulo 89."""
    d = _digits(value)
    if len(d) != 11 or d[0] == 0:
        return False
    return _weighed([d[0] - 1, *d[1:]], (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)) % 89 == 0


def medicare(value: str) -> bool:
    """Australian Medicare card numbers: first digit 2-6, weights 1, 3, 7, 9 over eight digits."""
    d = _digits(value)
    return len(d) in (10, 11) and 2 <= d[0] <= 6 and _weighed(d[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == d[8]


def vin(value: str) -> bool:
    """Vehicle identification numbers (49 CFR 565): no I, O, Q; the ninth sign checks the others modulo 11."""
    plain = _plain(value)
    if not re.fullmatch(r"[A-HJ-NPR-Z0-9]{8}[0-9X][A-HJ-NPR-Z0-9]{8}", plain) or plain.isalpha():
        return False
    worth = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True))
    numbers = [int(worth.get(c, c)) for c in plain]
    rest = _weighed(numbers, (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return "0123456789X"[rest] == plain[8]


def ipv6(value: str) -> bool:
    """RFC 4291, as Python's ipaddress reads it."""
    import ipaddress

    try:
        return ipaddress.ip_address(value.strip()).version == 6
    except ValueError:
        return False


def _plain(value: str) -> str:
    return re.sub(r"[\s./-]", "", value).upper()


def _digits(value: str) -> list[int]:
    return [int(c) for c in value if "0" <= c <= "9"]


def _weighed(digits, weights) -> int:
    return sum(d * w for d, w in zip(digits, weights, strict=True))


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True
