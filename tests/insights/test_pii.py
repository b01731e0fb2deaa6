"""Personal data: patterns and checksums by hand, and the labelled table of fake people."""

from __future__ import annotations

import json

import pytest

from insights import pii
from workspace.sql import connect, text


@pytest.fixture
def con():
    found = connect()
    yield found
    found.close()


def types(con, *values, name="x"):
    rows = ", ".join(f"({text(v)})" for v in values)
    (column,) = pii.find(con, f'(VALUES {rows}) t("{name}")').columns
    return {e.type: (e.rows, e.confidence) for e in column.entities}


# Test numbers of the card schemes, the IBAN registry and RFC 5737/3849.
@pytest.mark.parametrize(
    ("value", "entity"),
    [
        ("ann.o'neil+x@mail.example.co.uk", "EMAIL"),
        ("write to <a@b.org>.", "EMAIL"),
        ("4111 1111 1111 1111", "CREDIT_DEBIT_NUMBER"),
        ("378282246310005", "CREDIT_DEBIT_NUMBER"),
        ("6011-1111-1111-1117", "CREDIT_DEBIT_NUMBER"),
        ("GB82 WEST 1234 5698 7654 32", "INTERNATIONAL_BANK_ACCOUNT_NUMBER"),
        ("NO9386011117947", "INTERNATIONAL_BANK_ACCOUNT_NUMBER"),
        ("192.0.2.33", "IP_ADDRESS"),
        ("2001:db8::1", "IP_ADDRESS"),
        ("00:1A:2b:3c:4D:5e", "MAC_ADDRESS"),
        ("078-05-1120", "SSN"),
        ("https://example.org/a?b=c", "URL"),
        ("+49 (0)731 123-456", "PHONE"),
        ("(555) 010-4477", "PHONE"),
    ],
)
def test_what_is_found(con, value, entity):
    assert entity in types(con, value)


@pytest.mark.parametrize(
    "value",
    [
        "4111 1111 1111 1112",
        "GB82 WEST 1234 5698 7654 33",
        "2024-01-31",
        "12.5",
        "1,234,567",
        "300.1.2.3",
        "1.2.3.4.5",
        "000-12-3456",
        "a@b",
        "12345",
        "Ulm",
        "",
    ],
)
def test_what_is_not(con, value):
    assert types(con, value) == {}


def test_an_email_is_not_also_an_address_of_the_web(con):
    assert set(types(con, "a@example.org")) == {"EMAIL"}


def test_long_numbers_that_pass_luhn_by_chance_are_no_cards(con):
    con.execute("CREATE TABLE t AS SELECT 4000000000000000 + i AS id FROM range(1000) r(i)")
    assert not pii.find(con, "t").found


def test_shares_are_of_known_rows(con):
    (column,) = pii.find(con, "(VALUES ('a@b.org'), ('a@b.org'), ('none'), ('x'), (NULL)) t(x)").columns
    (email,) = column.entities
    assert (email.share, email.rows, column.values_looked_at) == (0.5, 2, 3)


def test_a_column_name_adds_to_weak_evidence(con):
    assert types(con, "(555) 010-4477")["PHONE"] == (1, 0.5)
    assert types(con, "(555) 010-4477", name="Home Phone")["PHONE"] == (1, 0.9)


@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("first_name", "NAME"),
        ("MothersMaiden", "NAME"),
        ("filename", None),
        ("email_address", "EMAIL"),
        ("user name", "USERNAME"),
        ("DoB", "DATE_TIME"),
        ("image", None),
        ("package", None),
    ],
)
def test_names_of_columns(name, entity):
    assert pii.by_name(name) == entity


def test_more_values_than_the_bound_is_said(con):
    report = pii.find(con, "(SELECT 'v' || i AS x FROM range(100) r(i))", max_distinct=10)
    assert "more than 10 different values" in report.notes[0]


def test_the_table_of_fake_people(con, shared):
    """What values and column names can tell, without a false alarm. States and countries alone are not personal."""
    path = text(str(shared / "data/pii/fakename_3000.csv"))
    con.execute(f"CREATE TABLE t AS FROM read_csv({path}, all_varchar = true)")
    truth = json.loads((shared / "data/pii/table_labels_and_baseline.json").read_text())["truth"]
    found = {c.name: c.entities[0].type for c in pii.find(con, "t").found}
    for column, entity in found.items():
        assert entity == truth[column], column
    missed = {c for c, entity in truth.items() if entity and c not in found}
    assert missed == {"State", "StateFull", "Country", "CountryFull"}
