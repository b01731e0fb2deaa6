"""How the items of a collection are labelled: what may be drawn or answered, by how many people, and who checks.

A workflow is kept with its collection as plain JSON. A collection without one is labelled with boxes and classes by one
person per item, which is what collections were before there were workflows.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from sqlalchemy import update

from labeling.collections import Collection, get_collection
from labeling.documents import SHAPES
from transforms.errors import InputError
from workspace.schema.labels import LabelCollection

SKIP_REASONS = ("Unclear", "Bad quality", "Not part of this task")
RETURN_REASONS = ("Something is missing", "Wrong class", "Not exact enough", "Against the instructions")
Name = Field(min_length=1, max_length=256)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(_Part):
    """A free answer to the whole item."""

    name: str = Name
    label: str = ""
    kind: Literal["text", "number", "rating", "yes_no", "choice"] = "text"
    values: tuple[str, ...] = ()
    most: int = Field(5, ge=2, le=20)  # of a rating
    rows: int = Field(2, ge=1, le=20)  # of a text
    required: bool = False


class Attribute(_Part):
    """Something said of one region, such as "occluded: yes"; for regions of some labels only, where `labels` names them."""

    name: str = Name
    kind: Literal["text", "number", "yes_no", "choice"] = "choice"
    values: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


class Exam(_Part):
    """Gold items that a person answers before the real work."""

    items: int = Field(10, ge=1, le=1000)
    pass_mark: float = Field(0.8, gt=0, le=1)


class Workflow(_Part):
    """The settings of one labelling project; see the fields."""

    template: str = ""
    item: Literal["image", "text", "row", "pair"] = "image"
    question: str = Field("", max_length=500)  # above the choices for the whole item
    instructions: str = Field("", max_length=50_000)
    shapes: tuple[str, ...] = ("box",)
    single_choice: bool = False  # exactly one class of the whole item
    answers: tuple[Answer, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    relations: tuple[str, ...] = ()
    region_text: bool = False  # what is written in a region is typed in
    people: int = Field(1, ge=1, le=50)  # answers per item, each by another person
    blind: bool = True  # nobody sees what others answered
    team: str = ""  # whose members get items; empty: everybody
    lease_minutes: float = Field(60, gt=0, le=10_080)
    gold_rate: float = Field(0.1, ge=0, le=0.5)  # share of hidden gold items in a person's work, where there are some
    gold_feedback: bool = False  # say at once whether a gold item was answered right
    exam: Exam | None = None
    review_rate: float = Field(0.0, ge=0, le=1)  # share of items that a reviewer looks at
    skip_reasons: tuple[str, ...] = SKIP_REASONS
    return_reasons: tuple[str, ...] = RETURN_REASONS
    redact: bool = False  # faces and plates are hidden before anyone sees an item
    redaction_looks: int = Field(1, ge=1, le=2)  # how many people look at each redacted copy
    auto_label: bool = False
    target: float = Field(0.95, gt=0.5, lt=1)  # accuracy that automatic labels must reach
    least_iou: float = Field(0.5, gt=0, le=1)  # overlap from which two regions are the same thing

    @field_validator("shapes")
    @classmethod
    def _known_shapes(cls, shapes):
        if unknown := [s for s in shapes if s not in SHAPES]:
            raise ValueError(f"there is no shape {unknown[0]!r}")
        return tuple(dict.fromkeys(shapes))

    def for_browser(self) -> dict:
        """Return what the annotator needs to know."""
        return {
            "shapes": list(self.shapes),
            "single_choice": self.single_choice,
            "fields": [a.model_dump() for a in self.answers],
            "attributes": [a.model_dump() for a in self.attributes],
            "relations": list(self.relations),
            "region_text": self.region_text,
            "instructions": self.instructions,
            "skip_reasons": list(self.skip_reasons),
            "return_reasons": list(self.return_reasons),
        }


def read_workflow(settings: dict) -> Workflow:
    """Return a workflow from its JSON.

    Raises:
        InputError: an unknown setting, or a value out of bounds; one sentence for the first of them.
    """
    try:
        return Workflow.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the workflow"
        raise InputError(
            f"{where}: {first['msg'].removeprefix('Value error, ')}.", hint="See docs/labeling.md."
        ) from None


def workflow_of(collection: Collection) -> Workflow:
    return read_workflow(collection.workflow)


def set_workflow(ws, name: str | int, **changes) -> Workflow:
    """Change settings of a collection's workflow and return it; the others stay.

    Raises:
        InputError: an unknown setting, or a value out of bounds.
    """
    collection = get_collection(ws, name, counts=False)
    made = read_workflow({**collection.workflow, **changes})
    kept = made.model_dump(mode="json", exclude_defaults=True)
    with ws.session() as session:
        session.execute(update(LabelCollection).where(LabelCollection.id == collection.id).values(workflow=kept))
    ws.audit.record("collection.workflow", collection.name, {k: kept.get(k) for k in changes})
    return made
