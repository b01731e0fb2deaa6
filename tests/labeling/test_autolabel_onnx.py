"""ONNX models of every layout: small files written here, byte by byte, whose outputs are known numbers."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="onnxruntime runs ONNX models; it is not installed")

from labeling.autolabel.onnx_models import OnnxModel, layout_of, names_of, suppress
from transforms.errors import InputError, SourceError


def varint(n: int) -> bytes:
    out = b""
    while True:
        n, low = n >> 7, n & 127
        out += bytes([low | (128 if n else 0)])
        if not n:
            return out


def field(number: int, value) -> bytes:
    """One protobuf field: whole numbers, or bytes and texts with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(values) -> bytes:
    values = np.asarray(values, dtype="float32")
    return b"".join(field(1, n) for n in values.shape) + field(2, 1) + field(9, values.tobytes())


def declared(name: str, shape, kind: int = 1) -> bytes:
    dims = b"".join(field(1, field(1, n)) for n in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def constant(name: str, values) -> bytes:
    attribute = field(1, "value") + field(5, tensor(values)) + field(20, 4)
    return field(2, name) + field(4, "Constant") + field(5, attribute)


def node(kind: str, inputs: list[str], output: str) -> bytes:
    return b"".join(field(1, i) for i in inputs) + field(2, output) + field(4, kind)


def model_bytes(nodes, outputs, inputs=(("images", (1, 3, 64, 64), 1),), metadata=None) -> bytes:
    graph = b"".join(field(1, n) for n in nodes) + field(2, "g")
    graph += b"".join(field(11, declared(*i)) for i in inputs) + b"".join(field(12, declared(*o)) for o in outputs)
    model = field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))
    return model + b"".join(field(14, field(1, k) + field(2, v)) for k, v in (metadata or {}).items())


@pytest.fixture
def known(tmp_path):
    """Write a model that answers every picture with the given arrays, by output name."""

    def write(arrays: dict, **more):
        arrays = {k: np.asarray(v, dtype="float32") for k, v in arrays.items()}
        data = model_bytes(
            [constant(k, v) for k, v in arrays.items()], [(k, v.shape) for k, v in arrays.items()], **more
        )
        path = tmp_path / f"m{len(list(tmp_path.iterdir()))}.onnx"
        path.write_bytes(data)
        return path

    return write


WIDE = np.zeros((100, 200, 3), dtype="uint8")  # into 64 × 64: factor 0.32, 64 × 32, 16 rows of padding above
CENTRES = [[32, 32, 16, 8], [33, 32, 16, 8], [16, 24, 8, 8]]  # the first two are one thing
CAR = (75.0, 37.5, 50.0, 25.0)  # (32 - 8) / 0.32, (32 - 4 - 16) / 0.32, 16 / 0.32, 8 / 0.32
CAT = (37.5, 12.5, 25.0, 25.0)
NAMES = {"names": "{0: 'car', 1: 'cat'}"}


def boxes(model):
    return [(f.label, (f.x, f.y, f.w, f.h), f.score) for f in model.boxes(WIDE)]


def filler(n: int, width: int) -> list:
    return [[0.0] * width] * n


def test_yolo8_is_undone_from_the_letterbox_and_thinned(known):
    rows = [[*CENTRES[0], 0.9, 0.1], [*CENTRES[1], 0.7, 0.1], [*CENTRES[2], 0.2, 0.8], *filler(20, 6)]
    model = OnnxModel(known({"output0": np.array(rows).T[None]}, metadata=NAMES))
    assert (model.layout, model.kind, model.names) == ("yolo8", "boxes", ["car", "cat"])
    assert boxes(model) == [("car", CAR, 0.9), ("cat", CAT, 0.8)]


def test_yolo5_multiplies_objectness(known):
    rows = [[*CENTRES[0], 0.5, 0.9, 0.1], [*CENTRES[2], 1.0, 0.2, 0.8], [*CENTRES[1], 0.2, 1.0, 0.0], *filler(20, 7)]
    model = OnnxModel(known({"output": np.array(rows)[None]}), ["car", "cat"])
    assert model.layout == "yolo5"
    assert boxes(model) == [("cat", CAT, 0.8), ("car", CAR, 0.45)]


def test_a_model_without_nms_keeps_what_it_says(known):
    rows = [[24, 28, 40, 36, 0.9, 0], [25, 28, 41, 36, 0.6, 0], [12, 20, 20, 28, 0.8, 1], [0, 0, 9, 9, 0.9, 7]]
    model = OnnxModel(known({"output0": np.array([*rows, *filler(296, 6)])[None]}), ["car", "cat"])
    assert model.layout == "end-to-end"
    found = boxes(model)
    assert [(n, s) for n, _, s in found] == [("car", 0.9), ("cat", 0.8), ("car", 0.6)]  # class 7 is none of its own
    assert [b for _, b, _ in found][:2] == [CAR, CAT]


def test_detr_has_a_class_for_nothing(known):
    logits = [[9.0, 0.0, 0.0], [0.0, 0.0, 9.0], [0.0, 9.0, 0.0]]
    places = np.array([CENTRES[0], CENTRES[1], CENTRES[2]]) / 64
    model = OnnxModel(known({"logits": [logits], "pred_boxes": places[None]}), ["car", "cat"])
    assert model.layout == "detr"
    sure = round(float(np.exp(9) / (np.exp(9) + 2)), 4)
    assert boxes(model) == [("car", CAR, sure), ("cat", CAT, sure)]
    sigmoid = OnnxModel(known({"logits": [logits], "pred_boxes": places[None]}), ["car", "cat", "dog"])
    assert {f.label for f in sigmoid.boxes(WIDE)} == {"car", "cat", "dog"}  # as many logits as names: none is "nothing"


def test_a_classifier_sees_red_green_blue_in_this_order(tmp_path):
    path = tmp_path / "colour.onnx"
    path.write_bytes(
        model_bytes(
            [node("GlobalAveragePool", ["images"], "p"), node("Flatten", ["p"], "logits")],
            [("logits", (1, 3))],
            metadata={"names": '{0: "red", 1: "it\'s green", 2: "blue"}'},
        )
    )
    model = OnnxModel(path, scaling="unit")
    picture = np.zeros((10, 30, 3), dtype="uint8")
    picture[:, :, 2] = 153  # 0.6; OpenCV's order is blue, green, red
    assert (model.kind, model.names) == ("classes", ["red", "it's green", "blue"])
    e = float(np.exp(0.6))
    assert model.chances(picture) == pytest.approx([e / (e + 2), 1 / (e + 2), 1 / (e + 2)])
    with pytest.raises(InputError, match="has no boxes"):
        model.boxes(picture)


def test_chances_are_taken_as_they_are(known):
    assert OnnxModel(known({"p": [[0.2, 0.7, 0.1]]})).chances(WIDE) == pytest.approx([0.2, 0.7, 0.1])


@pytest.mark.parametrize(
    "shapes,classes,expected",
    [
        ([(1, 84, 8400)], 0, ("yolo8", 80)),
        ([(1, 25200, 85)], 0, ("yolo5", 80)),
        ([(1, 8400, 84)], 80, ("yolo8-rows", 80)),
        ([(1, 25200, 6)], 1, ("yolo5", 1)),
        ([(1, 300, 6)], 80, ("end-to-end", 80)),
        ([(1, 6, 8400)], 2, ("yolo8", 2)),
        ([(1, 100, 92), (1, 100, 4)], 91, ("detr", 92)),
        ([(1, 100, 4), (1, 100, 92)], 0, ("detr", 92)),
        ([(1, 1000)], 0, ("classifier", 1000)),
    ],
)
def test_layouts_by_shape(shapes, classes, expected):
    assert layout_of(shapes, [f"o{i}" for i in range(len(shapes))], classes) == expected


def test_what_is_no_known_layout_is_named():
    with pytest.raises(InputError, match=r"mask \[1, 32, 160, 160\]"):
        layout_of([(1, 32, 160, 160)], ["mask"])


def test_external_data_is_refused_however_its_length_is_spelt(tmp_path):
    for key in (b"\x0a\x08location", b"\x0a\x88\x00location", b"\x0a\x88\x80\x00location"):
        path = tmp_path / "ext.onnx"
        path.write_bytes(field(1, 8) + field(7, field(5, field(13, key + field(2, "/etc/passwd")))))
        with pytest.raises(SourceError, match="in other files"):
            OnnxModel(path)


def test_what_is_no_model_is_one_sentence(tmp_path):
    (tmp_path / "no.onnx").write_bytes(b"no model at all")
    with pytest.raises(SourceError, match="no.onnx is not an ONNX model"):
        OnnxModel(tmp_path / "no.onnx")
    with pytest.raises(SourceError, match="cannot be read"):
        OnnxModel(tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_bytes(
        model_bytes([constant("p", [[1.0, 2.0]])], [("p", (1, 2))], inputs=(("words", (1, 16), 7),))
    )
    with pytest.raises(InputError, match="takes words"):
        OnnxModel(tmp_path / "text.onnx")


def test_names():
    assert names_of("{0: 'person', 2: \"dog's\"}") == ["person", "class 1", "dog's"]
    assert names_of("__import__('os')") is None and names_of("") is None


def test_suppression_is_by_class_and_overlap():
    corners = np.array([[0, 0, 10, 10], [0, 0, 10, 6], [0, 0, 10, 4], [0, 0, 10, 10]], dtype=float)
    scores, labels = np.array([0.9, 0.8, 0.7, 0.6]), np.array([0, 0, 0, 1])
    assert suppress(corners, scores, labels, 0.5).tolist() == [0, 2, 3]  # IoU 0.6 goes, 0.4 and the other class stay
