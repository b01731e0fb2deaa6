"""Tables of labelling: collections, items, tasks, annotators, annotations, the workforce, label sets.

Annotations are append-only: a change is a new revision, an undo is a new revision that repeats an older one.
Regions and classes of one revision are one JSON document (shape: `labeling.documents`).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Boolean, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workspace.schema.base import Base, UtcTime


class LabelCollection(Base):
    """Items of one labelling project and the classes they are labelled with."""

    __tablename__ = "label_collections"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    classes: Mapped[list] = mapped_column(JSON, default=list)  # [{name, color, hotkey}], in order
    image_classes: Mapped[list] = mapped_column(JSON, default=list)  # [{name, color}], in order
    annotators_see: Mapped[str] = mapped_column(String(16), default="redacted")  # redacted | original
    sealed: Mapped[bool] = mapped_column(Boolean, default=False)  # originals are not shown to anyone
    workflow: Mapped[dict] = mapped_column(JSON, default=dict)  # how it is labelled: `labeling.workflow.Workflow`
    extra: Mapped[dict] = mapped_column(JSON, default=dict)  # what an imported file said and we keep for its export
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class LabelImage(Base):
    """One item of a collection, mostly an image. Without `sha256` only its name and size are known (imported labels
    without pixels), or it has none: texts and rows of tables lie in `data`."""

    __tablename__ = "label_images"
    __table_args__ = (
        UniqueConstraint("collection_id", "sha256", name="uq_label_images_content"),
        UniqueConstraint("collection_id", "file_name", name="uq_label_images_name"),
        Index("ix_label_images_order", "collection_id", "position"),
        Index("ix_label_images_sha256", "sha256"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("label_collections.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(Integer)
    file_name: Mapped[str] = mapped_column(String(1000))
    sha256: Mapped[str | None] = mapped_column(String(64), nullable=True)
    suffix: Mapped[str] = mapped_column(String(8), default="")  # ".jpg", of the stored file
    width: Mapped[int] = mapped_column(Integer)  # pixels, upright (EXIF orientation applied)
    height: Mapped[int] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(String(2000), default="")  # where it came from: path, URI, "clip.mp4#frame=12"
    redacted_sha256: Mapped[str | None] = mapped_column(String(64), nullable=True)
    redacted_suffix: Mapped[str] = mapped_column(String(8), default="")
    redaction: Mapped[dict | None] = mapped_column(JSON, nullable=True)  # {method, regions, reviewed}
    purged: Mapped[bool] = mapped_column(Boolean, default=False)  # the original file was deleted
    kind: Mapped[str] = mapped_column(String(16), default="image")  # image | text | pair | row
    data: Mapped[dict] = mapped_column(JSON, default=dict)  # {"text": …}; {"row": {…}}; {"left": …, "right": …}
    extra: Mapped[dict] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class LabelAnnotator(Base):
    """Who answers: a person or a model."""

    __tablename__ = "label_annotators"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(16), default="person")  # person | model
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class LabelTask(Base):
    """One image to label, and how far it is."""

    __tablename__ = "label_tasks"
    __table_args__ = (Index("ix_label_tasks_status", "collection_id", "status"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("label_collections.id", ondelete="CASCADE"))
    image_id: Mapped[int] = mapped_column(ForeignKey("label_images.id", ondelete="CASCADE"), unique=True)
    status: Mapped[str] = mapped_column(String(16), default="todo")  # todo | started | review | done | skipped
    priority: Mapped[float] = mapped_column(Float, default=0.0)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class LabelAnnotation(Base):
    """One revision of one annotator's answer to one image; never changed after it is written."""

    __tablename__ = "label_annotations"
    __table_args__ = (
        UniqueConstraint("image_id", "annotator_id", "revision", name="uq_label_annotations_revision"),
        UniqueConstraint("image_id", "annotator_id", "client", "seq", name="uq_label_annotations_client"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("label_images.id", ondelete="CASCADE"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("label_annotators.id"))
    revision: Mapped[int] = mapped_column(Integer)  # 1, 2, 3 … for this image and annotator
    client: Mapped[str] = mapped_column(
        String(64)
    )  # who sent it: browser tab, import, model; with `seq` makes a resend harmless
    seq: Mapped[int] = mapped_column(Integer)
    action: Mapped[str] = mapped_column(String(16), default="save")  # save | undo | redo | import | auto
    repeats: Mapped[int | None] = mapped_column(
        Integer, nullable=True
    )  # undo, redo: the revision that is current again
    document: Mapped[dict] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class LabelAssignment(Base):
    """Who works, or worked, on which item. A lease ends at `leased_until`: the item is then free for others."""

    __tablename__ = "label_assignments"
    __table_args__ = (
        UniqueConstraint("image_id", "annotator_id", name="uq_label_assignments_who"),
        Index("ix_label_assignments_who", "annotator_id", "state"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("label_images.id", ondelete="CASCADE"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("label_annotators.id"))
    purpose: Mapped[str] = mapped_column(String(16), default="label")  # label | gold | exam
    state: Mapped[str] = mapped_column(String(16))  # leased | done | skipped | returned | expired | released
    leased_until: Mapped[datetime | None] = mapped_column(UtcTime, nullable=True)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime, nullable=True)
    active_seconds: Mapped[float] = mapped_column(Float, default=0.0)  # with idle times cut out
    reason: Mapped[str] = mapped_column(String(200), default="")  # why it was skipped
    score: Mapped[float | None] = mapped_column(Float, nullable=True)  # of a gold item: 0 to 1


class LabelReview(Base):
    """What a reviewer said of one revision of one person's answer."""

    __tablename__ = "label_reviews"
    __table_args__ = (Index("ix_label_reviews_image", "image_id", "annotator_id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("label_images.id", ondelete="CASCADE"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("label_annotators.id"))
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("label_annotators.id"))
    revision: Mapped[int] = mapped_column(Integer)
    verdict: Mapped[str] = mapped_column(String(16))  # approved | returned | fixed
    reason: Mapped[str] = mapped_column(String(200), default="")
    comment: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class LabelComment(Base):
    """A remark on an item, or on one region of it."""

    __tablename__ = "label_comments"
    __table_args__ = (Index("ix_label_comments_image", "image_id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("label_images.id", ondelete="CASCADE"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("label_annotators.id"))
    region: Mapped[str] = mapped_column(String(64), default="")
    text: Mapped[str] = mapped_column(Text)
    resolved: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class LabelGold(Base):
    """The known right answer of an item: mixed unseen into people's work, or asked in an exam."""

    __tablename__ = "label_gold"

    image_id: Mapped[int] = mapped_column(ForeignKey("label_images.id", ondelete="CASCADE"), primary_key=True)
    document: Mapped[dict] = mapped_column(JSON)
    exam: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class LabelTeam(Base):
    """A named list of annotators."""

    __tablename__ = "label_teams"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    members: Mapped[list] = mapped_column(JSON, default=list)


class LabelSet(Base):
    """Consolidated answers of a collection, kept as a dataset version."""

    __tablename__ = "label_sets"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("label_collections.id", ondelete="CASCADE"))
    dataset: Mapped[str] = mapped_column(String(200))
    dataset_version: Mapped[int] = mapped_column(Integer)
    method: Mapped[str] = mapped_column(String(64))
    detail: Mapped[dict] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
