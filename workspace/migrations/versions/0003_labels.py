"""Labelling: collections, images, annotators, tasks, annotations, label sets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "label_collections",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("classes", sa.JSON, nullable=False),
        sa.Column("image_classes", sa.JSON, nullable=False),
        sa.Column("annotators_see", sa.String(16), nullable=False),
        sa.Column("sealed", sa.Boolean, nullable=False),
        sa.Column("extra", sa.JSON, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.UniqueConstraint("name", name="uq_label_collections_name"),
    )
    op.create_table(
        "label_images",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "collection_id", sa.Integer, sa.ForeignKey("label_collections.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("file_name", sa.String(1000), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("suffix", sa.String(8), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("source", sa.String(2000), nullable=False),
        sa.Column("redacted_sha256", sa.String(64), nullable=True),
        sa.Column("redacted_suffix", sa.String(8), nullable=False),
        sa.Column("redaction", sa.JSON, nullable=True),
        sa.Column("purged", sa.Boolean, nullable=False),
        sa.Column("extra", sa.JSON, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.UniqueConstraint("collection_id", "sha256", name="uq_label_images_content"),
        sa.UniqueConstraint("collection_id", "file_name", name="uq_label_images_name"),
    )
    op.create_index("ix_label_images_order", "label_images", ["collection_id", "position"])
    op.create_index("ix_label_images_sha256", "label_images", ["sha256"])
    op.create_table(
        "label_annotators",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.UniqueConstraint("name", name="uq_label_annotators_name"),
    )
    op.create_table(
        "label_tasks",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "collection_id", sa.Integer, sa.ForeignKey("label_collections.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("image_id", sa.Integer, sa.ForeignKey("label_images.id", ondelete="CASCADE"), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("priority", sa.Float, nullable=False),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.UniqueConstraint("image_id", name="uq_label_tasks_image_id"),
    )
    op.create_index("ix_label_tasks_status", "label_tasks", ["collection_id", "status"])
    op.create_table(
        "label_annotations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("image_id", sa.Integer, sa.ForeignKey("label_images.id", ondelete="CASCADE"), nullable=False),
        sa.Column("annotator_id", sa.Integer, sa.ForeignKey("label_annotators.id"), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("repeats", sa.Integer, nullable=True),
        sa.Column("document", sa.JSON, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.UniqueConstraint("image_id", "annotator_id", "revision", name="uq_label_annotations_revision"),
        sa.UniqueConstraint("image_id", "annotator_id", "client", "seq", name="uq_label_annotations_client"),
    )
    op.create_table(
        "label_sets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "collection_id", sa.Integer, sa.ForeignKey("label_collections.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("dataset", sa.String(200), nullable=False),
        sa.Column("dataset_version", sa.Integer, nullable=False),
        sa.Column("method", sa.String(64), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
    )


def downgrade() -> None:
    for table in (
        "label_sets",
        "label_annotations",
        "label_tasks",
        "label_annotators",
        "label_images",
        "label_collections",
    ):
        op.drop_table(table)
