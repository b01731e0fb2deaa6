"""Labelling by a workforce: workflows, items that are not images, assignments, reviews, comments, gold, teams.

Documents of annotations get `regions` of any shape in place of `boxes`.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _image() -> sa.Column:
    return sa.Column("image_id", sa.Integer, sa.ForeignKey("label_images.id", ondelete="CASCADE"), nullable=False)


def _annotator(name: str = "annotator_id") -> sa.Column:
    return sa.Column(name, sa.Integer, sa.ForeignKey("label_annotators.id"), nullable=False)


def upgrade() -> None:
    op.add_column("label_collections", sa.Column("workflow", sa.JSON, nullable=False, server_default="{}"))
    op.add_column("label_images", sa.Column("kind", sa.String(16), nullable=False, server_default="image"))
    op.add_column("label_images", sa.Column("data", sa.JSON, nullable=False, server_default="{}"))
    op.create_table(
        "label_assignments",
        sa.Column("id", sa.Integer, primary_key=True),
        _image(),
        _annotator(),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("leased_until", sa.String(32), nullable=True),
        sa.Column("started_at", sa.String(32), nullable=False),
        sa.Column("finished_at", sa.String(32), nullable=True),
        sa.Column("active_seconds", sa.Float, nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("score", sa.Float, nullable=True),
        sa.UniqueConstraint("image_id", "annotator_id", name="uq_label_assignments_who"),
    )
    op.create_index("ix_label_assignments_who", "label_assignments", ["annotator_id", "state"])
    op.create_table(
        "label_reviews",
        sa.Column("id", sa.Integer, primary_key=True),
        _image(),
        _annotator(),
        _annotator("reviewer_id"),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
    )
    op.create_index("ix_label_reviews_image", "label_reviews", ["image_id", "annotator_id"])
    op.create_table(
        "label_comments",
        sa.Column("id", sa.Integer, primary_key=True),
        _image(),
        _annotator(),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("resolved", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
    )
    op.create_index("ix_label_comments_image", "label_comments", ["image_id"])
    op.create_table(
        "label_gold",
        sa.Column("image_id", sa.Integer, sa.ForeignKey("label_images.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("document", sa.JSON, nullable=False),
        sa.Column("exam", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "label_teams",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("members", sa.JSON, nullable=False),
        sa.UniqueConstraint("name", name="uq_label_teams_name"),
    )
    _rewrite_documents(_to_regions)


def downgrade() -> None:
    _rewrite_documents(_to_boxes)
    for table in ("label_teams", "label_gold", "label_comments", "label_reviews", "label_assignments"):
        op.drop_table(table)
    op.drop_column("label_images", "data")
    op.drop_column("label_images", "kind")
    op.drop_column("label_collections", "workflow")


def _rewrite_documents(change) -> None:
    """Rewrite every document of an annotation, a thousand at a time."""
    connection, last = op.get_bind(), 0
    while True:
        rows = connection.execute(
            sa.text("SELECT id, document FROM label_annotations WHERE id > :last ORDER BY id LIMIT 1000"),
            {"last": last},
        ).all()
        if not rows:
            return
        changed = [{"id": i, "document": json.dumps(change(json.loads(text)))} for i, text in rows]
        connection.execute(sa.text("UPDATE label_annotations SET document = :document WHERE id = :id"), changed)
        last = rows[-1][0]


def _to_regions(document: dict) -> dict:
    rest = {name: value for name, value in document.items() if name not in ("boxes", "regions")}
    boxes = [{"shape": "box", **box} for box in document.get("boxes", [])]
    return {"regions": document.get("regions", boxes), "classes": rest.pop("classes", []), **rest}


def _to_boxes(document: dict) -> dict:
    rest = {name: value for name, value in document.items() if name != "regions"}
    boxes = [r for r in document.get("regions", []) if r["shape"] == "box"]
    return {"boxes": [{k: v for k, v in box.items() if k != "shape"} for box in boxes], **rest}
