"""Small pictures and a collection of them."""

from __future__ import annotations

import numpy as np
import pytest

from labeling import collections
from labeling.pictures import encode_picture


def picture(seed: int, width: int = 64, height: int = 48) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype="uint8")


@pytest.fixture
def make_picture():
    return lambda seed, width=64, height=48, suffix=".png": encode_picture(picture(seed, width, height), suffix)


@pytest.fixture
def ws(tmp_workspace, make_picture):
    """A workspace with the collection "things": a.png, b.png, c.png of 64 × 48 pixels."""
    collections.create_collection(tmp_workspace, "things", ["car", "person"], ["day", "night"])
    collections.add_pictures(tmp_workspace, "things", [(f"{n}.png", make_picture(i)) for i, n in enumerate("abc")])
    return tmp_workspace


@pytest.fixture
def ids(ws):
    return [image.id for image in collections.list_images(ws, "things")]
