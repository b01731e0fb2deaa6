"""Personal text: a recogniser written here, byte by byte, reads grey levels as letters."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="onnxruntime runs ONNX models; it is not installed")

from insights.pii import find_in_text
from labeling.redaction.reading import Except, PersonalText, Recogniser, read_alphabet
from labeling.redaction.regions import Region
from tests.labeling.test_autolabel_onnx import constant, field, model_bytes, node
from transforms.errors import InputError, SourceError

ALPHABET = "abcdefghijklmnopqrstuvwxyz@. 0123456789"
# a letter is 4 pixels of one grey, then 4 of background; "nothing" is the grey between, 127
LEVELS = [g for g in np.linspace(0, 255, len(ALPHABET) + 3).round().astype(int) if abs(g - 127) > 4][: len(ALPHABET)]
GROUND = 127


def ints(name: str, values) -> bytes:
    return field(1, name) + b"".join(field(8, v) for v in values) + field(20, 7)


def dynamic(name: str, shape) -> bytes:
    """A declared input or output whose dimensions may be names."""
    dims = b"".join(field(1, field(2, n) if isinstance(n, str) else field(1, n)) for n in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def recogniser(path, *, width="w", classes: int | None = None):
    """Write a model that gives each column the class whose grey is nearest: -3000 (grey - level)² as logits."""
    levels = np.array([GROUND, *LEVELS][: classes or len(LEVELS) + 1]) / 255 * 2 - 1
    nodes = [
        node("ReduceMean", ["x"], "m") + field(5, ints("axes", [2])) + field(5, field(1, "keepdims") + field(3, 0) + field(20, 2)),
        node("Transpose", ["m"], "t") + field(5, ints("perm", [0, 2, 1])),
        constant("levels", levels.reshape(1, 1, -1)),
        node("Sub", ["t", "levels"], "d"),
        node("Mul", ["d", "d"], "q"),
        constant("scale", [[[-3000.0]]]),
        node("Mul", ["q", "scale"], "y"),
    ]  # fmt: skip
    if isinstance(width, int):
        data = model_bytes(nodes, [("y", (1, width, len(levels)), 1)], [("x", (1, 1, 8, width), 1)])
    else:
        graph = b"".join(field(1, n) for n in nodes) + field(2, "g")
        graph += field(11, dynamic("x", (1, 1, 8, width))) + field(12, dynamic("y", (1, width, len(levels))))
        data = field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))
    path.write_bytes(data)
    return path


def strip(text: str) -> np.ndarray:
    """Return a line 8 pixels high: 8 columns per character."""
    columns = []
    for letter in text:
        columns += [LEVELS[ALPHABET.index(letter)]] * 4 + [GROUND] * 4
    return np.repeat(np.array(columns, "uint8")[None, :, None], 8, 0).repeat(3, 2)


class Lines:
    """Says where the lines were put."""

    name, kind = "lines", "text"

    def __init__(self, *boxes):
        self.boxes = boxes

    def detect(self, bgr):
        return [Region("text", *box, 1.0, self.name) for box in self.boxes]


@pytest.mark.parametrize("width", ["w", 400])
def test_a_line_is_read_with_the_place_of_each_character(tmp_path, width):
    reader = Recogniser(recogniser(tmp_path / "m.onnx", width=width), ALPHABET)
    said = reader.read(strip("ann@x.org 42"))
    assert said.text == "ann@x.org 42" and said.chance > 0.9  # the blank between tells "nn" from "n"
    n = len(said.text)
    assert said.places[3] == (pytest.approx(3 / n), pytest.approx(3.5 / n))


def test_only_the_personal_part_of_a_line_is_hidden(tmp_path):
    picture = np.full((60, 300, 3), GROUND, "uint8")
    line, sign = strip("write to ann@x.org now"), strip("cafe")
    picture[10:18, 20 : 20 + line.shape[1]] = line
    picture[40:48, 20 : 20 + sign.shape[1]] = sign
    model = str(recogniser(tmp_path / "m.onnx"))
    lines = Lines((20, 10, line.shape[1] - 1, 7), (20, 40, sign.shape[1] - 1, 7))
    (found,) = PersonalText(model, ALPHABET, find_in_text, lines).detect(picture)
    assert (found.kind, found.detector, found.y, found.h) == ("email", "personal text", 10, 7)
    # "ann@x.org" is characters 9 to 17: columns 72 to 143 of the line, and half of the gaps of 4 beside them
    assert found.x == pytest.approx(20 + 72 - 2, abs=0.6) and found.x + found.w == pytest.approx(20 + 144 - 2, abs=0.6)
    assert PersonalText(model, ALPHABET, find_in_text, lines, keep=("WRITE to  ann@x.org now",)).detect(picture) == []


def test_a_line_that_cannot_be_read_is_hidden_whole(tmp_path):
    greys = np.repeat([(low + high) // 2 for low, high in zip(LEVELS, LEVELS[1:11], strict=False)], 8)
    noise = np.repeat(greys.astype("uint8")[None, :, None], 8, 0).repeat(3, 2)  # between two letters everywhere
    model = str(recogniser(tmp_path / "m.onnx"))
    detector = PersonalText(model, ALPHABET, find_in_text, Lines((0, 0, 79, 7)))
    said = Recogniser(model, ALPHABET).read(noise)
    assert said.chance < 0.6
    assert [(r.x, r.w, r.kind) for r in detector.detect(noise)] == [(0, 79, "text")]
    assert PersonalText(model, ALPHABET, find_in_text, Lines((0, 0, 79, 7)), unread=False).detect(noise) == []


def test_what_does_not_fit_is_one_sentence(tmp_path):
    model = recogniser(tmp_path / "m.onnx")
    with pytest.raises(InputError, match="tells 40 classes apart, and the alphabet has 2 characters"):
        Recogniser(model, "ab")
    with pytest.raises(InputError, match="first or the last"):
        Recogniser(model, ALPHABET, blank="middle")
    (tmp_path / "no.onnx").write_bytes(b"no model")
    with pytest.raises(SourceError, match="not an ONNX model"):
        Recogniser(tmp_path / "no.onnx", ALPHABET)
    flat = model_bytes([constant("y", np.zeros((1, 3)))], [("y", (1, 3), 1)], [("x", (1, 3), 1)])
    (tmp_path / "flat.onnx").write_bytes(flat)
    with pytest.raises(InputError, match="does not read lines of text"):
        Recogniser(tmp_path / "flat.onnx", "ab")


def test_an_alphabet_is_a_file_of_characters(tmp_path):
    path = tmp_path / "keys.txt"
    path.write_text("a\nb\n \n€\n", encoding="utf-8")
    assert read_alphabet(path) == "ab €"
    path.write_text("a\nbc\n")
    with pytest.raises(InputError, match="Line 2 of keys.txt holds more than one character"):
        read_alphabet(path)
    with pytest.raises(InputError, match="cannot be read as an alphabet"):
        read_alphabet(tmp_path / "none.txt")


def test_places_that_stay_visible():
    bgr = np.zeros((100, 200, 3), "uint8")
    # the lower half of the picture is the dashboard
    kept = Except(Lines((10, 60, 20, 20), (10, 45, 20, 20), (10, 10, 20, 20)), ((0, 0.5, 1, 0.5),))
    # of the second 15 of 20 rows lie in it: three quarters, less than four fifths
    assert [r.y for r in kept.detect(bgr)] == [45, 10]
    assert (kept.name, kept.kind) == ("lines", "text")
