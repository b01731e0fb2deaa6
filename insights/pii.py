"""Personal data: which columns hold it, told by the values (patterns and checksums) and by the column's name.

All values are looked at, in SQL, each distinct one once; a column with more than `MAX_DISTINCT` different values is
judged by that many of them, and the result says so. Entity types are named as Amazon Comprehend names them.
Limits: names, addresses, user names and passwords are told by the column's name alone; free text is searched for the
patterns only.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from insights.profile import kind_of
from workspace.sql import ident, one_row, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MAX_DISTINCT = 2_000_000
WEAK_SHARE = 0.10  # a weak pattern needs this share of the values, or a column name that says the same
CARD_SHARE = 0.30  # of long numbers that pass the Luhn check: one in ten passes by chance
STRONG, WEAK, BY_NAME = 0.95, 0.50, 0.60  # confidence

# RE2 has no look-around: what a pattern must not be is said by further conditions.
EMAIL = r"(^|[^A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}($|[^A-Za-z0-9])"
OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = rf"(^|[^0-9.])({OCTET}\.){{3}}{OCTET}($|[^0-9.]|\.($|[^0-9]))"
IPV6 = r"(?i)^\s*([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}\s*$|^\s*([0-9a-f]{1,4}:){1,6}(:[0-9a-f]{1,4}){1,6}\s*$"
MAC = r"(?i)(^|[^0-9a-f:-])([0-9a-f]{2}:){5}[0-9a-f]{2}($|[^0-9a-f:])|(^|[^0-9a-f-])([0-9a-f]{2}-){5}[0-9a-f]{2}($|[^0-9a-f-])"
URL = r"(?i)(^|[^a-z0-9])(https?://|www\.)[a-z0-9][a-z0-9.-]*\.[a-z]{2,24}"
DOMAIN = r"(?i)^\s*([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+(com|org|net|edu|gov|info|biz|io|[a-z]{2})(\.[a-z]{2})?(/\S*)?\s*$"
CARD = r"(?:^|[^0-9.-])([0-9](?:[ -]?[0-9]){11,18})(?:$|[^0-9.-])"
IBAN = r"(?i)(?:^|[^A-Z0-9])([A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30})(?:$|[^A-Z0-9])"
SSN = r"(?:^|[^0-9-])([0-9]{3}-[0-9]{2}-[0-9]{4})(?:$|[^0-9-])"
PHONE = r"^\s*(\+|00)?\s?\(?[0-9]{1,5}\)?([ ./()-]{0,3}[0-9]{1,6}){1,6}\s*$"
DATE = r"^\s*([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2}))([ T].*)?\s*$"
WORDS = r"^\s*\p{L}[\p{L}\p{M}'’. -]*$"

# Entity → what column names say so, compared in small letters without signs: the whole name, or (after *) its end.
NAMES: dict[str, tuple[str, ...]] = {
    "EMAIL": ("email", "mail", "*email", "*emailaddress", "*mailaddress"),
    "PHONE": ("tel", "cell", "*phone", "*telephone", "*phonenumber", "*telephonenumber", "*mobile", "*mobilenumber", "fax", "*faxnumber"),
    "CREDIT_DEBIT_NUMBER": ("pan", "*ccnumber", "*cardnumber", "*creditcard", "*cardno", "creditcardnumber"),
    "CREDIT_DEBIT_CVV": ("cvv", "cvv2", "cvc", "cvc2", "*securitycode"),
    "CREDIT_DEBIT_EXPIRY": ("ccexpires", "*cardexpiry", "*cardexpires", "ccexpiry", "*expirydate"),
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": ("*iban",),
    "SSN": ("*ssn", "*socialsecuritynumber", "*socialsecurity"),
    "NATIONAL_ID": ("*nationalid", "*personalid", "*identitynumber", "*taxid"),
    "PASSPORT_NUMBER": ("passport", "*passportnumber", "*passportno"),
    "DRIVER_ID": ("*driverlicense", "*driverslicense", "*drivinglicence", "*driverlicence"),
    "USERNAME": ("*username", "login", "*loginname", "nickname"),
    "PASSWORD": ("*password", "passwd", "pwd"),
    "NAME": ("name", "*firstname", "*lastname", "*givenname", "*surname", "*familyname", "*middlename", "*fullname", "*maidenname", "*maiden",
             "*customername", "*personname", "*employeename", "*patientname", "*contactname", "forename", "vorname", "nachname"),
    "ADDRESS": ("*streetaddress", "address", "*homeaddress", "*postaladdress", "*addressline1", "street", "city", "zip", "*zipcode", "*postcode", "*postalcode"),
    "DATE_TIME": ("birthday", "*birthdate", "*dateofbirth", "dob"),
    "AGE": ("age",),
    "IP_ADDRESS": ("ip", "*ipaddress"),
    "MAC_ADDRESS": ("mac", "*macaddress"),
    "URL": ("*url", "*website", "*homepage", "domain"),
}  # fmt: skip
PATTERNS_ARE_WEAK = ("PHONE", "SSN", "URL")


@dataclass(frozen=True)
class Entity:
    """Personal data of one type in a column. `share` of its known values (0-1); `confidence` by our rules (0-1)."""

    type: str
    share: float
    confidence: float
    rows: int
    evidence: str  # "values", "column name" or "values and column name"


@dataclass
class PiiColumn:
    name: str
    entities: list[Entity] = field(default_factory=list)
    values_looked_at: int = 0


@dataclass
class PiiReport:
    rows: int
    columns: list[PiiColumn]
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict:
        return asdict(self)

    @property
    def found(self) -> list[PiiColumn]:
        return [column for column in self.columns if column.entities]


def find(con: DuckDBPyConnection, source: str, *, max_distinct: int = MAX_DISTINCT) -> PiiReport:
    """Look for personal data in every column of `source` (SQL to stand behind FROM)."""
    relation = con.sql(f"SELECT * FROM {source}")
    report = PiiReport(one_row(con, f"SELECT count(*) FROM {source}")[0], [])
    for name, dtype in zip(relation.columns, relation.types, strict=True):
        kind = kind_of(str(dtype))
        column = PiiColumn(name)
        report.columns.append(column)
        if kind in ("text", "number"):
            _look(con, source, column, kind, max_distinct, report.notes)
        elif kind == "time" and by_name(name) == "DATE_TIME":
            known = one_row(con, f"SELECT count({ident(name)}) FROM {source}")[0]
            if known:
                column.entities.append(Entity("DATE_TIME", 1.0, 0.9, known, "column name"))
    return report


def by_name(column: str) -> str | None:
    """Return the entity that a column's name speaks of, or None."""
    plain = re.sub(r"[^a-z0-9]", "", column.lower())
    for entity, names in NAMES.items():
        if any(plain == n or (n.startswith("*") and plain.endswith(n[1:])) for n in names):
            return entity
    return None


def _look(con, source: str, column: PiiColumn, kind: str, max_distinct: int, notes: list[str]) -> None:
    name = ident(column.name)
    tests = _tests("v") if kind == "text" else {"CREDIT_DEBIT_NUMBER": _tests("v")["CREDIT_DEBIT_NUMBER"]}
    looks_like_words = f"regexp_matches(v, {text(WORDS)})"
    asked = {
        **tests,
        "words": looks_like_words,
        "filled": "trim(v) <> ''",
        "like_cards": f"regexp_matches(v, {text(CARD)})",
    }
    sums = ", ".join(f"coalesce(sum(n) FILTER ({test}), 0)::BIGINT" for test in asked.values())
    values = f"SELECT {name}::VARCHAR AS v, count(*) AS n FROM {source} WHERE {name} IS NOT NULL GROUP BY v LIMIT {max_distinct + 1}"
    distinct, known, *counts = one_row(con, f"SELECT count(*), coalesce(sum(n), 0)::BIGINT, {sums} FROM ({values})")
    column.values_looked_at = distinct
    if distinct > max_distinct:
        notes.append(
            f"Column {column.name!r} has more than {max_distinct:,} different values; that many were looked at."
        )
    found = dict(zip(asked, counts, strict=True))
    filled, words, like_cards = found.pop("filled"), found.pop("words"), found.pop("like_cards")
    if found["CREDIT_DEBIT_NUMBER"] < CARD_SHARE * like_cards:
        found["CREDIT_DEBIT_NUMBER"] = 0
    if not filled:
        return
    said = by_name(column.name)
    for entity, n in found.items():
        share = n / known
        weak = entity in PATTERNS_ARE_WEAK
        if not n or (weak and said != entity and share < WEAK_SHARE):
            continue
        confidence = min(0.99, (WEAK if weak else STRONG) + (0.4 if said == entity else 0.0))
        evidence = "values and column name" if said == entity else "values"
        column.entities.append(Entity(entity, share, round(confidence, 2), n, evidence))
    seen = {e.type for e in column.entities}
    if (
        said
        and said not in seen
        and not any(e.share >= 0.5 and e.type not in PATTERNS_ARE_WEAK for e in column.entities)
    ):
        fits = {"NAME": words / known >= 0.8, "AGE": kind == "number"}.get(said)
        confidence = BY_NAME if fits is None else 0.8 if fits else 0.3
        # A name that names a weaker pattern too ("national id" holding phone-like numbers) outranks that pattern.
        column.entities = [e for e in column.entities if e.type not in PATTERNS_ARE_WEAK]
        column.entities.insert(0, Entity(said, filled / known, confidence, filled, "column name"))
    column.entities.sort(key=lambda e: (-e.confidence * e.share, e.type))


def _tests(v: str) -> dict[str, str]:
    """Return {entity: SQL that is true where the text `v` holds one}."""

    def has(pattern: str) -> str:
        return f"regexp_matches({v}, {text(pattern)})"

    digits = f"regexp_replace({v}, '[^0-9]', '', 'g')"
    card = f"regexp_replace(regexp_extract({v}, {text(CARD)}, 1), '[^0-9]', '', 'g')"
    iban = f"upper(replace(regexp_extract({v}, {text(IBAN)}, 1), ' ', ''))"
    ssn = f"regexp_extract({v}, {text(SSN)}, 1)"
    is_phone = (
        f"{has(PHONE)} AND length({digits}) BETWEEN 7 AND 15 AND NOT {has(DATE)} AND NOT {has(IPV4)} AND NOT {has(SSN)} "
        f"AND regexp_matches({v}, {text(r'[+ ()/-]|^0')}) AND regexp_matches(trim({v}), {text(r'^[+0(]|[ ()/.-].*[0-9]')})"
    )
    return {
        "EMAIL": has(EMAIL),
        "CREDIT_DEBIT_NUMBER": f"CASE WHEN {has(CARD)} THEN {luhn(card)} ELSE false END",
        "INTERNATIONAL_BANK_ACCOUNT_NUMBER": f"CASE WHEN {has(IBAN)} THEN {iban_is_valid(iban)} ELSE false END",
        "IP_ADDRESS": f"({has(IPV4)} OR {has(IPV6)})",
        "MAC_ADDRESS": has(MAC),
        "SSN": f"({has(SSN)} AND {ssn}[1:3] NOT IN ('000', '666') AND {ssn}[1] <> '9' AND {ssn}[5:6] <> '00' AND {ssn}[8:] <> '0000')",
        "URL": f"({has(URL)} OR ({has(DOMAIN)} AND NOT {has(EMAIL)} AND NOT {has(IPV4)}))",
        "PHONE": f"({is_phone})",
    }


def luhn(digits: str) -> str:
    """Return SQL that tells whether a text of digits (SQL `digits`) passes the Luhn check and starts as cards do (2-6)."""
    at = f"substr({digits}, length({digits}) - i::INT, 1)::INT"
    doubled = f"(CASE WHEN i % 2 = 0 THEN {at} WHEN {at} > 4 THEN 2 * {at} - 9 ELSE 2 * {at} END)"
    total = f"list_sum(list_transform(range(length({digits})), lambda i: {doubled}))"
    return f"(length({digits}) BETWEEN 12 AND 19 AND {digits}[1] BETWEEN '2' AND '6' AND {total} % 10 = 0)"


def iban_is_valid(iban: str) -> str:
    """Return SQL that tells whether a text (SQL `iban`, capitals, no spaces) has ISO 13616's check digits (mod 97)."""
    moved = f"({iban}[5:] || {iban}[1:4])"
    number = "(CASE WHEN c BETWEEN 'A' AND 'Z' THEN ascii(c) - 55 ELSE c::INT END)"
    values = f"list_transform(string_split({moved}, ''), lambda c: {number})"
    folded = f"list_reduce({values}, lambda a, b: (a * (CASE WHEN b > 9 THEN 100 ELSE 10 END) + b) % 97)"
    return f"({iban} <> '' AND {folded} = 1)"
