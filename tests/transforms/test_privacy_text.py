"""privacy.redact_text: hand-made texts with what must be hidden in each, on DuckDB and in exported code."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.errors import ParamError
from transforms.export import export
from transforms.personal import checksums, finder, forms
from transforms.personal.own import problem_of
from transforms.personal.redaction import personal_counts, redacted_text

# Test numbers: card schemes' own, ISO 13616's example, RFC 5737, SSA's advertised 078-05-1120; each text worked out by hand.
TEXTS = {
    "Call +49 30 901820 or mail ann@x.org.": "Call [PHONE] or mail [EMAIL].",
    "Card 4111-1111-1111-1111, exp 04/27, CVV 123": "Card [CREDIT_DEBIT_NUMBER], exp [CREDIT_DEBIT_EXPIRY], CVV [CREDIT_DEBIT_CVV]",
    "Card 4111-1111-1111-1112": "Card 4111-1111-1111-1112",
    "IBAN GB82 WEST 1234 5698 7654 32!": "IBAN [INTERNATIONAL_BANK_ACCOUNT_NUMBER]!",
    "SSN 078-05-1120; host 192.0.2.33": "SSN [SSN]; host [IP_ADDRESS]",
    "Sincerely, Ann Roe": "Sincerely, [NAME]",
    "password: hunter22 and PIN is 4711": "password: [PASSWORD] and PIN is [PIN]",
    "Nothing to hide in 12 of 13 cases.": "Nothing to hide in 12 of 13 cases.",
    "": "",
}


def run(texts, **settings):
    recipe = Recipe().add("privacy.redact_text", {"columns": ["t"], **settings})
    table = pa.table({"t": pa.array(list(texts), pa.string())})
    return recipe.fit(table).run(table).to_arrow_table().to_pydict()


def plain(text, how="name the type", **settings):
    usual = {"types": [], "least": 0.4, "symbol": "*", "key": "EXAMPLE", "own": [], "keep": []}
    return redacted_text(text, how=how, **{**usual, **settings})


@pytest.mark.parametrize(("text", "hidden"), TEXTS.items())
def test_what_is_hidden(text, hidden):
    assert plain(text) == hidden


@pytest.mark.parametrize("how", ["name the type", "cover", "keyed pseudonym"])
@pytest.mark.parametrize("text", TEXTS)
def test_what_was_hidden_is_not_found_again(text, how):
    once = plain(text, how)
    assert plain(once, how) == once
    assert personal_counts(once, types=[], least=0.4, own=[], keep=[]) == ""


def test_duckdb_and_missing():
    assert run([*TEXTS, None])["t"] == [*TEXTS.values(), None]


def test_exported_code_gives_the_same_without_tilth(tmp_path):
    pytest.importorskip("phonenumbers", reason="the exported code imports it")
    table = pa.table({"t": pa.array([*TEXTS, None], pa.string())})
    settings = {"columns": ["t"], "found_suffix": "_found", "own": [{"name": "STAFF_ID", "pattern": "EMP-[0-9]+"}]}
    code = export(Recipe().add("privacy.redact_text", settings).fit(table), "pandas")
    assert "phonenumbers" in code.split('"""')[1]  # the head names what must be installed
    (tmp_path / "prepare.py").write_text(code)
    (tmp_path / "use.py").write_text(
        "import json, sys\nimport pandas as pd\nimport prepare\n"
        "df = pd.DataFrame({'t': pd.Series(json.load(open('in.json')), dtype='string')})\n"
        "out = prepare.prepare(df)\n"
        "assert not any(m.split('.')[0] in ('transforms', 'insights') for m in sys.modules)\n"
        "print(json.dumps([None if pd.isna(v) else v for v in out['t']]))\n"
    )
    import json

    (tmp_path / "in.json").write_text(json.dumps([*TEXTS, None]))
    done = subprocess.run([sys.executable, "use.py"], cwd=tmp_path, capture_output=True, text=True, env={"PATH": ""})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [*TEXTS.values(), None]


def test_types_confidence_and_values_to_keep():
    text = "ann@x.org, 192.0.2.33, me@x.org"
    assert plain(text, types=["IP_ADDRESS"]) == "ann@x.org, [IP_ADDRESS], me@x.org"
    assert plain(text, least=0.95, keep=["ME@x.org "]) == "[EMAIL], 192.0.2.33, me@x.org"


def test_covering_keeps_blanks_and_pseudonyms_are_the_same():
    assert plain("IBAN GB82 WEST 1234 5698 7654 32", "cover") == "IBAN **** **** **** **** **** **"
    first, second, other = plain("a@b.org A@b.org c@b.org", "keyed pseudonym")[1:-1].split("] [")
    assert first == second != other
    assert first.startswith("EMAIL ") and len(first) == 16


def test_what_was_found_beside_it():
    found = run(["a@b.org or c@d.org, 192.0.2.33", "nothing", None], found_suffix="_found", suffix="_safe")
    assert found["t_found"] == ["EMAIL 2, IP_ADDRESS 1", "", None]
    assert found["t"][0].startswith("a@b.org") and found["t_safe"][0] == "[EMAIL] or [EMAIL], [IP_ADDRESS]"


def test_own_patterns_with_and_without_words():
    own = [["STAFF_ID", "EMP-[0-9]{4}", ""], ["ROOM", "[A-Z][0-9]{2}", "room"]]
    assert plain("EMP-0042 sits in room B12, not C13 (which is long gone from this house plan)", own=own) == (
        "[STAFF_ID] sits in room [ROOM], not [ROOM] (which is long gone from this house plan)"
    )
    assert plain("B12", own=own) == "B12"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"symbol": "x"}, "cannot be covered with 'x'"),
        ({"own": [{"name": "A_B", "pattern": "(a+)+"}]}, "repeats a repetition"),
        ({"own": [{"name": "A_B", "pattern": "(a|aa)+b"}]}, "alternatives inside a repetition"),
        ({"found_suffix": "_x", "suffix": "_x"}, "different endings"),
        ({"found_suffix": "2"}, "exists already"),
    ],
)
def test_refusals(settings, message):
    recipe = Recipe().add("privacy.redact_text", {"columns": ["t"], **settings})
    table = pa.table({"t": ["x"], "t2": ["y"]})
    with pytest.raises(ParamError, match=message):
        recipe.fit(table).run(table).to_arrow_table()


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("", "it is empty"),
        ("x*", "fits an empty text"),
        ("[", "no regular expression"),
        ("(?=a)a", "looks around"),
        (r"(a)\1", "refers back"),
        ("(a*b*)*c", "repeats a repetition"),
        ("a" * 501, "longer than 500"),
        ("EMP-[0-9]{6}", None),
        ("(?:[A-Z]{2}-)?[0-9]{4,8}", None),
    ],
)
def test_own_patterns_that_may_take_for_ever_are_refused(pattern, problem):
    found = problem_of(pattern)
    assert (found is None) if problem is None else problem in found


def test_names_of_the_modules_do_not_meet_in_the_exported_code():
    """They become one function: a name that two of them define would be another's."""
    names = [
        name
        for module in (checksums, forms, finder)
        for name, value in vars(module).items()
        if not name.startswith("__") and getattr(value, "__module__", module.__name__) == module.__name__
        and (callable(value) or name.isupper())
    ]  # fmt: skip
    own = {n for n in names if names.count(n) > 1 and n.startswith("_")}
    assert not own
