"""Clusters of values: keys, neighbourhoods, approved mappings, and codes from published examples."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms import Recipe
from transforms.catalog import similar
from transforms.catalog.similar import CASES, clusters
from transforms.engines import scratch


@pytest.mark.parametrize(
    "word, code",
    [("Robert", "R163"), ("Rupert", "R163"), ("Rubin", "R150"), ("Ashcroft", "A261"), ("Tymczak", "T522"),
     ("Pfister", "P236"), ("Honeyman", "H555"), ("Gutierrez", "G362"), ("Jackson", "J250"), ("Lee", "L000")],
)  # fmt: skip
def test_soundex_of_the_examples_of_the_us_national_archives(word, code):
    assert similar.soundex_of(word) == code


@pytest.mark.parametrize(
    "word, code",
    [("Müller-Lüdenscheidt", "65752682"), ("Wikipedia", "3412"), ("Breschnew", "17863"), ("Heinz Classen", "068586")],
)
def test_cologne_of_the_examples_of_wikipedia(word, code):
    assert similar.cologne_of(word) == code


def test_key_clusters_propose_the_most_frequent_value():
    [cluster] = clusters({"café du nord": 2, "Nord, Café du": 5, "du nord cafe!": 1, "bar": 9, "": 4})
    assert cluster.to == "Nord, Café du" and cluster.score == 1.0
    assert cluster.members == (("Nord, Café du", 5), ("café du nord", 2), ("du nord cafe!", 1))
    assert cluster.why == "same fingerprint 'cafe du nord'"


def test_neighbours_do_not_form_chains():
    found = clusters({"abcd": 5, "abce": 4, "abfe": 3, "agfe": 2}, "edit distance", edits=1)
    assert [[v for v, _ in c.members] for c in found] == [["abcd", "abce"], ["abfe", "agfe"]]
    assert found[0].score == 0.75


def test_one_swap_is_found_by_jaro_winkler_and_reported():
    [cluster] = clusters({"MARTHA": 2, "MARHTA": 1, "JONES": 1}, "jaro-winkler", similarity=0.9)
    assert cluster.to == "MARTHA" and round(cluster.score, 4) == 0.9611


def test_work_is_bounded(monkeypatch):
    monkeypatch.setattr(similar, "MOST_PAIRS", 3)
    assert clusters({f"abc{i}": 1 for i in range(100)}, "edit distance", edits=1) == []


def test_an_approved_mapping_wins_over_the_proposal():
    settings = {"columns": ["t"], "mapping": {"New york": "NYC", "york new": "york new"}}
    rows = pa.table({"t": ["New York", "New York", "New york", "york new", "NEW YORK", None]})
    fitted = Recipe().add("similar.cluster_values", settings).fit(rows, engine=scratch())
    found = fitted.run(rows, engine=scratch()).to_arrow_table()["t"].to_pylist()
    assert found == ["New York", "New York", "NYC", "york new", "New York", None]


def test_many_changes_are_looked_up_and_agree_with_case():
    values = [f"Name {i}" for i in range(CASES + 10)]
    rows = pa.table({"t": [*values, *values, *(v.upper() for v in values)]})
    fitted = Recipe().add("similar.cluster_values", {"columns": ["t"]}).fit(rows, engine=scratch())
    assert fitted.run(rows, engine=scratch()).to_arrow_table()["t"].to_pylist() == values * 3
