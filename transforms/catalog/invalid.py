"""Valid or not: rules that values must meet, and what to do with the ones that do not."""

from __future__ import annotations

import datetime
import ipaddress
import json
import re
import uuid
from typing import ClassVar, Literal

import ibis
import phonenumbers

from transforms.catalog.combine import OtherColumn
from transforms.catalog.missing import typed
from transforms.catalog.rows import Condition
from transforms.catalog.text import safe_pattern
from transforms.catalog.window import FillFromNeighbour
from transforms.errors import ColumnNotFound, FitError, ParamError, RecipeError
from transforms.fields import Column, Columns, NewColumn, NumberColumn, OtherInput, Settings, kind_of, param
from transforms.functions import row_function
from transforms.reading import one_row, rows
from transforms.schema import known, names
from transforms.transform import CombiningTransform, Example, Transform, register

EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
URL = re.compile(
    r"(https?|ftp)://([^\s/?#@]+@)?([A-Za-z0-9\u00a1-\uffff.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#]\S*)?"
)
NUMBER = re.compile(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})?")
CARD = re.compile(r"[0-9](?:[ -]?[0-9]){11,18}")

Kind = Literal[
    "number", "whole number", "true or false", "date", "date and time", "JSON", "e-mail address", "web address", "IP address",
    "IPv4 address", "IPv6 address", "MAC address", "UUID", "phone number", "credit card number", "IBAN", "ISBN", "EAN",
    "Luhn number", "VAT number", "US ZIP code", "hex colour", "country code", "currency code", "latitude", "longitude",
]  # fmt: skip
COUNTRIES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI "
    "CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ "
    "GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS "
    "LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG "
    "PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK "
    "TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
)
CURRENCIES = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP "
    "CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY "
    "KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK "
    "NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT "
    "TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW"
)
# the shapes of EU VAT numbers, and the British one: letters and digits after the country
VAT = re.compile(
    r"ATU[0-9]{8}|BE[01][0-9]{9}|BG[0-9]{9,10}|CY[0-9]{8}[A-Z]|CZ[0-9]{8,10}|DE[0-9]{9}|DK[0-9]{8}|EE[0-9]{9}|EL[0-9]{9}|"
    r"ES[0-9A-Z][0-9]{7}[0-9A-Z]|FI[0-9]{8}|FR[0-9A-Z]{2}[0-9]{9}|GB([0-9]{9}|[0-9]{12})|HR[0-9]{11}|HU[0-9]{8}|"
    r"IE[0-9][0-9A-Z+*][0-9]{5}[A-Z]{1,2}|IT[0-9]{11}|LT([0-9]{9}|[0-9]{12})|LU[0-9]{8}|LV[0-9]{11}|MT[0-9]{8}|"
    r"NL[0-9]{9}B[0-9]{2}|PL[0-9]{10}|PT[0-9]{9}|RO[0-9]{2,10}|SE[0-9]{12}|SI[0-9]{8}|SK[0-9]{10}"
)


def luhn(digits):
    """Tell whether a text of digits passes the check of Luhn."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        n = int(digit) * (2 if place % 2 else 1)
        total += n - 9 if n > 9 else n
    return total % 10 == 0


def isbn(text):
    """Tell whether a text is an ISBN of 10 or 13 digits with its check digit."""
    if re.fullmatch("[0-9]{9}[0-9Xx]", text):
        return sum((10 - i) * (10 if c in "Xx" else int(c)) for i, c in enumerate(text)) % 11 == 0
    return bool(re.fullmatch("97[89][0-9]{10}", text)) and ean(text)


def ean(text):
    """Tell whether a text is an EAN or UPC (8, 12, 13 or 14 digits) with its check digit."""
    if not re.fullmatch("[0-9]{8}|[0-9]{12,14}", text):
        return False
    return sum(int(c) * (3 if i % 2 else 1) for i, c in enumerate(reversed(text))) % 10 == 0


def iban(text):
    """Tell whether a text is an IBAN with its check digits (ISO 13616)."""
    if not re.fullmatch("[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", text):
        return False
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


def parses(function, text):
    """Tell whether a function accepts a text."""
    try:
        function(text)
    except (ValueError, RecursionError):
        return False
    return True


@row_function("boolean", "string")
def fits(text, *, what):
    """Tell whether a text is a value of a kind. White space around it does not count."""
    text = text.strip()
    tight = re.sub("[ -]", "", text)
    if what == "number":
        return bool(NUMBER.fullmatch(text))
    if what == "whole number":
        return bool(re.fullmatch("[+-]?[0-9]+", text))
    if what in ("latitude", "longitude"):
        return bool(NUMBER.fullmatch(text)) and abs(float(text)) <= (90 if what == "latitude" else 180)
    if what == "true or false":
        return text.lower() in ("true", "false", "yes", "no", "t", "f", "y", "n", "1", "0")
    if what == "date":
        return bool(re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text)) and parses(datetime.date.fromisoformat, text)
    if what == "date and time":
        return bool(re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}[T ].+", text)) and parses(
            datetime.datetime.fromisoformat, text
        )
    if what == "JSON":
        return parses(json.loads, text)
    if what == "e-mail address":
        return len(text) <= 254 and bool(EMAIL.fullmatch(text)) and ".." not in text and not re.search(r"^\.|\.@", text)
    if what == "web address":
        return bool(URL.fullmatch(text))
    if what == "IP address":
        return parses(ipaddress.ip_address, text)
    if what == "IPv4 address":
        return parses(ipaddress.IPv4Address, text)
    if what == "IPv6 address":
        return parses(ipaddress.IPv6Address, text)
    if what == "MAC address":
        return bool(re.fullmatch("[0-9A-Fa-f]{2}(([:-])[0-9A-Fa-f]{2})([:-][0-9A-Fa-f]{2}){4}", text))
    if what == "UUID":
        return bool(re.fullmatch("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", text)) and parses(
            uuid.UUID, text
        )
    if what == "credit card number":
        return bool(CARD.fullmatch(text)) and luhn(tight)
    if what == "Luhn number":
        return bool(re.fullmatch("[0-9]{2,}", tight)) and luhn(tight)
    if what == "IBAN":
        return iban(tight.upper())
    if what == "ISBN":
        return isbn(tight)
    if what == "EAN":
        return ean(tight)
    if what == "VAT number":
        return bool(VAT.fullmatch(re.sub("[ .-]", "", text).upper()))
    if what == "US ZIP code":
        return bool(re.fullmatch("[0-9]{5}(-[0-9]{4})?", text))
    if what == "hex colour":
        return bool(re.fullmatch("#([0-9A-Fa-f]{3}){1,2}", text))
    if what == "country code":
        return text.upper() in COUNTRIES.split()
    if what == "currency code":
        return text.upper() in CURRENCIES.split()
    return False


@row_function("boolean", "string")
def is_phone_number(text, *, region):
    """Tell whether a text is a phone number that can exist in a region, or anywhere if it begins with +."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region or None))
    except phonenumbers.NumberParseException:
        return False


@row_function("boolean", "string")
def matches(text, *, pattern):
    """Tell whether the whole text fits a regular expression."""
    return bool(re.fullmatch(pattern, text))


class Rule(Settings):
    """What one column must be. A missing value breaks only the rule "must be known"."""

    column: Column = param("Column")
    must: Literal[
        "be a valid", "be known", "be in a range", "be one of", "not be one of", "match a pattern", "not be after"
    ] = param("Must", default="be a valid")
    kind: Kind = param("Kind", default="number", help="For 'be a valid': what the text must be.")
    region: str = param("Region", default="", help="For phone numbers without +: a country code such as US.")
    low: str = param("From", default="", help="For a range; empty: no bound. Read as the column's type.")
    high: str = param("To", default="")
    values: tuple[str, ...] = param("Values", default=(), help="For lists.")
    pattern: str = param("Pattern", default="", help="A regular expression (Python) for the whole text.")
    other: str = param("Other column", default="", help="For 'not be after': the column that comes later.")

    def check(self, schema) -> None:
        dtype = schema[self.column]
        if self.must == "match a pattern":
            safe_pattern(self.pattern)
        if self.must in ("match a pattern", "be a valid") and not (dtype.is_string() or dtype.is_numeric() or dtype.is_temporal()):  # fmt: skip
            raise ParamError(f"column {self.column!r} ({dtype}) cannot be tested like that.")
        if self.must in ("match a pattern", "be a valid") and not (dtype.is_string() or dtype.is_integer()):
            raise ParamError(
                f"column {self.column!r} ({dtype}) has a type already.", hint="Use a range, or make it text."
            )
        if self.must in ("be one of", "not be one of") and not self.values:
            raise ParamError(f"the rule for {self.column!r} lists no values.")
        if self.must == "be in a range" and not (self.low or self.high):
            raise ParamError(f"the range for {self.column!r} has no bound.")
        if self.must == "not be after":
            if self.other not in schema:
                raise ColumnNotFound.of(self.other, schema)
            if kind_of(schema[self.other]) != kind_of(dtype):
                raise ParamError(f"columns {self.column!r} and {self.other!r} cannot be compared.")
        for value in (self.low, self.high) if self.must == "be in a range" else self.values:
            if value:
                Condition(column=self.column).python(value, dtype)

    def _conditions(self) -> list[Condition]:
        bounds = [("is at least", self.low), ("is at most", self.high)]
        return [Condition(column=self.column, test=test, value=value) for test, value in bounds if value]

    def valid(self, table):
        """Return a boolean expression that is never missing."""
        x = table[self.column]
        if self.must == "be known":
            return x.notnull()
        if self.must == "be in a range":
            test = ibis.and_(*[c.expression(table) for c in self._conditions()])
        elif self.must == "not be after":
            test = x <= table[self.other]
        elif self.must in ("be one of", "not be one of"):
            found = ibis.or_(
                *[Condition(column=self.column, test="equals", value=v).expression(table) for v in self.values]
            )
            test = found if self.must == "be one of" else ~found
        elif self.must == "match a pattern":
            test = matches(x.cast("string"), pattern=self.pattern)
        elif self.kind == "phone number":
            test = is_phone_number(x.cast("string"), region=self.region.upper())
        else:
            test = fits(x.cast("string"), what=self.kind)
        return test.fill_null(True) | x.isnull()

    def pandas(self, df: str, schema) -> str:
        x = f"{df}[{self.column!r}]"
        text = f"{x}.astype('string')"
        if self.must == "be known":
            return f"{x}.notna()"
        if self.must == "be in a range":
            test = " & ".join(c.pandas(df, schema) for c in self._conditions())
        elif self.must == "not be after":
            test = f"({x} <= {df}[{self.other!r}]).astype('boolean').mask({df}[{self.other!r}].isna())"
        elif self.must in ("be one of", "not be one of"):
            each = [Condition(column=self.column, test="equals", value=v).pandas(df, schema) for v in self.values]
            test = f"{'~' if self.must == 'not be one of' else ''}({' | '.join(each)})"
        elif self.must == "match a pattern":
            test = matches.pandas(text, pattern=self.pattern)
        elif self.kind == "phone number":
            test = is_phone_number.pandas(text, region=self.region.upper())
        else:
            test = fits.pandas(text, what=self.kind)
        return f"(({test}).astype('boolean').fillna(True) | {x}.isna())"

    def words(self) -> str:
        """Say the rule in a few words."""
        return f"{self.column} must {self.must}" + {
            "be a valid": f" {self.kind}",
            "be in a range": f" {self.low or '…'} to {self.high or '…'}",
            "be one of": f" {', '.join(self.values)}",
            "not be one of": f" {', '.join(self.values)}",
            "match a pattern": f" {self.pattern}",
            "not be after": f" {self.other}",
        }.get(self.must, "")


class ByRules(Transform):
    """Rows or values that keep, or break, rules."""

    pandas_helpers: ClassVar = (*fits.helpers, *is_phone_number.helpers, *matches.helpers)

    rules: tuple[Rule, ...] = param("Rules", min_length=1)

    def check_columns(self, schema):
        super().check_columns(schema)
        for rule in self.rules:
            rule.check(schema)

    def valid(self, table):
        return ibis.and_(*[rule.valid(table) for rule in self.rules])

    def pandas_valid(self, df, schema) -> str:
        return f"({' & '.join(rule.pandas(df, schema) for rule in self.rules)}).astype('boolean')"


def rule(must, column="a", **more):
    return {"column": column, "must": must, **more}


def _flag(settings, values, answers, **types):
    settings = {"rules": [settings], "to": "ok"}
    return Example(settings, before={"a": values}, after={"a": values, "ok": answers}, types={"a": "string", **types})


@register
class FlagValid(ByRules):
    """Add a true/false column that tells whether a row keeps all rules: kinds of text, ranges, lists, patterns, order.

    A missing value breaks only the rule "must be known". Kinds look at form and check digits, not at whether a thing
    exists. VAT numbers are checked by form only. Source of phone numbers: Google's libphonenumber.
    """

    name: ClassVar = "invalid.flag"
    label: ClassVar = "Check rules: a true/false column"
    covers: ClassVar = (
        "flag_invalid", "validate_range", "validate_in_set", "validate_regex", "validate_not_null", "validate_checksum",
        "validate_date_order",
    )  # fmt: skip
    words: ClassVar = ("validate", "data quality rule", "expectation", "is valid", "check digit", "Luhn", "IBAN", "ISBN", "email valid", "FLAG_INVALID")  # fmt: skip
    examples: ClassVar = (
        _flag(rule("be a valid", kind="e-mail address"), ["a@b.org", "a@b", "a b@c.de", None], [True, False, False, True]),
        _flag(rule("be in a range", low="0", high="10"), [-1, 5, 10, None], [False, True, True, True], a="int64"),
        _flag(rule("be one of", values=["x", "y"]), ["x", "z", None], [True, False, True]),
        _flag(rule("not be one of", values=["x"]), ["x", "z", None], [False, True, True]),
        _flag(rule("match a pattern", pattern="[a-z]+[0-9]"), ["ab1", "ab1\n", "1", None], [True, False, False, True]),
        _flag(rule("be known"), ["x", None], [True, False]),
        _flag(rule("be a valid", kind="IBAN"), ["DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 01"], [True, False]),
        _flag(rule("be a valid", kind="ISBN"), ["978-3-16-148410-0", "0-306-40615-2", "0-306-40615-3"], [True, True, False]),
        _flag(rule("be a valid", kind="credit card number"), ["4111 1111 1111 1111", "4111 1111 1111 1112"], [True, False]),
        _flag(rule("be a valid", kind="EAN"), ["4006381333931", "4006381333932"], [True, False]),
        _flag(rule("be a valid", kind="VAT number"), ["DE136695976", "DE13"], [True, False]),
        _flag(rule("be a valid", kind="phone number", region="US"), ["(650) 253-0000", "12"], [True, False]),
        _flag(rule("be a valid", kind="date"), ["2024-02-29", "2023-02-29", "1.1.24"], [True, False, False]),
        _flag(rule("be a valid", kind="IP address"), ["192.168.0.1", "::1", "256.0.0.1"], [True, True, False]),
        _flag(rule("be a valid", kind="web address"), ["https://a.org/x?y=1", "a.org"], [True, False]),
        Example({"rules": [{"column": "a", "must": "not be after", "other": "b"}], "to": "ok"}, before={"a": ["2024-01-02", "2024-01-03", None], "b": ["2024-01-02", "2024-01-02", "2024-01-01"]}, after={"a": ["2024-01-02", "2024-01-03", None], "b": ["2024-01-02", "2024-01-02", "2024-01-01"], "ok": [True, False, True]}, types={"a": "date", "b": "date"}),
    )  # fmt: skip

    to: NewColumn = param("New column", default="is_valid")

    def apply(self, table, state):
        return table.mutate(self.valid(table).name(self.to))

    def pandas(self, df, state, schema):
        return [f"{df}[{self.to!r}] = {self.pandas_valid(df, schema)}"]


@register
class DropInvalidRows(ByRules):
    """Keep only the rows that keep all rules, or only those that break one. Types stay."""

    name: ClassVar = "invalid.drop_rows"
    label: ClassVar = "Drop rows that break rules"
    covers: ClassVar = ("drop_invalid_rows",)
    words: ClassVar = ("remove invalid", "REMOVE_INVALID", "filter valid", "data quality")
    examples: ClassVar = (
        Example({"rules": [rule("be a valid", kind="number")]}, before={"a": ["1", "x", "-2.5e3", None]}, after={"a": ["1", "-2.5e3", None]}),
        Example({"rules": [rule("be in a range", low="0"), rule("be known")], "keep": "rows that break a rule"}, before={"a": [1, -1, None]}, after={"a": [-1, None]}),
    )  # fmt: skip

    keep: Literal["rows that keep all rules", "rows that break a rule"] = param(
        "Keep", default="rows that keep all rules"
    )

    def apply(self, table, state):
        valid = self.valid(table)
        return table.filter(valid if self.keep == "rows that keep all rules" else ~valid)

    def pandas(self, df, state, schema):
        sign = "" if self.keep == "rows that keep all rules" else "~"
        return [f"{df} = {df}[({sign}{self.pandas_valid(df, schema)}).to_numpy(bool)]"]


@register
class TellBrokenRules(ByRules):
    """Add a text column that names the rules that a row breaks (missing: none), and keep all rows, or only the bad ones.

    Two recipes over one dataset, one with the good rows and one with the bad, make a quarantine.
    """

    name: ClassVar = "invalid.reasons"
    label: ClassVar = "Name the rules that a row breaks"
    covers: ClassVar = ("quarantine_rows",)
    words: ClassVar = ("quarantine", "rejects", "error rows", "reason", "dead letter")
    examples: ClassVar = (
        Example({"rules": [rule("be known"), rule("be in a range", low="0"), rule("be one of", column="b", values=["x"])], "to": "why"}, before={"a": [1, -1, None], "b": ["x", "y", "x"]}, after={"a": [1, -1, None], "b": ["x", "y", "x"], "why": [None, "a must be in a range 0 to …; b must be one of x", "a must be known"]}),
        Example({"rules": [rule("be known")], "keep": "rows that break a rule", "to": "why"}, before={"a": [1, None]}, after={"a": [None], "why": ["a must be known"]}, after_types={"a": "int64"}),
    )  # fmt: skip

    keep: Literal["all rows", "rows that break a rule"] = param("Keep", default="all rows")
    to: NewColumn = param("New column", default="broken_rules")

    def apply(self, table, state):
        texts = [rule.valid(table).ifelse(ibis.literal(""), ibis.literal("; " + rule.words())) for rule in self.rules]
        text = texts[0]
        for more in texts[1:]:
            text = text + more
        table = table.mutate(text.substr(2).nullif("").name(self.to))
        return table if self.keep == "all rows" else table.filter(table[self.to].notnull())

    def pandas(self, df, state, schema):
        lines = [f"why = pd.Series('', index={df}.index, dtype='string')"]
        for one in self.rules:
            lines.append(f"why = why.where({one.pandas(df, schema)}.astype(bool), why + {'; ' + one.words()!r})")
        lines.append(f"{df}[{self.to!r}] = why.str.slice(2).mask(why == '')")
        return lines if self.keep == "all rows" else [*lines, f"{df} = {df}[{df}[{self.to!r}].notna()]"]


@register
class ReplaceInvalid(ByRules):
    """Replace values that break their rule: by missing, one value, or the mean, median or most frequent valid value.

    Each rule changes its own column. Means and medians are those of the valid training values and make the column float64;
    ties of the most frequent go to the smallest. Learns one value per column.
    """

    name: ClassVar = "invalid.replace"
    label: ClassVar = "Replace invalid values"
    serving: ClassVar = "fitted"
    covers: ClassVar = (
        "replace_invalid_with_null", "replace_invalid_with_constant", "replace_invalid_with_mean", "replace_invalid_with_median",
        "replace_invalid_with_mode",
    )  # fmt: skip
    words: ClassVar = ("FILL_INVALID_WITH_CUSTOM", "set invalid to null", "fix invalid values", "impute invalid")
    examples: ClassVar = (
        Example({"rules": [rule("be a valid", kind="web address")]}, before={"a": ["http://a.de", "x", None]}, after={"a": ["http://a.de", None, None]}),
        Example({"rules": [rule("be in a range", low="0")], "by": "a value", "value": "0"}, before={"a": [-5, 3, None]}, after={"a": [0, 3, None]}),
        Example({"rules": [rule("be in a range", low="0")], "by": "mean"}, before={"a": [-5, 3, 4, None]}, after={"a": [3.5, 3.0, 4.0, None]}),
        Example({"rules": [rule("be in a range", high="100")], "by": "median"}, train={"a": [1.0, 2.0, 9.0, 1000.0]}, before={"a": [500.0, 1.0]}, after={"a": [2.0, 1.0]}),
        Example({"rules": [rule("be one of", values=["x", "y"])], "by": "most frequent"}, before={"a": ["x", "y", "y", "z"]}, after={"a": ["x", "y", "y", "y"]}),
    )  # fmt: skip

    by: Literal["missing", "a value", "mean", "median", "most frequent"] = param("Replace by", default="missing")
    value: str = param("Value", default="", help="Read as the column's type.")

    def check_columns(self, schema):
        super().check_columns(schema)
        columns = [r.column for r in self.rules]
        if len(set(columns)) < len(columns):
            raise ParamError("each column may have one rule here.", hint="Add a second step for the second rule.")
        for one in self.rules:
            if self.by in ("mean", "median") and not schema[one.column].is_numeric():
                raise ParamError(f"column {one.column!r} is not a number, so it has no {self.by}.")
            if one.must == "be known":
                raise ParamError("missing values are filled by the steps of the family 'Missing values'.")
            if self.by == "a value":
                typed(self.value, schema[one.column], one.column)

    def fit(self, table):
        if self.by in ("missing", "a value"):
            return {}
        if self.by == "most frequent":
            return self._fit_most_frequent(table)
        parts = []
        for i, one in enumerate(self.rules):
            x = one.valid(table).ifelse(known(table[one.column]), ibis.null("float64"))
            parts.append((x.mean() if self.by == "mean" else x.median()).name(f"v{i}"))
        found = one_row(table.aggregate(parts))
        return self._complete({r.column: found[f"v{i}"] for i, r in enumerate(self.rules)})

    def _fit_most_frequent(self, table):
        counts = []
        for i, one in enumerate(self.rules):
            kept = table.filter(one.valid(table) & table[one.column].notnull())
            counted = kept.group_by(kept[one.column].cast("string").name("value")).aggregate(ibis._.count().name("n"))
            counts.append(counted.mutate(ibis.literal(i).name("i")))
        found = ibis.union(*counts) if len(counts) > 1 else counts[0]
        place = ibis.row_number().over(group_by=found.i, order_by=[found.n.desc(), found.value.asc()])
        best = rows(found.mutate(place.name("place")).filter(ibis._.place == 0))
        values = {r["i"]: r["value"] for r in best}
        return self._complete({r.column: values.get(i) for i, r in enumerate(self.rules)})

    def _complete(self, values):
        if empty := [c for c, v in values.items() if v is None]:
            raise FitError(f"there is no valid value in {empty[0]!r}.", hint="Replace by a value of your own.")
        return values

    def apply(self, table, state):
        changed = []
        for one in self.rules:
            x = table[one.column]
            if self.by in ("mean", "median"):
                x, value = known(x), ibis.literal(float(state[one.column]))
            elif self.by == "missing":
                value = ibis.null(x.type())
            else:
                value = typed(state[one.column] if self.by == "most frequent" else self.value, x.type(), one.column)
            changed.append(one.valid(table).ifelse(x, value).name(one.column))
        return table.mutate(changed)

    def pandas(self, df, state, schema):
        lines, changes = [], []
        for i, one in enumerate(self.rules):
            x = f"{df}[{one.column!r}]"
            value = "pd.NA"
            if self.by in ("mean", "median"):
                value = repr(float(state[one.column]))
            elif self.by != "missing":
                text = state[one.column] if self.by == "most frequent" else self.value
                value = f"pd.Series([{text!r}], dtype='string').astype({x}.dtype)[0]"
            elif schema[one.column].is_temporal():
                value = "pd.NaT"
            number = ".astype('Float64')" if self.by in ("mean", "median") else ""
            lines.append(f"valid_{i} = {one.pandas(df, schema)}.astype(bool)")
            changes.append(f"{x} = {x}{number}.where(valid_{i}, {value})")
        return [*lines, *changes]


@register
class MoveInvalid(ByRules):
    """Move values that break their rule into another column, and leave missing values behind. Types stay."""

    name: ClassVar = "invalid.move"
    label: ClassVar = "Move invalid values to another column"
    covers: ClassVar = ("move_invalid_to_column",)
    words: ClassVar = ("separate invalid", "extract errors")
    examples: ClassVar = (
        Example({"rules": [rule("be a valid", kind="number")]}, before={"a": ["1", "n/a", None]}, after={"a": ["1", None, None], "a_invalid": [None, "n/a", None]}),
    )  # fmt: skip

    suffix: str = param("New columns end in", default="_invalid", min_length=1)

    def apply(self, table, state):
        changed = []
        for c, test in self._tests(table).items():
            changed += [
                test.ifelse(table[c], ibis.null(table[c].type())).name(c),
                test.ifelse(ibis.null(table[c].type()), table[c]).name(c + self.suffix),
            ]
        return table.mutate(changed)

    def _tests(self, table):
        columns = dict.fromkeys(r.column for r in self.rules)
        return {c: ibis.and_(*[r.valid(table) for r in self.rules if r.column == c]) for c in columns}

    def check_columns(self, schema):
        super().check_columns(schema)
        for one in self.rules:
            if one.column + self.suffix in schema:
                raise ParamError(f"column {one.column + self.suffix!r} exists already.", hint="Choose another ending.")

    def pandas(self, df, state, schema):
        columns = list(dict.fromkeys(r.column for r in self.rules))
        lines = [
            f"valid_{i} = ({' & '.join(r.pandas(df, schema) for r in self.rules if r.column == c)}).astype(bool)"
            for i, c in enumerate(columns)
        ]
        for i, c in enumerate(columns):
            lines += [
                f"{df}[{c + self.suffix!r}] = {df}[{c!r}].mask(valid_{i})",
                f"{df}[{c!r}] = {df}[{c!r}].where(valid_{i})",
            ]
        return lines


@register
class InvalidToLastValid(FillFromNeighbour):
    """Replace values that break a rule by the last valid value before them, in the order of a column and within groups.

    Missing values stay missing, and are no valid values to carry on.
    """

    name: ClassVar = "invalid.fill_from_last_valid"
    label: ClassVar = "Replace invalid values by the last valid one"
    covers: ClassVar = ("replace_invalid_with_last_valid",)
    words: ClassVar = ("FILL_INVALID_WITH_LAST_VALID", "carry forward", "ffill invalid")
    examples: ClassVar = (
        Example({"column": "v", "order_by": "t", "must": "be in a range", "low": "0"}, before={"t": [1, 2, 3, 4], "v": [5, -1, None, 7]}, after={"t": [1, 2, 3, 4], "v": [5, 5, None, 7]}),
        Example({"column": "v", "order_by": "t", "groups": ["g"], "must": "be a valid", "kind": "number"}, before={"g": ["a", "a", "b"], "t": [1, 2, 3], "v": ["1", "x", "y"]}, after={"g": ["a", "a", "b"], "t": [1, 2, 3], "v": ["1", "1", None]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = ByRules.pandas_helpers

    direction: Literal["down"] = param("Direction", default="down")
    must: Literal["be a valid", "be in a range", "be one of", "not be one of", "match a pattern"] = param("Must", default="be a valid")  # fmt: skip
    kind: Kind = param("Kind", default="number")
    low: str = param("From", default="")
    high: str = param("To", default="")
    values: tuple[str, ...] = param("Values", default=())
    pattern: str = param("Pattern", default="")

    def _rule(self) -> Rule:
        return Rule(column=self.column, must=self.must, kind=self.kind, low=self.low, high=self.high, values=self.values, pattern=self.pattern)  # fmt: skip

    def check_columns(self, schema):
        super().check_columns(schema)
        self._rule().check(schema)

    def apply(self, table, state):
        from transforms.catalog.common import spare_names

        was, bad = spare_names(table, 2)
        x = table[self.column]
        valid = self._rule().valid(table)
        table = table.mutate(x.isnull().name(was), (~valid).name(bad))
        table = table.mutate(table[bad].ifelse(ibis.null(x.type()), x).name(self.column))
        filled = super().apply(table, state)
        value = filled[was].ifelse(ibis.null(x.type()), filled[self.column])
        return filled.mutate(value.name(self.column)).drop(was, bad)

    def order_keys(self, schema):
        return [c for c in super().order_keys(schema) if not c.startswith("__spare_")]

    def pandas(self, df, state, schema):
        lines = super().pandas(df, state, schema)
        x = f"{df}[{self.column!r}]"
        valid = f"valid = {self._rule().pandas(df, schema)}.astype(bool)"
        return [lines[0], f"was = {x}.isna()", valid, f"{x} = {x}.where(valid)", *lines[1:], f"{x} = {x}.mask(was)"]


@register
class CheckUnique(Transform):
    """Add a true/false column that tells whether the values of some columns occur once in the table.

    Rows with a missing value among them count as unique.
    """

    name: ClassVar = "invalid.flag_unique"
    label: ClassVar = "Is the value unique?"
    serving: ClassVar = "batch"
    covers: ClassVar = ("validate_unique",)
    words: ClassVar = ("unique key", "primary key check", "duplicates")
    examples: ClassVar = (
        Example({"columns": ["a"], "to": "ok"}, before={"a": ["x", "y", "x", None, None]}, after={"a": ["x", "y", "x", None, None], "ok": [False, True, False, True, True]}),
        Example({"columns": ["a", "b"], "to": "ok"}, before={"a": [1, 1, 2], "b": [1, 2, 2]}, after={"a": [1, 1, 2], "b": [1, 2, 2], "ok": [True, True, True]}),
    )  # fmt: skip

    columns: Columns = param("Columns")
    to: NewColumn = param("New column", default="is_unique")

    def apply(self, table, state):
        n = table.count().over(ibis.window(group_by=[table[c] for c in self.columns]))
        some_missing = ibis.or_(*[table[c].isnull() for c in self.columns])
        return table.mutate(((n == 1) | some_missing).name(self.to))

    def pandas(self, df, state, schema):
        x = f"{df}[{list(self.columns)!r}]"
        return [f"{df}[{self.to!r}] = (~{x}.duplicated(keep=False) | {x}.isna().any(axis=1)).astype('boolean')"]


@register
class ForeignKey(CombiningTransform):
    """Add a true/false column that tells whether a value exists in a column of another table; a missing value is valid."""

    name: ClassVar = "invalid.flag_foreign_key"
    label: ClassVar = "Does the value exist in another table?"
    covers: ClassVar = ("validate_foreign_key",)
    words: ClassVar = ("referential integrity", "lookup exists", "reference data")
    examples: ClassVar = (
        Example({"column": "k", "input": "other", "other_column": "j", "to": "ok"}, before={"k": ["a", "z", None]}, others={"other": {"j": ["a", "a", None]}}, after={"k": ["a", "z", None], "ok": [True, False, True]}),
    )  # fmt: skip

    column: Column = param("Column")
    input: OtherInput = param("Other table")
    other_column: OtherColumn = param("Column there")
    to: NewColumn = param("New column", default="exists")

    def apply(self, table, state, others):
        other = others[self.input]
        if self.other_column not in other.columns:
            raise ColumnNotFound.of(self.other_column, other.columns)
        if other[self.other_column].type() != table[self.column].type():
            raise ParamError(
                f"column {self.column!r} is {table[self.column].type()}, but {self.other_column!r} is {other[self.other_column].type()}.",
                hint="Change the type of one of them.",
            )
        there = (
            other.filter(other[self.other_column].notnull()).select(other[self.other_column].name("__there")).distinct()
        )
        joined = table.join(there, table[self.column] == there["__there"], how="left")
        ok = (joined["__there"].notnull() | joined[self.column].isnull()).name(self.to)
        return joined.select([*(joined[c] for c in table.columns), ok])

    def pandas(self, df, state, schema):
        x = f"{df}[{self.column!r}]"
        return [
            f"{df}[{self.to!r}] = ({x}.isin(others[{self.input!r}][{self.other_column!r}].dropna()) | {x}.isna()).astype('boolean')"
        ]


@register
class CheckStatistic(Transform):
    """Add a true/false column, alike in every row, that tells whether a statistic of a column is as expected.

    The bounds are given, or remembered: the training value, give or take a share of it. Counts of missing values are shares
    of the rows. A table without a known value is not as expected. Learns the statistic.
    """

    name: ClassVar = "invalid.check_statistic"
    label: ClassVar = "Is a statistic as expected?"
    serving: ClassVar = "batch"
    covers: ClassVar = ("validate_statistic",)
    words: ClassVar = ("data quality rule", "drift check", "expect column mean to be between", "ruleset")
    examples: ClassVar = (
        Example({"column": "a", "low": 2, "high": 4, "to": "ok"}, before={"a": [1.0, 5.0, None]}, after={"a": [1.0, 5.0, None], "ok": [True, True, True]}),
        Example({"column": "a", "statistic": "max", "bounds": "remembered", "tolerance": 0.5, "to": "ok"}, train={"a": [2.0]}, before={"a": [1.0, 3.5]}, after={"a": [1.0, 3.5], "ok": [False, False]}),
        Example({"column": "a", "statistic": "missing share", "low": 0, "high": 0.4, "to": "ok"}, before={"a": [1.0, None]}, after={"a": [1.0, None], "ok": [False, False]}),
    )  # fmt: skip

    column: NumberColumn = param("Column")
    statistic: Literal["mean", "median", "min", "max", "sum", "standard deviation", "missing share"] = param("Statistic", default="mean")  # fmt: skip
    bounds: Literal["given", "remembered"] = param(
        "Bounds", default="given", help="Remembered: from the training rows."
    )
    low: float = param("From", default=0.0, help="For given bounds.")
    high: float = param("To", default=1.0)
    tolerance: float = param(
        "Tolerance", default=0.1, ge=0, help="For remembered bounds: 0.1 is ten percent either way."
    )
    to: NewColumn = param("New column", default="as_expected")

    def measure(self, x):
        return {
            "standard deviation": lambda: x.std(how="pop"),
            "missing share": lambda: x.isnull().ifelse(1.0, 0.0).mean(),
        }.get(self.statistic, lambda: getattr(x, self.statistic)())()

    def fit(self, table):
        if self.bounds == "given":
            return {"low": self.low, "high": self.high}
        value = one_row(table.aggregate(self.measure(known(table[self.column])).name("v")))["v"]
        if value is None:
            raise FitError(f"there is no known value in {self.column!r}.")
        return {"low": value - abs(value) * self.tolerance, "high": value + abs(value) * self.tolerance}

    def apply(self, table, state):
        from transforms.catalog.common import spare_names

        spare = spare_names(table, 1)[0]
        table = table.mutate(self.measure(known(table[self.column])).over(ibis.window()).name(spare))
        ok = (table[spare] >= state["low"]) & (table[spare] <= state["high"])
        return table.mutate(ok.fill_null(False).name(self.to)).drop(spare)

    def pandas(self, df, state, schema):
        how = {"standard deviation": "x.std(ddof=0)", "missing share": "x.isna().mean()"}.get(self.statistic, f"x.{self.statistic}()")  # fmt: skip
        total = "x.sum(min_count=1)" if self.statistic == "sum" else how
        return [
            f"x = {df}[{self.column!r}].astype('Float64')",
            f"value = {total}",
            f"{df}[{self.to!r}] = pd.Series(bool(pd.notna(value) and {state['low']!r} <= value <= {state['high']!r}), index={df}.index, dtype='boolean')",
        ]


@register
class CheckSchema(Transform):
    """Compare columns and types with those of the training rows: stop where they differ, or bring the table into line.

    In line: unknown columns go, missing ones come back empty, types are cast, the order is that of training. Learns the schema.
    """

    name: ClassVar = "invalid.check_schema"
    label: ClassVar = "Keep the schema of training"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("validate_schema",)
    words: ClassVar = ("schema drift", "expected columns", "contract")
    examples: ClassVar = (
        Example({}, train={"a": [1], "b": ["x"]}, before={"a": [2, None], "b": ["y", None]}, after={"a": [2, None], "b": ["y", None]}),
        Example({"policy": "stop"}, before={"a": [1, None]}, after={"a": [1, None]}),
    )  # fmt: skip

    policy: Literal["bring into line", "stop"] = param("Where they differ", default="bring into line")

    def fit(self, table):
        return names(table.schema())

    def apply(self, table, state):
        from transforms.schema import from_name

        found = names(table.schema())
        if self.policy == "stop":
            for c in [*state, *found]:
                if state.get(c) != found.get(c):
                    was, is_ = state.get(c, "not there"), found.get(c, "not there")
                    raise RecipeError(f"column {c!r} was {was} in training and is {is_} now.")
            return table
        return table.select(
            [(table[c].cast(from_name(t)) if c in found else ibis.null(from_name(t))).name(c) for c, t in state.items()]
        )

    def pandas(self, df, state, schema):
        from transforms.schema import PANDAS

        if self.policy == "stop":
            return [f"assert list({df}.columns) == {list(schema)!r}, 'the columns differ from those of training'"]
        lines = [f"{df} = {df}.reindex(columns={list(state)!r})"]
        changed = {c: PANDAS[t] for c, t in state.items() if t in PANDAS and names(schema).get(c) != t}
        return [*lines, f"{df} = {df}.astype({changed!r})"] if changed else lines
