"""Every shape through COCO, YOLO, Pascal VOC and CSV, and back."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling import annotations, collections, transfer
from labeling.formats import archives, coco_masks, csv_rows, format_module, voc, yolo
from labeling.formats.model import FileAnswer, FileImage, LabelFile, Options, usable
from transforms.errors import InputError, SourceError

REGIONS = [
    {"id": "b", "shape": "box", "label": "car", "x": 1, "y": 2.5, "w": 3, "h": 4},
    {"id": "t", "shape": "box", "label": "car", "x": 10, "y": 10, "w": 8, "h": 4, "rotation": 30, "attributes": {"new": True}},
    {"id": "p", "shape": "polygon", "label": "car", "points": [[1, 1], [9, 1], [9, 7.25]], "text": "a, \"b\"\nc"},
    {"id": "e", "shape": "ellipse", "label": "person", "x": 30, "y": 20, "rx": 5, "ry": 3, "rotation": 45, "score": 0.5},
    {"id": "m", "shape": "mask", "label": "person", "x": 40, "y": 30, "w": 3, "h": 2, "rle": [1, 4, 1], "track": "t1"},
    {"id": "l", "shape": "polyline", "label": "car", "points": [[1, 1], [9, 1]]},
    {"id": "k", "shape": "point", "label": "person", "x": 5, "y": 6},
]  # fmt: skip
DOCUMENT = {
    "regions": REGIONS,
    "classes": ["night"],
    "fields": {"caption": "two\nlines", "stars": 4, "tags": ["a", "b"]},
    "relations": [{"from": "b", "to": "p", "label": "part of"}],
}


def file_of(document, width=64, height=48):
    image = FileImage("a.png", width, height, answers=[FileAnswer(document, "anna")])
    return LabelFile("c", [{"name": "car"}, {"name": "person"}], [{"name": "night"}], [image])


def no_sizes(name):
    return None


def bare(document):
    return document | {"regions": [{k: v for k, v in r.items() if k != "extra"} for r in document["regions"]]}


@pytest.mark.parametrize("name", ["coco", "csv", "label-studio"])
def test_every_shape_and_answer_comes_back(name):
    module = format_module(name)
    files = module.write(file_of(DOCUMENT))
    back = module.read(files, no_sizes)
    assert bare(back.images[0].answers[0].document) == DOCUMENT
    assert (back.images[0].width, back.images[0].height) == (64, 48)
    back.name = "c"
    assert module.write(back) == files


def test_voc_brings_back_every_shape_in_its_own_order():
    back = voc.read(voc.write(file_of(DOCUMENT)), no_sizes).images[0].answers[0].document
    assert bare(back) == DOCUMENT


def test_what_a_format_cannot_hold_is_counted():
    warnings = {}
    for name, options in (("coco", Options()), ("yolo", Options()), ("voc", Options()), ("ground-truth", Options())):
        labels = file_of(DOCUMENT)
        format_module(name).write(labels, options)
        warnings[name] = [w.split()[0] for w in labels.warnings]
    assert warnings == {
        "coco": ["2", "2", "3"],  # turned box and ellipse; line and point; attributes, text and track
        "yolo": [
            "4",
            "2",
            "6",
        ],  # turned, polygon, ellipse, mask; line and point; class, fields, relations, three regions
        "voc": ["4", "1"],
        "ground-truth": [
            "1",
            "2",
            "2",
            "4",
        ],  # turned; polygon, ellipse; line, point; attributes, text, fields, relations
    }


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 2000), st.integers(1, 2000), st.floats(1, 500), st.floats(1, 500), st.floats(0, 359.5),
    st.sampled_from(["coco", "csv", "label-studio"]),
)  # fmt: skip
def test_any_turned_box_comes_back_exactly(x, y, w, h, turn, name):
    region = usable({"id": "r1", "shape": "box", "label": "car", "x": x, "y": y, "w": w, "h": h, "rotation": turn})
    document = {"regions": [region], "classes": []}
    module = format_module(name)
    back = module.read(module.write(file_of(document, 3000, 2100)), no_sizes)
    assert bare(back.images[0].answers[0].document)["regions"] == [region]


# -- COCO -----------------------------------------------------------------------------------------------------------


def test_run_lengths_of_cocoapi():
    # columns of [[0,1],[1,1],[0,0]]: 0 1 0 | 1 1 0 → 1 1 1 2 1; in text the fourth is written as 2 - 1, the fifth as 1 - 1
    mask = np.array([[0, 1], [1, 1], [0, 0]], dtype=bool)
    assert coco_masks.encode(mask) == {"size": [3, 2], "counts": "11110"}
    assert (coco_masks.decode({"size": [3, 2], "counts": [1, 1, 1, 2, 1]}) == mask).all()
    # 100 = 3·32 + 4: "T3" by hand: 4 with "more" is chr(48 + 36) = "T", then 3
    assert coco_masks.encode(np.zeros((10, 10)))["counts"] == "T3"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.floats(0, 1))
def test_compressed_masks_come_back(seed, height, width, share):
    mask = np.random.default_rng(seed).random((height, width)) < share
    assert (coco_masks.decode(coco_masks.encode(mask)) == mask).all()


def test_foreign_coco_of_all_kinds_is_read_and_comes_back(tmp_workspace, tmp_path):
    base = {"image_id": 9, "category_id": 5, "iscrowd": 0}
    data = {
        "info": {},
        "images": [{"id": 9, "file_name": "x.jpg", "width": 20, "height": 10}, {"id": 4, "file_name": "y.jpg", "width": 5, "height": 5}],
        "annotations": [
            {"id": 3, **base, "bbox": [0, 0, 4, 4], "segmentation": [[0, 0, 4, 0, 4, 4]], "area": 8.0},
            {"id": 8, **base, "bbox": [0, 0, 9, 4], "segmentation": [[0, 0, 4, 0, 4, 4, 0, 4], [5, 0, 9, 0, 9, 4, 5, 4]], "area": 32},
            {"id": 1, **base, "bbox": [0, 0, 1, 2], "segmentation": {"size": [10, 20], "counts": [0, 2, 198]}, "iscrowd": 1},
            {"id": 2, **base, "bbox": [1, 1, 9, 9], "keypoints": [2, 3, 2, 0, 0, 0, 4, 5, 1], "num_keypoints": 2},
        ],
        "categories": [{"id": 5, "name": "person", "supercategory": "", "keypoints": ["nose", "ear", "hip"], "skeleton": [[1, 2]]}],
    }  # fmt: skip
    (tmp_path / "in.json").write_text(json.dumps(data))
    transfer.import_labels(tmp_workspace, "c", tmp_path / "in.json", "coco")
    image = collections.list_images(tmp_workspace, "c")[0]
    (answer,) = annotations.answers(tmp_workspace, image.id)
    regions = answer.document["regions"]
    assert [(r["id"], r["shape"]) for r in regions] == [
        ("a3", "polygon"), ("a8", "mask"), ("a1", "mask"), ("a2", "box"), ("a2.1", "point"), ("a2.2", "point"),
    ]  # fmt: skip
    assert sum(regions[1]["rle"][1::2]) == 32 and regions[2]["rle"] == [0, 2]
    assert [(r["label"], r["x"], r["y"]) for r in regions[4:]] == [("nose", 2, 3), ("hip", 4, 5)]
    out = json.loads(transfer.export_files(tmp_workspace, "c", "coco")[""])
    assert out["annotations"] == data["annotations"]
    assert [i["id"] for i in out["images"]] == [9, 4]
    assert out["categories"][0]["skeleton"] == [[1, 2]] and out["categories"][0]["id"] == 5
    regions[0]["points"][0] = [1, 0]
    regions[4]["x"] = 1.5
    annotations.save(tmp_workspace, image.id, answer.document, annotator="imported", client="t", seq=1)
    made = json.loads(transfer.export_files(tmp_workspace, "c", "coco")[""])["annotations"]
    assert made[0]["segmentation"] == [[1, 0, 4, 0, 4, 4]] and (made[0]["id"], made[0]["area"]) == (3, 6)
    assert made[3]["keypoints"] == [1.5, 3, 2, 0, 0, 0, 4, 5, 1]
    assert made[1:3] == data["annotations"][1:3]


# -- YOLO -----------------------------------------------------------------------------------------------------------


def sizes_of(name):
    return ("a.png", 100, 50) if name == "a" else None


def yolo_file(lines, task="", names="car\nperson\n", more=None):
    files = {"classes.txt": names.encode(), "labels/a.txt": lines.encode()} | (more or {})
    return yolo.read(files, sizes_of, Options(task=task)).images[0].answers[0].document["regions"]


def test_yolo_tells_its_task_by_the_lines():
    (box,) = yolo_file("1 0.5 0.5 0.2 0.4 0.75")
    assert box == {"id": "r1", "shape": "box", "label": "person", "x": 40, "y": 15, "w": 20, "h": 20, "score": 0.75}
    (turned,) = yolo_file("0 0.5 0.2 0.5 0.6 0.4 0.6 0.4 0.2")  # (50,10) (50,30) (40,30) (40,10): 20 × 10, turned by 90
    assert turned == {"id": "r1", "shape": "box", "label": "car", "x": 35, "y": 15, "w": 20, "h": 10, "rotation": 90}
    two = yolo_file("0 0.5 0.2 0.5 0.6 0.4 0.6 0.4 0.2\n0 0 0 0.1 0 0.1 0.2\n")
    assert [r["shape"] for r in two] == ["polygon", "polygon"] and two[1]["points"] == [[0, 0], [10, 0], [10, 10]]
    assert yolo_file("0 0.5 0.2 0.5 0.6 0.4 0.6 0.4 0.2", "segment")[0]["shape"] == "polygon"


def test_yolo_key_points():
    more = {"data.yaml": b"names: [car]\nkpt_shape: [2, 3]\n"}
    found = yolo_file("0 0.5 0.5 0.2 0.4 0.1 0.2 2 0 0 0", more=more)
    assert [(r["shape"], r["label"]) for r in found] == [("box", "car"), ("point", "point 1")]
    assert (found[1]["x"], found[1]["y"]) == (10, 10)


@pytest.mark.parametrize(
    ("lines", "task", "said"),
    [
        ("7 0.5 0.5 0.1 0.1", "", "line 1: class 7 has no name"),
        ("0 0.5 x 0.1 0.1", "", "numbers after it"),
        ("0 nan 0.5 0.1 0.1", "", "not finite"),
        ("0 0.1 0.2 0.3 0.4 0.5 0.6", "detect", "choose --task"),
        ("0 0.1 0.2 0.3 0.4 0.5 0.6", "obb", "eight numbers"),
    ],
)
def test_bad_yolo_lines(lines, task, said):
    with pytest.raises(SourceError, match=said):
        yolo_file(lines, task)


def test_yolo_has_three_tasks():
    with pytest.raises(InputError, match="no task 'pose'"):
        yolo.write(file_of(DOCUMENT), Options(task="pose"))


# -- CSV, VOC -------------------------------------------------------------------------------------------------------


def test_csv_rows_say_what_they_are():
    lines = csv_rows.write(file_of(DOCUMENT))[""].decode()
    assert lines.startswith("file,width,height,annotator,kind,label,x,y,w,h,score,id,rotation,geometry,text,")
    assert "a.png,64,48,anna,box,car,1,2.5,3,4,,b,,,,,,\n" in lines
    assert 'a.png,64,48,anna,field,stars,,,,,,,,,,,,4\n' in lines  # fmt: skip


def test_voc_reads_turned_boxes_and_keeps_parts():
    xml = (
        "<annotation><filename>a.jpg</filename><object><name>car</name><robndbox><cx>50</cx><cy>40</cy><w>20</w><h>10</h>"
        "<angle>0</angle></robndbox></object><object><name>man</name><pose>left</pose><part><name>head</name></part><bndbox>"
        "<xmin>1</xmin><ymin>2</ymin><xmax>4</xmax><ymax>6</ymax></bndbox></object></annotation>"
    )
    labels = voc.read({"a.xml": xml.encode()}, no_sizes)
    one, two = labels.images[0].answers[0].document["regions"]
    assert [one[k] for k in "xywh"] == [40, 35, 20, 10] and [two[k] for k in "xywh"] == [1, 2, 3, 4]
    assert b"<part>" in voc.write(labels)["a.xml"] and b"<pose>left</pose>" in voc.write(labels)["a.xml"]


def test_a_box_that_was_moved_over_there_counts_more_than_what_stands_beside_it():
    text = voc.write(file_of({"regions": [REGIONS[3]], "classes": []}))["a.xml"].decode()
    region = voc.read({"a.xml": text.encode()}, no_sizes).images[0].answers[0].document["regions"][0]
    assert region["shape"] == "ellipse"
    left = text.split("<xmin>")[1].split("<")[0]
    moved = voc.read({"a.xml": text.replace(f"<xmin>{left}<", "<xmin>20<").encode()}, no_sizes)
    box = moved.images[0].answers[0].document["regions"][0]
    assert (box["shape"], box["x"]) == ("box", 20)


# -- archives -------------------------------------------------------------------------------------------------------


def test_tar_and_zip_hold_the_same(tmp_path):
    files = {"classes.txt": b"car\n", "labels/a.txt": b"0 0.5 0.5 0.1 0.1\n", "images/a.jpg": b"x"}
    archives.write_zip(tmp_path / "a.zip", files)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    wanted = {k: v for k, v in files.items() if k.endswith(".txt")}
    assert archives.read_files(tmp_path / "a.zip") == archives.read_files(tmp_path / "a.tar.gz") == wanted


def test_archives_are_bounded(tmp_path, monkeypatch):
    archives.write_zip(tmp_path / "a.zip", {f"{n}.txt": b"0" * 100 for n in range(5)})
    (tmp_path / "b.tar").write_bytes(b"no archive" * 100)
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", 300)
    with pytest.raises(SourceError, match="holds more than can be read"):
        archives.read_files(tmp_path / "a.zip")
    monkeypatch.setattr(archives, "MAX_ENTRIES", 4)
    with pytest.raises(SourceError, match="more than 4 entries"):
        archives.read_files(tmp_path / "a.zip")
    with pytest.raises(SourceError, match="damaged or locked"):
        archives.read_files(tmp_path / "b.tar")
    archives.write_zip(tmp_path / "c.zip", {"/".join("d" * 50) + ".txt": b""})
    with pytest.raises(SourceError, match="deep"):
        archives.read_files(tmp_path / "c.zip")


def test_names_in_our_archives_lead_nowhere(tmp_path):
    archives.write_zip(tmp_path / "a.zip", {"../../x.txt": b"1", "/etc/y.txt": b"2"})
    assert zipfile.ZipFile(tmp_path / "a.zip").namelist() == ["_/_/x.txt", "etc/y.txt"]


def test_a_manifest_reaches_only_files_beside_it(tmp_path):
    (tmp_path / "job").mkdir()
    (tmp_path / "secret.png").write_bytes(b"x")
    (tmp_path / "job/mask.png").write_bytes(b"y")
    look = archives.files_beside(tmp_path / "job/in.manifest")
    assert look("mask.png") == b"y" and look("../secret.png") is None and look(str(tmp_path / "secret.png")) is None


# -- pictures -------------------------------------------------------------------------------------------------------


def test_pictures_go_along_only_as_the_collection_allows(ws, ids, tmp_path):
    said = []
    path = transfer.export_labels(ws, "things", tmp_path / "a.zip", "coco", with_images=True, on_warning=said.append)
    assert zipfile.ZipFile(path).namelist() == ["things.json"]
    assert said == ["3 images have no redacted copy and were left out: this collection gives out redacted copies only."]
    collections.create_collection(ws, "open", [], [], annotators_see="original")
    original = collections.image_path(ws, collections.list_images(ws, "things")[0].sha256, ".png").read_bytes()
    collections.add_pictures(ws, "open", [("a.png", original)])
    folder = transfer.export_labels(ws, "open", tmp_path / "y", "yolo", with_images=True)
    assert (folder / "images/a.png").read_bytes() == original
    collections.redact_collection(ws, "things")
    path = transfer.export_labels(ws, "things", tmp_path / "b.zip", "coco", with_images=True)
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["images/a.png", "images/b.png", "images/c.png", "things.json"]


# -- files from anywhere ---------------------------------------------------------------------------------------------


BOX = '{"images":[{"id":1,"file_name":"a","width":9,"height":9}],"categories":[{"id":1,"name":"c"}],"annotations":[%s]}'


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("coco", BOX % '{"image_id":1,"category_id":1,"bbox":[0,0,NaN,1]}', "NaN is no number"),
        ("coco", BOX.replace('"a"', '"\\ud800"') % "", "half a character"),
        ("coco", BOX.replace('"width":9', '"width":1e7') % "", "cannot have"),
        ("coco", '{"images":[],"annotations":7}', "not COCO JSON as other"),
        ("label-studio", '[{"data":{"image":"a"},"annotations":7}]', "not Label Studio JSON as other programs"),
        ("label-studio", '{"data":{"n":1}}', "names no image and no text"),
        ("csv", "file,label,x,y,w,h,kind\na.png,,,,,,magic\n", "is no shape"),
        ("csv", "file,label,x,y,w,h,kind,value\na,exe,,,,,item,{}\n", "no kind of item"),
        ("ground-truth", '{"answers":[]}', "Line 1 .*no source-ref"),
    ],
)
def test_odd_files_are_one_sentence_and_write_nothing(tmp_workspace, tmp_path, name, text, said):
    (tmp_path / "in.json").write_text(text)
    with pytest.raises(SourceError, match=said):
        transfer.import_labels(tmp_workspace, "new", tmp_path / "in.json", name)
    assert collections.list_collections(tmp_workspace) == []


def test_annotations_without_a_place_are_counted(tmp_workspace, tmp_path):
    far = (
        '"bbox":[0,0,0,4]',
        '"bbox":[1e12,0,4,4]',
        '"bbox":[0,0]',
        f'"bbox":[{10**400},0,4,4]',
        '"segmentation":{"size":[9,9],"counts":"~~"}',
    )
    rows = ",".join(f'{{"image_id":1,"category_id":1,{f}}}' for f in far)
    (tmp_path / "in.json").write_text(BOX % rows)
    done = transfer.import_labels(tmp_workspace, "c", tmp_path / "in.json", "coco")
    assert done.regions == 0 and done.warnings == [
        "5 annotations without a box, or with one of no area, were left out."
    ]


def test_the_interface_follows_the_workflow(ws):
    from labeling.formats.label_studio import parse_config

    found = parse_config(transfer.studio_config(ws, "things"))
    assert [c["name"] for c in found["classes"]] == ["car", "person"] and found["shapes"] == ["box"]
    assert [c["name"] for c in found["image_classes"]] == ["day", "night"]
