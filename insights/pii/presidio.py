"""Presidio as the engine, where it is installed (`pip install presidio-analyzer`): its patterns alone, no model, no network.

Its default set-up would fetch a language model, and its e-mail recogniser the public suffix list; both are prevented
here. Words close by need tokens, which a blank tokenizer gives. A user's own analyzer, with a model, can be put in with `use`.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from typing import Any

from transforms.errors import InputError

# Presidio's name → ours (Amazon Comprehend's); what is not here keeps Presidio's name.
TYPES = {
    "EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE", "CREDIT_CARD": "CREDIT_DEBIT_NUMBER", "IBAN_CODE": "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "PERSON": "NAME", "LOCATION": "ADDRESS", "US_SSN": "SSN", "US_ITIN": "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER", "US_PASSPORT": "PASSPORT_NUMBER",
    "US_DRIVER_LICENSE": "DRIVER_ID", "US_BANK_NUMBER": "BANK_ACCOUNT_NUMBER", "UK_NHS": "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    "UK_NINO": "UK_NATIONAL_INSURANCE_NUMBER", "IN_PAN": "IN_PERMANENT_ACCOUNT_NUMBER", "IN_VOTER": "IN_VOTER_NUMBER",
}  # fmt: skip
LEAST = 0.35  # Presidio's scores of weak patterns; telephone numbers have 0.4
_analyzer: list[Any] = []


def use(analyzer: Any) -> None:
    """Let this analyzer answer from now on (one with a language model, for names in text); None: Tilth's own set-up again."""
    _analyzer[:] = [] if analyzer is None else [analyzer]


def merged(
    text: str, found: list[tuple], types: tuple[str, ...] | None, least: float, keep: Iterable[str] = ()
) -> list[tuple]:
    """Return `found` and what Presidio finds in between; where both see something, that of `found` stays.

    Raises:
        InputError: Presidio is not installed.
    """
    kept = {value.strip().lower() for value in keep}
    more = []
    for one in analyzer().analyze(text=text, language="en", score_threshold=min(least, LEAST)):
        kind = TYPES.get(one.entity_type, one.entity_type)
        value = text[one.start : one.end].strip().lower()
        if one.score >= least and (types is None or kind in types) and value not in kept:
            more.append((kind, one.start, one.end, round(float(one.score), 2), "Presidio"))
    more.sort(key=lambda f: (-f[3], f[1] - f[2], f[1]))
    taken = list(found)
    for one in more:
        at = bisect.bisect_left(taken, one[1], key=lambda f: f[1])
        if (at and taken[at - 1][2] > one[1]) or (at < len(taken) and taken[at][1] < one[2]):
            continue
        taken.insert(at, one)
    return taken


def analyzer() -> Any:
    """Return the analyzer, made on first use: English, patterns only, nothing fetched."""
    if not _analyzer:
        try:
            import spacy
            import tldextract
            from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
            from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
        except ImportError:
            raise InputError(
                "Presidio is not installed.", hint="pip install presidio-analyzer, or use engine='tilth'."
            ) from None
        # Without this the first e-mail address looks up publicsuffix.org and raw.githubusercontent.com.
        tldextract.extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
        blank = spacy.blank("en")

        class Tokens(NlpEngine):
            """Tokens in small letters in place of lemmas: enough for words close by."""

            def load(self):
                pass

            def is_loaded(self):
                return True

            def process_text(self, text, language):
                doc = blank(text)
                return NlpArtifacts(
                    entities=[], tokens=doc, tokens_indices=[t.idx for t in doc], lemmas=[t.text.lower() for t in doc],
                    nlp_engine=self, language=language,
                )  # fmt: skip

            def process_batch(self, texts, language, **_):
                for one in texts:
                    yield one, self.process_text(one, language)

            def is_stopword(self, word, language):
                return blank.vocab[word].is_stop

            def is_punct(self, word, language):
                return blank.vocab[word].is_punct

            def get_supported_entities(self):
                return []

            def get_supported_languages(self):
                return ["en"]

        tokens = Tokens()
        registry = RecognizerRegistry(supported_languages=["en"])
        registry.load_predefined_recognizers(languages=["en"])
        for recognizer in [r for r in registry.recognizers if "Spacy" in type(r).__name__]:
            registry.remove_recognizer(recognizer.name)
        _analyzer.append(AnalyzerEngine(registry=registry, nlp_engine=tokens, supported_languages=["en"]))
    return _analyzer[0]
