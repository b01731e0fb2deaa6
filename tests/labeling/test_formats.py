from __future__ import annotations

import json
import random
import zipfile

import pytest

from labeling import annotations, collections, suggest, transfer
from labeling.formats.label_studio import to_percent, to_pixels
from transforms.errors import InputError, NotFound, SourceError

AWKWARD = [
    {"id": "a", "shape": "box", "label": "car", "x": 10, "y": 20.5, "w": 30, "h": 14.100000000000001},
    {
        "id": "b",
        "shape": "box",
        "label": "a\"b'c, größe\n2",
        "x": 0.1 + 0.2,
        "y": 1 / 3,
        "w": 2 / 3 * 10,
        "h": 1e-3,
        "score": 0.5,
    },
]


@pytest.fixture
def labelled(ws, ids):
    """Two people on a.png, one (with classes only) on b.png, an empty answer on c.png, and a model's proposal on b.png."""
    collections.add_classes(ws, "things", [AWKWARD[1]["label"]])
    put = lambda image, document, who, **more: annotations.save(  # noqa: E731
        ws, image, document, annotator=who, client="t", seq=1, **more
    )
    put(ids[0], {"regions": AWKWARD, "classes": ["night"]}, "anna")
    put(ids[0], {"regions": AWKWARD[:1], "classes": []}, "Bölu")
    put(ids[1], {"regions": [], "classes": ["day", "night"]}, "anna")
    put(ids[1], {"regions": AWKWARD[:1], "classes": []}, "detector 1", kind="model")
    put(ids[2], {"regions": [], "classes": []}, "anna")
    return ws


@pytest.mark.parametrize("name", ["coco", "label-studio", "csv", "ground-truth"])
def test_export_import_export_gives_the_same_bytes(labelled, tmp_path, name):
    first = transfer.export_labels(labelled, "things", tmp_path / "first", name)
    transfer.import_labels(labelled, "again", first, name)
    second = transfer.export_labels(labelled, "again", tmp_path / "second", name)
    if name == "coco":  # the description is the collection's name unless the file brings one, which it did
        assert json.loads(first.read_bytes())["info"]["description"] == "things"
    assert first.read_bytes() == second.read_bytes()


def test_label_studio_brings_back_people_models_and_exact_pixels(labelled, tmp_path):
    file = transfer.export_labels(labelled, "things", tmp_path / "ls.json", "label-studio")
    transfer.import_labels(labelled, "again", file, "label-studio")
    old = {i.file_name: i.id for i in collections.list_images(labelled, "things")}
    new = {i.file_name: i.id for i in collections.list_images(labelled, "again")}
    for file_name, image in old.items():
        before = [(a.annotator, a.kind, a.document) for a in annotations.answers(labelled, image)]
        after = [(a.annotator, a.kind, a.document) for a in annotations.answers(labelled, new[file_name])]
        assert before == after


def test_percents_carry_decimal_pixels_exactly():
    random.seed(4)
    for _ in range(3000):
        side = random.randint(1, 9000)
        for pixels in (random.randint(0, side), round(random.uniform(0, side), random.randint(1, 6))):
            assert to_pixels(to_percent(pixels, side), side) == pixels, (pixels, side)


def test_importing_the_same_file_again_changes_nothing(labelled, tmp_path, ids):
    file = transfer.export_labels(labelled, "things", tmp_path / "ls.json", "label-studio")
    transfer.import_labels(labelled, "things", file, "label-studio")
    assert len(annotations.history(labelled, ids[0], "anna")) == 1
    assert len(collections.list_images(labelled, "things")) == 3


def test_folder_and_zip_of_voc_hold_the_same(labelled, tmp_path, ids):
    zipped = transfer.export_labels(labelled, "things", tmp_path / "x.zip", "voc", annotator="anna")
    folder = transfer.export_labels(labelled, "things", tmp_path / "x", "voc", annotator="anna")
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert files == set(zipfile.ZipFile(zipped).namelist()) == {"a.xml", "b.xml", "c.xml"}
    done = transfer.import_labels(labelled, "things", zipped, "voc", annotator="voc")
    assert (done.images, done.boxes, done.new_images) == (3, 2, 0)
    boxes = annotations.current(labelled, ids[0], "voc").document["regions"]
    assert [(b["x"], b["y"]) for b in boxes] == [(b["x"], b["y"]) for b in AWKWARD]


def test_a_class_that_yolo_cannot_write_is_said(labelled, tmp_path):
    with pytest.raises(SourceError, match="cannot be written in YOLO"):
        transfer.export_labels(labelled, "things", tmp_path / "x.zip", "yolo")


def test_yolo_shares_come_back_as_pixels(ws, ids, tmp_path):
    boxes = [{"id": "r1", "shape": "box", "label": "person", "x": 3, "y": 7.25, "w": 11, "h": 13.5}]
    annotations.save(ws, ids[0], {"regions": boxes, "classes": []}, annotator="anna", client="t", seq=1)
    path = transfer.export_labels(ws, "things", tmp_path / "y", "yolo")
    assert (path / "classes.txt").read_text() == "car\nperson\n"
    # by hand: (3 + 5.5) / 64, (7.25 + 6.75) / 48, 11 / 64, 13.5 / 48
    assert (path / "labels" / "a.txt").read_text() == "1 0.1328125 0.291666666667 0.171875 0.28125\n"
    transfer.import_labels(ws, "things", path, "yolo", annotator="back")
    assert annotations.current(ws, ids[0], "back").document["regions"] == boxes


def test_the_real_ground_truth_box_manifest_round_trips_to_the_byte(tmp_workspace, shared, tmp_path):
    source = shared / "data/labels/ground_truth_boxes.manifest"
    done = transfer.import_labels(tmp_workspace, "birds", source, "ground-truth")
    assert (done.images, done.without_pixels) == (100, 100)
    first = collections.list_images(tmp_workspace, "birds")[0]
    (answer,) = annotations.answers(tmp_workspace, first.id)
    assert answer.document["regions"] == [
        {
            "id": "r1",
            "shape": "box",
            "label": "Bird",
            "x": 138.8,
            "y": 164.60000000000002,
            "w": 443.8,
            "h": 859,
            "score": 0.93,
        }
    ]
    out = transfer.export_labels(tmp_workspace, "birds", tmp_path / "out.manifest", "ground-truth")
    assert out.read_bytes() == source.read_bytes()
    for name in ("coco", "label-studio"):
        one = transfer.export_labels(tmp_workspace, "birds", tmp_path / f"1.{name}", name)
        transfer.import_labels(tmp_workspace, f"birds {name}", one, name)
        two = transfer.export_labels(tmp_workspace, f"birds {name}", tmp_path / f"2.{name}", name)
        assert one.read_bytes() == two.read_bytes()


def test_the_real_ground_truth_classification_manifest_is_read(tmp_workspace, shared):
    source = shared / "data/labels/ground_truth_classification/output.manifest"
    assert transfer.import_labels(tmp_workspace, "birds", source, "ground-truth").answers == 60
    assert suggest.stats(tmp_workspace, "birds")["classes"]["Canary"] == source.read_text().count('"Canary"')


def test_real_voc_files_with_their_pictures(tmp_workspace, shared):
    folder = shared / "data/images/bccd"
    done = transfer.import_labels(tmp_workspace, "cells", folder / "Annotations", "voc", images=folder / "JPEGImages")
    assert (done.images, done.without_pixels, done.new_images) == (100, 0, 0)
    expected = sum(f.read_text().count("<object>") for f in (folder / "Annotations").glob("*.xml"))
    assert done.boxes + sum(int(w.split()[0]) for w in done.warnings) == expected


def test_foreign_coco_keeps_what_we_have_no_place_for(tmp_workspace, tmp_path):
    data = {
        "info": {"description": "x", "year": 2020},
        "licenses": [{"id": 1, "name": "CC"}],
        "images": [{"id": 77, "file_name": "p.jpg", "width": 100, "height": 80, "license": 1}],
        "annotations": [
            {
                "id": 5,
                "image_id": 77,
                "category_id": 18,
                "bbox": [1, 2, 3, 4],
                "iscrowd": 1,
                "segmentation": [[1, 2, 3, 4]],
            },
            {"id": 6, "image_id": 77, "category_id": 18, "bbox": [1, 2, 0, 4]},
        ],
        "categories": [{"id": 18, "name": "dog", "supercategory": "animal"}],
    }
    (tmp_path / "in.json").write_text(json.dumps(data))
    done = transfer.import_labels(tmp_workspace, "c", tmp_path / "in.json", "coco")
    assert done.boxes == 1 and done.warnings == ["1 annotations without a box, or with one of no area, were left out."]
    out = json.loads(transfer.export_labels(tmp_workspace, "c", tmp_path / "out.json", "coco").read_bytes())
    assert out["licenses"] == data["licenses"] and out["info"] == data["info"]
    assert out["images"][0]["license"] == 1
    assert out["annotations"][0]["iscrowd"] == 1 and out["annotations"][0]["segmentation"] == [[1, 2, 3, 4]]
    assert out["categories"] == [
        {"id": 18, "name": "dog", "color": "#2f7ed8", "hotkey": "1", "supercategory": "animal"}
    ]


def test_labels_first_pixels_later(tmp_workspace, tmp_path, make_picture):
    (tmp_path / "in.csv").write_text(
        "file,width,height,label,x,y,w,h\np.png,64,48,car,1,2,3,4\nq.png,10,10,car,1,2,3,4\n"
    )
    done = transfer.import_labels(tmp_workspace, "c", tmp_path / "in.csv", "csv")
    assert done.without_pixels == 2
    added = collections.add_pictures(tmp_workspace, "c", [("p.png", make_picture(1)), ("q.png", make_picture(2))])
    assert added.added == ["p.png"]
    assert added.problems == ["q.png has 64 × 48 pixels, its labels were made for 10 × 10."]


def test_labels_of_another_size_are_left_out(ws, ids, tmp_path):
    (tmp_path / "in.csv").write_text("file,width,height,label,x,y,w,h\na.png,640,480,car,1,2,3,4\n")
    done = transfer.import_labels(ws, "things", tmp_path / "in.csv", "csv")
    assert "the picture has 64 × 48" in done.warnings[0]
    assert annotations.answers(ws, ids[0]) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("coco", "{", "not valid JSON"),
        ("coco", "[1]", "no list of images"),
        ("label-studio", "[{}]", "has no data"),
        ("csv", "a,b\n1,2\n", "no column 'file'"),
        ("csv", "file,label,x,y,w,h\na.png,car,one,2,3,4\n", "Line 2"),
        ("ground-truth", '{"sauce": "text"}\n', "no source-ref"),
        ("voc", "x", "no VOC file"),
        ("yolo", "0 1 2 3 4", "class names"),
    ],
)
def test_a_wrong_file_is_one_sentence_and_makes_no_collection(tmp_workspace, tmp_path, name, content, said):
    file = tmp_path / "labels.txt"
    file.write_text(content)
    with pytest.raises(SourceError, match=said):
        transfer.import_labels(tmp_workspace, "new", file, name)
    assert collections.list_collections(tmp_workspace) == []


def test_entities_in_voc_are_refused(tmp_workspace, tmp_path):
    (tmp_path / "a.xml").write_text('<!DOCTYPE a [<!ENTITY e "x">]><annotation><filename>&e;</filename></annotation>')
    with pytest.raises(SourceError, match="document type"):
        transfer.import_labels(tmp_workspace, "c", tmp_path / "a.xml", "voc")


def test_image_names_cannot_lead_out_of_the_folder(tmp_workspace, tmp_path):
    (tmp_path / "in.csv").write_text("file,width,height,label,x,y,w,h\n../../evil.png,64,48,car,1,2,3,4\n")
    transfer.import_labels(tmp_workspace, "c", tmp_path / "in.csv", "csv")
    with pytest.raises(InputError, match="leads out"):
        transfer.export_labels(tmp_workspace, "c", tmp_path / "out", "voc")


def test_unknown_names_are_suggested(labelled, tmp_path):
    with pytest.raises(NotFound, match="did you mean 'coco'"):
        transfer.export_labels(labelled, "things", tmp_path / "x", "cocoo")
    with pytest.raises(NotFound, match="annotator"):
        transfer.export_labels(labelled, "things", tmp_path / "x", "coco", annotator="nobody")
