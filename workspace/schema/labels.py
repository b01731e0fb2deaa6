"""Tables of labelling: collections, images, tasks, annotators, annotations, label sets.

Annotations are append-only: a change is a new revision, an undo is a new revision that repeats an older one.
Boxes and classes of one revision are one JSON document (shape: `labeling.annotations`).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Boolean, Float, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workspace.schema.base import Base, UtcTime


class LabelCollection(Base):
    """Images of one labelling project and the classes they are labelled with."""

    __tablename__ = "label_collections"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    classes: Mapped[list] = mapped_column(JSON, default=list)  # [{name, color, hotkey}], in order
    image_classes: Mapped[list] = mapped_column(JSON, default=list)  # [{name, color}], in order
    annotators_see: Mapped[str] = mapped_column(String(16), default="redacted")  # redacted | original
    sealed: Mapped[bool] = mapped_column(Boolean, default=False)  # originals are not shown to anyone
    extra: Mapped[dict] = mapped_column(JSON, default=dict)  # what an imported file said and we keep for its export
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class LabelImage(Base):
    """One image of a collection. Without `sha256` only its name and size are known (imported labels without pixels)."""

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
    status: Mapped[str] = mapped_column(String(16), default="todo")  # todo | started | done | skipped
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
