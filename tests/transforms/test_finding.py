"""People find a transform by the name that their own tool gives it."""

from __future__ import annotations

import pytest

from transforms import catalog
from transforms.finding import find


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("winsorize", "scale.clip"),
        ("dummy variables", "encode.one_hot"),
        ("vlookup", "combine.join"),
        ("z-score", "scale.standard"),
        ("StandardScaler", "scale.standard"),
        ("one hot", "encode.one_hot"),
        ("onehot encodng", "encode.one_hot"),  # spelled wrong
    ],
)
def test_finds_by_other_names(words, wanted):
    assert wanted in [cls.name for cls in find(words)[:3]]


def test_every_name_of_every_transform_finds_it():
    lost = []
    for cls in catalog.all_transforms():
        for name in (cls.name, cls.label, *cls.covers, *cls.words):
            if cls not in find(name)[:12]:
                lost.append((cls.name, name))
    assert not lost


def test_nothing_is_found_for_nonsense_and_all_for_nothing():
    assert find("xqzzyq wvvk") == []
    assert find(" ") == catalog.all_transforms()
