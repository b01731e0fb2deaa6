"""Kinds of personal data with the form in which they are written, their check, and the words that stand near them.

A form is a regular expression without look-around, so that DuckDB (RE2) and Python read it alike. Types are named as
Amazon Comprehend names them; what Comprehend has no name for is COUNTRY_NUMBER, ACCESS_TOKEN, PRIVATE_KEY or NATIONAL_ID.
Forms are those that the issuers publish, not those of any corpus. Repetitions are bounded or end at the first blank, so that no text takes long.
Modules of this package import nothing of ours but each other: exported code and Spark carry them along.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from transforms.personal.checksums import (
    IBAN_LENGTHS,
    aadhaar,
    aba,
    abn,
    bsn,
    card,
    cn_resident,
    cnpj,
    codice_fiscale,
    cpf,
    de_tax_id,
    dni,
    iban,
    ipv6,
    itin,
    luhn,
    medicare,
    nhs,
    nino,
    nir,
    pesel,
    sin,
    ssn,
    tfn,
    utr,
    vin,
)


class Kind(NamedTuple):
    """One form of one type. `alone` and `near`: confidence (0-1) without and with one of `words` close by, or as column name.

    `chance` is the share of arbitrary values of this form that pass the check; `needs` must occur in a text ("0": a digit).
    """

    type: str
    why: str
    form: str
    check: Callable[[str], bool] | None = None
    alone: float = 0.2
    near: float = 0.9
    words: str = ""
    chance: float = 1.0
    needs: str = "0"


ISO_3166 = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BW BY BZ CA CC CD CF CG CH CI CK CL CM CN "
    "CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HN "
    "HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK "
    "ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU "
    "RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE "
    "VG VI VN VU WF WS XK YE YT ZA ZM ZW"
)
COUNTRIES = ISO_3166.split()  # and XK
OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = rf"(?:{OCTET}\.){{3}}{OCTET}"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# Country domains that are endings of common file names too are left out where nothing else says "address of the web".
TLD = "|".join(
    ["com", "org", "net", "edu", "gov", "mil", "int", "info", "biz", "name", "app", "dev", "online", "shop", "site"]
    + [c.lower() for c in COUNTRIES if c not in ("GB", "MD", "PL", "PS", "PY", "RS", "SH", "SO")]
    + ["uk", "eu"]
)


def _iban() -> str:
    lengths: dict[int, list[str]] = {}
    for country, length in IBAN_LENGTHS.items():
        lengths.setdefault(length - 4, []).append(country)
    return "(?i:" + "|".join(f"(?:{'|'.join(c)})[0-9]{{2}}(?: ?[A-Z0-9]){{{n}}}" for n, c in lengths.items()) + ")"


def _mixed(value: str) -> bool:
    return bool(re.search("[0-9]", value)) and bool(re.search("[A-Za-z]", value))


def _some_digits(value: str) -> bool:
    return len(re.findall("[0-9]", value)) >= 4


def _no_hash(value: str) -> bool:
    return not re.fullmatch("[0-9a-fA-F]+", value) and _mixed(value)


def _long_ipv6(value: str) -> bool:
    return len(value) >= 6 and ipv6(value)


def _may_be_date(value: str) -> bool:
    """A number date that exists: day and month within bounds, in either order."""
    first, second, third = (int(n) for n in re.findall("[0-9]+", value)[:3])
    a, b = (second, third) if first > 31 else (first, second)
    return 1 <= min(a, b) <= 12 and 1 <= max(a, b) <= 31


TAX = r"tax|steuer|fiscal|fiscale|fiscais|impuestos?"
KINDS = (
    Kind("EMAIL", "form of an e-mail address", rf"[A-Za-z0-9._%+'-]{{1,64}}@(?:{LABEL}\.){{1,8}}[A-Za-z]{{2,24}}", alone=0.98, near=0.99, needs="@"),
    Kind("URL", "web address", r"(?i:(?:https?|ftp)://|www\.)[^\s<>\"']*[^\s<>\"'.,;:!?)\]}]", alone=0.95, needs="."),
    Kind("URL", "domain", rf"(?:{LABEL}\.){{1,6}}(?:{TLD})(?:/[^\s<>\"']*[^\s<>\"'.,;:!?)\]}}])?", alone=0.6, words="web|website|site|url|domain|homepage|link|visit", needs="."),
    Kind("IP_ADDRESS", "IPv4 address", IPV4, alone=0.9, near=0.97, words="ip|client|host|server|address"),
    Kind("IP_ADDRESS", "IPv6 address", r"(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}", _long_ipv6, alone=0.9, needs=":"),
    Kind("MAC_ADDRESS", "MAC address", r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}", alone=0.9),
    Kind("CREDIT_DEBIT_NUMBER", "card number, Luhn", r"[1-6][0-9](?:[ -]?[0-9]){10,17}", card, alone=0.75, near=0.98, chance=0.1,
         words=r"(?:credit|debit)? ?cards?|cc|visa|mastercard|amex|maestro|kreditkarte|tarjeta|carte|carta|cartão|kaart"),
    Kind("CREDIT_DEBIT_NUMBER", "Luhn, beside words for a card", r"[0-9](?:[ -]?[0-9]){11,18}", luhn, alone=0.2, near=0.9, chance=0.1, words="(?:credit|debit)? ?cards?|cc|kreditkarte|tarjeta|carte|carta|cartão|kaart"),
    Kind("INTERNATIONAL_BANK_ACCOUNT_NUMBER", "IBAN, length of its country, mod 97", _iban(), iban, alone=0.97, near=0.99, chance=0.01),
    Kind("SWIFT_CODE", "form of a BIC with a country", rf"[A-Z]{{4}}(?:{'|'.join(COUNTRIES)})[A-Z0-9]{{2}}(?:[A-Z0-9]{{3}})?", alone=0.25, near=0.95, words="swift|bic|swift/bic|bank", needs=""),
    Kind("BANK_ROUTING", "ABA check digit", r"[0-9]{9}", aba, near=0.95, chance=0.04, words="routing|aba|rtn|transit"),
    Kind("BANK_ACCOUNT_NUMBER", "digits beside words for an account", r"[0-9]{6,17}|[0-9]{2,6}(?:[ -][0-9]{2,6}){1,4}", alone=0.05, near=0.6,
         words=r"(?:bank )?(?:account|acct) ?(?:number|no|num|nr|#)?|konto(?:nummer)?|n[uú]mero de cuenta|cuenta bancaria|compte bancaire|conto corrente|rekeningnummer"),
    Kind("AWS_ACCESS_KEY", "prefix of an AWS key id", r"(?:AKIA|ASIA)[A-Z0-9]{16}", alone=0.95, needs="A"),
    Kind("AWS_SECRET_KEY", "40 characters beside words for a secret", r"[A-Za-z0-9/+]{40}", _no_hash, alone=0.3, near=0.95, words="aws|secret|secretaccesskey|aws_secret_access_key|secret_access_key|secret_key"),
    Kind("ACCESS_TOKEN", "JSON web token", r"eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{8,}", alone=0.97, needs="eyJ"),
    Kind("ACCESS_TOKEN", "GitHub token", r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{40,100}", alone=0.98, needs="_"),
    Kind("ACCESS_TOKEN", "Slack token", r"xox[abeoprs]-[A-Za-z0-9-]{10,250}", alone=0.97, needs="xox"),
    Kind("ACCESS_TOKEN", "Google, Stripe or GitLab key", r"AIza[A-Za-z0-9_-]{35}|[sr]k_live_[A-Za-z0-9]{24,100}|glpat-[A-Za-z0-9_-]{20}", alone=0.97, needs=""),
    Kind("PRIVATE_KEY", "private key block", r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY-----[^-]*(?:-----END [A-Z0-9 ]{0,60}PRIVATE KEY-----)?", alone=0.99, needs="-----BEGIN"),
    Kind("VEHICLE_IDENTIFICATION_NUMBER", "VIN check digit", r"[A-HJ-NPR-Z0-9]{8}[0-9X][A-HJ-NPR-Z0-9]{8}", vin, alone=0.7, near=0.97, chance=0.09, words="vin|chassis|vehicle|fahrgestell(?:nummer)?|bastidor"),
    # People's numbers, by country.
    Kind("SSN", "US social security number, ranges", r"[0-9]{3}-[0-9]{2}-[0-9]{4}", ssn, alone=0.85, near=0.98, words="ssn|social security|social"),
    Kind("SSN", "US social security number beside its name", r"[0-9]{9}|[0-9]{3} [0-9]{2} [0-9]{4}", ssn, alone=0.1, near=0.85, words="ssn|social security"),
    Kind("US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER", "ITIN ranges", r"9[0-9]{2}-[0-9]{2}-[0-9]{4}", itin, alone=0.8, near=0.95, words=f"itin|{TAX}", chance=0.4),
    Kind("US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER", "ITIN ranges beside its name", r"9[0-9]{8}", itin, near=0.9, words="itin", chance=0.4),
    Kind("UK_NATIONAL_INSURANCE_NUMBER", "prefixes of HMRC", r"(?i:[A-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D])", nino, alone=0.8, near=0.97, words="national insurance|nino|ni", chance=0.6),
    Kind("UK_NATIONAL_HEALTH_SERVICE_NUMBER", "modulo 11", r"[0-9]{3}[ -][0-9]{3}[ -][0-9]{4}", nhs, alone=0.45, near=0.97, words="nhs|health|patient", chance=0.09),
    Kind("UK_NATIONAL_HEALTH_SERVICE_NUMBER", "modulo 11", r"[0-9]{10}", nhs, near=0.95, words="nhs", chance=0.09),
    Kind("UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER", "modulo 11", r"[0-9]{5} ?[0-9]{5}", utr, near=0.95, words="utr|taxpayer", chance=0.09),
    Kind("CA_SOCIAL_INSURANCE_NUMBER", "Luhn", r"[1-79][0-9]{2}[ -][0-9]{3}[ -][0-9]{3}", sin, alone=0.6, near=0.97, words="sin|social insurance|nas|assurance sociale", chance=0.1),
    Kind("CA_SOCIAL_INSURANCE_NUMBER", "Luhn", r"[1-79][0-9]{8}", sin, near=0.9, words="sin|social insurance", chance=0.1),
    Kind("CA_HEALTH_NUMBER", "form of a health card", r"[0-9]{4}[ -]?[0-9]{3}[ -]?[0-9]{3}(?:[ -]?[A-Z]{2})?", alone=0.1, near=0.75, words="ohip|health card|health insurance|phn|carte santé"),
    Kind("IN_AADHAAR", "Verhoeff", r"[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}", aadhaar, alone=0.5, near=0.97, words="aadhaar|aadhar|uidai|uid", chance=0.1),
    Kind("IN_PERMANENT_ACCOUNT_NUMBER", "form of a PAN, kind of holder", r"[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]", alone=0.7, near=0.95, words="pan|permanent account|income tax"),
    Kind("IN_VOTER_NUMBER", "form of an EPIC number", r"[A-Z]{3}[0-9]{7}", alone=0.3, near=0.9, words="voter|epic|election"),
    Kind("IN_NREGA", "form of a job card", r"[A-Z]{2}-[0-9]{2}-[0-9]{3}-[0-9]{3}-[0-9]{3}/[0-9]{1,6}", alone=0.8, near=0.95, words="nrega|mgnrega|job card"),
    Kind("DE_TAX_ID", "repeated digit, ISO 7064", r"[1-9][0-9]{10}|[1-9][0-9] [0-9]{3} [0-9]{3} [0-9]{3}", de_tax_id, alone=0.3, near=0.97, words="steuer-?id(?:entifikationsnummer)?|steuernummer|idnr|tax id|tin", chance=0.06),
    Kind("FR_NIR", "key mod 97", r"[12378] ?[0-9]{2} ?(?:0[1-9]|1[0-2]|20|[3-9][0-9]) ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}", nir, alone=0.9, near=0.98, words="nir|sécurité sociale|insee|sécu", chance=0.01),
    Kind("ES_DNI", "letter, modulo 23", r"[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}[ -]?[A-HJ-NP-TV-Z]", dni, alone=0.8, near=0.97, words="dni|nif|documento", chance=0.045),
    Kind("ES_NIE", "letter, modulo 23", r"[XYZ][ -]?[0-9]{7}[ -]?[A-HJ-NP-TV-Z]", dni, alone=0.85, near=0.97, words="nie|nif|extranjero", chance=0.045),
    Kind("IT_CODICE_FISCALE", "control letter", r"(?i:[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z])", codice_fiscale, alone=0.97, near=0.99, chance=0.04),
    Kind("NL_BSN", "eleven test", r"[0-9]{9}|[0-9]{4}\.[0-9]{2}\.[0-9]{3}", bsn, near=0.95, words="bsn|burgerservicenummer|sofinummer", chance=0.09),
    Kind("PL_PESEL", "date of birth, weights", r"[0-9]{11}", pesel, alone=0.4, near=0.97, words="pesel", chance=0.02),
    Kind("BR_CPF", "two check digits", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", cpf, alone=0.95, near=0.99, words="cpf", chance=0.01),
    Kind("BR_CPF", "two check digits", r"[0-9]{11}", cpf, alone=0.45, near=0.97, words="cpf", chance=0.01),
    Kind("BR_CNPJ", "two check digits", r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}/[0-9]{4}-[0-9]{2}|[0-9]{14}", cnpj, alone=0.8, near=0.97, words="cnpj", chance=0.01),
    Kind("CN_RESIDENT_ID", "date of birth, ISO 7064", r"[1-9][0-9]{16}[0-9Xx]", cn_resident, alone=0.95, near=0.99, chance=0.001),
    Kind("AU_TFN", "modulo 11", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", tfn, near=0.95, words="tfn|tax file", chance=0.09),
    Kind("AU_ABN", "modulo 89", r"[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", abn, alone=0.45, near=0.97, words="abn|australian business", chance=0.011),
    Kind("AU_MEDICARE", "weights modulo 10", r"[2-6][0-9]{3} ?[0-9]{5} ?[0-9](?: ?/? ?[1-9])?", medicare, near=0.95, words="medicare", chance=0.1),
    Kind("PASSPORT_NUMBER", "form beside words for a passport", r"[A-Z]{1,2}[0-9]{6,8}|[0-9]{8,9}|[A-Z0-9]{9}|[0-9]{2}[A-Z]{2}[0-9]{5}", _some_digits, alone=0.1, near=0.85,
         words="passports?|passport (?:number|no)|reisepass(?:nummer)?|pasaporte|passeport|passaporto|passaporte|paspoort(?:nummer)?|paszport"),
    Kind("DRIVER_ID", "form beside words for a driving licence", r"[A-Za-z]{0,5}[0-9][A-Za-z0-9]{4,17}|[A-Z0-9]{1,5}(?:[ -][A-Z0-9]{2,8}){1,4}", _some_digits, alone=0.1, near=0.85,
         words=r"driver'?’?s?'? ?licen[cs]e|driving ?licen[cs]e|dl(?: no| number)?|führerschein(?:nummer)?|(?:permiso|licencia) de conducir|permis de conduire|patente di guida|rijbewijs"),
    Kind("LICENSE_PLATE", "form beside words for a plate", r"[A-Z0-9ÄÖÜ]{1,4}[ -][A-Z0-9]{1,5}(?:[ -][A-Z0-9]{1,4})?|[A-Z0-9]{5,8}", _mixed, alone=0.1, near=0.75,
         words="(?:licen[cs]e|number|registration|car) plates?|plate (?:number|no)|registration (?:number|no)|vrn|kennzeichen|matrícula|plaque d'immatriculation|targa|kenteken"),
)  # fmt: skip

# Inside text only: a group `v` marks the value, and the words are part of the form.
IS = r"\s{0,3}(?:is|are|ist|es|est|é|è|was|=|:|->)\s{0,3}"
SECRET = "password|passwd|pwd|passcode|passphrase|passwort|kennwort|contraseña|mot de passe|senha|parola d'ordine|wachtwoord|hasło"
MONTHS = (
    "jan(?:uary|uar|vier|eiro)?|feb(?:ruary|ruar)?|f[eé]v(?:rier|ereiro)?|mar(?:ch|s|zo|ço)?|märz|apr(?:il)?|avril|abr(?:il)?|may|mai|mayo|maio|june?|juni|juin|"
    "jun(?:io|ho)|july?|juli|juillet|jul(?:io|ho)|aug(?:ust)?|août|ago(?:sto)?|sept?(?:ember|embre|iembre)?|set(?:embro)?|o[ck]t(?:ober|obre|ubre)?|out(?:ubro)?|"
    "nov(?:ember|embre|iembre|embro)?|de[czs](?:ember|embre|iembre|embro)?|déc(?:embre)?|ene(?:ro)?|gennaio|febbraio|febrero|maggio|giugno|luglio|settembre|ottobre|dicembre"
)
CLOCK = r"(?:[T ,]{1,2}[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?(?: ?[AaPp][Mm]|Z)?)?"
BIRTH = r"born|birth|birthday|birthdate|dob|d\.o\.b|geboren|geburtsdatum|geburtstag|nacid[oa]|nacimiento|née?|naissance|nat[oa]|nascita|nascid[oa]|nascimento|geboortedatum|urodzen[iy]a?"
WORD = r"[^\W\d_a-zß-öø-ÿ][^\W\d_]{0,20}(?:['’-][^\W\d_]{1,20}){0,2}"
PERSON = (
    rf"{WORD}(?:(?: (?:{WORD}|[A-Z]\.)| (?:van|von|de|del|della|di|da|dos|der|den|la|le|bin|al|zu)){{0,3}} {WORD})?"
)
TITLES = r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Sir|Dame|Rev|Herrn?|Frau|Señora?|Sra?|Doña|Monsieur|Madame|Mme|Mlle|Signora?|Sig|Dhr|Mevr)\.?"
# The words behind which names stand; "hello" and its like say less.
CALLED = r"my name is|my name's|name is|(?:full|first|last|sur|given|family) ?name|name|mi nombre es|me llamo|ich hei(?:ß|ss)e|mein name ist|je m'appelle|mi chiamo|meu nome é|ik heet|nazywam się|signed by|sincerely|(?:best|kind)? ?regards|yours truly|attn|patient|customer|client|employee|contact person|mit freundlichen grüßen|atentamente|cordialement"
GREETED = r"dear|hi|hello|hey|liebe[r]?|hallo|hola|estimad[oa]|querid[oa]|bonjour|cher|chère|ciao|gentile|beste|this is|i am|i'm"
CAPITAL = r"[^\W\d_a-zß-öø-ÿ][\w'’.-]{0,30}"
STREET = (
    "Street|St|Avenue|Ave|Av|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq|Way|Terrace|Ter|Parkway|Pkwy|Highway|Hwy|Circle|Cir|Trail|Trl|Close|"
    "Crescent|Cres|Grove|Gardens|Mews|Row|Alley|Plaza|Loop|Pike|Turnpike|Quay|Walk|Run|Ridge|Hill|Rise|Parade|Esplanade|Mall|Bypass"
)
UNIT = r"(?:,?\s{1,5}(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Room|#)\.? ?#?[A-Za-z0-9-]{1,8})?"
STATES = "AL|AK|AZ|AR|CA|CO|CT|DE|DC|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|PR|AA|AE|AP"
TOWN = rf"(?:,?\s{{1,6}}{CAPITAL}(?: {CAPITAL}){{0,2}})?(?:,?\s{{1,6}}(?:{STATES}))?(?:,?\s{{1,6}}[0-9]{{5}}(?:-[0-9]{{4}})?)?"
UK_POSTCODE = r"(?:[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][ABD-HJLNP-UW-Z]{2}|GIR ?0AA)"
CA_POSTCODE = r"[ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z][ -]?[0-9][ABCEGHJ-NPRSTV-Z][0-9]"
NUMBER = r"[0-9]{1,5}(?:[ -]?[A-Za-z])?(?:[/-][0-9]{1,5})?"

COMMON = (
    "there all team everyone everybody sir madam friends folks customer colleague colleagues sirs hiring manager the a an not so very just please we you it this that is i "
    "street road avenue monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december "
    "thanks thank mr mrs ms dr what how where when why who can could if in on at to for from of and or but my your our their his her its new united great north south east west"
)
NO_NAMES = frozenset(COMMON.split())  # begin sentences and greetings, and are no names


def _is_name(value: str) -> bool:
    words = value.split()
    big = [w for w in words if w[0].isupper() or w[0].isalpha() and not w[0].islower()]
    known = [w for w in words if w.lower().strip(".'’") in NO_NAMES]
    return bool(big) and not known and not (len(words) == 1 and len(value) < 2)


def _plausible_age(value: str) -> bool:
    return 0 < int(re.sub("[^0-9]", "", value) or 0) <= 120


TEXT_KINDS = (
    Kind("PASSWORD", "beside a word for password", rf"(?i:{SECRET}){IS}[\"'“]?(?P<v>[^\s\"'”]{{3,63}}[^\s\"'”.,;:!?)])", alone=0.85, needs=""),
    Kind("PIN", "beside a word for PIN", rf"(?:PIN|(?i:pin ?(?:code|number|no)|personal identification number|geheimzahl))(?:\s?(?:code|number|no\.?))?(?:{IS}|\s)(?P<v>[0-9]{{4,8}})", alone=0.85),
    Kind("USERNAME", "beside a word for user name", rf"(?i:user ?-?_?names?|user ?id|login(?: name)?|benutzername|nombre de usuario|nom d'utilisateur|gebruikersnaam|screen ?name){IS}[\"'“]?(?P<v>[\w.@-]{{2,63}}\w)", alone=0.8, needs=""),
    Kind("USERNAME", "handle", r"(?P<v>@[A-Za-z_][A-Za-z0-9_]{2,29})", alone=0.45, near=0.7, words="twitter|instagram|telegram|follow|handle|github|tiktok", needs="@"),
    Kind("CREDIT_DEBIT_CVV", "beside a word for the card's code", r"(?i:cvv2?|cvc2?|csc|card (?:verification|security) (?:code|value|number)|security code|prüfziffer|código de seguridad|cryptogramme)[^0-9\n]{0,15}(?P<v>[0-9]{3,4})", alone=0.9),
    Kind("CREDIT_DEBIT_EXPIRY", "beside a word for expiry", r"(?i:exp(?:iry|ires|iration|\.)?|valid (?:thru|through|until)|gültig bis|vencimiento|caducidad|expire le|scadenza)[^0-9\n]{0,15}(?P<v>(?:0[1-9]|1[0-2]) ?[/-] ?(?:20)?[0-9]{2})", alone=0.85),
    Kind("DATE_TIME", "date", rf"(?P<v>[0-9]{{4}}[-/.][0-9]{{1,2}}[-/.][0-9]{{1,2}}{CLOCK}|[0-9]{{1,2}}[-/.][0-9]{{1,2}}[-/.](?:[0-9]{{4}}|[0-9]{{2}}){CLOCK})", _may_be_date, alone=0.5, near=0.9, words=BIRTH),
    Kind("DATE_TIME", "date with a month's name", rf"(?P<v>(?i:[0-9]{{1,2}}(?:st|nd|rd|th|\.|º)?(?: of| de)? ?-?(?:{MONTHS})\.?(?: of| de|,)? ?-?(?:[0-9]{{4}}|[0-9]{{2}})?|(?:{MONTHS})\.? [0-9]{{1,2}}(?:st|nd|rd|th)?(?:,? [0-9]{{4}})?|(?:{MONTHS})\.?,? [0-9]{{4}}){CLOCK})", alone=0.5, near=0.9, words=BIRTH),
    Kind("DATE_TIME", "year behind a word of time", r"(?i:\b(?:in|since|until|till|during|before|after|year|by|from|circa|born)) (?P<v>(?:1[5-9]|20)[0-9]{2})", alone=0.45, near=0.7, words=BIRTH),
    Kind("AGE", "beside words for age", r"(?i:\b(?:aged?|turn(?:ed|ing|s)?|(?:he|she) was|age(?: is| of|:))) {0,3}(?P<v>[0-9]{1,3})", _plausible_age, alone=0.75),
    Kind("AGE", "years of age", r"(?P<v>[0-9]{1,3}[ -]?(?i:years?[ -]old|year-old|yrs? old|y/o|yo|jahre alt|años(?: de edad)?|ans|anni|anos|jaar oud))", _plausible_age, alone=0.75),
    Kind("AGE", "I am, he is, she is", r"(?i:\b(?:i'm|i am|he's|she's|he is|she is)) (?P<v>[0-9]{1,2})(?= ?(?:[.,;!?]|$|and|now|years))", _plausible_age, alone=0.6),
    Kind("NAME", "behind a title", rf"{TITLES} (?P<v>{PERSON})", _is_name, alone=0.75, needs=""),
    Kind("NAME", "behind words that introduce a name", rf"(?i:\b(?:{CALLED}))(?:{IS}|[ ,:]\s{{0,3}})(?:{TITLES} )?(?P<v>{PERSON})", _is_name, alone=0.7, needs=""),
    Kind("NAME", "behind a greeting", rf"(?i:\b(?:{GREETED})),? (?P<v>{PERSON})", _is_name, alone=0.5, needs=""),
    Kind("NAME", "two or three capitalised words near words about a person", rf"(?P<v>{WORD}(?: [A-Z]\.?)? {WORD})", _is_name, alone=0.2, near=0.45, needs="",
         words="name|named|called|patient|customer|client|employee|colleague|mother|father|brother|sister|wife|husband|son|daughter|friend|met|told|asked|spoke|born|sincerely|regards|contact|signed|with"),
    Kind("ADDRESS", "number and street", rf"(?P<v>{NUMBER},? (?:(?:[NSEW]|North|South|East|West)\.? )?(?:{CAPITAL} |[0-9]{{1,3}}(?:st|nd|rd|th) ){{1,4}}(?:{STREET})\b\.?{UNIT}{TOWN})", alone=0.75),
    Kind("ADDRESS", "German or Dutch street and number", rf"(?P<v>{CAPITAL}(?:[- ]{CAPITAL}){{0,2}}(?:straße|strasse|str\.|weg|gasse|platz|allee|damm|ufer|straat|laan|plein|gracht|kade|dijk|gatan|vägen|gata|vegen|veien|gade|vej|katu) ?{NUMBER}(?:,?\s{{1,4}}[0-9]{{4,5}}(?: ?[A-Z]{{2}})? {CAPITAL})?)", alone=0.75),
    Kind("ADDRESS", "German street of two words and number", rf"(?P<v>{CAPITAL} (?:Straße|Strasse|Str\.|Weg|Gasse|Platz|Allee|Ring|Damm|Ufer|Chaussee) {NUMBER}(?:,?\s{{1,4}}[0-9]{{5}} {CAPITAL})?)", alone=0.75),
    Kind("ADDRESS", "Nordic, number first", rf"(?P<v>{NUMBER} {CAPITAL}(?:gatan|vägen|gata|vegen|veien|gade|vej|tie|katu|straat|laan|weg|straße|strasse))", alone=0.65),
    Kind("ADDRESS", "French street", rf"(?P<v>[0-9]{{1,4}}(?: ?(?:bis|ter))?,? (?i:rue|avenue|boulevard|place|chemin|impasse|quai|allée|route|cours|square|faubourg) (?:(?:de|du|des|la|le|les|l'|d') ?){{0,2}}{CAPITAL}(?: (?:(?:de|du|des|la) ){{0,2}}{CAPITAL}){{0,3}}(?:,?\s{{1,4}}[0-9]{{5}} {CAPITAL})?)", alone=0.75),
    Kind("ADDRESS", "Spanish, Portuguese, Italian or Polish street", rf"(?P<v>(?:Calle|C/|Avenida|Avda\.?|Av\.|Plaza|Paseo|Camino|Carretera|Rua|R\.|Travessa|Praça|Largo|Estrada|Via|Viale|Piazza|Corso|Vicolo|Strada|ul\.|al\.|pl\.) ?(?:(?:de|del|da|do|dos|della|la|las|los) ){{0,2}}{CAPITAL}(?: (?:(?:de|del|da|do|la) ){{0,2}}{CAPITAL}){{0,4}},? (?:n[ºo°]\.? ?)?[0-9]{{1,5}}(?:[ /-]?[A-Za-z0-9]{{1,4}}\b)?)", alone=0.75),
    Kind("ADDRESS", "post office box", r"(?P<v>(?i:P\.? ?O\.? ?Box|Post Office Box|Postfach|Apartado(?: de correos)?|Caixa Postal|Casella Postale|Boîte Postale|Postbus) [0-9]{1,6})", alone=0.85),
    Kind("ADDRESS", "UK post code", rf"(?P<v>{UK_POSTCODE})", alone=0.5, near=0.85, words="address|postcode|post code|london|uk|street|road"),
    Kind("ADDRESS", "Canadian post code", rf"(?P<v>{CA_POSTCODE})", alone=0.6, near=0.85, words="address|postal code|canada|ontario|street"),
    Kind("ADDRESS", "state and ZIP code", rf"(?P<v>(?:{STATES}),? [0-9]{{5}}(?:-[0-9]{{4}})?)", alone=0.6, near=0.85, words="address|zip|street|city|state"),
    Kind("ADDRESS", "beside a word for post code", rf"(?i:\b(?:zip|zip ?code|post ?code|postal code|plz|postleitzahl|code postal|código postal|cep|cap))(?:{IS}|\s)(?P<v>[0-9][0-9 -]{{1,8}}[0-9]|{UK_POSTCODE})", alone=0.75),
)  # fmt: skip
