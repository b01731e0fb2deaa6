"""Keys stay outside recipes; ciphers and keyed hashes against direct calls of `cryptography` and `hmac`."""

from __future__ import annotations

import base64
import hmac
import json

import duckdb
import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.engines import scratch
from transforms.export import export

SECRET = "correct horse battery staple"
ROWS = pa.table({"t": ["anna", "anna", "größe", "", None]})


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("TILTH_KEY_CRM", SECRET)


def fit(*steps, rows=ROWS):
    recipe = Recipe(name="values")
    for name, settings in steps:
        recipe = recipe.add(name, settings)
    return recipe.fit({"main": rows}, engine=scratch())


def run(*steps, rows=ROWS) -> list:
    return fit(*steps, rows=rows).run({"main": rows}, engine=scratch()).to_arrow_table()["t"].to_pylist()


def test_alike_is_aes_siv(key):
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    found = run(("privacy.encrypt", {"columns": ["t"], "key": "CRM"}))
    siv = AESSIV(hmac.new(SECRET.encode(), b"tilth siv", "sha512").digest())
    assert found[0] == found[1] and found[4] is None
    assert siv.decrypt(base64.urlsafe_b64decode(found[2].removeprefix("s1.")), [b"text"]).decode() == "größe"


@pytest.mark.parametrize("method", ["alike", "anew"])
def test_what_was_encrypted_can_be_read(key, method):
    step = ("privacy.encrypt", {"columns": ["t"], "key": "CRM", "method": method})
    assert run(step, ("privacy.decrypt", {"columns": ["t"], "key": "CRM"})) == ROWS["t"].to_pylist()


def test_anew_gives_equal_texts_different_ciphers(key):
    found = run(("privacy.encrypt", {"columns": ["t"], "key": "CRM", "method": "anew"}))
    assert found[0] != found[1] and found[0].startswith("p1.")


def test_the_key_is_neither_in_the_recipe_nor_in_exported_code(key):
    fitted = fit(("privacy.pseudonymise", {"columns": ["t"], "key": "CRM"}))
    assert SECRET not in json.dumps(fitted.dump()) and SECRET not in export(fitted, "pandas")


def test_without_the_key_the_step_says_which_variable(monkeypatch):
    monkeypatch.delenv("TILTH_KEY_CRM", raising=False)
    with pytest.raises(duckdb.Error, match="Set the environment variable TILTH_KEY_CRM"):
        run(("privacy.pseudonymise", {"columns": ["t"], "key": "CRM"}))


def test_tokens_keep_the_format_and_can_be_undone(key):
    rows = pa.table({"t": ["4111-1111 Ab", "4111-1112 Ab"]})
    step = ("privacy.keep_format", {"columns": ["t"], "key": "CRM"})
    found = run(step, rows=rows)
    assert found[0] != found[1] and all(len(f) == 12 and f[4] == "-" and f[:4].isdigit() for f in found)
    assert (
        run(step, ("privacy.keep_format", {"columns": ["t"], "key": "CRM", "undo": True}), rows=rows)
        == rows["t"].to_pylist()
    )


def test_laplace_noise_has_the_spread_it_should():
    rows = pa.table({"k": list(range(4000)), "t": [5.0] * 4000})
    found = run(("privacy.laplace_noise", {"columns": ["t"], "keys": ["k"], "upper": 10.0, "epsilon": 2.0}), rows=rows)
    mean = sum(found) / len(found)
    spread = sum(abs(x - 5) for x in found) / len(found)
    assert abs(mean - 5) < 0.5 and abs(spread - 5) < 0.4  # the mean distance of Laplace noise is its scale


def test_a_shuffle_keeps_the_values():
    rows = pa.table({"k": list(range(100)), "t": [x % 7 for x in range(100)]})
    found = run(("privacy.shuffle", {"columns": ["t"]}), rows=rows)
    assert sorted(found) == sorted(rows["t"].to_pylist()) and found != rows["t"].to_pylist()
