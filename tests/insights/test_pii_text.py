"""Personal data inside text: types, offsets, what stands near, and what is left alone."""

from __future__ import annotations

import pytest

from insights.pii import find_in_text
from transforms.errors import InputError


def found(text, **settings):
    return [(f.type, f.text) for f in find_in_text(text, with_text=True, **settings)]


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("Write to ann.roe@example.co.uk.", "EMAIL", "ann.roe@example.co.uk"),
        ("see https://example.org/a?b=c, or", "URL", "https://example.org/a?b=c"),
        ("my site is example.org now", "URL", "example.org"),
        ("from 192.0.2.33.", "IP_ADDRESS", "192.0.2.33"),
        ("host 2001:db8::1 is up", "IP_ADDRESS", "2001:db8::1"),
        ("at 00:1A:2b:3c:4D:5e", "MAC_ADDRESS", "00:1A:2b:3c:4D:5e"),
        ("paid by 4111 1111 1111 1111!", "CREDIT_DEBIT_NUMBER", "4111 1111 1111 1111"),
        ("the card, CVV: 123", "CREDIT_DEBIT_CVV", "123"),
        ("valid thru 04/29", "CREDIT_DEBIT_EXPIRY", "04/29"),
        ("GB82 WEST 1234 5698 7654 32 is mine", "INTERNATIONAL_BANK_ACCOUNT_NUMBER", "GB82 WEST 1234 5698 7654 32"),
        ("SWIFT code DEUTDEFF500", "SWIFT_CODE", "DEUTDEFF500"),
        ("routing 021000021", "BANK_ROUTING", "021000021"),
        ("account number 0012345678", "BANK_ACCOUNT_NUMBER", "0012345678"),
        ("call +49 30 901820 today", "PHONE", "+49 30 901820"),
        ("call (555) 010-4477", "PHONE", "(555) 010-4477"),
        ("key AKIAIOSFODNN7EXAMPLE", "AWS_ACCESS_KEY", "AKIAIOSFODNN7EXAMPLE"),
        (
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_SECRET_KEY",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ),
        ("use ghp_" + "a1" * 18, "ACCESS_TOKEN", "ghp_" + "a1" * 18),
        ("password: hunter22!x", "PASSWORD", "hunter22!x"),
        ("PIN is 4321", "PIN", "4321"),
        ("username: wasco1982", "USERNAME", "wasco1982"),
        ("SSN 078-05-1120", "SSN", "078-05-1120"),
        ("ITIN 912-90-3456", "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER", "912-90-3456"),
        ("NI AB 12 34 56 C", "UK_NATIONAL_INSURANCE_NUMBER", "AB 12 34 56 C"),
        ("NHS 943 476 5919", "UK_NATIONAL_HEALTH_SERVICE_NUMBER", "943 476 5919"),
        ("UTR 1955839661", "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER", "1955839661"),
        ("SIN 130 692 544", "CA_SOCIAL_INSURANCE_NUMBER", "130 692 544"),
        ("Aadhaar 2341 2341 2346", "IN_AADHAAR", "2341 2341 2346"),
        ("PAN AAAPA1234A", "IN_PERMANENT_ACCOUNT_NUMBER", "AAAPA1234A"),
        ("voter id ABC1234567", "IN_VOTER_NUMBER", "ABC1234567"),
        ("Steuer-ID 86095742719", "DE_TAX_ID", "86095742719"),
        ("NIR 2 95 10 99 126 111 93", "FR_NIR", "2 95 10 99 126 111 93"),
        ("DNI 54362315K", "ES_DNI", "54362315K"),
        ("NIE X2482300W", "ES_NIE", "X2482300W"),
        ("CF RCCMNL83S18D969H", "IT_CODICE_FISCALE", "RCCMNL83S18D969H"),
        ("BSN 111222333", "NL_BSN", "111222333"),
        ("PESEL 44051401359", "PL_PESEL", "44051401359"),
        ("CPF 390.533.447-05", "BR_CPF", "390.533.447-05"),
        ("CNPJ 16.727.230/0001-97", "BR_CNPJ", "16.727.230/0001-97"),
        ("id 11010519491231002X", "CN_RESIDENT_ID", "11010519491231002X"),
        ("TFN 123 456 782", "AU_TFN", "123 456 782"),
        ("ABN 51 824 753 556", "AU_ABN", "51 824 753 556"),
        ("Medicare 2123 45670 1", "AU_MEDICARE", "2123 45670 1"),
        ("passport no C01234567", "PASSPORT_NUMBER", "C01234567"),
        ("driver's license D1234567", "DRIVER_ID", "D1234567"),
        ("license plate 7ABC123", "LICENSE_PLATE", "7ABC123"),
        ("VIN 1M8GDM9AXKP042788", "VEHICLE_IDENTIFICATION_NUMBER", "1M8GDM9AXKP042788"),
        ("born 31.01.1987", "DATE_TIME", "31.01.1987"),
        ("on January 5th, 2020 we", "DATE_TIME", "January 5th, 2020"),
        ("a 35-year-old man", "AGE", "35-year-old"),
        ("my name is Ann Roe", "NAME", "Ann Roe"),
        ("Frau Müller kam", "NAME", "Müller"),
        ("at 221B Baker Street today", "ADDRESS", "221B Baker Street"),
        ("in der Hauptstraße 12", "ADDRESS", "Hauptstraße 12"),
        ("au 12 rue de la Paix", "ADDRESS", "12 rue de la Paix"),
        ("en Calle Mayor 5", "ADDRESS", "Calle Mayor 5"),
        ("postcode SW1A 1AA", "ADDRESS", "SW1A 1AA"),
    ],
)
def test_what_is_found(text, entity, value):
    assert (entity, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The total is 1,234,567.89 at 12:34:56.",
        "4111 1111 1111 1112 is no card",
        "GB82 WEST 1234 5698 7654 33 has wrong check digits",
        "version 1.2.3.4.5, see main.py and run.sh",
        "order 943476591 of 021000021 items",
        "INTRODUCTORY DOCUMENT",
        "Spring 2020 and During 1971",
        "std::dead::beef",
        "666-12-3456",
        "commit da39a3ee5e6b4b0d3255bfef95601890afd80709",
    ],
)
def test_what_is_not(text):
    assert found(text, types=tuple(t for t in ALL if t != "DATE_TIME")) == []


ALL = {entity for _, entity, _ in next(m for m in test_what_is_found.pytestmark if m.name == "parametrize").args[1]}


def test_offsets_are_characters():
    (one,) = find_in_text("Grüße an 😀 ann@x.org")
    assert (one.start, one.end, one.text) == (11, 20, None)


def test_the_surer_of_two_that_overlap_stays():
    assert found("write to ann@example.org") == [("EMAIL", "ann@example.org")]
    assert [t for t, _ in found("On 2000-04-16 11:34:35, the")] == ["DATE_TIME"]


def test_words_close_by_add_confidence():
    (alone,) = find_in_text("078-05-1120")
    (near,) = find_in_text("SSN: 078-05-1120")
    assert (alone.confidence, near.confidence) == (0.85, 0.98)
    assert "close by" in near.why and "078" not in near.why
    assert found("BSN 111222333") and not found("item 111222333")


def test_the_value_is_not_printed():
    (one,) = find_in_text("ann@x.org", with_text=True)
    assert one.text == "ann@x.org" and "ann" not in repr(one)


def test_types_and_least():
    text = "ann@x.org, 12 Main Street"
    assert [t for t, _ in found(text, types=("ADDRESS",))] == ["ADDRESS"]
    assert [t for t, _ in found(text, least=0.9)] == ["EMAIL"]


@pytest.mark.parametrize(("text", "least"), [(5, 0.4), ("x", 2)])
def test_bad_input_is_one_sentence(text, least):
    with pytest.raises(InputError):
        find_in_text(text, least=least)


@pytest.mark.parametrize(
    "piece", ["a", "1", "1 ", "a@", "A b", "http://", "1.", "::", "-----BEGIN PRIVATE KEY-----", "Ann Roe ", "a.", "1-"]
)
def test_no_text_takes_for_ever(piece):
    """A form that took exponential time would not end."""
    assert isinstance(find_in_text(piece * (20_000 // len(piece))), list)
