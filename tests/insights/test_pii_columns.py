"""Personal data in columns: identifiers by form and check digits, sentences, names of columns, and the steps that hide them."""

from __future__ import annotations

import duckdb
import pytest

from insights import pii
from transforms.recipe import Recipe
from workspace.sql import connect, text


@pytest.fixture
def con():
    found = connect()
    yield found
    found.close()


def look(con, values, name="x", **settings):
    rows = ", ".join(f"({text(v)})" for v in values)
    report = pii.find(con, f'(VALUES {rows}) t("{name}")', **settings)
    return report.columns[0].entities, report


def test_national_numbers_by_their_check_digits(con):
    (best, *_), _ = look(con, ["390.533.447-05"])
    assert (best.type, best.share, best.rows, best.evidence) == ("BR_CPF", 1.0, 1, "values")
    (best, *_), _ = look(con, ["54362315K", "12345678Z"])
    assert best.type == "ES_DNI"


def test_a_weak_number_needs_its_name_or_more_of_it_than_chance_gives(con):
    assert look(con, ["111222333"])[0] == []
    (best, *_), _ = look(con, ["111222333"], name="BSN")
    assert (best.type, best.confidence, best.evidence) == ("NL_BSN", 0.95, "values and column name")
    con.execute(
        "CREATE TABLE many AS SELECT d FROM (SELECT 100000000 + i AS d, list_sum(list_transform(range(9), lambda k: "
        "substr((100000000 + i)::VARCHAR, k::INT + 1, 1)::INT * [9, 8, 7, 6, 5, 4, 3, 2, -1][k + 1])) AS s FROM range(2000) r(i)) WHERE s % 11 = 0"
    )
    assert "NL_BSN" in {e.type for e in pii.find(con, "many").columns[0].entities}


def test_running_numbers_are_nobodys_number(con):
    con.execute("CREATE TABLE t AS SELECT 100000000 + i AS id, 44051400000 + i AS other FROM range(3000) r(i)")
    assert not pii.find(con, "t").found


def test_a_sample_does_not_rule_out_what_a_tenth_of_the_rows_has(con):
    con.execute(
        "CREATE TABLE t AS SELECT CASE WHEN i % 5 = 0 THEN 'AKIA' || lpad(i::VARCHAR, 16, '0') ELSE 'v' || i END AS x FROM range(20000) r(i)"
    )
    (key,) = pii.find(con, "t").columns[0].entities
    assert (key.type, key.share, key.rows) == ("AWS_ACCESS_KEY", 0.2, 4000)


def test_tokens_and_vehicles(con):
    assert look(con, ["AKIAIOSFODNN7EXAMPLE"])[0][0].type == "AWS_ACCESS_KEY"
    assert look(con, ["1M8GDM9AXKP042788"])[0][0].type == "VEHICLE_IDENTIFICATION_NUMBER"


SENTENCES = [
    "My name is Ann Roe, call +49 30 901820.",
    "Nothing to see in this one.",
    "I live at 221 Baker Street now.",
]


def test_sentences_are_read(con):
    entities, _ = look(con, SENTENCES)
    shares = {e.type: e.share for e in entities}
    assert all(e.inside for e in entities)
    assert shares == {"NAME": pytest.approx(1 / 3), "PHONE": pytest.approx(1 / 3), "ADDRESS": pytest.approx(1 / 3)}


def test_bound_on_sentences_is_said(con):
    _, report = look(con, SENTENCES, max_texts=2)
    assert any("2 of 3 different texts were read" in note for note in report.notes)


@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("Geburtsdatum", "DATE_TIME"),
        ("Straße", "ADDRESS"),
        ("teléfono", "PHONE"),
        ("correo electrónico", "EMAIL"),
        ("Prénom", "NAME"),
        ("código postal", "ADDRESS"),
        ("电话", "PHONE"),
        ("codice_fiscale", "IT_CODICE_FISCALE"),
        ("driver_id", None),
        ("portable", None),
    ],
)
def test_names_of_columns_in_several_languages(name, entity):
    assert pii.by_name(name) == entity


def test_odd_names_and_empty_columns(con):
    con.execute("""CREATE TABLE t ("a""b'c" VARCHAR, "select" VARCHAR, blank VARCHAR, flag BOOLEAN)""")
    assert not pii.find(con, "t").found
    con.execute("INSERT INTO t VALUES ('a@b.org', NULL, ' ', true)")
    assert [(c.name, c.entities[0].type) for c in pii.find(con, "t").found] == [("a\"b'c", "EMAIL")]


def test_nothing_is_left_behind_in_the_connection(con):
    con.execute("CREATE TABLE t AS SELECT 'a@b.org' AS x")
    pii.find(con, "t")
    assert con.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("t",)]
    with pytest.raises(duckdb.Error):
        con.execute("SELECT tilth_pii_inside('x')")


PEOPLE = """(SELECT * FROM (VALUES
    ('Ann Roe', 'ann@x.org', '4111111111111111', 'hunter22', 37, DATE '1987-01-31', 'mail ann@x.org or bo@y.org now'),
    ('Bo Lee', 'bo@y.org', '5555555555554444', 'secret!', 41, DATE '1983-05-06', 'nothing in this one here')
    ) v("full name", email, card, password, age, birthday, note))"""


def test_steps_hide_what_was_found(con):
    steps = pii.steps(pii.find(con, PEOPLE))
    assert steps == [
        {"transform": "privacy.mask", "settings": {"columns": ["full name", "email"], "show": 0}},
        {"transform": "privacy.mask", "settings": {"columns": ["card"], "show": 4}},
        {"transform": "privacy.null_out", "settings": {"columns": ["password"]}},
        {"transform": "privacy.generalise", "settings": {"columns": ["age"], "step": 10.0}},
        {"transform": "privacy.generalise", "settings": {"columns": ["birthday"], "period": "year"}},
        {"transform": "privacy.redact_text", "settings": {"columns": ["note"], "types": ["EMAIL"]}},
    ]


@pytest.mark.parametrize("how", ["mask", "pseudonym", "hash", "remove", "drop"])
def test_the_steps_run_and_nothing_is_found_in_values_afterwards(con, how):
    recipe = Recipe()
    for step in pii.steps(pii.find(con, PEOPLE), how, key="EXAMPLE"):
        recipe = recipe.add(step["transform"], step["settings"])
    people = con.sql(f"SELECT *, 1 AS one FROM {PEOPLE}").to_arrow_table()
    con.register("hidden", recipe.fit(people, con=con).run(people, con).to_arrow_table())
    found = pii.find(con, "hidden")
    left = {e.type for c in found.columns for e in c.entities if e.evidence != "column name"}
    assert not [c for c in found.columns if c.name == "note" and c.entities]
    assert not left & {"EMAIL", "CREDIT_DEBIT_NUMBER", "PHONE"}
    assert "hunter22" not in str(con.execute("FROM hidden").fetchall())
