"""Ground Truth: real files come back byte for byte, only what was labelled anew changes."""

from __future__ import annotations

import io
import json

import pytest

from labeling import annotations, collections, transfer
from labeling.formats.faithful import patch
from labeling.formats.ground_truth import CONSOLIDATED, attribute_name
from transforms.errors import InputError, NotFound, SourceError

AWKWARD = (
    '{ "source-ref" : "s3://b/caf\\u00e9.jpg", "size":1.50, "boxes": {"annotations":[{"class_id":0,"left":164.60000000000002,'
    '"top":1e1,"width":5.0,"height":6}, {"class_id":1,"left":1,"top":2,"width":3,"height":4}],"image_size":'
    '[{"width":400,"height":200,"depth":3}]},  "boxes-metadata":{"objects":[{"confidence":0.90},{"confidence":0.80}],'
    '"class-map":{"0":"a","1":"b"},"type":"groundtruth/object-detection","human-annotated":"yes"} }'
)


def load(ws, tmp_path, text, name="c", **more):
    path = tmp_path / "in.manifest"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return transfer.import_labels(ws, name, path, "ground-truth", **more)


def out(ws, name="c"):
    return transfer.export_files(ws, name, "ground-truth")[""].decode()


def put(ws, document, name="c", place=0, who="anna"):
    image = collections.list_images(ws, name)[place]
    annotations.save(ws, image.id, document, annotator=who, client="t", seq=1, new_classes=True)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n \n"])
def test_spelling_of_lines_stays(tmp_workspace, tmp_path, end):
    text = "\ufeff" + AWKWARD + "\r\n\n" + AWKWARD.replace("caf", "x") + end
    assert load(tmp_workspace, tmp_path, text).images == 2
    assert out(tmp_workspace) == text


def test_only_the_changed_box_is_written_anew(tmp_workspace, tmp_path):
    load(tmp_workspace, tmp_path, AWKWARD + "\n")
    image = collections.list_images(tmp_workspace, "c")[0]
    document = annotations.current(tmp_workspace, image.id, "ground truth").document
    document["regions"][1] |= {"w": 33, "label": "a"}
    annotations.save(tmp_workspace, image.id, document, annotator="ground truth", client="t", seq=1)
    wanted = AWKWARD.replace('{"class_id":1,"left":1,"top":2,"width":3,', '{"class_id":0,"left":1,"top":2,"width":33,')
    assert out(tmp_workspace) == wanted + "\n"


def test_a_deleted_and_a_new_box(tmp_workspace, tmp_path):
    load(tmp_workspace, tmp_path, AWKWARD)
    new = {"id": "n", "shape": "box", "label": "c", "x": 7, "y": 8, "w": 9, "h": 10}
    image = collections.list_images(tmp_workspace, "c")[0]
    document = annotations.current(tmp_workspace, image.id, "ground truth").document
    collections.add_classes(tmp_workspace, "c", ["c"])
    document["regions"] = [document["regions"][0], new]
    annotations.save(tmp_workspace, image.id, document, annotator="ground truth", client="t", seq=1)
    line = json.loads(out(tmp_workspace))
    assert '"left":164.60000000000002,"top":1e1,"width":5.0' in out(tmp_workspace)
    assert line["boxes"]["annotations"][1] == {"class_id": 2, "top": 8, "left": 7, "height": 10, "width": 9}
    assert line["boxes-metadata"]["class-map"] == {"0": "a", "1": "b", "2": "c"}
    assert [o["confidence"] for o in line["boxes-metadata"]["objects"]] == [0.9, 0]


def test_real_files_round_trip_to_the_byte(tmp_workspace, shared, tmp_path):
    for name in ("ground_truth_boxes.manifest", "ground_truth_classification/output.manifest", "SeqLabel.json"):
        source = shared / "data/labels" / name
        transfer.import_labels(tmp_workspace, name, source, "ground-truth")
        path = transfer.export_labels(tmp_workspace, name, tmp_path / "out", "ground-truth")
        assert path.read_bytes() == source.read_bytes(), name


def test_real_video_frames_are_images_with_tracks(tmp_workspace, shared):
    source = shared / "data/labels/SeqLabel.json"
    done = transfer.import_labels(tmp_workspace, "v", source, "ground-truth")
    assert (done.images, done.regions) == (300, 890)
    (answer,) = annotations.answers(tmp_workspace, collections.list_images(tmp_workspace, "v")[0].id)
    assert answer.document["regions"][0] == {
        "id": "r1", "shape": "box", "label": "Vehicle", "x": 952, "y": 545, "w": 83, "h": 66,
        "attributes": {"Color": "Green"}, "track": "d79cf040-8bff-11eb-8880-038cb4c55326",
    }  # fmt: skip
    document = answer.document | {
        "regions": [answer.document["regions"][0] | {"x": 953}, answer.document["regions"][1]]
    }
    annotations.save(tmp_workspace, answer.image_id, document, annotator="ground truth", client="t", seq=1)
    before = source.read_bytes()
    changed = transfer.export_files(tmp_workspace, "v", "ground-truth")[""]
    assert changed == before.replace(b'"left":952,', b'"left":953,', 1)


def test_other_shapes_of_video_frames(tmp_workspace, tmp_path):
    frame = {
        "polygons": [{"vertices": [{"x": 1, "y": 2}, {"x": 3, "y": 4}, {"x": 5, "y": 0}], "class_id": 0}],
        "polylines": [{"vertices": [{"x": 1, "y": 2}, {"x": 3, "y": 4}], "class_id": 1}],
        "keypoints": [{"x": 9, "y": 8, "class_id": 1, "object-id": "o"}],
        "frame-no": 0,
        "frame": "f.jpg",
        "frame-attributes": {"weather": "rain"},
    }
    (tmp_path / "SeqLabel.json").write_text(json.dumps({"detection-annotations": [frame]}, indent=2))
    transfer.import_labels(tmp_workspace, "v", tmp_path / "SeqLabel.json", "ground-truth")
    (answer,) = annotations.answers(tmp_workspace, collections.list_images(tmp_workspace, "v")[0].id)
    assert [r["shape"] for r in answer.document["regions"]] == ["polygon", "polyline", "point"]
    assert answer.document["fields"] == {"weather": "rain"}
    assert out(tmp_workspace, "v") == (tmp_path / "SeqLabel.json").read_text()


def test_workers_of_a_real_job_folder_are_annotators(tmp_workspace, shared):
    folder = shared / "data/labels/ground_truth_classification"
    done = transfer.import_labels(tmp_workspace, "birds", folder, "ground-truth")
    assert (done.images, done.answers) == (60, 360)
    image = collections.list_images(tmp_workspace, "birds")[36]
    by = {a.annotator: a for a in annotations.answers(tmp_workspace, image.id)}
    assert len(by) == 6 and by[CONSOLIDATED].kind == "model"
    worker = by["public.us-east-1.7YJJUZX5KPIOIOEEQSYVRG52C4"]
    assert worker.document["classes"] == ["Falcon"] and worker.kind == "person"
    assert worker.document["extra"]["ground_truth"]["submissionTime"] == "2019-04-18T16:11:05Z"
    assert out(tmp_workspace, "birds") == (folder / "output.manifest").read_text()
    put(tmp_workspace, {"regions": [], "classes": ["Canary"]}, "birds", 36, "zoe")
    assert (
        json.loads(out(tmp_workspace, "birds").splitlines()[36])["birds-open-images-clone"] == 6
    )  # five of six: Falcon


def answer_file(content, worker="w1"):
    return json.dumps({"answers": [{"workerId": worker, "answerContent": content, "timeSpentInSeconds": 12.5}]})


@pytest.mark.parametrize(
    ("content", "regions", "classes"),
    [
        ({"crowd-image-classifier-multi-select": {"labels": ["a", "b"]}}, [], ["a", "b"]),
        (
            {"boundingBox": {"boundingBoxes": [{"label": "a", "left": 1, "top": 2, "width": 3, "height": 4}]}},
            [{"shape": "box", "label": "a", "x": 1, "y": 2, "w": 3, "h": 4}],
            [],
        ),
        (
            {"x": {"polygons": [{"label": "a", "vertices": [{"x": 0, "y": 0}, {"x": 4, "y": 0}, {"x": 0, "y": 4}]}]}},
            [{"shape": "polygon", "label": "a", "points": [[0, 0], [4, 0], [0, 4]]}],
            [],
        ),
        (
            {"x": {"keypoints": [{"label": "a", "x": 3, "y": 4}]}},
            [{"shape": "point", "label": "a", "x": 3, "y": 4}],
            [],
        ),
    ],
)
def test_answers_of_every_kind_of_tool(tmp_workspace, tmp_path, content, regions, classes):
    folder = tmp_path / "job"
    (folder / "worker-response/iteration-1/0").mkdir(parents=True)
    (folder / "output.manifest").write_text('{"source-ref":"s3://b/x.jpg"}\n')
    (folder / "worker-response/iteration-1/0/t.json").write_text(answer_file(content))
    transfer.import_labels(tmp_workspace, "c", folder, "ground-truth")
    (answer,) = annotations.answers(tmp_workspace, collections.list_images(tmp_workspace, "c")[0].id)
    assert [{k: v for k, v in r.items() if k != "id"} for r in answer.document["regions"]] == regions
    assert answer.document["classes"] == classes
    assert answer.document["extra"]["ground_truth"] == {"timeSpentInSeconds": 12.5}


CHAINED = {
    "source-ref": "s3://b/x.jpg",
    "first": 0,
    "first-metadata": {"type": "groundtruth/image-classification", "class-name": "cat", "human-annotated": "yes"},
    "second": "1",
    "second-metadata": {
        "type": "groundtruth/label-verification", "class-name": "wrong", "confidence": 0.9,
        "worker-feedback": [{"comment": "a dog"}], "human-annotated": "yes",
    },
    "cloud": "s3://b/y.json",
    "cloud-metadata": {"type": "groundtruth/point-cloud-object-detection", "class_map": {"0": "car"}},
}  # fmt: skip


def test_of_a_chained_line_the_last_or_the_wanted_attribute_is_read(tmp_workspace, tmp_path):
    done = load(tmp_workspace, tmp_path, json.dumps(CHAINED))
    document = annotations.answers(tmp_workspace, collections.list_images(tmp_workspace, "c")[0].id)[0].document
    assert document["classes"] == ["wrong"] and document["fields"] == {"worker-feedback": ["a dog"]}
    assert "first, cloud is kept" in " ".join(done.warnings) and "point-cloud" in " ".join(done.warnings)
    load(tmp_workspace, tmp_path, json.dumps(CHAINED), "d", attribute="first")
    document = annotations.answers(tmp_workspace, collections.list_images(tmp_workspace, "d")[0].id)[0].document
    assert document["classes"] == ["cat"]
    put(tmp_workspace, {"regions": [], "classes": ["dog"]}, "d")
    line = json.loads(out(tmp_workspace, "d"))
    assert (line["first"], line["first-metadata"]["class-name"]) == (1, "dog")
    assert {k: v for k, v in line.items() if not k.startswith("first")} == {
        k: v for k, v in CHAINED.items() if not k.startswith("first")
    }
    with pytest.raises(NotFound, match="label attribute"):
        load(tmp_workspace, tmp_path, json.dumps(CHAINED), "e", attribute="third")


def test_an_adjustment_is_a_new_attribute_with_its_status(tmp_workspace, tmp_path):
    load(tmp_workspace, tmp_path, AWKWARD + "\n" + AWKWARD.replace("caf", "x") + "\n")
    document = annotations.answers(tmp_workspace, collections.list_images(tmp_workspace, "c")[0].id)[0].document
    document["regions"][0]["x"] = 1
    put(tmp_workspace, document)
    path = transfer.export_labels(tmp_workspace, "c", tmp_path / "o", "ground-truth", attribute="boxes-adjusted")
    lines = path.read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert [e["boxes-adjusted-metadata"]["adjustment-status"] for e in found] == ["adjusted", "unadjusted"]
    assert [e["boxes-adjusted"]["annotations"][0]["left"] for e in found] == [1, 164.60000000000002]
    assert found[0]["boxes"] == json.loads(AWKWARD)["boxes"] and lines[0].startswith(AWKWARD[:-2])


def test_masks_are_read_and_written_beside_the_manifest(tmp_workspace, tmp_path):
    from PIL import Image

    image = Image.new("RGB", (4, 3), "#ffffff")
    image.putpixel((1, 1), (0xFF, 0, 0))
    image.putpixel((2, 1), (0xFF, 0, 0))
    (tmp_path / "masks").mkdir()
    image.save(tmp_path / "masks/x.png")
    colours = {
        "0": {"class-name": "BACKGROUND", "hex-color": "#ffffff", "confidence": 0.5},
        "1": {"class-name": "road", "hex-color": "#ff0000", "confidence": 0.75},
    }
    entry = {"source-ref": "s3://b/x.jpg", "seg-ref": "masks/x.png"}
    entry["seg-ref-metadata"] = {"type": "groundtruth/semantic-segmentation", "internal-color-map": colours}
    done = load(tmp_workspace, tmp_path, json.dumps(entry) + "\n")
    assert done.warnings == []
    (answer,) = annotations.answers(tmp_workspace, collections.list_images(tmp_workspace, "c")[0].id)
    (mask,) = answer.document["regions"]
    assert {k: mask[k] for k in ("shape", "label", "x", "y", "w", "h", "rle", "score")} == {
        "shape": "mask", "label": "road", "x": 1, "y": 1, "w": 2, "h": 1, "rle": [0, 2], "score": 0.75,
    }  # fmt: skip
    files = transfer.export_files(tmp_workspace, "c", "ground-truth")
    assert files[""].decode() == json.dumps(entry) + "\n"
    with Image.open(io.BytesIO(files["masks/x.png"])) as made:
        assert made.getpixel((1, 1)) == 1 and made.convert("RGB").getpixel((1, 1)) == (255, 0, 0)
        assert made.getpixel((0, 0)) == 0


def test_new_labels_have_the_exact_shape(tmp_workspace, tmp_path):
    collections.create_collection(tmp_workspace, "My job", [], [])
    load(tmp_workspace, tmp_path, '{"source-ref":"s3://b/x.jpg"}\n{"source-ref":"s3://b/y.jpg"}', "My job")
    box = {"id": "b", "shape": "box", "label": "car", "x": 1, "y": 2.5, "w": 3, "h": 4}
    put(tmp_workspace, {"regions": [box], "classes": []}, "My job")
    first, second = out(tmp_workspace, "My job").splitlines()
    entry = json.loads(first)
    assert second == '{"source-ref":"s3://b/y.jpg"}'
    assert list(entry) == ["source-ref", "My-job", "My-job-metadata"]
    assert entry["My-job"]["annotations"] == [{"class_id": 0, "top": 2.5, "left": 1, "height": 4, "width": 3}]
    meta = entry["My-job-metadata"]
    assert (meta["type"], meta["human-annotated"]) == ("groundtruth/object-detection", "yes")
    assert (meta["class-map"], meta["job-name"]) == ({"0": "car"}, "labeling-job/My-job")
    assert meta["objects"] == [{"confidence": 0}] and len(meta["creation-date"]) == len("2022-09-12T09:51:00.148118")


def test_texts_with_spans_and_several_classes(tmp_workspace, tmp_path):
    meta = {"type": "groundtruth/text-span", "human-annotated": "yes"}
    spans = {
        "annotations": {"labels": [{"label": "who"}], "entities": [{"label": "who", "startOffset": 0, "endOffset": 3}]}
    }
    lines = [
        {"source": "Ann and Bob", "ner": spans, "ner-metadata": meta},
        {"source": "Ann and Bob"},
        {
            "source": "other", "m": [1, 0],
            "m-metadata": {
                "type": "groundtruth/text-classification-multilabel", "class-map": {"0": "x", "1": "y"},
                "confidence-map": {"0": 0.5, "1": 0.75},
            },
        },
    ]  # fmt: skip
    text = "\n".join(json.dumps(line) for line in lines)
    assert load(tmp_workspace, tmp_path, text).images == 3
    items = collections.list_images(tmp_workspace, "c")
    assert [(i.kind, i.data["text"]) for i in items] == [("text", line["source"]) for line in lines]
    (answer,) = annotations.answers(tmp_workspace, items[0].id)
    (span,) = answer.document["regions"]
    assert (span["shape"], span["start"], span["end"], span["text"]) == ("span", 0, 3, "Ann")
    assert annotations.answers(tmp_workspace, items[2].id)[0].document["classes"] == ["y", "x"]
    assert out(tmp_workspace) == text
    load(tmp_workspace, tmp_path, text)
    assert len(collections.list_images(tmp_workspace, "c")) == 3


def test_two_folders_may_hold_pictures_of_one_name(tmp_workspace, tmp_path):
    text = '{"source-ref":"s3://b/a/1.jpg"}\n{"source-ref":"s3://b/b/1.jpg"}\n{"source-ref":"s3://b/a/1.jpg"}\n'
    for _ in range(2):
        load(tmp_workspace, tmp_path, text)
        assert len(collections.list_images(tmp_workspace, "c")) == 3
    assert out(tmp_workspace) == text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"source-ref":"s3://b/x.jpg","$a":1}', r"Line 2 .*'\$a' starts with \$"),
        ("[1]", "Line 2 .*no source-ref"),
        ("{", "Line 2 .*not valid JSON"),
        ('{"source-ref":"s3://b/x.jpg","a":"' + "x" * 100_000 + '"}', "Line 2 .*more than 100,000"),
        ('{"source-ref":"x","a":{},"a-metadata":{"type":"groundtruth/object-detection"}}', "Line 2 .*not what"),
    ],
)
def test_a_bad_line_is_one_sentence_with_its_number(tmp_workspace, tmp_path, line, said):
    with pytest.raises(SourceError, match=said):
        load(tmp_workspace, tmp_path, '{"source-ref":"s3://b/y.jpg"}\n' + line)
    assert collections.list_collections(tmp_workspace) == []


def test_a_line_that_is_no_utf8(tmp_workspace, tmp_path):
    with pytest.raises(SourceError, match="Line 1 of the manifest is not UTF-8"):
        load(tmp_workspace, tmp_path, b'{"source-ref":"\xff"}')


def test_names_of_label_attributes(tmp_workspace, tmp_path):
    assert attribute_name("Größe & more") == "Gr-e-more"
    assert attribute_name("x-metadata") == "x" and attribute_name("source-ref") == "labels"
    assert attribute_name("seg", reference=True) == attribute_name("seg-ref", reference=True) == "seg-ref"
    load(tmp_workspace, tmp_path, AWKWARD)
    with pytest.raises(InputError, match="cannot be a label attribute"):
        transfer.export_labels(tmp_workspace, "c", tmp_path / "o", "ground-truth", attribute="x-metadata")


@pytest.mark.parametrize(
    ("text", "value", "wanted"),
    [
        ('{"a": 1.0, "b": [1, 2e0, {"c": "\\u00e9"}]}', {"a": 1, "b": [1, {"c": "é"}]}, '{"a": 1.0, "b": [1, {"c": "\\u00e9"}]}'),
        ('{"a":1,"b":2}', {"b": 2}, '{"b":2}'),
        ("{}", {"a": [1]}, '{"a":[1]}'),
        ("[ ]", [1, 2], "[1,2]"),
        ('{"a": true}', {"a": 1}, '{"a": 1}'),
        ('{"a":1, "a":2}', {"a": 3}, '{"a":3}'),
    ],
)  # fmt: skip
def test_patching_keeps_what_says_the_same(text, value, wanted):
    assert patch(text, value) == wanted and json.loads(wanted) == value


def test_automatic_labels_are_no_persons(tmp_workspace, tmp_path):
    collections.create_collection(tmp_workspace, "c", [], ["cat"])
    load(tmp_workspace, tmp_path, '{"source-ref":"s3://b/x.jpg"}\n{"source-ref":"s3://b/y.jpg"}\n')
    for image, certified in zip(collections.list_images(tmp_workspace, "c"), (True, False), strict=True):
        auto = {"auto": {"certified": certified, "score": 0.875}}
        document = {"regions": [], "classes": ["cat"], "extra": auto}
        annotations.save(tmp_workspace, image.id, document, annotator="net 1", client="t", seq=1, kind="model")
    first, second = out(tmp_workspace).splitlines()
    meta = json.loads(first)["c-metadata"]
    assert (meta["human-annotated"], meta["class-name"], meta["confidence"]) == ("no", "cat", 0.875)
    assert second == '{"source-ref":"s3://b/y.jpg"}'
