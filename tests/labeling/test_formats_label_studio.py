"""Label Studio: every kind of result is read, and a file that nobody touched comes back whole."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest

from labeling import annotations, collections, transfer
from labeling.formats import brush
from labeling.formats.label_studio import label_config, parse_config
from labeling.formats.model import LabelFile
from transforms.errors import SourceError

SIZE = {"original_width": 400, "original_height": 200, "image_rotation": 0}


def result(kind, value, id="r", **more):
    return {"id": id, "from_name": "tool", "to_name": "img", "type": kind, "value": value, **SIZE, **more}


def png(mask):
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray((mask * 255).astype("uint8")).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


MASK = np.zeros((200, 400), dtype=bool)
MASK[10:20, 30:50] = True
MASK[12, 33] = False

# (type, value, what it is here)
KINDS = [
    (
        "rectanglelabels",
        {"x": 10.0, "y": 20.0, "width": 5.0, "height": 10.0, "rotation": 0, "rectanglelabels": ["car"]},
        {"shape": "box", "x": 40, "y": 40, "w": 20, "h": 20},
    ),
    (  # (40, 40) is the top left corner; turned about it the centre (50, 50) comes to (30, 50)
        "rectanglelabels",
        {"x": 10.0, "y": 20.0, "width": 5.0, "height": 10.0, "rotation": 90, "rectanglelabels": ["car"]},
        {"shape": "box", "x": 20, "y": 40, "w": 20, "h": 20, "rotation": 90},
    ),
    (
        "polygonlabels",
        {"points": [[1, 1], [2, 2], [3, 1]], "closed": True, "polygonlabels": ["car"]},
        {"shape": "polygon", "points": [[4, 2], [8, 4], [12, 2]]},
    ),
    (
        "polygonlabels",
        {"points": [[1, 1], [2, 2]], "closed": False, "polygonlabels": ["car"]},
        {"shape": "polyline", "points": [[4, 2], [8, 4]]},
    ),
    (
        "vectorlabels",
        {"vertices": [{"id": "a", "x": 1, "y": 1}, {"id": "b", "x": 2, "y": 2, "prevPointId": "a"}], "closed": False, "vectorlabels": ["car"]},
        {"shape": "polyline", "points": [[4, 2], [8, 4]]},
    ),
    ("keypointlabels", {"x": 25.0, "y": 50.0, "width": 0.3, "keypointlabels": ["car"]}, {"shape": "point", "x": 100, "y": 100}),
    (
        "ellipselabels",
        {"x": 50.0, "y": 50.0, "radiusX": 10.0, "radiusY": 10.0, "rotation": 30, "ellipselabels": ["car"]},
        {"shape": "ellipse", "x": 200, "y": 100, "rx": 40, "ry": 20, "rotation": 30},
    ),
    (
        "brushlabels",
        {"format": "rle", "rle": brush.encode(MASK), "brushlabels": ["car"]},
        {"shape": "mask", "x": 30, "y": 10, "w": 20, "h": 10, "rle": [0, 43, 1, 156]},
    ),
    (
        "bitmasklabels",
        {"imageDataURL": png(MASK), "bitmasklabels": ["car"]},
        {"shape": "mask", "x": 30, "y": 10, "w": 20, "h": 10, "rle": [0, 43, 1, 156]},
    ),
]  # fmt: skip


@pytest.fixture
def load(tmp_workspace, tmp_path):
    def run(*tasks):
        (tmp_path / "in.json").write_text(json.dumps(tasks))
        return transfer.import_labels(tmp_workspace, "c", tmp_path / "in.json", "label-studio")

    return run


def task(*results, **annotation):
    return {"id": 7, "data": {"image": "/data/upload/1/p.jpg", "other": [1]}, "annotations": [{"id": 9, "completed_by": 4, "result": list(results), **annotation}]}  # fmt: skip


def only_answer(ws, place=0):
    (answer,) = annotations.answers(ws, collections.list_images(ws, "c")[place].id)
    return answer


def out(ws):
    return json.loads(transfer.export_files(ws, "c", "label-studio")[""])


@pytest.mark.parametrize(("kind", "value", "wanted"), KINDS)
def test_every_kind_of_region(tmp_workspace, load, kind, value, wanted):
    given = task(result(kind, value, score=0.5, parentID="q", meta={"text": ["x"]}))
    assert load(given).warnings == []
    (region,) = only_answer(tmp_workspace).document["regions"]
    assert {k: v for k, v in region.items() if k != "extra"} == {"id": "r", "label": "car", "score": 0.5, **wanted}
    assert out(tmp_workspace) == [given]


@pytest.mark.parametrize(("kind", "value", "shape"), KINDS)
def test_a_changed_region_keeps_the_rest_of_it(tmp_workspace, load, kind, value, shape):
    load(task(result(kind, value, parentID="q", meta={"text": ["x"]})))
    answer = only_answer(tmp_workspace)
    region = answer.document["regions"][0]
    region["label"] = "bus"
    annotations.save(
        tmp_workspace, answer.image_id, answer.document, annotator="user 4", client="t", seq=1, new_classes=True
    )
    (made,) = out(tmp_workspace)[0]["annotations"][0]["result"]
    assert (made["id"], made["parentID"], made["meta"]["text"]) == ("r", "q", ["x"])
    assert made["value"][made["type"]] == ["bus"]
    again = [t | {"id": 1} for t in out(tmp_workspace)]
    load(*again)
    assert {k: v for k, v in only_answer(tmp_workspace).document["regions"][0].items() if k != "extra"} == {
        "id": "r", "label": "bus", **shape,
    }  # fmt: skip


def test_a_whole_task_comes_back(tmp_workspace, load):
    box = KINDS[0][1]
    bare = {k: v for k, v in box.items() if k != "rectanglelabels"}
    given = task(
        result("choices", {"choices": ["night", "rain"]}, "c"),
        result("rectangle", bare, "o"),
        result("labels", bare | {"labels": ["word"]}, "o"),
        result("textarea", bare | {"text": ["hello"]}, "o") | {"from_name": "transcription"},
        result("choices", bare | {"choices": ["bold"]}, "o") | {"from_name": "weight"},
        result("textarea", {"text": ["a caption"]}, "t") | {"from_name": "caption"},
        result("rating", {"rating": 4}, "s") | {"from_name": "quality"},
        result("rectanglelabels", box, "r"),
        {"type": "relation", "from_id": "r", "to_id": "o", "direction": "left", "labels": ["holds"]},
        result("taxonomy", {"taxonomy": [["a", "b"]]}, "x"),
        lead_time=2.5,
        ground_truth=True,
        unique_id="u",
    )
    given["predictions"] = [
        {"id": 3, "model_version": "m1", "score": 0.75, "result": [result("rectanglelabels", box, "p", score=0.5)]}
    ]
    given["drafts"] = [{"result": []}]
    given["meta"] = {"k": 1}
    done = load(given)
    assert done.warnings == ["1 regions of kinds that cannot be shown are kept for the export."]
    image = collections.list_images(tmp_workspace, "c")[0]
    by = {a.annotator: a for a in annotations.answers(tmp_workspace, image.id)}
    assert (by["m1"].kind, by["user 4"].kind) == ("model", "person")
    document = by["user 4"].document
    assert document["classes"] == ["night", "rain"]
    assert document["fields"] == {"caption": "a caption", "quality": 4}
    assert document["relations"] == [{"from": "r", "to": "o", "label": "holds"}]
    word = document["regions"][0]
    assert (word["label"], word["text"], word["attributes"]) == ("word", "hello", {"weight": "bold"})
    assert document["extra"]["label_studio"]["answer"]["ground_truth"] is True
    assert out(tmp_workspace) == [given]


def test_classes_and_answers_that_changed(tmp_workspace, load):
    load(
        task(
            result("choices", {"choices": ["night"]}, "c") | {"from_name": "when"},
            result("textarea", {"text": ["old"]}, "t") | {"from_name": "caption"},
            result("number", {"number": 4}, "n") | {"from_name": "count"},
        )
    )
    answer = only_answer(tmp_workspace)
    document = answer.document | {"classes": ["day"], "fields": {"caption": "new", "count": 4, "seen": True}}
    annotations.save(tmp_workspace, answer.image_id, document, annotator="user 4", client="t", seq=1, new_classes=True)
    results = {r["from_name"]: r for r in out(tmp_workspace)[0]["annotations"][0]["result"]}
    assert results["when"]["value"] == {"choices": ["day"]} and results["when"]["id"] == "c"
    assert results["caption"]["value"] == {"text": ["new"]} and results["count"]["value"] == {"number": 4}
    load(*(t | {"id": 1} for t in out(tmp_workspace)))
    assert only_answer(tmp_workspace).document["fields"] == document["fields"]


def test_skipped_repeated_and_unknown_people(tmp_workspace, load):
    given = task(was_cancelled=True)
    who = {"id": 5, "email": "a@b.c"}
    given["annotations"] += [
        {"id": 10, "completed_by": who, "result": []},
        {"id": 11, "completed_by": who, "result": []},
    ]
    other = {"id": 8, "data": {"image": "q.jpg"}, "annotations": [{"id": 12, "was_cancelled": True, "result": []}]}
    load(given, other)
    first, second = collections.list_images(tmp_workspace, "c")
    assert [a.annotator for a in annotations.answers(tmp_workspace, first.id)] == ["a@b.c", "a@b.c (2)"]
    assert (first.status, second.status) == ("done", "skipped")
    assert out(tmp_workspace) == [given, other]


def test_texts_pairs_and_media(tmp_workspace, load):
    span = {"start": 0, "end": 3, "text": "Ann", "labels": ["who"]}
    pair = {"id": "p", "from_name": "pw", "to_name": "left", "type": "pairwise", "value": {"selected": "right"}}
    video = {"sequence": [{"frame": 1, "x": 1, "y": 2, "width": 3, "height": 4, "enabled": True}], "labels": ["car"]}
    given = [
        {"id": 1, "data": {"text": "Ann and Bob"}, "annotations": [{"id": 1, "result": [{"id": "s", "from_name": "l", "to_name": "t", "type": "labels", "value": span}]}]},
        {"id": 2, "data": {"left": "a", "right": "b"}, "annotations": [{"id": 2, "result": [pair]}]},
        {"id": 3, "data": {"video": "s3://b/v.mp4"}, "annotations": [{"id": 3, "result": [{"id": "v", "from_name": "b", "to_name": "v", "type": "videorectangle", "value": video}]}]},
    ]  # fmt: skip
    assert load(*given).warnings == ["1 regions of kinds that cannot be shown are kept for the export."]
    items = collections.list_images(tmp_workspace, "c")
    assert [i.kind for i in items] == ["text", "pair", "row"]
    region = only_answer(tmp_workspace).document["regions"][0]
    assert {k: region[k] for k in ("shape", "start", "end", "text", "label")} == {
        "shape": "span", "start": 0, "end": 3, "text": "Ann", "label": "who",
    }  # fmt: skip
    assert only_answer(tmp_workspace, 1).document["classes"] == ["right"]
    assert out(tmp_workspace) == given


def test_what_moved_over_there_counts_more_than_what_we_wrote_beside_it(tmp_workspace, load):
    collections.create_collection(tmp_workspace, "c", ["car"], [])
    load({"data": {"image": "p.jpg", "width": 400, "height": 200}})
    box = {"id": "b", "shape": "box", "label": "car", "x": 1 / 3, "y": 0.1 + 0.2, "w": 7, "h": 9, "track": "t1"}
    image = collections.list_images(tmp_workspace, "c")[0]
    annotations.save(tmp_workspace, image.id, {"regions": [box], "classes": []}, annotator="a", client="t", seq=1)
    tasks = out(tmp_workspace)
    made = tasks[0]["annotations"][0]["result"][0]
    assert made["meta"]["tilth"]["track"] == "t1"
    made["value"]["x"] = 50.0
    load(*tasks)
    assert annotations.current(tmp_workspace, image.id, "a").document["regions"][0]["x"] == 200


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (40, 33), (300, 400)])
def test_brush_agrees_with_label_studios_own_code(shape):
    theirs = pytest.importorskip("label_studio_sdk.converter.brush", reason="label-studio-sdk is not installed")
    for share in (0.0, 0.02, 0.5, 1.0):
        mask = np.random.default_rng(3).random(shape) < share
        mine = brush.encode(mask)
        assert mine == theirs.mask2rle((mask * 255).astype("uint8"))
        assert (brush.decode(mine, shape[1], shape[0]) == mask).all()
        assert (theirs.decode_rle(mine).reshape(*shape, 4)[:, :, 3] > 0).tolist() == mask.tolist()


def test_brush_bits_by_hand():
    # 2 × 1 pixels, the first painted: head of 53 bits, then two runs of 4 of 14 bits: 1 00 011 value
    head = f"{8:032b}{7:05b}" + "".join(f"{n - 1:04b}" for n in (3, 4, 8, 16))
    bits = head + "100011" + "11111111" + "100011" + "00000000"
    wanted = [int(bits.ljust(88, "0")[n : n + 8], 2) for n in range(0, 88, 8)]
    assert brush.encode(np.array([[True, False]])) == wanted
    single = head + "000111" + "".join(f"{v:08b}" for v in (1, 2, 3, 4, 0, 0, 0, 0))  # eight values one by one
    data = [int(single.ljust(128, "0")[n : n + 8], 2) for n in range(0, 128, 8)]
    assert brush.decode(data, 2, 1).tolist() == [[True, False]]


@pytest.mark.parametrize("rle", [[], [1, 2, 3], [0] * 20, [300], ["x"], [0, 0, 0, 8, 57, 255]])
def test_damaged_brush_strokes_are_kept_and_counted(tmp_workspace, load, rle):
    given = task(result("brushlabels", {"format": "rle", "rle": rle, "brushlabels": ["a"]}))
    assert len(load(given).warnings) == 1
    assert out(tmp_workspace) == [given]


CONFIG = """<View><Header value="h"/><Image name="img" value="$image"/>
<RectangleLabels name="box" toName="img"><Label value="car" background="#ff0000" hotkey="1"/><Label value="bus"/></RectangleLabels>
<BrushLabels name="b" toName="img"><Label value="road"/></BrushLabels><Ellipse name="e" toName="img"/>
<Choices name="when" toName="img" choice="single"><Choice value="day"/><Choice value="night" hotkey="n"/></Choices>
<Choices name="state" toName="img" choice="multiple" perRegion="true"><Choice value="new"/></Choices>
<TextArea name="caption" toName="img"/><Rating name="stars" toName="img"/><TextArea name="ocr" toName="img" perRegion="true"/>
<Relations><Relation value="holds"/></Relations><Magic name="x"/></View>"""


def test_a_labelling_interface_is_read():
    found = parse_config(CONFIG)
    assert found == {
        "kind": "image",
        "classes": [{"name": "car", "color": "#ff0000", "hotkey": "1"}, {"name": "bus"}, {"name": "road"}],
        "image_classes": [{"name": "day"}, {"name": "night", "hotkey": "n"}],
        "multiple": False,
        "shapes": ["box", "mask", "ellipse"],
        "fields": [{"name": "caption", "type": "text"}, {"name": "stars", "type": "rating"}],
        "attributes": [
            {"name": "state", "type": "choice", "choices": ["new"], "multiple": True},
            {"name": "ocr", "type": "text"},
        ],
        "relations": ["holds"],
        "unknown": ["magic"],
    }


@pytest.mark.parametrize("kind", ["image", "text", "row"])
def test_a_written_interface_is_read_back(kind):
    labels = LabelFile(
        classes=[{"name": 'a "b" <c>', "color": "#123456", "hotkey": "q"}], image_classes=[{"name": "x & y"}]
    )
    shapes = ["span"] if kind == "text" else ["box", "polygon", "polyline", "point", "ellipse", "mask"]
    fields = [{"name": "caption", "type": "text"}, {"name": "n", "type": "number"}]
    attributes = [{"name": "state", "type": "choice", "choices": ["new"], "multiple": False}]
    found = parse_config(
        label_config(labels, shapes=shapes, fields=fields, attributes=attributes, kind=kind, multiple=False)
    )
    assert found["kind"] == kind and found["classes"] == labels.classes
    assert (found["image_classes"], found["multiple"]) == ([{"name": "x & y"}], False)
    assert (found["shapes"], found["fields"], found["attributes"]) == (shapes, fields, attributes)
    assert found["unknown"] == []


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        ('<!DOCTYPE a [<!ENTITY e "x">]><View>&e;</View>', "document type"),
        ("<View>", "not valid XML"),
        ("<Other/>", "starts with <View>"),
        ("<View>" + "<View>" * 30_000 + "</View>" * 30_001, "tags"),
        ("<View>" + " " * 1_000_001 + "</View>", "more than 1,000,000 characters"),
    ],
)
def test_a_bad_interface_is_one_sentence(xml, said):
    with pytest.raises(SourceError, match=said):
        parse_config(xml)
