"""Five faults that Label Studio 1.23.2's own exporter has (measured on a real server, shared/labeling.md 2.3)."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from labeling import annotations, collections, transfer

SIZE = {"original_width": 400, "original_height": 200, "image_rotation": 0, "to_name": "image"}
# 80 × 20 pixels with the top left corner at (200, 40), turned by 90 degrees about it: it covers [180, 40, 20, 80]
TURNED = {"x": 50.0, "y": 20.0, "width": 20.0, "height": 10.0, "rotation": 90, "rectanglelabels": ["car"]}


def result(kind, value, id="r"):
    return {"id": id, "from_name": "tool", "type": kind, "value": value, **SIZE}


def box(x=10.0, label="car", id="r"):
    value = {"x": x, "y": 10.0, "width": 10.0, "height": 20.0, "rotation": 0, "rectanglelabels": [label]}
    return result("rectanglelabels", value, id)


@pytest.fixture
def studio(tmp_workspace, tmp_path):
    """Import tasks of Label Studio, one per list of results, and return the workspace."""

    def load(*answers):
        made = [{"id": n, "completed_by": n, "result": r} for n, r in enumerate(answers, 1)]
        tasks = [{"id": 1, "data": {"image": "s3://b/one.jpg"}, "annotations": made}]
        (tmp_path / "in.json").write_text(json.dumps(tasks))
        transfer.import_labels(tmp_workspace, "c", tmp_path / "in.json", "label-studio")
        return tmp_workspace

    return load


def coco(ws):
    return json.loads(transfer.export_files(ws, "c", "coco")[""])


def test_1_a_turned_box_has_its_true_bounds_everywhere(studio):
    ws = studio([result("rectanglelabels", TURNED)])
    assert coco(ws)["annotations"][0]["bbox"] == [180, 40, 20, 80]
    assert coco(ws)["annotations"][0]["area"] == 1600
    # by hand: centre (190, 80) of 400 × 200, 20 × 80
    assert transfer.export_files(ws, "c", "yolo")["labels/one.txt"] == b"0 0.475 0.4 0.05 0.4\n"
    voc = transfer.export_files(ws, "c", "voc")["one.xml"].decode()
    for tag, value in (("xmin", 180), ("ymin", 40), ("xmax", 200), ("ymax", 120)):
        assert f"<{tag}>{value}</{tag}>" in voc
    # its own top left (200, 40), then clockwise: (200, 120), (180, 120), (180, 40)
    obb = transfer.export_files(ws, "c", "yolo", task="obb")["labels/one.txt"]
    assert obb == b"0 0.5 0.2 0.5 0.6 0.45 0.6 0.45 0.2\n"


def test_2_three_annotators_are_one_answer_of_one_image(studio):
    ws = studio([box(10.0)], [box(11.0)], [box(12.0)])
    found = coco(ws)
    assert len(found["images"]) == 1 and len(found["annotations"]) == 1
    x, y, w, h = found["annotations"][0]["bbox"]
    assert x == pytest.approx(44) and (y, w, h) == (20, 40, 40)  # the middle of 40, 44 and 48 pixels
    assert transfer.export_files(ws, "c", "yolo")["labels/one.txt"].count(b"\n") == 1
    assert transfer.export_files(ws, "c", "voc")["one.xml"].count(b"<object>") == 1


def test_2_or_the_answer_of_the_one_who_is_asked_for(studio):
    ws = studio([box(10.0)], [box(11.0)], [box(12.0)])
    found = json.loads(transfer.export_files(ws, "c", "coco", annotator="user 3")[""])
    assert found["annotations"][0]["bbox"] == [48, 20, 40, 40]


def test_3_key_points_break_nothing_and_drop_nothing_else(studio):
    point = result("keypointlabels", {"x": 25.0, "y": 50.0, "width": 0.5, "keypointlabels": ["nose"]}, "k")
    polygon = {"points": [[0, 0], [25, 0], [25, 50]], "closed": True, "polygonlabels": ["car"]}
    ws = studio([point, result("polygonlabels", polygon, "p"), result("rectanglelabels", TURNED, "t")])
    found = coco(ws)
    assert [a["bbox"] for a in found["annotations"]] == [[0, 0, 100, 100], [180, 40, 20, 80]]
    assert found["annotations"][0]["segmentation"] == [[0, 0, 100, 0, 100, 100]]
    assert found["images"][0]["tilth"]["regions"][0]["label"] == "nose"
    obb = transfer.export_files(ws, "c", "yolo", task="obb")["labels/one.txt"].decode().splitlines()
    assert len(obb) == 2 and obb[1] == "1 0.5 0.2 0.5 0.6 0.45 0.6 0.45 0.2"


def test_4_ellipses_brushes_and_choices_arrive_where_they_belong(studio):
    from labeling.formats import brush
    from labeling.formats.coco_masks import decode

    np = pytest.importorskip("numpy")
    mask = np.zeros((200, 400), dtype=bool)
    mask[50:70, 100:130] = True
    ellipse = {"x": 50.0, "y": 50.0, "radiusX": 10.0, "radiusY": 10.0, "rotation": 0, "ellipselabels": ["wheel"]}
    stroke = {"format": "rle", "rle": brush.encode(mask), "brushlabels": ["road"]}
    choice = {"id": "c", "from_name": "class", "to_name": "image", "type": "choices", "value": {"choices": ["night"]}}
    ws = studio([result("ellipselabels", ellipse, "e"), result("brushlabels", stroke, "b"), choice])
    found = coco(ws)
    assert [c["name"] for c in found["categories"]] == ["wheel", "road"]
    assert found["images"][0]["classes"] == ["night"]
    wheel, road = found["annotations"]
    assert wheel["bbox"] == [160, 80, 80, 40] and len(wheel["segmentation"][0]) == 128
    assert road["bbox"] == [100, 50, 30, 20] and road["area"] == 600
    assert (decode(road["segmentation"]) == mask).all()
    yolo = transfer.export_files(ws, "c", "yolo", task="segment")["labels/one.txt"].decode().splitlines()
    assert [line.split()[0] for line in yolo] == ["0", "1"]
    assert sorted(set(map(float, yolo[1].split()[1:]))) == [0.25, 0.325, 0.35]  # 100, 130 of 400; 50, 70 of 200


@pytest.mark.parametrize("task", ["detect", "obb", "segment"])
def test_5_our_own_yolo_is_read_back(studio, tmp_path, task):
    ws = studio([box(), result("rectanglelabels", TURNED, "t")])
    path = transfer.export_labels(ws, "c", tmp_path / "y.zip", "yolo", task=task)
    assert transfer.import_labels(ws, "c", path, "yolo", annotator="back").answers == 1
    assert transfer.export_files(ws, "c", "yolo", task=task, annotator="back") == _unzipped(path)


def test_5_our_own_coco_is_read_back_with_every_shape(studio, tmp_path):
    ws = studio([box(), result("rectanglelabels", TURNED, "t")])
    path = transfer.export_labels(ws, "c", tmp_path / "c.json", "coco")
    transfer.import_labels(ws, "again", path, "coco")
    (image,) = collections.list_images(ws, "again")
    (answer,) = annotations.answers(ws, image.id)
    regions = [{k: v for k, v in r.items() if k != "extra"} for r in answer.document["regions"]]
    assert regions == [
        {"id": "r", "shape": "box", "label": "car", "x": 40, "y": 20, "w": 40, "h": 40},
        {"id": "t", "shape": "box", "label": "car", "x": 150, "y": 70, "w": 80, "h": 20, "rotation": 90},
    ]


def _unzipped(path):
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
