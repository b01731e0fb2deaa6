"""Presidio as the engine: with a stand-in for its analyzer, and for real where it is installed."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace

import pytest

from insights.pii import find_in_text, presidio
from transforms.errors import InputError

TEXT = "Ann Roe, ann@x.org"


class StandIn:
    """Answers as Presidio's analyzer does: entity_type, start, end, score."""

    def analyze(self, text, language, score_threshold):
        assert language == "en" and score_threshold <= 0.35
        found = [("PERSON", 0, 7, 0.85), ("URL", 13, 18, 0.5), ("EMAIL_ADDRESS", 9, 18, 1.0), ("CRYPTO", 0, 3, 0.36)]
        return [SimpleNamespace(entity_type=k, start=a, end=b, score=s) for k, a, b, s in found]


@pytest.fixture
def stand_in():
    presidio.use(StandIn())
    yield
    presidio.use(None)


def told(**settings):
    return [(f.type, f.start, f.end) for f in find_in_text(TEXT, **settings)]


def test_presidio_alone_in_our_words(stand_in):
    assert told(engine="presidio") == [("NAME", 0, 7), ("EMAIL", 9, 18)]
    assert told(engine="presidio", types=("NAME",)) == [("NAME", 0, 7)]
    assert told(engine="presidio", least=0.9) == [("EMAIL", 9, 18)]
    assert told(engine="presidio", keep=["ann roe"]) == [("EMAIL", 9, 18)]


def test_both_together_ours_comes_first(stand_in):
    found = find_in_text(TEXT, engine="both", with_text=True)
    assert [(f.type, f.text) for f in found] == [("NAME", "Ann Roe"), ("EMAIL", "ann@x.org")]
    assert [f.why == "Presidio" for f in found] == [True, False]


def test_no_such_engine():
    with pytest.raises(InputError, match="no engine 'spacy'"):
        find_in_text(TEXT, engine="spacy")


@pytest.mark.skipif(importlib.util.find_spec("presidio_analyzer") is not None, reason="Presidio is installed")
def test_not_installed():
    with pytest.raises(InputError, match="Presidio is not installed"):
        find_in_text(TEXT, engine="presidio")


def test_for_real_without_network(monkeypatch):
    pytest.importorskip("presidio_analyzer", reason="Presidio is not installed (pip install presidio-analyzer)")
    import socket

    def refused(*_, **__):
        raise AssertionError("it looked something up")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    presidio.use(None)
    assert told(engine="presidio")[-1] == ("EMAIL", 9, 18)
    found = find_in_text("My driver license number is H1234567.", engine="presidio", least=0.35)
    assert "DRIVER_ID" in {f.type for f in found}  # a word close by: the tokens work
