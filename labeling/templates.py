"""Ready-made workflows: what a project labels, with sensible settings, example classes and first instructions.

Each is a `Workflow` and lists of classes, nothing else: whatever a template sets can be changed afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from labeling.collections import Collection, create_collection
from labeling.workflow import Workflow, read_workflow, set_workflow
from transforms.errors import NotFound


@dataclass(frozen=True)
class Template:
    """One ready-made workflow. `kind` is what its items are: image, text, row or pair."""

    name: str
    label: str
    family: str
    help: str
    settings: dict = field(default_factory=dict)
    classes: tuple[str, ...] = ()  # of regions
    image_classes: tuple[str, ...] = ()  # of the whole item
    detectors: bool = False  # whether models for it exist, so that automatic labels make sense

    @property
    def workflow(self) -> Workflow:
        return read_workflow({**self.settings, "template": self.name})

    @property
    def kind(self) -> str:
        return self.settings.get("item", "image")


def _regions(*shapes: str, **more) -> dict:
    return {"shapes": list(shapes), **more}


def _choice(item: str = "image", single: bool = True, **more) -> dict:
    return {"item": item, "shapes": [], "single_choice": single, **more}


def _answers(*answers: dict, item: str = "image", **more) -> dict:
    return {"item": item, "shapes": [], "answers": list(answers), **more}


_TEXT = {"name": "text", "kind": "text", "rows": 4, "required": True}
_ALL = [
    Template("image-classification", "Image classification", "Images", "One class for every image.",
             _choice(question="What is in the picture?", people=3), (), ("cat", "dog", "other"), True),
    Template("image-multi-label", "Image tags", "Images", "Any number of classes for every image.",
             _choice(single=False, question="What can be seen?", people=3), (), ("indoor", "outdoor", "people", "text"), True),
    Template("object-detection", "Object detection", "Images", "Upright boxes around things.",
             _regions("box"), ("car", "person"), (), True),
    Template("rotated-detection", "Rotated detection", "Images", "Boxes that may be turned: aerial pictures, parcels, ships.",
             _regions("box", instructions="Turn the box with the handle above it until it fits tightly."), ("ship", "plane")),
    Template("polygon-segmentation", "Outlines (polygons)", "Images", "The outline of every thing as a polygon.",
             _regions("polygon"), ("building", "field")),
    Template("instance-segmentation", "Instance segmentation", "Images", "A mask for every thing: brush, polygon, or cut out of a box.",
             _regions("mask", "polygon"), ("person", "animal")),
    Template("semantic-segmentation", "Semantic segmentation", "Images", "Every pixel has a class; one mask per class.",
             _regions("mask", "polygon"), ("road", "sky", "plants")),
    Template("keypoints", "Keypoints", "Images", "Named points, such as joints or landmarks.",
             _regions("point", "box", attributes=[{"name": "visible", "kind": "yes_no"}]), ("nose", "left eye", "right eye")),
    Template("polylines", "Lines", "Images", "Lanes, wires, cracks: lines of connected points.",
             _regions("polyline"), ("lane", "kerb")),
    Template("ellipses", "Ellipses and circles", "Images", "Round things: cells, craters, pupils.",
             _regions("ellipse"), ("cell", "nucleus")),
    Template("counting", "Counting", "Images", "A click on every thing; the number is what matters.",
             _regions("point"), ("object",)),
    Template("detection-attributes", "Detection with attributes", "Images", "Boxes with facts about each: occluded, colour, state.",
             _regions("box", attributes=[{"name": "occluded", "kind": "yes_no"}, {"name": "truncated", "kind": "yes_no"}]),
             ("car", "truck")),
    Template("ocr-regions", "Text in pictures", "Images", "Boxes or polygons around text, and what is written there.",
             _regions("box", "polygon", region_text=True), ("line", "word", "number")),
    Template("documents", "Forms and receipts", "Images", "Fields of a document with their text, and which value belongs to which name.",
             _regions("box", region_text=True, relations=["value of"]), ("key", "value", "total", "date")),
    Template("visual-relations", "Relations between things", "Images", "Boxes, and how they belong together.",
             _regions("box", relations=["holds", "part of", "next to"]), ("person", "object")),
    Template("captioning", "Captions", "Images", "A sentence that describes the picture.",
             _answers({**_TEXT, "name": "caption", "label": "What does the picture show?"})),
    Template("visual-questions", "Questions about pictures", "Images", "A question and its answer for every picture.",
             _answers({**_TEXT, "name": "question"}, {**_TEXT, "name": "answer"})),
    Template("image-quality", "Picture quality", "Images", "A rating and what is wrong with a picture.",
             _answers({"name": "quality", "kind": "rating", "most": 5, "required": True}, {"name": "note", "kind": "text"},
                      question="What is wrong?"), (), ("blurred", "too dark", "cut off")),
    Template("image-verification", "Verification of labels", "Images", "Look at the labels that are there and say whether they are right.",
             _choice(question="Are the labels right?", people=1,
                     answers=[{"name": "comment", "kind": "text"}]), (), ("right", "wrong", "unclear")),
    Template("adjustment", "Adjustment of labels", "Images", "Correct the labels of people or of a model.",
             _regions("box", "polygon", "ellipse", review_rate=0.1), ("object",)),
    Template("video-detection", "Objects in video frames", "Video", "Boxes in every frame of a clip.",
             _regions("box"), ("car", "person"), (), True),
    Template("video-tracking", "Objects through a video", "Video", "The same object from frame to frame: place it in some, the others are filled in.",
             _regions("box", "polygon", "point", instructions="Place an object, follow it to the next frame, correct it now and then."),
             ("car", "person")),
    Template("video-classification", "Scenes of a video", "Video", "A class for every frame.",
             _choice(question="What happens here?"), (), ("arriving", "waiting", "leaving")),
    Template("redaction-check", "Check of what is hidden", "Images", "Mark every face and plate that can still be seen.",
             _regions("box", redact=True, instructions="Mark what still tells who somebody is."), ("face", "plate", "other")),
    Template("text-classification", "Text classification", "Texts", "One class for every text.",
             _choice("text", question="What is the text about?", people=3), (), ("question", "complaint", "praise"), True),
    Template("text-multi-label", "Text tags", "Texts", "Any number of classes for every text.",
             _choice("text", single=False, question="What is it about?", people=3), (), ("delivery", "price", "quality"), True),
    Template("sentiment", "Sentiment", "Texts", "How a text sounds.",
             _choice("text", question="How does it sound?", people=3), (), ("positive", "neutral", "negative"), True),
    Template("named-entities", "Named entities", "Texts", "Words that name people, places, organisations.",
             {"item": "text", "shapes": ["span"], "people": 2}, ("person", "place", "organisation", "date")),
    Template("entity-relations", "Entities and relations", "Texts", "Names in a text, and how they belong together.",
             {"item": "text", "shapes": ["span"], "relations": ["works for", "lives in"]}, ("person", "organisation", "place")),
    Template("pii-spans", "Personal data in texts", "Texts", "Everything that says who somebody is.",
             {"item": "text", "shapes": ["span"], "people": 2}, ("name", "address", "phone", "e-mail", "number")),
    Template("summaries", "Summaries", "Texts", "A short text that says the same.",
             _answers({**_TEXT, "name": "summary"}, item="text")),
    Template("translation", "Translation", "Texts", "The text in another language.",
             _answers({**_TEXT, "name": "translation"}, item="text")),
    Template("answer-rating", "Rating of answers", "Texts", "How good an answer of a person or a model is.",
             _answers({"name": "helpful", "kind": "rating", "required": True}, {"name": "correct", "kind": "yes_no"},
                      {"name": "why", "kind": "text"}, item="text", people=2)),
    Template("pairwise", "Which one is better", "Pairs", "Two texts side by side; one is chosen.",
             _choice("pair", question="Which one is better?", people=3), (), ("left", "right", "equal")),
    Template("pair-match", "Do they mean the same", "Pairs", "Two descriptions: the same thing or not. For duplicates and matching.",
             _choice("pair", question="Do both mean the same?", people=3), (), ("same", "different", "unclear")),
    Template("row-verification", "Verification of rows", "Tables", "Is what stands in a row right?",
             _choice("row", question="Is this row right?", people=2, answers=[{"name": "correction", "kind": "text"}]),
             (), ("right", "wrong", "unclear")),
    Template("row-classification", "Classification of rows", "Tables", "One class for every row of a table.",
             _choice("row", question="Which class?", people=3), (), ("yes", "no"), True),
    Template("row-answers", "Missing values of rows", "Tables", "A value that is looked up or judged for every row.",
             _answers({"name": "value", "kind": "text", "required": True}, {"name": "source", "kind": "text"}, item="row")),
]  # fmt: skip
TEMPLATES = {t.name: t for t in _ALL}


def get_template(name: str) -> Template:
    if name not in TEMPLATES:
        raise NotFound.named("template", name, sorted(TEMPLATES))
    return TEMPLATES[name]


def create_project(
    ws, name: str, template: str, *, classes: list | None = None, image_classes: list | None = None, **settings
) -> Collection:
    """Make a collection from a template, with its classes unless others are given, and settings changed as named.

    Raises:
        NotFound: no such template.
        Conflict: the name is taken.
        InputError: a setting that does not exist or is out of bounds.
    """
    chosen = get_template(template)
    read_workflow({**chosen.workflow.model_dump(mode="json"), **settings})  # before anything is made
    collection = create_collection(
        ws,
        name,
        chosen.classes if classes is None else classes,
        chosen.image_classes if image_classes is None else image_classes,
    )
    set_workflow(ws, collection.id, **{**chosen.workflow.model_dump(mode="json", exclude_defaults=True), **settings})
    from labeling.collections import get_collection

    return get_collection(ws, collection.id)
